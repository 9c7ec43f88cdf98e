//! `campaign`: a questionnaire's invitation and reminders, from the file to the last message.

mod answers;
mod answers_export;
pub(super) mod arguments;
mod completions;
mod report;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use bot_core::Locale;
use bot_core::ids::PluginId;
use bot_core::plugin::Context;
use serde_json::json;
use survey_reminders::definition::Definition;
use survey_reminders::definition_file::{self, DefinitionError};
use survey_reminders::limesurvey;
use survey_reminders::operations::{self, Kind, OperationError, PlanName, Proposal, Summary};
use survey_reminders::plan::Totals;
use survey_reminders::plan_rows::{PlanRow, rows};
use survey_reminders::store::Campaign;

use self::arguments::{CampaignCommand, CompletionsCommand};
use super::arguments::PlaceArguments;
use super::operator::Operator;
use super::output::{Output, moment, say, table};
use super::{EXIT_WRONG_CALL, WrongCall};

pub(super) async fn run(place: &PlaceArguments, command: CampaignCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        CampaignCommand::Validate { file } => validate(&file, output),
        CampaignCommand::Schema => {
            say(&serde_json::to_string_pretty(&definition_file::json_schema())?);
            Ok(ExitCode::SUCCESS)
        }
        CampaignCommand::Create { file, who } => {
            let source = read(&file)?;
            let summary = perform(place, async |cx| {
                let campaign = operations::create(cx, &source, &who.name()).await?;
                summarise(cx, &campaign).await
            });
            answer(&summary.await?, output)
        }
        CampaignCommand::Edit { file, who } => {
            let source = read(&file)?;
            let summary = perform(place, async |cx| {
                let campaign = operations::edit(cx, &source, &who.name()).await?;
                summarise(cx, &campaign).await
            });
            answer(&summary.await?, output)
        }
        CampaignCommand::Plan { name, supplement, summary, csv, locale } => {
            let proposal = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                operations::propose(cx, id, kind(supplement)).await
            });
            let proposal = proposal.await?;
            let totals = proposal.plan.totals(&proposal.campaign.definition, &proposal.people.candidates);
            let written = match (&csv, summary, output.json) {
                (Some(file), ..) => plan_as_csv(&proposal, &totals, file, locale, output),
                (None, true, true) => summary_as_json(&proposal, &totals),
                (None, false, true) => plan_as_json(&proposal, &totals, locale),
                (None, summary, false) => plan_in_words(&proposal, &totals, summary, locale),
            };
            whoever_reads_may_leave(written)
        }
        CampaignCommand::Approve { name, plan, supplement, who } => {
            let plan: PlanName = plan.parse().map_err(|refusal: operations::Refusal| WrongCall(refusal.to_string()))?;
            let (summary, messages) = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let approved = operations::approve(cx, id, kind(supplement), &plan, &who.name()).await?;
                let campaign = operations::find(cx, id).await?;
                Ok((summarise(cx, &campaign).await?, approved.messages))
            })
            .await?;
            if output.json {
                return answer(&summary, output);
            }
            say(&format!("{messages} messages are approved; the first go out when their hour has come.\n"));
            answer(&summary, output)
        }
        CampaignCommand::Pause { name, who } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let campaign = operations::pause(cx, id, Some(&who.name())).await?;
                summarise(cx, &campaign).await
            });
            answer(&summary.await?, output)
        }
        CampaignCommand::Resume { name, who } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let campaign = operations::resume(cx, id, Some(&who.name())).await?;
                summarise(cx, &campaign).await
            });
            answer(&summary.await?, output)
        }
        CampaignCommand::Cancel { name, who } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let campaign = operations::cancel(cx, id, Some(&who.name())).await?;
                summarise(cx, &campaign).await
            });
            answer(&summary.await?, output)
        }
        CampaignCommand::Completions(CompletionsCommand::Import(arguments)) => {
            completions::run(place, arguments, output).await
        }
        CampaignCommand::Answers(command) => answers::run(place, command, output).await,
        CampaignCommand::Report(arguments) => report::run(place, arguments, output).await,
        CampaignCommand::List => list(place, output).await,
        CampaignCommand::Show { name, toml: true } => {
            let campaign = perform(place, async |cx| operations::show(cx, &name).await).await?;
            output.answer(&json!({ "toml": campaign.source }), || campaign.source.clone())?;
            Ok(ExitCode::SUCCESS)
        }
        CampaignCommand::Show { name, toml: false } => show(place, &name, output).await,
    }
}

fn kind(supplement: bool) -> Kind {
    if supplement { Kind::Supplement } else { Kind::Whole }
}

/// A refusal of the operator's own making is a failure that the message explains, not a fault.
pub(super) async fn perform<T>(
    place: &PlaceArguments,
    work: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
) -> anyhow::Result<T> {
    let plugin: PluginId = "survey-reminders".parse()?;
    Operator::run(place, async |operator| operator.perform(&plugin, work).await).await
}

async fn summarise(cx: &mut Context, campaign: &Campaign) -> Result<Summary, OperationError> {
    Ok(operations::summary(cx, campaign).await?)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let source =
        fs::read_to_string(file).map_err(|error| WrongCall(format!("{} cannot be read: {error}", file.display())))?;
    // Refused here with the file's name before each problem.
    parse(file, &source)?;
    Ok(source)
}

fn parse(file: &Path, source: &str) -> Result<Definition, WrongCall> {
    definition_file::parse(source).map_err(|error| WrongCall(problems_in(file, &error)))
}

fn problems_in(file: &Path, error: &DefinitionError) -> String {
    let problems = error.problems.iter().map(|problem| format!("{}: {problem}", file.display()));
    problems.collect::<Vec<_>>().join("\n")
}

fn validate(file: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let source =
        fs::read_to_string(file).map_err(|error| WrongCall(format!("{} cannot be read: {error}", file.display())))?;
    match definition_file::parse(&source) {
        Ok(definition) => {
            let steps = definition.steps.len();
            let facts = json!({ "ok": true, "slug": definition.slug, "steps": steps, "problems": [] });
            output.answer(&facts, || {
                let plural = if steps == 1 { "" } else { "s" };
                format!("{} is right: {} with {steps} step{plural}.", file.display(), definition.slug)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if output.json => {
            output.answer(&json!({ "ok": false, "problems": error.problems }), String::new)?;
            Ok(ExitCode::from(EXIT_WRONG_CALL))
        }
        Err(error) => Err(WrongCall(problems_in(file, &error)).into()),
    }
}

/// A reader that has gone away (`| head`) is no failure.
fn whoever_reads_may_leave(written: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    match written {
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(ExitCode::SUCCESS)
        }
        written => written.map(|()| ExitCode::SUCCESS),
    }
}

fn plan_in_words(proposal: &Proposal, totals: &Totals, summary: bool, locale: Locale) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if !summary {
        for row in rows(proposal, locale) {
            writeln!(out, "{}", row_in_words(&row))?;
        }
        writeln!(out)?;
    }
    for line in totals_in_words(proposal, totals) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}

fn row_in_words(row: &PlanRow<'_>) -> String {
    let when = match row.earliest {
        Some(_) => format!("{} {} {}", row.date, row.hour, row.zone),
        None => "no message".to_owned(),
    };
    let whom = match row.contact {
        0 => "the organisers".to_owned(),
        number => format!("contact {number}, {}", row.collectivite.unwrap_or("on their own")),
    };
    let reasons = if row.reasons.is_empty() { String::new() } else { format!(": {}", row.reasons.join("; ")) };
    format!("{when:<40}  {:<20}  {whom}{reasons}", row.step)
}

fn totals_in_words(proposal: &Proposal, totals: &Totals) -> Vec<String> {
    let steps = totals.steps.iter().map(|step| {
        let counted = |counts: &std::collections::BTreeMap<String, usize>| {
            counts.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
        };
        let (planned, if_reached) = (step.planned.to_string(), step.if_reached.to_string());
        [step.step.to_string(), planned, if_reached, counted(&step.shifts), counted(&step.suppressions)]
    });
    let header = ["step", "messages", "of these if reached", "later because", "none because"];
    let mut lines = vec![table(header, steps, "There is no step."), String::new()];
    lines.extend(totals.days.iter().map(|(day, count)| format!("{day}  {count}")));
    lines.push(format!(
        "\n{} messages to {} people of {} collectivités or on their own; {} without a message; {} in all.",
        totals.planned, totals.people, totals.respondents, totals.suppressed, totals.lines,
    ));
    if let Some(difference) = proposal.difference {
        lines.push(format!(
            "Against what waits: {} more, {} fewer, {} at another time, {} as before.",
            difference.added, difference.removed, difference.moved, difference.unchanged,
        ));
    }
    lines.push(format!("wording  sha256 {}", proposal.wording_hash));
    lines.push(format!("list     sha256 {}", proposal.list_hash));
    lines.push(format!("plan     {}", proposal.name()));
    lines
}

fn facts(proposal: &Proposal, totals: &Totals) -> serde_json::Value {
    json!({
        "campaign": proposal.campaign.slug(),
        "version": proposal.campaign.version,
        "kind": proposal.kind,
        "plan": proposal.name().to_string(),
        "wording_hash": proposal.wording_hash,
        "list_hash": proposal.list_hash,
        "messages": proposal.messages,
        "difference": proposal.difference,
        "totals": totals,
    })
}

fn summary_as_json(proposal: &Proposal, totals: &Totals) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(&facts(proposal, totals))?);
    Ok(())
}

/// One object, written as it is made: what is told of all first, then `rows`, one a line.
fn plan_as_json(proposal: &Proposal, totals: &Totals, locale: Locale) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let facts = facts(proposal, totals).to_string();
    write!(out, "{},\"rows\":[", facts.strip_suffix('}').unwrap_or(&facts))?;
    for (index, row) in rows(proposal, locale).enumerate() {
        writeln!(out, "{}", if index > 0 { "," } else { "" })?;
        serde_json::to_writer(&mut out, &row)?;
    }
    writeln!(out, "\n]}}")?;
    out.flush()?;
    Ok(())
}

fn plan_as_csv(
    proposal: &Proposal,
    totals: &Totals,
    file: &Path,
    locale: Locale,
    output: Output,
) -> anyhow::Result<()> {
    let place = File::create_new(file)
        .map_err(|error| WrongCall(format!("{} cannot be made: {error}: name a new file", file.display())))?;
    let mut csv = csv::Writer::from_writer(BufWriter::new(place));
    csv.write_record([
        "step",
        "contact",
        "name",
        "collectivite",
        "verdict",
        "date",
        "hour",
        "zone",
        "earliest",
        "reasons",
    ])?;
    for row in rows(proposal, locale) {
        let earliest = row.earliest.map(moment).unwrap_or_default();
        csv.write_record([
            row.step,
            &row.contact.to_string(),
            row.name.unwrap_or_default(),
            row.collectivite.unwrap_or_default(),
            row.verdict,
            &row.date,
            &row.hour,
            row.zone,
            &earliest,
            &row.reasons.join("; "),
        ])?;
    }
    csv.flush()?;
    output.answer(&facts(proposal, totals), || totals_in_words(proposal, totals).join("\n"))
}

async fn list(place: &PlaceArguments, output: Output) -> anyhow::Result<ExitCode> {
    let summaries = perform(place, async |cx| operations::list(cx).await).await?;
    output.answer(&summaries, || {
        let rows = summaries.iter().map(|summary| {
            let messages: i64 = summary.messages.values().sum();
            let (id, state) = (summary.id.to_string(), state_of(summary));
            [id, summary.slug.clone(), state, messages.to_string(), moment(summary.deadline), summary.title.clone()]
        });
        let nothing = "There is no campaign yet: `crieur campaign create` makes one from a file.";
        table(["id", "name", "state", "messages", "deadline", "title"], rows, nothing)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The state, and whether the current version waits for its approval.
fn state_of(summary: &Summary) -> String {
    let is_current = summary.approved_version == Some(summary.version);
    let edited = if summary.approved_version.is_some() && !is_current { ", edited and not approved" } else { "" };
    format!("{}{edited}", summary.state)
}

fn summary_in_words(summary: &Summary) -> Vec<String> {
    let mut lines = vec![
        format!("{} ({}), number {}", summary.title, summary.slug, summary.id),
        format!("state        {}", state_of(summary)),
        format!("version      {} by {}", summary.version, summary.edited_by),
        format!("opens        {}", moment(summary.opens_at)),
        format!("deadline     {}", moment(summary.deadline)),
    ];
    lines.extend(summary.messages.iter().map(|(state, count)| format!("messages     {count} {state}")));
    lines.extend(summary.respondents.iter().map(|(state, count)| format!("respondents  {count} {state}")));
    lines
}

fn answer(summary: &Summary, output: Output) -> anyhow::Result<ExitCode> {
    output.answer(summary, || summary_in_words(summary).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(place: &PlaceArguments, name: &str, output: Output) -> anyhow::Result<ExitCode> {
    let (summary, approvals, pollings) = perform(place, async |cx| {
        let campaign = operations::show(cx, name).await?;
        let approvals = operations::approvals(cx, campaign.id).await?;
        let pollings = limesurvey::pollings(cx.sql(), Some(campaign.id)).await?;
        Ok((summarise(cx, &campaign).await?, approvals, pollings))
    })
    .await?;
    output.answer(&json!({ "campaign": summary, "approvals": approvals, "limesurvey": pollings.first() }), || {
        let mut lines = summary_in_words(&summary);
        for polling in &pollings {
            let well = polling.succeeded_at.map_or_else(|| "never yet".to_owned(), moment);
            lines.push(format!("LimeSurvey asked well {well}"));
            lines.extend(polling.failure.iter().map(|failure| format!("  failing: {failure}")));
        }
        for approval in &approvals {
            lines.push(format!(
                "approval {}   version {}, {}, {} messages, by {} on {}",
                approval.number,
                approval.version,
                approval.kind,
                approval.messages,
                approval.approved_by,
                moment(approval.approved_at),
            ));
            lines.push(format!("  wording    sha256 {}", approval.wording_hash));
            lines.push(format!("  list       sha256 {}", approval.list_hash));
        }
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}
