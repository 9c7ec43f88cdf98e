//! One session at the gateway, held by serenity: it connects, beats, resumes and takes frames apart.
//!
//! serenity's manager presents the bot anew whenever a session is lost, as often as that happens. Here a lost session
//! ends [`hold`], so that the caller can count first. For that the manager is given an address that it never gets hold
//! of; the one real connection is made beside it. serenity's log lines are left out, since some hold messages and
//! session ids.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serenity::all::{
    CollectorCallback, ConnectionStage, Event, GatewayError, GatewayIntents, Http, Shard, ShardId, ShardInfo,
    ShardManager, ShardManagerOptions, ShardMessenger, ShardRunner, ShardRunnerInfo, ShardRunnerMessage,
    ShardRunnerOptions,
};
use serenity::prelude::{Mutex, RwLock, TypeMap};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// What Discord is asked to report. None of these needs an approval, and none shows what people write to each other:
/// direct messages and what mentions the bot come with their words, everything else without (docs: Gateway Intents).
pub(crate) const INTENTS: GatewayIntents =
    GatewayIntents::GUILDS.union(GatewayIntents::GUILD_MESSAGES).union(GatewayIntents::DIRECT_MESSAGES);

/// How long a farewell may take.
const CLOSE_WITHIN: Duration = Duration::from_millis(1500);
/// The code for "I am leaving": the bot is shown offline at once.
const LEAVING: u16 = 1000;

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It cannot be resumed; what happened meanwhile has to be fetched.
    Lost,
    Refused(Refusal),
    Stopped,
}

/// What Discord will refuse again however often it is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    Token,
    Intents,
}

/// A connection that has not presented itself yet.
pub(crate) struct Connection {
    shard: Shard,
    info: ShardInfo,
    address: Arc<Mutex<String>>,
}

impl Connection {
    /// # Errors
    /// When the gateway cannot be reached.
    pub(crate) async fn open(address: &str, token: &str, info: ShardInfo) -> Result<Self, ()> {
        let address = Arc::new(Mutex::new(address.trim_end_matches('/').to_owned() + "/"));
        let shard = Shard::new(Arc::clone(&address), token, info, INTENTS, None);
        let shard = shard.with_subscriber(NoSubscriber::new()).await.map_err(drop)?;
        Ok(Self { shard, info, address })
    }
}

/// Presents the bot and passes events on in the order in which they arrive, until the session is lost or `stop`.
pub(crate) async fn hold(
    connection: Connection,
    token: &str,
    events: UnboundedSender<(ShardId, Event)>,
    stop: &CancellationToken,
) -> End {
    let Connection { shard, info, address } = connection;
    let id = info.id;
    let (nowhere, nowhere_kept) = unreachable_address().await;
    let (data, http) = (Arc::new(RwLock::new(TypeMap::new())), Arc::new(Http::new(token)));
    let (manager, _) = ShardManager::new(ShardManagerOptions {
        data: Arc::clone(&data),
        event_handlers: Vec::new(),
        raw_event_handlers: Vec::new(),
        shard_index: id.0,
        shard_init: 1,
        shard_total: info.total,
        ws_url: nowhere,
        http: Arc::clone(&http),
        intents: INTENTS,
        presence: None,
    });
    let mut runner = ShardRunner::new(ShardRunnerOptions {
        data,
        event_handlers: Vec::new(),
        raw_event_handlers: Vec::new(),
        manager: Arc::clone(&manager),
        shard,
        http,
    });
    let messenger = ShardMessenger::new(&runner);
    messenger.add_collector(CollectorCallback(Box::new(move |event| {
        if let Event::Ready(ready) = event {
            resume_at(&address, &ready.ready.resume_gateway_url);
        }
        // Nobody listens any more only while the account stops.
        let _ = events.send((id, event.clone()));
        true
    })));
    // A session that is lost asks the manager for a new one, and would wait five seconds for this.
    manager.shutdown_finished(id);
    let running = async move { runner.run().await };
    let mut running = AbortOnDropHandle::new(tokio::spawn(running.with_subscriber(NoSubscriber::new())));
    let end = tokio::select! {
        ended = &mut running => match ended {
            Ok(Err(serenity::Error::Gateway(error))) => refusal(&error).map_or(End::Lost, End::Refused),
            _ => End::Lost,
        },
        () = stop.cancelled() => {
            leave(&messenger, id, running).await;
            End::Stopped
        }
    };
    dismiss(&manager, id, messenger, nowhere_kept).await;
    end
}

fn refusal(error: &GatewayError) -> Option<Refusal> {
    match error {
        GatewayError::InvalidAuthentication => Some(Refusal::Token),
        GatewayError::InvalidGatewayIntents | GatewayError::DisallowedGatewayIntents => Some(Refusal::Intents),
        _ => None,
    }
}

/// serenity resumes at the address that the session began with; Discord names a better one.
fn resume_at(address: &Mutex<String>, resume_url: &str) {
    // Held only while a connection is made, when no event can arrive.
    if let Ok(mut address) = address.try_lock()
        && same_security(&address, resume_url)
    {
        *address = resume_url.trim_end_matches('/').to_owned() + "/";
    }
}

/// The token follows to that address: never in the clear, unless it already went so.
fn same_security(before: &str, after: &str) -> bool {
    after.starts_with("wss://") || (after.starts_with("ws://") && before.starts_with("ws://"))
}

async fn leave(messenger: &ShardMessenger, id: ShardId, running: AbortOnDropHandle<serenity::Result<()>>) {
    messenger.send_to_shard(ShardRunnerMessage::Shutdown(id, LEAVING));
    // Whoever does not answer is left all the same.
    let _ = tokio::time::timeout(CLOSE_WITHIN, running).await;
}

/// An address that stays locked away: whoever asks for it waits.
async fn unreachable_address() -> (Arc<Mutex<String>>, tokio::sync::OwnedMutexGuard<String>) {
    let nowhere = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&nowhere).lock_owned().await;
    (nowhere, kept)
}

/// Ends the manager's own task, which otherwise would wait for ever: it is told to stop all its connections (of which
/// one has to be listed, or it is not told) and given the address, which leads nowhere.
async fn dismiss(
    manager: &ShardManager,
    id: ShardId,
    messenger: ShardMessenger,
    nowhere: tokio::sync::OwnedMutexGuard<String>,
) {
    let listed = ShardRunnerInfo { latency: None, runner_tx: messenger, stage: ConnectionStage::Disconnected };
    *manager.runners.lock().await = HashMap::from([(id, listed)]);
    manager.shutdown_finished(id);
    manager.shutdown_all().with_subscriber(NoSubscriber::new()).await;
    drop(nowhere);
}
