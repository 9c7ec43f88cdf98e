//! `cargo xtask simulate`: a year of survey reminders, or of digests, against a Postgres of its own.

use std::ffi::OsString;

use anyhow::{Context as _, Result, bail};

use crate::{cargo, database};

/// Runs the simulation, optimised, with the arguments that were given. It ends with an error when a promise was broken.
///
/// # Errors
/// When Postgres cannot be started, the program cannot be built, or it fails.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let postgres = database::start()?;
    let mut simulation = cargo::cargo(&["run", "--release", "--locked", "--quiet", "--package", "simulation", "--"])?;
    simulation.args(arguments).env_remove("DATABASE_URL").env("CRIEUR_TEST_POSTGRES", postgres.url_of("postgres"));
    let status = simulation.status().context("cargo could not be run")?;
    if !status.success() {
        bail!("the simulation ended with {status}: what it found is listed above");
    }
    Ok(())
}
