//! The routes of the digests: the archive, its open data, and the link by which a reader leaves. What they answer is
//! decided in the plugin; a leaving link's token is in a path, of which the log names the route alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use barometer_digests::archive;
use barometer_digests::http::{Answer, FORM_STYLESHEET, Visit};
use barometer_digests::readers::leaving;
use bot_core::core::Core;
use bot_core::plugin::HandlerError;
use survey_reminders::report::http::Bucket;

use super::public::{Failure, Language, Reader};

/// The button of a leaving link sends nothing but itself.
const FORM_BYTES_MAX: usize = 1024;
/// The hour at which a digest arrives, and everybody follows one of its links.
const REQUESTS_AT_ONCE: u32 = 500;
const REQUESTS_EACH_SECOND: u32 = 100;

pub(super) fn router(core: &Arc<Core>) -> Router {
    let bucket = Arc::new(Bucket::new(REQUESTS_AT_ONCE, REQUESTS_EACH_SECOND));
    Router::new()
        .route("/digests", get(list))
        .route("/digests/style.css", get(async || stylesheet(archive::STYLESHEET)))
        .route("/digests/form.css", get(async || stylesheet(FORM_STYLESHEET)))
        .route("/digests/feed.atom", get(feed))
        .route("/digests/{edition}", get(edition))
        .route("/digests/leave/{token}", get(ask).post(leave))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(bucket))
        .with_state(Arc::clone(core))
}

type Asked = (State<Arc<Core>>, Extension<Arc<Bucket>>, Query<Language>, HeaderMap);

/// Answers within the bounds, in the reader's language.
async fn answered(
    (State(core), Extension(bucket), Query(language), headers): Asked,
    answer: impl AsyncFnOnce(&Visit<'_>) -> Result<Option<Answer>, HandlerError>,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let visit = Visit {
        pool: &core.pool,
        organisation: &reader.organisation.view,
        public_url: core.public_url.as_deref(),
        locale: reader.locale,
        now: core.clock.now(),
    };
    if !bucket.take(visit.now) {
        return Ok((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "2")]).into_response());
    }
    let answer = answer(&visit).await?.ok_or(Failure::NotFound(reader.locale))?;
    Ok(served(answer, &headers))
}

fn served(answer: Answer, asked: &HeaderMap) -> Response {
    let is_known = answer.header("etag").is_some_and(|etag| knows(asked, etag));
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(answer.body) });
    // The plugin answers with statuses and headers that there are.
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { status };
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

/// Whether the reader has just that already (RFC 9110, section 13.1.2). A proxy that compressed the answer weakened the
/// validator, which compares equal all the same.
fn knows(asked: &HeaderMap, etag: &str) -> bool {
    let named = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
    })
}

async fn list(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| archive::list_page(visit).await.map(Some)).await
}

async fn feed(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| archive::feed(visit).await.map(Some)).await
}

/// The page, or with `.json` the very bytes.
async fn edition(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(edition): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| match edition.strip_suffix(".json") {
        Some(name) => match number(name) {
            Some(number) => archive::edition_json(visit, number).await,
            None => Ok(None),
        },
        None => match number(&edition) {
            Some(number) => archive::edition_page(visit, number).await,
            None => Ok(None),
        },
    })
    .await
}

async fn ask(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(token): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| leaving::page(visit, &token).await.map(Some)).await
}

async fn leave(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(token): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| leaving::leave(visit, &token).await.map(Some)).await
}

fn stylesheet(style: &'static str) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, style)
}

/// A number as we write it: each page has one address.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_address() {
        assert_eq!(number("12"), Some(12));
        for wrong in ["", "012", "+12", "-1", "4294967296", "1.0", "douze"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reader_who_has_it_already_is_told_so() {
        let knows = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            super::knows(&headers, "\"abc\"")
        };
        assert!(knows("\"abc\"") && knows("W/\"abc\"") && knows("\"x\", \"abc\"") && knows("*"));
        assert!(!knows("\"ab\"") && !knows("abc") && !super::knows(&HeaderMap::new(), "\"abc\""));
    }
}
