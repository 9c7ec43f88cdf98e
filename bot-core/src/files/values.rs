//! How texts and times are written in a file.

use std::fmt;

use chrono::NaiveDateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::locale::Wording;

/// Words as a plain string (French), or as a table by language.
#[derive(Clone, PartialEq, Debug)]
pub struct TextOrTable(pub Wording);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WordingTable {
    fr: String,
    en: Option<String>,
}

impl<'de> Deserialize<'de> for TextOrTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = TextOrTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table { fr = \"…\", en = \"…\" }")
            }

            fn visit_str<E>(self, words: &str) -> Result<TextOrTable, E> {
                Ok(TextOrTable(Wording::french(words)))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<TextOrTable, A::Error> {
                let table = WordingTable::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(TextOrTable(Wording { fr: table.fr, en: table.en }))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for TextOrTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.en.is_none() { serializer.serialize_str(&self.0.fr) } else { self.0.serialize(serializer) }
    }
}

impl JsonSchema for TextOrTable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let table = generator.subschema_for::<WordingTable>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, table] })
    }
}

/// A date and time on the clocks of a place: a TOML local date-time, or the same as a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalTime(pub NaiveDateTime);

impl LocalTime {
    /// Reads a local date and time as people write it; `None` when it has an offset or is none.
    pub fn read(text: &str) -> Option<Self> {
        ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for LocalTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a local date and time such as 2026-09-01T08:00:00")
            }

            fn visit_str<E>(self, text: &str) -> Result<String, E> {
                Ok(text.to_owned())
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<String, A::Error> {
                let deserializer = serde::de::value::MapAccessDeserializer::new(map);
                Ok(toml::value::Datetime::deserialize(deserializer)?.to_string())
            }
        }
        let text = deserializer.deserialize_any(Visitor)?;
        Self::read(&text).ok_or_else(|| {
            serde::de::Error::custom("must be a local date and time without offset, such as 2026-09-01T08:00:00")
        })
    }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%S"))
    }
}

impl JsonSchema for LocalTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LocalTime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$",
            "description": "Local date and time, for example 2026-09-01T08:00:00"
        })
    }
}
