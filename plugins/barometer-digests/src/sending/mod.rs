//! Hands a published edition over: once to each reader, at their hour, and proves it.
//!
//! [`publish`] writes down what is expected: one row for each reader and period. [`engine`] hands over what is due,
//! [`outcome`] reads what became of it, and [`proof`] adds it all up and holds it against the outbox. What a reader's own
//! doings mean for digests on their way is [`crate::readers`]' story.

#[cfg(test)]
pub(crate) mod bench;
mod engine;
mod lateness;
mod letters;
#[cfg(test)]
mod life;
mod outcome;
pub mod proof;
mod publish;
pub mod state;

use bot_core::plugin::{Context, Fire, FiredFire, HandlerError, HandlerResult, Misfire};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub use publish::publish;

/// Fires of editions under way: `send:<number>`. Those of the subject [`PROOF`] check the sums once a day; those of a
/// reader hand over what is due earlier than the edition is looked at.
pub const FIRES: &str = "send:";
const PROOF: &str = "proof";

/// The name under which a digest is handed to the outbox.
const MESSAGE_KEY: &str = "digest";

/// What an edition's messages go out for.
pub fn scope(number: u32) -> String {
    format!("digest:{number}")
}

/// Whom one of them is for.
pub fn subject(reader: i64) -> String {
    format!("r{reader}")
}

fn reader_of(subject: &str) -> Option<i64> {
    subject.strip_prefix('r')?.parse().ok()
}

/// # Errors
/// Those of the database.
pub(crate) async fn fired(cx: &mut Context, fire: &FiredFire) -> HandlerResult {
    let Some(number) = fire.scope.strip_prefix(FIRES).and_then(|number| number.parse().ok()) else {
        return Err(HandlerError::Broken(format!("no edition is called {}: nothing is sent", fire.scope)));
    };
    match fire.subject.as_str() {
        PROOF => proof::fired(cx, number).await,
        "" => engine::fired(cx, number, &fire.payload).await,
        reader => engine::hurried(cx, number, reader).await,
    }
}

/// A reader's digest is due at another time than it was, maybe before the edition is looked at next.
pub(crate) fn hurry(cx: &mut Context, number: u32, reader: i64, due_at: DateTime<Utc>) {
    schedule(cx, number, &subject(reader), due_at, Value::Object(serde_json::Map::new()));
}

fn schedule(cx: &mut Context, number: u32, subject: &str, due_at: DateTime<Utc>, payload: Value) {
    let (scope, subject) = (format!("{FIRES}{number}"), subject.to_owned());
    cx.schedule(Fire { scope, subject, due_at, misfire: Misfire::RunOnce, payload, repeat: None });
}

/// As the database counts. Numbers beyond it name nothing.
fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
