//! What the calendar says to people: hours of the week, and why a message goes out later.

use chrono::{DateTime, Utc, Weekday};
use chrono_tz::Tz;

use super::hours::{Span, WeeklyHours};
use super::sending::{Holiday, Never, Reason, SendingTime, Territory, Whose};
use crate::i18n::{self, Argument};
use crate::locale::Locale;
use crate::people::text;

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

impl SendingTime {
    /// « reporté au mardi 15 juillet 2025 à 9 h : le 14 juillet est férié (fête nationale) »; `None` when it goes out as
    /// wanted. The time is that of clocks in `time_zone`.
    pub fn words(&self, locale: Locale, time_zone: Tz) -> Option<String> {
        (!self.reasons.is_empty()).then(|| postponed_words(self.at, &self.reasons, locale, time_zone))
    }
}

/// As [`SendingTime::words`], of a time and reasons as they were stored.
pub fn postponed_words(until: DateTime<Utc>, reasons: &[Reason], locale: Locale, time_zone: Tz) -> String {
    let moment = i18n::date_time(locale, until, time_zone);
    let arguments = [("moment", Argument::from(moment)), ("reasons", Argument::from(joined(reasons, locale)))];
    text(locale, "sending-postponed", &arguments)
}

impl Never {
    /// « aucune heure ne convient : … ».
    pub fn words(&self, locale: Locale) -> String {
        text(locale, "sending-never", &[("reasons", Argument::from(joined(&self.reasons, locale)))])
    }
}

fn joined(reasons: &[Reason], locale: Locale) -> String {
    let between = match locale {
        Locale::Fr => "\u{202f}; ",
        Locale::En => "; ",
    };
    reasons.iter().map(|reason| reason.words(locale)).collect::<Vec<_>>().join(between)
}

impl Reason {
    /// The reason alone, as the end of a sentence.
    pub fn words(&self, locale: Locale) -> String {
        match *self {
            Self::Hours { whose } => text(locale, hours_text(whose), &[]),
            Self::Weekend { .. } => text(locale, "sending-weekend", &[]),
            Self::Holiday { date, holiday, .. } => {
                let day = i18n::day_and_month(locale, date);
                let holiday = holiday.words(locale);
                text(locale, "sending-holiday", &[("day", Argument::from(day)), ("holiday", Argument::from(holiday))])
            }
            Self::Pressure { messages, days, .. } => {
                let arguments = [("messages", Argument::from(messages.get())), ("days", Argument::from(days.get()))];
                text(locale, "sending-pressure", &arguments)
            }
        }
    }
}

fn hours_text(whose: Whose) -> &'static str {
    match whose {
        Whose::Organisation => "sending-hours-organisation",
        Whose::Sender => "sending-hours-sender",
        Whose::Recipient => "sending-hours-recipient",
    }
}

impl Holiday {
    /// Its name.
    pub fn words(self, locale: Locale) -> String {
        let id = match self {
            Self::NewYear => "holiday-new-year",
            Self::GoodFriday => "holiday-good-friday",
            Self::EasterMonday => "holiday-easter-monday",
            Self::LabourDay => "holiday-labour-day",
            Self::Victory1945 => "holiday-victory-1945",
            Self::Ascension => "holiday-ascension",
            Self::WhitMonday => "holiday-whit-monday",
            Self::BastilleDay => "holiday-bastille-day",
            Self::Assumption => "holiday-assumption",
            Self::AllSaints => "holiday-all-saints",
            Self::Armistice1918 => "holiday-armistice-1918",
            Self::Christmas => "holiday-christmas",
            Self::SaintStephen => "holiday-saint-stephen",
            Self::AbolitionOfSlavery => "holiday-abolition-of-slavery",
            Self::VictorSchoelcher => "holiday-victor-schoelcher",
            Self::ArrivalOfTheGospel => "holiday-arrival-of-the-gospel",
            Self::AutonomyDay => "holiday-autonomy-day",
            Self::Matarii => "holiday-matarii",
            Self::SaintPierreChanel => "holiday-saint-pierre-chanel",
            Self::TerritoryDay => "holiday-territory-day",
            Self::CitizenshipDay => "holiday-citizenship-day",
        };
        text(locale, id, &[])
    }
}

impl Territory {
    /// Its name as people say it; European France is « France métropolitaine ».
    pub fn words(self, locale: Locale) -> String {
        let id = match self {
            Self::Metropole => "territory-metropole",
            Self::AlsaceMoselle => "territory-alsace-moselle",
            Self::Guadeloupe => "territory-guadeloupe",
            Self::Martinique => "territory-martinique",
            Self::Guyane => "territory-guyane",
            Self::Reunion => "territory-reunion",
            Self::SaintPierreEtMiquelon => "territory-saint-pierre-et-miquelon",
            Self::Mayotte => "territory-mayotte",
            Self::SaintBarthelemy => "territory-saint-barthelemy",
            Self::SaintMartin => "territory-saint-martin",
            Self::WallisEtFutuna => "territory-wallis-et-futuna",
            Self::PolynesieFrancaise => "territory-polynesie-francaise",
            Self::NouvelleCaledonie => "territory-nouvelle-caledonie",
        };
        text(locale, id, &[])
    }
}

/// A zone by the place people know it by; by its IANA name when it is none of France's.
pub fn time_zone_words(locale: Locale, time_zone: Tz) -> String {
    match time_zone {
        Tz::Pacific__Marquesas => text(locale, "zone-marquesas", &[]),
        Tz::Pacific__Gambier => text(locale, "zone-gambier", &[]),
        zone => match Territory::of_time_zone(zone) {
            territory if territory.time_zone() == zone => territory.words(locale),
            _ => zone.name().to_owned(),
        },
    }
}

impl WeeklyHours {
    /// « du lundi au vendredi de 9 h à 18 h », « à toute heure », « jamais ».
    pub fn words(&self, locale: Locale) -> String {
        if self.is_empty() {
            return text(locale, "hours-never", &[]);
        }
        if *self == Self::always() {
            return text(locale, "hours-always", &[]);
        }
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for (day, weekday) in WEEK.iter().enumerate() {
            match groups.last_mut() {
                Some((_, last)) if self.on(WEEK[*last]) == self.on(*weekday) => *last = day,
                _ => groups.push((day, day)),
            }
        }
        let words: Vec<String> = groups
            .into_iter()
            .filter(|(first, _)| !self.on(WEEK[*first]).is_empty())
            .map(|(first, last)| {
                let spans: Vec<String> = self.on(WEEK[first]).iter().map(|span| span_words(*span, locale)).collect();
                format!("{} {}", days_words(first, last, locale), spans.join(", "))
            })
            .collect();
        words.join(match locale {
            Locale::Fr => "\u{202f}; ",
            Locale::En => "; ",
        })
    }
}

fn days_words(first: usize, last: usize, locale: Locale) -> String {
    let name = |day: usize| Argument::from(i18n::weekday(locale, WEEK[day]));
    match last - first {
        6 => text(locale, "hours-every-day", &[]),
        0 => text(locale, "hours-one-day", &[("day", name(first))]),
        _ => text(locale, "hours-days", &[("first", name(first)), ("last", name(last))]),
    }
}

fn span_words(span: Span, locale: Locale) -> String {
    if span == Span::WHOLE_DAY {
        return text(locale, "hours-whole-day", &[]);
    }
    let time = |minutes: u16| Argument::from(i18n::time_of_day(locale, (minutes / 60).into(), (minutes % 60).into()));
    text(locale, "hours-span", &[("from", time(span.from_minute())), ("to", time(span.to_minute()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_said_as_people_say_them() {
        for (written, french, english) in [
            (
                "mon-fri 09:00-18:00",
                "du lundi au vendredi de 9\u{a0}h à 18\u{a0}h",
                "Monday to Friday from 09:00 to 18:00",
            ),
            ("08:00-20:00", "tous les jours de 8\u{a0}h à 20\u{a0}h", "every day from 08:00 to 20:00"),
            (
                "mon 09:00-12:30, 14:00-24:00; sat 00:00-24:00",
                "le lundi de 9\u{a0}h à 12\u{a0}h\u{a0}30, de 14\u{a0}h à 24\u{a0}h\u{202f}; le samedi toute la journée",
                "on Monday from 09:00 to 12:30, from 14:00 to 24:00; on Saturday all day",
            ),
            ("00:00-24:00", "à toute heure", "at any hour"),
        ] {
            let hours: WeeklyHours = written.parse().unwrap();
            assert_eq!(hours.words(Locale::Fr), french);
            assert_eq!(hours.words(Locale::En), english);
        }
        assert_eq!(WeeklyHours::default().words(Locale::Fr), "jamais");
    }

    #[test]
    fn a_postponement_says_when_and_why() {
        let time = SendingTime {
            at: "2025-07-15T07:00:00Z".parse().unwrap(),
            reasons: vec![
                Reason::Weekend { whose: Whose::Organisation },
                Reason::Holiday {
                    whose: Whose::Sender,
                    date: "2025-07-14".parse().unwrap(),
                    holiday: Holiday::BastilleDay,
                },
            ],
        };
        assert_eq!(
            time.words(Locale::Fr, Tz::Europe__Paris).unwrap(),
            "reporté au mardi 15 juillet 2025 à 9\u{a0}h\u{a0}: pas de message le samedi ni le dimanche\u{202f}; le 14 juillet est férié (fête nationale)"
        );
        assert_eq!(
            time.words(Locale::En, Tz::Europe__Paris).unwrap(),
            "postponed to Tuesday 15 July 2025 at 09:00: no message on Saturday or Sunday; 14 July is a public holiday (Bastille Day)"
        );
        let one = |messages, days| Reason::Pressure {
            whose: Whose::Organisation,
            messages: std::num::NonZeroU16::new(messages).unwrap(),
            days: std::num::NonZeroU16::new(days).unwrap(),
        };
        assert_eq!(one(1, 1).words(Locale::Fr), "la personne a déjà reçu 1 message en 1 jour");
        assert_eq!(one(2, 7).words(Locale::En), "the person has already had 2 messages within 7 days");
        assert_eq!(SendingTime { reasons: Vec::new(), ..time }.words(Locale::Fr, Tz::UTC), None);
    }
}
