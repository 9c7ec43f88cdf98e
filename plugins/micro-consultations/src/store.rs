//! Consultations and drafts in Postgres.

use std::fmt;

use bot_core::adapter::Assurance;
use bot_core::plugin::HandlerError;
use bot_core::{ContactId, OrganisationId, Redacted};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::answer::Answers;
use crate::definition::{Anonymity, Definition};

/// A consultation, by number within the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsultationId(pub i32);

impl fmt::Display for ConsultationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ConsultationId {
    /// What deliveries and everything that shows a choice in it are filed under.
    pub fn scope(self) -> String {
        format!("consultation:{self}")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for an organiser to open it.
    Draft,
    /// Opens by itself.
    Scheduled,
    Open,
    Closed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    fn of(text: &str) -> Result<Self, HandlerError> {
        match text {
            "draft" => Ok(Self::Draft),
            "scheduled" => Ok(Self::Scheduled),
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            other => Err(HandlerError::Broken(format!("a consultation is in the unknown state {other:?}"))),
        }
    }
}

/// A consultation as it is stored.
#[derive(Clone, Debug)]
pub struct Consultation {
    pub id: ConsultationId,
    pub definition: Definition,
    pub version: i16,
    pub state: State,
    pub schedule_version: i32,
    pub opens_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub announced_at: Option<DateTime<Utc>>,
    /// Keys the roll and the open ballots; gone once closed.
    pub secret: Option<Secret>,
}

/// The key of one consultation's hashes.
#[derive(Clone, Debug)]
pub struct Secret(pub Redacted<[u8; 32]>);

impl Consultation {
    pub fn slug(&self) -> &str {
        &self.definition.slug
    }

    /// Whether a ballot may be cast at `now`. The closing time counts as closed, even when the closing itself has
    /// not run yet.
    pub fn takes_ballots(&self, now: DateTime<Utc>) -> bool {
        self.state == State::Open && self.closes_at.is_none_or(|closes_at| now < closes_at)
    }

    /// Whether voting is over at `now`.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.state == State::Closed || (self.state == State::Open && !self.takes_ballots(now))
    }

    pub fn is_anonymous(&self) -> bool {
        self.definition.anonymity == Anonymity::Anonymous
    }
}

struct Row {
    id: i32,
    definition: Json<Definition>,
    version: i16,
    state: String,
    schedule_version: i32,
    opens_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    announced_at: Option<DateTime<Utc>>,
    secret: Option<Vec<u8>>,
}

impl TryFrom<Row> for Consultation {
    type Error = HandlerError;

    fn try_from(row: Row) -> Result<Self, HandlerError> {
        let secret = row.secret.map(|bytes| {
            let bytes: [u8; 32] = bytes
                .try_into()
                .map_err(|_| HandlerError::Broken("the secret of a consultation is not 32 bytes".into()))?;
            Ok::<_, HandlerError>(Secret(Redacted::new(bytes)))
        });
        Ok(Self {
            id: ConsultationId(row.id),
            definition: row.definition.0,
            version: row.version,
            state: State::of(&row.state)?,
            schedule_version: row.schedule_version,
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            closed_at: row.closed_at,
            announced_at: row.announced_at,
            secret: secret.transpose()?,
        })
    }
}

/// What a read of a consultation keeps others from doing until the transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    None,
    /// Nobody closes it or settles a link in it; others may vote at the same time.
    Voting,
    /// Nobody else votes, closes or settles.
    Alone,
}

pub async fn find(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    lock: Lock,
) -> Result<Option<Consultation>, HandlerError> {
    match lock {
        Lock::None => {}
        Lock::Voting => {
            sqlx::query!(
                "SELECT id FROM micro_consultations.consultation WHERE organisation_id = $1 AND id = $2 FOR KEY SHARE",
                organisation.0,
                id.0,
            )
            .fetch_optional(&mut *sql)
            .await?;
        }
        Lock::Alone => {
            sqlx::query!(
                "SELECT id FROM micro_consultations.consultation WHERE organisation_id = $1 AND id = $2 FOR UPDATE",
                organisation.0,
                id.0,
            )
            .fetch_optional(&mut *sql)
            .await?;
        }
    }
    // A statement of its own: it sees what was committed while the lock was waited for.
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<Definition>", version, state, schedule_version,
               opens_at, closes_at, closed_at, announced_at, secret
        FROM micro_consultations.consultation WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Consultation::try_from).transpose()
}

pub async fn find_by_slug(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    slug: &str,
) -> Result<Option<Consultation>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<Definition>", version, state, schedule_version,
               opens_at, closes_at, closed_at, announced_at, secret
        FROM micro_consultations.consultation WHERE organisation_id = $1 AND slug = $2
        "#,
        organisation.0,
        slug,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Consultation::try_from).transpose()
}

/// Consultations in any of `states`: those that close soonest first, closed ones by most recent closing.
pub async fn list(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    states: &[State],
) -> Result<Vec<Consultation>, HandlerError> {
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<Definition>", version, state, schedule_version,
               opens_at, closes_at, closed_at, announced_at, secret
        FROM micro_consultations.consultation WHERE organisation_id = $1 AND state = ANY($2)
        ORDER BY closed_at DESC NULLS FIRST, closes_at NULLS LAST, id
        "#,
        organisation.0,
        &states,
    )
    .fetch_all(sql)
    .await?;
    rows.into_iter().map(Consultation::try_from).collect()
}

/// Stores a new consultation as a draft. `None` when its slug is taken.
pub async fn insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    secret: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<ConsultationId>, HandlerError> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO micro_consultations.consultation
            (organisation_id, slug, definition, anonymity, state, secret, created_at)
        SELECT $1, $2, $3, $4, 'draft', $5, $6
        WHERE NOT EXISTS (SELECT FROM micro_consultations.pulse WHERE organisation_id = $1 AND slug = $2)
        ON CONFLICT (organisation_id, slug) DO NOTHING RETURNING id
        "#,
        organisation.0,
        definition.slug,
        Json(definition) as _,
        definition.anonymity.as_str(),
        secret.as_slice(),
        now,
    )
    .fetch_optional(sql)
    .await?;
    Ok(id.map(ConsultationId))
}

/// Removes a consultation that nobody could answer yet; whether it was one.
pub async fn discard_draft(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
) -> Result<bool, HandlerError> {
    // Codes that were made for it go with it; of anything but a draft nothing goes.
    sqlx::query!(
        r#"
        DELETE FROM micro_consultations.participation_code AS code USING micro_consultations.consultation AS draft
        WHERE code.organisation_id = $1 AND code.consultation_id = $2
          AND draft.organisation_id = $1 AND draft.id = $2 AND draft.state = 'draft'
        "#,
        organisation.0,
        id.0,
    )
    .execute(&mut *sql)
    .await?;
    let removed = sqlx::query!(
        "DELETE FROM micro_consultations.consultation WHERE organisation_id = $1 AND id = $2 AND state = 'draft'",
        organisation.0,
        id.0,
    )
    .execute(sql)
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// Sets state and times; a new schedule version lets the fires of the old times die.
pub async fn schedule(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    state: State,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
) -> Result<i32, HandlerError> {
    let version = sqlx::query_scalar!(
        r#"
        UPDATE micro_consultations.consultation
        SET state = $3, opens_at = $4, closes_at = $5, schedule_version = schedule_version + 1
        WHERE organisation_id = $1 AND id = $2 RETURNING schedule_version
        "#,
        organisation.0,
        id.0,
        state.as_str(),
        opens_at,
        closes_at,
    )
    .fetch_one(sql)
    .await?;
    Ok(version)
}

pub async fn mark_announced(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    now: DateTime<Utc>,
) -> Result<(), HandlerError> {
    sqlx::query!(
        "UPDATE micro_consultations.consultation SET announced_at = $3 WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        id.0,
        now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Answers on their way to a ballot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    pub version: i16,
    /// The question shown; one past the last is the review.
    pub position: usize,
    pub answers: Answers,
    pub consented_at: Option<DateTime<Utc>>,
}

pub async fn draft(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    contact: ContactId,
) -> Result<Option<Draft>, HandlerError> {
    let row = sqlx::query!(
        r#"
        SELECT version, position, answers AS "answers: Json<Answers>", consented_at
        FROM micro_consultations.draft WHERE organisation_id = $1 AND consultation_id = $2 AND contact_id = $3
        "#,
        organisation.0,
        id.0,
        contact.0,
    )
    .fetch_optional(sql)
    .await?;
    Ok(row.map(|row| Draft {
        version: row.version,
        position: usize::try_from(row.position).unwrap_or_default(),
        answers: row.answers.0,
        consented_at: row.consented_at,
    }))
}

pub async fn keep_draft(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    contact: ContactId,
    draft: &Draft,
) -> Result<(), HandlerError> {
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.draft
            (organisation_id, consultation_id, contact_id, version, position, answers, consented_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (organisation_id, consultation_id, contact_id) DO UPDATE
        SET version = excluded.version, position = excluded.position, answers = excluded.answers,
            consented_at = excluded.consented_at
        "#,
        organisation.0,
        id.0,
        contact.0,
        draft.version,
        i16::try_from(draft.position).unwrap_or(i16::MAX),
        Json(&draft.answers) as _,
        draft.consented_at,
    )
    .execute(sql)
    .await?;
    Ok(())
}

pub async fn drop_draft(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    contact: ContactId,
) -> Result<(), HandlerError> {
    sqlx::query!(
        "DELETE FROM micro_consultations.draft WHERE organisation_id = $1 AND consultation_id = $2 AND contact_id = $3",
        organisation.0,
        id.0,
        contact.0,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Reads an assurance from its column.
pub fn assurance(text: &str) -> Result<Assurance, HandlerError> {
    text.parse().map_err(HandlerError::Broken)
}
