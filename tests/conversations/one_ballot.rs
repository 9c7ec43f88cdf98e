//! One person, one ballot: votes, withdrawals, links, unlinks, erasures and returns in any order, several at once,
//! through the whole service.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;

use crate::citizen::Citizen;
use crate::people::link;
use crate::town::Crieur;
use crate::voting::MARKET;

/// Three people with up to two sessions each: who is whom is for the links to say.
const SESSIONS: usize = 6;
const CASES: u32 = 20;

#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Casts, or changes what was cast: the button pressed twice at once, and once more under the same id.
    Vote(usize, usize),
    Withdraw(usize),
    /// The first asks for the code.
    Link(usize, usize),
    Unlink(usize),
    EraseAndReturn(usize),
}

impl Deed {
    fn sessions(self) -> Vec<usize> {
        match self {
            Self::Vote(one, _) | Self::Withdraw(one) | Self::Unlink(one) | Self::EraseAndReturn(one) => vec![one],
            Self::Link(one, other) => vec![one, other],
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let session = || 0..SESSIONS;
    prop_oneof![
        4 => (session(), 0usize..3).prop_map(|(session, option)| Deed::Vote(session, option)),
        2 => session().prop_map(Deed::Withdraw),
        3 => (session(), 1..SESSIONS).prop_map(|(one, step)| Deed::Link(one, (one + step) % SESSIONS)),
        2 => session().prop_map(Deed::Unlink),
        1 => session().prop_map(Deed::EraseAndReturn),
    ]
}

/// What the published rules say, beside which the service is held.
struct Rules {
    /// Sessions with the same number are one participant of this consultation, for good.
    participant: [usize; SESSIONS],
    took_part: BTreeSet<usize>,
    ballots: BTreeMap<usize, usize>,
}

impl Rules {
    fn fresh() -> Self {
        Self {
            participant: std::array::from_fn(|session| session),
            took_part: BTreeSet::new(),
            ballots: BTreeMap::new(),
        }
    }

    /// From now on the persons' sessions are one participant: `first`'s, whose ballot stays.
    fn join(&mut self, first: usize, sessions: &[usize]) -> usize {
        let numbers: BTreeSet<usize> = sessions.iter().map(|&session| self.participant[session]).collect();
        let kept = self.participant[first];
        let took_part = numbers.iter().any(|number| self.took_part.contains(number));
        let ballot = self.ballots.get(&kept).or_else(|| numbers.iter().find_map(|number| self.ballots.get(number)));
        let ballot = ballot.copied();
        for number in &numbers {
            self.ballots.remove(number);
            self.took_part.remove(number);
        }
        for participant in &mut self.participant {
            if numbers.contains(participant) {
                *participant = kept;
            }
        }
        if took_part {
            self.took_part.insert(kept);
        }
        self.ballots.extend(ballot.map(|ballot| (kept, ballot)));
        kept
    }
}

struct Case<'c> {
    crieur: &'c Crieur,
    /// Sessions, each with the path of its address.
    sessions: Vec<(Mutex<Citizen>, String)>,
    rules: Mutex<Rules>,
    slug: String,
    title: String,
}

impl<'c> Case<'c> {
    async fn begins(crieur: &'c Crieur, number: u32) -> Self {
        let (slug, title) = (format!("place-{number}"), format!("La place {number}."));
        crieur.opens(&MARKET.replace("place-du-marche", &slug).replace("La place du marché", &title)).await;
        let mut sessions = Vec::new();
        for mut citizen in crieur.citizens(SESSIONS).await {
            let address = citizen.address().await;
            sessions.push((Mutex::new(citizen), address.strip_prefix("webchat:").unwrap().to_owned()));
        }
        Self { crieur, sessions, rules: Mutex::new(Rules::fresh()), slug, title }
    }

    /// Who is whom now, as the service has it: the sessions of the person behind each session.
    async fn people(&self) -> Vec<Vec<usize>> {
        let rows = sqlx::query!(r#"SELECT path, contact_id FROM core.address"#);
        let rows = rows.fetch_all(self.crieur.database.pool()).await.unwrap();
        let contact = |path: &str| rows.iter().find(|row| row.path == path).map(|row| row.contact_id);
        let contacts: Vec<_> = self.sessions.iter().map(|(_, path)| contact(path)).collect();
        (0..SESSIONS)
            .map(|session| {
                let same = (0..SESSIONS).filter(|&other| {
                    other == session || (contacts[other].is_some() && contacts[other] == contacts[session])
                });
                same.collect()
            })
            .collect()
    }

    /// Does several things at once, as long as they are not about the same participant: then one after the other.
    async fn does_at_once(&self, deeds: &[Deed]) {
        let mut waiting = deeds.to_vec();
        while !waiting.is_empty() {
            let people = self.people().await;
            let touched = async |deed: Deed| -> BTreeSet<usize> {
                let rules = self.rules.lock().await;
                let sessions = deed.sessions().into_iter().flat_map(|session| people[session].clone());
                let participants: BTreeSet<usize> = sessions.map(|session| rules.participant[session]).collect();
                // Everybody who is, or ever was, in the same participant or person.
                (0..SESSIONS)
                    .filter(|&session| {
                        participants.contains(&rules.participant[session])
                            || people[session].iter().any(|&other| participants.contains(&rules.participant[other]))
                    })
                    .collect()
            };
            let (mut now, mut later, mut busy) = (Vec::new(), Vec::new(), BTreeSet::new());
            for deed in waiting {
                let touched = touched(deed).await;
                if busy.is_disjoint(&touched) {
                    now.push(deed);
                } else {
                    later.push(deed);
                }
                busy.extend(touched);
            }
            // Two links of one address in the very same microsecond are two rows of its history under one key: the
            // second waits for a later moment, which a clock that stands still never brings.
            self.crieur.clock.advance(chrono::TimeDelta::seconds(1));
            join_all(now.into_iter().map(|deed| self.does(deed, &people))).await;
            self.crieur.quiet().await;
            waiting = later;
        }
    }

    async fn does(&self, deed: Deed, people: &[Vec<usize>]) {
        match deed {
            Deed::Vote(session, option) => {
                let mut citizen = self.sessions[session].0.lock().await;
                self.takes_up(&mut citizen, "Modifier mon bulletin").await;
                citizen.taps(["Halle", "Jardin", "Garder"][option]).await;
                let cast = citizen.finds("Déposer").await.action;
                let (same, other) = (json!({ "action": cast, "id": &cast[..20] }), json!({ "action": cast }));
                let posted = tokio::join!(citizen.posts(&same), citizen.posts(&same), citizen.posts(&other));
                let taken = Some(StatusCode::ACCEPTED);
                assert_eq!(posted, (taken, taken, taken));
                citizen.hears("Votre bulletin est enregistré").await;
                let mut rules = self.rules.lock().await;
                let participant = rules.join(session, &people[session]);
                rules.took_part.insert(participant);
                rules.ballots.insert(participant, option);
            }
            Deed::Withdraw(session) => {
                let mut citizen = self.sessions[session].0.lock().await;
                let mut rules = self.rules.lock().await;
                let participant = rules.participant[session];
                if rules.ballots.remove(&participant).is_none() {
                    drop(rules);
                    // There is none: the list offers to answer.
                    citizen.says("/consultations").await;
                    citizen.finds(&format!("Répondre : {}", self.title)).await;
                    return;
                }
                drop(rules);
                self.takes_up(&mut citizen, "Retirer mon bulletin").await;
                citizen.taps("Oui, le retirer").await;
                citizen.hears("il ne compte plus").await;
            }
            Deed::Link(asker, joiner) => {
                if people[asker].contains(&joiner) {
                    return;
                }
                let (mut first, mut second) =
                    (self.sessions[asker].0.lock().await, self.sessions[joiner].0.lock().await);
                link(&mut first, &mut second).await;
                let mut rules = self.rules.lock().await;
                let both = [people[asker].clone(), people[joiner].clone()].concat();
                let took_part = |session: &usize| rules.took_part.contains(&rules.participant[*session]);
                if both.iter().any(took_part) {
                    rules.join(asker, &both);
                }
            }
            Deed::Unlink(session) => {
                let mut citizen = self.sessions[session].0.lock().await;
                citizen.says("/delier").await;
                if people[session].len() == 1 {
                    citizen.hears("n’est reliée à aucune autre").await;
                    return;
                }
                citizen.taps("Oui, séparer").await;
                citizen.hears("de nouveau à part").await;
            }
            Deed::EraseAndReturn(session) => {
                let mut citizen = self.sessions[session].0.lock().await;
                citizen.says("/effacer").await;
                citizen.taps("Oui, effacer").await;
                citizen.hears("vos données sont effacées").await;
                citizen.says("/aide").await;
                citizen.hears("Voici ce que vous pouvez").await;
            }
        }
    }

    /// Opens this consultation from the list; where a ballot counts already, presses `then` under its receipt.
    async fn takes_up(&self, citizen: &mut Citizen, then: &str) {
        citizen.says("/consultations").await;
        let list = citizen.hears(&self.title).await;
        let button = list.buttons.iter().find(|button| button.label.ends_with(&self.title)).unwrap();
        citizen.presses(&button.action).await;
        if button.label.starts_with("Revoir") {
            citizen.taps(then).await;
        }
    }

    /// Counts add up, and nobody has two ballots.
    async fn holds(&self) -> Result<(), TestCaseError> {
        let rules = self.rules.lock().await;
        prop_assert_eq!(self.crieur.participation(&self.slug).await, rules.ballots.len() as u64);
        let rows = sqlx::query!(
            r#"
            SELECT count(ballot.key) AS "ballots!",
                   (SELECT count(*) FROM micro_consultations.roll_entry AS entry
                    WHERE entry.consultation_id = consultation.id AND entry.has_ballot) AS "entries!"
            FROM micro_consultations.consultation
            LEFT JOIN micro_consultations.ballot ON ballot.consultation_id = consultation.id
            WHERE slug = $1 GROUP BY consultation.id
            "#,
            self.slug,
        );
        let row = rows.fetch_one(self.crieur.database.pool()).await.unwrap();
        prop_assert_eq!((row.ballots, row.entries), (rules.ballots.len() as i64, rules.ballots.len() as i64));
        // What each session is told of its own ballot is what the rules say.
        for (session, (citizen, _)) in self.sessions.iter().enumerate() {
            let mut citizen = citizen.lock().await;
            citizen.says("/consultations").await;
            let list = citizen.hears(&self.title).await;
            let has_ballot = list.buttons.iter().any(|button| button.label == format!("Revoir : {}", self.title));
            let expected = rules.ballots.contains_key(&rules.participant[session]);
            prop_assert_eq!(has_ballot, expected, "session {} of {:?}", session, rules.participant);
        }
        drop(rules);
        self.crieur.closes(&self.slug).await;
        let (_, csv) = self.crieur.page(&format!("/consultations/{}/ballots.csv", self.slug)).await;
        let rules = self.rules.lock().await;
        if !rules.ballots.is_empty() {
            let options = ["\"Halle couverte\"", "\"Jardin et bancs\"", "\"Garder le parking\""];
            let mut expected: Vec<&str> = rules.ballots.values().map(|option| options[*option]).collect();
            let mut counted: Vec<&str> = csv.lines().skip(1).collect();
            expected.sort_unstable();
            counted.sort_unstable();
            prop_assert_eq!(counted, expected, "each ballot is the one that was cast last");
        }
        Ok(())
    }
}

#[test]
fn one_person_has_one_ballot_whatever_they_do() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let crieur = runtime.block_on(Crieur::starts());
    let config = Config { cases: CASES, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    // The same cases every time: what fails here fails again.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let rounds = prop::collection::vec(prop::collection::vec(deed(), 1..4), 1..7);
    let cases = std::sync::atomic::AtomicU32::new(0);
    let outcome = runner.run(&rounds, |rounds| {
        let number = cases.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        runtime.block_on(async {
            // Codes and tries are limited within minutes: each case is a day of its own.
            crieur.clock.advance(chrono::TimeDelta::days(1));
            let case = Case::begins(&crieur, number).await;
            for deeds in &rounds {
                crieur.clock.advance(chrono::TimeDelta::minutes(11));
                case.does_at_once(deeds).await;
            }
            case.holds().await
        })
    });
    outcome.unwrap();
}
