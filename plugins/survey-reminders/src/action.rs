//! What the buttons carry: what to do, in which campaign, and under which message it stood.
//!
//! Eleven bytes: verb, campaign (4), version of the campaign (2), place of the step in it, where the button stood,
//! argument (2). Whoever presses is known by their chat, so nobody's name is behind a button.

use bot_core::action::ActionPayload;

use crate::store::CampaignId;

/// Stands for no campaign, behind what is said of all of them.
pub(crate) const NO_CAMPAIGN: CampaignId = CampaignId(0);
/// Stands for no step.
const NO_STEP: u8 = u8::MAX;

/// A press, as it was sealed behind its button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    pub verb: Verb,
    pub campaign: CampaignId,
    pub origin: Origin,
    /// A day (see [`crate::later`]), or whatever else the verb needs.
    pub argument: u16,
}

/// Where a button stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Under the message of a step, of this version of the campaign: its words stay where they are, and what a press
    /// does is said below them.
    Step { version: u16, place: u8 },
    /// Under what was said in answer: it is replaced.
    Answer,
}

impl Origin {
    /// In a list, or nowhere: what it does is said below, and no step is to be named.
    pub const ELSEWHERE: Self = Self::Step { version: 0, place: NO_STEP };
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What pressing does.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Verb { $($(#[$doc])* $name,)* }

        impl Verb {
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),*];

            fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            fn of(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

// Codes are for ever: a button may be pressed years after it was sent.
verbs! {
    /// Says how things stand.
    Show = 1,
    /// Goes on with the questions in chat.
    AnswerHere = 2,
    /// … though the collectivité has answered.
    AnswerAnyway = 3,
    /// Asks when to remind them.
    Later = 4,
    /// Reminds them on the day that `argument` says.
    LaterOn = 5,
    /// Asks for the day in words.
    LaterWrite = 6,
    Answered = 7,
    NotAnswered = 8,
    NotMine = 9,
    Mine = 10,
    /// Names nobody else.
    NobodyElse = 11,
    /// No more reminders of this campaign.
    Stop = 12,
    Resume = 13,
    /// No more reminders at all.
    NoReminders = 14,
    Reminders = 15,
    /// Shows an organiser the report.
    Report = 16,
    /// Gives an organiser a link to the report's page.
    ReportPage = 17,
}

impl Verb {
    pub fn is_for_organisers(self) -> bool {
        matches!(self, Self::Report | Self::ReportPage)
    }
}

impl Action {
    /// Under a message of step number `place` of version `version`.
    pub fn under_step(verb: Verb, campaign: CampaignId, version: i32, place: usize) -> Self {
        let version = u16::try_from(version).unwrap_or(u16::MAX);
        let place = u8::try_from(place).unwrap_or(NO_STEP);
        Self { verb, campaign, origin: Origin::Step { version, place }, argument: 0 }
    }

    pub fn in_answer(verb: Verb, campaign: CampaignId) -> Self {
        Self { verb, campaign, origin: Origin::Answer, argument: 0 }
    }

    pub fn with(self, argument: u16) -> Self {
        Self { argument, ..self }
    }

    pub fn payload(self) -> ActionPayload {
        let (version, place, in_answer) = match self.origin {
            Origin::Step { version, place } => (version, place, 0),
            Origin::Answer => (0, NO_STEP, 1),
        };
        let mut bytes = vec![self.verb.code()];
        bytes.extend(self.campaign.0.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend([place, in_answer]);
        bytes.extend(self.argument.to_be_bytes());
        // Eleven bytes, under the contract's 22.
        ActionPayload::new(bytes).unwrap_or_else(|_| unreachable!("eleven bytes always fit"))
    }

    /// `None` for a payload of a version that is gone.
    pub fn read(payload: &ActionPayload) -> Option<Self> {
        let [verb, c0, c1, c2, c3, v0, v1, place, in_answer, a0, a1] = *payload.as_bytes() else { return None };
        let origin = match in_answer {
            0 => Origin::Step { version: u16::from_be_bytes([v0, v1]), place },
            1 => Origin::Answer,
            _ => return None,
        };
        Some(Self {
            verb: Verb::of(verb)?,
            campaign: CampaignId(i32::from_be_bytes([c0, c1, c2, c3])),
            origin,
            argument: u16::from_be_bytes([a0, a1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_reads_back_as_it_was_sealed() {
        for verb in Verb::ALL {
            for action in [
                Action::under_step(*verb, CampaignId(70_000), 3, 29),
                Action::in_answer(*verb, CampaignId(1)).with(20_748),
            ] {
                assert_eq!(Action::read(&action.payload()), Some(action));
            }
        }
    }

    #[test]
    fn what_was_never_sealed_is_nothing() {
        for bytes in [vec![], vec![1; 10], vec![0; 11], vec![200; 11], vec![1, 0, 0, 0, 1, 0, 1, 0, 2, 0, 0]] {
            assert_eq!(Action::read(&ActionPayload::new(bytes).unwrap()), None);
        }
    }
}
