//! A picture: marks on a canvas of fixed width, written as SVG in one of two themes.

use std::collections::BTreeMap;

use crate::Locale;
use crate::ink::{Ink, Texture, Theme};
use crate::typeset::{Weight, clean, drawable, width, wrap};

/// Width of every chart. A phone shows it at about three quarters, so its text stays readable.
pub(crate) const WIDTH: f32 = 480.0;
pub(crate) const PADDING: f32 = 24.0;
/// The room between the two paddings.
pub(crate) const ROOM: f32 = WIDTH - 2.0 * PADDING;
const FONT_FAMILY: &str = "Inter, system-ui, sans-serif";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a run of text looks: its size in canvas units, its weight and its ink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub size: f32,
    pub weight: Weight,
    pub ink: Ink,
}

impl Style {
    pub(crate) const fn new(size: f32, weight: Weight, ink: Ink) -> Self {
        Style { size, weight, ink }
    }

    pub(crate) fn width(self, text: &str) -> f32 {
        width(text, self.size, self.weight)
    }

    pub(crate) fn line_height(self) -> f32 {
        (self.size * 1.32).round()
    }

    pub(crate) fn wrap(self, text: &str, room: f32, most_lines: usize) -> Vec<String> {
        wrap(text, self.size, self.weight, room, most_lines)
    }
}

const TITLE: Style = Style::new(20.0, Weight::Bold, Ink::Text);
const SUBTITLE: Style = Style::new(14.5, Weight::Regular, Ink::Muted);
const FOOTNOTE: Style = Style::new(12.5, Weight::Regular, Ink::Muted);

pub(crate) enum Mark {
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        ink: Ink,
    },
    /// Filled with a texture of one ink, and outlined inside its edges.
    Box {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        texture: Texture,
        ink: Ink,
        outline: Ink,
    },
    Polygon {
        points: Vec<(f32, f32)>,
        ink: Ink,
    },
    Polyline {
        points: Vec<(f32, f32)>,
        ink: Ink,
        thickness: f32,
    },
    Text {
        x: f32,
        baseline: f32,
        anchor: Anchor,
        style: Style,
        content: String,
    },
}

/// Marks laid out from top to bottom.
pub(crate) struct Picture {
    title: String,
    description: String,
    locale: Locale,
    marks: Vec<Mark>,
    /// The height already taken.
    pub(crate) y: f32,
}

impl Picture {
    /// Starts a picture with its heading. `description` is read in place of the picture.
    pub(crate) fn new(title: &str, subtitle: Option<&str>, locale: Locale, description: String) -> Self {
        let title = clean(title);
        let mut picture = Picture { title, description, locale, marks: Vec::new(), y: PADDING };
        let title = picture.title.clone();
        picture.paragraph(&title, TITLE, 5);
        if let Some(subtitle) = subtitle {
            picture.gap(4.0);
            picture.paragraph(&clean(subtitle), SUBTITLE, 4);
        }
        picture.gap(18.0);
        picture
    }

    /// Ends a picture with its footnotes, under a hairline.
    pub(crate) fn finish(&mut self, footnotes: &[String]) {
        self.gap(4.0);
        self.rect(PADDING, self.y, ROOM, 1.0, Ink::Rule);
        self.gap(9.0);
        for footnote in footnotes {
            self.paragraph(&clean(footnote), FOOTNOTE, 6);
            self.gap(2.0);
        }
        self.y += PADDING - 6.0;
    }

    pub(crate) fn gap(&mut self, height: f32) {
        self.y += height;
    }

    /// Wrapped text over the whole room.
    pub(crate) fn paragraph(&mut self, text: &str, style: Style, most_lines: usize) {
        for line in style.wrap(text, ROOM, most_lines) {
            let baseline = self.y + baseline_offset(style, style.line_height());
            self.text(PADDING, baseline, Anchor::Start, style, line);
            self.y += style.line_height();
        }
    }

    pub(crate) fn text(&mut self, x: f32, baseline: f32, anchor: Anchor, style: Style, content: String) {
        self.marks.push(Mark::Text { x, baseline, anchor, style, content });
    }

    pub(crate) fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, ink: Ink) {
        self.marks.push(Mark::Rect { x, y, width, height, ink });
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    pub(crate) fn height(&self) -> f32 {
        self.y.ceil()
    }

    /// The SVG. `id_prefix` makes its ids unique in the page; only ASCII letters, digits, `-` and
    /// `_` are kept of it.
    pub(crate) fn svg(&self, id_prefix: &str, theme: Theme) -> String {
        let mut prefix: String =
            id_prefix.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        if prefix.is_empty() {
            prefix.push_str("chart");
        }
        let height = self.height();
        let class = match theme {
            Theme::Inline => " class=\"chart\"",
            Theme::Paper => "",
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"{class} role=\"img\" lang=\"{}\" width=\"{WIDTH}\" \
             height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"{FONT_FAMILY}\" \
             aria-labelledby=\"{prefix}-title\" aria-describedby=\"{prefix}-desc\">\n\
             <title id=\"{prefix}-title\">{}</title>\n<desc id=\"{prefix}-desc\">{}</desc>\n",
            self.locale.tag(),
            escaped(&self.title),
            escaped(&self.description),
        );
        if theme == Theme::Paper {
            svg.push_str(&format!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"));
        }
        svg.push_str(&self.patterns(&prefix, theme));
        for mark in &self.marks {
            svg.push_str(&mark.svg(&prefix, theme));
            svg.push('\n');
        }
        svg.push_str("</svg>");
        svg
    }

    /// The textures that boxes are filled with, each once.
    fn patterns(&self, prefix: &str, theme: Theme) -> String {
        let mut tiles = BTreeMap::new();
        for mark in &self.marks {
            if let Mark::Box { texture, ink, .. } = mark
                && let Some(tile) = texture.tile(*ink, theme)
            {
                tiles.insert(pattern_id(prefix, *texture, *ink), tile);
            }
        }
        if tiles.is_empty() {
            return String::new();
        }
        let patterns: String = tiles
            .iter()
            .map(|(id, tile)| {
                format!(
                    "<pattern id=\"{id}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">{tile}</pattern>\n"
                )
            })
            .collect();
        format!("<defs>\n{patterns}</defs>\n")
    }
}

fn pattern_id(prefix: &str, texture: Texture, ink: Ink) -> String {
    format!("{prefix}-{}-{}", texture.id(), ink.class())
}

/// From the top of a line to the baseline that centres its figures and capitals.
pub(crate) fn baseline_offset(style: Style, line_height: f32) -> f32 {
    // Capitals are about 0.73 em high in Inter and in the system fonts of its kind.
    (line_height + style.size * 0.727) / 2.0
}

impl Mark {
    fn svg(&self, prefix: &str, theme: Theme) -> String {
        match self {
            Mark::Box { x, y, width, height, texture, ink, outline } => {
                // A class stands once on an element: the fill's, where it has one.
                let paints = match texture {
                    Texture::Solid => ink.attributes(theme, "fill") + &outline.paint(theme, "stroke"),
                    Texture::Blank => format!(" fill=\"none\"{}", outline.attributes(theme, "stroke")),
                    _ => {
                        let id = pattern_id(prefix, *texture, *ink);
                        format!(" fill=\"url(#{id})\"{}", outline.attributes(theme, "stroke"))
                    }
                };
                // The line is drawn half on each side of its path.
                let inside = |length: f32| (length - 1.0).max(0.1);
                format!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{paints}/>",
                    number(x + 0.5),
                    number(y + 0.5),
                    number(inside(*width)),
                    number(inside(*height)),
                )
            }
            Mark::Rect { x, y, width, height, ink } => format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>",
                number(*x),
                number(*y),
                number(*width),
                number(*height),
                ink.attributes(theme, "fill"),
            ),
            Mark::Polygon { points, ink } => {
                format!("<polygon points=\"{}\"{}/>", coordinates(points), ink.attributes(theme, "fill"))
            }
            Mark::Polyline { points, ink, thickness } => format!(
                "<polyline points=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\" \
                 stroke-linecap=\"round\"{}/>",
                coordinates(points),
                number(*thickness),
                ink.attributes(theme, "stroke"),
            ),
            Mark::Text { x, baseline, anchor, style, content } => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let weight = match style.weight {
                    Weight::Regular => "",
                    Weight::Bold => " font-weight=\"700\"",
                };
                let content = match theme {
                    Theme::Inline => escaped(content),
                    Theme::Paper => escaped(&drawable(content)),
                };
                format!(
                    "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{weight}{anchor}{}>{}</text>",
                    number(*x),
                    number(*baseline),
                    number(style.size),
                    style.ink.attributes(theme, "fill"),
                    content,
                )
            }
        }
    }
}

fn coordinates(points: &[(f32, f32)]) -> String {
    let pairs: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
    pairs.join(" ")
}

/// A coordinate with at most two decimals and no trailing zeros.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text made safe between tags and inside quoted attributes, in XML and in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
