//! Tables of figures: CSV or JSON with indicator, edition, stratum, value, base and unit.
//!
//! All or nothing: every problem of a table is told at once, each with its row, its column, what was read and what to
//! write, and then nothing of it is taken. Values are decimals from the text to the database, never floats.

mod columns;
mod csv;
mod json;
mod number;
mod rows;

use serde::{Deserialize, Serialize};

pub use self::columns::{Names, Role, Wanted};
pub use self::number::{Number, NumberFault};
pub use self::rows::Figure;

/// Rows of a table.
pub const ROWS_MAX: usize = 100_000;
/// Bytes of a file.
pub const BYTES_MAX: usize = 32 << 20;
/// Columns of a table.
pub const COLUMNS_MAX: usize = 500;
/// Problems that are told in full; the others are counted.
pub const PROBLEMS_MAX: usize = 100;
/// Characters, as the database keeps them.
pub const INDICATOR_CHARACTERS_MAX: usize = 300;
pub const EDITION_CHARACTERS_MAX: usize = 40;
pub const STRATUM_CHARACTERS_MAX: usize = 100;
/// What was read is shown up to here.
const SHOWN_CHARACTERS_MAX: usize = 60;
/// Columns that are named to whoever looks for another one.
const COLUMNS_SHOWN_MAX: usize = 30;

/// What a value counts in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Percent,
    Count,
    Euro,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Count => "count",
            Self::Euro => "euro",
        }
    }

    /// A unit as tables name it, in French or English.
    pub fn read(text: &str) -> Option<Self> {
        match columns::plain(text).as_str() {
            "percent" | "%" | "pourcent" | "pour cent" | "pourcentage" | "percentage" => Some(Self::Percent),
            "count" | "nombre" | "number" | "effectif" => Some(Self::Count),
            "euro" | "euros" | "€" | "eur" => Some(Self::Euro),
            _ => None,
        }
    }
}

/// A table that can be taken as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// In the order of the data, each (indicator, edition, stratum) once.
    pub figures: Vec<Figure>,
    /// Every column there was, ours and others, in their order.
    pub columns: Vec<String>,
    /// Rows that say once more what an earlier one says.
    pub repeated: usize,
}

/// Where in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Of a CSV file, from 1.
    Line(u64),
    /// Of a JSON array, from 1.
    Record(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record(record) => write!(f, "record {record}"),
        }
    }
}

/// What is wrong with one cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    pub place: Place,
    /// As the table names it.
    pub column: Option<String>,
    /// What was read, shortened.
    pub read: String,
    #[serde(flatten)]
    pub fault: Fault,
}

/// What is wrong, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    #[error("is no number: write it in digits, such as 66,7 or 1 234, or leave the row out")]
    NoNumber,
    #[error("can be read in two ways: write 1 234 for more than a thousand, or one decimal more or less")]
    TwoReadings,
    #[error("has too many digits: write up to 15, and 10 decimals")]
    TooManyDigits,
    #[error("is empty: write it, or leave the row out")]
    Empty,
    #[error("is longer than {characters_max} characters: shorten it")]
    TooLong { characters_max: usize },
    #[error("is over 100 %: write a share of 0 to 100, or another unit")]
    OverHundred,
    #[error("is below zero: nothing counts less than 0")]
    BelowZero,
    #[error("is no whole number of answers: write how many there were, or leave it empty where it was not published")]
    BadBase,
    #[error("is no unit: write percent, count or euro")]
    UnknownUnit,
    #[error("has no unit: write % behind the value, or add a column unit with percent, count or euro")]
    NoUnit,
    #[error("says another unit than the column unit, which says {unit}: correct one of them", unit = unit.as_str())]
    OtherUnit { unit: Unit },
    #[error("is another value than {first} gives the same indicator, edition and stratum: keep one of the two")]
    Contradicts { first: Place },
    #[error("is no text and no number: write one value a cell")]
    NotOneValue,
    /// What the reader of CSV says of one row.
    #[error("cannot be read: {words}")]
    Row { words: String },
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, column, read, fault } = self;
        match column {
            Some(column) => write!(f, "{place}, column “{column}”: “{read}” {fault}"),
            None if read.is_empty() => write!(f, "{place}: {fault}"),
            None => write!(f, "{place}: “{read}” {fault}"),
        }
    }
}

/// Why a table is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "table", rename_all = "snake_case")]
pub enum TableError {
    #[error("the file is larger than {} MiB: leave out the columns that are not needed, or split it", BYTES_MAX >> 20)]
    TooLarge,
    #[error("there are more than {ROWS_MAX} rows: filter them, or split the table")]
    TooManyRows,
    #[error("there are more than {COLUMNS_MAX} columns: leave out those that are not needed")]
    TooManyColumns,
    #[error("there is no row: a table of figures has one row for each indicator, edition and stratum")]
    NoRows,
    #[error("this is a web page, not a table: give the address of the file itself")]
    WebPage,
    #[error("this is a workbook: save the sheet as “CSV UTF-8” and give that")]
    Workbook,
    #[error("the table cannot be read: {words}")]
    Unreadable { words: String },
    #[error("this is no JSON table, which is an array of objects: {words}")]
    NotJson { words: String },
    #[error(
        "the column “{wanted}” is missing; there are {}: name it so, or name the column that holds it",
        listed(there)
    )]
    MissingColumn { wanted: String, there: Vec<String> },
    #[error("the columns “{one}” and “{another}” mean the same: leave one out")]
    ColumnTwice { one: String, another: String },
    #[error("{problem}")]
    Cell { problem: Problem },
}

fn listed(columns: &[String]) -> String {
    let names: Vec<String> =
        columns.iter().take(COLUMNS_SHOWN_MAX).map(|column| format!("“{}”", shown(column))).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Everything that is wrong with a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableErrors {
    /// In the order of the file; never empty.
    pub told: Vec<TableError>,
    /// Beyond [`PROBLEMS_MAX`].
    pub more: usize,
}

impl TableErrors {
    pub(crate) fn push(&mut self, error: TableError) {
        if self.told.len() < PROBLEMS_MAX {
            self.told.push(error);
        } else {
            self.more += 1;
        }
    }

    fn none() -> Self {
        Self { told: Vec::new(), more: 0 }
    }

    fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

impl From<TableError> for TableErrors {
    fn from(error: TableError) -> Self {
        Self { told: vec![error], more: 0 }
    }
}

impl std::fmt::Display for TableErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.told.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

impl std::error::Error for TableErrors {}

/// Up to [`SHOWN_CHARACTERS_MAX`] characters of `text`, on one line.
fn shown(text: &str) -> String {
    let mut signs = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign });
    let mut short: String = signs.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if signs.next().is_some() {
        // The last sign makes room.
        short.pop();
        short.push('…');
    }
    short
}

/// Reads a table: JSON where it begins like JSON, else CSV in whatever encoding and with whatever separator.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(bytes: Vec<u8>, wanted: &Wanted) -> Result<Table, TableErrors> {
    if bytes.len() > BYTES_MAX {
        return Err(TableError::TooLarge.into());
    }
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).trim_ascii_start();
    match start.first() {
        Some(b'[' | b'{') => read_json(start, wanted),
        Some(b'<') => Err(TableError::WebPage.into()),
        _ => csv::read(bytes, wanted),
    }
}

/// Reads an array of objects, all with the same members.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_json(bytes: &[u8], wanted: &Wanted) -> Result<Table, TableErrors> {
    json::read(bytes, wanted)
}

#[cfg(test)]
mod tests;
