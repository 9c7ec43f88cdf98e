//! `cargo xtask simulate`, which gives it a Postgres of its own.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulation::run::{Settings, run};
use simulation::summary::Summary;
use simulation::world::Size;

/// Simulates survey reminders over weeks or a whole year, and judges every message.
#[derive(Parser)]
#[command(bin_name = "cargo xtask simulate")]
struct Arguments {
    /// Collectivités there are.
    #[arg(long, default_value_t = 36_000)]
    collectivites: usize,
    /// People who work for them, at most three for each.
    #[arg(long, default_value_t = 60_000)]
    contacts: usize,
    /// Weeks up to Monday, 4 January 2027: from 8 to 52.
    #[arg(long, default_value_t = 52, value_parser = clap::value_parser!(u32).range(8..=52))]
    weeks: u32,
    /// The same seed makes the same world.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let Arguments { collectivites, contacts, weeks, seed, json } = Arguments::parse();
    ensure!(collectivites >= 40, "--collectivites {collectivites}: 40 or more make a country");
    ensure!(contacts <= 3 * collectivites, "--contacts {contacts}: three for each collectivité at most");
    // What the service itself has to say, for whoever asks for it by RUST_LOG.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let settings = Settings { size: Size { collectivites, contacts, seed }, weeks };
    let bar = ProgressBar::new(u64::from(weeks) * 7).with_message("seeding");
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} {wide_bar} day {pos} of {len}, {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let trial = runtime.block_on(run(settings, |day, messages| {
        bar.set_position(day);
        bar.set_message(format!("{messages} messages"));
    }));
    bar.finish_and_clear();
    let summary = Summary::of(settings, &trial?);
    if json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!("{summary}");
    }
    Ok(if summary.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
