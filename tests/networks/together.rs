//! One consultation on every network at once.

use crate::person::Person;
use crate::town::{Everywhere, MARKET};

#[tokio::test(flavor = "multi_thread")]
async fn one_person_on_three_networks_has_one_ballot() {
    let Some(mut town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", MARKET);
    let mut ana_on_telegram = Person::on_telegram(&town.telegram, 7001);
    let mut ana_on_discord = Person::on_discord(&town.discord, "ana");
    let ana = town.citizens.arrive("ana").await;
    let mut ana_on_matrix = Person::on_matrix(ana, &town.bot, "12").await;
    let mut bob = Person::on_discord(&town.discord, "bob");

    ana_on_telegram.votes("Halle couverte").await;
    bob.votes("Garder le parking").await;
    assert_eq!(town.program.ballots("place-du-marche"), 2);

    ana_on_discord.links_to(&mut ana_on_telegram).await;
    ana_on_matrix.links_to(&mut ana_on_telegram).await;
    ana_on_discord.says("/consultations").await;
    ana_on_discord.taps("Revoir").await;
    ana_on_discord.taps("Modifier mon bulletin").await;
    ana_on_discord.taps("Jardin et bancs").await;
    ana_on_discord.taps("Déposer").await;
    ana_on_discord.hears("il remplace le précédent").await;
    assert_eq!(town.program.ballots("place-du-marche"), 2, "one ballot, changed");

    ana_on_matrix.says("/resultats place-du-marche").await;
    ana_on_matrix.receives("voix sur 2 bulletins").await;

    // Killed in the middle of a vote, it goes on where it was.
    let mut eve = Person::on_telegram(&town.telegram, 7002);
    eve.says("/consultations").await;
    eve.taps("Répondre").await;
    eve.taps("Halle couverte").await;
    eve.hears("Relisez vos réponses").await;
    town.program.kill();
    ana_on_matrix.says("/consultations").await;
    town.program.start().await;
    eve.taps("Déposer").await;
    eve.hears("Votre bulletin est enregistré").await;
    ana_on_matrix.hears("La place du marché").await;

    ana_on_matrix.says("/consultations").await;
    ana_on_matrix.taps("Revoir").await;
    ana_on_matrix.taps("Modifier mon bulletin").await;
    ana_on_matrix.taps("Halle couverte").await;
    ana_on_matrix.taps("Déposer").await;
    ana_on_matrix.hears("il remplace le précédent").await;
    town.program.operates(&["consultation", "close", "place-du-marche"]);
    let results = town.program.asks(&["consultation", "results", "place-du-marche"]);
    let tally = &results["counts"]["tally"];
    assert_eq!(tally["ballots"], 3, "{results}");
    assert_eq!(tally["questions"][0]["counts"], serde_json::json!([2, 0, 1]), "{results}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_every_network_in_order() {
    let Some(town) = Everywhere::starts().await else { return };
    let found = town.program.runs(&["doctor", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let wrong: Vec<_> = found["findings"].as_array().unwrap().iter().filter(|finding| finding["ok"] == false).collect();
    // Fakes speak no TLS, a test's files are anybody's, and its Postgres is quick to forget.
    let expected = ["secrets", "public address", "durability"];
    let unexpected: Vec<_> =
        wrong.iter().filter(|finding| !expected.contains(&finding["step"].as_str().unwrap())).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}
