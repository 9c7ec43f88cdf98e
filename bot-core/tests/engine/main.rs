//! The engine with a scripted platform and scripted plugins, on a real Postgres: what the outbox does with every
//! verdict, what a plugin's fault does to the others, what a crash leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by failing")]

mod asking;
mod contacts;
mod crash;
mod delivery;
mod dispatch;
mod fetches;
mod fires;
mod invitations;
mod isolation;
mod moderation;
mod networks;
mod people;
mod quiet_hours;
mod scripted;
mod town;
