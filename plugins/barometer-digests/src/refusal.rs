//! Who asks for an operation on an edition, and why it may not run.

use bot_core::plugin::{Context, HandlerError};
use bot_core::{AddressId, Locale};
use serde_json::{Value, json};

use crate::definition::Cadence;
use crate::definition_file::DefinitionError;
use crate::edition::Period;
use crate::edition::store::State;
use crate::words::text;

/// Who does something to the digest. The audit log names the plugin for all of them, and this beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// In chat, from this address.
    Organiser(AddressId),
    /// At the command line, under this name if they gave one.
    Operator(Option<String>),
    /// By itself, at the time that was set.
    Plugin,
}

impl By {
    /// Whoever asked: a call that no chat message made is the operator's.
    pub fn whoever_asked(cx: &Context, name: Option<&str>) -> Self {
        match &cx.caller {
            Some(caller) => Self::Organiser(caller.address),
            None => Self::Operator(name.map(str::to_owned)),
        }
    }

    /// As it is kept with an edition.
    pub fn name(&self) -> &str {
        match self {
            Self::Organiser(_) => "organiser",
            Self::Operator(name) => name.as_deref().unwrap_or("operator"),
            Self::Plugin => "automatic",
        }
    }

    /// Writes a line in the audit log: `details` is an object.
    pub fn did(&self, cx: &mut Context, action: &str, subject: String, mut details: Value) {
        details["by"] = json!(match self {
            Self::Organiser(address) => {
                details["address"] = json!(address);
                "organiser"
            }
            Self::Operator(_) => self.name(),
            Self::Plugin => "plugin",
        });
        cx.audit(action, subject, details);
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The caller can put it right.
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Handler(#[from] HandlerError),
}

impl From<sqlx::Error> for OperationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Handler(error.into())
    }
}

/// An operation that does not make sense now. `Display` says it in English.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    UnknownEdition(u32),
    /// No digest file was set.
    NoDefinition,
    File(DefinitionError),
    /// The file is the one that is stored.
    Unchanged,
    /// The digest file has no editions of this rhythm.
    NoRhythm(Cadence),
    /// The period has an edition already.
    PeriodTaken {
        period: Period,
        number: u32,
        state: State,
    },
    /// The draft is not what was seen.
    Changed {
        number: u32,
        seen: u32,
        now: u32,
    },
    /// The hash is not that of this revision.
    OtherBytes(u32),
    /// The edition is in this state, where that makes no sense.
    Is(u32, State),
    /// No entry of the edition has this key.
    UnknownEntry(String),
    /// Nothing that could be added has this key.
    UnknownCandidate(String),
    /// It has as many entries as an edition can have.
    Full(usize),
    /// The entry is the first, or the last, of its section.
    AtTheEnd,
    /// The introduction cannot be read as Markdown without variables: what is wrong, and where.
    Introduction(String),
    /// Words that are empty.
    NoWords,
    /// Words that are longer than this many characters.
    TooLong(usize),
}

impl Refusal {
    pub fn words(&self, locale: Locale) -> String {
        let say = |id: &str| text(locale, id, &[]);
        let about = |id: &str, number: &u32| text(locale, id, &[("number", number.to_string().into())]);
        match self {
            Self::UnknownEdition(number) => about("refused-unknown-edition", number),
            Self::NoDefinition => say("refused-no-definition"),
            Self::File(error) => text(locale, "refused-file", &[("problems", error.to_string().into())]),
            Self::Unchanged => say("refused-unchanged"),
            Self::NoRhythm(Cadence::Weekly) => say("refused-no-weekly"),
            Self::NoRhythm(Cadence::Monthly) => say("refused-no-monthly"),
            Self::PeriodTaken { period, number, state } => {
                let (state_of, state) = (*state, text(locale, state_id(*state), &[]));
                let period = period.to_string();
                let arguments =
                    [("number", number.to_string().into()), ("period", period.into()), ("state", state.into())];
                let is_published = matches!(state_of, State::Sending | State::Sent);
                text(locale, if is_published { "refused-period-published" } else { "refused-period-taken" }, &arguments)
            }
            Self::Changed { number, seen, now } => {
                let arguments = [
                    ("number", number.to_string().into()),
                    ("seen", seen.to_string().into()),
                    ("now", now.to_string().into()),
                ];
                text(locale, "refused-changed", &arguments)
            }
            Self::OtherBytes(number) => about("refused-other-bytes", number),
            Self::Is(number, state) => about(
                match state {
                    State::Draft => "refused-is-draft",
                    State::Approved => "refused-is-approved",
                    State::Sending | State::Sent => "refused-is-published",
                    State::Skipped => "refused-is-skipped",
                },
                number,
            ),
            Self::UnknownEntry(key) => text(locale, "refused-unknown-entry", &[("key", key.into())]),
            Self::UnknownCandidate(key) => text(locale, "refused-unknown-candidate", &[("key", key.into())]),
            Self::Full(most) => text(locale, "refused-full", &[("most", (*most).into())]),
            Self::AtTheEnd => say("refused-at-the-end"),
            Self::Introduction(problem) => text(locale, "refused-introduction", &[("problem", problem.into())]),
            Self::NoWords => say("refused-no-words"),
            Self::TooLong(most) => text(locale, "refused-too-long", &[("most", (*most).into())]),
        }
    }
}

/// The text that names a state.
pub(crate) fn state_id(state: State) -> &'static str {
    match state {
        State::Draft => "state-draft",
        State::Approved => "state-approved",
        State::Sending => "state-sending",
        State::Sent => "state-sent",
        State::Skipped => "state-skipped",
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words(Locale::En))
    }
}

impl std::error::Error for Refusal {}
