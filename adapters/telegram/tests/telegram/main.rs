//! The adapter against a stateful fake of the Bot API, over real HTTP, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod bench;
mod chats;
mod files;
mod polling;
mod polls;
mod presses;
mod rendering;
mod sending;
mod stand;
mod webhook;
