//! What a run came to, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use serde::Serialize;

use crate::record::{Decision, Message};
use crate::run::{Settings, Trial};

#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub seed: u64,
    pub collectivites: usize,
    pub contacts: usize,
    pub weeks: u32,
    /// Messages that people received.
    pub reminders: usize,
    pub consultations: usize,
    pub replies: usize,
    /// What became known to the service.
    pub decisions: BTreeMap<&'static str, usize>,
    pub campaigns: Vec<CampaignSummary>,
    pub deliveries: BTreeMap<String, i64>,
    pub outages: usize,
    pub kills: u64,
    /// Intentions nobody was there to hear of, which were repeated.
    pub unheard: u64,
    pub gave_up: u64,
    /// Messages that were under way when the news came that would have stopped them.
    pub crossings: u64,
    pub clock_moves: u64,
    pub platform_calls: u64,
    pub seeding_seconds: f64,
    pub running_seconds: f64,
    pub judging_seconds: f64,
    pub seconds_by_part: BTreeMap<&'static str, f64>,
    /// Calls to the networks and deeds of people, for each second of the run.
    pub events_per_second: f64,
    pub memory_max_megabytes: Option<u64>,
    pub violations: Vec<String>,
    /// What the first people with whom a promise was broken were like, did and received.
    pub histories: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CampaignSummary {
    pub slug: &'static str,
    pub planned: usize,
    pub by_state: BTreeMap<&'static str, usize>,
    /// Of those that were not sent.
    pub by_reason: BTreeMap<String, usize>,
}

/// Violations that are written out; the rest is counted.
const SHOWN_MAX: usize = 30;
const HISTORIES_MAX: usize = 5;

impl Summary {
    pub fn of(settings: Settings, trial: &Trial) -> Self {
        let received = &trial.entries.received;
        let count = |which: fn(&Message) -> bool| received.iter().filter(|message| which(&message.message)).count();
        let mut decisions = BTreeMap::new();
        for entry in &trial.entries.decided {
            *decisions.entry(name_of(entry.decision)).or_default() += 1;
        }
        let campaigns = trial.campaigns.iter().enumerate().map(|(number, campaign)| {
            let rows = || trial.rows.iter().filter(|row| row.campaign == number);
            let mut by_state: BTreeMap<_, usize> = BTreeMap::new();
            let mut by_reason: BTreeMap<_, usize> = BTreeMap::new();
            for row in rows() {
                *by_state.entry(row.state.as_str()).or_default() += 1;
                if let Some(reason) = row.reason.as_ref().filter(|_| row.state != crate::oracle::RowState::Sent) {
                    *by_reason.entry(reason.clone()).or_default() += 1;
                }
            }
            CampaignSummary { slug: campaign.slug, planned: rows().count(), by_state, by_reason }
        });
        let figures = &trial.figures;
        Self {
            seed: settings.size.seed,
            collectivites: trial.world.collectivites.len(),
            contacts: trial.world.people.len(),
            weeks: settings.weeks,
            reminders: count(|message| matches!(message, Message::Campaign { .. })),
            consultations: count(|message| matches!(message, Message::Consultation { .. })),
            replies: count(|message| matches!(message, Message::Reply)),
            decisions,
            campaigns: campaigns.collect(),
            deliveries: figures.deliveries.iter().cloned().collect(),
            outages: trial.entries.outages.len(),
            kills: figures.kills,
            unheard: figures.unheard,
            gave_up: figures.gave_up,
            crossings: figures.crossings,
            clock_moves: figures.steps,
            platform_calls: figures.calls,
            seeding_seconds: figures.seeding_seconds,
            running_seconds: figures.running_seconds,
            judging_seconds: figures.judging_seconds,
            seconds_by_part: figures.seconds_by_part.iter().copied().collect(),
            events_per_second: (figures.calls + figures.deeds) as f64 / figures.running_seconds.max(0.001),
            memory_max_megabytes: memory_max_megabytes(),
            violations: trial.violations.iter().map(ToString::to_string).collect(),
            histories: histories(trial),
        }
    }
}

fn histories(trial: &Trial) -> Vec<String> {
    let people: BTreeSet<u32> = trial.violations.iter().filter_map(|violation| violation.person).collect();
    people.into_iter().take(HISTORIES_MAX).map(|person| history(trial, person)).collect()
}

/// A person's story, and what their collectivité's others decided, in order.
fn history(trial: &Trial, person: u32) -> String {
    let who = &trial.world.people[person as usize];
    let body = trial.world.collectivite_of(person);
    let mut lines = BTreeMap::new();
    for entry in trial.entries.decided.iter().filter(|entry| body.people.contains(&entry.person)) {
        let line = format!("{} person {}: {:?}", entry.at.format("%F %T"), entry.person, entry.decision);
        lines.insert(entry.order, line);
    }
    for received in trial.entries.received.iter().filter(|received| received.person == person) {
        let (at, network) = (received.at.format("%F %T"), received.network.as_str());
        let line = match &received.message {
            Message::Campaign { line, .. } => line.to_string(),
            other => format!("{other:?}"),
        };
        lines.insert(received.order, format!("{at} on {network}: {line}"));
    }
    for knock in trial.entries.knocked.iter().filter(|knock| knock.person == person) {
        lines.insert(knock.order, format!("{} refused on {}", knock.at.format("%F %T"), knock.network.as_str()));
    }
    let story: Vec<String> = lines.into_values().collect();
    let (place, network) = (body.place.code, who.bound.map_or("unbound", |network| network.as_str()));
    format!("person {person}, {}, {place}, {network}, rank {}\n    {}", body.name, who.rank, story.join("\n    "))
}

fn name_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Started { .. } => "started",
        Decision::Answered { .. } => "answered",
        Decision::Snoozed { .. } => "snoozed",
        Decision::NotMine { .. } => "not mine",
        Decision::StoppedCampaign { .. } => "stopped the campaign",
        Decision::Stopped => "said STOP",
        Decision::Blocked { .. } => "blocked",
        Decision::Joined { .. } => "came or moved",
    }
}

/// The most memory this process ever held (proc(5), VmHWM). `None` where there is no such file.
pub fn memory_max_megabytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024)
}

pub fn list<K: fmt::Display, V: fmt::Display>(counts: &BTreeMap<K, V>) -> String {
    counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, collectivites, contacts, weeks, .. } = self;
        writeln!(f, "{collectivites} collectivités, {contacts} contacts, {weeks} weeks, seed {seed}")?;
        let (reminders, consultations, replies) = (self.reminders, self.consultations, self.replies);
        writeln!(f, "received   {reminders} reminders, {consultations} consultations, {replies} replies")?;
        writeln!(f, "heard      {}", list(&self.decisions))?;
        for campaign in &self.campaigns {
            writeln!(f, "{:10} planned {} = {}", campaign.slug, campaign.planned, list(&campaign.by_state))?;
            writeln!(f, "           not sent: {}", list(&campaign.by_reason))?;
        }
        writeln!(f, "deliveries {}", list(&self.deliveries))?;
        let (outages, kills, unheard) = (self.outages, self.kills, self.unheard);
        writeln!(f, "outages    {outages}, {kills} of them a kill; {unheard} things done meanwhile and repeated")?;
        writeln!(
            f,
            "crossings  {} messages under way when news came; {} people gave up",
            self.crossings, self.gave_up
        )?;
        let parts: Vec<String> = self.seconds_by_part.iter().map(|(part, s)| format!("{part} {s:.1} s")).collect();
        writeln!(
            f,
            "time       {:.1} s seeding, {:.1} s running ({}), {:.1} s judging",
            self.seeding_seconds,
            self.running_seconds,
            parts.join(", "),
            self.judging_seconds
        )?;
        let rate = self.events_per_second;
        writeln!(f, "pace       {rate:.0} events/s, {} calls, {} clock moves", self.platform_calls, self.clock_moves)?;
        if let Some(megabytes) = self.memory_max_megabytes {
            writeln!(f, "memory     {megabytes} MB at most")?;
        }
        if self.violations.is_empty() {
            return write!(f, "every promise was kept");
        }
        writeln!(f, "{} promises were broken; the same seed shows them again:", self.violations.len())?;
        self.violations.iter().take(SHOWN_MAX).try_for_each(|violation| writeln!(f, "  {violation}"))?;
        self.histories.iter().try_for_each(|history| writeln!(f, "  {history}"))
    }
}
