//! Chance that does not depend on order: what a throw shows depends on the seed and on what it is thrown for, not on
//! how many were thrown before. So a run with thousands of calls under way at once can be replayed from its seed.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

#[derive(Clone, Copy, Debug)]
pub struct Dice {
    seed: u64,
}

/// What a throw is about. Two subjects never share their luck.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum About {
    Collectivite = 1,
    Person,
    Verdict,
    Reaction,
    Chat,
    Outage,
    Invitation,
    Seat,
    Pair,
    Item,
    Editor,
    Week,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A generator for one question.
    pub fn about(self, what: About, which: &[u64]) -> SmallRng {
        let mixed = which.iter().fold(mix(self.seed ^ mix(what as u64)), |state, number| mix(state ^ mix(*number)));
        SmallRng::seed_from_u64(mixed)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number for words, the same on every machine (FNV-1a).
pub fn number_of(words: &str) -> u64 {
    words.bytes().fold(0xcbf2_9ce4_8422_2325, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_another_one_another() {
        let throw = |seed, about, which: &[u64]| Dice::new(seed).about(about, which).random::<u64>();
        let first = throw(1, About::Person, &[7, 8]);
        assert_eq!(first, throw(1, About::Person, &[7, 8]));
        for other in
            [throw(2, About::Person, &[7, 8]), throw(1, About::Verdict, &[7, 8]), throw(1, About::Person, &[8, 7])]
        {
            assert_ne!(first, other);
        }
    }
}
