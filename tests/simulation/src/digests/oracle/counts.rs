//! Promises about the whole: every reader of an edition has a row, every row an end, every end is what people saw, and
//! whoever got nothing has a reason that the world can confirm.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Issue, Promise, Row, Violation, hour_in, last_moment, lateness};
use crate::campaigns::{CAP_DAYS, CAP_MESSAGES};
use crate::digests::book::{Approved, Decision, Order, Received};
use crate::digests::readers::{Rhythm, Wishes, departement_of};
use crate::messenger::Refusal;
use crate::oracle::{RowState, hours};

/// News that one edition holds.
const ITEMS_MAX: u32 = 12;

pub(super) fn judge(case: &Case<'_>, violations: &mut Vec<Violation>) {
    editions(case, violations);
    windows(case, violations);
    if case.evidence.table.strangers > 0 {
        let what = format!("{} rows of readers whom nobody knows", case.evidence.table.strangers);
        violations.push(Violation { promise: Promise::CountsAddUp, seat: None, at: None, what });
    }
    let (rows, received) = (&case.evidence.table.rows, &case.evidence.entries.received);
    for (number, seat) in (0u32..).zip(&case.evidence.readers.seats) {
        let linked = case.linked(number);
        // Two chats of one person are looked at together, once.
        if linked.is_some_and(|(partner, _)| partner < number) {
            continue;
        }
        let seats = [Some(number), linked.and(seat.partner)];
        let mut household = Household { case, number, linked: linked.map(|(_, since)| since), found: Vec::new() };
        let mut editions: BTreeMap<u16, Standing<'_>> = BTreeMap::new();
        for seat in seats.into_iter().flatten() {
            for row in slice(rows, seat, |row| row.seat) {
                editions.entry(row.edition).or_default().rows.push(row);
            }
            for message in slice(received, seat, |message| message.seat) {
                if let Some(digest) = message.digest() {
                    editions.entry(digest.edition).or_default().received.push(message);
                }
            }
        }
        for (edition, standing) in &editions {
            household.one(*edition, standing);
        }
        household.forgotten(&editions);
        violations.append(&mut household.found);
    }
}

/// Those of one seat among entries in the order of seats.
fn slice<T>(all: &[T], seat: u32, of: impl Fn(&T) -> u32) -> &[T] {
    let from = all.partition_point(|entry| of(entry) < seat);
    let until = all.partition_point(|entry| of(entry) <= seat);
    &all[from..until]
}

/// One edition for one person.
#[derive(Default)]
struct Standing<'e> {
    rows: Vec<&'e Row>,
    received: Vec<&'e Received>,
}

struct Household<'j, 'e> {
    case: &'j Case<'e>,
    number: u32,
    linked: Option<Order>,
    found: Vec<Violation>,
}

impl Household<'_, '_> {
    fn found(&mut self, promise: Promise, at: Option<DateTime<Utc>>, what: String) {
        self.found.push(Violation { promise, seat: Some(self.number), at, what });
    }

    fn one(&mut self, number: u16, standing: &Standing<'_>) {
        let at = standing.received.first().map(|message| message.at());
        let bounds = standing.rows.iter().map(|row| match row.state {
            RowState::Sent => (1, 1),
            RowState::Unknown => (0, 1),
            _ => (0, 0),
        });
        let (fewest, most) = bounds.fold((0, 0), |sum, bound| (sum.0 + bound.0, sum.1 + bound.1));
        let seen = standing.received.len();
        if !(fewest..=most).contains(&seen) {
            let states: Vec<&str> = standing.rows.iter().map(|row| row.state.as_str()).collect();
            self.found(Promise::CountsAddUp, at, format!("edition {number} is {states:?}, and was seen {seen} times"));
        }
        let Some(edition) = self.case.approved.get(&number).copied() else { return };
        for row in &standing.rows {
            self.row(row, edition);
        }
    }

    fn row(&mut self, row: &Row, edition: &Approved) {
        let number = edition.number;
        match row.state {
            RowState::Sent => {}
            RowState::Waiting | RowState::Handed => {
                if is_over(edition, self.case.evidence.ended_at) {
                    self.found(Promise::CountsAddUp, None, format!("edition {number} is {} still", row.state.as_str()));
                }
            }
            _ => {
                let reason = row.reason.and_then(|place| self.case.evidence.table.reasons.get(usize::from(place)));
                let objection = match reason {
                    None => Some("there is no reason"),
                    Some(reason) => Grounds { case: self.case, row, edition }.untrue(reason),
                };
                if let Some(objection) = objection {
                    let (state, reason) = (row.state.as_str(), reason.map_or("", String::as_str));
                    let what = format!("edition {number} is {state} as `{reason}`, but {objection}");
                    self.found(Promise::NobodyForgotten, None, what);
                }
            }
        }
    }

    /// Whoever surely subscribed in its rhythm when an edition came out stands in its list.
    fn forgotten(&mut self, editions: &BTreeMap<u16, Standing<'_>>) {
        for edition in &self.case.evidence.entries.approved {
            let is_listed = editions.get(&edition.number).is_some_and(|standing| !standing.rows.is_empty());
            if !is_listed && self.is_surely_for(edition) {
                let what = format!("edition {} was never planned for them", edition.number);
                self.found(Promise::NobodyForgotten, Some(edition.at), what);
            }
        }
    }

    fn is_surely_for(&self, edition: &Approved) -> bool {
        let (number, case) = (self.number, self.case);
        let wants = |wishes: Option<Wishes>| wishes.is_some_and(|wishes| wishes.rhythm == edition.rhythm);
        match (self.linked.filter(|since| *since < edition.order), case.seat(number).partner) {
            (Some(since), Some(partner)) => {
                // Whose wishes are kept is the plugin's rule: sure is what both wanted, and nothing that came after.
                let pair = [number, partner];
                let later = |seat: u32| {
                    let is_wish = |decision| !matches!(decision, Decision::Linked { .. });
                    case.of_seat(seat).iter().any(|entry| entry.order > since && is_wish(entry.decision))
                };
                pair.iter().all(|seat| wants(wishes_at(case, *seat, since))) && !pair.into_iter().any(later)
            }
            _ => wants(wishes_at(case, number, edition.order)),
        }
    }
}

/// What a reader wanted just before an entry; `None`: nothing.
fn wishes_at(case: &Case<'_>, seat: u32, order: Order) -> Option<Wishes> {
    let before = case.of_seat(seat).iter().rev().filter(|entry| entry.order < order);
    let last = before.into_iter().find_map(|entry| match entry.decision {
        Decision::Wishes(wishes) => Some(Some(wishes)),
        Decision::Left | Decision::Stopped | Decision::Erased => Some(None),
        _ => None,
    });
    last.unwrap_or(case.seat(seat).wishes)
}

/// Every reader's hour is long past.
fn is_over(edition: &Approved, now: DateTime<Utc>) -> bool {
    let days = match edition.rhythm {
        Rhythm::Weekly => 14,
        Rhythm::Monthly => 40,
    };
    edition.at + TimeDelta::days(days) < now
}

/// What the world says to a reason for sending nothing.
struct Grounds<'g, 'e> {
    case: &'g Case<'e>,
    row: &'g Row,
    edition: &'g Approved,
}

impl Grounds<'_, '_> {
    /// Why a reason cannot be true; `None` when it may be.
    fn untrue(&self, reason: &str) -> Option<&'static str> {
        let seat = self.row.seat;
        let did = |what: fn(Decision) -> bool| self.case.story(seat).iter().any(|entry| what(entry.decision));
        let gone = || self.left();
        let is_linked = self.case.linked(seat).is_some();
        let (is_true, objection) = match reason {
            "left" => (gone() || is_linked, "they did not leave"),
            "erased" => (did(|decision| decision == Decision::Erased), "they were not erased"),
            "merged" | "same_person" => (is_linked, "they are nobody else"),
            "other_rhythm" => (self.changed_rhythm(), "they kept their rhythm"),
            "nothing_for_you" => (self.has_nothing(), "there is something for them"),
            "missed" => (self.was_missed(), "the service was there in time"),
            "unreachable" => (self.has_blocked() || gone() || is_linked, "they can be written to"),
            "the person blocked this account" | "the person blocked the bot" => {
                (self.has_blocked(), "they did not block us")
            }
            "the person said STOP" | "the person said STOP or is gone" => (gone() || is_linked, "nobody said STOP"),
            "the conversation is closed" => (self.has_blocked() || gone() || is_linked, "they did not close it"),
            "the same person has it already" => (is_linked, "they are nobody else"),
            "the person withdrew their consent"
            | "the person has not consented"
            | "its subject was stopped"
            | "cancelled by its plugin" => (gone() || is_linked || self.changed_rhythm(), "they did not leave"),
            "its content was forgotten at closing or erased" | "the person is gone" => {
                (did(|decision| decision == Decision::Erased), "they were not erased")
            }
            "the network did not like it" => (self.was_refused(Refusal::Rejected), "the network liked it"),
            "the answer was lost" => (self.was_refused(Refusal::Unanswered), "the network answered"),
            "its time had passed" => (self.was_hindered(), "nothing hindered it"),
            other if other.starts_with("too late for it") => {
                (self.was_hindered() || self.has_no_hour() || self.is_capped(), "it could go out in time")
            }
            other if other.starts_with("given up after") => (self.was_refused(Refusal::Busy), "the network was there"),
            // A process that was killed in the middle of a call.
            _ if self.row.state == RowState::Unknown => (self.was_hindered(), "nobody was killed"),
            _ => (false, "that cannot be"),
        };
        (!is_true).then_some(objection)
    }

    /// All they may have wanted while it was under way.
    fn wishes(&self) -> Vec<Wishes> {
        self.case.wishes(self.row.seat, self.edition.order, Order::MAX)
    }

    fn changed_rhythm(&self) -> bool {
        self.wishes().iter().any(|wishes| wishes.rhythm != self.edition.rhythm)
    }

    fn has_nothing(&self) -> bool {
        self.wishes().iter().any(|wishes| !wishes.says_so && self.case.items(self.edition, wishes.topics) == 0)
    }

    /// They had left when it came out, or left since.
    fn left(&self) -> bool {
        let (seat, came_out) = (self.row.seat, self.edition.order);
        let is_leaving = |decision| matches!(decision, Decision::Left | Decision::Stopped | Decision::Erased);
        let since = |entry: &&crate::digests::book::Decided| entry.order > came_out && is_leaving(entry.decision);
        wishes_at(self.case, seat, came_out).is_none() || self.case.story(seat).iter().any(since)
    }

    /// Their network told us so, or refused a call, and they had not come back when it came out.
    fn has_blocked(&self) -> bool {
        let seats = [Some(self.row.seat), self.case.linked(self.row.seat).map(|(partner, _)| partner)];
        seats.into_iter().flatten().any(|seat| {
            let decided = self.case.of_seat(seat);
            let told = decided.iter().filter(|entry| entry.decision == Decision::Blocked).map(|entry| entry.order);
            let refused = self.case.refusals_of(seat).iter().filter(|entry| entry.refusal == Refusal::Blocked);
            let is_back = |blocked: Order| {
                let returned = |decision| matches!(decision, Decision::Returned | Decision::Wishes(_));
                let between = blocked..self.edition.order;
                decided.iter().any(|entry| returned(entry.decision) && between.contains(&entry.order))
            };
            told.chain(refused.map(|entry| entry.order)).any(|blocked| !is_back(blocked))
        })
    }

    /// A call came to nothing while this edition was under way.
    fn was_refused(&self, refusal: Refusal) -> bool {
        let (from, until) = self.span();
        let seats = [Some(self.row.seat), self.case.seat(self.row.seat).partner];
        let mut refusals = seats.into_iter().flatten().flat_map(|seat| self.case.refusals_of(seat));
        refusals.any(|refused| refused.refusal == refusal && (from..=until).contains(&refused.at.into()))
    }

    /// From when to when it may have been under way.
    fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let seat = self.case.seat(self.row.seat);
        let ends = self.wishes().into_iter().filter_map(|wishes| last_moment(self.edition, seat, &wishes));
        let until = ends.max().unwrap_or(self.edition.at) + TimeDelta::days(1);
        (self.edition.at, until)
    }

    /// The moments between their hour, or its coming out, and the end of its time.
    fn time_for_it(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let seat = self.case.seat(self.row.seat);
        let theirs = self.wishes().into_iter().filter_map(move |wishes| {
            let wall = hour_in(&self.edition.period, &wishes)?;
            let hour = wall.and_local_timezone(seat.zone).earliest()?.to_utc();
            Some((hour.max(self.edition.at), hour + lateness(self.edition.rhythm)))
        });
        theirs.collect::<Vec<_>>().into_iter()
    }

    /// There was no minute in which the service could have handed it over.
    fn was_missed(&self) -> bool {
        let outages = &self.case.evidence.entries.outages;
        self.time_for_it().any(|(from, until)| {
            let mut free = from;
            for outage in outages.iter().filter(|outage| outage.since <= until) {
                if outage.since <= free && outage.until > free {
                    free = outage.until;
                }
            }
            // What is due at the very end of an outage may be just too late.
            free + TimeDelta::minutes(2) >= until
        })
    }

    /// An outage, or a network that put everything off, while it was under way.
    fn was_hindered(&self) -> bool {
        let (from, until) = self.span();
        let entries = self.case.evidence.entries;
        let overlaps = |since: DateTime<Utc>, end: DateTime<Utc>| since < until && end > from;
        let seats = [Some(self.row.seat), self.case.seat(self.row.seat).partner];
        let networks: Vec<_> = seats.into_iter().flatten().map(|seat| self.case.seat(seat).network).collect();
        entries.outages.iter().any(|outage| overlaps(outage.since, outage.until))
            || entries.jams.iter().any(|jam| networks.contains(&jam.network) && overlaps(jam.since, jam.until))
    }

    /// Nobody is written to in all of its time: it is night, a Sunday, a holiday, or they want quiet.
    fn has_no_hour(&self) -> bool {
        let seat = self.case.seat(self.row.seat);
        self.time_for_it().any(|(from, until)| {
            let mut at = from;
            while at <= until {
                let wall = seat.wall(at);
                if hours::objection(wall, departement_of(seat.zone), seat.quiet, false).is_none() {
                    return false;
                }
                at += TimeDelta::minutes(15);
            }
            true
        })
    }

    /// They had as much as may be by its time.
    fn is_capped(&self) -> bool {
        let (from, until) = self.span();
        let week = TimeDelta::days(CAP_DAYS);
        let received = slice(&self.case.evidence.entries.received, self.row.seat, |message| message.seat);
        let lately = received.iter().filter(|message| (from - week..=until).contains(&message.at()));
        lately.count() >= CAP_MESSAGES
    }
}

/// Editions as the plugin counts them, against rows and what the editors did.
fn editions(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let mut found = |promise, what| violations.push(Violation { promise, seat: None, at: None, what });
    let mut rows: HashMap<u16, usize> = HashMap::new();
    for row in &case.evidence.table.rows {
        *rows.entry(row.edition).or_default() += 1;
    }
    let mut published = HashSet::new();
    for issue in case.evidence.table.editions.iter().filter(|issue| issue.is_published) {
        let Issue { number, expected, .. } = *issue;
        published.insert(number);
        let Some(edition) = case.approved.get(&number) else {
            found(Promise::OnlyApproved, format!("edition {number} came out, and nobody let it"));
            continue;
        };
        if edition.rhythm == Rhythm::Weekly && !edition.by_hand {
            found(Promise::OnlyApproved, format!("edition {number} approved itself"));
        }
        let count = rows.get(&number).copied().unwrap_or_default();
        if expected != Some(count) {
            found(Promise::CountsAddUp, format!("edition {number} expects {expected:?} and has {count} rows"));
        }
        if let Some(mismatch) = &issue.mismatch {
            found(Promise::CountsAddUp, format!("edition {number} says of itself {mismatch}"));
        }
        if !issue.is_finished && is_over(edition, case.evidence.ended_at) {
            found(Promise::CountsAddUp, format!("edition {number} of {} never ended", edition.period));
        }
    }
    for number in rows.keys().filter(|number| !published.contains(*number)) {
        found(Promise::OnlyApproved, format!("edition {number} has rows and never came out"));
    }
}

/// What one edition did not look at, the next one does, for two periods; and of what is seen in its window, an edition
/// holds all that fits, except what was left out.
fn windows(case: &Case<'_>, violations: &mut Vec<Violation>) {
    let mut found = |edition: &Approved, what: String| {
        let (promise, at) = (Promise::WindowsMeet, Some(edition.at));
        violations.push(Violation { promise, seat: None, at, what: format!("edition {} {what}", edition.number) });
    };
    let all = &case.evidence.entries.approved;
    for rhythm in [Rhythm::Weekly, Rhythm::Monthly] {
        let editions: Vec<&Approved> = all.iter().filter(|edition| edition.rhythm == rhythm).collect();
        for pair in editions.windows(2) {
            let [before, edition] = [pair[0], pair[1]];
            let longest = match rhythm {
                Rhythm::Weekly => TimeDelta::days(14),
                Rhythm::Monthly => TimeDelta::days(59),
            };
            let is_long = edition.until - before.until >= longest
                && edition.until - edition.from >= longest - TimeDelta::hours(2);
            if before.until != edition.from && !is_long {
                found(edition, format!("begins at {}, not at {}", edition.from, before.until));
            }
        }
    }
    for edition in all {
        let seen = case.seen(edition).fold(0, |bits, item| bits | item.bit());
        let all = edition.held | edition.dropped;
        if all & !seen != 0 {
            found(edition, format!("holds {:x}, which it did not see", all & !seen));
        }
        if edition.held & edition.dropped != 0 {
            found(edition, "holds what was left out".to_owned());
        }
        if all.count_ones() != seen.count_ones().min(ITEMS_MAX) {
            found(edition, format!("holds {} of {} items", all.count_ones(), seen.count_ones()));
        }
    }
}
