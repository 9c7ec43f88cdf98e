//! The things in the world, and how Discord writes them.

use serde_json::{Value, json};

use crate::world::{ChannelId, GuildId, MessageId, UserId, World, timestamp};

pub(crate) const EPHEMERAL: u64 = 1 << 6;
pub(crate) const LOADING: u64 = 1 << 7;

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub id: UserId,
    pub name: String,
    pub locale: String,
    pub is_bot: bool,
    /// Has not blocked the bot.
    pub takes_messages: bool,
    pub shares_server: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChannelKind {
    Direct { person: UserId },
    Text { guild: GuildId },
    Thread { guild: GuildId },
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub id: ChannelId,
    pub kind: ChannelKind,
    pub messages: Vec<Message>,
    pub pins: Vec<MessageId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub id: MessageId,
    pub channel: ChannelId,
    pub author: UserId,
    pub content: String,
    pub components: Value,
    pub attachments: Value,
    pub poll: Option<Poll>,
    pub flags: u64,
    pub mentions: Vec<UserId>,
    pub nonce: Option<String>,
    pub edited_millis: Option<i64>,
    pub sent_millis: i64,
    /// Only this person sees it.
    pub only_for: Option<UserId>,
    /// The interaction it answers.
    pub webhook: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Poll {
    pub question: String,
    pub answers: Vec<String>,
    pub several: bool,
    pub expires_millis: i64,
    pub votes: Vec<(UserId, usize)>,
    pub closed: bool,
    /// Discord has counted to the end.
    pub finalised: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub id: u64,
    pub token: String,
    pub created_millis: i64,
    pub channel: ChannelId,
    pub person: UserId,
    /// The message whose button was pressed.
    pub pressed: Option<MessageId>,
    /// How it was answered: the callback's type, and what it said.
    pub callback: Option<(u64, Value)>,
    pub original: Option<MessageId>,
}

/// A message of the bot's, as a person sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub id: MessageId,
    /// As sent, markup included.
    pub content: String,
    pub buttons: Vec<Pressable>,
    /// The descriptions of its files.
    pub descriptions: Vec<String>,
    pub question: Option<String>,
    pub only_for_one: bool,
    /// It says that the bot is thinking.
    pub thinking: bool,
    pub pinned: bool,
}

/// A button, or an entry of a menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pressable {
    pub label: String,
    pub id: String,
}

impl User {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "username": self.name, "global_name": self.name, "avatar": null,
            "discriminator": "0", "public_flags": 0, "flags": 0, "bot": self.is_bot, "system": false,
            "banner": null, "accent_color": null, "avatar_decoration_data": null, "collectibles": null,
            "primary_guild": null,
        })
    }
}

impl Channel {
    pub(crate) fn new(id: ChannelId, kind: ChannelKind) -> Self {
        Self { id, kind, messages: Vec::new(), pins: Vec::new() }
    }

    pub(crate) fn guild(&self) -> Option<GuildId> {
        match self.kind {
            ChannelKind::Direct { .. } => None,
            ChannelKind::Text { guild } | ChannelKind::Thread { guild } => Some(guild),
        }
    }

    pub(crate) fn json(&self, world: &World) -> Value {
        let last = self.messages.last().map(|message| message.id.to_string());
        match self.kind {
            ChannelKind::Direct { person } => json!({
                "id": self.id.to_string(), "type": 1, "last_message_id": last, "flags": 0,
                "recipients": [world.users.get(&person).map(User::json)],
            }),
            ChannelKind::Text { guild } => json!({
                "id": self.id.to_string(), "type": 0, "guild_id": guild.to_string(), "name": "annonces",
                "position": 0, "permission_overwrites": [], "parent_id": null, "topic": null, "nsfw": false,
                "last_message_id": last, "rate_limit_per_user": 0, "flags": 0,
            }),
            ChannelKind::Thread { guild } => json!({
                "id": self.id.to_string(), "type": 11, "guild_id": guild.to_string(), "name": "fil",
                "parent_id": guild.to_string(), "owner_id": world.bot.to_string(), "last_message_id": last,
                "rate_limit_per_user": 0, "flags": 0, "message_count": 0, "member_count": 1,
                "thread_metadata": { "archived": false, "auto_archive_duration": 60,
                                     "archive_timestamp": world.timestamp(), "locked": false },
            }),
        }
    }

    /// As an interaction carries it.
    pub(crate) fn partial_json(&self, world: &World) -> Value {
        let mut json = self.json(world);
        if self.guild().is_some() {
            json["permissions"] = json!("8");
        }
        json
    }
}

impl Message {
    pub(crate) fn shown(&self) -> Shown {
        let rows = self.components.as_array().cloned().unwrap_or_default();
        let parts = rows.iter().flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let buttons = parts.flat_map(|part| match part["options"].as_array() {
            Some(options) => {
                let entry = |option: &Value| Pressable { label: text(&option["label"]), id: text(&option["value"]) };
                options.iter().map(entry).collect()
            }
            None => vec![Pressable { label: text(&part["label"]), id: text(&part["custom_id"]) }],
        });
        let files = self.attachments.as_array().cloned().unwrap_or_default();
        Shown {
            id: self.id,
            content: self.content.clone(),
            buttons: buttons.collect(),
            descriptions: files.iter().map(|file| text(&file["description"])).collect(),
            question: self.poll.as_ref().map(|poll| poll.question.clone()),
            only_for_one: self.only_for.is_some(),
            thinking: self.flags & LOADING != 0,
            pinned: false,
        }
    }
}

impl Poll {
    fn json(&self, now_millis: i64) -> Value {
        let answers: Vec<Value> = self
            .answers
            .iter()
            .enumerate()
            .map(|(index, text)| json!({ "answer_id": Self::answer_id(index), "poll_media": { "text": text } }))
            .collect();
        // While it is open, and until all is counted, Discord's figures may lag: here they then say nothing yet.
        let counts: Vec<Value> = (0..self.answers.len())
            .filter_map(|index| {
                let count = self.votes.iter().filter(|(_, answer)| *answer == index).count();
                let stated = if self.finalised { count } else { count.saturating_sub(1) };
                // An answer without votes is left out.
                (stated > 0).then(|| json!({ "id": Self::answer_id(index), "count": stated, "me_voted": false }))
            })
            .collect();
        let expiry = if self.closed { now_millis.min(self.expires_millis) } else { self.expires_millis };
        json!({
            "question": { "text": self.question }, "answers": answers, "expiry": timestamp(expiry),
            "allow_multiselect": self.several, "layout_type": 1,
            "results": { "is_finalized": self.closed && self.finalised, "answer_counts": counts },
        })
    }

    /// Discord warns not to rely on how answers are numbered.
    pub(crate) fn answer_id(index: usize) -> usize {
        3 + index * 2
    }

    pub(crate) fn index_of(answer_id: usize) -> Option<usize> {
        (answer_id >= 3 && answer_id % 2 == 1).then(|| (answer_id - 3) / 2)
    }
}

impl World {
    /// A message as the REST API gives it.
    pub(crate) fn message_json(&self, message: &Message) -> Value {
        let user = |id: &UserId| self.users.get(id).map(User::json);
        let mut json = json!({
            "id": message.id.to_string(), "channel_id": message.channel.to_string(), "author": user(&message.author),
            "content": message.content, "timestamp": timestamp(message.sent_millis),
            "edited_timestamp": message.edited_millis.map(timestamp), "tts": false, "mention_everyone": false,
            "mentions": message.mentions.iter().map(user).collect::<Vec<_>>(), "mention_roles": [],
            "attachments": message.attachments, "embeds": [],
            "pinned": self.channels.get(&message.channel).is_some_and(|channel| channel.pins.contains(&message.id)),
            "type": if message.webhook { 20 } else { 0 }, "flags": message.flags, "components": message.components,
        });
        if let Some(poll) = &message.poll {
            json["poll"] = poll.json(self.now_millis);
        }
        if message.webhook {
            json["application_id"] = json!(self.application.to_string());
            json["webhook_id"] = json!(self.application.to_string());
        }
        if self.channels.get(&message.channel).is_some_and(|channel| matches!(channel.kind, ChannelKind::Thread { .. }))
        {
            json["position"] = json!(1);
        }
        json
    }

    /// A message as the gateway tells it: with its server, and its words only where the bot may read them (docs:
    /// Gateway, Message Content Intent).
    pub(crate) fn message_event(&self, message: &Message) -> Value {
        let mut json = self.message_json(message);
        let guild = self.channels.get(&message.channel).and_then(Channel::guild);
        if let Some(guild) = guild {
            json["guild_id"] = json!(guild.to_string());
            json["member"] = json!({
                "roles": [], "joined_at": timestamp(message.sent_millis), "deaf": false, "mute": false, "flags": 0,
            });
            if message.author != self.bot && !message.mentions.contains(&self.bot) {
                json["content"] = json!("");
            }
        }
        if let Some(nonce) = &message.nonce {
            json["nonce"] = json!(nonce);
        }
        json
    }
}
