//! Discord's limits on what it is given (docs: Create Message, Component Reference, Poll Create Request, Application
//! Commands).

use std::collections::HashSet;

use serde_json::Value;

use super::{Asked, Reply};

const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;

fn length(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.trim().chars().count())
}

fn within(value: &Value, place: &str, min: usize, max: usize) -> Result<(), Reply> {
    let length = length(value);
    if (min..=max).contains(&length) {
        return Ok(());
    }
    Err(Reply::invalid(place, &format!("Must be between {min} and {max} in length.")))
}

/// A new message, or what a message becomes.
pub(super) fn message(asked: &Asked, body: &Value, is_new: bool) -> Result<(), Reply> {
    within(&body["content"], "content", 0, 2000)?;
    let says_something = length(&body["content"]) > 0
        || !asked.files.is_empty()
        || body["poll"].is_object()
        || !list(&body["embeds"]).is_empty();
    if is_new && !says_something {
        return Err(Reply::refused(400, 50006, "Cannot send an empty message"));
    }
    if let Some(nonce) = body["nonce"].as_str()
        && nonce.chars().count() > 25
    {
        return Err(Reply::invalid("nonce", "Must be 25 or fewer in length."));
    }
    components(&body["components"])?;
    attachments(asked, body)?;
    if body["poll"].is_object() {
        poll(&body["poll"])?;
    }
    Ok(())
}

pub(super) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn components(value: &Value) -> Result<(), Reply> {
    let rows = list(value);
    if rows.len() > 5 {
        return Err(Reply::invalid("components", "Must be 5 or fewer in length."));
    }
    let mut ids = HashSet::new();
    for row in rows {
        let parts = list(&row["components"]);
        if row["type"] != 1 || parts.is_empty() || parts.len() > 5 {
            return Err(Reply::invalid("components", "A row holds 1 to 5 components."));
        }
        for part in &parts {
            within(&part["custom_id"], "custom_id", 1, 100)?;
            if !ids.insert(part["custom_id"].to_string()) {
                return Err(Reply::invalid("custom_id", "Component custom id cannot be duplicated"));
            }
            match part["type"].as_u64() {
                Some(2) => {
                    within(&part["label"], "label", 1, 80)?;
                    if !matches!(part["style"].as_u64(), Some(1..=4)) {
                        return Err(Reply::invalid("style", "This field is required"));
                    }
                }
                Some(3) if parts.len() == 1 => select(part)?,
                _ => return Err(Reply::invalid("components", "The specified component type is invalid here")),
            }
        }
    }
    Ok(())
}

fn select(part: &Value) -> Result<(), Reply> {
    let options = list(&part["options"]);
    if !(1..=25).contains(&options.len()) {
        return Err(Reply::invalid("options", "Must be between 1 and 25 in length."));
    }
    let mut values = HashSet::new();
    for option in options {
        within(&option["label"], "label", 1, 100)?;
        within(&option["value"], "value", 1, 100)?;
        if !values.insert(option["value"].to_string()) {
            return Err(Reply::invalid("value", "The specified option value is already used"));
        }
    }
    Ok(())
}

fn attachments(asked: &Asked, body: &Value) -> Result<(), Reply> {
    if asked.files.iter().any(|file| file.bytes > FILE_BYTES_MAX) {
        return Err(Reply::refused(413, 40005, "Request entity too large"));
    }
    let described = list(&body["attachments"]);
    if described.len() != asked.files.len() {
        return Err(Reply::invalid("attachments", "Each attachment needs its file."));
    }
    for attachment in described {
        within(&attachment["description"], "description", 0, 1024)?;
        within(&attachment["filename"], "filename", 1, 1024)?;
    }
    Ok(())
}

fn poll(poll: &Value) -> Result<(), Reply> {
    within(&poll["question"]["text"], "question", 1, 300)?;
    let answers = list(&poll["answers"]);
    if !(1..=10).contains(&answers.len()) {
        return Err(Reply::invalid("answers", "Must be between 1 and 10 in length."));
    }
    for answer in answers {
        within(&answer["poll_media"]["text"], "answers", 1, 55)?;
    }
    match poll["duration"].as_u64().unwrap_or(24) {
        1..=768 => Ok(()),
        _ => Err(Reply::invalid("duration", "int value should be between 1 and 768.")),
    }
}

pub(super) fn commands(commands: &[Value]) -> Result<(), Reply> {
    if commands.len() > 100 {
        return Err(Reply::refused(400, 30032, "Maximum number of application commands reached (100)"));
    }
    let mut names = HashSet::new();
    for command in commands {
        named(command)?;
        if !names.insert(command["name"].to_string()) {
            return Err(Reply::invalid("name", "Application command names must be unique"));
        }
        for option in list(&command["options"]) {
            named(&option)?;
        }
    }
    Ok(())
}

fn named(thing: &Value) -> Result<(), Reply> {
    let localised = |field: &str| -> Vec<Value> {
        thing[field].as_object().map(|texts| texts.values().cloned().collect()).unwrap_or_default()
    };
    for name in localised("name_localizations").iter().chain([&thing["name"]]) {
        within(name, "name", 1, 32)?;
        let text = name.as_str().unwrap_or_default();
        let fits = |character: char| {
            (character.is_alphanumeric() && !character.is_uppercase()) || matches!(character, '-' | '_' | '\'')
        };
        if !text.chars().all(fits) {
            return Err(Reply::invalid("name", "Command name is invalid"));
        }
    }
    for description in localised("description_localizations").iter().chain([&thing["description"]]) {
        within(description, "description", 1, 100)?;
    }
    Ok(())
}
