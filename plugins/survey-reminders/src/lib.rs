//! Survey reminders: a questionnaire, its invitation and its reminders, until a collectivité has answered and never
//! after.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
