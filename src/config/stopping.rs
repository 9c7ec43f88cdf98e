//! `[stopping]`: how long work in hand may take.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::Checker;

const DEADLINE_SECONDS_MAX: u16 = 600;

/// What happens on SIGTERM.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stopping {
    /// Seconds that work in hand may take before it goes back to its queue. 1 to 600.
    #[schemars(range(min = 1, max = 600))]
    pub deadline_seconds: u16,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { deadline_seconds: 10 }
    }
}

impl Stopping {
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds.into())
    }

    pub(crate) fn check(&self, checker: &mut Checker) {
        if !(1..=DEADLINE_SECONDS_MAX).contains(&self.deadline_seconds) {
            checker.refuse(
                "stopping.deadline_seconds",
                format!("is {}: write a number from 1 to {DEADLINE_SECONDS_MAX}", self.deadline_seconds),
            );
        }
    }
}
