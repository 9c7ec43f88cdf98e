//! Which addresses may be connected to: public ones, and those that the operator listed. What a plugin fetches is
//! named by organisers and by redirects of strangers, and must not reach the operator's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use reqwest::Url;

/// A host and port of `allow` under `[fetch]`: `10.0.0.5:443`, `[fd00::5]:443` or `enquetes.mairie.lan:80`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedPlace {
    host: String,
    port: u16,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no host with a port: write for example 10.0.0.5:443 or enquetes.mairie.lan:443")]
pub struct PlaceError(String);

impl FromStr for AllowedPlace {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let wrong = || PlaceError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        // Written as an address writes it, so that both compare as text.
        let url = Url::parse(&format!("http://{host}:{port}/")).map_err(|_| wrong())?;
        let is_bare = url.path() == "/" && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|host| is_bare && !host.is_empty()).ok_or_else(wrong)?.to_owned();
        Ok(Self { host, port })
    }
}

impl AllowedPlace {
    fn is(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port == port
    }

    fn is_address(&self, address: IpAddr, port: u16) -> bool {
        self.port == port && self.host.trim_matches(['[', ']']).parse() == Ok(address)
    }
}

/// Whether `host` as the address names it, or the address it stands for, is one that the operator listed.
pub(super) fn is_allowed(allow: &[AllowedPlace], host: &str, address: IpAddr, port: u16) -> bool {
    allow.iter().any(|place| place.is(host, port) || place.is_address(address, port))
}

/// What stands against connecting to an address, in words that follow "is". `None` for a public one.
///
/// By the registries of special-purpose addresses (RFC 6890 and its updates), and the addresses at which hosting
/// companies tell a machine its own credentials.
pub(super) fn objection(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => objection_v4(address),
        IpAddr::V6(address) => objection_v6(address),
    }
}

fn objection_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        Some("this very machine")
    } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
        Some("in a private network")
    } else if address.is_link_local() || address.octets() == [168, 63, 129, 16] {
        Some("an address of the local network or of a hosting company's inside")
    } else if address.is_multicast() || address.is_broadcast() {
        Some("an address for many")
    } else if a == 0
        || a >= 240
        || address.is_documentation()
        || matches!((a, b, c), (192, 0, 0) | (192, 88, 99))
        || (a == 198 && (b == 18 || b == 19))
    {
        Some("a reserved address")
    } else {
        None
    }
}

fn objection_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        objection_v4(Ipv4Addr::new(a, b, c, d))
    };
    if address.is_loopback() {
        Some("this very machine")
    } else if address.to_ipv4_mapped().is_some() {
        Some("an IPv4 address in disguise")
    } else if address.is_unique_local() || address.is_unicast_link_local() {
        Some("in a private network")
    } else if address.is_multicast() {
        Some("an address for many")
    } else if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        // A translator to IPv4 (RFC 6052): what it leads to counts.
        embedded(segments[6], segments[7])
    } else if segments[0] == 0x2002 {
        // 6to4 (RFC 3056).
        embedded(segments[1], segments[2])
    } else if segments[0] & 0xe000 != 0x2000
        || (segments[0] == 0x2001 && (segments[1] < 0x200 || segments[1] == 0xdb8))
        || (segments[0] == 0x3fff && segments[1] < 0x1000)
    {
        // Outside 2000::/3, in 2001::/23 (Teredo and protocols), or in documentation.
        Some("a reserved address")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_public(address: &str) -> bool {
        objection(address.parse().unwrap()).is_none()
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for public in ["1.1.1.1", "193.252.1.1", "100.63.255.255", "172.32.0.1", "2a01:cb00::1", "2001:4860::8888"] {
            assert!(is_public(public), "{public}");
        }
        for inside in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.3",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside), "{inside}");
        }
        assert!(is_public("64:ff9b::101:101"), "a translator leads to a public address");
    }

    proptest! {
        #[test]
        fn an_ipv4_address_stays_what_it_is_inside_ipv6(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(objection_v6(translated).is_some(), objection_v4(address).is_some());
            prop_assert!(objection_v6(address.to_ipv6_mapped()).is_some());
        }
    }

    #[test]
    fn the_operator_opens_single_doors() {
        let allow: Vec<AllowedPlace> =
            ["10.0.0.5:443", "[fd00::5]:80", "Enquetes.Mairie.lan:8080"].map(|place| place.parse().unwrap()).into();
        let allowed = |host: &str, address: &str, port| is_allowed(&allow, host, address.parse().unwrap(), port);
        assert!(allowed("10.0.0.5", "10.0.0.5", 443));
        assert!(allowed("intranet.example", "10.0.0.5", 443), "by whatever name");
        assert!(!allowed("10.0.0.5", "10.0.0.5", 80));
        assert!(allowed("[fd00::5]", "fd00::5", 80));
        assert!(allowed("enquetes.mairie.lan", "192.168.0.9", 8080));
        assert!(!allowed("enquetes.mairie.lan", "192.168.0.9", 5432));
        for wrong in ["10.0.0.5", "10.0.0.5:0", "10.0.0.5:99999", ":80", "a/b:80", "user@host:80", ""] {
            assert!(wrong.parse::<AllowedPlace>().is_err(), "{wrong}");
        }
    }
}
