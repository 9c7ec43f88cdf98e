//! What this plugin says, in French and English: the texts are in `locales/`.

use std::sync::LazyLock;

use bot_core::Locale;
use bot_core::i18n::Catalogue;

pub use bot_core::i18n::{Argument, date_time as moment};

const SOURCES: [(Locale, &str); 2] =
    [(Locale::Fr, include_str!("../locales/fr.ftl")), (Locale::En, include_str!("../locales/en.ftl"))];

/// `None` when a source is not Fluent, which a test excludes.
static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(|| Catalogue::new(&SOURCES).ok());

/// The text `id` in `locale`, or the id itself when there is none.
pub fn text(locale: Locale, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
    CATALOGUE.as_ref().map_or_else(|| id.to_owned(), |catalogue| catalogue.text(locale, id, arguments))
}

/// A count of ballots or answers in a text.
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
        for line in SOURCES[0].1.lines().filter(|line| !line.starts_with('#')) {
            for wrong in [" :", " ;", " !", " ?", "« ", " »", "'", "..."] {
                assert!(!line.contains(wrong), "`{wrong}` in: {line}");
            }
        }
        let evening = "2026-11-21T22:58:00Z".parse().unwrap();
        let said = text(
            Locale::Fr,
            "state-open",
            &[("closing", moment(Locale::Fr, evening, chrono_tz::Europe::Paris).into())],
        );
        assert_eq!(said, "ouverte jusqu’au samedi 21 novembre 2026 à 23\u{a0}h\u{a0}58");
    }

    /// Every text the code asks for exists, and every text that exists is asked for.
    #[test]
    fn texts_and_code_agree() {
        let code = [
            include_str!("chart.rs"),
            include_str!("conversation.rs"),
            include_str!("named_votes.rs"),
            include_str!("operations.rs"),
            include_str!("organiser.rs"),
            include_str!("page.rs"),
            include_str!("participate.rs"),
            include_str!("pulse/chat.rs"),
            include_str!("pulse/counting.rs"),
            include_str!("pulse/operations.rs"),
            include_str!("pulse/page.rs"),
            include_str!("pulse/results.rs"),
            include_str!("refusal.rs"),
            include_str!("results.rs"),
            include_str!("rooms.rs"),
            include_str!("script.rs"),
            include_str!("talk.rs"),
            include_str!("wizard.rs"),
        ]
        .concat();
        let lines = SOURCES[0].1.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        for id in lines.filter_map(|line| line.split_once(" =")).map(|(id, _)| id) {
            assert!(code.contains(&format!("\"{id}\"")), "nobody says `{id}`");
        }
        for marker in ["say(\"", "say_of_it(\"", "text(locale, \"", "text(self.locale, \""] {
            for asked in code.split(marker).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert_ne!(text(Locale::Fr, asked, &[]), asked, "`{asked}` is in no locale file");
            }
        }
    }
}
