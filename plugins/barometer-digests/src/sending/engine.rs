//! Hands over what is due, in batches, until nothing waits and nothing is on its way.
//!
//! One fire for each edition is due at the next thing to do: a reader's hour, an outcome to ask for. It runs once,
//! however late.

use bot_core::ContactId;
use bot_core::ids::ConversationId;
use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerError, HandlerResult, Lane, Outgoing, Purpose, Recipient};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::lateness::Lateness;
use super::letters::Letters;
use super::state::{DigestState, Reason};
use super::{MESSAGE_KEY, integer, outcome, proof, publish, schedule, scope, subject};
use crate::edition::store::{self, State, StoredDefinition, StoredEdition};
use crate::rendering::way::{Way, WhenEmpty};

/// Digests handed over in one call.
const BATCH_MAX: i64 = 500;
/// Digests that one statement lets expire.
const EXPIRED_MAX: i64 = 10_000;
/// How long after a hand-over its outcomes are asked for; twice as long each time nothing has changed.
const LOOK_AFTER: TimeDelta = TimeDelta::minutes(1);
const LOOK_DOUBLINGS_MAX: u32 = 6;
/// How long after it found digests that are due in somebody else's hands a tick looks again.
const BUSY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// What a tick leaves for the next one.
#[derive(Debug, Default)]
struct Memory {
    /// Readers up to this one have their digests; `None`: all have.
    planned: Option<i64>,
    /// How often nothing had changed in the outbox.
    quiet: u32,
    /// Outcomes of readers behind this one are asked for next.
    looked: i64,
}

impl Memory {
    fn of(payload: &Value) -> Self {
        let number = |key: &str| payload.get(key).and_then(Value::as_i64);
        let quiet = number("quiet").and_then(|quiet| u32::try_from(quiet).ok()).unwrap_or_default();
        Self { planned: number("after"), quiet, looked: number("looked").unwrap_or_default() }
    }

    fn payload(&self) -> Value {
        json!({ "after": self.planned, "quiet": self.quiet, "looked": self.looked })
    }
}

/// One tick.
///
/// # Errors
/// Those of the database.
pub(super) async fn fired(cx: &mut Context, number: u32, payload: &Value) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(stored) = store::find(cx.sql(), organisation, number).await? else { return Ok(()) };
    if stored.state != State::Sending {
        return Ok(());
    }
    let mut memory = Memory::of(payload);
    if let Some(after) = memory.planned {
        memory.planned = publish::plan(cx, &stored, after).await?;
        schedule(cx, number, "", now, memory.payload());
        return Ok(());
    }
    let digest = store::definition(cx.sql(), organisation).await?;
    let definition = digest.as_ref().map(|digest| &digest.definition);
    let hours = definition.and_then(|definition| definition.schedule(stored.edition.period.cadence()));
    let lateness = Lateness::of_hours(hours.map(|schedule| schedule.late_within_hours));
    let expired = expire(cx, number, lateness).await?;
    let handed = hand_over(cx, &stored, digest.as_ref(), lateness).await?;
    let mut again = expired == EXPIRED_MAX.unsigned_abs() || handed == BATCH_MAX.unsigned_abs();
    let mut changed = expired > 0 || handed > 0;
    // Outcomes can wait, and readers do not. And what is handed over here is in the outbox only when this call is over.
    if !again && handed == 0 {
        let look = outcome::look(cx, &stored, memory.looked).await?;
        changed |= look.changed > 0;
        again = look.more.is_some();
        memory.looked = look.more.unwrap_or_default();
    }
    memory.quiet = if changed { 0 } else { memory.quiet.saturating_add(1).min(LOOK_DOUBLINGS_MAX) };
    let next = next(cx, number).await?;
    let mut due = Vec::new();
    if again {
        due.push(now);
    }
    if next.in_outbox {
        due.push(now + LOOK_AFTER * 2_i32.pow(memory.quiet));
    }
    // What is due and still waits was in somebody else's hands.
    due.extend(next.due_at.map(|due_at| if due_at > now { due_at } else { now + BUSY_AFTER }));
    // What this call changed others may wait for, who have the edition already: it is finished by the next one.
    if due.is_empty() && !changed && finish(cx, number).await? {
        return Ok(());
    }
    schedule(cx, number, "", due.into_iter().min().unwrap_or(now), memory.payload());
    Ok(())
}

/// Hands over what is due before its edition is looked at next: a reader chose an earlier hour, or came back.
///
/// # Errors
/// Those of the database.
pub(super) async fn hurried(cx: &mut Context, number: u32, subject: &str) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(stored) = store::find(cx.sql(), organisation, number).await? else { return Ok(()) };
    if stored.state != State::Sending {
        return Ok(());
    }
    let digest = store::definition(cx.sql(), organisation).await?;
    let definition = digest.as_ref().map(|digest| &digest.definition);
    let hours = definition.and_then(|definition| definition.schedule(stored.edition.period.cadence()));
    let lateness = Lateness::of_hours(hours.map(|schedule| schedule.late_within_hours));
    if hand_over(cx, &stored, digest.as_ref(), lateness).await? == BATCH_MAX.unsigned_abs() {
        schedule(cx, number, subject, now, json!({}));
    }
    Ok(())
}

struct Next {
    due_at: Option<DateTime<Utc>>,
    in_outbox: bool,
}

async fn next(cx: &mut Context, number: u32) -> Result<Next, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        r#"
        SELECT (SELECT min(due_at) FROM barometer_digests.reader_digest
                WHERE organisation_id = $1 AND edition_number = $2 AND state = 'waiting') AS due_at,
               EXISTS (SELECT FROM barometer_digests.reader_digest
                       WHERE organisation_id = $1 AND edition_number = $2 AND state = 'handed') AS "in_outbox!"
        "#,
        organisation.0,
        integer(number),
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(Next { due_at: row.due_at, in_outbox: row.in_outbox })
}

/// Nothing waits and nothing is on its way: the sums are final. False: a reader came back meanwhile.
async fn finish(cx: &mut Context, number: u32) -> Result<bool, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // Whoever lets a digest wait again has the edition first.
    let current = store::find_locked(cx.sql(), organisation, number).await?;
    if current.is_none_or(|current| current.state != State::Sending) {
        return Ok(true);
    }
    let next = next(cx, number).await?;
    if next.in_outbox || next.due_at.is_some() {
        return Ok(false);
    }
    store::finish(cx.sql(), organisation, number, now).await?;
    proof::check(cx, number).await?;
    Ok(true)
}

/// Lets digests expire whose hour has passed for good, as many as one statement may. Says how many.
async fn expire(cx: &mut Context, number: u32, lateness: Lateness) -> Result<u64, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let expired = sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest SET state = 'expired', settled_at = $3,
            reason = jsonb_build_object('code', 'missed',
                                        'late_minutes', floor(extract(epoch FROM $3 - due_at) / 60)::bigint)
        -- By place, since a join would read all that wait once for each.
        WHERE state = 'waiting' AND ctid = ANY(ARRAY(
            SELECT ctid FROM barometer_digests.reader_digest
            WHERE organisation_id = $1 AND edition_number = $2 AND state = 'waiting' AND due_at < $4
            LIMIT $5 FOR UPDATE SKIP LOCKED))
        "#,
        organisation.0,
        integer(number),
        now,
        lateness.missed_before(now),
        EXPIRED_MAX,
    )
    .execute(cx.sql())
    .await?;
    Ok(expired.rows_affected())
}

/// A waiting digest whose hour has come.
struct Due {
    reader: i64,
    due_at: DateTime<Utc>,
    /// `None`: they left.
    to: Option<Recipient>,
    way: Way,
    when_empty: WhenEmpty,
}

impl Due {
    fn place(&self) -> (bool, &Way, WhenEmpty, i64) {
        (matches!(self.to, Some(Recipient::Conversation(_))), &self.way, self.when_empty, self.reader)
    }
}

/// What becomes of it.
enum Decision {
    Send,
    End(DigestState, Reason),
}

/// Hands a batch over. Says how many digests it was.
async fn hand_over(
    cx: &mut Context,
    stored: &StoredEdition,
    digest: Option<&StoredDefinition>,
    lateness: Lateness,
) -> Result<u64, HandlerError> {
    let mut due = due(cx, stored.number, lateness).await?;
    if due.is_empty() {
        return Ok(0);
    }
    // Whoever reads the same stands together, so that the core writes it out once.
    due.sort_by(|one, other| one.place().cmp(&other.place()));
    let mut letters = Letters::read(cx, stored, digest).await?;
    let mut outgoing = Vec::with_capacity(due.len());
    let mut decided = Vec::with_capacity(due.len());
    for digest in &due {
        let letter = digest.to.map(|to| match to {
            Recipient::Conversation(_) => (to, letters.for_room(&digest.way, digest.when_empty)),
            _ => (to, letters.letter(&digest.way, digest.when_empty)),
        });
        let decision = match letter {
            None => Decision::End(DigestState::Cancelled, Reason::Left),
            Some((_, None)) => Decision::End(DigestState::Suppressed, Reason::NothingForYou),
            Some((to, Some(document))) => {
                let variables = match to {
                    Recipient::Conversation(_) => Map::new(),
                    _ => letters.variables(digest.reader),
                };
                let not_after = lateness.not_after(digest.due_at, cx.now);
                outgoing.push(message(stored.number, digest, to, document, variables, not_after));
                Decision::Send
            }
        };
        decided.push((digest.reader, decision));
    }
    settle(cx, stored, &decided).await?;
    if !outgoing.is_empty() {
        cx.send_each(outgoing);
    }
    Ok(u64::try_from(due.len()).unwrap_or(u64::MAX))
}

fn message(
    number: u32,
    digest: &Due,
    to: Recipient,
    document: Document,
    variables: Map<String, Value>,
    not_after: DateTime<Utc>,
) -> Outgoing {
    let mut message = Outgoing::new(to, Purpose::Digest, scope(number), document);
    message.locale = Some(digest.way.locale);
    message.variables = variables;
    message.lane = Lane::Bulk;
    message.subject = subject(digest.reader);
    message.message_key = Some(MESSAGE_KEY.to_owned());
    message.not_after = Some(not_after);
    message
}

async fn due(cx: &mut Context, number: u32, lateness: Lateness) -> Result<Vec<Due>, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let rows = sqlx::query!(
        r#"
        WITH digest AS MATERIALIZED (
            SELECT reader_id, due_at FROM barometer_digests.reader_digest
            -- Those that are too late expire, however many they are.
            WHERE organisation_id = $1 AND edition_number = $2 AND state = 'waiting' AND due_at BETWEEN $5 AND $3
            ORDER BY due_at, reader_id LIMIT $4
            -- A reader who leaves takes these rows too: waiting for it here could be for ever.
            FOR UPDATE SKIP LOCKED
        )
        SELECT digest.reader_id, digest.due_at, reader.contact_id, reader.conversation_id, reader.state, reader.locale,
               reader.form, reader.topics, reader.when_empty
        FROM digest
        JOIN barometer_digests.reader ON reader.organisation_id = $1 AND reader.id = digest.reader_id
        "#,
        organisation.0,
        integer(number),
        now,
        BATCH_MAX,
        lateness.missed_before(now),
    )
    .fetch_all(cx.sql())
    .await?;
    let due = rows.into_iter().map(|row| {
        let person = row.contact_id.map(|contact| Recipient::Contact(ContactId(contact)));
        let room = row.conversation_id.map(|room| Recipient::Conversation(ConversationId(room)));
        // A topic that is no key any more chooses nothing.
        let topics = row.topics.into_iter().filter_map(|topic| topic.parse().ok()).collect();
        let locale = row.locale.parse().map_err(|error| HandlerError::Broken(format!("{error}")))?;
        Ok(Due {
            reader: row.reader_id,
            due_at: row.due_at,
            to: person.or(room).filter(|_| row.state == "active"),
            way: Way::new(locale, row.form.parse().map_err(HandlerError::Broken)?, topics),
            when_empty: row.when_empty.parse().map_err(HandlerError::Broken)?,
        })
    });
    due.collect()
}

async fn settle(cx: &mut Context, stored: &StoredEdition, decided: &[(i64, Decision)]) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let mut readers = Vec::with_capacity(decided.len());
    let mut states: Vec<String> = Vec::with_capacity(decided.len());
    let mut reasons: Vec<Option<Value>> = Vec::with_capacity(decided.len());
    for (reader, decision) in decided {
        let (state, reason) = match decision {
            Decision::Send => (DigestState::Handed, None),
            Decision::End(state, reason) => (*state, Some(reason)),
        };
        readers.push(*reader);
        states.push(state.as_str().to_owned());
        let reason = reason.map(serde_json::to_value).transpose();
        reasons.push(reason.map_err(|error| HandlerError::Broken(error.to_string()))?);
    }
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest AS digest
        SET state = new.state, reason = new.reason,
            handed_at = CASE WHEN new.state = 'handed' THEN $6::timestamptz END,
            settled_at = CASE WHEN new.state <> 'handed' THEN $6::timestamptz END
        FROM unnest($3::bigint[], $4::text[], $5::jsonb[]) AS new (reader_id, state, reason)
        -- They were locked as waiting when they were read.
        WHERE digest.organisation_id = $1 AND digest.reader_id = new.reader_id AND digest.period = $2
        "#,
        organisation.0,
        stored.edition.period.to_string(),
        &readers,
        &states,
        &reasons as &[Option<Value>],
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}
