//! Rows of a workbook, read by a thread of their own: the readers lend what they read from, and a damaged file that
//! makes one panic is no more than a damaged file.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::SpreadsheetError;
use crate::{COLUMNS_MAX, ROW_BYTES_MAX, RawRow, Source};

const BATCH_ROWS: usize = 256;
/// Batches that wait for their reader.
const BATCHES: usize = 2;
/// Rows of a sheet, in Excel and LibreOffice alike.
pub(crate) const ROWS_MAX: u64 = 1_048_576;

pub(crate) enum News {
    Opened { sheet: String, rows_hint: Option<u64> },
    Rows(Vec<RawRow>),
    Failed(SpreadsheetError),
    Done,
}

/// Where a reader of a workbook puts what it reads.
pub(crate) struct Sink {
    sender: SyncSender<News>,
    batch: Vec<RawRow>,
    batch_bytes: usize,
    last: u64,
}

/// Nobody reads any more.
#[derive(Debug)]
pub(crate) struct Gone;

/// Why a reader stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    Gone,
    Failed(SpreadsheetError),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<SpreadsheetError> for Stop {
    fn from(error: SpreadsheetError) -> Self {
        Self::Failed(error)
    }
}

impl Sink {
    pub fn opened(&self, sheet: String, rows_hint: Option<u64>) -> Result<(), Gone> {
        self.sender.send(News::Opened { sheet, rows_hint }).map_err(|_| Gone)
    }

    /// The last row that was read whole.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// # Errors
    /// When the row is larger than a row may be, or nobody reads.
    pub fn row(&mut self, row: RawRow) -> Result<(), Stop> {
        if row.cells.len() > COLUMNS_MAX {
            return Err(SpreadsheetError::TooManyColumns { line: row.line }.into());
        }
        let bytes: usize = row.cells.iter().map(String::len).sum();
        if bytes > ROW_BYTES_MAX {
            return Err(SpreadsheetError::RowTooLong { line: row.line }.into());
        }
        if row.line <= self.last || row.line > ROWS_MAX {
            return Err(self.damaged(format!("row {} comes after it", row.line)).into());
        }
        self.last = row.line;
        self.batch_bytes += bytes;
        self.batch.push(row);
        if self.batch.len() >= BATCH_ROWS || self.batch_bytes > ROW_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Gone> {
        self.batch_bytes = 0;
        self.sender.send(News::Rows(std::mem::take(&mut self.batch))).map_err(|_| Gone)
    }

    pub fn damaged(&self, reason: impl ToString) -> SpreadsheetError {
        SpreadsheetError::Damaged { line: self.last, reason: reason.to_string() }
    }
}

/// Rows as they arrive from the thread.
#[derive(Debug)]
pub(crate) struct WorkbookRows {
    receiver: Receiver<News>,
    batch: std::vec::IntoIter<RawRow>,
    last: u64,
}

impl WorkbookRows {
    /// Starts `read` on a thread; gives back the sheet it reads, and about how many rows that has.
    pub fn open<S: Source>(
        source: S,
        sheet: Option<&str>,
        read: fn(S, Option<&str>, &mut Sink) -> Result<(), Stop>,
    ) -> Result<(Self, String, Option<u64>), SpreadsheetError> {
        let (sender, receiver) = sync_channel(BATCHES);
        let sheet = sheet.map(str::to_owned);
        let work = move || {
            let mut sink = Sink { sender, batch: Vec::new(), batch_bytes: 0, last: 0 };
            let done = read(source, sheet.as_deref(), &mut sink);
            let flushed = sink.flush();
            // Where nobody listens, nobody is to be told.
            let _ = match (done, flushed) {
                (Ok(()), Ok(())) => sink.sender.send(News::Done),
                (Err(Stop::Failed(error)), _) => sink.sender.send(News::Failed(error)),
                (Err(Stop::Gone), _) | (_, Err(Gone)) => Ok(()),
            };
        };
        thread::Builder::new().name("spreadsheet".to_owned()).spawn(work).map_err(SpreadsheetError::Io)?;
        let mut rows = Self { receiver, batch: Vec::new().into_iter(), last: 0 };
        loop {
            match rows.receiver.recv() {
                Ok(News::Opened { sheet, rows_hint }) => return Ok((rows, sheet, rows_hint)),
                Ok(News::Failed(error)) => return Err(error),
                // What is flushed when nothing was opened is empty.
                Ok(News::Rows(batch)) => rows.batch = batch.into_iter(),
                Ok(News::Done) | Err(_) => return Err(rows.broken()),
            }
        }
    }

    pub fn next(&mut self) -> Result<Option<RawRow>, SpreadsheetError> {
        loop {
            if let Some(row) = self.batch.next() {
                self.last = row.line;
                return Ok(Some(row));
            }
            match self.receiver.recv() {
                Ok(News::Rows(batch)) => self.batch = batch.into_iter(),
                Ok(News::Done) => return Ok(None),
                Ok(News::Failed(error)) => return Err(error),
                Ok(News::Opened { .. }) => {}
                Err(_) => return Err(self.broken()),
            }
        }
    }

    /// The thread ended without a word: it panicked over what it read.
    fn broken(&self) -> SpreadsheetError {
        SpreadsheetError::Damaged { line: self.last, reason: "its content makes no sense".to_owned() }
    }
}
