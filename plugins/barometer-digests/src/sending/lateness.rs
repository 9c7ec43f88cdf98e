//! What lateness means to a digest. It is counted from the reader's hour, whoever was late: the editor or the service.

use chrono::{DateTime, TimeDelta, Utc};

/// Nobody is punctual to the minute: handing 50,000 over takes some, whatever the digest file allows.
const GRACE: TimeDelta = TimeDelta::minutes(30);
/// What was handed over in time may stand in the outbox for so long: the platforms' own pace, a short outage.
const OUTBOX: TimeDelta = TimeDelta::hours(3);
/// Where the digest file no longer has a schedule for an edition that is under way.
const UNSAID_HOURS: u16 = 24;

/// How late a digest may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lateness(TimeDelta);

impl Lateness {
    /// `hours`: as the digest file says, `None` where it does not.
    pub fn of_hours(hours: Option<u16>) -> Self {
        Self(TimeDelta::hours(hours.unwrap_or(UNSAID_HOURS).into()).max(GRACE))
    }

    /// Hours before this one have passed for good.
    pub fn missed_before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.0
    }

    /// The last moment at which what is handed over `now` may go out.
    pub fn not_after(self, due_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        (due_at + self.0).max(now + OUTBOX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        let monday: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().unwrap();
        monday + TimeDelta::minutes(minutes)
    }

    #[test]
    fn an_hour_has_passed_when_the_digest_file_says_so() {
        let missed = |hours, late| at(0) < Lateness::of_hours(hours).missed_before(at(late));
        assert!(!missed(Some(6), 360) && missed(Some(6), 361));
        assert!(!missed(Some(0), 30) && missed(Some(0), 31), "nobody is punctual to the minute");
        assert!(!missed(None, 24 * 60) && missed(None, 24 * 60 + 1));
    }

    proptest! {
        /// Whatever is handed over has time to go out, and none of it goes out later than the file's lateness and the
        /// outbox's time together.
        #[test]
        fn what_is_handed_over_in_time_has_time(hours in 0_u16..500, late in 0_i64..40_000) {
            let lateness = Lateness::of_hours(Some(hours));
            let (due_at, now) = (at(0), at(late));
            prop_assume!(due_at >= lateness.missed_before(now));
            let not_after = lateness.not_after(due_at, now);
            prop_assert!(not_after >= now + OUTBOX);
            prop_assert!(not_after <= due_at + TimeDelta::hours(hours.into()).max(GRACE) + OUTBOX);
        }

        /// Later never becomes in time again.
        #[test]
        fn what_is_missed_stays_missed(hours in 0_u16..500, late in 0_i64..40_000, more in 0_i64..10_000) {
            let lateness = Lateness::of_hours(Some(hours));
            if at(0) < lateness.missed_before(at(late)) {
                prop_assert!(at(0) < lateness.missed_before(at(late + more)));
            }
        }
    }
}
