//! `/health/live`: the process answers. `/health/ready`: everything it needs is there, or what is not and why.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bot_core::adapter::AccountHealth;
use bot_core::core::Core;
use bot_core::store::{accounts, plugins};
use serde::Serialize;

/// A database that takes longer to say anything is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Whether the service can do its work, and what stands in its way.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    pub ready: bool,
    pub components: Vec<Component>,
}

/// One thing the service needs.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    /// `database`, `account` or `plugin`.
    pub kind: &'static str,
    pub name: String,
    pub ready: bool,
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Readiness {
    /// Looks at everything now.
    pub async fn of(core: &Core) -> Self {
        let mut components = Vec::new();
        let stored = tokio::time::timeout(ANSWER_WITHIN, async {
            let accounts = accounts::list(&core.pool).await?;
            Ok::<_, sqlx::Error>((accounts, plugins::list(&core.pool).await?))
        });
        let database = |ready: bool, state: &str, reason: Option<String>| Component {
            kind: "database",
            name: "postgres".to_owned(),
            ready,
            state: state.to_owned(),
            reason,
        };
        let (stored_accounts, stored_plugins) = match stored.await {
            Ok(Ok(stored)) => {
                components.push(database(true, "ready", None));
                stored
            }
            Ok(Err(error)) => {
                components.push(database(false, "unreachable", Some(error.to_string())));
                Default::default()
            }
            Err(_) => {
                let reason = format!("it did not answer within {} s", ANSWER_WITHIN.as_secs());
                components.push(database(false, "unreachable", Some(reason)));
                Default::default()
            }
        };
        for account in core.accounts() {
            let dead = stored_accounts.iter().find(|stored| stored.name == account.name && stored.state == "dead");
            let (ready, state, reason) = match (dead, account.adapter.health()) {
                (Some(dead), _) => (false, "dead", dead.reason.clone()),
                (None, AccountHealth::Ready) => (true, "ready", None),
                (None, AccountHealth::Degraded { reason }) => (true, "degraded", Some(reason)),
                (None, AccountHealth::Impaired { reason }) => (false, "impaired", Some(reason)),
                (None, AccountHealth::Starting) => (false, "starting", None),
                (None, AccountHealth::Failed { reason }) => (false, "failed", Some(reason)),
            };
            components.push(Component { kind: "account", name: account.name, ready, state: state.to_owned(), reason });
        }
        for host in core.plugins() {
            let id = host.manifest().id.as_str();
            let (state, reason) = host.state();
            // What an operator switched off is as it should be.
            let wanted = stored_plugins.iter().find(|stored| stored.id == id).is_none_or(|stored| stored.enabled);
            let works = matches!(state.as_str(), "running" | "degraded");
            components.push(Component {
                kind: "plugin",
                name: id.to_owned(),
                ready: works || !wanted,
                state: state.as_str().to_owned(),
                reason,
            });
        }
        Self { ready: components.iter().all(|component| component.ready), components }
    }
}

pub(super) fn router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/health/live", get(async || Json(serde_json::json!({ "live": true }))))
        .route("/health/ready", get(ready))
        .with_state(Arc::clone(core))
}

async fn ready(State(core): State<Arc<Core>>) -> (StatusCode, Json<Readiness>) {
    let readiness = Readiness::of(&core).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
