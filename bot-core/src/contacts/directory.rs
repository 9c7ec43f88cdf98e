//! The organiser's desk: looking contacts up. What changes them is beside it, a story a file: [`super::fields`],
//! [`super::groups`], [`super::segments`], [`super::merge`], [`super::removal`], [`super::import`].

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::view::{self, ContactSet, ContactView, ContactsError};
use super::words::folded;
use crate::dispatcher::write_audit;
use crate::ids::{ContactId, OrganisationId};

/// Who does something with the contacts of an organisation, and when. Every change leaves a line in the audit log.
#[derive(Debug)]
pub struct Directory<'c> {
    pub sql: &'c mut PgConnection,
    pub organisation: OrganisationId,
    pub now: DateTime<Utc>,
    /// `operator` or `organiser`.
    pub actor: &'c str,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error(transparent)]
    Contacts(#[from] ContactsError),
    #[error("there is no contact {0}: `crieur contacts search` shows numbers and external ids")]
    NoSuchContact(String),
    #[error(
        "`{0}` is no name: use at most 40 of a-z, 0-9 and `-`, beginning with a letter or digit, such as pilotes-2026"
    )]
    Name(String),
    #[error("{0}")]
    Refused(String),
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}

/// Something that happened to a contact: names fields, never their values.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    pub happened_at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub details: Value,
}

/// Everything an organiser may see of one contact.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    #[serde(flatten)]
    pub contact: ContactView,
    /// The consent ledger: purpose, the words that were shown, from when to when.
    pub consent_ledger: Vec<ConsentEntry>,
    /// The latest last.
    pub history: Vec<HistoryEntry>,
    pub known_since: DateTime<Utc>,
}

/// A line of the consent ledger.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentEntry {
    pub purpose: String,
    pub wording: String,
    pub given_at: DateTime<Utc>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl Directory<'_> {
    /// Contacts of `set` in which every word of `words` is found: in name, external id, collectivité, codes or a field.
    /// At most `limit`, by number; and how many there are in all.
    ///
    /// # Errors
    /// When the set names what is not there, or the database refuses.
    pub async fn search(
        &mut self,
        set: &ContactSet,
        words: &str,
        limit: usize,
    ) -> Result<(Vec<ContactView>, usize), DirectoryError> {
        let words: Vec<String> = folded(words).split_whitespace().map(str::to_owned).collect();
        let (mut found, mut all) = (Vec::new(), 0);
        let take = |contact: ContactView| {
            if holds(&contact, &words) {
                all += 1;
                if found.len() < limit {
                    found.push(contact);
                }
            }
        };
        view::each(self.sql, self.organisation, set, take).await?;
        Ok((found, all))
    }

    /// A contact by its number (`12`, `#12`) or its external id. A number wins.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchContact`].
    pub async fn find(&mut self, handle: &str) -> Result<ContactId, DirectoryError> {
        let number: Option<i64> = handle.strip_prefix('#').unwrap_or(handle).parse().ok();
        let id = sqlx::query_scalar!(
            r#"
            SELECT id FROM core.contact
            WHERE organisation_id = $1 AND (number = $2 OR external_id = $3) AND status <> 'archived'
            ORDER BY (number = $2) DESC NULLS LAST LIMIT 1
            "#,
            self.organisation.0,
            number,
            handle,
        )
        .fetch_optional(&mut *self.sql)
        .await?;
        id.map(ContactId).ok_or_else(|| DirectoryError::NoSuchContact(handle.to_owned()))
    }

    /// One contact with consents and history.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchContact`].
    pub async fn show(&mut self, handle: &str) -> Result<Shown, DirectoryError> {
        let id = self.find(handle).await?;
        let mut found = None;
        view::each(self.sql, self.organisation, &ContactSet::These(vec![id]), |view| found = Some(view)).await?;
        let contact = found.ok_or_else(|| DirectoryError::NoSuchContact(handle.to_owned()))?;
        let consent_ledger = sqlx::query_as!(
            ConsentEntry,
            r#"
            SELECT purpose, wording, given_at, withdrawn_at FROM core.consent
            WHERE organisation_id = $1 AND contact_id = $2 ORDER BY id
            "#,
            self.organisation.0,
            id.0,
        )
        .fetch_all(&mut *self.sql)
        .await?;
        let history = history(self.sql, self.organisation, id).await?;
        let known_since = sqlx::query_scalar!(
            "SELECT created_at FROM core.contact WHERE organisation_id = $1 AND id = $2",
            self.organisation.0,
            id.0
        )
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(Shown { contact, consent_ledger, history, known_since })
    }

    pub(super) async fn audit(&mut self, action: &str, subject: &str, details: Value) -> Result<(), sqlx::Error> {
        write_audit(self.sql, self.organisation.0, self.now, self.actor, action, subject, &details).await
    }

    pub(super) async fn remember(
        &mut self,
        contacts: &[Uuid],
        action: &str,
        details: Value,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            r#"
            INSERT INTO core.contact_history (organisation_id, contact_id, happened_at, actor, action, details)
            SELECT $1, contact.id, $3, $4, $5, $6 FROM UNNEST($2::uuid[]) AS contact (id)
            "#,
            self.organisation.0,
            contacts,
            self.now,
            self.actor,
            action,
            details,
        )
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }
}

/// What happened to a contact, the latest last.
pub(crate) async fn history(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    contact: ContactId,
) -> Result<Vec<HistoryEntry>, sqlx::Error> {
    sqlx::query_as!(
        HistoryEntry,
        r#"
        SELECT happened_at, actor, action, details FROM core.contact_history
        WHERE organisation_id = $1 AND contact_id = $2 ORDER BY id
        "#,
        organisation.0,
        contact.0,
    )
    .fetch_all(sql)
    .await
}

fn holds(contact: &ContactView, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let body = contact.collectivite.as_ref();
    let body = body.map(|body| json!([body.name, body.insee, body.siren])).unwrap_or_default();
    let mut text = json!([contact.external_id, contact.name, body]).to_string();
    for value in contact.fields.values() {
        text.push(' ');
        text.push_str(&value.to_string());
    }
    let text = folded(&text);
    words.iter().all(|word| text.contains(word))
}

/// A name of a group or a segment.
pub(super) fn checked_name(name: &str) -> Result<&str, DirectoryError> {
    let starts = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    let well_formed = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if starts && well_formed && name.len() <= 40 { Ok(name) } else { Err(DirectoryError::Name(name.to_owned())) }
}
