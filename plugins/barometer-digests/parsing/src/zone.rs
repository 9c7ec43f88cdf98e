//! Which clock a calendar means.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};

/// Zones of Windows, as Outlook and Exchange name them, with the place that Unicode's CLDR gives for each
/// (windowsZones.xml): Europe, France overseas, and where else its partners live.
const WINDOWS: [(&str, Tz); 40] = [
    ("UTC", Tz::UTC),
    ("GMT Standard Time", Tz::Europe__London),
    ("Greenwich Standard Time", Tz::Atlantic__Reykjavik),
    ("Romance Standard Time", Tz::Europe__Paris),
    ("W. Europe Standard Time", Tz::Europe__Berlin),
    ("Central Europe Standard Time", Tz::Europe__Budapest),
    ("Central European Standard Time", Tz::Europe__Warsaw),
    ("E. Europe Standard Time", Tz::Europe__Chisinau),
    ("FLE Standard Time", Tz::Europe__Kyiv),
    ("GTB Standard Time", Tz::Europe__Bucharest),
    ("Turkey Standard Time", Tz::Europe__Istanbul),
    ("Russian Standard Time", Tz::Europe__Moscow),
    ("Morocco Standard Time", Tz::Africa__Casablanca),
    ("W. Central Africa Standard Time", Tz::Africa__Lagos),
    ("South Africa Standard Time", Tz::Africa__Johannesburg),
    ("Egypt Standard Time", Tz::Africa__Cairo),
    ("E. Africa Standard Time", Tz::Africa__Nairobi),
    ("Israel Standard Time", Tz::Asia__Jerusalem),
    ("Middle East Standard Time", Tz::Asia__Beirut),
    ("Arabian Standard Time", Tz::Asia__Dubai),
    ("Mauritius Standard Time", Tz::Indian__Mauritius),
    ("India Standard Time", Tz::Asia__Kolkata),
    ("SE Asia Standard Time", Tz::Asia__Bangkok),
    ("China Standard Time", Tz::Asia__Shanghai),
    ("Tokyo Standard Time", Tz::Asia__Tokyo),
    ("AUS Eastern Standard Time", Tz::Australia__Sydney),
    ("Central Pacific Standard Time", Tz::Pacific__Guadalcanal),
    ("New Zealand Standard Time", Tz::Pacific__Auckland),
    ("Hawaiian Standard Time", Tz::Pacific__Honolulu),
    ("Newfoundland Standard Time", Tz::America__St_Johns),
    ("Saint Pierre Standard Time", Tz::America__Miquelon),
    ("SA Eastern Standard Time", Tz::America__Cayenne),
    ("SA Western Standard Time", Tz::America__La_Paz),
    ("E. South America Standard Time", Tz::America__Sao_Paulo),
    ("Atlantic Standard Time", Tz::America__Halifax),
    ("Eastern Standard Time", Tz::America__New_York),
    ("Central Standard Time", Tz::America__Chicago),
    ("Mountain Standard Time", Tz::America__Denver),
    ("Pacific Standard Time", Tz::America__Los_Angeles),
    ("Alaskan Standard Time", Tz::America__Anchorage),
];

/// Tried after the digest's own zone for a `VTIMEZONE` whose name says nothing.
const LIKELY: [Tz; 7] = [
    Tz::Europe__Paris,
    Tz::Europe__London,
    Tz::Europe__Helsinki,
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Denver,
    Tz::America__Los_Angeles,
];

/// Whose winter and summer are compared with the offsets of a `VTIMEZONE`: rules as they are nowadays.
const COMPARED_YEAR: i32 = 2026;

/// What a `VTIMEZONE` says, as far as it is used.
#[derive(Default, Debug)]
pub(crate) struct Described {
    /// `X-LIC-LOCATION`.
    pub location: Option<String>,
    /// The last `TZOFFSETTO` of its `STANDARD` and `DAYLIGHT` parts, in seconds from UTC.
    pub standard: Option<i32>,
    pub daylight: Option<i32>,
}

/// The zones that one calendar describes.
pub(crate) struct Zones {
    pub described: BTreeMap<String, Described>,
    /// The digest's: of times without a zone, and of those whose zone nobody knows.
    pub own: Tz,
}

impl Zones {
    /// What `name` (a `TZID`) means: an IANA zone, one of Windows, or one that its `VTIMEZONE` describes.
    pub fn find(&self, name: &str) -> Option<Tz> {
        if let Some(zone) = known(name) {
            return Some(zone);
        }
        let described = self.described.get(name)?;
        if let Some(zone) = described.location.as_deref().and_then(known) {
            return Some(zone);
        }
        let winter = described.standard.or(described.daylight)?;
        let summer = described.daylight.unwrap_or(winter);
        let mut likely = std::iter::once(self.own).chain(LIKELY);
        likely.find(|zone| (offset(*zone, 1), offset(*zone, 7)) == (winter, summer)).or_else(|| {
            // POSIX counts the other way round.
            let hours = (winter == summer && winter % 3600 == 0).then_some(-winter / 3600)?;
            format!("Etc/GMT{hours:+}").parse().ok()
        })
    }
}

/// An IANA name, also behind a prefix (`/freeassociation.sourceforge.net/Europe/Paris`), or one of Windows.
fn known(name: &str) -> Option<Tz> {
    let name = name.trim().trim_matches('"');
    if name.len() > 200 {
        return None;
    }
    let windows = WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone);
    windows.or_else(|| name.parse().ok()).or_else(|| {
        let slashes: Vec<usize> = name.rmatch_indices('/').map(|(at, _)| at).take(3).collect();
        slashes.iter().skip(1).find_map(|at| name[at + 1..].parse().ok())
    })
}

fn offset(zone: Tz, month: u32) -> i32 {
    let day = NaiveDate::from_ymd_opt(COMPARED_YEAR, month, 15).unwrap_or_default();
    zone.offset_from_utc_date(&day).fix().local_minus_utc()
}

/// The moment a clock shows `local`: the first of two; where the clock jumps over it, the first moment after.
pub(crate) fn moment(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    if let Some(moment) = zone.from_local_datetime(&local).earliest() {
        return moment.to_utc();
    }
    let after = GapInfo::new(&local, &zone).and_then(|gap| gap.end);
    after.map_or_else(|| local.and_utc(), |end| end.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(described: Described) -> Zones {
        Zones { described: BTreeMap::from([("Customized Time Zone".to_owned(), described)]), own: Tz::Indian__Reunion }
    }

    #[test]
    fn a_zone_is_known_by_many_names() {
        let none = zones(Described::default());
        for (name, zone) in [
            ("Europe/Paris", Tz::Europe__Paris),
            ("romance standard time", Tz::Europe__Paris),
            ("/freeassociation.sourceforge.net/Tzfile/Europe/Paris", Tz::Europe__Paris),
            ("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", Tz::America__Argentina__Buenos_Aires),
            ("\"Europe/London\"", Tz::Europe__London),
        ] {
            assert_eq!(none.find(name), Some(zone), "{name}");
        }
        for name in ["", "Paris, Madrid", "/", "Mars/Olympus"] {
            assert_eq!(none.find(name), None, "{name}");
        }
    }

    #[test]
    fn a_zone_without_a_name_is_known_by_its_offsets() {
        let hours = |hours: i32| Some(hours * 3600);
        let find =
            |standard, daylight| zones(Described { location: None, standard, daylight }).find("Customized Time Zone");
        assert_eq!(find(hours(1), hours(2)), Some(Tz::Europe__Paris));
        assert_eq!(find(hours(4), None), Some(Tz::Indian__Reunion));
        assert_eq!(find(hours(-3), None), Some(Tz::Etc__GMTPlus3));
        assert_eq!(find(Some(12345), None), None);
        assert_eq!(find(None, None), None);
        let located = Described { location: Some("Europe/Madrid".to_owned()), ..Described::default() };
        assert_eq!(zones(located).find("Customized Time Zone"), Some(Tz::Europe__Madrid));
    }
}
