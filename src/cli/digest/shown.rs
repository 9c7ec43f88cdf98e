//! Editions as the command line shows them.

use barometer_digests::edition::model::{Content, Entry, SourceRecord};
use barometer_digests::edition::operations::Summary;
use barometer_digests::edition::store::{Correction, State, StoredEdition};
use bot_core::Locale;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::output::{Output, moment, table};

/// An edition, whole.
#[derive(Serialize)]
pub(super) struct Edition {
    #[serde(flatten)]
    summary: Summary,
    skip_reason: Option<String>,
    /// What approves it, as it is now; of drafts only.
    approve: Option<String>,
    introduction: Value,
    topics: Vec<String>,
    entries: Vec<Line>,
    sources: Vec<SourceRecord>,
    appended: Vec<Correction>,
    /// What could be added; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<Line>>,
}

/// An entry in a line.
#[derive(Serialize)]
struct Line {
    key: String,
    kind: &'static str,
    title: String,
    topics: Vec<String>,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let (kind, title) = match &entry.content {
            Content::Figure(figure) => ("figure", figure.name.in_locale(Locale::Fr)),
            Content::Consultation(consultation) => ("consultation", consultation.title.in_locale(Locale::Fr)),
            Content::Campaign(campaign) => ("campaign", campaign.title.in_locale(Locale::Fr)),
            Content::News(news) => ("news", news.title.as_str()),
            Content::Event(event) => ("event", event.title.as_str()),
        };
        let topics = entry.topics.iter().map(ToString::to_string).collect();
        Self { key: entry.key.0.clone(), kind, title: title.to_owned(), topics }
    }
}

impl Edition {
    pub fn of(stored: StoredEdition, skip_reason: Option<String>, candidates: Option<Vec<Entry>>) -> Self {
        let summary = Summary::from(&stored);
        let approve = (stored.state == State::Draft && !stored.edition.is_empty()).then(|| {
            let (number, revision, hash) = (stored.number, stored.revision, stored.hash);
            format!("crieur digest approve {number} --revision {revision} --hash {hash}")
        });
        let edition = stored.edition;
        Self {
            summary,
            skip_reason,
            approve,
            introduction: json!(edition.introduction),
            topics: edition.topics.iter().map(|topic| topic.key.to_string()).collect(),
            entries: edition.entries.iter().map(Line::of).collect(),
            sources: edition.sources,
            appended: stored.corrections,
            candidates: candidates.map(|entries| entries.iter().map(Line::of).collect()),
        }
    }

    pub fn in_words(&self) -> String {
        let summary = &self.summary;
        let (number, title) = (summary.number, &summary.title);
        let mut lines = vec![
            format!("{title}, number {number}, {}", summary.period),
            format!("state     {}", summary.state),
            format!("revision  {} by {}", summary.revision, summary.edited_by),
            format!("hash      {}", summary.hash),
            format!("window    {} to {}", moment(summary.window.from), moment(summary.window.until)),
            format!("topics    {}", self.topics.join(", ")),
        ];
        if let (Some(by), Some(at)) = (&summary.approved_by, summary.approved_at) {
            lines.push(format!("approved  {} by {by}", moment(at)));
        }
        if let (Some(at), Some(expected)) = (summary.published_at, summary.expected) {
            lines.push(format!("published {} for {expected} readers", moment(at)));
        }
        lines.extend(self.skip_reason.iter().map(|reason| format!("skipped   {reason}")));
        if let Some(introduction) = self.introduction.as_object() {
            for (locale, words) in introduction {
                lines.push(format!("\nIntroduction ({locale}):\n{}", words.as_str().unwrap_or_default()));
            }
        }
        lines.push(format!("\n{}", entries_in_words(&self.entries, "Nothing is in it.")));
        if let Some(candidates) = &self.candidates {
            lines.push("\nCould be added:".to_owned());
            lines.push(entries_in_words(candidates, "Nothing else falls into its window."));
        }
        let sources = self.sources.iter().map(|source| {
            let state = if source.is_failing { "failing when drafted" } else { "" };
            [source.name.clone(), source.entries.to_string(), source.query.clone(), state.to_owned()]
        });
        lines.push(format!("\n{}", table(["source", "entries", "query", "state"], sources, "There is no source.")));
        for correction in &self.appended {
            let by = &correction.written_by;
            lines.push(format!("\ncorrection {} by {by}, {}", correction.number, moment(correction.written_at)));
            lines.extend(correction.words.all().map(|(locale, words)| format!("  {locale}  {words}")));
        }
        if let Some(approve) = &self.approve {
            lines.push(format!("\nTo approve it as it is:\n  {approve}"));
        }
        lines.join("\n")
    }
}

fn entries_in_words(entries: &[Line], nothing: &str) -> String {
    let rows =
        entries.iter().map(|line| [line.key.clone(), line.kind.to_owned(), line.topics.join(" "), line.title.clone()]);
    table(["key", "kind", "topics", "title"], rows, nothing)
}

/// Editions in a table.
pub(super) fn list(editions: &[StoredEdition], output: Output) -> anyhow::Result<()> {
    let summaries: Vec<Summary> = editions.iter().map(Summary::from).collect();
    output.answer(&summaries, || {
        let rows = summaries.iter().map(|summary| {
            let entries = summary.figures + summary.consultations + summary.news + summary.events;
            let failing = summary.failing_sources.join(" ");
            let (number, period) = (summary.number.to_string(), summary.period.to_string());
            [number, period, summary.state.to_string(), summary.revision.to_string(), entries.to_string(), failing]
        });
        let nothing = "There is no edition yet: `crieur digest draft` makes one, or the digest file's hour.";
        table(["number", "period", "state", "revision", "entries", "failing sources"], rows, nothing)
    })
}
