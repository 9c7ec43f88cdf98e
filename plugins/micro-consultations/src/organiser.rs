//! `/mes_consultations`: an organiser's buttons, one message edited in place.

use bot_core::message::{Document, Text};
use bot_core::plugin::{Context, Edit, HandlerError, HandlerResult, Reply, Role};

use crate::action::{Action, NO_CONSULTATION, Verb};
use crate::operations::{self, OperationError, Refusal};
use crate::results;
use crate::script::Script;
use crate::store;
use crate::store::{Consultation, State};
use crate::words::{count, text};

const MESSAGE_KEY: &str = "organiser";
/// Consultations in one list.
const LISTED_MAX: usize = 12;
/// Extensions offered, in days.
const EXTENSIONS_DAYS: [u16; 4] = [1, 3, 7, 14];

/// The command.
pub(crate) async fn list(cx: &mut Context) -> HandlerResult {
    let document = list_document(cx, 0).await?;
    cx.reply_as(MESSAGE_KEY, document);
    Ok(())
}

/// Shows one consultation below everything, as after composing it.
pub(crate) async fn present(cx: &mut Context, consultation: &Consultation, lead: String) -> HandlerResult {
    let document = managed(cx, consultation, Some(lead)).await?;
    cx.reply_as(MESSAGE_KEY, document);
    Ok(())
}

/// The consultations after the first `listed` ones.
async fn list_document(cx: &mut Context, listed: usize) -> Result<Document, HandlerError> {
    let (organisation, locale) = (cx.organisation.id, cx.locale);
    let states = [State::Open, State::Scheduled, State::Draft, State::Closed];
    let found = store::list(cx.sql(), organisation, &states).await?;
    if found.is_empty() {
        return Ok(Document::says(text(locale, "manage-none", &[])));
    }
    let listed = if listed < found.len() { listed } else { 0 };
    let left = found.len().saturating_sub(listed + LISTED_MAX);
    let found: Vec<Consultation> = found.into_iter().skip(listed).take(LISTED_MAX).collect();
    let items = found.iter().map(|consultation| {
        let title = consultation.definition.title.in_locale(locale);
        text(locale, "manage-item", &[("title", title.into()), ("state", state_words(cx, consultation).into())])
    });
    let mut document = Document::new().heading(text(locale, "manage-heading", &[])).list(items.collect::<Vec<_>>());
    for consultation in &found {
        let action = Action::new(Verb::Manage, consultation.id, consultation.version);
        document = document.choice(consultation.definition.title.in_locale(locale), action.payload());
    }
    if left > 0 {
        let action = Action::further(Verb::Manage, listed + LISTED_MAX);
        document = document.step(text(locale, "list-more", &[("count", left.into())]), action.payload());
    }
    if listed > 0 {
        let action = Action::further(Verb::Manage, listed.saturating_sub(LISTED_MAX));
        document = document.step(text(locale, "step-back", &[]), action.payload());
    }
    Ok(document)
}

fn script<'c>(cx: &Context, consultation: &'c Consultation) -> Script<'c> {
    Script { consultation, locale: cx.locale, time_zone: cx.organisation.time_zone, buttons: true }
}

fn state_words(cx: &Context, consultation: &Consultation) -> String {
    let script = script(cx, consultation);
    match consultation.state {
        State::Draft => script.say("state-draft", &[]),
        State::Scheduled => {
            let opening = consultation.opens_at.map(|at| script.moment(at)).unwrap_or_default();
            script.say("state-scheduled", &[("opening", opening.into())])
        }
        State::Open => script.say("state-open", &[("closing", script.closing().into())]),
        State::Closed => script.say("state-closed", &[("closing", script.closing().into())]),
    }
}

async fn managed(
    cx: &mut Context,
    consultation: &Consultation,
    lead: Option<String>,
) -> Result<Document, HandlerError> {
    let organisation = cx.organisation.id;
    let summary = operations::summary(cx.sql(), organisation, consultation).await?;
    let script = script(cx, consultation);
    let mut document = Document::new();
    if let Some(lead) = lead {
        document = document.paragraph(Text::new().strong(lead));
    }
    let mut facts = vec![state_words(cx, consultation)];
    if matches!(consultation.state, State::Open | State::Closed) {
        facts.push(script.say("manage-participation", &[("ballots", count(summary.ballots))]));
    }
    if let Some(when) = consultation.announced_at {
        facts.push(script.say("manage-announced", &[("when", script.moment(when).into())]));
    }
    document = document.heading(script.title()).list(facts);
    if consultation.state != State::Draft
        && let Some(url) = results::page_url(cx, consultation)
    {
        document = document.paragraph(Text::new().link(script.say("manage-page", &[]), url));
    }
    let verbs: &[(&str, Verb)] = match consultation.state {
        State::Draft => {
            &[("button-open", Verb::Open), ("button-preview", Verb::Preview), ("button-discard", Verb::Discard)]
        }
        State::Scheduled => &[("button-open", Verb::Open), ("button-preview", Verb::Preview)],
        State::Open if consultation.announced_at.is_none() => &[
            ("button-announce", Verb::Announce),
            ("button-results", Verb::Results),
            ("button-extend", Verb::Extend),
            ("button-close", Verb::Close),
            ("button-preview", Verb::Preview),
        ],
        State::Open => &[
            ("button-results", Verb::Results),
            ("button-extend", Verb::Extend),
            ("button-close", Verb::Close),
            ("button-preview", Verb::Preview),
        ],
        State::Closed => &[("button-results", Verb::Results)],
    };
    for (id, verb) in verbs.iter().chain(&[("button-export", Verb::Export)]) {
        document = document.choice(script.say(id, &[]), script.action(*verb).payload());
    }
    let back = Action::further(Verb::Manage, 0);
    Ok(document.step(script.say("button-back-to-list", &[]), back.payload()))
}

fn show(cx: &mut Context, document: Document) {
    cx.edit(Edit {
        conversation: None,
        message_key: MESSAGE_KEY.to_owned(),
        document,
        coalesce_key: None,
        reveals: None,
    });
}

/// A press on one of these buttons. The role belongs to the very address that presses.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let locale = cx.locale;
    if !cx.caller.as_ref().is_some_and(|caller| caller.has(Role::Organiser)) {
        cx.reply(Document::says(text(locale, "refused-role", &[])));
        return Ok(());
    }
    if action.consultation == NO_CONSULTATION {
        let document = list_document(cx, action.argument.into()).await?;
        show(cx, document);
        return Ok(());
    }
    match act(cx, action).await {
        Ok(()) => Ok(()),
        Err(OperationError::Refused(refusal)) => {
            let (organisation, id) = (cx.organisation.id, action.consultation);
            let words = refusal.words(locale);
            let found = store::find(cx.sql(), organisation, id, store::Lock::None).await?;
            let document = match found {
                Some(consultation) => managed(cx, &consultation, Some(words)).await?,
                None => Document::says(words),
            };
            show(cx, document);
            Ok(())
        }
        Err(OperationError::Handler(error)) => Err(error),
    }
}

async fn act(cx: &mut Context, action: Action) -> Result<(), OperationError> {
    let (organisation, id) = (cx.organisation.id, action.consultation);
    let (consultation, lead) = match action.verb {
        Verb::Open => (operations::open(cx, id).await?, Some("opened")),
        Verb::Announce => (operations::announce(cx, id).await?, Some("announced")),
        Verb::ExtendBy => (operations::extend(cx, id, action.argument).await?, Some("extended")),
        Verb::ConfirmDiscarding => (operations::discard(cx, id).await?, None),
        Verb::ConfirmClosing => (operations::close(cx, id).await?, Some("closed-now")),
        _ => {
            let found = store::find(cx.sql(), organisation, id, store::Lock::None).await?;
            (found.ok_or(Refusal::Unknown)?, None)
        }
    };
    match action.verb {
        Verb::Extend => {
            let script = script(cx, &consultation);
            let mut document = Document::says(script.say_of_it("extend-ask"));
            for days in EXTENSIONS_DAYS {
                let payload = script.action(Verb::ExtendBy).with(days).payload();
                document = document.choice(script.say("extend-days", &[("days", days.into())]), payload);
            }
            let document = document.step(script.say("step-back", &[]), script.action(Verb::Manage).payload());
            show(cx, document);
        }
        Verb::Close => {
            let script = script(cx, &consultation);
            let document = Document::says(script.say_of_it("close-ask"))
                .choice(script.say("close-confirm", &[]), script.action(Verb::ConfirmClosing).payload())
                .choice(script.say("close-cancel", &[]), script.action(Verb::Manage).payload());
            show(cx, document);
        }
        Verb::Discard => {
            let script = script(cx, &consultation);
            let document = Document::says(script.say_of_it("discard-ask"))
                .choice(script.say("discard-confirm", &[]), script.action(Verb::ConfirmDiscarding).payload())
                .choice(script.say("discard-cancel", &[]), script.action(Verb::Manage).payload());
            show(cx, document);
        }
        Verb::ConfirmDiscarding => {
            let script = script(cx, &consultation);
            let back = Action::further(Verb::Manage, 0);
            let document = Document::says(script.say_of_it("discarded"))
                .step(script.say("button-back-to-list", &[]), back.payload());
            show(cx, document);
        }
        Verb::Preview => {
            let locale = cx.locale;
            cx.reply(Document::new().heading(text(locale, "preview-heading", &[])).paragraph(text(
                locale,
                "preview-note",
                &[],
            )));
            for document in operations::preview(&consultation, locale, cx.now, cx.organisation.time_zone) {
                cx.reply(document);
            }
        }
        Verb::Export => {
            let file = operations::export(cx, &consultation)?;
            let name = format!("{}.toml", consultation.slug());
            let media = cx.store_media("application/toml", name, file.into_bytes());
            let label = script(cx, &consultation).say_of_it("export-label");
            cx.reply_with(Reply { document: Document::new().file(media, label), ..Reply::default() });
        }
        _ => {
            let lead = lead.map(|lead| script(cx, &consultation).say_of_it(lead));
            let document = managed(cx, &consultation, lead).await?;
            show(cx, document);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::plugin::{Effect, Purpose, Recipient};

    use crate::bench::{MARKET, Town, definition};
    use crate::operations;

    #[tokio::test]
    async fn an_organiser_announces_extends_exports_and_closes() {
        let town = Town::new(31).await;
        town.opens(MARKET).await;
        let mut organiser = town.organiser();
        organiser.sends("mes_consultations").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        Vos consultations
        • La place du marché : ouverte jusqu’au mardi 15 septembre 2026 à 10 h
        [La place du marché]
        ");
        organiser.taps("La place du marché").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        La place du marché
        • ouverte jusqu’au mardi 15 septembre 2026 à 10 h
        • Aucun bulletin.
        [Annoncer]
        [Voir les résultats]
        [Prolonger]
        [Clore]
        [Aperçu]
        [Exporter le fichier]
        [Toutes mes consultations]
        ");
        organiser.taps("Annoncer").await;
        let announced = organiser.effects.iter().find_map(|effect| match effect {
            Effect::Send(message) => Some(message.clone()),
            _ => None,
        });
        let announced = announced.unwrap();
        assert_eq!((announced.to, announced.purpose), (Recipient::Consenting, Purpose::Consultation));
        assert!(organiser.sees.choices.iter().all(|choice| choice.label != "Annoncer"));
        organiser.taps("Prolonger").await;
        organiser.taps("7 jours").await;
        insta::assert_snapshot!(organiser.reads().lines().next().unwrap(), @"« La place du marché » est prolongée jusqu’au mardi 22 septembre 2026 à 10 h.");
        let closing = organiser.effects.iter().filter_map(|effect| match effect {
            Effect::CancelFire { scope, .. } => Some(format!("- {scope}")),
            Effect::Schedule(fire) => Some(format!("+ {} {}", fire.scope, fire.due_at)),
            _ => None,
        });
        insta::assert_snapshot!(closing.collect::<Vec<_>>().join("\n"), @r"
        - closing:1:2
        + closing:1:3 2026-09-22 08:00:00 UTC
        ");
        let file = {
            organiser.taps("Exporter").await;
            organiser.effects.iter().find_map(|effect| match effect {
                Effect::StoreMedia { content, .. } => Some(String::from_utf8(content.clone()).unwrap()),
                _ => None,
            })
        };
        assert_eq!(crate::definition_file::parse(&file.unwrap()).unwrap(), crate::bench::definition(MARKET));

        organiser.sends("mes_consultations").await;
        organiser.taps("La place").await;
        organiser.taps("Clore").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        Clore « La place du marché » maintenant ? C’est définitif : les bulletins sont mélangés, la clé qui les protège est détruite, et plus personne ne pourra répondre.
        [Oui, clore maintenant]
        [Non, la laisser ouverte]
        ");
        organiser.taps("Oui, clore").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        « La place du marché » est close.
        La place du marché
        • close depuis le mardi 1er septembre 2026 à 10 h
        • Aucun bulletin.
        • Annoncée le mardi 1er septembre 2026 à 10 h.
        [Voir les résultats]
        [Exporter le fichier]
        [Toutes mes consultations]
        ");
    }

    #[tokio::test]
    async fn a_draft_is_thrown_away_and_leaves_its_name() {
        let town = Town::new(33).await;
        let creates = async || town.operator(async |cx| Ok(operations::create(cx, definition(MARKET)).await)).await.0;
        creates().await.unwrap();
        let mut organiser = town.organiser();
        organiser.sends("mes_consultations").await;
        organiser.taps("La place").await;
        organiser.taps("Jeter ce brouillon").await;
        let confirm = organiser.sees.choices[0].clone();
        insta::assert_snapshot!(organiser.reads(), @r"
        Jeter le brouillon « La place du marché » ? Il ne pourra pas être retrouvé.
        [Oui, le jeter]
        [Non, le garder]
        ");
        organiser.taps("Oui").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        Le brouillon « La place du marché » est jeté : son nom est libre à nouveau.
        [Toutes mes consultations]
        ");
        organiser.presses(&confirm).await;
        assert_eq!(organiser.reads(), "Cette consultation n’existe pas.");

        // Under the same name again; what is open stays.
        let again = creates().await.unwrap().id;
        let refused = town.operator(async |cx| {
            operations::open(cx, again).await.unwrap();
            Ok(operations::discard(cx, again).await.unwrap_err().to_string())
        });
        assert_eq!(refused.await.0, "Only a draft can be thrown away.");
        organiser.sends("mes_consultations").await;
        organiser.taps("La place").await;
        assert!(!organiser.reads().contains("Jeter"));
    }

    #[tokio::test]
    async fn these_buttons_do_nothing_for_anybody_else() {
        let town = Town::new(32).await;
        town.opens(MARKET).await;
        let mut organiser = town.organiser();
        organiser.sends("mes_consultations").await;
        let manage = organiser.sees.choices[0].clone();
        let mut ana = town.citizen();
        ana.presses(&manage).await;
        assert!(ana.reads().contains("réservé aux organisateurs"));
    }
}
