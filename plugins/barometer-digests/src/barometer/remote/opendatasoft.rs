//! Opendatasoft's Explore API v2.1, as its OpenAPI description and its documentation say it.
//!
//! `limit` is at most 100 and `offset + limit` at most 10,000 for records; exports have no bound. Errors are
//! `{"error_code", "message"}`; a quota that is used up is 429 with `{"errorcode", "reset_time", "limit_time_unit",
//! "call_limit", "error"}`. A record without a value has `null`.

use bot_core::plugin::{FetchRequest, FetchResponse};
use chrono::{DateTime, Utc};
use digest_parsing::table::{ROWS_MAX, TableError, TableErrors};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{PAGED_MAX, Round, Stage, TABLE_BYTES_MAX, Trouble, fingerprint, wanted};
use crate::definition::{Columns, Source};

/// Records of one page: the most the API gives.
const PAGE: u64 = 100;
/// A page of a hundred records of six cells, or a dataset's description, is far smaller.
const PAGE_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// A dataset that is written to all the time is never the same for the length of a round.
const RESTARTS_MAX: u8 = 3;
/// Of what a portal says in its own words, that much is kept.
const WORDS_CHARACTERS_MAX: usize = 300;

/// What an answer led to.
pub(super) enum Heard {
    More(Round),
    /// The fields of the dataset, and its records as the text of a JSON array.
    All {
        fields: Vec<String>,
        records: String,
    },
}

/// What to ask next; without a round, the dataset's fields.
pub(super) fn request(
    source: &Source,
    dataset_id: &str,
    filter: &str,
    columns: &Columns,
    round: Option<&Round>,
) -> FetchRequest {
    let dataset =
        format!("{}/api/explore/v2.1/catalog/datasets/{}", source.url.trim_end_matches('/'), segment(dataset_id));
    let get = |address: String, bytes_max| FetchRequest {
        bytes_max,
        ..FetchRequest::get(address).header("Accept", "application/json")
    };
    let Some(round) = round else { return get(dataset, PAGE_BYTES_MAX) };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("select", &selected(columns, &round.fields));
    // The order must be the same from page to page.
    query.append_pair("order_by", &ordered(columns));
    if !filter.trim().is_empty() {
        query.append_pair("where", filter);
    }
    match &round.stage {
        Stage::Pages { offset, .. } => {
            query.append_pair("limit", &PAGE.to_string()).append_pair("offset", &offset.to_string());
            get(format!("{dataset}/records?{}", query.finish()), PAGE_BYTES_MAX)
        }
        Stage::Export { .. } => {
            query.append_pair("limit", &(ROWS_MAX + 1).to_string());
            get(format!("{dataset}/exports/json?{}", query.finish()), TABLE_BYTES_MAX)
        }
    }
}

/// The columns of the file, without a unit that is no column.
fn selected(columns: &Columns, fields: &[String]) -> String {
    let Columns { indicator, edition, stratum, value, base, unit } = columns;
    let unit = unit.as_ref().filter(|unit| fields.contains(unit));
    let all = [Some(indicator), Some(edition), stratum.as_ref(), Some(value), base.as_ref(), unit];
    all.into_iter().flatten().map(|name| quoted(name)).collect::<Vec<_>>().join(",")
}

fn ordered(columns: &Columns) -> String {
    let Columns { indicator, edition, stratum, .. } = columns;
    let all = [Some(indicator), Some(edition), stratum.as_ref()];
    all.into_iter().flatten().map(|name| quoted(name)).collect::<Vec<_>>().join(",")
}

/// A field's name in ODSQL: between back quotes, which a keyword or a number needs and no name minds.
fn quoted(name: &str) -> String {
    // A name has letters, digits and underscores; anything else would be another query.
    let name: String = name.chars().filter(|sign| *sign != '`').collect();
    format!("`{name}`")
}

/// One part of a path.
fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Takes the answer to [`request`].
pub(super) fn received(
    source: &Source,
    columns: &Columns,
    round: Option<Round>,
    response: &FetchResponse,
    now: DateTime<Utc>,
) -> Result<Heard, Trouble> {
    if response.status != 200 {
        return Err(refused(response, round.as_ref()));
    }
    match round {
        None => {
            let dataset: Dataset = read(&response.body)?;
            let fields: Vec<String> = dataset.fields.into_iter().map(|field| field.name).collect();
            let wrong = wanted(columns).check(&fields);
            if !wrong.is_empty() {
                return Err(Trouble::Table(TableErrors { told: wrong, more: 0 }));
            }
            Ok(Heard::More(begun(source, fields, 0, now)))
        }
        Some(Round { stage: Stage::Export { total }, fields, restarts, .. }) => {
            let records = std::str::from_utf8(&response.body).map_err(|_| Trouble::NotAnApi)?;
            // Looked into with the table; here only whether the portal says something else with status 200.
            match records.trim_start().as_bytes().first() {
                Some(b'[') => {}
                _ => return Err(said(&response.body).unwrap_or(Trouble::NotAnApi)),
            }
            let count =
                serde_json::from_str::<Vec<serde::de::IgnoredAny>>(records).map_err(|_| Trouble::NotAnApi)?.len();
            match u64::try_from(count) {
                // Some went, or were held back.
                Ok(count) if count < total => again(source, fields, restarts, now),
                _ => Ok(Heard::All { fields, records: records.to_owned() }),
            }
        }
        Some(Round { stage: Stage::Pages { total, mut offset, mut pages }, fields, restarts, began_at, asked }) => {
            let page: Page = read(&response.body)?;
            let now_total = page.total_count;
            if total.is_some_and(|total| total != now_total) {
                return again(source, fields, restarts, now);
            }
            if now_total == 0 {
                return Err(Trouble::NothingMatches);
            }
            if now_total > ROWS_MAX as u64 {
                return Err(Trouble::Table(TableError::TooManyRows.into()));
            }
            let round = |stage| Round { began_at, asked, restarts, fields: fields.clone(), stage };
            if now_total > PAGED_MAX {
                return Ok(Heard::More(round(Stage::Export { total: now_total })));
            }
            let count = page.results.len() as u64;
            offset += count;
            pages.extend(page.results.into_iter().map(|record| record.get().to_owned()));
            if offset >= now_total {
                return Ok(Heard::All { fields, records: format!("[{}]", pages.join(",")) });
            }
            if count == 0 {
                return again(source, fields, restarts, now);
            }
            Ok(Heard::More(round(Stage::Pages { total: Some(now_total), offset, pages })))
        }
    }
}

fn begun(source: &Source, fields: Vec<String>, restarts: u8, now: DateTime<Utc>) -> Round {
    let stage = Stage::Pages { total: None, offset: 0, pages: Vec::new() };
    Round { began_at: now, asked: fingerprint(source), restarts, fields, stage }
}

/// Begins anew where the dataset changed under way.
fn again(source: &Source, fields: Vec<String>, restarts: u8, now: DateTime<Utc>) -> Result<Heard, Trouble> {
    if restarts == RESTARTS_MAX {
        return Err(Trouble::NeverTheSame);
    }
    Ok(Heard::More(begun(source, fields, restarts + 1, now)))
}

#[derive(Deserialize)]
struct Dataset {
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
}

#[derive(Deserialize)]
struct Page<'p> {
    total_count: u64,
    #[serde(borrow)]
    results: Vec<&'p RawValue>,
}

#[derive(Deserialize)]
struct Refused {
    error_code: String,
    message: String,
}

#[derive(Deserialize)]
struct Quota {
    reset_time: Option<String>,
    call_limit: Option<f64>,
    limit_time_unit: Option<String>,
    error: Option<String>,
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|_| said(body).unwrap_or(Trouble::NotAnApi))
}

/// What a portal says is wrong, in its own words.
fn said(body: &[u8]) -> Option<Trouble> {
    let Refused { error_code, message } = serde_json::from_slice(body).ok()?;
    Some(Trouble::Refused { error_code: short(&error_code), message: short(&message) })
}

fn refused(response: &FetchResponse, round: Option<&Round>) -> Trouble {
    if response.status == 429 {
        let quota: Option<Quota> = serde_json::from_slice(&response.body).ok();
        let quota = quota.unwrap_or(Quota { reset_time: None, call_limit: None, limit_time_unit: None, error: None });
        return Trouble::Quota {
            // The API says it without a fraction.
            calls: quota.call_limit.filter(|calls| (0.0..1e15).contains(calls)).map(|calls| calls as u64),
            per: quota.limit_time_unit.map(|unit| short(&unit)),
            until: quota.reset_time.and_then(|time| time.parse().ok()),
            message: quota.error.map(|words| short(&words)).unwrap_or_default(),
        };
    }
    match (response.status, said(&response.body)) {
        (404, _) if round.is_none() => Trouble::UnknownDataset,
        (401 | 403, _) => Trouble::NotPublic,
        (_, Some(told)) => told,
        (status, None) => Trouble::Status { status },
    }
}

fn short(words: &str) -> String {
    words.chars().filter(|sign| !sign.is_control()).take(WORDS_CHARACTERS_MAX).collect()
}
