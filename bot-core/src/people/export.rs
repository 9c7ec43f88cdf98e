//! `/mes_donnees`: everything held about a person, as a JSON file.

use serde_json::{Value, json};

use super::{refuse_in_group, text};
use crate::contacts::directory::history;
use crate::core::{Core, Organisation};
use crate::dispatcher::{DispatchError, context_without_caller};
use crate::i18n::Argument;
use crate::ids::ContactId;
use crate::message::Document;
use crate::plugin::Context;
use crate::plugin_host::Call;

/// Most rows of one kind in the file. Nobody has more but by an accident worth asking about.
const ROWS_MAX: i64 = 10_000;

pub(super) async fn my_data(
    core: &Core,
    organisation: &Organisation,
    context: &mut Context,
) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let mut data = held_by_core(context, caller.contact).await?;
    let mut by_plugin = serde_json::Map::new();
    for host in core.plugins.values() {
        let id = host.manifest().id.clone();
        // In a transaction of its own, so that a plugin which fails keeps nobody from the rest.
        let theirs = match context_without_caller(core, organisation, id.clone()).await {
            Ok(context) => {
                let called = host.call(&core.pool, context, Call::Export(caller.contact)).await;
                called.ok().and_then(|(_, value)| value)
            }
            Err(_) => None,
        };
        by_plugin.insert(id.to_string(), theirs.unwrap_or_else(|| json!({ "unavailable": true })));
    }
    data["plugins"] = Value::Object(by_plugin);
    let content = serde_json::to_vec_pretty(&data)?;
    let locale = context.locale;
    let hash = context.store_media("application/json", text(locale, "my-data-file-name", &[]), content);
    let arguments = [("organisation", Argument::from(context.organisation.title.clone()))];
    context.reply(
        Document::says(text(locale, "my-data-intro", &arguments)).file(hash, text(locale, "my-data-file-label", &[])),
    );
    Ok(())
}

async fn held_by_core(context: &mut Context, contact: ContactId) -> Result<Value, DispatchError> {
    let organisation = context.organisation.id.0;
    let person = sqlx::query!(
        r#"
        SELECT contact.status, contact.locale, contact.time_zone, contact.quiet_hours, contact.created_at, contact.number,
               contact.external_id, contact.name, contact.rank, contact.fields,
               body.name AS "body?", body.kind AS "body_kind?",
               ARRAY(SELECT contact_group.name FROM core.contact_group_member AS member
                     JOIN core.contact_group
                       ON contact_group.organisation_id = member.organisation_id AND contact_group.id = member.group_id
                     WHERE member.organisation_id = contact.organisation_id AND member.contact_id = contact.id
                     ORDER BY 1) AS "groups!"
        FROM core.contact
        LEFT JOIN core.collectivite AS body
          ON body.organisation_id = contact.organisation_id AND body.id = contact.collectivite_id
        WHERE contact.organisation_id = $1 AND contact.id = $2
        "#,
        organisation,
        contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    let history = history(&mut context.transaction, context.organisation.id, contact).await?;
    let addresses = sqlx::query!(
        r#"
        SELECT address.id, address.scheme, address.path, address.created_at,
               coalesce(array_agg(role.role) FILTER (WHERE role.role IS NOT NULL), '{}') AS "roles!"
        FROM core.address AS address
        LEFT JOIN core.role_grant AS role
          ON role.organisation_id = address.organisation_id AND role.address_id = address.id
        WHERE address.organisation_id = $1 AND address.contact_id = $2
        GROUP BY address.organisation_id, address.id
        ORDER BY address.id
        "#,
        organisation,
        contact.0,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let consents = sqlx::query!(
        r#"
        SELECT purpose, wording, given_at, withdrawn_at FROM core.consent
        WHERE organisation_id = $1 AND contact_id = $2 ORDER BY id LIMIT $3
        "#,
        organisation,
        contact.0,
        ROWS_MAX,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let numbers: Vec<i64> = addresses.iter().map(|address| address.id).collect();
    let here = sqlx::query!(
        r#"
        SELECT address.scheme, address.path, agreed.purpose, agreed.wording, agreed.given_at, agreed.withdrawn_at
        FROM core.address_consent AS agreed
        JOIN core.address AS address
          ON address.organisation_id = agreed.organisation_id AND address.id = agreed.address_id
        WHERE agreed.organisation_id = $1 AND agreed.address_id = ANY ($2) ORDER BY agreed.id LIMIT $3
        "#,
        organisation,
        &numbers,
        ROWS_MAX,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let invitation = sqlx::query!(
        r#"
        SELECT issued_at, expires_at, followed_at, used_at, disowned_at, revoked_at FROM core.invitation
        WHERE organisation_id = $1 AND contact_id = $2
        "#,
        organisation,
        contact.0,
    )
    .fetch_optional(&mut *context.transaction)
    .await?;
    let received = sqlx::query!(
        r#"
        SELECT kind, payload, received_at FROM core.inbox
        WHERE organisation_id = $1 AND address_id = ANY ($2) ORDER BY received_at LIMIT $3
        "#,
        organisation,
        &numbers,
        ROWS_MAX,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    let sent = sqlx::query!(
        r#"
        SELECT delivery.purpose, delivery.state, delivery.created_at, delivery.settled_at,
               coalesce(delivery.body, document.body) AS body
        FROM core.delivery AS delivery
        LEFT JOIN core.document AS document
          ON document.organisation_id = delivery.organisation_id AND document.hash = delivery.document_hash
        WHERE delivery.organisation_id = $1 AND delivery.contact_id = $2 ORDER BY delivery.sequence LIMIT $3
        "#,
        organisation,
        contact.0,
        ROWS_MAX,
    )
    .fetch_all(&mut *context.transaction)
    .await?;
    Ok(json!({
        "organisation": context.organisation.title,
        "exported_at": context.now,
        "person": {
            "status": person.status,
            "language": person.locale,
            "time_zone": person.time_zone,
            "quiet_hours": person.quiet_hours,
            "known_since": person.created_at,
        },
        "known_by_the_organiser": {
            "number": person.number,
            "identifier": person.external_id,
            "name": person.name,
            "collectivite": person.body,
            "collectivite_type": person.body_kind,
            "rank": person.rank,
            "fields": person.fields,
            "groups": person.groups,
            "history": history,
        },
        "addresses": addresses.iter().map(|address| json!({
            "address": format!("{}:{}", address.scheme, address.path),
            "known_since": address.created_at,
            "roles": address.roles,
        })).collect::<Vec<_>>(),
        "consents": consents.iter().map(|consent| json!({
            "purpose": consent.purpose,
            "wording": consent.wording,
            "given_at": consent.given_at,
            "withdrawn_at": consent.withdrawn_at,
        })).collect::<Vec<_>>(),
        "consents_by_address": here.iter().map(|agreed| json!({
            "address": format!("{}:{}", agreed.scheme, agreed.path),
            "purpose": agreed.purpose,
            "wording": agreed.wording,
            "given_at": agreed.given_at,
            "withdrawn_at": agreed.withdrawn_at,
        })).collect::<Vec<_>>(),
        "invitation": invitation.map(|invitation| json!({
            "issued_at": invitation.issued_at,
            "expires_at": invitation.expires_at,
            "followed_at": invitation.followed_at,
            "accepted_at": invitation.used_at,
            "disowned_at": invitation.disowned_at,
            "revoked_at": invitation.revoked_at,
        })),
        "received_from_you": received.iter().map(|event| json!({
            "kind": event.kind,
            "content": event.payload,
            "received_at": event.received_at,
        })).collect::<Vec<_>>(),
        "sent_to_you": sent.iter().map(|delivery| json!({
            "purpose": delivery.purpose,
            "state": delivery.state,
            "created_at": delivery.created_at,
            "settled_at": delivery.settled_at,
            "content": delivery.body,
        })).collect::<Vec<_>>(),
    }))
}
