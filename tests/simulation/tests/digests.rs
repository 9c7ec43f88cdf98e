//! Eight weeks of 2,000 readers, with the same judge as the whole year; and the judge can tell in what really happened,
//! too.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use simulation::digests::book::{Decided, Decision};
use simulation::digests::oracle::{Promise, Violation};
use simulation::digests::run::{Settings, Trial, run};
use simulation::digests::summary::Summary;
use simulation::oracle::RowState;

#[tokio::test(flavor = "multi_thread")]
async fn eight_weeks_keep_every_promise() {
    let settings = Settings { readers: 2000, weeks: 8, seed: 8 };
    let trial = run(settings, |_, _| {}).await.unwrap();
    let summary = Summary::of(settings, &trial);
    println!("{summary}");
    assert!(summary.violations.is_empty(), "{summary}");

    // Nothing was left out.
    assert!(summary.digests > 5000 && summary.consultations > 200 && summary.rooms > 3, "{summary}");
    let all = ["subscribed or changed", "left", "said STOP", "blocked", "returned", "linked", "parted", "erased"];
    for what in all {
        assert!(summary.decisions.contains_key(what), "nobody {what}: {summary}");
    }
    for state in ["sent", "unknown", "failed", "expired", "suppressed", "cancelled"] {
        assert!(summary.by_state.contains_key(state), "nothing was {state}: {summary}");
    }
    assert!(summary.kills == 2 && summary.outages >= 4 && summary.jams >= 2, "{summary}");
    assert!(summary.editions >= 6 && summary.editions_skipped >= 1, "{summary}");
    assert!(summary.deeds > 300 && summary.gave_up < 5, "{summary}");
    a_lie_is_found_in_what_really_happened(&trial);
}

fn a_lie_is_found_in_what_really_happened(trial: &Trial) {
    let simple = |seat: u32| {
        let decided = trial.entries.decided.iter().any(|entry| entry.seat == seat);
        let seat = trial.readers.seat(seat);
        !decided && !seat.is_room && seat.partner.is_none() && seat.zone == chrono_tz::Europe::Paris
    };
    let is_full = |message: &simulation::digests::book::Received| {
        message.digest().is_some_and(|digest| digest.titles != 0) && simple(message.seat)
    };
    let place = trial.entries.received.iter().rposition(is_full).unwrap();
    let message = trial.entries.received[place];

    let twice = {
        let mut entries = trial.entries.clone();
        let mut copy = message;
        copy.order = entries.next_order();
        entries.received.insert(place + 1, copy);
        trial.judged_with(&entries, &trial.table)
    };
    assert!(promises(&twice).is_superset(&BTreeSet::from([Promise::OncePerPeriod, Promise::CountsAddUp])));

    let at_night = {
        let mut entries = trial.entries.clone();
        entries.received[place].at = (message.at() + TimeDelta::hours(12)).into();
        trial.judged_with(&entries, &trial.table)
    };
    assert!(promises(&at_night).contains(&Promise::OnlyInHours));

    let after_leaving = {
        let mut entries = trial.entries.clone();
        let (order, at) = (message.order - 1, message.at());
        let decision = Decision::Left;
        entries.decided.push(Decided { since: order, order, at, seat: message.seat, decision, under_way: Vec::new() });
        trial.judged_with(&entries, &trial.table)
    };
    assert!(promises(&after_leaving).contains(&Promise::NothingAfterLeaving));

    let forgotten = {
        let mut table = trial.table.clone();
        let edition = message.digest().unwrap().edition;
        let row = table.rows.iter_mut().find(|row| (row.seat, row.edition) == (message.seat, edition)).unwrap();
        row.state = RowState::Suppressed;
        trial.judged_with(&trial.entries, &table)
    };
    assert!(promises(&forgotten).is_superset(&BTreeSet::from([Promise::NobodyForgotten, Promise::CountsAddUp])));
}

fn promises(violations: &[Violation]) -> BTreeSet<Promise> {
    violations.iter().map(|violation| violation.promise).collect()
}
