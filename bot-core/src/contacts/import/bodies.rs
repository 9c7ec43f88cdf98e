//! Which collectivité a row is about: by SIREN, else by type and INSEE code, else by a name that only one has.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::entry::{BodyFacts, Change, Entry, Refusal};
use crate::contacts::view::CollectiviteKind;
use crate::contacts::words::folded;
use crate::ids::OrganisationId;

/// A collectivité as it is, or will be, stored.
struct Body {
    id: i64,
    kind: CollectiviteKind,
    facts: Facts,
    stored: bool,
    changed: bool,
}

/// What can be said of one. In the order of [`FACTS`].
#[derive(Clone, Default)]
struct Facts {
    name: String,
    insee: Option<String>,
    siren: Option<String>,
    population: Option<i32>,
    departement: Option<String>,
    region: Option<String>,
}

const FACTS: [&str; 6] = ["name", "code INSEE", "SIREN", "population", "département", "région"];

/// What the file has said so far of each collectivité: a digest of each fact, with its line. It grows with the number of
/// collectivités, of which France has 36,000, and not with the file.
type Told = [Option<(u64, u64)>; FACTS.len()];

/// The collectivités of a file, over all its batches.
#[derive(Default)]
pub(super) struct Bodies {
    told: HashMap<i64, Told>,
    pub created: u64,
    pub updated: u64,
}

/// What a batch comes to: which collectivité each entry is about, or why it cannot be said.
pub(super) type Settled = Vec<Result<Option<i64>, Refusal>>;

/// Collectivités that rows may be about, by what they are known by.
#[derive(Default)]
struct Known {
    bodies: Vec<Body>,
    by_siren: HashMap<String, usize>,
    by_insee: HashMap<(CollectiviteKind, String), usize>,
    by_name: HashMap<(CollectiviteKind, String), Vec<usize>>,
}

impl Known {
    fn enter(&mut self, index: usize) {
        let body = &self.bodies[index];
        if let Some(siren) = &body.facts.siren {
            self.by_siren.insert(siren.clone(), index);
        }
        if let Some(insee) = &body.facts.insee {
            self.by_insee.insert((body.kind, insee.clone()), index);
        }
        let named = self.by_name.entry((body.kind, folded(&body.facts.name))).or_default();
        if !named.contains(&index) {
            named.push(index);
        }
    }

    /// The one that `facts` are about, `None` when it is new.
    fn find(&self, facts: &BodyFacts) -> Result<Option<usize>, Refusal> {
        let by_siren = facts.siren.as_ref().and_then(|siren| self.by_siren.get(siren)).copied();
        let kind = by_siren.map(|index| self.bodies[index].kind).or(facts.kind);
        if let (Some(index), Some(told)) = (by_siren, facts.kind)
            && self.bodies[index].kind != told
        {
            let body = &self.bodies[index];
            return Err(Refusal::row(format!(
                "the SIREN is that of {} ({}), and the row says {}: correct the SIREN or the type",
                body.facts.name,
                body.kind.as_str(),
                told.as_str()
            )));
        }
        let by_insee = kind.zip(facts.insee.clone()).and_then(|key| self.by_insee.get(&key)).copied();
        match (by_siren, by_insee) {
            (Some(one), Some(other)) if one != other => Err(Refusal::row(format!(
                "the SIREN is that of {}, and the INSEE code that of {}: correct one",
                self.bodies[one].facts.name, self.bodies[other].facts.name
            ))),
            (Some(index), _) | (None, Some(index)) => self.confirmed(index, facts).map(Some),
            (None, None) if facts.siren.is_some() || facts.insee.is_some() => Ok(None),
            (None, None) => self.find_by_name(facts),
        }
    }

    /// One code leads to a collectivité whose other code is another: only under the same name is that a correction.
    fn confirmed(&self, index: usize, facts: &BodyFacts) -> Result<usize, Refusal> {
        let held = &self.bodies[index].facts;
        let differs = |said: &Option<String>, held: &Option<String>| {
            said.as_ref().zip(held.as_ref()).is_some_and(|(said, held)| said != held)
        };
        let same_name = facts.name.as_ref().is_some_and(|name| folded(name) == folded(&held.name));
        let (what, other) = match (differs(&facts.insee, &held.insee), differs(&facts.siren, &held.siren)) {
            (false, false) => return Ok(index),
            _ if same_name => return Ok(index),
            (true, _) => ("SIREN", "INSEE code"),
            (false, true) => ("INSEE code", "SIREN"),
        };
        Err(Refusal::row(format!(
            "the {what} is that of {}, which has another {other} than the row: correct one",
            held.name
        )))
    }

    fn find_by_name(&self, facts: &BodyFacts) -> Result<Option<usize>, Refusal> {
        let (Some(name), Some(kind)) = (&facts.name, facts.kind) else {
            let what = "nothing says which collectivité this is: give its INSEE code (communes, départements, régions) or \
                        its SIREN";
            return Err(Refusal::row(what));
        };
        // 34,800 communes have 32,000 names.
        if !matches!(kind, CollectiviteKind::Epci | CollectiviteKind::Other) {
            return Err(Refusal::row(format!(
                "a name alone does not say which {} this is: give its INSEE code or its SIREN",
                kind.as_str()
            )));
        }
        match self.by_name.get(&(kind, folded(name))).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([only]) => Ok(Some(*only)),
            Some(several) => {
                let count = several.len();
                Err(Refusal::row(format!(
                    "{count} collectivités are named so: give the SIREN of the one that is meant"
                )))
            }
        }
    }
}

impl Bodies {
    /// Finds or makes the collectivité of each entry, and brings its facts up to date.
    ///
    /// Within one file the first word counts: a later row that says otherwise is told in `notes`.
    pub async fn settle(
        &mut self,
        sql: &mut PgConnection,
        organisation: OrganisationId,
        now: DateTime<Utc>,
        entries: &[Entry],
        notes: &mut Vec<String>,
    ) -> Result<Settled, sqlx::Error> {
        let mut known = load(sql, organisation, entries).await?;
        // Ids of what is new are only known at the end: they count down from -1 until then.
        let mut settled: Vec<Result<Option<usize>, Refusal>> = Vec::with_capacity(entries.len());
        let mut told_new: HashMap<usize, Told> = HashMap::new();
        for entry in entries {
            let Change::Set(facts) = &entry.body else {
                settled.push(Ok(None));
                continue;
            };
            let found = known.find(facts).and_then(|found| match found {
                Some(index) => Ok(index),
                None => made(&mut known, facts),
            });
            settled.push(found.map(|index| {
                let body = &mut known.bodies[index];
                let told = match body.stored {
                    true => self.told.entry(body.id).or_default(),
                    false => told_new.entry(index).or_default(),
                };
                let differs = body.hear(facts, entry.line, told);
                notes.extend(differs.into_iter().map(|(fact, line)| {
                    format!(
                        "line {}: says otherwise of {}'s {fact} than line {line}, which counts: correct one of them",
                        entry.line, body.facts.name
                    )
                }));
                known.enter(index);
                Some(index)
            }));
        }
        let new: Vec<usize> = (0..known.bodies.len()).filter(|index| !known.bodies[*index].stored).collect();
        store(sql, organisation, now, &mut known.bodies, &new).await?;
        for index in &new {
            if let Some(told) = told_new.remove(index) {
                self.told.insert(known.bodies[*index].id, told);
            }
        }
        self.created += new.len() as u64;
        self.updated += known.bodies.iter().filter(|body| body.stored && body.changed).count() as u64;
        Ok(settled.into_iter().map(|found| found.map(|index| index.map(|index| known.bodies[index].id))).collect())
    }
}

fn made(known: &mut Known, facts: &BodyFacts) -> Result<usize, Refusal> {
    let Some(kind) = facts.kind else {
        return Err(Refusal::row(
            "this collectivité is new: say its type (commune, epci, departement, region or autre)",
        ));
    };
    let Some(name) = facts.name.clone() else {
        return Err(Refusal::row("this collectivité is new: say its name in a column “collectivité”"));
    };
    let facts = Facts { name, ..Facts::default() };
    known.bodies.push(Body { id: 0, kind, facts, stored: false, changed: false });
    Ok(known.bodies.len() - 1)
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Body {
    /// Takes what a row says. Gives back what the file has said otherwise before, and on which line.
    fn hear(&mut self, said: &BodyFacts, line: u64, told: &mut Told) -> Vec<(&'static str, u64)> {
        let mut differs = Vec::new();
        let mut hears = |fact: usize, digest: u64| match &mut told[fact] {
            Some((before, first)) if *before != digest => {
                differs.push((FACTS[fact], *first));
                false
            }
            // The first word stands; what is only written otherwise (`NANTES`) is no other word.
            Some(_) => false,
            none => {
                *none = Some((digest, line));
                true
            }
        };
        let mut changed = false;
        if let Some(name) = said.name.as_ref().filter(|name| hears(0, digest(&folded(name)))) {
            changed |= *name != self.facts.name;
            self.facts.name.clone_from(name);
        }
        let texts = [
            (1, &said.insee, &mut self.facts.insee),
            (2, &said.siren, &mut self.facts.siren),
            (4, &said.departement, &mut self.facts.departement),
            (5, &said.region, &mut self.facts.region),
        ];
        for (fact, said, held) in texts {
            if let Some(said) = said.as_ref().filter(|said| hears(fact, digest(said))) {
                changed |= held.as_ref() != Some(said);
                *held = Some(said.clone());
            }
        }
        if let Some(population) = said.population.filter(|population| hears(3, digest(population))) {
            changed |= self.facts.population != Some(population);
            self.facts.population = Some(population);
        }
        self.changed |= changed;
        differs
    }
}

/// Stored collectivités that any entry may be about.
async fn load(sql: &mut PgConnection, organisation: OrganisationId, entries: &[Entry]) -> Result<Known, sqlx::Error> {
    let facts = || {
        entries.iter().filter_map(|entry| match &entry.body {
            Change::Set(facts) => Some(facts),
            Change::Keep | Change::Clear => None,
        })
    };
    let sirens: Vec<String> = facts().filter_map(|facts| facts.siren.clone()).collect();
    let codes: Vec<String> = facts().filter_map(|facts| facts.insee.clone()).collect();
    let is_nameless = |facts: &&BodyFacts| facts.siren.is_none() && facts.insee.is_none();
    // Names are compared as people mean them, which SQL does not know: all of these kinds are looked at.
    let by_name = facts().any(|facts| is_nameless(&facts));
    let rows = sqlx::query!(
        r#"
        SELECT id, kind, name, insee, siren, population, departement, region FROM core.collectivite
        WHERE organisation_id = $1
          AND (siren = ANY ($2) OR insee = ANY ($3) OR ($4 AND kind IN ('epci', 'other')))
        "#,
        organisation.0,
        &sirens,
        &codes,
        by_name,
    )
    .fetch_all(sql)
    .await?;
    let mut known = Known::default();
    for row in rows {
        let facts = Facts {
            name: row.name,
            insee: row.insee,
            siren: row.siren,
            population: row.population,
            departement: row.departement,
            region: row.region,
        };
        let kind = row.kind.parse().unwrap_or(CollectiviteKind::Other);
        known.bodies.push(Body { id: row.id, kind, facts, stored: true, changed: false });
        known.enter(known.bodies.len() - 1);
    }
    Ok(known)
}

/// Writes what is new, which gets its id, and what has changed.
async fn store(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    bodies: &mut [Body],
    new: &[usize],
) -> Result<(), sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"SELECT nextval(pg_get_serial_sequence('core.collectivite', 'id')) AS "id!" FROM generate_series(1, $1)"#,
        i32::try_from(new.len()).unwrap_or(i32::MAX),
    )
    .fetch_all(&mut *sql)
    .await?;
    for (index, id) in new.iter().zip(ids) {
        bodies[*index].id = id;
    }
    let changed = Columns::of(bodies.iter().filter(|body| body.stored && body.changed));
    sqlx::query!(
        r#"
        UPDATE core.collectivite AS body
        SET name = new.name, insee = new.insee, siren = new.siren, population = new.population,
            departement = new.departement, region = new.region
        FROM UNNEST($2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[])
             AS new (id, name, insee, siren, population, departement, region)
        WHERE body.organisation_id = $1 AND body.id = new.id
        "#,
        organisation.0,
        &changed.ids,
        &changed.names,
        &changed.insees as &[Option<String>],
        &changed.sirens as &[Option<String>],
        &changed.populations as &[Option<i32>],
        &changed.departements as &[Option<String>],
        &changed.regions as &[Option<String>],
    )
    .execute(&mut *sql)
    .await?;
    let created = Columns::of(new.iter().map(|index| &bodies[*index]));
    sqlx::query!(
        r#"
        INSERT INTO core.collectivite
            (organisation_id, id, kind, name, insee, siren, population, departement, region, created_at)
        OVERRIDING SYSTEM VALUE
        SELECT $1, new.*, $10
        FROM UNNEST($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[])
             AS new
        "#,
        organisation.0,
        &created.ids,
        &created.kinds,
        &created.names,
        &created.insees as &[Option<String>],
        &created.sirens as &[Option<String>],
        &created.populations as &[Option<i32>],
        &created.departements as &[Option<String>],
        &created.regions as &[Option<String>],
        now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// Bodies by column, as UNNEST wants them.
#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    kinds: Vec<String>,
    names: Vec<String>,
    insees: Vec<Option<String>>,
    sirens: Vec<Option<String>>,
    populations: Vec<Option<i32>>,
    departements: Vec<Option<String>>,
    regions: Vec<Option<String>>,
}

impl Columns {
    fn of<'b>(bodies: impl Iterator<Item = &'b Body>) -> Self {
        let mut columns = Self::default();
        for body in bodies {
            let facts = body.facts.clone();
            columns.ids.push(body.id);
            columns.kinds.push(body.kind.as_str().to_owned());
            columns.names.push(facts.name);
            columns.insees.push(facts.insee);
            columns.sirens.push(facts.siren);
            columns.populations.push(facts.population);
            columns.departements.push(facts.departement);
            columns.regions.push(facts.region);
        }
        columns
    }
}
