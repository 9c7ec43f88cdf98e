//! A stateful fake of the Telegram Bot API, at the network edge: an unmodified client talks to it over HTTP, people
//! in it write, press and vote, and it keeps the platform's rules and limits as far as they are known. It can go
//! wrong in every way the real one does.
//!
//! What it answers was taken from the Bot API's documentation and from the source of Telegram's own server
//! (tdlib/telegram-bot-api), and is judged in `judge/`. It knows nothing of crieur.

mod call;
mod clock;
mod fault;
mod judge;
mod limits;
mod methods;
mod people;
mod queue;
mod sending;
mod server;
mod town;
mod webhook;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use call::Call;
pub use fault::Fault;
pub use judge::{judge, problems};
pub use limits::mentions;
pub use people::{GroupHandle, PersonHandle, PressAnswer, Seen, SeenButton};

use clock::FakeClock;
use server::{Door, Shared};
use town::{BOT_ID, BOT_USERNAME, Chat, ChatKind, Town};

/// The platform with one bot on it. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeTelegram {
    shared: Shared,
    door: tokio::sync::Mutex<Door>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl FakeTelegram {
    /// Its time stands still until [`FakeTelegram::advance`].
    ///
    /// # Panics
    /// When this machine gives no port.
    pub async fn start() -> Self {
        Self::begin(FakeClock::standing()).await
    }

    /// Its time goes on with the real one, and [`FakeTelegram::advance`] jumps ahead.
    ///
    /// # Panics
    /// When this machine gives no port.
    pub async fn start_in_real_time() -> Self {
        Self::begin(FakeClock::running()).await
    }

    #[allow(clippy::expect_used, reason = "a test cannot go on without its platform")]
    async fn begin(clock: FakeClock) -> Self {
        let token = format!("{BOT_ID}:AAF-fake_token_of_trifouilly_000000");
        let shared = Shared::new(Town::new(token, clock));
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let door = Door::open(shared.clone(), here).await.expect("a port on this machine");
        let (address, stop) = (door.address, CancellationToken::new());
        tokio::spawn(webhook::deliver_for_ever(shared.clone(), stop.clone()));
        Self { shared, door: tokio::sync::Mutex::new(door), address, stop }
    }

    /// What a client takes for `https://api.telegram.org`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bot's token.
    pub fn token(&self) -> String {
        self.shared.town().token.clone()
    }

    pub fn bot_id(&self) -> i64 {
        BOT_ID
    }

    pub fn bot_username(&self) -> &'static str {
        BOT_USERNAME
    }

    /// A person, met or not.
    pub fn person(&self, id: i64) -> PersonHandle {
        self.shared.town().meet(id);
        PersonHandle { shared: self.shared.clone(), id }
    }

    /// A basic group with the bot in it.
    pub fn group(&self, id: i64) -> GroupHandle {
        self.chat(id, ChatKind::Group)
    }

    pub fn supergroup(&self, id: i64) -> GroupHandle {
        self.chat(id, ChatKind::Supergroup { forum: false })
    }

    /// A supergroup with topics.
    pub fn forum(&self, id: i64) -> GroupHandle {
        self.chat(id, ChatKind::Supergroup { forum: true })
    }

    pub fn channel(&self, id: i64) -> GroupHandle {
        self.chat(id, ChatKind::Channel)
    }

    fn chat(&self, id: i64, kind: ChatKind) -> GroupHandle {
        self.shared.town().chats.entry(id).or_insert_with(|| Chat::new(kind, format!("Groupe {id}")));
        GroupHandle { shared: self.shared.clone(), id }
    }

    /// What the bot has written in a chat, in order.
    pub fn seen(&self, chat: i64) -> Vec<Seen> {
        people::seen(&self.shared.town(), chat)
    }

    /// Numbers of the messages pinned in a chat, the newest last.
    pub fn pinned(&self, chat: i64) -> Vec<i64> {
        self.shared.town().chats.get(&chat).map(|chat| chat.pinned.clone()).unwrap_or_default()
    }

    /// The command menu for a language (`""`: for everybody else), in the default scope.
    pub fn menu(&self, language: &str) -> Option<Value> {
        self.shared.town().menus.get(&("default".to_owned(), language.to_owned())).cloned()
    }

    /// The next call of `method` (as documented: `sendMessage`) goes wrong like this. Several are used up in order.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        self.shared.town().faults.entry(method.to_owned()).or_default().push_back(fault);
    }

    /// Takes back what [`FakeTelegram::fail_next`] has not used up.
    pub fn forgive(&self) {
        self.shared.town().faults.clear();
    }

    /// Moves the platform's time.
    pub fn advance(&self, by: Duration) {
        self.shared.town().clock.advance(by);
        self.shared.town().ring();
    }

    /// Cuts every connection and refuses new ones, until [`FakeTelegram::accept`].
    pub async fn refuse(&self) {
        self.door.lock().await.close().await;
    }

    /// Takes connections again, at the same address.
    ///
    /// # Panics
    /// When the port was taken meanwhile.
    #[allow(clippy::expect_used, reason = "a test cannot go on without its platform")]
    pub async fn accept(&self) {
        let mut door = self.door.lock().await;
        if door.is_closed() {
            *door = Door::open(self.shared.clone(), self.address).await.expect("the port of before");
        }
    }

    /// The token is refused from now on.
    pub fn revoke_token(&self) {
        self.shared.town().revoked = true;
    }

    pub fn restore_token(&self) {
        self.shared.town().revoked = false;
    }

    /// Limits of sending are no longer kept: for tests with more messages than a standing clock lets through.
    pub fn lift_rates(&self) {
        self.shared.town().rates.off = true;
    }

    /// Whether the bot may be added to groups, and hears everything there (privacy mode off).
    pub fn set_group_rights(&self, may_join: bool, hears_all: bool) {
        let mut town = self.shared.town();
        (town.can_join_groups, town.reads_all_group_messages) = (may_join, hears_all);
    }

    /// Offers the last update once more, under a new number.
    pub fn repeat_last_update(&self) {
        let mut town = self.shared.town();
        let now = town.clock.now();
        town.queue.repeat_last(now);
        town.ring();
    }

    /// The next delivery by webhook is made twice although it was taken.
    pub fn deliver_next_twice(&self) {
        self.shared.town().deliver_twice = true;
    }

    /// Update numbers go on from here, as they do after a week without updates.
    pub fn jump_update_ids(&self, to: i64) {
        self.shared.town().queue.jump(to);
    }

    /// Reports something of a kind that is not known yet.
    pub fn reports(&self, kind: &str, content: Value) {
        self.shared.town().report(kind, content, kind);
    }

    /// Updates that are not confirmed yet.
    pub fn waiting(&self) -> usize {
        self.shared.town().queue.waiting.len()
    }

    /// Where updates are delivered, when a webhook is set.
    pub fn webhook_url(&self) -> Option<String> {
        self.shared.town().webhook.as_ref().map(|webhook| webhook.url.clone())
    }

    /// Sets a webhook as another program would.
    pub fn set_webhook(&self, url: &str) {
        let mut town = self.shared.town();
        town.webhook = Some(webhook::Webhook { url: url.to_owned(), secret: None, max_connections: 40 });
        town.ring();
    }

    /// Votes in a poll so far, by option.
    pub fn poll_counts(&self, message_id: i64) -> Option<Vec<u64>> {
        let town = self.shared.town();
        let (id, _) = town.polls.iter().find(|(_, poll)| poll.message == message_id)?;
        let options = town.poll_object(id)["options"].as_array()?.clone();
        Some(options.iter().filter_map(|option| option["voter_count"].as_u64()).collect())
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.town().calls.clone()
    }

    /// The calls of one method so far.
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.method == method).collect()
    }

    /// All that passed over the wire, one JSON value a line, for the judges: `{"request"}`, `{"answer"}`,
    /// `{"update"}`.
    pub fn record(&self) -> String {
        let town = self.shared.town();
        let mut lines = Vec::new();
        for call in &town.calls {
            lines.push(json!({ "request": call.method, "params": call.params, "files": call.files }));
            if let Some((status, body)) = &call.answer {
                lines.push(json!({ "answer": call.method, "status": status, "body": body }));
            }
        }
        lines.extend(town.given.iter().map(|update| json!({ "update": update })));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for FakeTelegram {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
