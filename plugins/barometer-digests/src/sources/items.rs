//! News and events as they are kept, each once, and what of them an edition may tell.
//!
//! **When news is news.** An item belongs to the window in which it *became news*, and that is when crieur first saw it:
//! not when it says it was published, since between the two an edition may have been drafted, and it would be in none.
//! Two exceptions keep old things out. Of a source that is read for the first time everything is new to crieur; there an
//! item became news when it was published, and without a date it is no news. And whatever was published more than
//! [`OLD`] before it was first seen is no news: a site that was moved shows its archive anew. A date before 1990 or more
//! than a day ahead is none.
//!
//! **Events** are told of as long as they are ahead: each occurrence that begins within [`AHEAD`] of the window's end,
//! in every edition until it has begun. One that was called off after an edition may have announced it is told once, as
//! cancelled. One that its calendar no longer holds is passed over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bot_core::OrganisationId;
use bot_core::plugin::HandlerError;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use digest_parsing::calendar::{self, Occurrence};
use digest_parsing::feed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::identity::{self, Name};
use super::topics;
use crate::definition::{Definition, Source, SourceKind};
use crate::edition::model::{Content, Entry, EntryKey, Event, News, When};
use crate::edition::period::Window;

/// Published longer ago when it is first seen, an item is no news.
pub const OLD: TimeDelta = TimeDelta::days(30);
/// How far ahead of its window an edition tells of events.
pub const AHEAD: TimeDelta = TimeDelta::days(35);
/// How far ahead an occurrence may have been announced: the longest window is a month.
const ANNOUNCED_AHEAD: TimeDelta = TimeDelta::days(70);
/// How long it is kept that an occurrence was called off.
const CALLED_OFF_KEPT: TimeDelta = TimeDelta::days(90);
/// Candidates of each kind.
const CANDIDATES_MAX: usize = 300;

/// An event as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Kept {
    event: calendar::Event,
    /// By their planned times: when it was seen that they will not be.
    called_off: BTreeMap<NaiveDateTime, DateTime<Utc>>,
    /// When the last of it has begun; `None`: it comes again, or may.
    over_at: Option<DateTime<Utc>>,
}

/// Keeps what a feed says, and gives how many items are new. `is_first`: nothing was read from this source before.
///
/// # Errors
/// Those of the database.
pub async fn keep_news(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    source: &Source,
    entries: &[feed::Entry],
    now: DateTime<Utc>,
    is_first: bool,
) -> Result<usize, HandlerError> {
    let names = identity::of_news(&source.key, entries);
    let mut names_of = Names::load(sql, organisation, names.iter().flatten()).await?;
    let mut seen: BTreeMap<i64, &feed::Entry> = BTreeMap::new();
    let mut new = 0;
    for (entry, names) in entries.iter().zip(&names) {
        let id = match names_of.item(names) {
            Some(id) => {
                seen.entry(id).or_insert(entry);
                id
            }
            None => {
                new += 1;
                let published_at = plausible(entry.published_at, now);
                let news_at = match published_at {
                    published_at if is_first => published_at.map(|at| at.min(now)),
                    Some(published_at) if published_at < now - OLD => None,
                    _ => Some(now),
                };
                let id = sqlx::query_scalar!(
                    r#"
                    INSERT INTO barometer_digests.item
                        (organisation_id, source_key, kind, title, summary, url, language, published_at, first_seen_at,
                         last_seen_at, news_at)
                    VALUES ($1, $2, 'news', $3, $4, $5, $6, $7, $8, $8, $9) RETURNING id
                    "#,
                    organisation.0,
                    source.key.as_str(),
                    entry.title,
                    entry.summary,
                    entry.url,
                    entry.language,
                    published_at,
                    now,
                    news_at,
                )
                .fetch_one(&mut *sql)
                .await?;
                seen.insert(id, entry);
                id
            }
        };
        names_of.give(names, id);
    }
    let ids: Vec<i64> = seen.keys().copied().collect();
    let titles: Vec<&str> = seen.values().map(|entry| entry.title.as_str()).collect();
    let summaries: Vec<&str> = seen.values().map(|entry| entry.summary.as_str()).collect();
    let urls: Vec<Option<&str>> = seen.values().map(|entry| entry.url.as_deref()).collect();
    // Another source that has it too changes nothing of its words.
    sqlx::query!(
        r#"
        UPDATE barometer_digests.item
        SET last_seen_at = $2,
            title = CASE WHEN source_key = $3 THEN told.title ELSE item.title END,
            summary = CASE WHEN source_key = $3 THEN told.summary ELSE item.summary END,
            url = CASE WHEN source_key = $3 THEN told.url ELSE item.url END
        FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[]) AS told (id, title, summary, url)
        WHERE organisation_id = $1 AND item.id = told.id
        "#,
        organisation.0,
        now,
        source.key.as_str(),
        &ids,
        &titles as &[&str],
        &summaries as &[&str],
        &urls as &[Option<&str>],
    )
    .execute(&mut *sql)
    .await?;
    names_of.keep(sql, organisation).await?;
    Ok(new)
}

/// Keeps what a calendar says, and gives how many events are new. Those that are over and were never seen are left out.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when what is stored cannot be read.
pub async fn keep_events(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    source: &Source,
    events: &[calendar::Event],
    now: DateTime<Utc>,
) -> Result<usize, HandlerError> {
    let own = definition.time_zone;
    let names: Vec<Vec<Name>> = events.iter().map(|event| identity::of_event(&source.key, event)).collect();
    let mut names_of = Names::load(sql, organisation, names.iter().flatten()).await?;
    let known: Vec<i64> = names_of.items.values().copied().collect();
    let rows = sqlx::query!(
        r#"
        SELECT id, source_key, event AS "event!" FROM barometer_digests.item
        WHERE organisation_id = $1 AND id = ANY($2) AND kind = 'event'
        "#,
        organisation.0,
        &known,
    )
    .fetch_all(&mut *sql)
    .await?;
    let mut stored: HashMap<i64, (String, Value)> =
        rows.into_iter().map(|row| (row.id, (row.source_key, row.event))).collect();
    let mut done = BTreeSet::new();
    let mut new = 0;
    for (event, names) in events.iter().zip(&names) {
        let found = names_of.item(names);
        if let Some(id) = found {
            names_of.give(names, id);
            if !done.insert(id) {
                continue;
            }
        }
        let old = match found.and_then(|id| stored.remove(&id)) {
            Some((key, kept)) => Some((key, read(kept)?)),
            None => None,
        };
        // As long as the source that had it first is there, it is the one that is believed.
        if let Some((key, _)) = &old
            && *key != source.key.as_str()
            && definition.sources.iter().any(|source| source.key.as_str() == key)
        {
            continue;
        }
        let kept = Kept::new(event.clone(), old.map(|(_, kept)| kept), now, own);
        let json = serde_json::to_value(&kept).map_err(|error| HandlerError::Broken(error.to_string()))?;
        match found {
            Some(id) => {
                sqlx::query!(
                    r#"
                    UPDATE barometer_digests.item
                    SET source_key = $3, title = $4, summary = $5, url = $6, event = $7, last_seen_at = $8,
                        cancelled_at = CASE WHEN $9 THEN COALESCE(cancelled_at, $8) END
                    WHERE organisation_id = $1 AND id = $2
                    "#,
                    organisation.0,
                    id,
                    source.key.as_str(),
                    event.title,
                    event.summary,
                    event.url,
                    json,
                    now,
                    event.cancelled,
                )
                .execute(&mut *sql)
                .await?;
            }
            None if kept.over_at.is_some_and(|over_at| over_at < now) => {}
            None => {
                new += 1;
                let id = sqlx::query_scalar!(
                    r#"
                    INSERT INTO barometer_digests.item
                        (organisation_id, source_key, kind, title, summary, url, event, first_seen_at, last_seen_at,
                         cancelled_at)
                    VALUES ($1, $2, 'event', $3, $4, $5, $6, $7, $7, CASE WHEN $8 THEN $7::timestamptz END) RETURNING id
                    "#,
                    organisation.0,
                    source.key.as_str(),
                    event.title,
                    event.summary,
                    event.url,
                    json,
                    now,
                    event.cancelled,
                )
                .fetch_one(&mut *sql)
                .await?;
                names_of.give(names, id);
                done.insert(id);
            }
        }
    }
    names_of.keep(sql, organisation).await?;
    Ok(new)
}

fn read(stored: Value) -> Result<Kept, HandlerError> {
    serde_json::from_value(stored).map_err(|error| HandlerError::Broken(format!("a stored event: {error}")))
}

impl Kept {
    /// `event` as it is now, after what was kept of it.
    fn new(event: calendar::Event, old: Option<Self>, now: DateTime<Utc>, own: Tz) -> Self {
        let is_off = |planned: &NaiveDateTime| {
            event.cancelled
                || event.removed.contains(planned)
                || event.removed_days.contains(&planned.date())
                || event.changes.iter().any(|change| change.instead_of == *planned && change.cancelled)
        };
        let mut called_off = BTreeMap::new();
        if let Some(old) = old {
            called_off = old.called_off;
            called_off.retain(|planned, at| is_off(planned) && *at > now - CALLED_OFF_KEPT);
            let announced = old.event.occurrences(now, now + ANNOUNCED_AHEAD, own);
            for occurrence in announced.iter().filter(|one| !one.cancelled && is_off(&one.planned)) {
                called_off.entry(occurrence.planned).or_insert(now);
            }
        }
        let ahead = event.occurrences(now - TimeDelta::days(1), now + TimeDelta::days(800), own);
        let over_at = match (&event.rule, ahead.last()) {
            (Some(_), Some(_)) => None,
            (None, Some(last)) => Some(last.when.begins_at(own)),
            // All it ever has lies behind, or so far ahead that it will be seen again by then.
            (_, None) if event.times.start().and_utc() > now => None,
            (_, None) => Some(now - TimeDelta::days(1)),
        };
        // A series called off is over when what was announced of it is.
        let over_at = over_at.map(|over_at| {
            called_off.keys().map(|planned| planned.and_utc() + TimeDelta::days(1)).fold(over_at, DateTime::max)
        });
        Self { event, called_off, over_at }
    }

    /// What an edition of `window` tells of it, first seen at `first_seen_at`.
    fn told(&self, window: &Window, first_seen_at: DateTime<Utc>, own: Tz) -> Vec<Occurrence> {
        let (from, until) = (window.until, window.until + AHEAD);
        let mut told = self.event.occurrences(from, until, own);
        told.retain(|occurrence| !occurrence.cancelled);
        if first_seen_at < window.from {
            let announced = self.called_off.iter().filter(|(_, at)| window.holds(**at));
            let cancelled = announced.map(|(planned, _)| self.event.called_off(*planned));
            told.extend(cancelled.filter(|it| (from..until).contains(&it.when.begins_at(own))));
        }
        told
    }
}

/// The date a source gives, if it can be one.
fn plausible(published_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let first = DateTime::from_timestamp(631_152_000, 0)?;
    published_at.filter(|at| (first..=now + TimeDelta::days(1)).contains(at))
}

/// The names that items are known by.
struct Names {
    items: HashMap<Name, i64>,
    new: Vec<(Name, i64)>,
}

impl Names {
    async fn load(
        sql: &mut PgConnection,
        organisation: OrganisationId,
        names: impl Iterator<Item = &Name>,
    ) -> Result<Self, HandlerError> {
        let names: Vec<&[u8]> = names.map(Name::as_slice).collect();
        let rows = sqlx::query!(
            "SELECT name, item_id FROM barometer_digests.item_name WHERE organisation_id = $1 AND name = ANY($2)",
            organisation.0,
            &names as &[&[u8]],
        )
        .fetch_all(sql)
        .await?;
        let items = rows.into_iter().filter_map(|row| Some((row.name.try_into().ok()?, row.item_id))).collect();
        Ok(Self { items, new: Vec::new() })
    }

    /// The oldest item that has one of `names`.
    fn item(&self, names: &[Name]) -> Option<i64> {
        names.iter().filter_map(|name| self.items.get(name)).min().copied()
    }

    fn give(&mut self, names: &[Name], item: i64) {
        for name in names {
            self.items.entry(*name).or_insert_with(|| {
                self.new.push((*name, item));
                item
            });
        }
    }

    async fn keep(self, sql: &mut PgConnection, organisation: OrganisationId) -> Result<(), HandlerError> {
        let names: Vec<&[u8]> = self.new.iter().map(|(name, _)| name.as_slice()).collect();
        let items: Vec<i64> = self.new.iter().map(|(_, item)| *item).collect();
        sqlx::query!(
            r#"
            INSERT INTO barometer_digests.item_name (organisation_id, name, item_id)
            SELECT $1, given.name, given.item_id FROM unnest($2::bytea[], $3::bigint[]) AS given (name, item_id)
            ON CONFLICT DO NOTHING
            "#,
            organisation.0,
            &names as &[&[u8]],
            &items,
        )
        .execute(sql)
        .await?;
        Ok(())
    }
}

/// What an edition of `window` may tell of the file's sources: news that became so within it, the newest first; then
/// events, the soonest first. At most [`CANDIDATES_MAX`] of each.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when what is stored cannot be read.
pub async fn candidates(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let mut entries = news(&mut *sql, organisation, definition, window).await?;
    entries.extend(events(sql, organisation, definition, window).await?);
    Ok(entries)
}

async fn news(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let keys = keys(definition);
    let rows = sqlx::query!(
        r#"
        SELECT id, source_key, title, summary, url, language, published_at, first_seen_at
        FROM barometer_digests.item
        WHERE organisation_id = $1 AND kind = 'news' AND news_at >= $2 AND news_at < $3 AND source_key = ANY($4)
        ORDER BY news_at DESC, published_at DESC NULLS LAST, id
        LIMIT $5
        "#,
        organisation.0,
        window.from,
        window.until,
        &keys,
        i64::try_from(CANDIDATES_MAX).unwrap_or(i64::MAX),
    )
    .fetch_all(sql)
    .await?;
    let entries = rows.into_iter().filter_map(|row| {
        // A source of another kind by now did not give it.
        let source = source(definition, &row.source_key).filter(|source| source.kind == SourceKind::Feed)?;
        let published_at = row.published_at.unwrap_or(row.first_seen_at);
        Some(Entry {
            key: EntryKey(format!("news:{}", row.id)),
            topics: topics::of(definition, source, &row.title, &row.summary),
            content: Content::News(News {
                title: row.title,
                summary: row.summary,
                url: row.url,
                published_on: published_at.with_timezone(&definition.time_zone).date_naive(),
                source: source.key.clone(),
                source_name: source.name.clone(),
                language: row.language,
            }),
        })
    });
    Ok(entries.collect())
}

async fn events(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let keys = keys(definition);
    // What the calendar no longer held when it was last read is gone.
    let rows = sqlx::query!(
        r#"
        SELECT item.id, item.source_key, item.summary, item.url, item.event AS "event!", item.first_seen_at
        FROM barometer_digests.item
        JOIN barometer_digests.source
          ON source.organisation_id = item.organisation_id AND source.key = item.source_key
        WHERE item.organisation_id = $1 AND item.kind = 'event' AND item.source_key = ANY($2)
          AND item.first_seen_at < $3
          AND item.last_seen_at >= COALESCE((source.memory ->> 'read_at')::timestamptz, item.last_seen_at)
          AND COALESCE((item.event ->> 'over_at')::timestamptz >= $3, true)
        ORDER BY item.id
        "#,
        organisation.0,
        &keys,
        window.until,
    )
    .fetch_all(sql)
    .await?;
    let own = definition.time_zone;
    let mut told: Vec<(DateTime<Utc>, Entry)> = Vec::new();
    for row in rows {
        let source = source(definition, &row.source_key).filter(|source| source.kind == SourceKind::Events);
        let Some(source) = source else { continue };
        let kept = read(row.event)?;
        let mut days = BTreeSet::new();
        for occurrence in kept.told(window, row.first_seen_at, own) {
            let day = occurrence.planned.date();
            // The second on one day is named with its hour.
            let named = if days.insert(day) {
                day.to_string()
            } else {
                occurrence.planned.format("%Y-%m-%dT%H:%M").to_string()
            };
            let begins_at = occurrence.when.begins_at(own);
            let topics = topics::of(definition, source, &occurrence.title, &row.summary);
            let content = Content::Event(Event {
                title: occurrence.title,
                summary: row.summary.clone(),
                url: row.url.clone(),
                place: occurrence.place,
                when: match occurrence.when {
                    calendar::When::Days { from, to } => When::Days { from, to },
                    calendar::When::Moments { from, until, time_zone } => When::Moments { from, until, time_zone },
                },
                source: source.key.clone(),
                source_name: source.name.clone(),
                cancelled: occurrence.cancelled,
            });
            told.push((begins_at, Entry { key: EntryKey(format!("event:{}:{named}", row.id)), topics, content }));
        }
    }
    told.sort_by(|(one, entry), (other, other_entry)| (one, &entry.key).cmp(&(other, &other_entry.key)));
    told.truncate(CANDIDATES_MAX);
    Ok(told.into_iter().map(|(_, entry)| entry).collect())
}

fn keys(definition: &Definition) -> Vec<String> {
    definition.sources.iter().map(|source| source.key.to_string()).collect()
}

fn source<'d>(definition: &'d Definition, key: &str) -> Option<&'d Source> {
    definition.sources.iter().find(|source| source.key.as_str() == key)
}
