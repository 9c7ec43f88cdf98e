//! What a run of digests came to, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::book::{Decision, What};
use super::run::{Settings, Trial};
use crate::oracle::RowState;
use crate::summary::{list, memory_max_megabytes};

#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub seed: u64,
    pub readers: usize,
    pub rooms: usize,
    pub weeks: u32,
    /// Messages that arrived.
    pub digests: usize,
    pub consultations: usize,
    pub replies: u64,
    /// What became known to the service.
    pub decisions: BTreeMap<&'static str, usize>,
    pub editions: usize,
    pub editions_skipped: usize,
    /// Readers' digests.
    pub planned: usize,
    pub by_state: BTreeMap<&'static str, usize>,
    /// Of those that were not sent.
    pub by_reason: BTreeMap<String, usize>,
    pub deliveries: BTreeMap<String, i64>,
    pub outages: usize,
    pub kills: u64,
    pub jams: usize,
    /// Intentions nobody was there to hear of, which were repeated.
    pub unheard: u64,
    pub gave_up: u64,
    /// What some of them waited for.
    pub in_vain: Vec<String>,
    pub deeds: u64,
    pub clock_moves: u64,
    pub platform_calls: u64,
    pub seeding_seconds: f64,
    pub running_seconds: f64,
    pub judging_seconds: f64,
    pub seconds_by_part: BTreeMap<&'static str, f64>,
    /// The most that the process held in each week, without the simulation's own book.
    pub megabytes_by_week: Vec<u64>,
    /// That book at the end.
    pub book_megabytes: u64,
    /// With the judge.
    pub memory_max_megabytes: Option<u64>,
    pub violations: Vec<String>,
    /// What the first readers with whom a promise was broken were like, did and received.
    pub histories: Vec<String>,
}

/// Violations that are written out; the rest is counted.
const SHOWN_MAX: usize = 30;
const HISTORIES_MAX: usize = 5;
const IN_VAIN_MAX: usize = 5;

impl Summary {
    pub fn of(settings: Settings, trial: &Trial) -> Self {
        let (entries, figures) = (&trial.entries, &trial.figures);
        let mut decisions = BTreeMap::new();
        for entry in &entries.decided {
            *decisions.entry(name_of(entry.decision)).or_default() += 1;
        }
        let (mut by_state, mut by_reason) = (BTreeMap::new(), BTreeMap::new());
        for row in &trial.table.rows {
            *by_state.entry(row.state.as_str()).or_default() += 1;
            let reason = row.reason.and_then(|place| trial.table.reasons.get(usize::from(place)));
            if let Some(reason) = reason.filter(|_| row.state != RowState::Sent) {
                *by_reason.entry(reason.clone()).or_default() += 1;
            }
        }
        let digests = entries.received.iter().filter(|message| matches!(message.what, What::Digest(_))).count();
        Self {
            seed: settings.seed,
            readers: trial.readers.seats.len(),
            rooms: trial.readers.seats.iter().filter(|seat| seat.is_room).count(),
            weeks: settings.weeks,
            digests,
            consultations: entries.received.len() - digests,
            replies: entries.replies,
            decisions,
            editions: entries.approved.len(),
            editions_skipped: entries.skipped.len(),
            planned: trial.table.rows.len(),
            by_state,
            by_reason,
            deliveries: figures.deliveries.iter().cloned().collect(),
            outages: entries.outages.len(),
            kills: figures.kills,
            jams: entries.jams.len(),
            unheard: figures.unheard,
            gave_up: figures.gave_up,
            in_vain: figures.in_vain.iter().take(IN_VAIN_MAX).cloned().collect(),
            deeds: figures.deeds,
            clock_moves: figures.steps,
            platform_calls: figures.calls,
            seeding_seconds: figures.seeding_seconds,
            running_seconds: figures.running_seconds,
            judging_seconds: figures.judging_seconds,
            seconds_by_part: figures.seconds_by_part.iter().copied().collect(),
            megabytes_by_week: trial.memory.iter().map(|sample| sample.net() >> 20).collect(),
            book_megabytes: trial.memory.last().map_or(0, |sample| sample.book >> 20),
            memory_max_megabytes: memory_max_megabytes(),
            violations: trial.violations.iter().map(ToString::to_string).collect(),
            histories: histories(trial),
        }
    }
}

fn histories(trial: &Trial) -> Vec<String> {
    let seats: BTreeSet<u32> = trial.violations.iter().filter_map(|violation| violation.seat).collect();
    seats.into_iter().take(HISTORIES_MAX).map(|seat| history(trial, seat)).collect()
}

/// A reader's story, with that of their other chat, in order.
fn history(trial: &Trial, number: u32) -> String {
    let seat = trial.readers.seat(number);
    let is_theirs = |other: u32| other == number || Some(other) == seat.partner;
    let mut lines = BTreeMap::new();
    for entry in trial.entries.decided.iter().filter(|entry| is_theirs(entry.seat)) {
        let line = format!("{} {}: {:?}", entry.at.format("%F %T"), entry.seat, entry.decision);
        lines.insert(entry.order, line);
    }
    for message in trial.entries.received.iter().filter(|message| is_theirs(message.seat)) {
        lines
            .insert(message.order, format!("{} {} got {:?}", message.at().format("%F %T"), message.seat, message.what));
    }
    for refused in trial.entries.refused.iter().filter(|refused| is_theirs(refused.seat)) {
        let at = chrono::DateTime::<chrono::Utc>::from(refused.at);
        lines.insert(refused.order, format!("{} {} {:?}", at.format("%F %T"), refused.seat, refused.refusal));
    }
    for row in trial.table.rows.iter().filter(|row| is_theirs(row.seat)) {
        let edition = trial.entries.approved.iter().find(|edition| edition.number == row.edition);
        let reason = row.reason.and_then(|place| trial.table.reasons.get(usize::from(place)));
        let order = edition.map_or(0, |edition| edition.order);
        let line = format!("edition {} for {}: {} {reason:?}", row.edition, row.seat, row.state.as_str());
        lines.entry(order).and_modify(|lines| *lines = format!("{lines}\n    {line}")).or_insert(line);
    }
    let story: Vec<String> = lines.into_values().collect();
    format!("reader {number}: {seat:?}\n    {}", story.join("\n    "))
}

fn name_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Wishes(_) => "subscribed or changed",
        Decision::Left => "left",
        Decision::Stopped => "said STOP",
        Decision::Blocked => "blocked",
        Decision::Returned => "returned",
        Decision::Linked { .. } => "linked",
        Decision::Parted { .. } => "parted",
        Decision::Erased => "erased",
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, readers, rooms, weeks, .. } = self;
        writeln!(f, "{readers} readers, {rooms} of them rooms, {weeks} weeks, seed {seed}")?;
        let (digests, consultations, replies) = (self.digests, self.consultations, self.replies);
        writeln!(f, "received   {digests} digests, {consultations} consultations, {replies} replies")?;
        writeln!(f, "heard      {}", list(&self.decisions))?;
        let (editions, skipped) = (self.editions, self.editions_skipped);
        writeln!(f, "editions   {editions} approved, {skipped} skipped")?;
        writeln!(f, "digests    planned {} = {}", self.planned, list(&self.by_state))?;
        writeln!(f, "           not sent: {}", list(&self.by_reason))?;
        writeln!(f, "deliveries {}", list(&self.deliveries))?;
        let (outages, kills, jams, unheard) = (self.outages, self.kills, self.jams, self.unheard);
        writeln!(f, "outages    {outages}, {kills} of them a kill; {jams} networks jammed; {unheard} things repeated")?;
        writeln!(f, "deeds      {}; {} people gave up", self.deeds, self.gave_up)?;
        self.in_vain.iter().try_for_each(|line| writeln!(f, "           {line}"))?;
        let parts: Vec<String> = self.seconds_by_part.iter().map(|(part, s)| format!("{part} {s:.1} s")).collect();
        let (seeding, running, judging) = (self.seeding_seconds, self.running_seconds, self.judging_seconds);
        let parts = parts.join(", ");
        writeln!(f, "time       {seeding:.1} s seeding, {running:.1} s running ({parts}), {judging:.1} s judging")?;
        writeln!(f, "pace       {} calls, {} clock moves", self.platform_calls, self.clock_moves)?;
        let weeks: Vec<String> = self.megabytes_by_week.iter().map(u64::to_string).collect();
        writeln!(f, "memory     {} MB by week, and a book of {} MB", weeks.join(" "), self.book_megabytes)?;
        if self.violations.is_empty() {
            return write!(f, "every promise was kept");
        }
        writeln!(f, "{} promises were broken; the same seed shows them again:", self.violations.len())?;
        self.violations.iter().take(SHOWN_MAX).try_for_each(|violation| writeln!(f, "  {violation}"))?;
        self.histories.iter().try_for_each(|history| writeln!(f, "  {history}"))
    }
}
