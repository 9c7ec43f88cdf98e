//! What other plugins are told of campaigns: that one is on, about once a day how many have answered, that it has closed,
//! or that it was cancelled. Counts of collectivités, never who.

use bot_core::plugin::{Context, HandlerError, HandlerResult, Note};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::store::Campaign;

/// Where a campaign stands is told by the first of its ticks after so long.
pub(crate) const TELL_AFTER: TimeDelta = TimeDelta::hours(24);

/// Told when a campaign is approved, and each time a new version of it is.
pub(crate) async fn opened(cx: &mut Context, campaign: &Campaign) -> HandlerResult {
    tell_counts(cx, "campaign.opened", campaign).await
}

/// Told while it is on.
pub(crate) async fn standing(cx: &mut Context, campaign: &Campaign) -> HandlerResult {
    tell_counts(cx, "campaign.standing", campaign).await
}

/// Told when the deadline has passed and nothing is on its way.
pub(crate) async fn closed(cx: &mut Context, campaign: &Campaign) -> HandlerResult {
    tell_counts(cx, "campaign.closed", campaign).await
}

/// Told when it was ended before its deadline.
pub(crate) fn cancelled(cx: &mut Context, campaign: &Campaign) {
    tell(cx, "campaign.cancelled", campaign, json!({}));
}

async fn tell_counts(cx: &mut Context, topic: &str, campaign: &Campaign) -> HandlerResult {
    let counts = counts(cx, campaign).await?;
    tell(cx, topic, campaign, counts);
    Ok(())
}

async fn counts(cx: &mut Context, campaign: &Campaign) -> Result<Value, HandlerError> {
    let organisation = cx.organisation.id;
    let counts = sqlx::query!(
        r#"
        SELECT count(*) AS "respondents!", count(*) FILTER (WHERE state = 'answered') AS "answered!"
        FROM survey_reminders.respondent WHERE organisation_id = $1 AND campaign_id = $2
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(json!({ "respondents": counts.respondents, "answered": counts.answered }))
}

fn tell(cx: &mut Context, topic: &str, campaign: &Campaign, mut details: Value) {
    details["title"] = json!(campaign.definition.title);
    details["opens_at"] = json!(campaign.opens_at);
    details["closes_at"] = json!(campaign.deadline);
    details["closed_at"] = if topic == "campaign.closed" { json!(cx.now) } else { Value::Null };
    let subject = campaign.slug().to_owned();
    cx.note(Note { topic: topic.to_owned(), subject, contact: None, details });
}

#[cfg(test)]
mod tests {
    use crate::bench::{BAROMETER, Desk};
    use crate::operations;

    #[tokio::test]
    async fn a_campaign_is_told_from_its_approval_to_its_end() {
        let mut desk = Desk::new(401).await;
        desk.contacts(1..=3, None, 1, true).await;
        desk.approved(BAROMETER).await;
        assert_eq!(desk.told, ["campaign.opened barometre-2026 3 0"]);
        // Nothing before it opens.
        desk.until("2026-09-07T06:00:00Z").await;
        assert_eq!(desk.told.len(), 1);
        desk.until("2026-11-20T08:00:00Z").await;
        let standing = desk.told.iter().filter(|told| *told == "campaign.standing barometre-2026 3 0").count();
        assert!((2..=75).contains(&standing), "{standing} times");
        assert_eq!(desk.told.last().unwrap(), "campaign.closed barometre-2026 3 0");
        assert_eq!(desk.told.len(), standing + 2);
    }

    #[tokio::test]
    async fn a_cancelled_campaign_is_told_as_such() {
        let mut desk = Desk::new(402).await;
        desk.contacts(1..=2, None, 1, true).await;
        let id = desk.approved(BAROMETER).await;
        desk.does(async |cx| operations::cancel(cx, id, Some("claire")).await).await.unwrap();
        desk.until("2026-11-20T08:00:00Z").await;
        assert_eq!(desk.told[1..], ["campaign.cancelled barometre-2026 null null"]);
    }
}
