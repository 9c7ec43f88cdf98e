//! Business time. Everything that asks "what time is it" or waits for a moment asks a [`Clock`], so that tests
//! move time instead of sleeping.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::sync::watch;
use uuid::Uuid;

/// The time of day, from the system or moved by hand. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<DateTime<Utc>>>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] or [`Clock::set`] moves it.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// Now, in whole microseconds as Postgres stores them.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
            Source::System => chrono::SubsecRound::trunc_subsecs(Utc::now(), 6),
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Moves a manual clock forward. A system clock cannot be moved: this does nothing then.
    pub fn advance(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }

    /// Sets a manual clock, also backwards, as an operator's mistake or a bad time server would.
    pub fn set(&self, to: DateTime<Utc>) {
        if let Source::Manual(now) = &self.0 {
            now.send_replace(to);
        }
    }

    /// Waits until the clock reads `moment` or later.
    pub async fn sleep_until(&self, moment: DateTime<Utc>) {
        match &self.0 {
            #[allow(clippy::disallowed_methods, reason = "the one place that sleeps by the system's clock")]
            Source::System => {
                // A long wait is cut up, since the wall clock may be set while we sleep.
                loop {
                    let wait = (moment - self.now()).to_std().unwrap_or_default();
                    if wait.is_zero() {
                        return;
                    }
                    tokio::time::sleep(wait.min(std::time::Duration::from_secs(60))).await;
                }
            }
            Source::Manual(now) => {
                let mut now = now.subscribe();
                // An error means that the clock was dropped: time stands still, so this never returns.
                if now.wait_for(|now| *now >= moment).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// Random numbers from a seed, shared by what needs them. Production seeds it from the operating system.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Runs `draw` with the generator.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        // A poisoned lock only means that another caller panicked: the generator itself is still sound.
        draw(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        self.draw(|rng| {
            let mut bytes = [0; N];
            rng.fill_bytes(&mut bytes);
            bytes
        })
    }

    /// A generator of its own, seeded from this one: what runs apart draws apart.
    pub fn fork(&self) -> StdRng {
        StdRng::from_seed(self.bytes())
    }

    /// A version 7 uuid (RFC 9562): sorts by `now`.
    pub fn uuid(&self, now: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers() {
        let start: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + TimeDelta::hours(2)).await }
        });
        clock.advance(TimeDelta::hours(3));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), start + TimeDelta::hours(3));
    }

    #[test]
    fn the_same_seed_draws_the_same_ids() {
        let now: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        assert_eq!(Random::seeded(7).uuid(now), Random::seeded(7).uuid(now));
        assert!(Random::seeded(7).uuid(now) < Random::seeded(7).uuid(now + TimeDelta::seconds(1)));
    }
}
