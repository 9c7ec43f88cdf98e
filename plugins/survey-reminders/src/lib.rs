//! Survey reminders: a questionnaire, its invitation and its reminders, until a collectivité has answered and never
//! after.
//!
//! A campaign is a file (its [`definition`]), planned down to the single message, approved by its hash, and then
//! carried out: less or later than approved, never more, earlier, elsewhere or in other words.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod answers;
pub mod approval;
#[cfg(test)]
mod bench;
pub mod candidates;
pub mod completions;
pub mod definition;
pub mod definition_file;
pub mod engine;
mod file_hour;
pub mod handover;
pub mod ladder;
pub mod limesurvey;
mod links;
pub mod messages;
pub mod operations;
pub mod outcome;
pub mod plan;
pub mod plan_rows;
mod plugin;
pub mod reason;
pub mod refusal;
pub mod report;
#[cfg(test)]
mod sources_bench;
pub mod store;
pub mod webhook;
pub mod words;

pub use plugin::SurveyReminders;
