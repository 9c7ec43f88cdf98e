//! The code of an invitation: the contact's number and a MAC over contact and generation, nothing of which is stored.
//!
//! `3f-8kq2-m2xd-97ta-p0vz`: Crockford's base 32 in small letters, read in any case and with look-alikes confused, so
//! that it is typed by hand; short enough for Telegram's 64 characters of `A-Za-z0-9_-` behind its command.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::core::Organisation;
use crate::ids::ContactId;

/// No i, l, o or u, which are read for something else.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 80 bits: tries are limited as well, but even a billion of them find nothing.
const MAC_BYTES: usize = 10;
const MAC_SYMBOLS: usize = MAC_BYTES * 8 / 5;
/// What 63 bits take.
const NUMBER_SYMBOLS_MAX: usize = 13;
const GROUP_SYMBOLS: usize = 4;

/// An invitation's code. `Display` writes it as it is handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    number: i64,
    mac: [u8; MAC_BYTES],
}

impl Code {
    /// The code of the contact with this number, for the `generation`th invitation.
    pub(crate) fn of(organisation: &Organisation, number: i64, contact: ContactId, generation: i32) -> Self {
        let mut bytes = contact.0.as_bytes().to_vec();
        bytes.extend(generation.to_be_bytes());
        let whole = organisation.keyed_hash("invitation", &bytes);
        Self { number, mac: std::array::from_fn(|index| whole[index]) }
    }

    /// The contact's number it claims to be for.
    pub(crate) fn number(&self) -> i64 {
        self.number
    }

    /// Whether it was made for this contact and generation. Takes the same time whatever is wrong with it.
    pub(crate) fn is_for(&self, organisation: &Organisation, contact: ContactId, generation: i32) -> bool {
        Self::of(organisation, self.number, contact, generation).mac.ct_eq(&self.mac).into()
    }

    /// Reads a code as people write it: in any case, with or without spaces and dashes, O for 0 and I or L for 1.
    pub(crate) fn read(written: &str) -> Option<Self> {
        let mut symbols = Vec::with_capacity(MAC_SYMBOLS + NUMBER_SYMBOLS_MAX);
        for character in written.chars().filter(|character| !is_separator(*character)) {
            let symbol = match character.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            };
            symbols.push(ALPHABET.iter().position(|&known| char::from(known) == symbol)?);
        }
        if !(MAC_SYMBOLS + 1..=MAC_SYMBOLS + NUMBER_SYMBOLS_MAX).contains(&symbols.len()) {
            return None;
        }
        let (number, mac) = symbols.split_at(symbols.len() - MAC_SYMBOLS);
        let number = number
            .iter()
            .try_fold(0i64, |number, &symbol| number.checked_mul(32)?.checked_add(i64::try_from(symbol).ok()?))?;
        let mac = mac.iter().fold(0u128, |mac, &symbol| mac << 5 | symbol as u128).to_be_bytes();
        (number > 0).then(|| Self { number, mac: std::array::from_fn(|index| mac[mac.len() - MAC_BYTES + index]) })
    }

    /// What a link carries that follows this invitation (see [`crate::plugin::CommandDeclaration::linkable`]).
    pub fn payload(&self) -> String {
        format!("invitation-{self}")
    }

    /// What is written to follow it where a link carries nothing.
    pub fn command(&self) -> String {
        format!("/invitation {self}")
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}')
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = |value: u128| char::from(ALPHABET[(value & 31) as usize]);
        let number = self.number.unsigned_abs();
        let places = (64 - number.leading_zeros()).div_ceil(5).max(1);
        for place in (0..places).rev() {
            write!(f, "{}", symbol(u128::from(number >> (5 * place))))?;
        }
        let mac = self.mac.iter().fold(0u128, |mac, &byte| mac << 8 | u128::from(byte));
        for index in 0..MAC_SYMBOLS {
            if index % GROUP_SYMBOLS == 0 {
                write!(f, "-")?;
            }
            write!(f, "{}", symbol(mac >> (5 * (MAC_SYMBOLS - 1 - index))))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::ids::OrganisationId;
    use crate::locale::Locale;
    use crate::plugin::OrganisationView;

    fn organisation(key: u8) -> Organisation {
        let view = OrganisationView {
            id: OrganisationId(1),
            title: "Trifouilly".to_owned(),
            time_zone: chrono_tz::Europe::Paris,
            default_locale: Locale::Fr,
            sending_rule: crate::calendar::sending::SendingRule::default(),
        };
        Organisation::new(view, "default".to_owned(), [key; 32])
    }

    proptest! {
        #[test]
        fn a_code_is_read_however_it_is_typed(number in 1..=i64::MAX, contact: u128, generation in 1..1000i32) {
            let (organisation, contact) = (organisation(7), ContactId(Uuid::from_u128(contact)));
            let code = Code::of(&organisation, number, contact, generation);
            let written = code.to_string();
            prop_assert_eq!(Code::read(&written), Some(code));
            prop_assert_eq!(Code::read(&written.to_uppercase().replace('0', "O").replace('1', "l")), Some(code));
            prop_assert_eq!(Code::read(&format!(" {} ", written.replace('-', " – "))), Some(code));
            prop_assert_eq!(Code::read(&written.replace('-', "")), Some(code));
            let payload = code.payload();
            prop_assert!(payload.len() <= 64, "Telegram takes 64 characters: {}", payload);
            prop_assert!(payload.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        }

        #[test]
        fn a_code_is_good_for_one_contact_generation_and_organisation(
            number in 1..i64::MAX, contact: u128, generation in 1..1000i32, flip in 0usize..80,
        ) {
            let (own, id) = (organisation(7), ContactId(Uuid::from_u128(contact)));
            let code = Code::of(&own, number, id, generation);
            prop_assert!(code.is_for(&own, id, generation));
            prop_assert!(!code.is_for(&own, id, generation + 1));
            prop_assert!(!code.is_for(&own, ContactId(Uuid::from_u128(contact ^ 1)), generation));
            prop_assert!(!code.is_for(&organisation(8), id, generation));
            let mut forged = code;
            forged.mac[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!forged.is_for(&own, id, generation));
        }

        #[test]
        fn rubbish_is_no_code(written in ".{0,60}") {
            // Whatever is read is written and read again as the same.
            if let Some(code) = Code::read(&written) {
                prop_assert_eq!(Code::read(&code.to_string()), Some(code));
            }
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_of_other_letters_is_no_code() {
        for wrong in ["", "8kq2-m2xd-97ta-p0vz", "0-8kq2-m2xd-97ta-p0vz", "3f-8kq2-m2xd-97ta-p0vu", "é"] {
            assert_eq!(Code::read(wrong), None, "{wrong}");
        }
        assert_eq!(Code::read(&"z".repeat(MAC_SYMBOLS + NUMBER_SYMBOLS_MAX)), None, "more than 63 bits of number");
    }
}
