//! How one share moved from edition to edition of a barometer: a line from 0 to 100 %.

use serde::{Deserialize, Serialize};

use crate::bars::described;
use crate::ink::Theme;
use crate::picture::Picture;
use crate::plot::{self, PlotPoint, Tick};
use crate::png::{PngError, png};
use crate::share::{Share, needs_decimal};
use crate::typeset::clean;
use crate::{Base, Locale, Table, TextTwin};

/// The share of one answer over the editions of a survey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditionsChart {
    /// The answer followed. It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    /// Oldest first, drawn at equal distances.
    pub editions: Vec<Edition>,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// One edition: how many gave the answer, out of how many asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// "2016", "mars 2026".
    pub label: String,
    pub count: u64,
    pub base: Base,
}

impl Edition {
    pub fn share(&self) -> Share {
        Share { count: self.count, base: self.base.count }
    }
}

impl EditionsChart {
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

    /// Editions that someone answered; the others have no share to draw.
    fn answered(&self) -> Vec<&Edition> {
        self.editions.iter().filter(|edition| edition.base.count > 0).collect()
    }

    fn percents(&self, editions: &[&Edition]) -> Vec<String> {
        let decimal = needs_decimal(self.editions.iter().map(Edition::share));
        editions.iter().map(|edition| edition.share().percent(self.locale, decimal)).collect()
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let answered = self.answered();
        let percents = self.percents(&answered);
        let named = |index: usize| format!("{} ({})", percents[index], clean(&answered[index].label));
        match answered.as_slice() {
            [] => match locale {
                Locale::Fr => "Aucune édition n'a de réponse.".to_owned(),
                Locale::En => "No edition has an answer.".to_owned(),
            },
            [_] => format!("{}.", named(0)),
            [first, .., last] => {
                let (from, to) = (named(0), named(answered.len() - 1));
                let change = self.change(first.share(), last.share());
                match locale {
                    Locale::Fr => format!("De {from} à {to}\u{a0}: {change}."),
                    Locale::En => format!("From {from} to {to}: {change}."),
                }
            }
        }
    }

    /// The change in percentage points: the difference of the rounded shares, so that it agrees
    /// with the subtraction a reader makes.
    fn change(&self, from: Share, to: Share) -> String {
        let tenths = |share: Share| share.tenths_of_percent().unwrap_or(0);
        let (from, to) = (tenths(from), tenths(to));
        let difference = from.abs_diff(to);
        let figure = self.locale.tenths(difference, true);
        let (plural, words) = match self.locale {
            Locale::Fr => (difference >= 20, ["de plus", "de moins", "pas de changement"]),
            Locale::En => (difference != 10, ["up", "down", "no change"]),
        };
        let noun = if plural { "points" } else { "point" };
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => format!("{figure}\u{a0}{noun} {}", words[0]),
            std::cmp::Ordering::Less => format!("{figure}\u{a0}{noun} {}", words[1]),
            std::cmp::Ordering::Equal => words[2].to_owned(),
        }
    }

    fn all_percents(&self) -> Vec<String> {
        self.percents(&self.editions.iter().collect::<Vec<_>>())
    }

    fn lines(&self) -> Vec<String> {
        let line = |(edition, percent): (&Edition, String)| {
            let (count, base) = (self.locale.number(edition.count), edition.base);
            let base = self.locale.count(base.count, base.unit);
            let out_of = match self.locale {
                Locale::Fr => "sur",
                Locale::En => "out of",
            };
            format!("{}{}{percent} ({count} {out_of} {base})", clean(&edition.label), self.locale.colon())
        };
        self.editions.iter().zip(self.all_percents()).map(line).collect()
    }

    fn table(&self) -> Table {
        let header = match self.locale {
            Locale::Fr => ["Édition", "Part", "Nombre", "Base"],
            Locale::En => ["Edition", "Share", "Number", "Base"],
        };
        let row = |(edition, percent): (&Edition, String)| {
            let base = self.locale.count(edition.base.count, edition.base.unit);
            vec![clean(&edition.label), percent, self.locale.number(edition.count), base]
        };
        Table {
            caption: clean(&self.title),
            header: header.map(str::to_owned).to_vec(),
            rows: self.editions.iter().zip(self.all_percents()).map(row).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        self.draw_line(&mut picture);
        let notes: Vec<String> = self.note.iter().cloned().collect();
        picture.finish(&notes);
        picture
    }

    fn draw_line(&self, picture: &mut Picture) {
        let ticks = [0_u8, 50, 100].map(|percent| Tick {
            height: f32::from(percent) / 100.0,
            text: self.locale.percent(&percent.to_string()),
        });
        let answered = self.answered();
        let points: Vec<PlotPoint> = answered
            .iter()
            .zip(self.percents(&answered))
            .map(|(edition, percent)| PlotPoint {
                label: clean(&edition.label),
                figure: Some((edition.share().ratio(), percent)),
            })
            .collect();
        plot::draw(picture, &ticks, &points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;
    use crate::png::checks::faults;
    use crate::samples::{any_text, count};
    use proptest::prelude::*;

    fn followed(editions: &[(&str, u64, u64)]) -> EditionsChart {
        EditionsChart {
            title: "Collectivités satisfaites du nombre de participants".into(),
            subtitle: None,
            locale: Locale::Fr,
            editions: editions
                .iter()
                .map(|(label, count, base)| Edition {
                    label: (*label).to_owned(),
                    count: *count,
                    base: Base { count: *base, unit: Unit::Answer },
                })
                .collect(),
            note: None,
        }
    }

    #[test]
    fn the_sentence_gives_the_change_in_points() {
        let said = |chart: EditionsChart| chart.text_twin().sentence.replace(['\u{a0}', '\u{202f}'], " ");
        insta::assert_snapshot!(said(followed(&[("2016", 51, 100), ("2018", 0, 0), ("2020", 63, 100)])), @"De 51 % (2016) à 63 % (2020) : 12 points de plus.");
        insta::assert_snapshot!(said(followed(&[("2016", 1, 3), ("2018", 1, 4)])), @"De 33,3 % (2016) à 25,0 % (2018) : 8,3 points de moins.");
        insta::assert_snapshot!(said(followed(&[("2016", 1, 2), ("2018", 2, 4)])), @"De 50 % (2016) à 50 % (2018) : pas de changement.");
        insta::assert_snapshot!(said(followed(&[("2016", 1, 2)])), @"50 % (2016).");
        insta::assert_snapshot!(said(followed(&[("2016", 0, 0)])), @"Aucune édition n'a de réponse.");
        let english = EditionsChart { locale: Locale::En, ..followed(&[("2016", 50, 100), ("2018", 51, 100)]) };
        insta::assert_snapshot!(said(english), @"From 50% (2016) to 51% (2018): 1 point up.");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn any_line_is_well_formed_repeatable_and_on_its_canvas(
            editions in proptest::collection::vec((any_text(), count(), count()), 0..14),
        ) {
            let editions: Vec<(&str, u64, u64)> =
                editions.iter().map(|(label, count, base)| (label.as_str(), *count, *base)).collect();
            prop_assert_eq!(faults(&followed(&editions).picture()), Vec::<String>::new());
        }
    }
}
