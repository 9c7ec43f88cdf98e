//! The adapter against a Discord of its own, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod answers;
mod bench;
mod commands;
mod gateway;
mod judges;
mod limits;
mod polls;
mod sending;
mod town;
