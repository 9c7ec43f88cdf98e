//! Who asks for an operation on a campaign, and why it may not run.

use bot_core::plugin::{Context, HandlerError};
use bot_core::{AddressId, Locale};
use serde_json::{Value, json};

use crate::definition_file::DefinitionError;
use crate::store::{CampaignId, State};
use crate::words::text;

/// Who does something to a campaign. The audit log names the plugin for all of them, and this beside it.
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
    pub(crate) fn whoever_asked(cx: &Context, name: Option<&str>) -> Self {
        match &cx.caller {
            Some(caller) => Self::Organiser(caller.address),
            None => Self::Operator(name.map(str::to_owned)),
        }
    }

    /// Writes a line in the audit log: `details` is an object.
    pub(crate) fn did(self, cx: &mut Context, action: &str, id: CampaignId, mut details: Value) {
        match self {
            Self::Organiser(address) => {
                details["by"] = json!("organiser");
                details["address"] = json!(address);
            }
            Self::Operator(name) => details["by"] = json!(name.unwrap_or_else(|| "operator".to_owned())),
            Self::Plugin => details["by"] = json!("plugin"),
        }
        cx.audit(action, id.scope(), details);
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

impl From<sqlx::Error> for OperationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Handler(error.into())
    }
}

/// An operation that does not make sense now. `Display` says it in English.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    Unknown(String),
    SlugTaken(String),
    File(DefinitionError),
    /// The deadline is over.
    DeadlinePast,
    /// The campaign is in this state, where that makes no sense.
    Is(State),
    /// The file is the one that is stored.
    Unchanged,
    /// Groups, segments and queries that name what is not there.
    Contacts(String),
    /// Two contacts, by number, hold the same token.
    TokenTwice {
        one: i64,
        other: i64,
    },
    /// A new contact holds the token of somebody who takes part already.
    TokenTaken(i64),
    /// What is approved is not what was read.
    PlanChanged {
        wording_changed: bool,
        seen: usize,
        now: usize,
    },
    /// `--plan` holds no plan's name.
    NoPlan(String),
    /// Whoever edited may not approve.
    SamePerson(String),
    /// The version is approved already: only people may be added.
    AlreadyApproved,
    /// There is nothing that a supplement could add to.
    NothingApproved,
    /// Nobody gets anything by this plan.
    NoMessages,
    /// Openings can be counted only where the public pages are known.
    NoPublicUrl,
}

impl Refusal {
    pub fn words(&self, locale: Locale) -> String {
        let say = |id: &str| text(locale, id, &[]);
        match self {
            Self::Unknown(name) => text(locale, "refused-unknown", &[("name", name.into())]),
            Self::SlugTaken(slug) => text(locale, "refused-slug", &[("slug", slug.into())]),
            Self::File(error) => text(locale, "refused-file", &[("problems", error.to_string().into())]),
            Self::DeadlinePast => say("refused-deadline-past"),
            Self::Is(state) => say(match state {
                State::Draft => "refused-is-draft",
                State::Approved => "refused-is-approved",
                State::Paused => "refused-is-paused",
                State::Cancelled => "refused-is-cancelled",
                State::Closed => "refused-is-closed",
            }),
            Self::Unchanged => say("refused-unchanged"),
            Self::Contacts(problem) => text(locale, "refused-contacts", &[("problem", problem.into())]),
            Self::TokenTwice { one, other } => {
                let arguments = [("one", one.to_string().into()), ("other", other.to_string().into())];
                text(locale, "refused-token-twice", &arguments)
            }
            Self::TokenTaken(number) => text(locale, "refused-token-taken", &[("number", number.to_string().into())]),
            Self::PlanChanged { wording_changed, seen, now } => {
                let wording = if *wording_changed { "changed" } else { "same" };
                let arguments = [("wording", wording.into()), ("seen", (*seen).into()), ("now", (*now).into())];
                text(locale, "refused-plan-changed", &arguments)
            }
            Self::NoPlan(given) => text(locale, "refused-no-plan", &[("given", given.into())]),
            Self::SamePerson(name) => text(locale, "refused-same-person", &[("name", name.into())]),
            Self::AlreadyApproved => say("refused-already-approved"),
            Self::NothingApproved => say("refused-nothing-approved"),
            Self::NoMessages => say("refused-no-messages"),
            Self::NoPublicUrl => say("refused-no-public-url"),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words(Locale::En))
    }
}

impl std::error::Error for Refusal {}
