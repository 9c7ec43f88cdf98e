//! A stateful fake of Discord, REST and gateway, for tests.
//!
//! It keeps people, servers, conversations and messages, enforces Discord's limits, and fails on request. Its clock
//! moves by hand only. Where it says something of Discord's behaviour, the source is Discord's public documentation.
//! It knows nothing of the program under test.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for tests: it ends them and says why")]

mod fault;
mod gateway;
mod model;
mod people;
mod record;
mod rest;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use fault::{Fault, Scope};
pub use model::{Pressable, Shown};
pub use people::{Answered, Person};
pub use record::Exchange;
pub use world::{BOT_TOKEN, ChannelId, GuildId, MessageId, UserId};

use world::World;

/// One Discord of its own, on two ports of this machine. Cheap to clone.
#[derive(Clone)]
pub struct FakeDiscord {
    world: Arc<Mutex<World>>,
    changed: Arc<watch::Sender<u64>>,
    rest: Arc<Listener>,
    gateway_address: SocketAddr,
}

/// The REST side, which can go away and come back on the same port.
struct Listener {
    address: SocketAddr,
    serving: Mutex<Option<(CancellationToken, JoinHandle<()>)>>,
}

impl FakeDiscord {
    /// Starts one whose clock stands at this many milliseconds since 1970.
    pub async fn start(now_millis: i64) -> Self {
        let rest = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway_address = gateway.local_addr().unwrap();
        let fake = Self {
            world: Arc::new(Mutex::new(World::new(now_millis, format!("ws://{gateway_address}")))),
            changed: Arc::new(watch::Sender::new(0)),
            rest: Arc::new(Listener { address: rest.local_addr().unwrap(), serving: Mutex::new(None) }),
            gateway_address,
        };
        fake.serve(rest);
        tokio::spawn(gateway::serve(fake.clone(), gateway));
        fake
    }

    fn serve(&self, listener: TcpListener) {
        let (stop, router) = (CancellationToken::new(), rest::router(self.clone()));
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
        *self.rest.serving.lock().unwrap() = Some((stop, serving));
    }

    /// Where the REST API is, as a client's base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.rest.address)
    }

    pub fn gateway_url(&self) -> String {
        format!("ws://{}", self.gateway_address)
    }

    /// Nothing listens any more on the REST port: a connection is refused.
    pub async fn goes_offline(&self) {
        let serving = self.rest.serving.lock().unwrap().take();
        if let Some((stop, serving)) = serving {
            stop.cancel();
            serving.await.unwrap();
        }
    }

    pub async fn comes_back(&self) {
        if self.rest.serving.lock().unwrap().is_none() {
            let listener = TcpListener::bind(self.rest.address).await.unwrap();
            self.serve(listener);
        }
    }

    /// Moves the clock.
    pub fn advance(&self, millis: i64) {
        self.change(|world| world.now_millis += millis);
    }

    /// The next call to `route` (`POST /channels/*/messages`) ends this way.
    pub fn script(&self, route: &str, fault: Fault) {
        self.change(|world| world.faults.push_back((route.to_owned(), fault)));
    }

    /// So many messages may be sent to a channel within so long.
    pub fn limits_channels_to(&self, messages: u32, millis: i64) {
        self.change(|world| world.channel_limit = (messages, millis));
    }

    /// So many direct conversations may be opened within so long.
    pub fn limits_openings_to(&self, openings: u32, millis: i64) {
        self.change(|world| world.opening_limit = (openings, millis));
    }

    /// The bot's token is accepted no more.
    pub fn revokes_the_token(&self) {
        self.change(|world| world.token_accepted = false);
    }

    pub fn accepts_the_token(&self) {
        self.change(|world| world.token_accepted = true);
    }

    pub fn person(&self, name: &str) -> Person {
        let id = self.change(|world| world.add_user(name));
        Person { fake: self.clone(), id }
    }

    /// A server with one text channel, which the bot is on.
    pub fn guild(&self, name: &str) -> (GuildId, ChannelId) {
        self.change(|world| world.add_guild(name))
    }

    pub fn thread(&self, guild: GuildId) -> ChannelId {
        self.change(|world| world.add_thread(guild))
    }

    pub fn removes_bot_from(&self, guild: GuildId) {
        self.change(|world| world.leave_guild(guild));
    }

    pub fn deletes_channel(&self, channel: ChannelId) {
        self.change(|world| world.delete_channel(channel));
    }

    pub fn bot(&self) -> UserId {
        self.world().bot
    }

    /// What everybody may see of what the bot sent to a channel.
    pub fn sent_to(&self, channel: ChannelId) -> Vec<Shown> {
        let world = self.world();
        world.shown(channel, None)
    }

    /// Everything that was asked and answered so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.world().exchanges.clone()
    }

    /// How many calls went to `route`.
    pub fn calls_to(&self, route: &str) -> usize {
        self.world().exchanges.iter().filter(|exchange| exchange.is_to(route)).count()
    }

    /// Every frame that the gateway sent.
    pub fn gateway_frames(&self) -> Vec<Value> {
        self.world().frames.clone()
    }

    /// The commands that were registered last.
    pub fn commands(&self) -> Vec<Value> {
        self.world().commands.clone()
    }

    /// Answers of 401, 403 and 429 (but for shared limits) so far.
    pub fn invalid_requests(&self) -> usize {
        self.world().exchanges.iter().filter(|exchange| exchange.invalid).count()
    }

    /// How many people were notified by a mention.
    pub fn pings(&self) -> usize {
        self.world().pings
    }

    /// Waits until `holds`. There is no limit: the test has one.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(self) {
            changed.changed().await.unwrap();
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world());
        self.changed.send_modify(|count| *count += 1);
        result
    }
}
