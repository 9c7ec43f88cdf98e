//! A private server's whole life on a real Postgres: begun, stopped, killed, refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use embedded_postgres::{FETCHED_MAJOR, Options, Server, Source, StartError, Throwaway};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A directory that the account running Postgres may pass through.
fn place() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap()
}

fn answer(server: &Server, sql: &str) -> String {
    let output = server.psql("crieur").arg("-c").arg(sql).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn kill_dead(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
}

/// Waits for what another process does; fails the test when it never comes.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn data_stays_over_a_stop_and_the_server_is_private_and_durable() {
    let place = place();
    let data_dir = place.path().join("donnees de l'été \"ici\"");
    let server = Server::start(Options::new(&data_dir)).unwrap();
    let mode = fs::metadata(server.socket_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(answer(&server, "SHOW fsync"), "on");
    assert_eq!(answer(&server, "SHOW synchronous_commit"), "on");
    assert_eq!(answer(&server, "SHOW listen_addresses"), "");
    assert_eq!(answer(&server, "SELECT upper('é') || current_user"), "Écrieur");
    answer(&server, "CREATE TABLE votes (n int); INSERT INTO votes VALUES (7)");
    let pid = server.pid();
    server.stop().unwrap();
    assert!(kill(Pid::from_raw(pid.cast_signed()), None).is_err(), "the postmaster is gone");

    let server = Server::start(Options::new(&data_dir)).unwrap();
    assert_eq!(answer(&server, "SELECT n FROM votes"), "7");
    server.create_database("an \"odd' name").unwrap();
    server.create_database("an \"odd' name").unwrap();
    assert_eq!(answer(&server, "SELECT count(*) FROM pg_database WHERE datname LIKE 'an %'"), "1");
}

#[test]
fn a_second_instance_is_refused_with_the_holder_named() {
    let place = place();
    let server = Server::start(Options::new(place.path())).unwrap();
    let error = Server::start(Options::new(place.path())).unwrap_err().to_string();
    let holder = format!("in use by process {}", std::process::id());
    assert!(error.contains(&holder) && error.contains("another data directory"), "{error}");
    assert_eq!(answer(&server, "SELECT 1"), "1", "the first goes on");
}

#[test]
fn data_of_another_major_version_is_refused_with_the_commands_that_convert_it() {
    let place = place();
    let cluster = place.path().join("pg9");
    fs::create_dir(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let error = Server::start(Options::new(place.path())).unwrap_err();
    assert!(matches!(error, StartError::OtherMajor(_)), "{error}");
    let sentence = error.to_string();
    let place = fs::canonicalize(place.path()).unwrap();
    for part in ["pg_upgrade", "pg_dump", "initdb", &format!("-d {}/pg9 ", place.display())] {
        assert!(sentence.contains(part), "{part} in {sentence}");
    }
    assert_eq!(fs::read_dir(&cluster).unwrap().count(), 1, "the data is untouched");
}

#[test]
fn a_killed_postmaster_is_seen_and_restarted_with_every_commit() {
    let place = place();
    let mut server = Server::start(Options::new(place.path())).unwrap();
    answer(&server, "CREATE TABLE votes (n int)");
    for n in 0..20 {
        answer(&server, &format!("INSERT INTO votes VALUES ({n})"));
    }
    assert!(server.try_wait().unwrap().is_none());
    kill_dead(server.pid());
    eventually("the end is seen", || server.try_wait().unwrap().is_some());
    server.restart().unwrap();
    assert_eq!(answer(&server, "SELECT count(*) FROM votes"), "20");
}

#[test]
fn a_directory_that_the_server_s_account_cannot_enter_is_named() {
    let place = place();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let started = Server::start(Options::new(closed.join("data")));
    if nix::unistd::geteuid().is_root() {
        let error = started.unwrap_err().to_string();
        assert!(error.contains("closed: allow it with `chmod o+x"), "{error}");
    } else {
        started.unwrap();
    }
}

#[test]
fn a_throwaway_leaves_nothing() {
    let throwaway = Throwaway::start(|options| options.progress = false).unwrap();
    assert_eq!(answer(&throwaway, "SHOW fsync"), "off");
    let dir = throwaway.socket_dir().parent().unwrap().to_owned();
    assert!(dir.exists());
    drop(throwaway);
    assert!(!dir.exists());
}

/// `cargo xtask test` has fetched it before; alone, this test fetches it from the package index.
#[test]
fn the_fetched_server_is_the_pinned_version() {
    let throwaway = Throwaway::start(|options| options.source = Source::FetchedOnly).unwrap();
    assert_eq!(throwaway.major_version(), FETCHED_MAJOR);
    assert!(answer(&throwaway, "SHOW server_version").starts_with(&FETCHED_MAJOR.to_string()));
    answer(&throwaway, "CREATE EXTENSION pg_trgm");
}

const DIRECTORY_OF_PROGRAM: &str = "EMBEDDED_POSTGRES_TEST_DIRECTORY";

/// Not a test of its own: the program that `a_program_may_be_killed…` starts and kills. It tells
/// its server's pid and then waits for its input to end.
#[test]
fn program_with_a_private_server() {
    let Some(data_dir) = std::env::var_os(DIRECTORY_OF_PROGRAM) else {
        return;
    };
    // From a thread that ends, as a start from an async runtime's pool does.
    let server = std::thread::spawn(move || Server::start(Options::new(data_dir)).unwrap());
    let server = server.join().unwrap();
    answer(&server, "CREATE TABLE IF NOT EXISTS votes (n int)");
    answer(&server, "INSERT INTO votes VALUES (1)");
    fs::write(server.socket_dir().with_file_name("told-pid"), server.pid().to_string()).unwrap();
    std::io::read_to_string(std::io::stdin()).unwrap();
}

fn start_program(data_dir: &Path) -> (std::process::Child, u32) {
    let told = data_dir.join("told-pid");
    let _ = fs::remove_file(&told);
    let program = Command::new(std::env::current_exe().unwrap())
        .args(["program_with_a_private_server", "--exact"])
        .env(DIRECTORY_OF_PROGRAM, data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut pid = None;
    eventually("the program tells its server", || {
        pid = fs::read_to_string(&told).ok().and_then(|text| text.parse().ok());
        pid.is_some()
    });
    (program, pid.unwrap())
}

#[test]
fn a_program_may_be_killed_alone_or_with_its_server_and_no_commit_is_lost() {
    let place = place();
    for also_kill_the_server in [false, true, true, false] {
        let (mut program, server_pid) = start_program(place.path());
        if also_kill_the_server {
            kill_dead(server_pid);
        }
        program.kill().unwrap();
        program.wait().unwrap();
        // No waiting here: the next start must cope with a server that is still ending.
    }
    let server = Server::start(Options::new(place.path())).unwrap();
    assert_eq!(answer(&server, "SELECT count(*) FROM votes"), "4");
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_program_takes_its_server_with_it() {
    let place = place();
    let (mut program, server_pid) = start_program(place.path());
    program.kill().unwrap();
    program.wait().unwrap();
    let works = || fs::read_link(format!("/proc/{server_pid}/cwd")).is_ok();
    eventually("the server ends by itself", || !works());
}
