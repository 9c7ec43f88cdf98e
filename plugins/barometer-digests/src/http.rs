//! An answer to a browser, without the web server: what the routes do can be tested here, and the server only passes
//! it on.

use bot_core::Locale;
use bot_core::plugin::OrganisationView;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::words::{Argument, text};

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
const FORM_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// The style of forms on top of that of the public pages, `text/css`: served at `/digests/form.css`.
pub const FORM_STYLESHEET: &str = include_str!("form.css");

impl Answer {
    /// A page with a form, or what came of it: for nobody's cache and no search engine.
    pub(crate) fn form(status: u16, locale: Locale, page: String) -> Self {
        let headers = vec![
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("content-language", locale.to_string()),
            ("cache-control", "no-store".to_owned()),
            ("x-robots-tag", "noindex, nofollow".to_owned()),
            ("content-security-policy", FORM_POLICY.to_owned()),
        ];
        Self { status, headers, body: page.into_bytes() }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
    }
}

impl Visit<'_> {
    pub(crate) fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        escape(&text(self.locale, id, arguments))
    }

    /// A whole page with a form; `body` is HTML. `path` is where it can be asked for in the other language.
    pub(crate) fn form_page(&self, title: &str, path: Option<&str>, body: &str) -> String {
        let (language, organisation) = (self.locale, escape(&self.organisation.title));
        let (title, skip) = (escape(title), self.say("readers-page-skip", &[]));
        let other = match self.locale {
            Locale::Fr => Locale::En,
            Locale::En => Locale::Fr,
        };
        let switch = path.map_or_else(String::new, |path| {
            let switch = self.say("readers-page-other-language", &[]);
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
<link rel="stylesheet" href="/digests/form.css">
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
