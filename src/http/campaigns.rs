//! The routes of campaigns: the report's page behind its signed link, and the way to a questionnaire where openings are
//! counted. What they answer is decided in the plugin; tokens are in paths, of which the log names the route alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Extension, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bot_core::core::Core;
use serde::Deserialize;
use survey_reminders::report::http::{Answer, Bucket, STYLESHEET, Visit};
use survey_reminders::report::{gate, page, redirect};

use super::public::{Failure, Language, Reader};

/// Largest form: a token and its name.
const FORM_BYTES_MAX: usize = 1024;
/// A morning on which everybody opens the invitation at once.
const REQUESTS_AT_ONCE: u32 = 500;
const REQUESTS_EACH_SECOND: u32 = 100;

pub(super) fn router(core: &Arc<Core>) -> Router {
    let bucket = Arc::new(Bucket::new(REQUESTS_AT_ONCE, REQUESTS_EACH_SECOND));
    Router::new()
        .route("/campaigns/style.css", get(stylesheet))
        .route("/campaigns/{slug}/report", get(report))
        .route("/campaigns/{slug}/report/link/{token}", get(link))
        .route("/campaigns/{slug}/report/session", post(exchange))
        .route("/campaigns/{slug}/report/leave", post(leave))
        .route("/campaigns/{slug}/report/{file}", get(download))
        .route("/q/{slug}/{token}", get(show).post(open))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(bucket))
        .with_state(Arc::clone(core))
}

fn visit<'v>(reader: &'v Reader<'_>) -> Visit<'v> {
    Visit {
        pool: &reader.core.pool,
        organisation: &reader.organisation.view,
        public_url: reader.core.public_url.as_deref(),
        locale: reader.locale,
        now: reader.core.clock.now(),
    }
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect()
}

fn served(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // The plugin answers with statuses and headers that there are.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        match HeaderValue::from_str(&value) {
            Ok(value) => {
                response.headers_mut().append(name, value);
            }
            Err(_) => return Failure::Internal.into_response(),
        }
    }
    response
}

async fn report(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    Ok(served(page::report_page(&visit(&reader), &slug, &cookies(&headers)).await?))
}

async fn download(
    State(core): State<Arc<Core>>,
    Path((slug, file)): Path<(String, String)>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    Ok(served(page::download(&visit(&reader), &slug, &file, &cookies(&headers)).await?))
}

async fn link(
    State(core): State<Arc<Core>>,
    Path((slug, token)): Path<(String, String)>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    Ok(served(gate::link_page(&visit(&reader), &slug, &token)))
}

#[derive(Deserialize)]
struct Exchange {
    token: String,
}

async fn exchange(
    State(core): State<Arc<Core>>,
    Extension(bucket): Extension<Arc<Bucket>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
    form: Result<Form<Exchange>, FormRejection>,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let visit = visit(&reader);
    if !bucket.take(visit.now) {
        return Ok(served(visit.busy()));
    }
    // A form that is none carries no token.
    let token = form.map_or_else(|_| String::new(), |Form(form)| form.token);
    Ok(served(gate::exchange(&visit, &slug, &token, core.random.bytes()).await?))
}

async fn leave(
    State(core): State<Arc<Core>>,
    Path(slug): Path<String>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    Ok(served(gate::leave(&visit(&reader), &slug, &cookies(&headers)).await?))
}

async fn show(
    State(core): State<Arc<Core>>,
    Extension(bucket): Extension<Arc<Bucket>>,
    Path((slug, token)): Path<(String, String)>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let visit = visit(&reader);
    if !bucket.take(visit.now) {
        return Ok(served(visit.busy()));
    }
    Ok(served(redirect::show(&visit, &slug, &token).await?))
}

async fn open(
    State(core): State<Arc<Core>>,
    Extension(bucket): Extension<Arc<Bucket>>,
    Path((slug, token)): Path<(String, String)>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let visit = visit(&reader);
    if !bucket.take(visit.now) {
        return Ok(served(visit.busy()));
    }
    Ok(served(redirect::open(&visit, &slug, &token).await?))
}

async fn stylesheet() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, STYLESHEET)
}
