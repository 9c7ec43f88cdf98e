//! JSON: an array of objects. Read as a stream, so that of each object only our members are kept, and a million empty
//! objects are refused before they fill the memory. Numbers are taken as they are written.

use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::rows::{Cell, Rows};
use super::{COLUMNS_MAX, Place, ROWS_MAX, Table, TableError, TableErrors, Wanted, columns};

/// Words by which a limit travels through serde's errors.
const TOO_MANY_ROWS: &str = "more rows than are taken";
const TOO_MANY_COLUMNS: &str = "more columns than are taken";

pub(super) fn read(bytes: &[u8], wanted: &Wanted) -> Result<Table, TableErrors> {
    let mut found = Found { wanted, columns: Columns::default(), rows: Vec::new() };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json.deserialize_seq(&mut found).and_then(|()| json.end());
    if let Err(error) = read {
        let words = error.to_string();
        return Err(if words.contains(TOO_MANY_ROWS) {
            TableError::TooManyRows
        } else if words.contains(TOO_MANY_COLUMNS) {
            TableError::TooManyColumns
        } else {
            TableError::NotJson { words: crate::words::of_text(&words, 300) }
        }
        .into());
    }
    let Found { columns, rows: cells, .. } = found;
    if cells.is_empty() {
        return Err(TableError::NoRows.into());
    }
    let mut rows = Rows::new(wanted, &columns.names)?;
    for (number, cells) in (1..).zip(cells) {
        rows.take(Place::Record(number), cells);
    }
    rows.finish(columns.names)
}

/// Members in the order in which they were first seen.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    known: BTreeMap<String, ()>,
}

struct Found<'w> {
    wanted: &'w Wanted,
    columns: Columns,
    rows: Vec<[Cell; 6]>,
}

impl<'de> Visitor<'de> for &mut Found<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(cells) =
            sequence.next_element_seed(Record { wanted: self.wanted, columns: &mut self.columns })?
        {
            if self.rows.len() == ROWS_MAX {
                return Err(A::Error::custom(TOO_MANY_ROWS));
            }
            self.rows.push(cells);
        }
        Ok(())
    }
}

struct Record<'r> {
    wanted: &'r Wanted,
    columns: &'r mut Columns,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = [Cell; 6];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = [Cell; 6];

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with one member for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut cells: [Cell; 6] = Default::default();
        while let Some(name) = map.next_key::<String>()? {
            let name = columns::name(name);
            let role = self.wanted.role(&name);
            if !self.columns.known.contains_key(&name) {
                if self.columns.names.len() == COLUMNS_MAX {
                    return Err(A::Error::custom(TOO_MANY_COLUMNS));
                }
                self.columns.names.push(name.clone());
                self.columns.known.insert(name, ());
            }
            match role {
                Some(role) => cells[role.place()] = cell(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(cells)
    }
}

/// A member's value, from its text.
fn cell(raw: &str) -> Cell {
    match raw.as_bytes().first() {
        Some(b'n') => Cell::Missing,
        Some(b'"') => match serde_json::from_str::<String>(raw) {
            Ok(text) if text.trim().is_empty() => Cell::Missing,
            Ok(text) => Cell::Text(text.trim().to_owned()),
            Err(_) => Cell::Other(super::shown(raw)),
        },
        Some(b'-' | b'0'..=b'9') if raw.len() <= 400 => Cell::Number(raw.to_owned()),
        _ => Cell::Other(super::shown(raw)),
    }
}
