//! What a part is in Discord's own words (docs: Create Message).

use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{ConversationKind, ConversationRef};
use bot_core::message::layout::{ButtonLimits, PollLimits};
use bot_core::message::{Block, Body, Capabilities, Document, Layout, Part, Poll, TextUnit};
use serde_json::{Value, json};

use crate::components::{BUTTONS_MAX, LABEL_CHARACTERS_MAX, components};
use crate::markup;

const CONTENT_CHARACTERS_MAX: usize = 2000;
/// An attachment's description (docs: Attachment Object).
const DESCRIPTION_CHARACTERS_MAX: usize = 1024;
/// What a bot may attach without paid extras (docs: Uploading Files).
pub(crate) const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Links are shown without a preview of the page they lead to (docs: Message Flags).
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// The longest that a poll may stay open: 32 days (docs: Poll Create Request). We close it ourselves before.
const POLL_HOURS_MAX: u32 = 768;
/// Discord takes no message without words; nobody sees or hears this.
const NOTHING: &str = "\u{200b}";

pub(crate) fn capabilities(conversation: &ConversationRef) -> Capabilities {
    Capabilities {
        text_unit: TextUnit::Scalar,
        text_units_max: CONTENT_CHARACTERS_MAX,
        caption_units_max: DESCRIPTION_CHARACTERS_MAX,
        buttons: Some(ButtonLimits { count_max: BUTTONS_MAX, label_units_max: LABEL_CHARACTERS_MAX }),
        pictures: true,
        files: true,
        polls: Some(PollLimits { options_max: 10, question_units_max: 300, option_units_max: 55 }),
        edits: true,
        private: conversation.kind == ConversationKind::Direct,
    }
}

pub(crate) fn layout(
    document: &Document,
    conversation: &ConversationRef,
    seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
) -> Layout {
    let measure = |blocks: &[Block]| markup::content(blocks).chars().count();
    Layout::of(document, &capabilities(conversation), measure, seal)
}

/// A message, without the file that a picture or file part brings along.
pub(crate) fn message(part: &Part, file_name: Option<&str>) -> Value {
    let mut message = json!({ "allowed_mentions": { "parse": [] }, "flags": SUPPRESS_EMBEDS });
    match &part.body {
        Body::Text { blocks } => {
            let content = markup::content(blocks);
            message["content"] = json!(if content.trim().is_empty() { NOTHING } else { &content });
        }
        Body::Picture { alternative, .. } => {
            message["attachments"] = json!([{ "id": 0, "filename": file_name, "description": alternative }]);
        }
        Body::File { label, .. } => {
            message["content"] = json!(clipped(&markup::escape(label, ""), CONTENT_CHARACTERS_MAX));
            let description = clipped(label, DESCRIPTION_CHARACTERS_MAX);
            message["attachments"] = json!([{ "id": 0, "filename": file_name, "description": description }]);
        }
        Body::Poll { poll } => message["poll"] = self::poll(poll),
    }
    if !part.buttons.is_empty() {
        message["components"] = components(&part.buttons);
    }
    message
}

fn poll(poll: &Poll) -> Value {
    let answers: Vec<Value> =
        poll.options.iter().map(|option| json!({ "poll_media": { "text": option } })).collect();
    json!({
        "question": { "text": poll.question },
        "answers": answers,
        "duration": POLL_HOURS_MAX,
        "allow_multiselect": poll.multiple,
        "layout_type": 1,
    })
}

/// A file's label is the one text that the layout does not measure.
fn clipped(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    text.chars().take(characters_max - 1).chain(['…']).collect()
}

/// A name that Discord leaves as it is; some beginnings mean something to it.
pub(crate) fn file_name(name: &str) -> String {
    let safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    let name: String = name.chars().map(|character| if safe(character) { character } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "fichier".to_owned() } else { name.chars().take(100).collect() }
}
