//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::read::Places;

/// Everything wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
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

/// One thing to put right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    #[serde(flatten)]
    pub place: Place,
    /// For example `http.public.listen`; empty when it concerns the whole file. Accounts count from 1.
    pub field: String,
    /// What is wrong, and what to write.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        f.write_str(&self.remedy)
    }
}

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// `line` counts from 1; `None` when the field is not written there.
    File {
        file: PathBuf,
        line: Option<usize>,
    },
    Environment {
        variable: String,
    },
}

impl Place {
    pub(crate) fn file(path: &Path, line: Option<usize>) -> Self {
        Self::File { file: path.to_owned(), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: Some(line) } => write!(f, "{}:{line}", file.display()),
            Self::File { file, line: None } => write!(f, "{}", file.display()),
            Self::Environment { variable } => f.write_str(variable),
        }
    }
}

/// Collects what the checks of the sections find.
#[derive(Default)]
pub(crate) struct Checker {
    found: Vec<(String, String)>,
}

impl Checker {
    pub fn refuse(&mut self, field: impl Into<String>, remedy: impl Into<String>) {
        self.found.push((field.into(), remedy.into()));
    }

    pub fn finish(self, places: &Places) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let problems =
            self.found.into_iter().map(|(field, remedy)| Problem { place: places.of(&field), field, remedy });
        Err(ConfigError { problems: problems.collect() })
    }
}
