//! What is wrong with a source, kept as a code with its details and put into words for each reader; and what an editor
//! should know of one that works.

use bot_core::Locale;
use bot_core::plugin::FetchFailure;
use digest_parsing::calendar::{CalendarError, Remark};
use digest_parsing::feed::FeedError;
use serde::{Deserialize, Serialize};

use crate::barometer::remote::Trouble;
use crate::words::{Argument, count, text};

/// Why a source gave nothing the last time it was asked. What it gave before stays.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Problem {
    /// There was no answer. `why` is for operators, in English; it names the host at most.
    NoAnswer {
        /// See [`FetchFailure::kind`].
        kind: String,
        why: String,
    },
    Status {
        status: u16,
    },
    /// It says that it is gone for good; it is asked once a day.
    Gone,
    /// It asked for patience (429, 503).
    Busy {
        status: u16,
    },
    Feed {
        error: FeedError,
    },
    Calendar {
        error: CalendarError,
    },
    Table {
        trouble: Trouble,
    },
}

impl Problem {
    /// What an answer's status says against using it.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            410 => Some(Self::Gone),
            429 | 503 => Some(Self::Busy { status }),
            status => Some(Self::Status { status }),
        }
    }

    /// What is wrong and what to do, in a sentence or two.
    pub fn words(&self, locale: Locale) -> String {
        let say = |id: &str| text(locale, id, &[]);
        let with = |id: &str, name: &str, value: &str| text(locale, id, &[(name, value.into())]);
        match self {
            Self::NoAnswer { kind, why } => {
                text(locale, "source-no-answer", &[("kind", kind.as_str().into()), ("why", why.as_str().into())])
            }
            Self::Status { status } => with("source-status", "status", &status.to_string()),
            Self::Gone => say("source-gone"),
            Self::Busy { status } => with("source-busy", "status", &status.to_string()),
            Self::Feed { error } => match error {
                FeedError::Empty => say("source-empty"),
                FeedError::Page { feed: Some(feed) } => with("source-page-with-feed", "feed", feed),
                FeedError::Page { feed: None } => say("source-page"),
                FeedError::NoFeed => say("source-no-feed"),
                FeedError::Malformed { why } => with("source-malformed", "why", why),
                FeedError::Excessive => say("source-excessive"),
            },
            Self::Calendar { error } => match error {
                CalendarError::Empty => say("source-empty"),
                CalendarError::Page => say("source-page-for-calendar"),
                CalendarError::NoCalendar => say("source-no-calendar"),
            },
            Self::Table { trouble } => trouble.words(locale),
        }
    }
}

impl From<&FetchFailure> for Problem {
    fn from(failure: &FetchFailure) -> Self {
        Self::NoAnswer { kind: failure.kind().to_owned(), why: failure.to_string() }
    }
}

/// What was left out of an answer that could be used, for editors.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Notice {
    Wordless { entries: usize },
    TooMany { entries: usize },
    Calendar { remark: Remark },
}

impl Notice {
    pub fn words(&self, locale: Locale) -> String {
        let counted = |id: &str, entries: usize| text(locale, id, &[("count", number(entries))]);
        let with = |id: &str, name: &str, value: &str| text(locale, id, &[(name, value.into())]);
        match self {
            Self::Wordless { entries } => counted("notice-wordless", *entries),
            Self::TooMany { entries } => counted("notice-too-many", *entries),
            Self::Calendar { remark } => match remark {
                Remark::NoStart { title } if title.is_empty() => text(locale, "notice-no-start-no-title", &[]),
                Remark::NoStart { title } => with("notice-no-start", "title", title),
                Remark::NoTitle { start } => with("notice-no-title", "start", start),
                Remark::UnknownZone { zone } => with("notice-unknown-zone", "zone", zone),
                Remark::UnknownRule { title, rule } => {
                    let arguments = [("title", title.as_str().into()), ("rule", rule.as_str().into())];
                    text(locale, "notice-unknown-rule", &arguments)
                }
                Remark::CutOff => text(locale, "notice-cut-off", &[]),
                Remark::TooMany { left_out } => counted("notice-too-many", *left_out),
            },
        }
    }
}

fn number(entries: usize) -> Argument<'static> {
    count(u64::try_from(entries).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_kept_and_has_words_in_both_languages() {
        let feed = |error| Problem::Feed { error };
        let problems = [
            Problem::NoAnswer { kind: "too_slow".to_owned(), why: "v.example did not answer within 40 s".to_owned() },
            Problem::Status { status: 404 },
            Problem::Gone,
            Problem::Busy { status: 429 },
            feed(FeedError::Empty),
            feed(FeedError::Page { feed: Some("https://v.example/feed".to_owned()) }),
            feed(FeedError::Page { feed: None }),
            feed(FeedError::NoFeed),
            feed(FeedError::Malformed { why: "unclosed tag".to_owned() }),
            feed(FeedError::Excessive),
            Problem::Calendar { error: CalendarError::Empty },
            Problem::Calendar { error: CalendarError::Page },
            Problem::Calendar { error: CalendarError::NoCalendar },
        ];
        for problem in problems {
            let kept = serde_json::to_value(&problem).unwrap();
            assert_eq!(serde_json::from_value::<Problem>(kept).unwrap(), problem);
            let words = Locale::ALL.map(|locale| problem.words(locale));
            assert!(words[0] != words[1] && words.iter().all(|words| words.contains(' ')), "{words:?}");
        }
        let slow = |kind: &str| Problem::NoAnswer { kind: kind.to_owned(), why: String::new() }.words(Locale::Fr);
        assert_ne!(slow("too_slow"), slow("unreachable"));
        let page = feed(FeedError::Page { feed: Some("https://v.example/feed".to_owned()) });
        assert!(page.words(Locale::Fr).contains("https://v.example/feed"));
    }

    #[test]
    fn every_notice_has_words_in_both_languages() {
        let calendar = |remark| Notice::Calendar { remark };
        for notice in [
            Notice::Wordless { entries: 1 },
            Notice::TooMany { entries: 2 },
            calendar(Remark::NoStart { title: String::new() }),
            calendar(Remark::NoStart { title: "Conseil".to_owned() }),
            calendar(Remark::NoTitle { start: "20261201".to_owned() }),
            calendar(Remark::UnknownZone { zone: "Mars".to_owned() }),
            calendar(Remark::UnknownRule { title: "Conseil".to_owned(), rule: "FREQ=SECONDLY".to_owned() }),
            calendar(Remark::CutOff),
            calendar(Remark::TooMany { left_out: 2000 }),
        ] {
            let words = Locale::ALL.map(|locale| notice.words(locale));
            assert!(words[0] != words[1] && words.iter().all(|words| words.contains(' ')), "{words:?}");
        }
    }
}
