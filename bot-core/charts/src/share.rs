//! A part of a whole, rounded once and shown honestly. The rule is in the crate's introduction.

use crate::Locale;

/// `count` out of `base`, kept as the exact integers it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub count: u64,
    pub base: u64,
}

impl Share {
    /// Thousandths of the base, rounded half up; `None` if the base is empty.
    pub fn tenths_of_percent(self) -> Option<u128> {
        let (count, base) = (u128::from(self.count), u128::from(self.base));
        (base > 0).then(|| (count * 2000 + base) / (base * 2))
    }

    /// Between 0 and 1, for lengths only: figures come from the integers.
    pub(crate) fn ratio(self) -> f32 {
        if self.base == 0 {
            return 0.0;
        }
        (self.count as f64 / self.base as f64).min(1.0) as f32
    }

    /// A whole number of percents, with nothing rounded away.
    pub(crate) fn is_whole(self) -> bool {
        self.base == 0 || (u128::from(self.count) * 100).is_multiple_of(u128::from(self.base))
    }

    /// The share as it is shown: `60 %`, or `60,0 %` if `decimal`; a dash if the base is empty, and
    /// `> 100 %` if the count is not a part of it.
    pub fn percent(self, locale: Locale, decimal: bool) -> String {
        let Some(tenths) = self.tenths_of_percent() else {
            return "–".to_owned();
        };
        if self.count > self.base {
            return locale.percent(">\u{a0}100");
        }
        if tenths == 0 && self.count > 0 {
            return locale.percent(&format!("<\u{a0}{}", locale.tenths(1, false)));
        }
        if tenths == 1000 && self.count < self.base {
            return locale.percent(&format!(">\u{a0}{}", locale.tenths(999, false)));
        }
        locale.percent(&locale.tenths(tenths, !decimal))
    }
}

/// Whether shares shown together need a decimal.
pub(crate) fn needs_decimal(shares: impl IntoIterator<Item = Share>) -> bool {
    shares.into_iter().any(|share| !share.is_whole())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(count: u64, base: u64) -> String {
        let share = Share { count, base };
        share.percent(Locale::Fr, !share.is_whole())
    }

    #[test]
    fn shares_are_shown_honestly() {
        assert_eq!(shown(12, 20), "60\u{202f}%");
        assert_eq!(shown(1, 3), "33,3\u{202f}%");
        assert_eq!(shown(2, 3), "66,7\u{202f}%");
        assert_eq!(shown(1, 16), "6,3\u{202f}%"); // 6.25, half up
        assert_eq!(shown(0, 7), "0\u{202f}%");
        assert_eq!(shown(7, 7), "100\u{202f}%");
        assert_eq!(shown(1, 10_000), "<\u{a0}0,1\u{202f}%");
        assert_eq!(shown(9_999, 10_000), ">\u{a0}99,9\u{202f}%");
        assert_eq!(shown(0, 0), "–");
        assert_eq!(shown(8, 7), ">\u{a0}100\u{202f}%");
        assert_eq!(Share { count: 3, base: 4 }.percent(Locale::En, true), "75.0%");
    }

    proptest! {
        #[test]
        fn the_figure_shown_is_within_half_a_tenth(base in 1..=u64::MAX, part in 0.0..=1.0f64) {
            let count = ((base as f64) * part) as u64;
            let count = count.min(base);
            let tenths = Share { count, base }.tenths_of_percent().unwrap();
            let exact = u128::from(count) * 1000;
            prop_assert!((tenths * u128::from(base)).abs_diff(exact) * 2 <= u128::from(base));
        }

        #[test]
        fn only_nothing_reads_zero_and_only_the_whole_reads_100(base in 1..=u64::MAX, count: u64) {
            let share = Share { count: count.min(base), base };
            let text = share.percent(Locale::En, true);
            prop_assert_eq!(text == "0.0%", share.count == 0);
            prop_assert_eq!(text == "100.0%", share.count == share.base);
        }
    }
}
