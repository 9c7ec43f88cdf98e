//! What people do about what they receive, and when: seeded, so that a run can be replayed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use bot_core::action::ActionToken;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Timelike as _, Utc};
use rand::Rng as _;

use crate::dice::{About, number_of};
use crate::messenger::Shown;
use crate::record::Message;
use crate::world::{Network, World};

/// What somebody is about to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Begin or finish the questionnaire. It is told by the tool's call, or by a file.
    Fill {
        campaign: usize,
        token: Option<String>,
        is_complete: bool,
        by_file: bool,
    },
    /// Press buttons, one after the other as they appear.
    Press {
        campaign: usize,
        network: Network,
        first: ActionToken,
        wish: Wish,
    },
    SayStop {
        network: Network,
    },
    /// The network may tell us; else we notice at the next call.
    Block {
        network: Network,
        is_told: bool,
    },
    /// Unblock, and say hello.
    Return {
        network: Network,
    },
    /// Come by the invitation that somebody handed to them.
    Accept {
        network: Network,
        command: String,
    },
    /// Go over to another network, with the bot's help.
    Move {
        from: Network,
        to: Network,
    },
}

/// What the buttons of a reminder are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    Later(Later),
    AlreadyAnswered,
    NotMine,
    Stop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Later {
    Tomorrow,
    NextWeek,
}

impl Later {
    /// The day meant on `today`: the button names it.
    pub fn day(self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Tomorrow => today + Days::new(1),
            Self::NextWeek => today + Days::new(7 - u64::from(today.weekday().num_days_from_monday())),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Act {
    pub at: DateTime<Utc>,
    pub person: u32,
    pub deed: Deed,
}

/// In the order of time, and of being thought of.
struct Intended(DateTime<Utc>, u64, Act);

impl PartialEq for Intended {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}
impl Eq for Intended {}
impl PartialOrd for Intended {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Intended {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

#[derive(Default)]
pub struct Crowd {
    intended: BinaryHeap<Reverse<Intended>>,
    number: u64,
}

impl Crowd {
    pub fn intend(&mut self, act: Act) {
        self.number += 1;
        self.intended.push(Reverse(Intended(act.at, self.number, act)));
    }

    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        self.intended.peek().map(|intended| intended.0.0)
    }

    /// What is to be done by `now`.
    pub fn take(&mut self, now: DateTime<Utc>) -> Vec<Act> {
        let mut due = Vec::new();
        while let Some(first) = self.intended.peek_mut() {
            if first.0.0 > now {
                break;
            }
            due.push(PeekMut::pop(first).0.2);
        }
        due
    }

    /// Lets somebody react to a message.
    pub fn react(&mut self, world: &World, shown: &Shown) {
        for (after, deed) in reactions(world, shown) {
            let at = awake(world, shown.person, shown.at + after);
            self.intend(Act { at, person: shown.person, deed });
        }
    }
}

/// People do things on the half hour: so many do something at once, and the clock need not stop for each.
const SLOT: TimeDelta = TimeDelta::minutes(30);

/// A time at which the person is up.
pub fn awake(world: &World, person: u32, at: DateTime<Utc>) -> DateTime<Utc> {
    let wall = world.people[person as usize].wall(at);
    let later = match wall.hour() {
        hour @ 0..7 => TimeDelta::hours(i64::from(7 - hour)),
        hour @ 22.. => TimeDelta::hours(i64::from(24 + 7 - hour)),
        _ => TimeDelta::zero(),
    };
    let at = at + later;
    let past = TimeDelta::seconds(at.timestamp().rem_euclid(SLOT.num_seconds()));
    if past.is_zero() { at } else { at - past + SLOT }
}

/// What a message leads to: nothing for most.
fn reactions(world: &World, shown: &Shown) -> Vec<(TimeDelta, Deed)> {
    let about = [
        u64::from(shown.person),
        number_of(shown.words.lines().next().unwrap_or_default()),
        shown.at.timestamp().unsigned_abs(),
    ];
    let mut rng = world.dice().about(About::Reaction, &about);
    let soon = rng.random_bool(0.6);
    let after =
        if soon { TimeDelta::minutes(rng.random_range(5..600)) } else { TimeDelta::hours(rng.random_range(10..120)) };
    let network = shown.network;
    let Message::Campaign { campaign, .. } = shown.message else {
        return match rng.random_range(0..1000) {
            0..5 => vec![(after, Deed::SayStop { network })],
            5..10 => vec![(after, Deed::Block { network, is_told: rng.random() })],
            _ => Vec::new(),
        };
    };
    let token = token_in(&shown.words);
    let fill = |is_complete, by_file| Deed::Fill { campaign, token: token.clone(), is_complete, by_file };
    let press = |label: Label, wish| {
        let first = label.on(shown)?;
        Some(Deed::Press { campaign, network, first: first.clone(), wish })
    };
    let deed = match rng.random_range(0..1000) {
        0..230 => Some(fill(true, false)),
        // Told by a file that an organiser reads in.
        230..250 => Some(fill(true, true)),
        250..300 => {
            let mut both = vec![(after, fill(false, false))];
            if rng.random() {
                both.push((after + TimeDelta::days(rng.random_range(1..20)), fill(true, false)));
            }
            return both;
        }
        300..360 => press(LATER, Wish::Later(if rng.random() { Later::Tomorrow } else { Later::NextWeek })),
        360..400 => press(ALREADY_ANSWERED, Wish::AlreadyAnswered),
        400..425 => press(NOT_MINE, Wish::NotMine),
        425..440 => press(NO_MORE, Wish::Stop),
        440..447 => Some(Deed::SayStop { network }),
        447..457 => {
            let mut both = vec![(after, Deed::Block { network, is_told: rng.random() })];
            if rng.random_bool(0.3) {
                both.push((after + TimeDelta::days(rng.random_range(1..30)), Deed::Return { network }));
            }
            return both;
        }
        457..472 => {
            let others: Vec<Network> = Network::ALL.into_iter().filter(|other| *other != network).collect();
            Some(Deed::Move { from: network, to: others[rng.random_range(0..others.len())] })
        }
        _ => None,
    };
    deed.map(|deed| (after, deed)).into_iter().collect()
}

/// What stands on a button, in French and in English.
#[derive(Clone, Copy, Debug)]
pub struct Label(&'static str, &'static str);

impl Label {
    pub fn on(self, shown: &Shown) -> Option<&ActionToken> {
        shown.button(self.0).or_else(|| shown.button(self.1))
    }
}

pub const LATER: Label = Label("plus tard", "later");
pub const TOMORROW: Label = Label("Demain", "Tomorrow");
pub const NEXT_WEEK: Label = Label("semaine prochaine", "Next week");
pub const ALREADY_ANSWERED: Label = Label("Déjà répondu", "Already answered");
pub const NOT_MINE: Label = Label("pas pour moi", "not for me");
pub const NO_MORE: Label = Label("Ne plus recevoir", "No more reminders");
pub const IT_IS_ME: Label = Label("Oui, c’est moi", "Yes, that is me");

/// The token of the questionnaire's link.
fn token_in(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("?token=")?;
    let token: String =
        rest.chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '-').collect();
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Size;

    #[test]
    fn people_sleep_and_do_things_on_the_half_hour() {
        let world = World::new(Size { collectivites: 40, contacts: 60, seed: 1 });
        let person = (0..60).find(|person| world.people[*person as usize].zone == chrono_tz::Europe::Paris).unwrap();
        let awake = |text: &str| awake(&world, person, text.parse().unwrap()).format("%d %R").to_string();
        assert_eq!(awake("2026-11-10T10:01:00Z"), "10 10:30");
        assert_eq!(awake("2026-11-10T22:40:00Z"), "11 07:00");
        assert_eq!(awake("2026-11-11T02:00:00Z"), "11 06:00");
    }

    #[test]
    fn the_first_to_be_due_is_the_first_to_be_done() {
        let mut crowd = Crowd::default();
        let at = |hour| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(hour);
        for (hour, person) in [(3, 3), (1, 1), (2, 2), (1, 4)] {
            crowd.intend(Act { at: at(hour), person, deed: Deed::SayStop { network: Network::Matrix } });
        }
        let people: Vec<u32> = crowd.take(at(2)).iter().map(|act| act.person).collect();
        assert_eq!(people, [1, 4, 2]);
        assert_eq!(crowd.next_at(), Some(at(3)));
    }

    #[test]
    fn a_token_ends_with_the_link() {
        assert_eq!(token_in("ici : https://e.example.org/b?token=Ab-12 merci"), Some("Ab-12".to_owned()));
        assert_eq!(token_in("rien"), None);
    }
}
