//! The whole service in one value: everything the program runs, started in process so that tests run the same path
//! with a clock and a randomness of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bot_core::Clock;
use bot_core::adapter::AccountHealth;
use bot_core::clock::Random;
use bot_core::core::Core;
use bot_core::ids::{Platform, PluginId};
use bot_core::service::{Parts, Service, connections_for};
use bot_core::store;
use bot_core::store::plugins::set_settings;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use crate::adapters::{self, Place};
use crate::config::Config;
use crate::http::{Http, Listeners, Scrape};
use crate::logging::Secrets;
use crate::{http, plugins};

/// How long a start waits for its accounts to come up.
const ACCOUNTS_UP_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a service is started from.
pub struct Start {
    pub config: Config,
    pub database: PgConnectOptions,
    pub clock: Clock,
    pub random: Random,
    /// Where the adapters' secrets go, so that the log leaves them out.
    pub secrets: Secrets,
}

impl Start {
    /// As the program starts it: the system's clock and randomness.
    pub fn new(config: Config, database: PgConnectOptions) -> Self {
        Self { config, database, clock: Clock::system(), random: Random::from_os(), secrets: Secrets::default() }
    }
}

/// A running service.
pub struct App {
    service: Service,
    http: Http,
    pool: PgPool,
    public_address: SocketAddr,
    admin_address: SocketAddr,
    public_url: String,
}

impl App {
    /// Migrates the database, loads the plugins, connects the accounts, serves HTTP.
    ///
    /// # Errors
    /// With a sentence that says what to do. Nothing runs then.
    pub async fn start(start: Start) -> anyhow::Result<Self> {
        crate::tls::choose_cryptography();
        let Start { config, database, clock, random, secrets } = start;
        // First, so that a port in use is told at once.
        let listeners = Listeners::bind(&config.http).await?;
        let (public_address, admin_address) = (listeners.public_address, listeners.admin_address);
        let public_url = config.http.public.public_url.clone().unwrap_or_else(|| format!("http://{public_address}"));
        let scrape = Scrape::start()?;

        let plugins = plugins::all()?;
        let pool = store::connect(database, connections_for(plugins.len())).await?;
        store::migrate(&pool).await?;
        let parts = Parts {
            pool: pool.clone(),
            clock: clock.clone(),
            random,
            public_url: Some(public_url.clone()),
            organisation: config.organisation.settings(),
            plugins,
        };
        let mut service = Service::assemble(parts).await?;
        let fetching = config.fetching()?;
        secrets.add(fetching.secrets.values().map(|secret| secret.value.clone()));
        let named_secrets = fetching.secrets.clone();
        service.set_fetching(fetching);
        set_plugin_settings(&service, &config, &clock).await?;

        let place = Place::of(&config, public_url.clone());
        let mut routes = Vec::new();
        let mut names = Vec::new();
        for account in &config.accounts {
            let Some(settings) = account.settings() else { continue };
            let (organisation, id) = service.declare_account(&account.name, &Platform::new(&account.platform)).await?;
            let context = service.core().adapter_context(organisation, id);
            let connected = adapters::connect(settings, &place, context)?;
            secrets.add(connected.adapter.secrets());
            service.add_account(&account.name, organisation, id, connected.adapter);
            routes.extend(connected.routes);
            names.push(account.name.clone());
        }
        service.retire_accounts_but(&names).await?;
        service.start().await.context("the service did not start")?;
        let http = Http::serve(listeners, service.core(), routes, named_secrets, scrape);
        wait_for_accounts(service.core()).await;
        tracing::info!(%public_address, %admin_address, "crieur {} is ready", env!("CARGO_PKG_VERSION"));
        Ok(Self { service, http, pool, public_address, admin_address, public_url })
    }

    pub fn core(&self) -> &Arc<Core> {
        self.service.core()
    }

    /// What tests wait for and ask (see [`Service::quiet`]).
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Where the public listener really is, also when port 0 was asked for.
    pub fn public_address(&self) -> SocketAddr {
        self.public_address
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where browsers find it, without a trailing slash.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Whether everything it needs is there.
    pub async fn readiness(&self) -> http::Readiness {
        http::Readiness::of(self.core()).await
    }

    /// Takes nothing new, finishes what is in hand and stops. `false` when `deadline` passed first: what was still
    /// under way then goes back to its queue by itself.
    pub async fn stop(self, deadline: Duration) -> bool {
        self.http.drain();
        self.service.drain();
        let drained = tokio::time::timeout(deadline, self.http.drained());
        let (stopped, drained) = tokio::join!(self.service.stopped(deadline), drained);
        self.http.stop();
        // Connections that are still in use are cut by whoever stops Postgres, or by the end of the process.
        let closed = tokio::time::timeout(Duration::from_secs(1), self.pool.close()).await;
        stopped && drained.is_ok() && closed.is_ok()
    }
}

/// Waits until every account has come up or failed, so that "ready" is true when it is said. One that takes long does
/// not hold up the others: another process may run it, or its platform may be away.
async fn wait_for_accounts(core: &Core) {
    let all_settled = async {
        while core.accounts().iter().any(|account| account.adapter.health() == AccountHealth::Starting) {
            #[allow(clippy::disallowed_methods, reason = "the start of a process is real time, not business time")]
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(ACCOUNTS_UP_WITHIN, all_settled).await.is_err() {
        tracing::warn!("Not every account has come up yet: /health/ready tells which");
    }
}

async fn set_plugin_settings(service: &Service, config: &Config, clock: &Clock) -> anyhow::Result<()> {
    let organisation = service.default_organisation()?.view.id;
    for (name, settings) in &config.plugins {
        let id: PluginId = name.parse()?;
        let settings = serde_json::to_value(settings)?;
        set_settings(&service.core().pool, clock, organisation, &id, &settings).await?;
    }
    Ok(())
}
