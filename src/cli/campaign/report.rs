//! `campaign report`: what became of a campaign, who answered, and whom to remind next.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bot_core::Locale;
use bot_core::plugin::{Context, HandlerError};
use clap::Args;
use crieur_spreadsheets::Spreadsheet;
use serde_json::json;
use survey_reminders::operations;
use survey_reminders::report::next::{Next, next};
use survey_reminders::report::reference::Reference;
use survey_reminders::report::{self, Report, bodies, csv, gate};

use crate::cli::WrongCall;
use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::{Output, moment};

/// Lines of `--csv` and `--json` where `--next` does not say how many.
const NEXT_IN_FILES: usize = 1000;

#[derive(Args)]
pub(in crate::cli) struct ReportArguments {
    /// Its name (slug) or number
    #[arg(required_unless_present = "from")]
    pub name: Option<String>,
    /// The language of sentences, fr or en
    #[arg(long, default_value = "fr")]
    pub locale: Locale,
    /// The reference population: a table (.csv, .xlsx, .ods) with a row for each collectivité and the columns type,
    /// population, region, and insee or siren
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// Keep that reference population with the campaign, for its page and the chat
    #[arg(long, requires = "reference")]
    pub keep: bool,
    /// Show so many of whom to remind next
    #[arg(long, value_name = "N")]
    pub next: Option<usize>,
    /// Write the tables into this directory, which must not have them yet
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["link", "revoke"])]
    pub csv: Option<PathBuf>,
    /// Compute whom to remind next again from a collectivites.csv that `--csv` wrote, without a database; prints CSV
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "reference", "csv", "link", "revoke"])]
    pub from: Option<PathBuf>,
    /// Make a link to the report's page: good once, for a day
    #[arg(long, conflicts_with_all = ["revoke", "reference", "next"])]
    pub link: bool,
    /// Take back all links to the report's page, and end its sessions
    #[arg(long, conflicts_with_all = ["reference", "next"])]
    pub revoke: bool,
}

pub(super) async fn run(
    place: &PlaceArguments,
    arguments: ReportArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if let Some(file) = &arguments.from {
        return again(file, &arguments, output);
    }
    // Without `--from` the name is required.
    let name = arguments.name.as_deref().unwrap_or_default();
    if arguments.link || arguments.revoke {
        return access(place, name, arguments.link, output).await;
    }
    let reference = arguments.reference.as_deref().map(reference).transpose()?;
    let count = arguments.next.unwrap_or(if arguments.csv.is_some() || output.json { NEXT_IN_FILES } else { 0 });
    let report = perform(place, async |cx| {
        let report = read(cx, name, reference.as_ref(), count).await?;
        if let (Some(reference), true) = (&reference, arguments.keep) {
            report::reference::keep(cx, report.campaign, reference).await?;
        }
        Ok(report)
    });
    let report = report.await?;
    if let Some(directory) = &arguments.csv {
        let written = write(directory, &report, arguments.locale)?;
        output.answer(&json!({ "files": written }), || {
            written.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n")
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    output.answer(&report, || report::plain(arguments.locale, &report))?;
    Ok(ExitCode::SUCCESS)
}

async fn perform<T>(
    place: &PlaceArguments,
    work: impl AsyncFnOnce(&mut Context) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let plugin = "survey-reminders".parse()?;
    Operator::run(place, async |operator| operator.perform(&plugin, work).await).await
}

async fn read(cx: &mut Context, name: &str, reference: Option<&Reference>, next: usize) -> anyhow::Result<Report> {
    let campaign = operations::show(cx, name).await?;
    let (organisation, now) = (cx.organisation.clone(), cx.now);
    let report = report::read(cx.sql(), &organisation, campaign.slug(), now, reference, next).await?;
    report.ok_or_else(|| {
        WrongCall(format!("the campaign `{name}` is gone: `crieur campaign list` shows those there are")).into()
    })
}

fn reference(file: &Path) -> anyhow::Result<Reference> {
    let table = Spreadsheet::open(file, None).with_context(|| format!("{} cannot be read", file.display()))?;
    Reference::read(table).map_err(|problem| WrongCall(format!("{}: {problem}", file.display())).into())
}

async fn access(place: &PlaceArguments, name: &str, is_link: bool, output: Output) -> anyhow::Result<ExitCode> {
    if is_link {
        let made = perform(place, async |cx| {
            let campaign = operations::show(cx, name).await?;
            let url = cx.public_url.clone().ok_or_else(|| {
                WrongCall("the page needs a public address: write http.public.public_url in crieur.toml".to_owned())
            })?;
            let link = gate::issue(cx, campaign.id, campaign.slug()).await?;
            Ok((format!("{url}{}", link.path), link.expires_at))
        });
        let (url, expires_at) = made.await?;
        output.answer(&json!({ "link": url, "expires_at": expires_at }), || {
            format!("{url}\nGood once, until {}. Hand it to one organiser, in private.", moment(expires_at))
        })?;
    } else {
        let revoked = perform(place, async |cx| {
            let campaign = operations::show(cx, name).await?;
            Ok::<u64, anyhow::Error>(gate::revoke(cx, campaign.id).await?)
        });
        let revoked = revoked.await?;
        output
            .answer(&json!({ "revoked": revoked }), || format!("{revoked} links and sessions are no longer good."))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same list from the same file, by whoever has it.
fn again(file: &Path, arguments: &ReportArguments, output: Output) -> anyhow::Result<ExitCode> {
    let table = Spreadsheet::open(file, None).with_context(|| format!("{} cannot be read", file.display()))?;
    let bodies = bodies::from_csv(table).map_err(|problem| WrongCall(format!("{}: {problem}", file.display())))?;
    let list: Vec<Next> = next(&bodies, arguments.next.unwrap_or(NEXT_IN_FILES));
    if output.json {
        output.answer(&list, String::new)?;
    } else {
        // As the file has it, byte by byte. A reader that has gone away (`| head`) is no failure.
        let _ = std::io::stdout().write_all(&csv::next(arguments.locale, &list));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the tables to new files, which nobody else can read: they name who is silent.
fn write(directory: &Path, report: &Report, locale: Locale) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    let mut written = Vec::new();
    for name in csv::FILES {
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(|error| {
            WrongCall(format!("{} cannot be made ({error}): name another directory", path.display()))
        })?;
        let bytes = csv::file(locale, report, name)
            .ok_or_else(|| HandlerError::Broken(format!("{name} is no file of a report")))?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} cannot be written", path.display()))?;
        written.push(path);
    }
    Ok(written)
}
