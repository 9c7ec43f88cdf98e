//! The run: the clock goes from one moment that matters to the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use bot_core::Clock;
use bot_core::conformance::TestDatabase;
use bot_core::plugin::Plugin;
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::Rng as _;
use survey_reminders::SurveyReminders;
use survey_reminders::store::CampaignId;
use tokio::sync::mpsc;

use crate::campaigns::{After, Campaign, campaigns, home_time};
use crate::consultations::{self, Consultations};
use crate::crowd::{Act, Crowd, Deed, awake};
use crate::deeds::{Outcome, Stage};
use crate::dice::About;
use crate::life::{Birth, Life};
use crate::messenger::{Messenger, Reader, Scribe, Shown};
use crate::office::Office;
use crate::oracle::{Evidence, PlannedRow, Violation, judge};
use crate::record::{Approved, Entries, Message, Outage, Record};
use crate::seeding;
use crate::world::{Network, Size, World};

/// The Monday after the year 2026: every run ends there, and begins so many weeks before.
const END: NaiveDate = match NaiveDate::from_ymd_opt(2027, 1, 4) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// What the service has to do again within seconds is done together.
const STEP_MIN: TimeDelta = TimeDelta::seconds(30);
/// People who do something at the same time, by the real clock.
const DEEDS_AT_ONCE: usize = 8;
/// Calls after which a service that is to be killed is killed.
const CALLS_BEFORE_KILL: u64 = 40;

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub size: Size,
    /// 8 to 52.
    pub weeks: u32,
}

/// What happened, and what the judge says.
pub struct Trial {
    pub world: Arc<World>,
    pub campaigns: Vec<Campaign>,
    pub entries: Entries,
    pub rows: Vec<PlannedRow>,
    pub violations: Vec<Violation>,
    pub figures: Figures,
    ended_at: DateTime<Utc>,
}

impl Trial {
    /// Judges the same evidence, with another record of it.
    pub fn judged_with(&self, entries: &Entries, rows: &[PlannedRow]) -> Vec<Violation> {
        judge(&Evidence { world: &self.world, campaigns: &self.campaigns, entries, rows, ended_at: self.ended_at })
    }
}

#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub seeding_seconds: f64,
    pub running_seconds: f64,
    pub judging_seconds: f64,
    /// Moves of the clock.
    pub steps: u64,
    pub deeds: u64,
    pub gave_up: u64,
    pub unheard: u64,
    /// News of an answer that met messages under way.
    pub crossings: u64,
    pub lives: u64,
    pub kills: u64,
    pub calls: u64,
    /// By state, over all plugins.
    pub deliveries: Vec<(String, i64)>,
    /// Where the time went.
    pub seconds_by_part: Vec<(&'static str, f64)>,
}

/// What happens whatever people do.
#[derive(Clone, Copy, Debug)]
enum Item {
    Open(usize),
    Edit(usize),
    Stop,
    Start,
    /// In the middle of sending.
    Kill,
}

/// Runs a world from its first day to its last and judges it. `day` hears how far it is: days done, messages so far.
///
/// # Errors
/// When something does not work at all; broken promises are no error here.
pub async fn run(settings: Settings, day: impl FnMut(u64, usize)) -> Result<Trial> {
    let mut run = Run::begin(settings).await?;
    let ran = run.go_through(day).await;
    if let (Err(_), Some(life)) = (&ran, run.life.take()) {
        life.kill(&run.stage.messengers);
    }
    ran.with_context(|| format!("at {} (seed {})", run.stage.clock.now(), settings.size.seed))?;
    run.judged().await
}

struct Run {
    stage: Stage,
    campaigns: Vec<Campaign>,
    /// Their names in the database, once they are there.
    ids: Vec<Option<CampaignId>>,
    birth: Birth,
    life: Option<Life>,
    crowd: Crowd,
    seen: mpsc::UnboundedReceiver<Shown>,
    /// The latest first.
    agenda: Vec<(DateTime<Utc>, Item)>,
    stopped_at: DateTime<Utc>,
    started_on: NaiveDate,
    ends_at: DateTime<Utc>,
    /// The day on which Postgres last looked at how its tables have grown.
    housekept_on: i64,
    figures: Figures,
    parts: Parts,
    _database: TestDatabase,
}

/// Seconds of the real clock by what was done.
#[derive(Default)]
struct Parts {
    looking_ahead: f64,
    deeds: f64,
    sending: f64,
    agenda: f64,
}

impl Run {
    async fn begin(settings: Settings) -> Result<Self> {
        let began = Instant::now();
        let started_on = END - Days::new(7 * u64::from(settings.weeks));
        let start = home_time(started_on.and_time(NaiveTime::MIN));
        let world = Arc::new(World::new(settings.size));
        let campaigns = campaigns(started_on);
        let clock = Clock::manual(start);
        let record = Arc::new(Record::default());
        let database = TestDatabase::create().await;
        let (sender, seen) = mpsc::unbounded_channel();
        let reader = reader(&campaigns);
        let messengers = Network::ALL.map(|network| {
            let (record, reader) = (Arc::clone(&record), Arc::clone(&reader));
            let scribe: Scribe = Arc::new(move |sight| record.note(sight));
            Arc::new(Messenger::new(network, clock.clone(), world.dice(), reader, scribe, sender.clone()))
        });
        // The first Thursday, at ten.
        let first = home_time((started_on + Days::new(3)).and_time(NaiveTime::MIN) + TimeDelta::hours(10));
        let birth = Birth {
            options: database.options(),
            clock: clock.clone(),
            messengers: messengers.clone(),
            plugins: Arc::new(move || {
                Ok(vec![Arc::new(SurveyReminders::new()?) as Arc<dyn Plugin>, Arc::new(Consultations::new(first)?)])
            }),
            seed: settings.size.seed,
        };
        let office = Office::new(birth.assemble(0).await?, "survey-reminders")?;
        let organisation = office.organisation()?;
        let mut accounts = Vec::new();
        for network in Network::ALL {
            accounts.push(office.declare(network).await?);
        }
        let accounts = [accounts[0], accounts[1], accounts[2]];
        let collectivites =
            seeding::seed(office.pool(), &world, &campaigns, organisation, accounts, start).await.context("seeding")?;
        let ends_at = home_time(END.and_time(NaiveTime::MIN));
        let agenda = agenda(&world, &campaigns, start, ends_at);
        let stage = Stage { world, clock, messengers, office, record, collectivites, crossings: AtomicU64::default() };
        let figures = Figures { seeding_seconds: began.elapsed().as_secs_f64(), ..Figures::default() };
        Ok(Self {
            stage,
            ids: vec![None; campaigns.len()],
            campaigns,
            birth,
            life: None,
            crowd: Crowd::default(),
            seen,
            agenda,
            stopped_at: start,
            started_on,
            ends_at,
            housekept_on: 0,
            figures,
            parts: Parts::default(),
            _database: database,
        })
    }

    async fn go_through(&mut self, mut day: impl FnMut(u64, usize)) -> Result<()> {
        let began = Instant::now();
        self.start().await?;
        loop {
            self.settle().await?;
            let now = self.stage.clock.now();
            let days = (now.with_timezone(&crate::campaigns::HOME).date_naive() - self.started_on).num_days();
            day(days.unsigned_abs(), self.stage.record.messages());
            if now >= self.ends_at {
                break;
            }
            if days >= self.housekept_on + 7 {
                self.housekept_on = days;
                self.stage.office.keep_house().await?;
            }
            let looked = Instant::now();
            let next = self.next_moment(now).await?;
            self.parts.looking_ahead += looked.elapsed().as_secs_f64();
            self.stage.clock.set(next);
            self.figures.steps += 1;
            self.keep_agenda(next).await?;
            self.act(next).await?;
        }
        if let Some(life) = self.life.take() {
            life.end().await?;
        }
        self.figures.running_seconds = began.elapsed().as_secs_f64();
        Ok(())
    }

    async fn next_moment(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let due = match self.life {
            Some(_) => self.stage.office.next_moment(now).await?.map(|due| due.max(now + STEP_MIN)),
            None => None,
        };
        let agenda = self.agenda.last().map(|(at, _)| *at);
        let next = [due, self.crowd.next_at(), agenda, Some(self.ends_at)].into_iter().flatten().min();
        Ok(next.unwrap_or(self.ends_at).max(now))
    }

    /// Waits until the service is at rest, and lets people look at what they got.
    async fn settle(&mut self) -> Result<()> {
        if let Some(life) = &self.life {
            timed(&mut self.parts.sending, life.quiet()).await?;
        }
        while let Ok(shown) = self.seen.try_recv() {
            self.crowd.react(&self.stage.world, &shown);
        }
        Ok(())
    }

    async fn keep_agenda(&mut self, now: DateTime<Utc>) -> Result<()> {
        while let Some((_, item)) = self.agenda.pop_if(|(at, _)| *at <= now) {
            let began = Instant::now();
            match item {
                Item::Open(campaign) => {
                    let (id, _) = self.stage.office.open(&self.campaigns[campaign]).await?;
                    self.ids[campaign] = Some(id);
                    self.approved(campaign, 1);
                    self.invite(campaign).await?;
                }
                Item::Edit(campaign) => {
                    self.stage.office.edit(&self.campaigns[campaign], 2).await?;
                    self.approved(campaign, 2);
                }
                Item::Stop => {
                    if let Some(life) = self.life.take() {
                        life.end().await?;
                        self.stopped_at = now;
                    }
                }
                Item::Start => self.start().await?,
                Item::Kill => self.kill().await?,
            }
            self.parts.agenda += began.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// Some of those who never came are handed an invitation, and come within weeks. They stand in the approved list
    /// already: what is planned for them goes out from then on.
    async fn invite(&mut self, campaign: usize) -> Result<()> {
        let (world, now) = (Arc::clone(&self.stage.world), self.stage.clock.now());
        let plans = (0u32..).zip(&world.people).filter_map(|(number, person)| {
            let mut rng = world.dice().about(About::Invitation, &[campaign as u64, u64::from(number)]);
            let is_asked = person.bound.is_none() && person.agrees_to_reminders && rng.random_bool(0.05);
            let after = TimeDelta::minutes(rng.random_range(10..50 * 24 * 60));
            let network = Network::ALL[rng.random_range(0..Network::ALL.len())];
            is_asked.then_some((person.contact, (number, after, network)))
        });
        let plans: HashMap<_, _> = plans.collect();
        let contacts = plans.keys().copied().collect();
        for (contact, command) in self.stage.office.invite(contacts).await? {
            let (person, after, network) = plans[&contact];
            let at = awake(&world, person, now + after);
            self.crowd.intend(Act { at, person, deed: Deed::Accept { network, command } });
        }
        Ok(())
    }

    fn approved(&self, campaign: usize, version: u16) {
        let at = self.stage.clock.now();
        self.stage.record.write(|entries| {
            let order = entries.next_order();
            entries.approved.push(Approved { order, at, campaign, version });
        });
    }

    async fn start(&mut self) -> Result<()> {
        if self.life.is_some() {
            return Ok(());
        }
        self.figures.lives += 1;
        self.life = Some(Life::begin(&self.birth, self.figures.lives).await?);
        let (since, until) = (self.stopped_at, self.stage.clock.now());
        if since < until {
            self.stage.record.write(|entries| entries.outages.push(Outage { since, until }));
        }
        Ok(())
    }

    /// Kills the service once it has begun to send what is due at this moment.
    async fn kill(&mut self) -> Result<()> {
        let before = self.calls();
        let Some(life) = self.life.take() else { return Ok(()) };
        // Whatever comes first: enough calls, or nothing left to call about.
        let enough = async {
            while self.calls() < before + CALLS_BEFORE_KILL {
                crate::a_moment().await;
            }
        };
        tokio::select! {
            () = enough => {}
            quiet = life.quiet() => quiet?,
        }
        life.kill(&self.stage.messengers);
        self.figures.kills += 1;
        self.stopped_at = self.stage.clock.now();
        Ok(())
    }

    fn calls(&self) -> u64 {
        self.stage.messengers.iter().map(|messenger| messenger.calls()).sum()
    }

    /// People do what they intended to do by now, while the service may be busy with what is due.
    async fn act(&mut self, now: DateTime<Utc>) -> Result<()> {
        let began = Instant::now();
        let mut due: Vec<Act> = Vec::new();
        for act in self.crowd.take(now) {
            // Nobody does two things at once.
            if due.iter().any(|other| other.person == act.person) {
                self.crowd.intend(Act { at: now + TimeDelta::minutes(10), ..act });
            } else {
                due.push(act);
            }
        }
        self.figures.deeds += due.len() as u64;
        let (stage, ids, running) = (&self.stage, self.ids.as_slice(), self.life.is_some());
        let deeds = stream::iter(due).map(|act| stage.perform(act, running, ids));
        let outcomes: Vec<Outcome> = deeds.buffer_unordered(DEEDS_AT_ONCE).try_collect().await?;
        for outcome in outcomes {
            match outcome {
                Outcome::Done => {}
                Outcome::GaveUp => self.figures.gave_up += 1,
                Outcome::Unheard(act) => {
                    self.figures.unheard += 1;
                    self.crowd.intend(Act { at: self.when_heard(now), ..act });
                }
            }
        }
        self.parts.deeds += began.elapsed().as_secs_f64();
        Ok(())
    }

    /// Networks keep what people did until the service is there again.
    fn when_heard(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let start = self.agenda.iter().rev().find(|(_, item)| matches!(item, Item::Start)).map(|(at, _)| *at);
        start.filter(|_| self.life.is_none()).unwrap_or(now) + TimeDelta::minutes(1)
    }

    async fn judged(mut self) -> Result<Trial> {
        let began = Instant::now();
        let ended_at = self.stage.clock.now();
        let rows = self.stage.office.rows(&self.stage.world, &self.campaigns).await?;
        self.figures.deliveries = self.stage.office.deliveries().await?;
        self.figures.crossings = self.stage.crossings.load(Ordering::Relaxed);
        self.figures.calls = self.calls();
        let Parts { looking_ahead, deeds, sending, agenda } = self.parts;
        self.figures.seconds_by_part =
            vec![("sending", sending), ("deeds", deeds), ("agenda", agenda), ("looking ahead", looking_ahead)];
        let entries = self.stage.record.entries();
        let world = Arc::clone(&self.stage.world);
        let campaigns = self.campaigns;
        let violations =
            judge(&Evidence { world: &world, campaigns: &campaigns, entries: &entries, rows: &rows, ended_at });
        self.figures.judging_seconds = began.elapsed().as_secs_f64();
        Ok(Trial { world, campaigns, entries, rows, violations, figures: self.figures, ended_at })
    }
}

async fn timed<T>(seconds: &mut f64, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    *seconds += began.elapsed().as_secs_f64();
    done
}

/// Tells messages apart by their first lines.
fn reader(campaigns: &[Campaign]) -> Reader {
    let known: Vec<(&'static str, Vec<&'static str>)> = campaigns
        .iter()
        .map(|campaign| (campaign.title, campaign.steps.iter().map(|step| step.key).collect()))
        .collect();
    Arc::new(move |words| {
        let line = words.lines().next().unwrap_or_default();
        if let Some(number) = consultations::number_in(line) {
            return Message::Consultation { number };
        }
        let found = known.iter().enumerate().find_map(|(campaign, (title, steps))| {
            let (step, _) = line.strip_prefix(title)?.strip_prefix(" (")?.split_once(',')?;
            Some((campaign, steps.iter().position(|key| *key == step)?))
        });
        match found {
            Some((campaign, step)) => Message::Campaign { campaign, step, line: line.into() },
            None => Message::Reply,
        }
    })
}

/// Everything that is fixed beforehand, the latest first: campaigns, and when the service is not there.
fn agenda(
    world: &World,
    campaigns: &[Campaign],
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, Item)> {
    let mut agenda = Vec::new();
    let mut outages = nights_and_holidays();
    for (number, campaign) in campaigns.iter().enumerate() {
        agenda.push((campaign.opens_at() - TimeDelta::hours(18), Item::Open(number)));
        agenda.extend(campaign.edited.map(|edited| (home_time(edited), Item::Edit(number))));
        // Six hours over a step; each policy has its own result.
        let missed = match campaign.slug {
            "printemps" => "relance-2",
            "barometre" => "dernier-rappel",
            _ => "relance",
        };
        if let Some(at) = time_of(campaign, missed) {
            outages.push((at - TimeDelta::hours(1), at + TimeDelta::hours(5), Item::Stop));
        }
        if campaign.slug == "barometre"
            && let Some(at) = time_of(campaign, "relance-3")
        {
            outages.push((at, at + TimeDelta::minutes(40), Item::Kill));
        }
    }
    outages.extend(strokes_of_fate(world, start, end));
    outages.retain(|(since, until, _)| *since > start + TimeDelta::days(1) && *until < end - TimeDelta::days(7));
    // A kill is never left out for another outage.
    outages.sort_by_key(|(since, _, item)| (!matches!(item, Item::Kill), *since));
    let mut kept: Vec<(DateTime<Utc>, DateTime<Utc>, Item)> = Vec::new();
    for outage in outages {
        if kept.iter().all(|other| other.1 < outage.0 || outage.1 < other.0) {
            kept.push(outage);
        }
    }
    agenda.extend(kept.into_iter().flat_map(|(since, until, item)| [(since, item), (until, Item::Start)]));
    agenda.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    agenda
}

/// When a step is due in most of the country.
fn time_of(campaign: &Campaign, key: &str) -> Option<DateTime<Utc>> {
    let step = campaign.step(key)?;
    let day = match step.when {
        After::Opening(days) => campaign.opens.date() + Days::new(days),
        After::Deadline(days) => campaign.deadline.date() - Days::new(days),
    };
    Some(home_time(day.and_time(NaiveTime::MIN) + TimeDelta::hours(i64::from(step.hour))))
}

/// Outages over both nights in which the clocks change, and over holidays.
fn nights_and_holidays() -> Vec<(DateTime<Utc>, DateTime<Utc>, Item)> {
    let wall = |text: &str| NaiveDateTime::parse_from_str(text, "%F %R").map(home_time).unwrap_or_default();
    [
        ("2026-03-28 20:00", "2026-03-30 11:30"),
        ("2026-05-07 22:00", "2026-05-09 19:00"),
        ("2026-07-13 18:00", "2026-07-15 08:15"),
        ("2026-10-24 22:00", "2026-10-26 12:00"),
        ("2026-10-31 12:00", "2026-11-02 09:30"),
        ("2026-11-10 23:30", "2026-11-12 09:45"),
    ]
    .into_iter()
    .map(|(since, until)| (wall(since), wall(until), Item::Stop))
    .collect()
}

/// One outage in three weeks, of minutes to days.
fn strokes_of_fate(
    world: &World,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>, Item)> {
    let count = (end - start).num_weeks().unsigned_abs() / 3;
    let outages = (0..count).map(|number| {
        let mut rng = world.dice().about(About::Outage, &[number]);
        let since = start + TimeDelta::minutes(rng.random_range(0..(end - start).num_minutes()));
        let hours = [1, 3, 8, 30, 60][rng.random_range(0..5)];
        let until = since + TimeDelta::minutes(rng.random_range(10..60) * hours);
        (since, until, Item::Stop)
    });
    outages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_do_not_overlap_and_the_service_comes_back_from_each() {
        for weeks in [12, 52] {
            let first = END - Days::new(7 * weeks);
            let (start, end) = (home_time(first.and_time(NaiveTime::MIN)), home_time(END.and_time(NaiveTime::MIN)));
            let world = World::new(Size { collectivites: 40, contacts: 60, seed: 1 });
            let agenda = agenda(&world, &campaigns(first), start, end);
            let mut is_there = true;
            let mut kills = 0;
            for (_, item) in agenda.iter().rev() {
                match item {
                    Item::Stop | Item::Kill => {
                        assert!(is_there);
                        is_there = false;
                        kills += u32::from(matches!(item, Item::Kill));
                    }
                    Item::Start => is_there = true,
                    Item::Open(_) | Item::Edit(_) => {}
                }
            }
            assert!(is_there && kills == 1, "{agenda:?}");
        }
    }

    #[test]
    fn messages_are_told_apart_by_their_first_line() {
        let campaigns = campaigns(END - Days::new(84));
        let read = reader(&campaigns);
        let line = campaigns[0].line("relance-1", 3, "Personne 7");
        assert_eq!(read(&line), Message::Campaign { campaign: 0, step: 1, line: line.as_str().into() });
        assert_eq!(read("Consultation n° 12"), Message::Consultation { number: 12 });
        assert_eq!(read("Bonjour"), Message::Reply);
    }
}
