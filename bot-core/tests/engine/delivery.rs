//! What the outbox does with every verdict.

use bot_core::Redacted;
use bot_core::adapter::*;
use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

async fn town_on(platform: ScriptedPlatform) -> Town {
    let stopping = ["later", "cancel", "cancelone", "stopsubject", "resumesubject"];
    let commands = [&["ping", "count", "long", "choose", "announce", "picture"], &stopping[..]].concat();
    Town::with(platform, vec![ScriptedPlugin::new("scripted", &commands)]).await
}

async fn town() -> Town {
    town_on(ScriptedPlatform::new("scripted")).await
}

fn retry() -> Verdict<RemoteIds> {
    Verdict::Retry { reason: "connection refused".to_owned() }
}

fn unknown(reason: &str) -> Verdict<RemoteIds> {
    Verdict::Unknown { reason: reason.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_surely_not_written_is_tried_again_in_order() {
    let town = town().await;
    town.platform.will_answer([retry(), retry()]);
    town.says("ana", "/count").await;
    assert!(town.platform.words("ana").is_empty(), "the later ones wait for the first");
    town.advance(TimeDelta::seconds(1)).await;
    town.advance(TimeDelta::seconds(2)).await;
    assert_eq!(town.platform.words("ana"), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_come_to_an_end() {
    let town = town().await;
    town.platform.will_answer((0..8).map(|_| retry()));
    town.says("ana", "/ping").await;
    for _ in 0..8 {
        town.advance(TimeDelta::minutes(2)).await;
    }
    assert_eq!(town.deliveries().await, "failed 1");
    assert_eq!(town.platform.world.lock().unwrap().calls.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_waits_its_time_and_uses_no_attempt() {
    let town = town().await;
    let throttled = || Verdict::Throttled { after: TimeDelta::seconds(35), scope: None };
    for _ in 0..12 {
        town.platform.will_answer([throttled()]);
    }
    town.says("ana", "/ping").await;
    for _ in 0..12 {
        town.advance(TimeDelta::seconds(34)).await;
        let calls = town.platform.world.lock().unwrap().calls.len();
        town.advance(TimeDelta::seconds(1)).await;
        assert_eq!(town.platform.world.lock().unwrap().calls.len(), calls + 1);
    }
    assert_eq!(town.platform.words("ana"), ["ping"]);
    assert_eq!(town.number("SELECT attempts::bigint FROM core.delivery").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_of_one_chat_leaves_the_others_alone() {
    let town = town().await;
    town.platform.will_answer([Verdict::Throttled { after: TimeDelta::minutes(5), scope: None }]);
    town.says("ana", "/ping").await;
    town.says("bob", "/ping").await;
    assert!(town.platform.words("ana").is_empty());
    assert_eq!(town.platform.words("bob"), ["ping"]);
    town.advance(TimeDelta::minutes(5)).await;
    assert_eq!(town.platform.words("ana"), ["ping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_final_where_the_platform_recognises_nothing() {
    let town = town().await;
    town.platform.will_answer([unknown("arrived")]);
    town.says("ana", "/ping").await;
    town.advance(TimeDelta::hours(1)).await;
    assert_eq!(town.platform.words("ana"), ["ping"], "never sent twice");
    assert_eq!(town.deliveries().await, "unknown 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_tried_again_where_the_platform_recognises_it() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.idempotent_for = TimeDelta::minutes(2);
    let town = town_on(platform).await;
    town.platform.will_answer([unknown("arrived"), unknown("timed out")]);
    town.says("ana", "/ping").await;
    town.advance(TimeDelta::seconds(1)).await;
    town.advance(TimeDelta::seconds(2)).await;
    assert_eq!(town.platform.words("ana"), ["ping"]);
    assert_eq!(town.deliveries().await, "sent 1");
    let calls = town.platform.world.lock().unwrap().calls.clone();
    assert!(calls.len() == 3 && calls.iter().all(|key| *key == calls[0]), "always under the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciling_may_find_it() {
    let town = town().await;
    town.platform.world.lock().unwrap().reconciled = Some(Verdict::Sent(RemoteIds(vec!["there".to_owned()])));
    town.platform.will_answer([unknown("arrived")]);
    town.says("ana", "/ping").await;
    assert_eq!(town.deliveries().await, "sent 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_conversation_is_followed() {
    let town = town().await;
    let to =
        ConversationRef { kind: ConversationKind::Direct, platform_ref: Redacted::new("ana's new chat".to_owned()) };
    town.platform.will_answer([Verdict::Moved { to }]);
    town.says("ana", "/ping").await;
    assert_eq!(town.platform.words("ana's new chat"), ["ping"]);
    town.says("ana", "/ping encore").await;
    assert_eq!(town.platform.words("ana's new chat"), ["ping", "ping encore"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_blocked_us_is_left_alone_until_they_write_again() {
    let town = town().await;
    town.platform.will_answer([Verdict::RecipientStopped { reason: "blocked by the user".to_owned() }]);
    town.says("ana", "/count").await;
    assert_eq!(town.deliveries().await, "failed 1, suppressed 4");
    town.says("ana", "/ping").await;
    assert_eq!(town.platform.words("ana"), ["ping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_written_to_in_private_is_answered_in_a_room_and_the_other_way_round() {
    let town = town().await;
    let in_salon = |text: &str| {
        let mut event = town.event(&town.platform, "ana", InboundKind::Text { text: Redacted::new(text.to_owned()) });
        event.conversation =
            ConversationRef { kind: ConversationKind::Group, platform_ref: Redacted::new("salon".to_owned()) };
        event
    };
    let stopped = |reason: &str| [Verdict::RecipientStopped { reason: reason.to_owned() }];
    town.platform.will_answer(stopped("never wrote to the bot"));
    town.says("ana", "/ping").await;
    town.platform.intake().await.receive(&[in_salon("/ping")], None).await.unwrap();
    town.quiet().await;
    assert_eq!(town.platform.words("salon"), ["ping"]);

    town.says("ana", "/ping").await;
    town.platform.will_answer(stopped("removed from the group"));
    town.platform.intake().await.receive(&[in_salon("/ping")], None).await.unwrap();
    town.quiet().await;
    assert_eq!(town.number("SELECT count(*) FROM core.reachability WHERE state = 'blocked'").await, 0);
    assert_eq!(
        town.number("SELECT count(*) FROM core.conversation WHERE state = 'closed' AND kind = 'group'").await,
        1
    );
    // An operator is told of the room, until a message arrives there again.
    let yesterday = town.clock.now() - TimeDelta::days(1);
    let unreached = async || bot_core::store::rooms::unreached(town.database.pool(), yesterday).await.unwrap();
    let reasons: Vec<String> = unreached().await.into_iter().map(|room| room.reason).collect();
    assert_eq!(reasons, ["removed from the group"]);
    town.clock.advance(TimeDelta::seconds(1));
    town.platform.intake().await.receive(&[in_salon("/ping")], None).await.unwrap();
    town.quiet().await;
    assert!(unreached().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_refuses_fails_with_its_reason() {
    let town = town().await;
    town.platform.will_answer([Verdict::Rejected { reason: "can't parse entities".to_owned() }]);
    town.says("ana", "/ping").await;
    assert_eq!(town.deliveries().await, "failed 1");
    assert_eq!(town.number("SELECT count(*) FROM core.delivery WHERE reason = 'can''t parse entities'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_account_keeps_its_queue() {
    let town = town().await;
    town.platform.will_answer([Verdict::AccountDead { reason: "token revoked".to_owned() }]);
    town.says("ana", "/ping").await;
    assert_eq!(town.deliveries().await, "queued 1");
    assert_eq!(town.number("SELECT count(*) FROM core.account WHERE state = 'dead'").await, 1);
    town.advance(TimeDelta::minutes(10)).await;
    assert_eq!(town.platform.words("ana"), ["ping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_goes_on_where_it_stopped() {
    let town = town().await;
    town.says("bob", "/ping").await;
    // The first part arrives, the second does not.
    town.platform.will_answer([]);
    town.says("ana", "/long").await;
    let whole = town.platform.words("ana");
    assert!(whole.len() > 2);
    town.platform.will_answer([unknown("lost"), retry()]);
    town.says("bob", "/long").await;
    assert_eq!(town.platform.chat("bob").len(), 1, "after an unknown part the rest is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_uploaded_once() {
    let town = town().await;
    for who in ["ana", "bob", "chloe"] {
        town.says(who, "/picture").await;
        assert_eq!(town.platform.words(who), ["[deux barres]"]);
    }
    assert_eq!(town.platform.world.lock().unwrap().uploads, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_consented_hear_an_announcement_and_it_is_reported() {
    let town = town().await;
    for who in ["ana", "bob", "chloe"] {
        town.says(who, "/start").await;
    }
    town.taps("ana", "Oui, prévenez-moi").await;
    town.taps("bob", "Non merci").await;
    town.says("emma", "/langue en").await;
    town.says("emma", "/start").await;
    town.taps("emma", "Yes, let me know").await;
    town.says("dora", "/announce halle").await;
    assert_eq!(town.last("ana").words, "Une annonce");
    assert_eq!(town.last("emma").words, "An announcement", "each reader in their language");
    for who in ["bob", "chloe"] {
        assert_ne!(town.last(who).words, "Une annonce");
    }
    assert_eq!(town.heard(0).last().unwrap(), "delivery halle sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_suppresses_what_is_queued_and_what_comes_later() {
    let town = town().await;
    town.says("ana", "/start").await;
    town.taps("ana", "Oui, prévenez-moi").await;
    town.platform.will_answer([Verdict::Throttled { after: TimeDelta::minutes(1), scope: Some(GateScope::Account) }]);
    town.says("bob", "/announce un").await;
    town.says("ana", "stop").await;
    town.advance(TimeDelta::minutes(1)).await;
    town.says("bob", "/announce deux").await;
    assert!(!town.platform.words("ana").contains(&"Une annonce".to_owned()));
    assert!(town.last("ana").words.contains("je ne vous écrirai plus"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_too_late_expires() {
    let town = town().await;
    town.says("ana", "/start").await;
    town.taps("ana", "Oui, prévenez-moi").await;
    town.platform.will_answer([Verdict::Throttled { after: TimeDelta::hours(3), scope: Some(GateScope::Account) }]);
    town.says("bob", "/announce tard").await;
    town.advance(TimeDelta::hours(3)).await;
    assert_eq!(town.heard(0).last().unwrap(), "delivery tard expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_message_waits_and_can_be_called_off() {
    let town = town().await;
    town.says("ana", "/later").await;
    town.says("ana", "/ping").await;
    assert_eq!(town.platform.words("ana"), ["ping"], "what is due later holds up nothing");
    town.advance(TimeDelta::hours(1)).await;
    assert_eq!(town.platform.words("ana"), ["ping", "Plus tard"]);

    town.says("ana", "/later").await;
    town.says("ana", "/cancel").await;
    town.says("ana", "/stopsubject").await;
    town.says("ana", "/later").await;
    town.advance(TimeDelta::hours(1)).await;
    assert_eq!(town.platform.words("ana"), ["ping", "Plus tard"]);
    assert_eq!(
        town.number(
            "SELECT count(*) FROM core.delivery WHERE state = 'suppressed' AND reason = 'its subject was stopped'"
        )
        .await,
        1
    );

    // Of two that wait, the one that was named goes.
    town.says("ana", "/resumesubject").await;
    town.says("ana", "/later one").await;
    town.says("ana", "/later two").await;
    town.says("ana", "/cancelone one").await;
    town.advance(TimeDelta::hours(1)).await;
    assert_eq!(town.platform.words("ana"), ["ping", "Plus tard", "Plus tard"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stated_pace_is_kept() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.pacing.conversation = Some(Rate { burst: 2, interval: TimeDelta::seconds(1) });
    let town = town_on(platform).await;
    town.says("ana", "/count").await;
    assert_eq!(town.platform.words("ana"), ["0", "1"]);
    town.advance(TimeDelta::seconds(1)).await;
    assert_eq!(town.platform.words("ana"), ["0", "1", "2"]);
    town.advance(TimeDelta::seconds(1)).await;
    town.advance(TimeDelta::seconds(1)).await;
    assert_eq!(town.platform.words("ana"), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_still_queued_follows_to_the_latest_message_of_its_name() {
    let town = town().await;
    town.says("ana", "/choose").await;
    sqlx::query(
        "INSERT INTO core.gate (organisation_id, account_id, scope, key, opens_at)
         SELECT organisation_id, id, 'account', '', $1 FROM core.account",
    )
    .bind(town.clock.now() + TimeDelta::minutes(1))
    .execute(town.database.pool())
    .await
    .unwrap();
    town.taps("ana", "Samedi").await;
    town.says("ana", "/choose").await;
    town.taps("ana", "Dimanche").await;
    town.advance(TimeDelta::minutes(2)).await;
    let words: Vec<String> = town.platform.chat("ana").into_iter().map(|shown| shown.words).collect();
    assert_eq!(words, ["Quel jour ?", "Choisi : [2]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_another_process_took_over_is_let_go_and_taken_again_when_free() {
    let town = town().await;
    town.says("ana", "/ping").await;
    // Another process, alive: it holds its lock for as long as this connection lives.
    let mut other = town.database.pool().acquire().await.unwrap();
    let runner: i32 = sqlx::query_scalar("INSERT INTO core.runner (started_at) VALUES ($1) RETURNING id")
        .bind(town.clock.now())
        .fetch_one(&mut *other)
        .await
        .unwrap();
    sqlx::query("SELECT pg_advisory_lock(1668442469, $1)").bind(runner).execute(&mut *other).await.unwrap();
    sqlx::query("UPDATE core.account SET leased_by = $1").bind(runner).execute(&mut *other).await.unwrap();
    town.platform.left().await;
    // It dies, and its account is free at once.
    other.close().await.unwrap();
    town.says("ana", "/ping encore").await;
    assert_eq!(town.platform.words("ana"), ["ping", "ping encore"]);
}
