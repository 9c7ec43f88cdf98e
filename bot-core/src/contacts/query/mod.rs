//! The language of segments: which contacts, in one line.
//!
//! ```text
//! type = commune and population >= 10000 and region in (52, 53) and not group = "pilotes" and consent = reminder
//! ```
//!
//! A query is read into a [`Query`] and evaluated on [`ContactView`]s, never in SQL: it can neither be wrong at the wrong
//! moment nor see what a view does not show. Texts are the same without case and accents; what a contact does not have is
//! the empty text; an order (`<`, `>=`) with what is not there is false.

mod key;
mod read;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

pub use self::key::Key;
pub(super) use self::key::{kind_named, language_named};
pub use self::read::QueryError;
use super::view::ContactView;
use super::words::folded;

/// Longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4_000;
/// How deep parentheses may nest.
pub const DEPTH_MAX: usize = 32;

/// Which contacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Two or more.
    And(Vec<Query>),
    /// Two or more.
    Or(Vec<Query>),
    Not(Box<Query>),
    Test(Test),
}

/// A key compared with a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    pub key: Key,
    pub comparison: Comparison,
}

/// Values are as [`Key::settled`] writes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Comparison {
    Equal(String),
    NotEqual(String),
    Less(String),
    LessOrEqual(String),
    Greater(String),
    GreaterOrEqual(String),
    /// Has the text somewhere in it.
    Contains(String),
    /// One or more, of which one is equal.
    In(Vec<String>),
}

impl Query {
    /// Whether `contact` is meant.
    pub fn matches(&self, contact: &ContactView) -> bool {
        match self {
            Self::And(all) => all.iter().all(|query| query.matches(contact)),
            Self::Or(any) => any.iter().any(|query| query.matches(contact)),
            Self::Not(query) => !query.matches(contact),
            Self::Test(test) => test.matches(contact),
        }
    }

    /// The declared fields it asks for, each once.
    pub fn fields(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.gather_fields(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn gather_fields<'q>(&'q self, found: &mut Vec<&'q str>) {
        match self {
            Self::And(queries) | Self::Or(queries) => queries.iter().for_each(|query| query.gather_fields(found)),
            Self::Not(query) => query.gather_fields(found),
            Self::Test(Test { key: Key::Field(field), .. }) => found.push(field),
            Self::Test(_) => {}
        }
    }
}

impl Test {
    fn matches(&self, contact: &ContactView) -> bool {
        let held = self.key.held_by(contact);
        // Of a contact with several (groups, consents, networks) one is enough; none is the empty text.
        let any =
            |holds: &dyn Fn(&str) -> bool| if held.is_empty() { holds("") } else { held.iter().any(|one| holds(one)) };
        let ordered = |value: &str, holds: fn(Ordering) -> bool| any(&|one| order(one, value).is_some_and(holds));
        match &self.comparison {
            Comparison::Equal(value) => any(&|one| same(one, value)),
            Comparison::NotEqual(value) => !any(&|one| same(one, value)),
            Comparison::In(values) => any(&|one| values.iter().any(|value| same(one, value))),
            Comparison::Contains(value) => any(&|one| folded(one).contains(&folded(value))),
            Comparison::Less(value) => ordered(value, Ordering::is_lt),
            Comparison::LessOrEqual(value) => ordered(value, Ordering::is_le),
            Comparison::Greater(value) => ordered(value, Ordering::is_gt),
            Comparison::GreaterOrEqual(value) => ordered(value, Ordering::is_ge),
        }
    }
}

/// `007` is a name and no number.
fn number(text: &str) -> Option<f64> {
    let is_name = text.starts_with('0') && text[1..].starts_with(|next: char| next.is_ascii_digit());
    if is_name {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn same(one: &str, other: &str) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other || (!folded(one).is_empty() && folded(one) == folded(other)),
    }
}

/// Numbers by size; days (`2026-09-01`) and other texts by the alphabet.
fn order(one: &str, other: &str) -> Option<Ordering> {
    if one.is_empty() {
        return None;
    }
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.partial_cmp(&other),
        (None, None) => Some(folded(one).cmp(&folded(other))),
        // A number and a text have no order.
        _ => None,
    }
}

/// The value of a field as a query sees it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Prints what [`Query::from_str`] reads to the same.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, queries: &[Self], word: &str| {
            for (index, query) in queries.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match query {
                    Self::And(_) | Self::Or(_) => write!(f, "({query})")?,
                    Self::Not(_) | Self::Test(_) => write!(f, "{query}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(queries) => joined(f, queries, "and"),
            Self::Or(queries) => joined(f, queries, "or"),
            Self::Not(query) => match **query {
                Self::And(_) | Self::Or(_) => write!(f, "not ({query})"),
                Self::Not(_) | Self::Test(_) => write!(f, "not {query}"),
            },
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, value) = match &self.comparison {
            Comparison::Equal(value) => ("=", value),
            Comparison::NotEqual(value) => ("!=", value),
            Comparison::Less(value) => ("<", value),
            Comparison::LessOrEqual(value) => ("<=", value),
            Comparison::Greater(value) => (">", value),
            Comparison::GreaterOrEqual(value) => (">=", value),
            Comparison::Contains(value) => ("~", value),
            Comparison::In(values) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                return write!(f, "{} in ({})", self.key, values.join(", "));
            }
        };
        write!(f, "{} {sign} {}", self.key, quoted(value))
    }
}

/// Bare where it can be read so, else between quotation marks.
fn quoted(value: &str) -> String {
    if read::is_bare(value) {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        read::query(text)
    }
}

#[cfg(test)]
mod tests;
