//! RemoteControl 2 over JSON-RPC (version 1), as LimeSurvey speaks it: what to ask, and what an answer means. What is
//! wrong is said as `{"status": …}` inside `result`, with HTTP 200.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bot_core::plugin::{FetchFailure, FetchRequest, FetchResponse};
use serde_json::{Value, json};

use crate::definition::LimeSurveySource;

/// Participants asked for at a time.
pub(super) const PARTICIPANTS_MAX: usize = 1000;
/// Enough for a thousand participants with all their names, or some hundred thousand begun answers.
const ANSWER_BYTES_MAX: u32 = 24 * 1024 * 1024;
const ANSWER_SECONDS_MAX: u16 = 45;
/// Of what LimeSurvey says in its own words, that much is kept.
const STATUS_CHARACTERS_MAX: usize = 200;

/// Why a question had no useful answer. Says what to do, without addresses and secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The session is over: a new one may be opened.
    SessionOver,
    /// Nothing there, which is no trouble in a list.
    Nothing,
    /// Login refused: asking often makes it worse.
    Login(String),
    Other(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOver => {
                f.write_str("LimeSurvey ends its sessions at once: look at iSessionExpirationTime in its configuration")
            }
            Self::Nothing => f.write_str("LimeSurvey has no such data"),
            Self::Login(words) | Self::Other(words) => f.write_str(words),
        }
    }
}

fn other(words: impl Into<String>) -> Trouble {
    Trouble::Other(words.into())
}

/// A call of `method`.
pub(super) fn request(source: &LimeSurveySource, method: &str, params: &Value) -> FetchRequest {
    let body = json!({ "method": method, "params": params, "id": 1 });
    FetchRequest {
        bytes_max: ANSWER_BYTES_MAX,
        within_seconds: ANSWER_SECONDS_MAX,
        ..FetchRequest::post_json(&source.url, &body)
    }
}

pub(super) fn login(source: &LimeSurveySource) -> FetchRequest {
    let password = format!("{{secret:{}}}", source.password);
    request(source, "get_session_key", &json!([source.username, password]))
}

/// What came of a call: its `result`.
pub(super) fn result(outcome: &Result<FetchResponse, FetchFailure>) -> Result<Value, Trouble> {
    let response = outcome.as_ref().map_err(|failure| other(failure.to_string()))?;
    if response.status != 200 {
        return Err(other(format!(
            "LimeSurvey answers with HTTP status {}: compare sources.limesurvey.url with the address of RemoteControl, \
             such as https://enquetes.example.org/index.php/admin/remotecontrol",
            response.status
        )));
    }
    if response.body.trim_ascii().is_empty() {
        return Err(other(
            "RemoteControl is switched off: in LimeSurvey, choose JSON-RPC under Configuration, Global settings, \
             Interfaces",
        ));
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(other(
            "what answers is no JSON-RPC: compare sources.limesurvey.url with the address of RemoteControl, and choose \
             JSON-RPC, not XML-RPC, under Configuration, Global settings, Interfaces",
        ));
    };
    let result = answer.get_mut("result").map(Value::take).unwrap_or_default();
    match (result.get("status").and_then(Value::as_str), answer.get("error")) {
        (Some(status), _) => Err(trouble(status)),
        (None, Some(error)) if !error.is_null() => {
            let error = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            Err(other(format!(
                "LimeSurvey could not do it ({}): look whether sources.limesurvey.survey_id is right, and in its log",
                short(&error)
            )))
        }
        (None, _) => Ok(result),
    }
}

fn trouble(status: &str) -> Trouble {
    let is = |words: &str| status.to_lowercase().contains(words);
    if is("invalid session key") {
        Trouble::SessionOver
    } else if is("no survey participants found") || is("no tokens found") || is("could not get max id") {
        Trouble::Nothing
    } else if is("invalid user name or password") {
        Trouble::Login(
            "LimeSurvey refuses the login: compare sources.limesurvey.username and the secret named in \
             sources.limesurvey.password with the account there"
                .to_owned(),
        )
    } else if is("login attempts") {
        Trouble::Login("LimeSurvey has locked us out after wrong passwords: correct the secret, and wait".to_owned())
    } else if is("invalid survey id") {
        other("LimeSurvey knows no such survey: correct sources.limesurvey.survey_id")
    } else if is("no permission") {
        other(
            "the account may not read this survey: in LimeSurvey, give it the rights to view the survey's settings and \
             participants, and to export its responses",
        )
    } else if is("no survey participants table") || is("no token table") {
        other(
            "the survey has no participants table, so nobody can tell who answered: in LimeSurvey, open Participants, \
             create the table, and import the tokens of this campaign",
        )
    } else if is("survey table does not exist") {
        other("the survey is not active: activate it in LimeSurvey")
    } else {
        other(format!("LimeSurvey says: {}", short(status)))
    }
}

fn short(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(STATUS_CHARACTERS_MAX).collect()
}

/// A participant of LimeSurvey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub id: String,
    pub token: String,
    /// `None`: not finished. Else when, as it is written there; `Y` in an anonymous survey.
    pub completed: Option<String>,
}

/// Reads a page of `list_participants`.
pub(super) fn participants(result: &Value) -> Result<Vec<Listed>, Trouble> {
    let entries = result.as_array().ok_or_else(|| other("LimeSurvey lists participants in a way we do not know"))?;
    entries
        .iter()
        .map(|entry| {
            // Older ones put what was asked for beside the name.
            let completed = entry.get("completed").or_else(|| entry.get("participant_info")?.get("completed"));
            let completed = completed.and_then(Value::as_str).map(str::trim);
            match (text(entry.get("tid")), completed) {
                (Some(id), Some(completed)) => Ok(Listed {
                    id,
                    token: text(entry.get("token")).unwrap_or_default(),
                    completed: (!matches!(completed, "N" | "")).then(|| completed.to_owned()),
                }),
                _ => Err(other("LimeSurvey lists participants without `tid` or `completed`: it is too old")),
            }
        })
        .collect()
}

/// An answer that was begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Begun {
    pub id: u64,
    pub token: Option<String>,
}

/// Reads `export_responses` as JSON, in the order of the ids.
pub(super) fn begun(result: &Value) -> Result<Vec<Begun>, Trouble> {
    let unreadable = || other("LimeSurvey exports responses in a way we do not know");
    let encoded: String = result.as_str().ok_or_else(unreadable)?.split_whitespace().collect();
    let file = STANDARD.decode(encoded).map_err(|_| unreadable())?;
    let file: Value = serde_json::from_slice(&file).map_err(|_| unreadable())?;
    let rows = file["responses"].as_array().ok_or_else(unreadable)?;
    let mut begun = Vec::with_capacity(rows.len());
    for row in rows {
        // Older ones wrap each in an object named by its id.
        let wrapped = row.as_object().filter(|row| row.len() == 1).and_then(|row| row.values().next());
        let row = wrapped.filter(|inner| inner.is_object()).unwrap_or(row);
        let id = text(row.get("id")).and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
        begun.push(Begun { id, token: text(row.get("token")) });
    }
    begun.sort_by_key(|one| one.id);
    Ok(begun)
}

/// Numbers come as text or as numbers, by version.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_an_export_are_read() {
        for file in [
            json!({ "responses": [{ "id": "9", "token": "b" }, { "id": "4", "token": "" }] }),
            json!({ "responses": [{ "9": { "id": "9", "token": "b" } }, { "4": { "id": 4, "token": null } }] }),
        ] {
            let encoded = STANDARD.encode(file.to_string());
            let (start, end) = encoded.split_at(10);
            let read = begun(&json!(format!("{start}\r\n{end}"))).unwrap();
            assert_eq!(read, [Begun { id: 4, token: None }, Begun { id: 9, token: Some("b".to_owned()) }]);
        }
        assert!(begun(&json!("%%%")).is_err());
        assert!(begun(&json!([])).is_err());
    }

    #[test]
    fn what_limesurvey_says_becomes_a_remedy() {
        let says = |body: &str| {
            let response = FetchResponse { status: 200, headers: Default::default(), body: body.as_bytes().to_vec() };
            result(&Ok(response))
        };
        assert_eq!(says(r#"{"id":1,"result":"OK","error":null}"#), Ok(json!("OK")));
        for status in ["Invalid session key", "Invalid Session Key", "Invalid Session key"] {
            assert_eq!(says(&json!({ "result": { "status": status } }).to_string()), Err(Trouble::SessionOver));
        }
        assert!(says("").unwrap_err().to_string().contains("switched off"));
        assert!(says("<html>").unwrap_err().to_string().contains("XML-RPC"));
        assert!(says(r#"{"result":null,"error":"boom"}"#).unwrap_err().to_string().contains("boom"));
        let long = json!({ "result": { "status": "x".repeat(5000) } }).to_string();
        assert!(says(&long).unwrap_err().to_string().len() < 300);
    }
}
