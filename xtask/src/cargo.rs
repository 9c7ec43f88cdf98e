//! Running cargo, and what cargo knows of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A cargo command in the workspace. Queries are checked against the committed data.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::workspace_root()?).env("SQLX_OFFLINE", "true");
    Ok(command)
}

/// Runs a command on this terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let status = command.status().with_context(|| format!("{name} could not be run"))?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// A package of the workspace whose queries sqlx may check.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub dir: PathBuf,
    /// The root file of every target: the library, the binaries, the tests.
    pub target_roots: Vec<PathBuf>,
}

/// What `cargo metadata` tells of this workspace.
pub struct Workspace {
    pub target_dir: PathBuf,
    pub packages_with_sqlx: Vec<Package>,
}

pub fn workspace() -> Result<Workspace> {
    let output = cargo(&["metadata", "--format-version=1", "--no-deps"])?
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cargo could not be run")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
    read_workspace(&metadata).context("cargo metadata has not the expected form")
}

fn read_workspace(metadata: &Value) -> Option<Workspace> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut packages_with_sqlx = Vec::new();
    for package in metadata["packages"].as_array()? {
        let dependencies = package["dependencies"].as_array()?;
        if !dependencies.iter().any(|dependency| dependency["name"] == "sqlx") {
            continue;
        }
        let targets = package["targets"].as_array()?;
        packages_with_sqlx.push(Package {
            name: text(&package["name"])?,
            dir: PathBuf::from(text(&package["manifest_path"])?).parent()?.to_owned(),
            target_roots: targets
                .iter()
                .map(|target| text(&target["src_path"]).map(PathBuf::from))
                .collect::<Option<_>>()?,
        });
    }
    let target_dir = PathBuf::from(text(&metadata["target_directory"])?);
    Some(Workspace { target_dir, packages_with_sqlx })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_use_sqlx_are_listed() {
        let metadata = serde_json::json!({
            "target_directory": "/t",
            "packages": [
                { "name": "words", "manifest_path": "/w/words/Cargo.toml", "targets": [],
                  "dependencies": [{ "name": "serde" }] },
                { "name": "votes", "manifest_path": "/w/votes/Cargo.toml",
                  "targets": [{ "src_path": "/w/votes/src/lib.rs" }],
                  "dependencies": [{ "name": "serde" }, { "name": "sqlx" }] },
            ],
        });
        let workspace = read_workspace(&metadata).unwrap();
        let [votes] = workspace.packages_with_sqlx.as_slice() else { panic!("one package") };
        assert_eq!((votes.name.as_str(), votes.dir.as_path()), ("votes", Path::new("/w/votes")));
        assert_eq!(votes.target_roots, [PathBuf::from("/w/votes/src/lib.rs")]);
    }
}
