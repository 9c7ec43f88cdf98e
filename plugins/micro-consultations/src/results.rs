//! What is shown of a consultation, to whom and when; and how it is said in chat.

use bot_core::Locale;
use bot_core::OrganisationId;
use bot_core::adapter::Assurance;
use bot_core::message::{Document, Table, Text};
use bot_core::plugin::{Context, HandlerError, HandlerResult};
use serde::Serialize;
use sqlx::PgConnection;

use crate::action::{Action, Verb};
use crate::ballot;
use crate::chart::Chart;
use crate::closing;
use crate::definition::{QuestionKind, ResultsVisibility};
use crate::snapshot;
use crate::store::{self, Consultation, State};
use crate::tally::Tally;
use crate::words::{count, moment, text};

/// Questions whose chart is sent as a picture: beyond, the table says it, and the public page draws them all.
const PICTURES_MAX: usize = 5;
/// Written answers listed in one message.
const TEXTS_MAX: usize = 10;
/// Consultations whose results are offered in one message.
const LISTED_MAX: usize = 10;

/// Who looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Viewer {
    /// Anybody, as on the public page or in a group.
    Public,
    /// Somebody whose ballot counts now, or an organiser: sees what voters see.
    Voter,
}

/// What may be shown of a consultation now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Results {
    /// Ballots that count now, by how surely each is counted once.
    pub participation: Vec<Participation>,
    pub counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Participation {
    pub assurance: Assurance,
    pub ballots: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Counts {
    /// Provisional while `is_final` is false. `texts` are the written answers to each question, shuffled, once closed.
    Shown { is_final: bool, tally: Tally, texts: Vec<Vec<String>> },
    /// Shown from this many ballots on.
    NotYet { from: u16 },
    /// It closed with fewer ballots than this: counts would show who chose what.
    TooFew { from: u16 },
    /// Shown to those who have answered.
    HiddenUntilVote,
    /// Shown to nobody before the closing.
    HiddenUntilClose,
}

impl Results {
    pub fn ballots(&self) -> u64 {
        self.participation.iter().map(|level| level.ballots).sum()
    }
}

/// What `viewer` may see now.
pub async fn read(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    viewer: Viewer,
) -> Result<Results, HandlerError> {
    let definition = &consultation.definition;
    let participation = snapshot::participation(&mut *sql, organisation, consultation).await?;
    let participation =
        participation.into_iter().map(|(assurance, ballots)| Participation { assurance, ballots }).collect();
    let is_final = consultation.state == State::Closed;
    let counts = match (definition.results, viewer) {
        (ResultsVisibility::AfterClose, _) if !is_final => Counts::HiddenUntilClose,
        (ResultsVisibility::AfterVote, Viewer::Public) if !is_final => Counts::HiddenUntilVote,
        _ => {
            let tally = snapshot::shown(&mut *sql, organisation, consultation).await?;
            let from = definition.results_from_ballots;
            match tally {
                Some(tally) if is_final && consultation.is_anonymous() && tally.ballots < u64::from(from) => {
                    Counts::TooFew { from }
                }
                Some(tally) => {
                    let mut texts = Vec::new();
                    for (index, question) in definition.questions.iter().enumerate() {
                        let written = is_final && matches!(question.kind, QuestionKind::FreeText { .. });
                        texts.push(if written {
                            closing::closed_texts(&mut *sql, organisation, consultation.id, index).await?
                        } else {
                            Vec::new()
                        });
                    }
                    Counts::Shown { is_final, tally, texts }
                }
                None => Counts::NotYet { from: if consultation.is_anonymous() { from } else { 1 } },
            }
        }
    };
    Ok(Results { participation, counts })
}

/// Who the caller is to this consultation's results. In a group everybody reads along.
async fn viewer(cx: &mut Context, consultation: &Consultation) -> Result<Viewer, HandlerError> {
    let organisation = cx.organisation.id;
    let Some(caller) = cx.caller.clone().filter(|caller| caller.conversation.private) else {
        return Ok(Viewer::Public);
    };
    let voted = caller.has(bot_core::plugin::Role::Organiser)
        || ballot::has_cast(cx.sql(), organisation, consultation, &caller.addresses).await?;
    Ok(if voted { Viewer::Voter } else { Viewer::Public })
}

/// The results as a message, if any may be shown to the caller.
pub(crate) async fn document(cx: &mut Context, consultation: &Consultation) -> Result<Option<Document>, HandlerError> {
    let viewer = viewer(cx, consultation).await?;
    let organisation = cx.organisation.id;
    let results = read(cx.sql(), organisation, consultation, viewer).await?;
    match results.counts {
        Counts::HiddenUntilVote | Counts::HiddenUntilClose => Ok(None),
        _ => Ok(Some(said(cx, consultation, &results))),
    }
}

/// Answers with the results, or says when they will be shown.
pub(crate) async fn reply(cx: &mut Context, consultation: &Consultation) -> HandlerResult {
    let document = match document(cx, consultation).await? {
        Some(document) => document,
        None => {
            let in_group = cx.caller.as_ref().is_some_and(|caller| !caller.conversation.private);
            let id = match consultation.definition.results {
                ResultsVisibility::AfterVote if in_group => "results-hidden-group",
                ResultsVisibility::AfterVote => "results-hidden-vote",
                _ => "results-hidden-close",
            };
            let locale = cx.locale;
            let zone = consultation.definition.time_zone.unwrap_or(cx.organisation.time_zone);
            let closing = consultation.closes_at.map(|at| moment(locale, at, zone)).unwrap_or_default();
            let title = consultation.definition.title.in_locale(locale);
            let hidden = text(locale, id, &[("title", title.into()), ("closing", closing.into())]);
            let action = Action::new(Verb::Answer, consultation.id, consultation.version);
            let document = Document::says(hidden);
            if in_group { document } else { document.choice(text(locale, "button-answer", &[]), action.payload()) }
        }
    };
    cx.reply(document);
    Ok(())
}

/// `/resultats`, with a consultation's name or without.
pub(crate) async fn command(cx: &mut Context, slug: &str) -> HandlerResult {
    let (organisation, locale) = (cx.organisation.id, cx.locale);
    if !slug.is_empty() {
        let found = store::find_by_slug(cx.sql(), organisation, slug).await?;
        return match found.filter(|found| matches!(found.state, State::Open | State::Closed)) {
            Some(consultation) => reply(cx, &consultation).await,
            None => {
                cx.reply(Document::says(text(locale, "unknown", &[])));
                Ok(())
            }
        };
    }
    let mut known = store::list(cx.sql(), organisation, &[State::Open, State::Closed]).await?;
    if let [only] = known.as_slice() {
        let only = only.clone();
        return reply(cx, &only).await;
    }
    if known.is_empty() {
        cx.reply(Document::says(text(locale, "results-list-none", &[])));
        return Ok(());
    }
    known.truncate(LISTED_MAX);
    let mut document = Document::new().heading(text(locale, "results-list-heading", &[]));
    for consultation in known {
        let action = Action::new(Verb::Results, consultation.id, consultation.version);
        document = document.choice(consultation.definition.title.in_locale(locale), action.payload());
    }
    cx.reply(document);
    Ok(())
}

/// How many took part, in words.
pub(crate) fn participation_words(locale: Locale, results: &Results) -> String {
    let total = text(locale, "participation", &[("ballots", count(results.ballots()))]);
    let levels: Vec<String> = results
        .participation
        .iter()
        .map(|level| {
            let id = match level.assurance {
                Assurance::Session => "participation-session",
                Assurance::Account => "participation-account",
                Assurance::Code => "participation-code",
            };
            text(locale, id, &[("ballots", count(level.ballots))])
        })
        .collect();
    if levels.is_empty() { format!("{total}.") } else { format!("{total} ({}).", levels.join("; ")) }
}

/// Where these counts come from, or why there are none.
pub(crate) fn status_words(locale: Locale, consultation: &Consultation, results: &Results) -> String {
    match &results.counts {
        Counts::Shown { tally, .. } if tally.ballots == 0 => text(locale, "results-nobody", &[]),
        Counts::Shown { is_final: true, tally, .. } => {
            text(locale, "results-final", &[("ballots", count(tally.ballots))])
        }
        Counts::Shown { tally, .. } if consultation.is_anonymous() && consultation.definition.results_step > 1 => {
            let step = consultation.definition.results_step;
            text(locale, "results-live", &[("ballots", count(tally.ballots)), ("step", step.into())])
        }
        Counts::Shown { tally, .. } => text(locale, "results-live-now", &[("ballots", count(tally.ballots))]),
        Counts::NotYet { from: 1 } => text(locale, "results-nobody", &[]),
        Counts::NotYet { from } => text(locale, "results-not-yet", &[("from", (*from).into())]),
        Counts::TooFew { .. } if results.ballots() == 0 => text(locale, "results-nobody", &[]),
        Counts::TooFew { from } => text(locale, "results-too-few", &[("from", (*from).into())]),
        Counts::HiddenUntilVote | Counts::HiddenUntilClose => String::new(),
    }
}

/// Results as a message: a sentence, a table and a chart for each question.
fn said(cx: &mut Context, consultation: &Consultation, results: &Results) -> Document {
    let (locale, definition) = (cx.locale, &consultation.definition);
    let title = definition.title.in_locale(locale);
    let mut document = Document::new()
        .heading(text(locale, "results-heading", &[("title", title.into())]))
        .paragraph(status_words(locale, consultation, results))
        .paragraph(participation_words(locale, results));
    if let Counts::Shown { is_final, tally, texts } = &results.counts {
        let mut pictures = 0;
        for (index, (question, counted)) in definition.questions.iter().zip(&tally.questions).enumerate() {
            document = document.paragraph(Text::new().strong(question.text.in_locale(locale)));
            let Some(chart) = Chart::of(locale, question, counted) else {
                let written = texts.get(index).map(Vec::as_slice).unwrap_or_default();
                document = texts_said(locale, document, *is_final, counted.answered, written);
                continue;
            };
            let twin = chart.twin();
            document = document
                .paragraph(twin.sentence.as_str())
                .table(Table { header: twin.table.header, rows: twin.table.rows });
            if pictures < PICTURES_MAX
                && counted.answered > 0
                && let Some(png) = chart.png()
            {
                pictures += 1;
                let name = format!("{}-{}.png", definition.slug, index + 1);
                let media = cx.store_media("image/png", name, png);
                let alternative = text(locale, "results-chart", &[("sentence", twin.sentence.into())]);
                document = document.figure(media, alternative);
            }
        }
    }
    if let Some(url) = page_url(cx, consultation) {
        document = document.paragraph(Text::new().link(text(locale, "results-page", &[]), url));
    }
    document
}

fn texts_said(locale: Locale, document: Document, is_final: bool, answered: u64, texts: &[String]) -> Document {
    if !is_final {
        return document.paragraph(text(locale, "results-texts-later", &[("count", count(answered))]));
    }
    let mut document = document
        .paragraph(text(locale, "results-texts", &[("count", count(answered))]))
        .list(texts.iter().take(TEXTS_MAX).map(String::as_str));
    if let Some(more) = texts.len().checked_sub(TEXTS_MAX).filter(|&more| more > 0) {
        document = document.paragraph(text(locale, "results-texts-more", &[("count", more.into())]));
    }
    document
}

/// The public page of a consultation, where there is a public address.
pub(crate) fn page_url(cx: &Context, consultation: &Consultation) -> Option<String> {
    let url = cx.public_url.as_deref()?;
    let language = if cx.locale == Locale::Fr { "" } else { "?lang=en" };
    Some(format!("{url}/consultations/{}{language}", consultation.slug()))
}

#[cfg(test)]
mod tests {
    use crate::bench::{Citizen, MARKET, Town};

    async fn votes(citizen: &mut Citizen<'_>) {
        citizen.sends("consultations").await;
        citizen.taps(if citizen.locale == bot_core::Locale::Fr { "Répondre" } else { "Answer" }).await;
        citizen.taps("Jardin").await;
        citizen.taps(if citizen.locale == bot_core::Locale::Fr { "Déposer" } else { "Cast" }).await;
    }

    #[tokio::test]
    async fn results_after_the_vote_are_for_those_who_voted() {
        let town = Town::new(81).await;
        town.opens(&format!("results_from_ballots = 1\n{}", MARKET.replace("always", "after_vote"))).await;
        let (mut ana, mut bob) = (town.citizen(), town.citizen());
        votes(&mut ana).await;
        ana.taps("Voir les résultats").await;
        assert!(ana.reads().contains("« Jardin » arrive en tête"), "{}", ana.reads());
        bob.sends("resultats").await;
        insta::assert_snapshot!(bob.reads(), @r"
        Les résultats de « La place du marché » s’affichent une fois que vous avez répondu ; ils seront publics à la clôture, le mardi 15 septembre 2026 à 10 h.
        [Répondre]
        ");
        // Those who withdrew no longer see them.
        ana.sends("consultations").await;
        ana.taps("Revoir").await;
        ana.taps("Retirer").await;
        ana.taps("Oui").await;
        ana.sends("resultats").await;
        assert!(ana.reads().contains("s’affichent une fois que vous avez répondu"), "{}", ana.reads());
    }

    #[tokio::test]
    async fn results_after_the_closing_are_for_nobody_before_not_even_organisers() {
        let town = Town::new(82).await;
        town.opens(&format!("results_from_ballots = 1\n{}", MARKET.replace("always", "after_close"))).await;
        let mut ana = town.citizen();
        votes(&mut ana).await;
        assert!(ana.sees.choices.iter().all(|choice| !choice.label.contains("résultats")));
        let mut organiser = town.organiser();
        organiser.sends("resultats").await;
        assert!(organiser.reads().contains("seront publiés à la clôture"), "{}", organiser.reads());
    }

    #[tokio::test]
    async fn the_same_in_english() {
        let town = Town::new(83).await;
        town.opens(&format!("results_from_ballots = 1\n{MARKET}")).await;
        let mut ana = town.citizen();
        ana.locale = bot_core::Locale::En;
        votes(&mut ana).await;
        insta::assert_snapshot!(ana.reads(), @r"
        Your ballot is recorded. Thank you!
        You can change or withdraw it until Tuesday 15 September 2026 at 10:00. So that nobody can read it, I never show a ballot again once it is cast.
        [See the results]
        [Change my ballot]
        [Withdraw my ballot]
        ");
        ana.taps("See the results").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Results: La place du marché
        Provisional results from 1 ballot, updated every 5 ballots or more.
        Participation: 1 ballot (1 from a browser, one per session).
        Que faire de la place ?
        “Jardin” comes first with 1 vote out of 1 ballot (100%).
        Choice | Votes | Share
        Halle couverte | 0 | 0%
        Jardin | 1 | 100%
        Parking | 0 | 0%
        Chart: “Jardin” comes first with 1 vote out of 1 ballot (100%).
        ");
    }
}
