//! A day as people write it: `15/10`, `15 octobre`, `lundi`, `dans 3 jours`, `2026-10-15`; French and English alike,
//! whatever language is chosen, since people mix them.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// Farthest a day may lie away in days, by `dans … jours`: more is a slip of the finger.
const DAYS_AHEAD_MAX: u64 = 366;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DayError {
    Unreadable,
    /// Today, or before.
    Past(NaiveDate),
}

/// Reads a day after `today`. One without a year is the next such day, unless that comes after `last` while this
/// year's is over: then it is past.
pub(crate) fn read(text: &str, today: NaiveDate, last: NaiveDate) -> Result<NaiveDate, DayError> {
    let text = folded(text);
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let meant = named(&words, today, last)?;
    if meant > today { Ok(meant) } else { Err(DayError::Past(meant)) }
}

/// Monday of the next week.
pub(crate) fn next_week(today: NaiveDate) -> NaiveDate {
    next(today, Weekday::Mon)
}

fn named(words: &[&str], today: NaiveDate, last: NaiveDate) -> Result<NaiveDate, DayError> {
    let after = |days: u64| today.checked_add_days(Days::new(days)).ok_or(DayError::Unreadable);
    match *words {
        // What leads up to a day says nothing about it.
        ["le" | "la" | "au" | "du" | "pour" | "vers" | "on" | "the" | "until", ref rest @ ..] if !rest.is_empty() => {
            named(rest, today, last)
        }
        ["aujourd'hui" | "today"] => Ok(today),
        ["demain" | "tomorrow"] => after(1),
        ["apres-demain"] | ["apres", "demain"] | ["day", "after", "tomorrow"] => after(2),
        ["semaine", "prochaine"] | ["next", "week"] => Ok(next_week(today)),
        ["dans" | "in", count, unit] => {
            let count = counted(count).ok_or(DayError::Unreadable)?;
            match unit {
                "jour" | "jours" | "day" | "days" => ahead(today, count),
                "semaine" | "semaines" | "week" | "weeks" => ahead(today, count.saturating_mul(7)),
                "mois" | "month" | "months" => {
                    let months = u32::try_from(count).ok().filter(|&months| months <= 12);
                    months.and_then(|months| today.checked_add_months(Months::new(months))).ok_or(DayError::Unreadable)
                }
                _ => Err(DayError::Unreadable),
            }
        }
        [day] if weekday(day).is_some() => weekday(day).map(|day| next(today, day)).ok_or(DayError::Unreadable),
        [day, "prochain"] | ["next", day] => weekday(day).map(|day| next(today, day)).ok_or(DayError::Unreadable),
        // A weekday beside a date must be that date's.
        [day, ref rest @ ..] if weekday(day).is_some() => {
            let date = named(rest, today, last)?;
            if weekday(day) == Some(date.weekday()) { Ok(date) } else { Err(DayError::Unreadable) }
        }
        [one] => numbers(one, today, last),
        [one, other] => day_and_month(one, other, None, today, last),
        [one, other, year] => day_and_month(one, other, Some(year), today, last),
        _ => Err(DayError::Unreadable),
    }
}

fn ahead(today: NaiveDate, days: u64) -> Result<NaiveDate, DayError> {
    let fits = days <= DAYS_AHEAD_MAX;
    fits.then(|| today.checked_add_days(Days::new(days))).flatten().ok_or(DayError::Unreadable)
}

/// `15/10`, `15.10.2026`, `2026-10-15`, or the day of the month alone.
fn numbers(word: &str, today: NaiveDate, last: NaiveDate) -> Result<NaiveDate, DayError> {
    let parts: Vec<&str> = word.split(['/', '-', '.']).filter(|part| !part.is_empty()).collect();
    match *parts {
        [year, month, day] if year.len() == 4 => {
            let (year, month, day) = (number(year)?, number(month)?, number(day)?);
            NaiveDate::from_ymd_opt(i32::try_from(year).map_err(|_| DayError::Unreadable)?, month, day)
                .ok_or(DayError::Unreadable)
        }
        [day, month, year] => dated(number(day)?, number(month)?, Some(year), today, last),
        [day, month] => dated(number(day)?, number(month)?, None, today, last),
        [day] => {
            let day = of_month(day).ok_or(DayError::Unreadable)?;
            // The next month that has such a day.
            let months = (0..12).filter_map(|months| today.checked_add_months(Months::new(months)));
            let mut days = months.filter_map(|month| month.with_day(day)).filter(|date| *date > today);
            days.next().ok_or(DayError::Unreadable)
        }
        _ => Err(DayError::Unreadable),
    }
}

fn day_and_month(
    one: &str,
    other: &str,
    year: Option<&str>,
    today: NaiveDate,
    last: NaiveDate,
) -> Result<NaiveDate, DayError> {
    let read = |day, in_month| Some((of_month(day)?, month(in_month)?));
    let (day, month) = read(one, other).or_else(|| read(other, one)).ok_or(DayError::Unreadable)?;
    dated(day, month, year, today, last)
}

fn dated(day: u32, month: u32, year: Option<&str>, today: NaiveDate, last: NaiveDate) -> Result<NaiveDate, DayError> {
    if let Some(year) = year {
        let written = i32::try_from(number(year)?).map_err(|_| DayError::Unreadable)?;
        let year = if year.len() == 2 { 2000 + written } else { written };
        return NaiveDate::from_ymd_opt(year, month, day).ok_or(DayError::Unreadable);
    }
    let this_year = NaiveDate::from_ymd_opt(today.year(), month, day);
    let next_year = NaiveDate::from_ymd_opt(today.year() + 1, month, day);
    match (this_year, next_year) {
        (Some(date), Some(next)) if date <= today && next <= last => Ok(next),
        (Some(date), _) => Ok(date),
        (None, Some(next)) => Ok(next),
        (None, None) => Err(DayError::Unreadable),
    }
}

fn number(digits: &str) -> Result<u32, DayError> {
    let is_short = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_short { digits.parse().map_err(|_| DayError::Unreadable) } else { Err(DayError::Unreadable) }
}

/// `15`, `1er`, `3rd`.
fn of_month(word: &str) -> Option<u32> {
    let digits = ["er", "st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    number(digits).ok().filter(|day| (1..=31).contains(day))
}

fn counted(word: &str) -> Option<u64> {
    match word {
        "un" | "une" | "a" | "one" => Some(1),
        "deux" | "two" => Some(2),
        "trois" | "three" => Some(3),
        "quatre" | "four" => Some(4),
        digits => number(digits).ok().map(u64::from),
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    let day = match word {
        "lundi" | "monday" => Weekday::Mon,
        "mardi" | "tuesday" => Weekday::Tue,
        "mercredi" | "wednesday" => Weekday::Wed,
        "jeudi" | "thursday" => Weekday::Thu,
        "vendredi" | "friday" => Weekday::Fri,
        "samedi" | "saturday" => Weekday::Sat,
        "dimanche" | "sunday" => Weekday::Sun,
        _ => return None,
    };
    Some(day)
}

/// The next `day` after `today`: said on a Monday, « lundi » is in a week.
fn next(today: NaiveDate, day: Weekday) -> NaiveDate {
    let ahead = (7 + day.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7;
    let ahead = if ahead == 0 { 7 } else { ahead };
    today.checked_add_days(Days::new(ahead.into())).unwrap_or(today)
}

/// A month by its name, or by at least three of its first letters that no other month has.
fn month(word: &str) -> Option<u32> {
    const NAMES: [[&str; 12]; 2] = [
        [
            "janvier",
            "fevrier",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "aout",
            "septembre",
            "octobre",
            "novembre",
            "decembre",
        ],
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
    ];
    let word = word.trim_end_matches('.');
    if word.len() < 3 {
        return None;
    }
    // « jui » may be June or July.
    let mut found = NAMES.iter().flat_map(|names| names.iter().zip(1..)).filter(|(name, _)| name.starts_with(word));
    let (_, number) = found.next()?;
    found.all(|(_, other)| other == number).then_some(number)
}

/// Small letters without accents, typographic marks as they are typed.
fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'û' | 'ù' | 'ü' => 'u',
        'ç' => 'c',
        '’' => '\'',
        '–' | '‑' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    text.trim().trim_end_matches(['.', '!']).chars().flat_map(char::to_lowercase).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A Tuesday; the questionnaire ends on 13 November.
    fn said(text: &str) -> Result<NaiveDate, DayError> {
        read(text, day("2026-10-06"), day("2026-11-13"))
    }

    #[test]
    fn days_are_read_as_people_write_them() {
        for (text, meant) in [
            ("15/10", "2026-10-15"),
            ("15/10/2026", "2026-10-15"),
            ("15-10-26", "2026-10-15"),
            ("15.10.", "2026-10-15"),
            ("2026-10-15", "2026-10-15"),
            ("15 octobre", "2026-10-15"),
            ("le 15 octobre 2026", "2026-10-15"),
            ("Jeudi 15 octobre", "2026-10-15"),
            ("15 oct.", "2026-10-15"),
            ("October 15th", "2026-10-15"),
            ("on 15 October, 2026", "2026-10-15"),
            ("1er novembre", "2026-11-01"),
            ("le 15", "2026-10-15"),
            ("5", "2026-11-05"),
            ("lundi", "2026-10-12"),
            ("Mardi prochain", "2026-10-13"),
            ("next friday", "2026-10-09"),
            ("demain", "2026-10-07"),
            ("Tomorrow", "2026-10-07"),
            ("après-demain", "2026-10-08"),
            ("la semaine prochaine", "2026-10-12"),
            ("dans 3 jours", "2026-10-09"),
            ("in two weeks", "2026-10-20"),
            ("dans un mois", "2026-11-06"),
        ] {
            assert_eq!(said(text), Ok(day(meant)), "{text}");
        }
    }

    #[test]
    fn what_is_over_is_said_so() {
        for (text, over) in [
            ("5/10", "2026-10-05"),
            ("aujourd’hui", "2026-10-06"),
            ("6 octobre", "2026-10-06"),
            ("2025-12-01", "2025-12-01"),
            ("12 septembre", "2026-09-12"),
        ] {
            assert_eq!(said(text), Err(DayError::Past(day(over))), "{text}");
        }
    }

    #[test]
    fn over_the_turn_of_the_year_a_day_without_a_year_is_the_next_one() {
        let before = |text| read(text, day("2026-12-20"), day("2027-02-15"));
        assert_eq!(before("12 janvier"), Ok(day("2027-01-12")));
        assert_eq!(before("19/12"), Err(DayError::Past(day("2026-12-19"))));
        assert_eq!(before("24/12"), Ok(day("2026-12-24")));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "bientôt",
            "31/11",
            "32/10",
            "15/13",
            "10/2026",
            "jui 15",
            "lundi 15 octobre",
            "dans 9999 jours",
            "le",
            "1/2/3/4",
        ] {
            assert_eq!(said(text), Err(DayError::Unreadable), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_lies_ahead(text in ".{0,40}", numbers in "[0-9]{1,4}[/. -][0-9]{1,2}[/. -]?[0-9]{0,4}") {
            for text in [text, numbers] {
                if let Ok(date) = said(&text) {
                    prop_assert!(date > day("2026-10-06"));
                }
            }
        }

        #[test]
        fn a_date_reads_back_in_every_form(ahead in 1u64..300) {
            let (today, last) = (day("2026-10-06"), day("2027-12-31"));
            let date = today + Days::new(ahead);
            for form in ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%y", "%d/%m", "%-d %B", "%B %-d, %Y"] {
                prop_assert_eq!(read(&date.format(form).to_string(), today, last), Ok(date));
            }
        }
    }
}
