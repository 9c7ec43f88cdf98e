//! Newtypes for everything that has an identity, so that a bare integer or uuid never crosses a signature.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::redacted::Redacted;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A tenant. First in the key of everything that grows.
    OrganisationId(i32)
);
id!(
    /// A configured bot connection.
    AccountId(i32)
);
id!(
    /// A person within one organisation.
    ContactId(Uuid)
);
id!(
    /// A public body that contacts work for.
    CollectiviteId(i64)
);
id!(
    /// A person on one platform, by number: safe in a log line, unlike the address itself.
    AddressId(i64)
);
id!(
    /// Where a message goes: a direct chat, a group, a channel or a thread on one account.
    ConversationId(Uuid)
);
id!(
    /// One thing to do on a platform for one recipient.
    DeliveryId(Uuid)
);
id!(
    /// A running crieur process.
    RunnerId(i32)
);
id!(
    /// The place of an event in its account's arrival order.
    InboxSequence(i64)
);

impl DeliveryId {
    /// The identity of one platform call, from which idempotency keys derive. 25 characters at most, the limit
    /// of Discord's `nonce` (docs: Create Message).
    pub fn part_key(self, index: u16) -> String {
        use base64::Engine;
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0.as_bytes());
        format!("{id}.{index}")
    }
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must {rule}")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
}

/// The name of a plugin: lower-case letters, digits and hyphens, as its folder is called.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginId(String);

impl PluginId {
    /// The plugin id under which the core files its own fires and messages.
    pub fn core() -> Self {
        Self("core".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PluginId {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let well_formed = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts_well && well_formed && name.len() <= 41 {
            Ok(Self(name))
        } else {
            Err(InvalidName {
                what: "a plugin id",
                rule: "start with a letter and hold at most 41 of a-z, 0-9 and `-`",
            })
        }
    }
}

impl FromStr for PluginId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        name.to_owned().try_into()
    }
}

impl From<PluginId> for String {
    fn from(id: PluginId) -> String {
        id.0
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The platform an account speaks, e.g. `webchat`; also the scheme of the addresses found there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Platform(String);

impl Platform {
    /// `name` must be 1 to 20 of a-z and 0-9; the schema refuses anything else.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person on one platform, written `scheme:path` (`telegram:123`, `matrix:@a:b`). Personal data: `Debug`
/// shows the scheme only.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Address {
    pub scheme: Platform,
    pub path: Redacted<String>,
}

impl Address {
    pub fn new(scheme: Platform, path: impl Into<String>) -> Self {
        Self { scheme, path: Redacted::new(path.into()) }
    }

    /// `scheme:path`, for showing to the person it belongs to or to an operator who asked for it. Never log it.
    pub fn expose(&self) -> String {
        format!("{}:{}", self.scheme, self.path.expose())
    }
}

impl FromStr for Address {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once(':') {
            Some((scheme, path))
                if !scheme.is_empty()
                    && scheme.len() <= 20
                    && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                    && (1..=255).contains(&path.len()) =>
            {
                Ok(Self::new(Platform::new(scheme), path))
            }
            _ => Err(InvalidName { what: "an address", rule: "read `platform:name`, for example webchat:3f2a" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_does_not_print_its_path() {
        let address: Address = "matrix:@ana:example.org".parse().unwrap();
        assert!(!format!("{address:?}").contains("ana"));
        assert_eq!(address.expose(), "matrix:@ana:example.org");
    }

    #[test]
    fn a_part_key_fits_the_shortest_platform_limit() {
        assert!(DeliveryId(Uuid::max()).part_key(99).len() <= 25);
    }
}
