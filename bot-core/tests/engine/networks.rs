//! What chat networks do that a browser does not: native polls, reactions, links that carry a command, presses they
//! drop, chats whose name is a person.

use bot_core::Redacted;
use bot_core::adapter::*;
use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::{Town, a_moment};

async fn town_on(platform: ScriptedPlatform) -> Town {
    Town::with(
        platform,
        vec![ScriptedPlugin::new("scripted", &["ping", "poll", "closepoll", "choose", "agree", "each"])],
    )
    .await
}

async fn town() -> Town {
    town_on(ScriptedPlatform::new("scripted")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_sent_closed_once_and_counted() {
    let town = town().await;
    town.says("ana", "/poll").await;
    assert_eq!(town.platform.words("ana"), ["Sans valeur de vote.", "(Le marché ? Samedi / Dimanche)"]);
    town.says("ana", "/closepoll").await;
    assert!(town.heard(0).contains(&"counted [2, 1]".to_owned()), "{:?}", town.heard(0));
    assert_eq!(town.platform.world.lock().unwrap().polls_closed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_too_large_for_the_platform_becomes_words() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.polls = false;
    let town = town_on(platform).await;
    town.says("ana", "/poll").await;
    assert_eq!(town.last("ana").words, "Sans valeur de vote.\nLe marché ?\n• Samedi\n• Dimanche");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_and_a_vote_reach_the_plugin_whose_message_it_is() {
    let town = town().await;
    town.says("ana", "/poll").await;
    let message = town.platform.chat("ana").pop().unwrap().key;
    let reaction = InboundKind::Reaction { message: message.clone(), key: "1️⃣".to_owned(), removed: false };
    town.hears_event(&town.platform, "ana", reaction).await;
    let vote = InboundKind::PollVote { message, options: vec![1] };
    town.hears_event(&town.platform, "ana", vote).await;
    let elsewhere = InboundKind::Reaction { message: "not ours".to_owned(), key: "1️⃣".to_owned(), removed: false };
    town.hears_event(&town.platform, "ana", elsewhere).await;
    assert_eq!(town.heard(0)[1..], ["reaction 1️⃣ on market removed false", "vote [1] in market"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_chat_is_not_reacted_to_from_here() {
    let town = town().await;
    town.says("ana", "/poll").await;
    let message = town.platform.chat("ana").pop().unwrap().key;
    town.hears_event(&town.platform, "bob", InboundKind::PollVote { message, options: vec![1] }).await;
    assert_eq!(town.heard(0), ["/poll"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_calls_only_commands_that_allow_it() {
    let town = town().await;
    town.says("ana", "/start ping-du-matin").await;
    assert_eq!(town.last("ana").words, "ping du-matin");
    town.says("ana", "/start poll-x").await;
    let words = town.platform.words("ana");
    assert!(words.iter().any(|words| words.contains("crieur public")), "a command no link may call is a plain start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_asked_again_after_an_outage_that_may_have_swallowed_the_answer() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.presses_kept_for = Some(TimeDelta::seconds(150));
    let mut town = town_on(platform).await;
    receiving(&town).await;
    for who in ["ana", "bob", "eve"] {
        town.says(who, "/choose").await;
    }
    town.taps("bob", "Samedi").await;
    town.says("uma", "/agree").await;
    town.says("uma", "/each").await;
    let reminded = town.platform.words("uma");
    town.stop().await;
    town.clock.advance(TimeDelta::minutes(10));
    town.start().await;
    asked_again(&town, "ana").await;
    town.quiet().await;
    let again = town.last("ana");
    assert!(again.words.starts_with("J’ai été absent un moment."), "{}", again.words);
    assert!(again.words.ends_with("Quel jour ?"));
    assert_eq!(town.platform.chat("ana").len(), 2);
    assert_eq!(town.platform.chat("bob").len(), 1, "bob's answer arrived");
    assert_eq!(town.platform.words("uma"), reminded, "a reminder has buttons, and is not sent a second time");
    town.taps("ana", "Dimanche").await;
    assert_eq!(town.last("ana").words, "Choisi : [2]", "the button works, and the repeated question is what is edited");

    // A restart is no outage.
    town.stop().await;
    town.clock.advance(TimeDelta::seconds(40));
    town.start().await;
    receiving(&town).await;
    town.quiet().await;
    assert_eq!(town.platform.chat("eve").len(), 2);
}

/// Waits until the account has noted that it receives at this moment.
async fn receiving(town: &Town) {
    loop {
        let until: Option<chrono::DateTime<chrono::Utc>> =
            sqlx::query_scalar("SELECT receiving_until FROM core.account")
                .fetch_one(town.database.pool())
                .await
                .unwrap();
        if until == Some(town.clock.now()) {
            return;
        }
        a_moment().await;
    }
}

async fn asked_again(town: &Town, who: &str) {
    while town.platform.chat(who).len() < 2 {
        a_moment().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_erased_leaves_no_name_of_their_chat() {
    let town = town().await;
    town.says("ana", "/ping").await;
    town.says("bob", "/ping").await;
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    assert!(town.last("ana").words.starts_with("C’est fait"));
    town.advance(TimeDelta::minutes(11)).await;
    assert_eq!(town.number("SELECT count(*) FROM core.conversation WHERE platform_ref = 'ana'").await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.conversation WHERE platform_ref = 'bob'").await, 1);
    town.says("ana", "/ping").await;
    assert_eq!(town.last("ana").words, "ping");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_at_once_keeps_the_chat() {
    let town = town().await;
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    town.says("ana", "/ping").await;
    town.advance(TimeDelta::minutes(11)).await;
    town.says("ana", "/ping encore").await;
    assert_eq!(town.last("ana").words, "ping encore");
    assert_eq!(town.number("SELECT count(*) FROM core.conversation").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platforms_own_event_id_is_kept_as_a_digest() {
    let town = town().await;
    town.says("ana", "/ping").await;
    assert_eq!(town.number("SELECT count(*) FROM core.inbox_key WHERE length(dedupe_key) = 43").await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.inbox_key WHERE dedupe_key LIKE '%event%'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_chats_keeps_its_own_pace_and_bars_nothing_that_is_open() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.pacing.opening = Some(Rate { burst: 1, interval: TimeDelta::seconds(10) });
    let town = town_on(platform).await;
    for who in ["ana", "bob", "eve"] {
        town.says(who, "/ping").await;
    }
    town.platform.world.lock().unwrap().chats.clear();
    // As for people who are known by address only.
    sqlx::query(
        "WITH gone AS (DELETE FROM core.delivery_part)
         UPDATE core.delivery SET state = 'queued', settled_at = NULL, conversation_id = NULL, lane = 1",
    )
    .execute(town.database.pool())
    .await
    .unwrap();
    let opened = || ["ana", "bob", "eve"].iter().filter(|who| !town.platform.words(who).is_empty()).count();
    town.advance(TimeDelta::seconds(10)).await;
    assert_eq!(opened(), 1);
    town.says("zoe", "/ping").await;
    assert_eq!(town.platform.words("zoe"), ["ping"], "a chat that is open does not wait");
    town.advance(TimeDelta::seconds(10)).await;
    assert_eq!(opened(), 2);
    town.advance(TimeDelta::seconds(10)).await;
    assert_eq!(opened(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_promises_an_answer_and_keeps_the_promise() {
    let town = town().await;
    town.says("ana", "/ping").await;
    let mut holder = town.database.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM core.account FOR UPDATE").execute(&mut *holder).await.unwrap();
    let text = InboundKind::Text { text: Redacted::new("/ping lent".to_owned()) };
    let event = town.event(&town.platform, "ana", text);
    let told = town.platform.intake().await.receive_interactive(event).await;
    assert_eq!(told, Acknowledgement::Deferred);
    holder.rollback().await.unwrap();
    while town.last("ana").words != "ping lent" {
        a_moment().await;
    }
}

/// A press that could not be stored at once is stored before one that came after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_press_does_not_overtake_one_that_could_not_be_stored() {
    let town = town().await;
    town.says("ana", "/ping").await;
    let mut holder = town.database.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM core.account FOR UPDATE").execute(&mut *holder).await.unwrap();
    let press = |words: &str| {
        let text = InboundKind::Text { text: Redacted::new(words.to_owned()) };
        town.event(&town.platform, "ana", text)
    };
    let intake = town.platform.intake().await;
    assert_eq!(intake.receive_interactive(press("/ping un")).await, Acknowledgement::Deferred);
    // The store fails it, only now.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%core.inbox%'";
    assert_eq!(town.number(cut).await, 1);
    holder.rollback().await.unwrap();
    intake.receive_interactive(press("/ping deux")).await;
    while town.last("ana").words != "ping deux" {
        a_moment().await;
    }
    assert_eq!(town.platform.words("ana"), ["ping", "ping un", "ping deux"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_refused_here_is_left_to_another_process() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.refused = true;
    let town = town_on(platform).await;
    while town.number("SELECT count(*) FROM core.account WHERE lease_epoch = 1 AND leased_by IS NULL").await == 0 {
        a_moment().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_blocks_after_erasing_themselves_is_not_known_anew() {
    let town = town().await;
    town.says("ana", "/ping").await;
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    town.hears_event(&town.platform, "ana", InboundKind::Closed).await;
    town.advance(TimeDelta::minutes(11)).await;
    town.hears_event(&town.platform, "ana", InboundKind::Closed).await;
    town.hears_event(&town.platform, "a stranger", InboundKind::Closed).await;
    assert_eq!(town.number("SELECT count(*) FROM core.address").await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.conversation WHERE platform_ref NOT LIKE 'erased:%'").await, 0);
}
