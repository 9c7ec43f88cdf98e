//! Performs the fetches that are due: claims with a lease, calls outside of any transaction, then lets the plugin
//! hear the answer in the one transaction that also removes the row. A process that dies in between leaves the row,
//! and another asks again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{FetchRequest, FetchSettings, Fetched, perform};
use crate::core::{Core, Organisation};
use crate::dispatcher::{EffectError, Origin, apply, context_without_caller, pause, write_audit};
use crate::fires::is_callable;
use crate::ids::{OrganisationId, PluginId};
use crate::liveness::LEASE_SECONDS;
use crate::plugin_host::{Call, CallError, is_outage};

/// Requests of this process under way at a time.
const FETCHES_AT_ONCE_MAX: usize = 4;
/// How often a plugin may fail over an answer before it is given up, and its matter is free again.
const ATTEMPTS_MAX: i16 = 5;
const POLL_INTERVAL: Duration = Duration::from_secs(5);

struct Claimed {
    organisation: OrganisationId,
    id: i64,
    epoch: i64,
    attempts: i16,
    plugin: PluginId,
    scope: String,
    subject: String,
    request: Value,
    payload: Value,
}

#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Plugin(#[from] CallError),
    #[error("{0}")]
    Effect(#[from] EffectError),
    #[error("nobody asked for it")]
    Orphan,
    #[error("the request cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl SettleError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) | Self::Effect(EffectError::Database(error)) => is_outage(error),
            Self::Plugin(error) => error.is_outage() || matches!(error, CallError::Disabled(_)),
            _ => false,
        }
    }
}

/// Fetches until `stop`, then finishes what is in hand.
pub(crate) async fn run(core: Arc<Core>, settings: Arc<FetchSettings>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let slots = Arc::new(tokio::sync::Semaphore::new(FETCHES_AT_ONCE_MAX));
    while !stop.is_cancelled() {
        let Some(Ok(slot)) = stop.run_until_cancelled(Arc::clone(&slots).acquire_owned()).await else { break };
        let woken = core.wake.fetch.notified();
        let looked_at = core.clock.now();
        match claim(&core).await {
            Ok(Some(claimed)) => {
                let (core, settings) = (Arc::clone(&core), Arc::clone(&settings));
                tasks.spawn(async move {
                    fetch(&core, &settings, &claimed).await;
                    core.did_something();
                    drop(slot);
                });
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("Fetches cannot be read, trying again: {error}");
                tokio::select! { () = pause(Duration::from_millis(250)) => continue, () = stop.cancelled() => break }
            }
        }
        drop(slot);
        let next = next_moment(&core, looked_at).await.unwrap_or_default();
        tokio::select! {
            () = woken => {}
            () = core.clock.sleep_until(next.unwrap_or_else(|| core.clock.now() + TimeDelta::days(1))) => {}
            () = pause(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn next_moment(core: &Core, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!("SELECT min(available_at) FROM core.fetch WHERE available_at > $1", after)
        .fetch_one(&core.pool)
        .await
}

/// Leases the first due fetch. Those of a disabled plugin wait for it.
async fn claim(core: &Core) -> Result<Option<Claimed>, sqlx::Error> {
    let callable: Vec<String> = core
        .plugins()
        .map(|host| host.manifest().id.clone())
        .filter(|id| is_callable(core, id))
        .map(|id| id.to_string())
        .collect();
    let organisations: Vec<i32> = core.organisations().map(|organisation| organisation.view.id.0).collect();
    let row = sqlx::query!(
        r#"
        WITH head AS (
            SELECT organisation_id, id FROM core.fetch
            WHERE organisation_id = ANY ($1) AND plugin_id = ANY ($2) AND available_at <= $3 AND leased_by IS NULL
            ORDER BY available_at, id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        UPDATE core.fetch AS asked
        SET leased_by = $4, lease_epoch = lease_epoch + 1,
            lease_until = clock_timestamp() + make_interval(secs => $5)
        FROM head
        WHERE asked.organisation_id = head.organisation_id AND asked.id = head.id
        RETURNING asked.organisation_id, asked.id, asked.lease_epoch, asked.attempts, asked.plugin_id, asked.scope,
                  asked.subject, asked.request, asked.payload
        "#,
        &organisations,
        &callable,
        core.clock.now(),
        core.runner.0,
        LEASE_SECONDS,
    )
    .fetch_optional(&core.pool)
    .await?;
    Ok(row.and_then(|row| {
        Some(Claimed {
            organisation: OrganisationId(row.organisation_id),
            id: row.id,
            epoch: row.lease_epoch,
            attempts: row.attempts,
            // Only ids of loaded plugins were asked for.
            plugin: row.plugin_id.parse().ok()?,
            scope: row.scope,
            subject: row.subject,
            request: row.request,
            payload: row.payload,
        })
    }))
}

async fn fetch(core: &Core, settings: &FetchSettings, claimed: &Claimed) {
    let began = Instant::now();
    let outcome = match serde_json::from_value::<FetchRequest>(claimed.request.clone()) {
        Ok(request) => Ok(perform(&request, settings).await),
        Err(error) => Err(SettleError::from(error)),
    };
    let end = match &outcome {
        Ok(Ok(_)) => "answered",
        Ok(Err(failure)) => failure.kind(),
        Err(_) => "unreadable",
    };
    metrics::counter!("crieur_fetches_total", "plugin" => claimed.plugin.to_string(), "end" => end).increment(1);
    metrics::histogram!("crieur_fetch_seconds").record(began.elapsed().as_secs_f64());
    let settled = match outcome {
        Ok(outcome) => {
            let Claimed { scope, subject, payload, .. } = claimed;
            let fetched = Fetched { scope: scope.clone(), subject: subject.clone(), payload: payload.clone(), outcome };
            settle(core, claimed, fetched).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = settled {
        tracing::warn!(plugin.id = %claimed.plugin, "An answer for {} was not taken: {error}", claimed.plugin);
        if let Err(error) = give_back(core, claimed, &error).await {
            // The lease runs out by itself.
            tracing::warn!("A fetch could not be given back: {error}");
        }
    }
}

/// Removes the row and lets the plugin hear, in one transaction. Another process that took the fetch over meanwhile
/// has the newer epoch: then nothing happens here.
async fn settle(core: &Core, claimed: &Claimed, fetched: Fetched) -> Result<(), SettleError> {
    let organisation: &Organisation = core.organisation(claimed.organisation).ok_or(SettleError::Orphan)?;
    let host = core.plugins.get(&claimed.plugin).ok_or(SettleError::Orphan)?;
    let mut context = context_without_caller(core, organisation, claimed.plugin.clone()).await?;
    // First, so that a plugin which asks for the same matter again is heard.
    let mine = sqlx::query!(
        "DELETE FROM core.fetch WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3",
        claimed.organisation.0,
        claimed.id,
        claimed.epoch,
    )
    .execute(context.sql())
    .await?
    .rows_affected();
    if mine == 0 {
        return Ok(());
    }
    let result = host.call(&core.pool, context, Call::Fetched(fetched)).await;
    if result.is_err() {
        core.wake.plugin.notify_one();
    }
    let transaction = apply(core, organisation, result?.0, &Origin::nobody()).await?;
    transaction.commit().await?;
    Ok(())
}

/// Asks again later, or gives the matter up so that the plugin may ask anew.
async fn give_back(core: &Core, claimed: &Claimed, error: &SettleError) -> Result<(), sqlx::Error> {
    let outage = error.is_outage();
    let attempts = if outage { claimed.attempts } else { claimed.attempts.saturating_add(1) };
    if attempts >= ATTEMPTS_MAX {
        let mut transaction = core.pool.begin().await?;
        let given_up = sqlx::query!(
            "DELETE FROM core.fetch WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3",
            claimed.organisation.0,
            claimed.id,
            claimed.epoch,
        )
        .execute(&mut *transaction)
        .await?;
        if given_up.rows_affected() > 0 {
            let details = json!({ "scope": claimed.scope, "attempts": attempts });
            let (id, now) = (claimed.organisation.0, core.clock.now());
            let (plugin, subject) = (claimed.plugin.as_str(), claimed.subject.as_str());
            write_audit(&mut transaction, id, now, plugin, "fetch.given_up", subject, &details).await?;
        }
        return transaction.commit().await;
    }
    let wait = TimeDelta::seconds(if outage { 1 } else { 1 << attempts.min(10) });
    sqlx::query!(
        r#"
        UPDATE core.fetch SET attempts = $4, available_at = $5, leased_by = NULL, lease_until = NULL
        WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3
        "#,
        claimed.organisation.0,
        claimed.id,
        claimed.epoch,
        attempts,
        core.clock.now() + wait,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}
