//! Who asks for an operation on a consultation, and why it may not run.

use bot_core::plugin::{Context, HandlerError};
use bot_core::{AddressId, Locale};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::codes::CODES_MAX;
use crate::definition::DURATION_DAYS_MAX;
use crate::definition_file::DefinitionError;
use crate::pulse::{PulseState, ROOMS_MAX};
use crate::store::ConsultationId;
use crate::words::{moment, text};

/// Who does something to a consultation. The audit log names the plugin for all of them, and this beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// In chat, from this address.
    Organiser(AddressId),
    /// At the command line.
    Operator,
    /// By itself, at the time that was set.
    Plugin,
}

impl By {
    /// Whoever asked: a call that no chat message made is the operator's.
    pub(crate) fn whoever_asked(cx: &Context) -> Self {
        cx.caller.as_ref().map_or(Self::Operator, |caller| Self::Organiser(caller.address))
    }

    /// Writes a line in the audit log: `details` is an object.
    pub(crate) fn did(self, cx: &mut Context, action: &str, id: ConsultationId, details: Value) {
        self.did_to(cx, action, id.scope(), details);
    }

    /// The same of something else than a consultation.
    pub(crate) fn did_to(self, cx: &mut Context, action: &str, subject: String, mut details: Value) {
        match self {
            Self::Organiser(address) => {
                details["by"] = json!("organiser");
                details["address"] = json!(address);
            }
            Self::Operator => details["by"] = json!("operator"),
            Self::Plugin => details["by"] = json!("plugin"),
        }
        cx.audit(action, subject, details);
    }
}

/// Why an operation did not run.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The caller can put it right.
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Handler(#[from] HandlerError),
}

/// An operation that does not make sense now. `Display` says it in English.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    Unknown,
    SlugTaken(String),
    NotOpen,
    AlreadyOpen,
    Closed,
    /// The closing that the definition names is not after the opening, or not in the future.
    ClosingPast,
    AlreadyAnnounced(DateTime<Utc>, Tz),
    Extension,
    /// What is scheduled, open or closed is not thrown away.
    NotDraft,
    /// Whose ballots nobody reads with their authors.
    Anonymous,
    /// It accepts no participation codes.
    NoCodes,
    CodeCount,
    /// There is no such room, or we are no longer in it.
    NoRoom(i64),
    UnknownPulse,
    /// A pulse is in this state already, or must be in another one.
    PulseIs(PulseState),
    /// A pulse that was asked nowhere is asked of nobody.
    NoRooms,
    RoomsMax,
    File(DefinitionError),
}

impl Refusal {
    pub fn words(&self, locale: Locale) -> String {
        let say = |id: &str| text(locale, id, &[]);
        match self {
            Self::Unknown => say("refused-unknown"),
            Self::SlugTaken(slug) => text(locale, "refused-slug", &[("slug", slug.as_str().into())]),
            Self::NotOpen => say("refused-not-open"),
            Self::AlreadyOpen => say("refused-already-open"),
            Self::Closed => say("refused-closed"),
            Self::ClosingPast => say("refused-closing-past"),
            Self::AlreadyAnnounced(when, zone) => {
                text(locale, "refused-announced", &[("when", moment(locale, *when, *zone).into())])
            }
            Self::Extension => text(locale, "refused-extension", &[("days", DURATION_DAYS_MAX.into())]),
            Self::NotDraft => say("refused-not-draft"),
            Self::Anonymous => say("refused-anonymous"),
            Self::NoCodes => say("refused-no-codes"),
            Self::CodeCount => text(locale, "refused-code-count", &[("most", CODES_MAX.into())]),
            Self::NoRoom(number) => text(locale, "refused-no-room", &[("number", number.to_string().into())]),
            Self::UnknownPulse => say("refused-pulse-unknown"),
            Self::PulseIs(PulseState::Draft) => say("refused-pulse-draft"),
            Self::PulseIs(PulseState::Open) => say("refused-pulse-open"),
            Self::PulseIs(PulseState::Closed) => say("refused-pulse-closed"),
            Self::NoRooms => say("refused-no-rooms"),
            Self::RoomsMax => text(locale, "refused-rooms-max", &[("most", ROOMS_MAX.into())]),
            Self::File(error) => text(locale, "refused-file", &[("problems", error.to_string().into())]),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words(Locale::En))
    }
}

impl std::error::Error for Refusal {}
