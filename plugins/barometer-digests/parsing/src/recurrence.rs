//! Rules by which events come again (RFC 5545, section 3.3.10), day by day.
//!
//! Only days are counted, since an event keeps its hour: rules by hour, minute or second are refused. A rule is never
//! walked further than the days that are asked for, so one that never comes true costs a look at each of them and no
//! more. The crate `rrule` looks up to 100,000 times for one date, and holds all seconds of a year if a rule says so;
//! it is the oracle of the tests.

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Weekday};
use serde::{Deserialize, Serialize};

/// Values of one `BY…` part that are taken; a year has no more days.
const LIST_MAX: usize = 400;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    frequency: Frequency,
    /// 1 or more.
    interval: u32,
    /// The last local time it may come to, included.
    until: Option<NaiveDateTime>,
    count: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    months: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    weeks: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    year_days: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    month_days: Vec<i32>,
    /// 0: every such weekday; 2: the second; -1: the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    weekdays: Vec<(i32, Weekday)>,
    /// Which of the days of one period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    positions: Vec<i32>,
    week_start: Weekday,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Rule {
    /// Reads the value of an `RRULE`. `until` turns the value of `UNTIL` into a local time of the event.
    ///
    /// `None`: it comes by the hour or more often, or is not understood in some part; then none of it is believed.
    pub fn read(text: &str, until: impl Fn(&str) -> Option<NaiveDateTime>) -> Option<Self> {
        let mut frequency = None;
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            until: None,
            count: None,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Mon,
        };
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => {
                    frequency = Some(match value.to_ascii_uppercase().as_str() {
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        _ => return None,
                    });
                }
                "INTERVAL" => rule.interval = value.parse().ok().filter(|interval| (1..=10_000).contains(interval))?,
                "COUNT" => rule.count = Some(value.parse().ok()?),
                "UNTIL" => rule.until = Some(until(value)?),
                "BYMONTH" => rule.months = numbers(value, 12)?,
                "BYWEEKNO" => rule.weeks = numbers(value, 53)?,
                "BYYEARDAY" => rule.year_days = numbers(value, 366)?,
                "BYMONTHDAY" => rule.month_days = numbers(value, 31)?,
                "BYSETPOS" => rule.positions = numbers(value, 366)?,
                "BYDAY" => rule.weekdays = weekdays(value)?,
                "WKST" => rule.week_start = weekday(value)?,
                name if name.starts_with("X-") => {}
                _ => return None,
            }
        }
        rule.frequency = frequency?;
        Some(rule)
    }

    /// Its days from `from` to `to`, both included, in order, for an event that first was on `start`. At most `most`.
    ///
    /// The first day itself is one of them only if the rule says so, as in other programs.
    pub fn days(&self, start: NaiveDateTime, from: NaiveDate, to: NaiveDate, most: usize) -> Vec<NaiveDate> {
        let first = start.date();
        let last = self.until.map_or(to, |until| {
            let is_within = start.time() <= until.time();
            to.min(if is_within { until.date() } else { until.date().pred_opt().unwrap_or(until.date()) })
        });
        let filled = self.with_defaults(first);
        let mut found = Vec::new();
        let mut left = self.count.unwrap_or(u32::MAX);
        // Whoever counts begins at the beginning.
        let mut period = match self.count {
            Some(_) => filled.period_of(first),
            None => filled.period_near(first, from.max(first)),
        };
        while let Some((begin, end)) = period {
            if begin > last {
                break;
            }
            for day in filled.matching(begin, end) {
                if day < first {
                    continue;
                }
                if day > last || left == 0 || found.len() >= most {
                    return found;
                }
                left -= 1;
                if day >= from {
                    found.push(day);
                }
            }
            period = filled.following(begin);
        }
        found
    }

    /// What is not said follows from the first day (RFC 5545, the end of section 3.3.10).
    fn with_defaults(&self, first: NaiveDate) -> Self {
        let mut rule = self.clone();
        let is_open = self.weeks.is_empty()
            && self.year_days.is_empty()
            && self.month_days.is_empty()
            && self.weekdays.is_empty();
        match self.frequency {
            Frequency::Yearly if is_open => {
                if rule.months.is_empty() {
                    rule.months = vec![number(first.month())];
                }
                rule.month_days = vec![number(first.day())];
            }
            Frequency::Yearly if !self.weeks.is_empty() && self.weekdays.is_empty() => {
                rule.weekdays = vec![(0, first.weekday())];
            }
            Frequency::Monthly if is_open => rule.month_days = vec![number(first.day())],
            Frequency::Weekly if is_open => rule.weekdays = vec![(0, first.weekday())],
            _ => {}
        }
        rule
    }

    /// First and last day of the period that `day` lies in.
    fn period_of(&self, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let begin = match self.frequency {
            Frequency::Daily => day,
            Frequency::Weekly => day.checked_sub_days(Days::new(day.weekday().days_since(self.week_start).into()))?,
            Frequency::Monthly => day.with_day(1)?,
            Frequency::Yearly => NaiveDate::from_yo_opt(day.year(), 1)?,
        };
        let end = match self.frequency {
            Frequency::Daily => day,
            Frequency::Weekly => begin.checked_add_days(Days::new(6))?,
            Frequency::Monthly => begin.checked_add_months(Months::new(1))?.pred_opt()?,
            Frequency::Yearly => NaiveDate::from_ymd_opt(day.year(), 12, 31)?,
        };
        Some((begin, end))
    }

    /// The period, of those it comes to from `first` on, that holds `day` or is the last before it.
    fn period_near(&self, first: NaiveDate, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let (begin, _) = self.period_of(first)?;
        let (target, _) = self.period_of(day)?;
        let interval = i64::from(self.interval);
        let whole = |distance: i64| distance - distance.rem_euclid(interval);
        let near = match self.frequency {
            Frequency::Daily => {
                begin.checked_add_days(Days::new(whole((target - begin).num_days()).try_into().ok()?))?
            }
            Frequency::Weekly => {
                let weeks = whole((target - begin).num_weeks());
                begin.checked_add_days(Days::new((weeks * 7).try_into().ok()?))?
            }
            Frequency::Monthly | Frequency::Yearly => {
                let months =
                    i64::from(target.year() - begin.year()) * 12 + i64::from(target.month()) - i64::from(begin.month());
                let months = if self.frequency == Frequency::Monthly { whole(months) } else { whole(months / 12) * 12 };
                begin.checked_add_months(Months::new(months.try_into().ok()?))?
            }
        };
        self.period_of(near)
    }

    fn following(&self, begin: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let interval = self.interval;
        let next = match self.frequency {
            Frequency::Daily => begin.checked_add_days(Days::new(interval.into())),
            Frequency::Weekly => begin.checked_add_days(Days::new(u64::from(interval) * 7)),
            Frequency::Monthly => begin.checked_add_months(Months::new(interval)),
            Frequency::Yearly => begin.checked_add_months(Months::new(interval.checked_mul(12)?)),
        };
        self.period_of(next?)
    }

    fn matching(&self, begin: NaiveDate, end: NaiveDate) -> Vec<NaiveDate> {
        let days = begin.iter_days().take_while(|day| *day <= end);
        let days: Vec<NaiveDate> = days.filter(|day| self.holds(*day)).collect();
        if self.positions.is_empty() {
            return days;
        }
        let chosen = days.iter().enumerate().filter(|(place, _)| {
            let from_front = i32::try_from(place + 1).unwrap_or(i32::MAX);
            let from_back = from_front - i32::try_from(days.len() + 1).unwrap_or(i32::MAX);
            self.positions.contains(&from_front) || self.positions.contains(&from_back)
        });
        chosen.map(|(_, day)| *day).collect()
    }

    fn holds(&self, day: NaiveDate) -> bool {
        let year_days = if day.leap_year() { 366 } else { 365 };
        // Weeks of its year, of which 28 December is always in the last.
        let weeks = || NaiveDate::from_ymd_opt(day.iso_week().year(), 12, 28).map_or(52, |day| day.iso_week().week());
        let any = |list: &[i32], value: u32, of: u32| {
            list.contains(&number(value)) || list.contains(&(number(value) - number(of) - 1))
        };
        (self.months.is_empty() || self.months.contains(&number(day.month())))
            && (self.month_days.is_empty() || any(&self.month_days, day.day(), month_length(day)))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|weekday| self.is_weekday(day, *weekday)))
            && (self.year_days.is_empty() || any(&self.year_days, day.ordinal(), year_days))
            && (self.weeks.is_empty() || any(&self.weeks, day.iso_week().week(), weeks()))
    }

    fn is_weekday(&self, day: NaiveDate, (ordinal, weekday): (i32, Weekday)) -> bool {
        if day.weekday() != weekday {
            return false;
        }
        let (before, after) = match self.frequency {
            _ if ordinal == 0 => return true,
            Frequency::Daily | Frequency::Weekly => return true,
            Frequency::Yearly if self.months.is_empty() => {
                (day.ordinal0(), if day.leap_year() { 366 } else { 365 } - day.ordinal())
            }
            Frequency::Monthly | Frequency::Yearly => (day.day0(), month_length(day) - day.day()),
        };
        ordinal == number(before / 7) + 1 || ordinal == -number(after / 7) - 1
    }
}

fn month_length(day: NaiveDate) -> u32 {
    u32::from(day.num_days_in_month())
}

/// A part of a date, which is small.
fn number(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}

fn numbers(list: &str, most: i32) -> Option<Vec<i32>> {
    let numbers: Option<Vec<i32>> = list
        .split(',')
        .take(LIST_MAX)
        .map(|number| number.trim().parse().ok().filter(|number: &i32| *number != 0 && (-most..=most).contains(number)))
        .collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

fn weekdays(list: &str) -> Option<Vec<(i32, Weekday)>> {
    list.split(',')
        .take(LIST_MAX)
        .map(|text| {
            let text = text.trim();
            let (ordinal, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
            let ordinal = if ordinal.is_empty() { 0 } else { ordinal.parse().ok()? };
            weekday(name).filter(|_| (-53..=53).contains(&ordinal)).map(|day| (ordinal, day))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use icalendar::rrule::{RRule, RRuleSet, Tz, Unvalidated};
    use proptest::prelude::*;

    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").unwrap()
    }

    fn read(text: &str) -> Option<Rule> {
        Rule::read(text, |until| NaiveDateTime::parse_from_str(until, "%Y%m%dT%H%M%SZ").ok())
    }

    fn days(rule: &str, start: &str, from: &str, to: &str) -> Vec<String> {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = read(rule).unwrap().days(local(start), day(from), day(to), 100);
        days.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn events_come_again_as_town_halls_write_them() {
        // The council, each last Thursday of the month but in August.
        let council = "FREQ=MONTHLY;BYDAY=-1TH;BYMONTH=1,2,3,4,5,6,7,9,10,11,12";
        let found = days(council, "20260129T180000Z", "2026-07-01", "2026-10-31");
        assert_eq!(found, ["2026-07-30", "2026-09-24", "2026-10-29"]);
        // The market, every other Saturday.
        let found = days("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "20260103T080000Z", "2026-11-22", "2026-12-15");
        assert_eq!(found, ["2026-12-05"]);
        // The last working day of each month.
        let found =
            days("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "20260130T100000Z", "2026-10-01", "2026-11-30");
        assert_eq!(found, ["2026-10-30", "2026-11-30"]);
        // The 31st, where there is one.
        let found = days("FREQ=MONTHLY", "20260131T100000Z", "2026-02-01", "2026-05-31");
        assert_eq!(found, ["2026-03-31", "2026-05-31"]);
        assert_eq!(
            days("FREQ=DAILY;COUNT=3", "20261120T100000Z", "2026-11-21", "2027-11-21"),
            ["2026-11-21", "2026-11-22"]
        );
        // Its end is before that day's hour.
        let found = days("FREQ=DAILY;UNTIL=20261122T090000Z", "20261120T100000Z", "2026-11-20", "2027-11-21");
        assert_eq!(found, ["2026-11-20", "2026-11-21"]);
    }

    #[test]
    fn what_comes_by_the_hour_or_is_not_understood_is_refused() {
        for rule in [
            "",
            "FREQ=SECONDLY",
            "FREQ=MINUTELY",
            "FREQ=HOURLY",
            "FREQ=DAILY;BYHOUR=1,2",
            "FREQ=YEARLY;BYSECOND=0,1,2",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;COUNT=-1",
            "FREQ=DAILY;UNTIL=demain",
            "FREQ=MONTHLY;BYMONTHDAY=99",
            "FREQ=MONTHLY;BYDAY=é",
            "BYDAY=MO",
        ] {
            assert_eq!(read(rule), None, "{rule}");
        }
    }

    #[test]
    fn a_rule_that_never_comes_true_ends_where_it_is_no_longer_asked() {
        let never = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=4000000000";
        assert_eq!(days(never, "19700101T000000Z", "2026-01-01", "2026-12-31"), Vec::<String>::new());
        assert_eq!(days("FREQ=DAILY;COUNT=4000000000", "19700101T000000Z", "1970-01-01", "2200-01-01").len(), 100);
    }

    fn rules() -> impl Strategy<Value = String> {
        let part = |name: &'static str, values: &'static [&'static str]| {
            proptest::option::of(proptest::sample::subsequence(values, 1..=values.len().min(3))).prop_map(
                move |values| values.map(|values| format!(";{name}={}", values.join(","))).unwrap_or_default(),
            )
        };
        let end = prop_oneof![
            Just(String::new()),
            (1_u32..40).prop_map(|count| format!(";COUNT={count}")),
            (2024_i32..2028, 1_u32..=12).prop_map(|(year, month)| format!(";UNTIL={year}{month:02}15T120000Z")),
        ];
        let frequency = prop_oneof![
            (Just("DAILY"), part("BYDAY", &["MO", "TU", "SA", "SU"]), Just(String::new())),
            (Just("WEEKLY"), part("BYDAY", &["MO", "WE", "FR", "SU"]), Just(String::new())),
            // Mixed, they are all wanted (RFC 5545) and the oracle gives none.
            (Just("MONTHLY"), part("BYDAY", &["MO", "TU", "SA", "SU"]), part("BYSETPOS", &["1", "-1", "2"])),
            (Just("MONTHLY"), part("BYDAY", &["1MO", "-1TH", "2SA", "5SU"]), part("BYSETPOS", &["1", "-1", "2"])),
            (Just("MONTHLY"), part("BYMONTHDAY", &["1", "15", "-1", "31", "-31"]), Just(String::new())),
            (Just("YEARLY"), part("BYDAY", &["1MO", "-1TH", "20TU"]), Just(String::new())),
            (Just("YEARLY"), part("BYYEARDAY", &["1", "100", "-1", "366"]), Just(String::new())),
        ];
        (frequency, 1_u32..5, part("BYMONTH", &["1", "2", "6", "12"]), end, prop_oneof![Just(""), Just(";WKST=SU")])
            .prop_map(|((frequency, days, positions), interval, months, end, week_start)| {
                // Positions choose among days that are named.
                let positions = if days.is_empty() { String::new() } else { positions };
                format!("FREQ={frequency};INTERVAL={interval}{days}{positions}{months}{end}{week_start}")
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
        #[test]
        fn its_days_are_those_of_the_rrule_crate(text in rules(), offset in 0_u64..900, ahead in 0_u64..900) {
            let start = local("20240101T100000Z") + Days::new(offset);
            let from = start.date() + Days::new(ahead);
            let to = from + Days::new(400);
            let ours = read(&text).unwrap().days(start, from, to, 1000);

            let begin = Tz::UTC.from_utc_datetime(&start);
            let theirs: RRule<Unvalidated> = text.parse().unwrap();
            // It refuses rules that end before they begin.
            let Ok(theirs) = theirs.validate(begin) else { return Ok(()) };
            let set = RRuleSet::new(begin).rrule(theirs).limit();
            let theirs: Vec<NaiveDate> = set
                .into_iter()
                .map(|moment| moment.date_naive())
                .take_while(|day| *day <= to)
                .filter(|day| *day >= from)
                .collect();
            prop_assert_eq!(ours, theirs, "{} from {}", text, start);
        }
    }
}
