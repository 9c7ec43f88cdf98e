//! A year of survey reminders, or of digests, in minutes: the real service and its real database, a world of people who answer, snooze,
//! block and move, outages, and a clock that jumps from one moment that matters to the next. A judge who shares no code
//! with what is judged looks at everything that anybody received.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this crate is for tests: it ends them and says why")]

pub mod campaigns;
mod consultations;
mod crowd;
mod deeds;
mod dice;
pub mod digests;
mod life;
pub mod messenger;
mod office;
pub mod oracle;
mod places;
pub mod record;
pub mod run;
mod seeding;
pub mod summary;
pub mod world;

/// Between two looks at something that happens elsewhere.
async fn a_moment() {
    let nothing = std::future::pending::<()>();
    let _ = tokio::time::timeout(std::time::Duration::from_millis(3), nothing).await;
}
