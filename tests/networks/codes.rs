//! Participation codes: handed out on paper, used wherever their people are.

use crate::person::Person;
use crate::town::{Everywhere, MARKET};

async fn votes_with_a_code(person: &mut Person, words: &str) {
    person.says(words).await;
    person.hears("Votre code est accepté").await;
    person.taps("Jardin et bancs").await;
    person.taps("Déposer").await;
    person.hears("Votre bulletin est enregistré").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_open_a_ballot_on_each_network() {
    let Some(town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", &MARKET.replace("anonymity", "accepts = [\"code\"]\nanonymity"));
    town.program.operates(&["consultation", "codes", "place-du-marche", "--count", "4", "--csv", "codes.csv"]);
    let sheet = std::fs::read_to_string(town.program.directory().join("codes.csv")).unwrap();
    let mut sheet = sheet.lines().map(|line| line.trim_matches('"').split("\",\"").collect::<Vec<_>>());
    let header = sheet.next().unwrap();
    let cells: Vec<Vec<&str>> = sheet.collect();
    let codes: Vec<&str> = cells.iter().map(|cells| cells[1]).collect();
    let links = header.iter().position(|title| *title == "link telegram").unwrap();
    let payload = cells[0][links].strip_prefix("https://t.me/TrifouillyBot?start=").unwrap();

    let mut anas = town.people(7001, "canary_ana").await;
    let mut bobs = town.people(7002, "canary_bob").await;
    for person in &mut anas {
        person.says("/consultations").await;
        person.taps("Répondre").await;
        person.hears("se remplit avec un code personnel").await;
    }
    votes_with_a_code(&mut anas[0], &format!("/start {payload}")).await;
    votes_with_a_code(&mut anas[1], &format!("/participer {}", codes[1])).await;
    votes_with_a_code(&mut anas[2], &format!("/participer {}", codes[2].to_lowercase())).await;
    for (bob, used) in bobs.iter_mut().zip([codes[1], codes[2], codes[0]]) {
        bob.says(&format!("/participer {used}")).await;
        bob.hears("Ce code a déjà servi").await;
    }
    anas[0].says(&format!("/participer {}", codes[3])).await;
    anas[0].hears("Vous participez déjà").await;
    assert_eq!(town.program.ballots("place-du-marche"), 3);

    town.program.operates(&["consultation", "close", "place-du-marche"]);
    bobs[0].says("/resultats place-du-marche").await;
    bobs[0].hears("3 avec un code, un par personne").await;
    let told = String::from_utf8(town.program.runs(&["consultation", "results", "place-du-marche"]).stdout).unwrap();
    assert!(told.contains("3 counted once per"), "{told}");
    let printed = town.program.printed();
    assert!(!codes.iter().any(|code| printed.contains(code)), "a code was printed");
}
