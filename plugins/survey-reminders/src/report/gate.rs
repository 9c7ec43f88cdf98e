//! The signed link to a campaign's report, and the session it is exchanged for.
//!
//! A link carries a token of 256 random bits, of which only a digest is stored; it is good for a day, once. Looking at
//! it changes nothing, since chats and mail scanners open links: the page has a button, and the POST behind it makes
//! the exchange. The token itself is in that form, so no other site can send it. The session is a cookie for the
//! report of this campaign alone, which no script reads and no other site sends; taking links back ends sessions too.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::OrganisationId;
use bot_core::files::is_slug;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::http::{Answer, FORM_POLICY, Visit, escape};
use super::words::text;
use crate::refusal::By;
use crate::store::CampaignId;

/// How long a link is good for.
pub const LINK_HOURS: i64 = 24;
/// How long a session lasts.
pub const SESSION_HOURS: i64 = 8;
const COOKIE: &str = "crieur_report";
/// 32 bytes in base64url.
const TOKEN_CHARACTERS: usize = 43;

/// A link that was made: the only time its token is seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// Below the public address.
    pub path: String,
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARACTERS && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Where the report of a campaign is, below the public address.
pub(crate) fn path(slug: &str) -> String {
    format!("/campaigns/{slug}/report")
}

/// Makes a link to a report.
///
/// # Errors
/// Those of the database.
pub async fn issue(cx: &mut Context, campaign: CampaignId, slug: &str) -> Result<Link, HandlerError> {
    let mut bytes = [0; 32];
    cx.random.fill_bytes(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let (organisation, now) = (cx.organisation.id, cx.now);
    let expires_at = now + TimeDelta::hours(LINK_HOURS);
    sqlx::query!(
        r#"
        INSERT INTO survey_reminders.report_access (organisation_id, campaign_id, link_digest, issued_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        "#,
        organisation.0,
        campaign.0,
        digest(&token),
        now,
        expires_at,
    )
    .execute(cx.sql())
    .await?;
    By::whoever_asked(cx, None).did(cx, "campaign.report_link_made", campaign, json!({}));
    Ok(Link { path: format!("{}/link/{token}", path(slug)), expires_at })
}

/// Takes every link to a report back, and ends every session. Gives how many there were.
///
/// # Errors
/// Those of the database.
pub async fn revoke(cx: &mut Context, campaign: CampaignId) -> Result<u64, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let done = sqlx::query!(
        r#"
        UPDATE survey_reminders.report_access SET revoked_at = $3
        WHERE organisation_id = $1 AND campaign_id = $2 AND revoked_at IS NULL AND expires_at > $3
        "#,
        organisation.0,
        campaign.0,
        now,
    )
    .execute(cx.sql())
    .await?
    .rows_affected();
    By::whoever_asked(cx, None).did(cx, "campaign.report_links_revoked", campaign, json!({ "links": done }));
    Ok(done)
}

/// The page behind a link: one button. It looks nothing up and changes nothing, however often it is asked for.
pub fn link_page(visit: &Visit<'_>, slug: &str, token: &str) -> Answer {
    if !is_slug(slug) || !is_token(token) {
        return visit.unknown();
    }
    let body = format!(
        "<p class=\"lead\">{lead}</p>\n<form method=\"post\" action=\"{path}/session{language}\">\n\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\n<p><button type=\"submit\">{open}</button></p>\n</form>\n",
        lead = visit.say("report-page-open-lead", &[]),
        path = path(slug),
        language = visit.language(),
        token = escape(token),
        open = visit.say("report-page-open", &[]),
    );
    let here = format!("{}/link/{token}", path(slug));
    let page = visit.page(&text(visit.locale, "report-page-open-title", &[]), Some(&here), &body);
    Answer::html(200, visit.locale, page, FORM_POLICY)
}

/// Exchanges a link's token for a session, once. `session` are the random bytes of its cookie.
///
/// # Errors
/// Those of the database.
pub async fn exchange(visit: &Visit<'_>, slug: &str, token: &str, session: [u8; 32]) -> Result<Answer, HandlerError> {
    if !is_slug(slug) || !is_token(token) {
        return Ok(refused(visit));
    }
    let cookie = URL_SAFE_NO_PAD.encode(session);
    let expires_at = visit.now + TimeDelta::hours(SESSION_HOURS);
    let exchanged = sqlx::query!(
        r#"
        UPDATE survey_reminders.report_access AS access
        SET session_digest = $4, exchanged_at = $5, expires_at = $6
        FROM survey_reminders.campaign
        WHERE campaign.organisation_id = $1 AND campaign.slug = $2
          AND access.organisation_id = campaign.organisation_id AND access.campaign_id = campaign.id
          AND access.link_digest = $3 AND access.exchanged_at IS NULL AND access.revoked_at IS NULL
          AND access.expires_at > $5
        "#,
        visit.organisation.id.0,
        slug,
        digest(token),
        digest(&cookie),
        visit.now,
        expires_at,
    )
    .execute(visit.pool)
    .await?
    .rows_affected();
    if exchanged == 0 {
        return Ok(refused(visit));
    }
    let place = format!("{}{}", path(slug), visit.language());
    Ok(Answer::see(&place).with("set-cookie", set_cookie(visit, slug, &cookie, SESSION_HOURS * 3600)))
}

fn set_cookie(visit: &Visit<'_>, slug: &str, value: &str, seconds: i64) -> String {
    let secure = if visit.public_url.is_some_and(|url| url.starts_with("https://")) { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", path(slug))
}

/// The page for whoever has no session, or a link that no longer works.
pub(crate) fn refused(visit: &Visit<'_>) -> Answer {
    visit.plain_page(403, "report-page-refused-title", "report-page-refused-lead")
}

/// Whether the request's `Cookie` headers carry a session for the report of `slug`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn is_open(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    slug: &str,
    cookies: &[&str],
    now: DateTime<Utc>,
) -> Result<bool, HandlerError> {
    let digests: Vec<Vec<u8>> = sessions(cookies).map(digest).collect();
    if digests.is_empty() {
        return Ok(false);
    }
    let found = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM survey_reminders.report_access AS access
            JOIN survey_reminders.campaign
              ON campaign.organisation_id = access.organisation_id AND campaign.id = access.campaign_id
            WHERE access.organisation_id = $1 AND campaign.slug = $2 AND access.session_digest = ANY($3)
              AND access.revoked_at IS NULL AND access.expires_at > $4) AS "found!"
        "#,
        organisation.0,
        slug,
        &digests,
        now,
    )
    .fetch_one(sql)
    .await?;
    Ok(found)
}

/// Ends the session of the request.
///
/// # Errors
/// Those of the database.
pub async fn leave(visit: &Visit<'_>, slug: &str, cookies: &[&str]) -> Result<Answer, HandlerError> {
    if !is_slug(slug) {
        return Ok(visit.unknown());
    }
    let digests: Vec<Vec<u8>> = sessions(cookies).map(digest).collect();
    sqlx::query!(
        r#"
        UPDATE survey_reminders.report_access SET revoked_at = $3
        WHERE organisation_id = $1 AND session_digest = ANY($2) AND revoked_at IS NULL
        "#,
        visit.organisation.id.0,
        &digests,
        visit.now,
    )
    .execute(visit.pool)
    .await?;
    let page = visit.plain_page(200, "report-page-closed-title", "report-page-closed-lead");
    Ok(page.with("set-cookie", set_cookie(visit, slug, "", 0)))
}

/// The session tokens among cookies: a browser may send several headers, and old ones of the same name.
fn sessions<'c>(cookies: &'c [&str]) -> impl Iterator<Item = &'c str> {
    let pairs = cookies.iter().flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, value)| *name == COOKIE && is_token(value)).map(|(_, value)| value).take(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stage::{SLUG, Stage};

    fn cookie_of(answer: &Answer) -> String {
        let set = answer.header("set-cookie").unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_link_opens_one_session_and_looking_at_it_opens_none() {
        let stage = Stage::new(61).await;
        let link = stage.link().await;
        let token = link.path.rsplit('/').next().unwrap();
        let https = Some("https://crieur.example");
        let visit = Visit { public_url: https, ..stage.visit() };

        for _ in 0..3 {
            let page = link_page(&visit, SLUG, token);
            assert_eq!(page.status, 200);
            assert!(page.header("set-cookie").is_none());
            let body = String::from_utf8(page.body).unwrap();
            assert_eq!(body.matches("<button").count(), 1);
            assert!(body.contains(&format!("value=\"{token}\"")));
        }
        let opened = exchange(&visit, SLUG, token, [1; 32]).await.unwrap();
        assert_eq!((opened.status, opened.header("location")), (303, Some("/campaigns/barometre-2026/report")));
        let set = opened.header("set-cookie").unwrap();
        for part in ["Path=/campaigns/barometre-2026/report;", "Max-Age=28800;", "HttpOnly;", "SameSite=Strict;"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(set.ends_with("; Secure"), "{set}");
        assert!(stage.is_open(&cookie_of(&opened)).await);

        let again = exchange(&visit, SLUG, token, [2; 32]).await.unwrap();
        assert_eq!((again.status, again.header("set-cookie")), (403, None));
        let plain =
            exchange(&stage.visit(), SLUG, stage.link().await.path.rsplit('/').next().unwrap(), [3; 32]).await.unwrap();
        assert!(!plain.header("set-cookie").unwrap().contains("Secure"));
    }

    #[tokio::test]
    async fn links_and_sessions_end() {
        let stage = Stage::new(62).await;
        let token = |link: &Link| link.path.rsplit('/').next().unwrap().to_owned();

        let late = stage.link().await;
        stage.bench.clock.advance(TimeDelta::hours(LINK_HOURS));
        assert_eq!(exchange(&stage.visit(), SLUG, &token(&late), [1; 32]).await.unwrap().status, 403);

        let link = stage.link().await;
        let session = cookie_of(&exchange(&stage.visit(), SLUG, &token(&link), [2; 32]).await.unwrap());
        assert!(stage.is_open(&session).await);
        assert!(!stage.is_open(&session.replace(COOKIE, "other")).await);
        stage.bench.clock.advance(TimeDelta::hours(SESSION_HOURS));
        assert!(!stage.is_open(&session).await, "a session outlived its hours");

        let link = stage.link().await;
        let session = cookie_of(&exchange(&stage.visit(), SLUG, &token(&link), [3; 32]).await.unwrap());
        let unused = stage.link().await;
        assert_eq!(stage.revoke().await, 2);
        assert!(!stage.is_open(&session).await, "a revoked session is open");
        assert_eq!(exchange(&stage.visit(), SLUG, &token(&unused), [4; 32]).await.unwrap().status, 403);

        let link = stage.link().await;
        let session = cookie_of(&exchange(&stage.visit(), SLUG, &token(&link), [5; 32]).await.unwrap());
        let left = leave(&stage.visit(), SLUG, &[&session]).await.unwrap();
        assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
        assert!(!stage.is_open(&session).await);
    }

    #[tokio::test]
    async fn a_link_is_good_for_its_own_campaign_alone() {
        let stage = Stage::new(63).await;
        stage.campaign("autre").await;
        let link = stage.link().await;
        let token = link.path.rsplit('/').next().unwrap();
        assert_eq!(exchange(&stage.visit(), "autre", token, [1; 32]).await.unwrap().status, 403);
        let opened = exchange(&stage.visit(), SLUG, token, [1; 32]).await.unwrap();
        let cookie = cookie_of(&opened);
        let mut sql = stage.bench.pool.acquire().await.unwrap();
        let (organisation, now) = (stage.bench.organisation.id, stage.bench.clock.now());
        assert!(!is_open(&mut sql, organisation, "autre", &[&cookie], now).await.unwrap());
        for wrong in ["", "x", &"A".repeat(42), &"A".repeat(44), "../../../../../../../../../../../../etc/passwd"] {
            assert_eq!(link_page(&stage.visit(), SLUG, wrong).status, 404, "{wrong}");
            assert_eq!(exchange(&stage.visit(), SLUG, wrong, [2; 32]).await.unwrap().status, 403, "{wrong}");
        }
    }

    #[test]
    fn a_link_does_not_print_its_token() {
        let link = Link { path: "/campaigns/x/report/link/CANARY".to_owned(), expires_at: DateTime::UNIX_EPOCH };
        assert!(!format!("{link:?}").contains("CANARY"));
    }
}
