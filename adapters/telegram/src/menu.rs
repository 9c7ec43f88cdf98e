//! The command menu: French for everyone, and each language for those who speak it.

use bot_core::Locale;
use bot_core::adapter::{CommandMenu, Verdict};
use bot_core::store::account_state::StateEntry;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use teloxide::payloads::{SetMyCommands, SetMyCommandsSetters};
use teloxide::types::BotCommand;

use crate::{Bot, Telegram};

/// Characters of a command's description (Bot API: BotCommand).
const SUMMARY_CHARACTERS_MAX: usize = 256;
/// Commands in one menu (Bot API: setMyCommands).
const COMMANDS_MAX: usize = 100;

impl Telegram {
    /// Only what has changed since it was last published is sent: each language is a call, and Telegram counts them.
    pub(crate) async fn publish(&self, bot: &Bot, menus: &[CommandMenu]) -> Verdict<()> {
        // Without a language Telegram shows the menu to whoever has none of their own.
        let fallback = menus.iter().find(|menu| menu.locale == Locale::Fr).or(menus.first());
        let all =
            fallback.map(|menu| (None, menu)).into_iter().chain(menus.iter().map(|menu| (Some(menu.locale), menu)));
        for (locale, menu) in all {
            let commands: Vec<BotCommand> = menu.entries.iter().take(COMMANDS_MAX).map(command).collect();
            let code = locale.map(Locale::as_str);
            let key = format!("menu/{}/{}", bot.token.bot_id(), code.unwrap_or("default"));
            let digest = Value::from(digest(&commands));
            match self.context.state.get(&key).await {
                Ok(published) if published.as_ref() == Some(&digest) => continue,
                Ok(_) => {}
                Err(error) => return Verdict::Retry { reason: error.to_string() },
            }
            let mut payload = SetMyCommands::new(commands);
            if let Some(code) = code {
                payload = payload.language_code(code);
            }
            if let Err(failure) = bot.api.call(&payload).await {
                return failure.verdict(None);
            }
            if let Err(error) = self.context.state.put(&[StateEntry::new(key, digest)]).await {
                return Verdict::Retry { reason: error.to_string() };
            }
        }
        Verdict::Sent(())
    }
}

fn command(entry: &bot_core::adapter::CommandMenuEntry) -> BotCommand {
    BotCommand::new(entry.name.as_str(), entry.summary.chars().take(SUMMARY_CHARACTERS_MAX).collect::<String>())
}

fn digest(commands: &[BotCommand]) -> String {
    let digest = Sha256::digest(json!(commands).to_string());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
