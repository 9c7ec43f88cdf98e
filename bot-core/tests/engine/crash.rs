//! A crash at every commit between an event's arrival and its answer's settling, just before Postgres hears of it
//! and just after it has done it. Whatever dies there: nothing lost, nothing done twice.
//!
//! The service talks to Postgres through a proxy that burns down at a chosen commit. From then on that process can
//! commit nothing, which is what being dead means to everybody else; a fresh one starts on the same database, and the
//! platform offers again what it never saw taken.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bot_core::Redacted;
use bot_core::adapter::InboundKind;
use chrono::TimeDelta;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The server never hears of it.
    Before,
    /// The server has done it, and the answer is lost.
    After,
}

/// By which the server knows who comes through the proxy.
pub const APPLICATION: &str = "doomed";

/// Between the service and Postgres.
pub struct Proxy {
    pub options: PgConnectOptions,
    fuse: Arc<Fuse>,
    closed: CancellationToken,
}

struct Fuse {
    /// Commits left; negative: not lit.
    left: AtomicI64,
    moment: Moment,
    burnt: CancellationToken,
}

impl Proxy {
    pub async fn to(server: &PgConnectOptions, moment: Moment) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(listener.local_addr().unwrap().port())
            .username(server.get_username())
            .database(server.get_database().unwrap())
            .application_name(APPLICATION)
            .ssl_mode(PgSslMode::Disable);
        let fuse = Arc::new(Fuse { left: AtomicI64::new(-1), moment, burnt: CancellationToken::new() });
        let closed = CancellationToken::new();
        let upstream = Upstream::of(server);
        tokio::spawn({
            let (fuse, closed) = (Arc::clone(&fuse), closed.clone());
            async move {
                while let Some(Ok((client, _))) = closed.run_until_cancelled(listener.accept()).await {
                    if !fuse.burnt.is_cancelled() {
                        tokio::spawn(pass(client, upstream.clone(), Arc::clone(&fuse), closed.clone()));
                    }
                }
            }
        });
        Self { options, fuse, closed }
    }

    /// Burns at the `commits`th commit from now.
    pub fn light(&self, commits: i64) {
        self.fuse.left.store(commits, Ordering::SeqCst);
    }

    /// Burns now.
    pub fn burn(&self) {
        self.fuse.burnt.cancel();
    }

    pub fn is_burnt(&self) -> bool {
        self.fuse.burnt.is_cancelled()
    }

    pub async fn burnt(&self) {
        self.fuse.burnt.cancelled().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

#[derive(Clone)]
enum Upstream {
    Tcp(String),
    Unix(PathBuf),
}

impl Upstream {
    fn of(server: &PgConnectOptions) -> Self {
        let socket = server.get_socket().cloned().or_else(|| {
            let host = server.get_host();
            host.starts_with('/').then(|| PathBuf::from(host))
        });
        match socket {
            Some(folder) => Self::Unix(folder.join(format!(".s.PGSQL.{}", server.get_port()))),
            None => Self::Tcp(format!("{}:{}", server.get_host(), server.get_port())),
        }
    }
}

async fn pass(client: TcpStream, upstream: Upstream, fuse: Arc<Fuse>, closed: CancellationToken) {
    client.set_nodelay(true).unwrap();
    match upstream {
        Upstream::Tcp(address) => {
            let server = TcpStream::connect(address).await.unwrap();
            server.set_nodelay(true).unwrap();
            relay(client, server.into_split(), fuse, closed).await;
        }
        Upstream::Unix(path) => {
            let server = UnixStream::connect(path).await.unwrap();
            relay(client, server.into_split(), fuse, closed).await;
        }
    }
}

async fn relay(
    client: TcpStream,
    (mut from_server, mut to_server): (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send),
    fuse: Arc<Fuse>,
    closed: CancellationToken,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut in_transaction, mut executed) = (false, false);
    let asking = async {
        // The first message has no type byte: only its length.
        let mut length = [0; 4];
        from_client.read_exact(&mut length).await?;
        let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
        from_client.read_exact(&mut rest).await?;
        to_server.write_all(&[&length[..], &rest].concat()).await?;
        loop {
            let mut message = vec![0; 5];
            from_client.read_exact(&mut message).await?;
            let length = u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize;
            message.resize(1 + length, 0);
            from_client.read_exact(&mut message[5..]).await?;
            // What commits: COMMIT itself, and, outside a transaction, the Sync after an Execute. sqlx
            // begins and commits by simple queries.
            let word = message.get(5..message.len().saturating_sub(1)).unwrap_or_default();
            let commits = match message[0] {
                b'Q' if word.starts_with(b"BEGIN") => {
                    in_transaction = true;
                    false
                }
                b'Q' if word.starts_with(b"ROLLBACK") => {
                    in_transaction = false;
                    false
                }
                b'Q' => {
                    in_transaction = false;
                    true
                }
                b'E' => {
                    executed = true;
                    false
                }
                b'S' => std::mem::take(&mut executed) && !in_transaction,
                _ => false,
            };
            let trip = commits && fuse.left.load(Ordering::SeqCst) >= 0;
            let burns = trip && fuse.left.fetch_sub(1, Ordering::SeqCst) == 0;
            if burns && fuse.moment == Moment::Before {
                fuse.burnt.cancel();
                return Ok(());
            }
            to_server.write_all(&message).await?;
            if burns {
                // Wait until the server has answered; nobody hears it.
                fuse.burnt.cancel();
                return Ok(());
            }
        }
        #[allow(unreachable_code)]
        Ok::<(), std::io::Error>(())
    };
    let answering = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 || fuse.burnt.is_cancelled() {
                return Ok::<(), std::io::Error>(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! {
        biased;
        _ = async { tokio::join!(asking, answering) } => {}
        () = fuse.burnt.cancelled() => {}
        () = closed.cancelled() => {}
    }
    if fuse.burnt.is_cancelled() && fuse.moment == Moment::After {
        // Let the server finish what it was asked before its client goes away.
        let mut rest = vec![0; 64];
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), from_server.read(&mut rest)).await;
    }
}

/// Somebody writes, and the process dies at the `commits`th commit after. Says whether there was one.
async fn crash_at(town: &mut Town, commits: i64, moment: Moment) -> bool {
    let proxy = Proxy::to(&town.database.options(), moment).await;
    town.start_through(proxy.options.clone()).await;
    town.quiet().await;
    let who = format!("person {commits}");
    let event = town.event(&town.platform, &who, InboundKind::Text { text: Redacted::new("/ping".to_owned()) });
    let intake = town.platform.intake().await;
    proxy.light(commits);
    tokio::select! {
        () = proxy.burnt() => {}
        () = async {
            // Whether it was taken or not, the platform offers it again below.
            let _ = intake.receive(std::slice::from_ref(&event), None).await;
            town.settled_outside(&who).await;
        } => {}
    }
    let crashed = proxy.is_burnt();
    town.abandon();
    drop(proxy);
    town.alone().await;

    town.start().await;
    town.platform.intake().await.receive(&[event], None).await.unwrap();
    town.quiet().await;

    let idempotent = town.platform.idempotent_for > TimeDelta::zero();
    let seen = town.platform.words(&who);
    let state = town.delivery_states_of(&who).await;
    let context = format!("crash {moment:?} commit {commits}, idempotent {idempotent}: {seen:?}, {state:?}");
    assert!(seen.len() <= 1, "answered twice: {context}");
    assert_eq!(state.len(), 1, "exactly one answer was asked for: {context}");
    if state[0] != "unknown" || idempotent {
        assert_eq!((state[0].as_str(), seen.len()), ("sent", 1), "{context}");
    }
    town.stop().await;
    crashed
}

async fn crash_everywhere(moment: Moment, idempotent: bool) {
    let mut platform = ScriptedPlatform::new("scripted");
    if idempotent {
        platform.idempotent_for = TimeDelta::hours(1);
    }
    let mut town = Town::with(platform, vec![ScriptedPlugin::new("scripted", &["ping"])]).await;
    town.stop().await;
    let mut crashes = 0;
    while crash_at(&mut town, crashes, moment).await {
        crashes += 1;
    }
    assert!(crashes >= 8, "only {crashes} commits were interrupted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_just_before_any_commit_loses_and_doubles_nothing() {
    crash_everywhere(Moment::Before, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_just_after_any_commit_loses_and_doubles_nothing() {
    crash_everywhere(Moment::After, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_platform_recognises_nothing_a_crash_never_sends_twice() {
    crash_everywhere(Moment::After, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_a_crash_just_before_a_commit() {
    crash_everywhere(Moment::Before, false).await;
}
