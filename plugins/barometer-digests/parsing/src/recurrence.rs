//! Rules by which events come again (RFC 5545, section 3.3.10), day by day.
//!
//! Only days are counted, since an event keeps its hour: rules by hour, minute or second are refused. Whoever asks for
//! days begins near the first of them, so a rule costs a look at each day that is asked for, whenever it began. `COUNT`
//! has to be counted from the beginning: that is done once, when a rule is read ([`Rule::settled`]), and leaves the day
//! on which it ends. Without a `BY…` part that day is calculated; with one it is walked to, day by day, for a century
//! ([`RULE_DAYS_MAX`]) and, with all rules of a calendar, for [`CALENDAR_DAYS_MAX`] days at most. A look at a day costs
//! the same whatever the rule lists.
//!
//! The crate `rrule` looks up to 100,000 times for one date, and holds all seconds of a year if a rule says so; it is
//! the oracle of the tests.

use std::ops::RangeInclusive;

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Weekday};
use serde::{Deserialize, Serialize};

/// Days that one rule is walked over at a time: a century and some years.
pub const RULE_DAYS_MAX: usize = 40_000;
/// Days that all rules of one calendar together are walked over to find out where they end: a blink, whoever wrote them.
pub const CALENDAR_DAYS_MAX: usize = 2_000_000;

/// How many days were walked over, and how many may be.
#[derive(Debug)]
pub struct Walk {
    walked: usize,
    most: usize,
}

impl Walk {
    pub fn of_rule() -> Self {
        Self { walked: 0, most: RULE_DAYS_MAX }
    }

    pub fn of_calendar() -> Self {
        Self { walked: 0, most: CALENDAR_DAYS_MAX }
    }

    pub fn walked(&self) -> usize {
        self.walked
    }

    /// Whether the next `days` may be walked, which counts them.
    fn goes_on(&mut self, days: usize) -> bool {
        let may = days <= self.most - self.walked;
        if may {
            self.walked += days;
        }
        may
    }

    /// The same for one rule: what it walks counts here.
    fn for_one_rule<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let mut one = Self { walked: 0, most: RULE_DAYS_MAX.min(self.most - self.walked) };
        let result = walk(&mut one);
        self.walked += one.walked;
        result
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    frequency: Frequency,
    /// 1 or more.
    interval: u32,
    /// The last local time it may come to, included.
    until: Option<NaiveDateTime>,
    /// Gone once it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
                "BYMONTH" => rule.months = numbers(value, 1..=12)?,
                "BYWEEKNO" => rule.weeks = numbers(value, -53..=53)?,
                "BYYEARDAY" => rule.year_days = numbers(value, -366..=366)?,
                "BYMONTHDAY" => rule.month_days = numbers(value, -31..=31)?,
                "BYSETPOS" => rule.positions = numbers(value, -366..=366)?,
                "BYDAY" => rule.weekdays = weekdays(value)?,
                "WKST" => rule.week_start = weekday(value)?,
                name if name.starts_with("X-") => {}
                _ => return None,
            }
        }
        rule.frequency = frequency?;
        Some(rule)
    }

    /// The same with the day on which it ends, instead of how often it comes, for an event that first was on `start`.
    ///
    /// `None`: the end is not to be found within `walk`, or not within [`RULE_DAYS_MAX`].
    pub fn settled(mut self, start: NaiveDateTime, walk: &mut Walk) -> Option<Self> {
        let Some(count) = self.count.take() else { return Some(self) };
        let last = walk.for_one_rule(|walk| self.last_of(count, start.date(), walk))?;
        if last < NaiveDate::MAX {
            let last = last.and_time(start.time());
            self.until = Some(self.until.map_or(last, |until| until.min(last)));
        }
        Some(self)
    }

    /// The day on which it comes for the `count`th time, or the last one there is: it comes less often. `None`: too far.
    fn last_of(&self, count: u32, first: NaiveDate, walk: &mut Walk) -> Option<NaiveDate> {
        let Some(more) = count.checked_sub(1) else { return first.pred_opt() };
        let is_plain = self.months.is_empty()
            && self.weeks.is_empty()
            && self.year_days.is_empty()
            && self.month_days.is_empty()
            && self.weekdays.is_empty()
            && self.positions.is_empty();
        let ahead = u64::from(more) * u64::from(self.interval);
        let after_days = |days| Some(first.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX));
        let after_months = |months: u64| {
            let months = u32::try_from(months).ok().map(Months::new);
            Some(months.and_then(|months| first.checked_add_months(months)).unwrap_or(NaiveDate::MAX))
        };
        match self.frequency {
            Frequency::Daily if is_plain => return after_days(ahead),
            Frequency::Weekly if is_plain => return after_days(ahead * 7),
            // Every month and every year has that day.
            Frequency::Monthly if is_plain && first.day() <= 28 => return after_months(ahead),
            Frequency::Yearly if is_plain && (first.month(), first.day()) != (2, 29) => {
                return after_months(ahead * 12);
            }
            _ => {}
        }
        let filled = self.with_defaults(first);
        let mut left = count;
        let mut days = Vec::new();
        let mut period = filled.period_of(first);
        while let Some((begin, end)) = period {
            if self.until.is_some_and(|until| begin > until.date()) {
                break;
            }
            days.clear();
            if is_plain {
                // One day of each, where there is one: the 31st, or 29 February.
                let month = if self.frequency == Frequency::Monthly { begin.month() } else { first.month() };
                days.extend(NaiveDate::from_ymd_opt(begin.year(), month, first.day()));
                if !walk.goes_on(1) {
                    return None;
                }
            } else {
                if !walk.goes_on(length(begin, end)) {
                    return None;
                }
                filled.matching(begin, end, &mut days);
            }
            for day in days.iter().filter(|day| **day >= first) {
                left -= 1;
                if left == 0 {
                    return Some(*day);
                }
            }
            period = filled.following(begin);
        }
        Some(NaiveDate::MAX)
    }

    /// Its days from `from` to `to`, both included, in order, for an event that first was on `start`. At most `most`,
    /// and as far as `walk` goes.
    ///
    /// The first day itself is one of them only if the rule says so, as in other programs. It is the only one of a rule
    /// that cannot be settled, as if it had been refused.
    pub fn days(
        &self,
        start: NaiveDateTime,
        from: NaiveDate,
        to: NaiveDate,
        most: usize,
        walk: &mut Walk,
    ) -> Vec<NaiveDate> {
        let first = start.date();
        let Some(settled) = self.clone().settled(start, walk) else {
            return Vec::from_iter((from..=to).contains(&first).then_some(first));
        };
        let last = settled.until.map_or(to, |until| {
            let is_within = start.time() <= until.time();
            to.min(if is_within { until.date() } else { until.date().pred_opt().unwrap_or(until.date()) })
        });
        let filled = settled.with_defaults(first);
        let mut found = Vec::new();
        let mut days = Vec::new();
        let mut period = filled.period_near(first, from.max(first));
        while let Some((begin, end)) = period {
            if begin > last || !walk.goes_on(length(begin, end)) {
                break;
            }
            days.clear();
            filled.matching(begin, end, &mut days);
            for day in days.iter().copied().filter(|day| *day >= first) {
                if day > last || found.len() >= most {
                    return found;
                }
                if day >= from {
                    found.push(day);
                }
            }
            period = filled.following(begin);
        }
        found
    }

    /// What is not said follows from the first day (RFC 5545, the end of section 3.3.10). Its lists are in order, also
    /// those of rules that were kept before lists were.
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
        if matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            // There is one of each, whatever number it is given.
            rule.weekdays.iter_mut().for_each(|(ordinal, _)| *ordinal = 0);
        }
        for list in [&mut rule.months, &mut rule.weeks, &mut rule.year_days, &mut rule.month_days, &mut rule.positions]
        {
            put_in_order(list);
        }
        put_weekdays_in_order(&mut rule.weekdays);
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

    /// Puts the days of a period into `days`, which is empty.
    fn matching(&self, begin: NaiveDate, end: NaiveDate, days: &mut Vec<NaiveDate>) {
        days.extend(begin.iter_days().take_while(|day| *day <= end).filter(|day| self.holds(*day)));
        if self.positions.is_empty() {
            return;
        }
        let beyond = i32::try_from(days.len() + 1).unwrap_or(i32::MAX);
        let mut from_front = 0;
        days.retain(|_| {
            from_front += 1;
            lists(&self.positions, from_front) || lists(&self.positions, from_front - beyond)
        });
    }

    fn holds(&self, day: NaiveDate) -> bool {
        let year_days = if day.leap_year() { 366 } else { 365 };
        // Weeks of its year, of which 28 December is always in the last.
        let weeks = || NaiveDate::from_ymd_opt(day.iso_week().year(), 12, 28).map_or(52, |day| day.iso_week().week());
        let any = |list: &[i32], value: u32, of: u32| {
            lists(list, number(value)) || lists(list, number(value) - number(of) - 1)
        };
        (self.months.is_empty() || lists(&self.months, number(day.month())))
            && (self.month_days.is_empty() || any(&self.month_days, day.day(), month_length(day)))
            && (self.weekdays.is_empty() || self.is_weekday(day))
            && (self.year_days.is_empty() || any(&self.year_days, day.ordinal(), year_days))
            && (self.weeks.is_empty() || any(&self.weeks, day.iso_week().week(), weeks()))
    }

    fn is_weekday(&self, day: NaiveDate) -> bool {
        let listed = |ordinal: i32| {
            let wanted = weekday_order(&(ordinal, day.weekday()));
            self.weekdays.binary_search_by_key(&wanted, weekday_order).is_ok()
        };
        let (before, after) = match self.frequency {
            Frequency::Yearly if self.months.is_empty() => {
                (day.ordinal0(), if day.leap_year() { 366 } else { 365 } - day.ordinal())
            }
            _ => (day.day0(), month_length(day) - day.day()),
        };
        listed(0) || listed(number(before / 7) + 1) || listed(-number(after / 7) - 1)
    }
}

/// Days from `begin` to `end`, both included.
fn length(begin: NaiveDate, end: NaiveDate) -> usize {
    usize::try_from((end - begin).num_days() + 1).unwrap_or(usize::MAX)
}

/// Whether a list that is in order holds `value`. It is asked for each day that is walked over.
fn lists(list: &[i32], value: i32) -> bool {
    list.binary_search(&value).is_ok()
}

/// Each value once: what is left of a list is no longer than there are months, days or weeks, from both ends.
fn put_in_order(list: &mut Vec<i32>) {
    list.sort_unstable();
    list.dedup();
}

fn put_weekdays_in_order(list: &mut Vec<(i32, Weekday)>) {
    list.sort_unstable_by_key(weekday_order);
    list.dedup();
}

fn weekday_order((ordinal, weekday): &(i32, Weekday)) -> (i32, u32) {
    (*ordinal, weekday.num_days_from_monday())
}

fn month_length(day: NaiveDate) -> u32 {
    u32::from(day.num_days_in_month())
}

/// A part of a date, which is small.
fn number(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}

fn numbers(list: &str, known: RangeInclusive<i32>) -> Option<Vec<i32>> {
    let numbers = list.split(',').map(|number| {
        let number = number.trim().parse().ok();
        number.filter(|number| *number != 0 && known.contains(number))
    });
    let mut numbers = numbers.collect::<Option<Vec<i32>>>()?;
    put_in_order(&mut numbers);
    // What was listed twice takes no room.
    numbers.shrink_to_fit();
    Some(numbers)
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
    let weekdays = list.split(',').map(|text| {
        let text = text.trim();
        let (ordinal, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let ordinal = if ordinal.is_empty() { 0 } else { ordinal.parse().ok()? };
        weekday(name).filter(|_| (-53..=53).contains(&ordinal)).map(|day| (ordinal, day))
    });
    let mut weekdays = weekdays.collect::<Option<Vec<_>>>()?;
    put_weekdays_in_order(&mut weekdays);
    weekdays.shrink_to_fit();
    Some(weekdays)
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
        let days = read(rule).unwrap().days(local(start), day(from), day(to), 100, &mut Walk::of_rule());
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
            "FREQ=MONTHLY;BYMONTH=-1",
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

    #[test]
    fn a_count_without_parts_is_calculated() {
        for (rule, start, last) in [
            ("FREQ=DAILY;COUNT=3", "20261120T100000Z", Some("2026-11-22")),
            ("FREQ=DAILY;INTERVAL=2;COUNT=50000", "19700101T100000Z", Some("2243-10-15")),
            ("FREQ=WEEKLY;INTERVAL=2;COUNT=3;WKST=SU", "20261122T100000Z", Some("2026-12-20")),
            ("FREQ=MONTHLY;COUNT=14", "20261128T100000Z", Some("2027-12-28")),
            ("FREQ=YEARLY;COUNT=200", "20000630T100000Z", Some("2199-06-30")),
            ("FREQ=DAILY;COUNT=4000000000", "19700101T100000Z", None),
            ("FREQ=YEARLY;COUNT=4000000000", "19700101T100000Z", None),
            ("FREQ=DAILY;COUNT=0", "20261120T100000Z", Some("2026-11-19")),
            ("FREQ=DAILY;COUNT=30;UNTIL=20261122T100000Z", "20261120T100000Z", Some("2026-11-22")),
        ] {
            let mut walk = Walk::of_rule();
            let settled = read(rule).unwrap().settled(local(start), &mut walk).unwrap();
            let until = settled.until.map(|until| until.date().to_string());
            assert_eq!((until.as_deref(), walk.walked()), (last, 0), "{rule}");
        }
        // Where not every month or year has the day, each of them is one step.
        for (rule, start, last, steps) in [
            ("FREQ=MONTHLY;COUNT=3", "20260131T100000Z", "2026-05-31", 5),
            ("FREQ=YEARLY;COUNT=3", "20240229T100000Z", "2032-02-29", 9),
        ] {
            let mut walk = Walk::of_rule();
            let settled = read(rule).unwrap().settled(local(start), &mut walk).unwrap();
            assert_eq!((settled.until.unwrap().date().to_string().as_str(), walk.walked()), (last, steps), "{rule}");
        }
    }

    #[test]
    fn lists_hold_each_value_once_and_in_order() {
        let rule = read(&format!("FREQ=YEARLY;BYYEARDAY=9{};BYDAY=2MO,MO,2MO,-1SU", ",-366,3".repeat(2000))).unwrap();
        assert_eq!(rule.year_days, [-366, 3, 9]);
        assert_eq!(rule.weekdays, [(-1, Weekday::Sun), (0, Weekday::Mon), (2, Weekday::Mon)]);
        // A rule that was kept with another order, and with its count.
        let mut kept = read("FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=4").unwrap();
        kept.month_days = vec![15, 1, 15];
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let (from, to) = (day("2026-01-01"), day("2026-12-31"));
        let days = kept.days(local("20260110T100000Z"), from, to, 100, &mut Walk::of_rule());
        assert_eq!(days, [day("2026-01-15"), day("2026-02-01"), day("2026-02-15"), day("2026-03-01")]);
    }

    #[test]
    fn what_is_not_counted_within_a_century_is_refused() {
        let start = local("19700101T100000Z");
        for rule in [
            "FREQ=DAILY;COUNT=4000000000;BYYEARDAY=-366",
            "FREQ=DAILY;COUNT=40001;BYDAY=MO,TU,WE,TH,FR,SA,SU",
            "FREQ=YEARLY;COUNT=1;BYMONTH=2;BYMONTHDAY=30",
        ] {
            let mut walk = Walk::of_calendar();
            assert_eq!(read(rule).unwrap().settled(start, &mut walk), None, "{rule}");
            assert!(walk.walked() <= RULE_DAYS_MAX, "{rule}: {}", walk.walked());
        }
        assert!(
            read("FREQ=DAILY;COUNT=40000;BYDAY=MO,TU,WE,TH,FR,SA,SU")
                .unwrap()
                .settled(start, &mut Walk::of_calendar())
                .is_some()
        );
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
            let mut walk = Walk::of_rule();
            let Some(settled) = read(&text).unwrap().settled(start, &mut walk) else {
                // What is refused was looked for as long as it may be: there is no room for a year more.
                prop_assert!(walk.walked() + 366 > RULE_DAYS_MAX, "{} from {}", text, start);
                return Ok(());
            };
            let ours = settled.days(start, from, to, 1000, &mut Walk::of_rule());
            let unsettled = read(&text).unwrap().days(start, from, to, 1000, &mut Walk { walked: 0, most: usize::MAX });
            prop_assert_eq!(&ours, &unsettled, "{} from {}", text, start);

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
