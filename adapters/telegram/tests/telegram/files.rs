//! Pictures and files: carried once, named ever after.

use std::sync::Arc;

use adapter_telegram::Telegram;
use bot_core::adapter::{Adapter, ConversationRef, GateScope, RemoteIds, Verdict};
use bot_core::message::{Document, MediaHash};
use fake_telegram::{Call, Fault};

use crate::stand::{Stand, direct, eventually, render, request, send, sent};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a chart";
const TWIN: &str = "Halle couverte : 12 voix. Halle ouverte : 7 voix.";

async fn chart(stand: &Stand) -> MediaHash {
    stand.account.store_media("image/png", "resultats.png", PNG).await.hash
}

/// Whether a call carried the file itself.
fn carried(calls: &[Call]) -> Vec<bool> {
    calls.iter().map(|call| !call.files.is_empty()).collect()
}

async fn edit(
    adapter: &Telegram,
    conversation: &ConversationRef,
    document: &Document,
    ids: &RemoteIds,
) -> Verdict<RemoteIds> {
    let layout = render(adapter, document, conversation);
    adapter.edit(&request(conversation, &layout.parts[0]), ids).await
}

#[tokio::test]
async fn a_chart_is_carried_once_for_all_recipients_and_restarts() {
    let stand = Stand::new().await;
    let hash = chart(&stand).await;
    let document = Document::new().figure(hash, TWIN);
    let adapter = stand.adapter();
    for person in 1..=3 {
        stand.fake.person(person).has_started();
        sent(send(&adapter, &direct(person), &document).await);
    }
    let restarted = stand.adapter();
    stand.fake.person(4).has_started();
    sent(send(&restarted, &direct(4), &document).await);
    let calls = stand.fake.calls_of("sendPhoto");
    assert_eq!(carried(&calls), [true, false, false, false]);
    let named = calls[1].params["photo"].as_str().unwrap();
    assert!(!named.starts_with("attach://") && calls[1..].iter().all(|call| call.params["photo"] == named));
    for person in 1..=4 {
        let seen = &stand.fake.seen(person)[0];
        assert_eq!(seen.text, TWIN, "the picture's words are its caption");
        assert_eq!(seen.message["photo"][1]["file_id"], *named);
    }
    // The same bytes as a file are another file to Telegram.
    sent(send(&restarted, &direct(4), &Document::new().file(hash, "Le graphique")).await);
    sent(send(&restarted, &direct(4), &Document::new().file(hash, "Le graphique")).await);
    assert_eq!(carried(&stand.fake.calls_of("sendDocument")), [true, false]);
}

#[tokio::test]
async fn a_name_that_is_no_longer_known_is_replaced() {
    let stand = Stand::new().await;
    let document = Document::new().figure(chart(&stand).await, TWIN);
    let adapter = stand.adapter();
    stand.fake.person(1).has_started();
    sent(send(&adapter, &direct(1), &document).await);
    let description = "Bad Request: wrong file identifier/HTTP URL specified".to_owned();
    stand.fake.fail_next("sendPhoto", Fault::Refused { code: 400, description });
    let verdict = send(&adapter, &direct(1), &document).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "nothing was sent: {verdict:?}");
    sent(send(&adapter, &direct(1), &document).await);
    assert_eq!(carried(&stand.fake.calls_of("sendPhoto")), [true, false, true]);
}

#[tokio::test]
async fn while_the_first_is_on_its_way_the_others_wait_without_a_call() {
    let stand = Stand::new().await;
    let document = Document::new().figure(chart(&stand).await, TWIN);
    let adapter = stand.adapter();
    stand.fake.person(1).has_started();
    stand.fake.person(2).has_started();
    stand.fake.fail_next("sendPhoto", Fault::Hangs);
    let first = tokio::spawn({
        let (adapter, document) = (Arc::clone(&adapter), document.clone());
        async move { send(&adapter, &direct(1), &document).await }
    });
    eventually("the first call", async || stand.fake.calls_of("sendPhoto").len() == 1).await;
    let verdict = send(&adapter, &direct(2), &document).await;
    assert!(matches!(verdict, Verdict::Throttled { scope: Some(GateScope::Conversation), .. }), "{verdict:?}");
    assert_eq!(stand.fake.calls_of("sendPhoto").len(), 1);
    // The core gives the first one up: the next may carry the file.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    sent(send(&adapter, &direct(2), &document).await);
    assert_eq!(carried(&stand.fake.calls_of("sendPhoto")), [true, true]);
}

#[tokio::test]
async fn a_result_changes_its_picture_in_place() {
    let stand = Stand::new().await;
    let before = Document::new().figure(chart(&stand).await, TWIN);
    let other = stand.account.store_media("image/png", "final.png", b"\x89PNG\r\n\x1a\n the last chart").await;
    let after = Document::new().figure(other.hash, "Halle couverte : 13 voix.");
    let adapter = stand.adapter();
    stand.fake.person(1).has_started();
    let ids = sent(send(&adapter, &direct(1), &before).await);
    for _ in 0..2 {
        // The second time nothing changes.
        assert_eq!(edit(&adapter, &direct(1), &after, &ids).await, Verdict::Sent(ids.clone()));
    }
    assert_eq!(carried(&stand.fake.calls_of("editMessageMedia")), [true, false]);
    let seen = stand.fake.seen(1);
    assert_eq!((seen.len(), seen[0].text.as_str()), (1, "Halle couverte : 13 voix."));
    // A picture cannot become a text.
    let verdict = edit(&adapter, &direct(1), &Document::says("plus de graphique"), &ids).await;
    assert!(matches!(&verdict, Verdict::Rejected { reason } if reason.contains("picture")), "{verdict:?}");
    fake_telegram::judge(&stand.fake.record());
}

#[tokio::test]
async fn a_picture_that_was_removed_is_refused_without_a_call() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    let gone = Document::new().figure(MediaHash::of(b"never stored"), TWIN);
    assert!(matches!(send(&adapter, &direct(1), &gone).await, Verdict::Rejected { .. }));
    assert!(stand.fake.calls().is_empty());
}
