//! From a document to parts: one part is one platform call. The rules are the same for every platform; only its
//! limits differ, and what cannot be shown is degraded in a stated way with a recorded warning.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::document::{Block, Choice, Document, MediaHash, PRIVATE_SCHEME, Poll, Span, Text};
use crate::action::{ActionPayload, ActionToken};

/// What one conversation on one platform can show. Limits are the platform's own, in its own unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    pub text_unit: TextUnit,
    /// Longest text of one message, in `text_unit`, after markup (see [`Layout::of`]'s `measure`).
    pub text_units_max: usize,
    /// Longest caption or description of a picture, in `text_unit`.
    pub caption_units_max: usize,
    /// `None` where there are no buttons: choices become numbered replies.
    pub buttons: Option<ButtonLimits>,
    pub pictures: bool,
    pub files: bool,
    /// Native polls; `None` where there are none.
    pub polls: Option<PollLimits>,
    /// A sent message can be replaced.
    pub edits: bool,
    /// Only the person and the bot can read here, so a ballot may be cast.
    pub private: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ButtonLimits {
    pub count_max: usize,
    /// Longest label, in the platform's `text_unit`.
    pub label_units_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollLimits {
    pub options_max: usize,
    /// In the platform's `text_unit`, as the next.
    pub question_units_max: usize,
    pub option_units_max: usize,
}

/// The unit in which a platform counts its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextUnit {
    /// UTF-16 code units (Telegram's entities).
    Utf16,
    /// Unicode scalar values (Discord).
    Scalar,
    /// Bytes of UTF-8 (Matrix).
    Bytes,
}

impl TextUnit {
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Utf16 => text.encode_utf16().count(),
            Self::Scalar => text.chars().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// One platform call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    pub body: Body,
    /// Buttons in the order they are shown; answers first, then steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "body", rename_all = "snake_case")]
pub enum Body {
    /// Blocks without media or templates, within the platform's limit.
    Text {
        blocks: Vec<Block>,
    },
    /// `alternative` is within the platform's caption limit.
    Picture {
        media: MediaHash,
        alternative: String,
    },
    File {
        media: MediaHash,
        label: String,
    },
    /// A native poll, within the platform's limits.
    Poll {
        poll: Poll,
    },
}

impl Part {
    pub fn media(&self) -> Option<MediaHash> {
        match self.body {
            Body::Picture { media, .. } | Body::File { media, .. } => Some(media),
            Body::Text { .. } | Body::Poll { .. } => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Button {
    pub label: String,
    pub token: ActionToken,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub step: bool,
}

/// Something that had to be simplified. Shown in the preview and to the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    ChoicesBecameNumbers,
    LabelShortened,
    PictureBecameWords,
    FileLeftOut,
    CaptionBecameText,
    TextWasSplit,
    TableWasSplit,
    PollBecameWords,
}

/// A document laid out for one conversation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Layout {
    pub parts: Vec<Part>,
    pub warnings: Vec<Warning>,
    /// Every choice's token in order, for numbered replies.
    pub tokens: Vec<ActionToken>,
    /// The choices are shown as a numbered list, since there are no buttons here.
    pub numbered: bool,
}

impl Layout {
    /// Lays out a document whose templates are already filled (see [`super::template`]).
    ///
    /// `measure` gives the length of blocks as the platform will count them, markup included where it counts;
    /// `seal` turns a choice's payload into its token for this conversation. Both must be pure: the same document
    /// gives the same bytes on every try.
    pub fn of(
        document: &Document,
        capabilities: &Capabilities,
        measure: impl Fn(&[Block]) -> usize,
        seal: impl Fn(&ActionPayload) -> ActionToken,
    ) -> Self {
        let mut layout =
            LayoutInProgress { capabilities, measure, pending: Vec::new(), parts: Vec::new(), warnings: Vec::new() };
        for block in &document.blocks {
            layout.place(block);
        }

        // Answers first, steps last, whatever order they were written in.
        let (steps, answers): (Vec<&Choice>, Vec<&Choice>) = document.choices.iter().partition(|choice| choice.step);
        let choices: Vec<&Choice> = answers.into_iter().chain(steps).collect();
        let tokens: Vec<ActionToken> = choices.iter().map(|choice| seal(&choice.action)).collect();
        let limits = capabilities.buttons.filter(|limits| choices.len() <= limits.count_max);
        let numbered = !choices.is_empty() && limits.is_none();
        let mut buttons = Vec::new();
        if numbered {
            layout.warn(Warning::ChoicesBecameNumbers);
            for (index, choice) in choices.iter().enumerate() {
                let tick = if choice.chosen { " ✓" } else { "" };
                let line = format!("{}. {}{tick}", index + 1, choice.label);
                layout.place(&Block::Paragraph { text: line.into() });
            }
        } else if let Some(limits) = limits {
            for (choice, token) in choices.iter().zip(&tokens) {
                let label = shorten(&choice.label, limits.label_units_max, capabilities.text_unit);
                if label != choice.label {
                    layout.warn(Warning::LabelShortened);
                }
                buttons.push(Button { label, token: token.clone(), chosen: choice.chosen, step: choice.step });
            }
        }
        layout.flush();
        if !buttons.is_empty() {
            match layout.parts.last_mut() {
                Some(part) => part.buttons = buttons,
                None => layout.parts.push(Part { body: Body::Text { blocks: Vec::new() }, buttons }),
            }
        }
        Self { parts: layout.parts, warnings: layout.warnings, tokens, numbered }
    }
}

struct LayoutInProgress<'c, M> {
    capabilities: &'c Capabilities,
    measure: M,
    pending: Vec<Block>,
    parts: Vec<Part>,
    warnings: Vec<Warning>,
}

impl<M: Fn(&[Block]) -> usize> LayoutInProgress<'_, M> {
    fn place(&mut self, block: &Block) {
        match block {
            Block::Figure { media, alternative } if self.capabilities.pictures => {
                let unit = self.capabilities.text_unit;
                let caption = shorten(alternative, self.capabilities.caption_units_max, unit);
                if caption != *alternative {
                    // The whole twin goes out as text; the caption keeps its beginning.
                    self.warn(Warning::CaptionBecameText);
                    self.place_text(&Block::Paragraph { text: alternative.as_str().into() });
                }
                self.flush();
                self.parts.push(Part { body: Body::Picture { media: *media, alternative: caption }, buttons: vec![] });
            }
            Block::Figure { alternative, .. } => {
                self.warn(Warning::PictureBecameWords);
                self.place_text(&Block::Paragraph { text: alternative.as_str().into() });
            }
            Block::File { media, label } if self.capabilities.files => {
                self.flush();
                let body = Body::File { media: *media, label: label.clone() };
                self.parts.push(Part { body, buttons: vec![] });
            }
            Block::File { label, .. } => {
                self.warn(Warning::FileLeftOut);
                self.place_text(&Block::Paragraph { text: label.as_str().into() });
            }
            Block::Poll { poll } if self.shows(poll) => {
                self.flush();
                self.parts.push(Part { body: Body::Poll { poll: poll.clone() }, buttons: vec![] });
            }
            Block::Poll { .. } => {
                self.warn(Warning::PollBecameWords);
                self.place_text(&Block::Paragraph { text: words_of(block).into() });
            }
            text => self.place_text(text),
        }
    }

    /// A poll is never shortened: another wording would be another question.
    fn shows(&self, poll: &Poll) -> bool {
        let unit = self.capabilities.text_unit;
        self.capabilities.polls.is_some_and(|limits| {
            poll.options.len() <= limits.options_max
                && unit.measure(&poll.question) <= limits.question_units_max
                && poll.options.iter().all(|option| unit.measure(option) <= limits.option_units_max)
        })
    }

    fn place_text(&mut self, block: &Block) {
        self.pending.push(block.clone());
        if (self.measure)(&self.pending) <= self.capabilities.text_units_max {
            return;
        }
        self.pending.pop();
        if !self.pending.is_empty() {
            self.warn(Warning::TextWasSplit);
            self.flush();
            self.place_text(block);
            return;
        }
        // Alone it is still too long.
        match block {
            Block::List { items, .. } if items.len() > 1 => {
                for item in items {
                    self.place_text(&Block::Paragraph { text: item.clone() });
                }
            }
            Block::Table { table } if table.rows.len() > 1 => {
                self.warn(Warning::TableWasSplit);
                let half = table.rows.len() / 2;
                for rows in [&table.rows[..half], &table.rows[half..]] {
                    let table = super::Table { header: table.header.clone(), rows: rows.to_vec() };
                    self.place_text(&Block::Table { table });
                }
            }
            other => {
                self.warn(Warning::TextWasSplit);
                let words = words_of(other);
                let fits = |piece: &str| {
                    (self.measure)(&[Block::Paragraph { text: piece.into() }]) <= self.capabilities.text_units_max
                };
                let pieces = split(&words, fits);
                for piece in pieces {
                    self.flush();
                    self.pending.push(Block::Paragraph { text: piece.into() });
                }
            }
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let blocks = std::mem::take(&mut self.pending);
            self.parts.push(Part { body: Body::Text { blocks }, buttons: vec![] });
        }
    }

    fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// A block as plain words; links keep their address.
pub fn words_of(block: &Block) -> String {
    let text = |text: &Text| -> String {
        text.0
            .iter()
            .map(|span| match span {
                Span::Link { label, url } if label == url => url.clone(),
                // Not sent yet, so it leads nowhere yet.
                Span::Link { label, url } if url.starts_with(PRIVATE_SCHEME) => label.clone(),
                Span::Link { label, url } => format!("{label} ({url})"),
                other => other.words().to_owned(),
            })
            .collect()
    };
    match block {
        Block::Heading { text: words } | Block::Paragraph { text: words } => text(words),
        Block::List { ordered, items } => {
            let lines = items.iter().enumerate().map(|(index, item)| {
                let mark = if *ordered { format!("{}.", index + 1) } else { "•".to_owned() };
                format!("{mark} {}", text(item))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Block::Table { table } => {
            std::iter::once(&table.header).chain(&table.rows).map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n")
        }
        Block::Figure { alternative, .. } => alternative.clone(),
        Block::File { label, .. } => label.clone(),
        Block::Poll { poll } => std::iter::once(poll.question.clone())
            .chain(poll.options.iter().map(|option| format!("• {option}")))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Template { markdown } => markdown.clone(),
    }
}

/// Cuts `label` so that it measures at most `units_max`, at a grapheme, with an ellipsis.
fn shorten(label: &str, units_max: usize, unit: TextUnit) -> String {
    if unit.measure(label) <= units_max {
        return label.to_owned();
    }
    let room = units_max.saturating_sub(unit.measure("…"));
    let mut kept = String::new();
    for grapheme in label.graphemes(true) {
        if unit.measure(&kept) + unit.measure(grapheme) > room {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}

/// Cuts a long text into pieces that fit: at the end of a sentence where one ends in the last half of the piece,
/// else between words, else between graphemes.
fn split(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if fits(rest) {
            pieces.push(rest.to_owned());
            break;
        }
        // The longest prefix that fits, by bisection over grapheme starts: measuring is monotone in length.
        let starts: Vec<usize> = rest.grapheme_indices(true).map(|(at, _)| at).skip(1).collect();
        let fitting = starts.partition_point(|&at| fits(&rest[..at]));
        let Some(&longest) = starts.get(fitting.saturating_sub(1)) else {
            // A single grapheme larger than a whole message: nothing sensible can be shown of it.
            pieces.push("…".to_owned());
            break;
        };
        if fitting == 0 {
            // The first grapheme alone does not fit.
            pieces.push("…".to_owned());
            rest = rest[longest..].trim_start();
            continue;
        }
        let window = &rest[..longest];
        let sentence = window
            .match_indices([' ', '\n'])
            .map(|(at, _)| at)
            .rfind(|&at| window[..at].ends_with(['.', '!', '?', '…', ':', ';']) || window[at..].starts_with('\n'))
            .filter(|&at| at >= longest / 2);
        let word = window.rfind([' ', '\n']).filter(|&at| at > 0);
        let cut = sentence.or(word).unwrap_or(longest);
        pieces.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Table;

    fn capabilities(text_units_max: usize, buttons: Option<usize>) -> Capabilities {
        Capabilities {
            text_unit: TextUnit::Utf16,
            text_units_max,
            caption_units_max: 20,
            buttons: buttons.map(|count_max| ButtonLimits { count_max, label_units_max: 12 }),
            pictures: true,
            files: true,
            polls: None,
            edits: true,
            private: true,
        }
    }

    fn measure(blocks: &[Block]) -> usize {
        blocks.iter().map(|block| words_of(block).encode_utf16().count() + 2).sum()
    }

    fn lay_out(document: &Document, capabilities: &Capabilities) -> Layout {
        Layout::of(document, capabilities, measure, |payload| ActionToken(String::from(payload.clone())))
    }

    fn action(byte: u8) -> ActionPayload {
        ActionPayload::new([byte]).unwrap()
    }

    #[test]
    fn without_buttons_choices_become_numbers_and_steps_come_last() {
        let document = Document::says("Quel jour ?")
            .step("Retour", action(9))
            .choice("Samedi", action(1))
            .chosen("Dimanche", action(2));
        let layout = lay_out(&document, &capabilities(400, None));
        assert!(layout.numbered);
        assert_eq!(layout.warnings, [Warning::ChoicesBecameNumbers]);
        let Body::Text { blocks } = &layout.parts[0].body else { panic!("a text was expected") };
        let words: Vec<String> = blocks.iter().map(words_of).collect();
        assert_eq!(words, ["Quel jour ?", "1. Samedi", "2. Dimanche ✓", "3. Retour"]);
        assert_eq!(layout.tokens.len(), 3);
    }

    #[test]
    fn buttons_hang_under_the_last_part() {
        let document =
            Document::says("mot ".repeat(100)).choice("Une réponse plutôt longue", action(1)).choice("Non", action(2));
        let layout = lay_out(&document, &capabilities(120, Some(5)));
        let (last, before) = layout.parts.split_last().unwrap();
        assert!(before.iter().all(|part| part.buttons.is_empty()));
        assert_eq!(last.buttons[0].label, "Une réponse…");
        assert_eq!(layout.warnings, [Warning::TextWasSplit, Warning::LabelShortened]);
    }

    #[test]
    fn a_long_text_is_cut_at_the_end_of_a_sentence() {
        let text = "Le marché ouvre à huit heures. Il ferme à midi. La halle reste ouverte jusqu'au soir.";
        let pieces = split(text, |piece| piece.chars().count() <= 60);
        assert_eq!(
            pieces,
            ["Le marché ouvre à huit heures. Il ferme à midi.", "La halle reste ouverte jusqu'au soir."]
        );
    }

    proptest! {
        #[test]
        fn no_part_exceeds_the_limit_and_no_word_is_lost(
            paragraphs in prop::collection::vec("[a-zéà .!\n]{0,300}|[👩‍👩‍👧🏳️‍🌈x ]{0,60}", 1..6),
            rows in prop::collection::vec("[a-z]{1,30}", 0..20),
            text_units_max in 40usize..300,
        ) {
            let mut document = Document::new();
            for paragraph in &paragraphs {
                document = document.paragraph(paragraph.as_str());
            }
            document = document.table(Table {
                header: vec!["Choix".into()],
                rows: rows.iter().map(|row| vec![row.clone()]).collect(),
            });
            let capabilities = capabilities(text_units_max, Some(3));
            let layout = lay_out(&document, &capabilities);
            let mut shown = String::new();
            for part in &layout.parts {
                let Body::Text { blocks } = &part.body else { panic!("only text went in") };
                prop_assert!(measure(blocks) <= text_units_max);
                shown.extend(blocks.iter().map(words_of));
            }
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            let said: String = paragraphs.iter().map(|paragraph| letters(paragraph)).collect();
            prop_assert!(letters(&shown).contains(&said));
            for row in &rows {
                prop_assert!(shown.contains(row.as_str()));
            }
        }
    }
}
