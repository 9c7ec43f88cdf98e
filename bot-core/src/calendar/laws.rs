//! What holds of every sending time, whatever the rules: checked against a walk over every minute, on the nights when
//! clocks change most of all.

use std::num::NonZeroU16;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::holidays::{Territory, holiday_on};
use super::hours::WeeklyHours;
use super::hours::tests::any_hours;
use super::sending::*;

/// Everything one question is asked with.
#[derive(Clone, Debug)]
struct Case {
    wanted: DateTime<Utc>,
    organisation: SendingRule,
    sender: Option<SendingRule>,
    recipient: RecipientRule,
    sent: Vec<DateTime<Utc>>,
}

impl Case {
    fn ask(&self, wanted: DateTime<Utc>) -> Result<SendingTime, Never> {
        let rules = Rules { organisation: &self.organisation, sender: self.sender.as_ref() };
        sending_time(wanted, rules, &self.recipient, &self.sent)
    }

    fn rules(&self) -> impl Iterator<Item = &SendingRule> {
        std::iter::once(&self.organisation).chain(&self.sender)
    }

    fn date(&self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.recipient.time_zone).date_naive()
    }

    /// Is the wall clock within everybody's hours?
    fn in_hours(&self, moment: DateTime<Utc>) -> bool {
        let wall = moment.with_timezone(&self.recipient.time_zone).naive_local();
        self.rules().filter_map(|rule| rule.hours.as_ref()).all(|hours| hours.contains(wall))
            && !self.recipient.quiet_hours.contains(wall)
    }

    /// Does the day allow a message, its place in every run of days included?
    fn day_is_free(&self, date: NaiveDate) -> bool {
        self.rules().all(|rule| {
            let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
            let holiday = holiday_on(date, self.recipient.territory).is_some();
            let excluded = rule.working_days_only && (weekend || holiday) || !rule.holidays && holiday;
            !excluded && rule.pressure.is_none_or(|cap| self.keeps(cap, date))
        })
    }

    fn keeps(&self, cap: PressureCap, date: NaiveDate) -> bool {
        let days = i64::from(cap.days.get());
        (0..days).all(|before| {
            let first = date - TimeDelta::days(before);
            let run = first..first + TimeDelta::days(days);
            let count = self.sent.iter().filter(|sent| run.contains(&self.date(**sent))).count();
            count < usize::from(cap.messages.get())
        })
    }

    /// The first allowed moment by walking over every minute, up to `days` days.
    fn walk(&self, days: i64) -> Option<DateTime<Utc>> {
        let mut moment = self.wanted;
        let mut free = None;
        while moment < self.wanted + TimeDelta::days(days) {
            let date = self.date(moment);
            if free.is_none_or(|(day, _)| day != date) {
                free = Some((date, self.day_is_free(date)));
            }
            if free == Some((date, true)) && self.in_hours(moment) && !self.waits_for_the_morning(moment) {
                return Some(moment);
            }
            let within = TimeDelta::seconds(moment.timestamp().rem_euclid(60))
                + TimeDelta::nanoseconds(moment.timestamp_subsec_nanos().into());
            moment += TimeDelta::minutes(1) - within;
        }
        None
    }

    /// On a later day whose first minute is open, the morning comes first if any of it is open.
    fn waits_for_the_morning(&self, moment: DateTime<Utc>) -> bool {
        let local = moment.with_timezone(&self.recipient.time_zone);
        let date = local.date_naive();
        let open = |minute: i64| {
            let wall = date.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minute);
            self.rules().filter_map(|rule| rule.hours.as_ref()).all(|hours| hours.contains(wall))
                && !self.recipient.quiet_hours.contains(wall)
        };
        date > self.date(self.wanted) && local.hour() < 8 && open(0) && (480..1440).any(open)
    }
}

/// Paris and Miquelon change by an hour at night, Lord Howe by half an hour, Santiago at midnight, the others never.
fn time_zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::Europe__Paris,
        Tz::America__Miquelon,
        Tz::Australia__Lord_Howe,
        Tz::America__Santiago,
        Tz::Pacific__Marquesas,
        Tz::Pacific__Noumea,
        Tz::America__Guadeloupe,
    ])
}

/// Hours like an office's, and any.
fn hours() -> impl Strategy<Value = Option<WeeklyHours>> {
    let written =
        ["mon-fri 09:00-18:00", "08:00-20:00", "02:15-02:45", "00:00-24:00", "sun 01:00-03:30", "mon-sun 23:00-24:00"];
    prop_oneof![
        2 => Just(None),
        3 => prop::sample::select(written.to_vec()).prop_map(|hours| Some(hours.parse().unwrap())),
        3 => any_hours().prop_map(Some),
    ]
}

fn rules() -> impl Strategy<Value = SendingRule> {
    let cap = (1..4u16, 1..10u16).prop_map(|(messages, days)| PressureCap {
        messages: NonZeroU16::new(messages).unwrap(),
        days: NonZeroU16::new(days).unwrap(),
    });
    (hours(), any::<bool>(), any::<bool>(), prop::option::of(cap)).prop_map(
        |(hours, working_days_only, holidays, pressure)| SendingRule { hours, working_days_only, holidays, pressure },
    )
}

fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
    // Any time of two years; the nights of Paris, Miquelon, Lord Howe and Santiago; the turn of a year; Easter.
    let near = |text: &str| {
        (-3 * 86_400..86_400i64).prop_map({
            let base = at(text);
            move |seconds| base + seconds
        })
    };
    prop_oneof![
        2 => at("2026-01-01T00:00:00Z")..at("2028-01-01T00:00:00Z"),
        1 => near("2026-03-29T01:00:00Z"),
        1 => near("2026-10-25T01:00:00Z"),
        1 => near("2026-03-08T05:00:00Z"),
        1 => near("2026-11-01T04:00:00Z"),
        1 => near("2026-04-05T03:00:00Z"),
        1 => near("2026-09-06T04:00:00Z"),
        1 => near("2027-01-01T00:00:00Z"),
    ]
    .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn cases() -> impl Strategy<Value = Case> {
    let recipient = (time_zones(), prop::sample::select(Territory::ALL.to_vec()), hours()).prop_map(
        |(time_zone, territory, open)| RecipientRule {
            time_zone,
            territory,
            quiet_hours: open.map(|open| open.complement()).unwrap_or_default(),
        },
    );
    let sent = prop::collection::vec(-20 * 1440..20 * 1440i64, 0..6);
    (moments(), rules(), prop::option::of(rules()), recipient, sent).prop_map(
        |(wanted, organisation, sender, recipient, sent)| {
            let sent = sent.into_iter().map(|minutes| wanted + TimeDelta::minutes(minutes)).collect();
            Case { wanted, organisation, sender, recipient, sent }
        },
    )
}

const WALK_DAYS: i64 = 9;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never earlier, within everybody's hours, on a day that is free, with a reason for every shift and only then;
    /// and its own answer asks for nothing more.
    #[test]
    fn every_answer_keeps_every_rule(case in cases()) {
        let Ok(time) = case.ask(case.wanted) else { return Ok(()) };
        prop_assert!(time.at >= case.wanted);
        prop_assert!(case.in_hours(time.at), "{} is outside of the hours", time.at);
        prop_assert!(case.day_is_free(case.date(time.at)));
        prop_assert_eq!(time.reasons.is_empty(), time.at == case.wanted);
        let again = case.ask(time.at);
        prop_assert_eq!(again, Ok(SendingTime { at: time.at, reasons: Vec::new() }));
    }

    /// Wanting it later never brings it earlier. Where the first minute of a day is open this does not hold, since what
    /// waits for that day waits for its morning, and what is wanted at night goes out at night.
    #[test]
    fn wanted_later_is_sent_later(mut case in cases(), later in 0..6 * 1440i64) {
        let night_is_shut: WeeklyHours = "00:00-00:01".parse().unwrap();
        case.recipient.quiet_hours = night_is_shut;
        if let (Ok(one), Ok(other)) = (case.ask(case.wanted), case.ask(case.wanted + TimeDelta::minutes(later))) {
            prop_assert!(one.at <= other.at);
        }
    }

    /// Whoever has more to say against it is heard: one more message sent never brings the next one earlier.
    #[test]
    fn one_more_message_never_brings_the_next_earlier(case in cases(), minutes in -20 * 1440..20 * 1440i64) {
        let mut more = case.clone();
        more.recipient.quiet_hours = "00:00-00:01".parse().unwrap();
        let without = more.ask(more.wanted);
        more.sent.push(more.wanted + TimeDelta::minutes(minutes));
        if let (Ok(without), Ok(with)) = (without, more.ask(more.wanted)) {
            prop_assert!(without.at <= with.at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// The very minute that a walk over all of them finds.
    #[test]
    fn a_walk_over_every_minute_finds_the_same(case in cases()) {
        let found = case.ask(case.wanted).ok().map(|time| time.at);
        match case.walk(WALK_DAYS) {
            Some(walked) => prop_assert_eq!(found, Some(walked)),
            None => prop_assert!(found.is_none_or(|at| at >= case.wanted + TimeDelta::days(WALK_DAYS))),
        }
    }
}

/// Every minute around the clock changes of six nights, under hours that begin, end and lie within the change.
#[test]
fn every_minute_of_the_nights_agrees_with_the_walk() {
    let nights = [
        (Tz::Europe__Paris, "2026-03-28T22:00:00Z"),
        (Tz::Europe__Paris, "2026-10-24T22:00:00Z"),
        (Tz::America__Miquelon, "2026-03-08T03:00:00Z"),
        (Tz::America__Miquelon, "2026-11-01T02:00:00Z"),
        (Tz::America__Santiago, "2026-04-05T01:00:00Z"),
        (Tz::America__Santiago, "2026-09-06T02:00:00Z"),
    ];
    let hours = ["02:30-03:00", "01:30-02:15", "02:00-02:01, 02:59-03:01", "23:30-24:00", "00:00-00:30, 01:00-04:00"];
    for (time_zone, start) in nights {
        for hours in hours {
            let rule = SendingRule { hours: Some(hours.parse().unwrap()), ..SendingRule::default() };
            let recipient = RecipientRule::of_person(None, None, WeeklyHours::default(), time_zone);
            let start: DateTime<Utc> = start.parse().unwrap();
            for minute in (0..6 * 60).step_by(7) {
                let wanted = start + TimeDelta::minutes(minute) + TimeDelta::seconds(30);
                let case = Case {
                    wanted,
                    organisation: rule.clone(),
                    sender: None,
                    recipient: recipient.clone(),
                    sent: Vec::new(),
                };
                assert_eq!(case.ask(wanted).ok().map(|time| time.at), case.walk(3), "{time_zone} {hours} {wanted}");
            }
        }
    }
}
