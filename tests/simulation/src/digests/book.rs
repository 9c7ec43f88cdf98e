//! What happened, written down compactly as it happens: a year of 50,000 readers is millions of messages. The judge
//! reads nothing else, but for the tables that counts are compared with.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::readers::{Rhythm, Wishes};
use super::reading::{self, Digest};
use crate::messenger::{Refusal, Sight};
use crate::record::{Message, Outage};
use crate::world::Network;

/// The place of an entry among all: each begins after the one before it was written down.
pub type Order = u32;

/// Seconds since 1970: enough until 2106.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment(u32);

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self(u32::try_from(at.timestamp()).unwrap_or(u32::MAX))
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(at: Moment) -> Self {
        DateTime::from_timestamp(i64::from(at.0), 0).unwrap_or_default()
    }
}

/// A delivery, by enough of its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Parcel(u64);

impl From<Uuid> for Parcel {
    fn from(id: Uuid) -> Self {
        // The latter half is random.
        Self(id.as_u64_pair().1)
    }
}

/// A message that nobody asked for, on somebody's screen.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub order: Order,
    pub at: Moment,
    pub seat: u32,
    pub parcel: Parcel,
    pub what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Digest(Digest),
    /// Of the other plugin, by its number.
    Consultation(u32),
}

impl Received {
    pub fn at(&self) -> DateTime<Utc> {
        self.at.into()
    }

    pub fn digest(&self) -> Option<&Digest> {
        match &self.what {
            What::Digest(digest) => Some(digest),
            What::Consultation(_) => None,
        }
    }
}

/// What somebody did, once the service knew.
#[derive(Clone, Debug)]
pub struct Decided {
    /// It began after this entry: from then on it may have been in force.
    pub since: Order,
    /// What began to be sent after this entry was sent in knowledge of it …
    pub order: Order,
    pub at: DateTime<Utc>,
    pub seat: u32,
    pub decision: Decision,
    /// … except these, which were under way at that moment.
    pub under_way: Vec<Parcel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Subscribed, or changed something.
    Wishes(Wishes),
    /// By a button, by the command, or on the web.
    Left,
    /// STOP, of everything.
    Stopped,
    /// The network told us.
    Blocked,
    /// Unblocked, and said hello.
    Returned,
    /// Is one person with this other chat.
    Linked {
        with: u32,
    },
    /// Is a person of its own again.
    Parted {
        from: u32,
    },
    Erased,
}

/// A call that came to nothing at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    pub order: Order,
    pub at: Moment,
    pub seat: u32,
    pub parcel: Parcel,
    pub refusal: Refusal,
}

/// An edition, as the editors let it go.
#[derive(Clone, Debug)]
pub struct Approved {
    /// Nothing of it was sent before this entry.
    pub order: Order,
    pub number: u16,
    pub rhythm: Rhythm,
    /// `2026-W48`, `2026-11`.
    pub period: String,
    /// What it looked at.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub at: DateTime<Utc>,
    /// By an editor of this world; else by the plugin itself.
    pub by_hand: bool,
    /// The items in it, as an editor saw them last.
    pub held: u64,
    /// Items that were left out.
    pub dropped: u64,
    /// The text of its introduction; 0: none.
    pub introduction: u16,
}

/// A network put everything off from `since` to `until`.
#[derive(Clone, Copy, Debug)]
pub struct Jam {
    pub network: Network,
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub received: Vec<Received>,
    pub decided: Vec<Decided>,
    pub refused: Vec<Refused>,
    pub approved: Vec<Approved>,
    pub skipped: Vec<u16>,
    pub outages: Vec<Outage>,
    pub jams: Vec<Jam>,
    /// Answers to what people did.
    pub replies: u64,
    order: Order,
}

impl Entries {
    pub fn next_order(&mut self) -> Order {
        self.order += 1;
        self.order
    }
}

#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    entries: Entries,
    /// Where the first parts of late messages stand, for the parts that follow.
    open: HashMap<Parcel, usize>,
}

/// Messages of which more parts may follow.
const OPEN_MAX: usize = 20_000;

impl Book {
    fn pages<T>(&self, work: impl FnOnce(&mut Pages) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds entries, one writer at a time.
    pub fn write<T>(&self, write: impl FnOnce(&mut Entries) -> T) -> T {
        self.pages(|pages| write(&mut pages.entries))
    }

    pub fn entries(&self) -> Entries {
        self.pages(|pages| std::mem::take(&mut pages.entries))
    }

    pub fn messages(&self) -> usize {
        self.pages(|pages| pages.entries.received.len())
    }

    /// The memory that this takes. What was reserved and never written to is not in memory.
    pub fn bytes(&self) -> usize {
        self.pages(|pages| {
            let entries = &pages.entries;
            entries.received.len() * size_of::<Received>()
                + entries.refused.len() * size_of::<Refused>()
                + entries.decided.len() * size_of::<Decided>()
                + pages.open.capacity() * (size_of::<(Parcel, usize)>() + 1)
        })
    }

    /// Writes down what a network saw.
    pub fn note(&self, sight: Sight<'_>) {
        self.pages(|pages| match sight {
            Sight::Shown { shown, delivery } => {
                let parcel = Parcel::from(delivery);
                let what = match shown.message {
                    Message::Digest(digest) => What::Digest(digest),
                    Message::Consultation { number } => What::Consultation(number),
                    Message::Campaign { .. } | Message::Reply => return pages.follow(parcel, &shown.words),
                };
                let order = pages.entries.next_order();
                if pages.open.len() >= OPEN_MAX {
                    pages.open.clear();
                }
                pages.open.insert(parcel, pages.entries.received.len());
                let (at, seat) = (shown.at.into(), shown.person);
                pages.entries.received.push(Received { order, at, seat, parcel, what });
            }
            Sight::Refused { at, person, delivery, refusal, .. } => {
                let order = pages.entries.next_order();
                let (at, parcel) = (at.into(), delivery.into());
                pages.entries.refused.push(Refused { order, at, seat: person, parcel, refusal });
            }
        });
    }
}

impl Pages {
    /// A later part of a digest, or an answer.
    fn follow(&mut self, parcel: Parcel, words: &str) {
        match self.open.get(&parcel).and_then(|place| self.entries.received.get_mut(*place)) {
            Some(Received { what: What::Digest(digest), .. }) => {
                let more = reading::more(words);
                digest.titles |= more.titles;
                digest.in_full |= more.in_full;
            }
            _ => self.entries.replies += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_few_bytes() {
        assert!(size_of::<Received>() <= 48, "{}", size_of::<Received>());
        let at: DateTime<Utc> = "2026-11-10T09:00:00Z".parse().unwrap();
        assert_eq!(DateTime::<Utc>::from(Moment::from(at)), at);
    }
}
