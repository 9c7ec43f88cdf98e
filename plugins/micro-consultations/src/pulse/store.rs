//! Pulses in Postgres.

use std::fmt;

use bot_core::plugin::HandlerError;
use bot_core::{ConversationId, OrganisationId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::PulseDefinition;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct PulseId(pub i32);

impl fmt::Display for PulseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PulseId {
    /// What its deliveries are filed under.
    pub(crate) fn scope(self) -> String {
        format!("pulse:{self}")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PulseState {
    Draft,
    Open,
    Closed,
}

impl PulseState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A pulse as it is stored.
#[derive(Clone, Debug)]
pub struct Pulse {
    pub id: PulseId,
    pub definition: PulseDefinition,
    pub state: PulseState,
    pub opened_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub told_at: Option<DateTime<Utc>>,
}

struct Row {
    id: i32,
    definition: Json<PulseDefinition>,
    state: String,
    opened_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    told_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Pulse {
    type Error = HandlerError;

    fn try_from(row: Row) -> Result<Self, HandlerError> {
        let state = match row.state.as_str() {
            "draft" => PulseState::Draft,
            "open" => PulseState::Open,
            "closed" => PulseState::Closed,
            other => return Err(HandlerError::Broken(format!("a pulse is in the unknown state {other:?}"))),
        };
        let (id, definition) = (PulseId(row.id), row.definition.0);
        let Row { opened_at, closes_at, closed_at, told_at, .. } = row;
        Ok(Self { id, definition, state, opened_at, closes_at, closed_at, told_at })
    }
}

/// The pulse, which nobody else changes until the transaction ends.
pub(super) async fn find(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: PulseId,
) -> Result<Option<Pulse>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<PulseDefinition>", state, opened_at, closes_at, closed_at, told_at
        FROM micro_consultations.pulse WHERE organisation_id = $1 AND id = $2 FOR UPDATE
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Pulse::try_from).transpose()
}

pub(super) async fn find_by_slug(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    slug: &str,
) -> Result<Option<Pulse>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<PulseDefinition>", state, opened_at, closes_at, closed_at, told_at
        FROM micro_consultations.pulse WHERE organisation_id = $1 AND slug = $2
        "#,
        organisation.0,
        slug,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Pulse::try_from).transpose()
}

/// Every pulse, the latest first.
pub async fn list(sql: &mut PgConnection, organisation: OrganisationId) -> Result<Vec<Pulse>, HandlerError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<PulseDefinition>", state, opened_at, closes_at, closed_at, told_at
        FROM micro_consultations.pulse WHERE organisation_id = $1 ORDER BY id DESC
        "#,
        organisation.0,
    )
    .fetch_all(sql)
    .await?;
    rows.into_iter().map(Pulse::try_from).collect()
}

/// The open pulses that were asked in a room.
pub(super) async fn open_in(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    room: ConversationId,
) -> Result<Vec<PulseId>, HandlerError> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT pulse.id FROM micro_consultations.pulse
        JOIN micro_consultations.pulse_room
          ON pulse_room.organisation_id = pulse.organisation_id AND pulse_room.pulse_id = pulse.id
        WHERE pulse.organisation_id = $1 AND pulse.state = 'open' AND pulse_room.conversation_id = $2 ORDER BY pulse.id
        "#,
        organisation.0,
        room.0,
    )
    .fetch_all(sql)
    .await?;
    Ok(ids.into_iter().map(PulseId).collect())
}

/// `None` when the slug is taken, by a pulse or by a consultation.
pub(super) async fn insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &PulseDefinition,
    now: DateTime<Utc>,
) -> Result<Option<PulseId>, HandlerError> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO micro_consultations.pulse (organisation_id, slug, definition, state, created_at)
        SELECT $1, $2, $3, 'draft', $4
        WHERE NOT EXISTS (SELECT FROM micro_consultations.consultation WHERE organisation_id = $1 AND slug = $2)
        ON CONFLICT (organisation_id, slug) DO NOTHING RETURNING id
        "#,
        organisation.0,
        definition.slug,
        Json(definition) as _,
        now,
    )
    .fetch_optional(sql)
    .await?;
    Ok(id.map(PulseId))
}
