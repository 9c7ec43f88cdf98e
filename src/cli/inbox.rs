//! `inbox`: what came in and could not be handled.

use std::process::ExitCode;

use bot_core::ids::{AccountId, InboxSequence};
use bot_core::store::inbox;
use serde_json::json;

use super::arguments::{InboxCommand, PlaceArguments};
use super::operator::Operator;
use super::output::{Output, moment, table};

pub(super) async fn run(place: &PlaceArguments, command: InboxCommand, output: Output) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| answer(operator, &command, output).await).await?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(operator: &Operator, command: &InboxCommand, output: Output) -> anyhow::Result<()> {
    let (pool, organisation) = (&operator.pool, operator.organisation.id);
    match command {
        InboxCommand::List { state, limit } => {
            let entries = inbox::list(pool, organisation, state, (*limit).max(1)).await?;
            output.answer(&entries, || {
                let rows = entries.iter().map(|entry| {
                    let number = format!("{}/{}", entry.account_id, entry.sequence);
                    let (received, reason) = (moment(entry.received_at), entry.reason.clone().unwrap_or_default());
                    [number, received, entry.account.clone(), entry.kind.clone(), entry.attempts.to_string(), reason]
                });
                table(
                    ["event", "received", "account", "kind", "attempts", "reason"],
                    rows,
                    &format!("No event is {state}."),
                )
            })
        }
        InboxCommand::Retry { event, all: _ } => {
            let only = event.map(|(account, sequence)| (AccountId(account), InboxSequence(sequence)));
            let retried = inbox::retry(pool, &operator.clock, organisation, only).await?;
            if let (Some((account, sequence)), 0) = (only, retried) {
                anyhow::bail!("event {account}/{sequence} is not parked: `crieur inbox list` shows which are");
            }
            output.answer(&json!({ "events": retried }), || match retried {
                1 => "1 event will be handled again.".to_owned(),
                _ => format!("{retried} events will be handled again."),
            })
        }
    }
}
