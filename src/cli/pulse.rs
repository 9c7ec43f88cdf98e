//! `pulse`: informal polls, asked with the networks' own polls in rooms.

use std::path::Path;
use std::process::ExitCode;

use bot_core::Locale;
use micro_consultations::pulse::file::{FileContent, read};
use micro_consultations::pulse::operations;
use micro_consultations::pulse::results::{self, PulseResults};
use micro_consultations::pulse::{self, Pulse, PulseDefinition};
use serde_json::{Value, json};

use super::WrongCall;
use super::arguments::{PlaceArguments, PulseCommand};
use super::consultation::{perform, problems_in, source};
use super::output::{Output, moment, say, table};

pub(super) async fn run(place: &PlaceArguments, command: PulseCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        PulseCommand::Create { file, open, room } => {
            let definition = definition_in(&file)?;
            let pulse = perform(place, async |cx| {
                let pulse = operations::create(cx, definition).await?;
                if open { operations::open(cx, pulse.id, &room).await } else { Ok(pulse) }
            });
            answer(&pulse.await?, output)
        }
        PulseCommand::Open { name, room } => {
            let pulse = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                operations::open(cx, id, &room).await
            });
            answer(&pulse.await?, output)
        }
        PulseCommand::Close { name } => {
            let pulse = perform(place, async |cx| {
                let id = operations::show(cx, &name).await?.id;
                operations::close(cx, id).await
            });
            answer(&pulse.await?, output)
        }
        PulseCommand::List => {
            let pulses = perform(place, async |cx| {
                let organisation = cx.organisation.id;
                Ok(pulse::list(cx.sql(), organisation).await?)
            });
            let pulses = pulses.await?;
            let facts: Vec<Value> = pulses.iter().map(facts).collect();
            output.answer(&facts, || {
                let rows = pulses.iter().map(|pulse| {
                    let closing = pulse.closed_at.or(pulse.closes_at).map(moment).unwrap_or_default();
                    let state = pulse.state.as_str().to_owned();
                    [pulse.definition.slug.clone(), state, closing, pulse.definition.question.fr.clone()]
                });
                let nothing = "There is no pulse yet: `crieur pulse create` makes one from a file.";
                table(["name", "state", "closes", "question"], rows, nothing)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        PulseCommand::Results { name, csv } => {
            let results = perform(place, async |cx| {
                let pulse = operations::show(cx, &name).await?;
                let organisation = cx.organisation.id;
                Ok(results::read(cx.sql(), organisation, &pulse).await?)
            });
            let results = results.await?;
            if csv {
                say(results.csv(Locale::Fr).trim_end());
            } else {
                output.answer(&results, || in_words(&results))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn definition_in(file: &Path) -> anyhow::Result<PulseDefinition> {
    match read(&source(file)?) {
        Ok(FileContent::Pulse(definition)) => Ok(definition),
        Ok(FileContent::Consultation(_)) => {
            let remedy = "holds a consultation: use `crieur consultation create`, or write kind = \"pulse\"";
            Err(WrongCall(format!("{} {remedy}", file.display())).into())
        }
        Err(error) => Err(WrongCall(problems_in(file, &error)).into()),
    }
}

fn facts(pulse: &Pulse) -> Value {
    json!({
        "slug": pulse.definition.slug,
        "question": pulse.definition.question,
        "state": pulse.state,
        "opened_at": pulse.opened_at,
        "closes_at": pulse.closes_at,
        "closed_at": pulse.closed_at,
    })
}

fn answer(pulse: &Pulse, output: Output) -> anyhow::Result<ExitCode> {
    output.answer(&facts(pulse), || {
        let mut lines = vec![
            format!("{} ({})", pulse.definition.question.fr, pulse.definition.slug),
            format!("state   {}", pulse.state.as_str()),
        ];
        let moments = [("opened  ", pulse.opened_at), ("closes  ", pulse.closes_at), ("closed  ", pulse.closed_at)];
        lines.extend(moments.into_iter().filter_map(|(name, at)| Some(format!("{name}{}", moment(at?)))));
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn in_words(results: &PulseResults) -> String {
    let mut lines = vec![format!("{} (informal poll, not a vote)", results.question.fr)];
    for platform in &results.platforms {
        for room in &platform.rooms {
            lines.push(format!("\n{}, room {}: {}", platform.platform, room.room, room.state));
            for (option, words) in results.options.iter().enumerate() {
                let votes = room.votes.as_ref().and_then(|votes| votes.get(option));
                let votes = votes.map_or_else(|| "unknown".to_owned(), u64::to_string);
                lines.push(format!("  {}  {votes}", words.fr));
            }
        }
    }
    lines.join("\n")
}
