//! Words compared as people mean them.

/// A text in small letters without accents, and with one space where there are several: `Code  INSEE` and `code insee`,
/// `Département` and `departement` are the same. What is neither letter nor digit is a space.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match character {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            // An accent of its own, after its letter (NFD), as macOS writes file names and some exports.
            '\u{300}'..='\u{36f}' => {}
            character if character.is_alphanumeric() => folded.push(character),
            _ if folded.ends_with(' ') || folded.is_empty() => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_signs_make_no_difference() {
        assert_eq!(folded("  Code_INSEE (n°) "), "code insee n");
        assert_eq!(folded("Département"), folded("DÉPARTEMENT"));
        assert_eq!(folded("De\u{301}partement"), "departement");
        assert_eq!(folded("Cœur d’Essonne"), "coeur d essonne");
    }
}
