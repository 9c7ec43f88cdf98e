//! What an editor is asked to write: introductions, and why an edition is skipped.

use bot_core::Locale;
use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerResult};
use chrono::TimeDelta;

use super::{MESSAGE_KEY, is_organiser, refused, screens};
use crate::edition::operations;
use crate::edition::store::StoredEdition;
use crate::refusal::{OperationError, Refusal};
use crate::words::text;

/// How long the next text is taken for an answer.
const PATIENCE: TimeDelta = TimeDelta::minutes(60);

/// What a text is for, as it is awaited: `introduction:<number>:<revision>:<language>` or `skip:<number>`.
enum Asked {
    Introduction { number: u32, revision: u32, locale: Locale },
    Skip { number: u32 },
}

impl Asked {
    fn name(&self) -> String {
        match self {
            Self::Introduction { number, revision, locale } => format!("introduction:{number}:{revision}:{locale}"),
            Self::Skip { number } => format!("skip:{number}"),
        }
    }

    fn read(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split(':').collect();
        match parts.as_slice() {
            ["introduction", number, revision, locale] => Some(Self::Introduction {
                number: number.parse().ok()?,
                revision: revision.parse().ok()?,
                locale: locale.parse().ok()?,
            }),
            ["skip", number] => Some(Self::Skip { number: number.parse().ok()? }),
            _ => None,
        }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Introduction { number, .. } | Self::Skip { number } => *number,
        }
    }
}

/// Asks for the introduction in a language.
pub(super) fn introduction(cx: &mut Context, stored: &StoredEdition, language: Locale) -> Document {
    let asked = Asked::Introduction { number: stored.number, revision: stored.revision, locale: language };
    cx.await_text(asked.name(), PATIENCE);
    let words = text(cx.locale, "introduction-ask", &[("language", language.as_str().into())]);
    screens::back(Document::says(words), cx.locale, stored)
}

/// Asks why an edition is skipped.
pub(super) fn reason(cx: &mut Context, stored: &StoredEdition) -> Document {
    cx.await_text(Asked::Skip { number: stored.number }.name(), PATIENCE);
    let words = text(cx.locale, "skip-ask", &[("number", stored.number.to_string().into())]);
    screens::back(Document::says(words), cx.locale, stored)
}

/// The editor wrote what they were asked for.
///
/// # Errors
/// Those of the database.
pub(crate) async fn written(cx: &mut Context, name: &str, words: &str) -> HandlerResult {
    let Some(asked) = Asked::read(name) else { return Ok(()) };
    let locale = cx.locale;
    if !is_organiser(cx) {
        cx.reply(Document::says(text(locale, "editor-role", &[])));
        return Ok(());
    }
    let (number, done) = (asked.number(), take(cx, &asked, words).await);
    let document = match done {
        Ok((stored, lead)) => match screens::edition(cx, &stored, Some(text(locale, lead, &[]))) {
            Ok(document) => document,
            Err(OperationError::Refused(refusal)) => Document::says(refusal.words(locale)),
            Err(OperationError::Handler(error)) => return Err(error),
        },
        Err(OperationError::Refused(refusal)) => {
            // What only needs other words is asked again.
            if matches!(refusal, Refusal::Introduction(_) | Refusal::TooLong(_) | Refusal::NoWords) {
                cx.await_text(asked.name(), PATIENCE);
            }
            refused(cx, number, &refusal).await?
        }
        Err(OperationError::Handler(error)) => return Err(error),
    };
    cx.reply_as(MESSAGE_KEY, document);
    Ok(())
}

async fn take(cx: &mut Context, asked: &Asked, words: &str) -> Result<(StoredEdition, &'static str), OperationError> {
    match *asked {
        Asked::Introduction { number, revision, locale } => {
            let stored = operations::introduce(cx, number, revision, locale, words, None).await?;
            Ok((stored, "edition-introduced"))
        }
        Asked::Skip { number } => Ok((operations::skip(cx, number, words, None).await?, "edition-skipped")),
    }
}
