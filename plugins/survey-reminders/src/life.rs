//! Whole campaigns against a real database, from the file to the last count.

use bot_core::ContactId;
use bot_core::plugin::Context;
use uuid::Uuid;

use crate::bench::{BAROMETER, Desk};
use crate::links;
use crate::operations::{self, Kind, OperationError, Refusal};
use crate::store::CampaignId;

fn contact(number: u128) -> ContactId {
    // As the bench writes them: decimal digits.
    ContactId(Uuid::parse_str(&format!("00000000-0000-0000-0000-{number:012}")).unwrap())
}

/// Says that a respondent has answered, or begun, as a source would.
async fn state(cx: &mut Context, id: CampaignId, key: &str, state: &str) -> Result<(), OperationError> {
    let answered = (state == "answered").then_some(cx.now);
    sqlx::query!(
        "UPDATE survey_reminders.respondent SET state = $3, answered_at = $4 WHERE campaign_id = $1 AND key = $2",
        id.0,
        key,
        state,
        answered,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_campaign_goes_from_its_file_to_counts_that_add_up() {
    let mut desk = Desk::new(1).await;
    desk.contacts(1..=4, None, 1, true).await;
    desk.contacts(5..=5, Some(1), 2, true).await;
    desk.contacts(6..=6, None, 1, false).await;
    let id = desk.approved(BAROMETER).await;
    assert_eq!(desk.counts(id).await, "approved: 24 waiting");
    desk.until("2026-09-20T08:00:00Z").await;
    desk.does(async |cx| state(cx, id, "c2", "answered").await).await.unwrap();
    desk.does(async |cx| state(cx, id, "c3", "started").await).await.unwrap();
    desk.until("2026-11-10T20:00:00Z").await;
    insta::assert_snapshot!(desk.sent.join("\n"), @r"
    09-08 09:00 invitation Contact 1
    09-08 09:00 invitation Contact 2
    09-08 09:00 invitation Contact 3
    09-08 09:00 invitation Contact 4
    10-05 09:30 relance-1 Contact 1
    10-05 09:30 relance-1 Contact 4
    10-05 09:30 relance-1 Contact 5
    10-05 10:00 relance-commencee Contact 3
    10-30 09:00 adjoint Contact 5
    11-06 09:00 silence les organisateurs
    11-10 09:00 derniere Contact 1
    11-10 09:00 derniere Contact 3
    11-10 09:00 derniere Contact 4
    ");
    desk.until("2026-11-14T08:00:00Z").await;
    assert_eq!(desk.counts(id).await, "closed: 13 sent, 11 suppressed");
    // Nothing is left to do.
    let sent = desk.sent.len();
    desk.until("2027-01-01T08:00:00Z").await;
    assert_eq!(desk.sent.len(), sent);
}

#[tokio::test]
async fn only_what_was_read_is_approved_and_by_somebody_else() {
    let mut desk = Desk::new(2).await;
    desk.contacts(1..=2, None, 1, true).await;
    let source = BAROMETER.replace("reminders_max = 3", "reminders_max = 3\ntwo_people = true");
    let id = desk.does(async |cx| operations::create(cx, &source, "claire").await).await.unwrap().id;
    let whole = Kind::Whole;
    let name = desk.does(async |cx| Ok(operations::propose(cx, id, whole).await?.name())).await.unwrap();
    desk.contacts(3..=3, None, 1, true).await;
    let mut refusals = vec![
        desk.does(async |cx| operations::approve(cx, id, whole, &name, "paul").await.map(drop)).await,
        desk.does(async |cx| operations::propose(cx, id, Kind::Supplement).await.map(drop)).await,
        desk.does(async |cx| operations::create(cx, &source, "paul").await.map(drop)).await,
        desk.does(async |cx| operations::edit(cx, &source, "paul").await.map(drop)).await,
        desk.does(async |cx| operations::pause(cx, id, None).await.map(drop)).await,
    ];
    let reworded = source.replace("Dernier rappel", "Encore un rappel");
    desk.does(async |cx| operations::edit(cx, &reworded, "claire").await).await.unwrap();
    refusals.push(desk.does(async |cx| operations::approve(cx, id, whole, &name, "paul").await.map(drop)).await);
    let name = desk.does(async |cx| Ok(operations::propose(cx, id, whole).await?.name())).await.unwrap();
    refusals.push(desk.does(async |cx| operations::approve(cx, id, whole, &name, "claire").await.map(drop)).await);
    assert!(desk.does(async |cx| operations::approve(cx, id, whole, &name, "paul").await).await.is_ok());
    let name = desk.does(async |cx| Ok(operations::propose(cx, id, whole).await?.name())).await.unwrap();
    refusals.push(desk.does(async |cx| operations::approve(cx, id, whole, &name, "paul").await.map(drop)).await);
    refusals.push(desk.does(async |cx| operations::resume(cx, id, None).await.map(drop)).await);
    refusals.push(desk.does(async |cx| operations::cancel(cx, id, None).await.map(drop)).await);
    refusals.push(desk.does(async |cx| operations::cancel(cx, id, None).await.map(drop)).await);
    refusals.push(desk.does(async |cx| operations::show(cx, "inconnue").await.map(drop)).await);
    let past = source.replace("2026-", "2025-").replace("barometre-2025", "ancien");
    refusals.push(desk.does(async |cx| operations::create(cx, &past, "claire").await.map(drop)).await);
    let nobody = source.replace("to = \"everyone\"\ntime_zone", "to = { group = \"absents\" }\ntime_zone");
    let nobody = nobody.replace("barometre-2026", "autre");
    let other = desk.does(async |cx| operations::create(cx, &nobody, "claire").await).await.unwrap().id;
    refusals.push(desk.does(async |cx| operations::propose(cx, other, whole).await.map(drop)).await);
    let said =
        refusals.into_iter().map(|refused| refused.err().map_or("done".to_owned(), |refusal| refusal.to_string()));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r"
    This plan is no longer the one you read (same words and same rules, 9 messages read, 13 now): read it again with `crieur campaign plan`.
    Nothing is approved, or not the current version: approve the whole campaign first.
    The name “barometre-2026” is taken: choose another one, or change the campaign with `crieur campaign edit`.
    The file has not changed: there is nothing to edit.
    This campaign is not approved yet.
    This plan is no longer the one you read (words or rules have changed, 9 messages read, 13 now): read it again with `crieur campaign plan`.
    “claire” wrote this version: somebody else approves it.
    This version is approved already. For new contacts: `crieur campaign approve --supplement`.
    This campaign is under way already.
    done
    This campaign is cancelled, and a cancelled campaign stays cancelled.
    There is no campaign “inconnue”.
    The deadline is already past: choose a date to come.
    The recipients cannot be read: there is no group `absents`: `crieur contacts groups list` shows those there are
    ");
}

#[tokio::test]
async fn six_hours_of_outage_over_a_step_end_as_each_policy_says() {
    let mut desk = Desk::new(3).await;
    desk.contacts(1..=1, None, 1, true).await;
    for (misfire, slug) in [
        ("\"skip\"", "saute"),
        ("{ send_if_within_hours = 5 }", "court"),
        ("{ send_if_within_hours = 12 }", "long"),
        ("\"send_late\"", "tard"),
    ] {
        let source = BAROMETER.replace("barometre-2026", slug).replacen(
            "misfire = \"send_late\"",
            &format!("misfire = {misfire}"),
            1,
        );
        desk.sent.clear();
        desk.bench.clock.set("2026-09-01T08:00:00Z".parse().unwrap());
        let id = desk.approved(&source).await;
        desk.until("2026-09-08T06:00:00Z").await;
        desk.outage_until("2026-09-08T13:00:00Z").await;
        desk.until("2026-09-09T12:00:00Z").await;
        let sent = desk.sent.first().cloned().unwrap_or_default();
        let expected = match slug {
            "saute" | "court" => "",
            "long" => "09-08 15:00 invitation Contact 1",
            _ => "09-08 15:00 invitation Contact 1 en retard",
        };
        assert_eq!(sent, expected, "{misfire}");
        let counts = desk.counts(id).await;
        assert_eq!(counts.contains("1 expired"), expected.is_empty(), "{misfire}: {counts}");
        desk.does(async |cx| operations::cancel(cx, id, None).await).await.unwrap();
    }
}

#[tokio::test]
async fn an_edited_campaign_waits_for_its_approval_and_repeats_nothing() {
    let mut desk = Desk::new(4).await;
    desk.contacts(1..=2, None, 1, true).await;
    let id = desk.approved(BAROMETER).await;
    desk.until("2026-09-10T08:00:00Z").await;
    assert_eq!(desk.sent, ["09-08 09:00 invitation Contact 1", "09-08 09:00 invitation Contact 2"]);
    // Other words for what they had, another day for the reminder, and one step less.
    let edited = BAROMETER
        .replace("Bonjour {{nom}}, {{titre}}", "Cher {{nom}}, {{titre}}")
        .replace("days = 28\nhour = \"09:30\"", "days = 35\nhour = \"09:30\"")
        .replace("key = \"derniere\"", "key = \"fin\"");
    desk.does(async |cx| operations::edit(cx, &edited, "claire").await).await.unwrap();
    desk.until("2026-10-06T08:00:00Z").await;
    assert_eq!(desk.sent.len(), 2, "nothing goes out while the edit is not approved");
    let difference =
        desk.does(async |cx| Ok(operations::propose(cx, id, Kind::Whole).await?.difference)).await.unwrap();
    let difference = difference.unwrap();
    assert_eq!((difference.added, difference.removed, difference.moved, difference.unchanged), (2, 2, 2, 3));
    desk.approves(id, Kind::Whole).await.unwrap();
    desk.until("2026-11-20T08:00:00Z").await;
    insta::assert_snapshot!(desk.sent[2..].join("\n"), @r"
    10-12 09:30 relance-1 Contact 1
    10-12 09:30 relance-1 Contact 2
    11-06 09:00 silence les organisateurs
    11-10 09:00 fin Contact 1
    11-10 09:00 fin Contact 2
    ");
    // The reminder that may not be late fell due while the edit was not approved.
    assert_eq!(desk.counts(id).await, "closed: 7 sent, 2 expired, 2 cancelled");
}

#[tokio::test]
async fn a_pause_takes_back_what_waits_in_the_outbox() {
    let mut desk = Desk::new(5).await;
    desk.contacts(1..=2, None, 1, true).await;
    let id = desk.approved(BAROMETER).await;
    desk.outbox = "held";
    desk.until("2026-09-08T07:00:10Z").await;
    assert_eq!(desk.counts(id).await, "approved: 7 waiting, 2 handed");
    desk.does(async |cx| operations::pause(cx, id, Some("claire")).await).await.unwrap();
    desk.until("2026-09-09T07:00:00Z").await;
    assert_eq!(desk.counts(id).await, "paused: 9 waiting");
    desk.outbox = "sent";
    desk.until("2026-09-10T12:00:00Z").await;
    desk.does(async |cx| operations::resume(cx, id, Some("claire")).await).await.unwrap();
    desk.until("2026-09-11T12:00:00Z").await;
    assert_eq!(desk.counts(id).await, "approved: 7 waiting, 2 sent");
    // Handed over once more, at the hour of the resumption, and not called late.
    assert_eq!(desk.sent[2..], ["09-10 14:00 invitation Contact 1", "09-10 14:00 invitation Contact 2"]);
    desk.does(async |cx| operations::cancel(cx, id, None).await).await.unwrap();
    assert_eq!(desk.counts(id).await, "cancelled: 2 sent, 7 cancelled");
}

#[tokio::test]
async fn new_contacts_need_an_approval_of_their_own() {
    let mut desk = Desk::new(6).await;
    desk.contacts(1..=1, None, 1, true).await;
    let id = desk.approved(BAROMETER).await;
    desk.until("2026-09-20T08:00:00Z").await;
    desk.contacts(2..=2, None, 1, true).await;
    assert_eq!(desk.approves(id, Kind::Whole).await, Err(Refusal::AlreadyApproved));
    assert_eq!(desk.approves(id, Kind::Supplement).await, Ok(4));
    assert_eq!(desk.approves(id, Kind::Supplement).await, Err(Refusal::NoMessages));
    desk.until("2026-10-05T20:00:00Z").await;
    insta::assert_snapshot!(desk.sent.join("\n"), @r"
    09-08 09:00 invitation Contact 1
    09-21 09:00 invitation Contact 2
    10-05 09:30 relance-1 Contact 1
    10-05 09:30 relance-1 Contact 2
    ");
}

#[tokio::test]
async fn whoever_leaves_gets_nothing_more_and_still_counts() {
    let mut desk = Desk::new(7).await;
    desk.contacts(1..=3, None, 1, true).await;
    let id = desk.approved(BAROMETER).await;
    desk.until("2026-09-10T08:00:00Z").await;
    desk.does(async |cx| Ok(links::erased(cx, contact(1)).await?)).await.unwrap();
    // Contact 3 turns out to be contact 2.
    desk.does(async |cx| Ok(links::merged(cx, contact(2), contact(3)).await?)).await.unwrap();
    assert_eq!(desk.counts(id).await, "approved: 4 waiting, 3 sent, 6 suppressed");
    let export = desk.does(async |cx| Ok(links::export(cx, contact(2)).await?)).await.unwrap();
    assert_eq!(export["campaigns"][0]["messages"].as_array().unwrap().len(), 4);
    let nothing = desk.does(async |cx| Ok(links::export(cx, contact(1)).await?)).await.unwrap();
    assert_eq!(nothing["campaigns"].as_array().unwrap().len(), 0);
    desk.until("2026-10-05T20:00:00Z").await;
    assert_eq!(desk.sent.iter().filter(|sent| sent.contains("relance-1")).count(), 1);
}

/// Several statements of rows, several batches, and outcomes over several looks.
#[tokio::test]
async fn thousands_are_approved_handed_over_and_settled() {
    let mut desk = Desk::new(8).await;
    let people: i64 = std::env::var("CRIEUR_TEST_PEOPLE").ok().and_then(|count| count.parse().ok()).unwrap_or(1200);
    desk.contacts(1..=people, None, 1, true).await;
    let id = desk.approved(BAROMETER).await;
    assert_eq!(desk.counts(id).await, format!("approved: {} waiting", people * 4 + 1));
    desk.until("2026-09-08T09:00:00Z").await;
    assert_eq!(desk.counts(id).await, format!("approved: {} waiting, {people} sent", people * 3 + 1));
}
