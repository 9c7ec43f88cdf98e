//! How many chose each option: horizontal bars.

use serde::{Deserialize, Serialize};

use crate::ink::Theme;
use crate::picture::Picture;
use crate::png::{PngError, png};
use crate::rows::{Emphasis, Row, draw};
use crate::share::{Share, needs_decimal};
use crate::typeset::clean;
use crate::{Locale, Table, TextTwin, Unit};

/// The count of each option of one question.
///
/// The picture shows at most five lines of title and four of each label, and ends longer ones with
/// an ellipsis; the twin has them whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarChart {
    /// The question. It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    /// Drawn in this order; see [`BarChart::by_count`].
    pub bars: Vec<Bar>,
    /// What the bars count.
    pub unit: Unit,
    /// What the shares are of.
    pub base: Base,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// One option and its exact count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub label: String,
    pub count: u64,
}

/// The whole that shares are computed from: "157 bulletins". When one ballot may hold several
/// choices the counts add up to more than the base, and the shares to more than 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub count: u64,
    pub unit: Unit,
}

/// Beyond this many, options in a tie are counted rather than named.
const MOST_NAMED_LEADERS: usize = 4;

impl BarChart {
    /// The same chart, highest count first; equal counts keep their order.
    #[must_use]
    pub fn by_count(mut self) -> Self {
        self.bars.sort_by_key(|bar| std::cmp::Reverse(bar.count));
        self
    }

    /// The share of the base that chose this bar.
    pub fn share(&self, bar: &Bar) -> Share {
        Share { count: bar.count, base: self.base.count }
    }

    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The chart on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range, or if so many bars make the picture too high to be sent.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The chart in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence(), lines: self.lines(), table: self.table() }
    }

    fn decimal(&self) -> bool {
        needs_decimal(self.bars.iter().map(|bar| self.share(bar)))
    }

    fn highest(&self) -> u64 {
        self.bars.iter().map(|bar| bar.count).max().unwrap_or(0)
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let base = locale.count(self.base.count, self.base.unit);
        if self.base.count == 0 || self.bars.is_empty() {
            let none = locale.none_of(self.base.unit);
            return match (locale, self.bars.is_empty()) {
                (Locale::Fr, false) => format!("{none}\u{a0}: pas de résultat à montrer."),
                (Locale::En, false) => format!("{none}: there is no result to show."),
                (Locale::Fr, true) => "Aucun choix à montrer.".to_owned(),
                (Locale::En, true) => "There is no choice to show.".to_owned(),
            };
        }
        let highest = self.highest();
        if highest == 0 {
            return match locale {
                Locale::Fr => format!("Tous les choix sont à zéro, sur {base}."),
                Locale::En => format!("Every choice is at zero, out of {base}."),
            };
        }

        let leaders: Vec<String> =
            self.bars.iter().filter(|bar| bar.count == highest).map(|bar| locale.quoted(&clean(&bar.label))).collect();
        let count = locale.count(highest, self.unit);
        // "12 voix sur 20", but "12 voix sur 20 bulletins".
        let base = if self.base.unit == self.unit { locale.number(self.base.count) } else { base };
        let share = Share { count: highest, base: self.base.count }.percent(locale, self.decimal());
        let all_equal = leaders.len() == self.bars.len();
        let names = if leaders.len() > MOST_NAMED_LEADERS {
            match (locale, all_equal) {
                (Locale::Fr, true) => format!("Les {} choix", leaders.len()),
                (Locale::Fr, false) => format!("{} choix", leaders.len()),
                (Locale::En, true) => format!("All {} choices", leaders.len()),
                (Locale::En, false) => format!("{} choices", leaders.len()),
            }
        } else {
            locale.list(&leaders)
        };
        match (locale, leaders.len(), all_equal) {
            (Locale::Fr, 1, true) => format!("{names} recueille {count} sur {base} ({share})."),
            (Locale::Fr, 1, false) => {
                format!("{names} arrive en tête avec {count} sur {base} ({share}).")
            }
            (Locale::Fr, _, true) => {
                format!("{names} sont à égalité, avec {count} sur {base} chacun ({share}).")
            }
            (Locale::Fr, _, false) => {
                format!("{names} arrivent en tête à égalité, avec {count} sur {base} chacun ({share}).")
            }
            (Locale::En, 1, true) => format!("{names} gets {count} out of {base} ({share})."),
            (Locale::En, 1, false) => {
                format!("{names} comes first with {count} out of {base} ({share}).")
            }
            (Locale::En, _, true) => {
                format!("{names} are tied, with {count} out of {base} each ({share}).")
            }
            (Locale::En, _, false) => {
                format!("{names} tie for first place, with {count} out of {base} each ({share}).")
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let (locale, decimal) = (self.locale, self.decimal());
        let line = |bar: &Bar| {
            let (label, count) = (clean(&bar.label), locale.count(bar.count, self.unit));
            let share = self.share(bar).percent(locale, decimal);
            format!("{label}{}{count} ({share})", locale.colon())
        };
        self.bars.iter().map(line).collect()
    }

    fn table(&self) -> Table {
        let (locale, decimal) = (self.locale, self.decimal());
        let header = match locale {
            Locale::Fr => ["Choix", "Part"],
            Locale::En => ["Choice", "Share"],
        };
        let row =
            |bar: &Bar| vec![clean(&bar.label), locale.number(bar.count), self.share(bar).percent(locale, decimal)];
        Table {
            caption: clean(&self.title),
            header: vec![header[0].to_owned(), capitalised(locale.noun(2, self.unit)), header[1].to_owned()],
            rows: self.bars.iter().map(row).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        let highest = self.highest();
        let rows: Vec<Row> = self
            .bars
            .iter()
            .map(|bar| Row {
                label: clean(&bar.label),
                share: self.share(bar),
                emphasis: if bar.count == highest && highest > 0 { Emphasis::Leading } else { Emphasis::Behind },
            })
            .collect();
        draw(&mut picture, &rows, self.unit, self.locale);
        picture.finish(&footnotes(self.locale, self.base, self.note.as_deref()));
        picture
    }
}

/// What a screen reader says in place of the picture.
pub(crate) fn described(sentence: &str, lines: &[String]) -> String {
    if lines.is_empty() { sentence.to_owned() } else { format!("{sentence} {}.", lines.join(". ")) }
}

pub(crate) fn footnotes(locale: Locale, base: Base, note: Option<&str>) -> Vec<String> {
    let base = format!("Base{}{}", locale.colon(), locale.count(base.count, base.unit));
    std::iter::once(base).chain(note.map(str::to_owned)).collect()
}

pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{self, any_text, bars, count};
    use proptest::prelude::*;

    /// Fixed spaces as plain ones, so that the sentences below can be read.
    fn sentence(locale: Locale, options: &[(&str, u64)], base: u64) -> String {
        let chart =
            BarChart { locale, bars: bars(options), base: Base { count: base, unit: Unit::Vote }, ..samples::market() };
        chart.text_twin().sentence.replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn the_french_sentence_says_who_leads() {
        let fr = |options: &[(&str, u64)], base| sentence(Locale::Fr, options, base);
        insta::assert_snapshot!(fr(&[("Halle couverte", 12), ("Jardin", 8)], 20), @"« Halle couverte » arrive en tête avec 12 voix sur 20 (60 %).");
        insta::assert_snapshot!(fr(&[("Oui", 1), ("Non", 0)], 3), @"« Oui » arrive en tête avec 1 voix sur 3 (33,3 %).");
        insta::assert_snapshot!(fr(&[("A", 5), ("B", 5), ("C", 2)], 12), @"« A » et « B » arrivent en tête à égalité, avec 5 voix sur 12 chacun (41,7 %).");
        insta::assert_snapshot!(fr(&[("A", 4), ("B", 4), ("C", 4)], 12), @"« A », « B » et « C » sont à égalité, avec 4 voix sur 12 chacun (33,3 %).");
        insta::assert_snapshot!(fr(&[("A", 1), ("B", 1), ("C", 1), ("D", 1), ("E", 1), ("F", 0)], 5), @"5 choix arrivent en tête à égalité, avec 1 voix sur 5 chacun (20 %).");
        insta::assert_snapshot!(fr(&[("Seul", 3)], 3), @"« Seul » recueille 3 voix sur 3 (100 %).");
        insta::assert_snapshot!(fr(&[("A", 0), ("B", 0)], 7), @"Tous les choix sont à zéro, sur 7 voix.");
        insta::assert_snapshot!(fr(&[("A", 0), ("B", 0)], 0), @"Aucune voix : pas de résultat à montrer.");
        insta::assert_snapshot!(fr(&[], 4), @"Aucun choix à montrer.");
        insta::assert_snapshot!(fr(&[("A", 12_345), ("B", 1)], 23_456), @"« A » arrive en tête avec 12 345 voix sur 23 456 (52,6 %).");
    }

    #[test]
    fn the_english_sentence_says_who_leads() {
        let en = |options: &[(&str, u64)], base| sentence(Locale::En, options, base);
        insta::assert_snapshot!(en(&[("Covered hall", 12), ("Garden", 8)], 20), @"“Covered hall” comes first with 12 votes out of 20 (60%).");
        insta::assert_snapshot!(en(&[("Yes", 1), ("No", 1)], 3), @"“Yes” and “No” are tied, with 1 vote out of 3 each (33.3%).");
        insta::assert_snapshot!(en(&[("A", 5), ("B", 5), ("C", 2)], 12), @"“A” and “B” tie for first place, with 5 votes out of 12 each (41.7%).");
        insta::assert_snapshot!(en(&[("A", 0), ("B", 0)], 0), @"No votes: there is no result to show.");
        insta::assert_snapshot!(en(&[("A", 1_234), ("B", 1)], 2_000), @"“A” comes first with 1,234 votes out of 2,000 (61.7%).");
    }

    #[test]
    fn the_twin_has_every_value() {
        let twin = samples::market().text_twin();
        let html = twin.table.html().replace("<tr>", "\n<tr>");
        let all = format!("{}\n{}\n{html}", twin.sentence, twin.lines.join("\n"));
        insta::assert_snapshot!(all.replace(['\u{a0}', '\u{202f}'], " "), @r##"
        « Halle couverte » arrive en tête avec 72 voix sur 157 bulletins (45,9 %).
        Halle couverte : 72 voix (45,9 %)
        Jardin et aire de jeux : 51 voix (32,5 %)
        Parking de 40 places, gratuit la première heure, avec bornes de recharge : 26 voix (16,6 %)
        Ne rien changer : 8 voix (5,1 %)
        <table class="chart-table"><caption>Que faire de la place du marché ?</caption><thead>
        <tr><th scope="col">Choix</th><th scope="col">Voix</th><th scope="col">Part</th></tr></thead><tbody>
        <tr><th scope="row">Halle couverte</th><td>72</td><td>45,9 %</td></tr>
        <tr><th scope="row">Jardin et aire de jeux</th><td>51</td><td>32,5 %</td></tr>
        <tr><th scope="row">Parking de 40 places, gratuit la première heure, avec bornes de recharge</th><td>26</td><td>16,6 %</td></tr>
        <tr><th scope="row">Ne rien changer</th><td>8</td><td>5,1 %</td></tr></tbody></table>
        "##);
    }

    #[test]
    fn the_svg_is_as_reviewed() {
        let chart = BarChart { bars: bars(&[("Oui", 12), ("Non & <autre>", 8)]), ..samples::market() };
        insta::assert_snapshot!(chart.svg("q1"), @r##"
        <svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" lang="fr" width="480" height="289" viewBox="0 0 480 289" font-family="Inter, system-ui, sans-serif" aria-labelledby="q1-title" aria-describedby="q1-desc">
        <title id="q1-title">Que faire de la place du marché ?</title>
        <desc id="q1-desc">« Oui » arrive en tête avec 12 voix sur 157 bulletins (7,6 %). Oui : 12 voix (7,6 %). Non &amp; &lt;autre&gt; : 8 voix (5,1 %).</desc>
        <text x="24" y="44.27" font-size="20" font-weight="700" fill="currentColor" class="chart-text">Que faire de la place du marché ?</text>
        <text x="24" y="68.77" font-size="14.5" fill="currentColor" fill-opacity="0.78" class="chart-muted">Consultation des habitants, un choix par bulletin</text>
        <text x="24" y="106.63" font-size="15.5" font-weight="700" fill="currentColor" class="chart-text">Oui</text>
        <rect x="24" y="115" width="300.09" height="18" fill="currentColor" fill-opacity="0.1" class="chart-track"/>
        <rect x="24" y="115" width="22.94" height="18" fill="#0072b2" class="chart-accent"/>
        <text x="387.1" y="129.63" font-size="15.5" font-weight="700" text-anchor="end" fill="currentColor" class="chart-text">7,6 %</text>
        <text x="456" y="129.63" font-size="14.5" text-anchor="end" fill="currentColor" fill-opacity="0.78" class="chart-muted">12 voix</text>
        <text x="24" y="162.63" font-size="15.5" fill="currentColor" class="chart-text">Non &amp; &lt;autre&gt;</text>
        <rect x="24" y="171" width="300.09" height="18" fill="currentColor" fill-opacity="0.1" class="chart-track"/>
        <rect x="24" y="171" width="15.29" height="18" fill="#8390a0" class="chart-neutral"/>
        <text x="387.1" y="185.63" font-size="15.5" text-anchor="end" fill="currentColor" class="chart-text">5,1 %</text>
        <text x="456" y="185.63" font-size="14.5" text-anchor="end" fill="currentColor" fill-opacity="0.78" class="chart-muted">8 voix</text>
        <rect x="24" y="207" width="432" height="1" fill="currentColor" fill-opacity="0.3" class="chart-rule"/>
        <text x="24" y="229.04" font-size="12.5" fill="currentColor" fill-opacity="0.78" class="chart-muted">Base : 157 bulletins</text>
        <text x="24" y="248.04" font-size="12.5" fill="currentColor" fill-opacity="0.78" class="chart-muted">Consultation close le 14 mars 2026. Vote anonyme, un bulletin par</text>
        <text x="24" y="265.04" font-size="12.5" fill="currentColor" fill-opacity="0.78" class="chart-muted">personne.</text>
        </svg>
        "##);
    }

    #[test]
    fn ids_take_the_prefix_and_nothing_else_from_it() {
        let svg = samples::market().svg("a\" onload=\"x");
        assert!(svg.contains("id=\"aonloadx-title\""));
        assert!(samples::market().svg("é").contains("id=\"chart-title\""));
    }

    #[test]
    fn by_count_keeps_the_order_of_equals() {
        let chart = BarChart { bars: bars(&[("A", 1), ("B", 3), ("C", 1)]), ..samples::market() }.by_count();
        let labels: Vec<&str> = chart.bars.iter().map(|bar| bar.label.as_str()).collect();
        assert_eq!(labels, ["B", "A", "C"]);
    }

    #[test]
    fn the_largest_counts_keep_on_the_canvas() {
        let base = Base { count: u64::MAX, unit: Unit::Ballot };
        let chart =
            BarChart { bars: bars(&[("A", u64::MAX), ("B", 1)]), unit: Unit::Ballot, base, ..samples::market() };
        assert_eq!(faults(&chart.picture()), Vec::<String>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_chart_is_well_formed_repeatable_and_on_its_canvas(
            title in any_text(),
            subtitle in proptest::option::of(any_text()),
            note in proptest::option::of(any_text()),
            options in proptest::collection::vec((any_text(), count()), 0..6),
            base in count(),
            french: bool,
        ) {
            let chart = BarChart {
                title,
                subtitle,
                note,
                locale: if french { Locale::Fr } else { Locale::En },
                bars: options.into_iter().map(|(label, count)| Bar { label, count }).collect(),
                unit: Unit::Answer,
                base: Base { count: base, unit: Unit::Person },
            };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
            let table = chart.text_twin().table;
            prop_assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
            let html = table.html();
            let parsed = resvg::usvg::roxmltree::Document::parse(&html);
            prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
        }
    }
}
