//! What crieur itself does for a person, whatever plugins are loaded: welcome, help, language, consent, STOP,
//! linking, invitations, data rights. None of it waits for a plugin but linking and accepting an invitation, which
//! must settle with all of them or not at all.

pub mod address_consent;
mod erasure;
mod export;
mod hours;
mod identity;
pub mod invitation;
pub mod linking;
pub mod roles;
mod words;

pub use crate::dispatcher::withdraw_consent;

pub(crate) use self::erasure::{FIRE_UNNAME, unname};

use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

pub(crate) use self::words::text;
use crate::action::ActionPayload;
use crate::adapter::{CommandMenu, CommandMenuEntry, ConversationKind};
use crate::core::{Core, Organisation};
use crate::dispatcher::{DispatchError, StoredEvent, may, write_consent};
use crate::i18n::Argument;
use crate::ids::{ContactId, OrganisationId};
use crate::locale::Locale;
use crate::message::{Document, Text};
use crate::plugin::{Audience, CommandDeclaration, Context, Purpose};

/// Something the core handles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CoreCommand {
    Start,
    Help,
    Language {
        choice: Option<Locale>,
    },
    Hours {
        change: Option<hours::HoursChange>,
    },
    Stop,
    Consent {
        given: bool,
    },
    MyData,
    Erase {
        confirmed: Option<bool>,
    },
    Link {
        code: Option<String>,
    },
    ConfirmLink {
        link: i64,
        confirmed: bool,
    },
    Unlink {
        confirmed: Option<bool>,
    },
    Invitation {
        code: Option<String>,
    },
    AnswerInvitation {
        asked: invitation::Asked,
        is_me: bool,
    },
    AddressConsent {
        asked: AskedHere,
        given: bool,
    },
    ConversationClosed,
    ConversationMoved,
    Unknown {
        typed: String,
    },
    NotUnderstood,
    NotAllowed,
    /// Only who moderates the room may do it.
    NotModerating,
    Forged,
    TooLong,
    NoSuchNumber {
        count: usize,
    },
}

const VERB_CONSENT: u8 = 1;
const VERB_LANGUAGE: u8 = 2;
const VERB_ERASE: u8 = 3;
const VERB_LINK: u8 = 4;
const VERB_UNLINK: u8 = 5;
const VERB_INVITATION: u8 = 6;
const VERB_ADDRESS_CONSENT: u8 = 7;
const VERB_HOURS: u8 = 8;

/// The core's command that follows an invitation.
const INVITATION: &str = "invitation";

/// The core's own commands, declared like a plugin's.
pub const COMMANDS: [CommandDeclaration; 10] = [
    command(
        "start",
        "start",
        "Faire connaissance, ou reprendre après un arrêt",
        "Get to know crieur, or resume after a stop",
    ),
    command("aide", "help", "Voir ce que vous pouvez faire ici", "See what you can do here"),
    command("langue", "language", "Choisir la langue", "Choose the language"),
    command("horaires", "hours", "Choisir quand je peux vous écrire", "Choose when I may write to you"),
    command("lier", "link", "Relier vos comptes sur plusieurs messageries", "Link your accounts on several networks"),
    command("delier", "unlink", "Séparer ce compte des autres", "Separate this account from the others"),
    CommandDeclaration {
        linkable: true,
        ..command(INVITATION, "invite", "Accepter une invitation personnelle", "Accept a personal invitation")
    },
    command("arret", "stop", "Ne plus recevoir de messages", "Receive no more messages"),
    command("mes_donnees", "my_data", "Recevoir tout ce que nous savons de vous", "Receive all we hold about you"),
    command("effacer", "erase", "Effacer vos données", "Erase your data"),
];

const fn command(
    name: &'static str,
    name_en: &'static str,
    summary_fr: &'static str,
    summary_en: &'static str,
) -> CommandDeclaration {
    CommandDeclaration { name, name_en, summary_fr, summary_en, audience: Audience::Everyone, linkable: false }
}

impl CoreCommand {
    pub fn from_text(name: &str, arguments: &str) -> Option<Self> {
        let canonical = COMMANDS.iter().find(|command| command.name == name || command.name_en == name)?.name;
        Some(match canonical {
            "start" => Self::Start,
            "aide" => Self::Help,
            "langue" => Self::Language { choice: Locale::from_tag(arguments) },
            "horaires" => Self::Hours { change: None },
            "lier" => Self::Link { code: (!arguments.is_empty()).then(|| arguments.to_owned()) },
            "delier" => Self::Unlink { confirmed: None },
            INVITATION => Self::Invitation { code: (!arguments.is_empty()).then(|| arguments.to_owned()) },
            "arret" => Self::Stop,
            "mes_donnees" => Self::MyData,
            "effacer" => Self::Erase { confirmed: None },
            _ => return None,
        })
    }

    pub fn from_action(payload: &ActionPayload) -> Option<Self> {
        match *payload.as_bytes() {
            [VERB_CONSENT, given] => Some(Self::Consent { given: given == 1 }),
            [VERB_LANGUAGE, index] => Some(Self::Language { choice: Locale::ALL.get(usize::from(index)).copied() }),
            [VERB_HOURS, ref change @ ..] => Some(Self::Hours { change: Some(hours::read(change)?) }),
            [VERB_ERASE, confirmed] => Some(Self::Erase { confirmed: Some(confirmed == 1) }),
            [VERB_UNLINK, confirmed] => Some(Self::Unlink { confirmed: Some(confirmed == 1) }),
            [VERB_LINK, confirmed, ref link @ ..] => {
                let link = i64::from_be_bytes(link.try_into().ok()?);
                Some(Self::ConfirmLink { link, confirmed: confirmed == 1 })
            }
            [VERB_INVITATION, is_me, ref asked @ ..] => {
                Some(Self::AnswerInvitation { asked: invitation::Asked::read(asked)?, is_me: is_me == 1 })
            }
            [VERB_ADDRESS_CONSENT, given, ref asked @ ..] => {
                Some(Self::AddressConsent { asked: AskedHere::read(asked)?, given: given == 1 })
            }
            _ => None,
        }
    }

    /// Whom it makes one person, if it does.
    pub fn joining(&self) -> Option<Joining> {
        match self {
            Self::ConfirmLink { link, .. } => Some(Joining::Link(*link)),
            Self::AnswerInvitation { asked, is_me: true } => Some(Joining::Invitation(asked.number)),
            _ => None,
        }
    }
}

/// Two people who are about to become one: both are locked before it is handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Joining {
    Link(i64),
    /// The contact with this number, and whoever presses.
    Invitation(i64),
}

/// The people whom an event concerns besides the one who sent it, and that one, in the order in which they are
/// locked, so that two such events never wait for each other.
pub(crate) async fn people_joined(
    connection: &mut PgConnection,
    event: &StoredEvent,
    joining: Joining,
) -> Result<Vec<ContactId>, sqlx::Error> {
    let mut people = match joining {
        Joining::Link(link) => linking::people_of_link(connection, event.organisation, link).await?,
        Joining::Invitation(number) => {
            people_of_invitation(connection, event.organisation, number, event.address).await?
        }
    };
    people.sort_by_key(|contact| contact.0.as_u64_pair().1);
    Ok(people)
}

async fn people_of_invitation(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    number: i64,
    address: Option<i64>,
) -> Result<Vec<ContactId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT id AS "id!" FROM core.contact WHERE organisation_id = $1 AND number = $2
        UNION
        SELECT contact_id FROM core.address WHERE organisation_id = $1 AND id = $3
        "#,
        organisation.0,
        number,
        address,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ContactId).collect())
}

/// What was shown with a question whose answer is kept word for word: in which language, and a mark of the words, so
/// that nobody agrees to others than they read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AskedHere {
    locale: Locale,
    wording: [u8; WORDING_MARK_BYTES],
}

const WORDING_MARK_BYTES: usize = 4;

/// Enough to see that a text was changed; nobody gains by finding another with the same mark.
fn wording_mark(wording: &str) -> [u8; WORDING_MARK_BYTES] {
    let digest = Sha256::digest(wording.as_bytes());
    std::array::from_fn(|index| digest[index])
}

impl AskedHere {
    fn bytes(&self, verb: u8, answer: bool) -> Vec<u8> {
        let locale = Locale::ALL.iter().position(|locale| *locale == self.locale).unwrap_or_default();
        let mut bytes = vec![verb, u8::from(answer), u8::try_from(locale).unwrap_or_default()];
        bytes.extend(self.wording);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (locale, wording) = bytes.split_first()?;
        Some(Self { locale: *Locale::ALL.get(usize::from(*locale))?, wording: wording.try_into().ok()? })
    }
}

/// An action of the core's own. Its bytes are few and fixed, so they always fit.
fn action(bytes: &[u8]) -> ActionPayload {
    ActionPayload::new(bytes).unwrap_or_else(|_| unreachable!("the core's actions are shorter than the limit"))
}

fn link_action(link: i64, confirmed: bool) -> ActionPayload {
    let mut bytes = vec![VERB_LINK, u8::from(confirmed)];
    bytes.extend(link.to_be_bytes());
    action(&bytes)
}

/// The command menu in every language, for platforms that show one. Only what everybody may use is in it.
pub(crate) fn command_menus(core: &Core) -> Vec<CommandMenu> {
    Locale::ALL
        .into_iter()
        .map(|locale| CommandMenu {
            locale,
            entries: commands(core)
                .filter(|command| matches!(command.audience, Audience::Everyone | Audience::Moderators))
                .map(|command| CommandMenuEntry {
                    name: command.name_in(locale).to_owned(),
                    summary: command.summary_in(locale).to_owned(),
                })
                .collect(),
        })
        .collect()
}

/// Every command there is: the plugins' first, since they are what people come for.
fn commands(core: &Core) -> impl Iterator<Item = &CommandDeclaration> {
    core.plugins.values().flat_map(|host| &host.manifest().commands).chain(&COMMANDS)
}

/// Handles a command of the core in the event's transaction.
pub(crate) async fn handle(
    core: &Core,
    organisation: &Organisation,
    context: Context,
    event: &StoredEvent,
    command: CoreCommand,
) -> Result<Context, DispatchError> {
    let mut context = context;
    match command {
        CoreCommand::ConversationClosed => conversation_closed(&mut context, event).await?,
        CoreCommand::ConversationMoved => conversation_moved(core, &mut context, event).await?,
        CoreCommand::Start => start(&mut context).await?,
        CoreCommand::Help => help(core, &mut context),
        CoreCommand::Language { choice } => language(&mut context, choice).await?,
        CoreCommand::Hours { change } => hours::hours(&mut context, change).await?,
        CoreCommand::Stop => stop(&mut context).await?,
        CoreCommand::Consent { given } => consent(&mut context, given).await?,
        CoreCommand::MyData => export::my_data(core, organisation, &mut context).await?,
        CoreCommand::Erase { confirmed } => erasure::erase(core, organisation, &mut context, confirmed).await?,
        CoreCommand::Link { code: None } => linking::give_code(core, organisation, &mut context).await?,
        CoreCommand::Link { code: Some(code) } => {
            linking::take_code(organisation, &mut context, event.account, &code).await?;
        }
        CoreCommand::ConfirmLink { link, confirmed } => {
            return linking::confirm(core, organisation, context, event, link, confirmed).await;
        }
        CoreCommand::Unlink { confirmed } => {
            return linking::unlink(core, organisation, context, event, confirmed).await;
        }
        CoreCommand::Invitation { code } => {
            invitation::follow(organisation, &mut context, event.account, code.as_deref()).await?;
        }
        CoreCommand::AnswerInvitation { asked, is_me } => {
            return invitation::answer(core, organisation, context, event, asked, is_me).await;
        }
        CoreCommand::AddressConsent { asked, given } => {
            address_consent::answer(&mut context, asked, given).await?;
        }
        CoreCommand::Unknown { typed } => say(&mut context, "unknown-command", &[("command", Argument::from(typed))]),
        CoreCommand::NotUnderstood => say(&mut context, "not-understood", &[]),
        CoreCommand::NotAllowed => say(&mut context, "command-not-allowed", &[]),
        CoreCommand::NotModerating => say(&mut context, "command-for-moderators", &[]),
        CoreCommand::Forged => say(&mut context, "action-forged", &[]),
        CoreCommand::TooLong => say(&mut context, "text-too-long", &[("maximum", Argument::from(4000u32))]),
        CoreCommand::NoSuchNumber { count } => {
            let maximum = i64::try_from(count).unwrap_or(i64::MAX);
            say(&mut context, "number-out-of-range", &[("maximum", Argument::from(maximum))]);
        }
    }
    Ok(context)
}

fn say(context: &mut Context, id: &str, arguments: &[(&str, Argument<'_>)]) {
    let words = text(context.locale, id, arguments);
    context.reply(Document::says(words));
}

fn is_direct(context: &Context) -> bool {
    context.caller.as_ref().is_some_and(|caller| caller.conversation.kind == ConversationKind::Direct)
}

/// Personal matters are for a direct chat only. Says so elsewhere.
fn refuse_in_group(context: &mut Context) -> bool {
    if is_direct(context) {
        return false;
    }
    say(context, "group-private", &[]);
    true
}

async fn start(context: &mut Context) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    let organisation = context.organisation.id.0;
    sqlx::query!(
        "UPDATE core.contact SET status = 'active' WHERE organisation_id = $1 AND id = $2 AND status = 'stopped'",
        organisation,
        caller.contact.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    let title = context.organisation.title.clone();
    let arguments = [("organisation", Argument::from(title))];
    let locale = context.locale;
    context.reply(
        Document::new()
            .paragraph(text(locale, "start-welcome", &arguments))
            .paragraph(text(locale, "start-what", &[]))
            .paragraph(text(locale, "start-can", &[]))
            .paragraph(text(locale, "start-stop", &[]))
            .paragraph(text(locale, "start-privacy", &[])),
    );
    let consents = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM core.consent
            WHERE organisation_id = $1 AND contact_id = $2 AND purpose = 'consultation' AND withdrawn_at IS NULL
        ) AS "consents!"
        "#,
        organisation,
        caller.contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    if !consents {
        context.reply_as(
            "consent",
            Document::says(text(locale, "consent-consultation-wording", &arguments))
                .choice(text(locale, "consent-yes", &[]), action(&[VERB_CONSENT, 1]))
                .choice(text(locale, "consent-no", &[]), action(&[VERB_CONSENT, 0])),
        );
    }
    Ok(())
}

/// One declaration of a command serves here, in the menus and as typed text. Only what one may do is shown.
fn help(core: &Core, context: &mut Context) {
    let Some(caller) = context.caller.clone() else { return };
    let locale = context.locale;
    let items = commands(core).filter(|command| may(&caller, command.audience)).map(|command| {
        Text::new().code(format!("/{}", command.name_in(locale))).plain(format!(" : {}", command.summary_in(locale)))
    });
    let document = Document::says(text(locale, "help-intro", &[])).list(items.collect::<Vec<_>>());
    context.reply(document.paragraph(text(locale, "help-footer", &[])));
}

async fn language(context: &mut Context, choice: Option<Locale>) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    let Some(choice) = choice else {
        let mut document = Document::says(text(context.locale, "language-ask", &[]));
        for (index, locale) in (0u8..).zip(Locale::ALL) {
            let label = text(locale, if locale == Locale::Fr { "language-fr" } else { "language-en" }, &[]);
            let action = action(&[VERB_LANGUAGE, index]);
            document =
                if locale == context.locale { document.chosen(label, action) } else { document.choice(label, action) };
        }
        context.reply_as("language", document);
        return Ok(());
    };
    sqlx::query!(
        "UPDATE core.contact SET locale = $3 WHERE organisation_id = $1 AND id = $2",
        context.organisation.id.0,
        caller.contact.0,
        choice.as_str(),
    )
    .execute(&mut *context.transaction)
    .await?;
    context.locale = choice;
    say(context, "language-set", &[]);
    Ok(())
}

/// Suppresses everything proactive at once, on every linked address. Answers go on.
async fn stop(context: &mut Context) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    let (organisation, now) = (context.organisation.id.0, context.now);
    sqlx::query!(
        "UPDATE core.contact SET status = 'stopped' WHERE organisation_id = $1 AND id = $2 AND status = 'active'",
        organisation,
        caller.contact.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.consent SET withdrawn_at = greatest($3, given_at)
        WHERE organisation_id = $1 AND contact_id = $2 AND withdrawn_at IS NULL
        "#,
        organisation,
        caller.contact.0,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    address_consent::close_without_consent(context, caller.contact).await?;
    sqlx::query!(
        r#"
        UPDATE core.delivery SET state = 'suppressed', settled_at = $3, reason = 'the person said STOP'
        WHERE organisation_id = $1 AND contact_id = $2 AND state IN ('planned', 'held', 'queued')
          AND purpose IN ('consultation', 'reminder', 'digest')
        "#,
        organisation,
        caller.contact.0,
        now,
    )
    .execute(&mut *context.transaction)
    .await?;
    context.audit("contact.stopped", format!("address {}", caller.address), json!({}));
    say(context, "stop-done", &[]);
    Ok(())
}

/// The answer to "shall we tell you of new consultations here?". The ledger keeps the words that were shown.
async fn consent(context: &mut Context, given: bool) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    let (organisation, now, locale) = (context.organisation.id.0, context.now, context.locale);
    let arguments = [("organisation", Argument::from(context.organisation.title.clone()))];
    let wording = text(locale, "consent-consultation-wording", &arguments);
    let purpose = Purpose::Consultation;
    if given {
        write_consent(
            &mut context.transaction,
            OrganisationId(organisation),
            caller.contact,
            caller.address,
            purpose,
            &wording,
            now,
        )
        .await?;
    } else {
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
    }
    address_consent::close_without_consent(context, caller.contact).await?;
    say(context, if given { "consent-given" } else { "consent-declined" }, &[]);
    Ok(())
}

/// The platform says that we can no longer write here.
async fn conversation_closed(context: &mut Context, event: &StoredEvent) -> Result<(), DispatchError> {
    let organisation = context.organisation.id.0;
    if let Some(address) = event.address {
        sqlx::query!(
            r#"
            UPDATE core.reachability SET state = 'blocked', since = $4
            WHERE organisation_id = $1 AND account_id = $2 AND address_id = $3
            "#,
            organisation,
            event.account.0,
            address,
            context.now,
        )
        .execute(&mut *context.transaction)
        .await?;
    }
    sqlx::query!(
        "UPDATE core.conversation SET state = 'closed' WHERE organisation_id = $1 AND id = $2 AND state = 'open'",
        organisation,
        event.conversation,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

async fn conversation_moved(core: &Core, context: &mut Context, event: &StoredEvent) -> Result<(), DispatchError> {
    let crate::adapter::InboundKind::Moved { to_platform_ref } = &event.kind else { return Ok(()) };
    let organisation = context.organisation.id.0;
    let to = sqlx::query_scalar!(
        r#"
        INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
        SELECT organisation_id, $3, account_id, kind, $4, 'open', $5 FROM core.conversation
        WHERE organisation_id = $1 AND id = $2
        ON CONFLICT (organisation_id, account_id, platform_ref) DO UPDATE SET state = 'open', migrated_to = NULL
        RETURNING id
        "#,
        organisation,
        event.conversation,
        core.random.uuid(context.now),
        to_platform_ref.expose(),
        context.now,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    if to != event.conversation {
        sqlx::query!(
            "UPDATE core.conversation SET state = 'migrated', migrated_to = $3 WHERE organisation_id = $1 AND id = $2",
            organisation,
            event.conversation,
            to,
        )
        .execute(&mut *context.transaction)
        .await?;
        sqlx::query!(
            r#"
            UPDATE core.reachability SET direct_conversation_id = $3
            WHERE organisation_id = $1 AND direct_conversation_id = $2
            "#,
            organisation,
            event.conversation,
            to,
        )
        .execute(&mut *context.transaction)
        .await?;
    }
    Ok(())
}

/// How long a code is good for.
pub(crate) const LINK_CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
