//! What readers do, and when: some of it in any week, some on getting a digest. Seeded, so that a run can be replayed.

use std::collections::BTreeMap;

use bot_core::action::ActionToken;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use rand::Rng as _;

use super::book::Decision;
use super::readers::{Readers, Rhythm, TOPICS, Wishes};
use crate::dice::About;
use crate::messenger::Shown;
use crate::record::Message;

/// What somebody is about to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// `/abonner`, and the button; some change something at once.
    Subscribe(Option<Change>),
    /// `/abonnements`, and a setting.
    Change(Change),
    /// The button below a digest.
    Press(ActionToken),
    /// The link in a digest.
    Follow {
        token: String,
    },
    /// `/desabonner`.
    Leave,
    SayStop,
    Block {
        is_told: bool,
    },
    /// Unblock, and say hello.
    Return,
    /// Join both chats of a person.
    Link,
    Unlink,
    Erase,
}

/// One thing chosen differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Rhythm,
    Day(u8),
    Hour(u8),
    Language,
    Form,
    WhenEmpty,
    Topic(usize),
}

impl Change {
    pub fn applied(self, mut wishes: Wishes) -> Wishes {
        match self {
            Self::Rhythm => {
                wishes.rhythm = match wishes.rhythm {
                    Rhythm::Weekly => Rhythm::Monthly,
                    Rhythm::Monthly => Rhythm::Weekly,
                }
            }
            Self::Day(day) => wishes.weekday = day,
            Self::Hour(hour) => wishes.hour = hour,
            Self::Language => wishes.in_english = !wishes.in_english,
            Self::Form => wishes.in_full = !wishes.in_full,
            Self::WhenEmpty => wishes.says_so = !wishes.says_so,
            Self::Topic(topic) => wishes.topics ^= 1 << topic,
        }
        wishes
    }
}

/// What whoever subscribes gets who chooses nothing.
pub const USUAL: Wishes = Wishes {
    rhythm: Rhythm::Weekly,
    weekday: 2,
    hour: 9,
    in_english: false,
    in_full: false,
    topics: 0,
    says_so: false,
};

#[derive(Clone, Debug)]
pub struct Act {
    pub seat: u32,
    pub deed: Deed,
}

/// What is intended, in the order of time, and of being thought of.
#[derive(Default)]
pub struct Intentions {
    acts: BTreeMap<(DateTime<Utc>, u64), Act>,
    number: u64,
}

impl Intentions {
    pub fn intend(&mut self, at: DateTime<Utc>, act: Act) {
        self.number += 1;
        self.acts.insert((at, self.number), act);
    }

    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        self.acts.keys().next().map(|(at, _)| *at)
    }

    /// What is to be done by `now`.
    pub fn take(&mut self, now: DateTime<Utc>) -> Vec<Act> {
        let later = self.acts.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.acts, later).into_values().collect()
    }
}

/// Where a reader stands, as the world knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// `None`: never subscribed.
    pub wishes: Option<Wishes>,
    pub is_subscribed: bool,
    pub is_blocking: bool,
    pub is_linked: bool,
    /// They do nothing any more.
    pub is_gone: bool,
}

impl Standing {
    pub fn after(self, decision: Decision) -> Self {
        match decision {
            Decision::Wishes(wishes) => Self { wishes: Some(wishes), is_subscribed: true, ..self },
            Decision::Left | Decision::Stopped => Self { is_subscribed: false, ..self },
            Decision::Blocked => Self { is_blocking: true, ..self },
            Decision::Returned => Self { is_blocking: false, ..self },
            Decision::Linked { .. } => Self { is_linked: true, ..self },
            // With which of the two the subscription stays is the plugin's rule: they let it be.
            Decision::Parted { .. } => Self { is_linked: false, is_gone: true, ..self },
            Decision::Erased => Self { is_subscribed: false, is_gone: true, ..self },
        }
    }
}

/// Who does something in a week, and at what time of it. So many in a small world, and no more in a large one.
pub fn week(readers: &Readers, week: u32, begins: DateTime<Utc>) -> Vec<(DateTime<Utc>, u32)> {
    let count = readers.seats.len();
    let mut rng = readers.dice().about(About::Week, &[u64::from(week)]);
    let busy = (count / 40).clamp(20, 150);
    let mut doers: Vec<(DateTime<Utc>, u32)> = Vec::new();
    for _ in 0..busy {
        let seat = u32::try_from(rng.random_range(0..count)).unwrap_or_default();
        doers.push((begins + TimeDelta::minutes(rng.random_range(0..7 * 24 * 60)), seat));
    }
    // Whoever is there twice is rare, and does much.
    let twice: Vec<u32> =
        (0u32..).zip(&readers.seats).filter(|(_, seat)| seat.partner.is_some()).map(|(seat, _)| seat).collect();
    for _ in 0..twice.len().min(busy / 8) {
        let seat = twice[rng.random_range(0..twice.len())];
        doers.push((begins + TimeDelta::minutes(rng.random_range(0..7 * 24 * 60)), seat));
    }
    doers.retain(|(_, seat)| !readers.seat(*seat).is_room);
    doers.into_iter().map(|(at, seat)| (awake(readers, seat, at), seat)).collect()
}

/// What somebody does who stands so.
pub fn deed(readers: &Readers, seat: u32, standing: &Standing, at: DateTime<Utc>) -> Option<Deed> {
    let about = [u64::from(seat), at.timestamp().unsigned_abs()];
    let mut rng = readers.dice().about(About::Reaction, &about);
    let change = match rng.random_range(0..10) {
        0..2 => Change::Rhythm,
        2 => Change::Day(rng.random_range(1..=7)),
        3..5 => Change::Hour(rng.random_range(7..=21)),
        5 => Change::Language,
        6 => Change::Form,
        7 => Change::WhenEmpty,
        _ => Change::Topic(rng.random_range(0..TOPICS.len())),
    };
    if standing.is_gone {
        return None;
    }
    if standing.is_blocking {
        return rng.random_bool(0.7).then_some(Deed::Return);
    }
    if standing.is_linked {
        // What each of the two chats changes for both is the plugin's rule; here they only leave or part.
        return match rng.random_range(0..10) {
            0..4 => Some(Deed::Unlink),
            4..6 => Some(Deed::Leave),
            _ => None,
        };
    }
    if readers.seat(seat).partner.is_some() && rng.random_bool(0.6) {
        return Some(Deed::Link);
    }
    if !standing.is_subscribed {
        return Some(Deed::Subscribe(rng.random_bool(0.5).then_some(change)));
    }
    Some(match rng.random_range(0..100) {
        0..60 => Deed::Change(change),
        60..70 => Deed::Leave,
        70..78 => Deed::SayStop,
        78..92 => Deed::Block { is_told: rng.random() },
        92..97 => Deed::Erase,
        _ => Deed::Subscribe(None),
    })
}

/// What a digest leads to: nothing for most.
pub fn reaction(readers: &Readers, shown: &Shown) -> Option<(DateTime<Utc>, Act)> {
    let Message::Digest(digest) = shown.message else { return None };
    let about = [u64::from(shown.person), u64::from(digest.edition), 7];
    let mut rng = readers.dice().about(About::Reaction, &about);
    if readers.seat(shown.person).is_room || !rng.random_bool((40.0 / readers.seats.len() as f64).clamp(0.002, 0.02)) {
        return None;
    }
    let deed = match rng.random_range(0..3) {
        0 => Deed::Follow { token: leave_token(&shown.words)? },
        _ => Deed::Press(UNSUBSCRIBE.iter().find_map(|label| shown.button(label))?.clone()),
    };
    let at = awake(readers, shown.person, shown.at + TimeDelta::minutes(rng.random_range(0..3000)));
    Some((at, Act { seat: shown.person, deed }))
}

const UNSUBSCRIBE: [&str; 2] = ["Se désabonner", "Unsubscribe"];

/// What the leaving link of a message ends with.
fn leave_token(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("/digests/leave/")?;
    let token: String =
        rest.chars().take_while(|sign| sign.is_ascii_alphanumeric() || "-_.~".contains(*sign)).collect();
    (!token.is_empty()).then_some(token)
}

/// People do things on the half hour, and at night they sleep.
pub fn awake(readers: &Readers, seat: u32, at: DateTime<Utc>) -> DateTime<Utc> {
    let wall = readers.seat(seat).wall(at);
    let later = match wall.hour() {
        hour @ 0..7 => TimeDelta::hours(i64::from(7 - hour)),
        hour @ 22.. => TimeDelta::hours(i64::from(24 + 7 - hour)),
        _ => TimeDelta::zero(),
    };
    let at = at + later;
    let past = TimeDelta::seconds(at.timestamp().rem_euclid(1800));
    if past.is_zero() { at } else { at - past + TimeDelta::minutes(30) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intentions_are_taken_in_order() {
        let mut intentions = Intentions::default();
        let at = |hour| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(hour);
        for (hour, seat) in [(3, 3), (1, 1), (2, 2), (1, 4)] {
            intentions.intend(at(hour), Act { seat, deed: Deed::Leave });
        }
        let seats: Vec<u32> = intentions.take(at(2)).iter().map(|act| act.seat).collect();
        assert_eq!(seats, [1, 4, 2]);
        assert_eq!(intentions.next_at(), Some(at(3)));
    }

    #[test]
    fn a_change_made_twice_changes_nothing_where_there_are_two_choices() {
        for change in [Change::Rhythm, Change::Language, Change::Form, Change::WhenEmpty, Change::Topic(3)] {
            assert_ne!(change.applied(USUAL), USUAL);
            assert_eq!(change.applied(change.applied(USUAL)), USUAL);
        }
    }

    #[test]
    fn a_leaving_link_is_found_among_words() {
        let words = "Ne plus recevoir (https://crieur.example.org/digests/leave/aB-9_z)";
        assert_eq!(leave_token(words), Some("aB-9_z".to_owned()));
        assert_eq!(leave_token("rien"), None);
    }
}
