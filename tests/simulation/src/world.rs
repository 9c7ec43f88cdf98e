//! Who there is: collectivités and the people who work for them, drawn from a seed.

use bot_core::Locale;
use chrono::{DateTime, Datelike as _, NaiveDateTime, Timelike as _, Utc, Weekday};
use chrono_tz::Tz;
use rand::Rng as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dice::{About, Dice};
use crate::places::{DEPARTEMENTS, PLACES, Place, REGIONS, zone_of};

/// Communes, intercommunalités, départements and régions there are, about (Insee, 2025).
const EPCI_OF_36000: usize = 1250;
/// Nobody works for more colleagues' collectivité than this.
const RANK_MAX: u8 = 3;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    Commune,
    Epci,
    Departement,
    Region,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commune => "commune",
            Self::Epci => "epci",
            Self::Departement => "departement",
            Self::Region => "region",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Collectivite {
    pub kind: Kind,
    pub name: String,
    pub insee: Option<String>,
    pub siren: String,
    pub population: u32,
    pub place: Place,
    /// Its people, by rank.
    pub people: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Network {
    Telegram,
    Discord,
    Matrix,
}

impl Network {
    pub const ALL: [Self; 3] = [Self::Telegram, Self::Discord, Self::Matrix];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Discord => "discord",
            Self::Matrix => "matrix",
        }
    }

    pub fn number(self) -> usize {
        self as usize
    }
}

/// When a person does not want to be written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quiet {
    Never,
    Wednesdays,
    /// From noon on working days.
    Afternoons,
}

impl Quiet {
    pub fn stored(self) -> Option<Value> {
        match self {
            Self::Never => None,
            Self::Wednesdays => Some(json!({ "wednesday": ["00:00-24:00"] })),
            Self::Afternoons => {
                let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
                Some(days.into_iter().map(|day| (day.to_owned(), json!(["12:00-24:00"]))).collect())
            }
        }
    }

    pub fn forbids(self, wall: NaiveDateTime) -> bool {
        match self {
            Self::Never => false,
            Self::Wednesdays => wall.weekday() == Weekday::Wed,
            Self::Afternoons => wall.hour() >= 12 && !matches!(wall.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Person {
    pub contact: Uuid,
    pub name: String,
    pub collectivite: usize,
    pub rank: u8,
    pub locale: Locale,
    /// Where the person reads, and whether the organiser was told so.
    pub zone: Tz,
    pub chose_zone: bool,
    pub quiet: Quiet,
    /// Where they came by an invitation before the first day.
    pub bound: Option<Network>,
    pub agrees_to_reminders: bool,
    pub agrees_to_consultations: bool,
    /// Said STOP before the first day.
    pub stopped: bool,
}

impl Person {
    pub fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    /// May be written to about questionnaires, on the first day.
    pub fn hears_reminders(&self) -> bool {
        self.bound.is_some() && self.agrees_to_reminders && !self.stopped
    }
}

/// How large, and which one of its size.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub collectivites: usize,
    pub contacts: usize,
    pub seed: u64,
}

#[derive(Clone, Debug)]
pub struct World {
    pub size: Size,
    pub collectivites: Vec<Collectivite>,
    pub people: Vec<Person>,
}

impl World {
    pub fn new(size: Size) -> Self {
        let dice = Dice::new(size.seed);
        let mut collectivites = collectivites(size.collectivites, dice);
        let people = people(size.contacts, &mut collectivites, dice);
        Self { size, collectivites, people }
    }

    pub fn dice(&self) -> Dice {
        Dice::new(self.size.seed)
    }

    pub fn collectivite_of(&self, person: u32) -> &Collectivite {
        &self.collectivites[self.people[person as usize].collectivite]
    }

    /// Where a person is written to.
    pub fn place_of(&self, person: u32) -> Place {
        self.collectivite_of(person).place
    }
}

fn collectivites(count: usize, dice: Dice) -> Vec<Collectivite> {
    let share = |of_36000: usize| (of_36000 * count).div_ceil(36_000).min(count / 4);
    let (epci, departements, regions) = (share(EPCI_OF_36000), share(DEPARTEMENTS), share(REGIONS.len()));
    let mut all = Vec::with_capacity(count);
    for number in 0..regions {
        all.push((Kind::Region, in_region(REGIONS[number * REGIONS.len() / regions]), None));
    }
    for number in 0..departements {
        let place = PLACES[number * DEPARTEMENTS / departements];
        all.push((Kind::Departement, place, Some(place.code.to_owned())));
    }
    let communes = count - epci - departements - regions;
    for number in 0..epci {
        all.push((Kind::Epci, place_at(number, epci), None));
    }
    let (mut last, mut within) = ("", 0);
    for number in 0..communes {
        let place = place_at(number, communes);
        within = if place.code == last { within + 1 } else { 1 };
        last = place.code;
        // Of the code's five characters two or three are the département's.
        let insee = if place.code.len() == 2 { format!("{last}{within:03}") } else { format!("{last}{within:02}") };
        all.push((Kind::Commune, place, Some(insee).filter(|insee| insee.len() == 5)));
    }
    let made = all.into_iter().enumerate().map(|(number, (kind, place, insee))| {
        let mut rng = dice.about(About::Collectivite, &[number as u64]);
        let insee = if kind == Kind::Region { place.region.map(str::to_owned) } else { insee };
        Collectivite {
            kind,
            name: format!("{} {number}", title(kind)),
            insee,
            siren: siren(number),
            population: population(kind, &mut rng),
            place,
            people: Vec::new(),
        }
    });
    made.collect()
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Commune => "Commune",
        Kind::Epci => "Communauté",
        Kind::Departement => "Département",
        Kind::Region => "Région",
    }
}

fn in_region(region: &str) -> Place {
    PLACES.into_iter().find(|place| place.region == Some(region)).unwrap_or(PLACES[0])
}

/// The place of the `number`th of `count`, each place by its number of communes.
fn place_at(number: usize, count: usize) -> Place {
    let all: usize = PLACES.iter().map(|place| usize::from(place.communes)).sum();
    let mut left = number * all / count.max(1);
    let found = PLACES.into_iter().find(|place| {
        let communes = usize::from(place.communes);
        let is_here = left < communes;
        left = left.saturating_sub(communes);
        is_here
    });
    found.unwrap_or(PLACES[0])
}

/// Nine digits, the last one Luhn's.
fn siren(number: usize) -> String {
    let body = format!("{:08}", 20_000_000 + number);
    let doubled = body.bytes().enumerate().map(|(place, digit)| {
        let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
        digit / 10 + digit % 10
    });
    format!("{body}{}", (10 - doubled.sum::<u32>() % 10) % 10)
}

/// Half of the communes have fewer than 500 inhabitants, one in a hundred more than 20,000.
fn population(kind: Kind, rng: &mut impl rand::Rng) -> u32 {
    let spread: f64 = (0..6).map(|_| rng.random::<f64>()).sum::<f64>() / 3.0 - 1.0;
    let (middle, width) = match kind {
        Kind::Commune => (470.0, 4.6),
        Kind::Epci => (24_000.0, 2.5),
        Kind::Departement => (500_000.0, 1.5),
        Kind::Region => (3_000_000.0, 1.2),
    };
    // Never outside of u32: at most 3e6 * e^1.2.
    (middle * f64::exp(spread * width)) as u32 + 10
}

fn people(count: usize, collectivites: &mut [Collectivite], dice: Dice) -> Vec<Person> {
    let mut people = Vec::with_capacity(count);
    let bodies = collectivites.len();
    let mut next = 0;
    while people.len() < count {
        let number = people.len();
        let mut rng = dice.about(About::Person, &[number as u64]);
        // Everybody's first contact, then deputies here and there.
        let body = if number < bodies { number } else { rng.random_range(0..bodies) };
        // A seat that is taken goes to the next body with room; there is always one, or the world is full.
        let free = (0..bodies)
            .map(|step| (body + step) % bodies)
            .find(|body| collectivites[*body].people.len() < usize::from(RANK_MAX));
        let Some(body) = free else { break };
        let collectivite = &mut collectivites[body];
        let home = zone_of(collectivite.place.code);
        // A few live elsewhere, and said so.
        let elsewhere = rng.random_bool(0.01);
        let zone = if elsewhere {
            [Tz::Indian__Reunion, Tz::Europe__Paris][usize::from(home != Tz::Europe__Paris)]
        } else {
            home
        };
        let bound = rng.random_bool(0.62).then(|| match rng.random_range(0..100) {
            0..70 => Network::Telegram,
            70..85 => Network::Discord,
            _ => Network::Matrix,
        });
        collectivite.people.push(next);
        people.push(Person {
            contact: contact_id(number, &mut rng),
            name: format!("Personne {number}"),
            collectivite: body,
            rank: u8::try_from(collectivite.people.len()).unwrap_or(RANK_MAX),
            locale: if rng.random_bool(0.02) { Locale::En } else { Locale::Fr },
            zone,
            chose_zone: elsewhere || rng.random_bool(0.1),
            quiet: match rng.random_range(0..100) {
                0..5 => Quiet::Wednesdays,
                5..8 => Quiet::Afternoons,
                _ => Quiet::Never,
            },
            bound,
            agrees_to_reminders: rng.random_bool(0.97),
            agrees_to_consultations: rng.random_bool(0.03),
            stopped: bound.is_some() && rng.random_bool(0.01),
        });
        next += 1;
    }
    people
}

/// A version 7 identifier, as the service itself gives them.
fn contact_id(number: usize, rng: &mut impl rand::Rng) -> Uuid {
    let millis = 1_700_000_000_000 + number as u64;
    uuid::Builder::from_unix_timestamp_millis(millis, &rng.random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn world(collectivites: usize, contacts: usize) -> World {
        World::new(Size { collectivites, contacts, seed: 1 })
    }

    #[test]
    fn the_whole_country_has_its_proportions() {
        let world = world(36_000, 60_000);
        let count = |kind| world.collectivites.iter().filter(|body| body.kind == kind).count();
        assert_eq!([Kind::Epci, Kind::Departement, Kind::Region].map(count), [1250, 101, 18]);
        assert_eq!(world.people.len(), 60_000);
        let codes: BTreeSet<_> =
            world.collectivites.iter().filter_map(|body| Some((body.kind, body.insee.clone()?))).collect();
        let sirens: BTreeSet<_> = world.collectivites.iter().map(|body| &body.siren).collect();
        let with_code = world.collectivites.iter().filter(|body| body.insee.is_some()).count();
        assert_eq!((codes.len(), sirens.len()), (with_code, 36_000));
        let small = world.collectivites.iter().filter(|body| body.kind == Kind::Commune && body.population < 500);
        assert!((15_000..20_000).contains(&small.count()));
        for collectivite in &world.collectivites {
            let ranks: Vec<u8> = collectivite.people.iter().map(|who| world.people[*who as usize].rank).collect();
            assert_eq!(ranks, (1..=collectivite.people.len() as u8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_small_world_is_a_world_too() {
        let world = world(40, 60);
        assert!(world.collectivites.iter().any(|body| body.kind == Kind::Region));
        assert_eq!(world.people.len(), 60);
    }

    #[test]
    fn a_siren_has_luhn_s_digit() {
        // The one of the town of Lyon, 216901231, by the same rule.
        assert_eq!(siren(1_690_123), "216901231");
    }
}
