//! Native polls: created, closed and counted.

use bot_core::adapter::{Adapter, PollCounts, RemoteIds, Verdict};
use bot_core::message::{Body, Document, Poll};
use bot_core::store::account_state::AccountState;
use fake_telegram::Fault;
use serde_json::json;

use crate::stand::{Stand, direct, eventually, group, render, request, send, sent};

const GROUP: i64 = -55;

fn pulse() -> Document {
    let options = ["Samedi", "Dimanche", "Les deux"].map(str::to_owned).to_vec();
    Document::new().poll(Poll { question: "Quel jour pour le marché ?".into(), options, multiple: false })
}

fn counts(options: [u32; 3], voters: u32) -> Verdict<PollCounts> {
    Verdict::Sent(PollCounts { options: options.to_vec(), voters: Some(voters) })
}

async fn told(state: &AccountState, voters: u64) -> bool {
    let polls = state.list("poll/", None, 10).await.unwrap();
    polls.iter().any(|poll| poll.value.as_ref().is_some_and(|value| value["voters"] == voters))
}

#[tokio::test]
async fn a_poll_is_created_closed_and_counted() {
    let stand = Stand::new().await;
    stand.fake.supergroup(GROUP);
    let running = stand.start();
    let ids = sent(send(&running.adapter, &group(GROUP), &pulse()).await);
    let asked = &stand.fake.calls_of("sendPoll")[0].params;
    assert_eq!((&asked["is_anonymous"], &asked["allows_multiple_answers"]), (&true.into(), &false.into()));
    for (person, option) in [(1, 0), (2, 2), (3, 2)] {
        stand.fake.person(person).votes_in(GROUP, &[option]);
    }
    stand.fake.person(1).votes_in(GROUP, &[]);
    eventually("the last state", async || stand.fake.waiting() == 0).await;
    assert!(stand.account.inbox().await.is_empty(), "who votes in a pulse is no event");

    assert_eq!(running.adapter.close_poll(&group(GROUP), &ids).await, counts([0, 0, 2], 2));
    // What was on its way meanwhile does not open it again.
    let late = json!({ "id": ids.0[1], "question": "?", "options": [
        { "persistent_id": "a", "text": "a", "voter_count": 9 }, { "persistent_id": "b", "text": "b", "voter_count": 0 },
        { "persistent_id": "c", "text": "c", "voter_count": 0 } ], "total_voter_count": 9, "is_closed": false,
        "is_anonymous": true, "type": "regular", "allows_multiple_answers": false, "allows_revoting": true,
        "members_only": false });
    stand.fake.reports("poll", late);
    eventually("the late state", async || stand.fake.waiting() == 0).await;
    // Closed already: it is only counted, also by the process after the next restart.
    assert_eq!(running.adapter.close_poll(&group(GROUP), &ids).await, counts([0, 0, 2], 2));
    running.stop().await.unwrap();
    assert_eq!(stand.adapter().close_poll(&group(GROUP), &ids).await, counts([0, 0, 2], 2));
}

#[tokio::test]
async fn a_closing_whose_answer_got_lost_is_counted_from_what_telegram_told() {
    let stand = Stand::new().await;
    stand.fake.supergroup(GROUP);
    let running = stand.start();
    let ids = sent(send(&running.adapter, &group(GROUP), &pulse()).await);
    stand.fake.person(1).votes_in(GROUP, &[1]);
    stand.fake.fail_next("stopPoll", Fault::LostReply);
    let lost = running.adapter.close_poll(&group(GROUP), &ids).await;
    assert!(matches!(lost, Verdict::Unknown { .. }), "{lost:?}");
    eventually("the poll's last state", async || {
        told(&stand.account.context.state, 1).await && stand.fake.waiting() == 0
    })
    .await;
    assert_eq!(running.adapter.close_poll(&group(GROUP), &ids).await, counts([0, 1, 0], 1));
}

#[tokio::test]
async fn what_nobody_told_is_not_made_up() {
    let stand = Stand::new().await;
    stand.fake.supergroup(GROUP);
    let adapter = stand.adapter();
    let ids = sent(send(&adapter, &group(GROUP), &pulse()).await);
    stand.fake.fail_next("stopPoll", Fault::LostReply);
    adapter.close_poll(&group(GROUP), &ids).await;
    let closed = adapter.close_poll(&group(GROUP), &ids).await;
    assert!(matches!(&closed, Verdict::Rejected { reason } if reason.contains("never told")), "{closed:?}");
    let gone = adapter.close_poll(&group(GROUP), &RemoteIds(vec!["999999".into()])).await;
    assert!(matches!(&gone, Verdict::Rejected { reason } if reason.contains("no longer there")), "{gone:?}");
}

#[tokio::test]
async fn a_poll_too_large_for_telegram_becomes_words() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    let large = |options: usize, option_units: usize, question_units: usize| {
        let options = (0..options).map(|n| format!("{n}{}", "é".repeat(option_units - n.to_string().len()))).collect();
        let poll = Poll { question: "q".repeat(question_units), options, multiple: true };
        render(&adapter, &Document::new().poll(poll), &direct(42))
    };
    let is_poll = |layout: &bot_core::message::Layout| matches!(layout.parts[0].body, Body::Poll { .. });
    let largest = large(12, 100, 300);
    assert!(is_poll(&largest));
    for layout in [large(13, 100, 300), large(12, 101, 300), large(12, 100, 301)] {
        assert!(!is_poll(&layout), "{:?}", layout.warnings);
    }
    stand.fake.person(42).has_started();
    let conversation = direct(42);
    sent(adapter.send(&request(&conversation, &largest.parts[0])).await);
    assert_eq!(stand.fake.seen(42).len(), 1);
    // It cannot be changed.
    let part = &largest.parts[0];
    let changed = adapter.edit(&request(&conversation, part), &RemoteIds(vec!["1".into()])).await;
    assert!(matches!(changed, Verdict::Rejected { .. }));
}
