//! Conversations with the whole service, over real HTTP, as people have them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_input;
mod citizen;
mod codes;
mod digests;
mod ledger;
mod newsstand;
mod one_ballot;
mod organiser;
mod outage;
mod people;
mod pulse;
mod reminders;
mod results;
mod town;
mod voting;
