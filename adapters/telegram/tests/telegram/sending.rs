//! One part, one call: what its answer says, and what it leaves open.

use std::time::Duration;

use bot_core::action::ActionPayload;
use bot_core::adapter::{Adapter, Pacing, Verdict};
use bot_core::message::{Document, Text};
use chrono::TimeDelta;
use fake_telegram::Fault;

use crate::stand::{Stand, direct, group, render, request, send, sent};

#[tokio::test]
async fn what_may_have_arrived_is_unknown_and_there_is_one_message() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.person(42).has_started();
    let faults = [Fault::LostReply, Fault::BadGateway, Fault::ServerError, Fault::Unparsable, Fault::Unrecognisable];
    for (number, fault) in faults.into_iter().enumerate() {
        stand.fake.fail_next("sendMessage", fault.clone());
        let conversation = direct(42);
        let layout = render(&adapter, &Document::says(format!("rappel {number}")), &conversation);
        let request = request(&conversation, &layout.parts[0]);
        let verdict = adapter.send(&request).await;
        assert!(matches!(verdict, Verdict::Unknown { .. }), "{fault:?}: {verdict:?}");
        // Nothing finds it again, and the outbox is told so.
        let since = stand.account.context.clock.now();
        assert!(matches!(adapter.reconcile(&request, since).await, Verdict::Unknown { .. }));
        assert_eq!(stand.fake.seen(42).len(), number + 1, "{fault:?}");
    }
    assert_eq!(adapter.idempotent_for(), TimeDelta::zero());
    assert_eq!(stand.fake.calls_of("sendMessage").len(), 5, "nothing was tried twice");
}

#[tokio::test]
async fn a_throttle_is_passed_on_with_the_servers_number() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.person(42).has_started();
    for seconds in [1, 35] {
        stand.fake.fail_next("sendMessage", Fault::TooMany { retry_after_seconds: seconds });
        let verdict = send(&adapter, &direct(42), &Document::says("bonjour")).await;
        assert_eq!(verdict, Verdict::Throttled { after: TimeDelta::seconds(i64::from(seconds)), scope: None });
    }
    assert!(stand.fake.seen(42).is_empty());
}

#[tokio::test]
async fn the_pacing_stays_within_the_platforms_limits() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.supergroup(-55);
    let Pacing { account: Some(account), group: Some(rate), conversation: Some(_), opening: None } = adapter.pacing()
    else {
        panic!("{:?}", adapter.pacing());
    };
    assert!(account.burst + 25 <= 30 && account.interval == TimeDelta::milliseconds(40));
    // As the outbox's gate lets them through: the burst, then one per interval, for two minutes.
    let mut since_the_last = TimeDelta::zero();
    for number in 0..40 {
        if number >= rate.burst {
            stand.fake.advance(rate.interval.to_std().unwrap());
            since_the_last += rate.interval;
        }
        sent(send(&adapter, &group(-55), &Document::says(format!("annonce {number}"))).await);
    }
    assert!(since_the_last > TimeDelta::seconds(100));
    // Without it Telegram objects.
    stand.fake.advance(Duration::from_secs(60));
    let mut verdicts = Vec::new();
    for number in 0..21 {
        verdicts.push(send(&adapter, &group(-55), &Document::says(format!("trop {number}"))).await);
    }
    assert!(matches!(verdicts.pop(), Some(Verdict::Throttled { .. })));
}

#[tokio::test]
async fn an_edit_that_changes_nothing_is_done_and_one_that_cannot_be_is_refused() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.person(42).has_started();
    let (conversation, action) = (direct(42), ActionPayload::new([1]).unwrap());
    let before = Document::says(Text::new().strong("42").plain(" voix")).choice("Voter", action);
    let ids = sent(send(&adapter, &conversation, &before).await);
    let edit = async |document: &Document| {
        let layout = render(&adapter, document, &conversation);
        adapter.edit(&request(&conversation, &layout.parts[0]), &ids).await
    };
    assert_eq!(edit(&before).await, Verdict::Sent(ids.clone()));
    let after = Document::says("43 voix");
    assert_eq!(edit(&after).await, Verdict::Sent(ids.clone()));
    let seen = stand.fake.seen(42);
    assert_eq!((seen.len(), seen[0].text.as_str(), seen[0].buttons.len()), (1, "43 voix", 0));

    adapter.pin(&conversation, &ids).await;
    assert_eq!(stand.fake.pinned(42), [seen[0].message_id]);

    stand.fake.fail_next("editMessageText", Fault::LostReply);
    assert!(matches!(edit(&before).await, Verdict::Unknown { .. }));
    for description in ["Bad Request: message can't be edited", "Bad Request: message to edit not found"] {
        stand.fake.fail_next("editMessageText", Fault::Refused { code: 400, description: description.to_owned() });
        assert!(matches!(edit(&after).await, Verdict::Rejected { .. }), "{description}");
    }
    stand.fake.advance(Duration::from_secs(48 * 3600));
    assert!(matches!(adapter.delete(&conversation, &ids).await, Verdict::Rejected { .. }));
}

#[tokio::test]
async fn every_refusal_has_its_verdict_and_quotes_nothing() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.person(42).has_started();
    let refused = |code, description: &str| Fault::Refused { code, description: format!("{description} SECRET") };
    let cases = [
        (Fault::Blocked, "recipient_stopped"),
        (Fault::Deactivated, "recipient_stopped"),
        (Fault::CannotInitiate, "recipient_stopped"),
        (refused(403, "Forbidden: something new"), "recipient_stopped"),
        (refused(400, "Bad Request: chat not found"), "recipient_stopped"),
        (Fault::Migrated { to: -1_001_234 }, "moved"),
        (Fault::Unauthorized, "account_dead"),
        (refused(400, "Bad Request: BUTTON_DATA_INVALID"), "rejected"),
        (refused(404, "Not Found: method not found"), "rejected"),
        (refused(413, "Request Entity Too Large:"), "rejected"),
        (refused(500, "Internal Server Error:"), "unknown"),
        (Fault::TooMany { retry_after_seconds: 5 }, "throttled"),
    ];
    for (fault, name) in cases {
        stand.fake.fail_next("sendMessage", fault.clone());
        let verdict = send(&adapter, &direct(42), &Document::says("bonjour")).await;
        assert_eq!(verdict.name(), name, "{fault:?}");
        assert!(!format!("{verdict:?}").contains("SECRET"), "{verdict:?}");
    }
    stand.fake.refuse().await;
    let verdict = send(&adapter, &direct(42), &Document::says("bonjour")).await;
    assert_eq!(verdict.name(), "retry");
    let all = format!("{verdict:?}");
    assert!(!all.contains(&stand.fake.token()) && !all.contains("127.0.0.1"), "{all}");
    assert!(stand.fake.seen(42).is_empty());
}

#[tokio::test]
async fn what_is_not_telegrams_is_refused_without_a_call() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    let elsewhere = bot_core::adapter::ConversationRef { platform_ref: "!room:x".to_owned().into(), ..direct(1) };
    assert!(matches!(send(&adapter, &elsewhere, &Document::says("?")).await, Verdict::Rejected { .. }));
    let address = |scheme: &str, path: &str| bot_core::Address::new(bot_core::Platform::new(scheme), path);
    assert_eq!(adapter.open_direct(&address("telegram", "42")).await, Verdict::Sent(direct(42)));
    for (scheme, path) in [("discord", "42"), ("telegram", "zoe")] {
        assert!(matches!(adapter.open_direct(&address(scheme, path)).await, Verdict::Rejected { .. }));
    }
    assert!(stand.fake.calls().is_empty());
}
