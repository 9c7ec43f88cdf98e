//! Groups: contacts put together by hand, or by an import.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::directory::{Directory, DirectoryError, checked_name};
use super::view::ContactsError;

/// A group with its size.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Group {
    pub name: String,
    pub contacts: i64,
}

impl Directory<'_> {
    /// Makes an empty group; one that is there stays as it is.
    ///
    /// # Errors
    /// [`DirectoryError::Name`].
    pub async fn create_group(&mut self, name: &str) -> Result<bool, DirectoryError> {
        checked_name(name)?;
        let created = sqlx::query!(
            r#"
            INSERT INTO core.contact_group (organisation_id, name, created_at) VALUES ($1, $2, $3)
            ON CONFLICT (organisation_id, name) DO NOTHING
            "#,
            self.organisation.0,
            name,
            self.now,
        )
        .execute(&mut *self.sql)
        .await?
        .rows_affected()
            > 0;
        if created {
            self.audit("group.created", name, json!({})).await?;
        }
        Ok(created)
    }

    /// Puts contacts (by number or external id) into a group; gives back how many were not in it.
    ///
    /// # Errors
    /// When the group or one of them is not there; nothing is changed then, in the caller's transaction.
    pub async fn add_to_group(&mut self, name: &str, handles: &[String]) -> Result<u64, DirectoryError> {
        let group = self.group_id(name).await?;
        let contacts = self.find_all(handles).await?;
        let added = sqlx::query_scalar!(
            r#"
            INSERT INTO core.contact_group_member (organisation_id, group_id, contact_id)
            SELECT $1, $2, contact.id FROM UNNEST($3::uuid[]) AS contact (id)
            ON CONFLICT DO NOTHING RETURNING contact_id
            "#,
            self.organisation.0,
            group,
            &contacts,
        )
        .fetch_all(&mut *self.sql)
        .await?;
        self.remember(&added, "group.joined", json!({ "group": name })).await?;
        self.audit("group.extended", name, json!({ "contacts": added.len() })).await?;
        Ok(added.len() as u64)
    }

    /// Takes contacts out of a group; gives back how many were in it.
    ///
    /// # Errors
    /// As [`Directory::add_to_group`].
    pub async fn remove_from_group(&mut self, name: &str, handles: &[String]) -> Result<u64, DirectoryError> {
        let group = self.group_id(name).await?;
        let contacts = self.find_all(handles).await?;
        let removed = sqlx::query_scalar!(
            r#"
            DELETE FROM core.contact_group_member
            WHERE organisation_id = $1 AND group_id = $2 AND contact_id = ANY ($3) RETURNING contact_id
            "#,
            self.organisation.0,
            group,
            &contacts,
        )
        .fetch_all(&mut *self.sql)
        .await?;
        self.remember(&removed, "group.left", json!({ "group": name })).await?;
        self.audit("group.reduced", name, json!({ "contacts": removed.len() })).await?;
        Ok(removed.len() as u64)
    }

    /// Throws a group away; its contacts stay.
    ///
    /// # Errors
    /// [`ContactsError::NoSuchGroup`].
    pub async fn drop_group(&mut self, name: &str) -> Result<(), DirectoryError> {
        let group = self.group_id(name).await?;
        sqlx::query!(
            "DELETE FROM core.contact_group WHERE organisation_id = $1 AND id = $2",
            self.organisation.0,
            group
        )
        .execute(&mut *self.sql)
        .await?;
        Ok(self.audit("group.dropped", name, json!({})).await?)
    }

    /// Every group with its size, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn groups(&mut self) -> Result<Vec<Group>, DirectoryError> {
        let all = sqlx::query_as!(
            Group,
            r#"
            SELECT contact_group.name, count(member.contact_id) AS "contacts!"
            FROM core.contact_group
            LEFT JOIN core.contact_group_member AS member
              ON member.organisation_id = contact_group.organisation_id AND member.group_id = contact_group.id
            WHERE contact_group.organisation_id = $1
            GROUP BY contact_group.name ORDER BY contact_group.name
            "#,
            self.organisation.0,
        );
        Ok(all.fetch_all(&mut *self.sql).await?)
    }

    async fn group_id(&mut self, name: &str) -> Result<i32, DirectoryError> {
        let id = sqlx::query_scalar!(
            "SELECT id FROM core.contact_group WHERE organisation_id = $1 AND name = $2",
            self.organisation.0,
            name
        );
        let id = id.fetch_optional(&mut *self.sql).await?;
        id.ok_or_else(|| ContactsError::NoSuchGroup(name.to_owned()).into())
    }

    async fn find_all(&mut self, handles: &[String]) -> Result<Vec<Uuid>, DirectoryError> {
        let mut found = Vec::with_capacity(handles.len());
        for handle in handles {
            found.push(self.find(handle).await?.0);
        }
        Ok(found)
    }
}
