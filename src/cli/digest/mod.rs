//! `digest`: the observatory's digest, from its file to the edition that readers get.

pub(super) mod arguments;
mod dataset;
mod proof;
mod shown;
mod sources;
mod wording;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use barometer_digests::definition_file::{self, DefinitionError};
use barometer_digests::edition::EntryKey;
use barometer_digests::edition::operations::{self, Direction, OperationError};
use barometer_digests::edition::store::{StoredEdition, skip_reason};
use barometer_digests::rendering::way::Way;
use bot_core::Wording;
use bot_core::ids::PluginId;
use bot_core::plugin::Context;
use serde_json::json;

use self::arguments::{DigestCommand, PreviewArguments, ShowArguments, cadence};
use self::shown::Edition;
use super::arguments::PlaceArguments;
use super::operator::Operator;
use super::output::{Output, say};
use super::preview::{Shown, message_in_words, on_networks};
use super::{EXIT_WRONG_CALL, WrongCall};

pub(super) async fn run(place: &PlaceArguments, command: DigestCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        DigestCommand::Dataset(command) => return dataset::run(place, command, output).await,
        DigestCommand::Validate { file } => return validate(&file, output),
        DigestCommand::Schema => say(&serde_json::to_string_pretty(&definition_file::json_schema())?),
        DigestCommand::Wording => return wording::run(output),
        DigestCommand::Set { file, who } => set(place, &file, &who.name(), output).await?,
        DigestCommand::Sources { refresh } => sources::list(place, refresh, output).await?,
        DigestCommand::List { limit } => {
            let editions = perform(place, async |cx| operations::list(cx, limit).await).await?;
            shown::list(&editions, output)?;
        }
        DigestCommand::Show(arguments) => show(place, &arguments, output).await?,
        DigestCommand::Preview(arguments) => preview(place, &arguments, output).await?,
        DigestCommand::Draft { monthly, who } => {
            changed(place, output, async |cx| operations::draft(cx, cadence(monthly), Some(&who.name())).await).await?;
        }
        DigestCommand::Introduce { seen, file, locale, who } => {
            let words = read(&file)?;
            changed(place, output, async |cx| {
                operations::introduce(cx, seen.number, seen.revision, locale, &words, Some(&who.name())).await
            })
            .await?;
        }
        DigestCommand::Drop { seen, entry, who } => {
            let key = EntryKey(entry);
            changed(place, output, async |cx| {
                operations::drop_entry(cx, seen.number, seen.revision, &key, Some(&who.name())).await
            })
            .await?;
        }
        DigestCommand::Add { seen, entry, who } => {
            let key = EntryKey(entry);
            changed(place, output, async |cx| {
                operations::add_entry(cx, seen.number, seen.revision, &key, Some(&who.name())).await
            })
            .await?;
        }
        DigestCommand::Move { seen, entry, up, down: _, who } => {
            let (key, direction) = (EntryKey(entry), if up { Direction::Up } else { Direction::Down });
            changed(place, output, async |cx| {
                operations::move_entry(cx, seen.number, seen.revision, &key, direction, Some(&who.name())).await
            })
            .await?;
        }
        DigestCommand::Approve { seen, hash, who } => {
            changed(place, output, async |cx| {
                operations::approve(cx, seen.number, seen.revision, hash, Some(&who.name())).await
            })
            .await?;
        }
        DigestCommand::Send { number, who } => {
            changed(place, output, async |cx| operations::send(cx, number, Some(&who.name())).await).await?;
        }
        DigestCommand::Proof { number } => return proof::run(place, number, output).await,
        DigestCommand::Skip { number, reason, who } => {
            changed(place, output, async |cx| operations::skip(cx, number, &reason, Some(&who.name())).await).await?;
        }
        DigestCommand::Correct { number, fr, en, who } => {
            let words = Wording { fr, en };
            changed(place, output, async |cx| operations::correct(cx, number, &words, Some(&who.name())).await).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A refusal of the operator's own making is a failure that the message explains, not a fault.
pub(super) async fn perform<T>(
    place: &PlaceArguments,
    work: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
) -> anyhow::Result<T> {
    let plugin: PluginId = "barometer-digests".parse()?;
    Operator::run(place, async |operator| operator.perform(&plugin, work).await).await
}

/// Runs a change of an edition and shows what it is now.
async fn changed(
    place: &PlaceArguments,
    output: Output,
    work: impl AsyncFnOnce(&mut Context) -> Result<StoredEdition, OperationError>,
) -> anyhow::Result<()> {
    let edition = perform(place, async |cx| {
        let stored = work(cx).await?;
        shown_as_it_is(cx, stored, false).await
    })
    .await?;
    output.answer(&edition, || edition.in_words())
}

async fn shown_as_it_is(cx: &mut Context, stored: StoredEdition, candidates: bool) -> Result<Edition, OperationError> {
    let organisation = cx.organisation.id;
    let reason = skip_reason(cx.sql(), organisation, stored.number).await?;
    let candidates = if candidates { Some(operations::addable(cx, &stored).await?) } else { None };
    Ok(Edition::of(stored, reason, candidates))
}

fn read(file: &Path) -> Result<String, WrongCall> {
    fs::read_to_string(file).map_err(|error| WrongCall(format!("{} cannot be read: {error}", file.display())))
}

fn problems_in(file: &Path, error: &DefinitionError) -> String {
    let problems = error.problems.iter().map(|problem| format!("{}: {problem}", file.display()));
    problems.collect::<Vec<_>>().join("\n")
}

fn validate(file: &Path, output: Output) -> anyhow::Result<ExitCode> {
    match definition_file::parse(&read(file)?) {
        Ok(definition) => {
            let (topics, sources) = (definition.topics.len(), definition.sources.len());
            let figures = definition.figures.len();
            let facts = json!({ "ok": true, "topics": topics, "sources": sources, "figures": figures, "problems": [] });
            output.answer(&facts, || {
                let title = &definition.title.fr;
                format!(
                    "{} is right: {title}; topics: {topics}, sources: {sources}, figures: {figures}.",
                    file.display()
                )
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

async fn set(place: &PlaceArguments, file: &Path, who: &str, output: Output) -> anyhow::Result<()> {
    let source = read(file)?;
    // Refused here with the file's name before each problem.
    definition_file::parse(&source).map_err(|error| WrongCall(problems_in(file, &error)))?;
    let version = perform(place, async |cx| operations::set_definition(cx, &source, Some(who)).await).await?;
    output.answer(&json!({ "version": version }), || {
        format!("Version {version} is in force: its sources are asked now, and drafts are made at its hours.")
    })
}

async fn show(place: &PlaceArguments, arguments: &ShowArguments, output: Output) -> anyhow::Result<()> {
    let Some(number) = arguments.number.filter(|_| !arguments.toml) else {
        let stored = perform(place, async |cx| operations::definition(cx).await).await?;
        let facts = json!({ "version": stored.version, "toml": stored.source });
        return output.answer(&facts, || stored.source.clone());
    };
    let edition = perform(place, async |cx| {
        let stored = operations::show(cx, number).await?;
        shown_as_it_is(cx, stored, arguments.candidates).await
    })
    .await?;
    output.answer(&edition, || edition.in_words())
}

async fn preview(place: &PlaceArguments, arguments: &PreviewArguments, output: Output) -> anyhow::Result<()> {
    let way = Way::new(arguments.locale, arguments.form(), arguments.topics.clone());
    let number = arguments.number;
    let document = perform(place, async |cx| {
        let stored = operations::show(cx, number).await?;
        let unknown = way.topics.iter().find(|key| stored.edition.topics.iter().all(|topic| topic.key != **key));
        match unknown {
            Some(key) => Ok(Err(format!("`{key}` is no topic of edition {number}: `digest show {number}` lists them"))),
            None => operations::preview(cx, number, &way).await.map(Ok),
        }
    });
    let document = document.await?.map_err(WrongCall)?;
    if arguments.networks {
        let shown = on_networks(place, &[document])?;
        return output.answer(&shown, || shown.iter().map(Shown::in_words).collect::<Vec<_>>().join("\n\n"));
    }
    output.answer(&document, || message_in_words(&document))
}
