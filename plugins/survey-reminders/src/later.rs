//! "Remind me later": what waits for one person moves to the day they chose.
//!
//! Nothing is sent that was not approved. Of the messages whose turn would come before that day the last one waits for
//! it, in whose words the day is nearest, and the earlier ones are dropped; what comes after stays as it is, and none
//! is ever moved before the time that was approved.

use bot_core::calendar::resolve_local;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use sqlx::types::Json;

use crate::engine;
use crate::outcome::message_key;
use crate::reason::Reason;
use crate::standing::Standing;

/// When a message whose step is gone would be due on its day.
const HOUR_DEFAULT: NaiveTime = match NaiveTime::from_hms_opt(9, 0, 0) {
    Some(hour) => hour,
    None => NaiveTime::MIN,
};

/// What became of a wish to be reminded later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Later {
    /// A message waits for the day. `dropped` others, whose turn was before it, go out no more.
    Moved { at: DateTime<Utc>, dropped: usize },
    /// What is planned next comes later than that anyway.
    AsPlanned { at: DateTime<Utc> },
    /// Nothing is planned any more.
    NothingLeft,
    /// Such a message would come when it is too late to answer.
    TooLate,
}

/// One message that may still go out.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Waiting {
    step: String,
    earliest_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    /// An earlier wish has moved or dropped it.
    snoozed: bool,
}

impl Waiting {
    /// When its turn is, but for what this person wished before.
    fn turn(&self) -> DateTime<Utc> {
        if self.snoozed { self.earliest_at } else { self.due_at }
    }
}

/// What happens to each of some messages: its new time, or `None` where it goes out no more.
type Arranged = Vec<(usize, Option<DateTime<Utc>>)>;

/// Postpones everything that waits for this person to `day` on their own clocks.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn postpone(
    cx: &mut Context,
    standing: &Standing,
    day: NaiveDate,
    zone: Tz,
) -> Result<Later, HandlerError> {
    let begins = resolve_local(day.and_time(NaiveTime::MIN), zone);
    if begins >= standing.deadline {
        return Ok(Later::TooLate);
    }
    let messages = waiting(cx, standing).await?;
    let at = |step: &str| {
        let hour = standing.definition.step(step).map_or(HOUR_DEFAULT, |step| step.hour);
        resolve_local(day.and_time(hour), zone)
    };
    let arranged = arrange(&messages, begins, cx.now, at);
    let times = || arranged.iter().filter_map(|(_, at)| *at);
    let moved = arranged.iter().filter(|(index, _)| messages[*index].turn() < begins);
    let (moved, dropped): (Vec<_>, Vec<_>) = moved.partition(|(_, at)| at.is_some());
    let outcome = match (moved.first().and_then(|(_, at)| *at), times().min()) {
        (Some(at), _) if at >= standing.deadline => return Ok(Later::TooLate),
        (Some(at), _) => Later::Moved { at, dropped: dropped.len() },
        (None, Some(at)) => Later::AsPlanned { at },
        (None, None) => Later::NothingLeft,
    };
    note_day(cx, standing, begins).await?;
    for (index, at) in &arranged {
        write(cx, standing, &messages[*index], *at, begins).await?;
    }
    // What is in the outbox already has not waited long enough.
    call_off(cx, standing).await?;
    engine::wake(cx, standing.campaign);
    Ok(outcome)
}

/// The day of a button, as its argument: days since 1970, good until 2149.
pub(crate) fn as_argument(day: NaiveDate) -> u16 {
    u16::try_from((day - NaiveDate::default()).num_days()).unwrap_or_default()
}

pub(crate) fn of_argument(argument: u16) -> NaiveDate {
    NaiveDate::default().checked_add_days(Days::new(argument.into())).unwrap_or_default()
}

/// New times for `messages` when nothing may go out before `begins`. Ones that stay as they are are named too.
fn arrange(
    messages: &[Waiting],
    begins: DateTime<Utc>,
    now: DateTime<Utc>,
    at: impl Fn(&str) -> DateTime<Utc>,
) -> Arranged {
    let before = |message: &Waiting| message.turn() < begins;
    // The last whose turn comes before: the approved time decides between two that were moved to the same moment.
    let last = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| before(message))
        .max_by_key(|(_, message)| (message.turn(), message.earliest_at, message.step.clone()))
        .map(|(index, _)| index);
    let times = messages.iter().enumerate().map(|(index, message)| {
        let time = match before(message) {
            true if Some(index) == last => Some(at(&message.step).max(message.earliest_at).max(now)),
            true => None,
            false => Some(message.turn()),
        };
        (index, time)
    });
    times.collect()
}

/// What waits for this person, and what an earlier wish of theirs has dropped.
async fn waiting(cx: &mut Context, standing: &Standing) -> Result<Vec<Waiting>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT message.step, message.earliest_at, message.due_at, message.reason
        FROM survey_reminders.planned_message AS message
        JOIN survey_reminders.campaign AS campaign
          ON campaign.organisation_id = message.organisation_id AND campaign.id = message.campaign_id
        WHERE message.organisation_id = $1 AND message.campaign_id = $2 AND message.participant_id = $3
          AND message.version = campaign.approved_version
          AND (message.state = 'waiting'
               OR (message.state = 'suppressed' AND message.handed_at IS NULL AND message.reason ->> 'code' = 'snoozed'))
        ORDER BY message.earliest_at, message.step
        FOR UPDATE OF message
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let snoozed = |reason: &Option<Value>| {
        reason.as_ref().and_then(|reason| reason.get("code")).is_some_and(|code| code == "snoozed")
    };
    let messages = rows.into_iter().map(|row| Waiting {
        snoozed: snoozed(&row.reason),
        step: row.step,
        earliest_at: row.earliest_at,
        due_at: row.due_at,
    });
    Ok(messages.collect())
}

async fn note_day(cx: &mut Context, standing: &Standing, begins: DateTime<Utc>) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant SET snoozed_until = $4
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
        begins,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

async fn write(
    cx: &mut Context,
    standing: &Standing,
    message: &Waiting,
    at: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
) -> Result<(), HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    // One that has its own time again needs no reason.
    let reason = at.is_none_or(|at| at != message.turn()).then_some(Json(Reason::Snoozed { until }));
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message
        SET due_at = coalesce($5, due_at), reason = CASE WHEN $5 = due_at THEN reason ELSE $6 END,
            state = CASE WHEN $5::timestamptz IS NULL THEN 'suppressed' ELSE 'waiting' END,
            settled_at = CASE WHEN $5 IS NULL THEN $7::timestamptz END
        WHERE organisation_id = $1 AND campaign_id = $2 AND participant_id = $3 AND step = $4
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
        message.step,
        at,
        reason as _,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Calls off what is in the outbox for this very person; what is being sent at this moment cannot be held back.
pub(crate) async fn call_off(cx: &mut Context, standing: &Standing) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    let steps = sqlx::query_scalar!(
        r#"
        SELECT step FROM survey_reminders.planned_message
        WHERE organisation_id = $1 AND campaign_id = $2 AND participant_id = $3 AND state = 'handed'
        "#,
        organisation.0,
        standing.campaign.0,
        standing.participant.0,
    )
    .fetch_all(cx.sql())
    .await?;
    if !steps.is_empty() {
        let keys = steps.iter().map(|step| message_key(step, standing.participant)).collect();
        cx.cancel_messages(standing.campaign.scope(), standing.respondent.to_string(), keys);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn message(step: &str, due: &str) -> Waiting {
        let due_at = at(due);
        Waiting { step: step.to_owned(), earliest_at: due_at, due_at, snoozed: false }
    }

    const NOW: &str = "2026-10-06T10:00:00Z";

    fn arranged(messages: &[Waiting], begins: &str) -> Vec<Option<String>> {
        let begins = at(begins);
        let nine = |_: &str| begins + chrono::TimeDelta::hours(9);
        let times = arrange(messages, begins, at(NOW), nine);
        times.into_iter().map(|(_, time)| time.map(|time| time.format("%m-%d %H:%M").to_string())).collect()
    }

    #[test]
    fn the_last_message_before_the_day_waits_for_it_and_earlier_ones_are_dropped() {
        let messages = [
            message("r1", "2026-10-08T07:00:00Z"),
            message("r2", "2026-10-14T07:00:00Z"),
            message("r3", "2026-10-20T07:00:00Z"),
        ];
        let some = |time: &str| Some(time.to_owned());
        assert_eq!(arranged(&messages, "2026-10-16T00:00:00Z"), [None, some("10-16 09:00"), some("10-20 07:00")]);
        assert_eq!(
            arranged(&messages, "2026-10-07T00:00:00Z"),
            ["10-08 07:00", "10-14 07:00", "10-20 07:00"].map(some)
        );
        assert_eq!(arranged(&messages, "2026-10-30T00:00:00Z"), [None, None, some("10-30 09:00")]);
    }

    #[test]
    fn an_earlier_day_gives_back_what_a_later_one_had_dropped() {
        let snoozed = |message: Waiting, due: &str| Waiting { due_at: at(due), snoozed: true, ..message };
        let messages = [
            snoozed(message("r1", "2026-10-08T07:00:00Z"), "2026-10-08T07:00:00Z"),
            snoozed(message("r2", "2026-10-14T07:00:00Z"), "2026-10-30T09:00:00Z"),
        ];
        let times = arranged(&messages, "2026-10-10T00:00:00Z");
        assert_eq!(times, ["10-10 09:00", "10-14 07:00"].map(|time| Some(time.to_owned())));
    }

    #[test]
    fn a_day_survives_its_button() {
        let day: NaiveDate = "2026-10-15".parse().unwrap();
        assert_eq!(of_argument(as_argument(day)), day);
    }

    proptest! {
        /// Nobody is written to before the day, nor before what was approved, nor more often than before.
        #[test]
        fn nothing_is_added_and_nothing_comes_early(
            hours in prop::collection::vec((0i64..2000, 0i64..300, any::<bool>()), 0..8), begins in 1i64..2000,
        ) {
            let start = at(NOW);
            let messages: Vec<Waiting> = hours.iter().enumerate().map(|(index, &(earliest, later, snoozed))| {
                let earliest_at = start + chrono::TimeDelta::hours(earliest);
                let due_at = earliest_at + chrono::TimeDelta::hours(later);
                Waiting { step: format!("s{index}"), earliest_at, due_at, snoozed }
            }).collect();
            let begins = start + chrono::TimeDelta::hours(begins);
            let times = arrange(&messages, begins, start, |_| begins + chrono::TimeDelta::hours(9));
            prop_assert_eq!(times.len(), messages.len());
            for (index, time) in &times {
                prop_assert!(time.is_none_or(|time| time >= begins && time >= messages[*index].earliest_at));
            }
            let moved = times.iter().filter(|(index, time)| time.is_some() && messages[*index].turn() < begins).count();
            prop_assert!(moved <= 1);
            prop_assert_eq!(moved == 0, messages.iter().all(|message| message.turn() >= begins));
        }
    }
}
