//! Accounts as they are stored, for operators.

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;

use crate::ids::OrganisationId;

/// A bot connection as the database knows it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredAccount {
    pub organisation: i32,
    pub id: i32,
    pub name: String,
    pub platform: String,
    /// `active`, `dead` (the platform refused it) or `retired` (no longer configured).
    pub state: String,
    pub reason: Option<String>,
}

/// Every account, by name.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredAccount>, sqlx::Error> {
    sqlx::query_as!(
        StoredAccount,
        "SELECT organisation_id AS organisation, id, name, platform, state, state_reason AS reason FROM core.account ORDER BY organisation_id, name",
    )
    .fetch_all(pool)
    .await
}

/// Where people open a private conversation with an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountLink {
    pub account: String,
    pub platform: String,
    pub link: StoredLink,
}

/// A link as it was last known; `{payload}` in `url` stands for what is carried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredLink {
    pub url: String,
    pub carries_payload: bool,
}

impl StoredLink {
    /// The link that carries `payload` where it can.
    pub fn with(&self, payload: &str) -> String {
        self.url.replace("{payload}", payload)
    }
}

/// The links of the accounts that are in use and have one, by account name.
pub async fn private_links(
    executor: impl sqlx::PgExecutor<'_>,
    organisation: OrganisationId,
) -> Result<Vec<AccountLink>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT name, platform, private_link AS "link!: Json<StoredLink>" FROM core.account
        WHERE organisation_id = $1 AND state <> 'retired' AND private_link IS NOT NULL ORDER BY name
        "#,
        organisation.0,
    )
    .fetch_all(executor)
    .await?;
    let links = rows.into_iter().map(|row| AccountLink { account: row.name, platform: row.platform, link: row.link.0 });
    Ok(links.collect())
}
