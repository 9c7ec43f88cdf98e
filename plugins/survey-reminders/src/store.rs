//! Campaigns, and who takes part in them, in Postgres.

use std::fmt;
use std::str::FromStr;

use bot_core::ContactId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A campaign, by number within the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(pub i32);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CampaignId {
    /// What its deliveries and its audit lines are filed under.
    pub fn scope(self) -> String {
        format!("campaign:{self}")
    }
}

/// A contact within a campaign, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParticipantId(pub i64);

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who is to answer: a collectivité, whichever of its contacts does it, or a person who works for none. Written
/// `c<number>` or `p<contact>`; the subject of everything that is sent for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RespondentKey {
    Collectivite(i64),
    Person(ContactId),
}

impl fmt::Display for RespondentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collectivite(number) => write!(f, "c{number}"),
            Self::Person(contact) => write!(f, "p{contact}"),
        }
    }
}

/// A text that names no respondent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a respondent is written `c` and a number, or `p` and a contact's id")]
pub struct InvalidRespondentKey;

impl FromStr for RespondentKey {
    type Err = InvalidRespondentKey;

    fn from_str(text: &str) -> Result<Self, InvalidRespondentKey> {
        if let Some(number) = text.strip_prefix('c') {
            number.parse().map(Self::Collectivite).map_err(|_| InvalidRespondentKey)
        } else {
            let contact = text.strip_prefix('p').and_then(|contact| Uuid::parse_str(contact).ok());
            contact.map(|contact| Self::Person(ContactId(contact))).ok_or(InvalidRespondentKey)
        }
    }
}

impl TryFrom<String> for RespondentKey {
    type Error = InvalidRespondentKey;

    fn try_from(text: String) -> Result<Self, InvalidRespondentKey> {
        text.parse()
    }
}

impl From<RespondentKey> for String {
    fn from(key: RespondentKey) -> Self {
        key.to_string()
    }
}

/// Where a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing of it was ever approved.
    Draft,
    /// It is carried out, as far as its current version is approved.
    Approved,
    Paused,
    Cancelled,
    /// Its deadline is over.
    Closed,
}

/// Where one message of a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    Waiting,
    /// In the outbox.
    Handed,
    Sent,
    /// Nobody can tell whether it arrived.
    Unknown,
    Failed,
    Expired,
    Suppressed,
    Cancelled,
}

/// What is known of a respondent's answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RespondentState {
    Silent,
    /// Some answers are known, not all.
    Started,
    Answered,
    /// They said that they will not answer.
    Refused,
}

/// A state is one of a few words in the database.
macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!(concat!($what, " is in the unknown state {:?}"), other)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
words!(
    State,
    "a campaign",
    Draft = "draft",
    Approved = "approved",
    Paused = "paused",
    Cancelled = "cancelled",
    Closed = "closed"
);
words!(
    MessageState,
    "a message",
    Waiting = "waiting",
    Handed = "handed",
    Sent = "sent",
    Unknown = "unknown",
    Failed = "failed",
    Expired = "expired",
    Suppressed = "suppressed",
    Cancelled = "cancelled"
);
words!(
    RespondentState,
    "a respondent",
    Silent = "silent",
    Started = "started",
    Answered = "answered",
    Refused = "refused"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_respondent_reads_back_as_it_is_written() {
        for key in [RespondentKey::Collectivite(12), RespondentKey::Person(ContactId(Uuid::from_u128(7)))] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in ["", "c", "cx", "p12", "x1"] {
            assert_eq!(wrong.parse::<RespondentKey>(), Err(InvalidRespondentKey), "{wrong}");
        }
    }

    #[test]
    fn every_state_has_its_word() {
        assert!(State::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
        assert!(MessageState::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
        assert!(RespondentState::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
    }
}
