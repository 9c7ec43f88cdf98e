//! What people do, by hand of the test.

use serde_json::{Value, json};

use crate::FakeDiscord;
use crate::model::{EPHEMERAL, Interaction, Message, Shown, User};
use crate::world::{ChannelId, MessageId, UserId, World};

/// One person. Cheap to clone.
#[derive(Clone)]
pub struct Person {
    pub(crate) fake: FakeDiscord,
    pub id: UserId,
}

/// What a person saw right after a press or a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// "The bot is thinking": words will follow.
    Thinking,
    /// Nothing, and no error.
    Silently,
    /// Words at once.
    With { content: String, only_for_one: bool },
    /// "The application did not respond."
    NotAtAll,
}

impl Person {
    /// The person's conversation with the bot.
    pub fn direct(&self) -> ChannelId {
        self.fake.change(|world| world.direct(self.id))
    }

    pub fn speaks(&self, locale: &str) {
        self.fake.change(|world| {
            if let Some(user) = world.users.get_mut(&self.id) {
                user.locale = locale.to_owned();
            }
        });
    }

    pub fn blocks_the_bot(&self) {
        self.set(|user| user.takes_messages = false);
    }

    pub fn unblocks_the_bot(&self) {
        self.set(|user| user.takes_messages = true);
    }

    /// Leaves every server that the bot is on.
    pub fn leaves_servers(&self) {
        self.set(|user| user.shares_server = false);
    }

    /// Is given the role of moderators on every server.
    pub fn moderates(&self) {
        self.fake.change(|world| world.moderators.insert(self.id));
    }

    fn set(&self, change: impl FnOnce(&mut User)) {
        self.fake.change(|world| world.users.get_mut(&self.id).map(change));
    }

    /// Writes to the bot.
    pub fn says(&self, text: &str) -> MessageId {
        let direct = self.direct();
        self.says_in(direct, text)
    }

    /// Writes in a channel; `<@…>` mentions.
    pub fn says_in(&self, channel: ChannelId, text: &str) -> MessageId {
        self.fake.change(|world| {
            let bot = world.bot;
            let mentions = if text.contains(&format!("<@{bot}>")) { vec![bot] } else { Vec::new() };
            let id = world.next_id();
            let message = Message {
                id,
                channel,
                author: self.id,
                content: text.to_owned(),
                components: json!([]),
                attachments: json!([]),
                poll: None,
                flags: 0,
                mentions,
                nonce: None,
                edited_millis: None,
                sent_millis: world.now_millis,
                only_for: None,
                webhook: false,
            };
            world.add_message(message)
        })
    }

    /// Presses a button, or chooses an entry of a menu, that stands under one of the bot's messages; waits for the
    /// first answer.
    pub async fn presses(&self, channel: ChannelId, id: &str) -> Answered {
        let interaction = self.fake.change(|world| world.press(channel, self.id, id));
        self.first_answer(interaction).await
    }

    /// The same without waiting.
    pub fn presses_and_leaves(&self, channel: ChannelId, id: &str) {
        self.fake.change(|world| world.press(channel, self.id, id));
    }

    /// Runs a command, with the words of its only option.
    pub async fn runs(&self, channel: ChannelId, name: &str, words: Option<&str>) -> Answered {
        let interaction = self.fake.change(|world| world.run_command(channel, self.id, name, words));
        self.first_answer(interaction).await
    }

    async fn first_answer(&self, interaction: Option<u64>) -> Answered {
        let Some(interaction) = interaction else { return Answered::NotAtAll };
        let answer = |fake: &FakeDiscord| {
            let world = fake.world();
            let known = &world.interactions[&interaction];
            match &known.callback {
                Some((5, _)) => Some(Answered::Thinking),
                Some((6, _)) => Some(Answered::Silently),
                Some((_, data)) => Some(Answered::With {
                    content: data["content"].as_str().unwrap_or_default().to_owned(),
                    only_for_one: data["flags"].as_u64().unwrap_or_default() & EPHEMERAL != 0,
                }),
                None if world.now_millis - known.created_millis > 3_000 => Some(Answered::NotAtAll),
                None => None,
            }
        };
        self.fake.until(|fake| answer(fake).is_some()).await;
        answer(&self.fake).unwrap_or(Answered::NotAtAll)
    }

    /// Votes in a native poll, by the answer's place.
    pub fn votes(&self, channel: ChannelId, message: MessageId, answer: usize) {
        self.fake.change(|world| {
            let id = self.id;
            if let Some(poll) = world.message_mut(channel, message).and_then(|message| message.poll.as_mut()) {
                if !poll.several {
                    poll.votes.retain(|(voter, _)| *voter != id);
                }
                poll.votes.push((id, answer));
            }
        });
    }

    /// What the person sees of the bot's messages there.
    pub fn sees(&self, channel: ChannelId) -> Vec<Shown> {
        self.fake.world().shown(channel, Some(self.id))
    }
}

impl FakeDiscord {
    /// Discord finishes its count of a closed poll.
    pub fn finishes_counting(&self, channel: ChannelId, message: MessageId) {
        self.change(|world| {
            if let Some(poll) = world.message_mut(channel, message).and_then(|message| message.poll.as_mut()) {
                poll.finalised = true;
            }
        });
    }

    /// The poll's own time runs out.
    pub fn lets_poll_expire(&self, channel: ChannelId, message: MessageId) {
        self.change(|world| {
            let now = world.now_millis;
            if let Some(poll) = world.message_mut(channel, message).and_then(|message| message.poll.as_mut()) {
                poll.expires_millis = now;
            }
        });
    }

    /// Removes one of the bot's messages, as a moderator does.
    pub fn removes_message(&self, channel: ChannelId, message: MessageId) {
        self.change(|world| {
            if let Some(channel) = world.channels.get_mut(&channel) {
                channel.messages.retain(|known| known.id != message);
            }
        });
    }
}

impl World {
    fn press(&mut self, channel: ChannelId, person: UserId, pressed: &str) -> Option<u64> {
        let seen = self.channels.get(&channel)?.messages.iter().rev().filter(|message| message.author == self.bot);
        let mut seen = seen.filter(|message| message.only_for.is_none_or(|only| only == person));
        let (message, data) = seen.find_map(|message| {
            let rows = message.components.as_array()?;
            let mut parts = rows.iter().flat_map(|row| row["components"].as_array().into_iter().flatten());
            let data = parts.find_map(|part| match part["options"].as_array() {
                Some(options) => options.iter().any(|option| option["value"] == pressed).then(|| {
                    json!({ "custom_id": part["custom_id"], "component_type": 3, "values": [pressed], "id": part["id"] })
                }),
                None if part["custom_id"] == pressed => {
                    Some(json!({ "custom_id": pressed, "component_type": 2, "id": part["id"] }))
                }
                None => None,
            });
            Some((message.clone(), data?))
        })?;
        let shown = self.message_json(&message);
        let id = self.interact(channel, person, 3, data, Some((message.id, shown)));
        Some(id)
    }

    fn run_command(&mut self, channel: ChannelId, person: UserId, name: &str, words: Option<&str>) -> Option<u64> {
        let command = self.commands.iter().find(|command| command["name"] == name);
        let command_id = command.map_or_else(|| json!("1"), |command| command["id"].clone());
        let mut data = json!({ "id": command_id, "name": name, "type": 1 });
        if let Some(words) = words {
            data["options"] = json!([{ "type": 3, "name": "texte", "value": words }]);
        }
        Some(self.interact(channel, person, 2, data, None))
    }

    fn interact(
        &mut self,
        channel: ChannelId,
        person: UserId,
        kind: u64,
        data: Value,
        message: Option<(MessageId, Value)>,
    ) -> u64 {
        let id = self.next_id();
        let token = format!("aW50ZXJhY3Rpb24.{id}.secret");
        let place = &self.channels[&channel];
        let guild = place.guild();
        let user = self.users.get(&person).map(User::json);
        let mut event = json!({
            "id": id.to_string(), "application_id": self.application.to_string(), "type": kind, "token": token,
            "version": 1, "data": data, "channel_id": channel.to_string(), "channel": place.partial_json(self),
            "locale": self.users[&person].locale, "entitlements": [], "attachment_size_limit": 10_485_760,
            "app_permissions": "2248473465835073", "authorizing_integration_owners": { "0": guild.unwrap_or_default().to_string() },
            "context": u8::from(guild.is_none()),
        });
        match guild {
            None => event["user"] = json!(user),
            Some(guild) => {
                event["guild_id"] = json!(guild.to_string());
                event["guild_locale"] = json!("fr");
                event["guild"] = json!({ "id": guild.to_string(), "locale": "fr", "features": [] });
                event["member"] = json!({
                    "user": user, "roles": [], "joined_at": self.timestamp(), "deaf": false, "mute": false,
                    "flags": 0, "permissions": "8", "nick": null, "avatar": null, "premium_since": null,
                    "pending": false, "communication_disabled_until": null,
                });
            }
        }
        let pressed = message.as_ref().map(|(id, _)| *id);
        if let Some((_, message)) = message {
            event["message"] = message;
        }
        let interaction = Interaction {
            id,
            token,
            created_millis: self.now_millis,
            channel,
            person,
            pressed,
            callback: None,
            original: None,
        };
        self.interactions.insert(id, interaction);
        self.emit("INTERACTION_CREATE", event);
        id
    }
}
