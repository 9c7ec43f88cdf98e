//! Classes of values: at most five, of the same width, with round bounds.

use rust_decimal::Decimal;

use crate::ink::STEPS;
use crate::{Locale, Quantity};

/// From the lowest class up. Each has its lower bound, and all but the last leave out their upper one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// One more than there are classes; none where there is no value.
    bounds: Vec<Decimal>,
}

const MOST: usize = STEPS.len();

impl Steps {
    pub(crate) fn of(values: impl Iterator<Item = Decimal> + Clone, quantity: Quantity) -> Self {
        let (Some(lowest), Some(highest)) = (values.clone().min(), values.clone().max()) else {
            return Steps { bounds: Vec::new() };
        };
        if lowest == highest {
            return Steps { bounds: vec![lowest, highest] };
        }
        let are_whole = quantity == Quantity::Count && values.clone().all(|value| value.fract().is_zero());
        // Bounds must be read as they are, and people are counted whole.
        let is_readable =
            |width: &Decimal| quantity.rounded(*width) == *width && (!are_whole || width.fract().is_zero());
        let bounds = widths().filter(is_readable).find_map(|width| bounds(lowest, highest, width));
        Steps { bounds: bounds.unwrap_or_else(|| vec![lowest, highest]) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// The class of a value that the classes were made of.
    pub(crate) fn step(&self, value: Decimal) -> usize {
        let above = self.bounds.iter().filter(|bound| **bound <= value).count();
        above.saturating_sub(1).min(self.len().saturating_sub(1))
    }

    /// `20 % à moins de 40 %`; the last class holds its upper bound: `80 % à 100 %`.
    pub(crate) fn words(&self, step: usize, locale: Locale, quantity: Quantity) -> String {
        let bound = |index: usize| locale.figure(self.bounds.get(index).copied().unwrap_or_default(), quantity);
        let (from, to) = (bound(step), bound(step + 1));
        let is_last = step + 1 >= self.len();
        match locale {
            _ if from == to => from,
            Locale::Fr if is_last => format!("{from} à {to}"),
            Locale::Fr => format!("{from} à moins de {to}"),
            Locale::En if is_last => format!("{from} to {to}"),
            Locale::En => format!("{from} to under {to}"),
        }
    }
}

/// 0.1, 0.2, 0.25, 0.5, 1 and so on.
fn widths() -> impl Iterator<Item = Decimal> {
    let units = std::iter::successors(Some(Decimal::new(1, 1)), |unit| unit.checked_mul(Decimal::TEN));
    units.flat_map(|unit| {
        [10, 20, 25, 50].into_iter().filter_map(move |tenths| unit.checked_mul(Decimal::new(tenths, 1)))
    })
}

/// The bounds of classes so wide, if five are enough.
fn bounds(lowest: Decimal, highest: Decimal, width: Decimal) -> Option<Vec<Decimal>> {
    let start = lowest.checked_div(width)?.floor().checked_mul(width)?;
    let mut bounds = vec![start];
    let mut end = start;
    while bounds.len() <= MOST && (end < highest || bounds.len() < 2) {
        end = end.checked_add(width)?;
        bounds.push(end);
    }
    (end >= highest && start <= lowest).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{any_decimal, any_quantity};

    fn legend(values: &[&str], quantity: Quantity) -> String {
        let steps = Steps::of(values.iter().map(|value| value.parse().unwrap()), quantity);
        let words: Vec<String> = (0..steps.len()).map(|step| steps.words(step, Locale::En, quantity)).collect();
        words.join(", ")
    }

    #[test]
    fn bounds_are_round() {
        let percent = |values: &[&str]| legend(values, Quantity::Percent);
        assert_eq!(
            percent(&["3.5", "80.1"]),
            "0% to under 20%, 20% to under 40%, 40% to under 60%, 60% to under 80%, 80% to 100%"
        );
        assert_eq!(
            percent(&["50", "51"]),
            "50% to under 50.2%, 50.2% to under 50.4%, 50.4% to under 50.6%, 50.6% to under 50.8%, 50.8% to 51%"
        );
        assert_eq!(percent(&["12.3", "12.3"]), "12.3%");
        assert_eq!(percent(&[]), "");
        assert_eq!(legend(&["1", "3"], Quantity::Count), "1 to under 2, 2 to 3");
        assert_eq!(
            legend(&["900", "12000"], Quantity::Euro),
            "€0 to under €2,500, €2,500 to under €5,000, €5,000 to under €7,500, €7,500 to under €10,000, €10,000 to €12,500"
        );
    }

    proptest! {
        #[test]
        fn every_value_has_its_class(values in proptest::collection::vec(any_decimal(), 1..20), quantity in any_quantity()) {
            let steps = Steps::of(values.iter().copied(), quantity);
            prop_assert!((1..=MOST).contains(&steps.len()));
            for value in values {
                let step = steps.step(value);
                prop_assert!(step < steps.len());
                prop_assert!(steps.bounds[step] <= value && value <= steps.bounds[step + 1]);
            }
        }
    }
}
