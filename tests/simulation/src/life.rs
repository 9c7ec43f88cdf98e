//! One life of the service, on a runtime of its own: it ends in good order, or as a process does that is killed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bot_core::adapter::Adapter;
use bot_core::clock::Random;
use bot_core::plugin::Plugin;
use bot_core::service::{OrganisationSettings, Parts, Service};
use bot_core::{Clock, Locale};
use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;

use crate::campaigns::{HOME, organisation_rule};
use crate::messenger::Messenger;
use crate::world::Network;

const CONNECTIONS_MAX: u32 = 40;
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// Makes the plugins of one life.
pub type Plugins = Arc<dyn Fn() -> Result<Vec<Arc<dyn Plugin>>> + Send + Sync>;

/// What every life is made of.
#[derive(Clone)]
pub struct Birth {
    pub options: PgConnectOptions,
    pub clock: Clock,
    pub messengers: [Arc<Messenger>; 3],
    /// What the service runs, made anew for each life.
    pub plugins: Plugins,
    pub seed: u64,
}

impl Birth {
    /// A service that is assembled and not started: with its database, its organisation and its accounts.
    pub async fn assemble(&self, generation: u64) -> Result<Service> {
        let pool = bot_core::store::connect(self.options.clone(), CONNECTIONS_MAX).await?;
        let parts = Parts {
            pool,
            clock: self.clock.clone(),
            random: Random::seeded(self.seed.wrapping_mul(1000) + generation),
            public_url: Some("https://crieur.example.org".to_owned()),
            organisation: OrganisationSettings {
                title: "l’observatoire".to_owned(),
                default_locale: Locale::Fr,
                time_zone: HOME,
                sending_rule: serde_json::from_value(organisation_rule())?,
            },
            plugins: (self.plugins)()?,
        };
        Ok(Service::assemble(parts).await?)
    }
}

pub struct Life {
    runtime: Runtime,
    service: Arc<Service>,
}

impl Life {
    pub async fn begin(birth: &Birth, generation: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let own = birth.clone();
        let started = runtime.spawn(async move {
            let mut service = own.assemble(generation).await?;
            for (network, messenger) in Network::ALL.into_iter().zip(&own.messengers) {
                let name = network.as_str();
                let (organisation, account) = service.declare_account(name, &messenger.platform()).await?;
                service.add_account(name, organisation, account, Arc::clone(messenger) as Arc<dyn Adapter>);
            }
            service.start().await?;
            anyhow::Ok(Arc::new(service))
        });
        let service = started.await??;
        for messenger in &birth.messengers {
            tokio::time::timeout(DRAINED_WITHIN, messenger.receives()).await.context("no account is received")?;
        }
        Ok(Self { runtime, service })
    }

    /// Waits until nothing is due any more.
    pub async fn quiet(&self) -> Result<()> {
        let service = Arc::clone(&self.service);
        let quiet = self.runtime.spawn(async move { service.quiet().await });
        let quiet = tokio::time::timeout(Duration::from_secs(600), quiet).await;
        quiet.context("the service did not come to rest within ten minutes")??.map_err(Into::into)
    }

    /// Ends in good order.
    pub async fn end(self) -> Result<()> {
        let service = Arc::clone(&self.service);
        let ended = self.runtime.spawn(async move {
            service.drain();
            let in_time = service.stopped(DRAINED_WITHIN).await;
            service.core().pool.close().await;
            in_time
        });
        ensure!(ended.await?, "the service did not stop within {} s", DRAINED_WITHIN.as_secs());
        self.runtime.shutdown_background();
        Ok(())
    }

    /// Ends at once, wherever it is.
    pub fn kill(self, messengers: &[Arc<Messenger>; 3]) {
        self.runtime.shutdown_background();
        messengers.iter().for_each(|messenger| messenger.forget_intake());
    }
}
