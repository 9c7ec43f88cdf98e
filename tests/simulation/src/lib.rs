//! A year of survey reminders in minutes: the real service and its real database, a world of people who answer, snooze,
//! block and move, outages, and a clock that jumps from one moment that matters to the next. A judge who shares no code
//! with what is judged looks at everything that anybody received.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this crate is for tests: it ends them and says why")]

pub mod campaigns;
mod consultations;
mod dice;
pub mod messenger;
pub mod oracle;
mod places;
pub mod record;
mod seeding;
pub mod world;
