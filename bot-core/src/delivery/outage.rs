//! After an outage: a platform that keeps a press only for seconds (see [`Adapter::presses_kept_for`]) has dropped
//! what people answered meanwhile, and they believe that they answered. They are asked again, once.
//!
//! [`Adapter::presses_kept_for`]: crate::adapter::Adapter::presses_kept_for

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::adapter::AccountHealth;
use crate::core::{Account, Core};
use crate::dispatcher::pause;
use crate::locale::Locale;
use crate::message::{Block, Document};
use crate::people::text;

/// How often it is noted that the account receives.
const NOTED_EVERY: Duration = Duration::from_secs(5);
/// A shorter outage is a restart: whoever pressed meanwhile has hardly looked away.
const OUTAGE_MIN: TimeDelta = TimeDelta::seconds(60);
/// A question that was shown longer before the outage than this has been forgotten by its reader.
const QUESTION_AGE_MAX: TimeDelta = TimeDelta::hours(24);

/// Notes until when the account receives, and asks again after an outage.
pub(super) async fn watch(core: &Core, account: &Account, stop: &CancellationToken) {
    let Some(kept_for) = account.adapter.presses_kept_for() else { return };
    let mut look = Look::Away;
    loop {
        // One that is degraded may have lost its connection without its process.
        let receives = account.adapter.health() == AccountHealth::Ready;
        look = match look {
            _ if !receives => Look::Away,
            // What waited at the platform comes in first: whoever has answered after all is not asked again.
            Look::Away => Look::Back,
            Look::Back => match catch_up(core, account, kept_for.max(OUTAGE_MIN)).await {
                Ok(()) => Look::Receiving,
                Err(error) => {
                    tracing::warn!("It cannot be seen how long account {} was away: {error}", account.name);
                    Look::Back
                }
            },
            // While it received without a break there was no outage, however the clock went.
            Look::Receiving => Look::Receiving,
        };
        if look == Look::Receiving
            && let Err(error) = note(core, account).await
        {
            tracing::warn!("It cannot be noted that account {} receives: {error}", account.name);
        }
        let wait = if look == Look::Away { Duration::from_millis(500) } else { NOTED_EVERY };
        if stop.run_until_cancelled(pause(wait)).await.is_none() {
            return;
        }
    }
}

/// What the last look at the account saw.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Away,
    /// It receives, since one look.
    Back,
    Receiving,
}

/// Asks again what an outage of more than `outage_min` may have swallowed. Not within a lock on the account, whose
/// events wait for nobody; asked a second time, it finds the questions asked.
async fn catch_up(core: &Core, account: &Account, outage_min: TimeDelta) -> Result<(), sqlx::Error> {
    let now = core.clock.now();
    let mut transaction = core.pool.begin().await?;
    let before = sqlx::query_scalar!(
        "SELECT receiving_until FROM core.account WHERE organisation_id = $1 AND id = $2",
        account.organisation.0,
        account.id.0,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let Some(before) = before.filter(|before| now - *before > outage_min) else { return Ok(()) };
    let asked = ask_again(core, account, &mut transaction, before, now).await?;
    transaction.commit().await?;
    if asked > 0 {
        tracing::info!(
            account.name = account.name,
            "Account {} was away: {asked} questions are asked again",
            account.name
        );
        core.wake.delivery.notify_waiters();
        core.did_something();
    }
    Ok(())
}

/// Notes that the account receives now.
async fn note(core: &Core, account: &Account) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE core.account SET receiving_until = $3 WHERE organisation_id = $1 AND id = $2",
        account.organisation.0,
        account.id.0,
        core.clock.now(),
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// Repeats the last question of each direct chat that was open to an answer when the outage began, and has heard
/// nothing from its reader since. A question that was repeated already is not repeated a second time.
async fn ask_again(
    core: &Core,
    account: &Account,
    connection: &mut PgConnection,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    let questions = sqlx::query!(
        r#"
        SELECT question.id, question.locale, coalesce(question.body, document.body) AS body,
               question.reveals IS NOT NULL AS "shows_choice!"
        FROM core.prompt
        JOIN core.conversation ON conversation.organisation_id = prompt.organisation_id
                              AND conversation.id = prompt.conversation_id AND conversation.state = 'open'
        CROSS JOIN LATERAL (
            SELECT * FROM core.delivery
            WHERE delivery.organisation_id = prompt.organisation_id AND delivery.conversation_id = prompt.conversation_id
              AND delivery.address_id = prompt.address_id AND delivery.kind IN ('send', 'edit')
              AND delivery.state = 'sent' AND delivery.plugin_id = prompt.plugin_id
            ORDER BY delivery.sequence DESC LIMIT 1
        ) AS question
        LEFT JOIN core.document ON document.organisation_id = question.organisation_id
                               AND document.hash = question.document_hash
        WHERE prompt.organisation_id = $1 AND conversation.account_id = $2 AND conversation.kind = 'direct'
          AND prompt.expires_at > $3 AND prompt.choices <> '[]'
          AND question.settled_at BETWEEN $4 AND $5
          AND question.coalesce_key IS DISTINCT FROM 'core:again'
          -- What nobody asked for is never sent a second time: its sender has counted it.
          AND question.purpose NOT IN ('consultation', 'reminder', 'digest')
          AND (question.not_after IS NULL OR question.not_after > $5)
          AND NOT EXISTS (
              SELECT FROM core.inbox
              WHERE inbox.organisation_id = prompt.organisation_id AND inbox.conversation_id = prompt.conversation_id
                AND inbox.address_id = prompt.address_id AND inbox.received_at > question.settled_at
          )
        "#,
        account.organisation.0,
        account.id.0,
        now,
        since - QUESTION_AGE_MAX,
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut asked = 0;
    for question in questions {
        let locale: Locale = question.locale.parse().unwrap_or_default();
        let Some(Ok(mut document)) = question.body.map(serde_json::from_value::<Document>) else { continue };
        if document.choices.is_empty() {
            continue;
        }
        let notice = text(locale, "outage-again", &[]);
        document.blocks.insert(0, Block::Paragraph { text: notice.into() });
        let hash = document.hash();
        let body = serde_json::to_value(&document).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        if !question.shows_choice {
            sqlx::query!(
                r#"
                INSERT INTO core.document (organisation_id, hash, body, created_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING
                "#,
                account.organisation.0,
                hash.as_slice(),
                body,
                now,
            )
            .execute(&mut *connection)
            .await?;
        }
        // Under the name of the message it repeats, so that the next edit finds it.
        asked += sqlx::query!(
            r#"
            INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, address_id, contact_id,
                plugin_id, scope, subject, kind, message_key, coalesce_key, purpose, lane, state, due_at,
                not_after, document_hash, body, variables, locale, reveals, created_at)
            SELECT question.organisation_id, $3, question.account_id, question.conversation_id, question.address_id,
                question.contact_id, question.plugin_id, question.scope, question.subject, 'send',
                coalesce(question.message_key, target.message_key), 'core:again', question.purpose, 1, 'queued', $4,
                question.not_after, CASE WHEN question.reveals IS NULL THEN $5::bytea END,
                CASE WHEN question.reveals IS NOT NULL THEN $6::jsonb END,
                question.variables, question.locale, question.reveals, $4
            FROM core.delivery AS question
            LEFT JOIN core.delivery AS target ON target.organisation_id = question.organisation_id
                                             AND target.id = question.target_delivery_id
            WHERE question.organisation_id = $1 AND question.id = $2
            ON CONFLICT DO NOTHING
            "#,
            account.organisation.0,
            question.id,
            core.random.uuid(now),
            now,
            hash.as_slice(),
            body,
        )
        .execute(&mut *connection)
        .await?
        .rows_affected() as usize;
    }
    Ok(asked)
}
