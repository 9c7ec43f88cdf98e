//! What lies between a bot and its homeserver, and can fail: a proxy that answers in the homeserver's place, loses its
//! answers, or is not there at all.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::synapse::free_port;

/// What happens to the next event that the bot sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendFault {
    /// 429, and this many milliseconds to wait.
    LimitExceeded(u64),
    /// 413.
    TooLarge,
    /// It is carried out, and the answer breaks off.
    ReplyLost,
    /// 502 with a page of HTML, and nothing carried out.
    BadGateway,
}

/// A proxy on a port of its own, in a runtime of its own: it can vanish with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    link: Arc<Link>,
    runtime: Mutex<Option<Runtime>>,
}

#[derive(Debug)]
struct Link {
    upstream: String,
    client: reqwest::Client,
    fault: Mutex<Option<SendFault>>,
    session_ends: Mutex<bool>,
    /// Events sent, by their transaction ids.
    sent: Mutex<Vec<String>>,
}

impl Proxy {
    pub fn start(upstream: String) -> Self {
        let link = Link {
            upstream,
            client: reqwest::Client::new(),
            fault: Mutex::default(),
            session_ends: Mutex::default(),
            sent: Mutex::default(),
        };
        let proxy = Self { port: free_port(), link: Arc::new(link), runtime: Mutex::default() };
        proxy.come_back();
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next event sent meets this.
    pub fn fail_next_send(&self, fault: SendFault) {
        *self.link.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// The bot is told once that its session ran out and its device may log in again, as a homeserver with limited
    /// sessions does.
    pub fn end_session(&self) {
        *self.link.session_ends.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Every request to send an event so far, by its transaction id.
    pub fn sends(&self) -> Vec<String> {
        self.link.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections are refused from now on, and those there are break.
    pub fn vanish(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
        // What was under way ends on other threads: it is gone once the port is free.
        while std::net::TcpListener::bind(("127.0.0.1", self.port)).is_err() {
            std::thread::yield_now();
        }
    }

    pub fn is_there(&self) -> bool {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// # Panics
    /// When the port has been taken meanwhile.
    pub fn come_back(&self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = listen(&runtime, self.port);
        let router = Router::new().fallback(pass).with_state(Arc::clone(&self.link));
        runtime.spawn(async move { axum::serve(listener, router).await });
        *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
    }
}

/// A test's own thread may be within a runtime already, where nothing may block.
fn listen(runtime: &Runtime, port: u16) -> tokio::net::TcpListener {
    std::thread::scope(|scope| {
        let bound = scope.spawn(|| runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))));
        bound.join().unwrap().expect("the proxy's port is free")
    })
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}

async fn pass(State(link): State<Arc<Link>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let is_send = parts.method == axum::http::Method::PUT && path.contains("/send/");
    let mut fault = None;
    if is_send {
        let transaction = path.rsplit('/').next().unwrap_or_default().to_owned();
        link.sent.lock().unwrap_or_else(PoisonError::into_inner).push(transaction);
        fault = link.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
    let refuse = |status: StatusCode, body: serde_json::Value| (status, axum::Json(body)).into_response();
    let is_sync = path.contains("/sync?");
    if is_sync && std::mem::take(&mut *link.session_ends.lock().unwrap_or_else(PoisonError::into_inner)) {
        let body = json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "Access token has expired", "soft_logout": true });
        return refuse(StatusCode::UNAUTHORIZED, body);
    }
    match fault {
        Some(SendFault::LimitExceeded(milliseconds)) => {
            let body = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests",
                               "retry_after_ms": milliseconds });
            return refuse(StatusCode::TOO_MANY_REQUESTS, body);
        }
        Some(SendFault::TooLarge) => {
            let body = json!({ "errcode": "M_TOO_LARGE", "error": "event too large" });
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, body);
        }
        Some(SendFault::BadGateway) => {
            return (StatusCode::BAD_GATEWAY, "<html><h1>502 Bad Gateway</h1></html>").into_response();
        }
        Some(SendFault::ReplyLost) | None => {}
    }
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let mut headers = parts.headers;
    headers.remove("host");
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    let asked = link.client.request(parts.method, format!("{}{path}", link.upstream)).headers(headers).body(body);
    let Ok(answer) = asked.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let Ok(content) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    headers.remove("connection");
    let body = match fault {
        Some(SendFault::ReplyLost) => {
            let begun = Ok::<_, std::io::Error>(content.slice(..content.len() / 2));
            let broken = Err(std::io::Error::other("lost"));
            Body::from_stream(futures::stream::iter([begun, broken]))
        }
        _ => Body::from(content),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
