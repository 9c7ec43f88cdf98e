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
use crate::named_votes::{self, Vote};
use crate::{conversation, links, operations, organiser, participate, pulse, results, rooms, wizard};

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
        // Following a link to these shows a question, or takes a code: a ballot needs a press more.
        let linkable = |command| CommandDeclaration { linkable: true, ..command };
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
                linkable(command(
                    "repondre",
                    "answer",
                    "Répondre à une consultation",
                    "Answer a consultation",
                    Audience::Everyone,
                )),
                linkable(command(
                    "participer",
                    "participate",
                    "Participer avec un code personnel",
                    "Take part with a personal code",
                    Audience::Everyone,
                )),
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
                command(
                    "annoncer",
                    "announce",
                    "Annoncer une consultation dans ce salon",
                    "Announce a consultation in this room",
                    Audience::Organisers,
                ),
                command(
                    "sondage",
                    "pulse",
                    "Lancer un sondage informel dans ce salon",
                    "Start an informal poll in this room",
                    Audience::Organisers,
                ),
                command(
                    "clore_sondage",
                    "close_pulse",
                    "Clore le sondage informel de ce salon",
                    "Close the informal poll of this room",
                    Audience::Organisers,
                ),
            ],
            subscriptions: vec![Subscription::Links, Subscription::Erasures, Subscription::Polls],
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
            "repondre" => rooms::answer(cx, &command.arguments).await,
            "participer" => participate::take(cx, &command.arguments).await,
            "mes_consultations" => organiser::list(cx).await,
            "annoncer" => rooms::announce_here(cx, &command.arguments).await,
            "sondage" => pulse::chat::ask(cx, &command.arguments).await,
            "clore_sondage" => pulse::chat::close(cx, &command.arguments).await,
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
        match name {
            wizard::AWAITED => wizard::written(cx, text).await,
            participate::AWAITED => participate::take(cx, text).await,
            _ => conversation::written(cx, name, text).await,
        }
    }

    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult {
        match event {
            Event::ContactsMerged { kept, joiner, kept_addresses, joiner_addresses } => {
                links::merged(cx, *kept, *joiner, kept_addresses, joiner_addresses).await
            }
            // The address stays represented by the roll entries it had joined: see `roll`.
            Event::ContactSplit { .. } => Ok(()),
            Event::ContactErased { contact, addresses } => links::erased(cx, *contact, addresses).await,
            // Readable by everybody in the room.
            Event::Reaction { message, key, removed } => match named_votes::option_of(key) {
                Some(option) => {
                    let vote = if *removed { Vote::Back(option) } else { Vote::For(option) };
                    named_votes::heard(cx, message, vote).await
                }
                None => Ok(()),
            },
            // It subscribed to none.
            Event::Noted { .. } => Ok(()),
            Event::PollVote { message, options } => {
                let chosen = options.first().map(|option| u8::try_from(*option).unwrap_or(u8::MAX));
                named_votes::heard(cx, message, chosen.map_or(Vote::Nothing, Vote::For)).await
            }
        }
    }

    async fn on_fire(&self, cx: &mut Context, fire: &FiredFire) -> HandlerResult {
        match fire.scope.as_str() {
            scope if scope.starts_with(pulse::operations::FIRES) => pulse::operations::fired(cx, fire).await,
            scope if scope.starts_with(rooms::FIRE_ANNOUNCE) => rooms::fired(cx, fire).await,
            _ => operations::fired(cx, fire).await,
        }
    }

    async fn on_delivery(&self, cx: &mut Context, outcome: &DeliveryOutcome) -> HandlerResult {
        pulse::counting::delivered(cx, outcome).await
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
        let told = sqlx::query_scalar!(
            r#"
            SELECT consultation.slug FROM micro_consultations.room_notice AS notice
            JOIN micro_consultations.consultation
              ON consultation.organisation_id = notice.organisation_id AND consultation.id = notice.consultation_id
            WHERE notice.organisation_id = $1 AND notice.contact_id = $2 ORDER BY consultation.id
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
        Ok(json!({ "named_ballots": ballots, "answers_not_cast": drafts, "votes_in_rooms_not_counted": told }))
    }
}
