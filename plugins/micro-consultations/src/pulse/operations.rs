//! The life of a pulse: made, asked in its rooms, and closed (see [`super::counting`] for what follows).

use bot_core::ConversationId;
use bot_core::message::{Document, Poll, Text};
use bot_core::plugin::{
    ClosePoll, Context, Fire, FiredFire, HandlerError, HandlerResult, Misfire, Outgoing, Purpose, Recipient,
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::counting::{COUNTED_WITHIN, asked, mark, tell};
use super::store::{self, Pulse, PulseId, PulseState};
use super::{PulseDefinition, ROOMS_MAX};
use crate::operations::{By, OperationError, Refusal};
use crate::words::{moment, text};

/// Fires of pulses begin so.
pub(crate) const FIRES: &str = "pulse-";
const ASK: &str = "pulse-ask";
const CLOSE: &str = "pulse-close";
pub(super) const TELL: &str = "pulse-tell";

/// Stores a pulse as a draft.
///
/// # Errors
/// [`Refusal::SlugTaken`].
pub async fn create(cx: &mut Context, definition: PulseDefinition) -> Result<Pulse, OperationError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let id = store::insert(cx.sql(), organisation, &definition, now).await?;
    let id = id.ok_or_else(|| Refusal::SlugTaken(definition.slug.clone()))?;
    did(cx, By::whoever_asked(cx), "pulse.created", id, json!({ "slug": definition.slug }));
    known(cx, id).await
}

/// Finds a pulse by its name.
///
/// # Errors
/// [`Refusal::UnknownPulse`].
pub async fn show(cx: &mut Context, slug: &str) -> Result<Pulse, OperationError> {
    let organisation = cx.organisation.id;
    Ok(store::find_by_slug(cx.sql(), organisation, slug).await?.ok_or(Refusal::UnknownPulse)?)
}

/// Asks a pulse in `rooms`, by their numbers; in those its file names when there are none. The service that runs, or
/// the next one, does it.
///
/// # Errors
/// [`Refusal::NoRooms`], [`Refusal::RoomsMax`], [`Refusal::NoRoom`], [`Refusal::ClosingPast`],
/// [`Refusal::PulseIs`], [`Refusal::UnknownPulse`].
pub async fn open(cx: &mut Context, id: PulseId, rooms: &[i64]) -> Result<Pulse, OperationError> {
    let pulse = known(cx, id).await?;
    match pulse.state {
        PulseState::Draft => {}
        other => return Err(Refusal::PulseIs(other).into()),
    }
    let numbers = if rooms.is_empty() { pulse.definition.rooms.as_slice() } else { rooms };
    if numbers.is_empty() {
        return Err(Refusal::NoRooms.into());
    }
    if numbers.len() > ROOMS_MAX {
        return Err(Refusal::RoomsMax.into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    let closes_at = pulse.definition.closes_at(now, cx.organisation.time_zone);
    if closes_at <= now {
        return Err(Refusal::ClosingPast.into());
    }
    sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse SET state = 'open', opened_at = $3, closes_at = $4
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        now,
        closes_at,
    )
    .execute(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    let there = cx.rooms().await?;
    for number in numbers {
        let room = there.iter().find(|room| room.number == *number).ok_or(Refusal::NoRoom(*number))?;
        sqlx::query!(
            r#"
            INSERT INTO micro_consultations.pulse_room
                (organisation_id, pulse_id, conversation_id, number, platform, state)
            VALUES ($1, $2, $3, $4, $5, 'waiting') ON CONFLICT DO NOTHING
            "#,
            organisation.0,
            id.0,
            room.conversation.id.0,
            room.number,
            room.platform.as_str(),
        )
        .execute(cx.sql())
        .await
        .map_err(HandlerError::from)?;
        cx.schedule(fire(ASK, id, room.conversation.id.to_string(), now));
    }
    cx.schedule(fire(CLOSE, id, String::new(), closes_at));
    did(cx, By::whoever_asked(cx), "pulse.opened", id, json!({ "rooms": numbers }));
    known(cx, id).await
}

/// Closes an open pulse and has it counted; the result is told in its rooms once every platform has answered.
///
/// # Errors
/// [`Refusal::PulseIs`], [`Refusal::UnknownPulse`].
pub async fn close(cx: &mut Context, id: PulseId) -> Result<Pulse, OperationError> {
    let pulse = known(cx, id).await?;
    match pulse.state {
        PulseState::Open => {}
        other => return Err(Refusal::PulseIs(other).into()),
    }
    let by = By::whoever_asked(cx);
    close_by(cx, id, by).await?;
    known(cx, id).await
}

async fn close_by(cx: &mut Context, id: PulseId, by: By) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        "UPDATE micro_consultations.pulse SET state = 'closed', closed_at = $3 WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        id.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE micro_consultations.pulse_room SET state = 'unsent'
        WHERE organisation_id = $1 AND pulse_id = $2 AND state = 'waiting'
        "#,
        organisation.0,
        id.0,
    )
    .execute(cx.sql())
    .await?;
    let asked = asked(cx, id).await?;
    for room in &asked {
        cx.close_poll(ClosePoll {
            conversation: *room,
            message_key: id.scope(),
            scope: id.scope(),
            subject: format!("count:{room}"),
        });
    }
    cx.cancel_fire(format!("{CLOSE}:{id}"), "");
    did(cx, by, "pulse.closed", id, json!({}));
    if asked.is_empty() {
        return tell(cx, id).await;
    }
    cx.schedule(fire(TELL, id, String::new(), now + COUNTED_WITHIN));
    Ok(())
}

/// A moment of a pulse has come.
pub(crate) async fn fired(cx: &mut Context, fired: &FiredFire) -> HandlerResult {
    let parts = fired.scope.split_once(':').and_then(|(what, id)| Some((what, PulseId(id.parse().ok()?))));
    let Some((what, id)) = parts else {
        return Err(HandlerError::Broken(format!("a fire of the unknown scope {:?}", fired.scope)));
    };
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(pulse) = store::find(cx.sql(), organisation, id).await? else { return Ok(()) };
    match (what, pulse.state, pulse.closes_at) {
        (ASK, PulseState::Open, Some(closes_at)) if now < closes_at => match fired.subject.parse() {
            Ok(room) => ask(cx, &pulse, ConversationId(room), closes_at).await,
            Err(_) => Err(HandlerError::Broken("a pulse is asked in no room".to_owned())),
        },
        // The clock was set back after the fire was taken: not yet.
        (CLOSE, PulseState::Open, Some(closes_at)) if now < closes_at => {
            cx.schedule(fire(CLOSE, id, String::new(), closes_at));
            Ok(())
        }
        (CLOSE, PulseState::Open, _) => close_by(cx, id, By::Plugin).await,
        (TELL, PulseState::Closed, _) if pulse.told_at.is_none() => tell(cx, id).await,
        _ => Ok(()),
    }
}

async fn ask(cx: &mut Context, pulse: &Pulse, room: ConversationId, closes_at: DateTime<Utc>) -> HandlerResult {
    let Some(there) = cx.room(room).await? else { return mark(cx, pulse.id, room, "waiting", "unsent").await };
    let polls = there.conversation.polls;
    mark(cx, pulse.id, room, "waiting", if polls { "asked" } else { "words" }).await?;
    let locale = cx.organisation.default_locale;
    let zone = pulse.definition.time_zone.unwrap_or(cx.organisation.time_zone);
    let closing = moment(locale, closes_at, zone);
    let mut document = Document::says(Text::new().strong(text(locale, "pulse-label", &[])));
    let question = pulse.definition.question.in_locale(locale);
    let options: Vec<String> =
        pulse.definition.options.iter().map(|option| option.in_locale(locale).to_owned()).collect();
    if polls {
        let until = text(locale, "pulse-until", &[("closing", closing.into())]);
        // In the poll itself too, which may be passed on without what stands above it.
        let question = text(locale, "pulse-question", &[("question", question.into())]);
        document = document.paragraph(until).poll(Poll { question, options, multiple: false });
    } else {
        document = document.paragraph(Text::new().strong(question)).list(options).paragraph(text(
            locale,
            "pulse-in-words",
            &[],
        ));
    }
    let mut message = Outgoing::new(Recipient::Conversation(room), Purpose::Service, pulse.id.scope(), document);
    message.subject = format!("asked:{room}");
    message.message_key = Some(pulse.id.scope());
    message.not_after = Some(closes_at);
    message.report = true;
    cx.send(message);
    Ok(())
}

async fn known(cx: &mut Context, id: PulseId) -> Result<Pulse, OperationError> {
    let organisation = cx.organisation.id;
    Ok(store::find(cx.sql(), organisation, id).await?.ok_or(Refusal::UnknownPulse)?)
}

pub(super) fn fire(what: &str, id: PulseId, subject: String, due_at: DateTime<Utc>) -> Fire {
    let scope = format!("{what}:{id}");
    Fire { scope, subject, due_at, misfire: Misfire::RunOnce, payload: json!({}), repeat: None }
}

fn did(cx: &mut Context, by: By, action: &str, id: PulseId, details: serde_json::Value) {
    by.did_to(cx, action, id.scope(), details);
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use bot_core::adapter::PollCounts;
    use bot_core::plugin::{DeliveryOutcome, Effect, Plugin};
    use chrono::TimeDelta;

    use super::*;
    use crate::bench::{MARKET, Town, definition, said_in_rooms};
    use crate::page::Visit;
    use crate::pulse::file::tests::EVENING;
    use crate::pulse::file::{FileContent, read};
    use crate::pulse::results;

    fn evening() -> PulseDefinition {
        match read(EVENING).unwrap() {
            FileContent::Pulse(definition) => definition,
            FileContent::Consultation(_) => panic!("no pulse"),
        }
    }

    async fn numbers(town: &Town) -> Vec<i64> {
        town.operator(async |cx| cx.rooms().await).await.0.iter().map(|room| room.number).collect()
    }

    /// Opened and asked.
    async fn asked(town: &Town) -> (PulseId, Vec<String>) {
        let rooms = numbers(town).await;
        let (pulse, effects) = town
            .operator(async |cx| {
                let id = create(cx, evening()).await.unwrap().id;
                Ok(open(cx, id, &rooms).await.unwrap())
            })
            .await;
        let said = said_in_rooms(&town.fires(&effects).await);
        (pulse.id, said)
    }

    async fn hears(town: &Town, id: PulseId, subject: String, state: &str, counts: Option<PollCounts>) -> Vec<Effect> {
        let outcome = DeliveryOutcome {
            delivery: bot_core::DeliveryId(sqlx::types::Uuid::nil()),
            scope: id.scope(),
            subject,
            state: state.to_owned(),
            reason: None,
            counts,
        };
        town.operator(async |cx| town.plugin.on_delivery(cx, &outcome).await).await.1
    }

    #[tokio::test]
    async fn a_pulse_is_asked_counted_by_each_platform_and_told() {
        let town = Town::new(401).await;
        let first = town.bench.room("alpha", true, false).await;
        let second = town.bench.room("beta", true, false).await;
        let words = town.bench.room("gamma", false, false).await;
        let (id, said) = asked(&town).await;
        insta::assert_snapshot!(said.join("\n––––\n"), @r"
        Sondage informel : ce n’est pas un vote.
        Vous pouvez répondre jusqu’au jeudi 3 septembre 2026 à 10 h. Sur certaines messageries, les autres voient votre choix.
        [[Faut-il ouvrir la médiathèque le soir ? (sondage informel): Oui / Non / Sans avis]]
        ––––
        Sondage informel : ce n’est pas un vote.
        Vous pouvez répondre jusqu’au jeudi 3 septembre 2026 à 10 h. Sur certaines messageries, les autres voient votre choix.
        [[Faut-il ouvrir la médiathèque le soir ? (sondage informel): Oui / Non / Sans avis]]
        ––––
        Sondage informel : ce n’est pas un vote.
        Faut-il ouvrir la médiathèque le soir ?
        • Oui
        • Non
        • Sans avis
        Cette messagerie n’a pas de sondage : les réponses données ici ne peuvent pas être comptées.
        ");

        town.bench.clock.advance(TimeDelta::hours(48));
        let due = bot_core::plugin::FiredFire {
            scope: format!("{CLOSE}:{id}"),
            subject: String::new(),
            due_at: town.bench.clock.now(),
            payload: json!({}),
        };
        let effects = town.operator(async |cx| town.plugin.on_fire(cx, &due).await).await.1;
        let closes: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::ClosePoll(close) => Some((close.conversation, close.subject.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(closes.iter().map(|(room, _)| *room).collect::<Vec<_>>(), [first.id, second.id]);

        // One platform says, the other does not: unknown, and never zero.
        let counts = PollCounts { options: vec![12, 3, 0], voters: Some(15) };
        let effects = hears(&town, id, closes[0].1.clone(), "sent", Some(counts)).await;
        assert!(said_in_rooms(&effects).is_empty(), "told before all is counted");
        let effects = hears(&town, id, closes[1].1.clone(), "failed", None).await;
        let told = said_in_rooms(&effects);
        assert_eq!(told.len(), 3, "each room hears it: {words:?}");
        insta::assert_snapshot!(told[0], @r"
        Résultat du sondage informel
        Faut-il ouvrir la médiathèque le soir ?
        Sondage informel : ce n’est pas un vote.
        Choix | Alpha | Beta | Gamma
        Oui | 12 | inconnu | inconnu
        Non | 3 | inconnu | inconnu
        Sans avis | 0 | inconnu | inconnu
        Beta : dans un salon, le nombre de réponses est inconnu et n’est pas dans ce tableau.
        Gamma : dans un salon, le nombre de réponses est inconnu et n’est pas dans ce tableau.
        Chaque messagerie compte à sa façon et une même personne peut répondre plusieurs fois : ces nombres ne s’additionnent pas et ne s’ajoutent à aucun bulletin.
        ");
        assert!(hears(&town, id, closes[1].1.clone(), "failed", None).await.is_empty(), "told twice");

        let visit = Visit {
            pool: &town.bench.pool,
            organisation: &town.bench.organisation,
            locale: Locale::En,
            now: town.bench.clock.now(),
        };
        let page = crate::pulse::page::pulse_page(&visit, "ouverture-du-soir").await.unwrap().unwrap();
        for part in ["Informal poll: not a vote", "<h2>Alpha</h2>", "<td>12</td>", "<td>unknown</td>", "counts.csv"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let csv = crate::pulse::page::counts_csv(&visit, "ouverture-du-soir").await.unwrap().unwrap();
        assert_eq!(csv.lines().count(), 10);
        let first = csv.lines().find(|line| line.starts_with("\"alpha\"")).unwrap();
        assert!(first.ends_with(",\"counted\",\"Oui\",\"12\""), "{csv}");
        assert!(csv.lines().filter(|line| line.starts_with("\"beta\"")).all(|line| line.ends_with(",\"\"")), "{csv}");
        let json = crate::pulse::page::counts_json(&visit, "ouverture-du-soir").await.unwrap().unwrap();
        let json = serde_json::to_value(&json).unwrap();
        assert_eq!((&json["informal"], &json["platforms"][1]["votes"]), (&json!(true), &json!(null)));
        assert_eq!(json["platforms"][0]["rooms"][0]["voters"], 15);
    }

    #[tokio::test]
    async fn what_was_not_counted_within_an_hour_is_told_as_unknown() {
        let town = Town::new(402).await;
        let room = town.bench.room("alpha", true, false).await;
        let (id, _) = asked(&town).await;
        let mut organiser = town.organiser();
        organiser.goes_to(&room);
        organiser.sends("clore_sondage").await;
        insta::assert_snapshot!(organiser.reads(), @"Le sondage est clos. Le résultat arrive dès que les messageries l’ont compté.");
        let closed = organiser.effects.clone();
        assert!(town.fires(&closed).await.is_empty());
        town.bench.clock.advance(COUNTED_WITHIN);
        let told = said_in_rooms(&town.fires(&closed).await);
        assert!(told[0].contains("Oui | inconnu"), "{told:?}");
        // The figure that comes later stands on the page.
        let counts = PollCounts { options: vec![1, 0, 0], voters: None };
        assert!(hears(&town, id, format!("count:{}", room.id), "sent", Some(counts)).await.is_empty());
        let pulse = town.operator(async |cx| Ok(show(cx, "ouverture-du-soir").await.unwrap())).await.0;
        let results = town.operator(async |cx| {
            let organisation = cx.organisation.id;
            results::read(cx.sql(), organisation, &pulse).await
        });
        assert_eq!(results.await.0.platforms[0].votes, Some(vec![1, 0, 0]));
        organiser.sends("clore_sondage").await;
        assert!(organiser.reads().contains("Aucun sondage informel"), "{}", organiser.reads());
    }

    #[tokio::test]
    async fn an_organiser_asks_in_the_room_they_are_in() {
        let town = Town::new(403).await;
        let room = town.bench.room("alpha", true, false).await;
        let mut organiser = town.organiser();
        organiser.goes_to(&room);
        organiser.sends("sondage").await;
        assert!(organiser.reads().starts_with("Tapez /sondage, la question"), "{}", organiser.reads());
        organiser.sends("sondage Ouvrir le soir ? | Oui | oui").await;
        insta::assert_snapshot!(organiser.reads(), @"Il faut une question de 250 caractères au plus, et de 2 à 10 réponses différentes de 55 caractères au plus.");
        organiser.sends("sondage Ouvrir le soir ? | Oui | Non").await;
        let said = said_in_rooms(&town.fires(&organiser.effects.clone()).await);
        assert!(said[0].ends_with("[[Ouvrir le soir ? (sondage informel): Oui / Non]]"), "{said:?}");
        let pulse = town.operator(async |cx| Ok(show(cx, "sondage-2026-09-01-1").await.unwrap())).await.0;
        assert_eq!(pulse.closes_at.unwrap() - pulse.opened_at.unwrap(), TimeDelta::hours(24));
        organiser.sends("sondage Encore ? | Oui | Non").await;
        assert!(town.operator(async |cx| Ok(show(cx, "sondage-2026-09-01-2").await.is_ok())).await.0);
        organiser.goes_private();
        organiser.sends("sondage Ici ? | Oui | Non").await;
        assert!(organiser.reads().starts_with("Tapez /sondage dans le salon"), "{}", organiser.reads());
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused() {
        let town = Town::new(404).await;
        town.opens(&MARKET.replace("place-du-marche", "ouverture-du-soir")).await;
        let refusals = town.operator(async |cx| {
            let taken = create(cx, evening()).await.unwrap_err().to_string();
            let other = PulseDefinition { slug: "autre".to_owned(), ..evening() };
            let id = create(cx, other).await.unwrap().id;
            let nowhere = open(cx, id, &[]).await.unwrap_err().to_string();
            let unknown = open(cx, id, &[999]).await.unwrap_err().to_string();
            let same = definition(&MARKET.replace("place-du-marche", "autre"));
            let pulse_there = crate::operations::create(cx, same).await.unwrap_err().to_string();
            Ok([taken, nowhere, unknown, pulse_there])
        });
        insta::assert_snapshot!(refusals.await.0.join("\n"), @r"
        The name “ouverture-du-soir” is taken: choose another one.
        Say in which rooms to ask: “crieur consultation rooms” lists them.
        There is no room 999 where I could write: “crieur consultation rooms” lists them.
        The name “autre” is taken: choose another one.
        ");
    }

    #[tokio::test]
    async fn a_poll_that_never_got_there_is_not_closed() {
        let town = Town::new(405).await;
        let room = town.bench.room("alpha", true, false).await;
        let (id, _) = asked(&town).await;
        hears(&town, id, format!("asked:{}", room.id), "suppressed", None).await;
        let effects = town.operator(async |cx| Ok(close(cx, id).await.unwrap())).await.1;
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::ClosePoll(_))), "{effects:?}");
        assert!(said_in_rooms(&effects).is_empty(), "nobody there read the question");
    }
}
