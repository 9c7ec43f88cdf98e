//! The file of a pulse: a consultation file with `kind = "pulse"`, much shorter.

use bot_core::files::{self, LocalTime, SLUG_CHARACTERS_MAX, TextOrTable, is_slug};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    HOURS_MAX, OPTION_CHARACTERS_MAX, OPTIONS_MAX, OPTIONS_MIN, PulseClosing, PulseDefinition, QUESTION_CHARACTERS_MAX,
    ROOMS_MAX,
};
use crate::definition::Definition;
use crate::definition_file::{self, Checker, DefinitionError, Problem};

/// What a file may hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileContent {
    Consultation(Box<Definition>),
    Pulse(PulseDefinition),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PulseFile {
    #[serde(rename = "kind")]
    _kind: String,
    slug: String,
    time_zone: Option<String>,
    closes_at: Option<LocalTime>,
    duration_hours: Option<u16>,
    question: TextOrTable,
    options: Vec<TextOrTable>,
    #[serde(default)]
    rooms: Vec<i64>,
}

/// Reads a file of either kind.
///
/// # Errors
/// As [`definition_file::parse`].
pub fn read(source: &str) -> Result<FileContent, DefinitionError> {
    let kind = source.parse::<toml::Table>().ok().and_then(|table| table.get("kind").cloned());
    match kind.as_ref().map(|kind| kind.as_str()) {
        None => Ok(FileContent::Consultation(Box::new(definition_file::parse(source)?))),
        Some(Some("pulse")) => Ok(FileContent::Pulse(parse(source)?)),
        Some(_) => {
            let remedy = "is not known: write \"pulse\", or remove it for a consultation".to_owned();
            Err(DefinitionError::in_file(source, vec![Problem { line: None, field: "kind".to_owned(), remedy }]))
        }
    }
}

fn parse(source: &str) -> Result<PulseDefinition, DefinitionError> {
    let file: PulseFile = files::read(source)?;
    file.check().map_err(|problems| DefinitionError::in_file(source, problems))
}

impl PulseFile {
    fn check(self) -> Result<PulseDefinition, Vec<Problem>> {
        let mut checker = Checker::new();
        if !is_slug(&self.slug) {
            checker.refuse(
                "slug",
                format!("must be 1 to {SLUG_CHARACTERS_MAX} of a-z, 0-9 and `-`, and begin with a letter or digit"),
            );
        }
        let time_zone = self.time_zone.as_deref().and_then(|name| {
            let zone = name.parse::<Tz>().ok();
            if zone.is_none() {
                checker.refuse("time_zone", "is not an IANA zone: write for example Europe/Paris or Indian/Reunion");
            }
            zone
        });
        let closing = match (self.closes_at, self.duration_hours) {
            (Some(closes_at), None) => PulseClosing::At(closes_at.0),
            (None, Some(hours)) => {
                if !(1..=HOURS_MAX).contains(&hours) {
                    checker.refuse("duration_hours", format!("is {hours}: write 1 to {HOURS_MAX}"));
                }
                PulseClosing::AfterHours(hours)
            }
            (Some(_), Some(_)) => {
                checker.refuse("duration_hours", "goes against closes_at: keep one of the two");
                PulseClosing::AfterHours(1)
            }
            (None, None) => {
                checker.refuse("closes_at", "is missing: write it, or `duration_hours`");
                PulseClosing::AfterHours(1)
            }
        };
        if self.rooms.len() > ROOMS_MAX {
            checker.refuse("rooms", format!("names {} rooms: write {ROOMS_MAX} at most", self.rooms.len()));
        }
        let question = checker.wording("question", self.question, QUESTION_CHARACTERS_MAX);
        let options =
            checker.labels_of("options", Some(self.options), OPTIONS_MIN..=OPTIONS_MAX, OPTION_CHARACTERS_MAX);
        let mut rooms = self.rooms;
        rooms.sort_unstable();
        rooms.dedup();
        let definition = PulseDefinition { slug: self.slug, time_zone, closing, question, options, rooms };
        if checker.problems.is_empty() { Ok(definition) } else { Err(checker.problems) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const EVENING: &str = r#"kind = "pulse"
slug = "ouverture-du-soir"
duration_hours = 48
question = { fr = "Faut-il ouvrir la médiathèque le soir ?", en = "Should the library open in the evening?" }
options = ["Oui", "Non", "Sans avis"]
"#;

    #[test]
    fn a_file_is_a_pulse_or_a_consultation() {
        let FileContent::Pulse(pulse) = read(EVENING).unwrap() else { panic!("no pulse") };
        assert_eq!((pulse.slug.as_str(), pulse.options.len()), ("ouverture-du-soir", 3));
        assert!(matches!(read(crate::bench::MARKET).unwrap(), FileContent::Consultation(_)));
        let stored = serde_json::to_value(&pulse).unwrap();
        assert_eq!(stored["kind"], "pulse");
        assert_eq!(serde_json::from_value::<PulseDefinition>(stored).unwrap(), pulse);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = EVENING
            .replace("duration_hours = 48", "duration_hours = 0\nrooms = [\"salon\"]")
            .replace("\"Sans avis\"", "\"Oui\"");
        insta::assert_snapshot!(read(&wrong).unwrap_err(), @"line 4: rooms[1]: invalid type: string \"salon\", expected i64");
        let wrong = wrong.replace("[\"salon\"]", "[3, 3]");
        insta::assert_snapshot!(read(&wrong).unwrap_err(), @r"
        line 3: duration_hours: is 0: write 1 to 720
        line 6: options[3]: is there twice: every label must differ
        ");
        let other = EVENING.replace("\"pulse\"", "\"vote\"");
        insta::assert_snapshot!(read(&other).unwrap_err(), @r#"line 1: kind: is not known: write "pulse", or remove it for a consultation"#);
    }
}
