//! What an operator may set.

use std::fmt;
use std::path::PathBuf;

use bot_core::adapter::Rate;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::user::UserName;

/// The `[matrix]` table of an account. The four files and the directory must be the account's own: two accounts never
/// share them.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixSettings {
    /// Where the homeserver answers clients, such as `https://matrix.example.org`.
    pub homeserver_url: String,
    /// The bot's whole user id, such as `@crieur:example.org`.
    pub user: String,
    /// The file with the bot's password. It is read when the bot logs in, once in its life, and when it has to prove
    /// itself to the homeserver.
    pub password_file: PathBuf,
    /// The file with the bot's recovery key. Where there is none yet, the first start writes it.
    pub recovery_key_file: PathBuf,
    /// The directory for the bot's device: its session, its keys. On a local disk, never on a network share, and never
    /// put back from a backup.
    pub store_dir: PathBuf,
    /// The file with the passphrase of that directory, 32 characters or more and random. Where there is none yet, the
    /// first start writes one.
    pub store_passphrase_file: PathBuf,
    /// Whose invitations are followed: `"any"`, `"none"`, or a list of the servers people may come from, such as
    /// `["example.org"]`.
    #[serde(default)]
    pub invitations: Invitations,
    /// Messages per second after `messages_burst`. The default is Synapse's own for a user; ask the homeserver's
    /// administrator for more. More than 0, at most 1000.
    #[serde(default = "messages_per_second")]
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub messages_per_second: f64,
    /// Messages at once. 1 to 10000.
    #[serde(default = "burst")]
    #[schemars(range(min = 1, max = 10_000))]
    pub messages_burst: u32,
    /// Direct rooms opened per second after `rooms_burst`. The default is Synapse's own for a user: one a minute. More
    /// than 0, at most 1000.
    #[serde(default = "rooms_per_second")]
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub rooms_per_second: f64,
    /// Direct rooms opened at once. 1 to 10000.
    #[serde(default = "burst")]
    #[schemars(range(min = 1, max = 10_000))]
    pub rooms_burst: u32,
}

/// Synapse's `rc_message`.
fn messages_per_second() -> f64 {
    0.2
}

/// Synapse's `rc_room_creation`.
fn rooms_per_second() -> f64 {
    0.016
}

fn burst() -> u32 {
    10
}

/// Whose invitations are followed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Invitations {
    #[default]
    Any,
    None,
    /// From people of these servers.
    Servers(Vec<String>),
}

impl Invitations {
    /// Whether somebody of this server may invite the bot.
    pub(crate) fn allow(&self, server: &str) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Servers(servers) => servers.iter().any(|allowed| allowed.eq_ignore_ascii_case(server)),
        }
    }
}

impl<'de> Deserialize<'de> for Invitations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Invitations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"any\", \"none\", or a list of servers such as [\"example.org\"]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Invitations, E> {
                match text {
                    "any" => Ok(Invitations::Any),
                    "none" => Ok(Invitations::None),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Invitations, A::Error> {
                let mut servers = Vec::new();
                while let Some(server) = list.next_element()? {
                    servers.push(server);
                }
                Ok(Invitations::Servers(servers))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Invitations {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Invitations".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "enum": ["any", "none"] },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 }
            ],
            "default": "any"
        })
    }
}

/// A setting that cannot be right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{field}` is {value}: {remedy}")]
pub struct SettingError {
    pub field: &'static str,
    value: String,
    remedy: String,
}

impl MatrixSettings {
    /// # Errors
    /// Names the first field that cannot be right.
    pub fn check(&self) -> Result<(), SettingError> {
        let wrong = |field, value: String, remedy: &str| SettingError { field, value, remedy: remedy.to_owned() };
        let host = ["https://", "http://"].into_iter().find_map(|scheme| self.homeserver_url.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(['@', '?', '#', ' '])) {
            let remedy = "write the address where the homeserver answers clients, such as `https://matrix.example.org`";
            return Err(wrong("homeserver_url", format!("`{}`", self.homeserver_url), remedy));
        }
        if UserName::parse(&self.user).is_none() {
            let remedy = "write the bot's whole user id, such as `@crieur:example.org`";
            return Err(wrong("user", format!("`{}`", self.user), remedy));
        }
        // A homeserver knows users by lower case, and would make another device for each start that asks otherwise.
        if self.user.chars().any(char::is_uppercase) {
            return Err(wrong("user", format!("`{}`", self.user), "write it in lower case, as the homeserver does"));
        }
        if let Invitations::Servers(servers) = &self.invitations {
            let strange = |server: &&String| server.is_empty() || server.contains(['@', '/', ' ']);
            if servers.is_empty() {
                return Err(wrong("invitations", "an empty list".into(), "write \"none\", or name servers"));
            }
            if let Some(server) = servers.iter().find(strange) {
                return Err(wrong("invitations", format!("`{server}`"), "name servers such as \"example.org\""));
            }
        }
        for (field, value) in
            [("messages_per_second", self.messages_per_second), ("rooms_per_second", self.rooms_per_second)]
        {
            if !(0.001..=1000.0).contains(&value) {
                return Err(wrong(field, value.to_string(), "write a number from 0.001 to 1000"));
            }
        }
        for (field, value) in [("messages_burst", self.messages_burst), ("rooms_burst", self.rooms_burst)] {
            if !(1..=10_000).contains(&value) {
                return Err(wrong(field, value.to_string(), "write a number from 1 to 10000"));
            }
        }
        let files = [
            ("recovery_key_file", &self.recovery_key_file, "password_file", &self.password_file),
            ("store_passphrase_file", &self.store_passphrase_file, "password_file", &self.password_file),
            ("store_passphrase_file", &self.store_passphrase_file, "recovery_key_file", &self.recovery_key_file),
        ];
        for (field, path, other_field, other) in files {
            if path == other {
                let remedy = format!("it is the same file as `{other_field}`: give each secret a file of its own");
                return Err(SettingError { field, value: format!("`{}`", path.display()), remedy });
            }
        }
        Ok(())
    }

    pub(crate) fn messages(&self) -> Rate {
        Rate { burst: self.messages_burst, interval: interval(self.messages_per_second) }
    }

    pub(crate) fn rooms(&self) -> Rate {
        Rate { burst: self.rooms_burst, interval: interval(self.rooms_per_second) }
    }
}

fn interval(per_second: f64) -> TimeDelta {
    // In range once `check` has passed; anything else becomes the slowest pace.
    let seconds = std::time::Duration::try_from_secs_f64(1.0 / per_second).unwrap_or_default();
    TimeDelta::from_std(seconds).unwrap_or(TimeDelta::seconds(1000))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(changes: Value) -> Result<MatrixSettings, String> {
        let mut settings = json!({
            "homeserver_url": "https://matrix.example.org", "user": "@crieur:example.org", "password_file": "/s/password",
            "recovery_key_file": "/s/recovery", "store_dir": "/var/lib/crieur/matrix", "store_passphrase_file": "/s/store",
        });
        for (field, value) in changes.as_object().unwrap() {
            settings[field] = value.clone();
        }
        let settings: MatrixSettings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn the_defaults_are_those_of_synapse() {
        let settings = settings(json!({})).unwrap();
        assert_eq!(settings.messages(), Rate { burst: 10, interval: TimeDelta::seconds(5) });
        assert_eq!(settings.rooms(), Rate { burst: 10, interval: TimeDelta::milliseconds(62_500) });
        assert_eq!(settings.invitations, Invitations::Any);
    }

    #[test]
    fn invitations_are_followed_by_server() {
        let allowed = |invitations: Value, server: &str| {
            settings(json!({ "invitations": invitations })).unwrap().invitations.allow(server)
        };
        assert!(allowed(json!("any"), "anywhere.org") && !allowed(json!("none"), "example.org"));
        assert!(allowed(json!(["example.org"]), "Example.org") && !allowed(json!(["example.org"]), "anywhere.org"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        for (changes, told) in [
            (
                json!({ "homeserver_url": "matrix.example.org" }),
                "`homeserver_url` is `matrix.example.org`: write the address where the homeserver answers clients",
            ),
            (json!({ "user": "crieur" }), "`user` is `crieur`: write the bot's whole user id"),
            (json!({ "invitations": "some" }), "expected \"any\", \"none\", or a list of servers"),
            (json!({ "invitations": [] }), "`invitations` is an empty list: write \"none\", or name servers"),
            (json!({ "messages_per_second": 0.0 }), "`messages_per_second` is 0: write a number from 0.001 to 1000"),
            (json!({ "rooms_burst": 0 }), "`rooms_burst` is 0: write a number from 1 to 10000"),
            (json!({ "recovery_key_file": "/s/password" }), "it is the same file as `password_file`"),
            (json!({ "device": "x" }), "unknown field `device`"),
        ] {
            let error = settings(changes).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
