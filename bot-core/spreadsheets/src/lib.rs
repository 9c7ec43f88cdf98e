//! Rows of a table as towns keep it: CSV as spreadsheets write it, XLSX, ODS.
//!
//! [`Spreadsheet::open`] looks at the content, not at the name: a workbook is told by its first bytes, the encoding of a
//! CSV file by reading it once (UTF-8 if the whole of it is, else Windows-1252; UTF-16 by its mark), its separator by the
//! header. Rows then come one at a time, with the numbers a spreadsheet shows, and memory does not grow with the file:
//! an XLSX file alone keeps its table of shared texts, which is bounded.
//!
//! A cell is text as a French reader sees it: `1,5`, `01/09/2026`, `01004` where the cell is formatted so. Spaces around
//! it are taken away, and so is the quote by which [`CsvWriter`] keeps a text from being taken for a formula.
//!
//! What is wrong with one row is told with its line and column, and reading goes on; what is wrong with the file ends it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cell;
mod container;
mod csv_rows;
mod encoding;
mod error;
mod ods;
mod workbook;
mod writer;
mod xlsx;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

pub use self::cell::french_date;
pub use self::encoding::Encoding;
pub use self::error::{Fault, ReadError, RowProblem, SpreadsheetError};
pub use self::writer::CsvWriter;

use self::csv_rows::CsvRows;
use self::workbook::WorkbookRows;

/// Largest file that is looked at, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most columns of a table.
pub const COLUMNS_MAX: usize = 500;
/// Longest cell, in bytes of UTF-8.
pub const CELL_BYTES_MAX: usize = 20_000;
/// Longest row, in bytes as the file has them.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// Anything a table can be read from, twice.
pub trait Source: Read + Seek + Send + 'static {}
impl<S: Read + Seek + Send + 'static> Source for S {}

/// How a table is kept in its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    Csv { encoding: Encoding, separator: char },
    Xlsx { sheet: String },
    Ods { sheet: String },
}

/// One row of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The line of the file, or the row of the sheet, from 1.
    pub line: u64,
    /// As many as the header has; an empty cell is an empty text.
    pub cells: Vec<String>,
    /// Cells the row had less than the header. Spreadsheets leave out what is empty at the end of a row, so these are
    /// taken as empty; a file that was cut looks the same.
    pub missing: usize,
}

/// A row before it was held against the header.
#[derive(Debug, Default)]
struct RawRow {
    line: u64,
    cells: Vec<String>,
    /// The first cell that cannot be read, by its index.
    fault: Option<(usize, Fault)>,
}

impl RawRow {
    fn is_empty(&self) -> bool {
        self.fault.is_none() && self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

#[derive(Debug)]
enum Rows {
    Csv(CsvRows),
    Workbook(WorkbookRows),
}

/// A table with a header, to be read once, row by row.
#[derive(Debug)]
pub struct Spreadsheet {
    form: Form,
    header: Vec<String>,
    rows_hint: Option<u64>,
    rows: Rows,
    ended: bool,
}

impl Spreadsheet {
    /// Opens a file. `sheet` names a sheet of a workbook; the first visible one when left out.
    ///
    /// # Errors
    /// [`SpreadsheetError`], with what to do about it.
    pub fn open(path: &Path, sheet: Option<&str>) -> Result<Self, SpreadsheetError> {
        Self::read(File::open(path).map_err(SpreadsheetError::Io)?, sheet)
    }

    /// Reads a table from anything that is like a file.
    ///
    /// # Errors
    /// As [`Spreadsheet::open`].
    pub fn read(mut source: impl Source, sheet: Option<&str>) -> Result<Self, SpreadsheetError> {
        let (form, rows_hint, mut rows) = match container::kind_of(&mut source)? {
            container::Kind::Text => {
                if let Some(sheet) = sheet {
                    return Err(SpreadsheetError::NoSheets(sheet.to_owned()));
                }
                let (csv, encoding, lines) = CsvRows::open(source)?;
                let separator = char::from(csv.separator());
                // Its header is no row.
                (Form::Csv { encoding, separator }, Some(lines.saturating_sub(1)), Rows::Csv(csv))
            }
            container::Kind::Xlsx => {
                let (rows, sheet, hint) = WorkbookRows::open(source, sheet, xlsx::read)?;
                (Form::Xlsx { sheet }, hint, Rows::Workbook(rows))
            }
            container::Kind::Ods => {
                let (rows, sheet, hint) = WorkbookRows::open(source, sheet, ods::read)?;
                (Form::Ods { sheet }, hint, Rows::Workbook(rows))
            }
        };
        let header = loop {
            match rows.next()? {
                Some(row) if row.is_empty() => {}
                Some(row) => break header(row)?,
                None => return Err(SpreadsheetError::Empty),
            }
        };
        Ok(Self { form, header, rows_hint, rows, ended: false })
    }

    /// The names of the columns, as they are written. One that has no name is empty.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    pub fn form(&self) -> &Form {
        &self.form
    }

    /// About how many rows will come, for a progress bar.
    pub fn rows_hint(&self) -> Option<u64> {
        self.rows_hint
    }

    /// The row as its header has it.
    fn fitted(&self, row: RawRow) -> Result<Row, RowProblem> {
        let RawRow { line, mut cells, fault } = row;
        let problem = |index: usize, fault| RowProblem { line, column: self.header.get(index).cloned(), fault };
        if let Some((index, fault)) = fault {
            return Err(problem(index, fault));
        }
        while cells.len() > self.header.len() && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            cells.pop();
        }
        if cells.len() > self.header.len() {
            let fault = Fault::TooManyCells { found: cells.len(), expected: self.header.len() };
            return Err(RowProblem { line, column: None, fault });
        }
        for (index, cell) in cells.iter_mut().enumerate() {
            *cell = cell::settled(cell).map_err(|fault| problem(index, fault))?;
            if !cell.is_empty() && self.header[index].is_empty() {
                return Err(RowProblem { line, column: None, fault: Fault::NamelessColumn { position: index + 1 } });
            }
        }
        // A workbook has no empty cells at all.
        let missing = if matches!(self.rows, Rows::Csv(_)) { self.header.len() - cells.len() } else { 0 };
        cells.resize(self.header.len(), String::new());
        Ok(Row { line, cells, missing })
    }
}

impl Iterator for Spreadsheet {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.rows.next() {
                Ok(Some(row)) if row.is_empty() => {}
                Ok(Some(row)) => return Some(self.fitted(row).map_err(ReadError::Row)),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(ReadError::File(error)));
                }
            }
        }
        None
    }
}

impl Rows {
    fn next(&mut self) -> Result<Option<RawRow>, SpreadsheetError> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Workbook(rows) => rows.next(),
        }
    }
}

fn header(row: RawRow) -> Result<Vec<String>, SpreadsheetError> {
    let line = row.line;
    if let Some((index, fault)) = row.fault {
        return Err(SpreadsheetError::Header { line, position: index + 1, fault });
    }
    let mut names = Vec::with_capacity(row.cells.len());
    for (index, cell) in row.cells.iter().enumerate() {
        let name =
            cell::settled(cell).map_err(|fault| SpreadsheetError::Header { line, position: index + 1, fault })?;
        // Several lines in one cell are one name.
        names.push(name.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    if names.len() > COLUMNS_MAX {
        return Err(SpreadsheetError::TooManyColumns { line });
    }
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().position(|other| other == name && !name.is_empty()) {
            return Err(SpreadsheetError::DuplicateColumn { name: name.clone(), first: first + 1, second: index + 1 });
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
