//! The REST API (v10): who asks, whether they may, and what they get.

mod account;
mod checks;
mod guilds;
mod interactions;
mod messages;
mod polls;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::FakeDiscord;
use crate::fault::{Fault, Scope, matches};
use crate::record::Exchange;
use crate::world::{BOT_TOKEN, World};

/// The most that one request may hold (docs: Create Message).
const REQUEST_BYTES_MAX: usize = 25 * 1024 * 1024;
const HTML: &str = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>";

/// A request, taken apart.
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Value,
    pub files: Vec<File>,
}

pub(crate) struct File {
    pub name: String,
    pub content_type: String,
    pub bytes: usize,
}

/// An answer before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Asked {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.query(name).and_then(|value| value.parse().ok())
    }
}

impl Reply {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body, headers: Vec::new() }
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: Value::Null, headers: Vec::new() }
    }

    pub(crate) fn refused(status: u16, code: u64, message: &str) -> Self {
        Self { status, body: json!({ "code": code, "message": message }), headers: Vec::new() }
    }

    /// A form that breaks a limit, with the place (docs: Error Messages).
    pub(crate) fn invalid(place: &str, problem: &str) -> Self {
        let error = json!({ "_errors": [{ "code": "BASE_TYPE_BAD_LENGTH", "message": problem }] });
        let body = json!({ "code": 50035, "message": "Invalid Form Body", "errors": { place: error } });
        Self { status: 400, body, headers: Vec::new() }
    }

    fn limited(scope: Scope, retry_after: f64) -> Self {
        let global = scope == Scope::Global;
        let body = json!({ "message": "You are being rate limited.", "retry_after": retry_after, "global": global });
        let mut headers =
            vec![("retry-after", format!("{}", retry_after.ceil())), ("x-ratelimit-scope", scope.as_str().to_owned())];
        if global {
            headers.push(("x-ratelimit-global", "true".to_owned()));
        }
        Self { status: 429, body, headers }
    }
}

pub(crate) fn router(fake: FakeDiscord) -> Router {
    Router::new().fallback(move |request: Request| answer(fake.clone(), request))
}

async fn answer(fake: FakeDiscord, request: Request) -> Response {
    let authorised = request.headers().get(header::AUTHORIZATION).cloned();
    let content_type = content_type(request.headers());
    let asked = match take_apart(request, &content_type).await {
        Ok(asked) => asked,
        Err(reply) => return written(reply, Fault::Passes),
    };
    let (reply, fault) = fake.change(|world| {
        let at = world.faults.iter().position(|(route, _)| matches(route, &asked.method, &asked.path));
        let fault = at.and_then(|at| world.faults.remove(at)).map_or(Fault::Passes, |(_, fault)| fault);
        let reply = world.reply(&asked, authorised.as_ref(), &fault);
        let shared = reply.headers.iter().any(|(name, value)| *name == "x-ratelimit-scope" && value == "shared");
        world.exchanges.push(Exchange {
            method: asked.method.clone(),
            path: asked.path.clone(),
            query: asked.query.clone(),
            content_type,
            request: asked.body.clone(),
            status: reply.status,
            response: reply.body.clone(),
            scripted: !matches!(fault, Fault::Passes | Fault::Late { .. }),
            invalid: matches!(reply.status, 401 | 403) || (reply.status == 429 && !shared),
        });
        (reply, fault)
    });
    written(reply, fault)
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().to_owned()
}

async fn take_apart(request: Request, content_type: &str) -> Result<Asked, Reply> {
    let method = request.method().to_string();
    let path = request.uri().path().strip_prefix("/api/v10").unwrap_or("/outside-of-api-v10").to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let bad = |_| Reply::refused(400, 50109, "The request body contains invalid JSON.");
    let (mut body, mut files) = (Value::Null, Vec::new());
    if content_type == "multipart/form-data" {
        let mut form =
            Multipart::from_request(request, &()).await.map_err(|_| Reply::refused(400, 50035, "Invalid Form Body"))?;
        while let Ok(Some(field)) = form.next_field().await {
            let (name, file_name) = (field.name().unwrap_or_default().to_owned(), field.file_name().map(str::to_owned));
            let content_type = field.content_type().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.unwrap_or_default();
            match file_name {
                None if name == "payload_json" => body = serde_json::from_slice(&bytes).map_err(bad)?,
                Some(name) => files.push(File { name, content_type, bytes: bytes.len() }),
                None => {}
            }
        }
    } else {
        let bytes: Bytes = axum::body::to_bytes(request.into_body(), REQUEST_BYTES_MAX)
            .await
            .map_err(|_| Reply::refused(413, 40005, "Request entity too large"))?;
        if !bytes.is_empty() {
            body = serde_json::from_slice(&bytes).map_err(bad)?;
        }
    }
    Ok(Asked { method, path, query, body, files })
}

fn written(reply: Reply, fault: Fault) -> Response {
    let html = matches!(fault, Fault::Walled | Fault::BadGateway | Fault::DoneThenBadGateway);
    let status = match fault {
        Fault::BadGateway | Fault::DoneThenBadGateway => 502,
        Fault::Walled => 429,
        _ => reply.status,
    };
    let body = match (&fault, reply.status) {
        _ if html => Body::from(HTML),
        (Fault::DoneThenCutOff, _) => {
            let pieces = [Ok(Bytes::from_static(b"{\"id\":")), Err(std::io::Error::other("cut off"))];
            Body::from_stream(futures::stream::iter(pieces))
        }
        (_, 204) => Body::empty(),
        _ => Body::from(reply.body.to_string()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let kind = if html { "text/html" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if !html {
        for (name, value) in reply.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    response
}

impl World {
    fn reply(&mut self, asked: &Asked, authorised: Option<&HeaderValue>, fault: &Fault) -> Reply {
        match fault {
            Fault::RateLimited { scope, retry_after_seconds } => return Reply::limited(*scope, *retry_after_seconds),
            Fault::Refused { status, code } => return Reply::refused(*status, *code, "scripted"),
            Fault::Walled => return Reply { status: 429, ..Reply::nothing() },
            Fault::BadGateway => return Reply { status: 502, ..Reply::nothing() },
            Fault::Late { millis } => self.now_millis += millis,
            Fault::DoneThenBadGateway | Fault::DoneThenCutOff | Fault::Passes => {}
        }
        let path = asked.path.clone();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        // Interactions prove themselves by the token in the path.
        let by_path = matches!(parts.as_slice(), ["interactions" | "webhooks", ..]);
        let known = authorised.is_some_and(|value| value == &format!("Bot {BOT_TOKEN}")) && self.token_accepted;
        if !by_path && !known {
            return Reply::refused(401, 0, "401: Unauthorized");
        }
        let (bucket, limit, millis) = self.bucket(&asked.method, &parts);
        if let Err(mut reply) = self.draw(&bucket, limit, millis) {
            reply.headers.extend(self.bucket_headers(&bucket, limit, millis));
            return reply;
        }
        let mut reply = self.route(asked, &parts);
        reply.headers.extend(self.bucket_headers(&bucket, limit, millis));
        reply
    }

    fn route(&mut self, asked: &Asked, parts: &[&str]) -> Reply {
        match (asked.method.as_str(), parts) {
            ("GET", ["gateway"]) => Reply::ok(json!({ "url": self.gateway_url })),
            ("GET", ["gateway", "bot"]) => self.gateway_bot(),
            ("GET", ["users", "@me"]) => self.myself(),
            ("GET", ["applications", "@me"]) => self.my_application(),
            ("GET", ["users", "@me", "guilds"]) => self.my_guilds(),
            ("POST", ["users", "@me", "channels"]) => self.open_direct(&asked.body),
            ("PUT", ["applications", application, "commands"]) => self.put_commands(application, &asked.body),
            ("POST", ["channels", channel, "messages"]) => self.create_message(channel, asked),
            ("GET", ["channels", channel, "messages"]) => self.list_messages(channel, asked),
            ("PUT", ["channels", channel, "messages", "pins", message]) => self.pin(channel, message),
            ("GET", ["channels", channel]) => self.get_channel(channel),
            ("GET", ["guilds", guild]) => self.get_guild(guild),
            ("GET", ["guilds", guild, "members", user]) => self.get_member(guild, user),
            ("GET", ["channels", channel, "messages", message]) => self.get_message(channel, message),
            ("PATCH", ["channels", channel, "messages", message]) => self.edit_message(channel, message, &asked.body),
            ("DELETE", ["channels", channel, "messages", message]) => self.delete_message(channel, message),
            ("POST", ["channels", channel, "polls", message, "expire"]) => self.expire_poll(channel, message),
            ("GET", ["channels", channel, "polls", message, "answers", answer]) => {
                self.list_voters(channel, message, answer, asked)
            }
            ("POST", ["interactions", id, token, "callback"]) => self.call_back(id, token, &asked.body),
            ("POST", ["webhooks", application, token]) => self.follow_up(application, token, asked),
            (method, ["webhooks", application, token, "messages", "@original"]) => {
                self.original(method, application, token, asked)
            }
            _ => Reply::refused(404, 0, "404: Not Found"),
        }
    }

    /// The bucket of a call: one per route and top-level resource.
    fn bucket(&self, method: &str, parts: &[&str]) -> (String, u32, i64) {
        match parts {
            ["channels", channel, "messages"] if method == "POST" => {
                (format!("messages:{channel}"), self.channel_limit.0, self.channel_limit.1)
            }
            ["users", "@me", "channels"] => ("direct:".to_owned(), self.opening_limit.0, self.opening_limit.1),
            [first, second, ..] => (format!("{method}-{first}-{}:{second}", parts.len()), 1000, 1000),
            _ => (format!("{method}:{}", parts.join("-")), 1000, 1000),
        }
    }

    fn draw(&mut self, bucket: &str, limit: u32, millis: i64) -> Result<(), Reply> {
        let now = self.now_millis;
        let used = self.used.entry(bucket.to_owned()).or_default();
        while used.front().is_some_and(|at| *at + millis <= now) {
            used.pop_front();
        }
        if used.len() >= limit as usize {
            let until = used.front().map_or(now, |at| at + millis);
            return Err(Reply::limited(Scope::User, (until - now) as f64 / 1000.0));
        }
        used.push_back(now);
        Ok(())
    }

    fn bucket_headers(&self, bucket: &str, limit: u32, millis: i64) -> Vec<(&'static str, String)> {
        let used = self.used.get(bucket).map_or(0, std::collections::VecDeque::len);
        let first = self.used.get(bucket).and_then(|used| used.front()).copied().unwrap_or(self.now_millis);
        let reset_after = (first + millis - self.now_millis) as f64 / 1000.0;
        let name = bucket.split(':').next().unwrap_or_default();
        vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", (limit as usize).saturating_sub(used).to_string()),
            ("x-ratelimit-reset", format!("{:.3}", (first + millis) as f64 / 1000.0)),
            ("x-ratelimit-reset-after", format!("{reset_after:.3}")),
            ("x-ratelimit-bucket", name.to_owned()),
        ]
    }
}
