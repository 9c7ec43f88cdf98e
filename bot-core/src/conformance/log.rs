//! Where tests log: in a file that `cargo xtask test` searches for secrets when all of them have ended.

use std::fs::File;
use std::sync::{Mutex, Once};

use tracing_subscriber::EnvFilter;

/// Names the file. Without it tests log nothing.
const FILE_VARIABLE: &str = "CRIEUR_TEST_LOG";

/// What an operator sees by default, and everything that our own crates could say.
const FILTER: &str = "info,sqlx=warn,bot_core=debug,crieur=debug,adapter_=debug";

/// Begins once per test program; one that set up its own logging keeps that.
///
/// # Panics
/// When the file cannot be written: then no leak would be found.
pub(super) fn begin() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
        let file = File::options().append(true).create(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("{FILE_VARIABLE} names {}: {error}", path.display()));
        let _ = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            .try_init();
    });
}
