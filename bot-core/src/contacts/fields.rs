//! The organiser's own fields of a contact, declared with a type.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Value, json};

use super::directory::{Directory, DirectoryError};
use super::words::folded;

/// Longest text of a field, in bytes.
pub const TEXT_BYTES_MAX: usize = 2_000;
/// Most declared fields of an organisation.
pub const FIELDS_MAX: usize = 200;

/// What a field may hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", content = "choices", rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    Number,
    Date,
    /// One of these, two or more.
    Choice(Vec<String>),
}

impl FieldKind {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
            Self::Choice(_) => "choice",
        }
    }

    /// The value that `text` stands for, as it is stored: numbers as numbers, days as `2026-09-01`, choices as declared.
    ///
    /// # Errors
    /// What to write instead.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text if text.len() > TEXT_BYTES_MAX => {
                Err(format!("the text has more than {TEXT_BYTES_MAX} bytes: shorten it"))
            }
            Self::Text => Ok(Value::from(text)),
            Self::Number => number(text).ok_or_else(|| "this is no number: write it as 1234 or 1234,5".to_owned()),
            Self::Date => day(text)
                .map(|day| Value::from(day.to_string()))
                .ok_or_else(|| "this is no day: write it as 31/12/2026 or 2026-12-31".to_owned()),
            Self::Choice(choices) => {
                let chosen = choices.iter().find(|choice| folded(choice) == folded(text));
                chosen
                    .map(|choice| Value::from(choice.as_str()))
                    .ok_or_else(|| format!("this is none of the choices: write {}", choices.join(", ")))
            }
        }
    }
}

/// `1 234,5` and `1234.5`; spaces may stand between thousands.
fn number(text: &str) -> Option<Value> {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    // `1.234,5` is a number in Germany and may be anything here.
    if compact.contains(',') && compact.contains('.') || !compact.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let plain = compact.replace(',', ".");
    if plain.bytes().any(|byte| !(byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))) {
        return None;
    }
    match plain.parse::<i64>() {
        Ok(whole) => Some(Value::from(whole)),
        Err(_) => plain.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    let formats = ["%Y-%m-%d", "%d/%m/%Y"];
    let read = formats.into_iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    // `01/09/26` is read as the year 26.
    read.filter(|day| day.to_string().len() == 10 && !day.to_string().starts_with("00"))
}

/// A declared field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Field {
    pub key: String,
    /// As people read it, and as a column may be headed.
    pub label: String,
    #[serde(flatten)]
    pub kind: FieldKind,
}

/// The key of a field, which a column may be mapped to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldKey(String);

impl FieldKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key a column's name suggests: `Adresse e-mail` becomes `adresse_e_mail`.
    pub fn suggested(name: &str) -> Option<Self> {
        let mut key: String = folded(name).chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').collect();
        key = key.trim().replace(' ', "_");
        key.truncate(40);
        key.parse().ok()
    }
}

impl FromStr for FieldKey {
    type Err = DirectoryError;

    fn from_str(key: &str) -> Result<Self, DirectoryError> {
        let starts = key.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        let well_formed = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if starts && well_formed && key.len() <= 40 {
            Ok(Self(key.to_owned()))
        } else {
            Err(DirectoryError::Refused(format!(
                "`{key}` is no key of a field: begin with a letter and use at most 40 of a-z, 0-9 and `_`, such as email"
            )))
        }
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Directory<'_> {
    /// Declares a field. One that is declared already may get another label and more choices, never another type:
    /// values are stored by it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn declare_field(
        &mut self,
        key: &FieldKey,
        label: &str,
        kind: FieldKind,
    ) -> Result<Field, DirectoryError> {
        let refuse = |why: String| Err(DirectoryError::Refused(why));
        let declared = self.fields().await?;
        match (&kind, declared.iter().find(|field| field.key == key.as_str())) {
            (FieldKind::Choice(choices), _) if choices.len() < 2 => {
                return refuse(format!("a choice needs two or more: --choices \"oui,non\" for `{key}`"));
            }
            (_, Some(field)) if field.kind.as_str() != kind.as_str() => {
                return refuse(format!(
                    "`{key}` is declared as {}, and values are stored so: declare another field",
                    field.kind.as_str()
                ));
            }
            (FieldKind::Choice(new), Some(Field { kind: FieldKind::Choice(old), .. })) => {
                if let Some(missing) = old.iter().find(|choice| !new.contains(choice)) {
                    return refuse(format!("`{missing}` may be chosen already: keep it among the choices of `{key}`"));
                }
            }
            (_, None) if declared.len() >= FIELDS_MAX => {
                return refuse(format!("{FIELDS_MAX} fields are declared, and there cannot be more"));
            }
            _ => {}
        }
        let label = label.trim();
        if label.is_empty() || label.len() > 200 {
            return refuse(format!("the label of `{key}` needs 1 to 200 bytes"));
        }
        let choices = match &kind {
            FieldKind::Choice(choices) => Some(choices.clone()),
            _ => None,
        };
        sqlx::query!(
            r#"
            INSERT INTO core.contact_field (organisation_id, key, label, kind, choices) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organisation_id, key) DO UPDATE SET label = excluded.label, choices = excluded.choices
            "#,
            self.organisation.0,
            key.as_str(),
            label,
            kind.as_str(),
            choices.as_deref(),
        )
        .execute(&mut *self.sql)
        .await?;
        self.audit("field.declared", key.as_str(), json!({ "type": kind.as_str() })).await?;
        Ok(Field { key: key.to_string(), label: label.to_owned(), kind })
    }

    /// Every declared field, by key.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn fields(&mut self) -> Result<Vec<Field>, DirectoryError> {
        let rows = sqlx::query!(
            "SELECT key, label, kind, choices FROM core.contact_field WHERE organisation_id = $1 ORDER BY key",
            self.organisation.0
        )
        .fetch_all(&mut *self.sql)
        .await?;
        let fields = rows.into_iter().map(|row| {
            let kind = match row.kind.as_str() {
                "number" => FieldKind::Number,
                "date" => FieldKind::Date,
                "choice" => FieldKind::Choice(row.choices.unwrap_or_default()),
                _ => FieldKind::Text,
            };
            Field { key: row.key, label: row.label, kind }
        });
        Ok(fields.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_french_people_write_them() {
        let read = |text| FieldKind::Number.read(text).ok();
        assert_eq!(read("1 234,5"), Some(json!(1234.5)));
        assert_eq!(read("1\u{202f}234"), Some(json!(1234)));
        assert_eq!(read("-3.25"), Some(json!(-3.25)));
        for wrong in ["1.234,5", "douze", "", "-", "1e5", "NaN", "1,2,3"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_read_in_both_orders() {
        let read = |text| FieldKind::Date.read(text).ok();
        assert_eq!(read("31/12/2026"), Some(json!("2026-12-31")));
        assert_eq!(read("2026-12-31"), Some(json!("2026-12-31")));
        for wrong in ["31/02/2026", "01/09/26", "12/31/2026", "demain"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_choice_is_stored_as_declared() {
        let kind = FieldKind::Choice(vec!["Élu·e".to_owned(), "Agent".to_owned()]);
        assert_eq!(kind.read("ELU E"), Ok(json!("Élu·e")));
        assert_eq!(kind.read("maire").unwrap_err(), "this is none of the choices: write Élu·e, Agent");
    }

    #[test]
    fn a_column_suggests_a_key() {
        let suggested = |name| FieldKey::suggested(name).map(|key| key.to_string());
        assert_eq!(suggested("Adresse e-mail"), Some("adresse_e_mail".to_owned()));
        assert_eq!(suggested("2e téléphone"), None);
    }
}
