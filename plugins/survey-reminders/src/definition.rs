//! What a campaign is: who is asked to answer which questionnaire, when they are reminded, and in which words.
//!
//! A [`Definition`] is checked once, where it is made (see [`crate::definition_file`]); everything after relies on it.

use std::fmt;

use bot_core::Locale;
pub use bot_core::Wording;
use bot_core::calendar::resolve_local;
use bot_core::calendar::sending::SendingRule;
pub use bot_core::files::SLUG_CHARACTERS_MAX;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const STEPS_MAX: usize = 30;
/// What stands in a link for the participant's token.
pub const TOKEN_PLACE: &str = "{{token}}";
pub const LINK_CHARACTERS_MAX: usize = 1000;
pub const QUERY_CHARACTERS_MAX: usize = 1000;
pub const TITLE_CHARACTERS_MAX: usize = 120;
pub const SENDER_CHARACTERS_MAX: usize = 120;
pub const WORDING_CHARACTERS_MAX: usize = 4000;
/// Farthest a step may stand from the opening or the deadline.
pub const STEP_DAYS_MAX: i16 = 366;
pub const REMINDERS_MAX: u8 = 20;
pub const DAYS_BETWEEN_MAX: u8 = 90;
pub const MISFIRE_HOURS_MAX: u16 = 24 * 31;
/// A questionnaire tool is asked no more often than this.
pub const POLL_MINUTES_MIN: u16 = 5;
pub const POLL_MINUTES_MAX: u16 = 24 * 60;

/// A campaign as its organiser wrote it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Definition {
    /// Its name in addresses and files, `[a-z0-9-]`, unique within the organisation.
    pub slug: String,
    pub title: Wording,
    /// Who signs the messages.
    pub sender: String,
    pub to: Addressees,
    #[serde(default)]
    pub exclusions: Exclusions,
    /// On the clocks of `time_zone`. No message goes out before.
    pub opens_at: NaiveDateTime,
    /// On the clocks of `time_zone`. No message goes out from then on.
    pub deadline: NaiveDateTime,
    /// The organisation's when not stated.
    pub time_zone: Option<Tz>,
    pub questionnaire: Questionnaire,
    #[serde(default)]
    pub sources: Sources,
    /// The most reminders one person gets, invitations not counted.
    pub reminders_max: u8,
    /// The fewest whole days between two messages to one person.
    pub days_between_min: u8,
    /// When messages may go out, on top of the organisation's rule and of people's own.
    #[serde(default)]
    pub sending: SendingRule,
    /// Whoever edits a version does not approve it.
    pub two_people: bool,
    /// One to [`STEPS_MAX`], the first one an invitation.
    pub steps: Vec<Step>,
}

/// Who is asked to answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Addressees {
    /// Every contact of the organisation.
    Everyone,
    /// A static set, by name.
    Group(String),
    /// A dynamic set, by name.
    Segment(String),
    /// A dynamic set, in the language of segments.
    Query(String),
}

/// Who is not, though they would be.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Exclusions {
    pub groups: Vec<String>,
    pub query: Option<String>,
    /// People who wrote nothing to the bot for longer than this.
    pub not_seen_since_days: Option<u16>,
}

/// Where it is answered: by a link, in chat, or both; one at least.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Questionnaire {
    /// An https address; `{{token}}` in it stands for the participant's token.
    pub link: Option<String>,
    /// The slug of a named consultation whose questions are asked in chat.
    pub consultation: Option<String>,
    /// The contact field that holds the token which the questionnaire tool gave. `None`: we make one.
    pub token_field: Option<String>,
    /// Links lead through crieur, which counts that they were opened. Said to the recipient.
    pub redirect: bool,
}

/// How we hear that somebody answered, beside the chat and files.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sources {
    pub webhook: Option<WebhookSource>,
    pub limesurvey: Option<LimeSurveySource>,
}

/// The questionnaire tool calls us, and signs what it says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSource {
    /// Name of the secret in crieur.toml that the calls are signed with, or that they show.
    pub secret: String,
    /// `signed` when left out. `bearer` for tools that cannot sign.
    #[serde(default)]
    pub mode: WebhookMode,
    /// What the tool calls its fields, where it has names of its own for them.
    #[serde(default)]
    pub fields: WebhookFields,
}

/// How a call shows that it comes from the questionnaire tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookMode {
    /// By an HMAC over time and body in `X-Crieur-Signature`.
    #[default]
    Signed,
    /// By the secret itself in `Authorization: Bearer …`. Needs https, and a copied call is good for ever.
    Bearer,
}

/// The names of the fields in a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookFields {
    /// The tool's own number of the answer.
    pub reference: String,
    pub token: String,
    pub insee: String,
    pub siren: String,
    /// When it was finished.
    pub completed_at: String,
    /// Whether it is finished. A call without it means so.
    pub complete: String,
    /// The field that shows the secret, for tools that can set no header. With `mode = "bearer"` only.
    pub secret: Option<String>,
}

impl Default for WebhookFields {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            reference: name("reference"),
            token: name("token"),
            insee: name("insee"),
            siren: name("siren"),
            completed_at: name("completed_at"),
            complete: name("complete"),
            secret: None,
        }
    }
}

/// We ask a LimeSurvey by its RemoteControl 2 interface.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimeSurveySource {
    /// Address of RemoteControl, for example `https://enquetes.example.org/index.php/admin/remotecontrol`.
    pub url: String,
    /// Number of the survey in LimeSurvey.
    pub survey_id: u32,
    /// Account of LimeSurvey that may read responses and participants of the survey.
    pub username: String,
    /// Name of the secret in crieur.toml that holds its password.
    pub password: String,
    /// How often to ask, 5 to 1440. 15 when left out.
    #[serde(default = "every_minutes_default")]
    pub every_minutes: u16,
}

fn every_minutes_default() -> u16 {
    15
}

/// A step's name within its campaign: 1 to 40 of a-z, 0-9, `-` and `_`, a letter or digit first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepKey(String);

impl StepKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that is no step's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be 1 to 40 of a-z, 0-9, `-` and `_`, and begin with a letter or digit")]
pub struct InvalidStepKey;

impl std::str::FromStr for StepKey {
    type Err = InvalidStepKey;

    fn from_str(text: &str) -> Result<Self, InvalidStepKey> {
        let is_fine = (1..=40).contains(&text.len())
            && !text.starts_with(['-', '_'])
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if is_fine { Ok(Self(text.to_owned())) } else { Err(InvalidStepKey) }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One message of the campaign, to everybody it addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    pub key: StepKey,
    /// What `days` counts from.
    pub from: Anchor,
    /// Whole days, negative ones before.
    pub days: i16,
    /// On the recipient's own clocks.
    pub hour: NaiveTime,
    pub kind: StepKind,
    pub to: Rung,
    pub only_if: Option<OnlyIf>,
    pub misfire: Misfire,
    /// Handlebars over Markdown, see [`crate::messages`].
    pub wording: Wording,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    Opening,
    Deadline,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    Invitation,
    /// Counts towards `reminders_max`.
    Reminder,
}

/// A rung of the escalation ladder: whom a step addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The contact of a collectivité with the lowest rank, and whoever works for none.
    First,
    /// The one with the next rank.
    Deputy,
    /// Every contact of a collectivité.
    Everyone,
    /// The first contact, at another of their addresses, where they consented to be written to there too.
    OtherAddress,
    /// Those who have the organiser's role hear how many are silent, and which.
    Organisers,
}

impl Rung {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Deputy => "deputy",
            Self::Everyone => "everyone",
            Self::OtherAddress => "other_address",
            Self::Organisers => "organisers",
        }
    }
}

/// What must be true of somebody just before the message goes out. Whoever answered gets none in any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnlyIf {
    /// No answer of the collectivité has begun.
    NotStarted,
    /// An answer has begun and is not finished.
    Started,
    /// This person did not open the link: needs `redirect = true`.
    NotOpened,
    /// Nobody of the collectivité has received a message of this campaign yet.
    Unreachable,
}

impl OnlyIf {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Started => "started",
            Self::NotOpened => "not_opened",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What becomes of a message that could not go out when it was due, because crieur or the network was down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// It is dropped, unless it is only minutes late.
    Skip,
    /// It is sent if it is at most so many hours late, 1 to 744, else dropped.
    SendIfWithinHours(u16),
    /// It is sent whenever that is possible, and says that it is late.
    SendLate,
}

impl Definition {
    /// The zone of opening and deadline.
    pub fn zone(&self, organisation: Tz) -> Tz {
        self.time_zone.unwrap_or(organisation)
    }

    pub fn opens_at(&self, organisation: Tz) -> DateTime<Utc> {
        resolve_local(self.opens_at, self.zone(organisation))
    }

    pub fn deadline(&self, organisation: Tz) -> DateTime<Utc> {
        resolve_local(self.deadline, self.zone(organisation))
    }

    /// The steps in the order of time; those of one time as they stand in the file.
    pub fn steps_in_order(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| step.local_time(self));
        steps
    }

    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.key.as_str() == key)
    }

    /// The title in `locale`, or in French.
    pub fn title_in(&self, locale: Locale) -> &str {
        self.title.in_locale(locale)
    }
}

impl Step {
    /// The day of the step on the campaign's clocks.
    pub fn day(&self, definition: &Definition) -> NaiveDate {
        let from = match self.from {
            Anchor::Opening => definition.opens_at.date(),
            Anchor::Deadline => definition.deadline.date(),
        };
        let days = Days::new(self.days.unsigned_abs().into());
        let moved = if self.days < 0 { from.checked_sub_days(days) } else { from.checked_add_days(days) };
        // Only at the edge of what chrono counts.
        moved.unwrap_or(from)
    }

    /// Its time on the clocks of whoever gets it.
    pub fn local_time(&self, definition: &Definition) -> NaiveDateTime {
        self.day(definition).and_time(self.hour)
    }
}
