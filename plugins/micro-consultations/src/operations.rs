//! What organisers and operators do with consultations, in chat and on the command line alike.
//!
//! Each takes the call's [`Context`], so that what it asks for (fires, messages, the audit line) commits with it.

use bot_core::calendar::resolve_local;
use bot_core::message::Document;
use bot_core::plugin::{Context, Fire, FiredFire, HandlerError, HandlerResult, Misfire, Outgoing, Purpose, Recipient};
use bot_core::{Locale, OrganisationId};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rand::RngCore;
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use crate::action::{Action, Verb};
use crate::answer::Answers;
use crate::closing;
use crate::definition::{Closing, DURATION_DAYS_MAX, Definition, days_later};
use crate::definition_file;
use crate::news;
use crate::results::{self, Results, Viewer};
use crate::script::Script;
use crate::snapshot;
use crate::store::{self, Consultation, ConsultationId, Lock, State};

pub(crate) use crate::refusal::By;
pub use crate::refusal::{OperationError, Refusal};

/// A consultation in a list. Times are UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    pub id: ConsultationId,
    pub slug: String,
    /// In French.
    pub title: String,
    pub state: State,
    pub anonymity: &'static str,
    pub questions: usize,
    pub ballots: u64,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub announced_at: Option<DateTime<Utc>>,
    /// SHA-256 of what is asked, in hexadecimal.
    pub wording_hash: String,
}

/// Stores a consultation: as a draft, or scheduled when its definition says when it opens.
///
/// # Errors
/// [`Refusal::File`], [`Refusal::SlugTaken`], [`Refusal::ClosingPast`].
pub async fn create(cx: &mut Context, definition: Definition) -> Result<Consultation, OperationError> {
    let definition = definition_file::check(definition).map_err(Refusal::File)?;
    let (organisation, now, zone) = (cx.organisation.id, cx.now, cx.organisation.time_zone);
    let opening = definition.opens_at.map(|local| resolve_local(local, definition.time_zone.unwrap_or(zone)));
    let earliest = opening.unwrap_or(now).max(now);
    // A duration counts from the opening, so only a stated closing can be past.
    if matches!(definition.closing, Closing::At(_)) && definition.closes_at(earliest, zone) <= earliest {
        return Err(Refusal::ClosingPast.into());
    }
    let mut secret = [0; 32];
    cx.random.fill_bytes(&mut secret);
    let id = store::insert(cx.sql(), organisation, &definition, secret, now).await?;
    let id = id.ok_or_else(|| Refusal::SlugTaken(definition.slug.clone()))?;
    if opening.is_some() {
        let closing = definition.closes_at(earliest, zone);
        let version = store::schedule(cx.sql(), organisation, id, State::Scheduled, earliest, closing).await?;
        cx.schedule(fire("opening", id, version, earliest));
    }
    By::whoever_asked(cx).did(cx, "consultation.created", id, json!({ "slug": definition.slug }));
    find(cx, id, Lock::None).await
}

/// Throws a draft away, as it was; its name is free again.
///
/// # Errors
/// [`Refusal::NotDraft`], [`Refusal::Unknown`].
pub async fn discard(cx: &mut Context, id: ConsultationId) -> Result<Consultation, OperationError> {
    let consultation = find(cx, id, Lock::Alone).await?;
    let organisation = cx.organisation.id;
    if !store::discard_draft(cx.sql(), organisation, id).await? {
        return Err(Refusal::NotDraft.into());
    }
    By::whoever_asked(cx).did(cx, "consultation.discarded", id, json!({ "slug": consultation.slug() }));
    Ok(consultation)
}

/// Opens a draft or a scheduled consultation now.
///
/// # Errors
/// [`Refusal::AlreadyOpen`], [`Refusal::Closed`], [`Refusal::ClosingPast`], [`Refusal::Unknown`].
pub async fn open(cx: &mut Context, id: ConsultationId) -> Result<Consultation, OperationError> {
    let consultation = find(cx, id, Lock::Alone).await?;
    match consultation.state {
        State::Draft | State::Scheduled => {}
        State::Open => return Err(Refusal::AlreadyOpen.into()),
        State::Closed => return Err(Refusal::Closed.into()),
    }
    let (organisation, now, zone) = (cx.organisation.id, cx.now, cx.organisation.time_zone);
    let closing = consultation.definition.closes_at(now, zone);
    if closing <= now {
        return Err(Refusal::ClosingPast.into());
    }
    cx.cancel_fire(fire_scope("opening", id, consultation.schedule_version), "");
    let version = store::schedule(cx.sql(), organisation, id, State::Open, now, closing).await?;
    cx.schedule(fire("closing", id, version, closing));
    By::whoever_asked(cx).did(cx, "consultation.opened", id, json!({}));
    let opened = find(cx, id, Lock::None).await?;
    news::opened(cx, &opened);
    Ok(opened)
}

/// Closes an open consultation now, for ever (see [`crate::closing`]).
///
/// # Errors
/// [`Refusal::NotOpen`], [`Refusal::Closed`], [`Refusal::Unknown`].
pub async fn close(cx: &mut Context, id: ConsultationId) -> Result<Consultation, OperationError> {
    let consultation = find(cx, id, Lock::Alone).await?;
    match consultation.state {
        State::Open => {}
        State::Closed => return Err(Refusal::Closed.into()),
        State::Draft | State::Scheduled => return Err(Refusal::NotOpen.into()),
    }
    cx.cancel_fire(fire_scope("closing", id, consultation.schedule_version), "");
    let by = By::whoever_asked(cx);
    let closed = closing::close(cx, id, by).await?;
    closed.ok_or_else(|| Refusal::NotOpen.into())
}

/// Moves the closing of an open consultation `days` later (1 to [`DURATION_DAYS_MAX`]).
///
/// # Errors
/// [`Refusal::Extension`], [`Refusal::NotOpen`], [`Refusal::Closed`], [`Refusal::Unknown`].
pub async fn extend(cx: &mut Context, id: ConsultationId, days: u16) -> Result<Consultation, OperationError> {
    if !(1..=DURATION_DAYS_MAX).contains(&days) {
        return Err(Refusal::Extension.into());
    }
    let consultation = find(cx, id, Lock::Alone).await?;
    if consultation.state == State::Closed || consultation.is_over(cx.now) {
        return Err(Refusal::Closed.into());
    }
    let (true, Some(opens_at), Some(closes_at)) =
        (consultation.takes_ballots(cx.now), consultation.opens_at, consultation.closes_at)
    else {
        return Err(Refusal::NotOpen.into());
    };
    let zone = consultation.definition.time_zone.unwrap_or(cx.organisation.time_zone);
    let (organisation, later) = (cx.organisation.id, days_later(closes_at, days, zone));
    cx.cancel_fire(fire_scope("closing", id, consultation.schedule_version), "");
    let version = store::schedule(cx.sql(), organisation, id, State::Open, opens_at, later).await?;
    cx.schedule(fire("closing", id, version, later));
    By::whoever_asked(cx).did(cx, "consultation.extended", id, json!({ "days": days }));
    let extended = find(cx, id, Lock::None).await?;
    news::changed(cx, &extended);
    Ok(extended)
}

/// Tells everybody who consented that a consultation is open, once.
///
/// # Errors
/// [`Refusal::NotOpen`], [`Refusal::AlreadyAnnounced`], [`Refusal::Unknown`].
pub async fn announce(cx: &mut Context, id: ConsultationId) -> Result<Consultation, OperationError> {
    let consultation = find(cx, id, Lock::Alone).await?;
    if !consultation.takes_ballots(cx.now) {
        return Err(Refusal::NotOpen.into());
    }
    let zone = consultation.definition.time_zone.unwrap_or(cx.organisation.time_zone);
    if let Some(when) = consultation.announced_at {
        return Err(Refusal::AlreadyAnnounced(when, zone).into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::mark_announced(cx.sql(), organisation, id, now).await?;
    let document = announcement(cx, &consultation, cx.organisation.default_locale);
    let mut message = Outgoing::new(Recipient::Consenting, Purpose::Consultation, id.scope(), document);
    message.subject = "announcement".to_owned();
    message.not_after = consultation.closes_at;
    message.translations =
        Locale::ALL.into_iter().map(|locale| (locale, announcement(cx, &consultation, locale))).collect();
    cx.send(message);
    By::whoever_asked(cx).did(cx, "consultation.announced", id, json!({}));
    find(cx, id, Lock::None).await
}

fn announcement(cx: &Context, consultation: &Consultation, locale: Locale) -> Document {
    let script = script(cx, consultation, locale);
    let questions = consultation.definition.questions.len();
    let title = script.title();
    let mut document = Document::says(script.say("announcement", &[("title", title.into())]));
    if let Some(introduction) = &consultation.definition.introduction {
        document = document.paragraph(introduction.in_locale(locale));
    }
    let until = [("closing", script.closing().into()), ("questions", questions.into())];
    document.paragraph(script.say("announcement-until", &until)).choice(
        script.say("button-answer", &[]),
        Action::new(Verb::Answer, consultation.id, consultation.version).payload(),
    )
}

fn script<'c>(cx: &Context, consultation: &'c Consultation, locale: Locale) -> Script<'c> {
    Script { consultation, locale, time_zone: cx.organisation.time_zone, buttons: true }
}

/// Every consultation of the organisation.
pub async fn list(sql: &mut PgConnection, organisation: OrganisationId) -> Result<Vec<Summary>, HandlerError> {
    let all = [State::Open, State::Scheduled, State::Draft, State::Closed];
    let mut summaries = Vec::new();
    for consultation in store::list(&mut *sql, organisation, &all).await? {
        summaries.push(summary(&mut *sql, organisation, &consultation).await?);
    }
    Ok(summaries)
}

pub async fn summary(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
) -> Result<Summary, HandlerError> {
    let participation = snapshot::participation(sql, organisation, consultation).await?;
    let hash = consultation.definition.wording_hash();
    Ok(Summary {
        id: consultation.id,
        slug: consultation.slug().to_owned(),
        title: consultation.definition.title.fr.clone(),
        state: consultation.state,
        anonymity: consultation.definition.anonymity.as_str(),
        questions: consultation.definition.questions.len(),
        ballots: participation.iter().map(|(_, ballots)| ballots).sum(),
        opens_at: consultation.opens_at,
        closes_at: consultation.closes_at,
        closed_at: consultation.closed_at,
        announced_at: consultation.announced_at,
        wording_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// Finds a consultation by its name or its number.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn show(cx: &mut Context, name: &str) -> Result<Consultation, OperationError> {
    let organisation = cx.organisation.id;
    let found = match store::find_by_slug(cx.sql(), organisation, name).await? {
        None => match name.parse() {
            Ok(number) => store::find(cx.sql(), organisation, ConsultationId(number), Lock::None).await?,
            Err(_) => None,
        },
        found => found,
    };
    found.ok_or_else(|| Refusal::Unknown.into())
}

/// The results as an organiser may see them: as a voter does, and no earlier.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn results(cx: &mut Context, id: ConsultationId) -> Result<Results, OperationError> {
    let consultation = find(cx, id, Lock::None).await?;
    let organisation = cx.organisation.id;
    Ok(results::read(cx.sql(), organisation, &consultation, Viewer::Voter).await?)
}

/// The messages a participant will receive, in order. One without times is shown as if it opened when its definition
/// says, or else at `now`. `zone` is the organisation's.
pub fn preview(consultation: &Consultation, locale: Locale, now: DateTime<Utc>, zone: Tz) -> Vec<Document> {
    let definition = &consultation.definition;
    let opening = definition.opens_at.map(|local| resolve_local(local, definition.time_zone.unwrap_or(zone)));
    let closing = consultation.closes_at.unwrap_or_else(|| definition.closes_at(opening.unwrap_or(now), zone));
    let consultation = Consultation { closes_at: Some(closing), ..consultation.clone() };
    let script = Script { consultation: &consultation, locale, time_zone: zone, buttons: true };
    let mut documents = Vec::new();
    if !consultation.is_anonymous() {
        documents.push(script.consent());
    }
    for (index, question) in definition.questions.iter().enumerate() {
        documents.push(script.question(index, question, None));
    }
    documents.push(script.review(&Answers::none(definition)));
    documents.push(script.receipt(script.say("receipt", &[])));
    documents
}

/// The same for a consultation that is stored nowhere, whatever its name and its times.
pub fn preview_of(definition: Definition, locale: Locale, now: DateTime<Utc>, zone: Tz) -> Vec<Document> {
    let consultation = Consultation {
        id: ConsultationId(0),
        definition,
        version: 1,
        state: State::Draft,
        schedule_version: 1,
        opens_at: None,
        closes_at: None,
        closed_at: None,
        announced_at: None,
        secret: None,
    };
    preview(&consultation, locale, now, zone)
}

/// The consultation file, with the closing as it stands now.
///
/// # Errors
/// When the definition cannot be written as TOML, which a checked one always can.
pub fn export(cx: &Context, consultation: &Consultation) -> Result<String, HandlerError> {
    let mut definition = consultation.definition.clone();
    if let (Closing::At(_), Some(closes_at)) = (definition.closing, consultation.closes_at) {
        let zone = definition.time_zone.unwrap_or(cx.organisation.time_zone);
        definition.closing = Closing::At(closes_at.with_timezone(&zone).naive_local());
    }
    definition_file::export(&definition)
        .map_err(|error| HandlerError::Broken(format!("consultation {} as a file: {error}", consultation.id)))
}

/// The consultation of this number.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn known(cx: &mut Context, id: ConsultationId) -> Result<Consultation, OperationError> {
    find(cx, id, Lock::None).await
}

async fn find(cx: &mut Context, id: ConsultationId, lock: Lock) -> Result<Consultation, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::find(cx.sql(), organisation, id, lock).await?;
    found.ok_or_else(|| Refusal::Unknown.into())
}

fn fire_scope(what: &str, id: ConsultationId, schedule_version: i32) -> String {
    format!("{what}:{id}:{schedule_version}")
}

fn fire(what: &str, id: ConsultationId, schedule_version: i32, due_at: DateTime<Utc>) -> Fire {
    Fire {
        scope: fire_scope(what, id, schedule_version),
        subject: String::new(),
        due_at,
        // Late is better than never: a closing that was missed must still destroy the key.
        misfire: Misfire::RunOnce,
        payload: json!({}),
        repeat: None,
    }
}

/// An opening or a closing is due. One of an older schedule does nothing.
pub(crate) async fn fired(cx: &mut Context, fired: &FiredFire) -> HandlerResult {
    let mut parts = fired.scope.split(':');
    let (Some(what), Some(Ok(id)), Some(Ok(version))) =
        (parts.next(), parts.next().map(str::parse::<i32>), parts.next().map(str::parse::<i32>))
    else {
        return Err(HandlerError::Broken(format!("a fire of the unknown scope {:?}", fired.scope)));
    };
    let (organisation, id, now) = (cx.organisation.id, ConsultationId(id), cx.now);
    let found = store::find(cx.sql(), organisation, id, Lock::Alone).await?;
    let Some(consultation) = found.filter(|found| found.schedule_version == version) else { return Ok(()) };
    match (what, consultation.state, consultation.closes_at) {
        ("opening", State::Scheduled, Some(closes_at)) => {
            let opens_at = consultation.opens_at.unwrap_or(now);
            let version = store::schedule(cx.sql(), organisation, id, State::Open, opens_at, closes_at).await?;
            cx.schedule(fire("closing", id, version, closes_at));
            By::Plugin.did(cx, "consultation.opened", id, json!({}));
            news::opened(cx, &Consultation { state: State::Open, opens_at: Some(opens_at), ..consultation });
        }
        // The clock was set back after the fire was taken: not yet.
        ("closing", State::Open, Some(closes_at)) if now < closes_at => {
            cx.schedule(fire("closing", id, version, closes_at));
        }
        ("closing", State::Open, _) => {
            closing::close(cx, id, By::Plugin).await?;
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{MARKET, Town, definition};

    fn due(fire: &Fire) -> FiredFire {
        FiredFire {
            scope: fire.scope.clone(),
            subject: fire.subject.clone(),
            due_at: fire.due_at,
            payload: fire.payload.clone(),
        }
    }

    fn scheduled(effects: &[bot_core::plugin::Effect]) -> Vec<Fire> {
        let fires = effects.iter().filter_map(|effect| match effect {
            bot_core::plugin::Effect::Schedule(fire) => Some(fire.clone()),
            _ => None,
        });
        fires.collect()
    }

    #[tokio::test]
    async fn a_scheduled_consultation_opens_and_closes_by_itself() {
        let town = Town::new(71).await;
        let times = "opens_at = 2026-09-10T08:00:00\ncloses_at = 2026-10-26T02:30:00";
        let source = MARKET.replace("duration_days = 14", times);
        let definition = definition(&source);
        let (created, effects) = town.operator(async |cx| Ok(create(cx, definition).await.unwrap())).await;
        let opening = scheduled(&effects).remove(0);
        assert_eq!(opening.due_at.to_string(), "2026-09-10 06:00:00 UTC");
        let mut ana = town.citizen();
        ana.sends("resultats place-du-marche").await;
        assert!(ana.reads().contains("n’existe pas"), "{}", ana.reads());

        town.bench.clock.set(opening.due_at);
        let effects = town.operator(async |cx| fired(cx, &due(&opening)).await).await.1;
        let closing = scheduled(&effects).remove(0);
        assert_eq!(closing.due_at.to_string(), "2026-10-26 01:30:00 UTC");
        ana.sends("consultations").await;
        ana.taps("Répondre").await;

        // Extended by a day: the fire of the old time does nothing any more.
        let (_, effects) = town.operator(async |cx| Ok(extend(cx, created.id, 1).await.unwrap())).await;
        let later = scheduled(&effects).remove(0);
        town.bench.clock.set(closing.due_at);
        town.operator(async |cx| fired(cx, &due(&closing)).await).await;
        let state = town.operator(async |cx| Ok(show(cx, "place-du-marche").await.unwrap().state)).await.0;
        assert_eq!(state, State::Open);
        town.bench.clock.set(later.due_at);
        town.operator(async |cx| fired(cx, &due(&later)).await).await;
        let state = town.operator(async |cx| Ok(show(cx, "1").await.unwrap().state)).await.0;
        assert_eq!(state, State::Closed);
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_in_words() {
        let town = Town::new(72).await;
        let id = town.opens(MARKET).await.id;
        let mut refusals = Vec::new();
        town.operator(async |cx| {
            let past = MARKET.replace("duration_days = 14", "closes_at = 2026-08-01T08:00:00");
            let tries = [
                create(cx, definition(MARKET)).await.map(|_| ()),
                create(cx, definition(&past.replace("place-du-marche", "autre"))).await.map(|_| ()),
                open(cx, id).await.map(|_| ()),
                extend(cx, id, 0).await.map(|_| ()),
                announce(cx, ConsultationId(99)).await.map(|_| ()),
                show(cx, "inconnue").await.map(|_| ()),
                announce(cx, id).await.map(|_| ()),
                announce(cx, id).await.map(|_| ()),
                close(cx, id).await.map(|_| ()),
                close(cx, id).await.map(|_| ()),
                open(cx, id).await.map(|_| ()),
                extend(cx, id, 1).await.map(|_| ()),
            ];
            refusals.extend(tries.into_iter().filter_map(Result::err).map(|error| error.to_string()));
            Ok(())
        })
        .await;
        insta::assert_snapshot!(refusals.join("\n"), @r"
        The name “place-du-marche” is taken: choose another one.
        The planned closing is already past: choose a date to come.
        This consultation is already open.
        An extension is 1 to 366 days.
        This consultation does not exist.
        This consultation does not exist.
        This consultation was already announced on Tuesday 1 September 2026 at 10:00: nobody likes to receive the same message twice.
        This consultation is closed, and a closed consultation stays closed.
        This consultation is closed, and a closed consultation stays closed.
        This consultation is closed, and a closed consultation stays closed.
        ");
    }

    #[tokio::test]
    async fn the_audit_log_says_who_did_it() {
        let town = Town::new(74).await;
        let audited = |effects: &[bot_core::plugin::Effect]| {
            let lines = effects.iter().filter_map(|effect| match effect {
                bot_core::plugin::Effect::Audit { action, subject, details } => {
                    Some(format!("{action} {subject} {details}"))
                }
                _ => None,
            });
            lines.collect::<Vec<_>>().join("; ")
        };
        let times = "opens_at = 2026-09-02T08:00:00\nduration_days = 1";
        let planned = definition(&MARKET.replace("duration_days = 14", times));
        let (_, created) = town.operator(async |cx| Ok(create(cx, planned).await.unwrap())).await;
        let opening = scheduled(&created).remove(0);
        town.bench.clock.set(opening.due_at);
        let opened = town.operator(async |cx| fired(cx, &due(&opening)).await).await.1;
        let mut organiser = town.organiser();
        organiser.sends("mes_consultations").await;
        organiser.taps("La place").await;
        organiser.taps("Annoncer").await;
        let (announced, address) = (audited(&organiser.effects), organiser.caller.address);
        let closing = scheduled(&opened).remove(0);
        town.bench.clock.set(closing.due_at);
        let closed = town.operator(async |cx| fired(cx, &due(&closing)).await).await.1;
        assert_eq!(
            [audited(&created), audited(&opened), announced, audited(&closed)],
            [
                r#"consultation.created consultation:1 {"by":"operator","slug":"place-du-marche"}"#.to_owned(),
                r#"consultation.opened consultation:1 {"by":"plugin"}"#.to_owned(),
                format!(r#"consultation.announced consultation:1 {{"address":{address},"by":"organiser"}}"#),
                r#"consultation.closed consultation:1 {"ballots":0,"by":"plugin"}"#.to_owned(),
            ]
        );
    }

    #[test]
    fn a_preview_needs_no_database_and_says_when_it_closes() {
        let (now, zone) = ("2026-09-01T08:00:00Z".parse().unwrap(), chrono_tz::Europe::Paris);
        let until = |source: &str| {
            let first = preview_of(definition(source), Locale::En, now, zone).remove(0);
            let lines: Vec<String> = first.blocks.iter().map(bot_core::message::layout::words_of).collect();
            lines[1].rsplit_once("You can answer ").unwrap().1.to_owned()
        };
        assert_eq!(until(MARKET), "until Tuesday 15 September 2026 at 10:00.");
        let scheduled = MARKET.replace("duration_days", "opens_at = 2026-10-20T09:00:00\nduration_days");
        assert_eq!(until(&scheduled), "until Tuesday 3 November 2026 at 09:00.");
        let past = MARKET.replace("duration_days = 14", "closes_at = 2020-01-02T08:00:00");
        assert_eq!(until(&past), "until Thursday 2 January 2020 at 08:00.");
    }

    #[tokio::test]
    async fn the_database_itself_keeps_the_promise() {
        let town = Town::new(73).await;
        let id = town.opens(MARKET).await.id.0;
        let named = sqlx::query!("UPDATE micro_consultations.consultation SET anonymity = 'named' WHERE id = $1", id)
            .execute(&town.bench.pool)
            .await;
        assert!(named.unwrap_err().to_string().contains("stays anonymous"));
        let reworded = sqlx::query!("UPDATE micro_consultations.consultation SET version = 2 WHERE id = $1", id)
            .execute(&town.bench.pool)
            .await;
        assert!(reworded.unwrap_err().to_string().contains("frozen"));
    }
}
