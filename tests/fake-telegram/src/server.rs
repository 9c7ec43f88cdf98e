//! The network edge: connections that can be refused and cut, and the answer to one request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::{Call, Params};
use crate::fault::{Answer, Fault, Refused};
use crate::methods;
use crate::town::Town;

/// The server holds a question for this long at most (tdlib/telegram-bot-api, Client.h).
const LONG_POLL_MAX: Duration = Duration::from_secs(50);

/// The town, shared by its server and the test.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Town>>);

impl Shared {
    pub(crate) fn new(town: Town) -> Self {
        Self(Arc::new(Mutex::new(town)))
    }

    pub(crate) fn town(&self) -> MutexGuard<'_, Town> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer is lost with its connection.
#[derive(Debug)]
struct CutOff;

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the test cuts this connection")
    }
}

impl std::error::Error for CutOff {}

/// The open door: dropped or closed, it refuses whoever comes and cuts off whoever is inside.
#[derive(Debug)]
pub(crate) struct Door {
    pub address: SocketAddr,
    stop: CancellationToken,
    inside: TaskTracker,
}

impl Door {
    pub(crate) async fn open(shared: Shared, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, inside) = (CancellationToken::new(), TaskTracker::new());
        let (stopped, guests) = (stop.clone(), inside.clone());
        inside.spawn(async move {
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
                let (shared, stopped) = (shared.clone(), stopped.clone());
                guests.spawn(async move {
                    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                        let shared = shared.clone();
                        async move { answer(&shared, request.map(Body::new)).await }
                    });
                    let connection =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    // A connection ends as its client or the test wishes.
                    let _ = stopped.run_until_cancelled(connection).await;
                });
            }
        });
        Ok(Self { address, stop, inside })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns once nobody is inside any more.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.inside.close();
        self.inside.wait().await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(shared: &Shared, request: Request<Body>) -> Result<Response<Body>, CutOff> {
    let path = request.uri().path().to_owned();
    let token = shared.town().token.clone();
    if let Some(file) = path.strip_prefix(&format!("/file/bot{token}/files/")) {
        let content = shared.town().files.get(file).map(|file| file.content.clone());
        return Ok(match content {
            Some(content) => Response::new(Body::from(content)),
            None => refused(&Refused::not_found()),
        });
    }
    let Some((shown, name)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return Ok(refused(&Refused::not_found()));
    };
    if !shown.contains(':') {
        return Ok(refused(&Refused::not_found()));
    }
    if shown != token || shared.town().revoked {
        return Ok(refused(&Refused::unauthorized()));
    }
    let Some(method) = methods::canonical(name) else { return Ok(refused(&Refused::no_such_method())) };
    let params = match Params::read(request).await {
        Ok(params) => params,
        Err(why) => return Ok(refused(&Refused::bad_request(why))),
    };
    let call = {
        let mut town = shared.town();
        let files = params.files.keys().cloned().collect();
        let values = Value::Object(params.values.clone());
        town.calls.push(Call { method: method.to_owned(), params: values, files, answer: None });
        town.calls.len() - 1
    };
    let fault = {
        let mut town = shared.town();
        town.faults.get_mut(method).and_then(std::collections::VecDeque::pop_front)
    };
    let answer = match fault.as_ref().and_then(Fault::refusal) {
        Some(refusal) => Err(refusal),
        None if method == "getUpdates" => get_updates(shared, &params).await,
        None => methods::carry_out(&mut shared.town(), method, &params),
    };
    spoiled(shared, call, answer, fault).await
}

/// The answer, as the fault leaves it.
async fn spoiled(shared: &Shared, call: usize, answer: Answer, fault: Option<Fault>) -> Result<Response<Body>, CutOff> {
    let html = |status| {
        let page = "<html><head><title>Bad Gateway</title></head><body>nginx</body></html>";
        let mut response = Response::new(Body::from(page));
        *response.status_mut() = status;
        Ok(response)
    };
    // What the fault spoils was carried out all the same, unless it was refused.
    match (&answer, fault) {
        (Ok(_), Some(Fault::BadGateway)) => html(StatusCode::BAD_GATEWAY),
        (Ok(_), Some(Fault::ServerError)) => {
            let body = json!({ "ok": false, "error_code": 500, "description": "Internal Server Error" });
            Ok(response(StatusCode::INTERNAL_SERVER_ERROR, &body))
        }
        (Ok(_), Some(Fault::Unparsable)) => html(StatusCode::OK),
        (Ok(_), Some(Fault::Unrecognisable)) => {
            Ok(response(StatusCode::OK, &json!({ "ok": true, "result": { "date": 1 } })))
        }
        (Ok(_), Some(Fault::LostReply)) => Err(CutOff),
        (Ok(_), Some(Fault::Hangs)) => std::future::pending().await,
        (Ok(result), _) => {
            let body = json!({ "ok": true, "result": result });
            keep(shared, call, 200, &body);
            Ok(response(StatusCode::OK, &body))
        }
        (Err(refusal), _) => {
            keep(shared, call, refusal.code, &refusal.body());
            Ok(refused(refusal))
        }
    }
}

fn keep(shared: &Shared, call: usize, status: u16, body: &Value) {
    if let Some(call) = shared.town().calls.get_mut(call) {
        call.answer = Some((status, body.clone()));
    }
}

fn refused(refusal: &Refused) -> Response<Body> {
    response(StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::BAD_REQUEST), &refusal.body())
}

fn response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

async fn get_updates(shared: &Shared, params: &Params) -> Answer {
    let conflict =
        || Refused::conflict("terminated by other getUpdates request; make sure that only one bot instance is running");
    let webhook = || {
        Refused::conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        )
    };
    let (mut bell, clock, us, limit, deadline) = {
        let mut town = shared.town();
        if town.webhook.is_some() {
            return Err(webhook());
        }
        // Whoever asks last is answered; whoever waits is sent away.
        town.queue.poller += 1;
        town.ring();
        let offset = params.integer("offset");
        let limit = usize::try_from(params.integer("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
        let timeout = Duration::from_secs(params.integer("timeout").and_then(|t| u64::try_from(t).ok()).unwrap_or(0));
        methods::set_allowed(&mut town, params);
        town.queue.confirm(offset);
        let now = town.clock.now();
        let (limit, timeout) = town.queue.slowed_down(offset, limit, timeout.min(LONG_POLL_MAX), now);
        (town.bell.subscribe(), town.clock.clone(), town.queue.poller, limit, now + timeout)
    };
    loop {
        bell.borrow_and_update();
        {
            let mut town = shared.town();
            let now = town.clock.now();
            if town.webhook.is_some() {
                return Err(webhook());
            }
            if town.queue.poller != us {
                return Err(conflict());
            }
            town.queue.expire(now);
            if !town.queue.waiting.is_empty() || now >= deadline {
                let updates: Vec<Value> =
                    town.queue.waiting.iter().take(limit).map(crate::queue::Waiting::update).collect();
                town.given.extend(updates.iter().cloned());
                return Ok(updates.into());
            }
        }
        tokio::select! {
            // The bell hangs in the town, which outlives this question.
            _ = bell.changed() => {}
            () = clock.sleep_until(deadline) => {}
        }
    }
}
