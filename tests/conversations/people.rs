//! One person on two sessions, and what people may ask about themselves.

use chrono::TimeDelta;
use serde_json::Value;

use crate::citizen::Citizen;
use crate::ledger::Ledger as _;
use crate::town::Crieur;
use crate::voting::MARKET;

/// `asker` asks for a code, `joiner` types it, both say yes.
pub async fn link(asker: &mut Citizen, joiner: &mut Citizen) {
    asker.says("/lier").await;
    let told = asker.hears("Votre code : ").await;
    let (_, rest) = told.text.split_once("Votre code : ").unwrap();
    let code: String = rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    joiner.says(&format!("/lier {code}")).await;
    joiner.hears("Ce code a été demandé sur Webchat").await;
    let yes = asker.hears("Votre code vient d’être écrit").await.buttons[0].action.clone();
    asker.presses(&yes).await;
    asker.hears("Il reste à dire oui").await;
    joiner.taps("Oui, c’est moi").await;
    joiner.hears("vous êtes maintenant la même personne").await;
    asker.hears("vous êtes maintenant la même personne").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_ballots_of_one_person_the_one_of_who_asked_for_the_code_stays() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut on_phone = crieur.citizen().await;
    let mut on_desk = crieur.citizen().await;
    on_phone.votes("Halle couverte").await;
    on_desk.votes("Garder le parking").await;
    assert_eq!(crieur.participation("place-du-marche").await, 2);
    link(&mut on_phone, &mut on_desk).await;
    assert_eq!(crieur.participation("place-du-marche").await, 1, "the total falls by one");
    on_desk.says("/consultations").await;
    on_desk.taps("Revoir").await;
    on_desk.hears("Votre bulletin est enregistré pour").await;

    let audit = crieur.command(&["audit", "--json"]);
    assert!(audit.status.success());
    let audit = String::from_utf8(audit.stdout).unwrap();
    assert!(audit.contains("ballot.withdrawn_by_link") && audit.contains("contacts.linked"), "{audit}");
    for choice in ["Halle", "parking", "\"answers\"", "webchat:"] {
        assert!(!audit.contains(choice), "the audit log says {choice:?}: {audit}");
    }
    // Apart again, neither has a second ballot.
    on_desk.says("/delier").await;
    on_desk.taps("Oui, séparer").await;
    on_desk.hears("de nouveau à part").await;
    for citizen in [&mut on_desk, &mut on_phone] {
        citizen.says("/consultations").await;
        citizen.taps("Revoir").await;
        citizen.hears("Votre bulletin est enregistré pour").await;
    }
    crieur.closes("place-du-marche").await;
    let (_, csv) = crieur.page("/consultations/place-du-marche/ballots.csv").await;
    assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), ["\"Halle couverte\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_needs_both_and_a_role_does_not_follow_it() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut organiser = crieur.organiser().await;
    let mut other = crieur.citizen().await;
    other.says("/lier AAAAA-AAAAA").await;
    other.hears("Ce code n’est pas le bon").await;
    organiser.says("/lier").await;
    let told = organiser.hears("Votre code : ").await.text;
    let code = told.split_once("Votre code : ").unwrap().1.split_whitespace().next().unwrap().to_owned();
    organiser.says(&format!("/lier {code}")).await;
    organiser.hears("Ce code a été demandé ici même").await;
    other.says(&format!("/lier {code}")).await;
    other.taps("Non").await;
    other.hears("Rien n’a été relié").await;

    link(&mut organiser, &mut other).await;
    organiser.says("/mes_consultations").await;
    organiser.hears("Vos consultations").await;
    other.says("/mes_consultations").await;
    other.hears("Cette commande n’est pas disponible ici").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn my_data_is_a_file_for_me_alone_and_after_erasing_no_second_ballot() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    let mut eve = crieur.citizen().await;
    ana.says("/start").await;
    ana.taps("Oui, prévenez-moi").await;
    ana.hears("je vous préviendrai").await;
    ana.votes("Halle couverte").await;
    ana.says("/mes_donnees").await;
    let file =
        ana.hears("tout ce que je garde de vous").await.data["file"]["url"].as_str().unwrap_or_default().to_owned();
    let content = ana.fetches_file().await;
    let data: Value = serde_json::from_str(&content).unwrap();
    let address = data["addresses"][0]["address"].as_str().unwrap().to_owned();
    assert!(address.starts_with("webchat:"));
    assert_eq!(data["consents"][0]["purpose"], "consultation");
    assert!(data["plugins"]["micro-consultations"].is_object());
    if !file.is_empty() {
        assert_eq!(eve.gets(&file).await.status(), 404, "nobody else's");
    }

    ana.says("/effacer").await;
    ana.hears("On ne peut pas revenir en arrière").await;
    ana.taps("Non, tout garder").await;
    ana.hears("Rien n’a été effacé").await;
    ana.says("/effacer").await;
    ana.taps("Oui, effacer").await;
    ana.hears("vos données sont effacées").await;
    crieur.quiet().await;
    let path = address.strip_prefix("webchat:").unwrap();
    for row in crieur.database.everything_in("core").await {
        let table = row.split(' ').next().unwrap();
        // The session itself and the chat it is, without a person, so that the page goes on working.
        let is_session = ["account_state", "conversation", "inbox_key"].contains(&table);
        assert!(is_session || !row.contains(path), "{row}");
    }
    assert_eq!(crieur.participation("place-du-marche").await, 1, "the ballot goes on counting");

    // Back in the same session: a new person, and the same participant.
    ana.says("/consultations").await;
    ana.taps("Revoir").await;
    ana.taps("Modifier").await;
    ana.taps("Garder").await;
    ana.taps("Déposer").await;
    ana.hears("il remplace le précédent").await;
    assert_eq!(crieur.participation("place-du-marche").await, 1);
    eve.votes("Halle").await;
    assert_eq!(crieur.participation("place-du-marche").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_stop_hears_no_announcement() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut citizens = crieur.citizens(3).await;
    for citizen in &mut citizens[..2] {
        citizen.says("/start").await;
        citizen.taps("Oui, prévenez-moi").await;
        citizen.hears("je vous préviendrai").await;
    }
    citizens[1].says("STOP").await;
    citizens[1].hears("je ne vous écrirai plus en premier").await;
    let mut organiser = crieur.organiser().await;
    organiser.says("/mes_consultations").await;
    organiser.taps("La place du marché").await;
    organiser.taps("Annoncer").await;
    organiser.hears("Annoncée le").await;
    crieur.clock.advance(TimeDelta::hours(1));
    crieur.quiet().await;
    let mut heard = Vec::new();
    for citizen in &mut citizens {
        let shown = citizen.sees_everything().await;
        heard.push(
            shown.iter().filter(|message| message.text.contains("Une nouvelle consultation est ouverte")).count(),
        );
    }
    assert_eq!(heard, [1, 0, 0]);
    citizens[0].says("/aide").await;
    let help = citizens[0].reads().await;
    assert!(help.contains("/consultations") && !help.contains("/nouvelle_consultation"), "{help}");
}
