//! Charts and texts for tests.

use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::{Bar, BarChart, Base, Figure, Locale, Quantity, TextTwin, Unit};

pub(crate) fn bars(options: &[(&str, u64)]) -> Vec<Bar> {
    options.iter().map(|(label, count)| Bar { label: (*label).to_owned(), count: *count }).collect()
}

pub(crate) fn market() -> BarChart {
    BarChart {
        title: "Que faire de la place du marché ?".into(),
        subtitle: Some("Consultation des habitants, un choix par bulletin".into()),
        locale: Locale::Fr,
        bars: bars(&[
            ("Halle couverte", 72),
            ("Jardin et aire de jeux", 51),
            ("Parking de 40 places, gratuit la première heure, avec bornes de recharge", 26),
            ("Ne rien changer", 8),
        ]),
        unit: Unit::Vote,
        base: Base { count: 157, unit: Unit::Ballot },
        note: Some("Consultation close le 14 mars 2026. Vote anonyme, un bulletin par personne.".into()),
    }
}

/// Text as people, and those who try to break things, write it.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Za-zéèàç' -]{0,60}",
        2 => any::<String>(),
        1 => "\\PC{0,200}",
        1 => "[a-zA-Z&<>\"']{400,500}",
        1 => "[שלוםקاعةلمدينةپگ ]{1,80}",
        1 => "[🚲🌳😀🏛✅👨‍👩‍👧‍👦🇫🇷️👍🏽 ]{1,60}",
        1 => "a[\u{300}-\u{36f}]{0,500}",
        1 => "[WM漢字﷽𒐫]{1,80}",
        1 => "[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{0}-\u{20}\u{fffe}a-z]{0,60}",
    ]
}

/// Counts, with the ends of their range.
pub(crate) fn count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..200u64, 1 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)]
}

/// Published figures: plausible ones, tiny ones, negative ones and the ends of the range.
pub(crate) fn any_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0..1_001i64).prop_map(|tenths| Decimal::new(tenths, 1)),
        1 => (any::<i64>(), 0..29u32).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
        1 => prop_oneof![Just(Decimal::ZERO), Just(Decimal::MAX), Just(Decimal::MIN), Just(Decimal::new(1, 28))],
    ]
}

pub(crate) fn any_figures(most: usize) -> impl Strategy<Value = Vec<Figure>> {
    let figure = (any_text(), proptest::option::weighted(0.8, any_decimal()), proptest::option::of(count()))
        .prop_map(|(label, value, base)| Figure { label, value, base });
    proptest::collection::vec(figure, 0..most)
}

pub(crate) fn any_quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![Just(Quantity::Percent), Just(Quantity::Count), Just(Quantity::Euro)]
}

/// `None` as "", for short tests.
pub(crate) fn figures(of: &[(&str, &str, Option<u64>)]) -> Vec<Figure> {
    of.iter()
        .map(|(label, value, base)| Figure { label: (*label).to_owned(), value: value.parse().ok(), base: *base })
        .collect()
}

/// Sentence, lines and table with fixed spaces as plain ones, so that a test can be read.
pub(crate) fn read(twin: &TextTwin) -> String {
    let html = twin.table.html().replace("<tr>", "\n<tr>");
    format!("{}\n{}\n{html}", twin.sentence, twin.lines.join("\n")).replace(['\u{a0}', '\u{202f}'], " ")
}
