//! One request to Discord's REST API, and what came of it. Nothing is repeated and nothing waits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bot_core::Clock;
use bot_core::adapter::{GateScope, Verdict};
use bot_core::store::account_state::AccountState;
use chrono::TimeDelta;
use reqwest::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::limits::{Barred, Limited, Limits, seconds};
use crate::refusals::Refusals;
use crate::token::Token;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Shorter than the outbox's own patience, so that it is told what happened.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// When Discord bars this machine without saying for how long.
const HOST_BARRED_FOR: TimeDelta = TimeDelta::minutes(10);
/// When direct conversations were opened too fast, and Discord does not say for how long they may not be.
const OPENING_BARRED_FOR: TimeDelta = TimeDelta::minutes(10);
/// When a limit is stated without its length.
const BARRED_FOR: TimeDelta = TimeDelta::seconds(5);

/// Discord's own error codes that mean something here (docs: Opcodes and Status Codes).
pub(crate) mod code {
    pub(crate) const UNKNOWN_CHANNEL: u64 = 10003;
    pub(crate) const UNKNOWN_MESSAGE: u64 = 10008;
    pub(crate) const UNKNOWN_USER: u64 = 10013;
    pub(crate) const UNKNOWN_WEBHOOK: u64 = 10015;
    pub(crate) const UNKNOWN_INTERACTION: u64 = 10062;
    pub(crate) const OLD_EDITS: u64 = 30046;
    pub(crate) const OPENING_TOO_FAST: u64 = 40003;
    pub(crate) const ALREADY_ACKNOWLEDGED: u64 = 40060;
    pub(crate) const MISSING_ACCESS: u64 = 50001;
    pub(crate) const CANNOT_MESSAGE_USER: u64 = 50007;
    pub(crate) const MISSING_PERMISSIONS: u64 = 50013;
    pub(crate) const INVALID_TOKEN: u64 = 50027;
    pub(crate) const NO_MUTUAL_GUILD: u64 = 50278;
    pub(crate) const POLL_EXPIRED: u64 = 520_001;
}

/// A request to make.
#[derive(Debug)]
pub(crate) struct Call {
    pub method: Method,
    /// From `/api/v10` on, ids in place. May hold an interaction's token: never log it.
    pub path: String,
    pub limited: Limited,
    pub body: Body,
    /// The path itself proves the right: the bot's token is not sent.
    pub by_interaction_token: bool,
}

#[derive(Debug)]
pub(crate) enum Body {
    Nothing,
    Json(Value),
    /// A message with one file (docs: Uploading Files).
    WithFile {
        payload: Value,
        file_name: String,
        content_type: String,
        content: Vec<u8>,
    },
}

impl Call {
    pub(crate) fn get(path: impl Into<String>, route: &'static str) -> Self {
        Self::new(Method::GET, path, Limited { route, resource: String::new(), scope: GateScope::Account })
    }

    pub(crate) fn new(method: Method, path: impl Into<String>, limited: Limited) -> Self {
        Self { method, path: path.into(), limited, body: Body::Nothing, by_interaction_token: false }
    }

    /// A call on one channel. `rest` follows its id in the path.
    pub(crate) fn on_channel(method: Method, route: &'static str, channel: u64, rest: &str) -> Self {
        let limited = Limited { route, resource: channel.to_string(), scope: GateScope::Conversation };
        Self::new(method, format!("/channels/{channel}{rest}"), limited)
    }

    pub(crate) fn json(self, payload: Value) -> Self {
        Self { body: Body::Json(payload), ..self }
    }
}

/// Why there is no answer to use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    Throttled(Barred),
    /// Nothing reached Discord.
    NotSent(&'static str),
    /// It may have been done.
    Lost(String),
    /// Discord refused it. Zero where it gave no code.
    Refused {
        status: u16,
        code: u64,
    },
    /// The token is not accepted.
    AccountDead,
}

impl Trouble {
    pub(crate) fn code(&self) -> Option<u64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What happened, for a person.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Throttled(barred) => format!("Discord asks to wait for {} s", barred.after.num_seconds().max(1)),
            Self::NotSent(reason) => (*reason).to_owned(),
            Self::Lost(reason) => reason.clone(),
            Self::Refused { status, code } => format!("Discord refused it (HTTP {status}, code {code})"),
            Self::AccountDead => TOKEN_REFUSED.to_owned(),
        }
    }

    /// The verdict where nothing more is known of the call.
    pub(crate) fn verdict<T>(self) -> Verdict<T> {
        match self {
            Self::Throttled(barred) => Verdict::Throttled { after: barred.after, scope: Some(barred.scope) },
            Self::NotSent(reason) => Verdict::Retry { reason: reason.to_owned() },
            Self::Lost(reason) => Verdict::Unknown { reason },
            Self::AccountDead => Verdict::AccountDead { reason: TOKEN_REFUSED.to_owned() },
            Self::Refused { code: code::CANNOT_MESSAGE_USER, .. } => {
                stopped("the person does not take messages from this bot")
            }
            Self::Refused { code: code::NO_MUTUAL_GUILD, .. } => {
                stopped("the person shares no server with this bot any more, or closed direct messages there")
            }
            Self::Refused { code: code::UNKNOWN_CHANNEL, .. } => stopped("the conversation no longer exists"),
            Self::Refused { code: code::UNKNOWN_USER, .. } => stopped("the person is no longer on Discord"),
            Self::Refused { code: code::MISSING_ACCESS, .. } => stopped("the bot may not see this channel any more"),
            Self::Refused { code: code::MISSING_PERMISSIONS, .. } => Verdict::Rejected {
                reason: "the bot lacks a right in this channel: give its role Send Messages, Attach Files, Create \
                         Polls and Pin Messages there"
                    .to_owned(),
            },
            Self::Refused { status, code } => {
                Verdict::Rejected { reason: format!("Discord does not take this (HTTP {status}, code {code})") }
            }
        }
    }
}

pub(crate) const TOKEN_REFUSED: &str = "Discord does not accept the bot's token: make a new one in the developer \
                                        portal (Bot, Reset Token) and write it to the token file";

fn stopped<T>(reason: &str) -> Verdict<T> {
    Verdict::RecipientStopped { reason: reason.to_owned() }
}

#[derive(Debug)]
pub(crate) struct Rest {
    /// `None` where the system's TLS cannot be set up.
    http: Option<reqwest::Client>,
    base: String,
    token: Token,
    clock: Clock,
    limits: Mutex<Limits>,
    pub(crate) refusals: Refusals,
}

impl Rest {
    pub(crate) fn new(api_url: &str, token: Token, clock: Clock, state: AccountState) -> Self {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN);
        // A redirect would carry the token elsewhere.
        let http = http.redirect(reqwest::redirect::Policy::none()).build().ok();
        let (base, limits) = (format!("{api_url}/api/v10"), Mutex::default());
        Self { http, base, token, clock, limits, refusals: Refusals::new(state) }
    }

    /// Makes one request. The answer's body is read as JSON; `null` where it is empty.
    pub(crate) async fn call(&self, call: Call) -> Result<Value, Trouble> {
        self.refusals.load().await;
        let now = self.clock.now();
        if let Some(until) = self.refusals.barred_until(now) {
            return Err(Trouble::Throttled(Barred { after: until - now, scope: GateScope::Host }));
        }
        let Call { method, path, limited, body, by_interaction_token } = call;
        let http = self.http.as_ref().ok_or(Trouble::NotSent("the system's TLS library cannot be set up"))?;
        let admitted = self.limits().admit(&limited, now);
        if let Err(barred) = admitted {
            // Interactions are not bound to the bot's global limit (docs: Rate Limits): somebody waits for three seconds.
            if !(by_interaction_token && barred.scope == GateScope::Account) {
                return Err(Trouble::Throttled(barred));
            }
        }

        let mut request = http.request(method.clone(), format!("{}{path}", self.base));
        request = request.header(USER_AGENT, serenity::constants::USER_AGENT);
        if !by_interaction_token {
            let token = self.token.read().map_err(|_| Trouble::NotSent("the bot's token cannot be read"))?;
            request = request.header(AUTHORIZATION, format!("Bot {}", token.expose()));
        }
        request = match body {
            Body::Nothing => request,
            Body::Json(payload) => request.json(&payload),
            Body::WithFile { payload, file_name, content_type, content } => {
                let file = reqwest::multipart::Part::bytes(content).file_name(file_name).mime_str(&content_type);
                let file = file.map_err(|_| Trouble::Refused { status: 415, code: 0 })?;
                let form = reqwest::multipart::Form::new().text("payload_json", payload.to_string());
                request.multipart(form.part("files[0]", file))
            }
        };
        let answer = request.send().await.map_err(|error| unsent_or_lost(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await;
        let now = self.clock.now();
        self.limits().learn(&limited, &headers, now);
        if status.is_success() {
            let body = body.map_err(|_| Trouble::Lost("the answer broke off".to_owned()))?;
            if body.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&body).map_err(|_| Trouble::Lost("the answer cannot be read".to_owned()));
        }
        // Without a body the status and the headers still say enough.
        let body: Option<Value> = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        let refused = self.refused(&method, &limited, status, &headers, body).await;
        // Refused was the interaction's token, which has grown old, and not the bot's.
        let by_age = by_interaction_token && refused == Trouble::AccountDead;
        Err(if by_age { Trouble::Refused { status: 401, code: code::INVALID_TOKEN } } else { refused })
    }

    async fn refused(
        &self,
        method: &Method,
        limited: &Limited,
        status: StatusCode,
        headers: &HeaderMap,
        body: Option<Value>,
    ) -> Trouble {
        let now = self.clock.now();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let scope = header("x-ratelimit-scope");
        if matches!(status.as_u16(), 401 | 403) || (status.as_u16() == 429 && scope != Some("shared")) {
            self.refusals.count(now).await;
        }
        let code = body.as_ref().and_then(|body| body["code"].as_u64()).unwrap_or_default();
        let stated = body.as_ref().and_then(|body| body["retry_after"].as_f64()).map(|after| after.to_string());
        let after = stated.as_deref().or_else(|| header("retry-after")).and_then(seconds);
        let barred = match (status.as_u16(), code) {
            (_, code::OPENING_TOO_FAST) => {
                Some(Barred { after: after.unwrap_or(OPENING_BARRED_FOR), scope: GateScope::Route })
            }
            // Not from Discord's API but from the wall before it: the machine's address is barred.
            (403 | 429, _) if body.is_none() => {
                Some(Barred { after: after.unwrap_or(HOST_BARRED_FOR), scope: GateScope::Host })
            }
            (429, code::OLD_EDITS) => {
                Some(Barred { after: after.unwrap_or(BARRED_FOR), scope: GateScope::Conversation })
            }
            (429, _) => {
                let global = scope == Some("global") || body.as_ref().is_some_and(|body| body["global"] == true);
                let scope = if global { GateScope::Account } else { limited.scope };
                Some(Barred { after: after.unwrap_or(BARRED_FOR), scope })
            }
            _ => None,
        };
        if let Some(barred) = barred {
            // A stated zero still means "not now".
            let barred = Barred { after: barred.after.max(TimeDelta::milliseconds(50)), ..barred };
            self.limits().close(limited, barred, now);
            return Trouble::Throttled(barred);
        }
        match status.as_u16() {
            401 => Trouble::AccountDead,
            500.. if *method == Method::GET => Trouble::NotSent("Discord had an error"),
            // A gateway that gave up waiting does not know whether the work was done.
            500.. => Trouble::Lost(format!("Discord had an error (HTTP {})", status.as_u16())),
            status => Trouble::Refused { status, code },
        }
    }

    fn limits(&self) -> std::sync::MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error's own text is left out: it holds the address, which may hold an interaction's token.
fn unsent_or_lost(error: &reqwest::Error) -> Trouble {
    if error.is_connect() || error.is_builder() {
        Trouble::NotSent("Discord cannot be reached")
    } else if error.is_timeout() {
        Trouble::Lost(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))
    } else {
        Trouble::Lost("the connection broke off".to_owned())
    }
}
