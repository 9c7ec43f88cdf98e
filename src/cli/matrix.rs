//! `matrix`: the devices of Matrix accounts, on the machine where their stores are.

use std::process::ExitCode;
use std::sync::Arc;

use adapter_matrix::{Matrix, Recovered, Status};
use bot_core::adapter::AdapterContext;
use bot_core::ids::{AccountId, OrganisationId};
use bot_core::store::accounts;
use serde::Serialize;
use sqlx::PgPool;

use super::arguments::{MatrixCommand, PlaceArguments};
use super::operator::{Operator, configuration};
use super::output::{Output, moment};
use super::{EXIT_FAILED, WrongCall};
use crate::config::AccountSettings;

/// A configured account that the database knows.
struct Known {
    name: String,
    matrix: Arc<Matrix>,
}

/// What `status` answers for one account.
#[derive(Serialize)]
struct AccountStatus {
    account: String,
    #[serde(flatten)]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(super) async fn run(place: &PlaceArguments, command: MatrixCommand, output: Output) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| {
        let known = accounts_of(place, &operator.pool).await?;
        match command {
            MatrixCommand::Status { account } => status(chosen(known, account.as_deref())?, output).await,
            MatrixCommand::Verify { account } => {
                let Known { name, matrix } = only(chosen(known, account.as_deref())?)?;
                let status = matrix.verify().await?;
                let answer = AccountStatus { account: name, status: Some(status), problem: None };
                output.answer(&answer, || words(&answer))?;
                Ok(ExitCode::SUCCESS)
            }
            MatrixCommand::Recover { account } => {
                let Known { name, matrix } = only(chosen(known, account.as_deref())?)?;
                let recovered = matrix.recover().await?;
                output.answer(&recovered, || recovered_words(&name, &recovered))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
    .await
}

/// Configured Matrix accounts. One that no service has run with yet has no memory to work on.
async fn accounts_of(place: &PlaceArguments, pool: &PgPool) -> anyhow::Result<Vec<Known>> {
    let config = configuration(place)?;
    let stored = accounts::list(pool).await?;
    let mut known = Vec::new();
    for account in &config.accounts {
        let Some(AccountSettings::Matrix(settings)) = account.settings() else { continue };
        let Some(stored) = stored.iter().find(|stored| stored.name == account.name) else {
            tracing::debug!("Account {} is not in the database yet", account.name);
            continue;
        };
        let context =
            AdapterContext::outside_service(pool.clone(), OrganisationId(stored.organisation), AccountId(stored.id));
        known.push(Known { name: account.name.clone(), matrix: Matrix::new(settings.clone(), context) });
    }
    if known.is_empty() {
        let remedy = "there is no Matrix account that the service has run with: add one to crieur.toml and start \
                      `crieur serve` once";
        return Err(WrongCall(remedy.to_owned()).into());
    }
    Ok(known)
}

fn chosen(known: Vec<Known>, name: Option<&str>) -> anyhow::Result<Vec<Known>> {
    let Some(name) = name else { return Ok(known) };
    let names: Vec<String> = known.iter().map(|known| known.name.clone()).collect();
    let chosen: Vec<Known> = known.into_iter().filter(|known| known.name == name).collect();
    if chosen.is_empty() {
        return Err(WrongCall(format!("no Matrix account is called `{name}`: there is {}", names.join(", "))).into());
    }
    Ok(chosen)
}

fn only(mut known: Vec<Known>) -> anyhow::Result<Known> {
    match (known.pop(), known.as_slice()) {
        (Some(account), []) => Ok(account),
        _ => Err(WrongCall("there are several Matrix accounts: name the one you mean".to_owned()).into()),
    }
}

async fn status(known: Vec<Known>, output: Output) -> anyhow::Result<ExitCode> {
    let mut answers = Vec::new();
    for Known { name, matrix } in known {
        answers.push(match matrix.status().await {
            Ok(status) => AccountStatus { account: name, status: Some(status), problem: None },
            Err(error) => AccountStatus { account: name, status: None, problem: Some(error.to_string()) },
        });
    }
    output.answer(&answers, || answers.iter().map(words).collect::<Vec<_>>().join("\n\n"))?;
    let is_well = |answer: &AccountStatus| {
        answer.status.as_ref().and_then(|status| status.report.as_ref()).is_some_and(|report| report.verified)
    };
    Ok(if answers.iter().all(is_well) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn words(answer: &AccountStatus) -> String {
    let mut lines = vec![format!("account {}", answer.account)];
    lines.extend(answer.problem.iter().map(|problem| format!("  ✗ {problem}")));
    if let Some(status) = &answer.status {
        lines.push(format!("  user: {}", status.user));
        lines.push(match &status.device {
            Some(device) => format!("  device: {device}"),
            None => "  device: none yet, the first start logs it in".to_owned(),
        });
        if let Some(report) = &status.report {
            let verified =
                if report.verified { "✓ verified" } else { "✗ not verified: run `crieur matrix verify`" };
            lines.push(format!("  {verified}"));
            lines.push(match report.recovery {
                Some(true) => "  ✓ the recovery key opens the identity and the backup of keys".to_owned(),
                Some(false) => "  ✗ recovery is not set up: run `crieur matrix verify`".to_owned(),
                None => "  recovery: not looked at yet".to_owned(),
            });
            lines.push(format!("  rooms: {}, of which {} cannot be read", report.rooms, report.undecryptable_rooms));
            let by = if status.in_use { "noted by the running service" } else { "looked at" };
            lines.push(format!("  {by} at {}", moment(report.at)));
        } else if status.in_use {
            lines.push("  the service has only just started: ask again in a moment".to_owned());
        }
    }
    lines.join("\n")
}

fn recovered_words(account: &str, recovered: &Recovered) -> String {
    let device = recovered.device.as_deref().unwrap_or("unknown");
    let mut text = format!("Account {account} has a new device, {device}, trusted by the recovery key.");
    if let Some(aside) = &recovered.set_aside {
        text.push_str(&format!(
            "\nThe store there was is in {}: nothing needs it any more, and it must not be put back.",
            aside.display()
        ));
    }
    text + "\nStart the service: it takes up each room where it was."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_opened_says_why() {
        let answer = AccountStatus {
            account: "matrix".into(),
            status: None,
            problem: Some("the store does not fit: run `crieur matrix recover`".into()),
        };
        assert_eq!(words(&answer), "account matrix\n  ✗ the store does not fit: run `crieur matrix recover`");
    }

    #[test]
    fn what_was_set_aside_is_named() {
        let recovered = Recovered {
            user: "@crieur:example.org".into(),
            device: Some("ABC".into()),
            set_aside: Some("/s/old".into()),
        };
        let words = recovered_words("matrix", &recovered);
        assert!(words.contains("a new device, ABC") && words.contains("/s/old"), "{words}");
    }
}
