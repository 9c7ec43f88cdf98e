//! One conversation, word for word the same on each network.

use crate::person::Person;
use crate::town::{Everywhere, LIBRARY, MARKET};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_conversation_on_each_network() {
    let Some(town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", MARKET);
    town.opens("mediatheque", LIBRARY);
    for (before, mut person) in (0..).zip(town.people(7001, "canary_ana").await) {
        println!("On {}", person.network());
        arrives(&mut person).await;
        has_one_ballot(&town, &mut person, before).await;
        presses_an_old_button(&town, &mut person, before).await;
        reads_the_results(&mut person, before + 1).await;
        answers_every_kind_of_question(&mut person).await;
        asks_about_themselves(&mut person).await;
        is_erased_and_comes_back(&town, &mut person, before + 1).await;
    }
    assert_eq!(town.program.ballots("mediatheque"), 3);
    town.program.operates(&["consultation", "close", "place-du-marche"]);
    let results = town.program.asks(&["consultation", "results", "place-du-marche"]);
    assert_eq!(results["counts"]["tally"]["questions"][0]["counts"], serde_json::json!([0, 0, 3]), "{results}");
}

async fn arrives(person: &mut Person) {
    person.says("/start").await;
    person.hears("crieur public, pour Ville de Trifouilly").await;
    person.says("/aide").await;
    let help = person.hears("/consultations").await;
    assert!(!help.text.contains("/nouvelle_consultation"), "{}", help.text);
}

async fn has_one_ballot(town: &Everywhere, person: &mut Person, before: u64) {
    let ballots = || town.program.ballots("place-du-marche");
    person.says("/consultations").await;
    person.taps("Répondre : La place").await;
    let question = person.hears("Que faire de la place").await;
    assert!(question.text.contains("Consultation anonyme"), "{}", question.text);
    person.taps("Halle couverte").await;
    let review = person.hears("Relisez vos réponses").await;
    assert!(review.text.contains("Halle couverte"), "{}", review.text);
    person.taps("Déposer mon bulletin").await;
    let receipt = person.hears("Votre bulletin est enregistré").await;
    assert!(!receipt.text.contains("Halle"), "a receipt shows no choice: {}", receipt.text);
    assert_eq!(ballots(), before + 1);

    person.taps("Modifier mon bulletin").await;
    person.taps("Jardin et bancs").await;
    person.taps("Déposer").await;
    person.hears("il remplace le précédent").await;
    assert_eq!(ballots(), before + 1);
    person.taps("Retirer mon bulletin").await;
    person.taps("Oui, le retirer").await;
    person.hears("il ne compte plus").await;
    assert_eq!(ballots(), before);
}

/// What was asked is still there further up; pressed, it answers nothing but shows where the person is.
async fn presses_an_old_button(town: &Everywhere, person: &mut Person, before: u64) {
    person.says("/repondre place-du-marche").await;
    let old = person.finds("Halle couverte").await;
    person.says("/repondre place-du-marche").await;
    person.taps("Jardin et bancs").await;
    let review = person.finds("Déposer").await;
    if person.network() == "matrix" {
        // Numbers have no age there: one that means nothing now is the nearest to a stale press.
        person.says("9").await;
        person.hears("répondez par un nombre de 1 à 3").await;
    } else {
        person.presses(&old).await;
        let review = person.hears("Voici où vous en êtes").await;
        assert!(review.text.contains("Jardin et bancs"), "{}", review.text);
    }
    assert_eq!(town.program.ballots("place-du-marche"), before);
    let cast = if person.network() == "matrix" { review } else { person.finds("Déposer").await };
    person.presses(&cast).await;
    person.hears("Votre bulletin est enregistré").await;
    assert_eq!(town.program.ballots("place-du-marche"), before + 1);
}

async fn reads_the_results(person: &mut Person, ballots: u64) {
    person.says("/resultats place-du-marche").await;
    let results = person.hears("Résultats : La place du marché").await;
    for option in ["Halle couverte", "Jardin et bancs", "Garder le parking"] {
        assert!(results.text.contains(option), "{}", results.text);
    }
    // A picture says in words what it shows.
    person.receives(&format!("voix sur {ballots} bulletin")).await;
}

async fn answers_every_kind_of_question(person: &mut Person) {
    person.says("/repondre mediatheque").await;
    person.hears("Question 1/3").await;
    person.taps("Continuer").await;
    person.hears("Il faut choisir au moins une réponse").await;
    for evening in ["Lundi", "Mardi", "Jeudi"] {
        person.taps(evening).await;
    }
    person.hears("2 réponses au plus").await;
    person.taps("Lundi").await;
    person.taps("Jeudi").await;
    person.taps("Continuer").await;
    person.hears("Question 2/3").await;
    person.taps("3 – Plutôt oui").await;
    person.hears("Question 3/3").await;
    person.says(&"trop long ".repeat(20)).await;
    person.hears("il en faut 60 au plus").await;
    person.says("Un café CANARY, s’il vous plaît").await;
    let review = person.hears("Relisez vos réponses").await;
    for answer in ["Mardi, Jeudi", "Plutôt oui", "Un café CANARY, s’il vous plaît"] {
        assert!(review.text.contains(answer), "{}", review.text);
    }
    person.taps("Déposer").await;
    person.hears("Votre bulletin est enregistré").await;
}

async fn asks_about_themselves(person: &mut Person) {
    person.says("/mes_donnees").await;
    person.hears("tout ce que je garde de vous").await;
    person.receives("").await;
    person.says("STOP").await;
    person.hears("je ne vous écrirai plus en premier").await;
    person.says("/start").await;
    person.hears("crieur public, pour Ville de Trifouilly").await;
}

async fn is_erased_and_comes_back(town: &Everywhere, person: &mut Person, ballots: u64) {
    person.says("/effacer").await;
    person.hears("On ne peut pas revenir en arrière").await;
    person.taps("Oui, effacer").await;
    person.hears("vos données sont effacées").await;
    assert_eq!(town.program.ballots("place-du-marche"), ballots, "the ballot goes on counting");
    person.says("/consultations").await;
    person.taps("Revoir : La place").await;
    person.taps("Modifier").await;
    person.taps("Garder le parking").await;
    person.taps("Déposer").await;
    person.hears("il remplace le précédent").await;
    assert_eq!(town.program.ballots("place-du-marche"), ballots, "no second ballot");
}
