//! What a button carries. A button holds no state on our side: its token says which plugin, which conversation
//! and what to do, and a MAC proves that we made it.
//!
//! A token is base64url of `plugin tag (2 bytes) | payload (0 to 22 bytes) | MAC (10 bytes)`: at most 46 ASCII
//! characters, which leaves room under Telegram's 64 bytes of `callback_data`. The MAC is HMAC-SHA-256 cut to 80
//! bits over plugin, conversation and payload, so a token copied to another chat is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ids::{ConversationId, PluginId};
use crate::redacted::Redacted;

/// Length of a sealed token, in ASCII characters.
pub const TOKEN_CHARACTERS_MAX: usize = 48;
/// Length of a plugin's own payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 22;
const TAG_BYTES: usize = 2;
const MAC_BYTES: usize = 10;

/// What a plugin puts behind a button: its own bytes, at most [`PAYLOAD_BYTES_MAX`] of them. Put the version of
/// what the button was about in here, so that a stale press can be told apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionPayload(Vec<u8>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("an action payload holds {0} bytes: at most {PAYLOAD_BYTES_MAX} fit behind a button")]
    TooLong(usize),
    #[error("the button was not made by this service for this conversation")]
    Forged,
    #[error("an action payload is not base64url")]
    NotText,
}

impl ActionPayload {
    /// # Errors
    /// When `bytes` is longer than [`PAYLOAD_BYTES_MAX`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ActionError> {
        let bytes = bytes.into();
        if bytes.len() > PAYLOAD_BYTES_MAX { Err(ActionError::TooLong(bytes.len())) } else { Ok(Self(bytes)) }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for ActionPayload {
    type Error = ActionError;

    fn try_from(text: String) -> Result<Self, ActionError> {
        Self::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| ActionError::NotText)?)
    }
}

impl From<ActionPayload> for String {
    fn from(payload: ActionPayload) -> String {
        URL_SAFE_NO_PAD.encode(payload.0)
    }
}

/// A sealed action, ready for a platform's button.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionToken(pub String);

/// Seals and opens tokens for one organisation.
#[derive(Clone, Debug)]
pub struct ActionSealer {
    key: Redacted<[u8; 32]>,
}

impl ActionSealer {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key: Redacted::new(key) }
    }

    pub fn seal(&self, plugin: &PluginId, conversation: ConversationId, payload: &ActionPayload) -> ActionToken {
        let mut bytes = tag(plugin).to_vec();
        bytes.extend_from_slice(&payload.0);
        bytes.extend_from_slice(&self.mac(plugin, conversation, payload));
        ActionToken(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Finds which of `plugins` a token belongs to, and what it carries.
    ///
    /// # Errors
    /// [`ActionError::Forged`] for anything this organisation did not seal for this conversation.
    pub fn open<'p>(
        &self,
        token: &ActionToken,
        conversation: ConversationId,
        plugins: impl IntoIterator<Item = &'p PluginId>,
    ) -> Result<(&'p PluginId, ActionPayload), ActionError> {
        if token.0.len() > TOKEN_CHARACTERS_MAX {
            return Err(ActionError::Forged);
        }
        let bytes = URL_SAFE_NO_PAD.decode(&token.0).map_err(|_| ActionError::Forged)?;
        if bytes.len() < TAG_BYTES + MAC_BYTES {
            return Err(ActionError::Forged);
        }
        let (found_tag, rest) = bytes.split_at(TAG_BYTES);
        let (payload, found_mac) = rest.split_at(rest.len() - MAC_BYTES);
        let payload = ActionPayload::new(payload).map_err(|_| ActionError::Forged)?;
        plugins
            .into_iter()
            .filter(|plugin| tag(plugin) == found_tag)
            .find(|plugin| self.mac(plugin, conversation, &payload).ct_eq(found_mac).into())
            .map(|plugin| (plugin, payload))
            .ok_or(ActionError::Forged)
    }

    fn mac(&self, plugin: &PluginId, conversation: ConversationId, payload: &ActionPayload) -> [u8; MAC_BYTES] {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).expect("any key length fits");
        mac.update(plugin.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(conversation.0.as_bytes());
        mac.update(&payload.0);
        let full = mac.finalize().into_bytes();
        std::array::from_fn(|i| full[i])
    }
}

/// Two bytes that say which plugin to ask first; the MAC over the whole name decides.
fn tag(plugin: &PluginId) -> [u8; TAG_BYTES] {
    let digest = Sha256::digest(plugin.as_str().as_bytes());
    [digest[0], digest[1]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn plugins() -> [PluginId; 2] {
        ["micro-consultations".parse().unwrap(), "other".parse().unwrap()]
    }

    proptest! {
        #[test]
        fn a_token_opens_only_where_it_was_sealed(
            payload in prop::collection::vec(any::<u8>(), 0..=PAYLOAD_BYTES_MAX),
            here: u128, there: u128, flip in 0usize..200,
        ) {
            let [plugin, other] = plugins();
            let sealer = ActionSealer::new([7; 32]);
            let here = ConversationId(Uuid::from_u128(here));
            let payload = ActionPayload::new(payload).unwrap();
            let token = sealer.seal(&plugin, here, &payload);
            prop_assert!(token.0.len() <= TOKEN_CHARACTERS_MAX && token.0.is_ascii());
            prop_assert_eq!(sealer.open(&token, here, [&other, &plugin]).unwrap(), (&plugin, payload));

            let there = ConversationId(Uuid::from_u128(there));
            if there != here {
                prop_assert_eq!(sealer.open(&token, there, [&plugin]), Err(ActionError::Forged));
            }
            prop_assert_eq!(ActionSealer::new([8; 32]).open(&token, here, [&plugin]), Err(ActionError::Forged));
            let mut bytes = token.0.clone().into_bytes();
            let at = flip % bytes.len();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = ActionToken(String::from_utf8(bytes).unwrap());
            if forged != token {
                // The last character carries spare bits: base64 refuses what is not canonical.
                prop_assert!(sealer.open(&forged, here, [&plugin]).is_err());
            }
        }

        #[test]
        fn rubbish_is_refused(text in ".{0,80}") {
            let plugin = &plugins()[0];
            let opened = ActionSealer::new([7; 32]).open(&ActionToken(text), ConversationId(Uuid::nil()), [plugin]);
            prop_assert_eq!(opened, Err(ActionError::Forged));
        }
    }
}
