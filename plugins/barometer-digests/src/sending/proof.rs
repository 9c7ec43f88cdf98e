//! The proof of sending: every reader an edition was for is accounted for once, and the outbox says the same.
//!
//! Two accounts are kept by two hands: this plugin's digests, and the core's deliveries. A digest lost or sent twice,
//! by a fault or by a hand in the database, shows as a sum that does not come out. It is checked when an edition ends
//! and once a day for [`CHECKED_DAYS`] after its publication.

use std::collections::BTreeMap;

use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerError, HandlerResult, Outgoing, Purpose, Recipient};
use bot_core::{Locale, OrganisationId};
use chrono::{Days, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::publish::PROOF_EVERY;
use super::state::DigestState;
use super::{PROOF, integer, outcome, schedule, scope};
use crate::edition::store::{self, StoredEdition};
use crate::refusal::{OperationError, Refusal};
use crate::words::{count, text};

/// So long after its publication an edition is checked every day.
pub const CHECKED_DAYS: u64 = 30;
/// Editions whose sums are shown as metrics: the latest, of each organisation.
pub const SHOWN_MAX: i64 = 4;

/// The sums of one edition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Proof {
    pub edition: u32,
    /// Readers it is for, counted when it was published; 0 before.
    pub expected: u64,
    /// Their digests.
    pub by_state: BTreeMap<DigestState, u64>,
    /// Those of them that went through the outbox.
    pub handed_by_state: BTreeMap<DigestState, u64>,
    /// What the outbox itself has, by the names of its states.
    pub deliveries_by_state: BTreeMap<String, u64>,
    pub adds_up: bool,
    /// What does not.
    pub problems: Vec<Problem>,
}

/// A sum that does not come out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// So many digests for so many readers.
    Digests { expected: u64, found: u64 },
    /// So many messages in the outbox for so many digests that went there.
    Deliveries { handed: u64, found: u64 },
    /// More digests are called so than there are messages that ended so.
    Outcomes { state: DigestState, digests: u64, found: u64 },
}

impl Problem {
    /// For the operator.
    pub fn words(&self, locale: Locale) -> String {
        match self {
            Self::Digests { expected, found } => {
                text(locale, "proof-digests", &[("expected", count(*expected)), ("found", count(*found))])
            }
            Self::Deliveries { handed, found } => {
                text(locale, "proof-deliveries", &[("handed", count(*handed)), ("found", count(*found))])
            }
            Self::Outcomes { state, digests, found } => {
                let digests =
                    [("state", state.as_str().into()), ("digests", count(*digests)), ("found", count(*found))];
                text(locale, "proof-outcomes", &digests)
            }
        }
    }
}

/// Adds up.
fn problems(
    expected: u64,
    by_state: &BTreeMap<DigestState, u64>,
    handed_by_state: &BTreeMap<DigestState, u64>,
    deliveries_by_state: &BTreeMap<String, u64>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let found = by_state.values().sum();
    if found != expected {
        problems.push(Problem::Digests { expected, found });
    }
    let (handed, found) = (handed_by_state.values().sum(), deliveries_by_state.values().sum());
    if handed != found {
        problems.push(Problem::Deliveries { handed, found });
    }
    // What an operator sends once more is under way again, and called by its former end until that is over. Nothing
    // that was sent is ever sent once more.
    let is_under_way = |state: &str| !state.parse::<DigestState>().is_ok_and(DigestState::is_final);
    let mut under_way: u64 =
        deliveries_by_state.iter().filter(|(state, _)| is_under_way(state)).map(|(_, count)| count).sum();
    for (state, digests) in handed_by_state.iter().filter(|(state, _)| state.is_final()) {
        let found = deliveries_by_state.get(state.as_str()).copied().unwrap_or_default();
        let missing = digests.saturating_sub(found);
        let excused = if *state == DigestState::Sent { 0 } else { missing.min(under_way) };
        under_way -= excused;
        if missing > excused {
            problems.push(Problem::Outcomes { state: *state, digests: *digests, found });
        }
    }
    problems
}

/// The sums of an edition as they are now.
///
/// # Errors
/// [`Refusal::UnknownEdition`], and those of the database.
pub async fn read(cx: &mut Context, number: u32) -> Result<Proof, OperationError> {
    let organisation = cx.organisation.id;
    let stored = store::find(cx.sql(), organisation, number).await?;
    let stored = stored.ok_or(Refusal::UnknownEdition(number))?;
    Ok(of(cx, &stored).await?)
}

async fn of(cx: &mut Context, stored: &StoredEdition) -> Result<Proof, HandlerError> {
    let organisation = cx.organisation.id;
    // Expected is read with what it counts: both change together while an edition is published.
    let rows = sqlx::query!(
        r#"
        SELECT coalesce(edition.expected, 0) AS "expected!", digest.state AS "state?",
               count(digest.reader_id) AS "digests!",
               count(digest.reader_id) FILTER (WHERE digest.handed_at IS NOT NULL
                   AND digest.reason ->> 'code' IS DISTINCT FROM 'unreachable') AS "handed!"
        FROM barometer_digests.edition
        LEFT JOIN barometer_digests.reader_digest AS digest
          ON digest.organisation_id = edition.organisation_id AND digest.edition_number = edition.number
        WHERE edition.organisation_id = $1 AND edition.number = $2
        GROUP BY edition.expected, digest.state
        "#,
        organisation.0,
        integer(stored.number),
    )
    .fetch_all(cx.sql())
    .await?;
    let expected = rows.first().map_or(0, |row| u64::from(row.expected.unsigned_abs()));
    let (mut by_state, mut handed_by_state) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let Some(state) = row.state else { continue };
        let state: DigestState = state.parse().map_err(HandlerError::Broken)?;
        by_state.insert(state, row.digests.unsigned_abs());
        if row.handed > 0 {
            handed_by_state.insert(state, row.handed.unsigned_abs());
        }
    }
    let deliveries_by_state = cx.delivery_counts(&scope(stored.number)).await?;
    let problems = problems(expected, &by_state, &handed_by_state, &deliveries_by_state);
    let adds_up = problems.is_empty();
    Ok(Proof { edition: stored.number, expected, by_state, handed_by_state, deliveries_by_state, adds_up, problems })
}

/// The daily look.
pub(super) async fn fired(cx: &mut Context, number: u32) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(stored) = store::find(cx.sql(), organisation, number).await? else { return Ok(()) };
    check(cx, number).await?;
    let until = stored.published_at.map(|published_at| published_at + Days::new(CHECKED_DAYS));
    if until.is_some_and(|until| now + PROOF_EVERY <= until + TimeDelta::hours(1)) {
        schedule(cx, number, PROOF, now + PROOF_EVERY, json!({}));
    }
    Ok(())
}

/// Checks an edition's sums. Where they do not come out it is stored, and the operators are told when they did before.
///
/// # Errors
/// Those of the database.
pub(super) async fn check(cx: &mut Context, number: u32) -> HandlerResult {
    let organisation = cx.organisation.id;
    let Some(stored) = store::find_locked(cx.sql(), organisation, number).await? else { return Ok(()) };
    let mut proof = of(cx, &stored).await?;
    if proof.problems.iter().any(|problem| matches!(problem, Problem::Outcomes { .. })) {
        outcome::look_again(cx, &stored).await?;
        proof = of(cx, &stored).await?;
    }
    let mismatch = (!proof.adds_up).then_some(Json(&proof.problems));
    let before = sqlx::query_scalar!(
        r#"
        WITH before AS (
            SELECT mismatch FROM barometer_digests.edition WHERE organisation_id = $1 AND number = $2
        )
        UPDATE barometer_digests.edition SET mismatch = $3 WHERE organisation_id = $1 AND number = $2
        RETURNING (SELECT mismatch FROM before) IS NOT NULL AS "before!"
        "#,
        organisation.0,
        integer(number),
        mismatch as _,
    )
    .fetch_one(cx.sql())
    .await?;
    if before == proof.adds_up {
        let action = if proof.adds_up { "digest.adds_up_again" } else { "digest.mismatch" };
        cx.audit(action, scope(number), json!({ "problems": proof.problems }));
    }
    if !proof.adds_up && !before {
        tracing::error!(edition = number, "The numbers of a digest do not add up: see `crieur digest proof {number}`");
        tell(cx, &proof);
    }
    Ok(())
}

fn tell(cx: &mut Context, proof: &Proof) {
    let words = |locale: Locale| {
        let mut document = Document::says(text(locale, "proof-mismatch", &[("edition", count(proof.edition.into()))]));
        for problem in &proof.problems {
            document = document.paragraph(problem.words(locale));
        }
        document.paragraph(text(locale, "proof-remedy", &[("edition", proof.edition.to_string().into())]))
    };
    // Not of the edition's own scope, whose messages are being counted.
    let scope = format!("digest-proof:{}", proof.edition);
    let mut message =
        Outgoing::new(Recipient::Operators, Purpose::Service, scope, words(cx.organisation.default_locale));
    message.translations = Locale::ALL.into_iter().map(|locale| (locale, words(locale))).collect();
    cx.send(message);
}

/// The sums of one edition, for whoever watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    pub organisation: OrganisationId,
    pub edition: u32,
    pub by_state: BTreeMap<DigestState, u64>,
    pub problems: Vec<Problem>,
}

/// The latest published editions of every organisation, the newest first.
///
/// # Errors
/// Those of the database, among them that what is stored cannot be read.
pub async fn watched(sql: &mut PgConnection) -> Result<Vec<Watched>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        WITH latest AS (
            SELECT organisation_id, number, mismatch,
                   row_number() OVER (PARTITION BY organisation_id ORDER BY number DESC) AS place
            FROM barometer_digests.edition WHERE published_at IS NOT NULL
        )
        SELECT latest.organisation_id, latest.number, latest.mismatch AS "mismatch: Json<Vec<Problem>>",
               digest.state AS "state?", digest.count AS "count?"
        FROM latest
        -- For each by itself, so that old editions are not even looked at.
        LEFT JOIN LATERAL (
            SELECT state, count(*) FROM barometer_digests.reader_digest
            WHERE organisation_id = latest.organisation_id AND edition_number = latest.number
            GROUP BY state
        ) AS digest ON true
        -- One that does not add up is shown until it does.
        WHERE latest.place <= $1 OR latest.mismatch IS NOT NULL
        ORDER BY latest.organisation_id, latest.number DESC
        "#,
        SHOWN_MAX,
    )
    .fetch_all(sql)
    .await?;
    let mut watched: Vec<Watched> = Vec::new();
    for row in rows {
        let (organisation, edition) = (OrganisationId(row.organisation_id), row.number.unsigned_abs());
        if watched.last().is_none_or(|last| (last.organisation, last.edition) != (organisation, edition)) {
            let problems = row.mismatch.map(|Json(problems)| problems).unwrap_or_default();
            watched.push(Watched { organisation, edition, by_state: BTreeMap::new(), problems });
        }
        if let (Some(state), Some(count), Some(last)) = (row.state, row.count, watched.last_mut()) {
            let state = state.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
            last.by_state.insert(state, count.unsigned_abs());
        }
    }
    Ok(watched)
}
