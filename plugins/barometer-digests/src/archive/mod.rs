//! The public archive: a page for each edition that was published, a list of them, a feed and the very bytes.
//!
//! Served under `/digests`. Reading changes nothing, and nothing of a draft is ever here.

#[cfg(test)]
mod bench;
mod blocks;
mod feed;
mod json;
mod list;
mod page;

use bot_core::plugin::OrganisationView;
use bot_core::{Locale, Wording};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::words::{Argument, text};

pub use feed::feed;
pub use json::edition_json;
pub use list::list_page;
pub use page::edition_page;

/// The style of these pages on top of that of the public ones, `text/css`.
pub const STYLESHEET: &str = include_str!("page.css");

/// Who asks for a page, and of what.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'v> {
    pub pool: &'v PgPool,
    pub organisation: &'v OrganisationView,
    /// Without a path.
    pub public_url: Option<&'v str>,
    pub locale: Locale,
}

/// What the server is to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
    }
}

/// What anybody may keep, if they ask each time whether it is still so: an edition may be corrected at any moment.
/// `changed_at` is when what it shows was published or corrected last.
fn public(locale: Locale, content_type: &str, body: String, changed_at: Option<DateTime<Utc>>) -> Answer {
    // A strong validator (RFC 9110, section 8.8.3): the same bytes have the same one.
    let etag = format!("\"{}\"", &hex(&Sha256::digest(&body))[..32]);
    let mut headers = vec![
        ("content-type", content_type.to_owned()),
        ("content-language", locale.to_string()),
        ("vary", "accept-language".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("etag", etag),
    ];
    headers.extend(changed_at.map(|at| ("last-modified", at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())));
    Answer { headers, body }
}

fn html(locale: Locale, page: String, changed_at: Option<DateTime<Utc>>) -> Answer {
    public(locale, "text/html; charset=utf-8", page, changed_at)
}

impl Visit<'_> {
    /// A text of ours, for HTML.
    pub(crate) fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        escape(&text(self.locale, id, arguments))
    }

    /// Words of an organiser or editor, for HTML, marked where they are not in the page's language.
    fn words(&self, wording: &Wording) -> String {
        let words = escape(wording.in_locale(self.locale));
        if self.locale == Locale::En && wording.en.is_none() {
            format!("<span lang=\"fr\">{words}</span>")
        } else {
            words
        }
    }

    /// What a link to a page of ours needs to stay in the language.
    pub(crate) fn language(&self) -> &'static str {
        match self.locale {
            Locale::Fr => "",
            Locale::En => "?lang=en",
        }
    }

    /// A whole page of the archive; `title` are words, `path` is where the page is, `body` is HTML.
    pub(crate) fn page(&self, title: &str, path: &str, body: &str) -> String {
        let (language, organisation, title) = (self.locale, escape(&self.organisation.title), escape(title));
        let other = match self.locale {
            Locale::Fr => Locale::En,
            Locale::En => Locale::Fr,
        };
        let path = escape(path);
        let (skip, switch) = (self.say("archive-skip", &[]), self.say("archive-other-language", &[]));
        let (feed, query) = (self.say("archive-feed", &[]), self.language());
        format!(
            r##"<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – {organisation}</title>
<link rel="stylesheet" href="/consultations/style.css">
<link rel="stylesheet" href="/digests/style.css">
<link rel="alternate" type="application/atom+xml" title="{feed}" href="/digests/feed.atom{query}">
</head>
<body>
<header>
<a class="skip" href="#content">{skip}</a>
<p>{organisation} · <a href="{path}?lang={other}" hreflang="{other}" lang="{other}">{switch}</a></p>
</header>
<main id="content">
<h1>{title}</h1>
{body}</main>
</body>
</html>
"##
        )
    }
}

/// Plain words as HTML or XML text or attribute. What neither may hold (control characters) is left out.
pub(crate) fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            // XML 1.0, section 2.2.
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A stranger's address, when it is one that a page may link to.
fn followed(url: &str) -> Option<&str> {
    let scheme = url.split_once("://")?.0;
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")).then_some(url)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_followed() {
        for url in ["https://example.org/a", "HTTP://example.org"] {
            assert_eq!(followed(url), Some(url));
        }
        for url in
            ["javascript:alert(1)//x://", "data:text/html,x", "//example.org", "", "ftp://example.org", " https://x"]
        {
            assert_eq!(followed(url), None, "{url}");
        }
    }

    #[test]
    fn words_never_become_markup() {
        assert_eq!(escape("<b a='\"'>&\u{8}\u{ffff}\n"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\n");
    }
}
