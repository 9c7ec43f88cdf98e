//! The real program on real networks, as far as a machine without an internet can have them: a fake Telegram, a fake
//! Discord, a real Synapse. One consultation, one ballot per participant, wherever they speak.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod person;
mod program;
mod together;
