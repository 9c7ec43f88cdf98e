//! From cells to figures.

use std::collections::HashMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::columns::{Role, Wanted, plain};
use super::number::{self, Number, NumberFault};
use super::{
    EDITION_CHARACTERS_MAX, Fault, INDICATOR_CHARACTERS_MAX, Place, Problem, STRATUM_CHARACTERS_MAX, Table, TableError,
    TableErrors, Unit, shown,
};

/// One figure of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Figure {
    pub indicator: String,
    /// A year, or whatever names it.
    pub edition: String,
    /// Empty: everybody.
    pub stratum: String,
    pub value: Decimal,
    pub unit: Unit,
    /// Of how many; `None` where it was not published.
    pub base: Option<u64>,
}

/// A cell before it was understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Cell {
    #[default]
    Missing,
    /// Trimmed, never empty.
    Text(String),
    /// A JSON number, as it is written.
    Number(String),
    /// A JSON array, object or truth value.
    Other(String),
}

impl Cell {
    fn shown(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Text(text) | Self::Number(text) | Self::Other(text) => shown(text),
        }
    }
}

/// Strata that are everybody.
fn is_everybody(stratum: &str) -> bool {
    matches!(plain(stratum).as_str(), "ensemble" | "total" | "tous" | "all")
}

/// Takes rows one by one, and everything that is wrong with them.
pub(super) struct Rows {
    /// The names of our columns, as the table has them, shortened.
    names: [Option<String>; 6],
    unit_of_all: Option<Unit>,
    figures: Vec<Figure>,
    /// Where each indicator, edition and stratum was first.
    known: HashMap<(String, String, String), (usize, Place)>,
    count: usize,
    repeated: usize,
    errors: TableErrors,
}

impl Rows {
    /// # Errors
    /// What is wrong with the columns.
    pub fn new(wanted: &Wanted, columns: &[String]) -> Result<Self, TableErrors> {
        let wrong = wanted.check(columns);
        if !wrong.is_empty() {
            return Err(TableErrors { told: wrong, more: 0 });
        }
        let name = |role: Role| columns.iter().find(|column| wanted.role(column) == Some(role)).map(|name| shown(name));
        Ok(Self {
            names: Role::ALL.map(name),
            unit_of_all: wanted.unit_of_all(columns),
            figures: Vec::new(),
            known: HashMap::new(),
            count: 0,
            repeated: 0,
            errors: TableErrors::none(),
        })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn refuse(&mut self, problem: Problem) {
        self.count += 1;
        self.errors.push(TableError::Cell { problem });
    }

    pub fn take(&mut self, place: Place, cells: [Cell; 6]) {
        self.count += 1;
        let mut faults = Vec::new();
        let figure = self.figure(&cells, &mut faults);
        for (role, fault) in faults {
            let (column, read) = (self.names[role.place()].clone(), cells[role.place()].shown());
            self.errors.push(TableError::Cell { problem: Problem { place, column, read, fault } });
        }
        let Some(figure) = figure else { return };
        let key = (figure.indicator.clone(), figure.edition.clone(), figure.stratum.clone());
        match self.known.get(&key) {
            Some((index, _)) if self.figures[*index] == figure => self.repeated += 1,
            Some((_, first)) => {
                let (column, read) = (self.names[Role::Value.place()].clone(), cells[Role::Value.place()].shown());
                let fault = Fault::Contradicts { first: *first };
                self.errors.push(TableError::Cell { problem: Problem { place, column, read, fault } });
            }
            None => {
                self.known.insert(key, (self.figures.len(), place));
                self.figures.push(figure);
            }
        }
    }

    /// `None` where something is wrong, which is in `faults` then.
    fn figure(&self, cells: &[Cell; 6], faults: &mut Vec<(Role, Fault)>) -> Option<Figure> {
        let mut text = |role: Role, characters_max: usize, needed: bool| {
            let read = words(&cells[role.place()], characters_max, needed);
            read.map_err(|fault| faults.push((role, fault))).ok()
        };
        let indicator = text(Role::Indicator, INDICATOR_CHARACTERS_MAX, true);
        let edition = text(Role::Edition, EDITION_CHARACTERS_MAX, true);
        let stratum = text(Role::Stratum, STRATUM_CHARACTERS_MAX, false);
        let stratum = stratum.map(|stratum| if is_everybody(&stratum) { String::new() } else { stratum });
        let mut found = |role: Role, fault: Fault| faults.push((role, fault));

        let stated = match &cells[Role::Unit.place()] {
            Cell::Missing => Ok(self.unit_of_all),
            Cell::Text(text) => Unit::read(text).map(Some).ok_or(Fault::UnknownUnit),
            Cell::Number(_) | Cell::Other(_) => Err(Fault::UnknownUnit),
        };
        let value = match &cells[Role::Value.place()] {
            Cell::Missing => Err(Fault::Empty),
            cell => number_of(cell),
        };
        let value = value.map_err(|fault| found(Role::Value, fault)).ok();
        let stated = stated.map_err(|fault| found(Role::Unit, fault)).ok();
        let measured = match (value, stated) {
            (Some(number), Some(stated)) => measured(number, stated).map_err(|fault| found(Role::Value, fault)).ok(),
            _ => None,
        };
        let base = base(&cells[Role::Base.place()]).map_err(|fault| found(Role::Base, fault)).ok();
        let (value, unit) = measured?;
        Some(Figure { indicator: indicator?, edition: edition?, stratum: stratum?, value, unit, base: base? })
    }

    /// # Errors
    /// Everything that was wrong.
    pub fn finish(self, columns: Vec<String>) -> Result<Table, TableErrors> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        if self.figures.is_empty() {
            return Err(TableError::NoRows.into());
        }
        Ok(Table { figures: self.figures, columns, repeated: self.repeated })
    }
}

/// The words of a cell with single spaces between them.
fn words(cell: &Cell, characters_max: usize, needed: bool) -> Result<String, Fault> {
    let text = match cell {
        Cell::Missing if needed => return Err(Fault::Empty),
        Cell::Missing => return Ok(String::new()),
        Cell::Text(text) | Cell::Number(text) => text,
        Cell::Other(_) => return Err(Fault::NotOneValue),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 if needed => Err(Fault::Empty),
        count if count > characters_max => Err(Fault::TooLong { characters_max }),
        // The database keeps no zero character.
        _ if text.contains(char::is_control) => Err(Fault::NotOneValue),
        _ => Ok(text),
    }
}

fn number_of(cell: &Cell) -> Result<Number, Fault> {
    let read = match cell {
        Cell::Text(text) => number::read(text),
        Cell::Number(text) => number::read_json(text),
        Cell::Missing | Cell::Other(_) => return Err(Fault::NotOneValue),
    };
    read.map_err(|fault| match fault {
        NumberFault::NoNumber => Fault::NoNumber,
        NumberFault::TwoReadings => Fault::TwoReadings,
        NumberFault::TooManyDigits => Fault::TooManyDigits,
    })
}

/// The value in its unit: of the sign behind it, and of the column.
fn measured(number: Number, stated: Option<Unit>) -> Result<(Decimal, Unit), Fault> {
    let unit = match (number.sign, stated) {
        (Some(sign), Some(unit)) if sign != unit => return Err(Fault::OtherUnit { unit }),
        (Some(unit), _) | (None, Some(unit)) => unit,
        (None, None) => return Err(Fault::NoUnit),
    };
    let value = number.value;
    match unit {
        Unit::Percent if value > Decimal::ONE_HUNDRED => Err(Fault::OverHundred),
        Unit::Percent | Unit::Count if value < Decimal::ZERO => Err(Fault::BelowZero),
        _ => Ok((value, unit)),
    }
}

fn base(cell: &Cell) -> Result<Option<u64>, Fault> {
    if *cell == Cell::Missing {
        return Ok(None);
    }
    let number = number_of(cell).map_err(|_| Fault::BadBase)?;
    if number.value < Decimal::ZERO {
        return Err(Fault::BelowZero);
    }
    let whole = number.value.is_integer() && number.sign.is_none();
    number.value.to_u64().filter(|_| whole).map(Some).ok_or(Fault::BadBase)
}
