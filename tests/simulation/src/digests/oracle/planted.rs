//! The judge can tell: an honest record passes, and each planted lie is named.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::campaigns::home_time;
use crate::digests::book::{Parcel, What};
use crate::digests::editions;
use crate::digests::readers::departement_of;
use crate::digests::reading::Digest;
use crate::messenger::Refusal;
use crate::oracle::hours;
use crate::record::Outage;

/// A world in which four weekly editions went well: everybody got theirs at their hour, or at the next one at which
/// that may be.
struct Honest {
    readers: Readers,
    items: Vec<Item>,
    entries: Entries,
    table: Table,
    memory: Vec<Sample>,
}

/// Why nothing came, as the table of reasons has it.
const NOTHING: u16 = 0;
const TOO_LATE: u16 = 1;

impl Honest {
    fn new() -> Self {
        let first = NaiveDate::from_ymd_opt(2026, 11, 9).unwrap();
        let mut readers = Readers::new(150, 4);
        for seat in &mut readers.seats {
            seat.agrees_to_consultations = false;
        }
        let items = editions::items(readers.dice(), first, 4);
        let table =
            Table { reasons: vec!["nothing_for_you".to_owned(), "too late for it".to_owned()], ..Table::default() };
        let sample = Sample { peak: 100 << 20, book: 1 << 20 };
        let mut honest = Self { readers, items, entries: Entries::default(), table, memory: vec![sample; 4] };
        for week in 0..4_u16 {
            honest.edition(first + Days::new(7 * u64::from(week)), week);
        }
        honest.entries.received.sort_by_key(|message| (message.seat, message.order));
        honest.table.rows.sort_by_key(|row| (row.seat, row.edition));
        honest
    }

    fn edition(&mut self, monday: NaiveDate, week: u16) {
        let drafted = home_time(monday.and_time(NaiveTime::MIN)) + editions::DRAFTED_AT;
        let edition = Approved {
            order: self.entries.next_order(),
            number: week + 1,
            rhythm: Rhythm::Weekly,
            period: format!("2026-W{}", 46 + week),
            from: drafted - TimeDelta::days(7),
            until: drafted,
            at: drafted + TimeDelta::hours(2),
            by_hand: true,
            held: 0,
            dropped: 0,
            introduction: 2,
        };
        let window = edition.from..edition.until;
        let seen: Vec<Item> = self.items.iter().copied().filter(|item| window.contains(&item.seen_at)).collect();
        let dropped = seen[0].bit();
        let held = seen.iter().fold(0, |bits, item| bits | item.bit()) & !dropped;
        let edition = Approved { held, dropped, ..edition };
        let mut expected = 0;
        for number in 0..u32::try_from(self.readers.seats.len()).unwrap() {
            let seat = self.readers.seat(number).clone();
            let Some(wishes) = seat.wishes.filter(|wishes| wishes.rhythm == Rhythm::Weekly) else { continue };
            expected += 1;
            let theirs =
                seen.iter().filter(|item| wishes.topics == 0 || item.topics == 0 || item.topics & wishes.topics != 0);
            let mut titles = theirs.fold(0, |bits, item| bits | item.bit()) & held;
            while !wishes.in_full && titles.count_ones() > 5 {
                titles &= titles - 1;
            }
            let hour = hour_in(&edition.period, &wishes).unwrap().and_local_timezone(seat.zone).unwrap().to_utc();
            let mut at = hour.max(edition.at);
            let may = |at| hours::objection(seat.wall(at), departement_of(seat.zone), seat.quiet, false).is_none();
            while !may(at) {
                at += TimeDelta::minutes(30);
            }
            let (state, reason) = if titles == 0 && !wishes.says_so {
                (RowState::Suppressed, Some(NOTHING))
            } else if at > hour + lateness(Rhythm::Weekly) {
                (RowState::Expired, Some(TOO_LATE))
            } else {
                let digest = Digest {
                    titles,
                    edition: edition.number,
                    introduction: 2,
                    in_english: wishes.in_english,
                    in_full: wishes.in_full,
                };
                self.receive(number, at, digest);
                (RowState::Sent, None)
            };
            self.table.rows.push(Row { seat: number, edition: edition.number, state, reason });
        }
        let issue = Issue {
            number: edition.number,
            is_published: true,
            is_finished: true,
            expected: Some(expected),
            mismatch: None,
        };
        self.table.editions.push(issue);
        self.entries.approved.push(edition);
    }

    fn receive(&mut self, seat: u32, at: DateTime<Utc>, digest: Digest) {
        let order = self.entries.next_order();
        let parcel = Parcel::from(Uuid::from_u128(order.into()));
        let at = at.into();
        self.entries.received.push(Received { order, at, seat, parcel, what: What::Digest(digest) });
    }

    /// The place of the first message that passes.
    fn find(&self, which: impl Fn(&Seat, &Digest) -> bool) -> usize {
        let passes = |message: &Received| which(self.readers.seat(message.seat), message.digest().unwrap());
        self.entries.received.iter().position(passes).unwrap()
    }

    /// A message in Paris of a person who takes quiet at no hour, with something in it.
    fn plain(&self) -> usize {
        self.find(|seat, digest| {
            seat.zone == chrono_tz::Europe::Paris
                && seat.quiet == crate::world::Quiet::Never
                && seat.partner.is_none()
                && digest.titles != 0
                && seat.wishes.unwrap().weekday == 1
                && seat.wishes.unwrap().hour == 9
        })
    }

    fn digest(&mut self, place: usize) -> &mut Digest {
        match &mut self.entries.received[place].what {
            What::Digest(digest) => digest,
            What::Consultation(_) => panic!("a digest"),
        }
    }

    fn row(&mut self, place: usize) -> &mut Row {
        let Received { seat, .. } = self.entries.received[place];
        let edition = self.digest(place).edition;
        self.table.rows.iter_mut().find(|row| (row.seat, row.edition) == (seat, edition)).unwrap()
    }

    /// Something that was known just before a message.
    fn decide(&mut self, place: usize, decision: Decision) {
        let Received { seat, order, at, .. } = self.entries.received[place];
        let (since, order) = (order - 1, order - 1);
        self.entries.decided.push(Decided { since, order, at: at.into(), seat, decision, under_way: Vec::new() });
    }

    fn reason(&mut self, reason: &str) -> Option<u16> {
        self.table.reasons.push(reason.to_owned());
        u16::try_from(self.table.reasons.len() - 1).ok()
    }

    fn all(&self) -> Vec<Violation> {
        judge(&Evidence {
            readers: &self.readers,
            items: &self.items,
            entries: &self.entries,
            table: &self.table,
            memory: &self.memory,
            ended_at: "2027-01-04T00:00:00Z".parse().unwrap(),
        })
    }

    fn judged(&self) -> Vec<Promise> {
        let mut promises: Vec<_> = self.all().into_iter().map(|violation| violation.promise).collect();
        promises.sort_unstable();
        promises.dedup();
        promises
    }
}

/// Plants a lie into an honest record and expects it to be named, whatever else it breaks.
#[track_caller]
fn named(promise: Promise, plant: impl FnOnce(&mut Honest)) {
    let mut record = Honest::new();
    plant(&mut record);
    let judged = record.judged();
    assert!(judged.contains(&promise), "{promise:?} is not among {judged:?}");
}

#[test]
fn an_honest_record_passes() {
    let honest = Honest::new();
    assert!(honest.entries.received.len() > 200);
    let violations: Vec<String> = honest.all().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn a_second_digest_is_named() {
    let again = |record: &mut Honest| {
        let place = record.plain();
        let mut copy = record.entries.received[place];
        copy.order = record.entries.next_order();
        record.entries.received.insert(place + 1, copy);
    };
    named(Promise::OncePerPeriod, again);
    named(Promise::CountsAddUp, again);
    // Three within a week, even of different editions.
    named(Promise::CapKept, |record| {
        again(record);
        again(record);
    });
}

#[test]
fn one_person_in_two_chats_gets_one() {
    named(Promise::OncePerPeriod, |record| {
        let place = record.plain();
        let Received { seat, order, .. } = record.entries.received[place];
        let partner = if seat == 0 { 1 } else { 0 };
        record.readers.seats[seat as usize].partner = Some(partner);
        record.readers.seats[partner as usize].partner = Some(seat);
        let mut copy = record.entries.received[place];
        copy.seat = partner;
        copy.order = order + 100_000;
        record.decide(place, Decision::Linked { with: partner });
        record.entries.received.push(copy);
        record.entries.received.sort_by_key(|message| (message.seat, message.order));
    });
}

#[test]
fn a_digest_at_the_wrong_time_is_named() {
    let moved = |record: &mut Honest, by: TimeDelta| {
        let place = record.plain();
        let message = &mut record.entries.received[place];
        message.at = (message.at() + by).into();
    };
    named(Promise::NotBeforeTheirHour, |record| moved(record, TimeDelta::minutes(-30)));
    named(Promise::NotTooLate, |record| moved(record, TimeDelta::hours(54)));
    named(Promise::OnlyInHours, |record| moved(record, TimeDelta::hours(12)));
    // The Armistice is a Wednesday in 2026.
    named(Promise::OnlyInHours, |record| {
        let place = record.find(|seat, digest| digest.edition == 1 && seat.zone == chrono_tz::Europe::Paris);
        record.entries.received[place].at = "2026-11-11T10:00:00Z".parse::<DateTime<Utc>>().unwrap().into();
    });
    named(Promise::OnlyInHours, |record| {
        let place = record.plain();
        let seat = record.entries.received[place].seat;
        moved(record, TimeDelta::hours(5));
        record.readers.seats[seat as usize].quiet = crate::world::Quiet::Afternoons;
    });
}

#[test]
fn a_digest_after_leaving_is_named() {
    for decision in [Decision::Left, Decision::Stopped, Decision::Erased] {
        named(Promise::NothingAfterLeaving, |record| {
            let place = record.plain();
            record.decide(place, decision);
        });
    }
    let mut record = Honest::new();
    let first = record.plain();
    let seat = record.entries.received[first].seat;
    // Their last one.
    let place = record.entries.received.iter().rposition(|message| message.seat == seat).unwrap();
    let parcel = record.entries.received[place].parcel;
    record.decide(place, Decision::Left);
    record.entries.decided[0].under_way.push(parcel);
    assert!(!record.judged().contains(&Promise::NothingAfterLeaving), "what was under way is forgiven");
}

#[test]
fn a_call_after_a_block_is_named() {
    let knock = |record: &mut Honest| {
        let order = record.entries.next_order();
        let at: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::seconds(order.into());
        let parcel = Uuid::nil().into();
        record.entries.refused.push(Refused { order, at: at.into(), seat: 3, parcel, refusal: Refusal::Blocked });
    };
    named(Promise::NothingAfterLeaving, |record| {
        knock(record);
        knock(record);
    });
    // The first refused call is how we hear of it.
    let mut record = Honest::new();
    knock(&mut record);
    assert_eq!(record.judged(), []);
}

#[test]
fn digests_to_people_who_did_not_subscribe_are_named() {
    named(Promise::OnlySubscribers, |record| {
        let place = record.plain();
        let seat = record.entries.received[place].seat;
        record.readers.seats[seat as usize].wishes = None;
    });
    named(Promise::OnlySubscribers, |record| {
        let place = record.plain();
        let seat = record.entries.received[place].seat;
        record.readers.seats[seat as usize].wishes.as_mut().unwrap().rhythm = Rhythm::Monthly;
    });
    named(Promise::OnlySubscribers, |record| {
        let place = record.plain();
        record.entries.received[place].what = What::Consultation(3);
    });
}

#[test]
fn what_nobody_approved_is_named() {
    let lies: [fn(&mut Honest); 5] = [
        |record| {
            let place = record.plain();
            record.digest(place).edition = 9;
        },
        |record| {
            let place = record.plain();
            record.entries.received[place].order = 0;
        },
        |record| {
            record.entries.approved.pop();
        },
        |record| record.entries.approved[0].by_hand = false,
        |record| record.table.editions[0].is_published = false,
    ];
    for lie in lies {
        named(Promise::OnlyApproved, lie);
    }
}

#[test]
fn other_words_are_named() {
    let lies: [fn(&mut Digest); 3] = [
        |digest| digest.in_english = !digest.in_english,
        |digest| digest.in_full = !digest.in_full,
        |digest| digest.introduction = 1,
    ];
    for lie in lies {
        named(Promise::RightWords, |record| {
            let place = record.plain();
            lie(record.digest(place));
        });
    }
}

#[test]
fn other_items_are_named() {
    // What was left out, what was seen in no window, and nothing where there was something.
    named(Promise::RightItems, |record| {
        let place = record.plain();
        let dropped = record.entries.approved[0].dropped;
        record.digest(place).titles |= dropped;
    });
    named(Promise::RightItems, |record| {
        let place = record.plain();
        record.digest(place).titles |= 1 << 60;
    });
    named(Promise::RightItems, |record| {
        let place = record.plain();
        record.digest(place).titles = 0;
    });
    named(Promise::RightItems, |record| {
        let place = record.find(|seat, digest| digest.titles != 0 && seat.wishes.unwrap().in_full);
        let seat = record.entries.received[place].seat;
        record.digest(place).titles = 0;
        record.readers.seats[seat as usize].wishes.as_mut().unwrap().says_so = true;
    });
}

#[test]
fn windows_that_do_not_meet_are_named() {
    let lies: [fn(&mut Approved); 4] = [
        |edition| edition.from += TimeDelta::hours(1),
        |edition| edition.held |= 1 << 60,
        |edition| edition.held |= edition.dropped,
        |edition| edition.held &= edition.held - 1,
    ];
    for lie in lies {
        named(Promise::WindowsMeet, |record| lie(&mut record.entries.approved[1]));
    }
}

#[test]
fn counts_that_do_not_add_up_are_named() {
    let lies: [fn(&mut Honest); 7] = [
        |record| {
            let place = record.plain();
            record.entries.received.remove(place);
        },
        |record| {
            let place = record.plain();
            record.row(place).state = RowState::Handed;
        },
        |record| {
            let place = record.plain();
            record.row(place).state = RowState::Failed;
        },
        |record| record.table.strangers = 1,
        |record| record.table.editions[1].expected = Some(3),
        |record| record.table.editions[1].is_finished = false,
        |record| record.table.editions[1].mismatch = Some("{}".to_owned()),
    ];
    for lie in lies {
        named(Promise::CountsAddUp, lie);
    }
}

#[test]
fn whoever_was_forgotten_is_named() {
    named(Promise::NobodyForgotten, |record| {
        let place = record.plain();
        let (seat, edition) = (record.entries.received[place].seat, record.digest(place).edition);
        record.table.rows.retain(|row| (row.seat, row.edition) != (seat, edition));
    });
    named(Promise::NobodyForgotten, |record| {
        let place = record.plain();
        record.row(place).state = RowState::Suppressed;
    });
    for reason in [
        "left",
        "erased",
        "same_person",
        "other_rhythm",
        "nothing_for_you",
        "missed",
        "unreachable",
        "the person blocked this account",
        "the person said STOP or is gone",
        "the person has not consented",
        "the network did not like it",
        "the answer was lost",
        "its time had passed",
        "too late for it",
        "given up after 8 tries: the network was busy",
        "it rained",
    ] {
        named(Promise::NobodyForgotten, |record| {
            let place = record.plain();
            let reason = record.reason(reason);
            let row = record.row(place);
            row.state = RowState::Suppressed;
            row.reason = reason;
        });
    }
}

#[test]
fn an_outage_is_a_reason_only_where_it_was() {
    let plant = |since: &str, until: &str| {
        let mut record = Honest::new();
        let place = record.plain();
        let reason = record.reason("missed");
        let row = record.row(place);
        (row.state, row.reason) = (RowState::Expired, reason);
        record.entries.received.remove(place);
        let [since, until] = [since, until].map(|at| at.parse().unwrap());
        record.entries.outages.push(Outage { since, until });
        record.judged()
    };
    // Mondays at nine in the second week of November, for longer than a digest may be late, and for less.
    assert_eq!(plant("2026-11-09T05:00:00Z", "2026-11-11T09:00:00Z"), []);
    assert_eq!(plant("2026-11-09T05:00:00Z", "2026-11-10T09:00:00Z"), [Promise::NobodyForgotten]);
}

#[test]
fn memory_that_grows_is_named() {
    named(Promise::MemoryFlat, |record| {
        record.memory[3].peak += (GROWTH_MAX_MEGABYTES + 2) << 20;
    });
    // What the simulation writes down is no growth of the service.
    let mut record = Honest::new();
    record.memory[3].peak += 500 << 20;
    record.memory[3].book += 500 << 20;
    assert_eq!(record.judged(), []);
}
