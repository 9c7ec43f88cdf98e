//! What links and erasures of people mean for campaigns.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError, HandlerResult};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::answers;
use crate::colleague;
use crate::outcome::message_key;
use crate::reason::Reason;
use crate::standing::reference;
use crate::store::{CampaignId, ParticipantId};

/// Two people turn out to be one. Where both take part in a campaign, the messages of one of them go out no more, and
/// nobody gets a step twice; the token that was theirs is still known, since links with it were sent.
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
    // Whoever wants no more keeps wanting no more; that somebody else should answer is said of one collectivité.
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS staying
        SET wish = coalesce(staying.wish, joining.wish),
            wished_at = CASE WHEN staying.wish IS NULL AND joining.wish IS NOT NULL THEN $4 ELSE staying.wished_at END,
            snoozed_until = greatest(staying.snoozed_until, joining.snoozed_until)
        FROM survey_reminders.participant AS joining
        WHERE staying.organisation_id = $1 AND staying.contact_id = $2
          AND joining.organisation_id = $1 AND joining.contact_id = $3 AND joining.campaign_id = staying.campaign_id
          AND (joining.respondent_key = staying.respondent_key OR joining.wish = 'stopped')
        "#,
        organisation.0,
        kept.0,
        joiner.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message SET state = 'suppressed', settled_at = $4, reason = $5
        FROM survey_reminders.participant AS staying, survey_reminders.participant AS joining,
             survey_reminders.planned_message AS had
        WHERE staying.organisation_id = $1 AND staying.contact_id = $2
          AND joining.organisation_id = $1 AND joining.contact_id = $3 AND joining.campaign_id = staying.campaign_id
          AND had.organisation_id = $1 AND had.campaign_id = joining.campaign_id AND had.participant_id = joining.id
          AND had.state IN ('handed', 'sent', 'unknown')
          AND message.organisation_id = $1 AND message.campaign_id = staying.campaign_id
          AND message.participant_id = staying.id AND message.step = had.step AND message.state = 'waiting'
        "#,
        organisation.0,
        kept.0,
        joiner.0,
        now,
        Json(Reason::Had) as _,
    )
    .execute(cx.sql())
    .await?;
    call_off_twice_queued(cx, kept, joiner).await?;
    suppress(cx, joiner, &Reason::NotAddressed).await?;
    // Who was found to be the joiner before is found to be the one who stays.
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS earlier SET same_as = staying.id
        FROM survey_reminders.participant AS staying, survey_reminders.participant AS joining
        WHERE staying.organisation_id = $1 AND staying.contact_id = $2
          AND joining.organisation_id = $1 AND joining.contact_id = $3 AND joining.campaign_id = staying.campaign_id
          AND earlier.organisation_id = $1 AND earlier.campaign_id = joining.campaign_id AND earlier.same_as = joining.id
        "#,
        organisation.0,
        kept.0,
        joiner.0,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS joining SET contact_id = NULL, same_as = staying.id
        FROM survey_reminders.participant AS staying
        WHERE joining.organisation_id = $1 AND joining.contact_id = $3
          AND staying.organisation_id = $1 AND staying.contact_id = $2 AND staying.campaign_id = joining.campaign_id
        "#,
        organisation.0,
        kept.0,
        joiner.0,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "UPDATE survey_reminders.participant SET colleague = $2 WHERE organisation_id = $1 AND colleague = $3",
        organisation.0,
        kept.0,
        joiner.0,
    )
    .execute(cx.sql())
    .await?;
    // What either of them answered in chat, or said to have answered, is known under one name.
    sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news AS news SET reference = $2
        WHERE organisation_id = $1 AND source IN ('chat', 'declared') AND reference = $3 AND NOT EXISTS (
            SELECT FROM survey_reminders.answer_news AS own
            WHERE own.organisation_id = $1 AND own.campaign_id = news.campaign_id AND own.source = news.source
              AND own.reference = $2)
        "#,
        organisation.0,
        reference(kept),
        reference(joiner),
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Where both have a step and one of the two is still in the outbox, that one goes out no more: the joiner's, or, where
/// the joiner has had it, the other.
async fn call_off_twice_queued(cx: &mut Context, kept: ContactId, joiner: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    let queued = sqlx::query!(
        r#"
        SELECT queued.campaign_id, queued.respondent_key AS "respondent!", queued.id, message.step
        FROM survey_reminders.participant AS queued
        JOIN survey_reminders.participant AS other
          ON other.organisation_id = queued.organisation_id AND other.campaign_id = queued.campaign_id
        JOIN survey_reminders.planned_message AS message
          ON message.organisation_id = queued.organisation_id AND message.campaign_id = queued.campaign_id
         AND message.participant_id = queued.id AND message.state = 'handed'
        JOIN survey_reminders.planned_message AS had
          ON had.organisation_id = other.organisation_id AND had.campaign_id = other.campaign_id
         AND had.participant_id = other.id AND had.step = message.step
        WHERE queued.organisation_id = $1 AND queued.respondent_key IS NOT NULL
          AND (queued.contact_id = $3 AND other.contact_id = $2 AND had.state IN ('handed', 'sent', 'unknown')
               OR queued.contact_id = $2 AND other.contact_id = $3 AND had.state IN ('sent', 'unknown'))
        ORDER BY queued.campaign_id, queued.id, message.step
        "#,
        organisation.0,
        kept.0,
        joiner.0,
    )
    .fetch_all(cx.sql())
    .await?;
    for row in queued {
        let key = message_key(&row.step, ParticipantId(row.id));
        cx.cancel_messages(CampaignId(row.campaign_id).scope(), row.respondent, vec![key]);
    }
    Ok(())
}

/// Takes a person out of every campaign: what was planned for them stays as a number, what they said as a press of
/// somebody.
pub(crate) async fn erased(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    answers::forget(cx, contact).await?;
    colleague::forget_all(cx, None, Some(contact)).await?;
    suppress(cx, contact, &Reason::Gone).await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news SET reference = 'gone:' || id
        WHERE organisation_id = $1 AND source IN ('chat', 'declared') AND reference = $2
        "#,
        organisation.0,
        reference(contact),
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant AS gone
        SET contact_id = NULL, token = 'gone-' || gone.id, snoozed_until = NULL, opened_at = NULL, colleague = NULL
        FROM survey_reminders.participant AS own
        WHERE own.organisation_id = $1 AND own.contact_id = $2
          AND gone.organisation_id = $1 AND gone.campaign_id = own.campaign_id
          AND (gone.id = own.id OR gone.same_as = own.id)
        "#,
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    // Somebody had named them.
    sqlx::query!(
        "UPDATE survey_reminders.participant SET colleague = NULL WHERE organisation_id = $1 AND colleague = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Nothing that waits for a contact goes out.
async fn suppress(cx: &mut Context, contact: ContactId, reason: &Reason) -> HandlerResult {
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
        Json(reason) as _,
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
               participant.token, participant.colleague IS NOT NULL AS "named_colleague!", respondent.state AS "answer?"
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
        let presses = sqlx::query!(
            r#"
            SELECT wish.kind, wish.step, wish.wished_at FROM survey_reminders.wish
            JOIN survey_reminders.campaign
              ON campaign.organisation_id = wish.organisation_id AND campaign.id = wish.campaign_id
            WHERE wish.organisation_id = $1 AND campaign.slug = $2 AND wish.participant_id = $3 ORDER BY wish.id
            "#,
            organisation.0,
            row.slug,
            row.id,
        )
        .fetch_all(cx.sql())
        .await?;
        let presses: Vec<Value> = presses
            .into_iter()
            .map(|press| json!({ "kind": press.kind, "under_step": press.step, "at": press.wished_at }))
            .collect();
        campaigns.push(json!({
            "campaign": row.slug, "answer": row.answer, "wish": row.wish, "snoozed_until": row.snoozed_until,
            "link_opened_at": row.opened_at, "link_token": row.token, "named_a_colleague": row.named_colleague,
            "presses": presses, "messages": messages,
        }));
    }
    Ok(json!({ "campaigns": campaigns }))
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use bot_core::plugin::Effect;
    use uuid::Uuid;

    use super::*;
    use crate::bench::{BAROMETER, Desk};

    /// Whose queued message is called off when the second of two people turns out to be the first.
    async fn called_off(seed: u64, had: Option<&str>) -> Vec<String> {
        let mut desk = Desk::new(seed).await;
        desk.contacts(1..=2, None, 1, true).await;
        desk.approved(BAROMETER).await;
        desk.outbox = "held";
        desk.until("2026-09-08T07:00:10Z").await;
        if let Some(key) = had {
            sqlx::query(
                "UPDATE survey_reminders.planned_message SET state = 'sent', settled_at = handed_at
                 WHERE state = 'handed' AND participant_id =
                     (SELECT id FROM survey_reminders.participant WHERE respondent_key = $1)",
            )
            .bind(key)
            .execute(&desk.bench.pool)
            .await
            .unwrap();
        }
        // As the bench writes them: decimal digits.
        let contact =
            |number: u8| ContactId(Uuid::parse_str(&format!("00000000-0000-0000-0000-{number:012}")).unwrap());
        let called = desk.bench.call(None, Locale::Fr, async |cx| merged(cx, contact(1), contact(2)).await);
        let effects = called.await.unwrap().1;
        let called_off = effects.into_iter().filter_map(|effect| match effect {
            Effect::CancelMessages { subject, message_keys, .. } => {
                let step = message_keys[0].split(':').next().unwrap_or_default();
                Some(format!("{subject} {step}"))
            }
            _ => None,
        });
        called_off.collect()
    }

    #[tokio::test]
    async fn nobody_gets_a_step_twice_that_was_queued_for_both() {
        assert_eq!(called_off(75, None).await, ["c2 invitation"]);
        assert_eq!(called_off(76, Some("c1")).await, ["c2 invitation"]);
        assert_eq!(called_off(77, Some("c2")).await, ["c1 invitation"]);
    }
}
