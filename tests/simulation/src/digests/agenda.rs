//! What happens whatever readers do: items that are seen, editors at work, and when the service, or a network, is not
//! there.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use rand::Rng as _;

use super::editions::{DRAFTED_AT, Item, Treatment, treatment};
use crate::campaigns::home_time;
use crate::dice::{About, Dice};
use crate::world::Network;

#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// Readers' and the simulation's own week begins.
    Week(u32),
    /// An item is seen.
    Item(usize),
    /// The editors come to the draft of this week.
    Treat(u32, Treatment),
    Jam(Network, DateTime<Utc>),
    Stop,
    Start,
    /// In the middle of sending.
    Kill,
}

/// The latest first.
pub type Agenda = Vec<(DateTime<Utc>, Entry)>;

fn wall(day: NaiveDate, after: TimeDelta) -> DateTime<Utc> {
    home_time(day.and_time(NaiveTime::MIN) + after)
}

pub fn agenda(dice: Dice, first: NaiveDate, weeks: u32, items: &[Item]) -> Agenda {
    let mut agenda: Agenda = Vec::new();
    let mut outages: Vec<(DateTime<Utc>, DateTime<Utc>, Entry)> = Vec::new();
    let begins = wall(first, TimeDelta::zero());
    for week in 0..weeks {
        let monday = first + Days::new(7 * u64::from(week));
        agenda.push((wall(monday, TimeDelta::minutes(1)), Entry::Week(week)));
        let treatment = treatment(dice, week);
        agenda.push((wall(monday, DRAFTED_AT) + treatment.after, Entry::Treat(week, treatment)));
        let nine = wall(monday, TimeDelta::hours(9));
        // Over the hour that most have chosen, over the draft, for longer than lateness allows, and in the middle of it.
        match week % 8 {
            1 => outages.push((nine, nine + TimeDelta::minutes(50), Entry::Kill)),
            2 => outages.push((nine - TimeDelta::hours(1), nine + TimeDelta::hours(2), Entry::Stop)),
            3 => outages.push((
                nine + TimeDelta::days(1),
                nine + TimeDelta::days(1) + TimeDelta::minutes(20),
                Entry::Kill,
            )),
            5 => outages.push((nine + TimeDelta::minutes(20), nine + TimeDelta::hours(60), Entry::Stop)),
            6 => outages.push((nine - TimeDelta::hours(6), nine + TimeDelta::hours(1), Entry::Stop)),
            _ => {}
        }
        let mut rng = dice.about(About::Outage, &[u64::from(week)]);
        if week % 3 == 1 {
            let network = Network::ALL[rng.random_range(0..Network::ALL.len())];
            let since = nine + TimeDelta::minutes(rng.random_range(0..3000));
            // Some for longer than a digest may be late.
            let hours = if week % 2 == 0 { 56 } else { rng.random_range(1..12) };
            agenda.push((since, Entry::Jam(network, since + TimeDelta::hours(hours))));
        }
        if rng.random_bool(0.4) {
            let since = nine + TimeDelta::minutes(rng.random_range(0..6 * 24 * 60));
            outages.push((since, since + TimeDelta::minutes(rng.random_range(5..600)), Entry::Stop));
        }
    }
    let end = wall(first + Days::new(7 * u64::from(weeks)), TimeDelta::zero());
    outages.retain(|(since, until, _)| *since > begins + TimeDelta::hours(4) && *until < end - TimeDelta::hours(12));
    // A kill is never left out for another outage.
    outages.sort_by_key(|(since, _, entry)| (!matches!(entry, Entry::Kill), *since));
    let mut kept: Vec<(DateTime<Utc>, DateTime<Utc>, Entry)> = Vec::new();
    for outage in outages {
        if kept.iter().all(|other| other.1 < outage.0 || outage.1 < other.0) {
            kept.push(outage);
        }
    }
    agenda.extend(kept.into_iter().flat_map(|(since, until, entry)| [(since, entry), (until, Entry::Start)]));
    agenda.extend(items.iter().enumerate().map(|(place, item)| (item.seen_at.max(begins), Entry::Item(place))));
    agenda.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    agenda
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_comes_back_from_each_outage() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 9).unwrap();
        let agenda = agenda(Dice::new(1), first, 8, &[]);
        let (mut is_there, mut kills) = (true, 0);
        for (_, entry) in agenda.iter().rev() {
            match entry {
                Entry::Stop | Entry::Kill => {
                    assert!(is_there);
                    is_there = false;
                    kills += u32::from(matches!(entry, Entry::Kill));
                }
                Entry::Start => is_there = true,
                _ => {}
            }
        }
        assert!(is_there && kills == 2, "{agenda:?}");
    }
}
