//! `[database]`: a Postgres of yours, or the private server.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bot_core::Redacted;
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use super::problem::Checker;
use super::read::Places;

/// Without `url_file` and `url`, crieur runs a private Postgres server of its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// A file that holds the address of your Postgres, such as `postgres://crieur:password@db.example/crieur`.
    pub url_file: Option<PathBuf>,
    /// The same address, where it holds no password. With one, use `url_file` or `CRIEUR_DATABASE__URL`.
    #[schemars(with = "Option<String>")]
    pub url: Option<Redacted<String>>,
    /// Where the private server keeps its data. `/var/lib/crieur` for root, else `~/.local/share/crieur`.
    pub data_dir: Option<PathBuf>,
    /// Postgres' programs for the private server. Found or fetched when left out.
    pub bin_dir: Option<PathBuf>,
}

/// Why the address of the database cannot be used. Never shows the address.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error("database.url_file: {path} cannot be read: {source}", path = path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{0} does not hold an address of a database: write postgres://user:password@host/name")]
    NotAUrl(&'static str),
}

impl Database {
    /// A private server on this directory.
    pub fn private(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: Some(data_dir.into()), ..Self::default() }
    }

    /// How to reach the given database; `None` for the private server.
    ///
    /// # Errors
    /// When the file cannot be read or holds no address.
    pub fn given(&self) -> Result<Option<PgConnectOptions>, UrlError> {
        let (url, field) = match (&self.url_file, &self.url) {
            (Some(path), _) => {
                let text =
                    fs::read_to_string(path).map_err(|source| UrlError::Unreadable { path: path.clone(), source })?;
                (Redacted::new(text), "the file of database.url_file")
            }
            (None, Some(url)) => (url.clone(), "database.url"),
            (None, None) => return Ok(None),
        };
        let options = url.expose().trim();
        if !options.starts_with("postgres://") && !options.starts_with("postgresql://") {
            return Err(UrlError::NotAUrl(field));
        }
        PgConnectOptions::from_str(options).map(Some).map_err(|_| UrlError::NotAUrl(field))
    }

    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(embedded_postgres::default_data_dir)
    }

    pub(crate) fn resolve(&mut self, base: &Path) {
        for path in [&mut self.url_file, &mut self.data_dir, &mut self.bin_dir].into_iter().flatten() {
            *path = base.join(&*path);
        }
    }

    pub(crate) fn check(&self, checker: &mut Checker, places: &Places) {
        if self.url_file.is_some() && self.url.is_some() {
            checker.refuse("database.url", "goes against database.url_file: keep one of the two");
        }
        let is_given = self.url_file.is_some() || self.url.is_some();
        for (field, value) in [("database.data_dir", &self.data_dir), ("database.bin_dir", &self.bin_dir)] {
            if is_given && value.is_some() {
                checker.refuse(field, "is for the private server, and your own is set: keep one of the two");
            }
        }
        if let Some(url) = &self.url {
            let holds_password = url.expose().split_once("://").is_some_and(|(_, rest)| {
                let user = rest.split(['/', '?']).next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user);
                user.is_some_and(|user| user.contains(':')) || rest.contains("password=")
            });
            if holds_password && !places.is_from_environment("database.url") {
                checker.refuse(
                    "database.url",
                    "holds a password: put the address in a file and name it in `url_file`, or set \
                     CRIEUR_DATABASE__URL",
                );
            }
        }
    }
}
