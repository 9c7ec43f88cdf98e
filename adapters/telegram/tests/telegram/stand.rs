//! One account on one fake platform, with the adapter running or not.

use std::sync::Arc;
use std::time::Duration;

use adapter_telegram::{Mode, Telegram, TelegramSettings};
use bot_core::Clock;
use bot_core::Locale;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{Adapter, ConversationKind, ConversationRef, RemoteIds, RunError, SendRequest, Verdict};
use bot_core::conformance::{TakenEvent, TestAccount, TestDatabase};
use bot_core::ids::DeliveryId;
use bot_core::message::{Document, Layout, Part};
use fake_telegram::FakeTelegram;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What has not happened after this long will not happen.
const PATIENCE: Duration = Duration::from_secs(8);

pub struct Stand {
    pub fake: Arc<FakeTelegram>,
    pub account: TestAccount,
    pub settings: TelegramSettings,
    _secrets: tempfile::TempDir,
    _database: TestDatabase,
}

/// A running adapter.
pub struct Running {
    pub adapter: Arc<Telegram>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Stand {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let account = database.account("telegram", &clock).await;
        let fake = Arc::new(FakeTelegram::start().await);
        let (secrets, settings) = settings(&fake);
        Self { fake, account, settings, _secrets: secrets, _database: database }
    }

    /// Built afresh, as after a restart of the process.
    pub fn adapter(&self) -> Arc<Telegram> {
        Telegram::new(self.settings.clone(), "http://127.0.0.1:9".to_owned(), self.account.context.clone())
    }

    /// Runs it as the service does: a lost connection is tried again.
    pub fn run(&self, adapter: Arc<Telegram>) -> Running {
        let (stop, intake) = (CancellationToken::new(), self.account.intake.clone());
        let (running, stopped) = (adapter.clone(), stop.clone());
        let task = tokio::spawn(async move {
            loop {
                match running.run(intake.clone(), stopped.clone()).await {
                    Err(RunError::Lost(_)) if !stopped.is_cancelled() => tokio::task::yield_now().await,
                    end => return end,
                }
            }
        });
        Running { adapter, stop, task }
    }

    pub fn start(&self) -> Running {
        self.run(self.adapter())
    }

    /// Serves the adapter's webhook, and gives it the address it is served at.
    pub async fn serve(&mut self) -> Arc<Telegram> {
        self.settings.mode = Mode::Webhook;
        serve(&self.settings, &self.account).await
    }

    /// Waits until the inbox holds exactly these texts.
    pub async fn takes(&self, texts: &[&str]) {
        eventually(&format!("the inbox to hold {texts:?}"), async || self.account.texts().await == texts).await;
    }

    /// Waits until the inbox holds this many events, and gives them.
    pub async fn events(&self, count: usize) -> Vec<TakenEvent> {
        eventually(&format!("{count} events in the inbox"), async || self.account.inbox().await.len() >= count).await;
        let events = self.account.inbox().await;
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

impl Running {
    pub async fn stop(self) -> Result<(), RunError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }

    /// For a run that ends by itself.
    pub async fn ends(self) -> Result<(), RunError> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it goes on").unwrap()
    }
}

/// The settings for the fake, and the folder that holds its token.
pub fn settings(fake: &FakeTelegram) -> (tempfile::TempDir, TelegramSettings) {
    let secrets = tempfile::tempdir().unwrap();
    let token_file = secrets.path().join("token");
    std::fs::write(&token_file, fake.token() + "\n").unwrap();
    let mut settings = TelegramSettings::new(token_file);
    settings.api_url = fake.url();
    (secrets, settings)
}

/// An adapter whose webhook is served on this machine until the test ends.
pub async fn serve(settings: &TelegramSettings, account: &TestAccount) -> Arc<Telegram> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", listener.local_addr().unwrap());
    let adapter = Telegram::new(settings.clone(), public_url, account.context.clone());
    let routes = adapter.router().expect("an account in webhook mode has a route");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    adapter
}

pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

pub fn direct(person: i64) -> ConversationRef {
    ConversationRef { kind: ConversationKind::Direct, platform_ref: person.to_string().into() }
}

pub fn group(chat: i64) -> ConversationRef {
    ConversationRef { kind: ConversationKind::Group, platform_ref: chat.to_string().into() }
}

pub fn seal(payload: &ActionPayload) -> ActionToken {
    ActionToken(String::from(payload.clone()))
}

pub fn render(adapter: &Telegram, document: &Document, conversation: &ConversationRef) -> Layout {
    adapter.render(document, conversation, &seal)
}

pub fn request<'r>(conversation: &'r ConversationRef, part: &'r Part) -> SendRequest<'r> {
    SendRequest {
        conversation,
        part,
        delivery: DeliveryId(uuid::Uuid::from_u128(1)),
        index: 0,
        media: None,
        locale: Locale::Fr,
        in_reply_to: None,
        reveals: None,
    }
}

/// Sends a document of one part.
pub async fn send(adapter: &Telegram, conversation: &ConversationRef, document: &Document) -> Verdict<RemoteIds> {
    let layout = render(adapter, document, conversation);
    let [part] = &layout.parts[..] else { panic!("{} parts", layout.parts.len()) };
    adapter.send(&request(conversation, part)).await
}

pub fn sent<T: std::fmt::Debug>(verdict: Verdict<T>) -> T {
    match verdict {
        Verdict::Sent(value) => value,
        other => panic!("expected Sent, got {other:?}"),
    }
}
