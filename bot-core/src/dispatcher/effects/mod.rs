//! Turns what a handler asked for into rows, in the handler's own transaction.

mod batch;
mod consent;
mod forgetting;
mod recipients;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

pub use self::consent::withdraw_consent;
pub(crate) use self::consent::write_consent;
pub(crate) use self::forgetting::{FIRE_FORGET, FIRE_VACUUM, forget};

use self::recipients::Target;
use crate::calendar::sending::SendingRule;
use crate::core::{Core, Organisation};
use crate::ids::{AccountId, InboxSequence, PluginId};
use crate::locale::Locale;
use crate::message::Document;
use crate::plugin::{
    Caller, ClosePoll, Context, Edit, Effect, Event, Fetch, Fire, Lane, Misfire, Note, Outgoing, Purpose, Reply,
    Subscription,
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

pub(crate) const FIRE_OUTCOME: &str = "core:delivery-outcome";
pub(crate) const FIRE_EVENT: &str = "core:event";

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
    sending_rule: Option<&'d SendingRule>,
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
            Effect::SendEach { messages } => self.send_each(&messages).await,
            Effect::Consent { purpose, wording } => self.give_consent(purpose, &wording).await,
            Effect::WithdrawConsent { purpose } => self.withdraw_consent(purpose).await,
            // The dispatcher has taken it out, where somebody called.
            Effect::HandOver(_) => Ok(()),
            Effect::Note(note) => self.note(note).await,
            Effect::Edit(edit) => self.edit(&edit).await,
            Effect::ClosePoll(close) => self.close_poll(&close).await,
            Effect::Await { name, until } => self.await_text(&name, until).await,
            Effect::StopAwaiting => self.stop_awaiting().await,
            Effect::Schedule(fire) => self.schedule(&fire).await,
            Effect::CancelFire { scope, subject } => self.cancel_fire(&scope, Some(&subject)).await,
            Effect::Cancel { scope, subject } => self.cancel(&scope, subject.as_deref()).await,
            Effect::CancelMessages { scope, subject, message_keys } => {
                self.cancel_messages(&scope, &subject, &message_keys).await
            }
            Effect::StopSubjects { scope, subjects } => {
                for subject in subjects {
                    self.stop_subject(&scope, &subject).await?;
                }
                Ok(())
            }
            Effect::ResumeSubject { scope, subject } => self.resume_subject(&scope, &subject).await,
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
            sending_rule: None,
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
        // What may be brought up to date, or forgotten, is written one by one.
        if message.coalesce_key.is_none() && message.reveals.is_none() && targets.len() > 1 {
            let deliveries = targets.iter().map(|target| self.addressed(message, target)).collect();
            return self.insert_many(deliveries).await;
        }
        for target in &targets {
            self.insert(self.addressed(message, target)).await?;
        }
        Ok(())
    }

    /// `message` to one of its recipients, in their language.
    fn addressed<'m>(&self, message: &'m Outgoing, target: &Target) -> NewDelivery<'m> {
        let locale = message.locale.unwrap_or(target.locale);
        let translated = message.translations.iter().find(|(translated, _)| *translated == locale);
        NewDelivery {
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
            sending_rule: message.sending_rule.as_ref(),
            document: Some(translated.map_or(&message.document, |(_, document)| document)),
            variables: Value::Object(message.variables.clone()),
            locale,
            reveals: message.reveals.as_deref(),
            in_reply_to: None,
            report: message.report,
        }
    }

    /// Plugins that asked for notes hear of it by a fire each, so that they cannot hold up this call.
    async fn note(&mut self, note: Note) -> Result<(), EffectError> {
        let news = serde_json::to_value(Event::Noted { by: self.plugin.clone(), note })?;
        let listeners: Vec<PluginId> = self
            .core
            .plugins
            .values()
            .map(|host| host.manifest())
            .filter(|manifest| manifest.id != *self.plugin && manifest.subscriptions.contains(&Subscription::Notes))
            .map(|manifest| manifest.id.clone())
            .collect();
        for listener in listeners {
            let fire = Fire {
                scope: FIRE_EVENT.to_owned(),
                subject: format!("noted {}", self.core.random.uuid(self.now)),
                due_at: self.now,
                misfire: Misfire::RunOnce,
                payload: news.clone(),
                repeat: None,
            };
            schedule(self.connection, self.organisation_id(), &listener, &fire).await?;
        }
        Ok(())
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
            sending_rule: None,
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
            sending_rule: None,
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
                due_at, not_after, document_hash, body, variables, locale, reveals, in_reply_to, report, created_at,
                sending_rule)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'queued',
                $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
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
            delivery.sending_rule.map(Json) as _,
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
            UPDATE core.delivery
            SET state = CASE WHEN state = 'leased' THEN state ELSE 'cancelled' END, called_off_at = $5::timestamptz,
                settled_at = CASE WHEN state = 'leased' THEN NULL ELSE $5::timestamptz END, reason = 'cancelled by its plugin'
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND ($4::text IS NULL OR subject = $4)
              AND state IN ('planned', 'held', 'queued', 'leased') AND kind = 'send' AND purpose <> 'reply'
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

    async fn cancel_messages(&mut self, scope: &str, subject: &str, keys: &[String]) -> Result<(), EffectError> {
        sqlx::query!(
            r#"
            UPDATE core.delivery
            SET state = CASE WHEN state = 'leased' THEN state ELSE 'cancelled' END, called_off_at = $6::timestamptz,
                settled_at = CASE WHEN state = 'leased' THEN NULL ELSE $6::timestamptz END, reason = 'cancelled by its plugin'
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND subject = $4 AND message_key = ANY($5)
              AND state IN ('planned', 'held', 'queued', 'leased') AND kind = 'send' AND purpose <> 'reply'
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            scope,
            subject,
            keys,
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

    async fn resume_subject(&mut self, scope: &str, subject: &str) -> Result<(), EffectError> {
        sqlx::query!(
            r#"
            DELETE FROM core.stopped_subject
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND subject = $4
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
