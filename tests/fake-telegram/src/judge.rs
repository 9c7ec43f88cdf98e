//! Hands a record to the judge: a script beside this crate, with a Python that has aiogram.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Names the folder with the peers that `cargo xtask peers` installs.
const PEERS_VARIABLE: &str = "CRIEUR_PEERS";
/// Set where a missing peer is a failure rather than a skipped test.
const REQUIRED_VARIABLE: &str = "CRIEUR_PEERS_REQUIRED";

/// Judges what [`FakeTelegram::record`](crate::FakeTelegram::record) wrote. Without the judge's Python it says so on
/// the standard output and judges nothing.
///
/// # Panics
/// When the record has problems, naming each; when the judge cannot work; when it is missing but required.
pub fn judge(record: &str) {
    if let Some(problems) = problems(record) {
        assert!(problems.is_empty(), "the judge found:\n{}", problems.join("\n"));
    }
}

/// What the judge finds in a record; `None` when there is no judge here.
///
/// # Panics
/// When the judge cannot work, or is missing but required.
#[allow(clippy::print_stdout, clippy::expect_used, reason = "this ends tests and says why")]
pub fn problems(record: &str) -> Option<Vec<String>> {
    let peers = std::env::var_os(PEERS_VARIABLE).map(PathBuf::from);
    let peers = peers.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/crieur/peers")));
    let aiogram = peers.map(|peers| peers.join("aiogram")).filter(|aiogram| aiogram.join("schema.json").exists());
    let Some(aiogram) = aiogram else {
        let missing = "the judge of the Bot API was skipped: run `cargo xtask peers` to install aiogram and its schema";
        assert!(std::env::var_os(REQUIRED_VARIABLE).is_none_or(|value| value != "1"), "{missing}");
        println!("{missing}");
        return None;
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("judge/judge.py");
    let mut python = Command::new(aiogram.join("bin/python"))
        .arg(script)
        .arg(aiogram.join("schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the judge's Python");
    let mut lines = python.stdin.take().expect("it was asked for");
    lines.write_all(record.as_bytes()).expect("the judge listens");
    drop(lines);
    let end = python.wait_with_output().expect("the judge ends");
    let (found, summary) = (String::from_utf8_lossy(&end.stdout), String::from_utf8_lossy(&end.stderr));
    let found: Vec<String> = found.lines().map(str::to_owned).collect();
    // It ends with 1 when it found something; without findings anything but 0 is a fault of its own.
    assert!(
        end.status.success() != (end.status.code() == Some(1) && !found.is_empty()),
        "the judge broke down: {summary}"
    );
    println!("{}", summary.trim());
    Some(found)
}
