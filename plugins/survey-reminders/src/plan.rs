//! The whole campaign down to the single message, as a pure function: definition, people and calendar in, every
//! (step, person) out, with the time of its message and each reason for waiting, or why there is none.
//!
//! The same inputs give the same plan, so that a plan which somebody read is the one that is approved.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::ContactId;
use bot_core::calendar::resolve_local;
use bot_core::calendar::sending::{RecipientRule, Rules, SendingRule, sending_time};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::definition::{Definition, OnlyIf, Rung, Step, StepKey, StepKind};
use crate::ladder::{Place, Progress};
use crate::reason::Reason;
use crate::store::{RespondentKey, RespondentState};

/// Somebody the campaign may write to, as far as its plan depends on them.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// `None`: the organisers, all together.
    pub contact: Option<ContactId>,
    /// The contact's plain handle; 0 for the organisers.
    pub number: i64,
    /// `None` for the organisers, who answer nothing.
    pub respondent: Option<RespondentKey>,
    /// Within their collectivité.
    pub rank: u8,
    pub recipient: RecipientRule,
    /// Why nothing may go to them at all, if so.
    pub barred: Option<Reason>,
    /// They cannot be written to yet: what is planned for them goes out if that has changed by then.
    pub unreached: Option<Reason>,
    /// They agreed to be reminded at a second address.
    pub has_other_address: bool,
    pub answer: RespondentState,
    /// They were in no earlier approval of this campaign.
    pub is_new: bool,
    /// Messages of this campaign that were settled or are in the outbox.
    pub past: Vec<Past>,
    /// Messages that wait, with the time from which they were approved.
    pub waiting: BTreeMap<StepKey, DateTime<Utc>>,
}

/// A message that was planned before and is no longer waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    pub step: StepKey,
    pub kind: StepKind,
    /// When it went out, or is about to; `None`: it did not.
    pub at: Option<DateTime<Utc>>,
}

/// What a plan is made with beside people.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'o> {
    pub definition: &'o Definition,
    /// The organisation's zone, and its rule of hours.
    pub time_zone: Tz,
    pub rule: &'o SendingRule,
    /// Steps that were over by now are not planned. Whole days count, so that a plan holds until the evening.
    pub now: DateTime<Utc>,
}

/// What becomes of one step for one person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Index of the candidate.
    pub candidate: usize,
    /// Index of the step in the definition.
    pub step: usize,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Planned {
        /// Nothing goes out before.
        earliest: DateTime<Utc>,
        /// Why it is later than the step says; empty when it is not.
        shifts: Vec<Reason>,
    },
    Suppressed(Reason),
}

/// Every (step, person) of a campaign, once: people as given, steps in the order of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub lines: Vec<Line>,
}

/// Plans a campaign for everybody.
pub fn plan(occasion: Occasion<'_>, candidates: &[Candidate]) -> Plan {
    let Occasion { definition, time_zone, .. } = occasion;
    let mut ranks: BTreeMap<RespondentKey, BTreeSet<u8>> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| !is_excluded(candidate)) {
        if let Some(respondent) = candidate.respondent {
            ranks.entry(respondent).or_default().insert(candidate.rank);
        }
    }
    let mut order: Vec<usize> = (0..definition.steps.len()).collect();
    order.sort_by_key(|&step| definition.steps[step].local_time(definition));
    let bounds = Bounds { opens_at: definition.opens_at(time_zone), deadline: definition.deadline(time_zone) };
    let nobody = BTreeSet::new();
    let mut lines = Vec::with_capacity(candidates.len() * order.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let place = match candidate.respondent {
            None => Place::Organiser,
            Some(RespondentKey::Person(_)) => Place::First,
            Some(respondent) => Place::of(candidate.rank, ranks.get(&respondent).unwrap_or(&nobody)),
        };
        let mut ladder = Ladder::new(occasion, bounds, candidate, place);
        lines.extend(order.iter().map(|&step| {
            let verdict = ladder.climb(&definition.steps[step]);
            Line { candidate: index, step, verdict }
        }));
    }
    Plan { lines }
}

fn is_excluded(candidate: &Candidate) -> bool {
    matches!(candidate.barred, Some(Reason::Excluded { .. }))
}

#[derive(Clone, Copy)]
struct Bounds {
    opens_at: DateTime<Utc>,
    deadline: DateTime<Utc>,
}

/// One person's way through the steps.
struct Ladder<'p> {
    occasion: Occasion<'p>,
    bounds: Bounds,
    candidate: &'p Candidate,
    place: Place,
    /// What they will have had by each progress of their answer.
    had: [Had; 2],
    /// An invitation that was over when they joined is made up for, once.
    made_up: bool,
}

#[derive(Clone, Default)]
struct Had {
    reminders: u8,
    /// The times of their messages, in no order.
    at: Vec<DateTime<Utc>>,
}

impl<'p> Ladder<'p> {
    fn new(occasion: Occasion<'p>, bounds: Bounds, candidate: &'p Candidate, place: Place) -> Self {
        let out = candidate.past.iter().filter(|past| past.at.is_some());
        let reminders = out.clone().filter(|past| past.kind == StepKind::Reminder).count();
        let had =
            Had { reminders: u8::try_from(reminders).unwrap_or(u8::MAX), at: out.filter_map(|past| past.at).collect() };
        Self { occasion, bounds, candidate, place, had: [had.clone(), had], made_up: false }
    }

    fn climb(&mut self, step: &Step) -> Verdict {
        match self.try_climb(step) {
            Ok((earliest, shifts)) => {
                for had in self.affected(step.only_if) {
                    let had = &mut self.had[had];
                    had.reminders = had.reminders.saturating_add(u8::from(step.kind == StepKind::Reminder));
                    had.at.push(earliest);
                }
                Verdict::Planned { earliest, shifts }
            }
            Err(reason) => Verdict::Suppressed(reason),
        }
    }

    /// Which progress the step may meet.
    fn affected(&self, condition: Option<OnlyIf>) -> impl Iterator<Item = usize> + use<> {
        Progress::ALL.into_iter().enumerate().filter(move |(_, progress)| progress.meets(condition)).map(|(at, _)| at)
    }

    fn try_climb(&mut self, step: &Step) -> Result<(DateTime<Utc>, Vec<Reason>), Reason> {
        let Occasion { definition, now, .. } = self.occasion;
        let candidate = self.candidate;
        if let Some(barred) = candidate.barred.as_ref().filter(|_| is_excluded(candidate)) {
            return Err(barred.clone());
        }
        if !self.place.is_addressed_by(step.to) {
            return Err(Reason::NotAddressed);
        }
        if candidate.past.iter().any(|past| past.step == step.key) {
            return Err(Reason::Had);
        }
        if let Some(barred) = &candidate.barred {
            return Err(barred.clone());
        }
        match candidate.answer {
            RespondentState::Answered => return Err(Reason::Answered),
            RespondentState::Refused => return Err(Reason::Refused),
            RespondentState::Silent | RespondentState::Started => {}
        }
        if step.to == Rung::OtherAddress && candidate.unreached.is_none() && !candidate.has_other_address {
            return Err(Reason::NoOtherAddress);
        }
        let most = definition.reminders_max;
        if step.kind == StepKind::Reminder
            && self.place != Place::Organiser
            && self.affected(step.only_if).any(|had| self.had[had].reminders >= most)
        {
            return Err(Reason::RemindersMax { reminders_max: most });
        }
        let mut shifts = Vec::new();
        let zone = candidate.recipient.time_zone;
        let mut wanted = resolve_local(step.local_time(definition), zone);
        if wanted < self.bounds.opens_at {
            wanted = self.bounds.opens_at;
            shifts.push(Reason::BeforeOpening);
        }
        // What waits already is late, not over: its misfire policy says what becomes of it.
        if wanted < now && !candidate.waiting.contains_key(&step.key) {
            // Whoever joins later is invited all the same, but not reminded of what they never heard of.
            let joins = candidate.waiting.is_empty() && candidate.past.iter().all(|past| past.at.is_none());
            if step.kind != StepKind::Invitation || !joins || self.made_up {
                return Err(Reason::Over);
            }
            let tomorrow = day_in(now, zone) + Days::new(1);
            wanted = resolve_local(tomorrow.and_time(step.hour), zone);
            shifts.push(Reason::Joined);
        }
        let (earliest, more) = self.fit(step, wanted)?;
        shifts.extend(more);
        self.made_up |= shifts.contains(&Reason::Joined);
        Ok((earliest, shifts))
    }

    /// The first time from `wanted` on that keeps the days between two messages and the calendar.
    fn fit(&self, step: &Step, wanted: DateTime<Utc>) -> Result<(DateTime<Utc>, Vec<Reason>), Reason> {
        let definition = self.occasion.definition;
        let zone = self.candidate.recipient.time_zone;
        let rules = Rules { organisation: self.occasion.rule, sender: Some(&definition.sending) };
        let mut at = wanted;
        let mut shifts = Vec::new();
        let had: Vec<DateTime<Utc>> = {
            let all = self.affected(step.only_if).flat_map(|had| self.had[had].at.iter().copied());
            all.collect::<BTreeSet<_>>().into_iter().collect()
        };
        // Each round moves it past a message or a closed day, so it ends.
        loop {
            let before = at;
            if let Some(day) = day_after_gap(&had, day_in(at, zone), zone, definition.days_between_min) {
                at = resolve_local(day.and_time(step.hour), zone);
                note(&mut shifts, Reason::TooSoon { days: definition.days_between_min });
            }
            if at >= self.bounds.deadline {
                return Err(Reason::AfterDeadline);
            }
            let time = sending_time(at, rules, &self.candidate.recipient, &had).map_err(|_| Reason::Never)?;
            at = time.at;
            time.reasons.into_iter().for_each(|why| note(&mut shifts, why.into()));
            if at >= self.bounds.deadline {
                return Err(Reason::AfterDeadline);
            }
            if at == before {
                return Ok((at, shifts));
            }
        }
    }
}

fn note(shifts: &mut Vec<Reason>, reason: Reason) {
    if !shifts.contains(&reason) {
        shifts.push(reason);
    }
}

/// The day that clocks in `zone` show.
pub(crate) fn day_in(moment: DateTime<Utc>, zone: Tz) -> NaiveDate {
    moment.with_timezone(&zone).date_naive()
}

/// The first day from `day` on that is `days` or more after and before every message had; `None` when `day` is it.
pub(crate) fn day_after_gap(had: &[DateTime<Utc>], day: NaiveDate, zone: Tz, days: u8) -> Option<NaiveDate> {
    let mut fit = day;
    let mut taken: Vec<NaiveDate> = had.iter().map(|&at| day_in(at, zone)).collect();
    taken.sort_unstable();
    for taken in taken {
        if (fit - taken).num_days().abs() < i64::from(days) {
            fit = taken + Days::new(days.into());
        }
    }
    (fit != day).then_some(fit)
}

/// How many messages of each step go out, and why the others do not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Totals {
    /// Every (step, person): planned and suppressed together.
    pub lines: usize,
    pub planned: usize,
    /// Of these, for people who cannot be written to yet: they go out if that has changed by then.
    pub if_reached: usize,
    pub suppressed: usize,
    /// People with a message at least.
    pub people: usize,
    /// Collectivités, and persons who work for none, with a message at least.
    pub respondents: usize,
    pub steps: Vec<StepTotals>,
    /// Messages by day, on the recipients' clocks.
    pub days: BTreeMap<NaiveDate, usize>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StepTotals {
    pub step: StepKey,
    pub planned: usize,
    pub if_reached: usize,
    pub suppressed: usize,
    /// By the reason's code.
    pub shifts: BTreeMap<String, usize>,
    pub suppressions: BTreeMap<String, usize>,
}

impl Plan {
    pub fn totals(&self, definition: &Definition, candidates: &[Candidate]) -> Totals {
        let empty = |step: &Step| StepTotals {
            step: step.key.clone(),
            planned: 0,
            if_reached: 0,
            suppressed: 0,
            shifts: BTreeMap::new(),
            suppressions: BTreeMap::new(),
        };
        let mut steps: Vec<StepTotals> = definition.steps.iter().map(empty).collect();
        let mut days = BTreeMap::new();
        let (mut people, mut respondents) = (BTreeSet::new(), BTreeSet::new());
        for line in &self.lines {
            let step = &mut steps[line.step];
            let candidate = &candidates[line.candidate];
            match &line.verdict {
                Verdict::Planned { earliest, shifts } => {
                    step.planned += 1;
                    step.if_reached += usize::from(candidate.unreached.is_some());
                    for shift in shifts {
                        *step.shifts.entry(shift.code()).or_default() += 1;
                    }
                    *days.entry(day_in(*earliest, candidate.recipient.time_zone)).or_default() += 1;
                    people.insert(line.candidate);
                    respondents.extend(candidate.respondent);
                }
                Verdict::Suppressed(reason) => {
                    step.suppressed += 1;
                    *step.suppressions.entry(reason.code()).or_default() += 1;
                }
            }
        }
        let sum = |of: fn(&StepTotals) -> usize| steps.iter().map(of).sum();
        Totals {
            lines: self.lines.len(),
            planned: sum(|step| step.planned),
            if_reached: sum(|step| step.if_reached),
            suppressed: sum(|step| step.suppressed),
            people: people.len(),
            respondents: respondents.len(),
            steps,
            days,
        }
    }

    /// The lines in the order in which messages go out, then those without one.
    pub fn in_order_of_time(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| match &line.verdict {
            Verdict::Planned { earliest, .. } => (false, Some(*earliest)),
            Verdict::Suppressed(_) => (true, None),
        });
        lines
    }
}
