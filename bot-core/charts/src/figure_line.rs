//! How a published figure moved from edition to edition: a line, broken where an edition did not ask.

use serde::{Deserialize, Serialize};

use crate::bars::{capitalised, described};
use crate::figure::{approximate, shared};
use crate::ink::Theme;
use crate::picture::Picture;
use crate::plot::{self, PlotPoint, Tick};
use crate::png::{PngError, png};
use crate::typeset::clean;
use crate::{Figure, Locale, Quantity, Table, TextTwin};

/// One figure over the editions of a barometer, as they were published.
///
/// Percentages stand between 0 and 100 %, other quantities between zero and the highest. The sentence says where the
/// line begins and ends, not what changed: whether two editions compare is not in the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureLineChart {
    /// It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    pub quantity: Quantity,
    /// Oldest first, drawn at equal distances; an edition without value is a gap.
    pub editions: Vec<Figure>,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

impl FigureLineChart {
    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The chart on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The chart in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence(), lines: self.lines(), table: self.table() }
    }

    fn lines(&self) -> Vec<String> {
        self.editions.iter().map(|edition| edition.line(self.locale, self.quantity)).collect()
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let named = |edition: &Figure| format!("{} ({})", edition.shown(locale, self.quantity), clean(&edition.label));
        let valued: Vec<&Figure> = self.valued().collect();
        let line = match (locale, valued.as_slice()) {
            (_, []) => return locale.nothing_published().to_owned(),
            (_, [only]) => format!("{}.", named(only)),
            (Locale::Fr, [first, .., last]) => format!("De {} à {}.", named(first), named(last)),
            (Locale::En, [first, .., last]) => format!("From {} to {}.", named(first), named(last)),
        };
        self.gaps().map_or_else(|| line.clone(), |gaps| format!("{line} {gaps}"))
    }

    fn table(&self) -> Table {
        let header = match self.locale {
            Locale::Fr => ["Édition", "Valeur", "Base"],
            Locale::En => ["Edition", "Value", "Base"],
        };
        Table {
            caption: clean(&self.title),
            header: header.map(str::to_owned).to_vec(),
            rows: self.editions.iter().map(|edition| edition.cells(self.locale, self.quantity)).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let locale = self.locale;
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), locale, description);
        let values = || self.editions.iter().filter_map(|edition| edition.value);
        let whole = if self.quantity == Quantity::Percent { 100.into() } else { 0.into() };
        let (low, high) = (values().fold(0.into(), Ord::min), values().fold(whole, Ord::max));
        let (from, to) = (approximate(low), approximate(high));
        let height = |value| if to > from { ((approximate(value) - from) / (to - from)) as f32 } else { 0.0 };
        let mut steps = vec![low, 0.into(), high];
        if (low, high) == (0.into(), 100.into()) {
            steps.push(50.into());
        }
        steps.sort_unstable();
        steps.dedup();
        let mut ticks: Vec<Tick> = Vec::new();
        for value in steps {
            let tick = Tick { height: height(value), text: locale.figure(value, self.quantity) };
            // A tick too near the one below it would be written over it.
            if ticks.last().is_none_or(|below| tick.height - below.height > LEAST_TICK_DISTANCE) {
                ticks.push(tick);
            }
        }
        let points: Vec<PlotPoint> = self
            .editions
            .iter()
            .map(|edition| PlotPoint {
                label: clean(&edition.label),
                figure: edition.value.map(|value| (height(value), locale.figure(value, self.quantity))),
            })
            .collect();
        plot::draw(&mut picture, &ticks, &points);
        let notes: Vec<String> = self.bases().into_iter().chain(self.gaps()).chain(self.note.clone()).collect();
        picture.finish(&notes);
        picture
    }

    fn valued(&self) -> impl Iterator<Item = &Figure> {
        self.editions.iter().filter(|edition| edition.value.is_some())
    }

    /// The base of all editions, or that of each where they differ: `Base : 98 (2017), non publiée (2016)`.
    fn bases(&self) -> Option<String> {
        let locale = self.locale;
        if let Some(shared) = shared(self.valued().map(|edition| edition.base)) {
            return Some(capitalised(&locale.base(shared)));
        }
        let each: Vec<String> = self
            .valued()
            .map(|edition| format!("{} ({})", locale.base_cell(edition.base), clean(&edition.label)))
            .collect();
        (!each.is_empty()).then(|| format!("Base{}{}", locale.colon(), each.join(", ")))
    }

    fn gaps(&self) -> Option<String> {
        let missing = self.editions.iter().filter(|edition| edition.value.is_none());
        let missing: Vec<String> = missing.map(|edition| clean(&edition.label)).collect();
        (!missing.is_empty()).then(|| match self.locale {
            Locale::Fr => format!("Pas de valeur pour {}.", self.locale.list(&missing)),
            Locale::En => format!("No value for {}.", self.locale.list(&missing)),
        })
    }
}

/// Of the height of the plot.
const LEAST_TICK_DISTANCE: f32 = 0.1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{any_figures, any_quantity, any_text, figures, read};

    fn participation() -> FigureLineChart {
        FigureLineChart {
            title: "Les outils numériques renforcent la participation".into(),
            subtitle: None,
            locale: Locale::Fr,
            quantity: Quantity::Percent,
            editions: figures(&[("2016", "80.1", None), ("2017", "", None), ("2018", "83.4", Some(157))]),
            note: None,
        }
    }

    #[test]
    fn a_gap_is_said_and_every_value_read() {
        insta::assert_snapshot!(read(&participation().text_twin()), @r#"
        De 80,1 % (2016) à 83,4 % (2018). Pas de valeur pour 2017.
        2016 : 80,1 % (base non publiée)
        2017 : pas de valeur
        2018 : 83,4 % (base : 157)
        <table class="chart-table"><caption>Les outils numériques renforcent la participation</caption><thead>
        <tr><th scope="col">Édition</th><th scope="col">Valeur</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">2016</th><td>80,1 %</td><td>non publiée</td></tr>
        <tr><th scope="row">2017</th><td>–</td><td>–</td></tr>
        <tr><th scope="row">2018</th><td>83,4 %</td><td>157</td></tr></tbody></table>
        "#);
        insta::assert_snapshot!(read(&FigureLineChart { locale: Locale::En, ..participation() }.text_twin()), @r#"
        From 80.1% (2016) to 83.4% (2018). No value for 2017.
        2016: 80.1% (base not published)
        2017: no value
        2018: 83.4% (base: 157)
        <table class="chart-table"><caption>Les outils numériques renforcent la participation</caption><thead>
        <tr><th scope="col">Edition</th><th scope="col">Value</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">2016</th><td>80.1%</td><td>not published</td></tr>
        <tr><th scope="row">2017</th><td>–</td><td>–</td></tr>
        <tr><th scope="row">2018</th><td>83.4%</td><td>157</td></tr></tbody></table>
        "#);
    }

    #[test]
    fn the_line_is_broken_where_an_edition_did_not_ask() {
        let lines = |values: &[(&str, &str, Option<u64>)]| {
            let chart = FigureLineChart { editions: figures(values), ..participation() };
            (chart.svg("p").matches("<polyline").count(), chart.svg("p").matches("<polygon").count())
        };
        assert_eq!(lines(&[("1", "5", None), ("2", "6", None), ("3", "7", None)]), (1, 3));
        assert_eq!(lines(&[("1", "5", None), ("2", "", None), ("3", "7", None)]), (0, 2));
        assert_eq!(
            lines(&[("1", "5", None), ("2", "6", None), ("3", "", None), ("4", "1", None), ("5", "2", None)]),
            (2, 4)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn any_line_keeps_within_the_canvas(
            title in any_text(), note in proptest::option::of(any_text()),
            editions in any_figures(14), quantity in any_quantity(), french: bool,
        ) {
            let locale = if french { Locale::Fr } else { Locale::En };
            let chart = FigureLineChart { title, note, editions, quantity, locale, ..participation() };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
            let table = chart.text_twin().table;
            prop_assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
        }
    }
}
