//! What a consultation is: its wording, its questions, and the promise it makes to those who answer.
//!
//! A [`Definition`] is checked once, where it is made (see [`crate::definition_file`]); everything after relies on it.

use std::collections::BTreeSet;

pub use bot_core::Wording;
use bot_core::adapter::Assurance;
use bot_core::calendar::resolve_local;
pub use bot_core::files::SLUG_CHARACTERS_MAX;
use chrono::{DateTime, Days, NaiveDateTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub const QUESTIONS_MAX: usize = 20;
pub const OPTIONS_MIN: usize = 2;
pub const OPTIONS_MAX: usize = 20;
pub const SCALE_STEPS_MIN: usize = 2;
pub const SCALE_STEPS_MAX: usize = 10;
pub const TITLE_CHARACTERS_MAX: usize = 120;
pub const INTRODUCTION_CHARACTERS_MAX: usize = 1000;
pub const QUESTION_CHARACTERS_MAX: usize = 400;
/// Also fits under a button on every platform once shortened; the whole label is always in the question's text.
pub const OPTION_CHARACTERS_MAX: usize = 80;
pub const CONSENT_CHARACTERS_MAX: usize = 1000;
pub const FREE_TEXT_CHARACTERS_MAX: u16 = 2000;
pub const FREE_TEXT_CHARACTERS_DEFAULT: u16 = 500;
pub const DURATION_DAYS_MAX: u16 = 366;
/// Ballots from which live results of an anonymous consultation are shown, and below which a closed one shows
/// participation only, unless its file says otherwise.
pub const RESULTS_FROM_BALLOTS_DEFAULT: u16 = 5;
pub const RESULTS_STEP_DEFAULT: u16 = 5;

/// A consultation as its organiser wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Definition {
    /// Its name in addresses and files, `[a-z0-9-]`, unique within the organisation.
    pub slug: String,
    pub title: Wording,
    pub introduction: Option<Wording>,
    /// The zone of `opens_at` and `closing`; the organisation's when not stated.
    pub time_zone: Option<Tz>,
    /// When it opens by itself. `None`: when an organiser opens it.
    pub opens_at: Option<NaiveDateTime>,
    pub closing: Closing,
    pub anonymity: Anonymity,
    /// Whether a ballot may be changed or withdrawn while the consultation is open.
    pub change_vote: bool,
    pub results: ResultsVisibility,
    /// Which participants may answer; one at least.
    pub accepts: BTreeSet<Assurance>,
    /// Live results of an anonymous consultation appear from this many ballots (1 or more).
    pub results_from_ballots: u16,
    /// … and then move each time this many more were cast (1 or more).
    pub results_step: u16,
    /// Named consultations: what a person agrees to before the first question. `None`: the standard wording.
    pub consent: Option<Wording>,
    /// One to [`QUESTIONS_MAX`].
    pub questions: Vec<Question>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// At this local time.
    At(NaiveDateTime),
    /// This many days after the opening, at the same local time of day.
    AfterDays(u16),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anonymity {
    /// After the closing crieur itself can no longer tell who chose what; a backup made before it could.
    Anonymous,
    /// Each answer stays attached to its author, who agreed to it.
    Named,
}

impl Anonymity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Named => "named",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultsVisibility {
    /// Anybody, at any time.
    Always,
    /// Those who have answered; everybody once it is closed.
    AfterVote,
    /// Nobody until it is closed.
    AfterClose,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    pub text: Wording,
    /// May be left without an answer.
    pub optional: bool,
    pub kind: QuestionKind,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QuestionKind {
    /// One of the options.
    Single { options: Vec<Wording> },
    /// Between `at_least` (1 or more) and `at_most` of the options.
    Multiple { options: Vec<Wording>, at_least: u8, at_most: u8 },
    /// One step of a named scale, from the lowest.
    Rating { scale: Vec<Wording> },
    /// Words of one's own, at most `characters_max` of them (Unicode scalar values).
    FreeText { characters_max: u16 },
}

impl QuestionKind {
    /// What may be pressed: options, or steps of the scale.
    pub fn labels(&self) -> &[Wording] {
        match self {
            Self::Single { options } | Self::Multiple { options, .. } => options,
            Self::Rating { scale } => scale,
            Self::FreeText { .. } => &[],
        }
    }
}

impl Definition {
    /// SHA-256 over everything a participant is asked and promised: two consultations with the same hash asked the
    /// same thing. Printed with the results.
    pub fn wording_hash(&self) -> [u8; 32] {
        #[derive(Serialize)]
        struct Asked<'d> {
            title: &'d Wording,
            introduction: &'d Option<Wording>,
            anonymity: Anonymity,
            consent: &'d Option<Wording>,
            questions: &'d [Question],
        }
        let asked = Asked {
            title: &self.title,
            introduction: &self.introduction,
            anonymity: self.anonymity,
            consent: &self.consent,
            questions: &self.questions,
        };
        // Structs and enums with string keys always serialise; there is no map and no float in them.
        Sha256::digest(serde_json::to_vec(&asked).unwrap_or_default()).into()
    }

    /// When it closes, if it opens at `opening`. `zone` is the organisation's.
    pub fn closes_at(&self, opening: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        match self.closing {
            Closing::At(local) => resolve_local(local, self.time_zone.unwrap_or(zone)),
            Closing::AfterDays(days) => days_later(opening, days, self.time_zone.unwrap_or(zone)),
        }
    }

    /// Whether any of `assurances` may answer.
    pub fn accepts_any(&self, assurances: impl IntoIterator<Item = Assurance>) -> bool {
        assurances.into_iter().any(|assurance| self.accepts.contains(&assurance))
    }
}

/// The same local time of day, `days` later.
pub fn days_later(instant: DateTime<Utc>, days: u16, zone: Tz) -> DateTime<Utc> {
    let local = instant.with_timezone(&zone).naive_local();
    resolve_local(local.checked_add_days(Days::new(days.into())).unwrap_or(local), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    #[test]
    fn two_weeks_keep_the_time_of_day_over_a_clock_change() {
        let opening = resolve_local(local("2026-10-20 09:00"), chrono_tz::Europe::Paris);
        assert_eq!(days_later(opening, 14, chrono_tz::Europe::Paris).to_string(), "2026-11-03 08:00:00 UTC");
    }
}
