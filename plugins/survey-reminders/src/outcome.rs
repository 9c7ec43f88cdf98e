//! How messages end: what the outbox made of those in it, and what goes out no more.

use std::collections::BTreeMap;

use bot_core::plugin::{Context, DeliveryView, HandlerError};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use crate::reason::Reason;
use crate::store::{Campaign, CampaignId, MessageState, ParticipantId, RespondentState, State};

/// Messages whose outcome is asked for in one call.
const ASKED_MAX: i64 = 1000;
/// Messages that one statement ends.
const ENDED_MAX: i64 = 20_000;
/// The outbox's reason for what this plugin called off, as opposed to an operator.
const CALLED_OFF: &str = "cancelled by its plugin";
/// The subject of messages to the organisers.
pub const ORGANISERS: &str = "organisers";

/// The name under which a message is handed to the outbox.
pub fn message_key(step: &str, participant: ParticipantId) -> String {
    format!("{step}:{participant}")
}

/// The step and the participant of a message by its name.
pub fn of_message_key(key: &str) -> Option<(&str, ParticipantId)> {
    let (step, participant) = key.rsplit_once(':')?;
    Some((step, ParticipantId(participant.parse().ok()?)))
}

/// Messages in the outbox behind this place are looked at next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    pub participant: i64,
    pub step: String,
}

/// What a look at the outbox came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Rows that changed.
    pub changed: usize,
    /// There are more to look at, from here.
    pub more: Option<Cursor>,
}

/// A message in the outbox.
struct Handed {
    step: String,
    participant: i64,
    respondent: Option<String>,
    due_at: DateTime<Utc>,
    answer: RespondentState,
    wish: Option<String>,
}

/// How a message stands now.
enum Outcome {
    Pending,
    Ended {
        state: MessageState,
        at: DateTime<Utc>,
        reason: Option<Reason>,
    },
    /// It did not go out, and may later.
    Again {
        due_at: DateTime<Utc>,
        reason: Reason,
    },
}

/// Asks the outbox what became of a page of messages, and stores it.
///
/// # Errors
/// Those of the database.
pub async fn look(cx: &mut Context, campaign: &Campaign, from: &Cursor) -> Result<Look, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        WITH message AS MATERIALIZED (
            SELECT step, participant_id, due_at FROM survey_reminders.planned_message
            WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'handed'
              AND (participant_id, step) > ($3, $4)
            ORDER BY participant_id, step LIMIT $5
        )
        SELECT message.step, message.participant_id, participant.respondent_key, message.due_at,
               respondent.state AS "answer?", participant.wish
        FROM message
        JOIN survey_reminders.participant
          ON participant.organisation_id = $1 AND participant.campaign_id = $2
         AND participant.id = message.participant_id
        LEFT JOIN survey_reminders.respondent
          ON respondent.organisation_id = $1 AND respondent.campaign_id = $2
         AND respondent.key = participant.respondent_key
        ORDER BY message.participant_id, message.step
        "#,
        organisation.0,
        campaign.id.0,
        from.participant,
        from.step,
        ASKED_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut handed = Vec::with_capacity(rows.len());
    for row in rows {
        let answer = row.answer.as_deref().map_or(Ok(RespondentState::Silent), str::parse);
        handed.push(Handed {
            step: row.step,
            participant: row.participant_id,
            respondent: row.respondent_key,
            due_at: row.due_at,
            answer: answer.map_err(HandlerError::Broken)?,
            wish: row.wish,
        });
    }
    let Some(last) = handed.last() else { return Ok(Look::default()) };
    let is_full = i64::try_from(handed.len()).is_ok_and(|count| count == ASKED_MAX);
    let more = is_full.then(|| Cursor { participant: last.participant, step: last.step.clone() });
    let mut subjects: Vec<String> =
        handed.iter().map(|row| row.respondent.clone().unwrap_or_else(|| ORGANISERS.to_owned())).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut deliveries: BTreeMap<String, Vec<DeliveryView>> = BTreeMap::new();
    for delivery in cx.deliveries(&campaign.id.scope(), &subjects).await? {
        if let Some(key) = &delivery.message_key {
            deliveries.entry(key.clone()).or_default().push(delivery);
        }
    }
    let mut changed = Vec::new();
    for row in &handed {
        let key = message_key(&row.step, ParticipantId(row.participant));
        let theirs = deliveries.get(&key).map(Vec::as_slice).unwrap_or_default();
        let outcome = match row.respondent {
            Some(_) => outcome(cx.now, campaign, row, theirs.last()),
            None => outcome_of_many(cx.now, campaign, row, theirs),
        };
        if !matches!(outcome, Outcome::Pending) {
            changed.push((row, outcome));
        }
    }
    store(cx, campaign.id, &changed).await?;
    Ok(Look { changed: changed.len(), more })
}

fn outcome(now: DateTime<Utc>, campaign: &Campaign, row: &Handed, delivery: Option<&DeliveryView>) -> Outcome {
    let Some(delivery) = delivery else {
        // The core found nowhere to send it: they left between the check and the hand-over.
        return Outcome::Ended { state: MessageState::Suppressed, at: now, reason: Some(Reason::Unreachable) };
    };
    let Ok(state) = delivery.state.parse::<MessageState>() else { return Outcome::Pending };
    let at = delivery.settled_at.unwrap_or(now);
    let outbox = || Reason::Outbox { why: delivery.reason.clone().unwrap_or_else(|| delivery.state.clone()) };
    match state {
        MessageState::Waiting | MessageState::Handed => Outcome::Pending,
        MessageState::Sent => Outcome::Ended { state, at, reason: None },
        MessageState::Unknown | MessageState::Failed => Outcome::Ended { state, at, reason: Some(outbox()) },
        // It had no time left there, because somebody wanted it later: the campaign may have some.
        MessageState::Expired if delivery.postponed.is_some() && now < campaign.deadline => {
            Outcome::Again { due_at: delivery.due_at.max(row.due_at).max(now), reason: Reason::Postponed }
        }
        MessageState::Expired => Outcome::Ended { state, at, reason: Some(outbox()) },
        MessageState::Suppressed | MessageState::Cancelled => {
            let reason = match (row.answer, row.wish.as_deref(), campaign.state) {
                (RespondentState::Answered, ..) => Reason::Answered,
                (RespondentState::Refused, ..) => Reason::Refused,
                (_, Some("stopped"), _) => Reason::CampaignStopped,
                (_, Some(_), _) => Reason::NotMine,
                (.., State::Cancelled) => Reason::Cancelled,
                _ if state == MessageState::Cancelled && is_of_a_pause(campaign, delivery) => {
                    return Outcome::Again { due_at: row.due_at.max(now), reason: Reason::Paused };
                }
                _ => outbox(),
            };
            Outcome::Ended { state, at, reason: Some(reason) }
        }
    }
}

/// Whether a pause called it off, this one or one before: its outcome may be read long after the campaign went on, and
/// what else this plugin calls off (an answer, a wish, the end) is known by then from the respondent and the campaign.
fn is_of_a_pause(campaign: &Campaign, delivery: &DeliveryView) -> bool {
    delivery.reason.as_deref() == Some(CALLED_OFF)
        && campaign.paused_at.is_some_and(|paused_at| delivery.settled_at.is_some_and(|at| at <= paused_at))
}

/// A message to several people went out when it did to one of them.
fn outcome_of_many(now: DateTime<Utc>, campaign: &Campaign, row: &Handed, deliveries: &[DeliveryView]) -> Outcome {
    let with = |state: &str| deliveries.iter().find(|delivery| delivery.state == state);
    let is_pending = |delivery: &&DeliveryView| delivery.state.parse::<MessageState>().is_err();
    if let Some(sent) = with("sent") {
        return outcome(now, campaign, row, Some(sent));
    }
    if deliveries.iter().any(|delivery| is_pending(&delivery)) {
        return Outcome::Pending;
    }
    outcome(now, campaign, row, with("unknown").or(deliveries.last()))
}

async fn store(cx: &mut Context, id: CampaignId, changed: &[(&Handed, Outcome)]) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    let mut steps = Vec::new();
    let mut whom = Vec::new();
    let mut states: Vec<String> = Vec::new();
    let mut reasons: Vec<Option<Value>> = Vec::new();
    let mut settled: Vec<Option<DateTime<Utc>>> = Vec::new();
    let mut due: Vec<Option<DateTime<Utc>>> = Vec::new();
    for (row, outcome) in changed {
        let (state, reason, at, due_at) = match outcome {
            Outcome::Pending => continue,
            Outcome::Ended { state, at, reason } => (*state, reason.as_ref(), Some(*at), None),
            Outcome::Again { due_at, reason } => (MessageState::Waiting, Some(reason), None, Some(*due_at)),
        };
        steps.push(row.step.clone());
        whom.push(row.participant);
        states.push(state.as_str().to_owned());
        reasons.push(
            reason.map(serde_json::to_value).transpose().map_err(|error| HandlerError::Broken(error.to_string()))?,
        );
        settled.push(at);
        due.push(due_at);
    }
    if steps.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message
        SET state = new.state, reason = coalesce(new.reason, message.reason), settled_at = new.settled_at,
            due_at = coalesce(new.due_at, message.due_at),
            handed_at = CASE WHEN new.state = 'waiting' THEN NULL ELSE message.handed_at END
        FROM unnest($3::text[], $4::bigint[], $5::text[], $6::jsonb[], $7::timestamptz[], $8::timestamptz[])
          AS new (step, participant_id, state, reason, settled_at, due_at)
        WHERE message.organisation_id = $1 AND message.campaign_id = $2 AND message.step = new.step
          AND message.participant_id = new.participant_id
          -- In the outbox, said so that the look-up goes by the primary key.
          AND message.handed_at IS NOT NULL AND message.settled_at IS NULL
        "#,
        organisation.0,
        id.0,
        &steps,
        &whom,
        &states,
        &reasons as &[Option<Value>],
        &settled as &[Option<DateTime<Utc>>],
        &due as &[Option<DateTime<Utc>>],
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Which of the waiting messages: those of approvals before this one, or all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub campaign: CampaignId,
    pub before_approval: i32,
}

impl Waiting {
    pub fn all(campaign: CampaignId) -> Self {
        Self { campaign, before_approval: i32::MAX }
    }
}

/// Ends waiting messages with a reason, as many as one statement may. True while there may be more.
///
/// # Errors
/// Those of the database.
pub async fn end_waiting(
    cx: &mut Context,
    which: Waiting,
    state: MessageState,
    reason: &Reason,
) -> Result<bool, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // By place, since a join would read all that wait once for each.
    let ended = sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message SET state = $5, settled_at = $6, reason = $7
        WHERE state = 'waiting' AND ctid = ANY(ARRAY(
            SELECT ctid FROM survey_reminders.planned_message
            WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'waiting' AND approval < $3
            LIMIT $4))
        "#,
        organisation.0,
        which.campaign.0,
        which.before_approval,
        ENDED_MAX,
        state.as_str(),
        now,
        Json(reason) as _,
    )
    .execute(cx.sql())
    .await?;
    Ok(i64::try_from(ended.rows_affected()).is_ok_and(|ended| ended == ENDED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{BAROMETER, Desk};
    use crate::operations;

    #[tokio::test]
    async fn a_second_pause_loses_nothing_that_the_first_called_off() {
        let mut desk = Desk::new(72).await;
        desk.contacts(1..=2, None, 1, true).await;
        let id = desk.approved(BAROMETER).await;
        desk.outbox = "held";
        desk.until("2026-09-08T07:00:10Z").await;
        assert_eq!(desk.counts(id).await, "approved: 7 waiting, 2 handed");
        // Nobody reads an outcome between the two pauses.
        desk.does(async |cx| operations::pause(cx, id, Some("claire")).await).await.unwrap();
        desk.bench.clock.set("2026-09-08T07:00:20Z".parse().unwrap());
        desk.does(async |cx| operations::resume(cx, id, Some("claire")).await).await.unwrap();
        desk.bench.clock.set("2026-09-08T07:00:30Z".parse().unwrap());
        desk.does(async |cx| operations::pause(cx, id, Some("claire")).await).await.unwrap();
        desk.until("2026-09-08T07:01:00Z").await;
        assert_eq!(desk.counts(id).await, "paused: 9 waiting");
        desk.outbox = "sent";
        desk.does(async |cx| operations::resume(cx, id, Some("claire")).await).await.unwrap();
        desk.until("2026-09-08T08:00:00Z").await;
        assert_eq!(desk.counts(id).await, "approved: 7 waiting, 2 sent");
    }

    #[tokio::test]
    async fn what_an_operator_cancelled_stays_so_after_a_pause() {
        let mut desk = Desk::new(73).await;
        desk.contacts(1..=1, None, 1, true).await;
        let id = desk.approved(BAROMETER).await;
        desk.outbox = "held";
        desk.until("2026-09-08T07:00:10Z").await;
        sqlx::query(
            "UPDATE core.delivery SET state = 'cancelled', settled_at = $1, reason = 'cancelled by an operator'",
        )
        .bind(desk.bench.clock.now())
        .execute(&desk.bench.pool)
        .await
        .unwrap();
        desk.does(async |cx| operations::pause(cx, id, Some("claire")).await).await.unwrap();
        desk.until("2026-09-08T08:00:00Z").await;
        assert_eq!(desk.counts(id).await, "paused: 4 waiting, 1 cancelled");
    }

    #[test]
    fn a_messages_name_says_step_and_participant() {
        let key = message_key("relance-1", ParticipantId(12));
        assert_eq!(key, "relance-1:12");
        assert_eq!(of_message_key(&key), Some(("relance-1", ParticipantId(12))));
        assert_eq!(of_message_key("annonce"), None);
    }
}
