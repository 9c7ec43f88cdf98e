//! `[log]`: what is written to standard error.

use schemars::JsonSchema;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::problem::Checker;

/// What is written to standard error. Message texts, tokens and chat addresses never are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub format: LogFormat,
    /// Levels by module, such as `info,bot_core=debug` (see tracing-subscriber's `EnvFilter`).
    pub filter: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, for a collector.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info,sqlx=warn,usvg=error".to_owned() }
    }
}

impl Log {
    pub(crate) fn check(&self, checker: &mut Checker) {
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            checker.refuse("log.filter", format!("is not a filter ({error}): write for example info,bot_core=debug"));
        }
    }
}
