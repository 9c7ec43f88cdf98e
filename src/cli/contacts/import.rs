//! `contacts import`: a table, with a progress bar, and what came of it.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use bot_core::contacts::import::{ImportError, ImportOrder, ImportReport, Importer, Progress, REJECT_COLUMNS, Reject};
use bot_core::store::organisations;
use crieur_spreadsheets::{CsvWriter, Form, Spreadsheet};
use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::ImportArguments;
use super::{ACTOR, Operator, Output, WrongCall, new_file};
use crate::cli::EXIT_FAILED;

pub(super) async fn run(operator: &Operator, arguments: ImportArguments, output: Output) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let table = Spreadsheet::open(path, arguments.sheet.as_deref())
        .with_context(|| format!("{} cannot be imported", path.display()))?;
    let read_as = read_as(&table);
    let bar = progress_bar(table.rows_hint(), output);
    let mut rejects = match &arguments.rejects {
        Some(path) => Some(Rejects::create(path, table.header())?),
        None => None,
    };
    let organisation = organisations::find_default_with_keys(&operator.pool)
        .await?
        .context("no service has run on this database yet: run `crieur serve` first")?;
    let random = bot_core::clock::Random::from_os();
    let importer = Importer {
        pool: &operator.pool,
        clock: &operator.clock,
        random: &random,
        organisation: &organisation,
        actor: ACTOR,
    };
    let order = ImportOrder {
        mappings: arguments.map.clone(),
        new_fields: arguments.new_fields,
        group: arguments.group.clone(),
        dry_run: arguments.dry_run,
    };
    let mut written = Ok(());
    let told = |progress: Progress<'_>| match progress {
        Progress::Rows(rows) => bar.set_position(rows),
        Progress::Rejected(reject) => {
            if let (Some(rejects), Ok(())) = (&mut rejects, &written) {
                written = rejects.write(reject);
            }
        }
    };
    let imported = importer.import(table, &order, told).await;
    bar.finish_and_clear();
    let kept = rejects.map(Rejects::finish).transpose();
    let report = imported.map_err(|error| match error {
        ImportError::Columns(_) => anyhow::Error::new(WrongCall(error.to_string())),
        error => error.into(),
    })?;
    written.and(kept.map(drop)).context("the file of rejected rows is not complete; the report is")?;
    output.answer(&report, || words_for(&report, &read_as, arguments.rejects.as_deref()))?;
    let whole = report.rejected == 0 && report.stopped.is_none();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// What the file was taken for: an organiser sees at once when it is something else.
fn read_as(table: &Spreadsheet) -> String {
    match table.form() {
        Form::Csv { encoding, separator } => {
            let separator = if *separator == '\t' { "tab".to_owned() } else { format!("`{separator}`") };
            format!("CSV, {}, separated by {separator}", encoding.name())
        }
        Form::Xlsx { sheet } => format!("XLSX, sheet “{sheet}”"),
        Form::Ods { sheet } => format!("ODS, sheet “{sheet}”"),
    }
}

fn progress_bar(rows: Option<u64>, output: Output) -> ProgressBar {
    let bar = match (output.json, rows) {
        (true, _) => return ProgressBar::hidden(),
        (false, Some(rows)) => ProgressBar::new(rows),
        (false, None) => ProgressBar::new_spinner(),
    };
    // A template that cannot be read leaves the bar as indicatif draws it.
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} rows, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The file of rows that were not taken: as they were, with line and reason in front. Corrected, it is imported as it is.
struct Rejects {
    path: std::path::PathBuf,
    csv: CsvWriter<BufWriter<File>>,
    rows: u64,
}

impl Rejects {
    fn create(path: &Path, header: &[String]) -> anyhow::Result<Self> {
        let mut csv = CsvWriter::new(BufWriter::new(new_file(path)?));
        csv.row(REJECT_COLUMNS.into_iter().chain(header.iter().map(String::as_str)))?;
        Ok(Self { path: path.to_owned(), csv, rows: 0 })
    }

    fn write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        self.rows += 1;
        let reason = match &reject.column {
            Some(column) => format!("{column} : {}", reject.reason),
            None => reject.reason.clone(),
        };
        let line = reject.line.to_string();
        Ok(self.csv.row([line.as_str(), &reason].into_iter().chain(reject.cells.iter().map(String::as_str)))?)
    }

    /// A file without rows is none.
    fn finish(self) -> anyhow::Result<()> {
        self.csv.finish()?;
        if self.rows == 0 {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

fn words_for(report: &ImportReport, read_as: &str, rejects: Option<&Path>) -> String {
    let mut lines = vec![format!("Read as {read_as}.")];
    let kept = if report.dry_run { "Nothing was kept. It would be: " } else { "" };
    lines.push(format!(
        "{kept}{} rows: {} created, {} updated, {} unchanged, {} rejected, {} left alone (erased), {} left alone (merged)",
        report.rows,
        report.created,
        report.updated,
        report.unchanged,
        report.rejected,
        report.forgotten,
        report.merged
    ));
    lines.push(format!(
        "Collectivités: {} created, {} updated",
        report.collectivites_created, report.collectivites_updated
    ));
    if !report.fields_declared.is_empty() {
        lines.push(format!("Fields declared: {}", report.fields_declared.join(", ")));
    }
    if !report.rejects.is_empty() {
        lines.push("\nRejected:".to_owned());
        lines.extend(report.rejects.iter().map(|reject| match &reject.column {
            Some(column) => format!("  line {}, column “{column}”: {}", reject.line, reject.reason),
            None => format!("  line {}: {}", reject.line, reject.reason),
        }));
        lines.extend(more(report.rejected, report.rejects.len()));
        lines.push(match rejects {
            Some(path) => format!("All of them are in {}: correct them there, and import that file.", path.display()),
            None => "With --rejects FILE they are written to a file to be corrected and imported.".to_owned(),
        });
    }
    if !report.notes.is_empty() {
        lines.push("\nTo look at:".to_owned());
        lines.extend(report.notes.iter().map(|note| format!("  {note}")));
        lines.extend(more(report.notes_count, report.notes.len()));
    }
    if let Some(why) = &report.stopped {
        lines.push(format!(
            "\nThe rest of the file was not read: {why}. Import the corrected file: what is done stays done."
        ));
    }
    lines.join("\n")
}

fn more(all: u64, shown: usize) -> Option<String> {
    let more = all.saturating_sub(shown as u64);
    (more > 0).then(|| format!("  … and {more} more"))
}
