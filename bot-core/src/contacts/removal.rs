//! Taking a contact out of the list, before they ever wrote to us.
//!
//! Who has an address is a person with rights of their own: they erase themselves (`/effacer`), and STOP keeps us from
//! writing to them. An organiser takes them out of groups instead.

use serde_json::json;

use super::directory::{Directory, DirectoryError};
use crate::people::invitation::forget_questions;

impl Directory<'_> {
    /// Deletes a contact that has no address, with its history; gives back its number. A later import of the same
    /// external id makes it anew.
    ///
    /// # Errors
    /// When it is not there, or has an address.
    pub async fn delete(&mut self, handle: &str) -> Result<i64, DirectoryError> {
        let id = self.find(handle).await?;
        let deleted = sqlx::query_scalar!(
            r#"
            DELETE FROM core.contact
            WHERE organisation_id = $1 AND id = $2
              AND NOT EXISTS (SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = $2)
              AND NOT EXISTS (SELECT FROM core.address_history AS history
                              WHERE history.organisation_id = $1 AND history.contact_id = $2)
              AND NOT EXISTS (SELECT FROM core.contact AS former
                              WHERE former.organisation_id = $1 AND former.merged_into = $2
                                AND EXISTS (SELECT FROM core.address_history AS history
                                            WHERE history.organisation_id = $1 AND history.contact_id = former.id))
            RETURNING number
            "#,
            self.organisation.0,
            id.0,
        );
        // Those that were merged into it go first: they are a part of it.
        sqlx::query!(
            r#"
            DELETE FROM core.contact AS former
            WHERE former.organisation_id = $1 AND former.merged_into = $2
              AND NOT EXISTS (SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = $2)
              AND NOT EXISTS (SELECT FROM core.address_history AS history
                              WHERE history.organisation_id = $1 AND history.contact_id = former.id)
            "#,
            self.organisation.0,
            id.0,
        )
        .execute(&mut *self.sql)
        .await?;
        let Some(number) = deleted.fetch_optional(&mut *self.sql).await? else {
            return Err(DirectoryError::Refused(format!(
                "contact {handle} has written to us: only they can erase themselves, with /effacer. To leave them out of \
                 what you send, take them out of its group"
            )));
        };
        // Whoever followed their invitation was shown their name.
        forget_questions(&mut *self.sql, self.organisation, number).await?;
        self.audit("contact.deleted", &format!("contact {number}"), json!({})).await?;
        Ok(number)
    }
}
