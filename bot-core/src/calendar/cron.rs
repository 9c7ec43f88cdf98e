//! Cron: when a line of crontab comes round again in local time.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use super::resolve_local;

/// The last year the `cron` crate knows.
const YEAR_MAX: i32 = 2100;

/// The first moment strictly after `after` at which `cron` is due in `time_zone`, or `None` when it never is again
/// (30 February) up to the year 2100.
///
/// `cron` has the five fields of crontab(5): minute (0-59), hour (0-23), day of month (1-31), month (1-12 or
/// jan-dec), day of week (0-7 or sun-sat, 0 and 7 are Sunday), each `*`, a number, a range, a step over either, or
/// a list of these. As there, when neither day field begins with `*`, a day that fits either is due; otherwise it
/// has to fit both.
///
/// # Errors
/// When `cron` is not such a line; the error names the field and what to write instead.
pub fn next_occurrence(cron: &str, time_zone: Tz, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, CronError> {
    let schedules = schedules(cron)?;
    if after.year() > YEAR_MAX {
        return Ok(None);
    }
    let after = after.max(DateTime::UNIX_EPOCH);
    // The schedule is walked on the wall clock, as if that were UTC: there it has neither gaps nor repeats.
    let wall = after.with_timezone(&time_zone).naive_local().and_utc();
    let next = schedules.iter().filter_map(|schedule| {
        schedule
            .after(&wall)
            .map(|due| resolve_local(due.naive_utc(), time_zone))
            // In the second pass of a repeated hour the wall clock names moments that are over.
            .find(|&due| due > after)
    });
    Ok(next.min())
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "a cron line has five fields (minute, hour, day of month, month, day of week), not {found}: write for example \
         `0 18 * * 1-5`"
    )]
    FieldCount { found: usize },
    #[error("cron field {field}: `{value}` {remedy}")]
    Field { field: &'static str, value: String, remedy: String },
}

/// One of the five fields: its name, what it may hold, and the names of its values.
struct FieldKind {
    name: &'static str,
    range: RangeInclusive<u32>,
    /// Stands for the range's first value, and so on.
    words: &'static [&'static str],
}

const FIELDS: [FieldKind; 5] = [
    FieldKind { name: "minute", range: 0..=59, words: &[] },
    FieldKind { name: "hour", range: 0..=23, words: &[] },
    FieldKind { name: "day of month", range: 1..=31, words: &[] },
    FieldKind {
        name: "month",
        range: 1..=12,
        words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    FieldKind { name: "day of week", range: 0..=7, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// A cron line as the `cron` crate's schedules: two when a day may fit either day field.
fn schedules(cron: &str) -> Result<Vec<cron::Schedule>, CronError> {
    let texts: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = texts[..] else {
        return Err(CronError::FieldCount { found: texts.len() });
    };
    let [minute_kind, hour_kind, day_kind, month_kind, weekday_kind] = &FIELDS;
    let minutes = list(&minute_kind.read(minute)?);
    let hours = list(&hour_kind.read(hour)?);
    let days = list(&day_kind.read(day)?);
    let months = list(&month_kind.read(month)?);
    // The crate counts weekdays from Sunday = 1.
    let weekdays = list(&weekday_kind.read(weekday)?.into_iter().map(|value| value % 7 + 1).collect());
    let day_fields = if day.starts_with('*') || weekday.starts_with('*') {
        vec![(days.as_str(), weekdays.as_str())]
    } else {
        vec![(days.as_str(), "*"), ("*", weekdays.as_str())]
    };
    let schedules = day_fields.into_iter().map(|(days, weekdays)| {
        cron::Schedule::from_str(&format!("0 {minutes} {hours} {days} {months} {weekdays}")).map_err(|error| {
            // Every field was read above, so this is a fault of the translation.
            CronError::Field { field: "line", value: cron.to_owned(), remedy: format!("was not understood: {error}") }
        })
    });
    schedules.collect()
}

fn list(values: &BTreeSet<u32>) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

impl FieldKind {
    fn read(&self, text: &str) -> Result<BTreeSet<u32>, CronError> {
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            values.extend(self.item(item).map_err(|remedy| CronError::Field {
                field: self.name,
                value: item.to_owned(),
                remedy,
            })?);
        }
        Ok(values)
    }

    /// Reads one item of a list. The error is what to say after the item.
    fn item(&self, item: &str) -> Result<impl Iterator<Item = u32> + use<>, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (*self.range.start(), *self.range.end()),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => {
                let value = self.value(range)?;
                if let Some(step) = step {
                    let end = self.range.end();
                    return Err(format!("has a step but no range: write `{range}-{end}/{step}` or `*/{step}`"));
                }
                (value, value)
            }
        };
        if first > last {
            let hint = if *self.range.end() == 7 { " (as the end of a range Sunday is 7)" } else { "" };
            return Err(format!("runs backwards: write the smaller number first, or a list{hint}"));
        }
        let step = match step.map(str::parse::<usize>) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err("has no valid step: write a number from 1 after `/`".to_owned()),
        };
        Ok((first..=last).step_by(step))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let word = text.to_ascii_lowercase();
        let named = self.words.iter().zip(self.range.clone()).find(|(name, _)| **name == word);
        if let Some((_, value)) = named {
            return Ok(value);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(value) if self.range.contains(&value) => Ok(value),
                _ => Err(format!("is out of range: write {} to {}", self.range.start(), self.range.end())),
            };
        }
        let (start, end) = (self.range.start(), self.range.end());
        let last = word.strip_suffix('l').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        Err(if text.contains('#') {
            format!(
                "counts weekdays within the month, which the five standard fields cannot say: write numbers from {start} \
                 to {end}"
            )
        } else if last {
            format!(
                "means the last one, which the five standard fields cannot say: write numbers from {start} to {end}"
            )
        } else if self.words.is_empty() {
            format!("is not known: write {start} to {end}, a range such as `{start}-{end}`, or `*`")
        } else {
            let words = self.words.join(", ");
            format!("is not known: write {start} to {end}, a range such as `{start}-{end}`, `*`, or {words}")
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The next `count` occurrences, one call each.
    fn occurrences(cron: &str, time_zone: Tz, after: &str, count: usize) -> Vec<String> {
        let mut after = at(after);
        let mut found = Vec::new();
        for _ in 0..count {
            let Some(next) = next_occurrence(cron, time_zone, after).unwrap() else { break };
            assert!(next > after, "time went backwards");
            found.push(next.with_timezone(&time_zone).format("%F %R%:z").to_string());
            after = next;
        }
        found
    }

    #[test]
    fn a_daily_time_is_due_once_on_the_days_the_clocks_change() {
        assert_eq!(
            occurrences("30 2 * * *", Tz::Europe__Paris, "2026-03-27T12:00:00Z", 3),
            ["2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"]
        );
        assert_eq!(
            occurrences("30 2 * * *", Tz::Europe__Paris, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]
        );
    }

    #[test]
    fn an_interval_collapses_in_the_gap_and_rests_in_the_repeated_hour() {
        assert_eq!(
            occurrences("*/30 * * * *", Tz::Europe__Paris, "2026-03-29T00:29:59Z", 3),
            ["2026-03-29 01:30+01:00", "2026-03-29 03:00+02:00", "2026-03-29 03:30+02:00"]
        );
        assert_eq!(
            occurrences("*/30 * * * *", Tz::Europe__Paris, "2026-10-24T23:59:59Z", 3),
            ["2026-10-25 02:00+02:00", "2026-10-25 02:30+02:00", "2026-10-25 03:00+01:00"]
        );
    }

    #[test]
    fn the_second_pass_of_a_repeated_hour_looks_forward() {
        // 02:10 for the second time: 02:30 is over.
        assert_eq!(occurrences("30 2 * * *", Tz::Europe__Paris, "2026-10-25T01:10:00Z", 1), ["2026-10-26 02:30+01:00"]);
    }

    #[test]
    fn two_day_fields_mean_either_day_unless_one_begins_with_a_star() {
        // crontab(5): every Friday, and every 13th.
        assert_eq!(
            occurrences("0 12 13 * 5", Tz::UTC, "2026-11-05T00:00:00Z", 4),
            ["2026-11-06 12:00+00:00", "2026-11-13 12:00+00:00", "2026-11-20 12:00+00:00", "2026-11-27 12:00+00:00"]
        );
        // Mondays that are an odd day of the month.
        assert_eq!(
            occurrences("0 12 */2 * 1", Tz::UTC, "2026-11-01T00:00:00Z", 3),
            ["2026-11-09 12:00+00:00", "2026-11-23 12:00+00:00", "2026-12-07 12:00+00:00"]
        );
    }

    #[test]
    fn sunday_is_nought_and_seven_and_names_are_read() {
        for cron in ["0 9 * * 0", "0 9 * * 7", "0 9 * * Sun", "0 9 * * sun,SUN"] {
            assert_eq!(occurrences(cron, Tz::UTC, "2026-11-21T00:00:00Z", 1), ["2026-11-22 09:00+00:00"], "{cron}");
        }
        assert_eq!(
            occurrences("0 9 * jan 5-7", Tz::UTC, "2026-11-21T00:00:00Z", 3),
            ["2027-01-01 09:00+00:00", "2027-01-02 09:00+00:00", "2027-01-03 09:00+00:00"]
        );
    }

    #[test]
    fn what_never_comes_is_none() {
        assert_eq!(next_occurrence("0 0 30 2 *", Tz::Europe__Paris, at("2026-01-01T00:00:00Z")), Ok(None));
        assert_eq!(next_occurrence("* * * * *", Tz::Europe__Paris, DateTime::<Utc>::MAX_UTC), Ok(None));
        assert!(next_occurrence("* * * * *", Tz::Europe__Paris, DateTime::<Utc>::MIN_UTC).unwrap().is_some());
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_field_and_the_remedy() {
        let refused = |cron: &str| next_occurrence(cron, Tz::UTC, at("2026-01-01T00:00:00Z")).unwrap_err().to_string();
        for (cron, said) in [
            ("0 18 * *", "has five fields (minute, hour, day of month, month, day of week), not 4: write for example"),
            ("0 0 18 * * 1", "not 6: write"),
            ("@daily", "not 1: write"),
            ("60 * * * *", "field minute: `60` is out of range: write 0 to 59"),
            ("99999999999 * * * *", "field minute: `99999999999` is out of range: write 0 to 59"),
            ("* 24 * * *", "field hour: `24` is out of range: write 0 to 23"),
            ("* * 0 * *", "field day of month: `0` is out of range: write 1 to 31"),
            (
                "* * L * *",
                "field day of month: `L` means the last one, which the five standard fields cannot say: write",
            ),
            ("* * * * 5L", "field day of week: `5L` means the last one, which"),
            ("* * * * 5#2", "field day of week: `5#2` counts weekdays within the month, which"),
            ("* * 15W * *", "field day of month: `15W` is not known: write 1 to 31, a range such as `1-31`, or `*`"),
            ("* * ? * *", "field day of month: `?` is not known: write 1 to 31"),
            ("* * * 13 *", "field month: `13` is out of range: write 1 to 12"),
            (
                "* * * juin *",
                "field month: `juin` is not known: write 1 to 12, a range such as `1-12`, `*`, or jan, feb",
            ),
            ("* * * * fri-sun", "`fri-sun` runs backwards: write the smaller number first, or a list (as the end"),
            ("30-10 * * * *", "field minute: `30-10` runs backwards: write the smaller number first, or a list"),
            ("*/0 * * * *", "field minute: `*/0` has no valid step: write a number from 1 after `/`"),
            ("*/x * * * *", "field minute: `*/x` has no valid step"),
            ("5/15 * * * *", "field minute: `5/15` has a step but no range: write `5-59/15` or `*/15`"),
            ("1,,2 * * * *", "field minute: `` is not known: write 0 to 59, a range such as `0-59`, or `*`"),
            ("1--2 * * * *", "field minute: `1--2` is not known"),
            ("+1 * * * *", "field minute: `+1` is not known"),
        ] {
            let refusal = refused(cron);
            assert!(refusal.contains(said), "{cron}: {refusal}");
        }
    }

    /// The clocks change between noon of the day before and noon of `date`.
    fn changes_on(time_zone: Tz, date: NaiveDate) -> bool {
        let offset = |date: NaiveDate| {
            let midday = resolve_local(date.and_hms_opt(12, 0, 0).unwrap(), time_zone);
            midday.with_timezone(&time_zone).naive_local() - midday.naive_utc()
        };
        offset(date) != offset(date - TimeDelta::days(1))
    }

    fn items(range: RangeInclusive<u32>) -> impl Strategy<Value = String> {
        let (first, last) = (*range.start(), *range.end());
        let item = (range.clone(), range, 1..9u32, 0..4u8).prop_map(move |(a, b, step, shape)| {
            let (low, high) = (a.min(b), a.max(b));
            match shape {
                0 => low.to_string(),
                1 => format!("{low}-{high}"),
                2 => format!("{low}-{high}/{step}"),
                _ => format!("{first}-{last}/{step}"),
            }
        });
        prop::collection::vec(item, 1..3).prop_map(|items| items.join(","))
    }

    fn maybe(items: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
        prop_oneof![Just("*".to_owned()), items]
    }

    /// Clocks never change, change in Europe's way, and in America's.
    fn time_zones() -> impl Strategy<Value = Tz> {
        prop::sample::select(vec![
            Tz::Europe__Paris,
            Tz::America__Guadeloupe,
            Tz::Pacific__Noumea,
            Tz::America__Miquelon,
        ])
    }

    fn days() -> impl Strategy<Value = [String; 3]> {
        [maybe(items(1..=28)).boxed(), maybe(items(1..=12)).boxed(), maybe(items(0..=7)).boxed()]
    }

    fn starts() -> impl Strategy<Value = DateTime<Utc>> {
        (1_735_689_600..1_893_456_000i64).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
    }

    fn noon(moment: DateTime<Utc>, time_zone: Tz) -> DateTime<Utc> {
        resolve_local(moment.with_timezone(&time_zone).date_naive().and_hms_opt(12, 0, 0).unwrap(), time_zone)
    }

    fn oracle(cron: &str, time_zone: Tz, after: DateTime<Utc>) -> DateTime<Utc> {
        let cron = croner::Cron::from_str(cron).unwrap();
        cron.find_next_occurrence(&after.with_timezone(&time_zone), false).unwrap().to_utc()
    }

    // Where croner differs by design:
    // - a day field such as `*/2` beside another restricted one: either day fits there, both must here (crontab(5));
    // - jobs with several minutes or hours: there they are lost in the gap and run twice in the overlap;
    // - a start inside the second pass of a repeated hour: there the answer may lie in the past;
    // - a start in the hours before a gap: there a job that is over for the day runs once more after the gap. The
    //   fixed times below are therefore asked for from noon on.
    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// One minute and one hour: croner agrees on every day, the clock changes included.
        #[test]
        fn a_fixed_time_agrees_with_croner_on_every_day(
            minute in 0..60u32, hour in 0..24u32, [day, month, weekday] in days(), time_zone in time_zones(),
            start in starts(),
        ) {
            let cron = format!("{minute} {hour} {day} {month} {weekday}");
            let mut after = noon(start, time_zone);
            for _ in 0..40 {
                let next = next_occurrence(&cron, time_zone, after).unwrap().unwrap();
                prop_assert_eq!(next, oracle(&cron, time_zone, after), "{} {} after {}", &cron, time_zone, after);
                after = next.max(noon(next, time_zone));
            }
        }

        /// The nights of the changes themselves.
        #[test]
        fn nightly_jobs_agree_with_croner_when_the_clocks_change(
            minute in 0..60u32, hour in 0..5u32, time_zone in prop::sample::select(vec![Tz::Europe__Paris, Tz::America__Miquelon]),
        ) {
            let cron = format!("{minute} {hour} * * *");
            let first = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
            let dates: Vec<NaiveDate> =
                first.iter_days().take(4 * 365).filter(|&date| changes_on(time_zone, date)).collect();
            prop_assert_eq!(dates.len(), 8);
            for date in dates {
                let after = resolve_local(date.pred_opt().unwrap().and_hms_opt(12, 0, 0).unwrap(), time_zone);
                let next = next_occurrence(&cron, time_zone, after).unwrap().unwrap();
                prop_assert_eq!(next, oracle(&cron, time_zone, after), "{} {} after {}", &cron, time_zone, after);
            }
        }

        /// Any line: croner agrees wherever the clocks do not change that day.
        #[test]
        fn any_line_agrees_with_croner_while_the_clocks_stand(
            minute in maybe(items(0..=59)), hour in maybe(items(0..=23)), [day, month, weekday] in days(),
            time_zone in time_zones(), start in starts(),
        ) {
            let cron = format!("{minute} {hour} {day} {month} {weekday}");
            let mut after = start;
            for _ in 0..40 {
                let next = next_occurrence(&cron, time_zone, after).unwrap().unwrap();
                prop_assert!(next > after);
                let date = |moment: DateTime<Utc>| moment.with_timezone(&time_zone).date_naive();
                let changes = [date(after), date(next)].into_iter().any(|date| changes_on(time_zone, date));
                if !changes {
                    prop_assert_eq!(next, oracle(&cron, time_zone, after), "{} {} after {}", &cron, time_zone, after);
                }
                after = next;
            }
        }

        /// The two laws by themselves, at the changes too: every due time on the wall is met, in order and once.
        #[test]
        fn every_due_wall_time_is_met_once_at_the_changes(
            minute in items(0..=59), hour in maybe(items(0..=4)), time_zone in time_zones(), year in 2025..2030i32,
            month in prop::sample::select(vec![3u32, 10, 11]),
        ) {
            let cron = format!("{minute} {hour} * * *");
            let schedule = &schedules(&cron).unwrap()[0];
            let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
            let last = first + TimeDelta::days(30);
            for date in first.iter_days().take_while(|date| *date < last).filter(|&date| changes_on(time_zone, date)) {
                let start = date.and_hms_opt(0, 0, 0).unwrap() - TimeDelta::seconds(1);
                let end = date.and_hms_opt(12, 0, 0).unwrap();
                let mut expected: Vec<DateTime<Utc>> = schedule
                    .after(&start.and_utc())
                    .take_while(|due| due.naive_utc() < end)
                    .map(|due| resolve_local(due.naive_utc(), time_zone))
                    .collect();
                expected.dedup();
                let mut found = Vec::new();
                let mut after = resolve_local(start, time_zone);
                while let Some(next) = next_occurrence(&cron, time_zone, after).unwrap()
                    && next < resolve_local(end, time_zone)
                {
                    prop_assert!(next > after);
                    found.push(next);
                    after = next;
                }
                prop_assert_eq!(found, expected, "{} {} on {}", &cron, time_zone, date);
            }
        }
    }
}
