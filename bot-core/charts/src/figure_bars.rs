//! Published figures side by side: horizontal bars.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::bars::described;
use crate::figure::{Bases, approximate};
use crate::ink::Theme;
use crate::picture::Picture;
use crate::png::{PngError, png};
use crate::rows::{Emphasis, Length, draw_lengths};
use crate::typeset::clean;
use crate::{Figure, Locale, Quantity, Table, TextTwin};

/// One figure for each group, as they were published.
///
/// Percentages are drawn against 100 %, other quantities against the highest. No bar stands out, since the groups'
/// bases differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureBarChart {
    /// It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    pub quantity: Quantity,
    /// Drawn in this order; one without value keeps its place.
    pub figures: Vec<Figure>,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// Beyond this many, groups of the same value are counted rather than named.
const MOST_NAMED: usize = 3;

impl FigureBarChart {
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

    fn lines(&self) -> Vec<String> {
        self.figures.iter().map(|figure| figure.line(self.locale, self.quantity)).collect()
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let valued: Vec<(&Figure, Decimal)> =
            self.figures.iter().filter_map(|figure| Some((figure, figure.value?))).collect();
        let values = || valued.iter().map(|(_, value)| *value);
        let (Some(lowest), Some(highest)) = (values().min(), values().max()) else {
            return locale.nothing_published().to_owned();
        };
        let at = |wanted: Decimal| {
            let names: Vec<String> = valued
                .iter()
                .filter(|(_, value)| *value == wanted)
                .map(|(figure, _)| locale.quoted(&clean(&figure.label)))
                .collect();
            let names = match locale {
                _ if names.len() <= MOST_NAMED => locale.list(&names),
                Locale::Fr => format!("{} groupes", names.len()),
                Locale::En => format!("{} groups", names.len()),
            };
            format!("{} ({names})", locale.figure(wanted, self.quantity))
        };
        match (locale, valued.as_slice()) {
            (_, [(figure, value)]) => {
                format!("{}{}{}.", clean(&figure.label), locale.colon(), locale.figure(*value, self.quantity))
            }
            (Locale::Fr, _) if lowest == highest => {
                format!("La valeur est partout la même\u{a0}: {}.", locale.figure(highest, self.quantity))
            }
            (Locale::En, _) if lowest == highest => {
                format!("The value is the same everywhere: {}.", locale.figure(highest, self.quantity))
            }
            (Locale::Fr, _) => format!("La valeur la plus haute est {}, la plus basse {}.", at(highest), at(lowest)),
            (Locale::En, _) => format!("The highest value is {}, the lowest {}.", at(highest), at(lowest)),
        }
    }

    fn table(&self) -> Table {
        let header = match self.locale {
            Locale::Fr => ["Groupe", "Valeur", "Base"],
            Locale::En => ["Group", "Value", "Base"],
        };
        Table {
            caption: clean(&self.title),
            header: header.map(str::to_owned).to_vec(),
            rows: self.figures.iter().map(|figure| figure.cells(self.locale, self.quantity)).collect(),
        }
    }

    /// The figures at the two ends of the track: zero is always between them.
    fn ends(&self) -> (f64, f64) {
        let values = || self.figures.iter().filter_map(|figure| figure.value).map(approximate);
        let whole = if self.quantity == Quantity::Percent { 100.0 } else { 0.0 };
        (values().fold(0.0, f64::min), values().fold(whole, f64::max))
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        let bases = Bases::of(self.locale, &self.figures);
        let (low, high) = self.ends();
        let at = |value: f64| if high > low { ((value - low) / (high - low)) as f32 } else { 0.0 };
        let lengths: Vec<Length> = self
            .figures
            .iter()
            .zip(&bases.asides)
            .map(|(figure, aside)| Length {
                label: clean(&figure.label),
                span: figure.value.filter(|value| !value.is_zero()).map(|value| {
                    let value = approximate(value);
                    (at(value.min(0.0)), at(value.max(0.0)))
                }),
                emphasis: Emphasis::Equal,
                figure: figure.shown(self.locale, self.quantity),
                aside: aside.clone(),
            })
            .collect();
        let is_whole = self.quantity == Quantity::Percent && (low, high) == (0.0, 100.0);
        draw_lengths(&mut picture, &lengths, is_whole);
        let notes: Vec<String> = bases.footnote.into_iter().chain(self.note.clone()).collect();
        picture.finish(&notes);
        picture
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{any_figures, any_quantity, any_text, figures, read};

    fn tools() -> FigureBarChart {
        FigureBarChart {
            title: "Collectivités qui utilisent des outils numériques".into(),
            subtitle: Some("Édition 2018".into()),
            locale: Locale::Fr,
            quantity: Quantity::Percent,
            figures: figures(&[
                ("Régions", "69.2", Some(13)),
                ("Métropoles", "81.8", Some(22)),
                ("Départements", "13.9", Some(101)),
                ("Communes", "", None),
            ]),
            note: None,
        }
    }

    #[test]
    fn every_value_is_read_with_its_base() {
        insta::assert_snapshot!(read(&tools().text_twin()), @r#"
        La valeur la plus haute est 81,8 % (« Métropoles »), la plus basse 13,9 % (« Départements »).
        Régions : 69,2 % (base : 13)
        Métropoles : 81,8 % (base : 22)
        Départements : 13,9 % (base : 101)
        Communes : pas de valeur
        <table class="chart-table"><caption>Collectivités qui utilisent des outils numériques</caption><thead>
        <tr><th scope="col">Groupe</th><th scope="col">Valeur</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">Régions</th><td>69,2 %</td><td>13</td></tr>
        <tr><th scope="row">Métropoles</th><td>81,8 %</td><td>22</td></tr>
        <tr><th scope="row">Départements</th><td>13,9 %</td><td>101</td></tr>
        <tr><th scope="row">Communes</th><td>–</td><td>–</td></tr></tbody></table>
        "#);
        insta::assert_snapshot!(read(&FigureBarChart { locale: Locale::En, ..tools() }.text_twin()), @r#"
        The highest value is 81.8% (“Métropoles”), the lowest 13.9% (“Départements”).
        Régions: 69.2% (base: 13)
        Métropoles: 81.8% (base: 22)
        Départements: 13.9% (base: 101)
        Communes: no value
        <table class="chart-table"><caption>Collectivités qui utilisent des outils numériques</caption><thead>
        <tr><th scope="col">Group</th><th scope="col">Value</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">Régions</th><td>69.2%</td><td>13</td></tr>
        <tr><th scope="row">Métropoles</th><td>81.8%</td><td>22</td></tr>
        <tr><th scope="row">Départements</th><td>13.9%</td><td>101</td></tr>
        <tr><th scope="row">Communes</th><td>–</td><td>–</td></tr></tbody></table>
        "#);
    }

    #[test]
    fn the_sentence_holds_for_any_values() {
        let said = |values: &[(&str, &str, Option<u64>)]| {
            let chart = FigureBarChart { figures: figures(values), ..tools() };
            chart.text_twin().sentence.replace(['\u{a0}', '\u{202f}'], " ")
        };
        assert_eq!(said(&[]), "Aucune valeur à montrer.");
        assert_eq!(said(&[("A", "", None)]), "Aucune valeur à montrer.");
        assert_eq!(said(&[("A", "0.01", None)]), "A : < 0,1 %.");
        assert_eq!(said(&[("A", "12", None), ("B", "12.0", None)]), "La valeur est partout la même : 12 %.");
        assert_eq!(
            said(&[("A", "12", None), ("B", "12", None), ("C", "3", None)]),
            "La valeur la plus haute est 12 % (« A » et « B »), la plus basse 3 % (« C »)."
        );
    }

    #[test]
    fn a_base_shared_by_all_is_said_once() {
        let shared = FigureBarChart { figures: figures(&[("A", "1", Some(98)), ("B", "2", Some(98))]), ..tools() };
        assert_eq!(shared.svg("p").matches(">Base\u{a0}: 98<").count(), 1);
        let unknown = FigureBarChart { figures: figures(&[("A", "1", None)]), ..tools() };
        assert!(unknown.svg("p").contains(">Base non publiée<"));
        assert!(tools().svg("p").contains(">base\u{a0}: 22<"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn any_figures_keep_within_the_canvas(
            title in any_text(), note in proptest::option::of(any_text()),
            figures in any_figures(9), quantity in any_quantity(), french: bool,
        ) {
            let locale = if french { Locale::Fr } else { Locale::En };
            let chart = FigureBarChart { title, note, figures, quantity, locale, ..tools() };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
            let table = chart.text_twin().table;
            prop_assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
        }
    }
}
