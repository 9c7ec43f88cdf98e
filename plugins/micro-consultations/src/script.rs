//! What is written to a participant: pure documents, the same for a vote, a preview and a test.

use bot_core::Locale;
use bot_core::message::{Document, Span, Text};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::action::{Action, Verb};
use crate::answer::{Answer, Answers};
use crate::definition::{Anonymity, Question, QuestionKind, ResultsVisibility, Wording};
use crate::store::Consultation;
use crate::words::{Argument, moment, text};

/// Labels longer than this are also written above the buttons, which may cut them.
const LABEL_CHARACTERS_WHOLE: usize = 30;

/// The messages of one consultation in one language.
#[derive(Clone, Copy, Debug)]
pub struct Script<'c> {
    pub consultation: &'c Consultation,
    pub locale: Locale,
    /// The organisation's, for a consultation that names none.
    pub time_zone: Tz,
    /// Choices are shown as buttons rather than as a numbered list.
    pub buttons: bool,
}

impl Script<'_> {
    pub fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        text(self.locale, id, arguments)
    }

    /// A text about this consultation: knows its title and closing time.
    pub fn say_of_it(&self, id: &str) -> String {
        let closing = self.closing();
        self.say(id, &[("title", self.title().into()), ("closing", closing.into())])
    }

    pub fn title(&self) -> String {
        self.consultation.definition.title.in_locale(self.locale).to_owned()
    }

    pub fn closing(&self) -> String {
        let closing = self.consultation.closed_at.or(self.consultation.closes_at);
        closing.map(|instant| self.moment(instant)).unwrap_or_default()
    }

    pub fn moment(&self, instant: DateTime<Utc>) -> String {
        let zone = self.consultation.definition.time_zone.unwrap_or(self.time_zone);
        moment(self.locale, instant, zone)
    }

    pub fn action(&self, verb: Verb) -> Action {
        Action::new(verb, self.consultation.id, self.consultation.version)
    }

    pub fn answer_button(&self, document: Document) -> Document {
        document.choice(self.say("button-answer", &[]), self.action(Verb::Answer).payload())
    }

    pub fn consent_wording(&self) -> String {
        match &self.consultation.definition.consent {
            Some(wording) => wording.in_locale(self.locale).to_owned(),
            None => self.say_of_it("consent-standard"),
        }
    }

    pub fn question(&self, index: usize, question: &Question, given: Option<&Answer>) -> Document {
        let definition = &self.consultation.definition;
        let total = definition.questions.len();
        let mut document = Document::new();
        if index == 0 {
            document = document.heading(self.title());
            if let Some(introduction) = &definition.introduction {
                document = document.paragraph(introduction.in_locale(self.locale));
            }
            let promise = match definition.anonymity {
                Anonymity::Anonymous => self.say("promise-anonymous", &[]),
                Anonymity::Named => self.say("promise-named", &[]),
            };
            document = document.paragraph(format!("{promise} {}", self.say_of_it("open-until")));
        }
        if total > 1 {
            let progress = self.say("progress", &[("number", (index + 1).into()), ("total", total.into())]);
            document = document.paragraph(Text::new().emphasis(progress));
        }
        document = document.paragraph(Text::new().strong(question.text.in_locale(self.locale)));

        let labels = question.kind.labels();
        let shortened =
            labels.iter().any(|label| label.in_locale(self.locale).chars().count() > LABEL_CHARACTERS_WHOLE);
        if shortened && self.buttons {
            document = document.list(labels.iter().map(|label| label.in_locale(self.locale)));
        }
        let mut hint = match &question.kind {
            QuestionKind::Single { .. } => self.say("choose-one", &[]),
            QuestionKind::Multiple { at_least, at_most, .. } => {
                let arguments = [("least", (*at_least).into()), ("most", (*at_most).into())];
                let id = if at_least == at_most { "choose-exactly" } else { "choose-several" };
                self.say(id, &arguments)
            }
            QuestionKind::Rating { scale } => {
                let end = |step: Option<&Wording>| {
                    step.map(|step| step.in_locale(self.locale).to_owned()).unwrap_or_default()
                };
                let (lowest, highest) = (end(scale.first()), end(scale.last()));
                self.say("choose-step", &[("lowest", lowest.into()), ("highest", highest.into())])
            }
            QuestionKind::FreeText { characters_max } => match given {
                Some(Answer::Text(answer)) => self.say("written-answer", &[("answer", answer.as_str().into())]),
                _ => self.say("write-answer", &[("characters", (*characters_max).into())]),
            },
        };
        if question.optional {
            hint = format!("{hint} {}", self.say("optional", &[]));
        }
        document = document.paragraph(hint);

        let several = matches!(question.kind, QuestionKind::Multiple { .. });
        let verb = if several { Verb::Toggle } else { Verb::Choose };
        for (option, label) in (0u8..).zip(labels) {
            let words = label.in_locale(self.locale);
            let words = match question.kind {
                QuestionKind::Rating { .. } => format!("{} – {words}", option + 1),
                _ => words.to_owned(),
            };
            let payload = self.action(verb).on(index).with(option.into()).payload();
            let chosen = given.is_some_and(|answer| answer.has(option));
            document = if chosen { document.chosen(words, payload) } else { document.choice(words, payload) };
        }
        let step = |verb: Verb| self.action(verb).on(index).payload();
        if index > 0 {
            document = document.step(self.say("step-back", &[]), step(Verb::Back));
        }
        if several || given.is_some() {
            document = document.step(self.say("step-next", &[]), step(Verb::Next));
        } else if question.optional {
            document = document.step(self.say("step-skip", &[]), step(Verb::Skip));
        }
        if index == 0 && definition.results == ResultsVisibility::Always {
            document = document.step(self.say("step-results", &[]), step(Verb::Results));
        }
        if index > 0 {
            document = document.step(self.say("step-abandon", &[]), step(Verb::Abandon));
        }
        document
    }

    /// What is agreed to before a named consultation.
    pub fn consent(&self) -> Document {
        Document::new()
            .heading(self.say("consent-heading", &[]))
            .paragraph(self.consent_wording())
            .choice(self.say("consent-agree", &[]), self.action(Verb::Agree).payload())
            .choice(self.say("consent-decline", &[]), self.action(Verb::Decline).payload())
    }

    pub fn review(&self, answers: &Answers) -> Document {
        let definition = &self.consultation.definition;
        let items = definition.questions.iter().enumerate().map(|(index, question)| {
            let answer = match answers.get(index) {
                Some(answer) => words_of_answer(self.locale, question, answer),
                None => self.say("review-unanswered", &[]),
            };
            Text(vec![Span::Plain(format!("{} ", question.text.in_locale(self.locale))), Span::Strong(answer)])
        });
        let step = |verb: Verb| self.action(verb).on(definition.questions.len()).payload();
        Document::new()
            .heading(self.say("review-heading", &[]))
            .list(items)
            .paragraph(self.say("review-hint", &[]))
            .choice(self.say("review-cast", &[]), step(Verb::Cast))
            .step(self.say("step-back", &[]), step(Verb::Back))
            .step(self.say("step-abandon", &[]), step(Verb::Abandon))
    }

    pub fn receipt(&self, lead: String) -> Document {
        let definition = &self.consultation.definition;
        let mut document = Document::says(Text::new().strong(lead));
        let mut facts = Vec::new();
        if definition.change_vote {
            facts.push(self.say_of_it("receipt-change"));
            facts.push(self.say("receipt-secret", &[]));
        } else {
            facts.push(self.say("receipt-final", &[]));
        }
        if definition.results == ResultsVisibility::AfterClose {
            facts.push(self.say_of_it("receipt-results-later"));
        }
        document = document.paragraph(facts.join(" "));
        if definition.results != ResultsVisibility::AfterClose {
            document = document.choice(self.say("button-results", &[]), self.action(Verb::Results).payload());
        }
        if definition.change_vote {
            document = document
                .choice(self.say("button-change", &[]), self.action(Verb::Change).payload())
                .choice(self.say("button-withdraw", &[]), self.action(Verb::Withdraw).payload());
        }
        document
    }
}

/// An answer in words.
pub(crate) fn words_of_answer(locale: Locale, question: &Question, answer: &Answer) -> String {
    let label = |option: &u8| {
        question.kind.labels().get(usize::from(*option)).map(|label| label.in_locale(locale)).unwrap_or_default()
    };
    match answer {
        Answer::Single(option) | Answer::Rating(option) => label(option).to_owned(),
        Answer::Multiple(options) => options.iter().map(label).collect::<Vec<_>>().join(", "),
        Answer::Text(words) => words.clone(),
        Answer::TextApart => "…".to_owned(),
    }
}
