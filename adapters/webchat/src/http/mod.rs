//! The HTTP API. A script takes part like this:
//!
//! 1. `POST /webchat/sessions` with `{"locale":"fr"}` → 201 `{"token":"…"}`. Every later call carries
//!    `Authorization: Bearer <token>`. A browser asks with `{"cookie":true}` and gets an HttpOnly cookie and
//!    `{"csrf":"…"}`, which every POST and DELETE repeats in `X-CSRF-Token`; with its cookie it gets the same
//!    session again (200).
//! 2. `GET /webchat/events`: server-sent events `message`, `edit` ([`MessageEvent`]), `delete` ([`DeleteEvent`]) and
//!    `ready` (everything so far was shown). Resume with `Last-Event-ID` or `?after=`.
//! 3. `POST /webchat/messages` with `{"text":"…"}` or `{"action":"…"}` → 202 `{"id":"…"}` once it is stored. Give an
//!    `"id"` of your own (1 to 64 visible ASCII characters) and sending it again counts once.
//!
//! Also `GET` and `DELETE /webchat/sessions/current`, `GET /webchat/media/{hash}` and `GET /webchat/about`. A refusal
//! is always `{"error":{"code":"…","message_fr":"…","message_en":"…"}}`.

mod error;
mod events;
mod page;
mod visitor;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::action::{ActionToken, TOKEN_CHARACTERS_MAX};
use bot_core::adapter::{InboundEvent, InboundKind};
use bot_core::message::MediaHash;
use bot_core::{Locale, Redacted};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::live::network_of;
use crate::session::Token;
use crate::{Running, Webchat};
use error::ApiError;
pub use events::{ButtonEvent, DeleteEvent, FileLink, MessageEvent, Picture};
use visitor::Intent;

/// Longest text a visitor may write, in Unicode scalar values.
pub const TEXT_CHARACTERS_MAX: usize = 4000;
/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Longest id a client may choose for a message, in bytes.
const ID_BYTES_MAX: usize = 64;

/// No script or style but our own files, nothing from elsewhere, and nobody may frame the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router(webchat: Arc<Webchat>) -> Router {
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let api = Router::new()
        .route("/webchat/about", get(about))
        .route("/webchat/sessions", post(open_session))
        .route("/webchat/sessions/current", get(current_session).delete(close_session))
        .route("/webchat/messages", post(take_message))
        .route("/webchat/events", get(events::events))
        .route("/webchat/media/{hash}", get(media))
        .route("/webchat/{*rest}", any(async || ApiError::NotFound))
        .method_not_allowed_fallback(async || ApiError::BadMethod)
        .layer(header(header::CACHE_CONTROL, "no-store"));
    api.merge(page::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .with_state(webchat)
}

/// `GET /webchat/about` → `{"title","locale","commands":{"fr":[{"name","summary"}],"en":[…]}}`
async fn about(State(webchat): State<Arc<Webchat>>) -> Result<Json<Value>, ApiError> {
    let mut commands = serde_json::Map::new();
    for locale in Locale::ALL {
        let menu = webchat.state.get(&format!("menu/{locale}")).await?;
        commands.insert(locale.to_string(), menu.unwrap_or_else(|| json!([])));
    }
    let Webchat { site, .. } = &*webchat;
    Ok(Json(json!({ "title": site.organisation_title, "locale": site.locale, "commands": commands })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenSession {
    /// A language tag; one that we do not speak leaves the choice to the organisation.
    #[serde(default)]
    locale: Option<String>,
    /// The token goes into a cookie instead of the answer.
    #[serde(default)]
    cookie: bool,
}

async fn open_session(
    State(webchat): State<Arc<Webchat>>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let running = webchat.running()?;
    let wish: OpenSession = read(&headers, body)?;
    if wish.cookie
        && let Ok(visitor) = webchat.visitor(&headers, Intent::Read).await
        && let Some(token) = visitor.cookie
    {
        // A browser that comes back goes on with its session.
        return Ok((StatusCode::OK, webchat.for_browser(&token)).into_response());
    }
    let network = webchat.client(&headers, &extensions).map(network_of);
    webchat.openings.take(network).map_err(|after| ApiError::TooMany { after })?;

    let (session, token) = webchat.sessions.create(wish.locale.as_deref().and_then(Locale::from_tag)).await?;
    let opened = InboundEvent {
        dedupe_key: format!("{}/opened", session.id.expose()),
        conversation: session.id.conversation(),
        actor: Some(session.id.actor(session.locale)),
        kind: InboundKind::Opened,
        acknowledgement: None,
    };
    if running.intake.receive(&[opened], None).await.is_err() {
        // Nobody was given the token: the session would only lie about until it expires.
        webchat.sessions.remove(&session.id).await?;
        return Err(ApiError::TryAgain);
    }
    if wish.cookie {
        Ok((StatusCode::CREATED, webchat.for_browser(&token)).into_response())
    } else {
        Ok((StatusCode::CREATED, Json(json!({ "token": token.expose() }))).into_response())
    }
}

/// `GET /webchat/sessions/current` → `{"csrf"}` for a browser that comes back, `{}` for a script. 401 without one.
async fn current_session(State(webchat): State<Arc<Webchat>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let visitor = webchat.visitor(&headers, Intent::Read).await?;
    Ok(match visitor.cookie {
        Some(token) => webchat.for_browser(&token).into_response(),
        None => Json(json!({})).into_response(),
    })
}

/// `DELETE /webchat/sessions/current` → 204: the session and its transcript are gone.
async fn close_session(State(webchat): State<Arc<Webchat>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let running = webchat.running()?;
    let visitor = webchat.visitor(&headers, Intent::Change).await?;
    let session = visitor.session;
    let actor = Some(session.id.actor(session.locale));
    webchat.close(&running.intake, &session.id, actor).await.map_err(|error| {
        tracing::warn!(error = %error, "A webchat session could not be closed");
        ApiError::TryAgain
    })?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, webchat.cookie_gone())]).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: Option<Redacted<String>>,
    action: Option<String>,
    id: Option<String>,
}

async fn take_message(
    State(webchat): State<Arc<Webchat>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let running = webchat.running()?;
    let visitor = webchat.visitor(&headers, Intent::Change).await?;
    let session = visitor.session;
    webchat.messages.take(session.id.clone()).map_err(|after| ApiError::TooMany { after })?;
    let message: Message = read(&headers, body)?;
    let kind = match (message.text, message.action) {
        (Some(text), None) => {
            let words = text.expose();
            if words.trim().is_empty() {
                return Err(ApiError::EmptyMessage);
            }
            // Postgres stores no NUL in JSON.
            if words.contains('\0') {
                return Err(ApiError::BadBody);
            }
            if words.chars().count() > TEXT_CHARACTERS_MAX {
                return Err(ApiError::TextTooLong);
            }
            InboundKind::Text { text }
        }
        (None, Some(token)) => {
            if !(1..=TOKEN_CHARACTERS_MAX).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(ApiError::BadAction);
            }
            InboundKind::Action { token: ActionToken(token) }
        }
        (Some(_), Some(_)) | (None, None) => return Err(ApiError::EmptyMessage),
    };
    let id = match message.id {
        Some(id) if !(1..=ID_BYTES_MAX).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_graphic()) => {
            return Err(ApiError::BadId);
        }
        Some(id) => id,
        None => URL_SAFE_NO_PAD.encode(webchat.random.bytes::<16>()),
    };
    let event = InboundEvent {
        dedupe_key: format!("{}/message/{id}", session.id.expose()),
        conversation: session.id.conversation(),
        actor: Some(session.id.actor(session.locale)),
        kind,
        acknowledgement: None,
    };
    // 202 says that it is stored. The answer comes over the event stream, so there is nothing more to wait for.
    running.intake.receive(&[event], None).await.map_err(|error| {
        tracing::warn!(error = %error, "A webchat message could not be taken");
        ApiError::TryAgain
    })?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response())
}

/// A picture or file, for a session that was shown it.
async fn media(
    State(webchat): State<Arc<Webchat>>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> Result<Response, ApiError> {
    let visitor = webchat.visitor(&headers, Intent::Read).await?;
    let hash: MediaHash = hash.parse().map_err(|_| ApiError::NotFound)?;
    if !webchat.transcripts.shows(&visitor.session.id, hash).await? {
        return Err(ApiError::NotFound);
    }
    let media = webchat.media.read(hash).await.map_err(|_| ApiError::TryAgain)?.ok_or(ApiError::NotFound)?;
    let shown_in_page = matches!(
        media.content_type.as_str(),
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif" | "image/svg+xml"
    );
    let disposition = if shown_in_page { "inline".to_owned() } else { attachment(&media.file_name) };
    let content_type = if shown_in_page { media.content_type.as_str() } else { "application/octet-stream" };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, &disposition),
        // What a hash names never changes, but only this reader may keep it.
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
        // A picture opened by itself (an SVG, say) runs nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    Ok((headers, media.content).into_response())
}

/// `attachment`, with the name in UTF-8 percent encoding (RFC 6266, RFC 8187).
fn attachment(file_name: &str) -> String {
    let mut name = String::new();
    for byte in file_name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename*=UTF-8''{name}")
}

impl Webchat {
    /// The cookie, which lives on as the session does, and what the page must repeat in a header.
    fn for_browser(&self, token: &Token) -> impl IntoResponse + use<> {
        ([(header::SET_COOKIE, self.cookie_with(token))], Json(json!({ "csrf": token.csrf() })))
    }

    fn running(&self) -> Result<Running, ApiError> {
        self.running.borrow().clone().filter(|running| !running.stop.is_cancelled()).ok_or(ApiError::TryAgain)
    }
}

/// Reads a JSON body. Asking for the content type keeps forms of other sites out: they cannot send this one.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<T, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::NotJson);
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge,
        _ => ApiError::BadBody,
    })?;
    serde_json::from_slice(&body).map_err(|_| ApiError::BadBody)
}
