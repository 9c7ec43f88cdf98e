//! Who may organise and operate. Granted to one address by an operator at the command line, and to no other.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;

use crate::clock::Clock;
use crate::dispatcher::write_audit;
use crate::ids::{Address, OrganisationId};
use crate::plugin::Role;

#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    #[error("nobody has written from {0} yet: ask them to send /start first, then grant the role")]
    UnknownAddress(String),
    #[error("{0} does not have the role {1}")]
    NotGranted(String, &'static str),
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}

/// A role somebody has.
#[derive(Clone, Debug, Serialize)]
pub struct RoleGrant {
    /// The address itself: shown to the operator who asks, never logged.
    pub address: String,
    pub role: String,
    pub granted_by: String,
    pub granted_at: DateTime<Utc>,
}

/// Grants `role` to an address that has written to us before. Granting twice changes nothing.
pub async fn grant(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    address: &Address,
    role: Role,
    granted_by: &str,
) -> Result<(), RoleError> {
    let mut transaction = pool.begin().await?;
    let Some(id) = address_id(&mut transaction, organisation, address).await? else {
        return Err(RoleError::UnknownAddress(address.expose()));
    };
    sqlx::query!(
        r#"
        INSERT INTO core.role_grant (organisation_id, address_id, role, granted_by, granted_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        "#,
        organisation.0,
        id,
        role.as_str(),
        granted_by,
        clock.now(),
    )
    .execute(&mut *transaction)
    .await?;
    let details = json!({ "role": role.as_str(), "by": granted_by });
    write_audit(
        &mut transaction,
        organisation.0,
        clock.now(),
        "operator",
        "role.granted",
        &format!("address {id}"),
        &details,
    )
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes `role` back.
pub async fn revoke(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    address: &Address,
    role: Role,
) -> Result<(), RoleError> {
    let mut transaction = pool.begin().await?;
    let Some(id) = address_id(&mut transaction, organisation, address).await? else {
        return Err(RoleError::UnknownAddress(address.expose()));
    };
    let revoked = sqlx::query!(
        "DELETE FROM core.role_grant WHERE organisation_id = $1 AND address_id = $2 AND role = $3",
        organisation.0,
        id,
        role.as_str(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if revoked == 0 {
        return Err(RoleError::NotGranted(address.expose(), role.as_str()));
    }
    let details = json!({ "role": role.as_str() });
    write_audit(
        &mut transaction,
        organisation.0,
        clock.now(),
        "operator",
        "role.revoked",
        &format!("address {id}"),
        &details,
    )
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Every role granted, by address.
pub async fn list(pool: &PgPool, organisation: OrganisationId) -> Result<Vec<RoleGrant>, RoleError> {
    let rows = sqlx::query!(
        r#"
        SELECT address.scheme, address.path, role.role, role.granted_by, role.granted_at
        FROM core.role_grant AS role
        JOIN core.address AS address
          ON address.organisation_id = role.organisation_id AND address.id = role.address_id
        WHERE role.organisation_id = $1
        ORDER BY address.scheme, address.path, role.role
        "#,
        organisation.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RoleGrant {
            address: format!("{}:{}", row.scheme, row.path),
            role: row.role,
            granted_by: row.granted_by,
            granted_at: row.granted_at,
        })
        .collect())
}

async fn address_id(
    connection: &mut sqlx::PgConnection,
    organisation: OrganisationId,
    address: &Address,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM core.address WHERE organisation_id = $1 AND scheme = $2 AND path = $3",
        organisation.0,
        address.scheme.as_str(),
        address.path.expose(),
    )
    .fetch_optional(connection)
    .await
}
