//! What an operator may set, and what the service knows about its place on the network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use bot_core::Locale;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[webchat]` table. Every field has a default.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebchatSettings {
    /// Days without a visit after which a session and its transcript are removed. 1 to 3650.
    #[schemars(range(min = 1, max = 3650))]
    pub session_days: u16,
    /// Messages a session may send at once. 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub messages_burst: u32,
    /// Messages a session may send per minute after that. 1 to 6000.
    #[schemars(range(min = 1, max = 6000))]
    pub messages_per_minute: u32,
    /// Sessions that may be opened at once from one network address (an IPv6 /64 counts as one). The default lets a
    /// hall full of people on one wireless network in. 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub sessions_burst: u32,
    /// Sessions that may be opened per minute from one network address after that. 1 to 6000.
    #[schemars(range(min = 1, max = 6000))]
    pub sessions_per_minute: u32,
    /// Event streams one session may hold open: browser tabs. 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub streams_max: u16,
}

impl Default for WebchatSettings {
    fn default() -> Self {
        Self {
            session_days: 180,
            messages_burst: 20,
            messages_per_minute: 60,
            sessions_burst: 200,
            sessions_per_minute: 60,
            streams_max: 4,
        }
    }
}

/// A setting out of its range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{field}` is {value}: write a number from {min} to {max}")]
pub struct SettingError {
    pub field: &'static str,
    value: u32,
    min: u32,
    max: u32,
}

impl WebchatSettings {
    /// # Errors
    /// Names the first field that is out of its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let ranges = [
            ("session_days", u32::from(self.session_days), 3650),
            ("messages_burst", self.messages_burst, 1000),
            ("messages_per_minute", self.messages_per_minute, 6000),
            ("sessions_burst", self.sessions_burst, 100_000),
            ("sessions_per_minute", self.sessions_per_minute, 6000),
            ("streams_max", u32::from(self.streams_max), 100),
        ];
        match ranges.into_iter().find(|&(_, value, max)| !(1..=max).contains(&value)) {
            Some((field, value, max)) => Err(SettingError { field, value, min: 1, max }),
            None => Ok(()),
        }
    }
}

/// Where the page is served, and in whose name. Comes from the service's own configuration.
#[derive(Clone, Debug)]
pub struct Site {
    /// Shown as the page's heading.
    pub organisation_title: String,
    /// The language spoken until a visitor's browser asks for another.
    pub locale: Locale,
    /// Where browsers find the service. With `https:` cookies are marked `Secure`.
    pub public_url: String,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

/// One address or a range of them, written `127.0.0.1` or `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (bits(self.address), bits(address.to_canonical()));
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        // Shifting by the whole width is not defined: a range of everything compares nothing.
        let shift = width - u32::from(self.prefix_bits);
        self.address.is_ipv4() == address.to_canonical().is_ipv4() && (shift == width || own >> shift == other >> shift)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a network: write an address such as 127.0.0.1 or a range such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| refused())?,
            None => width,
        };
        if prefix_bits > width { Err(refused()) } else { Ok(Self { address, prefix_bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl JsonSchema for Network {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["127.0.0.1", "10.0.0.0/8"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_who_is_in_it() {
        let within =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(within("10.0.0.0/8", "10.200.3.4") && !within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("127.0.0.1", "127.0.0.1") && !within("127.0.0.1", "127.0.0.2"));
        assert!(within("127.0.0.1", "::ffff:127.0.0.1"), "a v4 peer of a v6 socket");
        assert!(within("0.0.0.0/0", "9.9.9.9") && !within("0.0.0.0/0", "::1"));
        assert!(within("fd00::/8", "fd12::1") && !within("fd00::/8", "fe80::1") && within("::/0", "::1"));
        for wrong in ["", "ten", "10.0.0.0/33", "10.0.0.0/", "::1/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn settings_say_what_is_wrong() {
        assert_eq!(WebchatSettings::default().check(), Ok(()));
        let error = WebchatSettings { session_days: 0, ..WebchatSettings::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "`session_days` is 0: write a number from 1 to 3650");
        let unknown = serde_json::from_str::<WebchatSettings>(r#"{"session_day":3}"#).unwrap_err();
        assert!(unknown.to_string().contains("session_day"));
    }
}
