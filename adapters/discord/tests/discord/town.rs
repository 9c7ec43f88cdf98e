//! One account against one Discord: what the tests begin with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_discord::{Discord, DiscordSettings};
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Adapter, ConversationKind, ConversationRef, RemoteIds, RunError, SendRequest, Verdict,
};
use bot_core::conformance::{TestAccount, TestDatabase};
use bot_core::message::{Document, Layout, Part};
use bot_core::{Clock, DeliveryId, Locale};
use chrono::TimeDelta;
use fake_discord::{BOT_TOKEN, ChannelId, FakeDiscord, Person};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What has not happened after this long will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Town {
    pub fake: FakeDiscord,
    pub account: TestAccount,
    pub discord: Arc<Discord>,
    pub token: TokenFile,
    running: Option<(JoinHandle<Result<(), RunError>>, CancellationToken)>,
    database: TestDatabase,
}

/// A file with the bot's token, removed with this value.
pub struct TokenFile {
    folder: tempfile::TempDir,
}

impl TokenFile {
    pub fn new() -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        file.write(BOT_TOKEN);
        file
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    pub fn write(&self, token: &str) {
        std::fs::write(self.path(), token).unwrap();
    }
}

pub fn settings(fake: &FakeDiscord, token: &TokenFile) -> DiscordSettings {
    let settings = DiscordSettings { api_url: fake.url(), ..DiscordSettings::new(token.path()) };
    settings.check().unwrap();
    settings
}

impl Town {
    /// Everything is in place, and the account does not run yet.
    pub async fn quiet() -> Self {
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let database = TestDatabase::create().await;
        let account = database.account("discord", &clock).await;
        let fake = FakeDiscord::start(clock.now().timestamp_millis()).await;
        let token = TokenFile::new();
        let discord = Discord::new(settings(&fake, &token), account.context.clone());
        Self { fake, account, discord, token, running: None, database }
    }

    /// The account runs and is ready.
    pub async fn awake() -> Self {
        let mut town = Self::quiet().await;
        town.start().await;
        town
    }

    /// Runs the account as the service does: a lost session is begun again.
    pub async fn start(&mut self) {
        let (discord, intake, stop) = (self.discord.clone(), self.account.intake.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            loop {
                match discord.run(intake.clone(), stopped.clone()).await {
                    Err(RunError::Lost(_)) if !stopped.is_cancelled() => tokio::task::yield_now().await,
                    end => return end,
                }
            }
        });
        self.running = Some((running, stop));
        self.until("the account to be ready", async |town| town.discord.health() == AccountHealth::Ready).await;
    }

    pub async fn stop(&mut self) {
        let (running, stop) = self.running.take().unwrap();
        stop.cancel();
        within("the account to stop", running).await.unwrap().unwrap();
    }

    /// The process dies and another one begins: only the database is left.
    pub async fn restart(&mut self) {
        self.restart_unready().await;
        self.start().await;
    }

    /// The same, without running.
    pub async fn restart_unready(&mut self) {
        self.stop().await;
        self.discord = Discord::new(settings(&self.fake, &self.token), self.account.context.clone());
    }

    /// Nothing can be stored in the inbox until this is rolled back.
    pub async fn hold_the_inbox(&self) -> sqlx::Transaction<'static, sqlx::Postgres> {
        let mut held = self.database.pool().begin().await.unwrap();
        sqlx::raw_sql("LOCK TABLE core.inbox IN EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
        held
    }

    /// How one run ends.
    pub async fn ends(&self) -> Result<(), RunError> {
        let run = self.discord.run(self.account.intake.clone(), CancellationToken::new());
        within("the run to end", run).await
    }

    pub fn advance(&self, by: TimeDelta) {
        self.account.context.clock.advance(by);
        self.fake.advance(by.num_milliseconds());
    }

    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let held = async {
            while !holds(self).await {
                tokio::task::yield_now().await;
            }
        };
        within(what, held).await;
    }

    pub async fn takes(&self, texts: &[&str]) {
        let taken = tokio::time::timeout(PATIENCE, async {
            while self.account.texts().await != texts {
                tokio::task::yield_now().await;
            }
        });
        if taken.await.is_err() {
            panic!("the inbox should hold {texts:?}, but holds {:?}", self.account.texts().await);
        }
    }

    /// Whatever waits for an answer, as the latest event carries it.
    pub async fn latest_acknowledgement(&self) -> Value {
        self.account.inbox().await.pop().unwrap().acknowledgement.unwrap()
    }

    pub async fn send(&self, to: &ConversationRef, document: &Document, delivery: u128) -> Verdict<RemoteIds> {
        self.send_in_reply(to, document, delivery, None).await
    }

    /// Sends the only part of a document.
    pub async fn send_in_reply(
        &self,
        to: &ConversationRef,
        document: &Document,
        delivery: u128,
        in_reply_to: Option<&Value>,
    ) -> Verdict<RemoteIds> {
        let layout = self.layout(to, document);
        let [part] = layout.parts.as_slice() else { panic!("one part was expected") };
        let request = SendRequest { in_reply_to, ..request(to, part, delivery) };
        within("`send`", self.discord.send(&request)).await
    }

    pub fn layout(&self, to: &ConversationRef, document: &Document) -> Layout {
        self.discord.render(document, to, &seal)
    }
}

pub async fn within<T>(what: &str, call: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than {PATIENCE:?}"),
    }
}

pub fn direct(person: &Person) -> ConversationRef {
    place(ConversationKind::Direct, person.direct())
}

pub fn place(kind: ConversationKind, channel: ChannelId) -> ConversationRef {
    ConversationRef { kind, platform_ref: channel.to_string().into() }
}

pub fn seal(payload: &ActionPayload) -> ActionToken {
    ActionToken(String::from(payload.clone()))
}

pub fn action(byte: u8) -> ActionPayload {
    ActionPayload::new([byte]).unwrap()
}

pub fn request<'r>(conversation: &'r ConversationRef, part: &'r Part, delivery: u128) -> SendRequest<'r> {
    SendRequest {
        conversation,
        part,
        delivery: DeliveryId(Uuid::from_u128(delivery)),
        index: 0,
        media: None,
        locale: Locale::Fr,
        in_reply_to: None,
        reveals: None,
    }
}

pub fn message_id(verdict: &Verdict<RemoteIds>) -> u64 {
    match verdict {
        Verdict::Sent(ids) => ids.0[0].parse().unwrap(),
        other => panic!("expected Sent, got {other:?}"),
    }
}
