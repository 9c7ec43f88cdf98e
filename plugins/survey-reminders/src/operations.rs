//! What organisers and operators do with campaigns, in chat and on the command line alike.
//!
//! Each takes the call's [`Context`], so that what it asks for (fires, messages, the audit line) commits with it.

use std::collections::BTreeMap;

use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Utc};
use rand::RngCore;
use serde::Serialize;
use serde_json::json;
use sqlx::types::Json;

use crate::definition::Definition;
use crate::definition_file::parse;
use crate::outcome::{Waiting, end_waiting};
use crate::reason::Reason;
use crate::refusal::By;
use crate::store::{self, Campaign, CampaignId, Lock, MessageState, NewVersion, RespondentState, State};
use crate::{engine, limesurvey, news};

pub use crate::approval::{Kind, PlanName, Proposal, approve, propose};
pub use crate::refusal::{OperationError, Refusal};

/// A campaign in a list. Times are UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    pub id: CampaignId,
    pub slug: String,
    /// In French.
    pub title: String,
    pub state: State,
    pub version: i32,
    pub approved_version: Option<i32>,
    pub opens_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub edited_by: String,
    /// Every planned message is in one of these, and is counted once.
    pub messages: BTreeMap<MessageState, i64>,
    pub respondents: BTreeMap<RespondentState, i64>,
}

/// An approval as `campaign show` tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ApprovalView {
    pub number: i32,
    pub kind: String,
    pub version: i32,
    /// SHA-256 in hexadecimal, over wording, steps and policy.
    pub wording_hash: String,
    /// SHA-256 in hexadecimal, over (contact, step, earliest time).
    pub list_hash: String,
    pub messages: i32,
    pub approved_by: String,
    pub approved_at: DateTime<Utc>,
}

/// Finds a campaign.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn find(cx: &mut Context, id: CampaignId) -> Result<Campaign, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::find(cx.sql(), organisation, id, Lock::None).await?;
    found.ok_or_else(|| Refusal::Unknown(id.to_string()).into())
}

/// Finds a campaign and keeps others from changing it until the transaction ends.
///
/// # Errors
/// [`Refusal::Unknown`].
pub(crate) async fn lock(cx: &mut Context, id: CampaignId) -> Result<Campaign, OperationError> {
    let organisation = cx.organisation.id;
    let found = store::find(cx.sql(), organisation, id, Lock::Alone).await?;
    found.ok_or_else(|| Refusal::Unknown(id.to_string()).into())
}

/// The campaign of a name, or of its number.
///
/// # Errors
/// [`Refusal::Unknown`].
pub async fn show(cx: &mut Context, name: &str) -> Result<Campaign, OperationError> {
    let organisation = cx.organisation.id;
    let id = match store::id_of(cx.sql(), organisation, name).await? {
        Some(id) => Some(id),
        None => name.parse().ok().map(CampaignId),
    };
    let Some(id) = id else { return Err(Refusal::Unknown(name.to_owned()).into()) };
    let found = store::find(cx.sql(), organisation, id, Lock::None).await?;
    found.ok_or_else(|| Refusal::Unknown(name.to_owned()).into())
}

/// Stores a campaign file as a draft. Nothing of it goes out before it is approved.
///
/// # Errors
/// [`Refusal::File`], [`Refusal::SlugTaken`], [`Refusal::DeadlinePast`].
pub async fn create(cx: &mut Context, source: &str, edited_by: &str) -> Result<Campaign, OperationError> {
    let definition = parse(source).map_err(Refusal::File)?;
    let version = new_version(cx, &definition, source, edited_by)?;
    let mut secret = [0; 32];
    cx.random.fill_bytes(&mut secret);
    let organisation = cx.organisation.id;
    let id = store::insert(cx.sql(), organisation, &version, secret).await?;
    let id = id.ok_or_else(|| Refusal::SlugTaken(definition.slug.clone()))?;
    By::whoever_asked(cx, Some(edited_by)).did(cx, "campaign.created", id, json!({ "slug": definition.slug }));
    find(cx, id).await
}

/// Replaces a campaign's file by a new version of it. What waits is not sent until the new version is approved.
///
/// # Errors
/// [`Refusal::File`], [`Refusal::Unknown`] when no campaign has its slug, [`Refusal::Unchanged`], [`Refusal::Is`] when
/// it is over, [`Refusal::DeadlinePast`].
pub async fn edit(cx: &mut Context, source: &str, edited_by: &str) -> Result<Campaign, OperationError> {
    let definition = parse(source).map_err(Refusal::File)?;
    let organisation = cx.organisation.id;
    let id = store::id_of(cx.sql(), organisation, &definition.slug).await?;
    let id = id.ok_or_else(|| Refusal::Unknown(definition.slug.clone()))?;
    let campaign = lock(cx, id).await?;
    match campaign.state {
        State::Cancelled | State::Closed => return Err(Refusal::Is(campaign.state).into()),
        State::Draft | State::Approved | State::Paused => {}
    }
    if campaign.definition == definition {
        return Err(Refusal::Unchanged.into());
    }
    let version = new_version(cx, &definition, source, edited_by)?;
    store::edit(cx.sql(), organisation, id, &version).await?;
    if campaign.state != State::Draft {
        // The deadline may have moved.
        engine::wake(cx, id);
    }
    let details = json!({ "version": campaign.version + 1 });
    By::whoever_asked(cx, Some(edited_by)).did(cx, "campaign.edited", id, details);
    find(cx, id).await
}

fn new_version<'v>(
    cx: &Context,
    definition: &'v Definition,
    source: &'v str,
    edited_by: &'v str,
) -> Result<NewVersion<'v>, Refusal> {
    let (zone, now) = (cx.organisation.time_zone, cx.now);
    let (opens_at, deadline) = (definition.opens_at(zone), definition.deadline(zone));
    if deadline <= now {
        return Err(Refusal::DeadlinePast);
    }
    Ok(NewVersion { definition, source, opens_at, deadline, edited_by, now })
}

/// Stops a campaign for a while. What stands in the outbox is taken back and waits with the rest; what a platform was
/// being given at this moment goes out.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::Unknown`].
pub async fn pause(cx: &mut Context, id: CampaignId, by: Option<&str>) -> Result<Campaign, OperationError> {
    let campaign = lock(cx, id).await?;
    if campaign.state != State::Approved {
        return Err(Refusal::Is(campaign.state).into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::set_state(cx.sql(), organisation, id, State::Paused, now).await?;
    // What comes of it is read from the outbox on the next tick (see `outcome`).
    cx.cancel(id.scope(), None);
    engine::wake(cx, id);
    By::whoever_asked(cx, by).did(cx, "campaign.paused", id, json!({}));
    find(cx, id).await
}

/// Lets a paused campaign go on. What became due meanwhile goes out as soon as the rules let it: a pause is no outage,
/// so that no misfire policy drops it.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::DeadlinePast`], [`Refusal::Unknown`].
pub async fn resume(cx: &mut Context, id: CampaignId, by: Option<&str>) -> Result<Campaign, OperationError> {
    let campaign = lock(cx, id).await?;
    if campaign.state != State::Paused {
        return Err(Refusal::Is(campaign.state).into());
    }
    if campaign.deadline <= cx.now {
        return Err(Refusal::DeadlinePast.into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message SET due_at = $3, reason = $4
        WHERE organisation_id = $1 AND campaign_id = $2 AND state = 'waiting' AND due_at < $3
        "#,
        organisation.0,
        id.0,
        now,
        Json(Reason::Paused) as _,
    )
    .execute(cx.sql())
    .await?;
    store::set_state(cx.sql(), organisation, id, State::Approved, now).await?;
    engine::wake(cx, id);
    By::whoever_asked(cx, by).did(cx, "campaign.resumed", id, json!({}));
    find(cx, id).await
}

/// Ends a campaign before its deadline, for ever. Answers are still heard and counted.
///
/// # Errors
/// [`Refusal::Is`], [`Refusal::Unknown`].
pub async fn cancel(cx: &mut Context, id: CampaignId, by: Option<&str>) -> Result<Campaign, OperationError> {
    let campaign = lock(cx, id).await?;
    match campaign.state {
        State::Cancelled | State::Closed => return Err(Refusal::Is(campaign.state).into()),
        State::Draft | State::Approved | State::Paused => {}
    }
    while end_waiting(cx, Waiting::all(id), MessageState::Cancelled, &Reason::Cancelled).await? {}
    let (organisation, now) = (cx.organisation.id, cx.now);
    store::set_state(cx.sql(), organisation, id, State::Cancelled, now).await?;
    cx.cancel(id.scope(), None);
    limesurvey::cancel(cx, id);
    engine::wake(cx, id);
    By::whoever_asked(cx, by).did(cx, "campaign.cancelled", id, json!({}));
    news::cancelled(cx, &campaign);
    find(cx, id).await
}

/// All campaigns, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn list(cx: &mut Context) -> Result<Vec<Summary>, OperationError> {
    let organisation = cx.organisation.id;
    let mut summaries = Vec::new();
    for campaign in store::all(cx.sql(), organisation).await? {
        summaries.push(summary(cx, &campaign).await?);
    }
    Ok(summaries)
}

/// A campaign with its counts.
///
/// # Errors
/// Those of the database.
pub async fn summary(cx: &mut Context, campaign: &Campaign) -> Result<Summary, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT state, count(*) AS "count!" FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 GROUP BY state
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let respondents = rows.into_iter().map(|row| Ok((row.state.parse()?, row.count)));
    Ok(Summary {
        id: campaign.id,
        slug: campaign.slug().to_owned(),
        title: campaign.definition.title.fr.clone(),
        state: campaign.state,
        version: campaign.version,
        approved_version: campaign.approved_version,
        opens_at: campaign.opens_at,
        deadline: campaign.deadline,
        edited_by: campaign.edited_by.clone(),
        messages: counts(cx, campaign.id).await?,
        respondents: respondents.collect::<Result<_, String>>().map_err(HandlerError::Broken)?,
    })
}

/// How many planned messages stand where: every one is counted once.
pub(crate) async fn counts(cx: &mut Context, id: CampaignId) -> Result<BTreeMap<MessageState, i64>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT state, count(*) AS "count!" FROM survey_reminders.planned_message
        WHERE organisation_id = $1 AND campaign_id = $2 GROUP BY state
        "#,
        organisation.0,
        id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let counts = rows.into_iter().map(|row| Ok((row.state.parse()?, row.count)));
    counts.collect::<Result<_, String>>().map_err(HandlerError::Broken)
}

/// Every approval of a campaign, the first one first.
///
/// # Errors
/// Those of the database.
pub async fn approvals(cx: &mut Context, id: CampaignId) -> Result<Vec<ApprovalView>, OperationError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT number, kind, version, encode(wording_hash, 'hex') AS "wording_hash!",
               encode(list_hash, 'hex') AS "list_hash!", messages, approved_by, approved_at
        FROM survey_reminders.approval WHERE organisation_id = $1 AND campaign_id = $2 ORDER BY number
        "#,
        organisation.0,
        id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let views = rows.into_iter().map(|row| ApprovalView {
        number: row.number,
        kind: row.kind,
        version: row.version,
        wording_hash: row.wording_hash,
        list_hash: row.list_hash,
        messages: row.messages,
        approved_by: row.approved_by,
        approved_at: row.approved_at,
    });
    Ok(views.collect())
}
