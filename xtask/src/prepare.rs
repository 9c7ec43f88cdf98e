//! The data of checked queries, written and compared without sqlx's own command.
//!
//! `query!` asks a live database what a query takes and gives, and writes the answer to
//! `SQLX_OFFLINE_DIR`; ordinary builds read it back from the `.sqlx` directory of the crate. So
//! that each crate gets exactly its own, this program stands before the compiler (as
//! `RUSTC_WORKSPACE_WRAPPER`) and names one directory per package.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use embedded_postgres::Server;
use serde_json::Value;

use crate::cargo::{self, Package, Workspace};
use crate::database;

const WRAPPER_VARIABLE: &str = "CRIEUR_XTASK_QUERY_DIRECTORY";

/// Set when cargo runs this program in place of the compiler.
pub fn wrapper_directory() -> Option<PathBuf> {
    std::env::var_os(WRAPPER_VARIABLE).map(PathBuf::from)
}

/// Cargo calls `wrapper rustc arguments…`; the package is in the environment.
pub fn run_as_compiler_wrapper(directory: &Path) -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(compiler) = arguments.next() else {
        eprintln!("xtask: {WRAPPER_VARIABLE} is set, but no compiler is named: unset it");
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(compiler);
    command.args(arguments);
    if let Some(package) = std::env::var_os("CARGO_PKG_NAME") {
        command.env("SQLX_OFFLINE_DIR", directory.join(package));
    }
    let error = command.exec();
    eprintln!("xtask: the compiler could not be run: {error}");
    ExitCode::FAILURE
}

/// The queries of one crate: file name to content.
type Queries = BTreeMap<String, Value>;

/// Writes every crate's `.sqlx`, and removes what no query uses any more.
pub fn write(server: &Server) -> Result<()> {
    for (package, written) in describe_all(server)? {
        let directory = package.dir.join(".sqlx");
        let committed = read(&directory)?;
        let changed = differences(&committed, &written).len();
        println!("{}: {} queries, {changed} changed", package.name, written.len());
        for unused in committed.keys().filter(|name| !written.contains_key(*name)) {
            fs::remove_file(directory.join(unused))?;
        }
        if !written.is_empty() {
            fs::create_dir_all(&directory)?;
        }
        for (name, query) in written {
            fs::write(directory.join(name), format!("{query:#}\n"))?;
        }
    }
    Ok(())
}

/// Fails with the queries that differ from what is committed.
pub fn check(server: &Server) -> Result<()> {
    let mut complaints = Vec::new();
    for (package, written) in describe_all(server)? {
        for difference in differences(&read(&package.dir.join(".sqlx"))?, &written) {
            complaints.push(format!("  {}: {difference}", package.name));
        }
    }
    if !complaints.is_empty() {
        bail!(
            "the committed query data differs from the queries:\n{}\nrun `cargo xtask prepare` and commit the .sqlx directories",
            complaints.join("\n")
        );
    }
    Ok(())
}

fn differences(committed: &Queries, written: &Queries) -> Vec<String> {
    let mut found = Vec::new();
    for (name, query) in written {
        match committed.get(name) {
            Some(known) if known == query => {}
            Some(_) => found.push(format!("the result of this query changed: {}", gist(query))),
            None => found.push(format!("this query is new: {}", gist(query))),
        }
    }
    for (name, query) in committed {
        if !written.contains_key(name) {
            found.push(format!("this query is gone: {}", gist(query)));
        }
    }
    found
}

/// The query on one line, cut short.
fn gist(query: &Value) -> String {
    const LONGEST_CHARACTERS: usize = 100;
    let words = query["query"].as_str().unwrap_or_default().split_whitespace();
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn read(directory: &Path) -> Result<Queries> {
    let mut queries = Queries::new();
    if !directory.is_dir() {
        return Ok(queries);
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with("query-") && name.ends_with(".json") {
            let text = fs::read_to_string(&path)?;
            let query = serde_json::from_str(&text)
                .with_context(|| format!("{}: run `cargo xtask prepare`", path.display()))?;
            queries.insert(name.to_owned(), query);
        }
    }
    Ok(queries)
}

/// Compiles every crate that uses sqlx against a freshly migrated database.
fn describe_all(server: &Server) -> Result<Vec<(Package, Queries)>> {
    let database_url = database::migrated(server, "crieur_queries")?;
    let Workspace { target_dir, packages_with_sqlx } = cargo::workspace()?;
    let directory = target_dir.join("xtask-queries");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    for package in &packages_with_sqlx {
        fs::create_dir_all(directory.join(&package.name))?;
    }

    let _touched = packages_with_sqlx
        .iter()
        .flat_map(|package| &package.target_roots)
        .map(|path| Touched::now(path))
        .collect::<Result<Vec<_>>>()?;
    let mut check = cargo::cargo(&["check", "--quiet", "--workspace", "--all-targets"])?;
    check
        .env("SQLX_OFFLINE", "false")
        .env("DATABASE_URL", &database_url)
        .env(WRAPPER_VARIABLE, &directory)
        .env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?);
    cargo::run(&mut check).context("checking the queries against the migrated database")?;

    packages_with_sqlx
        .into_iter()
        .map(|package| {
            let queries = read(&directory.join(&package.name))?;
            Ok((package, queries))
        })
        .collect()
}

/// A source file that cargo sees as just changed, so that its crate is compiled again although
/// only the database changed. Dropping it gives the old time back, which spares the other builds.
struct Touched {
    file: File,
    modified_before: SystemTime,
}

impl Touched {
    // Cargo compares with the machine's clock, so that is the one to take.
    #[allow(clippy::disallowed_methods)]
    fn now(path: &Path) -> Result<Touched> {
        let touch = || {
            let file = File::options().append(true).open(path)?;
            let modified_before = file.metadata()?.modified()?;
            file.set_modified(SystemTime::now())?;
            std::io::Result::Ok(Touched { file, modified_before })
        };
        touch().with_context(|| path.display().to_string())
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        if let Err(error) = self.file.set_modified(self.modified_before) {
            eprintln!("xtask: the time of a source file stays changed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn new_gone_and_changed_queries_are_told_apart() {
        let query = |text: &str, nullable: bool| json!({ "query": text, "nullable": nullable });
        let queries = |list: &[(&str, Value)]| -> Queries {
            list.iter().map(|(name, query)| ((*name).to_owned(), query.clone())).collect()
        };
        let committed = queries(&[("a", query("SELECT 1", true)), ("b", query("SELECT\n  2", true))]);
        let written = queries(&[("a", query("SELECT 1", false)), ("c", query("SELECT 3", true))]);
        assert_eq!(
            differences(&committed, &written),
            [
                "the result of this query changed: SELECT 1",
                "this query is new: SELECT 3",
                "this query is gone: SELECT 2",
            ]
        );
        assert!(differences(&written, &written).is_empty());
    }

    #[test]
    fn a_touched_file_gets_its_time_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        file.as_file().set_modified(long_ago).unwrap();
        let modified = || fs::metadata(file.path()).unwrap().modified().unwrap();
        let touched = Touched::now(file.path()).unwrap();
        assert!(modified() > long_ago);
        drop(touched);
        assert_eq!(modified(), long_ago);
    }
}
