//! The chores of crieur's developers: `cargo xtask --help`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod browser;
mod cargo;
mod database;
mod deny;
mod fuzz;
mod leaks;
mod offline;
mod peers;
mod prepare;
mod simulate;
mod test;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Chores of crieur's developers.
///
/// On a fresh machine with cargo, a C compiler, OpenSSL's headers and Python 3 with pip and venv,
/// `cargo xtask test` sets up what the tests need and runs them all. Postgres, cargo-deny,
/// cargo-fuzz and axe-core are fetched once, pinned by hash, into the cache directory (/var/cache/crieur for
/// root, ~/.cache/crieur for others); the peers of the chat networks with pip, pinned by version;
/// Chromium is Debian's package.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and every test, in order, and stop at the first step that fails.
    ///
    /// Format, cargo-deny, clippy, the committed query data and a minute of fuzzing; then the tests (unit, property,
    /// conversation, browser, chat networks) against a Postgres of their own, on a network that ends at this machine;
    /// then what they printed is searched for secrets. The last line counts the tests. To run a few of them by hand,
    /// start `cargo xtask postgres` and follow what it prints.
    Test(test::Options),
    /// Write the data of every checked query into the `.sqlx` directory of its crate.
    ///
    /// Run it after changing a query or a migration, and commit what it wrote. With --check
    /// nothing is written: it tells which queries differ, and fails if any does.
    Prepare {
        /// Compare only.
        #[arg(long)]
        check: bool,
    },
    /// Start a throwaway Postgres with the migrations applied, until Ctrl-C.
    ///
    /// Prints the variables for building against it (DATABASE_URL) and for running tests by
    /// hand (CRIEUR_TEST_POSTGRES). Its data is gone afterwards.
    Postgres,
    /// Install the programs that the chat networks are tested with, each pinned.
    ///
    /// A Matrix homeserver (Synapse), a second Matrix client, and judges of the fakes of Telegram and Discord, in
    /// Python environments below $CRIEUR_PEERS (else ~/.cache/crieur/peers). What is there already is kept.
    Peers,
    /// Simulate a year of survey reminders, or of digests, in minutes, and judge every message.
    ///
    /// `cargo xtask simulate campaigns`: 36,000 collectivités and 60,000 contacts, who answer, snooze, block and move to
    /// other networks; outages, one kill, both nights in which the clocks change. `cargo xtask simulate digests`: 50,000
    /// readers who subscribe, choose, leave, link their chats and come back; editors who are late, leave out and skip;
    /// outages and kills over the readers' hours. `--help` behind each tells its options; `cargo xtask test` runs
    /// twelve weeks of a small country, and eight weeks of 2,000 readers.
    #[command(disable_help_flag = true)]
    Simulate {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Try what strangers write (feeds, calendars, tables, templates) against the code that reads it.
    ///
    /// libFuzzer changes the files of the corpus, within bounds of memory and time for each input. cargo-fuzz is
    /// fetched once, pinned by hash; the compiler is the stable one. `cargo xtask test` runs a minute of it.
    Fuzz(fuzz::Options),
    /// Run a program that can reach this machine and nothing else.
    ///
    /// As the tests are run: `cargo xtask offline cargo test --offline --package adapter-discord`.
    Offline {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    if let Some(directory) = prepare::wrapper_directory() {
        return prepare::run_as_compiler_wrapper(&directory);
    }
    let done = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Prepare { check } => prepare_with_own_database(check),
        Task::Postgres => database::serve(),
        Task::Peers => peers::install().map(drop),
        Task::Simulate { arguments } => simulate::run(&arguments),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Offline { command } => offline::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn prepare_with_own_database(check: bool) -> Result<()> {
    let postgres = database::start()?;
    if check { prepare::check(&postgres) } else { prepare::write(&postgres) }
}

/// The checkout that this program was built from.
fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).context("the xtask package lies in no workspace")
}
