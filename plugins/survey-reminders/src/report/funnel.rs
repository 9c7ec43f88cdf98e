//! The funnel: what became of every message and of every respondent. Each level sums to the one above.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::facts::{Facts, Respondent};
use crate::definition::{Rung, StepKind};
use crate::store::{MessageState, RespondentState};

/// Whether a respondent was written to. One holds of each, the first that is true.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// One message at least was sent.
    Written,
    /// None was, but of one nobody can tell.
    Uncertain,
    /// None was yet; one is waiting or in the outbox.
    ToCome,
    /// None was and none will be: they answered or refused by themselves.
    Unneeded,
    /// None was and none will be: what was planned was withdrawn, by them or by the organisers.
    Withdrawn,
    /// None was and none will be: no message was possible.
    Unreachable,
}

impl Contact {
    pub const ALL: [Self; 6] =
        [Self::Written, Self::Uncertain, Self::ToCome, Self::Unneeded, Self::Withdrawn, Self::Unreachable];

    fn of(respondent: &Respondent) -> Self {
        let messages = respondent.messages;
        if messages.sent > 0 {
            Self::Written
        } else if messages.unknown > 0 {
            Self::Uncertain
        } else if messages.to_come > 0 {
            Self::ToCome
        } else if matches!(respondent.state, RespondentState::Answered | RespondentState::Refused) {
            Self::Unneeded
        } else if messages.cancelled > 0 {
            Self::Withdrawn
        } else {
            Self::Unreachable
        }
    }
}

/// How far a respondent came. One holds of each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is known of an answer.
    Silent,
    /// The link was opened, nothing more is known. Only where links are counted.
    Opened,
    Started,
    /// They say themselves that they answered; the questionnaire does not.
    Declared,
    /// The questionnaire says that they answered.
    Confirmed,
    Refused,
}

impl Progress {
    pub const ALL: [Self; 6] =
        [Self::Silent, Self::Opened, Self::Started, Self::Declared, Self::Confirmed, Self::Refused];

    pub fn of(respondent: &Respondent, redirect: bool) -> Self {
        match respondent.state {
            RespondentState::Silent if redirect && respondent.opened => Self::Opened,
            RespondentState::Silent => Self::Silent,
            RespondentState::Started => Self::Started,
            RespondentState::Answered if respondent.declared => Self::Declared,
            RespondentState::Answered => Self::Confirmed,
            RespondentState::Refused => Self::Refused,
        }
    }

    pub fn is_answered(self) -> bool {
        matches!(self, Self::Declared | Self::Confirmed)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Opened => "opened",
            Self::Started => "started",
            Self::Declared => "declared",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Funnel {
    pub messages: Messages,
    pub respondents: Respondents,
}

/// Every message of the campaign, once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Messages {
    pub planned: u64,
    /// Every state, also those of none.
    pub states: BTreeMap<MessageState, InState>,
    /// In the order of the campaign file; steps that an edit took away come last.
    pub steps: Vec<InStep>,
}

#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct InState {
    pub count: u64,
    /// By the code of the reason; those without one are under the empty code.
    pub reasons: BTreeMap<String, u64>,
}

/// One step, and the answers that came after it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct InStep {
    pub step: String,
    /// `None` for a step that is no longer in the campaign file.
    pub kind: Option<StepKind>,
    pub to_organisers: bool,
    pub planned: u64,
    pub states: BTreeMap<MessageState, u64>,
    /// Respondents whose first complete answer came after a message of this step and before the next one.
    pub answers: u64,
}

/// Everybody who is to answer, once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Respondents {
    pub all: u64,
    /// By whether they were written to; every row is split by how far they came.
    pub by_contact: BTreeMap<Contact, ByProgress>,
    pub by_progress: BTreeMap<Progress, u64>,
    pub answered: u64,
    /// Whoever opened a link, however far they came after; `None` where links are not counted.
    pub opened: Option<u64>,
    /// Answers that came before any message was sent.
    pub answers_before_messages: u64,
    /// Answers of which it is not known what they came after.
    pub answers_unattributed: u64,
}

#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ByProgress {
    pub count: u64,
    pub progress: BTreeMap<Progress, u64>,
}

impl Funnel {
    pub fn of(facts: &Facts) -> Self {
        Self { messages: messages(facts), respondents: respondents(facts) }
    }

    /// What does not add up, a sentence each: nothing, or there is a fault that an operator must hear of.
    pub fn discrepancies(&self, facts: &Facts) -> Vec<String> {
        let (messages, people) = (&self.messages, &self.respondents);
        let in_respondents: u64 = facts.respondents.iter().map(|one| u64::from(one.messages.planned)).sum::<u64>()
            + facts.messages_to_organisers;
        let attributed = messages.steps.iter().map(|step| step.answers).sum::<u64>();
        let mut sums = vec![
            ("messages by state", messages.states.values().map(|state| state.count).sum(), messages.planned),
            ("messages by step", messages.steps.iter().map(|step| step.planned).sum(), messages.planned),
            ("messages by respondent", in_respondents, messages.planned),
            ("respondents by contact", people.by_contact.values().map(|row| row.count).sum(), people.all),
            ("respondents by progress", people.by_progress.values().sum(), people.all),
            ("respondents", facts.respondents.len() as u64, people.all),
            (
                "answers by step",
                attributed + people.answers_before_messages + people.answers_unattributed,
                people.answered,
            ),
        ];
        for (state, row) in &messages.states {
            sums.push(("messages by reason", row.reasons.values().sum(), row.count));
            let in_steps = messages.steps.iter().filter_map(|step| step.states.get(state)).sum();
            sums.push(("messages of a state by step", in_steps, row.count));
        }
        for step in &messages.steps {
            sums.push(("messages of a step by state", step.states.values().sum(), step.planned));
        }
        for row in people.by_contact.values() {
            sums.push(("respondents of a row by progress", row.progress.values().sum(), row.count));
        }
        for (progress, count) in &people.by_progress {
            let in_rows = people.by_contact.values().filter_map(|row| row.progress.get(progress)).sum();
            sums.push(("respondents of a column by contact", in_rows, *count));
        }
        let wrong = sums.into_iter().filter(|(_, parts, whole)| parts != whole);
        wrong.map(|(what, parts, whole)| format!("{what} sum to {parts}, and there are {whole}")).collect()
    }
}

fn messages(facts: &Facts) -> Messages {
    let known: BTreeSet<&str> = facts.steps.iter().map(|step| step.key.as_str()).collect();
    let others = facts.messages.iter().map(|message| message.step.as_str());
    let answered = facts.respondents.iter().filter_map(|one| counted_step(one));
    let removed: BTreeSet<&str> =
        others.chain(answered).filter(|step| !step.is_empty() && !known.contains(step)).collect();

    let empty = |step: &str, kind, to_organisers| InStep {
        step: step.to_owned(),
        kind,
        to_organisers,
        planned: 0,
        states: BTreeMap::new(),
        answers: 0,
    };
    let mut steps: Vec<InStep> = facts
        .steps
        .iter()
        .map(|step| empty(&step.key, Some(step.kind), step.to == Rung::Organisers))
        .chain(removed.into_iter().map(|step| empty(step, None, false)))
        .collect();
    let places: BTreeMap<String, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.step.clone(), index)).collect();

    let mut states: BTreeMap<MessageState, InState> =
        MessageState::ALL.iter().map(|state| (*state, InState::default())).collect();
    let mut planned = 0;
    for message in &facts.messages {
        planned += message.count;
        let state = states.entry(message.state).or_default();
        state.count += message.count;
        *state.reasons.entry(message.reason.clone().unwrap_or_default()).or_default() += message.count;
        if let Some(step) = places.get(&message.step).and_then(|index| steps.get_mut(*index)) {
            step.planned += message.count;
            *step.states.entry(message.state).or_default() += message.count;
        }
    }
    for respondent in &facts.respondents {
        let after = counted_step(respondent).and_then(|step| places.get(step));
        if let Some(step) = after.and_then(|index| steps.get_mut(*index)) {
            step.answers += 1;
        }
    }
    Messages { planned, states, steps }
}

/// The step that the answer of somebody who counts as answered came after; empty: before any message.
fn counted_step(respondent: &Respondent) -> Option<&str> {
    let answered = respondent.state == RespondentState::Answered;
    respondent.answered_after.as_deref().filter(|_| answered)
}

fn respondents(facts: &Facts) -> Respondents {
    let mut found = Respondents {
        all: 0,
        by_contact: Contact::ALL.into_iter().map(|contact| (contact, ByProgress::default())).collect(),
        by_progress: Progress::ALL.into_iter().map(|progress| (progress, 0)).collect(),
        answered: 0,
        opened: facts.redirect.then_some(0),
        answers_before_messages: 0,
        answers_unattributed: 0,
    };
    for respondent in &facts.respondents {
        let progress = Progress::of(respondent, facts.redirect);
        found.all += 1;
        let row = found.by_contact.entry(Contact::of(respondent)).or_default();
        row.count += 1;
        *row.progress.entry(progress).or_default() += 1;
        *found.by_progress.entry(progress).or_default() += 1;
        if let Some(opened) = found.opened.as_mut().filter(|_| respondent.opened) {
            *opened += 1;
        }
        if progress.is_answered() {
            found.answered += 1;
            match counted_step(respondent) {
                Some("") => found.answers_before_messages += 1,
                Some(_) => {}
                None => found.answers_unattributed += 1,
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::bench::{any_facts, facts, respondent};

    #[test]
    fn everybody_is_in_one_row_and_one_column() {
        let mut told = facts();
        told.redirect = true;
        let one = |key, change: &dyn Fn(&mut Respondent)| {
            let mut one = respondent(key);
            change(&mut one);
            one
        };
        told.respondents = vec![
            one(1, &|one| (one.messages.planned, one.messages.sent, one.opened) = (2, 1, true)),
            one(2, &|one| (one.messages.planned, one.messages.unknown) = (1, 1)),
            one(3, &|one| (one.messages.planned, one.messages.to_come) = (1, 1)),
            one(4, &|one| (one.state, one.declared) = (RespondentState::Answered, true)),
            one(5, &|one| (one.messages.planned, one.messages.cancelled) = (1, 1)),
            one(6, &|one| one.messages.planned = 1),
        ];
        let found = Funnel::of(&told).respondents;
        let rows: Vec<_> = found.by_contact.iter().map(|(contact, row)| (*contact, row.count)).collect();
        assert_eq!(rows, Contact::ALL.map(|contact| (contact, 1)));
        assert_eq!((found.all, found.answered, found.opened), (6, 1, Some(1)));
        assert_eq!(found.by_progress[&Progress::Opened], 1);
        assert_eq!(found.answers_unattributed, 1);
    }

    proptest! {
        #[test]
        fn every_level_sums_to_the_one_above(facts in any_facts()) {
            let funnel = Funnel::of(&facts);
            prop_assert_eq!(funnel.discrepancies(&facts), Vec::<String>::new());
        }
    }
}
