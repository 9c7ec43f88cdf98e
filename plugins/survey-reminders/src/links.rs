//! What links and erasures of people mean for campaigns.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError, HandlerResult};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::answers;
use crate::reason::Reason;

/// Two people turn out to be one. Where both take part in a campaign, the messages of one of them go out no more:
/// nobody gets a step twice.
pub(crate) async fn merged(cx: &mut Context, kept: ContactId, joiner: ContactId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS joining SET contact_id = $2
        WHERE organisation_id = $1 AND contact_id = $3 AND NOT EXISTS (
            SELECT FROM survey_reminders.participant AS other
            WHERE other.organisation_id = $1 AND other.campaign_id = joining.campaign_id AND other.contact_id = $2)
        "#,
        organisation.0,
        kept.0,
        joiner.0,
    )
    .execute(cx.sql())
    .await?;
    // Whoever wants no more keeps wanting no more.
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS staying SET wish = joining.wish, wished_at = $4
        FROM survey_reminders.participant AS joining
        WHERE staying.organisation_id = $1 AND staying.contact_id = $2 AND staying.wish IS NULL
          AND joining.organisation_id = $1 AND joining.contact_id = $3 AND joining.campaign_id = staying.campaign_id
          AND joining.wish IS NOT NULL
        "#,
        organisation.0,
        kept.0,
        joiner.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    erased(cx, joiner).await
}

/// Takes a person out of every campaign: what was planned for them stays as a number.
pub(crate) async fn erased(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // While their token is still known.
    answers::forget(cx, contact).await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message
        SET state = 'suppressed', settled_at = $3, reason = $4
        FROM survey_reminders.participant
        WHERE participant.organisation_id = $1 AND participant.contact_id = $2
          AND message.organisation_id = $1 AND message.campaign_id = participant.campaign_id
          AND message.participant_id = participant.id AND message.state = 'waiting'
        "#,
        organisation.0,
        contact.0,
        now,
        Json(Reason::Gone) as _,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant
        SET contact_id = NULL, token = 'gone-' || id, snoozed_until = NULL, opened_at = NULL
        WHERE organisation_id = $1 AND contact_id = $2
        "#,
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// What campaigns hold about a person.
pub(crate) async fn export(cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT campaign.slug, participant.id, participant.wish, participant.snoozed_until, participant.opened_at,
               respondent.state AS "answer?"
        FROM survey_reminders.participant
        JOIN survey_reminders.campaign
          ON campaign.organisation_id = participant.organisation_id AND campaign.id = participant.campaign_id
        LEFT JOIN survey_reminders.respondent
          ON respondent.organisation_id = participant.organisation_id
         AND respondent.campaign_id = participant.campaign_id AND respondent.key = participant.respondent_key
        WHERE participant.organisation_id = $1 AND participant.contact_id = $2 ORDER BY campaign.id
        "#,
        organisation.0,
        contact.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut campaigns = Vec::with_capacity(rows.len());
    for row in rows {
        let messages = sqlx::query!(
            r#"
            SELECT message.step, message.state, message.due_at, message.handed_at
            FROM survey_reminders.planned_message AS message
            JOIN survey_reminders.campaign
              ON campaign.organisation_id = message.organisation_id AND campaign.id = message.campaign_id
            WHERE message.organisation_id = $1 AND campaign.slug = $2 AND message.participant_id = $3
            ORDER BY message.due_at, message.step
            "#,
            organisation.0,
            row.slug,
            row.id,
        )
        .fetch_all(cx.sql())
        .await?;
        let messages: Vec<Value> = messages
            .into_iter()
            .map(|message| {
                json!({
                    "step": message.step, "state": message.state, "due_at": message.due_at,
                    "handed_at": message.handed_at,
                })
            })
            .collect();
        campaigns.push(json!({
            "campaign": row.slug, "answer": row.answer, "wish": row.wish, "snoozed_until": row.snoozed_until,
            "link_opened_at": row.opened_at, "messages": messages,
        }));
    }
    Ok(json!({ "campaigns": campaigns }))
}
