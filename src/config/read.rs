//! Reading: the file, with environment variables laid over it, into a value, so that an error still knows which
//! line or variable a value came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path as FieldPath, Segment};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::problem::{ConfigError, Place, Problem};

const PREFIX: &str = "CRIEUR_";
/// Between the parts of a field's path in a variable's name. A `CRIEUR_…` variable without it is none of ours.
const SEPARATOR: &str = "__";
/// Letters that may differ for a name to count as a slip of another.
const SLIP_DISTANCE_MAX: usize = 3;

/// Where each field of a configuration was written.
pub(crate) struct Places {
    path: PathBuf,
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<String, String>,
}

impl Places {
    /// The place of a field, or of the closest field around it that is written.
    pub fn of(&self, field: &str) -> Place {
        if let Some(variable) = self.variables.get(field) {
            return Place::Environment { variable: variable.clone() };
        }
        let mut name = field;
        loop {
            if let Some(&line) = self.lines.get(name) {
                return Place::file(&self.path, Some(line));
            }
            match name.rfind(['.', '[']) {
                Some(end) => name = &name[..end],
                None => return Place::file(&self.path, None),
            }
        }
    }

    pub fn is_from_environment(&self, field: &str) -> bool {
        self.variables.contains_key(field)
    }
}

pub(crate) fn read<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(T, Places), ConfigError> {
    let mut places = Places { path: path.to_owned(), lines: BTreeMap::new(), variables: BTreeMap::new() };
    let mut table: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let remedy = format!("this is not TOML: {}", error.message().replace('\n', ", "));
        ConfigError::one(Problem { place: Place::file(path, line), field: String::new(), remedy })
    })?;
    let (written, _) = DeTable::parse_recoverable(text);
    collect_lines(text, written.get_ref(), "", &mut places.lines);

    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|name| name.contains(SEPARATOR)) else { continue };
        let parts: Vec<String> = name.to_lowercase().split(SEPARATOR).map(str::to_owned).collect();
        let field = lay_over(&mut table, &parts, Value::String(value));
        places.variables.insert(field, variable);
    }
    match deserialise(Value::Table(table), |field| places.is_from_environment(field)) {
        Ok(config) => Ok((config, places)),
        Err((field, remedy)) => {
            let place = places.of(&field);
            Err(ConfigError::one(Problem { place, field, remedy }))
        }
    }
}

/// Turns a value into `T`, or tells which field within it does not fit and what to write. A variable is text first;
/// where text does not fit, it is read as TOML: a number, true, a list.
pub(crate) fn deserialise<T: DeserializeOwned>(
    mut value: Value,
    is_from_environment: impl Fn(&str) -> bool,
) -> Result<T, (String, String)> {
    loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let field = name_of(error.path());
        if is_from_environment(&field)
            && let Some(text) = find(&mut value, error.path())
            && let Some(parsed) = text.as_str().and_then(as_toml).filter(|parsed| !parsed.is_str())
        {
            *text = parsed;
            continue;
        }
        return Err(explain(&field, &error.into_inner().message().replace('\n', ", ")));
    }
}

/// The value at a path.
fn find<'v>(value: &'v mut Value, path: &FieldPath) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key } | Segment::Enum { variant: key } => value.get_mut(key),
        Segment::Unknown => None,
    })
}

/// Says what a message of the deserialiser means to whoever wrote the file.
fn explain(field: &str, message: &str) -> (String, String) {
    if let Some(rest) = message.strip_prefix("missing field `") {
        let name = rest.split('`').next().unwrap_or_default();
        let field = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
        return (field, "is missing: write it (docs/crieur.toml.example shows every field)".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let mut quoted = rest.split('`').step_by(2);
        let unknown = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted_names(rest);
        let closest = known.iter().map(|name| (strsim::damerau_levenshtein(unknown, name), *name)).min();
        let remedy = match closest {
            Some((distance, name)) if distance <= SLIP_DISTANCE_MAX => format!("is not known: did you mean `{name}`?"),
            _ if known.is_empty() => "is not known: remove it".to_owned(),
            _ => format!("is not known: the fields here are {}", known.join(", ")),
        };
        let field = match field.rsplit('.').next() == Some(unknown) || field == unknown {
            true => field.to_owned(),
            false if field.is_empty() => unknown.to_owned(),
            false => format!("{field}.{unknown}"),
        };
        return (field, remedy);
    }
    let message = ["u8", "u16", "u32", "u64"].iter().fold(message.to_owned(), |message, kind| {
        message.replace(&format!("expected {kind}"), "expected a whole number")
    });
    (field.to_owned(), format!("does not fit: {message}"))
}

/// The names between backquotes after the first.
fn quoted_names(message: &str) -> Vec<&str> {
    message.split('`').skip(1).enumerate().filter(|(index, _)| index % 2 == 1).map(|(_, name)| name).collect()
}

fn name_of(path: &FieldPath) -> String {
    let mut name = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => name.push_str(&format!("[{}]", index + 1)),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    name
}

fn as_toml(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}")).ok()?.remove("value")
}

/// Puts a value where the parts lead, making tables on the way, and gives the field's name. Among several tables
/// (`[[account]]`) a part picks the one of that name, with `_` for `-`.
fn lay_over(table: &mut Table, parts: &[String], value: Value) -> String {
    let Some((first, rest)) = parts.split_first() else { return String::new() };
    // Names of plugins hold hyphens, which the name of a variable cannot.
    let hyphened = first.replace('_', "-");
    let key = if !table.contains_key(first) && table.contains_key(&hyphened) { hyphened } else { first.clone() };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return key;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
    if let (Value::Array(elements), Some((name, rest))) = (&mut *inner, rest.split_first()) {
        let is_named = |element: &Value| {
            let written = element.get("name").and_then(Value::as_str);
            written.is_some_and(|written| written.replace('-', "_") == *name)
        };
        if let Some(index) = elements.iter().position(is_named)
            && let Some(element) = elements[index].as_table_mut()
        {
            return format!("{key}[{}].{}", index + 1, lay_over(element, rest, value));
        }
        return format!("{key}.{name}");
    }
    if !inner.is_table() {
        *inner = Value::Table(Table::new());
    }
    match inner.as_table_mut() {
        Some(inner) => format!("{key}.{}", lay_over(inner, rest, value)),
        None => key,
    }
}

fn collect_lines(text: &str, table: &DeTable<'_>, prefix: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table.iter() {
        let field = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        lines.insert(field.clone(), line_of(text, key.span().start));
        collect_lines_of_value(text, value.get_ref(), &field, lines);
    }
}

fn collect_lines_of_value(text: &str, value: &DeValue<'_>, field: &str, lines: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => collect_lines(text, table, field, lines),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let field = format!("{field}[{}]", index + 1);
                lines.insert(field.clone(), line_of(text, element.span().start));
                collect_lines_of_value(text, element.get_ref(), &field, lines);
            }
        }
        _ => {}
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
