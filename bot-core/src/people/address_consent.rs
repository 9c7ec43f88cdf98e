//! "You may also write to me here": consent for one address of a person.
//!
//! A person's consent for a purpose lets us write where they last used us. To write elsewhere, to another address of
//! theirs, takes a consent for that address too. It is asked for once, right after `/lier`, in the chats that have
//! none. It is worth nothing without the person's own consent: what withdraws that (STOP, or a link with somebody who
//! said so) withdraws both.

use super::{AskedHere, VERB_ADDRESS_CONSENT, action, say, text, wording_mark};
use crate::dispatcher::{DispatchError, write_consent};
use crate::i18n::Argument;
use crate::ids::{AddressId, ContactId, ConversationId};
use crate::locale::Locale;
use crate::message::Document;
use crate::plugin::{Context, Purpose};

fn wording(context: &Context, locale: Locale) -> String {
    let arguments = [("organisation", Argument::from(context.organisation.title.clone()))];
    text(locale, "address-consent-wording", &arguments)
}

/// Asks in each of these chats of `contact` whose address has no such consent yet, if they consented to reminders.
pub(super) async fn ask(
    context: &mut Context,
    contact: ContactId,
    chats: [(AddressId, ConversationId); 2],
) -> Result<(), DispatchError> {
    if !consents_to_reminders(context, contact).await? {
        return Ok(());
    }
    let here = context.caller.as_ref().map(|caller| caller.conversation.id);
    for (address, conversation) in chats {
        let has_one = sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT FROM core.address_consent
                WHERE organisation_id = $1 AND address_id = $2 AND purpose = 'reminder' AND withdrawn_at IS NULL
            ) AS "has_one!"
            "#,
            context.organisation.id.0,
            address.0,
        )
        .fetch_one(&mut *context.transaction)
        .await?;
        if has_one {
            continue;
        }
        let locale = context.locale;
        let wording = wording(context, locale);
        let asked = AskedHere { locale, wording: wording_mark(&wording) };
        let question = Document::says(wording)
            .choice(text(locale, "address-consent-yes", &[]), action(&asked.bytes(VERB_ADDRESS_CONSENT, true)))
            .choice(text(locale, "address-consent-no", &[]), action(&asked.bytes(VERB_ADDRESS_CONSENT, false)));
        if Some(conversation) == here {
            context.reply(question);
        } else {
            super::linking::tell_other(context, conversation, question);
        }
    }
    Ok(())
}

/// The answer, in the chat it is about.
pub(super) async fn answer(context: &mut Context, asked: AskedHere, given: bool) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if !given {
        close(context, caller.address).await?;
        say(context, "address-consent-declined", &[]);
        return Ok(());
    }
    let wording = wording(context, asked.locale);
    if wording_mark(&wording) != asked.wording || !consents_to_reminders(context, caller.contact).await? {
        // What was shown is no longer what would be agreed to.
        say(context, "action-stale", &[]);
        return Ok(());
    }
    let organisation = context.organisation.id;
    let (contact, address, now) = (caller.contact, caller.address, context.now);
    // The person's own consent is in force and stays in its own words.
    write_consent(&mut context.transaction, organisation, contact, address, Purpose::Reminder, &wording, now).await?;
    say(context, "address-consent-given", &[]);
    Ok(())
}

/// Ends the consent of one address for reminders.
pub(super) async fn close(context: &mut Context, address: AddressId) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        UPDATE core.address_consent SET withdrawn_at = greatest($3, given_at)
        WHERE organisation_id = $1 AND address_id = $2 AND purpose = 'reminder' AND withdrawn_at IS NULL
        "#,
        context.organisation.id.0,
        address.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

/// Ends the consents of a person's addresses for what the person no longer consents to.
pub(super) async fn close_without_consent(context: &mut Context, contact: ContactId) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        UPDATE core.address_consent AS here SET withdrawn_at = greatest($3, here.given_at)
        FROM core.address
        WHERE here.organisation_id = $1 AND here.withdrawn_at IS NULL
          AND address.organisation_id = here.organisation_id AND address.id = here.address_id
          AND address.contact_id = $2
          AND NOT EXISTS (SELECT FROM core.consent
                          WHERE consent.organisation_id = $1 AND consent.contact_id = $2
                            AND consent.purpose = here.purpose AND consent.withdrawn_at IS NULL)
        "#,
        context.organisation.id.0,
        contact.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

pub(super) async fn consents_to_reminders(context: &mut Context, contact: ContactId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM core.consent
            WHERE organisation_id = $1 AND contact_id = $2 AND purpose = 'reminder' AND withdrawn_at IS NULL
        ) AS "consents!"
        "#,
        context.organisation.id.0,
        contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await
}
