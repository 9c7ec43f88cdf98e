//! The platform's "no", and the verdict on it. The texts are those of Telegram's own server
//! (tdlib/telegram-bot-api, Client.cpp); only their beginnings are compared, since the rest changes.

use bot_core::adapter::{ConversationDescriptor, GateScope, Verdict};

use crate::api::Failure;
use crate::chat::ChatRef;

/// What a refusal means for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// The token is not accepted (any longer).
    Token,
    /// Nothing can be sent to this chat any more, and why.
    Recipient(&'static str),
    /// An edit would change nothing.
    NotModified,
    /// The message to edit, delete or pin is not there.
    MessageGone,
    /// A button's press waited too long for its answer.
    LateAnswer,
    PollClosed,
    /// The name of a file is not valid for this bot.
    UnknownFile,
    /// Another program asks for this bot's updates, too.
    OtherPoller,
    /// A webhook is set, so there is nothing to ask for.
    WebhookSet,
    /// Anything else that will not be taken, and why as far as it is known.
    Other(&'static str),
}

impl Refusal {
    pub(crate) fn of(code: u16, description: &str) -> Self {
        let description = description.to_lowercase();
        let (class, text) = description.split_once(": ").unwrap_or((&description, ""));
        match (code, class) {
            (401, _) => Self::Token,
            // An address that holds no valid token is simply not found; with a right token only methods are.
            (404, _) if text.is_empty() => Self::Token,
            (409, _) if text.starts_with("can't use getupdates") => Self::WebhookSet,
            (409, _) => Self::OtherPoller,
            (413, _) => Self::Other("the file is too large for Telegram"),
            (403, _) => Self::Recipient(forbidden(text)),
            _ => bad_request(text),
        }
    }
}

fn forbidden(text: &str) -> &'static str {
    const KNOWN: [(&str, &str); 7] = [
        ("bot was blocked by the user", "the person has blocked the bot"),
        ("user is deactivated", "the person's account is gone"),
        ("bot can't initiate conversation", "the person has not started the bot yet: give them the bot's link"),
        ("bot can't send messages to bots", "the recipient is a bot"),
        ("bot was kicked", "the bot was removed from the group"),
        ("bot is not a member", "the bot is not in the group"),
        ("the group chat was deleted", "the group was deleted"),
    ];
    known(text, &KNOWN).unwrap_or("Telegram forbids writing there")
}

fn bad_request(text: &str) -> Refusal {
    const OTHER: [(&str, &str); 12] = [
        ("message is too long", "the text is longer than Telegram takes"),
        ("message caption is too long", "the caption is longer than Telegram takes"),
        ("message text is empty", "the message has no words"),
        ("text must be non-empty", "the message has no words"),
        ("button_data_invalid", "a button carries more than Telegram takes"),
        ("reply markup is too long", "there are more buttons than Telegram takes"),
        ("poll", "Telegram does not take this poll"),
        ("photo_invalid_dimensions", "the picture's shape is not taken by Telegram"),
        ("message can't be", "the message can no longer be changed, or not by this bot"),
        ("there is no text in the message", "the message is a picture or a file and cannot become a text"),
        ("not enough rights", "the bot has no right to do this in the group: make it an administrator"),
        ("have no rights to send", "the bot may not write in the group: give it the right"),
    ];
    if text.starts_with("message is not modified") || text.starts_with("chat_not_modified") {
        return Refusal::NotModified;
    }
    if ["message to edit", "message to delete", "message to pin", "message with poll"]
        .iter()
        .any(|start| text.starts_with(start) && text.ends_with("not found"))
        || text.starts_with("message_id_invalid")
    {
        return Refusal::MessageGone;
    }
    if text.starts_with("query is too old") || text.contains("query id is invalid") {
        return Refusal::LateAnswer;
    }
    if text.starts_with("poll has already been closed") {
        return Refusal::PollClosed;
    }
    if text.contains("file identifier") || text.contains("file_reference") || text.starts_with("wrong file_id") {
        return Refusal::UnknownFile;
    }
    if text.starts_with("chat not found") || text.starts_with("peer_id_invalid") {
        return Refusal::Recipient("there is no such chat, or the bot has never met it");
    }
    if text.starts_with("user not found") {
        return Refusal::Recipient("there is no such person");
    }
    if text.starts_with("group chat was deactivated") {
        return Refusal::Recipient("the group is no longer in use");
    }
    Refusal::Other(known(text, &OTHER).unwrap_or("Telegram does not take this message"))
}

fn known(text: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(start, _)| text.starts_with(start)).map(|&(_, reason)| reason)
}

impl Failure {
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { code, description } => Some(Refusal::of(*code, description.expose())),
            _ => None,
        }
    }

    /// The verdict on a call about `chat`; `None` where the call is about none.
    pub(crate) fn verdict<T>(self, chat: Option<ChatRef>) -> Verdict<T> {
        let refusal = self.refusal();
        match self {
            Self::NotWritten(reason) => Verdict::Retry { reason: reason.to_owned() },
            Self::NoAnswer(reason) => Verdict::Unknown { reason: reason.to_owned() },
            // Telegram does not say what it limits: the core takes it for the conversation first.
            Self::TooMany { after } => Verdict::Throttled { after, scope: None },
            Self::Busy { after } => Verdict::Throttled { after, scope: Some(GateScope::Conversation) },
            Self::Impossible(reason) => Verdict::Rejected { reason: reason.to_owned() },
            Self::Migrated { to } => match chat {
                Some(chat) => Verdict::Moved { to: moved(chat, to) },
                None => Verdict::Rejected { reason: "the group has another number now".to_owned() },
            },
            Self::Refused { .. } => match refusal {
                Some(Refusal::Token) => Verdict::AccountDead { reason: TOKEN_REFUSED.to_owned() },
                Some(Refusal::Recipient(reason)) => Verdict::RecipientStopped { reason: reason.to_owned() },
                Some(Refusal::MessageGone) => Verdict::Rejected { reason: "the message is no longer there".to_owned() },
                Some(Refusal::PollClosed) => Verdict::Rejected { reason: "the poll is closed already".to_owned() },
                Some(Refusal::Other(reason)) => Verdict::Rejected { reason: reason.to_owned() },
                _ => Verdict::Rejected { reason: "Telegram does not take this call".to_owned() },
            },
        }
    }
}

pub(crate) const TOKEN_REFUSED: &str =
    "Telegram does not accept the bot's token: ask @BotFather for it with /token and write it to the token file";

/// Topics do not exist in the groups that migrate.
fn moved(from: ChatRef, to: i64) -> ConversationDescriptor {
    ChatRef { chat: to, thread: from.thread }.group()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_text_has_its_meaning() {
        let cases = [
            (403, "Forbidden: bot was blocked by the user", "the person has blocked the bot"),
            (403, "Forbidden: user is deactivated", "the person's account is gone"),
            (403, "Forbidden: bot was kicked from the supergroup chat", "the bot was removed from the group"),
            (403, "Forbidden: bot is not a member of the channel chat", "the bot is not in the group"),
            (403, "Forbidden: something quite new", "Telegram forbids writing there"),
            (400, "Bad Request: chat not found", "there is no such chat, or the bot has never met it"),
        ];
        for (code, description, reason) in cases {
            assert_eq!(Refusal::of(code, description), Refusal::Recipient(reason), "{description}");
        }
        let initiate = Refusal::of(403, "Forbidden: bot can't initiate conversation with a user");
        assert!(matches!(initiate, Refusal::Recipient(reason) if reason.contains("not started")));

        let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly \
                    the same as a current content and reply markup of the message";
        for (code, description, refusal) in [
            (401, "Unauthorized", Refusal::Token),
            (404, "Not Found", Refusal::Token),
            (400, same, Refusal::NotModified),
            (400, "Bad Request: message to edit not found", Refusal::MessageGone),
            (400, "Bad Request: message to delete not found", Refusal::MessageGone),
            (400, "Bad Request: message with poll to stop not found", Refusal::MessageGone),
            (400, "Bad Request: poll has already been closed", Refusal::PollClosed),
            (
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
                Refusal::LateAnswer,
            ),
            (400, "Bad Request: wrong file identifier/HTTP URL specified", Refusal::UnknownFile),
            (
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the \
                 webhook first",
                Refusal::WebhookSet,
            ),
            (
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                Refusal::OtherPoller,
            ),
        ] {
            assert_eq!(Refusal::of(code, description), refusal, "{description}");
        }
        for (code, description) in [
            (404, "Not Found: method not found"),
            (400, "Bad Request: message is too long"),
            (400, "Bad Request: message can't be deleted for everyone"),
            (400, "Bad Request: poll can't have more than 12 options"),
            (400, "something else"),
        ] {
            assert!(matches!(Refusal::of(code, description), Refusal::Other(_)), "{description}");
        }
    }
}
