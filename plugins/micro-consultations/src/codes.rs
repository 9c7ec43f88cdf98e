//! Participation codes: one for each person, handed out by whoever knows the people, so that paper, meeting room and
//! chat share one roll.
//!
//! A code that was taken stands on the roll like one more address of its holder, with the assurance `code`: it belongs
//! to one entry, and what is true of addresses there (see [`crate::roll`]) is true of it. crieur keeps no code, only
//! `HMAC(secret, code)`, and no longer than the secret itself.

use std::fmt;

use bot_core::OrganisationId;
use bot_core::adapter::Assurance;
use bot_core::plugin::{AddressDigest, Context, HandlerError, KnownAddress};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use sqlx::PgConnection;

use crate::operations::{self, By, OperationError, Refusal};
use crate::roll::Roll;
use crate::store::{self, Consultation, ConsultationId, Lock, Secret};

/// Codes made in one go.
pub const CODES_MAX: usize = 20_000;
/// Crockford's base 32: no I, L, O or U, which are read for something else.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 50 bits: with 20 000 codes out, a thousand guesses an hour find one in about six thousand years.
const SYMBOLS: usize = 10;

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
    pub(crate) fn code(&self, code: &Code) -> KnownAddress {
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

/// Whether somebody with one of these addresses gave a code.
pub(crate) async fn gave_code(
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
}
