//! What other plugins tell of this crieur's own consultations and campaigns: the latest news of each is kept, and becomes
//! an entry when it opened, is about to close or has closed.

use bot_core::plugin::{Context, HandlerError, HandlerResult, Note};
use bot_core::{OrganisationId, Wording};
use chrono::{DateTime, Days, Months, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::definition::{Cadence, Definition};
use crate::edition::model::{Campaign, Consultation, Content, Entry, EntryKey, Phase, QuestionResult};
use crate::edition::period::Window;

/// Days of a window that is longer than any week with a public holiday around it: a month's.
const MONTHLY_FROM_DAYS: i64 = 21;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Consultation,
    Campaign,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::Campaign => "campaign",
        }
    }
}

/// What a note says of either.
#[derive(Deserialize)]
struct News {
    title: Wording,
    opens_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    details: Details,
}

/// Counts, and results once closed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Details {
    ballots: Option<u64>,
    results: Vec<QuestionResult>,
    respondents: u64,
    answered: u64,
}

/// Another plugin told something.
///
/// # Errors
/// Those of the database.
pub(crate) async fn heard(cx: &mut Context, note: &Note) -> HandlerResult {
    let kind = match note.topic.as_str() {
        "consultation.opened" | "consultation.changed" | "consultation.closed" => Kind::Consultation,
        "campaign.opened" | "campaign.standing" | "campaign.closed" => Kind::Campaign,
        "campaign.cancelled" => return forget(cx, Kind::Campaign, &note.subject).await,
        // Of something else.
        _ => return Ok(()),
    };
    let news: News = serde_json::from_value(note.details.clone())
        .map_err(|error| HandlerError::Broken(format!("a note {} cannot be read: {error}", note.topic)))?;
    keep(cx, kind, &note.subject, &news).await
}

/// Notes arrive in any order: what was told before its end says nothing any more once its end is known, unless something
/// else was opened later under that name.
async fn keep(cx: &mut Context, kind: Kind, slug: &str, news: &News) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.neighbour
            (organisation_id, kind, slug, title, opened_at, closes_at, closed_at, details, heard_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (organisation_id, kind, slug) DO UPDATE
        SET title = excluded.title, opened_at = coalesce(excluded.opened_at, neighbour.opened_at),
            closes_at = coalesce(excluded.closes_at, neighbour.closes_at), closed_at = excluded.closed_at,
            details = excluded.details, heard_at = excluded.heard_at
        WHERE neighbour.closed_at IS NULL OR excluded.closed_at IS NOT NULL OR excluded.opened_at > neighbour.closed_at
        "#,
        organisation.0,
        kind.as_str(),
        slug,
        Json(&news.title) as _,
        news.opens_at,
        news.closes_at,
        news.closed_at,
        Json(&news.details) as _,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

async fn forget(cx: &mut Context, kind: Kind, slug: &str) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "DELETE FROM barometer_digests.neighbour WHERE organisation_id = $1 AND kind = $2 AND slug = $3",
        organisation.0,
        kind.as_str(),
        slug,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Consultations and campaigns that closed in `window`, opened in it, or close before the next edition: each once, by the
/// first of these, since whatever opened says until when it is open. Closed ones first, then by closing and name.
///
/// # Errors
/// Those of the database.
pub async fn candidates(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT kind, slug, title AS "title: Json<Wording>", opened_at, closes_at, closed_at,
               details AS "details: Json<Details>"
        FROM barometer_digests.neighbour WHERE organisation_id = $1
        ORDER BY closed_at NULLS LAST, closes_at NULLS LAST, kind DESC, slug
        "#,
        organisation.0,
    )
    .fetch_all(sql)
    .await?;
    let next_end = end_of_next(definition, window);
    let entries = rows.into_iter().filter_map(|row| {
        let phase = phase(row.opened_at, row.closes_at, row.closed_at, window, next_end)?;
        let is_closed = matches!(phase, Phase::Closed { .. });
        let name = phase_name(&phase);
        let key = EntryKey(format!("{}:{}:{name}", row.kind, row.slug));
        let Details { ballots, results, respondents, answered } = row.details.0;
        let (slug, title) = (row.slug, row.title.0);
        let content = if row.kind == Kind::Consultation.as_str() {
            let path = format!("/consultations/{slug}");
            // What was told when it closed is of no earlier phase.
            let (ballots, results) = if is_closed { (ballots, results) } else { (None, Vec::new()) };
            Content::Consultation(Consultation { slug, title, phase, path, ballots, results })
        } else {
            Content::Campaign(Campaign { slug, title, phase, respondents, answered })
        };
        Some(Entry { key, topics: Vec::new(), content })
    });
    Ok(entries.collect())
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Opened { .. } => "opened",
        Phase::Closing { .. } => "closing",
        Phase::Closed { .. } => "closed",
    }
}

/// What there is to say, if anything.
fn phase(
    opened_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    window: &Window,
    next_end: DateTime<Utc>,
) -> Option<Phase> {
    if let Some(closed_at) = closed_at.filter(|closed_at| *closed_at < window.until) {
        return window.holds(closed_at).then_some(Phase::Closed { closed_at });
    }
    if opened_at.is_some_and(|opened_at| window.holds(opened_at)) {
        return Some(Phase::Opened { closes_at });
    }
    let is_open = opened_at.is_none_or(|opened_at| opened_at < window.until);
    let closes_at = closes_at.filter(|closes_at| is_open && (window.until..next_end).contains(closes_at))?;
    Some(Phase::Closing { closes_at })
}

/// When the window of the next edition ends: a period after this one's. Where a digest has both rhythms, the window's
/// length says which.
fn end_of_next(definition: &Definition, window: &Window) -> DateTime<Utc> {
    let length = window.until - window.from;
    let cadence = match (&definition.weekly, &definition.monthly) {
        (Some(_), None) => Cadence::Weekly,
        (None, Some(_)) => Cadence::Monthly,
        _ if length.num_days() >= MONTHLY_FROM_DAYS => Cadence::Monthly,
        _ => Cadence::Weekly,
    };
    let end = match cadence {
        Cadence::Weekly => window.until.checked_add_days(Days::new(7)),
        Cadence::Monthly => window.until.checked_add_months(Months::new(1)),
    };
    end.unwrap_or(window.until)
}

#[cfg(test)]
mod tests {
    use bot_core::plugin_bench::PluginBench;
    use bot_core::{Clock, Locale};
    use serde_json::{Value, json};

    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        format!("2026-10-{day:02}T08:00:00Z").parse().unwrap()
    }

    fn window(from: u32, until: u32) -> Window {
        Window { from: day(from), until: day(until) }
    }

    fn definition() -> Definition {
        Definition {
            title: Wording::french("La lettre"),
            time_zone: chrono_tz::Europe::Paris,
            weekly: None,
            monthly: None,
            topics: Vec::new(),
            sources: Vec::new(),
            figures: Vec::new(),
            wording: Default::default(),
        }
    }

    struct Town {
        bench: PluginBench,
    }

    impl Town {
        async fn new(seed: u64) -> Self {
            let plugin = "barometer-digests".parse().unwrap();
            Self { bench: PluginBench::new(plugin, Clock::manual(day(1)), seed).await }
        }

        async fn hears(&self, topic: &str, slug: &str, details: Value) {
            let note = note(topic, slug, details);
            self.bench.call(None, Locale::Fr, async |cx| heard(cx, &note).await).await.unwrap();
        }

        async fn entries(&self, window: Window) -> Vec<Entry> {
            let mut sql = self.bench.pool.acquire().await.unwrap();
            candidates(&mut sql, self.bench.organisation.id, &definition(), &window).await.unwrap()
        }

        async fn keys(&self, window: Window) -> Vec<String> {
            self.entries(window).await.into_iter().map(|entry| entry.key.0).collect()
        }
    }

    fn note(topic: &str, slug: &str, details: Value) -> Note {
        Note { topic: topic.to_owned(), subject: slug.to_owned(), contact: None, details }
    }

    fn consultation(opens: u32, closes: u32) -> Value {
        json!({ "title": { "fr": "La place" }, "opens_at": day(opens), "closes_at": day(closes), "closed_at": null })
    }

    #[tokio::test]
    async fn a_consultation_is_told_once_in_each_of_its_phases() {
        let town = Town::new(61).await;
        town.hears("consultation.opened", "place", consultation(2, 20)).await;
        assert_eq!(town.keys(window(1, 8)).await, ["consultation:place:opened"]);
        assert_eq!(town.keys(window(8, 12)).await, Vec::<String>::new());
        assert_eq!(town.keys(window(8, 15)).await, ["consultation:place:closing"]);
        town.hears("consultation.changed", "place", consultation(2, 23)).await;
        assert_eq!(town.keys(window(8, 15)).await, Vec::<String>::new());
        let mut closed = consultation(2, 23);
        closed["closed_at"] = json!(day(23));
        closed["ballots"] = json!(42);
        closed["results"] = json!([
            { "question": { "fr": "Quoi ?" }, "answer": { "fr": "Un jardin" }, "votes": 30, "ballots": 42 }
        ]);
        town.hears("consultation.closed", "place", closed).await;
        let entries = town.entries(window(22, 29)).await;
        let [Entry { key, topics, content: Content::Consultation(told) }] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        assert_eq!((key.0.as_str(), topics.len(), told.ballots), ("consultation:place:closed", 0, Some(42)));
        assert_eq!((told.path.as_str(), told.results[0].votes), ("/consultations/place", 30));
        assert_eq!(town.keys(window(29, 31)).await, Vec::<String>::new());
        // An edition of before its closing says nothing of the results.
        let before = town.entries(window(1, 8)).await;
        assert!(matches!(&before[0].content, Content::Consultation(told) if told.results.is_empty()), "{before:?}");
        // What was told of it earlier comes late: it stays closed, with its results.
        town.hears("consultation.opened", "place", consultation(2, 20)).await;
        assert_eq!(town.entries(window(22, 29)).await, entries);
        // Another one of that name.
        town.hears("consultation.opened", "place", consultation(26, 30)).await;
        assert_eq!(town.keys(window(22, 29)).await, ["consultation:place:opened"]);
    }

    #[tokio::test]
    async fn a_campaign_is_told_with_its_counts_and_not_when_it_is_cancelled() {
        let town = Town::new(62).await;
        let campaign = |answered: u64, closed: Option<u32>| {
            json!({
                "title": { "fr": "Baromètre", "en": "Barometer" }, "opens_at": day(2), "closes_at": day(20),
                "closed_at": closed.map(day), "respondents": 98, "answered": answered,
            })
        };
        town.hears("campaign.opened", "barometre", campaign(0, None)).await;
        town.hears("campaign.standing", "barometre", campaign(12, None)).await;
        let entries = town.entries(window(1, 8)).await;
        assert!(
            matches!(&entries[0].content, Content::Campaign(told) if (told.answered, told.respondents) == (12, 98))
        );
        town.hears("campaign.closed", "barometre", campaign(60, Some(20))).await;
        assert_eq!(town.keys(window(15, 22)).await, ["campaign:barometre:closed"]);
        town.hears("campaign.opened", "autre", campaign(0, None)).await;
        town.hears("campaign.cancelled", "autre", json!({})).await;
        assert_eq!(town.keys(window(1, 8)).await, ["campaign:barometre:opened"]);
        // Notes that concern nobody here.
        town.hears("questionnaire.answered", "barometre", json!({ "complete": true })).await;
        let broken = note("campaign.opened", "x", json!({ "title": 3 }));
        assert!(town.bench.call(None, Locale::Fr, async |cx| heard(cx, &broken).await).await.is_err());
    }

    #[test]
    fn a_campaign_that_has_not_opened_does_not_close_soon() {
        let week = window(1, 8);
        let end = end_of_next(&definition(), &week);
        assert_eq!(end, day(15));
        assert_eq!(phase(Some(day(9)), Some(day(12)), None, &week, end), None);
        assert_eq!(phase(None, Some(day(12)), None, &week, end), Some(Phase::Closing { closes_at: day(12) }));
        // It closed after this window: that is for the next edition.
        assert_eq!(phase(Some(day(2)), None, Some(day(8)), &week, end), Some(Phase::Opened { closes_at: None }));
        let month = Window { from: day(1), until: day(31) };
        assert_eq!(end_of_next(&definition(), &month), "2026-11-30T08:00:00Z".parse::<DateTime<Utc>>().unwrap());
    }
}
