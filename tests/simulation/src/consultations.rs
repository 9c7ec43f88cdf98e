//! A second plugin that writes unasked: a consultation every Thursday to whoever agreed, so that the cap on messages is
//! one over all plugins.

use async_trait::async_trait;
use bot_core::ContactId;
use bot_core::action::ActionPayload;
use bot_core::message::Document;
use bot_core::plugin::{
    Audience, CommandCall, Context, DeliveryOutcome, Event, Fire, FiredFire, HandlerError, HandlerResult, Manifest,
    Misfire, Outgoing, Plugin, Purpose, Recipient, Repeat,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::campaigns::HOME;

/// How each one begins.
const LINE: &str = "Consultation n° ";
/// Thursday, 10 o'clock.
const WEEKLY: &str = "0 10 * * 4";

pub struct Consultations {
    manifest: Manifest,
    first_at: DateTime<Utc>,
}

impl Consultations {
    /// # Errors
    /// Never: the id is well formed.
    pub fn new(first_at: DateTime<Utc>) -> Result<Self, bot_core::InvalidName> {
        let manifest = Manifest {
            id: "weekly-consultations".parse()?,
            version: "1.0.0",
            commands: Vec::new(),
            subscriptions: Vec::new(),
            settings_schema: json!({}),
            sql_schema: "weekly_consultations",
        };
        Ok(Self { manifest, first_at })
    }
}

/// The number of the consultation that begins so.
pub fn number_in(line: &str) -> Option<u32> {
    line.strip_prefix(LINE)?.parse().ok()
}

#[async_trait]
impl Plugin for Consultations {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn audience(&self, _: &ActionPayload) -> Audience {
        Audience::Everyone
    }

    async fn start(&self, cx: &mut Context) -> HandlerResult {
        // Scheduled once; a restart must not move one that was missed.
        if cx.now < self.first_at {
            cx.schedule(Fire {
                scope: "weekly".to_owned(),
                subject: String::new(),
                due_at: self.first_at,
                misfire: Misfire::SendIfWithin { seconds: 36 * 3600 },
                payload: Value::Null,
                repeat: Some(Repeat { cron: WEEKLY.to_owned(), time_zone: HOME }),
            });
        }
        Ok(())
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        // By days of the calendar: in summer the clocks are an hour ahead.
        let day = |moment: DateTime<Utc>| moment.with_timezone(&HOME).date_naive();
        let number = (day(fire.due_at) - day(self.first_at)).num_weeks() + 1;
        let words = Document::says(format!("{LINE}{number}")).paragraph("Que faire de la place du marché ?");
        let mut message =
            Outgoing::new(Recipient::Consenting, Purpose::Consultation, format!("consultation:{number}"), words);
        message.message_key = Some(format!("consultation-{number}"));
        message.not_after = Some(fire.due_at + TimeDelta::days(6));
        cx.send(message);
        Ok(())
    }

    async fn on_command(&self, _: &mut Context, command: &CommandCall) -> HandlerResult {
        Err(HandlerError::Broken(format!("/{} is not a command of this plugin", command.name)))
    }

    async fn on_action(&self, _: &mut Context, _: &ActionPayload) -> HandlerResult {
        Ok(())
    }

    async fn on_text(&self, _: &mut Context, name: &str, _: &str) -> HandlerResult {
        Err(HandlerError::Broken(format!("this plugin awaits no text named {name}")))
    }

    async fn on_event(&self, _: &mut Context, _: &Event) -> HandlerResult {
        Ok(())
    }

    async fn on_delivery(&self, _: &mut Context, _: &DeliveryOutcome) -> HandlerResult {
        Ok(())
    }

    async fn export(&self, _: &mut Context, _: ContactId) -> Result<Value, HandlerError> {
        Ok(Value::Null)
    }
}
