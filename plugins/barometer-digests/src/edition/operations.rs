//! What an editor does to editions, in chat and on the command line alike.
//!
//! Each takes the call's [`Context`], so that what it asks for (fires, messages, pictures, the audit line) commits with
//! it. Whoever changes or approves a draft names the revision they saw, and is refused when it is another by now.

use bot_core::Wording;
use bot_core::calendar::next_occurrence;
use bot_core::plugin::{Context, Fire, FiredFire, HandlerError, HandlerResult, Misfire, Repeat};
use chrono::{DateTime, Utc};
use rand::RngCore as _;
use serde::Serialize;
use serde_json::json;

use super::draft::{Inputs, Limits, assemble, window};
use super::model::{ContentHash, Section};
use super::period::{Period, Window};
use super::store::{self, State, StoredDefinition, StoredEdition};
use super::{charts, gathering};
use crate::definition::{Approval, Cadence, Definition, Sending};
use crate::definition_file::parse;
use crate::readers::rooms;
use crate::refusal::By;
use crate::sources::{harvest, state};
use crate::{editor, sending};

pub use super::changes::{Direction, add_entry, addable, drop_entry, introduce, move_entry};
pub use super::previewing::preview;
pub use crate::refusal::{OperationError, Refusal};

/// Fires that draft: `draft:weekly`, `draft:monthly`.
pub const FIRES: &str = "draft:";
/// Characters of a reason or a correction.
pub const WORDS_CHARACTERS_MAX: usize = 1000;

/// What the audit log and the digests of an edition are filed under.
pub(crate) fn scope(number: u32) -> String {
    format!("digest:{number}")
}

/// An edition in a list. Times are UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    pub number: u32,
    pub cadence: Cadence,
    pub period: Period,
    /// In French.
    pub title: String,
    pub state: State,
    pub revision: u32,
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    pub window: Window,
    pub figures: usize,
    pub consultations: usize,
    pub news: usize,
    pub events: usize,
    /// Keys of sources that were failing when it was drafted.
    pub failing_sources: Vec<String>,
    pub drafted_at: DateTime<Utc>,
    pub edited_by: String,
    pub edited_at: DateTime<Utc>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub published_at: Option<DateTime<Utc>>,
    pub expected: Option<u32>,
    pub finished_at: Option<DateTime<Utc>>,
    pub corrections: usize,
}

impl From<&StoredEdition> for Summary {
    fn from(stored: &StoredEdition) -> Self {
        let edition = &stored.edition;
        let failing = edition.sources.iter().filter(|source| source.is_failing);
        Self {
            number: stored.number,
            cadence: edition.period.cadence(),
            period: edition.period,
            title: edition.title.fr.clone(),
            state: stored.state,
            revision: stored.revision,
            hash: stored.hash.to_string(),
            window: edition.window,
            figures: edition.count(Section::Figures),
            consultations: edition.count(Section::Consultations),
            news: edition.count(Section::News),
            events: edition.count(Section::Events),
            failing_sources: failing.map(|source| source.key.to_string()).collect(),
            drafted_at: stored.drafted_at,
            edited_by: stored.edited_by.clone(),
            edited_at: stored.edited_at,
            approved_by: stored.approved_by.clone(),
            approved_at: stored.approved_at,
            published_at: stored.published_at,
            expected: stored.expected,
            finished_at: stored.finished_at,
            corrections: stored.corrections.len(),
        }
    }
}

/// The digest file in force.
///
/// # Errors
/// [`Refusal::NoDefinition`].
pub async fn definition(cx: &mut Context) -> Result<StoredDefinition, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::definition(cx.sql(), organisation).await?;
    found.ok_or_else(|| Refusal::NoDefinition.into())
}

/// Stores a digest file as the next version, plans its drafts and asks its sources. Says the version.
///
/// # Errors
/// [`Refusal::File`], [`Refusal::Unchanged`].
pub async fn set_definition(cx: &mut Context, source: &str, by: Option<&str>) -> Result<u32, OperationError> {
    let definition = parse(source).map_err(Refusal::File)?;
    let by = By::whoever_asked(cx, by);
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::lock_definition(cx.sql(), organisation).await?;
    if store::definition(cx.sql(), organisation).await?.is_some_and(|stored| stored.source == source) {
        return Err(Refusal::Unchanged.into());
    }
    let mut secret = [0; 32];
    cx.random.fill_bytes(&mut secret);
    let version = store::set_definition(cx.sql(), organisation, &definition, source, secret, by.name(), now).await?;
    for cadence in Cadence::ALL {
        plan_drafts(cx, &definition, cadence)?;
    }
    harvest::definition_changed(cx, &definition).await?;
    let details = json!({ "version": version, "sources": definition.sources.len() });
    by.did(cx, "digest.defined", "digest".to_owned(), details);
    Ok(version)
}

fn plan_drafts(cx: &mut Context, definition: &Definition, cadence: Cadence) -> Result<(), HandlerError> {
    let scope = format!("{FIRES}{}", cadence.as_str());
    let Some(schedule) = definition.schedule(cadence) else {
        cx.cancel_fire(scope, "");
        return Ok(());
    };
    let next = next_occurrence(&schedule.draft, definition.time_zone, cx.now);
    // Checked with the file: it comes round again, at the latest in some leap year.
    let Some(due_at) = next.map_err(|error| HandlerError::Broken(error.to_string()))? else { return Ok(()) };
    cx.schedule(Fire {
        scope,
        subject: String::new(),
        due_at,
        misfire: Misfire::RunOnce,
        payload: json!({}),
        repeat: Some(Repeat { cron: schedule.draft.clone(), time_zone: definition.time_zone }),
    });
    Ok(())
}

/// Drafts the edition of the period that this moment lies in.
///
/// # Errors
/// [`Refusal::NoDefinition`], [`Refusal::NoRhythm`], [`Refusal::PeriodTaken`].
pub async fn draft(cx: &mut Context, cadence: Cadence, by: Option<&str>) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    draft_by(cx, cadence, &by).await
}

async fn draft_by(cx: &mut Context, cadence: Cadence, by: &By) -> Result<StoredEdition, OperationError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // One after the other, so that no two take the same number.
    store::lock_definition(cx.sql(), organisation).await?;
    let StoredDefinition { definition, version, .. } = definition(cx).await?;
    if definition.schedule(cadence).is_none() {
        return Err(Refusal::NoRhythm(cadence).into());
    }
    let period = Period::of(cadence, now, definition.time_zone);
    if let Some(number) = store::of_period(cx.sql(), organisation, period).await? {
        let state = show(cx, number).await?.state;
        return Err(Refusal::PeriodTaken { period, number, state }.into());
    }
    let last_end = store::last_window_end(cx.sql(), organisation, cadence).await?;
    let window = window(cadence, last_end, now, definition.time_zone);
    let candidates = gathering::candidates(cx.sql(), organisation, &definition, &window).await?;
    let sources = state::records(cx.sql(), organisation, &definition, &window).await?;
    let edition = assemble(Inputs {
        definition: &definition,
        definition_version: version,
        period,
        window,
        candidates,
        sources,
        limits: Limits::default(),
    });
    let number = store::insert(cx.sql(), organisation, &edition, by.name(), now).await?;
    let details = json!({ "period": period, "entries": edition.entries.len() });
    by.did(cx, "digest.drafted", scope(number), details);
    show(cx, number).await
}

/// The hour of the draft.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fired(cx: &mut Context, fire: &FiredFire) -> HandlerResult {
    let cadence = fire.scope.strip_prefix(FIRES).and_then(|cadence| cadence.parse::<Cadence>().ok());
    // One that is gone: there is nothing to draft.
    let Some(cadence) = cadence else { return Ok(()) };
    match draft_and_tell(cx, cadence).await {
        // Drafted by hand before its hour, or the file says otherwise by now.
        Ok(()) | Err(OperationError::Refused(_)) => Ok(()),
        Err(OperationError::Handler(error)) => Err(error),
    }
}

async fn draft_and_tell(cx: &mut Context, cadence: Cadence) -> Result<(), OperationError> {
    let drafted = draft_by(cx, cadence, &By::Plugin).await?;
    let StoredDefinition { definition, .. } = definition(cx).await?;
    let approval = definition.schedule(cadence).map_or(Approval::ByHand, |schedule| schedule.approval);
    // A source that fails is told, and keeps nothing back.
    let stored = if approval == Approval::Automatic { freeze(cx, &drafted, &By::Plugin).await? } else { drafted };
    editor::tell_of_draft(cx, &stored);
    Ok(())
}

/// An edition by its number.
///
/// # Errors
/// [`Refusal::UnknownEdition`].
pub async fn show(cx: &mut Context, number: u32) -> Result<StoredEdition, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::find(cx.sql(), organisation, number).await?;
    found.ok_or_else(|| Refusal::UnknownEdition(number).into())
}

/// Editions, the newest first, at most `most`.
///
/// # Errors
/// Those of the database.
pub async fn list(cx: &mut Context, most: u32) -> Result<Vec<StoredEdition>, OperationError> {
    let organisation = cx.organisation.id;
    Ok(store::list(cx.sql(), organisation, &[], most).await?)
}

async fn lock(cx: &mut Context, number: u32) -> Result<StoredEdition, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::find_locked(cx.sql(), organisation, number).await?;
    found.ok_or_else(|| Refusal::UnknownEdition(number).into())
}

/// A draft, as it was seen at `revision`, which nobody else changes until the transaction ends.
///
/// # Errors
/// [`Refusal::UnknownEdition`], [`Refusal::Is`], [`Refusal::Changed`].
pub(super) async fn lock_draft(cx: &mut Context, number: u32, revision: u32) -> Result<StoredEdition, OperationError> {
    let stored = lock(cx, number).await?;
    if stored.state != State::Draft {
        return Err(Refusal::Is(number, stored.state).into());
    }
    if stored.revision != revision {
        return Err(Refusal::Changed { number, seen: revision, now: stored.revision }.into());
    }
    Ok(stored)
}

/// Freezes a draft exactly as it was read: at `revision`, with these bytes. Its charts are drawn, and it is published
/// where the digest file says so. One with nothing in it tells those who want to be told, and is silent to the others.
///
/// # Errors
/// [`Refusal::Changed`], [`Refusal::OtherBytes`], [`Refusal::Is`], [`Refusal::UnknownEdition`].
pub async fn approve(
    cx: &mut Context,
    number: u32,
    revision: u32,
    hash: ContentHash,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    let stored = lock_draft(cx, number, revision).await?;
    if stored.hash != hash {
        return Err(Refusal::OtherBytes(number).into());
    }
    freeze(cx, &stored, &by).await
}

async fn freeze(cx: &mut Context, stored: &StoredEdition, by: &By) -> Result<StoredEdition, OperationError> {
    let (organisation, now, number) = (cx.organisation.id, cx.now, stored.number);
    store::approve(cx.sql(), organisation, number, by.name(), now).await?;
    charts::keep(cx, stored).await?;
    let details = json!({ "revision": stored.revision, "hash": stored.hash.to_string() });
    by.did(cx, "digest.approved", scope(number), details);
    let StoredDefinition { definition, .. } = definition(cx).await?;
    let schedule = definition.schedule(stored.edition.period.cadence());
    if schedule.is_some_and(|schedule| schedule.sending == Sending::OnApproval) {
        return publish(cx, number, by).await;
    }
    show(cx, number).await
}

/// Publishes an approved edition: it is on the public page, and readers get it at their hour.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::UnknownEdition`].
pub async fn send(cx: &mut Context, number: u32, by: Option<&str>) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    let stored = lock(cx, number).await?;
    if stored.state != State::Approved {
        return Err(Refusal::Is(number, stored.state).into());
    }
    publish(cx, number, &by).await
}

async fn publish(cx: &mut Context, number: u32, by: &By) -> Result<StoredEdition, OperationError> {
    let approved = show(cx, number).await?;
    // A room that we were put out of reads nothing.
    rooms::leave_closed(cx).await?;
    let readers = sending::publish(cx, &approved).await?;
    let published = show(cx, number).await?;
    by.did(cx, "digest.published", scope(number), json!({ "readers": readers }));
    Ok(published)
}

/// Leaves an edition out that is not published. Its period is free for another.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::NoWords`], [`Refusal::TooLong`], [`Refusal::UnknownEdition`].
pub async fn skip(
    cx: &mut Context,
    number: u32,
    reason: &str,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    let reason = checked_words(reason)?;
    let stored = lock(cx, number).await?;
    if !matches!(stored.state, State::Draft | State::Approved) {
        return Err(Refusal::Is(number, stored.state).into());
    }
    let organisation = cx.organisation.id;
    store::skip(cx.sql(), organisation, number, reason).await?;
    by.did(cx, "digest.skipped", scope(number), json!({}));
    show(cx, number).await
}

/// Appends a correction to an edition that was approved: it stands under the edition with its day. What was sent
/// stays as it is.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::NoWords`], [`Refusal::TooLong`], [`Refusal::UnknownEdition`].
pub async fn correct(
    cx: &mut Context,
    number: u32,
    words: &Wording,
    by: Option<&str>,
) -> Result<StoredEdition, OperationError> {
    let by = By::whoever_asked(cx, by);
    let words = Wording {
        fr: checked_words(&words.fr)?.to_owned(),
        en: words.en.as_deref().map(checked_words).transpose()?.map(str::to_owned),
    };
    let stored = lock(cx, number).await?;
    if matches!(stored.state, State::Draft | State::Skipped) {
        return Err(Refusal::Is(number, stored.state).into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    let correction = store::correct(cx.sql(), organisation, number, &words, by.name(), now).await?;
    by.did(cx, "digest.corrected", scope(number), json!({ "correction": correction }));
    show(cx, number).await
}

fn checked_words(words: &str) -> Result<&str, Refusal> {
    let words = words.trim();
    if words.is_empty() {
        return Err(Refusal::NoWords);
    }
    if words.chars().count() > WORDS_CHARACTERS_MAX {
        return Err(Refusal::TooLong(WORDS_CHARACTERS_MAX));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use bot_core::plugin::{Effect, Purpose, Recipient};
    use chrono::TimeDelta;

    use super::*;
    use crate::edition::EntryKey;
    use crate::edition::bench::{DIGEST, Newsroom, reads};

    fn audited(effects: &[Effect]) -> Vec<String> {
        let lines = effects.iter().filter_map(|effect| match effect {
            Effect::Audit { action, subject, details } => Some(format!("{action} {subject} {details}")),
            _ => None,
        });
        lines.collect()
    }

    fn keys(stored: &StoredEdition) -> Vec<&str> {
        stored.edition.entries.iter().map(|entry| entry.key.0.as_str()).collect()
    }

    fn key(text: &str) -> EntryKey {
        EntryKey(text.to_owned())
    }

    #[tokio::test]
    async fn a_file_in_force_plans_its_drafts() {
        let newsroom = Newsroom::new(51).await;
        let set = async |source: &str| {
            newsroom.does_with_effects(async |cx| set_definition(cx, source, Some("claire")).await).await
        };
        let nothing = newsroom.does(async |cx| draft(cx, Cadence::Weekly, None).await).await.unwrap_err();
        assert!(nothing.contains("crieur digest set FILE"), "{nothing}");
        let (version, effects) = set(DIGEST).await.unwrap();
        assert_eq!(version, 1);
        let fires = effects.iter().filter_map(|effect| match effect {
            Effect::Schedule(fire) if fire.scope.starts_with(FIRES) => {
                let repeat = fire.repeat.as_ref().unwrap();
                Some(format!("{} {} {} {:?}", fire.scope, fire.due_at, repeat.cron, fire.misfire))
            }
            _ => None,
        });
        assert_eq!(
            fires.collect::<Vec<_>>(),
            [
                "draft:weekly 2026-11-30 06:00:00 UTC 0 7 * * 1 RunOnce",
                "draft:monthly 2026-12-01 05:00:00 UTC 0 6 1 * * RunOnce",
            ]
        );
        assert_eq!(audited(&effects), [r#"digest.defined digest {"by":"claire","sources":5,"version":1}"#]);
        assert!(set(DIGEST).await.unwrap_err().contains("nothing to change"));
        assert!(set("title = 3").await.unwrap_err().contains("line 1: title"));
        // A rhythm that is given up drafts no more.
        let (version, effects) =
            set(&DIGEST.replace("[monthly]", "[weekly.unused]")).await.unwrap_or_else(|_| (0, Vec::new()));
        assert_eq!((version, effects.len()), (0, 0), "a file with faults is not stored");
        let weekly_only: String = DIGEST
            .lines()
            .scan(false, |inside, line| {
                if line.starts_with('[') {
                    *inside = line == "[monthly]";
                }
                Some(if *inside { String::new() } else { format!("{line}\n") })
            })
            .collect();
        let (version, effects) = set(&weekly_only).await.unwrap();
        assert_eq!(version, 2);
        let is_cancelled =
            |effect: &Effect| matches!(effect, Effect::CancelFire { scope, .. } if scope == "draft:monthly");
        assert!(effects.iter().any(is_cancelled));
        let monthly = newsroom.does(async |cx| draft(cx, Cadence::Monthly, None).await).await.unwrap_err();
        assert!(monthly.contains("no monthly editions"), "{monthly}");
    }

    #[tokio::test]
    async fn a_period_has_one_edition_unless_it_was_skipped() {
        let newsroom = Newsroom::with_digest(52).await;
        let drafts = async || newsroom.does(async |cx| draft(cx, Cadence::Weekly, Some("claire")).await).await;
        let first = drafts().await.unwrap();
        assert_eq!((first.number, first.edition.period.to_string().as_str()), (1, "2026-W48"));
        assert_eq!(first.edited_by, "claire");
        assert!(first.edition.is_empty());
        let taken = drafts().await.unwrap_err();
        assert!(taken.contains("2026-W48") && taken.contains("edition 1"), "{taken}");
        newsroom.does(async |cx| skip(cx, 1, " Rien à dire ", None).await).await.unwrap();
        let second = drafts().await.unwrap();
        assert_eq!(second.number, 2);
        // What was skipped is looked at again: two windows begin at the same moment.
        assert_eq!(second.edition.window.from, first.edition.window.from);
        // The next week begins where the draft ended, to the second.
        newsroom.bench.clock.advance(TimeDelta::days(9));
        let third = drafts().await.unwrap();
        assert_eq!(third.edition.window.from, second.edition.window.until);
    }

    #[tokio::test]
    async fn every_change_is_a_revision_and_only_what_was_read_is_approved() {
        let newsroom = Newsroom::with_digest(53).await;
        let first = newsroom.drafts_some().await;
        let (number, hash) = (first.number, first.hash);
        assert_eq!(
            keys(&first)[1..],
            ["news:1", "news:2", "event:1:2026-12-04"],
            "figures first, then the newest news, then events"
        );

        let changed = newsroom.does_with_effects(async |cx| {
            introduce(cx, number, 1, bot_core::Locale::Fr, " Bonjour **à tous** ", Some("paul")).await
        });
        let (changed, effects) = changed.await.unwrap();
        assert_eq!((changed.revision, changed.edited_by.as_str()), (2, "paul"));
        assert_eq!(changed.edition.introduction[&bot_core::Locale::Fr], "Bonjour **à tous**");
        assert_eq!(audited(&effects), [r#"digest.introduced digest:1 {"by":"paul","locale":"fr"}"#]);

        // Approving what was read before is refused, by revision and by hash.
        for (revision, seen) in [(1, hash), (1, changed.hash), (2, hash)] {
            let refused = newsroom.does(async |cx| approve(cx, number, revision, seen, None).await).await.unwrap_err();
            let why = if revision == 2 { "not the hash" } else { "has changed meanwhile" };
            assert!(refused.contains(why) && refused.contains("ead it again"), "{refused}");
        }
        // So is a change of what is no longer there.
        let late = newsroom.does(async |cx| drop_entry(cx, number, 1, &key("news:1"), None).await).await;
        assert!(late.unwrap_err().contains("you saw revision 1, and it is at 2 now"));

        let dropped = newsroom.does(async |cx| drop_entry(cx, number, 2, &key("news:1"), None).await).await.unwrap();
        assert_eq!(keys(&dropped)[1..], ["news:2", "event:1:2026-12-04"]);
        let from_news = |stored: &StoredEdition| stored.edition.sources[0].entries;
        assert_eq!((from_news(&first), from_news(&dropped)), (2, 1), "the foot counts what is there");
        let gone = newsroom.does(async |cx| drop_entry(cx, number, 3, &key("news:1"), None).await).await;
        assert!(gone.unwrap_err().contains("no entry news:1"));
        let alone =
            newsroom.does(async |cx| move_entry(cx, number, 3, &key("news:2"), Direction::Up, None).await).await;
        assert!(alone.unwrap_err().contains("at the end of its section"));

        let approval = newsroom.does_with_effects(async |cx| approve(cx, number, 3, dropped.hash, Some("paul")).await);
        let (approved, effects) = approval.await.unwrap();
        assert_eq!((approved.state, approved.approved_by.as_deref()), (State::Sending, Some("paul")));
        assert_eq!((approved.expected, approved.hash), (Some(0), dropped.hash));
        let lines = audited(&effects);
        assert!(lines[0].starts_with("digest.approved digest:1 {\"by\":\"paul\",\"hash\":"), "{lines:?}");
        assert!(lines[1].starts_with("digest.published digest:1 "), "{lines:?}");
        for refused in [
            newsroom.does(async |cx| drop_entry(cx, number, 3, &key("news:2"), None).await).await,
            newsroom.does(async |cx| approve(cx, number, 3, dropped.hash, None).await).await,
            newsroom.does(async |cx| skip(cx, number, "Trop tard", None).await).await,
            newsroom.does(async |cx| send(cx, number, None).await).await,
        ] {
            assert!(refused.unwrap_err().contains("is published already"));
        }
    }

    #[tokio::test]
    async fn the_charts_of_an_approved_edition_are_kept_in_both_languages() {
        let newsroom = Newsroom::with_digest(54).await;
        let draft = newsroom.drafts_some().await;
        let approval = newsroom.does_with_effects(async |cx| approve(cx, 1, 1, draft.hash, None).await);
        let (_, effects) = approval.await.unwrap();
        let stored = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::StoreMedia { content_type, .. } if content_type == "image/png"));
        assert_eq!(stored.count(), 2);
        let kept = newsroom
            .does(async |cx| {
                let organisation = cx.organisation.id;
                Ok(charts::pictures(cx.sql(), organisation, 1).await?)
            })
            .await
            .unwrap();
        let figure = &draft.edition.entries[0].key;
        let locales: Vec<_> = kept.keys().map(|(key, locale)| (key == figure, *locale)).collect();
        assert_eq!(locales, [(true, bot_core::Locale::Fr), (true, bot_core::Locale::En)]);
    }

    #[tokio::test]
    async fn what_an_editor_writes_is_checked() {
        let newsroom = Newsroom::with_digest(55).await;
        newsroom.drafts_some().await;
        let writes = async |words: &str| {
            newsroom.does(async |cx| introduce(cx, 1, 1, bot_core::Locale::Fr, words, None).await).await
        };
        let unknown = writes("Bonjour,\n\nà vous {{nom}}").await.unwrap_err();
        assert!(unknown.contains("line 3, column 8: there is no variable `nom`"), "{unknown}");
        assert!(writes("{{#if").await.unwrap_err().contains("is not closed"));
        assert!(writes(&"a".repeat(4001)).await.unwrap_err().contains("at most 4,000 characters"));
        assert!(writes(&"é".repeat(4000)).await.is_ok());
        let correct = async |words: &str| {
            let words = Wording::french(words);
            newsroom.does(async |cx| correct(cx, 1, &words, Some("claire")).await).await
        };
        assert!(correct("98, non 89").await.unwrap_err().contains("still a draft"));
        let skips = async |reason: &str| newsroom.does(async |cx| skip(cx, 1, reason, None).await).await;
        assert!(skips(" \n").await.unwrap_err().contains("write at least one"));
        assert!(skips(&"a".repeat(1001)).await.unwrap_err().contains("at most 1,000 characters"));
        let empty = newsroom.does(async |cx| skip(cx, 1, "Vide", None).await).await.unwrap();
        assert_eq!(empty.state, State::Skipped);
        assert!(correct("98, non 89").await.unwrap_err().contains("was skipped"));
        assert!(newsroom.does(async |cx| show(cx, 9).await).await.unwrap_err().contains("no edition 9"));
    }

    #[tokio::test]
    async fn a_correction_is_appended_and_changes_no_byte() {
        let newsroom = Newsroom::with_digest(56).await;
        let draft = newsroom.drafts_some().await;
        newsroom.does(async |cx| approve(cx, 1, 1, draft.hash, None).await).await.unwrap();
        for words in ["98 collectivités, non 89.", "En 2017."] {
            let words = Wording { fr: words.to_owned(), en: Some("In English.".to_owned()) };
            newsroom.does(async |cx| correct(cx, 1, &words, Some("claire")).await).await.unwrap();
        }
        let corrected = newsroom.does(async |cx| show(cx, 1).await).await.unwrap();
        assert_eq!((corrected.hash, corrected.edition), (draft.hash, draft.edition));
        let lines = corrected.corrections.iter().map(|line| (line.number, line.words.fr.as_str()));
        assert_eq!(lines.collect::<Vec<_>>(), [(1, "98 collectivités, non 89."), (2, "En 2017.")]);
    }

    #[tokio::test]
    async fn the_database_itself_keeps_what_was_approved() {
        let newsroom = Newsroom::with_digest(57).await;
        let draft = newsroom.drafts_some().await;
        newsroom.does(async |cx| approve(cx, 1, 1, draft.hash, None).await).await.unwrap();
        let pool = &newsroom.bench.pool;
        let rewritten = sqlx::query("UPDATE barometer_digests.edition SET content = '{}'").execute(pool).await;
        assert!(rewritten.unwrap_err().to_string().contains("append a correction"));
        let deleted = sqlx::query("DELETE FROM barometer_digests.edition").execute(pool).await;
        assert!(deleted.unwrap_err().to_string().contains("skip it"));
        // Bytes that are not what was hashed are never shown.
        sqlx::query("ALTER TABLE barometer_digests.edition DISABLE TRIGGER ALL").execute(pool).await.unwrap();
        sqlx::query("UPDATE barometer_digests.edition SET content = replace(content, '801', '901')")
            .execute(pool)
            .await
            .unwrap();
        sqlx::query("UPDATE barometer_digests.edition SET content = replace(content, '80.1', '90.1')")
            .execute(pool)
            .await
            .unwrap();
        let organisation = newsroom.bench.organisation.id;
        let mut sql = pool.acquire().await.unwrap();
        let found = store::find(&mut sql, organisation, 1).await;
        assert!(found.unwrap_err().to_string().contains("not what its hash says"));
    }

    #[tokio::test]
    async fn an_empty_edition_may_be_approved_for_those_who_want_to_be_told() {
        let newsroom = Newsroom::with_digest(58).await;
        let draft = newsroom.drafts(Vec::new()).await;
        let approved = newsroom.does(async |cx| approve(cx, 1, 1, draft.hash, None).await).await.unwrap();
        assert!(approved.edition.is_empty() && approved.approved_at.is_some());
    }

    #[tokio::test]
    async fn editors_hear_of_a_draft_that_was_made_by_itself() {
        let newsroom = Newsroom::with_digest(59).await;
        let effects = newsroom.fires("draft:weekly").await;
        let told = effects.iter().find_map(|effect| match effect {
            Effect::Send(message) => Some(message),
            _ => None,
        });
        let told = told.unwrap();
        assert_eq!((told.to, told.purpose), (Recipient::Organisers, Purpose::Service));
        assert_ne!(told.scope, scope(1), "it is no digest, and is not counted as one");
        assert!(reads(&told.document).starts_with("La lettre de cette période est vide"), "{}", reads(&told.document));
        assert!(reads(&told.translations[0].1).contains("[Open the edition]"));
        assert_eq!(audited(&effects), [r#"digest.drafted digest:1 {"by":"plugin","entries":0,"period":"2026-W48"}"#]);
        // Once only.
        assert!(newsroom.fires("draft:weekly").await.is_empty());
        newsroom.fires("draft:monthly").await;
        let monthly = newsroom.does(async |cx| show(cx, 2).await).await.unwrap();
        assert_eq!(monthly.state, State::Sending, "it is approved by itself, also with nothing in it");
        assert!(newsroom.fires("draft:yearly").await.is_empty());
    }
}
