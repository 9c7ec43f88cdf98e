//! Which account runs the server, and what it may reach. Postgres refuses to run as root.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User};

use crate::error::{StartError, at};

/// The account of the server: ours, or the one that root steps down to.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    Ours,
    SteppedDown { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Root steps down to the owner of the existing cluster, else to `crieur`, `postgres` or
    /// `nobody`; the last is shared with other services, so it comes last.
    pub(crate) fn for_server(cluster_dir: Option<&Path>) -> Result<Account, StartError> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(Account::Ours);
        }
        let owner = match cluster_dir {
            Some(directory) => {
                let uid = at(directory, fs::metadata(directory))?.uid();
                User::from_uid(Uid::from_raw(uid)).ok().flatten()
            }
            None => None,
        };
        owner
            .into_iter()
            .chain(["crieur", "postgres", "nobody"].iter().filter_map(|name| User::from_name(name).ok().flatten()))
            .find(|user| !user.uid.is_root())
            .map(|user| Account::SteppedDown { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() })
            .ok_or(StartError::NoAccount)
    }

    /// Its name, where it is another than ours.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Account::Ours => None,
            Account::SteppedDown { name, .. } => Some(name),
        }
    }

    /// Runs the command as this account. Must come before any `pre_exec`.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Account::SteppedDown { uid, gid, .. } = self {
            // The standard library also clears the supplementary groups here.
            command.uid(*uid).gid(*gid);
        }
    }

    /// A directory that only this account (and root) may enter.
    pub(crate) fn create_private_dir(&self, path: &Path) -> Result<(), StartError> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => at(path, other)?,
        }
        at(path, fs::set_permissions(path, fs::Permissions::from_mode(0o700)))?;
        if let Account::SteppedDown { uid, gid, .. } = self {
            at(path, std::os::unix::fs::chown(path, Some(*uid), Some(*gid)))?;
        }
        Ok(())
    }

    /// Refuses a directory that the account cannot reach, naming the one that is closed to it.
    pub(crate) fn check_can_enter(&self, directory: &Path) -> Result<(), StartError> {
        match (self, self.closed_directory(directory)?) {
            (Account::SteppedDown { name, .. }, Some(blocked)) => {
                Err(StartError::CannotEnter { account: name.clone(), blocked })
            }
            _ => Ok(()),
        }
    }

    /// The first of the directory's parents, or itself, that the account may not enter.
    pub(crate) fn closed_directory(&self, directory: &Path) -> Result<Option<PathBuf>, StartError> {
        let Account::SteppedDown { uid, gid, .. } = self else {
            return Ok(None);
        };
        let mut parents: Vec<&Path> = directory.ancestors().collect();
        parents.reverse();
        for parent in parents {
            let metadata = at(parent, fs::metadata(parent))?;
            let search_bit = match (metadata.uid() == *uid, metadata.gid() == *gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            if metadata.mode() & search_bit == 0 {
                return Ok(Some(parent.to_owned()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_parent_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let closed = outer.path().join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        open(outer.path(), 0o711);
        open(&closed, 0o700);
        // An account that owns nothing here and is in no group of ours.
        let stranger = Account::SteppedDown { name: "stranger".into(), uid: 4_000_001, gid: 4_000_001 };
        let error = stranger.check_can_enter(&inner).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod o+x {}`", closed.display())), "{error}");
        open(&closed, 0o711);
        open(&inner, 0o711);
        stranger.check_can_enter(&inner).unwrap();
        Account::Ours.check_can_enter(&inner).unwrap();
    }
}
