//! `audit`: who did what.

use std::process::ExitCode;

use bot_core::store::audit::{self, AuditFilter};

use super::arguments::{AuditArguments, PlaceArguments};
use super::operator::Operator;
use super::output::{Output, moment, table};

pub(super) async fn run(
    place: &PlaceArguments,
    arguments: &AuditArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let filter =
        AuditFilter { action: arguments.action.clone(), since: arguments.since, lines_max: arguments.limit.max(1) };
    let lines =
        Operator::run(
            place,
            async |operator| Ok(audit::list(&operator.pool, operator.organisation.id, &filter).await?),
        )
        .await?;
    output.answer(&lines, || {
        let rows = lines.iter().map(|line| {
            let details = if line.details == serde_json::json!({}) { String::new() } else { line.details.to_string() };
            [moment(line.happened_at), line.actor.clone(), line.action.clone(), line.subject.clone(), details]
        });
        table(["when", "who", "did", "to", "details"], rows, "Nothing was done that the log tells of.")
    })?;
    Ok(ExitCode::SUCCESS)
}
