//! `consultation`: what an organiser does in chat, for those who prefer a file and a terminal.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use bot_core::Locale;
use bot_core::ids::PluginId;
use bot_core::plugin::Context;
use micro_consultations::chart::Chart;
use micro_consultations::definition::Definition;
use micro_consultations::definition_file::{self, DefinitionError};
use micro_consultations::operations::{self, OperationError, Summary};
use micro_consultations::pulse::file::{FileContent, read as read_any};
use micro_consultations::results::{Counts, Results};
use micro_consultations::rooms;
use micro_consultations::store::Consultation;
use serde::Serialize;
use serde_json::json;

use super::arguments::{ConsultationCommand, PlaceArguments};
use super::operator::Operator;
use super::output::{Output, moment, say, table};
use super::{EXIT_WRONG_CALL, WrongCall, codes, preview};

pub(super) async fn run(
    place: &PlaceArguments,
    command: ConsultationCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if let ConsultationCommand::Validate { file } = &command {
        return validate(file, output);
    }
    match command {
        ConsultationCommand::Schema => {
            say(&serde_json::to_string_pretty(&definition_file::json_schema())?);
            Ok(ExitCode::SUCCESS)
        }
        ConsultationCommand::Preview { consultation, locale, networks } => {
            preview::run(place, &consultation, locale, networks, output).await
        }
        ConsultationCommand::Create { file, open } => {
            let definition = read(&file)?;
            let summary = perform(place, async |cx| {
                let mut consultation = operations::create(cx, definition).await?;
                if open {
                    consultation = operations::open(cx, consultation.id).await?;
                }
                summarise(cx, &consultation).await
            })
            .await?;
            answer(&summary, output)
        }
        ConsultationCommand::Open { name } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let opened = operations::open(cx, id).await?;
                summarise(cx, &opened).await
            });
            answer(&summary.await?, output)
        }
        ConsultationCommand::Discard { name } => {
            let discarded = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                operations::discard(cx, id).await
            });
            let discarded = discarded.await?;
            output.answer(&json!({ "discarded": discarded.slug() }), || {
                format!("{} is thrown away: its name is free again.", discarded.slug())
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ConsultationCommand::Close { name } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let closed = operations::close(cx, id).await?;
                summarise(cx, &closed).await
            });
            answer(&summary.await?, output)
        }
        ConsultationCommand::Extend { name, days } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let extended = operations::extend(cx, id, days).await?;
                summarise(cx, &extended).await
            });
            answer(&summary.await?, output)
        }
        ConsultationCommand::Announce { name, room } => {
            let summary = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                let announced = match room.as_slice() {
                    [] => operations::announce(cx, id).await?,
                    rooms => rooms::announce_in(cx, id, rooms).await?,
                };
                summarise(cx, &announced).await
            });
            answer(&summary.await?, output)
        }
        ConsultationCommand::Rooms => list_rooms(place, output).await,
        ConsultationCommand::Codes { name, count, csv } => codes::run(place, &name, count, &csv, output).await,
        ConsultationCommand::List => list(place, output).await,
        ConsultationCommand::Show { name, toml: false } => {
            let summary = perform(place, async |cx| {
                let consultation = operations::show(cx, &name).await?;
                summarise(cx, &consultation).await
            });
            answer(&summary.await?, output)
        }
        ConsultationCommand::Show { name, toml: true } => {
            let file = perform(place, async |cx| {
                let consultation = operations::show(cx, &name).await?;
                Ok(operations::export(cx, &consultation)?)
            });
            let file = file.await?;
            output.answer(&json!({ "toml": file }), || file.clone())?;
            Ok(ExitCode::SUCCESS)
        }
        ConsultationCommand::Results { name } => results(place, &name, output).await,
        ConsultationCommand::Validate { file } => validate(&file, output),
    }
}

fn plugin() -> anyhow::Result<PluginId> {
    Ok("micro-consultations".parse()?)
}

/// A refusal of the operator's own making is a failure that the message explains, not a fault.
pub(super) async fn perform<T>(
    place: &PlaceArguments,
    work: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
) -> anyhow::Result<T> {
    Operator::run(place, async |operator| operator.perform(&plugin()?, work).await).await
}

async fn summarise(cx: &mut Context, consultation: &Consultation) -> Result<Summary, OperationError> {
    let organisation = cx.organisation.id;
    Ok(operations::summary(cx.sql(), organisation, consultation).await?)
}

pub(super) fn source(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).map_err(|error| WrongCall(format!("{} cannot be read: {error}", file.display())).into())
}

/// Reads a consultation file for use.
pub(super) fn read(file: &Path) -> anyhow::Result<Definition> {
    match read_any(&source(file)?) {
        Ok(FileContent::Consultation(definition)) => Ok(*definition),
        Ok(FileContent::Pulse(_)) => {
            Err(WrongCall(format!("{} holds a pulse: use `crieur pulse create`", file.display())).into())
        }
        Err(error) => Err(WrongCall(problems_in(file, &error)).into()),
    }
}

pub(super) fn problems_in(file: &Path, error: &DefinitionError) -> String {
    let problems = error.problems.iter().map(|problem| format!("{}: {problem}", file.display()));
    problems.collect::<Vec<_>>().join("\n")
}

fn validate(file: &Path, output: Output) -> anyhow::Result<ExitCode> {
    match read_any(&source(file)?) {
        Ok(FileContent::Pulse(pulse)) => {
            let facts = json!({ "ok": true, "slug": pulse.slug, "kind": "pulse", "problems": [] });
            output.answer(&facts, || format!("{} is right: the pulse {}.", file.display(), pulse.slug))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(FileContent::Consultation(definition)) => {
            let questions = definition.questions.len();
            let facts = json!({ "ok": true, "slug": definition.slug, "questions": questions, "problems": [] });
            output.answer(&facts, || {
                let plural = if questions == 1 { "" } else { "s" };
                format!("{} is right: {} with {questions} question{plural}.", file.display(), definition.slug)
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

async fn list(place: &PlaceArguments, output: Output) -> anyhow::Result<ExitCode> {
    let summaries = perform(place, async |cx| {
        let organisation = cx.organisation.id;
        Ok(operations::list(cx.sql(), organisation).await?)
    })
    .await?;
    output.answer(&summaries, || {
        let rows = summaries.iter().map(|summary| {
            let closing = summary.closed_at.or(summary.closes_at).map(moment).unwrap_or_default();
            let (id, ballots) = (summary.id.to_string(), summary.ballots.to_string());
            [id, summary.slug.clone(), state_of(summary), ballots, closing, summary.title.clone()]
        });
        let nothing = "There is no consultation yet: `crieur consultation create` makes one from a file.";
        table(["id", "name", "state", "ballots", "closes", "title"], rows, nothing)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list_rooms(place: &PlaceArguments, output: Output) -> anyhow::Result<ExitCode> {
    let rooms = perform(place, async |cx| rooms::list(cx).await).await?;
    let facts: Vec<_> = rooms
        .iter()
        .map(|room| {
            json!({
                "room": room.number,
                "account": room.account,
                "platform": room.platform.as_str(),
                "kind": room.conversation.kind,
                "reference": room.reference.expose(),
            })
        })
        .collect();
    output.answer(&facts, || {
        let rows = rooms.iter().map(|room| {
            let kind = room.conversation.kind.as_str().to_owned();
            [room.number.to_string(), room.account.clone(), kind, room.reference.expose().clone()]
        });
        let nothing = "The bot is in no room yet: invite it to one, and write something there.";
        table(["room", "account", "kind", "the network's name for it"], rows, nothing)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn state_of(summary: &Summary) -> String {
    summary.state.as_str().to_owned()
}

fn answer(summary: &Summary, output: Output) -> anyhow::Result<ExitCode> {
    output.answer(summary, || {
        let mut lines = vec![
            format!("{} ({}), number {}", summary.title, summary.slug, summary.id),
            format!("state      {}", state_of(summary)),
            format!("anonymity  {}", summary.anonymity),
            format!("questions  {}", summary.questions),
            format!("ballots    {}", summary.ballots),
        ];
        let moments = [
            ("opens      ", summary.opens_at),
            ("closes     ", summary.closes_at),
            ("announced  ", summary.announced_at),
            ("closed     ", summary.closed_at),
        ];
        lines.extend(moments.into_iter().filter_map(|(name, at)| Some(format!("{name}{}", moment(at?)))));
        lines.push(format!("wording    sha256 {}", summary.wording_hash));
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn results(place: &PlaceArguments, name: &str, output: Output) -> anyhow::Result<ExitCode> {
    let (consultation, results) = perform(place, async |cx| {
        let consultation = operations::show(cx, name).await?;
        let results = operations::results(cx, consultation.id).await?;
        Ok((consultation, results))
    })
    .await?;
    #[derive(Serialize)]
    struct Answer<'r> {
        slug: &'r str,
        #[serde(flatten)]
        results: &'r Results,
    }
    let facts = Answer { slug: consultation.slug(), results: &results };
    output.answer(&facts, || results_in_words(&consultation, &results))?;
    Ok(ExitCode::SUCCESS)
}

fn results_in_words(consultation: &Consultation, results: &Results) -> String {
    let ballots = results.ballots();
    let mut lines = vec![format!("{}: {ballots} ballots", consultation.definition.title.fr)];
    for level in &results.participation {
        lines.push(format!("  {} counted once per {}", level.ballots, level.assurance.as_str()));
    }
    match &results.counts {
        Counts::Shown { is_final, tally, .. } => {
            lines.push(if *is_final {
                "Final counts.".to_owned()
            } else {
                format!("Counts of the moment, over {} ballots.", tally.ballots)
            });
            for (question, counted) in consultation.definition.questions.iter().zip(&tally.questions) {
                lines.push(format!("\n{}", question.text.fr));
                match Chart::of(Locale::Fr, question, counted) {
                    Some(chart) => {
                        let twin = chart.twin();
                        lines.push(twin.sentence);
                        lines.extend(twin.table.rows.iter().map(|row| format!("  {}", row.join("  "))));
                    }
                    None => lines.push(format!("{} written answers", counted.answered)),
                }
            }
        }
        Counts::NotYet { from } => lines.push(format!("Counts are shown from {from} ballots on.")),
        Counts::TooFew { from } => {
            lines.push(format!("It closed with fewer than {from} ballots: counts would show who chose what."));
        }
        Counts::HiddenUntilVote => lines.push("Counts are shown to those who have answered.".to_owned()),
        Counts::HiddenUntilClose => lines.push("Counts are shown once it is closed.".to_owned()),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../docs/schema/consultation.schema.json");
        let current = serde_json::to_string_pretty(&definition_file::json_schema()).unwrap();
        let remedy = "write it anew: crieur consultation schema > docs/schema/consultation.schema.json";
        assert_eq!(committed.trim(), current, "{remedy}");
    }
}
