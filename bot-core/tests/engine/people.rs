//! Linking, consent, erasure and the data file.

use bot_core::Redacted;
use bot_core::adapter::InboundKind;
use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

async fn town() -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["ping", "announce"]);
    Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), vec![plugin]).await
}

/// The code in the latest message to `who`.
fn code(town: &Town, who: &str) -> String {
    let words = town.last(who).words;
    words.split_whitespace().find(|word| word.len() == 11 && word.contains('-')).expect("no code was given").to_owned()
}

pub async fn link(town: &Town, asker: &str, joiner: &str) {
    town.says(asker, "/lier").await;
    let code = code(town, asker);
    town.says_on_other(joiner, &format!("/lier {code}")).await;
    town.taps(asker, "Oui, c’est moi").await;
    town.taps_on(town.other.as_ref().unwrap(), joiner, "Oui, c’est moi").await;
}

async fn contacts(town: &Town) -> i64 {
    town.number("SELECT count(*) FROM core.contact WHERE status <> 'archived'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_addresses_become_one_person_when_both_chats_say_yes() {
    let town = town().await;
    town.says("ana", "/ping").await;
    town.says_on_other("anna", "/ping").await;
    assert_eq!(contacts(&town).await, 2);
    link(&town, "ana", "anna").await;
    assert_eq!(contacts(&town).await, 1);
    assert!(town.last("ana").words.contains("la même personne"));
    assert!(town.other.as_ref().unwrap().words("anna").last().unwrap().contains("la même personne"));
    assert_eq!(town.heard(0).last().unwrap(), "merged 1 and 1");
}

/// Whatever the joiner is in the middle of comes first, also when the asker writes the button's number.
#[tokio::test(flavor = "multi_thread")]
async fn a_yes_by_number_waits_for_both() {
    let town = town().await;
    town.says("ana", "/lier").await;
    let code = code(&town, "ana");
    town.says_on_other("anna", &format!("/lier {code}")).await;
    town.taps_on(town.other.as_ref().unwrap(), "anna", "Oui, c’est moi").await;
    let mut busy = town.database.pool().begin().await.unwrap();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(('x' || right(replace(contact_id::text, '-', ''), 16))::bit(64)::bigint)
         FROM core.address WHERE path = 'anna'",
    )
    .execute(&mut *busy)
    .await
    .unwrap();
    let yes = InboundKind::Text { text: Redacted::new("1".to_owned()) };
    town.send_event(&town.platform, "ana", yes).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while town.number(waits).await == 0 {
        assert_eq!(contacts(&town).await, 2, "linked behind the joiner's back");
        crate::town::a_moment().await;
    }
    busy.commit().await.unwrap();
    town.quiet().await;
    assert_eq!(contacts(&town).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_yes_is_not_enough_and_a_no_ends_it() {
    let town = town().await;
    town.says("ana", "/lier").await;
    let code = code(&town, "ana");
    town.says_on_other("anna", &format!("/lier {code}")).await;
    town.taps_on(town.other.as_ref().unwrap(), "anna", "Oui, c’est moi").await;
    assert_eq!(contacts(&town).await, 2);
    town.taps("ana", "Non").await;
    town.taps("ana", "Oui, c’est moi").await;
    assert_eq!(contacts(&town).await, 2);
    assert!(town.last("ana").words.contains("plus valable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_ten_minutes_and_for_somebody_else() {
    let town = town().await;
    let other = |town: &Town| town.other.as_ref().unwrap().words("anna").last().unwrap().clone();
    town.says("ana", "/lier").await;
    let own = code(&town, "ana");
    town.says("ana", &format!("/lier {own}")).await;
    assert!(town.last("ana").words.contains("ici même"));
    town.says("ana", "/lier").await;
    let late = code(&town, "ana");
    town.advance(TimeDelta::minutes(10)).await;
    town.says_on_other("anna", &format!("/lier {late}")).await;
    assert!(other(&town).contains("pas le bon"));
    link(&town, "ana", "anna").await;
    let used =
        town.platform.words("ana").iter().rev().find(|words| words.contains("Ne donnez ce code")).unwrap().clone();
    let used = used.split_whitespace().find(|word| word.len() == 11 && word.contains('-')).unwrap().to_owned();
    town.says_on_other("bob", &format!("/lier {used}")).await;
    assert!(town.other.as_ref().unwrap().words("bob").last().unwrap().contains("pas le bon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_cut_short() {
    let town = town().await;
    town.says("ana", "/lier").await;
    let right = code(&town, "ana");
    for _ in 0..5 {
        town.says_on_other("eve", "/lier AAAAA-AAAAA").await;
    }
    town.says_on_other("eve", &format!("/lier {right}")).await;
    assert!(town.other.as_ref().unwrap().words("eve").last().unwrap().contains("trop d’essais"));
    assert_eq!(town.number("SELECT count(*) FROM core.link WHERE state <> 'waiting'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn parting_restores_who_each_was() {
    let town = town().await;
    town.says("ana", "/ping").await;
    town.says_on_other("anna", "/ping").await;
    link(&town, "ana", "anna").await;
    town.says_on_other("anna", "/delier").await;
    town.taps_on(town.other.as_ref().unwrap(), "anna", "Oui, séparer").await;
    assert_eq!(contacts(&town).await, 2);
    assert_eq!(town.number("SELECT count(*) FROM core.contact").await, 2, "the former self is back");
    assert_eq!(town.heard(0).last().unwrap(), "split");
    town.says("ana", "/delier").await;
    assert!(town.last("ana").words.contains("reliée à aucune autre"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stricter_wish_wins_when_two_become_one() {
    let town = town().await;
    town.says("ana", "/start").await;
    town.taps("ana", "Oui, prévenez-moi").await;
    town.says_on_other("anna", "/start").await;
    town.says_on_other("anna", "STOP").await;
    link(&town, "ana", "anna").await;
    town.says("bob", "/announce tous").await;
    assert!(!town.platform.words("ana").contains(&"Une annonce".to_owned()));
}

/// A plugin whose reminders people agree to.
async fn reminding() -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["ping", "agree", "disagree", "each"]);
    Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), vec![plugin]).await
}

/// Whether somebody who asks for a reminder gets one, in whichever of their chats.
async fn is_reminded(town: &Town, who: &str) -> bool {
    let sent = "SELECT count(*) FROM core.delivery WHERE purpose = 'reminder' AND state = 'sent'";
    let before = town.number(sent).await;
    town.says(who, "/each").await;
    town.number(sent).await > before
}

#[tokio::test(flavor = "multi_thread")]
async fn saying_yes_to_a_plugin_ends_what_stop_began() {
    let town = reminding().await;
    town.says("ana", "/agree").await;
    assert!(is_reminded(&town, "ana").await);
    town.says("ana", "STOP").await;
    assert!(!is_reminded(&town, "ana").await);
    town.says("ana", "/agree").await;
    assert!(is_reminded(&town, "ana").await);
    let consents = "SELECT count(*) FROM core.consent WHERE withdrawn_at IS NULL";
    assert_eq!(town.number(consents).await, 1, "what STOP withdrew came back with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_comes_along_unless_one_of_the_two_thought_otherwise() {
    let town = reminding().await;
    town.says_on_other("anna", "/agree").await;
    link(&town, "ana", "anna").await;
    assert!(is_reminded(&town, "ana").await, "what anna subscribed to fell silent");

    town.says("bea", "/agree").await;
    town.says("bea", "/disagree").await;
    town.says_on_other("beatrice", "/agree").await;
    link(&town, "bea", "beatrice").await;
    assert!(!is_reminded(&town, "bea").await);

    town.says_on_other("clara", "/agree").await;
    town.says("cleo", "STOP").await;
    link(&town, "cleo", "clara").await;
    assert!(!is_reminded(&town, "cleo").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_follows_every_address_and_leaves_counts() {
    let town = town().await;
    town.says("ana", "/ping très personnel").await;
    town.says_on_other("anna", "/ping").await;
    link(&town, "ana", "anna").await;
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    assert!(town.last("ana").words.starts_with("C’est fait"));
    assert_eq!(town.number("SELECT count(*) FROM core.address").await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.contact").await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.inbox WHERE payload::text LIKE '%personnel%'").await, 0);
    assert_eq!(
        town.number("SELECT count(*) FROM core.delivery WHERE contact_id IS NOT NULL OR address_id IS NOT NULL").await,
        0
    );
    assert!(town.number("SELECT count(*) FROM core.delivery WHERE state = 'sent'").await > 5, "counts still add up");
    assert_eq!(town.heard(0).last().unwrap(), "erased 2");
    // Coming back is coming for the first time.
    town.says("ana", "/ping").await;
    assert_eq!(town.last("ana").words, "ping");
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_ones_data_changes_nothing() {
    let town = town().await;
    town.says("ana", "/effacer").await;
    town.taps("ana", "Non, tout garder").await;
    assert_eq!(town.last("ana").words, "Rien n’a été effacé.");
    assert_eq!(contacts(&town).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_file_holds_everything_and_belongs_to_one_person() {
    let town = town().await;
    town.says("ana", "/ping un mot de moi").await;
    town.says("bob", "/ping un mot de bob").await;
    town.says("ana", "/mes_donnees").await;
    assert_eq!(town.platform.words("ana").last().unwrap(), "[Mes données]");
    let content: Vec<u8> =
        sqlx::query_scalar("SELECT content FROM core.media").fetch_one(town.database.pool()).await.unwrap();
    let data: serde_json::Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(data["addresses"][0]["address"], "scripted:ana");
    assert_eq!(data["plugins"]["scripted"]["remembered"], "nothing");
    let text = String::from_utf8(content).unwrap();
    assert!(text.contains("un mot de moi") && !text.contains("un mot de bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_is_chosen_and_kept() {
    let town = town().await;
    town.says("ana", "/langue").await;
    town.taps("ana", "English").await;
    town.says("ana", "/help").await;
    assert!(town.last("ana").words.contains("/my_data"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_chat_is_not_written_to() {
    let town = town().await;
    town.says("ana", "/start").await;
    town.taps("ana", "Oui, prévenez-moi").await;
    town.hears_event(&town.platform, "ana", InboundKind::Closed).await;
    town.says("bob", "/announce tous").await;
    assert!(!town.platform.words("ana").contains(&"Une annonce".to_owned()));
    let text = InboundKind::Text { text: Redacted::new("/ping".to_owned()) };
    town.hears_event(&town.platform, "ana", text).await;
    assert_eq!(town.last("ana").words, "ping");
}

#[tokio::test(flavor = "multi_thread")]
async fn parting_one_after_the_other_links_nobody_again() {
    let town = town().await;
    for who in ["ana", "chloe"] {
        town.says(who, "/ping").await;
    }
    town.says_on_other("anna", "/ping").await;
    link(&town, "ana", "anna").await;
    // The clock stands still: two links in one moment are two links all the same.
    town.says("chloe", "/lier").await;
    let code = code(&town, "chloe");
    town.says_on_other("anna", &format!("/lier {code}")).await;
    town.taps("chloe", "Oui, c’est moi").await;
    town.taps_on(town.other.as_ref().unwrap(), "anna", "Oui, c’est moi").await;
    assert_eq!(contacts(&town).await, 1);
    town.says_on_other("anna", "/delier").await;
    town.taps_on(town.other.as_ref().unwrap(), "anna", "Oui, séparer").await;
    assert_eq!(contacts(&town).await, 2);
    town.says("ana", "/delier").await;
    town.taps("ana", "Oui, séparer").await;
    assert_eq!(contacts(&town).await, 3, "each is a person of their own");
}
