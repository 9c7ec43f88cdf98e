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
    /// Somebody of their collectivité has received a message, or is about to.
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
            RespondentState::Answered => return Err(suppressed(Reason::Answered)),
            RespondentState::Refused => return Err(suppressed(Reason::Refused)),
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

fn expired(reason: Reason) -> Decision {
    Decision::End { state: MessageState::Expired, reason }
}

/// Later, where the deadline leaves room for it.
fn later(case: &Case<'_>, due_at: DateTime<Utc>, reason: Reason) -> Decision {
    if due_at < case.deadline { Decision::Later { due_at, reason } } else { expired(Reason::AfterDeadline) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::bench::{definition, somebody};

    /// A message of `step` that was due on 5 October at 9:30 in Paris, looked at so much later.
    fn after<'t>(step: &str, late: TimeDelta, change: impl FnOnce(&mut Case<'t>, &mut PersonCase<'t>)) -> String {
        static FIXED: LazyLock<(Definition, SendingRule, ContactView)> =
            LazyLock::new(|| (definition(), SendingRule::default(), somebody(7)));
        let (definition, rule, view) = &*FIXED;
        let step = definition.step(step).unwrap();
        let due_at: DateTime<Utc> = "2026-10-05T07:30:00Z".parse().unwrap();
        let mut person = PersonCase {
            view: Some(view),
            answer: RespondentState::Silent,
            wish: None,
            snoozed_until: None,
            opened: false,
            is_reached: false,
            had: &[],
        };
        let mut case = Case {
            definition,
            step,
            deadline: definition.deadline(chrono_tz::Europe::Paris),
            time_zone: chrono_tz::Europe::Paris,
            rule,
            now: due_at + late,
            due_at,
            moved: None,
            person: None,
        };
        change(&mut case, &mut person);
        case.person = Some(person);
        shown(&decide(&case))
    }

    fn shown(decision: &Decision) -> String {
        let local = |at: &DateTime<Utc>| at.with_timezone(&chrono_tz::Europe::Paris).format("%m-%d %H:%M").to_string();
        match decision {
            Decision::Send { says_late, not_after } => {
                format!(
                    "send, not after {}{}",
                    local(not_after),
                    if *says_late { ", says that it is late" } else { "" }
                )
            }
            Decision::Later { due_at, reason } => format!("later: {}, {}", local(due_at), reason.code()),
            Decision::End { state, reason } => format!("{state}: {}", reason.code()),
        }
    }

    #[test]
    fn six_hours_of_outage_have_another_result_for_each_policy() {
        let hours = TimeDelta::hours;
        let table: Vec<String> = [TimeDelta::minutes(20), hours(6), hours(9), hours(23)]
            .into_iter()
            .flat_map(|late| {
                ["relance-commencee", "relance-1", "invitation"].map(|step| {
                    let done = after(step, late, |_, person| {
                        if step == "relance-commencee" {
                            person.answer = RespondentState::Started;
                        }
                    });
                    format!("{:>4} min late, {step}: {done}", late.num_minutes())
                })
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
          20 min late, relance-commencee: send, not after 10-05 12:30
          20 min late, relance-1: send, not after 10-05 21:30
          20 min late, invitation: send, not after 11-13 18:00
         360 min late, relance-commencee: expired: missed
         360 min late, relance-1: send, not after 10-05 21:30
         360 min late, invitation: send, not after 11-13 18:00, says that it is late
         540 min late, relance-commencee: expired: missed
         540 min late, relance-1: later: 10-06 09:00, missed
         540 min late, invitation: later: 10-06 09:00, missed
        1380 min late, relance-commencee: expired: missed
        1380 min late, relance-1: expired: missed
        1380 min late, invitation: later: 10-06 09:00, missed
        ");
        // What was late before a closed night is late after it.
        let missed = Reason::Missed { late_minutes: 540 };
        let in_the_morning = after("invitation", TimeDelta::zero(), |case, _| {
            case.moved = Some(&missed);
        });
        assert!(in_the_morning.ends_with("says that it is late"), "{in_the_morning}");
    }

    #[test]
    fn everything_is_asked_once_more_just_before() {
        let now = TimeDelta::zero;
        let on = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let unbound = bot_core::contacts::ContactView { reach: Default::default(), ..somebody(1) };
        let stopped = bot_core::contacts::ContactView { stopped: true, ..somebody(1) };
        let without_consent = bot_core::contacts::ContactView { consents: Vec::new(), ..somebody(1) };
        let reunion = bot_core::contacts::ContactView { time_zone: Some("Indian/Reunion".to_owned()), ..somebody(1) };
        let mut blocked = somebody(1);
        blocked.reach.blocked = true;
        let had_three: Vec<(StepKind, DateTime<Utc>)> =
            ["2026-09-08T07:00:00Z", "2026-09-15T07:00:00Z", "2026-09-22T07:00:00Z"]
                .map(|at| (StepKind::Reminder, on(at)))
                .to_vec();
        let had_lately = [(StepKind::Invitation, on("2026-10-02T07:00:00Z"))];
        let step = "relance-1";
        let results = [
            after(step, now(), |_, _| {}),
            after(step, now(), |_, person| person.answer = RespondentState::Answered),
            after(step, now(), |_, person| person.answer = RespondentState::Refused),
            after(step, now(), |_, person| person.answer = RespondentState::Started),
            after(step, now(), |_, person| person.wish = Some(Reason::NotMine)),
            after(step, now(), |_, person| person.snoozed_until = Some(on("2026-10-12T07:00:00Z"))),
            after(step, now(), |_, person| person.snoozed_until = Some(on("2026-12-12T07:00:00Z"))),
            after(step, now(), |_, person| person.view = None),
            after(step, now(), |_, person| person.view = Some(&unbound)),
            after(step, now(), |_, person| person.view = Some(&stopped)),
            after(step, now(), |_, person| person.view = Some(&without_consent)),
            after(step, now(), |_, person| person.view = Some(&blocked)),
            after(step, now(), |_, person| person.had = &had_three),
            after(step, now(), |_, person| person.had = &had_lately),
            // 18:20 there is after hours.
            after(step, TimeDelta::hours(7), |_, person| person.view = Some(&reunion)),
            after(step, TimeDelta::days(40), |_, _| {}),
        ];
        insta::assert_snapshot!(results.join("\n"), @r"
        send, not after 10-05 21:30
        suppressed: answered
        suppressed: refused
        suppressed: condition
        suppressed: not_mine
        later: 10-12 09:00, snoozed
        expired: after_deadline
        suppressed: gone
        suppressed: unreachable
        suppressed: stopped
        suppressed: no_consent
        suppressed: blocked
        suppressed: reminders_max
        later: 10-09 09:30, too_soon
        later: 10-06 07:00, missed
        expired: deadline
        ");
    }
}
