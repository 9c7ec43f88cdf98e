//! Previews in chat: the edition as its readers get it, in each language and form. A chat shows it its own way; how the
//! other networks show it is the command line's `digest preview --networks`.

use bot_core::Locale;
use bot_core::message::Document;
use bot_core::message::layout::words_of;
use bot_core::plugin::Context;

use super::screens::back;
use crate::action::{Action, Verb};
use crate::edition::operations;
use crate::edition::store::StoredEdition;
use crate::refusal::OperationError;
use crate::rendering::way::{Form, Way};
use crate::words::text;

/// What the buttons carry: the place in this list.
const WAYS: [(&str, Locale, Form, bool); 6] = [
    ("preview-full-fr", Locale::Fr, Form::Full, false),
    ("preview-short-fr", Locale::Fr, Form::Short, false),
    ("preview-full-en", Locale::En, Form::Full, false),
    ("preview-short-en", Locale::En, Form::Short, false),
    ("preview-plain-fr", Locale::Fr, Form::Full, true),
    ("preview-plain-en", Locale::En, Form::Full, true),
];

/// Asks in which way.
pub(super) fn ask(locale: Locale, stored: &StoredEdition) -> Document {
    let number = stored.number.to_string();
    let mut document = Document::says(text(locale, "preview-ask", &[("number", number.into())]));
    for ((id, ..), argument) in WAYS.into_iter().zip(0..) {
        let action = Action::about(Verb::PreviewAs, stored.number, stored.revision).with(argument);
        document = document.choice(text(locale, id, &[]), action.payload());
    }
    back(document, locale, stored)
}

/// The edition as a reader of the caller's language gets it.
pub(super) async fn read(cx: &mut Context, number: u32) -> Result<Document, OperationError> {
    let way = Way::new(cx.locale, Form::Full, Vec::new());
    operations::preview(cx, number, &way).await
}

/// The edition in the way of a button.
pub(super) async fn shown(cx: &mut Context, number: u32, argument: u32) -> Result<Document, OperationError> {
    let way = usize::try_from(argument).ok().and_then(|place| WAYS.get(place));
    let &(_, locale, form, is_plain) = way.unwrap_or(&WAYS[0]);
    let document = operations::preview(cx, number, &Way::new(locale, form, Vec::new())).await?;
    Ok(if is_plain { in_plain_words(&document) } else { document })
}

/// The message where there are neither buttons nor pictures: one answers with a number.
fn in_plain_words(document: &Document) -> Document {
    let words = document.blocks.iter().fold(Document::new(), |said, block| said.paragraph(words_of(block)));
    document
        .choices
        .iter()
        .zip(1..)
        .fold(words, |said, (choice, number)| said.paragraph(format!("{number}. {}", choice.label)))
}
