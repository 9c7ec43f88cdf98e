//! The end of a pulse: each platform says what it counted in each room, and the result is told.

use bot_core::ConversationId;
use bot_core::plugin::{Context, DeliveryOutcome, HandlerError, HandlerResult, Outgoing, Purpose, Recipient};
use chrono::TimeDelta;

use super::operations::TELL;
use super::results;
use super::store::{self, PulseId, PulseState};

/// What the platforms have not counted by then is told as unknown.
pub(super) const COUNTED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The rooms whose poll is not counted yet.
pub(super) async fn asked(cx: &mut Context, id: PulseId) -> Result<Vec<ConversationId>, HandlerError> {
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

/// Moves a room from one state to the next, if it is in that one.
pub(super) async fn mark(cx: &mut Context, id: PulseId, room: ConversationId, from: &str, to: &str) -> HandlerResult {
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
pub(super) async fn tell(cx: &mut Context, id: PulseId) -> HandlerResult {
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
