//! `digest sources`: how each source is doing, and what is wrong.

use barometer_digests::edition::operations;
use barometer_digests::sources::{harvest, state};
use bot_core::Locale;
use serde_json::json;

use super::perform;
use crate::cli::arguments::PlaceArguments;
use crate::cli::output::{Output, moment, table};

pub(super) async fn list(place: &PlaceArguments, refresh: bool, output: Output) -> anyhow::Result<()> {
    let states = perform(place, async |cx| {
        let organisation = cx.organisation.id;
        let definition = operations::definition(cx).await?.definition;
        if refresh {
            harvest::ask_all(cx, &definition).await?;
        }
        Ok(state::list(cx.sql(), organisation, &definition).await?)
    })
    .await?;
    let facts: Vec<_> = states
        .iter()
        .map(|state| {
            json!({
                "key": state.key,
                "name": state.name,
                "url": state.url,
                "asked_at": state.asked_at,
                "succeeded_at": state.succeeded_at,
                "due_at": state.due_at,
                "failures": state.failures,
                "problem": state.problem.as_ref().map(|problem| problem.words(Locale::En)),
                "notices": state.notices.iter().map(|notice| notice.words(Locale::En)).collect::<Vec<_>>(),
            })
        })
        .collect();
    output.answer(&facts, || {
        let rows = states.iter().map(|state| {
            let well = state.succeeded_at.map_or_else(|| "never yet".to_owned(), moment);
            let next = state.due_at.map_or_else(|| "not planned".to_owned(), moment);
            let remarks = state.problem.iter().map(|problem| problem.words(Locale::En));
            let remarks = remarks.chain(state.notices.iter().map(|notice| notice.words(Locale::En)));
            let remarks: Vec<String> = remarks.collect();
            [state.key.to_string(), well, next, state.failures.to_string(), remarks.join(" ")]
        });
        let nothing = "The digest file names no source: write [[source]] into it.";
        table(["source", "answered well", "next", "failures in a row", "remarks"], rows, nothing)
    })
}
