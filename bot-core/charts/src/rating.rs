//! How a scale was answered: the count of each level, with the average and the median.

use serde::{Deserialize, Serialize};

use crate::bars::{capitalised, described, footnotes};
use crate::ink::{Ink, Theme};
use crate::picture::{Anchor, Mark, PADDING, Picture, ROOM, Style};
use crate::png::{PngError, png};
use crate::rows::{Emphasis, Row, draw};
use crate::share::{Share, needs_decimal};
use crate::typeset::{Weight, clean};
use crate::{Base, Locale, Table, TextTwin, Unit};

/// The distribution of the answers to "from 1 to N".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingChart {
    /// The question. It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    /// From 1 up: the first is level 1.
    pub levels: Vec<Level>,
    /// What the levels count.
    pub unit: Unit,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// One level of the scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// What the level means, if it has a name: "Très satisfait".
    pub label: Option<String>,
    pub count: u64,
}

const SCALE_TEXT: Style = Style::new(14.5, Weight::Regular, Ink::Text);
const SCALE_END: Style = Style::new(13.0, Weight::Regular, Ink::Muted);

impl RatingChart {
    /// All answers. Beyond 2⁶⁴ − 1 it stays there.
    pub fn total(&self) -> u64 {
        self.levels.iter().fold(0, |sum, level| sum.saturating_add(level.count))
    }

    /// Ten times the average level, rounded half up; `None` without an answer.
    pub fn average_tenths(&self) -> Option<u128> {
        let (sum, total) = self.weighted();
        (total > 0).then(|| (sum * 20 + total) / (total * 2))
    }

    /// Twice the median level: the level in the middle, or halfway between the two in the middle.
    /// `None` without an answer.
    pub fn median_halves(&self) -> Option<u128> {
        let (_, total) = self.weighted();
        // Ranks from zero of the one or two answers in the middle.
        (total > 0).then(|| self.level_at((total - 1) / 2) + self.level_at(total / 2))
    }

    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The chart on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range, or if so many levels make the picture too high to be sent.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The chart in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence(), lines: self.lines(), table: self.table() }
    }

    /// The sum of all levels given, and how many were given.
    fn weighted(&self) -> (u128, u128) {
        self.levels.iter().zip(1u128..).fold((0, 0), |(sum, total), (level, value)| {
            (sum + value * u128::from(level.count), total + u128::from(level.count))
        })
    }

    fn level_at(&self, rank: u128) -> u128 {
        let mut passed = 0;
        for (level, value) in self.levels.iter().zip(1u128..) {
            passed += u128::from(level.count);
            if rank < passed {
                return value;
            }
        }
        self.levels.len() as u128
    }

    fn average_is_exact(&self) -> bool {
        let (sum, total) = self.weighted();
        total > 0 && sum.is_multiple_of(total)
    }

    fn rows(&self) -> Vec<Row> {
        let base = self.total();
        let row = |(index, level): (usize, &Level)| {
            let value = index + 1;
            let label = level.label.as_deref().map(clean).filter(|label| !label.is_empty());
            Row {
                label: label.map_or_else(|| value.to_string(), |label| format!("{value} – {label}")),
                share: Share { count: level.count, base },
                emphasis: Emphasis::Equal,
            }
        };
        self.levels.iter().enumerate().map(row).collect()
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let (Some(average), Some(median)) = (self.average_tenths(), self.median_halves()) else {
            let none = locale.none_of(self.unit);
            return match locale {
                Locale::Fr => format!("{none}\u{a0}: pas de résultat à montrer."),
                Locale::En => format!("{none}: there is no result to show."),
            };
        };
        let average = locale.tenths(average, self.average_is_exact());
        let median = locale.tenths(median * 5, true);
        let (highest, base) = (self.levels.len(), locale.count(self.total(), self.unit));
        match locale {
            Locale::Fr => format!("Note moyenne de {average} sur {highest}, médiane de {median}, pour {base}."),
            Locale::En => format!("Average rating of {average} out of {highest}, median {median}, from {base}."),
        }
    }

    fn lines(&self) -> Vec<String> {
        let (locale, rows) = (self.locale, self.rows());
        let decimal = needs_decimal(rows.iter().map(|row| row.share));
        let line = |row: &Row| {
            let count = locale.count(row.share.count, self.unit);
            format!("{}{}{count} ({})", row.label, locale.colon(), row.share.percent(locale, decimal))
        };
        rows.iter().map(line).collect()
    }

    fn table(&self) -> Table {
        let (locale, rows) = (self.locale, self.rows());
        let decimal = needs_decimal(rows.iter().map(|row| row.share));
        let header = match locale {
            Locale::Fr => ["Note", "Part"],
            Locale::En => ["Rating", "Share"],
        };
        let row =
            |row: &Row| vec![row.label.clone(), locale.number(row.share.count), row.share.percent(locale, decimal)];
        Table {
            caption: clean(&self.title),
            header: vec![header[0].to_owned(), capitalised(locale.noun(2, self.unit)), header[1].to_owned()],
            rows: rows.iter().map(row).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        self.draw_scale(&mut picture);
        draw(&mut picture, &self.rows(), self.unit, self.locale);
        let base = Base { count: self.total(), unit: self.unit };
        picture.finish(&footnotes(self.locale, base, self.note.as_deref()));
        picture
    }

    /// The scale from its first to its last level: the average points at it from above, the median
    /// from below, each with its name and value.
    fn draw_scale(&self, picture: &mut Picture) {
        let (Some(average), Some(median)) = (self.average_tenths(), self.median_halves()) else {
            return;
        };
        let steps = self.levels.len().saturating_sub(1).max(1) as f32;
        let end_width = SCALE_END.width(&self.levels.len().to_string()) + 10.0;
        let (left, right) = (PADDING + end_width, PADDING + ROOM - end_width);
        let x_of = |level: f32| left + (right - left) * ((level - 1.0) / steps);
        let (average_name, median_name) = match self.locale {
            Locale::Fr => ("Moyenne", "Médiane"),
            Locale::En => ("Average", "Median"),
        };
        let average_text = self.locale.tenths(average, self.average_is_exact());
        let median_text = self.locale.tenths(median * 5, true);

        let axis_y = picture.y + 34.0;
        picture.rect(left, axis_y - 0.5, right - left, 1.0, Ink::Rule);
        for level in 0..self.levels.len() {
            picture.rect(x_of(level as f32 + 1.0) - 0.5, axis_y - 4.0, 1.0, 8.0, Ink::Rule);
        }
        picture.text(PADDING, axis_y + 4.5, Anchor::Start, SCALE_END, "1".to_owned());
        picture.text(PADDING + ROOM, axis_y + 4.5, Anchor::End, SCALE_END, self.levels.len().to_string());

        let average_x = x_of(average as f32 / 10.0);
        let bold = Style { weight: Weight::Bold, ..SCALE_TEXT };
        let down = vec![(average_x - 6.5, axis_y - 14.0), (average_x + 6.5, axis_y - 14.0), (average_x, axis_y - 2.0)];
        picture.mark(Mark::Polygon { points: down, ink: Ink::Mark });
        let text = format!("{average_name}\u{a0}{average_text}");
        picture.text(centred(average_x, &text, bold), axis_y - 20.0, Anchor::Middle, bold, text);

        let median_x = x_of(median as f32 / 2.0);
        let diamond = vec![
            (median_x, axis_y + 3.0),
            (median_x + 6.0, axis_y + 9.0),
            (median_x, axis_y + 15.0),
            (median_x - 6.0, axis_y + 9.0),
        ];
        picture.mark(Mark::Polygon { points: diamond, ink: Ink::Neutral });
        let text = format!("{median_name}\u{a0}{median_text}");
        picture.text(centred(median_x, &text, SCALE_TEXT), axis_y + 31.0, Anchor::Middle, SCALE_TEXT, text);
        picture.gap(34.0 + 31.0 + 24.0);
    }
}

/// The middle of a text that should be over `x`, moved so that it keeps to the room.
pub(crate) fn centred(x: f32, text: &str, style: Style) -> f32 {
    let half = (style.width(text) / 2.0).min(ROOM / 2.0);
    x.clamp(PADDING + half, PADDING + ROOM - half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{any_text, count};
    use proptest::prelude::*;

    fn rating(counts: &[u64]) -> RatingChart {
        RatingChart {
            title: "Êtes-vous satisfait du marché ?".into(),
            subtitle: None,
            locale: Locale::Fr,
            levels: counts.iter().map(|count| Level { label: None, count: *count }).collect(),
            unit: Unit::Answer,
            note: None,
        }
    }

    #[test]
    fn average_and_median_are_exact() {
        let chart = rating(&[3, 7, 19, 41, 30]);
        assert_eq!(chart.average_tenths(), Some(39)); // 3.88
        assert_eq!(chart.median_halves(), Some(8));
        assert_eq!(rating(&[1, 0, 0, 1]).median_halves(), Some(5));
        assert_eq!(rating(&[0, 0]).average_tenths(), None);
        assert_eq!(rating(&[0, 0]).median_halves(), None);
        assert_eq!(rating(&[u64::MAX, u64::MAX]).average_tenths(), Some(15));
    }

    #[test]
    fn the_sentence_gives_average_and_median() {
        let said = |chart: RatingChart| chart.text_twin().sentence.replace('\u{a0}', " ");
        insta::assert_snapshot!(said(rating(&[3, 7, 19, 41, 30])), @"Note moyenne de 3,9 sur 5, médiane de 4, pour 100 réponses.");
        insta::assert_snapshot!(said(rating(&[0, 0, 1])), @"Note moyenne de 3 sur 3, médiane de 3, pour 1 réponse.");
        insta::assert_snapshot!(said(rating(&[0; 5])), @"Aucune réponse : pas de résultat à montrer.");
        let english = RatingChart { locale: Locale::En, ..rating(&[1, 0, 0, 1]) };
        insta::assert_snapshot!(said(english), @"Average rating of 2.5 out of 4, median 2.5, from 2 answers.");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn any_rating_is_well_formed_repeatable_and_on_its_canvas(
            title in any_text(),
            levels in proptest::collection::vec((proptest::option::of(any_text()), count()), 0..11),
        ) {
            let levels = levels.into_iter().map(|(label, count)| Level { label, count }).collect();
            let chart = RatingChart { title, levels, ..rating(&[]) };
            prop_assert_eq!(faults(&chart.picture()), Vec::<String>::new());
        }

        #[test]
        fn the_median_is_that_of_the_sorted_answers(counts in proptest::collection::vec(0..6u64, 1..8)) {
            let chart = rating(&counts);
            let answers: Vec<u128> = counts.iter().zip(1u128..)
                .flat_map(|(count, level)| std::iter::repeat_n(level, *count as usize)).collect();
            let expected = (!answers.is_empty())
                .then(|| answers[(answers.len() - 1) / 2] + answers[answers.len() / 2]);
            prop_assert_eq!(chart.median_halves(), expected);
        }
    }
}
