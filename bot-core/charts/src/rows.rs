//! Horizontal bars, one a row, with their values in aligned columns beside them.

use crate::picture::{Anchor, Ink, PADDING, Picture, ROOM, Style, baseline_offset};
use crate::share::{Share, needs_decimal};
use crate::typeset::Weight;
use crate::{Locale, Unit};

pub(crate) struct Row {
    /// Already cleaned.
    pub label: String,
    pub share: Share,
    pub emphasis: Emphasis,
}

/// How much a row stands out. Weight says it as well as colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emphasis {
    /// Ahead of the others.
    Leading,
    /// Behind a leading row.
    Behind,
    /// No row leads, by the nature of the chart.
    Equal,
}

const BAR_HEIGHT: f32 = 18.0;
/// The sliver that shows a count is not zero.
const LEAST_BAR_WIDTH: f32 = 1.5;
/// Labels no wider than this may stand to the left of their bars.
const MOST_SIDE_LABEL_WIDTH: f32 = 120.0;
const LEAST_SIDE_TRACK_WIDTH: f32 = 130.0;
const COLUMN_GAP: f32 = 14.0;
const MOST_LABEL_LINES: usize = 4;

impl Emphasis {
    fn weight(self) -> Weight {
        match self {
            Emphasis::Leading => Weight::Bold,
            Emphasis::Behind | Emphasis::Equal => Weight::Regular,
        }
    }

    fn bar_ink(self) -> Ink {
        match self {
            Emphasis::Leading | Emphasis::Equal => Ink::Accent,
            Emphasis::Behind => Ink::Neutral,
        }
    }

    fn text_style(self) -> Style {
        Style::new(15.5, self.weight(), Ink::Text)
    }

    fn count_style(self) -> Style {
        Style::new(14.5, Weight::Regular, Ink::Muted)
    }
}

/// Where the columns of all rows stand.
struct Columns {
    track_x: f32,
    track_width: f32,
    percent_right: f32,
    count_right: f32,
    labels_beside: bool,
}

impl Columns {
    fn new(rows: &[Row], percents: &[String], counts: &[String]) -> Self {
        let widest = |widths: &mut dyn Iterator<Item = f32>| widths.fold(0.0_f32, f32::max);
        let bold = Emphasis::Leading.text_style();
        let percent_width = widest(&mut percents.iter().map(|text| bold.width(text)));
        let count_width = widest(&mut counts.iter().map(|text| Emphasis::Equal.count_style().width(text)));
        let label_width = widest(&mut rows.iter().map(|row| bold.width(&row.label)));

        let count_right = PADDING + ROOM;
        let percent_right = count_right - count_width - COLUMN_GAP;
        let track_right = percent_right - percent_width - COLUMN_GAP;
        let side_track_x = PADDING + label_width + COLUMN_GAP;
        let labels_beside =
            label_width <= MOST_SIDE_LABEL_WIDTH && track_right - side_track_x >= LEAST_SIDE_TRACK_WIDTH;
        let track_x = if labels_beside { side_track_x } else { PADDING };
        Columns {
            track_x,
            track_width: (track_right - track_x).max(LEAST_BAR_WIDTH),
            percent_right,
            count_right,
            labels_beside,
        }
    }
}

/// Draws the rows from the picture's current height on.
pub(crate) fn draw(picture: &mut Picture, rows: &[Row], unit: Unit, locale: Locale) {
    let counts = rows.iter().map(|row| locale.count(row.share.count, unit)).collect();
    draw_with(picture, rows, counts, locale);
}

/// As [`draw`], with the words of each row's count.
pub(crate) fn draw_with(picture: &mut Picture, rows: &[Row], counts: Vec<String>, locale: Locale) {
    let decimal = needs_decimal(rows.iter().map(|row| row.share));
    let percents: Vec<String> = rows.iter().map(|row| row.share.percent(locale, decimal)).collect();
    let columns = Columns::new(rows, &percents, &counts);

    for ((row, percent), count) in rows.iter().zip(percents).zip(counts) {
        let text_style = row.emphasis.text_style();
        if columns.labels_beside {
            let baseline = picture.y + baseline_offset(text_style, BAR_HEIGHT);
            picture.text(PADDING, baseline, Anchor::Start, text_style, row.label.clone());
        } else {
            picture.paragraph(&row.label, text_style, MOST_LABEL_LINES);
            picture.gap(4.0);
        }

        let y = picture.y;
        picture.rect(columns.track_x, y, columns.track_width, BAR_HEIGHT, Ink::Track);
        if row.share.count > 0 {
            let bar_width = (columns.track_width * row.share.ratio()).max(LEAST_BAR_WIDTH);
            picture.rect(columns.track_x, y, bar_width, BAR_HEIGHT, row.emphasis.bar_ink());
        }
        let count_style = row.emphasis.count_style();
        let baseline = y + baseline_offset(text_style, BAR_HEIGHT);
        picture.text(columns.percent_right, baseline, Anchor::End, text_style, percent);
        picture.text(columns.count_right, baseline, Anchor::End, count_style, count);
        picture.gap(BAR_HEIGHT + if columns.labels_beside { 12.0 } else { 14.0 });
    }
}
