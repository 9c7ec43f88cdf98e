//! A message document: what is said, with no word about how a platform shows it.

use std::fmt;

use base64::Engine;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::action::ActionPayload;

/// A message as a plugin writes it. Serialised canonically (struct order, no maps), so equal documents have equal
/// hashes and are stored once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Document {
    pub blocks: Vec<Block>,
    /// What the reader may press or answer by number. They come last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "block", rename_all = "snake_case")]
pub enum Block {
    Heading {
        text: Text,
    },
    Paragraph {
        text: Text,
    },
    List {
        ordered: bool,
        items: Vec<Text>,
    },
    Table {
        table: Table,
    },
    /// A picture with its text twin: `alternative` says in words what the picture shows. It is sent as caption or
    /// description, or in the picture's place where none can be shown.
    Figure {
        media: MediaHash,
        alternative: String,
    },
    /// A file to keep.
    File {
        media: MediaHash,
        label: String,
    },
    /// A native poll of the platform: readable by others, never a ballot of an anonymous consultation. Where it
    /// cannot be shown, its words are.
    Poll {
        poll: Poll,
    },
    /// An organiser's wording: handlebars over Markdown, filled from the delivery's variables when it is rendered.
    Template {
        markdown: String,
    },
}

/// Rows of equal length under a header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// One question for a platform's native poll.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Poll {
    pub question: String,
    /// 2 or more.
    pub options: Vec<String>,
    /// Several answers may be chosen.
    #[serde(default)]
    pub multiple: bool,
}

/// Words with emphasis and links. Plain text in a span is never read as markup.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub Vec<Span>);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    Plain(String),
    Strong(String),
    Emphasis(String),
    Code(String),
    /// `url` is http, https or mailto; anything else is shown as plain words.
    Link {
        label: String,
        url: String,
    },
}

/// Something the reader may choose.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Choice {
    pub label: String,
    pub action: ActionPayload,
    /// Already chosen: shown with a tick, and said so to a screen reader.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen: bool,
    /// A step (back, next, skip) rather than an answer: such choices share one row, below the answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub step: bool,
}

/// Stands before the payload of [`Text::private_link`] until the message is sent.
pub(crate) const PRIVATE_SCHEME: &str = "private:";

/// SHA-256 of a stored picture or file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MediaHash(pub [u8; 32]);

impl MediaHash {
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for MediaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl std::str::FromStr for MediaHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or("a media hash is 32 bytes of base64url")
    }
}

impl Serialize for MediaHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MediaHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Document {
    pub fn new() -> Self {
        Self::default()
    }

    /// A document of one paragraph.
    pub fn says(text: impl Into<Text>) -> Self {
        Self::new().paragraph(text)
    }

    pub fn heading(mut self, text: impl Into<Text>) -> Self {
        self.blocks.push(Block::Heading { text: text.into() });
        self
    }

    pub fn paragraph(mut self, text: impl Into<Text>) -> Self {
        self.blocks.push(Block::Paragraph { text: text.into() });
        self
    }

    pub fn list<T: Into<Text>>(mut self, items: impl IntoIterator<Item = T>) -> Self {
        self.blocks.push(Block::List { ordered: false, items: items.into_iter().map(Into::into).collect() });
        self
    }

    pub fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table { table });
        self
    }

    pub fn figure(mut self, media: MediaHash, alternative: impl Into<String>) -> Self {
        self.blocks.push(Block::Figure { media, alternative: alternative.into() });
        self
    }

    pub fn file(mut self, media: MediaHash, label: impl Into<String>) -> Self {
        self.blocks.push(Block::File { media, label: label.into() });
        self
    }

    pub fn poll(mut self, poll: Poll) -> Self {
        self.blocks.push(Block::Poll { poll });
        self
    }

    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    pub fn choice(mut self, label: impl Into<String>, action: ActionPayload) -> Self {
        self.choices.push(Choice { label: label.into(), action, chosen: false, step: false });
        self
    }

    pub fn chosen(mut self, label: impl Into<String>, action: ActionPayload) -> Self {
        self.choices.push(Choice { label: label.into(), action, chosen: true, step: false });
        self
    }

    pub fn step(mut self, label: impl Into<String>, action: ActionPayload) -> Self {
        self.choices.push(Choice { label: label.into(), action, chosen: false, step: true });
        self
    }

    /// SHA-256 over the canonical serialisation.
    pub fn hash(&self) -> [u8; 32] {
        // Serialising plain structs and enums with string keys cannot fail; an empty body would only collide
        // with another empty body.
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }

    /// All media the document shows or hands out.
    pub fn media(&self) -> impl Iterator<Item = MediaHash> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Figure { media, .. } | Block::File { media, .. } => Some(*media),
            _ => None,
        })
    }
}

impl Text {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn plain(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Plain(words.into()));
        self
    }

    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Strong(words.into()));
        self
    }

    pub fn emphasis(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Emphasis(words.into()));
        self
    }

    pub fn code(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Code(words.into()));
        self
    }

    pub fn link(mut self, label: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(Span::Link { label: label.into(), url: url.into() });
        self
    }

    /// A link to the private conversation with the account that will send this, wherever that is. Followed, it is as
    /// if the reader had written there the command that `payload` names (see [`CommandDeclaration::linkable`]); where
    /// the platform cannot do that, the words to write stand beside the link.
    ///
    /// [`CommandDeclaration::linkable`]: crate::plugin::CommandDeclaration::linkable
    pub fn private_link(self, label: impl Into<String>, payload: &str) -> Self {
        self.link(label, format!("{PRIVATE_SCHEME}{payload}"))
    }

    /// The words alone, as a screen reader would say them.
    pub fn words(&self) -> String {
        self.0.iter().map(Span::words).collect()
    }
}

impl Span {
    pub fn words(&self) -> &str {
        match self {
            Self::Plain(words) | Self::Strong(words) | Self::Emphasis(words) | Self::Code(words) => words,
            Self::Link { label, .. } => label,
        }
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::new().plain(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::new().plain(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_documents_have_equal_hashes_and_survive_storage() {
        let action = ActionPayload::new([1, 2, 3]).unwrap();
        let document = Document::new()
            .heading("Marché couvert")
            .paragraph(Text::new().plain("Quelle ").strong("halle").plain(" ?"))
            .figure(MediaHash::of(b"picture"), "un graphique")
            .choice("Halle couverte", action.clone())
            .step("Retour", action);
        let stored = serde_json::to_value(&document).unwrap();
        let back: Document = serde_json::from_value(stored).unwrap();
        assert_eq!(back, document);
        assert_eq!(back.hash(), document.hash());
        assert_ne!(Document::says("autre").hash(), document.hash());
    }
}
