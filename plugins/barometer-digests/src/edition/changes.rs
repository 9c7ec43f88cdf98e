//! What an editor changes in a draft. Each change is a new revision.

use bot_core::Locale;
use bot_core::message::template;
use bot_core::plugin::Context;
use serde_json::{Value, json};

use super::draft::{count_entries, in_order};
use super::gathering;
use super::model::{Edition, Entry, EntryKey};
use super::operations::{definition, lock_draft, scope, show};
use super::store::{self, StoredEdition};
use crate::refusal::{By, OperationError, Refusal};

/// Characters of an introduction in one language.
pub const INTRODUCTION_CHARACTERS_MAX: usize = 4000;
/// Entries of an edition, however many an editor adds.
pub const ENTRIES_MAX: usize = 60;

/// Where an entry moves within its section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Up,
    Down,
}

/// Writes the introduction in one language, as Markdown; empty words take it away.
///
/// # Errors
/// [`Refusal::Introduction`] with the place of what is wrong, [`Refusal::TooLong`], and as [`drop_entry`].
pub async fn introduce(
    cx: &mut Context,
    number: u32,
    revision: u32,
    locale: Locale,
    markdown: &str,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let markdown = markdown.trim();
    if markdown.chars().count() > INTRODUCTION_CHARACTERS_MAX {
        return Err(Refusal::TooLong(INTRODUCTION_CHARACTERS_MAX).into());
    }
    // Nothing is filled in here: braces would be read as they are.
    template::check(markdown, &[]).map_err(|error| Refusal::Introduction(error.to_string()))?;
    let stored = lock_draft(cx, number, revision).await?;
    let mut edition = stored.edition;
    if markdown.is_empty() {
        edition.introduction.remove(&locale);
    } else {
        edition.introduction.insert(locale, markdown.to_owned());
    }
    keep(cx, number, &edition, by, "digest.introduced", json!({ "locale": locale })).await
}

/// Takes an entry out. It can be added again.
///
/// # Errors
/// [`Refusal::UnknownEntry`], [`Refusal::Changed`], [`Refusal::Is`], [`Refusal::UnknownEdition`].
pub async fn drop_entry(
    cx: &mut Context,
    number: u32,
    revision: u32,
    key: &EntryKey,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let mut edition = lock_draft(cx, number, revision).await?.edition;
    let place = place_of(&edition, key)?;
    edition.entries.remove(place);
    recount(cx, &mut edition).await?;
    keep(cx, number, &edition, by, "digest.entry_dropped", json!({ "entry": key })).await
}

/// What could be added: everything that falls into the edition's window now and is not in it, in the order of reading.
///
/// # Errors
/// Those of the database; [`Refusal::NoDefinition`].
pub async fn addable(cx: &mut Context, stored: &StoredEdition) -> Result<Vec<Entry>, OperationError> {
    let organisation = cx.organisation.id;
    let definition = definition(cx).await?.definition;
    let window = stored.edition.window;
    let candidates = gathering::candidates(cx.sql(), organisation, &definition, &window).await?;
    let mut candidates = in_order(&definition, candidates);
    candidates.retain(|candidate| stored.edition.entry(&candidate.key).is_none());
    Ok(candidates)
}

/// Adds a candidate at the end of its section.
///
/// # Errors
/// [`Refusal::UnknownCandidate`], [`Refusal::Full`], and as [`drop_entry`].
pub async fn add_entry(
    cx: &mut Context,
    number: u32,
    revision: u32,
    key: &EntryKey,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let stored = lock_draft(cx, number, revision).await?;
    if stored.edition.entries.len() >= ENTRIES_MAX {
        return Err(Refusal::Full(ENTRIES_MAX).into());
    }
    let found = addable(cx, &stored).await?.into_iter().find(|candidate| candidate.key == *key);
    let entry = found.ok_or_else(|| Refusal::UnknownCandidate(key.0.clone()))?;
    let mut edition = stored.edition;
    insert(&mut edition, entry);
    recount(cx, &mut edition).await?;
    keep(cx, number, &edition, by, "digest.entry_added", json!({ "entry": key })).await
}

/// Behind everything of its section and of those before.
fn insert(edition: &mut Edition, entry: Entry) {
    let section = entry.content.section();
    let before = edition.entries.iter().rposition(|other| other.content.section() <= section);
    edition.entries.insert(before.map_or(0, |place| place + 1), entry);
}

/// Moves an entry by one place within its section.
///
/// # Errors
/// [`Refusal::AtTheEnd`], and as [`drop_entry`].
pub async fn move_entry(
    cx: &mut Context,
    number: u32,
    revision: u32,
    key: &EntryKey,
    direction: Direction,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let mut edition = lock_draft(cx, number, revision).await?.edition;
    let place = place_of(&edition, key)?;
    let neighbour = neighbour(&edition, place, direction).ok_or(Refusal::AtTheEnd)?;
    edition.entries.swap(place, neighbour);
    keep(cx, number, &edition, by, "digest.entry_moved", json!({ "entry": key })).await
}

/// The place next to `place` in the same section.
pub(crate) fn neighbour(edition: &Edition, place: usize, direction: Direction) -> Option<usize> {
    let neighbour = match direction {
        Direction::Up => place.checked_sub(1)?,
        Direction::Down => place + 1,
    };
    let section = |place: usize| edition.entries.get(place).map(|entry| entry.content.section());
    (section(neighbour).is_some() && section(neighbour) == section(place)).then_some(neighbour)
}

fn place_of(edition: &Edition, key: &EntryKey) -> Result<usize, Refusal> {
    let place = edition.entries.iter().position(|entry| entry.key == *key);
    place.ok_or_else(|| Refusal::UnknownEntry(key.0.clone()))
}

async fn recount(cx: &mut Context, edition: &mut Edition) -> Result<(), OperationError> {
    let definition = definition(cx).await?.definition;
    count_entries(&definition, &edition.entries, &mut edition.sources);
    Ok(())
}

async fn keep(
    cx: &mut Context,
    number: u32,
    edition: &Edition,
    by: Option<&str>,
    action: &str,
    details: Value,
) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::update_draft(cx.sql(), organisation, number, edition, by.name(), now).await?;
    by.did(cx, action, scope(number), details);
    show(cx, number).await
}
