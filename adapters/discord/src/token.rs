//! The bot's token, in a file that the operator may replace.

use std::path::PathBuf;

use bot_core::Redacted;

/// Where the token is. It is read each time, so that a new one is used without a restart.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    file: PathBuf,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token file {0} cannot be read ({1}): create it with the bot's token, readable by the service")]
    Unreadable(String, std::io::ErrorKind),
    #[error("the token file {0} does not hold a bot token: copy it from the developer portal (Bot, Reset Token)")]
    NotAToken(String),
}

impl Token {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(crate) fn read(&self) -> Result<Redacted<String>, TokenError> {
        let file = || self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file).map_err(|error| TokenError::Unreadable(file(), error.kind()))?;
        // Copied with its scheme it is still the token.
        let token = text.trim().trim_start_matches("Bot ").trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Redacted::new(token.to_owned())) } else { Err(TokenError::NotAToken(file())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_says_what_is_wrong_and_never_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let token = Token::new(file.clone());
        assert!(token.read().unwrap_err().to_string().contains("cannot be read"));
        for (content, read) in
            [("Bot abc.def\n", Some("abc.def")), ("abc.def", Some("abc.def")), ("a b", None), ("\n", None)]
        {
            std::fs::write(&file, content).unwrap();
            let found = token.read();
            assert_eq!(found.as_ref().ok().map(|token| token.expose().as_str()), read);
            assert!(!format!("{found:?}").contains("abc"));
        }
    }
}
