//! Whom to remind next, so that coverage evens out and does not only grow.
//!
//! The rule, which anybody can follow with the tables of the report and the file of collectivités:
//!
//! 1. Of all rows of the three tables (type, population, région) in which somebody can still be reminded, take the one
//!    with the lowest coverage. Of equal ones take the one that misses the most answers, then the upper one.
//! 2. In it, take the collectivité that had the fewest messages so far; of equal ones the one with the most
//!    inhabitants; of equal ones the first by code.
//! 3. Count it as if it had answered, in each of its three rows, and begin again.
//!
//! Somebody can be reminded who is of the reference population, was asked, neither answered nor refused, and does not
//! want to be left alone. No chance and no clock is in it: the same file gives the same list.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::bodies::{Body, Reminding};
use super::coverage::{Counts, Coverage, comes_before};
use super::strata::Stratum;

/// Longest list that is made.
pub const NEXT_MAX: usize = 50_000;

/// One line of the list, and why it stands there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Next {
    /// From 1.
    pub place: usize,
    #[serde(flatten, serialize_with = "named")]
    pub body: Body,
    /// The row of a table that it was taken for.
    #[serde(serialize_with = "stratum_code")]
    pub stratum: Stratum,
    /// The coverage of that row then, those above counted as if they had answered.
    pub covered: u64,
    pub reference: u64,
}

fn named<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(Some(4))?;
    map.serialize_entry("code", &body.code)?;
    map.serialize_entry("name", &body.name)?;
    map.serialize_entry("messages", &body.messages)?;
    map.serialize_entry("in_chat", &(body.reminding == Reminding::InChat))?;
    map.end()
}

fn stratum_code<S: Serializer>(stratum: &Stratum, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(stratum)
}

/// The first `count` of the list.
pub fn next(bodies: &[Body], count: usize) -> Vec<Next> {
    let mut rows: BTreeMap<Stratum, (Counts, Queue<'_>)> = BTreeMap::new();
    for row in Coverage::of(bodies).tables.into_iter().flat_map(|table| table.rows) {
        if row.stratum.is_known() {
            rows.insert(row.stratum, (row.counts, Queue::default()));
        }
    }
    let mut candidates: Vec<&Body> =
        bodies.iter().filter(|body| body.counted && body.reminding != Reminding::No).collect();
    candidates.sort_by_key(|body| (body.messages, Reverse(body.population), body.code.as_str()));
    for (index, body) in candidates.iter().enumerate() {
        for stratum in body.strata() {
            if let Some((_, queue)) = rows.get_mut(&stratum) {
                queue.waiting.push((index, body));
            }
        }
    }

    let mut taken = vec![false; candidates.len()];
    let mut list = Vec::new();
    while list.len() < count.min(NEXT_MAX) {
        let mut lowest: Option<(Stratum, Counts, usize)> = None;
        for (&stratum, (counts, queue)) in &mut rows {
            let Some(index) = queue.first(&taken) else { continue };
            if lowest.is_none_or(|(_, best, _)| comes_before(counts, &best)) {
                lowest = Some((stratum, *counts, index));
            }
        }
        let Some((stratum, counts, index)) = lowest else { break };
        let Some(body) = candidates.get(index).copied() else { break };
        taken[index] = true;
        for stratum in body.strata() {
            if let Some((counts, _)) = rows.get_mut(&stratum) {
                counts.covered += 1;
            }
        }
        let (covered, reference) = (counts.covered, counts.reference);
        list.push(Next { place: list.len() + 1, body: body.clone(), stratum, covered, reference });
    }
    list
}

/// The candidates of one row, in their order; those taken for another row are passed over.
#[derive(Default)]
struct Queue<'b> {
    waiting: Vec<(usize, &'b Body)>,
    passed: usize,
}

impl Queue<'_> {
    fn first(&mut self, taken: &[bool]) -> Option<usize> {
        loop {
            let (index, _) = self.waiting.get(self.passed)?;
            if !taken.get(*index).copied().unwrap_or(true) {
                return Some(*index);
            }
            self.passed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bot_core::contacts::CollectiviteKind;
    use proptest::prelude::*;

    use super::*;
    use crate::report::bench::any_bodies;
    use crate::report::funnel::Progress;
    use crate::report::strata::Region;

    fn commune(code: &str, region: &str, population: u32, messages: u32, progress: Progress) -> Body {
        let reminding = if progress.is_answered() { Reminding::No } else { Reminding::InChat };
        Body {
            code: code.to_owned(),
            name: String::new(),
            kind: Some(CollectiviteKind::Commune),
            population: Some(population),
            region: Region::read(region),
            counted: true,
            progress: Some(progress),
            messages,
            reminding,
        }
    }

    /// The example of the docs, done by hand there.
    #[test]
    fn the_example_of_the_docs_comes_out_as_by_hand() {
        let bodies = [
            commune("A", "53", 1_000, 1, Progress::Confirmed),
            commune("B", "53", 1_500, 1, Progress::Silent),
            commune("C", "53", 3_000, 2, Progress::Silent),
            commune("D", "94", 800, 2, Progress::Silent),
            commune("E", "94", 900, 2, Progress::Started),
            commune("F", "94", 2_500, 3, Progress::Silent),
        ];
        let list: Vec<String> = next(&bodies, 4)
            .iter()
            .map(|line| {
                format!("{} {} {} {}/{}", line.place, line.body.code, line.stratum, line.covered, line.reference)
            })
            .collect();
        insta::assert_snapshot!(list.join("\n"), @r"
        1 E region:94 0/3
        2 C population:2000-9999 0/2
        3 D region:94 1/3
        4 F population:2000-9999 1/2
        ");
    }

    /// Coverage of each known row in which somebody can still be reminded, as (covered, reference).
    fn open_rows(bodies: &[Body]) -> Vec<Counts> {
        let open: BTreeSet<Stratum> = bodies
            .iter()
            .filter(|body| body.counted && body.reminding != Reminding::No)
            .flat_map(Body::strata)
            .collect();
        let tables = Coverage::of(bodies).tables.into_iter().flat_map(|table| table.rows);
        tables.filter(|row| row.stratum.is_known() && open.contains(&row.stratum)).map(|row| row.counts).collect()
    }

    fn answers(bodies: &mut [Body], code: &str) {
        let body = bodies.iter_mut().find(|body| body.code == code).unwrap();
        (body.progress, body.reminding) = (Some(Progress::Confirmed), Reminding::No);
    }

    proptest! {
        #[test]
        fn every_line_is_taken_for_the_lowest_row_and_lowers_none(bodies in any_bodies(), count in 0usize..40) {
            let list = next(&bodies, count);
            let mut world = bodies.clone();
            for line in &list {
                let rows = open_rows(&world);
                let taken_for = Counts { covered: line.covered, reference: line.reference, ..Counts::default() };
                prop_assert!(rows.iter().all(|row| !row.is_below(&taken_for)), "a lower row was passed over");
                let before = Coverage::of(&world);
                answers(&mut world, &line.body.code);
                let after = Coverage::of(&world);
                for (one, other) in before.tables.iter().zip(&after.tables) {
                    for (was, is) in one.rows.iter().zip(&other.rows) {
                        prop_assert!(!is.counts.is_below(&was.counts));
                    }
                }
                if let (Some(was), Some(is)) = (before.lowest(), after.lowest()) {
                    prop_assert!(!is.counts.is_below(&was.counts), "the lowest coverage fell");
                }
            }
        }

        #[test]
        fn the_order_of_the_file_changes_nothing(
            (bodies, shuffled) in any_bodies().prop_flat_map(|bodies| (Just(bodies.clone()), Just(bodies).prop_shuffle())),
        ) {
            prop_assert_eq!(next(&bodies, 40), next(&shuffled, 40));
        }

        #[test]
        fn everybody_who_can_be_reminded_is_listed_once_and_nobody_else(bodies in any_bodies()) {
            let listed: Vec<String> = next(&bodies, usize::MAX).into_iter().map(|line| line.body.code).collect();
            let once: BTreeSet<String> = listed.iter().cloned().collect();
            prop_assert_eq!(once.len(), listed.len());
            let may: BTreeSet<String> = bodies
                .iter()
                .filter(|body| body.counted && body.reminding != Reminding::No)
                .filter(|body| body.strata().iter().any(|stratum| stratum.is_known()))
                .map(|body| body.code.clone())
                .collect();
            prop_assert_eq!(once, may);
        }

        #[test]
        fn a_longer_list_begins_with_the_shorter_one(bodies in any_bodies(), count in 0usize..10) {
            let longer = next(&bodies, 40);
            prop_assert_eq!(next(&bodies, count), &longer[..count.min(longer.len())]);
        }
    }
}
