//! `digest wording`: what crieur says of each entry, and what an organiser's own template may name.

use std::process::ExitCode;

use barometer_digests::rendering::wording;

use crate::cli::output::Output;

/// Needs neither a configuration nor a database.
pub(super) fn run(output: Output) -> anyhow::Result<ExitCode> {
    output.answer(&wording::described(), wording::as_toml)?;
    Ok(ExitCode::SUCCESS)
}
