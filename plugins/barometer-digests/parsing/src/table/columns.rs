//! Which column holds what.

use super::{COLUMNS_SHOWN_MAX, TableError, Unit, shown};

/// What a column of a table of figures can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Indicator,
    Edition,
    Stratum,
    Value,
    Base,
    Unit,
}

impl Role {
    pub const ALL: [Self; 6] = [Self::Indicator, Self::Edition, Self::Stratum, Self::Value, Self::Base, Self::Unit];

    /// Without these there is no figure.
    const NEEDED: [Self; 3] = [Self::Indicator, Self::Edition, Self::Value];

    /// Names that are understood by themselves, without accents and in small letters. The first two are what to write.
    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Indicator => &["indicateur", "indicator"],
            Self::Edition => &["edition", "annee", "year"],
            Self::Stratum => &["strate", "stratum"],
            Self::Value => &["valeur", "value"],
            Self::Base => &["base", "effectif"],
            Self::Unit => &["unite", "unit"],
        }
    }

    pub(super) fn place(self) -> usize {
        match self {
            Self::Indicator => 0,
            Self::Edition => 1,
            Self::Stratum => 2,
            Self::Value => 3,
            Self::Base => 4,
            Self::Unit => 5,
        }
    }
}

/// Names of columns that somebody wrote down, as the table has them to the letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    pub indicator: String,
    pub edition: String,
    pub stratum: Option<String>,
    pub value: String,
    pub base: Option<String>,
    /// A column, or a unit (`percent`, `count`, `euro`) that all rows have.
    pub unit: Option<String>,
}

/// How columns are found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// By the names everybody uses, French or English.
    Usual,
    Named(Names),
}

impl Wanted {
    fn name(&self, role: Role) -> Option<&str> {
        let Self::Named(names) = self else { return None };
        match role {
            Role::Indicator => Some(&names.indicator),
            Role::Edition => Some(&names.edition),
            Role::Stratum => names.stratum.as_deref(),
            Role::Value => Some(&names.value),
            Role::Base => names.base.as_deref(),
            Role::Unit => names.unit.as_deref(),
        }
    }

    /// What the column `name` is; none for one that is not ours.
    pub fn role(&self, name: &str) -> Option<Role> {
        match self {
            Self::Named(_) => Role::ALL.into_iter().find(|role| self.name(*role) == Some(name.trim())),
            Self::Usual => {
                let plain = plain(name);
                Role::ALL.into_iter().find(|role| role.known().contains(&plain.as_str()))
            }
        }
    }

    /// The unit of all rows, where one is named instead of a column.
    pub fn unit_of_all(&self, columns: &[String]) -> Option<Unit> {
        let name = self.name(Role::Unit)?;
        if columns.iter().any(|column| column == name) { None } else { Unit::read(name) }
    }

    /// Holds the columns that are there against those that are wanted: everything that is wrong.
    pub fn check(&self, columns: &[String]) -> Vec<TableError> {
        let mut wrong = Vec::new();
        // The error is kept with the source, and a header may be as long as the file.
        let listed: Vec<String> = columns.iter().take(COLUMNS_SHOWN_MAX).map(|column| shown(column)).collect();
        for role in Role::ALL {
            let there: Vec<&String> = columns.iter().filter(|column| self.role(column) == Some(role)).collect();
            let is_needed = Role::NEEDED.contains(&role) || self.name(role).is_some();
            match there.as_slice() {
                [] if role == Role::Unit && self.unit_of_all(columns).is_some() => {}
                [] if is_needed => {
                    let wanted = self.name(role).map_or_else(|| role.known()[0].to_owned(), str::to_owned);
                    wrong.push(TableError::MissingColumn { wanted, there: listed.clone() });
                }
                [one, another, ..] => {
                    wrong.push(TableError::ColumnTwice { one: shown(one), another: shown(another) });
                }
                _ => {}
            }
        }
        wrong
    }
}

/// The name of a column with a space for each control character, as messages show it: the database refuses one of them.
pub(super) fn name(name: String) -> String {
    if name.contains(char::is_control) { name.replace(char::is_control, " ").trim().to_owned() } else { name }
}

/// A word in small letters, without accents.
pub(super) fn plain(text: &str) -> String {
    let letters = text.trim().chars().flat_map(char::to_lowercase);
    let plain = letters.filter_map(|letter| match letter {
        'à' | 'â' | 'ä' => Some('a'),
        'é' | 'è' | 'ê' | 'ë' => Some('e'),
        'î' | 'ï' => Some('i'),
        'ô' | 'ö' => Some('o'),
        'ù' | 'û' | 'ü' => Some('u'),
        'ç' => Some('c'),
        // Accents that follow their letter.
        '\u{300}'..='\u{36f}' => None,
        other => Some(other),
    });
    plain.collect()
}
