//! `/rappels`: whether somebody agrees to be reminded at all, in words they read before they agree.

use bot_core::ContactId;
use bot_core::message::{Document, Text};
use bot_core::plugin::{Context, Edit, HandlerError, HandlerResult, Purpose};

use crate::action::{Action, NO_CAMPAIGN, Origin, Verb};
use crate::standing;
use crate::words::text;

const MESSAGE_KEY: &str = "reminders";

/// Whether a contact agreed to be reminded, and has not said STOP.
pub(crate) async fn is_given(cx: &mut Context, contact: ContactId) -> Result<bool, HandlerError> {
    let view = cx.contact(contact).await.map_err(|error| HandlerError::Broken(error.to_string()))?;
    Ok(view.is_some_and(|view| !view.stopped && view.consents.contains(&Purpose::Reminder)))
}

/// `/rappels`: says how it stands, and offers the other.
pub(crate) async fn command(cx: &mut Context) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    if !caller.conversation.private {
        let link = Text::new().private_link(text(locale, "chat-private-link", &[]), "rappels");
        cx.reply(Document::says(text(locale, "chat-in-group", &[])).paragraph(link));
        return Ok(());
    }
    let document = document(cx, caller.contact).await?;
    cx.reply_as(MESSAGE_KEY, document);
    Ok(())
}

/// Says how it stands where somebody gets no reminders at all, and nothing where they do.
pub(crate) async fn remark(cx: &mut Context, contact: ContactId) -> HandlerResult {
    if !is_given(cx, contact).await? {
        let document = document(cx, contact).await?;
        cx.reply_as(MESSAGE_KEY, document);
    }
    Ok(())
}

/// Agrees, or withdraws. Withdrawing is for whoever never agreed as well: it says that they get none.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    let document = match action.verb {
        Verb::Reminders if is_stopped(cx, caller.contact).await? => document(cx, caller.contact).await?,
        Verb::Reminders if is_known(cx, caller.contact).await? => {
            let wording = wording(cx);
            cx.give_consent(Purpose::Reminder, wording);
            with_button(Document::says(text(locale, "chat-reminders-given", &[])), cx, Verb::NoReminders)
        }
        Verb::NoReminders => {
            cx.withdraw_consent(Purpose::Reminder);
            let document = Document::says(text(locale, "chat-reminders-withdrawn", &[]));
            with_button(document.paragraph(wording(cx)), cx, Verb::Reminders)
        }
        _ => document(cx, caller.contact).await?,
    };
    match action.origin {
        Origin::Answer => cx.edit(Edit {
            conversation: None,
            message_key: MESSAGE_KEY.to_owned(),
            document,
            coalesce_key: None,
            reveals: None,
        }),
        Origin::Step { .. } => cx.reply_as(MESSAGE_KEY, document),
    }
    Ok(())
}

async fn document(cx: &mut Context, contact: ContactId) -> Result<Document, HandlerError> {
    let locale = cx.locale;
    if is_given(cx, contact).await? {
        return Ok(with_button(Document::says(text(locale, "chat-reminders-on", &[])), cx, Verb::NoReminders));
    }
    if is_stopped(cx, contact).await? {
        return Ok(Document::says(text(locale, "chat-reminders-stopped", &[])));
    }
    if !is_known(cx, contact).await? {
        return Ok(Document::says(text(locale, "chat-reminders-unknown", &[])));
    }
    let document = Document::says(text(locale, "chat-reminders-off", &[])).paragraph(wording(cx));
    Ok(with_button(document, cx, Verb::Reminders))
}

/// Whether they said STOP to everything, which is taken back elsewhere.
async fn is_stopped(cx: &mut Context, contact: ContactId) -> Result<bool, HandlerError> {
    let view = cx.contact(contact).await.map_err(|error| HandlerError::Broken(error.to_string()))?;
    Ok(view.is_some_and(|view| view.stopped))
}

/// Whether there is anything to remind them of, now or in a campaign to come.
async fn is_known(cx: &mut Context, contact: ContactId) -> Result<bool, HandlerError> {
    let view = cx.contact(contact).await.map_err(|error| HandlerError::Broken(error.to_string()))?;
    let of_an_organiser = view.is_some_and(|view| {
        view.external_id.is_some() || view.name.is_some() || view.collectivite.is_some() || !view.groups.is_empty()
    });
    Ok(of_an_organiser || !standing::all(cx, contact, None).await?.is_empty())
}

/// What is agreed to, as it is shown and kept.
fn wording(cx: &Context) -> String {
    text(cx.locale, "chat-reminders-wording", &[("organisation", cx.organisation.title.as_str().into())])
}

fn with_button(document: Document, cx: &Context, verb: Verb) -> Document {
    let id = if verb == Verb::Reminders { "chat-reminders-agree" } else { "chat-no-reminders" };
    document.choice(text(cx.locale, id, &[]), Action::in_answer(verb, NO_CAMPAIGN).payload())
}
