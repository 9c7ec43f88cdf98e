//! An edition as one message: the same for everybody who reads it in the same way.

use std::collections::BTreeMap;

use bot_core::Locale;
use bot_core::message::{Block, Document, MediaHash, Table, Text, markdown};
use serde_json::json;

use super::entry::Reading;
use super::way::{Form, Way};
use super::wording::Name;
use super::{charts, dates};
use crate::action::{Action, Verb};
use crate::edition::model::{Content, Edition, Entry, EntryKey, Section};
use crate::edition::store::Correction;
use crate::words::text;

/// Entries of a section in the short form, where that many fit; the page has them all.
const SHORT_ENTRIES_MAX: usize = 5;
/// … and in the full form.
const FULL_ENTRIES_MAX: usize = 40;
/// What the short form aims at, in UTF-16 units of what is seen: one Telegram message takes 4,096.
const SHORT_UNITS_MAX: usize = 3_500;
/// Pictures in one message. Further charts are there in words.
pub(crate) const PICTURES_MAX: usize = 8;
/// Rows of a chart's table that a chat can still show; the page has them all.
const TABLE_ROWS_MAX: usize = 30;

/// The pictures of an edition's charts, in each language.
pub type Pictures = BTreeMap<(EntryKey, Locale), MediaHash>;

/// Where the public pages are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Site {
    /// Without a path. `None`: there are no public pages, and nothing links to any.
    pub public_url: Option<String>,
}

impl Site {
    /// `path` begins with `/`.
    pub fn address(&self, path: &str) -> Option<String> {
        Some(format!("{}{path}", self.public_url.as_deref()?.trim_end_matches('/')))
    }
}

/// The message for one way of reading; `None` where the edition has nothing for it. Where there is a public site, it
/// names the variable `leave_url`, the only thing in which two readers' messages differ; empty, nothing is said of it.
pub fn message(
    number: u32,
    edition: &Edition,
    corrections: &[Correction],
    way: &Way,
    pictures: &Pictures,
    site: &Site,
) -> Option<Document> {
    let mut sections: BTreeMap<Section, Vec<&Entry>> = BTreeMap::new();
    for entry in edition.entries.iter().filter(|entry| entry.is_for(&way.topics)) {
        sections.entry(entry.content.section()).or_default().push(entry);
    }
    if sections.is_empty() {
        return None;
    }
    let reading = Reading { number, edition, locale: way.locale, form: way.form, site };
    let plan = Plan { reading, corrections, pictures, sections };
    Some(match way.form {
        Form::Full => plan.document(FULL_ENTRIES_MAX),
        Form::Short => {
            let mut shorter = (1..=SHORT_ENTRIES_MAX).rev().map(|most| plan.document(most));
            // Long words of an editor or organiser are not cut: then it is as short as it can be.
            shorter.find(|document| units(document) <= SHORT_UNITS_MAX).unwrap_or_else(|| plan.document(1))
        }
    })
}

/// For whoever wants to be told that an edition has nothing for them.
pub fn nothing(number: u32, edition: &Edition, way: &Way, site: &Site) -> Document {
    let reading = Reading { number, edition, locale: way.locale, form: way.form, site };
    let blocks = reading.say(Name::Nothing, json!({ "lien": reading.page() }));
    ended(reading, Document { blocks, choices: Vec::new() })
}

struct Plan<'e> {
    reading: Reading<'e>,
    corrections: &'e [Correction],
    pictures: &'e Pictures,
    sections: BTreeMap<Section, Vec<&'e Entry>>,
}

impl Plan<'_> {
    /// With at most so many entries in a section.
    fn document(&self, most: usize) -> Document {
        let (reading, locale, edition) = (self.reading, self.reading.locale, self.reading.edition);
        let mut blocks = reading.say(Name::Opening, json!({}));
        // Before what they correct.
        blocks.extend(self.corrections.iter().map(|correction| {
            let day = dates::day_of(locale, correction.written_at, edition.time_zone);
            let label = text(locale, "rendering-correction", &[("day", day.into())]);
            let words = correction.words.in_locale(locale);
            Block::Paragraph { text: Text::new().strong(label).plain(format!("{}{words}", colon(locale))) }
        }));
        blocks.extend(markdown::parse(introduction(edition, locale).map_or("", |(_, words)| words)));
        let mut pictures_left = PICTURES_MAX;
        for (section, entries) in &self.sections {
            blocks.push(Block::Heading { text: section_title(locale, *section).into() });
            blocks.extend(self.section(&entries[..entries.len().min(most)], &mut pictures_left));
            if let Some(others) = entries.len().checked_sub(most).filter(|others| *others > 0) {
                blocks.push(Block::Paragraph { text: self.others(others) });
            }
        }
        blocks.extend(reading.say(Name::Closing, json!({ "lien": reading.page() })));
        ended(reading, Document { blocks, choices: Vec::new() })
    }

    fn section(&self, entries: &[&Entry], pictures_left: &mut usize) -> Vec<Block> {
        let mut said = Vec::new();
        for entry in entries {
            said.extend(self.reading.entry(entry));
            if self.reading.form == Form::Full {
                said.extend(self.chart(entry, pictures_left));
            }
        }
        // Entries of one paragraph each are a list, which is shorter.
        let items = said.iter().map(|block| match block {
            Block::Paragraph { text } => Some(text.clone()),
            _ => None,
        });
        match (self.reading.form, items.collect::<Option<Vec<Text>>>()) {
            (Form::Short, Some(items)) => vec![Block::List { ordered: false, items }],
            _ => said,
        }
    }

    /// A picture is never alone: its sentence and its table are in the same message.
    fn chart(&self, entry: &Entry, pictures_left: &mut usize) -> Vec<Block> {
        let Content::Figure(figure) = &entry.content else { return Vec::new() };
        let Some(twin) = charts::twin(figure, self.reading.locale) else { return Vec::new() };
        let picture = self.pictures.get(&(entry.key.clone(), self.reading.locale));
        let mut blocks = vec![match picture.filter(|_| *pictures_left > 0) {
            Some(media) => {
                *pictures_left -= 1;
                Block::Figure { media: *media, alternative: twin.sentence }
            }
            None => Block::Paragraph { text: twin.sentence.into() },
        }];
        if twin.table.rows.len() <= TABLE_ROWS_MAX {
            blocks.push(Block::Table { table: Table { header: twin.table.header, rows: twin.table.rows } });
        }
        blocks
    }

    fn others(&self, others: usize) -> Text {
        let (locale, page) = (self.reading.locale, self.reading.page());
        match (page.is_empty(), self.reading.form) {
            (false, _) => Text::new().link(text(locale, "rendering-more", &[("count", others.into())]), page),
            (true, Form::Short) => text(locale, "rendering-more-here", &[("count", others.into())]).into(),
            (true, Form::Full) => text(locale, "rendering-more", &[("count", others.into())]).into(),
        }
    }
}

/// The editor's words in the reader's language, else in the other, and which that is.
pub fn introduction(edition: &Edition, locale: Locale) -> Option<(Locale, &str)> {
    let written = |locale: Locale| edition.introduction.get(&locale).filter(|words| !words.trim().is_empty());
    let locales = std::iter::once(locale).chain(Locale::ALL);
    locales.into_iter().find_map(|locale| Some((locale, written(locale)?.as_str())))
}

pub fn section_title(locale: Locale, section: Section) -> String {
    let id = match section {
        Section::Figures => "rendering-section-figures",
        Section::Consultations => "rendering-section-consultations",
        Section::News => "rendering-section-news",
        Section::Events => "rendering-section-events",
    };
    text(locale, id, &[])
}

pub(crate) fn colon(locale: Locale) -> &'static str {
    match locale {
        Locale::Fr => "\u{a0}: ",
        Locale::En => ": ",
    }
}

/// How to leave and what one is subscribed to stand below every message.
fn ended(reading: Reading<'_>, mut document: Document) -> Document {
    let locale = reading.locale;
    if reading.site.public_url.is_some() {
        let label = text(locale, "rendering-leave", &[]);
        document = document.block(Block::Template {
            markdown: format!("{{{{#if leave_url}}}}[{label}]({{{{leave_url}}}}){{{{/if}}}}"),
        });
    }
    document
        .step(text(locale, "rendering-unsubscribe", &[]), Action::new(Verb::Unsubscribe).payload())
        .step(text(locale, "rendering-subscriptions", &[]), Action::new(Verb::Subscriptions).payload())
}

/// What is seen of a message, in UTF-16 units; addresses of links are not.
fn units(document: &Document) -> usize {
    let words = |text: &Text| text.words().encode_utf16().count() + 3;
    let blocks = document.blocks.iter().map(|block| match block {
        Block::Heading { text } | Block::Paragraph { text } => words(text),
        Block::List { items, .. } => items.iter().map(words).sum(),
        other => bot_core::message::layout::words_of(other).encode_utf16().count() + 3,
    });
    blocks.sum()
}

#[cfg(test)]
mod tests {
    use bot_core::message::layout::words_of;
    use bot_core::message::template::fill;

    use super::*;
    use crate::edition::model::{Figure, News};
    use crate::rendering::wording;

    const NUMBER: u32 = 12;

    fn edition() -> Edition {
        serde_json::from_str(include_str!("../../samples/edition.json")).unwrap()
    }

    fn site() -> Site {
        Site { public_url: Some("https://crieur.example.org/".to_owned()) }
    }

    fn way(locale: Locale, form: Form, topics: &[&str]) -> Way {
        Way { locale, form, topics: topics.iter().map(|topic| topic.parse().unwrap()).collect() }
    }

    fn laid_out(edition: &Edition, way: &Way) -> Option<Document> {
        message(NUMBER, edition, &[], way, &Pictures::new(), &site())
    }

    fn words(document: &Document) -> String {
        let blocks: Vec<String> = document.blocks.iter().map(words_of).collect();
        blocks.join("\n\n").replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn the_short_form_reads_well_in_french() {
        let document = laid_out(&edition(), &way(Locale::Fr, Form::Short, &[])).unwrap();
        insta::assert_snapshot!(words(&document), @"
        La lettre de l’observatoire – semaine du 16 au 22 novembre 2026

        Bonjour à toutes et tous,

        cette semaine, le baromètre confirme que les outils numériques ne remplacent pas les rencontres.

        Chiffres

        • Outils numériques doublés de rencontres en présence : 90 % (https://crieur.example.org/digests/data/barometre/3#row-14) en 2017 (base : 98), + 23,3 points depuis 2016 (base non publiée)
        • Usage des outils selon le type de collectivité (métropoles) : 81,8 % (https://crieur.example.org/digests/data/barometre/3#row-24) en 2018 (base : 22)
        • Collectivités qui utilisent des outils de participation : 157 (https://crieur.example.org/digests/data/barometre/3#row-21) en 2018 (base non publiée), + 59 depuis 2017 (base non publiée)

        Consultations et campagnes

        • La place du marché (https://crieur.example.org/consultations/place-du-marche) – terminée le 20 novembre 2026, 412 bulletins
        Que souhaitez-vous au centre de la place ? – Halle couverte : 188 voix sur 412 bulletins (45,6 %)
        • Les horaires de la médiathèque (https://crieur.example.org/consultations/horaires-mediatheque) – se termine le vendredi 27 novembre 2026 à 18 h (heure de Paris)
        • Baromètre 2026 de la démocratie locale numérique – ouverte jusqu’au vendredi 11 décembre 2026 à 23 h 59 (heure de Paris), 473 réponses sur 1 250 (37,8 %)

        Actualités

        • Un guide pour choisir son outil de participation (https://example.org/guide) – Décider ensemble, 17 novembre 2026
        • Participatory budgets: what ten cities learned (https://example.com/budgets?a=1&b=2) – Participation Review, 18 novembre 2026
        • Nantes publie les données de ses concertations (https://example.org/nantes) – Nantes métropole, 18 novembre 2026
        • *Promo* [cliquez](https://mal.example) <script>alert(1)</script> {{leave_url}} – Un flux quelconque, 19 novembre 2026
        • Les conseils de quartier passent au format hybride (https://example.org/hybride) – Décider ensemble, 19 novembre 2026

        Et 2 autres (https://crieur.example.org/digests/12)

        Rendez-vous

        • Rencontre nationale de la participation (https://example.org/rencontre) – jeudi 3 décembre 2026 de 18 h à 20 h 30 (heure de Paris), Nantes, Cité des congrès – Agenda de la coalition
        • Atelier budgets participatifs – mardi 8 décembre 2026 à 10 h (heure de La Réunion), Saint-Denis – Agenda de la coalition
        • Annulé – Journées des civic tech – du 10 au 11 décembre 2026 – Agenda de la coalition

        Cette lettre sur le web (https://crieur.example.org/digests/12), avec ses sources, ses tableaux et ses données.

        {{#if leave_url}}[Ne plus recevoir cette lettre]({{leave_url}}){{/if}}
        ");
        assert!(units(&document) <= SHORT_UNITS_MAX);
        assert_eq!(document.media().count(), 0);
    }

    #[test]
    fn the_full_form_reads_well_in_english() {
        let mut edition = edition();
        edition.entries.retain(|entry| entry.topics.is_empty() || entry.topics[0].as_str() != "ingenierie");
        let mut pictures = Pictures::new();
        let chart = edition.entries[0].key.clone();
        pictures.insert((chart, Locale::En), MediaHash::of(b"picture"));
        let corrections = [Correction {
            number: 1,
            words: bot_core::Wording { fr: "Il fallait lire 98.".to_owned(), en: Some("Read 98.".to_owned()) },
            written_by: "Zoé".to_owned(),
            written_at: "2026-11-24T08:00:00Z".parse().unwrap(),
        }];
        let document = message(NUMBER, &edition, &corrections, &way(Locale::En, Form::Full, &[]), &pictures, &site());
        let document = document.unwrap();
        insta::assert_snapshot!(words(&document), @"
        The observatory’s digest – week of 16 to 22 November 2026

        Correction of 24 November 2026: Read 98.

        Hello all,

        this week the barometer confirms that digital tools do not replace meetings.

        Figures

        Digital tools doubled by face-to-face meetings: 90% (https://crieur.example.org/digests/data/barometre/3?lang=en#row-14) in 2017 (base: 98), +23.3 points since 2016 (base not published)

        From 66.7% (2016) to 90% (2017).

        Edition | Value | Base
        2016 | 66.7% | not published
        2017 | 90% | 98

        Use of tools by type of public body (métropoles): 81.8% (https://crieur.example.org/digests/data/barometre/3?lang=en#row-24) in 2018 (base: 22)

        The highest value is 81.8% (“métropoles”), the lowest 13.9% (“départements”).

        Group | Value | Base
        régions | 69.2% | 13
        métropoles | 81.8% | 22
        départements | 13.9% | 101

        Public bodies that use participation tools: 157 (https://crieur.example.org/digests/data/barometre/3?lang=en#row-21) in 2018 (base not published), +59 since 2017 (base not published)

        Consultations and campaigns

        The market square (https://crieur.example.org/consultations/place-du-marche?lang=en) – closed on 20 November 2026, 412 ballots
        What would you like in the middle of the square? – Covered hall: 188 votes out of 412 ballots (45.6%)
        Close the street to cars on Sundays? – Yes: 271 votes out of 398 ballots (68.1%)

        Les horaires de la médiathèque (https://crieur.example.org/consultations/horaires-mediatheque?lang=en) – closes on Friday 27 November 2026 at 18:00 (Paris time)

        2026 barometer of local digital democracy – open until Friday 11 December 2026 at 23:59 (Paris time), 473 answers out of 1,250 (37.8%)

        News

        Un guide pour choisir son outil de participation (https://example.org/guide) – Décider ensemble, 17 November 2026
        Vingt-cinq critères communs, techniques, ergonomiques, juridiques et civiques, pour comparer les outils.

        Participatory budgets: what ten cities learned (https://example.com/budgets?a=1&b=2) – Participation Review, 18 November 2026
        A comparison of turnout, costs & <reach> over five years.

        Nantes publie les données de ses concertations (https://example.org/nantes) – Nantes métropole, 18 November 2026
        Les contributions, la méthode de traitement et les suites données.

        *Promo* [cliquez](https://mal.example) <script>alert(1)</script> {{leave_url}} – Un flux quelconque, 19 November 2026
        Un titre hostile reste des mots.

        Les conseils de quartier passent au format hybride (https://example.org/hybride) – Décider ensemble, 19 November 2026

        Qui sont les absents des consultations en ligne ? Une enquête menée auprès de trois mille habitants de douze agglomérations, de la méthode aux résultats détaillés (https://example.org/absents) – Revue de sociologie, 20 November 2026
        L’étude distingue l’accès, le temps et la confiance.

        Events

        Rencontre nationale de la participation (https://example.org/rencontre) – Thursday 3 December 2026 from 18:00 to 20:30 (Paris time), Nantes, Cité des congrès – Agenda de la coalition
        Présentation du baromètre et ateliers.

        Atelier budgets participatifs – Tuesday 8 December 2026 at 10:00 (La Réunion time), Saint-Denis – Agenda de la coalition

        Cancelled – Journées des civic tech – 10 to 11 December 2026 – Agenda de la coalition

        This digest on the web (https://crieur.example.org/digests/12?lang=en), with its sources, tables and data.

        {{#if leave_url}}[Stop getting this digest]({{leave_url}}){{/if}}
        ");
        assert_eq!(document.media().count(), 1);
        // Who wrote a correction is for editors.
        assert!(!words(&document).contains("Zoé"));
    }

    #[test]
    fn a_reader_gets_what_is_for_their_topics_and_nothing_when_there_is_nothing() {
        let mut edition = edition();
        let said = words(&laid_out(&edition, &way(Locale::Fr, Form::Short, &["ingenierie"])).unwrap());
        assert!(said.contains("Logiciel libre") && !said.contains("Nantes"), "{said}");
        // What has no topic is for everybody; sections without anything are not there.
        assert!(said.contains("La place du marché") && !said.contains("Chiffres"), "{said}");
        edition.entries.retain(|entry| !entry.topics.is_empty());
        assert_eq!(
            laid_out(&edition, &way(Locale::Fr, Form::Full, &["accompagnement", "autre"])).map(|_| ()),
            Some(())
        );
        assert_eq!(laid_out(&edition, &way(Locale::Fr, Form::Full, &["autre"])), None);
        edition.entries.clear();
        assert_eq!(laid_out(&edition, &way(Locale::Fr, Form::Full, &[])), None);
        let document = nothing(NUMBER, &edition, &way(Locale::Fr, Form::Short, &[]), &site());
        insta::assert_snapshot!(words(&document), @"
        La lettre de l’observatoire – semaine du 16 au 22 novembre 2026

        Rien de nouveau sur vos sujets cette fois-ci. Voir toute la lettre (https://crieur.example.org/digests/12)

        {{#if leave_url}}[Ne plus recevoir cette lettre]({{leave_url}}){{/if}}
        ");
    }

    #[test]
    fn a_short_form_of_very_much_still_fits_one_message() {
        let mut edition = edition();
        let news = edition.entries.iter().find_map(|entry| match &entry.content {
            Content::News(news) => Some(news.clone()),
            _ => None,
        });
        let news = news.unwrap();
        for number in 0..200 {
            let news = News { title: "mot ".repeat(125), source_name: "s".repeat(200), ..news.clone() };
            let key = EntryKey(format!("news:{}", 1_000 + number));
            edition.entries.insert(0, Entry { key, topics: Vec::new(), content: Content::News(news) });
        }
        edition.introduction.insert(Locale::Fr, "é ".repeat(900));
        let document = laid_out(&edition, &way(Locale::Fr, Form::Short, &[])).unwrap();
        assert!(units(&document) <= SHORT_UNITS_MAX, "{}", units(&document));
        let others = words(&document);
        assert!(others.contains(" autres (https://crieur.example.org/digests/12)\n\n"), "{others}");
        assert!(others.contains("• mot mot ") && others.contains("mot… (https"), "{others}");
    }

    #[test]
    fn without_a_public_site_nothing_links_to_it() {
        let way = way(Locale::Fr, Form::Short, &[]);
        let document = message(NUMBER, &edition(), &[], &way, &Pictures::new(), &Site::default()).unwrap();
        assert!(!document.blocks.iter().any(|block| matches!(block, Block::Template { .. })));
        let said = words(&document);
        assert!(!said.contains("/digests/") && said.contains("Et 2 autres, dans la version complète"), "{said}");
        assert_eq!(document.choices.len(), 2);
    }

    #[test]
    fn only_the_leaving_link_differs_between_readers() {
        let document = laid_out(&edition(), &way(Locale::Fr, Form::Full, &[])).unwrap();
        let templates = document.blocks.iter().filter(|block| matches!(block, Block::Template { .. })).count();
        // The hostile title names the variable too, and stays words.
        assert_eq!(templates, 1);
        let leave = json!({ "leave_url": "https://crieur.example.org/digests/leave/abc" });
        let serde_json::Value::Object(mut leave) = leave else { panic!() };
        let filled = words(&fill(&document, &leave).unwrap());
        assert!(
            filled.ends_with("Ne plus recevoir cette lettre (https://crieur.example.org/digests/leave/abc)"),
            "{filled}"
        );
        assert!(filled.contains("<script>alert(1)</script> {{leave_url}}"), "{filled}");
        // A room leaves by its button alone.
        leave.insert("leave_url".to_owned(), json!(""));
        let filled = words(&fill(&document, &leave).unwrap());
        assert!(filled.ends_with("avec ses sources, ses tableaux et ses données."), "{filled}");
    }

    #[test]
    fn equal_inputs_give_equal_bytes() {
        for locale in Locale::ALL {
            for form in Form::ALL {
                let way = way(locale, form, &["conditions"]);
                assert_eq!(laid_out(&edition(), &way).unwrap().hash(), laid_out(&edition(), &way).unwrap().hash());
            }
        }
    }

    #[test]
    fn figures_are_compared_within_one_unit_only_and_say_their_base() {
        let mut edition = edition();
        edition.entries.truncate(1);
        let Content::Figure(figure) = &mut edition.entries[0].content else { panic!() };
        let Figure { previous: Some(previous), .. } = figure else { panic!() };
        previous.unit = crate::edition::model::Unit::Count;
        let said = words(&laid_out(&edition, &way(Locale::Fr, Form::Short, &[])).unwrap());
        assert!(said.contains("(base : 98)") && !said.contains("depuis"), "{said}");
    }

    #[test]
    fn the_organisers_wording_is_used_in_its_language_alone() {
        let mut edition = edition();
        let templates = crate::definition::Templates {
            opening: Some("**Numéro {{numero}}**".to_owned()),
            event: Some("{{quand}}".to_owned()),
            ..Default::default()
        };
        wording::check(Name::Event, "{{quand}}").unwrap();
        edition.wording.insert(Locale::Fr, templates);
        let french = words(&laid_out(&edition, &way(Locale::Fr, Form::Short, &[])).unwrap());
        assert!(french.starts_with("Numéro 12\n"), "{french}");
        assert!(french.contains("\n• du 10 au 11 décembre 2026"), "{french}");
        let english = words(&laid_out(&edition, &way(Locale::En, Form::Short, &[])).unwrap());
        assert!(english.starts_with("The observatory’s digest – week of 16 to 22 November 2026\n"), "{english}");
    }
}
