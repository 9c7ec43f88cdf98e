//! One row of a file as what it says of a contact.

use crieur_spreadsheets::Row;
use serde_json::Value;

use super::columns::{Columns, Target};
use crate::contacts::codes::{DepartementCode, Insee, RegionCode, Siren};
use crate::contacts::directory::checked_name;
use crate::contacts::fields::{Field, FieldKey};
use crate::contacts::query::{kind_named, language_named};
use crate::contacts::view::CollectiviteKind;
use crate::locale::Locale;

/// What takes a value away: an empty cell leaves it as it is.
pub(super) const CLEARS: &str = "-";
const NAME_CHARACTERS_MAX: usize = 200;

/// What a cell says of a value.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) enum Change<T> {
    /// The cell is empty, or there is no such column.
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Change<T> {
    /// The value there was, as this cell leaves it.
    pub fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// What a row says of a collectivité.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct BodyFacts {
    pub kind: Option<CollectiviteKind>,
    pub name: Option<String>,
    pub insee: Option<String>,
    pub siren: Option<String>,
    pub population: Option<i32>,
    pub departement: Option<String>,
    pub region: Option<String>,
}

/// What a row says of a contact.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Entry {
    pub line: u64,
    pub external_id: String,
    pub name: Change<String>,
    pub body: Change<BodyFacts>,
    pub rank: Change<i16>,
    pub language: Change<Locale>,
    pub time_zone: Change<String>,
    pub groups: Vec<String>,
    pub fields: Vec<(FieldKey, Change<Value>)>,
}

/// Why a row is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub column: Option<String>,
    pub reason: String,
}

impl Refusal {
    pub fn row(reason: impl Into<String>) -> Self {
        Self { column: None, reason: reason.into() }
    }
}

impl Entry {
    /// Reads a row. What was put right on the way is said in `notes`.
    pub fn read(columns: &Columns, fields: &[Field], row: &Row, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        let mut entry = Self { line: row.line, ..Self::default() };
        let (mut first_name, mut body) = (None, BodyCells::default());
        for (index, cell) in row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let refuse = |reason: String| Refusal { column: Some(columns.header[index].clone()), reason };
            match &columns.targets[index] {
                Target::Ignored => {}
                Target::ExternalId => entry.external_id = one_line(cell).map_err(refuse)?,
                Target::FirstName => first_name = Some(one_line(cell).map_err(refuse)?),
                Target::Name => entry.name = change(cell, one_line).map_err(refuse)?,
                Target::Rank => entry.rank = change(cell, rank).map_err(refuse)?,
                Target::Language => entry.language = change(cell, language).map_err(refuse)?,
                Target::TimeZone => entry.time_zone = change(cell, time_zone).map_err(refuse)?,
                Target::Groups => entry.groups = groups(cell).map_err(refuse)?,
                Target::Field(key) => {
                    let Some(field) = fields.iter().find(|field| field.key == key.as_str()) else { continue };
                    let value = change(cell, |text| field.kind.read(text)).map_err(refuse)?;
                    entry.fields.push((key.clone(), value));
                }
                target => body.take(target, cell),
            }
        }
        if entry.external_id.is_empty() {
            let column = columns.name_of(&Target::ExternalId).map(str::to_owned);
            return Err(Refusal {
                column,
                reason: "the identifier is missing: without it the contact is not known again".to_owned(),
            });
        }
        if let Some(first) = first_name.filter(|first| first != CLEARS) {
            entry.name = match entry.name {
                Change::Set(last) => Change::Set(one_line(&format!("{first} {last}")).map_err(Refusal::row)?),
                Change::Keep | Change::Clear => Change::Set(first),
            };
        }
        entry.body = body.read(columns, row.line, notes)?;
        Ok(entry)
    }
}

/// The cells about a collectivité, which are read together.
#[derive(Default)]
struct BodyCells<'c> {
    cells: Vec<(Target, &'c str)>,
}

impl<'c> BodyCells<'c> {
    fn take(&mut self, target: &Target, cell: &'c str) {
        self.cells.push((target.clone(), cell));
    }

    fn read(self, columns: &Columns, line: u64, notes: &mut Vec<String>) -> Result<Change<BodyFacts>, Refusal> {
        if self.cells.is_empty() {
            return Ok(Change::Keep);
        }
        if self.cells.iter().all(|(_, cell)| *cell == CLEARS) {
            return Ok(Change::Clear);
        }
        let cell = |target: Target| {
            self.cells.iter().find(|(other, cell)| *other == target && *cell != CLEARS).map(|(_, cell)| *cell)
        };
        let refuse =
            |target: Target, reason: String| Refusal { column: columns.name_of(&target).map(str::to_owned), reason };
        let mut facts = BodyFacts::default();
        if let Some(text) = cell(Target::Kind) {
            let words = "this is no type: write commune, epci, departement, region or autre";
            facts.kind = Some(kind_named(text).ok_or_else(|| refuse(Target::Kind, words.to_owned()))?);
        }
        if let Some(text) = cell(Target::Collectivite) {
            facts.name = Some(one_line(text).map_err(|reason| refuse(Target::Collectivite, reason))?);
        }
        if let Some(text) = cell(Target::Siren) {
            let siren: Siren = text.parse().map_err(|error| refuse(Target::Siren, format!("{error}")))?;
            facts.siren = Some(siren.into());
        }
        if let Some(text) = cell(Target::Population) {
            facts.population = Some(population(text).map_err(|reason| refuse(Target::Population, reason))?);
        }
        if let Some(text) = cell(Target::Departement) {
            let code: DepartementCode =
                padded(text, 2).parse().map_err(|error| refuse(Target::Departement, format!("{error}")))?;
            facts.departement = Some(code.into());
        }
        if let Some(text) = cell(Target::Region) {
            let code: RegionCode =
                padded(text, 2).parse().map_err(|error| refuse(Target::Region, format!("{error}")))?;
            facts.region = Some(code.into());
        }
        if let Some(text) = cell(Target::Insee) {
            facts.read_insee(text, line, notes).map_err(|reason| refuse(Target::Insee, reason))?;
        }
        facts.derive_region().map_err(|reason| refuse(Target::Region, reason))?;
        Ok(Change::Set(facts))
    }
}

impl BodyFacts {
    /// An INSEE code says what it is a code of, or the type does; and where the body is.
    fn read_insee(&mut self, text: &str, line: u64, notes: &mut Vec<String>) -> Result<(), String> {
        let mut code = text.to_owned();
        let shape = code.chars().filter(|character| !character.is_whitespace()).count();
        if self.kind.is_none() && (4..=5).contains(&shape) {
            self.kind = Some(CollectiviteKind::Commune);
        }
        let (departement, region) = match self.kind {
            Some(CollectiviteKind::Commune) => {
                // No code of a commune has four characters: a spreadsheet took it for a number.
                code = padded(&code, 5);
                let commune: Insee = code.parse().map_err(|error| format!("{error}"))?;
                let departement = commune.departement();
                code = commune.into();
                let region = departement.region();
                (Some(departement), region)
            }
            Some(CollectiviteKind::Departement) => {
                let departement: DepartementCode = padded(&code, 2).parse().map_err(|error| format!("{error}"))?;
                code = departement.to_string();
                let region = departement.region();
                (Some(departement), region)
            }
            Some(CollectiviteKind::Region) => {
                let region: RegionCode = padded(&code, 2).parse().map_err(|error| format!("{error}"))?;
                code = region.to_string();
                (None, Some(region))
            }
            Some(CollectiviteKind::Epci | CollectiviteKind::Other) => {
                return Err(
                    "only communes, départements and régions have an INSEE code: give the SIREN instead".to_owned()
                );
            }
            None => {
                return Err(
                    "say whether this is the code of a commune, a departement or a region: fill in the type".to_owned()
                );
            }
        };
        if code.len() > text.trim().len() {
            notes.push(format!("line {line}: code INSEE `{text}` is read as {code}: a spreadsheet drops a first 0"));
        }
        let place = [
            ("département", &mut self.departement, departement.map(String::from)),
            ("région", &mut self.region, region.map(String::from)),
        ];
        for (what, told, derived) in place {
            match (told.as_ref(), derived) {
                (Some(told), Some(derived)) if *told != derived => {
                    return Err(format!("{code} lies in {what} {derived}, and the row says {told}: correct one"));
                }
                (None, derived @ Some(_)) => *told = derived,
                _ => {}
            }
        }
        self.insee = Some(code);
        Ok(())
    }

    /// The région follows from the département where there is one.
    fn derive_region(&mut self) -> Result<(), String> {
        let departement: Option<DepartementCode> = self.departement.as_ref().and_then(|code| code.parse().ok());
        let Some(derived) = departement.and_then(|code| code.region()).map(String::from) else { return Ok(()) };
        match &self.region {
            Some(told) if *told != derived => {
                let departement = self.departement.as_deref().unwrap_or_default();
                Err(format!("département {departement} lies in région {derived}, and the row says {told}: correct one"))
            }
            Some(_) => Ok(()),
            None => {
                self.region = Some(derived);
                Ok(())
            }
        }
    }
}

/// A code that lost its first 0 to a spreadsheet, where nothing else has that length: digits, one too few.
fn padded(code: &str, length: usize) -> String {
    let compact: String = code.chars().filter(|character| !character.is_whitespace()).collect();
    let lost = compact.len() + 1 == length && compact.bytes().all(|byte| byte.is_ascii_digit());
    if lost { format!("0{compact}") } else { compact }
}

fn change<T>(cell: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Change<T>, String> {
    if cell == CLEARS { Ok(Change::Clear) } else { read(cell).map(Change::Set) }
}

fn one_line(cell: &str) -> Result<String, String> {
    let text = cell.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > NAME_CHARACTERS_MAX {
        return Err(format!(
            "this has more than {NAME_CHARACTERS_MAX} characters: shorten it (is a quotation mark missing?)"
        ));
    }
    Ok(text)
}

fn rank(cell: &str) -> Result<i16, String> {
    let rank = cell.parse().ok().filter(|rank| (1..=99).contains(rank));
    rank.ok_or_else(|| "this is no rank: write 1 for the first contact, 2 for the deputy, up to 99".to_owned())
}

fn language(cell: &str) -> Result<Locale, String> {
    language_named(cell).ok_or_else(|| "crieur does not speak this language: write fr or en".to_owned())
}

fn time_zone(cell: &str) -> Result<String, String> {
    let zone: Result<chrono_tz::Tz, _> = cell.parse();
    zone.map(|zone| zone.name().to_owned())
        .map_err(|_| "this is no time zone: write its IANA name, such as Europe/Paris or Indian/Reunion".to_owned())
}

fn groups(cell: &str) -> Result<Vec<String>, String> {
    let names = cell.split([',', ';', '|', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| checked_name(name).map(str::to_owned).map_err(|error| error.to_string())).collect()
}

fn population(cell: &str) -> Result<i32, String> {
    let compact: String = cell.chars().filter(|character| !character.is_whitespace()).collect();
    let count = compact.parse().ok().filter(|count| *count >= 0);
    count.ok_or_else(|| "this is no number of inhabitants: write a whole number, such as 14203".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the cells about a collectivité come to, and what was noted.
    fn facts(cells: &[(&str, &str)]) -> Result<(BodyFacts, Vec<String>), String> {
        let header: Vec<String> =
            std::iter::once("id").chain(cells.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
        let columns = Columns::of(&header, &[], &[], false).unwrap();
        let cells = std::iter::once("1").chain(cells.iter().map(|(_, cell)| *cell)).map(str::to_owned).collect();
        let mut notes = Vec::new();
        match Entry::read(&columns, &[], &Row { line: 2, cells, missing: 0 }, &mut notes) {
            Ok(Entry { body: Change::Set(facts), .. }) => Ok((facts, notes)),
            Ok(entry) => panic!("{:?}", entry.body),
            Err(refusal) => Err(format!("{}: {}", refusal.column.unwrap_or_default(), refusal.reason)),
        }
    }

    #[test]
    fn a_code_that_lost_its_first_zero_is_put_right_and_told() {
        let (body, notes) = facts(&[("type", "Mairie"), ("code insee", "1004"), ("population", "14 203")]).unwrap();
        assert_eq!((body.insee.as_deref(), body.departement.as_deref()), (Some("01004"), Some("01")));
        assert_eq!((body.region.as_deref(), body.population), (Some("84"), Some(14_203)));
        assert_eq!(notes, ["line 2: code INSEE `1004` is read as 01004: a spreadsheet drops a first 0"]);
        let (body, notes) = facts(&[("insee", "2a004")]).unwrap();
        assert_eq!((body.kind, body.region.as_deref()), (Some(CollectiviteKind::Commune), Some("94")));
        assert!(notes.is_empty());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        insta::assert_snapshot!(facts(&[("insee", "44109"), ("departement", "49")]).unwrap_err(), @"insee: 44109 lies in département 44, and the row says 49: correct one");
        insta::assert_snapshot!(facts(&[("departement", "1"), ("region", "52")]).unwrap_err(), @"region: département 01 lies in région 84, and the row says 52: correct one");
        insta::assert_snapshot!(facts(&[("type", "métropole"), ("insee", "44109")]).unwrap_err(), @"insee: only communes, départements and régions have an INSEE code: give the SIREN instead");
        insta::assert_snapshot!(facts(&[("insee", "44")]).unwrap_err(), @"insee: say whether this is the code of a commune, a departement or a region: fill in the type");
        assert!(facts(&[("type", "village")]).is_err());
        assert!(facts(&[("population", "beaucoup")]).is_err());
    }
}
