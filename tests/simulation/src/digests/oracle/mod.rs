//! The judge of digests. It knows the promises and none of the code: it reads what arrived, what readers and editors
//! did and when the service knew, and compares the tables with all of it. Its calendar is its own.

mod counts;
mod memory;
mod messages;
#[cfg(test)]
mod planted;

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

pub use memory::{GROWTH_MAX_MEGABYTES, Sample};

use super::book::{Approved, Decided, Decision, Entries, Order, Received, Refused};
use super::editions::{Item, LATE_HOURS_MONTHLY, LATE_HOURS_WEEKLY};
use super::readers::{Readers, Rhythm, Seat, Topics, Wishes};
use crate::oracle::RowState;

/// All that the judge is given.
pub struct Evidence<'e> {
    pub readers: &'e Readers,
    pub items: &'e [Item],
    /// Received messages in the order of seats, and of each seat in the order of time.
    pub entries: &'e Entries,
    pub table: &'e Table,
    /// One for each week.
    pub memory: &'e [Sample],
    pub ended_at: DateTime<Utc>,
}

/// What the plugin's tables say.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order of seats.
    pub rows: Vec<Row>,
    /// What rows name by their place.
    pub reasons: Vec<String>,
    pub editions: Vec<Issue>,
    /// Rows of readers whom nobody knows.
    pub strangers: usize,
}

/// A reader's digest as the plugin counts it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub seat: u32,
    pub edition: u16,
    pub state: RowState,
    /// See [`Table::reasons`].
    pub reason: Option<u16>,
}

/// An edition as the plugin counts it.
#[derive(Clone, Debug)]
pub struct Issue {
    pub number: u16,
    pub is_published: bool,
    pub is_finished: bool,
    pub expected: Option<usize>,
    /// What the plugin itself says does not add up.
    pub mismatch: Option<String>,
}

/// A promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Promise {
    /// Only to those who subscribed, in their rhythm.
    OnlySubscribers,
    /// Nothing after they left, said STOP, were erased or blocked us.
    NothingAfterLeaving,
    OncePerPeriod,
    NotBeforeTheirHour,
    NotTooLate,
    OnlyInHours,
    CapKept,
    /// Only what was approved, and nothing earlier than that.
    OnlyApproved,
    /// Their language, their form, the introduction as it was approved.
    RightWords,
    /// What was seen in the window and is of their topics, all of it, and nothing that was left out.
    RightItems,
    /// Each window begins where the one before ended, and what is seen in it is in the edition.
    WindowsMeet,
    /// Rows, states and messages add up, in each edition.
    CountsAddUp,
    /// Whoever should get an edition got it, or a true reason is there.
    NobodyForgotten,
    MemoryFlat,
}

/// A promise that was broken, with whom to look at.
#[derive(Clone, Debug)]
pub struct Violation {
    pub promise: Promise,
    pub seat: Option<u32>,
    pub at: Option<DateTime<Utc>>,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.promise)?;
        if let Some(seat) = self.seat {
            write!(f, ", reader {seat}")?;
        }
        if let Some(at) = self.at {
            write!(f, ", {}", at.format("%F %T UTC"))?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Every promise that was broken.
pub fn judge(evidence: &Evidence<'_>) -> Vec<Violation> {
    let case = Case::of(evidence);
    let mut violations = Vec::new();
    messages::judge(&case, &mut violations);
    counts::judge(&case, &mut violations);
    memory::judge(evidence.memory, &mut violations);
    violations
}

/// The evidence, put in order.
struct Case<'e> {
    evidence: &'e Evidence<'e>,
    approved: HashMap<u16, &'e Approved>,
    decided: HashMap<u32, Vec<&'e Decided>>,
    refused: HashMap<u32, Vec<&'e Refused>>,
}

impl<'e> Case<'e> {
    fn of(evidence: &'e Evidence<'e>) -> Self {
        let entries = evidence.entries;
        let mut decided: HashMap<u32, Vec<&Decided>> = HashMap::new();
        for entry in &entries.decided {
            decided.entry(entry.seat).or_default().push(entry);
        }
        let mut refused: HashMap<u32, Vec<&Refused>> = HashMap::new();
        for entry in &entries.refused {
            refused.entry(entry.seat).or_default().push(entry);
        }
        let approved = entries.approved.iter().map(|approved| (approved.number, approved)).collect();
        Self { evidence, approved, decided, refused }
    }

    fn seat(&self, seat: u32) -> &'e Seat {
        self.evidence.readers.seat(seat)
    }

    fn of_seat(&self, seat: u32) -> &[&'e Decided] {
        self.decided.get(&seat).map_or(&[], Vec::as_slice)
    }

    fn refusals_of(&self, seat: u32) -> &[&'e Refused] {
        self.refused.get(&seat).map_or(&[], Vec::as_slice)
    }

    /// The other chat of a person who ever linked them, and when they first did.
    fn linked(&self, seat: u32) -> Option<(u32, Order)> {
        let own = |entry: &&Decided| matches!(entry.decision, Decision::Linked { .. });
        let partner = self.seat(seat).partner?;
        let links = self.of_seat(seat).iter().chain(self.of_seat(partner)).filter(|entry| own(entry));
        links.map(|entry| entry.order).min().map(|order| (partner, order))
    }

    /// What a reader, or who they turned out to be, decided, in order: of the other chat only while both are one.
    fn story(&self, seat: u32) -> Vec<&'e Decided> {
        let mut story: Vec<&Decided> = self.of_seat(seat).to_vec();
        let Some((partner, _)) = self.linked(seat) else { return story };
        story.extend(self.of_seat(partner));
        story.sort_unstable_by_key(|entry| entry.order);
        let mut are_one = false;
        story.retain(|entry| {
            match entry.decision {
                Decision::Linked { .. } => are_one = true,
                Decision::Parted { .. } => are_one = false,
                _ => {}
            }
            entry.seat == seat || are_one
        });
        story
    }

    /// Everything a reader may have wanted between two entries: what was in force at the first, and each change since.
    fn wishes(&self, seat: u32, from: Order, until: Order) -> Vec<Wishes> {
        let mut wishes = self.wishes_of(seat, from, until);
        if let Some((partner, since)) = self.linked(seat)
            && since < until
        {
            // Whose wishes are kept is the plugin's rule: one of the two.
            wishes.extend(self.wishes_of(partner, from.min(since), until));
        }
        wishes
    }

    fn wishes_of(&self, seat: u32, from: Order, until: Order) -> Vec<Wishes> {
        let changes = || {
            self.of_seat(seat).iter().filter_map(|entry| match entry.decision {
                Decision::Wishes(wishes) => Some((entry.since, entry.order, wishes)),
                _ => None,
            })
        };
        let first = changes().rfind(|(_, order, _)| *order < from).map(|(.., wishes)| wishes);
        let between = changes().filter(|(since, order, _)| *order >= from && *since < until).map(|(.., wishes)| wishes);
        first.or(self.seat(seat).wishes).into_iter().chain(between).collect()
    }

    /// Everything that an edition looked at.
    fn seen(&self, edition: &Approved) -> impl Iterator<Item = &'e Item> {
        let window = edition.from..edition.until;
        self.evidence.items.iter().filter(move |item| window.contains(&item.seen_at))
    }

    /// What an edition holds for a reader of these topics.
    fn items(&self, edition: &Approved, topics: Topics) -> u64 {
        let theirs = self.seen(edition).filter(|item| topics == 0 || item.topics == 0 || item.topics & topics != 0);
        theirs.fold(0, |bits, item| bits | item.bit()) & edition.held & !edition.dropped
    }
}

/// Whether `received` was sent in knowledge of `decided`.
fn knew(received: &Received, decided: &Decided) -> bool {
    received.order > decided.order && !decided.under_way.contains(&received.parcel)
}

/// A reader's hour in a period, as their wall shows it, by counting days.
fn hour_in(period: &str, wishes: &Wishes) -> Option<NaiveDateTime> {
    let (year, rest) = period.split_once('-')?;
    let year: i32 = year.parse().ok()?;
    let mut day = match rest.strip_prefix('W') {
        Some(week) => {
            // The first week of a year is that of 4 January.
            let fourth = NaiveDate::from_ymd_opt(year, 1, 4)?;
            let monday = fourth - Days::new(u64::from(fourth.weekday().num_days_from_monday()));
            monday + Days::new(7 * (week.parse::<u64>().ok()? - 1))
        }
        None => NaiveDate::from_ymd_opt(year, rest.parse().ok()?, 1)?,
    };
    while day.weekday().number_from_monday() != u32::from(wishes.weekday) {
        day = day.succ_opt()?;
    }
    day.and_hms_opt(u32::from(wishes.hour), 0, 0)
}

/// What was handed over in time may be under way for so long.
const UNDER_WAY: TimeDelta = TimeDelta::hours(3);

/// The last moment at which an edition may still arrive, counted from their hour. Where the clocks change, the later
/// reading of the hour.
fn last_moment(edition: &Approved, seat: &Seat, wishes: &Wishes) -> Option<DateTime<Utc>> {
    let wall = hour_in(&edition.period, wishes)?;
    let read = |wall: NaiveDateTime| wall.and_local_timezone(seat.zone).latest().map(|at| at.to_utc());
    let hour = read(wall).or_else(|| read(wall + TimeDelta::hours(1)))?;
    Some(hour + lateness(edition.rhythm) + UNDER_WAY)
}

fn lateness(rhythm: Rhythm) -> TimeDelta {
    TimeDelta::hours(match rhythm {
        Rhythm::Weekly => LATE_HOURS_WEEKLY,
        Rhythm::Monthly => LATE_HOURS_MONTHLY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_found_by_counting_days() {
        let wishes = |weekday| Wishes {
            rhythm: Rhythm::Weekly,
            weekday,
            hour: 9,
            in_english: false,
            in_full: false,
            topics: 0,
            says_so: false,
        };
        let found = |period, weekday| hour_in(period, &wishes(weekday)).unwrap().to_string();
        assert_eq!(found("2026-W53", 7), "2027-01-03 09:00:00");
        assert_eq!(found("2026-W01", 1), "2025-12-29 09:00:00");
        assert_eq!(found("2026-11", 2), "2026-11-03 09:00:00");
        assert_eq!(found("2026-11", 7), "2026-11-01 09:00:00");
        assert_eq!(hour_in("2026", &wishes(1)), None);
    }
}
