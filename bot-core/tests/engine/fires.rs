//! What is due by the clock, and what becomes of it after an outage.

use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

async fn town() -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["skip", "once", "within", "daily"]);
    Town::with(ScriptedPlatform::new("scripted"), vec![plugin]).await
}

fn fired(town: &Town) -> Vec<String> {
    town.heard(0).into_iter().filter(|what| what.starts_with("fire")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fire_runs_when_it_is_due_and_once() {
    let town = town().await;
    town.says("ana", "/skip").await;
    town.advance(TimeDelta::minutes(59)).await;
    assert!(fired(&town).is_empty());
    town.advance(TimeDelta::minutes(1)).await;
    town.advance(TimeDelta::days(2)).await;
    assert_eq!(fired(&town), ["fire skip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_has_its_own_end_after_an_outage() {
    for (outage, expected) in [(90, vec!["fire once", "fire within"]), (360, vec!["fire once"])] {
        let mut town = town().await;
        for command in ["/skip", "/once", "/within"] {
            town.says("ana", command).await;
        }
        town.stop().await;
        town.clock.advance(TimeDelta::minutes(outage));
        town.start().await;
        town.quiet().await;
        let mut fired = fired(&town);
        fired.sort();
        assert_eq!(fired, expected);
        let missed = town.number("SELECT count(*) FROM core.audit WHERE action = 'fire.missed'").await;
        assert_eq!(missed, 3 - i64::try_from(expected.len()).unwrap(), "what was dropped is on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_fire_missed_for_a_week_runs_once_and_comes_back_at_its_local_hour() {
    let mut town = town().await;
    town.says("ana", "/daily").await;
    town.advance(TimeDelta::minutes(1)).await;
    assert_eq!(fired(&town).len(), 1);
    town.stop().await;
    town.clock.advance(TimeDelta::days(7));
    town.start().await;
    town.quiet().await;
    assert_eq!(fired(&town).len(), 2);
    // 09:00 in Paris in September.
    let hour = town
        .number("SELECT extract(hour FROM due_at AT TIME ZONE 'UTC')::bigint FROM core.fire WHERE subject = 'daily'")
        .await;
    assert_eq!(hour, 7);
}
