//! Tables of figures behind a link, and datasets of Opendatasoft portals (Explore API v2.1).
//!
//! A portal is asked in a few steps, each a request of its own whose place is kept in the source's memory: the dataset's
//! fields; its records, a hundred at a time; or, where there are many, one export. What the memory keeps is bounded: at
//! most [`PAGED_MAX`] records, and only while a round is under way. A round that was broken off is begun anew.

mod opendatasoft;
mod trouble;

use bot_core::plugin::{Context, FetchRequest, FetchResponse, HandlerError};
use chrono::{DateTime, TimeDelta, Utc};
use digest_parsing::table::{self, Names, Table, Wanted};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::trouble::Trouble;

use super::store::{self, By, Imported, Remark};
use crate::definition::{Columns, Key, Source, SourceKind};

/// Records that are asked for page by page; more come as one export.
pub const PAGED_MAX: u64 = 1000;
/// Bytes of a table's answer.
const TABLE_BYTES_MAX: u32 = 32 * 1024 * 1024;
const WITHIN_SECONDS: u16 = 60;
/// What a broken off round left is too old to go on with.
const ROUND_MAX: TimeDelta = TimeDelta::hours(1);

/// What an answer led to.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Until the source's next turn.
    Done { memory: Value },
    /// Ask [`request`] again at once.
    More { memory: Value },
}

/// Why a source gave no figures.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Of the source: to be shown to editors.
    #[error("{0}")]
    Trouble(#[from] Trouble),
    /// Of this service.
    #[error("{0}")]
    Handler(#[from] HandlerError),
}

/// What a source remembers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// The columns there were the last time.
    columns: Vec<String>,
    /// What the source changed in its columns since the reading before, for editors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<Remark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<Round>,
}

/// A round of requests under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Round {
    began_at: DateTime<Utc>,
    /// Of everything in the file that shapes the requests: a change of the file begins a new round.
    asked: String,
    /// How often the number of records changed between two pages.
    restarts: u8,
    /// As the portal names them, in its order.
    fields: Vec<String>,
    stage: Stage,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Stage {
    Pages {
        /// `None` before the first page.
        total: Option<u64>,
        offset: u64,
        /// Each the JSON text of a page's records.
        pages: Vec<String>,
    },
    Export {
        total: u64,
    },
}

impl Memory {
    /// What is remembered, without a round that does not belong to `source` as it is now.
    fn of(source: &Source, memory: &Value) -> Self {
        // A memory of another version, or of another kind of source, is none.
        let mut memory: Self = serde_json::from_value(memory.clone()).unwrap_or_default();
        memory.round = memory.round.filter(|round| round.asked == fingerprint(source));
        memory
    }

    fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn fingerprint(source: &Source) -> String {
    let shape = serde_json::to_string(&(&source.url, &source.kind)).unwrap_or_default();
    Sha256::digest(shape.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What to ask `source` next.
pub fn request(source: &Source, memory: &Value) -> FetchRequest {
    let request = match &source.kind {
        SourceKind::Opendatasoft { dataset_id, filter, columns, .. } => {
            opendatasoft::request(source, dataset_id, filter, columns, Memory::of(source, memory).round.as_ref())
        }
        SourceKind::Table { .. } | SourceKind::Feed | SourceKind::Events => FetchRequest {
            bytes_max: TABLE_BYTES_MAX,
            ..FetchRequest::get(&source.url)
                .header("Accept", "text/csv, application/json;q=0.9, text/plain;q=0.8, */*;q=0.1")
        },
    };
    FetchRequest { within_seconds: WITHIN_SECONDS, ..request }
}

/// Takes an answer to [`request`] with the same `memory`. After an error the memory is kept as it was.
///
/// # Errors
/// [`RemoteError`].
pub async fn received(
    cx: &mut Context,
    source: &Source,
    memory: &Value,
    response: &FetchResponse,
) -> Result<Step, RemoteError> {
    let was_under_way = memory.get("round").is_some();
    let mut memory = Memory::of(source, memory);
    memory.round = memory.round.filter(|round| cx.now - round.began_at <= ROUND_MAX);
    if was_under_way && memory.round.is_none() {
        // It answers a question that nobody asks any more.
        return Ok(Step::More { memory: memory.value() });
    }
    match &source.kind {
        SourceKind::Opendatasoft { dataset, columns, .. } => {
            match opendatasoft::received(source, columns, memory.round.take(), response, cx.now)? {
                opendatasoft::Heard::More(round) => {
                    memory.round = Some(round);
                    Ok(Step::More { memory: memory.value() })
                }
                opendatasoft::Heard::All { fields, records } => {
                    let mut table = table::read_json(records.as_bytes(), &wanted(columns)).map_err(Trouble::Table)?;
                    // A record has only the columns that were asked for; the dataset may have others.
                    table.columns = fields;
                    keep(cx, source, dataset, &table, memory).await
                }
            }
        }
        SourceKind::Table { dataset, columns } => {
            match response.status {
                200 => {}
                304 => return Ok(Step::Done { memory: memory.value() }),
                status => return Err(Trouble::Status { status }.into()),
            }
            let table = table::read(response.body.clone(), &wanted(columns)).map_err(Trouble::Table)?;
            keep(cx, source, dataset, &table, memory).await
        }
        SourceKind::Feed | SourceKind::Events => {
            let words = format!("source {} is no table of figures", source.key);
            Err(HandlerError::Broken(words).into())
        }
    }
}

async fn keep(
    cx: &mut Context,
    source: &Source,
    dataset: &Key,
    table: &Table,
    memory: Memory,
) -> Result<Step, RemoteError> {
    let imported = store::import(cx, dataset, source.key.as_str(), By::Plugin, table, false).await?;
    // Where the rows are the same, a change of columns would be told nowhere else.
    let remarks = match imported {
        Imported::Unchanged { .. } if memory.columns.is_empty() => Vec::new(),
        Imported::Unchanged { .. } if memory.columns == table.columns => memory.remarks,
        Imported::Unchanged { .. } => store::drift(&memory.columns, &table.columns),
        Imported::New { version, .. } => version.remarks,
    };
    let memory = Memory { columns: table.columns.clone(), remarks, round: None };
    Ok(Step::Done { memory: memory.value() })
}

/// What the source changed in its columns lately, for editors.
pub fn remarks(memory: &Value) -> Vec<Remark> {
    serde_json::from_value::<Memory>(memory.clone()).unwrap_or_default().remarks
}

fn wanted(columns: &Columns) -> Wanted {
    let Columns { indicator, edition, stratum, value, base, unit } = columns.clone();
    Wanted::Named(Names { indicator, edition, stratum, value, base, unit })
}

#[cfg(test)]
mod tests;
