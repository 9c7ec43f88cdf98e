//! Hours and holidays as the law and the organisers' rules have them, written out by hand: nothing here asks the
//! calendar under test.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _, Weekday};

use crate::campaigns::{DAY_BEGINS, DAY_ENDS, OFFICE_BEGINS, OFFICE_ENDS};
use crate::world::Quiet;

/// The holidays of all of France in 2026 and 2027 (Code du travail, L3133-1), as year, month, day.
const EVERYWHERE: [(i32, u32, u32); 22] = [
    (2026, 1, 1),
    (2026, 4, 6),
    (2026, 5, 1),
    (2026, 5, 8),
    (2026, 5, 14),
    (2026, 5, 25),
    (2026, 7, 14),
    (2026, 8, 15),
    (2026, 11, 1),
    (2026, 11, 11),
    (2026, 12, 25),
    (2027, 1, 1),
    (2027, 3, 29),
    (2027, 5, 1),
    (2027, 5, 8),
    (2027, 5, 6),
    (2027, 5, 17),
    (2027, 7, 14),
    (2027, 8, 15),
    (2027, 11, 1),
    (2027, 11, 11),
    (2027, 12, 25),
];

/// Holidays of the départements of these codes, as month and day.
struct Local(&'static [&'static str], &'static [(u32, u32)]);

const LOCAL: [Local; 8] = [
    Local(&["971"], &[(5, 27), (7, 21)]),
    Local(&["972"], &[(5, 22), (7, 21)]),
    Local(&["973"], &[(6, 10)]),
    Local(&["974"], &[(12, 20)]),
    Local(&["976"], &[(4, 27)]),
    Local(&["987"], &[(3, 5), (11, 20)]),
    Local(&["988"], &[(9, 24)]),
    // Saint Stephen's Day of Alsace and Moselle (L3134-13).
    Local(&["57", "67", "68"], &[(12, 26)]),
];

/// Good Friday, where it is one (L3134-13; French Polynesia).
const GOOD_FRIDAYS: [(i32, u32, u32); 2] = [(2026, 4, 3), (2027, 3, 26)];
const GOOD_FRIDAY_IN: [&str; 4] = ["57", "67", "68", "987"];

pub fn is_holiday(date: NaiveDate, departement: &str) -> bool {
    let full = (date.year(), date.month(), date.day());
    let is_local =
        |Local(codes, days): &Local| codes.contains(&departement) && days.contains(&(date.month(), date.day()));
    EVERYWHERE.contains(&full)
        || LOCAL.iter().any(is_local)
        || (GOOD_FRIDAYS.contains(&full) && GOOD_FRIDAY_IN.contains(&departement))
}

/// Why nothing that nobody asked for may be read at this time of the recipient's wall; `None` when it may.
pub fn objection(wall: NaiveDateTime, departement: &str, quiet: Quiet, is_campaign: bool) -> Option<&'static str> {
    if is_holiday(wall.date(), departement) {
        return Some("on a holiday");
    }
    let (begins, ends) = if is_campaign { (OFFICE_BEGINS, OFFICE_ENDS) } else { (DAY_BEGINS, DAY_ENDS) };
    if wall.weekday() == Weekday::Sun || (is_campaign && wall.weekday() == Weekday::Sat) {
        return Some("at a weekend");
    }
    if !(begins..ends).contains(&wall.hour()) {
        return Some("outside of the sender's hours");
    }
    quiet.forbids(wall).then_some("in the person's quiet hours")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(wall: &str, departement: &str, quiet: Quiet, is_campaign: bool) -> Option<&'static str> {
        let wall = NaiveDateTime::parse_from_str(wall, "%F %R").unwrap();
        objection(wall, departement, quiet, is_campaign)
    }

    #[test]
    fn hours_days_and_wishes_are_kept_apart() {
        assert_eq!(asked("2026-11-10 10:00", "44", Quiet::Never, true), None);
        assert_eq!(asked("2026-11-11 10:00", "44", Quiet::Never, true), Some("on a holiday"));
        assert_eq!(asked("2026-11-14 10:00", "44", Quiet::Never, true), Some("at a weekend"));
        assert_eq!(asked("2026-11-14 10:00", "44", Quiet::Never, false), None);
        assert_eq!(asked("2026-11-10 18:00", "44", Quiet::Never, true), Some("outside of the sender's hours"));
        assert_eq!(asked("2026-11-10 18:00", "44", Quiet::Never, false), None);
        assert_eq!(asked("2026-11-18 10:00", "44", Quiet::Wednesdays, false), Some("in the person's quiet hours"));
        assert_eq!(asked("2026-04-03 10:00", "67", Quiet::Never, true), Some("on a holiday"));
        assert_eq!(asked("2026-04-03 10:00", "88", Quiet::Never, true), None);
        assert_eq!(asked("2026-07-21 10:00", "972", Quiet::Never, true), Some("on a holiday"));
    }
}
