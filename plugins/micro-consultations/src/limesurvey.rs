//! Answers as LimeSurvey exports them ("Export responses", CSV, headings by question code), so that whoever has tools
//! for one has them for the other.
//!
//! Columns as its response table has them: `id`, `submitdate`, `lastpage`, `startlanguage`, `seed`, `token`,
//! `startdate`, `datestamp`, then one column a question (`Q01`), and one an option (`Q02[SQ001]`) where several may be
//! chosen: `Y` or `N`, empty where the question was not answered. One of several options and a step of a scale are
//! their codes `A1`, `A2` … or their labels; `submitdate` is empty while an answer is not finished, and times are on
//! the clocks of one zone. UTF-8 with a byte order mark, `;` between cells, all of them quoted, lines ended by CR LF.

use bot_core::Locale;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::answer::{Answer, Answers};
use crate::definition::{Definition, QuestionKind};

/// How a chosen option is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cells {
    /// `A1`; `Y` and `N` where several may be chosen.
    #[default]
    Codes,
    /// The option's words; yes and no in the export's language.
    Labels,
}

/// One answered questionnaire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub token: Option<String>,
    /// The language it was answered in, as far as it is known.
    pub locale: Locale,
    pub answers: Answers,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Questions gone through.
    pub reached: usize,
}

/// What an export is written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Export<'d> {
    pub definition: &'d Definition,
    pub cells: Cells,
    /// Of labels.
    pub locale: Locale,
    pub zone: Tz,
}

impl Export<'_> {
    /// The file, with `responses` numbered in their order.
    pub fn file(&self, responses: &[Response]) -> String {
        let mut file = format!("\u{feff}{}", line(&self.header()));
        for (response, id) in responses.iter().zip(1_usize..) {
            file.push_str(&line(&self.row(id, response)));
        }
        file
    }

    fn header(&self) -> Vec<String> {
        let fixed = ["id", "submitdate", "lastpage", "startlanguage", "seed", "token", "startdate", "datestamp"]
            .map(str::to_owned);
        let mut header = fixed.to_vec();
        for (question, code) in self.definition.questions.iter().zip(codes()) {
            match &question.kind {
                QuestionKind::Multiple { options, .. } => {
                    header.extend((1..=options.len()).map(|option| format!("{code}[SQ{option:03}]")));
                }
                _ => header.push(code),
            }
        }
        header
    }

    fn row(&self, id: usize, response: &Response) -> Vec<String> {
        let time = |moment: DateTime<Utc>| moment.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string();
        let mut row = vec![
            id.to_string(),
            response.finished_at.map(time).unwrap_or_default(),
            response.reached.to_string(),
            response.locale.to_string(),
            String::new(),
            guarded(response.token.as_deref().unwrap_or_default()),
            time(response.started_at),
            time(response.finished_at.unwrap_or(response.started_at)),
        ];
        for (index, question) in self.definition.questions.iter().enumerate() {
            let answer = response.answers.get(index);
            match &question.kind {
                QuestionKind::Multiple { options, .. } => {
                    row.extend((0..options.len()).map(|option| self.choice(answer, option)));
                }
                kind => row.push(answer.map(|answer| self.cell(kind, answer)).unwrap_or_default()),
            }
        }
        row
    }

    /// One option where several may be chosen.
    fn choice(&self, answer: Option<&Answer>, option: usize) -> String {
        let Some(answer) = answer else { return String::new() };
        let chosen = u8::try_from(option).is_ok_and(|option| answer.has(option));
        let word = match (self.cells, self.locale, chosen) {
            (Cells::Codes, _, true) => "Y",
            (Cells::Codes, _, false) => "N",
            (Cells::Labels, Locale::Fr, true) => "Oui",
            (Cells::Labels, Locale::Fr, false) => "Non",
            (Cells::Labels, Locale::En, true) => "Yes",
            (Cells::Labels, Locale::En, false) => "No",
        };
        word.to_owned()
    }

    fn cell(&self, kind: &QuestionKind, answer: &Answer) -> String {
        match answer {
            Answer::Single(option) | Answer::Rating(option) => {
                match (self.cells, kind.labels().get(usize::from(*option))) {
                    (Cells::Labels, Some(label)) => guarded(label.in_locale(self.locale)),
                    _ => format!("A{}", usize::from(*option) + 1),
                }
            }
            Answer::Text(words) => guarded(words),
            Answer::Multiple(_) | Answer::TextApart => String::new(),
        }
    }
}

/// `Q01`, `Q02` …
fn codes() -> impl Iterator<Item = String> {
    (1..).map(|number: usize| format!("Q{number:02}"))
}

/// Words that a spreadsheet would read as a formula are quoted, as LimeSurvey does on request.
fn guarded(words: &str) -> String {
    if words.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{words}") } else { words.to_owned() }
}

fn line(cells: &[String]) -> String {
    // Lines within a cell end with LF alone, as LimeSurvey writes them.
    let quoted = cells.iter().map(|cell| format!("\"{}\"", cell.replace("\r\n", "\n").replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(";") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::definition;

    const QUESTIONS: &str = r#"slug = "barometre"
title = "Baromètre"
duration_days = 30
anonymity = "named"

[[questions]]
kind = "single"
text = "Un budget participatif ?"
options = [{ fr = "Oui", en = "Yes" }, { fr = "Non", en = "No" }]

[[questions]]
kind = "multiple"
at_least = 1
at_most = 2
text = "Quels outils ?"
options = ["Concertation", "Tirage au sort", "Pétition"]

[[questions]]
kind = "rating"
optional = true
text = "Satisfaits ?"
scale = ["Non", "Un peu", "Beaucoup"]

[[questions]]
kind = "free_text"
optional = true
text = "Autre chose ?"
"#;

    fn responses() -> Vec<Response> {
        let text = "« Bien »; \"mieux\"\nencore".to_owned();
        vec![
            Response {
                token: Some("abc123".to_owned()),
                locale: Locale::Fr,
                answers: Answers(vec![
                    Some(Answer::Single(1)),
                    Some(Answer::Multiple(vec![0, 2])),
                    Some(Answer::Rating(2)),
                    Some(Answer::Text(text)),
                ]),
                started_at: "2026-10-06T08:00:00Z".parse().unwrap(),
                finished_at: Some("2026-10-06T08:05:30Z".parse().unwrap()),
                reached: 4,
            },
            Response {
                token: None,
                locale: Locale::En,
                answers: Answers(vec![Some(Answer::Single(0)), None, None, Some(Answer::Text("=1+1".to_owned()))]),
                started_at: "2026-12-06T08:00:00Z".parse().unwrap(),
                finished_at: None,
                reached: 1,
            },
        ]
    }

    fn export(cells: Cells) -> String {
        let definition = definition(QUESTIONS);
        let export = Export { definition: &definition, cells, locale: Locale::Fr, zone: chrono_tz::Europe::Paris };
        export.file(&responses())
    }

    #[test]
    fn answers_are_exported_by_their_codes() {
        let file = export(Cells::Codes);
        assert!(file.starts_with('\u{feff}') && file.ends_with("\r\n"));
        insta::assert_snapshot!(file.trim_start_matches('\u{feff}').replace("\r\n", "\n"), @r#"
        "id";"submitdate";"lastpage";"startlanguage";"seed";"token";"startdate";"datestamp";"Q01";"Q02[SQ001]";"Q02[SQ002]";"Q02[SQ003]";"Q03";"Q04"
        "1";"2026-10-06 10:05:30";"4";"fr";"";"abc123";"2026-10-06 10:00:00";"2026-10-06 10:05:30";"A2";"Y";"N";"Y";"A3";"« Bien »; ""mieux""
        encore"
        "2";"";"1";"en";"";"";"2026-12-06 09:00:00";"2026-12-06 09:00:00";"A1";"";"";"";"";"'=1+1"
        "#);
    }

    #[test]
    fn labels_are_whole_words_in_the_language_of_the_export() {
        let file = export(Cells::Labels);
        let rows: Vec<&str> = file.split("\r\n").collect();
        assert!(rows[1].contains(r#""Non";"Oui";"Non";"Oui";"Beaucoup""#), "{}", rows[1]);
        assert!(rows[2].ends_with(r#""Oui";"";"";"";"";"'=1+1""#), "{}", rows[2]);
    }
}
