//! Names of users, as far as this crate needs to read them.

use std::fmt;

/// A whole user id, `@name:server`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    /// Follows the specification's grammar where it matters: a sigil, a name, a colon, a server, at most 255 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, server) = text.strip_prefix('@')?.split_once(':')?;
        let strange = |text: &str| text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control());
        let fits = text.len() <= 255 && !strange(name) && !strange(server) && !server.contains(['/', '@']);
        fits.then(|| Self(text.to_owned()))
    }

    /// The server's name, with its port where it has one.
    pub(crate) fn server(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, server)| server)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserName")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_has_a_name_and_a_server() {
        let server = |text: &str| UserName::parse(text).map(|user| user.server().to_owned());
        assert_eq!(server("@a:b").as_deref(), Some("b"));
        assert_eq!(server("@a.b=c:[::1]:8448").as_deref(), Some("[::1]:8448"));
        for wrong in ["", "a:b", "@a", "@:b", "@a:", "@a b:c", "@a:b/c"] {
            assert_eq!(server(wrong), None, "{wrong}");
        }
        assert_eq!(server(&format!("@{}:b", "a".repeat(253))), None);
    }
}
