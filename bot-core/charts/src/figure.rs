//! A figure as it was published: a decimal, often without the count it came from. It is shown as published, to one
//! decimal, and no count is ever made up from it.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::Locale;
use crate::bars::capitalised;
use crate::typeset::clean;

/// What a published figure is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// 80.1 is 80.1 %.
    Percent,
    Count,
    Euro,
}

/// One published figure, under its label: a stratum or an edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    pub label: String,
    /// `None`: not asked, or not published.
    pub value: Option<Decimal>,
    /// Of how many; `None` where it was not published.
    pub base: Option<u64>,
}

const MINUS: char = '−';

/// For lengths only: what is read comes from the decimals.
pub(crate) fn approximate(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// What the picture says of the bases under its bars and rows, and beside each.
pub(crate) struct Bases {
    pub footnote: Option<String>,
    pub asides: Vec<String>,
}

impl Bases {
    /// One base for all is said once, under the chart; several are said each at its place. What has no value needs no
    /// base.
    pub(crate) fn of(locale: Locale, figures: &[Figure]) -> Self {
        let valued = || figures.iter().filter(|figure| figure.value.is_some()).map(|figure| figure.base);
        if let Some(shared) = shared(valued()) {
            let footnote = Some(capitalised(&locale.base(shared)));
            return Bases { footnote, asides: vec![String::new(); figures.len()] };
        }
        let aside = |figure: &Figure| match (figure.value, figure.base) {
            (Some(_), Some(base)) => locale.base(Some(base)),
            _ => String::new(),
        };
        let footnote = valued().any(|base| base.is_none()).then(|| match locale {
            Locale::Fr => "Sans mention\u{a0}: base non publiée".to_owned(),
            Locale::En => "Where nothing is said: base not published".to_owned(),
        });
        Bases { footnote, asides: figures.iter().map(aside).collect() }
    }
}

/// The base that all have, if they have the same; whether it was published is another matter.
pub(crate) fn shared(mut bases: impl Iterator<Item = Option<u64>>) -> Option<Option<u64>> {
    let first = bases.next()?;
    bases.all(|base| base == first).then_some(first)
}

impl Figure {
    /// The figure, or a dash.
    pub(crate) fn shown(&self, locale: Locale, quantity: Quantity) -> String {
        self.value.map_or_else(|| "–".to_owned(), |value| locale.figure(value, quantity))
    }

    /// `Régions : 69,2 % (base : 13)`.
    pub(crate) fn line(&self, locale: Locale, quantity: Quantity) -> String {
        let (label, colon) = (clean(&self.label), locale.colon());
        match self.value {
            Some(_) => format!("{label}{colon}{} ({})", self.shown(locale, quantity), locale.base(self.base)),
            None => format!("{label}{colon}{}", locale.no_figure()),
        }
    }

    /// Label, figure and base, as a row of a table.
    pub(crate) fn cells(&self, locale: Locale, quantity: Quantity) -> Vec<String> {
        let base = if self.value.is_some() { locale.base_cell(self.base) } else { "–".to_owned() };
        vec![clean(&self.label), self.shown(locale, quantity), base]
    }
}

impl Quantity {
    /// How many decimals are shown at most.
    fn decimals(self) -> u32 {
        match self {
            Quantity::Percent | Quantity::Count => 1,
            Quantity::Euro => 2,
        }
    }

    /// Half away from zero, as the shares of the other charts.
    pub(crate) fn rounded(self, value: Decimal) -> Decimal {
        value.round_dp_with_strategy(self.decimals(), RoundingStrategy::MidpointAwayFromZero)
    }

    /// The smallest figure that can be shown.
    fn step(self) -> Decimal {
        Decimal::new(1, self.decimals())
    }
}

impl Locale {
    /// A published figure: `80,1 %`, `157`, `1 234,50 €`; `80.1%`, `157`, `€1,234.50`. One that is not zero never
    /// reads 0 (`< 0,1 %`), and a percentage below 100 never reads 100 (`> 99,9 %`).
    pub fn figure(self, value: Decimal, quantity: Quantity) -> String {
        let rounded = quantity.rounded(value);
        let (sign, shown) = if rounded.is_zero() && !value.is_zero() {
            (if value.is_sign_negative() { ">\u{a0}−" } else { "<\u{a0}" }, quantity.step())
        } else if quantity == Quantity::Percent && rounded == Decimal::ONE_HUNDRED && value < rounded {
            (">\u{a0}", Decimal::ONE_HUNDRED - quantity.step())
        } else if rounded.is_sign_negative() && !rounded.is_zero() {
            ("−", rounded.abs())
        } else {
            ("", rounded.abs())
        };
        match (self, quantity) {
            (Locale::En, Quantity::Euro) => format!("{sign}€{}", self.decimal(shown, quantity)),
            _ => format!("{sign}{}", self.with_unit(shown, quantity)),
        }
    }

    /// What changed between two figures: `+ 3,2 points`, `− 12`, `sans changement`. It is the difference of the
    /// figures as they are shown, so that it agrees with the subtraction a reader makes.
    pub fn change(self, from: Decimal, to: Decimal, quantity: Quantity) -> String {
        let difference = quantity.rounded(to).saturating_sub(quantity.rounded(from));
        if from == to {
            return match self {
                Locale::Fr => "sans changement".to_owned(),
                Locale::En => "no change".to_owned(),
            };
        }
        let amount = |value: Decimal| match (self, quantity) {
            (_, Quantity::Percent) => {
                let plural = match self {
                    Locale::Fr => value >= Decimal::TWO,
                    Locale::En => value != Decimal::ONE,
                };
                format!("{}\u{a0}point{}", self.decimal(value, quantity), if plural { "s" } else { "" })
            }
            (Locale::En, Quantity::Euro) => format!("€{}", self.decimal(value, quantity)),
            _ => self.with_unit(value, quantity),
        };
        if difference.is_zero() {
            return match self {
                Locale::Fr => format!("moins de {} d’écart", amount(quantity.step())),
                Locale::En => format!("less than {} apart", amount(quantity.step())),
            };
        }
        let sign = if difference.is_sign_negative() { MINUS } else { '+' };
        let space = match self {
            Locale::Fr => "\u{202f}",
            Locale::En => "",
        };
        format!("{sign}{space}{}", amount(difference.abs()))
    }

    /// What a figure is of: `base : 157`, or that it was not published. The data does not say 157 of what.
    pub fn base(self, base: Option<u64>) -> String {
        match (self, base) {
            (_, Some(base)) => format!("base{}{}", self.colon(), self.number(base)),
            (Locale::Fr, None) => "base non publiée".to_owned(),
            (Locale::En, None) => "base not published".to_owned(),
        }
    }

    pub(crate) fn base_cell(self, base: Option<u64>) -> String {
        match (self, base) {
            (_, Some(base)) => self.number(base),
            (Locale::Fr, None) => "non publiée".to_owned(),
            (Locale::En, None) => "not published".to_owned(),
        }
    }

    pub(crate) fn nothing_published(self) -> &'static str {
        match self {
            Locale::Fr => "Aucune valeur à montrer.",
            Locale::En => "There is no value to show.",
        }
    }

    pub(crate) fn no_figure(self) -> &'static str {
        match self {
            Locale::Fr => "pas de valeur",
            Locale::En => "no value",
        }
    }

    /// Digits without sign or unit. Money has cents or none.
    fn decimal(self, value: Decimal, quantity: Quantity) -> String {
        let value = quantity.rounded(value.abs()).normalize();
        let text = match quantity {
            Quantity::Euro if !value.fract().is_zero() => format!("{value:.2}"),
            _ => value.to_string(),
        };
        match (self, text.split_once('.')) {
            (Locale::Fr, Some((whole, decimals))) => format!("{},{decimals}", self.grouped(whole)),
            (Locale::En, Some((whole, decimals))) => format!("{}.{decimals}", self.grouped(whole)),
            (_, None) => self.grouped(&text),
        }
    }

    fn with_unit(self, value: Decimal, quantity: Quantity) -> String {
        let digits = self.decimal(value, quantity);
        match quantity {
            Quantity::Percent => self.percent(&digits),
            Quantity::Count => digits,
            Quantity::Euro => format!("{digits}\u{a0}€"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::any_decimal;

    fn shown(locale: Locale, value: &str, quantity: Quantity) -> String {
        locale.figure(value.parse().unwrap(), quantity)
    }

    #[test]
    fn figures_read_as_the_language_writes_them() {
        let fr = |value, quantity| shown(Locale::Fr, value, quantity);
        let en = |value, quantity| shown(Locale::En, value, quantity);
        assert_eq!(fr("80.1", Quantity::Percent), "80,1\u{202f}%");
        assert_eq!(fr("70.0", Quantity::Percent), "70\u{202f}%");
        assert_eq!(fr("66.666", Quantity::Percent), "66,7\u{202f}%");
        assert_eq!(fr("1234", Quantity::Count), "1\u{202f}234");
        assert_eq!(fr("1234.5", Quantity::Euro), "1\u{202f}234,50\u{a0}€");
        assert_eq!(fr("-1000", Quantity::Euro), "−1\u{202f}000\u{a0}€");
        assert_eq!(en("80.1", Quantity::Percent), "80.1%");
        assert_eq!(en("1234.5", Quantity::Euro), "€1,234.50");
        assert_eq!(en("-1000", Quantity::Euro), "−€1,000");
    }

    #[test]
    fn only_nothing_reads_zero_and_only_the_whole_reads_a_hundred() {
        let fr = |value| shown(Locale::Fr, value, Quantity::Percent);
        assert_eq!(fr("0.00"), "0\u{202f}%");
        assert_eq!(fr("0.04"), "<\u{a0}0,1\u{202f}%");
        assert_eq!(fr("-0.04"), ">\u{a0}−0,1\u{202f}%");
        assert_eq!(fr("99.97"), ">\u{a0}99,9\u{202f}%");
        assert_eq!(shown(Locale::En, "0.001", Quantity::Euro), "<\u{a0}€0.01");
    }

    #[test]
    fn a_change_is_the_subtraction_a_reader_makes() {
        let change = |locale: Locale, from: &str, to: &str, quantity| {
            let text = locale.change(from.parse().unwrap(), to.parse().unwrap(), quantity);
            text.replace(['\u{a0}', '\u{202f}'], " ")
        };
        assert_eq!(change(Locale::Fr, "76.9", "80.1", Quantity::Percent), "+ 3,2 points");
        assert_eq!(change(Locale::En, "76.9", "80.1", Quantity::Percent), "+3.2 points");
        assert_eq!(change(Locale::Fr, "51", "50", Quantity::Percent), "− 1 point");
        assert_eq!(change(Locale::Fr, "98", "157", Quantity::Count), "+ 59");
        assert_eq!(change(Locale::Fr, "5000", "1000", Quantity::Euro), "− 4 000 €");
        assert_eq!(change(Locale::En, "1000", "5000", Quantity::Euro), "+€4,000");
        assert_eq!(change(Locale::Fr, "51", "51.0", Quantity::Percent), "sans changement");
        assert_eq!(change(Locale::Fr, "51.02", "51.01", Quantity::Percent), "moins de 0,1 point d’écart");
        assert_eq!(change(Locale::En, "51.02", "51.01", Quantity::Percent), "less than 0.1 points apart");
    }

    proptest! {
        #[test]
        fn any_figure_is_worded(value in any_decimal(), other in any_decimal(), french: bool) {
            let locale = if french { Locale::Fr } else { Locale::En };
            for quantity in [Quantity::Percent, Quantity::Count, Quantity::Euro] {
                let text = locale.figure(value, quantity);
                let zero: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
                prop_assert_eq!(zero == ['0'], value.is_zero(), "{}", text);
                prop_assert!(!locale.change(value, other, quantity).is_empty());
            }
        }
    }
}
