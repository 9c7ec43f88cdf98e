//! The routes of the digests: the archive, its open data, and the link by which a reader leaves. What they answer is
//! decided in the plugin; a leaving link's token is in a path, of which the log names the route alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use barometer_digests::archive::{self, Answer, Visit};
use barometer_digests::barometer::open_data;
use barometer_digests::readers::leaving::{self, Page};
use bot_core::core::Core;
use bot_core::plugin::HandlerError;
use survey_reminders::report::http::Bucket;

use super::public::{Failure, Language, Reader};

/// The button of a leaving link sends nothing but itself.
const FORM_BYTES_MAX: usize = 1024;
/// The hour at which a digest arrives, and everybody follows one of its links.
const REQUESTS_AT_ONCE: u32 = 500;
const REQUESTS_EACH_SECOND: u32 = 100;
/// As the other pages, and the form may be sent to ourselves.
const FORM_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

pub(super) fn router(core: &Arc<Core>) -> Router {
    let bucket = Arc::new(Bucket::new(REQUESTS_AT_ONCE, REQUESTS_EACH_SECOND));
    Router::new()
        .route("/digests", get(list))
        .route("/digests/style.css", get(async || stylesheet(archive::STYLESHEET)))
        .route("/digests/feed.atom", get(feed))
        .route("/digests/{edition}", get(edition))
        .route("/digests/data/{dataset}/{version}", get(data))
        .route("/digests/leave/{token}", get(ask).post(leave))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(bucket))
        .with_state(Arc::clone(core))
}

type Asked = (State<Arc<Core>>, Extension<Arc<Bucket>>, Query<Language>, HeaderMap);

/// Answers within the bounds, in the reader's language, and once only to whoever has it already.
async fn answered(
    (State(core), Extension(bucket), Query(language), headers): Asked,
    answer: impl AsyncFnOnce(&Visit<'_>) -> Result<Option<Response>, HandlerError>,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    let visit = Visit {
        pool: &core.pool,
        organisation: &reader.organisation.view,
        public_url: core.public_url.as_deref(),
        locale: reader.locale,
    };
    if !bucket.take(core.clock.now()) {
        return Ok((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "2")]).into_response());
    }
    let mut response = answer(&visit).await?.ok_or(Failure::NotFound(reader.locale))?;
    if response
        .headers()
        .get(header::ETAG)
        .and_then(|etag| etag.to_str().ok())
        .is_some_and(|etag| knows(&headers, etag))
    {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

fn served(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
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

/// A page with a form, or what came of it: for nobody's cache and no search engine.
fn form(visit: &Visit<'_>, page: Page) -> Response {
    let headers = [
        (header::CONTENT_LANGUAGE, visit.locale.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, FORM_POLICY),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    // 200 or 404.
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, headers, Html(page.html)).into_response()
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
    answered((state, bucket, language, headers), async |visit| Ok(Some(served(archive::list_page(visit).await?)))).await
}

async fn feed(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| Ok(Some(served(archive::feed(visit).await?)))).await
}

/// The page, or with `.json` the very bytes.
async fn edition(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(edition): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| {
        let (name, is_file) = edition.strip_suffix(".json").map_or((edition.as_str(), false), |name| (name, true));
        let Some(number) = number(name) else { return Ok(None) };
        let answer = match is_file {
            true => archive::edition_json(visit, number).await?,
            false => archive::edition_page(visit, number).await?,
        };
        Ok(answer.map(served))
    })
    .await
}

/// The rows behind a figure as a page, or with `.csv` as a file.
async fn data(
    State(core): State<Arc<Core>>,
    Extension(bucket): Extension<Arc<Bucket>>,
    Path((dataset, version)): Path<(String, String)>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = Reader::of(&core, &language, &headers)?;
    if !bucket.take(core.clock.now()) {
        return Ok((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "2")]).into_response());
    }
    let unknown = || Failure::NotFound(reader.locale);
    let (name, is_file) = version.strip_suffix(".csv").map_or((version.as_str(), false), |name| (name, true));
    let version = number(name).ok_or_else(unknown)?;
    let organisation = &reader.organisation.view;
    let mut sql = core.pool.acquire().await.map_err(HandlerError::from)?;
    if is_file {
        let csv = open_data::csv(&mut sql, organisation.id, &dataset, version).await?.ok_or_else(unknown)?;
        // A dataset that was found is named with a-z, 0-9 and `-` only.
        let disposition = format!("attachment; filename=\"{dataset}-{version}.csv\"");
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, &disposition),
            // A version is never another.
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        return Ok((headers, csv).into_response());
    }
    let locale = reader.locale;
    let page = open_data::page(&mut sql, organisation.id, &dataset, version, locale, &organisation.title).await?;
    let headers = [
        (header::CONTENT_LANGUAGE, locale.as_str()),
        (header::VARY, "accept-language"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, Html(page.ok_or_else(unknown)?)).into_response())
}

async fn ask(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(token): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answered((state, bucket, language, headers), async |visit| {
        Ok(Some(form(visit, leaving::page(visit, &token).await?)))
    })
    .await
}

async fn leave(
    state: State<Arc<Core>>,
    bucket: Extension<Arc<Bucket>>,
    Path(token): Path<String>,
    language: Query<Language>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let now = state.0.clock.now();
    answered((state, bucket, language, headers), async |visit| {
        Ok(Some(form(visit, leaving::leave(visit, &token, now).await?)))
    })
    .await
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
