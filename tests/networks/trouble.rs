//! Accounts that cannot start, and processes that die.

use serde_json::Value;

use fake_discord::FakeDiscord;
use fake_telegram::FakeTelegram;

use crate::citizen::{Citizen, Site};
use crate::person::Person;
use crate::program::{Program, free_port};
use crate::town::{Everywhere, MARKET};

/// Discord: an intent that the application may not have.
const DISALLOWED_INTENTS: u16 = 4014;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_start_leaves_the_others_alone() {
    let telegram = FakeTelegram::start_in_real_time().await;
    let discord = FakeDiscord::start(bot_core::Clock::system().now().timestamp_millis()).await;
    discord.refuses_sessions_with(Some(DISALLOWED_INTENTS));
    let mut program = Program::prepared(|directory| {
        let secrets = [
            ("telegram.token", "7000000001:AAF-CANARY_token_of_somebody_else_0"),
            ("discord.token", fake_discord::BOT_TOKEN),
            ("matrix.password", "CANARY-password"),
        ];
        for (name, secret) in secrets {
            std::fs::write(directory.join(name), secret).unwrap();
        }
        format!(
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
homeserver_url = "http://{}"
user = "@canary:localhost"
password_file = "matrix.password"
recovery_key_file = "matrix.recovery-key"
store_dir = "matrix-store"
store_passphrase_file = "matrix.passphrase"

[[account]]
name = "webchat"
platform = "webchat"
"#,
            telegram.url(),
            discord.url(),
            free_port(),
        )
    })
    .await;
    program.launch();
    let failing = ["telegram", "discord", "matrix"];
    let health = program
        .says_of_itself(|health| {
            let known = |name: &str| Program::account(health, name)["reason"].is_string();
            failing.into_iter().all(known) && Program::account(health, "webchat")["ready"] == true
        })
        .await;
    println!("{health:#}");
    assert_eq!(health["ready"], false);
    for (name, why) in failing.into_iter().zip(["@BotFather", "intent", "the homeserver cannot be reached"]) {
        let account = Program::account(&health, name);
        assert_eq!(account["ready"], false, "{account}");
        assert!(account["reason"].as_str().unwrap().contains(why), "{account}");
    }

    let site = Site::default();
    site.moves_to(program.site());
    let mut ana = Citizen::arrives(&site).await;
    ana.says("/start").await;
    ana.hears("crieur public, pour Ville de Trifouilly").await;

    let doctor = program.runs(&["doctor", "--json"]);
    let told = String::from_utf8(doctor.stdout).unwrap();
    println!("{told}");
    let findings: Value = serde_json::from_str(&told).unwrap();
    let remedies = ["@BotFather", "Gateway Intents in the developer portal", "check `homeserver_url`"];
    for (name, remedy) in failing.into_iter().zip(remedies) {
        let step = format!("account {name}");
        let mut wrong = findings["findings"].as_array().unwrap().iter().filter(|finding| finding["ok"] == false);
        let of_account = |finding: &&Value| finding["step"].as_str().unwrap().starts_with(&step);
        assert!(wrong.any(|finding| of_account(&finding) && finding.to_string().contains(remedy)), "{findings:#}");
    }
    for told in [program.printed(), told, health.to_string()] {
        assert!(!told.contains("CANARY") && !told.contains(fake_discord::BOT_TOKEN), "a secret was told");
    }
}

/// How often the bot said `words` to somebody.
async fn times(person: &Person, words: &str) -> usize {
    person.sees().await.iter().filter(|shown| shown.text.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_takes_over() {
    let Some(mut town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", MARKET);
    let [mut on_telegram, mut on_discord, mut on_matrix] = town.people(7001, "canary_ana").await;
    for person in [&mut on_telegram, &mut on_discord, &mut on_matrix] {
        person.says("/repondre place-du-marche").await;
        person.taps("Halle couverte").await;
        person.hears("Relisez vos réponses").await;
    }
    let files = ["telegram.token", "discord.token", "matrix.password", "matrix.recovery-key", "matrix.passphrase"];
    let mut second = Program::beside(&town.program, &files);
    second.launch();
    second.says_of_itself(|health| Program::account(health, "telegram")["state"] == "starting").await;

    town.program.kill();
    on_telegram.taps("Déposer").await;
    // What is pressed on Discord while nobody listens is lost, what is written is not.
    on_discord.says("/aide").await;
    on_matrix.taps("Déposer").await;
    on_telegram.hears("Votre bulletin est enregistré").await;
    on_discord.hears("Voici ce que vous pouvez m’écrire").await;
    on_discord.says("/repondre place-du-marche").await;
    on_discord.taps("Déposer").await;
    on_discord.hears("Votre bulletin est enregistré").await;
    assert_eq!(second.ballots("place-du-marche"), 2);

    let health = second.says_of_itself(|health| Program::account(health, "matrix")["reason"].is_string()).await;
    let matrix = Program::account(&health, "matrix");
    assert!(matrix["ready"] == false && matrix["reason"].as_str().unwrap().contains("store_dir"), "{health:#}");
    for name in ["telegram", "discord"] {
        assert_eq!(Program::account(&health, name)["ready"], true, "{health:#}");
    }

    town.program.launch();
    on_matrix.hears("Votre bulletin est enregistré").await;
    town.program.says_of_itself(|health| Program::account(health, "matrix")["ready"] == true).await;
    assert_eq!(second.ballots("place-du-marche"), 3);
    for person in [&mut on_telegram, &mut on_discord, &mut on_matrix] {
        person.says("/aide").await;
        person.hears("Voici ce que vous pouvez m’écrire").await;
        assert_eq!(times(person, "Votre bulletin est enregistré").await, 1, "{}", person.network());
        let again = usize::from(person.network() == "discord");
        // Answered in place, the question is the receipt; only on Discord it was asked for once more.
        assert_eq!(times(person, "Que faire de la place").await, again, "{}", person.network());
        assert_eq!(times(person, "Voici ce que vous pouvez m’écrire").await, 1 + again, "{}", person.network());
    }
}
