//! A conversation's name: `<chat>` or `<chat>/<topic>`.

use bot_core::adapter::{ConversationDescriptor, ConversationKind, ConversationRef};
use teloxide::types::{ChatId, MessageId, Recipient, ThreadId};

/// A chat, or a topic of a forum. Chat numbers fit in 52 bits (Bot API: Chat).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChatRef {
    pub chat: i64,
    pub thread: Option<i32>,
}

impl ChatRef {
    pub(crate) fn whole(chat: i64) -> Self {
        Self { chat, thread: None }
    }

    pub(crate) fn of(conversation: &ConversationRef) -> Option<Self> {
        let name = conversation.platform_ref.expose();
        match name.split_once('/') {
            None => Some(Self::whole(name.parse().ok()?)),
            Some((chat, thread)) => Some(Self { chat: chat.parse().ok()?, thread: Some(thread.parse().ok()?) }),
        }
    }

    pub(crate) fn recipient(self) -> Recipient {
        Recipient::Id(ChatId(self.chat))
    }

    pub(crate) fn thread_id(self) -> Option<ThreadId> {
        self.thread.map(|thread| ThreadId(MessageId(thread)))
    }

    pub(crate) fn described_as(self, kind: ConversationKind) -> ConversationDescriptor {
        ConversationRef { kind, platform_ref: self.name().into() }
    }

    /// The group, or its topic.
    pub(crate) fn group(self) -> ConversationDescriptor {
        self.described_as(if self.thread.is_some() { ConversationKind::Thread } else { ConversationKind::Group })
    }

    pub(crate) fn name(self) -> String {
        match self.thread {
            None => self.chat.to_string(),
            Some(thread) => format!("{}/{thread}", self.chat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back() {
        for (chat, kind) in [
            (ChatRef::whole(42), ConversationKind::Direct),
            (ChatRef { chat: -1_001_234, thread: Some(7) }, ConversationKind::Thread),
        ] {
            assert_eq!(ChatRef::of(&chat.described_as(kind)), Some(chat));
        }
        for wrong in ["", "polly", "1/", "1/a", "1/2/3"] {
            let conversation = ConversationRef { kind: ConversationKind::Group, platform_ref: wrong.to_owned().into() };
            assert_eq!(ChatRef::of(&conversation), None, "{wrong}");
        }
    }
}
