//! Whether a call comes from the questionnaire tool.

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{AGE_MAX, WebhookCall};
use crate::definition::WebhookMode;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Authority {
    /// It shows nothing, or something else.
    None,
    /// It was signed with the secret, `seconds` after our clock.
    Stale {
        seconds: i64,
    },
    Signed {
        signature: [u8; 32],
    },
    Bearer,
}

/// Looks at what a call shows. Without a campaign or a secret the same work is done, so that the time it takes tells
/// nothing.
pub(super) fn authority(
    call: &WebhookCall<'_>,
    mode: Option<WebhookMode>,
    secret: Option<&String>,
    shown_in_body: Option<&str>,
    now: DateTime<Utc>,
) -> Authority {
    let key = secret.map_or("", |secret| secret.as_str());
    let shown = match mode.unwrap_or_default() {
        WebhookMode::Signed => signed(call, key.as_bytes(), now),
        WebhookMode::Bearer => bearer(call, shown_in_body, key),
    };
    // An empty file is no secret: anybody could sign with it.
    if mode.is_none() || key.is_empty() { Authority::None } else { shown }
}

fn bearer(call: &WebhookCall<'_>, shown_in_body: Option<&str>, secret: &str) -> Authority {
    let header = call.authorization.unwrap_or_default().trim();
    let in_header = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let shown = in_header.map(|(_, token)| token).or(shown_in_body);
    let digest = |text: &str| Sha256::digest(text.trim().as_bytes());
    // Digests are of one length, whatever is compared.
    let equal: bool = digest(shown.unwrap_or_default()).ct_eq(&digest(secret)).into();
    if equal && shown.is_some() { Authority::Bearer } else { Authority::None }
}

fn signed(call: &WebhookCall<'_>, secret: &[u8], now: DateTime<Utc>) -> Authority {
    let header = call.signature.unwrap_or_default();
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map_or("", |(_, time)| time);
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length fits");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(call.body);
    let expected: [u8; 32] = mac.finalize().into_bytes().into();
    // A tool that is changing its secret signs with both.
    let matches = parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, hex)| bytes(hex))
        .fold(false, |matches, signature| matches | bool::from(signature.ct_eq(&expected)));
    let at = time.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    match at {
        Some(at) if matches && (at - now).abs() <= AGE_MAX => Authority::Signed { signature: expected },
        Some(at) if matches => Authority::Stale { seconds: (at - now).num_seconds() },
        _ => Authority::None,
    }
}

/// 32 bytes written as 64 hexadecimal digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2: the key `Jefe`.
    #[test]
    fn a_known_signature_is_recognised() {
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        assert_eq!(bytes(hex), Some(mac.finalize().into_bytes().into()));
        for wrong in ["", "5b", &hex[1..], &format!("{hex}00"), &hex.replace('5', "é"), &hex.replace('5', "+")] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
