//! What an editor sees: lists, an edition, its entries.

use bot_core::Locale;
use bot_core::message::{Document, Text};
use bot_core::plugin::Context;

use crate::action::{Action, Verb};
use crate::definition::Cadence;
use crate::edition::changes::{Direction, neighbour};
use crate::edition::model::{Content, ContentHash, Entry, Section};
use crate::edition::operations;
use crate::edition::store::{self, State, StoredEdition};
use crate::refusal::{OperationError, state_id};
use crate::words::{count, moment, text};

/// Editions in one list.
const LISTED_MAX: usize = 8;
/// Entries in one list.
const PAGE: usize = 8;
/// Editions that one can page back through.
const REMEMBERED_MAX: u32 = 200;

/// Where an answer goes.
pub(super) enum Shown {
    /// In the place of the message whose button was pressed.
    Instead(Document),
    /// As a message of its own.
    Below(Document),
}

fn lead_of(lead: Option<String>) -> Document {
    match lead {
        Some(lead) => Document::new().paragraph(Text::new().strong(lead)),
        None => Document::new(),
    }
}

fn all_editions(document: Document, locale: Locale) -> Document {
    document.step(text(locale, "editions-all", &[]), Action::new(Verb::Editions).payload())
}

/// Words with the way back to the list.
pub(super) fn says_with_list(locale: Locale, words: String) -> Document {
    all_editions(Document::says(words), locale)
}

/// Editions after the first `skipped` ones, and what can be drafted.
pub(super) async fn list(cx: &mut Context, skipped: usize, lead: Option<String>) -> Result<Document, OperationError> {
    let (organisation, locale) = (cx.organisation.id, cx.locale);
    let found = operations::list(cx, REMEMBERED_MAX).await?;
    let skipped = if skipped < found.len() { skipped } else { 0 };
    let mut document = lead_of(lead).heading(text(locale, "editions-heading", &[]));
    let page: Vec<&StoredEdition> = found.iter().skip(skipped).take(LISTED_MAX).collect();
    if page.is_empty() {
        document = document.paragraph(text(locale, "editions-none", &[]));
    } else {
        document = document.list(page.iter().map(|stored| listed(locale, "editions-item", stored)));
    }
    for stored in &page {
        let action = Action::about(Verb::Edition, stored.number, stored.revision);
        document = document.choice(listed(locale, "editions-button", stored), action.payload());
    }
    let definition = store::definition(cx.sql(), organisation).await?.map(|stored| stored.definition);
    for (argument, cadence) in (0..).zip(Cadence::ALL) {
        let has_one = definition.as_ref().is_some_and(|definition| definition.schedule(cadence).is_some());
        if has_one && skipped == 0 {
            let id = if cadence == Cadence::Weekly { "editions-draft-weekly" } else { "editions-draft-monthly" };
            document = document.choice(text(locale, id, &[]), Action::new(Verb::Draft).with(argument).payload());
        }
    }
    if definition.is_none() {
        document = document.paragraph(crate::refusal::Refusal::NoDefinition.words(locale));
    }
    let left = found.len().saturating_sub(skipped + LISTED_MAX);
    if left > 0 {
        let older = Action::new(Verb::Editions).with(carried(skipped + LISTED_MAX));
        document = document.step(text(locale, "editions-older", &[("count", left.into())]), older.payload());
    }
    if skipped > 0 {
        let newer = Action::new(Verb::Editions).with(carried(skipped.saturating_sub(LISTED_MAX)));
        document = document.step(text(locale, "editions-newer", &[]), newer.payload());
    }
    Ok(document)
}

/// A place in a list, as a button carries it.
fn carried(place: usize) -> u32 {
    u32::try_from(place).unwrap_or_default()
}

fn listed(locale: Locale, id: &str, stored: &StoredEdition) -> String {
    let arguments = [
        ("number", stored.number.to_string().into()),
        ("period", stored.edition.period.to_string().into()),
        ("state", text(locale, state_id(stored.state), &[]).into()),
        ("entries", stored.edition.entries.len().into()),
    ];
    text(locale, id, &arguments)
}

/// How many entries of each section there are, in words.
fn counts(locale: Locale, stored: &StoredEdition) -> String {
    let sections = [
        (Section::Figures, "edition-figures"),
        (Section::Consultations, "edition-consultations"),
        (Section::News, "edition-news"),
        (Section::Events, "edition-events"),
    ];
    let counted = sections.into_iter().filter_map(|(section, id)| {
        let found = stored.edition.count(section);
        (found > 0).then(|| text(locale, id, &[("count", found.into())]))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// Heading and facts of an edition, below what `document` says already.
pub(super) fn facts(document: Document, locale: Locale, stored: &StoredEdition) -> Document {
    let edition = &stored.edition;
    let number = stored.number.to_string();
    let title = edition.title.in_locale(locale);
    let heading = text(locale, "edition-heading", &[("number", number.into()), ("title", title.into())]);
    let at = |instant| moment(locale, instant, edition.time_zone);
    let state = [
        ("period", edition.period.to_string().into()),
        ("state", text(locale, state_id(stored.state), &[]).into()),
        ("revision", stored.revision.to_string().into()),
    ];
    let window = [("from", at(edition.window.from).into()), ("until", at(edition.window.until).into())];
    let mut facts = vec![text(locale, "edition-state", &state), text(locale, "edition-window", &window)];
    facts.push(match edition.is_empty() {
        true => text(locale, "edition-empty", &[]),
        false => text(locale, "edition-contents", &[("counts", counts(locale, stored).into())]),
    });
    if edition.introduction.is_empty() {
        facts.push(text(locale, "edition-no-introduction", &[]));
    } else {
        let locales: Vec<&str> = edition.introduction.keys().map(|locale| locale.as_str()).collect();
        facts.push(text(locale, "edition-introduction", &[("locales", locales.join(", ").into())]));
    }
    let failing: Vec<&str> =
        edition.sources.iter().filter(|source| source.is_failing).map(|source| source.name.as_str()).collect();
    if !failing.is_empty() {
        let arguments = [("count", failing.len().into()), ("names", failing.join(", ").into())];
        facts.push(text(locale, "edition-failing", &arguments));
    }
    if let Some(expected) = stored.expected {
        facts.push(text(locale, "edition-expected", &[("count", count(expected.into()))]));
    }
    if !stored.corrections.is_empty() {
        facts.push(text(locale, "edition-corrections", &[("count", stored.corrections.len().into())]));
    }
    document.heading(heading).list(facts)
}

/// An edition with what can be done to it.
///
/// # Errors
/// None yet; the type is that of the other screens.
pub(super) fn edition(cx: &Context, stored: &StoredEdition, lead: Option<String>) -> Result<Document, OperationError> {
    let locale = cx.locale;
    let verbs: &[(&str, Verb)] = match stored.state {
        State::Draft => &[
            ("edition-read", Verb::Read),
            ("edition-introduce", Verb::Introduction),
            ("edition-entries", Verb::Entries),
            ("edition-add", Verb::Candidates),
            ("edition-preview", Verb::Previews),
            ("edition-approve", Verb::Approve),
            ("edition-skip", Verb::Skip),
        ],
        State::Approved => &[
            ("edition-read", Verb::Read),
            ("edition-preview", Verb::Previews),
            ("edition-send", Verb::Send),
            ("edition-skip", Verb::Skip),
        ],
        State::Sending | State::Sent | State::Skipped => {
            &[("edition-read", Verb::Read), ("edition-preview", Verb::Previews)]
        }
    };
    let mut document = facts(lead_of(lead), locale, stored);
    for (id, verb) in verbs {
        let action = Action::about(*verb, stored.number, stored.revision);
        document = document.choice(text(locale, id, &[]), action.payload());
    }
    Ok(all_editions(document, locale))
}

/// The way back to an edition.
pub(super) fn back(document: Document, locale: Locale, stored: &StoredEdition) -> Document {
    let action = Action::about(Verb::Edition, stored.number, stored.revision);
    document.step(text(locale, "edition-back", &[]), action.payload())
}

/// An entry in a few words.
pub(super) fn entry_words(locale: Locale, entry: &Entry) -> String {
    let (id, title, source) = match &entry.content {
        Content::Figure(figure) => ("entry-figure", figure.name.in_locale(locale), ""),
        Content::Consultation(consultation) => ("entry-consultation", consultation.title.in_locale(locale), ""),
        Content::Campaign(campaign) => ("entry-campaign", campaign.title.in_locale(locale), ""),
        Content::News(news) => ("entry-news", news.title.as_str(), news.source_name.as_str()),
        Content::Event(event) => ("entry-event", event.title.as_str(), event.source_name.as_str()),
    };
    text(locale, id, &[("title", title.into()), ("source", source.into())])
}

/// Where the page begins on which the entry at `place` is.
pub(super) fn page_of(place: usize) -> usize {
    place - place % PAGE
}

/// A page of entries as buttons, with the ways on and back.
fn paged(
    document: Document,
    locale: Locale,
    stored: &StoredEdition,
    entries: &[Entry],
    from: usize,
    (list, one): (Verb, Verb),
) -> Document {
    // What was on the last page may be gone by now.
    let from = if from < entries.len() { from } else { page_of(entries.len().saturating_sub(1)) };
    let action = |verb, argument| Action::about(verb, stored.number, stored.revision).with(argument).payload();
    let mut document = document;
    for entry in entries.iter().skip(from).take(PAGE) {
        document = document.choice(entry_words(locale, entry), action(one, entry.key.short()));
    }
    if from + PAGE < entries.len() {
        document = document.step(text(locale, "entries-further", &[]), action(list, carried(from + PAGE)));
    }
    if from > 0 {
        document = document.step(text(locale, "entries-back", &[]), action(list, carried(from.saturating_sub(PAGE))));
    }
    back(document, locale, stored)
}

fn heading(locale: Locale, id: &str, stored: &StoredEdition, lead: Option<String>) -> Document {
    lead_of(lead).heading(text(locale, id, &[("number", stored.number.to_string().into())]))
}

/// Entries of an edition from place `from` on.
pub(super) fn entries(locale: Locale, stored: &StoredEdition, from: usize, lead: Option<String>) -> Document {
    let mut document = heading(locale, "entries-heading", stored, lead);
    let entries = &stored.edition.entries;
    if entries.is_empty() {
        document = document.paragraph(text(locale, "entries-none", &[]));
    }
    paged(document, locale, stored, entries, from, (Verb::Entries, Verb::Entry))
}

/// The entry at `place`.
pub(super) fn entry(locale: Locale, stored: &StoredEdition, place: usize) -> Document {
    let Some(entry) = stored.edition.entries.get(place) else { return entries(locale, stored, 0, None) };
    let mut document = Document::new().heading(entry_words(locale, entry));
    let summary = match &entry.content {
        Content::News(news) => Some((&news.summary, &news.url)),
        Content::Event(event) => Some((&event.summary, &event.url)),
        Content::Figure(_) | Content::Consultation(_) | Content::Campaign(_) => None,
    };
    if let Some((summary, url)) = summary {
        if !summary.is_empty() {
            document = document.paragraph(summary.as_str());
        }
        if let Some(url) = url {
            document = document.paragraph(Text::new().link(url, url));
        }
    }
    let action = |verb| Action::about(verb, stored.number, stored.revision).with(entry.key.short()).payload();
    document = document.choice(text(locale, "entry-drop", &[]), action(Verb::DropEntry));
    for (direction, id, verb) in
        [(Direction::Up, "entry-up", Verb::MoveUp), (Direction::Down, "entry-down", Verb::MoveDown)]
    {
        if neighbour(&stored.edition, place, direction).is_some() {
            document = document.choice(text(locale, id, &[]), action(verb));
        }
    }
    let list = Action::about(Verb::Entries, stored.number, stored.revision).with(carried(page_of(place)));
    document.step(text(locale, "entry-all", &[]), list.payload())
}

/// What can be added, from place `from` on.
pub(super) fn candidates(
    locale: Locale,
    stored: &StoredEdition,
    candidates: &[Entry],
    from: usize,
    lead: Option<String>,
) -> Document {
    let mut document = heading(locale, "candidates-heading", stored, lead);
    if candidates.is_empty() {
        document = document.paragraph(text(locale, "candidates-none", &[]));
    }
    paged(document, locale, stored, candidates, from, (Verb::Candidates, Verb::AddEntry))
}

/// What is written in each language, and what can be done about it.
pub(super) fn introduction(locale: Locale, stored: &StoredEdition) -> Document {
    let mut document = Document::new().heading(text(locale, "edition-introduce", &[]));
    let languages = [
        (Locale::Fr, "introduction-write-fr", "introduction-erase-fr"),
        (Locale::En, "introduction-write-en", "introduction-erase-en"),
    ];
    for (language, ..) in languages {
        let name = ("language", language.as_str().into());
        document = document.paragraph(match stored.edition.introduction.get(&language) {
            Some(words) => text(locale, "introduction-is", &[name, ("words", words.into())]),
            None => text(locale, "introduction-none", &[name]),
        });
    }
    for ((language, write, erase), argument) in languages.into_iter().zip(0..) {
        let action = |verb| Action::about(verb, stored.number, stored.revision).with(argument).payload();
        document = document.choice(text(locale, write, &[]), action(Verb::WriteIntroduction));
        if stored.edition.introduction.contains_key(&language) {
            document = document.choice(text(locale, erase, &[]), action(Verb::EraseIntroduction));
        }
    }
    back(document, locale, stored)
}

/// How a hash begins, as a button carries it.
pub(super) fn hash_carried(hash: ContentHash) -> u32 {
    let [a, b, c, d, ..] = hash.0;
    u32::from_be_bytes([a, b, c, d])
}

/// Asks once more before a draft is frozen; `sends` where that publishes it too.
pub(super) fn ask_approval(locale: Locale, stored: &StoredEdition, sends: bool) -> Document {
    let is_empty = stored.edition.is_empty();
    let counts = if is_empty { text(locale, "counts-none", &[]) } else { counts(locale, stored) };
    let arguments = [
        ("number", stored.number.to_string().into()),
        ("hash", format!("{:.8}", stored.hash).into()),
        ("revision", stored.revision.to_string().into()),
        ("counts", counts.into()),
    ];
    let then = if sends { "approve-sends" } else { "approve-keeps" };
    let confirm = Action::about(Verb::ConfirmApproving, stored.number, stored.revision).with(hash_carried(stored.hash));
    let cancel = Action::about(Verb::Edition, stored.number, stored.revision);
    let mut document = Document::says(text(locale, "approve-ask", &arguments));
    if is_empty {
        document = document.paragraph(text(locale, "approve-empty", &[]));
    }
    document
        .paragraph(text(locale, then, &[]))
        .choice(text(locale, "approve-confirm", &[]), confirm.payload())
        .choice(text(locale, "approve-cancel", &[]), cancel.payload())
}

/// Asks once more before an edition is published.
pub(super) fn ask_sending(locale: Locale, stored: &StoredEdition) -> Document {
    let confirm = Action::about(Verb::ConfirmSending, stored.number, stored.revision);
    let cancel = Action::about(Verb::Edition, stored.number, stored.revision);
    Document::says(text(locale, "send-ask", &[("number", stored.number.to_string().into())]))
        .choice(text(locale, "send-confirm", &[]), confirm.payload())
        .choice(text(locale, "send-cancel", &[]), cancel.payload())
}
