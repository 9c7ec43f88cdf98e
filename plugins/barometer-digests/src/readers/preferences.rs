//! What a reader chose: how often, when, about what, and in which form.

use bot_core::Locale;
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::definition::{Cadence, Definition, Key};
use crate::edition::Period;
use crate::rendering::way::{Form, Way, WhenEmpty};

/// The hours on offer.
pub const HOURS: std::ops::RangeInclusive<u8> = 6..=22;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preferences {
    pub cadence: Cadence,
    /// 1 is Monday, 7 Sunday. Of a month it is the first such day.
    pub weekday: u8,
    /// 0 to 23, on the clock of `time_zone`.
    pub hour: u8,
    pub time_zone: Tz,
    pub locale: Locale,
    pub form: Form,
    /// Sorted, each once. Empty: all of them.
    pub topics: Vec<Key>,
    pub when_empty: WhenEmpty,
}

/// One thing chosen differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    AddTopic(Key),
    DropTopic(Key),
    AllTopics,
    Cadence(Cadence),
    Weekday(u8),
    Hour(u8),
    Locale(Locale),
    Form(Form),
    WhenEmpty(WhenEmpty),
}

impl Preferences {
    /// What suits most: weekly where there are weekly editions, on Tuesdays at nine, everything in short.
    pub fn usual(definition: &Definition, locale: Locale, time_zone: Tz) -> Self {
        let cadence = if definition.weekly.is_some() || definition.monthly.is_none() {
            Cadence::Weekly
        } else {
            Cadence::Monthly
        };
        Self {
            cadence,
            weekday: 2,
            hour: 9,
            time_zone,
            locale,
            form: Form::Short,
            topics: Vec::new(),
            when_empty: WhenEmpty::StaySilent,
        }
    }

    pub fn way(&self) -> Way {
        Way::new(self.locale, self.form, self.topics.clone())
    }

    /// The same with `change`. What cannot be chosen changes nothing; topics that left the digest file go with the next
    /// choice of topics.
    pub fn with(mut self, change: Change, definition: &Definition) -> Self {
        match change {
            Change::AddTopic(topic) => {
                self.topics.push(topic);
                self.keep_topics_of(definition);
            }
            Change::DropTopic(topic) => {
                self.topics.retain(|chosen| *chosen != topic);
                self.keep_topics_of(definition);
            }
            Change::AllTopics => self.topics.clear(),
            Change::Cadence(cadence) if definition.schedule(cadence).is_some() => self.cadence = cadence,
            Change::Weekday(weekday) if (1..=7).contains(&weekday) => self.weekday = weekday,
            Change::Hour(hour) if HOURS.contains(&hour) => self.hour = hour,
            Change::Cadence(_) | Change::Weekday(_) | Change::Hour(_) => {}
            Change::Locale(locale) => self.locale = locale,
            Change::Form(form) => self.form = form,
            Change::WhenEmpty(when_empty) => self.when_empty = when_empty,
        }
        self
    }

    fn keep_topics_of(&mut self, definition: &Definition) {
        self.topics.retain(|topic| definition.topic(topic).is_some());
        self.topics.sort();
        self.topics.dedup();
    }

    /// Their hour in `period`.
    pub fn slot(&self, period: Period) -> DateTime<Utc> {
        period.slot(self.weekday, self.hour, self.time_zone)
    }

    /// Their next hour after `now`, in a period that is not `taken`.
    pub fn next_slot(&self, now: DateTime<Utc>, taken: impl Fn(Period) -> bool) -> DateTime<Utc> {
        let mut period = Period::of(self.cadence, now, self.time_zone);
        loop {
            let slot = self.slot(period);
            if slot > now && !taken(period) {
                return slot;
            }
            // Noon, since some days have no midnight.
            let noon = period.end_day().and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default());
            let following =
                Period::of(self.cadence, bot_core::calendar::resolve_local(noon, self.time_zone), self.time_zone);
            if following <= period {
                // The calendar's end.
                return slot;
            }
            period = following;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America, Europe};
    use proptest::prelude::*;

    use super::*;
    use crate::readers::bench;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_digest_comes_on_the_readers_own_clock() {
        let mut preferences = Preferences::usual(&bench::definition(), Locale::Fr, Europe::Paris);
        let now = at("2026-11-22T07:00:00Z");
        assert_eq!(preferences.next_slot(now, |_| false), at("2026-11-24T08:00:00Z"));
        let this_week = |period: Period| period.to_string() == "2026-W48";
        assert_eq!(preferences.next_slot(at("2026-11-23T07:00:00Z"), this_week), at("2026-12-01T08:00:00Z"));
        preferences.time_zone = America::Guadeloupe;
        assert_eq!(preferences.next_slot(now, |_| false), at("2026-11-24T13:00:00Z"));
        preferences.cadence = Cadence::Monthly;
        assert_eq!(preferences.next_slot(now, |_| false), at("2026-12-01T13:00:00Z"));
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let topic = prop::sample::select(vec!["cadre", "donnees", "outils", "partie"]);
        prop_oneof![
            topic.clone().prop_map(|key| Change::AddTopic(key.parse().unwrap())),
            topic.prop_map(|key| Change::DropTopic(key.parse().unwrap())),
            Just(Change::AllTopics),
            prop::sample::select(Cadence::ALL.to_vec()).prop_map(Change::Cadence),
            any::<u8>().prop_map(Change::Weekday),
            any::<u8>().prop_map(Change::Hour),
            prop::sample::select(Locale::ALL.to_vec()).prop_map(Change::Locale),
            prop::sample::select(Form::ALL.to_vec()).prop_map(Change::Form),
            prop::sample::select(WhenEmpty::ALL.to_vec()).prop_map(Change::WhenEmpty),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_can_be_kept_and_pressed_twice(
            changes in prop::collection::vec(any_change(), 0..30), only_weekly in any::<bool>(),
        ) {
            let mut definition = bench::definition();
            if only_weekly {
                definition.monthly = None;
            }
            let mut preferences = Preferences::usual(&definition, Locale::Fr, Europe::Paris);
            for change in changes {
                preferences = preferences.with(change.clone(), &definition);
                prop_assert_eq!(&preferences.clone().with(change, &definition), &preferences);
                prop_assert!((1..=7).contains(&preferences.weekday) && HOURS.contains(&preferences.hour));
                prop_assert!(definition.schedule(preferences.cadence).is_some());
                prop_assert!(preferences.topics.is_sorted_by(|one, next| one < next));
                prop_assert!(preferences.topics.iter().all(|topic| definition.topic(topic).is_some()));
            }
        }

        #[test]
        fn the_next_digest_is_always_ahead(seconds in 1_600_000_000_i64..4_000_000_000, weekday in 1_u8..=7, hour in 6_u8..=22) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            for cadence in Cadence::ALL {
                let mut preferences = Preferences::usual(&bench::definition(), Locale::Fr, Europe::Paris);
                (preferences.cadence, preferences.weekday, preferences.hour) = (cadence, weekday, hour);
                let next = preferences.next_slot(now, |_| false);
                let most = match cadence { Cadence::Weekly => 8, Cadence::Monthly => 38 };
                prop_assert!(next > now && next - now < chrono::TimeDelta::days(most));
            }
        }
    }
}
