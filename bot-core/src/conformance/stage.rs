//! One case's surroundings: a database, an account, an adapter against its platform, and the loop that runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bench::{AdapterBench, Seen};
use super::database::{TestAccount, TestDatabase};
use crate::action::{ActionPayload, ActionToken};
use crate::adapter::{AccountHealth, Adapter, ConversationRef, RemoteIds, RunError, SendRequest, Verdict};
use crate::ids::DeliveryId;
use crate::locale::Locale;
use crate::message::{Body, Document, Layout, Part};

/// What has not happened after this long will not happen.
const PATIENCE: Duration = Duration::from_secs(8);
/// A stop that takes longer than this keeps the whole service from ending in time.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

pub(super) type Checked = Result<(), String>;

pub(super) struct Stage {
    pub account: TestAccount,
    pub bench: Box<dyn AdapterBench>,
    current: Mutex<Current>,
    _database: TestDatabase,
}

struct Current {
    adapter: Arc<dyn Adapter>,
    running: Option<(JoinHandle<Result<(), RunError>>, CancellationToken)>,
}

impl Stage {
    /// Everything is in place and the adapter runs.
    pub(super) async fn set<B: AdapterBench + 'static>(platform: &str, build: &impl AsyncFn(TestAccount) -> B) -> Self {
        let database = TestDatabase::create().await;
        let account = database.account(platform, &super::clock()).await;
        let bench = Box::new(build(account.clone()).await);
        let adapter = bench.adapter().await;
        let stage =
            Self { account, bench, current: Mutex::new(Current { adapter, running: None }), _database: database };
        stage.run().await;
        stage
    }

    pub(super) async fn clear(self) {
        self.account.mend().await;
        // A stop that fails is a case's own business.
        let _ = self.stop().await;
    }

    pub(super) async fn adapter(&self) -> Arc<dyn Adapter> {
        self.current.lock().await.adapter.clone()
    }

    /// Runs the adapter as the service does: a lost connection is tried again.
    pub(super) async fn run(&self) {
        let mut current = self.current.lock().await;
        let (adapter, intake, stop) = (current.adapter.clone(), self.account.intake.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            loop {
                match adapter.run(intake.clone(), stopped.clone()).await {
                    Err(RunError::Lost(_)) if !stopped.is_cancelled() => tokio::task::yield_now().await,
                    end => return end,
                }
            }
        });
        current.running = Some((running, stop));
        let ready = async {
            while current.adapter.health() != AccountHealth::Ready {
                tokio::task::yield_now().await;
            }
        };
        // One that never says so is found out by the case that asks for it.
        let _ = tokio::time::timeout(PATIENCE, ready).await;
    }

    pub(super) async fn stop(&self) -> Checked {
        let Some((running, stop)) = self.current.lock().await.running.take() else { return Ok(()) };
        stop.cancel();
        match tokio::time::timeout(STOP_MAX, running).await {
            Ok(Ok(Ok(()) | Err(RunError::Lost(_)))) => Ok(()),
            Ok(Ok(Err(error))) => Err(format!("`run` ended with: {error}")),
            Ok(Err(_)) => Err("`run` panicked".into()),
            Err(_) => Err(format!("`run` did not return within {STOP_MAX:?} of the stop")),
        }
    }

    /// Stops the adapter and starts another one over the same account and platform.
    pub(super) async fn restart(&self) -> Checked {
        self.stop().await?;
        let adapter = self.bench.adapter().await;
        self.current.lock().await.adapter = adapter;
        self.run().await;
        Ok(())
    }

    pub(super) async fn render(&self, document: &Document) -> Result<Layout, String> {
        let conversation = self.conversation().await?;
        Ok(self.adapter().await.render(document, &conversation, &seal))
    }

    /// The person's conversation, which may only appear once the adapter runs.
    pub(super) async fn conversation(&self) -> Result<ConversationRef, String> {
        within("the conversation", self.bench.conversation()).await
    }

    /// Sends one part under the key of `delivery` and `index`, with its media uploaded first.
    pub(super) async fn send(&self, part: &Part, delivery: u128, index: usize) -> Result<Verdict<RemoteIds>, String> {
        let (adapter, conversation) = (self.adapter().await, self.conversation().await?);
        let media = match part.media() {
            Some(hash) => {
                let media = self.account.context.media.read(hash).await.map_err(|error| error.to_string())?;
                let media = media.ok_or("the part shows media that the store does not hold")?;
                match within("`upload`", adapter.upload(&media)).await? {
                    Verdict::Sent(remote) => Some(remote),
                    verdict => return Err(format!("`upload` answered {verdict:?}")),
                }
            }
            None => None,
        };
        let request = SendRequest { media: media.as_ref(), ..request(&conversation, part, delivery, index) };
        within("`send`", adapter.send(&request)).await
    }

    /// Sends a whole document, part by part.
    pub(super) async fn send_all(&self, document: &Document, delivery: u128) -> Result<Vec<RemoteIds>, String> {
        let layout = self.render(document).await?;
        let mut sent = Vec::new();
        for (index, part) in layout.parts.iter().enumerate() {
            match self.send(part, delivery, index).await? {
                Verdict::Sent(ids) => sent.push(ids),
                verdict => return Err(format!("part {index} was answered with {verdict:?}")),
            }
        }
        Ok(sent)
    }

    /// Waits until the person sees what `holds`.
    pub(super) async fn sees(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) -> Checked {
        let seen = async {
            loop {
                if holds(&self.bench.seen().await) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, seen).await {
            Ok(()) => Ok(()),
            Err(_) => Err(format!("the person should see {what}, but sees {:?}", self.bench.seen().await)),
        }
    }

    /// Waits until the inbox holds exactly these texts.
    pub(super) async fn takes(&self, texts: &[String]) -> Checked {
        let taken = async {
            while self.account.texts().await != texts {
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, taken).await {
            Ok(()) => Ok(()),
            Err(_) => Err(format!("the inbox should hold {texts:?}, but holds {:?}", self.account.texts().await)),
        }
    }
}

/// The first part of a document; every document of the suite has one.
pub(super) fn first(layout: &Layout) -> Result<&Part, String> {
    layout.parts.first().ok_or_else(|| "`render` made no part".into())
}

pub(super) async fn within<T>(what: &str, call: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, call).await.map_err(|_| format!("{what} took longer than {PATIENCE:?}"))
}

pub(super) fn seal(payload: &ActionPayload) -> ActionToken {
    ActionToken(String::from(payload.clone()))
}

pub(super) fn request<'r>(
    conversation: &'r ConversationRef,
    part: &'r Part,
    delivery: u128,
    index: usize,
) -> SendRequest<'r> {
    SendRequest {
        conversation,
        part,
        delivery: DeliveryId(Uuid::from_u128(delivery)),
        index: u16::try_from(index).unwrap_or(u16::MAX),
        media: None,
        locale: Locale::Fr,
        in_reply_to: None,
        reveals: None,
    }
}

/// The letters and digits alone: what must survive any markup.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// A part's words, as far as `render` laid them out.
pub(super) fn words(part: &Part) -> String {
    match &part.body {
        Body::Text { blocks } => blocks.iter().map(crate::message::layout::words_of).collect::<Vec<_>>().join("\n"),
        Body::Picture { alternative, .. } => alternative.clone(),
        Body::File { label, .. } => label.clone(),
        Body::Poll { poll } => crate::message::layout::words_of(&crate::message::Block::Poll { poll: poll.clone() }),
    }
}
