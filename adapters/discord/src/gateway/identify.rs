//! How often the account may present itself at the gateway.
//!
//! Discord allows a thousand times in 24 hours; one more and it takes the bot's token away (docs: Gateway, Identifying).
//! So each time is written down before it happens, and a restart does not forget. After the first fifty they are two
//! minutes apart, which makes 770 a day at most.

use bot_core::store::account_state::{AccountState, StateEntry, StateError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

const WINDOW: TimeDelta = TimeDelta::hours(24);
/// So many in a window need no pause between them.
const FREELY_MAX: u32 = 50;
const APART: TimeDelta = TimeDelta::minutes(2);
/// Left for somebody who repairs something by hand.
const KEPT_IN_RESERVE: u64 = 50;
const KEY: &str = "identify";

/// What Discord itself says is left (docs: Session Start Limit Object).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StartLimit {
    pub total: u64,
    pub remaining: u64,
    pub reset_after: TimeDelta,
}

/// Why it may not be done now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NotYet {
    /// Our own pace.
    Paused { until: DateTime<Utc> },
    /// Discord has counted almost as many as it allows, more than this account knows of.
    NearlyUsedUp { remaining: u64, until: DateTime<Utc> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Ledger {
    since: DateTime<Utc>,
    used: u32,
    last: DateTime<Utc>,
}

impl Ledger {
    /// Writes one down, when it may be.
    fn charge(self, limit: Option<StartLimit>, now: DateTime<Utc>) -> Result<Self, NotYet> {
        if let Some(limit) = limit
            && limit.remaining <= KEPT_IN_RESERVE.min(limit.total / 4)
        {
            return Err(NotYet::NearlyUsedUp { remaining: limit.remaining, until: now + limit.reset_after });
        }
        // A clock set back by hand must not shut the account out.
        let fresh = self.used == 0 || now >= self.since + WINDOW || now < self.since;
        let ledger = if fresh { Self { since: now, used: 0, last: self.last } } else { self };
        if ledger.used >= FREELY_MAX && now < ledger.last + APART {
            return Err(NotYet::Paused { until: ledger.last + APART });
        }
        Ok(Self { used: ledger.used + 1, last: now, ..ledger })
    }
}

/// Writes one presentation down before it is made.
pub(crate) async fn charge(
    state: &AccountState,
    limit: Option<StartLimit>,
    now: DateTime<Utc>,
) -> Result<Result<(), NotYet>, StateError> {
    let stored = state.get(KEY).await?.and_then(|value| serde_json::from_value(value).ok());
    let ledger: Ledger = stored.unwrap_or_default();
    match ledger.charge(limit, now) {
        Ok(ledger) => {
            let value = serde_json::json!({ "since": ledger.since, "used": ledger.used, "last": ledger.last });
            state.put(&[StateEntry::new(KEY, value)]).await?;
            Ok(Ok(()))
        }
        Err(not_yet) => Ok(Err(not_yet)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-09-01T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_nearly_used_allowance_is_left_alone() {
        let limit = |remaining| Some(StartLimit { total: 1000, remaining, reset_after: TimeDelta::hours(3) });
        assert!(Ledger::default().charge(limit(51), start()).is_ok());
        let until = start() + TimeDelta::hours(3);
        let refused = Ledger::default().charge(limit(50), start());
        assert_eq!(refused, Err(NotYet::NearlyUsedUp { remaining: 50, until }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// However hard it is tried, a thousand within any 24 hours are never reached.
        #[test]
        fn a_crash_loop_stays_within_the_allowance(gaps in prop::collection::vec(0i64..400, 1500..1501)) {
            let (mut ledger, mut now) = (Ledger::default(), start());
            let mut charged: Vec<DateTime<Utc>> = Vec::new();
            for gap in gaps {
                now += TimeDelta::seconds(gap);
                match ledger.charge(None, now) {
                    Ok(next) => {
                        ledger = next;
                        charged.push(now);
                    }
                    Err(NotYet::Paused { until }) => prop_assert!(until > now),
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
            for (first, from) in charged.iter().enumerate() {
                let within = charged[first..].iter().take_while(|at| **at < *from + WINDOW).count();
                prop_assert!(within < 1000, "{within}");
            }
        }
    }
}
