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
        // Whoever joined was given another time than the step's: it is theirs in every later version.
        if let Some(&approved) = candidate.waiting.get(&step.key)
            && wanted < now
            && wanted < approved
        {
            wanted = approved;
            shifts.push(Reason::Joined);
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

#[cfg(test)]
mod tests {
    use bot_core::calendar::hours::WeeklyHours;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::bench::{BAROMETER, definition};
    use crate::definition_file::parse;

    const PARIS: Tz = chrono_tz::Europe::Paris;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn candidate(number: i64, collectivite: i64, rank: u8, departement: &str) -> Candidate {
        Candidate {
            contact: Some(ContactId(Uuid::from_u128(number.unsigned_abs().into()))),
            number,
            respondent: Some(RespondentKey::Collectivite(collectivite)),
            rank,
            recipient: RecipientRule::of_person(None, Some(departement), WeeklyHours::default(), PARIS),
            barred: None,
            unreached: None,
            has_other_address: false,
            answer: RespondentState::Silent,
            is_new: true,
            past: Vec::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn organisers() -> Candidate {
        Candidate { contact: None, respondent: None, number: 0, ..candidate(0, 0, 1, "75") }
    }

    fn made<'o>(definition: &'o Definition, rule: &'o SendingRule, now: &str) -> Occasion<'o> {
        Occasion { definition, time_zone: PARIS, rule, now: at(now) }
    }

    fn shown(definition: &Definition, candidates: &[Candidate], plan: &Plan) -> String {
        let lines = plan.in_order_of_time().into_iter().map(|line| {
            let candidate = &candidates[line.candidate];
            let step = &definition.steps[line.step].key;
            match &line.verdict {
                Verdict::Planned { earliest, shifts } => {
                    let local = earliest.with_timezone(&candidate.recipient.time_zone);
                    let shifts: Vec<String> = shifts.iter().map(Reason::code).collect();
                    format!("{} {} {step} {}", local.format("%a %m-%d %H:%M %:z"), candidate.number, shifts.join(" "))
                }
                Verdict::Suppressed(reason) => format!("- {} {step} {}", candidate.number, reason.code()),
            }
        });
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_plan_shows_every_message_and_every_one_that_there_is_not() {
        let (definition, rule) = (definition(), SendingRule::default());
        let mut late = candidate(5, 12, 1, "44");
        late.barred = Some(Reason::NoConsent);
        let candidates = [
            candidate(1, 10, 1, "44"),
            candidate(2, 10, 2, "44"),
            candidate(3, 11, 1, "974"),
            candidate(4, 13, 4, "988"),
            late,
            organisers(),
        ];
        let plan = plan(made(&definition, &rule, "2026-09-01T08:00:00Z"), &candidates);
        insta::assert_snapshot!(shown(&definition, &candidates, &plan), @r"
        Tue 09-08 09:00 +11:00 4 invitation
        Tue 09-08 09:00 +04:00 3 invitation
        Tue 09-08 09:00 +02:00 1 invitation
        Mon 10-05 09:30 +11:00 4 relance-1
        Mon 10-05 10:00 +11:00 4 relance-commencee
        Mon 10-05 09:30 +04:00 3 relance-1
        Mon 10-05 10:00 +04:00 3 relance-commencee
        Mon 10-05 09:30 +02:00 1 relance-1
        Mon 10-05 09:30 +02:00 2 relance-1
        Mon 10-05 10:00 +02:00 1 relance-commencee
        Mon 10-05 10:00 +02:00 2 relance-commencee
        Fri 10-30 09:00 +01:00 2 adjoint
        Fri 11-06 09:00 +01:00 0 silence calendar
        Tue 11-10 09:00 +11:00 4 derniere
        Tue 11-10 09:00 +04:00 3 derniere
        Tue 11-10 09:00 +01:00 1 derniere
        - 1 adjoint not_addressed
        - 1 silence not_addressed
        - 2 invitation not_addressed
        - 2 silence not_addressed
        - 2 derniere not_addressed
        - 3 adjoint not_addressed
        - 3 silence not_addressed
        - 4 adjoint not_addressed
        - 4 silence not_addressed
        - 5 invitation no_consent
        - 5 relance-1 no_consent
        - 5 relance-commencee no_consent
        - 5 adjoint not_addressed
        - 5 silence not_addressed
        - 5 derniere no_consent
        - 0 invitation not_addressed
        - 0 relance-1 not_addressed
        - 0 relance-commencee not_addressed
        - 0 adjoint not_addressed
        - 0 derniere not_addressed
        ");
        let totals = plan.totals(&definition, &candidates);
        assert_eq!((totals.lines, totals.people, totals.respondents), (36, 5, 3));
        assert_eq!(totals.planned + totals.suppressed, totals.lines);
    }

    /// Somebody's time that was approved is not moved into the past by an edit of other words.
    #[test]
    fn a_late_joiner_keeps_their_time_when_the_campaign_is_edited() {
        let (definition, rule) = (definition(), SendingRule::default());
        let mut joined = candidate(1, 10, 1, "44");
        joined.is_new = false;
        joined.waiting.insert("invitation".parse().unwrap(), at("2026-10-12T07:00:00Z"));
        let candidates = [joined];
        let plan = plan(made(&definition, &rule, "2026-10-10T10:00:00Z"), &candidates);
        let shown = shown(&definition, &candidates, &plan);
        assert!(shown.contains("Mon 10-12 09:00 +02:00 1 invitation joined"), "{shown}");
    }

    #[test]
    fn whoever_joins_later_is_invited_and_not_reminded_of_it() {
        let (definition, rule) = (definition(), SendingRule::default());
        let mut waits = candidate(2, 11, 1, "44");
        waits.is_new = false;
        waits.waiting.insert("relance-1".parse().unwrap(), at("2026-10-05T07:30:00Z"));
        let mut had = candidate(3, 12, 1, "44");
        had.is_new = false;
        let kind = StepKind::Invitation;
        had.past.push(Past { step: "invitation".parse().unwrap(), kind, at: Some(at("2026-11-05T08:00:00Z")) });
        let candidates = [candidate(1, 10, 1, "44"), waits, had];
        // A Friday evening in October, after the first reminder.
        let plan = plan(made(&definition, &rule, "2026-10-09T19:00:00Z"), &candidates);
        insta::assert_snapshot!(shown(&definition, &candidates, &plan), @r"
        Mon 10-05 09:30 +02:00 2 relance-1
        Mon 10-12 09:00 +02:00 1 invitation joined calendar
        Tue 11-10 09:00 +01:00 1 derniere
        Tue 11-10 09:00 +01:00 2 derniere
        Thu 11-12 09:00 +01:00 3 derniere too_soon
        - 1 relance-1 over
        - 1 relance-commencee over
        - 1 adjoint not_addressed
        - 1 silence not_addressed
        - 2 invitation over
        - 2 relance-commencee over
        - 2 adjoint not_addressed
        - 2 silence not_addressed
        - 3 invitation had
        - 3 relance-1 over
        - 3 relance-commencee over
        - 3 adjoint not_addressed
        - 3 silence not_addressed
        ");
    }

    /// 60,000 people in 36,000 collectivités, five steps and the organisers.
    #[test]
    fn a_whole_country_is_planned_in_seconds() {
        let (definition, rule) = (definition(), SendingRule::default());
        let people = (1..=60_000).map(|number| candidate(number, number % 36_000, u8::from(number > 36_000) + 1, "44"));
        let candidates: Vec<Candidate> = people.chain(std::iter::once(organisers())).collect();
        let plan = plan(made(&definition, &rule, "2026-09-01T08:00:00Z"), &candidates);
        let totals = plan.totals(&definition, &candidates);
        assert_eq!(totals.lines, 60_001 * 6);
        assert_eq!((totals.people, totals.respondents), (60_001, 36_000));
        // Invitation and last reminder to the first, both conditional reminders to all, the deputies, the organisers.
        assert_eq!(totals.planned, 2 * 36_000 + 2 * 60_000 + 24_000 + 1);
        assert_eq!(totals.days.values().sum::<usize>(), totals.planned);
    }

    prop_compose! {
        fn any_candidate()(
            number in 1i64..1000, collectivite in 0i64..4, rank in 1u8..4,
            departement in prop::sample::select(vec!["44", "67", "2A", "971", "974", "976", "987", "988"]),
            barred in prop::option::weighted(0.1, Just(Reason::NoConsent)),
            unreached in prop::option::weighted(0.2, Just(Reason::Unreachable)),
            quiet in prop::option::of(prop::sample::select(vec!["mon-fri 09:00-11:00", "sat-sun 00:00-24:00", "fri 12:00-24:00"])),
            has_other_address: bool,
            answer in prop::sample::select(RespondentState::ALL),
            past in prop::option::of((0usize..6, -40i64..60)),
        ) -> Candidate {
            let mut candidate = candidate(number, collectivite, rank, departement);
            let quiet: WeeklyHours = quiet.map(|hours| hours.parse().unwrap()).unwrap_or_default();
            candidate.recipient = RecipientRule::of_person(None, Some(departement), quiet, PARIS);
            candidate.barred = barred;
            candidate.unreached = unreached;
            candidate.has_other_address = has_other_address;
            candidate.answer = answer;
            if let Some((step, days)) = past {
                let step = &definition().steps[step];
                let when = at("2026-09-20T09:00:00Z") + chrono::TimeDelta::days(days);
                candidate.is_new = false;
                candidate.past.push(Past { step: step.key.clone(), kind: step.kind, at: Some(when) });
            }
            candidate
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn no_plan_writes_too_often_too_early_twice_or_out_of_hours(
            mut candidates in prop::collection::vec(any_candidate(), 1..12),
            reminders_max in 2u8..4, days_between in 1u8..15,
            organisation in prop::option::of(prop::sample::select(vec!["mon-fri 08:00-20:00", "mon-thu 10:00-12:00, 14:00-17:00"])),
            now in 0i64..70,
        ) {
            candidates.sort_by_key(|candidate| candidate.number);
            candidates.dedup_by_key(|candidate| candidate.number);
            let source = BAROMETER
                .replace("reminders_max = 3", &format!("reminders_max = {reminders_max}"))
                .replace("days_between_min = 7", "days_between_min = 1");
            let mut definition = parse(&source).unwrap();
            // Wider than a file may say for these steps: the plan has to make room.
            definition.days_between_min = days_between;
            let hours = organisation.map(|hours| hours.parse().unwrap());
            let rule = SendingRule { hours, ..SendingRule::default() };
            let now = at("2026-08-30T09:00:00Z") + chrono::TimeDelta::days(now);
            let occasion = Occasion { definition: &definition, time_zone: PARIS, rule: &rule, now };
            let made = plan(occasion, &candidates);
            prop_assert_eq!(&made, &plan(occasion, &candidates));
            let totals = made.totals(&definition, &candidates);
            prop_assert_eq!(totals.planned + totals.suppressed, candidates.len() * definition.steps.len());
            let suppressed: usize = totals.steps.iter().flat_map(|step| step.suppressions.values()).sum();
            prop_assert_eq!(suppressed, totals.suppressed);
            prop_assert_eq!(totals.days.values().sum::<usize>(), totals.planned);
            let mut seen = BTreeSet::new();
            for line in &made.lines {
                prop_assert!(seen.insert((line.candidate, line.step)));
            }
            let rules = Rules { organisation: &rule, sender: Some(&definition.sending) };
            for (index, candidate) in candidates.iter().enumerate() {
                for progress in Progress::ALL {
                    let lines = made.lines.iter().filter(|line| line.candidate == index);
                    let theirs: Vec<(&Step, DateTime<Utc>)> = lines
                        .filter_map(|line| match &line.verdict {
                            Verdict::Planned { earliest, .. } => Some((&definition.steps[line.step], *earliest)),
                            Verdict::Suppressed(_) => None,
                        })
                        .filter(|(step, _)| progress.meets(step.only_if))
                        .collect();
                    let zone = candidate.recipient.time_zone;
                    let mut all: Vec<(StepKind, DateTime<Utc>)> =
                        candidate.past.iter().filter_map(|past| past.at.map(|at| (past.kind, at))).collect();
                    let past = all.len();
                    all.extend(theirs.iter().map(|(step, at)| (step.kind, *at)));
                    let reminders = theirs.iter().filter(|(step, _)| step.kind == StepKind::Reminder).count();
                    let had_reminders = all.iter().filter(|(kind, _)| *kind == StepKind::Reminder).count();
                    prop_assert!(reminders == 0 || had_reminders <= reminders_max.into());
                    for (step, at) in &theirs {
                        prop_assert!(candidate.barred.is_none());
                        prop_assert!(*at >= definition.opens_at(PARIS) && *at < definition.deadline(PARIS));
                        prop_assert!(day_in(*at, zone) >= step.day(&definition));
                        let fits = sending_time(*at, rules, &candidate.recipient, &[]).unwrap();
                        prop_assert_eq!(fits.at, *at);
                    }
                    for (later, (_, one)) in all.iter().enumerate().skip(past) {
                        for (_, other) in &all[..later] {
                            let days = (day_in(*one, zone) - day_in(*other, zone)).num_days().abs();
                            prop_assert!(days >= days_between.into(), "{days} days");
                        }
                    }
                }
            }
        }
    }
}
