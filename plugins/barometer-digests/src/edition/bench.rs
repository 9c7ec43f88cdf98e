//! A newsroom for the tests: an operator, an editor in front of a chat, and entries to put into editions.

use bot_core::message::layout::words_of;
use bot_core::message::{Choice, Document};
use bot_core::plugin::{Caller, CommandCall, Context, Effect, FiredFire, HandlerError, Plugin as _};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale};
use chrono::{DateTime, Utc};

use super::draft::tests::{event, figure, news};
use super::draft::{Inputs, Limits, assemble, window};
use super::model::{Edition, Entry, SourceRecord};
use super::operations::{self, OperationError};
use super::period::Period;
use super::store::{self, StoredEdition};
use crate::BarometerDigests;
use crate::definition::Cadence;
use crate::definition_file::parse;

/// The file of every test that needs no other: weekly and approved by hand, monthly and automatic.
pub(crate) const DIGEST: &str = include_str!("../../examples/digest.toml");

pub(crate) struct Newsroom {
    pub bench: PluginBench,
    pub plugin: BarometerDigests,
}

impl Newsroom {
    /// On the Monday of 2026-W48, at 7 in Paris.
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-11-23T06:00:00Z".parse().unwrap();
        let bench = PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(start), seed).await;
        Self { bench, plugin: BarometerDigests::new().unwrap() }
    }

    /// With [`DIGEST`] in force.
    pub async fn with_digest(seed: u64) -> Self {
        let newsroom = Self::new(seed).await;
        newsroom.does(async |cx| operations::set_definition(cx, DIGEST, Some("claire")).await).await.unwrap();
        newsroom
    }

    /// An operator's operation.
    pub async fn does<T>(
        &self,
        operation: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
    ) -> Result<T, String> {
        self.does_with_effects(operation).await.map(|(done, _)| done)
    }

    pub async fn does_with_effects<T>(
        &self,
        operation: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
    ) -> Result<(T, Vec<Effect>), String> {
        let mut refusal = None;
        let called = self.bench.call(None, Locale::Fr, async |cx| match operation(cx).await {
            Ok(done) => Ok(done),
            Err(OperationError::Refused(refused)) => {
                refusal = Some(refused.to_string());
                // Nothing of a refused operation is kept, as at the command line.
                Err(HandlerError::Broken("refused".to_owned()))
            }
            Err(OperationError::Handler(error)) => Err(error),
        });
        let called = called.await;
        match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(called.unwrap()),
        }
    }

    /// Stores a draft of this week with `entries`.
    pub async fn drafts(&self, entries: Vec<Entry>) -> StoredEdition {
        let now = self.bench.clock.now();
        let edition = edition_of(entries, now);
        self.does(async |cx| {
            let organisation = cx.organisation.id;
            let number = store::insert(cx.sql(), organisation, &edition, "claire", now).await?;
            operations::show(cx, number).await
        })
        .await
        .unwrap()
    }

    /// Four entries, one of a source that fails.
    pub async fn drafts_some(&self) -> StoredEdition {
        self.drafts(vec![figure(0, 801), news(1, 20), news(2, 19), event(1, 4)]).await
    }

    /// Runs the fire `scope` as if it were due now.
    pub async fn fires(&self, scope: &str) -> Vec<Effect> {
        let (subject, due_at) = (String::new(), self.bench.clock.now());
        let fire = FiredFire { scope: scope.to_owned(), subject, due_at, payload: serde_json::json!({}) };
        let called = self.bench.call(None, Locale::Fr, async |cx| self.plugin.on_fire(cx, &fire).await);
        called.await.unwrap().1
    }

    pub fn editor(&self) -> Editor<'_> {
        let (caller, sees) = (self.bench.organiser(), Document::new());
        Editor { newsroom: self, caller, locale: Locale::Fr, sees, awaited: None, effects: Vec::new() }
    }
}

pub(crate) fn edition_of(candidates: Vec<Entry>, now: DateTime<Utc>) -> Edition {
    let definition = parse(DIGEST).unwrap();
    let record = |key: &str, name: &str, is_failing| SourceRecord {
        key: key.parse().unwrap(),
        name: name.to_owned(),
        url: Some("https://example.org/".to_owned()),
        query: String::new(),
        entries: 0,
        succeeded_at: None,
        is_failing,
    };
    assemble(Inputs {
        definition: &definition,
        definition_version: 1,
        period: Period::of(Cadence::Weekly, now, definition.time_zone),
        window: window(Cadence::Weekly, None, now, definition.time_zone),
        candidates,
        sources: vec![
            record("actualites", "Actualités", false),
            record("agenda", "Agenda de la démocratie locale", true),
            record("portail", "Portail", false),
        ],
        limits: Limits::default(),
    })
}

/// Somebody in front of a chat with the organiser's role.
pub(crate) struct Editor<'n> {
    newsroom: &'n Newsroom,
    pub caller: Caller,
    pub locale: Locale,
    /// The message they saw last.
    pub sees: Document,
    pub awaited: Option<String>,
    pub effects: Vec<Effect>,
}

impl Editor<'_> {
    async fn does(&mut self, call: impl AsyncFnOnce(&mut Context, &BarometerDigests) -> Result<(), HandlerError>) {
        let plugin = &self.newsroom.plugin;
        let bench = &self.newsroom.bench;
        let called = bench.call(Some(self.caller.clone()), self.locale, async |cx| call(cx, plugin).await);
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

    pub async fn sends(&mut self, command: &str) {
        let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let command = CommandCall { name: name.to_owned(), arguments: arguments.to_owned() };
        self.does(async |cx, plugin| plugin.on_command(cx, &command).await).await;
    }

    pub fn button(&self, label: &str) -> Choice {
        let readable = |label: &str| label.replace(['\u{a0}', '\u{202f}'], " ");
        let choice = self.sees.choices.iter().find(|choice| readable(&choice.label).starts_with(label));
        choice.unwrap_or_else(|| panic!("no button {label:?} under\n{}", self.reads())).clone()
    }

    /// Presses the button whose label begins with `label`.
    pub async fn taps(&mut self, label: &str) {
        let choice = self.button(label);
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
        reads(&self.sees)
    }
}

pub(crate) fn reads(document: &Document) -> String {
    let mut lines: Vec<String> = document.blocks.iter().map(words_of).collect();
    lines.extend(document.choices.iter().map(|choice| format!("[{}]", choice.label)));
    lines.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
}
