//! What a report says rests on: everything about one campaign, read at one moment.
//!
//! It is one statement, and one statement sees one snapshot of the database, whatever goes on beside it and whatever
//! transaction it runs in. So the counts of a report always fit together.

use std::collections::BTreeMap;

use bot_core::plugin::HandlerError;
use bot_core::{OrganisationId, Wording};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::definition::{Definition, Rung, StepKind};
use crate::store::{CampaignId, MessageState, RespondentKey, RespondentState, State};

/// One campaign as it stood at `read_at`.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    pub campaign: CampaignId,
    pub slug: String,
    pub title: Wording,
    pub state: State,
    pub opens_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub read_at: DateTime<Utc>,
    /// Links lead through crieur, so that openings are known.
    pub redirect: bool,
    /// In the order of the campaign file.
    pub steps: Vec<StepFacts>,
    pub messages: Vec<MessageCount>,
    /// By key.
    pub respondents: Vec<Respondent>,
    /// What people pressed and said, by kind.
    pub wishes: Vec<WishCount>,
    /// Messages to the organisers, who answer nothing.
    pub messages_to_organisers: u64,
    /// Answers that matched nobody and that no organiser has set aside.
    pub unmatched_news: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepFacts {
    pub key: String,
    pub kind: StepKind,
    pub to: Rung,
}

/// How many messages of a step are in a state for a reason.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct MessageCount {
    pub step: String,
    pub state: MessageState,
    /// The code of the reason; `None` where there is none.
    pub reason: Option<String>,
    pub count: u64,
}

/// How often something was pressed or said, and by how many people.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct WishCount {
    /// As the database has it: `answer_now`, `later`, `already_answered`, `not_mine`, `stop`, and what takes those back.
    pub kind: String,
    pub times: u64,
    pub people: u64,
}

/// Somebody who is to answer, with what became of their messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Respondent {
    pub key: RespondentKey,
    pub facts: Strata,
    pub state: RespondentState,
    pub declared: bool,
    /// Those who are still there: none after an erasure.
    pub contacts: u32,
    /// One of its contacts opened a link.
    pub opened: bool,
    /// All of its contacts said stop, or asked for a later reminder which is not due yet.
    pub wants_quiet: bool,
    pub messages: MessagesTo,
    /// The step that its first complete answer came after, empty where no message was sent before; `None`: no answer
    /// is known by its news.
    pub answered_after: Option<String>,
}

/// What was planned for the contacts of one respondent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
pub struct MessagesTo {
    pub planned: u32,
    pub sent: u32,
    pub unknown: u32,
    /// Waiting, or in the outbox.
    pub to_come: u32,
    pub cancelled: u32,
}

/// The strata as they were at approval.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Strata {
    pub kind: Option<String>,
    pub name: Option<String>,
    pub insee: Option<String>,
    pub siren: Option<String>,
    pub population: Option<u32>,
    pub departement: Option<String>,
    pub region: Option<String>,
}

/// Reads a campaign by its slug; `None` when there is none.
///
/// # Errors
/// When the database cannot be read, or holds what this program does not know.
pub async fn read(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    slug: &str,
    now: DateTime<Utc>,
) -> Result<Option<Facts>, HandlerError> {
    let row = sqlx::query!(
        r#"
        SELECT campaign.id, campaign.slug, campaign.definition AS "definition: Json<Definition>", campaign.state,
               campaign.opens_at, campaign.deadline,
               (SELECT coalesce(json_agg(counted), '[]')
                FROM (SELECT step, state, reason ->> 'code' AS reason, count(*) AS count
                      FROM survey_reminders.planned_message
                      WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id
                      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) AS counted) AS "messages!: Json<Vec<MessageCount>>",
               (SELECT coalesce(json_agg(one ORDER BY one.key), '[]')
                FROM (SELECT key, facts, state, declared FROM survey_reminders.respondent
                      WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id) AS one
               ) AS "respondents!: Json<Vec<RespondentRow>>",
               (SELECT coalesce(json_agg(people), '[]')
                FROM (SELECT respondent_key AS key, count(contact_id) AS contacts,
                             bool_or(opened_at IS NOT NULL) AS opened,
                             coalesce(bool_and(coalesce(wish = 'stopped', false) OR coalesce(snoozed_until > $3, false))
                                 FILTER (WHERE contact_id IS NOT NULL), false) AS wants_quiet
                      FROM survey_reminders.participant
                      WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id
                        AND respondent_key IS NOT NULL
                      GROUP BY 1) AS people) AS "people!: Json<Vec<PeopleRow>>",
               (SELECT coalesce(json_agg(counted), '[]')
                FROM (SELECT participant.respondent_key AS key,
                             count(*) AS planned,
                             count(*) FILTER (WHERE message.state = 'sent') AS sent,
                             count(*) FILTER (WHERE message.state = 'unknown') AS unknown,
                             count(*) FILTER (WHERE message.state IN ('waiting', 'handed')) AS to_come,
                             count(*) FILTER (WHERE message.state = 'cancelled') AS cancelled
                      FROM survey_reminders.planned_message AS message
                      JOIN survey_reminders.participant
                        ON participant.organisation_id = message.organisation_id
                       AND participant.campaign_id = message.campaign_id AND participant.id = message.participant_id
                      WHERE message.organisation_id = campaign.organisation_id AND message.campaign_id = campaign.id
                        AND participant.respondent_key IS NOT NULL
                      GROUP BY 1) AS counted) AS "counted!: Json<Vec<MessagesRow>>",
               (SELECT coalesce(json_agg(news), '[]')
                FROM (SELECT DISTINCT ON (respondent_key) respondent_key AS key, after_step
                      FROM survey_reminders.answer_news
                      WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id
                        AND respondent_key IS NOT NULL AND completeness = 'complete'
                      ORDER BY respondent_key, heard_at, id) AS news) AS "news!: Json<Vec<NewsRow>>",
               (SELECT coalesce(json_agg(counted), '[]')
                FROM (SELECT kind, count(*) AS times, count(DISTINCT participant_id) AS people
                      FROM survey_reminders.wish
                      WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id
                      GROUP BY 1 ORDER BY 1) AS counted) AS "wishes!: Json<Vec<WishCount>>",
               (SELECT count(*) FROM survey_reminders.planned_message AS message
                JOIN survey_reminders.participant
                  ON participant.organisation_id = message.organisation_id
                 AND participant.campaign_id = message.campaign_id AND participant.id = message.participant_id
                WHERE message.organisation_id = campaign.organisation_id AND message.campaign_id = campaign.id
                  AND participant.respondent_key IS NULL) AS "to_organisers!",
               (SELECT count(*) FROM survey_reminders.answer_news
                WHERE organisation_id = campaign.organisation_id AND campaign_id = campaign.id
                  AND respondent_key IS NULL AND dismissed_at IS NULL) AS "unmatched_news!"
        FROM survey_reminders.campaign
        WHERE campaign.organisation_id = $1 AND campaign.slug = $2
        "#,
        organisation.0,
        slug,
        now,
    )
    .fetch_optional(sql)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let definition = row.definition.0;
    let steps = definition.steps.iter();
    Ok(Some(Facts {
        campaign: CampaignId(row.id),
        slug: row.slug,
        state: row.state.parse().map_err(HandlerError::Broken)?,
        opens_at: row.opens_at,
        deadline: row.deadline,
        read_at: now,
        redirect: definition.questionnaire.redirect,
        steps: steps.map(|step| StepFacts { key: step.key.to_string(), kind: step.kind, to: step.to }).collect(),
        title: definition.title,
        messages: row.messages.0,
        respondents: together(row.respondents.0, row.people.0, row.counted.0, row.news.0),
        wishes: row.wishes.0,
        messages_to_organisers: u64::try_from(row.to_organisers).unwrap_or_default(),
        unmatched_news: u64::try_from(row.unmatched_news).unwrap_or_default(),
    }))
}

#[derive(Debug, Deserialize)]
struct RespondentRow {
    key: RespondentKey,
    facts: Strata,
    state: RespondentState,
    declared: bool,
}

#[derive(Debug, Deserialize)]
struct PeopleRow {
    key: RespondentKey,
    contacts: u32,
    opened: bool,
    wants_quiet: bool,
}

#[derive(Debug, Deserialize)]
struct MessagesRow {
    key: RespondentKey,
    #[serde(flatten)]
    messages: MessagesTo,
}

#[derive(Debug, Deserialize)]
struct NewsRow {
    key: RespondentKey,
    after_step: String,
}

/// Joined here, by key: whatever the database estimates of a campaign that was just approved, it only groups.
fn together(
    respondents: Vec<RespondentRow>,
    people: Vec<PeopleRow>,
    counted: Vec<MessagesRow>,
    news: Vec<NewsRow>,
) -> Vec<Respondent> {
    let people: BTreeMap<RespondentKey, PeopleRow> = people.into_iter().map(|row| (row.key, row)).collect();
    let counted: BTreeMap<RespondentKey, MessagesTo> = counted.into_iter().map(|row| (row.key, row.messages)).collect();
    let mut news: BTreeMap<RespondentKey, String> = news.into_iter().map(|row| (row.key, row.after_step)).collect();
    let one = |row: RespondentRow| {
        let people = people.get(&row.key);
        Respondent {
            key: row.key,
            facts: row.facts,
            state: row.state,
            declared: row.declared,
            contacts: people.map_or(0, |people| people.contacts),
            opened: people.is_some_and(|people| people.opened),
            wants_quiet: people.is_some_and(|people| people.wants_quiet),
            messages: counted.get(&row.key).copied().unwrap_or_default(),
            answered_after: news.remove(&row.key),
        }
    };
    respondents.into_iter().map(one).collect()
}

/// A campaign in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    pub campaign: CampaignId,
    pub slug: String,
    pub title: Wording,
    pub state: State,
    pub deadline: DateTime<Utc>,
    pub respondents: u64,
    pub answered: u64,
}

/// The campaigns of an organisation, the latest opening first; `max` at most.
///
/// # Errors
/// As [`read`].
pub async fn list(sql: &mut PgConnection, organisation: OrganisationId, max: i64) -> Result<Vec<Listed>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT campaign.id, campaign.slug, campaign.definition AS "definition: Json<Definition>", campaign.state,
               campaign.deadline,
               count(respondent.key) AS "respondents!",
               count(*) FILTER (WHERE respondent.state = 'answered') AS "answered!"
        FROM survey_reminders.campaign
        LEFT JOIN survey_reminders.respondent
          ON respondent.organisation_id = campaign.organisation_id AND respondent.campaign_id = campaign.id
        WHERE campaign.organisation_id = $1
        GROUP BY campaign.organisation_id, campaign.id
        ORDER BY campaign.opens_at DESC, campaign.id DESC
        LIMIT $2
        "#,
        organisation.0,
        max,
    )
    .fetch_all(sql)
    .await?;
    let listed = rows.into_iter().map(|row| {
        Ok(Listed {
            campaign: CampaignId(row.id),
            slug: row.slug,
            title: row.definition.0.title,
            state: row.state.parse().map_err(HandlerError::Broken)?,
            deadline: row.deadline,
            respondents: u64::try_from(row.respondents).unwrap_or_default(),
            answered: u64::try_from(row.answered).unwrap_or_default(),
        })
    });
    listed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::coverage::Coverage;
    use crate::report::funnel::Funnel;
    use crate::report::stage::{SLUG, Stage};

    #[tokio::test]
    async fn whatever_the_rows_every_count_of_a_real_database_adds_up() {
        let stage = Stage::new(101).await;
        stage.crowd(60, 7).await;
        let mut sql = stage.bench.pool.acquire().await.unwrap();
        let (organisation, now) = (stage.bench.organisation.id, stage.bench.clock.now());
        let facts = read(&mut sql, organisation, SLUG, now).await.unwrap().unwrap();
        let funnel = Funnel::of(&facts);
        assert_eq!(funnel.discrepancies(&facts), Vec::<String>::new());

        // Counted again, each in its own way.
        let messages = sqlx::query_scalar!("SELECT count(*) AS \"count!\" FROM survey_reminders.planned_message");
        let respondents = sqlx::query!(
            r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE state = 'answered') AS "answered!",
                      count(*) FILTER (WHERE declared) AS "declared!" FROM survey_reminders.respondent"#
        );
        let unmatched = sqlx::query_scalar!(
            "SELECT count(*) AS \"count!\" FROM survey_reminders.answer_news WHERE respondent_key IS NULL"
        );
        let messages = messages.fetch_one(&mut *sql).await.unwrap();
        let respondents = respondents.fetch_one(&mut *sql).await.unwrap();
        assert_eq!(funnel.messages.planned, messages as u64);
        assert_eq!(
            (funnel.respondents.all, funnel.respondents.answered),
            (respondents.all as u64, respondents.answered as u64)
        );
        let wishes: Vec<_> = facts.wishes.iter().map(|wish| (wish.kind.as_str(), wish.times, wish.people)).collect();
        assert_eq!(wishes, [("answer_now", 1, 1), ("later", 2, 1)]);
        let report = Report::of(&facts, None, stage.bench.organisation.time_zone, 10);
        assert_eq!(report.coverage.all.declared, respondents.declared as u64);
        assert_eq!(facts.unmatched_news, unmatched.fetch_one(&mut *sql).await.unwrap() as u64);
        assert_eq!(Coverage::of(&report.bodies).all.asked, respondents.all as u64);
        assert!(messages > 100 && facts.unmatched_news > 0 && !report.next.is_empty());
    }

    #[tokio::test]
    async fn only_the_named_campaign_is_read() {
        let stage = Stage::new(102).await;
        stage.campaign("autre").await;
        let mut sql = stage.bench.pool.acquire().await.unwrap();
        let (organisation, now) = (stage.bench.organisation.id, stage.bench.clock.now());
        let other = read(&mut sql, organisation, "autre", now).await.unwrap().unwrap();
        assert!(other.respondents.is_empty() && other.messages.is_empty());
        assert_eq!(read(&mut sql, organisation, "inconnue", now).await.unwrap(), None);
        assert_eq!(read(&mut sql, OrganisationId(-1), SLUG, now).await.unwrap(), None);
        let listed = list(&mut sql, organisation, 10).await.unwrap();
        let counts: Vec<_> = listed.iter().map(|one| (one.slug.as_str(), one.respondents, one.answered)).collect();
        assert_eq!(counts, [("autre", 0, 0), (SLUG, 2, 1)]);
        assert_eq!(list(&mut sql, organisation, 1).await.unwrap().len(), 1);
    }
}
