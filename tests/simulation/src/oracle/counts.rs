//! Promises about the whole: every row has an end, every end is what people saw, and whoever got nothing has a reason
//! that the world can confirm.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, PlannedRow, Promise, RowState, Violation, step_of};
use crate::campaigns::{Rung, Step};
use crate::record::{Decision, Received};

pub(super) fn judge(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let mut seen: HashMap<(usize, usize, u32), Vec<&Received>> = HashMap::new();
    for (person, received) in &case.unasked {
        for message in received {
            if let Some((campaign, step)) = step_of(message) {
                seen.entry((campaign, step, *person)).or_default().push(message);
            }
        }
    }
    if case.rows.len() != case.evidence.rows.len() {
        let what = format!("{} rows for {} messages", case.evidence.rows.len(), case.rows.len());
        violations.push(Violation { promise: Promise::CountsAddUp, person: None, at: None, what });
    }
    for row in case.evidence.rows {
        let received = seen.remove(&(row.campaign, row.step, row.person)).unwrap_or_default();
        row_and_messages(case, row, &received, violations);
    }
    // Messages without a row are named one by one elsewhere.
    planned(case, violations);
}

fn row_and_messages(case: &Case<'_>, row: &PlannedRow, received: &[&Received], violations: &mut Vec<Violation>) {
    let campaign = &case.evidence.campaigns[row.campaign];
    let step = &campaign.steps[row.step];
    let mut found = |promise, what: String| {
        let at = received.first().map(|message| message.at);
        let what = format!("{} of {}: {what}", step.key, campaign.slug);
        violations.push(Violation { promise, person: Some(row.person), at, what });
    };
    let (fewest, most) = match row.state {
        RowState::Sent => (1, 1),
        RowState::Unknown => (0, 1),
        _ => (0, 0),
    };
    if !(fewest..=most).contains(&received.len()) {
        found(Promise::CountsAddUp, format!("{} by the table, seen {} times", row.state.as_str(), received.len()));
    }
    match row.state {
        RowState::Sent => {}
        RowState::Waiting | RowState::Handed => {
            if case.evidence.ended_at > campaign.deadline_at() + TimeDelta::days(2) {
                found(Promise::CountsAddUp, format!("still {} after the deadline", row.state.as_str()));
            }
        }
        _ => match row.reason.as_deref() {
            None => found(Promise::NobodyForgotten, format!("{} without a reason", row.state.as_str())),
            Some(reason) => {
                if let Some(objection) = untrue(case, row, step, reason) {
                    found(Promise::NobodyForgotten, format!("{} as `{reason}`, but {objection}", row.state.as_str()));
                }
            }
        },
    }
}

/// Why a reason for sending nothing cannot be true, as far as the world can tell.
fn untrue(case: &Case<'_>, row: &PlannedRow, step: &Step, reason: &str) -> Option<&'static str> {
    let person = &case.evidence.world.people[row.person as usize];
    let campaign = row.campaign;
    let own =
        |decision: &dyn Fn(Decision) -> bool| case.of_person(row.person).iter().any(|entry| decision(entry.decision));
    let (is_true, objection) = match reason {
        "answered" => (case.answer(row.person, campaign).is_some(), "nobody answered"),
        "stopped" => (person.stopped || own(&|decision| decision == Decision::Stopped), "nobody said STOP"),
        "campaign_stopped" => {
            (own(&|decision| decision == Decision::StoppedCampaign { campaign }), "nobody said “no more of this”")
        }
        "not_mine" => (own(&|decision| decision == Decision::NotMine { campaign }), "nobody said “not me”"),
        "blocked" => (has_blocked(case, row.person), "they did not block us"),
        "unreachable" => {
            let came = case
                .of_person(row.person)
                .iter()
                .any(|entry| matches!(entry.decision, Decision::Joined { .. }) && entry.at < row.earliest_at);
            ((person.bound.is_none() && !came) || has_blocked(case, row.person), "they can be written to")
        }
        "no_consent" => (person.bound.is_none() || !person.agrees_to_reminders, "they agreed"),
        "snoozed" => (own(&|decision| matches!(decision, Decision::Snoozed { .. })), "nobody asked to be left alone"),
        "condition" => (step.only_if.is_some(), "the step has none"),
        "missed" => (was_hindered(case, row), "the service was there all the time"),
        "no_longer_planned" => {
            let turned_away = case.of_collectivite(row.person).next().is_some() || has_blocked(case, row.person);
            (turned_away, "nothing speaks against it")
        }
        // Nothing of the kind happens in this world.
        "gone" | "refused" | "cancelled" | "never" | "no_token" | "excluded" | "not_addressed" | "over" => {
            (false, "that cannot be")
        }
        _ => return None,
    };
    (!is_true).then_some(objection)
}

/// Whether their network told us so, or refused a call.
fn has_blocked(case: &Case<'_>, person: u32) -> bool {
    let told = case.of_person(person).iter().any(|entry| matches!(entry.decision, Decision::Blocked { .. }));
    told || case.evidence.entries.knocked.iter().any(|knock| knock.person == person)
}

/// An outage, or calls that failed, within two days of when a row should have gone out.
fn was_hindered(case: &Case<'_>, row: &PlannedRow) -> bool {
    let from = row.earliest_at - TimeDelta::hours(1);
    // What waits for the morning, for Monday, for the cap or for a break between messages waits at most so long.
    let until = row.earliest_at + TimeDelta::days(14);
    let overlaps = |since: DateTime<Utc>, end: DateTime<Utc>| since < until && end > from;
    case.evidence.entries.outages.iter().any(|outage| overlaps(outage.since, outage.until))
}

/// Whoever belongs to a campaign's group, agreed, and can be written to on the day of the first approval stands in the
/// list for each step that addresses them.
fn planned(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let world = case.evidence.world;
    for (number, campaign) in case.evidence.campaigns.iter().enumerate() {
        let Some(first) = case.evidence.entries.approved.iter().find(|entry| entry.campaign == number) else {
            continue;
        };
        for (index, person) in world.people.iter().enumerate().filter(|(_, person)| person.hears_reminders()) {
            // As many as there are contacts.
            let who = u32::try_from(index).unwrap_or(u32::MAX);
            let turned_away = case.of_person(who).iter().any(|entry| entry.order < first.order);
            if turned_away || !campaign.addresses(world, who) {
                continue;
            }
            let is_addressed = |step: &Step| match step.to {
                Rung::First => person.rank == 1,
                Rung::Deputy => person.rank == 2,
                Rung::Everyone => true,
            };
            for (place, step) in campaign.steps.iter().enumerate().filter(|(_, step)| is_addressed(step)) {
                if !case.rows.contains_key(&(number, place, who)) {
                    violations.push(Violation {
                        promise: Promise::NobodyForgotten,
                        person: Some(who),
                        at: Some(first.at),
                        what: format!("{} of {} was never planned for them", step.key, campaign.slug),
                    });
                }
            }
        }
    }
}
