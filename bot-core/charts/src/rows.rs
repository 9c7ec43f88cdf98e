//! Horizontal bars, one a row, with their values in aligned columns beside them.

use crate::ink::Ink;
use crate::picture::{Anchor, PADDING, Picture, ROOM, Style, baseline_offset};
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
/// Below this, figures go under their labels.
const LEAST_TRACK_WIDTH: f32 = 40.0;
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

    fn aside_style(self) -> Style {
        Style::new(14.5, Weight::Regular, Ink::Muted)
    }
}

/// Where the columns of all rows stand.
struct Columns {
    track_x: f32,
    track_width: f32,
    figure_right: f32,
    aside_right: f32,
    labels_beside: bool,
    /// Figures so long that they have lines of their own.
    figures_below: bool,
}

impl Columns {
    fn new(lengths: &[Length]) -> Self {
        let widest = |widths: &mut dyn Iterator<Item = f32>| widths.fold(0.0_f32, f32::max);
        let bold = Emphasis::Leading.text_style();
        let figure_width = widest(&mut lengths.iter().map(|length| bold.width(&length.figure)));
        let aside_width = widest(&mut lengths.iter().map(|length| length.emphasis.aside_style().width(&length.aside)));
        let label_width = widest(&mut lengths.iter().map(|length| bold.width(&length.label)));

        let aside_right = PADDING + ROOM;
        let figure_right = aside_right - aside_width - if aside_width > 0.0 { COLUMN_GAP } else { 0.0 };
        let track_right = figure_right - figure_width - COLUMN_GAP;
        let figures_below = track_right - PADDING < LEAST_TRACK_WIDTH;
        let track_right = if figures_below { PADDING + ROOM } else { track_right };
        let side_track_x = PADDING + label_width + COLUMN_GAP;
        let labels_beside = !figures_below
            && label_width <= MOST_SIDE_LABEL_WIDTH
            && track_right - side_track_x >= LEAST_SIDE_TRACK_WIDTH;
        let track_x = if labels_beside { side_track_x } else { PADDING };
        let track_width = track_right - track_x;
        Columns { track_x, track_width, figure_right, aside_right, labels_beside, figures_below }
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
    let lengths: Vec<Length> = rows
        .iter()
        .zip(counts)
        .map(|(row, count)| Length {
            label: row.label.clone(),
            span: (row.share.count > 0).then(|| (0.0, row.share.ratio())),
            emphasis: row.emphasis,
            figure: row.share.percent(locale, decimal),
            aside: count,
        })
        .collect();
    draw_lengths(picture, &lengths, true);
}

/// A bar of any length, with its figure as it is to be read.
pub(crate) struct Length {
    /// Already cleaned.
    pub label: String,
    /// From where to where, of the whole track: between 0 and 1. `None`: nothing is drawn.
    pub span: Option<(f32, f32)>,
    pub emphasis: Emphasis,
    pub figure: String,
    /// Beside the figure; empty for nothing.
    pub aside: String,
}

/// Draws the bars; with their tracks where the track is a whole.
pub(crate) fn draw_lengths(picture: &mut Picture, lengths: &[Length], with_tracks: bool) {
    let columns = Columns::new(lengths);
    for length in lengths {
        let text_style = length.emphasis.text_style();
        if columns.figures_below {
            let aside = if length.aside.is_empty() { String::new() } else { format!(" ({})", length.aside) };
            picture.paragraph(&length.label, text_style, MOST_LABEL_LINES);
            picture.paragraph(&format!("{}{aside}", length.figure), text_style, MOST_LABEL_LINES);
            picture.gap(4.0);
        } else if columns.labels_beside {
            let baseline = picture.y + baseline_offset(text_style, BAR_HEIGHT);
            picture.text(PADDING, baseline, Anchor::Start, text_style, length.label.clone());
        } else {
            picture.paragraph(&length.label, text_style, MOST_LABEL_LINES);
            picture.gap(4.0);
        }

        let y = picture.y;
        if with_tracks {
            picture.rect(columns.track_x, y, columns.track_width, BAR_HEIGHT, Ink::Track);
        }
        if let Some((from, to)) = length.span {
            let width = (columns.track_width * (to - from)).max(LEAST_BAR_WIDTH);
            let x = columns.track_x + (columns.track_width * from).min(columns.track_width - width);
            picture.rect(x, y, width, BAR_HEIGHT, length.emphasis.bar_ink());
        }
        if !columns.figures_below {
            let baseline = y + baseline_offset(text_style, BAR_HEIGHT);
            picture.text(columns.figure_right, baseline, Anchor::End, text_style, length.figure.clone());
            if !length.aside.is_empty() {
                let style = length.emphasis.aside_style();
                picture.text(columns.aside_right, baseline, Anchor::End, style, length.aside.clone());
            }
        }
        picture.gap(BAR_HEIGHT + if columns.labels_beside { 12.0 } else { 14.0 });
    }
}
