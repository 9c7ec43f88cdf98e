//! Official codes of French public bodies: what they look like, and what they say of where a body is.
//!
//! Sources: INSEE, Code officiel géographique (communes, départements and régions as of the law 2015-29, in force since
//! 2016); INSEE, Sirene (SIREN: 9 digits, the last one Luhn's).

use std::fmt;
use std::str::FromStr;

/// Why a text is no code, with what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    #[error(
        "`{0}` is no INSEE code of a commune: it has 5 characters, such as 44109, 2A004 or 97411 (spreadsheets drop a first \
         0: format the column as text)"
    )]
    Commune(String),
    #[error("`{0}` is no code of a département: write 01 to 95, 2A, 2B, or 971 to 989 overseas")]
    Departement(String),
    #[error(
        "`{0}` is no code of a région: write the INSEE code since 2016, such as 52 for Pays de la Loire or 04 for La Réunion"
    )]
    Region(String),
    #[error("`{0}` is a SIRET: its first 9 digits are the SIREN")]
    Siret(String),
    #[error("`{0}` is no SIREN: it has 9 digits")]
    SirenShape(String),
    #[error("`{0}` is no SIREN: its last digit does not fit the others, so one of them is wrong")]
    SirenDigit(String),
}

macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }
    };
}

code!(
    /// The INSEE code of a commune: 5 characters, `44109`, `2A004`, `97411`.
    Insee
);
code!(
    /// The code of a département or of an overseas collectivité: `01` to `95` without 20, `2A`, `2B`, `971` to `989`.
    DepartementCode
);
code!(
    /// The code of a région: two digits.
    RegionCode
);
code!(
    /// The number of a public body (or company) in the register Sirene: 9 digits.
    Siren
);

/// Codes as people write them: with spaces between digits, in small letters.
fn compact(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_uppercase).collect()
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for Insee {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let code = compact(text);
        let well_formed = code.len() == 5 && code.is_ascii() && digits(&code[2..]) && departement_in(&code).is_some();
        if well_formed { Ok(Self(code)) } else { Err(CodeError::Commune(text.to_owned())) }
    }
}

/// The département that a code of a commune begins with.
fn departement_in(commune: &str) -> Option<DepartementCode> {
    let length = if commune.starts_with("97") || commune.starts_with("98") { 3 } else { 2 };
    commune.get(..length)?.parse().ok()
}

impl Insee {
    /// Where the commune is.
    pub fn departement(&self) -> DepartementCode {
        // It was looked for when the code was read.
        departement_in(&self.0).unwrap_or_else(|| DepartementCode(self.0[..2].to_owned()))
    }
}

impl FromStr for DepartementCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let code = compact(text);
        let known = match code.as_str() {
            "2A" | "2B" => true,
            "20" => false,
            "971" | "972" | "973" | "974" | "975" | "976" | "977" | "978" => true,
            "984" | "986" | "987" | "988" | "989" => true,
            other => other.len() == 2 && digits(other) && matches!(other.parse(), Ok(1_u8..=95)),
        };
        if known { Ok(Self(code)) } else { Err(CodeError::Departement(text.to_owned())) }
    }
}

/// The régions since 2016, with their départements.
const REGIONS: [(&str, &[&str]); 18] = [
    ("01", &["971"]),
    ("02", &["972"]),
    ("03", &["973"]),
    ("04", &["974"]),
    ("06", &["976"]),
    ("11", &["75", "77", "78", "91", "92", "93", "94", "95"]),
    ("24", &["18", "28", "36", "37", "41", "45"]),
    ("27", &["21", "25", "39", "58", "70", "71", "89", "90"]),
    ("28", &["14", "27", "50", "61", "76"]),
    ("32", &["02", "59", "60", "62", "80"]),
    ("44", &["08", "10", "51", "52", "54", "55", "57", "67", "68", "88"]),
    ("52", &["44", "49", "53", "72", "85"]),
    ("53", &["22", "29", "35", "56"]),
    ("75", &["16", "17", "19", "23", "24", "33", "40", "47", "64", "79", "86", "87"]),
    ("76", &["09", "11", "12", "30", "31", "32", "34", "46", "48", "65", "66", "81", "82"]),
    ("84", &["01", "03", "07", "15", "26", "38", "42", "43", "63", "69", "73", "74"]),
    ("93", &["04", "05", "06", "13", "83", "84"]),
    ("94", &["2A", "2B"]),
];

impl DepartementCode {
    /// The région it belongs to. The overseas collectivités (975, 977, 978, 98x) belong to none.
    pub fn region(&self) -> Option<RegionCode> {
        let found = REGIONS.iter().find(|(_, departements)| departements.contains(&self.as_str()));
        found.map(|(region, _)| RegionCode((*region).to_owned()))
    }
}

impl FromStr for RegionCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let code = compact(text);
        if REGIONS.iter().any(|(region, _)| *region == code) {
            Ok(Self(code))
        } else {
            Err(CodeError::Region(text.to_owned()))
        }
    }
}

impl FromStr for Siren {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let code = compact(text);
        if code.len() == 14 && digits(&code) {
            return Err(CodeError::Siret(text.to_owned()));
        }
        if code.len() != 9 || !digits(&code) || code == "000000000" {
            return Err(CodeError::SirenShape(text.to_owned()));
        }
        let sum: u32 = code
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, byte)| {
                let digit = u32::from(byte - b'0') * if place % 2 == 1 { 2 } else { 1 };
                digit / 10 + digit % 10
            })
            .sum();
        if sum.is_multiple_of(10) { Ok(Self(code)) } else { Err(CodeError::SirenDigit(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::calendar::holidays::Territory;

    fn region_of(commune: &str) -> Option<String> {
        commune.parse::<Insee>().unwrap().departement().region().map(String::from)
    }

    #[test]
    fn a_commune_says_where_it_is() {
        assert_eq!(region_of("44109").as_deref(), Some("52"));
        assert_eq!(region_of("01004").as_deref(), Some("84"));
        assert_eq!(region_of("2a004").as_deref(), Some("94"));
        assert_eq!(region_of("97411").as_deref(), Some("04"));
        assert_eq!(region_of("98818"), None);
        assert_eq!("97411".parse::<Insee>().unwrap().departement().as_str(), "974");
    }

    #[test]
    fn what_is_no_code_is_refused_with_a_remedy() {
        for wrong in ["1004", "20004", "9A004", "96001", "441090", "44é09", "", "979 1", "4410A"] {
            assert!(wrong.parse::<Insee>().is_err(), "{wrong}");
        }
        assert!("1004".parse::<Insee>().unwrap_err().to_string().contains("drop a first 0"));
        for wrong in ["1", "20", "96", "970", "2C", "é"] {
            assert!(wrong.parse::<DepartementCode>().is_err(), "{wrong}");
        }
        assert!("54".parse::<RegionCode>().is_err());
    }

    #[test]
    fn every_departement_with_people_has_its_region_once() {
        let all: Vec<&str> = REGIONS.iter().flat_map(|(_, departements)| departements.iter().copied()).collect();
        assert_eq!(all.len(), 101);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 101);
        for code in all {
            assert_eq!(code.parse::<DepartementCode>().unwrap().as_str(), code);
            assert!(Territory::of_departement(code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_siren_has_nine_digits_of_which_the_last_is_checked() {
        // Ville de Nantes; Région Bretagne; La Poste, whose exception is for SIRETs alone.
        for right in ["214401093", "233 500 016", "356000000"] {
            assert!(right.parse::<Siren>().is_ok(), "{right}");
        }
        assert!(matches!("214401094".parse::<Siren>(), Err(CodeError::SirenDigit(_))));
        assert!(matches!("21440109300015".parse::<Siren>(), Err(CodeError::Siret(_))));
        for wrong in ["21440109", "000000000", "21440109X", "", "²14401093"] {
            assert!(matches!(wrong.parse::<Siren>(), Err(CodeError::SirenShape(_))), "{wrong}");
        }
    }
}
