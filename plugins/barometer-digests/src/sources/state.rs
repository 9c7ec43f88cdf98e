//! How each source is doing.

use bot_core::OrganisationId;
use bot_core::plugin::HandlerError;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::items::AHEAD;
use super::problem::{Notice, Problem};
use crate::definition::{Definition, Key, Source, SourceKind};
use crate::edition::Window;
use crate::edition::model::SourceRecord;

/// A source as editors see it. What it says of itself is put into words with [`Problem::words`] and [`Notice::words`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceState {
    pub key: Key,
    pub name: String,
    pub url: String,
    /// `None`: never.
    pub asked_at: Option<DateTime<Utc>>,
    /// The last answer that could be used, new or unchanged.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// `None`: it is not scheduled yet.
    pub due_at: Option<DateTime<Utc>>,
    /// One after the other.
    pub failures: u32,
    /// What was wrong the last time.
    pub problem: Option<Problem>,
    /// What was left out of its last answer.
    pub notices: Vec<Notice>,
}

/// What a feed or calendar keeps between two requests.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The last answer that was read: what it no longer held is gone.
    pub read_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// What is asked: as long as it stays the same, what a source said before still holds.
pub(super) fn asked_for(source: &Source) -> String {
    serde_json::to_string(&(&source.url, &source.kind)).unwrap_or_default()
}

/// The sources of the file, in its order.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when what is stored cannot be read.
pub async fn list(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
) -> Result<Vec<SourceState>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT key, asked_for, asked_at, succeeded_at, due_at, failures, problem, memory
        FROM barometer_digests.source WHERE organisation_id = $1
        "#,
        organisation.0,
    )
    .fetch_all(sql)
    .await?;
    let states = definition.sources.iter().map(|source| {
        let row = rows.iter().find(|row| row.key == source.key.as_str() && row.asked_for == asked_for(source));
        let problem = row.and_then(|row| row.problem.clone()).map(serde_json::from_value).transpose();
        let notices = match source.kind {
            SourceKind::Feed | SourceKind::Events => row.map(|row| memory(&row.memory).notices).unwrap_or_default(),
            SourceKind::Table { .. } | SourceKind::Opendatasoft { .. } => Vec::new(),
        };
        Ok(SourceState {
            key: source.key.clone(),
            name: source.name.clone(),
            url: source.url.clone(),
            asked_at: row.and_then(|row| row.asked_at),
            succeeded_at: row.and_then(|row| row.succeeded_at),
            due_at: row.map(|row| row.due_at),
            failures: row.map_or(0, |row| u32::try_from(row.failures).unwrap_or(0)),
            problem: problem
                .map_err(|error| HandlerError::Broken(format!("the problem of {}: {error}", source.key)))?,
            notices,
        })
    });
    states.collect()
}

/// A memory of another version, or of another kind of source, is none.
pub(super) fn memory(stored: &Value) -> Memory {
    serde_json::from_value(stored.clone()).unwrap_or_default()
}

/// The lines of an edition's foot, in the file's order. Entries are counted by whoever puts the edition together.
///
/// # Errors
/// Those of the database.
pub async fn records(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<SourceRecord>, HandlerError> {
    let states = list(sql, organisation, definition).await?;
    let record = |(source, state): (&Source, SourceState)| SourceRecord {
        key: source.key.clone(),
        name: source.name.clone(),
        // A secret is put in when it is asked; its name is nobody's business either.
        url: Some(source.url.clone()).filter(|url| !url.contains("{secret:")),
        query: query(source, window),
        entries: 0,
        succeeded_at: state.succeeded_at,
        is_failing: state.problem.is_some(),
    };
    Ok(definition.sources.iter().zip(states).map(record).collect())
}

/// What was taken of a source: an interval of ISO 8601, or which records.
fn query(source: &Source, window: &Window) -> String {
    let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    match &source.kind {
        SourceKind::Feed => format!("{}/{}", moment(window.from), moment(window.until)),
        SourceKind::Events => format!("{}/{}", moment(window.until), moment(window.until + AHEAD)),
        SourceKind::Table { dataset, .. } => dataset.to_string(),
        SourceKind::Opendatasoft { dataset_id, filter, .. } if filter.is_empty() => dataset_id.clone(),
        SourceKind::Opendatasoft { dataset_id, filter, .. } => format!("{dataset_id} where {filter}"),
    }
}
