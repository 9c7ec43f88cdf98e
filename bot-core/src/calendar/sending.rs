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

/// Why a rule cannot be meant so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    #[error("`hours` names no hour, so nothing would ever go out: name some, or leave it out to write at any hour")]
    NoHours,
    #[error(
        "`hours` has none from Monday to Friday, and `working_days_only` allows no other day: change one of the two"
    )]
    NoWorkingHours,
}

impl SendingRule {
    /// What a file that holds the rule is checked for.
    ///
    /// # Errors
    /// When it would never let anything go out.
    pub fn check(&self) -> Result<(), RuleError> {
        let Some(hours) = &self.hours else { return Ok(()) };
        if hours.is_empty() {
            return Err(RuleError::NoHours);
        }
        let week = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        if self.working_days_only && week.iter().all(|day| hours.on(*day).is_empty()) {
            return Err(RuleError::NoWorkingHours);
        }
        Ok(())
    }
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

impl RecipientRule {
    /// A person: their own zone, else that of their collectivité's département, else the organisation's. Holidays are
    /// those of the département, else of the zone.
    pub fn of_person(
        time_zone: Option<Tz>,
        departement: Option<&str>,
        quiet_hours: WeeklyHours,
        organisation: Tz,
    ) -> Self {
        let territory = departement.and_then(Territory::of_departement);
        let time_zone = time_zone.or(territory.map(Territory::time_zone)).unwrap_or(organisation);
        let territory = territory.unwrap_or_else(|| Territory::of_time_zone(time_zone));
        Self { time_zone, territory, quiet_hours }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(toml_as_json: serde_json::Value) -> SendingRule {
        serde_json::from_value(toml_as_json).unwrap()
    }

    fn in_zone(time_zone: Tz) -> RecipientRule {
        RecipientRule::of_person(None, None, WeeklyHours::default(), time_zone)
    }

    fn paris() -> RecipientRule {
        in_zone(Tz::Europe__Paris)
    }

    fn local(text: &str, time_zone: Tz) -> DateTime<Utc> {
        resolve_local(NaiveDateTime::parse_from_str(text, "%F %R").unwrap(), time_zone)
    }

    /// When it goes out on the recipient's clock, and why.
    fn asked(wanted: &str, rule: &SendingRule, recipient: &RecipientRule, sent: &[&str]) -> (String, Vec<Reason>) {
        let zone = recipient.time_zone;
        let sent: Vec<DateTime<Utc>> = sent.iter().map(|sent| local(sent, zone)).collect();
        let time =
            sending_time(local(wanted, zone), Rules { organisation: rule, sender: None }, recipient, &sent).unwrap();
        (time.at.with_timezone(&zone).format("%a %F %R%:z").to_string(), time.reasons)
    }

    const ORGANISATION: Whose = Whose::Organisation;

    #[test]
    fn no_rule_holds_nothing() {
        let none = rule(serde_json::json!({}));
        assert_eq!(none, SendingRule::default());
        assert_eq!(serde_json::to_value(&none).unwrap(), serde_json::json!({}));
        assert_eq!(asked("2025-07-14 03:00", &none, &paris(), &[]), ("Mon 2025-07-14 03:00+02:00".to_owned(), vec![]));
    }

    #[test]
    fn a_holiday_after_a_weekend_waits_for_tuesday() {
        let office = rule(serde_json::json!({ "hours": "mon-fri 09:00-18:00", "working_days_only": true }));
        let holiday = Reason::Holiday {
            whose: ORGANISATION,
            date: NaiveDate::from_ymd_opt(2025, 7, 14).unwrap(),
            holiday: Holiday::BastilleDay,
        };
        assert_eq!(
            asked("2025-07-12 10:00", &office, &paris(), &[]),
            ("Tue 2025-07-15 09:00+02:00".to_owned(), vec![Reason::Weekend { whose: ORGANISATION }, holiday.clone()])
        );
        assert_eq!(
            asked("2025-07-14 15:00", &office, &paris(), &[]),
            ("Tue 2025-07-15 09:00+02:00".to_owned(), vec![holiday])
        );
        // Abolition of slavery: a holiday in Guadeloupe alone.
        let guadeloupe = RecipientRule::of_person(None, Some("971"), WeeklyHours::default(), Tz::Europe__Paris);
        assert_eq!(asked("2026-05-27 10:00", &office, &guadeloupe, &[]).0, "Thu 2026-05-28 09:00-04:00");
        assert_eq!(asked("2026-05-27 10:00", &office, &paris(), &[]).0, "Wed 2026-05-27 10:00+02:00");
    }

    #[test]
    fn the_tightest_hours_win_and_are_named() {
        let organisation = rule(serde_json::json!({ "hours": "08:00-20:00" }));
        let sender = rule(serde_json::json!({ "hours": "mon-fri 09:00-18:00" }));
        let quiet: WeeklyHours = "mon-fri 00:00-10:00, 12:00-24:00".parse().unwrap();
        let person = RecipientRule::of_person(None, None, quiet, Tz::Europe__Paris);
        let rules = Rules { organisation: &organisation, sender: Some(&sender) };
        let zone = Tz::Europe__Paris;
        let time = sending_time(local("2026-09-11 19:00", zone), rules, &person, &[]).unwrap();
        // Friday evening: the weekend is the sender's alone, so Monday, from 10 o'clock.
        assert_eq!(time.at, local("2026-09-14 10:00", zone));
        assert_eq!(time.reasons, [Reason::Hours { whose: Whose::Sender }, Reason::Hours { whose: Whose::Recipient }]);
        let early = sending_time(local("2026-09-14 07:00", zone), rules, &person, &[]).unwrap();
        assert_eq!(early.reasons.len(), 3);
    }

    #[test]
    fn hours_that_never_meet_are_said_at_once() {
        let organisation = rule(serde_json::json!({ "hours": "mon 09:00-12:00" }));
        let sender = rule(serde_json::json!({ "hours": "mon 12:00-18:00" }));
        let rules = Rules { organisation: &organisation, sender: Some(&sender) };
        let never = sending_time(local("2026-09-14 07:00", Tz::Europe__Paris), rules, &paris(), &[]).unwrap_err();
        assert_eq!(never.reasons, [Reason::Hours { whose: ORGANISATION }, Reason::Hours { whose: Whose::Sender }]);
        // Hours, but on no day that counts.
        let sundays = rule(serde_json::json!({ "hours": "sun 09:00-12:00", "working_days_only": true }));
        let rules = Rules { organisation: &sundays, sender: None };
        let never = sending_time(local("2026-09-14 07:00", Tz::Europe__Paris), rules, &paris(), &[]).unwrap_err();
        assert!(never.reasons.contains(&Reason::Weekend { whose: ORGANISATION }), "{never:?}");
        let nothing = rule(serde_json::json!({ "hours": {} }));
        let rules = Rules { organisation: &nothing, sender: None };
        assert!(sending_time(local("2026-09-14 07:00", Tz::Europe__Paris), rules, &paris(), &[]).is_err());
    }

    #[test]
    fn a_rule_that_lets_nothing_out_is_refused() {
        let check = |value| rule(value).check();
        assert_eq!(check(serde_json::json!({})), Ok(()));
        assert_eq!(check(serde_json::json!({ "hours": "sat 09:00-12:00" })), Ok(()));
        assert_eq!(check(serde_json::json!({ "hours": "thu-sat 09:00-12:00", "working_days_only": true })), Ok(()));
        assert_eq!(check(serde_json::json!({ "hours": { "friday": [] } })), Err(RuleError::NoHours));
        assert_eq!(
            check(serde_json::json!({ "hours": "sat-sun 09:00-12:00", "working_days_only": true })),
            Err(RuleError::NoWorkingHours)
        );
    }

    #[test]
    fn nobody_is_written_to_at_midnight_because_a_day_is_over() {
        let rule = rule(serde_json::json!({ "holidays": false }));
        assert_eq!(asked("2025-07-14 15:00", &rule, &paris(), &[]).0, "Tue 2025-07-15 08:00+02:00");
        assert_eq!(asked("2025-07-15 00:30", &rule, &paris(), &[]).0, "Tue 2025-07-15 00:30+02:00");
        // Somebody who only wants it at night gets it at night.
        let quiet = "06:00-24:00".parse().unwrap();
        let owl = RecipientRule::of_person(None, None, quiet, Tz::Europe__Paris);
        assert_eq!(asked("2025-07-14 15:00", &rule, &owl, &[]).0, "Tue 2025-07-15 00:00+02:00");
    }

    #[test]
    fn a_cap_counts_days_of_the_calendar() {
        let rule = rule(serde_json::json!({ "hours": "09:00-18:00", "pressure": { "messages": 2, "days": 7 } }));
        let full = Reason::Pressure {
            whose: ORGANISATION,
            messages: NonZeroU16::new(2).unwrap(),
            days: NonZeroU16::new(7).unwrap(),
        };
        // Monday and Wednesday: the Monday message no longer counts on the next Monday, whatever the hour.
        let sent = ["2026-09-07 11:00", "2026-09-09 09:30"];
        let when = asked("2026-09-11 10:00", &rule, &paris(), &sent);
        assert_eq!(when, ("Mon 2026-09-14 09:00+02:00".to_owned(), vec![full]));
        assert_eq!(asked("2026-09-14 09:00", &rule, &paris(), &sent).0, "Mon 2026-09-14 09:00+02:00");
        // What is planned for later counts too: one more before it would make three in seven days.
        let planned = ["2026-09-16 09:00", "2026-09-17 09:00"];
        assert_eq!(asked("2026-09-14 10:00", &rule, &paris(), &planned).0, "Wed 2026-09-23 09:00+02:00");
        assert_eq!(asked("2026-09-10 10:00", &rule, &paris(), &planned).0, "Thu 2026-09-10 10:00+02:00");
        for wrong in [
            serde_json::json!({ "pressure": { "messages": 0, "days": 7 } }),
            serde_json::json!({ "pressure": { "messages": 1, "days": 367 } }),
            serde_json::json!({ "pressure": { "messages": 1 } }),
            serde_json::json!({ "quiet": true }),
        ] {
            assert!(serde_json::from_value::<SendingRule>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hours_are_those_of_the_wall_on_both_nights() {
        let night = rule(serde_json::json!({ "hours": "02:15-02:45" }));
        // Spring: the clocks skip from 2 to 3, there is no such hour.
        assert_eq!(asked("2026-03-29 01:00", &night, &paris(), &[]).0, "Mon 2026-03-30 02:15+02:00");
        // Autumn: it comes twice, and both passes show it.
        assert_eq!(asked("2026-10-25 01:00", &night, &paris(), &[]).0, "Sun 2026-10-25 02:15+02:00");
        let between: DateTime<Utc> = "2026-10-25T00:50:00Z".parse().unwrap();
        let rules = Rules { organisation: &night, sender: None };
        let second = sending_time(between, rules, &paris(), &[]).unwrap();
        assert_eq!(second.at, "2026-10-25T01:15:00Z".parse::<DateTime<Utc>>().unwrap());
        // Hours that begin in the gap begin at its end.
        let early = rule(serde_json::json!({ "hours": "02:30-04:00" }));
        assert_eq!(asked("2026-03-29 00:00", &early, &paris(), &[]).0, "Sun 2026-03-29 03:00+02:00");
    }

    #[test]
    fn each_zone_has_its_own_morning() {
        let morning = rule(serde_json::json!({ "hours": "09:00-18:00" }));
        let wanted: DateTime<Utc> = "2026-09-14T20:00:00Z".parse().unwrap();
        for (zone, at) in [
            (Tz::Pacific__Noumea, "2026-09-14T22:00:00Z"),
            (Tz::Indian__Reunion, "2026-09-15T05:00:00Z"),
            (Tz::Europe__Paris, "2026-09-15T07:00:00Z"),
            (Tz::America__Guadeloupe, "2026-09-14T20:00:00Z"),
            (Tz::Pacific__Marquesas, "2026-09-14T20:00:00Z"),
        ] {
            let rules = Rules { organisation: &morning, sender: None };
            let time = sending_time(wanted, rules, &in_zone(zone), &[]).unwrap();
            assert_eq!(time.at, at.parse::<DateTime<Utc>>().unwrap(), "{zone}");
        }
    }
}
