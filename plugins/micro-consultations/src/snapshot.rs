//! The counts that are shown.
//!
//! While an anonymous consultation is open they appear from `results_from_ballots` ballots and move only when at
//! least `results_step` more were cast since, so that comparing two results never shows one ballot. What the closing
//! adds to the last of them may be fewer: whoever needs to exclude that too chooses `results = "after_close"`.
//! Named consultations are counted when asked.

use bot_core::OrganisationId;
use bot_core::adapter::Assurance;
use bot_core::plugin::HandlerError;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::ballot;
use crate::definition::ResultsVisibility;
use crate::store::{self, Consultation, State};
use crate::tally::Tally;

/// First key of the advisory locks that order those who may move the counts of one consultation.
const LOCK_CLASS: i32 = 0x6d63;

/// Counting all ballots takes longer the more there are, so from then on a step is at least this part of them.
const LARGE_STEPS: i32 = 100;

/// Moves the shown counts on when enough ballots were cast since. Called after each ballot.
pub async fn step(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
) -> Result<(), HandlerError> {
    let definition = &consultation.definition;
    if !consultation.is_anonymous()
        || consultation.state != State::Open
        || definition.results == ResultsVisibility::AfterClose
    {
        return Ok(());
    }
    // Until this transaction ends the others wait here, so that of ballots cast at the same moment each sees those
    // before it, and no step is missed. Not a row lock: a closing that waits for this ballot would wait for ever.
    sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, consultation.id.0).fetch_one(&mut *sql).await?;
    let counts = sqlx::query!(
        r#"
        SELECT (SELECT count(*) FROM micro_consultations.ballot
                WHERE organisation_id = $1 AND consultation_id = $2) AS "cast!",
               (SELECT ballots FROM micro_consultations.snapshot
                WHERE organisation_id = $1 AND consultation_id = $2) AS shown
        "#,
        organisation.0,
        consultation.id.0,
    )
    .fetch_one(&mut *sql)
    .await?;
    let due = match counts.shown {
        None => i64::from(definition.results_from_ballots),
        Some(shown) => i64::from(shown) + i64::from(definition.results_step).max(i64::from(shown / LARGE_STEPS)),
    };
    if counts.cast < due {
        return Ok(());
    }
    let ballots = ballot::open_ballots(&mut *sql, organisation, consultation).await?;
    let tally = Tally::of(definition, &ballots);
    write(sql, organisation, consultation, &tally).await
}

/// Writes the counts that are shown from now on.
pub async fn write(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    tally: &Tally,
) -> Result<(), HandlerError> {
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.snapshot (organisation_id, consultation_id, ballots, tally)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (organisation_id, consultation_id) DO UPDATE
        SET ballots = excluded.ballots, tally = excluded.tally
        "#,
        organisation.0,
        consultation.id.0,
        i32::try_from(tally.ballots).unwrap_or(i32::MAX),
        Json(tally) as _,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// The counts to show now, if there are any yet.
pub async fn shown(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
) -> Result<Option<Tally>, HandlerError> {
    if !consultation.is_anonymous() && consultation.state == State::Open {
        let ballots = ballot::open_ballots(sql, organisation, consultation).await?;
        return Ok(Some(Tally::of(&consultation.definition, &ballots)).filter(|tally| tally.ballots > 0));
    }
    let tally = sqlx::query_scalar!(
        r#"
        SELECT tally AS "tally: Json<Tally>" FROM micro_consultations.snapshot
        WHERE organisation_id = $1 AND consultation_id = $2
        "#,
        organisation.0,
        consultation.id.0,
    )
    .fetch_optional(sql)
    .await?;
    Ok(tally.map(|Json(tally)| tally))
}

/// How many took part, by how surely each is counted once. Strongest first; levels nobody used are left out.
pub async fn participation(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
) -> Result<Vec<(Assurance, u64)>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT assurance, count(*) AS "ballots!" FROM micro_consultations.roll_entry
        WHERE organisation_id = $1 AND consultation_id = $2 AND has_ballot GROUP BY assurance
        "#,
        organisation.0,
        consultation.id.0,
    )
    .fetch_all(sql)
    .await?;
    let mut participation = Vec::new();
    for row in rows {
        participation.push((store::assurance(&row.assurance)?, u64::try_from(row.ballots).unwrap_or_default()));
    }
    participation.sort_by(|one, other| other.cmp(one));
    Ok(participation)
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::bench::{MARKET, Town};
    use crate::store::Lock;

    async fn vote(town: &Town) {
        let mut citizen = town.citizen();
        citizen.sends("consultations").await;
        citizen.taps("Répondre").await;
        citizen.taps("Jardin").await;
        citizen.taps("Déposer").await;
    }

    async fn shown_ballots(town: &Town, id: crate::store::ConsultationId) -> Option<u64> {
        let organisation = town.bench.organisation.id;
        let mut sql = town.bench.pool.acquire().await.unwrap();
        let found = store::find(&mut sql, organisation, id, Lock::None).await.unwrap().unwrap();
        shown(&mut sql, organisation, &found).await.unwrap().map(|tally| tally.ballots)
    }

    #[tokio::test]
    async fn live_counts_appear_from_three_ballots_and_move_by_two() {
        let town = Town::new(5).await;
        let id = town.opens(&format!("results_from_ballots = 3\nresults_step = 2\n{MARKET}")).await.id;
        let mut seen = Vec::new();
        for _ in 0..8 {
            vote(&town).await;
            seen.push(shown_ballots(&town, id).await);
        }
        assert_eq!(seen, [None, None, Some(3), Some(3), Some(5), Some(5), Some(7), Some(7)]);
    }

    #[tokio::test]
    async fn ballots_cast_at_the_same_moment_miss_no_step() {
        let town = Town::new(6).await;
        let id = town.opens(MARKET).await.id;
        join_all((0..5).map(|_| vote(&town))).await;
        assert_eq!(shown_ballots(&town, id).await, Some(5));
    }
}
