//! A network that ends at this machine: what the tests run in.
//!
//! The kernel gives the process a network namespace of its own, in which there is loopback and nothing else. So no
//! test can talk to a real chat network, however wrong its set-up is. Files and Unix sockets are as outside: the
//! tests reach the Postgres that was started before.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

/// Tells the tests that they are inside: `tests/egress.rs` proves it.
pub const VARIABLE: &str = "CRIEUR_TESTS_OFFLINE";

/// Would lead requests for this machine out of it, and they would fail.
const PROXY_VARIABLES: [&str; 6] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

const REMEDY: &str = "run it where namespaces are allowed (a container needs CAP_SYS_ADMIN, or unprivileged user \
                      namespaces), or accept that tests could reach the network: `cargo xtask test --with-network`";

/// `cargo xtask offline PROGRAM …`: becomes the program, without a network.
///
/// # Errors
/// When this machine allows no namespace, or the program cannot be run.
pub fn run(command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("name the program to run")?;
    enter()?;
    let mut command = Command::new(program);
    command.args(arguments).env(VARIABLE, "1");
    for proxy in PROXY_VARIABLES {
        command.env_remove(proxy);
    }
    Err(anyhow!(command.exec()).context(format!("{} could not be run", program.display())))
}

/// The same command, without a network. Its directory and environment are kept.
pub fn wrapped(command: &Command) -> Result<Command> {
    let mut wrapped = Command::new(std::env::current_exe()?);
    wrapped.arg("offline").arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    Ok(wrapped)
}

/// Whether this machine allows it, asked before anything long is begun.
pub fn check() -> Result<()> {
    let output = wrapped(&Command::new("true"))?.output()?;
    if !output.status.success() {
        // It says why itself, after the name of this program.
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().trim_start_matches("xtask: "));
    }
    Ok(())
}

/// Must be called while the process has one thread.
fn enter() -> Result<()> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        // Root runs Postgres under another account, which a user namespace of ours would not have.
        Err(refused) if user.is_root() => {
            bail!("the kernel refuses a network namespace ({}): {REMEDY}", refused.desc())
        }
        Err(Errno::EPERM) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
                .map_err(|refused| anyhow!("the kernel refuses a user namespace ({}): {REMEDY}", refused.desc()))?;
            // The same person inside as outside: Postgres does not run as root.
            let map = |file: &str, text: String| fs::write(file, text).with_context(|| file.to_owned());
            map("/proc/self/setgroups", "deny".to_owned())?;
            map("/proc/self/uid_map", format!("{user} {user} 1"))?;
            map("/proc/self/gid_map", format!("{group} {group} 1"))?;
        }
        Err(refused) => bail!("the kernel refuses a network namespace ({}): {REMEDY}", refused.desc()),
    }
    raise_loopback().context("raising the loopback interface")
}

/// In a new namespace loopback is there, but down. `ip link set lo up`, without needing `ip`: one netlink message,
/// while this process still may (see rtnetlink(7)).
fn raise_loopback() -> Result<()> {
    const HEADER_BYTES: usize = size_of::<libc::nlmsghdr>();
    const MESSAGE_BYTES: usize = HEADER_BYTES + 16;
    /// Loopback is the first interface of every namespace.
    const LOOPBACK_INDEX: i32 = 1;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let up = libc::IFF_UP as u32;

    let mut message = Vec::with_capacity(MESSAGE_BYTES);
    message.extend((MESSAGE_BYTES as u32).to_ne_bytes());
    message.extend(libc::RTM_NEWLINK.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number and port, which the answer repeats.
    message.extend([0; 8]);
    // Address family and device type: any.
    message.extend([0; 4]);
    message.extend(LOOPBACK_INDEX.to_ne_bytes());
    // The flags, and which of them to change.
    message.extend(up.to_ne_bytes());
    message.extend(up.to_ne_bytes());

    let kernel = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    sendto(kernel.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let code = answer.get(HEADER_BYTES..HEADER_BYTES + 4).filter(|_| length >= HEADER_BYTES + 4);
    let code =
        code.and_then(|code| code.try_into().ok()).map(i32::from_ne_bytes).context("the kernel's answer is cut")?;
    if code != 0 {
        bail!("{}", Errno::from_raw(-code).desc());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_command_keeps_its_words_its_place_and_its_variables() {
        let mut command = Command::new("cargo");
        command.args(["test", "--offline"]).current_dir("/").env("ASKED", "1").env_remove("DATABASE_URL");
        let wrapped = wrapped(&command).unwrap();
        let words: Vec<_> = wrapped.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["offline", "cargo", "test", "--offline"]);
        assert_eq!(wrapped.get_current_dir().unwrap().to_str(), Some("/"));
        let variables: Vec<_> =
            wrapped.get_envs().map(|(name, value)| (name.to_str().unwrap(), value.is_some())).collect();
        assert_eq!(variables, [("ASKED", true), ("DATABASE_URL", false)]);
    }
}
