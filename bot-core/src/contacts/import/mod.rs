//! Importing contacts from a table: the same file twice changes nothing, and what died in the middle is finished by
//! starting again.
//!
//! A row is known by its external id. An empty cell leaves what is stored; `-` takes it away. Rows are taken a thousand
//! at a time, each batch in a transaction of its own, and read by a thread of their own, so that memory does not grow with
//! the file. A row that is wrong is told with its line and column, and the others are taken.
//!
//! Left alone: who erased themselves (`core.contact_forgotten`), the status of who said STOP, and the language and time
//! zone of who has written to us, which are theirs to choose.

mod batch;
mod bodies;
mod columns;
mod entry;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crieur_spreadsheets::{ReadError, Row, RowProblem, Spreadsheet, SpreadsheetError};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::mpsc;

pub use self::columns::{ColumnProblem, Mapping, REJECT_COLUMNS};

use self::bodies::Bodies;
use self::columns::Columns;
use super::directory::{Directory, DirectoryError};
use super::fields::{Field, FieldKind};
use crate::clock::{Clock, Random};
use crate::core::Organisation;

/// Rows of one transaction.
const BATCH_ROWS: usize = 1_000;
/// Batches that are read ahead.
const BATCHES_AHEAD: usize = 2;
/// Most lines of a report that are kept to be shown.
pub const SHOWN_MAX: usize = 100;

/// How a file is to be imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOrder {
    pub mappings: Vec<Mapping>,
    /// Declare a text field for each column that is not known.
    pub new_fields: bool,
    /// Put every contact of the file into this group, which is made when it is not there.
    pub group: Option<String>,
    /// Do everything but keep it.
    pub dry_run: bool,
}

/// What an import works with.
#[derive(Clone, Copy, Debug)]
pub struct Importer<'i> {
    pub pool: &'i PgPool,
    pub clock: &'i Clock,
    pub random: &'i Random,
    pub organisation: &'i Organisation,
    /// `operator` or `organiser`.
    pub actor: &'i str,
}

/// Why nothing is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Columns(Vec<ColumnProblem>),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the database refused; what the report counts as done is done, run the import again to finish: {0}")]
    Database(#[from] sqlx::Error),
}

/// A row that is not taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reject {
    /// From 1, as a spreadsheet or an editor shows it.
    pub line: u64,
    pub column: Option<String>,
    /// What is wrong and what to do, without the value.
    pub reason: String,
    /// As the file has them; empty when the row cannot be read at all.
    #[serde(skip)]
    pub cells: Vec<String>,
}

/// What an import came to. `rows` is the sum of the six that follow it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ImportReport {
    pub dry_run: bool,
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub rejected: u64,
    /// They erased themselves, and are left alone.
    pub forgotten: u64,
    /// They were merged into another contact: their rows are to be removed from the file.
    pub merged: u64,
    pub collectivites_created: u64,
    pub collectivites_updated: u64,
    pub fields_declared: Vec<String>,
    /// At most [`SHOWN_MAX`] of the rejected.
    pub rejects: Vec<Reject>,
    /// What was put right, and what should be looked at: at most [`SHOWN_MAX`].
    pub notes: Vec<String>,
    /// All of them.
    pub notes_count: u64,
    /// Why the file could not be read to its end. What came before is counted, and done.
    pub stopped: Option<String>,
}

/// What is told while an import runs.
#[derive(Debug)]
pub enum Progress<'p> {
    /// So many rows have been dealt with.
    Rows(u64),
    Rejected(&'p Reject),
}

/// What the reading thread hands over.
struct Read {
    rows: Vec<Result<Row, RowProblem>>,
    /// Why there is nothing after it.
    stopped: Option<SpreadsheetError>,
}

impl Importer<'_> {
    /// Imports a table. `header` is that of the table.
    ///
    /// # Errors
    /// [`ImportError`]: nothing was done, or what the database refused was undone with its batch.
    pub async fn import(
        &self,
        table: Spreadsheet,
        order: &ImportOrder,
        mut told: impl FnMut(Progress<'_>),
    ) -> Result<ImportReport, ImportError> {
        let mut transaction = self.pool.begin().await?;
        let (columns, fields, declared) = self.prepare(&mut transaction, table.header(), order).await?;
        let mut work = Work {
            importer: *self,
            columns,
            fields,
            group: order.group.clone(),
            seen: HashMap::new(),
            bodies: Bodies::default(),
            report: ImportReport { dry_run: order.dry_run, fields_declared: declared, ..ImportReport::default() },
        };
        // A trial is one transaction, which is undone at the end: later rows must see what earlier ones made.
        let mut held = if order.dry_run {
            Some(transaction)
        } else {
            transaction.commit().await?;
            None
        };
        let mut batches = read_ahead(table);
        while let Some(Read { rows, stopped }) = batches.recv().await {
            let mut transaction = match held.take() {
                Some(transaction) => transaction,
                None => self.pool.begin().await?,
            };
            let rejects = work.take(&mut transaction, rows).await?;
            if order.dry_run {
                held = Some(transaction);
            } else {
                transaction.commit().await?;
            }
            for reject in rejects {
                told(Progress::Rejected(&reject));
                if work.report.rejects.len() < SHOWN_MAX {
                    work.report.rejects.push(reject);
                }
            }
            told(Progress::Rows(work.report.rows));
            work.report.stopped = stopped.map(|error| error.to_string());
        }
        let mut report = work.report;
        report.collectivites_created = work.bodies.created;
        report.collectivites_updated = work.bodies.updated;
        match held {
            Some(transaction) => transaction.rollback().await?,
            None => self.note_the_end(&report).await?,
        }
        Ok(report)
    }

    /// Understands the columns, and makes what they need.
    async fn prepare(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        header: &[String],
        order: &ImportOrder,
    ) -> Result<(Columns, Vec<Field>, Vec<String>), ImportError> {
        let mut directory = self.directory(transaction);
        let fields = directory.fields().await?;
        let columns = Columns::of(header, &fields, &order.mappings, order.new_fields).map_err(ImportError::Columns)?;
        let mut declared = Vec::new();
        for (key, label) in &columns.new_fields {
            directory.declare_field(key, label, FieldKind::Text).await?;
            declared.push(key.to_string());
        }
        if let Some(group) = &order.group {
            directory.create_group(group).await?;
        }
        let fields = if declared.is_empty() { fields } else { directory.fields().await? };
        let details = json!({ "columns": header.len() });
        directory.audit("contacts.import_begun", "", details).await?;
        Ok((columns, fields, declared))
    }

    async fn note_the_end(&self, report: &ImportReport) -> Result<(), ImportError> {
        let mut transaction = self.pool.begin().await?;
        let details = json!({
            "rows": report.rows, "created": report.created, "updated": report.updated, "unchanged": report.unchanged,
            "rejected": report.rejected, "forgotten": report.forgotten, "merged": report.merged,
        });
        self.directory(&mut transaction).audit("contacts.imported", "", details).await?;
        Ok(transaction.commit().await?)
    }

    fn directory<'d>(&'d self, transaction: &'d mut Transaction<'static, Postgres>) -> Directory<'d> {
        Directory {
            sql: transaction,
            organisation: self.organisation.view.id,
            now: self.clock.now(),
            actor: self.actor,
        }
    }
}

/// Reads on a thread where waiting for a disk keeps nobody.
fn read_ahead(mut table: Spreadsheet) -> mpsc::Receiver<Read> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut read = Read { rows: Vec::with_capacity(BATCH_ROWS), stopped: None };
            let ended = loop {
                match table.next() {
                    Some(Ok(row)) => read.rows.push(Ok(row)),
                    Some(Err(ReadError::Row(problem))) => read.rows.push(Err(problem)),
                    Some(Err(ReadError::File(error))) => {
                        read.stopped = Some(error);
                        break true;
                    }
                    None => break true,
                }
                if read.rows.len() == BATCH_ROWS {
                    break false;
                }
            };
            // Nobody listens when the import failed.
            if sender.blocking_send(read).is_err() || ended {
                return;
            }
        }
    });
    receiver
}

/// An import under way.
struct Work<'i> {
    importer: Importer<'i>,
    columns: Columns,
    fields: Vec<Field>,
    group: Option<String>,
    /// Digests of the external ids so far, with their lines: 24 bytes a row.
    seen: HashMap<[u8; 16], u64>,
    bodies: Bodies,
    report: ImportReport,
}

impl Work<'_> {
    fn note(&mut self, notes: Vec<String>) {
        self.report.notes_count += notes.len() as u64;
        let room = SHOWN_MAX.saturating_sub(self.report.notes.len());
        self.report.notes.extend(notes.into_iter().take(room));
    }

    /// The line on which this external id was before in this file.
    fn seen_before(&mut self, external_id: &str, line: u64) -> Option<u64> {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(external_id.as_bytes())[..16]);
        match self.seen.entry(digest) {
            std::collections::hash_map::Entry::Occupied(before) => Some(*before.get()),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(line);
                None
            }
        }
    }
}
