//! What the plugin declares, and where each call goes.

use async_trait::async_trait;
use bot_core::action::ActionPayload;
use bot_core::plugin::{
    Audience, CommandCall, CommandDeclaration, Context, DeliveryOutcome, Event, FiredFire, HandlerError, HandlerResult,
    Manifest, Plugin, Subscription,
};
use bot_core::{ContactId, PluginId};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::action::{Action, Verb};
use crate::answer::Answers;
use crate::{conversation, links, operations, organiser, results, wizard};

/// The plugin, for the list of plugins in the composition root.
#[derive(Debug)]
pub struct MicroConsultations {
    manifest: Manifest,
}

impl MicroConsultations {
    /// # Errors
    /// Never: the id is well formed.
    pub fn new() -> Result<Self, bot_core::InvalidName> {
        let command = |name, name_en, summary_fr, summary_en, audience| CommandDeclaration {
            name,
            name_en,
            summary_fr,
            summary_en,
            audience,
            linkable: false,
        };
        let manifest = Manifest {
            id: "micro-consultations".parse::<PluginId>()?,
            version: env!("CARGO_PKG_VERSION"),
            commands: vec![
                command(
                    "consultations",
                    "polls",
                    "Les consultations en cours",
                    "The open consultations",
                    Audience::Everyone,
                ),
                command(
                    "resultats",
                    "results",
                    "Les résultats des consultations",
                    "The results of consultations",
                    Audience::Everyone,
                ),
                command(
                    "nouvelle_consultation",
                    "new_consultation",
                    "Composer une consultation",
                    "Compose a consultation",
                    Audience::Organisers,
                ),
                command(
                    "mes_consultations",
                    "my_consultations",
                    "Annoncer, prolonger, clore vos consultations",
                    "Announce, extend, close your consultations",
                    Audience::Organisers,
                ),
            ],
            subscriptions: vec![Subscription::Links, Subscription::Erasures],
            settings_schema: json!({ "type": "object", "additionalProperties": false }),
            sql_schema: "micro_consultations",
        };
        Ok(Self { manifest })
    }
}

#[async_trait]
impl Plugin for MicroConsultations {
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
        // Openings and closings are fires: they wait in the core, over any restart.
        Ok(())
    }

    async fn on_command(&self, cx: &mut Context, command: &CommandCall) -> HandlerResult {
        match command.name.as_str() {
            "consultations" => conversation::list(cx, 0).await,
            "resultats" => results::command(cx, &command.arguments).await,
            "nouvelle_consultation" => wizard::begin(cx).await,
            "mes_consultations" => organiser::list(cx).await,
            other => Err(HandlerError::Broken(format!("/{other} is not a command of this plugin"))),
        }
    }

    async fn on_action(&self, cx: &mut Context, action: &ActionPayload) -> HandlerResult {
        // Sealed by the core, so an unknown payload is one of a version that is gone: nothing to do.
        let Some(action) = Action::read(action) else { return Ok(()) };
        match action.verb {
            Verb::Compose => wizard::press(cx, action).await,
            verb if verb.is_for_organisers() => organiser::press(cx, action).await,
            _ => conversation::press(cx, action).await,
        }
    }

    async fn on_text(&self, cx: &mut Context, name: &str, text: &str) -> HandlerResult {
        if name == wizard::AWAITED {
            wizard::written(cx, text).await
        } else {
            conversation::written(cx, name, text).await
        }
    }

    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult {
        match event {
            Event::ContactsMerged { kept, joiner, kept_addresses, joiner_addresses } => {
                links::merged(cx, *kept, *joiner, kept_addresses, joiner_addresses).await
            }
            // The address stays represented by the roll entries it had joined: see `roll`.
            Event::ContactSplit { .. } => Ok(()),
            Event::ContactErased { contact, .. } => links::erased(cx, *contact).await,
            // Readable by everybody in the room: never a ballot.
            Event::Reaction { .. } | Event::PollVote { .. } => Ok(()),
        }
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        operations::fired(cx, fire).await
    }

    async fn on_delivery(&self, _cx: &mut Context, _outcome: &DeliveryOutcome) -> HandlerResult {
        Ok(())
    }

    /// Named ballots, and answers not cast yet. An anonymous ballot cannot be given back: while the consultation is
    /// open it is kept apart from its author on purpose, and after it there is no link.
    async fn export(&self, cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
        let organisation = cx.organisation.id;
        let ballots = sqlx::query!(
            r#"
            SELECT consultation.slug, named.answers AS "answers: Json<Answers>", named.consent_wording,
                   named.consented_at, named.cast_at
            FROM micro_consultations.named_ballot AS named
            JOIN micro_consultations.consultation
              ON consultation.organisation_id = named.organisation_id AND consultation.id = named.consultation_id
            WHERE named.organisation_id = $1 AND named.contact_id = $2 ORDER BY consultation.id
            "#,
            organisation.0,
            contact.0,
        )
        .fetch_all(cx.sql())
        .await?;
        let drafts = sqlx::query!(
            r#"
            SELECT consultation.slug, draft.answers AS "answers: Json<Answers>"
            FROM micro_consultations.draft
            JOIN micro_consultations.consultation
              ON consultation.organisation_id = draft.organisation_id AND consultation.id = draft.consultation_id
            WHERE draft.organisation_id = $1 AND draft.contact_id = $2 ORDER BY consultation.id
            "#,
            organisation.0,
            contact.0,
        )
        .fetch_all(cx.sql())
        .await?;
        let ballots: Vec<Value> = ballots
            .into_iter()
            .map(|row| {
                json!({
                    "consultation": row.slug,
                    "answers": row.answers.0,
                    "consent": row.consent_wording,
                    "consented_at": row.consented_at,
                    "cast_at": row.cast_at,
                })
            })
            .collect();
        let drafts: Vec<Value> =
            drafts.into_iter().map(|row| json!({ "consultation": row.slug, "answers": row.answers.0 })).collect();
        Ok(json!({ "named_ballots": ballots, "answers_not_cast": drafts }))
    }
}
