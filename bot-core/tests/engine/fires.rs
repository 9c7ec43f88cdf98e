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

/// A fire of the core's own, as another part of it would leave it.
async fn leaves_core_fire(town: &Town, scope: &str, subject: &str, cron: Option<&str>) {
    sqlx::query(
        "INSERT INTO core.fire (organisation_id, plugin_id, scope, subject, due_at, misfire, cron, time_zone, state, available_at)
         SELECT id, 'core', $1, $2, $3, 'run_once', $4, CASE WHEN $4 IS NOT NULL THEN 'UTC' END, 'waiting', $3
         FROM core.organisation",
    )
    .bind(scope)
    .bind(subject)
    .bind(town.clock.now())
    .bind(cron)
    .execute(town.database.pool())
    .await
    .unwrap();
    town.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_failed_comes_again() {
    let town = town().await;
    leaves_core_fire(&town, "vacuum", "core.not_there_yet", None).await;
    let left = "SELECT count(*) FROM core.fire WHERE scope = 'vacuum' AND attempts = 1";
    assert_eq!(town.number(left).await, 1);
    sqlx::query("CREATE TABLE core.not_there_yet ()").execute(town.database.pool()).await.unwrap();
    town.advance(TimeDelta::minutes(1)).await;
    assert_eq!(town.number("SELECT count(*) FROM core.fire WHERE scope = 'vacuum'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_daily_is_never_given_up() {
    let town = town().await;
    leaves_core_fire(&town, "nobody knows this", "", Some("0 9 * * *")).await;
    for _ in 0..12 {
        town.advance(TimeDelta::minutes(30)).await;
    }
    let waiting = "SELECT attempts::bigint FROM core.fire WHERE scope = 'nobody knows this' AND state = 'waiting'";
    assert!(town.number(waiting).await > 10);
}
