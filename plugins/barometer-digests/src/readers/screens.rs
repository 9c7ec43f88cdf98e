//! What somebody sees who subscribes, changes what they get, or leaves.

use bot_core::Locale;
use bot_core::i18n::{time_of_day, weekday as weekday_name};
use bot_core::message::Document;
use chrono::{DateTime, Utc, Weekday};
use sha2::{Digest as _, Sha256};

use super::preferences::{HOURS, Preferences};
use crate::action::{Action, Verb};
use crate::definition::{Cadence, Definition, Key};
use crate::rendering::way::{Form, WhenEmpty};
use crate::words::{Argument, moment, text};

/// Hours on one page of buttons.
const HOURS_A_PAGE: u8 = 9;

/// What every screen knows.
pub(super) struct Screen<'s> {
    pub locale: Locale,
    pub organisation: &'s str,
    pub definition: &'s Definition,
    /// It is about a room, not about a person.
    pub room: bool,
}

/// Where a reader stands when they look at their settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Agreed to nothing so far, or left.
    Outside,
    /// Gets digests, the next one at …
    Subscribed { next: DateTime<Utc> },
}

/// What is said above the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lead {
    Welcome,
    Already,
    Back,
    How,
    Changed,
}

/// The number by which a button names a topic, whatever is around it in the file: four bytes of its hash.
pub(crate) fn topic_number(topic: &Key) -> u32 {
    let hash = Sha256::digest(topic.as_str().as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The place of something in a list of all.
fn place<T: PartialEq>(all: &[T], one: &T) -> u32 {
    all.iter().position(|other| other == one).and_then(|place| u32::try_from(place).ok()).unwrap_or(0)
}

impl Screen<'_> {
    pub fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        let mut all = vec![
            ("title", Argument::from(self.definition.title.in_locale(self.locale))),
            ("organisation", self.organisation.into()),
            ("where", if self.room { "room" } else { "person" }.into()),
        ];
        all.extend(arguments.iter().cloned());
        text(self.locale, id, &all)
    }

    fn button(&self, document: Document, verb: Verb, argument: u32, id: &str) -> Document {
        document.choice(self.say(id, &[]), Action::new(verb).with(argument).payload())
    }

    fn back(&self, document: Document) -> Document {
        document.step(self.say("readers-settings-back", &[]), Action::new(Verb::Settings).payload())
    }

    /// What is agreed to, as it is shown and kept.
    pub fn wording(&self) -> String {
        self.say("readers-consent-wording", &[])
    }

    /// What the digest is, and how to get it.
    pub fn offer(&self, preferences: &Preferences) -> Document {
        let rhythms = match (&self.definition.weekly, &self.definition.monthly) {
            (Some(_), Some(_)) => "both",
            (None, Some(_)) => "monthly",
            _ => "weekly",
        };
        let mut document = Document::says(self.say("readers-offer", &[("rhythms", rhythms.into())]));
        if self.room {
            document = document.paragraph(self.say("readers-for-the-room", &[]));
        }
        document = document.paragraph(self.say("readers-offer-settings", &[])).list(self.choices(preferences));
        document = document.paragraph(self.wording());
        document = self.button(document, Verb::Subscribe, 0, "readers-subscribe");
        self.button(document, Verb::ChooseFirst, 0, "readers-choose-first")
    }

    /// What is chosen, a line each.
    fn choices(&self, preferences: &Preferences) -> Vec<String> {
        let chosen = |id: &str, value: &'static str| self.say(id, &[("chosen", value.into())]);
        vec![
            self.say("readers-when", &[("when", self.when(preferences).into())]),
            self.say("readers-topics-chosen", &[("topics", self.topic_names(preferences).into())]),
            chosen("readers-language", preferences.locale.as_str()),
            chosen("readers-form", preferences.form.as_str()),
            chosen("readers-when-empty", preferences.when_empty.as_str()),
        ]
    }

    /// « chaque mardi à 9 h ».
    fn when(&self, preferences: &Preferences) -> String {
        let arguments = [
            ("rhythm", preferences.cadence.as_str().into()),
            ("day", day_name(self.locale, preferences.weekday).into()),
            ("hour", time_of_day(self.locale, preferences.hour.into(), 0).into()),
        ];
        self.say("readers-when-words", &arguments)
    }

    fn topic_names(&self, preferences: &Preferences) -> String {
        if preferences.topics.is_empty() {
            return self.say("readers-topics-all", &[]);
        }
        let chosen = self.definition.topics.iter().filter(|topic| preferences.topics.contains(&topic.key));
        let names: Vec<&str> = chosen.map(|topic| topic.name.in_locale(self.locale)).collect();
        if names.is_empty() { self.say("readers-topics-gone", &[]) } else { names.join(", ") }
    }

    /// The settings, with a button for each. `latest` is the newest edition.
    pub fn settings(&self, lead: Lead, standing: Standing, preferences: &Preferences, latest: Option<u32>) -> Document {
        let lead = match (lead, standing) {
            (_, Standing::Outside) => "readers-lead-outside",
            (Lead::Welcome, _) => "readers-lead-welcome",
            (Lead::Already, _) => "readers-lead-already",
            (Lead::Back, _) => "readers-lead-back",
            (Lead::How, _) => "readers-lead-how",
            (Lead::Changed, _) => "readers-lead-changed",
        };
        let mut document = Document::says(self.say(lead, &[]));
        if self.room {
            document = document.paragraph(self.say("readers-for-the-room", &[]));
        }
        document = document.list(self.choices(preferences));
        let is_sent = self.definition.schedule(preferences.cadence).is_some();
        match standing {
            Standing::Subscribed { next } if is_sent => {
                let next = moment(self.locale, next, preferences.time_zone);
                document = document.paragraph(self.say("readers-next", &[("when", next.into())]));
            }
            Standing::Subscribed { .. } => {}
            Standing::Outside => document = document.paragraph(self.wording()),
        }
        if !is_sent {
            let gone = [("rhythm", preferences.cadence.as_str().into())];
            document = document.paragraph(self.say("readers-rhythm-gone", &gone));
        }
        let mut document = self.settings_buttons(document, standing, preferences);
        if let Some(number) = latest {
            let label = self.say("readers-latest", &[("number", number.into())]);
            document = document.choice(label, Action::new(Verb::Latest).payload());
        }
        document
    }

    fn settings_buttons(&self, mut document: Document, standing: Standing, preferences: &Preferences) -> Document {
        if standing == Standing::Outside {
            document = self.button(document, Verb::Subscribe, 0, "readers-subscribe");
        }
        if !self.definition.topics.is_empty() {
            document = self.button(document, Verb::Topics, 0, "readers-choose-topics");
        }
        document = self.button(document, Verb::Days, 0, "readers-choose-day");
        document = self.button(document, Verb::Hours, page_of(preferences.hour), "readers-choose-hour");
        for (index, cadence) in (0..).zip(Cadence::ALL) {
            if cadence != preferences.cadence && self.definition.schedule(cadence).is_some() {
                let id = format!("readers-choose-{}", cadence.as_str());
                document = self.button(document, Verb::SetRhythm, index, &id);
            }
        }
        let other = Locale::ALL.into_iter().find(|locale| *locale != preferences.locale).unwrap_or_default();
        let id = format!("readers-choose-{other}");
        document = self.button(document, Verb::SetLanguage, place(&Locale::ALL, &other), &id);
        let (form, id) = match preferences.form {
            Form::Short => (Form::Full, "readers-choose-full"),
            Form::Full => (Form::Short, "readers-choose-short"),
        };
        document = self.button(document, Verb::SetForm, place(&Form::ALL, &form), id);
        let (when_empty, id) = match preferences.when_empty {
            WhenEmpty::StaySilent => (WhenEmpty::SaySo, "readers-choose-say-so"),
            WhenEmpty::SaySo => (WhenEmpty::StaySilent, "readers-choose-stay-silent"),
        };
        document = self.button(document, Verb::SetWhenEmpty, place(&WhenEmpty::ALL, &when_empty), id);
        if standing == Standing::Outside { document } else { self.button(document, Verb::Leave, 0, "readers-leave") }
    }

    pub fn topics(&self, preferences: &Preferences) -> Document {
        let mut document = Document::says(self.say("readers-topics-ask", &[]))
            .paragraph(self.say("readers-topics-chosen", &[("topics", self.topic_names(preferences).into())]));
        for topic in &self.definition.topics {
            let name = topic.name.in_locale(self.locale);
            let number = topic_number(&topic.key);
            document = if preferences.topics.contains(&topic.key) {
                document.chosen(name, Action::new(Verb::DropTopic).with(number).payload())
            } else {
                document.choice(name, Action::new(Verb::AddTopic).with(number).payload())
            };
        }
        if !preferences.topics.is_empty() {
            document =
                document.step(self.say("readers-choose-all-topics", &[]), Action::new(Verb::AllTopics).payload());
        }
        self.back(document)
    }

    pub fn days(&self, preferences: &Preferences) -> Document {
        let rhythm = [("rhythm", preferences.cadence.as_str().into())];
        let mut document = Document::says(self.say("readers-day-ask", &rhythm));
        for day in 1..=7 {
            let action = Action::new(Verb::SetDay).with(day.into()).payload();
            let name = day_name(self.locale, day);
            document =
                if day == preferences.weekday { document.chosen(name, action) } else { document.choice(name, action) };
        }
        self.back(document)
    }

    pub fn hours(&self, preferences: &Preferences, page: u32) -> Document {
        let last = page_of(*HOURS.end());
        let page = page.min(last);
        let zone = preferences.time_zone.name().replace('_', " ");
        let mut document = Document::says(self.say("readers-hour-ask", &[("zone", zone.into())]));
        for hour in HOURS.filter(|hour| page_of(*hour) == page) {
            let action = Action::new(Verb::SetHour).with(hour.into()).payload();
            let name = time_of_day(self.locale, hour.into(), 0);
            document =
                if hour == preferences.hour { document.chosen(name, action) } else { document.choice(name, action) };
        }
        let step = |document: Document, page: u32, id: &str| {
            document.step(self.say(id, &[]), Action::new(Verb::Hours).with(page).payload())
        };
        if page > 0 {
            document = step(document, page - 1, "readers-hours-earlier");
        }
        if page < last {
            document = step(document, page + 1, "readers-hours-later");
        }
        self.back(document)
    }

    /// They left: how to come back.
    pub fn left(&self) -> Document {
        let document = Document::says(self.say("readers-left", &[])).paragraph(self.say("readers-left-return", &[]));
        let document = document.paragraph(self.wording());
        self.button(document, Verb::ComeBack, 0, "readers-come-back")
    }
}

fn page_of(hour: u8) -> u32 {
    (hour.saturating_sub(*HOURS.start()) / HOURS_A_PAGE).into()
}

fn day_name(locale: Locale, weekday: u8) -> &'static str {
    // 1 is Monday; the database holds no other.
    let day = Weekday::try_from(weekday.saturating_sub(1)).unwrap_or(Weekday::Mon);
    weekday_name(locale, day)
}
