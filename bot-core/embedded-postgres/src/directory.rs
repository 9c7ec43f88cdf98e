//! The data directory: where it is, whether it can be used, and who owns it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::{StartError, at};

/// A socket address holds 108 bytes with its closing zero (`sun_path` in unix(7)); macOS has 104.
const LONGEST_SOCKET_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
pub(crate) const SOCKET_FILE: &str = ".s.PGSQL.5432";

/// Where the data lives unless told otherwise. For root it is `/var/lib/crieur`, since the account
/// that runs the server cannot enter root's home; for others `$XDG_DATA_HOME/crieur` or
/// `~/.local/share/crieur`.
pub fn default_data_dir() -> PathBuf {
    default_dir("/var/lib/crieur", "XDG_DATA_HOME", ".local/share")
}

/// Where fetched programs live: `/var/cache/crieur` for root, for others `$XDG_CACHE_HOME/crieur`
/// or `~/.cache/crieur`. It may be deleted at any time while no server runs.
pub fn default_cache_dir() -> PathBuf {
    default_dir("/var/cache/crieur", "XDG_CACHE_HOME", ".cache")
}

fn default_dir(for_root: &str, xdg_variable: &str, below_home: &str) -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from(for_root);
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(xdg_variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .unwrap_or_else(std::env::temp_dir)
        .join("crieur")
}

/// Creates the data directory with its parents. Root's is open to pass through (the account that
/// runs the server lives below it) but not to list; anyone else's is closed.
pub(crate) fn create(path: &Path) -> Result<(), StartError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        at(parent, fs::create_dir_all(parent))?;
    }
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => at(path, other),
    }
}

/// Refuses a directory whose socket could not be reached.
pub(crate) fn check_socket_path(socket_dir: &Path) -> Result<(), StartError> {
    let socket = socket_dir.join(SOCKET_FILE);
    if socket.to_str().is_none_or(|path| path.contains(',')) {
        return Err(StartError::UnusablePath { socket });
    }
    let length_bytes = socket.as_os_str().len();
    if length_bytes > LONGEST_SOCKET_PATH_BYTES {
        return Err(StartError::SocketPathTooLong { socket, length_bytes, limit_bytes: LONGEST_SOCKET_PATH_BYTES });
    }
    Ok(())
}

/// Locks the directory for this process. The kernel lets go of the lock when the process ends,
/// however it ends, so a lock that is held always has a living holder.
pub(crate) fn take_ownership(data_dir: &Path) -> Result<File, StartError> {
    let path = data_dir.join("owner.lock");
    let mut file = at(&path, File::options().read(true).write(true).create(true).truncate(false).open(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            at(&path, file.read_to_string(&mut holder))?;
            let holder = holder.trim().parse().ok();
            return Err(StartError::InUse { data_dir: data_dir.to_owned(), holder });
        }
        Err(fs::TryLockError::Error(source)) => return at(&path, Err(source)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    at(&path, written)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_may_have_exactly_the_limit() {
        let directory = |length: usize| PathBuf::from(format!("/{}", "x".repeat(length - 1)));
        let longest = LONGEST_SOCKET_PATH_BYTES - 1 - SOCKET_FILE.len();
        assert!(check_socket_path(&directory(longest)).is_ok());
        let error = check_socket_path(&directory(longest + 1)).unwrap_err().to_string();
        assert!(error.contains("choose a shorter data directory"), "{error}");
    }

    #[test]
    fn a_comma_is_refused_because_clients_would_read_a_list_of_hosts() {
        let error = check_socket_path(Path::new("/srv/a,b")).unwrap_err().to_string();
        assert!(error.contains("without a comma"), "{error}");
    }
}
