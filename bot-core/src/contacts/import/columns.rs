//! Which column of a file is what.

use std::fmt;

use crate::contacts::fields::{Field, FieldKey};
use crate::contacts::words::folded;

/// What a column is read as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Ignored,
    ExternalId,
    FirstName,
    Name,
    Collectivite,
    Kind,
    Insee,
    Siren,
    Population,
    Departement,
    Region,
    Rank,
    Language,
    TimeZone,
    Groups,
    Field(FieldKey),
}

/// Names under which columns are known, in French and English, as [`folded`]. The first is the one messages show.
const NAMES: [(Target, &[&str]); 14] = [
    (
        Target::ExternalId,
        &["identifiant", "id", "external id", "identifier", "reference", "id externe", "identifiant externe"],
    ),
    (Target::FirstName, &["prenom", "first name", "given name"]),
    (Target::Name, &["nom", "name", "nom complet", "full name", "last name", "contact"]),
    (Target::Collectivite, &["collectivite", "nom de la collectivite", "nom collectivite", "organisme", "public body"]),
    (Target::Kind, &["type", "type de collectivite", "type collectivite", "kind"]),
    (Target::Insee, &["code insee", "insee", "code commune", "cog", "insee code"]),
    (Target::Siren, &["siren", "numero siren", "n siren", "code siren"]),
    (Target::Population, &["population", "habitants", "nombre d habitants", "inhabitants"]),
    (Target::Departement, &["departement", "code departement", "code du departement", "department"]),
    (Target::Region, &["region", "code region", "code de la region"]),
    (Target::Rank, &["rang", "rank"]),
    (Target::Language, &["langue", "language"]),
    (Target::TimeZone, &["fuseau", "fuseau horaire", "time zone", "timezone"]),
    (Target::Groups, &["groupes", "groupe", "groups", "group"]),
];

/// Columns that a list of rejected rows has in front: they are no part of the data when it comes back corrected.
pub const REJECT_COLUMNS: [&str; 2] = ["ligne (crieur)", "raison (crieur)"];

/// One `--map "Column=target"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    pub column: String,
    /// `-`, a name of [`NAMES`], or `field:key`.
    pub target: String,
}

impl std::str::FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((column, target)) if !column.trim().is_empty() && !target.trim().is_empty() => {
                Ok(Self { column: column.trim().to_owned(), target: target.trim().to_owned() })
            }
            _ => Err(format!("`{text}` maps nothing: write \"Column=field\", such as \"Courriel=field:email\"")),
        }
    }
}

/// What is wrong with the columns of a file, each with what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ColumnProblem {
    #[error(
        "column “{column}” is unknown: ignore it with --map \"{column}=-\", put it into a declared field with \
         --map \"{column}=field:{key}\", or declare fields for all unknown columns with --new-fields"
    )]
    Unknown { column: String, key: String },
    #[error("--map: the file has no column “{column}”: it has {known}")]
    NotThere { column: String, known: String },
    #[error("--map \"{column}={target}\": write -, field:KEY or one of {known}")]
    NoTarget { column: String, target: String, known: String },
    #[error(
        "--map \"{column}=field:{key}\": there is no field `{key}`: declare it with `crieur contacts fields declare {key}`, \
         or give --new-fields"
    )]
    NoField { column: String, key: String },
    #[error("columns “{first}” and “{second}” are both read as {target}: ignore one with --map \"{second}=-\"")]
    Twice { first: String, second: String, target: String },
    #[error(
        "no column holds the identifier by which a contact is known again: name it “identifiant”, or say which it is with \
         --map \"COLUMN=identifiant\""
    )]
    NoIdentifier,
}

/// What each column is, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns {
    pub targets: Vec<Target>,
    pub header: Vec<String>,
    /// To be declared as text, with their labels.
    pub new_fields: Vec<(FieldKey, String)>,
}

impl Columns {
    /// Reads the header with the organiser's mappings.
    pub fn of(
        header: &[String],
        fields: &[Field],
        mappings: &[Mapping],
        new_fields: bool,
    ) -> Result<Self, Vec<ColumnProblem>> {
        let mut problems = Vec::new();
        for mapping in mappings {
            if !header.iter().any(|name| names(mapping, name)) {
                let known: Vec<String> = header.iter().map(|name| format!("“{name}”")).collect();
                problems.push(ColumnProblem::NotThere { column: mapping.column.clone(), known: known.join(", ") });
            }
        }
        let mut columns = Self { targets: Vec::new(), header: header.to_vec(), new_fields: Vec::new() };
        for name in header {
            // The exact name before one that is the same but for case and accents.
            let exact = mappings.iter().find(|mapping| mapping.column == *name);
            let target = match exact.or_else(|| mappings.iter().find(|mapping| names(mapping, name))) {
                Some(mapping) => columns.mapped(name, &mapping.target, fields, new_fields),
                None => columns.recognised(name, fields, new_fields),
            };
            columns.targets.push(target.unwrap_or_else(|problem| {
                problems.push(problem);
                Target::Ignored
            }));
        }
        for (index, target) in columns.targets.iter().enumerate() {
            if let Some(first) = columns.targets[..index].iter().position(|other| other == target)
                && *target != Target::Ignored
            {
                problems.push(ColumnProblem::Twice {
                    first: header[first].clone(),
                    second: header[index].clone(),
                    target: target.to_string(),
                });
            }
        }
        // One who still has to say what the columns are will say this as well.
        if problems.is_empty() && !columns.targets.contains(&Target::ExternalId) {
            problems.push(ColumnProblem::NoIdentifier);
        }
        if problems.is_empty() { Ok(columns) } else { Err(problems) }
    }

    fn mapped(
        &mut self,
        column: &str,
        target: &str,
        fields: &[Field],
        new_fields: bool,
    ) -> Result<Target, ColumnProblem> {
        if target == "-" {
            return Ok(Target::Ignored);
        }
        if let Some(key) = target.strip_prefix("field:").or_else(|| target.strip_prefix("champ:")) {
            let unknown = || ColumnProblem::NoField { column: column.to_owned(), key: key.to_owned() };
            let key: FieldKey = key.parse().map_err(|_| unknown())?;
            if !fields.iter().any(|field| field.key == key.as_str()) {
                if !new_fields {
                    return Err(unknown());
                }
                self.declare(&key, column);
            }
            return Ok(Target::Field(key));
        }
        named(target).ok_or_else(|| ColumnProblem::NoTarget {
            column: column.to_owned(),
            target: target.to_owned(),
            known: NAMES.iter().map(|(_, names)| names[0]).collect::<Vec<_>>().join(", "),
        })
    }

    fn recognised(&mut self, name: &str, fields: &[Field], new_fields: bool) -> Result<Target, ColumnProblem> {
        // Without a name it has no values: the reader sees to that.
        if name.is_empty() || REJECT_COLUMNS.contains(&name) {
            return Ok(Target::Ignored);
        }
        if let Some(target) = named(name) {
            return Ok(target);
        }
        let is_this = |field: &&Field| folded(&field.label) == folded(name) || folded(&field.key) == folded(name);
        if let Some(field) = fields.iter().find(is_this)
            && let Ok(key) = field.key.parse()
        {
            return Ok(Target::Field(key));
        }
        match FieldKey::suggested(name) {
            Some(key) if new_fields => {
                self.declare(&key, name);
                Ok(Target::Field(key))
            }
            suggested => Err(ColumnProblem::Unknown {
                column: name.to_owned(),
                key: suggested.map_or_else(|| "KEY".to_owned(), |key| key.to_string()),
            }),
        }
    }

    fn declare(&mut self, key: &FieldKey, label: &str) {
        if !self.new_fields.iter().any(|(known, _)| known == key) {
            self.new_fields.push((key.clone(), label.to_owned()));
        }
    }

    /// The name of the column that is read as `target`.
    pub fn name_of(&self, target: &Target) -> Option<&str> {
        self.targets.iter().position(|other| other == target).map(|index| self.header[index].as_str())
    }
}

fn names(mapping: &Mapping, column: &str) -> bool {
    mapping.column == column || folded(&mapping.column) == folded(column)
}

fn named(name: &str) -> Option<Target> {
    let name = folded(name);
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(target, _)| target.clone())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(key) => write!(f, "field:{key}"),
            target => f.write_str(NAMES.iter().find(|(named, _)| named == target).map_or("-", |(_, names)| names[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::fields::FieldKind;

    fn read(header: &[&str], mappings: &[&str], new_fields: bool) -> Result<String, String> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let fields = [Field { key: "email".to_owned(), label: "Courriel".to_owned(), kind: FieldKind::Text }];
        let mappings: Vec<Mapping> = mappings.iter().map(|mapping| mapping.parse().unwrap()).collect();
        match Columns::of(&header, &fields, &mappings, new_fields) {
            Ok(columns) => Ok(columns.targets.iter().map(Target::to_string).collect::<Vec<_>>().join(" ")),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn columns_are_recognised_in_both_languages() {
        let header = ["Identifiant", "NOM", "Collectivité", "Type", "code_INSEE", "Département", "Groupes", "courriel"];
        let expected = "identifiant nom collectivite type code insee departement groupes field:email";
        assert_eq!(read(&header, &[], false), Ok(expected.to_owned()));
        assert_eq!(read(&["External ID", "Name", "Rank"], &[], false), Ok("identifiant nom rang".to_owned()));
        assert_eq!(read(&["id", REJECT_COLUMNS[0], REJECT_COLUMNS[1]], &[], false), Ok("identifiant - -".to_owned()));
    }

    #[test]
    fn a_column_is_what_the_organiser_says() {
        let header = ["N° fiche", "Maire", "Tél."];
        let mappings = ["n° fiche=identifiant", "Maire=nom", "Tél.=-"];
        assert_eq!(read(&header, &mappings, false), Ok("identifiant nom -".to_owned()));
        assert_eq!(read(&["id", "Tél. portable"], &[], true), Ok("identifiant field:tel_portable".to_owned()));
        assert_eq!(read(&["id", "x"], &["x=field:mot"], true), Ok("identifiant field:mot".to_owned()));
    }

    #[test]
    fn what_is_not_clear_is_refused_with_what_to_do() {
        insta::assert_snapshot!(read(&["id", "Tél. portable"], &[], false).unwrap_err(), @r#"column “Tél. portable” is unknown: ignore it with --map "Tél. portable=-", put it into a declared field with --map "Tél. portable=field:tel_portable", or declare fields for all unknown columns with --new-fields"#);
        insta::assert_snapshot!(read(&["nom", "rang"], &[], false).unwrap_err(), @r#"no column holds the identifier by which a contact is known again: name it “identifiant”, or say which it is with --map "COLUMN=identifiant""#);
        insta::assert_snapshot!(read(&["id", "identifiant", "x"], &["y=nom", "x=truc"], false).unwrap_err(), @r#"
        --map: the file has no column “y”: it has “id”, “identifiant”, “x”
        --map "x=truc": write -, field:KEY or one of identifiant, prenom, nom, collectivite, type, code insee, siren, population, departement, region, rang, langue, fuseau, groupes
        columns “id” and “identifiant” are both read as identifiant: ignore one with --map "identifiant=-"
        "#);
        assert!(read(&["id", "x"], &["x=field:mot"], false).unwrap_err().contains("there is no field `mot`"));
        assert!("Courriel".parse::<Mapping>().is_err());
    }
}
