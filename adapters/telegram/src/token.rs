//! The bot's token, and what is derived from it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::Redacted;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// `<bot id>:<secret>`, as @BotFather gives it.
#[derive(Clone, Debug)]
pub(crate) struct BotToken(Redacted<String>);

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token file cannot be read ({0}): write the token of @BotFather to the file that `token_file` names")]
    Unreadable(std::io::ErrorKind),
    #[error(
        "the token file holds no bot token: write to it, alone on its line, what @BotFather gave you; \
         it looks like 123456:AbC-dEf"
    )]
    NotAToken,
}

impl BotToken {
    pub(crate) fn read(file: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(file).map_err(|error| TokenError::Unreadable(error.kind()))?;
        Self::parse(text.trim())
    }

    fn parse(text: &str) -> Result<Self, TokenError> {
        let (id, secret) = text.split_once(':').ok_or(TokenError::NotAToken)?;
        let id_is_right = id.parse::<u64>().is_ok() && id.len() <= 20;
        let secret_is_right = !secret.is_empty()
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        // What goes into an address must need no escaping there.
        if id_is_right && secret_is_right && text.len() <= 128 {
            Ok(Self(Redacted::new(text.to_owned())))
        } else {
            Err(TokenError::NotAToken)
        }
    }

    /// The caller promises that it reaches no log line.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The public half: which bot this is.
    pub(crate) fn bot_id(&self) -> &str {
        self.expose().split(':').next().unwrap_or_default()
    }

    /// The last part of the webhook's path: nobody can guess it, and it is the same after a restart.
    pub(crate) fn webhook_path(&self) -> String {
        self.derived("crieur telegram webhook path")
    }

    /// What Telegram shows with each delivery (Bot API: setWebhook `secret_token`, 1-256 of `A-Za-z0-9_-`).
    pub(crate) fn webhook_secret(&self) -> Redacted<String> {
        Redacted::new(self.derived("crieur telegram webhook secret"))
    }

    /// Compares in constant time.
    pub(crate) fn is_webhook_secret(&self, shown: &[u8]) -> bool {
        self.webhook_secret().expose().as_bytes().ct_eq(shown).into()
    }

    fn derived(&self, purpose: &str) -> String {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.expose().as_bytes()).expect("any key length fits");
        mac.update(purpose.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_is_taken_for_one() {
        assert_eq!(BotToken::parse("123456:AbC-d_E1").unwrap().bot_id(), "123456");
        for wrong in ["", "token", "abc:def", "123456:", "123:a/b", "123:a b", ":x", "123:é"] {
            assert_eq!(BotToken::parse(wrong).unwrap_err(), TokenError::NotAToken, "{wrong}");
        }
        let missing = BotToken::read(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(missing, TokenError::Unreadable(std::io::ErrorKind::NotFound));
    }

    #[test]
    fn the_webhook_secret_survives_a_restart_and_differs_per_bot() {
        let [one, again, other] = ["1:a", "1:a", "1:b"].map(|text| BotToken::parse(text).unwrap());
        assert_eq!(one.webhook_secret(), again.webhook_secret());
        assert_ne!(one.webhook_secret(), other.webhook_secret());
        assert_ne!(one.webhook_path(), one.webhook_secret().into_exposed());
        assert!(one.is_webhook_secret(again.webhook_secret().expose().as_bytes()));
        assert!(!one.is_webhook_secret(b"") && !one.is_webhook_secret(other.webhook_secret().expose().as_bytes()));
        assert!(one.webhook_path().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')));
    }
}
