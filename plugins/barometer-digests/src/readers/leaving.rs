//! Leaving by a link: `/digests/leave/{token}`. Mail scanners and previews open links, so that looking asks and only the
//! form behind the button leaves. No account, no cookie; the token says nothing but a reader's number. A room's link
//! leads to a page that says who ends its subscription: whoever reads along there could follow it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::OrganisationId;
use bot_core::plugin::{HandlerError, Purpose};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sqlx::PgConnection;
use subtle::ConstantTimeEq as _;

use super::store::{self, Place, Reader, ReaderId, State};
use super::under_way::{self, Withdrawn};
use crate::archive::{Visit, escape};
use crate::edition;
use crate::words::{Argument, text};

/// Half of the hash: guessing one takes as long as guessing a key of 128 bits.
const MAC_BYTES: usize = 16;
const TOKEN_BYTES: usize = 8 + MAC_BYTES;
/// Readers that turned out to be others are at most this far from the one that stays: they point at it directly.
const STEPS_MAX: usize = 3;

/// A page to be served, whichever of the two was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// 200 or 404.
    pub status: u16,
    pub html: String,
}

/// What each [`Page`] is served with: it is for nobody's cache and no search engine, and its form goes to ourselves alone.
pub const HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
    ),
];

/// Where a reader leaves by a link; `None` where there are no public pages.
pub fn leave_url(public_url: Option<&str>, secret: &[u8; 32], reader: ReaderId) -> Option<String> {
    Some(format!("{}/digests/leave/{}", public_url?, token(secret, reader)))
}

fn token(secret: &[u8; 32], reader: ReaderId) -> String {
    let number = reader.0.to_be_bytes();
    let mut bytes = number.to_vec();
    bytes.extend_from_slice(&mac(secret, number));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn mac(secret: &[u8; 32], number: [u8; 8]) -> [u8; MAC_BYTES] {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length fits");
    mac.update(b"leave\0");
    mac.update(&number);
    let mut half = [0; MAC_BYTES];
    half.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
    half
}

fn read(secret: &[u8; 32], token: &str) -> Option<ReaderId> {
    // Longer than any of ours: not worth decoding.
    if token.len() > TOKEN_BYTES * 2 {
        return None;
    }
    let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (number, given) = bytes.split_first_chunk::<8>()?;
    bool::from(mac(secret, *number).ct_eq(given)).then(|| ReaderId(i64::from_be_bytes(*number)))
}

/// Whose link it is: the digest's title, and the reader who stands for that person now.
struct Link {
    title: String,
    reader: Reader,
}

/// Asks. Looking changes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(visit: &Visit<'_>, token: &str) -> Result<Page, HandlerError> {
    let mut transaction = visit.pool.begin().await?;
    let link = follow(visit, &mut transaction, token).await?;
    transaction.rollback().await?;
    let Some(link) = link else { return Ok(unknown(visit)) };
    if let Some(Place::Room(_)) = link.reader.place {
        return Ok(told(visit, token, &link, "readers-page-room"));
    }
    if link.reader.state != State::Active {
        return Ok(told(visit, token, &link, "readers-page-left"));
    }
    let here = path(token);
    let about: [(&str, Argument<'_>); 1] = [("title", link.title.as_str().into())];
    let body = format!(
        "<p class=\"lead\">{lead}</p>\n<form method=\"post\" action=\"{action}{language}\">\n\
         <p><button type=\"submit\">{go}</button></p>\n</form>\n<p class=\"note\">{instead}</p>\n",
        action = escape(&here),
        language = visit.language(),
        lead = visit.say("readers-page-ask", &about),
        go = visit.say("readers-page-leave", &[]),
        instead = visit.say("readers-page-instead", &[]),
    );
    let title = text(visit.locale, "readers-page-title", &about);
    Ok(Page { status: 200, html: visit.page(&title, &here, &body) })
}

/// Leaves: no digest any more, and their consent is withdrawn. Done twice, it says the same.
///
/// # Errors
/// Those of the database.
pub async fn leave(visit: &Visit<'_>, token: &str, now: DateTime<Utc>) -> Result<Page, HandlerError> {
    let organisation = visit.organisation.id;
    let mut transaction = visit.pool.begin().await?;
    let Some(link) = follow(visit, &mut transaction, token).await? else { return Ok(unknown(visit)) };
    let Some(Place::Person(contact)) = link.reader.place else {
        return Ok(told(visit, token, &link, "readers-page-room"));
    };
    let id = link.reader.id;
    if store::leave(&mut transaction, organisation, id, now).await? {
        under_way::cancel_waiting(&mut transaction, organisation, id, Withdrawn::Left, now).await?;
        // What is in the outbox goes out no more either.
        bot_core::people::withdraw_consent(&mut transaction, organisation, contact, Purpose::Digest, now).await?;
    }
    transaction.commit().await?;
    Ok(told(visit, token, &link, "readers-page-left"))
}

fn path(token: &str) -> String {
    format!("/digests/leave/{token}")
}

/// A page of a title and two sentences.
fn told(visit: &Visit<'_>, token: &str, link: &Link, id: &str) -> Page {
    let about: [(&str, Argument<'_>); 1] = [("title", link.title.as_str().into())];
    let body = format!(
        "<p class=\"lead\">{}</p>\n<p>{}</p>\n",
        visit.say(id, &about),
        visit.say(&format!("{id}-then"), &about),
    );
    let title = text(visit.locale, &format!("{id}-title"), &about);
    Page { status: 200, html: visit.page(&title, &path(token), &body) }
}

fn unknown(visit: &Visit<'_>) -> Page {
    let body = format!("<p>{}</p>\n", visit.say("readers-page-unknown", &[]));
    let title = text(visit.locale, "readers-page-unknown-title", &[]);
    // What was asked for is nothing of ours: it is not repeated.
    Page { status: 404, html: visit.page(&title, &path("unknown"), &body) }
}

/// Of two contacts who are one person, both links are that person's. Whoever erased themselves has none any more.
async fn follow(visit: &Visit<'_>, sql: &mut PgConnection, token: &str) -> Result<Option<Link>, HandlerError> {
    let organisation = visit.organisation.id;
    let Some(stored) = edition::store::definition(sql, organisation).await? else { return Ok(None) };
    let Some(id) = read(&stored.secret, token) else { return Ok(None) };
    let Some(reader) = standing_for(sql, organisation, id).await? else { return Ok(None) };
    let title = stored.definition.title.in_locale(visit.locale).to_owned();
    Ok(reader.place.is_some().then_some(Link { title, reader }))
}

async fn standing_for(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    mut id: ReaderId,
) -> Result<Option<Reader>, HandlerError> {
    for _ in 0..STEPS_MAX {
        match store::find_by_id(sql, organisation, id).await? {
            Some(Reader { same_as: Some(other), .. }) => id = other,
            reader => return Ok(reader),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use proptest::prelude::*;

    use super::*;
    use crate::readers::bench::{Citizen, SECRET, Town};

    async fn link_of(citizen: &Citizen<'_>) -> String {
        token(&SECRET, citizen.reader().await.id)
    }

    async fn subscribed(town: &Town) -> Citizen<'_> {
        let mut citizen = town.citizen();
        citizen.sends("abonner").await;
        citizen.taps("Je m’abonne").await;
        citizen
    }

    fn body(page: &Page) -> String {
        page.html.replace(['\u{a0}', '\u{202f}'], " ")
    }

    async fn leaves(town: &Town, token: &str) -> Page {
        leave(&town.visit(), token, town.bench.clock.now()).await.unwrap()
    }

    #[tokio::test]
    async fn looking_asks_and_only_the_button_leaves() {
        let town = Town::new(21).await;
        let citizen = subscribed(&town).await;
        town.publishes(1, "2026-W48").await;
        town.digest(&citizen.reader().await, 1, "waiting").await;
        let link = link_of(&citizen).await;
        for locale in Locale::ALL {
            let asked = page(&Visit { locale, ..town.visit() }, &link).await.unwrap();
            assert_eq!(asked.status, 200);
            let language = if locale == Locale::En { "?lang=en" } else { "" };
            let form = format!("<form method=\"post\" action=\"/digests/leave/{link}{language}\">");
            assert!(body(&asked).contains(&form), "{}", body(&asked));
        }
        assert_eq!(citizen.reader().await.state, State::Active);
        let done = leaves(&town, &link).await;
        let reader = citizen.reader().await;
        assert_eq!((done.status, reader.state), (200, State::Left));
        assert!(body(&done).contains("Vous ne recevrez plus « La lettre de l’observatoire »."), "{}", body(&done));
        assert_eq!(town.digests().await, ["r1 2026-W48 cancelled left"]);

        town.bench.clock.advance(chrono::TimeDelta::hours(1));
        assert_eq!(leaves(&town, &link).await, done);
        assert_eq!(page(&town.visit(), &link).await.unwrap(), done);
        assert_eq!(citizen.reader().await.left_at, reader.left_at, "leaving twice moved the first time");
    }

    #[tokio::test]
    async fn the_consent_is_withdrawn_and_what_is_queued_goes_out_no_more() {
        let town = Town::new(22).await;
        let citizen = subscribed(&town).await;
        let (organisation, contact) = (town.bench.organisation.id.0, citizen.caller.contact.0);
        let now = town.bench.clock.now();
        sqlx::query!(
            "INSERT INTO core.contact (organisation_id, id, status, created_at) VALUES ($1, $2, 'active', $3)",
            organisation,
            contact,
            now
        )
        .execute(&town.bench.pool)
        .await
        .unwrap();
        sqlx::query!(
            r#"
            INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
            VALUES ($1, $2, 'digest', 'oui', $3), ($1, $2, 'reminder', 'oui', $3)
            "#,
            organisation,
            contact,
            now,
        )
        .execute(&town.bench.pool)
        .await
        .unwrap();
        leaves(&town, &link_of(&citizen).await).await;
        let left = sqlx::query_scalar!("SELECT purpose FROM core.consent WHERE withdrawn_at IS NULL")
            .fetch_all(&town.bench.pool)
            .await
            .unwrap();
        assert_eq!(left, ["reminder"]);
    }

    #[tokio::test]
    async fn a_link_that_is_no_persons_says_how_to_leave_in_chat() {
        let town = Town::new(23).await;
        let citizen = subscribed(&town).await;
        let id = citizen.reader().await.id;
        let room = town.bench.room("salon", false, false).await;
        let mut organiser = town.organiser();
        organiser.goes_to(&room);
        organiser.sends("abonner").await;
        organiser.taps("Abonner ce salon").await;
        let room = town.reader(Place::Room(room.id)).await.unwrap();
        let (good, of_room) = (token(&SECRET, id), token(&SECRET, room.id));
        let wrong = [
            String::new(),
            "x".repeat(9000),
            good[1..].to_owned(),
            format!("{good}A"),
            token(&[1; 32], id),
            token(&SECRET, ReaderId(99)),
            "é/../<script>".to_owned(),
        ];
        for token in &wrong {
            let looked = page(&town.visit(), token).await.unwrap();
            let left = leaves(&town, token).await;
            assert_eq!((looked.status, left.status), (404, 404), "{token:?}");
            assert!(body(&left).contains("écrivez /desabonner, ou le mot STOP"), "{}", body(&left));
            assert!(!left.html.contains("<script>") && left.html.len() < 3000, "what was asked for is repeated");
        }
        let left = leaves(&town, &of_room).await;
        assert_eq!((left.status, &left), (200, &page(&town.visit(), &of_room).await.unwrap()));
        assert!(body(&left).contains("un modérateur"), "{}", body(&left));
        assert_eq!(
            (citizen.reader().await.state, town.reader(room.place.unwrap()).await.unwrap().state),
            (State::Active, State::Active)
        );
        town.erases(citizen.caller.contact).await;
        assert_eq!(leaves(&town, &good).await.status, 404);
    }

    #[tokio::test]
    async fn of_two_contacts_who_are_one_person_both_links_leave() {
        let town = Town::new(24).await;
        let (kept, joiner) = (subscribed(&town).await, subscribed(&town).await);
        let link = link_of(&joiner).await;
        town.merges(kept.caller.contact, joiner.caller.contact).await;
        let last = subscribed(&town).await;
        town.merges(last.caller.contact, kept.caller.contact).await;
        assert_eq!(leaves(&town, &link).await.status, 200);
        assert_eq!(last.reader().await.state, State::Left);
    }

    #[test]
    fn a_link_is_there_only_with_public_pages() {
        let url = leave_url(Some("https://crieur.example"), &SECRET, ReaderId(7)).unwrap();
        let token = url.strip_prefix("https://crieur.example/digests/leave/").unwrap();
        assert_eq!((token.len(), read(&SECRET, token)), (32, Some(ReaderId(7))));
        assert_eq!(leave_url(None, &SECRET, ReaderId(7)), None);
    }

    proptest! {
        #[test]
        fn no_other_token_is_read(number in any::<i64>(), place in 0_usize..32, sign in "[A-Za-z0-9_-]") {
            let good = token(&SECRET, ReaderId(number));
            prop_assert_eq!(read(&SECRET, &good), Some(ReaderId(number)));
            let mut other = good.clone();
            other.replace_range(place..=place, &sign);
            prop_assert_eq!(read(&SECRET, &other).is_some(), other == good);
        }
    }
}
