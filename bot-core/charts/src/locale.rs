//! Words and figures as French and English write them.

use serde::{Deserialize, Serialize};

/// U+202F, before `%` and between thousands in French.
const NARROW_SPACE: char = '\u{202f}';
/// U+00A0, inside « » and between a figure and its noun.
const FIXED_SPACE: char = '\u{a0}';

/// The language of a chart and of its twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    Fr,
    En,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A voice for one choice; a ballot may carry several. In French: "voix".
    Vote,
    /// One ballot cast. In French: "bulletin".
    Ballot,
    /// One answer to a question. In French: "réponse".
    Answer,
    /// One person. In French: "personne".
    Person,
}

impl Locale {
    /// The BCP 47 tag, for `lang` attributes.
    pub fn tag(self) -> &'static str {
        match self {
            Locale::Fr => "fr",
            Locale::En => "en",
        }
    }

    /// A whole number with its thousands separated: `12 345` (U+202F) or `12,345`.
    pub fn number(self, number: u64) -> String {
        self.grouped(&number.to_string())
    }

    /// Decimal digits in groups of three.
    pub(crate) fn grouped(self, digits: &str) -> String {
        let separator = match self {
            Locale::Fr => NARROW_SPACE,
            Locale::En => ',',
        };
        let mut text = String::with_capacity(digits.len() * 2);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// A number of tenths with one decimal (`38` gives `3,8`), or none if `whole` and it is zero.
    pub(crate) fn tenths(self, tenths: u128, whole: bool) -> String {
        let integer = u64::try_from(tenths / 10).unwrap_or(u64::MAX);
        let decimal = tenths % 10;
        if whole && decimal == 0 {
            return self.number(integer);
        }
        let point = match self {
            Locale::Fr => ',',
            Locale::En => '.',
        };
        format!("{}{point}{decimal}", self.number(integer))
    }

    /// A figure followed by a percent sign, spaced as the language wants.
    pub(crate) fn percent(self, figure: &str) -> String {
        match self {
            Locale::Fr => format!("{figure}{NARROW_SPACE}%"),
            Locale::En => format!("{figure}%"),
        }
    }

    /// A number and its noun: `1 bulletin`, `1 234 voix`, `0 votes`.
    pub fn count(self, number: u64, unit: Unit) -> String {
        format!("{}{FIXED_SPACE}{}", self.number(number), self.noun(number, unit))
    }

    /// The noun alone. French takes the plural from two, English at all but one.
    pub(crate) fn noun(self, number: u64, unit: Unit) -> &'static str {
        let plural = match self {
            Locale::Fr => number >= 2,
            Locale::En => number != 1,
        };
        match (self, unit, plural) {
            (Locale::Fr, Unit::Vote, _) => "voix",
            (Locale::Fr, Unit::Ballot, false) => "bulletin",
            (Locale::Fr, Unit::Ballot, true) => "bulletins",
            (Locale::Fr, Unit::Answer, false) => "réponse",
            (Locale::Fr, Unit::Answer, true) => "réponses",
            (Locale::Fr, Unit::Person, false) => "personne",
            (Locale::Fr, Unit::Person, true) => "personnes",
            (Locale::En, Unit::Vote, false) => "vote",
            (Locale::En, Unit::Vote, true) => "votes",
            (Locale::En, Unit::Ballot, false) => "ballot",
            (Locale::En, Unit::Ballot, true) => "ballots",
            (Locale::En, Unit::Answer, false) => "answer",
            (Locale::En, Unit::Answer, true) => "answers",
            (Locale::En, Unit::Person, false) => "person",
            (Locale::En, Unit::Person, true) => "people",
        }
    }

    /// "aucun bulletin", "no ballots", with a capital.
    pub(crate) fn none_of(self, unit: Unit) -> String {
        match (self, unit) {
            (Locale::Fr, Unit::Ballot) => "Aucun bulletin".to_owned(),
            (Locale::Fr, _) => format!("Aucune {}", self.noun(0, unit)),
            (Locale::En, _) => format!("No {}", self.noun(0, unit)),
        }
    }

    /// The label between the quotation marks of the language.
    pub(crate) fn quoted(self, label: &str) -> String {
        match self {
            Locale::Fr => format!("«{FIXED_SPACE}{label}{FIXED_SPACE}»"),
            Locale::En => format!("“{label}”"),
        }
    }

    /// What separates a name from its value: ` : ` in French, `: ` in English.
    pub(crate) fn colon(self) -> &'static str {
        match self {
            Locale::Fr => "\u{a0}: ",
            Locale::En => ": ",
        }
    }

    /// "A", "A et B", "A, B et C".
    pub(crate) fn list(self, items: &[String]) -> String {
        let and = match self {
            Locale::Fr => " et ",
            Locale::En => " and ",
        };
        match items {
            [] => String::new(),
            [only] => only.clone(),
            [first @ .., last] => format!("{}{and}{last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_as_the_language_wants() {
        assert_eq!(Locale::Fr.number(999), "999");
        assert_eq!(Locale::Fr.number(1_000), "1\u{202f}000");
        assert_eq!(Locale::Fr.number(12_345_678), "12\u{202f}345\u{202f}678");
        assert_eq!(Locale::En.number(12_345_678), "12,345,678");
        assert_eq!(Locale::En.number(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn nouns_agree_with_their_number() {
        let fr = |number, unit| Locale::Fr.count(number, unit).replace('\u{a0}', " ");
        let en = |number, unit| Locale::En.count(number, unit).replace('\u{a0}', " ");
        assert_eq!(fr(0, Unit::Ballot), "0 bulletin");
        assert_eq!(fr(1, Unit::Ballot), "1 bulletin");
        assert_eq!(fr(2, Unit::Ballot), "2 bulletins");
        assert_eq!(fr(2, Unit::Vote), "2 voix");
        assert_eq!(en(0, Unit::Vote), "0 votes");
        assert_eq!(en(1, Unit::Person), "1 person");
        assert_eq!(en(2, Unit::Person), "2 people");
    }

    #[test]
    fn lists_end_with_and() {
        let items = ["A", "B", "C"].map(String::from);
        assert_eq!(Locale::Fr.list(&items), "A, B et C");
        assert_eq!(Locale::En.list(&items[..2]), "A and B");
        assert_eq!(Locale::Fr.list(&items[..1]), "A");
    }
}
