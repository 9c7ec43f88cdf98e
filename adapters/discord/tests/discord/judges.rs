//! The fake itself is judged: by Discord's own description of its API, and by another program's library.
//!
//! `CRIEUR_DISCORD_OPENAPI` names the description (Discord publishes it); `CRIEUR_PEERS` the folder of the Python
//! environments. What is missing is said and passed over, unless `CRIEUR_PEERS_REQUIRED` is 1.

use std::path::{Path, PathBuf};
use std::process::Command;

use bot_core::Locale;
use bot_core::adapter::{Adapter, CommandMenu, CommandMenuEntry, ConversationKind, Verdict};
use bot_core::message::{Document, Poll};
use bot_core::{Address, Platform};
use chrono::TimeDelta;
use fake_discord::{Fault, Scope};
use serde_json::json;

use crate::town::{Town, action, direct, message_id, place, request, seal};

/// Does everything once, so that every kind of request, answer and event is there.
async fn everything_happens() -> Town {
    let mut town = Town::awake().await;
    let (guild, channel) = town.fake.guild("Trifouilly");
    let thread = town.fake.thread(guild);
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    let menu = |locale, name: &str| CommandMenu {
        locale,
        entries: vec![CommandMenuEntry { name: name.to_owned(), summary: "Ce que je sais faire".to_owned() }],
    };
    town.discord.publish_commands(&[menu(Locale::Fr, "aide"), menu(Locale::En, "help")]).await;
    town.discord.examine().await;
    town.discord.open_direct(&Address::new(Platform::new("discord"), ana.id.to_string())).await;

    let here = direct(&ana);
    ana.says("bonjour");
    town.takes(&["bonjour"]).await;
    let question = Document::says("Quelle *halle* ?").choice("Couverte", action(1)).chosen("Ouverte", action(2));
    let Verdict::Sent(ids) = town.send(&here, &question.step("Retour", action(3)), 1).await else { panic!("sent") };
    ana.presses(ana.direct(), &seal(&action(1)).0).await;
    let closed = town.layout(&here, &Document::says("Noté."));
    town.discord.edit(&request(&here, &closed.parts[0], 2), &ids).await;
    town.discord.pin(&here, &ids).await;
    let menu = (0..12).fold(Document::says("Quel jour ?"), |menu, day| menu.choice(format!("Jour {day}"), action(day)));
    message_id(&town.send(&here, &menu, 3).await);
    ana.presses(ana.direct(), &seal(&action(7)).0).await;
    ana.runs(ana.direct(), "aide", Some("voter")).await;
    town.takes(&["bonjour", "/aide voter"]).await;
    let token = town.latest_acknowledgement().await;
    message_id(&town.send_in_reply(&here, &Document::says("Voici."), 4, Some(&token)).await);

    let picture = town.account.store_media("image/png", "resultats.png", &[7; 64]).await;
    let layout = town.layout(&here, &Document::new().figure(picture.hash, "Douze voix"));
    message_id(&town.discord.send(&request(&here, &layout.parts[0], 5)).await);

    let there = place(ConversationKind::Channel, channel);
    message_id(&town.send(&there, &Document::says("Votez !").choice("Voter", action(9)), 6).await);
    bruno.presses(channel, &seal(&action(9)).0).await;
    town.until("the press to be taken", async |town| town.account.inbox().await.len() == 5).await;
    let token = town.latest_acknowledgement().await;
    for (delivery, words) in [(7, "Écrivez-moi."), (8, "Et ensuite.")] {
        message_id(&town.send_in_reply(&there, &Document::says(words), delivery, Some(&token)).await);
    }
    for person in [&ana, &bruno] {
        town.discord.moderates(&there, &Address::new(Platform::new("discord"), person.id.to_string())).await;
    }
    bruno.says_in(thread, &format!("<@{}> quand ?", town.fake.bot()));
    bruno.says_in(channel, "entre nous");
    town.takes(&["bonjour", "/aide voter", "quand ?"]).await;

    let options = vec!["Samedi".to_owned(), "Dimanche".to_owned()];
    let poll = Document::new().poll(Poll { question: "Quel jour ?".to_owned(), options, multiple: false });
    let Verdict::Sent(poll) = town.send(&there, &poll, 9).await else { panic!("sent") };
    bruno.votes(channel, poll.0[0].parse().unwrap(), 1);
    town.discord.close_poll(&there, &poll).await;
    town.fake.finishes_counting(channel, poll.0[0].parse().unwrap());
    town.discord.close_poll(&there, &poll).await;

    message_id(&town.send(&here, &Document::says("Vite."), 10).await);
    // Stricter than it had announced.
    town.fake.limits_channels_to(1, 1_000);
    assert!(matches!(town.send(&here, &Document::says("Vite."), 11).await, Verdict::Throttled { .. }));
    town.advance(TimeDelta::minutes(1));
    town.fake.limits_channels_to(1000, 1_000);
    town.fake
        .script("POST /channels/*/messages", Fault::RateLimited { scope: Scope::Global, retry_after_seconds: 0.5 });
    town.send(&there, &Document::says("Vite."), 12).await;
    town.advance(TimeDelta::minutes(1));
    bruno.blocks_the_bot();
    town.send(&direct(&bruno), &Document::says("Bonjour."), 13).await;
    town.discord.delete(&here, &ids).await;
    town.discord.delete(&here, &ids).await;
    town.discord.reconcile(&request(&here, &closed.parts[0], 14), town.account.context.clock.now()).await;

    town.fake.asks_to_reconnect();
    town.fake.until(|fake| fake.resumed() == 1).await;
    town.stop().await;
    ana.says("pendant");
    town.start().await;
    town.takes(&["bonjour", "/aide voter", "quand ?", "pendant"]).await;
    town.fake.deletes_channel(channel);
    town.fake.removes_bot_from(guild);
    town.stop().await;
    town
}

fn judge(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fake-discord/judge").join(script)
}

/// The Python environment with discord.py and jsonschema; `None` where there is none and none is required.
fn python() -> Option<PathBuf> {
    let peers = std::env::var_os("CRIEUR_PEERS")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/crieur/peers")))?;
    let python = peers.join("discord/bin/python");
    if python.exists() {
        return Some(python);
    }
    let required = std::env::var("CRIEUR_PEERS_REQUIRED").is_ok_and(|value| value == "1");
    assert!(!required, "the Python environment `discord` is missing in CRIEUR_PEERS");
    println!(
        "Skipped: the Python environment `discord` is missing in CRIEUR_PEERS, so nobody judges the fake Discord."
    );
    None
}

#[tokio::test]
async fn the_fake_is_judged_by_discords_description_and_by_another_client() {
    let Some(python) = python() else { return };
    let town = everything_happens().await;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording.json");
    let recorded = json!({ "exchanges": town.fake.exchanges(), "frames": town.fake.gateway_frames() });
    std::fs::write(&recording, recorded.to_string()).unwrap();
    let run = |script: &str, arguments: &[&Path]| {
        let output = Command::new(&python).arg(judge(script)).args(arguments).output().unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{script}: {said}");
        assert!(output.status.success(), "{script} objects:\n{said}\n{complained}");
    };
    run("second_client.py", &[&recording]);
    match std::env::var_os("CRIEUR_DISCORD_OPENAPI").map(PathBuf::from) {
        Some(description) => run("description.py", &[&description, &recording]),
        None => println!("Skipped: CRIEUR_DISCORD_OPENAPI names no description of Discord's API to judge the fake by."),
    }
}
