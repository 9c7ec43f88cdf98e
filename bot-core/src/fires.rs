//! One clock: claims what is due and hands it to its plugin, in the same one-transaction way as an event. Also runs
//! the core's own fires: outcomes of deliveries, events for a plugin that could not wait, vacuuming, retention.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use crate::calendar::next_occurrence;
use crate::core::{Core, Organisation};
use crate::dispatcher::{
    EffectError, FIRE_EVENT, FIRE_FORGET, FIRE_OUTCOME, FIRE_VACUUM, Origin, apply, context_without_caller, forget,
    lock_contact, pause, without_time_limit,
};
use crate::ids::{ContactId, OrganisationId, PluginId};
use crate::people::{FIRE_UNNAME, unname};
use crate::plugin::{Event, FiredFire};
use crate::plugin_host::{Call, CallError, is_outage};

/// The core's daily cleaning.
pub(crate) const FIRE_RETENTION: &str = "retention";

/// A fire with the policy `skip` still runs when it is this little late: nobody is punctual to the second.
const SKIP_GRACE: TimeDelta = TimeDelta::minutes(1);
/// From so many attempts on, an operator is told.
pub(crate) const FAILING_FROM: i16 = 5;
const POLL_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum FireError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Plugin(#[from] CallError),
    #[error("{0}")]
    Effect(#[from] EffectError),
    #[error("its payload cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("nobody handles it")]
    Orphan,
}

impl FireError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) | Self::Effect(EffectError::Database(error)) => is_outage(error),
            Self::Plugin(error) => error.is_outage() || matches!(error, CallError::Disabled(_)),
            _ => false,
        }
    }
}

struct DueFire {
    plugin: PluginId,
    scope: String,
    subject: String,
    due_at: DateTime<Utc>,
    misfire: String,
    within_seconds: Option<i32>,
    cron: Option<String>,
    time_zone: Option<String>,
    payload: Value,
}

/// Runs what is due until `stop`: one loop per plugin, so that a slow one delays only its own.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let owners = core.plugins.keys().cloned().chain(std::iter::once(PluginId::core()));
    let loops = owners.map(|owner| run_owner(Arc::clone(&core), owner, stop.clone()));
    futures::future::join_all(loops).await;
}

async fn run_owner(core: Arc<Core>, owner: PluginId, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let woken = core.wake.fire.notified();
        // What falls due between this look and the next question is asked for again, not slept through.
        let looked_at = core.clock.now();
        let mut busy = false;
        for organisation in core.organisations().filter(|_| is_callable(&core, &owner)) {
            match run_one(&core, organisation, &owner).await {
                Ok(ran) => busy |= ran,
                Err(error) => {
                    tracing::warn!("Fires cannot be read, trying again: {error}");
                    tokio::select! { () = pause(Duration::from_millis(250)) => {}, () = stop.cancelled() => {} }
                }
            }
        }
        if busy {
            core.did_something();
            continue;
        }
        let next = next_moment(&core, looked_at).await.unwrap_or_default();
        tokio::select! {
            () = woken => {}
            () = core.clock.sleep_until(next.unwrap_or_else(|| core.clock.now() + TimeDelta::days(1))) => {}
            () = pause(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn next_moment(core: &Core, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!("SELECT min(available_at) FROM core.fire WHERE state = 'waiting' AND available_at > $1", after,)
        .fetch_one(&core.pool)
        .await
}

/// The fires of a disabled plugin wait for it.
pub(crate) fn is_callable(core: &Core, owner: &PluginId) -> bool {
    core.plugins.get(owner).map_or(*owner == PluginId::core(), |host| host.is_callable())
}

/// Runs the earliest due fire of an organisation, if there is one.
async fn run_one(core: &Core, organisation: &Organisation, owner: &PluginId) -> Result<bool, sqlx::Error> {
    // The plugin gets the transaction that holds the fire's row lock: whoever else looks skips it meanwhile.
    let mut context = context_without_caller(core, organisation, owner.clone()).await?;
    // The call's own time, and no later one: a fire that is due only since would be moved to its next time after the
    // call's, which is that very moment, and run twice.
    let now = context.now;
    let row = sqlx::query!(
        r#"
        SELECT scope, subject, due_at, misfire, within_seconds, cron, time_zone, payload, attempts
        FROM core.fire
        WHERE organisation_id = $1 AND state = 'waiting' AND available_at <= $2 AND plugin_id = $3
        ORDER BY available_at, scope, subject
        LIMIT 1
        FOR UPDATE SKIP LOCKED
        "#,
        organisation.view.id.0,
        now,
        owner.as_str(),
    )
    .fetch_optional(context.sql())
    .await?;
    let Some(row) = row else { return Ok(false) };
    let fire = DueFire {
        plugin: owner.clone(),
        scope: row.scope,
        subject: row.subject,
        due_at: row.due_at,
        misfire: row.misfire,
        within_seconds: row.within_seconds,
        cron: row.cron,
        time_zone: row.time_zone,
        payload: row.payload,
    };
    let attempts = row.attempts;
    match run_fire(core, organisation, context, &fire).await {
        Ok(()) => {
            metrics::counter!("crieur_fires_total", "end" => "done").increment(1);
            Ok(true)
        }
        Err(error) => {
            metrics::counter!("crieur_fires_total", "end" => "failed").increment(1);
            tracing::warn!(plugin.id = %fire.plugin, "Fire {} of {} failed: {error}", fire.scope, fire.plugin);
            give_back(core, organisation.view.id, &fire, attempts, &error).await?;
            Ok(true)
        }
    }
}

async fn give_back(
    core: &Core,
    organisation: OrganisationId,
    fire: &DueFire,
    attempts: i16,
    error: &FireError,
) -> Result<(), sqlx::Error> {
    let outage = error.is_outage();
    let attempts = if outage { attempts } else { attempts.saturating_add(1) };
    // Never given up: behind a fire stands a closing, a campaign, a cleaning that would never come. It is tried again
    // after 2 s, 4 s … 17 minutes, and told to the operator meanwhile.
    let pause = TimeDelta::seconds(if outage { 1 } else { 1 << attempts.clamp(0, 10) });
    if attempts == FAILING_FROM {
        tracing::error!(
            plugin.id = %fire.plugin,
            "Fire {} of {} keeps failing and is tried again later: see `crieur doctor`",
            fire.scope,
            fire.plugin
        );
    }
    sqlx::query!(
        r#"
        UPDATE core.fire
        SET attempts = $5, available_at = $6, reason = $7
        WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND subject = $4
          -- Moved to another time meanwhile, it is another fire, which has not failed.
          AND due_at = $8
        "#,
        organisation.0,
        fire.plugin.as_str(),
        fire.scope,
        fire.subject,
        attempts,
        core.clock.now() + pause,
        error.to_string(),
        fire.due_at,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

async fn run_fire(
    core: &Core,
    organisation: &Organisation,
    context: crate::plugin::Context,
    fire: &DueFire,
) -> Result<(), FireError> {
    let mut context = context;
    // First, so that a handler which schedules the same fire again is not undone.
    settle(&mut context.transaction, organisation, fire, context.now).await?;
    let late = context.now - fire.due_at;
    let missed = match fire.misfire.as_str() {
        "skip" => late > SKIP_GRACE,
        "send_if_within" => late > TimeDelta::seconds(i64::from(fire.within_seconds.unwrap_or(0))),
        _ => false,
    };
    if missed {
        let details = serde_json::json!({ "scope": fire.scope, "late_seconds": late.num_seconds() });
        context.audit("fire.missed", fire.subject.clone(), details);
    } else if fire.plugin == PluginId::core() {
        run_core_fire(core, organisation, &mut context, fire).await?;
    } else {
        let host = core.plugins.get(&fire.plugin).ok_or(FireError::Orphan)?;
        let mut call = match fire.scope.as_str() {
            FIRE_OUTCOME => Call::Delivery(serde_json::from_value(fire.payload.clone())?),
            FIRE_EVENT => Call::Event(serde_json::from_value(fire.payload.clone())?),
            _ => Call::Fire(FiredFire {
                scope: fire.scope.clone(),
                subject: fire.subject.clone(),
                due_at: fire.due_at,
                payload: fire.payload.clone(),
            }),
        };
        if let Call::Event(Event::Noted { note, .. }) = &mut call
            && let Some(contact) = note.contact
        {
            // Who it was about may have become a part of somebody else since, or be gone.
            note.contact = present_name(&mut context.transaction, organisation, contact).await?;
        }
        if let Call::Event(Event::ContactErased { contact, .. }) = &call {
            // Whatever was being done for this person when they erased themselves comes first, and is erased with
            // the rest.
            lock_contact(&mut context.transaction, *contact).await?;
        }
        let result = host.call(&core.pool, context, call).await;
        if result.is_err() {
            core.wake.plugin.notify_one();
        }
        context = result?.0;
    }
    let transaction = apply(core, organisation, context, &Origin::nobody()).await?;
    transaction.commit().await?;
    Ok(())
}

/// The contact that `contact` is now: itself, or the one it was merged into; `None` when it was erased.
async fn present_name(
    transaction: &mut Transaction<'static, Postgres>,
    organisation: &Organisation,
    contact: ContactId,
) -> Result<Option<ContactId>, sqlx::Error> {
    let present = sqlx::query_scalar!(
        r#"
        WITH RECURSIVE name AS (
            SELECT id, merged_into, 1 AS depth FROM core.contact WHERE organisation_id = $1 AND id = $2
            UNION ALL
            SELECT contact.id, contact.merged_into, name.depth + 1
            FROM name JOIN core.contact ON contact.organisation_id = $1 AND contact.id = name.merged_into
            WHERE name.depth < 100
        )
        SELECT id AS "id!" FROM name WHERE merged_into IS NULL
        "#,
        organisation.view.id.0,
        contact.0,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(present.map(ContactId))
}

/// Removes the fire, or moves one that comes back to its next time. However many times were missed, it ran once.
async fn settle(
    transaction: &mut Transaction<'static, Postgres>,
    organisation: &Organisation,
    fire: &DueFire,
    now: DateTime<Utc>,
) -> Result<(), FireError> {
    let next = match (&fire.cron, &fire.time_zone) {
        (Some(cron), Some(zone)) => {
            let zone = zone.parse().unwrap_or(organisation.view.time_zone);
            next_occurrence(cron, zone, now).ok().flatten()
        }
        _ => None,
    };
    match next {
        Some(next) => {
            sqlx::query!(
                r#"
                UPDATE core.fire SET due_at = $5, available_at = $5, attempts = 0, reason = NULL
                WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND subject = $4
                "#,
                organisation.view.id.0,
                fire.plugin.as_str(),
                fire.scope,
                fire.subject,
                next,
            )
            .execute(&mut **transaction)
            .await?;
        }
        None => {
            sqlx::query!(
                "DELETE FROM core.fire WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND subject = $4",
                organisation.view.id.0,
                fire.plugin.as_str(),
                fire.scope,
                fire.subject,
            )
            .execute(&mut **transaction)
            .await?;
        }
    }
    Ok(())
}

/// The core's own fires. They go through whole tables, so they take the time they need.
async fn run_core_fire(
    core: &Core,
    organisation: &Organisation,
    context: &mut crate::plugin::Context,
    fire: &DueFire,
) -> Result<(), FireError> {
    without_time_limit(&mut context.transaction).await?;
    match fire.scope.as_str() {
        // On a connection of its own, since no transaction may vacuum, and before this one commits: a vacuum that
        // failed must come again. What was deleted before this transaction began is removed all the same.
        FIRE_VACUUM => crate::retention::vacuum(&core.pool, &fire.subject).await?,
        FIRE_FORGET => {
            let tables: Vec<String> = serde_json::from_value(fire.payload.clone())?;
            forget(&mut context.transaction, organisation.view.id.0, &fire.subject, &tables, context.now).await?;
        }
        FIRE_UNNAME => unname(&mut context.transaction, organisation.view.id, &fire.subject).await?,
        FIRE_RETENTION => crate::retention::clean(core, organisation, &mut context.transaction).await?,
        _ => return Err(FireError::Orphan),
    }
    Ok(())
}
