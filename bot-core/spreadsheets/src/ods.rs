//! ODS (OpenDocument 1.3, part 3), row by row.
//!
//! Not by calamine, which reads all sheets to memory and repeats there what the file only says to be repeated: 16,384
//! empty columns, a million rows.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use crate::cell::{french_date, number};
use crate::container::damaged;
use crate::error::{Fault, SpreadsheetError};
use crate::workbook::{ROWS_MAX, Sink, Stop};
use crate::{CELL_BYTES_MAX, COLUMNS_MAX, RawRow, Source};

type Xml<R> = Reader<BufReader<R>>;

pub(crate) fn read(source: impl Source, sheet: Option<&str>, sink: &mut Sink) -> Result<(), Stop> {
    let mut archive = ZipArchive::new(source).map_err(damaged)?;
    let content = archive.by_name("content.xml").map_err(damaged)?;
    let mut xml = Reader::from_reader(BufReader::new(content));
    xml.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut known = Vec::new();
    let mut depth = 0_usize;
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(|error| sink.damaged(error))? {
            Event::Start(element) if element.name().as_ref() == "table:table" => {
                let name = attribute(&element, "table:name", sink)?.unwrap_or_default();
                // A table within a cell is none of the sheets.
                if depth == 0 && sheet.is_none_or(|wanted| wanted == name) {
                    sink.opened(name, None)?;
                    return rows(&mut xml, sink);
                }
                depth += 1;
                known.push(name);
            }
            Event::End(element) if element.name().as_ref() == "table:table" => depth = depth.saturating_sub(1),
            Event::Eof => break,
            _ => {}
        }
    }
    Err(match sheet {
        Some(wanted) => SpreadsheetError::UnknownSheet { name: wanted.to_owned(), known },
        None => SpreadsheetError::NoSheet,
    }
    .into())
}

/// The rows of a sheet. Rows may be in groups, headers and sections: all of them are rows.
fn rows<R: Read>(xml: &mut Xml<R>, sink: &mut Sink) -> Result<(), Stop> {
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(|error| sink.damaged(error))? {
            Event::Start(element) if element.name().as_ref() == "table:table-row" => {
                let repeated = repeats(&element, "table:number-rows-repeated", sink)?;
                let (cells, fault) = row(xml, sink)?;
                let empty = cells.is_empty() && fault.is_none();
                if empty {
                    line += repeated;
                    continue;
                }
                for _ in 0..repeated {
                    line += 1;
                    if line > ROWS_MAX {
                        return Err(sink.damaged("it has more rows than a sheet can have").into());
                    }
                    sink.row(RawRow { line, cells: cells.clone(), fault: fault.clone() })?;
                }
            }
            Event::End(element) if element.name().as_ref() == "table:table" => return Ok(()),
            Event::Eof => return Err(sink.damaged("its end is missing").into()),
            _ => {}
        }
    }
}

type Cells = (Vec<String>, Option<(usize, Fault)>);

fn row<R: Read>(xml: &mut Xml<R>, sink: &Sink) -> Result<Cells, Stop> {
    let mut buffer = Vec::new();
    let mut cells: Vec<String> = Vec::new();
    let mut fault = None;
    // Where the next cell goes: what is empty is only written once something follows.
    let mut column = 0_usize;
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(|error| sink.damaged(error))? {
            Event::Start(element) if is_cell(element.name().as_ref()) => {
                let repeated = repeats(&element, "table:number-columns-repeated", sink)?;
                let repeated = usize::try_from(repeated).unwrap_or(usize::MAX);
                let value = Value::of(&element, sink)?;
                let next = column.saturating_add(repeated);
                match value.shown(paragraphs(xml, sink)?) {
                    Ok(text) if text.is_empty() => {}
                    Ok(_) if next > COLUMNS_MAX => {
                        return Err(SpreadsheetError::TooManyColumns { line: sink.last() + 1 }.into());
                    }
                    Ok(text) => {
                        cells.resize(column, String::new());
                        cells.resize(next, text);
                    }
                    Err(error) => _ = fault.get_or_insert((column, error)),
                }
                column = next;
            }
            Event::End(element) if element.name().as_ref() == "table:table-row" => return Ok((cells, fault)),
            Event::Eof => return Err(sink.damaged("its end is missing").into()),
            _ => {}
        }
    }
}

fn is_cell(name: &str) -> bool {
    name == "table:table-cell" || name == "table:covered-table-cell"
}

/// What the attributes of a cell say of its value.
enum Value {
    /// What is written in it.
    Text,
    Number(f64),
    Date(String),
    Truth(bool),
    Failed,
}

impl Value {
    fn of(element: &BytesStart<'_>, sink: &Sink) -> Result<Self, Stop> {
        let read = |name| attribute(element, name, sink);
        if read("calcext:value-type")?.as_deref() == Some("error") {
            return Ok(Self::Failed);
        }
        Ok(match read("office:value-type")?.as_deref() {
            Some("float" | "currency" | "percentage") => {
                match read("office:value")?.and_then(|value| value.parse().ok()) {
                    Some(value) => Self::Number(value),
                    None => Self::Text,
                }
            }
            Some("date") => read("office:date-value")?.map_or(Self::Text, Self::Date),
            Some("boolean") => read("office:boolean-value")?.map_or(Self::Text, |value| Self::Truth(value == "true")),
            _ => Self::Text,
        })
    }

    fn shown(self, written: String) -> Result<String, Fault> {
        match self {
            Self::Text if written.len() > CELL_BYTES_MAX => Err(Fault::CellTooLong),
            Self::Text => Ok(written),
            // `01004` is written where the cell is formatted so, and 1004 is its value.
            Self::Number(value) => {
                let digits = written.chars().filter(char::is_ascii_digit).count();
                let padded =
                    written.starts_with('0') && written.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
                Ok(number(value, if padded { digits } else { 0 }))
            }
            Self::Date(iso) => Ok(french_date(&iso)),
            Self::Truth(value) => Ok(if value { "oui" } else { "non" }.to_owned()),
            Self::Failed => Err(Fault::FormulaFailed(written)),
        }
    }
}

/// What is written in a cell, to its end, without the comments people stick on it.
fn paragraphs<R: Read>(xml: &mut Xml<R>, sink: &Sink) -> Result<String, Stop> {
    let mut buffer = Vec::new();
    let mut written = String::new();
    let (mut depth, mut comments, mut begun) = (0_usize, 0_usize, false);
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer).map_err(|error| sink.damaged(error))?;
        // A cell that is too long is told of as such: one byte more than it may have is enough for that.
        let room = written.len() <= CELL_BYTES_MAX && comments == 0 && depth > 0;
        match event {
            Event::Start(element) => {
                match element.name().as_ref() {
                    "office:annotation" => comments += 1,
                    "text:p" if comments == 0 => {
                        if begun {
                            written.push('\n');
                        }
                        begun = true;
                    }
                    "text:s" if room => {
                        let spaces = repeats(&element, "text:c", sink)?;
                        let spaces = usize::try_from(spaces).unwrap_or(CELL_BYTES_MAX).min(CELL_BYTES_MAX);
                        written.extend(std::iter::repeat_n(' ', spaces));
                    }
                    "text:tab" if room => written.push('\t'),
                    "text:line-break" if room => written.push('\n'),
                    _ => {}
                }
                depth += 1;
            }
            Event::End(element) if depth == 0 => {
                return if is_cell(element.name().as_ref()) {
                    Ok(written)
                } else {
                    Err(sink.damaged("its elements do not close").into())
                };
            }
            Event::End(element) => {
                if element.name().as_ref() == "office:annotation" {
                    comments = comments.saturating_sub(1);
                }
                depth -= 1;
            }
            Event::Text(text) if room => written.push_str(&text.xml10_content()),
            Event::CData(text) if room => written.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) if room => {
                let character = reference.resolve_char_ref().map_err(|error| sink.damaged(error))?;
                match (character, resolve_xml_entity(&reference)) {
                    (Some(character), _) => written.push(character),
                    (None, Some(text)) => written.push_str(text),
                    (None, None) => return Err(sink.damaged("it has an unknown entity").into()),
                }
            }
            Event::Eof => return Err(sink.damaged("its end is missing").into()),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str, sink: &Sink) -> Result<Option<String>, Stop> {
    let Some(attribute) = element.try_get_attribute(name).map_err(|error| sink.damaged(error))? else {
        return Ok(None);
    };
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| sink.damaged(error))?;
    Ok(Some(value.into_owned()))
}

/// How often something is repeated; once when it does not say.
fn repeats(element: &BytesStart<'_>, name: &str, sink: &Sink) -> Result<u64, Stop> {
    match attribute(element, name, sink)? {
        Some(times) => times.parse().map_err(|_| sink.damaged("it repeats something no number of times").into()),
        None => Ok(1),
    }
}
