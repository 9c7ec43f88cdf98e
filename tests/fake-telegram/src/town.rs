//! Everything the fake remembers: people, chats, messages, and what the bot has set.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::call::{Call, File};
use crate::clock::FakeClock;
use crate::fault::{Fault, Refused};
use crate::limits::{Rates, mentions};
use crate::queue::Queue;
use crate::webhook::Webhook;

pub(crate) const BOT_ID: i64 = 7_000_000_001;
pub(crate) const BOT_USERNAME: &str = "TrifouillyBot";

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub language: String,
    /// They have written to the bot at least once.
    pub started: bool,
    pub blocked: bool,
    pub deactivated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChatKind {
    Private,
    Group,
    Supergroup { forum: bool },
    Channel,
}

#[derive(Debug)]
pub(crate) struct Chat {
    pub kind: ChatKind,
    pub title: String,
    pub bot_inside: bool,
    pub migrated_to: Option<i64>,
    /// As the Bot API shows them, the bot's own and people's.
    pub messages: BTreeMap<i64, Value>,
    pub pinned: Vec<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Poll {
    pub chat: i64,
    pub message: i64,
    pub question: String,
    pub options: Vec<String>,
    pub multiple: bool,
    pub anonymous: bool,
    pub closed: bool,
    /// Who chose what.
    pub votes: BTreeMap<i64, Vec<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Press {
    pub at: Duration,
    /// What the bot said to the person: `None` until it did.
    pub answer: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Town {
    pub token: String,
    pub clock: FakeClock,
    pub people: BTreeMap<i64, Person>,
    pub chats: BTreeMap<i64, Chat>,
    /// Of each chat, beside its creator, who is nobody here.
    pub administrators: BTreeSet<(i64, i64)>,
    pub polls: BTreeMap<String, Poll>,
    pub presses: HashMap<String, Press>,
    pub files: HashMap<String, File>,
    pub menus: BTreeMap<(String, String), Value>,
    pub queue: Queue,
    pub webhook: Option<Webhook>,
    pub last_webhook_error: Option<(u64, String)>,
    pub deliver_twice: bool,
    pub faults: HashMap<String, VecDeque<Fault>>,
    pub rates: Rates,
    pub revoked: bool,
    pub can_join_groups: bool,
    pub reads_all_group_messages: bool,
    pub calls: Vec<Call>,
    /// Every update that was handed over, for the judges.
    pub given: Vec<Value>,
    /// Rung whenever an update arrives, a poll is taken over, or the webhook changes.
    pub bell: watch::Sender<u64>,
    last_id: i64,
}

impl Town {
    pub(crate) fn new(token: String, clock: FakeClock) -> Self {
        Self {
            token,
            clock,
            people: BTreeMap::new(),
            administrators: BTreeSet::new(),
            chats: BTreeMap::new(),
            polls: BTreeMap::new(),
            presses: HashMap::new(),
            files: HashMap::new(),
            menus: BTreeMap::new(),
            queue: Queue::default(),
            webhook: None,
            last_webhook_error: None,
            deliver_twice: false,
            faults: HashMap::new(),
            rates: Rates::default(),
            revoked: false,
            can_join_groups: true,
            reads_all_group_messages: false,
            calls: Vec::new(),
            given: Vec::new(),
            bell: watch::Sender::new(0),
            last_id: 100,
        }
    }

    pub(crate) fn ring(&self) {
        self.bell.send_modify(|count| *count += 1);
    }

    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn bot() -> Value {
        json!({ "id": BOT_ID, "is_bot": true, "first_name": "Trifouilly", "username": BOT_USERNAME })
    }

    pub(crate) fn user(&self, id: i64) -> Value {
        let language = self.people.get(&id).map_or("fr", |person| person.language.as_str());
        json!({ "id": id, "is_bot": false, "first_name": format!("Personne {id}"), "language_code": language })
    }

    /// Meets a person for the first time, with their private chat.
    pub(crate) fn meet(&mut self, id: i64) -> &mut Person {
        self.chats.entry(id).or_insert_with(|| Chat::new(ChatKind::Private, format!("Personne {id}")));
        self.people.entry(id).or_insert_with(|| Person {
            language: "fr".to_owned(),
            started: false,
            blocked: false,
            deactivated: false,
        })
    }

    pub(crate) fn chat_object(&self, id: i64) -> Value {
        let Some(chat) = self.chats.get(&id) else { return json!({ "id": id, "type": "private" }) };
        let title = &chat.title;
        match chat.kind {
            ChatKind::Private => json!({ "id": id, "type": "private", "first_name": title }),
            ChatKind::Group => json!({ "id": id, "type": "group", "title": title }),
            ChatKind::Supergroup { forum: false } => json!({ "id": id, "type": "supergroup", "title": title }),
            ChatKind::Supergroup { forum: true } => {
                json!({ "id": id, "type": "supergroup", "title": title, "is_forum": true })
            }
            ChatKind::Channel => json!({ "id": id, "type": "channel", "title": title }),
        }
    }

    /// The chat that the bot wants to write in, or why it cannot.
    pub(crate) fn writable(&mut self, id: i64) -> Result<&mut Chat, Refused> {
        if let Some(person) = self.people.get(&id) {
            if person.deactivated {
                return Err(Refused::forbidden("user is deactivated"));
            }
            if person.blocked {
                return Err(Refused::forbidden("bot was blocked by the user"));
            }
            if !person.started {
                return Err(Refused::forbidden("bot can't initiate conversation with a user"));
            }
        }
        let Some(chat) = self.chats.get_mut(&id) else { return Err(Refused::bad_request("chat not found")) };
        if let Some(to) = chat.migrated_to {
            return Err(Refused::migrated(to));
        }
        if !chat.bot_inside {
            return Err(match chat.kind {
                ChatKind::Channel => Refused::forbidden("bot is not a member of the channel chat"),
                ChatKind::Supergroup { .. } => Refused::forbidden("bot was kicked from the supergroup chat"),
                ChatKind::Group | ChatKind::Private => Refused::forbidden("bot was kicked from the group chat"),
            });
        }
        Ok(chat)
    }

    /// A message as everyone sees it, from the bot or from a person.
    pub(crate) fn message(&mut self, chat: i64, from: Value, content: Value) -> Value {
        let (message_id, date) = (self.next_id(), self.clock.unix());
        let mut message =
            json!({ "message_id": message_id, "date": date, "chat": self.chat_object(chat), "from": from });
        if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
            message.extend(content);
        }
        if let Some(chat) = self.chats.get_mut(&chat) {
            chat.messages.insert(message_id, message.clone());
        }
        message
    }

    pub(crate) fn poll_object(&self, id: &str) -> Value {
        let Some(poll) = self.polls.get(id) else { return Value::Null };
        let options: Vec<Value> = poll
            .options
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let votes = poll.votes.values().filter(|chosen| chosen.contains(&index)).count();
                json!({ "persistent_id": format!("option-{index}"), "text": text, "voter_count": votes })
            })
            .collect();
        json!({
            "id": id, "question": poll.question, "options": options,
            "total_voter_count": poll.votes.values().filter(|chosen| !chosen.is_empty()).count(),
            "is_closed": poll.closed, "is_anonymous": poll.anonymous, "type": "regular",
            "allows_multiple_answers": poll.multiple, "allows_revoting": true, "members_only": false,
        })
    }

    /// Shows a poll's state under its message, and tells the bot.
    pub(crate) fn tell_poll(&mut self, id: &str) {
        let object = self.poll_object(id);
        let Some(poll) = self.polls.get(id) else { return };
        let message = self.chats.get_mut(&poll.chat).and_then(|chat| chat.messages.get_mut(&poll.message));
        if let Some(message) = message {
            message["poll"] = object.clone();
        }
        self.report("poll", object, &format!("poll {id}"));
    }

    /// Puts an update in the bot's queue.
    pub(crate) fn report(&mut self, kind: &str, content: Value, order: &str) {
        self.queue.push(kind, content, order, self.clock.now());
        self.ring();
    }
}

impl Chat {
    pub(crate) fn new(kind: ChatKind, title: String) -> Self {
        Self { kind, title, bot_inside: true, migrated_to: None, messages: BTreeMap::new(), pinned: Vec::new() }
    }
}

/// The entities of a text as its readers see them: those given, and the mentions that Telegram finds by itself.
pub(crate) fn shown_entities(text: &str, given: Vec<Value>) -> Vec<Value> {
    let covered = |offset: usize| {
        given.iter().any(|entity| {
            let number =
                |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            let link = matches!(entity["type"].as_str(), Some("text_link" | "code" | "pre"));
            link && (number("offset")..number("offset") + number("length")).contains(&offset)
        })
    };
    let found: Vec<Value> = mentions(text)
        .into_iter()
        .filter(|(offset, _)| !covered(*offset))
        .map(|(offset, length)| json!({ "type": "mention", "offset": offset, "length": length }))
        .collect();
    given.into_iter().chain(found).collect()
}
