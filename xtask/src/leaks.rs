//! What the tests printed and logged is searched for what must never be printed: tokens and addresses.
//!
//! The convention: a made-up token, password, key, name or message of a test that stands for a secret contains
//! `CANARY` (`canary` where a platform allows small letters only), and a made-up number of a person or a chat
//! contains [`CANARY_NUMBER`]. Tokens of the platforms' own shapes are found without it: a homeserver's, for
//! instance, are not ours to choose.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Names the file that tests append their log to.
pub const LOG_VARIABLE: &str = "CRIEUR_TEST_LOG";

/// CANARYCANARY on the keys of a telephone. Fits a Telegram id (52 bits) with three digits to spare.
pub const CANARY_NUMBER: &str = "226279226279";

/// More lines than anybody reads.
const SHOWN_MAX: usize = 10;
const SHOWN_CHARACTERS: usize = 200;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Leaks {
    count: usize,
    shown: Vec<String>,
}

impl Leaks {
    pub fn look_at(&mut self, place: &str, line: &str) {
        let Some(what) = secret_in(line) else { return };
        self.count += 1;
        if self.shown.len() < SHOWN_MAX {
            let line: String = line.trim().chars().take(SHOWN_CHARACTERS).collect();
            self.shown.push(format!("  {place}: {what}: {line}"));
        }
    }

    /// Looks at every line that the tests logged.
    ///
    /// # Errors
    /// When there is none: then the tests do not log where they should, and nothing was looked at.
    pub fn look_at_log(&mut self, log: &Path) -> Result<()> {
        let mut lines: usize = 0;
        let file = File::open(log).with_context(|| log.display().to_string())?;
        for line in BufReader::new(file).split(b'\n') {
            self.look_at("log", &String::from_utf8_lossy(&line?));
            lines += 1;
        }
        if lines == 0 {
            bail!("{} is empty: the tests log nothing there, so no leak would be seen", log.display());
        }
        println!("{lines} lines of the tests' log were searched for secrets");
        Ok(())
    }

    pub fn refuse(self) -> Result<()> {
        if self.count > 0 {
            bail!("{} lines carry what must never be printed:\n{}", self.count, self.shown.join("\n"));
        }
        Ok(())
    }
}

fn secret_in(line: &str) -> Option<&'static str> {
    if line.to_ascii_lowercase().contains("canary") || line.contains(CANARY_NUMBER) {
        return Some("a canary");
    }
    let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.:".contains(c)));
    words.find_map(|word| {
        if is_telegram_token(word) {
            Some("a token of Telegram")
        } else if is_discord_token(word) {
            Some("a token of Discord")
        } else if is_matrix_token(word) {
            Some("a token of Matrix")
        } else {
            None
        }
    })
}

fn is_of(word: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// `123456789:AAF…`: the bot's number and 35 characters; in an address it follows `bot`.
fn is_telegram_token(word: &str) -> bool {
    let Some((number, rest)) = word.strip_prefix("bot").unwrap_or(word).split_once(':') else { return false };
    (8..=16).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && is_of(rest, 35..=35)
}

/// Three parts: the bot's number in base64 (which then begins with M, N or O), a time, a MAC.
fn is_discord_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let [number, time, mac] = parts[..] else { return false };
    number.starts_with(['M', 'N', 'O']) && is_of(number, 23..=28) && is_of(time, 6..=7) && is_of(mac, 27..=40)
}

/// Synapse's access, refresh and login tokens.
fn is_matrix_token(word: &str) -> bool {
    ["syt_", "syr_", "syl_"].iter().any(|start| word.starts_with(start)) && word.len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that this program's own tests print none.
    fn word(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn secrets_are_found_wherever_they_stand_in_a_line() {
        for secret in [
            word(&["CANA", "RY-token"]),
            word(&["@can", "ary_ana:localhost"]),
            word(&["chat -100", "226279", "226279", "001"]),
            word(&["GET /bot1234567890:", &"AAF_x-9".repeat(5), "/sendMessage"]),
            word(&["Bot MTIzNDU2Nzg5MDEyMzQ1Njc4", ".GaBcDe.", &"x1_".repeat(10)]),
            word(&["Bearer sy", "t_YW5h_aBcDeFgHiJkLmNoPqRsT_1A2b3C"]),
        ] {
            let mut leaks = Leaks::default();
            leaks.look_at("test", &format!("2026-01-01 INFO failed ({secret})"));
            assert_eq!(leaks.count, 1, "{secret} is not found");
            assert!(leaks.refuse().is_err());
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        let mut leaks = Leaks::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; finished in 0.23s",
            "   Compiling serde v1.0.228 (https://127.0.0.1:8080/a:b)",
            "at 12:34:56.789012345 delivery 4711 was throttled for 30 s",
            "0198c0de-7e57-7000-8000-123456789abc.OK",
        ] {
            leaks.look_at("test", line);
        }
        assert!(leaks.refuse().is_ok());
    }

    #[test]
    fn a_log_that_nobody_wrote_to_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Leaks::default().look_at_log(file.path()).is_err());
        std::fs::write(file.path(), "INFO started\n").unwrap();
        assert!(Leaks::default().look_at_log(file.path()).is_ok());
    }
}
