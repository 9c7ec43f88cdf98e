//! Messages: once, to whom they are for, and as they were meant.

use bot_core::adapter::{Adapter, ConversationKind, SendRequest, Verdict};
use bot_core::message::Document;
use chrono::TimeDelta;
use fake_discord::Fault;

use crate::town::{Town, action, direct, message_id, place, request};

const MESSAGES: &str = "POST /channels/*/messages";

#[tokio::test]
async fn a_lost_answer_does_not_double_a_message() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    let hello = Document::says("Bonjour.");
    for (delivery, fault) in [(1, Fault::DoneThenCutOff), (2, Fault::DoneThenBadGateway)] {
        town.fake.script(MESSAGES, fault);
        let lost = town.send(&direct(&ana), &hello, delivery).await;
        assert!(matches!(lost, Verdict::Unknown { .. }), "{lost:?}");
        message_id(&town.send(&direct(&ana), &hello, delivery).await);
    }
    assert_eq!(ana.sees(ana.direct()).len(), 2);
}

#[tokio::test]
async fn after_the_window_a_message_is_looked_up() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    let here = direct(&ana);
    message_id(&town.send(&here, &Document::says("Avant."), 1).await);
    let since = town.account.context.clock.now();
    let question = Document::says("Quelle halle ? *x*").choice("Couverte", action(1));
    town.fake.script(MESSAGES, Fault::DoneThenBadGateway);
    assert!(matches!(town.send(&here, &question, 2).await, Verdict::Unknown { .. }));
    town.advance(TimeDelta::minutes(10));
    for number in 0..120 {
        ana.says(&format!("message {number}"));
    }
    let looked_up = async |document: &Document, delivery| {
        let layout = town.layout(&here, document);
        town.discord.reconcile(&request(&here, &layout.parts[0], delivery), since).await
    };
    assert_eq!(message_id(&looked_up(&question, 2).await), ana.sees(ana.direct())[1].id);
    let never_sent = Document::says("Quelle halle ? *x*").choice("Autre", action(2));
    let found = looked_up(&never_sent, 3).await;
    assert!(matches!(found, Verdict::Retry { .. }), "other buttons make another message: {found:?}");
}

#[tokio::test]
async fn whoever_stopped_is_not_written_to_again() {
    let town = Town::quiet().await;
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    ana.blocks_the_bot();
    bruno.leaves_servers();
    for person in [&ana, &bruno] {
        let verdict = town.send(&direct(person), &Document::says("Bonjour."), 1).await;
        assert!(matches!(verdict, Verdict::RecipientStopped { .. }), "{verdict:?}");
    }
    let (_, channel) = town.fake.guild("Trifouilly");
    town.fake.deletes_channel(channel);
    let gone = town.send(&place(ConversationKind::Channel, channel), &Document::says("Bonjour."), 2).await;
    assert!(matches!(gone, Verdict::RecipientStopped { .. }), "{gone:?}");
    town.fake.script(MESSAGES, Fault::Refused { status: 403, code: 50013 });
    let mute = town.send(&direct(&town.fake.person("Carole")), &Document::says("Bonjour."), 3).await;
    assert!(matches!(mute, Verdict::Rejected { reason } if reason.contains("Send Messages")));
}

#[tokio::test]
async fn nobody_is_notified_by_a_mention() {
    let town = Town::quiet().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let ana = town.fake.person("Ana");
    let document = Document::says(format!("@everyone @here <@{}> bonjour", ana.id));
    message_id(&town.send(&place(ConversationKind::Channel, channel), &document, 1).await);
    assert_eq!(town.fake.pings(), 0);
}

#[tokio::test]
async fn pictures_and_files_carry_their_words() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    let here = direct(&ana);
    let picture = town.account.store_media("image/png", "résultats du vote.png", &[7; 100]).await;
    let file = town.account.store_media("application/json", "données.json", b"{}").await;
    let document = Document::new()
        .figure(picture.hash, "Halle couverte : douze voix")
        .file(file.hash, "Toutes les *données*")
        .choice("Suite", action(1));
    let layout = town.layout(&here, &document);
    for (number, (part, media)) in layout.parts.iter().zip([&picture, &file]).enumerate() {
        let Verdict::Sent(remote) = town.discord.upload(media).await else { panic!("it fits") };
        let request = SendRequest { media: Some(&remote), ..request(&here, part, number as u128) };
        message_id(&town.discord.send(&request).await);
    }
    let seen = ana.sees(ana.direct());
    assert_eq!(seen[0].descriptions, ["Halle couverte : douze voix"]);
    assert_eq!(seen[1].content, r"Toutes les \*données\*");
    assert_eq!(seen[1].buttons.len(), 1);
    let huge = bot_core::store::media::Media { content: vec![0; 11 << 20], ..picture };
    assert!(matches!(town.discord.upload(&huge).await, Verdict::Rejected { reason } if reason.contains("bytes")));
}

#[tokio::test]
async fn a_message_is_changed_pinned_and_removed() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    let here = direct(&ana);
    let question = Document::says("Quelle halle ?").choice("Couverte", action(1));
    let Verdict::Sent(ids) = town.send(&here, &question, 1).await else { panic!("it was sent") };
    let closed = town.layout(&here, &Document::says("C'est fini."));
    let edit = request(&here, &closed.parts[0], 2);
    assert_eq!(town.discord.edit(&edit, &ids).await, Verdict::Sent(ids.clone()));
    let seen = ana.sees(ana.direct());
    assert_eq!((seen[0].content.as_str(), seen[0].buttons.len()), ("C'est fini.", 0));
    assert_eq!(town.discord.pin(&here, &ids).await, Verdict::Sent(()));
    assert_eq!(town.fake.calls_to("PUT /channels/*/messages/pins/*"), 1);
    for _ in 0..2 {
        assert_eq!(town.discord.delete(&here, &ids).await, Verdict::Sent(()));
    }
    let gone = town.discord.edit(&edit, &ids).await;
    assert!(matches!(gone, Verdict::Rejected { .. }), "{gone:?}");
    // The key of a message that was removed is known for a while: it is not made a second time.
    let again = town.send(&here, &question, 1).await;
    assert!(matches!(again, Verdict::Rejected { .. }), "{again:?}");
}

#[tokio::test]
async fn what_is_sent_fits_discords_limits() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    let here = direct(&ana);
    let label = "Une réponse très longue ".repeat(6);
    for count in [1, 4, 5, 10, 11, 25] {
        let question = (0..count).fold(Document::says("?"), |question, number| {
            let question = question.chosen(label.as_str(), action(number));
            if number + 1 == count && count < 24 { question.step("Retour", action(200)) } else { question }
        });
        message_id(&town.send(&here, &question, u128::from(count)).await);
    }
    message_id(&town.send(&here, &Document::new().choice("Seul", action(1)), 99).await);
}
