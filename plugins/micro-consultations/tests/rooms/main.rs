//! Rooms with the whole core: announcements, answers in private, informal polls and votes that others read, on a
//! network of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod network;
mod town;

use bot_core::adapter::PollCounts;
use chrono::TimeDelta;

use crate::town::Town;

const MARKET: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"
results = "always"

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin", "Parking"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_in_a_room_is_answered_in_private() {
    let town = Town::starts().await;
    town.opens(MARKET).await;
    town.makes_organiser("olga").await;
    town.says("place", "olga", "/annoncer place-du-marche").await;
    let announced = town.reads("place");
    assert!(announced.contains("Une nouvelle consultation est ouverte"), "{announced}");
    let link = "https://network.example/bot?start=repondre-place-du-marche";
    assert!(announced.contains(link), "{announced}");

    town.taps("place", "ana", "Répondre").await;
    let told = town.reads("place");
    assert!(told.contains("la suite se passe en message privé") && told.contains(link), "{told}");
    assert!(!town.everything("place").contains("Que faire de la place"), "the question was asked in the room");
    assert!(town.reads("ana").contains("Que faire de la place ?"), "{}", town.reads("ana"));
    town.taps("ana", "ana", "Jardin").await;
    town.taps("ana", "ana", "Déposer").await;
    assert!(town.reads("ana").contains("Votre bulletin est enregistré"), "{}", town.reads("ana"));

    // Who follows the link says so to the bot, as the platform puts it.
    town.says("eve", "eve", "/start repondre-place-du-marche").await;
    assert!(town.reads("eve").contains("Que faire de la place ?"), "{}", town.reads("eve"));
    town.taps("eve", "eve", "Parking").await;
    town.taps("eve", "eve", "Déposer").await;
    assert_eq!(town.ballots("place-du-marche").await, 2);

    // Somebody the network does not let us write to first reads in the room what to do.
    town.network.will_not_open("carl");
    town.taps("place", "carl", "Répondre").await;
    assert!(town.reads("place").contains(link));
    assert_eq!(town.everything("carl"), "");
    town.says("carl", "carl", "/repondre place-du-marche").await;
    assert!(town.reads("carl").contains("Que faire de la place ?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_announces_in_a_room_by_its_number() {
    let town = Town::starts().await;
    town.opens(MARKET).await;
    // The room is known once something was said in it.
    town.says("place", "ana", "bonjour").await;
    assert_eq!(town.everything("place"), "");
    town.announces_in_every_room("place-du-marche").await;
    assert!(town.reads("place").contains("Une nouvelle consultation est ouverte"));
    let link = town.stored_link().await;
    assert_eq!(link.with("participer-7F3KQ-M2XD9"), "https://network.example/bot?start=participer-7F3KQ-M2XD9");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_informal_poll_is_asked_counted_and_told() {
    let town = Town::starts().await;
    town.makes_organiser("olga").await;
    town.says("place", "olga", "/sondage Ouvrir le soir ? | Oui | Non").await;
    let asked = town.everything("place");
    assert!(asked.contains("Sondage informel : ce n’est pas un vote."), "{asked}");
    assert!(asked.contains("[[Ouvrir le soir ? (sondage informel): Oui / Non]]"), "{asked}");
    town.network.will_count(PollCounts { options: vec![31, 12], voters: Some(43) });
    town.advance(TimeDelta::hours(24)).await;
    let told = town.reads("place");
    assert!(told.contains("Résultat du sondage informel"), "{told}");
    assert!(told.contains("Oui | 31") && told.contains("Non | 12"), "{told}");

    // A platform that does not say leaves its number unknown.
    town.says("place", "olga", "/sondage Et le dimanche ? | Oui | Non").await;
    town.network.will_not_count();
    town.says("place", "olga", "/clore_sondage").await;
    let told = town.reads("place");
    assert!(told.contains("Oui | inconnu"), "{told}");
    // Where nobody may ask but an organiser.
    town.says("place", "eve", "/sondage Et moi ? | Oui | Non").await;
    assert!(town.reads("place").contains("n’est pas disponible ici"), "{}", town.reads("place"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_vote_in_the_poll_and_by_button_is_one_ballot() {
    let town = Town::starts().await;
    town.opens(&MARKET.replace("\"anonymous\"", "\"named\"")).await;
    town.makes_organiser("olga").await;
    town.says("place", "olga", "/annoncer place-du-marche").await;
    let (announcement, poll) = (town.message("place", "Une nouvelle consultation"), town.message("place", "[["));
    town.votes("place", "ana", &poll, &[1]).await;
    assert!(town.reads("ana").contains("Pour que votre choix compte"), "{}", town.reads("ana"));
    town.taps("ana", "ana", "J’accepte").await;
    town.taps("ana", "ana", "Déposer").await;
    assert_eq!(town.ballots("place-du-marche").await, 1);
    town.reacts("place", "ana", &announcement, "1️⃣").await;
    assert!(town.reads("ana").contains("il remplace le précédent"), "{}", town.reads("ana"));
    assert_eq!(town.ballots("place-du-marche").await, 1);
    town.votes("place", "ana", &poll, &[]).await;
    assert!(town.reads("ana").contains("Votre bulletin est retiré"), "{}", town.reads("ana"));
    assert_eq!(town.ballots("place-du-marche").await, 0);
}
