//! Puts the world into the database as it is on the first day: everybody an organiser knows, and whoever came by an
//! invitation with the address they came from, the chat and the consent.

use bot_core::ids::{AccountId, OrganisationId};
use chrono::{DateTime, Utc};
use rand::Rng as _;
use sqlx::PgPool;
use uuid::Uuid;

use crate::campaigns::Campaign;
use crate::dice::About;
use crate::messenger::name_of;
use crate::world::World;

const ROWS_MAX: usize = 10_000;
/// What people were shown when they agreed.
const WORDING: &str = "Oui, écrivez-moi ici.";

/// Says what the database calls each collectivité.
///
/// # Errors
/// Those of the database.
pub async fn seed(
    pool: &PgPool,
    world: &World,
    campaigns: &[Campaign],
    organisation: OrganisationId,
    accounts: [AccountId; 3],
    now: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    let collectivites = collectivites(pool, world, organisation, now).await?;
    contacts(pool, world, organisation, &collectivites, now).await?;
    addresses(pool, world, organisation, accounts, now).await?;
    for campaign in campaigns.iter().filter(|campaign| campaign.group().is_some()) {
        group(pool, world, organisation, campaign, now).await?;
    }
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    Ok(collectivites)
}

async fn collectivites(
    pool: &PgPool,
    world: &World,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    for chunk in world.collectivites.chunks(ROWS_MAX) {
        let kinds: Vec<String> = chunk.iter().map(|body| body.kind.as_str().to_owned()).collect();
        let names: Vec<String> = chunk.iter().map(|body| body.name.clone()).collect();
        let codes: Vec<Option<String>> = chunk.iter().map(|body| body.insee.clone()).collect();
        let sirens: Vec<String> = chunk.iter().map(|body| body.siren.clone()).collect();
        let populations: Vec<i32> = chunk.iter().map(|body| body.population.cast_signed()).collect();
        let departements: Vec<String> = chunk.iter().map(|body| body.place.code.to_owned()).collect();
        let regions: Vec<Option<String>> = chunk.iter().map(|body| body.place.region.map(str::to_owned)).collect();
        sqlx::query!(
            r#"
            INSERT INTO core.collectivite
                (organisation_id, kind, name, insee, siren, population, departement, region, created_at)
            SELECT $1, given.*, $9
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[]) AS given
            "#,
            organisation.0,
            &kinds,
            &names,
            &codes as &[Option<String>],
            &sirens,
            &populations,
            &departements,
            &regions as &[Option<String>],
            now,
        )
        .execute(pool)
        .await?;
    }
    // Sirens are given in order, so that this is the order of the world.
    sqlx::query_scalar!("SELECT id FROM core.collectivite WHERE organisation_id = $1 ORDER BY siren", organisation.0)
        .fetch_all(pool)
        .await
}

async fn contacts(
    pool: &PgPool,
    world: &World,
    organisation: OrganisationId,
    collectivites: &[i64],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for (chunk_number, chunk) in world.people.chunks(ROWS_MAX).enumerate() {
        let first = chunk_number * ROWS_MAX;
        let ids: Vec<Uuid> = chunk.iter().map(|person| person.contact).collect();
        let statuses: Vec<String> =
            chunk.iter().map(|person| if person.stopped { "stopped" } else { "active" }.to_owned()).collect();
        let locales: Vec<String> = chunk.iter().map(|person| person.locale.as_str().to_owned()).collect();
        let zones: Vec<Option<String>> =
            chunk.iter().map(|person| person.chose_zone.then(|| person.zone.name().to_owned())).collect();
        let external: Vec<String> = (first..first + chunk.len()).map(|number| format!("contact-{number}")).collect();
        let names: Vec<String> = chunk.iter().map(|person| person.name.clone()).collect();
        let bodies: Vec<i64> = chunk.iter().map(|person| collectivites[person.collectivite]).collect();
        let ranks: Vec<i16> = chunk.iter().map(|person| i16::from(person.rank)).collect();
        let quiet: Vec<Option<serde_json::Value>> = chunk.iter().map(|person| person.quiet.stored()).collect();
        sqlx::query!(
            r#"
            INSERT INTO core.contact
                (organisation_id, id, status, locale, time_zone, external_id, name, collectivite_id, rank, quiet_hours,
                 created_at)
            SELECT $1, given.*, $11
            FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                        $9::smallint[], $10::jsonb[]) AS given
            "#,
            organisation.0,
            &ids,
            &statuses,
            &locales,
            &zones as &[Option<String>],
            &external,
            &names,
            &bodies,
            &ranks,
            &quiet as &[Option<serde_json::Value>],
            now,
        )
        .execute(pool)
        .await?;
    }
    Ok(())
}

/// Addresses, chats, and what was agreed to.
async fn addresses(
    pool: &PgPool,
    world: &World,
    organisation: OrganisationId,
    accounts: [AccountId; 3],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let bound: Vec<_> = world
        .people
        .iter()
        .enumerate()
        .filter_map(|(number, person)| Some((u32::try_from(number).ok()?, person, person.bound?)))
        .collect();
    for chunk in bound.chunks(ROWS_MAX) {
        let contacts: Vec<Uuid> = chunk.iter().map(|(_, person, _)| person.contact).collect();
        let schemes: Vec<String> = chunk.iter().map(|(_, _, network)| network.as_str().to_owned()).collect();
        let paths: Vec<String> = chunk.iter().map(|(number, ..)| name_of(*number)).collect();
        let chats: Vec<Uuid> = chunk
            .iter()
            .map(|(number, ..)| {
                let mut rng = world.dice().about(About::Chat, &[u64::from(*number)]);
                uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &rng.random()).into_uuid()
            })
            .collect();
        let of: Vec<i32> = chunk.iter().map(|(_, _, network)| accounts[network.number()].0).collect();
        sqlx::query!(
            r#"
            WITH given AS (
                SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::integer[])
                    AS given (contact_id, scheme, path, conversation_id, account_id)
            ), known AS (
                INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
                SELECT $1, scheme, path, contact_id, $7 FROM given
                RETURNING id, scheme, path
            ), chats AS (
                INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
                SELECT $1, conversation_id, account_id, 'direct', path, 'open', $7 FROM given
                RETURNING id
            )
            INSERT INTO core.reachability
                (organisation_id, account_id, address_id, state, direct_conversation_id, since)
            SELECT $1, given.account_id, known.id, 'reachable', given.conversation_id, $7
            FROM given JOIN known USING (scheme, path)
            "#,
            organisation.0,
            &contacts,
            &schemes,
            &paths,
            &chats,
            &of,
            now,
        )
        .execute(pool)
        .await?;
    }
    for (purpose, agreed) in [
        ("reminder", bound.iter().filter(|(_, person, _)| person.agrees_to_reminders).collect::<Vec<_>>()),
        ("consultation", bound.iter().filter(|(_, person, _)| person.agrees_to_consultations).collect()),
    ] {
        let contacts: Vec<Uuid> = agreed.iter().map(|(_, person, _)| person.contact).collect();
        sqlx::query!(
            r#"
            WITH given AS (
                INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
                SELECT $1, contact_id, $3, $4, $5 FROM unnest($2::uuid[]) AS agreed (contact_id)
                RETURNING contact_id
            )
            INSERT INTO core.address_consent (organisation_id, address_id, purpose, wording, given_at)
            SELECT $1, address.id, $3, $4, $5
            FROM unnest($2::uuid[]) AS agreed (contact_id)
            JOIN core.address ON address.organisation_id = $1 AND address.contact_id = agreed.contact_id
            "#,
            organisation.0,
            &contacts,
            purpose,
            WORDING,
            now,
        )
        .execute(pool)
        .await?;
    }
    Ok(())
}

async fn group(
    pool: &PgPool,
    world: &World,
    organisation: OrganisationId,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let members: Vec<Uuid> = (0u32..)
        .zip(&world.people)
        .filter(|(number, _)| campaign.addresses(world, *number))
        .map(|(_, person)| person.contact)
        .collect();
    sqlx::query!(
        r#"
        WITH made AS (
            INSERT INTO core.contact_group (organisation_id, name, created_at) VALUES ($1, $2, $4) RETURNING id
        )
        INSERT INTO core.contact_group_member (organisation_id, group_id, contact_id)
        SELECT $1, made.id, member.id FROM made, unnest($3::uuid[]) AS member (id)
        "#,
        organisation.0,
        campaign.slug,
        &members,
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}
