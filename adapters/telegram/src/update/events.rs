//! Which event an update becomes: who did what, in which conversation, under which name for ever.

use bot_core::action::ActionToken;
use bot_core::adapter::{Actor, ConversationDescriptor, ConversationKind, InboundEvent, InboundKind};
use bot_core::{Address, Locale, Platform};
use serde_json::json;

use super::{CallbackQuery, Chat, ChatKind, Me, Membership, Message, MyChatMember, User};
use crate::PLATFORM;
use crate::chat::ChatRef;

impl Message {
    pub(super) fn event(self, me: &Me) -> Option<InboundEvent> {
        if let Some(moved) = self.migration() {
            return Some(moved);
        }
        if self.sender_chat.is_some() || self.chat.kind == ChatKind::Channel {
            return None;
        }
        let actor = self.from.as_ref()?.actor()?;
        let text = self.text.as_deref().or(self.caption.as_deref())?;
        let replied_to = self.reply_to_message.as_ref().and_then(|message| message.from.as_ref());
        let to_us = replied_to.is_some_and(|user| user.id == me.id);
        let text = if self.chat.kind == ChatKind::Private {
            without_our_name(text, &me.username).unwrap_or_else(|| text.to_owned())
        } else {
            for_us(text, &me.username, to_us)?
        };
        // Postgres stores no NUL in JSON.
        let text = text.replace('\0', "\u{fffd}");
        Some(InboundEvent {
            // Each bot counts the messages of a private chat for itself: another token may be another bot.
            dedupe_key: format!("message/{}/{}/{}", me.id, self.chat.id, self.message_id),
            conversation: self.chat.conversation(self.message_thread_id.filter(|_| self.is_topic_message)),
            actor: Some(actor),
            kind: InboundKind::Text { text: text.into() },
            acknowledgement: None,
        })
    }

    /// The group's old number and its new one: told once in each chat, reported once.
    fn migration(&self) -> Option<InboundEvent> {
        let (from, to) = match (self.migrate_to_chat_id, self.migrate_from_chat_id) {
            (Some(to), _) => (self.chat.id, to),
            (None, Some(from)) => (from, self.chat.id),
            (None, None) => return None,
        };
        Some(InboundEvent {
            dedupe_key: format!("moved/{from}/{to}"),
            conversation: ChatRef::whole(from).group(),
            actor: None,
            kind: InboundKind::Moved { to_platform_ref: to.to_string().into() },
            acknowledgement: None,
        })
    }
}

/// The command's address `@name` and a mention at the start are taken off. `None` when there is neither, or the
/// command is another bot's.
fn without_our_name(text: &str, username: &str) -> Option<String> {
    let (first, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    if let Some(command) = first.strip_prefix('/') {
        let (command, name) = command.split_once('@')?;
        return name.eq_ignore_ascii_case(username).then(|| format!("/{command}{rest}"));
    }
    let name = first.strip_prefix('@')?.trim_end_matches([',', ':']);
    name.eq_ignore_ascii_case(username).then(|| rest.trim_start().to_owned())
}

/// What a group says to us: a command that names us or nobody, a mention at the start, or a reply. With privacy
/// mode on, Telegram sends hardly anything else.
fn for_us(text: &str, username: &str, is_reply_to_us: bool) -> Option<String> {
    if let Some(stripped) = without_our_name(text, username) {
        return Some(stripped);
    }
    let first = text.split_whitespace().next()?;
    let open_command = first.starts_with('/') && !first.contains('@');
    (open_command || is_reply_to_us && !first.starts_with('/')).then(|| text.to_owned())
}

impl CallbackQuery {
    pub(super) fn event(self) -> Option<InboundEvent> {
        let (pressed, data) = (self.message?, self.data?);
        let actor = self.from.actor()?;
        let locale = actor.locale.unwrap_or_default();
        // Telegram's numbers are short: anything else is none of its own.
        if self.id.len() > 64 || data.contains('\0') {
            return None;
        }
        Some(InboundEvent {
            dedupe_key: format!("press/{}", self.id),
            conversation: pressed.chat.conversation(pressed.message_thread_id.filter(|_| pressed.is_topic_message)),
            actor: Some(actor),
            kind: InboundKind::Action { token: ActionToken(data) },
            acknowledgement: Some(json!({ "callback_query_id": self.id, "locale": locale })),
        })
    }
}

impl MyChatMember {
    pub(super) fn event(self, update_id: i64) -> Option<InboundEvent> {
        let (before, after) = (self.old_chat_member.is_inside(), self.new_chat_member.is_inside());
        let private = self.chat.kind == ChatKind::Private;
        // A private chat only ever reports that the person blocked or unblocked the bot.
        if before == after && !private {
            return None;
        }
        Some(InboundEvent {
            // The date keeps it apart from the time when update numbers start anew.
            dedupe_key: format!("member/{}/{}/{update_id}", self.chat.id, self.date),
            conversation: self.chat.conversation(None),
            actor: self.from.actor().filter(|_| private),
            kind: if after { InboundKind::Opened } else { InboundKind::Closed },
            acknowledgement: None,
        })
    }
}

impl Membership {
    fn is_inside(&self) -> bool {
        match self.status.as_str() {
            "creator" | "administrator" | "member" => true,
            "restricted" => self.is_member.unwrap_or(true),
            _ => false,
        }
    }
}

impl Chat {
    fn conversation(&self, thread: Option<i32>) -> ConversationDescriptor {
        match self.kind {
            // The direct conversation is one, also where the person sorts it into topics.
            ChatKind::Private => ChatRef::whole(self.id).described_as(ConversationKind::Direct),
            ChatKind::Group | ChatKind::Supergroup => ChatRef { chat: self.id, thread }.group(),
            ChatKind::Channel => ChatRef::whole(self.id).described_as(ConversationKind::Channel),
        }
    }
}

impl User {
    /// The person; `None` for bots, anonymous administrators among them.
    fn actor(&self) -> Option<Actor> {
        let locale = self.language_code.as_deref().and_then(Locale::from_tag);
        let address = Address::new(Platform::new(PLATFORM), self.id.to_string());
        (!self.is_bot).then_some(Actor { address, locale })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Reported, Update};
    use super::*;

    fn me() -> Me {
        Me { id: 99, username: "TrifouillyBot".into(), can_join_groups: true, can_read_all_group_messages: false }
    }

    fn report(content: &Value) -> Reported {
        let mut update = json!({ "update_id": 7 });
        update.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        Update::read(&update).unwrap().report(&me())
    }

    fn event(content: &Value) -> Option<InboundEvent> {
        match report(content) {
            Reported::Event(event) => Some(event),
            _ => None,
        }
    }

    fn said(chat_kind: &str, text: &str) -> Value {
        json!({ "message": {
            "message_id": 5, "date": 1, "chat": { "id": -10, "type": chat_kind },
            "from": { "id": 42, "is_bot": false, "first_name": "Zoé", "language_code": "fr-CA" }, "text": text,
        } })
    }

    fn text_of(content: &Value) -> Option<String> {
        match event(content)?.kind {
            InboundKind::Text { text } => Some(text.into_exposed()),
            _ => None,
        }
    }

    #[test]
    fn in_a_group_only_what_is_for_us_is_heard() {
        for (text, heard) in [
            ("/vote 2", Some("/vote 2")),
            ("/vote@trifouillybot 2", Some("/vote 2")),
            ("/vote@OtherBot 2", None),
            ("@TrifouillyBot, bonjour", Some("bonjour")),
            ("@OtherBot bonjour", None),
            ("bonjour à tous", None),
            ("", None),
        ] {
            assert_eq!(text_of(&said("supergroup", text)).as_deref(), heard, "{text}");
        }
        assert_eq!(text_of(&said("private", "bonjour à vous")).as_deref(), Some("bonjour à vous"));
        assert_eq!(text_of(&said("private", "/start@TrifouillyBot ABC-1")).as_deref(), Some("/start ABC-1"));

        let mut reply = said("group", "2");
        reply["message"]["reply_to_message"] = json!({ "from": { "id": 99, "is_bot": true } });
        assert_eq!(text_of(&reply).as_deref(), Some("2"));
    }

    #[test]
    fn only_persons_speak() {
        for (field, value) in [
            ("sender_chat", json!({ "id": -10, "type": "supergroup" })),
            ("from", json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group" })),
            ("chat", json!({ "id": -10, "type": "channel" })),
        ] {
            let mut message = said("supergroup", "/vote 2");
            message["message"][field] = value;
            assert!(event(&message).is_none(), "{field}");
        }
    }

    #[test]
    fn a_topic_is_a_conversation_of_its_own() {
        let mut message = said("supergroup", "/aide");
        message["message"]["message_thread_id"] = json!(33);
        let in_a_reply_thread = event(&message).unwrap();
        assert_eq!(in_a_reply_thread.conversation, ChatRef::whole(-10).group());
        message["message"]["is_topic_message"] = json!(true);
        let in_a_topic = event(&message).unwrap();
        assert_eq!(in_a_topic.conversation.kind, ConversationKind::Thread);
        assert_eq!(in_a_topic.conversation.platform_ref.expose(), "-10/33");
        assert_eq!(in_a_topic.actor.unwrap().locale, Some(Locale::Fr));
    }

    #[test]
    fn both_tellings_of_a_move_are_one() {
        let old = json!({ "message": { "message_id": 1, "date": 1, "chat": { "id": -10, "type": "group" },
                                       "migrate_to_chat_id": -1001 } });
        let new = json!({ "message": { "message_id": 1, "date": 1, "chat": { "id": -1001, "type": "supergroup" },
                                       "migrate_from_chat_id": -10 } });
        let [old, new] = [old, new].map(|message| event(&message).unwrap());
        assert_eq!((&old.dedupe_key, &old.conversation, &old.kind), (&new.dedupe_key, &new.conversation, &new.kind));
        assert_eq!(old.kind, InboundKind::Moved { to_platform_ref: "-1001".to_owned().into() });
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unreadable_and_keeps_its_number() {
        assert!(matches!(report(&json!({ "quantum_reaction": {} })), Reported::Unreadable));
        assert!(matches!(report(&json!({ "message": { "chat": "none" } })), Reported::Unreadable));
        assert!(Update::read(&json!({ "message": {} })).is_none());
    }

    #[test]
    fn a_message_of_a_newer_api_is_read_here_and_not_by_teloxide() {
        let mut newer = said("private", "mardi");
        newer["message"]["entities"] = json!([{ "type": "date_time", "offset": 0, "length": 5, "unix_time": 1 }]);
        assert_eq!(text_of(&newer).as_deref(), Some("mardi"));
        newer["message"]["chat"] = json!({ "id": 42, "type": "private", "first_name": "Zoé" });
        // teloxide wants the number to come first, as Telegram writes it.
        let teloxide_reads = |update: &Value| {
            let text = format!(r#"{{"update_id":7,"message":{}}}"#, update["message"]);
            match serde_json::from_str::<teloxide::types::Update>(&text).unwrap().kind {
                teloxide::types::UpdateKind::Message(message) => message.text().map(str::to_owned),
                _ => None,
            }
        };
        assert_eq!(teloxide_reads(&newer), None, "teloxide reads it: use its types");
        newer["message"]["entities"] = json!([{ "type": "bold", "offset": 0, "length": 5 }]);
        assert_eq!(teloxide_reads(&newer).as_deref(), Some("mardi"), "but for that it would");
    }
}
