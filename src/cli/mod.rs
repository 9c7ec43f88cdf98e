//! The command line: what is typed, what is answered, and with which exit code.

mod arguments;
mod audit;
mod campaign;
mod check_config;
mod codes;
mod consultation;
mod contacts;
mod deliveries;
mod digest;
mod doctor;
mod inbox;
#[cfg(feature = "matrix")]
mod matrix;
mod operator;
mod output;
mod plugins;
mod preview;
mod pulse;
mod roles;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::config::{ConfigError, UrlError};
use arguments::{Arguments, Command};
use output::Output;

/// The command was understood and could not be done.
const EXIT_FAILED: u8 = 1;
/// The command or the configuration is wrong: change it before trying again.
const EXIT_WRONG_CALL: u8 = 2;

/// A call that makes no sense as it was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongCall(String);

/// Runs the program.
pub fn main() -> ExitCode {
    crate::tls::choose_cryptography();
    let arguments = Arguments::parse();
    let output = Output { json: arguments.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&anyhow::Error::new(error).context("the runtime could not be started"));
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let ended = runtime.block_on(run(arguments, output));
    // Nothing is left to wait for: what was started has been stopped, or failed.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| {
        output.error(&error);
        ExitCode::from(if is_wrong_call(&error) { EXIT_WRONG_CALL } else { EXIT_FAILED })
    })
}

async fn run(arguments: Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let Arguments { place, command, json: _ } = arguments;
    match command {
        Command::Serve => serve::serve(&place).await,
        Command::Demo(demo) => serve::demo(&place, &demo, output).await,
        Command::CheckConfig(check) => check_config::run(&place, &check, output),
        Command::Migrate => serve::migrate(&place, output).await,
        Command::Doctor => doctor::run(&place, output).await,
        Command::Consultation(command) => consultation::run(&place, command, output).await,
        Command::Campaign(command) => campaign::run(&place, command, output).await,
        Command::Digest(command) => digest::run(&place, command, output).await,
        Command::Pulse(command) => pulse::run(&place, command, output).await,
        Command::Contacts(command) => contacts::run(&place, command, output).await,
        Command::Deliveries(command) => deliveries::run(&place, command, output).await,
        Command::Inbox(command) => inbox::run(&place, command, output).await,
        #[cfg(feature = "matrix")]
        Command::Matrix(command) => matrix::run(&place, command, output).await,
        Command::Plugins(command) => plugins::run(&place, command, output).await,
        Command::Roles(command) => roles::run(&place, command, output).await,
        Command::Audit(audit) => audit::run(&place, &audit, output).await,
    }
}

fn is_wrong_call(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<WrongCall>() || cause.is::<ConfigError>() || cause.is::<UrlError>())
}
