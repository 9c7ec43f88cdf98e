//! Twelve weeks of a small country, with the same judge as the whole year; and the judge can tell in what really
//! happened, too.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use simulation::oracle::{Promise, RowState, Violation};
use simulation::record::{Decision, Message};
use simulation::run::{Settings, Trial, run};
use simulation::summary::Summary;
use simulation::world::Size;

#[tokio::test(flavor = "multi_thread")]
async fn twelve_weeks_keep_every_promise() {
    let settings = Settings { size: Size { collectivites: 1000, contacts: 1700, seed: 12 }, weeks: 12 };
    let trial = run(settings, |_, _| {}).await.unwrap();
    let summary = Summary::of(settings, &trial);
    println!("{summary}");
    assert!(summary.violations.is_empty(), "{summary}");

    // Nothing was left out.
    assert!(summary.reminders > 1000 && summary.consultations > 50, "{summary}");
    for what in ["answered", "started", "snoozed", "not mine", "said STOP", "blocked", "came or moved"] {
        assert!(summary.decisions.contains_key(what), "nobody {what}: {summary}");
    }
    assert!(summary.kills == 1 && summary.outages >= 4, "{summary}");
    a_lie_is_found_in_what_really_happened(&trial);
}

fn a_lie_is_found_in_what_really_happened(trial: &Trial) {
    let last = trial.entries.received.iter().rposition(|message| {
        let person = &trial.world.people[message.person as usize];
        matches!(message.message, Message::Campaign { .. }) && person.zone == chrono_tz::Europe::Paris
    });
    let last = last.unwrap();
    let message = trial.entries.received[last].clone();
    let Message::Campaign { campaign, .. } = message.message else { unreachable!() };

    let twice = {
        let mut entries = trial.entries.clone();
        let mut copy = message.clone();
        copy.order = entries.next_order();
        entries.received.push(copy);
        trial.judged_with(&entries, &trial.rows)
    };
    assert!(promises(&twice).is_superset(&BTreeSet::from([Promise::NoStepTwice, Promise::CountsAddUp])));

    let at_night = {
        let mut entries = trial.entries.clone();
        entries.received[last].at += TimeDelta::hours(12);
        trial.judged_with(&entries, &trial.rows)
    };
    assert!(promises(&at_night).contains(&Promise::OnlyInHours));

    let too_late = {
        let mut entries = trial.entries.clone();
        let mut answer = entries.decided[0].clone();
        answer.person = message.person;
        answer.order = message.order - 1;
        answer.decision = Decision::Answered { campaign };
        answer.under_way.clear();
        entries.decided.push(answer);
        trial.judged_with(&entries, &trial.rows)
    };
    assert!(promises(&too_late).contains(&Promise::NothingAfterAnswer));

    let forgotten = {
        let mut rows = trial.rows.clone();
        let row = rows.iter_mut().find(|row| row.state == RowState::Sent).unwrap();
        row.state = RowState::Suppressed;
        trial.judged_with(&trial.entries, &rows)
    };
    assert!(promises(&forgotten).is_superset(&BTreeSet::from([Promise::NobodyForgotten, Promise::CountsAddUp])));
}

fn promises(violations: &[Violation]) -> BTreeSet<Promise> {
    violations.iter().map(|violation| violation.promise).collect()
}
