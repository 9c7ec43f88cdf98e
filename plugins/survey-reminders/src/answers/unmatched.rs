//! Answers that match nobody: listed with the reason of the day, matched by hand, or dismissed. Never dropped.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;

use super::{Keys, Mismatch, Source, credit, find, settle_each};
use crate::questionnaire::whose;
use crate::store::{CampaignId, RespondentKey};

/// A piece of news, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct NewsId(pub i64);

impl fmt::Display for NewsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// News that belongs to nobody yet. Times are UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unmatched {
    pub number: NewsId,
    pub source: String,
    pub reference: String,
    pub completeness: String,
    pub keys: Keys,
    pub answered_at: Option<DateTime<Utc>>,
    pub heard_at: DateTime<Utc>,
    /// As it stands now: contacts may have come since.
    pub why: Mismatch,
}

/// Why an operation on news did not run.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    #[error("there is no unmatched answer number {0}: list them with `crieur campaign answers list`")]
    Unknown(NewsId),
    #[error("{0}: name the respondent by token, INSEE code or SIREN number")]
    NoRespondent(Mismatch),
    #[error("{0}")]
    Handler(#[from] HandlerError),
}

impl From<sqlx::Error> for AnswersError {
    fn from(error: sqlx::Error) -> Self {
        Self::Handler(error.into())
    }
}

/// The answers of a campaign that match nobody and were not dismissed, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn unmatched(cx: &mut Context, campaign: CampaignId) -> Result<Vec<Unmatched>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT id, source, reference, completeness, token, insee, siren, answered_at, heard_at
        FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND respondent_key IS NULL AND dismissed_at IS NULL
        ORDER BY id
        "#,
        organisation.0,
        campaign.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        let keys = Keys { token: row.token, insee: row.insee, siren: row.siren };
        // Somebody is found now where the list was made between an approval and its `match_again`: the next
        // tick takes it.
        let Err(why) = find(cx, campaign, &keys).await? else { continue };
        list.push(Unmatched {
            number: NewsId(row.id),
            source: row.source,
            reference: row.reference,
            completeness: row.completeness,
            keys,
            answered_at: row.answered_at,
            heard_at: row.heard_at,
            why,
        });
    }
    Ok(list)
}

/// Who gave an answer in chat: they were known when they did, even where nobody asked them anything yet.
fn author(source: &str, reference: &str) -> Option<ContactId> {
    let contact = reference.strip_prefix("contact:").filter(|_| source == Source::Chat.as_str())?;
    contact.parse().ok().map(ContactId)
}

/// Tries again to match what matched nobody: people may have joined the campaign since. Gives how many were matched.
///
/// # Errors
/// When the database refuses.
pub async fn match_again(cx: &mut Context, campaign: CampaignId) -> Result<usize, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT id, source, reference, token, insee, siren FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND respondent_key IS NULL AND dismissed_at IS NULL
        ORDER BY id
        FOR UPDATE
        "#,
        organisation.0,
        campaign.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let authors: Vec<ContactId> = rows.iter().filter_map(|row| author(&row.source, &row.reference)).collect();
    let answerers = if authors.is_empty() { HashMap::new() } else { whose(cx, campaign, &authors).await? };
    let mut matched = 0;
    let mut touched = BTreeSet::new();
    for row in rows {
        let keys = Keys { token: row.token, insee: row.insee, siren: row.siren };
        let found = match author(&row.source, &row.reference).and_then(|author| answerers.get(&author)) {
            Some(answerer) => Ok(answerer.respondent),
            None => find(cx, campaign, &keys).await?,
        };
        if let Ok(key) = found
            && assign(cx, campaign, NewsId(row.id), key).await?
        {
            matched += 1;
            touched.insert(key);
        }
    }
    settle_each(cx, campaign, touched).await?;
    Ok(matched)
}

/// How far apart an approval and news may be that were written at the same time, without seeing each other.
const APPROVAL_LASTS_MAX: TimeDelta = TimeDelta::minutes(10);

/// Takes up news that came while the last approval was written: it was compared with the participants of before, and
/// the approval did not see it. Looks at nothing else, so that every tick may ask.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn match_late(cx: &mut Context, campaign: CampaignId) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    let approved_at = sqlx::query_scalar!(
        "SELECT max(approved_at) FROM survey_reminders.approval WHERE organisation_id = $1 AND campaign_id = $2",
        organisation.0,
        campaign.0,
    )
    .fetch_one(cx.sql())
    .await?;
    let Some(approved_at) = approved_at else { return Ok(()) };
    let is_late = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM survey_reminders.answer_news
            WHERE organisation_id = $1 AND campaign_id = $2 AND respondent_key IS NULL AND dismissed_at IS NULL
              AND heard_at BETWEEN $3 AND $4) AS "is_late!"
        "#,
        organisation.0,
        campaign.0,
        approved_at - APPROVAL_LASTS_MAX,
        approved_at + APPROVAL_LASTS_MAX,
    )
    .fetch_one(cx.sql())
    .await?;
    if is_late {
        match_again(cx, campaign).await?;
    }
    Ok(())
}

/// Says whose answer it is: `whose` is a respondent's key (`c12`), a token, an INSEE code or a SIREN number.
///
/// # Errors
/// [`AnswersError::Unknown`], [`AnswersError::NoRespondent`].
pub async fn match_by_hand(
    cx: &mut Context,
    campaign: CampaignId,
    news: NewsId,
    whose: &str,
) -> Result<RespondentKey, AnswersError> {
    let organisation = cx.organisation.id;
    let named = match whose.parse::<RespondentKey>() {
        Ok(key) => sqlx::query_scalar!(
            "SELECT key FROM survey_reminders.respondent WHERE organisation_id = $1 AND campaign_id = $2 AND key = $3",
            organisation.0,
            campaign.0,
            key.to_string(),
        )
        .fetch_optional(cx.sql())
        .await?
        .map(|_| key),
        Err(_) => None,
    };
    let key = match named {
        Some(key) => key,
        None => {
            let keys = Keys::of(Some(whose), Some(whose), Some(whose));
            find(cx, campaign, &keys).await?.map_err(AnswersError::NoRespondent)?
        }
    };
    if !assign(cx, campaign, news, key).await? {
        return Err(AnswersError::Unknown(news));
    }
    settle_each(cx, campaign, BTreeSet::from([key])).await?;
    cx.audit("campaign.answer_matched", campaign.scope(), json!({ "news": news, "respondent": key }));
    Ok(key)
}

/// Says that an answer belongs to nobody.
///
/// # Errors
/// [`AnswersError::Unknown`].
pub async fn dismiss(cx: &mut Context, campaign: CampaignId, news: NewsId) -> Result<(), AnswersError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let done = sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news SET dismissed_at = $4
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3 AND respondent_key IS NULL AND dismissed_at IS NULL
        "#,
        organisation.0,
        campaign.0,
        news.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    if done.rows_affected() == 0 {
        return Err(AnswersError::Unknown(news));
    }
    cx.audit("campaign.answer_dismissed", campaign.scope(), json!({ "news": news }));
    Ok(())
}

/// Gives unmatched news to a respondent. `false`: there is no such news.
async fn assign(
    cx: &mut Context,
    campaign: CampaignId,
    news: NewsId,
    key: RespondentKey,
) -> Result<bool, HandlerError> {
    let organisation = cx.organisation.id;
    let done = sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news SET respondent_key = $4, dismissed_at = NULL, token = NULL
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3 AND respondent_key IS NULL
        "#,
        organisation.0,
        campaign.0,
        news.0,
        key.to_string(),
    )
    .execute(cx.sql())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    credit(cx, campaign, news, key).await?;
    Ok(true)
}
