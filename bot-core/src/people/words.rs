//! The core's own texts.

use std::sync::LazyLock;

use crate::i18n::{Argument, CORE_TEXTS, Catalogue};
use crate::locale::Locale;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // The sources are part of the program, and a test reads them: they parse.
    Catalogue::new(&CORE_TEXTS).unwrap_or_else(|error| unreachable!("the core's own texts are broken: {error}"))
});

/// A text of the core in a language.
pub(crate) fn text(locale: Locale, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
    CATALOGUE.text(locale, id, arguments)
}
