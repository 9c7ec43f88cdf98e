//! What a call says: JSON or a form, with the fields named as the campaign file says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::answers::{Completeness, Keys, Reference, moment};
use crate::definition::WebhookFields;

/// What a call says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub reference: Reference,
    pub completeness: Completeness,
    pub keys: Keys,
    pub answered_at: Option<DateTime<Utc>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BodyProblem {
    /// Neither JSON nor a form.
    Kind,
    Field {
        field: String,
        remedy: String,
    },
}

fn problem(field: &str, remedy: impl Into<String>) -> BodyProblem {
    BodyProblem::Field { field: field.to_owned(), remedy: remedy.into() }
}

pub(super) fn read(
    content_type: Option<&str>,
    body: &[u8],
    names: &WebhookFields,
    zone: Tz,
) -> Result<Said, BodyProblem> {
    let fields = fields(content_type, body)?;
    let field = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let reference = field(&names.reference).unwrap_or_default().parse::<Reference>();
    let reference = reference.map_err(|error| problem(&names.reference, error.to_string()))?;
    let keys = Keys::of(field(&names.token), field(&names.insee), field(&names.siren));
    let answered_at = match field(&names.completed_at) {
        None => None,
        Some(text) => Some(moment(text, zone).ok_or_else(|| {
            problem(&names.completed_at, "is no moment: write 2026-10-05T14:30:00+02:00, or leave it out")
        })?),
    };
    let completeness = match field(&names.complete).map(str::to_lowercase).as_deref() {
        None | Some("true" | "1" | "y" | "yes" | "oui" | "o") => Completeness::Complete,
        Some("false" | "0" | "n" | "no" | "non") => Completeness::Partial,
        Some(_) => return Err(problem(&names.complete, "is neither true nor false: write one of them")),
    };
    Ok(Said { reference, completeness, keys, answered_at })
}

/// One field of a call that may not come from the tool at all.
pub(super) fn field(content_type: Option<&str>, body: &[u8], name: &str) -> Option<String> {
    fields(content_type, body).ok()?.remove(name)
}

/// Fields by name, as text. What is no text, number or truth value is left out; of a name that is there twice the
/// first counts.
fn fields(content_type: Option<&str>, body: &[u8]) -> Result<BTreeMap<String, String>, BodyProblem> {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_lowercase();
    match kind.as_str() {
        "application/json" => {
            let whole = |remedy: &str| problem("body", remedy);
            let value: Value = serde_json::from_slice(body)
                .map_err(|error| whole(&format!("is no JSON (line {}, column {})", error.line(), error.column())))?;
            let Value::Object(object) = value else { return Err(whole("is no JSON object: write {…}")) };
            Ok(object
                .into_iter()
                .filter_map(|(name, value)| match value {
                    Value::String(text) => Some((name, text)),
                    Value::Number(number) => Some((name, number.to_string())),
                    Value::Bool(truth) => Some((name, truth.to_string())),
                    Value::Null | Value::Array(_) | Value::Object(_) => None,
                })
                .collect())
        }
        "application/x-www-form-urlencoded" => {
            let mut fields = BTreeMap::new();
            for (name, value) in form_urlencoded::parse(body) {
                fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
            }
            Ok(fields)
        }
        _ => Err(BodyProblem::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&str> = Some("application/json; charset=utf-8");
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    fn said(kind: Option<&str>, body: &str, names: &WebhookFields) -> Result<Said, BodyProblem> {
        read(kind, body.as_bytes(), names, chrono_tz::Europe::Paris)
    }

    fn refused(kind: Option<&str>, body: &str) -> String {
        match said(kind, body, &WebhookFields::default()).unwrap_err() {
            BodyProblem::Kind => "kind".to_owned(),
            BodyProblem::Field { field, .. } => field,
        }
    }

    #[test]
    fn json_and_forms_say_the_same() {
        let names = WebhookFields::default();
        let json =
            r#"{"reference": 42, "token": "abc", "complete": true, "completed_at": "2026-10-05 14:30", "x": []}"#;
        let form = "reference=42&token=+abc&complete=1&completed_at=05%2F10%2F2026+14%3A30&reference=43";
        assert_eq!(said(JSON, json, &names), said(FORM, form, &names));
        let said = said(JSON, r#"{"reference": "a", "insee": "01004", "complete": false}"#, &names).unwrap();
        assert_eq!((said.completeness, said.keys.insee.as_deref()), (Completeness::Partial, Some("01004")));
    }

    #[test]
    fn a_tool_keeps_the_names_of_its_fields() {
        let names = WebhookFields {
            reference: "sid".to_owned(),
            siren: "numero_siren".to_owned(),
            completed_at: "completed".to_owned(),
            ..WebhookFields::default()
        };
        let drupal = "sid=17&numero_siren=210100046&completed=1791203400&in_draft=0";
        let said = said(FORM, drupal, &names).unwrap();
        assert_eq!((said.reference.as_str(), said.keys.siren.as_deref()), ("17", Some("210100046")));
        assert_eq!(said.answered_at.unwrap().to_rfc3339(), "2026-10-05T12:30:00+00:00");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(refused(JSON, "{"), "body");
        assert_eq!(refused(JSON, "[]"), "body");
        assert_eq!(refused(JSON, r#"{"token": "abc"}"#), "reference");
        assert_eq!(refused(JSON, &format!(r#"{{"reference": "{}"}}"#, "x".repeat(201))), "reference");
        assert_eq!(refused(JSON, r#"{"reference": "1", "complete": "maybe"}"#), "complete");
        assert_eq!(refused(FORM, "reference=1&completed_at=yesterday"), "completed_at");
        assert_eq!(refused(Some("text/plain"), "reference=1"), "kind");
        assert_eq!(refused(None, "reference=1"), "kind");
    }
}
