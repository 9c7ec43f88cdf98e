//! A running crieur: loads plugins, takes accounts, starts the loops and stops them in order.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapter::Adapter;
use crate::calendar::sending::SendingRule;
use crate::clock::{Clock, Random};
use crate::core::{Account, Core, Organisation};
use crate::dispatcher::{Origin, apply, context_without_caller, pause, schedule, without_time_limit};
use crate::fetch::FetchSettings;
use crate::ids::{AccountId, OrganisationId, Platform, PluginId};
use crate::locale::Locale;
use crate::plugin::{Context, Fire, Misfire, OrganisationView, Plugin, PluginState, Repeat};
use crate::plugin_host::{CALLS_AT_ONCE_MAX, Call, PluginHost};
use crate::{delivery, dispatcher, fetch, fires, liveness};

/// How often the work of dead processes is looked for.
const RESCUE_INTERVAL: Duration = Duration::from_secs(2);

/// Connections a service needs besides those its plugins may hold.
pub const CONNECTIONS_MIN: u32 = 20;

/// Connections for a service with this many plugins: one that hangs on to all of its own starves nobody else.
pub fn connections_for(plugins: usize) -> u32 {
    CONNECTIONS_MIN + u32::try_from(plugins * CALLS_AT_ONCE_MAX).unwrap_or(CONNECTIONS_MIN)
}

/// What a service is made of.
pub struct Parts {
    pub pool: PgPool,
    pub clock: Clock,
    pub random: Random,
    pub public_url: Option<String>,
    /// The organisation that exists from first start.
    pub organisation: OrganisationSettings,
    pub plugins: Vec<Arc<dyn Plugin>>,
}

/// How the default organisation presents itself. Kept up to date at each start.
#[derive(Clone, Debug)]
pub struct OrganisationSettings {
    pub title: String,
    pub default_locale: Locale,
    pub time_zone: chrono_tz::Tz,
    /// When it writes to people unasked, whatever the plugin.
    pub sending_rule: SendingRule,
}

/// The name of the organisation that exists from first start.
pub const DEFAULT_ORGANISATION: &str = "default";

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("a thread for a plugin could not be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error("two plugins both declare the command /{0}: rename one")]
    CommandTwice(&'static str),
    #[error("command /{0} must be 1 to 32 of a-z, 0-9 and _")]
    CommandName(&'static str),
    #[error("organisation `{0}` has a time zone or language this program does not know")]
    BadOrganisation(String),
    #[error("the work asked for failed: {0}")]
    Failed(String),
}

/// A service that is assembled but may not be running yet.
pub struct Service {
    core: Arc<Core>,
    /// Ends the work of this process's loops.
    stop: CancellationToken,
    tasks: TaskTracker,
    lock: Option<sqlx::PgConnection>,
    fetching: Arc<FetchSettings>,
}

impl Service {
    /// Registers this process, the default organisation and the plugins. The database must be migrated.
    ///
    /// # Errors
    /// When the database refuses, or two plugins claim the same command.
    pub async fn assemble(parts: Parts) -> Result<Self, ServiceError> {
        check_commands(&parts.plugins)?;
        let (runner, lock) = liveness::register(&parts.pool, &parts.clock).await?;
        ensure_organisation(&parts).await?;
        let organisations = read_organisations(&parts.pool).await?;
        let hosts: Vec<PluginHost> = parts.plugins.into_iter().map(PluginHost::new).collect();
        let core = Core::new(parts.pool, parts.clock, parts.random, runner, parts.public_url, organisations, hosts);
        register_plugins(&core).await?;
        Ok(Self {
            core,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            lock: Some(lock),
            fetching: Arc::default(),
        })
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The organisation that exists from first start.
    pub fn default_organisation(&self) -> Result<&Organisation, ServiceError> {
        self.core
            .organisations()
            .find(|organisation| organisation.name == DEFAULT_ORGANISATION)
            .ok_or_else(|| ServiceError::BadOrganisation(DEFAULT_ORGANISATION.to_owned()))
    }

    /// Declares an account of the default organisation and gives what its adapter is built with. An account that
    /// was dead or retired is tried again.
    pub async fn declare_account(
        &self,
        name: &str,
        platform: &Platform,
    ) -> Result<(OrganisationId, AccountId), ServiceError> {
        let organisation = self.default_organisation()?.view.id;
        let id = sqlx::query_scalar!(
            r#"
            INSERT INTO core.account (organisation_id, name, platform, state, created_at)
            VALUES ($1, $2, $3, 'active', $4)
            ON CONFLICT (organisation_id, name)
            DO UPDATE SET platform = excluded.platform, state = 'active', state_reason = NULL
            RETURNING id
            "#,
            organisation.0,
            name,
            platform.as_str(),
            self.core.clock.now(),
        )
        .fetch_one(&self.core.pool)
        .await?;
        sqlx::query!(
            "DELETE FROM core.gate WHERE organisation_id = $1 AND account_id = $2 AND scope = 'account'",
            organisation.0,
            id,
        )
        .execute(&self.core.pool)
        .await?;
        Ok((organisation, AccountId(id)))
    }

    /// Accounts that are no longer configured keep their history and are used no more.
    pub async fn retire_accounts_but(&self, names: &[String]) -> Result<(), ServiceError> {
        let organisation = self.default_organisation()?.view.id;
        sqlx::query!(
            "UPDATE core.account SET state = 'retired' WHERE organisation_id = $1 AND name <> ALL ($2) AND state <> 'retired'",
            organisation.0,
            names,
        )
        .execute(&self.core.pool)
        .await?;
        Ok(())
    }

    pub fn add_account(&self, name: &str, organisation: OrganisationId, id: AccountId, adapter: Arc<dyn Adapter>) {
        self.core.add_account(Account { organisation, id, name: name.to_owned(), adapter });
    }

    /// What plugins may fetch, and the secrets they may name. Before the start; until told otherwise nothing inside
    /// the operator's network, and no secret.
    pub fn set_fetching(&mut self, settings: FetchSettings) {
        self.fetching = Arc::new(settings);
    }

    /// Starts plugins and loops. What an earlier process left is taken up at once.
    pub async fn start(&mut self) -> Result<(), ServiceError> {
        liveness::rescue(&self.core.pool, self.core.runner).await?;
        for host in self.core.plugins() {
            if is_enabled(&self.core, &host.manifest().id).await? {
                start_plugin(&self.core, host).await?;
            }
        }
        self.schedule_retention().await?;
        let (core, stop) = (Arc::clone(&self.core), self.stop.clone());
        if let Some(lock) = self.lock.take() {
            self.tasks.spawn(liveness::keep(core.pool.clone(), core.runner, lock, stop.clone()));
        }
        self.tasks.spawn(listen(Arc::clone(&core), stop.clone()));
        self.tasks.spawn(rescue(Arc::clone(&core), stop.clone()));
        self.tasks.spawn(watch_plugins(Arc::clone(&core), stop.clone()));
        self.tasks.spawn(dispatcher::run(Arc::clone(&core), stop.clone()));
        self.tasks.spawn(fires::run(Arc::clone(&core), stop.clone()));
        self.tasks.spawn(fetch::run(Arc::clone(&core), Arc::clone(&self.fetching), stop.clone()));
        for account in core.accounts() {
            self.tasks.spawn(delivery::run_account(Arc::clone(&core), account, stop.clone()));
        }
        Ok(())
    }

    /// Begins to stop: nothing new is taken, what is in hand is finished.
    pub fn drain(&self) {
        self.stop.cancel();
        for host in self.core.plugins() {
            if host.is_callable() {
                host.set_state(PluginState::Draining, None);
            }
        }
        self.tasks.close();
    }

    /// Waits until everything has stopped, for as long as `deadline`. What is still under way then goes back to its
    /// queue by itself, since its lease dies with this process.
    pub async fn stopped(&self, deadline: Duration) -> bool {
        let in_time = tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok();
        for host in self.core.plugins() {
            host.set_state(PluginState::Stopped, None);
        }
        in_time
    }

    /// A token that ends with the service, for what runs beside it.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    async fn schedule_retention(&self) -> Result<(), ServiceError> {
        for organisation in self.core.organisations() {
            let repeat = Repeat { cron: "30 3 * * *".to_owned(), time_zone: organisation.view.time_zone };
            let now = self.core.clock.now();
            let due_at = crate::calendar::next_occurrence(&repeat.cron, repeat.time_zone, now)
                .ok()
                .flatten()
                .unwrap_or(now + chrono::TimeDelta::days(1));
            let known = sqlx::query_scalar!(
                r#"
                SELECT EXISTS (SELECT FROM core.fire WHERE organisation_id = $1 AND plugin_id = 'core' AND scope = $2) AS "known!"
                "#,
                organisation.view.id.0,
                fires::FIRE_RETENTION,
            )
            .fetch_one(&self.core.pool)
            .await?;
            if !known {
                let fire = Fire {
                    scope: fires::FIRE_RETENTION.to_owned(),
                    subject: String::new(),
                    due_at,
                    misfire: Misfire::RunOnce,
                    payload: Value::Null,
                    repeat: Some(repeat),
                };
                let mut connection = self.core.pool.acquire().await?;
                schedule(&mut connection, organisation.view.id.0, &PluginId::core(), &fire)
                    .await
                    .map_err(|error| ServiceError::Failed(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Waits until nothing is due any more: no event, no fire, no delivery. For tests and for `drained` checks; an
    /// event that keeps failing ends parked, and so ends this.
    pub async fn quiet(&self) -> Result<(), sqlx::Error> {
        let mut activity = self.core.activity.subscribe();
        loop {
            activity.mark_unchanged();
            let looked = std::time::Instant::now();
            if is_quiet(&self.core).await? {
                return Ok(());
            }
            // Where thousands of deliveries end each second, looking must not take the time of working.
            pause((looked.elapsed() * 4).min(Duration::from_millis(20))).await;
            // Another process may be the one that works: look again now and then all the same.
            let _ = tokio::time::timeout(Duration::from_millis(50), activity.changed()).await;
        }
    }
}

impl Core {
    /// Runs an operator's work as `plugin`, without a caller: one transaction with its effects.
    ///
    /// # Errors
    /// Nothing of the work is kept.
    pub async fn perform<T, E>(
        &self,
        organisation: &Organisation,
        plugin: &PluginId,
        work: impl AsyncFnOnce(&mut Context) -> Result<T, E>,
    ) -> Result<Result<T, E>, ServiceError> {
        let mut context = context_without_caller(self, organisation, plugin.clone()).await?;
        // Whole lists are read and written here, and nobody waits in a chat meanwhile.
        without_time_limit(&mut context.transaction).await?;
        let result = work(&mut context).await;
        if result.is_ok() {
            let transaction = apply(self, organisation, context, &Origin::nobody())
                .await
                .map_err(|error| ServiceError::Failed(error.to_string()))?;
            transaction.commit().await?;
        }
        Ok(result)
    }
}

fn check_commands(plugins: &[Arc<dyn Plugin>]) -> Result<(), ServiceError> {
    let mut seen = std::collections::BTreeSet::new();
    let declared = plugins.iter().flat_map(|plugin| plugin.manifest().commands.clone()).chain(crate::people::COMMANDS);
    for command in declared {
        let mut names = vec![command.name];
        if command.name_en != command.name {
            names.push(command.name_en);
        }
        for name in names {
            let well_named = (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !well_named {
                return Err(ServiceError::CommandName(name));
            }
            if !seen.insert(name) {
                return Err(ServiceError::CommandTwice(name));
            }
        }
    }
    Ok(())
}

async fn ensure_organisation(parts: &Parts) -> Result<(), sqlx::Error> {
    let settings = &parts.organisation;
    let key: [u8; 32] = parts.random.bytes();
    let sending_rule =
        serde_json::to_value(&settings.sending_rule).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        r#"
        INSERT INTO core.organisation (name, title, default_locale, time_zone, action_key, created_at, sending_rule)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (name)
        DO UPDATE SET title = excluded.title, default_locale = excluded.default_locale, time_zone = excluded.time_zone,
                      sending_rule = excluded.sending_rule
        "#,
        DEFAULT_ORGANISATION,
        settings.title,
        settings.default_locale.as_str(),
        settings.time_zone.name(),
        &key[..],
        parts.clock.now(),
        sending_rule,
    )
    .execute(&parts.pool)
    .await?;
    Ok(())
}

async fn read_organisations(pool: &PgPool) -> Result<Vec<Organisation>, ServiceError> {
    let rows = sqlx::query!(
        "SELECT id, name, title, default_locale, time_zone, action_key, sending_rule FROM core.organisation ORDER BY id"
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (Ok(default_locale), Ok(time_zone), Ok(key), Ok(sending_rule)) = (
                row.default_locale.parse(),
                row.time_zone.parse(),
                row.action_key.try_into(),
                serde_json::from_value(row.sending_rule),
            ) else {
                return Err(ServiceError::BadOrganisation(row.name));
            };
            let id = OrganisationId(row.id);
            let view = OrganisationView { id, title: row.title, time_zone, default_locale, sending_rule };
            Ok(Organisation::new(view, row.name, key))
        })
        .collect()
}

async fn register_plugins(core: &Core) -> Result<(), sqlx::Error> {
    for host in core.plugins() {
        let manifest = host.manifest();
        sqlx::query!(
            r#"
            INSERT INTO core.plugin (id, version, state, changed_at) VALUES ($1, $2, 'registered', $3)
            ON CONFLICT (id) DO UPDATE SET version = excluded.version
            "#,
            manifest.id.as_str(),
            manifest.version,
            core.clock.now(),
        )
        .execute(&core.pool)
        .await?;
    }
    Ok(())
}

async fn is_enabled(core: &Core, plugin: &PluginId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!("SELECT enabled FROM core.plugin WHERE id = $1", plugin.as_str()).fetch_one(&core.pool).await
}

/// Gives a plugin its thread and its first call. One that fails to start stays disabled; the others go on.
async fn start_plugin(core: &Core, host: &PluginHost) -> Result<(), ServiceError> {
    host.spawn()?;
    let id = host.manifest().id.clone();
    for organisation in core.organisations() {
        let context = context_without_caller(core, organisation, id.clone()).await?;
        let started = match host.call(&core.pool, context, Call::Start).await {
            Ok((context, _)) => match apply(core, organisation, context, &Origin::nobody()).await {
                Ok(transaction) => transaction.commit().await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = started {
            tracing::error!(plugin.id = %id, "Plugin {id} did not start: {reason}");
            host.set_state(PluginState::Disabled, Some(format!("it did not start: {reason}")));
            write_plugin_state(core, host).await?;
            return Ok(());
        }
    }
    host.set_state(PluginState::Running, None);
    write_plugin_state(core, host).await?;
    Ok(())
}

async fn write_plugin_state(core: &Core, host: &PluginHost) -> Result<(), sqlx::Error> {
    let (state, reason) = host.state();
    sqlx::query!(
        r#"
        UPDATE core.plugin SET state = $2, reason = $3, changed_at = $4
        WHERE id = $1 AND (state <> $2 OR reason IS DISTINCT FROM $3)
        "#,
        host.manifest().id.as_str(),
        state.as_str(),
        reason,
        core.clock.now(),
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// Keeps the database and the loaded plugins telling the same: what a failure did here is written there, and what
/// an operator asked for there is done here.
async fn watch_plugins(core: Arc<Core>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = core.wake.plugin.notified() => {}
            () = pause(RESCUE_INTERVAL) => {}
            () = stop.cancelled() => return,
        }
        for host in core.plugins() {
            if let Err(error) = reconcile_plugin(&core, host).await {
                tracing::warn!("The state of plugin {} could not be brought up to date: {error}", host.manifest().id);
            }
        }
    }
}

async fn reconcile_plugin(core: &Core, host: &PluginHost) -> Result<(), ServiceError> {
    let row = sqlx::query!("SELECT enabled, state FROM core.plugin WHERE id = $1", host.manifest().id.as_str())
        .fetch_one(&core.pool)
        .await?;
    let (state, _) = host.state();
    match (row.enabled, state) {
        (false, PluginState::Running | PluginState::Degraded | PluginState::Starting) => {
            host.set_state(PluginState::Disabled, Some("disabled by an operator".to_owned()));
            write_plugin_state(core, host).await?;
        }
        // Enabling puts the row back to `registered`, which asks for a fresh start.
        (true, PluginState::Disabled | PluginState::Registered) if row.state == "registered" => {
            start_plugin(core, host).await?;
            core.wake.all();
        }
        _ => write_plugin_state(core, host).await?,
    }
    Ok(())
}

/// Enables or disables a plugin for every process. The running ones follow within seconds.
///
/// # Errors
/// When the database refuses. `Ok(false)`: no such plugin was ever loaded.
pub async fn set_plugin_enabled(
    pool: &PgPool,
    clock: &Clock,
    plugin: &PluginId,
    enabled: bool,
) -> Result<bool, sqlx::Error> {
    let state = if enabled { "registered" } else { "disabled" };
    let reason = (!enabled).then_some("disabled by an operator");
    let mut transaction = pool.begin().await?;
    let done = sqlx::query!(
        "UPDATE core.plugin SET enabled = $2, state = $3, reason = $4, changed_at = $5 WHERE id = $1",
        plugin.as_str(),
        enabled,
        state,
        reason,
        clock.now(),
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("SELECT pg_notify('crieur', 'plugin')").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Turns notifications of the database into wake-ups of this process's loops.
async fn listen(core: Arc<Core>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let mut listener = match PgListener::connect_with(&core.pool).await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!("Cannot listen to the database, trying again: {error}");
                tokio::select! { () = pause(Duration::from_millis(500)) => continue, () = stop.cancelled() => return }
            }
        };
        if listener.listen("crieur").await.is_err() {
            continue;
        }
        core.wake.all();
        loop {
            let heard = tokio::select! { heard = listener.try_recv() => heard, () = stop.cancelled() => return };
            match heard {
                Ok(Some(notification)) => match notification.payload() {
                    "inbox" => core.wake.inbox.notify_one(),
                    "delivery" => core.wake.delivery.notify_waiters(),
                    "fire" => core.wake.fire.notify_waiters(),
                    "fetch" => core.wake.fetch.notify_one(),
                    _ => core.wake.plugin.notify_one(),
                },
                // The connection was lost and made anew: something may have been missed.
                Ok(None) => core.wake.all(),
                Err(_) => break,
            }
        }
    }
}

async fn rescue(core: Arc<Core>, stop: CancellationToken) {
    while stop.run_until_cancelled(pause(RESCUE_INTERVAL)).await.is_some() {
        match liveness::rescue(&core.pool, core.runner).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!("Took up {count} pieces of work that a stopped process had left");
                core.wake.all();
            }
            Err(error) => tracing::warn!("Cannot look for abandoned work, trying again: {error}"),
        }
    }
}

async fn is_quiet(core: &Core) -> Result<bool, sqlx::Error> {
    let callable: Vec<String> = core
        .plugins()
        .map(|host| host.manifest().id.clone())
        .chain(std::iter::once(PluginId::core()))
        .filter(|id| fires::is_callable(core, id))
        .map(|id| id.to_string())
        .collect();
    let accounts: Vec<i32> = core.accounts().iter().map(|account| account.id.0).collect();
    let busy = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
                SELECT FROM core.inbox AS event
                WHERE state = 'waiting'
                  AND (leased_by IS NOT NULL
                       OR (available_at <= $1
                           AND (urgent OR NOT EXISTS (
                               SELECT FROM core.inbox AS earlier
                               WHERE earlier.organisation_id = event.organisation_id
                                 AND earlier.conversation_id = event.conversation_id
                                 AND earlier.address_id IS NOT DISTINCT FROM event.address_id
                                 AND earlier.sequence < event.sequence AND earlier.state = 'waiting'
                                 AND earlier.available_at > $1
                           ))))
            )
            OR EXISTS (SELECT FROM core.fire WHERE state = 'waiting' AND available_at <= $1 AND plugin_id = ANY ($2))
            OR EXISTS (
                SELECT FROM core.fetch
                WHERE (leased_by IS NOT NULL OR available_at <= $1) AND plugin_id = ANY ($2)
            )
            OR EXISTS (
                SELECT FROM core.delivery AS delivery
                WHERE account_id = ANY ($3)
                  AND (state IN ('leased', 'sending')
                       OR (state = 'queued' AND due_at <= $1
                           AND NOT EXISTS (
                               SELECT FROM core.delivery AS earlier
                               WHERE earlier.organisation_id = delivery.organisation_id
                                 AND earlier.conversation_id = delivery.conversation_id
                                 AND earlier.lane = delivery.lane AND earlier.sequence < delivery.sequence
                                 AND earlier.state = 'queued' AND earlier.due_at > $1 AND earlier.lease_epoch > 0
                                 AND (earlier.postponed_until > $1) IS NOT TRUE
                           )
                           AND NOT EXISTS (
                               SELECT FROM core.gate
                               WHERE gate.organisation_id = delivery.organisation_id
                                 AND gate.account_id = delivery.account_id AND gate.opens_at > $1
                                 AND (gate.scope IN ('account', 'host')
                                      OR (gate.scope = 'route' AND delivery.conversation_id IS NULL)
                                      OR (gate.scope = 'conversation' AND gate.key = delivery.conversation_id::text))
                           )))
            ) AS "busy!"
        "#,
        core.clock.now(),
        &callable,
        &accounts,
    )
    .fetch_one(&core.pool)
    .await?;
    Ok(!busy)
}
