//! A line over points at equal distances, broken where a point has no figure.

use crate::ink::Ink;
use crate::picture::{Anchor, Mark, PADDING, Picture, ROOM, Style};
use crate::rating::centred;
use crate::typeset::Weight;

/// One place along the line.
pub(crate) struct PlotPoint {
    /// Already cleaned.
    pub label: String,
    /// Its height between 0 and 1, with the figure as it is to be read.
    pub figure: Option<(f32, String)>,
}

/// A hairline at a height between 0 and 1, with its words.
pub(crate) struct Tick {
    pub height: f32,
    pub text: String,
}

const PLOT_HEIGHT: f32 = 170.0;
/// Between the words of the axis and its hairlines.
const AXIS_GAP: f32 = 8.0;
/// An axis whose words are wider than this has none.
const MOST_AXIS_WIDTH: f32 = 110.0;
/// From an end of the hairlines to the point next to it.
const END_ROOM: f32 = 34.0;
const AXIS: Style = Style::new(12.5, Weight::Regular, Ink::Muted);
const VALUE: Style = Style::new(14.5, Weight::Bold, Ink::Text);
const LABEL: Style = Style::new(13.5, Weight::Regular, Ink::Text);
/// The widest text of an end.
const MOST_END_WIDTH: f32 = ROOM / 2.0 - 8.0;

/// Draws hairlines, line, dots, figures and labels from the picture's current height on.
pub(crate) fn draw(picture: &mut Picture, ticks: &[Tick], points: &[PlotPoint]) {
    // Room above the highest line for a value that stands there.
    let top = picture.y + 22.0;
    let bottom = top + PLOT_HEIGHT;
    let widest = ticks.iter().map(|tick| AXIS.width(&tick.text)).fold(0.0_f32, f32::max);
    let (axis_width, ticks_speak) = if widest > MOST_AXIS_WIDTH { (0.0, false) } else { (widest, true) };
    let rules_left = PADDING + axis_width + AXIS_GAP;
    for tick in ticks {
        let y = bottom - PLOT_HEIGHT * tick.height;
        picture.rect(rules_left, y - 0.5, PADDING + ROOM - rules_left, 1.0, Ink::Rule);
        if ticks_speak {
            picture.text(PADDING + axis_width, y + 4.5, Anchor::End, AXIS, tick.text.clone());
        }
    }

    let half = |point: Option<&PlotPoint>| {
        let text = point.and_then(|point| point.figure.as_ref()).map(|(_, text)| text.as_str()).unwrap_or_default();
        (VALUE.width(text) / 2.0).clamp(END_ROOM, MOST_END_WIDTH / 2.0)
    };
    let (left, right) = (rules_left + half(points.first()), PADDING + ROOM - half(points.last()));
    let spacing = (right - left) / points.len().saturating_sub(1).max(1) as f32;
    let x_of = |index: usize| if points.len() == 1 { (left + right) / 2.0 } else { left + spacing * index as f32 };
    let place = |(index, point): (usize, &PlotPoint)| {
        point.figure.as_ref().map(|(height, _)| (x_of(index), bottom - PLOT_HEIGHT * height))
    };
    let places: Vec<Option<(f32, f32)>> = points.iter().enumerate().map(place).collect();
    for run in places.split(Option::is_none).filter(|run| run.len() > 1) {
        let points = run.iter().copied().flatten().collect();
        picture.mark(Mark::Polyline { points, ink: Ink::Accent, thickness: 2.5 });
    }
    for (x, y) in places.iter().copied().flatten() {
        let dot = vec![(x, y - 4.5), (x + 4.5, y), (x, y + 4.5), (x - 4.5, y)];
        picture.mark(Mark::Polygon { points: dot, ink: Ink::Accent });
    }

    let figures: Vec<(usize, String)> = points
        .iter()
        .enumerate()
        .filter_map(|(index, point)| Some((index, point.figure.as_ref()?.1.clone())))
        .collect();
    for (index, text, x) in placed(figures, VALUE, spacing, x_of) {
        if let Some((_, y)) = places[index] {
            let y_of =
                |index: Option<usize>| index.and_then(|index| places.get(index).copied().flatten()).map(|(_, y)| y);
            let above = |neighbour: Option<f32>| neighbour.is_some_and(|neighbour| neighbour < y);
            // In a valley the line runs through what stands above it.
            let in_valley = above(y_of(index.checked_sub(1))) && above(y_of(Some(index + 1)));
            let baseline = if in_valley && y + 24.0 < bottom { y + 20.0 } else { y - 11.0 };
            picture.text(x.max(rules_left + VALUE.width(&text) / 2.0), baseline, Anchor::Middle, VALUE, text);
        }
    }
    let labels = points.iter().enumerate().map(|(index, point)| (index, point.label.clone())).collect();
    for (_, label, x) in placed(labels, LABEL, spacing, x_of) {
        picture.text(x, bottom + 24.0, Anchor::Middle, LABEL, label);
    }
    picture.gap(22.0 + PLOT_HEIGHT + 24.0 + 16.0);
}

/// The texts that have their place, each with its middle: all of them, or else the last and, if there is room beside
/// it, the first.
fn placed(
    texts: Vec<(usize, String)>,
    style: Style,
    spacing: f32,
    x_of: impl Fn(usize) -> f32,
) -> Vec<(usize, String, f32)> {
    let all_fit = texts.iter().all(|(_, text)| style.width(text) + 4.0 <= spacing.min(2.0 * END_ROOM));
    if all_fit {
        return texts.into_iter().map(|(index, text)| (index, text, x_of(index))).collect();
    }
    let count = texts.len();
    let room = if count == 1 { ROOM - 2.0 * END_ROOM } else { MOST_END_WIDTH };
    let mut ends = texts.into_iter().enumerate().filter(|(order, _)| *order == 0 || order + 1 == count).rev().map(
        |(_, (index, text))| {
            let text = style.wrap(&text, room, 1).pop().unwrap_or_default();
            let x = centred(x_of(index), &text, style);
            (index, text, x)
        },
    );
    let mut kept: Vec<(usize, String, f32)> = ends.next().into_iter().collect();
    if let (Some((index, text, x)), Some((_, last, last_x))) = (ends.next(), kept.first()) {
        let right = x + style.width(&text) / 2.0;
        if right + 4.0 <= last_x - style.width(last) / 2.0 {
            kept.push((index, text, x));
        }
    }
    kept
}
