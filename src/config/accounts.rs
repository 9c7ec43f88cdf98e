//! `[[account]]`: the bot connections.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use toml::{Table, Value};

use super::problem::Checker;
use super::read::{Places, deserialise};

/// One bot connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its own name, which stays the same for ever: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// The platform it speaks.
    #[schemars(schema_with = "platforms")]
    pub platform: String,
    /// What the platform's adapter can be told.
    #[serde(default)]
    #[schemars(schema_with = "settings_of_platforms")]
    settings: Table,
    #[serde(skip)]
    checked: Option<AccountSettings>,
}

/// The settings of an account, by platform: the list of adapters in this build.
#[derive(Clone, PartialEq, Debug)]
pub enum AccountSettings {
    #[cfg(feature = "discord")]
    Discord(adapter_discord::DiscordSettings),
    #[cfg(feature = "matrix")]
    Matrix(adapter_matrix::MatrixSettings),
    #[cfg(feature = "telegram")]
    Telegram(adapter_telegram::TelegramSettings),
    #[cfg(feature = "webchat")]
    Webchat(adapter_webchat::WebchatSettings),
}

impl AccountSettings {
    /// Every path among them.
    #[allow(clippy::ptr_arg, reason = "each is replaced")]
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            #[cfg(feature = "discord")]
            Self::Discord(settings) => vec![&mut settings.token_file],
            #[cfg(feature = "matrix")]
            Self::Matrix(settings) => vec![
                &mut settings.password_file,
                &mut settings.recovery_key_file,
                &mut settings.store_dir,
                &mut settings.store_passphrase_file,
            ],
            #[cfg(feature = "telegram")]
            Self::Telegram(settings) => vec![&mut settings.token_file],
            #[cfg(feature = "webchat")]
            Self::Webchat(_) => Vec::new(),
        }
    }

    /// The files that hold secrets and must be there before the first start.
    pub fn secret_files(&self) -> Vec<&Path> {
        match self {
            #[cfg(feature = "discord")]
            Self::Discord(settings) => vec![&settings.token_file],
            #[cfg(feature = "matrix")]
            // The first start writes the others, where there are none.
            Self::Matrix(settings) => vec![&settings.password_file],
            #[cfg(feature = "telegram")]
            Self::Telegram(settings) => vec![&settings.token_file],
            #[cfg(feature = "webchat")]
            Self::Webchat(_) => Vec::new(),
        }
    }
}

/// Platforms of this build.
const PLATFORMS: &[&str] = &[
    #[cfg(feature = "discord")]
    "discord",
    #[cfg(feature = "matrix")]
    "matrix",
    #[cfg(feature = "telegram")]
    "telegram",
    #[cfg(feature = "webchat")]
    "webchat",
];
/// Platforms that a build may leave out.
const PLATFORMS_KNOWN: &[&str] = &["discord", "matrix", "telegram", "webchat"];

fn platforms(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "string", "enum": PLATFORMS })
}

#[allow(unused_variables, reason = "a build may have no platform")]
fn settings_of_platforms(generator: &mut SchemaGenerator) -> Schema {
    let schemas: Vec<Schema> = vec![
        #[cfg(feature = "discord")]
        generator.subschema_for::<adapter_discord::DiscordSettings>(),
        #[cfg(feature = "matrix")]
        generator.subschema_for::<adapter_matrix::MatrixSettings>(),
        #[cfg(feature = "telegram")]
        generator.subschema_for::<adapter_telegram::TelegramSettings>(),
        #[cfg(feature = "webchat")]
        generator.subschema_for::<adapter_webchat::WebchatSettings>(),
    ];
    schemars::json_schema!({ "anyOf": schemas })
}

impl Account {
    /// One account with usual settings on every platform that needs no token.
    pub(crate) fn one_of_each() -> Vec<Self> {
        vec![
            #[cfg(feature = "webchat")]
            Self {
                name: "webchat".to_owned(),
                platform: "webchat".to_owned(),
                settings: Table::new(),
                checked: Some(AccountSettings::Webchat(adapter_webchat::WebchatSettings::default())),
            },
        ]
    }

    /// Makes its paths relative to `base`.
    pub(crate) fn resolve(&mut self, base: &Path) {
        for path in self.checked.iter_mut().flat_map(AccountSettings::paths) {
            *path = base.join(&*path);
        }
    }

    /// The settings, of an account that passed the checks.
    pub fn settings(&self) -> Option<&AccountSettings> {
        self.checked.as_ref()
    }
}

/// Checks names and platforms, and reads each account's settings as its platform's.
pub(crate) fn check(accounts: &mut [Account], checker: &mut Checker, places: &Places) {
    let mut seen: Vec<String> = Vec::new();
    let mut webchats = 0;
    for (index, account) in accounts.iter_mut().enumerate() {
        let field = |name: &str| format!("account[{}].{name}", index + 1);
        if !is_name(&account.name) {
            checker.refuse(field("name"), "must be 1 to 63 of a-z, 0-9 and `-`, and begin with a letter or digit");
        } else if seen.contains(&account.name) {
            checker.refuse(field("name"), "is there twice: each account has a name of its own");
        }
        seen.push(account.name.clone());
        if account.platform == "webchat" {
            webchats += 1;
            if webchats > 1 {
                checker.refuse(field("platform"), "is webchat again: one webchat is served, so keep one");
            }
        }
        let is_from_environment = |name: &str| places.is_from_environment(&field(&format!("settings.{name}")));
        match read_settings(&account.platform, account.settings.clone(), &is_from_environment) {
            Ok(settings) => account.checked = Some(settings),
            Err((name, remedy)) => checker.refuse(field(&name), remedy),
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[allow(unused_variables, reason = "a build may have no platform")]
fn read_settings(
    platform: &str,
    settings: Table,
    is_from_environment: &dyn Fn(&str) -> bool,
) -> Result<AccountSettings, (String, String)> {
    match platform {
        #[cfg(feature = "discord")]
        "discord" => {
            let settings: adapter_discord::DiscordSettings = within_settings(settings, is_from_environment)?;
            settings.check().map_err(|error| refused(error.field, &error))?;
            Ok(AccountSettings::Discord(settings))
        }
        #[cfg(feature = "matrix")]
        "matrix" => {
            let settings: adapter_matrix::MatrixSettings = within_settings(settings, is_from_environment)?;
            settings.check().map_err(|error| refused(error.field, &error))?;
            Ok(AccountSettings::Matrix(settings))
        }
        #[cfg(feature = "telegram")]
        "telegram" => {
            let settings: adapter_telegram::TelegramSettings = within_settings(settings, is_from_environment)?;
            settings.check().map_err(|error| refused(error.field, &error))?;
            Ok(AccountSettings::Telegram(settings))
        }
        #[cfg(feature = "webchat")]
        "webchat" => {
            let settings: adapter_webchat::WebchatSettings = within_settings(settings, is_from_environment)?;
            settings.check().map_err(|error| refused(error.field, &error))?;
            Ok(AccountSettings::Webchat(settings))
        }
        other if PLATFORMS_KNOWN.contains(&other) => {
            let remedy = format!("{other} is left out of this build: build with `--features {other}`");
            Err(("platform".to_owned(), remedy))
        }
        other => Err(("platform".to_owned(), format!("`{other}` is not known: write one of {}", PLATFORMS.join(", ")))),
    }
}

#[allow(dead_code, reason = "a build may have no platform")]
fn refused(field: &str, error: &dyn std::fmt::Display) -> (String, String) {
    let words = error.to_string();
    let remedy = words.strip_prefix(&format!("`{field}` ")).unwrap_or(&words).to_owned();
    (format!("settings.{field}"), remedy)
}

#[allow(dead_code, reason = "a build may have no platform")]
fn within_settings<T: serde::de::DeserializeOwned>(
    settings: Table,
    is_from_environment: &dyn Fn(&str) -> bool,
) -> Result<T, (String, String)> {
    deserialise(Value::Table(settings), is_from_environment).map_err(|(field, remedy)| {
        (if field.is_empty() { "settings".to_owned() } else { format!("settings.{field}") }, remedy)
    })
}
