//! Delivery: one runner per account claims what is due, renders it, makes the platform calls one part at a time and
//! settles each with the adapter's verdict. The states and their reasons are told in ARCHITECTURE.md.

pub mod gates;
mod outage;
mod permission;
mod places;
mod private_links;
pub(crate) mod queue;
mod sending;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::gates::Gates;
use crate::adapter::{AccountHealth, RunError};
use crate::core::{Account, Core};
use crate::dispatcher::pause;

/// Platform calls of one account that may be under way side by side, in different conversations.
const CALLS_AT_ONCE_MAX: usize = 8;
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Between two tries to take an account over from another process, or to start an adapter again.
const TAKEOVER_INTERVAL: Duration = Duration::from_secs(2);
/// Before an account that was refused is tried here again: long enough for another process to take it.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// Runs one account until `stop`: waits for its lease, then receives and sends for as long as it holds it.
pub(crate) async fn run_account(core: Arc<Core>, account: Account, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match take_lease(&core, &account).await {
            Ok(true) => {
                let tenure = stop.child_token();
                let receiving = receive(Arc::clone(&core), account.clone(), tenure.clone());
                let sending = send(Arc::clone(&core), account.clone(), tenure.clone());
                let outages = outage::watch(&core, &account, &tenure);
                let (end, ..) = tokio::join!(receiving, sending, watch_lease(&core, &account, &tenure), outages);
                if end == Receiving::Stopped {
                    continue;
                }
                // Refused here, it may run where its files are, or where its token is right.
                if let Err(error) = give_lease_back(&core, &account).await {
                    tracing::warn!("The lease of account {} could not be given back: {error}", account.name);
                }
                if stop.run_until_cancelled(pause(REFUSED_PAUSE)).await.is_none() {
                    return;
                }
                continue;
            }
            Ok(false) => {
                tracing::debug!(account.name = account.name, "Account {} is run by another process", account.name);
            }
            Err(error) => tracing::warn!("The lease of account {} cannot be taken: {error}", account.name),
        }
        if stop.run_until_cancelled(pause(TAKEOVER_INTERVAL)).await.is_none() {
            return;
        }
    }
    if let Err(error) = give_lease_back(&core, &account).await {
        tracing::warn!("The lease of account {} could not be given back and will be taken over: {error}", account.name);
    }
}

/// How receiving ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receiving {
    Stopped,
    /// Trying again at once would not help.
    Refused,
}

/// Ends the tenure when another process has taken the account over, as it may after Postgres was away: two at once
/// would fight over one connection to the platform.
async fn watch_lease(core: &Core, account: &Account, tenure: &CancellationToken) {
    let mut known_link = None;
    while tenure.run_until_cancelled(pause(TAKEOVER_INTERVAL)).await.is_some() {
        let holder = sqlx::query_scalar!(
            "SELECT leased_by FROM core.account WHERE organisation_id = $1 AND id = $2",
            account.organisation.0,
            account.id.0,
        )
        .fetch_one(&core.pool)
        .await;
        // While Postgres is away nobody can take anything over.
        if matches!(holder, Ok(holder) if holder != Some(core.runner.0)) {
            tracing::warn!(account.name = account.name, "Account {} was taken over by another process", account.name);
            tenure.cancel();
        }
        if let Err(error) = private_links::remember(core, account, &mut known_link).await {
            tracing::warn!(
                account.name = account.name,
                "The link of account {} could not be kept: {error}",
                account.name
            );
        }
    }
}

async fn take_lease(core: &Core, account: &Account) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        r#"
        UPDATE core.account SET leased_by = $3, lease_epoch = lease_epoch + 1
        WHERE organisation_id = $1 AND id = $2 AND (leased_by IS NULL OR leased_by = $3)
        "#,
        account.organisation.0,
        account.id.0,
        core.runner.0,
    )
    .execute(&core.pool)
    .await?;
    Ok(taken.rows_affected() == 1)
}

async fn give_lease_back(core: &Core, account: &Account) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE core.account SET leased_by = NULL WHERE organisation_id = $1 AND id = $2 AND leased_by = $3",
        account.organisation.0,
        account.id.0,
        core.runner.0,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// Keeps the adapter receiving. One that was refused for good stays down without stopping the others.
async fn receive(core: Arc<Core>, account: Account, stop: CancellationToken) -> Receiving {
    let menus = crate::people::command_menus(&core);
    let mut published = false;
    while !stop.is_cancelled() {
        if !published {
            published = matches!(account.adapter.publish_commands(&menus).await, crate::adapter::Verdict::Sent(()));
        }
        match account.adapter.run(core.intake(&account), stop.clone()).await {
            Ok(()) if stop.is_cancelled() => return Receiving::Stopped,
            Ok(()) => tracing::warn!(
                account.name = account.name,
                "Account {} stopped receiving, starting it again",
                account.name
            ),
            Err(RunError::Lost(reason)) => {
                tracing::warn!(
                    account.name = account.name,
                    "Account {} was cut off, starting it again: {reason}",
                    account.name
                );
            }
            Err(RunError::Refused(reason)) => {
                tracing::error!(account.name = account.name, "Account {} cannot run: {reason}", account.name);
                stop.cancel();
                return Receiving::Refused;
            }
        }
        if stop.run_until_cancelled(pause(TAKEOVER_INTERVAL)).await.is_none() {
            return Receiving::Stopped;
        }
    }
    Receiving::Stopped
}

/// Sends what is due until `stop`, then finishes what is in hand.
async fn send(core: Arc<Core>, account: Account, stop: CancellationToken) {
    let gates = Arc::new(std::sync::Mutex::new(Gates::new(account.adapter.pacing(), core.clock.now())));
    let tasks = TaskTracker::new();
    let slots = Arc::new(tokio::sync::Semaphore::new(CALLS_AT_ONCE_MAX));
    while !stop.is_cancelled() {
        let Some(Ok(first_slot)) = stop.run_until_cancelled(Arc::clone(&slots).acquire_owned()).await else { break };
        let spare = slots.available_permits();
        let woken = core.wake.delivery.notified();
        let looked_at = core.clock.now();
        let room = gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner).room(core.clock.now());
        let failed = matches!(account.adapter.health(), AccountHealth::Failed { .. });
        let claimed = if failed || room.calls == 0 {
            Ok(Vec::new())
        } else {
            // The last slot, and the last tokens, are kept for people who wait.
            let without_bulk = spare == 0 || room.bulk == 0;
            let most = if without_bulk { room.calls } else { room.bulk };
            queue::claim(&core, account.organisation, account.id, spare.clamp(1, most.max(1)), without_bulk).await
        };
        let mut held = Some(first_slot);
        match claimed {
            Ok(claimed) if claimed.is_empty() => {
                drop(held);
                let due =
                    queue::next_moment(&core, account.organisation, account.id, looked_at).await.unwrap_or_default();
                let next = [due, room.opens_at].into_iter().flatten().min();
                tokio::select! {
                    () = woken => {}
                    () = core.clock.sleep_until(next.unwrap_or_else(|| core.clock.now() + TimeDelta::days(1))) => {}
                    () = pause(POLL_INTERVAL) => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(claimed) => {
                for delivery in claimed {
                    let slot = match held.take() {
                        Some(slot) => slot,
                        None => match Arc::clone(&slots).acquire_owned().await {
                            Ok(slot) => slot,
                            Err(_) => break,
                        },
                    };
                    let (core, account, gates) = (Arc::clone(&core), account.clone(), Arc::clone(&gates));
                    tasks.spawn(async move {
                        if let Err(error) = sending::deliver(&core, &account, &gates, delivery.clone()).await {
                            tracing::warn!(delivery.id = %delivery.id, "Delivery {} was interrupted: {error}", delivery.id);
                            sending::give_back_when_possible(&core, &delivery).await;
                        }
                        drop(slot);
                        core.wake.delivery.notify_waiters();
                        core.did_something();
                    });
                }
            }
            Err(error) => {
                drop(held);
                tracing::warn!("The outbox cannot be read, trying again: {error}");
                tokio::select! { () = pause(Duration::from_millis(250)) => {}, () = stop.cancelled() => {} }
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}
