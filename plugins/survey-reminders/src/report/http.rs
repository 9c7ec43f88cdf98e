//! An answer to a browser, without the web server: what the routes do can be tested here, and the server only passes
//! it on.

use std::sync::{Mutex, PoisonError};

use bot_core::Locale;
use bot_core::plugin::OrganisationView;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::words::text;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'v> {
    pub pool: &'v PgPool,
    pub organisation: &'v OrganisationView,
    /// Where the public pages are, without a trailing slash.
    pub public_url: Option<&'v str>,
    pub locale: Locale,
    pub now: DateTime<Utc>,
}

/// What the server is to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// A form may be sent to ourselves alone.
pub(crate) const FORM_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";
/// … or lead on to a questionnaire: browsers hold redirects after a form against this, those of the questionnaire too.
pub(crate) const LEADING_ON_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
    form-action 'self' https:; frame-ancestors 'none'";

/// The style of these pages on top of that of the public ones, `text/css`.
pub const STYLESHEET: &str = include_str!("page.css");

impl Answer {
    /// Nothing of these pages is for a cache or a search engine.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-robots-tag", "noindex, nofollow".to_owned()),
        ];
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn html(status: u16, locale: Locale, page: String, policy: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", page)
            .with("content-language", locale.as_str())
            .with("content-security-policy", policy)
    }

    /// Goes on elsewhere, by GET.
    pub(crate) fn see(place: &str) -> Self {
        Self::new(303, "text/plain; charset=utf-8", "").with("location", place)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
    }
}

impl Visit<'_> {
    pub(crate) fn say(&self, id: &str, arguments: &[(&str, super::words::Argument<'_>)]) -> String {
        escape(&text(self.locale, id, arguments))
    }

    /// What a link needs to stay in the language.
    pub(crate) fn language(&self) -> &'static str {
        match self.locale {
            Locale::Fr => "",
            Locale::En => "?lang=en",
        }
    }

    /// A whole page; `path` is where it is, or `None` where it cannot be asked for again.
    pub(crate) fn page(&self, title: &str, path: Option<&str>, body: &str) -> String {
        let (language, organisation) = (self.locale, escape(&self.organisation.title));
        let (title, skip) = (escape(title), self.say("report-page-skip", &[]));
        let other = match self.locale {
            Locale::Fr => Locale::En,
            Locale::En => Locale::Fr,
        };
        let switch = path.map_or_else(String::new, |path| {
            let switch = self.say("report-page-other-language", &[]);
            let path = escape(path);
            format!(r#" · <a href="{path}?lang={other}" hreflang="{other}" lang="{other}">{switch}</a>"#)
        });
        format!(
            r##"<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} – {organisation}</title>
<link rel="stylesheet" href="/consultations/style.css">
<link rel="stylesheet" href="/campaigns/style.css">
</head>
<body>
<header>
<a class="skip" href="#content">{skip}</a>
<p>{organisation}{switch}</p>
</header>
<main id="content">
<h1>{title}</h1>
{body}</main>
</body>
</html>
"##
        )
    }

    /// A page of a title and a sentence.
    pub(crate) fn plain_page(&self, status: u16, title: &str, lead: &str) -> Answer {
        let body = format!("<p>{}</p>\n", self.say(lead, &[]));
        let page = self.page(&text(self.locale, title, &[]), None, &body);
        Answer::html(status, self.locale, page, FORM_POLICY)
    }

    pub fn unknown(&self) -> Answer {
        self.plain_page(404, "report-page-unknown-title", "report-page-unknown-lead")
    }

    /// Too many requests came at the same time.
    pub fn busy(&self) -> Answer {
        let page = self.plain_page(429, "report-page-busy-title", "report-page-busy-lead");
        page.with("retry-after", "2")
    }
}

/// Plain words as HTML text or attribute.
pub(crate) fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// How many requests may come: a bucket that fills by the clock. For everybody together, so that whoever guesses tokens
/// keeps the database busy no more than a busy morning does.
#[derive(Debug)]
pub struct Bucket {
    most: f64,
    each_second: f64,
    level: Mutex<Option<(f64, DateTime<Utc>)>>,
}

impl Bucket {
    /// `most` at once, `each_second` on the long run.
    pub fn new(most: u32, each_second: u32) -> Self {
        Self { most: most.into(), each_second: each_second.into(), level: Mutex::new(None) }
    }

    /// Whether one more may come now.
    pub fn take(&self, now: DateTime<Utc>) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = level.unwrap_or((self.most, now));
        // A clock that was set back fills nothing.
        let seconds = (now - since).num_milliseconds().max(0) as f64 / 1000.0;
        let left = (left + seconds * self.each_second).min(self.most);
        let fits = left >= 1.0;
        *level = Some((if fits { left - 1.0 } else { left }, now));
        fits
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_bucket_lets_a_rush_through_and_then_a_trickle() {
        let start: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let bucket = Bucket::new(3, 1);
        let took = |seconds: i64| bucket.take(start + TimeDelta::seconds(seconds));
        assert_eq!([took(0), took(0), took(0), took(0)], [true, true, true, false]);
        assert_eq!([took(1), took(1)], [true, false]);
        assert_eq!([took(60), took(60), took(60), took(60)], [true, true, true, false]);
        assert!(!took(0), "a clock that goes back filled the bucket");
    }
}
