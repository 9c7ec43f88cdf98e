//! One batch of rows: read, held against what is stored, and written in a handful of statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use crieur_spreadsheets::{Row, RowProblem};
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::entry::{Change, Entry, Refusal};
use super::{Reject, Work};
use crate::liveness::LOCK_CLASS;

/// A contact as it is stored.
struct Stored {
    id: Uuid,
    archived: bool,
    /// They have written to us: their language and zone are theirs.
    bound: bool,
    facts: Facts,
}

/// What an import may change of a contact.
#[derive(Clone, PartialEq, Default)]
struct Facts {
    name: Option<String>,
    collectivite: Option<i64>,
    rank: Option<i16>,
    language: Option<String>,
    time_zone: Option<String>,
    fields: Map<String, Value>,
}

impl Facts {
    /// Names of what differs, never values.
    fn changes(&self, after: &Self) -> Vec<String> {
        let mut names = Vec::new();
        let mut differs = |name: &str, differs: bool| names.extend(differs.then(|| name.to_owned()));
        differs("name", self.name != after.name);
        differs("collectivite", self.collectivite != after.collectivite);
        differs("rank", self.rank != after.rank);
        differs("language", self.language != after.language);
        differs("time_zone", self.time_zone != after.time_zone);
        let keys: BTreeSet<&String> = self.fields.keys().chain(after.fields.keys()).collect();
        for key in keys {
            differs(&format!("field.{key}"), self.fields.get(key) != after.fields.get(key));
        }
        names
    }
}

/// What becomes of a row whose contact is known.
struct Outcome {
    id: Uuid,
    external_id: String,
    facts: Facts,
    created: bool,
    /// What is written to the history.
    changes: Vec<String>,
    groups: Vec<String>,
}

impl Work<'_> {
    /// Takes a batch; gives back the rows that are not taken.
    pub(super) async fn take(
        &mut self,
        transaction: &mut Transaction<'static, Postgres>,
        rows: Vec<Result<Row, RowProblem>>,
    ) -> Result<Vec<Reject>, super::ImportError> {
        let organisation = self.importer.organisation.view.id.0;
        // Two imports at once would make the same collectivités: one batch waits for the other. Numbers of runners, which
        // share this class of locks, are positive.
        sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, -organisation)
            .execute(&mut **transaction)
            .await?;
        self.report.rows += rows.len() as u64;
        let (mut rejects, mut notes) = (Vec::new(), Vec::new());
        let (entries, originals) = self.read(rows, &mut rejects, &mut notes);
        let forgotten = self.forgotten(transaction, &entries).await?;
        let stored = stored(transaction, organisation, &entries).await?;
        // What is left alone says nothing of its collectivité either.
        let (mut open, mut open_originals) = (Vec::new(), Vec::new());
        for (entry, original) in entries.into_iter().zip(originals) {
            if forgotten.contains(&entry.external_id) {
                self.report.forgotten += 1;
            } else if stored.get(&entry.external_id).is_some_and(|contact| contact.archived) {
                self.report.merged += 1;
                notes.push(format!("line {}: this contact was merged into another: remove the row", entry.line));
            } else {
                open.push(entry);
                open_originals.push(original);
            }
        }
        let now = self.importer.clock.now();
        let bodies =
            self.bodies.settle(transaction, self.importer.organisation.view.id, now, &open, &mut notes).await?;
        let mut ranks = Ranks::load(transaction, organisation, &bodies).await?;
        let mut outcomes = Vec::with_capacity(open.len());
        for ((entry, original), body) in open.into_iter().zip(open_originals).zip(bodies) {
            let line = entry.line;
            let before = stored.get(&entry.external_id);
            match body.and_then(|body| self.outcome(entry, before, body, &mut ranks)) {
                Ok(outcome) => outcomes.push(outcome),
                Err(refusal) => rejects.push(rejected(line, refusal, original)),
            }
        }
        let joined = self.write(transaction, &outcomes).await?;
        for outcome in &outcomes {
            match (outcome.created, outcome.changes.is_empty() && !joined.contains(&outcome.id)) {
                (true, _) => self.report.created += 1,
                (false, true) => self.report.unchanged += 1,
                (false, false) => self.report.updated += 1,
            }
        }
        rejects.sort_by_key(|reject| reject.line);
        self.report.rejected += rejects.len() as u64;
        self.note(notes);
        Ok(rejects)
    }

    /// Rows as entries, with the cells of each for the list of rejects.
    fn read(
        &mut self,
        rows: Vec<Result<Row, RowProblem>>,
        rejects: &mut Vec<Reject>,
        notes: &mut Vec<String>,
    ) -> (Vec<Entry>, Vec<Vec<String>>) {
        let (mut entries, mut originals) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows {
            let row = match row {
                Ok(row) => row,
                Err(RowProblem { line, column, fault }) => {
                    rejects.push(rejected(line, Refusal { column, reason: fault.to_string() }, Vec::new()));
                    continue;
                }
            };
            let line = row.line;
            if row.missing > 0 {
                notes.push(format!(
                    "line {line}: has {} cells less than the header; they count as empty. If the file was cut, export it again",
                    row.missing
                ));
            }
            let read = Entry::read(&self.columns, &self.fields, &row, notes);
            let read = read.and_then(|entry| match self.seen_before(&entry.external_id, line) {
                None => Ok(entry),
                Some(first) => {
                    Err(Refusal::row(format!("the identifier is already on line {first}: remove one of the rows")))
                }
            });
            match read {
                Ok(entry) => {
                    entries.push(entry);
                    originals.push(row.cells);
                }
                Err(refusal) => rejects.push(rejected(line, refusal, row.cells)),
            }
        }
        (entries, originals)
    }

    /// External ids of those who erased themselves.
    async fn forgotten(&self, sql: &mut PgConnection, entries: &[Entry]) -> Result<HashSet<String>, sqlx::Error> {
        let organisation = self.importer.organisation;
        let digests: Vec<Vec<u8>> =
            entries.iter().map(|entry| organisation.external_digest(&entry.external_id).to_vec()).collect();
        let found = sqlx::query_scalar!(
            "SELECT external_digest FROM core.contact_forgotten WHERE organisation_id = $1 AND external_digest = ANY ($2)",
            organisation.view.id.0,
            &digests,
        )
        .fetch_all(sql)
        .await?;
        let found: HashSet<Vec<u8>> = found.into_iter().collect();
        let forgotten = entries.iter().zip(&digests).filter(|(_, digest)| found.contains(*digest));
        Ok(forgotten.map(|(entry, _)| entry.external_id.clone()).collect())
    }

    fn outcome(
        &self,
        entry: Entry,
        stored: Option<&Stored>,
        body: Option<i64>,
        ranks: &mut Ranks,
    ) -> Result<Outcome, Refusal> {
        let before = stored.map(|stored| stored.facts.clone()).unwrap_or_default();
        let mut after = before.clone();
        after.name = entry.name.over(after.name);
        after.collectivite = match entry.body {
            Change::Clear => None,
            Change::Keep => after.collectivite,
            Change::Set(_) => body,
        };
        after.rank = match (after.collectivite, entry.rank) {
            (None, Change::Set(_)) => {
                return Err(Refusal::row(
                    "a rank is one within a collectivité, and the row names none: say which it is",
                ));
            }
            (None, _) => None,
            (Some(body), Change::Set(rank)) => Some(ranks.takes(body, rank)),
            (Some(body), _) if after.collectivite == before.collectivite => {
                before.rank.or_else(|| Some(ranks.next(body)))
            }
            (Some(body), _) => Some(ranks.next(body)),
        };
        if !stored.is_some_and(|stored| stored.bound) {
            after.language = match entry.language {
                Change::Keep => after.language,
                Change::Clear => None,
                Change::Set(language) => Some(language.as_str().to_owned()),
            };
            after.time_zone = entry.time_zone.over(after.time_zone);
        }
        for (key, change) in entry.fields {
            match change {
                Change::Keep => {}
                Change::Clear => _ = after.fields.remove(key.as_str()),
                Change::Set(value) => _ = after.fields.insert(key.to_string(), value),
            }
        }
        let mut groups = entry.groups;
        groups.extend(self.group.clone());
        Ok(Outcome {
            id: stored.map_or_else(|| self.importer.random.uuid(self.importer.clock.now()), |stored| stored.id),
            external_id: entry.external_id,
            created: stored.is_none(),
            changes: before.changes(&after),
            facts: after,
            groups,
        })
    }

    /// Writes what is new and what has changed; gives back who joined a group.
    async fn write(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        outcomes: &[Outcome],
    ) -> Result<HashSet<Uuid>, super::ImportError> {
        let (organisation, now) = (self.importer.organisation.view.id.0, self.importer.clock.now());
        let created = Columns::of(outcomes.iter().filter(|outcome| outcome.created));
        sqlx::query!(
            r#"
            INSERT INTO core.contact
                (organisation_id, id, external_id, name, collectivite_id, rank, locale, time_zone, fields, status, created_at)
            SELECT $1, new.*, 'active', $10
            FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::text[], $8::text[], $9::jsonb[])
                 AS new
            "#,
            organisation,
            &created.ids,
            &created.external_ids,
            &created.names as &[Option<String>],
            &created.collectivites as &[Option<i64>],
            &created.ranks as &[Option<i16>],
            &created.languages as &[Option<String>],
            &created.time_zones as &[Option<String>],
            &created.fields,
            now,
        )
        .execute(&mut **transaction)
        .await?;
        // A trial leaves alone what others may be waiting for.
        if !self.report.dry_run {
            let changed =
                Columns::of(outcomes.iter().filter(|outcome| !outcome.created && !outcome.changes.is_empty()));
            sqlx::query!(
                r#"
                UPDATE core.contact
                SET name = new.name, collectivite_id = new.collectivite_id, rank = new.rank, locale = new.locale,
                    time_zone = new.time_zone, fields = new.fields
                FROM UNNEST($2::uuid[], $3::text[], $4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::jsonb[])
                     AS new (id, name, collectivite_id, rank, locale, time_zone, fields)
                WHERE contact.organisation_id = $1 AND contact.id = new.id
                "#,
                organisation,
                &changed.ids,
                &changed.names as &[Option<String>],
                &changed.collectivites as &[Option<i64>],
                &changed.ranks as &[Option<i16>],
                &changed.languages as &[Option<String>],
                &changed.time_zones as &[Option<String>],
                &changed.fields,
            )
            .execute(&mut **transaction)
            .await?;
        }
        let joined = self.join_groups(transaction, outcomes).await?;
        self.remember(transaction, outcomes, &joined).await?;
        Ok(joined.into_keys().collect())
    }

    /// Puts contacts into their groups; gives back who was not in them, with the groups.
    async fn join_groups(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        outcomes: &[Outcome],
    ) -> Result<HashMap<Uuid, Vec<String>>, super::ImportError> {
        let organisation = self.importer.organisation.view.id.0;
        let names: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| &outcome.groups).collect();
        let mut directory = self.importer.directory(transaction);
        for name in names {
            directory.create_group(name).await?;
        }
        let members =
            outcomes.iter().flat_map(|outcome| outcome.groups.iter().map(|group| (outcome.id, group.clone())));
        let (contacts, groups): (Vec<Uuid>, Vec<String>) = members.unzip();
        let rows = sqlx::query!(
            r#"
            WITH joined AS (
                INSERT INTO core.contact_group_member (organisation_id, group_id, contact_id)
                SELECT $1, contact_group.id, member.contact_id
                FROM UNNEST($2::uuid[], $3::text[]) AS member (contact_id, name)
                JOIN core.contact_group ON contact_group.organisation_id = $1 AND contact_group.name = member.name
                ON CONFLICT DO NOTHING RETURNING group_id, contact_id
            )
            SELECT joined.contact_id, contact_group.name FROM joined
            JOIN core.contact_group ON contact_group.organisation_id = $1 AND contact_group.id = joined.group_id
            ORDER BY contact_group.name
            "#,
            organisation,
            &contacts,
            &groups,
        )
        .fetch_all(&mut **transaction)
        .await?;
        let mut joined: HashMap<Uuid, Vec<String>> = HashMap::new();
        for row in rows {
            joined.entry(row.contact_id).or_default().push(row.name);
        }
        Ok(joined)
    }

    async fn remember(
        &self,
        sql: &mut PgConnection,
        outcomes: &[Outcome],
        joined: &HashMap<Uuid, Vec<String>>,
    ) -> Result<(), sqlx::Error> {
        let (mut contacts, mut actions, mut details) = (Vec::new(), Vec::new(), Vec::new());
        for outcome in outcomes {
            let groups = joined.get(&outcome.id);
            if !outcome.created && outcome.changes.is_empty() && groups.is_none() {
                continue;
            }
            contacts.push(outcome.id);
            actions.push(if outcome.created { "imported" } else { "changed" }.to_owned());
            let mut said = json!({ "fields": outcome.changes });
            if let Some(groups) = groups {
                said["groups"] = json!(groups);
            }
            details.push(said);
        }
        sqlx::query!(
            r#"
            INSERT INTO core.contact_history (organisation_id, contact_id, happened_at, actor, action, details)
            SELECT $1, new.contact_id, $5, $6, new.action, new.details
            FROM UNNEST($2::uuid[], $3::text[], $4::jsonb[]) AS new (contact_id, action, details)
            "#,
            self.importer.organisation.view.id.0,
            &contacts,
            &actions,
            &details,
            self.importer.clock.now(),
            self.importer.actor,
        )
        .execute(sql)
        .await?;
        Ok(())
    }
}

fn rejected(line: u64, refusal: Refusal, cells: Vec<String>) -> Reject {
    Reject { line, column: refusal.column, reason: refusal.reason, cells }
}

/// Stored contacts by external id. Nobody else changes them until the batch is done.
async fn stored(
    sql: &mut PgConnection,
    organisation: i32,
    entries: &[Entry],
) -> Result<HashMap<String, Stored>, sqlx::Error> {
    let ids: Vec<String> = entries.iter().map(|entry| entry.external_id.clone()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT contact.id, contact.external_id AS "external_id!", contact.status, contact.name, contact.collectivite_id,
               contact.rank, contact.locale, contact.time_zone, contact.fields AS "fields: Json<Map<String, Value>>",
               EXISTS (SELECT FROM core.address WHERE address.organisation_id = contact.organisation_id
                                                  AND address.contact_id = contact.id) AS "bound!"
        FROM core.contact
        WHERE contact.organisation_id = $1 AND contact.external_id = ANY ($2)
        ORDER BY contact.id
        FOR NO KEY UPDATE OF contact
        "#,
        organisation,
        &ids,
    )
    .fetch_all(sql)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let facts = Facts {
            name: row.name,
            collectivite: row.collectivite_id,
            rank: row.rank,
            language: row.locale,
            time_zone: row.time_zone,
            fields: row.fields.0,
        };
        (row.external_id, Stored { id: row.id, archived: row.status == "archived", bound: row.bound, facts })
    });
    Ok(stored.collect())
}

/// The last rank of each collectivité: who is listed without one comes after the others.
struct Ranks(HashMap<i64, i16>);

impl Ranks {
    const MAX: i16 = 99;

    async fn load(
        sql: &mut PgConnection,
        organisation: i32,
        bodies: &super::bodies::Settled,
    ) -> Result<Self, sqlx::Error> {
        let ids: Vec<i64> = bodies.iter().filter_map(|body| body.as_ref().ok().copied().flatten()).collect();
        let rows = sqlx::query!(
            r#"
            SELECT collectivite_id AS "collectivite_id!", max(rank) AS "rank!" FROM core.contact
            WHERE organisation_id = $1 AND collectivite_id = ANY ($2) AND status <> 'archived'
            GROUP BY collectivite_id
            "#,
            organisation,
            &ids,
        )
        .fetch_all(sql)
        .await?;
        Ok(Self(rows.into_iter().map(|row| (row.collectivite_id, row.rank)).collect()))
    }

    fn next(&mut self, body: i64) -> i16 {
        let last = self.0.entry(body).or_default();
        *last = (*last + 1).min(Self::MAX);
        *last
    }

    fn takes(&mut self, body: i64, rank: i16) -> i16 {
        let last = self.0.entry(body).or_default();
        *last = rank.max(*last);
        rank
    }
}

/// Contacts by column, as UNNEST wants them.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    external_ids: Vec<String>,
    names: Vec<Option<String>>,
    collectivites: Vec<Option<i64>>,
    ranks: Vec<Option<i16>>,
    languages: Vec<Option<String>>,
    time_zones: Vec<Option<String>>,
    fields: Vec<Value>,
}

impl Columns {
    fn of<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> Self {
        let mut columns = Self::default();
        for outcome in outcomes {
            let facts = outcome.facts.clone();
            columns.ids.push(outcome.id);
            columns.external_ids.push(outcome.external_id.clone());
            columns.names.push(facts.name);
            columns.collectivites.push(facts.collectivite);
            columns.ranks.push(facts.rank);
            columns.languages.push(facts.language);
            columns.time_zones.push(facts.time_zone);
            columns.fields.push(Value::Object(facts.fields));
        }
        columns
    }
}
