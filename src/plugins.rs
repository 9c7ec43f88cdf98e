//! Every plugin: the one list, and how their settings are checked.

use std::sync::Arc;

use barometer_digests::BarometerDigests;
use bot_core::plugin::Plugin;
use micro_consultations::MicroConsultations;
use serde_json::Value;
use survey_reminders::SurveyReminders;
use toml::Table;

pub(crate) fn all() -> anyhow::Result<Vec<Arc<dyn Plugin>>> {
    Ok(vec![
        Arc::new(MicroConsultations::new()?),
        Arc::new(SurveyReminders::new()?),
        Arc::new(BarometerDigests::new()?),
    ])
}

/// Checks one plugin's settings against its manifest's schema: which fields there are, and of which type.
///
/// # Errors
/// The field within the table (empty for the table itself), and what to write.
pub(crate) fn check_settings(plugins: &[Arc<dyn Plugin>], id: &str, settings: &Table) -> Result<(), (String, String)> {
    let Some(plugin) = plugins.iter().find(|plugin| plugin.manifest().id.as_str() == id) else {
        let known: Vec<&str> = plugins.iter().map(|plugin| plugin.manifest().id.as_str()).collect();
        return Err((String::new(), format!("is no plugin of this build: there is {}", known.join(", "))));
    };
    let schema = &plugin.manifest().settings_schema;
    let fields = schema["properties"].as_object();
    for (name, value) in settings {
        let Some(field) = fields.and_then(|fields| fields.get(name)) else {
            let known: Vec<&str> = fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let remedy = match known.as_slice() {
                [] => "is not known: this plugin has no settings, so remove it".to_owned(),
                known => format!("is not known: the fields here are {}", known.join(", ")),
            };
            return Err((name.clone(), remedy));
        };
        if let Some(expected) = field["type"].as_str().filter(|expected| !is_of_type(value, expected)) {
            return Err((name.clone(), format!("does not fit: write a value of type {expected}")));
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match required.into_iter().find(|name| !settings.contains_key(*name)) {
        Some(missing) => Err((missing.to_owned(), "is missing: write it".to_owned())),
        None => Ok(()),
    }
}

/// Types as JSON Schema names them.
fn is_of_type(value: &toml::Value, expected: &str) -> bool {
    match expected {
        "string" => value.is_str(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        "boolean" => value.is_bool(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        _ => true,
    }
}
