//! What Telegram reports, read as far as it matters here, and the event it becomes.
//!
//! The types are our own on purpose. teloxide's are closed: at 9.1, one entity of a newer API in a citizen's message
//! and it reads a message without words (a test in `events.rs` shows it). The few fields read here have not changed
//! since 2020, and whatever stands beside them is ignored.

mod events;

use bot_core::adapter::InboundEvent;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::polls::Counts;

/// What this account asks for. Edited messages change nothing, and native polls are anonymous, so neither edits nor
/// poll answers are wanted.
pub(crate) const WANTED: [teloxide::types::AllowedUpdate; 4] = [
    teloxide::types::AllowedUpdate::Message,
    teloxide::types::AllowedUpdate::CallbackQuery,
    teloxide::types::AllowedUpdate::Poll,
    teloxide::types::AllowedUpdate::MyChatMember,
];

/// Who we are on Telegram.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Me {
    pub id: i64,
    pub username: String,
    #[serde(default)]
    pub can_join_groups: bool,
    /// Privacy mode is off.
    #[serde(default)]
    pub can_read_all_group_messages: bool,
}

/// One update: its number, and what it says if it is of a kind that is read here.
// Words of people are in here: it cannot be printed.
pub(crate) struct Update {
    pub id: i64,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Message(Box<Message>),
    CallbackQuery(Box<CallbackQuery>),
    MyChatMember(MyChatMember),
    Poll(Poll),
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
    #[serde(rename = "type")]
    kind: ChatKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
}

#[derive(Debug, Deserialize)]
struct User {
    id: i64,
    #[serde(default)]
    is_bot: bool,
    language_code: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    message_id: i64,
    chat: Chat,
    from: Option<User>,
    /// Set when a channel or an anonymous administrator speaks: no person.
    sender_chat: Option<Value>,
    text: Option<String>,
    caption: Option<String>,
    message_thread_id: Option<i32>,
    #[serde(default)]
    is_topic_message: bool,
    reply_to_message: Option<RepliedTo>,
    migrate_to_chat_id: Option<i64>,
    migrate_from_chat_id: Option<i64>,
}

#[derive(Deserialize)]
struct RepliedTo {
    from: Option<User>,
}

#[derive(Deserialize)]
struct CallbackQuery {
    id: String,
    from: User,
    message: Option<Pressed>,
    data: Option<String>,
}

/// The message under which a button was pressed; an old one has hardly more than its chat.
#[derive(Deserialize)]
struct Pressed {
    chat: Chat,
    message_thread_id: Option<i32>,
    #[serde(default)]
    is_topic_message: bool,
}

#[derive(Debug, Deserialize)]
struct MyChatMember {
    chat: Chat,
    from: User,
    date: i64,
    old_chat_member: Membership,
    new_chat_member: Membership,
}

#[derive(Debug, Deserialize)]
struct Membership {
    status: String,
    is_member: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Poll {
    pub id: String,
    pub options: Vec<PollOption>,
    pub total_voter_count: u32,
    #[serde(default)]
    pub is_closed: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PollOption {
    pub voter_count: u32,
}

/// What an update comes down to.
#[derive(Debug)]
pub(crate) enum Reported {
    Event(InboundEvent),
    /// How one of our polls stands, by its name.
    Poll(String, Counts),
    /// Nothing for us.
    Nothing,
    /// It is of a kind, or in a shape, that is not known here.
    Unreadable,
}

impl Update {
    /// `None` when there is not even a number.
    pub(crate) fn read(update: &Value) -> Option<Self> {
        let id = update.get("update_id")?.as_i64()?;
        let named = ["message", "callback_query", "my_chat_member", "poll"]
            .into_iter()
            .find_map(|name| update.get(name).map(|value| json!({ name: value })));
        Some(Self { id, content: named.and_then(|content| serde_json::from_value(content).ok()) })
    }

    pub(crate) fn report(self, me: &Me) -> Reported {
        let event = match self.content {
            None => return Reported::Unreadable,
            Some(Content::Poll(poll)) => {
                let counts = Counts::of(&poll);
                return Reported::Poll(poll.id, counts);
            }
            Some(Content::Message(message)) => message.event(me),
            Some(Content::CallbackQuery(query)) => query.event(),
            Some(Content::MyChatMember(change)) => change.event(self.id),
        };
        event.map_or(Reported::Nothing, Reported::Event)
    }
}
