//! Whether a message that is due goes out now, later, or not at all: everything is asked once more, just before.

use bot_core::calendar::resolve_local;
use bot_core::calendar::sending::{Rules, SendingRule, sending_time};
use bot_core::contacts::ContactView;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::candidates::{has_other_address, recipient_rule, standing};
use crate::definition::{Definition, Misfire, OnlyIf, Rung, Step, StepKind};
use crate::plan::{day_after_gap, day_in};
use crate::reason::Reason;
use crate::store::{MessageState, RespondentState};

/// A step with the policy `skip` still goes out when it is this little late: nobody is punctual to the minute.
pub const SKIP_GRACE: TimeDelta = TimeDelta::minutes(30);
/// From here on a late message says that it is.
const LATE_FROM: TimeDelta = TimeDelta::hours(1);
/// How long a message that may not be late may stand in the outbox: our own pace takes its time with 60,000.
const SKIP_OUTBOX: TimeDelta = TimeDelta::hours(3);

/// A message that is due, and all that its going out depends on.
#[derive(Clone, Debug)]
pub struct Case<'c> {
    pub definition: &'c Definition,
    pub step: &'c Step,
    pub deadline: DateTime<Utc>,
    /// The organisation's zone, and its rule of hours.
    pub time_zone: Tz,
    pub rule: &'c SendingRule,
    pub now: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// Why it was moved to `due_at`.
    pub moved: Option<&'c Reason>,
    /// `None`: the organisers.
    pub person: Option<PersonCase<'c>>,
}

/// Somebody who is to answer, as they are now.
#[derive(Clone, Debug)]
pub struct PersonCase<'c> {
    /// `None`: no longer a contact.
    pub view: Option<&'c ContactView>,
    pub answer: RespondentState,
    /// Why they want nothing more of this campaign.
    pub wish: Option<Reason>,
    pub snoozed_until: Option<DateTime<Utc>>,
    /// They opened the link.
    pub opened: bool,
    /// Somebody of their collectivité has received a message.
    pub is_reached: bool,
    /// What went out to them, or is about to, in this campaign.
    pub had: &'c [(StepKind, DateTime<Utc>)],
}

/// What becomes of a message that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    Send { says_late: bool, not_after: DateTime<Utc> },
    Later { due_at: DateTime<Utc>, reason: Reason },
    End { state: MessageState, reason: Reason },
}

/// Decides.
pub fn decide(case: &Case<'_>) -> Decision {
    match try_decide(case) {
        Ok(decision) | Err(decision) => decision,
    }
}

fn suppressed(reason: Reason) -> Decision {
    Decision::End { state: MessageState::Suppressed, reason }
}

fn try_decide(case: &Case<'_>) -> Result<Decision, Decision> {
    if let Some(person) = &case.person {
        match person.answer {
            RespondentState::Answered => return Err(cancelled(Reason::Answered)),
            RespondentState::Refused => return Err(cancelled(Reason::Refused)),
            RespondentState::Silent | RespondentState::Started => {}
        }
        if let Some(wish) = &person.wish {
            return Err(suppressed(wish.clone()));
        }
    }
    if case.now >= case.deadline {
        return Err(expired(Reason::Deadline));
    }
    if let Some(until) = case.person.as_ref().and_then(|person| person.snoozed_until).filter(|until| *until > case.now)
    {
        return Err(later(case, until, Reason::Snoozed { until }));
    }
    let late = case.now - case.due_at;
    let missed = Reason::Missed { late_minutes: late.num_minutes() };
    let is_missed = match case.step.misfire {
        Misfire::Skip => late > SKIP_GRACE,
        Misfire::SendIfWithinHours(hours) => late > TimeDelta::hours(hours.into()),
        Misfire::SendLate => false,
    };
    if is_missed {
        return Err(expired(missed));
    }
    let recipient = match &case.person {
        Some(person) => {
            let view = reachable(case, person)?;
            wanted(case, person)?;
            recipient_rule(view, case.time_zone)
        }
        None => crate::candidates::organisers_rule(case.definition.zone(case.time_zone)),
    };
    let had: Vec<DateTime<Utc>> = case.person.iter().flat_map(|person| person.had.iter().map(|(_, at)| *at)).collect();
    let zone = recipient.time_zone;
    let days = case.definition.days_between_min;
    if let Some(day) = day_after_gap(&had, day_in(case.now, zone), zone, days) {
        return Err(later(case, resolve_local(day.and_time(case.step.hour), zone), Reason::TooSoon { days }));
    }
    let rules = Rules { organisation: case.rule, sender: Some(&case.definition.sending) };
    let time = sending_time(case.now, rules, &recipient, &had).map_err(|_| suppressed(Reason::Never))?;
    // What was late before the calendar moved it stays late.
    let is_late = late > LATE_FROM || matches!(case.moved, Some(Reason::Missed { .. }));
    if time.at > case.now {
        let why = time.reasons.into_iter().next().map_or(Reason::Postponed, Reason::from);
        return Err(later(case, time.at, if is_late { missed } else { why }));
    }
    let not_after = match case.step.misfire {
        Misfire::Skip => case.due_at + SKIP_OUTBOX,
        Misfire::SendIfWithinHours(hours) => case.due_at + TimeDelta::hours(hours.into()).max(SKIP_OUTBOX),
        Misfire::SendLate => case.deadline,
    };
    let says_late = is_late && case.step.misfire == Misfire::SendLate;
    Ok(Decision::Send { says_late, not_after: not_after.min(case.deadline) })
}

/// Whether they can be written to at all.
fn reachable<'c>(case: &Case<'c>, person: &PersonCase<'c>) -> Result<&'c ContactView, Decision> {
    let Some(view) = person.view else { return Err(suppressed(Reason::Gone)) };
    let (barred, unreached) = standing(view);
    if let Some(reason) = barred.or(unreached) {
        return Err(suppressed(reason));
    }
    if case.step.to == Rung::OtherAddress && !has_other_address(view) {
        return Err(suppressed(Reason::NoOtherAddress));
    }
    Ok(view)
}

/// Whether the step is for somebody in their state, who had what they had.
fn wanted(case: &Case<'_>, person: &PersonCase<'_>) -> Result<(), Decision> {
    if let Some(only_if) = case.step.only_if {
        let is_met = match only_if {
            OnlyIf::NotStarted => person.answer == RespondentState::Silent,
            OnlyIf::Started => person.answer == RespondentState::Started,
            OnlyIf::NotOpened => !person.opened,
            OnlyIf::Unreachable => !person.is_reached,
        };
        if !is_met {
            return Err(suppressed(Reason::Condition { only_if }));
        }
    }
    let reminders = person.had.iter().filter(|(kind, _)| *kind == StepKind::Reminder).count();
    let reminders_max = case.definition.reminders_max;
    if case.step.kind == StepKind::Reminder && reminders >= reminders_max.into() {
        return Err(suppressed(Reason::RemindersMax { reminders_max }));
    }
    Ok(())
}

fn cancelled(reason: Reason) -> Decision {
    Decision::End { state: MessageState::Cancelled, reason }
}

fn expired(reason: Reason) -> Decision {
    Decision::End { state: MessageState::Expired, reason }
}

/// Later, where the deadline leaves room for it.
fn later(case: &Case<'_>, due_at: DateTime<Utc>, reason: Reason) -> Decision {
    if due_at < case.deadline { Decision::Later { due_at, reason } } else { expired(Reason::AfterDeadline) }
}
