//! One consultation on every network at once.

use std::sync::Arc;

use fake_telegram::FakeTelegram;

use crate::person::Person;
use crate::program::Program;

const MARKET: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"
results = "always"
results_from_ballots = 1
results_step = 1

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin et bancs", "Garder le parking"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_on_telegram() {
    let telegram = Arc::new(FakeTelegram::start_in_real_time().await);
    let (url, token) = (telegram.url(), telegram.token());
    let program = Program::with(|directory| {
        std::fs::write(directory.join("telegram.token"), token).unwrap();
        format!(
            "[[account]]\nname = \"telegram\"\nplatform = \"telegram\"\n\
             [account.settings]\ntoken_file = \"telegram.token\"\napi_url = \"{url}\"\n"
        )
    })
    .await;
    program.file("marche.toml", MARKET);
    program.operates(&["consultation", "create", "marche.toml"]);
    program.operates(&["consultation", "open", "place-du-marche"]);
    let mut ana = Person::on_telegram(&telegram, 7001);
    ana.votes("Halle couverte").await;
    assert_eq!(program.ballots("place-du-marche"), 1);
    ana.says("/resultats place-du-marche").await;
    ana.hears_a_picture_of("Halle couverte").await;
}
