//! What a report says, in French and English: the texts are in `locales/report.*.ftl`.

use bot_core::Locale;
use bot_core::charts::{self, Share};

use super::Report;
use super::funnel::{Contact, Progress};
use super::next::Next;
use super::strata::Dimension;
use crate::store::{MessageState, State};

pub(crate) use crate::words::{Argument, count, moment as date_time, text};

pub(crate) fn spoken(locale: Locale) -> charts::Locale {
    match locale {
        Locale::Fr => charts::Locale::Fr,
        Locale::En => charts::Locale::En,
    }
}

pub(crate) fn number(locale: Locale, number: u64) -> String {
    spoken(locale).number(number)
}

/// A share as charts show it: one decimal where it is no whole number, a dash of nothing.
pub(crate) fn percent(locale: Locale, count: u64, base: u64) -> String {
    let is_whole = base == 0 || (u128::from(count) * 100).is_multiple_of(u128::from(base));
    Share { count, base }.percent(spoken(locale), !is_whole)
}

pub(crate) fn message_state(locale: Locale, state: MessageState) -> String {
    let id = match state {
        MessageState::Waiting => "report-message-waiting",
        MessageState::Handed => "report-message-handed",
        MessageState::Sent => "report-message-sent",
        MessageState::Unknown => "report-message-unknown",
        MessageState::Failed => "report-message-failed",
        MessageState::Expired => "report-message-expired",
        MessageState::Suppressed => "report-message-suppressed",
        MessageState::Cancelled => "report-message-cancelled",
    };
    text(locale, id, &[])
}

pub(crate) fn contact(locale: Locale, contact: Contact) -> String {
    let id = match contact {
        Contact::Written => "report-contact-written",
        Contact::Uncertain => "report-contact-uncertain",
        Contact::ToCome => "report-contact-to-come",
        Contact::Unneeded => "report-contact-unneeded",
        Contact::Withdrawn => "report-contact-withdrawn",
        Contact::Unreachable => "report-contact-unreachable",
    };
    text(locale, id, &[])
}

pub(crate) fn progress(locale: Locale, progress: Progress) -> String {
    let id = match progress {
        Progress::Silent => "report-progress-silent",
        Progress::Opened => "report-progress-opened",
        Progress::Started => "report-progress-started",
        Progress::Declared => "report-progress-declared",
        Progress::Confirmed => "report-progress-confirmed",
        Progress::Refused => "report-progress-refused",
    };
    text(locale, id, &[])
}

pub(crate) fn state(locale: Locale, state: State) -> String {
    let id = match state {
        State::Draft => "report-state-draft",
        State::Approved => "report-state-approved",
        State::Paused => "report-state-paused",
        State::Cancelled => "report-state-cancelled",
        State::Closed => "report-state-closed",
    };
    text(locale, id, &[])
}

pub(crate) fn dimension(locale: Locale, by: Dimension) -> String {
    let id = match by {
        Dimension::Kind => "report-by-kind",
        Dimension::Population => "report-by-population",
        Dimension::Region => "report-by-region",
    };
    text(locale, id, &[])
}

/// A reason's code in words; a code that nobody put into words yet is shown as it is.
pub(crate) fn reason(locale: Locale, code: &str) -> String {
    if code.is_empty() {
        return text(locale, "report-reason-none", &[]);
    }
    let named = REASONS.contains(&code);
    if named { text(locale, &format!("report-reason-{}", code.replace('_', "-")), &[]) } else { code.to_owned() }
}

/// Every code that has words.
const REASONS: [&str; 31] = [
    "before_opening",
    "calendar",
    "too_soon",
    "joined",
    "snoozed",
    "paused",
    "postponed",
    "not_addressed",
    "excluded",
    "unreachable",
    "blocked",
    "no_other_address",
    "no_consent",
    "stopped",
    "campaign_stopped",
    "not_mine",
    "gone",
    "no_token",
    "answered",
    "refused",
    "over",
    "had",
    "reminders_max",
    "condition",
    "missed",
    "after_deadline",
    "never",
    "deadline",
    "no_longer_planned",
    "cancelled",
    "outbox",
];

/// What somebody pressed or said.
pub(crate) fn wish(locale: Locale, kind: &str) -> String {
    let id = match kind {
        "answer_now" => "report-wish-answer-now",
        "later" => "report-wish-later",
        "already_answered" => "report-wish-already-answered",
        "not_answered" => "report-wish-not-answered",
        "not_mine" => "report-wish-not-mine",
        "mine" => "report-wish-mine",
        "stop" => "report-wish-stop",
        "resume" => "report-wish-resume",
        other => return other.to_owned(),
    };
    text(locale, id, &[])
}

/// How many answered, of all who are asked.
pub(crate) fn answered(locale: Locale, report: &Report) -> String {
    let people = &report.funnel.respondents;
    if people.all == 0 {
        return text(locale, "report-nobody", &[]);
    }
    let declared = people.by_progress.get(&Progress::Declared).copied().unwrap_or_default();
    let arguments = [
        ("answered", count(people.answered)),
        ("all", count(people.all)),
        ("rate", percent(locale, people.answered, people.all).into()),
        ("declared", count(declared)),
    ];
    text(locale, "report-answered", &arguments)
}

/// How many messages went out, of all that were planned.
pub(crate) fn messages(locale: Locale, report: &Report) -> String {
    let found = &report.funnel.messages;
    let of = |state| count(found.states.get(&state).map_or(0, |row| row.count));
    let arguments =
        [("planned", count(found.planned)), ("sent", of(MessageState::Sent)), ("unknown", of(MessageState::Unknown))];
    text(locale, "report-messages", &arguments)
}

/// How much of the reference population answered, and where the least did.
pub(crate) fn coverage(locale: Locale, report: &Report) -> String {
    let all = &report.coverage.all;
    let id = if report.has_reference { "report-coverage" } else { "report-coverage-asked" };
    let arguments = [
        ("covered", count(all.covered)),
        ("reference", count(all.reference)),
        ("rate", percent(locale, all.covered, all.reference).into()),
    ];
    let mut said = text(locale, id, &arguments);
    let outside = all.answered - all.covered;
    if outside > 0 {
        said = format!("{said} {}", text(locale, "report-outside", &[("outside", count(outside))]));
    }
    if let Some(lowest) = report.coverage.lowest() {
        let arguments = [
            ("stratum", lowest.stratum.label(locale).into()),
            ("rate", percent(locale, lowest.counts.covered, lowest.counts.reference).into()),
        ];
        said = format!("{said} {}", text(locale, "report-lowest", &arguments));
    }
    said
}

/// Why a line of the list of whom to remind stands where it does.
pub(crate) fn why(locale: Locale, line: &Next) -> String {
    let stratum = line.stratum.label(locale);
    let arguments = [
        ("stratum", stratum.into()),
        ("covered", count(line.covered)),
        ("reference", count(line.reference)),
        ("rate", percent(locale, line.covered, line.reference).into()),
        ("messages", line.body.messages.into()),
    ];
    text(locale, "report-why", &arguments)
}

/// The rule of the list, a sentence each.
pub(crate) fn rule(locale: Locale) -> Vec<String> {
    let ids = ["report-rule-row", "report-rule-body", "report-rule-again", "report-rule-who", "report-rule-same"];
    ids.iter().map(|id| text(locale, id, &[])).collect()
}

/// The whole report in plain words, for a terminal.
pub fn plain(locale: Locale, report: &Report) -> String {
    let mut lines = vec![
        report.title.in_locale(locale).to_owned(),
        read_at(locale, report),
        String::new(),
        answered(locale, report),
        messages(locale, report),
        coverage(locale, report),
    ];
    lines.extend(report.discrepancies.iter().map(|problem| format!("! {problem}")));
    for chart in super::chart::all(locale, report) {
        let twin = chart.text_twin();
        lines.extend([String::new(), twin.table.caption]);
        lines.extend(twin.lines.into_iter().map(|line| format!("  {line}")));
    }
    let reminders = super::chart::reminders(locale, report);
    lines.extend([String::new(), reminders.caption.clone(), format!("  {}", reminders.header.join(" · "))]);
    lines.extend(reminders.rows.iter().map(|row| format!("  {}", row.join(" · "))));
    let wishes = super::chart::wishes(locale, report);
    if !wishes.rows.is_empty() {
        lines.extend([String::new(), wishes.caption, format!("  {}", wishes.header.join(" · "))]);
        lines.extend(wishes.rows.iter().map(|row| format!("  {}", row.join(" · "))));
    }
    if !report.next.is_empty() {
        lines.extend([String::new(), text(locale, "report-next", &[])]);
        lines.extend(rule(locale).into_iter().map(|sentence| format!("  {sentence}")));
        for line in &report.next {
            lines.push(format!("  {}. {} ({}): {}", line.place, line.body.name, line.body.code, why(locale, line)));
        }
    }
    lines.join("\n")
}

pub(crate) fn read_at(locale: Locale, report: &Report) -> String {
    let arguments = [
        ("state", state(locale, report.state).into()),
        ("deadline", date_time(locale, report.deadline, report.time_zone).into()),
        ("moment", date_time(locale, report.read_at, report.time_zone).into()),
    ];
    text(locale, "report-read-at", &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_reason_has_words_and_an_unknown_one_is_shown() {
        for code in REASONS {
            assert_ne!(reason(Locale::Fr, code), code);
            assert!(!reason(Locale::Fr, code).starts_with("report-"), "{code}");
        }
        assert_eq!(reason(Locale::En, "brand_new"), "brand_new");
        assert!(!reason(Locale::Fr, "").is_empty());
    }

    /// Every text the code asks for exists, and every text that exists is asked for.
    #[test]
    fn texts_and_code_agree() {
        let code = [
            include_str!("chart.rs"),
            include_str!("chat.rs"),
            include_str!("csv.rs"),
            include_str!("gate.rs"),
            include_str!("http.rs"),
            include_str!("page.rs"),
            include_str!("redirect.rs"),
            include_str!("strata.rs"),
            include_str!("words.rs"),
        ]
        .concat();
        let french = include_str!("../../locales/report.fr.ftl");
        let lines = french.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        let ids: Vec<&str> = lines.filter_map(|line| line.split_once(" =")).map(|(id, _)| id).collect();
        for id in &ids {
            let of_reason = id.strip_prefix("report-reason-").map(|code| code.replace('-', "_"));
            let asked = of_reason.is_some_and(|code| REASONS.contains(&code.as_str()));
            assert!(asked || code.contains(&format!("\"{id}\"")), "nobody says `{id}`");
        }
        for asked in code.split("\"report-").skip(1).filter_map(|rest| rest.split('"').next()) {
            let id = format!("report-{asked}");
            assert!(id.contains('{') || id.ends_with('-') || ids.contains(&id.as_str()), "`{id}` is in no locale file");
        }
    }
}
