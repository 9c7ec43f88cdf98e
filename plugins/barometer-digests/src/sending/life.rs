//! Whole editions against a real database, from their publication to sums that add up.

use std::collections::BTreeSet;

use bot_core::message::Block;
use bot_core::plugin::HandlerError;
use chrono::{DateTime, Utc};

use super::bench::{Desk, MONDAY_NINE};
use super::proof::{self, Problem};
use super::state::DigestState;

fn at(hour: &str) -> String {
    MONDAY_NINE.replace("1, 9", hour)
}

#[tokio::test]
async fn weekly_and_monthly_readers_get_theirs_at_their_hour() {
    let desk = Desk::new(1).await;
    desk.readers(1..=2, MONDAY_NINE).await;
    desk.readers(3..=3, &at("5, 18")).await;
    desk.readers(4..=4, &at("1, 9").replace("Europe/Paris", "Indian/Reunion")).await;
    desk.readers(5..=5, &MONDAY_NINE.replace("weekly", "monthly")).await;
    let weekly = desk.approved("2026-W48").await;
    assert_eq!(desk.publishes(weekly).await, Some(4));
    let monthly = desk.published("2026-12").await;
    assert_eq!(desk.counts(weekly).await, "sending: 4 waiting");
    desk.until("2026-12-10T12:00:00Z").await;
    assert_eq!(desk.sent(weekly).await, ["11-23 06:00 r4", "11-23 09:00 r1", "11-23 09:00 r2", "11-27 18:00 r3"]);
    assert_eq!(desk.sent(monthly).await, ["12-07 09:00 r5"]);
    assert_eq!(desk.counts(weekly).await, "sent: 4 sent");
    assert_eq!(desk.counts(monthly).await, "sent: 1 sent");
    let proof = desk.proof(weekly).await;
    assert!(proof.adds_up && proof.expected == 4, "{proof:?}");
}

#[tokio::test]
async fn a_late_edition_goes_at_once_or_not_at_all() {
    let desk = Desk::new(2).await;
    for (number, hour) in [(1, "1, 9"), (2, "2, 21"), (3, "3, 2"), (4, "3, 20")] {
        desk.readers(number..=number, &at(hour)).await;
    }
    // Wednesday at ten in Paris: an hour of twelve hours ago is not too late, one of thirteen is.
    desk.until("2026-11-25T09:00:00Z").await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-25T09:30:00Z").await;
    assert_eq!(desk.sent(number).await, ["11-25 10:00 r3"]);
    assert_eq!(desk.counts(number).await, "sending: 1 waiting, 1 sent, 2 expired");
    let late = desk.number(
        "SELECT (reason ->> 'late_minutes')::bigint FROM barometer_digests.reader_digest
         WHERE state = 'expired' AND reader_id = 2 AND reason ->> 'code' = 'missed'",
    );
    assert_eq!(late.await, 13 * 60);
    desk.until("2026-11-26T09:00:00Z").await;
    assert_eq!(desk.sent(number).await[1..], ["11-25 20:00 r4"]);
    assert_eq!(desk.counts(number).await, "sent: 2 sent, 2 expired");
}

#[tokio::test]
async fn a_service_that_was_down_is_late_as_an_edition_is() {
    let desk = Desk::new(3).await;
    desk.readers(1..=1, &at("1, 9")).await;
    desk.readers(2..=2, &at("1, 17")).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-22T12:00:00Z").await;
    desk.outage_until("2026-11-23T22:00:00Z").await;
    // Fourteen hours late, and six: what goes out late may still stand in the outbox for a while.
    assert_eq!(desk.sent(number).await, ["11-23 23:00 r2"]);
    let left = desk.number(
        "SELECT (extract(epoch FROM not_after - created_at) / 3600)::bigint FROM core.delivery WHERE subject = 'r2'",
    );
    assert_eq!(left.await, 6);
    desk.until("2026-11-24T09:00:00Z").await;
    assert_eq!(desk.counts(number).await, "sent: 1 sent, 1 expired");
}

#[tokio::test]
async fn nothing_is_sent_twice_however_often_and_by_whomever_it_is_begun() {
    let desk = Desk::new(4).await;
    desk.readers(1..=1200, MONDAY_NINE).await;
    let number = desk.approved("2026-W48").await;
    assert_eq!(desk.publishes(number).await, Some(1200));
    assert_eq!(desk.publishes(number).await, None, "it is published already");
    desk.clock.set("2026-11-23T08:00:00Z".parse().unwrap());
    // A process that dies just before it commits.
    let died = desk.does(async |cx| {
        super::engine::fired(cx, number, &serde_json::Value::Null).await?;
        Err::<(), _>(HandlerError::Broken("the power went".to_owned()))
    });
    assert!(died.await.is_err());
    assert_eq!(desk.counts(number).await, "sending: 1200 waiting");
    // Two at once, twice.
    for _ in 0..2 {
        let (one, other) = tokio::join!(desk.tick(number), desk.tick(number));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    }
    desk.play().await;
    desk.until("2026-11-23T09:00:00Z").await;
    assert_eq!(desk.counts(number).await, "sent: 1200 sent");
    let subjects: BTreeSet<String> =
        desk.sent(number).await.into_iter().map(|sent| sent.split(' ').next_back().unwrap().to_owned()).collect();
    assert_eq!((subjects.len(), desk.sent(number).await.len()), (1200, 1200));
    assert_eq!(desk.number("SELECT count(DISTINCT document_hash) FROM core.delivery").await, 1);
    // The same period under another number: only who has none yet.
    desk.by_hand("DROP INDEX barometer_digests.edition_period").await;
    desk.readers(1201..=1202, MONDAY_NINE).await;
    let again = desk.published("2026-W48").await;
    assert_eq!(desk.proof(again).await.expected, 2);
    desk.until("2026-11-23T10:00:00Z").await;
    assert_eq!(desk.sent(again).await, ["11-23 10:00 r1201", "11-23 10:00 r1202"]);
}

/// More readers than one call writes down.
#[tokio::test]
async fn ten_thousand_at_a_time_are_planned_and_all_are() {
    let desk = Desk::new(5).await;
    desk.readers(1..=10_500, &at("7, 9")).await;
    let number = desk.approved("2026-W48").await;
    assert_eq!(desk.publishes(number).await, Some(10_500));
    assert_eq!(desk.proof(number).await.expected, 10_000);
    assert!(desk.proof(number).await.adds_up);
    desk.until("2026-11-20T08:00:01Z").await;
    assert_eq!(desk.proof(number).await.expected, 10_500);
    assert_eq!(desk.counts(number).await, "sending: 10500 waiting");
}

#[tokio::test]
async fn a_tick_waits_for_nobody_and_comes_back() {
    let desk = Desk::new(6).await;
    desk.readers(1..=2, MONDAY_NINE).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-23T07:00:00Z").await;
    let mut other = desk.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM barometer_digests.reader_digest WHERE reader_id = 1 FOR UPDATE")
        .execute(&mut *other)
        .await
        .unwrap();
    desk.until("2026-11-23T08:00:02Z").await;
    assert_eq!(desk.sent(number).await, ["11-23 09:00 r2"]);
    other.rollback().await.unwrap();
    desk.until("2026-11-23T08:01:00Z").await;
    assert_eq!(desk.sent(number).await.len(), 2);
}

#[tokio::test]
async fn each_reader_gets_what_they_chose_or_a_reason() {
    let desk = Desk::new(7).await;
    let chose =
        |topics: &str, when_empty: &str| MONDAY_NINE.replace("'{}', 'say_so'", &format!("'{topics}', '{when_empty}'"));
    desk.readers(1..=1, MONDAY_NINE).await;
    desk.readers(2..=2, &chose("{outils}", "stay_silent").replace("'fr'", "'en'")).await;
    desk.readers(3..=3, &chose("{cadre}", "say_so")).await;
    desk.readers(4..=4, &chose("{cadre}", "stay_silent")).await;
    desk.readers(5..=7, MONDAY_NINE).await;
    desk.room(8, MONDAY_NINE).await;
    let number = desk.published("2026-W48").await;
    // Five leaves, six has no address any more, seven chose another hour after it was planned.
    desk.by_hand("UPDATE barometer_digests.reader SET state = 'left', left_at = subscribed_at WHERE id = 5").await;
    desk.by_hand(
        "UPDATE core.reachability SET state = 'blocked' FROM core.address WHERE id = address_id AND path = '6'",
    )
    .await;
    desk.by_hand("UPDATE barometer_digests.reader SET hour = 20 WHERE id = 7").await;
    desk.until("2026-11-24T08:00:00Z").await;
    assert_eq!(
        desk.sent(number).await,
        ["11-23 09:00 r1", "11-23 09:00 r2", "11-23 09:00 r3", "11-23 09:00 r7", "11-23 09:00 r8"]
    );
    assert_eq!(desk.counts(number).await, "sent: 5 sent, 2 suppressed, 1 cancelled");
    let reasons: Vec<(i64, String)> = sqlx::query_as(
        "SELECT reader_id, reason ->> 'code' FROM barometer_digests.reader_digest WHERE reason IS NOT NULL ORDER BY 1",
    )
    .fetch_all(desk.pool())
    .await
    .unwrap();
    let reasons: Vec<(i64, &str)> = reasons.iter().map(|(reader, code)| (*reader, code.as_str())).collect();
    assert_eq!(reasons, [(4, "nothing_for_you"), (5, "left"), (6, "unreachable")]);
    assert!(desk.proof(number).await.adds_up, "{:?}", desk.proof(number).await);
    // Each in their language, with their own way out; a room has none that one person could take for all.
    let said = async |reader: &str| serde_json::to_string(&desk.letter(reader).await).unwrap();
    assert!(said("r1").await.contains("/digests/leave/") && said("r1").await != said("r7").await);
    assert!(!said("r8").await.contains("/digests/leave/"));
    assert!(!desk.letter("r8").await.blocks.iter().any(|block| matches!(block, Block::Template { .. })));
    assert_ne!(said("r3").await, said("r1").await);
    let english =
        "SELECT count(*) FROM core.delivery WHERE locale = 'en' AND subject = 'r2' AND purpose = 'digest' AND lane = 2";
    assert_eq!(desk.number(english).await, 1);
    let room = "SELECT count(*) FROM core.delivery WHERE subject = 'r8' AND address_id IS NULL AND conversation_id IS NOT NULL";
    assert_eq!(desk.number(room).await, 1);
}

#[tokio::test]
async fn whoever_leaves_while_it_is_in_the_outbox_is_called_so() {
    let mut desk = Desk::new(8).await;
    desk.outbox = "queued";
    desk.readers(1..=2, MONDAY_NINE).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-23T08:00:10Z").await;
    assert_eq!(desk.counts(number).await, "sending: 2 handed");
    desk.by_hand("UPDATE barometer_digests.reader SET state = 'left', left_at = subscribed_at WHERE id = 2").await;
    desk.does(async |cx| {
        cx.stop_subject(super::scope(number), super::subject(2));
        Ok(())
    })
    .await
    .unwrap();
    desk.outbox = "unknown";
    desk.until("2026-11-23T10:00:00Z").await;
    assert_eq!(desk.counts(number).await, "sent: 1 unknown, 1 cancelled");
    let reasons = "SELECT count(*) FROM barometer_digests.reader_digest
                   WHERE (reader_id, reason) IN ((2, '{\"code\": \"left\"}'), (1, '{\"code\": \"outbox\", \"why\": \"as played\"}'))";
    assert_eq!(desk.number(reasons).await, 2);
    assert!(desk.proof(number).await.adds_up);
}

/// The night of 28 to 29 March 2026 has no half past two in France, the one of 24 to 25 October has two.
#[tokio::test]
async fn clocks_that_change_lose_nobody_and_double_nobody() {
    let desk = Desk::new(9).await;
    desk.clock.set("2027-03-19T08:00:00Z".parse().unwrap());
    desk.readers(1..=1, &at("7, 2")).await;
    desk.readers(2..=2, &at("7, 3")).await;
    let spring = desk.published("2027-W12").await;
    desk.until("2027-04-02T08:00:00Z").await;
    assert_eq!(desk.sent(spring).await, ["03-28 03:00 r1", "03-28 03:00 r2"]);
    desk.until("2027-10-22T08:00:00Z").await;
    let autumn = desk.published("2027-W43").await;
    desk.until("2027-11-05T08:00:00Z").await;
    assert_eq!(desk.sent(autumn).await, ["10-31 02:00 r1", "10-31 03:00 r2"]);
    assert_eq!(desk.counts(autumn).await, "sent: 2 sent");
}

/// What the operators were told about the sums.
async fn told(desk: &Desk) -> i64 {
    desk.number("SELECT count(*) FROM core.delivery WHERE scope LIKE 'digest-proof:%'").await
}

#[tokio::test]
async fn a_digest_that_is_taken_away_is_missed_and_told_once() {
    let desk = Desk::new(10).await;
    desk.readers(1..=3, MONDAY_NINE).await;
    desk.operator(1).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-23T09:00:00Z").await;
    assert_eq!((desk.counts(number).await.as_str(), told(&desk).await), ("sent: 3 sent", 0));
    desk.by_hand("DELETE FROM barometer_digests.reader_digest WHERE reader_id = 2").await;
    desk.until("2026-11-27T09:00:00Z").await;
    let proof = desk.proof(number).await;
    assert_eq!(
        proof.problems,
        [Problem::Digests { expected: 3, found: 2 }, Problem::Deliveries { handed: 2, found: 3 }]
    );
    assert_eq!(told(&desk).await, 1, "on four days, once");
    let mut connection = desk.pool().acquire().await.unwrap();
    let watched = proof::watched(&mut connection).await.unwrap();
    assert_eq!((watched.len(), watched[0].edition, &watched[0].problems), (1, number, &proof.problems));
    assert_eq!(watched[0].by_state, [(DigestState::Sent, 2)].into());
    let words = serde_json::to_string(&desk.letter("").await).unwrap();
    assert!(words.contains("L’édition") || words.contains("l’édition"), "{words}");
    // Put right again, it adds up again, and the log tells of both.
    desk.by_hand(
        "INSERT INTO barometer_digests.reader_digest (organisation_id, reader_id, period, edition_number, due_at, state,
             handed_at, settled_at)
         SELECT organisation_id, 2, period, edition_number, due_at, state, handed_at, settled_at
         FROM barometer_digests.reader_digest WHERE reader_id = 1",
    )
    .await;
    desk.until("2026-11-28T09:00:00Z").await;
    assert!(proof::watched(&mut connection).await.unwrap()[0].problems.is_empty());
    let log =
        desk.number("SELECT count(*) FROM core.audit WHERE action IN ('digest.mismatch', 'digest.adds_up_again')");
    assert_eq!(log.await, 2);
}

#[tokio::test]
async fn a_message_that_vanishes_or_that_never_was_is_missed() {
    let desk = Desk::new(11).await;
    desk.readers(1..=3, MONDAY_NINE).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-23T09:00:00Z").await;
    desk.by_hand("DELETE FROM core.delivery WHERE subject = 'r2'").await;
    let vanished = desk.proof(number).await.problems;
    assert_eq!(
        vanished,
        [
            Problem::Deliveries { handed: 3, found: 2 },
            Problem::Outcomes { state: DigestState::Sent, digests: 3, found: 2 }
        ]
    );
    // One that failed is called sent.
    desk.by_hand("UPDATE core.delivery SET state = 'failed' WHERE subject = 'r3'").await;
    assert_eq!(desk.proof(number).await.problems.len(), 2);
    assert!(desk.proof(number).await.problems.contains(&Problem::Outcomes {
        state: DigestState::Sent,
        digests: 3,
        found: 1
    }));
}

#[tokio::test]
async fn what_an_operator_sends_once_more_is_no_mismatch() {
    let mut desk = Desk::new(12).await;
    desk.outbox = "failed";
    desk.readers(1..=2, MONDAY_NINE).await;
    desk.operator(1).await;
    let number = desk.published("2026-W48").await;
    desk.until("2026-11-23T09:00:00Z").await;
    assert_eq!(desk.counts(number).await, "sent: 2 failed");
    desk.outbox = "queued";
    desk.by_hand("UPDATE core.delivery SET state = 'queued', settled_at = NULL, reason = NULL WHERE subject = 'r1'")
        .await;
    assert!(desk.proof(number).await.adds_up, "it is under way again");
    desk.outbox = "sent";
    desk.play().await;
    assert!(!desk.proof(number).await.adds_up, "until somebody looks");
    desk.until("2026-11-24T09:00:00Z").await;
    assert_eq!(desk.counts(number).await, "sent: 1 sent, 1 failed");
    assert!(desk.proof(number).await.adds_up);
    assert_eq!(told(&desk).await, 0);
}

#[tokio::test]
async fn the_sums_are_checked_for_thirty_days() {
    let desk = Desk::new(13).await;
    desk.readers(1..=1, MONDAY_NINE).await;
    desk.published("2026-W48").await;
    desk.until("2026-12-19T08:00:00Z").await;
    assert_eq!(desk.number("SELECT count(*) FROM core.fire WHERE plugin_id = 'barometer-digests'").await, 1);
    desk.until("2026-12-21T08:00:00Z").await;
    assert_eq!(desk.number("SELECT count(*) FROM core.fire WHERE plugin_id = 'barometer-digests'").await, 0);
}

#[tokio::test]
async fn an_edition_for_nobody_is_sent_at_once() {
    let desk = Desk::new(14).await;
    let number = desk.approved("2026-W48").await;
    assert_eq!(desk.publishes(number).await, Some(0));
    desk.until("2026-11-20T08:00:01Z").await;
    assert_eq!(desk.counts(number).await, "sent: ");
}

/// As many as CRIEUR_TEST_PEOPLE says: several batches, and outcomes over several looks.
#[tokio::test]
async fn thousands_are_published_handed_over_and_settled() {
    let desk = Desk::new(15).await;
    let people: i64 = std::env::var("CRIEUR_TEST_PEOPLE").ok().and_then(|count| count.parse().ok()).unwrap_or(2100);
    desk.readers(1..=people, MONDAY_NINE).await;
    let taken = std::time::Instant::now();
    let number = desk.published("2026-W48").await;
    let first = taken.elapsed();
    desk.until("2026-11-20T08:00:01Z").await;
    let published = taken.elapsed();
    let nine: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().unwrap();
    desk.clock.set(nine);
    let taken = std::time::Instant::now();
    desk.until("2026-11-23T08:00:00Z").await;
    let handed = taken.elapsed();
    desk.until("2026-11-23T10:00:00Z").await;
    println!(
        "{people} readers: publish {first:?}, planned {published:?}, handed over {handed:?}, in all {:?}",
        taken.elapsed()
    );
    assert_eq!(desk.counts(number).await, format!("sent: {people} sent"));
    assert!(desk.proof(number).await.adds_up);
}
