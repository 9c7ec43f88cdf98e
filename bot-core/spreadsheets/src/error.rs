//! What can be wrong with a file and with a row, and what to do about it.

use std::io;

use crate::{CELL_BYTES_MAX, COLUMNS_MAX, FILE_BYTES_MAX, ROW_BYTES_MAX};

/// Why a file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum SpreadsheetError {
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
    #[error("the file is empty: a table begins with a line that names its columns")]
    Empty,
    #[error("the file is larger than {} MiB: split it, or keep only the columns that are needed", FILE_BYTES_MAX >> 20)]
    TooLarge,
    #[error("unpacked, the workbook is far larger than a table is ({0}): save the sheet as CSV and import that")]
    TooLargeUnpacked(String),
    #[error(
        "this is an old .xls workbook, or one with a password: open it and save it without password as .xlsx, .ods or \
         CSV"
    )]
    OldOrLocked,
    #[error("this is neither CSV nor a workbook (.xlsx, .ods): export the table as “CSV UTF-8” and import that")]
    NotATable,
    #[error(
        "line {line} is not UTF-8, although the file begins as UTF-8: it was put together from several files. Open it in a \
         spreadsheet, look at the accents, and export it as “CSV UTF-8” again"
    )]
    MixedEncodings { line: u64 },
    #[error("the file is not the {0} it says it is: export the table as “CSV UTF-8” again")]
    BrokenEncoding(&'static str),
    #[error(
        "the quotation mark that opens a cell on line {line} is never closed: close it, or double it if it belongs to the \
         text"
    )]
    UnclosedQuote { line: u64 },
    #[error(
        "the row that begins on line {line} has more than {} KiB: is a quotation mark missing there? A quotation mark \
         within a text is doubled",
        ROW_BYTES_MAX >> 10
    )]
    RowTooLong { line: u64 },
    #[error("line {line} has more than {COLUMNS_MAX} columns: keep only those that are needed")]
    TooManyColumns { line: u64 },
    #[error("line {line}, which names the columns, has an unreadable name in column {position}: {fault}")]
    Header { line: u64, position: usize, fault: Fault },
    #[error("two columns are named “{name}” (columns {first} and {second}): rename one")]
    DuplicateColumn { name: String, first: usize, second: usize },
    #[error("there is no sheet “{0}” in a CSV file: leave --sheet out")]
    NoSheets(String),
    #[error("the workbook has no sheet “{name}”: it has {}", known.join(", "))]
    UnknownSheet { name: String, known: Vec<String> },
    #[error("the workbook has no sheet with rows")]
    NoSheet,
    #[error("the workbook is damaged after row {line} ({reason}): open it, save it again, or export it as CSV")]
    Damaged { line: u64, reason: String },
}

/// Why one row cannot be read. Reading goes on after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowProblem {
    /// From 1, as a spreadsheet or an editor shows it.
    pub line: u64,
    /// The name of the column, where the problem is in one.
    pub column: Option<String>,
    pub fault: Fault,
}

impl std::fmt::Display for RowProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column “{column}”: {}", self.line, self.fault),
            None => write!(f, "line {}: {}", self.line, self.fault),
        }
    }
}

impl std::error::Error for RowProblem {}

/// What is wrong with a row or a cell.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error(
        "{found} cells where the header names {expected}: is a separator part of a text? Put such a text between quotation \
         marks"
    )]
    TooManyCells { found: usize, expected: usize },
    #[error("column {position} has a value and no name: name it in the header")]
    NamelessColumn { position: usize },
    #[error("the cell has more than {CELL_BYTES_MAX} bytes: shorten it")]
    CellTooLong,
    #[error("the cell has a character that is none (control character): type the cell again")]
    Unreadable,
    #[error("the formula gives {0}: correct it, or replace it by its value")]
    FormulaFailed(String),
}

/// What the next row came to instead of a row.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This row is wrong; the next one may be read.
    #[error(transparent)]
    Row(RowProblem),
    /// Nothing more can be read.
    #[error(transparent)]
    File(SpreadsheetError),
}
