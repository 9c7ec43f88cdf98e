//! What marks are drawn with: inks by their meaning, made into colours by a theme, and textures.

/// Where the picture will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Inside a page, on its background and in its text colour.
    Inline,
    /// Alone, on white.
    Paper,
}

/// What a mark means; the theme makes a colour of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Muted,
    Accent,
    Neutral,
    Track,
    Rule,
    Mark,
    /// One of the parts of a whole, from 0; see [`PARTS`].
    Part(usize),
    /// One of the classes of a map, from 0, the palest; see [`STEPS`].
    Step(usize),
    /// What stands on [`Ink::Step`], in either theme.
    OnStep(usize),
}

/// Neighbours are told apart by the colour blind, and each keeps 3:1 with a white page and with a dark one.
pub(crate) const PARTS: [&str; 6] = ["#0072b2", "#c8651b", "#7a5fc0", "#8a7a00", "#b5477f", "#6f8a2f"];
/// One blue, from pale to dark: the order is one of lightness, which everybody sees.
pub(crate) const STEPS: [&str; 5] = ["#e3eef9", "#a9cde8", "#5ea0d0", "#1f68ad", "#08306b"];
/// What keeps 4.5:1 on each step.
pub(crate) const ON_STEPS: [&str; 5] = ["#16191d", "#16191d", "#16191d", "#ffffff", "#ffffff"];

/// How a box is filled: what tells its ink apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Texture {
    Blank,
    Solid,
    Rising,
    Dots,
    Lying,
    Falling,
    Grid,
}

impl Texture {
    /// The shape repeated every 8 units; `None` where nothing is repeated.
    pub(crate) fn tile(self, ink: Ink, theme: Theme) -> Option<String> {
        let lines = match self {
            Texture::Blank | Texture::Solid => return None,
            Texture::Rising => "M-2 2l4-4M-1 9l10-10M6 10l4-4",
            Texture::Falling => "M-2 6l4 4M-1-1l10 10M6-2l4 4",
            Texture::Lying => "M0 2h8M0 6h8",
            Texture::Grid => "M0 4h8M4 0v8",
            Texture::Dots => {
                let fill = ink.attributes(theme, "fill");
                return Some(format!(
                    "<circle cx=\"2\" cy=\"2\" r=\"1.6\"{fill}/><circle cx=\"6\" cy=\"6\" r=\"1.6\"{fill}/>"
                ));
            }
        };
        let stroke = ink.attributes(theme, "stroke");
        Some(format!("<path d=\"{lines}\" stroke-width=\"2\" fill=\"none\"{stroke}/>"))
    }

    pub(crate) fn id(self) -> &'static str {
        match self {
            Texture::Blank => "blank",
            Texture::Solid => "solid",
            Texture::Rising => "rising",
            Texture::Dots => "dots",
            Texture::Lying => "lying",
            Texture::Falling => "falling",
            Texture::Grid => "grid",
        }
    }
}

impl Ink {
    /// The paint and, inline, the class. The blue and the grey are told apart by lightness alone
    /// and keep a contrast of 3:1 with white and with black; no meaning rests on them only.
    pub(crate) fn attributes(self, theme: Theme, property: &str) -> String {
        match theme {
            Theme::Paper => self.paint(theme, property),
            Theme::Inline => format!("{} class=\"{}\"", self.paint(theme, property), self.class()),
        }
    }

    /// The paint alone, for an element whose class is another ink's.
    pub(crate) fn paint(self, theme: Theme, property: &str) -> String {
        let (inline, opacity, paper) = self.paints();
        match (theme, opacity) {
            (Theme::Paper, _) => format!(" {property}=\"{paper}\""),
            (Theme::Inline, None) => format!(" {property}=\"{inline}\""),
            (Theme::Inline, Some(opacity)) => format!(" {property}=\"{inline}\" {property}-opacity=\"{opacity}\""),
        }
    }

    pub(crate) fn class(self) -> String {
        match self {
            Ink::Text => "chart-text".to_owned(),
            Ink::Muted => "chart-muted".to_owned(),
            Ink::Accent => "chart-accent".to_owned(),
            Ink::Neutral => "chart-neutral".to_owned(),
            Ink::Track => "chart-track".to_owned(),
            Ink::Rule => "chart-rule".to_owned(),
            Ink::Mark => "chart-mark".to_owned(),
            Ink::Part(index) => format!("chart-part-{}", index % PARTS.len() + 1),
            Ink::Step(index) => format!("chart-step-{}", index % STEPS.len() + 1),
            Ink::OnStep(index) => format!("chart-on-step-{}", index % STEPS.len() + 1),
        }
    }

    /// The paint inside a page with its opacity, and the paint on white.
    pub(crate) fn paints(self) -> (&'static str, Option<f32>, &'static str) {
        let fixed = |paint| (paint, None, paint);
        match self {
            Ink::Text | Ink::Mark => ("currentColor", None, "#16191d"),
            Ink::Muted => ("currentColor", Some(0.78), "#4d545c"),
            Ink::Accent => fixed("#0072b2"),
            Ink::Neutral => fixed("#8390a0"),
            Ink::Track => ("currentColor", Some(0.1), "#eceff2"),
            Ink::Rule => ("currentColor", Some(0.3), "#c3c9d0"),
            Ink::Part(index) => fixed(PARTS[index % PARTS.len()]),
            Ink::Step(index) => fixed(STEPS[index % STEPS.len()]),
            Ink::OnStep(index) => fixed(ON_STEPS[index % ON_STEPS.len()]),
        }
    }
}
