//! A private Postgres server for one program: found on the machine, or fetched once.
//!
//! [`Server::start`] takes a data directory and gives back a running server that listens on a
//! Unix socket only, in a directory nobody else may enter. The server ends with the program,
//! however the program ends, and an acknowledged commit survives `kill -9` of either or both.
//!
//! ```text
//! <data_dir>/owner.lock      held while a program owns the directory; carries its pid
//! <data_dir>/pg18/           the cluster; the number is Postgres' major version
//! <data_dir>/socket/         0700, the Unix socket
//! <data_dir>/postgres.log    what this server said; postgres.log.1 is the start before
//! ```
//!
//! Everything here blocks: an async program calls it from `spawn_blocking`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod account;
mod binaries;
mod cluster;
mod directory;
mod error;
mod orphans;
mod process;
mod throwaway;
mod wheel;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use account::Account;
use binaries::Binaries;
pub use binaries::{FETCHED_MAJOR, MINIMUM_MAJOR};
pub use directory::{default_cache_dir, default_data_dir};
pub use error::{FetchError, SqlError, StartError, StopError};
pub use throwaway::Throwaway;
pub use wheel::{Wheel, WheelFile};

/// The only role of the private server, and its superuser. Access is guarded by the socket
/// directory, so it has no password.
pub const SUPERUSER: &str = "crieur";

/// How long a fast shutdown may take before the server is told to quit at once (it then recovers
/// at its next start, and loses nothing that was committed).
const FAST_STOP_LIMIT: Duration = Duration::from_secs(30);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(10);

/// Whether Postgres may be fetched when the machine has none that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Fetch the pinned package with pip, once, into this directory (see [`default_cache_dir`]).
    Allowed { cache_dir: PathBuf },
    /// Never reach the network; [`StartError::NoServerFound`] tells what to install.
    Never,
}

/// Which server programs may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// One found on the machine, else the fetched one.
    #[default]
    FoundOrFetched,
    /// Only the pinned fetched one, so that every machine runs the same version.
    FetchedOnly,
}

/// How to run a private server. Start from [`Options::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data lives; created when absent. Its path plus 22 bytes must fit a socket
    /// address (107 bytes on Linux).
    pub data_dir: PathBuf,
    /// A directory holding `postgres`, `initdb` and `psql`, used in place of any search.
    pub bin_dir: Option<PathBuf>,
    pub fetch: Fetch,
    pub source: Source,
    /// Show a progress bar on the terminal while fetching.
    pub progress: bool,
    /// Server settings as in `postgresql.conf`, given last so that they win: `("fsync", "off")`.
    /// Empty by default, and then every acknowledged commit is on the disk.
    pub settings: Vec<(String, String)>,
    /// The database that [`Server::url`] names; created when absent.
    pub database: String,
}

impl Options {
    /// A durable server on `data_dir` with the database `crieur`, which may be fetched into
    /// [`default_cache_dir`].
    pub fn new(data_dir: impl Into<PathBuf>) -> Options {
        Options {
            data_dir: data_dir.into(),
            bin_dir: None,
            fetch: Fetch::Allowed { cache_dir: default_cache_dir() },
            source: Source::default(),
            progress: true,
            settings: Vec::new(),
            database: "crieur".to_owned(),
        }
    }

    fn is_durable(&self) -> bool {
        !self.settings.iter().any(|(name, value)| name == "fsync" && value == "off")
    }
}

/// A running private server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    options: Options,
    binaries: Binaries,
    account: Account,
    cluster_dir: PathBuf,
    socket_dir: PathBuf,
    child: Child,
    /// Holding this open is what refuses a second owner.
    _lock: File,
}

impl Server {
    /// Finds or fetches Postgres, makes the cluster when there is none, starts it, waits until it
    /// answers and makes sure that the database exists.
    ///
    /// # Errors
    /// [`StartError`]; each says what the reader must do. Nothing that existed is changed then.
    pub fn start(mut options: Options) -> Result<Server, StartError> {
        directory::create(&options.data_dir)?;
        options.data_dir = error::at(&options.data_dir, fs::canonicalize(&options.data_dir))?;
        let socket_dir = options.data_dir.join("socket");
        directory::check_socket_path(&socket_dir)?;
        let lock = directory::take_ownership(&options.data_dir)?;

        let existing = cluster::find(&options.data_dir)?;
        let account = Account::for_server(existing.as_ref().map(|found| found.dir.as_path()))?;
        account.check_can_enter(&options.data_dir)?;
        let binaries = binaries::find_or_fetch(&options, &account, existing.as_ref())?;
        account.create_private_dir(&socket_dir)?;
        let cluster_dir = match existing {
            Some(found) => found.dir,
            None => cluster::create(&options, &binaries, &account)?,
        };

        let child = launch(&options, &binaries, &account, &cluster_dir, &socket_dir)?;
        let server = Server { options, binaries, account, cluster_dir, socket_dir, child, _lock: lock };
        server.create_database(&server.options.database)?;
        Ok(server)
    }

    /// Starts the server again on the same data: after [`Server::try_wait`] told that it had
    /// ended, or in place of a running one, which is stopped first. The directory stays owned
    /// throughout.
    ///
    /// # Errors
    /// As [`Server::start`]; the server is then not running, and `restart` may be tried again.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.end()?;
        self.child = launch(&self.options, &self.binaries, &self.account, &self.cluster_dir, &self.socket_dir)?;
        Ok(())
    }

    /// `postgres://` address of [`Options::database`], percent-encoded, as sqlx and libpq read it.
    pub fn url(&self) -> String {
        self.url_of(&self.options.database)
    }

    /// As [`Server::url`], for another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        let host = percent_encoded(self.socket_dir.as_os_str().as_encoded_bytes());
        format!("postgres://{SUPERUSER}@{host}/{}", percent_encoded(database.as_bytes()))
    }

    /// The directory of the Unix socket, mode 0700.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Pid of the postmaster.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where `postgres`, `psql`, `pg_dump` and the others are.
    pub fn bin_dir(&self) -> &Path {
        &self.binaries.dir
    }

    /// Major version of the server, such as 18.
    pub fn major_version(&self) -> u32 {
        self.binaries.major
    }

    /// Creates a database of that name unless it exists.
    ///
    /// # Errors
    /// When `psql` cannot be run or the server refuses, with what it said.
    pub fn create_database(&self, name: &str) -> Result<(), SqlError> {
        let exists = format!("SELECT 1 FROM pg_database WHERE datname = {}", quoted(name, '\''));
        if self.run_psql("postgres", &exists)?.trim() == "1" {
            return Ok(());
        }
        self.run_psql("postgres", &format!("CREATE DATABASE {}", quoted(name, '"')))?;
        Ok(())
    }

    /// `psql` set up for one database of this server: add `-c` or `-f` and run it. It stops at the
    /// first error and reads no personal configuration.
    pub fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.binaries.dir.join("psql"));
        process::clean_environment(&mut command);
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .arg("-d")
            .arg(self.url_of(database))
            .stdin(Stdio::null());
        command
    }

    fn run_psql(&self, database: &str, sql: &str) -> Result<String, SqlError> {
        let mut command = self.psql(database);
        command.arg("-c").arg(sql);
        let output = command.output().map_err(SqlError::Psql)?;
        if !output.status.success() {
            return Err(SqlError::Refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// How the server ended, or `None` while it runs. For supervision: see [`Server::restart`].
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Stops the server (open transactions are rolled back) and waits until it has ended.
    ///
    /// # Errors
    /// When it could not be ended.
    pub fn stop(mut self) -> Result<(), StopError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StopError> {
        for (signal, limit) in [(Signal::SIGINT, FAST_STOP_LIMIT), (Signal::SIGQUIT, IMMEDIATE_STOP_LIMIT)] {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            process::signal(self.child.id(), signal)?;
            if process::ends_within(&mut self.child, limit)? {
                return Ok(());
            }
        }
        Err(StopError::StillRunning { pid: self.child.id() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the private Postgres server did not stop");
        }
    }
}

fn launch(
    options: &Options,
    binaries: &Binaries,
    account: &Account,
    cluster_dir: &Path,
    socket_dir: &Path,
) -> Result<Child, StartError> {
    orphans::clear(cluster_dir, &socket_dir.join(directory::SOCKET_FILE), binaries)?;
    process::launch(options, binaries, account, cluster_dir, socket_dir)
}

/// Quotes a name or a text for SQL: the quote doubled inside, one around.
fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_escapes_what_a_url_cannot_hold() {
        assert_eq!(percent_encoded("/à b/s".as_bytes()), "%2F%C3%A0%20b%2Fs");
    }

    #[test]
    fn quoting_doubles_the_quote() {
        assert_eq!(quoted("l'été", '\''), "'l''été'");
        assert_eq!(quoted("a\"b", '"'), "\"a\"\"b\"");
    }

    #[test]
    fn a_plain_start_is_durable() {
        let mut options = Options::new("/nowhere");
        assert!(options.is_durable() && options.settings.is_empty());
        options.settings.push(("fsync".to_owned(), "off".to_owned()));
        assert!(!options.is_durable());
    }
}
