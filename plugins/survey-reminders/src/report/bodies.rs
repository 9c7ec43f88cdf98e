//! Respondents and reference population side by side, one body once: what coverage and the list of whom to remind
//! are computed from, and nothing else. The same as a file, so that anybody can compute both again.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::contacts::CollectiviteKind;
use bot_core::spreadsheets::{CsvWriter, ReadError, Spreadsheet, SpreadsheetError};

use super::facts::{Facts, Respondent};
use super::funnel::Progress;
use super::reference::{Reference, read_kind, read_population};
use super::strata::{Band, Region, Stratum};

/// A collectivité, or somebody who works for none and is asked to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// SIREN, else type and INSEE code, else the respondent's key. Unique.
    pub code: String,
    pub name: String,
    pub kind: Option<CollectiviteKind>,
    pub population: Option<u32>,
    pub region: Option<Region>,
    /// It is of the reference population. Where no reference is given, whoever was asked is.
    pub counted: bool,
    /// How far it came; `None`: it was not asked.
    pub progress: Option<Progress>,
    /// Messages that were sent to its contacts, those of unknown outcome included.
    pub messages: u32,
    pub reminding: Reminding,
}

/// Whether it may be reminded, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reminding {
    /// It answered or refused, wants to be left alone, or was not asked.
    No,
    /// A message can reach one of its contacts, as far as is known.
    InChat,
    /// No message can: by telephone or letter.
    Otherwise,
}

impl Reminding {
    fn of(respondent: &Respondent, progress: Progress) -> Self {
        let messages = respondent.messages;
        if progress.is_answered() || progress == Progress::Refused || respondent.wants_quiet {
            Self::No
        } else if respondent.contacts > 0 && messages.sent + messages.unknown + messages.to_come > 0 {
            Self::InChat
        } else {
            Self::Otherwise
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::No => "non",
            Self::InChat => "chat",
            Self::Otherwise => "autrement",
        }
    }
}

impl Body {
    pub fn strata(&self) -> [Stratum; 3] {
        [Stratum::Kind(self.kind), Stratum::Population(self.population.map(Band::of)), Stratum::Region(self.region)]
    }

    pub fn is_answered(&self) -> bool {
        self.progress.is_some_and(Progress::is_answered)
    }
}

/// Puts both together, by code. A respondent is found in the reference by its SIREN, else by type and INSEE code; then
/// the reference says its type, population and région.
pub fn bodies(facts: &Facts, reference: Option<&Reference>) -> Vec<Body> {
    let given = reference.map_or(&[][..], |reference| reference.bodies.as_slice());
    let places: BTreeMap<String, usize> = given
        .iter()
        .enumerate()
        .flat_map(|(index, body)| body.codes().into_iter().map(move |code| (code, index)))
        .collect();
    let mut bodies: Vec<Body> = given
        .iter()
        .map(|body| Body {
            code: body.siren.clone().unwrap_or_else(|| body.codes().concat()),
            name: body.name.clone(),
            kind: Some(body.kind),
            population: body.population,
            region: body.region.as_deref().and_then(Region::read),
            counted: true,
            progress: None,
            messages: 0,
            reminding: Reminding::No,
        })
        .collect();
    let mut codes: BTreeSet<String> = bodies.iter().map(|body| body.code.clone()).collect();

    for respondent in &facts.respondents {
        let strata = &respondent.facts;
        let kind: Option<CollectiviteKind> = strata.kind.as_deref().and_then(|kind| kind.parse().ok());
        let siren = strata.siren.as_ref().map(|siren| format!("siren {siren}"));
        let insee = kind.zip(strata.insee.as_ref()).map(|(kind, insee)| format!("{} {insee}", kind.as_str()));
        let progress = Progress::of(respondent, facts.redirect);
        let messages = respondent.messages.sent.saturating_add(respondent.messages.unknown);
        let reminding = Reminding::of(respondent, progress);
        let found = siren.iter().chain(&insee).find_map(|code| places.get(code));
        // Of two respondents that are one body of the reference, the first stands for it.
        if let Some(body) = found.and_then(|index| bodies.get_mut(*index)).filter(|body| body.progress.is_none()) {
            (body.progress, body.messages, body.reminding) = (Some(progress), messages, reminding);
            if body.name.is_empty() {
                body.name = strata.name.clone().unwrap_or_default();
            }
            continue;
        }
        let own = strata.siren.clone().or(insee).filter(|code| !codes.contains(code));
        let code = own.unwrap_or_else(|| respondent.key.to_string());
        codes.insert(code.clone());
        bodies.push(Body {
            code,
            name: strata.name.clone().unwrap_or_default(),
            kind,
            population: strata.population,
            region: Region::of(strata.region.as_deref(), strata.departement.as_deref()),
            counted: reference.is_none(),
            progress: Some(progress),
            messages,
            reminding,
        });
    }
    bodies.sort_by(|one, other| one.code.cmp(&other.code));
    bodies
}

const HEADER: [&str; 9] = ["code", "nom", "type", "population", "region", "reference", "etat", "messages", "relance"];
/// Of a body that was not asked.
const NOT_ASKED: &str = "not_asked";

/// The file that coverage and the list of whom to remind are computed from.
pub fn to_csv(bodies: &[Body]) -> Vec<u8> {
    let mut csv = CsvWriter::new(Vec::new());
    // A vector takes whatever is written.
    let _ = csv.row(HEADER);
    for body in bodies {
        let _ = csv.row([
            body.code.as_str(),
            &body.name,
            Stratum::Kind(body.kind).code(),
            &body.population.map(|population| population.to_string()).unwrap_or_default(),
            Stratum::Region(body.region).code(),
            if body.counted { "oui" } else { "non" },
            body.progress.map_or(NOT_ASKED, Progress::as_str),
            &body.messages.to_string(),
            body.reminding.as_str(),
        ]);
    }
    csv.finish().unwrap_or_default()
}

/// Why a file is not one that [`to_csv`] wrote.
#[derive(Debug, thiserror::Error)]
pub enum BodiesError {
    #[error(transparent)]
    File(#[from] SpreadsheetError),
    #[error("the file has no column `{0}`: take collectivites.csv as `crieur campaign report --csv` writes it")]
    NoColumn(&'static str),
    #[error("{0}")]
    Row(String),
    #[error("`{0}` is there twice: keep one of the two rows")]
    Twice(String),
}

/// Reads what [`to_csv`] wrote, in whatever order its rows and columns are now.
///
/// # Errors
/// [`BodiesError`], at the first row that is wrong.
pub fn from_csv(mut table: Spreadsheet) -> Result<Vec<Body>, BodiesError> {
    let mut places = [0; HEADER.len()];
    for (place, name) in places.iter_mut().zip(HEADER) {
        *place = table.header().iter().position(|column| column == name).ok_or(BodiesError::NoColumn(name))?;
    }
    let mut bodies = Vec::new();
    let mut codes = BTreeSet::new();
    for row in &mut table {
        let row = row.map_err(|error| match error {
            ReadError::Row(problem) => BodiesError::Row(problem.to_string()),
            ReadError::File(error) => BodiesError::File(error),
        })?;
        let cells = places.map(|place| row.cells.get(place).map_or("", String::as_str));
        let body = body_of(cells).map_err(|problem| BodiesError::Row(format!("line {}: {problem}", row.line)))?;
        if !codes.insert(body.code.clone()) {
            return Err(BodiesError::Twice(body.code));
        }
        bodies.push(body);
    }
    bodies.sort_by(|one: &Body, other| one.code.cmp(&other.code));
    Ok(bodies)
}

fn body_of(
    [code, name, kind, population, region, counted, progress, messages, reminding]: [&str; 9],
) -> Result<Body, String> {
    let unless_empty = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Ok(Body {
        code: unless_empty(code).ok_or("`code` is empty: write it")?,
        name: name.to_owned(),
        kind: unless_empty(kind).map(|kind| read_kind(&kind)).transpose()?,
        population: unless_empty(population).map(|population| read_population(&population)).transpose()?,
        region: match region {
            "" => None,
            code => Some(Region::read(code).ok_or_else(|| format!("`{code}` is no région: write its code"))?),
        },
        counted: match counted {
            "oui" => true,
            "non" => false,
            other => return Err(format!("`{other}` under `reference`: write oui or non")),
        },
        progress: match progress {
            NOT_ASKED => None,
            known => Some(
                Progress::ALL
                    .into_iter()
                    .find(|progress| progress.as_str() == known)
                    .ok_or_else(|| format!("`{known}` is no state of an answer"))?,
            ),
        },
        messages: messages.parse().map_err(|_| format!("`{messages}` is no number of messages"))?,
        reminding: [Reminding::No, Reminding::InChat, Reminding::Otherwise]
            .into_iter()
            .find(|one| one.as_str() == reminding)
            .ok_or_else(|| format!("`{reminding}` under `relance`: write chat, autrement or non"))?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::report::bench::{any_facts, facts, reference, respondent};
    use crate::store::RespondentState;

    #[test]
    fn a_respondent_is_found_in_the_reference_once() {
        let mut told = facts();
        let answered = |key: i64, siren: Option<&str>, insee: Option<&str>| {
            let mut one = respondent(key);
            one.state = RespondentState::Answered;
            (one.facts.siren, one.facts.insee) = (siren.map(str::to_owned), insee.map(str::to_owned));
            one
        };
        told.respondents = vec![
            answered(1, Some("214401093"), None),
            answered(2, None, Some("44109")),
            answered(3, None, Some("35238")),
            answered(4, None, Some("99999")),
        ];
        let found = bodies(&told, Some(&reference()));
        let said: Vec<String> =
            found.iter().map(|body| format!("{} {} {}", body.code, body.counted, body.is_answered())).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        214401093 true true
        commune 35238 true true
        commune 35999 true false
        commune 44109 false true
        commune 99999 false true
        region 53 true false
        ");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn the_file_reads_back_as_it_was_written(facts in any_facts(), with_reference: bool) {
            let reference = reference();
            let written = bodies(&facts, with_reference.then_some(&reference));
            let csv = to_csv(&written);
            let read = from_csv(Spreadsheet::read(Cursor::new(csv.clone()), None).unwrap()).unwrap();
            prop_assert_eq!(to_csv(&read), csv);
            prop_assert_eq!(read, written);
        }
    }
}
