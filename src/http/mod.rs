//! The two listeners: `public` for citizens, `admin` on loopback for the operator.

mod campaigns;
mod digests;
mod health;
mod listener;
mod metrics;
mod public;
mod webhooks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use bot_core::core::Core;
use bot_core::fetch::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use health::{Component, Readiness};
pub(crate) use metrics::Scrape;

/// Both listeners, bound and not yet served, so that a port in use is told before anything else happens.
pub(crate) struct Listeners {
    public: TcpListener,
    admin: TcpListener,
    pub public_address: SocketAddr,
    pub admin_address: SocketAddr,
}

impl Listeners {
    pub async fn bind(settings: &crate::config::Http) -> anyhow::Result<Self> {
        let public = bind(settings.public.listen, "http.public.listen").await?;
        let admin = bind(settings.admin.listen, "http.admin.listen").await?;
        let (public_address, admin_address) = (public.local_addr()?, admin.local_addr()?);
        Ok(Self { public, admin, public_address, admin_address })
    }
}

async fn bind(address: SocketAddr, field: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop what uses it, or choose another address ({field}; for the demonstration --listen)")
    })
}

/// Serving, until stopped.
pub(crate) struct Http {
    public_stop: CancellationToken,
    admin_stop: CancellationToken,
    tasks: TaskTracker,
    background: Vec<tokio::task::JoinHandle<()>>,
}

impl Http {
    /// Serves the routes of the adapters, the result pages, the calls of questionnaire tools, health and metrics.
    pub fn serve(
        listeners: Listeners,
        core: &Arc<Core>,
        adapters: Vec<Router>,
        secrets: BTreeMap<String, Secret>,
        scrape: Scrape,
    ) -> Self {
        let (public_stop, admin_stop) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        tasks.spawn(listener::serve(
            listeners.public,
            public::router(core, adapters, Arc::new(secrets)),
            public_stop.clone(),
        ));
        let upkeep = tokio::spawn(scrape.clone().keep_up());
        let admin = health::router(core).merge(metrics::router(core, scrape));
        // The operator's listener answers until the very end, so it does not hold the stop up.
        let admin = tokio::spawn(listener::serve(listeners.admin, admin, admin_stop.clone()));
        Self { public_stop, admin_stop, tasks, background: vec![admin, upkeep] }
    }

    /// Takes no new requests; those under way are answered.
    pub fn drain(&self) {
        self.public_stop.cancel();
        self.tasks.close();
    }

    /// Waits until the last request is answered.
    pub async fn drained(&self) {
        self.tasks.wait().await;
    }

    pub fn stop(self) {
        self.admin_stop.cancel();
        for task in self.background {
            task.abort();
        }
    }
}
