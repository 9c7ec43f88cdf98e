//! Where one person stands in a campaign: what is asked of them, what they said, and what is still to come.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::types::Json;

use crate::definition::Definition;
use crate::store::{CampaignId, ParticipantId, RespondentKey, RespondentState, State};

/// What a participant said of the whole campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// No more of this campaign.
    Stopped,
    /// Somebody else should answer.
    NotMine,
}

impl Wish {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::NotMine => "not_mine",
        }
    }

    fn of(text: &str) -> Result<Self, HandlerError> {
        match text {
            "stopped" => Ok(Self::Stopped),
            "not_mine" => Ok(Self::NotMine),
            other => Err(HandlerError::Broken(format!("a participant has the unknown wish {other:?}"))),
        }
    }
}

/// A participant in one campaign that was approved once.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub campaign: CampaignId,
    pub state: State,
    pub deadline: DateTime<Utc>,
    /// As it is carried out.
    pub definition: Definition,
    pub participant: ParticipantId,
    pub respondent: RespondentKey,
    /// The name of the collectivité that is to answer, as it was at approval.
    pub collectivite: Option<String>,
    pub token: String,
    pub wish: Option<Wish>,
    /// Whom they named in their place.
    pub colleague: Option<ContactId>,
    pub answer: RespondentState,
    /// Nobody but themselves says that it is answered.
    pub declared: bool,
    /// This very person said so.
    pub declared_by_them: bool,
    /// This very person answered, or began to, in chat.
    pub answered_in_chat: bool,
    /// When the next message to them is due.
    pub next_at: Option<DateTime<Utc>>,
}

impl Standing {
    /// Nothing can be answered any more.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        matches!(self.state, State::Cancelled | State::Closed) || self.deadline <= now
    }

    /// Their reminders have stopped for everybody of their collectivité.
    pub fn is_settled(&self) -> bool {
        matches!(self.answer, RespondentState::Answered | RespondentState::Refused)
    }

    /// The last day on which it can be answered, on the clocks of `zone`.
    pub fn last_day(&self, zone: Tz) -> NaiveDate {
        self.deadline.with_timezone(&zone).date_naive()
    }
}

/// By which name the news of one person's answer is known, whether they gave it in chat or only say so. Renamed when
/// the person is erased.
pub(crate) fn reference(contact: ContactId) -> String {
    format!("contact:{contact}")
}

/// Keeps everybody of this person's collectivité from changing where it stands, until the transaction ends.
pub(crate) async fn lock(cx: &mut Context, campaign: CampaignId, contact: ContactId) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    sqlx::query!(
        r#"
        SELECT respondent.key FROM survey_reminders.respondent AS respondent
        JOIN survey_reminders.participant AS participant
          ON participant.organisation_id = respondent.organisation_id
         AND participant.campaign_id = respondent.campaign_id AND participant.respondent_key = respondent.key
        WHERE participant.organisation_id = $1 AND participant.campaign_id = $2 AND participant.contact_id = $3
        FOR NO KEY UPDATE OF respondent
        "#,
        organisation.0,
        campaign.0,
        contact.0,
    )
    .fetch_optional(cx.sql())
    .await?;
    Ok(())
}

/// Where `contact` stands in one campaign. `None` when they take no part in it.
pub(crate) async fn find(
    cx: &mut Context,
    campaign: CampaignId,
    contact: ContactId,
) -> Result<Option<Standing>, HandlerError> {
    Ok(all(cx, contact, Some(campaign)).await?.into_iter().next())
}

/// Where `contact` stands in every campaign they take part in, or in one, the one that ends first first.
pub(crate) async fn all(
    cx: &mut Context,
    contact: ContactId,
    only: Option<CampaignId>,
) -> Result<Vec<Standing>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT campaign.id AS campaign, campaign.state AS campaign_state, campaign.deadline,
               approval.definition AS "definition: Json<Definition>", participant.id AS participant,
               respondent.key AS respondent, respondent.facts ->> 'name' AS collectivite, participant.token,
               participant.wish, participant.colleague, respondent.state AS answer,
               respondent.declared,
               EXISTS (
                   SELECT FROM survey_reminders.answer_news AS news
                   WHERE news.organisation_id = campaign.organisation_id AND news.campaign_id = campaign.id
                     AND news.source = 'declared' AND news.reference = $4 AND news.respondent_key = respondent.key
               ) AS "declared_by_them!",
               EXISTS (
                   SELECT FROM survey_reminders.answer_news AS news
                   WHERE news.organisation_id = campaign.organisation_id AND news.campaign_id = campaign.id
                     AND news.source = 'chat' AND news.reference = $4
               ) AS "answered_in_chat!",
               (SELECT min(message.due_at) FROM survey_reminders.planned_message AS message
                WHERE message.organisation_id = participant.organisation_id
                  AND message.campaign_id = participant.campaign_id AND message.participant_id = participant.id
                  AND message.state = 'waiting') AS next_at
        FROM survey_reminders.participant AS participant
        JOIN survey_reminders.campaign AS campaign
          ON campaign.organisation_id = participant.organisation_id AND campaign.id = participant.campaign_id
        JOIN survey_reminders.respondent AS respondent
          ON respondent.organisation_id = participant.organisation_id
         AND respondent.campaign_id = participant.campaign_id AND respondent.key = participant.respondent_key
        JOIN LATERAL (
            SELECT approved.definition FROM survey_reminders.approval AS approved
            WHERE approved.organisation_id = campaign.organisation_id AND approved.campaign_id = campaign.id
              AND approved.version = campaign.approved_version
            ORDER BY approved.number DESC LIMIT 1
        ) AS approval ON true
        WHERE participant.organisation_id = $1 AND participant.contact_id = $2
          AND ($3::integer IS NULL OR campaign.id = $3)
        ORDER BY campaign.deadline, campaign.id
        "#,
        organisation.0,
        contact.0,
        only.map(|campaign| campaign.0),
        reference(contact),
    )
    .fetch_all(cx.sql())
    .await?;
    let broken = |what: String| HandlerError::Broken(what);
    let standings = rows.into_iter().map(|row| {
        Ok(Standing {
            campaign: CampaignId(row.campaign),
            state: row.campaign_state.parse().map_err(broken)?,
            deadline: row.deadline,
            definition: row.definition.0,
            participant: ParticipantId(row.participant),
            respondent: row.respondent.parse().map_err(|_| broken("a respondent has no key".to_owned()))?,
            collectivite: row.collectivite,
            token: row.token,
            wish: row.wish.as_deref().map(Wish::of).transpose()?,
            colleague: row.colleague.map(ContactId),
            answer: row.answer.parse().map_err(broken)?,
            declared: row.declared,
            declared_by_them: row.declared_by_them,
            answered_in_chat: row.answered_in_chat,
            next_at: row.next_at,
        })
    });
    standings.collect()
}
