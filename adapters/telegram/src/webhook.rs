//! The route that Telegram calls. It answers "taken" only after the inbox has the update; Telegram calls again until
//! then, for a day (a press: 150 s). The webhook stays when the service stops, so that nothing is lost meanwhile.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tower_http::limit::RequestBodyLimitLayer;

use crate::Telegram;
use crate::token::BotToken;
use crate::update::Update;

/// Telegram's updates are a few kilobytes; a forwarded message with all its trimmings stays far under this.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// After how many seconds Telegram should call again. It believes up to 3600.
const CALL_AGAIN_SECONDS: &str = "5";
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// The same for one bot for ever, and nothing anybody can guess.
pub(crate) fn path(token: &BotToken) -> String {
    format!("/telegram/{}", token.webhook_path())
}

pub(crate) fn router(telegram: Arc<Telegram>, token: &BotToken) -> Router {
    Router::new()
        .route(&path(token), post(deliver))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .with_state(telegram)
}

async fn deliver(State(telegram): State<Arc<Telegram>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(bot) = &telegram.bot else { return call_again() };
    let shown = headers.get(SECRET_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
    if !bot.token.is_webhook_secret(shown) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (intake, me) = {
        let now = telegram.now();
        (now.intake.clone(), now.me.clone())
    };
    // Another replica may hold the account, or the service is about to stop.
    let (Some(intake), Some(me)) = (intake, me) else { return call_again() };
    let Some(update) = serde_json::from_slice::<Value>(&body).ok().as_ref().and_then(Update::read) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match telegram.take(&bot.api, &intake, &me, vec![update], None).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(_) => call_again(),
    }
}

fn call_again() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, CALL_AGAIN_SECONDS)]).into_response()
}
