//! What the world's organisers want: their rules of hours, and their campaigns as files. The judge reads the same plain
//! data, never what the program under test made of it.

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::world::{Kind, World};

/// The clocks of the organisation.
pub const HOME: Tz = Tz::Europe__Paris;

/// Of everything that nobody asked for: from 8 to 20 o'clock, not on Sundays, not on holidays, at most two messages to
/// a person within seven days.
pub const DAY_BEGINS: u32 = 8;
pub const DAY_ENDS: u32 = 20;
pub const CAP_MESSAGES: usize = 2;
pub const CAP_DAYS: i64 = 7;

/// Of campaigns, on top: from 9 to 18 o'clock on working days.
pub const OFFICE_BEGINS: u32 = 9;
pub const OFFICE_ENDS: u32 = 18;

/// The organisation's rule, as its configuration says it.
pub fn organisation_rule() -> Value {
    json!({
        "hours": format!("mon-sat {DAY_BEGINS:02}:00-{DAY_ENDS:02}:00"),
        "holidays": false,
        "pressure": { "messages": CAP_MESSAGES, "days": CAP_DAYS },
    })
}

/// Whom a step addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rung {
    First,
    Deputy,
    Everyone,
}

/// What becomes of a message that could not go out in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfire {
    Skip,
    WithinHours(i64),
    SendLate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnlyIf {
    NotStarted,
    Started,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    Opening(u64),
    /// So many days before the deadline.
    Deadline(u64),
}

#[derive(Clone, Debug)]
pub struct Step {
    pub key: &'static str,
    pub when: After,
    pub hour: u32,
    pub is_reminder: bool,
    pub to: Rung,
    pub only_if: Option<OnlyIf>,
    pub misfire: Misfire,
}

#[derive(Clone, Debug)]
pub struct Campaign {
    pub slug: &'static str,
    pub title: &'static str,
    /// Of all kinds when empty.
    pub kinds: &'static [Kind],
    /// On the clocks of [`HOME`].
    pub opens: NaiveDateTime,
    pub deadline: NaiveDateTime,
    pub reminders_max: u8,
    pub days_between_min: i64,
    pub steps: Vec<Step>,
    /// When its words are changed, and approved anew.
    pub edited: Option<NaiveDateTime>,
}

fn day(month: u32, day: u32) -> NaiveDate {
    // Every date below is one.
    NaiveDate::from_ymd_opt(2026, month, day).unwrap_or_default()
}

fn at(date: NaiveDate, hour: i64) -> NaiveDateTime {
    date.and_time(chrono::NaiveTime::MIN) + TimeDelta::hours(hour)
}

/// The campaigns of the year 2026 that a run sees which begins on `start`. One that would have begun before opens two
/// days later instead.
pub fn campaigns(start: NaiveDate) -> Vec<Campaign> {
    let ladder = |relaunches: [u64; 2], last: [u64; 2]| {
        let step = |key, when, hour, to| Step {
            key,
            when,
            hour,
            is_reminder: true,
            to,
            only_if: None,
            misfire: Misfire::WithinHours(24),
        };
        vec![
            Step {
                is_reminder: false,
                misfire: Misfire::SendLate,
                ..step("invitation", After::Opening(0), 9, Rung::First)
            },
            step("relance-1", After::Opening(relaunches[0]), 10, Rung::First),
            Step {
                is_reminder: false,
                misfire: Misfire::SendLate,
                ..step("suppleant", After::Opening(relaunches[0] + 6), 10, Rung::Deputy)
            },
            Step {
                only_if: Some(OnlyIf::Started),
                misfire: Misfire::WithinHours(12),
                ..step("commencee", After::Opening(relaunches[1]), 11, Rung::First)
            },
            Step {
                only_if: Some(OnlyIf::NotStarted),
                misfire: Misfire::Skip,
                ..step("relance-2", After::Opening(relaunches[1] + 7), 14, Rung::Everyone)
            },
            Step { misfire: Misfire::SendLate, ..step("relance-3", After::Deadline(last[0]), 10, Rung::Everyone) },
            Step {
                misfire: Misfire::WithinHours(48),
                ..step("dernier-rappel", After::Deadline(last[1]), 9, Rung::Everyone)
            },
        ]
    };
    let all = vec![
        Campaign {
            slug: "printemps",
            title: "Enquête de printemps",
            kinds: &[],
            opens: at(day(3, 9), 8),
            deadline: at(day(5, 29), 18),
            reminders_max: 4,
            days_between_min: 5,
            steps: ladder([21, 28], [21, 4]),
            edited: None,
        },
        Campaign {
            slug: "barometre",
            title: "Baromètre 2026",
            kinds: &[],
            opens: at(day(9, 15), 8),
            deadline: at(day(12, 11), 18),
            reminders_max: 4,
            days_between_min: 5,
            steps: ladder([14, 28], [14, 3]),
            edited: Some(at(day(11, 5), 21)),
        },
        Campaign {
            slug: "eclair",
            title: "Enquête éclair",
            kinds: &[Kind::Epci, Kind::Departement, Kind::Region],
            opens: at(day(10, 20), 8),
            deadline: at(day(11, 20), 18),
            reminders_max: 2,
            days_between_min: 3,
            steps: vec![
                Step {
                    key: "invitation",
                    when: After::Opening(0),
                    hour: 9,
                    is_reminder: false,
                    to: Rung::Everyone,
                    only_if: None,
                    misfire: Misfire::SendLate,
                },
                Step {
                    key: "relance",
                    when: After::Opening(10),
                    hour: 10,
                    is_reminder: true,
                    to: Rung::Everyone,
                    only_if: None,
                    misfire: Misfire::SendLate,
                },
                Step {
                    key: "dernier-rappel",
                    when: After::Deadline(4),
                    hour: 10,
                    is_reminder: true,
                    to: Rung::First,
                    only_if: None,
                    misfire: Misfire::WithinHours(24),
                },
            ],
            edited: None,
        },
    ];
    let opened = all.into_iter().map(|mut campaign| {
        campaign.opens = campaign.opens.max(at(start + Days::new(2), 8));
        campaign
    });
    opened.filter(|campaign| campaign.deadline - campaign.opens > TimeDelta::days(21)).collect()
}

/// A wall time of [`HOME`]. None of ours falls in a night when clocks change.
pub fn home_time(wall: NaiveDateTime) -> DateTime<Utc> {
    wall.and_local_timezone(HOME).earliest().map_or_else(|| wall.and_utc(), |time| time.to_utc())
}

impl Campaign {
    pub fn opens_at(&self) -> DateTime<Utc> {
        home_time(self.opens)
    }

    pub fn deadline_at(&self) -> DateTime<Utc> {
        home_time(self.deadline)
    }

    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.key == key)
    }

    /// The group that is asked; everybody when `None`.
    pub fn group(&self) -> Option<&'static str> {
        (!self.kinds.is_empty()).then_some(self.slug)
    }

    pub fn addresses(&self, world: &World, person: u32) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&world.collectivite_of(person).kind)
    }

    /// The first line of a message: it says which one it is, so that whoever reads over a shoulder can tell.
    pub fn line(&self, step: &str, version: u16, name: &str) -> String {
        format!("{} ({step}, version {version}) pour {name}", self.title)
    }

    /// The campaign file, with the words of a version.
    pub fn file(&self, version: u16) -> String {
        let mut file = format!(
            r#"slug = "{}"
title = "{}"
sender = "L’observatoire"
opens_at = {}
deadline = {}
time_zone = "{HOME}"
reminders_max = {}
days_between_min = {}
"#,
            self.slug,
            self.title,
            self.opens.format("%FT%T"),
            self.deadline.format("%FT%T"),
            self.reminders_max,
            self.days_between_min,
        );
        // Writing to a string does not fail.
        let _ = match self.group() {
            Some(group) => writeln!(file, "to = {{ group = \"{group}\" }}"),
            None => writeln!(file, "to = \"everyone\""),
        };
        let _ = write!(
            file,
            r#"
[questionnaire]
link = "https://enquetes.example.org/{}?token={{{{token}}}}"

[sending]
hours = "mon-fri {OFFICE_BEGINS:02}:00-{OFFICE_ENDS:02}:00"
working_days_only = true
"#,
            self.slug
        );
        for step in &self.steps {
            let (from, days) = match step.when {
                After::Opening(days) => ("opening", days.to_string()),
                After::Deadline(days) => ("deadline", format!("-{days}")),
            };
            let kind = if step.is_reminder { "reminder" } else { "invitation" };
            let to = match step.to {
                Rung::First => "first",
                Rung::Deputy => "deputy",
                Rung::Everyone => "everyone",
            };
            let misfire = match step.misfire {
                Misfire::Skip => "\"skip\"".to_owned(),
                Misfire::WithinHours(hours) => format!("{{ send_if_within_hours = {hours} }}"),
                Misfire::SendLate => "\"send_late\"".to_owned(),
            };
            let only_if = match step.only_if {
                Some(OnlyIf::Started) => "only_if = \"started\"\n",
                Some(OnlyIf::NotStarted) => "only_if = \"not_started\"\n",
                None => "",
            };
            let line = self.line(step.key, version, "{{nom}}");
            let _ = write!(
                file,
                r#"
[[steps]]
key = "{}"
from = "{from}"
days = {days}
hour = {}
kind = "{kind}"
to = "{to}"
misfire = {misfire}
{only_if}wording = """
{line}

{{{{collectivite}}}} n’a pas encore répondu : {{{{lien}}}}
"""
"#,
                step.key, step.hour,
            );
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_sees_what_is_long_enough_to_be_one() {
        let slugs = |start| campaigns(start).iter().map(|campaign| campaign.slug).collect::<Vec<_>>();
        assert_eq!(slugs(day(1, 5)), ["printemps", "barometre", "eclair"]);
        assert_eq!(slugs(day(10, 12)), ["barometre", "eclair"]);
        assert_eq!(campaigns(day(10, 12))[0].opens, at(day(10, 14), 8));
    }

    #[test]
    fn the_files_are_campaign_files() {
        for campaign in campaigns(day(1, 5)).iter().chain(&campaigns(day(10, 12))) {
            let read = survey_reminders::definition_file::parse(&campaign.file(1));
            let definition = read.unwrap_or_else(|error| panic!("{}: {error}", campaign.slug));
            assert_eq!(definition.steps.len(), campaign.steps.len());
        }
    }
}
