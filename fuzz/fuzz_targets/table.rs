//! Whatever comes as a table of figures is read whole or refused, within bounds.

#![no_main]

use std::collections::HashSet;

use digest_parsing::table::{self, Names, PROBLEMS_MAX, ROWS_MAX, Unit, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let named = Names {
        indicator: "indicateur".to_owned(),
        edition: "annee".to_owned(),
        stratum: Some("strate".to_owned()),
        value: "valeur".to_owned(),
        base: None,
        unit: Some("percent".to_owned()),
    };
    for wanted in [Wanted::Usual, Wanted::Named(named)] {
        match table::read(bytes.to_vec(), &wanted) {
            Ok(table) => {
                assert!((1..=ROWS_MAX).contains(&table.figures.len()));
                let mut known = HashSet::new();
                for figure in &table.figures {
                    assert!((1..=300).contains(&figure.indicator.chars().count()));
                    assert!((1..=40).contains(&figure.edition.chars().count()));
                    assert!(figure.stratum.chars().count() <= 100);
                    assert!(figure.unit == Unit::Euro || !figure.value.is_sign_negative() || figure.value.is_zero());
                    assert!(known.insert((&figure.indicator, &figure.edition, &figure.stratum)));
                }
            }
            Err(errors) => {
                assert!((1..=PROBLEMS_MAX).contains(&errors.told.len()));
                assert!(!errors.to_string().is_empty());
            }
        }
    }
});
