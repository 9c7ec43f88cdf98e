//! The way to the questionnaire where openings are counted: `/q/{campaign}/{token}`. Off unless the campaign file says
//! `redirect = true`, and said to the recipient in each message and on this page.
//!
//! Chats and mail scanners open links to preview them. So looking at the link records nothing: it shows a page with one
//! button, and the POST behind it records the first opening and leads on.

use bot_core::files::is_slug;
use bot_core::plugin::HandlerError;
use sqlx::types::Json;

use super::http::{Answer, LEADING_ON_POLICY, Visit, escape};
use super::words::text;
use crate::definition::Definition;
use crate::messages;

/// As the database has it.
const TOKEN_CHARACTERS_MAX: usize = 64;

struct Way {
    /// Who is addressed by that token now.
    participant: i64,
    campaign: i32,
    definition: Definition,
    /// The questionnaire's address for this participant.
    link: String,
}

/// Shows where the link leads. Where openings are not counted (any more) it leads on at once.
///
/// # Errors
/// When the database cannot be read.
pub async fn show(visit: &Visit<'_>, slug: &str, token: &str) -> Result<Answer, HandlerError> {
    let Some(way) = way(visit, slug, token).await? else { return Ok(unknown(visit)) };
    if !way.definition.questionnaire.redirect {
        return Ok(Answer::see(&way.link));
    }
    let title = text(visit.locale, "report-redirect-title", &[("title", way.definition.title_in(visit.locale).into())]);
    let arguments = [("host", host(&way.link).into()), ("sender", way.definition.sender.as_str().into())];
    let here = messages::link(&way.definition, token, Some("")).unwrap_or_default();
    let body = format!(
        "<p class=\"lead\">{lead}</p>\n<form method=\"post\" action=\"{here}\">\n<p><button type=\"submit\">{go}</button></p>\n\
         </form>\n",
        lead = visit.say("report-redirect-lead", &arguments),
        here = escape(&here),
        go = visit.say("report-redirect-go", &[]),
    );
    Ok(Answer::html(200, visit.locale, visit.page(&title, Some(&here), &body), LEADING_ON_POLICY))
}

/// Records the first opening and leads on to the questionnaire.
///
/// # Errors
/// Those of the database.
pub async fn open(visit: &Visit<'_>, slug: &str, token: &str) -> Result<Answer, HandlerError> {
    let Some(way) = way(visit, slug, token).await? else { return Ok(unknown(visit)) };
    if way.definition.questionnaire.redirect {
        sqlx::query!(
            r#"
            UPDATE survey_reminders.participant SET opened_at = $4
            WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3 AND opened_at IS NULL
            "#,
            visit.organisation.id.0,
            way.campaign,
            way.participant,
            visit.now,
        )
        .execute(visit.pool)
        .await?;
    }
    Ok(Answer::see(&way.link))
}

fn unknown(visit: &Visit<'_>) -> Answer {
    visit.plain_page(404, "report-redirect-unknown-title", "report-redirect-unknown-lead")
}

/// Where a token leads, by the definition that was approved: nobody is led elsewhere by an edit. Somebody who erased
/// themselves has no link any more, and the organisers have none; of two contacts who are one person both links work.
async fn way(visit: &Visit<'_>, slug: &str, token: &str) -> Result<Option<Way>, HandlerError> {
    if !is_slug(slug) || token.len() > TOKEN_CHARACTERS_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(None);
    }
    let found = sqlx::query!(
        r#"
        SELECT coalesce(participant.same_as, participant.id) AS "participant!", participant.campaign_id, approval.definition AS "definition: Json<Definition>"
        FROM survey_reminders.campaign
        JOIN survey_reminders.participant
          ON participant.organisation_id = campaign.organisation_id AND participant.campaign_id = campaign.id
        JOIN survey_reminders.approval
          ON approval.organisation_id = campaign.organisation_id AND approval.campaign_id = campaign.id
         AND approval.version = campaign.approved_version
        WHERE campaign.organisation_id = $1 AND campaign.slug = $2 AND participant.token = $3
          AND (participant.contact_id IS NOT NULL OR participant.same_as IS NOT NULL)
        ORDER BY approval.number DESC
        LIMIT 1
        "#,
        visit.organisation.id.0,
        slug,
        token,
    )
    .fetch_optional(visit.pool)
    .await?;
    Ok(found.and_then(|row| {
        let definition = row.definition.0;
        let link = messages::questionnaire_link(&definition.questionnaire, token)?;
        // The campaign file takes no other; a header holds no other either.
        let is_fine = link.starts_with("https://") && link.bytes().all(|byte| byte.is_ascii_graphic());
        is_fine.then_some(Way { participant: row.participant, campaign: row.campaign_id, definition, link })
    }))
}

/// The name of the server that a link leads to.
fn host(link: &str) -> &str {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stage::{SLUG, Stage};

    #[tokio::test]
    async fn a_preview_counts_nothing_and_a_press_counts_once() {
        let stage = Stage::new(81).await;
        stage.redirects(true).await;
        for _ in 0..2 {
            let page = show(&stage.visit(), SLUG, "tok/n-1").await.unwrap();
            assert_eq!(page.status, 200);
            let body = String::from_utf8(page.body.clone()).unwrap();
            assert!(
                body.contains("action=\"/q/barometre-2026/tok%2Fn-1\"") && body.contains("enquetes.example"),
                "{body}"
            );
            assert!(body.contains("compte que ce lien a été ouvert"), "the reader is not told");
            assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https:;"));
        }
        assert_eq!(stage.opened_at("tok/n-1").await, None);

        let first = stage.bench.clock.now();
        let led = open(&stage.visit(), SLUG, "tok/n-1").await.unwrap();
        assert_eq!((led.status, led.header("location")), (303, Some("https://enquetes.example/s?token=tok%2Fn-1")));
        assert_eq!(stage.opened_at("tok/n-1").await, Some(first));
        stage.bench.clock.advance(chrono::TimeDelta::hours(1));
        assert_eq!(open(&stage.visit(), SLUG, "tok/n-1").await.unwrap().status, 303);
        assert_eq!(stage.opened_at("tok/n-1").await, Some(first), "a second opening moved the first");
    }

    #[tokio::test]
    async fn where_openings_are_not_counted_nothing_is_recorded() {
        let stage = Stage::new(82).await;
        for answer in
            [show(&stage.visit(), SLUG, "tok/n-1").await.unwrap(), open(&stage.visit(), SLUG, "tok/n-1").await.unwrap()]
        {
            assert_eq!(
                (answer.status, answer.header("location")),
                (303, Some("https://enquetes.example/s?token=tok%2Fn-1"))
            );
        }
        assert_eq!(stage.opened_at("tok/n-1").await, None);
    }

    #[tokio::test]
    async fn an_unknown_or_endless_token_is_told_plainly() {
        let stage = Stage::new(83).await;
        stage.redirects(true).await;
        for (slug, token) in
            [(SLUG, "unknown"), (SLUG, &"x".repeat(5000)), (SLUG, "a\r\nb"), ("autre", "tok/n-1"), ("A B", "tok/n-1")]
        {
            assert_eq!(show(&stage.visit(), slug, token).await.unwrap().status, 404);
            assert_eq!(open(&stage.visit(), slug, token).await.unwrap().status, 404);
        }
    }

    #[tokio::test]
    async fn of_two_contacts_who_are_one_person_both_links_count_for_them() {
        let stage = Stage::new(85).await;
        stage.redirects(true).await;
        stage.merges("tok/n-1", "token-2").await;
        let led = open(&stage.visit(), SLUG, "tok/n-1").await.unwrap();
        assert_eq!(led.header("location"), Some("https://enquetes.example/s?token=tok%2Fn-1"));
        assert_eq!(stage.opened_at("tok/n-1").await, None);
        assert_eq!(stage.opened_at("token-2").await, Some(stage.bench.clock.now()));
    }

    #[tokio::test]
    async fn the_link_of_whoever_erased_themselves_leads_nowhere() {
        let stage = Stage::new(84).await;
        stage.redirects(true).await;
        stage.erases("tok/n-1").await;
        assert_eq!(open(&stage.visit(), SLUG, "tok/n-1").await.unwrap().status, 404);
        assert_eq!(stage.opened_at("tok/n-1").await, None);
    }
}
