//! What the recipient of a reminder has in chat: answer now, later, already answered, not mine, stop. Each has its
//! effect at once, is on record, says what it did, and can be taken back.
//!
//! A press under a reminder is answered below it, so that the organiser's words and the link stay; a press under such
//! an answer replaces it. Whatever is pressed too late, or by somebody it was not for, is answered with how things
//! stand.

use bot_core::Locale;
use bot_core::i18n::{date, date_time};
use bot_core::message::{Choice, Document, Text};
use bot_core::plugin::{Caller, Context, Edit, HandlerError, HandlerResult};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::action::{Action, NO_CAMPAIGN, Origin, Verb};
use crate::answers::{self, Completeness, News, Source, Who};
use crate::candidates::recipient_rule;
use crate::days::{self, DayError};
use crate::definition::Definition;
use crate::later::{self, Later};
use crate::messages;
use crate::standing::{self, Standing, Wish};
use crate::store::{CampaignId, RespondentState, State};
use crate::undo;
use crate::wishes::{self, WishKind};
use crate::words::{Argument, text};
use crate::{colleague, consent, questionnaire};

/// By which name a day is awaited, before the campaign's number.
const AWAITED_DAY: &str = "later:";
/// … and the name of a colleague.
pub(crate) const AWAITED_NAME: &str = "colleague:";
const AWAITED_WITHIN: TimeDelta = TimeDelta::days(1);
/// Campaigns that one list names: nobody takes part in more at once.
const LISTED_MAX: usize = 10;

/// The buttons under the message of step number `place`, in one language.
pub(crate) fn choices(
    campaign: CampaignId,
    version: i32,
    definition: &Definition,
    place: usize,
    locale: Locale,
) -> Vec<Choice> {
    let choice = |verb: Verb, id: &str| Choice {
        label: text(locale, id, &[]),
        action: Action::under_step(verb, campaign, version, place).payload(),
        chosen: false,
        step: false,
    };
    let mut choices = Vec::new();
    if definition.questionnaire.consultation.is_some() {
        choices.push(choice(Verb::AnswerHere, "chat-answer-here"));
    }
    choices.push(choice(Verb::Later, "chat-later"));
    choices.push(choice(Verb::Answered, "chat-answered"));
    choices.push(choice(Verb::NotMine, "chat-not-mine"));
    choices.push(choice(Verb::Stop, "chat-stop"));
    choices
}

/// `/questionnaires`: what the caller is asked to answer, also for whoever lost the message.
pub(crate) async fn list(cx: &mut Context) -> HandlerResult {
    let (Some(caller), locale, now) = (cx.caller.clone(), cx.locale, cx.now) else { return Ok(()) };
    if !caller.conversation.private {
        let link = Text::new().private_link(text(locale, "chat-private-link", &[]), "questionnaires");
        cx.reply(Document::says(text(locale, "chat-in-group", &[])).paragraph(link));
        return Ok(());
    }
    let mut standings = standing::all(cx, caller.contact, None).await?;
    standings.retain(|standing| !standing.is_over(now));
    if standings.is_empty() {
        return questionnaire::list_for_guests(cx, &caller).await;
    }
    let zone = zone_of(cx, &caller).await?;
    if standings.len() == 1 {
        let standing = standings.remove(0);
        let mut talk = Talk { cx, caller, standing, zone, origin: Origin::ELSEWHERE };
        return talk.present(None).await;
    }
    let mut document = Document::new().heading(text(locale, "chat-list", &[]));
    let shown = || standings.iter().take(LISTED_MAX);
    document = document.list(shown().map(|standing| state_words(standing, locale, zone, now)));
    for standing in shown() {
        // The list stays: what is pressed in it is answered below.
        let action = Action { origin: Origin::ELSEWHERE, ..Action::in_answer(Verb::Show, standing.campaign) };
        document = document.choice(standing.definition.title_in(locale), action.payload());
    }
    cx.reply(document);
    Ok(())
}

/// A press on one of this plugin's buttons.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    if !caller.conversation.private {
        cx.reply(Document::says(text(locale, "chat-in-group", &[])));
        return Ok(());
    }
    cx.stop_awaiting();
    if action.campaign == NO_CAMPAIGN {
        return consent::press(cx, action).await;
    }
    standing::lock(cx, action.campaign, caller.contact).await?;
    let Some(standing) = standing::find(cx, action.campaign, caller.contact).await? else {
        return questionnaire::press_of_guest(cx, &caller, action).await;
    };
    let zone = zone_of(cx, &caller).await?;
    let mut talk = Talk { cx, caller, standing, zone, origin: action.origin };
    talk.press(action).await
}

/// A text that was awaited under `name`.
pub(crate) async fn written(cx: &mut Context, name: &str, written: &str) -> HandlerResult {
    let Some(caller) = cx.caller.clone() else { return Ok(()) };
    let number = |prefix: &str| name.strip_prefix(prefix).and_then(|number| number.parse().ok()).map(CampaignId);
    let (day, colleague) = (number(AWAITED_DAY), number(AWAITED_NAME));
    let Some(campaign) = day.or(colleague) else {
        return Err(HandlerError::Broken(format!("this plugin awaits no text named {name}")));
    };
    standing::lock(cx, campaign, caller.contact).await?;
    let Some(standing) = standing::find(cx, campaign, caller.contact).await? else { return Ok(()) };
    let zone = zone_of(cx, &caller).await?;
    // What was written stands between the question and its answer: that comes below.
    let mut talk = Talk { cx, caller, standing, zone, origin: Origin::ELSEWHERE };
    if day.is_some() { talk.day_written(written).await } else { colleague::written(&mut talk, written).await }
}

/// The clocks a person lives by, as their reminders are planned.
async fn zone_of(cx: &mut Context, caller: &Caller) -> Result<Tz, HandlerError> {
    let organisation = cx.organisation.time_zone;
    let view = cx.contact(caller.contact).await.map_err(|error| HandlerError::Broken(error.to_string()))?;
    Ok(view.map_or(organisation, |view| recipient_rule(&view, organisation).time_zone))
}

/// One person in one campaign, in one call.
pub(crate) struct Talk<'c> {
    pub cx: &'c mut Context,
    pub caller: Caller,
    pub standing: Standing,
    pub zone: Tz,
    pub origin: Origin,
}

impl Talk<'_> {
    pub fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        let mut all = vec![
            ("title", Argument::from(self.standing.definition.title_in(self.cx.locale))),
            ("body", body(&self.standing)),
            ("deadline", self.moment(self.standing.deadline).into()),
        ];
        all.extend(arguments.iter().map(|(name, argument)| (*name, argument.clone())));
        text(self.cx.locale, id, &all)
    }

    pub fn moment(&self, moment: DateTime<Utc>) -> String {
        date_time(self.cx.locale, moment, self.zone)
    }

    fn state(&self) -> String {
        state_words(&self.standing, self.cx.locale, self.zone, self.cx.now)
    }

    fn day(&self, day: NaiveDate) -> String {
        // Noon is on that day wherever one looks from.
        date(self.cx.locale, day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::hours(12), Tz::UTC)
    }

    pub fn action(&self, verb: Verb) -> Action {
        Action::in_answer(verb, self.standing.campaign)
    }

    pub fn choice(&self, document: Document, verb: Verb, id: &str) -> Document {
        document.choice(self.say(id, &[]), self.action(verb).payload())
    }

    /// Below a reminder, or in the place of what was said there before.
    pub fn show(&mut self, document: Document) {
        let message_key = self.standing.campaign.scope();
        match self.origin {
            Origin::Step { .. } => self.cx.reply_as(message_key, document),
            Origin::Answer => {
                self.cx.edit(Edit { conversation: None, message_key, document, coalesce_key: None, reveals: None });
            }
        }
    }

    /// The step under whose message the button stood; empty below an answer of ours.
    async fn step(&mut self) -> Result<String, HandlerError> {
        match self.origin {
            Origin::Step { version, place } => wishes::step_at(self.cx, self.standing.campaign, version, place).await,
            Origin::Answer => Ok(String::new()),
        }
    }

    pub async fn record(&mut self, kind: WishKind) -> HandlerResult {
        let step = self.step().await?;
        wishes::record(self.cx, &self.standing, kind, &step).await
    }

    async fn press(&mut self, action: Action) -> HandlerResult {
        // Whatever the button says, these come first.
        if self.standing.is_over(self.cx.now) {
            return self.present(None).await;
        }
        let is_taken_back = action.verb == Verb::NotAnswered && self.standing.declared_by_them;
        let goes_on = matches!(action.verb, Verb::AnswerHere | Verb::AnswerAnyway | Verb::Stop | Verb::Resume);
        if self.standing.is_settled() && !is_taken_back && !goes_on {
            return self.present(None).await;
        }
        let waits = matches!(action.verb, Verb::Later | Verb::LaterOn | Verb::LaterWrite);
        if self.standing.wish.is_some() && waits {
            return self.present(None).await;
        }
        match action.verb {
            Verb::AnswerHere => self.answer_here(false).await,
            Verb::AnswerAnyway => self.answer_here(true).await,
            Verb::Later => self.ask_when().await,
            Verb::LaterOn => self.later(later::of_argument(action.argument)).await,
            Verb::LaterWrite => {
                self.await_day("chat-later-write");
                Ok(())
            }
            Verb::Answered => self.answered().await,
            Verb::NotAnswered => self.not_answered().await,
            Verb::NotMine => colleague::not_mine(self).await,
            Verb::NobodyElse => {
                let lead = self.say("chat-nobody-else", &[]);
                self.present(Some(lead)).await
            }
            Verb::Mine => self.mine().await,
            Verb::Stop => self.stop().await,
            Verb::Resume => self.resume().await,
            Verb::Show | Verb::NoReminders | Verb::Reminders => self.present(None).await,
            // Of organisers, and taken where they are routed.
            Verb::Report | Verb::ReportPage => Ok(()),
        }
    }

    async fn answer_here(&mut self, anyway: bool) -> HandlerResult {
        let Some(consultation) = self.standing.definition.questionnaire.consultation.clone() else {
            return self.present(None).await;
        };
        // Whoever answered here may look at it again and change it; somebody else hears first that there is an answer.
        if self.standing.is_settled() && !self.standing.answered_in_chat && !anyway {
            let document = Document::says(self.state()).paragraph(self.say("chat-answer-twice", &[]));
            let document = self.choice(document, Verb::AnswerAnyway, "chat-answer-anyway");
            self.show(document);
            return Ok(());
        }
        self.record(WishKind::AnswerNow).await?;
        self.cx.hand_over("repondre", consultation);
        Ok(())
    }

    async fn ask_when(&mut self) -> HandlerResult {
        let today = self.today();
        let mut document = Document::says(self.say("chat-later-ask", &[]));
        let next_week = days::next_week(today);
        let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
        let last = self.standing.last_day(self.zone);
        if tomorrow > last {
            let document = self.with_link(Document::says(self.say("chat-later-too-late", &[])));
            self.show(document);
            return Ok(());
        }
        for (day, id) in [(tomorrow, "chat-later-tomorrow"), (next_week, "chat-later-next-week")] {
            let repeats = id == "chat-later-next-week" && day == tomorrow;
            if day <= last && !repeats {
                let label = self.say(id, &[("day", self.day(day).into())]);
                document = document.choice(label, self.action(Verb::LaterOn).with(later::as_argument(day)).payload());
            }
        }
        document = self.choice(document, Verb::LaterWrite, "chat-later-other");
        document = document.step(self.say("chat-back", &[]), self.action(Verb::Show).payload());
        self.show(document);
        Ok(())
    }

    fn today(&self) -> NaiveDate {
        self.cx.now.with_timezone(&self.zone).date_naive()
    }

    fn await_day(&mut self, id: &str) {
        let document = Document::says(self.say(id, &[]));
        self.ask_day_again(document);
    }

    fn ask_day_again(&mut self, document: Document) {
        let document = document.step(self.say("chat-back", &[]), self.action(Verb::Later).payload());
        self.show(document);
        self.cx.await_text(format!("{AWAITED_DAY}{}", self.standing.campaign), AWAITED_WITHIN);
    }

    async fn day_written(&mut self, written: &str) -> HandlerResult {
        if self.standing.is_over(self.cx.now) || self.standing.is_settled() || self.standing.wish.is_some() {
            self.cx.stop_awaiting();
            return self.present(None).await;
        }
        match days::read(written, self.today(), self.standing.last_day(self.zone)) {
            Ok(day) => self.later(day).await,
            Err(DayError::Unreadable) => {
                self.await_day("chat-day-unreadable");
                Ok(())
            }
            Err(DayError::Past(day)) => {
                let words = self.say("chat-day-past", &[("day", self.day(day).into())]);
                self.ask_day_again(Document::says(words));
                Ok(())
            }
        }
    }

    async fn later(&mut self, day: NaiveDate) -> HandlerResult {
        // A button may be pressed long after its day.
        if day <= self.today() {
            let words = self.say("chat-day-past", &[("day", self.day(day).into())]);
            self.ask_day_again(Document::says(words));
            return Ok(());
        }
        let lead = match later::postpone(self.cx, &self.standing, day, self.zone).await? {
            Later::TooLate => {
                self.await_day("chat-day-too-late");
                return Ok(());
            }
            Later::Moved { at, dropped } => {
                let arguments = [("when", self.moment(at).into()), ("dropped", dropped.into())];
                self.say("chat-later-moved", &arguments)
            }
            Later::AsPlanned { at } => {
                self.say("chat-later-as-planned", &[("day", self.day(day).into()), ("when", self.moment(at).into())])
            }
            Later::NothingLeft => self.say("chat-later-nothing", &[]),
        };
        self.cx.stop_awaiting();
        self.record(WishKind::Later).await?;
        let document = self.with_link(Document::says(lead));
        let document = self.with_answer_button(document);
        let document = self.choice(document, Verb::Later, "chat-later-change");
        let document = self.choice(document, Verb::Answered, "chat-answered");
        let document = self.choice(document, Verb::Stop, "chat-stop");
        self.show(document);
        Ok(())
    }

    async fn answered(&mut self) -> HandlerResult {
        let reference = standing::reference(self.caller.contact);
        let reference = reference.parse().map_err(|error: answers::InvalidReference| broken(&error))?;
        let news = News {
            source: Source::Declared,
            reference,
            completeness: Completeness::Complete,
            who: Who::Respondent(self.standing.respondent),
            answered_at: None,
        };
        self.record(WishKind::AlreadyAnswered).await?;
        answers::heard(self.cx, self.standing.campaign, news).await?;
        self.read_again().await?;
        self.present(None).await
    }

    async fn not_answered(&mut self) -> HandlerResult {
        self.record(WishKind::NotAnswered).await?;
        let reference = standing::reference(self.caller.contact);
        undo::unheard(self.cx, self.standing.campaign, Source::Declared, &reference).await?;
        self.read_again().await?;
        let lead = self.say("chat-not-answered", &[]);
        self.present(Some(lead)).await
    }

    async fn stop(&mut self) -> HandlerResult {
        if self.standing.wish != Some(Wish::Stopped) {
            self.record(WishKind::Stop).await?;
            wishes::give_up(self.cx, &self.standing, Wish::Stopped).await?;
            self.read_again().await?;
        }
        self.present(None).await
    }

    async fn resume(&mut self) -> HandlerResult {
        if self.standing.wish != Some(Wish::Stopped) {
            return self.present(None).await;
        }
        self.record(WishKind::Resume).await?;
        self.take_back().await
    }

    async fn mine(&mut self) -> HandlerResult {
        if self.standing.wish != Some(Wish::NotMine) {
            return self.present(None).await;
        }
        self.record(WishKind::Mine).await?;
        colleague::forget(self).await?;
        self.take_back().await
    }

    async fn take_back(&mut self) -> HandlerResult {
        wishes::take_back(self.cx, &self.standing).await?;
        self.read_again().await?;
        let lead = self.say("chat-resumed", &[]);
        self.present(Some(lead)).await?;
        // Somebody who wants none at all hears how that stands, and may change it.
        consent::remark(self.cx, self.caller.contact).await
    }

    pub async fn read_again(&mut self) -> HandlerResult {
        let (campaign, contact) = (self.standing.campaign, self.caller.contact);
        if let Some(standing) = standing::find(self.cx, campaign, contact).await? {
            self.standing = standing;
        }
        Ok(())
    }

    /// Says how things stand, below `lead`, with the buttons that make sense.
    pub async fn present(&mut self, lead: Option<String>) -> HandlerResult {
        let agreed = consent::is_given(self.cx, self.caller.contact).await?;
        let mut document = Document::new();
        if let Some(lead) = lead {
            document = document.paragraph(lead);
        }
        document = document.paragraph(self.state());
        if self.standing.is_over(self.cx.now) {
            self.show(document);
            return Ok(());
        }
        if self.standing.is_settled() {
            if self.standing.declared_by_them {
                document = self.choice(document, Verb::NotAnswered, "chat-not-answered-button");
            } else if self.standing.answered_in_chat {
                document = self.choice(document, Verb::AnswerHere, "chat-answer-again");
            }
            self.show(document);
            return Ok(());
        }
        let document = match self.standing.wish {
            None => {
                if let Some(next) = self.standing.next_at.filter(|_| agreed) {
                    document = document.paragraph(self.say("chat-next", &[("when", self.moment(next).into())]));
                }
                document = self.with_link(document);
                document = self.with_answer_button(document);
                document = self.choice(document, Verb::Later, "chat-later");
                document = self.choice(document, Verb::Answered, "chat-answered");
                document = self.choice(document, Verb::NotMine, "chat-not-mine");
                self.choice(document, Verb::Stop, "chat-stop")
            }
            Some(Wish::Stopped) => {
                document = self.with_link(document);
                document = self.with_answer_button(document);
                document = self.choice(document, Verb::Answered, "chat-answered");
                document = self.choice(document, Verb::Resume, "chat-resume");
                if agreed {
                    let action = Action { campaign: NO_CAMPAIGN, ..self.action(Verb::NoReminders) };
                    document = document.choice(self.say("chat-no-reminders", &[]), action.payload());
                }
                document
            }
            Some(Wish::NotMine) => {
                document = colleague::with_links(self, document).await?;
                self.choice(document, Verb::Mine, "chat-mine")
            }
        };
        self.show(document);
        Ok(())
    }

    /// The personal link, where there is one: it works whatever becomes of the reminders.
    fn with_link(&self, document: Document) -> Document {
        let link = messages::link(&self.standing.definition, &self.standing.token, self.cx.public_url.as_deref());
        match link {
            Some(link) => document.paragraph(Text::new().link(self.say("chat-link", &[]), link)),
            None => document,
        }
    }

    fn with_answer_button(&self, document: Document) -> Document {
        if self.standing.definition.questionnaire.consultation.is_some() {
            self.choice(document, Verb::AnswerHere, "chat-answer-here")
        } else {
            document
        }
    }
}

fn broken(error: &impl ToString) -> HandlerError {
    HandlerError::Broken(error.to_string())
}

/// The collectivité that is to answer, or `none`, by which the texts leave it out.
fn body(standing: &Standing) -> Argument<'_> {
    standing.collectivite.as_deref().unwrap_or("none").into()
}

/// How things stand, in a sentence.
pub(crate) fn state_words(standing: &Standing, locale: Locale, zone: Tz, now: DateTime<Utc>) -> String {
    let id = match (standing.state, standing.answer, standing.wish) {
        (State::Cancelled, ..) => "chat-state-cancelled",
        (_, RespondentState::Answered, _) if standing.declared_by_them => "chat-state-declared",
        (_, RespondentState::Answered, _) if standing.declared => "chat-state-declared-by-another",
        (_, RespondentState::Answered, _) => "chat-state-answered",
        _ if standing.is_over(now) => "chat-state-closed",
        (_, RespondentState::Refused, _) => "chat-state-refused",
        (_, _, Some(Wish::Stopped)) => "chat-state-stopped",
        (_, _, Some(Wish::NotMine)) => "chat-state-not-mine",
        (_, RespondentState::Started, None) => "chat-state-started",
        (_, RespondentState::Silent, None) => "chat-state-silent",
    };
    let deadline = date_time(locale, standing.deadline, zone);
    let title = standing.definition.title_in(locale);
    text(locale, id, &[("title", title.into()), ("body", body(standing)), ("deadline", deadline.into())])
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
