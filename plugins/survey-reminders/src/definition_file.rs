//! The campaign file: TOML that an organiser can write, refused with every problem at once, each with its line and
//! its remedy.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::calendar::sending::SendingRule;
use bot_core::contacts::query::Query;
use bot_core::files::{self, LocalTime, Places, TextOrTable};
pub use bot_core::files::{FileError as DefinitionError, Problem};
use bot_core::message::template::{self, TemplateError};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::*;
use crate::file_hour::Hour;
use crate::ladder::{Place, Progress};
use crate::messages;

/// A campaign file. Text is a string (French), or a table `{ fr = "…", en = "…" }`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Campaign file")]
pub struct DefinitionFile {
    /// Name in addresses and files: 1 to 40 of a-z, 0-9 and `-`.
    slug: String,
    /// What the questionnaire is about, at most 120 characters.
    title: TextOrTable,
    /// Who signs the messages, at most 120 characters.
    sender: String,
    /// Who is asked: "everyone", `{ group = "…" }`, `{ segment = "…" }` or `{ query = "…" }`.
    to: Addressees,
    /// Who is not, though they would be.
    #[serde(default)]
    exclusions: ExclusionsInFile,
    /// Zone of the two times below, for example `Europe/Paris`. The organisation's when left out.
    #[serde(default)]
    time_zone: Option<String>,
    /// Local time before which nothing goes out, for example 2026-09-07T09:00:00.
    opens_at: LocalTime,
    /// Local time from which on nothing goes out.
    deadline: LocalTime,
    questionnaire: QuestionnaireInFile,
    /// How crieur hears that somebody answered, beside the chat and files.
    #[serde(default)]
    sources: SourcesInFile,
    /// The most reminders one person gets, 0 to 20. Invitations do not count.
    reminders_max: u8,
    /// The fewest days between two messages to one person, 1 to 90.
    days_between_min: u8,
    /// When messages may go out, on top of the organisation's rule and of people's quiet hours.
    #[serde(default)]
    sending: SendingRule,
    /// Must somebody else approve what one person wrote?
    #[serde(default)]
    two_people: bool,
    /// 1 to 30 steps; the first one is an invitation.
    steps: Vec<StepInFile>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExclusionsInFile {
    /// Members of these groups.
    #[serde(default)]
    groups: Vec<String>,
    /// Contacts that this query finds.
    #[serde(default)]
    query: Option<String>,
    /// Contacts who have not written to the bot for longer than this, 1 to 3660.
    #[serde(default)]
    not_seen_since_days: Option<u16>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuestionnaireInFile {
    /// The questionnaire's https address, with `{{token}}` where the personal token belongs.
    #[serde(default)]
    link: Option<String>,
    /// Slug of a named consultation whose questions are asked in chat.
    #[serde(default)]
    consultation: Option<String>,
    /// Contact field that holds the token of the questionnaire tool. Left out: crieur makes one for each contact.
    #[serde(default)]
    token_field: Option<String>,
    /// Count who opened the link? The message then says so.
    #[serde(default)]
    redirect: bool,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourcesInFile {
    /// The questionnaire tool calls crieur, and signs what it says.
    #[serde(default)]
    webhook: Option<WebhookSource>,
    /// crieur asks a LimeSurvey by its RemoteControl 2 interface.
    #[serde(default)]
    limesurvey: Option<LimeSurveySource>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepInFile {
    /// Name within the campaign: 1 to 40 of a-z, 0-9, `-` and `_`. Keep it when you change the words: nobody gets a
    /// step twice.
    key: String,
    /// What `days` counts from.
    from: Anchor,
    /// Whole days, -366 to 366; negative ones before.
    days: i16,
    /// Hour on the recipient's own clocks: 9, or "09:30".
    hour: Hour,
    kind: StepKind,
    /// Whom it addresses.
    to: Rung,
    /// What must be true of the recipient just before it goes out. Whoever answered gets nothing in any case.
    #[serde(default)]
    only_if: Option<OnlyIf>,
    /// If it cannot go out in time: "skip", `{ send_if_within_hours = 12 }`, or "send_late", which says that it is
    /// late. `{ send_if_within_hours = 24 }` when left out.
    #[serde(default = "misfire_default")]
    misfire: Misfire,
    /// The message: Markdown with variables such as `{{nom}}`, at most 4000 characters.
    wording: TextOrTable,
}

fn misfire_default() -> Misfire {
    Misfire::SendIfWithinHours(24)
}

/// Reads a campaign file.
///
/// # Errors
/// Every problem found, with line, field and remedy. A file that is not TOML, or holds an unknown or missing field,
/// is reported at the first such place.
pub fn parse(source: &str) -> Result<Definition, DefinitionError> {
    let file: DefinitionFile = files::read(source)?;
    let places = Places::of(source);
    file.check(&|field, line| places.line_in_text(source, field, line))
        .map_err(|problems| DefinitionError::in_file(source, problems))
}

/// The JSON Schema of campaign files.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(DefinitionFile)
}

/// Collects problems while a file is turned into a definition.
struct Checker<'l> {
    problems: Vec<Problem>,
    /// The line of the file on which a line of a text stands, both from 1.
    line_of: &'l dyn Fn(&str, usize) -> Option<usize>,
}

impl Checker<'_> {
    fn refuse(&mut self, field: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { line: None, field: field.into(), remedy: remedy.into() });
    }

    /// Whether `words` may stand as a text.
    fn text(&mut self, field: &str, words: &str, characters_max: usize) -> bool {
        let characters = words.chars().count();
        let problem = if words.trim().is_empty() {
            "is empty: write some text".to_owned()
        } else if characters > characters_max {
            format!("has {characters} characters: at most {characters_max} are allowed")
        } else if words.chars().any(|character| character.is_control() && character != '\n') {
            "holds a control character: remove it".to_owned()
        } else {
            return true;
        };
        self.refuse(field, problem);
        false
    }

    fn range<T: PartialOrd + std::fmt::Display>(&mut self, field: &str, value: T, range: std::ops::RangeInclusive<T>) {
        if !range.contains(&value) {
            self.refuse(field, format!("is {value}: write {} to {}", range.start(), range.end()));
        }
    }

    /// A name of a group or a segment.
    fn name(&mut self, field: &str, name: &str) {
        if !files::is_slug(name) {
            self.refuse(field, format!("`{name}` names nothing: a name is 1 to 40 of a-z, 0-9 and `-`"));
        }
    }

    fn addressees(&mut self, to: &Addressees) {
        match to {
            Addressees::Everyone => {}
            Addressees::Group(name) => self.name("to.group", name),
            Addressees::Segment(name) => self.name("to.segment", name),
            Addressees::Query(query) => self.query("to.query", query),
        }
    }

    fn query(&mut self, field: &str, query: &str) {
        if self.text(field, query, QUERY_CHARACTERS_MAX)
            && let Err(error) = query.parse::<Query>()
        {
            self.refuse(field, error.to_string());
        }
    }

    fn exclusions(&mut self, exclusions: ExclusionsInFile) -> Exclusions {
        for (index, group) in exclusions.groups.iter().enumerate() {
            self.name(&format!("exclusions.groups[{}]", index + 1), group);
        }
        if let Some(query) = &exclusions.query {
            self.query("exclusions.query", query);
        }
        if let Some(days) = exclusions.not_seen_since_days {
            self.range("exclusions.not_seen_since_days", days, 1..=3660);
        }
        let ExclusionsInFile { groups, query, not_seen_since_days } = exclusions;
        Exclusions { groups, query, not_seen_since_days }
    }

    fn questionnaire(&mut self, file: QuestionnaireInFile, sources: &SourcesInFile) -> Questionnaire {
        if file.link.is_none() && file.consultation.is_none() {
            self.refuse("questionnaire", "says nowhere to answer: write `link`, `consultation`, or both");
        }
        if let Some(link) = &file.link {
            self.link(link, sources);
        }
        if let Some(slug) = &file.consultation {
            self.name("questionnaire.consultation", slug);
        }
        if let Some(field) = &file.token_field
            && !is_field_key(field)
        {
            let rule = "is no field of contacts: 1 to 40 of a-z, 0-9 and `_`, a letter first";
            self.refuse("questionnaire.token_field", rule);
        }
        if file.link.is_none() {
            let without_link = [("token_field", file.token_field.is_some()), ("redirect", file.redirect)];
            for (field, _) in without_link.into_iter().filter(|(_, is_there)| *is_there) {
                self.refuse(format!("questionnaire.{field}"), "goes with a `link` only: remove it");
            }
        }
        let QuestionnaireInFile { link, consultation, token_field, redirect } = file;
        Questionnaire { link, consultation, token_field, redirect }
    }

    fn link(&mut self, link: &str, sources: &SourcesInFile) {
        let field = "questionnaire.link";
        let bare = link.replace(TOKEN_PLACE, "");
        if !bare.starts_with("https://") || bare.len() == "https://".len() {
            self.refuse(field, "is no https address: write https://…");
        } else if bare.len() > LINK_CHARACTERS_MAX || !bare.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.refuse(field, format!("must be at most {LINK_CHARACTERS_MAX} plain characters without spaces"));
        } else if bare.contains(['{', '}']) {
            self.refuse(field, "holds another `{…}` than `{{token}}`: only that is filled in");
        } else if !link.contains(TOKEN_PLACE) && sources.webhook.is_none() {
            let remedy = "has no `{{token}}`, so nobody could tell who answered: write it where the tool expects the \
                          token, or let the tool call crieur with an INSEE or SIREN code ([sources.webhook])";
            self.refuse(field, remedy);
        } else if !link.contains(TOKEN_PLACE) && sources.limesurvey.is_some() {
            self.refuse(field, "has no `{{token}}`, by which LimeSurvey tells answers apart: add `?token={{token}}`");
        }
    }

    fn sources(&mut self, sources: SourcesInFile, has_link: bool) -> Sources {
        let named = [
            ("sources.webhook.secret", sources.webhook.as_ref().map(|webhook| &webhook.secret)),
            ("sources.limesurvey.password", sources.limesurvey.as_ref().map(|survey| &survey.password)),
        ];
        for (field, name) in named.into_iter().filter_map(|(field, name)| Some((field, name?))) {
            if !is_field_key(name) {
                self.refuse(field, "names a secret of crieur.toml, never the secret itself: a-z, 0-9 and `_`");
            }
        }
        if let Some(survey) = &sources.limesurvey {
            if !is_on_this_machine(&survey.url) && !survey.url.starts_with("https://") {
                let remedy = "must begin with https://, since the password goes there (http only on this machine)";
                self.refuse("sources.limesurvey.url", remedy);
            }
            self.range("sources.limesurvey.every_minutes", survey.every_minutes, POLL_MINUTES_MIN..=POLL_MINUTES_MAX);
            self.text("sources.limesurvey.username", &survey.username, 200);
            if !has_link {
                self.refuse("sources.limesurvey", "goes with a `link` to the questionnaire only: write one");
            }
        }
        let SourcesInFile { webhook, limesurvey } = sources;
        Sources { webhook, limesurvey }
    }

    fn step(&mut self, number: usize, step: StepInFile, questionnaire: &Questionnaire) -> Option<Step> {
        let field = |name: &str| format!("steps[{number}].{name}");
        let key = step.key.parse::<StepKey>();
        if let Err(error) = &key {
            self.refuse(field("key"), error.to_string());
        }
        self.range(&field("days"), step.days, -STEP_DAYS_MAX..=STEP_DAYS_MAX);
        if let Misfire::SendIfWithinHours(hours) = step.misfire {
            self.range(&field("misfire"), hours, 1..=MISFIRE_HOURS_MAX);
        }
        match step.only_if {
            Some(_) if step.to == Rung::Organisers => {
                self.refuse(field("only_if"), "does not go with `to = \"organisers\"`: they hear of silence only");
            }
            Some(OnlyIf::NotOpened) if !questionnaire.redirect => {
                let remedy = "not_opened is known only where openings are counted: write `redirect = true` in \
                              [questionnaire], or choose another condition";
                self.refuse(field("only_if"), remedy);
            }
            _ => {}
        }
        let wording = step.wording.0;
        let known = messages::variables(step.to, questionnaire);
        for (locale, words) in wording.all() {
            let place = if wording.en.is_some() { format!("wording.{locale}") } else { "wording".to_owned() };
            if self.text(&field(&place), words, WORDING_CHARACTERS_MAX)
                && let Err(error) = template::check(words, &known)
            {
                let (line, problem) = problem_in(&error);
                let field = field(&place);
                let line = (self.line_of)(&field, line);
                let remedy = format!("step `{}` in {locale}: {problem}", step.key);
                self.problems.push(Problem { line, field, remedy });
            }
        }
        let StepInFile { from, days, hour, kind, to, only_if, misfire, .. } = step;
        Some(Step { key: key.ok()?, from, days, hour: hour.0, kind, to, only_if, misfire, wording })
    }

    /// What concerns a campaign's steps together. `numbers` are theirs in the file.
    fn ladder(&mut self, definition: &Definition, numbers: &[usize]) {
        let mut seen = BTreeMap::new();
        for (step, number) in definition.steps.iter().zip(numbers) {
            let place = |name: &str| format!("steps[{number}].{name}");
            if let Some(first) = seen.insert(&step.key, number) {
                let remedy = format!("`{}` is the key of step {first} too: every step has its own", step.key);
                self.refuse(place("key"), remedy);
            }
            let local = step.local_time(definition);
            if local < definition.opens_at || local >= definition.deadline {
                let (opens_at, deadline) = (definition.opens_at, definition.deadline);
                let remedy = format!(
                    "puts it on {}, outside of the campaign: from {} to before {}",
                    local.format(SHOWN),
                    opens_at.format(SHOWN),
                    deadline.format(SHOWN),
                );
                self.refuse(place("days"), remedy);
            }
        }
        let number_of = |step: &Step| {
            let at = definition.steps.iter().position(|other| std::ptr::eq(other, step));
            at.and_then(|at| numbers.get(at)).copied().unwrap_or_default()
        };
        let in_order = definition.steps_in_order();
        if let Some(first) = in_order.iter().find(|step| step.to != Rung::Organisers)
            && first.kind != StepKind::Invitation
        {
            let remedy = format!("`{}` comes first: the first message is an invitation", first.key);
            self.refuse(format!("steps[{}].kind", number_of(first)), remedy);
        }
        // Told once, however many people it concerns.
        let mut told = BTreeSet::new();
        for (place, progress) in
            Place::ALL.into_iter().flat_map(|place| Progress::ALL.map(|progress| (place, progress)))
        {
            let theirs: Vec<&&Step> =
                in_order.iter().filter(|step| place.is_addressed_by(step.to) && progress.meets(step.only_if)).collect();
            let reminders = theirs.iter().filter(|step| step.kind == StepKind::Reminder);
            if let Some(extra) = reminders.clone().nth(definition.reminders_max.into())
                && told.insert((number_of(extra), "kind"))
            {
                let remedy = format!(
                    "`{}` is one reminder more than reminders_max = {} allows for {}: remove it or raise that",
                    extra.key,
                    definition.reminders_max,
                    place.in_words(),
                );
                self.refuse(format!("steps[{}].kind", number_of(extra)), remedy);
            }
            for pair in theirs.windows(2) {
                let days = (pair[1].day(definition) - pair[0].day(definition)).num_days();
                if days < i64::from(definition.days_between_min) && told.insert((number_of(pair[1]), "days")) {
                    let remedy = format!(
                        "`{}` comes {days} days after `{}` for {}: days_between_min is {}",
                        pair[1].key,
                        pair[0].key,
                        place.in_words(),
                        definition.days_between_min,
                    );
                    self.refuse(format!("steps[{}].days", number_of(pair[1])), remedy);
                }
            }
        }
    }
}

const SHOWN: &str = "%Y-%m-%d %H:%M";

/// The line within the template, and what is wrong there.
fn problem_in(error: &TemplateError) -> (usize, String) {
    match error {
        TemplateError::Syntax { line, problem, .. } => (*line, problem.clone()),
        TemplateError::UnknownVariable { line, name, known, .. } => {
            (*line, format!("there is no variable `{name}` here: write one of {}", known.join(", ")))
        }
        TemplateError::NotAllowed { line, what, remedy, .. } => {
            (*line, format!("`{what}` is not allowed in a message: {remedy}"))
        }
        other => (1, other.to_string()),
    }
}

/// Whether an http address is one of this very machine, by its whole host: `localhost.example.org` is anybody's.
fn is_on_this_machine(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| {
        authority.strip_prefix(here).is_some_and(|after| {
            let port = after.strip_prefix(':').unwrap_or_default();
            after.is_empty() || !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

/// Names of fields and of secrets.
fn is_field_key(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

impl DefinitionFile {
    fn check(self, line_of: &dyn Fn(&str, usize) -> Option<usize>) -> Result<Definition, Vec<Problem>> {
        let mut checker = Checker { problems: Vec::new(), line_of };
        if !files::is_slug(&self.slug) {
            checker.refuse(
                "slug",
                format!("must be 1 to {SLUG_CHARACTERS_MAX} of a-z, 0-9 and `-`, and begin with a letter or digit"),
            );
        }
        let title = self.title.0;
        for (locale, words) in title.all() {
            let place = if title.en.is_some() { format!("title.{locale}") } else { "title".to_owned() };
            checker.text(&place, words, TITLE_CHARACTERS_MAX);
        }
        checker.text("sender", &self.sender, SENDER_CHARACTERS_MAX);
        checker.addressees(&self.to);
        let time_zone = self.time_zone.as_deref().and_then(|name| {
            let zone = name.parse::<Tz>().ok();
            if zone.is_none() {
                checker.refuse("time_zone", "is not an IANA zone: write for example Europe/Paris or Indian/Reunion");
            }
            zone
        });
        let is_in_order = self.opens_at.0 < self.deadline.0;
        if !is_in_order {
            checker.refuse("deadline", "is not after opens_at: write a later time");
        }
        let exclusions = checker.exclusions(self.exclusions);
        let questionnaire = checker.questionnaire(self.questionnaire, &self.sources);
        let sources = checker.sources(self.sources, questionnaire.link.is_some());
        checker.range("reminders_max", self.reminders_max, 0..=REMINDERS_MAX);
        checker.range("days_between_min", self.days_between_min, 1..=DAYS_BETWEEN_MAX);
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            checker.refuse("steps", format!("holds {} steps: write 1 to {STEPS_MAX}", self.steps.len()));
        }
        let mut numbers = Vec::new();
        let mut steps = Vec::new();
        for (index, step) in self.steps.into_iter().enumerate() {
            if let Some(step) = checker.step(index + 1, step, &questionnaire) {
                numbers.push(index + 1);
                steps.push(step);
            }
        }
        let definition = Definition {
            slug: self.slug,
            title,
            sender: self.sender,
            to: self.to,
            exclusions,
            opens_at: self.opens_at.0,
            deadline: self.deadline.0,
            time_zone,
            questionnaire,
            sources,
            reminders_max: self.reminders_max,
            days_between_min: self.days_between_min,
            sending: self.sending,
            two_people: self.two_people,
            steps,
        };
        if is_in_order {
            checker.ladder(&definition, &numbers);
        }
        if checker.problems.is_empty() { Ok(definition) } else { Err(checker.problems) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;
    use proptest::prelude::*;

    use super::*;
    use crate::bench::BAROMETER;

    #[test]
    fn a_campaign_reads_as_it_is_written() {
        let definition = parse(BAROMETER).unwrap();
        assert_eq!(definition.to, Addressees::Everyone);
        assert_eq!(definition.title_in(bot_core::Locale::En), "Barometer 2026");
        let reminder = definition.step("relance-1").unwrap();
        assert_eq!(reminder.hour, NaiveTime::from_hms_opt(9, 30, 0).unwrap());
        assert_eq!(reminder.only_if, Some(OnlyIf::NotStarted));
        assert_eq!(reminder.misfire, Misfire::SendIfWithinHours(12));
        assert_eq!(definition.step("adjoint").unwrap().misfire, Misfire::SendIfWithinHours(24));
        let order: Vec<&str> = definition.steps_in_order().iter().map(|step| step.key.as_str()).collect();
        assert_eq!(order, ["invitation", "relance-1", "relance-commencee", "adjoint", "silence", "derniere"]);
        let stored = serde_json::to_value(&definition).unwrap();
        assert_eq!(serde_json::from_value::<Definition>(stored).unwrap(), definition);
    }

    #[test]
    fn the_committed_schema_is_current() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/campaign.schema.json");
        let committed = std::fs::read_to_string(place).unwrap_or_default();
        let current = serde_json::to_string_pretty(&json_schema()).unwrap();
        let remedy = "write it anew: crieur campaign schema > docs/schema/campaign.schema.json";
        assert!(committed.trim() == current, "{remedy}");
    }

    #[test]
    fn the_documented_file_is_right() {
        let documentation = include_str!("../../../docs/campaign-file.md");
        let file = documentation.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        assert_eq!(parse(file).map(|definition| definition.steps.len()), Ok(4));
        // Every variable that a message may name is there.
        let both = definition_of_both();
        for variable in [Rung::First, Rung::Organisers].into_iter().flat_map(|rung| messages::variables(rung, &both)) {
            assert!(documentation.contains(&format!("{{{{{variable}}}}}")) || variable == "liste", "{variable}");
        }
    }

    fn definition_of_both() -> Questionnaire {
        crate::bench::definition().questionnaire
    }

    fn refusal(source: &str) -> String {
        parse(source).unwrap_err().to_string()
    }

    #[test]
    fn every_problem_is_told_with_line_field_and_remedy() {
        let source = r#"slug = "Baromètre"
title = ""
sender = "L’équipe"
to = { query = "rank = " }
time_zone = "Paris"
opens_at = 2026-09-07T09:00:00
deadline = 2026-09-01T18:00:00
reminders_max = 21
days_between_min = 0

[exclusions]
groups = ["Les Maires"]
not_seen_since_days = 0

[questionnaire]
link = "http://enquetes.example.org/{id}"
token_field = "Jeton"

[sources.limesurvey]
url = "http://enquetes.example.org"
survey_id = 12345
username = "crieur"
password = "s3cret!"
every_minutes = 1

[[steps]]
key = "Première"
from = "opening"
days = 400
hour = 9
kind = "reminder"
to = "organisers"
only_if = "not_opened"
misfire = { send_if_within_hours = 0 }
wording = { fr = "", en = "{{lien}}" }
"#;
        insta::assert_snapshot!(refusal(source), @r#"
        line 1: slug: must be 1 to 40 of a-z, 0-9 and `-`, and begin with a letter or digit
        line 2: title: is empty: write some text
        line 4: to.query: column 8: the query ends here; write a value for `rank`, between quotation marks when it has spaces
        line 5: time_zone: is not an IANA zone: write for example Europe/Paris or Indian/Reunion
        line 7: deadline: is not after opens_at: write a later time
        line 8: reminders_max: is 21: write 0 to 20
        line 9: days_between_min: is 0: write 1 to 90
        line 12: exclusions.groups[1]: `Les Maires` names nothing: a name is 1 to 40 of a-z, 0-9 and `-`
        line 13: exclusions.not_seen_since_days: is 0: write 1 to 3660
        line 16: questionnaire.link: is no https address: write https://…
        line 17: questionnaire.token_field: is no field of contacts: 1 to 40 of a-z, 0-9 and `_`, a letter first
        line 20: sources.limesurvey.url: must begin with https://, since the password goes there (http only on this machine)
        line 23: sources.limesurvey.password: names a secret of crieur.toml, never the secret itself: a-z, 0-9 and `_`
        line 24: sources.limesurvey.every_minutes: is 1: write 5 to 1440
        line 27: steps[1].key: must be 1 to 40 of a-z, 0-9, `-` and `_`, and begin with a letter or digit
        line 29: steps[1].days: is 400: write -366 to 366
        line 33: steps[1].only_if: does not go with `to = "organisers"`: they hear of silence only
        line 34: steps[1].misfire: is 0: write 1 to 744
        line 35: steps[1].wording.fr: is empty: write some text
        line 35: steps[1].wording.en: step `Première` in en: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, silencieuses, repondues, total, liste
        "#);
    }

    #[test]
    fn an_unknown_variable_is_refused_with_step_language_and_line() {
        let source = BAROMETER.replace("{{jours_restants}} jours.", "{{jours}} jours.").replace("[terminer]", "{{#if");
        let source =
            source.replace("en = \"Hello {{nom}}", "en = \"Hello {{name}}").replace("{{silencieuses}}", "{{lien}}");
        insta::assert_snapshot!(refusal(&source), @r"
        line 26: steps[1].wording.en: step `invitation` in en: there is no variable `name` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite, lien
        line 38: steps[2].wording: step `relance-1` in fr: there is no variable `jours` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite, lien
        line 80: steps[6].wording: step `silence` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, silencieuses, repondues, total, liste
        ");
    }

    #[test]
    fn steps_that_do_not_go_together_are_refused() {
        let one_key = BAROMETER.replace("key = \"derniere\"", "key = \"adjoint\"");
        let outside = BAROMETER.replace("days = 28\nhour = \"09:30\"", "days = 80\nhour = \"09:30\"");
        let before = BAROMETER.replace("days = 1\nhour = 9", "days = -1\nhour = 9");
        let no_invitation = BAROMETER.replacen("kind = \"invitation\"", "kind = \"reminder\"", 1);
        let too_many = BAROMETER.replace("reminders_max = 3", "reminders_max = 1");
        let too_close = BAROMETER.replace("from = \"deadline\"\ndays = -3", "from = \"opening\"\ndays = 31");
        let refusals = [one_key, outside, before, no_invitation, too_many, too_close].map(|source| refusal(&source));
        insta::assert_snapshot!(refusals.join("\n"), @r"
        line 64: steps[5].key: `adjoint` is the key of step 4 too: every step has its own
        line 31: steps[2].days: puts it on 2026-11-26 09:30, outside of the campaign: from 2026-09-07 09:00 to before 2026-11-13 18:00
        line 21: steps[1].days: puts it on 2026-09-06 09:00, outside of the campaign: from 2026-09-07 09:00 to before 2026-11-13 18:00
        line 23: steps[1].kind: `invitation` comes first: the first message is an invitation
        line 68: steps[5].kind: `derniere` is one reminder more than reminders_max = 1 allows for the first contact: remove it or raise that
        line 66: steps[5].days: `derniere` comes 3 days after `relance-1` for the first contact: days_between_min is 7
        ");
    }

    #[test]
    fn a_link_must_tell_who_answered() {
        let bare = BAROMETER.replace("?token={{token}}", "");
        let with_webhook = bare.replace("[sending]", "[sources.webhook]\nsecret = \"framaforms\"\n\n[sending]");
        let nowhere = BAROMETER
            .replace("link = \"https://enquetes.example.org/index.php/12345?token={{token}}\"", "redirect = true");
        assert!(parse(&with_webhook).is_ok());
        insta::assert_snapshot!([bare, nowhere].map(|source| refusal(&source)).join("\n"), @r"
        line 12: questionnaire.link: has no `{{token}}`, so nobody could tell who answered: write it where the tool expects the token, or let the tool call crieur with an INSEE or SIREN code ([sources.webhook])
        line 11: questionnaire: says nowhere to answer: write `link`, `consultation`, or both
        line 12: questionnaire.redirect: goes with a `link` only: remove it
        line 26: steps[1].wording.fr: step `invitation` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        line 26: steps[1].wording.en: step `invitation` in en: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        line 40: steps[2].wording: step `relance-1` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        line 52: steps[3].wording: step `relance-commencee` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        line 61: steps[4].wording: step `adjoint` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        line 71: steps[5].wording: step `derniere` in fr: there is no variable `lien` here: write one of titre, expediteur, organisation, date_limite, jours_restants, nom, collectivite
        ");
        // Answered in chat alone: there is no link to name.
        let in_chat = BAROMETER.replace(
            "link = \"https://enquetes.example.org/index.php/12345?token={{token}}\"",
            "consultation = \"barometre\"",
        );
        assert!(refusal(&in_chat).contains("there is no variable `lien` here"));
        assert!(parse(&in_chat.replace("({{lien}})", "(https://example.org)")).is_ok());
    }

    #[test]
    fn what_is_not_known_or_of_the_wrong_kind_is_refused_where_it_stands() {
        let refusals = [
            BAROMETER.replace("sender =", "expediteur ="),
            BAROMETER.replace("to = \"everyone\"\ntime_zone", "to = \"all\"\ntime_zone"),
            BAROMETER.replace("kind = \"invitation\"\nto = \"deputy\"", "kind = \"call\"\nto = \"deputy\""),
            BAROMETER.replace("hour = \"09:30\"", "hour = 25"),
            BAROMETER.replace("misfire = { send_if_within_hours = 12 }", "misfire = \"later\""),
            BAROMETER.replace("hours = \"mon-fri 09:00-18:00\"", "hours = \"lun-ven\""),
            String::new(),
        ]
        .map(|source| refusal(&source));
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        line 3: expediteur: unknown field `expediteur`, expected one of `slug`, `title`, `sender`, `to`, `exclusions`, `time_zone`, `opens_at`, `deadline`, `questionnaire`, `sources`, `reminders_max`, `days_between_min`, `sending`, `two_people`, `steps`
        line 4: to: unknown variant `all`, expected one of `everyone`, `group`, `segment`, `query`
        line 59: steps[4].kind: unknown variant `call`, expected `invitation` or `reminder`
        line 32: steps[2].hour: must be an hour from 0 to 23, or hour and minute such as "09:30"
        line 36: steps[2].misfire: unknown variant `later`, expected one of `skip`, `send_if_within_hours`, `send_late`
        line 15: sending.hours: `lun` is no day: write mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri
        line 1: missing field `slug`
        "#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_file_never_panics(at in 0usize..2500, with in "[ -~\n]{0,3}") {
            let mut source = BAROMETER.to_owned();
            let at = (0..=at.min(source.len())).rev().find(|&at| source.is_char_boundary(at)).unwrap_or(0);
            source.insert_str(at, &with);
            let _ = parse(&source);
        }
    }

    #[test]
    fn a_password_goes_without_tls_to_this_machine_only() {
        for here in [
            "http://localhost",
            "http://localhost/a",
            "http://127.0.0.1:8080/a",
            "http://[::1]:80?a",
            "http://localhost#a",
        ] {
            assert!(is_on_this_machine(here), "{here}");
        }
        for elsewhere in [
            "http://localhost.example.org",
            "http://127.0.0.1.example.org/",
            "http://localhost@example.org",
            "http://localhost:80@example.org/",
            "http://localhost\\@example.org/",
            "http://localhost:/",
            "http://127.0.0.10/",
            "https://localhost",
        ] {
            assert!(!is_on_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
