//! Closing: the moment after which crieur itself can no longer tell who chose what.
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
use crate::news;
use crate::operations::By;
use crate::roll::random_id;
use crate::rooms;
use crate::snapshot;
use crate::store::{self, Consultation, ConsultationId, Lock, State};
use crate::tally::Tally;

/// The tables that hold dead rows of the roll, of ballots or of the key after a closing.
const TABLES_TO_VACUUM: &[&str] = &[
    "consultation",
    "roll_entry",
    "roll_address",
    "ballot",
    "named_ballot",
    "draft",
    "participation_code",
    "room_notice",
];

/// Closes an open consultation; `None` when there is none to close, or it was closed already.
pub(crate) async fn close(cx: &mut Context, id: ConsultationId, by: By) -> Result<Option<Consultation>, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let mut random = StdRng::from_rng(&mut cx.random);
    let closed = close_in(cx.sql(), &mut random, organisation, id, now).await?;
    let Some(consultation) = closed else { return Ok(None) };
    cx.forget_choices(id.scope(), TABLES_TO_VACUUM);
    cx.cancel(id.scope(), None);
    rooms::close_polls(cx, id).await?;
    let tally = snapshot::shown(cx.sql(), organisation, &consultation).await?;
    let ballots = tally.map_or(0, |tally| tally.ballots);
    by.did(cx, "consultation.closed", id, serde_json::json!({ "ballots": ballots }));
    news::closed(cx, &consultation).await?;
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
        "DELETE FROM micro_consultations.participation_code WHERE organisation_id = $1 AND consultation_id = $2",
        tenant,
        number
    )
    .execute(&mut *sql)
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.room_notice WHERE organisation_id = $1 AND consultation_id = $2",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bot_core::adapter::Assurance;
    use bot_core::plugin::Effect;

    use super::*;
    use crate::bench::{MARKET, Town};
    use crate::operations;
    use crate::results::{Counts, Viewer};

    /// Everything the database knows of a row: its columns as text, then where it lies and which transaction wrote it.
    type Row = Vec<String>;

    async fn rows(sql: &mut PgConnection) -> (Vec<Row>, Vec<Row>) {
        let roll = sqlx::query!(
            r#"SELECT id, assurance, has_ballot, xmin::text AS "xmin!", cmin::text AS "cmin!", ctid::text AS "ctid!"
               FROM micro_consultations.roll_entry ORDER BY ctid"#
        )
        .fetch_all(&mut *sql)
        .await
        .unwrap()
        .into_iter()
        .map(|row| vec![row.id.to_string(), row.assurance, row.has_ballot.to_string(), row.xmin, row.cmin, row.ctid]);
        let ballots = sqlx::query!(
            r#"SELECT id, answers AS "answers: Json<Answers>", xmin::text AS "xmin!", cmin::text AS "cmin!",
                      ctid::text AS "ctid!"
               FROM micro_consultations.closed_ballot ORDER BY ctid"#
        )
        .fetch_all(sql)
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let answers = serde_json::to_string(&row.answers.0).unwrap();
            vec![row.id.to_string(), answers, row.xmin, row.cmin, row.ctid]
        });
        (roll.collect(), ballots.collect())
    }

    /// A closing deletes every answer begun, and none is written behind its back.
    #[tokio::test]
    async fn an_answer_given_during_the_closing_leaves_nothing() {
        let town = Town::new(17).await;
        let id = town.opens(MARKET).await.id;
        let mut citizen = town.citizen();
        citizen.sends("consultations").await;
        citizen.taps("Répondre").await;

        let organisation = town.bench.organisation.id;
        let now = town.bench.clock.now();
        let mut closing = town.bench.pool.begin().await.unwrap();
        let mut random = StdRng::seed_from_u64(17);
        close_in(&mut closing, &mut random, organisation, id, now).await.unwrap().unwrap();
        let commits = async {
            let waiting = || {
                sqlx::query_scalar!(
                    r#"SELECT count(*) AS "count!" FROM pg_stat_activity
                       WHERE wait_event_type = 'Lock' AND datname = current_database()"#
                )
            };
            while waiting().fetch_one(&town.bench.pool).await.unwrap() == 0 {}
            closing.commit().await.unwrap();
        };
        tokio::join!(citizen.taps("Jardin"), commits);
        assert!(citizen.reads().contains("close"), "{}", citizen.reads());
        let drafts = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM micro_consultations.draft"#);
        assert_eq!(drafts.fetch_one(&town.bench.pool).await.unwrap(), 0);
    }

    const VOTERS: usize = 9;

    /// Nine citizens vote one after the other, each for their own option; then it closes. For each place in the
    /// closed table, whose ballot lies there.
    async fn order_after_closing(seed: u64) -> Vec<usize> {
        let town = Town::new(seed).await;
        let options: Vec<String> = (0..VOTERS).map(|number| format!("\"option {number}\"")).collect();
        let source = MARKET.replace("\"Halle couverte\", \"Jardin\", \"Parking\"", &options.join(", "));
        let id = town.opens(&source).await.id;
        for number in 0..VOTERS {
            let mut citizen = town.citizen();
            citizen.sends("consultations").await;
            citizen.taps("Répondre").await;
            citizen.taps(&format!("option {number}")).await;
            citizen.taps("Déposer").await;
        }
        let (_, effects) = town.operator(async |cx| Ok(operations::close(cx, id).await.unwrap())).await;
        let forgets = effects.iter().any(|effect| {
            matches!(effect, Effect::ForgetChoices { scope, tables }
                if *scope == id.scope() && tables.iter().any(|table| table == "ballot"))
        });
        assert!(forgets, "the core is not asked to blank what it stored");

        let mut sql = town.bench.pool.acquire().await.unwrap();
        let (roll, ballots) = rows(&mut sql).await;
        assert_eq!((roll.len(), ballots.len()), (VOTERS, VOTERS));

        // No value of any column on one side is a value of any column on the other, where a value says anything at
        // all: `cmin` is how far a transaction had come, and `ctid` where a row lies, which is looked at below.
        let values = |rows: &[Row], kept: &[usize]| -> BTreeSet<String> {
            rows.iter().flat_map(|row| kept.iter().map(|&column| row[column].clone())).collect()
        };
        let on_roll = values(&roll, &[0, 1, 2, 3]);
        let on_ballots = values(&ballots, &[0, 1, 2]);
        assert_eq!(on_roll.intersection(&on_ballots).collect::<Vec<_>>(), Vec::<&String>::new());
        // Every ballot was written by the same transaction, at the same command of it.
        assert_eq!(values(&ballots, &[2]).len(), 1);
        assert_eq!(values(&ballots, &[3]).len(), 1);
        // Ids are in the order of the rows, and say nothing of their own.
        assert!(ballots.is_sorted_by_key(|row| row[0].clone()));

        // What could tie the two is gone.
        let left = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM micro_consultations.ballot) AS "ballots!",
                      (SELECT count(*) FROM micro_consultations.roll_address) AS "addresses!",
                      (SELECT count(*) FROM micro_consultations.draft) AS "drafts!",
                      (SELECT count(secret) FROM micro_consultations.consultation) AS "secrets!""#
        )
        .fetch_one(&mut *sql)
        .await
        .unwrap();
        assert_eq!((left.ballots, left.addresses, left.drafts, left.secrets), (0, 0, 0, 0));

        let own = |row: &Row| row[1].chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
        ballots.iter().map(own).collect()
    }

    /// The order of the roll is the order of voting here, so a ballot's place must say nothing about it: over many
    /// closings each voter's ballot is found at its own place no more often than chance has it.
    #[tokio::test]
    async fn nothing_joins_the_roll_and_the_closed_ballots() {
        const CLOSINGS: u64 = 12;
        let mut orders = BTreeSet::new();
        let (mut in_place, mut ascending) = (0, 0);
        for seed in 0..CLOSINGS {
            let order = order_after_closing(seed).await;
            in_place += order.iter().enumerate().filter(|(place, voter)| place == *voter).count();
            ascending += order.is_sorted_by(|one, next| one < next) as usize;
            orders.insert(order);
        }
        // A random order of nine keeps one ballot in its place on average, whatever the number of ballots; more than
        // 30 in twelve closings happen less than once in a million (Poisson with mean 12).
        assert!(in_place <= 30, "{in_place} ballots lay at the place of their voter in {CLOSINGS} closings");
        assert_eq!(ascending, 0);
        assert_eq!(orders.len() as u64, CLOSINGS, "two closings gave the same order");
    }

    #[tokio::test]
    async fn a_closing_happens_once_and_for_ever() {
        let town = Town::new(3).await;
        let consultation = town.opens(MARKET).await;
        let id = consultation.id;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        let halle = ana.sees.choices[0].clone();
        // It is past its time, and the closing itself has not run yet.
        town.bench.clock.set(consultation.closes_at.unwrap());
        ana.presses(&halle).await;
        insta::assert_snapshot!(ana.reads(), @r"
        « La place du marché » est close depuis le mardi 15 septembre 2026 à 10 h. Merci à toutes les personnes qui ont participé.
        Résultats : La place du marché
        Les résultats s’afficheront à partir de 5 bulletins, pour que personne ne puisse deviner une réponse.
        Participation : 0 bulletin.
        ");
        let fire = bot_core::plugin::FiredFire {
            scope: format!("closing:{id}:{}", consultation.schedule_version),
            subject: String::new(),
            due_at: consultation.closes_at.unwrap(),
            payload: serde_json::json!({}),
        };
        let effects = town.operator(async |cx| operations::fired(cx, &fire).await).await.1;
        assert!(effects.iter().any(|effect| matches!(effect, Effect::ForgetChoices { .. })));
        let again = town.operator(async |cx| operations::fired(cx, &fire).await).await.1;
        assert!(again.is_empty(), "{again:?}");
        // The clock jumps back: closed stays closed.
        town.bench.clock.set("2026-09-02T08:00:00Z".parse().unwrap());
        ana.presses(&halle).await;
        insta::assert_snapshot!(ana.reads(), @r"
        « La place du marché » est close depuis le mardi 15 septembre 2026 à 10 h. Merci à toutes les personnes qui ont participé.
        Résultats : La place du marché
        Personne n’a répondu.
        Participation : 0 bulletin.
        ");
    }

    #[tokio::test]
    async fn free_texts_leave_their_ballots_and_few_ballots_show_participation_only() {
        let town = Town::new(4).await;
        let text = "[[questions]]\nkind = \"free_text\"\ntext = \"Une idée ?\"\noptional = true\n";
        let id = town.opens(&format!("{MARKET}\n{text}")).await.id;
        let organisation = town.bench.organisation.id;
        for (index, idea) in ["un kiosque", "des vélos", "de l’ombre", "une fontaine"].into_iter().enumerate() {
            let mut citizen = town.citizen();
            if index == 0 {
                citizen.caller = town.bench.somebody(Assurance::Account);
            }
            citizen.sends("consultations").await;
            citizen.taps("Répondre").await;
            citizen.taps("Jardin").await;
            citizen.writes(idea).await;
            citizen.taps("Déposer").await;
        }
        let read = async |viewer| {
            let mut sql = town.bench.pool.acquire().await.unwrap();
            let found = store::find(&mut sql, organisation, id, Lock::None).await.unwrap().unwrap();
            crate::results::read(&mut sql, organisation, &found, viewer).await.unwrap()
        };
        assert_eq!(read(Viewer::Voter).await.counts, Counts::NotYet { from: 5 });
        town.operator(async |cx| Ok(operations::close(cx, id).await.unwrap())).await;
        let results = read(Viewer::Public).await;
        assert_eq!(results.counts, Counts::TooFew { from: 5 });
        let levels: Vec<_> = results.participation.iter().map(|level| (level.assurance, level.ballots)).collect();
        assert_eq!(levels, [(Assurance::Account, 1), (Assurance::Session, 3)]);

        let mut sql = town.bench.pool.acquire().await.unwrap();
        let ballots = closed_ballots(&mut sql, organisation, id).await.unwrap();
        assert!(ballots.iter().all(|ballot| ballot.get(1) == Some(&Answer::TextApart)));
        let mut texts = closed_texts(&mut sql, organisation, id, 1).await.unwrap();
        texts.sort();
        assert_eq!(texts, ["de l’ombre", "des vélos", "un kiosque", "une fontaine"]);
    }
}
