//! The latest edition held against the one before: what changed, or why nothing is said of it.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::edition::model::{Point, Unit};

/// Below so many answers a share moves by chance alone.
pub const BASE_MIN: u64 = 30;

/// Two points of the same indicator and stratum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// `None` where they cannot be compared, and `caution` says why.
    pub change: Option<Change>,
    pub caution: Option<Caution>,
}

/// From the one before to the latest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Shares: the difference in percentage points.
    Points(Decimal),
    /// Counts and sums: the difference in percent of the one before, to one decimal.
    Relative(Decimal),
}

impl Change {
    pub fn value(self) -> Decimal {
        match self {
            Self::Points(value) | Self::Relative(value) => value,
        }
    }
}

/// What a reader must know of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caution {
    /// Not compared: a share and a count have nothing in common.
    UnitDiffers,
    /// Not compared: fewer than [`BASE_MIN`] answered in one of the two.
    TooSmall { latest: Option<u64>, previous: Option<u64> },
    /// Not compared: nothing was there to grow.
    FromZero,
    /// Compared, though nobody published how many answered.
    BaseMissing { latest: bool, previous: bool },
}

/// Compares `latest` with `previous`, which ask the same of the same.
pub fn compare(latest: &Point, previous: &Point) -> Comparison {
    let refused = |caution| Comparison { change: None, caution: Some(caution) };
    if latest.unit != previous.unit {
        return refused(Caution::UnitDiffers);
    }
    let is_small = |base: Option<u64>| base.is_some_and(|base| base < BASE_MIN);
    if latest.unit == Unit::Percent && (is_small(latest.base) || is_small(previous.base)) {
        return refused(Caution::TooSmall { latest: latest.base, previous: previous.base });
    }
    let change = match latest.unit {
        Unit::Percent => Some(Change::Points((latest.value - previous.value).normalize())),
        Unit::Count | Unit::Euro => relative(latest.value, previous.value).map(Change::Relative),
    };
    let Some(change) = change else { return refused(Caution::FromZero) };
    let (latest_missing, previous_missing) = (latest.base.is_none(), previous.base.is_none());
    // A count is its own base.
    let is_missing = latest.unit == Unit::Percent && (latest_missing || previous_missing);
    let caution = is_missing.then_some(Caution::BaseMissing { latest: latest_missing, previous: previous_missing });
    Comparison { change: Some(change), caution }
}

/// In percent of `previous`; `None` where that is nothing, or less.
fn relative(latest: Decimal, previous: Decimal) -> Option<Decimal> {
    if previous <= Decimal::ZERO {
        return None;
    }
    let share = (latest - previous).checked_div(previous)?.checked_mul(Decimal::ONE_HUNDRED)?;
    Some(share.round_dp_with_strategy(1, rust_decimal::RoundingStrategy::MidpointAwayFromZero).normalize())
}

/// Editions in their order, each once: by their numbers (2016 before 2017, 2026-2 before 2026-10) where all of them
/// begin with one, else as the data has them.
pub fn editions<'p>(points: impl IntoIterator<Item = &'p Point>) -> Vec<&'p str> {
    let mut editions: Vec<&str> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for point in points {
        if known.insert(point.edition.as_str()) {
            editions.push(&point.edition);
        }
    }
    if editions.iter().all(|edition| edition.starts_with(|sign: char| sign.is_ascii_digit())) {
        editions.sort_by(|one, other| natural(one, other));
    }
    editions
}

/// Digits by their number, everything else by its letters; a total order.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else {
            // `01` and `1` are two names.
            return left.len().cmp(&right.len()).then_with(|| one.cmp(other));
        };
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number, rest) = digits(left);
            let (against, others) = digits(right);
            match number.len().cmp(&against.len()).then_with(|| number.cmp(against)) {
                Ordering::Equal => (left, right) = (rest, others),
                order => return order,
            }
        } else if a == b {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
        } else {
            return a.cmp(&b);
        }
    }
}

/// The digits that a text begins with, without zeros in front, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (digits.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(edition: &str, value: &str, unit: Unit, base: Option<u64>) -> Point {
        Point { edition: edition.to_owned(), stratum: String::new(), value: value.parse().unwrap(), unit, base, row: 1 }
    }

    fn compared(latest: (&str, Unit, Option<u64>), previous: (&str, Unit, Option<u64>)) -> Comparison {
        compare(&point("2018", latest.0, latest.1, latest.2), &point("2017", previous.0, previous.1, previous.2))
    }

    #[test]
    fn shares_change_in_points_and_counts_in_percent() {
        let share = compared(("80.1", Unit::Percent, Some(157)), ("70", Unit::Percent, Some(98)));
        assert_eq!(share, Comparison { change: Some(Change::Points("10.1".parse().unwrap())), caution: None });
        let count = compared(("157", Unit::Count, None), ("98", Unit::Count, None));
        assert_eq!(count, Comparison { change: Some(Change::Relative("60.2".parse().unwrap())), caution: None });
        let fewer = compared(("49", Unit::Euro, None), ("98", Unit::Euro, None));
        assert_eq!(fewer.change.unwrap().value(), Decimal::from(-50));
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let caution = |latest, previous| {
            let Comparison { change, caution } = compared(latest, previous);
            (change.is_some(), caution)
        };
        let (percent, count) = (Unit::Percent, Unit::Count);
        assert_eq!(caution(("9", count, None), ("9", percent, None)), (false, Some(Caution::UnitDiffers)));
        assert_eq!(
            caution(("9", percent, Some(29)), ("9", percent, None)),
            (false, Some(Caution::TooSmall { latest: Some(29), previous: None }))
        );
        assert_eq!(
            caution(("9", percent, Some(30)), ("9", percent, None)),
            (true, Some(Caution::BaseMissing { latest: false, previous: true }))
        );
        assert_eq!(caution(("9", count, None), ("0", count, None)), (false, Some(Caution::FromZero)));
    }

    #[test]
    fn editions_are_in_their_order() {
        let order = |names: &[&str]| {
            let points: Vec<Point> = names.iter().map(|name| point(name, "1", Unit::Count, None)).collect();
            editions(&points).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(order(&["2018", "2016", "2017", "2016"]), ["2016", "2017", "2018"]);
        assert_eq!(order(&["2026-10", "2026-2", "2025"]), ["2025", "2026-2", "2026-10"]);
        assert_eq!(order(&["mars 2026", "avril 2026"]), ["mars 2026", "avril 2026"]);
    }

    fn any_point() -> impl Strategy<Value = Point> {
        (0..10_000_i64, 0..3_u8, proptest::option::of(0..100_u64)).prop_map(|(digits, unit, base)| Point {
            edition: "2018".to_owned(),
            stratum: String::new(),
            value: Decimal::new(digits, 2),
            unit: [Unit::Percent, Unit::Count, Unit::Euro][usize::from(unit)],
            base,
            row: 1,
        })
    }

    proptest! {
        /// There is a change or a reason why not; a change leads from the one before to the latest.
        #[test]
        fn nothing_is_left_unsaid(latest in any_point(), previous in any_point()) {
            let Comparison { change, caution } = compare(&latest, &previous);
            prop_assert!(change.is_some() || caution.is_some());
            match change {
                Some(Change::Points(points)) => prop_assert_eq!(previous.value + points, latest.value),
                Some(Change::Relative(percent)) => {
                    let reached = previous.value * (Decimal::ONE + percent / Decimal::ONE_HUNDRED);
                    // Half of the last decimal of the percentage.
                    let distance = (reached - latest.value).abs();
                    prop_assert!(distance <= previous.value * Decimal::new(5, 4) + Decimal::new(1, 9));
                }
                None => {}
            }
            let small = |base: Option<u64>| base.is_some_and(|base| base < BASE_MIN);
            if latest.unit == Unit::Percent && previous.unit == Unit::Percent {
                prop_assert_eq!(change.is_none(), small(latest.base) || small(previous.base));
            }
        }

        #[test]
        fn the_natural_order_is_an_order(names in proptest::collection::vec("[0-9a-z-]{0,6}", 3)) {
            let [a, b, c] = names.as_slice() else { unreachable!() };
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            if natural(a, b).is_le() && natural(b, c).is_le() {
                prop_assert!(natural(a, c).is_le());
            }
            prop_assert_eq!(natural(a, b).is_eq(), a == b);
        }
    }
}
