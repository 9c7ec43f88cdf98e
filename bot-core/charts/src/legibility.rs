//! What the charts promise to eyes: contrast on white and on dark pages, colours told apart by the colour blind, and
//! pictures with something in them.

use resvg::tiny_skia::Pixmap;

use crate::ink::{Ink, ON_STEPS, PARTS, STEPS};
use crate::samples::figures;
use crate::{DepartmentMap, FigureBarChart, FigureLineChart, Locale, Quantity, StackChart, StackRow};

type Light = [f64; 3];

/// A page: its background and its text.
const PAGES: [(&str, &str); 3] = [("#ffffff", "#16191d"), ("#15181c", "#e6e8ea"), ("#000000", "#ffffff")];

fn channels(paint: &str) -> [f64; 3] {
    [1, 3, 5].map(|start| f64::from(u8::from_str_radix(&paint[start..start + 2], 16).unwrap()) / 255.0)
}

fn linear(channel: f64) -> f64 {
    if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

fn luminance(channels: [f64; 3]) -> f64 {
    let [red, green, blue] = channels.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// WCAG 2.2's contrast ratio.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The ink as it is seen on a page.
fn inline(ink: Ink, page: (&str, &str)) -> [f64; 3] {
    let (paint, opacity, _) = ink.paints();
    let (paint, below) = (channels(if paint == "currentColor" { page.1 } else { paint }), channels(page.0));
    let opacity = f64::from(opacity.unwrap_or(1.0));
    std::array::from_fn(|index| paint[index] * opacity + below[index] * (1.0 - opacity))
}

fn paper(ink: Ink) -> [f64; 3] {
    channels(ink.paints().2)
}

#[test]
fn text_keeps_four_and_a_half_to_one() {
    let white = channels("#ffffff");
    for ink in [Ink::Text, Ink::Muted] {
        assert!(contrast(paper(ink), white) >= 4.5, "{ink:?}");
        for page in PAGES {
            assert!(contrast(inline(ink, page), channels(page.0)) >= 4.5, "{ink:?} on {page:?}");
        }
    }
    // The code of a département on its tile, hatched or not.
    for (step, (below, above)) in STEPS.iter().zip(ON_STEPS).enumerate() {
        assert!(contrast(channels(below), channels(above)) >= 4.5, "step {step}");
        assert_eq!(paper(Ink::OnStep(step)), channels(above));
    }
    assert!(contrast(paper(Ink::Text), paper(Ink::Rule)) >= 4.5);
    for page in PAGES {
        assert!(contrast(inline(Ink::Text, page), inline(Ink::Rule, page)) >= 4.5, "hatched on {page:?}");
    }
}

#[test]
fn shapes_keep_three_to_one() {
    let shapes = [Ink::Accent, Ink::Neutral, Ink::Mark, Ink::Muted];
    for ink in shapes.into_iter().chain((0..PARTS.len()).map(Ink::Part)) {
        assert!(contrast(paper(ink), channels("#ffffff")) >= 3.0, "{ink:?}");
        for page in PAGES {
            assert!(contrast(inline(ink, page), channels(page.0)) >= 3.0, "{ink:?} on {page:?}");
        }
    }
}

/// Severe protanopia and deuteranopia, on linear light: Machado, Oliveira and Fernandes, "A Physiologically-based Model
/// for Simulation of Color Vision Deficiency" (2009), severity 1; and sight without either.
const SIGHTS: [[Light; 3]; 3] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
];

/// CIE L*a*b* under D65.
fn lab(light: Light) -> [f64; 3] {
    let xyz = [
        (0.4124 * light[0] + 0.3576 * light[1] + 0.1805 * light[2]) / 0.950_47,
        0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2],
        (0.0193 * light[0] + 0.1192 * light[1] + 0.9505 * light[2]) / 1.088_83,
    ];
    let [x, y, z] = xyz.map(|value| if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The colour difference (CIE 1976) that each sight sees; from about 2.3 on it is noticed.
fn differences(one: &str, other: &str) -> [f64; 3] {
    let seen = |paint: &str, sight: [Light; 3]| {
        let light = channels(paint).map(linear);
        let mixed = sight.map(|row| row.iter().zip(light).map(|(part, light)| part * light).sum::<f64>());
        lab(mixed.map(|value| value.clamp(0.0, 1.0)))
    };
    SIGHTS.map(|sight| {
        let (one, other) = (seen(one, sight), seen(other, sight));
        one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    })
}

#[test]
fn neighbours_are_told_apart_by_the_colour_blind() {
    for pair in PARTS.windows(2) {
        let seen = differences(pair[0], pair[1]);
        assert!(seen.iter().all(|difference| *difference >= 40.0), "{pair:?}: {seen:?}");
    }
    for pair in STEPS.windows(2) {
        let seen = differences(pair[0], pair[1]);
        assert!(seen.iter().all(|difference| *difference >= 14.0), "{pair:?}: {seen:?}");
        assert!(luminance(channels(pair[0])) > 1.4 * luminance(channels(pair[1])), "{pair:?} are as light");
    }
}

#[test]
fn every_chart_is_drawn_on_white() {
    let (locale, quantity, subtitle, note) = (Locale::Fr, Quantity::Percent, None, None);
    let title = String::new;
    let given = figures(&[("01", "80.1", None), ("2A", "12", Some(3))]);
    let row = StackRow { label: "2018".into(), values: given.iter().map(|figure| figure.value).collect(), base: None };
    let parts = vec!["Oui".to_owned(), "Non".to_owned()];
    let bars = FigureBarChart {
        title: title(),
        subtitle: subtitle.clone(),
        locale,
        quantity,
        figures: given.clone(),
        note: None,
    };
    let line = FigureLineChart {
        title: title(),
        subtitle: subtitle.clone(),
        locale,
        quantity,
        editions: given.clone(),
        note: None,
    };
    let stack =
        StackChart { title: title(), subtitle: subtitle.clone(), locale, quantity, parts, rows: vec![row], note: None };
    let map = DepartmentMap { title: title(), subtitle, locale, quantity, figures: given, note };
    // Each with an ink that it alone is filled with.
    let drawn = [
        (bars.png(480), Ink::Accent),
        (line.png(480), Ink::Accent),
        (stack.png(480), Ink::Part(0)),
        (map.png(480), Ink::Step(4)),
        (map.png(480), Ink::Step(0)),
    ];
    for (png, ink) in drawn {
        let pixmap = Pixmap::decode_png(&png.unwrap()).unwrap();
        assert_eq!(pixmap.width(), 480);
        assert_eq!(pixmap.pixel(0, 0).unwrap().demultiply().red(), 255);
        let wanted = paper(ink).map(|channel| (channel * 255.0).round() as u8);
        let filled =
            pixmap.pixels().iter().filter(|pixel| [pixel.red(), pixel.green(), pixel.blue()] == wanted).count();
        assert!(filled > 30, "{filled} pixels of {ink:?}");
        let dark = pixmap.pixels().iter().filter(|pixel| pixel.red() < 60 && pixel.blue() < 60).count();
        assert!(dark > 100, "{dark} pixels of text");
    }
}
