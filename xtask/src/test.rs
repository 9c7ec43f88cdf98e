//! `cargo xtask test`: every check and every test, in order.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use embedded_postgres::Throwaway;

use crate::leaks::{self, Leaks};
use crate::{browser, cargo, database, deny, fuzz, offline, peers, prepare};

/// A test mostly waits: for Postgres, for a page, for a deadline.
const TEST_THREADS_PER_CORE: usize = 3;
/// Whoever sets it is obeyed.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

#[derive(Args)]
pub struct Options {
    /// Install no peers: tests whose peer is not there already are skipped, and say so.
    #[arg(long)]
    without_peers: bool,
    /// Run the tests with the network as it is, on a machine that allows no network namespace.
    #[arg(long)]
    with_network: bool,
}

/// Runs everything; the last line counts the tests.
///
/// What needs the network comes first; the tests themselves are run without one.
///
/// # Errors
/// The first step that failed, with what to do.
pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    if !options.with_network {
        steps.run("a network that ends here", "see above", offline::check)?;
    }
    steps.run("format", "run `cargo fmt --all`", || cargo::run(&mut cargo::cargo(&["fmt", "--all", "--check"])?))?;
    steps.run("crates", "a registry of crates must be reachable, or have been before", || {
        cargo::run(&mut cargo::cargo(&["fetch", "--locked"])?)
    })?;
    steps.run("a fuzzer and its crates", "see above", || fuzz::fetch().map(drop))?;
    steps.run("licences, banned crates, sources", "deny.toml tells the rules and their reasons", deny::check)?;
    let surroundings = Surroundings {
        postgres: steps.run("a Postgres for the tests", "see above", database::start)?,
        browser: steps.run("a browser for the tests", "see above", || {
            Ok(Browser { axe_script: browser::axe_script()?, driver: browser::chromedriver()? })
        })?,
        peers: steps.run("peers for the chat networks", "see above", || Peers::gather(options))?,
        log: cargo::workspace()?.target_dir.join("xtask-tests.log"),
    };
    steps.run("clippy", "follow its suggestions above", || {
        cargo::run(&mut cargo::cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])?)
    })?;
    steps.run("committed query data", "run `cargo xtask prepare` and commit the .sqlx directories", || {
        prepare::check(&surroundings.postgres)
    })?;
    steps.run("a minute of fuzzing", "mend it, and add the input to the corpus that it was made of", || {
        fuzz::run(&fuzz::Options::default())
    })?;
    steps.run("building the tests", "see above", || cargo::run(&mut surroundings.tests(&["--no-run"])?))?;

    let mut counts = Counts::default();
    let mut leaks = Leaks::default();
    let outcome = steps.run("tests", "the failures are listed above, by test", || {
        File::create(&surroundings.log).with_context(|| surroundings.log.display().to_string())?;
        let mut tests = surroundings.tests(&["--offline", "--no-fail-fast", "--", "--show-output"])?;
        if !options.with_network {
            tests = offline::wrapped(&tests)?;
        }
        run_and_count(tests, &mut counts, &mut leaks, |line| println!("{line}"))
    });
    let outcome = outcome.and_then(|()| {
        let remedy = "print no token and no address: keep it Redacted, and out of errors";
        steps.run("secrets in what the tests printed", remedy, || {
            leaks.look_at_log(&surroundings.log)?;
            leaks.refuse()
        })
    });
    drop(surroundings);

    steps.summarise();
    // CI reads this line; it stands alone and last.
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    outcome
}

/// What the tests find around them.
struct Surroundings {
    postgres: Throwaway,
    browser: Browser,
    peers: Peers,
    /// Where they log.
    log: PathBuf,
}

struct Browser {
    axe_script: PathBuf,
    driver: PathBuf,
}

struct Peers {
    directory: PathBuf,
    /// A test whose peer is missing fails.
    are_required: bool,
    discord_openapi: Option<PathBuf>,
}

impl Peers {
    fn gather(options: &Options) -> Result<Self> {
        let directory = if options.without_peers {
            peers::say_what_is_skipped()?;
            peers::directory()?
        } else {
            peers::install()?
        };
        let discord_openapi = peers::discord_openapi()?;
        if discord_openapi.is_none() {
            let variable = peers::DISCORD_OPENAPI_VARIABLE;
            println!("not tested: the fake of Discord against Discord's own description, which {variable} names");
        }
        Ok(Self { directory, are_required: !options.without_peers, discord_openapi })
    }
}

impl Surroundings {
    /// Cargo on all tests. Every call has the same variables, so that what one built the next one runs.
    fn tests(&self, arguments: &[&str]) -> Result<Command> {
        let mut tests = cargo::cargo(&[&["test", "--locked", "--workspace"], arguments].concat())?;
        tests
            .env_remove("DATABASE_URL")
            .env("CRIEUR_TEST_POSTGRES", self.postgres.url_of("postgres"))
            .env("CRIEUR_CHROMEDRIVER", &self.browser.driver)
            .env("CRIEUR_AXE_JS", &self.browser.axe_script)
            .env(peers::VARIABLE, &self.peers.directory)
            .env(leaks::LOG_VARIABLE, &self.log);
        if self.peers.are_required {
            tests.env(peers::REQUIRED_VARIABLE, "1");
        }
        if let Some(description) = &self.peers.discord_openapi {
            tests.env(peers::DISCORD_OPENAPI_VARIABLE, description);
        }
        if std::env::var_os(THREADS_VARIABLE).is_none() {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
            tests.env(THREADS_VARIABLE, (cores * TEST_THREADS_PER_CORE).to_string());
        }
        Ok(tests)
    }
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

/// Runs cargo's tests, shows their output, counts what their programs report, and looks for leaks in all that is printed.
fn run_and_count(mut tests: Command, counts: &mut Counts, leaks: &mut Leaks, mut show: impl FnMut(&str)) -> Result<()> {
    // One pipe for both, so that lines keep their order.
    let (output, input) = std::io::pipe()?;
    tests.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    let mut running = tests.spawn().context("cargo could not be run")?;
    // It holds our ends of the pipe, which would never be closed.
    drop(tests);
    let mut screen = Screen::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if screen.shows(&line) {
            show(&line);
        }
        counts.add(&line);
        leaks.look_at("tests", &line);
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

/// Leaves out what tests printed that passed, which is searched but not worth reading.
#[derive(Default)]
struct Screen {
    is_among_successes: bool,
}

impl Screen {
    fn shows(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.is_among_successes = true,
            "failures:" => self.is_among_successes = false,
            _ if line.starts_with("test result: ") => self.is_among_successes = false,
            _ => {}
        }
        !self.is_among_successes
    }
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
        let report = |text: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", text]);
            shell
        };
        let failing = report("echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101");
        let outcome = run_and_count(failing, &mut counts, &mut Leaks::default(), |_| {});
        assert!(outcome.is_err());
        assert_eq!(counts, Counts { passed: 1, failed: 1 });
        let nothing = run_and_count(report("true"), &mut Counts::default(), &mut Leaks::default(), |_| {});
        assert_eq!(nothing.unwrap_err().to_string(), "no test was run");
    }

    #[test]
    fn what_is_printed_is_searched_on_both_outputs_and_among_the_successes() {
        for report in ["echo can''ary", "echo can''ary >&2", "echo successes:; echo can''ary"] {
            let mut leaks = Leaks::default();
            let mut command = Command::new("sh");
            let closing = "echo 'test result: ok. 1 passed; 0 failed;'";
            command.args(["-c", &format!("{report}; {closing}")]);
            run_and_count(command, &mut Counts::default(), &mut leaks, |_| {}).unwrap();
            assert!(leaks.refuse().is_err(), "{report}");
        }
    }

    #[test]
    fn the_output_of_tests_that_passed_is_left_out() {
        let mut screen = Screen::default();
        let lines =
            ["test a ... ok", "", "successes:", "", "---- a stdout ----", "words", "failures:", "---- b stdout ----"];
        let shown: Vec<&str> = lines.into_iter().filter(|line| screen.shows(line)).collect();
        assert_eq!(shown, ["test a ... ok", "", "failures:", "---- b stdout ----"]);
        assert!(!screen.shows("successes:") && screen.shows("test result: ok. 1 passed; 0 failed;"));
    }
}
