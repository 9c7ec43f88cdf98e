//! What this process holds of the sessions that are busy right now: the writer's lock, the bell that wakes event
//! streams, and how much a session may still send. Nothing here outlives the process, and nothing is remembered of a
//! session that rests.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bot_core::Clock;
use bot_core::adapter::Rate;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::session::SessionId;

/// Sessions and buckets remembered before resting ones are forgotten.
const SWEEP_AT_MIN: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct LiveSession {
    /// Held while the transcript is written: numbers follow one another.
    pub writing: tokio::sync::Mutex<()>,
    bell: watch::Sender<()>,
    /// Ends the session's event streams once it is removed.
    pub removed: CancellationToken,
    streams: AtomicU16,
}

impl LiveSession {
    /// Wakes the session's streams: there is something new to read.
    pub(crate) fn ring(&self) {
        self.bell.send_replace(());
    }

    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// A place for one event stream, given back when the value is dropped; `None` when all are taken.
    pub(crate) fn open_stream(self: &Arc<Self>, streams_max: u16) -> Option<StreamPlace> {
        let add = |count: u16| (count < streams_max).then_some(count + 1);
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok()?;
        Some(StreamPlace(self.clone()))
    }
}

#[derive(Debug)]
pub(crate) struct StreamPlace(Arc<LiveSession>);

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The busy sessions.
#[derive(Debug, Default)]
pub(crate) struct LiveSessions(Mutex<HashMap<SessionId, Arc<LiveSession>>>);

impl LiveSessions {
    pub(crate) fn of(&self, session: &SessionId) -> Arc<LiveSession> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sweep(&mut sessions, |live| Arc::strong_count(live) > 1);
        sessions.entry(session.clone()).or_default().clone()
    }

    pub(crate) fn remove(&self, session: &SessionId) {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
        if let Some(live) = live {
            live.removed.cancel();
        }
    }
}

/// Token buckets, one per key, on business time.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    rate: Rate,
    clock: Clock,
    /// When each bucket will be full again. One that is full is the same as none.
    full_at: Mutex<HashMap<K, DateTime<Utc>>>,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(crate) fn new(rate: Rate, clock: Clock) -> Self {
        Self { rate, clock, full_at: Mutex::default() }
    }

    /// Takes one token, or says how long it is until there is one.
    pub(crate) fn take(&self, key: K) -> Result<(), TimeDelta> {
        let now = self.clock.now();
        let capacity = self.rate.interval * i32::try_from(self.rate.burst).unwrap_or(i32::MAX);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        sweep(&mut full_at, |full_at| *full_at > now);
        let entry = full_at.entry(key).or_insert(now);
        // A clock that was set back must not lock anybody out for longer than an empty bucket would.
        *entry = (*entry).clamp(now, now + capacity);
        let full_again = *entry + self.rate.interval;
        if full_again - now > capacity {
            return Err(full_again - now - capacity);
        }
        *entry = full_again;
        Ok(())
    }
}

/// Forgets what need not be kept, now and then, so that the work for each entry stays small on average.
fn sweep<K: Hash + Eq, V>(map: &mut HashMap<K, V>, keep: impl Fn(&V) -> bool) {
    if map.len() >= SWEEP_AT_MIN && map.len() == map.capacity() {
        map.retain(|_, value| keep(value));
        map.shrink_to(2 * map.len());
    }
}

/// What counts as one visitor's network: an IPv4 address, or an IPv6 /64, since one household has a whole one.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::manual("2026-09-01T08:00:00Z".parse().unwrap())
    }

    fn rate() -> Rate {
        Rate { burst: 3, interval: TimeDelta::seconds(2) }
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_one_per_interval() {
        let clock = clock();
        let buckets = Buckets::new(rate(), clock.clone());
        assert_eq!([(); 4].map(|()| buckets.take("a")), [Ok(()), Ok(()), Ok(()), Err(TimeDelta::seconds(2))]);
        assert_eq!(buckets.take("b"), Ok(()), "another key has a bucket of its own");
        clock.advance(TimeDelta::milliseconds(1500));
        assert_eq!(buckets.take("a"), Err(TimeDelta::milliseconds(500)));
        clock.advance(TimeDelta::milliseconds(500));
        assert_eq!(buckets.take("a"), Ok(()));
        assert!(buckets.take("a").is_err());
        clock.advance(TimeDelta::days(-3));
        assert_eq!(buckets.take("a"), Err(TimeDelta::seconds(2)), "a clock set back locks nobody out");
        clock.advance(TimeDelta::hours(1));
        assert_eq!([(); 3].map(|()| buckets.take("a")), [Ok(()); 3]);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let clock = clock();
        let buckets = Buckets::new(rate(), clock.clone());
        for key in 0..50_000 {
            buckets.take(key).unwrap();
            clock.advance(TimeDelta::seconds(1));
        }
        assert!(buckets.full_at.lock().unwrap().len() < 5_000);
    }

    #[test]
    fn streams_are_bounded_and_give_their_place_back() {
        let live = Arc::new(LiveSession::default());
        let first = live.open_stream(1).unwrap();
        assert!(live.open_stream(1).is_none());
        drop(first);
        assert!(live.open_stream(1).is_some());
    }

    #[test]
    fn a_household_is_one_visitor() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
    }
}
