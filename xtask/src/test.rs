//! `cargo xtask test`: every check and every test, in order.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{browser, cargo, database, deny, prepare};

/// Runs everything; the last line counts the tests.
///
/// # Errors
/// The first step that failed, with what to do.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.run("format", "run `cargo fmt --all`", || cargo::run(&mut cargo::cargo(&["fmt", "--all", "--check"])?))?;
    steps.run("clippy", "follow its suggestions above", || {
        cargo::run(&mut cargo::cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])?)
    })?;
    steps.run("licences, banned crates, sources", "deny.toml tells the rules and their reasons", deny::check)?;
    let postgres = steps.run("a Postgres for the tests", "see above", database::start)?;
    steps.run("committed query data", "run `cargo xtask prepare` and commit the .sqlx directories", || {
        prepare::check(&postgres)
    })?;
    let (axe_script, chromedriver) =
        steps.run("a browser for the tests", "see above", || Ok((browser::axe_script()?, browser::chromedriver()?)))?;

    let mut counts = Counts::default();
    let tests = steps.run("tests", "the failures are listed above, by test", || {
        let mut tests = cargo::cargo(&["test", "--locked", "--workspace", "--no-fail-fast"])?;
        tests
            .env_remove("DATABASE_URL")
            .env("CRIEUR_TEST_POSTGRES", postgres.url_of("postgres"))
            .env("CRIEUR_CHROMEDRIVER", &chromedriver)
            .env("CRIEUR_AXE_JS", &axe_script);
        run_and_count(&mut tests, &mut counts)
    });
    drop(postgres);

    steps.summarise();
    // CI reads this line; it stands alone and last.
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    tests
}

/// The steps so far, with what each took.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn run<T>(&mut self, name: &'static str, remedy: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = step();
        self.done.push((name, started.elapsed()));
        outcome.map_err(|error| anyhow!("{name}: {error:#}\n  What to do: {remedy}."))
    }

    fn summarise(&self) {
        println!("\n== summary");
        for (name, took) in &self.done {
            println!("{:>6} s  {name}", took.as_secs());
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds a closing line of a test program: `test result: ok. 3 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        let mut words = result.split([' ', ';', '.']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let (Ok(count), Some(what)) = (word.parse::<u64>(), words.peek()) else {
                continue;
            };
            match *what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                _ => {}
            }
        }
    }
}

/// Runs cargo's tests on this terminal, and counts what their programs report.
fn run_and_count(tests: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut running = tests.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo could not be run")?;
    let output = running.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("cargo test ended with {status}");
    }
    if counts.passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_all_test_programs_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 5 tests",
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.23s",
            "test 9 passed ... ok",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 5.08s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 14, failed: 2 });
    }

    #[test]
    fn a_failing_command_is_an_error_that_keeps_its_counts() {
        let mut counts = Counts::default();
        let report = "echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101";
        let outcome = run_and_count(Command::new("sh").args(["-c", report]), &mut counts);
        assert!(outcome.is_err());
        assert_eq!(counts, Counts { passed: 1, failed: 1 });
        let nothing = run_and_count(&mut Command::new("true"), &mut Counts::default());
        assert_eq!(nothing.unwrap_err().to_string(), "no test was run");
    }
}
