//! Participation codes: one for each person, handed out by whoever knows the people, so that paper, meeting room and
//! chat share one roll.
//!
//! A code that was taken stands on the roll like one more address of its holder, with the assurance `code`: it belongs
//! to one entry, and what is true of addresses there (see [`crate::roll`]) is true of it. crieur keeps no code, only
//! `HMAC(secret, code)`, and no longer than the secret itself.

use std::fmt;

use bot_core::OrganisationId;
use bot_core::adapter::Assurance;
use bot_core::message::{Document, Text};
use bot_core::plugin::{AddressDigest, Context, HandlerError, HandlerResult, KnownAddress};
use chrono::TimeDelta;
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use sqlx::PgConnection;
use subtle::ConstantTimeEq;

use crate::operations::{self, By, OperationError, Refusal};
use crate::roll::Roll;
use crate::store::{self, Consultation, ConsultationId, Lock, Secret, State};
use crate::talk::{Place, Talk};
use crate::words::text;

/// Codes made in one go.
pub const CODES_MAX: usize = 20_000;
/// Crockford's base 32: no I, L, O or U, which are read for something else.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 50 bits: with 20 000 codes out, a thousand guesses an hour find one in about six thousand years.
const SYMBOLS: usize = 10;
/// Wrong codes an address may type within an hour.
const WRONG_PER_ADDRESS_MAX: i64 = 10;
/// Wrong codes everybody together may type within an hour.
const WRONG_MAX: i64 = 1000;
/// By which name a code is awaited.
pub(crate) const AWAITED: &str = "code";
const AWAITED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// A participation code. `Display` writes it as it is handed out: `7F3KQ-M2XD9`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code([u8; SYMBOLS]);

impl Code {
    fn random(random: &mut StdRng) -> Self {
        Self(std::array::from_fn(|_| ALPHABET[random.random_range(0..ALPHABET.len())]))
    }

    /// Reads a code as people write it: in small letters, with or without the dash, O for 0 and I or L for 1.
    pub fn read(written: &str) -> Option<Self> {
        let mut symbols = Vec::with_capacity(SYMBOLS);
        for character in written.chars().filter(|character| !character.is_whitespace() && *character != '-') {
            let symbol = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let symbol = u8::try_from(symbol).ok().filter(|symbol| ALPHABET.contains(symbol))?;
            symbols.push(symbol);
        }
        symbols.try_into().ok().map(Self)
    }

    /// What a link carries that takes this code (see [`bot_core::plugin::CommandDeclaration::linkable`]).
    pub fn payload(&self) -> String {
        format!("participer-{self}")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(SYMBOLS / 2);
        write!(f, "{}-{}", String::from_utf8_lossy(first), String::from_utf8_lossy(second))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl Secret {
    /// By what a code is known, here and on the roll.
    fn code(&self, code: &Code) -> KnownAddress {
        KnownAddress { digest: AddressDigest(self.hash(b"code:", &code.0)), assurance: Assurance::Code }
    }
}

/// Makes `count` codes (1 to [`CODES_MAX`]) for a consultation that accepts them. Nobody can read them back.
///
/// # Errors
/// [`Refusal::CodeCount`], [`Refusal::NoCodes`], [`Refusal::Closed`], [`Refusal::Unknown`].
pub async fn make(cx: &mut Context, id: ConsultationId, count: usize) -> Result<Vec<Code>, OperationError> {
    if !(1..=CODES_MAX).contains(&count) {
        return Err(Refusal::CodeCount.into());
    }
    let (organisation, now) = (cx.organisation.id, cx.now);
    let consultation = store::find(cx.sql(), organisation, id, Lock::Alone).await?.ok_or(Refusal::Unknown)?;
    let Some(secret) = consultation.secret.as_ref().filter(|_| !consultation.is_over(now)) else {
        return Err(Refusal::Closed.into());
    };
    if !consultation.definition.accepts.contains(&Assurance::Code) {
        return Err(Refusal::NoCodes.into());
    }
    let mut random = StdRng::from_rng(&mut cx.random);
    let mut codes = Vec::with_capacity(count);
    while codes.len() < count {
        let drawn: Vec<Code> = (codes.len()..count).map(|_| Code::random(&mut random)).collect();
        let digests: Vec<Vec<u8>> = drawn.iter().map(|code| secret.code(code).digest.0.to_vec()).collect();
        let fresh = sqlx::query_scalar!(
            r#"
            INSERT INTO micro_consultations.participation_code (organisation_id, consultation_id, digest)
            SELECT $1, $2, digest FROM unnest($3::bytea[]) AS code (digest) ON CONFLICT DO NOTHING RETURNING digest
            "#,
            organisation.0,
            id.0,
            &digests,
        )
        .fetch_all(cx.sql())
        .await
        .map_err(HandlerError::from)?;
        // One that was there before, or was drawn twice, is drawn anew.
        let mut fresh: std::collections::BTreeSet<Vec<u8>> = fresh.into_iter().collect();
        codes.extend(drawn.into_iter().zip(&digests).filter(|(_, digest)| fresh.remove(*digest)).map(|(code, _)| code));
    }
    By::whoever_asked(cx).did(cx, "consultation.codes_made", id, json!({ "count": count }));
    Ok(codes)
}

/// Whether somebody with these addresses may answer: one of them is accepted, or they gave a code.
pub async fn may_take_part(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    addresses: &[KnownAddress],
) -> Result<bool, HandlerError> {
    let definition = &consultation.definition;
    if definition.accepts_any(addresses.iter().map(|address| address.assurance)) {
        return Ok(true);
    }
    if !definition.accepts.contains(&Assurance::Code) {
        return Ok(false);
    }
    gave_code(sql, organisation, consultation, addresses).await
}

async fn gave_code(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    consultation: &Consultation,
    addresses: &[KnownAddress],
) -> Result<bool, HandlerError> {
    let Some(roll) = Roll::of(organisation, consultation) else { return Ok(false) };
    let digests: Vec<Vec<u8>> = roll.digests(addresses).into_iter().map(|(digest, _)| digest.to_vec()).collect();
    let gave = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM micro_consultations.roll_address AS own
            JOIN micro_consultations.roll_address AS code
              ON code.organisation_id = own.organisation_id AND code.consultation_id = own.consultation_id
             AND code.entry_id = own.entry_id
            WHERE own.organisation_id = $1 AND own.consultation_id = $2 AND own.digest = ANY($3)
              AND code.assurance = 'code'
        ) AS "gave!"
        "#,
        organisation.0,
        consultation.id.0,
        &digests,
    )
    .fetch_one(sql)
    .await?;
    Ok(gave)
}

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
    Ok(wrong.own < WRONG_PER_ADDRESS_MAX && wrong.all < WRONG_MAX)
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

/// How many codes of a consultation that is not closed were made, and how many were used.
pub async fn counts(cx: &mut Context, id: ConsultationId) -> Result<(u64, u64), OperationError> {
    let organisation = cx.organisation.id;
    operations::known(cx, id).await?;
    let row = sqlx::query!(
        r#"
        SELECT (SELECT count(*) FROM micro_consultations.participation_code
                WHERE organisation_id = $1 AND consultation_id = $2) AS "made!",
               (SELECT count(*) FROM micro_consultations.roll_address
                WHERE organisation_id = $1 AND consultation_id = $2 AND assurance = 'code') AS "used!"
        "#,
        organisation.0,
        id.0,
    )
    .fetch_one(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    Ok((u64::try_from(row.made).unwrap_or_default(), u64::try_from(row.used).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Citizen, MARKET, Town};
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

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = Code::read("7F3KQ-M2XD0").unwrap();
        for written in ["7f3kq-m2xd0", " 7F3KQ M2XDO ", "7F3KQM2XDo"] {
            assert_eq!(Code::read(written), Some(code.clone()), "{written}");
        }
        assert_eq!(Code::read("1l1iL-00000").unwrap().to_string(), "11111-00000");
        for wrong in ["", "7F3KQ-M2XD", "7F3KQ-M2XD99", "7F3KQ-M2XDU", "7F3KQ-M2XDé"] {
            assert_eq!(Code::read(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "Code(…)");
        assert_eq!(code.payload(), "participer-7F3KQ-M2XD0");
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
        assert!(stored.iter().all(|digest| !codes.iter().any(|code| digest == &Code::read(code).unwrap().0.to_vec())));
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
