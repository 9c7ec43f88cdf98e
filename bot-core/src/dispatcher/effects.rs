//! Turns what a handler asked for into rows, in the handler's own transaction.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::core::{Core, Organisation};
use crate::ids::{AccountId, ConversationId, InboxSequence, PluginId};
use crate::locale::Locale;
use crate::message::Document;
use crate::plugin::{
    Caller, ClosePoll, Context, Edit, Effect, Fetch, Fire, Lane, Misfire, Outgoing, Purpose, Recipient, Reply,
};

/// What caused the effects.
pub(crate) struct Origin {
    pub account: Option<AccountId>,
    pub event: Option<InboxSequence>,
}

impl Origin {
    pub fn nobody() -> Self {
        Self { account: None, event: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum EffectError {
    #[error("the database refused an effect: {0}")]
    Database(#[from] sqlx::Error),
    #[error("an effect cannot be stored: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The plugin asked for something it may not have.
    #[error("{0}")]
    Refused(String),
}

/// Fires and deliveries of the core itself.
pub(crate) const FIRE_VACUUM: &str = "vacuum";
pub(crate) const FIRE_FORGET: &str = "forget";
pub(crate) const FIRE_OUTCOME: &str = "core:delivery-outcome";
pub(crate) const FIRE_EVENT: &str = "core:event";

/// Longer than any lease: what was begun before a closing has been written or given up by then.
const FORGET_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Tables of the core that hold what people chose, until it is forgotten.
const CORE_TABLES_WITH_CHOICES: [&str; 5] =
    ["core.inbox", "core.prompt", "core.delivery", "core.account_state", "core.media"];

/// Writes the effects of `context` and gives its transaction back, uncommitted.
pub(crate) async fn apply(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    origin: &Origin,
) -> Result<Transaction<'static, Postgres>, EffectError> {
    apply_in_place(core, organisation, &mut context, origin).await?;
    Ok(context.transaction)
}

/// Writes the effects asked for so far, and goes on with the same context.
pub(crate) async fn apply_in_place(
    core: &Core,
    organisation: &Organisation,
    context: &mut Context,
    origin: &Origin,
) -> Result<(), EffectError> {
    let effects = std::mem::take(&mut context.effects);
    let mut writer = EffectWriter {
        core,
        organisation,
        origin,
        now: context.now,
        plugin: &context.plugin,
        caller: context.caller.as_ref(),
        locale: context.locale,
        connection: &mut context.transaction,
    };
    for effect in effects {
        writer.write(effect).await?;
    }
    Ok(())
}

struct EffectWriter<'a> {
    core: &'a Core,
    organisation: &'a Organisation,
    origin: &'a Origin,
    now: DateTime<Utc>,
    plugin: &'a PluginId,
    caller: Option<&'a Caller>,
    locale: Locale,
    connection: &'a mut PgConnection,
}

/// A delivery about to be written.
struct NewDelivery<'d> {
    account: i32,
    conversation: Option<Uuid>,
    address: Option<i64>,
    contact: Option<Uuid>,
    kind: &'static str,
    target: Option<Uuid>,
    message_key: Option<&'d str>,
    coalesce_key: Option<String>,
    scope: &'d str,
    subject: &'d str,
    purpose: Purpose,
    lane: Lane,
    due_at: DateTime<Utc>,
    not_after: Option<DateTime<Utc>>,
    /// `None` for what says nothing: closing a poll.
    document: Option<&'d Document>,
    variables: Value,
    locale: Locale,
    reveals: Option<&'d str>,
    in_reply_to: Option<i64>,
    report: bool,
}

impl EffectWriter<'_> {
    fn organisation_id(&self) -> i32 {
        self.organisation.view.id.0
    }

    async fn write(&mut self, effect: Effect) -> Result<(), EffectError> {
        match effect {
            Effect::Reply(reply) => self.reply(&reply).await,
            Effect::Send(message) => self.send(&message).await,
            Effect::Edit(edit) => self.edit(&edit).await,
            Effect::ClosePoll(close) => self.close_poll(&close).await,
            Effect::Await { name, until } => self.await_text(&name, until).await,
            Effect::StopAwaiting => self.stop_awaiting().await,
            Effect::Schedule(fire) => self.schedule(&fire).await,
            Effect::CancelFire { scope, subject } => self.cancel_fire(&scope, Some(&subject)).await,
            Effect::Cancel { scope, subject } => self.cancel(&scope, subject.as_deref()).await,
            Effect::StopSubject { scope, subject } => self.stop_subject(&scope, &subject).await,
            Effect::Fetch(fetch) => self.fetch(&fetch).await,
            Effect::StoreMedia { hash, content_type, file_name, content } => {
                // What the core itself makes is somebody's own data, and leaves with them.
                let owner = self.caller.filter(|_| *self.plugin == PluginId::core()).map(|caller| caller.contact.0);
                sqlx::query!(
                    r#"
                    INSERT INTO core.media (organisation_id, hash, content_type, file_name, content, contact_id, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
                    "#,
                    self.organisation_id(),
                    hash.0.as_slice(),
                    content_type,
                    file_name,
                    content,
                    owner,
                    self.now,
                )
                .execute(&mut *self.connection)
                .await?;
                Ok(())
            }
            Effect::Audit { action, subject, details } => {
                let plugin = self.plugin.clone();
                write_audit(
                    self.connection,
                    self.organisation_id(),
                    self.now,
                    plugin.as_str(),
                    &action,
                    &subject,
                    &details,
                )
                .await?;
                Ok(())
            }
            Effect::RevealsChoice { scope } => self.reveals_choice(&scope).await,
            Effect::ForgetChoices { scope, tables } => self.forget_choices(&scope, &tables).await,
        }
    }

    async fn reply(&mut self, reply: &Reply) -> Result<(), EffectError> {
        let (Some(caller), Some(account)) = (self.caller, self.origin.account) else {
            // Nobody asked, so nobody is answered.
            return Ok(());
        };
        let delivery = NewDelivery {
            account: account.0,
            conversation: Some(caller.conversation.id.0),
            address: Some(caller.address.0),
            contact: Some(caller.contact.0),
            kind: "send",
            target: None,
            message_key: reply.message_key.as_deref(),
            coalesce_key: None,
            scope: "",
            subject: "",
            purpose: Purpose::Reply,
            lane: Lane::Interactive,
            due_at: self.now,
            not_after: None,
            document: Some(&reply.document),
            variables: Value::Object(serde_json::Map::new()),
            locale: self.locale,
            reveals: reply.reveals.as_deref(),
            in_reply_to: self.origin.event.map(|sequence| sequence.0),
            report: false,
        };
        self.insert(delivery).await
    }

    async fn send(&mut self, message: &Outgoing) -> Result<(), EffectError> {
        let targets = self.targets(message.to, message.purpose).await?;
        for target in targets {
            let translated = message.translations.iter().find(|(locale, _)| *locale == target.locale);
            let document = translated.map_or(&message.document, |(_, document)| document);
            let delivery = NewDelivery {
                account: target.account,
                conversation: target.conversation,
                address: target.address,
                contact: target.contact,
                kind: "send",
                target: None,
                message_key: message.message_key.as_deref(),
                coalesce_key: message.coalesce_key.clone(),
                scope: &message.scope,
                subject: &message.subject,
                purpose: message.purpose,
                lane: message.lane,
                due_at: message.not_before.unwrap_or(self.now).max(self.now),
                not_after: message.not_after,
                document: Some(document),
                variables: Value::Object(message.variables.clone()),
                locale: target.locale,
                reveals: message.reveals.as_deref(),
                in_reply_to: None,
                report: message.report,
            };
            self.insert(delivery).await?;
        }
        Ok(())
    }

    /// Where a message goes: each person once, in the conversation they last used.
    async fn targets(&mut self, to: Recipient, purpose: Purpose) -> Result<Vec<Target>, EffectError> {
        let organisation = self.organisation_id();
        let default = self.organisation.view.default_locale;
        let rows = match to {
            Recipient::Conversation(ConversationId(conversation)) => {
                sqlx::query_as!(
                    TargetRow,
                    r#"
                    SELECT conversation.account_id AS "account!", conversation.id AS "conversation!",
                           reachability.address_id AS "address?", address.contact_id AS "contact?", contact.locale AS "locale?"
                    FROM core.conversation AS conversation
                    LEFT JOIN core.reachability AS reachability
                      ON reachability.organisation_id = conversation.organisation_id
                     AND reachability.direct_conversation_id = conversation.id
                    LEFT JOIN core.address AS address
                      ON address.organisation_id = reachability.organisation_id AND address.id = reachability.address_id
                    LEFT JOIN core.contact AS contact
                      ON contact.organisation_id = address.organisation_id AND contact.id = address.contact_id
                    WHERE conversation.organisation_id = $1 AND conversation.id = $2
                    LIMIT 1
                    "#,
                    organisation,
                    conversation,
                )
                .fetch_all(&mut *self.connection)
                .await?
            }
            Recipient::Contact(contact) => {
                sqlx::query_as!(
                    TargetRow,
                    r#"
                    SELECT reachability.account_id AS "account!", reachability.direct_conversation_id AS "conversation!",
                           address.id AS "address?", address.contact_id AS "contact?", contact.locale AS "locale?"
                    FROM core.address AS address
                    JOIN core.contact AS contact
                      ON contact.organisation_id = address.organisation_id AND contact.id = address.contact_id
                    JOIN core.reachability AS reachability
                      ON reachability.organisation_id = address.organisation_id AND reachability.address_id = address.id
                    WHERE address.organisation_id = $1 AND address.contact_id = $2
                      AND reachability.state = 'reachable' AND reachability.direct_conversation_id IS NOT NULL
                    ORDER BY reachability.since DESC
                    LIMIT 1
                    "#,
                    organisation,
                    contact.0,
                )
                .fetch_all(&mut *self.connection)
                .await?
            }
            Recipient::CallerInPrivate => return Ok(self.caller_in_private().await?.into_iter().collect()),
            Recipient::Consenting => {
                sqlx::query_as!(
                    TargetRow,
                    r#"
                    SELECT DISTINCT ON (contact.id)
                           reachability.account_id AS "account!", reachability.direct_conversation_id AS "conversation!",
                           address.id AS "address?", address.contact_id AS "contact?", contact.locale AS "locale?"
                    FROM core.consent AS consent
                    JOIN core.contact AS contact
                      ON contact.organisation_id = consent.organisation_id AND contact.id = consent.contact_id
                    JOIN core.address AS address
                      ON address.organisation_id = contact.organisation_id AND address.contact_id = contact.id
                    JOIN core.reachability AS reachability
                      ON reachability.organisation_id = address.organisation_id AND reachability.address_id = address.id
                    WHERE consent.organisation_id = $1 AND consent.purpose = $2 AND consent.withdrawn_at IS NULL
                      AND contact.status = 'active'
                      AND reachability.state = 'reachable' AND reachability.direct_conversation_id IS NOT NULL
                    ORDER BY contact.id, reachability.since DESC
                    "#,
                    organisation,
                    purpose.as_str(),
                )
                .fetch_all(&mut *self.connection)
                .await?
            }
        };
        Ok(rows
            .into_iter()
            .map(|row| Target {
                account: row.account,
                conversation: Some(row.conversation),
                address: row.address,
                contact: row.contact,
                locale: row.locale.and_then(|code| code.parse().ok()).unwrap_or(default),
            })
            .collect())
    }

    async fn caller_in_private(&mut self) -> Result<Option<Target>, EffectError> {
        let (Some(caller), Some(account)) = (self.caller, self.origin.account) else { return Ok(None) };
        let known = sqlx::query_scalar!(
            r#"
            SELECT conversation.id FROM core.reachability
            JOIN core.conversation ON conversation.organisation_id = reachability.organisation_id
                                  AND conversation.id = reachability.direct_conversation_id
            WHERE reachability.organisation_id = $1 AND reachability.account_id = $2 AND reachability.address_id = $3
              AND conversation.state = 'open'
            "#,
            self.organisation_id(),
            account.0,
            caller.address.0,
        )
        .fetch_optional(&mut *self.connection)
        .await?;
        Ok(Some(Target {
            account: account.0,
            conversation: known,
            address: Some(caller.address.0),
            contact: Some(caller.contact.0),
            locale: self.locale,
        }))
    }

    async fn edit(&mut self, edit: &Edit) -> Result<(), EffectError> {
        let here = self.caller.map(|caller| caller.conversation.id);
        let Some(conversation) = edit.conversation.or(here) else { return Ok(()) };
        let target = sqlx::query!(
            r#"
            SELECT id, account_id, address_id, contact_id, scope, subject, purpose, locale FROM core.delivery
            WHERE organisation_id = $1 AND conversation_id = $2 AND plugin_id = $3 AND message_key = $4 AND kind = 'send'
            ORDER BY sequence DESC LIMIT 1
            "#,
            self.organisation_id(),
            conversation.0,
            self.plugin.as_str(),
            edit.message_key,
        )
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(target) = target else {
            // There is nothing to replace: say it.
            let reply = Reply {
                document: edit.document.clone(),
                message_key: Some(edit.message_key.clone()),
                reveals: edit.reveals.clone(),
            };
            return if Some(conversation) == here { self.reply(&reply).await } else { Ok(()) };
        };
        let interactive = Some(conversation) == here;
        let coalesce_key =
            edit.coalesce_key.clone().unwrap_or_else(|| format!("edit:{}:{}", self.plugin, edit.message_key));
        let delivery = NewDelivery {
            account: target.account_id,
            conversation: Some(conversation.0),
            address: target.address_id,
            contact: target.contact_id,
            kind: "edit",
            target: Some(target.id),
            message_key: None,
            coalesce_key: Some(coalesce_key),
            scope: &target.scope,
            subject: &target.subject,
            // An edit changes what was already received: it needs no new consent.
            purpose: Purpose::Reply,
            lane: if interactive { Lane::Interactive } else { Lane::Bulk },
            due_at: self.now,
            not_after: None,
            document: Some(&edit.document),
            variables: Value::Object(serde_json::Map::new()),
            locale: if interactive { self.locale } else { target.locale.parse().unwrap_or(self.locale) },
            reveals: edit.reveals.as_deref(),
            in_reply_to: if interactive { self.origin.event.map(|sequence| sequence.0) } else { None },
            report: false,
        };
        self.insert(delivery).await
    }

    /// Closing a poll that was never sent has nothing to count, and nothing is heard of it.
    async fn close_poll(&mut self, close: &ClosePoll) -> Result<(), EffectError> {
        let target = sqlx::query!(
            r#"
            SELECT id, account_id FROM core.delivery
            WHERE organisation_id = $1 AND conversation_id = $2 AND plugin_id = $3 AND message_key = $4 AND kind = 'send'
            ORDER BY sequence DESC LIMIT 1
            "#,
            self.organisation_id(),
            close.conversation.0,
            self.plugin.as_str(),
            close.message_key,
        )
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(target) = target else { return Ok(()) };
        let delivery = NewDelivery {
            account: target.account_id,
            conversation: Some(close.conversation.0),
            address: None,
            contact: None,
            kind: "close_poll",
            target: Some(target.id),
            message_key: None,
            coalesce_key: Some(format!("close:{}:{}", self.plugin, close.message_key)),
            scope: &close.scope,
            subject: &close.subject,
            purpose: Purpose::Service,
            lane: Lane::Normal,
            due_at: self.now,
            not_after: None,
            document: None,
            variables: Value::Object(serde_json::Map::new()),
            locale: self.locale,
            reveals: None,
            in_reply_to: None,
            report: true,
        };
        self.insert(delivery).await
    }

    /// Writes a delivery; one with the same coalesce key that is still queued is brought up to date instead.
    async fn insert(&mut self, delivery: NewDelivery<'_>) -> Result<(), EffectError> {
        let (document_hash, body) = match (delivery.document, delivery.reveals) {
            (Some(document), Some(_)) => (None, Some(serde_json::to_value(document)?)),
            (Some(document), None) => (Some(self.store_document(document).await?), None),
            (None, _) => (None, None),
        };
        let id = self.core.random.uuid(self.now);
        // Brought up to date it goes to the end of its chat's queue, behind a target that may have come after it.
        sqlx::query!(
            r#"
            INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, address_id, contact_id,
                plugin_id, scope, subject, kind, target_delivery_id, message_key, coalesce_key, purpose, lane, state,
                due_at, not_after, document_hash, body, variables, locale, reveals, in_reply_to, report, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'queued',
                $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
            ON CONFLICT (organisation_id, conversation_id, coalesce_key) WHERE state = 'queued' AND coalesce_key IS NOT NULL
            DO UPDATE SET target_delivery_id = excluded.target_delivery_id, sequence = DEFAULT,
                document_hash = excluded.document_hash, body = excluded.body, variables = excluded.variables,
                locale = excluded.locale, reveals = excluded.reveals, in_reply_to = excluded.in_reply_to,
                due_at = least(delivery.due_at, excluded.due_at), lane = least(delivery.lane, excluded.lane)
            "#,
            self.organisation_id(),
            id,
            delivery.account,
            delivery.conversation,
            delivery.address,
            delivery.contact,
            self.plugin.as_str(),
            delivery.scope,
            delivery.subject,
            delivery.kind,
            delivery.target,
            delivery.message_key,
            delivery.coalesce_key,
            delivery.purpose.as_str(),
            delivery.lane as i16,
            delivery.due_at,
            delivery.not_after,
            document_hash.as_ref().map(|hash| hash.as_slice()),
            body,
            delivery.variables,
            delivery.locale.as_str(),
            delivery.reveals,
            delivery.in_reply_to,
            delivery.report,
            self.now,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn store_document(&mut self, document: &Document) -> Result<[u8; 32], EffectError> {
        let hash = document.hash();
        sqlx::query!(
            r#"
            INSERT INTO core.document (organisation_id, hash, body, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING
            "#,
            self.organisation_id(),
            hash.as_slice(),
            serde_json::to_value(document)?,
            self.now,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(hash)
    }

    async fn await_text(&mut self, name: &str, until: DateTime<Utc>) -> Result<(), EffectError> {
        let Some(caller) = self.caller else { return Ok(()) };
        sqlx::query!(
            r#"
            INSERT INTO core.prompt (organisation_id, conversation_id, address_id, plugin_id, awaits, awaits_until,
                                     choices, numbered, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, '[]', false, $6)
            ON CONFLICT (organisation_id, conversation_id, address_id)
            DO UPDATE SET plugin_id = excluded.plugin_id, awaits = excluded.awaits, awaits_until = excluded.awaits_until,
                          choices = '[]', numbered = false, expires_at = excluded.expires_at
            "#,
            self.organisation_id(),
            caller.conversation.id.0,
            caller.address.0,
            self.plugin.as_str(),
            name,
            until,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn stop_awaiting(&mut self) -> Result<(), EffectError> {
        let Some(caller) = self.caller else { return Ok(()) };
        sqlx::query!(
            r#"
            UPDATE core.prompt SET awaits = NULL, awaits_until = NULL
            WHERE organisation_id = $1 AND conversation_id = $2 AND address_id = $3 AND plugin_id = $4
            "#,
            self.organisation_id(),
            caller.conversation.id.0,
            caller.address.0,
            self.plugin.as_str(),
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn schedule(&mut self, fire: &Fire) -> Result<(), EffectError> {
        let plugin = self.plugin.clone();
        schedule(self.connection, self.organisation_id(), &plugin, fire).await
    }

    async fn cancel_fire(&mut self, scope: &str, subject: Option<&str>) -> Result<(), EffectError> {
        sqlx::query!(
            r#"
            DELETE FROM core.fire
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND ($4::text IS NULL OR subject = $4)
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            scope,
            subject,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn cancel(&mut self, scope: &str, subject: Option<&str>) -> Result<(), EffectError> {
        self.cancel_fire(scope, subject).await?;
        sqlx::query!(
            r#"
            UPDATE core.delivery SET state = 'cancelled', settled_at = $5, reason = 'cancelled by its plugin'
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND ($4::text IS NULL OR subject = $4)
              AND state IN ('planned', 'held', 'queued') AND kind = 'send' AND purpose <> 'reply'
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            scope,
            subject,
            self.now,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn stop_subject(&mut self, scope: &str, subject: &str) -> Result<(), EffectError> {
        sqlx::query!(
            r#"
            INSERT INTO core.stopped_subject (organisation_id, plugin_id, scope, subject, stopped_at)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            scope,
            subject,
            self.now,
        )
        .execute(&mut *self.connection)
        .await?;
        self.cancel(scope, Some(subject)).await
    }

    async fn fetch(&mut self, fetch: &Fetch) -> Result<(), EffectError> {
        sqlx::query!(
            r#"
            INSERT INTO core.fetch (organisation_id, plugin_id, scope, subject, request, payload, available_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (organisation_id, plugin_id, scope, subject) DO NOTHING
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            fetch.scope,
            fetch.subject,
            serde_json::to_value(&fetch.request)?,
            fetch.payload,
            self.now,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn reveals_choice(&mut self, scope: &str) -> Result<(), EffectError> {
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

    async fn forget_choices(&mut self, scope: &str, tables: &[String]) -> Result<(), EffectError> {
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
    super::without_time_limit(connection).await?;
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

struct TargetRow {
    account: i32,
    conversation: Uuid,
    address: Option<i64>,
    contact: Option<Uuid>,
    locale: Option<String>,
}

struct Target {
    account: i32,
    /// `None`: still to be opened with `address`.
    conversation: Option<Uuid>,
    address: Option<i64>,
    contact: Option<Uuid>,
    locale: Locale,
}

/// Schedules a fire, or moves the one with the same scope and subject.
pub(crate) async fn schedule(
    connection: &mut PgConnection,
    organisation: i32,
    plugin: &PluginId,
    fire: &Fire,
) -> Result<(), EffectError> {
    if let Some(repeat) = &fire.repeat {
        crate::calendar::next_occurrence(&repeat.cron, repeat.time_zone, fire.due_at)
            .map_err(|error| EffectError::Refused(error.to_string()))?;
    }
    let (misfire, within) = match fire.misfire {
        Misfire::Skip => ("skip", None),
        Misfire::RunOnce => ("run_once", None),
        Misfire::SendIfWithin { seconds } => ("send_if_within", Some(i32::try_from(seconds).unwrap_or(i32::MAX))),
    };
    sqlx::query!(
        r#"
        INSERT INTO core.fire (organisation_id, plugin_id, scope, subject, due_at, misfire, within_seconds, cron,
                               time_zone, payload, state, available_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', $5)
        ON CONFLICT (organisation_id, plugin_id, scope, subject)
        DO UPDATE SET due_at = excluded.due_at, misfire = excluded.misfire, within_seconds = excluded.within_seconds,
                      cron = excluded.cron, time_zone = excluded.time_zone, payload = excluded.payload,
                      state = 'waiting', attempts = 0, available_at = excluded.available_at, reason = NULL
        "#,
        organisation,
        plugin.as_str(),
        fire.scope,
        fire.subject,
        fire.due_at,
        misfire,
        within,
        fire.repeat.as_ref().map(|repeat| repeat.cron.as_str()),
        fire.repeat.as_ref().map(|repeat| repeat.time_zone.name()),
        fire.payload,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn write_audit(
    connection: &mut PgConnection,
    organisation: i32,
    now: DateTime<Utc>,
    actor: &str,
    action: &str,
    subject: &str,
    details: &Value,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO core.audit (organisation_id, happened_at, actor, action, subject, details)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        organisation,
        now,
        actor,
        action,
        subject,
        details,
    )
    .execute(connection)
    .await?;
    Ok(())
}
