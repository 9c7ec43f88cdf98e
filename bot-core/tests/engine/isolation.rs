//! A plugin that panics, one that never returns, one that holds its thread, one that floods: the others go on.

use bot_core::adapter::InboundKind;
use bot_core::plugin::PluginState;
use bot_core::{PluginId, Redacted};
use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::{Town, a_moment};

async fn town() -> Town {
    let plugins = vec![
        ScriptedPlugin::new("faulty", &["panic", "hang", "spin", "flood", "wrongsql"]),
        ScriptedPlugin::new("sound", &["ping"]),
    ];
    Town::with(ScriptedPlatform::new("scripted"), plugins).await
}

async fn state(town: &Town) -> (String, String) {
    // What `plugins list` reads is written by the watcher, soon after.
    for _ in 0..2000 {
        let row: (String, Option<String>) = sqlx::query_as("SELECT state, reason FROM core.plugin WHERE id = 'faulty'")
            .fetch_one(town.database.pool())
            .await
            .unwrap();
        let host = town.service().core().plugins().find(|host| host.manifest().id.as_str() == "faulty").unwrap();
        if row.0 == host.state().0.as_str() {
            return (row.0, row.1.unwrap_or_default());
        }
        a_moment().await;
    }
    panic!("the state was never written");
}

/// Sends `command` until the plugin is disabled, and sees that the sound plugin answers all the while.
async fn disabled_by(town: &Town, command: &str) -> String {
    let faulty = |town: &Town| {
        town.service().core().plugins().find(|host| host.manifest().id.as_str() == "faulty").unwrap().state().0
    };
    for _ in 0..10 {
        if faulty(town) == PluginState::Disabled {
            break;
        }
        town.send_event(&town.platform, "ana", InboundKind::Text { text: Redacted::new(command.to_owned()) }).await;
        town.says("bob", "/ping").await;
        for seconds in [2, 4] {
            town.advance(TimeDelta::seconds(seconds)).await;
        }
    }
    assert!(town.platform.words("bob").iter().all(|words| words == "ping"));
    assert!(!town.platform.words("bob").is_empty());
    let (state, reason) = state(town).await;
    assert_eq!(state, "disabled");
    town.says("ana", command).await;
    assert!(town.last("ana").words.contains("arrêtée pour le moment"), "{}", town.last("ana").words);
    town.says("ana", "/ping").await;
    assert_eq!(town.last("ana").words, "ping");
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_panics_is_disabled_and_says_why() {
    let town = town().await;
    let reason = disabled_by(&town, "/panic").await;
    assert_eq!(reason, "it panicked: the plugin's own fault (10 failures in a row)");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_floods_is_disabled_and_nothing_of_it_is_sent() {
    let town = town().await;
    let reason = disabled_by(&town, "/flood").await;
    assert!(reason.starts_with("it asked for 1000 effects in one call"), "{reason}");
    assert!(!town.platform.words("ana").iter().any(|words| words == "999"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_holds_its_thread_is_given_up_at_once() {
    let town = town().await;
    let reason = disabled_by(&town, "/spin").await;
    assert!(reason.starts_with("it holds its thread"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_for_ever_is_interrupted() {
    let town = town().await;
    let text = InboundKind::Text { text: Redacted::new("/hang".to_owned()) };
    town.send_event(&town.platform, "ana", text).await;
    town.says("bob", "/ping").await;
    for seconds in [2, 4] {
        town.advance(TimeDelta::seconds(seconds)).await;
    }
    let (state, reason) = state(&town).await;
    assert_eq!(state, "degraded");
    assert!(reason.starts_with("it did not return within 4 s"), "{reason}");
    assert_eq!(town.number("SELECT count(*) FROM core.inbox WHERE state = 'parked'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_enables_it_again() {
    let town = town().await;
    disabled_by(&town, "/wrongsql").await;
    let faulty: PluginId = "faulty".parse().unwrap();
    assert!(bot_core::service::set_plugin_enabled(town.database.pool(), &town.clock, &faulty, true).await.unwrap());
    for _ in 0..2000 {
        let host = town.service().core().plugins().find(|host| host.manifest().id == faulty).unwrap();
        if host.state().0 == PluginState::Running {
            assert_eq!(state(&town).await.0, "running");
            return;
        }
        a_moment().await;
    }
    panic!("it was not started again");
}
