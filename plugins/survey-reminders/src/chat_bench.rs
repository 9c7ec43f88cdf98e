//! People in front of a chat, for the tests of what they can press.

use bot_core::adapter::Assurance;
use bot_core::message::layout::words_of;
use bot_core::message::{Choice, Document};
use bot_core::plugin::{Caller, CommandCall, Context, Effect, Event, HandlerError, Note, Plugin};
use bot_core::{ContactId, Locale};
use serde_json::json;

use crate::SurveyReminders;
use crate::bench::Desk;
use crate::conversation::choices;
use crate::definition_file::parse;
use crate::store::CampaignId;

/// The barometer answered by a link and in chat, with what the tests need: an invitation and three reminders to every
/// contact.
pub(crate) const SURVEY: &str = r#"slug = "barometre"
title = { fr = "Baromètre 2026", en = "Barometer 2026" }
sender = "L’observatoire"
to = "everyone"
time_zone = "Europe/Paris"
opens_at = 2026-09-07T09:00:00
deadline = 2026-11-13T18:00:00
reminders_max = 3
days_between_min = 1

[questionnaire]
link = "https://enquetes.example.org/12345?token={{token}}"
consultation = "questions"

[[steps]]
key = "invitation"
from = "opening"
days = 1
hour = 9
kind = "invitation"
to = "everyone"
wording = "Bonjour {{nom}}, [répondez]({{lien}})"

[[steps]]
key = "relance-1"
from = "opening"
days = 15
hour = 9
kind = "reminder"
to = "everyone"
wording = "Bonjour {{nom}}, [répondez]({{lien}})"

[[steps]]
key = "relance-2"
from = "opening"
days = 29
hour = 9
kind = "reminder"
to = "everyone"
wording = "Bonjour {{nom}}, [répondez]({{lien}})"

[[steps]]
key = "derniere"
from = "deadline"
days = -3
hour = 9
kind = "reminder"
to = "everyone"
wording = "Bonjour {{nom}}, [répondez]({{lien}})"
"#;

/// Contact `number` of [`Desk::contacts`].
pub(crate) fn contact(number: u128) -> ContactId {
    ContactId(uuid::Uuid::from_u128(number_as_digits(number)))
}

/// The bench writes the number's decimal digits at the end of the id.
fn number_as_digits(number: u128) -> u128 {
    u128::from_str_radix(&number.to_string(), 16).unwrap()
}

/// Somebody in front of a chat: what they see, and what they press.
pub(crate) struct Reader {
    pub caller: Caller,
    pub locale: Locale,
    /// The message they saw last.
    pub sees: Document,
    /// Whether it took the place of another one.
    pub edited: bool,
    pub awaited: Option<String>,
    pub effects: Vec<Effect>,
}

impl Reader {
    pub fn new(desk: &Desk, number: u128) -> Self {
        let caller = Caller { contact: contact(number), ..desk.bench.somebody(Assurance::Account) };
        let (sees, effects) = (Document::new(), Vec::new());
        Self { caller, locale: Locale::Fr, sees, edited: false, awaited: None, effects }
    }

    async fn does(
        &mut self,
        desk: &mut Desk,
        call: impl AsyncFnOnce(&mut Context, &SurveyReminders) -> Result<(), HandlerError>,
    ) {
        let plugin = SurveyReminders::new().unwrap();
        let called = desk.bench.call(Some(self.caller.clone()), self.locale, async |cx| call(cx, &plugin).await);
        self.effects = called.await.unwrap().1;
        desk.carry_out(&self.effects).await;
        for effect in &self.effects {
            match effect {
                Effect::Reply(reply) => (self.sees, self.edited) = (reply.document.clone(), false),
                Effect::Edit(edit) => (self.sees, self.edited) = (edit.document.clone(), true),
                Effect::Await { name, .. } => self.awaited = Some(name.clone()),
                Effect::StopAwaiting => self.awaited = None,
                _ => {}
            }
        }
    }

    /// Gets the message of a step of [`SURVEY`].
    pub fn gets(&mut self, campaign: CampaignId, place: usize) {
        let definition = parse(SURVEY).unwrap();
        self.sees = Document::says("Bonjour");
        self.sees.choices = choices(campaign, 1, &definition, place, self.locale);
    }

    pub async fn sends(&mut self, desk: &mut Desk, command: &str) {
        let command = CommandCall { name: command.to_owned(), arguments: String::new() };
        self.does(desk, async |cx, plugin| plugin.on_command(cx, &command).await).await;
    }

    /// Presses the button whose label begins with `label`.
    pub async fn taps(&mut self, desk: &mut Desk, label: &str) {
        let choice = self.sees.choices.iter().find(|choice| choice.label.starts_with(label)).cloned();
        let choice = choice.unwrap_or_else(|| panic!("no button {label:?} under\n{}", self.reads()));
        self.presses(desk, &choice).await;
    }

    pub async fn presses(&mut self, desk: &mut Desk, choice: &Choice) {
        self.does(desk, async |cx, plugin| plugin.on_action(cx, &choice.action).await).await;
    }

    pub async fn writes(&mut self, desk: &mut Desk, words: &str) {
        let name = self.awaited.clone().expect("nobody awaits a text");
        self.does(desk, async |cx, plugin| plugin.on_text(cx, &name, words).await).await;
    }

    /// The last message in plain words, its buttons in brackets.
    pub fn reads(&self) -> String {
        let mut lines: Vec<String> = self.sees.blocks.iter().map(words_of).collect();
        lines.extend(self.sees.choices.iter().map(|choice| format!("[{}]", choice.label)));
        lines.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    }

    /// The command they were handed over to.
    pub fn handed_over(&self) -> Option<String> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::HandOver(command) => Some(format!("{} {}", command.name, command.arguments)),
            _ => None,
        })
    }
}

/// What the questions' plugin tells of somebody.
pub(crate) async fn noted(desk: &mut Desk, topic: &str, contact: ContactId, complete: bool) -> Vec<Effect> {
    let details = json!({ "complete": complete });
    let note = Note { topic: topic.to_owned(), subject: "questions".to_owned(), contact: Some(contact), details };
    let event = Event::Noted { by: "micro-consultations".parse().unwrap(), note };
    hears(desk, &event).await
}

pub(crate) async fn hears(desk: &mut Desk, event: &Event) -> Vec<Effect> {
    let plugin = SurveyReminders::new().unwrap();
    let called = desk.bench.call(None, Locale::Fr, async |cx| plugin.on_event(cx, event).await);
    let effects = called.await.unwrap().1;
    desk.carry_out(&effects).await;
    effects
}

/// What waits for one contact: step and local time in Paris.
pub(crate) async fn waits(desk: &Desk, contact: ContactId) -> Vec<String> {
    let rows = sqlx::query!(
        r#"
        SELECT message.step, message.due_at FROM survey_reminders.planned_message AS message
        JOIN survey_reminders.participant
          ON participant.organisation_id = message.organisation_id AND participant.campaign_id = message.campaign_id
         AND participant.id = message.participant_id
        WHERE participant.contact_id = $1 AND message.state = 'waiting' ORDER BY message.due_at, message.step
        "#,
        contact.0,
    )
    .fetch_all(&desk.bench.pool)
    .await
    .unwrap();
    let local =
        |row: &chrono::DateTime<chrono::Utc>| row.with_timezone(&chrono_tz::Europe::Paris).format("%m-%d %H:%M");
    rows.iter().map(|row| format!("{} {}", row.step, local(&row.due_at))).collect()
}

/// What is on record of one contact's presses: kind and step.
pub(crate) async fn record(desk: &Desk, contact: ContactId) -> Vec<String> {
    let rows = sqlx::query!(
        r#"
        SELECT wish.kind, wish.step FROM survey_reminders.wish
        JOIN survey_reminders.participant
          ON participant.organisation_id = wish.organisation_id AND participant.campaign_id = wish.campaign_id
         AND participant.id = wish.participant_id
        WHERE participant.contact_id = $1 ORDER BY wish.id
        "#,
        contact.0,
    )
    .fetch_all(&desk.bench.pool)
    .await
    .unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.kind, row.step).trim().to_owned()).collect()
}

/// Where the only respondent stands, with what is said of it.
pub(crate) async fn answer(desk: &Desk, key: &str) -> String {
    let row = sqlx::query!("SELECT state, declared FROM survey_reminders.respondent WHERE key = $1", key)
        .fetch_one(&desk.bench.pool)
        .await
        .unwrap();
    if row.declared { format!("{}, declared", row.state) } else { row.state }
}
