//! A file of completions: who has answered, as a questionnaire tool exports it. The same file twice changes nothing.
//!
//! Rows are taken some hundred at a time, each portion in a transaction of its own, so that a large file holds nothing
//! up; a file that could not be read to its end is done as far as it was read.

mod columns;

use std::collections::BTreeSet;

use bot_core::PluginId;
use bot_core::core::{Core, Organisation};
use bot_core::plugin::{Context, HandlerError};
use bot_core::service::ServiceError;
use bot_core::spreadsheets::{ReadError, Row, Spreadsheet};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::json;

pub use self::columns::{ColumnProblem, Mapping};
use self::columns::{Columns, RowSays};
use crate::answers::{Completeness, Heard, News, Source, Who, heard_all};
use crate::definition::Definition;
use crate::store::CampaignId;

/// Rows of one transaction.
const BATCH_ROWS: usize = 300;
/// Most lines of a report that are kept to be shown.
pub const SHOWN_MAX: usize = 100;

/// How a file is to be taken.
#[derive(Clone, Debug, Default)]
pub struct CompletionsOrder {
    pub mappings: Vec<Mapping>,
    /// Do everything but keep it.
    pub dry_run: bool,
}

/// Why nothing was taken, or no more.
#[derive(Debug, thiserror::Error)]
pub enum CompletionsError {
    #[error("there is no campaign `{0}`: `crieur campaign list` names them")]
    UnknownCampaign(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Columns(Vec<ColumnProblem>),
    #[error("{0}")]
    Handler(#[from] HandlerError),
    #[error("{0}")]
    Service(#[from] ServiceError),
}

/// A row that was not taken, or matched nobody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RowNote {
    /// From 1, as a spreadsheet or an editor shows it.
    pub line: u64,
    pub column: Option<String>,
    /// What is wrong and what to do, without the value.
    pub reason: String,
}

/// What a file came to. `rows` is the sum of the six that follow it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct CompletionsReport {
    pub dry_run: bool,
    pub rows: u64,
    /// News for a respondent.
    pub matched: u64,
    /// Heard before, from this file or another.
    pub known: u64,
    /// Nobody's: kept and listed.
    pub unmatched: u64,
    /// The row says that nothing was answered.
    pub not_answered: u64,
    /// The same as an earlier row of this file.
    pub repeated: u64,
    pub rejected: u64,
    /// Of those matched, how many only began.
    pub begun: u64,
    /// At most [`SHOWN_MAX`].
    pub unmatched_rows: Vec<RowNote>,
    /// At most [`SHOWN_MAX`].
    pub rejects: Vec<RowNote>,
    /// Why the file could not be read to its end. What came before is counted, and done.
    pub stopped: Option<String>,
}

/// Takes a file for the campaign `slug`. `told` hears how many rows were dealt with, now and then.
///
/// # Errors
/// [`CompletionsError`]: the rows that were not counted before are as they were.
pub async fn import(
    core: &Core,
    organisation: &Organisation,
    slug: &str,
    table: Spreadsheet,
    order: &CompletionsOrder,
    mut told: impl FnMut(u64),
) -> Result<CompletionsReport, CompletionsError> {
    let columns = Columns::of(table.header(), &order.mappings).map_err(CompletionsError::Columns)?;
    let plugin = "survey-reminders".parse::<PluginId>().map_err(|error| HandlerError::Broken(error.to_string()))?;
    let found = core.perform(organisation, &plugin, async |cx| find(cx, slug).await).await??;
    let (campaign, zone) = found.ok_or_else(|| CompletionsError::UnknownCampaign(slug.to_owned()))?;
    let work = Work { core, organisation, plugin, campaign, dry_run: order.dry_run };
    let mut reading = Reading { table, columns, zone, seen: BTreeSet::new() };
    let mut report = CompletionsReport { dry_run: order.dry_run, ..CompletionsReport::default() };
    loop {
        let (news, ended) = reading.portion(&mut report);
        work.take(news, &mut report).await?;
        told(report.rows);
        if ended {
            break;
        }
    }
    work.note_the_end(&report).await?;
    Ok(report)
}

async fn find(cx: &mut Context, slug: &str) -> Result<Option<(CampaignId, Tz)>, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        "SELECT id, definition FROM survey_reminders.campaign WHERE organisation_id = $1 AND slug = $2",
        organisation.0,
        slug,
    )
    .fetch_optional(cx.sql())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let unreadable = |error| HandlerError::Broken(format!("a stored campaign cannot be read: {error}"));
    let definition: Definition = serde_json::from_value(row.definition).map_err(unreadable)?;
    Ok(Some((CampaignId(row.id), definition.zone(cx.organisation.time_zone))))
}

/// The file, read once.
struct Reading {
    table: Spreadsheet,
    columns: Columns,
    zone: Tz,
    /// What the file has said so far: without it a trial would count a repeated row as new.
    seen: BTreeSet<(String, Completeness)>,
}

impl Reading {
    /// The news of the next rows, with the line of each, and whether the file has ended.
    fn portion(&mut self, report: &mut CompletionsReport) -> (Vec<(u64, News)>, bool) {
        let mut news = Vec::new();
        while news.len() < BATCH_ROWS {
            let row = match self.table.next() {
                None => return (news, true),
                Some(Err(ReadError::File(error))) => {
                    report.stopped = Some(error.to_string());
                    return (news, true);
                }
                Some(Err(ReadError::Row(problem))) => {
                    report.rows += 1;
                    report.rejected += 1;
                    let reason = problem.fault.to_string();
                    show(&mut report.rejects, RowNote { line: problem.line, column: problem.column, reason });
                    continue;
                }
                Some(Ok(row)) => row,
            };
            report.rows += 1;
            match self.news_of(&row) {
                Ok(Some(one)) => {
                    if self.seen.insert((one.reference.as_str().to_owned(), one.completeness)) {
                        news.push((row.line, one));
                    } else {
                        report.repeated += 1;
                    }
                }
                Ok(None) => report.not_answered += 1,
                Err(note) => {
                    report.rejected += 1;
                    show(&mut report.rejects, note);
                }
            }
        }
        (news, false)
    }

    fn news_of(&self, row: &Row) -> Result<Option<News>, RowNote> {
        let rejected = |(column, reason): (Option<&str>, &str)| RowNote {
            line: row.line,
            column: column.map(str::to_owned),
            reason: reason.to_owned(),
        };
        let says = self.columns.read(&row.cells, self.zone).map_err(rejected)?;
        let RowSays::Answer { reference, completeness, keys, answered_at } = says else { return Ok(None) };
        Ok(Some(News { source: Source::File, reference, completeness, who: Who::Keys(keys), answered_at }))
    }
}

fn show(notes: &mut Vec<RowNote>, note: RowNote) {
    if notes.len() < SHOWN_MAX {
        notes.push(note);
    }
}

/// Where the rows go.
struct Work<'w> {
    core: &'w Core,
    organisation: &'w Organisation,
    plugin: PluginId,
    campaign: CampaignId,
    dry_run: bool,
}

/// How a portion's transaction ends.
enum Ending {
    /// It was a trial.
    Undone(Vec<Heard>),
    Failed(HandlerError),
}

impl Work<'_> {
    async fn take(&self, news: Vec<(u64, News)>, report: &mut CompletionsReport) -> Result<(), CompletionsError> {
        let (lines, news): (Vec<(u64, Completeness)>, Vec<News>) =
            news.into_iter().map(|(line, one)| ((line, one.completeness), one)).unzip();
        let (campaign, dry_run) = (self.campaign, self.dry_run);
        let done = self.core.perform(self.organisation, &self.plugin, async |cx| {
            let heard = heard_all(cx, campaign, news).await.map_err(Ending::Failed)?;
            // An error rolls everything back.
            if dry_run { Err(Ending::Undone(heard)) } else { Ok(heard) }
        });
        let heard = match done.await? {
            Ok(heard) | Err(Ending::Undone(heard)) => heard,
            Err(Ending::Failed(error)) => return Err(error.into()),
        };
        for ((line, completeness), heard) in lines.into_iter().zip(heard) {
            match heard {
                Heard::Known => report.known += 1,
                Heard::Matched(_) => {
                    report.matched += 1;
                    report.begun += u64::from(completeness == Completeness::Partial);
                }
                Heard::Unmatched(why) => {
                    report.unmatched += 1;
                    show(&mut report.unmatched_rows, RowNote { line, column: None, reason: why.to_string() });
                }
            }
        }
        Ok(())
    }

    async fn note_the_end(&self, report: &CompletionsReport) -> Result<(), CompletionsError> {
        if self.dry_run {
            return Ok(());
        }
        let (scope, details) = (
            self.campaign.scope(),
            json!({ "rows": report.rows, "matched": report.matched, "unmatched": report.unmatched }),
        );
        let noted = self.core.perform(self.organisation, &self.plugin, async |cx| {
            cx.audit("campaign.completions_imported", scope, details);
            Ok::<_, HandlerError>(())
        });
        Ok(noted.await??)
    }
}

#[cfg(test)]
mod tests;
