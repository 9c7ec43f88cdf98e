//! Moments as questionnaire tools write them.

use bot_core::calendar::resolve_local;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;

/// Before this no tool of today took an answer. LimeSurvey writes 1980 where a survey keeps no dates.
const EARLIEST_SECONDS: i64 = 946_684_800;

/// Reads RFC 3339, seconds since 1970 (Drupal), `2026-10-05 14:30[:00]` and `05/10/2026 14:30[:00]` on the clocks of
/// `zone`, and either without an hour. `None` for anything else, and for dates before 2000.
pub(crate) fn moment(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let local = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let day = |format| NaiveDate::parse_from_str(text, format).ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let found = if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0))
    } else if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        Some(moment.to_utc())
    } else {
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"]
            .into_iter()
            .find_map(local)
            .or_else(|| ["%Y-%m-%d", "%d/%m/%Y"].into_iter().find_map(day))
            .map(|moment| resolve_local(moment, zone))
    };
    found.filter(|moment| moment.timestamp() >= EARLIEST_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_tools_write_them() {
        let read = |text| moment(text, chrono_tz::Europe::Paris).map(|moment| moment.to_rfc3339());
        for text in [
            "2026-10-05T12:30:00Z",
            "2026-10-05T14:30:00+02:00",
            "2026-10-05 14:30:00",
            "2026-10-05 14:30",
            " 05/10/2026 14:30 ",
            "1791203400",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-10-05T12:30:00+00:00"), "{text}");
        }
        assert_eq!(read("05/10/2026").as_deref(), Some("2026-10-04T22:00:00+00:00"));
        for text in ["", "N", "Y", "hier", "1980-01-01 00:00:00", "2026-13-01 00:00:00", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
