//! How far each of several groups got: a share in each, every one of a base of its own.

use serde::{Deserialize, Serialize};

use crate::bars::described;
use crate::ink::Theme;
use crate::picture::Picture;
use crate::png::{PngError, png};
use crate::rows::{Emphasis, Row, draw_with};
use crate::share::{Share, needs_decimal};
use crate::typeset::clean;
use crate::{Locale, Table, TextTwin};

/// The share that each group reached. Bars compare, since each is drawn against its own whole.
///
/// The picture shows at most five lines of title and four of each label, and ends longer ones with
/// an ellipsis; the twin has them whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateChart {
    /// It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    /// What a reader should keep. Who leads says little where bases differ, so the caller says it.
    pub sentence: String,
    /// Drawn in this order.
    pub rates: Vec<Rate>,
    /// What heads the table: the groups, what is counted in each, what it is counted of.
    pub columns: [String; 3],
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// One group: how many of how many; drawn without crowding up to 2³².
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub label: String,
    pub count: u64,
    pub base: u64,
}

impl Rate {
    pub fn share(&self) -> Share {
        Share { count: self.count, base: self.base }
    }
}

impl RateChart {
    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The chart on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range, or if so many groups make the picture too high to be sent.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The chart in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence.clone(), lines: self.lines(), table: self.table() }
    }

    fn percents(&self) -> Vec<String> {
        let decimal = needs_decimal(self.rates.iter().map(Rate::share));
        self.rates.iter().map(|rate| rate.share().percent(self.locale, decimal)).collect()
    }

    fn lines(&self) -> Vec<String> {
        let out_of = match self.locale {
            Locale::Fr => "sur",
            Locale::En => "out of",
        };
        let line = |(rate, percent): (&Rate, String)| {
            let (label, count, base) =
                (clean(&rate.label), self.locale.number(rate.count), self.locale.number(rate.base));
            format!("{label}{}{count} {out_of} {base} ({percent})", self.locale.colon())
        };
        self.rates.iter().zip(self.percents()).map(line).collect()
    }

    fn table(&self) -> Table {
        let rate = match self.locale {
            Locale::Fr => "Taux",
            Locale::En => "Rate",
        };
        let row = |(rate, percent): (&Rate, String)| {
            vec![clean(&rate.label), self.locale.number(rate.count), self.locale.number(rate.base), percent]
        };
        Table {
            caption: clean(&self.title),
            header: self.columns.iter().map(|column| clean(column)).chain([rate.to_owned()]).collect(),
            rows: self.rates.iter().zip(self.percents()).map(row).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&clean(&self.sentence), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        let rows: Vec<Row> = self
            .rates
            .iter()
            .map(|rate| Row { label: clean(&rate.label), share: rate.share(), emphasis: Emphasis::Equal })
            .collect();
        let of =
            |rate: &Rate| format!("{}\u{a0}/\u{a0}{}", self.locale.number(rate.count), self.locale.number(rate.base));
        draw_with(&mut picture, &rows, self.rates.iter().map(of).collect(), self.locale);
        picture.finish(self.note.as_slice());
        picture
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::png::checks::faults;
    use crate::samples::any_text;

    fn coverage() -> RateChart {
        let rate = |label: &str, count, base| Rate { label: label.into(), count, base };
        RateChart {
            title: "Couverture par région".into(),
            subtitle: None,
            locale: Locale::Fr,
            sentence: "140 collectivités sur 1 345 ont répondu.".into(),
            rates: vec![rate("Bretagne", 120, 1_209), rate("Corse & îles", 0, 0), rate("Normandie", 20, 136)],
            columns: ["Région".into(), "Ont répondu".into(), "Référence".into()],
            note: Some("Chaque barre se rapporte à sa région.".into()),
        }
    }

    #[test]
    fn each_group_is_held_against_its_own_whole() {
        let twin = coverage().text_twin();
        let all =
            format!("{}\n{}\n{}", twin.sentence, twin.lines.join("\n"), twin.table.html().replace("<tr>", "\n<tr>"));
        insta::assert_snapshot!(all.replace(['\u{a0}', '\u{202f}'], " "), @r#"
        140 collectivités sur 1 345 ont répondu.
        Bretagne : 120 sur 1 209 (9,9 %)
        Corse & îles : 0 sur 0 (–)
        Normandie : 20 sur 136 (14,7 %)
        <table class="chart-table"><caption>Couverture par région</caption><thead>
        <tr><th scope="col">Région</th><th scope="col">Ont répondu</th><th scope="col">Référence</th><th scope="col">Taux</th></tr></thead><tbody>
        <tr><th scope="row">Bretagne</th><td>120</td><td>1 209</td><td>9,9 %</td></tr>
        <tr><th scope="row">Corse &amp; îles</th><td>0</td><td>0</td><td>–</td></tr>
        <tr><th scope="row">Normandie</th><td>20</td><td>136</td><td>14,7 %</td></tr></tbody></table>
        "#);
        assert!(coverage().svg("r").contains("120\u{a0}/\u{a0}1\u{202f}209"));
        assert!(coverage().png(960).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn any_groups_keep_within_the_canvas(
            title in any_text(), note in proptest::option::of(any_text()),
            rates in proptest::collection::vec((any_text(), any::<u32>(), any::<u32>()), 0..20),
        ) {
            let rates = rates.into_iter().map(|(label, count, base)| Rate { label, count: count.into(), base: base.into() });
            let rates = rates.collect();
            let chart = RateChart { title, note, rates, ..coverage() };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
        }
    }
}
