//! When a message that nobody asked for may go out: the organisation's hours, the sender's, the person's, and the cap
//! over all plugins.

use bot_core::calendar::sending::{Reason, WeeklyHours};
use bot_core::locale::Locale;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

/// Two plugins may write unasked: `/announce` (for two hours only) and `/remind` (whenever).
fn plugins() -> Vec<ScriptedPlugin> {
    vec![
        ScriptedPlugin::new("scripted", &["announce", "remind", "ping", "servicenote"]),
        ScriptedPlugin::new("second", &["remindtoo"]),
    ]
}

async fn town_with(rule: serde_json::Value) -> Town {
    let mut town =
        Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), plugins()).await;
    town.stop().await;
    town.sending_rule = serde_json::from_value(rule).unwrap();
    town.start().await;
    town
}

async fn subscribes(town: &Town, who: &str) {
    town.says(who, "/start").await;
    town.taps(who, "Oui, prévenez-moi").await;
}

/// What was said to `who` unasked.
fn reminders(town: &Town, who: &str) -> usize {
    town.platform.words(who).iter().filter(|words| *words == "Un rappel").count()
}

/// From Tuesday 1 September 2026, 10:00 in Paris, to another time there.
async fn until(town: &Town, local: &str) {
    let moment: DateTime<Utc> = format!("{local}:00+02:00").parse().unwrap();
    town.clock.set(moment);
    town.quiet().await;
}

async fn postponed(town: &Town) -> (DateTime<Utc>, Vec<Reason>) {
    let (until, reasons): (DateTime<Utc>, serde_json::Value) = sqlx::query_as(
        "SELECT postponed_until, postponed FROM core.delivery WHERE postponed IS NOT NULL ORDER BY sequence LIMIT 1",
    )
    .fetch_one(town.database.pool())
    .await
    .unwrap();
    (until, serde_json::from_value(reasons).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outage_held_up_into_the_night_comes_out_in_the_morning() {
    let mut town = town_with(json!({ "hours": "mon-fri 09:00-18:00" })).await;
    for who in ["ana", "bob"] {
        subscribes(&town, who).await;
    }
    until(&town, "2026-09-01T17:00").await;
    town.platform.will_answer([bot_core::adapter::Verdict::Throttled { after: TimeDelta::hours(4), scope: None }]);
    town.platform.will_answer([bot_core::adapter::Verdict::Throttled { after: TimeDelta::hours(4), scope: None }]);
    town.says("zoe", "/remind").await;
    // The platform takes messages again at 21 o'clock, and the service restarts in the night.
    until(&town, "2026-09-01T21:30").await;
    town.stop().await;
    town.start().await;
    until(&town, "2026-09-02T03:00").await;
    assert_eq!(reminders(&town, "ana") + reminders(&town, "bob"), 0);
    let (at, reasons) = postponed(&town).await;
    assert_eq!(at, "2026-09-02T07:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(reasons[0].words(Locale::Fr), "hors des heures d’envoi de l’organisation");
    until(&town, "2026-09-02T09:00").await;
    assert_eq!((reminders(&town, "ana"), reminders(&town, "bob")), (1, 1));
    let attempts = "SELECT max(attempts)::bigint FROM core.delivery WHERE purpose = 'consultation'";
    assert_eq!(town.number(attempts).await, 1, "waiting uses no attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_out_at_night_and_do_not_wait_behind_what_is_postponed() {
    let town = town_with(json!({ "hours": "09:00-18:00" })).await;
    subscribes(&town, "ana").await;
    until(&town, "2026-09-01T23:00").await;
    town.says("ana", "/remind").await;
    assert_eq!(reminders(&town, "ana"), 0);
    town.says("ana", "/ping").await;
    assert_eq!(town.last("ana").words, "ping");
    // A service message takes the same lane as the reminder, and is no reminder.
    town.says("ana", "/servicenote").await;
    assert_eq!(town.last("ana").words, "Une note");
    until(&town, "2026-09-02T09:00").await;
    assert_eq!(town.last("ana").words, "Un rappel");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_counts_over_both_plugins() {
    let town = town_with(json!({ "pressure": { "messages": 2, "days": 7 } })).await;
    subscribes(&town, "ana").await;
    // All at once: at most two may slip through, whoever claims first.
    for command in ["/remind", "/remindtoo", "/remind", "/remindtoo"] {
        town.send_event(&town.platform, "zoe", text(command)).await;
    }
    town.quiet().await;
    assert_eq!(reminders(&town, "ana"), 2);
    let (at, reasons) = postponed(&town).await;
    assert_eq!(at, "2026-09-08T06:00:00Z".parse::<DateTime<Utc>>().unwrap(), "the eighth day, at 8 in the morning");
    assert_eq!(reasons[0].words(Locale::Fr), "la personne a déjà reçu 2 messages en 7 jours");
    until(&town, "2026-09-07T23:59").await;
    assert_eq!(reminders(&town, "ana"), 2);
    until(&town, "2026-09-08T08:00").await;
    assert_eq!(reminders(&town, "ana"), 4);
}

fn text(words: &str) -> bot_core::adapter::InboundKind {
    bot_core::adapter::InboundKind::Text { text: bot_core::Redacted::new(words.to_owned()) }
}

/// People on two networks, each with its own runner and its own queue: still one person each.
#[tokio::test(flavor = "multi_thread")]
async fn two_runners_do_not_both_pass_under_the_cap() {
    let town = town_with(json!({ "pressure": { "messages": 1, "days": 3 } })).await;
    let people: Vec<String> = (0..12).map(|number| format!("citizen {number}")).collect();
    for who in &people {
        town.says(who, "/ping").await;
        town.says_on_other(who, "/ping").await;
    }
    let pool = town.database.pool();
    sqlx::query(
        "UPDATE core.address SET contact_id = here.contact_id FROM core.address AS here
         WHERE address.scheme = 'other' AND here.scheme = 'scripted' AND here.path = address.path",
    )
    .execute(pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
         SELECT organisation_id, contact_id, 'consultation', 'yes', $1 FROM core.address WHERE scheme = 'other'",
    )
    .bind(town.clock.now())
    .execute(pool)
    .await
    .unwrap();
    // The same message to both addresses of each, due at the same instant.
    sqlx::query(
        "INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, address_id, contact_id, plugin_id,
             scope, kind, purpose, lane, state, due_at, document_hash, body, locale, created_at)
         SELECT pong.organisation_id, gen_random_uuid(), pong.account_id, pong.conversation_id, pong.address_id,
                address.contact_id, 'scripted', 'reminders', 'send', 'consultation', 1, 'queued', $1,
                pong.document_hash, pong.body, 'fr', $1
         FROM core.delivery AS pong JOIN core.address ON address.id = pong.address_id WHERE pong.purpose = 'reply'",
    )
    .bind(town.clock.now())
    .execute(pool)
    .await
    .unwrap();
    town.quiet().await;
    let states = "SELECT count(*) FROM core.delivery WHERE scope = 'reminders' AND state = ";
    let count = async |state: &str| -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("{states} '{state}'"))).fetch_one(pool).await.unwrap()
    };
    assert_eq!((count("sent").await, count("queued").await), (12, 12));
    let each = "SELECT count(DISTINCT contact_id) FROM core.delivery WHERE scope = 'reminders' AND state = 'sent'";
    assert_eq!(town.number(each).await, 12, "one each");
    until(&town, "2026-09-04T08:00").await;
    assert_eq!(count("sent").await, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_would_come_too_late_expires() {
    let town = town_with(json!({ "hours": "09:00-18:00" })).await;
    subscribes(&town, "ana").await;
    until(&town, "2026-09-01T17:59").await;
    town.says("zoe", "/announce before").await;
    until(&town, "2026-09-01T18:00").await;
    town.says("zoe", "/announce after").await;
    until(&town, "2026-09-02T10:00").await;
    assert_eq!(town.platform.words("ana").iter().filter(|words| *words == "Une annonce").count(), 1);
    let expired = sqlx::query_as("SELECT reason, postponed_until FROM core.delivery WHERE state = 'expired'");
    let (reason, until): (String, DateTime<Utc>) = expired.fetch_one(town.database.pool()).await.unwrap();
    assert!(reason.starts_with("too late for it: postponed to Wednesday 2 September 2026 at 09:00"), "{reason}");
    // Whoever sent it can tell when it would have gone out.
    assert_eq!(until.to_rfc3339(), "2026-09-02T07:00:00+00:00");
    assert!(town.heard(0).contains(&"delivery after expired".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_wins_over_what_waits_for_the_morning() {
    let town = town_with(json!({ "hours": "09:00-18:00" })).await;
    subscribes(&town, "ana").await;
    until(&town, "2026-09-01T20:00").await;
    town.says("zoe", "/remind").await;
    town.says("ana", "/arret").await;
    until(&town, "2026-09-02T12:00").await;
    assert_eq!(reminders(&town, "ana"), 0);
    assert!(town.deliveries().await.contains("suppressed 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_senders_rule_the_persons_hours_and_their_territory_hold_too() {
    let town = town_with(json!({})).await;
    for who in ["ana", "bob", "eve"] {
        subscribes(&town, who).await;
    }
    let of = |who: &str| format!("id = (SELECT contact_id FROM core.address WHERE path = '{who}')");
    let run = async |sql: String| {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(town.database.pool()).await.unwrap();
    };
    // Ana is in Guadeloupe, where it is 5 in the morning; Bob wants nothing before noon; Eve works in Alsace.
    let quiet = serde_json::to_string(&"00:00-12:00".parse::<WeeklyHours>().unwrap()).unwrap();
    run(format!("UPDATE core.contact SET time_zone = 'America/Guadeloupe' WHERE {}", of("ana"))).await;
    run(format!("UPDATE core.contact SET quiet_hours = '{quiet}' WHERE {}", of("bob"))).await;
    run("INSERT INTO core.collectivite (organisation_id, kind, name, departement, created_at)
         SELECT id, 'commune', 'Colmar', '68', created_at FROM core.organisation"
        .to_owned())
    .await;
    run(format!(
        "UPDATE core.contact SET collectivite_id = (SELECT id FROM core.collectivite), rank = 1 WHERE {}",
        of("eve")
    ))
    .await;
    town.clock.set("2026-12-26T09:00:00Z".parse().unwrap());
    // With the sender's rule, as a campaign has one.
    town.says("zoe", r#"/remind {"hours": "08:00-20:00", "holidays": false}"#).await;
    let seen = || ["ana", "bob", "eve"].map(|who| reminders(&town, who));
    // 10 o'clock in Paris.
    assert_eq!(seen(), [0, 0, 0]);
    town.advance(TimeDelta::hours(2)).await;
    assert_eq!(seen(), [0, 1, 0], "noon: Bob");
    town.advance(TimeDelta::hours(1)).await;
    assert_eq!(seen(), [1, 1, 0], "8 o'clock in Guadeloupe");
    town.clock.set("2026-12-27T07:00:00Z".parse().unwrap());
    town.quiet().await;
    assert_eq!(seen(), [1, 1, 1], "the day after Saint Stephen's");
}

/// A room obeys the hours, in the organisation's zone, and has no cap.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_obeys_the_hours_and_has_no_cap() {
    let town = town_with(json!({ "hours": "09:00-18:00", "pressure": { "messages": 1, "days": 7 } })).await;
    town.says("ana", "/ping").await;
    let room = async || {
        let rows = "INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, plugin_id, kind, purpose, lane,
                state, due_at, body, locale, created_at)
            SELECT organisation_id, gen_random_uuid(), account_id, conversation_id, 'scripted', 'send', 'digest', 2, 'queued',
                   $1, (SELECT coalesce(delivery.body, document.body) FROM core.delivery
                        LEFT JOIN core.document ON document.hash = document_hash WHERE purpose = 'reply' LIMIT 1), 'fr', $1
            FROM core.delivery WHERE purpose = 'reply' LIMIT 1";
        sqlx::query(rows).bind(town.clock.now()).execute(town.database.pool()).await.unwrap();
        town.quiet().await;
    };
    room().await;
    room().await;
    assert_eq!(town.platform.words("ana").len(), 3);
    until(&town, "2026-09-01T18:00").await;
    room().await;
    assert_eq!(town.platform.words("ana").len(), 3);
    until(&town, "2026-09-02T09:00").await;
    assert_eq!(town.platform.words("ana").len(), 4);
}

fn other(town: &Town, who: &str) -> Vec<String> {
    town.other.as_ref().unwrap().words(who)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_hours_and_zone_and_takes_them_back() {
    let town = town_with(json!({ "hours": "06:00-22:00" })).await;
    subscribes(&town, "ana").await;
    town.says("ana", "/horaires").await;
    // In two messages on this platform.
    let shown = town.platform.words("ana").join(" ");
    let now = "c’est à toute heure. Votre heure est celle de ce lieu\u{a0}: France métropolitaine.";
    assert!(shown.contains(now), "{shown}");
    let organisation =
        "la ville de Trifouilly n’écrit que dans ces heures\u{a0}: tous les jours de 6\u{a0}h à 22\u{a0}h";
    assert!(shown.contains(organisation), "{shown}");
    town.taps("ana", "Du lundi au vendredi, de 9\u{a0}h à 18\u{a0}h").await;
    assert!(town.last("ana").words.contains("ce sera du lundi au vendredi de 9\u{a0}h à 18\u{a0}h"));
    town.says("ana", "/hours").await;
    town.taps("ana", "Changer de fuseau horaire").await;
    // More places than this platform has buttons: they are numbered.
    assert!(town.last("ana").words.contains("1. France métropolitaine ✓"), "{:#?}", town.platform.words("ana"));
    town.says("ana", "12").await;
    assert!(town.last("ana").words.contains("celle de ce lieu\u{a0}: Nouvelle-Calédonie"));
    // Tuesday, 12 o'clock in Paris: 21 o'clock in Nouméa.
    until(&town, "2026-09-01T12:00").await;
    town.says("zoe", "/remind").await;
    assert_eq!(reminders(&town, "ana"), 0);
    let (at, reasons) = postponed(&town).await;
    // 9 o'clock there is midnight in Paris, but the hours are all Ana's.
    assert_eq!(at, "2026-09-01T22:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(reasons[0].words(Locale::Fr), "hors des heures choisies par la personne");
    // Taken back, what waits goes out at once: it is 21 o'clock, and the organisation writes until 22.
    town.says("ana", "/horaires").await;
    town.taps("ana", "À toute heure").await;
    assert_eq!(reminders(&town, "ana"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_hours_are_in_the_data_file_and_leave_with_the_person() {
    let town = town_with(json!({})).await;
    town.says("ana", "/horaires").await;
    town.taps("ana", "De 8\u{a0}h à 20\u{a0}h").await;
    town.says("ana", "/horaires").await;
    town.taps("ana", "Changer de fuseau horaire").await;
    town.says("ana", "5").await;
    town.says("ana", "/mes_donnees").await;
    let file: Vec<u8> = sqlx::query_scalar("SELECT content FROM core.media WHERE content_type = 'application/json'")
        .fetch_one(town.database.pool())
        .await
        .unwrap();
    let data: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(data["person"]["time_zone"], "Indian/Reunion");
    assert_eq!(data["person"]["quiet_hours"]["monday"], json!(["00:00-08:00", "20:00-24:00"]));
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    assert_eq!(town.number("SELECT count(*) FROM core.contact WHERE quiet_hours IS NOT NULL").await, 0);
    town.says("ana", "/horaires").await;
    assert!(town.last("ana").words.contains("c’est à toute heure"));
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_people_keep_the_askers_hours_else_the_joiners() {
    for (asker_chooses, kept) in [(true, "ce sera tous les jours de 8"), (false, "ce sera du lundi au vendredi")] {
        let town = town_with(json!({})).await;
        town.says("ana", "/horaires").await;
        if asker_chooses {
            town.taps("ana", "De 8\u{a0}h à 20\u{a0}h").await;
        }
        town.says_on_other("anna", "/horaires").await;
        town.taps_on(town.other.as_ref().unwrap(), "anna", "Du lundi au vendredi, de 9\u{a0}h à 18\u{a0}h").await;
        crate::people::link(&town, "ana", "anna").await;
        town.says_on_other("anna", "/horaires").await;
        let now = other(&town, "anna").pop().unwrap();
        assert!(now.contains(&kept.replace("ce sera", "c’est")), "{now}");
    }
}
