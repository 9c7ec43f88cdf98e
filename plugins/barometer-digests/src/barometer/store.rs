//! Tables of figures in the database: each reading that differs is a version, and none is ever changed, since an edition
//! links to the row it quotes.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::OrganisationId;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Utc};
use digest_parsing::table::{self, Table};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::definition::Key;
use crate::edition::model::{Point, Unit};

/// Rows that vanished are named up to here, and counted beyond.
const NAMED_MAX: usize = 20;

/// One version of a dataset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Version {
    pub dataset: Key,
    pub version: u32,
    /// A file's name, or the source's key.
    pub origin: String,
    pub rows: u32,
    /// As the table named them.
    pub columns: Vec<String>,
    pub remarks: Vec<Remark>,
    pub imported_at: DateTime<Utc>,
    #[serde(skip)]
    rows_hash: Vec<u8>,
}

/// What somebody who looks at a version should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "remark", rename_all = "snake_case")]
pub enum Remark {
    ColumnAppeared {
        column: String,
    },
    ColumnVanished {
        column: String,
    },
    /// One vanished and another is in its place.
    ColumnRenamed {
        from: String,
        to: String,
    },
    /// Rows of the version before that are in this one no more.
    RowsVanished {
        rows: usize,
        /// The first of them.
        named: Vec<RowName>,
    },
    /// Rows that said once more what an earlier one said.
    RowsRepeated {
        rows: usize,
    },
}

/// What a row is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RowName {
    pub indicator: String,
    pub edition: String,
    pub stratum: String,
}

impl std::fmt::Display for RowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { indicator, edition, stratum } = self;
        if stratum.is_empty() {
            write!(f, "{indicator}, {edition}")
        } else {
            write!(f, "{indicator}, {edition}, {stratum}")
        }
    }
}

/// A row of a version, with what it is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    pub indicator: String,
    #[serde(flatten)]
    pub point: Point,
}

impl Row {
    fn name(&self) -> RowName {
        let Self { indicator, point } = self;
        let (edition, stratum) = (point.edition.clone(), point.stratum.clone());
        RowName { indicator: indicator.clone(), edition, stratum }
    }
}

/// What became of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Imported {
    /// A new version, with what changed since the one before.
    New { version: Version, difference: Difference },
    /// The latest version has the very same rows.
    Unchanged { version: Version },
}

/// What changed from one version to another.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Difference {
    pub added: Vec<RowName>,
    pub vanished: Vec<RowName>,
    pub changed: Vec<Changed>,
}

/// A row that says something else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Changed {
    #[serde(flatten)]
    pub row: RowName,
    pub from: Decimal,
    pub to: Decimal,
}

/// Who imports a table, for the audit log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// At the command line.
    Operator,
    /// By itself, from a source of the digest file.
    Plugin,
}

/// Imports a table as the next version, unless the latest has the same rows. `dry_run` keeps nothing.
///
/// # Errors
/// Those of the database.
pub async fn import(
    cx: &mut Context,
    dataset: &Key,
    origin: &str,
    by: By,
    table: &Table,
    dry_run: bool,
) -> Result<Imported, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // One import after the other; of two first ones the second fails on the primary key, and is tried again.
    sqlx::query!(
        "SELECT version FROM barometer_digests.dataset WHERE organisation_id = $1 AND key = $2 FOR UPDATE",
        organisation.0,
        dataset.as_str(),
    )
    .fetch_all(cx.sql())
    .await?;
    let before = latest(cx.sql(), organisation, dataset).await?;
    let rows_hash = rows_hash(table);
    if let Some(version) = before.as_ref().filter(|version| version.rows_hash == rows_hash) {
        return Ok(Imported::Unchanged { version: version.clone() });
    }
    let rows = rows_of(table);
    let old = match &before {
        Some(version) => self::rows(cx.sql(), organisation, dataset, version.version).await?,
        None => Vec::new(),
    };
    let difference = difference(&old, &rows);
    let mut remarks = before.as_ref().map(|before| drift(&before.columns, &table.columns)).unwrap_or_default();
    if !difference.vanished.is_empty() {
        let named = difference.vanished.iter().take(NAMED_MAX).cloned().collect();
        remarks.push(Remark::RowsVanished { rows: difference.vanished.len(), named });
    }
    if table.repeated > 0 {
        remarks.push(Remark::RowsRepeated { rows: table.repeated });
    }
    let version = Version {
        dataset: dataset.clone(),
        version: before.map_or(1, |before| before.version + 1),
        origin: origin.to_owned(),
        // At most 100,000.
        rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        columns: table.columns.clone(),
        remarks,
        imported_at: now,
        rows_hash,
    };
    if !dry_run {
        insert(cx.sql(), organisation, &version, &rows).await?;
        let subject = format!("dataset:{dataset}");
        let details = json!({ "version": version.version, "rows": version.rows, "origin": origin, "by": by });
        cx.audit("dataset.imported", subject, details);
    }
    Ok(Imported::New { version, difference })
}

async fn insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    version: &Version,
    rows: &[Row],
) -> Result<(), HandlerError> {
    let number = i32::try_from(version.version).unwrap_or(i32::MAX);
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.dataset
            (organisation_id, key, version, origin, rows_hash, rows, columns, remarks, imported_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        organisation.0,
        version.dataset.as_str(),
        number,
        version.origin,
        version.rows_hash,
        i32::try_from(version.rows).unwrap_or(i32::MAX),
        &version.columns,
        Json(&version.remarks) as _,
        version.imported_at,
    )
    .execute(&mut *sql)
    .await?;
    let numbers: Vec<i32> = rows.iter().map(|row| i32::try_from(row.point.row).unwrap_or(i32::MAX)).collect();
    let indicators: Vec<&str> = rows.iter().map(|row| row.indicator.as_str()).collect();
    let editions: Vec<&str> = rows.iter().map(|row| row.point.edition.as_str()).collect();
    let strata: Vec<&str> = rows.iter().map(|row| row.point.stratum.as_str()).collect();
    let values: Vec<Decimal> = rows.iter().map(|row| row.point.value).collect();
    let units: Vec<&str> = rows.iter().map(|row| row.point.unit.as_str()).collect();
    let bases: Vec<Option<i64>> =
        rows.iter().map(|row| row.point.base.map(|base| i64::try_from(base).unwrap_or(i64::MAX))).collect();
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.figure
            (organisation_id, dataset_key, version, row, indicator, edition, stratum, value, unit, base)
        SELECT $1, $2, $3, row, indicator, edition, stratum, value, unit, base
        FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::numeric[], $9::text[], $10::bigint[])
            AS given (row, indicator, edition, stratum, value, unit, base)
        "#,
        organisation.0,
        version.dataset.as_str(),
        number,
        &numbers,
        &indicators as _,
        &editions as _,
        &strata as _,
        &values,
        &units as _,
        &bases as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// The rows of a table, numbered from 1 in their order.
fn rows_of(table: &Table) -> Vec<Row> {
    let rows = table.figures.iter().zip(1..).map(|(figure, row)| Row {
        indicator: figure.indicator.clone(),
        point: Point {
            edition: figure.edition.clone(),
            stratum: figure.stratum.clone(),
            value: figure.value,
            unit: match figure.unit {
                table::Unit::Percent => Unit::Percent,
                table::Unit::Count => Unit::Count,
                table::Unit::Euro => Unit::Euro,
            },
            base: figure.base,
            row,
        },
    });
    rows.collect()
}

/// SHA-256 over the rows as JSON lines, sorted: the same rows in another form, or another order, are the same.
fn rows_hash(table: &Table) -> Vec<u8> {
    let mut lines: Vec<String> = table
        .figures
        .iter()
        .map(|figure| {
            let value = figure.value.normalize().to_string();
            let unit = figure.unit.as_str();
            json!([figure.indicator, figure.edition, figure.stratum, value, unit, figure.base]).to_string()
        })
        .collect();
    lines.sort_unstable();
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().to_vec()
}

/// What became of the columns: appeared, vanished, or renamed where another one is in the same place.
pub(super) fn drift(before: &[String], after: &[String]) -> Vec<Remark> {
    let is_new = |column: &String| !before.contains(column);
    let mut remarks = Vec::new();
    let mut renamed = BTreeSet::new();
    for (place, from) in before.iter().enumerate().filter(|(_, column)| !after.contains(column)) {
        match after.get(place).filter(|to| before.len() == after.len() && is_new(to)) {
            Some(to) => {
                renamed.insert(to);
                remarks.push(Remark::ColumnRenamed { from: from.clone(), to: to.clone() });
            }
            None => remarks.push(Remark::ColumnVanished { column: from.clone() }),
        }
    }
    for column in after.iter().filter(|column| is_new(column) && !renamed.contains(column)) {
        remarks.push(Remark::ColumnAppeared { column: column.clone() });
    }
    remarks
}

/// What changed from `before` to `after`, in the order of the rows.
pub fn difference(before: &[Row], after: &[Row]) -> Difference {
    let by_name =
        |rows: &[Row]| -> BTreeMap<RowName, Point> { rows.iter().map(|row| (row.name(), row.point.clone())).collect() };
    let (old, new) = (by_name(before), by_name(after));
    let mut difference = Difference::default();
    for row in after {
        match old.get(&row.name()) {
            None => difference.added.push(row.name()),
            Some(point) => {
                let same = (point.value, point.unit, point.base) == (row.point.value, row.point.unit, row.point.base);
                if !same {
                    difference.changed.push(Changed { row: row.name(), from: point.value, to: row.point.value });
                }
            }
        }
    }
    difference.vanished = before.iter().map(Row::name).filter(|name| !new.contains_key(name)).collect();
    difference
}

/// The latest version of a dataset.
///
/// # Errors
/// Those of the database.
pub async fn latest(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &Key,
) -> Result<Option<Version>, HandlerError> {
    Ok(versions(sql, organisation, Some(dataset)).await?.into_iter().next())
}

/// Versions of one dataset, or of all, by dataset, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn versions(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: Option<&Key>,
) -> Result<Vec<Version>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT key, version, origin, rows_hash, rows, columns, remarks AS "remarks: Json<Vec<Remark>>", imported_at
        FROM barometer_digests.dataset WHERE organisation_id = $1 AND ($2::text IS NULL OR key = $2)
        ORDER BY key, version DESC
        "#,
        organisation.0,
        dataset.map(Key::as_str),
    )
    .fetch_all(sql)
    .await?;
    let versions = rows.into_iter().map(|row| {
        Ok(Version {
            dataset: row.key.parse().map_err(HandlerError::Broken)?,
            version: u32::try_from(row.version).unwrap_or_default(),
            origin: row.origin,
            rows: u32::try_from(row.rows).unwrap_or_default(),
            columns: row.columns,
            remarks: row.remarks.0,
            imported_at: row.imported_at,
            rows_hash: row.rows_hash,
        })
    });
    versions.collect()
}

/// The rows of one version, in their order; none where there is no such version.
///
/// # Errors
/// Those of the database.
pub async fn rows(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &Key,
    version: u32,
) -> Result<Vec<Row>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT row, indicator, edition, stratum, value, unit, base FROM barometer_digests.figure
        WHERE organisation_id = $1 AND dataset_key = $2 AND version = $3 ORDER BY row
        "#,
        organisation.0,
        dataset.as_str(),
        i32::try_from(version).unwrap_or(i32::MAX),
    )
    .fetch_all(sql)
    .await?;
    rows.into_iter()
        .map(|row| {
            let point = point(row.row, row.edition, row.stratum, row.value, &row.unit, row.base)?;
            Ok(Row { indicator: row.indicator, point })
        })
        .collect()
}

/// The points of one indicator, in the order of the data.
///
/// # Errors
/// Those of the database.
pub async fn points(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &Key,
    version: u32,
    indicator: &str,
) -> Result<Vec<Point>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT row, edition, stratum, value, unit, base FROM barometer_digests.figure
        WHERE organisation_id = $1 AND dataset_key = $2 AND version = $3 AND indicator = $4 ORDER BY row
        "#,
        organisation.0,
        dataset.as_str(),
        i32::try_from(version).unwrap_or(i32::MAX),
        indicator,
    )
    .fetch_all(sql)
    .await?;
    rows.into_iter().map(|row| point(row.row, row.edition, row.stratum, row.value, &row.unit, row.base)).collect()
}

fn point(
    row: i32,
    edition: String,
    stratum: String,
    value: Decimal,
    unit: &str,
    base: Option<i64>,
) -> Result<Point, HandlerError> {
    let unit = match unit {
        "percent" => Unit::Percent,
        "count" => Unit::Count,
        "euro" => Unit::Euro,
        other => return Err(HandlerError::Broken(format!("a figure has the unknown unit {other:?}"))),
    };
    let base = base.map(|base| u64::try_from(base).unwrap_or_default());
    // As it is written in an edition, whatever the database made of its zeros.
    Ok(Point { edition, stratum, value: value.normalize(), unit, base, row: u32::try_from(row).unwrap_or_default() })
}
