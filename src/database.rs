//! Where the data is: a Postgres of the operator's, or the private server, which is watched and started again.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use embedded_postgres::{Options, SUPERUSER, Server, StartError, StopError};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;

use crate::config;

const DATABASE_NAME: &str = "crieur";
/// How soon a private server that ended is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A server that ends this often within [`RESTARTS_WITHIN`] is given up: something is wrong with it.
const RESTARTS_MAX: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);

/// A database that can be used until this is stopped.
#[derive(Debug)]
pub struct Database {
    options: PgConnectOptions,
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    /// Dropping it asks the watching thread to stop the server.
    stop: mpsc::Sender<()>,
    watcher: thread::JoinHandle<Result<(), StopError>>,
    given_up: Option<oneshot::Receiver<StartError>>,
}

/// What to do when the private server of a data directory already runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfRunning {
    /// Refuse: two services on one private server are a mistake.
    Refuse,
    /// Use the running one: a command beside a service.
    Join,
}

impl Database {
    /// Finds the given database, or starts the private server.
    ///
    /// # Errors
    /// With a sentence that says what to do.
    pub async fn open(settings: &config::Database, if_running: IfRunning) -> anyhow::Result<Self> {
        if let Some(options) = settings.given()? {
            return Ok(Self { options, private: None });
        }
        let data_dir = settings.data_dir();
        let mut options = Options::new(&data_dir);
        options.bin_dir.clone_from(&settings.bin_dir);
        options.database = DATABASE_NAME.to_owned();
        let started = tokio::task::spawn_blocking(move || Server::start(options)).await?;
        match started {
            Ok(server) => Self::watched(server),
            Err(StartError::InUse { data_dir, .. }) if if_running == IfRunning::Join => {
                Ok(Self { options: socket_options(&data_dir), private: None })
            }
            Err(error) => Err(error).context("the private Postgres server did not start"),
        }
    }

    fn watched(server: Server) -> anyhow::Result<Self> {
        let options = socket_options_in(server.socket_dir());
        let (stop, stopped) = mpsc::channel();
        let (give_up, given_up) = oneshot::channel();
        let watcher = thread::Builder::new()
            .name("private Postgres".to_owned())
            .spawn(move || watch(server, &stopped, give_up))
            .context("the private Postgres server cannot be watched")?;
        Ok(Self { options, private: Some(Private { stop, watcher, given_up: Some(given_up) }) })
    }

    /// How to reach it. Never print it: it may hold a password.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Waits until the private server is given up, and says why. Never returns for a given database: that one is
    /// its operator's to watch.
    pub async fn given_up(&mut self) -> anyhow::Error {
        if let Some(given_up) = self.private.as_mut().and_then(|private| private.given_up.as_mut())
            && let Ok(error) = given_up.await
        {
            return anyhow::Error::new(error).context("the private Postgres server ended and cannot be started again");
        }
        std::future::pending().await
    }

    /// Stops the private server, and leaves a given database alone. The last thing to do.
    ///
    /// # Errors
    /// When the server does not end.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Some(Private { stop, watcher, .. }) = self.private else { return Ok(()) };
        drop(stop);
        let stopped = tokio::task::spawn_blocking(move || watcher.join()).await?;
        match stopped {
            Ok(stopped) => stopped.context("the private Postgres server did not stop"),
            Err(_) => anyhow::bail!("the watch over the private Postgres server ended by itself"),
        }
    }
}

/// The running private server of a data directory.
pub fn socket_options(data_dir: &Path) -> PgConnectOptions {
    let data_dir = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    socket_options_in(&data_dir.join("socket"))
}

fn socket_options_in(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(socket_dir).port(5432).username(SUPERUSER).database(DATABASE_NAME)
}

/// Starts the server again whenever it ends, until told to stop it.
fn watch(
    mut server: Server,
    stopped: &mpsc::Receiver<()>,
    give_up: oneshot::Sender<StartError>,
) -> Result<(), StopError> {
    let mut restarts: Vec<Instant> = Vec::new();
    loop {
        // Nothing is ever sent: the other end is dropped when it is time to stop.
        if let Err(mpsc::RecvTimeoutError::Disconnected) = stopped.recv_timeout(LOOK_EVERY) {
            return server.stop();
        }
        let status = match server.try_wait() {
            Ok(None) => continue,
            Ok(Some(status)) => status,
            Err(error) => {
                tracing::warn!("The private Postgres server cannot be watched: {error}");
                continue;
            }
        };
        tracing::error!("The private Postgres server ended ({status}); starting it again");
        let now = Instant::now();
        restarts.retain(|at| now.duration_since(*at) < RESTARTS_WITHIN);
        restarts.push(now);
        match server.restart() {
            Ok(()) => tracing::info!("The private Postgres server is back"),
            Err(error) if restarts.len() >= RESTARTS_MAX => {
                // An error means that nobody waits any longer, since the service is stopping.
                let _ = give_up.send(error);
                return Ok(());
            }
            Err(error) => tracing::error!("The private Postgres server did not start, trying again: {error}"),
        }
    }
}
