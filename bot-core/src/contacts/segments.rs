//! Segments: named queries. Who is in one is asked each time.

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use super::directory::{Directory, DirectoryError, checked_name};
use super::query::Query;
use super::view::{self, ContactSet, ContactsError};
use crate::ids::OrganisationId;

/// A segment as it is saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Segment {
    pub name: String,
    pub query: String,
}

/// What a query comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SegmentCount {
    /// The query as it was understood.
    pub query: String,
    pub contacts: usize,
    pub collectivites: usize,
    /// Who can be written to: bound to an address that is not blocked, and did not say STOP.
    pub reachable: usize,
    /// Who has no address yet.
    pub unbound: usize,
    pub stopped: usize,
}

impl Directory<'_> {
    /// Saves a query under a name, or replaces the one of that name.
    ///
    /// # Errors
    /// When the query cannot be read, asks for a field that is not declared, or the name is none.
    pub async fn save_segment(&mut self, name: &str, query: &str) -> Result<Segment, DirectoryError> {
        checked_name(name)?;
        let query = self.checked_query(query).await?.to_string();
        sqlx::query!(
            r#"
            INSERT INTO core.segment (organisation_id, name, query, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (organisation_id, name) DO UPDATE SET query = excluded.query
            "#,
            self.organisation.0,
            name,
            query,
            self.now,
        )
        .execute(&mut *self.sql)
        .await?;
        self.audit("segment.saved", name, json!({})).await?;
        Ok(Segment { name: name.to_owned(), query })
    }

    /// Every segment, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn segments(&mut self) -> Result<Vec<Segment>, DirectoryError> {
        let all = sqlx::query_as!(
            Segment,
            "SELECT name, query FROM core.segment WHERE organisation_id = $1 ORDER BY name",
            self.organisation.0
        );
        Ok(all.fetch_all(&mut *self.sql).await?)
    }

    /// Throws a segment away; its contacts stay.
    ///
    /// # Errors
    /// [`ContactsError::NoSuchSegment`].
    pub async fn drop_segment(&mut self, name: &str) -> Result<(), DirectoryError> {
        let dropped = sqlx::query!(
            "DELETE FROM core.segment WHERE organisation_id = $1 AND name = $2",
            self.organisation.0,
            name
        );
        if dropped.execute(&mut *self.sql).await?.rows_affected() == 0 {
            return Err(ContactsError::NoSuchSegment(name.to_owned()).into());
        }
        Ok(self.audit("segment.dropped", name, json!({})).await?)
    }

    /// Counts who is meant by a query, or by the segment of that name.
    ///
    /// # Errors
    /// When it is neither.
    pub async fn try_segment(&mut self, query_or_name: &str) -> Result<SegmentCount, DirectoryError> {
        let is_name = checked_name(query_or_name).is_ok();
        let text = match is_name {
            true => query(self.sql, self.organisation, query_or_name).await?,
            false => query_or_name.to_owned(),
        };
        let query = self.checked_query(&text).await?.to_string();
        let mut count = SegmentCount::default();
        let mut bodies = std::collections::HashSet::new();
        let set = ContactSet::Query(query.clone());
        let take = |contact: view::ContactView| {
            count.contacts += 1;
            bodies.extend(contact.collectivite.map(|body| body.id));
            let bound = contact.reach.last_used.is_some();
            count.unbound += usize::from(!bound);
            count.stopped += usize::from(contact.stopped);
            count.reachable += usize::from(bound && !contact.reach.blocked && !contact.stopped);
        };
        view::each(self.sql, self.organisation, &set, take).await?;
        Ok(SegmentCount { query, collectivites: bodies.len(), ..count })
    }

    /// A query that can be read and asks for declared fields only.
    async fn checked_query(&mut self, text: &str) -> Result<Query, DirectoryError> {
        let query: Query =
            text.parse().map_err(|error: super::query::QueryError| ContactsError::Query(error.to_string()))?;
        let asked = query.fields();
        if !asked.is_empty() {
            let declared = self.fields().await?;
            if let Some(unknown) = asked.iter().find(|key| !declared.iter().any(|field| field.key == **key)) {
                let keys: Vec<&str> = declared.iter().map(|field| field.key.as_str()).collect();
                let known = if keys.is_empty() { "none is declared yet".to_owned() } else { keys.join(", ") };
                return Err(DirectoryError::Refused(format!(
                    "there is no field `{unknown}` ({known}): declare it with `crieur contacts fields declare {unknown}`"
                )));
            }
        }
        Ok(query)
    }
}

/// The query of a segment.
///
/// # Errors
/// [`ContactsError::NoSuchSegment`].
pub(super) async fn query(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    name: &str,
) -> Result<String, ContactsError> {
    sqlx::query_scalar!("SELECT query FROM core.segment WHERE organisation_id = $1 AND name = $2", organisation.0, name)
        .fetch_optional(sql)
        .await?
        .ok_or_else(|| ContactsError::NoSuchSegment(name.to_owned()))
}
