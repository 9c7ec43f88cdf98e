//! One event, one transaction: takes events from the inbox in order per (conversation, person), routes each to whom
//! it belongs, and commits its mark, the plugin's state and what was asked for together. Whatever dies, an event
//! has happened entirely or not at all.

mod context;
mod effects;
mod moderation;
mod routing;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;
use sqlx::{Postgres, Transaction};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::context::caller_of;
pub(crate) use self::context::{addresses_of, begin, context_without_caller, lock_contact, without_time_limit};
pub use self::effects::withdraw_consent;
pub(crate) use self::effects::{
    EffectError, FIRE_EVENT, FIRE_FORGET, FIRE_OUTCOME, FIRE_VACUUM, Origin, apply, apply_in_place, forget, schedule,
    write_audit, write_consent,
};
use self::routing::Route;
pub(crate) use self::routing::{is_urgent, may};
use crate::adapter::InboundKind;
use crate::core::Core;
use crate::ids::{AccountId, InboxSequence, OrganisationId};
use crate::liveness::LEASE_SECONDS;
use crate::plugin_host::{Call, CallError, is_outage};

/// Events handled side by side in this process.
const EVENTS_AT_ONCE_MAX: usize = 8;
/// Tries before an event is parked for an operator. With the pauses between them they end within 10 s.
const ATTEMPTS_MAX: i16 = 3;
/// Looked at anyway after this long, should a wake-up have been lost.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// An event taken from the inbox, under a lease.
#[derive(Debug)]
struct Claimed {
    organisation: OrganisationId,
    account: AccountId,
    sequence: InboxSequence,
    epoch: i64,
    attempts: i16,
}

/// An event as it is stored.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub organisation: OrganisationId,
    pub account: AccountId,
    pub sequence: InboxSequence,
    pub conversation: Uuid,
    pub address: Option<i64>,
    pub kind: InboundKind,
}

/// Why an event was not settled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DispatchError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{plugin}: {error}")]
    Plugin {
        plugin: String,
        #[source]
        error: CallError,
    },
    #[error("the stored event cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    Effect(#[from] effects::EffectError),
}

impl DispatchError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) => is_outage(error),
            Self::Plugin { error, .. } => error.is_outage(),
            Self::Effect(effects::EffectError::Database(error)) => is_outage(error),
            Self::Effect(_) | Self::Unreadable(_) => false,
        }
    }
}

/// Takes and handles events until `stop`, then finishes those in hand.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let slots = Arc::new(tokio::sync::Semaphore::new(EVENTS_AT_ONCE_MAX));
    while !stop.is_cancelled() {
        let Some(Ok(first_slot)) = stop.run_until_cancelled(Arc::clone(&slots).acquire_owned()).await else { break };
        let free = 1 + slots.available_permits();
        let woken = core.wake.inbox.notified();
        let looked_at = core.clock.now();
        let mut held = Some(first_slot);
        match claim(&core, free).await {
            Ok(claimed) if claimed.is_empty() => {
                drop(held);
                let next = next_moment(&core, looked_at).await.unwrap_or_default();
                tokio::select! {
                    () = woken => {}
                    () = core.clock.sleep_until(next.unwrap_or_else(|| core.clock.now() + TimeDelta::days(1))) => {}
                    () = pause(POLL_INTERVAL) => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(claimed) => {
                for event in claimed {
                    let slot = match held.take() {
                        Some(slot) => slot,
                        // The claim took no more than the free slots, and only this loop takes them.
                        None => match Arc::clone(&slots).acquire_owned().await {
                            Ok(slot) => slot,
                            Err(_) => break,
                        },
                    };
                    let core = Arc::clone(&core);
                    tasks.spawn(async move {
                        handle(&core, event).await;
                        drop(slot);
                        core.wake.inbox.notify_one();
                        core.did_something();
                    });
                }
            }
            Err(error) => {
                drop(held);
                tracing::warn!("The inbox cannot be read, trying again: {error}");
                tokio::select! { () = pause(Duration::from_millis(250)) => {}, () = stop.cancelled() => {} }
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

#[allow(clippy::disallowed_methods, reason = "waiting for the world outside, not for business time")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

async fn next_moment(
    core: &Core,
    after: chrono::DateTime<chrono::Utc>,
) -> Result<Option<chrono::DateTime<chrono::Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT min(available_at) FROM core.inbox WHERE state = 'waiting' AND leased_by IS NULL AND available_at > $1",
        after,
    )
    .fetch_one(&core.pool)
    .await
}

/// Leases the first waiting event of up to `events_max` (conversation, person) queues. The attempt is counted
/// now, so that an event which kills the process is parked in the end; that count need not survive a power cut,
/// so it does not wait for the disk.
async fn claim(core: &Core, events_max: usize) -> Result<Vec<Claimed>, sqlx::Error> {
    let mut transaction = core.pool.begin().await?;
    sqlx::query!("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
    let rows = sqlx::query!(
        r#"
        WITH head AS (
            SELECT organisation_id, account_id, sequence FROM core.inbox AS event
            WHERE state = 'waiting' AND leased_by IS NULL AND available_at <= $1
              AND (urgent OR NOT EXISTS (
                  SELECT FROM core.inbox AS earlier
                  WHERE earlier.organisation_id = event.organisation_id
                    AND earlier.conversation_id = event.conversation_id
                    AND earlier.address_id IS NOT DISTINCT FROM event.address_id
                    AND earlier.account_id = event.account_id
                    AND earlier.sequence < event.sequence
                    AND earlier.state = 'waiting'
              ))
            ORDER BY urgent DESC, received_at, sequence
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        UPDATE core.inbox AS event
        SET leased_by = $3, lease_epoch = lease_epoch + 1, attempts = attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => $4)
        FROM head
        WHERE event.organisation_id = head.organisation_id AND event.account_id = head.account_id
          AND event.sequence = head.sequence
        RETURNING event.organisation_id, event.account_id, event.sequence, event.lease_epoch, event.attempts
        "#,
        core.clock.now(),
        i64::try_from(events_max).unwrap_or(1),
        core.runner.0,
        LEASE_SECONDS,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            organisation: OrganisationId(row.organisation_id),
            account: AccountId(row.account_id),
            sequence: InboxSequence(row.sequence),
            epoch: row.lease_epoch,
            attempts: row.attempts,
        })
        .collect())
}

async fn handle(core: &Core, claimed: Claimed) {
    let started = std::time::Instant::now();
    let end = process(core, &claimed).await;
    metrics::histogram!("crieur_event_seconds").record(started.elapsed().as_secs_f64());
    match end {
        Ok(()) => {
            metrics::counter!("crieur_events_total", "end" => "done").increment(1);
            core.settled.announce(claimed.account, claimed.sequence);
        }
        Err(error) => {
            let outage = error.is_outage();
            metrics::counter!("crieur_events_total", "end" => if outage { "outage" } else { "failed" }).increment(1);
            tracing::warn!(
                inbox.account = %claimed.account, inbox.sequence = %claimed.sequence, attempt = claimed.attempts,
                "Event {}/{} was not handled: {error}", claimed.account, claimed.sequence
            );
            give_back(core, &claimed, &error.to_string(), outage).await;
        }
    }
}

/// Returns an event for another try, or parks it. Goes on trying while Postgres is away: until then the lease
/// keeps the event from anybody else, and afterwards it is rescued.
async fn give_back(core: &Core, claimed: &Claimed, reason: &str, outage: bool) {
    let park = !outage && claimed.attempts >= ATTEMPTS_MAX;
    let next = core.clock.now() + TimeDelta::seconds(if outage { 0 } else { i64::from(claimed.attempts) * 2 - 1 });
    for _ in 0..240 {
        let done = sqlx::query!(
            r#"
            UPDATE core.inbox
            SET leased_by = NULL, lease_until = NULL, available_at = $5::timestamptz,
                attempts = attempts - CASE WHEN $6 THEN 1 ELSE 0 END,
                state = CASE WHEN $7 THEN 'parked' ELSE 'waiting' END,
                settled_at = CASE WHEN $7 THEN $5::timestamptz END,
                reason = CASE WHEN $7 THEN $8 END
            WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3 AND lease_epoch = $4
              AND leased_by = $9 AND state = 'waiting'
            "#,
            claimed.organisation.0,
            claimed.account.0,
            claimed.sequence.0,
            claimed.epoch,
            next,
            outage,
            park,
            reason,
            core.runner.0,
        )
        .execute(&core.pool)
        .await;
        match done {
            Ok(_) => {
                if park {
                    tracing::error!(
                        "Event {}/{} is parked after {ATTEMPTS_MAX} tries: see `crieur inbox list`",
                        claimed.account,
                        claimed.sequence
                    );
                    core.settled.announce(claimed.account, claimed.sequence);
                }
                return;
            }
            Err(_) => pause(Duration::from_millis(500)).await,
        }
    }
}

async fn process(core: &Core, claimed: &Claimed) -> Result<(), DispatchError> {
    let Some(organisation) = core.organisation(claimed.organisation) else {
        return Err(DispatchError::Effect(effects::EffectError::Refused(format!(
            "organisation {} is not known to this process",
            claimed.organisation
        ))));
    };
    let mut joining = None;
    let mut moderates = None;
    let (event, transaction, caller, route) = loop {
        let mut transaction = begin(core).await?;
        let Some(event) = load(&mut transaction, core, claimed).await? else {
            // The lease is no longer ours: somebody else has the event.
            return Ok(());
        };
        joining = joining.or_else(|| routing::joined_by(core, organisation, &event));
        if let Some(joining) = joining {
            // It concerns two people: both are locked, always in the same order.
            for contact in crate::people::people_joined(&mut transaction, &event, joining).await? {
                lock_contact(&mut transaction, contact).await?;
            }
        }
        let caller = match caller_of(core, organisation, &mut transaction, &event).await? {
            context::Found::Caller(caller, locale) => Some((caller, locale)),
            context::Found::Nobody => None,
            context::Found::Gone => {
                // The person erased themselves while this waited: there is nobody left to answer.
                settle(&mut transaction, core, claimed).await?;
                transaction.commit().await?;
                return Ok(());
            }
        };
        let person = caller.as_ref().map(|found| &*found.0);
        let route = routing::route(core, organisation, &mut transaction, &event, person, moderates).await?;
        if let Route::WhetherModerates = route {
            // The platform is asked while nobody is locked.
            transaction.rollback().await?;
            moderates = Some(moderation::moderates(core, &event).await?);
            continue;
        }
        let joins = match &route {
            Route::Core(command) => command.joining(),
            _ => None,
        };
        if joins == joining || joins.is_none() {
            break (event, transaction, caller, route);
        }
        // A number stood for the button: once more, with both locked.
        joining = joins;
        transaction.rollback().await?;
    };
    let locale = caller.as_ref().map(|found| found.1);
    let context = context::build(core, organisation, transaction, caller, route.owner()).await?;
    let mut context = match route {
        Route::Core(command) => crate::people::handle(core, organisation, context, &event, command).await?,
        Route::Plugin { id, call } => call_plugin(core, context, id, call).await?,
        Route::Nobody | Route::WhetherModerates => context,
    };
    let origin = Origin { account: Some(event.account), event: Some(event.sequence) };
    let next = context.take_hand_over().zip(context.caller.clone());
    let locale = locale.unwrap_or(context.locale);
    let mut transaction = apply(core, organisation, context, &origin).await?;
    if let Some((command, caller)) = next {
        transaction = hand_over(core, organisation, transaction, (caller, locale), command, &origin).await?;
    }
    if settle(&mut transaction, core, claimed).await? == 0 {
        // Dropping the transaction undoes everything: another process has taken the event over.
        return Ok(());
    }
    transaction.commit().await?;
    Ok(())
}

/// Goes on with the command that a plugin handed its caller over to. There is no further hand-over.
async fn hand_over(
    core: &Core,
    organisation: &crate::core::Organisation,
    transaction: Transaction<'static, Postgres>,
    (caller, locale): (crate::plugin::Caller, crate::locale::Locale),
    command: crate::plugin::CommandCall,
    origin: &Origin,
) -> Result<Transaction<'static, Postgres>, DispatchError> {
    // Nobody is handed over to what has to be asked of the platform first.
    let asking = routing::Asking { caller: &caller, moderates: Some(false) };
    let route = routing::command(core, asking, &command.name, &command.arguments);
    let caller = Some((Box::new(caller), locale));
    let context = context::build(core, organisation, transaction, caller, route.owner()).await?;
    let context = match route {
        Route::Plugin { id, call } => call_plugin(core, context, id, call).await?,
        Route::Core(_) | Route::Nobody | Route::WhetherModerates => {
            let mut context = context;
            let text = crate::people::text(context.locale, "plugin-unavailable", &[]);
            context.reply(crate::message::Document::says(text));
            context
        }
    };
    Ok(apply(core, organisation, context, origin).await?)
}

/// Calls the plugin, or says that it is not there just now: a person is never left without an answer.
async fn call_plugin(
    core: &Core,
    context: crate::plugin::Context,
    id: crate::ids::PluginId,
    call: Call,
) -> Result<crate::plugin::Context, DispatchError> {
    let Some(host) = core.plugins.get(&id).filter(|host| host.is_callable()) else {
        let mut context = context;
        let text = crate::people::text(context.locale, "plugin-unavailable", &[]);
        context.reply(crate::message::Document::says(text));
        return Ok(context);
    };
    match host.call(&core.pool, context, call).await {
        Ok((context, _)) => Ok(context),
        Err(error) => {
            core.wake.plugin.notify_one();
            Err(DispatchError::Plugin { plugin: id.to_string(), error })
        }
    }
}

async fn load(
    transaction: &mut Transaction<'static, Postgres>,
    core: &Core,
    claimed: &Claimed,
) -> Result<Option<StoredEvent>, DispatchError> {
    let row = sqlx::query!(
        r#"
        SELECT conversation_id, address_id, payload FROM core.inbox
        WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3 AND lease_epoch = $4 AND leased_by = $5
          AND state = 'waiting'
        FOR UPDATE
        "#,
        claimed.organisation.0,
        claimed.account.0,
        claimed.sequence.0,
        claimed.epoch,
        core.runner.0,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredEvent {
        organisation: claimed.organisation,
        account: claimed.account,
        sequence: claimed.sequence,
        conversation: row.conversation_id,
        address: row.address_id,
        kind: serde_json::from_value(row.payload.unwrap_or(Value::Null))?,
    }))
}

/// Marks the event done, if the lease is still ours.
async fn settle(
    transaction: &mut Transaction<'static, Postgres>,
    core: &Core,
    claimed: &Claimed,
) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query!(
        r#"
        UPDATE core.inbox SET state = 'done', settled_at = $5, leased_by = NULL, lease_until = NULL
        WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3 AND lease_epoch = $4 AND state = 'waiting'
        "#,
        claimed.organisation.0,
        claimed.account.0,
        claimed.sequence.0,
        claimed.epoch,
        core.clock.now(),
    )
    .execute(&mut **transaction)
    .await?
    .rows_affected())
}
