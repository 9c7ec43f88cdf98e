//! Cells as text, as a French reader sees them.

use crate::{CELL_BYTES_MAX, error::Fault};

/// A text that a spreadsheet would take for a formula when it opens a CSV file (OWASP, "CSV Injection").
fn looks_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A text that reads as what was written, after it went through [`unguarded`].
pub(crate) fn guarded(text: &str) -> String {
    if looks_like_a_formula(text.trim_start_matches('\'')) { format!("'{text}") } else { text.to_owned() }
}

/// Takes away the quote by which [`guarded`] keeps a text from being a formula, and no other quote.
fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if looks_like_a_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

/// The text of a cell, without what surrounds it.
pub(crate) fn settled(raw: &str) -> Result<String, Fault> {
    if raw.len() > CELL_BYTES_MAX {
        return Err(Fault::CellTooLong);
    }
    // A no-break space around a word came with copying and pasting.
    let text = unguarded(raw.trim()).trim();
    if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
        return Err(Fault::Unreadable);
    }
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// A number with a decimal comma, with at least `digits` digits where it is whole: what a cell formatted as `00000` shows.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        // It is whole and smaller than 2^53, so nothing is cut off.
        format!("{:0digits$}", value as i64, digits = digits.min(15))
    } else {
        value.to_string().replace('.', ",")
    }
}

/// How many digits a number format of zeros alone asks for (`00000`, `000 000 000`), else none.
pub(crate) fn digits_of_format(code: &str) -> usize {
    let zeros = code.chars().filter(|character| *character == '0').count();
    if code.chars().all(|character| matches!(character, '0' | ' ' | '\\' | '\u{a0}')) { zeros } else { 0 }
}

/// `2026-09-01` (with or without a time) as `01/09/2026`; a text that is no such date stays as it is.
pub fn french_date(iso: &str) -> String {
    let (date, time) = iso.split_once('T').map_or((iso, None), |(date, time)| (date, Some(time)));
    let parts: Vec<&str> = date.split('-').collect();
    let &[year, month, day] = parts.as_slice() else { return iso.to_owned() };
    let is_number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !(is_number(year, 4) && is_number(month, 2) && is_number(day, 2)) {
        return iso.to_owned();
    }
    // Seconds are no part of what people write.
    match time.and_then(|time| time.get(..5)).filter(|time| *time != "00:00") {
        Some(time) => format!("{day}/{month}/{year} {time}"),
        None => format!("{day}/{month}/{year}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_as_a_french_reader_sees_them() {
        assert_eq!(number(1004.0, 0), "1004");
        assert_eq!(number(1004.0, digits_of_format("00000")), "01004");
        assert_eq!(number(1.5, 5), "1,5");
        assert_eq!(number(-3.0, 0), "-3");
        assert_eq!(number(217_400_001.0, digits_of_format("000\\ 000\\ 000")), "217400001");
        assert_eq!(digits_of_format("0.00"), 0);
        assert_eq!(digits_of_format("General"), 0);
    }

    #[test]
    fn dates_are_as_a_french_reader_writes_them() {
        assert_eq!(french_date("2026-09-01"), "01/09/2026");
        assert_eq!(french_date("2026-09-01T00:00:00"), "01/09/2026");
        assert_eq!(french_date("2026-09-01T09:30:00"), "01/09/2026 09:30");
        assert_eq!(french_date("septembre"), "septembre");
    }

    #[test]
    fn a_phone_number_is_no_formula_and_comes_back() {
        assert_eq!(guarded("+33 2 40 41 90 00"), "'+33 2 40 41 90 00");
        assert_eq!(settled("'+33 2 40 41 90 00").unwrap(), "+33 2 40 41 90 00");
        assert_eq!(settled("'Haÿ-les-Roses").unwrap(), "'Haÿ-les-Roses");
        assert_eq!(settled(&guarded("'=1")).unwrap(), "'=1");
    }

    proptest! {
        #[test]
        fn whatever_is_guarded_comes_back_and_is_no_formula(text in "['=+@\\-a-zé\t ]{0,12}") {
            let text = text.trim();
            prop_assert!(!looks_like_a_formula(&guarded(text)));
            prop_assert_eq!(settled(&guarded(text)).unwrap(), text);
        }
    }
}
