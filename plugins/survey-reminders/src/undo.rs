//! News of an answer that is taken back: « en fait, non », or a ballot that was withdrawn.

use bot_core::plugin::{Context, HandlerResult};

use crate::answers::{Source, settle};
use crate::reason::Reason;
use crate::store::{CampaignId, RespondentKey};
use crate::wishes::restore;

/// Forgets one piece of news, as if it had never been heard. Where nothing else says that its respondent has answered,
/// their reminders go on from where they are in time.
pub(crate) async fn unheard(cx: &mut Context, campaign: CampaignId, source: Source, reference: &str) -> HandlerResult {
    let organisation = cx.organisation.id;
    let whose = sqlx::query_scalar!(
        r#"
        DELETE FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND source = $3 AND reference = $4 RETURNING respondent_key
        "#,
        organisation.0,
        campaign.0,
        source.as_str(),
        reference,
    )
    .fetch_optional(cx.sql())
    .await?;
    let Some(key) = whose.flatten().and_then(|key| key.parse::<RespondentKey>().ok()) else { return Ok(()) };
    // From nothing, since what is known never makes a respondent less than they are.
    sqlx::query!(
        r#"
        UPDATE survey_reminders.respondent SET state = 'silent', declared = false, answered_at = NULL
        WHERE organisation_id = $1 AND campaign_id = $2 AND key = $3 AND state IN ('started', 'answered')
        "#,
        organisation.0,
        campaign.0,
        key.to_string(),
    )
    .execute(cx.sql())
    .await?;
    if settle(cx, campaign, key).await? {
        return Ok(());
    }
    cx.resume_subject(campaign.scope(), key.to_string());
    restore(cx, campaign, key, None, &[Reason::Answered.code()]).await
}
