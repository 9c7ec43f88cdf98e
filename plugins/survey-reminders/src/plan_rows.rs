//! A plan as people and programs read it: a row for every (step, person), in the order of time.

use bot_core::Locale;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::approval::Proposal;
use crate::plan::Verdict;
use crate::reason::Reason;

/// One message of a plan, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlanRow<'p> {
    pub step: &'p str,
    /// The contact's number; 0 for the organisers.
    pub contact: i64,
    pub name: Option<&'p str>,
    pub collectivite: Option<&'p str>,
    /// `planned`, `if_reached` (they cannot be written to yet), or `suppressed`.
    pub verdict: &'static str,
    /// The day on their clocks, `2026-10-05`; empty when there is no message.
    pub date: String,
    /// The hour on their clocks, `09:30`.
    pub hour: String,
    /// Their zone.
    pub zone: &'static str,
    pub earliest: Option<DateTime<Utc>>,
    /// Why it is later than the step says, or is not.
    pub reasons: Vec<String>,
    /// The same as stable names.
    pub codes: Vec<String>,
}

/// Every row of a proposal, made one at a time: a plan may hold hundreds of thousands.
pub fn rows(proposal: &Proposal, locale: Locale) -> impl Iterator<Item = PlanRow<'_>> {
    proposal.plan.in_order_of_time().into_iter().map(move |line| {
        let candidate = &proposal.people.candidates[line.candidate];
        let facts = &proposal.people.facts[line.candidate];
        let zone = candidate.recipient.time_zone;
        let (earliest, reasons) = match &line.verdict {
            Verdict::Planned { earliest, shifts } => {
                (Some(*earliest), shifts.iter().chain(&candidate.unreached).collect::<Vec<&Reason>>())
            }
            Verdict::Suppressed(reason) => (None, vec![reason]),
        };
        let local = earliest.map(|earliest| earliest.with_timezone(&zone).naive_local());
        let shown = |format| local.map(|local| local.format(format).to_string()).unwrap_or_default();
        PlanRow {
            step: proposal.campaign.definition.steps[line.step].key.as_str(),
            contact: candidate.number,
            name: facts.name.as_deref(),
            collectivite: facts.collectivite.as_ref().map(|collectivite| collectivite.name.as_str()),
            verdict: match (earliest, &candidate.unreached) {
                (None, _) => "suppressed",
                (Some(_), Some(_)) => "if_reached",
                (Some(_), None) => "planned",
            },
            date: shown("%Y-%m-%d"),
            hour: shown("%H:%M"),
            zone: zone.name(),
            earliest,
            reasons: reasons.iter().map(|reason| reason.words(locale)).collect(),
            codes: reasons.iter().map(|reason| reason.code()).collect(),
        }
    })
}
