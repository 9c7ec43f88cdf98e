//! What the buttons carry: consultation, wording version, question, and what to do.
//!
//! Ten bytes: verb, consultation (4), version (2), question, argument (2).

use bot_core::action::ActionPayload;

use crate::store::ConsultationId;

/// Stands for no consultation, behind the buttons of a list.
pub(crate) const NO_CONSULTATION: ConsultationId = ConsultationId(0);

/// A press, as it was sealed behind its button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Action {
    pub verb: Verb,
    pub consultation: ConsultationId,
    /// Of the wording the button was made for.
    pub version: i16,
    /// The question it was under, from 0; its count for the review.
    pub question: u8,
    /// The option, or whatever else the verb needs.
    pub argument: u16,
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What pressing does.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Verb { $($(#[$doc])* $name,)* }

        impl Verb {
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
    /// Opens a consultation, or takes it up where it was left.
    Answer = 1,
    Agree = 2,
    Decline = 3,
    /// Chooses an option or a step, and goes on.
    Choose = 4,
    /// Adds or removes one of several options.
    Toggle = 5,
    Next = 6,
    Back = 7,
    Skip = 8,
    Cast = 9,
    Change = 10,
    Withdraw = 11,
    ConfirmWithdrawal = 12,
    KeepBallot = 13,
    Results = 14,
    /// Throws the answers given so far away.
    Abandon = 15,
    /// Lists open consultations after the first `argument` ones.
    List = 16,

    // Organisers.
    Manage = 32,
    Announce = 33,
    Extend = 34,
    Close = 35,
    ConfirmClosing = 36,
    Export = 37,
    Open = 38,
    Preview = 39,
    ExtendBy = 40,
    Discard = 41,
    ConfirmDiscarding = 42,
    Compose = 64,
}

impl Verb {
    /// Whether pressing it needs the organiser's role.
    pub fn is_for_organisers(self) -> bool {
        self.code() >= Self::Manage.code()
    }

    /// Whether the press itself, or its place, shows somebody's choice.
    pub fn shows_choice(self) -> bool {
        matches!(self, Self::Choose | Self::Toggle | Self::Next | Self::Back | Self::Skip | Self::Cast)
    }
}

impl Action {
    pub fn new(verb: Verb, consultation: ConsultationId, version: i16) -> Self {
        Self { verb, consultation, version, question: 0, argument: 0 }
    }

    /// What leads on from a list, after its first `listed` consultations.
    pub(crate) fn further(verb: Verb, listed: usize) -> Self {
        Self::new(verb, NO_CONSULTATION, 0).with(u16::try_from(listed).unwrap_or(u16::MAX))
    }

    pub fn on(self, question: usize) -> Self {
        Self { question: u8::try_from(question).unwrap_or(u8::MAX), ..self }
    }

    pub fn with(self, argument: u16) -> Self {
        Self { argument, ..self }
    }

    /// The payload to put behind a button.
    pub fn payload(self) -> ActionPayload {
        let mut bytes = vec![self.verb.code()];
        bytes.extend_from_slice(&self.consultation.0.to_be_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.push(self.question);
        bytes.extend_from_slice(&self.argument.to_be_bytes());
        // Ten bytes, under the contract's 22.
        ActionPayload::new(bytes).unwrap_or_else(|_| unreachable!("ten bytes always fit"))
    }

    /// Reads a payload; `None` for one this plugin never made.
    pub fn read(payload: &ActionPayload) -> Option<Self> {
        let &[verb, c0, c1, c2, c3, v0, v1, question, a0, a1] = payload.as_bytes() else { return None };
        Some(Self {
            verb: Verb::of(verb)?,
            consultation: ConsultationId(i32::from_be_bytes([c0, c1, c2, c3])),
            version: i16::from_be_bytes([v0, v1]),
            question,
            argument: u16::from_be_bytes([a0, a1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_payload_reads_back(
            verb in prop::sample::select(Verb::ALL),
            consultation: i32,
            version: i16,
            question: u8,
            argument: u16,
        ) {
            let consultation = ConsultationId(consultation);
            let action = Action { verb, consultation, version, question, argument };
            prop_assert_eq!(Action::read(&action.payload()), Some(action));
        }

        #[test]
        fn other_bytes_are_no_action(bytes in prop::collection::vec(any::<u8>(), 0..10)) {
            prop_assert_eq!(Action::read(&ActionPayload::new(bytes).unwrap()), None);
        }
    }
}
