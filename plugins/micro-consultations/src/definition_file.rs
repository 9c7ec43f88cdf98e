//! The consultation file: TOML that an organiser can write, read with errors that name line, field and remedy, and
//! written back from what the chat composed.

use std::collections::BTreeSet;

use bot_core::adapter::Assurance;
use bot_core::files::{self, LocalTime, TextOrTable};
pub use bot_core::files::{FileError as DefinitionError, Problem};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::*;

/// A consultation file. Text is a string (French), or a table `{ fr = "…", en = "…" }`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Consultation file")]
pub struct DefinitionFile {
    /// Name in addresses and files: 1 to 40 of a-z, 0-9 and `-`.
    slug: String,
    /// Zone of the times below, for example `Europe/Paris`. The organisation's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// Local time at which it opens by itself, for example 2026-09-01T08:00:00. Left out: when an organiser opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opens_at: Option<LocalTime>,
    /// Local time at which it closes. Give this or `duration_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closes_at: Option<LocalTime>,
    /// Days from the opening to the closing, 1 to 366. Give this or `closes_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_days: Option<u16>,
    /// `anonymous`, or `named`: explicit consent is then asked before the first question.
    anonymity: Anonymity,
    /// May a ballot be changed or withdrawn while the consultation is open?
    #[serde(default = "yes")]
    change_vote: bool,
    /// Who sees results before the closing.
    #[serde(default = "after_vote")]
    results: ResultsVisibility,
    /// `session` (a browser), `account` (a messaging account), `code` (handed out to each person). Left out: the first two.
    #[serde(default = "session_and_account")]
    accepts: Vec<Assurance>,
    /// Live results of an anonymous consultation appear from this many ballots.
    #[serde(default = "results_from_ballots_default")]
    results_from_ballots: u16,
    /// … and move each time this many more were cast.
    #[serde(default = "results_step_default")]
    results_step: u16,
    /// At most 120 characters.
    title: TextOrTable,
    /// Shown before the first question, at most 1000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    introduction: Option<TextOrTable>,
    /// What a person agrees to before a named consultation. Left out: the standard wording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent: Option<TextOrTable>,
    /// 1 to 20 questions.
    questions: Vec<QuestionInFile>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuestionInFile {
    kind: KindInFile,
    /// May be left without an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
    /// `multiple` only: the fewest options to choose, 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<u8>,
    /// `multiple` only: the most options to choose, all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<u8>,
    /// `free_text` only: 1 to 2000, 500 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    characters_max: Option<u16>,
    /// At most 400 characters.
    text: TextOrTable,
    /// `single` and `multiple`: 2 to 20 options of at most 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Vec<TextOrTable>>,
    /// `rating`: 2 to 10 named steps, from the lowest to the highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<Vec<TextOrTable>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum KindInFile {
    Single,
    Multiple,
    Rating,
    FreeText,
}

fn yes() -> bool {
    true
}

fn after_vote() -> ResultsVisibility {
    ResultsVisibility::AfterVote
}

fn session_and_account() -> Vec<Assurance> {
    vec![Assurance::Session, Assurance::Account]
}

fn results_from_ballots_default() -> u16 {
    RESULTS_FROM_BALLOTS_DEFAULT
}

fn results_step_default() -> u16 {
    RESULTS_STEP_DEFAULT
}

/// Reads a consultation file.
///
/// # Errors
/// Every problem found, with line, field and remedy. A file that is not TOML, or holds an unknown or missing field,
/// is reported at the first such place.
pub fn parse(source: &str) -> Result<Definition, DefinitionError> {
    let file: DefinitionFile = files::read(source)?;
    file.check().map_err(|problems| DefinitionError::in_file(source, problems))
}

/// Writes a definition as the file that gives it back.
///
/// # Errors
/// Never for a checked definition; the serialiser's own error otherwise.
pub fn export(definition: &Definition) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(&DefinitionFile::from(definition.clone()))
}

/// The JSON Schema of consultation files.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(DefinitionFile)
}

/// Checks a definition that did not come from a file by the rules of files.
///
/// # Errors
/// Every problem found, without lines.
pub fn check(definition: Definition) -> Result<Definition, DefinitionError> {
    DefinitionFile::from(definition).check().map_err(|problems| DefinitionError { problems })
}

/// Collects problems while a file is turned into a definition.
pub(crate) struct Checker {
    pub problems: Vec<Problem>,
}

impl Checker {
    pub fn new() -> Self {
        Self { problems: Vec::new() }
    }

    pub fn refuse(&mut self, field: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { line: None, field: field.into(), remedy: remedy.into() });
    }

    pub fn wording(&mut self, field: &str, text: TextOrTable, characters_max: usize) -> Wording {
        let wording = text.0;
        for (locale, words) in wording.all() {
            let characters = words.chars().count();
            let place = if wording.en.is_some() { format!("{field}.{locale}") } else { field.to_owned() };
            if words.trim().is_empty() {
                self.refuse(place, "is empty: write some text");
            } else if characters > characters_max {
                self.refuse(place, format!("has {characters} characters: at most {characters_max} are allowed"));
            } else if words.chars().any(|character| character.is_control() && character != '\n') {
                self.refuse(place, "holds a control character: remove it");
            }
        }
        wording
    }

    fn labels(
        &mut self,
        field: &str,
        labels: Option<Vec<TextOrTable>>,
        count: std::ops::RangeInclusive<usize>,
    ) -> Vec<Wording> {
        self.labels_of(field, labels, count, OPTION_CHARACTERS_MAX)
    }

    pub fn labels_of(
        &mut self,
        field: &str,
        labels: Option<Vec<TextOrTable>>,
        count: std::ops::RangeInclusive<usize>,
        characters_max: usize,
    ) -> Vec<Wording> {
        let Some(labels) = labels else {
            self.refuse(field, format!("is missing: list {} to {} labels", count.start(), count.end()));
            return Vec::new();
        };
        if !count.contains(&labels.len()) {
            let (least, most) = (count.start(), count.end());
            self.refuse(field, format!("has {} entries: write {least} to {most}", labels.len()));
        }
        let labels = labels
            .into_iter()
            .enumerate()
            .map(|(index, label)| self.wording(&format!("{field}[{}]", index + 1), label, characters_max));
        let labels: Vec<Wording> = labels.collect();
        let mut seen = BTreeSet::new();
        for (index, label) in labels.iter().enumerate() {
            if !seen.insert(label.fr.trim().to_lowercase()) {
                self.refuse(format!("{field}[{}]", index + 1), "is there twice: every label must differ");
            }
        }
        labels
    }

    fn absent<T>(&mut self, field: &str, kind: &str, value: Option<&T>) {
        if value.is_some() {
            self.refuse(field, format!("does not go with a {kind} question: remove it"));
        }
    }

    fn question(&mut self, number: usize, question: QuestionInFile) -> Question {
        let field = |name: &str| format!("questions[{number}].{name}");
        let text = self.wording(&field("text"), question.text, QUESTION_CHARACTERS_MAX);
        let name = match question.kind {
            KindInFile::Single => "single",
            KindInFile::Multiple => "multiple",
            KindInFile::Rating => "rating",
            KindInFile::FreeText => "free_text",
        };
        if question.kind != KindInFile::Multiple {
            self.absent(&field("at_least"), name, question.at_least.as_ref());
            self.absent(&field("at_most"), name, question.at_most.as_ref());
        }
        if question.kind != KindInFile::FreeText {
            self.absent(&field("characters_max"), name, question.characters_max.as_ref());
        }
        if question.kind != KindInFile::Rating {
            self.absent(&field("scale"), name, question.scale.as_ref());
        }
        if !matches!(question.kind, KindInFile::Single | KindInFile::Multiple) {
            self.absent(&field("options"), name, question.options.as_ref());
        }
        let kind = match question.kind {
            KindInFile::Single => QuestionKind::Single {
                options: self.labels(&field("options"), question.options, OPTIONS_MIN..=OPTIONS_MAX),
            },
            KindInFile::Multiple => {
                let options = self.labels(&field("options"), question.options, OPTIONS_MIN..=OPTIONS_MAX);
                let count = u8::try_from(options.len()).unwrap_or(u8::MAX);
                let at_least = question.at_least.unwrap_or(1);
                let at_most = question.at_most.unwrap_or(count);
                if at_least == 0 {
                    self.refuse(field("at_least"), "is 0: write 1 or more, or `optional = true`");
                }
                if at_most > count && count > 0 {
                    self.refuse(field("at_most"), format!("is {at_most}: there are only {count} options"));
                }
                if at_most < at_least {
                    let place = if question.at_most.is_some() { "at_most" } else { "at_least" };
                    self.refuse(
                        field(place),
                        format!("at_most ({at_most}) is less than at_least ({at_least}): raise it"),
                    );
                }
                QuestionKind::Multiple { options, at_least, at_most }
            }
            KindInFile::Rating => QuestionKind::Rating {
                scale: self.labels(&field("scale"), question.scale, SCALE_STEPS_MIN..=SCALE_STEPS_MAX),
            },
            KindInFile::FreeText => {
                let characters_max = question.characters_max.unwrap_or(FREE_TEXT_CHARACTERS_DEFAULT);
                if !(1..=FREE_TEXT_CHARACTERS_MAX).contains(&characters_max) {
                    self.refuse(
                        field("characters_max"),
                        format!("is {characters_max}: write 1 to {FREE_TEXT_CHARACTERS_MAX}"),
                    );
                }
                QuestionKind::FreeText { characters_max }
            }
        };
        Question { text, optional: question.optional, kind }
    }
}

impl DefinitionFile {
    fn check(self) -> Result<Definition, Vec<Problem>> {
        let mut checker = Checker::new();
        if !files::is_slug(&self.slug) {
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
        let closing = match (self.closes_at, self.duration_days) {
            (Some(_), Some(_)) => {
                checker.refuse("duration_days", "goes against closes_at: keep one of the two");
                Closing::AfterDays(1)
            }
            (None, None) => {
                checker.refuse("closes_at", "is missing: write it, or `duration_days`");
                Closing::AfterDays(1)
            }
            (Some(closes_at), None) => {
                if self.opens_at.is_some_and(|opens_at| closes_at.0 <= opens_at.0) {
                    checker.refuse("closes_at", "is not after opens_at: write a later time");
                }
                Closing::At(closes_at.0)
            }
            (None, Some(days)) => {
                if !(1..=DURATION_DAYS_MAX).contains(&days) {
                    checker.refuse("duration_days", format!("is {days}: write 1 to {DURATION_DAYS_MAX}"));
                }
                Closing::AfterDays(days)
            }
        };
        if self.accepts.is_empty() {
            checker.refuse("accepts", "is empty: nobody could answer; write \"session\", \"account\" or \"code\"");
        }
        for (field, value) in [("results_from_ballots", self.results_from_ballots), ("results_step", self.results_step)]
        {
            if value == 0 {
                checker.refuse(field, "is 0: write 1 or more");
            }
        }
        if self.consent.is_some() && self.anonymity == Anonymity::Anonymous {
            checker.refuse("consent", "goes with `anonymity = \"named\"` only: remove it");
        }
        if self.questions.is_empty() || self.questions.len() > QUESTIONS_MAX {
            let count = self.questions.len();
            checker.refuse("questions", format!("holds {count} questions: write 1 to {QUESTIONS_MAX}"));
        }
        let title = checker.wording("title", self.title, TITLE_CHARACTERS_MAX);
        let introduction =
            self.introduction.map(|text| checker.wording("introduction", text, INTRODUCTION_CHARACTERS_MAX));
        let consent = self.consent.map(|text| checker.wording("consent", text, CONSENT_CHARACTERS_MAX));
        let questions =
            self.questions.into_iter().enumerate().map(|(index, question)| checker.question(index + 1, question));
        let definition = Definition {
            slug: self.slug,
            title,
            introduction,
            time_zone,
            opens_at: self.opens_at.map(|local| local.0),
            closing,
            anonymity: self.anonymity,
            change_vote: self.change_vote,
            results: self.results,
            accepts: self.accepts.into_iter().collect(),
            results_from_ballots: self.results_from_ballots,
            results_step: self.results_step,
            consent,
            questions: questions.collect(),
        };
        if checker.problems.is_empty() { Ok(definition) } else { Err(checker.problems) }
    }
}

impl From<Definition> for DefinitionFile {
    fn from(definition: Definition) -> Self {
        let (closes_at, duration_days) = match definition.closing {
            Closing::At(local) => (Some(LocalTime(local)), None),
            Closing::AfterDays(days) => (None, Some(days)),
        };
        let labels = |labels: Vec<Wording>| Some(labels.into_iter().map(TextOrTable).collect());
        let question = |question: Question| {
            let mut file = QuestionInFile {
                kind: KindInFile::Single,
                optional: question.optional,
                at_least: None,
                at_most: None,
                characters_max: None,
                text: TextOrTable(question.text),
                options: None,
                scale: None,
            };
            match question.kind {
                QuestionKind::Single { options } => file.options = labels(options),
                QuestionKind::Multiple { options, at_least, at_most } => {
                    file.kind = KindInFile::Multiple;
                    file.options = labels(options);
                    file.at_least = Some(at_least);
                    file.at_most = Some(at_most);
                }
                QuestionKind::Rating { scale } => {
                    file.kind = KindInFile::Rating;
                    file.scale = labels(scale);
                }
                QuestionKind::FreeText { characters_max } => {
                    file.kind = KindInFile::FreeText;
                    file.characters_max = Some(characters_max);
                }
            }
            file
        };
        Self {
            slug: definition.slug,
            time_zone: definition.time_zone.map(|zone| zone.name().to_owned()),
            opens_at: definition.opens_at.map(LocalTime),
            closes_at,
            duration_days,
            anonymity: definition.anonymity,
            change_vote: definition.change_vote,
            results: definition.results,
            accepts: definition.accepts.into_iter().collect(),
            results_from_ballots: definition.results_from_ballots,
            results_step: definition.results_step,
            title: TextOrTable(definition.title),
            introduction: definition.introduction.map(TextOrTable),
            consent: definition.consent.map(TextOrTable),
            questions: definition.questions.into_iter().map(question).collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::NaiveDateTime;
    use proptest::prelude::*;

    use super::*;

    const TEN_LINES: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin", "Parking"]
"#;

    #[test]
    fn ten_lines_make_a_consultation() {
        let definition = parse(TEN_LINES).unwrap();
        assert_eq!(definition.closing, Closing::AfterDays(14));
        assert_eq!(definition.results, ResultsVisibility::AfterVote);
        assert!(definition.change_vote);
        assert_eq!(definition.accepts.len(), 2);
        assert_eq!(definition.questions[0].kind.labels().len(), 3);
    }

    fn refusal(source: &str) -> String {
        parse(source).unwrap_err().to_string()
    }

    #[test]
    fn every_problem_is_told_with_line_field_and_remedy() {
        let source = r#"slug = "Place du Marché"
title = ""
opens_at = 2026-09-01T08:00:00
closes_at = 2026-08-01T08:00:00
time_zone = "Paris"
anonymity = "anonymous"
accepts = []
results_step = 0

[[questions]]
kind = "rating"
text = { fr = "Êtes-vous satisfait ?", en = "" }
options = ["oui", "non"]
scale = ["seul"]

[[questions]]
kind = "multiple"
text = "Quels outils ?"
options = ["Un", "Deux", "un"]
at_least = 3
at_most = 2
"#;
        insta::assert_snapshot!(refusal(source), @r#"
        line 1: slug: must be 1 to 40 of a-z, 0-9 and `-`, and begin with a letter or digit
        line 2: title: is empty: write some text
        line 4: closes_at: is not after opens_at: write a later time
        line 5: time_zone: is not an IANA zone: write for example Europe/Paris or Indian/Reunion
        line 7: accepts: is empty: nobody could answer; write "session", "account" or "code"
        line 8: results_step: is 0: write 1 or more
        line 12: questions[1].text.en: is empty: write some text
        line 13: questions[1].options: does not go with a rating question: remove it
        line 14: questions[1].scale: has 1 entries: write 2 to 10
        line 19: questions[2].options[3]: is there twice: every label must differ
        line 21: questions[2].at_most: at_most (2) is less than at_least (3): raise it
        "#);
    }

    #[test]
    fn what_is_not_known_or_of_the_wrong_kind_is_refused_where_it_stands() {
        let refusals = [
            TEN_LINES.replace("anonymity", "anonimity"),
            TEN_LINES.replace("kind = \"single\"", "kind = \"choice\""),
            TEN_LINES.replace("duration_days = 14", "duration_days = -1"),
            TEN_LINES.replace("duration_days = 14", "closes_at = 2026-09-01T08:00:00Z"),
            TEN_LINES.replace("text =", "texte ="),
            TEN_LINES.replace("title = \"La place du marché\"", "title = { en = \"Market square\" }"),
            TEN_LINES.replace("\"Jardin\"", "12"),
            "slug = ".to_owned(),
            String::new(),
        ]
        .map(|source| refusal(&source));
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        line 4: anonimity: unknown field `anonimity`, expected one of `slug`, `time_zone`, `opens_at`, `closes_at`, `duration_days`, `anonymity`, `change_vote`, `results`, `accepts`, `results_from_ballots`, `results_step`, `title`, `introduction`, `consent`, `questions`
        line 7: questions[1].kind: unknown variant `choice`, expected one of `single`, `multiple`, `rating`, `free_text`
        line 3: duration_days: invalid value: integer `-1`, write a whole number from 0 to 65535
        line 3: closes_at: must be a local date and time without offset, such as 2026-09-01T08:00:00
        line 8: questions[1].texte: unknown field `texte`, expected one of `kind`, `optional`, `at_least`, `at_most`, `characters_max`, `text`, `options`, `scale`
        line 2: title: missing field `fr`
        line 9: questions[1].options[2]: invalid type: integer `12`, expected a text, or a table { fr = "…", en = "…" }
        line 1: slug: string values must be quoted, expected literal string
        line 1: missing field `slug`
        "#);
    }

    #[test]
    fn an_export_reads_as_it_was_composed() {
        insta::assert_snapshot!(export(&parse(TEN_LINES).unwrap()).unwrap(), @r#"
        slug = "place-du-marche"
        duration_days = 14
        anonymity = "anonymous"
        change_vote = true
        results = "after_vote"
        accepts = [
            "session",
            "account",
        ]
        results_from_ballots = 5
        results_step = 5
        title = "La place du marché"

        [[questions]]
        kind = "single"
        text = "Que faire de la place ?"
        options = [
            "Halle couverte",
            "Jardin",
            "Parking",
        ]
        "#);
    }

    fn words(characters_max: usize) -> impl Strategy<Value = String> {
        // What TOML must quote and escape, beside plain words.
        prop::string::string_regex(&format!("[a-zé\"'\\\\#=\\[]([ -~é€\n]{{0,{}}})", characters_max.min(40) - 2))
            .unwrap()
    }

    fn wording(characters_max: usize) -> impl Strategy<Value = Wording> {
        (words(characters_max), prop::option::of(words(characters_max))).prop_map(|(fr, en)| Wording { fr, en })
    }

    fn labels(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Wording>> {
        prop::collection::vec(wording(OPTION_CHARACTERS_MAX - 4), count).prop_map(|labels| {
            let numbered = labels.into_iter().enumerate();
            numbered.map(|(number, label)| Wording { fr: format!("{number} {}", label.fr), ..label }).collect()
        })
    }

    fn kind() -> impl Strategy<Value = QuestionKind> {
        prop_oneof![
            labels(OPTIONS_MIN..=OPTIONS_MAX).prop_map(|options| QuestionKind::Single { options }),
            (labels(OPTIONS_MIN..=OPTIONS_MAX), 1u8..=2, 0u8..18).prop_map(|(options, at_least, more)| {
                let at_most = (at_least + more).min(options.len() as u8);
                QuestionKind::Multiple { options, at_least, at_most }
            }),
            labels(SCALE_STEPS_MIN..=SCALE_STEPS_MAX).prop_map(|scale| QuestionKind::Rating { scale }),
            (1..=FREE_TEXT_CHARACTERS_MAX).prop_map(|characters_max| QuestionKind::FreeText { characters_max }),
        ]
    }

    fn local_time() -> impl Strategy<Value = NaiveDateTime> {
        (0i64..1_000_000_000)
            .prop_map(|seconds| chrono::DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap().naive_utc())
    }

    /// Any definition that passes the checks.
    pub(crate) fn any_definition() -> impl Strategy<Value = Definition> {
        let times = prop_oneof![
            (1..=DURATION_DAYS_MAX, prop::option::of(local_time()))
                .prop_map(|(days, opens_at)| (opens_at, Closing::AfterDays(days))),
            (local_time(), 1i64..10_000, any::<bool>()).prop_map(|(opens_at, minutes, opens_itself)| {
                let closes_at = opens_at + chrono::TimeDelta::minutes(minutes);
                (opens_itself.then_some(opens_at), Closing::At(closes_at))
            }),
        ];
        let zone = prop::option::of(prop_oneof![Just(chrono_tz::Europe::Paris), Just(chrono_tz::Indian::Reunion)]);
        let results = prop_oneof![
            Just(ResultsVisibility::Always),
            Just(ResultsVisibility::AfterVote),
            Just(ResultsVisibility::AfterClose)
        ];
        let accepts =
            prop::collection::btree_set(prop_oneof![Just(Assurance::Session), Just(Assurance::Account)], 1..3);
        let question = (wording(QUESTION_CHARACTERS_MAX), any::<bool>(), kind())
            .prop_map(|(text, optional, kind)| Question { text, optional, kind });
        (
            ("[a-z0-9][a-z0-9-]{0,39}", wording(TITLE_CHARACTERS_MAX), prop::option::of(wording(100)), zone, times),
            (any::<bool>(), any::<bool>(), results, accepts, 1u16..100, 1u16..100),
            (prop::option::of(wording(100)), prop::collection::vec(question, 1..=4)),
        )
            .prop_map(|(head, promise, (consent, questions))| {
                let (slug, title, introduction, time_zone, (opens_at, closing)) = head;
                let (anonymous, change_vote, results, accepts, results_from_ballots, results_step) = promise;
                let anonymity = if anonymous { Anonymity::Anonymous } else { Anonymity::Named };
                Definition {
                    slug,
                    title,
                    introduction,
                    time_zone,
                    opens_at,
                    closing,
                    anonymity,
                    change_vote,
                    results,
                    accepts,
                    results_from_ballots,
                    results_step,
                    consent: consent.filter(|_| !anonymous),
                    questions,
                }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn an_exported_definition_reads_back_the_same(definition in any_definition()) {
            let file = export(&definition).unwrap();
            let read = parse(&file).map_err(|error| TestCaseError::fail(format!("{error}\n{file}")))?;
            prop_assert_eq!(read, definition);
        }

        #[test]
        fn rubbish_is_refused_without_a_panic(source in ".{0,200}") {
            let _ = parse(&source);
        }

        #[test]
        fn a_damaged_file_never_panics(at in 0usize..300, with in "[ -~\n]{0,3}") {
            let mut source = TEN_LINES.to_owned();
            let at = (0..=at.min(source.len())).rev().find(|&at| source.is_char_boundary(at)).unwrap_or(0);
            source.insert_str(at, &with);
            let _ = parse(&source);
        }
    }
}
