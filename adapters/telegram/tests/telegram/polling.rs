//! Long polling: nothing is confirmed before it is stored, and nothing stands in its way.

use adapter_telegram::TelegramSettings;
use bot_core::adapter::{AccountHealth, Adapter, RunError};
use bot_core::conformance::DatabaseFault;
use fake_telegram::Fault;
use serde_json::json;

use crate::stand::{Stand, eventually};

#[tokio::test]
async fn what_was_said_while_it_was_down_is_taken_once_after_the_restart() {
    let stand = Stand::new().await;
    let zoe = stand.fake.person(42);
    let running = stand.start();
    zoe.says("un");
    stand.takes(&["un"]).await;
    running.stop().await.unwrap();
    // The question that confirmed it never arrived.
    stand.fake.repeat_last_update();
    zoe.says("deux");
    let running = stand.start();
    stand.takes(&["un", "deux"]).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn numbers_may_start_anew_anywhere() {
    let stand = Stand::new().await;
    let zoe = stand.fake.person(42);
    let _running = stand.start();
    zoe.says("avant");
    stand.takes(&["avant"]).await;
    eventually("the confirmation", async || stand.fake.waiting() == 0).await;
    // After a week of silence: far below what was confirmed, and then far above.
    stand.fake.jump_update_ids(7);
    zoe.says("après une semaine");
    stand.takes(&["avant", "après une semaine"]).await;
    eventually("the confirmation", async || stand.fake.waiting() == 0).await;
    stand.fake.jump_update_ids(900_000_000);
    zoe.says("encore");
    stand.takes(&["avant", "après une semaine", "encore"]).await;
}

#[tokio::test]
async fn what_cannot_be_read_bars_nobody() {
    let stand = Stand::new().await;
    let zoe = stand.fake.person(42);
    let _running = stand.start();
    zoe.says("avant");
    stand.takes(&["avant"]).await;
    // Its kind is not asked for any more, but was on its way.
    stand.fake.reports("message", json!({ "message_id": "none", "chat": 3 }));
    stand.fake.reports("message", json!(null));
    zoe.says("a\u{0}b");
    stand.takes(&["avant", "a\u{fffd}b"]).await;
}

#[tokio::test]
async fn nothing_is_confirmed_while_the_database_refuses() {
    let stand = Stand::new().await;
    let zoe = stand.fake.person(42);
    let running = stand.start();
    zoe.says("avant");
    stand.takes(&["avant"]).await;
    stand.account.break_down(DatabaseFault::InboxRefuses).await;
    zoe.says("pendant");
    eventually("the refusal", async || stand.account.inbox_has_refused().await).await;
    assert!(stand.fake.waiting() > 0);
    let health = running.adapter.health();
    stand.account.mend().await;
    stand.takes(&["avant", "pendant"]).await;
    assert!(!matches!(health, AccountHealth::Failed { .. }), "it is no fault of the account: {health:?}");
}

#[tokio::test]
async fn another_program_that_polls_is_named() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.fail_next(
        "getUpdates",
        Fault::Refused {
            code: 409,
            description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is \
                          running"
                .to_owned(),
        },
    );
    let intake = stand.account.intake.clone();
    let lost = adapter.run(intake.clone(), Default::default()).await.unwrap_err();
    assert!(matches!(&lost, RunError::Lost(reason) if reason.contains("another program")), "{lost}");
    let named = |health| matches!(health, AccountHealth::Impaired { reason } if reason.contains("another program"));
    assert!(named(adapter.health()));

    // It is not said to be well again before a question was answered.
    let zoe = stand.fake.person(42);
    let running = stand.run(adapter.clone());
    eventually("the next question", async || stand.fake.calls_of("getUpdates").len() == 2).await;
    assert!(named(adapter.health()));
    zoe.says("enfin");
    stand.takes(&["enfin"]).await;
    assert_eq!(adapter.health(), AccountHealth::Ready);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn of_two_that_poll_both_know() {
    let stand = Stand::new().await;
    let intake = stand.account.intake.clone();
    let older = stand.adapter();
    let task = tokio::spawn({
        let (older, intake) = (older.clone(), intake.clone());
        async move { older.run(intake, Default::default()).await }
    });
    eventually("the first question", async || stand.fake.calls_of("getUpdates").len() == 1).await;
    let newer = stand.adapter();
    let stop = tokio_util::sync::CancellationToken::new();
    let second = tokio::spawn({
        let stop = stop.clone();
        async move { newer.run(intake, stop).await }
    });
    let lost = task.await.unwrap().unwrap_err();
    assert!(lost.to_string().contains("another program"), "{lost}");
    stop.cancel();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_webhook_of_another_program_is_not_removed_unasked() {
    let mut stand = Stand::new().await;
    stand.fake.set_webhook("https://other.example/hook");
    let end = stand.start().ends().await;
    assert!(matches!(&end, Err(RunError::Refused(reason)) if reason.contains("replace_webhook")), "{end:?}");
    assert!(stand.fake.webhook_url().is_some());

    stand.settings = TelegramSettings { replace_webhook: true, ..stand.settings };
    stand.fake.person(42).says("bonjour");
    let running = stand.start();
    stand.takes(&["bonjour"]).await;
    assert_eq!(stand.fake.webhook_url(), None);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_webhook_set_meanwhile_ends_the_run_with_its_reason() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    let task = tokio::spawn({
        let (adapter, intake) = (adapter.clone(), stand.account.intake.clone());
        async move { adapter.run(intake, Default::default()).await }
    });
    eventually("the question", async || stand.fake.calls_of("getUpdates").len() == 1).await;
    stand.fake.set_webhook("https://other.example/hook");
    let lost = task.await.unwrap().unwrap_err();
    assert!(matches!(&lost, RunError::Lost(reason) if reason.contains("webhook")), "{lost}");
}

#[tokio::test]
async fn a_telegram_out_of_reach_is_a_lost_connection() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.refuse().await;
    let lost = adapter.run(stand.account.intake.clone(), Default::default()).await.unwrap_err();
    assert!(matches!(&lost, RunError::Lost(reason) if reason.contains("cannot be reached")), "{lost}");
    assert!(matches!(adapter.health(), AccountHealth::Impaired { .. }));
    stand.fake.accept().await;
    stand.fake.person(42).says("bonjour");
    let _running = stand.run(adapter);
    stand.takes(&["bonjour"]).await;
}
