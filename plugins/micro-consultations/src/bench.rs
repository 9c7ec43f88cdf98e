//! A town with citizens who press, for the tests of this plugin.

use bot_core::adapter::Assurance;
use bot_core::message::layout::words_of;
use bot_core::message::{Choice, Document};
use bot_core::plugin::{Caller, CommandCall, Context, Effect, HandlerError, Plugin};
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
    /// What awaits their text.
    pub awaited: Option<String>,
    pub effects: Vec<Effect>,
}

impl<'t> Citizen<'t> {
    pub fn new(town: &'t Town, caller: Caller) -> Self {
        let sees = Document::new();
        Self { town, caller, locale: Locale::Fr, sees, awaited: None, effects: Vec::new() }
    }

    async fn does(&mut self, call: impl AsyncFnOnce(&mut Context, &MicroConsultations) -> Result<(), HandlerError>) {
        let plugin = &self.town.plugin;
        let called = self.town.bench.call(Some(self.caller.clone()), self.locale, async |cx| call(cx, plugin).await);
        self.effects = called.await.unwrap().1;
        for effect in &self.effects {
            match effect {
                Effect::Reply(reply) => self.sees = reply.document.clone(),
                Effect::Edit(edit) => self.sees = edit.document.clone(),
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
