//! Consultations in rooms: they are announced there, and answered in private.

use bot_core::ConversationId;
use bot_core::locale::Locale;
use bot_core::message::{Document, Poll, Text};
use bot_core::plugin::{
    ClosePoll, Context, ConversationView, Fire, FiredFire, HandlerError, HandlerResult, Lane, Misfire, Outgoing,
    Purpose, Recipient,
};
use bot_core::rooms::Room;
use serde_json::json;

use crate::conversation;
use crate::definition::{Anonymity, QuestionKind, Wording};
use crate::operations::{self, By, OperationError, Refusal};
use crate::script::Script;
use crate::store::{self, Consultation, ConsultationId, Lock, State};
use crate::talk::{Place, Talk};
use crate::words::text;

/// Fires that announce a consultation in a room, from the command line.
pub(crate) const FIRE_ANNOUNCE: &str = "announce-in-room";
/// Options that have a key to react with.
pub(crate) const VOTE_OPTIONS_MAX: usize = 10;
/// Polls closed with a consultation: what else a closing asks for must fit beside them. A poll left open is only
/// untidy, since nothing is counted in it any more.
const POLLS_CLOSED_MAX: i64 = 40;
/// What deliveries of announcements in rooms are about.
const SUBJECT: &str = "room-announcement";

/// By which name the announcement of a consultation is found again in its room.
pub(crate) fn announcement_key(id: ConsultationId) -> String {
    format!("announcement:{id}")
}

/// … and the native poll under it.
pub(crate) fn poll_key(id: ConsultationId) -> String {
    format!("poll:{id}")
}

/// The options that may be voted for in a room where everybody reads along: those of a named consultation with one
/// question of which one option is chosen.
pub(crate) fn open_options(consultation: &Consultation) -> Option<&[Wording]> {
    if consultation.definition.anonymity != Anonymity::Named {
        return None;
    }
    match consultation.definition.questions.as_slice() {
        [only] => match &only.kind {
            QuestionKind::Single { options } if options.len() <= VOTE_OPTIONS_MAX => Some(options),
            _ => None,
        },
        _ => None,
    }
}

/// `/annoncer`, typed in the room by an organiser.
pub(crate) async fn announce_here(cx: &mut Context, slug: &str) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    if caller.conversation.private {
        cx.reply(Document::says(text(locale, "announce-in-the-room", &[])));
        return Ok(());
    }
    if slug.is_empty() {
        cx.reply(Document::says(text(locale, "announce-which", &[])));
        return Ok(());
    }
    let announced = async {
        let id = operations::show(cx, slug).await?.id;
        let room = cx.room(caller.conversation.id).await?.ok_or(Refusal::NoRoom(0))?;
        reserve(cx, id, &room).await
    };
    match announced.await {
        Ok(consultation) => say_in(cx, &consultation, &caller.conversation).await,
        Err(OperationError::Refused(refusal)) => {
            cx.reply(Document::says(refusal.words(locale)));
            Ok(())
        }
        Err(OperationError::Handler(error)) => Err(error),
    }
}

/// Announces a consultation in rooms, by their numbers. The service that runs, or the next one, does it: it knows
/// what each room can show.
///
/// # Errors
/// [`Refusal::NoRoom`], [`Refusal::NotOpen`], [`Refusal::AlreadyAnnounced`], [`Refusal::Unknown`]: nothing is
/// announced anywhere then.
pub async fn announce_in(cx: &mut Context, id: ConsultationId, rooms: &[i64]) -> Result<Consultation, OperationError> {
    let known = cx.rooms().await?;
    for number in rooms {
        let room = known.iter().find(|room| room.number == *number).ok_or(Refusal::NoRoom(*number))?;
        reserve(cx, id, room).await?;
        cx.schedule(Fire {
            scope: format!("{FIRE_ANNOUNCE}:{id}"),
            subject: room.conversation.id.to_string(),
            due_at: cx.now,
            misfire: Misfire::RunOnce,
            payload: json!({}),
            repeat: None,
        });
    }
    operations::known(cx, id).await
}

/// The rooms where something can be announced, by number.
///
/// # Errors
/// When the database refuses.
pub async fn list(cx: &mut Context) -> Result<Vec<Room>, OperationError> {
    Ok(cx.rooms().await?)
}

pub(crate) async fn fired(cx: &mut Context, fire: &FiredFire) -> HandlerResult {
    let id = fire.scope.rsplit(':').next().and_then(|id| id.parse().ok());
    let (Some(id), Ok(room)) = (id, fire.subject.parse()) else {
        return Err(HandlerError::Broken(format!("a fire of the unknown scope {:?}", fire.scope)));
    };
    let organisation = cx.organisation.id;
    let found = store::find(cx.sql(), organisation, ConsultationId(id), Lock::None).await?;
    let (Some(consultation), Some(room)) = (found, cx.room(ConversationId(room)).await?) else { return Ok(()) };
    if !consultation.takes_ballots(cx.now) {
        return Ok(());
    }
    say_in(cx, &consultation, &room.conversation).await
}

/// Notes that a consultation is announced in a room, once.
async fn reserve(cx: &mut Context, id: ConsultationId, room: &Room) -> Result<Consultation, OperationError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let consultation = store::find(cx.sql(), organisation, id, Lock::Alone).await?.ok_or(Refusal::Unknown)?;
    if consultation.state == State::Closed || consultation.is_over(now) {
        return Err(Refusal::Closed.into());
    }
    if !consultation.takes_ballots(now) {
        return Err(Refusal::NotOpen.into());
    }
    let before = sqlx::query_scalar!(
        r#"
        SELECT announced_at FROM micro_consultations.room_announcement
        WHERE organisation_id = $1 AND consultation_id = $2 AND conversation_id = $3
        "#,
        organisation.0,
        id.0,
        room.conversation.id.0,
    )
    .fetch_optional(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    if let Some(when) = before {
        let zone = consultation.definition.time_zone.unwrap_or(cx.organisation.time_zone);
        return Err(Refusal::AlreadyAnnounced(when, zone).into());
    }
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.room_announcement
            (organisation_id, consultation_id, conversation_id, anonymity, announced_at)
        VALUES ($1, $2, $3, $4, $5)
        "#,
        organisation.0,
        id.0,
        room.conversation.id.0,
        consultation.definition.anonymity.as_str(),
        now,
    )
    .execute(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    By::whoever_asked(cx).did(cx, "consultation.announced_in_room", id, json!({ "room": room.number }));
    Ok(consultation)
}

/// Sends the announcement, and the native poll where votes in it are ballots.
async fn say_in(cx: &mut Context, consultation: &Consultation, room: &ConversationView) -> HandlerResult {
    let (organisation, id) = (cx.organisation.id, consultation.id);
    let votes = room.votes && open_options(consultation).is_some();
    if votes {
        sqlx::query!(
            r#"
            UPDATE micro_consultations.room_announcement SET votes = true
            WHERE organisation_id = $1 AND consultation_id = $2 AND conversation_id = $3
            "#,
            organisation.0,
            id.0,
            room.id.0,
        )
        .execute(cx.sql())
        .await?;
    }
    // A room has no language of its own.
    let (locale, zone) = (cx.organisation.default_locale, cx.organisation.time_zone);
    let script = Script { consultation, locale, time_zone: zone, buttons: room.buttons };
    send_to(cx, room.id, consultation, announcement_key(id), announcement(&script, votes));
    if let Some(options) = open_options(consultation).filter(|_| votes) {
        let question = &consultation.definition.questions[0].text;
        let poll = Poll {
            question: question.in_locale(locale).to_owned(),
            options: options.iter().map(|option| option.in_locale(locale).to_owned()).collect(),
            multiple: false,
        };
        send_to(cx, room.id, consultation, poll_key(id), Document::new().poll(poll));
    }
    Ok(())
}

fn send_to(cx: &mut Context, room: ConversationId, consultation: &Consultation, key: String, document: Document) {
    let scope = consultation.id.scope();
    let mut message = Outgoing::new(Recipient::Conversation(room), Purpose::Consultation, scope, document);
    message.subject = SUBJECT.to_owned();
    message.message_key = Some(key);
    message.not_after = consultation.closes_at;
    cx.send(message);
}

/// What is said in a room: what it is about, until when, and how to answer.
fn announcement(script: &Script<'_>, votes: bool) -> Document {
    let definition = &script.consultation.definition;
    let mut document =
        Document::says(Text::new().strong(script.say("announcement", &[("title", script.title().into())])));
    if let Some(introduction) = &definition.introduction {
        document = document.paragraph(introduction.in_locale(script.locale));
    }
    let until = [("closing", script.closing().into()), ("questions", definition.questions.len().into())];
    document = document.paragraph(script.say("announcement-until", &until));
    if let Some(options) = open_options(script.consultation).filter(|_| votes) {
        let keyed = options.iter().enumerate().map(|(option, words)| {
            format!("{} {}", crate::named_votes::key_of(option), words.in_locale(script.locale))
        });
        document = document.paragraph(script.say("announcement-votes", &[])).list(keyed);
    } else {
        document = document.paragraph(script.say("announcement-private", &[]));
    }
    document = document.paragraph(private_link(script.locale, script.consultation));
    // A number typed in a room is nobody's answer: without buttons the link is all there is.
    if script.buttons { script.answer_button(document) } else { document }
}

/// The way to the private conversation where `consultation` is answered.
pub(crate) fn private_link(locale: Locale, consultation: &Consultation) -> Text {
    Text::new().private_link(text(locale, "private-answer", &[]), &format!("repondre-{}", consultation.slug()))
}

/// `/repondre`, with a consultation's name; without, the list.
pub(crate) async fn answer(cx: &mut Context, slug: &str) -> HandlerResult {
    let (Some(caller), organisation) = (cx.caller.clone(), cx.organisation.id) else { return Ok(()) };
    if slug.is_empty() {
        return conversation::list(cx, 0).await;
    }
    let found = store::find_by_slug(cx.sql(), organisation, slug).await?;
    let found = match found.filter(|found| found.state != State::Draft) {
        Some(found) => store::find(cx.sql(), organisation, found.id, Lock::Voting).await?,
        None => None,
    };
    let Some(consultation) = found else {
        let locale = cx.locale;
        cx.reply(Document::says(text(locale, "unknown", &[])));
        return Ok(());
    };
    open_to(Talk { cx, caller, consultation }).await
}

/// Shows somebody the consultation they asked for: here, or in private when others read here.
pub(crate) async fn open_to(mut talk: Talk<'_>) -> HandlerResult {
    if let Some(obstacle) = talk.not_now().await? {
        talk.cx.reply(obstacle);
        return Ok(());
    }
    let here = talk.caller.conversation.private;
    if let Some(refusal) = talk.not_for_them().await? {
        if here {
            talk.cx.reply(refusal);
            return Ok(());
        }
        talk.show(Place::Private, refusal, false);
    } else {
        talk.take_up(if here { Place::New } else { Place::Private }, None).await?;
    }
    if !here {
        let goes_on = Document::says(talk.script().say_of_it("goes-on-in-private"))
            .paragraph(private_link(talk.cx.locale, &talk.consultation));
        talk.cx.reply(goes_on);
    }
    Ok(())
}

/// A message to the caller in private: an answer to what they did in a room.
pub(crate) fn in_private(cx: &mut Context, id: ConsultationId, document: Document, shows_choice: bool) {
    let mut message = Outgoing::new(Recipient::CallerInPrivate, Purpose::Reply, id.scope(), document);
    message.lane = Lane::Interactive;
    message.message_key = Some(id.scope());
    message.reveals = shows_choice.then(|| id.scope());
    cx.send(message);
}

/// Closes the native polls of a consultation that is closed. What the platforms counted in them is not asked: the
/// ballots are.
pub(crate) async fn close_polls(cx: &mut Context, id: ConsultationId) -> HandlerResult {
    let organisation = cx.organisation.id;
    let rooms = sqlx::query_scalar!(
        r#"
        SELECT conversation_id FROM micro_consultations.room_announcement
        WHERE organisation_id = $1 AND consultation_id = $2 AND votes ORDER BY announced_at LIMIT $3
        "#,
        organisation.0,
        id.0,
        POLLS_CLOSED_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    for room in rooms {
        cx.close_poll(ClosePoll {
            conversation: ConversationId(room),
            message_key: poll_key(id),
            scope: id.scope(),
            subject: SUBJECT.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::adapter::Assurance;
    use bot_core::plugin::{Effect, Recipient};

    use super::*;
    use crate::bench::{Citizen, MARKET, Town, said_in_rooms};

    fn link_in(effects: &[Effect]) -> Option<String> {
        let told = effects.iter().find_map(|effect| match effect {
            Effect::Reply(reply) => Some(serde_json::to_string(&reply.document).unwrap()),
            Effect::Send(message) if matches!(message.to, Recipient::Conversation(_)) => {
                Some(serde_json::to_string(&message.document).unwrap())
            }
            _ => None,
        })?;
        told.split("private:").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    }

    #[tokio::test]
    async fn an_organiser_announces_in_the_room_and_people_answer_in_private() {
        let town = Town::new(201).await;
        town.opens(MARKET).await;
        let room = town.bench.room("salon", true, true).await;
        let mut organiser = town.organiser();
        organiser.sends("annoncer place-du-marche").await;
        assert!(organiser.reads().starts_with("Tapez /annoncer"), "{}", organiser.reads());
        organiser.goes_to(&room);
        organiser.sends("annoncer inconnue").await;
        insta::assert_snapshot!(organiser.reads(), @"Cette consultation n’existe pas.");
        organiser.sends("annoncer place-du-marche").await;
        insta::assert_snapshot!(said_in_rooms(&organiser.effects).join("\n––––\n"), @r"
        Une nouvelle consultation est ouverte : « La place du marché ».
        Vous pouvez répondre jusqu’au mardi 15 septembre 2026 à 10 h, en une question.
        Les réponses se donnent en message privé : dans ce salon, tout le monde peut lire.
        Répondre en privé
        [Répondre]
        ");
        assert_eq!(link_in(&organiser.effects).as_deref(), Some("repondre-place-du-marche"));
        let answer = organiser.effects.iter().find_map(|effect| match effect {
            Effect::Send(message) => message.document.choices.first().cloned(),
            _ => None,
        });
        organiser.sends("annoncer place-du-marche").await;
        assert!(organiser.reads().contains("a déjà été annoncée le"), "{}", organiser.reads());

        // A press in the room: the question in private, and in the room where it went.
        let mut ana = Citizen::new(&town, town.bench.somebody(Assurance::Account));
        ana.goes_to(&room);
        ana.presses(&answer.unwrap()).await;
        insta::assert_snapshot!(ana.reads(), @r"
        « La place du marché » : la suite se passe en message privé, à l’abri des regards. Si vous n’y voyez rien de moi, ouvrez la conversation vous-même :
        Répondre en privé
        ");
        assert_eq!(link_in(&ana.effects).as_deref(), Some("repondre-place-du-marche"));
        assert!(!ana.sees.choices.iter().any(|choice| choice.label == "Jardin"), "a question was asked in the room");
        ana.goes_private();
        assert!(ana.reads().contains("Que faire de la place ?"), "{}", ana.reads());
        ana.taps("Jardin").await;
        ana.taps("Déposer").await;
        assert!(ana.reads().contains("Votre bulletin est enregistré"), "{}", ana.reads());
        // Again from the room: what stands there in private is the receipt, no second ballot.
        ana.goes_to(&room);
        ana.sends("repondre place-du-marche").await;
        ana.goes_private();
        assert!(ana.reads().contains("Modifier mon bulletin"), "{}", ana.reads());
    }

    #[tokio::test]
    async fn a_written_answer_is_asked_for_where_it_is_awaited() {
        let town = Town::new(202).await;
        let text = MARKET
            .replace("\"single\"", "\"free_text\"")
            .replace("options = [\"Halle couverte\", \"Jardin\", \"Parking\"]\n", "");
        town.opens(&text).await;
        let room = town.bench.room("salon", false, false).await;
        let mut ana = town.citizen();
        ana.goes_to(&room);
        ana.sends("repondre place-du-marche").await;
        assert_eq!(ana.awaited, None, "nothing is awaited in the room");
        ana.goes_private();
        insta::assert_snapshot!(ana.reads(), @r"
        « La place du marché » vous attend ici. Touchez « Répondre » pour écrire votre réponse.
        [Répondre]
        ");
        ana.taps("Répondre").await;
        ana.writes("un kiosque").await;
        assert!(ana.reads().contains("un kiosque"), "{}", ana.reads());
    }

    #[tokio::test]
    async fn the_command_line_announces_through_the_running_service() {
        let town = Town::new(203).await;
        let id = town.opens(MARKET).await.id;
        let first = town.bench.room("salon", false, false).await;
        town.bench.room("fil", false, false).await;
        let numbers = town.operator(async |cx| Ok(list(cx).await.unwrap())).await.0;
        let numbers: Vec<i64> = numbers.iter().map(|room| room.number).collect();
        let unknown = numbers.iter().max().unwrap() + 1;
        let refused = town.operator(async |cx| Ok(announce_in(cx, id, &[unknown]).await.unwrap_err().to_string()));
        assert!(refused.await.0.starts_with(&format!("There is no room {unknown}")));
        let effects = town.operator(async |cx| Ok(announce_in(cx, id, &numbers).await.unwrap())).await.1;
        assert!(said_in_rooms(&effects).is_empty(), "the command line knows no adapter");
        let effects = town.fires(&effects).await;
        assert_eq!(said_in_rooms(&effects).len(), 2);
        let told = sqlx::query_scalar!("SELECT conversation_id FROM micro_consultations.room_announcement");
        let told = told.fetch_all(&town.bench.pool).await.unwrap();
        assert!(told.contains(&first.id.0) && told.len() == 2);
        let again = town.operator(async |cx| Ok(announce_in(cx, id, &numbers).await.unwrap_err().to_string()));
        assert!(again.await.0.contains("already announced"));
    }
}
