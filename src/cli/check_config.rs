//! `check-config`: reads and checks, and touches nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::EXIT_WRONG_CALL;
use super::arguments::{CheckConfigArguments, PlaceArguments};
use super::operator::configuration;
use super::output::{Output, say};
use crate::config::Config;

pub(super) fn run(
    place: &PlaceArguments,
    arguments: &CheckConfigArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if arguments.schema {
        say(&serde_json::to_string_pretty(&Config::json_schema())?);
        return Ok(ExitCode::SUCCESS);
    }
    match configuration(place) {
        Ok(config) => {
            // The secrets are named in the file, and must be there too.
            config.database.given()?;
            for account in &config.accounts {
                for path in account.settings().iter().flat_map(|settings| settings.secret_files()) {
                    std::fs::read(path).with_context(|| {
                        format!(
                            "account {}: {} cannot be read, and holds a secret it needs",
                            account.name,
                            path.display()
                        )
                    })?;
                }
            }
            config.fetching()?;
            let accounts = config.accounts.len();
            output.answer(&json!({ "ok": true, "accounts": accounts, "problems": [] }), || match accounts {
                0 => "The configuration is right, but names no account: `crieur serve` needs one.".to_owned(),
                1 => "The configuration is right: 1 account.".to_owned(),
                _ => format!("The configuration is right: {accounts} accounts."),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if output.json => {
            output.answer(&json!({ "ok": false, "problems": error.problems }), String::new)?;
            Ok(ExitCode::from(EXIT_WRONG_CALL))
        }
        Err(error) => Err(error.into()),
    }
}
