//! Buttons: the waiting sign ends, with a word where the answer is not there yet.

use std::time::Duration;

use bot_core::action::ActionPayload;
use bot_core::adapter::{Acknowledgement, Adapter, InboundKind, Verdict};
use bot_core::conformance::DatabaseFault;
use bot_core::message::Document;

use crate::stand::{Running, Stand, direct, eventually, send, sent};

/// A question with one button has been asked; gives what the button carries.
async fn asked(stand: &Stand, running: &Running, person: i64) -> String {
    stand.fake.person(person).has_started();
    let document = Document::says("Quelle halle ?").choice("Couverte", ActionPayload::new([1]).unwrap());
    sent(send(&running.adapter, &direct(person), &document).await);
    stand.fake.seen(person).last().unwrap().buttons[0].data.clone()
}

#[tokio::test]
async fn a_press_that_is_not_answered_in_time_is_told_to_be_received() {
    let stand = Stand::new().await;
    let running = stand.start();
    for (person, language, told) in
        [(42, "fr", "C’est reçu, la réponse arrive."), (43, "en", "Received. The answer is on its way.")]
    {
        let data = asked(&stand, &running, person).await;
        let zoe = stand.fake.person(person);
        let press = zoe.speaks(language).presses(&data).unwrap();
        // No plugin runs here, so nothing settles the event.
        eventually("the answer", async || zoe.answer_to(&press).is_some()).await;
        let answer = zoe.answer_to(&press).unwrap();
        assert_eq!((answer.text.as_str(), answer.show_alert), (told, false));
    }
    let events = stand.events(2).await;
    assert!(matches!(&events[0].kind, InboundKind::Action { .. }));
    assert!(events[0].acknowledgement.is_some());
}

#[tokio::test]
async fn a_press_that_could_not_be_stored_is_never_called_a_success() {
    let stand = Stand::new().await;
    let running = stand.start();
    let data = asked(&stand, &running, 42).await;
    stand.account.break_down(DatabaseFault::InboxRefuses).await;
    let zoe = stand.fake.person(42);
    let press = zoe.presses(&data).unwrap();
    eventually("the answer", async || zoe.answer_to(&press).is_some()).await;
    let answer = zoe.answer_to(&press).unwrap();
    assert!(answer.text.contains("Rien n’a été enregistré") && answer.show_alert, "{answer:?}");
    stand.account.mend().await;
    // Telegram still offers it, and the person may press again: both are taken.
    let again = zoe.presses(&data).unwrap();
    stand.events(2).await;
    eventually("the second answer", async || zoe.answer_to(&again).is_some()).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_done() {
    let stand = Stand::new().await;
    let running = stand.start();
    let data = asked(&stand, &running, 42).await;
    running.stop().await.unwrap();
    let press = stand.fake.person(42).presses(&data).unwrap();
    let adapter = stand.adapter();
    let token = serde_json::json!({ "callback_query_id": press, "locale": "fr" });
    stand.fake.advance(Duration::from_secs(149));
    assert_eq!(adapter.acknowledge(&token, Acknowledgement::Handled).await, Verdict::Sent(()));
    assert_eq!(stand.fake.person(42).answer_to(&press).unwrap().text, "");
    stand.fake.advance(Duration::from_secs(1));
    assert_eq!(adapter.acknowledge(&token, Acknowledgement::Handled).await, Verdict::Sent(()));

    // Telegram has dropped the press meanwhile, as the core is told to expect; what was written instead is there.
    assert_eq!(adapter.presses_kept_for(), Some(chrono::TimeDelta::seconds(150)));
    stand.fake.person(42).says("1");
    let _running = stand.run(adapter);
    stand.takes(&["1"]).await;
    assert_eq!(stand.account.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_crowd_of_presses_does_not_hold_up_what_follows() {
    let stand = Stand::new().await;
    stand.fake.lift_rates();
    let running = stand.start();
    let mut presses = Vec::new();
    for person in 100..160 {
        presses.push((person, asked(&stand, &running, person).await));
    }
    running.stop().await.unwrap();
    for (person, data) in &presses {
        stand.fake.person(*person).presses(data).unwrap();
    }
    stand.fake.person(42).says("et moi");
    let started = std::time::Instant::now();
    let running = stand.start();
    stand.takes(&["et moi"]).await;
    assert_eq!(stand.account.inbox().await.len(), 61);
    assert!(started.elapsed() < Duration::from_secs(8), "the waits are side by side");
    running.stop().await.unwrap();
}
