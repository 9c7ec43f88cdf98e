//! What people say and see: by number, by reaction, in a poll.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bot_core::adapter::{Adapter, InboundKind, PollCounts, RemoteIds, Verdict};
use bot_core::message::{Document, Poll};

use crate::world::{Scene, world};

fn is_text(kind: &InboundKind, wanted: &str) -> bool {
    matches!(kind, InboundKind::Text { text } if text.expose() == wanted)
}

#[tokio::test]
async fn people_answer_by_number_by_reaction_and_in_a_poll() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "12").await;
    let action = |byte: u8| bot_core::action::ActionPayload::new([byte]).unwrap();

    let question = Document::says("Quelle halle ?").choice("Couverte", action(1)).choice("Ouverte", action(2));
    let question = scene.sends(&question, 1).await;
    let seen = scene.sees("the question", |said| said.id == question).await;
    assert!(seen.decrypted, "direct rooms are encrypted");
    assert!(seen.content["body"].as_str().unwrap().ends_with("1. Couverte\n\n2. Ouverte"));
    assert_eq!(seen.content["msgtype"], "m.text");
    assert_eq!(seen.content["m.mentions"], serde_json::json!({}));

    scene.says("2").await;
    let answer = scene.takes("the number", |event| is_text(&event.kind, "2")).await;
    assert_eq!(answer.conversation, scene.room);
    assert!(scene.adapter.capabilities(&scene.conversation()).private, "a room of two");

    let reaction = scene.citizen.reacts(&scene.room, &scene.bot.user, &question, "1️⃣").await;
    let is_reaction = |kind: &InboundKind, gone: bool| {
        matches!(kind, InboundKind::Reaction { message, key, removed }
                 if *message == question && key == "1️⃣" && *removed == gone)
    };
    scene.takes("the reaction", |event| is_reaction(&event.kind, false)).await;
    scene.citizen.redacts(&scene.room, &reaction).await;
    scene.takes("the reaction taken back", |event| is_reaction(&event.kind, true)).await;

    let options = vec!["samedi".to_owned(), "dimanche".to_owned()];
    let poll = Document::new().poll(Poll { question: "Quel jour ?".into(), options, multiple: false });
    let poll = scene.sends(&poll, 2).await;
    scene.sees("the poll", |said| said.id == poll && said.event_type == "org.matrix.msc3381.poll.start").await;
    let vote = |options: &'static [u16]| {
        let poll = poll.clone();
        move |event: &bot_core::conformance::TakenEvent| matches!(&event.kind, InboundKind::PollVote { message, options: chosen } if *message == poll && chosen == options)
    };
    scene.citizen.votes(&scene.room, &scene.bot.user, &poll, &["1"]).await;
    scene.takes("the vote", vote(&[0])).await;
    let second = scene.citizen.votes(&scene.room, &scene.bot.user, &poll, &["2"]).await;
    scene.takes("the vote changed", vote(&[1])).await;
    let before = scene.account.inbox().await.len();
    scene.citizen.redacts(&scene.room, &second).await;
    let back = scene.takes("the change taken back", |event| {
        vote(&[0])(event) && usize::try_from(event.sequence.0).unwrap() > before
    });
    back.await;
    let counts = PollCounts { options: vec![1, 0], voters: Some(1) };
    for _ in 0..2 {
        let closed = scene.adapter.close_poll(&scene.conversation(), &RemoteIds(vec![poll.clone()])).await;
        assert_eq!(closed, Verdict::Sent(counts.clone()), "closed, and the second time only counted");
    }
    scene.sees("the end of the poll", |said| said.event_type == "org.matrix.msc3381.poll.end").await;
}

#[tokio::test]
async fn a_chart_comes_with_its_words_and_is_uploaded_once() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "11").await;
    let content = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\0a chart".to_vec();
    let media = scene.account.store_media("image/png", "resultats.png", &content).await;
    let words = "Halle couverte : douze voix ; halle ouverte : neuf";
    let chart = scene.sends(&Document::new().figure(media.hash, words), 1).await;
    let seen = scene.sees("the chart", |said| said.id == chart).await;
    assert_eq!((seen.content["msgtype"].as_str(), seen.content["body"].as_str()), (Some("m.image"), Some(words)));
    assert_eq!((seen.content["info"]["w"].as_u64(), seen.content["info"]["h"].as_u64()), (Some(1024), Some(512)));
    let received = scene.citizen.downloads(&seen.content["file"]).await;
    assert_eq!(STANDARD.decode(received).unwrap(), content);
}
