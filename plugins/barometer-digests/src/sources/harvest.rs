//! Asks every source in its turn, and keeps what it gave.

use bot_core::plugin::{
    Context, Fetch, FetchRequest, FetchResponse, Fetched, Fire, FiredFire, HandlerError, HandlerResult, Misfire,
};
use chrono::{DateTime, TimeDelta, Utc};
use digest_parsing::{calendar, feed};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::items;
use super::problem::{Notice, Problem};
use super::state::{self, Memory};
use crate::barometer::remote::{self, RemoteError, Step};
use crate::definition::{Definition, Source, SourceKind};
use crate::edition::store;

/// The fire that asks sources: one for all of them, due when the next is.
pub const FIRE: &str = "harvest";
/// Scope of the requests; the subject is the source's key.
const REQUESTS: &str = "source";

/// Sources asked in one call, which may ask for a limited number of things; the others follow at once.
const ASKED_MAX: i64 = 20;
/// An answer that has not come by then is given up. The core gives every request one long before.
const ANSWER_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// Requests of one turn, for a table that comes page by page.
const PAGES_MAX: u32 = 100;
const BYTES_MAX: u32 = 4 * 1024 * 1024;
const WITHIN_SECONDS: u16 = 40;
/// The longest a source is left alone.
const PAUSE_MAX: TimeDelta = TimeDelta::days(1);
/// Servers that give longer validators get none back.
const VALIDATOR_BYTES_MAX: usize = 500;

const FEED_TYPES: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
                          application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1";
const CALENDAR_TYPES: &str = "text/calendar, */*;q=0.1";

/// What a request carries until its answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Asked {
    /// What was asked for (see [`state::asked_for`]): when the file has changed meanwhile, the answer is dropped.
    asked_for: String,
    /// Counts the requests of one turn.
    page: u32,
}

/// The digest file was set or edited: sources that are new or ask for something else are asked at once.
///
/// # Errors
/// Those of the database.
pub async fn definition_changed(cx: &mut Context, definition: &Definition) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let keys: Vec<&str> = definition.sources.iter().map(|source| source.key.as_str()).collect();
    let asked_for: Vec<String> = definition.sources.iter().map(state::asked_for).collect();
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.source (organisation_id, key, asked_for, due_at)
        SELECT $1, told.key, told.asked_for, $2 FROM unnest($3::text[], $4::text[]) AS told (key, asked_for)
        ON CONFLICT (organisation_id, key) DO UPDATE
        SET asked_for = excluded.asked_for, etag = NULL, last_modified = NULL, asked_at = NULL, succeeded_at = NULL,
            due_at = excluded.due_at, failures = 0, problem = NULL, memory = '{}'
        WHERE source.asked_for <> excluded.asked_for
        "#,
        organisation.0,
        now,
        &keys as &[&str],
        &asked_for,
    )
    .execute(cx.sql())
    .await?;
    // One that is rarely asked may have become one that is often asked; one that failed may be well again.
    for source in &definition.sources {
        sqlx::query!(
            r#"
            UPDATE barometer_digests.source SET due_at = LEAST(due_at, CASE WHEN failures > 0 THEN $4 ELSE $3::timestamptz END)
            WHERE organisation_id = $1 AND key = $2
            "#,
            organisation.0,
            source.key.as_str(),
            now + every(source),
            now,
        )
        .execute(cx.sql())
        .await?;
    }
    schedule(cx, definition).await
}

/// Lets every source be asked now, whenever its turn would be.
///
/// # Errors
/// Those of the database.
pub async fn ask_all(cx: &mut Context, definition: &Definition) -> Result<(), HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let keys: Vec<&str> = definition.sources.iter().map(|source| source.key.as_str()).collect();
    sqlx::query!(
        "UPDATE barometer_digests.source SET due_at = $3 WHERE organisation_id = $1 AND key = ANY($2)",
        organisation.0,
        &keys as &[&str],
        now,
    )
    .execute(cx.sql())
    .await?;
    schedule(cx, definition).await
}

/// Asks every source whose turn it is.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fired(cx: &mut Context, _fire: &FiredFire) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(stored) = store::definition(cx.sql(), organisation).await? else { return Ok(()) };
    let definition = stored.definition;
    let keys: Vec<&str> = definition.sources.iter().map(|source| source.key.as_str()).collect();
    let due = sqlx::query!(
        r#"
        SELECT key, etag, last_modified, memory FROM barometer_digests.source
        WHERE organisation_id = $1 AND key = ANY($2) AND due_at <= $3
        ORDER BY due_at, key LIMIT $4
        "#,
        organisation.0,
        &keys as &[&str],
        now,
        ASKED_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    for row in due {
        let Some(source) = definition.sources.iter().find(|source| source.key.as_str() == row.key) else { continue };
        sqlx::query!(
            r#"
            UPDATE barometer_digests.source SET asked_at = $3, due_at = $4, asked_for = $5
            WHERE organisation_id = $1 AND key = $2
            "#,
            organisation.0,
            row.key,
            now,
            now + ANSWER_WITHIN,
            state::asked_for(source),
        )
        .execute(cx.sql())
        .await?;
        let mut request = request(source, &row.memory);
        // What a portal is asked changes from page to page.
        if !matches!(source.kind, SourceKind::Opendatasoft { .. }) {
            request = row.etag.into_iter().fold(request, |request, etag| request.header("If-None-Match", etag));
            let since = row.last_modified.into_iter();
            request = since.fold(request, |request, since| request.header("If-Modified-Since", since));
        }
        ask(cx, source, request, 1)?;
    }
    schedule(cx, &definition).await
}

fn request(source: &Source, memory: &Value) -> FetchRequest {
    let get = |accept: &str| FetchRequest {
        bytes_max: BYTES_MAX,
        within_seconds: WITHIN_SECONDS,
        ..FetchRequest::get(&source.url).header("Accept", accept)
    };
    match &source.kind {
        SourceKind::Feed => get(FEED_TYPES),
        SourceKind::Events => get(CALENDAR_TYPES),
        SourceKind::Table { .. } | SourceKind::Opendatasoft { .. } => remote::request(source, memory),
    }
}

fn ask(cx: &mut Context, source: &Source, request: FetchRequest, page: u32) -> HandlerResult {
    let asked = Asked { asked_for: state::asked_for(source), page };
    let payload = serde_json::to_value(asked).map_err(|error| HandlerError::Broken(error.to_string()))?;
    cx.fetch(Fetch { scope: REQUESTS.to_owned(), subject: source.key.to_string(), request, payload });
    Ok(())
}

/// Due when the next source is.
async fn schedule(cx: &mut Context, definition: &Definition) -> HandlerResult {
    let organisation = cx.organisation.id;
    let keys: Vec<&str> = definition.sources.iter().map(|source| source.key.as_str()).collect();
    let due_at = sqlx::query_scalar!(
        "SELECT min(due_at) FROM barometer_digests.source WHERE organisation_id = $1 AND key = ANY($2)",
        organisation.0,
        &keys as &[&str],
    )
    .fetch_one(cx.sql())
    .await?;
    let (scope, subject) = (FIRE.to_owned(), String::new());
    match due_at {
        Some(due_at) => {
            cx.schedule(Fire { scope, subject, due_at, misfire: Misfire::RunOnce, payload: Value::Null, repeat: None })
        }
        None => cx.cancel_fire(scope, subject),
    }
    Ok(())
}

/// A source answered, or did not.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetched(cx: &mut Context, fetched: &Fetched) -> HandlerResult {
    let organisation = cx.organisation.id;
    // One answer at a time: two sources may tell the same news.
    store::lock_definition(cx.sql(), organisation).await?;
    let Some(stored) = store::definition(cx.sql(), organisation).await? else { return Ok(()) };
    let definition = stored.definition;
    let asked: Asked = serde_json::from_value(fetched.payload.clone())
        .map_err(|error| HandlerError::Broken(format!("what a source was asked: {error}")))?;
    let source = definition.sources.iter().find(|source| source.key.as_str() == fetched.subject);
    // The file asks for something else by now, which has its own turn.
    let Some(source) = source.filter(|source| state::asked_for(source) == asked.asked_for) else { return Ok(()) };
    let row = sqlx::query!(
        r#"
        SELECT failures, memory, succeeded_at FROM barometer_digests.source
        WHERE organisation_id = $1 AND key = $2 AND asked_for = $3
        "#,
        organisation.0,
        source.key.as_str(),
        asked.asked_for,
    )
    .fetch_optional(cx.sql())
    .await?;
    let Some(row) = row else { return Ok(()) };
    let heard = match &fetched.outcome {
        Err(failure) => Heard::Failed { problem: failure.into(), again_at: None },
        Ok(response) => heard(cx, &definition, source, &row.memory, row.succeeded_at.is_none(), response).await?,
    };
    match heard {
        Heard::More { memory } if asked.page < PAGES_MAX => {
            let request = request(source, &memory);
            remember(cx, source, &memory).await?;
            ask(cx, source, request, asked.page + 1)?;
        }
        // Whatever it keeps sending, it waits for its turn.
        Heard::More { memory } | Heard::Taken { memory } => {
            let response = fetched.outcome.as_ref().ok();
            succeeded(cx, source, &memory, response).await?;
        }
        Heard::Unchanged => succeeded(cx, source, &row.memory, None).await?,
        Heard::Failed { problem, again_at } => failed(cx, source, row.failures, &problem, again_at).await?,
    }
    schedule(cx, &definition).await
}

enum Heard {
    Taken {
        memory: Value,
    },
    Unchanged,
    /// The next page is asked at once.
    More {
        memory: Value,
    },
    Failed {
        problem: Problem,
        again_at: Option<DateTime<Utc>>,
    },
}

async fn heard(
    cx: &mut Context,
    definition: &Definition,
    source: &Source,
    memory: &Value,
    is_first: bool,
    response: &FetchResponse,
) -> Result<Heard, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    if response.status == 304 && !is_first {
        return Ok(Heard::Unchanged);
    }
    let is_table = matches!(source.kind, SourceKind::Table { .. } | SourceKind::Opendatasoft { .. });
    // Of a portal the body tells more than the status.
    let is_said_by_status = !is_table || matches!(response.status, 304 | 410);
    if let (Some(problem), true) = (Problem::of_status(response.status), is_said_by_status) {
        return Ok(Heard::Failed { problem, again_at: retry_after(response, now) });
    }
    let content_type = response.header("content-type");
    let read = |notices: Vec<Notice>| {
        let memory = serde_json::to_value(Memory { read_at: Some(now), notices });
        memory.map_err(|error| HandlerError::Broken(error.to_string()))
    };
    let refused = |problem| Ok(Heard::Failed { problem, again_at: None });
    match &source.kind {
        SourceKind::Feed => match feed::read(&response.body, content_type, &source.url) {
            Err(error) => refused(Problem::Feed { error }),
            Ok(feed) => {
                let new = items::keep_news(cx.sql(), organisation, source, &feed.entries, now, is_first).await?;
                tracing::debug!(source.key = %source.key, items = feed.entries.len(), new, "A feed was read");
                let mut notices = Vec::new();
                if feed.wordless > 0 {
                    notices.push(Notice::Wordless { entries: feed.wordless });
                }
                if feed.too_many > 0 {
                    notices.push(Notice::TooMany { entries: feed.too_many });
                }
                Ok(Heard::Taken { memory: read(notices)? })
            }
        },
        SourceKind::Events => match calendar::read(&response.body, content_type, &source.url, definition.time_zone) {
            Err(error) => refused(Problem::Calendar { error }),
            Ok(calendar) => {
                let events = &calendar.events;
                let new = items::keep_events(cx.sql(), organisation, definition, source, events, now).await?;
                tracing::debug!(source.key = %source.key, items = events.len(), new, "A calendar was read");
                let notices = calendar.remarks.into_iter().map(|remark| Notice::Calendar { remark }).collect();
                Ok(Heard::Taken { memory: read(notices)? })
            }
        },
        SourceKind::Table { .. } | SourceKind::Opendatasoft { .. } => {
            match remote::received(cx, source, memory, response).await {
                Ok(Step::Done { memory }) => Ok(Heard::Taken { memory }),
                Ok(Step::More { memory }) => Ok(Heard::More { memory }),
                Err(RemoteError::Handler(error)) => Err(error),
                Err(RemoteError::Trouble(trouble)) => {
                    let again_at = trouble.ask_again_at().or_else(|| retry_after(response, now));
                    Ok(Heard::Failed { problem: Problem::Table { trouble }, again_at })
                }
            }
        }
    }
}

/// When the server wants to be asked again: seconds, or a date of HTTP.
fn retry_after(response: &FetchResponse, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let value = response.header("retry-after")?.trim();
    match value.parse::<u32>() {
        Ok(seconds) => Some(now + TimeDelta::seconds(seconds.into())),
        Err(_) => DateTime::parse_from_rfc2822(value).ok().map(|moment| moment.to_utc()),
    }
}

async fn remember(cx: &mut Context, source: &Source, memory: &Value) -> HandlerResult {
    let (organisation, due_at) = (cx.organisation.id, cx.now + ANSWER_WITHIN);
    sqlx::query!(
        "UPDATE barometer_digests.source SET memory = $3, due_at = $4 WHERE organisation_id = $1 AND key = $2",
        organisation.0,
        source.key.as_str(),
        memory,
        due_at,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// `response`: its validators are for the next request; without one those there were stay.
async fn succeeded(
    cx: &mut Context,
    source: &Source,
    memory: &Value,
    response: Option<&FetchResponse>,
) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let due_at = now + every(source) + jitter(cx, every(source));
    let validator = |name: &str| {
        let value = response.and_then(|response| response.header(name));
        value.filter(|value| value.len() <= VALIDATOR_BYTES_MAX)
    };
    sqlx::query!(
        r#"
        UPDATE barometer_digests.source
        SET succeeded_at = $3, due_at = $4, failures = 0, problem = NULL, memory = $5,
            etag = CASE WHEN $6 THEN $7 ELSE etag END,
            last_modified = CASE WHEN $6 THEN $8 ELSE last_modified END
        WHERE organisation_id = $1 AND key = $2
        "#,
        organisation.0,
        source.key.as_str(),
        now,
        due_at,
        memory,
        response.is_some(),
        validator("etag"),
        validator("last-modified"),
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// What the source gave before stays, and so do its validators: it may be well again and unchanged.
async fn failed(
    cx: &mut Context,
    source: &Source,
    failures: i32,
    problem: &Problem,
    again_at: Option<DateTime<Utc>>,
) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let failures = failures.saturating_add(1);
    let longest = PAUSE_MAX.max(every(source));
    let doubled =
        2_i32.checked_pow(failures.saturating_sub(1).unsigned_abs()).and_then(|by| every(source).checked_mul(by));
    let pause = match problem {
        Problem::Gone => longest,
        _ => doubled.map_or(longest, |pause| pause.min(longest)),
    };
    let pause = again_at.map_or(pause, |again_at| (again_at - now).clamp(every(source), longest));
    let due_at = now + pause + jitter(cx, every(source));
    tracing::info!(source.key = %source.key, failures, "A source gave nothing");
    sqlx::query!(
        r#"
        UPDATE barometer_digests.source SET due_at = $3, failures = $4, problem = $5
        WHERE organisation_id = $1 AND key = $2
        "#,
        organisation.0,
        source.key.as_str(),
        due_at,
        failures,
        json!(problem),
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

fn every(source: &Source) -> TimeDelta {
    TimeDelta::minutes(source.every_minutes.clamp(15, 60 * 24 * 31).into())
}

/// Up to a tenth of `pause`, so that sources are not asked all at once.
fn jitter(cx: &mut Context, pause: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(cx.random.random_range(0..=pause.num_seconds() / 10))
}
