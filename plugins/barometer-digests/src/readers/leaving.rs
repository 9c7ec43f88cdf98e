//! Leaving by a link: `/digests/leave/{token}`. Mail scanners and previews open links, so that looking asks and only the
//! form behind the button leaves. No account, no cookie; the token says nothing but a reader's number.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::OrganisationId;
use bot_core::plugin::{HandlerError, Purpose};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sqlx::PgConnection;
use subtle::ConstantTimeEq as _;

use super::store::{self, Place, Reader, ReaderId, State};
use super::under_way::{self, Withdrawn};
use crate::edition;
use crate::http::{Answer, Visit};
use crate::words::{Argument, text};

/// Half of the hash: guessing one takes as long as guessing a key of 128 bits.
const MAC_BYTES: usize = 16;
const TOKEN_BYTES: usize = 8 + MAC_BYTES;
/// Readers that turned out to be others are at most this far from the one that stays: they point at it directly.
const STEPS_MAX: usize = 3;

/// Where a person leaves by a link; `None` where there are no public pages. Not for rooms: whoever read along could end
/// the subscription of all.
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
pub async fn page(visit: &Visit<'_>, token: &str) -> Result<Answer, HandlerError> {
    let mut transaction = visit.pool.begin().await?;
    let Some(link) = follow(visit, &mut transaction, token).await? else { return Ok(unknown(visit)) };
    drop(transaction);
    if link.reader.state != State::Active {
        return Ok(gone(visit, &link));
    }
    let here = format!("/digests/leave/{token}");
    let about: [(&str, Argument<'_>); 1] = [("title", link.title.as_str().into())];
    let language = if visit.locale == bot_core::Locale::En { "?lang=en" } else { "" };
    let body = format!(
        "<p class=\"lead\">{lead}</p>\n<form method=\"post\" action=\"{here}{language}\">\n\
         <p><button type=\"submit\">{go}</button></p>\n</form>\n<p class=\"note\">{instead}</p>\n",
        lead = visit.say("readers-page-ask", &about),
        go = visit.say("readers-page-leave", &[]),
        instead = visit.say("readers-page-instead", &[]),
    );
    let title = text(visit.locale, "readers-page-title", &about);
    Ok(Answer::form(200, visit.locale, visit.form_page(&title, Some(&here), &body)))
}

/// Leaves: no digest any more, and their consent is withdrawn. Done twice, it says the same.
///
/// # Errors
/// Those of the database.
pub async fn leave(visit: &Visit<'_>, token: &str) -> Result<Answer, HandlerError> {
    let (organisation, now) = (visit.organisation.id, visit.now);
    let mut transaction = visit.pool.begin().await?;
    let Some(link) = follow(visit, &mut transaction, token).await? else { return Ok(unknown(visit)) };
    let id = link.reader.id;
    if store::leave(&mut transaction, organisation, id, now).await? {
        under_way::cancel_waiting(&mut transaction, organisation, id, Withdrawn::Left, now).await?;
        // What is in the outbox goes out no more either.
        if let Some(Place::Person(contact)) = link.reader.place {
            bot_core::people::withdraw_consent(&mut transaction, organisation, contact, Purpose::Digest, now).await?;
        }
    }
    transaction.commit().await?;
    Ok(gone(visit, &link))
}

fn gone(visit: &Visit<'_>, link: &Link) -> Answer {
    let about: [(&str, Argument<'_>); 1] = [("title", link.title.as_str().into())];
    let body = format!(
        "<p class=\"lead\">{}</p>\n<p>{}</p>\n",
        visit.say("readers-page-left", &about),
        visit.say("readers-page-return", &[]),
    );
    let title = text(visit.locale, "readers-page-left-title", &[]);
    Answer::form(200, visit.locale, visit.form_page(&title, None, &body))
}

fn unknown(visit: &Visit<'_>) -> Answer {
    let body = format!("<p>{}</p>\n", visit.say("readers-page-unknown", &[]));
    let title = text(visit.locale, "readers-page-unknown-title", &[]);
    Answer::form(404, visit.locale, visit.form_page(&title, None, &body))
}

/// Of two contacts who are one person, both links are that person's. A room's is nobody's, and whoever erased themselves
/// has none any more.
async fn follow(visit: &Visit<'_>, sql: &mut PgConnection, token: &str) -> Result<Option<Link>, HandlerError> {
    let organisation = visit.organisation.id;
    let Some(stored) = edition::store::definition(sql, organisation).await? else { return Ok(None) };
    let Some(id) = read(&stored.secret, token) else { return Ok(None) };
    let Some(reader) = standing_for(sql, organisation, id).await? else { return Ok(None) };
    let title = stored.definition.title.in_locale(visit.locale).to_owned();
    let is_theirs = matches!(reader.place, Some(Place::Person(_)));
    Ok(is_theirs.then_some(Link { title, reader }))
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
