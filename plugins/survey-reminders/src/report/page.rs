//! The report as a page for organisers, and its files. Full HTML, without script or inline style; served to whoever
//! has a session (see [`super::gate`]).

use std::fmt::Write;

use bot_core::charts::{RateChart, Table};
use bot_core::files::is_slug;
use bot_core::plugin::HandlerError;

use super::Report;
use super::csv;
use super::gate;
use super::http::{Answer, FORM_POLICY, Visit, escape};
use super::strata::Dimension;
use super::words::{self, count, text};
use super::{chart, read};

/// Lines of the list that the page shows, and that its file has.
const NEXT_SHOWN: usize = 20;
const NEXT_IN_FILE: usize = 1000;
/// The whole report for programs, beside the files of [`csv::FILES`].
pub const JSON: &str = "rapport.json";

/// The page of a report.
///
/// # Errors
/// When the database cannot be read.
pub async fn report_page(visit: &Visit<'_>, slug: &str, cookies: &[&str]) -> Result<Answer, HandlerError> {
    let Some(report) = opened(visit, slug, cookies).await? else { return Ok(gate::refused(visit)) };
    let title = text(visit.locale, "report-page-title", &[("title", report.title.in_locale(visit.locale).into())]);
    let page = visit.page(&title, Some(&gate::path(slug)), &body(visit, &report));
    Ok(Answer::html(200, visit.locale, page, FORM_POLICY))
}

/// One of the files of a report: [`csv::FILES`] or [`JSON`].
///
/// # Errors
/// When the database cannot be read.
pub async fn download(visit: &Visit<'_>, slug: &str, file: &str, cookies: &[&str]) -> Result<Answer, HandlerError> {
    if file != JSON && !csv::FILES.contains(&file) {
        return Ok(visit.unknown());
    }
    let Some(report) = opened(visit, slug, cookies).await? else { return Ok(gate::refused(visit)) };
    let (content_type, bytes) = if file == JSON {
        let json = serde_json::to_vec_pretty(&report);
        ("application/json", json.map_err(|error| HandlerError::Broken(error.to_string()))?)
    } else {
        ("text/csv; charset=utf-8", csv::file(visit.locale, &report, file).unwrap_or_default())
    };
    // The slug of a campaign that was found and the name of a file are made of a-z, 0-9, `-` and a dot.
    let disposition = format!("attachment; filename=\"{}-{file}\"", report.slug);
    Ok(Answer::new(200, content_type, bytes).with("content-disposition", disposition))
}

/// The report, for whoever has a session for it.
async fn opened(visit: &Visit<'_>, slug: &str, cookies: &[&str]) -> Result<Option<Report>, HandlerError> {
    if !is_slug(slug) {
        return Ok(None);
    }
    let mut sql = visit.pool.acquire().await?;
    if !gate::is_open(&mut sql, visit.organisation.id, slug, cookies, visit.now).await? {
        return Ok(None);
    }
    read(&mut sql, visit.organisation, slug, visit.now, None, NEXT_IN_FILE).await
}

fn body(visit: &Visit<'_>, report: &Report) -> String {
    let locale = visit.locale;
    let mut body = format!("<p class=\"lead\">{}</p>\n", escape(&words::read_at(locale, report)));
    if !report.discrepancies.is_empty() {
        let _ = write!(body, "<div class=\"wrong\" role=\"alert\"><p>{}</p>\n<ul>\n", visit.say("report-wrong", &[]));
        for problem in &report.discrepancies {
            let _ = writeln!(body, "<li lang=\"en\">{}</li>", escape(problem));
        }
        body.push_str("</ul></div>\n");
    }
    if report.unmatched_news > 0 {
        let _ = writeln!(body, "<p>{}</p>", visit.say("report-unmatched", &[("count", count(report.unmatched_news))]));
    }

    drawn(&mut body, &chart::progress(locale, report), "progress", 2);
    heading(&mut body, 3, &chart::contacts(locale, report).caption);
    tabled(&mut body, &chart::contacts(locale, report), false);

    drawn(&mut body, &chart::messages(locale, report), "messages", 2);
    let reasons = chart::reasons(locale, report);
    heading(&mut body, 3, &reasons.caption);
    tabled(&mut body, &reasons, false);

    heading(&mut body, 2, &text(locale, "report-coverage-title", &[]));
    let _ = writeln!(body, "<p>{}</p>", escape(&words::coverage(locale, report)));
    for by in Dimension::ALL {
        let drawing = chart::coverage(locale, report, by);
        heading(&mut body, 3, &drawing.title);
        if drawing.rates.is_empty() {
            let _ = writeln!(body, "<p>{}</p>", escape(&drawing.sentence));
            continue;
        }
        let _ = writeln!(body, "<p>{}</p>\n{}", escape(&drawing.sentence), drawing.svg(by.as_str()));
        tabled(&mut body, &chart::strata(locale, report, by), false);
    }

    let reminders = chart::reminders(locale, report);
    heading(&mut body, 2, &reminders.caption);
    tabled(&mut body, &reminders, false);
    let wishes = chart::wishes(locale, report);
    if !wishes.rows.is_empty() {
        heading(&mut body, 2, &wishes.caption);
        tabled(&mut body, &wishes, false);
    }
    next(visit, report, &mut body);
    files(visit, report, &mut body);
    body
}

fn heading(body: &mut String, level: u8, words: &str) {
    let _ = writeln!(body, "<h{level}>{}</h{level}>", escape(words));
}

/// A chart under its heading, with its sentence and its table.
fn drawn(body: &mut String, chart: &RateChart, id: &str, level: u8) {
    let twin = chart.text_twin();
    heading(body, level, &chart.title);
    let _ = writeln!(body, "<p>{}</p>", escape(&twin.sentence));
    if chart.rates.iter().any(|rate| rate.base > 0) {
        let _ = writeln!(body, "{}", chart.svg(id));
    }
    tabled(body, &twin.table, false);
}

/// A table that can be scrolled by itself, by keyboard too.
fn tabled(body: &mut String, table: &Table, of_words: bool) {
    let html = table.html();
    let html = if of_words { html.replacen("class=\"chart-table\"", "class=\"chart-table words\"", 1) } else { html };
    let label = escape(&table.caption);
    let _ = writeln!(body, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\">{html}</div>");
}

fn next(visit: &Visit<'_>, report: &Report, body: &mut String) {
    let locale = visit.locale;
    let table = chart::next(locale, report, NEXT_SHOWN);
    heading(body, 2, &table.caption);
    body.push_str("<ol>\n");
    for sentence in words::rule(locale) {
        let _ = writeln!(body, "<li>{}</li>", escape(&sentence));
    }
    body.push_str("</ol>\n");
    if report.next.is_empty() {
        let _ = writeln!(body, "<p>{}</p>", visit.say("report-next-none", &[]));
        return;
    }
    tabled(body, &table, true);
    if let Some(more) = report.next.len().checked_sub(NEXT_SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(body, "<p>{}</p>", visit.say("report-next-more", &[("count", more.into())]));
    }
}

fn files(visit: &Visit<'_>, report: &Report, body: &mut String) {
    let (path, language) = (gate::path(&report.slug), visit.language());
    heading(body, 2, &text(visit.locale, "report-files", &[]));
    body.push_str("<ul>\n");
    for (file, words) in [
        (csv::BODIES, "report-file-bodies"),
        (csv::COVERAGE, "report-file-coverage"),
        (csv::FUNNEL, "report-file-funnel"),
        (csv::REMINDERS, "report-file-reminders"),
        (csv::NEXT, "report-file-next"),
        (JSON, "report-file-json"),
    ] {
        let words = visit.say(words, &[]);
        let _ = writeln!(body, "<li><a href=\"{path}/{file}{language}\" download>{words}</a> ({file})</li>");
    }
    let close = visit.say("report-page-close", &[]);
    let _ = write!(
        body,
        "</ul>\n<form method=\"post\" action=\"{path}/leave{language}\">\n\
         <p><button type=\"submit\" class=\"quiet\">{close}</button></p>\n</form>\n"
    );
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;

    use super::*;
    use crate::report::bench::told;
    use crate::report::stage::{SLUG, Stage};

    fn in_words(html: &str) -> String {
        let mut words = String::new();
        let mut within = false;
        for character in html.chars() {
            match character {
                '<' => within = true,
                '>' => {
                    within = false;
                    words.push('|');
                }
                other if !within => words.push(other),
                _ => {}
            }
        }
        let cells: Vec<&str> = words.split(['|', '\n']).map(str::trim).filter(|cell| !cell.is_empty()).collect();
        cells.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[tokio::test]
    async fn the_page_is_as_reviewed_and_has_no_script() {
        let stage = Stage::new(71).await;
        for locale in Locale::ALL {
            let visit = Visit { locale, ..stage.visit() };
            let page = visit.page("Rapport", Some("/campaigns/barometre-2026/report"), &body(&visit, &told()));
            insta::with_settings!({ snapshot_suffix => locale.as_str() }, {
                // The pictures say what their tables say.
                let tables: String = page.split("<svg").enumerate().map(|(index, part)| {
                    if index == 0 { part } else { part.split_once("</svg>").map_or("", |(_, rest)| rest) }
                }).collect();
                insta::assert_snapshot!(in_words(&tables));
            });
            assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&format!("<html lang=\"{locale}\">")));
            for forbidden in ["<script", "style=", "<style", "onclick", "javascript:", "<Bretagne>"] {
                assert!(!page.contains(forbidden), "{forbidden} in\n{page}");
            }
            assert_eq!(page.matches("<h1>").count(), 1);
            assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
            assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count());
            assert_eq!(page.matches("<svg").count(), 5);
            let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "an id is there twice");
        }
    }

    #[tokio::test]
    async fn page_and_files_need_a_session() {
        let stage = Stage::new(72).await;
        let visit = stage.visit();
        for cookies in [&[][..], &["crieur_report="], &["crieur_report=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]] {
            assert_eq!(report_page(&visit, SLUG, cookies).await.unwrap().status, 403);
            assert_eq!(download(&visit, SLUG, csv::BODIES, cookies).await.unwrap().status, 403);
        }
        let session = stage.session().await;
        let page = report_page(&visit, SLUG, &[&session]).await.unwrap();
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
        for file in csv::FILES.into_iter().chain([JSON]) {
            let answer = download(&visit, SLUG, file, &["a=b", &session]).await.unwrap();
            assert_eq!(answer.status, 200, "{file}");
            let named = format!("attachment; filename=\"barometre-2026-{file}\"");
            assert_eq!(answer.header("content-disposition"), Some(named.as_str()));
            assert!(!answer.body.is_empty());
        }
        assert_eq!(download(&visit, SLUG, "../secret", &[&session]).await.unwrap().status, 404);
        let json = download(&visit, SLUG, JSON, &[&session]).await.unwrap().body;
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["funnel"]["respondents"]["all"], 2);
    }
}
