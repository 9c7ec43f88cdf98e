//! Running until told to stop: signals, the service manager, and the order in which things end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::database::Database;

/// What a shell reports for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;

/// SIGTERM from a service manager, SIGINT from a terminal: both mean stop.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on.
    pub fn listen() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("the signals to stop cannot be heard");
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Keeps the service running until a signal, or until its private database is lost for good; then drains it within
/// `deadline`, and stops the database last. A second signal ends the process at once.
///
/// # Errors
/// When the database was lost, or would not stop.
pub(crate) async fn until_stopped(
    app: App,
    mut database: Database,
    mut signals: StopSignals,
    deadline: Duration,
) -> anyhow::Result<ExitCode> {
    tell_service_manager(&[NotifyState::Ready]);
    let watchdog = tokio::spawn(feed_watchdog());
    let lost = tokio::select! {
        () = signals.next() => None,
        error = database.given_up() => Some(error),
    };
    tell_service_manager(&[NotifyState::Stopping]);
    match &lost {
        None => tracing::info!("Stopping: what is in hand is finished within {} s", deadline.as_secs()),
        Some(error) => tracing::error!("Stopping: {error:#}"),
    }
    tokio::spawn(async move {
        signals.next().await;
        // Interrupted work goes back to its queue by itself, since its lease dies with this process.
        tracing::warn!("Told to stop a second time: ending at once");
        std::process::exit(EXIT_INTERRUPTED);
    });
    let in_time = app.stop(deadline).await;
    watchdog.abort();
    database.stop().await?;
    match (lost, in_time) {
        (Some(error), _) => Err(error),
        (None, true) => {
            tracing::info!("Stopped");
            Ok(ExitCode::SUCCESS)
        }
        (None, false) => {
            tracing::warn!(
                "Stopped, but not everything was finished within {} s: it goes back to its queue \
                 (stopping.deadline_seconds allows for more)",
                deadline.as_secs()
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell_service_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("The service manager cannot be told: {error}");
    }
}

/// Tells the service manager that this process is alive, if it asked for that.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval(limit / 2);
    loop {
        beat.tick().await;
        tell_service_manager(&[NotifyState::Watchdog]);
    }
}
