//! Subscribing, choosing and leaving, as people see it.

use bot_core::plugin::{Audience, Effect, Plugin as _};
use bot_core::{ContactId, Locale};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bench::{Town, asked, definition};
use super::store::{self, Place, State};
use crate::action::{Action, Verb};

#[tokio::test]
async fn somebody_subscribes_with_one_button_and_leaves_with_another() {
    let town = Town::new(1).await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    « La lettre de l’observatoire » est la lettre envoyée par Ville de Trifouilly : les chiffres, les résultats des consultations, l’actualité et les événements à venir, chaque semaine ou chaque mois. Chaque ligne dit d’où elle vient.
    Voici ce que vous recevriez (tout se change, avant comme après) :
    • Quand : chaque mardi à 9 h
    • Sujets : tous
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    En vous abonnant, vous acceptez que Ville de Trifouilly vous envoie « La lettre de l’observatoire » ici, au moment choisi, et garde pour cela vos réglages. Vous pouvez arrêter à tout moment avec /desabonner, ou avec le mot STOP.
    [Je m’abonne]
    [Choisir d’abord]
    ");
    assert!(town.reader(citizen.place()).await.is_none(), "looking wrote something down");
    citizen.taps("Je m’abonne").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    C’est fait : vous êtes abonné(e) à « La lettre de l’observatoire ».
    • Quand : chaque mardi à 9 h
    • Sujets : tous
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    Prochaine lettre : mardi 24 novembre 2026 à 9 h.
    [Choisir les sujets]
    [Changer de jour]
    [Changer d’heure]
    [Recevoir chaque mois]
    [Recevoir en anglais]
    [Version complète]
    [Me dire quand il n’y a rien]
    [Se désabonner]
    ");
    assert!(citizen.edited);
    assert_eq!(citizen.asked(), ["agrees to digest"]);
    let agreed = citizen.effects.iter().find_map(|effect| match effect {
        Effect::Consent { wording, .. } => Some(wording.replace('\u{a0}', " ")),
        _ => None,
    });
    insta::assert_snapshot!(agreed.unwrap(), @"En vous abonnant, vous acceptez que Ville de Trifouilly vous envoie « La lettre de l’observatoire » ici, au moment choisi, et garde pour cela vos réglages. Vous pouvez arrêter à tout moment avec /desabonner, ou avec le mot STOP.");
    citizen.sends("abonner").await;
    assert!(citizen.reads().starts_with("Vous êtes déjà abonné(e)"), "{}", citizen.reads());

    citizen.sends("desabonner").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    C’est fait : vous ne recevrez plus « La lettre de l’observatoire ».
    Pour revenir avec les mêmes réglages : « Annuler » ci-dessous, ou /abonner quand vous voudrez.
    En vous abonnant, vous acceptez que Ville de Trifouilly vous envoie « La lettre de l’observatoire » ici, au moment choisi, et garde pour cela vos réglages. Vous pouvez arrêter à tout moment avec /desabonner, ou avec le mot STOP.
    [Annuler]
    ");
    assert_eq!(citizen.asked(), ["withdraws digest"]);
    citizen.sends("desabonner").await;
    insta::assert_snapshot!(citizen.reads(), @"Vous n’êtes pas abonné(e) à « La lettre de l’observatoire ». Pour vous abonner, écrivez /abonner.");
    citizen.sends("abonnements").await;
    assert!(citizen.reads().contains("[Je m’abonne]"), "{}", citizen.reads());
}

#[tokio::test]
async fn settings_are_changed_in_place_and_every_button_may_be_pressed_twice() {
    let town = Town::new(2).await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Choisir d’abord").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    Vous n’êtes pas abonné(e) à « La lettre de l’observatoire ». Voici vos réglages, à changer à votre goût avant de vous abonner.
    • Quand : chaque mardi à 9 h
    • Sujets : tous
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    En vous abonnant, vous acceptez que Ville de Trifouilly vous envoie « La lettre de l’observatoire » ici, au moment choisi, et garde pour cela vos réglages. Vous pouvez arrêter à tout moment avec /desabonner, ou avec le mot STOP.
    [Je m’abonne]
    [Choisir les sujets]
    [Changer de jour]
    [Changer d’heure]
    [Recevoir chaque mois]
    [Recevoir en anglais]
    [Version complète]
    [Me dire quand il n’y a rien]
    ");
    citizen.taps("Choisir les sujets").await;
    citizen.taps("Outils").await;
    citizen.taps("Cadre").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    Quels sujets ? Cochez ceux qui vous intéressent ; sans rien cocher, vous les recevez tous.
    Sujets : Outils, Cadre juridique
    [Outils ✓]
    [Données ouvertes]
    [Cadre juridique ✓]
    [Tous les sujets]
    [Retour]
    ");
    let tick = citizen.sees.choices.iter().find(|choice| choice.label == "Données ouvertes").cloned().unwrap();
    citizen.presses(&tick).await;
    citizen.presses(&tick).await;
    assert_eq!(citizen.reader().await.preferences.topics.len(), 3);
    citizen.taps("Outils").await;
    citizen.taps("Retour").await;
    citizen.taps("Changer de jour").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    Quel jour de la semaine ?
    [lundi]
    [mardi ✓]
    [mercredi]
    [jeudi]
    [vendredi]
    [samedi]
    [dimanche]
    [Retour]
    ");
    citizen.taps("jeudi").await;
    citizen.taps("Changer d’heure").await;
    citizen.taps("Plus tard").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    À quelle heure ? Les heures sont celles du fuseau Europe/Paris.
    [15 h]
    [16 h]
    [17 h]
    [18 h]
    [19 h]
    [20 h]
    [21 h]
    [22 h]
    [Plus tôt]
    [Retour]
    ");
    citizen.taps("18").await;
    for label in ["Recevoir en anglais", "Version complète", "Me dire quand", "Recevoir chaque mois"] {
        citizen.taps(label).await;
        assert!(citizen.edited, "{label}");
    }
    assert_eq!(citizen.reader().await.state, State::Choosing);
    assert!(citizen.asked().is_empty());
    citizen.taps("Je m’abonne").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    C’est fait : vous êtes abonné(e) à « La lettre de l’observatoire ».
    • Quand : chaque mois, le premier jeudi à 18 h
    • Sujets : Données ouvertes, Cadre juridique
    • Langue : anglais
    • Version : complète, avec résumés et graphiques
    • S’il n’y a rien sur ces sujets : un message le dit
    Prochaine lettre : jeudi 3 décembre 2026 à 18 h.
    [Choisir les sujets]
    [Changer de jour]
    [Changer d’heure]
    [Recevoir chaque semaine]
    [Recevoir en français]
    [Version courte]
    [Aucun message quand il n’y a rien]
    [Se désabonner]
    ");
    citizen.locale = Locale::En;
    citizen.sends("abonnements").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    You are subscribed to “The observatory’s digest”.
    • When: each month, on the first Thursday at 18:00
    • Topics: Open data, Legal framework
    • Language: English
    • Version: full, with summaries and charts
    • If there is nothing on these topics: a message says so
    Next digest: Thursday 3 December 2026 at 18:00.
    [Choose topics]
    [Change the day]
    [Change the hour]
    [Get it each week]
    [Get it in French]
    [Short version]
    [No message when there is nothing]
    [Unsubscribe]
    ");
}

#[tokio::test]
async fn what_left_the_digest_file_is_said_so() {
    let town = Town::without_digest(3).await;
    let mut citizen = town.citizen();
    for command in ["abonner", "abonnements", "desabonner"] {
        citizen.sends(command).await;
        assert!(citizen.reads().starts_with("Il n’y a pas encore de lettre"), "{}", citizen.reads());
    }
    town.sets(&definition()).await;
    citizen.sends("abonner").await;
    citizen.taps("Choisir d’abord").await;
    citizen.taps("Recevoir chaque mois").await;
    citizen.taps("Choisir les sujets").await;
    let gone = citizen.sees.choices[0].clone();
    citizen.taps("Outils").await;
    citizen.taps("Retour").await;
    citizen.taps("Je m’abonne").await;
    let mut smaller = definition();
    smaller.monthly = None;
    smaller.topics.remove(0);
    town.sets(&smaller).await;
    citizen.sends("abonnements").await;
    insta::assert_snapshot!(citizen.reads(), @r"
    Vous êtes abonné(e) à « La lettre de l’observatoire ».
    • Quand : chaque mois, le premier mardi à 9 h
    • Sujets : aucun, car ceux qui étaient choisis n’existent plus
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    Il n’y a plus de lettre mensuelle : choisissez la lettre hebdomadaire pour continuer à la recevoir.
    [Choisir les sujets]
    [Changer de jour]
    [Changer d’heure]
    [Recevoir chaque semaine]
    [Recevoir en anglais]
    [Version complète]
    [Me dire quand il n’y a rien]
    [Se désabonner]
    ");
    citizen.presses(&gone).await;
    assert!(citizen.reads().contains("aucun, car"), "a topic that is gone was chosen");
    citizen.taps("Recevoir chaque semaine").await;
    assert!(!citizen.reads().contains("plus de lettre"), "{}", citizen.reads());
}

#[tokio::test]
async fn leaving_under_a_digest_stops_what_is_queued_and_is_taken_back() {
    let town = Town::new(4).await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    let reader = citizen.reader().await;
    town.publishes(1, "2026-W47").await;
    town.publishes(2, "2026-W48").await;
    town.digest(&reader, 1, "handed").await;
    town.digest(&reader, 2, "waiting").await;
    let under_it = Action { edition: 2, ..Action::new(Verb::Unsubscribe) };
    citizen.sees.choices = bot_core::message::Document::new().choice("Se désabonner", under_it.payload()).choices;
    citizen.taps("Se désabonner").await;
    assert!(!citizen.edited, "the digest itself was replaced");
    assert_eq!(citizen.asked(), ["stops digest:1 r1", "withdraws digest"]);
    assert_eq!(town.digests().await, ["r1 2026-W47 handed 11-24 09:00", "r1 2026-W48 cancelled left"]);

    citizen.taps("Annuler").await;
    assert_eq!(citizen.asked(), ["resumes digest:1 r1", "resumes digest:2 r1", "agrees to digest"]);
    assert_eq!(town.digests().await, ["r1 2026-W47 handed 11-24 09:00", "r1 2026-W48 waiting 11-24 09:00"]);
    insta::assert_snapshot!(citizen.reads().lines().next().unwrap(), @"Vous êtes de nouveau abonné(e) à « La lettre de l’observatoire », avec les mêmes réglages.");
    assert_eq!(citizen.reader().await.preferences, reader.preferences);
}

#[tokio::test]
async fn whoever_subscribes_after_publication_gets_the_next_edition() {
    let town = Town::new(14).await;
    town.publishes(1, "2026-W48").await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    assert!(citizen.reads().contains("Prochaine lettre : mardi 1er décembre 2026 à 9 h."), "{}", citizen.reads());
}

#[tokio::test]
async fn what_waits_follows_the_settings() {
    let town = Town::new(5).await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    town.publishes(1, "2026-W48").await;
    town.digest(&citizen.reader().await, 1, "waiting").await;
    citizen.taps("Changer de jour").await;
    citizen.taps("vendredi").await;
    assert_eq!(town.digests().await, ["r1 2026-W48 waiting 11-27 09:00"]);
    assert!(citizen.reads().contains("Prochaine lettre : vendredi 27 novembre 2026 à 9 h."), "{}", citizen.reads());
    citizen.taps("Recevoir chaque mois").await;
    assert_eq!(town.digests().await, ["r1 2026-W48 cancelled other_rhythm"]);
    assert!(citizen.reads().contains("Prochaine lettre : vendredi 4 décembre 2026 à 9 h."), "{}", citizen.reads());
    // The week's digest is over for them: coming back to it is for the next one.
    citizen.taps("Recevoir chaque semaine").await;
    assert!(citizen.reads().contains("Prochaine lettre : vendredi 4 décembre 2026 à 9 h."), "{}", citizen.reads());
}

#[tokio::test]
async fn a_room_is_subscribed_for_everybody_in_it() {
    let town = Town::new(6).await;
    let room = town.bench.room("salon", false, false).await;
    let mut organiser = town.organiser();
    organiser.goes_to(&room);
    organiser.sends("abonner").await;
    insta::assert_snapshot!(organiser.reads(), @r"
    « La lettre de l’observatoire » est la lettre envoyée par Ville de Trifouilly : les chiffres, les résultats des consultations, l’actualité et les événements à venir, chaque semaine ou chaque mois. Chaque ligne dit d’où elle vient.
    Ces choix valent pour tout le salon : chacun y lit la même lettre.
    Voici ce que le salon recevrait (tout se change, avant comme après) :
    • Quand : chaque mardi à 9 h
    • Sujets : tous
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    En abonnant ce salon, vous demandez à Ville de Trifouilly d’y envoyer « La lettre de l’observatoire » au moment choisi. Un modérateur peut arrêter à tout moment avec /desabonner.
    [Abonner ce salon]
    [Choisir d’abord]
    ");
    organiser.taps("Abonner ce salon").await;
    insta::assert_snapshot!(organiser.reads(), @r"
    C’est fait : ce salon est abonné à « La lettre de l’observatoire ».
    Ces choix valent pour tout le salon : chacun y lit la même lettre.
    • Quand : chaque mardi à 9 h
    • Sujets : tous
    • Langue : français
    • Version : courte, une ligne par information
    • S’il n’y a rien sur ces sujets : aucun message
    Prochaine lettre : mardi 24 novembre 2026 à 9 h.
    [Choisir les sujets]
    [Changer de jour]
    [Changer d’heure]
    [Recevoir chaque mois]
    [Recevoir en anglais]
    [Version complète]
    [Me dire quand il n’y a rien]
    [Se désabonner]
    ");
    assert!(organiser.asked().is_empty(), "a person agreed to what a room gets");
    assert!(town.reader(organiser.place()).await.is_none());
    let leave = organiser.sees.choices.last().cloned().unwrap();
    organiser.presses(&leave).await;
    assert_eq!(town.reader(Place::Room(room.id)).await.unwrap().state, State::Left);
    assert!(organiser.asked().is_empty());
}

#[test]
fn in_a_room_its_moderators_decide() {
    let plugin = crate::BarometerDigests::new().unwrap();
    let commands = plugin.manifest().commands.iter().filter(|command| command.name != "editions");
    assert!(commands.clone().all(|command| command.audience == Audience::Moderators) && commands.count() == 3);
    for verb in Verb::ALL.iter().filter(|verb| !verb.is_for_editors()) {
        assert_eq!(plugin.audience(&Action::new(*verb).payload()), Audience::Moderators, "{verb:?}");
    }
}

#[tokio::test]
async fn a_room_that_moved_keeps_its_subscription_and_one_that_closed_loses_it() {
    let town = Town::new(7).await;
    let (before, after) = (town.bench.room("salon", false, false).await, town.bench.room("salon", false, false).await);
    let mut organiser = town.organiser();
    organiser.goes_to(&before);
    organiser.sends("abonner").await;
    organiser.taps("Abonner ce salon").await;
    sqlx::query!(
        "UPDATE core.conversation SET state = 'migrated', migrated_to = $2 WHERE id = $1",
        before.id.0,
        after.id.0
    )
    .execute(&town.bench.pool)
    .await
    .unwrap();
    let closed = async || town.bench.call(None, Locale::Fr, super::rooms::leave_closed).await.unwrap().0;
    assert_eq!(closed().await, 0, "a room that moved is not closed");
    organiser.goes_to(&after);
    organiser.sends("abonnements").await;
    assert!(organiser.reads().starts_with("Ce salon est abonné"), "{}", organiser.reads());
    let reader = town.reader(Place::Room(after.id)).await.unwrap();
    town.publishes(1, "2026-W48").await;
    town.digest(&reader, 1, "waiting").await;
    sqlx::query!("UPDATE core.conversation SET state = 'closed' WHERE id = $1", after.id.0)
        .execute(&town.bench.pool)
        .await
        .unwrap();
    assert_eq!(closed().await, 1);
    assert_eq!(closed().await, 0);
    assert_eq!(town.digests().await, ["r1 2026-W48 cancelled left"]);
}

#[tokio::test]
async fn after_stop_the_digest_is_offered_anew_and_saying_yes_is_enough() {
    let town = Town::new(13).await;
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    sqlx::query!(
        r#"
        INSERT INTO core.contact (organisation_id, id, status, time_zone, created_at)
        VALUES ($1, $2, 'stopped', 'Indian/Reunion', $3)
        "#,
        town.bench.organisation.id.0,
        citizen.caller.contact.0,
        town.bench.clock.now(),
    )
    .execute(&town.bench.pool)
    .await
    .unwrap();
    citizen.sends("abonnements").await;
    assert!(citizen.reads().contains("[Je m’abonne]"), "{}", citizen.reads());
    citizen.taps("Je m’abonne").await;
    assert_eq!(citizen.asked(), ["agrees to digest"]);
    assert!(citizen.reads().starts_with("C’est fait"), "{}", citizen.reads());
    assert_eq!(citizen.reader().await.preferences.time_zone, chrono_tz::Indian::Reunion);
}

#[tokio::test]
async fn the_latest_edition_is_offered_where_it_can_be_read() {
    let mut town = Town::new(8).await;
    town.publishes(12, "2026-W47").await;
    town.bench.public_url = Some("https://crieur.example".to_owned());
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    citizen.taps("Lire la dernière lettre (nº 12)").await;
    let document = serde_json::to_string(&citizen.sees).unwrap();
    assert!(document.contains("https://crieur.example/digests/12"), "{document}");
    assert!(document.contains("https://crieur.example/digests/leave/"), "{document}");
}

/// Subscribes somebody new, and gives them.
async fn subscribed(town: &Town) -> ContactId {
    let mut citizen = town.citizen();
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    citizen.caller.contact
}

#[tokio::test]
async fn two_who_are_one_person_get_one_digest_a_period() {
    for (joiner_has, kept_has, after, cancelled) in [
        ("sent", "waiting", ["cancelled same_person", "sent"], vec![]),
        ("handed", "waiting", ["cancelled same_person", "handed"], vec![]),
        ("waiting", "waiting", ["waiting", "cancelled same_person"], vec![]),
        ("waiting", "sent", ["sent", "cancelled same_person"], vec![]),
        ("handed", "handed", ["handed", "handed"], vec!["cancels digest:1 r2"]),
        ("handed", "sent", ["sent", "handed"], vec!["cancels digest:1 r2"]),
        ("sent", "handed", ["handed", "sent"], vec!["cancels digest:1 r1"]),
    ] {
        let town = Town::new(9).await;
        let (kept, joiner) = (subscribed(&town).await, subscribed(&town).await);
        town.publishes(1, "2026-W48").await;
        let reader = async |contact| town.reader(Place::Person(contact)).await;
        town.digest(&reader(kept).await.unwrap(), 1, kept_has).await;
        town.digest(&reader(joiner).await.unwrap(), 1, joiner_has).await;
        let effects = town.merges(kept, joiner).await;
        let due = " 11-24 09:00";
        let digests: Vec<String> = town.digests().await.iter().map(|line| line.replace(due, "")).collect();
        let case = format!("the joiner's {joiner_has}, the kept one's {kept_has}");
        assert_eq!(digests, [format!("r1 2026-W48 {}", after[0]), format!("r2 2026-W48 {}", after[1])], "{case}");
        assert_eq!(asked(&effects), cancelled, "{case}");
        assert_eq!(reader(kept).await.unwrap().state, State::Active, "{case}");
        assert!(reader(joiner).await.is_none(), "{case}");
    }
}

#[tokio::test]
async fn a_subscription_goes_along_with_the_only_one_who_had_it() {
    let town = Town::new(10).await;
    let joiner = subscribed(&town).await;
    let before = town.reader(Place::Person(joiner)).await.unwrap();
    let mut kept = town.citizen();
    kept.sends("abonner").await;
    kept.taps("Choisir d’abord").await;
    town.merges(kept.caller.contact, joiner).await;
    let after = kept.reader().await;
    assert_eq!((after.id, after.state, &after.preferences), (before.id, State::Active, &before.preferences));

    // One that stays and subscribed only since the edition was published gets the joiner's.
    let late = subscribed(&town).await;
    town.publishes(1, "2026-W48").await;
    town.digest(&after, 1, "waiting").await;
    town.merges(late, kept.caller.contact).await;
    let standing = town.reader(Place::Person(late)).await.unwrap();
    assert_eq!(town.digests().await, [format!("r{} 2026-W48 waiting 11-24 09:00", standing.id)]);

    // … and none at all where the joiner has had theirs.
    town.publishes(2, "2026-W49").await;
    town.digest(&standing, 2, "sent").await;
    let later = subscribed(&town).await;
    let expected = async || {
        sqlx::query_scalar!("SELECT sum(expected) AS \"sum!\" FROM barometer_digests.edition WHERE number = 2")
            .fetch_one(&town.bench.pool)
            .await
            .unwrap()
    };
    assert_eq!(expected().await, 1);
    town.merges(later, late).await;
    let late = later;
    let standing = town.reader(Place::Person(late)).await.unwrap();
    let digests = town.digests().await;
    assert!(digests.contains(&format!("r{} 2026-W49 cancelled same_person", standing.id)), "{digests:?}");
    assert_eq!((digests.len(), expected().await), (3, 2), "what is expected and what there is do not add up");

    // Who left has left for both.
    let mut gone = town.citizen();
    gone.sends("abonner").await;
    gone.taps("Je m’abonne").await;
    gone.sends("desabonner").await;
    town.merges(late, gone.caller.contact).await;
    assert_eq!(town.reader(Place::Person(late)).await.unwrap().state, State::Left);
    assert!(town.digests().await.contains(&format!("r{} 2026-W48 cancelled left", standing.id)));
}

#[tokio::test]
async fn an_erased_person_leaves_numbers_and_an_export_names_everything() {
    let town = Town::new(11).await;
    let (kept, joiner) = (subscribed(&town).await, subscribed(&town).await);
    town.publishes(1, "2026-W47").await;
    town.publishes(2, "2026-W48").await;
    town.digest(&town.reader(Place::Person(joiner)).await.unwrap(), 1, "sent").await;
    sqlx::query!("UPDATE barometer_digests.edition SET state = 'sent', finished_at = published_at WHERE number = 1")
        .execute(&town.bench.pool)
        .await
        .unwrap();
    town.merges(kept, joiner).await;
    let reader = town.reader(Place::Person(kept)).await.unwrap();
    town.digest(&reader, 2, "waiting").await;
    let export = async |contact| {
        let export = async |cx: &mut bot_core::plugin::Context| super::export(cx, contact).await;
        town.bench.call(None, Locale::Fr, export).await.unwrap().0
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&export(kept).await).unwrap(), @r#"
    {
      "digests": [
        {
          "due_at": "2026-11-24T08:00:00Z",
          "edition": 1,
          "handed_at": "2026-11-22T08:00:00Z",
          "period": "2026-W47",
          "reason": null,
          "settled_at": "2026-11-22T08:00:00Z",
          "state": "sent"
        },
        {
          "due_at": "2026-11-24T08:00:00Z",
          "edition": 2,
          "handed_at": null,
          "period": "2026-W48",
          "reason": null,
          "settled_at": null,
          "state": "waiting"
        }
      ],
      "subscription": {
        "form": "short",
        "hour": 9,
        "language": "fr",
        "left_at": null,
        "number": 1,
        "rhythm": "weekly",
        "state": "active",
        "subscribed_at": "2026-11-22T08:00:00Z",
        "time_zone": "Europe/Paris",
        "topics": [],
        "weekday": 2,
        "when_empty": "stay_silent"
      }
    }
    "#);
    town.erases(kept).await;
    assert_eq!(town.digests().await, ["r1 2026-W48 cancelled erased", "r2 2026-W47 sent 11-24 09:00"]);
    assert_eq!(export(kept).await, serde_json::json!({}));
    let mut sql = town.bench.pool.acquire().await.unwrap();
    let counts = store::counts(&mut sql, town.bench.organisation.id).await.unwrap();
    assert_eq!((counts.active, counts.left), (0, 1));
    // Coming back is a subscription of its own.
    let mut citizen = town.citizen();
    citizen.caller.contact = kept;
    citizen.sends("abonner").await;
    citizen.taps("Je m’abonne").await;
    assert_ne!(citizen.reader().await.id, reader.id);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Subscribe(usize),
    Choose(usize),
    Leave(usize),
    Change(usize, usize),
    Publish,
    Merge(usize, usize),
    Erase(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let person = 0..4_usize;
    prop_oneof![
        4 => person.clone().prop_map(Step::Subscribe),
        1 => person.clone().prop_map(Step::Choose),
        2 => person.clone().prop_map(Step::Leave),
        3 => (person.clone(), 0..12_usize).prop_map(|(person, button)| Step::Change(person, button)),
        3 => Just(Step::Publish),
        2 => (person.clone(), person.clone()).prop_map(|(kept, joiner)| Step::Merge(kept, joiner)),
        1 => person.prop_map(Step::Erase),
    ]
}

/// Takes the steps, and holds after each of them what must always be true.
async fn holds(town: &Town, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut people: Vec<_> = (0..4).map(|_| town.citizen()).collect();
    let (mut published, mut given) = (0, 0);
    for step in steps {
        match *step {
            Step::Subscribe(person) => {
                people[person].sends("abonner").await;
                if people[person].reads().contains("[Je m’abonne]") {
                    people[person].taps("Je m’abonne").await;
                }
            }
            Step::Choose(person) => {
                people[person].sends("abonner").await;
                if people[person].reads().contains("[Choisir d’abord]") {
                    people[person].taps("Choisir d’abord").await;
                }
            }
            Step::Leave(person) => people[person].sends("desabonner").await,
            Step::Change(person, button) => {
                let choices = people[person].sees.choices.clone();
                if let Some(choice) = choices.get(button % choices.len().max(1)) {
                    people[person].presses(choice).await;
                }
            }
            Step::Publish => {
                published += 1;
                town.publishes(published, &format!("{}-W10", 2026 + published)).await;
                let active = sqlx::query_scalar!("SELECT id FROM barometer_digests.reader WHERE state = 'active'")
                    .fetch_all(&town.bench.pool)
                    .await
                    .unwrap();
                for (id, state) in active.into_iter().zip(["waiting", "handed", "sent", "waiting"]) {
                    let mut sql = town.bench.pool.acquire().await.unwrap();
                    let organisation = town.bench.organisation.id;
                    let reader = store::find_by_id(&mut sql, organisation, store::ReaderId(id)).await.unwrap().unwrap();
                    town.digest(&reader, published, state).await;
                    given += 1;
                }
            }
            Step::Merge(kept, joiner) => {
                let (kept, joiner) = (people[kept].caller.contact, people[joiner].caller.contact);
                if kept != joiner {
                    town.merges(kept, joiner).await;
                    // Whoever was the joiner is the one that stays from now on.
                    people.iter_mut().filter(|person| person.caller.contact == joiner).for_each(|person| {
                        person.caller.contact = kept;
                    });
                }
            }
            Step::Erase(person) => {
                town.erases(people[person].caller.contact).await;
            }
        }
        let broken = sqlx::query_scalar!(
            r#"
            SELECT (SELECT count(*) FROM (SELECT contact_id FROM barometer_digests.reader WHERE contact_id IS NOT NULL
                                          GROUP BY contact_id HAVING count(*) > 1) AS twice)
                 + (SELECT count(*) FROM barometer_digests.reader
                    WHERE topics <> ARRAY(SELECT DISTINCT topic FROM unnest(topics) AS topic ORDER BY topic))
                 + (SELECT count(*) FROM barometer_digests.reader
                    WHERE state = 'active' AND num_nonnulls(contact_id, conversation_id) <> 1)
                 + (SELECT count(*) FROM barometer_digests.reader_digest AS digest
                    JOIN barometer_digests.reader ON reader.id = digest.reader_id
                    WHERE digest.state = 'waiting' AND reader.state <> 'active')
                 + (SELECT count(*) FROM (
                        SELECT FROM barometer_digests.reader_digest AS digest
                        JOIN barometer_digests.reader ON reader.id = digest.reader_id
                        GROUP BY coalesce(reader.same_as, reader.id), digest.period
                        HAVING count(*) FILTER (WHERE digest.state = 'waiting') > 1
                            OR (bool_or(digest.state = 'waiting')
                                AND bool_or(digest.state IN ('handed', 'sent', 'unknown')))) AS doubled) AS "broken!"
            "#,
        )
        .fetch_one(&town.bench.pool)
        .await
        .unwrap();
        prop_assert_eq!(broken, 0, "after {:?}", step);
        let expected =
            sqlx::query_scalar!(r#"SELECT coalesce(sum(expected - 1), 0) AS "sum!" FROM barometer_digests.edition"#)
                .fetch_one(&town.bench.pool)
                .await
                .unwrap();
        // The bench says 1 of each edition, whoever reads it; what is added since is counted.
        let digests = town.digests().await;
        prop_assert_eq!(i64::try_from(digests.len()).unwrap(), given + expected, "after {:?}: {:?}", step, digests);
    }
    Ok(())
}

#[test]
fn whatever_people_do_there_is_one_reader_each_and_nothing_waits_for_who_left() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let town = runtime.block_on(Town::new(12));
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(any_step(), 1..25);
    let run = |steps: Vec<Step>| {
        runtime.block_on(async {
            sqlx::query!("TRUNCATE barometer_digests.reader, barometer_digests.edition CASCADE")
                .execute(&town.bench.pool)
                .await
                .unwrap();
            holds(&town, &steps).await
        })
    };
    runner.run(&steps, run).unwrap();
}
