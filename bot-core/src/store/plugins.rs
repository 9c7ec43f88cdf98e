//! Plugins as they are stored, for operators. Switching one on or off is [`crate::service::set_plugin_enabled`].

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use crate::clock::Clock;
use crate::ids::{OrganisationId, PluginId};

/// A plugin as the database knows it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredPlugin {
    pub id: String,
    pub version: String,
    /// As the last process that ran it left it: see [`crate::plugin::PluginState`].
    pub state: String,
    /// Why it is degraded or disabled.
    pub reason: Option<String>,
    /// Whether the operator wants it to run.
    pub enabled: bool,
    pub changed_at: DateTime<Utc>,
}

/// Every plugin that was ever loaded, by id.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredPlugin>, sqlx::Error> {
    sqlx::query_as!(StoredPlugin, "SELECT id, version, state, reason, enabled, changed_at FROM core.plugin ORDER BY id")
        .fetch_all(pool)
        .await
}

/// Stores a plugin's settings for an organisation. They must have been checked against its manifest's schema.
pub async fn set_settings(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    plugin: &PluginId,
    settings: &Value,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO core.plugin_setting (organisation_id, plugin_id, settings, changed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organisation_id, plugin_id)
        DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at
        WHERE plugin_setting.settings <> excluded.settings
        "#,
        organisation.0,
        plugin.as_str(),
        settings,
        clock.now(),
    )
    .execute(pool)
    .await?;
    Ok(())
}
