//! Where the world's people live: départements with their région, about how many communes each has, and its clocks.

use chrono_tz::Tz;

/// A département, or an overseas collectivité.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub code: &'static str,
    pub region: Option<&'static str>,
    /// About so many (Insee, 2025).
    pub communes: u16,
}

const fn place(code: &'static str, region: &'static str, communes: u16) -> Place {
    Place { code, region: Some(region), communes }
}

/// Without a région.
const fn overseas(code: &'static str, communes: u16) -> Place {
    Place { code, region: None, communes }
}

pub const DEPARTEMENTS: usize = 101;
pub const REGIONS: [&str; 18] =
    ["01", "02", "03", "04", "06", "11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94"];

/// The 101 départements come first.
pub const PLACES: [Place; 104] = [
    place("01", "84", 391),
    place("02", "32", 796),
    place("03", "84", 317),
    place("04", "93", 198),
    place("05", "93", 162),
    place("06", "93", 163),
    place("07", "84", 335),
    place("08", "44", 447),
    place("09", "76", 325),
    place("10", "44", 431),
    place("11", "76", 433),
    place("12", "76", 285),
    place("13", "93", 119),
    place("14", "28", 526),
    place("15", "84", 246),
    place("16", "75", 362),
    place("17", "75", 462),
    place("18", "24", 286),
    place("19", "75", 279),
    place("2A", "94", 124),
    place("2B", "94", 236),
    place("21", "27", 697),
    place("22", "53", 346),
    place("23", "75", 256),
    place("24", "75", 503),
    place("25", "27", 563),
    place("26", "84", 363),
    place("27", "28", 583),
    place("28", "24", 363),
    place("29", "53", 277),
    place("30", "76", 350),
    place("31", "76", 586),
    place("32", "76", 461),
    place("33", "75", 534),
    place("34", "76", 341),
    place("35", "53", 332),
    place("36", "24", 241),
    place("37", "24", 272),
    place("38", "84", 511),
    place("39", "27", 492),
    place("40", "75", 327),
    place("41", "24", 263),
    place("42", "84", 320),
    place("43", "84", 257),
    place("44", "52", 207),
    place("45", "24", 325),
    place("46", "76", 312),
    place("47", "75", 319),
    place("48", "76", 152),
    place("49", "52", 176),
    place("50", "28", 445),
    place("51", "44", 612),
    place("52", "44", 426),
    place("53", "52", 240),
    place("54", "44", 590),
    place("55", "44", 499),
    place("56", "53", 249),
    place("57", "44", 725),
    place("58", "27", 309),
    place("59", "32", 647),
    place("60", "32", 679),
    place("61", "28", 381),
    place("62", "32", 887),
    place("63", "84", 463),
    place("64", "75", 545),
    place("65", "76", 467),
    place("66", "76", 226),
    place("67", "44", 514),
    place("68", "44", 366),
    place("69", "84", 266),
    place("70", "27", 539),
    place("71", "27", 563),
    place("72", "52", 352),
    place("73", "84", 273),
    place("74", "84", 279),
    place("75", "11", 1),
    place("76", "28", 706),
    place("77", "11", 507),
    place("78", "11", 258),
    place("79", "75", 256),
    place("80", "32", 771),
    place("81", "76", 314),
    place("82", "76", 195),
    place("83", "93", 153),
    place("84", "93", 151),
    place("85", "52", 253),
    place("86", "75", 265),
    place("87", "75", 195),
    place("88", "44", 506),
    place("89", "27", 422),
    place("90", "27", 101),
    place("91", "11", 194),
    place("92", "11", 36),
    place("93", "11", 39),
    place("94", "11", 47),
    place("95", "11", 183),
    place("971", "01", 32),
    place("972", "02", 34),
    place("973", "03", 22),
    place("974", "04", 24),
    place("976", "06", 17),
    overseas("975", 2),
    overseas("987", 48),
    overseas("988", 33),
];

/// The clocks of a place (IANA; French Polynesia by Tahiti's).
pub fn zone_of(code: &str) -> Tz {
    match code {
        "971" => Tz::America__Guadeloupe,
        "972" => Tz::America__Martinique,
        "973" => Tz::America__Cayenne,
        "974" => Tz::Indian__Reunion,
        "975" => Tz::America__Miquelon,
        "976" => Tz::Indian__Mayotte,
        "987" => Tz::Pacific__Tahiti,
        "988" => Tz::Pacific__Noumea,
        _ => Tz::Europe__Paris,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_country_is_whole() {
        let communes: u32 = PLACES.iter().map(|place| u32::from(place.communes)).sum();
        assert!((34_500..35_500).contains(&communes), "{communes} communes");
        let codes: BTreeSet<_> = PLACES.iter().map(|place| place.code).collect();
        assert_eq!(codes.len(), PLACES.len());
        let regions: BTreeSet<_> = PLACES[..DEPARTEMENTS].iter().filter_map(|place| place.region).collect();
        assert_eq!(regions, REGIONS.into_iter().collect());
    }
}
