//! What the plugin declares, and where each call goes.

use async_trait::async_trait;
use bot_core::action::ActionPayload;
use bot_core::plugin::{
    Audience, CommandCall, CommandDeclaration, Context, DeliveryOutcome, Event, Fetched, FiredFire, HandlerError,
    HandlerResult, Manifest, Plugin, Subscription,
};
use bot_core::{ContactId, PluginId};
use serde_json::{Value, json};

use crate::action::{Action, Verb};
use crate::report::chat::Buttons;
use crate::{consent, conversation, engine, limesurvey, links, questionnaire, report};

const REPORT_BUTTONS: Buttons = Buttons {
    report: |campaign| Action::in_answer(Verb::Report, campaign).payload(),
    page: |campaign| Action::in_answer(Verb::ReportPage, campaign).payload(),
};

/// The plugin, for the list of plugins in the composition root.
#[derive(Debug)]
pub struct SurveyReminders {
    manifest: Manifest,
}

impl SurveyReminders {
    /// # Errors
    /// Never: the id is well formed.
    pub fn new() -> Result<Self, bot_core::InvalidName> {
        // Following a link to these changes nothing.
        let command = |name, name_en, summary_fr, summary_en| CommandDeclaration {
            name,
            name_en,
            summary_fr,
            summary_en,
            audience: Audience::Everyone,
            linkable: true,
        };
        let manifest = Manifest {
            id: "survey-reminders".parse::<PluginId>()?,
            version: env!("CARGO_PKG_VERSION"),
            commands: vec![
                command(
                    "questionnaires",
                    "surveys",
                    "Les questionnaires qui vous attendent",
                    "The questionnaires that wait for you",
                ),
                command("rappels", "reminders", "Recevoir ou non des rappels", "Get reminders, or none"),
                CommandDeclaration {
                    audience: Audience::Organisers,
                    linkable: false,
                    ..command(
                        "campagnes",
                        "campaigns",
                        "Où en sont les campagnes de relance",
                        "How the reminder campaigns stand",
                    )
                },
            ],
            subscriptions: vec![Subscription::Links, Subscription::Erasures, Subscription::Notes],
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

    fn audience(&self, action: &ActionPayload) -> Audience {
        match Action::read(action) {
            Some(action) if action.verb.is_for_organisers() => Audience::Organisers,
            _ => Audience::Everyone,
        }
    }

    async fn start(&self, _cx: &mut Context) -> HandlerResult {
        // What is due are fires: they wait in the core, over any restart.
        Ok(())
    }

    async fn on_command(&self, cx: &mut Context, command: &CommandCall) -> HandlerResult {
        match command.name.as_str() {
            "questionnaires" => conversation::list(cx).await,
            "rappels" => consent::command(cx).await,
            "campagnes" => report::chat::command(cx, &command.arguments, REPORT_BUTTONS).await,
            other => Err(HandlerError::Broken(format!("/{other} is not a command of this plugin"))),
        }
    }

    async fn on_action(&self, cx: &mut Context, action: &ActionPayload) -> HandlerResult {
        // Sealed by the core, so an unknown payload is one of a version that is gone: nothing to do.
        let Some(action) = Action::read(action) else { return Ok(()) };
        match action.verb {
            Verb::Report => report::chat::show(cx, action.campaign, REPORT_BUTTONS).await,
            Verb::ReportPage => report::chat::link(cx, action.campaign).await,
            _ => conversation::press(cx, action).await,
        }
    }

    async fn on_text(&self, cx: &mut Context, name: &str, text: &str) -> HandlerResult {
        conversation::written(cx, name, text).await
    }

    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult {
        match event {
            Event::ContactsMerged { kept, joiner, .. } => links::merged(cx, *kept, *joiner).await,
            Event::ContactErased { contact, .. } => links::erased(cx, *contact).await,
            Event::Noted { note, .. } => questionnaire::noted(cx, note).await,
            // Whoever leaves a link has been written to as the person they were: they join campaigns by a supplement.
            _ => Ok(()),
        }
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        match fire.scope.as_str() {
            scope if limesurvey::campaign_of(scope).is_some() => limesurvey::on_fire(cx, fire).await,
            scope if scope.starts_with(engine::FIRES) => engine::fired(cx, fire).await,
            scope => Err(HandlerError::Broken(format!("nothing of this plugin is scheduled as {scope}"))),
        }
    }

    async fn on_delivery(&self, _cx: &mut Context, _outcome: &DeliveryOutcome) -> HandlerResult {
        // Outcomes are asked for in batches: one call for each of 60,000 messages would be too many.
        Ok(())
    }

    async fn on_fetched(&self, cx: &mut Context, fetched: &Fetched) -> HandlerResult {
        limesurvey::on_fetched(cx, fetched).await
    }

    async fn export(&self, cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
        links::export(cx, contact).await
    }
}
