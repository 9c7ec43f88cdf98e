//! What shows a choice is marked, and blanked once it must be forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use super::{EffectError, EffectWriter, schedule};
use crate::ids::PluginId;
use crate::plugin::{Fire, Misfire};

pub(crate) const FIRE_VACUUM: &str = "vacuum";
pub(crate) const FIRE_FORGET: &str = "forget";

/// Longer than any lease: what was begun before a closing has been written or given up by then.
const FORGET_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Tables of the core that hold what people chose, until it is forgotten.
const CORE_TABLES_WITH_CHOICES: [&str; 5] =
    ["core.inbox", "core.prompt", "core.delivery", "core.account_state", "core.media"];

impl EffectWriter<'_> {
    pub(super) async fn reveals_choice(&mut self, scope: &str) -> Result<(), EffectError> {
        if let (Some(account), Some(event)) = (self.origin.account, self.origin.event) {
            sqlx::query!(
                "UPDATE core.inbox SET reveals = $4 WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3",
                self.organisation_id(),
                account.0,
                event.0,
                scope,
            )
            .execute(&mut *self.connection)
            .await?;
        }
        if let Some(caller) = self.caller {
            sqlx::query!(
                r#"
                UPDATE core.prompt SET reveals = $4
                WHERE organisation_id = $1 AND conversation_id = $2 AND address_id = $3
                "#,
                self.organisation_id(),
                caller.conversation.id.0,
                caller.address.0,
                scope,
            )
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(())
    }

    pub(super) async fn forget_choices(&mut self, scope: &str, tables: &[String]) -> Result<(), EffectError> {
        let organisation = self.organisation_id();
        let mut all: Vec<String> = CORE_TABLES_WITH_CHOICES.iter().map(|&table| table.to_owned()).collect();
        let schema = self.core.plugins.get(self.plugin).map(|host| host.manifest().sql_schema);
        for table in tables {
            let well_named = !table.is_empty() && table.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            match schema {
                Some(schema) if well_named => all.push(format!("{schema}.{table}")),
                _ => return Err(EffectError::Refused(format!("`{table}` is not a table of plugin {}", self.plugin))),
            }
        }
        forget(self.connection, organisation, scope, &all, self.now).await?;
        // What was on its way at this very moment (a message being sent, a button pressed just before) writes its
        // rows a little later: they are forgotten in a second round.
        let again = Fire {
            scope: FIRE_FORGET.to_owned(),
            subject: scope.to_owned(),
            due_at: self.now + FORGET_AGAIN_AFTER,
            misfire: Misfire::RunOnce,
            payload: serde_json::to_value(&all)?,
            repeat: None,
        };
        schedule(self.connection, organisation, &PluginId::core(), &again).await
    }
}

/// Blanks what shows a choice in `scope`, and has the tables that held it vacuumed.
pub(crate) async fn forget(
    connection: &mut PgConnection,
    organisation: i32,
    scope: &str,
    tables: &[String],
    now: DateTime<Utc>,
) -> Result<(), EffectError> {
    // Everything that everybody pressed and was shown: of a large consultation that takes longer than a handler's
    // statement may, and a closing that is cut short would never come to its end.
    crate::dispatcher::without_time_limit(connection).await?;
    sqlx::query!(
        "UPDATE core.inbox SET payload = NULL WHERE organisation_id = $1 AND reveals = $2 AND state <> 'waiting'",
        organisation,
        scope
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM core.prompt WHERE organisation_id = $1 AND reveals = $2", organisation, scope)
        .execute(&mut *connection)
        .await?;
    // What has not gone out yet has nothing left to say.
    sqlx::query!(
        r#"
        UPDATE core.delivery
        SET body = NULL, rendered_hash = NULL, variables = '{}',
            state = CASE WHEN state IN ('planned', 'held', 'queued') THEN 'cancelled' ELSE state END,
            settled_at = CASE WHEN state IN ('planned', 'held', 'queued') THEN $3 ELSE settled_at END,
            reason = CASE WHEN state IN ('planned', 'held', 'queued') THEN 'forgotten at closing' ELSE reason END
        WHERE organisation_id = $1 AND reveals = $2
        "#,
        organisation,
        scope,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.account_state SET value = NULL WHERE organisation_id = $1 AND reveals = $2",
        organisation,
        scope,
    )
    .execute(&mut *connection)
    .await?;
    // A file of somebody's data quotes all of the above. Whoever has not fetched theirs asks again.
    sqlx::query!("DELETE FROM core.media WHERE organisation_id = $1 AND contact_id IS NOT NULL", organisation)
        .execute(&mut *connection)
        .await?;
    // The old versions of these rows stay in the files until they are vacuumed, which no transaction may do.
    for table in tables {
        let fire = Fire {
            scope: FIRE_VACUUM.to_owned(),
            subject: table.clone(),
            due_at: now,
            misfire: Misfire::RunOnce,
            payload: Value::Null,
            repeat: None,
        };
        schedule(connection, organisation, &PluginId::core(), &fire).await?;
    }
    Ok(())
}
