//! `[http.public]` and `[http.admin]`: where browsers, and where the operator's tools, reach the service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::problem::Checker;

/// The two listeners.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub public: Public,
    pub admin: Admin,
}

/// The chat and the result pages.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Public {
    /// Address and port to listen on. Port 0 takes any free one.
    #[serde(deserialize_with = "listen")]
    #[schemars(with = "String", example = "127.0.0.1:8080", example = "[::]:8080")]
    pub listen: SocketAddr,
    /// Where browsers find the service, without a trailing slash. With `https:` cookies are marked `Secure`.
    #[schemars(example = "https://consultations.example.fr")]
    pub public_url: Option<String>,
    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses or ranges such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
}

impl Default for Public {
    fn default() -> Self {
        Self { listen: loopback(8080), public_url: None, trusted_proxies: Vec::new() }
    }
}

/// Health and metrics, for the operator alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// A loopback address and a port. Port 0 takes any free one.
    #[serde(deserialize_with = "listen")]
    #[schemars(with = "String", example = "127.0.0.1:9464")]
    pub listen: SocketAddr,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: loopback(9464) }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!("`{text}` is no address with a port: write for example 127.0.0.1:8080"))
    })
}

impl Http {
    pub(crate) fn check(&self, checker: &mut Checker) {
        let Public { listen, public_url, trusted_proxies } = &self.public;
        match public_url {
            Some(url) => {
                if let Err(remedy) = check_url(url) {
                    checker.refuse("http.public.public_url", remedy);
                }
            }
            None if !listen.ip().is_loopback() => checker.refuse(
                "http.public.public_url",
                "is missing: others reach this listener, so write the address they use, such as \
                 https://consultations.example.fr",
            ),
            None => {}
        }
        for (index, proxy) in trusted_proxies.iter().enumerate() {
            if !is_network(proxy) {
                checker.refuse(
                    format!("http.public.trusted_proxies[{}]", index + 1),
                    format!(
                        "`{proxy}` is not a network: write an address such as 127.0.0.1 or a range such as 10.0.0.0/8"
                    ),
                );
            }
        }
        if !self.admin.listen.ip().is_loopback() {
            checker.refuse(
                "http.admin.listen",
                "can be reached from elsewhere, and it tells about the inside: write 127.0.0.1 with a port, and \
                 let a proxy that asks for a password reach it",
            );
        }
        if self.admin.listen == *listen && listen.port() != 0 {
            checker.refuse("http.admin.listen", "is the same as http.public.listen: write another port");
        }
    }
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let Ok(parsed) = url.parse::<axum::http::Uri>() else {
        return Err("is not an address: write for example https://consultations.example.fr");
    };
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none_or(str::is_empty) {
        return Err(
            "must begin with https:// (or http://) and a name: write for example https://consultations.example.fr",
        );
    }
    if parsed.query().is_some() || parsed.path() != "/" || url.ends_with('/') {
        return Err(
            "must end after the name (and port): the service is served from the root, without a trailing slash",
        );
    }
    Ok(())
}

fn is_network(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|bits| bits <= bits_max))
}
