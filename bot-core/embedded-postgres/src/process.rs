//! Running Postgres' programs: as the right account, with a clean environment, tied to our life.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Options;
use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{StartError, at};

/// Recovery after a crash reads back what was written since the last checkpoint, minutes at most
/// with the default settings; a living server is given that long.
const READY_LIMIT: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOG_END_LINES: usize = 15;

/// Starts the postmaster and waits until it accepts connections.
pub(crate) fn launch(
    options: &Options,
    binaries: &Binaries,
    account: &Account,
    cluster_dir: &Path,
    socket_dir: &Path,
) -> Result<Child, StartError> {
    let log_path = options.data_dir.join("postgres.log");
    if log_path.exists() {
        at(&log_path, fs::rename(&log_path, options.data_dir.join("postgres.log.1")))?;
    }
    let log = at(&log_path, File::options().write(true).create_new(true).mode(0o600).open(&log_path))?;
    let log_for_errors = at(&log_path, log.try_clone())?;

    let mut postgres = Command::new(binaries.dir.join("postgres"));
    postgres.arg("-D").arg(cluster_dir);
    for (name, value) in settings(socket_dir, options) {
        postgres.arg("-c").arg(format!("{name}={value}"));
    }
    // Its own process group: a Ctrl-C in the terminal is for the program, which then stops it.
    postgres.process_group(0).current_dir(cluster_dir).stdin(Stdio::null()).stdout(log).stderr(log_for_errors);
    let mut child = spawn(postgres, account)?;

    let pid = child.id();
    let mut ended = None;
    let settled = wait_until(READY_LIMIT, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some() || is_ready(cluster_dir, pid)
    });
    if let Some(status) = ended {
        return Err(StartError::Ended { status, said: end_of(&log_path), log: log_path });
    }
    if !settled {
        // Stopping it here would undo the recovery it may be busy with; ending the program does.
        signal(pid, Signal::SIGINT)?;
        return Err(StartError::NotReady { waited_seconds: READY_LIMIT.as_secs(), log: log_path });
    }
    tracing::info!(pid, major = binaries.major, bin_dir = %binaries.dir.display(), "private Postgres is ready");
    Ok(child)
}

fn settings(socket_dir: &Path, options: &Options) -> Vec<(String, String)> {
    // The value is a list of paths; quoting keeps a comma or a blank inside one.
    let quoted_socket_dir = format!("\"{}\"", socket_dir.display().to_string().replace('"', "\"\""));
    let ours: [(&str, &str); 15] = [
        ("listen_addresses", ""),
        ("port", "5432"),
        ("unix_socket_directories", &quoted_socket_dir),
        ("unix_socket_permissions", "0700"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
        // A log line may carry no address and no message text: neither statements, nor the
        // detail of a broken constraint, nor an error that quotes the value it could not read.
        ("log_error_verbosity", "terse"),
        ("log_min_error_statement", "panic"),
        ("log_min_messages", "log"),
        ("log_statement", "none"),
    ];
    ours.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain(options.settings.iter().cloned())
        .collect()
}

/// Line 1 is the postmaster's pid and line 8 its state; a file left by an earlier postmaster
/// also says ready, hence the pid.
fn is_ready(cluster_dir: &Path, pid: u32) -> bool {
    let Ok(lock_file) = fs::read_to_string(cluster_dir.join("postmaster.pid")) else {
        return false;
    };
    let lines: Vec<&str> = lock_file.lines().map(str::trim).collect();
    lines.first().and_then(|line| line.parse().ok()) == Some(pid) && lines.get(7).is_some_and(|state| *state == "ready")
}

fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_END_LINES)..].join("\n")
}

/// Runs a program of Postgres to its end.
pub(crate) fn run(mut command: Command, account: &Account) -> Result<Output, StartError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(spawn(command, account)?.wait_with_output()?)
}

/// Only what a program of Postgres needs. `PG…` variables would change what it does, and ours may
/// hold secrets that another account could then read in its process table.
pub(crate) fn clean_environment(command: &mut Command) {
    command.env_clear();
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LC_ALL", "C");
}

fn spawn(mut command: Command, account: &Account) -> io::Result<Child> {
    clean_environment(&mut command);
    account.apply(&mut command);
    spawn_from_lasting_thread(command)
}

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// Linux ends a child bound by `PR_SET_PDEATHSIG` when the *thread* that spawned it ends. This
/// thread lasts as long as the program, so that the caller's may come and go.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        let started = thread::Builder::new().name("postgres-spawner".to_owned()).spawn(move || {
            // The sender is static, so this loop never ends.
            for (command, answer) in jobs {
                // A caller that is gone dropped its server, and the child with it.
                let _ = answer.send(spawn_bound_to_us(command));
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "no thread could be started to run Postgres");
        }
        Mutex::new(sender)
    });
    let gone = || io::Error::other("the thread that starts Postgres is gone");
    let (answer, answered) = mpsc::channel();
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// The kernel tells the child to shut down fast when we end, even by `kill -9`.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn spawn_bound_to_us(mut command: Command) -> io::Result<Child> {
    let parent = nix::unistd::getpid();
    let bind = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGINT)?;
        if nix::unistd::getppid() != parent {
            // We ended between the fork and the line above: no signal will come any more.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `bind` makes two
    // system calls (prctl, getppid) and allocates nothing. It runs after setuid, which would
    // clear the setting.
    unsafe { command.pre_exec(bind) };
    command.spawn()
}

/// Elsewhere nothing ties the child to us; the next start stops it (see `orphans`).
#[cfg(not(target_os = "linux"))]
fn spawn_bound_to_us(mut command: Command) -> io::Result<Child> {
    command.spawn()
}

/// Signals a process; one that has just ended is no error.
pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    match kill(Pid::from_raw(pid.cast_signed()), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the child ends within the limit.
pub(crate) fn ends_within(child: &mut Child, limit: Duration) -> io::Result<bool> {
    let mut outcome = Ok(None);
    wait_until(limit, || {
        outcome = child.try_wait();
        !matches!(outcome, Ok(None))
    });
    outcome.map(|status| status.is_some())
}

/// Looks until it holds, at most this long. Postgres tells its state by files and by ending, so
/// there is nothing to wait on but time.
#[allow(clippy::disallowed_methods)]
pub(crate) fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if started.elapsed() >= limit {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
}
