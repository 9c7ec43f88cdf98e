//! Casting, changing and withdrawing a ballot while a consultation is open.

use bot_core::plugin::{HandlerError, KnownAddress};
use bot_core::{ContactId, OrganisationId};
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::answer::Answers;
use crate::codes;
use crate::definition::Anonymity;
use crate::roll::{EntryId, Roll};
use crate::snapshot;
use crate::store::Consultation;

/// Who casts.
#[derive(Clone, Debug)]
pub struct Voter {
    pub contact: ContactId,
    /// Every address of the contact.
    pub addresses: Vec<KnownAddress>,
}

/// What is cast.
#[derive(Clone, Copy, Debug)]
pub struct Paper<'p> {
    pub answers: &'p Answers,
    /// For a named consultation.
    pub consent: Option<&'p Consent>,
}

/// The explicit consent of a named ballot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consent {
    pub wording: String,
    pub given_at: DateTime<Utc>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CastOutcome {
    Recorded,
    /// It replaced the participant's earlier ballot.
    Changed,
    /// There is a ballot already, and this consultation accepts no change.
    AlreadyCast,
    /// Voting has not begun or is over.
    NotOpen,
    /// None of the participant's addresses is accepted here.
    NotAccepted,
    /// Answers are missing or do not fit their questions.
    Incomplete,
    /// A named ballot without consent.
    ConsentMissing,
}

/// Casts a ballot, or changes it. The caller holds `consultation` with [`crate::store::Lock::Voting`].
pub async fn cast(
    sql: &mut PgConnection,
    random: &mut StdRng,
    organisation: OrganisationId,
    consultation: &Consultation,
    voter: &Voter,
    paper: Paper<'_>,
    now: DateTime<Utc>,
) -> Result<CastOutcome, HandlerError> {
    let Paper { answers, consent } = paper;
    let definition = &consultation.definition;
    let (true, Some(roll)) = (consultation.takes_ballots(now), Roll::of(organisation, consultation)) else {
        return Ok(CastOutcome::NotOpen);
    };
    if !codes::may_take_part(&mut *sql, organisation, consultation, &voter.addresses).await? {
        return Ok(CastOutcome::NotAccepted);
    }
    if answers.0.len() != definition.questions.len() || answers.first_missing(definition).is_some() {
        return Ok(CastOutcome::Incomplete);
    }
    if definition.anonymity == Anonymity::Named && consent.is_none() {
        return Ok(CastOutcome::ConsentMissing);
    }
    let entry = roll.enter(&mut *sql, random, &voter.addresses).await?.entry;
    if entry.has_ballot && !definition.change_vote {
        return Ok(CastOutcome::AlreadyCast);
    }
    match consent {
        Some(consent) if definition.anonymity == Anonymity::Named => {
            sqlx::query!(
                r#"
                INSERT INTO micro_consultations.named_ballot
                    (organisation_id, consultation_id, entry_id, contact_id, answers, consent_wording, consented_at,
                     cast_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (organisation_id, consultation_id, entry_id) DO UPDATE
                SET contact_id = excluded.contact_id, answers = excluded.answers,
                    consent_wording = excluded.consent_wording, consented_at = excluded.consented_at,
                    cast_at = excluded.cast_at
                "#,
                organisation.0,
                consultation.id.0,
                entry.id.0,
                voter.contact.0,
                Json(answers) as _,
                consent.wording,
                consent.given_at,
                now,
            )
            .execute(&mut *sql)
            .await?;
        }
        _ => {
            let key = roll.secret().ballot(entry.id);
            sqlx::query!(
                r#"
                INSERT INTO micro_consultations.ballot (organisation_id, consultation_id, key, answers)
                VALUES ($1, $2, $3, $4)
                ON CONFLICT (organisation_id, consultation_id, key) DO UPDATE SET answers = excluded.answers
                "#,
                organisation.0,
                consultation.id.0,
                key.as_slice(),
                Json(answers) as _,
            )
            .execute(&mut *sql)
            .await?;
        }
    }
    roll.mark(&mut *sql, entry.id, true).await?;
    snapshot::step(sql, organisation, consultation).await?;
    Ok(if entry.has_ballot { CastOutcome::Changed } else { CastOutcome::Recorded })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WithdrawalOutcome {
    Withdrawn,
    /// There was none.
    NoBallot,
    /// This consultation accepts no change.
    NotAllowed,
    NotOpen,
}

/// Withdraws the ballot of a participant, who may cast another one later. Callers hold `consultation` as for [`cast`].
pub async fn withdraw(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    addresses: &[KnownAddress],
    now: DateTime<Utc>,
) -> Result<WithdrawalOutcome, HandlerError> {
    let (true, Some(roll)) = (consultation.takes_ballots(now), Roll::of(organisation, consultation)) else {
        return Ok(WithdrawalOutcome::NotOpen);
    };
    let Some(entry) = roll.find(&mut *sql, addresses).await?.filter(|entry| entry.has_ballot) else {
        return Ok(WithdrawalOutcome::NoBallot);
    };
    if !consultation.definition.change_vote {
        return Ok(WithdrawalOutcome::NotAllowed);
    }
    remove(&mut *sql, &roll, entry.id).await?;
    roll.mark(sql, entry.id, false).await?;
    Ok(WithdrawalOutcome::Withdrawn)
}

async fn remove(sql: &mut PgConnection, roll: &Roll<'_>, entry: EntryId) -> Result<(), HandlerError> {
    let (organisation, id) = (roll.organisation.0, roll.consultation.id.0);
    let key = roll.secret().ballot(entry);
    sqlx::query!(
        "DELETE FROM micro_consultations.ballot WHERE organisation_id = $1 AND consultation_id = $2 AND key = $3",
        organisation,
        id,
        key.as_slice(),
    )
    .execute(&mut *sql)
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.named_ballot WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3",
        organisation,
        id,
        entry.0,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Whether a ballot of this participant counts now; `false` once the consultation is closed.
pub async fn has_cast(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    addresses: &[KnownAddress],
) -> Result<bool, HandlerError> {
    let Some(roll) = Roll::of(organisation, consultation) else { return Ok(false) };
    Ok(roll.find(sql, addresses).await?.is_some_and(|entry| entry.has_ballot))
}

/// The ballots of a consultation that is not closed, in no particular order.
pub async fn open_ballots(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
) -> Result<Vec<Answers>, HandlerError> {
    let ballots = match consultation.definition.anonymity {
        Anonymity::Anonymous => {
            sqlx::query_scalar!(
                r#"
                SELECT answers AS "answers: Json<Answers>" FROM micro_consultations.ballot
                WHERE organisation_id = $1 AND consultation_id = $2 ORDER BY key
                "#,
                organisation.0,
                consultation.id.0,
            )
            .fetch_all(sql)
            .await?
        }
        Anonymity::Named => {
            sqlx::query_scalar!(
                r#"
                SELECT answers AS "answers: Json<Answers>" FROM micro_consultations.named_ballot
                WHERE organisation_id = $1 AND consultation_id = $2 ORDER BY entry_id
                "#,
                organisation.0,
                consultation.id.0,
            )
            .fetch_all(sql)
            .await?
        }
    };
    Ok(ballots.into_iter().map(|Json(answers)| answers).collect())
}
