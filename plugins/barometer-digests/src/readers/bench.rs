//! People in front of a chat, and a digest to subscribe to, for the tests of readers.

use bot_core::adapter::Assurance;
use bot_core::message::layout::words_of;
use bot_core::message::{Choice, Document};
use bot_core::plugin::{Caller, CommandCall, Context, ConversationView, Effect, Event, HandlerError, Plugin};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, ContactId, Locale, Wording};
use chrono::{DateTime, Utc};

use super::store::{self, Place, Reader};
use crate::BarometerDigests;
use crate::archive::Visit;
use crate::definition::{Approval, Definition, Schedule, Sending, Topic};
use crate::edition;
use crate::edition::model::{ContentHash, Edition};

pub(crate) const SECRET: [u8; 32] = [9; 32];

/// Weekly and monthly, with three topics.
pub(crate) fn definition() -> Definition {
    let schedule = |draft: &str| Schedule {
        draft: draft.to_owned(),
        approval: Approval::ByHand,
        sending: Sending::OnApproval,
        late_within_hours: 24,
    };
    let topic = |key: &str, fr: &str, en: &str| Topic {
        key: key.parse().unwrap(),
        name: Wording { fr: fr.to_owned(), en: Some(en.to_owned()) },
        keywords: Vec::new(),
    };
    Definition {
        title: Wording {
            fr: "La lettre de l’observatoire".to_owned(),
            en: Some("The observatory’s digest".to_owned()),
        },
        time_zone: chrono_tz::Europe::Paris,
        weekly: Some(schedule("0 16 * * fri")),
        monthly: Some(schedule("0 16 28 * *")),
        topics: vec![
            topic("outils", "Outils", "Tools"),
            topic("donnees", "Données ouvertes", "Open data"),
            topic("cadre", "Cadre juridique", "Legal framework"),
        ],
        sources: Vec::new(),
        figures: Vec::new(),
        wording: std::collections::BTreeMap::new(),
    }
}

pub(crate) struct Town {
    pub bench: PluginBench,
    pub plugin: BarometerDigests,
}

impl Town {
    /// A Sunday morning, with the digest of [`definition`].
    pub async fn new(seed: u64) -> Self {
        let town = Self::without_digest(seed).await;
        town.sets(&definition()).await;
        town
    }

    pub async fn without_digest(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-11-22T08:00:00Z".parse().unwrap();
        let bench = PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(start), seed).await;
        Self { bench, plugin: BarometerDigests::new().unwrap() }
    }

    pub async fn sets(&self, definition: &Definition) {
        let mut sql = self.bench.pool.acquire().await.unwrap();
        let (organisation, now) = (self.bench.organisation.id, self.bench.clock.now());
        edition::store::set_definition(&mut sql, organisation, definition, "", SECRET, "claire", now).await.unwrap();
    }

    pub fn visit(&self) -> Visit<'_> {
        Visit {
            pool: &self.bench.pool,
            organisation: &self.bench.organisation,
            public_url: self.bench.public_url.as_deref(),
            locale: Locale::Fr,
        }
    }

    pub fn citizen(&self) -> Citizen<'_> {
        Citizen::new(self, self.bench.somebody(Assurance::Account))
    }

    pub fn organiser(&self) -> Citizen<'_> {
        Citizen::new(self, self.bench.organiser())
    }

    pub async fn hears(&self, event: &Event) -> Vec<Effect> {
        self.bench.call(None, Locale::Fr, async |cx| self.plugin.on_event(cx, event).await).await.unwrap().1
    }

    pub async fn merges(&self, kept: ContactId, joiner: ContactId) -> Vec<Effect> {
        let (kept_addresses, joiner_addresses) = (Vec::new(), Vec::new());
        self.hears(&Event::ContactsMerged { kept, joiner, kept_addresses, joiner_addresses }).await
    }

    pub async fn erases(&self, contact: ContactId) -> Vec<Effect> {
        self.hears(&Event::ContactErased { contact, addresses: Vec::new() }).await
    }

    pub async fn reader(&self, place: Place) -> Option<Reader> {
        let mut sql = self.bench.pool.acquire().await.unwrap();
        store::find(&mut sql, self.bench.organisation.id, place).await.unwrap()
    }

    /// An edition that is being sent.
    pub async fn publishes(&self, number: i32, period: &str) {
        let cadence = if period.contains('W') { "weekly" } else { "monthly" };
        let now = self.bench.clock.now();
        let mut edition: Edition = serde_json::from_str(include_str!("../../samples/edition.json")).unwrap();
        edition.period = period.parse().unwrap();
        let content = edition.canonical().unwrap();
        let hash = ContentHash::of(&content);
        sqlx::query!(
            r#"
            INSERT INTO barometer_digests.edition
                (organisation_id, number, cadence, period, window_from, window_until, content, content_hash, state,
                 drafted_at, edited_by, edited_at, approved_by, approved_at, published_at, expected)
            VALUES ($1, $2, $3, $4, $5::timestamptz - interval '7 days', $5, $7, $6, 'sending', $5, 'claire', $5,
                    'paul', $5, $5, 1)
            "#,
            self.bench.organisation.id.0,
            number,
            cadence,
            period,
            now,
            hash.0.as_slice(),
            content,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    /// A reader's digest of an edition, in a state.
    pub async fn digest(&self, reader: &Reader, number: i32, state: &str) {
        let now = self.bench.clock.now();
        sqlx::query!(
            r#"
            INSERT INTO barometer_digests.reader_digest
                (organisation_id, reader_id, period, edition_number, due_at, state, handed_at, settled_at)
            SELECT organisation_id, $2, period, number, $5::timestamptz + interval '2 days', $4,
                   CASE WHEN $4 <> 'waiting' THEN $5 END, CASE WHEN $4 NOT IN ('waiting', 'handed') THEN $5 END
            FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $3
            "#,
            self.bench.organisation.id.0,
            reader.id.0,
            number,
            state,
            now,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    /// Every digest: `r1 2026-W48 waiting 11-24 09:00`, or its reason instead of the time.
    pub async fn digests(&self) -> Vec<String> {
        let rows = sqlx::query!(
            r#"
            SELECT reader_id, period, state, due_at, reason ->> 'code' AS code FROM barometer_digests.reader_digest
            ORDER BY reader_id, period
            "#,
        )
        .fetch_all(&self.bench.pool)
        .await
        .unwrap();
        let local = |due: DateTime<Utc>| due.with_timezone(&chrono_tz::Europe::Paris).format("%m-%d %H:%M").to_string();
        rows.into_iter()
            .map(|row| {
                let rest = row.code.unwrap_or_else(|| local(row.due_at));
                format!("r{} {} {} {rest}", row.reader_id, row.period, row.state)
            })
            .collect()
    }
}

/// Somebody in front of a chat: what they see, and what they press.
pub(crate) struct Citizen<'t> {
    town: &'t Town,
    pub caller: Caller,
    pub locale: Locale,
    /// The message they saw last.
    pub sees: Document,
    /// Whether it took the place of another one.
    pub edited: bool,
    pub effects: Vec<Effect>,
}

impl<'t> Citizen<'t> {
    fn new(town: &'t Town, caller: Caller) -> Self {
        Self { town, caller, locale: Locale::Fr, sees: Document::new(), edited: false, effects: Vec::new() }
    }

    pub fn place(&self) -> Place {
        Place::Person(self.caller.contact)
    }

    pub async fn reader(&self) -> Reader {
        self.town.reader(self.place()).await.unwrap()
    }

    async fn does(&mut self, call: impl AsyncFnOnce(&mut Context, &BarometerDigests) -> Result<(), HandlerError>) {
        let plugin = &self.town.plugin;
        let called = self.town.bench.call(Some(self.caller.clone()), self.locale, async |cx| call(cx, plugin).await);
        self.effects = called.await.unwrap().1;
        for effect in &self.effects {
            match effect {
                Effect::Reply(reply) => (self.sees, self.edited) = (reply.document.clone(), false),
                Effect::Edit(edit) => (self.sees, self.edited) = (edit.document.clone(), true),
                _ => {}
            }
        }
    }

    pub async fn sends(&mut self, command: &str) {
        let command = CommandCall { name: command.to_owned(), arguments: String::new() };
        self.does(async |cx, plugin| plugin.on_command(cx, &command).await).await;
    }

    /// Presses the button whose label begins with `label`.
    pub async fn taps(&mut self, label: &str) {
        let choice = self.sees.choices.iter().find(|choice| choice.label.starts_with(label)).cloned();
        let choice = choice.unwrap_or_else(|| panic!("no button {label:?} under\n{}", self.reads()));
        self.presses(&choice).await;
    }

    /// Presses a button seen earlier.
    pub async fn presses(&mut self, choice: &Choice) {
        self.does(async |cx, plugin| plugin.on_action(cx, &choice.action).await).await;
    }

    pub fn goes_to(&mut self, room: &ConversationView) {
        self.caller.conversation = room.clone();
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

    /// What else was asked for: consents, and what is stopped in the outbox.
    pub fn asked(&self) -> Vec<String> {
        asked(&self.effects)
    }
}

pub(crate) fn asked(effects: &[Effect]) -> Vec<String> {
    let words = effects.iter().filter_map(|effect| match effect {
        Effect::Consent { purpose, .. } => Some(format!("agrees to {}", purpose.as_str())),
        Effect::WithdrawConsent { purpose } => Some(format!("withdraws {}", purpose.as_str())),
        Effect::StopSubjects { scope, subjects } => Some(format!("stops {scope} {}", subjects.join(" "))),
        Effect::ResumeSubject { scope, subject } => Some(format!("resumes {scope} {subject}")),
        Effect::Cancel { scope, subject } => Some(format!("cancels {scope} {}", subject.as_deref().unwrap_or("all"))),
        _ => None,
    });
    words.collect()
}
