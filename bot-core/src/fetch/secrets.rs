//! Secrets of the operator's configuration, put into a request just before the call and only for hosts they are for.

use std::collections::BTreeMap;

use super::FetchFailure;
use crate::redacted::Redacted;

/// A secret of `[secrets.NAME]`.
#[derive(Clone, Debug)]
pub struct Secret {
    pub value: Redacted<String>,
    /// Hosts it may be sent to, as an address names them. Empty: it is sent nowhere.
    pub hosts: Vec<String>,
}

/// How a secret is written where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Address,
    Header,
    JsonBody,
    FormBody,
    OtherBody,
}

const OPENING: &str = "{secret:";

/// Puts the secrets into `text`, and says whether there were any.
///
/// # Errors
/// When a secret is not known, may not be sent to `host`, or cannot stand in a header.
pub(super) fn fill(
    text: &str,
    place: Place,
    host: &str,
    secrets: &BTreeMap<String, Secret>,
) -> Result<(String, bool), FetchFailure> {
    let (mut filled, mut rest, mut any) = (String::with_capacity(text.len()), text, false);
    while let Some((before, after)) = rest.split_once(OPENING) {
        let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
            filled.push_str(before);
            filled.push_str(OPENING);
            rest = after;
            continue;
        };
        let secret = secrets.get(name).ok_or_else(|| FetchFailure::SecretUnknown(name.to_owned()))?;
        if !secret.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            return Err(FetchFailure::SecretNotFor { name: name.to_owned(), host: host.to_owned() });
        }
        filled.push_str(before);
        filled.push_str(&written(secret.value.expose(), place, name)?);
        any = true;
        rest = behind;
    }
    filled.push_str(rest);
    Ok((filled, any))
}

/// The text without its secrets, to see what else it says.
pub(super) fn without(text: &str) -> String {
    let (mut left, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(OPENING) {
        left.push_str(before);
        match after.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((_, behind)) => {
                left.push('x');
                rest = behind;
            }
            None => {
                left.push_str(OPENING);
                rest = after;
            }
        }
    }
    left.push_str(rest);
    left
}

fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn written(value: &str, place: Place, name: &str) -> Result<String, FetchFailure> {
    match place {
        Place::Header if value.chars().any(char::is_control) => Err(FetchFailure::SecretUnfit(name.to_owned())),
        Place::Header | Place::OtherBody => Ok(value.to_owned()),
        // Without the quotes around: those are in the text already.
        Place::JsonBody => {
            let quoted = serde_json::Value::from(value).to_string();
            Ok(quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned())
        }
        Place::Address | Place::FormBody => Ok(value
            .bytes()
            .map(|byte| match byte {
                // The unreserved characters of RFC 3986, section 2.3.
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets(value: &str) -> BTreeMap<String, Secret> {
        let secret = Secret { value: Redacted::new(value.to_owned()), hosts: vec!["enquetes.example".to_owned()] };
        BTreeMap::from([("password".to_owned(), secret)])
    }

    #[test]
    fn a_secret_goes_only_where_it_is_for() {
        let known = secrets("hunter2");
        let filled = fill("Bearer {secret:password}", Place::Header, "enquetes.example", &known);
        assert_eq!(filled, Ok(("Bearer hunter2".to_owned(), true)));
        let elsewhere = fill("{secret:password}", Place::Header, "evil.example", &known).unwrap_err();
        assert_eq!(elsewhere.kind(), "secret");
        assert!(!elsewhere.to_string().contains("hunter2"));
        assert_eq!(
            fill("{secret:other}", Place::Header, "enquetes.example", &known),
            Err(FetchFailure::SecretUnknown("other".to_owned()))
        );
        let plain = fill("{secret:} {secret:NO} {secret:", Place::Header, "enquetes.example", &known);
        assert_eq!(plain, Ok(("{secret:} {secret:NO} {secret:".to_owned(), false)));
        assert_eq!(without("https://a.example/{secret:password}?{secret:"), "https://a.example/x?{secret:");
    }

    #[test]
    fn a_secret_cannot_begin_a_header_of_its_own() {
        let known = secrets("one\r\nX-Other: two");
        let refused = fill("{secret:password}", Place::Header, "enquetes.example", &known);
        assert_eq!(refused, Err(FetchFailure::SecretUnfit("password".to_owned())));
    }

    proptest! {
        #[test]
        fn a_secret_of_any_characters_arrives_as_it_is(value in "\\PC{0,20}|[\"\\\\{}\n&=+% ]{0,10}") {
            let known = secrets(&value);
            let fill = |text: &str, place| fill(text, place, "enquetes.example", &known).unwrap().0;
            let json: serde_json::Value =
                serde_json::from_str(&fill(r#"["{secret:password}"]"#, Place::JsonBody)).unwrap();
            prop_assert_eq!(json[0].as_str(), Some(value.as_str()));
            let url = reqwest::Url::parse(&fill("https://a.example/?p={secret:password}", Place::Address)).unwrap();
            let pair = url.query_pairs().next().unwrap();
            prop_assert_eq!(pair.1.as_ref(), value.as_str());
        }
    }
}
