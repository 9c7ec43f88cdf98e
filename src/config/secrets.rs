//! `[secrets.<name>]`: values in files, which campaigns and feeds name and never hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bot_core::Redacted;
use bot_core::fetch::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::Checker;

/// Larger files are no secrets.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Shorter ones are guessed: calls that are signed with one come from anybody.
const SECRET_CHARACTERS_MIN: usize = 12;

/// A secret: a password of a questionnaire tool, or what its calls are signed with.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// A file that holds it, and nothing else. A line break at its end does not count.
    pub file: PathBuf,
    /// Hosts it may be sent to, such as `enquetes.example.fr`. Left out, it is sent nowhere: calls are checked with it.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Why a secret cannot be used. Never shows it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("secrets.{name}.file: {path} cannot be read: {source}", path = path.display())]
    Unreadable { name: String, path: PathBuf, source: std::io::Error },
    #[error("secrets.{name}.file: {path} holds no text of {SECRET_CHARACTERS_MIN} characters or more: write a longer one", path = path.display())]
    TooShort { name: String, path: PathBuf },
}

impl SecretFile {
    pub(crate) fn resolve(&mut self, base: &Path) {
        self.file = base.join(&self.file);
    }

    fn read(&self, name: &str) -> Result<Secret, SecretError> {
        let unreadable = |source| SecretError::Unreadable { name: name.to_owned(), path: self.file.clone(), source };
        let length = fs::metadata(&self.file).map_err(unreadable)?.len();
        let text = if length > SECRET_BYTES_MAX {
            String::new()
        } else {
            fs::read_to_string(&self.file).map_err(unreadable)?
        };
        let value = text.trim_end_matches(['\r', '\n']);
        if value.chars().count() < SECRET_CHARACTERS_MIN {
            return Err(SecretError::TooShort { name: name.to_owned(), path: self.file.clone() });
        }
        Ok(Secret { value: Redacted::new(value.to_owned()), hosts: self.hosts.clone() })
    }
}

/// Reads every secret.
///
/// # Errors
/// The first file that cannot be used.
pub fn read_all(secrets: &BTreeMap<String, SecretFile>) -> Result<BTreeMap<String, Secret>, SecretError> {
    secrets.iter().map(|(name, file)| Ok((name.clone(), file.read(name)?))).collect()
}

pub(crate) fn check(secrets: &BTreeMap<String, SecretFile>, checker: &mut Checker) {
    for (name, secret) in secrets {
        let is_fine = (1..=40).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_fine {
            checker.refuse(format!("secrets.{name}"), "is no name of a secret: write 1 to 40 of a-z, 0-9 and `_`");
        }
        for (index, host) in secret.hosts.iter().enumerate() {
            if host.is_empty() || host.contains(['/', '@', ' ', '*']) {
                checker.refuse(
                    format!("secrets.{name}.hosts[{}]", index + 1),
                    format!("`{host}` is no host: write its name alone, such as enquetes.example.fr"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_its_file_holds() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            SecretFile { file: file.clone(), hosts: vec!["enquetes.example.fr".to_owned()] }.read("password")
        };
        assert_eq!(read("correct horse battery\r\n").unwrap().value.expose(), "correct horse battery");
        assert_eq!(read(" spaces are a part \n").unwrap().value.expose(), " spaces are a part ");
        for short in ["", "\n", "short\n", &"x".repeat(70_000)] {
            let error = read(short).unwrap_err();
            assert!(matches!(error, SecretError::TooShort { .. }), "{error}");
        }
        let missing = SecretFile { file: directory.path().join("missing"), hosts: Vec::new() };
        assert!(missing.read("password").unwrap_err().to_string().starts_with("secrets.password.file: "));
    }
}
