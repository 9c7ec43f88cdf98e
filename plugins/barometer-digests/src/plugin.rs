//! What the plugin declares, and where each call goes.

use async_trait::async_trait;
use bot_core::action::ActionPayload;
use bot_core::plugin::{
    Audience, CommandCall, CommandDeclaration, Context, DeliveryOutcome, Event, Fetched, FiredFire, HandlerError,
    HandlerResult, Manifest, Plugin, Subscription,
};
use bot_core::{ContactId, PluginId};
use serde_json::{Value, json};

use crate::action::Action;
use crate::edition::operations;
use crate::sources::harvest;
use crate::{editor, neighbours, readers, sending};

/// The plugin, for the list of plugins in the composition root.
#[derive(Debug)]
pub struct BarometerDigests {
    manifest: Manifest,
}

impl BarometerDigests {
    /// # Errors
    /// Never: the id is well formed.
    pub fn new() -> Result<Self, bot_core::InvalidName> {
        // In a room they are for its moderators, in private for everyone. Following a link subscribes nobody.
        let command = |name, name_en, summary_fr, summary_en| CommandDeclaration {
            name,
            name_en,
            summary_fr,
            summary_en,
            audience: Audience::Moderators,
            linkable: true,
        };
        let manifest = Manifest {
            id: "barometer-digests".parse::<PluginId>()?,
            version: env!("CARGO_PKG_VERSION"),
            commands: vec![
                command("abonner", "subscribe", "Recevoir la lettre de l’observatoire", "Get the observatory’s digest"),
                command(
                    "abonnements",
                    "subscriptions",
                    "Voir et régler ce que vous recevez",
                    "See and change what you receive",
                ),
                CommandDeclaration {
                    // It leaves at once, which following a link must not.
                    linkable: false,
                    ..command("desabonner", "unsubscribe", "Ne plus recevoir la lettre", "Stop getting the digest")
                },
                CommandDeclaration {
                    audience: Audience::Organisers,
                    linkable: false,
                    ..command("editions", "digests", "Préparer et envoyer la lettre", "Prepare and send the digest")
                },
            ],
            subscriptions: vec![Subscription::Links, Subscription::Erasures, Subscription::Notes],
            settings_schema: json!({ "type": "object", "additionalProperties": false }),
            sql_schema: "barometer_digests",
        };
        Ok(Self { manifest })
    }
}

#[async_trait]
impl Plugin for BarometerDigests {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn audience(&self, action: &ActionPayload) -> Audience {
        match Action::read(action) {
            Some(action) if action.verb.is_for_editors() => Audience::Organisers,
            _ => Audience::Moderators,
        }
    }

    async fn start(&self, _cx: &mut Context) -> HandlerResult {
        // What is due are fires: they wait in the core, over any restart.
        Ok(())
    }

    async fn on_command(&self, cx: &mut Context, command: &CommandCall) -> HandlerResult {
        match command.name.as_str() {
            "abonner" => readers::subscribe(cx).await,
            "abonnements" => readers::show(cx).await,
            "desabonner" => readers::unsubscribe(cx).await,
            "editions" => editor::command(cx, &command.arguments).await,
            other => Err(HandlerError::Broken(format!("/{other} is not a command of this plugin"))),
        }
    }

    async fn on_action(&self, cx: &mut Context, action: &ActionPayload) -> HandlerResult {
        // Sealed by the core, so an unknown payload is one of a version that is gone: nothing to do.
        let Some(action) = Action::read(action) else { return Ok(()) };
        if action.verb.is_for_editors() { editor::press(cx, action).await } else { readers::press(cx, action).await }
    }

    async fn on_text(&self, cx: &mut Context, name: &str, text: &str) -> HandlerResult {
        editor::written(cx, name, text).await
    }

    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult {
        match event {
            Event::Noted { note, .. } => neighbours::heard(cx, note).await,
            event => readers::people_changed(cx, event).await,
        }
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        match fire.scope.as_str() {
            harvest::FIRE => harvest::fired(cx, fire).await,
            scope if scope.starts_with(operations::FIRES) => operations::fired(cx, fire).await,
            scope if scope.starts_with(sending::FIRES) => sending::fired(cx, fire).await,
            scope => Err(HandlerError::Broken(format!("nothing of this plugin is scheduled as {scope}"))),
        }
    }

    async fn on_delivery(&self, _cx: &mut Context, _outcome: &DeliveryOutcome) -> HandlerResult {
        // Outcomes are asked for in batches: one call for each of 50,000 messages would be too many.
        Ok(())
    }

    async fn on_fetched(&self, cx: &mut Context, fetched: &Fetched) -> HandlerResult {
        harvest::fetched(cx, fetched).await
    }

    async fn export(&self, cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
        readers::export(cx, contact).await
    }
}
