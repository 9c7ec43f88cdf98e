//! Calendars (iCalendar, RFC 5545) into events, and events into the days on which they take place.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::feed::{SUMMARY_CHARS_MAX, TITLE_CHARS_MAX};
use crate::recurrence::{Rule, Walk};
use crate::zone::{self, Described, Zones};
use crate::{encoding, markup, words};

use lines::{Component, Content};

mod lines;
#[cfg(test)]
mod tests;

/// Events taken of one calendar, a series counting as one.
pub const EVENTS_MAX: usize = 2000;
/// Occurrences of one event that are looked at in one window.
pub const OCCURRENCES_MAX: usize = 200;
pub const PLACE_CHARS_MAX: usize = 300;
/// Dates that one event adds, leaves out or changes, each.
const DATES_MAX: usize = 500;
/// Years that an event may begin in. What is outside is a mistake.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;
/// Nothing lasts longer: an end later than that is taken for none.
const LENGTH_DAYS_MAX: i64 = 3660;
/// Remarks of one calendar; the rest says the same.
const REMARKS_MAX: usize = 20;

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Calendar {
    pub events: Vec<Event>,
    pub remarks: Vec<Remark>,
}

/// What an editor is told of events that were left out or are not shown as they were meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Remark {
    /// Left out: it does not say when.
    NoStart { title: String },
    /// Left out: it does not say what.
    NoTitle { start: String },
    /// Shown as if on the digest's clock.
    UnknownZone { zone: String },
    /// Shown on its first day only: its rule is not understood, or does not come to its end in a century.
    UnknownRule { title: String, rule: String },
    /// The calendar ended in the middle of an event.
    CutOff,
    /// Left out, after the first [`EVENTS_MAX`].
    TooMany { left_out: usize },
}

/// An event, once or in a series.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// As the source names it; `None` where it gives no name.
    pub uid: Option<String>,
    /// Plain words, 1 to [`TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// Plain words; empty where there are none.
    pub summary: String,
    pub url: Option<String>,
    pub place: Option<String>,
    /// Called off, with all its days.
    pub cancelled: bool,
    pub times: Times,
    pub rule: Option<Rule>,
    /// Local times added (`RDATE`).
    pub added: Vec<NaiveDateTime>,
    /// Local times left out (`EXDATE`).
    pub removed: Vec<NaiveDateTime>,
    /// Whole days left out.
    pub removed_days: Vec<NaiveDate>,
    /// Single occurrences that differ (`RECURRENCE-ID`).
    pub changes: Vec<Change>,
}

/// When an event takes place for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Whole days, 1 or more.
    Days { start: NaiveDate, days: u32 },
    /// A local time; `seconds` is missing where the source says no end.
    Moments { start: NaiveDateTime, time_zone: Tz, seconds: Option<u32> },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The local time it would have had.
    pub instead_of: NaiveDateTime,
    pub title: String,
    pub place: Option<String>,
    pub cancelled: bool,
    pub times: Times,
}

/// An event on one of its days.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Occurrence {
    /// The local time the series gives it, by which it is known even when it is moved.
    pub planned: NaiveDateTime,
    pub title: String,
    pub place: Option<String>,
    pub cancelled: bool,
    pub when: When,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The last day is included.
    Days {
        from: NaiveDate,
        to: NaiveDate,
    },
    Moments {
        from: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
        time_zone: Tz,
    },
}

/// Why an answer gives no events.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum CalendarError {
    #[error("the answer is empty")]
    Empty,
    #[error("this is a web page, not a calendar: write the address of its .ics file")]
    Page,
    #[error("this is no iCalendar: no line says BEGIN:VCALENDAR")]
    NoCalendar,
}

/// Reads a calendar that was fetched from `address`. Times without a zone are on the clock of `own`.
///
/// # Errors
/// It is no calendar. An event that cannot be used is left out with a remark, and the others are kept.
pub fn read(bytes: &[u8], content_type: Option<&str>, address: &str, own: Tz) -> Result<Calendar, CalendarError> {
    read_within(bytes, content_type, address, own, &mut Walk::of_calendar())
}

fn read_within(
    bytes: &[u8],
    content_type: Option<&str>,
    address: &str,
    own: Tz,
    walk: &mut Walk,
) -> Result<Calendar, CalendarError> {
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(CalendarError::Empty);
    }
    let Some(lines) = lines::read(bytes, content_type) else {
        let is_page = markup::is_page(&encoding::decode(bytes, content_type));
        return Err(if is_page { CalendarError::Page } else { CalendarError::NoCalendar });
    };
    let mut reader = Reader {
        zones: Zones { described: lines.zones.iter().filter_map(described).collect(), own },
        base: Url::parse(address).ok(),
        remarks: Vec::new(),
        walk,
    };
    let mut events: Vec<Event> = Vec::new();
    let mut changes: Vec<(Option<String>, NaiveDateTime, Event)> = Vec::new();
    let left_out = lines.events.len().saturating_sub(EVENTS_MAX);
    for component in lines.events.iter().take(EVENTS_MAX) {
        let Some(event) = reader.event(component) else { continue };
        let instead_of = component.first("RECURRENCE-ID").and_then(|content| reader.stamp(content));
        match instead_of {
            Some(stamp) => changes.push((event.uid.clone(), stamp.local(event.times.zone(), own), event)),
            None => events.push(event),
        }
    }
    let mut series: BTreeMap<String, usize> = BTreeMap::new();
    for (place, event) in events.iter().enumerate().filter(|(_, event)| event.rule.is_some() || !event.added.is_empty())
    {
        series.extend(event.uid.clone().map(|uid| (uid, place)));
    }
    for (uid, instead_of, changed) in changes {
        let of = uid.as_ref().and_then(|uid| series.get(uid)).and_then(|place| events.get_mut(*place));
        match of {
            Some(event) if event.changes.len() < DATES_MAX => event.changes.push(Change {
                instead_of,
                title: changed.title,
                place: changed.place,
                cancelled: changed.cancelled,
                times: changed.times,
            }),
            Some(_) => {}
            // Its series is not in the calendar: an event by itself.
            None => events.push(Event { uid: uid.map(|uid| format!("{uid} {instead_of}")), rule: None, ..changed }),
        }
    }
    if lines.is_cut_off {
        reader.remark(Remark::CutOff);
    }
    if left_out > 0 {
        reader.remark(Remark::TooMany { left_out });
    }
    Ok(Calendar { events, remarks: reader.remarks })
}

fn described(zone: &Component) -> Option<(String, Described)> {
    let offset = |contents: &[Content]| {
        let last = contents.iter().rev().find(|content| content.name == "TZOFFSETTO")?;
        let (sign, digits) = last.value.split_at_checked(1)?;
        let number: i32 = digits.get(..4)?.parse().ok().filter(|number| (0..2400).contains(number))?;
        Some((number / 100 * 3600 + number % 100 * 60) * if sign == "-" { -1 } else { 1 })
    };
    let described = Described {
        location: zone.first("X-LIC-LOCATION").map(|content| content.value.clone()),
        standard: offset(&zone.standard),
        daylight: offset(&zone.daylight),
    };
    Some((zone.first("TZID")?.value.clone(), described))
}

/// A date or a time as a property gives it.
#[derive(Clone, Copy)]
enum Stamp {
    Day(NaiveDate),
    Local(NaiveDateTime, Option<Tz>),
    Utc(DateTime<Utc>),
}

impl Stamp {
    /// On the clock of an event in `zone`. Whole days begin at midnight.
    fn local(self, zone: Option<Tz>, own: Tz) -> NaiveDateTime {
        let zone = zone.unwrap_or(own);
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN),
            Self::Local(local, named) => match named.filter(|named| *named != zone) {
                Some(named) => zone::moment(local, named).with_timezone(&zone).naive_local(),
                None => local,
            },
            Self::Utc(moment) => moment.with_timezone(&zone).naive_local(),
        }
    }
}

struct Reader<'w> {
    zones: Zones,
    base: Option<Url>,
    remarks: Vec<Remark>,
    /// Of all its rules together.
    walk: &'w mut Walk,
}

impl Reader<'_> {
    fn remark(&mut self, remark: Remark) {
        if self.remarks.len() < REMARKS_MAX && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// `None`: it cannot be used, which was remarked.
    fn event(&mut self, component: &Component) -> Option<Event> {
        let value = |name: &str| component.first(name).map_or("", |content| &content.value);
        let title = words::of_text(value("SUMMARY"), TITLE_CHARS_MAX);
        let start = component.first("DTSTART").and_then(|content| self.stamp(content));
        let Some(start) = start.filter(|start| YEARS.contains(&year(*start))) else {
            self.remark(Remark::NoStart { title });
            return None;
        };
        if title.is_empty() {
            self.remark(Remark::NoTitle { start: words::of_text(value("DTSTART"), 40) });
            return None;
        }
        let own = self.zones.own;
        let times = self.times(start, component);
        let (first, zone) = (times.start(), times.zone());
        let until = |text: &str| {
            let stamp = stamp(text)?;
            // A day is included to its end.
            Some(match stamp {
                Stamp::Day(day) => day.and_hms_opt(23, 59, 59)?,
                stamp => stamp.local(zone, own),
            })
        };
        let rule = component.first("RRULE").map(|content| {
            let rule = Rule::read(&content.value, until).and_then(|rule| rule.settled(first, self.walk));
            (&content.value, rule)
        });
        if let Some((text, None)) = rule {
            let remark = Remark::UnknownRule { title: title.clone(), rule: words::of_text(text, 100) };
            self.remark(remark);
        }
        let added = self.stamps(component, "RDATE").into_iter().map(|stamp| match stamp {
            Stamp::Day(day) => day.and_time(first.time()),
            stamp => stamp.local(zone, own),
        });
        let added: BTreeSet<NaiveDateTime> = added.filter(|local| YEARS.contains(&year_of(*local))).collect();
        let (mut removed, mut removed_days) = (BTreeSet::new(), BTreeSet::new());
        for stamp in self.stamps(component, "EXDATE") {
            match stamp {
                Stamp::Day(day) => drop(removed_days.insert(day)),
                stamp => drop(removed.insert(stamp.local(zone, own))),
            }
        }
        let uid = words::of_id(value("UID"), crate::feed::ID_BYTES_MAX);
        let place = words::of_text(value("LOCATION"), PLACE_CHARS_MAX);
        Some(Event {
            uid,
            title,
            summary: words::of_html(value("DESCRIPTION"), SUMMARY_CHARS_MAX),
            url: markup::web_address(value("URL"), self.base.as_ref()),
            place: Some(place).filter(|place| !place.is_empty()),
            cancelled: value("STATUS").eq_ignore_ascii_case("CANCELLED"),
            times,
            rule: rule.and_then(|(_, rule)| rule),
            added: added.into_iter().collect(),
            removed: removed.into_iter().collect(),
            removed_days: removed_days.into_iter().collect(),
            changes: Vec::new(),
        })
    }

    fn times(&mut self, start: Stamp, component: &Component) -> Times {
        let end = component.first("DTEND").and_then(|content| self.stamp(content));
        let duration = component.first("DURATION").and_then(|content| duration(&content.value));
        let own = self.zones.own;
        let (local, zone) = match start {
            Stamp::Day(day) => {
                let days = match (end, duration) {
                    // The day after the last.
                    (Some(end), _) => (end.local(None, own).date() - day).num_days(),
                    (None, duration) => duration.map_or(1, |duration| duration.num_days()),
                };
                let days = u32::try_from(days.clamp(1, LENGTH_DAYS_MAX)).unwrap_or(1);
                return Times::Days { start: day, days };
            }
            Stamp::Local(local, zone) => (local, zone.unwrap_or(own)),
            Stamp::Utc(moment) => (moment.with_timezone(&own).naive_local(), own),
        };
        let begin = zone::moment(local, zone);
        let length = end.map(|end| zone::moment(end.local(Some(zone), own), zone) - begin).or(duration);
        let seconds =
            length.filter(|length| *length <= TimeDelta::days(LENGTH_DAYS_MAX)).map(|length| length.num_seconds());
        // An end at or before the beginning says nothing.
        let seconds = seconds.filter(|seconds| *seconds > 0).and_then(|seconds| u32::try_from(seconds).ok());
        Times::Moments { start: local, time_zone: zone, seconds }
    }

    /// The time of a property, in the zone it names.
    fn stamp(&mut self, content: &Content) -> Option<Stamp> {
        self.stamp_of(content.value.split(',').next()?, content.zone.as_deref())
    }

    /// One time; of a period its beginning.
    fn stamp_of(&mut self, value: &str, zone: Option<&str>) -> Option<Stamp> {
        let found = stamp(value.split('/').next()?)?;
        let (Stamp::Local(local, None), Some(name)) = (found, zone) else { return Some(found) };
        let zone = self.zones.find(name);
        if zone.is_none() {
            self.remark(Remark::UnknownZone { zone: words::of_text(name, 100) });
        }
        Some(Stamp::Local(local, zone))
    }

    /// Every time of a property that holds a list and may come several times; of a period its beginning.
    fn stamps(&mut self, component: &Component, name: &str) -> Vec<Stamp> {
        let mut stamps = Vec::new();
        for content in component.all(name) {
            for value in content.value.split(',') {
                if stamps.len() >= DATES_MAX {
                    return stamps;
                }
                stamps.extend(self.stamp_of(value.trim(), content.zone.as_deref()));
            }
        }
        stamps
    }
}

fn year(stamp: Stamp) -> i32 {
    match stamp {
        Stamp::Day(day) => chrono::Datelike::year(&day),
        Stamp::Local(local, _) => year_of(local),
        Stamp::Utc(moment) => year_of(moment.naive_utc()),
    }
}

fn year_of(local: NaiveDateTime) -> i32 {
    chrono::Datelike::year(&local)
}

/// `20261201`, `20261201T183000`, `20261201T183000Z`; the signs of ISO 8601's long form are passed over.
fn stamp(text: &str) -> Option<Stamp> {
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let plain: String = text.trim().chars().filter(|sign| !['-', ':'].contains(sign)).collect();
    let plain = plain.to_ascii_uppercase();
    let date = |text: &str| (text.len() == 8).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok()).flatten();
    let Some((day, time)) = plain.split_once('T') else { return date(&plain).map(Stamp::Day) };
    let (time, is_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
    let time = match time.len() {
        6 => NaiveTime::parse_from_str(time, "%H%M%S"),
        _ => NaiveTime::parse_from_str(time, "%H%M"),
    };
    // A leap second is its minute's last.
    let time = time.ok().and_then(|time| chrono::Timelike::with_nanosecond(&time, 0))?;
    let local = date(day)?.and_time(time);
    Some(if is_utc { Stamp::Utc(local.and_utc()) } else { Stamp::Local(local, None) })
}

/// `PT1H30M`, `P1D`, `P2W`.
fn duration(text: &str) -> Option<TimeDelta> {
    let rest = text.trim_start_matches('+').strip_prefix('P')?;
    let mut seconds: i64 = 0;
    let mut number: Option<i64> = None;
    for sign in rest.chars().take(40) {
        if let Some(digit) = sign.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match sign.to_ascii_uppercase() {
            'T' if number.is_none() => continue,
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    TimeDelta::try_seconds(seconds)
}

impl Times {
    /// The local time it begins at.
    pub fn start(&self) -> NaiveDateTime {
        match self {
            Self::Days { start, .. } => start.and_time(NaiveTime::MIN),
            Self::Moments { start, .. } => *start,
        }
    }

    /// `None`: whole days, on whatever clock.
    pub fn zone(&self) -> Option<Tz> {
        match self {
            Self::Days { .. } => None,
            Self::Moments { time_zone, .. } => Some(*time_zone),
        }
    }

    /// The same, beginning at another local time.
    fn at(&self, local: NaiveDateTime) -> When {
        match self {
            Self::Days { days, .. } => {
                let from = local.date();
                When::Days { from, to: from.checked_add_days(Days::new(u64::from(*days) - 1)).unwrap_or(from) }
            }
            Self::Moments { time_zone, seconds, .. } => {
                let from = zone::moment(local, *time_zone);
                let until = seconds.and_then(|seconds| from.checked_add_signed(TimeDelta::seconds(seconds.into())));
                When::Moments { from, until, time_zone: *time_zone }
            }
        }
    }
}

impl When {
    /// The moment it begins; of whole days midnight on the clock of `own`.
    pub fn begins_at(&self, own: Tz) -> DateTime<Utc> {
        match self {
            Self::Days { from, .. } => zone::moment(from.and_time(NaiveTime::MIN), own),
            Self::Moments { from, .. } => *from,
        }
    }
}

impl Event {
    /// The occurrence that was planned for this local time and will not be.
    pub fn called_off(&self, planned: NaiveDateTime) -> Occurrence {
        let changed = self.changes.iter().find(|change| change.instead_of == planned);
        Occurrence {
            planned,
            title: changed.map_or(&self.title, |change| &change.title).clone(),
            place: changed.and_then(|change| change.place.clone()).or_else(|| self.place.clone()),
            cancelled: true,
            when: changed.map_or_else(|| self.times.at(planned), |change| change.times.at(change.times.start())),
        }
    }

    /// Where it takes place, in order of time, of what begins from `from` on and before `until`. Whole days begin at
    /// midnight on the clock of `own`. At most [`OCCURRENCES_MAX`].
    pub fn occurrences(&self, from: DateTime<Utc>, until: DateTime<Utc>, own: Tz) -> Vec<Occurrence> {
        self.occurrences_within(from, until, own, &mut Walk::of_rule())
    }

    fn occurrences_within(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        own: Tz,
        walk: &mut Walk,
    ) -> Vec<Occurrence> {
        let zone = self.times.zone().unwrap_or(own);
        let first = self.times.start();
        // Events begin in years far from what can be counted.
        let edge = |year, month, day| {
            NaiveDate::from_ymd_opt(year, month, day).map(|day| day.and_time(NaiveTime::MIN).and_utc())
        };
        let from = from.max(edge(*YEARS.start() - 1, 12, 1).unwrap_or(from));
        let until = until.min(edge(*YEARS.end() + 1, 2, 1).unwrap_or(until));
        // A clock change may carry a moment over midnight.
        let day = |moment: DateTime<Utc>| moment.with_timezone(&zone).date_naive();
        let from_day = day(from).pred_opt().unwrap_or(NaiveDate::MIN);
        let until_day = day(until).succ_opt().unwrap_or(NaiveDate::MAX);
        let days = match &self.rule {
            Some(rule) => rule.days(first, from_day, until_day, OCCURRENCES_MAX, walk),
            None => vec![first.date()],
        };
        let mut planned: BTreeSet<NaiveDateTime> = days.into_iter().map(|day| day.and_time(first.time())).collect();
        planned.extend(self.added.iter().copied());
        let removed: BTreeSet<&NaiveDateTime> = self.removed.iter().collect();
        let removed_days: BTreeSet<&NaiveDate> = self.removed_days.iter().collect();
        planned.retain(|local| !removed.contains(local) && !removed_days.contains(&local.date()));
        for change in &self.changes {
            planned.remove(&change.instead_of);
        }
        let regular = planned.into_iter().map(|local| Occurrence {
            planned: local,
            title: self.title.clone(),
            place: self.place.clone(),
            cancelled: self.cancelled,
            when: self.times.at(local),
        });
        let changed = self.changes.iter().map(|change| Occurrence {
            planned: change.instead_of,
            title: change.title.clone(),
            place: change.place.clone().or_else(|| self.place.clone()),
            cancelled: self.cancelled || change.cancelled,
            when: change.times.at(change.times.start()),
        });
        let begins_at = |occurrence: &Occurrence| occurrence.when.begins_at(own);
        let mut all: Vec<Occurrence> =
            regular.chain(changed).filter(|it| (from..until).contains(&begins_at(it))).collect();
        all.sort_by_key(|occurrence| (begins_at(occurrence), occurrence.planned));
        all.truncate(OCCURRENCES_MAX);
        all
    }
}
