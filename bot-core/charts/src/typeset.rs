//! Text before it is drawn: cleaned, measured in the crate's own fonts, cut into lines.

use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use unicode_segmentation::UnicodeSegmentation;

/// Fonts by order of preference: words, bold words, Hebrew and Arabic, pictograms.
/// Sources and licences: `fonts/README.md`.
pub(crate) static FONTS: [&[u8]; 4] = [
    include_bytes!("../fonts/Inter-Regular.otf"),
    include_bytes!("../fonts/Inter-Bold.otf"),
    include_bytes!("../fonts/DejaVuSans.ttf"),
    include_bytes!("../fonts/NotoEmoji.ttf"),
];

const BOLD: usize = 1;
const OTHER_SCRIPTS: usize = 2;

/// An inline chart is drawn in the reader's font, which may be wider than ours. The widest in common
/// use is DejaVu Sans: French text in it takes 7 % more than in Inter, and 17 % more in bold.
const REGULAR_WIDTH_MARGIN: f32 = 1.08;
const BOLD_WIDTH_MARGIN: f32 = 1.18;
/// For a character that no font here has: the widest a browser draws a pictogram.
const UNKNOWN_ADVANCE_EM: f32 = 1.4;
const ELLIPSIS: char = '…';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

struct Face {
    charmap: skrifa::charmap::Charmap<'static>,
    metrics: skrifa::metrics::GlyphMetrics<'static>,
}

static FACES: LazyLock<Vec<Face>> = LazyLock::new(|| {
    FONTS
        .iter()
        .filter_map(|data| FontRef::new(data).ok())
        .map(|font| Face {
            charmap: font.charmap(),
            metrics: font.glyph_metrics(Size::new(1.0), LocationRef::default()),
        })
        .collect()
});

/// The fonts that may draw text of this weight, in order of preference.
fn faces(weight: Weight) -> impl Iterator<Item = &'static Face> {
    FACES.iter().skip(match weight {
        Weight::Regular => 0,
        Weight::Bold => BOLD,
    })
}

impl Face {
    fn advance_em(&self, character: char) -> Option<f32> {
        self.metrics.advance_width(self.charmap.map(character)?)
    }
}

fn advance_em(character: char, weight: Weight) -> f32 {
    faces(weight).find_map(|face| face.advance_em(character)).unwrap_or(UNKNOWN_ADVANCE_EM)
}

/// The width of one line of text, in the unit of `size`, with a margin for other fonts.
pub(crate) fn width(text: &str, size: f32, weight: Weight) -> f32 {
    let is_in = |face: usize, character| FACES.get(face).is_some_and(|face| face.advance_em(character).is_some());
    // A line with Hebrew or Arabic is drawn whole in their font, which is wider.
    let other_script = text.chars().any(|character| !is_in(BOLD, character) && is_in(OTHER_SCRIPTS, character));
    let ems: f32 = text
        .chars()
        .map(|character| {
            let advance = advance_em(character, weight);
            let other = FACES.get(OTHER_SCRIPTS).and_then(|face| face.advance_em(character));
            if other_script { other.map_or(advance, |other| advance.max(other)) } else { advance }
        })
        .sum();
    let margin = match weight {
        Weight::Regular => REGULAR_WIDTH_MARGIN,
        Weight::Bold => BOLD_WIDTH_MARGIN,
    };
    ems * size * margin
}

/// Text for a picture that only has the crate's fonts: without the skin tones, joiners and selectors
/// that vary pictograms, which they do not have, and with a box for any other character they lack.
pub(crate) fn drawable(text: &str) -> String {
    text.chars()
        .filter(|character| !matches!(character, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}'))
        .map(|character| if FACES.iter().any(|face| face.charmap.map(character).is_some()) { character } else { '□' })
        .collect()
}

/// Text as a chart can show it: one space between words, and none of the characters that XML
/// forbids or that could turn the reading order of what follows.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut pending_space = false;
    for character in text.chars() {
        // No-break spaces are part of the writing, they stay.
        let is_break = character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{202f}' | '\u{2007}');
        if is_break {
            pending_space = !cleaned.is_empty();
        } else if !is_dropped(character) {
            if pending_space {
                cleaned.push(' ');
                pending_space = false;
            }
            cleaned.push(character);
        }
    }
    cleaned
}

fn is_dropped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || (character as u32) & 0xfffe == 0xfffe
}

/// Cuts text into at most `most_lines` lines no wider than `room`. Words longer than a line are
/// cut between graphemes; text that goes on ends with an ellipsis.
pub(crate) fn wrap(text: &str, size: f32, weight: Weight, room: f32, most_lines: usize) -> Vec<String> {
    let text = with_punctuation_held(text);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size, weight) <= room {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for grapheme in word.graphemes(true) {
            let longer = format!("{line}{grapheme}");
            if width(&longer, size, weight) <= room {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            // A grapheme of hundreds of marks would not fit on any line: its first sign stands for it.
            line = if width(grapheme, size, weight) <= room {
                grapheme.to_owned()
            } else {
                grapheme.chars().take(1).collect()
            };
        }
        if lines.len() > most_lines {
            break;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most_lines {
        lines.truncate(most_lines);
        if let Some(last) = lines.last_mut() {
            *last = shortened(last, size, weight, room);
        }
    }
    lines
}

/// French sets a space before these signs, and people type one that breaks: no line starts with them.
fn with_punctuation_held(text: &str) -> String {
    let mut held = text.replace("« ", "«\u{a0}");
    for sign in ['?', '!', ':', ';', '»', '%', '€'] {
        held = held.replace(&format!(" {sign}"), &format!("\u{a0}{sign}"));
    }
    held
}

/// The text with an ellipsis at its end, less what must go to make room for it.
fn shortened(text: &str, size: f32, weight: Weight, room: f32) -> String {
    let mut graphemes: Vec<&str> = text.graphemes(true).collect();
    loop {
        let candidate = format!("{}{ELLIPSIS}", graphemes.concat().trim_end());
        if graphemes.pop().is_none() || width(&candidate, size, weight) <= room {
            return candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fonts_have_what_french_results_need() {
        assert_eq!(FACES.len(), FONTS.len());
        let needed = "àâäçéèêëîïôöùûüÿœæÀÂÉÈÊÇŒ«»’–—…€→←↑↓✓✗×≈≤□\u{202f}\u{a0}1234567890%";
        for weight in [Weight::Regular, Weight::Bold] {
            let face = &FACES[if weight == Weight::Bold { 1 } else { 0 }];
            for character in needed.chars() {
                assert!(face.charmap.map(character).is_some(), "{weight:?} lacks {character:?}");
            }
        }
        for character in "🚲🌳😀🏛✅❌🤝".chars() {
            assert!(FACES[3].charmap.map(character).is_some(), "no pictogram {character}");
        }
        for character in "שלוםقاعة".chars() {
            assert!(FACES[2].charmap.map(character).is_some(), "no letter {character}");
        }
    }

    #[test]
    fn digits_have_one_width() {
        for weight in [Weight::Regular, Weight::Bold] {
            let zero = advance_em('0', weight);
            for digit in '1'..='9' {
                assert!((advance_em(digit, weight) - zero).abs() < 0.005, "{digit}");
            }
        }
    }

    #[test]
    fn no_line_starts_with_a_sign_that_ends_a_sentence() {
        let lines = wrap("Ouvrir la halle ?", 10.0, Weight::Regular, 72.0, 9);
        assert_eq!(lines, ["Ouvrir la", "halle\u{a0}?"]);
    }

    #[test]
    fn what_no_font_has_becomes_a_box() {
        assert_eq!(drawable("Été 👍🏽 ☀\u{fe0f} 👨\u{200d}👩 漢字 السوق"), "Été 👍 ☀ 👨👩 □□ السوق");
    }

    #[test]
    fn text_is_cleaned() {
        assert_eq!(clean("  a \n\t b\u{0} \u{202e}c\u{a0}: \u{ffff}"), "a b c\u{a0}:");
        assert_eq!(clean(" \u{1} "), "");
    }

    #[test]
    fn lines_break_between_words_then_inside_them() {
        let text = "Une halle couverte sur la place anticonstitutionnellementlongue";
        let lines = wrap(text, 10.0, Weight::Regular, 100.0, 9);
        assert_eq!(lines, ["Une halle couverte", "sur la place", "anticonstitutionnell", "ementlongue"]);
        assert_eq!(wrap(text, 10.0, Weight::Regular, 100.0, 2), ["Une halle couverte", "sur la place…"]);
        assert_eq!(wrap("", 10.0, Weight::Regular, 100.0, 2), Vec::<String>::new());
    }
}
