//! Programs of other people that the chat networks are tested with: a homeserver, a citizen, two judges.
//!
//! Each lives in a Python environment of its own, with every package pinned (`xtask/peers/*.txt`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Where they are, for the tests too.
pub const VARIABLE: &str = "CRIEUR_PEERS";
/// Set, a test that misses a peer fails instead of skipping.
pub const REQUIRED_VARIABLE: &str = "CRIEUR_PEERS_REQUIRED";
/// Names Discord's public description, which is not in this repository.
pub const DISCORD_OPENAPI_VARIABLE: &str = "CRIEUR_DISCORD_OPENAPI";

struct Peer {
    name: &'static str,
    /// What is not tested without it.
    serves: &'static str,
    /// A requirements file of pip.
    pins: &'static str,
}

const PEERS: [Peer; 4] = [
    Peer { name: "synapse", serves: "Matrix on a real homeserver", pins: include_str!("../peers/synapse.txt") },
    Peer { name: "nio", serves: "Matrix with a second, encrypting client", pins: include_str!("../peers/nio.txt") },
    Peer {
        name: "aiogram",
        serves: "the fake of Telegram against the Bot API's schema and a second client",
        pins: include_str!("../peers/aiogram.txt"),
    },
    Peer {
        name: "discord",
        serves: "the fake of Discord against its description and a second client",
        pins: include_str!("../peers/discord.txt"),
    },
];

/// Carries the schema of the Bot API, which aiogram's wheel does not.
const AIOGRAM_SOURCE: &str =
    "aiogram==3.31.0 --hash=sha256:f2c5064fe52d88898c86af62261c405440a014216e45dd99b2c6555a5602ce30";
const SCHEMA_IN_SOURCE: &str = "aiogram-3.31.0/.butcher/schema/schema.json";
const SCHEMA: &str = "schema.json";

/// Written last, so that an environment that was left half made is made again.
const STAMP: &str = "pins.txt";

const COPY_FROM_ARCHIVE: &str = "
import shutil, sys, tarfile
archive, member, target = sys.argv[1:]
with tarfile.open(archive) as files, open(target, 'wb') as copy:
    shutil.copyfileobj(files.extractfile(member), copy)
";

/// The oldest Python that all of them run on.
const CHECK_PYTHON: &str = "
import sys
if sys.version_info < (3, 10): sys.exit('it is Python %d.%d, and 3.10 or newer is needed' % sys.version_info[:2])
try: import venv, ensurepip
except ImportError: sys.exit('its module venv is missing')
";

/// `$CRIEUR_PEERS`, else below the home directory.
pub fn directory() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return std::path::absolute(&named).context(VARIABLE);
    }
    let home = std::env::var_os("HOME").with_context(|| format!("HOME is not set: name a directory in {VARIABLE}"))?;
    Ok(PathBuf::from(home).join(".cache/crieur/peers"))
}

/// The file that `CRIEUR_DISCORD_OPENAPI` names, which tests find from whatever directory they run in.
pub fn discord_openapi() -> Result<Option<PathBuf>> {
    let Some(named) = std::env::var_os(DISCORD_OPENAPI_VARIABLE).filter(|named| !named.is_empty()) else {
        return Ok(None);
    };
    let path = std::path::absolute(&named).context(DISCORD_OPENAPI_VARIABLE)?;
    if !path.is_file() {
        bail!("{DISCORD_OPENAPI_VARIABLE} names {}, which is no file: correct or unset it", path.display());
    }
    Ok(Some(path))
}

/// Installs what is missing or of other versions; quick when nothing is.
///
/// # Errors
/// What Python or pip said, and what to install.
pub fn install() -> Result<PathBuf> {
    let directory = directory()?;
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let lock = File::create(directory.join(".lock"))?;
    // Another one that installs them is waited for.
    lock.lock()?;
    for peer in PEERS {
        let environment = directory.join(peer.name);
        if is_ready(&environment, peer.pins) {
            continue;
        }
        println!("{}: installing into {}", peer.name, environment.display());
        check_python()?;
        make(&peer, &environment)
            .with_context(|| format!("installing {}; `cargo xtask peers` tries it again", peer.name))?;
    }
    println!("{} peers are ready in {}", PEERS.len(), directory.display());
    Ok(directory)
}

/// Says what is not tested with the peers that are there now.
pub fn say_what_is_skipped() -> Result<()> {
    let directory = directory()?;
    for peer in PEERS {
        if !is_ready(&directory.join(peer.name), peer.pins) {
            println!("not tested: {} (`cargo xtask peers` installs {})", peer.serves, peer.name);
        }
    }
    Ok(())
}

fn is_ready(environment: &Path, pins: &str) -> bool {
    // The Python that it was made with may be gone.
    let runs = |python: PathBuf| {
        Command::new(python).args(["-I", "-c", ""]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    fs::read_to_string(environment.join(STAMP)).is_ok_and(|stamp| stamp == pins) && runs(environment.join("bin/python"))
}

fn check_python() -> Result<()> {
    let output = Command::new("python3").args(["-c", CHECK_PYTHON]).output();
    let said = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!(
        "python3 cannot make environments ({said}): install it (on Debian: sudo apt-get install python3-venv \
         python3-pip), or leave the tests that need it out: `cargo xtask test --without-peers`"
    )
}

fn make(peer: &Peer, environment: &Path) -> Result<()> {
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    let python = environment.join("bin/python");
    let pip = |arguments: &[&str]| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]).args(arguments);
        pip
    };
    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, peer.pins)?;
    quietly(pip(&["install", "--requirement"]).arg(&requirements))?;
    if peer.name == "aiogram" {
        let source = environment.join("source");
        fs::write(&requirements, AIOGRAM_SOURCE)?;
        quietly(
            pip(&["download", "--no-deps", "--no-binary=aiogram", "--require-hashes", "--requirement"])
                .arg(&requirements)
                .arg("--dest")
                .arg(&source),
        )?;
        let archive = fs::read_dir(&source)?.next().context("pip fetched no archive")??.path();
        let copy = Command::new(&python)
            .args(["-c", COPY_FROM_ARCHIVE])
            .arg(archive)
            .arg(SCHEMA_IN_SOURCE)
            .arg(environment.join(SCHEMA))
            .status()?;
        if !copy.success() {
            bail!("{SCHEMA_IN_SOURCE} is not in aiogram's source");
        }
        fs::remove_dir_all(source)?;
    }
    fs::remove_file(requirements)?;
    fs::write(environment.join(STAMP), peer.pins)?;
    Ok(())
}

/// Runs it; what it printed is shown only when it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{name} could not be run"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{name} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned() {
        for peer in PEERS {
            let lines = peer.pins.lines().filter(|line| !line.starts_with('#'));
            let loose: Vec<&str> = lines.filter(|line| !line.contains("==")).collect();
            assert!(loose.is_empty() && peer.pins.starts_with("# "), "{}: {loose:?}", peer.name);
        }
        let version = AIOGRAM_SOURCE.split_once(' ').unwrap().0;
        assert!(PEERS.iter().any(|peer| peer.name == "aiogram" && peer.pins.contains(version)));
        assert!(SCHEMA_IN_SOURCE.starts_with(&version.replace("==", "-")));
    }

    #[test]
    fn an_environment_of_other_versions_or_without_its_python_is_not_ready() {
        let directory = tempfile::tempdir().unwrap();
        let environment = directory.path();
        assert!(!is_ready(environment, "a==1\n"));
        fs::write(environment.join(STAMP), "a==1\n").unwrap();
        assert!(!is_ready(environment, "a==1\n"), "it has no Python");
        fs::create_dir(environment.join("bin")).unwrap();
        std::os::unix::fs::symlink("/bin/true", environment.join("bin/python")).unwrap();
        assert!(is_ready(environment, "a==1\n"));
        assert!(!is_ready(environment, "a==2\n"));
    }
}
