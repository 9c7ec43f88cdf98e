//! Promises about what a person receives.

use chrono::{DateTime, Days, NaiveDateTime, TimeDelta, Utc};

use super::hours;
use super::{Case, Promise, Violation, knew, step_of};
use crate::campaigns::{After, CAP_DAYS, CAP_MESSAGES, Campaign, OnlyIf, Step};
use crate::record::{Decision, Knock, Message, Received};

pub(super) fn judge(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for (person, received) in &case.unasked {
        let mut judge = Judge { case, person: *person, violations };
        judge.cap(received);
        for (index, message) in received.iter().enumerate() {
            judge.one(message, &received[..index]);
        }
    }
    blocks(case, violations);
}

struct Judge<'j, 'e> {
    case: &'j Case<'e>,
    person: u32,
    violations: &'j mut Vec<Violation>,
}

impl Judge<'_, '_> {
    fn found(&mut self, promise: Promise, at: DateTime<Utc>, what: impl Into<String>) {
        self.violations.push(Violation { promise, person: Some(self.person), at: Some(at), what: what.into() });
    }

    /// At most so many in any run of days of the person's calendar, whoever sends.
    fn cap(&mut self, received: &[&Received]) {
        let person = &self.case.evidence.world.people[self.person as usize];
        let mut days: Vec<_> = received.iter().map(|message| (person.wall(message.at).date(), message.at)).collect();
        days.sort_unstable();
        for run in days.windows(CAP_MESSAGES + 1) {
            let ((first, _), (last, at)) = (run[0], run[CAP_MESSAGES]);
            if (last - first).num_days() < CAP_DAYS {
                self.found(Promise::CapKept, at, format!("{} messages from {first} to {last}", run.len()));
            }
        }
    }

    fn one(&mut self, message: &Received, before: &[&Received]) {
        let world = self.case.evidence.world;
        let person = &world.people[self.person as usize];
        let place = world.place_of(self.person).code;
        let is_campaign = step_of(message).is_some();
        if let Some(why) = hours::objection(person.wall(message.at), place, person.quiet, is_campaign) {
            self.found(Promise::OnlyInHours, message.at, format!("{why}, {} there", person.wall(message.at)));
        }
        if person.stopped || !self.case.is_bound(self.person, message.order) {
            self.found(Promise::OnlyTheList, message.at, "to somebody who never agreed to anything");
        }
        self.after_wishes(message);
        match &message.message {
            Message::Campaign { campaign, step, line } => self.of_campaign(message, (*campaign, *step), line, before),
            Message::Consultation { number } => {
                if !person.agrees_to_consultations {
                    self.found(Promise::OnlyTheList, message.at, "a consultation, without consent");
                }
                if before.iter().any(|other| other.message == message.message) {
                    self.found(Promise::NoStepTwice, message.at, format!("consultation {number}"));
                }
            }
            Message::Digest(_) => self.found(Promise::OnlyTheList, message.at, "a digest, which nobody sends here"),
            Message::Reply => {}
        }
    }

    /// STOP and the like, said before it was sent.
    fn after_wishes(&mut self, message: &Received) {
        let campaign = step_of(message).map(|(campaign, _)| campaign);
        // The last wish for a day counts.
        let is_snooze = |decision| matches!(decision, Decision::Snoozed { campaign: of, .. } if Some(of) == campaign);
        let known = || self.case.of_person(self.person).iter().filter(|entry| knew(message, entry));
        let last_snooze = known().filter(|entry| is_snooze(entry.decision)).map(|entry| entry.order).max();
        for entry in known().filter(|entry| !is_snooze(entry.decision) || Some(entry.order) == last_snooze) {
            let (promise, what) = match entry.decision {
                Decision::Stopped => (Promise::NothingAfterStop, "after STOP"),
                Decision::StoppedCampaign { campaign: of } if Some(of) == campaign => {
                    (Promise::NothingAfterStop, "after “no more of this”")
                }
                Decision::NotMine { campaign: of } if Some(of) == campaign => {
                    (Promise::NothingAfterStop, "after “not me”")
                }
                Decision::Snoozed { campaign: of, until } if Some(of) == campaign && message.at < until => {
                    (Promise::NothingWhileSnoozed, "before the day they asked for")
                }
                _ => continue,
            };
            self.found(promise, message.at, format!("{what}, which was known at {}", entry.at));
        }
    }

    fn of_campaign(&mut self, message: &Received, which: (usize, usize), line: &str, before: &[&Received]) {
        let (number, step_number) = which;
        let campaign = &self.case.evidence.campaigns[number];
        let step = &campaign.steps[step_number];
        let person = &self.case.evidence.world.people[self.person as usize];
        let at = message.at;
        let of_this: Vec<_> = before
            .iter()
            .filter_map(|other| step_of(other).filter(|(of, _)| *of == number).map(|(_, step)| (step, other)))
            .collect();

        if let Some(answer) = self.case.answer(self.person, number)
            && knew(message, answer)
        {
            let what = format!("{} after the answer of {}", step.key, answer.at);
            self.found(Promise::NothingAfterAnswer, at, what);
        }
        if !person.agrees_to_reminders || !campaign.addresses(self.case.evidence.world, self.person) {
            self.found(Promise::OnlyTheList, at, format!("{} to somebody it is not for", step.key));
        }
        match self.case.rows.get(&(number, step_number, self.person)) {
            None => self.found(Promise::OnlyTheList, at, format!("{} stands in no approved list", step.key)),
            Some(row) if at < row.earliest_at => {
                self.found(Promise::NotEarlier, at, format!("{} approved for {}", step.key, row.earliest_at));
            }
            Some(_) => {}
        }
        if person.wall(at) < time_of(campaign, step) {
            self.found(Promise::NotEarlier, at, format!("{} before its hour there", step.key));
        }
        if at < campaign.opens_at() || at >= campaign.deadline_at() {
            self.found(Promise::WithinCampaign, at, step.key);
        }
        if of_this.iter().any(|(other, _)| *other == step_number) {
            self.found(Promise::NoStepTwice, at, step.key);
        }
        let reminders = of_this.iter().filter(|(other, _)| campaign.steps[*other].is_reminder).count();
        if step.is_reminder && reminders >= usize::from(campaign.reminders_max) {
            self.found(Promise::RemindersMax, at, format!("reminder {}", reminders + 1));
        }
        if let Some((_, last)) = of_this.last() {
            let days = (person.wall(at).date() - person.wall(last.at).date()).num_days();
            if days < campaign.days_between_min {
                self.found(Promise::DaysBetween, at, format!("{} {days} days after the one before", step.key));
            }
        }
        if !self.approved_versions(number, at).any(|version| line == campaign.line(step.key, version, &person.name)) {
            self.found(Promise::ApprovedWords, at, format!("“{line}”"));
        }
        self.condition(message, number, step);
    }

    /// The versions whose words may be read at a moment: what was approved last before it, and what was in force or
    /// came into force at that very moment.
    fn approved_versions(&self, campaign: usize, at: DateTime<Utc>) -> impl Iterator<Item = u16> {
        let approved = &self.case.evidence.entries.approved;
        let of_campaign = || approved.iter().filter(move |entry| entry.campaign == campaign);
        let last = of_campaign().rfind(|entry| entry.at < at).map(|entry| entry.version);
        last.into_iter().chain(of_campaign().filter(move |entry| entry.at == at).map(|entry| entry.version))
    }

    fn condition(&mut self, message: &Received, campaign: usize, step: &Step) {
        let begun = self
            .case
            .of_collectivite(self.person)
            .filter(|entry| entry.decision == Decision::Started { campaign })
            .min_by_key(|entry| entry.order);
        let broken = match step.only_if {
            Some(OnlyIf::NotStarted) => begun.is_some_and(|begun| knew(message, begun)),
            Some(OnlyIf::Started) => begun.is_none_or(|begun| begun.order > message.order),
            None => false,
        };
        if broken {
            self.found(Promise::ConditionMet, message.at, format!("{} is for others", step.key));
        }
    }
}

/// When a step is due on the clocks of whoever gets it.
pub(super) fn time_of(campaign: &Campaign, step: &Step) -> NaiveDateTime {
    let day = match step.when {
        After::Opening(days) => campaign.opens.date() + Days::new(days),
        After::Deadline(days) => campaign.deadline.date() - Days::new(days),
    };
    day.and_time(chrono::NaiveTime::MIN) + TimeDelta::hours(i64::from(step.hour))
}

/// Whoever blocked us is not tried again once the network has told us so.
fn blocks(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for knock in &case.evidence.entries.knocked {
        let told = |entry: &&&crate::record::Decided| {
            entry.decision == Decision::Blocked { network: knock.network } && entry.order < knock.order
        };
        let back = |from: u64| {
            let joined = Decision::Joined { network: knock.network };
            case.of_person(knock.person)
                .iter()
                .any(|entry| entry.decision == joined && (from..knock.order).contains(&entry.order))
        };
        let last_told = case.of_person(knock.person).iter().filter(told).max_by_key(|entry| entry.order);
        let reported = last_told.is_some_and(|entry| !entry.under_way.contains(&knock.delivery) && !back(entry.order));
        // The first call that was refused told us, too.
        let earlier =
            |other: &&Knock| (other.person, other.network) == (knock.person, knock.network) && other.at < knock.at;
        let refused = case.evidence.entries.knocked.iter().filter(earlier).max_by_key(|other| other.order);
        if reported || refused.is_some_and(|other| !back(other.order)) {
            violations.push(Violation {
                promise: Promise::NothingAfterStop,
                person: Some(knock.person),
                at: Some(knock.at),
                what: format!("called on {} after a block", knock.network.as_str()),
            });
        }
    }
}
