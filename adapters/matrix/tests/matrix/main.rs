//! The adapter against a real Synapse, with people who use a client of another make.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end by it and say why")]

mod bench;
mod conversation;
mod device;
mod outages;
mod rooms;
mod world;
