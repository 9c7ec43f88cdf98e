//! Response and coverage, by type of collectivité, population and région.
//!
//! The *response rate* is of those who were asked, the *coverage* of the reference population. Collectivités are public
//! bodies: small strata are shown as they are.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::bodies::Body;
use super::strata::{Dimension, Stratum};

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coverage {
    pub all: Counts,
    /// A table for each way to divide, with the rows that hold somebody.
    pub tables: Vec<Table>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table {
    pub by: Dimension,
    pub rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    #[serde(serialize_with = "code_of")]
    pub stratum: Stratum,
    #[serde(flatten)]
    pub counts: Counts,
}

fn code_of<S: Serializer>(stratum: &Stratum, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(stratum.code())
}

/// Of one stratum, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Counts {
    /// Of the reference population.
    pub reference: u64,
    pub asked: u64,
    /// Of those asked.
    pub answered: u64,
    /// Of those answered: they say so themselves alone.
    pub declared: u64,
    /// Of the reference population. What makes `answered` larger is outside of it.
    pub covered: u64,
}

impl Counts {
    fn add(&mut self, body: &Body) {
        self.reference += u64::from(body.counted);
        self.asked += u64::from(body.progress.is_some());
        self.answered += u64::from(body.is_answered());
        self.declared += u64::from(body.progress == Some(super::funnel::Progress::Declared));
        self.covered += u64::from(body.counted && body.is_answered());
    }

    /// Whether its coverage is below that of `other`: exactly, in whole numbers. One without reference never is.
    pub fn is_below(&self, other: &Self) -> bool {
        u128::from(self.covered) * u128::from(other.reference) < u128::from(other.covered) * u128::from(self.reference)
    }
}

impl Coverage {
    pub fn of(bodies: &[Body]) -> Self {
        let mut all = Counts::default();
        let mut found: BTreeMap<Stratum, Counts> = BTreeMap::new();
        for body in bodies {
            all.add(body);
            for stratum in body.strata() {
                found.entry(stratum).or_default().add(body);
            }
        }
        let rows = |by| {
            let rows = found.iter().filter(move |(stratum, _)| stratum.dimension() == by);
            rows.map(|(&stratum, &counts)| Row { stratum, counts }).collect()
        };
        Self { all, tables: Dimension::ALL.into_iter().map(|by| Table { by, rows: rows(by) }).collect() }
    }

    pub fn table(&self, by: Dimension) -> &[Row] {
        self.tables.iter().find(|table| table.by == by).map_or(&[], |table| &table.rows)
    }

    /// The known stratum with the lowest coverage, of those with a reference; of equal ones the largest gap, then the
    /// first.
    pub fn lowest(&self) -> Option<&Row> {
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        rows.filter(|row| row.stratum.is_known() && row.counts.reference > 0)
            .reduce(|lowest, row| if comes_before(&row.counts, &lowest.counts) { row } else { lowest })
    }
}

/// The order in which strata are served: the lower coverage, then the larger number that is missing.
pub(crate) fn comes_before(one: &Counts, other: &Counts) -> bool {
    let missing = |counts: &Counts| counts.reference.saturating_sub(counts.covered);
    one.is_below(other) || (!other.is_below(one) && missing(one) > missing(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::bench::{any_bodies, any_facts, reference};
    use crate::report::bodies::bodies;
    use crate::report::funnel::Funnel;

    proptest! {
        #[test]
        fn every_table_sums_to_the_whole(bodies in any_bodies()) {
            let coverage = Coverage::of(&bodies);
            for table in &coverage.tables {
                let mut sum = Counts::default();
                for row in &table.rows {
                    sum.reference += row.counts.reference;
                    sum.asked += row.counts.asked;
                    sum.answered += row.counts.answered;
                    sum.declared += row.counts.declared;
                    sum.covered += row.counts.covered;
                    prop_assert!(row.counts.covered <= row.counts.reference.min(row.counts.answered));
                    prop_assert!(row.counts.answered <= row.counts.asked);
                }
                prop_assert_eq!(sum, coverage.all);
            }
        }

        #[test]
        fn coverage_and_funnel_count_the_same_answers(facts in any_facts()) {
            let funnel = Funnel::of(&facts).respondents;
            let alone = Coverage::of(&bodies(&facts, None)).all;
            prop_assert_eq!((alone.asked, alone.answered), (funnel.all, funnel.answered));
            prop_assert_eq!((alone.reference, alone.covered), (funnel.all, funnel.answered));
            let held_against = Coverage::of(&bodies(&facts, Some(&reference()))).all;
            prop_assert_eq!((held_against.asked, held_against.answered), (funnel.all, funnel.answered));
        }
    }
}
