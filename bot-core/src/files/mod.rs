//! Files that organisers write: TOML, read with errors that name line, field and remedy, all at once.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

mod places;
mod values;

pub use places::{Places, line_of};
pub use values::{LocalTime, TextOrTable};

/// Longest name of what a file defines, in characters.
pub const SLUG_CHARACTERS_MAX: usize = 40;

/// Everything wrong with a file, each problem with its place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct FileError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// From 1; `None` for a definition that did not come from a file.
    pub line: Option<usize>,
    /// For example `questions[2].options`; empty when it concerns the whole file. Questions count from 1.
    pub field: String,
    /// What is wrong, and what to write.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.remedy)
    }
}

impl FileError {
    /// What is wrong with `source`, each problem at the line of its field, in the order of the lines. A problem that
    /// has a line keeps it.
    pub fn in_file(source: &str, mut problems: Vec<Problem>) -> Self {
        let places = Places::of(source);
        for problem in &mut problems {
            problem.line = problem.line.or_else(|| places.line_of_field(source, &problem.field));
        }
        problems.sort_by_key(|problem| problem.line);
        Self { problems }
    }
}

/// Reads a file into `T`.
///
/// # Errors
/// The first place that is not TOML, or holds an unknown or missing field.
pub fn read<T: DeserializeOwned>(source: &str) -> Result<T, FileError> {
    toml::from_str(source).map_err(|error| FileError {
        problems: vec![Problem {
            line: error.span().map(|span| line_of(source, span.start)),
            field: error.span().map(|span| Places::of(source).field_at(&span)).unwrap_or_default(),
            remedy: in_plain_words(error.message()),
        }],
    })
}

/// The parser's message, without the names of types.
pub fn in_plain_words(message: &str) -> String {
    message
        .replace('\n', " ")
        .replace("expected u16", "write a whole number from 0 to 65535")
        .replace("expected u8", "write a whole number from 0 to 255")
        .replace("expected a sequence", "write a list: [\"…\", \"…\"]")
        .replace("expected a boolean", "write true or false")
}

/// Whether `text` may name what a file defines: 1 to [`SLUG_CHARACTERS_MAX`] of a-z, 0-9 and `-`, not `-` first.
pub fn is_slug(text: &str) -> bool {
    (1..=SLUG_CHARACTERS_MAX).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
