//! The roll: who took part, without who they are. One entry per participant.
//!
//! An address is known here as `HMAC(secret, digest)`, and belongs to one entry per consultation, for as long as the
//! consultation is open. So:
//! - an address linked to a contact joins the entry of that contact;
//! - an address that is split off *stays represented by the entry it had joined*: it has had its say there, and may
//!   change or withdraw that ballot where the consultation allows it, but never cast a second one;
//! - an address whose owner erased everything and came back is recognised;
//! - when two entries turn out to be one participant they become one, and so do their ballots.
//!
//! Callers hold the consultation's row (see [`crate::store::Lock`]), so no closing runs meanwhile. Two votes of one
//! participant at once are ordered by the primary key of `roll_address` and the lock on their entry.

use bot_core::OrganisationId;
use bot_core::adapter::Assurance;
use bot_core::plugin::{AddressDigest, HandlerError, KnownAddress};
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::StdRng;
use sha2::Sha256;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{self, Consultation, ConsultationId, Secret};

/// How often a place on the roll is sought again when another transaction took or merged it meanwhile.
const TRIES_MAX: usize = 8;

/// A participant of one consultation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryId(pub Uuid);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub id: EntryId,
    pub has_ballot: bool,
}

/// What entering the roll, or settling a link, did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entered {
    pub entry: Entry,
    /// Ballots of the same participant that were withdrawn because another one was kept.
    pub ballots_withdrawn: usize,
}

impl Secret {
    pub(crate) fn hash(&self, purpose: &[u8], message: &[u8]) -> [u8; 32] {
        // An HMAC takes a key of any length, so this cannot fail for 32 bytes.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose()) else { return [0; 32] };
        mac.update(purpose);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    pub fn address(&self, digest: &AddressDigest) -> [u8; 32] {
        self.hash(b"address:", &digest.0)
    }

    pub fn ballot(&self, entry: EntryId) -> [u8; 32] {
        self.hash(b"ballot:", entry.0.as_bytes())
    }
}

/// A random id that tells no order.
pub fn random_id(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The roll of one consultation that is not closed.
pub struct Roll<'c> {
    pub organisation: OrganisationId,
    pub consultation: &'c Consultation,
    secret: &'c Secret,
}

impl<'c> Roll<'c> {
    /// `None` once the consultation is closed: there is no key any more.
    pub fn of(organisation: OrganisationId, consultation: &'c Consultation) -> Option<Self> {
        let secret = consultation.secret.as_ref()?;
        Some(Self { organisation, consultation, secret })
    }

    pub fn secret(&self) -> &Secret {
        self.secret
    }

    fn id(&self) -> ConsultationId {
        self.consultation.id
    }

    /// The entry that represents any of `addresses`.
    pub async fn find(
        &self,
        sql: &mut PgConnection,
        addresses: &[KnownAddress],
    ) -> Result<Option<Entry>, HandlerError> {
        let Some(&id) = self.entries_of(&mut *sql, addresses).await?.first() else { return Ok(None) };
        self.lock(sql, id).await
    }

    /// Finds or makes the entry of a participant with these addresses, and locks it. All of `addresses` are
    /// represented by it afterwards.
    pub async fn enter(
        &self,
        sql: &mut PgConnection,
        random: &mut StdRng,
        addresses: &[KnownAddress],
    ) -> Result<Entered, HandlerError> {
        let mut ballots_withdrawn = 0;
        for _ in 0..TRIES_MAX {
            let entries = self.entries_of(&mut *sql, addresses).await?;
            let entry = match entries.as_slice() {
                [] => {
                    let entry = Entry { id: EntryId(random_id(random)), has_ballot: false };
                    sqlx::query!(
                        r#"
                        INSERT INTO micro_consultations.roll_entry (organisation_id, consultation_id, id, assurance)
                        VALUES ($1, $2, $3, $4)
                        "#,
                        self.organisation.0,
                        self.id().0,
                        entry.id.0,
                        self.strongest(addresses.iter().map(|address| address.assurance)).as_str(),
                    )
                    .execute(&mut *sql)
                    .await?;
                    Some(entry)
                }
                [only] => self.lock(&mut *sql, *only).await?,
                [kept, others @ ..] => {
                    for other in others {
                        ballots_withdrawn += usize::from(self.merge(&mut *sql, *kept, *other).await?);
                    }
                    continue;
                }
            };
            // Gone: merged into another one meanwhile.
            let Some(entry) = entry else { continue };
            self.attach(&mut *sql, entry.id, addresses).await?;
            let represented_by = self.entries_of(&mut *sql, addresses).await?;
            if represented_by == [entry.id] {
                self.settle_assurance(sql, entry.id).await?;
                return Ok(Entered { entry, ballots_withdrawn });
            }
            // Another transaction brought some of these addresses in first: once more, with its entry.
            if !represented_by.contains(&entry.id) {
                self.remove(&mut *sql, entry.id).await?;
            }
        }
        Err(HandlerError::Broken(format!("no place on the roll of consultation {} after {TRIES_MAX} tries", self.id())))
    }

    /// Makes one participant of two whose contacts were linked. Of two ballots the one of `kept` stays.
    pub async fn link(
        &self,
        sql: &mut PgConnection,
        random: &mut StdRng,
        kept: &[KnownAddress],
        joiner: &[KnownAddress],
    ) -> Result<usize, HandlerError> {
        let mut entries = self.entries_of(&mut *sql, kept).await?;
        for entry in self.entries_of(&mut *sql, joiner).await? {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        let Some((survivor, others)) = entries.split_first() else {
            // Neither took part yet.
            return Ok(0);
        };
        let mut ballots_withdrawn = 0;
        for other in others {
            ballots_withdrawn += usize::from(self.merge(&mut *sql, *survivor, *other).await?);
        }
        let addresses: Vec<KnownAddress> = kept.iter().chain(joiner).cloned().collect();
        Ok(ballots_withdrawn + self.enter(sql, random, &addresses).await?.ballots_withdrawn)
    }

    /// Records whether a ballot of `entry` counts now.
    pub async fn mark(&self, sql: &mut PgConnection, entry: EntryId, has_ballot: bool) -> Result<(), HandlerError> {
        sqlx::query!(
            r#"
            UPDATE micro_consultations.roll_entry SET has_ballot = $4
            WHERE organisation_id = $1 AND consultation_id = $2 AND id = $3
            "#,
            self.organisation.0,
            self.id().0,
            entry.0,
            has_ballot,
        )
        .execute(sql)
        .await?;
        Ok(())
    }

    async fn entries_of(
        &self,
        sql: &mut PgConnection,
        addresses: &[KnownAddress],
    ) -> Result<Vec<EntryId>, HandlerError> {
        let digests: Vec<Vec<u8>> = self.digests(addresses).into_iter().map(|(digest, _)| digest.to_vec()).collect();
        let ids = sqlx::query_scalar!(
            r#"
            SELECT DISTINCT entry_id FROM micro_consultations.roll_address
            WHERE organisation_id = $1 AND consultation_id = $2 AND digest = ANY($3) ORDER BY entry_id
            "#,
            self.organisation.0,
            self.id().0,
            &digests,
        )
        .fetch_all(sql)
        .await?;
        Ok(ids.into_iter().map(EntryId).collect())
    }

    async fn lock(&self, sql: &mut PgConnection, id: EntryId) -> Result<Option<Entry>, HandlerError> {
        let has_ballot = sqlx::query_scalar!(
            r#"
            SELECT has_ballot FROM micro_consultations.roll_entry
            WHERE organisation_id = $1 AND consultation_id = $2 AND id = $3 FOR UPDATE
            "#,
            self.organisation.0,
            self.id().0,
            id.0,
        )
        .fetch_optional(sql)
        .await?;
        Ok(has_ballot.map(|has_ballot| Entry { id, has_ballot }))
    }

    /// Lets `entry` represent those of `addresses` that nobody represents yet.
    async fn attach(
        &self,
        sql: &mut PgConnection,
        entry: EntryId,
        addresses: &[KnownAddress],
    ) -> Result<(), HandlerError> {
        // In one order for everybody, so that two transactions wait for each other in a line and not in a circle.
        for (digest, assurance) in self.digests(addresses) {
            sqlx::query!(
                r#"
                INSERT INTO micro_consultations.roll_address
                    (organisation_id, consultation_id, digest, entry_id, assurance)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                "#,
                self.organisation.0,
                self.id().0,
                digest.as_slice(),
                entry.0,
                assurance.as_str(),
            )
            .execute(&mut *sql)
            .await?;
        }
        Ok(())
    }

    /// Makes `kept` and `other` one entry; whether a ballot was withdrawn for it.
    async fn merge(&self, sql: &mut PgConnection, kept: EntryId, other: EntryId) -> Result<bool, HandlerError> {
        let (first, second) = (kept.min(other), kept.max(other));
        let (first, second) = (self.lock(&mut *sql, first).await?, self.lock(&mut *sql, second).await?);
        let (Some(first), Some(second)) = (first, second) else {
            // One of them was merged meanwhile: nothing is left to do here.
            return Ok(false);
        };
        let (kept, other) = if first.id == kept { (first, second) } else { (second, first) };
        let (organisation, id) = (self.organisation.0, self.id().0);
        let (kept_key, other_key) = (self.secret.ballot(kept.id), self.secret.ballot(other.id));
        if kept.has_ballot {
            sqlx::query!(
                "DELETE FROM micro_consultations.ballot WHERE organisation_id = $1 AND consultation_id = $2 AND key = $3",
                organisation,
                id,
                other_key.as_slice(),
            )
            .execute(&mut *sql)
            .await?;
            sqlx::query!(
                r#"
                DELETE FROM micro_consultations.named_ballot
                WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3
                "#,
                organisation,
                id,
                other.id.0,
            )
            .execute(&mut *sql)
            .await?;
        } else {
            sqlx::query!(
                r#"
                UPDATE micro_consultations.ballot SET key = $4
                WHERE organisation_id = $1 AND consultation_id = $2 AND key = $3
                "#,
                organisation,
                id,
                other_key.as_slice(),
                kept_key.as_slice(),
            )
            .execute(&mut *sql)
            .await?;
            sqlx::query!(
                r#"
                UPDATE micro_consultations.named_ballot SET entry_id = $4
                WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3
                "#,
                organisation,
                id,
                other.id.0,
                kept.id.0,
            )
            .execute(&mut *sql)
            .await?;
        }
        sqlx::query!(
            r#"
            UPDATE micro_consultations.roll_address SET entry_id = $4
            WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3
            "#,
            organisation,
            id,
            other.id.0,
            kept.id.0,
        )
        .execute(&mut *sql)
        .await?;
        self.remove(&mut *sql, other.id).await?;
        self.mark(&mut *sql, kept.id, kept.has_ballot || other.has_ballot).await?;
        self.settle_assurance(sql, kept.id).await?;
        Ok(kept.has_ballot && other.has_ballot)
    }

    /// Takes an entry off the roll that represents no address any more.
    async fn remove(&self, sql: &mut PgConnection, entry: EntryId) -> Result<(), HandlerError> {
        sqlx::query!(
            "DELETE FROM micro_consultations.roll_entry WHERE organisation_id = $1 AND consultation_id = $2 AND id = $3",
            self.organisation.0,
            self.id().0,
            entry.0,
        )
        .execute(sql)
        .await?;
        Ok(())
    }

    /// An entry is as sure as the strongest of its accepted addresses.
    async fn settle_assurance(&self, sql: &mut PgConnection, entry: EntryId) -> Result<(), HandlerError> {
        let found = sqlx::query_scalar!(
            r#"
            SELECT DISTINCT assurance FROM micro_consultations.roll_address
            WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3
            "#,
            self.organisation.0,
            self.id().0,
            entry.0,
        )
        .fetch_all(&mut *sql)
        .await?;
        let found: Vec<Assurance> = found.iter().map(|text| store::assurance(text)).collect::<Result<_, _>>()?;
        sqlx::query!(
            r#"
            UPDATE micro_consultations.roll_entry SET assurance = $4
            WHERE organisation_id = $1 AND consultation_id = $2 AND id = $3 AND assurance <> $4
            "#,
            self.organisation.0,
            self.id().0,
            entry.0,
            self.strongest(found).as_str(),
        )
        .execute(sql)
        .await?;
        Ok(())
    }

    fn strongest(&self, assurances: impl IntoIterator<Item = Assurance>) -> Assurance {
        let accepted = &self.consultation.definition.accepts;
        let strongest = assurances.into_iter().filter(|assurance| accepted.contains(assurance)).max();
        // Whoever enters has an accepted address; the weakest accepted one stands in where it left since.
        strongest.or_else(|| accepted.first().copied()).unwrap_or(Assurance::Session)
    }

    /// Each address as it is known here, in one order for everybody.
    pub(crate) fn digests(&self, addresses: &[KnownAddress]) -> Vec<([u8; 32], Assurance)> {
        let digest = |address: &KnownAddress| (self.secret.address(&address.digest), address.assurance);
        let mut digests: Vec<_> = addresses.iter().map(digest).collect();
        digests.sort_unstable();
        digests.dedup_by_key(|(digest, _)| *digest);
        digests
    }
}
