//! CSV, by the reader that knows how towns keep their tables.

use std::io::Cursor;

use crieur_spreadsheets::{Form, ReadError, Spreadsheet, SpreadsheetError};

use super::rows::{Cell, Rows};
use super::{COLUMNS_MAX, Fault, Place, Problem, ROWS_MAX, Table, TableError, TableErrors, Wanted, columns, shown};

pub(super) fn read(bytes: Vec<u8>, wanted: &Wanted) -> Result<Table, TableErrors> {
    let unreadable = |error: &SpreadsheetError| match error {
        SpreadsheetError::Empty => TableError::NoRows,
        SpreadsheetError::TooManyColumns { .. } => TableError::TooManyColumns,
        other => TableError::Unreadable { words: other.to_string() },
    };
    // A workbook hides how a cell is formatted: 80 % is 0.8 in there.
    if bytes.starts_with(b"PK") {
        return Err(TableError::Workbook.into());
    }
    let mut sheet = Spreadsheet::read(Cursor::new(bytes), None).map_err(|error| unreadable(&error))?;
    if !matches!(sheet.form(), Form::Csv { .. }) {
        return Err(TableError::Workbook.into());
    }
    let columns: Vec<String> = sheet.header().iter().cloned().map(columns::name).collect();
    if columns.len() > COLUMNS_MAX {
        return Err(TableError::TooManyColumns.into());
    }
    let mut rows = Rows::new(wanted, &columns)?;
    let roles: Vec<_> = columns.iter().map(|column| wanted.role(column)).collect();
    for row in sheet.by_ref() {
        match row {
            Ok(row) => {
                let mut cells: [Cell; 6] = Default::default();
                for (role, text) in roles.iter().zip(row.cells) {
                    if let Some(role) = role {
                        cells[role.place()] = if text.is_empty() { Cell::Missing } else { Cell::Text(text) };
                    }
                }
                rows.take(Place::Line(row.line), cells);
            }
            Err(ReadError::Row(problem)) => {
                let fault = Fault::Row { words: problem.fault.to_string() };
                let place = Place::Line(problem.line);
                rows.refuse(Problem {
                    place,
                    column: problem.column.as_deref().map(shown),
                    read: String::new(),
                    fault,
                });
            }
            Err(ReadError::File(error)) => return Err(unreadable(&error).into()),
        }
        if rows.count() > ROWS_MAX {
            return Err(TableError::TooManyRows.into());
        }
    }
    rows.finish(columns)
}
