//! One delivery, from lease to settled.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::gates::Gates;
use super::permission;
use super::places::conversation_of;
use super::private_links;
use super::queue::{self, Claimed, End, StoredPart};
use super::verdicts::{ATTEMPTS_MAX, refuse};
use crate::action::ActionPayload;
use crate::adapter::{ConversationRef, RemoteIds, RemoteMediaId, SendRequest, Verdict};
use crate::core::{Account, Core};
use crate::dispatcher::pause;
use crate::ids::PluginId;
use crate::message::{Document, Layout, MediaHash, template};
use crate::store::media::MediaStore;

/// A platform call that takes longer has an unknown outcome.
const CALL_TIME_MAX: Duration = Duration::from_secs(45);

#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}

/// What a delivery says and where.
struct Letter {
    conversation: ConversationRef,
    layout: Layout,
}

/// Where one step leaves a delivery.
pub(super) enum Step<T> {
    Go(T),
    /// It has been settled or given back.
    Over,
}

macro_rules! go {
    ($step:expr) => {
        match $step {
            Step::Go(value) => value,
            Step::Over => return Ok(()),
        }
    };
}

pub(crate) async fn deliver(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    mut claimed: Claimed,
) -> Result<(), DeliverError> {
    if let Some((end, reason)) = queue::objection(core, &claimed).await? {
        // What may already have gone out cannot be called suppressed.
        let uncertain = queue::remote_ids_of(core, claimed.organisation, claimed.id.0)
            .await?
            .iter()
            .any(|part| part.state == "sending");
        let end = if uncertain { End::Unknown } else { end };
        queue::settle(core, &claimed, end, Some(&reason), None).await?;
        return Ok(());
    }
    if claimed.kind == "send" && claimed.proactive && !permission::granted(core, &claimed).await? {
        return Ok(());
    }
    let conversation = go!(conversation_of(core, account, gates, &mut claimed).await?);
    if claimed.kind == "close_poll" {
        return close_poll(core, account, gates, &claimed, &conversation).await;
    }
    let letter = go!(compose(core, account, &claimed, conversation).await?);
    match claimed.kind.as_str() {
        "delete" | "pin" => change(core, account, gates, &claimed, &letter).await,
        "edit" => edit(core, account, gates, &mut claimed, &letter).await,
        _ => send(core, account, gates, &claimed, &letter).await,
    }
}

/// The database went away in the middle: gives the delivery back once it is there again. Until then the lease
/// holds, and afterwards it is rescued.
pub(crate) async fn give_back_when_possible(core: &Core, claimed: &Claimed) {
    for _ in 0..240 {
        if queue::requeue(core, claimed, None, false).await.is_ok() {
            return;
        }
        pause(Duration::from_millis(500)).await;
    }
}

/// Fills and renders the document. Rendering is pure, so a retry says the same, byte for byte; should an update of
/// the program render otherwise between two parts, the message is not continued.
async fn compose(
    core: &Core,
    account: &Account,
    claimed: &Claimed,
    conversation: ConversationRef,
) -> Result<Step<Letter>, DeliverError> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(delivery.body, document.body) AS body, delivery.variables, delivery.rendered_hash
        FROM core.delivery
        LEFT JOIN core.document ON document.organisation_id = delivery.organisation_id
                               AND document.hash = delivery.document_hash
        WHERE delivery.organisation_id = $1 AND delivery.id = $2
        "#,
        claimed.organisation.0,
        claimed.id.0,
    )
    .fetch_one(&core.pool)
    .await?;
    let variables = match row.variables {
        serde_json::Value::Object(variables) => variables,
        _ => serde_json::Map::new(),
    };
    let document = row.body.map(serde_json::from_value::<Document>);
    let filled = match document {
        Some(Ok(document)) => template::fill(&document, &variables).map_err(|error| error.to_string()),
        Some(Err(error)) => Err(format!("its document cannot be read: {error}")),
        None => Err("its content is gone".to_owned()),
    };
    let document = match filled {
        Ok(document) => document,
        Err(reason) => {
            queue::settle(core, claimed, End::Failed, Some(&reason), None).await?;
            return Ok(Step::Over);
        }
    };
    let (Some(organisation), Ok(plugin), Some(place)) =
        (core.organisation(claimed.organisation), claimed.plugin.parse::<PluginId>(), claimed.conversation)
    else {
        queue::settle(core, claimed, End::Failed, Some("its plugin or organisation is not known here"), None).await?;
        return Ok(Step::Over);
    };
    let link = |payload: &str| account.adapter.private_link(Some(payload));
    let document = private_links::fill(document, claimed.locale.parse().unwrap_or_default(), &link);
    let seal = |payload: &ActionPayload| organisation.sealer.seal(&plugin, place, payload);
    let layout = account.adapter.render(&document, &conversation, &seal);
    if layout.parts.is_empty() {
        queue::settle(core, claimed, End::Failed, Some("it says nothing"), None).await?;
        return Ok(Step::Over);
    }
    let rendered = serde_json::to_vec(&layout.parts).unwrap_or_default();
    let rendered_hash = Sha256::digest(&rendered);
    match row.rendered_hash {
        Some(before) if before != rendered_hash.as_slice() && claimed.attempts > 1 => {
            let begun = queue::remote_ids_of(core, claimed.organisation, claimed.id.0).await?;
            if begun.iter().any(|part| part.state != "planned") {
                let reason = "it renders otherwise than when it was begun, and is not continued";
                queue::settle(core, claimed, End::Unknown, Some(reason), None).await?;
                return Ok(Step::Over);
            }
        }
        _ => {}
    }
    sqlx::query!(
        "UPDATE core.delivery SET rendered_hash = $3 WHERE organisation_id = $1 AND id = $2",
        claimed.organisation.0,
        claimed.id.0,
        rendered_hash.as_slice(),
    )
    .execute(&core.pool)
    .await?;
    Ok(Step::Go(Letter { conversation, layout }))
}

async fn send(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &Claimed,
    letter: &Letter,
) -> Result<(), DeliverError> {
    let stored = queue::parts(&core.pool, claimed, letter.layout.parts.len()).await?;
    let in_reply_to = acknowledgement_of(core, account, claimed).await?;
    for (index, part) in letter.layout.parts.iter().enumerate() {
        let before = stored.get(index);
        if before.is_some_and(|part| part.state == "sent") {
            continue;
        }
        go!(admit(core, account, gates, claimed, &letter.conversation).await?);
        let media = match part.media() {
            Some(hash) => go!(upload(core, account, claimed, hash).await?),
            None => None,
        };
        let row_index = i16::try_from(index).unwrap_or(i16::MAX);
        let request = SendRequest {
            conversation: &letter.conversation,
            part,
            delivery: claimed.id,
            index: u16::try_from(index).unwrap_or(u16::MAX),
            media: media.as_ref(),
            locale: claimed.locale.parse().unwrap_or_default(),
            in_reply_to: in_reply_to.as_ref(),
            reveals: claimed.reveals.as_deref(),
        };
        let verdict = send_part(core, account, claimed, &request, before, row_index).await?;
        match verdict {
            Some(Verdict::Sent(ids)) => queue::settle_part(core, claimed, row_index, "sent", Some(&ids)).await?,
            Some(other) => {
                let uncertain = matches!(other, Verdict::Unknown { .. });
                queue::settle_part(core, claimed, row_index, if uncertain { "unknown" } else { "planned" }, None)
                    .await?;
                return refuse(core, account, Some(gates), claimed, other).await;
            }
            // The lease is no longer ours.
            None => return Ok(()),
        }
    }
    queue::settle(core, claimed, End::Sent, None, Some(&letter.layout)).await?;
    Ok(())
}

/// One call that creates a message, or the clearing up of one whose outcome is unknown.
async fn send_part(
    core: &Core,
    account: &Account,
    claimed: &Claimed,
    request: &SendRequest<'_>,
    before: Option<&StoredPart>,
    index: i16,
) -> Result<Option<Verdict<RemoteIds>>, DeliverError> {
    let window = account.adapter.idempotent_for();
    let begun = before.filter(|part| part.state == "sending").and_then(|part| part.sending_since);
    if let Some(since) = begun
        && core.clock.now() - since >= window
    {
        // The platform no longer recognises a second try: ask it what it has.
        match timed(account.adapter.reconcile(request, since)).await {
            Verdict::Retry { .. } => {}
            other => return Ok(Some(other)),
        }
    }
    if !queue::mark_sending(core, claimed, index).await? {
        if let Some((end, reason)) = queue::objection(core, claimed).await? {
            queue::settle(core, claimed, end, Some(&reason), None).await?;
        }
        return Ok(None);
    }
    let since = begun.unwrap_or_else(|| core.clock.now());
    let verdict = timed(account.adapter.send(request)).await;
    Ok(Some(match verdict {
        // Recognised a second time, so trying again is safe while the window lasts.
        Verdict::Unknown { reason } if core.clock.now() - since < window && claimed.attempts < ATTEMPTS_MAX => {
            Verdict::Retry { reason }
        }
        Verdict::Unknown { reason } => match timed(account.adapter.reconcile(request, since)).await {
            Verdict::Sent(ids) => Verdict::Sent(ids),
            Verdict::Retry { reason } => Verdict::Retry { reason },
            _ => Verdict::Unknown { reason },
        },
        other => other,
    }))
}

async fn edit(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &mut Claimed,
    letter: &Letter,
) -> Result<(), DeliverError> {
    let target = match claimed.target {
        Some(target) => queue::remote_ids_of(core, claimed.organisation, target.0).await?,
        None => Vec::new(),
    };
    let shown: Vec<&RemoteIds> = target.iter().filter_map(|part| part.remote_ids.as_ref()).collect();
    let editable = account.adapter.capabilities(&letter.conversation).edits
        && shown.len() == letter.layout.parts.len()
        && shown.len() == target.len()
        && letter.layout.parts.iter().all(|part| part.media().is_none());
    if !editable {
        return replace(core, account, gates, claimed, letter, &shown).await;
    }
    for (index, (part, sent)) in letter.layout.parts.iter().zip(&shown).enumerate() {
        go!(admit(core, account, gates, claimed, &letter.conversation).await?);
        let request = SendRequest {
            conversation: &letter.conversation,
            part,
            delivery: claimed.id,
            index: u16::try_from(index).unwrap_or(u16::MAX),
            media: None,
            locale: claimed.locale.parse().unwrap_or_default(),
            in_reply_to: None,
            reveals: claimed.reveals.as_deref(),
        };
        match timed(account.adapter.edit(&request, sent)).await {
            Verdict::Sent(_) => {}
            // Saying the same again is harmless, so an unknown outcome is tried again.
            Verdict::Unknown { reason } => {
                return refuse(core, account, Some(gates), claimed, Verdict::Retry { reason }).await;
            }
            // The message is gone or too old to be edited.
            Verdict::Rejected { .. } => return replace(core, account, gates, claimed, letter, &[]).await,
            other => return refuse(core, account, Some(gates), claimed, other).await,
        }
    }
    queue::settle(core, claimed, End::Sent, None, Some(&letter.layout)).await?;
    Ok(())
}

/// An edit that cannot be made in place: the old message is removed where that is possible, and the new one sent,
/// under the old one's name so that the next edit finds it.
async fn replace(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &mut Claimed,
    letter: &Letter,
    shown: &[&RemoteIds],
) -> Result<(), DeliverError> {
    for sent in shown {
        // Left standing, the old message is only untidy.
        let _ = timed(account.adapter.delete(&letter.conversation, sent)).await;
    }
    sqlx::query!(
        r#"
        UPDATE core.delivery AS delivery
        SET kind = 'send', target_delivery_id = NULL, message_key = target.message_key
        FROM core.delivery AS target
        WHERE delivery.organisation_id = $1 AND delivery.id = $2
          AND target.organisation_id = delivery.organisation_id AND target.id = delivery.target_delivery_id
        "#,
        claimed.organisation.0,
        claimed.id.0,
    )
    .execute(&core.pool)
    .await?;
    claimed.kind = "send".to_owned();
    claimed.target = None;
    send(core, account, gates, claimed, letter).await
}

/// Deletes or pins what a delivery became.
async fn change(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &Claimed,
    letter: &Letter,
) -> Result<(), DeliverError> {
    let target = match claimed.target {
        Some(target) => queue::remote_ids_of(core, claimed.organisation, target.0).await?,
        None => Vec::new(),
    };
    for sent in target.iter().filter_map(|part| part.remote_ids.as_ref()) {
        go!(admit(core, account, gates, claimed, &letter.conversation).await?);
        let verdict = if claimed.kind == "pin" {
            timed(account.adapter.pin(&letter.conversation, sent)).await
        } else {
            timed(account.adapter.delete(&letter.conversation, sent)).await
        };
        match verdict {
            Verdict::Sent(()) => {}
            Verdict::Unknown { reason } => {
                return refuse(core, account, Some(gates), claimed, Verdict::Retry { reason }).await;
            }
            other => {
                return refuse(core, account, Some(gates), claimed, other.map_sent(|()| RemoteIds(Vec::new()))).await;
            }
        }
    }
    queue::settle(core, claimed, End::Sent, None, None).await?;
    Ok(())
}

/// Closes a native poll; its plugin hears what was counted.
async fn close_poll(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &Claimed,
    conversation: &ConversationRef,
) -> Result<(), DeliverError> {
    let target = match claimed.target {
        Some(target) => queue::remote_ids_of(core, claimed.organisation, target.0).await?,
        None => Vec::new(),
    };
    // A message around the poll is a part of its own; the poll comes last.
    let Some(sent) = target.iter().filter_map(|part| part.remote_ids.as_ref()).next_back() else {
        queue::settle(core, claimed, End::Failed, Some("the poll was never sent"), None).await?;
        return Ok(());
    };
    go!(admit(core, account, gates, claimed, conversation).await?);
    match timed(account.adapter.close_poll(conversation, sent)).await {
        Verdict::Sent(counts) => {
            queue::settle_counted(core, claimed, counts).await?;
        }
        // Closing what is closed only counts again.
        Verdict::Unknown { reason } => {
            refuse(core, account, Some(gates), claimed, Verdict::Retry { reason }).await?;
        }
        other => refuse(core, account, Some(gates), claimed, other.map_sent(|_| RemoteIds(Vec::new()))).await?,
    }
    Ok(())
}

/// Asks the gates for one call; gives the delivery back when they are closed.
async fn admit(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &Claimed,
    place: &ConversationRef,
) -> Result<Step<()>, DeliverError> {
    let Some(conversation) = claimed.conversation else { return Ok(Step::Go(())) };
    let now = core.clock.now();
    let admitted = {
        let mut gates = gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.admit(now, conversation, place.kind, claimed.lane)
    };
    match admitted {
        Ok(()) => Ok(Step::Go(())),
        Err(closed) if closed.scope == crate::adapter::GateScope::Conversation => {
            let key = conversation.to_string();
            queue::close_gate(core, account.organisation, account.id, closed.scope, &key, closed.opens_at).await?;
            queue::requeue(core, claimed, None, false).await?;
            Ok(Step::Over)
        }
        Err(closed) => {
            // Interactive messages may pass a door that is closed to bulk, so this is no row: it waits by itself.
            queue::requeue(core, claimed, Some(closed.opens_at), false).await?;
            Ok(Step::Over)
        }
    }
}

/// What the platform calls a file: asked once per account, and kept.
async fn upload(
    core: &Core,
    account: &Account,
    claimed: &Claimed,
    hash: MediaHash,
) -> Result<Step<Option<RemoteMediaId>>, DeliverError> {
    let known = sqlx::query_scalar!(
        "SELECT remote_id FROM core.media_upload WHERE organisation_id = $1 AND account_id = $2 AND media_hash = $3",
        claimed.organisation.0,
        account.id.0,
        hash.0.as_slice(),
    )
    .fetch_optional(&core.pool)
    .await?;
    if let Some(remote) = known {
        return Ok(Step::Go(Some(RemoteMediaId(remote))));
    }
    let Some(media) = MediaStore::new(core.pool.clone(), claimed.organisation).read(hash).await? else {
        queue::settle(core, claimed, End::Failed, Some("its picture or file is no longer there"), None).await?;
        return Ok(Step::Over);
    };
    match timed(account.adapter.upload(&media)).await {
        Verdict::Sent(remote) => {
            sqlx::query!(
                r#"
                INSERT INTO core.media_upload (organisation_id, account_id, media_hash, remote_id, uploaded_at)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                "#,
                claimed.organisation.0,
                account.id.0,
                hash.0.as_slice(),
                remote.0,
                core.clock.now(),
            )
            .execute(&core.pool)
            .await?;
            Ok(Step::Go(Some(remote)))
        }
        other => {
            let other = match other {
                // A file given twice is only a waste.
                Verdict::Unknown { reason } => Verdict::Retry { reason },
                other => other,
            };
            refuse(core, account, None, claimed, other.map_sent(|_| RemoteIds(Vec::new()))).await?;
            Ok(Step::Over)
        }
    }
}

async fn acknowledgement_of(
    core: &Core,
    account: &Account,
    claimed: &Claimed,
) -> Result<Option<serde_json::Value>, sqlx::Error> {
    let Some(sequence) = claimed.in_reply_to else { return Ok(None) };
    let found = sqlx::query_scalar!(
        "SELECT acknowledgement FROM core.inbox WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3",
        claimed.organisation.0,
        account.id.0,
        sequence,
    )
    .fetch_optional(&core.pool)
    .await?;
    Ok(found.flatten())
}

/// A call that never comes back has an unknown outcome.
pub(super) async fn timed<T>(call: impl Future<Output = Verdict<T>>) -> Verdict<T> {
    let started = std::time::Instant::now();
    let verdict = match tokio::time::timeout(CALL_TIME_MAX, call).await {
        Ok(verdict) => verdict,
        Err(_) => Verdict::Unknown { reason: format!("no answer within {} s", CALL_TIME_MAX.as_secs()) },
    };
    metrics::histogram!("crieur_platform_call_seconds").record(started.elapsed().as_secs_f64());
    metrics::counter!("crieur_verdicts_total", "verdict" => verdict.name()).increment(1);
    verdict
}
