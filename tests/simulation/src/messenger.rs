//! A chat network in memory: it shows messages to the world's people, and now and then throttles, fails, or leaves
//! open whether a message arrived.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::*;
use bot_core::intake::Intake;
use bot_core::message::layout::{ButtonLimits, words_of};
use bot_core::message::{Block, Body, Capabilities, Document, Layout, TextUnit};
use bot_core::store::media::Media;
use bot_core::{Address, Clock, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng as _;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::dice::{About, Dice, number_of};
use crate::record::Message;
use crate::world::Network;

/// A message on somebody's screen.
#[derive(Clone, Debug)]
pub struct Shown {
    pub at: DateTime<Utc>,
    pub person: u32,
    pub network: Network,
    pub message: Message,
    pub words: String,
    pub buttons: Vec<(String, ActionToken)>,
}

impl Shown {
    /// The button whose label holds these words.
    pub fn button(&self, words: &str) -> Option<&ActionToken> {
        self.buttons.iter().find(|(label, _)| label.contains(words)).map(|(_, token)| token)
    }
}

/// Reads what a message is from its words.
pub type Reader = Arc<dyn Fn(&str) -> Message + Send + Sync>;

/// What a network saw of one call.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'s> {
    /// A part of a message stands in the chat.
    Shown { shown: &'s Shown, delivery: Uuid },
    /// A call came to nothing for good, at this moment.
    Refused { at: DateTime<Utc>, person: u32, network: Network, delivery: Uuid, refusal: Refusal },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The person had blocked us.
    Blocked,
    /// The network did not like the message.
    Rejected,
    /// For this time: it may be tried again.
    Busy,
    /// Nobody knows: the answer was lost.
    Unanswered,
}

/// Writes down what a network saw, and says whether anybody may react to it.
pub type Scribe = Arc<dyn Fn(Sight<'_>) -> bool + Send + Sync>;

pub struct Messenger {
    network: Network,
    clock: Clock,
    dice: Dice,
    reader: Reader,
    scribe: Scribe,
    /// Where unasked messages go, for people to react to.
    seen: mpsc::UnboundedSender<Shown>,
    state: Mutex<State>,
    intake: watch::Sender<Option<Intake>>,
}

#[derive(Default)]
struct State {
    /// Who blocked the bot.
    blocked: HashSet<u32>,
    /// Who is in the middle of a conversation and reads every word.
    listening: HashMap<u32, mpsc::UnboundedSender<Shown>>,
    calls: u64,
    events: u64,
    /// Until then every unasked message is put off.
    jammed_until: Option<DateTime<Utc>>,
}

/// How a person is called on every network.
pub fn name_of(person: u32) -> String {
    format!("person-{person}")
}

/// How a room is called. Rooms are numbered among people.
pub fn name_of_room(room: u32) -> String {
    format!("room-{room}")
}

fn person_in(conversation: &ConversationRef) -> Option<u32> {
    let name = conversation.platform_ref.expose();
    name.strip_prefix("person-").or_else(|| name.strip_prefix("room-"))?.parse().ok()
}

impl Messenger {
    pub fn new(
        network: Network,
        clock: Clock,
        dice: Dice,
        reader: Reader,
        scribe: Scribe,
        seen: mpsc::UnboundedSender<Shown>,
    ) -> Self {
        Self { network, clock, dice, reader, scribe, seen, state: Mutex::default(), intake: watch::Sender::new(None) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    pub fn block(&self, person: u32) {
        self.state().blocked.insert(person);
    }

    pub fn unblock(&self, person: u32) {
        self.state().blocked.remove(&person);
    }

    /// Puts off every unasked message until then.
    pub fn jam(&self, until: DateTime<Utc>) {
        self.state().jammed_until = Some(until);
    }

    /// Until when everything is put off, if it is so now.
    pub fn jammed_until(&self) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        self.state().jammed_until.filter(|until| *until > now)
    }

    pub fn has_blocked(&self, person: u32) -> bool {
        self.state().blocked.contains(&person)
    }

    /// From now on the person reads along, until the receiver is dropped.
    pub fn listen(&self, person: u32) -> mpsc::UnboundedReceiver<Shown> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().listening.insert(person, sender);
        receiver
    }

    /// The service that ran is gone, however it ended.
    pub fn forget_intake(&self) {
        self.intake.send_replace(None);
    }

    /// Waits until a service receives here.
    pub async fn receives(&self) {
        // The sender lives as long as this.
        let _ = self.intake.subscribe().wait_for(Option::is_some).await;
    }

    /// Hands an event over; it is answered once this returns [`Acknowledgement::Handled`]. `None` while no service
    /// receives.
    pub async fn hear(&self, person: u32, kind: InboundKind) -> Option<Acknowledgement> {
        let conversation =
            ConversationRef { kind: ConversationKind::Direct, platform_ref: Redacted::new(name_of(person)) };
        self.hear_in(conversation, person, kind).await
    }

    /// As [`Messenger::hear`], of somebody in a room.
    pub async fn hear_in_room(&self, room: u32, person: u32, kind: InboundKind) -> Option<Acknowledgement> {
        let conversation =
            ConversationRef { kind: ConversationKind::Group, platform_ref: Redacted::new(name_of_room(room)) };
        self.hear_in(conversation, person, kind).await
    }

    async fn hear_in(&self, conversation: ConversationRef, person: u32, kind: InboundKind) -> Option<Acknowledgement> {
        let intake = self.intake.borrow().clone()?;
        let number = {
            let mut state = self.state();
            state.events += 1;
            state.events
        };
        let event = InboundEvent {
            dedupe_key: format!("{} {number}", self.network.as_str()),
            conversation,
            actor: Some(Actor { address: Address::new(self.platform(), name_of(person)), locale: None }),
            kind,
            acknowledgement: None,
        };
        Some(intake.receive_interactive(event).await)
    }

    fn shown(&self, person: u32, request: &SendRequest<'_>) -> Shown {
        let words = match &request.part.body {
            Body::Text { blocks } => blocks.iter().map(words_of).collect::<Vec<_>>().join("\n"),
            Body::Picture { alternative, .. } => alternative.clone(),
            Body::File { label, .. } => label.clone(),
            Body::Poll { poll } => poll.question.clone(),
        };
        let message = (self.reader)(&words);
        let buttons = request.part.buttons.iter().map(|button| (button.label.clone(), button.token.clone())).collect();
        Shown { at: self.clock.now(), person, network: self.network, message, words, buttons }
    }

    /// The message stands in the chat.
    fn deliver(&self, request: &SendRequest<'_>, shown: Shown) {
        let moves = (self.scribe)(Sight::Shown { shown: &shown, delivery: request.delivery.0 });
        self.tell(shown, moves);
    }

    fn refused(&self, person: u32, request: &SendRequest<'_>, refusal: Refusal) {
        let (at, network, delivery) = (self.clock.now(), self.network, request.delivery.0);
        (self.scribe)(Sight::Refused { at, person, network, delivery, refusal });
    }

    /// Shows it to whoever reads along, else, where it moves anybody, to whoever reacts.
    fn tell(&self, shown: Shown, moves: bool) {
        let mut state = self.state();
        let person = shown.person;
        let unheard = match state.listening.get(&person) {
            Some(listener) => listener.send(shown).err().map(|back| back.0),
            None => Some(shown),
        };
        let Some(shown) = unheard else { return };
        state.listening.remove(&person);
        drop(state);
        if moves && shown.message.is_unasked() {
            // Nobody reacts any more once the run is over.
            let _ = self.seen.send(shown);
        }
    }

    /// How this call ends, and whether the message arrived. Answers to what people did always do.
    fn fate(&self, request: &SendRequest<'_>, shown: &Shown) -> (Verdict<RemoteIds>, bool) {
        let sent = Verdict::Sent(RemoteIds(vec![request.idempotency_key()]));
        if !shown.message.is_unasked() {
            return (sent, true);
        }
        if let Some(until) = self.jammed_until() {
            let after = (until - shown.at).min(TimeDelta::minutes(45));
            return (Verdict::Throttled { after, scope: Some(GateScope::Account) }, false);
        }
        let about = [
            self.network.number() as u64,
            u64::from(shown.person),
            number_of(shown.words.lines().next().unwrap_or_default()),
            shown.at.timestamp().unsigned_abs(),
        ];
        let mut rng = self.dice.about(About::Verdict, &about);
        let after = TimeDelta::seconds(rng.random_range(5..120));
        match rng.random_range(0..10_000) {
            0..60 => (Verdict::Throttled { after, scope: Some(GateScope::Conversation) }, false),
            60..62 => (Verdict::Throttled { after, scope: Some(GateScope::Account) }, false),
            62..70 => (Verdict::Throttled { after, scope: None }, false),
            70..130 => (Verdict::Retry { reason: "the network was busy".to_owned() }, false),
            130..160 => (Verdict::Unknown { reason: "the answer was lost".to_owned() }, rng.random()),
            160..165 => (Verdict::Rejected { reason: "the network did not like it".to_owned() }, false),
            _ => (sent, true),
        }
    }
}

#[async_trait]
impl Adapter for Messenger {
    fn platform(&self) -> Platform {
        Platform::new(self.network.as_str())
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    /// As on most networks: what was sent twice is there twice.
    fn idempotent_for(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// None: the clock should not have to crawl. That paces are kept is told by the engine's own tests.
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
            buttons: Some(ButtonLimits { count_max: 24, label_units_max: 60 }),
            pictures: true,
            files: true,
            polls: None,
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
        self.intake.send_replace(None);
        Ok(())
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let Some(person) = person_in(request.conversation) else {
            return Verdict::Rejected { reason: "nobody is called so".to_owned() };
        };
        let is_blocked = {
            let mut state = self.state();
            state.calls += 1;
            state.blocked.contains(&person)
        };
        if is_blocked {
            self.refused(person, request, Refusal::Blocked);
            return Verdict::RecipientStopped { reason: "the person blocked the bot".to_owned() };
        }
        let shown = self.shown(person, request);
        let (verdict, arrived) = self.fate(request, &shown);
        match verdict {
            Verdict::Rejected { .. } => self.refused(person, request, Refusal::Rejected),
            Verdict::Retry { .. } => self.refused(person, request, Refusal::Busy),
            Verdict::Unknown { .. } => self.refused(person, request, Refusal::Unanswered),
            _ => {}
        }
        if arrived {
            self.deliver(request, shown);
        }
        verdict
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        if let Some(person) = person_in(request.conversation) {
            let edited = Shown { message: Message::Reply, ..self.shown(person, request) };
            self.tell(edited, false);
        }
        Verdict::Sent(sent.clone())
    }

    async fn delete(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn pin(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
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
        Verdict::Rejected { reason: "there are no polls here".to_owned() }
    }

    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink> {
        let url = format!("https://{}.example.org/crieur?start={}", self.network.as_str(), payload.unwrap_or_default());
        Some(PrivateLink { url, carries_payload: true })
    }

    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    fn health(&self) -> AccountHealth {
        AccountHealth::Ready
    }
}
