//! Knowing who answered. Whatever the news comes from (a webhook, a LimeSurvey, a file, the chat, a button), it ends
//! in [`heard`], which keeps it, finds whose answer it is, and stops what is on its way to them.
//!
//! The state of a respondent is a function of all news that is known of it, so neither the order nor a repetition of
//! news matters: a real completion counts as answered, else one that was declared, else a beginning as started.

mod matching;
mod moment;
mod unmatched;

use std::collections::{BTreeMap, BTreeSet};

use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::outcome::message_key;
use crate::store::{CampaignId, ParticipantId, RespondentKey, RespondentState};

use self::matching::find;
pub(crate) use self::matching::insee;
pub use self::matching::{Keys, Mismatch};
pub(crate) use self::moment::moment;
pub(crate) use self::unmatched::match_late;
pub use self::unmatched::{AnswersError, NewsId, Unmatched, dismiss, match_again, match_by_hand, unmatched};

/// Where news of an answer comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Webhook,
    #[serde(rename = "limesurvey")]
    LimeSurvey,
    /// A file of completions.
    File,
    /// The questionnaire was answered in chat.
    Chat,
    /// Somebody says that they have answered. Nothing else says so.
    Declared,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::LimeSurvey => "limesurvey",
            Self::File => "file",
            Self::Chat => "chat",
            Self::Declared => "declared",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Begun: reminders go on, and steps may ask for it with `only_if = "started"`.
    Partial,
    /// Reminders stop.
    Complete,
}

impl Completeness {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Complete => "complete",
        }
    }
}

/// The source's own name for an answer, by which a repetition is known: 1 to 200 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Reference(String);

pub const REFERENCE_CHARACTERS_MAX: usize = 200;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be 1 to {REFERENCE_CHARACTERS_MAX} characters: the questionnaire tool's own number of the answer")]
pub struct InvalidReference;

impl Reference {
    /// Whatever a source says; by its SHA-256 where that is too long, or no text.
    pub fn of(words: &str) -> Self {
        words.parse().unwrap_or_else(|_| Self::digest_of(words))
    }

    /// The SHA-256, in hexadecimal digits, of words that are not to be kept: the same words are known again by it.
    pub fn digest_of(words: &str) -> Self {
        Self(Sha256::digest(words.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let text = text.trim();
        let is_fine = (1..=REFERENCE_CHARACTERS_MAX).contains(&text.chars().count()) && !text.contains('\0');
        if is_fine { Ok(Self(text.to_owned())) } else { Err(InvalidReference) }
    }
}

/// Whose answer it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Known for certain: they said so themselves, in chat.
    Respondent(RespondentKey),
    /// To be found.
    Keys(Keys),
}

/// Somebody began or finished an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    pub source: Source,
    pub reference: Reference,
    pub completeness: Completeness,
    pub who: Who,
    /// By the source's clock. `None`: when we heard of it.
    pub answered_at: Option<DateTime<Utc>>,
}

/// What became of a piece of news.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It was known already, and says nothing more.
    Known,
    Matched(RespondentKey),
    /// It is listed for the organiser.
    Unmatched(Mismatch),
}

/// Takes one piece of news.
///
/// # Errors
/// When the database refuses.
pub async fn heard(cx: &mut Context, campaign: CampaignId, news: News) -> Result<Heard, HandlerError> {
    let mut heard = heard_all(cx, campaign, vec![news]).await?;
    Ok(heard.pop().unwrap_or(Heard::Known))
}

/// Takes many at once, in the order of their list.
///
/// # Errors
/// When the database refuses; none of them is kept then.
pub async fn heard_all(cx: &mut Context, campaign: CampaignId, news: Vec<News>) -> Result<Vec<Heard>, HandlerError> {
    let mut all = Vec::with_capacity(news.len());
    let mut touched = BTreeSet::new();
    for one in news {
        let (heard, key) = keep(cx, campaign, one).await?;
        touched.extend(key);
        all.push(heard);
    }
    settle_each(cx, campaign, touched).await?;
    Ok(all)
}

/// Settles respondents, and stops those who have answered. In the order of their keys: whoever does the same at this
/// moment, for others of them, waits rather than gets in the way.
async fn settle_each(
    cx: &mut Context,
    campaign: CampaignId,
    respondents: BTreeSet<RespondentKey>,
) -> Result<(), HandlerError> {
    let mut stopped = Vec::new();
    for key in respondents {
        if settle(cx, campaign, key).await? {
            stopped.push(key.to_string());
        }
    }
    if !stopped.is_empty() {
        // What is queued for them is cancelled, and whatever would still be sent is refused.
        cx.stop_subjects(campaign.scope(), stopped);
    }
    Ok(())
}

/// Writes the news down, and says whose it is when it changes anything for them.
async fn keep(
    cx: &mut Context,
    campaign: CampaignId,
    news: News,
) -> Result<(Heard, Option<RespondentKey>), HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let before = sqlx::query!(
        r#"
        SELECT completeness, token, insee, siren, respondent_key, dismissed_at IS NOT NULL AS "dismissed!"
        FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND source = $3 AND reference = $4
        FOR UPDATE
        "#,
        organisation.0,
        campaign.0,
        news.source.as_str(),
        news.reference.as_str(),
    )
    .fetch_optional(cx.sql())
    .await?;
    let (given, certain) = match news.who {
        Who::Respondent(key) => (Keys::default(), Some(key)),
        Who::Keys(keys) => (keys, None),
    };
    // What the source says later fills what it had left out.
    let mut keys = match &before {
        Some(row) => Keys {
            token: row.token.clone().or(given.token),
            insee: row.insee.clone().or(given.insee),
            siren: row.siren.clone().or(given.siren),
        },
        None => given,
    };
    let matched_before = before.as_ref().and_then(|row| row.respondent_key.as_ref()?.parse().ok());
    let found = match matched_before.or(certain) {
        Some(key) => Ok(key),
        None if before.as_ref().is_some_and(|row| row.dismissed) => Err(Mismatch::Nobody),
        None => find(cx, campaign, &keys).await?,
    };
    if found.is_ok() {
        // It has done its work. The respondent is known from now on, and a person's token is nobody else's business.
        keys.token = None;
    }
    let answered_at = news.answered_at.map(|at| at.min(now));
    // Of two that say the same thing the earlier counts; of a beginning and an end, the end.
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO survey_reminders.answer_news AS known
            (organisation_id, campaign_id, source, reference, completeness, token, insee, siren, respondent_key,
             answered_at, heard_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (organisation_id, campaign_id, source, reference) DO UPDATE SET
            completeness = CASE WHEN excluded.completeness = 'complete' THEN 'complete' ELSE known.completeness END,
            token = excluded.token, insee = excluded.insee, siren = excluded.siren,
            respondent_key = coalesce(known.respondent_key, excluded.respondent_key),
            answered_at = CASE
                WHEN known.completeness = excluded.completeness THEN least(known.answered_at, excluded.answered_at)
                WHEN excluded.completeness = 'complete' THEN excluded.answered_at
                ELSE known.answered_at END
        RETURNING id
        "#,
        organisation.0,
        campaign.0,
        news.source.as_str(),
        news.reference.as_str(),
        news.completeness.as_str(),
        keys.token,
        keys.insee,
        keys.siren,
        found.as_ref().ok().map(ToString::to_string),
        answered_at,
        now,
    )
    .fetch_one(cx.sql())
    .await?;
    if let Ok(key) = found {
        credit(cx, campaign, NewsId(id), key).await?;
    }
    let says_more = before.as_ref().is_none_or(|row| {
        (row.completeness == "partial" && news.completeness == Completeness::Complete)
            || (row.respondent_key.is_none() && found.is_ok())
    });
    Ok(match found {
        Ok(key) if says_more => (Heard::Matched(key), Some(key)),
        // An earlier moment of the same answer may still move the respondent's.
        Ok(key) => (Heard::Known, Some(key)),
        Err(why) if before.is_none() => (Heard::Unmatched(why), None),
        Err(_) => (Heard::Known, None),
    })
}

/// Says which reminder an answer followed: the last message that had reached its respondent before it. One that was
/// handed over and had not gone out is none: the answer itself calls it off.
async fn credit(cx: &mut Context, campaign: CampaignId, news: NewsId, key: RespondentKey) -> Result<(), sqlx::Error> {
    let organisation = cx.organisation.id;
    let answered = sqlx::query_scalar!(
        r#"
        SELECT coalesce(answered_at, heard_at) AS "at!" FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        campaign.0,
        news.0,
    )
    .fetch_one(cx.sql())
    .await?;
    let messages = sqlx::query!(
        r#"
        SELECT message.step, message.participant_id, message.settled_at
        FROM survey_reminders.participant AS participant
        JOIN survey_reminders.planned_message AS message
          ON message.organisation_id = participant.organisation_id
         AND message.campaign_id = participant.campaign_id AND message.participant_id = participant.id
        WHERE participant.organisation_id = $1 AND participant.campaign_id = $2 AND participant.respondent_key = $4
          AND message.state IN ('handed', 'sent', 'unknown') AND message.handed_at <= $3
        ORDER BY message.handed_at DESC, message.step
        "#,
        organisation.0,
        campaign.0,
        answered,
        key.to_string(),
    )
    .fetch_all(cx.sql())
    .await?;
    // The outbox knows of what went out and was not asked for yet.
    let mut gone: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    if messages.iter().any(|message| message.settled_at.is_none()) {
        for delivery in cx.deliveries(&campaign.scope(), &[key.to_string()]).await? {
            let went_out = matches!(delivery.state.as_str(), "sent" | "unknown");
            if let (true, Some(name), Some(at)) = (went_out, delivery.message_key, delivery.settled_at) {
                gone.insert(name, at);
            }
        }
    }
    let went_out_at = |step: &str, participant: i64, settled_at: Option<DateTime<Utc>>| {
        settled_at.or_else(|| gone.get(&message_key(step, ParticipantId(participant))).copied())
    };
    let last = messages
        .iter()
        .find(|row| went_out_at(&row.step, row.participant_id, row.settled_at).is_some_and(|at| at <= answered));
    sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news SET after_step = $4
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        campaign.0,
        news.0,
        last.map_or("", |row| row.step.as_str()),
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Brings a respondent's state up to date with all that is known, and suppresses what waits for somebody who has
/// answered. Says whether they have.
pub(crate) async fn settle(cx: &mut Context, campaign: CampaignId, key: RespondentKey) -> Result<bool, HandlerError> {
    let (organisation, key) = (cx.organisation.id, key.to_string());
    // Two pieces of news of one respondent settle one after the other, and the later sees what the earlier did. The
    // lock goes together with that of a row that only refers to this one.
    let before = sqlx::query!(
        r#"
        SELECT state, declared, answered_at FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 AND key = $3
        FOR NO KEY UPDATE
        "#,
        organisation.0,
        campaign.0,
        key,
    )
    .fetch_one(cx.sql())
    .await?;
    let known = sqlx::query!(
        r#"
        SELECT count(*) AS "news!",
               min(coalesce(answered_at, heard_at)) FILTER (WHERE completeness = 'complete' AND source <> 'declared')
                   AS confirmed_at,
               min(coalesce(answered_at, heard_at)) FILTER (WHERE completeness = 'complete') AS complete_at,
               (array_agg(source ORDER BY source = 'declared', coalesce(answered_at, heard_at), source)
                   FILTER (WHERE completeness = 'complete'))[1] AS source
        FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND respondent_key = $3
        "#,
        organisation.0,
        campaign.0,
        key,
    )
    .fetch_one(cx.sql())
    .await?;
    let state: RespondentState = before.state.parse().map_err(HandlerError::Broken)?;
    let (state, declared, answered_at) = match (known.confirmed_at, known.complete_at) {
        (Some(at), _) => (RespondentState::Answered, false, Some(at)),
        (None, Some(at)) => (RespondentState::Answered, true, Some(at)),
        (None, None) if known.news > 0 && state == RespondentState::Silent => (RespondentState::Started, false, None),
        (None, None) => (state, before.declared, before.answered_at),
    };
    sqlx::query!(
        r#"
        UPDATE survey_reminders.respondent SET state = $4, declared = $5, answered_at = $6
        WHERE organisation_id = $1 AND campaign_id = $2 AND key = $3
          AND (state <> $4 OR declared <> $5 OR answered_at IS DISTINCT FROM $6)
        "#,
        organisation.0,
        campaign.0,
        key,
        state.as_str(),
        declared,
        answered_at,
    )
    .execute(cx.sql())
    .await?;
    if state != RespondentState::Answered {
        return Ok(false);
    }
    let now = cx.now;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message
        SET state = 'suppressed', settled_at = $4, reason = $5
        FROM survey_reminders.participant AS participant
        WHERE participant.organisation_id = $1 AND participant.campaign_id = $2 AND participant.respondent_key = $3
          AND message.organisation_id = participant.organisation_id AND message.campaign_id = participant.campaign_id
          AND message.participant_id = participant.id AND message.state = 'waiting'
        "#,
        organisation.0,
        campaign.0,
        key,
        now,
        json!({ "code": "answered", "source": known.source }),
    )
    .execute(cx.sql())
    .await?;
    Ok(true)
}

/// Leaves no key of an erased person, nor of one who was found to be the same, in what was heard. The news itself
/// stays, so that counts add up; its token is empty rather than missing, so that a repetition does not fill it again.
///
/// # Errors
/// When the database refuses.
pub async fn forget(cx: &mut Context, contact: bot_core::ContactId) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.answer_news AS news SET token = ''
        FROM survey_reminders.participant AS own, survey_reminders.participant AS gone
        WHERE own.organisation_id = $1 AND own.contact_id = $2
          AND gone.organisation_id = $1 AND gone.campaign_id = own.campaign_id
          AND (gone.id = own.id OR gone.same_as = own.id)
          AND news.organisation_id = $1 AND news.campaign_id = gone.campaign_id AND news.token = gone.token
        "#,
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
