//! `/sondage` and `/clore_sondage`, typed in a room by an organiser.

use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerResult};

use super::file::{FileContent, read};
use super::{OPTION_CHARACTERS_MAX, OPTIONS_MAX, OPTIONS_MIN, QUESTION_CHARACTERS_MAX, operations, store};
use crate::operations::{OperationError, Refusal};
use crate::words::text;

/// How long a pulse asked in chat stays open, in hours.
const HOURS: u16 = 24;
/// Pulses asked in chat on one day before names run out.
const A_DAY_MAX: u32 = 99;

/// Asks a pulse in this room: the question and its options, one a line or parted by `|`.
pub(crate) async fn ask(cx: &mut Context, written: &str) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    if caller.conversation.private {
        cx.reply(Document::says(text(locale, "pulse-in-the-room", &[])));
        return Ok(());
    }
    let separator = if written.contains('\n') { '\n' } else { '|' };
    let parts: Vec<&str> = written.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect();
    let [question, options @ ..] = parts.as_slice() else {
        cx.reply(Document::says(text(locale, "pulse-how", &[])));
        return Ok(());
    };
    if options.is_empty() {
        cx.reply(Document::says(text(locale, "pulse-how", &[])));
        return Ok(());
    }
    match ask_here(cx, caller.conversation.id, question, options).await {
        Ok(()) => Ok(()),
        Err(OperationError::Refused(refusal)) => {
            cx.reply(Document::says(refusal.words(locale)));
            Ok(())
        }
        Err(OperationError::Handler(error)) => Err(error),
    }
}

async fn ask_here(
    cx: &mut Context,
    room: bot_core::ConversationId,
    question: &str,
    options: &[&str],
) -> Result<(), OperationError> {
    let number = cx.room(room).await?.ok_or(Refusal::NoRooms)?.number;
    let day = cx.now.with_timezone(&cx.organisation.time_zone).format("%Y-%m-%d").to_string();
    let mut file = toml::Table::new();
    file.insert("kind".to_owned(), "pulse".into());
    file.insert("slug".to_owned(), "sondage".into());
    file.insert("duration_hours".to_owned(), i64::from(HOURS).into());
    file.insert("question".to_owned(), question.into());
    file.insert("options".to_owned(), options.to_vec().into());
    // By the rules of files.
    let Ok(FileContent::Pulse(mut definition)) = read(&file.to_string()) else {
        let limits = [
            ("question", QUESTION_CHARACTERS_MAX.into()),
            ("least", OPTIONS_MIN.into()),
            ("most", OPTIONS_MAX.into()),
            ("characters", OPTION_CHARACTERS_MAX.into()),
        ];
        let locale = cx.locale;
        cx.reply(Document::says(text(locale, "pulse-limits", &limits)));
        return Ok(());
    };
    for attempt in 1..=A_DAY_MAX {
        definition.slug = format!("sondage-{day}-{attempt}");
        match operations::create(cx, definition.clone()).await {
            Ok(pulse) => {
                operations::open(cx, pulse.id, &[number]).await?;
                return Ok(());
            }
            Err(OperationError::Refused(Refusal::SlugTaken(_))) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Refusal::SlugTaken(definition.slug).into())
}

/// Closes the pulse of this name, or those that are open in this room.
pub(crate) async fn close(cx: &mut Context, slug: &str) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    let organisation = cx.organisation.id;
    let open = if slug.is_empty() {
        store::open_in(cx.sql(), organisation, caller.conversation.id).await?
    } else {
        store::find_by_slug(cx.sql(), organisation, slug).await?.map(|pulse| pulse.id).into_iter().collect()
    };
    if open.is_empty() {
        cx.reply(Document::says(text(locale, "pulse-none-here", &[])));
        return Ok(());
    }
    for id in open {
        match operations::close(cx, id).await {
            Ok(_) => cx.reply(Document::says(text(locale, "pulse-closing", &[]))),
            Err(OperationError::Refused(refusal)) => cx.reply(Document::says(refusal.words(locale))),
            Err(OperationError::Handler(error)) => return Err(error),
        }
    }
    Ok(())
}
