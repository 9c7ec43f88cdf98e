//! The life of a pulse: made, asked in its rooms, closed, counted by each platform, and its result told.

use bot_core::ConversationId;
use bot_core::message::{Document, Poll, Text};
use bot_core::plugin::{
    ClosePoll, Context, DeliveryOutcome, Fire, FiredFire, HandlerError, HandlerResult, Misfire, Outgoing, Purpose,
    Recipient,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::store::{self, Pulse, PulseId, PulseState};
use super::{PulseDefinition, ROOMS_MAX, results};
use crate::operations::{By, OperationError, Refusal};
use crate::words::{moment, text};

/// Fires of pulses begin so.
pub(crate) const FIRES: &str = "pulse-";
const ASK: &str = "pulse-ask";
const CLOSE: &str = "pulse-close";
const TELL: &str = "pulse-tell";
/// What the platforms have not counted by then is told as unknown.
const COUNTED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Stores a pulse as a draft.
///
/// # Errors
/// [`Refusal::SlugTaken`].
pub async fn create(cx: &mut Context, definition: PulseDefinition) -> Result<Pulse, OperationError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let id = store::insert(cx.sql(), organisation, &definition, now).await?;
    let id = id.ok_or_else(|| Refusal::SlugTaken(definition.slug.clone()))?;
    did(cx, By::whoever_asked(cx), "pulse.created", id, json!({ "slug": definition.slug }));
    known(cx, id).await
}

/// Finds a pulse by its name.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn show(cx: &mut Context, slug: &str) -> Result<Pulse, OperationError> {
    let organisation = cx.organisation.id;
    Ok(store::find_by_slug(cx.sql(), organisation, slug).await?.ok_or(Refusal::Unknown)?)
}

/// Asks a pulse in `rooms`, by their numbers; in those its file names when there are none. The service that runs, or
/// the next one, does it.
///
/// # Errors
/// [`Refusal::NoRooms`], [`Refusal::RoomsMax`], [`Refusal::NoRoom`], [`Refusal::ClosingPast`],
/// [`Refusal::AlreadyOpen`], [`Refusal::Closed`], [`Refusal::Unknown`].
pub async fn open(cx: &mut Context, id: PulseId, rooms: &[i64]) -> Result<Pulse, OperationError> {
    let pulse = known(cx, id).await?;
    match pulse.state {
        PulseState::Draft => {}
        PulseState::Open => return Err(Refusal::AlreadyOpen.into()),
        PulseState::Closed => return Err(Refusal::Closed.into()),
    }
    let numbers = if rooms.is_empty() { pulse.definition.rooms.as_slice() } else { rooms };
    if numbers.is_empty() {
        return Err(Refusal::NoRooms.into());
    }
    if numbers.len() > ROOMS_MAX {
        return Err(Refusal::RoomsMax.into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    let closes_at = pulse.definition.closes_at(now, cx.organisation.time_zone);
    if closes_at <= now {
        return Err(Refusal::ClosingPast.into());
    }
    sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse SET state = 'open', opened_at = $3, closes_at = $4
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        now,
        closes_at,
    )
    .execute(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    let there = cx.rooms().await?;
    for number in numbers {
        let room = there.iter().find(|room| room.number == *number).ok_or(Refusal::NoRoom(*number))?;
        sqlx::query!(
            r#"
            INSERT INTO micro_consultations.pulse_room
                (organisation_id, pulse_id, conversation_id, number, platform, state)
            VALUES ($1, $2, $3, $4, $5, 'waiting') ON CONFLICT DO NOTHING
            "#,
            organisation.0,
            id.0,
            room.conversation.id.0,
            room.number,
            room.platform.as_str(),
        )
        .execute(cx.sql())
        .await
        .map_err(HandlerError::from)?;
        cx.schedule(fire(ASK, id, room.conversation.id.to_string(), now));
    }
    cx.schedule(fire(CLOSE, id, String::new(), closes_at));
    did(cx, By::whoever_asked(cx), "pulse.opened", id, json!({ "rooms": numbers }));
    known(cx, id).await
}

/// Closes an open pulse and has it counted; the result is told in its rooms once every platform has answered.
///
/// # Errors
/// [`Refusal::NotOpen`], [`Refusal::Closed`], [`Refusal::Unknown`].
pub async fn close(cx: &mut Context, id: PulseId) -> Result<Pulse, OperationError> {
    let pulse = known(cx, id).await?;
    match pulse.state {
        PulseState::Open => {}
        PulseState::Draft => return Err(Refusal::NotOpen.into()),
        PulseState::Closed => return Err(Refusal::Closed.into()),
    }
    let by = By::whoever_asked(cx);
    close_by(cx, id, by).await?;
    known(cx, id).await
}

async fn close_by(cx: &mut Context, id: PulseId, by: By) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        "UPDATE micro_consultations.pulse SET state = 'closed', closed_at = $3 WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        id.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse_room SET state = 'unsent'
        WHERE organisation_id = $1 AND pulse_id = $2 AND state = 'waiting'
        "#,
        organisation.0,
        id.0,
    )
    .execute(cx.sql())
    .await?;
    let asked = asked(cx, id).await?;
    for room in &asked {
        cx.close_poll(ClosePoll {
            conversation: *room,
            message_key: id.scope(),
            scope: id.scope(),
            subject: format!("count:{room}"),
        });
    }
    cx.cancel_fire(format!("{CLOSE}:{id}"), "");
    did(cx, by, "pulse.closed", id, json!({}));
    if asked.is_empty() {
        return tell(cx, id).await;
    }
    cx.schedule(fire(TELL, id, String::new(), now + COUNTED_WITHIN));
    Ok(())
}

/// The rooms whose poll is not counted yet.
async fn asked(cx: &mut Context, id: PulseId) -> Result<Vec<ConversationId>, HandlerError> {
    let organisation = cx.organisation.id;
    let rooms = sqlx::query_scalar!(
        r#"
        SELECT conversation_id FROM micro_consultations.pulse_room
        WHERE organisation_id = $1 AND pulse_id = $2 AND state = 'asked' ORDER BY number
        "#,
        organisation.0,
        id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    Ok(rooms.into_iter().map(ConversationId).collect())
}

/// A moment of a pulse has come.
pub(crate) async fn fired(cx: &mut Context, fired: &FiredFire) -> HandlerResult {
    let parts = fired.scope.split_once(':').and_then(|(what, id)| Some((what, PulseId(id.parse().ok()?))));
    let Some((what, id)) = parts else {
        return Err(HandlerError::Broken(format!("a fire of the unknown scope {:?}", fired.scope)));
    };
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(pulse) = store::find(cx.sql(), organisation, id).await? else { return Ok(()) };
    match (what, pulse.state, pulse.closes_at) {
        (ASK, PulseState::Open, Some(closes_at)) if now < closes_at => match fired.subject.parse() {
            Ok(room) => ask(cx, &pulse, ConversationId(room), closes_at).await,
            Err(_) => Err(HandlerError::Broken("a pulse is asked in no room".to_owned())),
        },
        // The clock was set back after the fire was taken: not yet.
        (CLOSE, PulseState::Open, Some(closes_at)) if now < closes_at => {
            cx.schedule(fire(CLOSE, id, String::new(), closes_at));
            Ok(())
        }
        (CLOSE, PulseState::Open, _) => close_by(cx, id, By::Plugin).await,
        (TELL, PulseState::Closed, _) if pulse.told_at.is_none() => tell(cx, id).await,
        _ => Ok(()),
    }
}

async fn ask(cx: &mut Context, pulse: &Pulse, room: ConversationId, closes_at: DateTime<Utc>) -> HandlerResult {
    let Some(there) = cx.room(room).await? else { return mark(cx, pulse.id, room, "waiting", "unsent").await };
    let polls = there.conversation.polls;
    mark(cx, pulse.id, room, "waiting", if polls { "asked" } else { "words" }).await?;
    let locale = cx.organisation.default_locale;
    let zone = pulse.definition.time_zone.unwrap_or(cx.organisation.time_zone);
    let closing = moment(locale, closes_at, zone);
    let mut document = Document::says(Text::new().strong(text(locale, "pulse-label", &[])));
    let question = pulse.definition.question.in_locale(locale);
    let options: Vec<String> =
        pulse.definition.options.iter().map(|option| option.in_locale(locale).to_owned()).collect();
    if polls {
        let until = text(locale, "pulse-until", &[("closing", closing.into())]);
        document = document.paragraph(until).poll(Poll { question: question.to_owned(), options, multiple: false });
    } else {
        document = document.paragraph(Text::new().strong(question)).list(options).paragraph(text(
            locale,
            "pulse-in-words",
            &[],
        ));
    }
    let mut message = Outgoing::new(Recipient::Conversation(room), Purpose::Service, pulse.id.scope(), document);
    message.subject = format!("asked:{room}");
    message.message_key = Some(pulse.id.scope());
    message.not_after = Some(closes_at);
    message.report = true;
    cx.send(message);
    Ok(())
}

async fn mark(cx: &mut Context, id: PulseId, room: ConversationId, from: &str, to: &str) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse_room SET state = $5
        WHERE organisation_id = $1 AND pulse_id = $2 AND conversation_id = $3 AND state = $4
        "#,
        organisation.0,
        id.0,
        room.0,
        from,
        to,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// What became of a message of a pulse, or what a platform counted.
pub(crate) async fn delivered(cx: &mut Context, outcome: &DeliveryOutcome) -> HandlerResult {
    let id = outcome.scope.strip_prefix("pulse:").and_then(|id| id.parse().ok()).map(PulseId);
    let part =
        outcome.subject.split_once(':').and_then(|(what, room)| Some((what, ConversationId(room.parse().ok()?))));
    let (Some(id), Some((what, room))) = (id, part) else { return Ok(()) };
    let organisation = cx.organisation.id;
    let Some(pulse) = store::find(cx.sql(), organisation, id).await? else { return Ok(()) };
    match (what, &outcome.counts) {
        // Of unknown outcome it may well stand there.
        ("asked", _) if !matches!(outcome.state.as_str(), "sent" | "unknown") => {
            mark(cx, id, room, "asked", "unsent").await?;
            mark(cx, id, room, "words", "unsent").await?;
        }
        ("count", Some(counts)) if counts.options.len() == pulse.definition.options.len() => {
            keep_counts(cx, id, room, &counts.options, counts.voters).await?;
        }
        ("count", _) => mark(cx, id, room, "asked", "unknown").await?,
        _ => return Ok(()),
    }
    if pulse.state == PulseState::Closed && pulse.told_at.is_none() && asked(cx, id).await?.is_empty() {
        tell(cx, id).await?;
    }
    Ok(())
}

async fn keep_counts(
    cx: &mut Context,
    id: PulseId,
    room: ConversationId,
    votes: &[u32],
    voters: Option<u32>,
) -> HandlerResult {
    let organisation = cx.organisation.id;
    let is_known = sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse_room SET state = 'counted', voters = $4
        WHERE organisation_id = $1 AND pulse_id = $2 AND conversation_id = $3
        "#,
        organisation.0,
        id.0,
        room.0,
        voters.map(|voters| i32::try_from(voters).unwrap_or(i32::MAX)),
    )
    .execute(cx.sql())
    .await?;
    if is_known.rows_affected() == 0 {
        return Ok(());
    }
    for (option, votes) in (0i16..).zip(votes) {
        sqlx::query!(
            r#"
            INSERT INTO micro_consultations.pulse_count (organisation_id, pulse_id, conversation_id, option, votes)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organisation_id, pulse_id, conversation_id, option) DO UPDATE SET votes = excluded.votes
            "#,
            organisation.0,
            id.0,
            room.0,
            option,
            i32::try_from(*votes).unwrap_or(i32::MAX),
        )
        .execute(cx.sql())
        .await?;
    }
    Ok(())
}

/// Says the result in every room that was asked. What is not counted by now is unknown.
async fn tell(cx: &mut Context, id: PulseId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    for room in asked(cx, id).await? {
        mark(cx, id, room, "asked", "unknown").await?;
    }
    sqlx::query!(
        "UPDATE micro_consultations.pulse SET told_at = $3 WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        id.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    cx.cancel_fire(format!("{TELL}:{id}"), "");
    let Some(pulse) = store::find(cx.sql(), organisation, id).await? else { return Ok(()) };
    let results = results::read(cx.sql(), organisation, &pulse).await?;
    let locale = cx.organisation.default_locale;
    let document = results.document(locale, cx.public_url.as_deref());
    for room in results.told_in() {
        let mut message = Outgoing::new(Recipient::Conversation(room), Purpose::Service, id.scope(), document.clone());
        message.subject = "result".to_owned();
        cx.send(message);
    }
    Ok(())
}

async fn known(cx: &mut Context, id: PulseId) -> Result<Pulse, OperationError> {
    let organisation = cx.organisation.id;
    Ok(store::find(cx.sql(), organisation, id).await?.ok_or(Refusal::Unknown)?)
}

fn fire(what: &str, id: PulseId, subject: String, due_at: DateTime<Utc>) -> Fire {
    let scope = format!("{what}:{id}");
    Fire { scope, subject, due_at, misfire: Misfire::RunOnce, payload: json!({}), repeat: None }
}

fn did(cx: &mut Context, by: By, action: &str, id: PulseId, details: serde_json::Value) {
    by.did_to(cx, action, id.scope(), details);
}
