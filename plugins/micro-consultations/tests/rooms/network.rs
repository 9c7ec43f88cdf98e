//! A network with rooms, buttons, native polls whose votes are reported, and links that carry words.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::*;
use bot_core::intake::Intake;
use bot_core::message::layout::{ButtonLimits, words_of};
use bot_core::message::{Block, Body, Capabilities, Document, Layout, PollLimits, TextUnit};
use bot_core::store::media::Media;
use bot_core::{Address, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One message as people see it; a poll in double brackets.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: String,
    pub words: String,
    pub buttons: Vec<(String, ActionToken)>,
}

#[derive(Default)]
struct World {
    chats: HashMap<String, Vec<Shown>>,
    closed_to_us: HashSet<String>,
    counts: Option<PollCounts>,
}

pub struct Network {
    world: Mutex<World>,
    intake: watch::Sender<Option<Intake>>,
}

impl Network {
    pub fn new() -> Self {
        Self { world: Mutex::default(), intake: watch::Sender::new(None) }
    }

    pub async fn intake(&self) -> Intake {
        self.intake.subscribe().wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    pub fn chat(&self, name: &str) -> Vec<Shown> {
        self.world.lock().unwrap().chats.get(name).cloned().unwrap_or_default()
    }

    pub fn will_not_open(&self, who: &str) {
        self.world.lock().unwrap().closed_to_us.insert(who.to_owned());
    }

    pub fn will_count(&self, counts: PollCounts) {
        self.world.lock().unwrap().counts = Some(counts);
    }

    pub fn will_not_count(&self) {
        self.world.lock().unwrap().counts = None;
    }
}

fn shown(request: &SendRequest<'_>) -> Shown {
    let words = match &request.part.body {
        Body::Text { blocks } => blocks.iter().map(words_of).collect::<Vec<_>>().join("\n"),
        Body::Picture { alternative, .. } => alternative.clone(),
        Body::File { label, .. } => label.clone(),
        Body::Poll { poll } => format!("[[{}: {}]]", poll.question, poll.options.join(" / ")),
    };
    let words = words.replace(['\u{a0}', '\u{202f}'], " ");
    let buttons = request.part.buttons.iter().map(|button| (button.label.clone(), button.token.clone())).collect();
    Shown { key: request.idempotency_key(), words, buttons }
}

#[async_trait]
impl Adapter for Network {
    fn platform(&self) -> Platform {
        Platform::new("network")
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    fn idempotent_for(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    fn pacing(&self) -> Pacing {
        Pacing::default()
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        Vec::new()
    }

    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities {
        Capabilities {
            text_unit: TextUnit::Scalar,
            text_units_max: 4000,
            caption_units_max: 1000,
            buttons: Some(ButtonLimits { count_max: 25, label_units_max: 80 }),
            pictures: false,
            files: false,
            polls: Some(PollLimits { options_max: 10, question_units_max: 300, option_units_max: 55 }),
            edits: true,
            private: conversation.kind == ConversationKind::Direct,
        }
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        let measure = |blocks: &[Block]| blocks.iter().map(|block| words_of(block).chars().count() + 1).sum();
        Layout::of(document, &self.capabilities(conversation), measure, seal)
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        self.intake.send_replace(Some(intake));
        stop.cancelled().await;
        Ok(())
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let shown = shown(request);
        let ids = RemoteIds(vec![shown.key.clone()]);
        let mut world = self.world.lock().unwrap();
        world.chats.entry(request.conversation.platform_ref.expose().clone()).or_default().push(shown);
        Verdict::Sent(ids)
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let mut world = self.world.lock().unwrap();
        let chat = world.chats.entry(request.conversation.platform_ref.expose().clone()).or_default();
        let Some(place) = chat.iter().position(|before| sent.0.contains(&before.key)) else {
            return Verdict::Rejected { reason: "no such message".to_owned() };
        };
        // Read as the latest: people look at what has just changed.
        let before = chat.remove(place);
        chat.push(Shown { key: before.key, ..shown(request) });
        Verdict::Sent(sent.clone())
    }

    async fn delete(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn pin(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        if self.world.lock().unwrap().closed_to_us.contains(address.path.expose()) {
            return Verdict::RecipientStopped { reason: "they have not written to us yet".to_owned() };
        }
        Verdict::Sent(ConversationRef { kind: ConversationKind::Direct, platform_ref: address.path.clone() })
    }

    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        Verdict::Sent(RemoteMediaId(media.hash.to_string()))
    }

    async fn acknowledge(&self, _: &Value, _: Acknowledgement) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn reconcile(&self, _: &SendRequest<'_>, _: DateTime<Utc>) -> Verdict<RemoteIds> {
        Verdict::Unknown { reason: "the network cannot tell".to_owned() }
    }

    async fn publish_commands(&self, _: &[CommandMenu]) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn close_poll(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<PollCounts> {
        match self.world.lock().unwrap().counts.clone() {
            Some(counts) => Verdict::Sent(counts),
            None => Verdict::Rejected { reason: "the poll is gone".to_owned() },
        }
    }

    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink> {
        let start = payload.map(|payload| format!("?start={payload}")).unwrap_or_default();
        Some(PrivateLink { url: format!("https://network.example/bot{start}"), carries_payload: true })
    }

    fn reports_votes(&self) -> bool {
        true
    }

    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    fn health(&self) -> AccountHealth {
        AccountHealth::Ready
    }
}
