//! Closing: the moment after which nobody can tell who chose what.
//!
//! One transaction writes the ballots anew in random order, counts them, and destroys the key that tied them to the
//! roll, together with every address on the roll and every draft. Then the core blanks what it stored that shows a
//! choice, and vacuums. The roll entries stay: they say how many took part and how surely each is counted once.
//!
//! Before the closing the operator of the database could link a ballot to its author. After it, a write-ahead log or
//! a backup older than the closing still could, and nothing else.

use bot_core::OrganisationId;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::answer::{Answer, Answers};
use crate::ballot;
use crate::roll::random_id;
use crate::snapshot;
use crate::store::{self, Consultation, ConsultationId, Lock, State};
use crate::tally::Tally;

/// The tables that hold dead rows of the roll, of ballots or of the key after a closing.
const TABLES_TO_VACUUM: &[&str] = &["consultation", "roll_entry", "roll_address", "ballot", "named_ballot", "draft"];

/// Closes an open consultation; `None` when there is none to close, or it was closed already.
pub async fn close(cx: &mut Context, id: ConsultationId) -> Result<Option<Consultation>, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let mut random = StdRng::from_rng(&mut cx.random);
    let closed = close_in(cx.sql(), &mut random, organisation, id, now).await?;
    let Some(consultation) = closed else { return Ok(None) };
    cx.forget_choices(id.scope(), TABLES_TO_VACUUM);
    cx.cancel(id.scope(), None);
    let tally = snapshot::shown(cx.sql(), organisation, &consultation).await?;
    let ballots = tally.map_or(0, |tally| tally.ballots);
    cx.audit("consultation_closed", id.scope(), serde_json::json!({ "ballots": ballots }));
    Ok(Some(consultation))
}

/// The part of [`close`] that is in this plugin's own tables.
pub(crate) async fn close_in(
    sql: &mut PgConnection,
    random: &mut StdRng,
    organisation: OrganisationId,
    id: ConsultationId,
    now: DateTime<Utc>,
) -> Result<Option<Consultation>, HandlerError> {
    let Some(consultation) =
        store::find(&mut *sql, organisation, id, Lock::Alone).await?.filter(|found| found.state == State::Open)
    else {
        return Ok(None);
    };
    let ballots = ballot::open_ballots(&mut *sql, organisation, &consultation).await?;
    let tally = Tally::of(&consultation.definition, &ballots);
    rewrite(&mut *sql, random, organisation, id, ballots).await?;
    snapshot::write(&mut *sql, organisation, &consultation, &tally).await?;

    let (tenant, number) = (organisation.0, id.0);
    sqlx::query!(
        "DELETE FROM micro_consultations.ballot WHERE organisation_id = $1 AND consultation_id = $2",
        tenant,
        number
    )
    .execute(&mut *sql)
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.draft WHERE organisation_id = $1 AND consultation_id = $2",
        tenant,
        number
    )
    .execute(&mut *sql)
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.roll_address WHERE organisation_id = $1 AND consultation_id = $2",
        tenant,
        number
    )
    .execute(&mut *sql)
    .await?;
    sqlx::query!(
        r#"
        UPDATE micro_consultations.consultation SET state = 'closed', closed_at = $3, secret = NULL
        WHERE organisation_id = $1 AND id = $2
        "#,
        tenant,
        number,
        now,
    )
    .execute(&mut *sql)
    .await?;
    store::find(sql, organisation, id, Lock::None).await
}

/// Writes ballots and free texts anew under random ids, in the order of those ids, so that neither the ids nor where
/// a row lies says anything about when it was cast.
async fn rewrite(
    sql: &mut PgConnection,
    random: &mut StdRng,
    organisation: OrganisationId,
    id: ConsultationId,
    ballots: Vec<Answers>,
) -> Result<(), HandlerError> {
    let mut texts = Vec::new();
    let mut rewritten = Vec::new();
    for mut ballot in ballots {
        for (question, place) in ballot.0.iter_mut().enumerate() {
            if let Some(Answer::Text(text)) = place {
                texts.push((i16::try_from(question).unwrap_or(i16::MAX), random_id(random), std::mem::take(text)));
                *place = Some(Answer::TextApart);
            }
        }
        rewritten.push((random_id(random), ballot));
    }
    rewritten.sort_unstable_by_key(|(id, _)| *id);
    texts.sort_unstable_by_key(|(question, id, _)| (*question, *id));

    let (ids, answers): (Vec<_>, Vec<_>) = rewritten.into_iter().unzip();
    let answers: Vec<_> = answers.into_iter().map(Json).collect();
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.closed_ballot (organisation_id, consultation_id, id, answers)
        SELECT $1, $2, id, answers FROM unnest($3::uuid[], $4::jsonb[]) AS ballot (id, answers) ORDER BY id
        "#,
        organisation.0,
        id.0,
        &ids,
        &answers as _,
    )
    .execute(&mut *sql)
    .await?;

    let questions: Vec<i16> = texts.iter().map(|(question, ..)| *question).collect();
    let ids: Vec<_> = texts.iter().map(|(_, id, _)| *id).collect();
    let bodies: Vec<String> = texts.into_iter().map(|(.., body)| body).collect();
    sqlx::query!(
        r#"
        INSERT INTO micro_consultations.closed_text (organisation_id, consultation_id, question, id, body)
        SELECT $1, $2, question, id, body FROM unnest($3::smallint[], $4::uuid[], $5::text[]) AS words (question, id, body)
        ORDER BY question, id
        "#,
        organisation.0,
        id.0,
        &questions,
        &ids,
        &bodies,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// The ballots of a closed consultation, in their random order.
pub async fn closed_ballots(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
) -> Result<Vec<Answers>, HandlerError> {
    let ballots = sqlx::query_scalar!(
        r#"
        SELECT answers AS "answers: Json<Answers>" FROM micro_consultations.closed_ballot
        WHERE organisation_id = $1 AND consultation_id = $2 ORDER BY id
        "#,
        organisation.0,
        id.0,
    )
    .fetch_all(sql)
    .await?;
    Ok(ballots.into_iter().map(|Json(answers)| answers).collect())
}

/// The free texts given to one question of a closed consultation, shuffled.
pub async fn closed_texts(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    id: ConsultationId,
    question: usize,
) -> Result<Vec<String>, HandlerError> {
    let texts = sqlx::query_scalar!(
        r#"
        SELECT body FROM micro_consultations.closed_text
        WHERE organisation_id = $1 AND consultation_id = $2 AND question = $3 ORDER BY id
        "#,
        organisation.0,
        id.0,
        i16::try_from(question).unwrap_or(i16::MAX),
    )
    .fetch_all(sql)
    .await?;
    Ok(texts)
}
