//! An answer to a browser, without the web server: what the routes do can be tested here, and the server only passes
//! it on.

use bot_core::Locale;
use bot_core::plugin::OrganisationView;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::archive::escape;
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
    /// A text of ours, for HTML.
    pub(crate) fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        escape(&text(self.locale, id, arguments))
    }
}
