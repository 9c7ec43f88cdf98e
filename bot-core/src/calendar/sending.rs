//! When a message that nobody asked for may go out.
//!
//! The organisation has a rule, the sender (a campaign) may have one, and the person has quiet hours; the tightest wins.
//! All clocks are the recipient's: 9 o'clock is 9 o'clock where the message is read. The answer is pure data, and it is
//! asked twice: when a campaign is planned, and again just before each call to a platform.

use std::num::NonZeroU16;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::holidays::holiday_on;
pub use super::holidays::{Holiday, Territory};
use super::hours::Span;
pub use super::hours::WeeklyHours;
use super::resolve_local;

/// How far ahead a time is looked for: a whole year, which a pressure cap may last, and some days more.
const HORIZON_DAYS: usize = 400;

/// A message that has to wait for another day waits for this hour of it, where nothing forbids its first minutes:
/// nobody is written to at midnight because a holiday is over.
const MORNING_MINUTE: i64 = 8 * 60;

/// When messages that nobody asked for may go out. Nothing said is nothing forbidden.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendingRule {
    /// Hours at which messages may go out, on the recipient's clock: `"mon-fri 09:00-18:00"`, or the parts of each day,
    /// `{ monday = ["09:00-12:00", "14:00-17:30"] }`. Left out: at any hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<WeeklyHours>,
    /// Only Monday to Friday, and not on public holidays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub working_days_only: bool,
    /// May messages go out on public holidays? Those of France, by the recipient's département or territory.
    #[serde(skip_serializing_if = "is_true")]
    pub holidays: bool,
    /// At most so many messages to a person, from all plugins together: `{ messages = 2, days = 7 }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure: Option<PressureCap>,
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Default for SendingRule {
    fn default() -> Self {
        Self { hours: None, working_days_only: false, holidays: true, pressure: None }
    }
}

/// At most `messages` messages to one person within any `days` days that follow each other, counted as days of the
/// person's calendar: what came on a Monday no longer counts on the next with `days = 7`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PressureCap {
    /// From 1.
    pub messages: NonZeroU16,
    /// 1 to 366.
    #[serde(deserialize_with = "days")]
    #[schemars(range(min = 1, max = 366))]
    pub days: NonZeroU16,
}

fn days<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NonZeroU16, D::Error> {
    let days = NonZeroU16::deserialize(deserializer)?;
    if days.get() > PressureCap::DAYS_MAX {
        return Err(serde::de::Error::custom(format!("{days} days are too many for `pressure`: write 1 to 366")));
    }
    Ok(days)
}

impl PressureCap {
    /// The longest that a message counts, in days.
    pub const DAYS_MAX: u16 = 366;
}

/// The rules that a message obeys.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub organisation: &'a SendingRule,
    /// That of the campaign, if it is one's.
    pub sender: Option<&'a SendingRule>,
}

/// Who is written to, as far as it matters here. A room is one without quiet hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecipientRule {
    /// Of all hours and days.
    pub time_zone: Tz,
    /// Whose holidays are kept.
    pub territory: Territory,
    /// When the person does not want to be written to.
    pub quiet_hours: WeeklyHours,
}

/// Whose hours were not met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    Organisation,
    Sender,
    Recipient,
}

/// Why a message goes out later than wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It is not an hour for messages.
    Hours { whose: Whose },
    /// It is Saturday or Sunday.
    Weekend { whose: Whose },
    /// It is a public holiday.
    Holiday { whose: Whose, date: NaiveDate, holiday: Holiday },
    /// The person has had as many messages as may be.
    Pressure { whose: Whose, messages: NonZeroU16, days: NonZeroU16 },
}

/// When a message may go out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SendingTime {
    pub at: DateTime<Utc>,
    /// Each once, in the order of time; empty when it goes out as wanted.
    pub reasons: Vec<Reason>,
}

/// There is no moment for it: the hours of organisation, sender and recipient never meet, or not within a year.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("there is no time within a year at which this message may go out: widen the hours of the rules")]
pub struct Never {
    pub reasons: Vec<Reason>,
}

/// The earliest time from `wanted` on at which a message may go out to `recipient`, with every reason for waiting.
/// `sent` are the times at which the person was written to unasked, in any order, and may hold future ones.
///
/// Asked with its own answer, it gives the same, without a reason.
///
/// # Errors
/// [`Never`], when there is no such time within a year.
pub fn sending_time(
    wanted: DateTime<Utc>,
    rules: Rules<'_>,
    recipient: &RecipientRule,
    sent: &[DateTime<Utc>],
) -> Result<SendingTime, Never> {
    let query = Query::new(rules, recipient, sent);
    let mut reasons = Vec::new();
    let mut objected = |reason: Reason| {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    };
    let first = wanted.with_timezone(&recipient.time_zone).date_naive();
    for date in first.iter_days().take(HORIZON_DAYS) {
        if let Some(reason) = query.against_day(date) {
            objected(reason);
            continue;
        }
        if date == first {
            let at = query.open_from(date, wanted);
            if at != Some(wanted) {
                query.against_moment(wanted).for_each(&mut objected);
            }
            if let Some(at) = at {
                return Ok(SendingTime { at, reasons });
            }
            continue;
        }
        if let Some(at) = query.open_on(date) {
            return Ok(SendingTime { at, reasons });
        }
        query.against_hours_of(date).for_each(&mut objected);
        if query.never {
            break;
        }
    }
    Err(Never { reasons })
}

/// What one question is about.
struct Query<'a> {
    rules: Vec<(Whose, &'a SendingRule)>,
    /// Only those that leave something out.
    hours: Vec<(Whose, WeeklyHours)>,
    /// What all of them allow.
    open: WeeklyHours,
    recipient: &'a RecipientRule,
    /// The days of the messages sent, on the recipient's calendar.
    sent: Vec<NaiveDate>,
    /// The hours never meet.
    never: bool,
}

impl<'a> Query<'a> {
    fn new(rules: Rules<'a>, recipient: &'a RecipientRule, sent: &[DateTime<Utc>]) -> Self {
        let mut all = vec![(Whose::Organisation, rules.organisation)];
        all.extend(rules.sender.map(|rule| (Whose::Sender, rule)));
        let mut hours: Vec<(Whose, WeeklyHours)> =
            all.iter().filter_map(|(whose, rule)| Some((*whose, rule.hours.clone()?))).collect();
        if !recipient.quiet_hours.is_empty() {
            hours.push((Whose::Recipient, recipient.quiet_hours.complement()));
        }
        let open = hours.iter().fold(WeeklyHours::always(), |open, (_, hours)| open.intersection(hours));
        let sent = sent.iter().map(|moment| moment.with_timezone(&recipient.time_zone).date_naive()).collect();
        Self { rules: all, hours, never: open.is_empty(), open, recipient, sent }
    }

    /// Why nothing goes out on `date`, whatever the hour.
    fn against_day(&self, date: NaiveDate) -> Option<Reason> {
        self.rules.iter().find_map(|&(whose, rule)| {
            if rule.working_days_only && matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                return Some(Reason::Weekend { whose });
            }
            if (rule.working_days_only || !rule.holidays)
                && let Some(holiday) = holiday_on(date, self.recipient.territory)
            {
                return Some(Reason::Holiday { whose, date, holiday });
            }
            let cap = rule.pressure.filter(|cap| self.is_full(date, *cap))?;
            Some(Reason::Pressure { whose, messages: cap.messages, days: cap.days })
        })
    }

    /// Would one more message on `date` exceed the cap in some run of days?
    fn is_full(&self, date: NaiveDate, cap: PressureCap) -> bool {
        let last = i64::from(cap.days.get()) - 1;
        let distances: Vec<i64> =
            self.sent.iter().map(|sent| (*sent - date).num_days()).filter(|days| days.abs() <= last).collect();
        // A run that is fullest can be moved until it begins with a message, or with this one.
        distances.iter().copied().filter(|start| *start <= 0).chain([0]).any(|start| {
            distances.iter().filter(|days| (start..=start + last).contains(*days)).count()
                >= usize::from(cap.messages.get())
        })
    }

    /// Whose hours the clock does not show at `moment`.
    fn against_moment(&self, moment: DateTime<Utc>) -> impl Iterator<Item = Reason> {
        let wall = moment.with_timezone(&self.recipient.time_zone).naive_local();
        let hours = self.hours.iter().filter(move |(_, hours)| !hours.contains(wall));
        hours.map(|(whose, _)| Reason::Hours { whose: *whose })
    }

    /// Whose hours leave nothing of a day: those without any, else all that only together do.
    fn against_hours_of(&self, date: NaiveDate) -> impl Iterator<Item = Reason> {
        let weekday = date.weekday();
        let one_alone = self.hours.iter().any(|(_, hours)| hours.on(weekday).is_empty());
        let guilty = move |hours: &WeeklyHours| !one_alone || hours.on(weekday).is_empty();
        let hours = self.hours.iter().filter(move |(_, hours)| guilty(hours));
        hours.map(|(whose, _)| Reason::Hours { whose: *whose })
    }

    /// The moment for what had to wait for `date`.
    fn open_on(&self, date: NaiveDate) -> Option<DateTime<Utc>> {
        let midnight = date.and_time(NaiveTime::MIN);
        let begins_at_midnight = self.open.on(date.weekday()).first().is_some_and(|span| span.from_minute() == 0);
        let start = |wall: NaiveDateTime| resolve_local(wall, self.recipient.time_zone);
        begins_at_midnight
            .then(|| self.open_from(date, start(midnight + TimeDelta::minutes(MORNING_MINUTE))))
            .flatten()
            .or_else(|| self.open_from(date, start(midnight)))
    }

    /// The first moment from `from` on, while the calendar shows `date`, at which the clock shows hours of all.
    fn open_from(&self, date: NaiveDate, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let time_zone = self.recipient.time_zone;
        let spans = self.open.on(date.weekday());
        let midnight = Span::WHOLE_DAY.end(date);
        let mut moment = from;
        loop {
            let wall = moment.with_timezone(&time_zone).naive_local();
            if wall.date() != date {
                return None;
            }
            let next =
                spans.iter().find(|span| wall < span.end(date)).map_or(midnight, |span| span.start(date).max(wall));
            let candidate = moment + (next - wall);
            if candidate.with_timezone(&time_zone).naive_local() == next {
                return (next < midnight).then_some(candidate);
            }
            // The clocks change on the way there: look again from that moment on.
            moment = clock_change(time_zone, moment, candidate);
        }
    }
}

/// The first whole second after `before` at which the clocks have changed, given that they have at `after`.
fn clock_change(time_zone: Tz, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |moment: DateTime<Utc>| moment.with_timezone(&time_zone).naive_local() - moment.naive_utc();
    let old = offset(before);
    let (mut before, mut after) = (before, after);
    while after - before > TimeDelta::seconds(1) {
        let middle = before + (after - before) / 2;
        if offset(middle) == old { before = middle } else { after = middle }
    }
    chrono::DurationRound::duration_trunc(after, TimeDelta::seconds(1)).unwrap_or(after)
}
