//! Which column of a file of completions is what, and what a row says.

use std::fmt;

use bot_core::contacts::words::folded;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::answers::{Completeness, Keys, Reference, moment};

/// What a column is read as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Target {
    Reference,
    Token,
    Insee,
    Siren,
    CompletedAt,
    Complete,
}

/// Names under which columns are known, in French and English and as LimeSurvey and Drupal write them, as [`folded`].
/// The first is the one messages show.
const NAMES: [(Target, &[&str]); 6] = [
    (Target::Reference, &["id", "reference", "response id", "id de la reponse", "sid", "serial", "numero"]),
    (
        Target::Token,
        &["token", "jeton", "code participant", "code d acces", "access code", "code d invitation", "invitation code"],
    ),
    (Target::Insee, &["insee", "code insee", "insee code", "code commune", "cog", "codgeo"]),
    (Target::Siren, &["siren", "numero siren", "n siren", "code siren", "siret", "numero siret"]),
    (
        Target::CompletedAt,
        &["submitdate", "completed", "completed at", "date de soumission", "date submitted", "date de reponse", "date"],
    ),
    (Target::Complete, &["complete", "complet", "termine", "is complete"]),
];

/// One `--map "Column=target"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    pub column: String,
    /// `-` for a column that is left alone, or the first of the names of a target.
    pub target: String,
}

impl std::str::FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((column, target)) if !column.trim().is_empty() && !target.trim().is_empty() => {
                Ok(Self { column: column.trim().to_owned(), target: target.trim().to_owned() })
            }
            _ => Err(format!("`{text}` maps nothing: write \"Column=target\", such as \"Votre code=token\"")),
        }
    }
}

/// What is wrong with the columns of a file, each with what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ColumnProblem {
    #[error("--map: the file has no column “{column}”: it has {known}")]
    NotThere { column: String, known: String },
    #[error("--map \"{column}={target}\": write -, {known}")]
    NoTarget { column: String, target: String, known: String },
    #[error("columns “{first}” and “{second}” are both read as {target}: leave one alone with --map \"{second}=-\"")]
    Twice { first: String, second: String, target: String },
    #[error(
        "no column tells who answered: name one token, insee or siren, or say which it is with --map \"COLUMN=token\". \
         The file has {known}"
    )]
    NoKey { known: String },
}

impl Target {
    fn name(self) -> &'static str {
        NAMES.iter().find(|(target, _)| *target == self).map_or("", |(_, names)| names[0])
    }

    fn by_name(name: &str) -> Option<Self> {
        // LimeSurvey can write a column's code and its words: `submitdate. Date submitted`.
        let code = name.split_once(". ").map_or(name, |(code, _)| code);
        let (whole, code) = (folded(name), folded(code));
        let is_it = |names: &[&str]| names.contains(&whole.as_str()) || names.contains(&code.as_str());
        NAMES.iter().find(|(_, names)| is_it(names)).map(|(target, _)| *target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What each column is, in the order of the file. `None`: it is left alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns {
    header: Vec<String>,
    targets: Vec<Option<Target>>,
}

/// What a row says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RowSays {
    Answer {
        reference: Reference,
        completeness: Completeness,
        keys: Keys,
        answered_at: Option<DateTime<Utc>>,
    },
    /// A participant who has not answered.
    Nothing,
}

impl Columns {
    pub fn of(header: &[String], mappings: &[Mapping]) -> Result<Self, Vec<ColumnProblem>> {
        let mut problems = Vec::new();
        let known = || header.iter().map(|name| format!("“{name}”")).collect::<Vec<_>>().join(", ");
        let mut targets: Vec<Option<Target>> = header.iter().map(|name| Target::by_name(name)).collect();
        for Mapping { column, target } in mappings {
            let Some(index) = header.iter().position(|name| folded(name) == folded(column)) else {
                problems.push(ColumnProblem::NotThere { column: column.clone(), known: known() });
                continue;
            };
            let named = NAMES.iter().map(|(target, _)| *target).find(|known| known.name() == target.to_lowercase());
            match (target.as_str(), named) {
                ("-", _) => targets[index] = None,
                (_, Some(named)) => {
                    // What the organiser says counts more than what a name looks like.
                    for other in targets.iter_mut().filter(|other| **other == Some(named)) {
                        *other = None;
                    }
                    targets[index] = Some(named);
                }
                (_, None) => {
                    let known = NAMES.map(|(target, _)| target.name()).join(", ");
                    let (column, target) = (column.clone(), target.clone());
                    problems.push(ColumnProblem::NoTarget { column, target, known });
                }
            }
        }
        for (index, target) in targets.iter().enumerate() {
            let first = targets[..index].iter().position(|other| other == target && target.is_some());
            if let (Some(first), Some(target)) = (first, target) {
                let (first, second) = (header[first].clone(), header[index].clone());
                problems.push(ColumnProblem::Twice { first, second, target: target.to_string() });
            }
        }
        if ![Target::Token, Target::Insee, Target::Siren].iter().any(|key| targets.contains(&Some(*key))) {
            problems.push(ColumnProblem::NoKey { known: known() });
        }
        if problems.is_empty() { Ok(Self { header: header.to_vec(), targets }) } else { Err(problems) }
    }

    fn column(&self, target: Target) -> Option<usize> {
        self.targets.iter().position(|column| *column == Some(target))
    }

    /// Reads a row.
    ///
    /// # Errors
    /// The column, where it is one's fault, and what to do.
    pub fn read(&self, cells: &[String], zone: Tz) -> Result<RowSays, (Option<&str>, &'static str)> {
        let cell = |target| {
            let cell = cells.get(self.column(target)?)?.trim();
            (!cell.is_empty()).then_some(cell)
        };
        let at_fault = |target| self.column(target).and_then(|index| self.header.get(index)).map(String::as_str);
        let keys = Keys::of(cell(Target::Token), cell(Target::Insee), cell(Target::Siren));
        if keys == Keys::default() {
            return Err((None, "it names nobody: fill in its token, INSEE code or SIREN number"));
        }
        let dated = match cell(Target::CompletedAt) {
            // A column of moments that is empty here: begun and not finished.
            None if self.column(Target::CompletedAt).is_some() => Dated::Unfinished,
            None => Dated::Finished(None),
            Some(text) => match truth(text) {
                // The list of participants of a LimeSurvey: `N` for whoever has not finished, `Y` in an anonymous one.
                Some(true) => Dated::Finished(None),
                Some(false) => Dated::Unanswered,
                // A survey that keeps no moments.
                None if text.starts_with("1980-01-01") => Dated::Finished(None),
                None => match moment(text, zone) {
                    Some(moment) => Dated::Finished(Some(moment)),
                    None => {
                        let remedy = "it is no moment: write it as 2026-10-05 14:30 or 05/10/2026 14:30, or Y or N";
                        return Err((at_fault(Target::CompletedAt), remedy));
                    }
                },
            },
        };
        let complete = match cell(Target::Complete) {
            None => None,
            Some(text) => match truth(text) {
                Some(complete) => Some(complete),
                None => return Err((at_fault(Target::Complete), "it is neither yes nor no: write oui or non")),
            },
        };
        let (completeness, answered_at) = match (complete, dated) {
            (Some(true), Dated::Finished(at)) | (None, Dated::Finished(at)) => (Completeness::Complete, at),
            (Some(true), Dated::Unfinished | Dated::Unanswered) => (Completeness::Complete, None),
            (Some(false), Dated::Finished(at)) => (Completeness::Partial, at),
            (Some(false) | None, Dated::Unfinished) => (Completeness::Partial, None),
            (Some(false) | None, Dated::Unanswered) => return Ok(RowSays::Nothing),
        };
        Ok(RowSays::Answer { reference: reference(cell(Target::Reference), &keys), completeness, keys, answered_at })
    }
}

/// What the column of moments says.
enum Dated {
    Finished(Option<DateTime<Utc>>),
    Unfinished,
    Unanswered,
}

fn truth(text: &str) -> Option<bool> {
    match folded(text).as_str() {
        "oui" | "o" | "yes" | "y" | "true" | "vrai" | "1" => Some(true),
        "non" | "n" | "no" | "false" | "faux" | "0" => Some(false),
        _ => None,
    }
}

/// All that names a row. Numbers of two tools, or of two exports, may be the same: with the keys they are told apart.
/// A token is a person's, and is not to outlive them in a name: a row that has one goes by its digest.
fn reference(id: Option<&str>, keys: &Keys) -> Reference {
    let parts = [
        ("id", id),
        ("token", keys.token.as_deref()),
        ("insee", keys.insee.as_deref()),
        ("siren", keys.siren.as_deref()),
    ];
    let said = parts.iter().filter_map(|(name, value)| value.map(|value| format!("{name} {value}")));
    let said = said.collect::<Vec<_>>().join(", ");
    if keys.token.is_some() { Reference::digest_of(&said) } else { Reference::of(&said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &[&str], mappings: &[&str]) -> Result<Columns, Vec<ColumnProblem>> {
        let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
        let mappings: Vec<Mapping> = mappings.iter().map(|text| text.parse().unwrap()).collect();
        Columns::of(&header, &mappings)
    }

    fn says(columns: &Columns, cells: &[&str]) -> Result<RowSays, String> {
        let cells: Vec<String> = cells.iter().map(|&cell| cell.to_owned()).collect();
        columns
            .read(&cells, chrono_tz::Europe::Paris)
            .map_err(|(column, reason)| format!("{} {reason}", column.unwrap_or("-")))
    }

    fn state(says: Result<RowSays, String>) -> String {
        match says {
            Ok(RowSays::Answer { completeness, answered_at, .. }) => {
                let at = answered_at.map(|at| at.format(" %H:%M").to_string()).unwrap_or_default();
                format!("{}{at}", completeness.as_str())
            }
            Ok(RowSays::Nothing) => "nothing".to_owned(),
            Err(problem) => problem,
        }
    }

    #[test]
    fn exports_of_known_tools_need_no_mapping() {
        let responses =
            columns(&["id. Response ID", "submitdate. Date submitted", "lastpage", "token. Access code"], &[]);
        let responses = responses.unwrap();
        assert_eq!(state(says(&responses, &["1", "2026-10-05 14:30:00", "4", "abc"])), "complete 12:30");
        assert_eq!(state(says(&responses, &["2", "", "2", "abd"])), "partial");
        assert_eq!(state(says(&responses, &["3", "1980-01-01 00:00:00", "4", "abe"])), "complete");
        let participants = columns(&["tid", "token", "completed"], &[]).unwrap();
        assert_eq!(state(says(&participants, &["1", "abc", "N"])), "nothing");
        assert_eq!(state(says(&participants, &["1", "abc", "Y"])), "complete");
        assert_eq!(state(says(&participants, &["1", "abc", "2026-10-05 14:30"])), "complete 12:30");
        let own = columns(&["Code INSEE", "Numéro SIREN", "Terminé"], &[]).unwrap();
        assert_eq!(state(says(&own, &["01004", "", "oui"])), "complete");
        assert_eq!(state(says(&own, &["01004", "", "non"])), "partial");
        assert_eq!(state(says(&own, &["01004", "", ""])), "complete");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_row_and_column() {
        let file = columns(&["token", "date", "complet"], &[]).unwrap();
        assert!(state(says(&file, &["", "05/10/2026", ""])).starts_with("- it names nobody"));
        assert!(state(says(&file, &["abc", "hier", ""])).starts_with("date it is no moment"));
        assert!(state(says(&file, &["abc", "05/10/2026", "peut-être"])).starts_with("complet it is neither"));
    }

    #[test]
    fn columns_are_mapped_and_their_problems_told() {
        let mapped = columns(&["Votre code", "token", "Le"], &["Votre code=token", "Le=submitdate"]).unwrap();
        assert_eq!(mapped.targets, [Some(Target::Token), None, Some(Target::CompletedAt)]);
        let problems = |header: &[&str], mappings: &[&str]| {
            columns(header, mappings).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(problems(&["nom"], &[])[0].contains("no column tells who answered"));
        assert!(problems(&["token", "jeton"], &[])[0].contains("both read as token"));
        assert!(problems(&["token"], &["absent=siren"])[0].contains("no column “absent”"));
        assert!(problems(&["token"], &["token=commune"])[0].contains("write -"));
        assert!("token".parse::<Mapping>().is_err());
    }

    #[test]
    fn rows_of_different_people_have_different_names() {
        let of = |id, token: &str| reference(id, &Keys::token(token));
        assert_eq!(of(Some("1"), "abc"), of(Some("1"), "abc"));
        assert_ne!(of(Some("1"), "abc"), of(Some("1"), "abd"));
        assert_ne!(of(None, "abc"), of(Some("1"), "abc"));
        let long = "x".repeat(500);
        assert_ne!(of(Some(&long), "abc"), of(Some(&long), "abd"));
        assert_eq!(of(Some(&long), "abc").as_str().len(), 64);
        assert!(!of(Some("7"), "secret-token").as_str().contains("secret"), "a token is no part of a name");
        let body = Keys::of(None, Some("01004"), None);
        assert_eq!(reference(Some("7"), &body).as_str(), "id 7, insee 01004");
    }
}
