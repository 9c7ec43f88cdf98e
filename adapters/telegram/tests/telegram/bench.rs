//! Telegram under the suite that every adapter must pass: once by long polling, once by webhook.

use std::sync::{Arc, Mutex};

use adapter_telegram::{Mode, Telegram, TelegramSettings};
use async_trait::async_trait;
use bot_core::action::ActionToken;
use bot_core::adapter::{Adapter, ConversationRef};
use bot_core::conformance::{self, AdapterBench, Fault, Heard, Provoked, Seen, SeenButton, TestAccount};
use fake_telegram::FakeTelegram;

use crate::stand::{direct, serve, settings};

const PERSON: i64 = 42;

struct TelegramBench {
    account: TestAccount,
    fake: Arc<FakeTelegram>,
    settings: TelegramSettings,
    /// What passed over the wire in all cases.
    record: Record,
    _secrets: tempfile::TempDir,
}

type Record = Arc<Mutex<String>>;

impl Drop for TelegramBench {
    fn drop(&mut self) {
        self.record.lock().unwrap().push_str(&self.fake.record());
    }
}

impl TelegramBench {
    async fn new(account: TestAccount, mode: Mode, record: Record) -> Self {
        let fake = Arc::new(FakeTelegram::start().await);
        let (secrets, mut settings) = settings(&fake);
        settings.mode = mode;
        // They have started the bot before the suite begins: Telegram knows it, crieur not yet.
        fake.person(PERSON).has_started();
        Self { account, fake, settings, record, _secrets: secrets }
    }
}

#[async_trait]
impl AdapterBench for TelegramBench {
    async fn adapter(&self) -> Arc<dyn Adapter> {
        match self.settings.mode {
            Mode::Polling => {
                Telegram::new(self.settings.clone(), "https://x.example".into(), self.account.context.clone())
            }
            Mode::Webhook => serve(&self.settings, &self.account).await,
        }
    }

    async fn conversation(&self) -> ConversationRef {
        direct(PERSON)
    }

    async fn says(&self, text: &str) -> Heard {
        self.fake.person(PERSON).says(text);
        Heard::Yes
    }

    async fn presses(&self, token: &ActionToken) -> Heard {
        self.fake.person(PERSON).presses(&token.0).expect("a message with this button");
        Heard::Yes
    }

    async fn repeats(&self) {
        self.fake.repeat_last_update();
    }

    async fn votes(&self, option: u16) -> bool {
        self.fake.person(PERSON).votes_in(PERSON, &[usize::from(option)]);
        true
    }

    async fn seen(&self) -> Vec<Seen> {
        let button =
            |button: fake_telegram::SeenButton| SeenButton { label: button.label, token: ActionToken(button.data) };
        let seen = |seen: fake_telegram::Seen| Seen {
            text: seen.text,
            buttons: seen.buttons.into_iter().map(button).collect(),
        };
        self.fake.seen(PERSON).into_iter().map(seen).collect()
    }

    async fn provoke(&self, fault: Fault) -> Provoked {
        use fake_telegram::Fault as Theirs;
        let theirs = match fault {
            Fault::Throttled => Theirs::TooMany { retry_after_seconds: 35 },
            Fault::LostReply => Theirs::LostReply,
            Fault::Moved => Theirs::Migrated { to: -1_001_234 },
            Fault::Rejected => Theirs::Refused { code: 400, description: "Bad Request: message is too long".into() },
            Fault::RecipientStopped => {
                self.fake.person(PERSON).blocks();
                return Provoked::Yes;
            }
            Fault::AccountDead => {
                self.fake.revoke_token();
                return Provoked::Yes;
            }
            Fault::NotWritten => {
                self.fake.refuse().await;
                return Provoked::Yes;
            }
        };
        self.fake.fail_next("sendMessage", theirs);
        Provoked::Yes
    }

    async fn recover(&self) {
        self.fake.restore_token();
        self.fake.accept().await;
    }
}

/// Every case, and then the judge on everything that was said.
async fn run(mode: Mode) {
    let record = Record::default();
    conformance::run("telegram", async |account| TelegramBench::new(account, mode, record.clone()).await).await;
    let record = record.lock().unwrap().clone();
    assert!(record.lines().count() > 200, "the cases were recorded: {}", record.lines().count());
    fake_telegram::judge(&record);
}

#[tokio::test]
async fn telegram_keeps_the_contract_by_long_polling() {
    run(Mode::Polling).await;
}

#[tokio::test]
async fn telegram_keeps_the_contract_by_webhook() {
    run(Mode::Webhook).await;
}
