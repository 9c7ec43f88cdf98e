//! The adapter under the suite that every adapter must pass.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bot_core::action::ActionToken;
use bot_core::adapter::{Adapter, ConversationKind, ConversationRef, InboundKind};
use bot_core::conformance::{self, AdapterBench, Fault, Heard, Provoked, Seen, TestAccount};
use bot_core::store::account_state::StateEntry;
use real_matrix::{Citizen, SendFault};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::world::{Bot, World, world};

struct MatrixBench {
    world: &'static World,
    account: TestAccount,
    bot: Bot,
    citizen: Citizen,
    room: String,
    /// The citizen's direct room, once the bot is in it.
    joined: OnceCell<()>,
    /// How far the bot had been told before the citizen did what they did last.
    token: Mutex<Option<Value>>,
    administrator: OnceCell<String>,
}

impl MatrixBench {
    async fn new(world: &'static World, account: TestAccount) -> Self {
        let bot = Bot::register(world).await;
        let citizen = world.citizens.arrive(&world.name("citizen")).await;
        let room = citizen.opens_direct(&bot.user, "12").await;
        let (joined, token, administrator) = (OnceCell::new(), Mutex::default(), OnceCell::new());
        Self { world, account, bot, citizen, room, joined, token, administrator }
    }

    /// Until the bot has told of it.
    async fn until(&self, told: impl Fn(&InboundKind) -> bool) {
        while !self.account.inbox().await.iter().any(|event| told(&event.kind)) {
            tokio::task::yield_now().await;
        }
    }

    async fn administrator(&self) -> &str {
        let register = || async { self.world.citizens.register_administrator(&self.world.name("admin")).await };
        self.administrator.get_or_init(register).await
    }
}

#[async_trait]
impl AdapterBench for MatrixBench {
    async fn adapter(&self) -> Arc<dyn Adapter> {
        self.bot.matrix(&self.account)
    }

    async fn conversation(&self) -> ConversationRef {
        self.joined.get_or_init(|| self.until(|kind| *kind == InboundKind::Opened)).await;
        ConversationRef { kind: ConversationKind::Direct, platform_ref: self.room.clone().into() }
    }

    async fn says(&self, text: &str) -> Heard {
        self.conversation().await;
        let token = self.account.context.state.get("sync").await.unwrap();
        *self.token.lock().unwrap() = token;
        self.citizen.says(&self.room, &self.bot.user, text).await;
        Heard::Yes
    }

    async fn presses(&self, _: &ActionToken) -> Heard {
        panic!("there are no buttons on Matrix")
    }

    /// The bot was cut off before it had taken what it was told: it asks once more.
    async fn repeats(&self) {
        let Some(token) = self.token.lock().unwrap().clone() else { return };
        self.bot.proxy.vanish();
        let room = format!("room/{}", self.room);
        self.account.context.state.put(&[StateEntry::new("sync", token)]).await.unwrap();
        self.account.context.state.delete_prefix(&room).await.unwrap();
        self.bot.proxy.come_back();
    }

    async fn votes(&self, option: u16) -> bool {
        let said = self.citizen.sees(&self.room).await;
        let Some(poll) = said.iter().rev().find(|said| said.event_type.ends_with("poll.start")) else { return false };
        let answer = (option + 1).to_string();
        self.citizen.votes(&self.room, &self.bot.user, &poll.id, &[&answer]).await;
        true
    }

    async fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<(String, Seen)> = Vec::new();
        for said in self.citizen.sees(&self.room).await {
            if said.sender != self.bot.user {
                continue;
            }
            if let Some(gone) = said.redacts {
                seen.retain(|(id, _)| *id != gone);
                continue;
            }
            let content = &said.content;
            let relation = &content["m.relates_to"];
            let (id, content) = match relation["rel_type"].as_str() {
                Some("m.replace") => (relation["event_id"].as_str().unwrap().to_owned(), &content["m.new_content"]),
                _ => (said.id, content),
            };
            let Some(text) = content["body"].as_str() else { continue };
            let now = Seen { text: text.to_owned(), buttons: Vec::new() };
            match seen.iter_mut().find(|(known, _)| *known == id) {
                Some((_, shown)) => *shown = now,
                None => seen.push((id, now)),
            }
        }
        seen.into_iter().map(|(_, seen)| seen).collect()
    }

    async fn provoke(&self, fault: Fault) -> Provoked {
        match fault {
            Fault::Throttled => self.bot.proxy.fail_next_send(SendFault::LimitExceeded(3000)),
            Fault::Rejected => self.bot.proxy.fail_next_send(SendFault::TooLarge),
            Fault::LostReply => self.bot.proxy.fail_next_send(SendFault::ReplyLost),
            Fault::NotWritten => self.bot.proxy.vanish(),
            Fault::Moved => {
                let successor = self.citizen.upgrades(&self.room, "12").await;
                self.citizen.invites(&successor, &self.bot.user).await;
                self.until(|kind| matches!(kind, InboundKind::Moved { .. })).await;
            }
            Fault::RecipientStopped => {
                self.citizen.leaves(&self.room).await;
                self.until(|kind| *kind == InboundKind::Closed).await;
            }
            Fault::AccountDead => {
                let path = format!("/_synapse/admin/v1/deactivate/{}", self.bot.user);
                let token = self.administrator().await;
                let (status, _) = self.world.citizens.call("POST", &path, json!({ "erase": false }), token).await;
                assert_eq!(status, 200);
            }
        }
        Provoked::Yes
    }

    async fn recover(&self) {
        if !self.bot.proxy.is_there() {
            self.bot.proxy.come_back();
        }
    }
}

#[tokio::test]
async fn the_adapter_keeps_the_contract() {
    let Some((world, _alone)) = world().await else { return };
    conformance::run("matrix", async |account| MatrixBench::new(world, account).await).await;
}
