//! `POST /webhooks/campaigns/{slug}`: a questionnaire tool says that somebody has answered. What a call must show, and
//! what becomes of it, is the plugin's story (`survey_reminders::webhook`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bot_core::core::Core;
use bot_core::fetch::Secret;
use bot_core::ids::PluginId;
use bot_core::plugin::HandlerError;
use bot_core::service::{DEFAULT_ORGANISATION, ServiceError};
use serde_json::json;
use survey_reminders::report::http::Bucket;
use survey_reminders::webhook::{BODY_BYTES_MAX, SIGNATURE_HEADER, WebhookCall, receive};

/// The secrets of the operator's configuration, by name.
pub(super) type Secrets = Arc<BTreeMap<String, Secret>>;

#[derive(Clone)]
struct Called {
    core: Arc<Core>,
    secrets: Secrets,
    bucket: Arc<Bucket>,
}

/// A questionnaire tool that sends everything at once, and nobody who only knocks.
const CALLS_AT_ONCE: u32 = 500;
const CALLS_EACH_SECOND: u32 = 50;

pub(super) fn router(core: &Arc<Core>, secrets: Secrets) -> Router {
    Router::new()
        .route("/webhooks/campaigns/{slug}", post(call))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Called {
            core: Arc::clone(core),
            secrets,
            bucket: Arc::new(Bucket::new(CALLS_AT_ONCE, CALLS_EACH_SECOND)),
        })
}

async fn call(
    State(Called { core, secrets, bucket }): State<Called>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !bucket.take(core.clock.now()) {
        let remedy = "nothing was kept: send it again in a minute";
        let body = json!({ "ok": false, "error": "busy", "remedy": remedy });
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], Json(body)).into_response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let remedy = format!("send a body of at most {BODY_BYTES_MAX} bytes");
            let body = json!({ "ok": false, "error": "invalid", "field": "body", "remedy": remedy });
            return (rejection.status(), Json(body)).into_response();
        }
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let call = WebhookCall {
        slug: &slug,
        content_type: header(header::CONTENT_TYPE.as_str()),
        signature: header(SIGNATURE_HEADER),
        authorization: header(header::AUTHORIZATION.as_str()),
        body: &body,
    };
    match take(&core, &call, &secrets).await {
        Ok((status, body)) => (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response(),
        Err(error) => {
            tracing::warn!("A webhook could not be taken: {error}");
            let remedy = "nothing was kept: send it again in a moment";
            let body = json!({ "ok": false, "error": "unavailable", "remedy": remedy });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum CallFailure {
    #[error("{0}")]
    Service(#[from] ServiceError),
    #[error("{0}")]
    Handler(#[from] HandlerError),
    #[error("there is no organisation or plugin for it")]
    Nobody,
}

async fn take(
    core: &Core,
    call: &WebhookCall<'_>,
    secrets: &BTreeMap<String, Secret>,
) -> Result<(StatusCode, serde_json::Value), CallFailure> {
    let organisation = core
        .organisations()
        .find(|organisation| organisation.name == DEFAULT_ORGANISATION)
        .ok_or(CallFailure::Nobody)?;
    let plugin: PluginId = "survey-reminders".parse().map_err(|_| CallFailure::Nobody)?;
    let answer = core.perform(organisation, &plugin, async |cx| receive(cx, call, secrets).await).await??;
    let status = StatusCode::from_u16(answer.status).map_err(|_| CallFailure::Nobody)?;
    Ok((status, answer.body))
}
