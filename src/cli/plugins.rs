//! `plugins`: which run, and which are disabled and why.

use std::process::ExitCode;

use bot_core::ids::PluginId;
use bot_core::service::set_plugin_enabled;
use bot_core::store::plugins;
use serde_json::json;

use super::arguments::{PlaceArguments, PluginsCommand};
use super::operator::Operator;
use super::output::{Output, table};

pub(super) async fn run(place: &PlaceArguments, command: PluginsCommand, output: Output) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| match &command {
        PluginsCommand::List => list(operator, output).await,
        PluginsCommand::Enable { plugin } => switch(operator, plugin, true, output).await,
        PluginsCommand::Disable { plugin } => switch(operator, plugin, false, output).await,
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

async fn list(operator: &Operator, output: Output) -> anyhow::Result<()> {
    let plugins = plugins::list(&operator.pool).await?;
    output.answer(&plugins, || {
        let rows = plugins.iter().map(|plugin| {
            let reason = plugin.reason.clone().unwrap_or_default();
            [plugin.id.clone(), plugin.version.clone(), plugin.state.clone(), reason]
        });
        table(["plugin", "version", "state", "reason"], rows, "No plugin was ever loaded.")
    })
}

async fn switch(operator: &Operator, plugin: &PluginId, enabled: bool, output: Output) -> anyhow::Result<()> {
    let known = set_plugin_enabled(&operator.pool, &operator.clock, plugin, enabled).await?;
    if !known {
        anyhow::bail!("there is no plugin {plugin}: `crieur plugins list` shows which there are");
    }
    let word = if enabled { "enabled" } else { "disabled" };
    output.answer(&json!({ "plugin": plugin, "enabled": enabled }), || {
        format!("Plugin {plugin} is {word}; a running service follows within seconds.")
    })
}
