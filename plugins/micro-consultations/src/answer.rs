//! What a person chose: one answer a question, checked against the question.

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Question, QuestionKind};

/// The answers of one ballot, one place a question; `None` where an optional question was left out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(pub Vec<Option<Answer>>);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An option, from 0.
    Single(u8),
    /// Options, from 0, ascending and each once.
    Multiple(Vec<u8>),
    /// A step of the scale, from 0.
    Rating(u8),
    Text(String),
    /// A text was given and is kept elsewhere (see [`crate::closing`]).
    TextApart,
}

impl Answer {
    /// Whether this may answer `question`.
    pub fn fits(&self, question: &Question) -> bool {
        let count = question.kind.labels().len();
        match (self, &question.kind) {
            (Self::Single(option), QuestionKind::Single { .. }) => usize::from(*option) < count,
            (Self::Rating(step), QuestionKind::Rating { .. }) => usize::from(*step) < count,
            (Self::Multiple(options), QuestionKind::Multiple { at_least, at_most, .. }) => {
                options.is_sorted_by(|one, next| one < next)
                    && options.iter().all(|&option| usize::from(option) < count)
                    && (usize::from(*at_least)..=usize::from(*at_most)).contains(&options.len())
            }
            (Self::Text(text), QuestionKind::FreeText { characters_max }) => {
                !text.trim().is_empty() && text.chars().count() <= usize::from(*characters_max)
            }
            (Self::TextApart, QuestionKind::FreeText { .. }) => true,
            _ => false,
        }
    }

    pub fn has(&self, option: u8) -> bool {
        match self {
            Self::Single(chosen) | Self::Rating(chosen) => *chosen == option,
            Self::Multiple(chosen) => chosen.contains(&option),
            Self::Text(_) | Self::TextApart => false,
        }
    }
}

impl Answers {
    /// No answer yet, to as many questions as `definition` asks.
    pub fn none(definition: &Definition) -> Self {
        Self(vec![None; definition.questions.len()])
    }

    /// Nothing is answered yet.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub fn get(&self, question: usize) -> Option<&Answer> {
        self.0.get(question).and_then(Option::as_ref)
    }

    pub fn set(&mut self, question: usize, answer: Option<Answer>) {
        if let Some(place) = self.0.get_mut(question) {
            *place = answer;
        }
    }

    /// The first question that still needs an answer before these may be cast.
    pub fn first_missing(&self, definition: &Definition) -> Option<usize> {
        definition.questions.iter().enumerate().find_map(|(index, question)| {
            let complete = match self.get(index) {
                Some(answer) => answer.fits(question),
                None => question.optional,
            };
            (!complete).then_some(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Wording;

    fn question(kind: QuestionKind) -> Question {
        Question { text: Wording::french("?"), optional: false, kind }
    }

    #[test]
    fn an_answer_fits_its_question_only() {
        let options = vec![Wording::french("un"), Wording::french("deux"), Wording::french("trois")];
        let several = question(QuestionKind::Multiple { options, at_least: 1, at_most: 2 });
        assert!(Answer::Multiple(vec![0, 2]).fits(&several));
        for wrong in [vec![], vec![0, 1, 2], vec![3], vec![1, 0], vec![1, 1]] {
            assert!(!Answer::Multiple(wrong).fits(&several));
        }
        assert!(!Answer::Single(0).fits(&several));
        let text = question(QuestionKind::FreeText { characters_max: 5 });
        assert!(Answer::Text("été !".into()).fits(&text));
        assert!(!Answer::Text("étés !".into()).fits(&text));
        assert!(!Answer::Text("  ".into()).fits(&text));
    }
}
