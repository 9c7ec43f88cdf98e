//! What the program writes to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, PoisonError, RwLock};

use bot_core::Redacted;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Shorter values are no secret, and would blot out ordinary words.
const SECRET_BYTES_MIN: usize = 8;
const BLOT: &str = "[redacted]";

/// Libraries that write people's addresses, rooms or words in their lines and spans, at any level. What there is to
/// know of a connection, its adapter says in words of its own.
const CHAT_LIBRARIES: [&str; 12] = [
    "matrix_sdk",
    "ruma",
    "vodozemac",
    "serenity",
    "teloxide",
    "reqwest",
    "hyper",
    "h2",
    "tungstenite",
    "tokio_tungstenite",
    "rustls",
    "rusqlite",
];

/// Also of a crate whose name goes on, as `matrix_sdk_base` does. No filter brings these lines back.
fn is_of_a_chat_library(target: &str) -> bool {
    CHAT_LIBRARIES
        .iter()
        .any(|library| target.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':'])))
}

/// Starts logging. Called once, by the program; tests set up their own.
///
/// # Errors
/// When the filter is none, or logging was started before.
pub fn start(log: &Log, secrets: Secrets) -> anyhow::Result<()> {
    // `RUST_LOG` is for one run, the configuration for good.
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(filter)?,
        _ => EnvFilter::try_new(&log.filter)?,
    };
    let silence = filter_fn(|line| !is_of_a_chat_library(line.target()));
    let lines = fmt::layer().with_writer(secrets).with_target(false).with_ansi(io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Filters of the whole, not of a layer: those lose lines after a library has asked whether one is wanted.
    let started = tracing_subscriber::registry().with(lines).with(filter).with(silence).try_init();
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}

/// Values that adapters asked never to see printed: the last net, should a library put one in a log line. Cheap to
/// clone; clones share the values.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<RwLock<Vec<Redacted<String>>>>);

impl Secrets {
    pub fn add(&self, secrets: impl IntoIterator<Item = Redacted<String>>) {
        let long_enough = secrets.into_iter().filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(long_enough);
    }

    fn blot_out(&self, line: &str) -> String {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(line.to_owned(), |line, secret| line.replace(secret.expose(), BLOT))
    }
}

impl<'w> MakeWriter<'w> for Secrets {
    type Writer = Blotter;

    fn make_writer(&'w self) -> Blotter {
        Blotter { secrets: self.clone() }
    }
}

/// Writes to standard error without the secrets. An event arrives in one piece.
#[derive(Debug)]
pub struct Blotter {
    secrets: Secrets,
}

impl Write for Blotter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = self.secrets.blot_out(&String::from_utf8_lossy(bytes));
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_libraries_never_write_a_line() {
        for target in [
            "matrix_sdk",
            "matrix_sdk_base::client",
            "serenity::gateway::shard",
            "teloxide_core::net",
            "hyper_util::client",
        ] {
            assert!(is_of_a_chat_library(target), "{target}");
        }
        for target in ["crieur", "bot_core::delivery", "adapter_matrix", "sqlx::query", "hyperbole", "h2o"] {
            assert!(!is_of_a_chat_library(target), "{target}");
        }
    }

    #[test]
    fn a_secret_never_reaches_a_line() {
        let secrets = Secrets::default();
        secrets.add([Redacted::new("123456:ABC-token".to_owned()), Redacted::new("short".to_owned())]);
        assert_eq!(secrets.blot_out("GET /bot123456:ABC-token/send in short"), "GET /bot[redacted]/send in short");
    }
}
