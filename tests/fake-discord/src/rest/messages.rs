//! Messages: made, listed, changed, removed, pinned.

use serde_json::{Value, json};

use super::{Asked, Reply, checks};
use crate::model::{ChannelKind, Message, Poll};
use crate::world::{ChannelId, MessageId, UserId, World};

const HOUR_MILLIS: i64 = 3_600_000;

impl World {
    /// The channel, when the bot can write there.
    pub(super) fn open_channel(&self, channel: &str) -> Result<ChannelId, Reply> {
        let known = channel.parse().ok().and_then(|id: ChannelId| self.channels.get(&id));
        let Some(channel) = known else { return Err(Reply::refused(404, 10003, "Unknown Channel")) };
        let ChannelKind::Direct { person } = channel.kind else { return Ok(channel.id) };
        match self.users.get(&person) {
            Some(user) if !user.takes_messages => Err(Reply::refused(403, 50007, "Cannot send messages to this user")),
            Some(user) if !user.shares_server => {
                Err(Reply::refused(403, 50278, "Cannot send messages to this user due to having no mutual guilds"))
            }
            _ => Ok(channel.id),
        }
    }

    pub(super) fn create_message(&mut self, channel: &str, asked: &Asked) -> Reply {
        let channel = match self.open_channel(channel) {
            Ok(channel) => channel,
            Err(refused) => return refused,
        };
        if let Err(refused) = checks::message(asked, &asked.body, true) {
            return refused;
        }
        let nonce = asked.body["nonce"].as_str().map(str::to_owned);
        if let Some(nonce) = nonce.as_deref().filter(|_| asked.body["enforce_nonce"] == true)
            && let Some(made) = self.made_with(channel, nonce)
        {
            return match self.message(channel, made) {
                Some(message) => Reply::ok(self.with_nonce(&message.clone())),
                None => Reply::refused(404, 10008, "Unknown Message"),
            };
        }
        let mut message = self.written(channel, self.bot, asked);
        message.nonce.clone_from(&nonce);
        self.count_pings(&asked.body);
        let json = self.with_nonce(&message);
        let id = self.add_message(message);
        if let Some(nonce) = nonce {
            self.remember_nonce(channel, &nonce, id);
        }
        Reply::ok(json)
    }

    fn with_nonce(&self, message: &Message) -> Value {
        let mut json = self.message_json(message);
        if let Some(nonce) = &message.nonce {
            json["nonce"] = json!(nonce);
        }
        json
    }

    /// The message that a request's body makes.
    pub(super) fn written(&mut self, channel: ChannelId, author: UserId, asked: &Asked) -> Message {
        let body = &asked.body;
        let id = self.next_id();
        Message {
            id,
            channel,
            author,
            // Discord takes away blanks at both ends.
            content: body["content"].as_str().unwrap_or_default().trim().to_owned(),
            components: numbered(&body["components"]),
            attachments: self.attached(asked),
            poll: body["poll"].is_object().then(|| poll(&body["poll"], self.now_millis)),
            flags: body["flags"].as_u64().unwrap_or_default(),
            mentions: Vec::new(),
            nonce: None,
            edited_millis: None,
            sent_millis: self.now_millis,
            only_for: None,
            webhook: false,
        }
    }

    pub(super) fn attached(&mut self, asked: &Asked) -> Value {
        let described = checks::list(&asked.body["attachments"]);
        let files = asked.files.iter().enumerate().map(|(index, file)| {
            let url = format!("https://cdn.discordapp.com/attachments/1/{}/{}", self.next_id(), file.name);
            json!({
                "id": self.next_id().to_string(), "filename": file.name, "size": file.bytes, "url": url,
                "proxy_url": url, "content_type": file.content_type,
                "description": described.get(index).map(|attachment| attachment["description"].clone()),
            })
        });
        Value::Array(files.collect())
    }

    /// Who would be notified (docs: Allowed Mentions): without the field, everybody who is named.
    fn count_pings(&mut self, body: &Value) {
        let content = body["content"].as_str().unwrap_or_default();
        let parses = |kind: &str| match body["allowed_mentions"]["parse"].as_array() {
            Some(parse) => parse.iter().any(|parsed| parsed == kind),
            None => true,
        };
        if (content.contains("@everyone") || content.contains("@here")) && parses("everyone") {
            self.pings += self.users.len();
        }
        if content.contains("<@") && parses("users") {
            self.pings += 1;
        }
    }

    pub(super) fn list_messages(&self, channel: &str, asked: &Asked) -> Reply {
        let Some(channel) = channel.parse().ok().and_then(|id: ChannelId| self.channels.get(&id)) else {
            return Reply::refused(404, 10003, "Unknown Channel");
        };
        let limit = asked.number("limit").unwrap_or(50);
        if !(1..=100).contains(&limit) {
            return Reply::invalid("limit", "int value should be between 1 and 100.");
        }
        let after = asked.number("after").unwrap_or_default();
        let listed = channel.messages.iter().filter(|message| message.id > after && message.only_for.is_none());
        let mut listed: Vec<&Message> = listed.collect();
        // After an id the oldest come, otherwise the latest; in both cases the latest first.
        if asked.query("after").is_none() {
            listed.reverse();
        }
        listed.truncate(usize::try_from(limit).unwrap());
        listed.sort_by_key(|message| std::cmp::Reverse(message.id));
        Reply::ok(Value::Array(listed.into_iter().map(|message| self.message_json(message)).collect()))
    }

    pub(super) fn find_message(&self, channel: &str, message: &str) -> Result<(ChannelId, MessageId), Reply> {
        let (Ok(channel), Ok(message)) = (channel.parse(), message.parse()) else {
            return Err(Reply::refused(404, 10008, "Unknown Message"));
        };
        match self.message(channel, message) {
            _ if !self.channels.contains_key(&channel) => Err(Reply::refused(404, 10003, "Unknown Channel")),
            Some(found) if found.only_for.is_none() => Ok((channel, message)),
            _ => Err(Reply::refused(404, 10008, "Unknown Message")),
        }
    }

    pub(super) fn get_message(&self, channel: &str, message: &str) -> Reply {
        match self.find_message(channel, message) {
            Ok((channel, message)) => {
                Reply::ok(self.message(channel, message).map(|message| self.message_json(message)).unwrap_or_default())
            }
            Err(refused) => refused,
        }
    }

    pub(super) fn edit_message(&mut self, channel: &str, message: &str, body: &Value) -> Reply {
        let (channel, message) = match self.find_message(channel, message) {
            Ok(found) => found,
            Err(refused) => return refused,
        };
        let known = self.message(channel, message);
        if known.is_some_and(|message| message.author != self.bot) {
            return Reply::refused(403, 50005, "Cannot edit a message authored by another user");
        }
        if known.is_some_and(|message| message.poll.is_some()) {
            return Reply::refused(400, 520_003, "Cannot edit a poll message");
        }
        let asked = Asked {
            method: String::new(),
            path: String::new(),
            query: String::new(),
            body: body.clone(),
            files: Vec::new(),
        };
        if let Err(refused) = checks::message(&asked, body, false) {
            return refused;
        }
        Reply::ok(self.change_message(channel, message, body))
    }

    /// Fields that are not named stay as they are.
    pub(super) fn change_message(&mut self, channel: ChannelId, message: MessageId, body: &Value) -> Value {
        let now = self.now_millis;
        if let Some(message) = self.message_mut(channel, message) {
            if let Some(content) = body["content"].as_str() {
                message.content = content.trim().to_owned();
            }
            if body["components"].is_array() {
                message.components = numbered(&body["components"]);
            }
            message.edited_millis = Some(now);
        }
        let changed = self.message(channel, message).cloned();
        changed.map(|message| self.message_json(&message)).unwrap_or_default()
    }

    pub(super) fn delete_message(&mut self, channel: &str, message: &str) -> Reply {
        match self.find_message(channel, message) {
            Ok((channel, message)) => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.messages.retain(|known| known.id != message);
                }
                Reply::nothing()
            }
            Err(refused) => refused,
        }
    }

    pub(super) fn pin(&mut self, channel: &str, message: &str) -> Reply {
        match self.find_message(channel, message) {
            Ok((channel, message)) => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.pins.push(message);
                }
                Reply::nothing()
            }
            Err(refused) => refused,
        }
    }
}

fn poll(poll: &Value, now_millis: i64) -> Poll {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hours = i64::try_from(poll["duration"].as_u64().unwrap_or(24)).unwrap();
    Poll {
        question: text(&poll["question"]["text"]),
        answers: checks::list(&poll["answers"]).iter().map(|answer| text(&answer["poll_media"]["text"])).collect(),
        several: poll["allow_multiselect"] == true,
        expires_millis: now_millis + hours * HOUR_MILLIS,
        votes: Vec::new(),
        closed: false,
        finalised: false,
    }
}

/// Discord numbers every component.
pub(super) fn numbered(components: &Value) -> Value {
    let mut next = 0;
    let mut rows = checks::list(components);
    for row in &mut rows {
        next += 1;
        row["id"] = json!(next);
        for part in row["components"].as_array_mut().into_iter().flatten() {
            next += 1;
            part["id"] = json!(next);
        }
    }
    Value::Array(rows)
}
