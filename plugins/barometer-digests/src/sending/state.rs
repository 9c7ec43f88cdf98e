//! Where one reader's digest stands, and why it was not sent.

use std::fmt;
use std::str::FromStr;

use bot_core::Locale;
use serde::{Deserialize, Serialize};

use crate::words::{Argument, text};

/// Where one reader's digest stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestState {
    /// Its hour has not come.
    Waiting,
    /// In the outbox.
    Handed,
    Sent,
    /// The call ended without an answer: it may have arrived, and is not repeated.
    Unknown,
    Failed,
    /// Its time had passed.
    Expired,
    /// The reader gets none: there was nothing for them, or nowhere to send it, or a rule forbade it.
    Suppressed,
    /// The reader left, or an operator called it off.
    Cancelled,
}

impl DigestState {
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Handed,
        Self::Sent,
        Self::Unknown,
        Self::Failed,
        Self::Expired,
        Self::Suppressed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Handed => "handed",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Handed)
    }
}

impl fmt::Display for DigestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DigestState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("a digest is in the unknown state {text:?}"))
    }
}

/// Why a digest was not sent, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The reader's hour had passed by more than the digest file allows.
    Missed {
        late_minutes: i64,
    },
    /// The reader unsubscribed.
    Left,
    /// They chose another rhythm.
    OtherRhythm,
    /// They turned out to be a person who has it, or gets it, as another reader.
    SamePerson,
    Erased,
    /// Nothing in the edition is about what they chose, and they stay silent then.
    NothingForYou,
    /// There was nowhere to send it to.
    Unreachable,
    /// As the outbox says it.
    Outbox {
        why: String,
    },
}

impl Reason {
    /// For the reader and the operator.
    pub fn words(&self, locale: Locale) -> String {
        match self {
            Self::Missed { late_minutes } => {
                text(locale, "reason-missed", &[("minutes", Argument::Number(*late_minutes))])
            }
            Self::Left => text(locale, "reason-left", &[]),
            Self::OtherRhythm => text(locale, "reason-other-rhythm", &[]),
            Self::SamePerson => text(locale, "reason-same-person", &[]),
            Self::Erased => text(locale, "reason-erased", &[]),
            Self::NothingForYou => text(locale, "reason-nothing-for-you", &[]),
            Self::Unreachable => text(locale, "reason-unreachable", &[]),
            Self::Outbox { why } => text(locale, "reason-outbox", &[("why", why.into())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_as_it_is_written() {
        for state in DigestState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("envoyé".parse::<DigestState>().is_err());
    }

    #[test]
    fn every_reason_has_words_and_reads_back() {
        let reasons = [
            Reason::Missed { late_minutes: 90 },
            Reason::Left,
            Reason::OtherRhythm,
            Reason::SamePerson,
            Reason::Erased,
            Reason::NothingForYou,
            Reason::Unreachable,
            Reason::Outbox { why: "the person said STOP or is gone".to_owned() },
        ];
        for reason in reasons {
            let stored = serde_json::to_value(&reason).unwrap();
            assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), reason);
            for locale in Locale::ALL {
                let words = reason.words(locale);
                assert!(!words.is_empty() && !words.starts_with("reason-"), "{words}");
            }
        }
    }
}
