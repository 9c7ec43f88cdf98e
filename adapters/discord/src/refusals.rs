//! How many requests Discord has refused lately.
//!
//! Ten thousand answers of 401, 403 or 429 within ten minutes get the machine's address barred for a while (docs: Rate
//! Limits, Invalid Request Limit). The account stops long before, and a restart does not forget.

use std::sync::{Mutex, PoisonError};

use bot_core::store::account_state::{AccountState, StateEntry};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

/// Refusals within the last ten to twenty minutes after which nothing is sent any more: a fifth of what Discord
/// takes, since other programs may use the same address.
pub(crate) const REFUSALS_MAX: u32 = 2000;
/// From here on somebody should look.
const REFUSALS_NOTED: u32 = 500;
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// Counted in memory, and written down each time so many have come together.
const WRITTEN_EVERY: u32 = 50;
const KEY: &str = "refusals";

#[derive(Debug)]
pub(crate) struct Refusals {
    state: AccountState,
    windows: Mutex<Windows>,
    loaded: OnceCell<()>,
}

/// The refusals of the window under way, and of the one before.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
struct Windows {
    started_at: DateTime<Utc>,
    count: u32,
    before: u32,
}

impl Windows {
    fn moved_to(self, now: DateTime<Utc>) -> Self {
        let started_at = now - TimeDelta::seconds(now.timestamp().rem_euclid(WINDOW.num_seconds()));
        let since = started_at.timestamp() - self.started_at.timestamp();
        match since / WINDOW.num_seconds() {
            // A clock set back changes nothing.
            ..=0 => self,
            1 => Self { started_at, count: 0, before: self.count },
            _ => Self { started_at, count: 0, before: 0 },
        }
    }

    fn sum(self) -> u32 {
        self.count.saturating_add(self.before)
    }
}

impl Refusals {
    pub(crate) fn new(state: AccountState) -> Self {
        Self { state, windows: Mutex::default(), loaded: OnceCell::new() }
    }

    /// Reads what an earlier process wrote down, once. A database that cannot be read is asked again next time.
    pub(crate) async fn load(&self) {
        let load = self.loaded.get_or_try_init(async || {
            let stored = self.state.get(KEY).await.map_err(drop)?;
            if let Some(stored) = stored.and_then(|value| serde_json::from_value::<Windows>(value).ok()) {
                let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
                // What had not been written yet is taken for the most it can be.
                *windows = Windows { count: stored.count.saturating_add(WRITTEN_EVERY), ..stored };
            }
            Ok::<(), ()>(())
        });
        let _ = load.await;
    }

    /// Counts one.
    pub(crate) async fn count(&self, now: DateTime<Utc>) {
        let windows = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            *windows = windows.moved_to(now);
            windows.count = windows.count.saturating_add(1);
            *windows
        };
        if windows.count.is_multiple_of(WRITTEN_EVERY)
            && let Ok(value) = serde_json::to_value(windows)
        {
            // The count in memory holds; the next fifty are written again.
            let _ = self.state.put(&[StateEntry::new(KEY, value)]).await;
        }
    }

    /// Until when nothing may be sent, when there were too many. Then it is looked at anew.
    pub(crate) fn barred_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner).moved_to(now);
        (windows.sum() >= REFUSALS_MAX).then(|| (windows.started_at + WINDOW).max(now + TimeDelta::seconds(1)))
    }

    /// How many there were lately, when that is worth a look.
    pub(crate) fn many(&self, now: DateTime<Utc>) -> Option<u32> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner).moved_to(now);
        Some(windows.sum()).filter(|sum| *sum >= REFUSALS_NOTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_window_counts_until_it_is_twenty_minutes_old() {
        let start: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let full = Windows { started_at: start, count: 7, before: 5 };
        let sum_after = |minutes| full.moved_to(start + TimeDelta::minutes(minutes)).sum();
        assert_eq!([9, 10, 19, 20, 90].map(sum_after), [12, 7, 7, 0, 0]);
    }
}
