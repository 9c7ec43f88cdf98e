//! First contact by invitation: whom an organiser knows by name only, because a bot may not write first.
//!
//! Each contact without an address has a personal [`Code`], in a link or to be typed. Links get forwarded, so following
//! one only asks "are you X of Y?", and says what a yes means. A yes makes the caller's contact, which is an accident of
//! having written, a part of the invited one, as a link does ([`super::linking`]), and records the consent in the words
//! that were shown. A no binds nothing and is told to the organiser; the code stays good, since the right person may
//! hold the same link. Used once, it is used up.
//!
//! Besides the rules of linking: a yes ends a STOP said before, as every yes does; and what the caller had consented to
//! in chat stays, since the invited contact had no chat to consent in. Whoever is bound to another contact of the
//! organiser's stays who they are, and the organiser is told. A second address comes by `/lier` only; `/delier` undoes a
//! yes.
//!
//! What quotes the invited person's name to whoever followed the link is kept with the delivery and blanked with a no
//! and with the person's erasure.

mod code;
mod operations;
mod sheet;

pub use self::code::Code;
pub use self::operations::{
    InvitationError, Invited, Issued, LIFE_DAYS_MAX, Reissued, State, issue, list, of_numbers, reissue, revoke,
};
pub use self::sheet::{Entry, EntryLink, entries, mail_merge, printed};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::{
    AskedHere, VERB_INVITATION, action, address_consent, identity, linking, refuse_in_group, say, text, wording_mark,
};
use crate::core::{Core, Organisation};
use crate::dispatcher::{DispatchError, StoredEvent, write_consent};
use crate::i18n::Argument;
use crate::ids::{AccountId, AddressId, ContactId, OrganisationId};
use crate::locale::Locale;
use crate::message::Document;
use crate::plugin::{Context, Edit, Purpose, Reply};

/// The question in a chat, so that a no can take the name away again.
const QUESTION: &str = "invitation";

/// What the buttons of a question carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    here: AskedHere,
    pub(super) number: i64,
    generation: i32,
}

impl Asked {
    fn bytes(&self, is_me: bool) -> Vec<u8> {
        let mut bytes = self.here.bytes(VERB_INVITATION, is_me);
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.generation.to_be_bytes());
        bytes
    }

    /// Reads what follows verb and answer.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (rest, generation) = bytes.split_last_chunk()?;
        let (here, number) = rest.split_last_chunk()?;
        let (number, generation) = (i64::from_be_bytes(*number), i32::from_be_bytes(*generation));
        Some(Self { here: AskedHere::read(here)?, number, generation })
    }
}

/// An invitation with its contact.
struct Invitation {
    contact: ContactId,
    number: i64,
    generation: i32,
    expires_at: DateTime<Utc>,
    used: bool,
    revoked: bool,
    /// Merged into another contact since.
    archived: bool,
    has_address: bool,
    name: Option<String>,
    collectivite: Option<(String, String)>,
}

/// Why an invitation is not taken.
enum Obstacle {
    Superseded,
    Used,
    Revoked,
    Expired,
    /// The person is known on another chat.
    Elsewhere,
}

impl Obstacle {
    fn text_id(&self) -> &'static str {
        match self {
            Self::Superseded => "invitation-superseded",
            Self::Used => "invitation-used",
            Self::Revoked => "invitation-revoked",
            Self::Expired => "invitation-expired",
            Self::Elsewhere => "invitation-elsewhere",
        }
    }
}

impl Invitation {
    fn obstacle(&self, generation: i32, now: DateTime<Utc>) -> Option<Obstacle> {
        if generation != self.generation {
            Some(Obstacle::Superseded)
        } else if self.used {
            Some(Obstacle::Used)
        } else if self.revoked || self.archived {
            Some(Obstacle::Revoked)
        } else if now >= self.expires_at {
            Some(Obstacle::Expired)
        } else if self.has_address {
            Some(Obstacle::Elsewhere)
        } else {
            None
        }
    }

    /// By which its questions are found again (see [`blank_questions`]).
    fn scope(&self) -> String {
        format!("invitation:{}", self.number)
    }
}

async fn find(context: &mut Context, number: i64) -> Result<Option<Invitation>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT contact.id, contact.number, contact.status, contact.name, invitation.generation, invitation.expires_at,
               invitation.used_at IS NOT NULL AS "used!", invitation.revoked_at IS NOT NULL AS "revoked!",
               collectivite.kind AS "kind?", collectivite.name AS "collectivite?",
               EXISTS (SELECT FROM core.address
                       WHERE address.organisation_id = contact.organisation_id AND address.contact_id = contact.id
               ) AS "has_address!"
        FROM core.invitation
        JOIN core.contact
          ON contact.organisation_id = invitation.organisation_id AND contact.id = invitation.contact_id
        LEFT JOIN core.collectivite
          ON collectivite.organisation_id = contact.organisation_id AND collectivite.id = contact.collectivite_id
        WHERE contact.organisation_id = $1 AND contact.number = $2
        FOR UPDATE OF invitation
        "#,
        context.organisation.id.0,
        number,
    )
    .fetch_optional(&mut *context.transaction)
    .await?;
    Ok(row.map(|row| Invitation {
        contact: ContactId(row.id),
        number: row.number,
        generation: row.generation,
        expires_at: row.expires_at,
        used: row.used,
        revoked: row.revoked,
        archived: row.status == "archived",
        has_address: row.has_address,
        name: row.name,
        collectivite: row.kind.zip(row.collectivite),
    }))
}

/// `/invitation CODE`, or its link: asks whether the caller is the one who is invited.
pub(super) async fn follow(
    organisation: &Organisation,
    context: &mut Context,
    account: AccountId,
    written: Option<&str>,
) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let Some(written) = written else {
        say(context, "invitation-how", &[]);
        return Ok(());
    };
    if linking::too_many_wrong_codes(context, account).await? {
        say(context, "invitation-limit", &[]);
        return Ok(());
    }
    let found = match Code::read(written) {
        Some(code) => find(context, code.number()).await?.map(|invitation| (code, invitation)),
        None => None,
    };
    // A code of an earlier generation was ours once: that is said, and it is no guess.
    let genuine = found.and_then(|(code, invitation)| {
        let made_for = |generation: &i32| code.is_for(organisation, invitation.contact, *generation);
        let generation = (1..=invitation.generation).rev().find(made_for)?;
        Some((generation, invitation))
    });
    let Some((generation, invitation)) = genuine else {
        linking::count_wrong_code(context, account).await?;
        say(context, "invitation-not-valid", &[]);
        return Ok(());
    };
    if invitation.contact == caller.contact {
        if address_consent::consents_to_reminders(context, caller.contact).await? {
            say(context, "invitation-yours", &[]);
        } else {
            // They had said yes, and STOP since: this is how they change their mind.
            ask(context, &invitation);
        }
        return Ok(());
    }
    if let Some(obstacle) = invitation.obstacle(generation, context.now) {
        say(context, obstacle.text_id(), &[]);
        return Ok(());
    }
    sqlx::query!(
        "UPDATE core.invitation SET followed_at = coalesce(followed_at, $3) WHERE organisation_id = $1 AND contact_id = $2",
        context.organisation.id.0,
        invitation.contact.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    ask(context, &invitation);
    Ok(())
}

/// Nothing of the invited person is shown but name and collectivité. Nothing is bound before the yes, which is to
/// exactly these words.
fn ask(context: &mut Context, invitation: &Invitation) {
    let locale = context.locale;
    let organisation = organisation_argument(context);
    let collectivite = invitation.collectivite.as_ref();
    let (name, (kind, place)) = (
        invitation.name.clone().unwrap_or_default(),
        collectivite.map(|(kind, place)| (kind.as_str(), place.as_str())).unwrap_or_default(),
    );
    let who = [("name", Argument::from(name)), ("kind", Argument::from(kind)), ("collectivite", Argument::from(place))];
    let question = match (&invitation.name, collectivite) {
        (Some(_), Some(_)) => text(locale, "invitation-ask", &who),
        (Some(_), None) => text(locale, "invitation-ask-name", &who[..1]),
        (None, Some(_)) => text(locale, "invitation-ask-collectivite", &who[2..]),
        (None, None) => text(locale, "invitation-ask-anybody", &[]),
    };
    let wording = consent_wording(context, locale);
    let here = AskedHere { locale, wording: wording_mark(&wording) };
    let asked = Asked { here, number: invitation.number, generation: invitation.generation };
    let document = Document::says(question)
        .paragraph(text(locale, "invitation-who", &organisation))
        .paragraph(how_often(context))
        .paragraph(text(locale, "invitation-stop", &[]))
        .paragraph(text(locale, "invitation-kept", &organisation))
        .paragraph(wording)
        .choice(text(locale, "invitation-yes", &[]), action(&asked.bytes(true)))
        .choice(text(locale, "invitation-no", &[]), action(&asked.bytes(false)));
    let reveals = Some(invitation.scope());
    context.reply_with(Reply { document, message_key: Some(QUESTION.to_owned()), reveals });
}

/// What to expect, with the most there can be where the organisation has set it.
fn how_often(context: &Context) -> String {
    let often = text(context.locale, "invitation-often", &[]);
    match context.organisation.sending_rule.pressure {
        Some(cap) => {
            let (messages, days) = (i64::from(cap.messages.get()), i64::from(cap.days.get()));
            let most = [("messages", Argument::from(messages)), ("days", Argument::from(days))];
            format!("{often} {}", text(context.locale, "invitation-cap", &most))
        }
        None => often,
    }
}

fn organisation_argument(context: &Context) -> [(&'static str, Argument<'static>); 1] {
    [("organisation", Argument::from(context.organisation.title.clone()))]
}

/// Kept word for word with the answer.
fn consent_wording(context: &Context, locale: Locale) -> String {
    text(locale, "invitation-consent-wording", &organisation_argument(context))
}

/// "Yes, that is me", or "no". Both people are locked for a yes, and the invitation's row for either: of two who say
/// yes at once, the second finds it used.
pub(super) async fn answer(
    core: &Core,
    organisation: &Organisation,
    mut context: Context,
    event: &StoredEvent,
    asked: Asked,
    is_me: bool,
) -> Result<Context, DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(context) };
    let Some(invitation) = find(&mut context, asked.number).await? else {
        // The person erased themselves, or the organiser took them off the list.
        say(&mut context, "invitation-not-valid", &[]);
        return Ok(context);
    };
    let is_theirs = invitation.contact == caller.contact;
    if !is_me {
        if is_theirs {
            // It is them: what they decline is the consent, also one that they gave before.
            context.withdraw_consent(Purpose::Reminder);
            say(&mut context, "invitation-no-consent", &[]);
        } else {
            disown(&mut context, &invitation, asked).await?;
        }
        return Ok(context);
    }
    let wording = consent_wording(&context, asked.here.locale);
    let is_what_they_read = wording_mark(&wording) == asked.here.wording;
    if is_theirs {
        if address_consent::consents_to_reminders(&mut context, caller.contact).await? {
            say(&mut context, "invitation-yours", &[]);
        } else if is_what_they_read {
            agree(&mut context, &wording).await?;
            welcome(&mut context);
        } else {
            ask(&mut context, &invitation);
        }
        return Ok(context);
    }
    if let Some(obstacle) = invitation.obstacle(asked.generation, context.now) {
        say(&mut context, obstacle.text_id(), &[]);
        return Ok(context);
    }
    if !is_what_they_read {
        ask(&mut context, &invitation);
        return Ok(context);
    }
    if identity::is_known(&mut context, caller.contact).await? {
        let other = number_of(&mut context, caller.contact).await?;
        identity::remember(
            &mut context,
            invitation.contact,
            "contact",
            operations::HISTORY_CONFLICT,
            json!({ "claimed_by": other }),
        )
        .await?;
        context.audit(
            "invitation.conflict",
            format!("contact {}", invitation.number),
            json!({ "claimed_by": other, "address": caller.address.0 }),
        );
        say(&mut context, "invitation-conflict", &[]);
        return Ok(context);
    }
    if !linking::can_settle(core) {
        // Nothing was bound: the button may be pressed again.
        say(&mut context, "plugin-unavailable", &[]);
        return Ok(context);
    }
    sqlx::query!(
        "UPDATE core.invitation SET used_at = $3, used_by = $4 WHERE organisation_id = $1 AND contact_id = $2",
        context.organisation.id.0,
        invitation.contact.0,
        context.now,
        caller.address.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    identity::carry_consents(&mut context, caller.contact, invitation.contact, None).await?;
    context.audit(
        "invitation.accepted",
        format!("contact {}", invitation.number),
        json!({ "address": caller.address.0 }),
    );
    context = linking::join(core, organisation, context, event, invitation.contact, caller.contact).await?;
    agree(&mut context, &wording).await?;
    identity::remember(&mut context, invitation.contact, "contact", "bound", json!({})).await?;
    welcome(&mut context);
    Ok(context)
}

/// "That is not me": nothing is bound, the organiser is told, and the name leaves this chat again.
async fn disown(context: &mut Context, invitation: &Invitation, asked: Asked) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    sqlx::query!(
        r#"
        UPDATE core.invitation SET disowned_at = $4
        WHERE organisation_id = $1 AND contact_id = $2 AND generation = $3 AND used_at IS NULL
        "#,
        context.organisation.id.0,
        invitation.contact.0,
        asked.generation,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    identity::remember(context, invitation.contact, "contact", operations::HISTORY_DISOWNED, json!({})).await?;
    let (organisation, chat) = (context.organisation.id.0, Some(caller.conversation.id.0));
    blank_questions(&mut context.transaction, organisation, &invitation.scope(), chat).await?;
    let words = text(context.locale, "invitation-disowned", &[]);
    context.edit(Edit {
        conversation: None,
        message_key: QUESTION.to_owned(),
        document: Document::says(words),
        coalesce_key: None,
        reveals: None,
    });
    Ok(())
}

/// Records what was agreed to, by the caller and for the chat they agreed in, in the words they read.
async fn agree(context: &mut Context, wording: &str) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    let (organisation, now) = (context.organisation.id.0, context.now);
    let purpose = Purpose::Reminder;
    sqlx::query!(
        r#"
        UPDATE core.consent SET withdrawn_at = greatest($4, given_at)
        WHERE organisation_id = $1 AND contact_id = $2 AND purpose = $3 AND withdrawn_at IS NULL
        "#,
        organisation,
        caller.contact.0,
        purpose.as_str(),
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    address_consent::close(context, caller.address).await?;
    let id = context.organisation.id;
    write_consent(&mut context.transaction, id, caller.contact, caller.address, purpose, wording, now).await?;
    Ok(())
}

fn welcome(context: &mut Context) {
    let locale = context.locale;
    let organisation = organisation_argument(context);
    let often = how_often(context);
    context.reply(
        Document::says(text(locale, "invitation-welcome", &organisation))
            .paragraph(often)
            .paragraph(text(locale, "invitation-stop", &[]))
            .paragraph(text(locale, "invitation-more", &[])),
    );
}

async fn number_of(context: &mut Context, contact: ContactId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT number FROM core.contact WHERE organisation_id = $1 AND id = $2",
        context.organisation.id.0,
        contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await
}

/// Whether this address accepted the invitation of `contact`.
pub(super) async fn is_bound_by(
    context: &mut Context,
    contact: ContactId,
    address: AddressId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM core.invitation WHERE organisation_id = $1 AND contact_id = $2 AND used_by = $3
        ) AS "bound!"
        "#,
        context.organisation.id.0,
        contact.0,
        address.0,
    )
    .fetch_one(&mut *context.transaction)
    .await
}

/// The only address of `contact` left again, by `/delier`: whoever said yes was somebody else, or thinks better of it.
/// Their consents were theirs; the contact may be invited again.
pub(super) async fn free(context: &mut Context, contact: ContactId) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        UPDATE core.consent SET withdrawn_at = greatest($3, given_at)
        WHERE organisation_id = $1 AND contact_id = $2 AND withdrawn_at IS NULL
        "#,
        context.organisation.id.0,
        contact.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    identity::remember(context, contact, "contact", "unbound", json!({})).await
}

/// The questions that named a person leave with that person, whoever followed the link.
pub(super) async fn forget(context: &mut Context, contact: ContactId) -> Result<(), sqlx::Error> {
    let number = number_of(context, contact).await?;
    forget_questions(&mut context.transaction, context.organisation.id, number).await
}

/// As [`forget`], of the contact with this number.
pub(crate) async fn forget_questions(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    number: i64,
) -> Result<(), sqlx::Error> {
    blank_questions(connection, organisation.0, &format!("invitation:{number}"), None).await
}

/// Blanks the questions of a scope: in one chat, or in all.
async fn blank_questions(
    connection: &mut PgConnection,
    organisation: i32,
    scope: &str,
    chat: Option<uuid::Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE core.delivery SET body = NULL, rendered_hash = NULL
        WHERE organisation_id = $1 AND reveals = $2 AND ($3::uuid IS NULL OR conversation_id = $3)
        "#,
        organisation,
        scope,
        chat,
    )
    .execute(&mut *connection)
    .await?;
    if chat.is_none() {
        sqlx::query!(
            "UPDATE core.account_state SET value = NULL WHERE organisation_id = $1 AND reveals = $2",
            organisation,
            scope,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
