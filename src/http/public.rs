//! What citizens see: the routes of the adapters, the public pages of consultations, and the pages of campaigns.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use bot_core::Locale;
use bot_core::core::{Core, Organisation};
use bot_core::plugin::HandlerError;
use bot_core::service::DEFAULT_ORGANISATION;
use micro_consultations::page::{self, Visit};
use micro_consultations::pulse::page as pulse_page;
use serde::Deserialize;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use super::{campaigns, digests, webhooks};

/// Largest request body, in bytes. Nothing a citizen sends is longer; an adapter may allow less.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// For the whole answer to begin. An event stream begins at once and may go on.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Nothing from elsewhere, no script, and nobody may frame the page. Pages that need more set their own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn router(core: &Arc<Core>, adapters: Vec<Router>, secrets: webhooks::Secrets) -> Router {
    let pages = Router::new()
        .route("/consultations", get(list))
        .route("/consultations/style.css", get(stylesheet))
        .route("/consultations/{slug}", get(consultation))
        .route("/consultations/{slug}/ballots.csv", get(ballots))
        .route("/pulses/{slug}", get(pulse))
        .route("/pulses/{slug}/counts.csv", get(pulse_csv))
        .route("/pulses/{slug}/counts.json", get(pulse_json))
        .with_state(Arc::clone(core));
    // Without a chat the pages are all there is.
    let home = if adapters.is_empty() {
        Router::new().route("/", get(async || Redirect::temporary("/consultations")))
    } else {
        Router::new()
    };
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    adapters
        .into_iter()
        .fold(
            pages
                .merge(home)
                .merge(webhooks::router(core, secrets))
                .merge(campaigns::router(core))
                .merge(digests::router(core)),
            Router::merge,
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"))
        .layer(middleware::from_fn(identify))
}

/// Gives each request a number, and writes a line about it that names neither who asked nor what for exactly: the
/// route, not the path, since a path may hold a name.
async fn identify(request: Request, next: Next) -> Response {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let (status, milliseconds) = (response.status().as_u16(), began.elapsed().as_millis());
    tracing::debug!(request.id = number, %method, route, status, milliseconds, "Answered a request");
    metrics::counter!("crieur_http_requests_total", "route" => route.to_owned(), "status" => status.to_string())
        .increment(1);
    response.headers_mut().insert(REQUEST_ID, HeaderValue::from(number));
    response
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("A request's handler panicked");
    Failure::Internal.into_response()
}

#[derive(Deserialize)]
pub(super) struct Language {
    lang: Option<String>,
}

/// What a page is about and for whom.
pub(super) struct Reader<'c> {
    pub core: &'c Core,
    pub organisation: &'c Organisation,
    pub locale: Locale,
}

impl<'c> Reader<'c> {
    pub fn of(core: &'c Core, language: &Language, headers: &HeaderMap) -> Result<Self, Failure> {
        let organisation = core
            .organisations()
            .find(|organisation| organisation.name == DEFAULT_ORGANISATION)
            .ok_or(Failure::Internal)?;
        let asked = language.lang.as_deref().and_then(Locale::from_tag);
        let locale = asked.or_else(|| accepted(headers)).unwrap_or(organisation.view.default_locale);
        Ok(Self { core, organisation, locale })
    }

    fn visit(&self) -> Visit<'_> {
        Visit {
            pool: &self.core.pool,
            organisation: &self.organisation.view,
            locale: self.locale,
            now: self.core.clock.now(),
        }
    }
}

/// The first language that a browser names and we speak, by its own order (RFC 9110, section 12.5.4).
fn accepted(headers: &HeaderMap) -> Option<Locale> {
    let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut wishes: Vec<(f32, Locale)> = Vec::new();
    for wish in header.split(',') {
        let (tag, quality) = wish.split_once(";q=").unwrap_or((wish, "1"));
        let quality: f32 = quality.trim().parse().unwrap_or(0.0);
        if let Some(locale) = Locale::from_tag(tag.trim())
            && quality > 0.0
        {
            wishes.push((quality, locale));
        }
    }
    // Stable: of equal wishes the first written wins.
    wishes.sort_by(|one, other| other.0.total_cmp(&one.0));
    wishes.first().map(|&(_, locale)| locale)
}

async fn list(
    State(core): State<Arc<Core>>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    Ok(html(&reader, page::list_page(&reader.visit()).await?))
}

async fn consultation(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let page = page::consultation_page(&reader.visit(), &slug).await?;
    Ok(html(&reader, page.ok_or(Failure::NotFound(reader.locale))?))
}

async fn ballots(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let csv = page::ballots_csv(&reader.visit(), &slug).await?.ok_or(Failure::NotFound(reader.locale))?;
    // A slug that was found is made of a-z, 0-9 and `-` only.
    let disposition = format!("attachment; filename=\"{slug}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, &disposition)];
    Ok((headers, csv).into_response())
}

async fn pulse(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let page = pulse_page::pulse_page(&reader.visit(), &slug).await?;
    Ok(html(&reader, page.ok_or(Failure::NotFound(reader.locale))?))
}

async fn pulse_csv(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let csv = pulse_page::counts_csv(&reader.visit(), &slug).await?.ok_or(Failure::NotFound(reader.locale))?;
    // A slug that was found is made of a-z, 0-9 and `-` only.
    let disposition = format!("attachment; filename=\"{slug}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, &disposition)];
    Ok((headers, csv).into_response())
}

async fn pulse_json(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let results = pulse_page::counts_json(&reader.visit(), &slug).await?;
    Ok(Json(results.ok_or(Failure::NotFound(reader.locale))?).into_response())
}

async fn stylesheet() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, page::STYLESHEET)
}

fn html(reader: &Reader<'_>, page: String) -> Response {
    let headers = [
        (header::CONTENT_LANGUAGE, reader.locale.as_str()),
        (header::VARY, "accept-language"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(page)).into_response()
}

/// Why there is no page.
pub(super) enum Failure {
    NotFound(Locale),
    Internal,
}

impl From<HandlerError> for Failure {
    fn from(error: HandlerError) -> Self {
        tracing::warn!("A page could not be made: {error}");
        Self::Internal
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let page = |language: &str, title: &str, words: &str, link: &str| {
            Html(format!(
                "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
                 <link rel=\"stylesheet\" href=\"/consultations/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
                 <p>{words}</p>\n<p><a href=\"/consultations\">{link}</a></p>\n</main>\n</body>\n</html>\n"
            ))
        };
        match self {
            Self::NotFound(Locale::Fr) => (
                StatusCode::NOT_FOUND,
                page("fr", "Page introuvable", "Il n’y a rien à cette adresse.", "Toutes les consultations"),
            ),
            Self::NotFound(Locale::En) => (
                StatusCode::NOT_FOUND,
                page("en", "Page not found", "There is nothing at this address.", "All consultations"),
            ),
            Self::Internal => (
                StatusCode::SERVICE_UNAVAILABLE,
                page(
                    "fr",
                    "Réessayez dans un instant",
                    "La page n’a pas pu être préparée. <span lang=\"en\">The page could not be made: please try \
                     again in a moment.</span>",
                    "Toutes les consultations",
                ),
            ),
        }
        .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_answered_in_the_language_it_likes_best() {
        let speaks = |wishes: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wishes));
            accepted(&headers)
        };
        assert_eq!(speaks("en-GB,en;q=0.9,fr;q=0.8"), Some(Locale::En));
        assert_eq!(speaks("de, fr;q=0.3, en;q=0.7"), Some(Locale::En));
        assert_eq!(speaks("fr, en"), Some(Locale::Fr));
        assert_eq!(speaks("de"), None);
        assert_eq!(speaks("en;q=0"), None);
        assert_eq!(accepted(&HeaderMap::new()), None);
    }
}
