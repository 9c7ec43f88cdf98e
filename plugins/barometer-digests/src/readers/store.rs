//! Readers in the database: at most one for each person and each room.

use std::fmt;
use std::str::FromStr;

use bot_core::plugin::HandlerError;
use bot_core::{ContactId, ConversationId, OrganisationId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::preferences::Preferences;

/// A reader, by number: safe in a log line, in a link and in a scope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct ReaderId(pub i64);

impl ReaderId {
    /// What deliveries to them are about, within an edition's scope.
    pub fn subject(self) -> String {
        format!("r{}", self.0)
    }
}

impl fmt::Display for ReaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    Person(ContactId),
    Room(ConversationId),
}

impl Place {
    fn person(self) -> Option<Uuid> {
        match self {
            Self::Person(contact) => Some(contact.0),
            Self::Room(_) => None,
        }
    }

    fn room(self) -> Option<Uuid> {
        match self {
            Self::Room(room) => Some(room.0),
            Self::Person(_) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Looks at what they would get, and has agreed to nothing.
    Choosing,
    Active,
    Left,
}

impl State {
    pub const ALL: [Self; 3] = [Self::Choosing, Self::Active, Self::Left];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Choosing => "choosing",
            Self::Active => "active",
            Self::Left => "left",
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("a reader is in the unknown state {text:?}"))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    pub id: ReaderId,
    /// `None`: of somebody who was erased, or who turned out to be the same person as another reader.
    pub place: Option<Place>,
    /// … that other reader.
    pub same_as: Option<ReaderId>,
    pub state: State,
    pub preferences: Preferences,
    /// The last time.
    pub subscribed_at: Option<DateTime<Utc>>,
    pub left_at: Option<DateTime<Utc>>,
}

struct Row {
    id: i64,
    contact_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
    same_as: Option<i64>,
    state: String,
    cadence: String,
    weekday: i16,
    hour: i16,
    time_zone: String,
    locale: String,
    form: String,
    topics: Vec<String>,
    when_empty: String,
    subscribed_at: Option<DateTime<Utc>>,
    left_at: Option<DateTime<Utc>>,
}

fn broken(error: impl ToString) -> HandlerError {
    HandlerError::Broken(error.to_string())
}

impl TryFrom<Row> for Reader {
    type Error = HandlerError;

    fn try_from(row: Row) -> Result<Self, HandlerError> {
        let person = row.contact_id.map(|contact| Place::Person(ContactId(contact)));
        let preferences = Preferences {
            cadence: row.cadence.parse().map_err(HandlerError::Broken)?,
            weekday: u8::try_from(row.weekday).map_err(broken)?,
            hour: u8::try_from(row.hour).map_err(broken)?,
            time_zone: row.time_zone.parse().map_err(broken)?,
            locale: row.locale.parse().map_err(broken)?,
            form: row.form.parse().map_err(HandlerError::Broken)?,
            topics: row
                .topics
                .into_iter()
                .map(|topic| topic.parse().map_err(HandlerError::Broken))
                .collect::<Result<_, _>>()?,
            when_empty: row.when_empty.parse().map_err(HandlerError::Broken)?,
        };
        Ok(Self {
            id: ReaderId(row.id),
            place: person.or(row.conversation_id.map(|room| Place::Room(ConversationId(room)))),
            same_as: row.same_as.map(ReaderId),
            state: row.state.parse().map_err(HandlerError::Broken)?,
            preferences,
            subscribed_at: row.subscribed_at,
            left_at: row.left_at,
        })
    }
}

/// The reader of a place, kept from others until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn find(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    place: Place,
) -> Result<Option<Reader>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, contact_id, conversation_id, same_as, state, cadence, weekday, hour, time_zone, locale, form, topics,
               when_empty, subscribed_at, left_at
        FROM barometer_digests.reader
        WHERE organisation_id = $1 AND (contact_id = $2 OR conversation_id = $3)
        FOR NO KEY UPDATE
        "#,
        organisation.0,
        place.person(),
        place.room(),
    )
    .fetch_optional(sql)
    .await?;
    row.map(Reader::try_from).transpose()
}

/// A reader by number, kept from others until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn find_by_id(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ReaderId,
) -> Result<Option<Reader>, HandlerError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id, contact_id, conversation_id, same_as, state, cadence, weekday, hour, time_zone, locale, form, topics,
               when_empty, subscribed_at, left_at
        FROM barometer_digests.reader
        WHERE organisation_id = $1 AND id = $2
        FOR NO KEY UPDATE
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(sql)
    .await?;
    row.map(Reader::try_from).transpose()
}

/// The reader of a place; a new one chooses still. When two ask at once, both get the same.
///
/// # Errors
/// Those of the database.
pub async fn find_or_insert(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    place: Place,
    preferences: &Preferences,
) -> Result<Reader, HandlerError> {
    if let Some(reader) = find(sql, organisation, place).await? {
        return Ok(reader);
    }
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.reader
            (organisation_id, contact_id, conversation_id, state, cadence, weekday, hour, time_zone, locale, form, topics,
             when_empty)
        VALUES ($1, $2, $3, 'choosing', $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT DO NOTHING
        "#,
        organisation.0,
        place.person(),
        place.room(),
        preferences.cadence.as_str(),
        i16::from(preferences.weekday),
        i16::from(preferences.hour),
        preferences.time_zone.name(),
        preferences.locale.as_str(),
        preferences.form.as_str(),
        &names(preferences),
        preferences.when_empty.as_str(),
    )
    .execute(&mut *sql)
    .await?;
    find(sql, organisation, place).await?.ok_or_else(|| broken("a reader was not there right after being written"))
}

fn names(preferences: &Preferences) -> Vec<String> {
    preferences.topics.iter().map(ToString::to_string).collect()
}

/// Keeps what a reader chose.
///
/// # Errors
/// Those of the database.
pub async fn change(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ReaderId,
    preferences: &Preferences,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader
        SET cadence = $3, weekday = $4, hour = $5, time_zone = $6, locale = $7, form = $8, topics = $9, when_empty = $10
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        preferences.cadence.as_str(),
        i16::from(preferences.weekday),
        i16::from(preferences.hour),
        preferences.time_zone.name(),
        preferences.locale.as_str(),
        preferences.form.as_str(),
        &names(preferences),
        preferences.when_empty.as_str(),
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// A reader gets digests from now on. Whoever did already goes on.
///
/// # Errors
/// Those of the database.
pub async fn join(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ReaderId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader SET state = 'active', subscribed_at = $3, left_at = NULL
        WHERE organisation_id = $1 AND id = $2 AND state <> 'active'
        "#,
        organisation.0,
        id.0,
        now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// A reader gets no more digests. False: they got none.
///
/// # Errors
/// Those of the database.
pub async fn leave(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ReaderId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        r#"
        UPDATE barometer_digests.reader SET state = 'left', left_at = greatest($3, subscribed_at)
        WHERE organisation_id = $1 AND id = $2 AND state = 'active'
        "#,
        organisation.0,
        id.0,
        now,
    )
    .execute(sql)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// How many read, and how.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Counts {
    pub active: u64,
    /// Of the active ones.
    pub weekly: u64,
    pub monthly: u64,
    pub people: u64,
    pub rooms: u64,
    pub short: u64,
    pub full: u64,
    pub left: u64,
}

/// # Errors
/// Those of the database.
pub async fn counts(sql: &mut PgConnection, organisation: OrganisationId) -> Result<Counts, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE state = 'active') AS "active!",
               count(*) FILTER (WHERE state = 'active' AND cadence = 'weekly') AS "weekly!",
               count(*) FILTER (WHERE state = 'active' AND contact_id IS NOT NULL) AS "people!",
               count(*) FILTER (WHERE state = 'active' AND form = 'short') AS "short!",
               count(*) FILTER (WHERE state = 'left' AND same_as IS NULL) AS "left!"
        FROM barometer_digests.reader WHERE organisation_id = $1
        "#,
        organisation.0,
    )
    .fetch_one(sql)
    .await?;
    // A count is never negative.
    let [active, weekly, people, short, left] =
        [row.active, row.weekly, row.people, row.short, row.left].map(|count| u64::try_from(count).unwrap_or(0));
    Ok(Counts {
        active,
        weekly,
        monthly: active - weekly,
        people,
        rooms: active - people,
        short,
        full: active - short,
        left,
    })
}
