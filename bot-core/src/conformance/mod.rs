//! What every adapter is held to, and the databases that tests run on.
#![allow(clippy::panic, reason = "this module is for tests: a broken precondition ends the test")]

pub mod database;

pub use database::{DatabaseFault, TakenEvent, TestAccount, TestDatabase};
