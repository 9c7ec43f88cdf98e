//! What can be wrong with a remote table, as a code with its details, and in words for each reader.

use bot_core::Locale;
use chrono::{DateTime, Utc};
use digest_parsing::table::{Fault, Place, Problem, TableError, TableErrors};
use serde::{Deserialize, Serialize};

use crate::barometer::store::Remark;
use crate::words::{Argument, count, moment, text};

/// Problems of a table that are told in one line; the others are counted.
const TOLD_MAX: usize = 5;

/// Why a remote table gave no figures. The figures there were stay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Trouble {
    /// What came is no table that can be taken.
    Table(TableErrors),
    Status {
        status: u16,
    },
    /// The portal refuses the query, in its own words.
    Refused {
        error_code: String,
        message: String,
    },
    Quota {
        calls: Option<u64>,
        per: Option<String>,
        until: Option<DateTime<Utc>>,
        message: String,
    },
    UnknownDataset,
    NotPublic,
    /// The filter lets nothing through, or the dataset is empty.
    NothingMatches,
    /// The dataset changed while it was read, each time.
    NeverTheSame,
    NotAnApi,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words(Locale::En))
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    /// When a quota that is used up is there again.
    pub fn ask_again_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Quota { until, .. } => *until,
            _ => None,
        }
    }

    /// What is wrong and what to do, in one paragraph.
    pub fn words(&self, locale: Locale) -> String {
        let say = |id: &str| text(locale, id, &[]);
        match self {
            Self::Table(errors) => {
                let mut told: Vec<String> =
                    errors.told.iter().take(TOLD_MAX).map(|error| table_words(locale, error)).collect();
                let more = errors.told.len().saturating_sub(TOLD_MAX) + errors.more;
                if more > 0 {
                    told.push(text(locale, "remote-more", &[("count", more.into())]));
                }
                told.join(" ; ").replace(" ; ", if locale == Locale::Fr { "\u{202f}; " } else { "; " })
            }
            Self::Status { status: 500.. } => say("remote-down"),
            Self::Status { status } => text(locale, "remote-status", &[("status", status.to_string().as_str().into())]),
            Self::Refused { error_code, message } => text(
                locale,
                "remote-refused",
                &[("code", error_code.as_str().into()), ("message", message.as_str().into())],
            ),
            Self::Quota { until, .. } => match until {
                Some(until) => {
                    let until = moment(locale, *until, chrono_tz::UTC);
                    text(locale, "remote-quota-until", &[("until", until.as_str().into())])
                }
                None => say("remote-quota"),
            },
            Self::UnknownDataset => say("remote-unknown-dataset"),
            Self::NotPublic => say("remote-not-public"),
            Self::NothingMatches => say("remote-nothing-matches"),
            Self::NeverTheSame => say("remote-never-the-same"),
            Self::NotAnApi => say("remote-not-an-api"),
        }
    }
}

/// One thing that is wrong with a table.
pub fn table_words(locale: Locale, error: &TableError) -> String {
    if locale == Locale::En {
        return error.to_string();
    }
    let say = |id: &str, arguments: &[(&str, Argument<'_>)]| text(locale, id, arguments);
    match error {
        TableError::TooLarge => say("table-too-large", &[]),
        TableError::TooManyRows => say("table-too-many-rows", &[]),
        TableError::TooManyColumns => say("table-too-many-columns", &[]),
        TableError::NoRows => say("table-no-rows", &[]),
        TableError::WebPage => say("table-web-page", &[]),
        TableError::Workbook => say("table-workbook", &[]),
        TableError::Unreadable { words } => say("table-unreadable", &[("words", words.as_str().into())]),
        TableError::NotJson { words } => say("table-not-json", &[("words", words.as_str().into())]),
        TableError::MissingColumn { wanted, there } => {
            let there: Vec<String> = there.iter().take(30).map(|name| format!("«\u{a0}{name}\u{a0}»")).collect();
            let there = there.join(", ");
            say("table-missing-column", &[("wanted", wanted.as_str().into()), ("there", there.as_str().into())])
        }
        TableError::ColumnTwice { one, another } => {
            say("table-column-twice", &[("one", one.as_str().into()), ("another", another.as_str().into())])
        }
        TableError::Cell { problem } => problem_words(locale, problem),
    }
}

fn problem_words(locale: Locale, problem: &Problem) -> String {
    let Problem { place, column, read, fault } = problem;
    let say = |id: &str, arguments: &[(&str, Argument<'_>)]| text(locale, id, arguments);
    let fault = match fault {
        Fault::NoNumber => say("fault-no-number", &[]),
        Fault::TwoReadings => say("fault-two-readings", &[]),
        Fault::TooManyDigits => say("fault-too-many-digits", &[]),
        Fault::Empty => say("fault-empty", &[]),
        Fault::TooLong { characters_max } => say("fault-too-long", &[("max", (*characters_max).into())]),
        Fault::OverHundred => say("fault-over-hundred", &[]),
        Fault::BelowZero => say("fault-below-zero", &[]),
        Fault::BadBase => say("fault-bad-base", &[]),
        Fault::UnknownUnit => say("fault-unknown-unit", &[]),
        Fault::NoUnit => say("fault-no-unit", &[]),
        Fault::OtherUnit { unit } => say("fault-other-unit", &[("unit", unit.as_str().into())]),
        Fault::Contradicts { first } => {
            let first = place_words(locale, *first);
            say("fault-contradicts", &[("first", first.as_str().into())])
        }
        Fault::NotOneValue => say("fault-not-one-value", &[]),
        Fault::Row { words } => say("fault-row", &[("words", words.as_str().into())]),
    };
    let place = place_words(locale, *place);
    let arguments =
        [("place", place.as_str().into()), ("fault", fault.as_str().into()), ("read", read.as_str().into())];
    match column {
        Some(column) => {
            let mut arguments = arguments.to_vec();
            arguments.push(("column", column.as_str().into()));
            say("table-cell", &arguments)
        }
        None => say("table-row", &arguments),
    }
}

fn place_words(locale: Locale, place: Place) -> String {
    let (id, number) = match place {
        Place::Line(number) => ("place-line", number),
        Place::Record(number) => ("place-record", number),
    };
    text(locale, id, &[("number", count(number))])
}

impl Remark {
    /// In one sentence.
    pub fn words(&self, locale: Locale) -> String {
        match self {
            Self::ColumnAppeared { column } => {
                text(locale, "remark-column-appeared", &[("column", column.as_str().into())])
            }
            Self::ColumnVanished { column } => {
                text(locale, "remark-column-vanished", &[("column", column.as_str().into())])
            }
            Self::ColumnRenamed { from, to } => {
                text(locale, "remark-column-renamed", &[("from", from.as_str().into()), ("to", to.as_str().into())])
            }
            Self::RowsVanished { rows, named } => {
                let first = named.first().map(ToString::to_string).unwrap_or_default();
                text(locale, "remark-rows-vanished", &[("rows", (*rows).into()), ("first", first.as_str().into())])
            }
            Self::RowsRepeated { rows } => text(locale, "remark-rows-repeated", &[("rows", (*rows).into())]),
        }
    }
}
