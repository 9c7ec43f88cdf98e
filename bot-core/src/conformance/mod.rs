//! What every adapter is held to, and the databases that tests run on.
//!
//! An adapter's tests implement [`AdapterBench`] and call [`run`]:
//!
//! ```ignore
//! #[tokio::test]
//! async fn conforms() {
//!     conformance::run("matrix", async |account| MatrixBench::new(account).await).await;
//! }
//! ```

#![allow(clippy::panic, clippy::print_stdout, reason = "this module is for tests: it ends them and says why")]

mod bench;
mod cases;
mod database;
mod log;
#[cfg(test)]
mod parrot;
mod stage;

pub use bench::{AdapterBench, Fault, Heard, Provoked, Seen, SeenButton};
pub use database::{DatabaseFault, SERVER_VARIABLE, TakenEvent, TestAccount, TestDatabase};

use cases::Run;
use futures::{StreamExt, stream};
use stage::Stage;

use crate::clock::Clock;

/// What came of one case.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    Passed,
    /// It cannot happen on this platform, and why.
    Impossible(&'static str),
    Failed(String),
}

/// Cases under way at once: each has a database of its own.
const CASES_AT_ONCE: usize = 4;

/// Runs every case, each on a fresh database with a bench of its own, and prints the table.
///
/// # Panics
/// When a case fails; the message names each one.
pub async fn run<B: AdapterBench + 'static>(platform: &str, build: impl AsyncFn(TestAccount) -> B) {
    let mut failed = Vec::new();
    for (case, outcome) in outcomes(platform, build, |_| true).await {
        match outcome {
            Outcome::Passed => println!("{platform}: {case}: passed"),
            Outcome::Impossible(why) => println!("{platform}: {case}: cannot happen, {why}"),
            Outcome::Failed(why) => {
                println!("{platform}: {case}: FAILED, {why}");
                failed.push(format!("{case}: {why}"));
            }
        }
    }
    assert!(failed.is_empty(), "the {platform} adapter breaks its contract:\n{}", failed.join("\n"));
}

/// Runs the cases whose name is `chosen`, without judging.
async fn outcomes<B: AdapterBench + 'static>(
    platform: &str,
    build: impl AsyncFn(TestAccount) -> B,
    chosen: impl Fn(&str) -> bool,
) -> Vec<(String, Outcome)> {
    let build = &build;
    let outcomes = cases::runs().filter(|(name, _)| chosen(name)).map(async |(name, run)| {
        let stage = Stage::set(platform, build).await;
        let outcome = match run {
            Run::Behaviour(check) => check(&stage).await.map(|()| Outcome::Passed),
            Run::OneFault(check, fault) => check(&stage, fault).await,
        };
        stage.clear().await;
        (name, outcome.unwrap_or_else(Outcome::Failed))
    });
    stream::iter(outcomes).buffered(CASES_AT_ONCE).collect().await
}

/// The time at which every case begins.
fn clock() -> Clock {
    #[allow(clippy::expect_used, reason = "a literal that the tests read each time they run")]
    Clock::manual("2026-09-01T08:00:00Z".parse().expect("a moment"))
}
