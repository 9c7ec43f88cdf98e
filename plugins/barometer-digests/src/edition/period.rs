//! The week or month an edition is for, and the time it looks at.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::definition::Cadence;

/// A calendar week (ISO 8601: from Monday) or month. Readers get one digest in each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Period {
    Week { year: i32, week: u8 },
    Month { year: i32, month: u8 },
}

impl Period {
    /// The one that `moment` lies in, on the clock of `time_zone`.
    pub fn of(cadence: Cadence, moment: DateTime<Utc>, time_zone: Tz) -> Self {
        let date = moment.with_timezone(&time_zone).date_naive();
        match cadence {
            Cadence::Weekly => {
                let week = date.iso_week();
                // Weeks are 1 to 53 and months 1 to 12.
                Self::Week { year: week.year(), week: u8::try_from(week.week()).unwrap_or(53) }
            }
            Cadence::Monthly => Self::Month { year: date.year(), month: u8::try_from(date.month()).unwrap_or(12) },
        }
    }

    pub fn cadence(self) -> Cadence {
        match self {
            Self::Week { .. } => Cadence::Weekly,
            Self::Month { .. } => Cadence::Monthly,
        }
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        let found = match self {
            Self::Week { year, week } => NaiveDate::from_isoywd_opt(year, week.into(), Weekday::Mon),
            Self::Month { year, month } => NaiveDate::from_ymd_opt(year, month.into(), 1),
        };
        // Checked when it was made.
        found.unwrap_or_default()
    }

    /// The first day after it.
    pub fn end_day(self) -> NaiveDate {
        let first = self.first_day();
        match self {
            Self::Week { .. } => first.checked_add_days(Days::new(7)).unwrap_or(first),
            Self::Month { .. } => first.checked_add_months(Months::new(1)).unwrap_or(first),
        }
    }

    /// A reader's hour in it: on the first `weekday` (1 is Monday), on the clock of `time_zone`. An hour that a clock
    /// change skips is the first moment after it; one that comes twice is the first of the two.
    pub fn slot(self, weekday: u8, hour: u8, time_zone: Tz) -> DateTime<Utc> {
        let first = self.first_day();
        let ahead = (u64::from(weekday) + 7 - u64::from(first.weekday().number_from_monday())) % 7;
        let day = first.checked_add_days(Days::new(ahead)).unwrap_or(first);
        let time = NaiveTime::from_hms_opt(hour.into(), 0, 0).unwrap_or_default();
        bot_core::calendar::resolve_local(day.and_time(time), time_zone)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Week { year, week } => write!(f, "{year:04}-W{week:02}"),
            Self::Month { year, month } => write!(f, "{year:04}-{month:02}"),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("`{text}` is no period: write a week as 2026-W48 or a month as 2026-11");
        let (year, rest) = text.split_once('-').ok_or_else(problem)?;
        let year: i32 = year.parse().map_err(|_| problem())?;
        let number = |digits: &str| digits.parse::<u8>().map_err(|_| problem());
        let period = match rest.strip_prefix('W') {
            Some(week) => Self::Week { year, week: number(week)? },
            None => Self::Month { year, month: number(rest)? },
        };
        let exists = match period {
            Self::Week { year, week } => NaiveDate::from_isoywd_opt(year, week.into(), Weekday::Mon).is_some(),
            Self::Month { year, month } => NaiveDate::from_ymd_opt(year, month.into(), 1).is_some(),
        };
        if exists && (2000..=9999).contains(&year) && period.to_string() == text { Ok(period) } else { Err(problem()) }
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

/// What an edition looks at: from the end of the edition before it, up to its drafting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    pub from: DateTime<Utc>,
    /// Not included.
    pub until: DateTime<Utc>,
}

impl Window {
    pub fn holds(&self, moment: DateTime<Utc>) -> bool {
        self.from <= moment && moment < self.until
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use chrono_tz::{Europe, Indian};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_days_around_new_year_belong_to_their_iso_week() {
        let moment = Utc.with_ymd_and_hms(2027, 1, 3, 12, 0, 0).unwrap();
        assert_eq!(Period::of(Cadence::Weekly, moment, Europe::Paris).to_string(), "2026-W53");
        assert_eq!(Period::of(Cadence::Monthly, moment, Europe::Paris).to_string(), "2027-01");
    }

    #[test]
    fn a_reader_of_a_month_is_written_to_on_its_first_such_day() {
        let month: Period = "2026-11".parse().unwrap();
        let tuesday = month.slot(2, 9, Indian::Reunion);
        assert_eq!(tuesday, Utc.with_ymd_and_hms(2026, 11, 3, 5, 0, 0).unwrap());
    }

    #[test]
    fn what_is_no_period_is_told() {
        for wrong in ["", "2026", "2026-13", "2026-W54", "2025-W53", "2026-W5", "26-W05", "2026-w48", "2026-1"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_slot_lies_in_its_period(seconds in 1_600_000_000_i64..4_000_000_000, weekday in 1_u8..=7, hour in 0_u8..24) {
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            for cadence in Cadence::ALL {
                let period = Period::of(cadence, moment, Europe::Paris);
                let slot = period.slot(weekday, hour, Europe::Paris);
                prop_assert_eq!(Period::of(cadence, slot, Europe::Paris), period);
                prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            }
        }
    }
}
