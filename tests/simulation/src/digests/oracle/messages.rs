//! Promises about what a reader receives.

use chrono::{DateTime, Utc};

use super::{Case, Promise, UNDER_WAY, Violation, hour_in, knew, last_moment, lateness};
use crate::campaigns::{CAP_DAYS, CAP_MESSAGES};
use crate::digests::book::{Approved, Decision, Received, What};
use crate::digests::readers::{Seat, Wishes, departement_of};
use crate::digests::reading::Digest;
use crate::messenger::Refusal;
use crate::oracle::hours;

/// Items of one section in the short form.
const SHORT_ITEMS_MAX: u32 = 5;

pub(super) fn judge(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for received in case.evidence.entries.received.chunk_by(|one, other| one.seat == other.seat) {
        let Some(first) = received.first() else { continue };
        let mut judge = Judge { case, number: first.seat, seat: case.seat(first.seat), violations };
        judge.cap(received);
        for (place, message) in received.iter().enumerate() {
            judge.one(message, &received[..place]);
        }
    }
    households(case, violations);
    blocks(case, violations);
}

struct Judge<'j, 'e> {
    case: &'j Case<'e>,
    number: u32,
    seat: &'e Seat,
    violations: &'j mut Vec<Violation>,
}

impl Judge<'_, '_> {
    fn found(&mut self, promise: Promise, message: &Received, what: impl Into<String>) {
        let (seat, at) = (Some(self.number), Some(message.at()));
        self.violations.push(Violation { promise, seat, at, what: what.into() });
    }

    /// At most so many in any run of days of the person's calendar, whoever sends.
    fn cap(&mut self, received: &[Received]) {
        if self.seat.is_room {
            return;
        }
        let mut days: Vec<_> = received.iter().map(|message| (self.seat.wall(message.at()).date(), message)).collect();
        days.sort_unstable_by_key(|(day, message)| (*day, message.order));
        for run in days.windows(CAP_MESSAGES + 1) {
            let ((first, _), (last, message)) = (run[0], run[CAP_MESSAGES]);
            if (last - first).num_days() < CAP_DAYS {
                self.found(Promise::CapKept, message, format!("{} messages from {first} to {last}", run.len()));
            }
        }
    }

    fn one(&mut self, message: &Received, before: &[Received]) {
        let wall = self.seat.wall(message.at());
        if let Some(why) = hours::objection(wall, departement_of(self.seat.zone), self.seat.quiet, false) {
            self.found(Promise::OnlyInHours, message, format!("{why}, {wall} there"));
        }
        match &message.what {
            What::Digest(digest) => self.of_digest(message, digest, before),
            What::Consultation(number) => {
                if !self.seat.agrees_to_consultations && self.case.linked(self.number).is_none() {
                    self.found(Promise::OnlySubscribers, message, format!("consultation {number}, without consent"));
                }
            }
        }
    }

    fn of_digest(&mut self, message: &Received, digest: &Digest, before: &[Received]) {
        self.after_leaving(message);
        let Some(edition) = self.case.approved.get(&digest.edition).copied() else {
            return self.found(Promise::OnlyApproved, message, format!("edition {}", digest.edition));
        };
        if message.order < edition.order || message.at() < edition.at {
            self.found(Promise::OnlyApproved, message, format!("edition {} before {}", edition.number, edition.at));
        }
        let same = |other: &&Received| {
            other.digest().is_some_and(|other| {
                self.case.approved.get(&other.edition).is_some_and(|other| other.period == edition.period)
            })
        };
        if let Some(first) = before.iter().find(same) {
            let what = format!("edition {} of {}, one came at {}", edition.number, edition.period, first.at());
            self.found(Promise::OncePerPeriod, message, what);
        }
        let mut wishes = self.case.wishes(self.number, edition.order, message.order);
        wishes.retain(|wishes| wishes.rhythm == edition.rhythm);
        if wishes.is_empty() {
            return self.found(Promise::OnlySubscribers, message, format!("{} {}", edition.number, edition.period));
        }
        self.time(message, edition, &wishes);
        self.words(message, digest, edition, &wishes);
    }

    fn time(&mut self, message: &Received, edition: &Approved, wishes: &[Wishes]) {
        let wall = self.seat.wall(message.at());
        if !wishes.iter().any(|wishes| hour_in(&edition.period, wishes).is_some_and(|hour| wall >= hour)) {
            self.found(Promise::NotBeforeTheirHour, message, format!("edition {}, {wall} there", edition.number));
        }
        let in_time = |wishes: &Wishes| {
            last_moment(edition, self.seat, wishes).is_some_and(|last: DateTime<Utc>| message.at() <= last)
        };
        // Whoever chose an hour that was over got it then.
        let changed = self.case.story(self.number).into_iter().filter(|entry| {
            matches!(entry.decision, Decision::Wishes(_)) && (edition.order..message.order).contains(&entry.order)
        });
        let late = lateness(edition.rhythm) + UNDER_WAY;
        if !wishes.iter().any(in_time) && !changed.into_iter().any(|entry| message.at() <= entry.at + late) {
            self.found(Promise::NotTooLate, message, format!("edition {} of {}", edition.number, edition.at));
        }
    }

    fn words(&mut self, message: &Received, digest: &Digest, edition: &Approved, wishes: &[Wishes]) {
        let number = edition.number;
        let is_empty = digest.titles == 0;
        if !wishes.iter().any(|wishes| wishes.in_english == digest.in_english) {
            self.found(Promise::RightWords, message, format!("edition {number} in another language"));
        }
        if !is_empty && !wishes.iter().any(|wishes| wishes.in_full == digest.in_full) {
            self.found(Promise::RightWords, message, format!("edition {number} in another form"));
        }
        if !is_empty && digest.introduction != edition.introduction {
            let what = format!("edition {number} with introduction {}", digest.introduction);
            self.found(Promise::RightWords, message, what);
        }
        if digest.titles & edition.dropped != 0 {
            self.found(Promise::RightItems, message, format!("edition {number} with what was left out"));
        }
        let fits = |wishes: &Wishes| {
            let theirs = self.case.items(edition, wishes.topics);
            // Of more than fit into the short form it tells the first, and how many there are besides.
            let is_cut = !wishes.in_full
                && digest.titles.count_ones() == SHORT_ITEMS_MAX.min(theirs.count_ones())
                && digest.titles & !theirs == 0;
            (theirs == digest.titles || is_cut) && (!is_empty || wishes.says_so)
        };
        if !wishes.iter().any(fits) {
            let expected: Vec<u64> = wishes.iter().map(|wishes| self.case.items(edition, wishes.topics)).collect();
            let what = format!("edition {number} holds {:x}, not one of {expected:x?}", digest.titles);
            self.found(Promise::RightItems, message, what);
        }
    }

    fn after_leaving(&mut self, message: &Received) {
        let story = self.case.story(self.number);
        let known = story.iter().rev().filter(|entry| knew(message, entry));
        let last = known.into_iter().find_map(|entry| match entry.decision {
            Decision::Wishes(_) => Some(None),
            Decision::Left => Some(Some((entry, "they left"))),
            Decision::Stopped => Some(Some((entry, "STOP"))),
            Decision::Erased => Some(Some((entry, "they were erased"))),
            // A link joins the two; the stricter of both counts, and what that is is counted elsewhere.
            Decision::Linked { .. } | Decision::Parted { .. } | Decision::Blocked | Decision::Returned => None,
        });
        if let Some(Some((entry, what))) = last {
            self.found(Promise::NothingAfterLeaving, message, format!("{what} at {}", entry.at));
        }
    }
}

/// One person in two chats gets an edition in one of them, from the moment the service knows.
fn households(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let received = &case.evidence.entries.received;
    let of_seat = |seat: u32| {
        let from = received.partition_point(|message| message.seat < seat);
        let until = received.partition_point(|message| message.seat <= seat);
        &received[from..until]
    };
    for link in &case.evidence.entries.decided {
        let Decision::Linked { with } = link.decision else { continue };
        let apart = |entry: &&&crate::digests::book::Decided| {
            matches!(entry.decision, Decision::Parted { .. }) && entry.order > link.order
        };
        let parted = case.of_seat(link.seat).iter().chain(case.of_seat(with)).find(apart);
        let until = parted.map_or(u32::MAX, |entry| entry.order);
        for message in of_seat(link.seat).iter().chain(of_seat(with)) {
            let Some(digest) = message.digest().filter(|_| knew(message, link) && message.order < until) else {
                continue;
            };
            let other = if message.seat == link.seat { with } else { link.seat };
            let again = of_seat(other).iter().find(|earlier| {
                earlier.order < message.order && earlier.digest().is_some_and(|it| it.edition == digest.edition)
            });
            if let Some(earlier) = again {
                violations.push(Violation {
                    promise: Promise::OncePerPeriod,
                    seat: Some(message.seat),
                    at: Some(message.at()),
                    what: format!("edition {}, which came to {other} at {}", digest.edition, earlier.at()),
                });
            }
        }
    }
}

/// Whoever was known to have blocked us is not called again.
fn blocks(case: &Case<'_>, violations: &mut Vec<Violation>) {
    for knock in case.evidence.entries.refused.iter().filter(|entry| entry.refusal == Refusal::Blocked) {
        let of_seat = case.of_seat(knock.seat);
        let back = |from: u32| {
            let returned = |decision| matches!(decision, Decision::Returned | Decision::Wishes(_));
            of_seat.iter().any(|entry| returned(entry.decision) && (from..knock.order).contains(&entry.order))
        };
        let told = of_seat.iter().rfind(|entry| entry.decision == Decision::Blocked && entry.order < knock.order);
        let reported = told.is_some_and(|entry| !entry.under_way.contains(&knock.parcel) && !back(entry.order));
        // The first call that was refused told us, too.
        let earlier = case
            .refusals_of(knock.seat)
            .iter()
            .rfind(|other| other.refusal == Refusal::Blocked && other.at < knock.at && other.order < knock.order);
        if reported || earlier.is_some_and(|other| !back(other.order)) {
            violations.push(Violation {
                promise: Promise::NothingAfterLeaving,
                seat: Some(knock.seat),
                at: Some(knock.at.into()),
                what: "called after a block".to_owned(),
            });
        }
    }
}
