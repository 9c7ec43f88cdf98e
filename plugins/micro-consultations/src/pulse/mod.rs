//! A pulse: one question asked with the native polls of the platforms, in rooms. It is informal and says so. The
//! platforms count it, each room apart; nothing of it ever meets a ballot.

pub mod chat;
pub mod counting;
pub mod file;
pub mod operations;
pub mod page;
pub mod results;
mod store;

use bot_core::calendar::resolve_local;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::definition::Wording;

pub use store::{Pulse, PulseId, PulseState, list};

/// Rooms that one pulse is asked in.
pub const ROOMS_MAX: usize = 20;
pub const OPTIONS_MIN: usize = 2;
pub const OPTIONS_MAX: usize = 10;
/// The narrowest platform's limits (Discord: Poll Object).
pub const QUESTION_CHARACTERS_MAX: usize = 250;
pub const OPTION_CHARACTERS_MAX: usize = 55;
/// Longer, no platform keeps a poll open (Discord and Telegram: about a month).
pub const HOURS_MAX: u16 = 24 * 30;

/// A pulse as its organiser wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "pulse")]
pub struct PulseDefinition {
    /// As of a consultation, and never the same as one.
    pub slug: String,
    pub time_zone: Option<Tz>,
    pub closing: PulseClosing,
    pub question: Wording,
    /// [`OPTIONS_MIN`] to [`OPTIONS_MAX`].
    pub options: Vec<Wording>,
    /// Where it is asked, by the rooms' numbers; whoever opens it may say otherwise.
    pub rooms: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PulseClosing {
    At(NaiveDateTime),
    /// 1 to [`HOURS_MAX`], from the opening.
    AfterHours(u16),
}

impl PulseDefinition {
    /// When it closes, if it opens at `opening`. `zone` is the organisation's.
    pub fn closes_at(&self, opening: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        match self.closing {
            PulseClosing::At(local) => resolve_local(local, self.time_zone.unwrap_or(zone)),
            PulseClosing::AfterHours(hours) => opening + TimeDelta::hours(hours.into()),
        }
    }
}
