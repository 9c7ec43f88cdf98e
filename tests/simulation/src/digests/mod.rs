//! A year of barometer digests in minutes: readers who subscribe, choose, move, leave and come back, editors who are
//! late, skip a week or think again, outages, and a judge of every message. Shares the networks, the chance and the
//! service's lives with the other trial, and its clock that jumps.

mod agenda;
pub mod book;
mod deeds;
mod desk;
pub mod editions;
mod habits;
pub mod oracle;
pub mod readers;
pub mod reading;
pub mod run;
mod seeding;
pub mod summary;
