//! `digest dataset`: tables of figures, from a file to versions that editions quote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use barometer_digests::barometer::store::{self, By, Changed, Difference, Imported, RowName, Version};
use barometer_digests::barometer::table::{self, BYTES_MAX, TableErrors, Wanted};
use barometer_digests::definition::Key;
use bot_core::Locale;
use bot_core::ids::PluginId;
use bot_core::plugin::{Context, HandlerError};
use clap::Subcommand;
use serde::Serialize;

use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::{Output, moment, table as columns};
use crate::cli::{EXIT_WRONG_CALL, WrongCall};

/// Rows of each kind that are named to people; `--json` names all.
const NAMED_MAX: usize = 20;

#[derive(Subcommand)]
pub(in crate::cli) enum DatasetCommand {
    /// Read a table of figures (CSV or JSON) as a new version of a dataset, unless it says what the latest version says
    #[command(after_help = "Examples:\n  crieur digest dataset import barometre.csv --key barometre --dry-run\n  \
                      crieur digest dataset import barometre.csv --key barometre")]
    Import {
        /// The table, with the columns indicateur, édition, strate, valeur, base and unité
        file: PathBuf,
        /// The dataset, by its short name in the digest file
        #[arg(long)]
        key: Key,
        /// Tell what would be, and keep nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List datasets with their versions
    #[command(after_help = "Example:\n  crieur digest dataset list")]
    List,
    /// Show a version of a dataset: where it is from, and what changed since the version before
    #[command(
        after_help = "Examples:\n  crieur digest dataset show barometre\n  crieur digest dataset show barometre \
                      --version 2 --json"
    )]
    Show {
        /// The dataset, by its short name
        key: Key,
        /// The latest when left out
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
}

pub(super) async fn run(place: &PlaceArguments, command: DatasetCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        DatasetCommand::Import { file, key, dry_run } => import(place, &file, &key, dry_run, output).await,
        DatasetCommand::List => {
            let versions = perform(place, async |cx| {
                let organisation = cx.organisation.id;
                store::versions(cx.sql(), organisation, None).await
            })
            .await?;
            output.answer(&versions, || list_words(&versions))?;
            Ok(ExitCode::SUCCESS)
        }
        DatasetCommand::Show { key, version } => show(place, &key, version, output).await,
    }
}

async fn import(
    place: &PlaceArguments,
    file: &Path,
    key: &Key,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let table = match read(file)? {
        Ok(table) => table,
        Err(errors) => {
            output.answer(&errors, || errors_words(file, &errors))?;
            return Ok(ExitCode::from(EXIT_WRONG_CALL));
        }
    };
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let imported =
        perform(place, async |cx| store::import(cx, key, &name, By::Operator, &table, dry_run).await).await?;
    output.answer(&imported, || import_words(&imported, dry_run))?;
    Ok(ExitCode::SUCCESS)
}

/// The table in a file, or everything that is wrong with it.
fn read(file: &Path) -> anyhow::Result<Result<table::Table, TableErrors>> {
    let named = |error: std::io::Error| WrongCall(format!("{}: {error}", file.display()));
    let size = fs::metadata(file).map_err(named)?.len();
    if size > BYTES_MAX as u64 {
        return Ok(Err(table::TableError::TooLarge.into()));
    }
    Ok(table::read(fs::read(file).map_err(named)?, &Wanted::Usual))
}

/// A version with what changed since another one.
#[derive(Serialize)]
struct Shown {
    version: Version,
    /// The version before, which `difference` is held against.
    since: Option<u32>,
    difference: Difference,
}

async fn show(place: &PlaceArguments, key: &Key, number: Option<u32>, output: Output) -> anyhow::Result<ExitCode> {
    let found = perform(place, async |cx| {
        let organisation = cx.organisation.id;
        let versions = store::versions(cx.sql(), organisation, Some(key)).await?;
        let known: Vec<u32> = versions.iter().map(|version| version.version).collect();
        let Some(version) = versions.into_iter().find(|version| number.is_none_or(|number| number == version.version))
        else {
            return Ok(Err(known));
        };
        let since = version.version.checked_sub(1).filter(|before| *before > 0);
        let rows = store::rows(cx.sql(), organisation, key, version.version).await?;
        let before = match since {
            Some(since) => store::rows(cx.sql(), organisation, key, since).await?,
            None => Vec::new(),
        };
        Ok(Ok(Shown { version, since, difference: store::difference(&before, &rows) }))
    })
    .await?;
    let shown = found.map_err(|known| WrongCall(unknown_words(key, number, &known)))?;
    output.answer(&shown, || show_words(&shown))?;
    Ok(ExitCode::SUCCESS)
}

async fn perform<T>(
    place: &PlaceArguments,
    work: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>,
) -> anyhow::Result<T> {
    let plugin: PluginId = "barometer-digests".parse()?;
    Operator::run(place, async |operator| operator.perform(&plugin, work).await).await
}

fn unknown_words(key: &Key, number: Option<u32>, known: &[u32]) -> String {
    match (number, known) {
        (_, []) => format!("there is no dataset {key}: `crieur digest dataset list` names those there are"),
        (Some(number), _) => {
            let known: Vec<String> = known.iter().rev().map(u32::to_string).collect();
            format!("{key} has no version {number}: --version is one of {}", known.join(", "))
        }
        (None, _) => format!("{key} has no version"),
    }
}

fn errors_words(file: &Path, errors: &TableErrors) -> String {
    let count = errors.told.len() + errors.more;
    let problems = if count == 1 { "problem" } else { "problems" };
    format!("{}: {count} {problems}, nothing was imported.\n{errors}", file.display())
}

fn list_words(versions: &[Version]) -> String {
    let rows = versions.iter().map(|version| {
        [
            version.dataset.to_string(),
            version.version.to_string(),
            version.rows.to_string(),
            version.origin.clone(),
            moment(version.imported_at),
            version.remarks.len().to_string(),
        ]
    });
    let nothing = "No dataset yet: `crieur digest dataset import FILE --key NAME` reads the first.";
    columns(["dataset", "version", "rows", "from", "imported", "remarks"], rows, nothing)
}

fn import_words(imported: &Imported, dry_run: bool) -> String {
    match imported {
        Imported::Unchanged { version } => {
            format!("Nothing new: version {} of {} has the same rows.", version.version, version.dataset)
        }
        Imported::New { version, difference } => {
            let Version { dataset, version: number, rows, .. } = version;
            let head = if dry_run {
                format!("Nothing was kept: this was a trial. It would be version {number} of {dataset}, {rows} rows.")
            } else {
                format!("Version {number} of {dataset} is imported, {rows} rows.")
            };
            let mut lines = vec![head];
            lines.extend(remarks(version));
            if *number > 1 {
                lines.extend(changes(difference));
            }
            lines.join("\n")
        }
    }
}

fn show_words(shown: &Shown) -> String {
    let Shown { version, since, difference } = shown;
    let Version { dataset, version: number, rows, origin, imported_at, .. } = version;
    let mut lines =
        vec![format!("{dataset}, version {number}: {rows} rows from {origin}, imported {}", moment(*imported_at))];
    lines.extend(remarks(version));
    match since {
        Some(since) => {
            lines.push(format!("Since version {since}:"));
            lines.extend(changes(difference));
        }
        None => lines.push("It is the first version.".to_owned()),
    }
    lines.join("\n")
}

fn remarks(version: &Version) -> Vec<String> {
    version.remarks.iter().map(|remark| format!("! {}", remark.words(Locale::En))).collect()
}

fn changes(difference: &Difference) -> Vec<String> {
    let Difference { added, vanished, changed } = difference;
    let mut lines = Vec::new();
    let names = |rows: &[RowName]| rows.iter().map(ToString::to_string).collect::<Vec<_>>();
    let values = |changed: &Changed| format!("{}: {} -> {}", changed.row, changed.from, changed.to);
    for (title, rows) in
        [("new", names(added)), ("gone", names(vanished)), ("changed", changed.iter().map(values).collect())]
    {
        lines.push(format!("  {:<8} {}", title, rows.len()));
        lines.extend(rows.iter().take(NAMED_MAX).map(|row| format!("    {row}")));
        if let Some(more) = rows.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            lines.push(format!("    and {more} more"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(edition: &str) -> RowName {
        RowName { indicator: "Satisfaction".to_owned(), edition: edition.to_owned(), stratum: String::new() }
    }

    #[test]
    fn changes_are_named_up_to_a_point() {
        let difference = Difference {
            added: (0..22).map(|number| row(&format!("20{number:02}"))).collect(),
            vanished: Vec::new(),
            changed: vec![Changed { row: row("2016"), from: 51.into(), to: 52.into() }],
        };
        let lines = changes(&difference);
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("  new      22", "    Satisfaction, 2000"));
        assert_eq!(
            lines[21..],
            ["    and 2 more", "  gone     0", "  changed  1", "    Satisfaction, 2016: 51 -> 52",]
        );
    }

    #[test]
    fn everything_wrong_with_a_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("barometre.csv");
        fs::write(&file, "indicateur;edition;valeur\nA;2016;deux\nB;2016;120 %\n").unwrap();
        let errors = read(&file).unwrap().unwrap_err();
        let words = errors_words(Path::new("barometre.csv"), &errors);
        insta::assert_snapshot!(words, @r"
        barometre.csv: 2 problems, nothing was imported.
        line 2, column “valeur”: “deux” is no number: write it in digits, such as 66,7 or 1 234, or leave the row out
        line 3, column “valeur”: “120 %” is over 100 %: write a share of 0 to 100, or another unit
        ");
        assert!(read(Path::new("/nowhere/x.csv")).unwrap_err().to_string().starts_with("/nowhere/x.csv: "));
    }

    #[test]
    fn a_version_that_is_not_there_is_told_with_those_that_are() {
        let key: Key = "barometre".parse().unwrap();
        assert_eq!(unknown_words(&key, Some(7), &[2, 1]), "barometre has no version 7: --version is one of 1, 2");
        assert!(unknown_words(&key, None, &[]).starts_with("there is no dataset barometre"));
    }
}
