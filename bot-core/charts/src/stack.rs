//! The parts of a whole, one row an edition or a group: stacked bars.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::bars::described;
use crate::figure::{Bases, approximate};
use crate::ink::{Ink, Texture, Theme};
use crate::picture::{Anchor, Mark, PADDING, Picture, ROOM, Style, baseline_offset};
use crate::png::{PngError, png};
use crate::typeset::{Weight, clean};
use crate::{Figure, Locale, Quantity, Table, TextTwin};

/// How the parts of a whole divide it, as they were published.
///
/// Percentages are parts of 100 %: what they leave is shown as no answer or other, unless rounding explains it. Other
/// quantities are parts of their sum. Beyond six parts the picture keeps the five largest of the last row and gathers
/// the rest; the twin has every part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackChart {
    /// It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    pub quantity: Quantity,
    /// Drawn from left to right.
    pub parts: Vec<String>,
    /// Drawn in this order; the last one is the latest, which the sentence is about.
    pub rows: Vec<StackRow>,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// One whole and its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackRow {
    pub label: String,
    /// In the order of [`StackChart::parts`]; a missing one counts as `None`: not asked, or not published.
    pub values: Vec<Option<Decimal>>,
    pub base: Option<u64>,
}

const MOST_PARTS: usize = 6;
const TEXTURES: [Texture; MOST_PARTS] =
    [Texture::Solid, Texture::Rising, Texture::Dots, Texture::Lying, Texture::Grid, Texture::Falling];
const LETTERS: [&str; MOST_PARTS] = ["A", "B", "C", "D", "E", "F"];
const BAR_HEIGHT: f32 = 26.0;
const LEAST_WIDTH: f32 = 2.0;
const SWATCH: f32 = 16.0;
const ROW_LABEL: Style = Style::new(15.5, Weight::Bold, Ink::Text);
const ASIDE: Style = Style::new(13.5, Weight::Regular, Ink::Muted);
const UNDER: Style = Style::new(13.5, Weight::Regular, Ink::Text);
const LEGEND: Style = Style::new(14.5, Weight::Regular, Ink::Text);
const LEGEND_LETTER: Style = Style::new(14.5, Weight::Bold, Ink::Text);

/// What the picture draws of the parts: at most six of them.
struct Drawn {
    label: String,
    /// Which parts of the data.
    from: Vec<usize>,
}

impl StackRow {
    fn value(&self, part: usize) -> Option<Decimal> {
        self.values.get(part).copied().flatten()
    }

    fn sum(&self) -> Decimal {
        self.values.iter().flatten().fold(Decimal::ZERO, |sum, value| sum.saturating_add(*value))
    }

    /// What the sum may be off for no other reason than rounding: half of the last decimal of each part.
    fn rounding(&self) -> Decimal {
        let decimals = self.values.iter().flatten().map(|value| value.normalize().scale()).max().unwrap_or(0);
        let half = Decimal::try_from_i128_with_scale(5, decimals.saturating_add(1).min(28)).unwrap_or_default();
        half.saturating_mul(Decimal::from(self.values.iter().flatten().count()))
    }

    /// What published percentages leave of 100 %, where rounding does not explain it.
    fn remainder(&self) -> Option<Decimal> {
        let left = Decimal::ONE_HUNDRED.saturating_sub(self.sum());
        (self.values.iter().any(Option::is_some) && left > self.rounding()).then_some(left)
    }

    fn is_within_a_hundred(&self) -> bool {
        self.sum().saturating_sub(Decimal::ONE_HUNDRED) <= self.rounding()
    }
}

impl StackChart {
    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The chart on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range, or if so many rows make the picture too high to be sent.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The chart in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence(), lines: self.lines(), table: self.table() }
    }

    /// Whether every row can be the parts of one whole. Percentages that go beyond 100 % by more than rounding cannot:
    /// several answers could be given, or the data is wrong. Show them side by side instead.
    pub fn is_of_wholes(&self) -> bool {
        let mut values = self.rows.iter().flat_map(|row| &row.values).flatten();
        values.all(|value| *value >= Decimal::ZERO)
            && (self.quantity != Quantity::Percent || self.rows.iter().all(StackRow::is_within_a_hundred))
    }

    fn remainder(&self, row: &StackRow) -> Option<Decimal> {
        if self.quantity == Quantity::Percent { row.remainder() } else { None }
    }

    fn remainder_label(&self) -> &'static str {
        match self.locale {
            Locale::Fr => "Non-réponse ou autre",
            Locale::En => "No answer or other",
        }
    }

    fn shown(&self, value: Decimal) -> String {
        self.locale.figure(value, self.quantity)
    }

    fn drawn(&self) -> Vec<Drawn> {
        let own = |part: usize| Drawn { label: clean(&self.parts[part]), from: vec![part] };
        if self.parts.len() <= MOST_PARTS {
            return (0..self.parts.len()).map(own).collect();
        }
        let mut by_size: Vec<usize> = (0..self.parts.len()).collect();
        by_size.sort_by_key(|part| std::cmp::Reverse(self.rows.last().and_then(|row| row.value(*part))));
        let mut kept = by_size[..MOST_PARTS - 1].to_vec();
        let mut rest = by_size[MOST_PARTS - 1..].to_vec();
        kept.sort_unstable();
        rest.sort_unstable();
        let label = match self.locale {
            Locale::Fr => format!("Autres ({} parts)", rest.len()),
            Locale::En => format!("Others ({} parts)", rest.len()),
        };
        kept.into_iter().map(own).chain([Drawn { label, from: rest }]).collect()
    }

    /// Every part of a row with its figure, in words.
    fn parts_of(&self, row: &StackRow) -> Vec<String> {
        let named = |(index, part): (usize, &String)| {
            let value = row.value(index).map_or_else(|| self.locale.no_figure().to_owned(), |value| self.shown(value));
            format!("{} {value}", self.locale.quoted(&clean(part)))
        };
        let remainder =
            self.remainder(row).map(|left| format!("{} {}", self.remainder_label().to_lowercase(), self.shown(left)));
        self.parts.iter().enumerate().map(named).chain(remainder).collect()
    }

    fn sentence(&self) -> String {
        match self.rows.iter().rev().find(|row| row.values.iter().any(Option::is_some)) {
            Some(row) if !self.parts.is_empty() => {
                let (label, colon) = (clean(&row.label), self.locale.colon());
                format!("{label}{colon}{}.", self.locale.list(&self.parts_of(row)))
            }
            _ => self.locale.nothing_published().to_owned(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let line = |row: &StackRow| {
            let parts = self.parts_of(row).join(", ");
            format!("{}{}{parts} ({})", clean(&row.label), self.locale.colon(), self.locale.base(row.base))
        };
        self.rows.iter().map(line).collect()
    }

    fn table(&self) -> Table {
        let first = match self.locale {
            Locale::Fr => "Ligne",
            Locale::En => "Row",
        };
        let has_remainder = self.rows.iter().any(|row| self.remainder(row).is_some());
        let row = |row: &StackRow| {
            let values = (0..self.parts.len()).map(|part| row.value(part));
            let remainder = has_remainder.then(|| self.remainder(row));
            let cells = values.chain(remainder).map(|value| value.map_or_else(|| "–".to_owned(), |v| self.shown(v)));
            [clean(&row.label)].into_iter().chain(cells).chain([self.locale.base_cell(row.base)]).collect()
        };
        Table {
            caption: clean(&self.title),
            header: [first.to_owned()]
                .into_iter()
                .chain(self.parts.iter().map(|part| clean(part)))
                .chain(has_remainder.then(|| self.remainder_label().to_owned()))
                .chain(["Base".to_owned()])
                .collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        let whole = |row: &StackRow| Figure { label: row.label.clone(), value: Some(row.sum()), base: row.base };
        let bases = Bases::of(self.locale, &self.rows.iter().map(whole).collect::<Vec<_>>());
        let drawn = self.drawn();
        for (row, aside) in self.rows.iter().zip(&bases.asides) {
            self.draw_row(&mut picture, row, aside, &drawn);
        }
        self.draw_legend(&mut picture, &drawn);
        let notes: Vec<String> = bases.footnote.into_iter().chain(self.excess()).chain(self.note.clone()).collect();
        picture.finish(&notes);
        picture
    }

    fn draw_row(&self, picture: &mut Picture, row: &StackRow, aside: &str, drawn: &[Drawn]) {
        let aside_width = ASIDE.width(aside);
        for (order, line) in ROW_LABEL.wrap(&clean(&row.label), ROOM - aside_width - 14.0, 2).into_iter().enumerate() {
            let baseline = picture.y + baseline_offset(ROW_LABEL, ROW_LABEL.line_height());
            picture.text(PADDING, baseline, Anchor::Start, ROW_LABEL, line);
            if order == 0 && !aside.is_empty() {
                picture.text(PADDING + ROOM, baseline, Anchor::End, ASIDE, aside.to_owned());
            }
            picture.gap(ROW_LABEL.line_height());
        }
        picture.gap(4.0);

        // The whole, or more where the parts go beyond it.
        let positive = |value: Decimal| approximate(value).max(0.0);
        let sum: f64 = row.values.iter().flatten().map(|value| positive(*value)).sum();
        let remainder = self.remainder(row);
        let whole = sum + remainder.map_or(0.0, positive);
        let y = picture.y;
        let mut start = 0.0_f64;
        let x_at = |value: f64| if whole > 0.0 { (value / whole) as f32 * ROOM } else { 0.0 };
        let parts = drawn.iter().enumerate().map(|(order, part)| {
            let values: Vec<Decimal> = part.from.iter().filter_map(|index| row.value(*index)).collect();
            let value = values.iter().fold(Decimal::ZERO, |sum, value| sum.saturating_add(*value));
            let length: f64 = values.iter().map(|value| positive(*value)).sum();
            (Some(order), value, length)
        });
        for (order, value, length) in parts.chain(remainder.map(|left| (None, left, positive(left)))) {
            let (from, to) = (x_at(start), x_at(start + length));
            start += length;
            if length <= 0.0 {
                continue;
            }
            // A gap of the page's own colour parts the neighbours; a sliver is still seen.
            let width = (to - from - 2.0).clamp(LEAST_WIDTH, ROOM);
            let x = PADDING + from.min(ROOM - width);
            picture.mark(boxed(order, x, y, width, BAR_HEIGHT));
            let letter = order.map(|order| LETTERS[order]);
            let figure = self.shown(value);
            let texts = [letter.map_or_else(|| figure.clone(), |letter| format!("{letter}\u{a0}{figure}"))];
            let texts = texts.into_iter().chain(letter.map(str::to_owned));
            if let Some(text) = texts.into_iter().find(|text| UNDER.width(text) <= to - from - 3.0) {
                let baseline = y + BAR_HEIGHT + baseline_offset(UNDER, UNDER.line_height()) + 1.0;
                picture.text(PADDING + (from + to) / 2.0, baseline, Anchor::Middle, UNDER, text);
            }
        }
        picture.gap(BAR_HEIGHT + UNDER.line_height() + 12.0);
    }

    /// Each part with its letter and texture, and its figure in the last row.
    fn draw_legend(&self, picture: &mut Picture, drawn: &[Drawn]) {
        let last = self.rows.last();
        let has_remainder = self.rows.iter().any(|row| self.remainder(row).is_some());
        let parts = drawn.iter().enumerate().map(|(order, part)| {
            let values: Vec<Decimal> =
                part.from.iter().filter_map(|index| last.and_then(|row| row.value(*index))).collect();
            let sum = values.iter().fold(Decimal::ZERO, |sum, value| sum.saturating_add(*value));
            (Some(order), part.label.clone(), (!values.is_empty()).then_some(sum))
        });
        let remainder =
            has_remainder.then(|| (None, self.remainder_label().to_owned(), last.and_then(|row| self.remainder(row))));
        let letter_width = 18.0;
        let text_x = PADDING + letter_width + SWATCH + 10.0;
        for (order, label, value) in parts.chain(remainder) {
            let figure = value.map_or_else(|| "–".to_owned(), |value| self.shown(value));
            let label = format!("{label}{}{figure}", self.locale.colon());
            let y = picture.y;
            for (line_order, line) in LEGEND.wrap(&label, PADDING + ROOM - text_x, 3).into_iter().enumerate() {
                let baseline = picture.y + baseline_offset(LEGEND, LEGEND.line_height());
                if let Some(order) = order
                    && line_order == 0
                {
                    picture.text(PADDING, baseline, Anchor::Start, LEGEND_LETTER, LETTERS[order].to_owned());
                }
                picture.text(text_x, baseline, Anchor::Start, LEGEND, line);
                picture.gap(LEGEND.line_height());
            }
            picture.mark(boxed(order, PADDING + letter_width, y + 1.5, SWATCH, SWATCH));
            picture.gap(5.0);
        }
        picture.gap(3.0);
    }

    /// Rows whose parts go beyond 100 % are drawn as wide as the others; that is said.
    fn excess(&self) -> Option<String> {
        let beyond = |row: &&StackRow| self.quantity == Quantity::Percent && row.sum() > Decimal::ONE_HUNDRED;
        let rows: Vec<String> = self
            .rows
            .iter()
            .filter(beyond)
            .map(|row| format!("{} ({})", self.shown(row.sum()), clean(&row.label)))
            .collect();
        (!rows.is_empty()).then(|| match self.locale {
            Locale::Fr => {
                format!("Total des parts publiées\u{a0}: {}, ramené à la largeur de la barre", rows.join(", "))
            }
            Locale::En => format!("Total of the published parts: {}, fitted to the width of the bar", rows.join(", ")),
        })
    }
}

/// The box of a part, or of what the parts leave.
fn boxed(order: Option<usize>, x: f32, y: f32, width: f32, height: f32) -> Mark {
    let (texture, ink) = order.map_or((Texture::Blank, Ink::Muted), |order| (TEXTURES[order], Ink::Part(order)));
    Mark::Box { x, y, width, height, texture, ink, outline: ink }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{any_decimal, any_quantity, any_text, count, read};

    fn row(label: &str, values: &[&str], base: Option<u64>) -> StackRow {
        StackRow { label: label.into(), values: values.iter().map(|value| value.parse().ok()).collect(), base }
    }

    fn satisfied() -> StackChart {
        StackChart {
            title: "Satisfaction quant au nombre de participants".into(),
            subtitle: None,
            locale: Locale::Fr,
            quantity: Quantity::Percent,
            parts: ["Très satisfait", "Satisfait", "Pas satisfait"].map(String::from).to_vec(),
            rows: vec![row("2016", &["12", "39", "40.5"], None), row("2018", &["15", "43", "42"], Some(157))],
            note: None,
        }
    }

    #[test]
    fn every_part_is_read_and_what_is_left() {
        insta::assert_snapshot!(read(&satisfied().text_twin()), @r#"
        2018 : « Très satisfait » 15 %, « Satisfait » 43 % et « Pas satisfait » 42 %.
        2016 : « Très satisfait » 12 %, « Satisfait » 39 %, « Pas satisfait » 40,5 %, non-réponse ou autre 8,5 % (base non publiée)
        2018 : « Très satisfait » 15 %, « Satisfait » 43 %, « Pas satisfait » 42 % (base : 157)
        <table class="chart-table"><caption>Satisfaction quant au nombre de participants</caption><thead>
        <tr><th scope="col">Ligne</th><th scope="col">Très satisfait</th><th scope="col">Satisfait</th><th scope="col">Pas satisfait</th><th scope="col">Non-réponse ou autre</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">2016</th><td>12 %</td><td>39 %</td><td>40,5 %</td><td>8,5 %</td><td>non publiée</td></tr>
        <tr><th scope="row">2018</th><td>15 %</td><td>43 %</td><td>42 %</td><td>–</td><td>157</td></tr></tbody></table>
        "#);
        insta::assert_snapshot!(read(&StackChart { locale: Locale::En, ..satisfied() }.text_twin()), @r#"
        2018: “Très satisfait” 15%, “Satisfait” 43% and “Pas satisfait” 42%.
        2016: “Très satisfait” 12%, “Satisfait” 39%, “Pas satisfait” 40.5%, no answer or other 8.5% (base not published)
        2018: “Très satisfait” 15%, “Satisfait” 43%, “Pas satisfait” 42% (base: 157)
        <table class="chart-table"><caption>Satisfaction quant au nombre de participants</caption><thead>
        <tr><th scope="col">Row</th><th scope="col">Très satisfait</th><th scope="col">Satisfait</th><th scope="col">Pas satisfait</th><th scope="col">No answer or other</th><th scope="col">Base</th></tr></thead><tbody>
        <tr><th scope="row">2016</th><td>12%</td><td>39%</td><td>40.5%</td><td>8.5%</td><td>not published</td></tr>
        <tr><th scope="row">2018</th><td>15%</td><td>43%</td><td>42%</td><td>–</td><td>157</td></tr></tbody></table>
        "#);
    }

    #[test]
    fn rounding_alone_leaves_nothing_and_exceeds_nothing() {
        assert_eq!(row("", &["33.3", "33.3", "33.3"], None).remainder(), None);
        assert_eq!(row("", &["33", "33"], None).remainder(), Some(Decimal::from(34)));
        assert_eq!(row("", &["", ""], None).remainder(), None);
        // 101 %, by rounding.
        let are_wholes = |values: &[&str], quantity| {
            StackChart { rows: vec![row("", values, None)], quantity, ..satisfied() }.is_of_wholes()
        };
        assert!(are_wholes(&["61", "29", "6", "5"], Quantity::Percent));
        assert!(!are_wholes(&["61", "61"], Quantity::Percent));
        assert!(are_wholes(&["61", "61"], Quantity::Count));
        assert!(!are_wholes(&["61", "-1"], Quantity::Percent));
    }

    #[test]
    fn beyond_six_the_smallest_are_gathered_and_the_twin_keeps_all() {
        let parts: Vec<String> = ('a'..='i').map(String::from).collect();
        let values = ["20", "1", "19", "18", "2", "17", "16", "3", "4"];
        let chart = StackChart { parts, rows: vec![row("2018", &values, None)], ..satisfied() };
        let labels: Vec<String> = chart.drawn().into_iter().map(|drawn| drawn.label).collect();
        assert_eq!(labels, ["a", "c", "d", "f", "g", "Autres (4 parts)"]);
        assert!(chart.svg("p").contains("Autres (4 parts)\u{a0}: 10\u{202f}%"));
        assert_eq!(chart.text_twin().table.header.len(), 11);
    }

    #[test]
    fn a_total_beyond_the_whole_is_said() {
        let chart = StackChart { rows: vec![row("2016", &["61", "29", "11"], None)], ..satisfied() };
        assert!(chart.svg("p").contains("Total des parts publiées\u{a0}: 101\u{202f}% (2016)"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn any_stack_keeps_within_the_canvas(
            title in any_text(), note in proptest::option::of(any_text()),
            parts in proptest::collection::vec(any_text(), 0..9),
            rows in proptest::collection::vec(
                (any_text(), proptest::collection::vec(proptest::option::of(any_decimal()), 0..9), proptest::option::of(count())),
                0..5,
            ),
            quantity in any_quantity(), french: bool,
        ) {
            let locale = if french { Locale::Fr } else { Locale::En };
            let rows = rows.into_iter().map(|(label, values, base)| StackRow { label, values, base }).collect();
            let chart = StackChart { title, note, parts, rows, quantity, locale, ..satisfied() };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
            let table = chart.text_twin().table;
            prop_assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
        }
    }
}
