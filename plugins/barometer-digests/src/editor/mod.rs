//! Editors at work in chat: `/editions` and its buttons, one message edited in place.
//!
//! Every button of a draft carries the revision it was made for: pressed after a change, it does nothing but show the
//! draft as it is now.

mod asked;
mod previews;
mod screens;
#[cfg(test)]
mod tests;

use bot_core::Locale;
use bot_core::message::Document;
use bot_core::plugin::{Context, Edit, HandlerResult, Outgoing, Purpose, Recipient, Role};

use self::screens::Shown;
use crate::action::{Action, Verb, revision_carried};
use crate::definition::{Cadence, Sending};
use crate::edition::model::Entry;
use crate::edition::operations::{self, Direction};
use crate::edition::store::{State, StoredEdition};
use crate::refusal::{OperationError, Refusal};
use crate::words::text;

pub(crate) use self::asked::written;

const MESSAGE_KEY: &str = "editor";

/// `/editions`, or `/editions 12`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn command(cx: &mut Context, arguments: &str) -> HandlerResult {
    let locale = cx.locale;
    let shown = match arguments.trim().parse::<u32>() {
        _ if arguments.trim().is_empty() => screens::list(cx, 0, None).await,
        Ok(number) => match operations::show(cx, number).await {
            Ok(stored) => screens::edition(cx, &stored, None),
            Err(error) => Err(error),
        },
        Err(_) => Ok(Document::says(text(locale, "editor-unknown-number", &[]))),
    };
    let document = match shown {
        Ok(document) => document,
        Err(OperationError::Refused(refusal)) => Document::says(refusal.words(locale)),
        Err(OperationError::Handler(error)) => return Err(error),
    };
    cx.reply_as(MESSAGE_KEY, document);
    Ok(())
}

fn is_organiser(cx: &Context) -> bool {
    cx.caller.as_ref().is_some_and(|caller| caller.has(Role::Organiser))
}

fn replace(cx: &mut Context, document: Document) {
    let message_key = MESSAGE_KEY.to_owned();
    cx.edit(Edit { conversation: None, message_key, document, coalesce_key: None, reveals: None });
}

/// # Errors
/// Those of the database.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let locale = cx.locale;
    if !is_organiser(cx) {
        cx.reply(Document::says(text(locale, "editor-role", &[])));
        return Ok(());
    }
    // Whoever was asked to write something and presses a button instead has changed their mind.
    cx.stop_awaiting();
    match act(cx, action).await {
        Ok(Shown::Instead(document)) => replace(cx, document),
        Ok(Shown::Below(document)) => cx.reply(document),
        Err(OperationError::Refused(refusal)) => {
            let document = refused(cx, action.edition, &refusal).await?;
            replace(cx, document);
        }
        Err(OperationError::Handler(error)) => return Err(error),
    }
    Ok(())
}

/// Why not, above the edition as it is.
async fn refused(cx: &mut Context, number: u32, refusal: &Refusal) -> Result<Document, bot_core::plugin::HandlerError> {
    let words = refusal.words(cx.locale);
    let shown = match operations::show(cx, number).await {
        Ok(stored) => screens::edition(cx, &stored, Some(words.clone())),
        Err(error) => Err(error),
    };
    match shown {
        Ok(document) => Ok(document),
        Err(OperationError::Refused(_)) => Ok(screens::says_with_list(cx.locale, words)),
        Err(OperationError::Handler(error)) => Err(error),
    }
}

/// Whether what the button is about is only there in the draft that was seen.
fn needs_what_was_seen(verb: Verb) -> bool {
    match verb {
        Verb::Introduction
        | Verb::WriteIntroduction
        | Verb::EraseIntroduction
        | Verb::Entries
        | Verb::Entry
        | Verb::DropEntry
        | Verb::MoveUp
        | Verb::MoveDown
        | Verb::Candidates
        | Verb::AddEntry
        | Verb::Approve
        | Verb::ConfirmApproving
        | Verb::Skip
        | Verb::Previews
        | Verb::Send
        | Verb::ConfirmSending => true,
        // Nothing is changed, and what is there now is what one wants to see.
        _ => false,
    }
}

async fn act(cx: &mut Context, action: Action) -> Result<Shown, OperationError> {
    let Action { verb, edition: number, argument, .. } = action;
    match verb {
        Verb::Editions => return Ok(Shown::Instead(screens::list(cx, argument as usize, None).await?)),
        Verb::Draft => {
            let cadence = if argument == 0 { Cadence::Weekly } else { Cadence::Monthly };
            let drafted = operations::draft(cx, cadence, None).await;
            return match drafted {
                Ok(stored) => say(cx, &stored, "edition-drafted"),
                // The list tells which edition it is.
                Err(OperationError::Refused(refusal)) => {
                    let words = refusal.words(cx.locale);
                    Ok(Shown::Instead(screens::list(cx, 0, Some(words)).await?))
                }
                Err(error) => Err(error),
            };
        }
        _ => {}
    }
    let stored = operations::show(cx, number).await?;
    if needs_what_was_seen(verb) && revision_carried(stored.revision) != action.revision {
        return say(cx, &stored, "edition-stale");
    }
    let revision = stored.revision;
    match verb {
        Verb::Read => Ok(Shown::Below(previews::read(cx, number).await?)),
        Verb::Previews => Ok(Shown::Instead(previews::ask(cx.locale, &stored))),
        Verb::PreviewAs => Ok(Shown::Below(previews::shown(cx, number, argument).await?)),
        Verb::Introduction => Ok(Shown::Instead(screens::introduction(cx.locale, &stored))),
        Verb::WriteIntroduction => Ok(Shown::Instead(asked::introduction(cx, &stored, language(argument)))),
        Verb::EraseIntroduction => {
            let stored = operations::introduce(cx, number, revision, language(argument), "", None).await?;
            say(cx, &stored, "edition-introduction-erased")
        }
        Verb::Entries => Ok(Shown::Instead(screens::entries(cx.locale, &stored, argument as usize, None))),
        Verb::Entry => {
            let place = place_of(&stored, argument)?;
            Ok(Shown::Instead(screens::entry(cx.locale, &stored, place)))
        }
        Verb::DropEntry => {
            let place = place_of(&stored, argument)?;
            let entry = stored.edition.entries[place].clone();
            let stored = operations::drop_entry(cx, number, revision, &entry.key, None).await?;
            let lead = about(cx.locale, "edition-entry-dropped", &entry);
            Ok(Shown::Instead(screens::entries(cx.locale, &stored, screens::page_of(place), Some(lead))))
        }
        Verb::MoveUp | Verb::MoveDown => {
            let direction = if verb == Verb::MoveUp { Direction::Up } else { Direction::Down };
            let key = stored.edition.entries[place_of(&stored, argument)?].key.clone();
            let stored = operations::move_entry(cx, number, revision, &key, direction, None).await?;
            let place = place_of(&stored, argument)?;
            Ok(Shown::Instead(screens::entry(cx.locale, &stored, place)))
        }
        Verb::Candidates => {
            let candidates = operations::addable(cx, &stored).await?;
            Ok(Shown::Instead(screens::candidates(cx.locale, &stored, &candidates, argument as usize, None)))
        }
        Verb::AddEntry => {
            let candidates = operations::addable(cx, &stored).await?;
            let place = candidates.iter().position(|candidate| candidate.key.short() == argument);
            let place = place.ok_or_else(|| Refusal::UnknownCandidate(format!("{argument:08x}")))?;
            let entry = candidates[place].clone();
            let stored = operations::add_entry(cx, number, revision, &entry.key, None).await?;
            let left = operations::addable(cx, &stored).await?;
            let (locale, lead) = (cx.locale, about(cx.locale, "edition-entry-added", &entry));
            Ok(Shown::Instead(screens::candidates(locale, &stored, &left, screens::page_of(place), Some(lead))))
        }
        Verb::Approve => {
            let definition = operations::definition(cx).await?.definition;
            let schedule = definition.schedule(stored.edition.period.cadence());
            let sends = schedule.is_some_and(|schedule| schedule.sending == Sending::OnApproval);
            Ok(Shown::Instead(screens::ask_approval(cx.locale, &stored, sends)))
        }
        Verb::ConfirmApproving => {
            // The revision is the one that was read; the hash holds that nothing else could have come by its number.
            if screens::hash_carried(stored.hash) != argument {
                return say(cx, &stored, "edition-stale");
            }
            let stored = operations::approve(cx, number, revision, stored.hash, None).await?;
            let lead = if stored.state == State::Approved { "edition-approved" } else { "edition-published" };
            say(cx, &stored, lead)
        }
        Verb::Send if stored.state == State::Approved => Ok(Shown::Instead(screens::ask_sending(cx.locale, &stored))),
        Verb::Send | Verb::ConfirmSending => {
            let stored = operations::send(cx, number, None).await?;
            say(cx, &stored, "edition-published")
        }
        Verb::Skip => Ok(Shown::Instead(asked::reason(cx, &stored))),
        _ => Ok(Shown::Instead(screens::edition(cx, &stored, None)?)),
    }
}

/// As a button carries it.
fn language(argument: u32) -> Locale {
    if argument == 0 { Locale::Fr } else { Locale::En }
}

fn place_of(stored: &StoredEdition, short: u32) -> Result<usize, Refusal> {
    let place = stored.edition.entries.iter().position(|entry| entry.key.short() == short);
    place.ok_or_else(|| Refusal::UnknownEntry(format!("{short:08x}")))
}

fn about(locale: Locale, id: &str, entry: &Entry) -> String {
    text(locale, id, &[("entry", screens::entry_words(locale, entry).into())])
}

fn say(cx: &mut Context, stored: &StoredEdition, id: &str) -> Result<Shown, OperationError> {
    let lead = text(cx.locale, id, &[]);
    Ok(Shown::Instead(screens::edition(cx, stored, Some(lead))?))
}

/// Tells every organiser of an edition that was drafted by itself, with what is wrong with its sources.
pub(crate) fn tell_of_draft(cx: &mut Context, stored: &StoredEdition) {
    let lead = match stored.state {
        State::Draft if stored.edition.is_empty() => "told-draft-empty",
        State::Draft => "told-draft",
        State::Approved => "told-approved",
        State::Sending | State::Sent | State::Skipped => "told-published",
    };
    let document = |locale| {
        let open = Action::about(Verb::Edition, stored.number, stored.revision);
        let document = Document::new().paragraph(text(locale, lead, &[]));
        screens::facts(document, locale, stored).choice(text(locale, "told-open", &[]), open.payload())
    };
    let default = cx.organisation.default_locale;
    // Not of the edition's own scope, whose messages are counted against its readers.
    let (to, scope) = (Recipient::Organisers, format!("digest-draft:{}", stored.number));
    let mut message = Outgoing::new(to, Purpose::Service, scope, document(default));
    message.translations =
        Locale::ALL.into_iter().filter(|locale| *locale != default).map(|l| (l, document(l))).collect();
    message.subject = "draft".to_owned();
    cx.send(message);
}
