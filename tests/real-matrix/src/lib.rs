//! A real Matrix homeserver (Synapse) and citizens of another make (matrix-nio, with encryption), for tests.
//!
//! Both come from PyPI and are found under `$CRIEUR_PEERS` (default `~/.cache/crieur/peers`), where
//! `cargo xtask peers` installs them. They end with the test process, however it ends, and take their files along.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this crate is for tests: it ends them and says why"
)]

mod citizen;
mod proxy;
mod synapse;

use std::path::PathBuf;

pub use citizen::{Citizen, Citizens, Said};
pub use proxy::{Proxy, SendFault};
pub use synapse::{RateLimits, Synapse};

/// Where the peers live.
pub const PEERS_VARIABLE: &str = "CRIEUR_PEERS";
/// With this set, a missing peer fails a test instead of skipping it.
pub const REQUIRED_VARIABLE: &str = "CRIEUR_PEERS_REQUIRED";

/// The Python of both peers; `None`, with a sentence on standard output, where they are not installed.
///
/// # Panics
/// When they are missing and `CRIEUR_PEERS_REQUIRED` is set.
pub fn pythons() -> Option<(PathBuf, PathBuf)> {
    let peers = std::env::var_os(PEERS_VARIABLE)
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/crieur/peers")))?;
    let python = |peer: &str| Some(peers.join(peer).join("bin/python")).filter(|python| python.exists());
    let both = python("synapse").zip(python("nio"));
    if both.is_none() {
        assert!(
            std::env::var_os(REQUIRED_VARIABLE).is_none(),
            "Synapse and matrix-nio are not under {}: run `cargo xtask peers`",
            peers.display()
        );
        println!("skipped: Synapse and matrix-nio are not installed, `cargo xtask peers` does it");
    }
    both
}
