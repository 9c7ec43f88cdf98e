//! The run of digests: the clock goes from one moment that matters to the next.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, Result};
use barometer_digests::BarometerDigests;
use bot_core::Clock;
use bot_core::conformance::TestDatabase;
use bot_core::plugin::Plugin;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;

use super::agenda::{Agenda, Entry, agenda};
use super::book::{Book, Entries, Jam, Order};
use super::deeds::{Outcome, Stage};
use super::desk::{Desk, Treated};
use super::editions::{Item, file, items};
use super::habits::{Act, Intentions, Standing, deed, reaction, week};
use super::oracle::{Evidence, Sample, Table, Violation, judge};
use super::readers::Readers;
use super::reading;
use super::seeding;
use crate::campaigns::{HOME, home_time};
use crate::consultations::{self, Consultations};
use crate::life::{Birth, Life};
use crate::messenger::{Messenger, Reader, Scribe, Shown, Sight};
use crate::office::Office;
use crate::record::{Message, Outage};
use crate::world::Network;

/// The Monday after the year 2026: every run ends there, and begins so many weeks before.
const END: NaiveDate = match NaiveDate::from_ymd_opt(2027, 1, 4) {
    Some(date) => date,
    None => NaiveDate::MIN,
};
/// Where the public pages are.
pub const PUBLIC_URL: &str = "https://crieur.example.org";

/// What the service has to do again within minutes is done together.
const STEP_MIN: TimeDelta = TimeDelta::minutes(3);
/// Readers who do something at the same time, by the real clock.
const DEEDS_AT_ONCE: usize = 8;
/// Calls after which a service that is to be killed is killed.
const CALLS_BEFORE_KILL: u64 = 40;
/// Editions of the last days are looked for among so many approvals.
const MONTH_BEGINS_UNTIL: u32 = 5;

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub readers: usize,
    /// 4 to 52.
    pub weeks: u32,
    pub seed: u64,
}

/// What happened, and what the judge says.
pub struct Trial {
    pub readers: Arc<Readers>,
    pub items: Vec<Item>,
    pub entries: Entries,
    pub table: Table,
    pub memory: Vec<Sample>,
    pub violations: Vec<Violation>,
    pub figures: Figures,
    ended_at: DateTime<Utc>,
}

impl Trial {
    /// Judges the same evidence, with another record of it.
    pub fn judged_with(&self, entries: &Entries, table: &Table) -> Vec<Violation> {
        let Self { readers, items, memory, ended_at, .. } = self;
        judge(&Evidence { readers, items, entries, table, memory, ended_at: *ended_at })
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
    pub lives: u64,
    pub kills: u64,
    pub calls: u64,
    /// By state, over all plugins.
    pub deliveries: Vec<(String, i64)>,
    /// Where the time went.
    pub seconds_by_part: Vec<(&'static str, f64)>,
    /// What people waited for in vain.
    pub in_vain: Vec<String>,
}

/// Runs a world of readers from its first day to its last and judges it. `day` hears how far it is: days done,
/// messages so far.
///
/// # Errors
/// When something does not work at all; broken promises are no error here.
pub async fn run(settings: Settings, day: impl FnMut(u64, usize)) -> Result<Trial> {
    let mut run = Run::begin(settings).await?;
    let ran = run.go_through(day).await;
    if let (Err(_), Some(life)) = (&ran, run.life.take()) {
        life.kill(&run.stage.messengers);
    }
    ran.with_context(|| format!("at {} (seed {})", run.stage.clock.now(), settings.seed))?;
    run.judged().await
}

struct Run {
    stage: Stage,
    items: Vec<Item>,
    birth: Birth,
    life: Option<Life>,
    intentions: Intentions,
    seen: mpsc::UnboundedReceiver<Shown>,
    agenda: Agenda,
    stopped_at: DateTime<Utc>,
    started_on: NaiveDate,
    ends_at: DateTime<Utc>,
    /// The last entry of the book before this moment.
    begun: Order,
    memory: Vec<Sample>,
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
        let readers = Arc::new(Readers::new(settings.readers, settings.seed));
        let dice = readers.dice();
        let items = items(dice, started_on, settings.weeks);
        let clock = Clock::manual(start);
        let book = Arc::new(Book::default());
        let database = TestDatabase::create().await;
        let (sender, seen) = mpsc::unbounded_channel();
        let reader: Reader = Arc::new(read);
        let messengers = Network::ALL.map(|network| {
            let scribe = scribe(Arc::clone(&book), Arc::clone(&readers));
            Arc::new(Messenger::new(network, clock.clone(), dice, Arc::clone(&reader), scribe, sender.clone()))
        });
        // The first Thursday, at ten.
        let first = home_time((started_on + Days::new(3)).and_time(NaiveTime::MIN) + TimeDelta::hours(10));
        let birth = Birth {
            options: database.options(),
            clock: clock.clone(),
            messengers: messengers.clone(),
            plugins: Arc::new(move || {
                Ok(vec![Arc::new(BarometerDigests::new()?) as Arc<dyn Plugin>, Arc::new(Consultations::new(first)?)])
            }),
            seed: settings.seed,
        };
        let office = Office::new(birth.assemble(0).await?, "barometer-digests")?;
        let organisation = office.organisation()?;
        let mut accounts = Vec::new();
        for network in Network::ALL {
            accounts.push(office.declare(network).await?);
        }
        let accounts = [accounts[0], accounts[1], accounts[2]];
        seeding::seed(office.pool(), &readers, organisation, accounts, start).await.context("seeding")?;
        let mut desk = Desk::new(office);
        desk.set_file(&file()).await?;
        desk.learn_readers(&readers).await?;
        let standings = readers.seats.iter().map(|seat| Standing {
            wishes: seat.wishes,
            is_subscribed: seat.wishes.is_some(),
            ..Standing::default()
        });
        let standings = Mutex::new(standings.collect());
        let agenda = agenda(dice, started_on, settings.weeks, &items);
        let figures = Figures { seeding_seconds: began.elapsed().as_secs_f64(), ..Figures::default() };
        Ok(Self {
            stage: Stage { readers, clock, messengers, desk, book, standings },
            items,
            birth,
            life: None,
            intentions: Intentions::default(),
            seen,
            agenda,
            stopped_at: start,
            started_on,
            ends_at: home_time(END.and_time(NaiveTime::MIN)),
            begun: 0,
            memory: Vec::new(),
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
            let today = now.with_timezone(&HOME).date_naive();
            day((today - self.started_on).num_days().unsigned_abs(), self.stage.book.messages());
            if today.day() <= MONTH_BEGINS_UNTIL {
                self.note_automatic().await?;
            }
            if now >= self.ends_at {
                break;
            }
            let looked = Instant::now();
            let next = self.next_moment(now).await?;
            self.parts.looking_ahead += looked.elapsed().as_secs_f64();
            self.begun = self.stage.book.write(Entries::next_order);
            self.stage.clock.set(next);
            self.figures.steps += 1;
            self.keep_agenda(next).await?;
            self.act(next).await?;
        }
        self.remember();
        if let Some(life) = self.life.take() {
            life.end().await?;
        }
        self.figures.running_seconds = began.elapsed().as_secs_f64();
        Ok(())
    }

    async fn next_moment(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let due = match self.life {
            Some(_) => self.stage.desk.office.next_moment(now).await?.map(|due| due.max(now + STEP_MIN)),
            None => None,
        };
        let agenda = self.agenda.last().map(|(at, _)| *at);
        let next = [due, self.intentions.next_at(), agenda, Some(self.ends_at)].into_iter().flatten().min();
        Ok(next.unwrap_or(self.ends_at).max(now))
    }

    /// Waits until the service is at rest, and lets readers look at what they got.
    async fn settle(&mut self) -> Result<()> {
        if let Some(life) = &self.life {
            let began = Instant::now();
            life.quiet().await?;
            self.parts.sending += began.elapsed().as_secs_f64();
        }
        while let Ok(shown) = self.seen.try_recv() {
            if let Some((at, act)) = reaction(&self.stage.readers, &shown) {
                self.intentions.intend(at, act);
            }
        }
        Ok(())
    }

    async fn keep_agenda(&mut self, now: DateTime<Utc>) -> Result<()> {
        while let Some((_, entry)) = self.agenda.pop_if(|(at, _)| *at <= now) {
            let began = Instant::now();
            match entry {
                Entry::Week(number) => self.week(number, now).await?,
                Entry::Item(place) => self.stage.desk.put_in(&self.items[place..=place]).await?,
                Entry::Treat(week, treatment) => {
                    let book = Arc::clone(&self.stage.book);
                    let treated = self.stage.desk.treat(week, treatment, || book.write(Entries::next_order)).await;
                    let treated = treated.with_context(|| format!("the edition of week {week}"))?;
                    self.stage.desk.learn_readers(&self.stage.readers).await?;
                    book.write(|entries| match treated {
                        Treated::Approved(approved) => entries.approved.push(approved),
                        Treated::Skipped(number) => entries.skipped.push(number),
                    });
                }
                Entry::Jam(network, until) => {
                    self.stage.messengers[network.number()].jam(until);
                    self.stage.book.write(|entries| entries.jams.push(Jam { network, since: now, until }));
                }
                Entry::Stop => {
                    if let Some(life) = self.life.take() {
                        life.end().await?;
                        self.stopped_at = now;
                    }
                }
                Entry::Start => self.start().await?,
                Entry::Kill => self.kill().await?,
            }
            self.parts.agenda += began.elapsed().as_secs_f64();
        }
        Ok(())
    }

    async fn week(&mut self, number: u32, now: DateTime<Utc>) -> Result<()> {
        if number > 0 {
            self.remember();
            self.stage.desk.learn_readers(&self.stage.readers).await?;
            self.stage.desk.office.keep_house().await?;
        }
        for (at, seat) in week(&self.stage.readers, number, now) {
            let standing = self.stage.standing(seat);
            if let Some(deed) = deed(&self.stage.readers, seat, &standing, at) {
                self.intentions.intend(at, Act { seat, deed });
            }
        }
        Ok(())
    }

    /// How much memory there was in the week that ends.
    fn remember(&mut self) {
        if let Some(peak) = peak_bytes() {
            self.memory.push(Sample { peak, book: self.stage.book.bytes() as u64 });
        }
    }

    /// Monthly editions let themselves go.
    async fn note_automatic(&self) -> Result<()> {
        let book = &self.stage.book;
        let known: Vec<u16> = book.write(|entries| entries.approved.iter().map(|edition| edition.number).collect());
        let new = self.stage.desk.by_themselves(|number| known.contains(&number), || self.begun).await?;
        book.write(|entries| entries.approved.extend(new));
        Ok(())
    }

    async fn start(&mut self) -> Result<()> {
        if self.life.is_some() {
            return Ok(());
        }
        self.figures.lives += 1;
        self.life = Some(Life::begin(&self.birth, self.figures.lives).await?);
        let (since, until) = (self.stopped_at, self.stage.clock.now());
        if since < until {
            self.stage.book.write(|entries| entries.outages.push(Outage { since, until }));
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

    /// Readers do what they intended to do by now, while the service may be busy with what is due.
    async fn act(&mut self, now: DateTime<Utc>) -> Result<()> {
        let began = Instant::now();
        let mut due: Vec<Act> = Vec::new();
        for act in self.intentions.take(now) {
            // Nobody does two things at once, nor do both chats of a person.
            let partner = self.stage.readers.seat(act.seat).partner;
            // Who waits for an answer on a network that is jammed comes back to it.
            let seats = [Some(act.seat), partner];
            let jams = seats.into_iter().flatten().filter_map(|seat| self.stage.messenger(seat).jammed_until());
            if let Some(until) = jams.max() {
                self.intentions.intend(until + TimeDelta::minutes(30), act);
                continue;
            }
            if due.iter().any(|other| other.seat == act.seat || Some(other.seat) == partner) {
                self.intentions.intend(now + TimeDelta::minutes(10), act);
            } else {
                due.push(act);
            }
        }
        self.figures.deeds += due.len() as u64;
        let (stage, running) = (&self.stage, self.life.is_some());
        let deeds = stream::iter(due).map(|act| stage.perform(act, running));
        let outcomes: Vec<Outcome> = deeds.buffer_unordered(DEEDS_AT_ONCE).try_collect().await?;
        for outcome in outcomes {
            match outcome {
                Outcome::Done => {}
                Outcome::GaveUp(act) => {
                    self.figures.gave_up += 1;
                    self.figures.in_vain.push(format!("{now} reader {}: {:?}", act.seat, act.deed));
                }
                Outcome::Unheard(act) => {
                    self.figures.unheard += 1;
                    self.intentions.intend(self.when_heard(now), act);
                }
            }
        }
        self.parts.deeds += began.elapsed().as_secs_f64();
        Ok(())
    }

    /// Networks keep what people did until the service is there again.
    fn when_heard(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let start = self.agenda.iter().rev().find(|(_, entry)| matches!(entry, Entry::Start)).map(|(at, _)| *at);
        start.filter(|_| self.life.is_none()).unwrap_or(now) + TimeDelta::minutes(1)
    }

    async fn judged(mut self) -> Result<Trial> {
        let began = Instant::now();
        let ended_at = self.stage.clock.now();
        self.stage.desk.learn_readers(&self.stage.readers).await?;
        let table = self.stage.desk.table().await?;
        self.figures.deliveries = self.stage.desk.office.deliveries().await?;
        self.figures.calls = self.calls();
        let Parts { looking_ahead, deeds, sending, agenda } = self.parts;
        self.figures.seconds_by_part =
            vec![("sending", sending), ("deeds", deeds), ("agenda", agenda), ("looking ahead", looking_ahead)];
        let mut entries = self.stage.book.entries();
        entries.received.sort_unstable_by_key(|message| (message.seat, message.order));
        entries.approved.sort_by_key(|edition| (edition.at, edition.number));
        let (readers, items, memory) = (Arc::clone(&self.stage.readers), self.items, self.memory);
        let evidence =
            Evidence { readers: &readers, items: &items, entries: &entries, table: &table, memory: &memory, ended_at };
        let violations = judge(&evidence);
        self.figures.judging_seconds = began.elapsed().as_secs_f64();
        Ok(Trial { readers, items, entries, table, memory, violations, figures: self.figures, ended_at })
    }
}

/// Tells messages apart by their words.
fn read(words: &str) -> Message {
    if let Some(digest) = reading::digest(words) {
        return Message::Digest(digest);
    }
    let number = words.lines().next().and_then(consultations::number_in);
    number.map_or(Message::Reply, |number| Message::Consultation { number })
}

/// Writes into the book, and lets pass only what somebody reacts to: there are too many messages to keep all.
fn scribe(book: Arc<Book>, readers: Arc<Readers>) -> Scribe {
    Arc::new(move |sight| {
        book.note(sight);
        match sight {
            Sight::Shown { shown, .. } => reaction(&readers, shown).is_some(),
            Sight::Refused { .. } => false,
        }
    })
}

/// The most memory this process held since it was asked last (proc(5): VmHWM and clear_refs). `None` where there are
/// no such files.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_by_their_words() {
        assert_eq!(read("Consultation n° 12\nQue faire ?"), Message::Consultation { number: 12 });
        assert_eq!(read("Vous êtes abonné(e) à « La lettre de l’observatoire »."), Message::Reply);
        let words = format!("{} – Numéro 3\nNouvelle N004X1", reading::TITLE_FR);
        assert!(matches!(read(&words), Message::Digest(reading::Digest { edition: 3, .. })));
    }
}
