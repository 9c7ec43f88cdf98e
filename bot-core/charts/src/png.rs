//! The picture as pixels, with no font but the crate's own.

use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::ink::Theme;
use crate::picture::{Picture, WIDTH};
use crate::typeset::FONTS;

/// Widths a PNG may have, in pixels. 960 is sharp on a phone.
pub const PNG_WIDTHS_PX: RangeInclusive<u32> = 240..=4096;
/// Messaging networks refuse pictures whose sides are longer.
const MOST_HEIGHT_PX: u32 = 8_000;

/// Why a chart could not be made into a PNG.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PngError {
    #[error("a chart of {width_px} pixels wide cannot be drawn: ask for a width between {} and {}", PNG_WIDTHS_PX.start(), PNG_WIDTHS_PX.end())]
    Width { width_px: u32 },
    #[error("the chart would be {height_px} pixels high: ask for a smaller width, or show fewer bars")]
    TooHigh { height_px: u32 },
    #[error(
        "the chart could not be drawn: {0}; this is a fault of the program, please report it with the chart's data"
    )]
    Drawing(String),
}

static FONT_DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for data in FONTS {
        database.load_font_source(fontdb::Source::Binary(Arc::new(data)));
    }
    // Families the fonts do not have fall back on Inter.
    database.set_serif_family("Inter");
    database.set_sans_serif_family("Inter");
    Arc::new(database)
});

fn tree(svg: &str) -> Result<Tree, PngError> {
    let options = Options { fontdb: Arc::clone(&FONT_DATABASE), ..Options::default() };
    Tree::from_str(svg, &options).map_err(|error| PngError::Drawing(error.to_string()))
}

pub(crate) fn png(picture: &Picture, width_px: u32) -> Result<Vec<u8>, PngError> {
    if !PNG_WIDTHS_PX.contains(&width_px) {
        return Err(PngError::Width { width_px });
    }
    let scale = width_px as f32 / WIDTH;
    let height_px = (picture.height() * scale).ceil() as u32;
    if height_px > MOST_HEIGHT_PX {
        return Err(PngError::TooHigh { height_px });
    }
    let tree = tree(&picture.svg("chart", Theme::Paper))?;
    let mut pixmap = Pixmap::new(width_px, height_px)
        .ok_or_else(|| PngError::Drawing(format!("no room for {width_px} by {height_px} pixels")))?;
    pixmap.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| PngError::Drawing(error.to_string()))
}

/// What every chart's tests rest on: the picture parses, and all of it is on the canvas.
#[cfg(test)]
pub(crate) mod checks {
    use super::*;
    use resvg::usvg::{Group, Node, roxmltree};

    fn boxes(group: &Group, found: &mut Vec<(String, f32, f32, f32, f32)>) {
        for node in group.children() {
            match node {
                Node::Group(group) => boxes(group, found),
                Node::Text(text) => {
                    let content = text.chunks().iter().map(|chunk| chunk.text()).collect::<String>();
                    let bounds = text.abs_bounding_box();
                    found.push((content, bounds.left(), bounds.right(), bounds.top(), bounds.bottom()));
                }
                other => {
                    let bounds = other.abs_bounding_box();
                    found.push((String::new(), bounds.left(), bounds.right(), bounds.top(), bounds.bottom()));
                }
            }
        }
    }

    /// Every way the picture could be broken, or nothing.
    pub(crate) fn faults(picture: &Picture) -> Vec<String> {
        let mut faults = Vec::new();
        for theme in [Theme::Inline, Theme::Paper] {
            let svg = picture.svg("p", theme);
            if svg != picture.svg("p", theme) {
                faults.push("two drawings differ".to_owned());
            }
            match roxmltree::Document::parse(&svg) {
                Err(error) => faults.push(format!("not well-formed: {error}")),
                Ok(document) => {
                    let known = [
                        "svg", "title", "desc", "rect", "polygon", "polyline", "text", "defs", "pattern", "path",
                        "circle",
                    ];
                    for node in document.descendants().filter(roxmltree::Node::is_element) {
                        if !known.contains(&node.tag_name().name()) {
                            faults.push(format!("unexpected element {}", node.tag_name().name()));
                        }
                        for attribute in node.attributes() {
                            let name = attribute.name();
                            if name == "style" || name == "href" || name.starts_with("on") {
                                faults.push(format!("unexpected attribute {name}"));
                            }
                        }
                    }
                }
            }
            let mut found = Vec::new();
            boxes(tree(&svg).unwrap().root(), &mut found);
            for (content, left, right, top, bottom) in &found {
                let inside = *left >= -0.01 && *right <= WIDTH + 0.01;
                // Paper's background is as large as the canvas, all else keeps the padding.
                if !inside || *top < -0.01 || *bottom > picture.height() + 0.01 {
                    faults.push(format!("off the canvas: {content:?} {left}..{right} {top}..{bottom}"));
                }
            }
            let texts: Vec<_> = found.iter().filter(|item| !item.0.is_empty()).collect();
            for (index, a) in texts.iter().enumerate() {
                for b in &texts[index + 1..] {
                    let shared_width = a.2.min(b.2) - a.1.max(b.1);
                    let same_line = (a.4 - b.4).abs() < 4.0;
                    if same_line && shared_width > 0.5 {
                        faults.push(format!("texts overlap: {:?} and {:?}", a.0, b.0));
                    }
                }
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_width_out_of_range_is_refused_with_its_remedy() {
        let error = samples::market().png(100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a chart of 100 pixels wide cannot be drawn: ask for a width between 240 and 4096"
        );
    }

    #[test]
    fn a_chart_too_high_is_refused_with_its_remedy() {
        let mut chart = samples::market();
        let bar = chart.bars[0].clone();
        chart.bars = vec![bar; 400];
        assert!(matches!(chart.png(960), Err(PngError::TooHigh { .. })));
    }

    #[test]
    fn the_same_chart_gives_the_same_png_at_the_width_asked() {
        let first = samples::market().png(960).unwrap();
        assert_eq!(first, samples::market().png(960).unwrap());
        assert_eq!(u32::from_be_bytes(first[16..20].try_into().unwrap()), 960);
    }

    #[test]
    fn the_png_has_text_on_a_white_ground() {
        let pixmap = Pixmap::decode_png(&samples::market().png(480).unwrap()).unwrap();
        assert_eq!(pixmap.pixel(0, 0).unwrap().demultiply().red(), 255);
        let title_is_dark = (24..460).any(|x| (24..50).any(|y| pixmap.pixel(x, y).unwrap().red() < 60));
        assert!(title_is_dark, "the title is not drawn: are the fonts loaded?");
    }
}
