//! Why a message goes out later than its step says, or not at all: data, put into words for each reader.

use bot_core::Locale;
use bot_core::calendar::sending;
use bot_core::i18n::Argument;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::definition::OnlyIf;
use crate::words::text;

/// Why. Stored in `planned_message.reason` as `{"code": …, …}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    // Later.
    /// The hour of the step comes before the opening where this person lives.
    BeforeOpening,
    /// The calendar of organisation, campaign and person: hours, days, pressure cap.
    Calendar {
        why: sending::Reason,
    },
    /// Their last message was fewer days ago than `days_between_min`.
    TooSoon {
        days: u8,
    },
    /// The step was over when they were added.
    Joined,
    /// They asked to be reminded later.
    Snoozed {
        until: DateTime<Utc>,
    },
    /// The campaign was paused.
    Paused,
    /// The core postponed it, for what it alone knows.
    Postponed,

    // Not at all.
    /// The step addresses other contacts of the collectivité.
    NotAddressed,
    /// Left out by the campaign's exclusions.
    Excluded {
        by: Exclusion,
    },
    /// They gave no address yet, or none that can be written to.
    Unreachable,
    /// They blocked us where they were last, and agreed to no other address.
    Blocked,
    /// They agreed to no second address.
    NoOtherAddress,
    /// They did not agree to be reminded.
    NoConsent,
    /// They said STOP.
    Stopped,
    /// They want no more of this campaign.
    CampaignStopped,
    /// They said that somebody else should answer.
    NotMine,
    /// They are no longer among the contacts.
    Gone,
    /// The field for the questionnaire's token holds none.
    NoToken,
    /// Their collectivité has answered.
    Answered,
    /// Their collectivité said that it will not answer.
    Refused,
    /// The step was over when they were added, and is no invitation.
    Over,
    /// They have had this step, or it was settled under an earlier approval.
    Had,
    RemindersMax {
        reminders_max: u8,
    },
    /// What the step asks for is not so.
    Condition {
        only_if: OnlyIf,
    },
    /// It could not go out in time.
    Missed {
        late_minutes: i64,
    },
    /// It would go out after the deadline.
    AfterDeadline,
    /// Hours and days of organisation, campaign and person never meet.
    Never,
    /// The deadline came first.
    Deadline,
    /// The version approved since plans it no more.
    NoLongerPlanned,
    Cancelled,
    /// What the outbox said.
    Outbox {
        why: String,
    },
}

/// What left somebody out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    Group,
    Query,
    NotSeen,
}

impl Reason {
    /// Its stable name, for counts.
    pub fn code(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned()
    }

    /// In words for an organiser.
    pub fn words(&self, locale: Locale) -> String {
        let id = format!("reason-{}", self.code().replace('_', "-"));
        let said = |arguments: &[(&str, Argument<'_>)]| text(locale, &id, arguments);
        match self {
            Self::Calendar { why } => why.words(locale),
            Self::TooSoon { days } => said(&[("days", (*days).into())]),
            Self::RemindersMax { reminders_max } => said(&[("most", (*reminders_max).into())]),
            Self::Condition { only_if } => said(&[("condition", only_if.as_str().into())]),
            Self::Missed { late_minutes } => said(&[("hours", (late_minutes / 60).into())]),
            Self::Excluded { by } => {
                let by = match by {
                    Exclusion::Group => "group",
                    Exclusion::Query => "query",
                    Exclusion::NotSeen => "not-seen",
                };
                said(&[("by", by.into())])
            }
            Self::Outbox { why } => said(&[("why", why.into())]),
            _ => said(&[]),
        }
    }
}

impl From<sending::Reason> for Reason {
    fn from(why: sending::Reason) -> Self {
        Self::Calendar { why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn all() -> Vec<Reason> {
        let until = "2026-10-01T07:00:00Z".parse().unwrap();
        let why = sending::Reason::Weekend { whose: sending::Whose::Sender };
        let by = [Exclusion::Group, Exclusion::Query, Exclusion::NotSeen].map(|by| Reason::Excluded { by });
        let mut all = vec![
            Reason::BeforeOpening,
            Reason::Calendar { why },
            Reason::TooSoon { days: 7 },
            Reason::Joined,
            Reason::Snoozed { until },
            Reason::Paused,
            Reason::Postponed,
            Reason::NotAddressed,
            Reason::Unreachable,
            Reason::Blocked,
            Reason::NoOtherAddress,
            Reason::NoConsent,
            Reason::Stopped,
            Reason::CampaignStopped,
            Reason::NotMine,
            Reason::Gone,
            Reason::NoToken,
            Reason::Answered,
            Reason::Refused,
            Reason::Over,
            Reason::Had,
            Reason::RemindersMax { reminders_max: 3 },
            Reason::Missed { late_minutes: 365 },
            Reason::AfterDeadline,
            Reason::Never,
            Reason::Deadline,
            Reason::NoLongerPlanned,
            Reason::Cancelled,
            Reason::Outbox { why: "the address is gone".to_owned() },
        ];
        let conditions = [OnlyIf::NotStarted, OnlyIf::Started, OnlyIf::NotOpened, OnlyIf::Unreachable];
        all.extend(conditions.map(|only_if| Reason::Condition { only_if }));
        all.extend(by);
        all
    }

    #[test]
    fn every_reason_is_stored_and_said_in_both_languages() {
        for reason in all() {
            let stored = serde_json::to_value(&reason).unwrap();
            assert_eq!(stored["code"], reason.code());
            assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), reason);
            for locale in Locale::ALL {
                let words = reason.words(locale);
                assert!(words.contains(' ') && !words.contains(['{', '}']), "{reason:?} in {locale}: {words}");
            }
        }
    }
}
