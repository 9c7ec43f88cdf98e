//! One consultation on every network at once.

use std::sync::Arc;

use fake_discord::FakeDiscord;
use fake_telegram::FakeTelegram;
use real_matrix::{Citizens, RateLimits, Synapse};

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

/// A service with an account on each network.
struct Everywhere {
    telegram: Arc<FakeTelegram>,
    discord: FakeDiscord,
    citizens: Arc<Citizens>,
    bot: String,
    program: Program,
    _synapse: Synapse,
}

impl Everywhere {
    async fn starts() -> Option<Self> {
        let (synapse_python, citizens_python) = real_matrix::pythons()?;
        let synapse = Synapse::start(synapse_python, RateLimits::Off);
        let citizens = Citizens::start(citizens_python, &synapse);
        let bot = citizens.register("crieur").await;
        let telegram = Arc::new(FakeTelegram::start_in_real_time().await);
        let discord = FakeDiscord::start(chrono::Utc::now().timestamp_millis()).await;
        discord.guild("Trifouilly");
        let configuration = format!(
            r#"
[[account]]
name = "telegram"
platform = "telegram"
[account.settings]
token_file = "telegram.token"
api_url = "{}"

[[account]]
name = "discord"
platform = "discord"
[account.settings]
token_file = "discord.token"
api_url = "{}"

[[account]]
name = "matrix"
platform = "matrix"
[account.settings]
homeserver_url = "{}"
user = "{bot}"
password_file = "matrix.password"
recovery_key_file = "matrix.recovery-key"
store_dir = "matrix-store"
store_passphrase_file = "matrix.passphrase"
messages_per_second = 100.0
messages_burst = 100
"#,
            telegram.url(),
            discord.url(),
            synapse.url(),
        );
        let secrets = [
            ("telegram.token", telegram.token()),
            ("discord.token", fake_discord::BOT_TOKEN.to_owned()),
            ("matrix.password", "crieur".to_owned()),
        ];
        let program = Program::with(|directory| {
            for (name, secret) in secrets {
                std::fs::write(directory.join(name), secret).unwrap();
            }
            configuration
        })
        .await;
        Some(Self { telegram, discord, citizens, bot, program, _synapse: synapse })
    }

    fn opens(&self, slug: &str, definition: &str) {
        self.program.file("consultation.toml", definition);
        self.program.operates(&["consultation", "create", "consultation.toml"]);
        self.program.operates(&["consultation", "open", slug]);
    }
}

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
    ana_on_matrix.hears_a_picture_of("voix sur 2 bulletins").await;

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
