//! The command menu, in French with its English names beside (docs: Application Commands).

use bot_core::Locale;
use bot_core::adapter::{CommandMenu, CommandMenuEntry, Verdict};
use bot_core::store::account_state::StateEntry;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Discord;
use crate::limits::Limited;
use crate::rest::Call;

const KEY: &str = "commands";
/// Discord takes so many commands of an application.
const COMMANDS_MAX: usize = 100;
const SUMMARY_CHARACTERS_MAX: usize = 100;
/// Discord's codes for English.
const ENGLISH: [&str; 2] = ["en-GB", "en-US"];

impl Discord {
    /// Registers the menu when it has changed since the last time: Discord limits how often it may.
    pub(crate) async fn register_commands(&self, menus: &[CommandMenu]) -> Verdict<()> {
        let commands = commands(menus);
        if commands.len() > COMMANDS_MAX {
            let reason = format!("there are {} commands, Discord takes {COMMANDS_MAX}", commands.len());
            return Verdict::Rejected { reason };
        }
        let Ok(token) = self.token.read() else {
            return Verdict::Retry { reason: "the bot's token cannot be read".to_owned() };
        };
        // Another token may be another bot, which has no commands yet.
        let mut digest = Sha256::new();
        digest.update(token.expose());
        digest.update(Value::Array(commands.clone()).to_string());
        let hash = json!(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        match self.state.get(KEY).await {
            Ok(known) if known.as_ref() == Some(&hash) => return Verdict::Sent(()),
            Ok(_) => {}
            Err(error) => return Verdict::Retry { reason: error.to_string() },
        }
        let application = match self.who_am_i().await {
            Ok(me) => me.application,
            Err(trouble) => return trouble.verdict(),
        };
        let limited =
            Limited { route: "PUT commands", resource: String::new(), scope: bot_core::adapter::GateScope::Route };
        let call = Call::new(Method::PUT, format!("/applications/{application}/commands"), limited);
        if let Err(trouble) = self.rest.call(call.json(Value::Array(commands))).await {
            return trouble.verdict();
        }
        match self.state.put(&[StateEntry::new(KEY, hash)]).await {
            Ok(()) => Verdict::Sent(()),
            // Registering them once more is harmless.
            Err(error) => Verdict::Retry { reason: error.to_string() },
        }
    }
}

/// Each command once, though it has a name in each language: the menus list the same commands in the same order.
fn commands(menus: &[CommandMenu]) -> Vec<Value> {
    let entries = |locale| menus.iter().find(|menu| menu.locale == locale).map(|menu| menu.entries.as_slice());
    let french = entries(Locale::Fr).unwrap_or_default();
    let english = entries(Locale::En).unwrap_or_default();
    if french.is_empty() {
        return english.iter().map(|entry| command(entry, None)).collect();
    }
    french.iter().enumerate().map(|(index, entry)| command(entry, english.get(index))).collect()
}

fn command(entry: &CommandMenuEntry, english: Option<&CommandMenuEntry>) -> Value {
    let english = english.unwrap_or(entry);
    json!({
        "type": 1,
        "name": entry.name,
        "name_localizations": in_english(&english.name),
        "description": summary(&entry.summary),
        "description_localizations": in_english(&summary(&english.summary)),
        // In servers and in the bot's direct conversations, nowhere else.
        "integration_types": [0],
        "contexts": [0, 1],
        "options": [{
            "type": 3,
            "name": "texte",
            "name_localizations": in_english("text"),
            "description": "Ce qui suit la commande, s'il y a lieu",
            "description_localizations": in_english("What follows the command, if anything"),
            "required": false,
        }],
    })
}

fn in_english(text: &str) -> Value {
    ENGLISH.into_iter().map(|code| (code.to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into()
}

fn summary(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "…".to_owned();
    }
    if text.chars().count() <= SUMMARY_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(SUMMARY_CHARACTERS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_declared_once_with_both_names() {
        let menu = |locale, name: &str, summary: &str| CommandMenu {
            locale,
            entries: vec![CommandMenuEntry { name: name.to_owned(), summary: summary.to_owned() }],
        };
        let long = "mot ".repeat(40);
        let commands = commands(&[menu(Locale::Fr, "aide", "Ce que je sais faire"), menu(Locale::En, "help", &long)]);
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0]["name"], "aide");
        assert_eq!(commands[0]["name_localizations"]["en-US"], "help");
        let described = commands[0]["description_localizations"]["en-GB"].as_str().unwrap();
        assert_eq!(described.chars().count(), SUMMARY_CHARACTERS_MAX);
    }
}
