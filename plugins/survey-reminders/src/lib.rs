//! Survey reminders: a questionnaire, its invitation and its reminders, until a collectivité has answered and never
//! after.
//!
//! A campaign is a file (its [`definition`]), planned down to the single message, approved by its hash, and then
//! carried out: less or later than approved, never more, earlier, elsewhere or in other words.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod action;
pub mod answers;
pub mod approval;
#[cfg(test)]
mod bench;
pub mod candidates;
#[cfg(test)]
mod chat_bench;
mod colleague;
pub mod completions;
mod consent;
mod conversation;
mod days;
pub mod definition;
pub mod definition_file;
pub mod engine;
mod file_hour;
pub mod handover;
pub mod ladder;
mod later;
#[cfg(test)]
mod life;
pub mod limesurvey;
mod links;
pub mod messages;
mod news;
pub mod operations;
pub mod outcome;
pub mod plan;
pub mod plan_rows;
mod plugin;
pub mod questionnaire;
pub mod reason;
pub mod refusal;
pub mod report;
#[cfg(test)]
mod sources_bench;
mod standing;
pub mod store;
mod undo;
pub mod webhook;
mod wishes;
pub mod words;

pub use plugin::SurveyReminders;
