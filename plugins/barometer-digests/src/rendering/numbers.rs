//! Figures, what changed in them, and days, as French and English write them.

use bot_core::charts::{self, Quantity};
use bot_core::{Locale, i18n};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use crate::edition::model::{Point, Unit};

impl Unit {
    /// As the charts call it.
    pub(super) fn quantity(self) -> Quantity {
        match self {
            Self::Percent => Quantity::Percent,
            Self::Count => Quantity::Count,
            Self::Euro => Quantity::Euro,
        }
    }
}

/// As the charts call it.
pub(super) fn spoken(locale: Locale) -> charts::Locale {
    match locale {
        Locale::Fr => charts::Locale::Fr,
        Locale::En => charts::Locale::En,
    }
}

/// `80,1 %`, `1 234`, `1 234,50 €`: at most one decimal (cents for money), and `< 0,1 %` for what is not zero.
pub fn value(locale: Locale, value: Decimal, unit: Unit) -> String {
    spoken(locale).figure(value, unit.quantity())
}

/// `+ 3,2 points`, `− 12`, `sans changement`; `None` where the two are not in the same unit. Whether they may be
/// compared at all is for the caller to know.
pub fn change(locale: Locale, latest: &Point, previous: &Point) -> Option<String> {
    (latest.unit == previous.unit).then(|| spoken(locale).change(previous.value, latest.value, latest.unit.quantity()))
}

/// `base : 157`, `base non publiée`.
pub fn base(locale: Locale, base: Option<u64>) -> String {
    spoken(locale).base(base)
}

/// `1er décembre 2026`, `1 December 2026`: without its weekday.
pub fn day(locale: Locale, day: NaiveDate) -> String {
    format!("{} {}", i18n::day_and_month(locale, day), day.year())
}

/// Days from one to the other, both included: `du 3 au 5 mars 2026`, `3 to 5 March 2026`, `30 décembre 2026`.
pub fn days(locale: Locale, from: NaiveDate, to: NaiveDate) -> String {
    if from >= to {
        return day(locale, from);
    }
    let start = if from.year() != to.year() {
        day(locale, from)
    } else if from.month() != to.month() {
        i18n::day_and_month(locale, from)
    } else {
        let words = i18n::day_and_month(locale, from);
        words.split(' ').next().unwrap_or_default().to_owned()
    };
    match locale {
        Locale::Fr => format!("du {start} au {}", day(locale, to)),
        Locale::En => format!("{start} to {}", day(locale, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: &str, unit: Unit) -> Point {
        Point {
            edition: "2018".into(),
            stratum: String::new(),
            value: value.parse().unwrap(),
            unit,
            base: None,
            row: 1,
        }
    }

    #[test]
    fn a_change_is_worded_within_one_unit_only() {
        let (latest, previous) = (point("80.1", Unit::Percent), point("76.9", Unit::Percent));
        assert_eq!(change(Locale::Fr, &latest, &previous).unwrap(), "+\u{202f}3,2\u{a0}points");
        assert_eq!(change(Locale::En, &previous, &latest).unwrap(), "−3.2\u{a0}points");
        assert_eq!(change(Locale::Fr, &latest, &point("98", Unit::Count)), None);
    }

    #[test]
    fn values_and_bases_read_as_the_language_writes_them() {
        assert_eq!(value(Locale::Fr, Decimal::new(801, 1), Unit::Percent), "80,1\u{202f}%");
        assert_eq!(value(Locale::En, Decimal::new(1_234, 0), Unit::Euro), "€1,234");
        assert_eq!(base(Locale::Fr, Some(1_234)), "base\u{a0}: 1\u{202f}234");
        assert_eq!(base(Locale::En, None), "base not published");
    }

    #[test]
    fn days_say_no_month_or_year_twice() {
        let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        assert_eq!(days(Locale::Fr, date(2026, 3, 3), date(2026, 3, 5)), "du 3 au 5 mars 2026");
        assert_eq!(days(Locale::Fr, date(2026, 3, 1), date(2026, 3, 5)), "du 1er au 5 mars 2026");
        assert_eq!(days(Locale::En, date(2026, 3, 31), date(2026, 4, 2)), "31 March to 2 April 2026");
        assert_eq!(days(Locale::Fr, date(2026, 12, 30), date(2027, 1, 2)), "du 30 décembre 2026 au 2 janvier 2027");
        assert_eq!(days(Locale::Fr, date(2026, 12, 1), date(2026, 12, 1)), "1er décembre 2026");
    }
}
