//! The methods, each with its own way of saying no.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::{JsonShape, Participant, Site, Survey};

pub(crate) fn call(site: &mut Site, name: &str, params: &[Value]) -> Option<Value> {
    let param = |index: usize| params.get(index).unwrap_or(&Value::Null);
    match name {
        "get_session_key" => Some(get_session_key(site, text(param(0)), text(param(1)))),
        "release_session_key" => {
            site.sessions.remove(text(param(0)));
            Some(json!("OK"))
        }
        "get_survey_properties" => {
            if !is_open(site, param(0)) {
                return Some(status("Invalid Session key"));
            }
            let Some(survey) = survey(site, param(1)) else { return Some(status("Error: Invalid survey ID")) };
            if !survey.may_read_settings {
                return Some(status("No permission"));
            }
            let known =
                [("active", flag(survey.active)), ("anonymized", flag(survey.anonymized)), ("language", json!("fr"))];
            let wanted = |name: &str| param(2).as_array().is_none_or(|names| names.iter().any(|wanted| wanted == name));
            let properties: Map<String, Value> = known
                .into_iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            if properties.is_empty() { Some(status("No valid Data")) } else { Some(Value::Object(properties)) }
        }
        "list_participants" => Some(list_participants(site, params)),
        "export_responses" => Some(export_responses(site, params)),
        _ => None,
    }
}

fn status(words: &str) -> Value {
    json!({ "status": words })
}

fn flag(set: bool) -> Value {
    json!(if set { "Y" } else { "N" })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn survey<'s>(site: &'s Site, id: &Value) -> Option<&'s Survey> {
    let id = id.as_u64().or_else(|| id.as_str()?.parse().ok())?;
    site.surveys.get(&u32::try_from(id).ok()?)
}

fn get_session_key(site: &mut Site, user: &str, password: &str) -> Value {
    if site.failed_logins >= site.attempts_max {
        return status(
            "You have exceeded the number of maximum login attempts. Please wait 10 minutes before trying again.",
        );
    }
    if site.users.get(user).is_none_or(|known| known != password) {
        site.failed_logins += 1;
        return status("Invalid user name or password");
    }
    site.failed_logins = 0;
    site.sessions_made += 1;
    let key = format!("{:0>32}", format!("session{}", site.sessions_made));
    site.sessions.insert(key.clone(), site.now + site.sessions_last);
    json!(key)
}

fn is_open(site: &mut Site, key: &Value) -> bool {
    let now = site.now;
    site.sessions.retain(|_, expires| *expires >= now);
    site.sessions.contains_key(text(key))
}

fn list_participants(site: &mut Site, params: &[Value]) -> Value {
    let param = |index: usize| params.get(index).unwrap_or(&Value::Null);
    if !is_open(site, param(0)) {
        return status("Invalid Session Key");
    }
    let Some(survey) = survey(site, param(1)) else { return status("Error: Invalid survey ID") };
    if !survey.may_read_participants {
        return status("No permission");
    }
    let Some(participants) = &survey.participants else { return status("Error: No survey participants table") };
    let number = |value: &Value, usual: usize| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usual);
    let (start, limit) = (number(param(2), 0), number(param(3), 10));
    let unused = param(4) == &json!(true);
    let chosen: Vec<&Participant> = participants
        .iter()
        .filter(|participant| !unused || participant.completed == "N")
        .skip(start)
        .take(limit)
        .collect();
    if chosen.is_empty() {
        return status("No survey participants found.");
    }
    let wants_completed = param(5).as_array().is_some_and(|names| names.contains(&json!("completed")));
    let listed = chosen.into_iter().map(|participant| {
        let mut entry = json!({
            "tid": participant.tid.to_string(),
            "token": participant.token,
            "participant_info": { "firstname": "Ana", "lastname": "Lopez", "email": "ana@mairie.example" },
        });
        if wants_completed {
            entry["completed"] = json!(participant.completed);
        }
        entry
    });
    Value::Array(listed.collect())
}

fn export_responses(site: &mut Site, params: &[Value]) -> Value {
    let param = |index: usize| params.get(index).unwrap_or(&Value::Null);
    if !is_open(site, param(0)) {
        return status("Invalid session key");
    }
    // The real one ends in an error of PHP when there is no such survey.
    let Some(survey) = survey(site, param(1)) else { return Value::Null };
    if !survey.may_export {
        return status("No permission");
    }
    if !survey.active {
        return status("No Data, survey table does not exist.");
    }
    if survey.responses.is_empty() {
        return status("No Data, could not get max id.");
    }
    let bound = |value: &Value, usual: u64| value.as_u64().filter(|id| *id > 0).unwrap_or(usual);
    let (from, to) = (bound(param(7), 1), bound(param(8), u64::MAX));
    let completion = param(4).as_str().unwrap_or("all").to_owned();
    let fields: Option<Vec<&str>> = param(9).as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
    let rows = survey.responses.iter().filter(|response| {
        let is_chosen = match completion.as_str() {
            "complete" => response.submitted.is_some(),
            "incomplete" => response.submitted.is_none(),
            _ => true,
        };
        is_chosen && (from..=to).contains(&u64::from(response.id))
    });
    let responses: Vec<Value> = rows
        .map(|response| {
            let mut all = vec![
                ("id", json!(response.id.to_string())),
                ("submitdate", json!(response.submitted)),
                ("lastpage", json!(response.last_page.to_string())),
            ];
            if !survey.anonymized {
                all.push(("token", json!(response.token)));
            }
            let wanted = |name: &str| fields.as_ref().is_none_or(|fields| fields.contains(&name));
            let row: Map<String, Value> = all
                .into_iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            match site.json {
                JsonShape::Flat => Value::Object(row),
                JsonShape::Keyed => json!({ response.id.to_string(): row }),
            }
        })
        .collect();
    // PHP breaks the lines of what it encodes.
    let encoded = STANDARD.encode(json!({ "responses": responses }).to_string());
    let lines: Vec<String> =
        encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    json!(lines.join("\r\n"))
}
