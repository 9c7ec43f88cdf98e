//! The escalation ladder: whom of a collectivité's contacts a step addresses, and how far their answer is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::definition::{OnlyIf, Rung};

/// The place of somebody among those of their collectivité who take part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Of the lowest rank, or working for no collectivité.
    First,
    /// Of the next rank.
    Deputy,
    Further,
    /// One of the campaign's organisers, who answers nothing.
    Organiser,
}

impl Place {
    pub const ALL: [Self; 4] = [Self::First, Self::Deputy, Self::Further, Self::Organiser];

    /// The place of `rank` among all `ranks` of a collectivité: two people of one rank have one place.
    pub fn of(rank: u8, ranks: &BTreeSet<u8>) -> Self {
        match ranks.range(..rank).count() {
            0 => Self::First,
            1 => Self::Deputy,
            _ => Self::Further,
        }
    }

    pub fn is_addressed_by(self, rung: Rung) -> bool {
        match rung {
            Rung::First | Rung::OtherAddress => self == Self::First,
            Rung::Deputy => self == Self::Deputy,
            Rung::Everyone => self != Self::Organiser,
            Rung::Organisers => self == Self::Organiser,
        }
    }

    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::First => "the first contact",
            Self::Deputy => "the deputy",
            Self::Further => "further contacts",
            Self::Organiser => "the organisers",
        }
    }
}

/// How far the answer is: two steps that need different progress never meet in one person at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    NotStarted,
    Started,
}

impl Progress {
    pub const ALL: [Self; 2] = [Self::NotStarted, Self::Started];

    /// Whether a message with this condition may go to somebody this far.
    pub fn meets(self, condition: Option<OnlyIf>) -> bool {
        match condition {
            Some(OnlyIf::NotStarted) => self == Self::NotStarted,
            Some(OnlyIf::Started) => self == Self::Started,
            Some(OnlyIf::NotOpened | OnlyIf::Unreachable) | None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_ranks_that_are_there() {
        let ranks = BTreeSet::from([2, 5, 9]);
        assert_eq!([2, 5, 9].map(|rank| Place::of(rank, &ranks)), [Place::First, Place::Deputy, Place::Further]);
    }
}
