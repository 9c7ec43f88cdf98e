//! What the platforms counted: each room apart, by platform, and never as a ballot.

use bot_core::message::{Document, Table, Text};
use bot_core::plugin::HandlerError;
use bot_core::{ConversationId, Locale, OrganisationId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;

use super::store::{Pulse, PulseState};
use crate::definition::Wording;
use crate::words::text;

/// The result of a pulse.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PulseResults {
    pub slug: String,
    /// Always true: whoever reads the file alone must know.
    pub informal: bool,
    pub question: Wording,
    pub options: Vec<Wording>,
    pub state: PulseState,
    pub opened_at: Option<DateTime<Utc>>,
    pub closes_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    /// By name.
    pub platforms: Vec<PlatformResults>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlatformResults {
    pub platform: String,
    /// The sums over its counted rooms, in the order of the options; `None` while none is counted.
    pub votes: Option<Vec<u64>>,
    /// Rooms whose votes are unknown, and so not in `votes`.
    pub rooms_unknown: usize,
    pub rooms: Vec<RoomResults>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RoomResults {
    pub room: i64,
    #[serde(skip)]
    pub conversation: ConversationId,
    pub state: String,
    /// `None`: unknown.
    pub votes: Option<Vec<u64>>,
    pub voters: Option<u64>,
}

/// What is known now.
pub async fn read(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    pulse: &Pulse,
) -> Result<PulseResults, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT room.conversation_id, room.number, room.platform, room.state, room.voters,
               (SELECT array_agg(votes ORDER BY option) FROM micro_consultations.pulse_count AS counted
                WHERE counted.organisation_id = room.organisation_id AND counted.pulse_id = room.pulse_id
                  AND counted.conversation_id = room.conversation_id) AS votes
        FROM micro_consultations.pulse_room AS room
        WHERE room.organisation_id = $1 AND room.pulse_id = $2 ORDER BY room.platform, room.number
        "#,
        organisation.0,
        pulse.id.0,
    )
    .fetch_all(sql)
    .await?;
    let mut platforms: Vec<PlatformResults> = Vec::new();
    for row in rows {
        if platforms.last().is_none_or(|last| last.platform != row.platform) {
            let platform = row.platform.clone();
            platforms.push(PlatformResults { platform, votes: None, rooms_unknown: 0, rooms: Vec::new() });
        }
        let Some(platform) = platforms.last_mut() else { continue };
        let counted = |votes: i32| u64::try_from(votes).unwrap_or_default();
        let votes: Option<Vec<u64>> = row.votes.map(|votes| votes.into_iter().map(counted).collect());
        match &votes {
            Some(votes) => {
                let sums = platform.votes.get_or_insert_with(|| vec![0; votes.len()]);
                sums.iter_mut().zip(votes).for_each(|(sum, votes)| *sum += votes);
            }
            None => platform.rooms_unknown += 1,
        }
        platform.rooms.push(RoomResults {
            room: row.number,
            conversation: ConversationId(row.conversation_id),
            state: row.state,
            votes,
            voters: row.voters.map(counted),
        });
    }
    let definition = &pulse.definition;
    Ok(PulseResults {
        slug: definition.slug.clone(),
        informal: true,
        question: definition.question.clone(),
        options: definition.options.clone(),
        state: pulse.state,
        opened_at: pulse.opened_at,
        closes_at: pulse.closes_at,
        closed_at: pulse.closed_at,
        platforms,
    })
}

impl PulseResults {
    /// The rooms that hear the result: those where the question was read.
    pub(super) fn told_in(&self) -> impl Iterator<Item = ConversationId> {
        let rooms = self.platforms.iter().flat_map(|platform| &platform.rooms);
        rooms.filter(|room| room.state != "unsent").map(|room| room.conversation)
    }

    /// The result as a message.
    pub(super) fn document(&self, locale: Locale, public_url: Option<&str>) -> Document {
        let header = std::iter::once(text(locale, "pulse-option", &[]))
            .chain(self.platforms.iter().map(|platform| name_of(&platform.platform)));
        let rows = self.options.iter().enumerate().map(|(option, words)| {
            let votes = self.platforms.iter().map(|platform| cell(locale, platform.votes.as_deref(), option));
            std::iter::once(words.in_locale(locale).to_owned()).chain(votes).collect()
        });
        let mut document = Document::new()
            .heading(text(locale, "pulse-result-heading", &[]))
            .paragraph(Text::new().strong(self.question.in_locale(locale)))
            .paragraph(text(locale, "pulse-label", &[]))
            .table(Table { header: header.collect(), rows: rows.collect() });
        for note in self.notes(locale) {
            document = document.paragraph(note);
        }
        if let Some(url) = public_url {
            let language = if locale == Locale::Fr { "" } else { "?lang=en" };
            let page = format!("{url}/pulses/{}{language}", self.slug);
            document = document.paragraph(Text::new().link(text(locale, "pulse-page", &[]), page));
        }
        document
    }

    /// What must be known to read the figures.
    pub(super) fn notes(&self, locale: Locale) -> Vec<String> {
        let mut notes = Vec::new();
        for platform in self.platforms.iter().filter(|platform| platform.rooms_unknown > 0) {
            let arguments =
                [("platform", name_of(&platform.platform).into()), ("rooms", platform.rooms_unknown.into())];
            notes.push(text(locale, "pulse-unknown-rooms", &arguments));
        }
        notes.push(text(locale, "pulse-not-added", &[]));
        notes
    }

    /// One line for each room and option, as CSV (RFC 4180, UTF-8). An empty cell is an unknown count.
    pub fn csv(&self, locale: Locale) -> String {
        let header = ["platform", "room", "state", "option", "votes"].map(str::to_owned);
        let mut csv = crate::page::csv_line(&header);
        for platform in &self.platforms {
            for room in &platform.rooms {
                for (option, words) in self.options.iter().enumerate() {
                    let votes = room.votes.as_ref().and_then(|votes| votes.get(option));
                    csv.push_str(&crate::page::csv_line(&[
                        platform.platform.clone(),
                        room.room.to_string(),
                        room.state.clone(),
                        words.in_locale(locale).to_owned(),
                        votes.map(u64::to_string).unwrap_or_default(),
                    ]));
                }
            }
        }
        csv
    }
}

/// A count in a table; what is unknown is not zero.
pub(super) fn cell(locale: Locale, votes: Option<&[u64]>, option: usize) -> String {
    match votes.and_then(|votes| votes.get(option)) {
        Some(votes) => votes.to_string(),
        None => text(locale, "pulse-unknown", &[]),
    }
}

/// A platform's name as people write it.
pub(super) fn name_of(platform: &str) -> String {
    let mut letters = platform.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
