//! Asking a LimeSurvey who answered, by RemoteControl 2, every few minutes.
//!
//! One round is a chain of requests, each made by the core and heard of here in a transaction of its own: a session,
//! the survey's properties, the participants page by page (whose `completed` tells who is done, in anonymous surveys
//! too), what was begun since the last round, and the session given back. RemoteControl tells of no changes: the list
//! of participants is read whole each time, begun answers from the last one known on.

mod rpc;

use std::collections::BTreeSet;

use bot_core::plugin::{Context, Fetch, FetchRequest, Fetched, Fire, FiredFire, HandlerError, HandlerResult, Misfire};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;

use self::rpc::{PARTICIPANTS_MAX, Trouble};
use crate::answers::{Completeness, Keys, News, Source, Who, heard_all, moment};
use crate::definition::{Definition, LimeSurveySource};
use crate::store::{CampaignId, State};

const SCOPE: &str = "limesurvey:";
/// News taken in one transaction, which ends within seconds: a first round after the opening may bring thousands. The
/// rest is asked for again at once.
const NEWS_MAX: usize = 50;
/// After a refused login nothing is asked for so long, or LimeSurvey locks us out.
const PAUSE_AFTER_REFUSAL: TimeDelta = TimeDelta::hours(1);
/// Answers that come after the deadline still count in the report.
const ASKED_AFTER_DEADLINE: TimeDelta = TimeDelta::days(7);

/// The campaign that a fire or a request of this module is about.
pub(crate) fn campaign_of(scope: &str) -> Option<CampaignId> {
    scope.strip_prefix(SCOPE)?.parse().ok().map(CampaignId)
}

fn scope(campaign: CampaignId) -> String {
    format!("{SCOPE}{campaign}")
}

/// Asks from the opening on, as the campaign file says; at once where that is past. For an approval and a resumption:
/// calling it again moves the next round.
pub fn schedule(cx: &mut Context, campaign: CampaignId, definition: &Definition) {
    if definition.sources.limesurvey.is_some() {
        let first = definition.opens_at(cx.organisation.time_zone).max(cx.now);
        schedule_at(cx, campaign, first);
    } else {
        cancel(cx, campaign);
    }
}

/// How asking goes, for an operator.
#[derive(Clone, Debug, Serialize)]
pub struct Polling {
    /// The campaign's slug.
    pub campaign: String,
    pub polled_at: Option<DateTime<Utc>>,
    /// The last time it went well.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// What has gone wrong since, and what to do.
    pub failure: Option<String>,
}

/// The campaigns that ask a LimeSurvey, all organisations', or the one of this number.
///
/// # Errors
/// Those of the database.
pub async fn pollings(sql: &mut PgConnection, campaign: Option<CampaignId>) -> Result<Vec<Polling>, sqlx::Error> {
    sqlx::query_as!(
        Polling,
        r#"
        SELECT campaign.slug AS campaign, poll.polled_at, poll.succeeded_at, poll.failure
        FROM survey_reminders.poll
        JOIN survey_reminders.campaign
          ON campaign.organisation_id = poll.organisation_id AND campaign.id = poll.campaign_id
        WHERE campaign.state IN ('approved', 'paused') AND ($1::integer IS NULL OR campaign.id = $1)
        ORDER BY campaign.slug
        "#,
        campaign.map(|campaign| campaign.0),
    )
    .fetch_all(sql)
    .await
}

/// Asks no more.
pub fn cancel(cx: &mut Context, campaign: CampaignId) {
    cx.cancel_fire(scope(campaign), "");
}

fn schedule_at(cx: &mut Context, campaign: CampaignId, due_at: DateTime<Utc>) {
    cx.schedule(Fire {
        scope: scope(campaign),
        subject: String::new(),
        due_at,
        misfire: Misfire::RunOnce,
        payload: Value::Null,
        repeat: None,
    });
}

/// Where a round stands. Travels with each request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Round {
    /// `None`: what is under way is the login.
    session: Option<String>,
    /// A session was over once in this round, and a new one opened.
    renewed: bool,
    step: Step,
}

/// What is asked next, or was just asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Survey,
    Participants {
        offset: usize,
        /// Responses of an anonymous survey name nobody.
        anonymous: bool,
    },
    Begun {
        from: u64,
    },
    Release {
        failed: bool,
    },
}

struct Polled {
    id: CampaignId,
    definition: Definition,
    source: LimeSurveySource,
}

/// The campaign, while it is to be asked about.
async fn polled(cx: &mut Context, id: CampaignId) -> Result<Option<Polled>, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        r#"
        SELECT definition, state, deadline FROM survey_reminders.campaign
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(cx.sql())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state: State = row.state.parse().map_err(HandlerError::Broken)?;
    if matches!(state, State::Draft | State::Cancelled) || cx.now > row.deadline + ASKED_AFTER_DEADLINE {
        return Ok(None);
    }
    let unreadable = |error| HandlerError::Broken(format!("a stored campaign cannot be read: {error}"));
    let definition: Definition = serde_json::from_value(row.definition).map_err(unreadable)?;
    let source = definition.sources.limesurvey.clone();
    Ok(source.map(|source| Polled { id, definition, source }))
}

/// Begins a round. One that is still under way goes on instead.
pub(crate) async fn on_fire(cx: &mut Context, fire: &FiredFire) -> HandlerResult {
    let Some(id) = campaign_of(&fire.scope) else { return Ok(()) };
    let Some(polled) = polled(cx, id).await? else { return Ok(()) };
    let next = cx.now + TimeDelta::minutes(polled.source.every_minutes.into());
    schedule_at(cx, id, next);
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        INSERT INTO survey_reminders.poll (organisation_id, campaign_id, polled_at) VALUES ($1, $2, $3)
        ON CONFLICT (organisation_id, campaign_id) DO UPDATE SET polled_at = excluded.polled_at
        "#,
        organisation.0,
        id.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    let round = Round { session: None, renewed: false, step: Step::Survey };
    ask(cx, &polled, &round, rpc::login(&polled.source))
}

/// Hears one answer, and asks the next question.
pub(crate) async fn on_fetched(cx: &mut Context, fetched: &Fetched) -> HandlerResult {
    let Some(id) = campaign_of(&fetched.scope) else { return Ok(()) };
    let Some(polled) = polled(cx, id).await? else { return Ok(()) };
    let unreadable = |error| HandlerError::Broken(format!("a round of questions cannot be read: {error}"));
    let round: Round = serde_json::from_value(fetched.payload.clone()).map_err(unreadable)?;
    let result = rpc::result(&fetched.outcome);
    let Some(session) = round.session.clone() else {
        return match result.and_then(|key| session_key(&key)) {
            Ok(key) => ask_step(cx, &polled, Round { session: Some(key), ..round }),
            Err(trouble) => failed(cx, &polled, &round, &trouble).await,
        };
    };
    let next = match (round.step, result) {
        (Step::Release { failed }, _) => {
            // Whatever it says: the session ends by itself, too.
            return if failed { Ok(()) } else { succeeded(cx, id).await };
        }
        (_, Err(Trouble::SessionOver)) if !round.renewed => {
            let again = Round { session: None, renewed: true, ..round };
            return ask(cx, &polled, &again, rpc::login(&polled.source));
        }
        (Step::Survey, Ok(properties)) => {
            Ok(Step::Participants { offset: 0, anonymous: properties["anonymized"] == json!("Y") })
        }
        (Step::Participants { offset, anonymous }, Ok(page)) => match rpc::participants(&page) {
            Ok(listed) if hear_completions(cx, &polled, &listed).await? => Ok(round.step),
            Ok(listed) if listed.len() < PARTICIPANTS_MAX => Ok(after_participants(cx, id, anonymous).await?),
            Ok(listed) => Ok(Step::Participants { offset: offset + listed.len(), anonymous }),
            Err(trouble) => Err(trouble),
        },
        (Step::Participants { anonymous, .. }, Err(Trouble::Nothing)) => {
            Ok(after_participants(cx, id, anonymous).await?)
        }
        (Step::Begun { .. }, Ok(export)) => match rpc::begun(&export) {
            Ok(begun) => Ok(hear_beginnings(cx, &polled, &begun).await?),
            Err(trouble) => Err(trouble),
        },
        (Step::Begun { .. }, Err(Trouble::Nothing)) => Ok(Step::Release { failed: false }),
        (_, Err(trouble)) => Err(trouble),
    };
    match next {
        Ok(step) => ask_step(cx, &polled, Round { session: Some(session), step, ..round }),
        Err(trouble) => failed(cx, &polled, &round, &trouble).await,
    }
}

fn session_key(result: &Value) -> Result<String, Trouble> {
    let key = result.as_str().filter(|key| !key.is_empty()).map(str::to_owned);
    key.ok_or_else(|| Trouble::Other("LimeSurvey opened no session: look at its log".to_owned()))
}

fn ask(cx: &mut Context, polled: &Polled, round: &Round, request: FetchRequest) -> HandlerResult {
    let payload = serde_json::to_value(round).map_err(|error| HandlerError::Broken(error.to_string()))?;
    cx.fetch(Fetch { scope: scope(polled.id), subject: String::new(), request, payload });
    Ok(())
}

fn ask_step(cx: &mut Context, polled: &Polled, round: Round) -> HandlerResult {
    let (session, survey) = (&round.session, polled.source.survey_id);
    let (method, params) = match round.step {
        Step::Survey => ("get_survey_properties", json!([session, survey, ["active", "anonymized"]])),
        Step::Participants { offset, .. } => {
            ("list_participants", json!([session, survey, offset, PARTICIPANTS_MAX, false, ["completed"]]))
        }
        Step::Begun { from } => {
            let fields = ["id", "token"];
            (
                "export_responses",
                json!([session, survey, "json", null, "incomplete", "code", "short", from, null, fields]),
            )
        }
        Step::Release { .. } => ("release_session_key", json!([session])),
    };
    let request = rpc::request(&polled.source, method, &params);
    ask(cx, polled, &round, request)
}

/// Takes what is new on a page of participants. Says whether there is more than fits in one transaction: then the page
/// is read again.
async fn hear_completions(cx: &mut Context, polled: &Polled, listed: &[rpc::Listed]) -> Result<bool, HandlerError> {
    let zone = polled.definition.zone(cx.organisation.time_zone);
    let mut news: Vec<News> = Vec::new();
    for participant in listed {
        let Some(completed) = &participant.completed else { continue };
        let Ok(reference) = format!("participant:{}", participant.id).parse() else { continue };
        news.push(News {
            source: Source::LimeSurvey,
            reference,
            completeness: Completeness::Complete,
            who: Who::Keys(Keys::token(&participant.token)),
            answered_at: moment(completed, zone),
        });
    }
    hear_unknown(cx, polled.id, news).await
}

/// Takes answers that were begun, and says where to go on.
async fn hear_beginnings(cx: &mut Context, polled: &Polled, begun: &[rpc::Begun]) -> Result<Step, HandlerError> {
    let some = begun.get(..NEWS_MAX).unwrap_or(begun);
    let news = some.iter().filter_map(|one| {
        Some(News {
            source: Source::LimeSurvey,
            reference: format!("response:{}", one.id).parse().ok()?,
            completeness: Completeness::Partial,
            who: Who::Keys(Keys::of(one.token.as_deref(), None, None)),
            answered_at: None,
        })
    });
    let news = news.collect();
    hear_unknown(cx, polled.id, news).await?;
    let Some(last) = some.last() else { return Ok(Step::Release { failed: false }) };
    let (organisation, state) = (cx.organisation.id, json!({ "begun_until": last.id }));
    sqlx::query!(
        "UPDATE survey_reminders.poll SET state = $3 WHERE organisation_id = $1 AND campaign_id = $2",
        organisation.0,
        polled.id.0,
        state,
    )
    .execute(cx.sql())
    .await?;
    if some.len() < begun.len() { Ok(Step::Begun { from: last.id + 1 }) } else { Ok(Step::Release { failed: false }) }
}

/// Of `news`, hears what was not heard before, up to [`NEWS_MAX`]. Says whether more is left.
async fn hear_unknown(cx: &mut Context, campaign: CampaignId, mut news: Vec<News>) -> Result<bool, HandlerError> {
    let references: Vec<String> = news.iter().map(|one| one.reference.as_str().to_owned()).collect();
    let organisation = cx.organisation.id;
    let known: BTreeSet<String> = sqlx::query_scalar!(
        r#"
        SELECT reference FROM survey_reminders.answer_news
        WHERE organisation_id = $1 AND campaign_id = $2 AND source = $3 AND reference = ANY ($4)
        "#,
        organisation.0,
        campaign.0,
        Source::LimeSurvey.as_str(),
        &references,
    )
    .fetch_all(cx.sql())
    .await?
    .into_iter()
    .collect();
    news.retain(|one| !known.contains(one.reference.as_str()));
    let more = news.len() > NEWS_MAX;
    news.truncate(NEWS_MAX);
    heard_all(cx, campaign, news).await?;
    Ok(more)
}

/// Where to go on when all participants were read.
async fn after_participants(cx: &mut Context, campaign: CampaignId, anonymous: bool) -> Result<Step, HandlerError> {
    if anonymous {
        return Ok(Step::Release { failed: false });
    }
    let organisation = cx.organisation.id;
    let state = sqlx::query_scalar!(
        "SELECT state FROM survey_reminders.poll WHERE organisation_id = $1 AND campaign_id = $2",
        organisation.0,
        campaign.0,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(Step::Begun { from: state["begun_until"].as_u64().unwrap_or(0) + 1 })
}

async fn succeeded(cx: &mut Context, campaign: CampaignId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.poll SET succeeded_at = $3, failure = NULL
        WHERE organisation_id = $1 AND campaign_id = $2
        "#,
        organisation.0,
        campaign.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Ends the round: says why where the organiser looks, and gives the session back.
async fn failed(cx: &mut Context, polled: &Polled, round: &Round, trouble: &Trouble) -> HandlerResult {
    let organisation = cx.organisation.id;
    let words = trouble.to_string();
    let before = sqlx::query_scalar!(
        r#"
        UPDATE survey_reminders.poll AS poll SET failure = $3
        FROM (SELECT failure FROM survey_reminders.poll WHERE organisation_id = $1 AND campaign_id = $2) AS before
        WHERE poll.organisation_id = $1 AND poll.campaign_id = $2
        RETURNING before.failure
        "#,
        organisation.0,
        polled.id.0,
        words,
    )
    .fetch_optional(cx.sql())
    .await?
    .flatten();
    if before.as_ref() != Some(&words) {
        cx.audit("campaign.poll_failed", polled.id.scope(), json!({ "why": words }));
    }
    if matches!(trouble, Trouble::Login(_)) {
        let every = TimeDelta::minutes(polled.source.every_minutes.into());
        let next = cx.now + every.max(PAUSE_AFTER_REFUSAL);
        schedule_at(cx, polled.id, next);
    }
    match &round.session {
        Some(_) => ask_step(cx, polled, Round { step: Step::Release { failed: true }, ..round.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
