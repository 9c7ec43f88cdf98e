//! What people pressed and said: each is on record, and changes what still goes out to them.

use bot_core::plugin::{Context, HandlerError, HandlerResult};
use sqlx::types::Json;

use crate::definition::Definition;
use crate::engine;
use crate::later::call_off;
use crate::reason::Reason;
use crate::standing::{Standing, Wish};
use crate::store::{CampaignId, ParticipantId, RespondentKey};

/// One press.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WishKind {
    AnswerNow,
    Later,
    AlreadyAnswered,
    NotAnswered,
    NotMine,
    Mine,
    Stop,
    Resume,
}

impl WishKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::AnswerNow => "answer_now",
            Self::Later => "later",
            Self::AlreadyAnswered => "already_answered",
            Self::NotAnswered => "not_answered",
            Self::NotMine => "not_mine",
            Self::Mine => "mine",
            Self::Stop => "stop",
            Self::Resume => "resume",
        }
    }
}

/// The key of step number `place` of a version, by its approval; empty where there is none.
pub(crate) async fn step_at(
    cx: &mut Context,
    campaign: CampaignId,
    version: u16,
    place: u8,
) -> Result<String, HandlerError> {
    let organisation = cx.organisation.id;
    let definition = sqlx::query_scalar!(
        r#"
        SELECT definition AS "definition: Json<Definition>" FROM survey_reminders.approval
        WHERE organisation_id = $1 AND campaign_id = $2 AND version = $3 ORDER BY number DESC LIMIT 1
        "#,
        organisation.0,
        campaign.0,
        i32::from(version),
    )
    .fetch_optional(cx.sql())
    .await?;
    let step = definition.as_ref().and_then(|definition| definition.0.steps.get(usize::from(place)));
    Ok(step.map(|step| step.key.to_string()).unwrap_or_default())
}

/// Puts a press on record, under the message of `step`.
pub(crate) async fn record(cx: &mut Context, standing: &Standing, kind: WishKind, step: &str) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        INSERT INTO survey_reminders.wish (organisation_id, campaign_id, participant_id, step, kind, wished_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
        step,
        kind.as_str(),
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// This person gets no more of the campaign; others of their collectivité do.
pub(crate) async fn give_up(cx: &mut Context, standing: &Standing, wish: Wish) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant SET wish = $4, wished_at = $5
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
        wish.as_str(),
        now,
    )
    .execute(cx.sql())
    .await?;
    let reason = match wish {
        Wish::Stopped => Reason::CampaignStopped,
        Wish::NotMine => Reason::NotMine,
    };
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message SET state = 'suppressed', settled_at = $4, reason = $5
        WHERE organisation_id = $1 AND campaign_id = $2 AND participant_id = $3 AND state = 'waiting'
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
        now,
        Json(reason) as _,
    )
    .execute(cx.sql())
    .await?;
    call_off(cx, standing).await
}

/// They take part again: what has not had its turn yet waits again.
pub(crate) async fn take_back(cx: &mut Context, standing: &Standing) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant SET wish = NULL, wished_at = NULL
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
    )
    .execute(cx.sql())
    .await?;
    // Of somebody who has answered meanwhile nothing waits again.
    if standing.is_settled() {
        return Ok(());
    }
    let codes = [Reason::CampaignStopped, Reason::NotMine].map(|reason| reason.code());
    restore(cx, standing.campaign, standing.respondent, Some(standing.participant), &codes).await
}

/// Lets messages wait again that were suppressed for one of the reasons with `codes`, of one contact of a respondent or
/// of all who want them, where they belong to the approved version and their turn is still to come. What was missed
/// meanwhile stays missed: nobody gets it all at once.
pub(crate) async fn restore(
    cx: &mut Context,
    campaign: CampaignId,
    respondent: RespondentKey,
    only: Option<ParticipantId>,
    codes: &[String],
) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message SET state = 'waiting', settled_at = NULL, reason = NULL
        FROM survey_reminders.participant AS participant, survey_reminders.campaign AS campaign
        WHERE campaign.organisation_id = $1 AND campaign.id = $2
          AND participant.organisation_id = $1 AND participant.campaign_id = $2 AND participant.respondent_key = $3
          AND participant.contact_id IS NOT NULL AND participant.wish IS NULL
          AND ($4::bigint IS NULL OR participant.id = $4)
          AND message.organisation_id = $1 AND message.campaign_id = $2 AND message.participant_id = participant.id
          AND message.state = 'suppressed' AND message.handed_at IS NULL AND message.reason ->> 'code' = ANY ($5)
          AND message.version = campaign.approved_version AND message.due_at > $6
        "#,
        organisation.0,
        campaign.0,
        respondent.to_string(),
        only.map(|participant| participant.0),
        codes,
        now,
    )
    .execute(cx.sql())
    .await?;
    engine::wake(cx, campaign);
    Ok(())
}
