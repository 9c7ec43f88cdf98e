//! `campaign completions import`: a file of the questionnaire tool that says who has answered.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crieur_spreadsheets::{Form, Spreadsheet};
use indicatif::{ProgressBar, ProgressStyle};
use survey_reminders::completions::{self, CompletionsError, CompletionsOrder, CompletionsReport, Mapping, RowNote};

use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::Output;
use crate::cli::{EXIT_FAILED, WrongCall};

/// Which file, for which campaign.
#[derive(Args, Debug)]
pub(in crate::cli) struct CompletionsArguments {
    /// The campaign, by name.
    campaign: String,
    /// A CSV file, an .xlsx or an .ods workbook with a line that names its columns.
    file: PathBuf,
    /// Which sheet of a workbook. The first visible one when left out.
    #[arg(long)]
    sheet: Option<String>,
    /// What a column is, where its name does not tell: \"Votre code=token\". One of id, token, insee, siren, submitdate,
    /// complete, or - to leave it alone.
    #[arg(long = "map", value_name = "COLUMN=TARGET")]
    mappings: Vec<Mapping>,
    /// Tell what would be, and keep nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(
    place: &PlaceArguments,
    arguments: CompletionsArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let CompletionsArguments { campaign, file, sheet, mappings, dry_run } = arguments;
    let named = |error: &dyn std::fmt::Display| WrongCall(format!("{}: {error}", file.display()));
    let table = Spreadsheet::open(&file, sheet.as_deref()).map_err(|error| named(&error))?;
    let form = match table.form() {
        Form::Csv { encoding, separator } => format!("{encoding:?}, separated by `{separator}`"),
        Form::Xlsx { sheet } | Form::Ods { sheet } => format!("sheet “{sheet}”"),
    };
    let bar = progress(table.rows_hint(), output);
    let order = CompletionsOrder { mappings, dry_run };
    let report = Operator::run(place, async |operator| {
        let service = operator.service().await?;
        let organisation = service.default_organisation()?;
        let told = |rows| bar.set_position(rows);
        let imported = completions::import(service.core(), organisation, &campaign, table, &order, told).await;
        imported.map_err(|error| match error {
            CompletionsError::Columns(_) | CompletionsError::UnknownCampaign(_) => named(&error).into(),
            other => anyhow::Error::from(other),
        })
    });
    let report = report.await;
    bar.finish_and_clear();
    let report = report?;
    output.answer(&report, || words(&report, &form))?;
    Ok(if report.stopped.is_some() { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS })
}

/// On standard error, for people only: a program that reads the answer gets no bar.
fn progress(rows: Option<u64>, output: Output) -> ProgressBar {
    if output.json {
        return ProgressBar::hidden();
    }
    let bar = rows.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match ProgressStyle::with_template("{wide_bar} {pos}/{len} rows, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn words(report: &CompletionsReport, form: &str) -> String {
    let head = if report.dry_run { "Nothing was kept: this was a trial." } else { "Imported." };
    let mut lines = vec![
        format!("{head} {} rows ({form}):", report.rows),
        format!("  matched       {} (of which only begun: {})", report.matched, report.begun),
        format!("  known before  {}", report.known),
        format!("  unmatched     {}", report.unmatched),
        format!("  not answered  {}", report.not_answered),
        format!("  repeated      {}", report.repeated),
        format!("  rejected      {}", report.rejected),
    ];
    section(
        &mut lines,
        "Matching nobody, listed by `crieur campaign answers list`:",
        &report.unmatched_rows,
        report.unmatched,
    );
    section(&mut lines, "Rejected:", &report.rejects, report.rejected);
    if let Some(why) = &report.stopped {
        lines.push(format!("The file could not be read to its end: {why}"));
    }
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, title: &str, notes: &[RowNote], all: u64) {
    if notes.is_empty() {
        return;
    }
    lines.push(title.to_owned());
    for RowNote { line, column, reason } in notes {
        let column = column.as_ref().map(|column| format!(", column “{column}”")).unwrap_or_default();
        lines.push(format!("  line {line}{column}: {reason}"));
    }
    let shown = u64::try_from(notes.len()).unwrap_or(u64::MAX);
    if all > shown {
        lines.push(format!("  and {} more", all - shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_adds_up_for_people() {
        let note = RowNote { line: 7, column: Some("Date".to_owned()), reason: "it is no moment".to_owned() };
        let report = CompletionsReport {
            rows: 9,
            matched: 3,
            begun: 1,
            known: 2,
            unmatched: 1,
            not_answered: 1,
            repeated: 0,
            rejected: 2,
            rejects: vec![note],
            unmatched_rows: vec![RowNote { line: 4, column: None, reason: "nobody".to_owned() }],
            ..CompletionsReport::default()
        };
        insta::assert_snapshot!(words(&report, "UTF-8"), @r"
        Imported. 9 rows (UTF-8):
          matched       3 (of which only begun: 1)
          known before  2
          unmatched     1
          not answered  1
          repeated      0
          rejected      2
        Matching nobody, listed by `crieur campaign answers list`:
          line 4: nobody
        Rejected:
          line 7, column “Date”: it is no moment
          and 1 more
        ");
    }
}
