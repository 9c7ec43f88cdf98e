//! The report's counts as pictures, sentences and tables.

use bot_core::Locale;
use bot_core::charts::{Rate, RateChart, Table};

use super::Report;
use super::coverage::Row;
use super::funnel::{Contact, Progress};
use super::strata::{Dimension, Stratum};
use super::words::{self, number, percent, spoken, text};
use crate::definition::StepKind;
use crate::store::MessageState;

/// How far everybody came.
pub(crate) fn progress(locale: Locale, report: &Report) -> RateChart {
    let people = &report.funnel.respondents;
    let shown =
        people.by_progress.iter().filter(|(progress, _)| **progress != Progress::Opened || people.opened.is_some());
    RateChart {
        title: text(locale, "report-progress", &[]),
        subtitle: None,
        locale: spoken(locale),
        sentence: words::answered(locale, report),
        rates: shown
            .map(|(progress, &count)| Rate { label: words::progress(locale, *progress), count, base: people.all })
            .collect(),
        columns: ["report-column-progress", "report-column-respondents", "report-column-of-all"]
            .map(|id| text(locale, id, &[])),
        note: None,
    }
}

/// What became of the messages.
pub(crate) fn messages(locale: Locale, report: &Report) -> RateChart {
    let found = &report.funnel.messages;
    let rate = |state: &MessageState| Rate {
        label: words::message_state(locale, *state),
        count: found.states.get(state).map_or(0, |row| row.count),
        base: found.planned,
    };
    RateChart {
        title: text(locale, "report-messages-title", &[]),
        subtitle: None,
        locale: spoken(locale),
        sentence: words::messages(locale, report),
        rates: MessageState::ALL.iter().map(rate).collect(),
        columns: ["report-column-state", "report-column-messages", "report-column-planned"]
            .map(|id| text(locale, id, &[])),
        note: None,
    }
}

/// How much of each stratum answered.
pub(crate) fn coverage(locale: Locale, report: &Report, by: Dimension) -> RateChart {
    let rows = report.coverage.table(by);
    let measured = rows.iter().filter(|row| row.counts.reference > 0);
    let lowest = measured
        .clone()
        .filter(|row| row.stratum.is_known())
        .reduce(|lowest, row| if row.counts.is_below(&lowest.counts) { row } else { lowest });
    let sentence = lowest.map_or_else(
        || text(locale, "report-nothing-measured", &[]),
        |row| {
            let rate = percent(locale, row.counts.covered, row.counts.reference);
            text(locale, "report-lowest", &[("stratum", row.stratum.label(locale).into()), ("rate", rate.into())])
        },
    );
    let base = if report.has_reference { "report-column-reference" } else { "report-column-asked" };
    RateChart {
        title: words::dimension(locale, by),
        subtitle: None,
        locale: spoken(locale),
        sentence,
        rates: measured
            .map(|row| Rate { label: row.stratum.label(locale), count: row.counts.covered, base: row.counts.reference })
            .collect(),
        columns: [column(by), "report-column-answered", base].map(|id| text(locale, id, &[])),
        note: None,
    }
}

pub(crate) fn all(locale: Locale, report: &Report) -> Vec<RateChart> {
    let coverage = Dimension::ALL.into_iter().map(|by| coverage(locale, report, by));
    [progress(locale, report), messages(locale, report)].into_iter().chain(coverage).collect()
}

fn column(by: Dimension) -> &'static str {
    match by {
        Dimension::Kind => "report-column-kind",
        Dimension::Population => "report-column-population",
        Dimension::Region => "report-column-region",
    }
}

fn header<const COLUMNS: usize>(locale: Locale, ids: [&str; COLUMNS]) -> Vec<String> {
    ids.iter().map(|id| text(locale, id, &[])).collect()
}

/// Both rates of every stratum, the whole in the last row.
pub(crate) fn strata(locale: Locale, report: &Report, by: Dimension) -> Table {
    let figures = |label: String, row: &super::coverage::Counts| {
        vec![
            label,
            number(locale, row.reference),
            number(locale, row.covered),
            percent(locale, row.covered, row.reference),
            number(locale, row.asked),
            number(locale, row.answered),
            percent(locale, row.answered, row.asked),
        ]
    };
    let rows = report.coverage.table(by).iter();
    let mut rows: Vec<_> =
        rows.map(|Row { stratum, counts }| figures(Stratum::label(*stratum, locale), counts)).collect();
    rows.push(figures(text(locale, "report-all", &[]), &report.coverage.all));
    Table {
        caption: words::dimension(locale, by),
        header: header(
            locale,
            [
                column(by),
                "report-column-reference",
                "report-column-covered",
                "report-column-coverage",
                "report-column-asked",
                "report-column-answered",
                "report-column-response",
            ],
        ),
        rows,
    }
}

/// Who was written to, by how far they came: its rows and columns sum to all.
pub(crate) fn contacts(locale: Locale, report: &Report) -> Table {
    let people = &report.funnel.respondents;
    let shown: Vec<Progress> =
        Progress::ALL.into_iter().filter(|progress| *progress != Progress::Opened || people.opened.is_some()).collect();
    let mut columns = header(locale, ["report-column-contact", "report-column-respondents"]);
    columns.extend(shown.iter().map(|progress| words::progress(locale, *progress)));
    let mut rows = Vec::new();
    for contact in Contact::ALL {
        let found = people.by_contact.get(&contact);
        let mut row = vec![words::contact(locale, contact), number(locale, found.map_or(0, |row| row.count))];
        row.extend(shown.iter().map(|progress| {
            let count = found.and_then(|row| row.progress.get(progress)).copied().unwrap_or_default();
            number(locale, count)
        }));
        rows.push(row);
    }
    let mut sums = vec![text(locale, "report-all", &[]), number(locale, people.all)];
    let count = |progress| people.by_progress.get(progress).copied().unwrap_or_default();
    sums.extend(shown.iter().map(|progress| number(locale, count(progress))));
    rows.push(sums);
    Table { caption: text(locale, "report-contacts", &[]), header: columns, rows }
}

/// Why messages are in their state.
pub(crate) fn reasons(locale: Locale, report: &Report) -> Table {
    let states = report.funnel.messages.states.iter();
    let rows = states.flat_map(|(state, row)| {
        let reasons = row.reasons.iter();
        reasons.map(|(code, count)| {
            vec![words::message_state(locale, *state), words::reason(locale, code), number(locale, *count)]
        })
    });
    Table {
        caption: text(locale, "report-reasons", &[]),
        header: header(locale, ["report-column-state", "report-column-reason", "report-column-messages"]),
        rows: rows.collect(),
    }
}

/// How many answers each step brought: its answers and those without a step sum to all answers.
pub(crate) fn reminders(locale: Locale, report: &Report) -> Table {
    let people = &report.funnel.respondents;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for step in &report.funnel.messages.steps {
        let of = |state| number(locale, step.states.get(&state).copied().unwrap_or_default());
        let kind = match (step.to_organisers, step.kind) {
            (true, _) => "report-step-organisers",
            (false, Some(StepKind::Invitation)) => "report-step-invitation",
            (false, Some(StepKind::Reminder)) => "report-step-reminder",
            (false, None) => "report-step-removed",
        };
        rows.push(vec![
            step.step.clone(),
            text(locale, kind, &[]),
            number(locale, step.planned),
            of(MessageState::Sent),
            of(MessageState::Unknown),
            number(locale, step.answers),
        ]);
    }
    let without = [
        ("report-answers-before", people.answers_before_messages),
        ("report-answers-unattributed", people.answers_unattributed),
        ("report-all", people.answered),
    ];
    for (id, answers) in without {
        let dash = || "–".to_owned();
        rows.push(vec![text(locale, id, &[]), dash(), dash(), dash(), dash(), number(locale, answers)]);
    }
    Table {
        caption: text(locale, "report-reminders", &[]),
        header: header(
            locale,
            [
                "report-column-step",
                "report-column-step-kind",
                "report-column-planned",
                "report-column-sent",
                "report-column-unknown",
                "report-column-answers",
            ],
        ),
        rows,
    }
}

/// What recipients pressed and said.
pub(crate) fn wishes(locale: Locale, report: &Report) -> Table {
    let rows = report
        .wishes
        .iter()
        .map(|wish| vec![words::wish(locale, &wish.kind), number(locale, wish.times), number(locale, wish.people)]);
    Table {
        caption: text(locale, "report-wishes", &[]),
        header: header(locale, ["report-column-wish", "report-column-times", "report-column-people"]),
        rows: rows.collect(),
    }
}

/// The list of whom to remind, its first `most` lines.
pub(crate) fn next(locale: Locale, report: &Report, most: usize) -> Table {
    let rows = report.next.iter().take(most).map(|line| {
        vec![
            number(locale, line.place as u64),
            line.body.name.clone(),
            line.body.code.clone(),
            how(locale, line.body.reminding),
            words::why(locale, line),
        ]
    });
    Table {
        caption: text(locale, "report-next", &[]),
        header: header(
            locale,
            [
                "report-column-place",
                "report-column-name",
                "report-column-code",
                "report-column-how",
                "report-column-why",
            ],
        ),
        rows: rows.collect(),
    }
}

pub(crate) fn how(locale: Locale, reminding: super::bodies::Reminding) -> String {
    match reminding {
        super::bodies::Reminding::InChat => text(locale, "report-how-chat", &[]),
        _ => text(locale, "report-how-otherwise", &[]),
    }
}
