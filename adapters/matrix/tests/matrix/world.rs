//! What the tests share: a homeserver, its citizens, and bots of their own.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adapter_matrix::{Matrix, MatrixSettings};
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Adapter, ConversationKind, ConversationRef, InboundKind, RemoteIds, RunError, SendRequest, Verdict,
};
use bot_core::conformance::{TakenEvent, TestAccount, TestDatabase};
use bot_core::message::Document;
use bot_core::{Clock, DeliveryId, Locale};
use real_matrix::{Citizen, Citizens, Proxy, RateLimits, Said, Synapse};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What has not happened by then will not happen, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct World {
    pub synapse: Synapse,
    pub citizens: Arc<Citizens>,
}

static WORLD: OnceLock<Option<World>> = OnceLock::new();
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
static NAMES: AtomicU32 = AtomicU32::new(1);

/// The homeserver without limits, for one test at a time; `None` where it is not installed.
pub async fn world() -> Option<(&'static World, MutexGuard<'static, ()>)> {
    let alone = ONE_AT_A_TIME.lock().await;
    let world = WORLD.get_or_init(|| World::start(RateLimits::Off));
    world.as_ref().map(|world| (world, alone))
}

impl World {
    pub fn start(limits: RateLimits) -> Option<Self> {
        let (synapse, nio) = real_matrix::pythons()?;
        let synapse = Synapse::start(synapse, limits);
        let citizens = Citizens::start(nio, &synapse);
        Some(Self { synapse, citizens })
    }

    pub fn name(&self, stem: &str) -> String {
        format!("{stem}{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }
}

/// A bot's account on the homeserver, with its files, behind a proxy of its own.
pub struct Bot {
    pub user: String,
    pub settings: MatrixSettings,
    pub proxy: Proxy,
    pub directory: TempDir,
}

impl Bot {
    pub async fn register(world: &World) -> Self {
        let name = world.name("crieur");
        let user = world.citizens.register(&name).await;
        let proxy = Proxy::start(world.synapse.url());
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("password"), &name).unwrap();
        let settings = settings(&proxy.url(), &user, directory.path());
        Self { user, settings, proxy, directory }
    }

    pub fn matrix(&self, account: &TestAccount) -> Arc<Matrix> {
        Matrix::new(self.settings.clone(), account.context.clone())
    }
}

fn settings(url: &str, user: &str, directory: &Path) -> MatrixSettings {
    serde_json::from_value(json!({
        "homeserver_url": url, "user": user, "password_file": directory.join("password"),
        "recovery_key_file": directory.join("recovery"), "store_dir": directory.join("store"),
        "store_passphrase_file": directory.join("passphrase"),
    }))
    .unwrap()
}

/// A bot that runs, and a citizen who has invited it to a direct room.
pub struct Scene {
    pub account: TestAccount,
    pub bot: Bot,
    pub citizen: Citizen,
    pub room: String,
    pub adapter: Arc<Matrix>,
    running: Option<(JoinHandle<Result<(), RunError>>, CancellationToken)>,
    _database: TestDatabase,
}

impl Scene {
    pub async fn set(world: &World, version: &str) -> Self {
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let database = TestDatabase::create().await;
        let account = database.account("matrix", &clock).await;
        let bot = Bot::register(world).await;
        let citizen = world.citizens.arrive(&world.name("citizen")).await;
        let room = citizen.opens_direct(&bot.user, version).await;
        let adapter = bot.matrix(&account);
        let mut scene = Self { account, bot, citizen, room, adapter, running: None, _database: database };
        scene.start();
        let room = scene.room.clone();
        scene.takes("the room is open", |event| event.kind == InboundKind::Opened && event.conversation == room).await;
        scene
    }

    /// Runs the adapter as the service does: a lost connection is tried again.
    pub fn start(&mut self) {
        let (adapter, intake, stop) = (self.adapter.clone(), self.account.intake.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            loop {
                match adapter.run(intake.clone(), stopped.clone()).await {
                    Err(RunError::Lost(reason)) if !stopped.is_cancelled() => {
                        println!("the bot was cut off: {reason}");
                        tokio::task::yield_now().await;
                    }
                    end => return end,
                }
            }
        });
        self.running = Some((running, stop));
    }

    /// What `run` ended with.
    pub async fn stop(&mut self) -> Result<(), RunError> {
        let (running, stop) = self.running.take().expect("it runs");
        stop.cancel();
        within("it stops", running).await.expect("it does not panic")
    }

    /// Starts another adapter over the same account, and waits until it is ready.
    pub async fn start_anew(&mut self) {
        self.adapter = self.bot.matrix(&self.account);
        self.start();
        self.is(AccountHealth::Ready).await;
    }

    /// Starts another adapter, which is refused, and says with which words.
    pub async fn is_refused(&mut self) -> String {
        self.adapter = self.bot.matrix(&self.account);
        self.start();
        let (running, _) = self.running.take().expect("it runs");
        match within("it ends", running).await.expect("it does not panic") {
            Err(RunError::Refused(reason)) => {
                assert_eq!(self.adapter.health(), AccountHealth::Failed { reason: reason.clone() });
                reason
            }
            other => panic!("it should be refused, but ended with {other:?}"),
        }
    }

    pub async fn is(&self, health: AccountHealth) {
        within(&format!("{health:?}"), async {
            while self.adapter.health() != health {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub fn conversation(&self) -> ConversationRef {
        ConversationRef { kind: ConversationKind::Direct, platform_ref: self.room.clone().into() }
    }

    pub async fn says(&self, text: &str) -> String {
        self.citizen.says(&self.room, &self.bot.user, text).await
    }

    /// Waits for an event of the inbox.
    pub async fn takes(&self, what: &str, wanted: impl Fn(&TakenEvent) -> bool) -> TakenEvent {
        within(what, async {
            loop {
                if let Some(event) = self.account.inbox().await.into_iter().rev().find(|event| wanted(event)) {
                    return event;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    pub async fn takes_texts(&self, texts: &[String]) {
        let taken = async {
            while self.account.texts().await != texts {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENCE, taken).await.is_err() {
            panic!("the inbox should hold {texts:?}, but holds {:?}", self.account.texts().await);
        }
    }

    /// Waits for something the citizen sees in their room.
    pub async fn sees(&self, what: &str, wanted: impl Fn(&Said) -> bool) -> Said {
        within(what, async {
            loop {
                if let Some(said) = self.citizen.sees(&self.room).await.into_iter().rev().find(|said| wanted(said)) {
                    return said;
                }
            }
        })
        .await
    }

    /// Sends a document's first part, with its media uploaded before.
    pub async fn try_to_send(&self, document: &Document, delivery: u128) -> Verdict<RemoteIds> {
        let conversation = self.conversation();
        let seal = |_: &ActionPayload| ActionToken("token".into());
        let layout = self.adapter.render(document, &conversation, &seal);
        let part = &layout.parts[0];
        let media = match part.media() {
            Some(hash) => {
                let media = self.account.context.media.read(hash).await.unwrap().unwrap();
                match self.adapter.upload(&media).await {
                    Verdict::Sent(remote) => Some(remote),
                    other => panic!("the upload was answered with {other:?}"),
                }
            }
            None => None,
        };
        let request = SendRequest { media: media.as_ref(), ..request(&conversation, part, delivery) };
        self.adapter.send(&request).await
    }

    pub async fn sends(&self, document: &Document, delivery: u128) -> String {
        match self.try_to_send(document, delivery).await {
            Verdict::Sent(ids) => ids.0[0].clone(),
            other => panic!("the message was answered with {other:?}"),
        }
    }
}

pub fn request<'r>(
    conversation: &'r ConversationRef,
    part: &'r bot_core::message::Part,
    delivery: u128,
) -> SendRequest<'r> {
    SendRequest {
        conversation,
        part,
        delivery: DeliveryId(uuid::Uuid::from_u128(delivery)),
        index: 0,
        media: None,
        locale: Locale::Fr,
        in_reply_to: None,
        reveals: None,
    }
}

pub async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long: {what}"),
    }
}
