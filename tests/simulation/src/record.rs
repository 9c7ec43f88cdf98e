//! What happened, written down as it happens: what the networks received, and what the world decided. The judge reads
//! nothing else, but for the tables that counts are compared with.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::digests::reading::Digest;
use crate::messenger::{Refusal, Sight};
use crate::world::Network;

/// The place of an entry among all: each begins after the one before it was written down.
pub type Order = u64;

/// A message that a person saw.
#[derive(Clone, Debug)]
pub struct Received {
    pub order: Order,
    pub at: DateTime<Utc>,
    pub person: u32,
    pub network: Network,
    pub delivery: Uuid,
    pub message: Message,
}

/// What a message is, by its first line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// One of a campaign: the line as it was read.
    Campaign { campaign: usize, step: usize, line: Box<str> },
    /// A consultation, by its number.
    Consultation { number: u32 },
    /// A digest of the observatory.
    Digest(Digest),
    /// An answer to something the person did.
    Reply,
}

impl Message {
    pub fn is_unasked(&self) -> bool {
        !matches!(self, Self::Reply)
    }
}

/// What the world did, once the service knew.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What began to be sent after this entry was sent in knowledge of it …
    pub order: Order,
    pub at: DateTime<Utc>,
    pub person: u32,
    pub decision: Decision,
    /// … except these, which were under way at that moment.
    pub under_way: Vec<Uuid>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Their collectivité's answer is known, as far as a part of it, or whole.
    Started {
        campaign: usize,
    },
    Answered {
        campaign: usize,
    },
    Snoozed {
        campaign: usize,
        until: DateTime<Utc>,
    },
    NotMine {
        campaign: usize,
    },
    StoppedCampaign {
        campaign: usize,
    },
    /// STOP, of everything.
    Stopped,
    /// The network told us that we were blocked there.
    Blocked {
        network: Network,
    },
    /// They came by an invitation, or moved to another network.
    Joined {
        network: Network,
    },
}

/// A call to somebody who had blocked us.
#[derive(Clone, Copy, Debug)]
pub struct Knock {
    pub order: Order,
    pub at: DateTime<Utc>,
    pub person: u32,
    pub network: Network,
    pub delivery: Uuid,
}

/// The service was not there from `since` to `until`.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A campaign's version was approved.
#[derive(Clone, Copy, Debug)]
pub struct Approved {
    pub order: Order,
    pub at: DateTime<Utc>,
    pub campaign: usize,
    pub version: u16,
}

#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub received: Vec<Received>,
    pub decided: Vec<Decided>,
    pub outages: Vec<Outage>,
    pub approved: Vec<Approved>,
    pub knocked: Vec<Knock>,
    order: Order,
}

impl Entries {
    pub fn next_order(&mut self) -> Order {
        self.order += 1;
        self.order
    }
}

#[derive(Debug, Default)]
pub struct Record(Mutex<Entries>);

impl Record {
    /// Adds entries, one writer at a time.
    pub fn write<T>(&self, write: impl FnOnce(&mut Entries) -> T) -> T {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes down what a network saw. Anybody may react.
    pub fn note(&self, sight: Sight<'_>) -> bool {
        match sight {
            Sight::Shown { shown, delivery } => self.write(|entries| {
                let order = entries.next_order();
                entries.received.push(Received {
                    order,
                    at: shown.at,
                    person: shown.person,
                    network: shown.network,
                    delivery,
                    message: shown.message.clone(),
                });
            }),
            Sight::Refused { at, person, network, delivery, refusal: Refusal::Blocked } => self.write(|entries| {
                let order = entries.next_order();
                entries.knocked.push(Knock { order, at, person, network, delivery });
            }),
            Sight::Refused { .. } => {}
        }
        true
    }

    pub fn entries(&self) -> Entries {
        self.write(|entries| entries.clone())
    }

    pub fn messages(&self) -> usize {
        self.write(|entries| entries.received.len())
    }
}
