//! Builds the view of the world that a handler gets, inside its transaction.

use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::StoredEvent;
use crate::adapter::ConversationRef;
use crate::core::{Core, Organisation};
use crate::ids::{Address, AddressId, ContactId, ConversationId, Platform, PluginId};
use crate::locale::Locale;
use crate::plugin::{Caller, Context, KnownAddress, Role};
use crate::redacted::Redacted;
use crate::rooms::Views;

/// Opens a transaction in which a handler may run: a handler that never comes back loses its connection, not the
/// service. Waiting for another event of the same person may take as long as that event is given.
pub(crate) async fn begin(core: &Core) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = core.pool.begin().await?;
    sqlx::query!(
        r#"
        SELECT set_config('statement_timeout', '20000', true) AS statement,
               set_config('idle_in_transaction_session_timeout', '8000', true) AS idle
        "#
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// Lifts the limits of [`begin`] for statements of the core's own that go through whole tables.
pub(crate) async fn without_time_limit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        SELECT set_config('statement_timeout', '0', true) AS statement, set_config('lock_timeout', '0', true) AS lock,
               set_config('idle_in_transaction_session_timeout', '0', true) AS idle
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

pub(crate) enum Found {
    Caller(Box<Caller>, Locale),
    /// The event is the platform's own.
    Nobody,
    /// The address has been erased since.
    Gone,
}

/// Who did it. The person is locked, so that they are served one event at a time on all their networks. The lock
/// is advisory: STOP and an erasure must not wait for a plugin that is busy with the same person.
pub(crate) async fn caller_of(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
    event: &StoredEvent,
) -> Result<Found, sqlx::Error> {
    let Some(address_id) = event.address else { return Ok(Found::Nobody) };
    let urgent = super::routing::is_urgent(&event.kind);
    let mut locked: Option<Uuid> = None;
    let (row, contact) = loop {
        let row = sqlx::query!(
            r#"
            SELECT address.scheme, address.path, address.contact_id, contact.locale
            FROM core.address
            JOIN core.contact ON contact.organisation_id = address.organisation_id AND contact.id = address.contact_id
            WHERE address.organisation_id = $1 AND address.id = $2
            "#,
            event.organisation.0,
            address_id,
        )
        .fetch_optional(&mut **transaction)
        .await?;
        let Some(row) = row else { return Ok(Found::Gone) };
        let contact = row.contact_id;
        // A link may have changed whose address it is while we waited for the lock.
        if urgent || locked == Some(contact) {
            break (row, contact);
        }
        lock_contact(transaction, ContactId(contact)).await?;
        locked = Some(contact);
    };
    let conversation = sqlx::query!(
        "SELECT kind, platform_ref FROM core.conversation WHERE organisation_id = $1 AND id = $2",
        event.organisation.0,
        event.conversation,
    )
    .fetch_one(&mut **transaction)
    .await?;
    let kind = conversation.kind.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
    let reference = ConversationRef { kind, platform_ref: Redacted::new(conversation.platform_ref) };
    let view = Views::of(core).view(event.account, ConversationId(event.conversation), &reference);
    let addresses = addresses_of(core, organisation, transaction, ContactId(contact)).await?;
    let roles = sqlx::query_scalar!(
        "SELECT role FROM core.role_grant WHERE organisation_id = $1 AND address_id = $2",
        event.organisation.0,
        address_id,
    )
    .fetch_all(&mut **transaction)
    .await?;
    if kind == crate::adapter::ConversationKind::Direct {
        sqlx::query!(
            r#"
            INSERT INTO core.reachability (organisation_id, account_id, address_id, state, direct_conversation_id, since)
            VALUES ($1, $2, $3, 'reachable', $4, $5)
            ON CONFLICT (organisation_id, account_id, address_id)
            DO UPDATE SET state = 'reachable', direct_conversation_id = excluded.direct_conversation_id, since = excluded.since
            "#,
            event.organisation.0,
            event.account.0,
            address_id,
            event.conversation,
            core.clock.now(),
        )
        .execute(&mut **transaction)
        .await?;
    }
    let address = Address::new(Platform::new(row.scheme.clone()), row.path);
    let locale =
        row.locale.and_then(|code| code.parse().ok()).unwrap_or_else(|| core.default_locale(event.organisation));
    Ok(Found::Caller(
        Box::new(Caller {
            contact: ContactId(contact),
            address: AddressId(address_id),
            known: core.known_address(organisation, &address),
            addresses,
            platform: address.scheme,
            conversation: view,
            roles: roles.iter().filter_map(|role| role.parse::<Role>().ok()).collect(),
        }),
        locale,
    ))
}

/// Serialises everything done for one person. Two people are locked in ascending order.
pub(crate) async fn lock_contact(
    transaction: &mut Transaction<'static, Postgres>,
    contact: ContactId,
) -> Result<(), sqlx::Error> {
    let (_, low) = contact.0.as_u64_pair();
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", low.cast_signed()).execute(&mut **transaction).await?;
    Ok(())
}

pub(crate) async fn addresses_of(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
    contact: ContactId,
) -> Result<Vec<KnownAddress>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT scheme, path FROM core.address WHERE organisation_id = $1 AND contact_id = $2 ORDER BY id",
        organisation.view.id.0,
        contact.0,
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| core.known_address(organisation, &Address::new(Platform::new(row.scheme), row.path)))
        .collect())
}

pub(crate) async fn build(
    core: &Core,
    organisation: &Organisation,
    mut transaction: Transaction<'static, Postgres>,
    caller: Option<(Box<Caller>, Locale)>,
    plugin: PluginId,
) -> Result<Context, sqlx::Error> {
    // From here on the handler's own statements run, within its own time.
    let row = sqlx::query!(
        r#"
        SELECT (SELECT settings FROM core.plugin_setting WHERE organisation_id = $1 AND plugin_id = $2) AS settings,
               set_config('statement_timeout', '3500', true) AS statement,
               -- Waiting for somebody else's lock is nobody's fault: it ends before the statement would, and is tried again.
               set_config('lock_timeout', '3000', true) AS lock
        "#,
        organisation.view.id.0,
        plugin.as_str(),
    )
    .fetch_one(&mut *transaction)
    .await?;
    let (caller, locale) = match caller {
        Some((caller, locale)) => (Some(*caller), locale),
        None => (None, organisation.view.default_locale),
    };
    Ok(Context {
        now: core.clock.now(),
        organisation: organisation.view.clone(),
        plugin,
        settings: row.settings.unwrap_or_else(|| serde_json::json!({})),
        caller,
        locale,
        public_url: core.public_url.clone(),
        random: core.random.fork(),
        views: Views::of(core),
        transaction,
        effects: Vec::new(),
    })
}

/// A context for what no person started: a fire, an outcome, the operator's command line.
pub(crate) async fn context_without_caller(
    core: &Core,
    organisation: &Organisation,
    plugin: PluginId,
) -> Result<Context, sqlx::Error> {
    let transaction = begin(core).await?;
    build(core, organisation, transaction, None, plugin).await
}
