//! The report as tables to work with: semicolons and a mark of UTF-8, as spreadsheets want them.

use bot_core::Locale;
use bot_core::spreadsheets::CsvWriter;

use super::Report;
use super::bodies;
use super::coverage::{Counts, Row};
use super::next::Next;
use super::strata::Stratum;
use super::words;
use crate::definition::StepKind;
use crate::store::MessageState;

/// Every collectivité with all that coverage and [`NEXT`] are computed from.
pub const BODIES: &str = "collectivites.csv";
/// Response and coverage, a row for each stratum.
pub const COVERAGE: &str = "couverture.csv";
/// Messages by state and reason, respondents by contact and progress, and what recipients pressed.
pub const FUNNEL: &str = "entonnoir.csv";
/// Answers by step.
pub const REMINDERS: &str = "relances.csv";
/// Whom to remind next, with the reason of each line.
pub const NEXT: &str = "a-relancer.csv";

pub const FILES: [&str; 5] = [BODIES, COVERAGE, FUNNEL, REMINDERS, NEXT];

/// One of [`FILES`]; `None` for another name. `locale` is that of sentences: headings and codes stay the same, so that
/// programs can rely on them.
pub fn file(locale: Locale, report: &Report, name: &str) -> Option<Vec<u8>> {
    match name {
        BODIES => Some(bodies::to_csv(&report.bodies)),
        COVERAGE => Some(coverage(report)),
        FUNNEL => Some(funnel(report)),
        REMINDERS => Some(reminders(report)),
        NEXT => Some(next(locale, &report.next)),
        _ => None,
    }
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) -> Vec<u8> {
    let mut csv = CsvWriter::new(Vec::new());
    // A vector takes whatever is written.
    let _ = csv.row(header);
    for row in rows {
        let _ = csv.row(row);
    }
    csv.finish().unwrap_or_default()
}

fn coverage(report: &Report) -> Vec<u8> {
    let row = |by: &str, stratum: &str, counts: &Counts| {
        let figures = [counts.reference, counts.covered, counts.asked, counts.answered, counts.declared];
        let [reference, covered, asked, answered, declared] = figures.map(|figure| figure.to_string());
        [by.to_owned(), stratum.to_owned(), reference, covered, asked, answered, declared]
    };
    let mut rows = vec![row("ensemble", "", &report.coverage.all)];
    for Row { stratum, counts } in report.coverage.tables.iter().flat_map(|table| &table.rows) {
        let by = match stratum {
            Stratum::Kind(_) => "type",
            Stratum::Population(_) => "population",
            Stratum::Region(_) => "region",
        };
        rows.push(row(by, stratum.code(), counts));
    }
    table(["par", "strate", "reference", "couvertes", "sollicitees", "reponses", "dont_declarees"], rows)
}

fn funnel(report: &Report) -> Vec<u8> {
    let mut rows = Vec::new();
    let (messages, people) = (&report.funnel.messages, &report.funnel.respondents);
    for (state, row) in &messages.states {
        for (reason, count) in &row.reasons {
            rows.push(["messages".to_owned(), state.to_string(), reason.clone(), count.to_string()]);
        }
    }
    for (contact, row) in &people.by_contact {
        let contact = serde_json::to_value(contact).unwrap_or_default();
        for (progress, count) in &row.progress {
            let contact = contact.as_str().unwrap_or_default().to_owned();
            rows.push(["repondants".to_owned(), contact, progress.as_str().to_owned(), count.to_string()]);
        }
    }
    for wish in &report.wishes {
        rows.push(["souhaits".to_owned(), wish.kind.clone(), String::new(), wish.times.to_string()]);
    }
    table(["quoi", "etat", "raison_ou_avancement", "nombre"], rows)
}

fn reminders(report: &Report) -> Vec<u8> {
    let people = &report.funnel.respondents;
    let mut rows = Vec::new();
    for step in &report.funnel.messages.steps {
        let kind = match (step.to_organisers, step.kind) {
            (true, _) => "organisateurs",
            (false, Some(StepKind::Invitation)) => "invitation",
            (false, Some(StepKind::Reminder)) => "relance",
            (false, None) => "retiree",
        };
        let of = |state| step.states.get(&state).copied().unwrap_or_default().to_string();
        let [sent, unknown] = [MessageState::Sent, MessageState::Unknown].map(of);
        rows.push([
            step.step.clone(),
            kind.to_owned(),
            step.planned.to_string(),
            sent,
            unknown,
            step.answers.to_string(),
        ]);
    }
    for (name, answers) in
        [("(avant tout message)", people.answers_before_messages), ("(inconnue)", people.answers_unattributed)]
    {
        let empty = String::new;
        rows.push([name.to_owned(), empty(), empty(), empty(), empty(), answers.to_string()]);
    }
    table(["etape", "genre", "prevus", "envoyes", "incertains", "reponses"], rows)
}

/// Whom to remind, with the reason of each line in words.
pub fn next(locale: Locale, list: &[Next]) -> Vec<u8> {
    let rows = list.iter().map(|line| {
        let by = match line.stratum {
            Stratum::Kind(_) => "type",
            Stratum::Population(_) => "population",
            Stratum::Region(_) => "region",
        };
        [
            line.place.to_string(),
            line.body.code.clone(),
            line.body.name.clone(),
            line.body.messages.to_string(),
            super::chart::how(locale, line.body.reminding),
            by.to_owned(),
            line.stratum.code().to_owned(),
            line.covered.to_string(),
            line.reference.to_string(),
            words::why(locale, line),
        ]
    });
    table(["rang", "code", "nom", "messages", "moyen", "par", "strate", "couvertes", "reference", "raison"], rows)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bot_core::spreadsheets::Spreadsheet;

    use super::*;
    use crate::report::bench::told;
    use crate::report::next::next as choose;

    #[test]
    fn the_files_are_as_reviewed() {
        let report = told();
        for name in FILES {
            let csv = String::from_utf8(file(Locale::Fr, &report, name).unwrap()).unwrap();
            insta::with_settings!({ snapshot_suffix => name }, {
                insta::assert_snapshot!(csv.trim_start_matches('\u{feff}').replace(['\u{a0}', '\u{202f}'], " "));
            });
        }
        assert_eq!(file(Locale::Fr, &report, "autre.csv"), None);
    }

    #[test]
    fn the_list_comes_out_of_the_file_byte_by_byte() {
        let report = told();
        let file = file(Locale::Fr, &report, BODIES).unwrap();
        let bodies = bodies::from_csv(Spreadsheet::read(Cursor::new(file), None).unwrap()).unwrap();
        assert_eq!(next(Locale::Fr, &choose(&bodies, report.next.len())), next(Locale::Fr, &report.next));
        assert!(!report.next.is_empty());
    }
}
