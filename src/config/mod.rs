//! `crieur.toml`: what an operator sets, one file per section, and how it is read and checked.

mod accounts;
mod database;
mod fetch;
mod http;
mod log;
mod organisation;
mod problem;
mod read;
mod secrets;
mod stopping;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bot_core::fetch::FetchSettings;
use schemars::JsonSchema;
use serde::Deserialize;

pub use accounts::{Account, AccountSettings};
pub use database::{Database, UrlError};
pub use fetch::Fetch;
pub use http::{Admin, Http, Public};
pub use log::{Log, LogFormat};
pub use organisation::Organisation;
pub use problem::{ConfigError, Place, Problem};
pub use secrets::{SecretError, SecretFile};
pub use stopping::Stopping;

use problem::Checker;

/// Where the file is looked for when none is named.
pub const DEFAULT_PATHS: [&str; 2] = ["crieur.toml", "/etc/crieur/crieur.toml"];

/// The configuration file of crieur. Every field can also be set by an environment variable: `CRIEUR_`, then the
/// field's path in capitals with `__` between its parts, such as `CRIEUR_HTTP__PUBLIC__LISTEN`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "crieur.toml")]
pub struct Config {
    pub organisation: Organisation,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub stopping: Stopping,
    #[serde(default)]
    pub fetch: Fetch,
    /// Passwords and keys in files, one `[secrets.<name>]` table each, which campaigns name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretFile>,
    /// The bot connections, one `[[account]]` each.
    #[serde(default, rename = "account")]
    pub accounts: Vec<Account>,
    /// Settings of plugins, one `[plugins.<id>]` table each.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Map<String, serde_json::Value>>")]
    pub plugins: BTreeMap<String, toml::Table>,
}

impl Config {
    /// What `crieur demo` and tests start from: one webchat, and the private server in its usual place.
    pub fn with_title(title: impl Into<String>) -> Self {
        Self {
            organisation: Organisation::titled(title),
            database: Database::default(),
            http: Http::default(),
            log: Log::default(),
            stopping: Stopping::default(),
            fetch: Fetch::default(),
            secrets: BTreeMap::new(),
            accounts: Account::one_of_each(),
            plugins: BTreeMap::new(),
        }
    }

    /// Reads `path`, lets `CRIEUR_…` variables of `environment` win, and checks the whole. Paths in the file are
    /// relative to its directory.
    ///
    /// # Errors
    /// Every problem that can be told at once, each with its place and remedy.
    pub fn load(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let remedy = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "does not exist: copy docs/crieur.toml.example there, or name another file with --config. \
                     To look around first, run `crieur demo`"
                        .to_owned()
                }
                _ => format!("cannot be read: {error}"),
            };
            ConfigError::one(Problem { place: Place::file(path, None), field: String::new(), remedy })
        })?;
        let mut config = Self::parse(path, &text, environment)?;
        let base = path.parent().unwrap_or(Path::new(""));
        config.database.resolve(base);
        for account in &mut config.accounts {
            account.resolve(base);
        }
        for secret in config.secrets.values_mut() {
            secret.resolve(base);
        }
        Ok(config)
    }

    /// As [`Config::load`], for text at hand; `path` is named in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        path: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (mut config, places): (Self, _) = read::read(path, text, environment)?;
        let mut checker = Checker::default();
        config.organisation.check(&mut checker);
        config.database.check(&mut checker, &places);
        config.http.check(&mut checker);
        config.log.check(&mut checker);
        config.stopping.check(&mut checker);
        config.fetch.check(&mut checker);
        secrets::check(&config.secrets, &mut checker);
        accounts::check(&mut config.accounts, &mut checker, &places);
        // The list of plugins is made in code: it is right, or no test passes.
        let plugins = crate::plugins::all().unwrap_or_default();
        for (id, settings) in &config.plugins {
            if let Err((field, remedy)) = crate::plugins::check_settings(&plugins, id, settings) {
                let field = format!("plugins.{id}.{field}");
                checker.refuse(field.trim_end_matches('.'), remedy);
            }
        }
        checker.finish(&places)?;
        Ok(config)
    }

    /// What plugins may fetch, with the secrets they may name.
    ///
    /// # Errors
    /// The first file of a secret that cannot be used.
    pub fn fetching(&self) -> Result<FetchSettings, SecretError> {
        let secrets = secrets::read_all(&self.secrets)?;
        Ok(FetchSettings { allow: self.fetch.places(), secrets, ..FetchSettings::default() })
    }

    /// Where the data is when there is no file: the environment's `CRIEUR_DATABASE__…`, else the private server.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn database_of(environment: impl IntoIterator<Item = (String, String)>) -> Result<Database, ConfigError> {
        #[derive(Deserialize)]
        struct DatabaseOnly {
            #[serde(default)]
            database: Database,
        }
        let path = Path::new(DEFAULT_PATHS[0]);
        let (DatabaseOnly { database }, places) = read::read(path, "", environment)?;
        let mut checker = Checker::default();
        database.check(&mut checker, &places);
        checker.finish(&places)?;
        Ok(database)
    }

    /// The JSON Schema of the file, for editors.
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(Config)
    }
}

/// The file to use: the one named, else the first of [`DEFAULT_PATHS`] that exists.
pub fn find(named: Option<&Path>) -> Option<PathBuf> {
    match named {
        Some(path) => Some(path.to_owned()),
        None => DEFAULT_PATHS.iter().map(PathBuf::from).find(|path| path.exists()),
    }
}

#[cfg(test)]
mod tests;
