//! The judge can tell: an honest record passes, and each planted lie is named.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc, Weekday};
use uuid::Uuid;

use super::*;
use crate::campaigns::{OnlyIf, Rung, campaigns, home_time};
use crate::record::{Approved, Knock};
use crate::world::{Network, Quiet, Size};

/// A world in which one campaign went well: who was addressed got each unconditional step at its hour, or on the next
/// day on which that may be.
struct Honest {
    world: World,
    campaigns: Vec<Campaign>,
    entries: Entries,
    rows: Vec<PlannedRow>,
}

impl Honest {
    fn new() -> Self {
        let start = NaiveDate::from_ymd_opt(2026, 10, 12).unwrap();
        let world = World::new(Size { collectivites: 60, contacts: 90, seed: 4 });
        let campaigns = campaigns(start)[..1].to_vec();
        let mut honest = Self { world, campaigns, entries: Entries::default(), rows: Vec::new() };
        let order = honest.entries.next_order();
        let at = home_time(start.and_time(NaiveTime::MIN));
        honest.entries.approved.push(Approved { order, at, campaign: 0, version: 1 });
        honest.carry_out();
        honest
    }

    fn carry_out(&mut self) {
        let campaign = self.campaigns[0].clone();
        for person in 0..u32::try_from(self.world.people.len()).unwrap() {
            let who = &self.world.people[person as usize];
            if !who.hears_reminders() {
                continue;
            }
            let mut last: Option<NaiveDate> = None;
            let mut reminders = 0;
            for (number, step) in campaign.steps.iter().enumerate() {
                let addressed = match step.to {
                    Rung::First => who.rank == 1,
                    Rung::Deputy => who.rank == 2,
                    Rung::Everyone => true,
                };
                if !addressed {
                    continue;
                }
                let hour = if who.quiet == Quiet::Afternoons { step.hour.min(11) } else { step.hour };
                let mut day = messages_time(&campaign, step).date();
                let late = hour < step.hour;
                if late {
                    day = day + Days::new(1);
                }
                let may = |day: NaiveDate| {
                    let wall = day.and_hms_opt(hour, 30, 0).unwrap();
                    hours::objection(wall, self.world.place_of(person).code, who.quiet, true).is_none()
                        && last.is_none_or(|last| (day - last).num_days() >= campaign.days_between_min)
                };
                while !may(day) {
                    day = day + Days::new(1);
                }
                let wall = day.and_hms_opt(hour, 30, 0).unwrap();
                let at = wall.and_local_timezone(who.zone).earliest().unwrap().to_utc();
                let dropped = if step.only_if == Some(OnlyIf::Started) {
                    Some((RowState::Suppressed, "condition"))
                } else if step.is_reminder && reminders == usize::from(campaign.reminders_max) {
                    Some((RowState::Suppressed, "reminders_max"))
                } else if at >= campaign.deadline_at() {
                    Some((RowState::Expired, "after_deadline"))
                } else {
                    None
                };
                let earliest_at = at - TimeDelta::minutes(30);
                let row = PlannedRow {
                    campaign: 0,
                    step: number,
                    person,
                    earliest_at,
                    state: dropped.map_or(RowState::Sent, |(state, _)| state),
                    reason: dropped.map(|(_, reason)| reason.to_owned()),
                    version: 1,
                };
                self.rows.push(row);
                if dropped.is_none() {
                    last = Some(day);
                    reminders += usize::from(step.is_reminder);
                    let line = campaign.line(step.key, 1, &who.name).into();
                    let message = Message::Campaign { campaign: 0, step: number, line };
                    let order = self.entries.next_order();
                    let network = who.bound.unwrap();
                    let delivery = Uuid::from_u128(u128::from(order));
                    self.entries.received.push(Received { order, at, person, network, delivery, message });
                }
            }
        }
    }

    /// The first one that passes, by its place in the record.
    fn find(&self, which: impl Fn(&Received) -> bool) -> usize {
        self.entries.received.iter().position(which).unwrap()
    }

    fn decide(&mut self, person: u32, order: Order, decision: Decision) {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        self.entries.decided.push(Decided { order, at, person, decision, under_way: Vec::new() });
    }

    fn judged(&self) -> Vec<Promise> {
        let evidence = Evidence {
            world: &self.world,
            campaigns: &self.campaigns,
            entries: &self.entries,
            rows: &self.rows,
            ended_at: "2027-01-04T00:00:00Z".parse().unwrap(),
        };
        let mut promises: Vec<_> = judge(&evidence).into_iter().map(|violation| violation.promise).collect();
        promises.sort_unstable();
        promises.dedup();
        promises
    }
}

fn messages_time(campaign: &Campaign, step: &crate::campaigns::Step) -> chrono::NaiveDateTime {
    super::messages::time_of(campaign, step)
}

/// Plants a lie into an honest record and expects it to be named, whatever else it breaks.
#[track_caller]
fn named(promise: Promise, plant: impl FnOnce(&mut Honest)) {
    let mut record = Honest::new();
    plant(&mut record);
    let judged = record.judged();
    assert!(judged.contains(&promise), "{promise:?} is not among {judged:?}");
}

type Plant = fn(&mut Honest);

#[test]
fn an_honest_record_passes() {
    let honest = Honest::new();
    assert!(honest.entries.received.len() > 100);
    assert_eq!(honest.judged(), []);
}

#[test]
fn a_message_after_an_answer_is_named() {
    named(Promise::NothingAfterAnswer, |record| {
        // A colleague of somebody who got a message answered just before.
        let message = record.find(|message| record.world.collectivite_of(message.person).people.len() > 1);
        let Received { order, person, .. } = record.entries.received[message];
        let colleague = *record.world.collectivite_of(person).people.iter().find(|who| **who != person).unwrap();
        record.decide(colleague, order - 1, Decision::Answered { campaign: 0 });
    });
}

#[test]
fn what_was_under_way_when_the_answer_came_is_forgiven() {
    let mut record = Honest::new();
    let last = record.entries.received.len() - 1;
    let Received { order, person, delivery, .. } = record.entries.received[last];
    record.decide(person, order - 1, Decision::Answered { campaign: 0 });
    record.entries.decided[0].under_way.push(delivery);
    assert_eq!(record.judged(), []);
}

#[test]
fn messages_after_a_refusal_are_named() {
    for decision in [Decision::Stopped, Decision::StoppedCampaign { campaign: 0 }, Decision::NotMine { campaign: 0 }] {
        named(Promise::NothingAfterStop, |record| {
            let Received { order, person, .. } = record.entries.received[0];
            record.decide(person, order - 1, decision);
        });
    }
    named(Promise::NothingWhileSnoozed, |record| {
        let Received { order, person, at, .. } = record.entries.received[0];
        record.decide(person, order - 1, Decision::Snoozed { campaign: 0, until: at + TimeDelta::hours(1) });
    });
}

#[test]
fn a_call_to_somebody_who_blocked_us_is_named() {
    let knock = |order| Knock {
        order,
        at: "2026-10-20T08:00:00Z".parse().unwrap(),
        person: 3,
        network: Network::Discord,
        delivery: Uuid::from_u128(9),
    };
    named(Promise::NothingAfterStop, |record| {
        let order = record.entries.next_order();
        record.decide(3, order, Decision::Blocked { network: Network::Discord });
        let order = record.entries.next_order();
        record.entries.knocked.push(knock(order));
    });
    named(Promise::NothingAfterStop, |record| {
        let first = record.entries.next_order();
        record.entries.knocked.push(knock(first));
        let second = record.entries.next_order();
        record.entries.knocked.push(Knock { at: knock(0).at + TimeDelta::minutes(1), ..knock(second) });
    });
    // The first refused call is how we hear of it.
    let mut record = Honest::new();
    let order = record.entries.next_order();
    record.entries.knocked.push(knock(order));
    assert_eq!(record.judged(), []);
}

#[test]
fn messages_to_people_who_are_not_on_the_list_are_named() {
    named(Promise::OnlyTheList, |record| {
        let unbound = record.world.people.iter().position(|person| person.bound.is_none()).unwrap();
        record.entries.received[0].person = u32::try_from(unbound).unwrap();
    });
    named(Promise::OnlyTheList, |record| {
        record.rows.remove(0);
    });
    named(Promise::OnlyTheList, |record| {
        let person = record.entries.received[0].person;
        record.world.people[person as usize].agrees_to_reminders = false;
    });
}

#[test]
fn messages_at_the_wrong_time_are_named() {
    let moves: [(Promise, Plant); 5] = [
        (Promise::OnlyInHours, |record| record.entries.received[0].at += TimeDelta::hours(10)),
        (Promise::OnlyInHours, |record| {
            // To the next Sunday.
            let at = &mut record.entries.received[0].at;
            while at.weekday() != Weekday::Sun {
                *at += TimeDelta::days(1);
            }
        }),
        (Promise::NotEarlier, |record| record.entries.received[0].at -= TimeDelta::hours(1)),
        (Promise::WithinCampaign, |record| {
            let last = record.entries.received.len() - 1;
            record.entries.received[last].at += TimeDelta::days(14);
        }),
        (Promise::OnlyInHours, |record| {
            // All Saints' is a Sunday in 2026; the Armistice a Wednesday.
            let at = &mut record.entries.received[0].at;
            *at = at.with_month(11).and_then(|at| at.with_day(11)).unwrap();
        }),
    ];
    for (promise, plant) in moves {
        named(promise, plant);
    }
    named(Promise::OnlyInHours, |record| {
        let message = record.find(|message| message.at.with_timezone(&crate::campaigns::HOME).hour() >= 12);
        let person = record.entries.received[message].person;
        record.world.people[person as usize].quiet = Quiet::Afternoons;
    });
}

#[test]
fn too_many_messages_are_named() {
    let again = |record: &mut Honest, after: TimeDelta| {
        let mut copy = record.entries.received[0].clone();
        copy.order = record.entries.next_order();
        copy.delivery = Uuid::from_u128(u128::from(copy.order) << 64);
        copy.at += after;
        record.entries.received.push(copy);
    };
    named(Promise::NoStepTwice, |record| again(record, TimeDelta::days(7)));
    named(Promise::CountsAddUp, |record| again(record, TimeDelta::days(7)));
    named(Promise::DaysBetween, |record| again(record, TimeDelta::days(1)));
    named(Promise::CapKept, |record| {
        again(record, TimeDelta::days(1));
        again(record, TimeDelta::days(6));
    });
    named(Promise::RemindersMax, |record| record.campaigns[0].reminders_max = 1);
    named(Promise::NoStepTwice, |record| {
        let person = record.world.people.iter().position(|person| person.agrees_to_consultations);
        let person = u32::try_from(person.unwrap_or_default()).unwrap();
        for _ in 0..2 {
            let mut copy = record.entries.received[0].clone();
            copy.order = record.entries.next_order();
            copy.person = person;
            copy.message = Message::Consultation { number: 1 };
            record.entries.received.push(copy);
        }
    });
}

#[test]
fn other_words_than_approved_are_named() {
    named(Promise::ApprovedWords, |record| {
        let Message::Campaign { line, .. } = &mut record.entries.received[0].message else { panic!("a reminder") };
        *line = line.replace("version 1", "version 2").into();
    });
    // A newer version had been approved.
    named(Promise::ApprovedWords, |record| {
        let first = record.entries.approved[0];
        record.entries.approved.push(Approved { version: 2, at: first.at + TimeDelta::minutes(1), ..first });
    });
}

#[test]
fn a_step_for_others_is_named() {
    named(Promise::ConditionMet, |record| {
        let steps = record.campaigns[0].steps.clone();
        let message = record
            .find(|message| step_of(message).is_some_and(|(_, step)| steps[step].only_if == Some(OnlyIf::NotStarted)));
        let Received { order, person, .. } = record.entries.received[message];
        record.decide(person, order - 1, Decision::Started { campaign: 0 });
    });
}

#[test]
fn counts_that_do_not_add_up_are_named() {
    named(Promise::CountsAddUp, |record| {
        record.entries.received.pop();
    });
    named(Promise::CountsAddUp, |record| record.rows[0].state = RowState::Handed);
    named(Promise::CountsAddUp, |record| {
        let row = record.rows[0].clone();
        record.rows.push(row);
    });
}

#[test]
fn whoever_was_forgotten_is_named() {
    named(Promise::NobodyForgotten, |record| {
        record.rows[0].state = RowState::Suppressed;
        record.entries.received.remove(0);
    });
    for reason in ["answered", "stopped", "blocked", "missed", "unreachable", "not_mine", "no_consent", "condition"] {
        named(Promise::NobodyForgotten, |record| {
            record.rows[0].state = RowState::Suppressed;
            record.rows[0].reason = Some(reason.to_owned());
            record.entries.received.remove(0);
        });
    }
    named(Promise::NobodyForgotten, |record| {
        record.rows.remove(0);
        record.entries.received.remove(0);
    });
}
