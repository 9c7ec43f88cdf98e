//! One call to the Bot API, and what came of it.
//!
//! teloxide's payload types are sent here by a client of our own, for three things its `Bot` does would make a right
//! verdict impossible: it sleeps 10 s inside the call after a 5xx, it forgets the HTTP status and the error code, so
//! that "perhaps sent" looks like "refused", and it takes an answer that it cannot read for a failure although the
//! message was sent. Answers are read field by field: teloxide 0.17 knows Bot API 9.1, and one new kind of entity
//! makes it lose a message's words (see `update.rs`).

use std::time::Duration;

use bot_core::Redacted;
use chrono::TimeDelta;
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use teloxide::requests::Payload;

use crate::token::BotToken;

/// The server caps a long poll at 50 s (tdlib/telegram-bot-api, Client.h).
pub(crate) const LONG_POLL: Duration = Duration::from_secs(50);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Under the 45 s after which the core gives a call up.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(40);
const LONG_POLL_TIME_MAX: Duration = Duration::from_secs(65);

/// The Bot API for one bot. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: reqwest::Client,
    /// Holds the token: reqwest's own error texts name it, so they are never shown.
    base: Redacted<String>,
}

/// Why a call brought no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// Nothing was written: safe to try again.
    NotWritten(&'static str),
    /// It may or may not have been done.
    NoAnswer(&'static str),
    TooMany {
        after: TimeDelta,
    },
    /// Another call has to come first; it is on its way.
    Busy {
        after: TimeDelta,
    },
    /// There is nothing to call with.
    Impossible(&'static str),
    /// The group has become a supergroup.
    Migrated {
        to: i64,
    },
    /// The server understood and said no.
    Refused {
        code: u16,
        /// Its words, to be compared but never shown: they may quote what was sent.
        description: Redacted<String>,
    },
}

/// A file that goes along with a call, under the name `attach://file`.
pub(crate) struct Attachment {
    pub content: Vec<u8>,
    pub file_name: String,
    pub content_type: String,
}

/// How a payload names its [`Attachment`].
pub(crate) const ATTACHED: &str = "attach://file";

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    result: Value,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    migrate_to_chat_id: Option<i64>,
    retry_after: Option<u32>,
}

impl Api {
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub(crate) fn new(api_url: &str, token: &BotToken) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .use_rustls_tls()
            .connect_timeout(CONNECT_TIME_MAX)
            // The API answers in place; what is sent elsewhere would carry the token there.
            .redirect(Policy::none())
            .build()?;
        Ok(Self { client, base: Redacted::new(format!("{api_url}/bot{}", token.expose())) })
    }

    pub(crate) async fn call<P: Payload + Serialize>(&self, payload: &P) -> Result<Value, Failure> {
        self.post::<P>(CALL_TIME_MAX, |request| Some(request.json(payload))).await
    }

    /// A call that the server may hold for [`LONG_POLL`].
    pub(crate) async fn long_poll<P: Payload + Serialize>(&self, payload: &P) -> Result<Value, Failure> {
        self.post::<P>(LONG_POLL_TIME_MAX, |request| Some(request.json(payload))).await
    }

    pub(crate) async fn upload<P: Payload + Serialize>(
        &self,
        payload: &P,
        attachment: Attachment,
    ) -> Result<Value, Failure> {
        self.post::<P>(UPLOAD_TIME_MAX, |request| Some(request.multipart(form(payload, attachment)?))).await
    }

    async fn post<P: Payload>(
        &self,
        time_max: Duration,
        fill: impl FnOnce(reqwest::RequestBuilder) -> Option<reqwest::RequestBuilder>,
    ) -> Result<Value, Failure> {
        let request = self.client.post(format!("{}/{}", self.base.expose(), P::NAME)).timeout(time_max);
        let request = fill(request).ok_or(Failure::NotWritten("the call could not be written down"))?;
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                Failure::NotWritten("Telegram cannot be reached: check the network, DNS and the firewall")
            } else if error.is_builder() {
                Failure::NotWritten("the call could not be written down")
            } else if error.is_timeout() {
                Failure::NoAnswer("Telegram did not answer in time")
            } else {
                Failure::NoAnswer("the connection to Telegram broke before it answered")
            }
        })?;
        let status = response.status();
        let retry_after =
            response.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(|_| Failure::NoAnswer("Telegram's answer broke off"))?;
        read(status.as_u16(), retry_after, &body)
    }
}

/// What an answer says. Pure.
fn read(status: u16, retry_after_header: Option<u32>, body: &[u8]) -> Result<Value, Failure> {
    let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
    if status >= 500 {
        return Err(Failure::NoAnswer("Telegram's servers had an error of their own"));
    }
    if status == 429 {
        let seconds = envelope.and_then(|envelope| envelope.parameters.retry_after).or(retry_after_header);
        return Err(Failure::TooMany { after: TimeDelta::seconds(i64::from(seconds.unwrap_or(1).max(1))) });
    }
    match envelope {
        Some(envelope) if envelope.ok => Ok(envelope.result),
        Some(Envelope { parameters: Parameters { migrate_to_chat_id: Some(to), .. }, .. }) => {
            Err(Failure::Migrated { to })
        }
        Some(envelope) => Err(Failure::Refused {
            code: envelope.error_code.unwrap_or(status),
            description: Redacted::new(envelope.description),
        }),
        None if status < 300 => Err(Failure::NoAnswer("Telegram's answer cannot be read")),
        // The API itself always answers in JSON: something on the way there refused.
        None => Err(Failure::NotWritten("something between here and Telegram refused the call: check the proxy")),
    }
}

/// A payload as a form: strings as they are, everything else as JSON (Bot API: Making requests).
fn form(payload: &impl Serialize, attachment: Attachment) -> Option<Form> {
    let Ok(Value::Object(fields)) = serde_json::to_value(payload) else { return None };
    let file =
        Part::bytes(attachment.content).file_name(attachment.file_name).mime_str(&attachment.content_type).ok()?;
    let form = fields.into_iter().fold(Form::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(name, text),
        other => form.text(name, other.to_string()),
    });
    Some(form.part("file", file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: Value) -> Result<Value, Failure> {
        read(status, None, body.to_string().as_bytes())
    }

    #[test]
    fn an_answer_is_read_for_what_it_means() {
        assert_eq!(answer(200, json!({ "ok": true, "result": { "message_id": 7 } })), Ok(json!({ "message_id": 7 })));
        assert_eq!(
            answer(
                429,
                json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 35",
                                "parameters": { "retry_after": 35 } })
            ),
            Err(Failure::TooMany { after: TimeDelta::seconds(35) })
        );
        let moved = json!({ "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
                            "parameters": { "migrate_to_chat_id": -1_001_234 } });
        assert_eq!(answer(400, moved), Err(Failure::Migrated { to: -1_001_234 }));
        let refused = answer(403, json!({ "ok": false, "error_code": 403, "description": "Forbidden: x" }));
        assert!(matches!(refused, Err(Failure::Refused { code: 403, .. })));
        assert!(!format!("{refused:?}").contains("Forbidden"), "the server's words are not shown");
    }

    #[test]
    fn what_may_have_been_done_is_never_called_undone() {
        let uncertain = [
            read(502, None, b"<html>Bad Gateway</html>"),
            answer(500, json!({ "ok": false, "error_code": 500, "description": "Internal Server Error" })),
            read(200, None, b"{\"ok\":true,\"result\":{"),
            read(200, None, b""),
        ];
        for answer in uncertain {
            assert!(matches!(answer, Err(Failure::NoAnswer(_))), "{answer:?}");
        }
        // A proxy on the way did not hand it on.
        assert!(matches!(read(407, None, b"<html>"), Err(Failure::NotWritten(_))));
        assert_eq!(read(429, Some(9), b"<html>"), Err(Failure::TooMany { after: TimeDelta::seconds(9) }));
    }
}
