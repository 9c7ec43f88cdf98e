//! What people do, and what they see.

use serde_json::{Value, json};

use crate::methods::reaches_the_bot;
use crate::server::Shared;
use crate::town::{BOT_ID, ChatKind, Press, Town};

/// A message of the bot as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub message_id: i64,
    /// The text, or the caption under a picture or file, or the poll's words.
    pub text: String,
    pub buttons: Vec<SeenButton>,
    /// As the Bot API shows it.
    pub message: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SeenButton {
    pub label: String,
    pub data: String,
}

impl Seen {
    fn of(message: &Value) -> Self {
        let poll = || {
            let question = message["poll"]["question"].as_str()?;
            let options = message["poll"]["options"].as_array()?.iter().filter_map(|option| option["text"].as_str());
            Some(std::iter::once(question).chain(options).collect::<Vec<_>>().join("\n"))
        };
        let words = message["text"].as_str().or(message["caption"].as_str()).map(str::to_owned).or_else(poll);
        let rows = message["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let buttons = rows.iter().filter_map(Value::as_array).flatten();
        let buttons =
            buttons.map(|button| SeenButton { label: text(&button["text"]), data: text(&button["callback_data"]) });
        Self {
            message_id: message["message_id"].as_i64().unwrap_or_default(),
            text: words.unwrap_or_default(),
            buttons: buttons.collect(),
            message: message.clone(),
        }
    }

    /// Kinds of the entities in the text, those found by Telegram among them.
    pub fn entity_kinds(&self) -> Vec<String> {
        let given = self.message["entities"].as_array().or(self.message["caption_entities"].as_array());
        let kind = |entity: &Value| entity["type"].as_str().unwrap_or_default().to_owned();
        given.map(|given| given.iter().map(kind).collect()).unwrap_or_default()
    }
}

/// What the bot did about a press.
#[derive(Clone, Debug, PartialEq)]
pub struct PressAnswer {
    pub text: String,
    pub show_alert: bool,
}

/// One person. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PersonHandle {
    pub(crate) shared: Shared,
    pub(crate) id: i64,
}

impl PersonHandle {
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Sets the language of their app.
    pub fn speaks(&self, language: &str) -> &Self {
        self.shared.town().meet(self.id).language = language.to_owned();
        self
    }

    /// They started the bot once, long ago.
    pub fn has_started(&self) -> &Self {
        self.shared.town().meet(self.id).started = true;
        self
    }

    /// Writes to the bot in private.
    pub fn says(&self, text: &str) {
        self.says_in(self.id, text);
    }

    /// Follows a private link with a payload.
    pub fn starts(&self, payload: &str) {
        self.says(format!("/start {payload}").trim());
    }

    /// Writes in a chat: their own with the bot, or a group.
    pub fn says_in(&self, chat: i64, text: &str) {
        self.speaks_up(chat, text, json!({}));
    }

    /// Writes in a topic of a forum.
    pub fn says_in_topic(&self, chat: i64, topic: i64, text: &str) {
        self.speaks_up(chat, text, json!({ "message_thread_id": topic, "is_topic_message": true }));
    }

    /// Answers a message in a group.
    pub fn replies(&self, chat: i64, message_id: i64, text: &str) {
        let replied_to = self.shared.town().chats.get(&chat).and_then(|chat| chat.messages.get(&message_id)).cloned();
        self.speaks_up(chat, text, json!({ "reply_to_message": replied_to }));
    }

    /// Writes as the group itself, as its anonymous administrators do.
    pub fn says_anonymously(&self, chat: i64, text: &str) {
        let group = self.shared.town().chat_object(chat);
        self.speaks_up(chat, text, json!({ "sender_chat": group }));
    }

    fn speaks_up(&self, chat: i64, text: &str, extra: Value) {
        let mut town = self.shared.town();
        let person = town.meet(self.id);
        if chat == self.id {
            person.started = true;
        }
        let user = if extra.get("sender_chat").is_some() {
            json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot" })
        } else {
            town.user(self.id)
        };
        let mut content = json!({ "text": text });
        if let (Some(content), Value::Object(extra)) = (content.as_object_mut(), extra) {
            content.extend(extra);
        }
        if text.starts_with('/') {
            let length = text.split_whitespace().next().unwrap_or_default().encode_utf16().count();
            content["entities"] = json!([{ "type": "bot_command", "offset": 0, "length": length }]);
        }
        let message = town.message(chat, user, content);
        if chat == self.id || reaches_the_bot(&town, text, message.get("reply_to_message")) {
            town.report("message", message, &format!("chat {chat}"));
        }
    }

    /// Presses the newest button that carries `data` in their chat with the bot. Returns the press's number, or
    /// `None` when there is no such button.
    pub fn presses(&self, data: &str) -> Option<String> {
        self.presses_in(self.id, data)
    }

    pub fn presses_in(&self, chat: i64, data: &str) -> Option<String> {
        let mut town = self.shared.town();
        town.meet(self.id);
        let messages = &town.chats.get(&chat)?.messages;
        let shows = |message: &&Value| Seen::of(message).buttons.iter().any(|button| button.data == data);
        let message = messages.values().rev().find(shows)?.clone();
        let id = format!("{}{:010}", self.id, town.next_id());
        let at = town.clock.now();
        town.presses.insert(id.clone(), Press { at, answer: None });
        let query = json!({ "id": id, "from": town.user(self.id), "message": message, "data": data,
                            "chat_instance": format!("{}", chat.wrapping_mul(31)) });
        town.report("callback_query", query, &format!("person {}", self.id));
        Some(id)
    }

    /// What the bot answered to a press; `None` while the button shows its waiting sign.
    pub fn answer_to(&self, press: &str) -> Option<PressAnswer> {
        let town = self.shared.town();
        let answer = town.presses.get(press)?.answer.clone()?;
        let text = answer["text"].as_str().unwrap_or_default().to_owned();
        Some(PressAnswer { text, show_alert: answer["show_alert"] == true })
    }

    pub fn blocks(&self) {
        self.changes_membership(true);
    }

    pub fn unblocks(&self) {
        self.changes_membership(false);
    }

    fn changes_membership(&self, blocked: bool) {
        let mut town = self.shared.town();
        town.meet(self.id).blocked = blocked;
        let statuses = if blocked { ["member", "kicked"] } else { ["kicked", "member"] };
        let user = town.user(self.id);
        membership_changes(&mut town, self.id, user, statuses);
    }

    /// Their account is deleted. Telegram tells nobody.
    pub fn disappears(&self) {
        self.shared.town().meet(self.id).deactivated = true;
    }

    /// Votes in the newest poll of their chat with the bot, or of `chat`; no options takes the vote back.
    pub fn votes_in(&self, chat: i64, options: &[usize]) {
        let mut town = self.shared.town();
        town.meet(self.id);
        let newest = town.polls.iter().filter(|(_, poll)| poll.chat == chat && !poll.closed);
        let Some(id) = newest.max_by_key(|(_, poll)| poll.message).map(|(id, _)| id.clone()) else { return };
        let Some(poll) = town.polls.get_mut(&id) else { return };
        poll.votes.insert(self.id, options.to_vec());
        let anonymous = poll.anonymous;
        town.tell_poll(&id);
        if !anonymous {
            let persistent: Vec<String> = options.iter().map(|option| format!("option-{option}")).collect();
            let answer = json!({ "poll_id": id, "user": town.user(self.id), "option_ids": options,
                                 "option_persistent_ids": persistent });
            town.report("poll_answer", answer, &format!("poll {id}"));
        }
    }
}

/// A group, supergroup, forum or channel. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GroupHandle {
    pub(crate) shared: Shared,
    pub(crate) id: i64,
}

impl GroupHandle {
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Somebody becomes an administrator.
    pub fn promotes(&self, person: i64) {
        let mut town = self.shared.town();
        town.meet(person);
        town.administrators.insert((self.id, person));
    }

    /// Somebody adds the bot.
    pub fn adds_the_bot(&self, by: i64) {
        self.changes(by, true);
    }

    /// Somebody removes it.
    pub fn kicks_the_bot(&self, by: i64) {
        self.changes(by, false);
    }

    fn changes(&self, by: i64, inside: bool) {
        let mut town = self.shared.town();
        town.meet(by);
        let user = town.user(by);
        let (id, statuses) = (self.id, if inside { ["left", "member"] } else { ["member", "kicked"] });
        let Some(chat) = town.chats.get_mut(&id) else { return };
        chat.bot_inside = inside;
        membership_changes(&mut town, id, user, statuses);
    }

    /// The group becomes a supergroup under another number, and tells so in both.
    pub fn migrates(&self) -> GroupHandle {
        let mut town = self.shared.town();
        let (from, to) = (self.id, -1_000_000_000_000 - town.next_id());
        let title = town.chats.get(&from).map(|chat| chat.title.clone()).unwrap_or_default();
        town.chats.insert(to, crate::town::Chat::new(ChatKind::Supergroup { forum: false }, title));
        let by = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot" });
        let old = town.message(from, by.clone(), json!({ "migrate_to_chat_id": to }));
        let new = town.message(to, by, json!({ "migrate_from_chat_id": from }));
        if let Some(chat) = town.chats.get_mut(&from) {
            chat.migrated_to = Some(to);
        }
        town.report("message", old, &format!("chat {from}"));
        town.report("message", new, &format!("chat {to}"));
        drop(town);
        GroupHandle { shared: self.shared.clone(), id: to }
    }
}

fn membership_changes(town: &mut Town, chat: i64, by: Value, [before, after]: [&str; 2]) {
    let member = |status: &str| {
        let mut member = json!({ "status": status, "user": Town::bot() });
        if status == "kicked" {
            member["until_date"] = json!(0);
        }
        member
    };
    let change = json!({ "chat": town.chat_object(chat), "from": by, "date": town.clock.unix(),
                         "old_chat_member": member(before), "new_chat_member": member(after) });
    town.report("my_chat_member", change, &format!("chat {chat}"));
}

/// What the bot has written in a chat, in order.
pub(crate) fn seen(town: &Town, chat: i64) -> Vec<Seen> {
    let Some(chat) = town.chats.get(&chat) else { return Vec::new() };
    chat.messages.values().filter(|message| message["from"]["id"] == BOT_ID).map(Seen::of).collect()
}
