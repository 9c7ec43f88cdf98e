//! Who is asking: a script with its Bearer token, or a browser with its cookie and, for whatever changes something,
//! the CSRF token that another site cannot know.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName, header};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use crate::Webchat;
use crate::session::{Session, Token};

pub(super) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// Longest token looked at: our own have 43 characters.
const TOKEN_CHARACTERS_MAX: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Read,
    Change,
}

/// A visitor whose session was found.
pub(super) struct Visitor {
    pub session: Session,
    /// The token, when it came in a cookie.
    pub cookie: Option<Token>,
}

impl Webchat {
    pub(super) async fn visitor(&self, headers: &HeaderMap, intent: Intent) -> Result<Visitor, ApiError> {
        if let Some(token) = bearer(headers) {
            let session = self.sessions.find(&token).await?.ok_or(ApiError::NoSession)?;
            return Ok(Visitor { session, cookie: None });
        }
        let token = self.cookie(headers).ok_or(ApiError::NoSession)?;
        let session = self.sessions.find(&token).await?.ok_or(ApiError::NoSession)?;
        if intent == Intent::Change {
            let given = headers.get(CSRF_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
            if !bool::from(token.csrf().as_bytes().ct_eq(given)) {
                return Err(ApiError::BadCsrf);
            }
        }
        Ok(Visitor { session, cookie: Some(token) })
    }

    /// The address a request came from, as far as it can be believed.
    pub(super) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        let trusted = |address: IpAddr| self.site.trusted_proxies.iter().any(|network| network.contains(address));
        let mut client = peer.ip();
        // Each proxy appends whom it saw: read from the end for as long as the one who says so is trusted.
        let forwarded = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            if !trusted(client) {
                break;
            }
            match hop.parse() {
                Ok(address) => client = address,
                Err(_) => break,
            }
        }
        Some(client)
    }

    /// The cookie that gives a browser its session. With TLS its name binds it to this host (RFC 6265bis, 4.1.3.2).
    pub(super) fn cookie_with(&self, token: &Token) -> String {
        let seconds = u32::from(self.session_days) * 86_400;
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{}",
            self.cookie_name(),
            token.expose(),
            self.secure()
        )
    }

    pub(super) fn cookie_gone(&self) -> String {
        format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{}", self.cookie_name(), self.secure())
    }

    fn cookie(&self, headers: &HeaderMap) -> Option<Token> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name()).and_then(|(_, value)| token(value))
    }

    fn cookie_name(&self) -> &'static str {
        if self.secure().is_empty() { "crieur-webchat" } else { "__Host-crieur-webchat" }
    }

    fn secure(&self) -> &'static str {
        if self.site.public_url.to_ascii_lowercase().starts_with("https:") { "; Secure" } else { "" }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token(value.trim()))?
}

fn token(text: &str) -> Option<Token> {
    (1..=TOKEN_CHARACTERS_MAX).contains(&text.len()).then(|| Token::new(text))
}
