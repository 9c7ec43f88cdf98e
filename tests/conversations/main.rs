//! Conversations with the whole service, over real HTTP, as people have them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod citizen;
mod ledger;
mod results;
mod town;
mod voting;
