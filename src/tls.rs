//! Which cryptography TLS uses.

/// Two implementations for rustls are linked as soon as Telegram and Matrix are both built in (`ring` and `aws-lc`),
/// and rustls then refuses to guess. Called before anything connects; calling it again changes nothing.
pub(crate) fn choose_cryptography() {
    #[cfg(feature = "matrix")]
    {
        // It fails only when one was chosen before, which is then this one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

#[cfg(all(test, feature = "matrix"))]
mod tests {
    use super::*;

    #[test]
    fn rustls_has_its_cryptography_without_being_told_which() {
        choose_cryptography();
        choose_cryptography();
        // It panics where several are linked and none was chosen.
        let _ = rustls::ClientConfig::builder();
    }
}
