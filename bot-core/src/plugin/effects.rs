//! What a call asks for: owned data, so that a sandboxed host could carry the same contract.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CommandCall;
use crate::calendar::sending::SendingRule;
use crate::fetch::Fetch;
use crate::ids::{ContactId, ConversationId};
use crate::locale::Locale;
use crate::message::{Document, MediaHash};

/// What a call asks for. Owned data, so that a sandboxed host could carry the same contract.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    Reply(Reply),
    Send(Box<Outgoing>),
    SendEach { messages: Vec<Outgoing> },
    Edit(Edit),
    ClosePoll(ClosePoll),
    Await { name: String, until: DateTime<Utc> },
    StopAwaiting,
    Schedule(Fire),
    CancelFire { scope: String, subject: String },
    Cancel { scope: String, subject: Option<String> },
    CancelMessages { scope: String, subject: String, message_keys: Vec<String> },
    StopSubjects { scope: String, subjects: Vec<String> },
    ResumeSubject { scope: String, subject: String },
    Fetch(Box<Fetch>),
    StoreMedia { hash: MediaHash, content_type: String, file_name: String, content: Vec<u8> },
    Consent { purpose: Purpose, wording: String },
    WithdrawConsent { purpose: Purpose },
    HandOver(CommandCall),
    Note(Note),
    Audit { action: String, subject: String, details: Value },
    RevealsChoice { scope: String },
    ForgetChoices { scope: String, tables: Vec<String> },
}

/// Something that happened, for whoever subscribed to [`Subscription::Notes`].
///
/// [`Subscription::Notes`]: super::Subscription::Notes
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// What happened, as both sides call it: `questionnaire.answered`.
    pub topic: String,
    /// What it happened to: the questionnaire's name.
    pub subject: String,
    pub contact: Option<ContactId>,
    pub details: Value,
}

/// An answer where the call came from: interactive, at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    pub document: Document,
    pub message_key: Option<String>,
    /// The scope whose choice this message shows (see [`Context::forget_choices`]).
    pub reveals: Option<String>,
}

/// A message that is not an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outgoing {
    pub to: Recipient,
    /// In the organisation's default language.
    pub document: Document,
    /// The same in other languages: each reader gets theirs where it is here.
    #[serde(default)]
    pub translations: Vec<(Locale, Document)>,
    /// What it is written in, where the reader chose that for such messages; otherwise it is taken to be in the
    /// language they are known to speak.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// For the document's templates.
    #[serde(default)]
    pub variables: serde_json::Map<String, Value>,
    pub purpose: Purpose,
    pub lane: Lane,
    /// The campaign or consultation, and whom or what within it.
    pub scope: String,
    pub subject: String,
    pub not_before: Option<DateTime<Utc>>,
    pub not_after: Option<DateTime<Utc>>,
    /// When the sender writes at all, on top of what the organisation and the recipient want.
    #[serde(default)]
    pub sending_rule: Option<SendingRule>,
    pub message_key: Option<String>,
    pub coalesce_key: Option<String>,
    pub reveals: Option<String>,
    /// Tell [`Plugin::on_delivery`] how it ended.
    pub report: bool,
}

impl Outgoing {
    pub fn new(to: Recipient, purpose: Purpose, scope: impl Into<String>, document: Document) -> Self {
        Self {
            to,
            document,
            translations: Vec::new(),
            locale: None,
            variables: serde_json::Map::new(),
            purpose,
            lane: if matches!(to, Recipient::Consenting) { Lane::Bulk } else { Lane::Normal },
            scope: scope.into(),
            subject: String::new(),
            not_before: None,
            not_after: None,
            sending_rule: None,
            message_key: None,
            coalesce_key: None,
            reveals: None,
            report: false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    Conversation(ConversationId),
    /// The person, in the conversation they last used. What they did not ask for goes to another of their addresses
    /// only where they agreed to be written to there for its purpose: a block is no leave to write elsewhere.
    Contact(ContactId),
    /// The person, at another address than the one they last used, where they agreed to that.
    ContactElsewhere(ContactId),
    /// Every organiser, at the very address that has the role.
    Organisers,
    /// Every operator, as organisers are.
    Operators,
    /// The caller, in their private conversation with the account they called from, which is opened when there is
    /// none yet. Without a caller nobody hears it.
    CallerInPrivate,
    /// Everybody who consented to the message's purpose, each once, in the conversation they last used.
    Consenting,
}

/// Why we write. Everything but replies and service messages needs consent for its purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Reply,
    Service,
    Consultation,
    Reminder,
    Digest,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Service => "service",
            Self::Consultation => "consultation",
            Self::Reminder => "reminder",
            Self::Digest => "digest",
        }
    }

    /// Messages a person did not ask for just now.
    pub fn is_proactive(self) -> bool {
        matches!(self, Self::Consultation | Self::Reminder | Self::Digest)
    }
}

impl std::str::FromStr for Purpose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Reply, Self::Service, Self::Consultation, Self::Reminder, Self::Digest];
        let found = all.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no purpose: write consultation, reminder or digest"))
    }
}

/// Order is kept within a conversation and lane; interactive overtakes, and bulk never uses the burst reserve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Interactive = 0,
    Normal = 1,
    Bulk = 2,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Edit {
    /// `None`: the conversation the call came from.
    pub conversation: Option<ConversationId>,
    pub message_key: String,
    pub document: Document,
    pub coalesce_key: Option<String>,
    pub reveals: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClosePoll {
    pub conversation: ConversationId,
    pub message_key: String,
    pub scope: String,
    pub subject: String,
}

/// Something to do at a time. `(plugin, scope, subject)` is unique; put the version of what is scheduled in the
/// scope, so that editing it lets old fires die.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fire {
    pub scope: String,
    pub subject: String,
    pub due_at: DateTime<Utc>,
    pub misfire: Misfire,
    pub payload: Value,
    pub repeat: Option<Repeat>,
}

/// A fire that comes back: five cron fields read as local time in `time_zone` (see [`crate::calendar`]).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Repeat {
    pub cron: String,
    pub time_zone: chrono_tz::Tz,
}

/// What becomes of a fire whose time passed while the service was down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// It is dropped, unless it is at most one minute late.
    Skip,
    /// It runs once, however late and however often it was missed.
    RunOnce,
    /// It runs once if it is at most this late.
    SendIfWithin { seconds: u32 },
}
