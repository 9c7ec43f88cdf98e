//! The contract between crieur and a plugin.
//!
//! A plugin declares what it handles in its [`Manifest`] and is called inside one Postgres transaction: it reads
//! and writes its own schema through [`Context::sql`] and *asks* for everything else as effects. Effects are plain
//! data; they take effect when the transaction commits, together with the plugin's own rows, exactly once. A handler
//! that fails, panics or overruns leaves nothing behind.

mod context;
mod effects;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::context::Context;
pub use self::effects::{
    ClosePoll, Edit, Effect, Fire, Lane, Misfire, Note, Outgoing, Purpose, Recipient, Repeat, Reply,
};
use crate::action::ActionPayload;
use crate::adapter::{Assurance, ConversationKind, PollCounts};
use crate::calendar::sending::SendingRule;
pub use crate::fetch::{Fetch, FetchFailure, FetchMethod, FetchRequest, FetchResponse, Fetched};
use crate::ids::{AddressId, ContactId, ConversationId, DeliveryId, OrganisationId, Platform, PluginId};
use crate::locale::Locale;

/// Effects one call may ask for. More is a fault of the plugin: nothing of the call is kept.
pub const EFFECTS_MAX: usize = 64;
/// Messages of one [`Context::send_each`].
pub const SEND_EACH_MAX: usize = 1000;

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
    /// In a room whoever moderates it on its platform, and organisers; in private everyone: what concerns the place it
    /// is asked in is decided by whom the place belongs to.
    Moderators,
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
    /// [`Event::Noted`]: what other plugins told with [`Context::note`].
    Notes,
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
    /// Another plugin told something.
    Noted {
        by: PluginId,
        note: Note,
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

/// How a message of this plugin stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub subject: String,
    pub message_key: Option<String>,
    pub platform: Platform,
    /// The state's name, as in [`DeliveryOutcome::state`], or `planned`, `held`, `queued`, `leased`, `sending`.
    pub state: String,
    pub reason: Option<String>,
    /// Why it goes out, or went out, later than it was due: [`Reason`](crate::calendar::sending::Reason)s as stored.
    pub postponed: Option<Value>,
    pub due_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
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
    /// When it writes to people unasked. The core asks it again before each message; a plugin needs it to plan.
    pub sending_rule: SendingRule,
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
