//! What an edition says. Everything a reader sees is in here: data, wording and names as they were, so that an old
//! edition reads the same whatever changed since, and the same inputs give the same bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bot_core::{Locale, Wording};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::period::{Period, Window};
use crate::definition::{ChartKind, Key, Templates, Topic};

/// Serialised canonically: struct order, sorted maps, no floats.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Edition {
    pub period: Period,
    pub window: Window,
    pub title: Wording,
    pub time_zone: Tz,
    /// Version of the digest file it was drafted with.
    pub definition_version: u32,
    /// The editor's words, Markdown, by language; empty where nothing was written.
    pub introduction: BTreeMap<Locale, String>,
    /// In the order they are read within their section (see [`Content::section`]).
    pub entries: Vec<Entry>,
    /// As they were named.
    pub topics: Vec<Topic>,
    pub wording: BTreeMap<Locale, Templates>,
    /// The foot: what was looked at, and how it went.
    pub sources: Vec<SourceRecord>,
}

impl Edition {
    /// The very bytes that are stored, hashed and published.
    ///
    /// # Errors
    /// Never in practice: plain data with string keys.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries of one section.
    pub fn count(&self, section: Section) -> usize {
        self.entries.iter().filter(|entry| entry.content.section() == section).count()
    }

    pub fn entry(&self, key: &EntryKey) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == *key)
    }
}

/// SHA-256 of an edition's canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    pub fn of(canonical: &str) -> Self {
        Self(Sha256::digest(canonical.as_bytes()).into())
    }
}

/// In hexadecimal; `{:.8}` is the beginning that people compare.
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.pad(&digits)
    }
}

impl FromStr for ContentHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |at: usize| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(|index| digit(2 * index)).collect();
        let bytes = bytes.filter(|_| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| format!("`{text}` is no hash: copy the 64 digits that `digest show` prints"))
    }
}

/// Names an entry for ever, whatever is around it: `news:12`, `event:40:2026-12-01`, `figure:barometre-2018:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryKey(pub String);

impl EntryKey {
    /// Four bytes of its hash, for buttons. Within one edition's few hundred candidates two are the same once in
    /// about a hundred thousand editions; then the first of them is meant.
    pub fn short(&self) -> u32 {
        let hash = Sha256::digest(self.0.as_bytes());
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub key: EntryKey,
    /// Sorted. Empty: for everybody.
    pub topics: Vec<Key>,
    pub content: Content,
}

impl Entry {
    /// Whether a reader of `chosen` topics gets it; none chosen means all.
    pub fn is_for(&self, chosen: &[Key]) -> bool {
        chosen.is_empty() || self.topics.is_empty() || self.topics.iter().any(|topic| chosen.contains(topic))
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    Figure(Figure),
    Consultation(Consultation),
    Campaign(Campaign),
    News(News),
    Event(Event),
}

/// In the order they are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Figures,
    Consultations,
    News,
    Events,
}

impl Content {
    pub fn section(&self) -> Section {
        match self {
            Self::Figure(_) => Section::Figures,
            Self::Consultation(_) | Self::Campaign(_) => Section::Consultations,
            Self::News(_) => Section::News,
            Self::Event(_) => Section::Events,
        }
    }
}

/// A figure of a barometer, with where it stands in the open data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// As the data names it.
    pub indicator: String,
    pub name: Wording,
    pub latest: Point,
    /// The edition before, where it asked the same.
    pub previous: Option<Point>,
    pub chart: Option<Chart>,
    pub dataset: Key,
    pub dataset_version: u32,
}

/// One row of a dataset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The barometer's edition.
    pub edition: String,
    /// Empty: everybody.
    pub stratum: String,
    pub value: Decimal,
    pub unit: Unit,
    /// Of how many; `None` where it was not published.
    pub base: Option<u64>,
    /// From 1, in the dataset's version.
    pub row: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Percent,
    Count,
    Euro,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Count => "count",
            Self::Euro => "euro",
        }
    }
}

/// What a picture shows: rows of the same version of the same dataset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chart {
    pub kind: ChartKind,
    pub points: Vec<Point>,
}

/// A consultation of this crieur.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consultation {
    pub slug: String,
    pub title: Wording,
    pub phase: Phase,
    /// Its public page, below the public address: `/consultations/place-du-marche`.
    pub path: String,
    /// Ballots counted; only once it is closed, or as many as are shown to everybody.
    pub ballots: Option<u64>,
    pub results: Vec<QuestionResult>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    Opened {
        closes_at: Option<DateTime<Utc>>,
    },
    /// It closes before the next edition.
    Closing {
        closes_at: DateTime<Utc>,
    },
    Closed {
        closed_at: DateTime<Utc>,
    },
}

/// What leads in one question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuestionResult {
    pub question: Wording,
    /// The answer most often given.
    pub answer: Wording,
    pub votes: u64,
    pub ballots: u64,
}

/// A campaign of this crieur.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Campaign {
    pub slug: String,
    pub title: Wording,
    pub phase: Phase,
    pub respondents: u64,
    pub answered: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct News {
    pub title: String,
    pub summary: String,
    pub url: Option<String>,
    /// On the digest's clock; the day it was first seen where the source gives none.
    pub published_on: NaiveDate,
    pub source: Key,
    pub source_name: String,
    /// A tag (`fr`, `en-GB`) where the source gives one.
    pub language: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    pub title: String,
    pub summary: String,
    pub url: Option<String>,
    pub place: Option<String>,
    pub when: When,
    pub source: Key,
    pub source_name: String,
    /// The source called it off after an edition had announced it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Whole days, the last included.
    Days { from: NaiveDate, to: NaiveDate },
    /// `until` is missing where the source says no end.
    Moments { from: DateTime<Utc>, until: Option<DateTime<Utc>>, time_zone: Tz },
}

/// One line of the foot: a source, what was asked, and how it went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceRecord {
    pub key: Key,
    pub name: String,
    pub url: Option<String>,
    /// What was taken: a window, a filter, a version.
    pub query: String,
    /// Entries in the edition that are from here when it was drafted.
    pub entries: u32,
    /// The last answer that could be used.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// It was failing when the edition was drafted.
    pub is_failing: bool,
}
