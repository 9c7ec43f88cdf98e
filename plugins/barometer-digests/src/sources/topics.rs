//! Which topics a piece of news or an event belongs to.

use bot_core::contacts::words::folded;

use crate::definition::{Definition, Key, Source};

/// Topics of what `source` says in `title` and `summary`, sorted: those the file gives the source, and each with a
/// keyword that stands there as words of its own. Accents and case do not matter: `eau` is in `L’EAU`, not in `réseau`.
pub fn of(definition: &Definition, source: &Source, title: &str, summary: &str) -> Vec<Key> {
    let said = format!(" {} {} ", folded(title), folded(summary));
    let is_said = |keyword: &String| {
        let keyword = folded(keyword);
        !keyword.is_empty() && said.contains(&format!(" {keyword} "))
    };
    let spoken = definition.topics.iter().filter(|topic| topic.keywords.iter().any(is_said)).map(|topic| &topic.key);
    let mut topics: Vec<Key> = source.topics.iter().chain(spoken).cloned().collect();
    topics.sort();
    topics.dedup();
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::bench;

    #[test]
    fn a_keyword_counts_as_words_of_its_own() {
        let definition = bench::definition(vec![bench::feed("presse", "https://presse.example/rss")]);
        let source = &definition.sources[0];
        let topics = |title: &str, summary: &str| {
            let topics = of(&definition, source, title, summary);
            topics.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(topics("L’EAU de la rivière", ""), "ecologie presse");
        assert_eq!(topics("Le réseau", "des bureaux"), "presse");
        assert_eq!(topics("Un débat", "le budget\u{a0}participatif de 2027"), "participation presse");
        assert_eq!(topics("Budget", "participatif"), "participation presse", "title and summary are read as one");
        assert_eq!(topics("Démocratie", "de l’eau"), "ecologie presse");
    }
}
