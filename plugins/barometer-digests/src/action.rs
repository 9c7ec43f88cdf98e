//! What the buttons carry: what to do, in which edition, at which revision of it.
//!
//! Eleven bytes: verb, edition (4), revision (2), argument (4). Whoever presses is known by their chat.

use bot_core::action::ActionPayload;

/// A press, as it was sealed behind its button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    pub verb: Verb,
    /// 0 where the verb is about no edition.
    pub edition: u32,
    /// The revision that was on the screen: a draft that has changed since is shown anew instead.
    pub revision: u16,
    /// An entry (see [`crate::edition::EntryKey::short`]), a day, a topic's place, whatever the verb needs.
    pub argument: u32,
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

/// From here on for editors.
const EDITORS_FROM: u8 = 64;

// Codes are for ever: a button may be pressed years after it was sent.
verbs! {
    // Readers: 1 to 63.
    /// Agrees to get the digest.
    Subscribe = 1,
    /// Shows what one is subscribed to, below what was pressed.
    Subscriptions = 2,
    /// Leaves at once, and says so below what was pressed.
    Unsubscribe = 3,
    /// Takes leaving back.
    ComeBack = 4,
    /// Looks at the settings before agreeing.
    ChooseFirst = 5,
    // The others replace the screen they are on. Their argument is what is chosen, never "the other one": pressed
    // twice, they do the same.
    Settings = 6,
    Leave = 7,
    Topics = 8,
    /// A topic, by [`crate::readers::screens::topic_number`].
    AddTopic = 9,
    DropTopic = 10,
    AllTopics = 11,
    Days = 12,
    /// 1 is Monday, 7 Sunday.
    SetDay = 13,
    /// A page of hours, from 0.
    Hours = 14,
    SetHour = 15,
    /// The place in [`crate::definition::Cadence::ALL`].
    SetRhythm = 16,
    /// … in [`bot_core::Locale::ALL`].
    SetLanguage = 17,
    /// … in [`crate::rendering::way::Form::ALL`].
    SetForm = 18,
    /// … in [`crate::rendering::way::WhenEmpty::ALL`].
    SetWhenEmpty = 19,
    /// Reads the newest edition here, whole and in one's language and topics.
    Latest = 20,

    // Editors: from 64.
    /// Shows an edition.
    Edition = 64,
    /// Lists editions, from the one at place `argument` on.
    Editions = 65,
    /// Drafts: `argument` 0 is the week's, 1 the month's.
    Draft = 66,
    /// Shows the edition as a reader of one's language gets it.
    Read = 67,
    /// Asks in which way to preview it.
    Previews = 68,
    /// `argument` is the way: see `editor::previews`.
    PreviewAs = 69,
    /// Shows the introduction.
    Introduction = 70,
    /// Asks for the words in a language: 0 is French, 1 English.
    WriteIntroduction = 71,
    EraseIntroduction = 72,
    /// Lists entries, from the one at place `argument` on.
    Entries = 73,
    /// Shows the entry whose short key is `argument`.
    Entry = 74,
    DropEntry = 75,
    MoveUp = 76,
    MoveDown = 77,
    /// Lists what can be added, from the one at place `argument` on.
    Candidates = 78,
    AddEntry = 79,
    Approve = 80,
    /// `argument` is how the hash begins.
    ConfirmApproving = 81,
    Send = 82,
    ConfirmSending = 83,
    /// Asks for the reason.
    Skip = 84,
}

/// What a button carries of a revision. A draft is not changed 65,536 times.
pub(crate) fn revision_carried(revision: u32) -> u16 {
    (revision & 0xffff) as u16
}

impl Verb {
    pub fn is_for_editors(self) -> bool {
        self.code() >= EDITORS_FROM
    }
}

impl Action {
    pub fn new(verb: Verb) -> Self {
        Self { verb, edition: 0, revision: 0, argument: 0 }
    }

    /// About an edition as it was seen at `revision`; only its last sixteen bits are carried.
    pub fn about(verb: Verb, edition: u32, revision: u32) -> Self {
        Self { verb, edition, revision: revision_carried(revision), argument: 0 }
    }

    pub fn with(self, argument: u32) -> Self {
        Self { argument, ..self }
    }

    pub fn payload(self) -> ActionPayload {
        let mut bytes = vec![self.verb.code()];
        bytes.extend(self.edition.to_be_bytes());
        bytes.extend(self.revision.to_be_bytes());
        bytes.extend(self.argument.to_be_bytes());
        // Eleven bytes, under the contract's 22.
        ActionPayload::new(bytes).unwrap_or_else(|_| unreachable!("eleven bytes always fit"))
    }

    /// `None`: of a version that is gone, or not ours.
    pub fn read(payload: &ActionPayload) -> Option<Self> {
        let bytes: [u8; 11] = payload.as_bytes().try_into().ok()?;
        let [verb, e0, e1, e2, e3, r0, r1, a0, a1, a2, a3] = bytes;
        Some(Self {
            verb: Verb::of(verb)?,
            edition: u32::from_be_bytes([e0, e1, e2, e3]),
            revision: u16::from_be_bytes([r0, r1]),
            argument: u32::from_be_bytes([a0, a1, a2, a3]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_reads_back_as_it_was_sealed() {
        for verb in Verb::ALL {
            let action = Action { verb: *verb, edition: 70_000, revision: 12, argument: u32::MAX - 3 };
            assert_eq!(Action::read(&action.payload()), Some(action));
        }
    }

    #[test]
    fn what_was_never_sealed_is_nothing() {
        for bytes in [vec![], vec![1; 10], vec![0; 11], vec![200; 11], vec![1; 12]] {
            assert_eq!(Action::read(&ActionPayload::new(bytes).unwrap()), None);
        }
    }
}
