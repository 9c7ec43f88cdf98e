//! Dates as feeds write them: RFC 3339, RFC 822 and everything near it, with the months in English or French.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};

/// By their first letters, without accents; `jui` alone is either.
const MONTHS: [&[&str]; 12] = [
    &["jan"],
    &["feb", "fev", "fév"],
    &["mar"],
    &["apr", "avr"],
    &["may", "mai"],
    &["jun", "juin"],
    &["jul", "juil"],
    &["aug", "aou", "aoû"],
    &["sep"],
    &["oct"],
    &["nov"],
    &["dec", "déc"],
];

/// Zones by name that RFC 822 and French servers use, in hours from UTC.
const ZONES: [(&str, i32); 13] = [
    ("z", 0),
    ("gmt", 0),
    ("ut", 0),
    ("utc", 0),
    ("cet", 1),
    ("cest", 2),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("pst", -8),
    ("pdt", -7),
];

/// `None`: this is no date. Where a zone is missing it is UTC, where the time is missing it is midnight.
pub(super) fn read(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text.len() > 100 {
        return None;
    }
    numeric(text).or_else(|| in_words(text))
}

/// `2026-11-16T10:30:00+01:00` and its shorter forms.
fn numeric(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%#z", "%Y-%m-%d %H:%M:%S%#z", "%Y-%m-%d %H:%M:%S %#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(moment) = DateTime::parse_from_str(text, format) {
            return Some(moment.to_utc());
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
            return Some(moment.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"));
    day.ok().map(|day| day.and_time(NaiveTime::MIN).and_utc())
}

/// `Mon, 16 Nov 2026 10:30:00 +0100`, `lundi 16 novembre 2026 à 10h30`: word by word, in whatever order.
fn in_words(text: &str) -> Option<DateTime<Utc>> {
    let (mut day, mut month, mut year, mut time, mut offset) = (None, None, None, None, FixedOffset::east_opt(0)?);
    let lower = text.to_lowercase();
    for word in lower.split(|sign: char| sign.is_whitespace() || sign == ',').filter(|word| !word.is_empty()) {
        let number = word.trim_end_matches("er").trim_end_matches('.').parse::<u32>().ok();
        match number.filter(|_| !word.starts_with(['+', '-'])) {
            Some(number) if day.is_none() && number <= 31 => day = Some(number),
            Some(number) if year.is_none() && number >= 1000 => year = i32::try_from(number).ok(),
            Some(number) if year.is_none() && day.is_some() && number < 100 => {
                year = i32::try_from(if number < 70 { 2000 + number } else { 1900 + number }).ok();
            }
            Some(_) => return None,
            None if time.is_none() && word.starts_with(|sign: char| sign.is_ascii_digit()) => time = Some(clock(word)?),
            None => {
                let found = MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)));
                match found {
                    // `mardi` and `mars` begin alike: a month after it tells.
                    Some(found) if month.is_none_or(|month| month == 3) => month = u32::try_from(found + 1).ok(),
                    Some(_) => {}
                    None => offset = zone(word).unwrap_or(offset),
                }
            }
        }
    }
    let date = NaiveDate::from_ymd_opt(year?, month?, day?)?;
    let local = date.and_time(time.unwrap_or(NaiveTime::MIN));
    offset.from_local_datetime(&local).single().map(|moment| moment.to_utc())
}

/// `10:30:00`, `10:30`, `10h30`, `10h`. `24:` is the day's beginning, as some write it.
fn clock(word: &str) -> Option<NaiveTime> {
    let mut parts = word.splitn(3, [':', 'h']);
    let mut next = |otherwise: u32| match parts.next() {
        None | Some("") => Some(otherwise),
        Some(part) => part.split('.').next().and_then(|digits| digits.parse::<u32>().ok()),
    };
    let (hour, minute, second) = (next(0)?, next(0)?, next(0)?);
    NaiveTime::from_hms_opt(hour % 24, minute, second.min(59)).filter(|_| hour <= 24)
}

fn zone(word: &str) -> Option<FixedOffset> {
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == word) {
        return FixedOffset::east_opt(hours * 3600);
    }
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let number: i32 =
        digits.parse().ok().filter(|_| digits.len() == 4 && digits.bytes().all(|d| d.is_ascii_digit()))?;
    FixedOffset::east_opt(sign * (number / 100 * 3600 + number % 100 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_feeds_write_them() {
        for (text, wanted) in [
            ("2026-11-16T10:30:00+01:00", "2026-11-16T09:30:00Z"),
            ("2026-11-16T10:30:00+0100", "2026-11-16T09:30:00Z"),
            ("2026-11-16T10:30:00.123Z", "2026-11-16T10:30:00.123Z"),
            ("2026-11-16 10:30", "2026-11-16T10:30:00Z"),
            ("2026-11-16", "2026-11-16T00:00:00Z"),
            ("Mon, 16 Nov 2026 10:30:00 +0100", "2026-11-16T09:30:00Z"),
            // The weekday is wrong, and does not matter.
            ("Sun, 16 Nov 2026 10:30:00 GMT", "2026-11-16T10:30:00Z"),
            ("Thurs, 16 November 26 9:05 CET", "2026-11-16T08:05:00Z"),
            ("Nov 16 2026", "2026-11-16T00:00:00Z"),
            ("lun., 16 novembre 2026 10:30:00 +0100", "2026-11-16T09:30:00Z"),
            ("mardi 1er décembre 2026 à 9h", "2026-12-01T09:00:00Z"),
            ("mar., 17 mars 2026 10:00:00 +0100", "2026-03-17T09:00:00Z"),
            ("Mar, 17 Nov 2026 10:00:00 +0100", "2026-11-17T09:00:00Z"),
            ("Ven, 3 juil. 2026 24:00:00 +0200", "2026-07-02T22:00:00Z"),
            ("3 AOÛT 2026", "2026-08-03T00:00:00Z"),
            ("16/11/2026", "2026-11-16T00:00:00Z"),
        ] {
            assert_eq!(read(text), Some(wanted.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "hier", "32 Nov 2026", "30 février 2026", "16 Nov", "0", "99999999999999999999", "16 Nov 2026 25:00"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
