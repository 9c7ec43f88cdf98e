//! Consultations for the demonstration: real questions of local life, open for two weeks from when they are opened.

use crate::definition::Definition;
use crate::definition_file::{DefinitionError, parse};

const FILES: [&str; 3] = [
    include_str!("../demo/place-du-marche.toml"),
    include_str!("../demo/participation-numerique.toml"),
    include_str!("../demo/horaires-mediatheque.toml"),
];

/// The demonstration's consultations, to be created and opened.
///
/// # Errors
/// When one of the files does not pass the checks, which a test excludes.
pub fn definitions() -> Result<Vec<Definition>, DefinitionError> {
    FILES.iter().map(|source| parse(source)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Closing;

    #[test]
    fn the_demonstration_is_open_for_two_weeks_in_both_languages() {
        for definition in definitions().unwrap() {
            assert_eq!((definition.opens_at, definition.closing), (None, Closing::AfterDays(14)));
            assert!(definition.questions.iter().all(|question| question.text.en.is_some()));
        }
    }
}
