//! Serving connections: `axum::serve` sets no limit to how long a connection may say nothing, nor to how many there
//! are, so that a few idle ones could take every file descriptor.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// For the head of a request to arrive, counted from the connection or from the answer before.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Connections served at a time; more wait to be accepted. Most are event streams of open browser tabs.
const CONNECTIONS_MAX: usize = 8192;
/// When there is no file descriptor left, a moment passes before the next try.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then takes no new connection and waits until every request is answered.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(Some((place, stream, peer))) = stop.run_until_cancelled(accept(&listener, &places)).await {
        // The adapter's own limits go by network address.
        let service = TowerToHyperService::new(router.clone().layer(Extension(ConnectInfo::<SocketAddr>(peer))));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A visitor who hangs up or speaks no HTTP is none of our business.
            if let Err(error) = connection.await {
                tracing::trace!("A connection ended: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
}

type Accepted = (tokio::sync::OwnedSemaphorePermit, tokio::net::TcpStream, SocketAddr);

/// The next connection, once there is a place for it. `None` never comes: the places are not closed.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and somebody waits; without it they are merely slower.
                let _ = stream.set_nodelay(true);
                return Some((place, stream, peer));
            }
            Err(error) => {
                tracing::warn!("A connection could not be accepted: {error}");
                #[allow(clippy::disallowed_methods, reason = "the operating system is given real time to recover")]
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}
