//! What Discord has said about its rate limits: which buckets are empty, and until when.
//!
//! Nothing waits here. A call that would be refused is answered without being made; pacing is the outbox's.

use std::collections::HashMap;

use bot_core::adapter::GateScope;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;

/// Buckets that nobody needs any more are forgotten when there are more than this.
const BUCKETS_KEPT_MAX: usize = 10_000;

/// One kind of call on one top-level resource, which is how Discord keeps its limits apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Limited {
    /// Method and path, without ids.
    pub route: &'static str,
    /// The channel or webhook in the path; empty where there is none.
    pub resource: String,
    /// What an empty bucket bars.
    pub scope: GateScope,
}

/// A call that must not be made yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Barred {
    pub after: TimeDelta,
    pub scope: GateScope,
}

/// Everything this process knows of Discord's limits.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Discord's own name of a route's bucket: several routes may share one.
    names: HashMap<&'static str, String>,
    buckets: HashMap<(String, String), Bucket>,
    /// Refusals, by route and resource.
    closed: HashMap<(&'static str, String), DateTime<Utc>>,
    account_until: Option<DateTime<Utc>>,
    host_until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    remaining: u32,
    full_at: DateTime<Utc>,
}

impl Limits {
    /// Counts one call, or says why it must wait.
    pub(crate) fn admit(&mut self, limited: &Limited, now: DateTime<Utc>) -> Result<(), Barred> {
        for (until, scope) in [(self.host_until, GateScope::Host), (self.account_until, GateScope::Account)] {
            if let Some(until) = until.filter(|until| *until > now) {
                return Err(Barred { after: until - now, scope });
            }
        }
        let closed = self.closed.get(&(limited.route, limited.resource.clone()));
        if let Some(until) = closed.filter(|until| **until > now) {
            return Err(Barred { after: *until - now, scope: limited.scope });
        }
        let Some(bucket) = self.bucket_of(limited) else { return Ok(()) };
        if bucket.full_at <= now {
            return Ok(());
        }
        if bucket.remaining == 0 {
            return Err(Barred { after: bucket.full_at - now, scope: limited.scope });
        }
        bucket.remaining -= 1;
        Ok(())
    }

    /// Learns from the headers that every answer carries.
    pub(crate) fn learn(&mut self, limited: &Limited, headers: &HeaderMap, now: DateTime<Utc>) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(name), Some(remaining), Some(reset_after)) = (
            text("x-ratelimit-bucket"),
            text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
            text("x-ratelimit-reset-after").and_then(seconds),
        ) else {
            return;
        };
        self.names.insert(limited.route, name.to_owned());
        if self.buckets.len() >= BUCKETS_KEPT_MAX {
            self.buckets.retain(|_, bucket| bucket.full_at > now);
        }
        let key = (name.to_owned(), limited.resource.clone());
        self.buckets.insert(key, Bucket { remaining, full_at: now + reset_after });
    }

    /// Learns from a refusal how long its scope is closed.
    pub(crate) fn close(&mut self, limited: &Limited, barred: Barred, now: DateTime<Utc>) {
        let until = now + barred.after;
        match barred.scope {
            GateScope::Host => self.host_until = Some(until),
            GateScope::Account => self.account_until = Some(until),
            GateScope::Route | GateScope::Conversation => {
                if self.closed.len() >= BUCKETS_KEPT_MAX {
                    self.closed.retain(|_, until| *until > now);
                }
                self.closed.insert((limited.route, limited.resource.clone()), until);
            }
        }
    }

    fn bucket_of(&mut self, limited: &Limited) -> Option<&mut Bucket> {
        let name = self.names.get(limited.route)?.clone();
        self.buckets.get_mut(&(name, limited.resource.clone()))
    }
}

/// Reads decimal seconds as Discord writes them (`64.57`), rounded up to a millisecond.
pub(crate) fn seconds(text: &str) -> Option<TimeDelta> {
    let seconds: f64 = text.trim().parse().ok()?;
    // A day is longer than any limit Discord states.
    (0.0..=86_400.0).contains(&seconds).then(|| TimeDelta::milliseconds((seconds * 1000.0).ceil() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-09-01T08:00:00Z".parse().unwrap()
    }

    fn channel(resource: &str) -> Limited {
        Limited { route: "POST messages", resource: resource.to_owned(), scope: GateScope::Conversation }
    }

    fn headers(remaining: &str) -> HeaderMap {
        let pairs =
            [("x-ratelimit-bucket", "abcd"), ("x-ratelimit-remaining", remaining), ("x-ratelimit-reset-after", "2.5")];
        pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_empty_bucket_bars_its_channel_only() {
        let mut limits = Limits::default();
        assert_eq!(limits.admit(&channel("1"), now()), Ok(()));
        limits.learn(&channel("1"), &headers("1"), now());
        assert_eq!(limits.admit(&channel("1"), now()), Ok(()), "one was left");
        let barred = Barred { after: TimeDelta::milliseconds(2500), scope: GateScope::Conversation };
        assert_eq!(limits.admit(&channel("1"), now()), Err(barred));
        assert_eq!(limits.admit(&channel("2"), now()), Ok(()), "another channel has a bucket of its own");
        assert_eq!(limits.admit(&channel("1"), now() + barred.after), Ok(()), "it is full again");
    }

    #[test]
    fn routes_that_share_a_bucket_empty_it_together() {
        let mut limits = Limits::default();
        let edit = Limited { route: "PATCH message", ..channel("1") };
        limits.learn(&channel("1"), &headers("0"), now());
        limits.learn(&edit, &headers("0"), now());
        assert!(limits.admit(&edit, now()).is_err() && limits.admit(&channel("1"), now()).is_err());
    }

    #[test]
    fn a_wider_refusal_bars_everything() {
        let mut limits = Limits::default();
        let account = Barred { after: TimeDelta::seconds(3), scope: GateScope::Account };
        limits.close(&channel("1"), account, now());
        assert_eq!(limits.admit(&channel("2"), now()), Err(account));
        let host = Barred { after: TimeDelta::hours(1), scope: GateScope::Host };
        limits.close(&channel("1"), host, now());
        assert_eq!(limits.admit(&channel("3"), now()), Err(host));
        assert_eq!(limits.admit(&channel("3"), now() + host.after), Ok(()));
    }

    #[test]
    fn a_refusal_without_a_known_bucket_bars_the_channel() {
        let mut limits = Limits::default();
        let barred = Barred { after: TimeDelta::seconds(1), scope: GateScope::Conversation };
        limits.close(&channel("1"), barred, now());
        assert_eq!(limits.admit(&channel("1"), now()), Err(barred));
        assert_eq!(limits.admit(&channel("2"), now()), Ok(()));
    }

    #[test]
    fn seconds_are_read_as_written() {
        assert_eq!(seconds("64.57"), Some(TimeDelta::milliseconds(64_570)));
        assert_eq!(["-1", "x", "", "1e99", "NaN"].map(seconds), [None; 5]);
    }
}
