//! The fake's own time: it stands until a test moves it, or runs along with the real one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// 2026-09-01T08:00:00Z, when every fake begins.
const START_UNIX: u64 = 1_788_249_600;

#[derive(Clone, Debug)]
pub(crate) struct FakeClock {
    moved: Arc<watch::Sender<Duration>>,
    /// Set when real time counts as well.
    running_since: Option<Instant>,
}

impl FakeClock {
    pub(crate) fn standing() -> Self {
        Self { moved: Arc::default(), running_since: None }
    }

    pub(crate) fn running() -> Self {
        Self { moved: Arc::default(), running_since: Some(Instant::now()) }
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        *self.moved.borrow() + self.running_since.map(|since| since.elapsed()).unwrap_or_default()
    }

    pub(crate) fn unix(&self) -> u64 {
        START_UNIX + self.now().as_secs()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.moved.send_modify(|moved| *moved += by);
    }

    pub(crate) async fn sleep_until(&self, moment: Duration) {
        let mut moved = self.moved.subscribe();
        loop {
            moved.borrow_and_update();
            let left = moment.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            // A clock that was dropped never moves again; neither does whoever waits for it.
            let changed = async {
                if moved.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            if self.running_since.is_some() {
                let _ = tokio::time::timeout(left, changed).await;
            } else {
                changed.await;
            }
        }
    }
}
