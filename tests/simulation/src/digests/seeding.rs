//! Puts the readers into the database as they are on the first day: people with their address, chat and consents,
//! rooms, and what each is subscribed to.

use bot_core::ids::{AccountId, OrganisationId};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::readers::{Readers, Seat, TOPICS, Topics, Wishes};
use crate::messenger::{name_of, name_of_room};

const ROWS_MAX: usize = 10_000;
/// What people were shown when they agreed.
const WORDING: &str = "Oui, envoyez-moi la lettre ici.";

/// # Errors
/// Those of the database.
pub async fn seed(
    pool: &PgPool,
    readers: &Readers,
    organisation: OrganisationId,
    accounts: [AccountId; 3],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let all: Vec<(u32, &Seat)> = (0..).zip(&readers.seats).collect();
    for chunk in all.chunks(ROWS_MAX) {
        let (rooms, people): (Vec<_>, Vec<_>) = chunk.iter().copied().partition(|(_, seat)| seat.is_room);
        places(pool, organisation, accounts, now, &people, &rooms).await?;
        persons(pool, organisation, accounts, now, &people).await?;
        let agreed =
            |which: fn(&Seat) -> bool| people.iter().filter(move |(_, seat)| which(seat)).map(|(_, seat)| seat.contact);
        consents(pool, organisation, now, "digest", agreed(|seat| seat.wishes.is_some()).collect()).await?;
        consents(pool, organisation, now, "consultation", agreed(|seat| seat.agrees_to_consultations).collect())
            .await?;
        subscriptions(pool, organisation, now, chunk).await?;
    }
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    Ok(())
}

async fn places(
    pool: &PgPool,
    organisation: OrganisationId,
    accounts: [AccountId; 3],
    now: DateTime<Utc>,
    people: &[(u32, &Seat)],
    rooms: &[(u32, &Seat)],
) -> Result<(), sqlx::Error> {
    let all = || people.iter().chain(rooms).map(|(number, seat)| (*number, *seat));
    let ids: Vec<Uuid> = all().map(|(_, seat)| seat.chat).collect();
    let of: Vec<i32> = all().map(|(_, seat)| accounts[seat.network.number()].0).collect();
    let kinds: Vec<String> = all().map(|(_, seat)| if seat.is_room { "group" } else { "direct" }.to_owned()).collect();
    let names: Vec<String> =
        all().map(|(number, seat)| if seat.is_room { name_of_room(number) } else { name_of(number) }).collect();
    sqlx::query!(
        r#"
        INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
        SELECT $1, given.*, 'open', $6 FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::text[]) AS given
        "#,
        organisation.0,
        &ids,
        &of,
        &kinds,
        &names,
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn persons(
    pool: &PgPool,
    organisation: OrganisationId,
    accounts: [AccountId; 3],
    now: DateTime<Utc>,
    people: &[(u32, &Seat)],
) -> Result<(), sqlx::Error> {
    let contacts: Vec<Uuid> = people.iter().map(|(_, seat)| seat.contact).collect();
    let zones: Vec<String> = people.iter().map(|(_, seat)| seat.zone.name().to_owned()).collect();
    let quiet: Vec<Option<serde_json::Value>> = people.iter().map(|(_, seat)| seat.quiet.stored()).collect();
    let schemes: Vec<String> = people.iter().map(|(_, seat)| seat.network.as_str().to_owned()).collect();
    let paths: Vec<String> = people.iter().map(|(number, _)| name_of(*number)).collect();
    let chats: Vec<Uuid> = people.iter().map(|(_, seat)| seat.chat).collect();
    let of: Vec<i32> = people.iter().map(|(_, seat)| accounts[seat.network.number()].0).collect();
    sqlx::query!(
        r#"
        INSERT INTO core.contact (organisation_id, id, status, locale, time_zone, quiet_hours, created_at)
        SELECT $1, given.id, 'active', 'fr', given.zone, given.quiet, $5
        FROM unnest($2::uuid[], $3::text[], $4::jsonb[]) AS given (id, zone, quiet)
        "#,
        organisation.0,
        &contacts,
        &zones,
        &quiet as &[Option<serde_json::Value>],
        now,
    )
    .execute(pool)
    .await?;
    sqlx::query!(
        r#"
        WITH given AS (
            SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::integer[])
                AS given (contact_id, scheme, path, conversation_id, account_id)
        ), known AS (
            INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
            SELECT $1, scheme, path, contact_id, $7 FROM given
            RETURNING id, scheme, path
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
    Ok(())
}

async fn consents(
    pool: &PgPool,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    purpose: &str,
    contacts: Vec<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH given AS (
            INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
            SELECT $1, contact_id, $3, $4, $5 FROM unnest($2::uuid[]) AS agreed (contact_id)
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
    Ok(())
}

/// The keys of topics, sorted as the plugin keeps them.
fn keys_of(topics: Topics) -> Vec<&'static str> {
    let chosen = TOPICS.iter().enumerate().filter(|(place, _)| topics & (1 << place) != 0);
    let mut keys: Vec<&str> = chosen.map(|(_, (key, ..))| *key).collect();
    keys.sort_unstable();
    keys
}

async fn subscriptions(
    pool: &PgPool,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    seats: &[(u32, &Seat)],
) -> Result<(), sqlx::Error> {
    let readers: Vec<(&Seat, Wishes)> = seats.iter().filter_map(|(_, seat)| Some((*seat, seat.wishes?))).collect();
    let contacts: Vec<Option<Uuid>> = readers.iter().map(|(seat, _)| (!seat.is_room).then_some(seat.contact)).collect();
    let rooms: Vec<Option<Uuid>> = readers.iter().map(|(seat, _)| seat.is_room.then_some(seat.chat)).collect();
    let column = |what: fn(&Wishes) -> &'static str| -> Vec<String> {
        readers.iter().map(|(_, wishes)| what(wishes).to_owned()).collect()
    };
    let rhythms = column(|wishes| wishes.rhythm.as_str());
    let locales = column(|wishes| if wishes.in_english { "en" } else { "fr" });
    let forms = column(|wishes| if wishes.in_full { "full" } else { "short" });
    let when_empty = column(|wishes| if wishes.says_so { "say_so" } else { "stay_silent" });
    let weekdays: Vec<i16> = readers.iter().map(|(_, wishes)| wishes.weekday.into()).collect();
    let hours: Vec<i16> = readers.iter().map(|(_, wishes)| wishes.hour.into()).collect();
    let zones: Vec<String> = readers.iter().map(|(seat, _)| seat.zone.name().to_owned()).collect();
    let topics: Vec<String> = readers.iter().map(|(_, wishes)| keys_of(wishes.topics).join(" ")).collect();
    sqlx::query!(
        r#"
        INSERT INTO barometer_digests.reader
            (organisation_id, contact_id, conversation_id, state, cadence, weekday, hour, time_zone, locale, form,
             topics, when_empty, subscribed_at)
        SELECT $1, contact_id, conversation_id, 'active', cadence, weekday, hour, time_zone, locale, form,
               string_to_array(topics, ' '), when_empty, $12
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::smallint[], $7::text[], $8::text[],
                    $9::text[], $10::text[], $11::text[])
          AS given (contact_id, conversation_id, cadence, weekday, hour, time_zone, locale, form, topics, when_empty)
        "#,
        organisation.0,
        &contacts as &[Option<Uuid>],
        &rooms as &[Option<Uuid>],
        &rhythms,
        &weekdays,
        &hours,
        &zones,
        &locales,
        &forms,
        &topics,
        &when_empty,
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}
