//! Counting ballots: pure and deterministic, so that anyone recounts the same figures from the same ballots.

use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Answers};
use crate::definition::{Definition, QuestionKind};

/// The counts of a consultation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tally {
    pub ballots: u64,
    /// One a question, in their order.
    pub questions: Vec<QuestionTally>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuestionTally {
    /// Ballots that answer this question: the base of its percentages.
    pub answered: u64,
    /// How many chose each option or step, in their order; empty for free texts. With several choices allowed they
    /// add up to more than `answered`.
    pub counts: Vec<u64>,
}

impl Tally {
    /// Counts `ballots`. An answer that does not fit its question is not counted.
    pub fn of<'b>(definition: &Definition, ballots: impl IntoIterator<Item = &'b Answers>) -> Self {
        let empty = |kind: &QuestionKind| QuestionTally { answered: 0, counts: vec![0; kind.labels().len()] };
        let mut tally =
            Self { ballots: 0, questions: definition.questions.iter().map(|question| empty(&question.kind)).collect() };
        for ballot in ballots {
            tally.ballots += 1;
            for (index, (question, counted)) in definition.questions.iter().zip(&mut tally.questions).enumerate() {
                let Some(answer) = ballot.get(index).filter(|answer| answer.fits(question)) else { continue };
                counted.answered += 1;
                let chosen: &[u8] = match answer {
                    Answer::Single(option) | Answer::Rating(option) => std::slice::from_ref(option),
                    Answer::Multiple(options) => options,
                    Answer::Text(_) | Answer::TextApart => &[],
                };
                for &option in chosen {
                    if let Some(count) = counted.counts.get_mut(usize::from(option)) {
                        *count += 1;
                    }
                }
            }
        }
        tally
    }
}

impl QuestionTally {
    /// The mean step of a scale in hundredths, counting steps from 1, rounded half up. `None` without an answer.
    pub fn mean_hundredths(&self) -> Option<u64> {
        let total: u64 = self.counts.iter().sum();
        let weighted: u64 = self.counts.iter().zip(1u64..).map(|(count, step)| count * step).sum();
        (total > 0).then(|| (weighted * 200 + total) / (total * 2))
    }

    /// Twice the median step of a scale, counting steps from 1: 7 is half-way between steps 3 and 4. `None` without
    /// an answer.
    pub fn median_halves(&self) -> Option<u64> {
        let total: u64 = self.counts.iter().sum();
        let step_at = |rank: u64| {
            let mut below = 0;
            self.counts.iter().zip(1u64..).find_map(|(count, step)| {
                below += count;
                (rank < below).then_some(step)
            })
        };
        Some(step_at(total.checked_sub(1)? / 2)? + step_at(total / 2)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::Question;
    use crate::definition_file::tests::any_definition;

    fn answer_to(question: &Question) -> BoxedStrategy<Option<Answer>> {
        let count = question.kind.labels().len() as u8;
        match &question.kind {
            QuestionKind::Single { .. } => prop::option::of((0..count).prop_map(Answer::Single)).boxed(),
            QuestionKind::Rating { .. } => prop::option::of((0..count).prop_map(Answer::Rating)).boxed(),
            QuestionKind::Multiple { at_least, at_most, .. } => {
                let options: Vec<u8> = (0..count).collect();
                let several = prop::sample::subsequence(options, usize::from(*at_least)..=usize::from(*at_most));
                prop::option::of(several.prop_map(Answer::Multiple)).boxed()
            }
            QuestionKind::FreeText { .. } => prop::option::of(Just(Answer::Text("a".into()))).boxed(),
        }
    }

    pub(crate) fn definition_with_ballots() -> impl Strategy<Value = (Definition, Vec<Answers>)> {
        any_definition().prop_flat_map(|definition| {
            let answers: Vec<_> = definition.questions.iter().map(answer_to).collect();
            (Just(definition), prop::collection::vec(answers.prop_map(Answers), 0..12))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn counts_add_up_and_order_does_not_matter((definition, mut ballots) in definition_with_ballots()) {
            let tally = Tally::of(&definition, &ballots);
            prop_assert_eq!(tally.ballots, ballots.len() as u64);
            for (index, (question, counted)) in definition.questions.iter().zip(&tally.questions).enumerate() {
                let answered = ballots.iter().filter(|ballot| ballot.get(index).is_some()).count() as u64;
                prop_assert_eq!(counted.answered, answered);
                let sum: u64 = counted.counts.iter().sum();
                match question.kind {
                    QuestionKind::Single { .. } | QuestionKind::Rating { .. } => prop_assert_eq!(sum, answered),
                    QuestionKind::Multiple { at_most, .. } => {
                        prop_assert!(sum <= answered * u64::from(at_most));
                        prop_assert!(counted.counts.iter().all(|&count| count <= answered));
                    }
                    QuestionKind::FreeText { .. } => prop_assert_eq!(sum, 0),
                }
            }
            ballots.reverse();
            prop_assert_eq!(Tally::of(&definition, &ballots), tally);
        }

        #[test]
        fn mean_and_median_are_those_of_the_answers(counts in prop::collection::vec(0u64..6, 2..8)) {
            let counted = QuestionTally { answered: counts.iter().sum(), counts: counts.clone() };
            let steps: Vec<u64> = counts.iter().zip(1u64..)
                .flat_map(|(&count, step)| std::iter::repeat_n(step, count as usize)).collect();
            let (mean, median) = if steps.is_empty() { (None, None) } else {
                let mean = steps.iter().sum::<u64>() as f64 * 100.0 / steps.len() as f64;
                let middle = steps[(steps.len() - 1) / 2] + steps[steps.len() / 2];
                (Some((mean + 0.5).floor() as u64), Some(middle))
            };
            prop_assert_eq!(counted.median_halves(), median);
            // Floating point may fall on the other side of a half.
            match (counted.mean_hundredths(), mean) {
                (Some(exact), Some(rounded)) => prop_assert!(exact.abs_diff(rounded) <= 1),
                (exact, rounded) => prop_assert_eq!(exact, rounded),
            }
        }
    }
}
