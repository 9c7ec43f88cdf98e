//! What the program writes to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, PoisonError, RwLock};

use bot_core::Redacted;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Shorter values are no secret, and would blot out ordinary words.
const SECRET_BYTES_MIN: usize = 8;
const BLOT: &str = "[redacted]";

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(secrets)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
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
    fn a_secret_never_reaches_a_line() {
        let secrets = Secrets::default();
        secrets.add([Redacted::new("123456:ABC-token".to_owned()), Redacted::new("short".to_owned())]);
        assert_eq!(secrets.blot_out("GET /bot123456:ABC-token/send in short"), "GET /bot[redacted]/send in short");
    }
}
