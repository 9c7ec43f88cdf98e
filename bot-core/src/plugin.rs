//! The contract between crieur and a plugin.
//!
//! A plugin declares what it handles in its [`Manifest`] and is called inside one Postgres transaction: it reads
//! and writes its own schema through [`Context::sql`] and *asks* for everything else as effects. Effects are plain
//! data; they take effect when the transaction commits, together with the plugin's own rows, exactly once. A handler
//! that fails, panics or overruns leaves nothing behind.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::action::ActionPayload;
use crate::adapter::{Assurance, ConversationKind, PollCounts};
pub use crate::fetch::{Fetch, FetchFailure, FetchMethod, FetchRequest, FetchResponse, Fetched};
use crate::ids::{AddressId, ContactId, ConversationId, DeliveryId, OrganisationId, Platform, PluginId};
use crate::locale::Locale;
use crate::message::{Document, MediaHash};
use crate::rooms::Views;

/// Effects one call may ask for. More is a fault of the plugin: nothing of the call is kept.
pub const EFFECTS_MAX: usize = 64;

#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    fn manifest(&self) -> &Manifest;

    /// Who may press the button that carries `action`. Asked for every press, before [`Plugin::on_action`]; must be
    /// quick and pure, and strict about what it does not know.
    fn audience(&self, action: &ActionPayload) -> Audience;

    /// Called once after each start, before any other call, in a transaction of its own for each organisation.
    async fn start(&self, cx: &mut Context) -> HandlerResult;

    async fn on_command(&self, cx: &mut Context, command: &CommandCall) -> HandlerResult;

    /// One of this plugin's own buttons, or its number typed.
    async fn on_action(&self, cx: &mut Context, action: &ActionPayload) -> HandlerResult;

    /// The text this plugin awaited under `name` (see [`Context::await_text`]).
    async fn on_text(&self, cx: &mut Context, name: &str, text: &str) -> HandlerResult;

    /// Something this plugin subscribed to.
    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult;

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult;

    /// How a delivery ended that was sent with `report`.
    async fn on_delivery(&self, cx: &mut Context, outcome: &DeliveryOutcome) -> HandlerResult;

    /// What became of a request asked for with [`Context::fetch`].
    async fn on_fetched(&self, _: &mut Context, _: &Fetched) -> HandlerResult {
        Ok(())
    }

    /// Everything the plugin holds about a person, for `/mes_donnees`. What cannot be linked to them is not there.
    async fn export(&self, cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError>;
}

pub type HandlerResult = Result<(), HandlerError>;

/// A call that failed: everything it did is rolled back and it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Broken(String),
}

/// What a plugin is and handles, declared once for text commands, platform menus and `/aide`.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub id: PluginId,
    pub version: &'static str,
    pub commands: Vec<CommandDeclaration>,
    pub subscriptions: Vec<Subscription>,
    /// JSON Schema of the per-organisation settings.
    pub settings_schema: Value,
    /// The plugin's Postgres schema.
    pub sql_schema: &'static str,
}

#[derive(Clone, Debug)]
pub struct CommandDeclaration {
    /// French name, the canonical one: `[a-z0-9_]{1,32}` (Telegram's rule, the narrowest).
    pub name: &'static str,
    /// The English twin.
    pub name_en: &'static str,
    pub summary_fr: &'static str,
    pub summary_en: &'static str,
    pub audience: Audience,
    /// A link may call it: `<name>-<arguments>` as the payload of [`PrivateLink`] is `/<name> <arguments>`. Only for
    /// commands that do nothing a person would not want done by following a link.
    ///
    /// [`PrivateLink`]: crate::adapter::PrivateLink
    pub linkable: bool,
}

impl CommandDeclaration {
    pub fn name_in(&self, locale: Locale) -> &'static str {
        match locale {
            Locale::Fr => self.name,
            Locale::En => self.name_en,
        }
    }

    pub fn summary_in(&self, locale: Locale) -> &'static str {
        match locale {
            Locale::Fr => self.summary_fr,
            Locale::En => self.summary_en,
        }
    }
}

/// Who may use a command. The core checks it before the plugin hears of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    Everyone,
    Organisers,
    Operators,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Organiser,
    Operator,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organiser => "organiser",
            Self::Operator => "operator",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "organiser" => Ok(Self::Organiser),
            "operator" => Ok(Self::Operator),
            other => Err(format!("`{other}` is not a role: write organiser or operator")),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subscription {
    /// [`Event::ContactsMerged`] and [`Event::ContactSplit`], in the transaction that does it.
    Links,
    /// [`Event::ContactErased`], after the erasure: erasing waits for no plugin.
    Erasures,
    /// [`Event::Reaction`] and [`Event::PollVote`] on messages of this plugin.
    Polls,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// `joiner` no longer exists as a person of its own: everything now belongs to `kept`, the contact whose
    /// address asked for the code.
    ContactsMerged {
        kept: ContactId,
        joiner: ContactId,
        kept_addresses: Vec<KnownAddress>,
        joiner_addresses: Vec<KnownAddress>,
    },
    /// `address` has left `left` and belongs to `restored` again.
    ContactSplit {
        left: ContactId,
        restored: ContactId,
        address: KnownAddress,
    },
    ContactErased {
        contact: ContactId,
        addresses: Vec<KnownAddress>,
    },
    /// A reaction on a message of this plugin, readable by everyone there.
    Reaction {
        message: MessageOrigin,
        key: String,
        removed: bool,
    },
    /// What the caller now votes in a native poll of this plugin, readable by everyone there; empty when taken back.
    PollVote {
        message: MessageOrigin,
        options: Vec<u16>,
    },
}

/// What a message was sent for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageOrigin {
    pub delivery: DeliveryId,
    pub scope: String,
    pub subject: String,
    pub message_key: Option<String>,
}

/// An address as plugins know it: never the address itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownAddress {
    pub digest: AddressDigest,
    pub assurance: Assurance,
}

/// A keyed hash of an address, stable for ever within the organisation: the same person coming back after an
/// erasure has the same digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressDigest(pub [u8; 32]);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommandCall {
    /// The canonical (French) name, whichever twin was typed.
    pub name: String,
    /// What followed it, trimmed.
    pub arguments: String,
}

/// A moment that has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FiredFire {
    pub scope: String,
    pub subject: String,
    pub due_at: DateTime<Utc>,
    pub payload: Value,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryOutcome {
    pub delivery: DeliveryId,
    pub scope: String,
    pub subject: String,
    /// The final state's name: `sent`, `unknown`, `failed`, `expired`, `suppressed`, `cancelled`.
    pub state: String,
    pub reason: Option<String>,
    /// What [`Context::close_poll`] had counted.
    #[serde(default)]
    pub counts: Option<PollCounts>,
}

/// Who called, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    pub contact: ContactId,
    pub address: AddressId,
    pub known: KnownAddress,
    /// Every address of the contact, this one included.
    pub addresses: Vec<KnownAddress>,
    pub platform: Platform,
    pub conversation: ConversationView,
    /// Roles of this very address.
    pub roles: Vec<Role>,
}

impl Caller {
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationView {
    pub id: ConversationId,
    pub kind: ConversationKind,
    /// Only the person and the bot read here: a ballot may be cast.
    pub private: bool,
    pub buttons: bool,
    /// Native polls can be shown here.
    pub polls: bool,
    /// … and each vote in them is reported, and each reaction (see [`Adapter::reports_votes`]).
    ///
    /// [`Adapter::reports_votes`]: crate::adapter::Adapter::reports_votes
    pub votes: bool,
}

/// The organisation a call is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrganisationView {
    pub id: OrganisationId,
    pub title: String,
    pub time_zone: chrono_tz::Tz,
    pub default_locale: Locale,
}

/// One call's view of the world: its transaction, its time, its randomness, and what it asks for.
pub struct Context {
    pub now: DateTime<Utc>,
    pub organisation: OrganisationView,
    pub plugin: PluginId,
    /// This organisation's settings, already checked against the manifest's schema.
    pub settings: Value,
    /// `None` for fires, deliveries and the operator's command line.
    pub caller: Option<Caller>,
    pub locale: Locale,
    /// Where the public pages are, without a trailing slash; `None` when the operator configured none.
    pub public_url: Option<String>,
    pub random: StdRng,
    pub(crate) views: Views,
    pub(crate) transaction: Transaction<'static, Postgres>,
    pub(crate) effects: Vec<Effect>,
}

impl Context {
    /// The transaction of this call. A plugin's SQL names its own schema only.
    pub fn sql(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Answers in the conversation the call came from. Without a caller nobody hears it.
    pub fn reply(&mut self, document: Document) {
        self.effects.push(Effect::Reply(Reply { document, ..Reply::default() }));
    }

    /// Answers under a name, so that [`Context::edit`] finds the message again.
    pub fn reply_as(&mut self, message_key: impl Into<String>, document: Document) {
        self.effects.push(Effect::Reply(Reply { document, message_key: Some(message_key.into()), ..Reply::default() }));
    }

    pub fn reply_with(&mut self, reply: Reply) {
        self.effects.push(Effect::Reply(reply));
    }

    pub fn send(&mut self, message: Outgoing) {
        self.effects.push(Effect::Send(Box::new(message)));
    }

    /// Replaces the latest message sent under `message_key` in the conversation; sends it anew where that message
    /// is unknown, failed or cannot be edited.
    pub fn edit(&mut self, edit: Edit) {
        self.effects.push(Effect::Edit(edit));
    }

    /// Closes the native poll sent under `message_key` in `conversation` and has it counted:
    /// [`Plugin::on_delivery`] hears the counts under `scope` and `subject`.
    pub fn close_poll(&mut self, close: ClosePoll) {
        self.effects.push(Effect::ClosePoll(close));
    }

    /// The caller's next plain text in this conversation comes to [`Plugin::on_text`] as `name`, for `within`.
    pub fn await_text(&mut self, name: impl Into<String>, within: TimeDelta) {
        self.effects.push(Effect::Await { name: name.into(), until: self.now + within });
    }

    pub fn stop_awaiting(&mut self) {
        self.effects.push(Effect::StopAwaiting);
    }

    /// Schedules a fire, or moves it when its scope and subject are already scheduled.
    pub fn schedule(&mut self, fire: Fire) {
        self.effects.push(Effect::Schedule(fire));
    }

    pub fn cancel_fire(&mut self, scope: impl Into<String>, subject: impl Into<String>) {
        self.effects.push(Effect::CancelFire { scope: scope.into(), subject: subject.into() });
    }

    /// Cancels fires and queued deliveries of `scope`: of one `subject`, or of all.
    pub fn cancel(&mut self, scope: impl Into<String>, subject: Option<String>) {
        self.effects.push(Effect::Cancel { scope: scope.into(), subject });
    }

    /// As [`Context::cancel`], and nothing more is ever sent for this subject in this scope.
    pub fn stop_subject(&mut self, scope: impl Into<String>, subject: impl Into<String>) {
        self.effects.push(Effect::StopSubject { scope: scope.into(), subject: subject.into() });
    }

    /// Asks the outside; [`Plugin::on_fetched`] hears what came. While a request of the same scope and subject is
    /// under way, this changes nothing.
    pub fn fetch(&mut self, fetch: Fetch) {
        self.effects.push(Effect::Fetch(Box::new(fetch)));
    }

    /// Stores a picture or a file; the hash goes into a document.
    pub fn store_media(
        &mut self,
        content_type: impl Into<String>,
        file_name: impl Into<String>,
        content: Vec<u8>,
    ) -> MediaHash {
        let hash = MediaHash::of(&content);
        self.effects.push(Effect::StoreMedia {
            hash,
            content_type: content_type.into(),
            file_name: file_name.into(),
            content,
        });
        hash
    }

    /// Writes a line in the audit log. No personal data, no choice.
    pub fn audit(&mut self, action: impl Into<String>, subject: impl Into<String>, details: Value) {
        self.effects.push(Effect::Audit { action: action.into(), subject: subject.into(), details });
    }

    /// Says that the event being handled, and what awaits the caller's text, show a choice in `scope`.
    pub fn reveals_choice(&mut self, scope: impl Into<String>) {
        self.effects.push(Effect::RevealsChoice { scope: scope.into() });
    }

    /// Blanks everything the core stores that shows a choice in `scope`: events, prompts, message bodies,
    /// transcripts. Then vacuums what held them, and `tables` of the plugin's own schema.
    pub fn forget_choices(&mut self, scope: impl Into<String>, tables: &[&str]) {
        self.effects.push(Effect::ForgetChoices {
            scope: scope.into(),
            tables: tables.iter().map(|&table| table.to_owned()).collect(),
        });
    }
}

/// What a call asks for. Owned data, so that a sandboxed host could carry the same contract.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    Reply(Reply),
    Send(Box<Outgoing>),
    Edit(Edit),
    ClosePoll(ClosePoll),
    Await { name: String, until: DateTime<Utc> },
    StopAwaiting,
    Schedule(Fire),
    CancelFire { scope: String, subject: String },
    Cancel { scope: String, subject: Option<String> },
    StopSubject { scope: String, subject: String },
    Fetch(Box<Fetch>),
    StoreMedia { hash: MediaHash, content_type: String, file_name: String, content: Vec<u8> },
    Audit { action: String, subject: String, details: Value },
    RevealsChoice { scope: String },
    ForgetChoices { scope: String, tables: Vec<String> },
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
            variables: serde_json::Map::new(),
            purpose,
            lane: if matches!(to, Recipient::Consenting) { Lane::Bulk } else { Lane::Normal },
            scope: scope.into(),
            subject: String::new(),
            not_before: None,
            not_after: None,
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
    /// The person, in the conversation they last used.
    Contact(ContactId),
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

/// Where a plugin stands, for `plugins list`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    Registered,
    Starting,
    Running,
    /// It failed lately and is still called.
    Degraded,
    /// It is no longer called until an operator enables it.
    Disabled,
    Draining,
    Stopped,
}

impl PluginState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Disabled => "disabled",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}
