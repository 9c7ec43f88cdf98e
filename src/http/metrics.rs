//! `/metrics` for Prometheus: counters and times as they were recorded, and gauges read from the database now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use barometer_digests::sending::proof;
use barometer_digests::sending::state::DigestState;
use bot_core::adapter::AccountHealth;
use bot_core::core::Core;
use bot_core::plugin::PluginState;
use bot_core::store::{deliveries, inbox};
use chrono::{DateTime, Utc};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Seconds: from a local answer (1 ms) to the longest platform call.
const SECONDS_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
const PLUGIN_STATES: [PluginState; 7] = [
    PluginState::Registered,
    PluginState::Starting,
    PluginState::Running,
    PluginState::Degraded,
    PluginState::Disabled,
    PluginState::Draining,
    PluginState::Stopped,
];

/// What was counted in this process since it began.
#[derive(Clone)]
pub(crate) struct Scrape(PrometheusHandle);

impl Scrape {
    /// Starts counting; a second call in one process shares the counters of the first.
    pub fn start() -> anyhow::Result<Self> {
        static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        // Held while the recorder is put in place: of two services that start at once, one finds the other's.
        let mut recorder = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*recorder {
            return Ok(Self(handle.clone()));
        }
        let handle = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS)?.install_recorder();
        let handle = handle.context("counting could not be started")?;
        Ok(Self(recorder.insert(handle).clone()))
    }

    /// Folds what was measured into its buckets now and then, also when nobody asks for it.
    pub async fn keep_up(self) {
        let mut beat = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            beat.tick().await;
            self.0.run_upkeep();
        }
    }
}

#[derive(Clone)]
struct Scraped {
    core: Arc<Core>,
    scrape: Scrape,
}

pub(super) fn router(core: &Arc<Core>, scrape: Scrape) -> Router {
    Router::new().route("/metrics", get(render)).with_state(Scraped { core: Arc::clone(core), scrape })
}

async fn render(State(Scraped { core, scrape }): State<Scraped>) -> Response {
    let gauges = match gauges(&core).await {
        Ok(gauges) => gauges,
        Err(error) => {
            tracing::warn!("The metrics cannot be read from the database: {error}");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let text = format!("{}{gauges}", scrape.0.render());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The state of the moment. Drawn afresh each time, so that what is gone is not shown any longer.
async fn gauges(core: &Core) -> Result<String, sqlx::Error> {
    let now = core.clock.now();
    let waiting = inbox::depths(&core.pool).await?;
    let outgoing = deliveries::depths(&core.pool, now).await?;
    let digests = proof::watched(&mut *core.pool.acquire().await?).await?;
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        metrics::gauge!("crieur_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        metrics::gauge!("crieur_inbox_depth", "state" => "waiting").set(count(waiting.waiting));
        metrics::gauge!("crieur_inbox_depth", "state" => "parked").set(count(waiting.parked));
        metrics::gauge!("crieur_inbox_oldest_seconds").set(age_seconds(now, waiting.oldest_waiting));
        for (state, depth) in &outgoing.by_state {
            metrics::gauge!("crieur_deliveries", "state" => state.clone()).set(count(*depth));
        }
        metrics::gauge!("crieur_deliveries_oldest_due_seconds").set(age_seconds(now, outgoing.oldest_due));
        metrics::gauge!("crieur_gates_closed").set(count(outgoing.gates_closed));
        for digest in &digests {
            let labels = [("organisation", digest.organisation.0.to_string()), ("edition", digest.edition.to_string())];
            metrics::gauge!("crieur_digest_mismatch", &labels).set(f64::from(u8::from(!digest.problems.is_empty())));
            for state in DigestState::ALL {
                let [organisation, edition] = labels.clone();
                let labels = [organisation, edition, ("state", state.as_str().to_owned())];
                let digests = digest.by_state.get(&state).copied().unwrap_or_default();
                metrics::gauge!("crieur_digest_messages", &labels)
                    .set(count(i64::try_from(digests).unwrap_or(i64::MAX)));
            }
        }
        for host in core.plugins() {
            let (current, _) = host.state();
            for state in PLUGIN_STATES {
                let labels = [("plugin", host.manifest().id.to_string()), ("state", state.as_str().to_owned())];
                metrics::gauge!("crieur_plugin_state", &labels).set(f64::from(u8::from(current == state)));
            }
        }
        for account in core.accounts() {
            let current = match account.adapter.health() {
                AccountHealth::Starting => "starting",
                AccountHealth::Ready => "ready",
                AccountHealth::Degraded { .. } => "degraded",
                AccountHealth::Impaired { .. } => "impaired",
                AccountHealth::Failed { .. } => "failed",
            };
            for state in ["starting", "ready", "degraded", "impaired", "failed"] {
                let labels = [("account", account.name.clone()), ("state", state.to_owned())];
                metrics::gauge!("crieur_account_state", &labels).set(f64::from(u8::from(current == state)));
            }
        }
    });
    Ok(recorder.handle().render())
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus counts in doubles, exact up to 2^53")]
fn count(rows: i64) -> f64 {
    rows as f64
}

fn age_seconds(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}
