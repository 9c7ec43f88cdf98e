//! Feeds (RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed) into entries of plain words.

use chrono::{DateTime, Utc};
use feed_rs::model;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{encoding, markup, words};

mod date;

/// Entries taken of one feed; the first of them, which are the newest as feeds are written.
pub const ENTRIES_MAX: usize = 200;
pub const TITLE_CHARS_MAX: usize = 500;
pub const SUMMARY_CHARS_MAX: usize = 2000;
pub const URL_CHARS_MAX: usize = 2000;
/// A longer id is no id, but a mistake.
pub const ID_BYTES_MAX: usize = 2000;
/// Words of the text that stand in for a title where there is none.
const TITLE_FROM_TEXT_CHARS_MAX: usize = 120;

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feed {
    pub entries: Vec<Entry>,
    /// Entries without a word in title or text.
    pub wordless: usize,
    /// Entries after the first [`ENTRIES_MAX`].
    pub too_many: usize,
}

/// What a feed says of one piece of news.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    /// As the source names it; `None` where it gives no name.
    pub id: Option<String>,
    /// Absolute, `http:` or `https:`.
    pub url: Option<String>,
    /// Plain words, 1 to [`TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// Plain words; empty where there are none.
    pub summary: String,
    /// As the source says, plausible or not.
    pub published_at: Option<DateTime<Utc>>,
    /// A tag such as `fr` or `en-gb`, in small letters.
    pub language: Option<String>,
}

/// Why an answer gives no entries.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum FeedError {
    #[error("the answer is empty")]
    Empty,
    #[error("this is a web page, not a feed{}", .feed.as_ref().map(|url| format!(": write {url}")).unwrap_or_default())]
    Page {
        /// The feed that the page links to.
        feed: Option<String>,
    },
    #[error("this is neither RSS nor Atom nor JSON Feed")]
    NoFeed,
    #[error("the feed is broken: {why}")]
    Malformed { why: String },
    #[error("the feed nests or repeats its markup more than any real one")]
    Excessive,
}

/// Reads a feed that was fetched from `address` with this `Content-Type`.
///
/// # Errors
/// It is no feed, or a broken one: nothing of it is taken.
pub fn read(bytes: &[u8], content_type: Option<&str>, address: &str) -> Result<Feed, FeedError> {
    let text = encoding::decode(bytes, content_type);
    let text = text.trim_start_matches(|sign: char| sign.is_whitespace() || sign == '\u{feff}' || sign == '\0');
    if text.trim_end_matches(['\0', ' ', '\n', '\r', '\t']).is_empty() {
        return Err(FeedError::Empty);
    }
    let base = Url::parse(address).ok();
    let page = || markup::is_page(text).then(|| FeedError::Page { feed: markup::feed_of_page(text, base.as_ref()) });
    let text = if text.starts_with('{') {
        text.to_owned()
    } else if text.starts_with('<') {
        if let Some(page) = page() {
            return Err(page);
        }
        // It is text by now, whatever encoding it declares.
        let text = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest);
        // With zeros in it, the reader would take it for UTF-16, and find other tags than are measured here.
        // At a declaration in any other place quick-xml panics (0.42, `set_encoding`): written so, it is an instruction to
        // nobody.
        let text = text.replace('\0', "").replace("<?xml", "<?XML");
        let xml = markup::with_escaped_ampersands(&text);
        match markup::measured(&xml) {
            Ok(()) => xml,
            Err(_) => return Err(FeedError::Excessive),
        }
    } else {
        return Err(page().unwrap_or(FeedError::NoFeed));
    };
    let parser = feed_rs::parser::Builder::new()
        .base_uri(base.as_ref().map(Url::as_str))
        .id_generator(|_, _, _| String::new())
        .sanitize_content(false)
        .timestamp_parser(date::read)
        .build();
    let feed = parser.parse(text.as_bytes()).map_err(|error| match error {
        feed_rs::parser::ParseFeedError::ParseError(feed_rs::parser::ParseErrorKind::NoFeedRoot) => FeedError::NoFeed,
        error => FeedError::Malformed { why: words::of_text(&error.to_string(), 300) },
    })?;
    Ok(entries(feed, base.as_ref()))
}

fn entries(feed: model::Feed, base: Option<&Url>) -> Feed {
    let language = feed.language;
    let too_many = feed.entries.len().saturating_sub(ENTRIES_MAX);
    let taken = feed.entries.into_iter().take(ENTRIES_MAX);
    let read: Vec<Option<Entry>> = taken.map(|entry| read_entry(entry, base, language.as_deref())).collect();
    let wordless = read.iter().filter(|entry| entry.is_none()).count();
    Feed { entries: read.into_iter().flatten().collect(), wordless, too_many }
}

/// `None`: there is not a word in it.
fn read_entry(entry: model::Entry, base: Option<&Url>, language: Option<&str>) -> Option<Entry> {
    let html = |text: &str, chars_max| words::of_html(text, chars_max);
    let content = entry.content.and_then(|content| content.body);
    let texts = [entry.summary.map(|text| text.content), content];
    let summaries = texts.iter().flatten().map(|text| html(text, SUMMARY_CHARS_MAX));
    let summary = summaries.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut title = entry.title.map(|title| html(&title.content, TITLE_CHARS_MAX)).unwrap_or_default();
    if title.is_empty() {
        title = words::of_text(&summary, TITLE_FROM_TEXT_CHARS_MAX);
    }
    if title.is_empty() {
        return None;
    }
    let id = words::of_id(&entry.id, ID_BYTES_MAX);
    let is_the_entry_itself = |rel: Option<&str>| rel.is_none_or(|rel| rel.eq_ignore_ascii_case("alternate"));
    let mut links: Vec<&model::Link> = entry.links.iter().take(20).collect();
    // The first that is called so; failing that, whatever it links to but its own file.
    links.retain(|link| !["self", "edit", "enclosure", "hub"].contains(&link.rel.as_deref().unwrap_or_default()));
    links.sort_by_key(|link| !is_the_entry_itself(link.rel.as_deref()));
    let url = links
        .iter()
        .find_map(|link| markup::web_address(&link.href, base))
        // An id may be the entry's address (`isPermaLink`), and is never a relative one.
        .or_else(|| id.as_deref().and_then(|id| markup::web_address(id, None)));
    let language = entry.language.as_deref().or(language).map(str::to_ascii_lowercase);
    let language = language.filter(|tag| is_language(tag));
    Some(Entry { id, url, title, summary, published_at: entry.published.or(entry.updated), language })
}

/// A language tag by its form (BCP 47).
fn is_language(tag: &str) -> bool {
    tag.len() <= 35
        && tag.split('-').next().is_some_and(|first| (2..=3).contains(&first.len()))
        && tag.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
