//! The digest file and its editions in the database.
//!
//! Whoever changes an edition locks it first ([`find_locked`]); whoever drafts one locks the digest
//! ([`lock_definition`]), so that numbers and periods are given once.

use std::fmt;
use std::str::FromStr;

use bot_core::plugin::HandlerError;
use bot_core::{OrganisationId, Wording};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::model::{ContentHash, Edition};
use crate::definition::{Cadence, Definition};

/// Where an edition stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Editors change it.
    Draft,
    /// Frozen, and not yet published.
    Approved,
    /// Published: readers get it at their hour.
    Sending,
    /// Every reader's digest is settled.
    Sent,
    /// Left out: nobody gets it, and its period is free for another.
    Skipped,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Draft, Self::Approved, Self::Sending, Self::Sent, Self::Skipped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Skipped => "skipped",
        }
    }

    /// Whether it is on the public page.
    pub fn is_published(self) -> bool {
        matches!(self, Self::Sending | Self::Sent)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("an edition is in the unknown state {text:?}"))
    }
}

/// The digest file as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredDefinition {
    pub definition: Definition,
    /// Counts from 1 with each file that differs from the one before.
    pub version: u32,
    /// Keys the links by which readers leave.
    pub secret: [u8; 32],
    /// The file as it was written.
    pub source: String,
}

/// An edition as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEdition {
    /// Counts from 1 within the organisation.
    pub number: u32,
    pub edition: Edition,
    /// Counts the changes of the draft, from 1.
    pub revision: u32,
    pub hash: ContentHash,
    pub state: State,
    pub drafted_at: DateTime<Utc>,
    pub edited_by: String,
    pub edited_at: DateTime<Utc>,
    /// `automatic` where nobody did.
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub published_at: Option<DateTime<Utc>>,
    /// Readers it is for, counted when it was published.
    pub expected: Option<u32>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Oldest first.
    pub corrections: Vec<Correction>,
}

/// What was approved and turned out wrong. Never rewritten.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Correction {
    /// From 1 within the edition.
    pub number: u32,
    pub words: Wording,
    pub written_by: String,
    pub written_at: DateTime<Utc>,
}

fn broken(error: impl ToString) -> HandlerError {
    HandlerError::Broken(error.to_string())
}

fn counted(number: i32) -> Result<u32, HandlerError> {
    u32::try_from(number).map_err(broken)
}

/// As the database counts. Numbers beyond it name nothing.
fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The organisation's digest file; `None` before the first is set.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when what is stored cannot be read.
pub async fn definition(
    sql: &mut PgConnection,
    organisation: OrganisationId,
) -> Result<Option<StoredDefinition>, HandlerError> {
    let row = sqlx::query!(
        r#"
        SELECT definition AS "definition: Json<Definition>", version, secret, source
        FROM barometer_digests.digest WHERE organisation_id = $1
        "#,
        organisation.0,
    )
    .fetch_optional(sql)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let secret = row.secret.try_into().map_err(|_| broken("the secret of a digest is not 32 bytes"))?;
    let Json(definition) = row.definition;
    Ok(Some(StoredDefinition { definition, version: counted(row.version)?, secret, source: row.source }))
}

/// Keeps others from drafting and from setting the file until the transaction ends. False: there is no digest.
///
/// # Errors
/// Those of the database.
pub async fn lock_definition(sql: &mut PgConnection, organisation: OrganisationId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT version FROM barometer_digests.digest WHERE organisation_id = $1 FOR UPDATE",
        organisation.0
    )
    .fetch_optional(sql)
    .await?;
    Ok(found.is_some())
}

/// Stores a digest file as the next version; `secret` is used for the first one only. Says the version.
///
/// # Errors
/// Those of the database.
pub async fn set_definition(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    source: &str,
    secret: [u8; 32],
    by: &str,
    at: DateTime<Utc>,
) -> Result<u32, HandlerError> {
    let version = sqlx::query_scalar!(
        r#"
        INSERT INTO barometer_digests.digest
            (organisation_id, definition, source, version, edited_by, edited_at, secret)
        VALUES ($1, $2, $3, 1, $4, $5, $6)
        ON CONFLICT (organisation_id) DO UPDATE
        SET definition = excluded.definition, source = excluded.source, version = digest.version + 1,
            edited_by = excluded.edited_by, edited_at = excluded.edited_at
        RETURNING version
        "#,
        organisation.0,
        Json(definition) as _,
        source,
        by,
        at,
        secret.as_slice(),
    )
    .fetch_one(sql)
    .await?;
    counted(version)
}

struct Row {
    number: i32,
    content: String,
    content_hash: Vec<u8>,
    revision: i32,
    state: String,
    drafted_at: DateTime<Utc>,
    edited_by: String,
    edited_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    published_at: Option<DateTime<Utc>>,
    expected: Option<i32>,
    finished_at: Option<DateTime<Utc>>,
}

impl Row {
    fn with(self, corrections: Vec<Correction>) -> Result<StoredEdition, HandlerError> {
        let hash = ContentHash::of(&self.content);
        if hash.0.as_slice() != self.content_hash {
            return Err(broken(format!("edition {} is not what its hash says: restore it from a backup", self.number)));
        }
        Ok(StoredEdition {
            number: counted(self.number)?,
            edition: serde_json::from_str(&self.content).map_err(broken)?,
            revision: counted(self.revision)?,
            hash,
            state: self.state.parse().map_err(HandlerError::Broken)?,
            drafted_at: self.drafted_at,
            edited_by: self.edited_by,
            edited_at: self.edited_at,
            approved_by: self.approved_by,
            approved_at: self.approved_at,
            published_at: self.published_at,
            expected: self.expected.map(counted).transpose()?,
            finished_at: self.finished_at,
            corrections,
        })
    }
}

/// An edition by its number.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when what is stored is not what was hashed.
pub async fn find(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Option<StoredEdition>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT number, content, content_hash, revision, state, drafted_at, edited_by, edited_at, approved_by,
               approved_at, published_at, expected, finished_at
        FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $2
        "#,
        organisation.0,
        integer(number),
    )
    .fetch_optional(&mut *sql)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let corrections = corrections(sql, organisation, number).await?;
    row.with(corrections).map(Some)
}

/// As [`find`], and keeps others from changing it until the transaction ends.
///
/// # Errors
/// As [`find`].
pub async fn find_locked(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Option<StoredEdition>, HandlerError> {
    sqlx::query_scalar!(
        "SELECT number FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $2 FOR UPDATE",
        organisation.0,
        integer(number),
    )
    .fetch_optional(&mut *sql)
    .await?;
    find(sql, organisation, number).await
}

/// Editions in `states`, the newest first, at most `most` of them; `[]` means whatever the state.
///
/// # Errors
/// As [`find`].
pub async fn list(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    states: &[State],
    most: u32,
) -> Result<Vec<StoredEdition>, HandlerError> {
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT number, content, content_hash, revision, state, drafted_at, edited_by, edited_at, approved_by,
               approved_at, published_at, expected, finished_at
        FROM barometer_digests.edition
        WHERE organisation_id = $1 AND (cardinality($2::text[]) = 0 OR state = ANY($2))
        ORDER BY number DESC LIMIT $3
        "#,
        organisation.0,
        &states,
        i64::from(most),
    )
    .fetch_all(&mut *sql)
    .await?;
    let mut editions = Vec::with_capacity(rows.len());
    for row in rows {
        let corrections = corrections(sql, organisation, counted(row.number)?).await?;
        editions.push(row.with(corrections)?);
    }
    Ok(editions)
}

/// The bytes of an edition, as they were hashed.
///
/// # Errors
/// Those of the database.
pub async fn canonical(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT content FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $2",
        organisation.0,
        integer(number),
    )
    .fetch_optional(sql)
    .await
}

async fn corrections(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Vec<Correction>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT number, words AS "words: Json<Wording>", written_by, written_at
        FROM barometer_digests.correction WHERE organisation_id = $1 AND edition_number = $2 ORDER BY number
        "#,
        organisation.0,
        integer(number),
    )
    .fetch_all(sql)
    .await?;
    let corrections = rows.into_iter().map(|row| {
        let Json(words) = row.words;
        let (written_by, written_at) = (row.written_by, row.written_at);
        Ok(Correction { number: counted(row.number)?, words, written_by, written_at })
    });
    corrections.collect()
}

/// The edition that holds `period`, whatever its state but skipped.
///
/// # Errors
/// Those of the database.
pub async fn of_period(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    period: super::Period,
) -> Result<Option<u32>, HandlerError> {
    let number = sqlx::query_scalar!(
        r#"
        SELECT number FROM barometer_digests.edition
        WHERE organisation_id = $1 AND cadence = $2 AND period = $3 AND state <> 'skipped'
        "#,
        organisation.0,
        period.cadence().as_str(),
        period.to_string(),
    )
    .fetch_optional(sql)
    .await?;
    number.map(counted).transpose()
}

/// Where the window of the last edition of `cadence` that was not skipped ends.
///
/// # Errors
/// Those of the database.
pub async fn last_window_end(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    cadence: Cadence,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT max(window_until) FROM barometer_digests.edition
        WHERE organisation_id = $1 AND cadence = $2 AND state <> 'skipped'
        "#,
        organisation.0,
        cadence.as_str(),
    )
    .fetch_one(sql)
    .await
}

/// Stores a new draft under the next number, and says it. The digest is locked (see [`lock_definition`]).
///
/// # Errors
/// Those of the database, among them that the period has an edition.
pub async fn insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    edition: &Edition,
    by: &str,
    at: DateTime<Utc>,
) -> Result<u32, HandlerError> {
    let content = edition.canonical().map_err(broken)?;
    let hash = ContentHash::of(&content);
    let number = sqlx::query_scalar!(
        r#"
        INSERT INTO barometer_digests.edition
            (organisation_id, number, cadence, period, window_from, window_until, content, content_hash, state,
             drafted_at, edited_by, edited_at)
        SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, 'draft', $8, $9, $8
        FROM barometer_digests.edition WHERE organisation_id = $1
        RETURNING number
        "#,
        organisation.0,
        edition.period.cadence().as_str(),
        edition.period.to_string(),
        edition.window.from,
        edition.window.until,
        content,
        hash.0.as_slice(),
        at,
        by,
    )
    .fetch_one(sql)
    .await?;
    counted(number)
}

/// Replaces what a draft says, as its next revision. The edition is locked, and a draft.
///
/// # Errors
/// Those of the database; [`HandlerError::Broken`] when it is no draft.
pub async fn update_draft(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    edition: &Edition,
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), HandlerError> {
    let content = edition.canonical().map_err(broken)?;
    let hash = ContentHash::of(&content);
    let changed = sqlx::query!(
        r#"
        UPDATE barometer_digests.edition
        SET content = $3, content_hash = $4, revision = revision + 1, edited_by = $5, edited_at = $6
        WHERE organisation_id = $1 AND number = $2 AND state = 'draft'
        "#,
        organisation.0,
        integer(number),
        content,
        hash.0.as_slice(),
        by,
        at,
    )
    .execute(sql)
    .await?;
    one(changed.rows_affected(), number, "changed")
}

/// Freezes a draft.
///
/// # Errors
/// As [`update_draft`].
pub async fn approve(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), HandlerError> {
    let changed = sqlx::query!(
        r#"
        UPDATE barometer_digests.edition SET state = 'approved', approved_by = $3, approved_at = $4
        WHERE organisation_id = $1 AND number = $2 AND state = 'draft'
        "#,
        organisation.0,
        integer(number),
        by,
        at,
    )
    .execute(sql)
    .await?;
    one(changed.rows_affected(), number, "approved")
}

/// An approved edition is published, for `expected` readers.
///
/// # Errors
/// As [`update_draft`], when it is not approved.
pub async fn publish(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    expected: u32,
    at: DateTime<Utc>,
) -> Result<(), HandlerError> {
    let changed = sqlx::query!(
        r#"
        UPDATE barometer_digests.edition SET state = 'sending', published_at = $3, expected = $4
        WHERE organisation_id = $1 AND number = $2 AND state = 'approved'
        "#,
        organisation.0,
        integer(number),
        at,
        integer(expected),
    )
    .execute(sql)
    .await?;
    one(changed.rows_affected(), number, "published")
}

/// Every reader's digest of a published edition is settled.
///
/// # Errors
/// As [`update_draft`], when it is not being sent.
pub async fn finish(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    at: DateTime<Utc>,
) -> Result<(), HandlerError> {
    let changed = sqlx::query!(
        r#"
        UPDATE barometer_digests.edition SET state = 'sent', finished_at = $3
        WHERE organisation_id = $1 AND number = $2 AND state = 'sending'
        "#,
        organisation.0,
        integer(number),
        at,
    )
    .execute(sql)
    .await?;
    one(changed.rows_affected(), number, "finished")
}

/// Leaves an edition out that is not published.
///
/// # Errors
/// As [`update_draft`], when it is published or skipped.
pub async fn skip(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    reason: &str,
) -> Result<(), HandlerError> {
    let changed = sqlx::query!(
        r#"
        UPDATE barometer_digests.edition SET state = 'skipped', skip_reason = $3
        WHERE organisation_id = $1 AND number = $2 AND state IN ('draft', 'approved')
        "#,
        organisation.0,
        integer(number),
        reason,
    )
    .execute(sql)
    .await?;
    one(changed.rows_affected(), number, "skipped")
}

/// Why an edition was left out; `None` where it was not.
///
/// # Errors
/// Those of the database.
pub async fn skip_reason(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Option<String>, sqlx::Error> {
    let reason = sqlx::query_scalar!(
        "SELECT skip_reason FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $2",
        organisation.0,
        integer(number),
    )
    .fetch_optional(sql)
    .await?;
    Ok(reason.flatten())
}

/// Appends a correction, and says its number within the edition. The edition is locked.
///
/// # Errors
/// Those of the database.
pub async fn correct(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
    words: &Wording,
    by: &str,
    at: DateTime<Utc>,
) -> Result<u32, HandlerError> {
    let correction = sqlx::query_scalar!(
        r#"
        INSERT INTO barometer_digests.correction
            (organisation_id, edition_number, number, words, written_by, written_at)
        SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5
        FROM barometer_digests.correction WHERE organisation_id = $1 AND edition_number = $2
        RETURNING number
        "#,
        organisation.0,
        integer(number),
        Json(words) as _,
        by,
        at,
    )
    .fetch_one(sql)
    .await?;
    counted(correction)
}

/// The caller locked the edition and looked at its state: another number than one is a mistake of ours.
fn one(changed: u64, number: u32, what: &str) -> Result<(), HandlerError> {
    if changed == 1 { Ok(()) } else { Err(broken(format!("edition {number} cannot be {what} in the state it is in"))) }
}
