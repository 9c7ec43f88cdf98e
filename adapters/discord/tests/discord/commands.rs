//! The command menu, the link to the bot, and the steps of setting up.

use bot_core::adapter::{Adapter, CommandMenu, CommandMenuEntry, ConversationKind, Finding, Verdict};
use bot_core::{Address, Locale, Platform};
use fake_discord::Fault;

use crate::town::{Town, place};

const COMMANDS: &str = "PUT /applications/*/commands";

fn menus(summary: &str) -> Vec<CommandMenu> {
    let entry = |name: &str, summary: &str| CommandMenuEntry { name: name.to_owned(), summary: summary.to_owned() };
    vec![
        CommandMenu { locale: Locale::Fr, entries: vec![entry("aide", summary), entry("mes_donnees", "Mes données")] },
        CommandMenu { locale: Locale::En, entries: vec![entry("help", "What I can do"), entry("my_data", "My data")] },
    ]
}

#[tokio::test]
async fn the_menu_is_registered_once_in_both_languages() {
    let mut town = Town::quiet().await;
    town.fake.script(COMMANDS, Fault::BadGateway);
    let lost = town.discord.publish_commands(&menus("Ce que je sais faire")).await;
    assert!(matches!(lost, Verdict::Unknown { .. }), "{lost:?}");
    for _ in 0..2 {
        assert_eq!(town.discord.publish_commands(&menus("Ce que je sais faire")).await, Verdict::Sent(()));
    }
    assert_eq!(town.fake.calls_to(COMMANDS), 2, "the lost one, and one that counts");
    let commands = town.fake.commands();
    let names: Vec<&str> = commands.iter().map(|command| command["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["aide", "mes_donnees"]);
    assert_eq!(commands[1]["name_localizations"]["en-US"], "my_data");
    assert_eq!(commands[0]["contexts"], serde_json::json!([0, 1]), "in private, too");
    town.start().await;
    town.restart().await;
    assert_eq!(town.discord.publish_commands(&menus("Ce que je sais faire")).await, Verdict::Sent(()));
    assert_eq!(town.fake.calls_to(COMMANDS), 2, "a restart registers nothing");
    assert_eq!(town.discord.publish_commands(&menus("Autre chose")).await, Verdict::Sent(()));
    assert_eq!(town.fake.commands()[0]["description"], "Autre chose");
}

#[tokio::test]
async fn the_bot_is_written_to_from_its_profile() {
    let mut town = Town::quiet().await;
    assert_eq!(town.discord.private_link(Some("c1-abc")), None, "nobody has said yet who we are");
    town.start().await;
    let link = town.discord.private_link(Some("c1-abc")).unwrap();
    assert_eq!(link.url, format!("https://discord.com/users/{}", town.fake.bot()));
    assert!(!link.carries_payload);
}

fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| !finding.ok).map(|finding| finding.step.as_str()).collect()
}

#[tokio::test]
async fn each_step_of_setting_up_is_looked_at() {
    let town = Town::quiet().await;
    assert_eq!(wrong(&town.discord.examine().await), ["servers"]);
    town.fake.guild("Trifouilly");
    let findings = town.discord.examine().await;
    let steps: Vec<&str> = findings.iter().map(|finding| finding.step.as_str()).collect();
    assert_eq!(steps, ["token file", "token", "interactions", "gateway", "servers"]);
    assert_eq!(wrong(&findings), [""; 0]);
    town.fake.leaves_sessions(60);
    assert_eq!(wrong(&town.discord.examine().await), ["gateway"]);
    town.fake.revokes_the_token();
    assert_eq!(wrong(&town.discord.examine().await), ["token"]);
    town.fake.goes_offline().await;
    assert_eq!(wrong(&town.discord.examine().await), ["connection"]);
    std::fs::remove_file(town.token.path()).unwrap();
    let findings = town.discord.examine().await;
    assert_eq!(wrong(&findings), ["token file"]);
    assert!(findings.iter().filter(|finding| !finding.ok).all(|finding| finding.remedy.is_some()));
    assert_eq!(town.fake.identified(), 0, "looking changes nothing");
}

#[tokio::test]
async fn who_manages_messages_moderates() {
    let town = Town::quiet().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let here = place(ConversationKind::Channel, channel);
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    ana.moderates();
    for (person, expected) in [(&ana, true), (&bruno, false)] {
        let address = Address::new(Platform::new("discord"), person.id.to_string());
        assert_eq!(town.discord.moderates(&here, &address).await, Verdict::Sent(expected));
    }
    let nowhere = place(ConversationKind::Channel, 404);
    let ana = Address::new(Platform::new("discord"), ana.id.to_string());
    assert!(!matches!(town.discord.moderates(&nowhere, &ana).await, Verdict::Sent(_)), "closed on doubt");
}
