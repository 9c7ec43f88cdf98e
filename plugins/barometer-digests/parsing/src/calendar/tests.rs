use std::fmt::Write as _;

use super::*;
use crate::recurrence::{CALENDAR_DAYS_MAX, RULE_DAYS_MAX};

fn read_counted(text: &str) -> (Calendar, usize) {
    let mut walk = Walk::of_calendar();
    let calendar = read_within(text.as_bytes(), None, "https://ville.example/", chrono_tz::Europe::Paris, &mut walk);
    (calendar.unwrap(), walk.walked())
}

fn calendar_of(rule: &str) -> String {
    let mut text = "BEGIN:VCALENDAR\r\n".to_owned();
    for number in 0..EVENTS_MAX {
        write!(
            text,
            "BEGIN:VEVENT\r\nUID:{number}\r\nSUMMARY:Marché {number}\r\nDTSTART:19700101T080000Z\r\n\
             RRULE:{rule}\r\nEND:VEVENT\r\n"
        )
        .unwrap();
    }
    text + "END:VCALENDAR\r\n"
}

#[test]
fn a_calendar_of_rules_without_end_is_read_and_told_in_few_steps() {
    let moment = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let (from, until) = (moment("2026-11-21T00:00:00Z"), moment("2029-01-30T00:00:00Z"));
    let days_of_year = format!("FREQ=DAILY;COUNT=4000000000;BYYEARDAY=-366{}", ",-366".repeat(400));
    for (rule, is_followed) in [
        ("FREQ=DAILY;COUNT=4000000000", true),
        ("FREQ=YEARLY;COUNT=4000000000", true),
        (days_of_year.as_str(), false),
        ("FREQ=DAILY;COUNT=4000000000;BYDAY=MO,MO,MO", false),
        ("FREQ=YEARLY;COUNT=1;BYMONTH=2;BYMONTHDAY=30", false),
    ] {
        let (calendar, walked) = read_counted(&calendar_of(rule));
        assert_eq!(calendar.events.len(), EVENTS_MAX, "{rule}");
        assert!(walked <= if is_followed { 0 } else { CALENDAR_DAYS_MAX }, "{rule}: {walked}");
        assert!(calendar.events.iter().all(|event| event.rule.is_some() == is_followed), "{rule}");
        let refused = calendar.remarks.iter().any(|remark| matches!(remark, Remark::UnknownRule { .. }));
        assert_eq!(refused, !is_followed, "{rule}");
        for event in &calendar.events {
            let mut walk = Walk::of_rule();
            let told = event.occurrences_within(from, until, chrono_tz::Europe::Paris, &mut walk);
            assert_eq!(told.is_empty(), !is_followed, "{rule}");
            // The days that are asked for, to the ends of their years.
            assert!(walk.walked() <= 4 * 366, "{rule}: {}", walk.walked());
        }
    }
}

#[test]
fn a_rule_that_never_comes_true_is_walked_for_a_century() {
    let (calendar, walked) = read_counted(&calendar_of("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"));
    assert_eq!(walked, 0);
    let mut walk = Walk::of_rule();
    let event = &calendar.events[0];
    let told =
        event.occurrences_within(DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC, chrono_tz::Europe::Paris, &mut walk);
    assert_eq!(told, []);
    assert!(walk.walked() <= RULE_DAYS_MAX, "{}", walk.walked());
}

#[test]
fn no_text_of_a_calendar_holds_signs_that_the_database_refuses() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:\u{0}a\u{1}b\u{7f}\u{85}c\u{0}\nSUMMARY:Bal\u{0} du\u{8} 14\n\
                DESCRIPTION:un\u{0}<b>\u{1}deux</b>&#0;\nLOCATION:\u{0}Place\u{1b}\nURL:https://ville.example/\u{0}a\n\
                DTSTART;TZID=Nulle\u{0}part:20260714T200000\nRRULE:FREQ=\u{0}\nEND:VEVENT\n\
                BEGIN:VEVENT\nUID:\u{0}\nSUMMARY:Feu\nDTSTART:20260714\nEND:VEVENT\nEND:VCALENDAR\n";
    let (calendar, _) = read_counted(text);
    let json = serde_json::to_string(&calendar).unwrap();
    assert!(!json.contains("\\u00") && !json.contains(char::is_control), "{json}");
    let uids: Vec<_> = calendar.events.iter().map(|event| event.uid.as_deref()).collect();
    assert_eq!(uids, [Some("abc"), None], "{json}");
}
