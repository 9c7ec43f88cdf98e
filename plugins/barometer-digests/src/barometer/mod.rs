//! Figures of a barometer: tables read and kept as versions, compared from edition to edition, quoted with their row.

mod chart;
pub mod compare;
pub mod open_data;
pub mod remote;
pub mod store;
#[cfg(test)]
mod tests;

use bot_core::OrganisationId;
use bot_core::plugin::HandlerError;
pub use digest_parsing::table;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use crate::definition::{Definition, FigurePlan, Key};
use crate::edition::model::{Content, Entry, EntryKey, Figure, Point};
use crate::edition::period::Window;

/// Figures that are new: those of the file whose rows changed with a version imported in `window`, in the order of the
/// file. The version quoted is the last one imported before the window's end.
///
/// # Errors
/// Those of the database.
pub async fn candidates(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let versions = store::versions(&mut *sql, organisation, None).await?;
    let mut entries = Vec::new();
    for plan in &definition.figures {
        let of_dataset = || versions.iter().filter(|version| version.dataset == plan.dataset);
        // The newest first.
        let Some(current) = of_dataset().find(|version| version.imported_at < window.until) else { continue };
        if current.imported_at < window.from {
            continue;
        }
        let points = store::points(&mut *sql, organisation, &plan.dataset, current.version, &plan.indicator).await?;
        if let Some(known) = of_dataset().find(|version| version.imported_at < window.from) {
            let before = store::points(&mut *sql, organisation, &plan.dataset, known.version, &plan.indicator).await?;
            if says_the_same(&before, &points) {
                continue;
            }
        }
        entries.extend(entry(plan, current.version, &points));
    }
    Ok(entries)
}

/// One figure as the latest version has it, new or not. `None` where there is no data for it.
///
/// # Errors
/// Those of the database.
pub async fn figure(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    plan: &FigurePlan,
) -> Result<Option<Entry>, HandlerError> {
    let Some(latest) = store::latest(&mut *sql, organisation, &plan.dataset).await? else { return Ok(None) };
    let points = store::points(sql, organisation, &plan.dataset, latest.version, &plan.indicator).await?;
    Ok(entry(plan, latest.version, &points))
}

/// Rows may have moved within the table: that is no news.
fn says_the_same(before: &[Point], after: &[Point]) -> bool {
    let said = |points: &[Point]| {
        let mut said: Vec<Point> = points.iter().map(|point| Point { row: 0, ..point.clone() }).collect();
        said.sort_by(|one, other| (&one.edition, &one.stratum).cmp(&(&other.edition, &other.stratum)));
        said
    };
    said(before) == said(after)
}

fn entry(plan: &FigurePlan, version: u32, points: &[Point]) -> Option<Entry> {
    let editions = compare::editions(points);
    let last = *editions.last()?;
    let mut of_last = points.iter().filter(|point| point.edition == last);
    // Everybody, or where nobody counted everybody, the first stratum of the data.
    let latest = of_last.clone().find(|point| point.stratum.is_empty()).or_else(|| of_last.next())?;
    let asked_before =
        |edition: &&&str| points.iter().find(|point| point.edition == ***edition && point.stratum == latest.stratum);
    let previous = editions.iter().rev().skip(1).find_map(|edition| asked_before(&edition));
    let mut topics = plan.topics.clone();
    topics.sort();
    let figure = Figure {
        indicator: plan.indicator.clone(),
        name: plan.name.clone(),
        latest: latest.clone(),
        previous: previous.cloned(),
        chart: plan.chart.and_then(|kind| chart::chart(kind, points, &editions, latest)),
        dataset: plan.dataset.clone(),
        dataset_version: version,
    };
    Some(Entry { key: key(&plan.dataset, &plan.indicator), topics, content: Content::Figure(figure) })
}

/// The same for ever, whatever the version.
fn key(dataset: &Key, indicator: &str) -> EntryKey {
    let hash = Sha256::digest(indicator.as_bytes());
    let short: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    EntryKey(format!("figure:{dataset}:{short}"))
}
