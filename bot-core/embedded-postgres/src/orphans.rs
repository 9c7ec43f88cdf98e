//! What a killed server leaves behind: processes that are still ending, and lock files.
//!
//! Our own lock is held here, so no living program owns the directory: whatever still runs in it
//! is an orphan. Postgres' own check of its lock files looks at pids only, and in a container the
//! killed postmaster may stay a zombie whose pid looks alive, so the files are removed here.

use std::path::Path;

use crate::binaries::Binaries;
use crate::error::StartError;

#[cfg(target_os = "linux")]
pub(crate) fn clear(cluster_dir: &Path, socket: &Path, _binaries: &Binaries) -> Result<(), StartError> {
    use crate::error::at;
    use crate::process;
    use nix::sys::signal::Signal;
    use std::time::Duration;

    // A shutdown checkpoint on a slow disk takes a while.
    const GENTLE: Duration = Duration::from_secs(30);
    const AT_ONCE: Duration = Duration::from_secs(10);
    // Gentle is for the postmaster alone: an orphan whose postmaster is gone ends by itself, and
    // SIGINT tells a checkpointer something else. SIGQUIT makes every kind of process end at once.
    let gently = |_: &[i32]| {
        let postmaster = postmaster_of(cluster_dir);
        postmaster.map(|pid| process::signal(pid.unsigned_abs(), Signal::SIGINT));
    };
    let at_once = |users: &[i32]| {
        for pid in users {
            // It may have ended since; the next look tells.
            let _ = process::signal(pid.unsigned_abs(), Signal::SIGQUIT);
        }
    };
    let all_end = |limit, tell: &dyn Fn(&[i32])| {
        process::wait_until(limit, || {
            let users = users_of(cluster_dir);
            tell(&users);
            users.is_empty()
        })
    };
    if !all_end(GENTLE, &gently) && !all_end(AT_ONCE, &at_once) {
        let users = users_of(cluster_dir);
        if let Some(&pid) = users.first() {
            return Err(StartError::OrphanStays { pid, cluster_dir: cluster_dir.to_owned() });
        }
    }
    let mut socket_lock = socket.as_os_str().to_owned();
    socket_lock.push(".lock");
    for stale in [cluster_dir.join("postmaster.pid"), socket_lock.into(), socket.to_owned()] {
        match std::fs::remove_file(&stale) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => at(&stale, other)?,
        }
    }
    Ok(())
}

/// Living processes of Postgres that work in the directory, as all of its processes do. A zombie
/// has no working directory any more; someone's shell in there is none of ours.
#[cfg(target_os = "linux")]
fn users_of(cluster_dir: &Path) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster_dir)
                && std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "postgres")
        })
        .collect()
}

/// The pid in the cluster's lock file, if that process does work in the cluster.
#[cfg(target_os = "linux")]
fn postmaster_of(cluster_dir: &Path) -> Option<i32> {
    let lock_file = std::fs::read_to_string(cluster_dir.join("postmaster.pid")).ok()?;
    let pid = lock_file.lines().next()?.trim().parse().ok()?;
    users_of(cluster_dir).contains(&pid).then_some(pid)
}

/// Elsewhere nothing ends the server with its program, and no process tells where it works: the
/// server's own `pg_ctl` stops what its lock file names, and Postgres judges the files itself.
#[cfg(not(target_os = "linux"))]
pub(crate) fn clear(cluster_dir: &Path, _socket: &Path, binaries: &Binaries) -> Result<(), StartError> {
    if cluster_dir.join("postmaster.pid").exists() {
        let stopped = std::process::Command::new(binaries.dir.join("pg_ctl"))
            .args(["stop", "-s", "-m", "fast", "-D"])
            .arg(cluster_dir)
            .status();
        tracing::info!(?stopped, "asked an earlier Postgres to stop");
    }
    Ok(())
}
