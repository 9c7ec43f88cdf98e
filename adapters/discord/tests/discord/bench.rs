//! Discord under the suite that every adapter must pass.

use std::sync::Arc;

use adapter_discord::Discord;
use async_trait::async_trait;
use bot_core::action::ActionToken;
use bot_core::adapter::{Adapter, ConversationRef};
use bot_core::conformance::{self, AdapterBench, Fault, Heard, Provoked, Seen, SeenButton, TestAccount};
use fake_discord::{Answered, FakeDiscord, Person, Scope, Shown};

use crate::town::{TokenFile, direct, settings};

const MESSAGES: &str = "POST /channels/*/messages";

struct DiscordBench {
    account: TestAccount,
    fake: FakeDiscord,
    ana: Person,
    token: TokenFile,
}

impl DiscordBench {
    async fn new(account: TestAccount) -> Self {
        let fake = FakeDiscord::start(account.context.clock.now().timestamp_millis()).await;
        let ana = fake.person("Ana");
        ana.direct();
        Self { account, ana, fake, token: TokenFile::new() }
    }
}

#[async_trait]
impl AdapterBench for DiscordBench {
    async fn adapter(&self) -> Arc<dyn Adapter> {
        Discord::new(settings(&self.fake, &self.token), self.account.context.clone())
    }

    async fn conversation(&self) -> ConversationRef {
        direct(&self.ana)
    }

    /// Discord keeps what was written, whether or not anybody listens.
    async fn says(&self, text: &str) -> Heard {
        self.ana.says(text);
        Heard::Yes
    }

    async fn presses(&self, token: &ActionToken) -> Heard {
        match self.ana.presses(self.ana.direct(), &token.0).await {
            Answered::Silently | Answered::Thinking => Heard::Yes,
            Answered::With { .. } | Answered::NotAtAll => Heard::Refused,
        }
    }

    async fn repeats(&self) {
        self.fake.repeats_last_event();
    }

    async fn seen(&self) -> Vec<Seen> {
        self.ana.sees(self.ana.direct()).into_iter().map(seen).collect()
    }

    async fn provoke(&self, fault: Fault) -> Provoked {
        match fault {
            Fault::Throttled => {
                let limited = fake_discord::Fault::RateLimited { scope: Scope::User, retry_after_seconds: 1.5 };
                self.fake.script(MESSAGES, limited);
            }
            Fault::NotWritten => self.fake.goes_offline().await,
            Fault::LostReply => self.fake.script(MESSAGES, fake_discord::Fault::DoneThenCutOff),
            Fault::Moved => return Provoked::Impossible("a channel keeps its id for ever"),
            Fault::RecipientStopped => self.ana.blocks_the_bot(),
            Fault::Rejected => {
                self.fake.script(MESSAGES, fake_discord::Fault::Refused { status: 400, code: 50035 });
            }
            Fault::AccountDead => self.fake.revokes_the_token(),
        }
        Provoked::Yes
    }

    async fn recover(&self) {
        self.fake.comes_back().await;
        self.fake.accepts_the_token();
    }
}

/// A message as it is read: without marks and escapes.
fn as_read(content: &str) -> String {
    let mut read = String::new();
    let mut characters = content.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => read.extend(characters.next()),
            '*' | '_' | '`' | '~' | '|' | '\u{200b}' => {}
            _ => read.push(character),
        }
    }
    read
}

fn seen(shown: Shown) -> Seen {
    let buttons = shown.buttons.into_iter();
    let buttons = buttons.map(|button| SeenButton { label: button.label, token: ActionToken(button.id) });
    let words = [as_read(&shown.content)].into_iter().chain(shown.descriptions).chain(shown.question);
    Seen { text: words.collect::<Vec<_>>().join("\n"), buttons: buttons.collect() }
}

#[tokio::test]
async fn discord_keeps_the_contract() {
    conformance::run("discord", DiscordBench::new).await;
}
