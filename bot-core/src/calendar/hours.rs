//! Hours of the week on the wall clock, as people write them: `mon-fri 09:00-18:00`.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};
use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MINUTES_PER_DAY: u16 = 24 * 60;

/// Names of the days in files, from Monday. The first three letters will do.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Part of a day, in minutes of the wall clock since midnight: `from` is within, `to` (up to 1440) is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    from: u16,
    to: u16,
}

impl Span {
    pub const WHOLE_DAY: Self = Self { from: 0, to: MINUTES_PER_DAY };

    /// The moment on the wall at which it begins on `date`.
    pub fn start(self, date: NaiveDate) -> NaiveDateTime {
        date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(self.from.into())
    }

    /// The moment on the wall at which it is over: midnight is the next day's.
    pub fn end(self, date: NaiveDate) -> NaiveDateTime {
        date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(self.to.into())
    }

    /// Minutes since midnight.
    pub fn from_minute(self) -> u16 {
        self.from
    }

    /// Minutes since midnight, up to 1440.
    pub fn to_minute(self) -> u16 {
        self.to
    }

    fn contains(self, minute: u16) -> bool {
        (self.from..self.to).contains(&minute)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

/// Hours of each weekday, on whatever wall they are read. In files either one line, `mon-fri 09:00-18:00` (several
/// hours with a comma, several days with a semicolon: `mon-thu 09:00-12:00, 14:00-17:30; fri 09:00-12:00`; without days,
/// every day), or a table, `{ monday = ["09:00-12:00", "14:00-17:30"], friday = ["09:00-12:00"] }`. A day that is not
/// named has none.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct WeeklyHours {
    /// From Monday; in order, apart from each other.
    days: [Vec<Span>; 7],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    #[error("`{0}` is no day: write mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri")]
    Day(String),
    #[error("`{0}` is no part of a day: write for example 09:00-12:30, midnight at the end as 24:00")]
    Span(String),
    #[error(
        "`{0}` ends before it begins: hours over midnight are two parts, 22:00-24:00 and 00:00-02:00 of the next day"
    )]
    Backwards(String),
    #[error("there are no hours in it: write for example `mon-fri 09:00-18:00`")]
    Empty,
}

impl WeeklyHours {
    /// Every moment of the week.
    pub fn always() -> Self {
        Self { days: std::array::from_fn(|_| vec![Span::WHOLE_DAY]) }
    }

    /// Not one moment.
    pub fn is_empty(&self) -> bool {
        self.days.iter().all(Vec::is_empty)
    }

    /// The parts of a weekday, in order and apart from each other.
    pub fn on(&self, weekday: Weekday) -> &[Span] {
        &self.days[weekday.num_days_from_monday() as usize]
    }

    /// Does the wall clock show one of these hours?
    pub fn contains(&self, wall: NaiveDateTime) -> bool {
        // At most 1439.
        let minute = u16::try_from(wall.hour() * 60 + wall.minute()).unwrap_or_default();
        self.on(wall.weekday()).iter().any(|span| span.contains(minute))
    }

    /// The hours that are not these.
    pub fn complement(&self) -> Self {
        Self {
            days: std::array::from_fn(|day| {
                let mut rest = Vec::new();
                let mut from = 0;
                for span in &self.days[day] {
                    if from < span.from {
                        rest.push(Span { from, to: span.from });
                    }
                    from = span.to;
                }
                if from < MINUTES_PER_DAY {
                    rest.push(Span { from, to: MINUTES_PER_DAY });
                }
                rest
            }),
        }
    }

    /// The hours that are both these and `other`.
    pub fn intersection(&self, other: &Self) -> Self {
        Self { days: std::array::from_fn(|day| intersection(&self.days[day], &other.days[day])) }
    }

    fn add(&mut self, days: impl Iterator<Item = usize>, spans: &[Span]) {
        for day in days {
            let hours = &mut self.days[day];
            hours.extend_from_slice(spans);
            hours.sort_unstable();
            let mut merged: Vec<Span> = Vec::with_capacity(hours.len());
            for span in hours.drain(..) {
                match merged.last_mut() {
                    Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                    _ => merged.push(span),
                }
            }
            *hours = merged;
        }
    }
}

fn intersection(one: &[Span], other: &[Span]) -> Vec<Span> {
    one.iter()
        .flat_map(|a| other.iter().map(move |b| Span { from: a.from.max(b.from), to: a.to.min(b.to) }))
        .filter(|span| span.from < span.to)
        .collect()
}

fn day_number(name: &str) -> Result<usize, HoursError> {
    let lower = name.to_ascii_lowercase();
    DAYS.iter().position(|day| lower == *day || lower == day[..3]).ok_or_else(|| HoursError::Day(name.to_owned()))
}

impl FromStr for Span {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let digits = |text: &str| (text.len() <= 2).then(|| text.parse::<u16>().ok()).flatten();
            let (hour, minute) = (digits(hour)?, digits(minute)?);
            let minutes = hour * 60 + minute;
            (minute < 60 && minutes <= MINUTES_PER_DAY).then_some(minutes)
        };
        let read = text.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
        let (from, to) = read.ok_or_else(|| HoursError::Span(text.trim().to_owned()))?;
        if from >= to {
            return Err(HoursError::Backwards(text.trim().to_owned()));
        }
        Ok(Self { from, to })
    }
}

impl FromStr for WeeklyHours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let mut hours = Self::default();
        for clause in text.split(';').map(str::trim).filter(|clause| !clause.is_empty()) {
            // The days come first and begin with a letter, the hours with a digit.
            let digit = clause.find(|letter: char| letter.is_ascii_digit()).unwrap_or(clause.len());
            let (names, spans) = clause.split_at(digit);
            let mut days = Vec::new();
            for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
                let (first, last) = name.split_once('-').unwrap_or((name, name));
                let (first, last) = (day_number(first)?, day_number(last)?);
                // `sat-mon` goes over the end of the week.
                days.extend((0..=(last + 7 - first) % 7).map(|step| (first + step) % 7));
            }
            if days.is_empty() {
                days.extend(0..7);
            }
            let spans: Vec<Span> = spans
                .split(',')
                .map(str::trim)
                .filter(|span| !span.is_empty())
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            if spans.is_empty() {
                return Err(HoursError::Span(clause.to_owned()));
            }
            hours.add(days.into_iter(), &spans);
        }
        if hours.is_empty() { Err(HoursError::Empty) } else { Ok(hours) }
    }
}

/// One line, as [`FromStr`] reads it; nothing when there are no hours.
impl fmt::Display for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut day = 0;
        let mut first = true;
        while day < 7 {
            let spans = &self.days[day];
            let last = (day..7).take_while(|other| self.days[*other] == *spans).last().unwrap_or(day);
            if !spans.is_empty() {
                if !first {
                    f.write_str("; ")?;
                }
                first = false;
                f.write_str(&DAYS[day][..3])?;
                if last > day {
                    write!(f, "-{}", &DAYS[last][..3])?;
                }
                for (index, span) in spans.iter().enumerate() {
                    write!(f, "{} {span}", if index == 0 { "" } else { "," })?;
                }
            }
            day = last + 1;
        }
        Ok(())
    }
}

/// As a table, which every program reads.
impl Serialize for WeeklyHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        for (name, spans) in DAYS.iter().zip(&self.days).filter(|(_, spans)| !spans.is_empty()) {
            table.serialize_entry(name, &spans.iter().map(Span::to_string).collect::<Vec<_>>())?;
        }
        table.end()
    }
}

impl<'de> Deserialize<'de> for WeeklyHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HoursVisitor;

        impl<'de> Visitor<'de> for HoursVisitor {
            type Value = WeeklyHours;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "hours of the week, such as \"mon-fri 09:00-18:00\" or { monday = [\"09:00-12:00\", \"14:00-17:30\"] }",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WeeklyHours, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<WeeklyHours, A::Error> {
                let mut hours = WeeklyHours::default();
                while let Some((name, spans)) = table.next_entry::<String, Vec<String>>()? {
                    let day = day_number(&name).map_err(A::Error::custom)?;
                    let spans: Vec<Span> =
                        spans.iter().map(|span| span.parse()).collect::<Result<_, _>>().map_err(A::Error::custom)?;
                    hours.add(std::iter::once(day), &spans);
                }
                Ok(hours)
            }
        }

        deserializer.deserialize_any(HoursVisitor)
    }
}

impl JsonSchema for WeeklyHours {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WeeklyHours".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let spans = serde_json::json!({
            "type": "array",
            "items": { "type": "string", "pattern": r"^\d{1,2}:\d{2}-\d{1,2}:\d{2}$", "examples": ["09:00-12:30"] },
        });
        let days: serde_json::Map<String, serde_json::Value> =
            DAYS.iter().map(|day| ((*day).to_owned(), spans.clone())).collect();
        schemars::json_schema!({
            "description": "Hours of the week: one line such as `mon-fri 09:00-18:00`, or the parts of each day.",
            "anyOf": [
                { "type": "string", "examples": ["mon-fri 09:00-18:00", "mon-thu 09:00-12:00, 14:00-17:30; fri 09:00-12:00"] },
                { "type": "object", "properties": days, "additionalProperties": false },
            ],
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(text: &str) -> WeeklyHours {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_and_a_table_say_the_same() {
        #[derive(Deserialize)]
        struct File {
            hours: WeeklyHours,
        }
        let line = hours("mon-thu 09:00-12:00, 14:00-17:30; fri 9:00-12:00");
        let table = serde_json::json!({ "hours": {
            "monday": ["14:00-17:30", "09:00-12:00"], "tue": ["09:00-12:00", "14:00-17:30"],
            "wednesday": ["09:00-12:00", "14:00-17:30"], "Thursday": ["09:00-11:00", "10:30-12:00", "14:00-17:30"],
            "friday": ["09:00-12:00"], "saturday": [],
        }});
        assert_eq!(serde_json::from_value::<File>(table).unwrap().hours, line);
        assert_eq!(line.to_string(), "mon-thu 09:00-12:00, 14:00-17:30; fri 09:00-12:00");
        assert_eq!(
            serde_json::to_string(&hours("sat-sun 10:00-12:00")).unwrap(),
            r#"{"saturday":["10:00-12:00"],"sunday":["10:00-12:00"]}"#
        );
    }

    #[test]
    fn days_are_named_in_ranges_and_lists_over_the_end_of_the_week_or_not_at_all() {
        assert_eq!(hours("sat-mon 10:00-12:00"), hours("sat,sun,mon 10:00-12:00"));
        assert_eq!(hours("Monday, Wednesday 10:00-12:00"), hours("mon 10:00-12:00; wed 10:00-12:00"));
        assert_eq!(hours("08:00-20:00"), hours("mon-sun 08:00-20:00"));
        assert_eq!(hours("00:00-24:00"), WeeklyHours::always());
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy() {
        for (line, said) in [
            ("lun-ven 09:00-18:00", "`lun` is no day: write mon, tue"),
            ("mon-fri 9-18", "`9-18` is no part of a day: write for example 09:00-12:30"),
            ("mon-fri 09:00-25:00", "`09:00-25:00` is no part of a day"),
            ("mon-fri 09:60-18:00", "`09:60-18:00` is no part of a day"),
            ("mon-fri 24:01-24:02", "is no part of a day"),
            ("mon-fri", "`mon-fri` is no part of a day"),
            ("mon-fri 22:00-02:00", "ends before it begins: hours over midnight are two parts"),
            ("mon-fri 09:00-09:00", "ends before it begins"),
            ("", "there are no hours in it"),
        ] {
            let refusal = line.parse::<WeeklyHours>().unwrap_err().to_string();
            assert!(refusal.contains(said), "{line}: {refusal}");
        }
        let table = serde_json::json!({ "lundi": ["09:00-12:00"] });
        let refusal = serde_json::from_value::<WeeklyHours>(table).unwrap_err().to_string();
        assert!(refusal.contains("`lundi` is no day"), "{refusal}");
    }

    /// Any hours of the week, of parts that may touch and overlap.
    pub(crate) fn any_hours() -> impl Strategy<Value = WeeklyHours> {
        let span = (0..MINUTES_PER_DAY, 1..=MINUTES_PER_DAY)
            .prop_map(|(a, b)| if a < b { Span { from: a, to: b } } else { Span { from: b - 1, to: a + 1 } });
        let day = prop::collection::vec(span, 0..4);
        prop::array::uniform7(day).prop_map(|days| {
            let mut hours = WeeklyHours::default();
            for (day, spans) in days.iter().enumerate() {
                hours.add(std::iter::once(day), spans);
            }
            hours
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hours_survive_being_written(hours in any_hours()) {
            let json = serde_json::to_value(&hours).unwrap();
            prop_assert_eq!(serde_json::from_value::<WeeklyHours>(json).unwrap(), hours.clone());
            if !hours.is_empty() {
                prop_assert_eq!(hours.to_string().parse::<WeeklyHours>().unwrap(), hours);
            }
        }

        /// Every minute is in the hours or in their complement, and in both of two hours or not in their intersection.
        #[test]
        fn complement_and_intersection_are_those_of_sets(one in any_hours(), other in any_hours(), minute in 0..7 * 1440i64) {
            let wall = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minute);
            prop_assert_ne!(one.contains(wall), one.complement().contains(wall));
            prop_assert_eq!(one.complement().complement(), one.clone());
            prop_assert_eq!(one.intersection(&other).contains(wall), one.contains(wall) && other.contains(wall));
        }
    }
}
