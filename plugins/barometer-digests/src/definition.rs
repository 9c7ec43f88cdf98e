//! The digest as its organiser describes it: sources, topics, schedules, figures, wording. Read from a file by
//! [`crate::definition_file`]; what is here has been checked.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bot_core::{Locale, Wording};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Definition {
    pub title: Wording,
    /// Of drafting crons, of windows and of dates as they are shown.
    pub time_zone: Tz,
    /// `None`: no weekly, or no monthly, editions.
    pub weekly: Option<Schedule>,
    pub monthly: Option<Schedule>,
    /// In the order readers choose from. At most [`TOPICS_MAX`].
    pub topics: Vec<Topic>,
    pub sources: Vec<Source>,
    pub figures: Vec<FigurePlan>,
    /// What the organiser words differently; the rest is crieur's own wording.
    pub wording: BTreeMap<Locale, Templates>,
}

/// As many as fit under one message as buttons.
pub const TOPICS_MAX: usize = 12;

/// When an edition is drafted, and how it goes on from there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Five cron fields on the digest's clock.
    pub draft: String,
    pub approval: Approval,
    pub sending: Sending,
    /// A reader whose hour has passed by at most so much still gets the edition at once; later it has expired for them.
    pub late_within_hours: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// An editor approves.
    ByHand,
    /// A draft is approved as it is. One with nothing in it reaches only those who want to be told so.
    Automatic,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// What is approved is published at once.
    OnApproval,
    /// An editor publishes it.
    ByHand,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    Weekly,
    Monthly,
}

impl Cadence {
    pub const ALL: [Self; 2] = [Self::Weekly, Self::Monthly];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

impl FromStr for Cadence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|cadence| cadence.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no rhythm: write weekly or monthly"))
    }
}

impl Definition {
    pub fn schedule(&self, cadence: Cadence) -> Option<&Schedule> {
        match cadence {
            Cadence::Weekly => self.weekly.as_ref(),
            Cadence::Monthly => self.monthly.as_ref(),
        }
    }

    pub fn source(&self, key: &Key) -> Option<&Source> {
        self.sources.iter().find(|source| source.key == *key)
    }

    pub fn topic(&self, key: &Key) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.key == *key)
    }
}

/// The short name of a topic, a source or a dataset: 1 to 40 of `a-z 0-9 -`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit();
        if (1..=40).contains(&text.len())
            && text.starts_with(fits)
            && text.chars().all(|sign| fits(sign) || sign == '-')
        {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no short name: write 1 to 40 of a-z, 0-9 and -, beginning with a letter or digit"))
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// What readers choose by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Topic {
    pub key: Key,
    pub name: Wording,
    /// News and events that say one of these words belong to it; accents and case do not matter.
    pub keywords: Vec<String>,
}

/// Where news, events or figures come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    pub key: Key,
    /// As it is named under what it gave.
    pub name: String,
    /// `http:` or `https:`.
    pub url: String,
    /// Everything from here belongs to these, whatever it says.
    pub topics: Vec<Key>,
    /// Minutes between two requests, 15 or more.
    pub every_minutes: u32,
    pub kind: SourceKind,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceKind {
    /// RSS, Atom or JSON Feed.
    Feed,
    /// iCalendar.
    Events,
    /// A CSV file behind a link, as the new version of a dataset.
    Table { dataset: Key, columns: Columns },
    /// A dataset of an Opendatasoft portal (Explore API v2.1): `url` is the portal's.
    Opendatasoft {
        dataset: Key,
        /// The portal's name for it.
        dataset_id: String,
        /// ODSQL filter; empty: all records.
        filter: String,
        columns: Columns,
    },
}

/// Which column of a remote table holds what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    pub indicator: String,
    pub edition: String,
    pub stratum: Option<String>,
    pub value: String,
    pub base: Option<String>,
    /// A column, or the unit that all rows have: `percent`, `count` or `euro`.
    pub unit: Option<String>,
}

/// A figure that goes into an edition whenever its data is new.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FigurePlan {
    pub dataset: Key,
    /// As the data names it.
    pub indicator: String,
    /// As readers see it.
    pub name: Wording,
    pub topics: Vec<Key>,
    pub chart: Option<ChartKind>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// The strata of the latest edition, one bar each.
    Bars,
    /// The whole, over the editions.
    Line,
    /// The strata as parts of one whole, one row an edition.
    Stacked,
    /// Strata that are départements, as a grid of tiles.
    Map,
}

/// Wording of an organiser in one language: handlebars over Markdown. `None`: crieur's own.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Templates {
    /// Above everything.
    pub opening: Option<String>,
    pub figure: Option<String>,
    pub consultation: Option<String>,
    pub campaign: Option<String>,
    pub news: Option<String>,
    pub event: Option<String>,
    /// Below everything.
    pub closing: Option<String>,
    /// For whoever wants to be told that there is nothing for them.
    pub nothing: Option<String>,
}
