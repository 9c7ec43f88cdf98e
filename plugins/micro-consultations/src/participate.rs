//! `/participer`: somebody gives their participation code in chat.

use bot_core::adapter::Assurance;
use bot_core::message::{Document, Text};
use bot_core::plugin::{Context, HandlerError, HandlerResult, KnownAddress};
use chrono::TimeDelta;
use rand::SeedableRng;
use rand::rngs::StdRng;
use subtle::ConstantTimeEq;

use crate::codes::{Code, gave_code};
use crate::roll::Roll;
use crate::store::{self, Consultation, Lock, State};
use crate::talk::{Place, Talk};
use crate::words::text;

/// Wrong codes an address may type within an hour.
const WRONG_PER_ADDRESS_MAX: i64 = 10;
/// Wrong codes that browser sessions, of which anybody opens as many as they like, may type together within an hour.
/// Codes have 50 bits: so many guesses at ten thousand codes find one in ten million hours. Accounts are not
/// counted, so that nobody can bar those who hold a code from using it there.
const WRONG_IN_SESSIONS_MAX: i64 = 10_000;
/// By which name a code is awaited.
pub(crate) const AWAITED: &str = "code";
const AWAITED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// `/participer`, with a code or without.
pub(crate) async fn take(cx: &mut Context, written: &str) -> HandlerResult {
    let (Some(caller), locale) = (cx.caller.clone(), cx.locale) else { return Ok(()) };
    if !caller.conversation.private {
        let id = if written.is_empty() { "code-in-private" } else { "code-in-group" };
        let link = Text::new().private_link(text(locale, "code-link", &[]), "participer");
        cx.reply(Document::says(text(locale, id, &[])).paragraph(link));
        return Ok(());
    }
    if written.is_empty() {
        cx.reply(Document::says(text(locale, "code-ask", &[])));
        cx.await_text(AWAITED, AWAITED_WITHIN);
        return Ok(());
    }
    if !may_try(cx, &caller.known).await? {
        cx.reply(Document::says(text(locale, "code-too-many", &[])));
        return Ok(());
    }
    let known = match Code::read(written) {
        Some(code) => find(cx, &code).await?,
        None => None,
    };
    let Some((consultation, code)) = known else {
        count_wrong(cx, &caller.known).await?;
        cx.reply(Document::says(text(locale, "code-wrong", &[])));
        return Ok(());
    };
    // Whose code it is, and so who answered, is in what was written.
    cx.reveals_choice(consultation.id.scope());
    let mut talk = Talk { cx, caller, consultation };
    if let Some(obstacle) = talk.not_now().await? {
        talk.cx.reply(obstacle);
        return Ok(());
    }
    let refusal = talk.enter_with(&code).await?;
    talk.cx.stop_awaiting();
    match refusal {
        Some(id) => {
            let document = Document::says(talk.script().say_of_it(id));
            talk.cx.reply(document);
            Ok(())
        }
        None => {
            let notice = talk.script().say_of_it("code-taken");
            talk.take_up(Place::New, Some(notice)).await
        }
    }
}

impl Talk<'_> {
    /// Puts the caller on the roll with a code; or the text that says why not.
    async fn enter_with(&mut self, code: &KnownAddress) -> Result<Option<&'static str>, HandlerError> {
        let organisation = self.cx.organisation.id;
        let mut random = StdRng::from_rng(&mut self.cx.random);
        let (consultation, sql) = (&self.consultation, self.cx.sql());
        let Some(roll) = Roll::of(organisation, consultation) else { return Ok(Some("closed")) };
        let own = roll.find(&mut *sql, &self.caller.addresses).await?;
        if let Some(holder) = roll.find(&mut *sql, std::slice::from_ref(code)).await? {
            return Ok((own.map(|own| own.id) != Some(holder.id)).then_some("code-used"));
        }
        if gave_code(&mut *sql, organisation, consultation, &self.caller.addresses).await? {
            // The second one stays good for whoever it is meant for.
            return Ok(Some("code-second"));
        }
        let addresses: Vec<KnownAddress> =
            self.caller.addresses.iter().cloned().chain(std::iter::once(code.clone())).collect();
        roll.enter(sql, &mut random, &addresses).await?;
        Ok(None)
    }
}

/// The consultation a code was made for. Whoever else types the same code waits until this transaction ends.
async fn find(cx: &mut Context, code: &Code) -> Result<Option<(Consultation, KnownAddress)>, HandlerError> {
    let organisation = cx.organisation.id;
    let states = [State::Open, State::Scheduled, State::Draft];
    for candidate in store::list(cx.sql(), organisation, &states).await? {
        if !candidate.definition.accepts.contains(&Assurance::Code) {
            continue;
        }
        let Some(known) = candidate.secret.as_ref().map(|secret| secret.code(code)) else { continue };
        let stored = sqlx::query_scalar!(
            r#"
            SELECT digest FROM micro_consultations.participation_code
            WHERE organisation_id = $1 AND consultation_id = $2 AND digest = $3
            "#,
            organisation.0,
            candidate.id.0,
            known.digest.0.as_slice(),
        )
        .fetch_optional(cx.sql())
        .await?;
        if !stored.is_some_and(|stored| bool::from(stored.ct_eq(known.digest.0.as_slice()))) {
            continue;
        }
        // First the consultation, as everybody who votes or closes; a closing in between has deleted the code.
        let Some(consultation) = store::find(cx.sql(), organisation, candidate.id, Lock::Voting).await? else {
            continue;
        };
        let held = sqlx::query_scalar!(
            r#"
            SELECT digest FROM micro_consultations.participation_code
            WHERE organisation_id = $1 AND consultation_id = $2 AND digest = $3 FOR UPDATE
            "#,
            organisation.0,
            candidate.id.0,
            known.digest.0.as_slice(),
        )
        .fetch_optional(cx.sql())
        .await?;
        if held.is_some() {
            return Ok(Some((consultation, known)));
        }
    }
    Ok(None)
}

async fn may_try(cx: &mut Context, address: &KnownAddress) -> Result<bool, HandlerError> {
    let (organisation, since) = (cx.organisation.id, cx.now - TimeDelta::hours(1));
    let wrong = sqlx::query!(
        r#"
        SELECT count(*) AS "all!", count(*) FILTER (WHERE address = $3) AS "own!"
        FROM micro_consultations.code_attempt WHERE organisation_id = $1 AND attempted_at > $2
        "#,
        organisation.0,
        since,
        address.digest.0.as_slice(),
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(wrong.own < WRONG_PER_ADDRESS_MAX
        && (address.assurance != Assurance::Session || wrong.all < WRONG_IN_SESSIONS_MAX))
}

async fn count_wrong(cx: &mut Context, address: &KnownAddress) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        "DELETE FROM micro_consultations.code_attempt WHERE organisation_id = $1 AND attempted_at <= $2",
        organisation.0,
        now - TimeDelta::hours(1),
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "INSERT INTO micro_consultations.code_attempt (organisation_id, address, attempted_at) VALUES ($1, $2, $3)",
        organisation.0,
        address.digest.0.as_slice(),
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Citizen, MARKET, Town};
    use crate::codes::{counts, make};
    use crate::store::ConsultationId;

    /// A consultation for holders of codes only, open, with two codes.
    async fn with_codes(town: &Town, count: usize) -> (ConsultationId, Vec<String>) {
        let id = town.opens(&format!("accepts = [\"code\"]\nresults_from_ballots = 1\n{MARKET}")).await.id;
        let (codes, _) = town.operator(async |cx| Ok(make(cx, id, count).await.unwrap())).await;
        (id, codes.iter().map(Code::to_string).collect())
    }

    async fn votes(citizen: &mut Citizen<'_>, label: &str) {
        citizen.taps(label).await;
        citizen.taps("Déposer").await;
        assert!(citizen.reads().contains("Votre bulletin est enregistré"), "{}", citizen.reads());
    }

    #[tokio::test]
    async fn a_code_opens_the_consultation_to_one_person() {
        let town = Town::new(101).await;
        let (id, codes) = with_codes(&town, 2).await;
        let (mut ana, mut eve) = (town.citizen(), town.citizen());
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        insta::assert_snapshot!(ana.reads(), @"« La place du marché » se remplit avec un code personnel. Si vous en avez reçu un, envoyez /participer suivi de ce code.");
        ana.sends(&format!("participer {}", codes[0].to_lowercase())).await;
        insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Votre code est accepté pour « La place du marché ».");
        votes(&mut ana, "Jardin").await;
        // The same person again, then somebody else.
        ana.sends(&format!("participer {}", codes[0])).await;
        assert!(ana.reads().contains("Modifier mon bulletin"), "{}", ana.reads());
        eve.sends(&format!("participer {}", codes[0])).await;
        insta::assert_snapshot!(eve.reads(), @"Ce code a déjà servi pour « La place du marché ». Si c’est le vôtre et que vous l’avez donné depuis une autre messagerie, reliez les deux avec /lier.");
        // A second code for somebody who has one stays good for its owner.
        ana.sends(&format!("participer {}", codes[1])).await;
        assert!(ana.reads().contains("Vous participez déjà"), "{}", ana.reads());
        eve.sends("participer").await;
        eve.writes(&codes[1]).await;
        votes(&mut eve, "Parking").await;

        let counted = town.operator(async |cx| Ok(counts(cx, id).await.unwrap())).await.0;
        assert_eq!(counted, (2, 2));
        ana.sends("resultats place-du-marche").await;
        assert!(
            ana.reads().contains("Participation : 2 bulletins (2 avec un code, un par personne)."),
            "{}",
            ana.reads()
        );
    }

    #[tokio::test]
    async fn nothing_of_a_code_is_stored_and_nothing_is_left_of_it_after_the_closing() {
        let town = Town::new(102).await;
        let (id, codes) = with_codes(&town, 3).await;
        let mut ana = town.citizen();
        ana.sends(&format!("participer {}", codes[0])).await;
        votes(&mut ana, "Jardin").await;
        let stored = sqlx::query_scalar!("SELECT digest FROM micro_consultations.participation_code")
            .fetch_all(&town.bench.pool)
            .await
            .unwrap();
        assert_eq!(stored.len(), 3);
        assert!(
            stored.iter().all(|digest| !codes.iter().any(|code| digest.as_slice() == code.replace('-', "").as_bytes()))
        );
        town.operator(async |cx| Ok(crate::operations::close(cx, id).await.unwrap())).await;
        let left = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM micro_consultations.participation_code"#);
        assert_eq!(left.fetch_one(&town.bench.pool).await.unwrap(), 0);
        ana.sends(&format!("participer {}", codes[1])).await;
        assert!(ana.reads().contains("n’est pas bon"), "{}", ana.reads());
        let refused = town.operator(async |cx| Ok(make(cx, id, 1).await.unwrap_err().to_string())).await.0;
        assert_eq!(refused, "This consultation is closed, and a closed consultation stays closed.");
    }

    #[tokio::test]
    async fn guessing_ends_after_ten_wrong_codes_for_an_hour() {
        let town = Town::new(103).await;
        let (_, codes) = with_codes(&town, 1).await;
        let mut eve = town.citizen();
        for guess in 0..10 {
            eve.sends(&format!("participer 00000-0000{guess}")).await;
            assert!(eve.reads().contains("n’est pas bon"), "{}", eve.reads());
        }
        eve.sends(&format!("participer {}", codes[0])).await;
        insta::assert_snapshot!(eve.reads(), @"Trop de codes essayés : réessayez dans une heure.");
        // Others go on, and so does she later.
        let mut ana = town.citizen();
        ana.sends("participer 00000-00000").await;
        assert!(ana.reads().contains("n’est pas bon"));
        town.bench.clock.advance(TimeDelta::minutes(61));
        eve.sends(&format!("participer {}", codes[0])).await;
        assert!(eve.reads().contains("Votre code est accepté"), "{}", eve.reads());
    }

    #[tokio::test]
    async fn codes_are_for_consultations_that_take_them_and_stay_out_of_rooms() {
        let town = Town::new(104).await;
        let id = town.opens(MARKET).await.id;
        let refused = town.operator(async |cx| {
            Ok([make(cx, id, 5).await.unwrap_err().to_string(), make(cx, id, 0).await.unwrap_err().to_string()])
        });
        insta::assert_snapshot!(refused.await.0.join("\n"), @r#"
        This consultation takes no codes: write accepts = ["code"] in its file.
        Ask for 1 to 20,000 codes.
        "#);
        let mut ana = town.citizen();
        ana.caller.conversation.private = false;
        ana.sends("participer 7F3KQ-M2XD9").await;
        assert!(ana.reads().starts_with("Un code se donne en message privé"), "{}", ana.reads());
    }

    #[tokio::test]
    async fn an_account_with_a_code_is_counted_with_its_code() {
        let town = Town::new(105).await;
        let source = format!("accepts = [\"account\", \"code\"]\nresults_from_ballots = 1\n{MARKET}");
        let id = town.opens(&source).await.id;
        let codes = town.operator(async |cx| Ok(make(cx, id, 1).await.unwrap())).await.0;
        let mut ana = Citizen::new(&town, town.bench.somebody(Assurance::Account));
        ana.sends("repondre place-du-marche").await;
        votes(&mut ana, "Jardin").await;
        ana.sends("resultats place-du-marche").await;
        assert!(ana.reads().contains("1 depuis un compte de messagerie"), "{}", ana.reads());
        ana.sends(&format!("participer {}", codes[0])).await;
        ana.sends("resultats place-du-marche").await;
        assert!(ana.reads().contains("1 bulletin (1 avec un code, un par personne)"), "{}", ana.reads());
    }
}
