//! What this plugin says, in French and English: the texts are in `locales/`, a file for each story.

use std::sync::LazyLock;

use bot_core::Locale;
use bot_core::i18n::Catalogue;

pub use bot_core::i18n::{Argument, date_time as moment};

const SOURCES: [(Locale, &str); 16] = [
    (Locale::Fr, include_str!("../locales/archive.fr.ftl")),
    (Locale::En, include_str!("../locales/archive.en.ftl")),
    (Locale::Fr, include_str!("../locales/barometer.fr.ftl")),
    (Locale::En, include_str!("../locales/barometer.en.ftl")),
    (Locale::Fr, include_str!("../locales/charts.fr.ftl")),
    (Locale::En, include_str!("../locales/charts.en.ftl")),
    (Locale::Fr, include_str!("../locales/edition.fr.ftl")),
    (Locale::En, include_str!("../locales/edition.en.ftl")),
    (Locale::Fr, include_str!("../locales/readers.fr.ftl")),
    (Locale::En, include_str!("../locales/readers.en.ftl")),
    (Locale::Fr, include_str!("../locales/rendering.fr.ftl")),
    (Locale::En, include_str!("../locales/rendering.en.ftl")),
    (Locale::Fr, include_str!("../locales/sending.fr.ftl")),
    (Locale::En, include_str!("../locales/sending.en.ftl")),
    (Locale::Fr, include_str!("../locales/sources.fr.ftl")),
    (Locale::En, include_str!("../locales/sources.en.ftl")),
];

/// `None` when a source is not Fluent, which a test excludes.
static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(|| Catalogue::new(&SOURCES).ok());

/// The text `id` in `locale`, or the id itself when there is none.
pub fn text(locale: Locale, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
    CATALOGUE.as_ref().map_or_else(|| id.to_owned(), |catalogue| catalogue.text(locale, id, arguments))
}

/// How many of something.
pub fn count(number: u64) -> Argument<'static> {
    Argument::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_things() {
        let catalogue = Catalogue::new(&SOURCES).unwrap();
        assert_eq!(catalogue.missing(), Vec::<String>::new());
    }

    #[test]
    fn french_marks_keep_to_their_words() {
        let french = SOURCES.iter().filter(|(locale, _)| *locale == Locale::Fr).flat_map(|(_, source)| source.lines());
        for line in french.filter(|line| !line.starts_with('#')) {
            for wrong in [" :", " ;", " !", " ?", "« ", " »", "'", "..."] {
                assert!(!line.contains(wrong), "`{wrong}` in: {line}");
            }
        }
    }
}
