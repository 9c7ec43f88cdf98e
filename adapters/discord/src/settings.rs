//! What an operator may set for a Discord account.

use std::path::PathBuf;

use bot_core::adapter::{Pacing, Rate};
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where Discord is, unless a test or a proxy stands in its place.
const DISCORD_URL: &str = "https://discord.com";

/// The `settings` of an account on Discord. Only `token_file` must be given.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordSettings {
    /// The file that holds the bot's token, alone on one line: developer portal, Bot, Reset Token. Readable by the
    /// service only.
    pub token_file: PathBuf,
    /// Where Discord's API is reached, without a path. Change it for a proxy only: the token is sent there.
    #[serde(default = "discord_url")]
    pub api_url: String,
    /// Requests a second over the whole account. Discord allows 50 to a bot (docs: Rate Limits); the rest is left to
    /// receiving. 6 to 50.
    #[serde(default = "requests_per_second")]
    #[schemars(range(min = 6, max = 50))]
    pub requests_per_second: u32,
    /// Messages that may go to one channel or direct conversation at once. 1 to 5.
    #[serde(default = "channel_messages_burst")]
    #[schemars(range(min = 1, max = 5))]
    pub channel_messages_burst: u32,
    /// Seconds until that many messages may go to one channel again. 5 to 3600.
    #[serde(default = "channel_messages_seconds")]
    #[schemars(range(min = 5, max = 3600))]
    pub channel_messages_seconds: u32,
    /// Direct conversations that may be opened at once. Discord blocks bots that open many in a short time (docs:
    /// Create DM) and publishes no figure. 1 to 50.
    #[serde(default = "direct_openings_burst")]
    #[schemars(range(min = 1, max = 50))]
    pub direct_openings_burst: u32,
    /// Seconds between two openings after that. 1 to 3600.
    #[serde(default = "direct_opening_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub direct_opening_seconds: u32,
    /// Days for which a direct conversation is looked at after a restart, for what was written meanwhile. 1 to 90.
    #[serde(default = "catch_up_days")]
    #[schemars(range(min = 1, max = 90))]
    pub catch_up_days: u32,
}

fn discord_url() -> String {
    DISCORD_URL.to_owned()
}

fn requests_per_second() -> u32 {
    45
}

fn channel_messages_burst() -> u32 {
    5
}

fn channel_messages_seconds() -> u32 {
    5
}

fn direct_openings_burst() -> u32 {
    5
}

fn direct_opening_seconds() -> u32 {
    10
}

fn catch_up_days() -> u32 {
    30
}

/// A setting that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct SettingError {
    pub field: &'static str,
    problem: String,
}

impl DiscordSettings {
    /// The defaults, for a token in this file.
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            token_file: token_file.into(),
            api_url: discord_url(),
            requests_per_second: requests_per_second(),
            channel_messages_burst: channel_messages_burst(),
            channel_messages_seconds: channel_messages_seconds(),
            direct_openings_burst: direct_openings_burst(),
            direct_opening_seconds: direct_opening_seconds(),
            catch_up_days: catch_up_days(),
        }
    }

    /// # Errors
    /// Names the first field that cannot be, and what to write.
    pub fn check(&self) -> Result<(), SettingError> {
        let refuse = |field, problem: String| Err(SettingError { field, problem });
        if self.token_file.as_os_str().is_empty() {
            return refuse("token_file", "is empty: write the path of the file that holds the bot's token".to_owned());
        }
        let host = self.api_url.strip_prefix("https://").or_else(|| self.api_url.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@'])) {
            let remedy = format!("is not the address of a server: write {DISCORD_URL}, or leave it out");
            return refuse("api_url", remedy);
        }
        let ranges = [
            ("requests_per_second", self.requests_per_second, 6, 50),
            ("channel_messages_burst", self.channel_messages_burst, 1, 5),
            ("channel_messages_seconds", self.channel_messages_seconds, 5, 3600),
            ("direct_openings_burst", self.direct_openings_burst, 1, 50),
            ("direct_opening_seconds", self.direct_opening_seconds, 1, 3600),
            ("catch_up_days", self.catch_up_days, 1, 90),
        ];
        match ranges.into_iter().find(|&(_, value, min, max)| !(min..=max).contains(&value)) {
            Some((field, value, min, max)) => refuse(field, format!("is {value}: write a number from {min} to {max}")),
            None => Ok(()),
        }
    }

    pub(crate) fn pacing(&self) -> Pacing {
        // A burst and what comes back meanwhile stay within one second's allowance.
        let burst = (self.requests_per_second / 9).max(1);
        let per_second = i32::try_from(self.requests_per_second - burst).unwrap_or(1).max(1);
        let channel = Rate {
            burst: self.channel_messages_burst,
            interval: TimeDelta::seconds(i64::from(self.channel_messages_seconds))
                / i32::try_from(self.channel_messages_burst).unwrap_or(1).max(1),
        };
        Pacing {
            account: Some(Rate { burst, interval: TimeDelta::seconds(1) / per_second }),
            conversation: Some(channel),
            group: Some(channel),
            opening: Some(Rate {
                burst: self.direct_openings_burst,
                interval: TimeDelta::seconds(i64::from(self.direct_opening_seconds)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_what_is_wrong() {
        let good = DiscordSettings::new("/run/secrets/discord");
        assert_eq!(good.check(), Ok(()));
        let message = |settings: DiscordSettings| settings.check().unwrap_err().to_string();
        let fast = DiscordSettings { requests_per_second: 80, ..good.clone() };
        assert_eq!(message(fast), "`requests_per_second` is 80: write a number from 6 to 50");
        for api_url in ["discord.com", "https://", "https://discord.com/api", "ftp://discord.com"] {
            assert!(message(DiscordSettings { api_url: api_url.to_owned(), ..good.clone() }).starts_with("`api_url`"));
        }
        let unknown = serde_json::from_str::<DiscordSettings>(r#"{"token_file":"t","tokens":3}"#).unwrap_err();
        assert!(unknown.to_string().contains("tokens"));
        assert!(serde_json::from_str::<DiscordSettings>("{}").unwrap_err().to_string().contains("token_file"));
    }

    #[test]
    fn the_defaults_stay_below_discords_limits() {
        let pacing = DiscordSettings::new("t").pacing();
        let in_one_second = |rate: Rate| i64::from(rate.burst) + 1000 / rate.interval.num_milliseconds();
        assert!(in_one_second(pacing.account.unwrap()) <= 45);
        assert_eq!(pacing.conversation.unwrap(), Rate { burst: 5, interval: TimeDelta::seconds(1) });
        assert_eq!(pacing.opening.unwrap(), Rate { burst: 5, interval: TimeDelta::seconds(10) });
    }
}
