//! Public pages: what is asked, what came out, and how it was counted. Full HTML, without script or inline style.
//!
//! Served under `/consultations`: the list, `/consultations/{slug}`, `/consultations/{slug}/ballots.csv` and
//! `/consultations/style.css`. Reading a page changes nothing.

use std::fmt::Write;

use bot_core::Locale;
use bot_core::adapter::Assurance;
use bot_core::plugin::{HandlerError, OrganisationView};
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::answer::Answer;
use crate::chart::Chart;
use crate::closing;
use crate::definition::{Anonymity, QuestionKind};
use crate::results::{self, Counts, Results, Viewer, status_words};
use crate::script::Script;
use crate::store::{self, Consultation, State};
use crate::words::{Argument, text};

/// The stylesheet of these pages, `text/css`.
pub const STYLESHEET: &str = include_str!("page.css");

/// Who asks for a page, of what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'v> {
    pub pool: &'v PgPool,
    pub organisation: &'v OrganisationView,
    pub locale: Locale,
    pub now: DateTime<Utc>,
}

impl Visit<'_> {
    pub(crate) fn say(&self, id: &str, arguments: &[(&str, Argument<'_>)]) -> String {
        escape(&text(self.locale, id, arguments))
    }

    fn language(&self) -> &'static str {
        match self.locale {
            Locale::Fr => "",
            Locale::En => "?lang=en",
        }
    }

    fn other_language(&self) -> (&'static str, &'static str) {
        match self.locale {
            Locale::Fr => ("en", "?lang=en"),
            Locale::En => ("fr", "?lang=fr"),
        }
    }

    fn script<'c>(&self, consultation: &'c Consultation) -> Script<'c> {
        let time_zone = self.organisation.time_zone;
        Script { consultation, locale: self.locale, time_zone, buttons: true }
    }

    /// When it opens, closes or closed.
    fn times(&self, consultation: &Consultation) -> String {
        let script = self.script(consultation);
        match consultation.state {
            State::Draft | State::Scheduled => {
                let opening = consultation.opens_at.map(|at| script.moment(at)).unwrap_or_default();
                self.say("page-opens-on", &[("opening", opening.into())])
            }
            State::Open if consultation.takes_ballots(self.now) => {
                self.say("page-open-until", &[("closing", script.closing().into())])
            }
            State::Open | State::Closed => self.say("page-closed-on", &[("closing", script.closing().into())]),
        }
    }

    pub(crate) fn page(&self, title: &str, path: &str, body: &str) -> String {
        let (language, (other, query)) = (self.locale, self.other_language());
        let (skip, switch) = (self.say("page-skip", &[]), self.say("page-other-language", &[]));
        let organisation = escape(&self.organisation.title);
        let title = escape(title);
        format!(
            r##"<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – {organisation}</title>
<link rel="stylesheet" href="/consultations/style.css">
</head>
<body>
<header>
<a class="skip" href="#content">{skip}</a>
<p>{organisation} · <a href="{path}{query}" hreflang="{other}" lang="{other}">{switch}</a></p>
</header>
<main id="content">
<h1>{title}</h1>
{body}</main>
</body>
</html>
"##
        )
    }
}

/// The page that lists consultations: open ones first, then closed ones.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_page(visit: &Visit<'_>) -> Result<String, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let organisation = visit.organisation.id;
    let found = store::list(&mut sql, organisation, &[State::Open, State::Scheduled, State::Closed]).await?;
    let (open, closed): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| !found.is_over(visit.now));
    let mut body = String::new();
    for (heading, group) in [("page-list-open", &open), ("page-list-closed", &closed)] {
        if group.is_empty() {
            continue;
        }
        let _ = write!(body, "<h2>{}</h2>\n<ul>\n", visit.say(heading, &[]));
        for consultation in group {
            let title = escape(consultation.definition.title.in_locale(visit.locale));
            let (slug, query) = (consultation.slug(), visit.language());
            let times = visit.times(consultation);
            let _ = writeln!(body, r#"<li><a href="/consultations/{slug}{query}">{title}</a> – {times}</li>"#);
        }
        body.push_str("</ul>\n");
    }
    if body.is_empty() {
        let _ = writeln!(body, "<p>{}</p>", visit.say("page-list-empty", &[]));
    }
    Ok(visit.page(&text(visit.locale, "page-list-title", &[]), "/consultations", &body))
}

/// The public page of one consultation; `None` when there is none by this name, or it is still a draft.
///
/// # Errors
/// When the database cannot be read.
pub async fn consultation_page(visit: &Visit<'_>, slug: &str) -> Result<Option<String>, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let organisation = visit.organisation.id;
    let found = store::find_by_slug(&mut sql, organisation, slug).await?;
    let Some(consultation) = found.filter(|found| found.state != State::Draft) else { return Ok(None) };
    let results = results::read(&mut sql, organisation, &consultation, Viewer::Public).await?;
    let definition = &consultation.definition;

    let mut body = format!("<p class=\"lead\">{}</p>\n", visit.times(&consultation));
    if let Some(introduction) = &definition.introduction {
        for paragraph in introduction.in_locale(visit.locale).split('\n').filter(|words| !words.trim().is_empty()) {
            let _ = writeln!(body, "<p>{}</p>", escape(paragraph));
        }
    }
    if consultation.takes_ballots(visit.now) {
        let _ = writeln!(body, "<p>{}</p>", visit.say("page-how-to-answer", &[]));
    }
    if consultation.state != State::Scheduled {
        participation(visit, &results, &mut body);
        counts(visit, &consultation, &results, &mut body);
    }
    method(visit, &consultation, &results, &mut body);
    let _ =
        writeln!(body, r#"<p><a href="/consultations{}">{}</a></p>"#, visit.language(), visit.say("page-back", &[]));
    let title = definition.title.in_locale(visit.locale);
    Ok(Some(visit.page(title, &format!("/consultations/{slug}"), &body)))
}

fn participation(visit: &Visit<'_>, results: &Results, body: &mut String) {
    let _ = write!(
        body,
        "<h2>{heading}</h2>\n<div class=\"scroll\"><table><caption>{heading}</caption><thead><tr>\
         <th scope=\"col\">{how}</th><th scope=\"col\">{ballots}</th></tr></thead><tbody>",
        heading = visit.say("page-participation", &[]),
        how = visit.say("page-assurance", &[]),
        ballots = visit.say("page-ballots", &[]),
    );
    let mut row = |name: String, ballots: u64| {
        let _ = write!(body, "<tr><th scope=\"row\">{name}</th><td>{ballots}</td></tr>");
    };
    for level in &results.participation {
        let id = match level.assurance {
            Assurance::Session => "page-assurance-session",
            Assurance::Account => "page-assurance-account",
            Assurance::Code => "page-assurance-code",
        };
        row(visit.say(id, &[]), level.ballots);
    }
    row(visit.say("page-total", &[]), results.ballots());
    body.push_str("</tbody></table></div>\n");
}

fn counts(visit: &Visit<'_>, consultation: &Consultation, results: &Results, body: &mut String) {
    let _ = writeln!(body, "<h2>{}</h2>", visit.say("page-results", &[]));
    let script = visit.script(consultation);
    let status = match results.counts {
        Counts::HiddenUntilVote => script.say_of_it("results-hidden-vote"),
        Counts::HiddenUntilClose => script.say_of_it("results-hidden-close"),
        _ => status_words(visit.locale, consultation, results),
    };
    let _ = writeln!(body, "<p>{}</p>", escape(&status));
    let Counts::Shown { is_final, tally, texts } = &results.counts else {
        // What is asked is public all the same.
        body.push_str("<ol>\n");
        for question in &consultation.definition.questions {
            let _ = writeln!(body, "<li>{}</li>", escape(question.text.in_locale(visit.locale)));
        }
        body.push_str("</ol>\n");
        return;
    };
    for (index, (question, counted)) in consultation.definition.questions.iter().zip(&tally.questions).enumerate() {
        let number = index + 1;
        let asked = escape(question.text.in_locale(visit.locale));
        let _ = writeln!(body, "<h3>{number}. {asked}</h3>");
        match Chart::of(visit.locale, question, counted) {
            Some(chart) => {
                let twin = chart.twin();
                let _ = writeln!(body, "<p>{}</p>", escape(&twin.sentence));
                if counted.answered > 0 {
                    let _ = writeln!(body, "{}", chart.svg(&format!("question-{number}")));
                }
                let _ = writeln!(body, "<div class=\"scroll\">{}</div>", twin.table.html());
            }
            None => {
                let written = texts.get(index).map(Vec::as_slice).unwrap_or_default();
                let id = if *is_final { "results-texts" } else { "results-texts-later" };
                let said = crate::words::count(counted.answered);
                let _ = writeln!(body, "<p>{}</p>", visit.say(id, &[("count", said)]));
                if !written.is_empty() {
                    let _ = writeln!(body, "<h4>{}</h4>", visit.say("page-texts", &[]));
                }
                for words in written {
                    let _ = writeln!(body, "<blockquote>{}</blockquote>", escape(words));
                }
            }
        }
    }
}

fn method(visit: &Visit<'_>, consultation: &Consultation, results: &Results, body: &mut String) {
    let definition = &consultation.definition;
    let mut facts = vec![match definition.anonymity {
        Anonymity::Anonymous => "page-method-anonymous",
        Anonymity::Named => "page-method-named",
    }];
    if definition.accepts.contains(&Assurance::Code) {
        facts.push("page-method-code");
    }
    if definition.accepts.contains(&Assurance::Account) {
        facts.push("page-method-account");
    }
    if definition.accepts.contains(&Assurance::Session) {
        facts.push("page-method-session");
    }
    facts.push("page-method-base");
    if definition.questions.iter().any(|question| matches!(question.kind, QuestionKind::FreeText { .. })) {
        facts.push("page-method-texts");
    }
    let _ = write!(body, "<h2>{}</h2>\n<ul>\n", visit.say("page-method", &[]));
    for fact in facts {
        let _ = writeln!(body, "<li>{}</li>", visit.say(fact, &[]));
    }
    let mut hash = String::new();
    for byte in definition.wording_hash() {
        let _ = write!(hash, "{byte:02x}");
    }
    let _ = writeln!(body, "<li>{} <code>{hash}</code></li>\n</ul>", visit.say("page-method-hash", &[]));
    if matches!(results.counts, Counts::Shown { is_final: true, .. }) {
        let (slug, link) = (consultation.slug(), visit.say("page-csv", &[]));
        let _ = writeln!(body, r#"<p><a href="/consultations/{slug}/ballots.csv">{link}</a></p>"#);
    }
}

/// Every ballot of a closed consultation in its random order, as CSV (RFC 4180, UTF-8), so that anyone can recount.
///
/// A column for each question: the option chosen, or the number of the step on a scale (from 1); where several
/// options may be chosen, a column for each, 1 or 0; for written answers 1 or 0, the words being listed apart on the
/// page. An empty cell is a question left out. `None` when there is no such consultation, it is not closed, or too
/// few took part for its counts to be shown.
///
/// # Errors
/// When the database cannot be read.
pub async fn ballots_csv(visit: &Visit<'_>, slug: &str) -> Result<Option<String>, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let organisation = visit.organisation.id;
    let Some(consultation) = store::find_by_slug(&mut sql, organisation, slug).await? else { return Ok(None) };
    let results = results::read(&mut sql, organisation, &consultation, Viewer::Public).await?;
    if !matches!(results.counts, Counts::Shown { is_final: true, .. }) {
        return Ok(None);
    }
    let questions = &consultation.definition.questions;
    let mut header = Vec::new();
    for question in questions {
        let asked = question.text.in_locale(visit.locale);
        match &question.kind {
            QuestionKind::Multiple { options, .. } => {
                header.extend(options.iter().map(|option| format!("{asked} – {}", option.in_locale(visit.locale))));
            }
            _ => header.push(asked.to_owned()),
        }
    }
    let mut csv = csv_line(&header);
    for ballot in closing::closed_ballots(&mut sql, organisation, consultation.id).await? {
        let mut cells = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            let labels = question.kind.labels();
            match (ballot.get(index), &question.kind) {
                (answer, QuestionKind::Multiple { options, .. }) => {
                    cells.extend((0u8..).zip(options).map(|(option, _)| match answer {
                        Some(answer) => u8::from(answer.has(option)).to_string(),
                        None => String::new(),
                    }));
                }
                (Some(Answer::Single(option)), _) => {
                    let label = labels.get(usize::from(*option)).map(|label| label.in_locale(visit.locale));
                    cells.push(label.unwrap_or_default().to_owned());
                }
                (Some(Answer::Rating(step)), _) => cells.push((u16::from(*step) + 1).to_string()),
                (answer, QuestionKind::FreeText { .. }) => cells.push(u8::from(answer.is_some()).to_string()),
                _ => cells.push(String::new()),
            }
        }
        csv.push_str(&csv_line(&cells));
    }
    Ok(Some(csv))
}

pub(crate) fn csv_line(cells: &[String]) -> String {
    let quoted = cells.iter().map(|cell| {
        // A spreadsheet would read these as a formula.
        let guard = if cell.starts_with(['=', '+', '-', '@', '\t']) { "'" } else { "" };
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

/// Plain words as HTML text or attribute.
pub(crate) fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Citizen, MARKET, Town};
    use crate::operations;

    fn visit(town: &Town, locale: Locale) -> Visit<'_> {
        let bench = &town.bench;
        Visit { pool: &bench.pool, organisation: &bench.organisation, locale, now: bench.clock.now() }
    }

    async fn votes(citizen: &mut Citizen<'_>, labels: &[&str]) {
        citizen.sends("consultations").await;
        citizen.taps("Répondre").await;
        for label in labels {
            citizen.taps(label).await;
        }
        citizen.taps("Déposer").await;
    }

    const TWO: &str = r#"slug = "deux"
title = "Deux <questions>"
duration_days = 7
anonymity = "anonymous"
results_from_ballots = 2

[[questions]]
kind = "single"
text = "Laquelle ?"
options = ["=A", "B"]

[[questions]]
kind = "multiple"
text = "Lesquels ?"
options = ["X", "Y"]
optional = true
"#;

    #[tokio::test]
    async fn anybody_recounts_the_same_figures_from_the_file() {
        let town = Town::new(51).await;
        let id = town.opens(TWO).await.id;
        for labels in [&["=A", "X", "Y", "Continuer"][..], &["B", "Y", "Continuer"], &["=A", "Continuer"]] {
            votes(&mut town.citizen(), labels).await;
        }
        let here = visit(&town, Locale::Fr);
        assert_eq!(ballots_csv(&here, "deux").await.unwrap(), None, "ballots of an open consultation were published");
        let page = consultation_page(&here, "deux").await.unwrap().unwrap();
        assert!(page.contains("s’affichent une fois que vous avez répondu") && !page.contains("<svg"), "{page}");

        town.operator(async |cx| Ok(operations::close(cx, id).await.unwrap())).await;
        let csv = ballots_csv(&here, "deux").await.unwrap().unwrap();
        let mut lines: Vec<&str> = csv.lines().collect();
        lines[1..].sort_unstable();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "Laquelle ?","Lesquels ? – X","Lesquels ? – Y"
        "'=A","",""
        "'=A","1","1"
        "B","0","1"
        "#);
        let page = consultation_page(&here, "deux").await.unwrap().unwrap();
        let cells: Vec<&str> = page.split("<td>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        insta::assert_snapshot!(cells.join(" | "), @"3 | 3 | 2 | 66,7 % | 1 | 33,3 % | 1 | 50 % | 2 | 100 %");
        assert!(page.contains("<svg") && page.contains("Deux &lt;questions&gt;"));
    }

    #[tokio::test]
    async fn a_page_needs_no_script_and_no_inline_style() {
        let town = Town::new(52).await;
        town.opens(&format!("results_from_ballots = 1\n{MARKET}")).await;
        votes(&mut town.citizen(), &["Jardin"]).await;
        for locale in Locale::ALL {
            let here = visit(&town, locale);
            let pages =
                [list_page(&here).await.unwrap(), consultation_page(&here, "place-du-marche").await.unwrap().unwrap()];
            for page in pages {
                assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&format!("<html lang=\"{locale}\">")));
                for forbidden in ["<script", "style=", "<style", "onclick", "javascript:"] {
                    assert!(!page.contains(forbidden), "{forbidden} in\n{page}");
                }
                assert_eq!(page.matches("<h1>").count(), 1);
            }
        }
        assert_eq!(consultation_page(&visit(&town, Locale::Fr), "inconnue").await.unwrap(), None);
    }
}
