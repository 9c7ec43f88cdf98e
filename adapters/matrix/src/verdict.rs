//! What the homeserver's answers mean to the outbox. No text of the server's goes into a reason: it may quote rooms,
//! people and messages.

use bot_core::adapter::{GateScope, Verdict};
use chrono::{DateTime, TimeDelta, Utc};
use matrix_sdk::ruma::api::error::{ErrorKind, RetryAfter};
use matrix_sdk::{Error, HttpError};

/// How long to wait where the server asks for patience without saying how much.
const PATIENCE: TimeDelta = TimeDelta::seconds(5);

/// How a call to the homeserver failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// "Too many requests."
    Throttled { after: TimeDelta },
    /// No request has left, or the server answered that it did nothing.
    NothingDone(String),
    /// The request may have been carried out.
    MaybeDone(String),
    /// The access token is no longer good; `soft` when the device may log in again.
    TokenDead { soft: bool },
    /// We may not do this, here.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The server will never take this.
    Refused(String),
    /// We are not in that room.
    NotJoined,
}

impl Failure {
    /// `now` is only needed for servers that name a moment instead of a duration.
    pub(crate) fn of(error: &Error, now: DateTime<Utc>) -> Self {
        match error {
            Error::Http(error) => Self::of_http(error, now),
            Error::WrongRoomState(_) => Self::NotJoined,
            Error::Timeout => Self::MaybeDone("the homeserver took too long".into()),
            Error::ConcurrentRequestFailed => Self::NothingDone("another call failed first".into()),
            // What is left fails in this process, before anything is sent.
            Error::CryptoStoreError(_) | Error::OlmError(_) | Error::MegolmError(_) | Error::StateStore(_) => {
                Self::NothingDone("the device's store failed".into())
            }
            _ => Self::NothingDone("the message could not be prepared".into()),
        }
    }

    pub(crate) fn of_http(error: &HttpError, now: DateTime<Utc>) -> Self {
        match error {
            HttpError::Cached(error) => Self::of_http(error, now),
            HttpError::Reqwest(error) if error.is_connect() || error.is_builder() => {
                Self::NothingDone("the homeserver cannot be reached".into())
            }
            HttpError::Reqwest(error) if error.is_timeout() => Self::MaybeDone("the homeserver took too long".into()),
            HttpError::Reqwest(_) => Self::MaybeDone("the connection to the homeserver broke".into()),
            HttpError::Api(_) => match (error.client_api_error_kind(), error.as_client_api_error()) {
                (Some(kind), Some(answer)) => Self::of_answer(kind, answer.status_code.as_u16(), now),
                (None, Some(answer)) => Self::of_status(answer.status_code.as_u16()),
                // An answer nobody can read, perhaps from a proxy in between.
                _ => Self::MaybeDone("the homeserver's answer cannot be read".into()),
            },
            HttpError::IntoHttp(_) => Self::Refused("no request can be made of it".into()),
            HttpError::RefreshToken(_) => Self::TokenDead { soft: true },
        }
    }

    fn of_answer(kind: &ErrorKind, status: u16, now: DateTime<Utc>) -> Self {
        match kind {
            ErrorKind::LimitExceeded(limit) => {
                let after = match &limit.retry_after {
                    Some(RetryAfter::Delay(delay)) => TimeDelta::from_std(*delay).unwrap_or(PATIENCE),
                    Some(RetryAfter::DateTime(moment)) => DateTime::<Utc>::from(*moment) - now,
                    None => PATIENCE,
                };
                Self::Throttled { after: after.max(TimeDelta::milliseconds(100)) }
            }
            ErrorKind::UnknownToken(token) => Self::TokenDead { soft: token.soft_logout },
            ErrorKind::MissingToken | ErrorKind::UserDeactivated | ErrorKind::UserSuspended => {
                Self::TokenDead { soft: false }
            }
            ErrorKind::Forbidden => Self::Forbidden,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::TooLarge => Self::Refused("it is too large for the homeserver".into()),
            _ => Self::of_status(status),
        }
    }

    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::TokenDead { soft: false },
            403 => Self::Forbidden,
            404 => Self::NotFound,
            413 => Self::Refused("it is too large for the homeserver".into()),
            429 => Self::Throttled { after: PATIENCE },
            // The server, or a proxy before it, gave up half-way.
            500.. => Self::MaybeDone(format!("the homeserver answered with status {status}")),
            _ => Self::Refused(format!("the homeserver refused it with status {status}")),
        }
    }

    /// In plain words, for a log line or a finding.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Throttled { .. } => "the homeserver asks for patience".into(),
            Self::NothingDone(reason) | Self::MaybeDone(reason) | Self::Refused(reason) => reason.clone(),
            Self::TokenDead { soft: true } => "the session has to be renewed".into(),
            Self::TokenDead { soft: false } => "the homeserver no longer knows this device".into(),
            Self::Forbidden => "the homeserver forbids it".into(),
            Self::NotFound => "the homeserver knows no such thing".into(),
            Self::NotJoined => "the bot is not in that room".into(),
        }
    }

    /// As the answer to a call about one room. Message limits are counted over the whole account (Synapse's
    /// `rc_message`), whatever the room.
    pub(crate) fn in_room<T>(self) -> Verdict<T> {
        self.into_verdict(Some(GateScope::Account))
    }

    /// As the answer to opening a room or uploading a file: these have limits of their own.
    pub(crate) fn on_route<T>(self) -> Verdict<T> {
        self.into_verdict(Some(GateScope::Route))
    }

    fn into_verdict<T>(self, scope: Option<GateScope>) -> Verdict<T> {
        let words = self.words();
        match self {
            Self::Throttled { after } => Verdict::Throttled { after, scope },
            Self::NothingDone(reason) => Verdict::Retry { reason },
            Self::MaybeDone(reason) => Verdict::Unknown { reason },
            Self::TokenDead { soft: true } => Verdict::Retry { reason: words },
            Self::TokenDead { soft: false } => Verdict::AccountDead {
                reason: format!("{words}: run `crieur matrix recover`, which logs in a new one"),
            },
            Self::Forbidden | Self::NotJoined => Verdict::RecipientStopped { reason: words },
            Self::NotFound | Self::Refused(_) => Verdict::Rejected { reason: words },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16) -> Verdict<()> {
        Failure::of_status(status).in_room()
    }

    #[test]
    fn a_status_alone_has_its_verdict() {
        assert!(matches!(of(500), Verdict::Unknown { .. }));
        assert!(matches!(of(502), Verdict::Unknown { .. }));
        assert!(matches!(of(413), Verdict::Rejected { .. }));
        assert!(matches!(of(400), Verdict::Rejected { .. }));
        assert!(matches!(of(403), Verdict::RecipientStopped { .. }));
        assert!(matches!(of(401), Verdict::AccountDead { .. }));
        let Verdict::Throttled { after, scope } = of(429) else { panic!("a throttle was expected") };
        assert_eq!((after, scope), (PATIENCE, Some(GateScope::Account)));
        assert!(matches!(Failure::TokenDead { soft: true }.in_room::<()>(), Verdict::Retry { .. }));
    }

    #[test]
    fn a_moment_to_wait_for_becomes_a_duration() {
        let now: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let mut limit = matrix_sdk::ruma::api::error::LimitExceededErrorData::new();
        limit.retry_after = Some(RetryAfter::DateTime((now + TimeDelta::seconds(7)).into()));
        let kind = ErrorKind::LimitExceeded(limit);
        assert_eq!(Failure::of_answer(&kind, 429, now), Failure::Throttled { after: TimeDelta::seconds(7) });
    }
}
