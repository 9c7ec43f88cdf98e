//! No test reaches the internet: `cargo xtask test` runs them where the network ends at this machine, and these tests
//! prove it. (A chat library may fall back to the real service when a fake one does not answer.)

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

/// Public resolvers, which answer to whoever can reach them.
const OUTSIDE: [&str; 4] = ["1.1.1.1:443", "8.8.8.8:53", "[2606:4700:4700::1111]:443", "[2001:4860:4860::8888]:53"];
/// Where chat libraries go when nobody tells them otherwise.
const NAMES: [&str; 4] = ["api.telegram.org:443", "discord.com:443", "gateway.discord.gg:443", "matrix.org:443"];
/// "At once", on a busy machine: a packet that is dropped on its way takes the patience instead.
const AT_ONCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the tests were promised to be offline. CI must promise it.
fn is_promised() -> bool {
    let promised = std::env::var_os("CRIEUR_TESTS_OFFLINE").is_some();
    let is_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    assert!(promised || !is_ci, "these tests can reach the network: in CI run them with `cargo xtask test`");
    if !promised {
        println!("skipped: run through `cargo xtask test` (or `cargo xtask offline …`) to block the network");
    }
    promised
}

#[test]
fn nothing_outside_this_machine_can_be_reached() {
    if !is_promised() {
        return;
    }
    for address in OUTSIDE {
        let address: SocketAddr = address.parse().unwrap();
        let started = Instant::now();
        let refused = TcpStream::connect_timeout(&address, PATIENCE).expect_err(&format!("{address} answers"));
        assert_eq!(refused.kind(), ErrorKind::NetworkUnreachable, "{address}: {refused}");
        assert!(started.elapsed() < AT_ONCE, "{address} was refused late");

        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        // A machine without IPv6 has no socket of it either.
        let Ok(socket) = UdpSocket::bind(any) else { continue };
        let refused = socket.connect(address).expect_err(&format!("{address} takes packets"));
        assert_eq!(refused.kind(), ErrorKind::NetworkUnreachable, "{address}: {refused}");
    }
}

#[test]
fn no_public_name_resolves() {
    if !is_promised() {
        return;
    }
    for name in NAMES {
        let started = Instant::now();
        if let Ok(found) = name.to_socket_addrs() {
            panic!(
                "{name} resolves to {:?}: a local resolver answers through a Unix socket",
                found.collect::<Vec<_>>()
            );
        }
        assert!(started.elapsed() < AT_ONCE, "{name} was refused late");
    }
}

#[test]
fn this_machine_can_be_reached_by_its_name() {
    let listener = TcpListener::bind("localhost:0").unwrap();
    TcpStream::connect_timeout(&listener.local_addr().unwrap(), PATIENCE).unwrap();
    // Chromium and homeservers ask for the address by number.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    TcpStream::connect_timeout(&listener.local_addr().unwrap(), PATIENCE).unwrap();
}
