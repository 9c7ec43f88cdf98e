//! How an hour of the day is written in a campaign file.

use std::fmt;

use chrono::NaiveTime;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// A whole hour (`9`), or hour and minute (`"09:30"`, or TOML's own `09:30:00`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hour(pub NaiveTime);

const REMEDY: &str = "must be an hour from 0 to 23, or hour and minute such as \"09:30\"";

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Option<NaiveTime>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an hour from 0 to 23, or hour and minute such as \"09:30\"")
            }

            fn visit_i64<E>(self, hour: i64) -> Result<Self::Value, E> {
                Ok(u32::try_from(hour).ok().and_then(|hour| NaiveTime::from_hms_opt(hour, 0, 0)))
            }

            fn visit_u64<E>(self, hour: u64) -> Result<Self::Value, E> {
                Ok(u32::try_from(hour).ok().and_then(|hour| NaiveTime::from_hms_opt(hour, 0, 0)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(["%H:%M", "%H:%M:%S"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let deserializer = serde::de::value::MapAccessDeserializer::new(map);
                let text = toml::value::Datetime::deserialize(deserializer)?.to_string();
                Ok(NaiveTime::parse_from_str(&text, "%H:%M:%S").ok())
            }
        }
        let time = deserializer.deserialize_any(Visitor)?;
        time.map(Self).ok_or_else(|| serde::de::Error::custom(REMEDY))
    }
}

impl JsonSchema for Hour {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hour".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 23 },
                { "type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2})?$" }
            ],
            "description": "Whole hour, or hour and minute, for example \"09:30\""
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        hour: Hour,
    }

    fn read(value: &str) -> Option<String> {
        let file: Result<File, _> = toml::from_str(&format!("hour = {value}"));
        file.ok().map(|file| file.hour.0.to_string())
    }

    #[test]
    fn hours_are_read_as_people_write_them() {
        for (value, time) in [("9", "09:00:00"), ("\"09:30\"", "09:30:00"), ("14:05:00", "14:05:00"), ("0", "00:00:00")]
        {
            assert_eq!(read(value).as_deref(), Some(time), "{value}");
        }
        for wrong in ["24", "-1", "\"9h\"", "2026-09-01T09:00:00", "true", "\"\""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
