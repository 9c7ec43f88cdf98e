//! What the plugin declares, and where each call goes.

use async_trait::async_trait;
use bot_core::action::ActionPayload;
use bot_core::plugin::{
    Audience, CommandCall, Context, DeliveryOutcome, Event, Fetched, FiredFire, HandlerError, HandlerResult, Manifest,
    Plugin,
};
use bot_core::{ContactId, PluginId};
use serde_json::{Value, json};

use crate::limesurvey;

/// The plugin, for the list of plugins in the composition root.
#[derive(Debug)]
pub struct SurveyReminders {
    manifest: Manifest,
}

impl SurveyReminders {
    /// # Errors
    /// Never: the id is well formed.
    pub fn new() -> Result<Self, bot_core::InvalidName> {
        let manifest = Manifest {
            id: "survey-reminders".parse::<PluginId>()?,
            version: env!("CARGO_PKG_VERSION"),
            commands: Vec::new(),
            subscriptions: Vec::new(),
            settings_schema: json!({ "type": "object", "additionalProperties": false }),
            sql_schema: "survey_reminders",
        };
        Ok(Self { manifest })
    }
}

#[async_trait]
impl Plugin for SurveyReminders {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn audience(&self, _action: &ActionPayload) -> Audience {
        Audience::Everyone
    }

    async fn start(&self, _cx: &mut Context) -> HandlerResult {
        // What is due are fires: they wait in the core, over any restart.
        Ok(())
    }

    async fn on_command(&self, _cx: &mut Context, command: &CommandCall) -> HandlerResult {
        Err(HandlerError::Broken(format!("/{} is not a command of this plugin", command.name)))
    }

    async fn on_action(&self, _cx: &mut Context, _action: &ActionPayload) -> HandlerResult {
        Ok(())
    }

    async fn on_text(&self, _cx: &mut Context, name: &str, _text: &str) -> HandlerResult {
        Err(HandlerError::Broken(format!("this plugin awaits no text named {name}")))
    }

    async fn on_event(&self, _cx: &mut Context, _event: &Event) -> HandlerResult {
        Ok(())
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        if limesurvey::campaign_of(&fire.scope).is_some() {
            return limesurvey::on_fire(cx, fire).await;
        }
        Err(HandlerError::Broken(format!("nothing of this plugin is scheduled as {}", fire.scope)))
    }

    async fn on_delivery(&self, _cx: &mut Context, _outcome: &DeliveryOutcome) -> HandlerResult {
        // Outcomes are asked for in batches: one call for each of 60,000 messages would be too many.
        Ok(())
    }

    async fn on_fetched(&self, cx: &mut Context, fetched: &Fetched) -> HandlerResult {
        limesurvey::on_fetched(cx, fetched).await
    }

    async fn export(&self, _cx: &mut Context, _contact: ContactId) -> Result<Value, HandlerError> {
        Ok(json!({}))
    }
}
