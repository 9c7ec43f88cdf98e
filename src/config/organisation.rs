//! `[organisation]`: who speaks.

use bot_core::Locale;
use bot_core::calendar::sending::SendingRule;
use bot_core::service::OrganisationSettings;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::problem::Checker;

const TITLE_CHARACTERS_MAX: usize = 120;

/// Who speaks to citizens.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Shown as the heading of the chat and of the result pages: `Ville de Nantes`. 1 to 120 characters.
    pub title: String,
    /// The language spoken until a person chooses another: `fr` or `en`.
    #[serde(default)]
    pub default_locale: Locale,
    /// IANA time zone of opening hours and closing times.
    #[serde(default = "paris", deserialize_with = "time_zone")]
    #[schemars(with = "String", example = "Europe/Paris", example = "Indian/Reunion")]
    pub time_zone: Tz,
    /// When people are written to unasked, by whatever plugin: hours, days, and how often. A campaign may narrow it, and
    /// so may each person with `/horaires`. Left out: at any time.
    #[serde(default)]
    pub sending: SendingRule,
}

fn paris() -> Tz {
    chrono_tz::Europe::Paris
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse()
        .map_err(|_| serde::de::Error::custom(format!("`{name}` is no IANA time zone: write for example Europe/Paris")))
}

impl Organisation {
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            default_locale: Locale::default(),
            time_zone: paris(),
            sending: SendingRule::default(),
        }
    }

    pub fn settings(&self) -> OrganisationSettings {
        OrganisationSettings {
            title: self.title.clone(),
            default_locale: self.default_locale,
            time_zone: self.time_zone,
            sending_rule: self.sending.clone(),
        }
    }

    pub(crate) fn check(&self, checker: &mut Checker) {
        let characters = self.title.chars().count();
        if self.title.trim().is_empty() {
            checker.refuse("organisation.title", "is empty: write your organisation's name");
        } else if characters > TITLE_CHARACTERS_MAX {
            checker.refuse(
                "organisation.title",
                format!("has {characters} characters: at most {TITLE_CHARACTERS_MAX} are allowed"),
            );
        }
        if let Err(error) = self.sending.check() {
            checker.refuse("organisation.sending", format!("does not fit: {error}"));
        }
    }
}
