//! From blocks to Telegram's text with entities. Entities stand beside the text, so no word in it can become markup
//! and nothing needs escaping. What Telegram would still make of plain words is a mention, which calls a person: an
//! invisible word joiner keeps `@` and the name apart.

use bot_core::message::layout::words_of;
use bot_core::message::{Block, Document, Poll, Span, Table, Text, TextUnit};
use teloxide::types::{MessageEntity, MessageEntityKind};

/// Characters of a text after entities parsing (Bot API: sendMessage), counted in UTF-16 units, which is never less.
pub(crate) const TEXT_UNITS_MAX: usize = 4096;
/// Characters of a caption (Bot API: sendPhoto).
pub(crate) const CAPTION_UNITS_MAX: usize = 1024;
/// Telegram shows no more entities than this in one message and drops the others without a word.
const ENTITIES_MAX: usize = 100;
/// U+2060, invisible and without width.
const WORD_JOINER: char = '\u{2060}';

/// A text with its entities, whose offsets are UTF-16 units.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Words {
    pub text: String,
    pub entities: Vec<MessageEntity>,
    units: usize,
}

/// Composes blocks that went through [`tellable`].
pub(crate) fn compose(blocks: &[Block]) -> Words {
    let mut words = Words::default();
    for block in blocks {
        if words.units > 0 {
            words.push("\n\n", None);
        }
        words.block(block);
    }
    if words.text.trim().is_empty() {
        // Telegram takes no empty message, and the buttons need one to hang under.
        return Words { text: "…".to_owned(), entities: Vec::new(), units: 1 };
    }
    words
}

/// The length of blocks; too long, too, when Telegram would drop some of their links.
pub(crate) fn measure(blocks: &[Block]) -> usize {
    let words = compose(blocks);
    if words.entities.len() > ENTITIES_MAX { words.units.max(TEXT_UNITS_MAX + 1) } else { words.units }
}

impl Words {
    fn push(&mut self, text: &str, kind: Option<MessageEntityKind>) {
        let units = TextUnit::Utf16.measure(text);
        if let Some(kind) = kind.filter(|_| !text.trim().is_empty()) {
            self.entities.push(MessageEntity::new(kind, self.units, units));
        }
        self.text.push_str(text);
        self.units += units;
    }

    fn block(&mut self, block: &Block) {
        match block {
            // Bold within bold says nothing more: a heading keeps only its links.
            Block::Heading { text } => {
                let start = self.units;
                for span in &text.0 {
                    let link = matches!(span, Span::Link { .. }).then(|| kind_of(span)).flatten();
                    self.push(span.words(), link);
                }
                if self.units > start {
                    self.entities.push(MessageEntity::new(MessageEntityKind::Bold, start, self.units - start));
                }
            }
            Block::Paragraph { text } => self.text(text),
            Block::List { ordered, items } => {
                for (index, item) in items.iter().enumerate() {
                    let mark = if *ordered { format!("{}. ", index + 1) } else { "• ".to_owned() };
                    let start = if index == 0 { "" } else { "\n" };
                    self.push(&format!("{start}{mark}"), None);
                    self.text(item);
                }
            }
            Block::Table { table } => {
                self.push(&table.header.join(" | "), Some(MessageEntityKind::Bold));
                for row in &table.rows {
                    self.push(&format!("\n{}", row.join(" | ")), None);
                }
            }
            // The layout makes parts or words of the others.
            other => self.push(&words_of(other), None),
        }
    }

    fn text(&mut self, text: &Text) {
        for span in &text.0 {
            self.push(span.words(), kind_of(span));
        }
    }
}

fn kind_of(span: &Span) -> Option<MessageEntityKind> {
    match span {
        Span::Plain(_) => None,
        Span::Strong(_) => Some(MessageEntityKind::Bold),
        Span::Emphasis(_) => Some(MessageEntityKind::Italic),
        Span::Code(_) => Some(MessageEntityKind::Code),
        Span::Link { url, .. } => reqwest::Url::parse(url).ok().map(|url| MessageEntityKind::TextLink { url }),
    }
}

/// The document as Telegram can tell it: mentions disarmed, links only where Telegram follows them, no characters
/// that it would cut out, no file label that does not fit under its file.
pub(crate) fn tellable(document: &Document) -> Document {
    let mut blocks = Vec::with_capacity(document.blocks.len());
    for block in &document.blocks {
        let block = match block {
            Block::Heading { text } => Block::Heading { text: tellable_text(text) },
            Block::Paragraph { text } => Block::Paragraph { text: tellable_text(text) },
            Block::List { ordered, items } => {
                Block::List { ordered: *ordered, items: items.iter().map(tellable_text).collect() }
            }
            Block::Table { table } => {
                let cells = |cells: &[String]| cells.iter().map(|cell| disarmed(cell)).collect();
                let rows = table.rows.iter().map(|row| cells(row)).collect();
                Block::Table { table: Table { header: cells(&table.header), rows } }
            }
            Block::Figure { media, alternative } => Block::Figure { media: *media, alternative: disarmed(alternative) },
            Block::File { media, label } => {
                let label = disarmed(label);
                if TextUnit::Utf16.measure(&label) > CAPTION_UNITS_MAX {
                    blocks.push(Block::Paragraph { text: label.into() });
                    Block::File { media: *media, label: "↑".to_owned() }
                } else {
                    Block::File { media: *media, label }
                }
            }
            Block::Poll { poll } => {
                let options = poll.options.iter().map(|option| disarmed(option)).collect();
                Block::Poll { poll: Poll { question: disarmed(&poll.question), options, multiple: poll.multiple } }
            }
            Block::Template { markdown } => Block::Template { markdown: disarmed(markdown) },
        };
        blocks.push(block);
    }
    let choices = document.choices.iter().cloned().map(|mut choice| {
        choice.label = disarmed(&choice.label).replace('\n', " ");
        choice
    });
    Document { blocks, choices: choices.collect() }
}

fn tellable_text(text: &Text) -> Text {
    let span = |span: &Span| match span {
        Span::Plain(words) => Span::Plain(disarmed(words)),
        Span::Strong(words) => Span::Strong(disarmed(words)),
        Span::Emphasis(words) => Span::Emphasis(disarmed(words)),
        Span::Code(words) => Span::Code(disarmed(words)),
        Span::Link { label, url } if may_be_followed(url) && label == url => {
            Span::Link { label: shown(label), url: url.clone() }
        }
        Span::Link { label, url } if may_be_followed(url) && !label.trim().is_empty() => {
            Span::Link { label: disarmed(label), url: url.clone() }
        }
        Span::Link { label, url } if label.trim().is_empty() => Span::Plain(disarmed(url)),
        Span::Link { label, url } => {
            let address = url.strip_prefix("mailto:").unwrap_or(url);
            Span::Plain(disarmed(&if label == address { label.clone() } else { format!("{label} ({address})") }))
        }
    };
    Text(text.0.iter().map(span).collect())
}

/// Telegram drops a link to anything else without a word, and `tg:` would call a person.
fn may_be_followed(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.contains('.'))
    })
}

/// Without the characters that Telegram cuts out or that turn the reading direction (td, `clean_input_string`).
fn shown(words: &str) -> String {
    let character = |character: char| match character {
        '\n' => Some('\n'),
        '\r' => None,
        '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{202a}'..='\u{202e}' => None,
        control if control.is_control() => Some(' '),
        other => Some(other),
    };
    words.chars().filter_map(character).collect()
}

/// Telegram takes `@` and two or more of `A-Za-z0-9_` for a mention unless a letter, digit or `_` stands before it,
/// as in an address of mail. The piece's neighbours are not known, so what stands at its edges is disarmed as well.
pub(crate) fn disarmed(words: &str) -> String {
    let words = shown(words);
    let mut told = String::with_capacity(words.len());
    for token in words.split_inclusive(char::is_whitespace) {
        // The layout cuts only what has no space for a whole message: no address is that long.
        let (address_of_a_page, address_of_mail) = (token.len() <= 2000, token.len() <= 320);
        if address_of_a_page && is_address_of_a_page(token) {
            told.push_str(token);
            continue;
        }
        let mut before = None;
        let mut characters = token.chars().peekable();
        while let Some(character) = characters.next() {
            told.push(character);
            let follows = characters.peek().is_none_or(|next| next.is_ascii_alphanumeric() || *next == '_');
            let within_a_word = before.is_some_and(|before: char| before.is_alphanumeric() || before == '_');
            if character == '@' && follows && !(within_a_word && address_of_mail) {
                told.push(WORD_JOINER);
            }
            before = Some(character);
        }
    }
    told
}

/// Within the address of a page Telegram sees no mention.
fn is_address_of_a_page(token: &str) -> bool {
    let Some(rest) = token.strip_prefix("https://").or_else(|| token.strip_prefix("http://")) else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() > 1
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_disarmed_and_an_address_is_not() {
        for (said, told) in [
            ("@bob", "@\u{2060}bob"),
            ("(@bob_1)", "(@\u{2060}bob_1)"),
            ("mairie@example.fr", "mairie@example.fr"),
            ("a @ b", "a @ b"),
            ("@", "@\u{2060}"),
            ("https://social.example/@bob", "https://social.example/@bob"),
            ("https://@bob", "https://@\u{2060}bob"),
            ("x/@bob", "x/@\u{2060}bob"),
            ("a\u{202e}b\u{0}c\r\nd", "ab c\nd"),
        ] {
            assert_eq!(disarmed(said), told, "{said}");
        }
    }

    #[test]
    fn entities_count_in_utf16() {
        let text = Text::new().plain("🏛 ").strong("halle").plain(" ").link("le projet", "https://example.org/a");
        let words = compose(&[Block::Paragraph { text }]);
        assert_eq!(words.text, "🏛 halle le projet");
        let ranges: Vec<_> = words.entities.iter().map(|entity| (entity.offset, entity.length)).collect();
        assert_eq!(ranges, [(3, 5), (9, 9)]);
        assert_eq!(words.units, 18);
    }

    #[test]
    fn links_that_telegram_would_drop_are_said_in_words() {
        let text = Text::new()
            .link("écrire", "mailto:mairie@example.org")
            .plain(" ")
            .link("ici", "javascript:alert(1)")
            .plain(" ")
            .link("moi", "tg://user?id=42")
            .link("", "https://example.org");
        let document = tellable(&Document::says(text));
        let words = compose(&document.blocks);
        assert!(words.entities.is_empty());
        assert_eq!(
            words.text,
            "écrire (mairie@example.org) ici (javascript:alert(1)) moi (tg://user?id=42)https://example.org"
        );
    }

    #[test]
    fn more_links_than_telegram_shows_are_split() {
        let text = (0..101).fold(Text::new(), |text, n| text.link(format!("l{n}"), "https://example.org"));
        assert!(measure(&[Block::Paragraph { text }]) > TEXT_UNITS_MAX);
        assert_eq!(compose(&[]).text, "…");
    }
}
