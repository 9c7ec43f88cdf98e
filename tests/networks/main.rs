//! The real program on real networks, as far as a machine without an internet can have them: a fake Telegram, a fake
//! Discord, a real Synapse. One consultation, one ballot per participant, wherever they speak.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "shared with the conversations, which use all of it")]
#[path = "../conversations/citizen.rs"]
mod citizen;
mod codes;
mod person;
mod program;
mod reminders;
mod rooms;
mod script;
mod together;
mod town;
mod trouble;
