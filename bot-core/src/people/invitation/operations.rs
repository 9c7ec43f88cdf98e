//! What an organiser does with invitations: issue, issue again, take back, and see who is still without an address.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::contacts::{self, ContactSet, ContactsError};
use crate::dispatcher::write_audit;
use crate::ids::{ContactId, OrganisationId};

/// Longest life of an invitation: a link that is good for ever is found in a mailbox years later.
pub const LIFE_DAYS_MAX: i64 = 400;

/// In the history of a contact: somebody who is bound to another contact said they are this one.
pub(super) const HISTORY_CONFLICT: &str = "invitation.conflict";
/// In the history of a contact: somebody followed the link and said they are somebody else.
pub(super) const HISTORY_DISOWNED: &str = "invitation.disowned";

#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    #[error(transparent)]
    Contacts(#[from] ContactsError),
    #[error("there is no contact with the number {0}: `crieur contacts invitations list` shows the numbers")]
    NoSuchContact(i64),
    #[error("an invitation may be good for 1 to {LIFE_DAYS_MAX} days, not {0}")]
    Life(i64),
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}

/// The contacts of a set, or `None` for everybody whom an organiser knows.
async fn members(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    who: &ContactSet,
) -> Result<Option<Vec<Uuid>>, InvitationError> {
    match who {
        ContactSet::Everyone => Ok(None),
        ContactSet::These(contacts) => Ok(Some(contacts.iter().map(|contact| contact.0).collect())),
        set => {
            let mut members = Vec::new();
            contacts::each(connection, organisation, set, |contact| members.push(contact.id.0)).await?;
            Ok(Some(members))
        }
    }
}

/// The contacts with these numbers.
///
/// # Errors
/// [`InvitationError::NoSuchContact`].
pub async fn of_numbers(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    numbers: &[i64],
) -> Result<ContactSet, InvitationError> {
    let found = sqlx::query!(
        "SELECT id, number FROM core.contact WHERE organisation_id = $1 AND number = ANY ($2) AND status <> 'archived'",
        organisation.0,
        numbers,
    )
    .fetch_all(connection)
    .await?;
    match numbers.iter().find(|number| !found.iter().any(|contact| contact.number == **number)) {
        Some(missing) => Err(InvitationError::NoSuchContact(*missing)),
        None => Ok(ContactSet::These(found.into_iter().map(|contact| ContactId(contact.id)).collect())),
    }
}

/// What issuing did, by contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Issued {
    /// Has a new invitation.
    pub issued: i64,
    /// Has a valid one already, which stays as it is.
    pub kept: i64,
    /// Has an address: there is nobody to invite.
    pub bound: i64,
    /// Said STOP: is not invited again.
    pub stopped: i64,
    /// Had one that was taken back: only [`reissue`] invites again.
    pub revoked: i64,
}

/// Invites everybody of `who` who has no address yet, for `life`. Doing it twice changes nothing.
///
/// # Errors
/// [`InvitationError::Contacts`], [`InvitationError::Life`]; nothing is issued then.
pub async fn issue(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    who: &ContactSet,
    life: TimeDelta,
) -> Result<Issued, InvitationError> {
    check_life(life)?;
    let mut transaction = connection.begin().await?;
    let these = members(&mut transaction, organisation, who).await?;
    let row = sqlx::query!(
        r#"
        WITH wanted AS (
            SELECT contact.id, contact.status = 'stopped' AS stopped,
                   EXISTS (SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = contact.id)
                       AS bound,
                   invitation.revoked_at IS NOT NULL AS revoked,
                   (invitation.contact_id IS NOT NULL AND invitation.used_at IS NULL AND invitation.expires_at > $3) AS valid
            FROM core.contact
            LEFT JOIN core.invitation
              ON invitation.organisation_id = contact.organisation_id AND invitation.contact_id = contact.id
            WHERE contact.organisation_id = $1 AND contact.status <> 'archived'
              AND (contact.external_id IS NOT NULL OR contact.name IS NOT NULL OR contact.collectivite_id IS NOT NULL)
              AND ($2::uuid[] IS NULL OR contact.id = ANY ($2))
        ), written AS (
            INSERT INTO core.invitation AS invitation (organisation_id, contact_id, generation, issued_at, expires_at)
            SELECT $1, id, 1, $3, $4 FROM wanted WHERE NOT bound AND NOT stopped AND NOT revoked AND NOT valid
            ON CONFLICT (organisation_id, contact_id)
            DO UPDATE SET generation = invitation.generation + 1, issued_at = excluded.issued_at,
                          expires_at = excluded.expires_at, used_at = NULL, used_by = NULL, followed_at = NULL,
                          disowned_at = NULL
            -- One that was issued, used or taken back in this very moment stays.
            WHERE invitation.revoked_at IS NULL AND (invitation.used_at IS NOT NULL OR invitation.expires_at <= $3)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM written) AS "issued!",
               count(*) FILTER (WHERE bound) AS "bound!",
               count(*) FILTER (WHERE NOT bound AND stopped) AS "stopped!",
               count(*) FILTER (WHERE NOT bound AND NOT stopped AND revoked) AS "revoked!",
               count(*) AS "all!"
        FROM wanted
        "#,
        organisation.0,
        these.as_deref(),
        now,
        now + life,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let kept = row.all - row.issued - row.bound - row.stopped - row.revoked;
    let issued = Issued { issued: row.issued, kept, bound: row.bound, stopped: row.stopped, revoked: row.revoked };
    let details = json!({ "issued": issued.issued, "kept": issued.kept, "days": life.num_days() });
    write_audit(&mut transaction, organisation.0, now, "operator", "invitations.issued", "", &details).await?;
    transaction.commit().await?;
    Ok(issued)
}

fn check_life(life: TimeDelta) -> Result<(), InvitationError> {
    let days = life.num_days();
    if (1..=LIFE_DAYS_MAX).contains(&days) { Ok(()) } else { Err(InvitationError::Life(days)) }
}

/// What issuing again did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Reissued {
    /// Has a new invitation; every older link of theirs is worthless.
    pub reissued: i64,
    /// Has an address, or said STOP: left alone.
    pub left_alone: i64,
}

/// Gives everybody of `who` without an address a new invitation, also where the old one is valid or was taken back.
///
/// # Errors
/// As [`issue`].
pub async fn reissue(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    who: &ContactSet,
    life: TimeDelta,
) -> Result<Reissued, InvitationError> {
    check_life(life)?;
    let mut transaction = connection.begin().await?;
    let these = members(&mut transaction, organisation, who).await?;
    let row = sqlx::query!(
        r#"
        WITH wanted AS (
            SELECT contact.id,
                   contact.status = 'active' AND NOT EXISTS (
                       SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = contact.id
                   ) AS invitable
            FROM core.contact
            WHERE contact.organisation_id = $1 AND contact.status <> 'archived'
              AND (contact.external_id IS NOT NULL OR contact.name IS NOT NULL OR contact.collectivite_id IS NOT NULL)
              AND ($2::uuid[] IS NULL OR contact.id = ANY ($2))
        ), written AS (
            INSERT INTO core.invitation AS invitation (organisation_id, contact_id, generation, issued_at, expires_at)
            SELECT $1, id, 1, $3, $4 FROM wanted WHERE invitable
            ON CONFLICT (organisation_id, contact_id)
            DO UPDATE SET generation = invitation.generation + 1, issued_at = excluded.issued_at,
                          expires_at = excluded.expires_at, used_at = NULL, used_by = NULL, followed_at = NULL,
                          disowned_at = NULL, revoked_at = NULL
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM written) AS "reissued!", count(*) FILTER (WHERE NOT invitable) AS "left_alone!"
        FROM wanted
        "#,
        organisation.0,
        these.as_deref(),
        now,
        now + life,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let reissued = Reissued { reissued: row.reissued, left_alone: row.left_alone };
    let details = json!({ "reissued": reissued.reissued, "days": life.num_days() });
    write_audit(&mut transaction, organisation.0, now, "operator", "invitations.reissued", "", &details).await?;
    transaction.commit().await?;
    Ok(reissued)
}

/// Takes back the valid invitations of `who`, and says how many. Whoever accepted one stays bound.
///
/// # Errors
/// [`InvitationError::Contacts`].
pub async fn revoke(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    who: &ContactSet,
) -> Result<u64, InvitationError> {
    let mut transaction = connection.begin().await?;
    let these = members(&mut transaction, organisation, who).await?;
    let revoked = sqlx::query!(
        r#"
        UPDATE core.invitation SET revoked_at = $3
        WHERE organisation_id = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $3
          AND ($2::uuid[] IS NULL OR contact_id = ANY ($2))
        "#,
        organisation.0,
        these.as_deref(),
        now,
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    let details = json!({ "revoked": revoked });
    write_audit(&mut transaction, organisation.0, now, "operator", "invitations.revoked", "", &details).await?;
    transaction.commit().await?;
    Ok(revoked)
}

/// Where the invitation of a contact stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// None was issued.
    NotInvited,
    /// Nobody followed it yet.
    Issued,
    /// Somebody was asked whether it is them and has not answered.
    Followed,
    /// Somebody followed it and said it is not them. It is still good.
    Disowned,
    Expired,
    Revoked,
    /// Accepted.
    Used,
}

impl State {
    pub const ALL: [Self; 7] =
        [Self::NotInvited, Self::Issued, Self::Followed, Self::Disowned, Self::Expired, Self::Revoked, Self::Used];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInvited => "not_invited",
            Self::Issued => "issued",
            Self::Followed => "followed",
            Self::Disowned => "disowned",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Used => "used",
        }
    }

    /// A link with its code may be handed out.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Issued | Self::Followed | Self::Disowned)
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("`{text}` is not a state: write one of {}", known.join(", "))
        })
    }
}

/// A contact with its invitation, as the organiser sees it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Invited {
    #[serde(skip)]
    pub contact: ContactId,
    /// The plain handle of the contact.
    pub number: i64,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub collectivite: Option<String>,
    /// 1 is the first contact of its collectivité.
    pub rank: Option<i16>,
    /// Values of the organiser's own fields: an e-mail address, a telephone, to reach them otherwise.
    pub fields: Value,
    /// The language the organiser noted, or the person chose.
    pub locale: Option<String>,
    pub state: State,
    /// They have an address.
    pub bound: bool,
    pub issued_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub followed_at: Option<DateTime<Utc>>,
    pub disowned_at: Option<DateTime<Utc>>,
    pub used_at: Option<DateTime<Utc>>,
    /// When somebody who is bound to another contact last said they are this one.
    pub conflict_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(super) generation: Option<i32>,
}

/// The contacts of `who` that have no address yet, or all of them: those of one collectivité together, by rank.
///
/// # Errors
/// [`InvitationError::Contacts`].
pub async fn list(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    who: &ContactSet,
    bound_too: bool,
) -> Result<Vec<Invited>, InvitationError> {
    let these = members(&mut *connection, organisation, who).await?;
    let rows = sqlx::query!(
        r#"
        SELECT contact.id, contact.number, contact.external_id, contact.name, contact.rank, contact.fields,
               contact.locale, collectivite.name AS "collectivite?", found.bound AS "bound!",
               invitation.generation AS "generation?", invitation.issued_at AS "issued_at?",
               invitation.expires_at AS "expires_at?", invitation.followed_at, invitation.disowned_at,
               invitation.used_at, invitation.revoked_at,
               (SELECT max(happened_at) FROM core.contact_history AS history
                WHERE history.organisation_id = $1 AND history.contact_id = contact.id AND history.action = $4)
                   AS conflict_at
        FROM core.contact
        CROSS JOIN LATERAL (
            SELECT EXISTS (SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = contact.id)
                AS bound
        ) AS found
        LEFT JOIN core.collectivite
          ON collectivite.organisation_id = contact.organisation_id AND collectivite.id = contact.collectivite_id
        LEFT JOIN core.invitation
          ON invitation.organisation_id = contact.organisation_id AND invitation.contact_id = contact.id
        WHERE contact.organisation_id = $1 AND contact.status <> 'archived' AND ($3 OR NOT found.bound)
          AND (contact.external_id IS NOT NULL OR contact.name IS NOT NULL OR contact.collectivite_id IS NOT NULL)
          AND ($2::uuid[] IS NULL OR contact.id = ANY ($2))
        ORDER BY collectivite.name, contact.collectivite_id, contact.rank, contact.name, contact.number
        "#,
        organisation.0,
        these.as_deref(),
        bound_too,
        HISTORY_CONFLICT,
    )
    .fetch_all(connection)
    .await?;
    let invited = rows.into_iter().map(|row| {
        let state = match row.expires_at {
            None => State::NotInvited,
            _ if row.used_at.is_some() => State::Used,
            _ if row.revoked_at.is_some() => State::Revoked,
            Some(expires_at) if expires_at <= now => State::Expired,
            _ if row.disowned_at.is_some() => State::Disowned,
            _ if row.followed_at.is_some() => State::Followed,
            _ => State::Issued,
        };
        Invited {
            contact: ContactId(row.id),
            number: row.number,
            external_id: row.external_id,
            name: row.name,
            collectivite: row.collectivite,
            rank: row.rank,
            fields: row.fields,
            locale: row.locale,
            state,
            bound: row.bound,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            followed_at: row.followed_at,
            disowned_at: row.disowned_at,
            used_at: row.used_at,
            conflict_at: row.conflict_at,
            generation: row.generation,
        }
    });
    Ok(invited.collect())
}
