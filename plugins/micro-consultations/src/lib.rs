//! Micro-consultations: a few questions answered in chat, one ballot a participant, and a recount anyone can do.
//!
//! The life of one vote: a press reaches [`conversation`], which keeps the answers in a draft; casting takes a place
//! on the [`roll`] and writes a [`ballot`]; [`snapshot`] moves the counts that are shown; [`closing`] cuts the ballots
//! loose from the roll for ever; [`tally`] counts them, and so can anybody, from the file on the public [`page`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod action;
pub mod answer;
pub mod ballot;
#[cfg(test)]
mod bench;
pub mod chart;
pub mod closing;
pub mod codes;
mod conversation;
pub mod definition;
pub mod definition_file;
pub mod demo;
#[cfg(test)]
mod hammer;
pub mod limesurvey;
mod links;
mod named_votes;
mod news;
pub mod operations;
mod organiser;
pub mod page;
mod participate;
mod plugin;
pub mod pulse;
pub mod questionnaire;
mod refusal;
pub mod results;
pub mod roll;
pub mod rooms;
pub mod script;
pub mod snapshot;
pub mod store;
mod talk;
pub mod tally;
mod wizard;
mod words;

pub use plugin::MicroConsultations;
