//! The page and its assets, built into the program.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

#[derive(Clone, Copy)]
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset { path: "/", content_type: "text/html; charset=utf-8", content: include_str!("../../page/index.html") },
    Asset {
        path: "/assets/chat.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../page/chat.css"),
    },
    Asset {
        path: "/assets/chat.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../page/chat.js"),
    },
    Asset { path: "/assets/crieur.svg", content_type: "image/svg+xml", content: include_str!("../../page/crieur.svg") },
];

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.into_iter().fold(Router::new(), |router, asset| {
        let tag = format!("\"{}\"", &URL_SAFE_NO_PAD.encode(Sha256::digest(asset.content))[..22]);
        router.route(asset.path, get(async move |headers: HeaderMap| serve(asset, &tag, &headers)))
    })
}

/// Kept by browsers, but asked for anew each time: an upgrade shows at once, and costs nothing otherwise.
fn serve(asset: Asset, tag: &str, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { asset.content.into_response() };
    let response_headers = response.headers_mut();
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    response_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Base64url in quotes is a header value.
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response_headers.insert(header::ETAG, tag);
    }
    response
}
