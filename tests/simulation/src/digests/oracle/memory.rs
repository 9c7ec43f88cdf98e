//! The promise that memory does not grow with the years.

use super::{Promise, Violation};

/// From the end of the second week, when everything has happened once, to the end of the last, the process may grow by
/// so much, beyond what the simulation itself writes down.
pub const GROWTH_MAX_MEGABYTES: u64 = 64;

/// One week's memory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The most that the process held in that week.
    pub peak: u64,
    /// The simulation's own book at its end.
    pub book: u64,
}

impl Sample {
    /// What the service took, and the world.
    pub fn net(self) -> u64 {
        self.peak.saturating_sub(self.book)
    }
}

pub(super) fn judge(weeks: &[Sample], violations: &mut Vec<Violation>) {
    let (Some(second), Some(last)) = (weeks.get(1), weeks.last()) else { return };
    let grown = last.net().saturating_sub(second.net()) >> 20;
    if grown > GROWTH_MAX_MEGABYTES {
        let what = format!("{grown} MB more in the last week than in the second");
        violations.push(Violation { promise: Promise::MemoryFlat, seat: None, at: None, what });
    }
}
