//! `roles`: who may organise and operate.

use std::process::ExitCode;

use bot_core::people::roles;
use serde_json::json;

use super::arguments::{PlaceArguments, RolesCommand};
use super::operator::Operator;
use super::output::{Output, moment, table};

/// Who grants, in the audit log: whoever can run this program on this machine.
const GRANTED_BY: &str = "command line";

pub(super) async fn run(place: &PlaceArguments, command: RolesCommand, output: Output) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| answer(operator, &command, output).await).await?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(operator: &Operator, command: &RolesCommand, output: Output) -> anyhow::Result<()> {
    let (pool, clock, organisation) = (&operator.pool, &operator.clock, operator.organisation.id);
    match command {
        RolesCommand::Grant { role, address } => {
            roles::grant(pool, clock, organisation, address, *role, GRANTED_BY).await?;
            let address = address.expose();
            output.answer(&json!({ "granted": role, "address": address }), || {
                format!("{address} is now {}. /aide shows what that allows.", role.as_str())
            })
        }
        RolesCommand::Revoke { role, address } => {
            roles::revoke(pool, clock, organisation, address, *role).await?;
            let address = address.expose();
            output.answer(&json!({ "revoked": role, "address": address }), || {
                format!("{address} is no longer {}.", role.as_str())
            })
        }
        RolesCommand::List => {
            let grants = roles::list(pool, organisation).await?;
            output.answer(&grants, || {
                let rows = grants.iter().map(|grant| {
                    [grant.address.clone(), grant.role.clone(), moment(grant.granted_at), grant.granted_by.clone()]
                });
                table(["address", "role", "since", "granted by"], rows, "Nobody has a role.")
            })
        }
    }
}
