//! The webchat over real HTTP, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod conversation;
mod refusals;
mod server;
