//! `/nouvelle_consultation`: composing a consultation in chat, one question at a time. Neither file nor terminal.
//!
//! What is composed is an ordinary [`Definition`]: it passes the checks of the file and is exported as one.

use std::collections::BTreeSet;

use bot_core::Locale;
use bot_core::adapter::Assurance;
use bot_core::message::{Document, Text};
use bot_core::plugin::{Context, HandlerError, HandlerResult, Role};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::action::{Action, Verb};
use crate::definition::*;
use crate::operations::{self, OperationError};
use crate::organiser;
use crate::store::{self, ConsultationId};
use crate::words::text;

/// What the organiser's text is awaited under.
pub(crate) const AWAITED: &str = "compose";
const TEXT_WITHIN: TimeDelta = TimeDelta::days(1);
const DURATIONS_DAYS: [u16; 5] = [1, 3, 7, 14, 30];
/// Names tried before giving up: `marche`, `marche-2`, …
const SLUG_TRIES_MAX: usize = 100;

/// A consultation on its way.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Composition {
    step: Step,
    title: String,
    questions: Vec<Question>,
    /// The wording of the question whose kind or options are still to come.
    asking: String,
    anonymity: Option<Anonymity>,
    results: Option<ResultsVisibility>,
    days: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    #[default]
    Title,
    Question,
    Kind,
    SingleOptions,
    MultipleOptions,
    More,
    Anonymity,
    Results,
    Duration,
    Review,
}

impl Step {
    /// Behind each button, so that one of an earlier step is told apart.
    fn code(self) -> usize {
        self as usize
    }

    fn awaits_text(self) -> bool {
        matches!(self, Self::Title | Self::Question | Self::SingleOptions | Self::MultipleOptions)
    }
}

/// What a button of the wizard chooses: its argument.
mod choice {
    pub const SINGLE: u16 = 1;
    pub const MULTIPLE: u16 = 2;
    pub const RATING: u16 = 3;
    pub const FREE_TEXT: u16 = 4;
    pub const ADD: u16 = 10;
    pub const ENOUGH: u16 = 11;
    pub const ANONYMOUS: u16 = 20;
    pub const NAMED: u16 = 21;
    pub const ALWAYS: u16 = 30;
    pub const AFTER_VOTE: u16 = 31;
    pub const AFTER_CLOSE: u16 = 32;
    pub const OPEN: u16 = 40;
    pub const SAVE: u16 = 41;
    pub const RESTART: u16 = 42;
    pub const CANCEL: u16 = 43;
    /// Plus the number of days.
    pub const DAYS: u16 = 1000;
}

/// The command: begins, or takes up what was begun.
pub(crate) async fn begin(cx: &mut Context) -> HandlerResult {
    let locale = cx.locale;
    let Some(caller) = &cx.caller else { return Ok(()) };
    if !caller.conversation.private {
        cx.reply(Document::says(text(locale, "compose-only-private", &[])));
        return Ok(());
    }
    let composition = match load(cx).await? {
        Some(composition) => composition,
        None => {
            let composition = Composition::default();
            keep(cx, &composition).await?;
            composition
        }
    };
    ask(cx, &composition, None);
    Ok(())
}

/// A press on one of the wizard's buttons.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let locale = cx.locale;
    if !cx.caller.as_ref().is_some_and(|caller| caller.has(Role::Organiser)) {
        cx.reply(Document::says(text(locale, "refused-role", &[])));
        return Ok(());
    }
    let Some(mut composition) = load(cx).await? else {
        cx.reply(Document::says(text(locale, "compose-nothing", &[])));
        return Ok(());
    };
    match action.argument {
        choice::CANCEL => {
            drop_it(cx).await?;
            cx.stop_awaiting();
            cx.reply(Document::says(text(locale, "compose-cancelled", &[])));
            return Ok(());
        }
        choice::RESTART => composition = Composition::default(),
        _ if usize::from(action.question) != composition.step.code() => {
            ask(cx, &composition, Some(text(locale, "stale", &[])));
            return Ok(());
        }
        choice::OPEN | choice::SAVE if composition.step == Step::Review => {
            return finish(cx, &composition, action.argument == choice::OPEN).await;
        }
        chosen => composition.choose(chosen),
    }
    keep(cx, &composition).await?;
    ask(cx, &composition, None);
    Ok(())
}

/// A text the wizard awaited.
pub(crate) async fn written(cx: &mut Context, words: &str) -> HandlerResult {
    let locale = cx.locale;
    if !cx.caller.as_ref().is_some_and(|caller| caller.has(Role::Organiser)) {
        cx.reply(Document::says(text(locale, "refused-role", &[])));
        return Ok(());
    }
    let Some(mut composition) = load(cx).await? else {
        cx.reply(Document::says(text(locale, "compose-nothing", &[])));
        return Ok(());
    };
    let refusal = composition.write(locale, words).err();
    if refusal.is_none() {
        keep(cx, &composition).await?;
    }
    ask(cx, &composition, refusal);
    Ok(())
}

impl Composition {
    /// Takes a text; the words of a refusal when it does not do.
    fn write(&mut self, locale: Locale, words: &str) -> Result<(), String> {
        let words = words.trim();
        let within = |most: usize, id: &str| {
            let characters = words.chars().count();
            if (1..=most).contains(&characters) && !words.chars().any(|letter| letter.is_control() && letter != '\n') {
                Ok(words.to_owned())
            } else {
                Err(text(locale, id, &[("characters", characters.into()), ("most", most.into())]))
            }
        };
        match self.step {
            Step::Title => {
                self.title = within(TITLE_CHARACTERS_MAX, "compose-text-title")?;
                self.step = Step::Question;
            }
            Step::Question => {
                self.asking = within(QUESTION_CHARACTERS_MAX, "compose-text-question")?;
                self.step = Step::Kind;
            }
            Step::SingleOptions | Step::MultipleOptions => {
                let options = options(locale, words)?;
                let kind = if self.step == Step::SingleOptions {
                    QuestionKind::Single { options }
                } else {
                    let at_most = u8::try_from(options.len()).unwrap_or(u8::MAX);
                    QuestionKind::Multiple { options, at_least: 1, at_most }
                };
                self.add(kind, false);
            }
            // Nothing is awaited here: the buttons are shown once more.
            _ => {}
        }
        Ok(())
    }

    fn choose(&mut self, chosen: u16) {
        match (self.step, chosen) {
            (Step::Kind, choice::SINGLE) => self.step = Step::SingleOptions,
            (Step::Kind, choice::MULTIPLE) => self.step = Step::MultipleOptions,
            (Step::Kind, choice::RATING) => {
                let label = |step| Wording { fr: text(Locale::Fr, step, &[]), en: Some(text(Locale::En, step, &[])) };
                let scale = ["scale-1", "scale-2", "scale-3", "scale-4", "scale-5"].map(label).to_vec();
                self.add(QuestionKind::Rating { scale }, false);
            }
            (Step::Kind, choice::FREE_TEXT) => {
                self.add(QuestionKind::FreeText { characters_max: FREE_TEXT_CHARACTERS_DEFAULT }, true);
            }
            (Step::More, choice::ADD) if self.questions.len() < QUESTIONS_MAX => self.step = Step::Question,
            (Step::More, choice::ENOUGH) => self.step = Step::Anonymity,
            (Step::Anonymity, choice::ANONYMOUS | choice::NAMED) => {
                let named = chosen == choice::NAMED;
                self.anonymity = Some(if named { Anonymity::Named } else { Anonymity::Anonymous });
                self.step = Step::Results;
            }
            (Step::Results, choice::ALWAYS | choice::AFTER_VOTE | choice::AFTER_CLOSE) => {
                self.results = Some(match chosen {
                    choice::ALWAYS => ResultsVisibility::Always,
                    choice::AFTER_VOTE => ResultsVisibility::AfterVote,
                    _ => ResultsVisibility::AfterClose,
                });
                self.step = Step::Duration;
            }
            (Step::Duration, days) if (1..=DURATION_DAYS_MAX).contains(&days.saturating_sub(choice::DAYS)) => {
                self.days = days - choice::DAYS;
                self.step = Step::Review;
            }
            // A button of a version that is gone: the question is asked again.
            _ => {}
        }
    }

    fn add(&mut self, kind: QuestionKind, optional: bool) {
        let text = Wording::french(std::mem::take(&mut self.asking));
        self.questions.push(Question { text, optional, kind });
        self.step = Step::More;
    }

    fn definition(&self, slug: String) -> Definition {
        Definition {
            slug,
            title: Wording::french(self.title.as_str()),
            introduction: None,
            time_zone: None,
            opens_at: None,
            closing: Closing::AfterDays(self.days),
            anonymity: self.anonymity.unwrap_or(Anonymity::Anonymous),
            change_vote: true,
            results: self.results.unwrap_or(ResultsVisibility::AfterVote),
            accepts: BTreeSet::from([Assurance::Session, Assurance::Account]),
            results_from_ballots: RESULTS_FROM_BALLOTS_DEFAULT,
            results_step: RESULTS_STEP_DEFAULT,
            consent: None,
            questions: self.questions.clone(),
        }
    }
}

/// One option a line.
fn options(locale: Locale, words: &str) -> Result<Vec<Wording>, String> {
    let mark = |line: &str| line.trim().trim_start_matches(['-', '•', '*']).trim().to_owned();
    let lines: Vec<String> = words.lines().map(mark).filter(|line| !line.is_empty()).collect();
    let different: BTreeSet<String> = lines.iter().map(|line| line.to_lowercase()).collect();
    let fit =
        lines.iter().all(|line| line.chars().count() <= OPTION_CHARACTERS_MAX && !line.chars().any(char::is_control));
    if (OPTIONS_MIN..=OPTIONS_MAX).contains(&lines.len()) && different.len() == lines.len() && fit {
        return Ok(lines.into_iter().map(Wording::french).collect());
    }
    let limits =
        [("least", OPTIONS_MIN.into()), ("most", OPTIONS_MAX.into()), ("characters", OPTION_CHARACTERS_MAX.into())];
    Err(text(locale, "compose-text-options", &limits))
}

/// Asks what the composition needs next.
fn ask(cx: &mut Context, composition: &Composition, notice: Option<String>) {
    let locale = cx.locale;
    let say = |id: &str| text(locale, id, &[]);
    let number = composition.questions.len();
    let button = |argument: u16| {
        Action::new(Verb::Compose, ConsultationId(0), 0).on(composition.step.code()).with(argument).payload()
    };
    let mut document = Document::new();
    if let Some(notice) = notice {
        document = document.paragraph(Text::new().emphasis(notice));
    }
    document = match composition.step {
        Step::Title => document.paragraph(say("compose-title")),
        Step::Question => document.paragraph(text(locale, "compose-question", &[("number", (number + 1).into())])),
        Step::Kind => document
            .paragraph(Text::new().strong(composition.asking.as_str()))
            .paragraph(say("compose-kind"))
            .choice(say("compose-kind-single"), button(choice::SINGLE))
            .choice(say("compose-kind-multiple"), button(choice::MULTIPLE))
            .choice(say("compose-kind-rating"), button(choice::RATING))
            .choice(say("compose-kind-text"), button(choice::FREE_TEXT)),
        Step::SingleOptions | Step::MultipleOptions => {
            document.paragraph(Text::new().strong(composition.asking.as_str())).paragraph(say("compose-options"))
        }
        Step::More => {
            let mut document = document.paragraph(text(locale, "compose-more", &[("number", number.into())]));
            if number < QUESTIONS_MAX {
                document = document.choice(say("compose-add"), button(choice::ADD));
            }
            document.choice(say("compose-enough"), button(choice::ENOUGH))
        }
        Step::Anonymity => document
            .paragraph(say("compose-anonymity"))
            .choice(say("compose-anonymous"), button(choice::ANONYMOUS))
            .choice(say("compose-named"), button(choice::NAMED)),
        Step::Results => document
            .paragraph(say("compose-results"))
            .choice(say("compose-results-always"), button(choice::ALWAYS))
            .choice(say("compose-results-after-vote"), button(choice::AFTER_VOTE))
            .choice(say("compose-results-after-close"), button(choice::AFTER_CLOSE)),
        Step::Duration => {
            let mut document = document.paragraph(say("compose-duration"));
            for days in DURATIONS_DAYS {
                let label = text(locale, "extend-days", &[("days", days.into())]);
                document = document.choice(label, button(choice::DAYS + days));
            }
            document
        }
        Step::Review => review(locale, composition, document)
            .choice(say("compose-save-open"), button(choice::OPEN))
            .choice(say("compose-save"), button(choice::SAVE))
            .choice(say("compose-restart"), button(choice::RESTART)),
    };
    cx.reply(document.step(say("compose-cancel"), button(choice::CANCEL)));
    if composition.step.awaits_text() {
        cx.await_text(AWAITED, TEXT_WITHIN);
    } else {
        cx.stop_awaiting();
    }
}

/// The whole composition, as residents will read it.
fn review(locale: Locale, composition: &Composition, document: Document) -> Document {
    let anonymity = match composition.anonymity {
        Some(Anonymity::Named) => "compose-named",
        _ => "compose-anonymous",
    };
    let results = match composition.results {
        Some(ResultsVisibility::Always) => "compose-results-always",
        Some(ResultsVisibility::AfterClose) => "compose-results-after-close",
        _ => "compose-results-after-vote",
    };
    let facts = [
        ("anonymity", text(locale, anonymity, &[]).into()),
        ("days", composition.days.into()),
        ("results", text(locale, results, &[]).to_lowercase().into()),
    ];
    let mut document = document
        .paragraph(text(locale, "compose-preview", &[]))
        .heading(composition.title.as_str())
        .paragraph(text(locale, "compose-facts", &facts));
    for (index, question) in composition.questions.iter().enumerate() {
        let asked = format!("{}. {}", index + 1, question.text.in_locale(locale));
        document = document.paragraph(Text::new().strong(asked));
        document = match &question.kind {
            QuestionKind::FreeText { characters_max } => {
                document.paragraph(text(locale, "write-answer", &[("characters", (*characters_max).into())]))
            }
            kind => document.list(kind.labels().iter().map(|label| label.in_locale(locale))),
        };
    }
    document
}

async fn finish(cx: &mut Context, composition: &Composition, opens: bool) -> HandlerResult {
    let slug = free_slug(cx, &composition.title).await?;
    let made = async {
        let consultation = operations::create(cx, composition.definition(slug)).await?;
        if opens { operations::open(cx, consultation.id).await } else { Ok(consultation) }
    };
    match made.await {
        Ok(consultation) => {
            drop_it(cx).await?;
            let title = [("title", composition.title.as_str().into())];
            let lead = if opens {
                let zone = cx.organisation.time_zone;
                let closing = consultation.closes_at.map(|at| crate::words::moment(cx.locale, at, zone));
                let closing = [("closing", closing.unwrap_or_default().into())];
                text(cx.locale, "opened", &[title, closing].concat())
            } else {
                text(cx.locale, "compose-saved", &title)
            };
            organiser::present(cx, &consultation, lead).await
        }
        Err(OperationError::Refused(refusal)) => {
            let words = refusal.words(cx.locale);
            ask(cx, composition, Some(words));
            Ok(())
        }
        Err(OperationError::Handler(error)) => Err(error),
    }
}

/// A free name made from the title: `La place du marché` becomes `la-place-du-marche`.
async fn free_slug(cx: &mut Context, title: &str) -> Result<String, HandlerError> {
    let organisation = cx.organisation.id;
    let base = slug_of(title);
    for attempt in 1..=SLUG_TRIES_MAX {
        let slug = if attempt == 1 { base.clone() } else { format!("{base}-{attempt}") };
        if store::find_by_slug(cx.sql(), organisation, &slug).await?.is_none() {
            return Ok(slug);
        }
    }
    Ok(base)
}

fn slug_of(title: &str) -> String {
    // Room for a number behind.
    const CHARACTERS_MAX: usize = SLUG_CHARACTERS_MAX - 4;
    let mut slug = String::new();
    for letter in title.to_lowercase().chars() {
        let plain = match letter {
            'à' | 'â' | 'ä' | 'á' => "a",
            'ç' => "c",
            'é' | 'è' | 'ê' | 'ë' => "e",
            'î' | 'ï' | 'í' => "i",
            'ô' | 'ö' | 'ó' => "o",
            'ù' | 'û' | 'ü' | 'ú' => "u",
            'ÿ' => "y",
            'ñ' => "n",
            'œ' => "oe",
            'æ' => "ae",
            letter if letter.is_ascii_alphanumeric() => {
                slug.push(letter);
                continue;
            }
            _ if slug.is_empty() || slug.ends_with('-') => "",
            _ => "-",
        };
        slug.push_str(plain);
    }
    slug.truncate(CHARACTERS_MAX);
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "consultation".to_owned() } else { slug.to_owned() }
}

async fn load(cx: &mut Context) -> Result<Option<Composition>, HandlerError> {
    let Some(contact) = cx.caller.as_ref().map(|caller| caller.contact) else { return Ok(None) };
    let organisation = cx.organisation.id;
    let body = sqlx::query_scalar!(
        r#"
        SELECT body AS "body: Json<Composition>" FROM micro_consultations.composition
        WHERE organisation_id = $1 AND contact_id = $2
        "#,
        organisation.0,
        contact.0,
    )
    .fetch_optional(cx.sql())
    .await?;
    Ok(body.map(|Json(composition)| composition))
}

async fn keep(cx: &mut Context, composition: &Composition) -> HandlerResult {
    let Some(contact) = cx.caller.as_ref().map(|caller| caller.contact) else { return Ok(()) };
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.composition (organisation_id, contact_id, body, changed_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (organisation_id, contact_id) DO UPDATE SET body = excluded.body, changed_at = excluded.changed_at
        "#,
        organisation.0,
        contact.0,
        Json(composition) as _,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

async fn drop_it(cx: &mut Context) -> HandlerResult {
    let Some(contact) = cx.caller.as_ref().map(|caller| caller.contact) else { return Ok(()) };
    let organisation = cx.organisation.id;
    sqlx::query!(
        "DELETE FROM micro_consultations.composition WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::files::is_slug;
    use bot_core::plugin::Effect;
    use proptest::prelude::*;

    use super::*;
    use crate::bench::Town;
    use crate::definition_file;

    #[tokio::test]
    async fn an_organiser_composes_a_consultation_without_file_or_terminal() {
        let town = Town::new(41).await;
        let mut organiser = town.organiser();
        organiser.sends("nouvelle_consultation").await;
        organiser.writes("La Place du Marché, côté été !").await;
        organiser.writes("Que faire de la place ?").await;
        organiser.taps("Une seule réponse").await;
        organiser.writes("une seule ligne").await;
        assert!(organiser.reads().contains("de 2 à 20 réponses"), "{}", organiser.reads());
        organiser.writes("- Halle couverte\n- Jardin\n").await;
        let stale = organiser.sees.choices[0].clone();
        organiser.taps("Ajouter").await;
        organiser.presses(&stale).await;
        assert!(organiser.reads().contains("question précédente"), "{}", organiser.reads());
        organiser.writes("Êtes-vous satisfait ?").await;
        organiser.taps("Une note").await;
        organiser.taps("Ajouter").await;
        organiser.writes("Une idée ?").await;
        organiser.taps("Une réponse écrite").await;
        organiser.taps("C’est tout").await;
        organiser.taps("Anonymes").await;
        organiser.taps("Après avoir répondu").await;
        organiser.taps("14 jours").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        Voici votre consultation. Relisez-la comme un habitant la lira.
        La Place du Marché, côté été !
        Anonymes, 14 jours, résultats : après avoir répondu.
        1. Que faire de la place ?
        • Halle couverte
        • Jardin
        2. Êtes-vous satisfait ?
        • Pas du tout
        • Plutôt non
        • Ni oui ni non
        • Plutôt oui
        • Tout à fait
        3. Une idée ?
        Écrivez votre réponse dans un message (500 caractères au plus).
        [Ouvrir maintenant]
        [Garder en brouillon]
        [Recommencer]
        [Abandonner]
        ");
        organiser.taps("Ouvrir maintenant").await;
        insta::assert_snapshot!(organiser.reads(), @r"
        « La Place du Marché, côté été ! » est ouverte jusqu’au mardi 15 septembre 2026 à 10 h. Annoncez-la pour prévenir les personnes qui ont accepté d’être contactées.
        La Place du Marché, côté été !
        • ouverte jusqu’au mardi 15 septembre 2026 à 10 h
        • Aucun bulletin.
        [Annoncer]
        [Voir les résultats]
        [Prolonger]
        [Clore]
        [Aperçu]
        [Exporter le fichier]
        [Toutes mes consultations]
        ");
        organiser.taps("Exporter").await;
        let file = organiser.effects.iter().find_map(|effect| match effect {
            Effect::StoreMedia { content, .. } => Some(String::from_utf8(content.clone()).unwrap()),
            _ => None,
        });
        let definition = definition_file::parse(&file.unwrap()).unwrap();
        assert_eq!(definition.slug, "la-place-du-marche-cote-ete");
        assert_eq!(definition.questions.len(), 3);

        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        assert!(ana.reads().contains("Question 1/3"));
    }

    #[tokio::test]
    async fn two_consultations_of_the_same_title_get_two_names() {
        let town = Town::new(42).await;
        for expected in ["marche", "marche-2"] {
            let mut organiser = town.organiser();
            organiser.sends("nouvelle_consultation").await;
            organiser.writes("Marché").await;
            organiser.writes("Oui ?").await;
            organiser.taps("Une note").await;
            organiser.taps("C’est tout").await;
            organiser.taps("Nominatives").await;
            organiser.taps("À tout moment").await;
            organiser.taps("Un jour").await;
            organiser.taps("Garder").await;
            assert!(organiser.reads().contains("gardée en brouillon"), "{}", organiser.reads());
            let known = town.operator(async |cx| operations::list(cx.sql(), town.bench.organisation.id).await).await.0;
            assert!(known.iter().any(|summary| summary.slug == expected));
        }
    }

    proptest! {
        #[test]
        fn any_title_makes_a_name(title in ".{0,120}") {
            prop_assert!(is_slug(&slug_of(&title)), "{}", slug_of(&title));
        }
    }
}
