//! What there is to say, and what the editors do about it: news of known titles, when each is seen, what is left out,
//! how late an edition is approved. The judge reads the same plain data.

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::readers::{TOPICS, Topics};
use super::reading::{TITLE_EN, TITLE_FR, mark};
use crate::campaigns::home_time;
use crate::dice::{About, Dice};

/// A digest that is later than this has expired for its reader.
pub const LATE_HOURS_WEEKLY: i64 = 48;
pub const LATE_HOURS_MONTHLY: i64 = 96;
/// When drafts are made, on the clocks of the organisation: Mondays, and the first day of a month.
pub const DRAFTED_AT: TimeDelta = TimeDelta::hours(5);
/// Items at most in one week.
const ITEMS_MAX: u32 = 6;
/// The key of the source that all items are from. It is never reached: its address is this machine.
pub const SOURCE: &str = "actualites";

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub week: u32,
    pub place: u32,
    pub topics: Topics,
    pub seen_at: DateTime<Utc>,
}

impl Item {
    /// What it is about is told by its words.
    pub fn title(self) -> String {
        let topics = (0..TOPICS.len()).filter(|topic| self.topics & (1 << topic) != 0);
        let words: Vec<String> = topics.map(|topic| keyword(TOPICS[topic].0)).collect();
        format!("Nouvelle {} des communes {}", mark('N', self.week, self.place), words.join(" ")).trim().to_owned()
    }

    pub fn summary(self) -> String {
        format!("Un résumé {} en une phrase.", mark('S', self.week, self.place))
    }

    pub fn bit(self) -> u64 {
        bit(self.week, self.place)
    }
}

/// The word by which news belongs to a topic.
fn keyword(topic: &str) -> String {
    format!("parlons{topic}")
}

/// Items are told apart by one bit each, anew after eight weeks: no window is so long.
pub fn bit(week: u32, place: u32) -> u64 {
    1 << (week % 8 * 8 + place % 8)
}

/// What is seen in each week of a run. Now and then there is nothing at all.
pub fn items(dice: Dice, first: NaiveDate, weeks: u32) -> Vec<Item> {
    let mut items = Vec::new();
    for week in 0..weeks {
        let mut rng = dice.about(About::Item, &[u64::from(week)]);
        // The first week's window holds what the week before brought.
        let monday = first + Days::new(7 * u64::from(week)) - Days::new(7);
        let count = if week % 9 == 5 { 0 } else { rng.random_range(2..=ITEMS_MAX) };
        for place in 0..count {
            let topics: Topics = match rng.random_range(0..6) {
                0 => 0,
                1..5 => 1 << rng.random_range(0..TOPICS.len()),
                _ => rng.random_range(1..31),
            };
            let minutes = rng.random_range(6 * 60..6 * 24 * 60);
            let seen_at = home_time(monday.and_time(NaiveTime::MIN)) + TimeDelta::minutes(minutes);
            items.push(Item { week, place, topics, seen_at });
        }
    }
    items
}

/// What the editors do with the draft of a week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Treatment {
    /// After it was drafted.
    pub after: TimeDelta,
    pub verdict: Verdict,
    /// An item is left out, or taken back in once.
    pub drops: bool,
    pub introduces: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Approve,
    Skip,
    /// Skip it, draft anew by hand, and approve that.
    DraftAgain,
}

pub fn treatment(dice: Dice, week: u32) -> Treatment {
    let mut rng = dice.about(About::Editor, &[u64::from(week)]);
    let late = [2, 2, 2, 3, 5, 26, 52].choose(&mut rng).copied().unwrap_or(2);
    Treatment {
        after: TimeDelta::hours(late) + TimeDelta::minutes(rng.random_range(0..50)),
        verdict: match week % 7 {
            4 => Verdict::Skip,
            2 => Verdict::DraftAgain,
            _ => Verdict::Approve,
        },
        drops: rng.random_bool(0.5),
        introduces: rng.random_bool(0.6),
    }
}

/// The editor's words of one edition, by the number of the text.
pub fn introduction(week: u32, text: u32) -> String {
    format!("Bonjour ! {} Voici les nouvelles.", mark('I', week, text))
}

/// The digest file.
pub fn file() -> String {
    let mut file = format!(
        r##"title = {{ fr = "{TITLE_FR}", en = "{TITLE_EN}" }}
time_zone = "Europe/Paris"

[weekly]
draft = "0 {hour} * * 1"
approval = "by_hand"
sending = "on_approval"
late_within_hours = {LATE_HOURS_WEEKLY}

[monthly]
draft = "0 {hour} 1 * *"
approval = "automatic"
sending = "on_approval"
late_within_hours = {LATE_HOURS_MONTHLY}

[[source]]
key = "{SOURCE}"
name = "Actualités"
kind = "feed"
url = "https://127.0.0.1/actualites.xml"
every_minutes = 10080

[wording.fr]
opening = "# {{{{lettre}}}} – Numéro {{{{numero}}}}"
nothing = "{{{{lettre}}}} – Numéro {{{{numero}}}} : rien pour vous."

[wording.en]
opening = "# {{{{lettre}}}} – Issue number {{{{numero}}}}"
nothing = "{{{{lettre}}}} – Issue number {{{{numero}}}}: nothing for you."
"##,
        hour = DRAFTED_AT.num_hours(),
    );
    for (key, fr, en) in TOPICS {
        let word = keyword(key);
        // Whatever happens, it fits into memory.
        let _ = write!(
            file,
            "\n[[topic]]\nkey = \"{key}\"\nname = {{ fr = \"{fr}\", en = \"{en}\" }}\nkeywords = [\"{word}\"]\n"
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digests::reading;

    #[test]
    fn every_item_of_two_months_has_its_own_bit_and_is_known_by_its_title() {
        let first = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
        let items = items(Dice::new(3), first, 8);
        let bits = items.iter().fold(0, |bits, item| bits | item.bit());
        assert_eq!(bits.count_ones() as usize, items.len());
        for item in &items {
            assert_eq!(reading::titles(&item.title()), item.bit());
        }
        assert!(items.iter().all(|item| item.week != 5));
    }

    #[test]
    fn a_digest_is_read_whole() {
        let item = Item { week: 3, place: 2, topics: 0, seen_at: DateTime::UNIX_EPOCH };
        let words = format!("{TITLE_FR} – Numéro 12\n{}\n{}\n{}", introduction(3, 2), item.title(), item.summary());
        let read = reading::digest(&words).unwrap();
        assert_eq!((read.edition, read.introduction, read.titles), (12, 2, item.bit()));
        assert!(read.in_full && !read.in_english);
        let nothing = reading::digest(&format!("{TITLE_EN} – Issue number 7: nothing for you.")).unwrap();
        assert_eq!((nothing.edition, nothing.titles), (7, 0));
        assert!(nothing.in_english && !nothing.in_full);
        assert_eq!(reading::digest("Consultation n° 3"), None);
    }
}
