//! What plugins and segments see of a contact.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::query::Query;
use super::segments;
use crate::ids::{CollectiviteId, ContactId, OrganisationId, Platform};
use crate::locale::Locale;
use crate::plugin::{Context, Purpose};

/// Contacts read in one go.
const PAGE: usize = 2000;

/// A kind of public body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectiviteKind {
    Commune,
    /// Intercommunalité: métropole, communauté urbaine, d’agglomération, de communes.
    Epci,
    Departement,
    Region,
    Other,
}

impl CollectiviteKind {
    pub const ALL: [Self; 5] = [Self::Commune, Self::Epci, Self::Departement, Self::Region, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commune => "commune",
            Self::Epci => "epci",
            Self::Departement => "departement",
            Self::Region => "region",
            Self::Other => "other",
        }
    }
}

impl FromStr for CollectiviteKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| {
            format!("`{text}` is no type of collectivité: write commune, epci, departement, region or other")
        })
    }
}

/// The public body a contact works for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Collectivite {
    pub id: CollectiviteId,
    pub kind: CollectiviteKind,
    pub name: String,
    /// Code officiel géographique.
    pub insee: Option<String>,
    pub siren: Option<String>,
    /// Inhabitants.
    pub population: Option<u32>,
    /// `44`, `2A`, `971`.
    pub departement: Option<String>,
    /// `52`.
    pub region: Option<String>,
}

/// Where a contact can be written to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reach {
    /// The network of the address they used last; `None`: they have no address.
    pub last_used: Option<Platform>,
    /// … where they blocked us, or whose chat is closed.
    pub blocked: bool,
    /// Other networks where they can be written to.
    pub others: Vec<Platform>,
    /// Of those, the ones they agreed to be reminded on.
    pub others_agreed: Vec<Platform>,
    /// When they were last heard of.
    pub last_seen: Option<DateTime<Utc>>,
}

/// A person, as an organiser knows them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ContactView {
    pub id: ContactId,
    /// The plain handle.
    pub number: i64,
    pub external_id: Option<String>,
    pub name: Option<String>,
    /// The language they chose; `None`: the organisation's.
    pub locale: Option<Locale>,
    /// IANA zone they chose or were imported with.
    pub time_zone: Option<String>,
    /// When they do not want to be written to, as stored.
    pub quiet_hours: Option<Value>,
    pub collectivite: Option<Collectivite>,
    /// 1 is the first contact of the collectivité.
    pub rank: Option<u8>,
    pub fields: Map<String, Value>,
    pub groups: Vec<String>,
    /// They said STOP.
    pub stopped: bool,
    /// What they agreed to.
    pub consents: Vec<Purpose>,
    pub reach: Reach,
}

/// Which contacts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactSet {
    /// Everybody an organiser knows: with an external id, a name or a collectivité.
    Everyone,
    Group(String),
    Segment(String),
    Query(String),
    These(Vec<ContactId>),
}

#[derive(Debug, thiserror::Error)]
pub enum ContactsError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("there is no group `{0}`: `crieur contacts groups list` shows those there are")]
    NoSuchGroup(String),
    #[error("there is no segment `{0}`: `crieur contacts segments list` shows those there are")]
    NoSuchSegment(String),
    #[error("the query cannot be read: {0}")]
    Query(String),
}

impl Context {
    /// Goes through the contacts of `set` in a stable order (by number), `take` each.
    ///
    /// # Errors
    /// When the set names what is not there, or the database refuses.
    pub async fn contacts(&mut self, set: &ContactSet, take: impl FnMut(ContactView)) -> Result<(), ContactsError> {
        let organisation = self.organisation.id;
        each(&mut self.transaction, organisation, set, take).await
    }

    /// One contact, or `None` when there is none (any more).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn contact(&mut self, contact: ContactId) -> Result<Option<ContactView>, ContactsError> {
        let mut found = None;
        self.contacts(&ContactSet::These(vec![contact]), |view| found = Some(view)).await?;
        Ok(found)
    }
}

/// Goes through the contacts of `set` by number.
///
/// # Errors
/// When the set names what is not there, or the database refuses.
pub async fn each(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    set: &ContactSet,
    mut take: impl FnMut(ContactView),
) -> Result<(), ContactsError> {
    let read = |query: &str| query.parse::<Query>().map_err(|error| ContactsError::Query(error.to_string()));
    let (group, these, query) = match set {
        ContactSet::Everyone => (None, None, None),
        ContactSet::Group(name) => (Some(group_id(connection, organisation, name).await?), None, None),
        ContactSet::These(ids) => (None, Some(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>()), None),
        ContactSet::Segment(name) => (None, None, Some(read(&segments::query(connection, organisation, name).await?)?)),
        ContactSet::Query(query) => (None, None, Some(read(query)?)),
    };
    let mut after = 0;
    loop {
        let page = page(connection, organisation, group, these.as_deref(), after).await?;
        let Some(last) = page.last().map(|view| view.number) else { return Ok(()) };
        let full = page.len() == PAGE;
        page.into_iter().filter(|view| query.as_ref().is_none_or(|query| query.matches(view))).for_each(&mut take);
        if !full {
            return Ok(());
        }
        after = last;
    }
}

async fn group_id(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    name: &str,
) -> Result<i32, ContactsError> {
    sqlx::query_scalar!(
        "SELECT id FROM core.contact_group WHERE organisation_id = $1 AND name = $2",
        organisation.0,
        name
    )
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| ContactsError::NoSuchGroup(name.to_owned()))
}

/// One way to a person, as the page's query gives it.
#[derive(Debug, Deserialize)]
struct Way {
    platform: String,
    open: bool,
    agreed: bool,
    since: DateTime<Utc>,
}

/// The next contacts after number `after`.
async fn page(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    group: Option<i32>,
    these: Option<&[Uuid]>,
    after: i64,
) -> Result<Vec<ContactView>, ContactsError> {
    let rows = sqlx::query!(
        r#"
        SELECT contact.id, contact.number, contact.external_id, contact.name, contact.locale, contact.time_zone,
               contact.quiet_hours, contact.rank, contact.fields AS "fields: Json<Map<String, Value>>", contact.status,
               body.id AS "body?", body.kind AS "kind?", body.name AS "body_name?", body.insee, body.siren,
               body.population, body.departement, body.region,
               ARRAY(SELECT consent.purpose FROM core.consent
                     WHERE consent.organisation_id = contact.organisation_id AND consent.contact_id = contact.id
                       AND consent.withdrawn_at IS NULL ORDER BY 1) AS "consents!",
               ARRAY(SELECT contact_group.name FROM core.contact_group_member AS member
                     JOIN core.contact_group
                       ON contact_group.organisation_id = member.organisation_id AND contact_group.id = member.group_id
                     WHERE member.organisation_id = contact.organisation_id AND member.contact_id = contact.id
                     ORDER BY 1) AS "groups!",
               (SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'platform', address.scheme,
                           'open', reachability.state = 'reachable' AND reachability.direct_conversation_id IS NOT NULL,
                           'agreed', EXISTS (SELECT FROM core.address_consent AS agreed
                                             WHERE agreed.organisation_id = address.organisation_id
                                               AND agreed.address_id = address.id AND agreed.purpose = 'reminder'
                                               AND agreed.withdrawn_at IS NULL),
                           'since', reachability.since
                       ) ORDER BY reachability.since DESC, address.id), '[]')
                FROM core.address
                JOIN core.reachability
                  ON reachability.organisation_id = address.organisation_id AND reachability.address_id = address.id
                WHERE address.organisation_id = contact.organisation_id AND address.contact_id = contact.id
               ) AS "ways!: Json<Vec<Way>>"
        FROM core.contact
        LEFT JOIN core.collectivite AS body
          ON body.organisation_id = contact.organisation_id AND body.id = contact.collectivite_id
        WHERE contact.organisation_id = $1 AND contact.number > $2 AND contact.status <> 'archived'
          AND ($3::integer IS NULL OR EXISTS (
              SELECT FROM core.contact_group_member AS member
              WHERE member.organisation_id = contact.organisation_id AND member.contact_id = contact.id
                AND member.group_id = $3))
          AND CASE WHEN $4::uuid[] IS NULL
                   THEN contact.external_id IS NOT NULL OR contact.name IS NOT NULL OR contact.collectivite_id IS NOT NULL
                   ELSE contact.id = ANY($4) END
        ORDER BY contact.number
        LIMIT $5
        "#,
        organisation.0,
        after,
        group,
        these,
        i64::try_from(PAGE).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await?;
    let views = rows.into_iter().map(|row| {
        let collectivite = row.body.zip(row.kind).map(|(id, kind)| Collectivite {
            id: CollectiviteId(id),
            kind: kind.parse().unwrap_or(CollectiviteKind::Other),
            name: row.body_name.unwrap_or_default(),
            insee: row.insee,
            siren: row.siren,
            population: row.population.and_then(|count| u32::try_from(count).ok()),
            departement: row.departement,
            region: row.region,
        });
        ContactView {
            id: ContactId(row.id),
            number: row.number,
            external_id: row.external_id,
            name: row.name,
            locale: row.locale.and_then(|code| code.parse().ok()),
            time_zone: row.time_zone,
            quiet_hours: row.quiet_hours,
            collectivite,
            rank: row.rank.and_then(|rank| u8::try_from(rank).ok()),
            fields: row.fields.0,
            groups: row.groups,
            stopped: row.status == "stopped",
            consents: row.consents.iter().filter_map(|purpose| purpose.parse().ok()).collect(),
            reach: reach(row.ways.0),
        }
    });
    Ok(views.collect())
}

fn reach(ways: Vec<Way>) -> Reach {
    let mut ways = ways.into_iter();
    let Some(first) = ways.next() else { return Reach::default() };
    let open: Vec<Way> = ways.filter(|way| way.open).collect();
    let named = |way: &Way| Platform::new(way.platform.clone());
    Reach {
        blocked: !first.open,
        last_seen: Some(first.since),
        others: open.iter().map(named).collect(),
        others_agreed: open.iter().filter(|way| way.agreed).map(named).collect(),
        last_used: Some(Platform::new(first.platform)),
    }
}
