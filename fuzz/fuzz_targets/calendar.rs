//! Whatever comes as a calendar is read or refused, and its events take place within bounds.

#![no_main]

use chrono::{DateTime, TimeDelta, Utc};
use digest_parsing::calendar::{self, EVENTS_MAX, OCCURRENCES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let paris = chrono_tz::Europe::Paris;
    let Ok(calendar) = calendar::read(bytes, None, "https://ville.example/agenda.ics", paris) else { return };
    assert!(calendar.events.len() <= EVENTS_MAX);
    // 22 November 2026.
    let from = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_779);
    let until = from + TimeDelta::days(35);
    for event in calendar.events.iter().take(50) {
        let occurrences = event.occurrences(from, until, paris);
        assert!(occurrences.len() <= OCCURRENCES_MAX);
        for occurrence in &occurrences {
            let begins_at = occurrence.when.begins_at(paris);
            assert!(from <= begins_at && begins_at < until);
        }
    }
});
