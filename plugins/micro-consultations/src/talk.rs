//! One consultation in one call: the draft a person is filling, and what becomes of it.

use bot_core::adapter::Assurance;
use bot_core::message::{Document, Text};
use bot_core::plugin::{Caller, Context, Edit, HandlerError, HandlerResult, Reply};
use chrono::TimeDelta;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::action::{Action, Verb};
use crate::answer::{Answer, Answers};
use crate::ballot::{self, CastOutcome, Consent, Paper, Voter, WithdrawalOutcome};
use crate::codes;
use crate::definition::{Anonymity, QuestionKind};
use crate::results;
use crate::rooms::in_private;
use crate::script::Script;
use crate::store::{self, Consultation, ConsultationId, Draft, State};

/// How long a written answer is waited for.
const ANSWER_WITHIN: TimeDelta = TimeDelta::days(7);

/// Where a message goes: below everything, or in the place of the last one about this consultation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    New,
    Same,
    /// In the caller's private conversation: what they did elsewhere goes on there.
    Private,
}

/// One consultation, in one call.
pub(crate) struct Talk<'c> {
    pub cx: &'c mut Context,
    pub caller: Caller,
    pub consultation: Consultation,
}

impl Talk<'_> {
    pub fn script(&self) -> Script<'_> {
        Script {
            consultation: &self.consultation,
            locale: self.cx.locale,
            time_zone: self.cx.organisation.time_zone,
            buttons: self.caller.conversation.buttons,
        }
    }

    pub fn show(&mut self, place: Place, document: Document, shows_choice: bool) {
        let message_key = self.consultation.id.scope();
        let reveals = shows_choice.then(|| self.consultation.id.scope());
        match place {
            Place::New => {
                self.cx.reply_with(Reply { document, message_key: Some(message_key), reveals });
            }
            Place::Same => {
                self.cx.edit(Edit { conversation: None, message_key, document, coalesce_key: None, reveals });
            }
            Place::Private => in_private(self.cx, self.consultation.id, document, shows_choice),
        }
    }

    /// What keeps this caller from answering here and now, if anything does.
    pub async fn obstacle(&mut self) -> Result<Option<Document>, HandlerError> {
        if let Some(obstacle) = self.not_now().await? {
            return Ok(Some(obstacle));
        }
        if !self.caller.conversation.private {
            return Ok(Some(Document::says(self.script().say_of_it("in-group"))));
        }
        self.not_for_them().await
    }

    /// What keeps anybody from answering now.
    pub async fn not_now(&mut self) -> Result<Option<Document>, HandlerError> {
        match self.consultation.state {
            State::Draft => return Ok(Some(Document::says(self.script().say_of_it("not-open")))),
            State::Scheduled => {
                let opening =
                    self.consultation.opens_at.map(|instant| self.script().moment(instant)).unwrap_or_default();
                let arguments = [("title", self.script().title().into()), ("opening", opening.into())];
                return Ok(Some(Document::says(self.script().say("not-open-yet", &arguments))));
            }
            State::Open | State::Closed => {}
        }
        if self.consultation.is_over(self.cx.now) {
            let notice = Document::says(self.script().say_of_it("closed"));
            return Ok(Some(match results::document(self.cx, &self.consultation).await? {
                Some(results) => joined(notice, results),
                None => notice,
            }));
        }
        Ok(None)
    }

    /// What keeps this caller from answering, wherever they are.
    pub async fn not_for_them(&mut self) -> Result<Option<Document>, HandlerError> {
        let (organisation, addresses) = (self.cx.organisation.id, self.caller.addresses.clone());
        if codes::may_take_part(self.cx.sql(), organisation, &self.consultation, &addresses).await? {
            return Ok(None);
        }
        let accepts = &self.consultation.definition.accepts;
        let id = match (accepts.contains(&Assurance::Account), accepts.contains(&Assurance::Session)) {
            (true, _) => "not-accepted",
            (false, true) => "not-accepted-session",
            (false, false) => return Ok(Some(Document::says(self.script().say_of_it("not-accepted-code")))),
        };
        let document = Document::says(self.script().say_of_it(id));
        let by_code = accepts.contains(&Assurance::Code);
        Ok(Some(if by_code { document.paragraph(self.script().say("not-accepted-or-code", &[])) } else { document }))
    }

    pub async fn draft(&mut self) -> Result<Option<Draft>, HandlerError> {
        let (organisation, id, contact) = (self.cx.organisation.id, self.consultation.id, self.caller.contact);
        let draft = store::draft(self.cx.sql(), organisation, id, contact).await?;
        Ok(draft.filter(|draft| draft.version == self.consultation.version))
    }

    pub async fn keep(&mut self, draft: &Draft) -> HandlerResult {
        let (organisation, id, contact) = (self.cx.organisation.id, self.consultation.id, self.caller.contact);
        store::keep_draft(self.cx.sql(), organisation, id, contact, draft).await
    }

    pub async fn drop_draft(&mut self) -> HandlerResult {
        let (organisation, id, contact) = (self.cx.organisation.id, self.consultation.id, self.caller.contact);
        store::drop_draft(self.cx.sql(), organisation, id, contact).await
    }

    pub async fn has_cast(&mut self) -> Result<bool, HandlerError> {
        let organisation = self.cx.organisation.id;
        ballot::has_cast(self.cx.sql(), organisation, &self.consultation, &self.caller.addresses).await
    }

    /// Shows where the caller stands: the question they were at, their receipt, or the beginning.
    pub async fn take_up(&mut self, place: Place, notice: Option<String>) -> HandlerResult {
        if let Some(draft) = self.draft().await? {
            if self.is_agreed(&draft) {
                self.show_draft(place, &draft, notice);
            } else {
                self.ask_consent(place, notice);
            }
            return Ok(());
        }
        if self.has_cast().await? {
            let lead = notice.unwrap_or_else(|| self.script().say_of_it("receipt-already"));
            let receipt = self.script().receipt(lead);
            self.show(place, receipt, false);
            return Ok(());
        }
        self.begin(place, notice).await
    }

    /// Starts with an empty draft, or asks for consent first.
    pub async fn begin(&mut self, place: Place, notice: Option<String>) -> HandlerResult {
        if self.consultation.definition.anonymity == Anonymity::Named {
            self.ask_consent(place, notice);
            return Ok(());
        }
        let draft = self.empty_draft();
        self.keep(&draft).await?;
        self.show_draft(place, &draft, notice);
        Ok(())
    }

    fn ask_consent(&mut self, place: Place, notice: Option<String>) {
        let document = noticed(notice, self.script().consent());
        self.show(place, document, false);
    }

    /// Whether these answers may be shown and added to. What was chosen in front of others waits for consent.
    fn is_agreed(&self, draft: &Draft) -> bool {
        self.consultation.definition.anonymity == Anonymity::Anonymous || draft.consented_at.is_some()
    }

    pub fn empty_draft(&self) -> Draft {
        Draft {
            version: self.consultation.version,
            position: 0,
            answers: Answers::none(&self.consultation.definition),
            consented_at: None,
        }
    }

    pub fn show_draft(&mut self, place: Place, draft: &Draft, notice: Option<String>) {
        let asked = self.consultation.definition.questions.get(draft.position);
        let is_written = asked.is_some_and(|question| matches!(question.kind, QuestionKind::FreeText { .. }));
        if place == Place::Private && is_written {
            // A text is awaited where it is asked for: there, after this press.
            let invitation = Document::says(self.script().say_of_it("private-invitation"));
            let invitation = self.script().answer_button(invitation);
            self.show(place, invitation, false);
            return;
        }
        let document = match self.consultation.definition.questions.get(draft.position) {
            Some(question) => self.script().question(draft.position, question, draft.answers.get(draft.position)),
            None => self.script().review(&draft.answers),
        };
        self.show(place, noticed(notice, document), true);
        self.cx.reveals_choice(self.consultation.id.scope());
        if place == Place::Private {
            return;
        }
        if is_written {
            let name = awaited(self.consultation.id, self.consultation.version, draft.position);
            self.cx.await_text(name, ANSWER_WITHIN);
        } else {
            self.cx.stop_awaiting();
        }
    }

    pub async fn step(&mut self, action: Action) -> HandlerResult {
        let current = self.draft().await?.filter(|draft| {
            action.version == self.consultation.version && usize::from(action.question) == draft.position
        });
        let Some(mut draft) = current.filter(|draft| self.is_agreed(draft)) else {
            let notice = self.script().say("stale", &[]);
            return self.take_up(Place::New, Some(notice)).await;
        };
        let question = self.consultation.definition.questions.get(draft.position).cloned();
        let given = draft.answers.get(draft.position).cloned();
        let option = u8::try_from(action.argument).unwrap_or(u8::MAX);
        let was_empty = draft.answers.is_empty();
        let mut notice = None;
        match (action.verb, &question) {
            (Verb::Back, _) => draft.position = draft.position.saturating_sub(1),
            (Verb::Choose, Some(question)) => {
                let answer = match question.kind {
                    QuestionKind::Rating { .. } => Answer::Rating(option),
                    _ => Answer::Single(option),
                };
                if answer.fits(question) {
                    draft.answers.set(draft.position, Some(answer));
                    draft.position += 1;
                }
            }
            (Verb::Toggle, Some(question)) => {
                if let QuestionKind::Multiple { options, at_most, .. } = &question.kind {
                    let mut chosen = match given {
                        Some(Answer::Multiple(chosen)) => chosen,
                        _ => Vec::new(),
                    };
                    match chosen.binary_search(&option) {
                        Ok(place) => {
                            chosen.remove(place);
                        }
                        Err(_) if chosen.len() >= usize::from(*at_most) => {
                            notice = Some(self.script().say("too-many", &[("most", (*at_most).into())]));
                        }
                        Err(place) if usize::from(option) < options.len() => chosen.insert(place, option),
                        Err(_) => {}
                    }
                    draft
                        .answers
                        .set(draft.position, Some(chosen).filter(|chosen| !chosen.is_empty()).map(Answer::Multiple));
                }
            }
            (Verb::Next, Some(question)) => match &given {
                Some(answer) if answer.fits(question) => draft.position += 1,
                None if question.optional => draft.position += 1,
                _ => {
                    let least = match question.kind {
                        QuestionKind::Multiple { at_least, .. } => at_least,
                        _ => 1,
                    };
                    notice = Some(self.script().say("too-few", &[("least", least.into())]));
                }
            },
            (Verb::Skip, Some(question)) if question.optional => {
                draft.answers.set(draft.position, None);
                draft.position += 1;
            }
            _ => {}
        }
        self.keep(&draft).await?;
        if was_empty && !draft.answers.is_empty() {
            self.note_answered(false);
        }
        self.show_draft(Place::Same, &draft, notice);
        Ok(())
    }

    pub async fn cast(&mut self) -> HandlerResult {
        let Some(mut draft) = self.draft().await? else {
            let notice = self.script().say("stale", &[]);
            return if self.has_cast().await? {
                self.take_up(Place::New, None).await
            } else {
                self.take_up(Place::New, Some(notice)).await
            };
        };
        if let Some(missing) = draft.answers.first_missing(&self.consultation.definition) {
            draft.position = missing;
            self.keep(&draft).await?;
            self.show_draft(Place::Same, &draft, None);
            return Ok(());
        }
        let voter = Voter { contact: self.caller.contact, addresses: self.caller.addresses.clone() };
        let consent = draft.consented_at.map(|given_at| Consent { wording: self.script().consent_wording(), given_at });
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let mut random = StdRng::from_rng(&mut self.cx.random);
        let outcome = ballot::cast(
            self.cx.sql(),
            &mut random,
            organisation,
            &self.consultation,
            &voter,
            Paper { answers: &draft.answers, consent: consent.as_ref() },
            now,
        )
        .await?;
        let document = match outcome {
            CastOutcome::Recorded | CastOutcome::Changed => {
                self.drop_draft().await?;
                let id = if outcome == CastOutcome::Changed { "receipt-changed" } else { "receipt" };
                self.note_answered(true);
                let lead = self.script().say(id, &[]);
                self.script().receipt(lead)
            }
            CastOutcome::AlreadyCast => {
                self.drop_draft().await?;
                Document::says(self.script().say_of_it("already-cast"))
            }
            CastOutcome::ConsentMissing => {
                self.drop_draft().await?;
                return self.begin(Place::Same, None).await;
            }
            // All three were looked at before, under the same lock.
            CastOutcome::NotOpen | CastOutcome::NotAccepted | CastOutcome::Incomplete => {
                return Err(HandlerError::Broken(format!("a checked ballot was refused: {outcome:?}")));
            }
        };
        self.cx.stop_awaiting();
        self.show(Place::Same, document, false);
        Ok(())
    }

    pub async fn change(&mut self) -> HandlerResult {
        if !self.has_cast().await? {
            return self.take_up(Place::New, None).await;
        }
        if !self.consultation.definition.change_vote {
            let document = Document::says(self.script().say_of_it("already-cast"));
            self.show(Place::Same, document, false);
            return Ok(());
        }
        self.begin(Place::Same, None).await
    }

    pub async fn withdraw(&mut self) -> HandlerResult {
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let addresses = self.caller.addresses.clone();
        let outcome = ballot::withdraw(self.cx.sql(), organisation, &self.consultation, &addresses, now).await?;
        let document = match outcome {
            WithdrawalOutcome::Withdrawn => {
                self.drop_draft().await?;
                self.note_withdrawn();
                self.cx.stop_awaiting();
                self.script().answer_button(Document::says(self.script().say("withdrawn", &[])))
            }
            WithdrawalOutcome::NoBallot => {
                self.script().answer_button(Document::says(self.script().say_of_it("no-ballot")))
            }
            WithdrawalOutcome::NotAllowed => Document::says(self.script().say_of_it("already-cast")),
            WithdrawalOutcome::NotOpen => Document::says(self.script().say_of_it("closed")),
        };
        self.show(Place::Same, document, false);
        Ok(())
    }

    pub async fn abandon(&mut self) -> HandlerResult {
        self.drop_draft().await?;
        self.cx.stop_awaiting();
        let id = if self.has_cast().await? { "abandoned-kept" } else { "abandoned" };
        let document = Document::says(self.script().say_of_it(id));
        self.show(Place::Same, document, false);
        Ok(())
    }

    pub async fn agree(&mut self) -> HandlerResult {
        let begun = self.draft().await?;
        if self.consultation.definition.anonymity != Anonymity::Named
            || begun.as_ref().is_some_and(|draft| draft.consented_at.is_some())
        {
            return self.take_up(Place::Same, None).await;
        }
        if self.has_cast().await? && !self.consultation.definition.change_vote {
            return self.take_up(Place::Same, None).await;
        }
        let draft = Draft { consented_at: Some(self.cx.now), ..begun.unwrap_or_else(|| self.empty_draft()) };
        self.keep(&draft).await?;
        self.show_draft(Place::Same, &draft, None);
        Ok(())
    }
}

fn noticed(notice: Option<String>, document: Document) -> Document {
    match notice {
        Some(notice) => joined(Document::says(Text::new().emphasis(notice)), document),
        None => document,
    }
}

fn joined(mut first: Document, second: Document) -> Document {
    first.blocks.extend(second.blocks);
    first.choices.extend(second.choices);
    first
}

fn awaited(id: ConsultationId, version: i16, question: usize) -> String {
    format!("answer:{id}:{version}:{question}")
}

/// Which question a written answer is for.
pub(crate) fn read_awaited(name: &str) -> Option<(ConsultationId, i16, usize)> {
    let mut parts = name.strip_prefix("answer:")?.split(':');
    let read = (ConsultationId(parts.next()?.parse().ok()?), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(read)
}
