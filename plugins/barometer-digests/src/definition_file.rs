//! The digest file: TOML that an organiser can write, refused with every problem at once, each with its line and its
//! remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bot_core::calendar::next_occurrence;
use bot_core::files::{self, Places, TextOrTable};
pub use bot_core::files::{FileError as DefinitionError, Problem};
use bot_core::message::template::TemplateError;
use bot_core::{Locale, Wording};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::*;
use crate::rendering::wording::{self, Name};

const TITLE_CHARACTERS_MAX: usize = 120;
/// A topic's name is a button's label.
const TOPIC_NAME_CHARACTERS_MAX: usize = 60;
const NAME_CHARACTERS_MAX: usize = 120;
const URL_BYTES_MAX: usize = 2000;
const SOURCES_MAX: usize = 200;
const FIGURES_MAX: usize = 50;
const KEYWORDS_MAX: usize = 100;
const LATE_HOURS: RangeInclusive<u16> = 1..=336;
/// Up to a week; four times an hour is as often as a polite reader asks.
const EVERY_MINUTES: RangeInclusive<u32> = 15..=10_080;
/// Edits between two words that are a slip of the same one.
const SLIP_DISTANCE_MAX: usize = 3;

/// A digest file. Text is a string (French), or a table `{ fr = "…", en = "…" }`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Digest file")]
pub struct DefinitionFile {
    /// What the digest is called, at most 120 characters.
    title: TextOrTable,
    /// Zone of the drafting hours and of dates as they are shown, for example `Europe/Paris`.
    time_zone: String,
    /// Editions of a week. Left out: there are none.
    #[serde(default)]
    weekly: Option<ScheduleInFile>,
    /// Editions of a month. Left out: there are none.
    #[serde(default)]
    monthly: Option<ScheduleInFile>,
    /// What readers choose by, at most 12. Left out: the observatory's five objectives.
    #[serde(default)]
    topic: Vec<TopicInFile>,
    /// Where news, events and remote figures come from.
    #[serde(default)]
    source: Vec<SourceInFile>,
    /// Figures that go into an edition whenever their data is new.
    #[serde(default)]
    figure: Vec<FigureInFile>,
    /// What you word differently, by language: handlebars over Markdown.
    #[serde(default)]
    wording: BTreeMap<Locale, Templates>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleInFile {
    /// When a draft is made: five cron fields in `time_zone`, for example `0 8 * * 1`.
    draft: String,
    /// Who approves: "by_hand" or "automatic".
    #[serde(default = "by_hand")]
    approval: Approval,
    /// When what is approved goes out: "on_approval" or "by_hand".
    #[serde(default = "on_approval")]
    sending: Sending,
    /// A reader whose hour has passed by at most so many hours still gets the edition at once, 1 to 336.
    #[serde(default = "late_within_hours")]
    late_within_hours: u16,
}

fn by_hand() -> Approval {
    Approval::ByHand
}

fn on_approval() -> Sending {
    Sending::OnApproval
}

fn late_within_hours() -> u16 {
    72
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TopicInFile {
    /// 1 to 40 of a-z, 0-9 and `-`. Keep it when you change the name: readers have chosen it.
    key: String,
    name: TextOrTable,
    /// News and events that say one of these belong to the topic; accents and case do not matter.
    #[serde(default)]
    keywords: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum KindInFile {
    Feed,
    Events,
    Table,
    Opendatasoft,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourceInFile {
    /// 1 to 40 of a-z, 0-9 and `-`.
    key: String,
    /// As it is named under what it gave.
    name: String,
    /// `feed` (RSS, Atom, JSON Feed), `events` (iCalendar), `table` (CSV) or `opendatasoft`.
    kind: KindInFile,
    /// Its http or https address; of an Opendatasoft portal, the portal's. `{secret:NAME}` stands for a secret of
    /// crieur.toml.
    url: String,
    /// Everything from here belongs to these topics, whatever it says.
    #[serde(default)]
    topics: Vec<String>,
    /// Minutes between two requests, 15 to 10080.
    #[serde(default = "every_minutes")]
    every_minutes: u32,
    /// `table` and `opendatasoft`: the dataset that it is a new version of.
    #[serde(default)]
    dataset: Option<String>,
    /// `table` and `opendatasoft`: which column holds what.
    #[serde(default)]
    columns: Option<Columns>,
    /// `opendatasoft`: the portal's name of its dataset.
    #[serde(default)]
    dataset_id: Option<String>,
    /// `opendatasoft`: an ODSQL filter. Left out: all records.
    #[serde(default)]
    filter: Option<String>,
}

fn every_minutes() -> u32 {
    60
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FigureInFile {
    /// The dataset's short name, as `digest dataset import` or a source gives it.
    dataset: String,
    /// As the data names it.
    indicator: String,
    /// As readers see it.
    name: TextOrTable,
    #[serde(default)]
    topics: Vec<String>,
    /// `bars`, `line`, `stacked` or `map`. Left out: no picture.
    #[serde(default)]
    chart: Option<ChartKind>,
}

/// Reads a digest file.
///
/// # Errors
/// Every problem found, with line, field and remedy. A file that is not TOML, or holds an unknown or missing field,
/// is reported at the first such place.
pub fn parse(source: &str) -> Result<Definition, DefinitionError> {
    let file: DefinitionFile = files::read(source).map_err(with_suggestions)?;
    let places = Places::of(source);
    file.check(&|field, line| places.line_in_text(source, field, line))
        .map_err(|problems| DefinitionError::in_file(source, problems))
}

/// The JSON Schema of digest files.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(DefinitionFile)
}

/// Says of an unknown word which one was probably meant.
fn with_suggestions(mut error: DefinitionError) -> DefinitionError {
    for problem in &mut error.problems {
        let quoted: Vec<&str> = problem.remedy.split('`').skip(1).step_by(2).collect();
        let [unknown, known @ ..] = quoted.as_slice() else { continue };
        if !problem.remedy.starts_with("unknown ") {
            continue;
        }
        if let Some(name) = meant(unknown, known) {
            problem.remedy = format!("`{unknown}` is not known here: did you mean `{name}`?");
        }
    }
    error
}

/// The known word of which `unknown` is probably a slip.
fn meant<'k>(unknown: &str, known: &[&'k str]) -> Option<&'k str> {
    let closest = known.iter().map(|&name| (strsim::damerau_levenshtein(unknown, name), name)).min();
    let slips_max = SLIP_DISTANCE_MAX.min(unknown.chars().count() / 2);
    closest.filter(|(distance, _)| *distance <= slips_max).map(|(_, name)| name)
}

/// Collects problems while a file is turned into a definition.
struct Checker<'l> {
    problems: Vec<Problem>,
    /// The line of the file on which a line of a text stands, both from 1.
    line_of: &'l dyn Fn(&str, usize) -> Option<usize>,
    /// Keys that a figure or a source may name.
    topics: BTreeSet<Key>,
}

impl DefinitionFile {
    fn check(self, line_of: &dyn Fn(&str, usize) -> Option<usize>) -> Result<Definition, Vec<Problem>> {
        let mut checker = Checker { problems: Vec::new(), line_of, topics: BTreeSet::new() };
        checker.wording("title", &self.title.0, TITLE_CHARACTERS_MAX);
        let time_zone = checker.time_zone(&self.time_zone);
        if self.weekly.is_none() && self.monthly.is_none() {
            checker.refuse("", "says no rhythm: write [weekly], [monthly], or both, each with `draft = \"0 8 * * 1\"`");
        }
        let weekly = self.weekly.map(|schedule| checker.schedule("weekly", schedule, time_zone));
        let monthly = self.monthly.map(|schedule| checker.schedule("monthly", schedule, time_zone));
        let topics = checker.topics(self.topic);
        let sources = checker.sources(self.source);
        let figures = checker.figures(self.figure);
        for (locale, templates) in &self.wording {
            for name in Name::ALL {
                if let Some(markdown) = name.of(templates) {
                    checker.template(&format!("wording.{locale}.{name}"), name, markdown);
                }
            }
        }
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        let (title, wording) = (self.title.0, self.wording);
        Ok(Definition { title, time_zone, weekly, monthly, topics, sources, figures, wording })
    }
}

impl Checker<'_> {
    fn refuse(&mut self, field: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { line: None, field: field.into(), remedy: remedy.into() });
    }

    /// Whether `words` may stand as a text on one line.
    fn text(&mut self, field: &str, words: &str, characters_max: usize) -> bool {
        let characters = words.chars().count();
        let problem = if words.trim().is_empty() {
            "is empty: write some text".to_owned()
        } else if characters > characters_max {
            format!("has {characters} characters: at most {characters_max} are allowed")
        } else if words.chars().any(char::is_control) {
            "holds a line end or a control character: write it on one line".to_owned()
        } else {
            return true;
        };
        self.refuse(field, problem);
        false
    }

    fn wording(&mut self, field: &str, wording: &Wording, characters_max: usize) {
        for (locale, words) in wording.all() {
            let place = if wording.en.is_some() { format!("{field}.{locale}") } else { field.to_owned() };
            self.text(&place, words, characters_max);
        }
    }

    fn key(&mut self, field: &str, text: &str) -> Option<Key> {
        text.parse().map_err(|problem: String| self.refuse(field, problem)).ok()
    }

    /// A key that nothing before it in the file has.
    fn new_key(&mut self, field: &str, text: &str, seen: &mut BTreeMap<Key, usize>, number: usize) -> Option<Key> {
        let key = self.key(field, text)?;
        if let Some(first) = seen.insert(key.clone(), number) {
            self.refuse(field, format!("`{key}` is the key of number {first} too: each has its own"));
        }
        Some(key)
    }

    /// Anything where it is refused: the definition is then never made.
    fn time_zone(&mut self, name: &str) -> Tz {
        name.parse().unwrap_or_else(|_| {
            let remedy = format!("`{name}` is no time zone: write for example Europe/Paris or Indian/Reunion");
            self.refuse("time_zone", remedy);
            Tz::UTC
        })
    }

    fn schedule(&mut self, name: &str, file: ScheduleInFile, time_zone: Tz) -> Schedule {
        match next_occurrence(&file.draft, time_zone, DateTime::<Utc>::UNIX_EPOCH) {
            Ok(Some(_)) => {}
            Ok(None) => {
                let remedy = format!("`{}` names a day that never comes: write for example `0 8 * * 1`", file.draft);
                self.refuse(format!("{name}.draft"), remedy);
            }
            Err(error) => self.refuse(format!("{name}.draft"), error.to_string()),
        }
        self.range(&format!("{name}.late_within_hours"), file.late_within_hours, LATE_HOURS);
        let ScheduleInFile { draft, approval, sending, late_within_hours } = file;
        Schedule { draft, approval, sending, late_within_hours }
    }

    fn range<T: PartialOrd + std::fmt::Display>(&mut self, field: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.refuse(field, format!("is {value}: write {} to {}", range.start(), range.end()));
        }
    }

    fn at_most(&mut self, field: &str, found: usize, most: usize) {
        if found > most {
            self.refuse(field, format!("there are {found}: at most {most} are allowed"));
        }
    }

    fn topics(&mut self, file: Vec<TopicInFile>) -> Vec<Topic> {
        if file.is_empty() {
            let topics = objectives();
            self.topics = topics.iter().map(|topic| topic.key.clone()).collect();
            return topics;
        }
        self.at_most("topic", file.len(), TOPICS_MAX);
        let (mut topics, mut seen) = (Vec::new(), BTreeMap::new());
        for (index, topic) in file.into_iter().enumerate() {
            let number = index + 1;
            let field = |name: &str| format!("topic[{number}].{name}");
            let key = self.new_key(&field("key"), &topic.key, &mut seen, number);
            self.wording(&field("name"), &topic.name.0, TOPIC_NAME_CHARACTERS_MAX);
            self.at_most(&field("keywords"), topic.keywords.len(), KEYWORDS_MAX);
            for (index, keyword) in topic.keywords.iter().enumerate() {
                self.text(&format!("{}[{}]", field("keywords"), index + 1), keyword, TOPIC_NAME_CHARACTERS_MAX);
            }
            if let Some(key) = key {
                topics.push(Topic { key, name: topic.name.0, keywords: topic.keywords });
            }
        }
        self.topics = seen.into_keys().collect();
        topics
    }

    /// Keys of topics that exist, sorted, each once.
    fn topic_keys(&mut self, field: &str, keys: &[String]) -> Vec<Key> {
        let mut found = BTreeSet::new();
        for (index, text) in keys.iter().enumerate() {
            let field = format!("{field}[{}]", index + 1);
            let Some(key) = self.key(&field, text) else { continue };
            if !self.topics.contains(&key) {
                let known: Vec<&str> = self.topics.iter().map(Key::as_str).collect();
                let remedy = match meant(text, &known) {
                    Some(name) => format!("`{text}` is no topic of this file: did you mean `{name}`?"),
                    None => format!("`{text}` is no topic of this file: the topics are {}", known.join(", ")),
                };
                self.refuse(field, remedy);
            } else if !found.insert(key) {
                self.refuse(field, format!("`{text}` stands here twice: remove one"));
            }
        }
        found.into_iter().collect()
    }

    fn sources(&mut self, file: Vec<SourceInFile>) -> Vec<Source> {
        self.at_most("source", file.len(), SOURCES_MAX);
        let (mut sources, mut seen, mut datasets) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (index, source) in file.into_iter().enumerate() {
            let number = index + 1;
            let field = |name: &str| format!("source[{number}].{name}");
            let key = self.new_key(&field("key"), &source.key, &mut seen, number);
            self.text(&field("name"), &source.name, NAME_CHARACTERS_MAX);
            if let Err(problem) = check_url(&source.url) {
                self.refuse(field("url"), problem);
            }
            self.range(&field("every_minutes"), source.every_minutes, EVERY_MINUTES);
            let topics = self.topic_keys(&field("topics"), &source.topics);
            let (name, url, every_minutes) = (source.name.clone(), source.url.clone(), source.every_minutes);
            let kind = self.source_kind(number, source, &mut datasets);
            if let (Some(key), Some(kind)) = (key, kind) {
                sources.push(Source { key, name, url, topics, every_minutes, kind });
            }
        }
        sources
    }

    fn source_kind(
        &mut self,
        number: usize,
        source: SourceInFile,
        datasets: &mut BTreeMap<Key, usize>,
    ) -> Option<SourceKind> {
        let field = |name: &str| format!("source[{number}].{name}");
        let is_table = matches!(source.kind, KindInFile::Table | KindInFile::Opendatasoft);
        let is_portal = source.kind == KindInFile::Opendatasoft;
        let misplaced = [
            ("dataset", source.dataset.is_some() && !is_table, "table and opendatasoft"),
            ("columns", source.columns.is_some() && !is_table, "table and opendatasoft"),
            ("dataset_id", source.dataset_id.is_some() && !is_portal, "opendatasoft"),
            ("filter", source.filter.is_some() && !is_portal, "opendatasoft"),
        ];
        for (name, _, kinds) in misplaced.into_iter().filter(|(_, is_there, _)| *is_there) {
            self.refuse(field(name), format!("goes with sources of the kind {kinds} only: remove it"));
        }
        let missing = [
            ("dataset", is_table && source.dataset.is_none(), "the short name of the dataset it feeds"),
            (
                "columns",
                is_table && source.columns.is_none(),
                "`{ indicator = \"…\", edition = \"…\", value = \"…\" }`",
            ),
            ("dataset_id", is_portal && source.dataset_id.is_none(), "the portal's name of its dataset"),
        ];
        for (name, _, remedy) in missing.into_iter().filter(|(_, is_missing, _)| *is_missing) {
            self.refuse(field(name), format!("is missing: write {remedy}"));
        }
        match source.kind {
            KindInFile::Feed => return Some(SourceKind::Feed),
            KindInFile::Events => return Some(SourceKind::Events),
            KindInFile::Table | KindInFile::Opendatasoft => {}
        }
        let dataset = source.dataset.and_then(|dataset| self.key(&field("dataset"), &dataset))?;
        if let Some(first) = datasets.insert(dataset.clone(), number) {
            let remedy = format!("source {first} feeds `{dataset}` already: two would overwrite each other");
            self.refuse(field("dataset"), remedy);
        }
        let columns = source.columns?;
        for (name, column) in columns.all() {
            self.text(&field(&format!("columns.{name}")), column, NAME_CHARACTERS_MAX);
        }
        if !is_portal {
            return Some(SourceKind::Table { dataset, columns });
        }
        let dataset_id = source.dataset_id?;
        let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '@' | '.');
        if dataset_id.is_empty() || dataset_id.len() > 200 || !dataset_id.chars().all(fits) {
            self.refuse(field("dataset_id"), "is no name of a dataset: copy it from the portal's address");
        }
        let filter = source.filter.unwrap_or_default();
        if !filter.is_empty() {
            self.text(&field("filter"), &filter, URL_BYTES_MAX);
        }
        Some(SourceKind::Opendatasoft { dataset, dataset_id, filter, columns })
    }

    fn figures(&mut self, file: Vec<FigureInFile>) -> Vec<FigurePlan> {
        self.at_most("figure", file.len(), FIGURES_MAX);
        let (mut figures, mut seen) = (Vec::new(), BTreeMap::new());
        for (index, figure) in file.into_iter().enumerate() {
            let number = index + 1;
            let field = |name: &str| format!("figure[{number}].{name}");
            let dataset = self.key(&field("dataset"), &figure.dataset);
            self.text(&field("indicator"), &figure.indicator, 300);
            self.wording(&field("name"), &figure.name.0, 300);
            let topics = self.topic_keys(&field("topics"), &figure.topics);
            let Some(dataset) = dataset else { continue };
            if let Some(first) = seen.insert((dataset.clone(), figure.indicator.clone()), number) {
                let remedy = format!("figure {first} shows this indicator of `{dataset}` already: remove one");
                self.refuse(field("indicator"), remedy);
            }
            let FigureInFile { indicator, name, chart, .. } = figure;
            figures.push(FigurePlan { dataset, indicator, name: name.0, topics, chart });
        }
        figures
    }

    fn template(&mut self, field: &str, name: Name, markdown: &str) {
        if let Err(error) = wording::check(name, markdown) {
            let (line, problem) = problem_in(&error);
            let line = (self.line_of)(field, line);
            self.problems.push(Problem { line, field: field.to_owned(), remedy: problem });
        }
    }
}

impl Columns {
    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("indicator", Some(&self.indicator)),
            ("edition", Some(&self.edition)),
            ("stratum", self.stratum.as_ref()),
            ("value", Some(&self.value)),
            ("base", self.base.as_ref()),
            ("unit", self.unit.as_ref()),
        ];
        fields.into_iter().filter_map(|(name, column)| Some((name, column?.as_str())))
    }
}

/// The line within the template, and what is wrong there.
fn problem_in(error: &TemplateError) -> (usize, String) {
    match error {
        TemplateError::Syntax { line, problem, .. } => (*line, problem.clone()),
        TemplateError::UnknownVariable { line, name, known, .. } => {
            (*line, format!("there is no variable `{name}` here: write one of {}", known.join(", ")))
        }
        TemplateError::NotAllowed { line, what, remedy, .. } => {
            (*line, format!("`{what}` is not allowed in a template: {remedy}"))
        }
        other => (1, other.to_string()),
    }
}

/// Whether sources may be asked at `url`. What stands for a secret may be anywhere but in the host.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Err("is no web address: write http://… or https://…".to_owned()) };
    if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("must be at most {URL_BYTES_MAX} plain characters without spaces: write others as %XX"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("holds a name or password before `@`: everybody would read it at the foot of an edition. Name a \
                    secret of crieur.toml instead: {secret:NAME}"
            .to_owned());
    }
    let host = authority.split(':').next().unwrap_or_default();
    if host.is_empty() && !authority.starts_with('[') {
        return Err("names no host: write for example https://www.example.org/feed.xml".to_owned());
    }
    if authority.contains(['{', '}', '\\', '<', '>', '"']) {
        return Err("has a sign in its host that no host has: write the host itself".to_owned());
    }
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let secret = rest[at..].strip_prefix("{secret:").and_then(|inside| inside.split_once('}'));
        let is_name = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            (1..=40).contains(&name.len()) && name.bytes().all(fits)
        };
        match secret.filter(|(name, _)| is_name(name)) {
            Some((_, behind)) => rest = behind,
            None => {
                return Err("holds a brace: only {secret:NAME} may stand in braces, with a name of a-z, 0-9 and _; \
                            write others as %7B and %7D"
                    .to_owned());
            }
        }
    }
    Ok(())
}

/// The observatory's five objectives.
fn objectives() -> Vec<Topic> {
    let objectives: [(&str, &str, &str, &[&str]); 5] = [
        (
            "cartographie",
            "Cartographier la civic tech",
            "Mapping civic tech",
            &["civic tech", "cartographie", "recensement", "baromètre"],
        ),
        (
            "accompagnement",
            "Accompagner les professionnels",
            "Supporting professionals",
            &["accompagnement", "formation", "guide", "élus", "agents"],
        ),
        (
            "experiences",
            "Partager les expériences",
            "Sharing experience",
            &["retour d’expérience", "témoignage", "atelier", "rencontre"],
        ),
        (
            "conditions-de-succes",
            "Conditions de succès",
            "Conditions of success",
            &["évaluation", "transparence", "inclusion", "participation"],
        ),
        (
            "passage-a-l-echelle",
            "Outils et passage à l’échelle",
            "Tools and scaling up",
            &["outil", "plateforme", "méthode", "logiciel libre", "budget participatif"],
        ),
    ];
    let topics = objectives.into_iter().filter_map(|(key, fr, en, keywords)| {
        let name = Wording { fr: fr.to_owned(), en: Some(en.to_owned()) };
        let keywords = keywords.iter().map(|&keyword| keyword.to_owned()).collect();
        Some(Topic { key: key.parse().ok()?, name, keywords })
    });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = include_str!("../examples/digest.toml");
    const SMALLEST: &str = "title = \"Lettre\"\ntime_zone = \"Europe/Paris\"\n[weekly]\ndraft = \"0 7 * * 1\"\n";

    fn refusal(source: &str) -> String {
        parse(source).unwrap_err().to_string()
    }

    #[test]
    fn the_example_says_everything_a_file_can_say() {
        let digest = parse(EXAMPLE).unwrap();
        assert_eq!(digest.schedule(Cadence::Monthly).unwrap().approval, Approval::Automatic);
        assert_eq!(digest.topics.len(), 3);
        let kinds: Vec<&str> = digest
            .sources
            .iter()
            .map(|source| match &source.kind {
                SourceKind::Feed => "feed",
                SourceKind::Events => "events",
                SourceKind::Table { .. } => "table",
                SourceKind::Opendatasoft { .. } => "opendatasoft",
            })
            .collect();
        assert_eq!(kinds, ["feed", "feed", "events", "table", "opendatasoft"]);
        assert_eq!(digest.figures[0].chart, Some(ChartKind::Line));
        assert!(digest.wording[&Locale::Fr].news.is_some() && digest.wording[&Locale::En].closing.is_some());
        // Stored as JSON, and read back the same.
        let stored = serde_json::to_value(&digest).unwrap();
        assert_eq!(serde_json::from_value::<Definition>(stored).unwrap(), digest);
        // No field of the schema that the example leaves out, below the top either.
        let schema = serde_json::to_value(json_schema()).unwrap();
        let structs = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        let fields = structs.filter_map(|object| object["properties"].as_object()).flat_map(|fields| fields.keys());
        let templates = ["opening", "figure", "consultation", "campaign", "news", "event", "closing", "nothing"];
        for field in fields.filter(|field| !templates.contains(&field.as_str())) {
            assert!(EXAMPLE.contains(field.as_str()), "the example never says `{field}`");
        }
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let digest = parse(SMALLEST).unwrap();
        let weekly = digest.weekly.unwrap();
        assert_eq!(
            (weekly.approval, weekly.sending, weekly.late_within_hours),
            (Approval::ByHand, Sending::OnApproval, 72)
        );
        let topics: Vec<&str> = digest.topics.iter().map(|topic| topic.key.as_str()).collect();
        let objectives =
            ["cartographie", "accompagnement", "experiences", "conditions-de-succes", "passage-a-l-echelle"];
        assert_eq!(topics, objectives);
        assert!(digest.monthly.is_none() && digest.sources.is_empty() && digest.wording.is_empty());
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_line() {
        let source = r#"title = { fr = "", en = "Digest" }
time_zone = "Paris"

[weekly]
draft = "0 7 30 2 *"
late_within_hours = 400

[monthly]
draft = "à midi"

[[topic]]
key = "Civic Tech"
name = "Civic tech"

[[topic]]
key = "budgets"
name = "Budgets"
keywords = ["budget", ""]

[[topic]]
key = "budgets"
name = "Encore"

[[source]]
key = "flux"
name = "Flux"
kind = "feed"
url = "ftp://example.org/flux"
topics = ["budget", "budgets", "budgets"]
every_minutes = 5
dataset = "x"

[[source]]
key = "flux"
name = "Encore\nun flux"
kind = "table"
url = "https://moi:secret@example.org/a.csv"

[[source]]
key = "portail"
name = "Portail"
kind = "opendatasoft"
url = "https://{secret:hote}/"
dataset = "barometre"
dataset_id = "mauvais nom"
columns = { indicator = "", edition = "annee", value = "v" }

[[source]]
key = "second"
name = "Second"
kind = "table"
url = "https://example.org/{cle}"
dataset = "barometre"
columns = { indicator = "i", edition = "annee", value = "v" }

[[figure]]
dataset = "barometre"
indicator = "participation"
name = "Participation"
topics = ["mobilites-douces"]

[[figure]]
dataset = "barometre"
indicator = "participation"
name = "Participation"

[wording.fr]
opening = ""
event = ""
consultation = "{{titre}} : {{voix}}"
news = """
{{titre}}
{{#if"""
"#;
        insta::assert_snapshot!(refusal(source));
    }

    #[test]
    fn what_is_not_known_or_of_the_wrong_kind_is_refused_where_it_stands() {
        let refusals = [
            SMALLEST.replace("title", "titel"),
            SMALLEST.replace("draft", "brouillon"),
            SMALLEST.replace("[weekly]", "[weekli]"),
            format!("{SMALLEST}approval = \"automatique\"\n"),
            format!("{SMALLEST}late_within_hours = -1\n"),
            format!("{SMALLEST}late_within_hours = \"72\"\n"),
            format!("{SMALLEST}[wording.de]\nopening = \"Hallo\"\n"),
            format!("{SMALLEST}[wording.fr]\nouverture = \"Bonjour\"\n"),
            format!("{SMALLEST}[[source]]\nkey = \"a\"\nname = \"A\"\nurl = \"https://a.fr\"\nkind = \"rss\"\n"),
            format!("{SMALLEST}[[figure]]\ndataset = \"a\"\nindicator = \"b\"\nname = \"c\"\nchart = \"bar\"\n"),
            "title = \"Lettre\"\ntime_zone = \"Europe/Paris\"\n".to_owned(),
            String::new(),
            "<!doctype html>".to_owned(),
        ]
        .map(|source| refusal(&source));
        insta::assert_snapshot!(refusals.join("\n"));
    }

    #[test]
    fn addresses_hold_secrets_by_name_only() {
        for right in [
            "https://example.org",
            "http://127.0.0.1:8080/flux?cle={secret:a_1}&b={secret:b}",
            "https://[::1]/flux#x",
            "https://example.org/{secret:cle}/flux",
        ] {
            assert_eq!(check_url(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "https://",
            "https:///flux",
            "https://:80/",
            "HTTP//example.org",
            "file:///etc/passwd",
            "https://example.org/a b",
            "https://example.org/é",
            "https://a:b@example.org/",
            "https://example.org\\@evil.example/",
            "https://example.org/{cle}",
            "https://example.org/{secret:}",
            "https://example.org/{secret:CLE}",
            "https://example.org/{secret:cle",
            "https://example.org/}",
            "https://{secret:hote}/",
        ] {
            assert!(check_url(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_file_never_panics(at in 0usize..4000, with in "[ -~\n]{0,3}") {
            let mut source = EXAMPLE.to_owned();
            let at = (0..=at.min(source.len())).rev().find(|&at| source.is_char_boundary(at)).unwrap_or(0);
            source.insert_str(at, &with);
            let _ = parse(&source);
        }
    }
}
