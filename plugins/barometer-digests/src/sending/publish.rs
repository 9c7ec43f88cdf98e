//! Publishes an edition: from here on it is known who is to get it, and when.

use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::{PROOF, integer, schedule};
use crate::edition::Period;
use crate::edition::store::{self, State, StoredEdition};

/// How long after publication its sums are checked for the first time, and then each time again.
pub(super) const PROOF_EVERY: TimeDelta = TimeDelta::days(1);
/// Readers whose digests are written in one call: a call has four seconds, also on a small machine. The rest follows at
/// once, call by call.
const PLANNED_MAX: i64 = 10_000;

/// Publishes an approved edition: each active reader of its cadence is to get one digest, due at their hour in its
/// period. Says how many readers there are. `None`: it is not approved, or published already; nothing has changed.
///
/// Whoever has a digest of this period already gets no other one. An hour that has passed is due at once, and its
/// lateness is asked at the hand-over, in one place with that of a service that was down.
///
/// # Errors
/// Those of the database.
pub async fn publish(cx: &mut Context, stored: &StoredEdition) -> Result<Option<u32>, HandlerError> {
    let (organisation, now, number) = (cx.organisation.id, cx.now, stored.number);
    let current = store::find_locked(cx.sql(), organisation, number).await?;
    if current.is_none_or(|current| current.state != State::Approved) {
        return Ok(None);
    }
    // Counted as they are written.
    store::publish(cx.sql(), organisation, number, 0, now).await?;
    let readers = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM barometer_digests.reader
        WHERE organisation_id = $1 AND cadence = $2 AND state = 'active'
        "#,
        organisation.0,
        stored.edition.period.cadence().as_str(),
    )
    .fetch_one(cx.sql())
    .await?;
    let rest = plan(cx, stored, 0).await?;
    schedule(cx, number, "", now, json!({ "after": rest }));
    schedule(cx, number, PROOF, now + PROOF_EVERY, json!({}));
    Ok(Some(u32::try_from(readers).unwrap_or(u32::MAX)))
}

/// Writes the digests of the next readers behind `after`, and counts them as expected. Says from where to go on, while
/// there are more.
///
/// # Errors
/// Those of the database.
pub(super) async fn plan(cx: &mut Context, stored: &StoredEdition, after: i64) -> Result<Option<i64>, HandlerError> {
    let organisation = cx.organisation.id;
    let (number, period, home) = (stored.number, stored.edition.period, stored.edition.time_zone);
    let cadence = period.cadence().as_str();
    let names = sqlx::query_scalar!(
        r#"
        SELECT DISTINCT time_zone FROM barometer_digests.reader
        WHERE organisation_id = $1 AND cadence = $2 AND state = 'active'
        "#,
        organisation.0,
        cadence,
    )
    .fetch_all(cx.sql())
    .await?;
    let slots = slots(period, home, names);
    let page = sqlx::query!(
        r#"
        WITH page AS MATERIALIZED (
            SELECT id, weekday, hour, time_zone FROM barometer_digests.reader
            WHERE organisation_id = $1 AND cadence = $2 AND state = 'active' AND id > $10
            ORDER BY id LIMIT $11
        ), written AS (
            INSERT INTO barometer_digests.reader_digest
                (organisation_id, reader_id, period, edition_number, due_at, state)
            SELECT $1, page.id, $3, $4, slot.due_at, 'waiting'
            FROM page
            JOIN unnest($5::smallint[], $6::smallint[], $7::text[], $8::timestamptz[])
                 AS slot (weekday, hour, zone, due_at)
              ON slot.weekday = page.weekday AND slot.hour = page.hour
             -- Whoever moves to a zone nobody was in while this is written gets it by the digest's own clock.
             AND slot.zone = CASE WHEN page.time_zone = ANY($7) THEN page.time_zone ELSE $9 END
            ON CONFLICT (organisation_id, reader_id, period) DO NOTHING
            RETURNING reader_id
        ), counted AS (
            UPDATE barometer_digests.edition SET expected = expected + (SELECT count(*) FROM written)::integer
            WHERE organisation_id = $1 AND number = $4
        )
        SELECT count(*) AS "readers!", max(id) AS last FROM page
        "#,
        organisation.0,
        cadence,
        period.to_string(),
        integer(number),
        &slots.weekdays,
        &slots.hours,
        &slots.zones,
        &slots.due,
        home.name(),
        after,
        PLANNED_MAX,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(page.last.filter(|_| page.readers == PLANNED_MAX))
}

/// Every hour of the week in each zone: all of them, so that a reader who chooses another while they are written is
/// not left out.
#[derive(Debug, Default)]
struct Slots {
    weekdays: Vec<i16>,
    hours: Vec<i16>,
    zones: Vec<String>,
    due: Vec<DateTime<Utc>>,
}

/// The moments of `period` in the zones called `names` and in `home`. A name that means nothing is read as `home`.
fn slots(period: Period, home: Tz, mut names: Vec<String>) -> Slots {
    names.push(home.name().to_owned());
    names.sort_unstable();
    names.dedup();
    let mut slots = Slots::default();
    for name in names {
        let zone = name.parse().unwrap_or(home);
        for (weekday, hour) in (1..=7_u8).flat_map(|weekday| (0..24_u8).map(move |hour| (weekday, hour))) {
            slots.weekdays.push(weekday.into());
            slots.hours.push(hour.into());
            slots.zones.push(name.clone());
            slots.due.push(period.slot(weekday, hour, zone));
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::Datelike as _;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each reader finds exactly one moment, in the period they are in on their own clock.
        #[test]
        fn every_hour_is_planned_once_in_every_zone(
            seconds in 1_600_000_000_i64..4_000_000_000,
            zones in prop::collection::vec(prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()), 0..4),
            monthly: bool,
        ) {
            let cadence = if monthly { crate::definition::Cadence::Monthly } else { crate::definition::Cadence::Weekly };
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            let home = chrono_tz::Europe::Paris;
            let period = Period::of(cadence, moment, home);
            let mut names: Vec<String> = zones.iter().map(|zone| zone.name().to_owned()).collect();
            names.push("Europe/Paris".to_owned());
            names.push("Atlantide/Poséidopolis".to_owned());
            let different = names.iter().collect::<BTreeSet<_>>().len();
            let slots = slots(period, home, names);
            prop_assert_eq!(slots.due.len(), different * 168);
            let keys = slots.weekdays.iter().zip(&slots.hours).zip(&slots.zones);
            prop_assert_eq!(keys.clone().collect::<BTreeSet<_>>().len(), slots.due.len());
            for (((weekday, _), zone), due_at) in keys.zip(&slots.due) {
                let local = due_at.with_timezone(&zone.parse().unwrap_or(home));
                let day = local.date_naive();
                // Where a clock skips midnight, or a whole day, the first moment after it may be on the next one.
                let planned = if day.weekday().number_from_monday() == u32::from(weekday.unsigned_abs()) { day }
                              else { day.pred_opt().unwrap() };
                prop_assert!(period.first_day() <= planned && planned < period.end_day(), "{} {}", zone, due_at);
            }
        }
    }

    #[test]
    fn the_hour_a_clock_change_skips_is_the_first_after_it() {
        // In France clocks go from 2:00 to 3:00 on Sunday 29 March 2026.
        let slots = slots("2026-W13".parse().unwrap(), chrono_tz::Europe::Paris, Vec::new());
        let sunday = |hour: usize| slots.due[6 * 24 + hour].to_rfc3339();
        assert_eq!(sunday(1), "2026-03-29T00:00:00+00:00");
        assert_eq!(sunday(2), "2026-03-29T01:00:00+00:00");
        assert_eq!(sunday(3), "2026-03-29T01:00:00+00:00");
        assert_eq!(sunday(4), "2026-03-29T02:00:00+00:00");
    }
}
