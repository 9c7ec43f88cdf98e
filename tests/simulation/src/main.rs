//! `cargo xtask simulate`, which gives it a Postgres of its own.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use simulation::world::Size;
use simulation::{digests, run, summary};

/// Simulates crieur over weeks or a whole year, and judges every message. Without a name: campaigns.
#[derive(Parser)]
#[command(bin_name = "cargo xtask simulate", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    trial: Option<Trial>,
    #[command(flatten)]
    campaigns: Campaigns,
}

#[derive(Subcommand)]
enum Trial {
    /// Survey reminders to the collectivités of a whole country.
    Campaigns(Campaigns),
    /// Barometer digests to readers all over it.
    Digests(Digests),
}

#[derive(Args)]
struct Campaigns {
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

#[derive(Args)]
struct Digests {
    /// People and rooms, of whom one in ten subscribes later or never.
    #[arg(long, default_value_t = 50_000)]
    readers: usize,
    /// Weeks up to Monday, 4 January 2027: from 4 to 52.
    #[arg(long, default_value_t = 52, value_parser = clap::value_parser!(u32).range(4..=52))]
    weeks: u32,
    /// The same seed makes the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    // What the service itself has to say, for whoever asks for it by RUST_LOG.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match arguments.trial.unwrap_or(Trial::Campaigns(arguments.campaigns)) {
        Trial::Campaigns(trial) => simulate_campaigns(&trial),
        Trial::Digests(trial) => simulate_digests(&trial),
    }
}

fn simulate_campaigns(trial: &Campaigns) -> Result<ExitCode> {
    let Campaigns { collectivites, contacts, weeks, seed, json } = *trial;
    ensure!(collectivites >= 40, "--collectivites {collectivites}: 40 or more make a country");
    ensure!(contacts <= 3 * collectivites, "--contacts {contacts}: three for each collectivité at most");
    let settings = run::Settings { size: Size { collectivites, contacts, seed }, weeks };
    let (bar, runtime) = (progress(weeks)?, runtime()?);
    let trial = runtime.block_on(run::run(settings, |day, messages| show(&bar, day, messages)));
    bar.finish_and_clear();
    let summary = summary::Summary::of(settings, &trial?);
    told(&summary, json, summary.violations.is_empty())
}

fn simulate_digests(trial: &Digests) -> Result<ExitCode> {
    let Digests { readers, weeks, seed, json } = *trial;
    ensure!(readers >= 100, "--readers {readers}: 100 or more make a world");
    let settings = digests::run::Settings { readers, weeks, seed };
    let (bar, runtime) = (progress(weeks)?, runtime()?);
    let trial = runtime.block_on(digests::run::run(settings, |day, messages| show(&bar, day, messages)));
    bar.finish_and_clear();
    let summary = digests::summary::Summary::of(settings, &trial?);
    told(&summary, json, summary.violations.is_empty())
}

fn progress(weeks: u32) -> Result<ProgressBar> {
    let bar = ProgressBar::new(u64::from(weeks) * 7).with_message("seeding");
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} {wide_bar} day {pos} of {len}, {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    Ok(bar)
}

fn show(bar: &ProgressBar, day: u64, messages: usize) {
    bar.set_position(day);
    bar.set_message(format!("{messages} messages"));
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn told(summary: &(impl Serialize + Display), json: bool, is_kept: bool) -> Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string_pretty(summary)?);
    } else {
        println!("{summary}");
    }
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
