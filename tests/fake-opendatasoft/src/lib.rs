//! An Opendatasoft portal that tests can hold in their hands: the Explore API v2.1, as far as a reader of datasets uses
//! it. What it does not know it refuses, as the real one refuses what it does not know.
//!
//! From the published OpenAPI description (`openapi.json` of Opendatasoft's own explore SDK, MIT) come: the paths; the
//! parameters `select`, `where`, `order_by`, `limit` (at most 100, default 10, -1 allowed) and `offset` of records;
//! `limit` of exports (-1, the default, is everything); `total_count` and `results`; `dataset_id` and `fields` with name,
//! label, type, annotations and description; errors as `message` and `error_code`; 429 with `errorcode`, `reset_time`,
//! `limit_time_unit`, `call_limit` and `error`; and the grammar of ODSQL: names and back quotes, literals, the order of
//! `NOT`, `AND` and `OR`, comparisons that are false of a null, nulls last in any order.
//!
//! From what users of public portals report come: that `offset + limit` may be 10,000 and no more; the code
//! `InvalidRESTParameterError` and its words for `limit`; `ODSQLSyntaxError` with its position; `ODSQLError` with
//! `Unknown field`, and the clause it is in; 404 with `NotFoundResource`, which the description leaves out. The words for
//! `offset` are ours, after those for `limit`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod odsql;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::odsql::QueryError;

/// Records a call gives at most.
pub const LIMIT_MAX: i64 = 100;
/// How far records can be paged through.
pub const WINDOW_MAX: i64 = 10_000;

/// What the portal knows. Tests change it as they like.
#[derive(Clone, Debug, Default)]
pub struct Portal {
    pub datasets: BTreeMap<String, Dataset>,
    /// Calls left; `None`: no quota.
    pub calls_left: Option<u32>,
    /// Calls of a day, as a refusal says it.
    pub call_limit: u32,
    /// The portal is behind a page for maintenance.
    pub is_down: bool,
    /// Every path and query that was asked for, in order.
    pub calls: Vec<String>,
    /// What happens to the datasets before the call of that number (from 1) is answered.
    pub changes: BTreeMap<usize, Change>,
}

/// Something that happens to a dataset.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A record comes in.
    Add { dataset: String, record: Map<String, Value> },
    /// The last record goes.
    Drop { dataset: String },
}

/// One dataset.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Dataset {
    pub fields: Vec<Field>,
    /// With the fields' names as members; a missing one is null.
    pub records: Vec<Map<String, Value>>,
    /// For those who may see it: not us.
    pub is_restricted: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: String,
    pub label: String,
    /// `text`, `int`, `double`, ...
    pub kind: String,
}

impl Dataset {
    /// A dataset of these fields (name and type).
    pub fn of(fields: &[(&str, &str)]) -> Self {
        let field = |&(name, kind): &(&str, &str)| Field {
            name: name.to_owned(),
            label: name.to_owned(),
            kind: kind.to_owned(),
        };
        Self { fields: fields.iter().map(field).collect(), ..Self::default() }
    }

    /// Adds a record: the values of the fields in their order.
    pub fn push(&mut self, values: &[Value]) {
        let names = self.fields.iter().map(|field| field.name.clone());
        self.records.push(names.zip(values.iter().cloned()).collect());
    }

    /// Renames a field, in its description and in every record.
    pub fn rename(&mut self, from: &str, to: &str) {
        for field in self.fields.iter_mut().filter(|field| field.name == from) {
            field.name = to.to_owned();
        }
        for record in &mut self.records {
            if let Some(value) = record.remove(from) {
                record.insert(to.to_owned(), value);
            }
        }
    }

    /// Adds a field that no record has a value of.
    pub fn add_field(&mut self, name: &str, kind: &str) {
        self.fields.push(Field { name: name.to_owned(), label: name.to_owned(), kind: kind.to_owned() });
    }

    fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|field| field.name.as_str()).collect()
    }
}

/// The portal, on a port of its own until it is dropped.
#[derive(Debug)]
pub struct FakeOpendatasoft {
    portal: Shared,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<Portal>>);

impl Shared {
    fn portal(&self) -> MutexGuard<'_, Portal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeOpendatasoft {
    /// # Errors
    /// When no port is free.
    pub async fn start(portal: Portal) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let portal = Shared(Arc::new(Mutex::new(portal)));
        let base = "/api/explore/v2.1/catalog/datasets/{dataset}";
        let router = Router::new()
            .route(base, get(dataset))
            .route(&format!("{base}/records"), get(records))
            .route(&format!("{base}/exports/json"), get(export))
            .with_state(portal.clone());
        let serving = tokio::spawn(async move {
            // It ends when the test drops it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { portal, address, serving })
    }

    /// The address of the portal.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn portal(&self) -> MutexGuard<'_, Portal> {
        self.portal.portal()
    }
}

impl Drop for FakeOpendatasoft {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Why a call is not answered.
enum Refused {
    Said(StatusCode, Value),
    Page(StatusCode, &'static str),
}

impl Refused {
    fn new(status: StatusCode, error_code: &str, message: impl Into<String>) -> Self {
        Self::Said(status, json!({ "error_code": error_code, "message": message.into() }))
    }

    fn parameter(name: &str, found: &str, expected: &str) -> Self {
        let message = format!("Invalid value for {name} API parameter: {found} was found but {expected} is expected.");
        Self::new(StatusCode::BAD_REQUEST, "InvalidRESTParameterError", message)
    }

    fn query(error: QueryError, clause: &str) -> Self {
        let (code, words) = match error {
            QueryError::Syntax(words) => ("ODSQLSyntaxError", format!("ODSQL syntax exception: {words}")),
            QueryError::UnknownField(name) => {
                ("ODSQLError", format!("ODSQL query is malformed: Unknown field: {name}"))
            }
        };
        let message = format!("{words}. Clause(s) containing the error(s): {clause}.");
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, body) => (status, Json(body)).into_response(),
            Self::Page(status, page) => (status, [(header::CONTENT_TYPE, "text/html")], page).into_response(),
        }
    }
}

async fn dataset(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refused> {
    let portal = shared.portal();
    let dataset = asked(portal, &id, "", &query)?;
    let field = |field: &Field| json!({ "name": field.name, "label": field.label, "type": field.kind, "annotations": {}, "description": null });
    Ok(Json(json!({
        "dataset_id": id,
        "dataset_uid": "da_barometre",
        "attachments": [],
        "has_records": true,
        "data_visible": true,
        "features": ["analyze"],
        "metas": { "default": { "title": id, "records_count": dataset.records.len() } },
        "fields": dataset.fields.iter().map(field).collect::<Vec<_>>(),
    })))
}

async fn records(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refused> {
    let dataset = asked(shared.portal(), &id, "/records", &query)?;
    let parameters = Parameters::read(query.as_deref(), &["select", "where", "order_by", "limit", "offset"])?;
    let limit = parameters.number("limit", 10)?;
    if !(-1..=LIMIT_MAX).contains(&limit) {
        return Err(Refused::parameter("limit", &limit.to_string(), "-1 <= limit <= 100"));
    }
    let limit = if limit == -1 { LIMIT_MAX } else { limit };
    let offset = parameters.number("offset", 0)?;
    if offset < 0 || offset + limit > WINDOW_MAX {
        return Err(Refused::parameter("offset", &offset.to_string(), "0 <= offset + limit <= 10000"));
    }
    let found = parameters.found(&dataset)?;
    let total = found.len();
    let page: Vec<Value> = found
        .into_iter()
        .skip(usize::try_from(offset).unwrap_or_default())
        .take(usize::try_from(limit).unwrap_or_default())
        .collect();
    Ok(Json(json!({ "total_count": total, "results": page })))
}

async fn export(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refused> {
    let dataset = asked(shared.portal(), &id, "/exports/json", &query)?;
    let parameters = Parameters::read(query.as_deref(), &["select", "where", "order_by", "limit"])?;
    let limit = parameters.number("limit", -1)?;
    if limit < -1 {
        return Err(Refused::parameter("limit", &limit.to_string(), "-1 <= limit"));
    }
    let found = parameters.found(&dataset)?;
    let count = usize::try_from(limit).unwrap_or(found.len());
    Ok(Json(found.into_iter().take(count).collect()))
}

/// Counts a call, lets happen what is to happen before it, and gives the dataset as it is then.
fn asked(
    mut portal: MutexGuard<'_, Portal>,
    id: &str,
    below: &str,
    query: &Option<String>,
) -> Result<Dataset, Refused> {
    portal.calls.push(format!("{id}{below}?{}", query.as_deref().unwrap_or_default()));
    let number = portal.calls.len();
    match portal.changes.remove(&number) {
        Some(Change::Add { dataset, record }) => {
            portal.datasets.entry(dataset).or_default().records.push(record);
        }
        Some(Change::Drop { dataset }) => {
            portal.datasets.entry(dataset).or_default().records.pop();
        }
        None => {}
    }
    if portal.is_down {
        return Err(Refused::Page(StatusCode::SERVICE_UNAVAILABLE, "<html><body>Maintenance</body></html>"));
    }
    match portal.calls_left.as_mut() {
        Some(0) => {
            let body = json!({
                "errorcode": 10002,
                "reset_time": "2026-10-06T00:00:00Z",
                "limit_time_unit": "day",
                "call_limit": portal.call_limit,
                "error": "Too many requests on the domain. Please contact the domain administrator.",
            });
            return Err(Refused::Said(StatusCode::TOO_MANY_REQUESTS, body));
        }
        Some(left) => *left -= 1,
        None => {}
    }
    match portal.datasets.get(id) {
        Some(dataset) if dataset.is_restricted => Err(Refused::Page(StatusCode::UNAUTHORIZED, "")),
        Some(dataset) => Ok(dataset.clone()),
        None => {
            let message = format!("The requested dataset {id} does not exist.");
            Err(Refused::new(StatusCode::NOT_FOUND, "NotFoundResource", message))
        }
    }
}

struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Refused> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Refused::new(
                    StatusCode::BAD_REQUEST,
                    "InvalidRESTParameterError",
                    format!("Unknown API parameter: {name}."),
                ));
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(parameters))
    }

    fn number(&self, name: &str, default: i64) -> Result<i64, Refused> {
        let Some(text) = self.0.get(name) else { return Ok(default) };
        text.parse().map_err(|_| Refused::parameter(name, text, "an integer"))
    }

    /// The records that the query asks for, in its order and with its fields.
    fn found(&self, dataset: &Dataset) -> Result<Vec<Value>, Refused> {
        let names = dataset.names();
        let clause = |name: &str| self.0.get(name).map(String::as_str).filter(|text| !text.trim().is_empty());
        let filter = clause("where")
            .map(|text| odsql::filter(text, &names).map_err(|error| Refused::query(error, "where")))
            .transpose()?;
        let order = clause("order_by")
            .map(|text| odsql::order(text, &names).map_err(|error| Refused::query(error, "order_by")))
            .transpose()?
            .unwrap_or_default();
        let selected = clause("select")
            .map(|text| odsql::select(text, &names).map_err(|error| Refused::query(error, "select")))
            .transpose()?
            .unwrap_or_else(|| names.iter().map(|name| (*name).to_owned()).collect());
        let mut found: Vec<&Map<String, Value>> =
            dataset.records.iter().filter(|record| filter.as_ref().is_none_or(|filter| filter.holds(record))).collect();
        found.sort_by(|one, other| odsql::compare(&order, one, other));
        let shown = |record: &Map<String, Value>| {
            let member = |name: &String| (name.clone(), record.get(name).cloned().unwrap_or_default());
            Value::Object(selected.iter().map(member).collect())
        };
        Ok(found.into_iter().map(shown).collect())
    }
}
