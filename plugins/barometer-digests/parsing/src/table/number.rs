//! Numbers as French and English tables write them: `80,1 %`, `1 234`, `12.5`.
//!
//! Strict on purpose: what can be read in two ways is no number, since a wrong figure is worse than none.

use rust_decimal::Decimal;

use super::Unit;

/// Digits before and after the decimal mark.
const WHOLE_DIGITS_MAX: usize = 15;
const DECIMALS_MAX: usize = 10;

/// A number with the sign written behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    pub value: Decimal,
    /// `%` or `€`.
    pub sign: Option<Unit>,
}

/// Why a text is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    NoNumber,
    /// `1,234`: a thousand and more in English, one and a bit in French.
    TwoReadings,
    TooManyDigits,
}

fn is_space(sign: char) -> bool {
    // The last three: no-break, narrow no-break and thin space, which French writes between thousands.
    matches!(sign, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// Reads a number: digits, spaces between groups of three, one decimal comma or point, `%` or `€` behind it.
///
/// # Errors
/// [`NumberFault`].
pub fn read(text: &str) -> Result<Number, NumberFault> {
    let text = text.trim_matches(|sign: char| is_space(sign) || sign.is_whitespace());
    let (digits, sign) = match text.chars().next_back() {
        Some('%') => (&text[..text.len() - '%'.len_utf8()], Some(Unit::Percent)),
        Some('€') => (&text[..text.len() - '€'.len_utf8()], Some(Unit::Euro)),
        _ => (text, None),
    };
    let digits = digits.trim_end_matches(is_space);
    let (negative, digits) = match digits.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, digits),
    };
    let (whole, decimals) = match digits.split_once([',', '.']) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (digits, None),
    };
    let grouped = whole.contains(is_space);
    let whole = ungrouped(whole).ok_or(NumberFault::NoNumber)?;
    if decimals.is_some_and(|digits| digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(NumberFault::NoNumber);
    }
    let decimals = decimals.unwrap_or_default();
    if digits.contains(',') && decimals.len() == 3 && whole.len() <= 3 && whole != "0" && !grouped {
        return Err(NumberFault::TwoReadings);
    }
    if whole.trim_start_matches('0').len() > WHOLE_DIGITS_MAX || decimals.len() > DECIMALS_MAX {
        return Err(NumberFault::TooManyDigits);
    }
    let written = format!("{}{whole}.{decimals}", if negative { "-" } else { "" });
    let value: Decimal = written.trim_end_matches('.').parse().map_err(|_| NumberFault::NoNumber)?;
    Ok(Number { value: value.normalize(), sign })
}

/// A number as JSON writes it, an exponent included. Nothing about it is ambiguous.
///
/// # Errors
/// [`NumberFault`].
pub fn read_json(text: &str) -> Result<Number, NumberFault> {
    let value = Decimal::from_scientific(text).or_else(|_| text.parse()).map_err(|_| NumberFault::TooManyDigits)?;
    // The nearest number that a double can hold is written with up to 17 digits: more decimals than anybody measured.
    let value = if value.scale() as usize > DECIMALS_MAX { value.round_dp(DECIMALS_MAX as u32) } else { value };
    if value.trunc().abs() >= Decimal::from(10_u64.pow(WHOLE_DIGITS_MAX as u32)) {
        return Err(NumberFault::TooManyDigits);
    }
    Ok(Number { value: value.normalize(), sign: None })
}

/// Digits without the spaces between their groups. `None` where a group has not three digits.
fn ungrouped(text: &str) -> Option<String> {
    let mut groups = text.split(is_space);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let is_digits = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_digits(&first) && (rest.is_empty() || first.len() <= 3);
    let rest_fits = rest.iter().all(|group| is_digits(group) && group.len() == 3);
    (fits && rest_fits).then(|| std::iter::once(first).chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Result<String, NumberFault> {
        read(text).map(|number| number.value.to_string())
    }

    #[test]
    fn french_and_english_numbers_are_read() {
        for (text, expected) in [
            ("80,1", "80.1"),
            ("80.1", "80.1"),
            ("80,10", "80.1"),
            (" 1 234 ", "1234"),
            ("1\u{202f}234\u{202f}567,5", "1234567.5"),
            ("1\u{a0}000", "1000"),
            ("0,125", "0.125"),
            ("1 234,567", "1234.567"),
            ("33.333", "33.333"),
            ("−3,5", "-3.5"),
            ("0098", "98"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(read("80,1\u{202f}%").unwrap().sign, Some(Unit::Percent));
        assert_eq!(read("5 000 €").unwrap().sign, Some(Unit::Euro));
    }

    #[test]
    fn what_is_no_number_or_two_is_told() {
        for text in [
            "",
            "%",
            "environ 2/3",
            "2/3",
            "12 34",
            "1 2345",
            "1.234,5",
            "1,2,3",
            "80,",
            ",5",
            "١٢",
            "NaN",
            "1e3",
            "--1",
            "+1",
        ] {
            assert_eq!(value(text), Err(NumberFault::NoNumber), "{text}");
        }
        assert_eq!(value("1,234"), Err(NumberFault::TwoReadings));
        assert_eq!(value("12345678901234567890"), Err(NumberFault::TooManyDigits));
        assert_eq!(value("0,12345678901"), Err(NumberFault::TooManyDigits));
    }

    #[test]
    fn json_numbers_keep_what_was_written() {
        let value = |text| read_json(text).map(|number| number.value.to_string());
        assert_eq!(value("80.1").as_deref(), Ok("80.1"));
        assert_eq!(value("8.01e1").as_deref(), Ok("80.1"));
        assert_eq!(value("33.33333333333333").as_deref(), Ok("33.3333333333"));
        assert_eq!(value("-0.0").as_deref(), Ok("0"));
        assert_eq!(value("1e300"), Err(NumberFault::TooManyDigits));
    }

    fn french(value: Decimal, space: char) -> String {
        let written = value.to_string();
        let (whole, decimals) = written.split_once('.').unwrap_or((&written, ""));
        let (minus, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                grouped.push(space);
            }
            grouped.push(digit);
        }
        if decimals.is_empty() { format!("{minus}{grouped}") } else { format!("{minus}{grouped},{decimals}") }
    }

    proptest! {
        #[test]
        fn what_is_written_in_french_reads_back(
            digits in -999_999_999_999_i64..999_999_999_999, scale in 0_u32..6, space in "[ \u{a0}\u{202f}\u{2009}]",
        ) {
            let written = Decimal::new(digits, scale);
            let text = french(written, space.chars().next().unwrap());
            match read(&text) {
                Ok(read) => prop_assert_eq!(read.value, written),
                Err(fault) => {
                    prop_assert_eq!(fault, NumberFault::TwoReadings);
                    prop_assert_eq!(scale, 3);
                }
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            let _ = read(&text);
            let _ = read_json(&text);
        }
    }
}
