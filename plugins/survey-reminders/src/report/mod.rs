//! The report of a campaign: what became of its messages, who answered, how well that covers the population, and whom
//! to remind next.
//!
//! [`facts`] are read in one go; everything after is a pure function of them and of the reference population, so that
//! a report can be computed again from its files.

pub mod bodies;
mod chart;
pub mod chat;
pub mod coverage;
pub mod csv;
pub mod facts;
pub mod funnel;
pub mod gate;
pub mod http;
pub mod next;
pub mod page;
pub mod redirect;
pub mod reference;
pub mod strata;
mod words;

#[cfg(test)]
pub(crate) mod bench;
#[cfg(test)]
pub(crate) mod stage;

use bot_core::Wording;
use bot_core::plugin::{HandlerError, OrganisationView};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use sqlx::PgConnection;

pub use self::words::plain;

use self::bodies::Body;
use self::coverage::Coverage;
use self::facts::{Facts, WishCount};
use self::funnel::Funnel;
use self::next::Next;
use self::reference::Reference;
use crate::store::{CampaignId, State};

/// Everything a report says.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    pub campaign: CampaignId,
    pub slug: String,
    pub title: Wording,
    pub state: State,
    pub opens_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub read_at: DateTime<Utc>,
    /// The clocks that times are said on.
    pub time_zone: Tz,
    pub funnel: Funnel,
    /// Whether coverage is of a reference population; else it is of whoever was asked.
    pub has_reference: bool,
    pub coverage: Coverage,
    /// As many as were wished for.
    pub next: Vec<Next>,
    /// What recipients pressed and said.
    pub wishes: Vec<WishCount>,
    /// Answers that matched nobody: an organiser has to look at them.
    pub unmatched_news: u64,
    /// What does not add up. Always empty, or something is wrong that an operator must hear of.
    pub discrepancies: Vec<String>,
    #[serde(skip)]
    pub bodies: Vec<Body>,
}

impl Report {
    /// Computes the report, with the first `next_count` of whom to remind.
    pub fn of(facts: &Facts, reference: Option<&Reference>, time_zone: Tz, next_count: usize) -> Self {
        let funnel = Funnel::of(facts);
        let bodies = bodies::bodies(facts, reference);
        Self {
            campaign: facts.campaign,
            slug: facts.slug.clone(),
            title: facts.title.clone(),
            state: facts.state,
            opens_at: facts.opens_at,
            deadline: facts.deadline,
            read_at: facts.read_at,
            time_zone,
            discrepancies: funnel.discrepancies(facts),
            funnel,
            has_reference: reference.is_some(),
            coverage: Coverage::of(&bodies),
            next: next::next(&bodies, next_count),
            wishes: facts.wishes.clone(),
            unmatched_news: facts.unmatched_news,
            bodies,
        }
    }
}

/// Reads the report of a campaign; `None` when there is none by this name. Without a reference population given, the
/// one that was kept is used.
///
/// # Errors
/// When the database cannot be read.
pub async fn read(
    sql: &mut PgConnection,
    organisation: &OrganisationView,
    slug: &str,
    now: DateTime<Utc>,
    reference: Option<&Reference>,
    next_count: usize,
) -> Result<Option<Report>, HandlerError> {
    let Some(facts) = facts::read(sql, organisation.id, slug, now).await? else { return Ok(None) };
    let kept = match reference {
        Some(_) => None,
        None => reference::kept(sql, organisation.id, facts.campaign).await?,
    };
    Ok(Some(Report::of(&facts, reference.or(kept.as_ref()), organisation.time_zone, next_count)))
}
