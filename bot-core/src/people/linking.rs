//! Joining two addresses to one person, and parting them again.
//!
//! `/lier` gives a one-time code in one chat; `/lier CODE` in the other claims it; both chats confirm. Then the
//! joiner's contact becomes part of the asker's, in one transaction in which every subscribed plugin settles what
//! both had done. A plugin that is not there to settle keeps the link from happening: closed on doubt.
//!
//! Merge rules. Locale: the asker's, else the joiner's. STOP: either one's is both's. Consent: the asker's, less what
//! the joiner has withdrawn; the joiner's does not add to it. Roles stay with their address. What an organiser knows
//! of the joiner, with the consents of that person, moves to an asker who is not known to one (see [`super::identity`]).

use chrono::TimeDelta;
use rand::Rng;
use serde_json::{Value, json};

use super::{
    LINK_CODE_LIFE, VERB_UNLINK, action, address_consent, identity, invitation, link_action, refuse_in_group, say, text,
};
use crate::core::{Core, Organisation};
use crate::dispatcher::{DispatchError, Origin, StoredEvent, addresses_of, apply_in_place};
use crate::i18n::Argument;
use crate::ids::{AccountId, Address, AddressId, ContactId, ConversationId, Platform, PluginId};
use crate::message::Document;
use crate::plugin::{Context, Event, KnownAddress, Lane, Outgoing, Purpose, Recipient, Subscription};
use crate::plugin_host::{Call, PluginHost};

/// Ten of these are 50 bits: 10 minutes and [`WRONG_CODES_PER_CHAT_MAX`] tries leave no hope of guessing. Letters
/// and digits that look alike are left out (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_CHARACTERS: usize = 10;
/// Codes one address may ask for within [`LIMIT_WINDOW`].
const CODES_PER_ADDRESS_MAX: i64 = 5;
const WRONG_CODES_PER_CHAT_MAX: i64 = 5;
const WRONG_CODES_PER_ACCOUNT_MAX: i64 = 200;
const LIMIT_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// A code as typed, made comparable: case, spaces, hyphens and look-alike letters do not matter.
fn normalise(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect()
}

pub(super) async fn give_code(
    core: &Core,
    organisation: &Organisation,
    context: &mut Context,
) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let now = context.now;
    let recent = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM core.link
        WHERE organisation_id = $1 AND asker_address_id = $2 AND created_at > $3
        "#,
        organisation.view.id.0,
        caller.address.0,
        now - LIMIT_WINDOW,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    if recent >= CODES_PER_ADDRESS_MAX {
        say(context, "link-limit", &[]);
        return Ok(());
    }
    let code: String = core
        .random
        .draw(|rng| (0..CODE_CHARACTERS).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect());
    let code_hash = organisation.keyed_hash("link", code.as_bytes());
    sqlx::query!(
        r#"
        INSERT INTO core.link (organisation_id, code_hash, asker_address_id, asker_conversation_id, created_at, expires_at, state)
        VALUES ($1, $2, $3, $4, $5, $6, 'waiting')
        "#,
        organisation.view.id.0,
        &code_hash[..],
        caller.address.0,
        caller.conversation.id.0,
        now,
        now + LINK_CODE_LIFE,
    )
    .execute(&mut *context.transaction)
    .await?;
    let shown = format!("{}-{}", &code[..CODE_CHARACTERS / 2], &code[CODE_CHARACTERS / 2..]);
    let code = [("code", Argument::from(shown.as_str()))];
    let how = [("code", Argument::from(shown.as_str())), ("minutes", Argument::from(LINK_CODE_LIFE.num_minutes()))];
    context.reply(
        Document::says(text(context.locale, "link-code", &code))
            .paragraph(text(context.locale, "link-how", &how))
            .paragraph(text(context.locale, "link-secret", &[])),
    );
    Ok(())
}

pub(super) async fn take_code(
    organisation: &Organisation,
    context: &mut Context,
    account: AccountId,
    code: &str,
) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let (id, now) = (organisation.view.id.0, context.now);
    if too_many_wrong_codes(context, account).await? {
        say(context, "link-limit", &[]);
        return Ok(());
    }
    let code_hash = organisation.keyed_hash("link", normalise(code).as_bytes());
    // Looked up by its keyed hash: how long that takes says nothing about the code.
    let link = sqlx::query!(
        r#"
        SELECT link.id, link.asker_address_id, link.asker_conversation_id, asker.contact_id AS asker_contact,
               asker.scheme AS asker_scheme, asker_contact.locale AS asker_locale
        FROM core.link
        JOIN core.address AS asker
          ON asker.organisation_id = link.organisation_id AND asker.id = link.asker_address_id
        JOIN core.contact AS asker_contact
          ON asker_contact.organisation_id = asker.organisation_id AND asker_contact.id = asker.contact_id
        WHERE link.organisation_id = $1 AND link.code_hash = $2 AND link.state = 'waiting' AND link.expires_at > $3
        FOR UPDATE OF link
        "#,
        id,
        &code_hash[..],
        now,
    )
    .fetch_optional(&mut *context.transaction)
    .await?;
    let Some(link) = link else {
        count_wrong_code(context, account).await?;
        say(context, "link-wrong-code", &[]);
        return Ok(());
    };
    if link.asker_address_id == caller.address.0 {
        say(context, "link-own-code", &[]);
        return Ok(());
    }
    if link.asker_contact == caller.contact.0 {
        say(context, "link-already", &[]);
        return Ok(());
    }
    sqlx::query!(
        r#"
        UPDATE core.link SET state = 'typed', joiner_address_id = $3, joiner_conversation_id = $4
        WHERE organisation_id = $1 AND id = $2
        "#,
        id,
        link.id,
        caller.address.0,
        caller.conversation.id.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    let locale = context.locale;
    let question = |locale, platform: &str, text_id: &str| {
        let arguments = [("platform", Argument::from(platform_name(platform)))];
        Document::says(text(locale, text_id, &arguments))
            .paragraph(text(locale, "link-effect", &[]))
            .choice(text(locale, "link-yes", &[]), link_action(link.id, true))
            .choice(text(locale, "link-no", &[]), link_action(link.id, false))
    };
    context.reply(question(locale, &link.asker_scheme, "link-confirm-typed"));
    let asker_locale = link.asker_locale.and_then(|code| code.parse().ok()).unwrap_or(organisation.view.default_locale);
    tell_other(
        context,
        ConversationId(link.asker_conversation_id),
        question(asker_locale, caller.platform.as_str(), "link-confirm-asked"),
    );
    Ok(())
}

/// Whether no code is taken here for a while: of whatever kind, wrong ones are counted together, per chat and account.
pub(super) async fn too_many_wrong_codes(context: &mut Context, account: AccountId) -> Result<bool, sqlx::Error> {
    let Some(chat) = context.caller.as_ref().map(|caller| caller.conversation.id) else { return Ok(true) };
    let wrong = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE conversation_id = $3) AS "in_chat!", count(*) AS "on_account!"
        FROM core.link_attempt WHERE organisation_id = $1 AND account_id = $2 AND attempted_at > $4
        "#,
        context.organisation.id.0,
        account.0,
        chat.0,
        context.now - LIMIT_WINDOW,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    Ok(wrong.in_chat >= WRONG_CODES_PER_CHAT_MAX || wrong.on_account >= WRONG_CODES_PER_ACCOUNT_MAX)
}

pub(super) async fn count_wrong_code(context: &mut Context, account: AccountId) -> Result<(), sqlx::Error> {
    let Some(chat) = context.caller.as_ref().map(|caller| caller.conversation.id) else { return Ok(()) };
    sqlx::query!(
        r#"
        INSERT INTO core.link_attempt (organisation_id, account_id, conversation_id, attempted_at)
        VALUES ($1, $2, $3, $4)
        "#,
        context.organisation.id.0,
        account.0,
        chat.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

/// A message to the other chat of a link.
pub(super) fn tell_other(context: &mut Context, conversation: ConversationId, document: Document) {
    let mut message = Outgoing::new(Recipient::Conversation(conversation), Purpose::Service, "link", document);
    message.lane = Lane::Interactive;
    context.send(message);
}

/// `telegram` as people write it.
pub(super) fn platform_name(scheme: &str) -> String {
    let mut letters = scheme.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The two people of a link.
pub(super) async fn people_of_link(
    connection: &mut sqlx::PgConnection,
    organisation: crate::ids::OrganisationId,
    link: i64,
) -> Result<Vec<ContactId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT address.contact_id FROM core.link
        JOIN core.address AS address
          ON address.organisation_id = link.organisation_id
         AND address.id IN (link.asker_address_id, link.joiner_address_id)
        WHERE link.organisation_id = $1 AND link.id = $2
        "#,
        organisation.0,
        link,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ContactId).collect())
}

struct Confirmed {
    asker_address: AddressId,
    joiner_address: AddressId,
    asker_contact: ContactId,
    asker_conversation: ConversationId,
    asker_platform: String,
    joiner_contact: ContactId,
    joiner_conversation: ConversationId,
    joiner_platform: String,
    complete: bool,
}

pub(super) async fn confirm(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    event: &StoredEvent,
    link: i64,
    confirmed: bool,
) -> Result<Context, DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(context) };
    let Some(state) = record_answer(&mut context, caller.address, link, confirmed).await? else {
        say(&mut context, "link-expired", &[]);
        return Ok(context);
    };
    let here = caller.conversation.id;
    let (other, other_platform) = if here == state.asker_conversation {
        (state.joiner_conversation, state.joiner_platform.as_str())
    } else {
        (state.asker_conversation, state.asker_platform.as_str())
    };
    if !confirmed {
        say(&mut context, "link-refused", &[]);
        let words = text(context.locale, "link-refused", &[]);
        tell_other(&mut context, other, Document::says(words));
        return Ok(context);
    }
    if !state.complete {
        let arguments = [("platform", Argument::from(platform_name(other_platform)))];
        say(&mut context, "link-waiting", &arguments);
        return Ok(context);
    }
    if state.asker_contact == state.joiner_contact {
        say(&mut context, "link-already", &[]);
        return Ok(context);
    }
    if !can_settle(core) {
        // What both did cannot be settled now, so nothing is joined: the confirmation may be pressed again.
        forget_answer(&mut context, caller.address, link).await?;
        say(&mut context, "plugin-unavailable", &[]);
        return Ok(context);
    }
    sqlx::query!(
        "UPDATE core.link SET state = 'linked' WHERE organisation_id = $1 AND id = $2",
        organisation.view.id.0,
        link,
    )
    .execute(&mut *context.transaction)
    .await?;
    context.audit("contacts.linked", format!("address {} asked", state.asker_address), json!({}));
    context = join(core, organisation, context, event, state.asker_contact, state.joiner_contact).await?;
    let with_other = [("platform", Argument::from(platform_name(other_platform)))];
    say(&mut context, "link-done", &with_other);
    let with_here = [("platform", Argument::from(platform_name(caller.platform.as_str())))];
    let words = text(context.locale, "link-done", &with_here);
    tell_other(&mut context, other, Document::says(words));
    let chats = [(state.asker_address, state.asker_conversation), (state.joiner_address, state.joiner_conversation)];
    address_consent::ask(&mut context, state.asker_contact, chats).await?;
    Ok(context)
}

/// Makes `joiner` a part of `kept`, by the rules above, and has every subscribed plugin settle it in this very
/// transaction. One that fails undoes the whole. Both people are locked, and [`can_settle`].
pub(super) async fn join(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    event: &StoredEvent,
    kept: ContactId,
    joiner: ContactId,
) -> Result<Context, DispatchError> {
    let kept_addresses = addresses_of(core, organisation, &mut context.transaction, kept).await?;
    let joiner_addresses = addresses_of(core, organisation, &mut context.transaction, joiner).await?;
    merge(&mut context, kept, joiner).await?;
    if let Some(caller) = &mut context.caller {
        caller.contact = kept;
    }
    let joined = Event::ContactsMerged { kept, joiner, kept_addresses, joiner_addresses };
    settle_with_plugins(core, organisation, context, event, subscribers(core), joined).await
}

/// Whether every plugin that has to settle with a link is there to do it.
pub(super) fn can_settle(core: &Core) -> bool {
    subscribers(core).iter().all(|id| core.plugins.get(id).is_some_and(PluginHost::is_callable))
}

fn subscribers(core: &Core) -> Vec<PluginId> {
    let hosts = core.plugins.values().filter(|host| host.manifest().subscriptions.contains(&Subscription::Links));
    hosts.map(|host| host.manifest().id.clone()).collect()
}

/// Lets every subscribed plugin settle in this very transaction. One that fails undoes the whole.
async fn settle_with_plugins(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    event: &StoredEvent,
    subscribers: Vec<PluginId>,
    news: Event,
) -> Result<Context, DispatchError> {
    let origin = Origin { account: Some(event.account), event: Some(event.sequence) };
    apply_in_place(core, organisation, &mut context, &origin).await?;
    for id in subscribers {
        let Some(host) = core.plugins.get(&id) else { continue };
        context.plugin = id.clone();
        context.settings = sqlx::query_scalar!(
            "SELECT settings FROM core.plugin_setting WHERE organisation_id = $1 AND plugin_id = $2",
            organisation.view.id.0,
            id.as_str(),
        )
        .fetch_optional(&mut *context.transaction)
        .await?
        .unwrap_or_else(|| json!({}));
        let called = host.call(&core.pool, context, Call::Event(news.clone())).await;
        (context, _) = called.map_err(|error| DispatchError::Plugin { plugin: id.to_string(), error })?;
        apply_in_place(core, organisation, &mut context, &origin).await?;
    }
    context.plugin = PluginId::core();
    context.settings = Value::Null;
    Ok(context)
}

/// Marks one side's answer; `None` when the link is over or not theirs.
async fn record_answer(
    context: &mut Context,
    address: AddressId,
    link: i64,
    confirmed: bool,
) -> Result<Option<Confirmed>, DispatchError> {
    let row = sqlx::query!(
        r#"
        UPDATE core.link AS link
        SET asker_confirmed_at = CASE WHEN $4 AND asker_address_id = $3 THEN $5 ELSE asker_confirmed_at END,
            joiner_confirmed_at = CASE WHEN $4 AND joiner_address_id = $3 THEN $5 ELSE joiner_confirmed_at END,
            state = CASE WHEN $4 THEN state ELSE 'refused' END
        FROM core.address AS asker, core.address AS joiner
        WHERE link.organisation_id = $1 AND link.id = $2 AND link.state = 'typed' AND link.expires_at > $5
          AND $3 IN (link.asker_address_id, link.joiner_address_id)
          AND asker.organisation_id = link.organisation_id AND asker.id = link.asker_address_id
          AND joiner.organisation_id = link.organisation_id AND joiner.id = link.joiner_address_id
        RETURNING link.asker_address_id, link.joiner_address_id AS "joiner_address_id!",
                  asker.contact_id AS asker_contact, link.asker_conversation_id,
                  asker.scheme AS asker_platform, joiner.scheme AS joiner_platform,
                  joiner.contact_id AS joiner_contact, link.joiner_conversation_id AS "joiner_conversation_id!",
                  (link.asker_confirmed_at IS NOT NULL AND link.joiner_confirmed_at IS NOT NULL) AS "complete!"
        "#,
        context.organisation.id.0,
        link,
        address.0,
        confirmed,
        context.now,
    )
    .fetch_optional(&mut *context.transaction)
    .await?;
    Ok(row.map(|row| Confirmed {
        asker_address: AddressId(row.asker_address_id),
        joiner_address: AddressId(row.joiner_address_id),
        asker_contact: ContactId(row.asker_contact),
        asker_conversation: ConversationId(row.asker_conversation_id),
        asker_platform: row.asker_platform,
        joiner_contact: ContactId(row.joiner_contact),
        joiner_conversation: ConversationId(row.joiner_conversation_id),
        joiner_platform: row.joiner_platform,
        complete: row.complete,
    }))
}

async fn forget_answer(context: &mut Context, address: AddressId, link: i64) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        UPDATE core.link
        SET asker_confirmed_at = CASE WHEN asker_address_id = $3 THEN NULL ELSE asker_confirmed_at END,
            joiner_confirmed_at = CASE WHEN joiner_address_id = $3 THEN NULL ELSE joiner_confirmed_at END
        WHERE organisation_id = $1 AND id = $2
        "#,
        context.organisation.id.0,
        link,
        address.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

async fn merge(context: &mut Context, kept: ContactId, joiner: ContactId) -> Result<(), DispatchError> {
    let (organisation, now) = (context.organisation.id.0, context.now);
    identity::follow_the_link(context, kept, joiner).await?;
    let (kept, joiner) = (kept.0, joiner.0);
    sqlx::query!(
        r#"
        INSERT INTO core.address_history (organisation_id, address_id, contact_id, until)
        SELECT organisation_id, id, contact_id, $3 FROM core.address WHERE organisation_id = $1 AND contact_id = $2
        "#,
        organisation,
        joiner,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        "UPDATE core.address SET contact_id = $3 WHERE organisation_id = $1 AND contact_id = $2",
        organisation,
        joiner,
        kept,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.contact AS kept
        SET locale = coalesce(kept.locale, joiner.locale),
            time_zone = coalesce(kept.time_zone, joiner.time_zone),
            quiet_hours = coalesce(kept.quiet_hours, joiner.quiet_hours),
            status = CASE WHEN 'stopped' IN (kept.status, joiner.status) THEN 'stopped' ELSE kept.status END
        FROM core.contact AS joiner
        WHERE kept.organisation_id = $1 AND kept.id = $2 AND joiner.organisation_id = $1 AND joiner.id = $3
        "#,
        organisation,
        kept,
        joiner,
    )
    .execute(&mut *context.transaction)
    .await?;
    // The stricter wins: what the joiner had withdrawn is withdrawn for both.
    sqlx::query!(
        r#"
        UPDATE core.consent AS mine SET withdrawn_at = greatest($4, mine.given_at)
        WHERE mine.organisation_id = $1 AND mine.contact_id = $2 AND mine.withdrawn_at IS NULL
          AND EXISTS (SELECT FROM core.consent AS theirs
                      WHERE theirs.organisation_id = $1 AND theirs.contact_id = $3 AND theirs.purpose = mine.purpose)
          AND NOT EXISTS (SELECT FROM core.consent AS theirs
                          WHERE theirs.organisation_id = $1 AND theirs.contact_id = $3 AND theirs.purpose = mine.purpose
                            AND theirs.withdrawn_at IS NULL)
        "#,
        organisation,
        kept,
        joiner,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    address_consent::close_without_consent(context, ContactId(kept)).await?;
    sqlx::query!(
        "UPDATE core.delivery SET contact_id = $3 WHERE organisation_id = $1 AND contact_id = $2",
        organisation,
        joiner,
        kept,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        "UPDATE core.contact SET status = 'archived', merged_into = $3 WHERE organisation_id = $1 AND id = $2",
        organisation,
        joiner,
        kept,
    )
    .execute(&mut *context.transaction)
    .await?;
    // Two messages to what are now one person, about the same thing: the later one has nothing to add.
    sqlx::query!(
        r#"
        UPDATE core.delivery AS later SET state = 'suppressed', settled_at = $3, reason = 'the same person has it already'
        WHERE later.organisation_id = $1 AND later.contact_id = $2 AND later.state IN ('planned', 'held', 'queued')
          AND later.purpose IN ('consultation', 'reminder', 'digest')
          AND EXISTS (
              SELECT FROM core.delivery AS earlier
              WHERE earlier.organisation_id = later.organisation_id AND earlier.contact_id = later.contact_id
                AND earlier.plugin_id = later.plugin_id AND earlier.scope = later.scope
                AND earlier.subject = later.subject AND earlier.document_hash = later.document_hash
                AND earlier.sequence < later.sequence
                AND earlier.state NOT IN ('failed', 'expired', 'suppressed', 'cancelled')
          )
        "#,
        organisation,
        kept,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

/// `/delier`: the address this was typed from becomes a person of its own again: parted from the others, or, when it is
/// the only one, from the contact whose invitation it accepted.
pub(super) async fn unlink(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    event: &StoredEvent,
    confirmed: Option<bool>,
) -> Result<Context, DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(context) };
    if refuse_in_group(&mut context) {
        return Ok(context);
    }
    let only_one = caller.addresses.len() < 2;
    if only_one && !invitation::is_bound_by(&mut context, caller.contact, caller.address).await? {
        say(&mut context, "unlink-alone", &[]);
        return Ok(context);
    }
    match confirmed {
        None => {
            let locale = context.locale;
            let (ask, effect) = if only_one {
                ("unlink-invitation-ask", "unlink-invitation-effect")
            } else {
                ("unlink-ask", "unlink-effect")
            };
            context.reply(
                Document::says(text(locale, ask, &[]))
                    .paragraph(text(locale, effect, &[]))
                    .choice(text(locale, "unlink-yes", &[]), action(&[VERB_UNLINK, 1]))
                    .choice(text(locale, "unlink-no", &[]), action(&[VERB_UNLINK, 0])),
            );
            return Ok(context);
        }
        Some(false) => {
            say(&mut context, "unlink-cancelled", &[]);
            return Ok(context);
        }
        Some(true) => {}
    }
    if !can_settle(core) {
        say(&mut context, "plugin-unavailable", &[]);
        return Ok(context);
    }
    let left = caller.contact;
    let restored = part(core, &mut context, left, caller.address).await?;
    if only_one {
        invitation::free(&mut context, left).await?;
    }
    // What the address had agreed to, it had agreed to as the other person.
    address_consent::close_without_consent(&mut context, restored).await?;
    context.audit("contacts.unlinked", format!("address {}", caller.address), json!({}));
    if let Some(caller) = &mut context.caller {
        caller.contact = restored;
    }
    let news =
        Event::ContactSplit { left, restored, address: known(core, organisation, &mut context, caller.address).await? };
    context = settle_with_plugins(core, organisation, context, event, subscribers(core), news).await?;
    say(&mut context, "unlink-done", &[]);
    Ok(context)
}

async fn known(
    core: &Core,
    organisation: &Organisation,
    context: &mut Context,
    address: AddressId,
) -> Result<KnownAddress, DispatchError> {
    let row = sqlx::query!(
        "SELECT scheme, path FROM core.address WHERE organisation_id = $1 AND id = $2",
        organisation.view.id.0,
        address.0,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    Ok(core.known_address(organisation, &Address::new(Platform::new(row.scheme), row.path)))
}

/// Gives an address its former contact back, or a new one when it never had another. A STOP said together stays
/// said by both.
async fn part(
    core: &Core,
    context: &mut Context,
    left: ContactId,
    address: AddressId,
) -> Result<ContactId, DispatchError> {
    let (organisation, now) = (context.organisation.id.0, context.now);
    // A former self is given back only while nobody is it: of two who had been linked before, one gets it and the
    // other begins anew, else parting would link them again.
    let former = sqlx::query_scalar!(
        r#"
        SELECT history.contact_id FROM core.address_history AS history
        JOIN core.contact AS former
          ON former.organisation_id = history.organisation_id AND former.id = history.contact_id
        WHERE history.organisation_id = $1 AND history.address_id = $2 AND former.status = 'archived'
          AND NOT EXISTS (
              SELECT FROM core.address AS address
              WHERE address.organisation_id = former.organisation_id AND address.contact_id = former.id
          )
        ORDER BY history.id DESC LIMIT 1
        "#,
        organisation,
        address.0,
    )
    .fetch_optional(&mut *context.transaction)
    .await?;
    let restored = match former {
        Some(former) => {
            sqlx::query!(
                r#"
                UPDATE core.contact AS former SET status = left_behind.status, merged_into = NULL
                FROM core.contact AS left_behind
                WHERE former.organisation_id = $1 AND former.id = $2 AND former.status = 'archived'
                  AND left_behind.organisation_id = $1 AND left_behind.id = $3
                "#,
                organisation,
                former,
                left.0,
            )
            .execute(&mut *context.transaction)
            .await?;
            former
        }
        None => {
            sqlx::query_scalar!(
                r#"
                INSERT INTO core.contact (organisation_id, id, status, locale, time_zone, quiet_hours, created_at)
                SELECT organisation_id, $3, status, locale, time_zone, quiet_hours, $4 FROM core.contact
                WHERE organisation_id = $1 AND id = $2
                RETURNING id
                "#,
                organisation,
                left.0,
                core.random.uuid(now),
                now,
            )
            .fetch_one(&mut *context.transaction)
            .await?
        }
    };
    sqlx::query!(
        "UPDATE core.address SET contact_id = $3 WHERE organisation_id = $1 AND id = $2",
        organisation,
        address.0,
        restored,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(ContactId(restored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        assert_eq!(normalise(" ab3o-9ilz2 "), "AB30911Z2");
        assert_eq!(normalise("AB30–911Z2"), normalise("ab30 911z2"));
    }
}
