//! What can go wrong, on purpose and by the rules.

use serde_json::{Value, json};

/// A way in which the next call of a method goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// 429, with or without anything having been sent before.
    TooMany { retry_after_seconds: u32 },
    /// 403: the person has blocked the bot.
    Blocked,
    /// 403: the person's account is gone.
    Deactivated,
    /// 403: the person has never started the bot.
    CannotInitiate,
    /// 400: the group goes on under another number.
    Migrated { to: i64 },
    /// 400: the edit would change nothing.
    NotModified,
    /// 400: the press waited too long.
    LateAnswer,
    /// 401: the token was revoked.
    Unauthorized,
    /// Any other refusal in the server's own words.
    Refused { code: u16, description: String },
    /// 502 with a page of HTML. The call is carried out.
    BadGateway,
    /// 500 with a body of JSON. The call is carried out.
    ServerError,
    /// The call is carried out, then the connection breaks before a word of the answer.
    LostReply,
    /// The call is carried out and answered with 200 and something that is no answer.
    Unparsable,
    /// The call is carried out and answered with 200, but the message says nothing but its date.
    Unrecognisable,
    /// The call is carried out, and the answer never comes.
    Hangs,
}

/// A refusal as the Bot API words it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    pub code: u16,
    pub description: String,
    pub parameters: Option<Value>,
}

pub(crate) type Answer = Result<Value, Refused>;

impl Refused {
    fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: None }
    }

    pub(crate) fn bad_request(text: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {text}"))
    }

    pub(crate) fn forbidden(text: impl std::fmt::Display) -> Self {
        Self::new(403, format!("Forbidden: {text}"))
    }

    pub(crate) fn conflict(text: impl std::fmt::Display) -> Self {
        Self::new(409, format!("Conflict: {text}"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(crate) fn no_such_method() -> Self {
        Self::new(404, "Not Found: method not found")
    }

    /// What the server says when the address holds nothing that looks like a token.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn too_many(retry_after_seconds: u32) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after_seconds}"),
            parameters: Some(json!({ "retry_after": retry_after_seconds })),
        }
    }

    pub(crate) fn migrated(to: i64) -> Self {
        Self {
            code: 400,
            description: "Bad Request: group chat was upgraded to a supergroup chat".to_owned(),
            parameters: Some(json!({ "migrate_to_chat_id": to })),
        }
    }

    /// `parameters` is left out when it would be empty, as the real server does.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let Some(parameters) = &self.parameters {
            body["parameters"] = parameters.clone();
        }
        body
    }
}

impl Fault {
    /// The refusal, for a fault that keeps the call from being carried out.
    pub(crate) fn refusal(&self) -> Option<Refused> {
        Some(match self {
            Self::TooMany { retry_after_seconds } => Refused::too_many(*retry_after_seconds),
            Self::Blocked => Refused::forbidden("bot was blocked by the user"),
            Self::Deactivated => Refused::forbidden("user is deactivated"),
            Self::CannotInitiate => Refused::forbidden("bot can't initiate conversation with a user"),
            Self::Migrated { to } => Refused::migrated(*to),
            Self::NotModified => Refused::bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ),
            Self::LateAnswer => Refused::bad_request(LATE_ANSWER),
            Self::Unauthorized => Refused::unauthorized(),
            Self::Refused { code, description } => Refused::new(*code, description.as_str()),
            Self::BadGateway
            | Self::ServerError
            | Self::LostReply
            | Self::Unparsable
            | Self::Unrecognisable
            | Self::Hangs => return None,
        })
    }
}

pub(crate) const LATE_ANSWER: &str = "query is too old and response timeout expired or query ID is invalid";
