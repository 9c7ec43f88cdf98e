//! A town with citizens who press, for the tests of this plugin.

use bot_core::adapter::Assurance;
use bot_core::message::layout::words_of;
use bot_core::message::{Choice, Document};
use bot_core::plugin::{
    Caller, CommandCall, Context, ConversationView, Effect, Event, FiredFire, HandlerError, MessageOrigin, Plugin,
    Recipient,
};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale};
use chrono::{DateTime, Utc};

use crate::MicroConsultations;
use crate::definition::Definition;
use crate::definition_file::parse;
use crate::operations;
use crate::store::Consultation;

pub(crate) struct Town {
    pub bench: PluginBench,
    pub plugin: MicroConsultations,
}

/// Two questions, one of them optional.
pub(crate) const MARKET: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"
results = "always"

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin", "Parking"]
"#;

pub(crate) fn definition(source: &str) -> Definition {
    parse(source).unwrap()
}

impl Town {
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let bench = PluginBench::new("micro-consultations".parse().unwrap(), Clock::manual(start), seed).await;
        Self { bench, plugin: MicroConsultations::new().unwrap() }
    }

    /// An operator's call, without a caller.
    pub async fn operator<T>(
        &self,
        call: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>,
    ) -> (T, Vec<Effect>) {
        self.bench.call(None, Locale::Fr, call).await.unwrap()
    }

    /// Creates and opens a consultation.
    pub async fn opens(&self, source: &str) -> Consultation {
        let definition = definition(source);
        self.operator(async |cx| {
            let created = operations::create(cx, definition).await.unwrap();
            Ok(operations::open(cx, created.id).await.unwrap())
        })
        .await
        .0
    }

    /// Runs what `effects` scheduled for now, as the service does, and gives what came of it.
    pub async fn fires(&self, effects: &[Effect]) -> Vec<Effect> {
        let now = self.bench.clock.now();
        let mut all = Vec::new();
        for effect in effects {
            let Effect::Schedule(fire) = effect else { continue };
            if fire.due_at <= now {
                let (scope, subject) = (fire.scope.clone(), fire.subject.clone());
                let fired = FiredFire { scope, subject, due_at: fire.due_at, payload: fire.payload.clone() };
                all.extend(self.operator(async |cx| self.plugin.on_fire(cx, &fired).await).await.1);
            }
        }
        all
    }

    pub fn citizen(&self) -> Citizen<'_> {
        Citizen::new(self, self.bench.somebody(Assurance::Session))
    }

    pub fn organiser(&self) -> Citizen<'_> {
        Citizen::new(self, self.bench.organiser())
    }
}

/// Somebody in front of a chat: what they see, and what they press.
pub(crate) struct Citizen<'t> {
    town: &'t Town,
    pub caller: Caller,
    pub locale: Locale,
    /// The message they saw last.
    pub sees: Document,
    /// The message they were last sent in private, for what they did in a room.
    pub sees_in_private: Document,
    /// What awaits their text.
    pub awaited: Option<String>,
    pub effects: Vec<Effect>,
}

impl<'t> Citizen<'t> {
    pub fn new(town: &'t Town, caller: Caller) -> Self {
        let sees = Document::new();
        let sees_in_private = Document::new();
        Self { town, caller, locale: Locale::Fr, sees, sees_in_private, awaited: None, effects: Vec::new() }
    }

    async fn does(&mut self, call: impl AsyncFnOnce(&mut Context, &MicroConsultations) -> Result<(), HandlerError>) {
        let plugin = &self.town.plugin;
        let called = self.town.bench.call(Some(self.caller.clone()), self.locale, async |cx| call(cx, plugin).await);
        self.effects = called.await.unwrap().1;
        for effect in &self.effects {
            match effect {
                Effect::Reply(reply) => self.sees = reply.document.clone(),
                Effect::Edit(edit) => self.sees = edit.document.clone(),
                Effect::Send(message) if message.to == Recipient::CallerInPrivate => {
                    self.sees_in_private = message.document.clone();
                }
                Effect::Await { name, .. } => self.awaited = Some(name.clone()),
                Effect::StopAwaiting => self.awaited = None,
                _ => {}
            }
        }
    }

    /// Sends a command, as its canonical name and what follows.
    pub async fn sends(&mut self, command: &str) {
        let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let command = CommandCall { name: name.to_owned(), arguments: arguments.to_owned() };
        self.does(async |cx, plugin| plugin.on_command(cx, &command).await).await;
    }

    /// Presses the button whose label begins with `label`.
    pub async fn taps(&mut self, label: &str) {
        let labels: Vec<&str> = self.sees.choices.iter().map(|choice| choice.label.as_str()).collect();
        let choice = self.sees.choices.iter().find(|choice| choice.label.starts_with(label));
        let choice = choice.unwrap_or_else(|| panic!("no button {label:?} among {labels:?} under\n{}", self.reads()));
        let choice = choice.clone();
        self.presses(&choice).await;
    }

    /// Presses a button seen earlier.
    pub async fn presses(&mut self, choice: &Choice) {
        self.does(async |cx, plugin| plugin.on_action(cx, &choice.action).await).await;
    }

    /// Goes to a room.
    pub fn goes_to(&mut self, room: &ConversationView) {
        self.caller.conversation = room.clone();
    }

    /// Goes to the private chat and looks at what was sent there.
    pub fn goes_private(&mut self) {
        self.caller.conversation = self.town.bench.somebody(Assurance::Account).conversation;
        self.sees = self.sees_in_private.clone();
    }

    /// Does something to a message that everybody in the room reads.
    pub async fn reacts(&mut self, event: Event) {
        self.does(async |cx, plugin| plugin.on_event(cx, &event).await).await;
    }

    pub async fn writes(&mut self, words: &str) {
        let name = self.awaited.take().expect("nobody awaits a text");
        self.does(async |cx, plugin| plugin.on_text(cx, &name, words).await).await;
    }

    /// The last message in plain words, its buttons in brackets.
    pub fn reads(&self) -> String {
        let mut lines: Vec<String> = self.sees.blocks.iter().map(words_of).collect();
        lines.extend(
            self.sees
                .choices
                .iter()
                .map(|choice| format!("[{}{}]", choice.label, if choice.chosen { " ✓" } else { "" })),
        );
        lines.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    }
}

/// What was sent in rooms, in plain words; a native poll in double brackets.
pub(crate) fn said_in_rooms(effects: &[Effect]) -> Vec<String> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Send(message) if matches!(message.to, Recipient::Conversation(_)) => Some(&message.document),
        _ => None,
    });
    let words = messages.map(|document| {
        let blocks = document.blocks.iter().map(|block| match block {
            bot_core::message::Block::Poll { poll } => format!("[[{}: {}]]", poll.question, poll.options.join(" / ")),
            other => words_of(other),
        });
        let choices = document.choices.iter().map(|choice| format!("[{}]", choice.label));
        blocks.chain(choices).collect::<Vec<_>>().join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    });
    words.collect()
}

/// A message of this plugin as the core names it in an event.
pub(crate) fn origin(scope: String, message_key: String) -> MessageOrigin {
    let delivery = bot_core::DeliveryId(sqlx::types::Uuid::nil());
    MessageOrigin { delivery, scope, subject: String::new(), message_key: Some(message_key) }
}
