//! Weeks, months and hours of events, in words.

use bot_core::Locale;
use bot_core::i18n::{date, date_time, day_and_month, time_of_day};
use chrono::{DateTime, Datelike as _, Days, NaiveDate, Timelike as _, Utc};
use chrono_tz::Tz;

use super::numbers;
use crate::edition::model::When;
use crate::edition::period::Period;
use crate::words::text;

/// « semaine du 16 au 22 novembre 2026 », « novembre 2026 ».
pub fn period(locale: Locale, period: Period) -> String {
    let first = period.first_day();
    match period {
        Period::Week { .. } => {
            let last = first.checked_add_days(Days::new(6)).unwrap_or(first);
            text(locale, "rendering-week", &[("days", numbers::days(locale, first, last).into())])
        }
        Period::Month { .. } => {
            let first_of_month = day_and_month(locale, first);
            let month = first_of_month.split_once(' ').map_or("", |(_, month)| month);
            format!("{month} {}", first.year())
        }
    }
}

/// A day on a clock: « 18 novembre 2026 ».
pub fn day_of(locale: Locale, moment: DateTime<Utc>, time_zone: Tz) -> String {
    numbers::day(locale, moment.with_timezone(&time_zone).date_naive())
}

/// « lundi 30 novembre 2026 à 18 h (heure de Paris) ».
pub fn moment(locale: Locale, moment: DateTime<Utc>, time_zone: Tz) -> String {
    format!("{} ({})", date_time(locale, moment, time_zone), zone(locale, time_zone))
}

/// Whole days without an hour, or hours with their zone: « jeudi 3 décembre 2026 de 18 h à 20 h (heure de Paris) ».
pub fn when(locale: Locale, when: &When) -> String {
    match *when {
        When::Days { from, to } if from >= to => whole_day(locale, from),
        When::Days { from, to } => numbers::days(locale, from, to),
        When::Moments { from, until: Some(until), time_zone } if until > from => {
            let ends_that_day =
                from.with_timezone(&time_zone).date_naive() == until.with_timezone(&time_zone).date_naive();
            let time = |at: DateTime<Utc>| {
                let local = at.with_timezone(&time_zone);
                time_of_day(locale, local.hour(), local.minute())
            };
            let (id, start, end) = if ends_that_day {
                ("rendering-when-hours", time(from), time(until))
            } else {
                ("rendering-when-span", date_time(locale, from, time_zone), date_time(locale, until, time_zone))
            };
            let day = date(locale, from, time_zone);
            let zone = zone(locale, time_zone);
            text(
                locale,
                id,
                &[("day", day.into()), ("start", start.into()), ("end", end.into()), ("zone", zone.into())],
            )
        }
        When::Moments { from, time_zone, .. } => moment(locale, from, time_zone),
    }
}

fn whole_day(locale: Locale, day: NaiveDate) -> String {
    // Noon UTC of a day is that day in UTC.
    let noon = day.and_hms_opt(12, 0, 0).unwrap_or_default().and_utc();
    date(locale, noon, Tz::UTC)
}

/// « heure de Paris », “Paris time”: zones by their city, as people say them.
fn zone(locale: Locale, time_zone: Tz) -> String {
    let name = time_zone.name();
    // Names without a place are those of no clock on a wall (`UTC`, `Etc/GMT+3`).
    let Some((_, place)) = name.rsplit_once('/').filter(|(area, _)| *area != "Etc") else { return name.to_owned() };
    let place = match (place, locale) {
        ("Reunion", _) => "La Réunion".to_owned(),
        ("St_Barthelemy", _) => "Saint-Barthélemy".to_owned(),
        ("Noumea", _) => "Nouméa".to_owned(),
        ("London", Locale::Fr) => "Londres".to_owned(),
        ("Brussels", Locale::Fr) => "Bruxelles".to_owned(),
        _ => place.replace('_', " "),
    };
    text(locale, "rendering-zone", &[("place", place.into())])
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America, Europe, Indian};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_or_month_is_named_by_its_days() {
        let said = |locale, name: &str| period(locale, name.parse().unwrap()).replace('\u{a0}', " ");
        assert_eq!(said(Locale::Fr, "2026-W47"), "semaine du 16 au 22 novembre 2026");
        assert_eq!(said(Locale::Fr, "2026-W53"), "semaine du 28 décembre 2026 au 3 janvier 2027");
        assert_eq!(said(Locale::En, "2026-W49"), "week of 30 November to 6 December 2026");
        assert_eq!(said(Locale::Fr, "2026-08"), "août 2026");
        assert_eq!(said(Locale::En, "2026-11"), "November 2026");
    }

    #[test]
    fn an_event_says_its_day_hour_and_zone() {
        let said = |locale, it: When| when(locale, &it).replace('\u{a0}', " ");
        let moments = |from: &str, until: Option<&str>, time_zone| When::Moments {
            from: at(from),
            until: until.map(at),
            time_zone,
        };
        let evening = moments("2026-12-03T17:00:00Z", Some("2026-12-03T19:30:00Z"), Europe::Paris);
        assert_eq!(said(Locale::Fr, evening), "jeudi 3 décembre 2026 de 18 h à 20 h 30 (heure de Paris)");
        let endless = moments("2026-12-01T05:00:00Z", None, Indian::Reunion);
        assert_eq!(said(Locale::Fr, endless), "mardi 1er décembre 2026 à 9 h (heure de La Réunion)");
        let days = moments("2026-12-03T17:00:00Z", Some("2026-12-04T19:00:00Z"), America::Martinique);
        assert_eq!(
            said(Locale::En, days),
            "from Thursday 3 December 2026 at 13:00 to Friday 4 December 2026 at 15:00 (Martinique time)"
        );
        let day = |text: &str| text.parse().unwrap();
        assert_eq!(
            said(Locale::Fr, When::Days { from: day("2026-12-03"), to: day("2026-12-03") }),
            "jeudi 3 décembre 2026"
        );
        assert_eq!(
            said(Locale::Fr, When::Days { from: day("2026-11-30"), to: day("2026-12-02") }),
            "du 30 novembre au 2 décembre 2026"
        );
        assert_eq!(zone(Locale::Fr, Tz::UTC), "UTC");
    }
}
