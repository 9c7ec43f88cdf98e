//! Campaigns, and who takes part in them, in Postgres.

use std::fmt;
use std::str::FromStr;

use bot_core::plugin::HandlerError;
use bot_core::{ContactId, OrganisationId, Redacted};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::definition::Definition;

/// A campaign, by number within the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(pub i32);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CampaignId {
    /// What its deliveries and its audit lines are filed under.
    pub fn scope(self) -> String {
        format!("campaign:{self}")
    }
}

/// A contact within a campaign, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParticipantId(pub i64);

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who is to answer: a collectivité, whichever of its contacts does it, or a person who works for none. Written
/// `c<number>` or `p<contact>`; the subject of everything that is sent for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RespondentKey {
    Collectivite(i64),
    Person(ContactId),
}

impl fmt::Display for RespondentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collectivite(number) => write!(f, "c{number}"),
            Self::Person(contact) => write!(f, "p{contact}"),
        }
    }
}

/// A text that names no respondent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a respondent is written `c` and a number, or `p` and a contact's id")]
pub struct InvalidRespondentKey;

impl FromStr for RespondentKey {
    type Err = InvalidRespondentKey;

    fn from_str(text: &str) -> Result<Self, InvalidRespondentKey> {
        if let Some(number) = text.strip_prefix('c') {
            number.parse().map(Self::Collectivite).map_err(|_| InvalidRespondentKey)
        } else {
            let contact = text.strip_prefix('p').and_then(|contact| Uuid::parse_str(contact).ok());
            contact.map(|contact| Self::Person(ContactId(contact))).ok_or(InvalidRespondentKey)
        }
    }
}

impl TryFrom<String> for RespondentKey {
    type Error = InvalidRespondentKey;

    fn try_from(text: String) -> Result<Self, InvalidRespondentKey> {
        text.parse()
    }
}

impl From<RespondentKey> for String {
    fn from(key: RespondentKey) -> Self {
        key.to_string()
    }
}

/// Where a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing of it was ever approved.
    Draft,
    /// It is carried out, as far as its current version is approved.
    Approved,
    Paused,
    Cancelled,
    /// Its deadline is over.
    Closed,
}

/// Where one message of a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    Waiting,
    /// In the outbox.
    Handed,
    Sent,
    /// Nobody can tell whether it arrived.
    Unknown,
    Failed,
    Expired,
    Suppressed,
    Cancelled,
}

/// What is known of a respondent's answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RespondentState {
    Silent,
    /// Some answers are known, not all.
    Started,
    Answered,
    /// They said that they will not answer.
    Refused,
}

/// A state is one of a few words in the database.
macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!(concat!($what, " is in the unknown state {:?}"), other)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
words!(
    State,
    "a campaign",
    Draft = "draft",
    Approved = "approved",
    Paused = "paused",
    Cancelled = "cancelled",
    Closed = "closed"
);
words!(
    MessageState,
    "a message",
    Waiting = "waiting",
    Handed = "handed",
    Sent = "sent",
    Unknown = "unknown",
    Failed = "failed",
    Expired = "expired",
    Suppressed = "suppressed",
    Cancelled = "cancelled"
);
words!(
    RespondentState,
    "a respondent",
    Silent = "silent",
    Started = "started",
    Answered = "answered",
    Refused = "refused"
);

/// A campaign as it is stored.
#[derive(Clone, Debug)]
pub struct Campaign {
    pub id: CampaignId,
    /// Of the current version, approved or not.
    pub definition: Definition,
    /// The file as it was written.
    pub source: String,
    pub version: i32,
    pub approved_version: Option<i32>,
    pub state: State,
    pub opens_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    /// Who wrote the current version.
    pub edited_by: String,
    pub edited_at: DateTime<Utc>,
    pub paused_at: Option<DateTime<Utc>>,
    /// Keys the personal tokens.
    pub secret: Secret,
}

/// The key of one campaign's tokens.
#[derive(Clone, Debug)]
pub struct Secret(pub Redacted<[u8; 32]>);

impl Campaign {
    pub fn slug(&self) -> &str {
        &self.definition.slug
    }

    /// Whether its current version is the one that is carried out.
    pub fn is_current_approved(&self) -> bool {
        self.approved_version == Some(self.version)
    }
}

struct Row {
    id: i32,
    definition: Json<Definition>,
    source: String,
    version: i32,
    approved_version: Option<i32>,
    state: String,
    opens_at: DateTime<Utc>,
    deadline: DateTime<Utc>,
    edited_by: String,
    edited_at: DateTime<Utc>,
    paused_at: Option<DateTime<Utc>>,
    secret: Vec<u8>,
}

impl TryFrom<Row> for Campaign {
    type Error = HandlerError;

    fn try_from(row: Row) -> Result<Self, HandlerError> {
        let secret: [u8; 32] = row
            .secret
            .try_into()
            .map_err(|_| HandlerError::Broken("the secret of a campaign is not 32 bytes".to_owned()))?;
        Ok(Self {
            id: CampaignId(row.id),
            definition: row.definition.0,
            source: row.source,
            version: row.version,
            approved_version: row.approved_version,
            state: row.state.parse().map_err(HandlerError::Broken)?,
            opens_at: row.opens_at,
            deadline: row.deadline,
            edited_by: row.edited_by,
            edited_at: row.edited_at,
            paused_at: row.paused_at,
            secret: Secret(Redacted::new(secret)),
        })
    }
}

/// What a read of a campaign keeps others from doing until the transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    None,
    /// Nobody else edits, approves, pauses or carries it out. Answers and presses go on.
    Alone,
}

/// A campaign that is taken only where nobody else has it.
#[derive(Clone, Debug)]
pub enum Found {
    Unknown,
    /// Somebody edits, approves or pauses it at this moment.
    Busy,
    /// Locked as with [`Lock::Alone`].
    Free(Box<Campaign>),
}

/// The campaign with this number, or `None`.
///
/// # Errors
/// Those of the database.
pub async fn find(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: CampaignId,
    lock: Lock,
) -> Result<Option<Campaign>, HandlerError> {
    if lock == Lock::Alone {
        sqlx::query!(
            "SELECT id FROM survey_reminders.campaign WHERE organisation_id = $1 AND id = $2 FOR NO KEY UPDATE",
            organisation.0,
            id.0,
        )
        .fetch_optional(&mut *sql)
        .await?;
    }
    // A statement of its own: it sees what was committed while the lock was waited for.
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<Definition>", source, version, approved_version, state, opens_at,
               deadline, edited_by, edited_at, paused_at, secret
        FROM survey_reminders.campaign WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Campaign::try_from).transpose()
}

/// As [`find`] with [`Lock::Alone`], without waiting for whoever has the campaign.
///
/// # Errors
/// Those of the database.
pub async fn find_unless_busy(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: CampaignId,
) -> Result<Found, HandlerError> {
    let locked = sqlx::query_scalar!(
        r#"
        SELECT id FROM survey_reminders.campaign WHERE organisation_id = $1 AND id = $2
        FOR NO KEY UPDATE SKIP LOCKED
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(&mut *sql)
    .await?;
    let campaign = find(sql, organisation, id, Lock::None).await?;
    Ok(match (campaign, locked) {
        (None, _) => Found::Unknown,
        (Some(_), None) => Found::Busy,
        (Some(campaign), Some(_)) => Found::Free(Box::new(campaign)),
    })
}

/// The number of the campaign with this slug.
///
/// # Errors
/// Those of the database.
pub async fn id_of(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    slug: &str,
) -> Result<Option<CampaignId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM survey_reminders.campaign WHERE organisation_id = $1 AND slug = $2",
        organisation.0,
        slug,
    )
    .fetch_optional(sql)
    .await?;
    Ok(id.map(CampaignId))
}

/// All campaigns, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn all(sql: &mut PgConnection, organisation: OrganisationId) -> Result<Vec<Campaign>, HandlerError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT id, definition AS "definition: Json<Definition>", source, version, approved_version, state, opens_at,
               deadline, edited_by, edited_at, paused_at, secret
        FROM survey_reminders.campaign WHERE organisation_id = $1 ORDER BY id DESC
        "#,
        organisation.0,
    )
    .fetch_all(sql)
    .await?;
    rows.into_iter().map(Campaign::try_from).collect()
}

/// A version of a campaign, about to be stored.
pub struct NewVersion<'v> {
    pub definition: &'v Definition,
    pub source: &'v str,
    pub opens_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub edited_by: &'v str,
    pub now: DateTime<Utc>,
}

/// Stores a new campaign as a draft; `None` when its slug is taken.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    version: &NewVersion<'_>,
    secret: [u8; 32],
) -> Result<Option<CampaignId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO survey_reminders.campaign
            (organisation_id, slug, definition, source, state, opens_at, deadline, edited_by, edited_at, created_at, secret)
        VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7, $8, $8, $9)
        ON CONFLICT (organisation_id, slug) DO NOTHING RETURNING id
        "#,
        organisation.0,
        version.definition.slug,
        Json(version.definition) as _,
        version.source,
        version.opens_at,
        version.deadline,
        version.edited_by,
        version.now,
        secret.as_slice(),
    )
    .fetch_optional(sql)
    .await?;
    Ok(id.map(CampaignId))
}

/// Makes `version` the current one; what waits of the one before is not sent until this one is approved.
///
/// # Errors
/// Those of the database.
pub async fn edit(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: CampaignId,
    version: &NewVersion<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE survey_reminders.campaign
        SET definition = $3, source = $4, opens_at = $5, deadline = $6, edited_by = $7, edited_at = $8,
            version = version + 1
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        Json(version.definition) as _,
        version.source,
        version.opens_at,
        version.deadline,
        version.edited_by,
        version.now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Moves a campaign to `state`; a pause is noted with its time.
///
/// # Errors
/// Those of the database.
pub async fn set_state(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: CampaignId,
    state: State,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE survey_reminders.campaign
        SET state = $3, paused_at = CASE WHEN $3 = 'paused' THEN $4 ELSE paused_at END
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        state.as_str(),
        now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_respondent_reads_back_as_it_is_written() {
        for key in [RespondentKey::Collectivite(12), RespondentKey::Person(ContactId(Uuid::from_u128(7)))] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in ["", "c", "cx", "p12", "x1"] {
            assert_eq!(wrong.parse::<RespondentKey>(), Err(InvalidRespondentKey), "{wrong}");
        }
    }

    #[test]
    fn every_state_has_its_word() {
        assert!(State::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
        assert!(MessageState::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
        assert!(RespondentState::ALL.iter().all(|state| state.as_str().parse() == Ok(*state)));
    }
}
