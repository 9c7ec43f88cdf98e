//! The platform's limits, enforced so that a test fails as the real thing would.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use crate::fault::Refused;

const TEXT_UNITS_MAX: usize = 4096;
const CAPTION_UNITS_MAX: usize = 1024;
const BUTTON_BYTES_MAX: usize = 64;
const BUTTONS_MAX: usize = 100;
const MARKUP_BYTES_MAX: usize = 10_000;
const ENTITIES_MAX: usize = 100;
const OPTIONS_MAX: usize = 12;

/// Messages in any one second over the whole bot, and in any minute to one group (core.telegram.org/bots/faq).
const PER_SECOND: usize = 30;
const PER_GROUP_MINUTE: usize = 20;

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

pub(crate) fn text(text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return Err(Refused::bad_request("message text is empty"));
    }
    if units(text) > TEXT_UNITS_MAX {
        return Err(Refused::bad_request("message is too long"));
    }
    Ok(())
}

pub(crate) fn caption(caption: &str) -> Result<(), Refused> {
    if units(caption) > CAPTION_UNITS_MAX {
        return Err(Refused::bad_request("message caption is too long"));
    }
    Ok(())
}

/// The entities that would be shown: within the text, and the first hundred.
pub(crate) fn entities(text: &str, given: Option<Value>) -> Result<Vec<Value>, Refused> {
    let given = match given {
        None => return Ok(Vec::new()),
        Some(Value::Array(given)) => given,
        Some(_) => return Err(Refused::bad_request("can't parse entities: expected an array")),
    };
    for entity in &given {
        let number = |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let (Some(offset), Some(length)) = (number("offset"), number("length")) else {
            return Err(Refused::bad_request("can't parse entities: expected offset and length"));
        };
        if length == 0 || offset + length > units(text) {
            let end = format!("entity beginning at UTF-16 offset {offset} ends after the end of the text");
            return Err(Refused::bad_request(format!("can't parse entities: {end}")));
        }
    }
    Ok(given.into_iter().take(ENTITIES_MAX).collect())
}

pub(crate) fn keyboard(markup: Option<&Value>) -> Result<(), Refused> {
    let Some(markup) = markup else { return Ok(()) };
    let Some(rows) = markup["inline_keyboard"].as_array() else {
        return Err(Refused::bad_request("object expected as reply markup"));
    };
    let buttons: Vec<&Value> = rows.iter().filter_map(Value::as_array).flatten().collect();
    for button in &buttons {
        if button["text"].as_str().is_none_or(|label| label.trim().is_empty()) {
            return Err(Refused::bad_request("can't parse inline keyboard button: Text buttons are unallowed"));
        }
        let data = button["callback_data"].as_str();
        if data.is_some_and(|data| data.is_empty() || data.len() > BUTTON_BYTES_MAX) {
            return Err(Refused::bad_request("BUTTON_DATA_INVALID"));
        }
    }
    if buttons.len() > BUTTONS_MAX || markup.to_string().len() > MARKUP_BYTES_MAX {
        return Err(Refused::bad_request("reply markup is too long"));
    }
    Ok(())
}

pub(crate) fn poll(question: &str, options: &[String]) -> Result<(), Refused> {
    if question.trim().is_empty() {
        return Err(Refused::bad_request("poll question must be non-empty"));
    }
    if units(question) > 300 {
        return Err(Refused::bad_request("poll question length must not exceed 300"));
    }
    if options.is_empty() {
        return Err(Refused::bad_request("poll must have at least 1 option"));
    }
    if options.len() > OPTIONS_MAX {
        return Err(Refused::bad_request("poll can't have more than 12 options"));
    }
    if options.iter().any(|option| option.trim().is_empty()) {
        return Err(Refused::bad_request("poll options must be non-empty"));
    }
    if options.iter().any(|option| units(option) > 100) {
        return Err(Refused::bad_request("poll options length must not exceed 100"));
    }
    Ok(())
}

/// When messages were sent, for as long as it matters.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub off: bool,
    all: VecDeque<Duration>,
    groups: HashMap<i64, VecDeque<Duration>>,
}

impl Rates {
    /// Counts a message, or says when there is room for it.
    pub(crate) fn count(&mut self, chat: i64, now: Duration) -> Result<(), Refused> {
        if self.off {
            return Ok(());
        }
        let wait = |sent: &mut VecDeque<Duration>, window: Duration, most: usize| {
            sent.retain(|at| now.saturating_sub(*at) < window);
            (sent.len() >= most).then(|| sent.front().map_or(window, |first| *first + window - now))
        };
        let group = self.groups.entry(chat).or_default();
        let is_group = chat < 0;
        let waits = [
            wait(&mut self.all, Duration::from_secs(1), PER_SECOND),
            is_group.then(|| wait(group, Duration::from_secs(60), PER_GROUP_MINUTE)).flatten(),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            return Err(Refused::too_many(seconds));
        }
        self.all.push_back(now);
        if is_group {
            group.push_back(now);
        }
        Ok(())
    }
}

/// Where plain words would call a person: `@` and two or more of `A-Za-z0-9_`, unless it is within a word or the
/// address of a page. Offsets and lengths in UTF-16 units.
pub fn mentions(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for token in text.split_inclusive(char::is_whitespace) {
        let in_a_link = token.split_once("://").is_some_and(|(_, rest)| {
            rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('.') && !host.contains('@'))
        });
        let characters: Vec<char> = token.chars().collect();
        for (index, character) in characters.iter().enumerate() {
            let name = characters[index + 1..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
            let within_a_word = index > 0 && (characters[index - 1].is_alphanumeric() || characters[index - 1] == '_');
            if *character == '@' && name >= 2 && !within_a_word && !in_a_link {
                found.push((at, 1 + name));
            }
            at += character.len_utf16();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_documentation() {
        let mut rates = Rates::default();
        let at = Duration::from_millis;
        for _ in 0..20 {
            rates.count(-5, at(0)).unwrap();
        }
        for person in 0..10 {
            rates.count(person, at(0)).unwrap();
        }
        assert!(rates.count(99, at(999)).is_err(), "thirty in this second");
        assert_eq!(rates.count(-5, at(1000)).unwrap_err().parameters.unwrap()["retry_after"], 60);
        rates.count(99, at(1000)).unwrap();
        rates.count(-5, at(60_000)).unwrap();
    }

    #[test]
    fn a_mention_is_found_as_telegram_finds_it() {
        assert_eq!(mentions("é @bob, a@bob.fr https://x.fr/@bob @a (@\u{2060}bob) @al"), [(2, 4), (46, 3)]);
    }
}
