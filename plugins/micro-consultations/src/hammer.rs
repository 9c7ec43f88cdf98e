//! One participant, one ballot: votes, links, unlinks, erasures and returns, many at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bot_core::adapter::Assurance;
use bot_core::plugin::{AddressDigest, Context, HandlerError, KnownAddress};
use bot_core::{ContactId, Locale};
use futures::future::join_all;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::answer::{Answer, Answers};
use crate::ballot::{self, CastOutcome, Paper, Voter, WithdrawalOutcome};
use crate::bench::{MARKET, Town};
use crate::links;
use crate::roll::Roll;
use crate::store::{self, ConsultationId, Lock};

const ADDRESSES: usize = 5;

#[derive(Clone, Copy, Debug)]
enum Deed {
    Vote(usize, u8),
    Withdraw(usize),
    /// The first asked for the code.
    Link(usize, usize),
    Unlink(usize),
    /// Erases the person; each of their addresses comes back as somebody new.
    EraseAndReturn(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let address = || 0..ADDRESSES;
    prop_oneof![
        4 => (address(), 0u8..3).prop_map(|(address, option)| Deed::Vote(address, option)),
        2 => address().prop_map(Deed::Withdraw),
        3 => (address(), address()).prop_map(|(asker, joiner)| Deed::Link(asker, joiner)),
        2 => address().prop_map(Deed::Unlink),
        1 => address().prop_map(Deed::EraseAndReturn),
    ]
}

/// Who is who, as the core would know it.
struct People {
    contact_of: [ContactId; ADDRESSES],
    next: u128,
    /// One lock per person, as the core holds during a call.
    locks: BTreeMap<ContactId, Arc<Mutex<()>>>,
    /// Addresses that the rules make one participant: the same number, the same participant.
    participant_of: [usize; ADDRESSES],
    /// Participants that have taken part.
    took_part: BTreeSet<usize>,
}

impl People {
    fn strangers() -> Self {
        let mut people = Self {
            contact_of: [ContactId(Uuid::nil()); ADDRESSES],
            next: 1,
            locks: BTreeMap::new(),
            participant_of: std::array::from_fn(|address| address),
            took_part: BTreeSet::new(),
        };
        for address in 0..ADDRESSES {
            people.contact_of[address] = people.somebody();
        }
        people
    }

    fn somebody(&mut self) -> ContactId {
        let contact = ContactId(Uuid::from_u128(self.next));
        self.next += 1;
        self.locks.insert(contact, Arc::default());
        contact
    }

    fn addresses_of(&self, contact: ContactId) -> Vec<usize> {
        (0..ADDRESSES).filter(|&address| self.contact_of[address] == contact).collect()
    }

    /// From now on these addresses are one participant.
    fn join(&mut self, addresses: &[usize]) {
        let numbers: BTreeSet<usize> = addresses.iter().map(|&address| self.participant_of[address]).collect();
        let Some(&first) = numbers.first() else { return };
        for number in &mut self.participant_of {
            if numbers.contains(number) {
                *number = first;
            }
        }
        self.took_part.insert(first);
    }

    fn any_took_part(&self, addresses: &[usize]) -> bool {
        addresses.iter().any(|&address| self.took_part.contains(&self.participant_of[address]))
    }
}

fn known(case: u64, address: usize) -> KnownAddress {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&case.to_be_bytes());
    digest[8] = address as u8 + 1;
    let assurance = if address.is_multiple_of(2) { Assurance::Session } else { Assurance::Account };
    KnownAddress { digest: AddressDigest(digest), assurance }
}

struct Hammer<'t> {
    town: &'t Town,
    consultation: ConsultationId,
    case: u64,
    people: Mutex<People>,
}

impl Hammer<'_> {
    fn known(&self, addresses: &[usize]) -> Vec<KnownAddress> {
        addresses.iter().map(|&address| known(self.case, address)).collect()
    }

    /// Calls until it is neither a deadlock nor a lost race, as the core tries a failed event again.
    async fn call<T>(&self, call: impl AsyncFn(&mut Context) -> Result<T, HandlerError>) -> T {
        for _ in 0..20 {
            match self.town.bench.call(None, Locale::Fr, async |cx| call(cx).await).await {
                Ok((done, _)) => return done,
                Err(HandlerError::Database(sqlx::Error::Database(error)))
                    if matches!(error.code().as_deref(), Some("40P01" | "40001")) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("no luck in twenty tries")
    }

    /// Locks the persons behind `addresses`, as the core does: in order, and again when they changed meanwhile.
    async fn lock(&self, addresses: &[usize]) -> (Vec<ContactId>, Vec<tokio::sync::OwnedMutexGuard<()>>) {
        loop {
            let (contacts, locks) = {
                let people = self.people.lock().await;
                let contacts: Vec<ContactId> = addresses.iter().map(|&address| people.contact_of[address]).collect();
                let ordered: BTreeSet<ContactId> = contacts.iter().copied().collect();
                let locks: Vec<_> = ordered.iter().map(|contact| people.locks[contact].clone()).collect();
                (contacts, locks)
            };
            let mut guards = Vec::new();
            for lock in locks {
                guards.push(lock.lock_owned().await);
            }
            let people = self.people.lock().await;
            if addresses.iter().map(|&address| people.contact_of[address]).eq(contacts.iter().copied()) {
                return (contacts, guards);
            }
        }
    }

    async fn does(&self, deed: Deed) {
        let (organisation, id) = (self.town.bench.organisation.id, self.consultation);
        match deed {
            Deed::Vote(address, option) => {
                let (contacts, _guards) = self.lock(&[address]).await;
                let addresses = self.people.lock().await.addresses_of(contacts[0]);
                let voter = Voter { contact: contacts[0], addresses: self.known(&addresses) };
                let answers = Answers(vec![Some(Answer::Single(option))]);
                let outcome = self
                    .call(async |cx| {
                        let now = cx.now;
                        let found = store::find(cx.sql(), organisation, id, Lock::Voting).await?.unwrap();
                        let mut random = StdRng::from_rng(&mut cx.random);
                        let paper = Paper { answers: &answers, consent: None };
                        ballot::cast(cx.sql(), &mut random, organisation, &found, &voter, paper, now).await
                    })
                    .await;
                assert!(matches!(outcome, CastOutcome::Recorded | CastOutcome::Changed), "{outcome:?}");
                self.people.lock().await.join(&addresses);
            }
            Deed::Withdraw(address) => {
                let (contacts, _guards) = self.lock(&[address]).await;
                let addresses = self.people.lock().await.addresses_of(contacts[0]);
                let outcome = self
                    .call(async |cx| {
                        let now = cx.now;
                        let found = store::find(cx.sql(), organisation, id, Lock::Voting).await?.unwrap();
                        ballot::withdraw(cx.sql(), organisation, &found, &self.known(&addresses), now).await
                    })
                    .await;
                assert!(matches!(outcome, WithdrawalOutcome::Withdrawn | WithdrawalOutcome::NoBallot), "{outcome:?}");
            }
            Deed::Link(asker, joiner) => {
                let (contacts, _guards) = self.lock(&[asker, joiner]).await;
                if contacts[0] == contacts[1] {
                    return;
                }
                let (kept, joined) = {
                    let people = self.people.lock().await;
                    (people.addresses_of(contacts[0]), people.addresses_of(contacts[1]))
                };
                self.call(async |cx| {
                    let (kept, joined) = (self.known(&kept), self.known(&joined));
                    links::merged(cx, contacts[0], contacts[1], &kept, &joined).await
                })
                .await;
                let mut people = self.people.lock().await;
                let all = [kept, joined.clone()].concat();
                if people.any_took_part(&all) {
                    people.join(&all);
                }
                for address in joined {
                    people.contact_of[address] = contacts[0];
                }
            }
            Deed::Unlink(address) => {
                let (_contacts, _guards) = self.lock(&[address]).await;
                // The plugin does nothing on a split, on purpose.
                let mut people = self.people.lock().await;
                let restored = people.somebody();
                people.contact_of[address] = restored;
            }
            Deed::EraseAndReturn(address) => {
                let (contacts, _guards) = self.lock(&[address]).await;
                self.call(async |cx| links::erased(cx, contacts[0], &[]).await).await;
                let mut people = self.people.lock().await;
                for address in people.addresses_of(contacts[0]) {
                    let returned = people.somebody();
                    people.contact_of[address] = returned;
                }
            }
        }
    }

    async fn holds(&self) -> Result<(), TestCaseError> {
        let organisation = self.town.bench.organisation.id;
        let people = self.people.lock().await;
        let mut sql = self.town.bench.pool.acquire().await.unwrap();
        let found = store::find(&mut sql, organisation, self.consultation, Lock::None).await.unwrap().unwrap();
        let roll = Roll::of(organisation, &found).unwrap();
        let mut entries = BTreeMap::new();
        for address in 0..ADDRESSES {
            let entry = roll.find(&mut sql, &self.known(&[address])).await.unwrap();
            let participant = people.participant_of[address];
            let took_part = people.took_part.contains(&participant);
            prop_assert_eq!(entry.is_some(), took_part, "address {}", address);
            if let Some(entry) = entry {
                let first = *entries.entry(participant).or_insert(entry);
                prop_assert_eq!(first, entry, "one participant has two entries");
            }
        }
        let distinct: BTreeSet<_> = entries.values().map(|entry| entry.id).collect();
        prop_assert_eq!(distinct.len(), entries.len(), "two participants share an entry");
        let mut keys: Vec<Vec<u8>> = entries
            .values()
            .filter(|entry| entry.has_ballot)
            .map(|entry| roll.secret().ballot(entry.id).to_vec())
            .collect();
        keys.sort();
        let ballots = sqlx::query_scalar!(
            "SELECT key FROM micro_consultations.ballot WHERE consultation_id = $1 ORDER BY key",
            self.consultation.0,
        )
        .fetch_all(&mut *sql)
        .await
        .unwrap();
        prop_assert_eq!(ballots, keys, "ballots and roll disagree");
        let on_roll = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM micro_consultations.roll_entry WHERE consultation_id = $1"#,
            self.consultation.0,
        )
        .fetch_one(&mut *sql)
        .await
        .unwrap();
        prop_assert_eq!(on_roll, entries.len() as i64, "an entry represents nobody");
        Ok(())
    }
}

#[test]
fn whatever_happens_at_once_one_participant_has_one_ballot() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let town = runtime.block_on(Town::new(11));
    let case = std::cell::Cell::new(0);
    let batches = prop::collection::vec(prop::collection::vec(deed(), 1..8), 1..6);
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(batches in batches)| {
        case.set(case.get() + 1);
        runtime.block_on(async {
            let source = MARKET.replace("place-du-marche", &format!("place-{}", case.get()));
            let consultation = town.opens(&source).await.id;
            let people = Mutex::new(People::strangers());
            let hammer = Hammer { town: &town, consultation, case: case.get(), people };
            for batch in batches {
                join_all(batch.into_iter().map(|deed| hammer.does(deed))).await;
                hammer.holds().await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    });
    // The runtime outlives what the town drops.
    runtime.block_on(async { drop(town) });
}

/// Even without the core's lock on the person: the same voter many times at the same moment, under address lists
/// that overlap in different ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_at_the_same_moment_leave_one_ballot() {
    let town = Town::new(12).await;
    for case in 100..110u64 {
        let source = MARKET.replace("place-du-marche", &format!("place-{case}"));
        let consultation = town.opens(&source).await.id;
        let hammer = Hammer { town: &town, consultation, case, people: Mutex::new(People::strangers()) };
        let organisation = town.bench.organisation.id;
        let lists: [&[usize]; 8] = [&[0, 1], &[1, 0], &[1, 2], &[2, 1], &[0, 1, 2], &[0, 1], &[2, 0], &[1]];
        join_all(lists.iter().zip(0u8..).map(async |(list, number)| {
            let voter = Voter { contact: ContactId(Uuid::nil()), addresses: hammer.known(list) };
            let answers = Answers(vec![Some(Answer::Single(number % 3))]);
            hammer
                .call(async |cx| {
                    let now = cx.now;
                    let found = store::find(cx.sql(), organisation, consultation, Lock::Voting).await?.unwrap();
                    let mut random = StdRng::from_rng(&mut cx.random);
                    let paper = Paper { answers: &answers, consent: None };
                    ballot::cast(cx.sql(), &mut random, organisation, &found, &voter, paper, now).await
                })
                .await
        }))
        .await;
        let counts = sqlx::query!(
            r#"
            SELECT (SELECT count(*) FROM micro_consultations.roll_entry WHERE consultation_id = $1) AS "entries!",
                   (SELECT count(*) FROM micro_consultations.ballot WHERE consultation_id = $1) AS "ballots!"
            "#,
            consultation.0,
        )
        .fetch_one(&town.bench.pool)
        .await
        .unwrap();
        assert_eq!((counts.entries, counts.ballots), (1, 1), "case {case}");
    }
}
