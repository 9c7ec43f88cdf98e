//! What an operator may set for one Telegram account.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// One Telegram account. Only `token_file` has no default.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelegramSettings {
    /// The file that holds the bot's token, alone on its line, as @BotFather gave it.
    pub token_file: PathBuf,
    /// How updates come in.
    #[serde(default)]
    pub mode: Mode,
    /// The Bot API server, without a slash at the end: Telegram's own, or one you run yourself.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// Takes the bot over when another program receives its updates by a webhook: that webhook is removed. Without
    /// it the account refuses to start and says so.
    #[serde(default)]
    pub replace_webhook: bool,
    /// Connections that Telegram may open at once to deliver updates. Webhook only. 1 to 100.
    #[serde(default = "webhook_connections")]
    #[schemars(range(min = 1, max = 100))]
    pub webhook_connections: u8,
    /// Messages per second over the whole account. Telegram allows about 30. 1 to 1000: more than 30 only for a bot
    /// that Telegram has granted more.
    #[serde(default = "messages_per_second")]
    #[schemars(range(min = 1, max = 1000))]
    pub messages_per_second: u32,
    /// Messages that may go out at once after a pause. 1 to 1000.
    #[serde(default = "messages_burst")]
    #[schemars(range(min = 1, max = 1000))]
    pub messages_burst: u32,
    /// Messages that one person may get at once; after that one per second. 1 to 20.
    #[serde(default = "direct_messages_burst")]
    #[schemars(range(min = 1, max = 20))]
    pub direct_messages_burst: u32,
    /// Messages in one group or channel in any minute. Telegram allows 20. 1 to 60.
    #[serde(default = "group_messages_per_minute")]
    #[schemars(range(min = 1, max = 60))]
    pub group_messages_per_minute: u32,
}

/// How updates come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// crieur asks Telegram, which answers as soon as there is something. Needs no address of its own.
    #[default]
    Polling,
    /// Telegram calls `public_url`, which must be `https` on port 443, 80, 88 or 8443.
    Webhook,
}

fn api_url() -> String {
    "https://api.telegram.org".to_owned()
}

fn webhook_connections() -> u8 {
    40
}

fn messages_per_second() -> u32 {
    25
}

fn messages_burst() -> u32 {
    5
}

fn direct_messages_burst() -> u32 {
    3
}

fn group_messages_per_minute() -> u32 {
    20
}

/// A setting that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct SettingError {
    pub field: &'static str,
    problem: String,
}

impl TelegramSettings {
    /// Everything at its default.
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            token_file: token_file.into(),
            mode: Mode::default(),
            api_url: api_url(),
            replace_webhook: false,
            webhook_connections: webhook_connections(),
            messages_per_second: messages_per_second(),
            messages_burst: messages_burst(),
            direct_messages_burst: direct_messages_burst(),
            group_messages_per_minute: group_messages_per_minute(),
        }
    }

    /// Looks at the values alone: whether the token file can be read is found out when the account starts.
    ///
    /// # Errors
    /// Names the first field that cannot be used, and what to write instead.
    pub fn check(&self) -> Result<(), SettingError> {
        let wrong = |field, problem| Err(SettingError { field, problem });
        if self.token_file.as_os_str().is_empty() {
            return wrong("token_file", "is empty: name the file that holds the bot's token".to_owned());
        }
        let address = reqwest::Url::parse(&self.api_url).ok();
        let usable = address.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        if !usable || self.api_url.ends_with('/') {
            let problem = "is not the address of a server: write it like https://api.telegram.org".to_owned();
            return wrong("api_url", problem);
        }
        let ranges = [
            ("webhook_connections", u32::from(self.webhook_connections), 100),
            ("messages_per_second", self.messages_per_second, 1000),
            ("messages_burst", self.messages_burst, 1000),
            ("direct_messages_burst", self.direct_messages_burst, 20),
            ("group_messages_per_minute", self.group_messages_per_minute, 60),
        ];
        match ranges.into_iter().find(|&(_, value, max)| !(1..=max).contains(&value)) {
            Some((field, value, max)) => wrong(field, format!("is {value}: write a number from 1 to {max}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_file_alone_is_enough() {
        let settings: TelegramSettings = serde_json::from_str(r#"{"token_file":"token"}"#).unwrap();
        assert_eq!(settings, TelegramSettings::new("token"));
        assert_eq!(settings.check(), Ok(()));
        let missing = serde_json::from_str::<TelegramSettings>("{}").unwrap_err();
        assert!(missing.to_string().contains("token_file"));
    }

    #[test]
    fn settings_say_what_is_wrong() {
        let wrong = |change: fn(&mut TelegramSettings)| {
            let mut settings = TelegramSettings::new("token");
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert_eq!(
            wrong(|settings| settings.messages_per_second = 0),
            "`messages_per_second` is 0: write a number from 1 to 1000"
        );
        assert_eq!(
            wrong(|settings| settings.token_file = "".into()),
            "`token_file` is empty: name the file that holds the bot's token"
        );
        for address in ["api.telegram.org", "ftp://x.org", "https://x.org/", "https://x.org?a=b", ""] {
            let mut settings = TelegramSettings::new("token");
            settings.api_url = address.to_owned();
            assert_eq!(settings.check().unwrap_err().field, "api_url", "{address}");
        }
        let unknown = serde_json::from_str::<TelegramSettings>(r#"{"token_file":"token","modes":"webhook"}"#);
        assert!(unknown.unwrap_err().to_string().contains("modes"));
    }
}
