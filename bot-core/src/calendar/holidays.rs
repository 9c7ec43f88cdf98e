//! The public holidays of France, by territory.
//!
//! Sources: Code du travail L3133-1 (the eleven days of the whole country), L3134-13 (Alsace-Moselle), L3422-2 with the
//! law 83-550 and the decrees 83-1003 and 2012-553 (abolition of slavery overseas), and the data set “Jours fériés en
//! France” of data.gouv.fr (etalab/jours-feries-france) for the collectivités with a labour law of their own. French
//! Polynesia replaced 29 June by 20 November (Matari’i) with the loi du pays adopted on 6 May 2025, in force since
//! that year.

use chrono::{Datelike, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where holidays and time of their own are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Territory {
    /// European France without Alsace and Moselle.
    #[default]
    Metropole,
    AlsaceMoselle,
    Guadeloupe,
    Martinique,
    Guyane,
    Reunion,
    SaintPierreEtMiquelon,
    Mayotte,
    SaintBarthelemy,
    SaintMartin,
    WallisEtFutuna,
    PolynesieFrancaise,
    NouvelleCaledonie,
}

impl Territory {
    pub const ALL: [Self; 13] = [
        Self::Metropole,
        Self::AlsaceMoselle,
        Self::Guadeloupe,
        Self::Martinique,
        Self::Guyane,
        Self::Reunion,
        Self::SaintPierreEtMiquelon,
        Self::Mayotte,
        Self::SaintBarthelemy,
        Self::SaintMartin,
        Self::WallisEtFutuna,
        Self::PolynesieFrancaise,
        Self::NouvelleCaledonie,
    ];

    /// From the code of a département or of an overseas collectivité in the Code officiel géographique: `44`, `2A`,
    /// `974`, `988`. `None` when there is none of that code, or nobody lives there (984, 989).
    pub fn of_departement(code: &str) -> Option<Self> {
        Some(match code {
            "57" | "67" | "68" => Self::AlsaceMoselle,
            "971" => Self::Guadeloupe,
            "972" => Self::Martinique,
            "973" => Self::Guyane,
            "974" => Self::Reunion,
            "975" => Self::SaintPierreEtMiquelon,
            "976" => Self::Mayotte,
            "977" => Self::SaintBarthelemy,
            "978" => Self::SaintMartin,
            "986" => Self::WallisEtFutuna,
            "987" => Self::PolynesieFrancaise,
            "988" => Self::NouvelleCaledonie,
            "2A" | "2B" => Self::Metropole,
            _ if is_two_digits(code) && code != "20" && matches!(code.parse::<u8>(), Ok(1..=95)) => Self::Metropole,
            _ => return None,
        })
    }

    /// The IANA zone of its clocks. French Polynesia has three: this is Tahiti's, the Marquises
    /// (`Pacific/Marquesas`) are half an hour and the Gambier (`Pacific/Gambier`) an hour ahead, which the code does not tell.
    pub fn time_zone(self) -> Tz {
        match self {
            Self::Metropole | Self::AlsaceMoselle => Tz::Europe__Paris,
            Self::Guadeloupe => Tz::America__Guadeloupe,
            Self::Martinique => Tz::America__Martinique,
            Self::Guyane => Tz::America__Cayenne,
            Self::Reunion => Tz::Indian__Reunion,
            Self::SaintPierreEtMiquelon => Tz::America__Miquelon,
            Self::Mayotte => Tz::Indian__Mayotte,
            Self::SaintBarthelemy => Tz::America__St_Barthelemy,
            Self::SaintMartin => Tz::America__Marigot,
            Self::WallisEtFutuna => Tz::Pacific__Wallis,
            Self::PolynesieFrancaise => Tz::Pacific__Tahiti,
            Self::NouvelleCaledonie => Tz::Pacific__Noumea,
        }
    }

    /// Where a zone's holidays are kept, for a person of whom only the zone is known: European France for every zone
    /// that is not a French one overseas.
    pub fn of_time_zone(time_zone: Tz) -> Self {
        match time_zone {
            Tz::Pacific__Marquesas | Tz::Pacific__Gambier => Self::PolynesieFrancaise,
            zone => Self::ALL.into_iter().find(|territory| territory.time_zone() == zone).unwrap_or_default(),
        }
    }
}

fn is_two_digits(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// A public holiday.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holiday {
    NewYear,
    GoodFriday,
    EasterMonday,
    LabourDay,
    Victory1945,
    Ascension,
    WhitMonday,
    BastilleDay,
    Assumption,
    AllSaints,
    Armistice1918,
    Christmas,
    SaintStephen,
    AbolitionOfSlavery,
    VictorSchoelcher,
    ArrivalOfTheGospel,
    AutonomyDay,
    Matarii,
    SaintPierreChanel,
    TerritoryDay,
    CitizenshipDay,
}

/// The holiday that `date` is in `territory`, by the law of today; for French Polynesia also by that before 2025.
///
/// Good Friday is one in Alsace-Moselle only where there is a Protestant temple or a mixed church (L3134-13). Which
/// communes have one is not recorded, so it counts in all of them: a message that waits a day harms nobody.
pub fn holiday_on(date: NaiveDate, territory: Territory) -> Option<Holiday> {
    use Holiday::*;
    use Territory::*;
    let everywhere = match (date.month(), date.day()) {
        (1, 1) => Some(NewYear),
        (5, 1) => Some(LabourDay),
        (5, 8) => Some(Victory1945),
        (7, 14) => Some(BastilleDay),
        (8, 15) => Some(Assumption),
        (11, 1) => Some(AllSaints),
        (11, 11) => Some(Armistice1918),
        (12, 25) => Some(Christmas),
        _ => None,
    };
    let movable = || match (date - easter(date.year())?).num_days() {
        -2 if matches!(territory, AlsaceMoselle | PolynesieFrancaise) => Some(GoodFriday),
        1 => Some(EasterMonday),
        39 => Some(Ascension),
        50 => Some(WhitMonday),
        _ => None,
    };
    let local = || match (territory, date.month(), date.day()) {
        (AlsaceMoselle, 12, 26) => Some(SaintStephen),
        (Mayotte, 4, 27)
        | (Martinique, 5, 22)
        | (Guadeloupe, 5, 27)
        | (SaintMartin, 5, 28)
        | (Guyane, 6, 10)
        | (SaintBarthelemy, 10, 9)
        | (Reunion, 12, 20) => Some(AbolitionOfSlavery),
        (Guadeloupe | Martinique, 7, 21) => Some(VictorSchoelcher),
        (PolynesieFrancaise, 3, 5) => Some(ArrivalOfTheGospel),
        (PolynesieFrancaise, 6, 29) if date.year() < 2025 => Some(AutonomyDay),
        (PolynesieFrancaise, 11, 20) if date.year() >= 2025 => Some(Matarii),
        (WallisEtFutuna, 4, 28) => Some(SaintPierreChanel),
        (WallisEtFutuna, 7, 29) => Some(TerritoryDay),
        (NouvelleCaledonie, 9, 24) => Some(CitizenshipDay),
        _ => None,
    };
    everywhere.or_else(movable).or_else(local)
}

/// Easter Sunday of a Gregorian year (from 1583), by the “anonymous Gregorian algorithm” printed in Nature, 20 April
/// 1876, as given in J. Meeus, Astronomical Algorithms, chapter 8. `None` outside of the years that chrono counts.
pub fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let day_of_march = h + l - 7 * m + 22;
    NaiveDate::from_ymd_opt(year, 3, 1)?.checked_add_signed(TimeDelta::days(i64::from(day_of_march) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// The year's holidays of a territory, as month-day.
    fn holidays(year: i32, territory: Territory) -> Vec<String> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let days = first.iter_days().take_while(|day| day.year() == year);
        days.filter(|day| holiday_on(*day, territory).is_some()).map(|day| day.format("%m-%d").to_string()).collect()
    }

    #[test]
    fn easter_falls_where_the_tables_say() {
        // The earliest and the latest there can be (1818, 1943, 2038), both ends of the range, and years between.
        for sunday in [
            "1583-04-10",
            "1818-03-22",
            "1943-04-25",
            "1961-04-02",
            "1981-04-19",
            "2000-04-23",
            "2008-03-23",
            "2019-04-21",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2049-04-18",
            "2076-04-19",
            "2099-04-12",
            "2100-03-28",
        ] {
            let sunday = date(sunday);
            assert_eq!(easter(sunday.year()), Some(sunday));
        }
    }

    /// By Gauss's rule with its two exceptions, which goes another way.
    #[test]
    fn easter_agrees_with_gauss_for_five_centuries() {
        for year in 1583..=2100 {
            let (a, b, c) = (year % 19, year % 4, year % 7);
            let k = year / 100;
            let m = (15 - (13 + 8 * k) / 25 + k - k / 4) % 30;
            let n = (4 + k - k / 4) % 7;
            let d = (19 * a + m) % 30;
            let e = (2 * b + 4 * c + 6 * d + n) % 7;
            let days = match (d, e) {
                (29, 6) => 50,
                (28, 6) if (11 * m + 11) % 30 < 19 => 49,
                _ => 22 + d + e,
            };
            let sunday = NaiveDate::from_ymd_opt(year, 3, 1).unwrap() + TimeDelta::days(i64::from(days) - 1);
            assert_eq!(easter(year), Some(sunday), "{year}");
            assert_eq!(sunday.weekday(), chrono::Weekday::Sun);
        }
    }

    #[test]
    fn the_whole_country_has_eleven() {
        let everywhere =
            ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"];
        assert_eq!(holidays(2026, Territory::Metropole), everywhere);
        for territory in Territory::ALL {
            for year in 2020..=2100 {
                // Ascension and a fixed day may coincide (8 May 2059).
                let count = holidays(year, territory).len();
                assert!((10..=14).contains(&count), "{territory:?} has {count} in {year}");
            }
            let own = holidays(2026, territory);
            assert!(everywhere.iter().all(|day| own.iter().any(|own| own == day)), "{territory:?}: {own:?}");
        }
    }

    #[test]
    fn each_territory_has_its_own() {
        use Territory::*;
        let metropole = holidays(2026, Metropole);
        for (territory, own) in [
            (Metropole, vec![]),
            (SaintPierreEtMiquelon, vec![]),
            (AlsaceMoselle, vec!["04-03", "12-26"]),
            (Guadeloupe, vec!["05-27", "07-21"]),
            (Martinique, vec!["05-22", "07-21"]),
            (Guyane, vec!["06-10"]),
            (Reunion, vec!["12-20"]),
            (Mayotte, vec!["04-27"]),
            (SaintBarthelemy, vec!["10-09"]),
            (SaintMartin, vec!["05-28"]),
            (WallisEtFutuna, vec!["04-28", "07-29"]),
            (PolynesieFrancaise, vec!["03-05", "04-03", "11-20"]),
            (NouvelleCaledonie, vec!["09-24"]),
        ] {
            let found: Vec<String> =
                holidays(2026, territory).into_iter().filter(|day| !metropole.contains(day)).collect();
            assert_eq!(found, own, "{territory:?}");
        }
        assert_eq!(holiday_on(date("2024-06-29"), PolynesieFrancaise), Some(Holiday::AutonomyDay));
        assert_eq!(holiday_on(date("2024-11-20"), PolynesieFrancaise), None);
    }

    #[test]
    fn a_departement_has_a_territory_and_a_zone() {
        use chrono::{Offset, TimeZone};
        let hours_from_paris_in_winter = |code: &str| {
            let noon = date("2026-01-15").and_hms_opt(12, 0, 0).unwrap();
            let zone = Territory::of_departement(code).unwrap().time_zone();
            (zone.offset_from_utc_datetime(&noon).fix().local_minus_utc() - 3600) / 3600
        };
        for (code, hours) in [
            ("44", 0),
            ("2A", 0),
            ("67", 0),
            ("971", -5),
            ("972", -5),
            ("973", -4),
            ("974", 3),
            ("975", -4),
            ("976", 2),
            ("977", -5),
            ("978", -5),
            ("986", 11),
            ("987", -11),
            ("988", 10),
        ] {
            assert_eq!(hours_from_paris_in_winter(code), hours, "{code}");
        }
        for code in ["", "00", "20", "96", "99", "984", "989", "1", "2a", "+5", "001"] {
            assert_eq!(Territory::of_departement(code), None, "{code}");
        }
        for territory in Territory::ALL.into_iter().filter(|territory| *territory != Territory::AlsaceMoselle) {
            assert_eq!(Territory::of_time_zone(territory.time_zone()), territory);
        }
        assert_eq!(Territory::of_time_zone(Tz::Pacific__Marquesas), Territory::PolynesieFrancaise);
        assert_eq!(Territory::of_time_zone(Tz::Europe__Berlin), Territory::Metropole);
    }
}
