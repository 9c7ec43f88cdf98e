//! `/effacer`: removes a person on every linked address, at once and without waiting for a plugin. Plugins hear of
//! it by a fire each, which waits for the one that is disabled.
//!
//! What stays: counts (deliveries and consultations without the person), the audit log (which names addresses and
//! contacts by number only), the roll of consultations as keyed hashes (so that coming back does not give a second
//! ballot), and a keyed hash of the organiser's own key for them (so that an import does not bring them back).

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{VERB_ERASE, action, invitation, refuse_in_group, say, text};
use crate::core::{Core, Organisation};
use crate::dispatcher::{DispatchError, FIRE_EVENT, schedule};
use crate::i18n::Argument;
use crate::ids::{ContactId, OrganisationId, PluginId};
use crate::message::Document;
use crate::plugin::{Context, Event, Fire, Lane, Misfire, Outgoing, Purpose, Recipient, Subscription};

/// The core's own fire that takes a chat's name.
pub(crate) const FIRE_UNNAME: &str = "unname";
/// Long enough for the farewell.
const UNNAMED_AFTER: TimeDelta = TimeDelta::minutes(10);

pub(super) async fn erase(
    core: &Core,
    organisation: &Organisation,
    context: &mut Context,
    confirmed: Option<bool>,
) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let locale = context.locale;
    match confirmed {
        None => {
            let arguments = [("organisation", Argument::from(context.organisation.title.clone()))];
            context.reply(
                Document::says(text(locale, "erase-ask", &arguments))
                    .paragraph(text(locale, "erase-removed", &[]))
                    .paragraph(text(locale, "erase-kept", &[]))
                    .choice(text(locale, "erase-yes", &[]), action(&[VERB_ERASE, 1]))
                    .choice(text(locale, "erase-no", &[]), action(&[VERB_ERASE, 0])),
            );
            return Ok(());
        }
        Some(false) => {
            say(context, "erase-cancelled", &[]);
            return Ok(());
        }
        Some(true) => {}
    }
    let id = organisation.view.id.0;
    for host in core.plugins.values().filter(|host| host.manifest().subscriptions.contains(&Subscription::Erasures)) {
        let news = Event::ContactErased { contact: caller.contact, addresses: caller.addresses.clone() };
        let fire = Fire {
            scope: FIRE_EVENT.to_owned(),
            subject: format!("erased {}", caller.contact),
            due_at: context.now,
            misfire: Misfire::RunOnce,
            payload: serde_json::to_value(news)?,
            repeat: None,
        };
        schedule(&mut context.transaction, id, &host.manifest().id, &fire).await?;
    }
    remember_forgotten(organisation, context, caller.contact.0).await?;
    remove(context, caller.contact.0).await?;
    context.audit("contact.erased", "", json!({ "addresses": caller.addresses.len() }));
    // The farewell goes to the chat: there is no longer a person to send it to.
    let mut farewell = Outgoing::new(
        Recipient::Conversation(caller.conversation.id),
        Purpose::Service,
        "erasure",
        Document::says(text(locale, "erase-done", &[])),
    );
    farewell.lane = Lane::Interactive;
    context.send(farewell);
    context.caller = None;
    Ok(())
}

/// Takes the name from a direct chat whose person erased themselves and has not come back.
pub(crate) async fn unname(
    transaction: &mut Transaction<'static, Postgres>,
    organisation: OrganisationId,
    chat: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE core.conversation SET platform_ref = 'erased:' || id::text, state = 'closed', migrated_to = NULL
        WHERE organisation_id = $1 AND id::text = $2 AND erased_at IS NOT NULL
        "#,
        organisation.0,
        chat,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Keeps keyed digests of the organiser's own keys for this person and their former selves, so that the next import of
/// the same list leaves them alone. Names, fields, groups and history leave with the contact.
async fn remember_forgotten(
    organisation: &Organisation,
    context: &mut Context,
    contact: Uuid,
) -> Result<(), DispatchError> {
    let known = sqlx::query_scalar!(
        r#"
        WITH RECURSIVE self AS (
            SELECT id FROM core.contact WHERE organisation_id = $1 AND id = $2
            UNION
            SELECT former.id FROM core.contact AS former JOIN self ON former.merged_into = self.id
            WHERE former.organisation_id = $1
        )
        SELECT contact.external_id AS "external_id!" FROM core.contact JOIN self ON self.id = contact.id
        WHERE contact.organisation_id = $1 AND contact.external_id IS NOT NULL
        "#,
        context.organisation.id.0,
        contact,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let digests: Vec<Vec<u8>> = known.iter().map(|id| organisation.external_digest(id).to_vec()).collect();
    sqlx::query!(
        r#"
        INSERT INTO core.contact_forgotten (organisation_id, external_digest, forgotten_at)
        SELECT $1, digest, $3 FROM UNNEST($2::bytea[]) AS digest ON CONFLICT DO NOTHING
        "#,
        context.organisation.id.0,
        &digests,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

async fn remove(context: &mut Context, contact: Uuid) -> Result<(), DispatchError> {
    let (organisation, now) = (context.organisation.id.0, context.now);
    let addresses = sqlx::query!(
        "SELECT id, path FROM core.address WHERE organisation_id = $1 AND contact_id = $2",
        organisation,
        contact,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let numbers: Vec<i64> = addresses.iter().map(|address| address.id).collect();
    let paths: Vec<String> = addresses.into_iter().map(|address| address.path).collect();
    sqlx::query!(
        r#"
        UPDATE core.inbox SET payload = NULL, acknowledgement = NULL, address_id = NULL
        WHERE organisation_id = $1 AND address_id = ANY ($2) AND state <> 'waiting'
        "#,
        organisation,
        &numbers,
    )
    .execute(&mut *context.transaction)
    .await?;
    // The event being handled, and any sent in the same breath: handled later, they find nobody.
    sqlx::query!(
        r#"
        UPDATE core.inbox SET payload = $3, acknowledgement = NULL, address_id = NULL
        WHERE organisation_id = $1 AND address_id = ANY ($2)
        "#,
        organisation,
        &numbers,
        json!({ "kind": "opened" }),
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.delivery
        SET contact_id = NULL, address_id = NULL, body = NULL, document_hash = NULL, variables = '{}', rendered_hash = NULL,
            state = CASE WHEN state IN ('planned', 'held', 'queued') THEN 'cancelled' ELSE state END,
            settled_at = CASE WHEN state IN ('planned', 'held', 'queued') THEN $4 ELSE settled_at END,
            reason = CASE WHEN state IN ('planned', 'held', 'queued') THEN 'the person erased themselves' ELSE reason END
        WHERE organisation_id = $1 AND (contact_id = $2 OR address_id = ANY ($3))
        "#,
        organisation,
        contact,
        &numbers,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM core.account_state WHERE organisation_id = $1 AND owner = ANY ($2)",
        organisation,
        &paths
    )
    .execute(&mut *context.transaction)
    .await?;
    // The farewell still needs the chat's name, which on many platforms is the person's: it goes a little later.
    let chats = sqlx::query_scalar!(
        r#"
        UPDATE core.conversation AS conversation SET erased_at = $3
        FROM core.reachability
        WHERE conversation.organisation_id = $1 AND conversation.kind = 'direct'
          AND reachability.organisation_id = conversation.organisation_id
          AND reachability.direct_conversation_id = conversation.id AND reachability.address_id = ANY ($2)
        RETURNING conversation.id
        "#,
        organisation,
        &numbers,
        now,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    for chat in chats {
        let fire = Fire {
            scope: FIRE_UNNAME.to_owned(),
            subject: chat.to_string(),
            due_at: now + UNNAMED_AFTER,
            misfire: Misfire::RunOnce,
            payload: serde_json::Value::Null,
            repeat: None,
        };
        schedule(&mut context.transaction, organisation, &PluginId::core(), &fire).await?;
    }
    sqlx::query!("DELETE FROM core.media WHERE organisation_id = $1 AND contact_id = $2", organisation, contact)
        .execute(&mut *context.transaction)
        .await?;
    sqlx::query!("DELETE FROM core.address WHERE organisation_id = $1 AND contact_id = $2", organisation, contact)
        .execute(&mut *context.transaction)
        .await?;
    invitation::forget(context, ContactId(contact)).await?;
    // Former selves, from the oldest link on, then the person, with invitation and history.
    sqlx::query!(
        r#"
        WITH RECURSIVE self AS (
            SELECT id FROM core.contact WHERE organisation_id = $1 AND id = $2
            UNION
            SELECT former.id FROM core.contact AS former JOIN self ON former.merged_into = self.id
            WHERE former.organisation_id = $1
        )
        DELETE FROM core.contact USING self
        WHERE contact.organisation_id = $1 AND contact.id = self.id
          AND NOT EXISTS (SELECT FROM core.address WHERE address.organisation_id = $1 AND address.contact_id = contact.id)
        "#,
        organisation,
        contact,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}
