//! XLSX (ECMA-376), by calamine, cell by cell.

use calamine::{Cell, DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use crate::cell::{digits_of_format, french_date, number};
use crate::error::{Fault, SpreadsheetError};
use crate::workbook::{Sink, Stop};
use crate::{COLUMNS_MAX, RawRow, Source};

pub(crate) fn read(source: impl Source, sheet: Option<&str>, sink: &mut Sink) -> Result<(), Stop> {
    let mut workbook = Xlsx::new(source).map_err(|error| failed(sink, &error))?;
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let sheets: Vec<(String, bool)> =
        sheets.map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible)).collect();
    let name = match sheet {
        Some(wanted) if sheets.iter().any(|(name, _)| name == wanted) => wanted.to_owned(),
        Some(wanted) => {
            let known = sheets.into_iter().map(|(name, _)| name).collect();
            return Err(SpreadsheetError::UnknownSheet { name: wanted.to_owned(), known }.into());
        }
        None => {
            let visible = sheets.iter().find(|(_, visible)| *visible).or(sheets.first());
            visible.map(|(name, _)| name.clone()).ok_or(SpreadsheetError::NoSheet)?
        }
    };
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(|error| failed(sink, &error))?;
    let digits: Vec<usize> = cells.styles().iter().map(digits_of_style).collect();
    let dimensions = cells.dimensions();
    sink.opened(name, Some(u64::from(dimensions.end.0)))?;
    let mut row = RawRow::default();
    loop {
        let next = cells.next_cell_with_style_id().map_err(|error| failed(sink, &error))?;
        let Some((cell, style)) = next else { break };
        let (line, column) = (u64::from(cell.get_position().0) + 1, cell.get_position().1 as usize);
        if line != row.line {
            if row.line > 0 && !row.is_empty() {
                sink.row(std::mem::take(&mut row))?;
            }
            row = RawRow { line, ..RawRow::default() };
        }
        let text = match shown(&cell, digits.get(style).copied().unwrap_or_default()) {
            Ok(text) => text,
            Err(fault) => {
                row.fault.get_or_insert((column, fault));
                continue;
            }
        };
        if text.is_empty() {
            continue;
        }
        if column >= COLUMNS_MAX {
            return Err(SpreadsheetError::TooManyColumns { line }.into());
        }
        if row.cells.len() <= column {
            row.cells.resize(column + 1, String::new());
        }
        row.cells[column] = text;
    }
    if row.line > 0 && !row.is_empty() {
        sink.row(row)?;
    }
    Ok(())
}

fn digits_of_style(style: &calamine::Style) -> usize {
    style.number_format.as_ref().map_or(0, |format| digits_of_format(&format.format_code))
}

fn shown(cell: &Cell<DataRef<'_>>, digits: usize) -> Result<String, Fault> {
    Ok(match cell.get_value() {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(value) => format!("{value:0digits$}"),
        DataRef::Float(value) => number(*value, digits),
        DataRef::Bool(value) => if *value { "oui" } else { "non" }.to_owned(),
        DataRef::DateTime(moment) => date(*moment),
        DataRef::DateTimeIso(text) => french_date(text),
        DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => return Err(Fault::FormulaFailed(error.to_string())),
    })
}

fn date(moment: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    // A time without a day, or a length of time.
    if moment.as_f64() < 1.0 || moment.is_duration() {
        return format!("{hour:02}:{minute:02}");
    }
    if (hour, minute, second) == (0, 0, 0) {
        format!("{day:02}/{month:02}/{year}")
    } else {
        format!("{day:02}/{month:02}/{year} {hour:02}:{minute:02}")
    }
}

fn failed(sink: &Sink, error: &XlsxError) -> SpreadsheetError {
    match error {
        XlsxError::Password => SpreadsheetError::OldOrLocked,
        error => sink.damaged(error),
    }
}
