//! The judge. It knows the promises of survey reminders and none of their code: it reads what people received, what
//! the world decided and when the service knew, and compares the counts in the tables with both.

mod counts;
pub(crate) mod hours;
mod messages;
#[cfg(test)]
mod planted;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};

use crate::campaigns::Campaign;
use crate::record::{Decided, Decision, Entries, Message, Order, Received};
use crate::world::World;

/// All that the judge is given.
pub struct Evidence<'e> {
    pub world: &'e World,
    pub campaigns: &'e [Campaign],
    pub entries: &'e Entries,
    pub rows: &'e [PlannedRow],
    /// When the run ended.
    pub ended_at: DateTime<Utc>,
}

/// A message as the program planned it and what it says became of it.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    pub campaign: usize,
    pub step: usize,
    pub person: u32,
    pub earliest_at: DateTime<Utc>,
    pub state: RowState,
    /// The name of its reason, where it has one.
    pub reason: Option<String>,
    pub version: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RowState {
    Waiting,
    Handed,
    Sent,
    Unknown,
    Failed,
    Expired,
    Suppressed,
    Cancelled,
}

impl RowState {
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Handed,
        Self::Sent,
        Self::Unknown,
        Self::Failed,
        Self::Expired,
        Self::Suppressed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Handed => "handed",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Promise {
    /// Nothing is sent in knowledge of an answer.
    NothingAfterAnswer,
    /// Nothing after STOP, “no more of this”, “not me”, a block.
    NothingAfterStop,
    /// Nothing before the day they asked to be reminded on.
    NothingWhileSnoozed,
    /// Only to those who agreed and stand in the approved list.
    OnlyTheList,
    OnlyInHours,
    CapKept,
    NoStepTwice,
    RemindersMax,
    DaysBetween,
    NotEarlier,
    WithinCampaign,
    ApprovedWords,
    ConditionMet,
    /// Rows, states and messages add up.
    CountsAddUp,
    /// Whoever should be written to is planned for, and whoever was planned for got it or a true reason is there.
    NobodyForgotten,
}

/// A promise that was broken, with whom to look at.
#[derive(Clone, Debug)]
pub struct Violation {
    pub promise: Promise,
    pub person: Option<u32>,
    pub at: Option<DateTime<Utc>>,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.promise)?;
        if let Some(person) = self.person {
            write!(f, ", person {person}")?;
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
    violations
}

/// The evidence, put in order.
struct Case<'e> {
    evidence: &'e Evidence<'e>,
    /// What each person received unasked, in order.
    unasked: BTreeMap<u32, Vec<&'e Received>>,
    decided: HashMap<u32, Vec<&'e Decided>>,
    rows: HashMap<(usize, usize, u32), &'e PlannedRow>,
}

impl<'e> Case<'e> {
    fn of(evidence: &'e Evidence<'e>) -> Self {
        let mut unasked: BTreeMap<u32, Vec<&Received>> = BTreeMap::new();
        for received in evidence.entries.received.iter().filter(|received| received.message.is_unasked()) {
            unasked.entry(received.person).or_default().push(received);
        }
        let mut decided: HashMap<u32, Vec<&Decided>> = HashMap::new();
        for entry in &evidence.entries.decided {
            decided.entry(entry.person).or_default().push(entry);
        }
        let rows = evidence.rows.iter().map(|row| ((row.campaign, row.step, row.person), row)).collect();
        Self { evidence, unasked, decided, rows }
    }

    fn of_person(&self, person: u32) -> &[&'e Decided] {
        self.decided.get(&person).map_or(&[], Vec::as_slice)
    }

    /// What a person or anybody of their collectivité decided.
    fn of_collectivite(&self, person: u32) -> impl Iterator<Item = &'e Decided> {
        let colleagues = &self.evidence.world.collectivite_of(person).people;
        colleagues.iter().flat_map(|colleague| self.of_person(*colleague)).copied()
    }

    /// The first time that the answer of a person's collectivité was known.
    fn answer(&self, person: u32, campaign: usize) -> Option<&'e Decided> {
        self.of_collectivite(person)
            .filter(|entry| entry.decision == Decision::Answered { campaign })
            .min_by_key(|entry| entry.order)
    }

    /// Whether a person could be written to at some time before `order`: they came by an invitation.
    fn is_bound(&self, person: u32, order: Order) -> bool {
        self.evidence.world.people[person as usize].bound.is_some()
            || self
                .of_person(person)
                .iter()
                .any(|entry| matches!(entry.decision, Decision::Joined { .. }) && entry.order < order)
    }
}

/// Whether `received` was sent in knowledge of `decided`.
fn knew(received: &Received, decided: &Decided) -> bool {
    received.order > decided.order && !decided.under_way.contains(&received.delivery)
}

/// The campaign and step of a message.
fn step_of(received: &Received) -> Option<(usize, usize)> {
    match received.message {
        Message::Campaign { campaign, step, .. } => Some((campaign, step)),
        _ => None,
    }
}
