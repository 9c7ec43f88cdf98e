//! The contract between crieur and a chat platform.
//!
//! An adapter is a translator. It never sleeps, loops over retries or queues: pacing, order, retries and
//! idempotency belong to the outbox, which reads the adapter's [`Verdict`]. It keeps nothing but what it puts in its
//! [`AccountState`]. The suite in [`crate::conformance`] holds every adapter to this.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::action::{ActionPayload, ActionToken};
use crate::clock::{Clock, Random};
use crate::ids::{AccountId, Address, DeliveryId, OrganisationId, Platform};
use crate::intake::Intake;
use crate::locale::Locale;
use crate::message::{Capabilities, Document, Layout, Part};
use crate::redacted::Redacted;
use crate::store::account_state::AccountState;
use crate::store::media::{Media, MediaStore};

/// What the composition root hands to an adapter when it builds one.
#[derive(Clone, Debug)]
pub struct AdapterContext {
    pub account: AccountId,
    /// The adapter's only memory.
    pub state: AccountState,
    pub media: MediaStore,
    pub clock: Clock,
    pub random: Random,
}

impl AdapterContext {
    /// For an operator's command, which looks at an account without running it.
    pub fn outside_service(pool: PgPool, organisation: OrganisationId, account: AccountId) -> Self {
        let clock = Clock::system();
        Self {
            account,
            state: AccountState::new(pool.clone(), organisation, account, clock.clone()),
            media: MediaStore::new(pool, organisation),
            clock,
            random: Random::from_os(),
        }
    }
}

#[async_trait]
pub trait Adapter: Send + Sync + 'static {
    /// The platform's name, also the scheme of the addresses it reports.
    fn platform(&self) -> Platform;

    /// How surely one address here is one account holder.
    fn assurance(&self) -> Assurance;

    /// For how long a repeated `send` with the same key is recognised by the platform. Zero: never, so a send of
    /// unknown outcome is not tried again.
    fn idempotent_for(&self) -> TimeDelta;

    /// How long the platform keeps what people press while nobody takes it, where that is shorter than an outage may
    /// be: afterwards they are asked again. `None` where it is kept.
    fn presses_kept_for(&self) -> Option<TimeDelta> {
        None
    }

    /// The limits that hold here before the platform has to say "too many".
    fn pacing(&self) -> Pacing;

    /// Values that must not appear in any output of the process.
    fn secrets(&self) -> Vec<Redacted<String>>;

    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities;

    /// Lays a document out in parts that this conversation can show. Pure: no I/O, no clock, no randomness; the
    /// same document gives the same bytes on every try. Templates are already filled.
    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout;

    /// Receives events until `stop`, handing each batch to `intake` and moving the cursor only in the same call.
    ///
    /// # Errors
    /// When this account cannot go on; the runner starts it again after a pause unless the reason is final.
    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError>;

    /// Sends one part: exactly one platform call that creates a message.
    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds>;

    /// Replaces a message sent before. A platform that says "nothing changed" has done it.
    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds>;

    /// Removes a message sent before. One that is already gone counts as removed.
    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()>;

    /// Pins a message sent before.
    async fn pin(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()>;

    /// Finds or opens the direct conversation with an address.
    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor>;

    /// Gives the platform a file once; its name there is reused for every recipient.
    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId>;

    /// Tells the platform that an event was taken (or not), where it waits for that. `token` is what the adapter
    /// put in [`InboundEvent::acknowledgement`].
    async fn acknowledge(&self, token: &Value, acknowledgement: Acknowledgement) -> Verdict<()>;

    /// Looks up whether a send of unknown outcome arrived, once its idempotency window has passed. `Sent` when it
    /// is there, `Retry` when it surely is not, `Unknown` when the platform cannot tell.
    async fn reconcile(&self, request: &SendRequest<'_>, since: DateTime<Utc>) -> Verdict<RemoteIds>;

    /// Registers the command menu, where the platform has one.
    async fn publish_commands(&self, menus: &[CommandMenu]) -> Verdict<()>;

    /// Closes a native poll that [`Adapter::send`] made of a [`Body::Poll`](crate::message::Body::Poll), and says
    /// what the platform counted. One that is closed already is only counted.
    async fn close_poll(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<PollCounts>;

    /// Where a person opens a private conversation with this account. `payload` is what the bot should hear first,
    /// 1 to 64 of `A-Z a-z 0-9 _ -` (Telegram's rule, the narrowest): where the platform can carry it, the adapter
    /// reports it as the text `/start <payload>`. `None` until the platform has said who we are, and where there are
    /// no such links.
    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink>;

    /// Whether this person moderates this room on the platform: may remove what others write there, or more. Asked for
    /// what is theirs to decide only, and never of a direct conversation. `Sent(false)` where there is no such thing.
    async fn moderates(&self, _room: &ConversationRef, _person: &Address) -> Verdict<bool> {
        Verdict::Sent(false)
    }

    /// Whether single votes in native polls, and reactions, are reported as [`InboundKind::PollVote`] and
    /// [`InboundKind::Reaction`] with who did it. Where they are not, a poll is only counted.
    fn reports_votes(&self) -> bool {
        false
    }

    /// Looks at each step of setting up the account on its platform, for `crieur doctor`: the token, the rights, the
    /// rooms. Asks the platform, but needs no [`Adapter::run`] and changes nothing.
    async fn examine(&self) -> Vec<Finding>;

    fn health(&self) -> AccountHealth;
}

/// See [`Adapter::private_link`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PrivateLink {
    pub url: String,
    /// The bot hears the payload when the link is followed. Else the person has to write it.
    pub carries_payload: bool,
}

/// What a platform counted in a native poll.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PollCounts {
    /// Votes for each option, in the order they were asked.
    pub options: Vec<u32>,
    /// Who voted, where the platform says: with several answers each, fewer than the votes.
    pub voters: Option<u32>,
}

/// One step of setting up an account, and what was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was looked at, in a few words: `token`, `message content intent`.
    pub step: String,
    pub ok: bool,
    pub found: String,
    /// What to do, where something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    pub fn fine(step: impl Into<String>, found: impl Into<String>) -> Self {
        Self { step: step.into(), ok: true, found: found.into(), remedy: None }
    }

    pub fn wrong(step: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step: step.into(), ok: false, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// How surely one participant behind an address is counted once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A browser session: whoever opens a second browser is a second participant.
    Session,
    /// An account on a platform.
    Account,
    /// A code handed out once to each person.
    Code,
}

impl Assurance {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Account => "account",
            Self::Code => "code",
        }
    }
}

impl std::str::FromStr for Assurance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "session" => Ok(Self::Session),
            "account" => Ok(Self::Account),
            "code" => Ok(Self::Code),
            other => Err(format!("`{other}` is not an assurance: write session, account or code")),
        }
    }
}

/// The answer to one platform call. The outbox decides what follows; nothing else retries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict<T> {
    /// Done.
    Sent(T),
    /// Not done, and not before `after`. Uses up no attempt.
    Throttled { after: TimeDelta, scope: Option<GateScope> },
    /// Nothing was written: safe to try again.
    Retry { reason: String },
    /// It may or may not have arrived.
    Unknown { reason: String },
    /// The conversation lives elsewhere now.
    Moved { to: ConversationDescriptor },
    /// The person blocked us, left, or is gone.
    RecipientStopped { reason: String },
    /// The platform will never take this.
    Rejected { reason: String },
    /// The account itself is refused: token revoked, suspended.
    AccountDead { reason: String },
}

/// What a gate bars. Without a scope a throttle is taken for the conversation; a second one from another
/// conversation inside the window bars the account. Of `open_direct` and `upload` it is taken for the route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateScope {
    /// Everything from this machine to the platform.
    Host,
    Account,
    /// Calls of this kind only: opening direct conversations, uploading.
    Route,
    Conversation,
}

impl GateScope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Account => "account",
            Self::Route => "route",
            Self::Conversation => "conversation",
        }
    }
}

/// Limits known beforehand. `None` where the platform states none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pacing {
    /// Over the whole account.
    pub account: Option<Rate>,
    /// In one direct conversation.
    pub conversation: Option<Rate>,
    /// In one group or channel.
    pub group: Option<Rate>,
    /// Opening direct conversations, over the whole account.
    pub opening: Option<Rate>,
}

/// A token bucket: `burst` calls at once, then one per `interval`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    pub burst: u32,
    pub interval: TimeDelta,
}

/// A conversation as the platform names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationRef {
    pub kind: ConversationKind,
    pub platform_ref: Redacted<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    Direct,
    Group,
    Channel,
    Thread,
}

impl ConversationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
            Self::Thread => "thread",
        }
    }
}

impl std::str::FromStr for ConversationKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "direct" => Ok(Self::Direct),
            "group" => Ok(Self::Group),
            "channel" => Ok(Self::Channel),
            "thread" => Ok(Self::Thread),
            other => Err(format!("`{other}` is not a kind of conversation")),
        }
    }
}

/// A conversation an adapter tells us about.
pub type ConversationDescriptor = ConversationRef;

/// One call of [`Adapter::send`] or [`Adapter::edit`].
#[derive(Debug)]
pub struct SendRequest<'r> {
    pub conversation: &'r ConversationRef,
    pub part: &'r Part,
    pub delivery: DeliveryId,
    pub index: u16,
    /// The platform's name for the part's media, when [`Adapter::upload`] gave one.
    pub media: Option<&'r RemoteMediaId>,
    pub locale: Locale,
    /// The acknowledgement token of the event this answers, while it is still held.
    pub in_reply_to: Option<&'r Value>,
    /// The part shows somebody's choice: an adapter that stores it must store it under this scope.
    pub reveals: Option<&'r str>,
}

impl SendRequest<'_> {
    /// Stable over retries, unique per part: at most 25 ASCII characters.
    pub fn idempotency_key(&self) -> String {
        self.delivery.part_key(self.index)
    }
}

/// What the platform calls the messages that one part became.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RemoteIds(pub Vec<String>);

/// What the platform calls an uploaded file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RemoteMediaId(pub String);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledgement {
    /// Taken and answered.
    Handled,
    /// Taken; the answer will follow.
    Deferred,
    /// Not taken: the person should press again.
    TryAgain,
}

/// One event of the platform, for the inbox.
#[derive(Clone, Debug)]
pub struct InboundEvent {
    /// Unique for ever on this account, at most 200 bytes: the platform's own event id where it has one.
    pub dedupe_key: String,
    pub conversation: ConversationDescriptor,
    /// Who did it; `None` for what the platform itself reports.
    pub actor: Option<Actor>,
    pub kind: InboundKind,
    /// How to acknowledge it, and to answer in its place: a secret of the platform.
    pub acknowledgement: Option<Value>,
}

#[derive(Clone, Debug)]
pub struct Actor {
    pub address: Address,
    /// The language the platform says the person uses.
    pub locale: Option<Locale>,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InboundKind {
    /// Somebody wrote. A text that begins with `/` is a command.
    Text { text: Redacted<String> },
    /// Somebody pressed one of our buttons.
    Action { token: ActionToken },
    /// A conversation is open to us: started, joined, unblocked.
    Opened,
    /// It no longer is: blocked, left, kicked, deleted.
    Closed,
    /// It goes on under another name.
    Moved { to_platform_ref: Redacted<String> },
    /// A reaction on a message of ours, readable by everyone there: never a ballot of an anonymous consultation.
    /// `message` is one of the [`RemoteIds`] of the part it hangs on.
    Reaction { message: String, key: String, removed: bool },
    /// What somebody now votes in a native poll of ours, readable by everyone there; empty when taken back. A pulse
    /// is counted by [`Adapter::close_poll`], so only what may be a named ballot needs to be reported.
    PollVote { message: String, options: Vec<u16> },
}

impl InboundKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Action { .. } => "action",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Moved { .. } => "moved",
            Self::Reaction { .. } => "reaction",
            Self::PollVote { .. } => "poll_vote",
        }
    }
}

/// The command menu in one language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandMenu {
    pub locale: Locale,
    pub entries: Vec<CommandMenuEntry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandMenuEntry {
    /// `[a-z0-9_]{1,32}`, without the slash.
    pub name: String,
    pub summary: String,
}

/// How an account is doing, for `/health/ready`, `doctor` and the metrics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AccountHealth {
    Starting,
    Ready,
    /// Working, but something needs a look.
    Degraded {
        reason: String,
    },
    /// Sends, but may not hear or understand what people say: not ready.
    Impaired {
        reason: String,
    },
    /// Sends nothing: not ready.
    Failed {
        reason: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The runner starts the account again after a pause.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Starting again would not help: a person has to act.
    #[error("{0}")]
    Refused(String),
}
