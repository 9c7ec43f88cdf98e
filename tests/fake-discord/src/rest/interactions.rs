//! Answers to commands and presses (docs: Receiving and Responding).

use serde_json::{Value, json};

use super::{Asked, Reply, checks};
use crate::model::{EPHEMERAL, LOADING, Message};
use crate::world::{MessageId, World};

/// The first answer must come within this time, and the token serves for this long.
const FIRST_ANSWER_MILLIS: i64 = 3_000;
const TOKEN_MILLIS: i64 = 15 * 60_000;

impl World {
    pub(super) fn call_back(&mut self, id: &str, token: &str, body: &Value) -> Reply {
        let found = id.parse().ok().and_then(|id: u64| self.interactions.get(&id).cloned());
        let known = found.filter(|interaction| interaction.token == token);
        let Some(interaction) = known else { return Reply::refused(404, 10062, "Unknown interaction") };
        if interaction.callback.is_some() {
            return Reply::refused(400, 40060, "Interaction has already been acknowledged.");
        }
        if self.now_millis - interaction.created_millis > FIRST_ANSWER_MILLIS {
            return Reply::refused(404, 10062, "Unknown interaction");
        }
        let (kind, data) = (body["type"].as_u64().unwrap_or_default(), body["data"].clone());
        let original = match kind {
            4 => {
                let asked = inner(&data);
                if let Err(refused) = checks::message(&asked, &data, true) {
                    return refused;
                }
                let message = self.written(interaction.channel, self.bot, &asked);
                Some(self.show(interaction.person, message))
            }
            5 => {
                let flags = data["flags"].as_u64().unwrap_or_default() & EPHEMERAL;
                let asked = inner(&json!({ "flags": flags | LOADING }));
                let message = self.written(interaction.channel, self.bot, &asked);
                Some(self.show(interaction.person, message))
            }
            6 if interaction.pressed.is_some() => interaction.pressed,
            _ => return Reply::invalid("type", "Interaction callback type is invalid here"),
        };
        if let Some(interaction) = self.interactions.get_mut(&interaction.id) {
            interaction.callback = Some((kind, data));
            interaction.original = original;
        }
        Reply::nothing()
    }

    /// Adds an answer; one that is ephemeral is seen by that person only.
    fn show(&mut self, person: u64, mut message: Message) -> MessageId {
        message.webhook = true;
        message.only_for = (message.flags & EPHEMERAL != 0).then_some(person);
        self.add_message(message)
    }

    /// The interaction behind a webhook's path, while its token serves.
    fn answered(&self, application: &str, token: &str) -> Result<u64, Reply> {
        let known = self.interactions.values().find(|interaction| interaction.token == token);
        match known.filter(|interaction| interaction.callback.is_some() && application == self.application.to_string())
        {
            None => Err(Reply::refused(404, 10015, "Unknown Webhook")),
            Some(interaction) if self.now_millis - interaction.created_millis >= TOKEN_MILLIS => {
                Err(Reply::refused(401, 50027, "Invalid Webhook Token"))
            }
            Some(interaction) => Ok(interaction.id),
        }
    }

    pub(super) fn follow_up(&mut self, application: &str, token: &str, asked: &Asked) -> Reply {
        let interaction = match self.answered(application, token) {
            Ok(id) => self.interactions[&id].clone(),
            Err(refused) => return refused,
        };
        if let Err(refused) = checks::message(asked, &asked.body, true) {
            return refused;
        }
        let message = self.written(interaction.channel, self.bot, asked);
        let id = self.show(interaction.person, message);
        let made = self.message(interaction.channel, id).cloned();
        Reply::ok(made.map(|message| self.message_json(&message)).unwrap_or_default())
    }

    pub(super) fn original(&mut self, method: &str, application: &str, token: &str, asked: &Asked) -> Reply {
        let interaction = match self.answered(application, token) {
            Ok(id) => self.interactions[&id].clone(),
            Err(refused) => return refused,
        };
        let original = interaction.original.and_then(|id| self.message(interaction.channel, id).cloned());
        let Some(original) = original else { return Reply::refused(404, 10008, "Unknown Message") };
        match method {
            "GET" => Reply::ok(self.message_json(&original)),
            "PATCH" => {
                let thinking = original.flags & LOADING != 0;
                if let Err(refused) = checks::message(asked, &asked.body, thinking) {
                    return refused;
                }
                let filled = self.written(interaction.channel, self.bot, asked);
                if let Some(message) = self.message_mut(interaction.channel, original.id) {
                    if thinking {
                        message.flags &= !LOADING;
                        message.poll = filled.poll;
                    }
                    if !asked.files.is_empty() {
                        message.attachments = filled.attachments;
                    }
                }
                Reply::ok(self.change_message(interaction.channel, original.id, &asked.body))
            }
            _ => Reply::refused(405, 0, "405: Method Not Allowed"),
        }
    }
}

fn inner(data: &Value) -> Asked {
    Asked { method: String::new(), path: String::new(), query: String::new(), body: data.clone(), files: Vec::new() }
}
