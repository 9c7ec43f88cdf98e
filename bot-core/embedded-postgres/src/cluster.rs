//! The data directory of Postgres: finding the one there is, making a new one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{StartError, at};
use crate::{Options, SUPERUSER, process};

/// A cluster that exists, and the major version that wrote it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub dir: PathBuf,
    pub major: u32,
}

/// The one cluster in the data directory, if there is any. Several are refused: one of them may be
/// half converted, and serving the wrong one would look like lost votes.
pub(crate) fn find(data_dir: &Path) -> Result<Option<Cluster>, StartError> {
    let mut found = Vec::new();
    for entry in at(data_dir, fs::read_dir(data_dir))? {
        let name = at(data_dir, entry)?.file_name().to_string_lossy().into_owned();
        let Some(major) = name.strip_prefix("pg").and_then(|major| major.parse::<u32>().ok()) else {
            continue;
        };
        found.push((name, major));
    }
    found.sort();
    let (name, major) = match found.as_slice() {
        [] => return Ok(None),
        [one] => one,
        several => {
            return Err(StartError::SeveralClusters {
                data_dir: data_dir.to_owned(),
                found: several.iter().map(|(name, _)| name.clone()).collect(),
            });
        }
    };
    let dir = data_dir.join(name);
    let broken = |reason: String| StartError::BrokenCluster { directory: dir.clone(), reason };
    let version =
        fs::read_to_string(dir.join("PG_VERSION")).map_err(|error| broken(format!("its file PG_VERSION: {error}")))?;
    if version.trim().parse() != Ok(*major) {
        return Err(broken(format!("its file PG_VERSION says {}", version.trim())));
    }
    Ok(Some(Cluster { dir, major: *major }))
}

/// Makes an empty cluster. It gets its name only when it is complete, so an interrupted start
/// leaves nothing behind that the next one would take for data.
pub(crate) fn create(options: &Options, binaries: &Binaries, account: &Account) -> Result<PathBuf, StartError> {
    let unfinished = options.data_dir.join("initdb.tmp");
    if unfinished.exists() {
        at(&unfinished, fs::remove_dir_all(&unfinished))?;
    }
    account.create_private_dir(&unfinished)?;

    let mut initdb = Command::new(binaries.dir.join("initdb"));
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--data-checksums"])
        // Sorting is the application's business (it depends on the reader's language); case of
        // accented letters is the server's.
        .args(if cfg!(target_os = "linux") {
            ["--locale=C.UTF-8", "--lc-messages=C"].as_slice()
        } else {
            ["--locale=C", "--lc-ctype=UTF-8"].as_slice()
        })
        .current_dir(&options.data_dir);
    if !options.is_durable() {
        initdb.arg("--no-sync");
    }
    let output = process::run(initdb, account)?;
    if !output.status.success() {
        return Err(StartError::ProgramFailed {
            program: binaries.dir.join("initdb").display().to_string(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    let rules = unfinished.join("pg_hba.conf");
    at(
        &rules,
        fs::write(&rules, "# Whoever may enter the socket's directory (0700) may connect.\nlocal all all trust\n"),
    )?;

    let finished = options.data_dir.join(format!("pg{}", binaries.major));
    at(&finished, fs::rename(&unfinished, &finished))?;
    if options.is_durable() {
        at(&options.data_dir, fs::File::open(&options.data_dir).and_then(|dir| dir.sync_all()))?;
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(data_dir: &Path, name: &str, version: &str) {
        fs::create_dir(data_dir.join(name)).unwrap();
        fs::write(data_dir.join(name).join("PG_VERSION"), version).unwrap();
    }

    #[test]
    fn the_one_cluster_is_found_among_other_files() {
        let data_dir = tempfile::tempdir().unwrap();
        fs::create_dir(data_dir.path().join("socket")).unwrap();
        fs::create_dir(data_dir.path().join("pg15.old")).unwrap();
        assert!(find(data_dir.path()).unwrap().is_none());
        cluster(data_dir.path(), "pg18", "18\n");
        assert_eq!(find(data_dir.path()).unwrap().unwrap().major, 18);
    }

    #[test]
    fn two_clusters_are_refused_by_name() {
        let data_dir = tempfile::tempdir().unwrap();
        cluster(data_dir.path(), "pg15", "15\n");
        cluster(data_dir.path(), "pg18", "18\n");
        let error = find(data_dir.path()).unwrap_err().to_string();
        assert!(error.contains("pg15, pg18"), "{error}");
    }

    #[test]
    fn a_cluster_that_contradicts_its_name_is_refused() {
        let data_dir = tempfile::tempdir().unwrap();
        cluster(data_dir.path(), "pg18", "15\n");
        let error = find(data_dir.path()).unwrap_err().to_string();
        assert!(error.contains("PG_VERSION says 15"), "{error}");
    }
}
