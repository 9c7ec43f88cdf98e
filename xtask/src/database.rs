//! A throwaway Postgres of the pinned version, the same on every machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use embedded_postgres::{Server, Source, Throwaway};
use nix::sys::signal::{SigSet, Signal};

/// Every test has a database of its own, and a pool or two.
const CONNECTIONS: &str = "600";

pub fn start() -> Result<Throwaway> {
    Throwaway::start(|options| {
        options.source = Source::FetchedOnly;
        options.settings.push(("max_connections".to_owned(), CONNECTIONS.to_owned()));
    })
    .context("starting a Postgres for the tests")
}

/// Applies every migration to a database of that name, which is created, and returns its address.
pub fn migrated(server: &Server, name: &str) -> Result<String> {
    server.create_database(name)?;
    for migration in migrations(&crate::workspace_root()?.join("migrations"))? {
        let output = server.psql(name).arg("-1").arg("-f").arg(&migration).output()?;
        if !output.status.success() {
            bail!(
                "the migration {} is refused by Postgres:\n{}",
                migration.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
    }
    Ok(server.url_of(name))
}

/// The migrations in the order of their numbers; none where the directory does not exist.
fn migrations(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut numbered = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let number: Option<u64> = path.file_name().and_then(|name| name.to_str()?.split_once('_')?.0.parse().ok());
        let number = number.with_context(|| format!("{}: name it NUMBER_what_it_does.sql", path.display()))?;
        numbered.push((number, path));
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// `cargo xtask postgres`.
pub fn serve() -> Result<()> {
    let server = start()?;
    let url = migrated(&server, "crieur_development")?;
    println!("export DATABASE_URL='{url}'");
    println!("export CRIEUR_TEST_POSTGRES='{}'", server.url_of("postgres"));
    println!(
        "# Postgres {} in {}; Ctrl-C ends it and its data.",
        server.major_version(),
        server.socket_dir().display()
    );

    let mut ending = SigSet::empty();
    ending.add(Signal::SIGINT);
    ending.add(Signal::SIGTERM);
    // Blocked only now: a blocked signal would be inherited by what is started.
    ending.thread_block()?;
    ending.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_come_in_the_order_of_their_numbers() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["0010_roles.sql", "0002_votes.sql", "9_people.sql", "README.md"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let names: Vec<_> = migrations(directory.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["0002_votes.sql", "9_people.sql", "0010_roles.sql"]);
        fs::write(directory.path().join("late.sql"), "").unwrap();
        assert!(migrations(directory.path()).unwrap_err().to_string().contains("late.sql"));
        assert!(migrations(&directory.path().join("none")).unwrap().is_empty());
    }
}
