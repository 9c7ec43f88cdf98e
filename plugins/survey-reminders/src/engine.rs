//! Carries a campaign out: hands over what is due, in batches, and settles what became of it.
//!
//! One fire for each campaign is due at the next thing to do: a message, an outcome to ask for, the deadline. It runs
//! once, however late: what lateness means is each message's own misfire policy ([`crate::handover`]).

use std::collections::{BTreeMap, BTreeSet};

use bot_core::contacts::{ContactSet, ContactView, ContactsError};
use bot_core::plugin::{
    Context, Fire, FiredFire, HandlerError, HandlerResult, Lane, Misfire, Outgoing, Purpose, Recipient,
};
use bot_core::{ContactId, Locale};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::answers;
use crate::approval::kinds_of_steps;
use crate::candidates::recipient_rule;
use crate::colleague;
use crate::conversation;
use crate::definition::{OnlyIf, Rung, Step, StepKind};
use crate::handover::{Case, Decision, PersonCase, decide};
use crate::messages::{self, LISTED_MAX, Occasion, Person, Silence};
use crate::news;
use crate::operations::counts;
use crate::outcome::{self, Cursor, ORGANISERS, Waiting, end_waiting, message_key};
use crate::reason::Reason;
use crate::refusal::By;
use crate::store::{self, Campaign, CampaignId, Found, MessageState, ParticipantId, RespondentState, State};

/// Fires of campaigns: `tick:<campaign>`.
pub const FIRES: &str = "tick:";
/// Messages handed over in one call.
const BATCH_MAX: i64 = 200;
/// How long after a hand-over its outcomes are asked for; twice as long each time nothing has changed.
const LOOK_AFTER: TimeDelta = TimeDelta::minutes(1);
const LOOK_DOUBLINGS_MAX: u32 = 6;
/// How long after it found a campaign, or messages that are due, in somebody else's hands a tick looks again.
const BUSY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// Lets a campaign look at once what there is to do.
pub fn wake(cx: &mut Context, id: CampaignId) {
    let now = cx.now;
    schedule(cx, id, now, json!({}));
}

fn schedule(cx: &mut Context, id: CampaignId, due_at: DateTime<Utc>, payload: Value) {
    let scope = format!("{FIRES}{id}");
    cx.schedule(Fire { scope, subject: String::new(), due_at, misfire: Misfire::RunOnce, payload, repeat: None });
}

/// What a tick leaves for the next one.
#[derive(Debug, Default)]
struct Memory {
    /// How often nothing had changed in the outbox.
    quiet: u32,
    cursor: Cursor,
    /// When others were last told where it stands.
    told_at: Option<DateTime<Utc>>,
}

impl Memory {
    fn of(payload: &Value) -> Self {
        let number = |key: &str| payload.get(key).and_then(Value::as_i64).unwrap_or_default();
        let step = payload.get("step").and_then(Value::as_str).unwrap_or_default().to_owned();
        let quiet = u32::try_from(number("quiet")).unwrap_or_default();
        let told_at = DateTime::from_timestamp(number("told"), 0).filter(|_| payload.get("told").is_some());
        Self { quiet, cursor: Cursor { participant: number("participant"), step }, told_at }
    }

    fn payload(&self) -> Value {
        let mut payload =
            json!({ "quiet": self.quiet, "participant": self.cursor.participant, "step": self.cursor.step });
        if let Some(told_at) = self.told_at {
            payload["told"] = told_at.timestamp().into();
        }
        payload
    }
}

/// One tick.
///
/// # Errors
/// Those of the database.
pub async fn fired(cx: &mut Context, fire: &FiredFire) -> HandlerResult {
    let number = fire.scope.strip_prefix(FIRES).and_then(|number| number.parse().ok());
    let Some(id) = number.map(CampaignId) else {
        return Err(HandlerError::Broken(format!("nothing of this plugin is scheduled as {}", fire.scope)));
    };
    let organisation = cx.organisation.id;
    let campaign = match store::find_unless_busy(cx.sql(), organisation, id).await? {
        Found::Unknown => return Ok(()),
        // An approval of 60,000 messages takes longer than a tick may wait.
        Found::Busy => {
            let due_at = cx.now + BUSY_AFTER;
            schedule(cx, id, due_at, fire.payload.clone());
            return Ok(());
        }
        Found::Free(campaign) => *campaign,
    };
    let mut memory = Memory::of(&fire.payload);
    let look = outcome::look(cx, &campaign, &memory.cursor).await?;
    memory.quiet = if look.changed > 0 { 0 } else { memory.quiet.saturating_add(1).min(LOOK_DOUBLINGS_MAX) };
    let mut again = look.more.is_some();
    memory.cursor = look.more.unwrap_or_default();
    let is_live = matches!(campaign.state, State::Approved | State::Paused);
    let is_over = is_live && cx.now >= campaign.deadline;
    if is_live {
        answers::match_late(cx, id).await?;
        let is_told = memory.told_at.is_some_and(|told_at| cx.now - told_at < news::TELL_AFTER);
        if !is_told && !is_over && cx.now >= campaign.opens_at {
            news::standing(cx, &campaign).await?;
            memory.told_at = Some(cx.now);
        }
    }
    if is_over {
        again |= end_waiting(cx, Waiting::all(id), MessageState::Expired, &Reason::Deadline).await?;
    } else if campaign.state == State::Approved && campaign.is_current_approved() {
        let handed = hand_over(cx, &campaign).await?;
        if handed.looked_at > 0 {
            memory.quiet = 0;
        }
        again |= handed.is_full;
    }
    let next = next(cx, &campaign).await?;
    if is_over && !again && !next.in_outbox {
        if !colleague::forget_some(cx, Some(id), None).await? {
            return close(cx, &campaign).await;
        }
        again = true;
    }
    let now = cx.now;
    let mut due = Vec::new();
    if again {
        due.push(now);
    }
    if next.in_outbox {
        due.push(now + LOOK_AFTER * 2_i32.pow(memory.quiet));
    }
    if is_live && !is_over {
        due.push(campaign.deadline);
        let sends = campaign.state == State::Approved && campaign.is_current_approved();
        // What is due and still waits was in the hands of an answer or a wish.
        let in_turn = |due_at| if due_at > now { due_at } else { now + BUSY_AFTER };
        due.extend(next.due_at.filter(|_| sends).map(in_turn));
    }
    if let Some(due_at) = due.into_iter().min() {
        schedule(cx, id, due_at, memory.payload());
    }
    Ok(())
}

struct Next {
    due_at: Option<DateTime<Utc>>,
    in_outbox: bool,
}

async fn next(cx: &mut Context, campaign: &Campaign) -> Result<Next, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        r#"
        SELECT (SELECT min(due_at) FROM survey_reminders.planned_message
                WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'waiting') AS due_at,
               EXISTS (SELECT FROM survey_reminders.planned_message
                       WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'handed') AS "in_outbox!"
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(Next { due_at: row.due_at, in_outbox: row.in_outbox })
}

/// The deadline is over and nothing is on its way: the counts are final.
async fn close(cx: &mut Context, campaign: &Campaign) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::set_state(cx.sql(), organisation, campaign.id, State::Closed, now).await?;
    let counts = counts(cx, campaign.id).await?;
    By::Plugin.did(cx, "campaign.closed", campaign.id, json!({ "messages": counts }));
    news::closed(cx, campaign).await
}

struct HandedOver {
    looked_at: usize,
    is_full: bool,
}

/// A waiting message whose time has come.
struct Due {
    step: String,
    participant: ParticipantId,
    contact: Option<ContactId>,
    respondent: Option<String>,
    token: String,
    due_at: DateTime<Utc>,
    reason: Option<Reason>,
    version: i32,
    wish: Option<Reason>,
    snoozed_until: Option<DateTime<Utc>>,
    opened: bool,
    answer: RespondentState,
}

async fn hand_over(cx: &mut Context, campaign: &Campaign) -> Result<HandedOver, HandlerError> {
    let due = due(cx, campaign).await?;
    let looked_at = due.len();
    let is_full = i64::try_from(looked_at).is_ok_and(|count| count == BATCH_MAX);
    if due.is_empty() {
        return Ok(HandedOver { looked_at, is_full });
    }
    let mut had = had(cx, campaign, &due).await?;
    let reached = reached(cx, campaign, &due).await?;
    let views = views(cx, &due).await?;
    let definition = &campaign.definition;
    let mut silence = None;
    let mut outgoing = Vec::new();
    let mut settled = Vec::with_capacity(due.len());
    for row in &due {
        let step = definition.step(&row.step).filter(|_| row.version == campaign.version);
        let Some(step) = step else {
            settled.push((row, Decision::End { state: MessageState::Cancelled, reason: Reason::NoLongerPlanned }));
            continue;
        };
        let view = row.contact.and_then(|contact| views.get(&contact));
        let had = had.entry(row.participant).or_default();
        let person = row.respondent.as_ref().map(|respondent| PersonCase {
            view,
            answer: row.answer,
            wish: row.wish.clone(),
            snoozed_until: row.snoozed_until,
            opened: row.opened,
            is_reached: reached.contains(respondent),
            had,
        });
        let case = Case {
            definition,
            step,
            deadline: campaign.deadline,
            time_zone: cx.organisation.time_zone,
            rule: &cx.organisation.sending_rule,
            now: cx.now,
            due_at: row.due_at,
            moved: row.reason.as_ref(),
            person,
        };
        let decision = decide(&case);
        if let Decision::Send { says_late, not_after } = decision {
            had.push((step.kind, cx.now));
            let mut message = match view {
                Some(view) => to_person(cx, campaign, step, row, view, says_late),
                None => {
                    if silence.is_none() {
                        silence = Some(read_silence(cx, campaign).await?);
                    }
                    to_organisers(cx, campaign, step, silence.as_ref(), says_late)
                }
            };
            message.lane = Lane::Bulk;
            message.subject = row.respondent.clone().unwrap_or_else(|| ORGANISERS.to_owned());
            message.message_key = Some(message_key(&row.step, row.participant));
            message.not_after = Some(not_after);
            message.sending_rule = Some(definition.sending.clone());
            outgoing.push(message);
        }
        settled.push((row, decision));
    }
    store_decisions(cx, campaign, &settled).await?;
    if !outgoing.is_empty() {
        cx.send_each(outgoing);
    }
    Ok(HandedOver { looked_at, is_full })
}

async fn due(cx: &mut Context, campaign: &Campaign) -> Result<Vec<Due>, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let rows = sqlx::query!(
        r#"
        WITH message AS MATERIALIZED (
            SELECT step, participant_id, due_at, reason, version FROM survey_reminders.planned_message
            WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'waiting' AND due_at <= $3
            ORDER BY due_at, participant_id, step LIMIT $4
            -- An answer takes the respondent first and these rows after: waiting for it here could be for ever.
            FOR UPDATE SKIP LOCKED
        )
        SELECT message.step, message.participant_id, participant.contact_id, participant.respondent_key,
               participant.token, message.due_at, message.reason AS "reason: Json<Reason>", message.version,
               participant.wish, participant.snoozed_until, participant.opened_at IS NOT NULL AS "opened!",
               respondent.state AS "answer?"
        FROM message
        JOIN survey_reminders.participant
          ON participant.organisation_id = $1 AND participant.campaign_id = $2
         AND participant.id = message.participant_id
        LEFT JOIN survey_reminders.respondent
          ON respondent.organisation_id = $1 AND respondent.campaign_id = $2
         AND respondent.key = participant.respondent_key
        ORDER BY message.due_at, message.participant_id, message.step
        "#,
        organisation.0,
        campaign.id.0,
        now,
        BATCH_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    let due = rows.into_iter().map(|row| {
        let answer = row.answer.as_deref().map_or(Ok(RespondentState::Silent), str::parse);
        Ok(Due {
            step: row.step,
            participant: ParticipantId(row.participant_id),
            contact: row.contact_id.map(ContactId),
            respondent: row.respondent_key,
            token: row.token,
            due_at: row.due_at,
            reason: row.reason.map(|reason| reason.0),
            version: row.version,
            wish: row.wish.map(|wish| if wish == "stopped" { Reason::CampaignStopped } else { Reason::NotMine }),
            snoozed_until: row.snoozed_until,
            opened: row.opened,
            answer: answer.map_err(HandlerError::Broken)?,
        })
    });
    due.collect()
}

type Had = BTreeMap<ParticipantId, Vec<(StepKind, DateTime<Utc>)>>;

/// What went out to the participants of a batch, or is about to.
async fn had(cx: &mut Context, campaign: &Campaign, due: &[Due]) -> Result<Had, HandlerError> {
    let kinds = kinds_of_steps(cx, campaign).await?;
    let organisation = cx.organisation.id;
    let participants: Vec<i64> = due.iter().map(|row| row.participant.0).collect();
    let rows = sqlx::query!(
        r#"
        SELECT participant_id, step, coalesce(settled_at, handed_at) AS "at!"
        FROM survey_reminders.planned_message
        WHERE organisation_id = $1 AND campaign_id = $2 AND participant_id = ANY($3)
          AND state IN ('handed', 'sent', 'unknown')
        "#,
        organisation.0,
        campaign.id.0,
        &participants,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut had = Had::new();
    for row in rows {
        let kind = row.step.parse().ok().and_then(|step| kinds.get(&step).copied()).unwrap_or(StepKind::Reminder);
        had.entry(ParticipantId(row.participant_id)).or_default().push((kind, row.at));
    }
    Ok(had)
}

/// The respondents of a batch of whom somebody has received a message or is about to, where a step asks for it: the
/// outbox is asked about what is not settled here yet, since outcomes are read late.
async fn reached(cx: &mut Context, campaign: &Campaign, due: &[Due]) -> Result<BTreeSet<String>, HandlerError> {
    let asks = |step: &Step| step.only_if == Some(OnlyIf::Unreachable);
    if !campaign.definition.steps.iter().any(asks) {
        return Ok(BTreeSet::new());
    }
    let organisation = cx.organisation.id;
    let keys: Vec<String> = due.iter().filter_map(|row| row.respondent.clone()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT participant.respondent_key AS "key!", bool_or(message.state = 'sent') AS "is_sent!"
        FROM survey_reminders.participant
        JOIN survey_reminders.planned_message AS message
          ON message.organisation_id = participant.organisation_id AND message.campaign_id = participant.campaign_id
         AND message.participant_id = participant.id
        WHERE participant.organisation_id = $1 AND participant.campaign_id = $2 AND participant.respondent_key = ANY($3)
          AND message.state IN ('handed', 'sent')
        GROUP BY participant.respondent_key
        "#,
        organisation.0,
        campaign.id.0,
        &keys,
    )
    .fetch_all(cx.sql())
    .await?;
    let (mut reached, mut in_outbox) = (BTreeSet::new(), Vec::new());
    for row in rows {
        if row.is_sent {
            reached.insert(row.key);
        } else {
            in_outbox.push(row.key);
        }
    }
    if !in_outbox.is_empty() {
        let deliveries = cx.deliveries(&campaign.id.scope(), &in_outbox).await?;
        let arrives = deliveries.into_iter().filter(|delivery| match delivery.state.parse() {
            // A word of the outbox's own: it is on its way.
            Ok(MessageState::Waiting | MessageState::Handed | MessageState::Sent) | Err(_) => true,
            Ok(
                MessageState::Unknown
                | MessageState::Failed
                | MessageState::Expired
                | MessageState::Suppressed
                | MessageState::Cancelled,
            ) => false,
        });
        reached.extend(arrives.map(|delivery| delivery.subject));
    }
    Ok(reached)
}

async fn views(cx: &mut Context, due: &[Due]) -> Result<BTreeMap<ContactId, ContactView>, HandlerError> {
    let contacts: BTreeSet<ContactId> = due.iter().filter_map(|row| row.contact).collect();
    let mut views = BTreeMap::new();
    let these = ContactSet::These(contacts.into_iter().collect());
    cx.contacts(&these, |view| {
        views.insert(view.id, view);
    })
    .await
    .map_err(|error| match error {
        ContactsError::Database(error) => HandlerError::Database(error),
        other => HandlerError::Broken(other.to_string()),
    })?;
    Ok(views)
}

fn occasion<'o>(cx: &'o Context, campaign: &'o Campaign) -> Occasion<'o> {
    let (definition, organisation) = (&campaign.definition, cx.organisation.title.as_str());
    Occasion { definition, organisation, deadline: campaign.deadline, now: cx.now }
}

fn to_person(
    cx: &Context,
    campaign: &Campaign,
    step: &Step,
    row: &Due,
    view: &ContactView,
    says_late: bool,
) -> Outgoing {
    let recipient = match step.to {
        Rung::OtherAddress => Recipient::ContactElsewhere(view.id),
        _ => Recipient::Contact(view.id),
    };
    let mut message = outgoing(cx, campaign, step, recipient, Purpose::Reminder, says_late);
    let link = messages::link(&campaign.definition, &row.token, cx.public_url.as_deref());
    let person = Person {
        locale: view.locale.unwrap_or(cx.organisation.default_locale),
        time_zone: recipient_rule(view, cx.organisation.time_zone).time_zone,
        name: view.name.as_deref(),
        collectivite: view.collectivite.as_ref().map(|collectivite| collectivite.name.as_str()),
        link: link.as_deref(),
    };
    message.variables = occasion(cx, campaign).to_person(&person);
    message
}

fn to_organisers(
    cx: &Context,
    campaign: &Campaign,
    step: &Step,
    silence: Option<&Silence>,
    says_late: bool,
) -> Outgoing {
    let mut message = outgoing(cx, campaign, step, Recipient::Organisers, Purpose::Service, says_late);
    let zone = campaign.definition.zone(cx.organisation.time_zone);
    let nobody = Silence::default();
    let locale = cx.organisation.default_locale;
    message.variables = occasion(cx, campaign).to_organisers(silence.unwrap_or(&nobody), locale, zone);
    message
}

fn outgoing(
    cx: &Context,
    campaign: &Campaign,
    step: &Step,
    to: Recipient,
    purpose: Purpose,
    says_late: bool,
) -> Outgoing {
    let place = campaign.definition.steps.iter().position(|known| known.key == step.key).unwrap_or(usize::MAX);
    let document = |locale: Locale| {
        let mut document = messages::document(&campaign.definition, step, locale, says_late);
        if step.to != Rung::Organisers {
            document.choices =
                conversation::choices(campaign.id, campaign.version, &campaign.definition, place, locale);
        }
        document
    };
    let mut message = Outgoing::new(to, purpose, campaign.id.scope(), document(cx.organisation.default_locale));
    message.translations = Locale::ALL.into_iter().map(|locale| (locale, document(locale))).collect();
    message
}

/// Who is silent now.
async fn read_silence(cx: &mut Context, campaign: &Campaign) -> Result<Silence, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE state IN ('silent', 'started')) AS "silent!",
               count(*) FILTER (WHERE state = 'answered') AS "answered!", count(*) AS "total!"
        FROM survey_reminders.respondent WHERE organisation_id = $1 AND campaign_id = $2
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_one(cx.sql())
    .await?;
    let names = sqlx::query_scalar!(
        r#"
        SELECT facts ->> 'name' AS "name!" FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 AND state IN ('silent', 'started') AND facts ? 'name'
        ORDER BY 1, key LIMIT $3
        "#,
        organisation.0,
        campaign.id.0,
        i64::try_from(LISTED_MAX).unwrap_or(i64::MAX),
    )
    .fetch_all(cx.sql())
    .await?;
    Ok(Silence { silent: row.silent, answered: row.answered, total: row.total, names })
}

async fn store_decisions(cx: &mut Context, campaign: &Campaign, settled: &[(&Due, Decision)]) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let mut steps = Vec::with_capacity(settled.len());
    let mut whom = Vec::with_capacity(settled.len());
    let mut states: Vec<String> = Vec::with_capacity(settled.len());
    let mut due: Vec<DateTime<Utc>> = Vec::with_capacity(settled.len());
    let mut reasons: Vec<Option<Value>> = Vec::with_capacity(settled.len());
    for (row, decision) in settled {
        let (state, due_at, reason) = match decision {
            Decision::Send { .. } => (MessageState::Handed, row.due_at, None),
            Decision::Later { due_at, reason } => (MessageState::Waiting, *due_at, Some(reason)),
            Decision::End { state, reason } => (*state, row.due_at, Some(reason)),
        };
        steps.push(row.step.clone());
        whom.push(row.participant.0);
        states.push(state.as_str().to_owned());
        due.push(due_at);
        let reason = reason.map(serde_json::to_value).transpose();
        reasons.push(reason.map_err(|error| HandlerError::Broken(error.to_string()))?);
    }
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message
        SET state = new.state, due_at = new.due_at, reason = coalesce(new.reason, message.reason),
            handed_at = CASE WHEN new.state = 'handed' THEN $8::timestamptz END,
            settled_at = CASE WHEN new.state NOT IN ('waiting', 'handed') THEN $8::timestamptz END
        FROM unnest($3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::jsonb[])
          AS new (step, participant_id, state, due_at, reason)
        WHERE message.organisation_id = $1 AND message.campaign_id = $2 AND message.step = new.step
          -- They were locked as waiting when they were read.
          AND message.participant_id = new.participant_id
        "#,
        organisation.0,
        campaign.id.0,
        &steps,
        &whom,
        &states,
        &due,
        &reasons as &[Option<Value>],
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::plugin::Effect;

    use super::*;
    use crate::bench::{BAROMETER, Desk};

    /// What a tick at this moment asks for.
    async fn tick(desk: &mut Desk, id: CampaignId) -> Vec<Effect> {
        let due_at = desk.bench.clock.now();
        let fire = FiredFire { scope: format!("{FIRES}{id}"), subject: String::new(), due_at, payload: json!({}) };
        let called = desk.bench.call(None, Locale::Fr, async |cx| fired(cx, &fire).await);
        let effects = called.await.unwrap().1;
        desk.carry_out(&effects).await;
        effects
    }

    fn next_tick(effects: &[Effect]) -> Option<DateTime<Utc>> {
        effects.iter().find_map(|effect| match effect {
            Effect::Schedule(fire) => Some(fire.due_at),
            _ => None,
        })
    }

    #[tokio::test]
    async fn a_tick_waits_for_nobody_and_comes_back() {
        let mut desk = Desk::new(71).await;
        desk.contacts(1..=2, None, 1, true).await;
        let id = desk.approved(BAROMETER).await;
        desk.until("2026-09-08T06:59:00Z").await;
        let now: DateTime<Utc> = "2026-09-08T07:00:00Z".parse().unwrap();
        desk.bench.clock.set(now);
        // An approval has the campaign.
        let mut approval = desk.bench.pool.begin().await.unwrap();
        sqlx::query("SELECT FROM survey_reminders.campaign FOR NO KEY UPDATE").execute(&mut *approval).await.unwrap();
        assert_eq!(next_tick(&tick(&mut desk, id).await), Some(now + BUSY_AFTER));
        assert!(desk.sent.is_empty());
        approval.rollback().await.unwrap();
        // An answer has the messages of one of the two.
        let mut answer = desk.bench.pool.begin().await.unwrap();
        let theirs = "SELECT FROM survey_reminders.planned_message WHERE participant_id =
                          (SELECT min(id) FROM survey_reminders.participant WHERE respondent_key = 'c1') FOR UPDATE";
        sqlx::query(theirs).execute(&mut *answer).await.unwrap();
        assert_eq!(next_tick(&tick(&mut desk, id).await), Some(now + BUSY_AFTER));
        assert_eq!(desk.sent, ["09-08 09:00 invitation Contact 2"]);
        answer.rollback().await.unwrap();
        desk.until("2026-09-08T07:00:30Z").await;
        assert_eq!(desk.sent[1..], ["09-08 09:00 invitation Contact 1"]);
    }

    #[tokio::test]
    async fn whoever_has_a_message_on_its_way_is_not_unreachable() {
        let mut desk = Desk::new(78).await;
        desk.contacts(1..=2, None, 1, true).await;
        let source = BAROMETER.replacen("only_if = \"not_started\"", "only_if = \"unreachable\"", 1).replacen(
            "days = 28\nhour = 10",
            "days = 35\nhour = 10",
            1,
        );
        let id = desk.approved(&source).await;
        desk.outbox = "held";
        desk.until("2026-09-08T07:00:10Z").await;
        assert_eq!(desk.sent.len(), 2);
        // Of the second one it is known in the outbox alone that it did not arrive.
        sqlx::query(
            "UPDATE core.delivery SET state = 'failed', settled_at = due_at, reason = 'gone' WHERE subject = 'c2'",
        )
        .execute(&desk.bench.pool)
        .await
        .unwrap();
        desk.bench.clock.set("2026-10-05T07:30:00Z".parse().unwrap());
        let due = ["c1", "c2"].map(|key| Due {
            step: "relance-1".to_owned(),
            participant: ParticipantId(1),
            contact: None,
            respondent: Some(key.to_owned()),
            token: String::new(),
            due_at: desk.bench.clock.now(),
            reason: None,
            version: 1,
            wish: None,
            snoozed_until: None,
            opened: false,
            answer: RespondentState::Silent,
        });
        let read = desk.does(async |cx| {
            let campaign = crate::operations::find(cx, id).await?;
            Ok(reached(cx, &campaign, &due).await?)
        });
        assert_eq!(read.await.unwrap(), BTreeSet::from(["c1".to_owned()]));
        desk.until("2026-10-05T08:00:00Z").await;
        assert_eq!(desk.sent[2..], ["10-05 09:30 relance-1 Contact 2"]);
    }
}
