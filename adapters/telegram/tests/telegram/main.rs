//! The adapter against a stateful fake of the Bot API, over real HTTP, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod stand;
