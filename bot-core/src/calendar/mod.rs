//! Local time: what moment an hour on the wall means, when a cron line comes round again, which days are holidays,
//! and when a message that nobody asked for may go out.
//!
//! What is due follows one rule where the clocks change. An hour that a spring change skips means the first moment
//! after it; an hour that an autumn change repeats means the first of the two. So what is due every day is due exactly
//! once on each day, never twice and never backwards. Whether a moment lies within someone's hours is another question:
//! there the clock on the wall decides, in both passes of a repeated hour.

mod cron;
pub mod holidays;
pub mod hours;
#[cfg(test)]
mod laws;
pub mod sending;
pub mod words;

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

pub use self::cron::{CronError, next_occurrence};

/// The moment at which clocks in `time_zone` show `local`: the first moment after it where they skip it, the first
/// of the two where they show it twice.
pub fn resolve_local(local: NaiveDateTime, time_zone: Tz) -> DateTime<Utc> {
    if let Some(moment) = time_zone.from_local_datetime(&local).earliest() {
        return moment.to_utc();
    }
    GapInfo::new(&local, &time_zone)
        .and_then(|gap| gap.end)
        // Only a time at the very edge of what chrono counts is neither shown nor skipped.
        .map_or_else(|| local.and_utc(), |end| end.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_skipped_hour_means_the_first_moment_after_it() {
        assert_eq!(resolve_local(local("2026-03-29T02:30:00"), Tz::Europe__Paris), at("2026-03-29T01:00:00Z"));
        // Samoa crossed the date line: 30 December 2011 never was.
        assert_eq!(resolve_local(local("2011-12-30T12:00:00"), Tz::Pacific__Apia), at("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_repeated_hour_means_the_first_of_the_two() {
        assert_eq!(resolve_local(local("2026-10-25T02:30:00"), Tz::Europe__Paris), at("2026-10-25T00:30:00Z"));
    }
}
