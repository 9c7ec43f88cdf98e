//! Who reads: people on three networks all over the country's clocks, and rooms; what each wants of the digest, and on
//! which networks one person is there twice. Drawn from a seed.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rand::Rng as _;
use uuid::Uuid;

use crate::dice::{About, Dice};
use crate::world::{Network, Quiet};

/// What readers choose by, as the digest file names it.
pub const TOPICS: [(&str, &str, &str); 5] = [
    ("citoyens", "Citoyens", "Citizens"),
    ("donnees", "Données", "Data"),
    ("cadre", "Cadre", "Framework"),
    ("outils", "Outils", "Tools"),
    ("territoires", "Territoires", "Places"),
];

/// Topics, one bit each in the order of [`TOPICS`]. None: all of them, or everybody.
pub type Topics = u8;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rhythm {
    Weekly,
    Monthly,
}

impl Rhythm {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// What a reader wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wishes {
    pub rhythm: Rhythm,
    /// 1 is Monday.
    pub weekday: u8,
    pub hour: u8,
    pub in_english: bool,
    pub in_full: bool,
    pub topics: Topics,
    /// To be told when there is nothing for them.
    pub says_so: bool,
}

/// One chat in which the digest may be read: a person on one network, or a room.
#[derive(Clone, Debug)]
pub struct Seat {
    pub network: Network,
    pub zone: Tz,
    pub quiet: Quiet,
    pub contact: Uuid,
    pub chat: Uuid,
    pub is_room: bool,
    /// Subscribed before the first day, with these wishes.
    pub wishes: Option<Wishes>,
    pub agrees_to_consultations: bool,
    /// The other chat of the same person, whom the service knows as two people until they link them.
    pub partner: Option<u32>,
}

impl Seat {
    pub fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }
}

/// The clocks of the country with the code of the département whose holidays are kept there, and how many of a hundred
/// readers live by them.
const ZONES: [(Tz, &str, u32); 8] = [
    (Tz::Europe__Paris, "75", 68),
    (Tz::Indian__Reunion, "974", 9),
    (Tz::America__Guadeloupe, "971", 7),
    (Tz::Pacific__Noumea, "988", 6),
    (Tz::America__Martinique, "972", 4),
    (Tz::America__Cayenne, "973", 2),
    (Tz::Indian__Mayotte, "976", 2),
    (Tz::Pacific__Tahiti, "987", 2),
];

/// The département whose holidays are kept by the clocks of `zone`.
pub fn departement_of(zone: Tz) -> &'static str {
    ZONES.iter().find(|(known, ..)| *known == zone).map_or("75", |(_, code, _)| code)
}

#[derive(Clone, Debug)]
pub struct Readers {
    pub seed: u64,
    pub seats: Vec<Seat>,
}

impl Readers {
    /// `count` chats, of which one in ten subscribes later or never.
    pub fn new(count: usize, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let mut seats: Vec<Seat> = (0u64..).take(count).map(|number| seat(dice, number)).collect();
        // One person in thirty is there twice: this chat and the next one, on another network.
        for number in 0..count.saturating_sub(1) {
            let mut rng = dice.about(About::Pair, &[number as u64]);
            let [here, there] = [number, number + 1].map(|place| &seats[place]);
            let is_free = |seat: &Seat| seat.partner.is_none() && !seat.is_room;
            if is_free(here) && is_free(there) && here.network != there.network && rng.random_bool(1.0 / 30.0) {
                let (zone, quiet) = (here.zone, here.quiet);
                let (first, second) = (index(number), index(number + 1));
                seats[number].partner = Some(second);
                // One person lives by one clock.
                seats[number + 1] = Seat { zone, quiet, partner: Some(first), ..seats[number + 1].clone() };
            }
        }
        Self { seed, seats }
    }

    pub fn dice(&self) -> Dice {
        Dice::new(self.seed)
    }

    pub fn seat(&self, number: u32) -> &Seat {
        &self.seats[number as usize]
    }
}

/// Seats are counted by what names them.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn seat(dice: Dice, number: u64) -> Seat {
    let mut rng = dice.about(About::Seat, &[number]);
    let id = |rng: &mut rand::rngs::SmallRng| {
        uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000 + number, &rng.random()).into_uuid()
    };
    let (contact, chat) = (id(&mut rng), id(&mut rng));
    let is_room = rng.random_bool(0.004);
    let network = match rng.random_range(0..100) {
        0..60 => Network::Telegram,
        60..80 => Network::Discord,
        _ => Network::Matrix,
    };
    let zone = if is_room { Tz::Europe__Paris } else { zone(rng.random_range(0..100)) };
    let quiet = match rng.random_range(0..100) {
        _ if is_room => Quiet::Never,
        0..5 => Quiet::Wednesdays,
        5..8 => Quiet::Afternoons,
        _ => Quiet::Never,
    };
    let wishes = wishes(&mut rng);
    let subscribed = is_room || rng.random_bool(0.9);
    Seat {
        network,
        zone,
        quiet,
        contact,
        chat,
        is_room,
        wishes: subscribed.then_some(wishes),
        agrees_to_consultations: !is_room && rng.random_bool(0.1),
        partner: None,
    }
}

fn zone(mut throw: u32) -> Tz {
    for (zone, _, share) in ZONES {
        if throw < share {
            return zone;
        }
        throw -= share;
    }
    Tz::Europe__Paris
}

/// Most want it on Monday or Tuesday morning; some at an hour, or on a day, at which nobody is written to.
pub fn wishes(rng: &mut impl rand::Rng) -> Wishes {
    Wishes {
        rhythm: if rng.random_bool(0.8) { Rhythm::Weekly } else { Rhythm::Monthly },
        weekday: match rng.random_range(0..10) {
            0..4 => 1,
            4..6 => 2,
            _ => rng.random_range(1..=7),
        },
        hour: match rng.random_range(0..10) {
            0..5 => 9,
            5..9 => rng.random_range(8..20),
            _ => rng.random_range(0..24),
        },
        in_english: rng.random_bool(0.05),
        in_full: rng.random_bool(0.5),
        topics: if rng.random_bool(0.5) { 0 } else { rng.random_range(1..31) },
        says_so: rng.random_bool(0.3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_everybody_in_a_small_world_too() {
        let readers = Readers::new(2000, 1);
        let count = |which: fn(&Seat) -> bool| readers.seats.iter().filter(|seat| which(seat)).count();
        assert!(count(|seat| seat.is_room) > 3 && count(|seat| seat.partner.is_some()) > 30);
        assert!((150..250).contains(&count(|seat| seat.wishes.is_none())));
        assert!(ZONES.iter().all(|(zone, ..)| readers.seats.iter().any(|seat| seat.zone == *zone)));
        for (number, seat) in (0..).zip(&readers.seats) {
            let Some(partner) = seat.partner else { continue };
            let other = readers.seat(partner);
            assert_eq!((other.partner, other.zone), (Some(number), seat.zone));
            assert_ne!(other.network, seat.network);
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_readers() {
        let contacts = |seed| Readers::new(50, seed).seats.iter().map(|seat| seat.contact).collect::<Vec<_>>();
        assert_eq!(contacts(1), contacts(1));
        assert_ne!(contacts(1), contacts(2));
    }
}
