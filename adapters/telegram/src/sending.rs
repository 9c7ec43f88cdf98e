//! One part, one call: sending, changing, removing and pinning messages.

use bot_core::adapter::{ConversationRef, RemoteIds, SendRequest, Verdict};
use bot_core::message::{Body, Part};
use serde_json::Value;
use teloxide::payloads::{
    DeleteMessage, EditMessageMedia, EditMessageMediaSetters, EditMessageText, PinChatMessage, PinChatMessageSetters,
    SendDocument, SendMessage, SendPhoto,
};
use teloxide::types::{
    InlineKeyboardButton, InlineKeyboardMarkup, InputFile, InputMedia, InputMediaDocument, InputMediaPhoto,
    LinkPreviewOptions, MessageId, ReplyMarkup,
};

use crate::api::Failure;
use crate::chat::ChatRef;
use crate::files::FileKind;
use crate::refusal::Refusal;
use crate::words::{Words, compose};
use crate::{Bot, Telegram, polls};

/// Buttons side by side: more than this Telegram wraps by itself.
const STEPS_IN_A_ROW_MAX: usize = 8;

impl Telegram {
    pub(crate) async fn send_part(&self, bot: &Bot, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let Some(chat) = ChatRef::of(request.conversation) else { return not_a_chat() };
        let part = request.part;
        let keyboard = keyboard(part).map(ReplyMarkup::InlineKeyboard);
        let answer = match &part.body {
            Body::Text { blocks } => {
                let Words { text, entities, .. } = compose(blocks);
                let payload = SendMessage {
                    entities: Some(entities),
                    link_preview_options: Some(no_preview()),
                    message_thread_id: chat.thread_id(),
                    reply_markup: keyboard,
                    ..SendMessage::new(chat.recipient(), text)
                };
                bot.api.call(&payload).await
            }
            Body::Picture { media, alternative } => {
                let payload = |file: InputFile| SendPhoto {
                    caption: Some(alternative.clone()),
                    message_thread_id: chat.thread_id(),
                    reply_markup: keyboard.clone(),
                    ..SendPhoto::new(chat.recipient(), file)
                };
                self.call_with_file(bot, FileKind::Photo, *media, payload).await
            }
            Body::File { media, label } => {
                let payload = |file: InputFile| SendDocument {
                    caption: Some(label.clone()),
                    message_thread_id: chat.thread_id(),
                    reply_markup: keyboard.clone(),
                    ..SendDocument::new(chat.recipient(), file)
                };
                self.call_with_file(bot, FileKind::Document, *media, payload).await
            }
            Body::Poll { poll } => bot.api.call(&polls::payload(chat, poll)).await,
        };
        match answer {
            Ok(message) => sent(&message),
            Err(failure) => failure.verdict(Some(chat)),
        }
    }

    pub(crate) async fn edit_part(&self, bot: &Bot, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let Some(chat) = ChatRef::of(request.conversation) else { return not_a_chat() };
        let Some(message) = message_id(sent) else { return no_message() };
        let part = request.part;
        let answer = match &part.body {
            Body::Text { blocks } => {
                let Words { text, entities, .. } = compose(blocks);
                let payload = EditMessageText {
                    entities: Some(entities),
                    link_preview_options: Some(no_preview()),
                    reply_markup: keyboard(part),
                    ..EditMessageText::new(chat.recipient(), message, text)
                };
                bot.api.call(&payload).await
            }
            Body::Picture { media, alternative: words } | Body::File { media, label: words } => {
                let kind = if matches!(part.body, Body::Picture { .. }) { FileKind::Photo } else { FileKind::Document };
                let payload = |file: InputFile| {
                    let media = match kind {
                        FileKind::Photo => InputMedia::Photo(InputMediaPhoto::new(file).caption(words)),
                        FileKind::Document => InputMedia::Document(InputMediaDocument::new(file).caption(words)),
                    };
                    let payload = EditMessageMedia::new(chat.recipient(), message, media);
                    match keyboard(part) {
                        Some(keyboard) => payload.reply_markup(keyboard),
                        None => payload,
                    }
                };
                self.call_with_file(bot, kind, *media, payload).await
            }
            Body::Poll { .. } => Err(Failure::Impossible("a poll cannot be changed once it is sent")),
        };
        match answer {
            Ok(_) => Verdict::Sent(sent.clone()),
            Err(failure) if failure.refusal() == Some(Refusal::NotModified) => Verdict::Sent(sent.clone()),
            Err(failure) => failure.verdict(Some(chat)),
        }
    }

    pub(crate) async fn delete_message(
        &self,
        bot: &Bot,
        conversation: &ConversationRef,
        sent: &RemoteIds,
    ) -> Verdict<()> {
        let Some(chat) = ChatRef::of(conversation) else { return not_a_chat() };
        let Some(message) = message_id(sent) else { return Verdict::Sent(()) };
        match bot.api.call(&DeleteMessage::new(chat.recipient(), message)).await {
            Ok(_) => Verdict::Sent(()),
            Err(failure) if failure.refusal() == Some(Refusal::MessageGone) => Verdict::Sent(()),
            Err(failure) => failure.verdict(Some(chat)),
        }
    }

    /// Without a notification: the message itself had one.
    pub(crate) async fn pin_message(&self, bot: &Bot, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let Some(chat) = ChatRef::of(conversation) else { return not_a_chat() };
        let Some(message) = message_id(sent) else { return no_message() };
        let payload = PinChatMessage::new(chat.recipient(), message).disable_notification(true);
        match bot.api.call(&payload).await {
            Ok(_) => Verdict::Sent(()),
            Err(failure) if failure.refusal() == Some(Refusal::NotModified) => Verdict::Sent(()),
            Err(failure) => failure.verdict(Some(chat)),
        }
    }
}

/// Answers one below the other, so that their words are whole; steps share rows below them.
fn keyboard(part: &Part) -> Option<InlineKeyboardMarkup> {
    let button = |button: &bot_core::message::Button| {
        let tick = if button.chosen { "✓ " } else { "" };
        let label = if button.label.trim().is_empty() { "…" } else { &button.label };
        InlineKeyboardButton::callback(format!("{tick}{label}"), button.token.0.clone())
    };
    let answers = part.buttons.iter().filter(|button| !button.step).map(|answer| vec![button(answer)]);
    let steps: Vec<InlineKeyboardButton> = part.buttons.iter().filter(|button| button.step).map(button).collect();
    let rows: Vec<Vec<InlineKeyboardButton>> =
        answers.chain(steps.chunks(STEPS_IN_A_ROW_MAX).map(<[InlineKeyboardButton]>::to_vec)).collect();
    (!rows.is_empty()).then(|| InlineKeyboardMarkup::new(rows))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// The message's number, and a poll's own name beside it. A message without a number was sent all the same.
fn sent(message: &Value) -> Verdict<RemoteIds> {
    let Some(number) = message["message_id"].as_i64() else {
        return Verdict::Unknown { reason: "Telegram took the message, but its answer cannot be read".to_owned() };
    };
    let poll = message["poll"]["id"].as_str().map(str::to_owned);
    Verdict::Sent(RemoteIds(std::iter::once(number.to_string()).chain(poll).collect()))
}

pub(crate) fn message_id(sent: &RemoteIds) -> Option<MessageId> {
    sent.0.first()?.parse().ok().map(MessageId)
}

/// The poll's name, beside the number of its message.
pub(crate) fn poll_id(sent: &RemoteIds) -> Option<&str> {
    sent.0.get(1).map(String::as_str)
}

pub(crate) fn not_a_chat<T>() -> Verdict<T> {
    Verdict::Rejected { reason: "the conversation is none of Telegram's".to_owned() }
}

pub(crate) fn no_message<T>() -> Verdict<T> {
    Verdict::Rejected { reason: "the message has no number that Telegram gave".to_owned() }
}
