//! `deliveries`: what goes out.

use std::process::ExitCode;

use bot_core::store::deliveries::{self, DeliveryFilter, Which};
use serde_json::json;

use super::arguments::{DeliveriesCommand, PlaceArguments, WhichArguments};
use super::operator::Operator;
use super::output::{Output, moment, table};

pub(super) async fn run(
    place: &PlaceArguments,
    command: DeliveriesCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| answer(operator, &command, output).await).await?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(operator: &Operator, command: &DeliveriesCommand, output: Output) -> anyhow::Result<()> {
    let (pool, clock, organisation) = (&operator.pool, &operator.clock, operator.organisation.id);
    let (done, word) = match command {
        DeliveriesCommand::List { state, scope, limit } => {
            let filter = DeliveryFilter { state: state.clone(), scope: scope.clone(), entries_max: (*limit).max(1) };
            let entries = deliveries::list(pool, organisation, &filter).await?;
            return output.answer(&entries, || {
                let rows = entries.iter().map(|entry| {
                    let reason = entry.reason.clone().unwrap_or_default();
                    let due = moment(entry.due_at);
                    [entry.id.to_string(), due, entry.account.clone(), entry.scope.clone(), entry.state.clone(), reason]
                });
                table(["id", "due", "account", "scope", "state", "reason"], rows, "There is no such delivery.")
            });
        }
        DeliveriesCommand::Show { id } => {
            let Some(details) = deliveries::show(pool, organisation, *id).await? else {
                anyhow::bail!("there is no delivery {id}: `crieur deliveries list` shows which there are");
            };
            return output.answer(&details, || words(&details));
        }
        DeliveriesCommand::Stats => {
            let campaigns = deliveries::statistics(pool, organisation).await?;
            return output.answer(&campaigns, || {
                let rows = campaigns.iter().map(|campaign| {
                    let counts = [
                        campaign.total,
                        campaign.waiting,
                        campaign.sent,
                        campaign.unknown,
                        campaign.failed,
                        campaign.expired,
                        campaign.suppressed,
                        campaign.cancelled,
                    ]
                    .map(|count| count.to_string());
                    let [total, waiting, sent, unknown, failed, expired, suppressed, cancelled] = counts;
                    let scope = if campaign.scope.is_empty() { "-".to_owned() } else { campaign.scope.clone() };
                    [
                        campaign.plugin.clone(),
                        scope,
                        campaign.purpose.clone(),
                        total,
                        waiting,
                        sent,
                        unknown,
                        failed,
                        expired,
                        suppressed,
                        cancelled,
                    ]
                });
                let header = [
                    "plugin",
                    "scope",
                    "purpose",
                    "total",
                    "waiting",
                    "sent",
                    "unknown",
                    "failed",
                    "expired",
                    "suppressed",
                    "cancelled",
                ];
                table(header, rows, "Nothing was ever to go out.")
            });
        }
        DeliveriesCommand::Retry(which) => {
            (deliveries::retry(pool, clock, organisation, &chosen(which)).await?, "queued again")
        }
        DeliveriesCommand::Cancel(which) => {
            (deliveries::cancel(pool, clock, organisation, &chosen(which)).await?, "cancelled")
        }
        DeliveriesCommand::Hold(which) => (deliveries::hold(pool, clock, organisation, &chosen(which)).await?, "held"),
        DeliveriesCommand::Release(which) => {
            (deliveries::release(pool, clock, organisation, &chosen(which)).await?, "released")
        }
    };
    output.answer(&json!({ "deliveries": done }), || match done {
        0 => format!("No delivery was {word}: none was in a state to be."),
        1 => format!("1 delivery was {word}."),
        _ => format!("{done} deliveries were {word}."),
    })
}

fn chosen(which: &WhichArguments) -> Which {
    match (which.id, &which.scope) {
        (Some(id), _) => Which::One(id),
        (None, Some(scope)) => Which::Scope(scope.clone()),
        (None, None) => Which::All,
    }
}

fn words(details: &deliveries::DeliveryDetails) -> String {
    let entry = &details.entry;
    let mut lines = vec![
        format!("{} of {} on {}", entry.kind, entry.plugin, entry.account),
        format!("state     {}", entry.state),
        format!("purpose   {}", entry.purpose),
        format!("scope     {} {}", entry.scope, entry.subject),
        format!("created   {}", moment(entry.created_at)),
        format!("due       {}", moment(entry.due_at)),
        format!("attempts  {}", entry.attempts),
    ];
    let moments = [("not after ", entry.not_after), ("settled   ", entry.settled_at)];
    lines.extend(moments.into_iter().filter_map(|(name, at)| Some(format!("{name}{}", moment(at?)))));
    lines.extend(entry.reason.iter().map(|reason| format!("because   {reason}")));
    if entry.warnings.as_array().is_some_and(|warnings| !warnings.is_empty()) {
        lines.push(format!("simplified for the platform: {}", entry.warnings));
    }
    for part in &details.parts {
        let when = part.sent_at.or(part.sending_since).map(|at| format!(" {}", moment(at))).unwrap_or_default();
        lines.push(format!("part {}    {}{when}", part.index, part.state));
    }
    lines.join("\n")
}
