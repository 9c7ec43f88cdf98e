//! What this plugin says, in French and English.

use std::sync::LazyLock;

use bot_core::Locale;
use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

pub use fluent_bundle::FluentValue as Argument;

static CATALOGUES: LazyLock<Vec<(Locale, FluentBundle<FluentResource>)>> = LazyLock::new(|| {
    let sources = [(Locale::Fr, include_str!("../locales/fr.ftl")), (Locale::En, include_str!("../locales/en.ftl"))];
    let bundle = |(locale, source): (Locale, &str)| {
        let language = match locale {
            Locale::Fr => unic_langid::langid!("fr"),
            Locale::En => unic_langid::langid!("en"),
        };
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
        (locale, bundle)
    };
    sources.into_iter().map(bundle).collect()
});

/// The text `id` in `locale`. An unknown id shows itself, so that it is seen in a test and not missed in use.
pub fn text(locale: Locale, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
    let Some((_, bundle)) = CATALOGUES.iter().find(|(known, _)| *known == locale) else { return id.to_owned() };
    let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else { return id.to_owned() };
    let arguments: FluentArgs<'_> = arguments.iter().map(|(name, value)| (*name, value.clone())).collect();
    bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned()
}

const MONTHS_FR: [&str; 12] = [
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
];

/// A moment as people say it: « 1er septembre 2026 à 8 h 05 ».
pub fn moment(locale: Locale, instant: DateTime<Utc>, zone: Tz) -> String {
    let local = instant.with_timezone(&zone);
    let (day, year, hour, minute) = (local.day(), local.year(), local.hour(), local.minute());
    let month = usize::try_from(local.month0()).unwrap_or_default() % 12;
    match locale {
        Locale::Fr => {
            let day = if day == 1 { "1er".to_owned() } else { day.to_string() };
            let minutes = if minute == 0 { String::new() } else { format!("\u{a0}{minute:02}") };
            format!("{day} {} {year} à {hour}\u{a0}h{minutes}", MONTHS_FR[month])
        }
        Locale::En => format!("{day} {} {year} at {hour:02}:{minute:02}", MONTHS_EN[month]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(source: &str) -> BTreeSet<&str> {
        let lines = source.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        lines.filter_map(|line| line.split_once(" =")).map(|(id, _)| id).collect()
    }

    #[test]
    fn both_languages_say_the_same_things_in_valid_fluent() {
        let (french, english) = (include_str!("../locales/fr.ftl"), include_str!("../locales/en.ftl"));
        assert_eq!(ids(french), ids(english));
        for source in [french, english] {
            FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| errors).unwrap();
        }
    }

    /// Every text the code asks for exists, with the arguments it is given.
    #[test]
    fn every_text_that_is_asked_for_exists() {
        let known = ids(include_str!("../locales/fr.ftl"));
        let sources = [
            include_str!("conversation.rs"),
            include_str!("results.rs"),
        ];
        for source in sources {
            for asked in source.split("say(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(known.contains(asked), "`{asked}` is in no locale file");
            }
        }
    }

    #[test]
    fn moments_are_said_as_people_say_them() {
        let instant: DateTime<Utc> = "2026-09-01T06:05:00Z".parse().unwrap();
        let paris = chrono_tz::Europe::Paris;
        assert_eq!(moment(Locale::Fr, instant, paris), "1er septembre 2026 à 8\u{a0}h\u{a0}05");
        assert_eq!(moment(Locale::En, instant, paris), "1 September 2026 at 08:05");
    }
}
