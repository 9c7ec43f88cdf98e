//! Invitation, reminder and answer on every network, with the real program and its command line.

use std::fs;

use chrono::{TimeDelta, Utc};
use chrono_tz::America::Guadeloupe;
use serde_json::Value;

use crate::person::{Person, a_moment};
use crate::town::Everywhere;

const CONTACTS: &str = "identifiant;nom;collectivité;type;code insee;rang\n\
    c1;Claire Martin;Nantes;commune;44109;1\n\
    c2;Paul Le Goff;Rennes;commune;35238;1\n\
    c3;Zoé Petit;Brest;commune;29019;1\n\
    c4;Un autre;Quimper;commune;29232;1\n";

/// Long enough to plan and approve it before.
const OPENS_AFTER: TimeDelta = TimeDelta::seconds(25);

/// A campaign of Guadeloupe that opens in a moment by the system's clock. For people in Paris its first hour has long
/// passed by then, so they are written to at the opening.
fn campaign(now: chrono::DateTime<Utc>) -> String {
    let there = |moment: chrono::DateTime<Utc>| moment.with_timezone(&Guadeloupe).naive_local();
    let local = |moment: chrono::DateTime<Utc>| there(moment).format("%Y-%m-%dT%H:%M:%S").to_string();
    let (opens_at, step) = (there(now + OPENS_AFTER), there(now + OPENS_AFTER + TimeDelta::minutes(1)));
    let (days, hour) = ((step.date() - opens_at.date()).num_days(), step.format("%H:%M"));
    format!(
        r#"slug = "barometre"
title = "Baromètre"
sender = "L’observatoire"
to = "everyone"
time_zone = "America/Guadeloupe"
opens_at = {}
deadline = {}
reminders_max = 1
days_between_min = 1

[questionnaire]
link = "https://enquetes.example.org/?token={{{{token}}}}"

[[steps]]
key = "invitation"
from = "opening"
days = {days}
hour = "{hour}"
kind = "invitation"
to = "first"
misfire = "send_late"
wording = "Merci de répondre pour {{{{collectivite}}}} : {{{{lien}}}}"
"#,
        local(now + OPENS_AFTER),
        local(now + TimeDelta::days(30)),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_network_brings_the_invitation_and_the_reminder_and_takes_the_answer() {
    let Some(town) = Everywhere::starts().await else { return };
    let program = &town.program;
    program.file("contacts.csv", CONTACTS);
    let imported = program.asks(&["contacts", "import", "contacts.csv"]);
    assert_eq!(imported["created"], 4, "{imported}");
    program.operates(&["contacts", "invitations", "issue", "--all"]);
    // An account's link is known once its network has said who the bot is.
    let mut tries = 0;
    let merged = loop {
        tries += 1;
        let file = format!("invitations-{tries}.csv");
        program.operates(&["contacts", "invitations", "export", &file, "--all"]);
        let merged = fs::read_to_string(program.directory().join(file)).unwrap();
        if ["telegram", "discord", "matrix"].iter().all(|network| merged.contains(&format!("link {network}"))) {
            break merged;
        }
        assert!(tries < 60, "{}", merged.lines().next().unwrap_or_default());
        a_moment().await;
    };
    let mut rows = merged.trim_start_matches('\u{feff}').lines();
    let header: Vec<&str> = rows.next().unwrap().split(';').collect();
    let column = |name: &str| header.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{header:?}"));
    let (code, identifier) = (column("code"), column("external_id"));
    let code_of = |who: &str| {
        let mut found = rows.clone().map(|row| row.split(';').collect::<Vec<_>>());
        found.find(|row| row[identifier] == who).map(|row| row[code].to_owned()).unwrap()
    };
    let matrix = town.citizens.arrive("zoe").await;
    let mut people = [
        Person::on_telegram(&town.telegram, 7101),
        Person::on_discord(&town.discord, "paul"),
        Person::on_matrix(matrix, &town.bot, "12").await,
    ];
    let known = [("c1", "Claire Martin", "Nantes"), ("c2", "Paul Le Goff", "Rennes"), ("c3", "Zoé Petit", "Brest")];
    for (person, (identifier, name, _)) in people.iter_mut().zip(known) {
        // Telegram's deep link arrives as these words.
        person.says(&format!("/start invitation-{}", code_of(identifier))).await;
        person.hears(&format!("Êtes-vous {name}")).await;
        person.taps("Oui, c’est moi").await;
        person.hears("C’est fait, merci !").await;
    }
    // Used, and not good a second time.
    let mut stranger = Person::on_discord(&town.discord, "eve");
    stranger.says(&format!("/start invitation-{}", code_of("c1"))).await;
    stranger.hears("Cette invitation a déjà servi").await;

    program.file("barometre.toml", &campaign(bot_core::Clock::system().now()));
    program.operates(&["campaign", "create", "barometre.toml", "--as", "claire"]);
    let plan = program.asks(&["campaign", "plan", "barometre", "--summary"]);
    let name = plan["plan"].as_str().unwrap_or_else(|| panic!("{plan:#}")).to_owned();
    program.operates(&["campaign", "approve", "barometre", "--plan", &name, "--as", "paul"]);
    for (person, (_, _, commune)) in people.iter_mut().zip(known) {
        person.hears(&format!("Merci de répondre pour {commune}")).await;
    }
    let [claire, paul, zoe] = &mut people;
    claire.taps("Déjà répondu").await;
    claire.hears("a déjà répondu").await;
    paul.taps("Ne plus recevoir de rappels").await;
    paul.hears("Vous ne recevrez plus de rappel").await;
    zoe.taps("Me le rappeler plus tard").await;
    zoe.taps("Demain").await;
    zoe.hears("plus aucun rappel n’est prévu").await;

    let report: Value = program.asks(&["campaign", "report", "barometre"]);
    let words = report.to_string();
    assert!(words.contains("answered") || words.contains("répondu"), "{report:#}");
    let shown = program.asks(&["campaign", "show", "barometre"]);
    // What has gone out is settled in the plan a minute later.
    let count = |state: &str| shown["campaign"]["messages"][state].as_i64().unwrap_or(0);
    assert_eq!(count("sent") + count("handed"), 3, "{shown:#}");
    assert_eq!(shown["campaign"]["respondents"]["answered"], 1, "{shown:#}");
}
