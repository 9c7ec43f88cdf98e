//! `campaign answers export`: what was answered in chat, as LimeSurvey exports responses. The answers are one
//! plugin's, the tokens another's: only here do the two meet.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bot_core::ids::PluginId;
use bot_core::{ContactId, Locale};
use clap::{Args, ValueEnum};
use micro_consultations::limesurvey::{Cells, Export, Response};
use micro_consultations::questionnaire::{NamedAnswers, named_answers};
use serde_json::json;
use survey_reminders::operations as campaigns;
use survey_reminders::questionnaire::{Answerer, Counting, Given, counting, whose};
use survey_reminders::store::CampaignId;

use crate::cli::WrongCall;
use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::Output;

#[derive(Args, Debug)]
pub(in crate::cli) struct ExportArguments {
    /// The campaign, by name or number
    campaign: String,
    /// The shape of the file
    #[arg(long, value_enum, default_value_t = Format::Limesurvey)]
    format: Format,
    /// The words of the options rather than their codes A1, A2 …
    #[arg(long)]
    labels: bool,
    /// Language of those words
    #[arg(long, default_value = "fr", value_name = "fr|en")]
    locale: Locale,
    /// Second answers of a collectivité, and those of people whom no collectivité is known of, as well
    #[arg(long)]
    all: bool,
    /// Write into this new file, which nobody else can read
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(in crate::cli) enum Format {
    /// As "Export responses" of LimeSurvey: CSV, headings by question code
    Limesurvey,
}

/// An answer with whose it is, and whether it counts for them.
type Attributed = (NamedAnswers, Option<Answerer>, Counting);

pub(super) async fn run(
    place: &PlaceArguments,
    arguments: &ExportArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    // The one shape there is.
    let Format::Limesurvey = arguments.format;
    let (reminders, questions): (PluginId, PluginId) = ("survey-reminders".parse()?, "micro-consultations".parse()?);
    let (file, attributed) = Operator::run(place, async |operator| {
        let found = operator.perform(&reminders, async |cx| {
            let campaign = campaigns::show(cx, &arguments.campaign).await?;
            let zone = campaign.definition.zone(cx.organisation.time_zone);
            Ok::<_, campaigns::OperationError>((campaign, zone))
        });
        let (campaign, zone) = found.await?;
        let Some(consultation) = campaign.definition.questionnaire.consultation else {
            let remedy = "it is not answered in chat: its file names no `consultation` under [questionnaire]";
            return Err(WrongCall(remedy.to_owned()).into());
        };
        let read = operator.perform(&questions, async |cx| named_answers(cx, &consultation).await);
        let (definition, answers) = read.await?;
        let attributed = attribute(operator, &reminders, campaign.id, answers).await?;
        let export = Export {
            definition: &definition,
            cells: if arguments.labels { Cells::Labels } else { Cells::Codes },
            locale: arguments.locale,
            zone,
        };
        let default = operator.organisation.settings.default_locale;
        let written = attributed.iter().filter(|(_, _, counting)| arguments.all || *counting == Counting::Counts);
        let responses: Vec<Response> = written.map(|(answers, whose, _)| response(answers, whose, default)).collect();
        Ok((export.file(&responses), attributed))
    })
    .await?;
    let counted = |wanted| attributed.iter().filter(|(_, _, counting)| *counting == wanted).count();
    let (counts, second, unknown) = (counted(Counting::Counts), counted(Counting::Second), counted(Counting::Unknown));
    match &arguments.csv {
        Some(path) => {
            write_new(path, &file)?;
            let facts = json!({ "file": path, "counted": counts, "second": second, "unknown": unknown });
            output.answer(&facts, || summary(path, counts, second, unknown))?;
        }
        // A reader that has gone away (`| head`) is no failure.
        None => drop(std::io::stdout().write_all(file.as_bytes())),
    }
    Ok(ExitCode::SUCCESS)
}

async fn attribute(
    operator: &Operator,
    reminders: &PluginId,
    campaign: CampaignId,
    answers: Vec<NamedAnswers>,
) -> anyhow::Result<Vec<Attributed>> {
    let contacts: Vec<ContactId> = answers.iter().filter_map(|answer| answer.contact).collect();
    let whose = operator
        .perform(reminders, async |cx| Ok::<_, campaigns::OperationError>(whose(cx, campaign, &contacts).await?));
    let whose = whose.await?;
    let given: Vec<Given> =
        answers.iter().map(|answer| Given { contact: answer.contact, finished_at: answer.finished_at }).collect();
    let counting = counting(&given, &whose);
    let attributed = answers.into_iter().zip(counting).map(|(answer, counting)| {
        let answerer = answer.contact.and_then(|contact| whose.get(&contact)).cloned();
        (answer, answerer, counting)
    });
    Ok(attributed.collect())
}

/// The language somebody answered in is kept nowhere: it is the organisation's.
fn response(answers: &NamedAnswers, whose: &Option<Answerer>, locale: Locale) -> Response {
    Response {
        token: whose.as_ref().and_then(|whose| whose.token.clone()),
        locale,
        answers: answers.answers.clone(),
        started_at: answers.started_at,
        finished_at: answers.finished_at,
        reached: answers.reached,
    }
}

fn write_new(path: &Path, file: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut new| new.write_all(file.as_bytes()).and_then(|()| new.sync_all()));
    written.map_err(|error| {
        WrongCall(format!("{} cannot be written ({error}): name a new file for the answers", path.display())).into()
    })
}

fn summary(path: &Path, counts: usize, second: usize, unknown: usize) -> String {
    let mut summary = format!("{counts} answers that count are in {}.", path.display());
    if second > 0 {
        summary.push_str(&format!(" {second} more are second answers of a collectivité: see them with --all."));
    }
    if unknown > 0 {
        summary.push_str(&format!(" {unknown} are of people for whom no collectivité is known: see them with --all."));
    }
    summary
}
