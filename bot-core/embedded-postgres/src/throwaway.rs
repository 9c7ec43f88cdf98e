//! A server for tests: quick because it is not durable, and gone when dropped.

use std::fs::{self, DirBuilder, File};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::Pid;

use crate::error::{StartError, at};
use crate::{Options, Server};

const PREFIX: &str = "crieur-throwaway-";

/// A private server in a new directory of the system's temporary directory, with `fsync` off:
/// for tests, never for votes. Dropping it stops the server and removes the directory; one left by
/// a program that was killed is removed by the next `Throwaway`.
#[derive(Debug)]
pub struct Throwaway {
    // Fields drop in this order: the server must end before its directory goes.
    server: Server,
    _dir: RemovedOnDrop,
}

impl Throwaway {
    /// Starts one. `adjust` may change the options: where the programs come from, the database.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start(adjust: impl FnOnce(&mut Options)) -> Result<Throwaway, StartError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Not below the caller's own directories, which the server's account may not enter, and
        // short, for the sake of the socket's path.
        let parent = std::env::temp_dir();
        remove_abandoned(&parent);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        at(&dir, DirBuilder::new().mode(0o711).create(&dir))?;
        let dir = RemovedOnDrop(dir);
        let mut options = Options::new(&dir.0);
        options.settings =
            ["fsync", "full_page_writes", "synchronous_commit"].map(|name| (name.to_owned(), "off".to_owned())).into();
        adjust(&mut options);
        Ok(Throwaway { server: Server::start(options)?, _dir: dir })
    }
}

impl Deref for Throwaway {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Throwaway {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

#[derive(Debug)]
struct RemovedOnDrop(PathBuf);

impl Drop for RemovedOnDrop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, dir = %self.0.display(), "a throwaway directory stays");
        }
    }
}

/// Removes what killed programs left: their pid is gone and so is their lock.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid =
            name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse::<i32>().ok());
        let Some(pid) = pid else { continue };
        let maker_is_gone = nix::sys::signal::kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        let is_unlocked =
            File::options().write(true).open(entry.path().join("owner.lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if maker_is_gone && is_unlocked {
            // Another program may be removing it too, and it may not be ours to remove.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_program_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let left_by = |pid: u32| {
            let dir = parent.path().join(format!("{PREFIX}{pid}-0"));
            fs::create_dir(&dir).unwrap();
            File::create(dir.join("owner.lock")).unwrap();
            dir
        };
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let (dead, living) = (left_by(child.id()), left_by(std::process::id()));
        let unrelated = parent.path().join("crieur");
        fs::create_dir(&unrelated).unwrap();
        remove_abandoned(parent.path());
        assert_eq!((dead.exists(), living.exists(), unrelated.exists()), (false, true, true));
    }
}
