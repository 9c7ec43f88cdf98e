//! The list of what was published.

use std::fmt::Write as _;

use bot_core::plugin::HandlerError;
use bot_core::{OrganisationId, Wording};
use chrono::{DateTime, Datelike as _, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Answer, Visit, html};
use crate::edition::period::Period;
use crate::rendering::dates;
use crate::words::text;

/// An edition as the list names it: without its content, of which there may be hundreds.
struct Published {
    number: i32,
    title: Wording,
    period: Period,
    published_at: DateTime<Utc>,
    corrected_at: Option<DateTime<Utc>>,
}

async fn published(sql: &mut PgConnection, organisation: OrganisationId) -> Result<Vec<Published>, HandlerError> {
    let rows = sqlx::query!(
        r#"
        SELECT edition.number, content::json -> 'title' AS "title!: Json<Wording>", period,
               published_at AS "published_at!",
               (SELECT max(written_at) FROM barometer_digests.correction
                WHERE correction.organisation_id = edition.organisation_id AND edition_number = edition.number)
               AS corrected_at
        FROM barometer_digests.edition
        WHERE edition.organisation_id = $1 AND published_at IS NOT NULL
        ORDER BY edition.number DESC
        "#,
        organisation.0,
    )
    .fetch_all(sql)
    .await?;
    let read = rows.into_iter().map(|row| {
        let period: Result<Period, String> = row.period.parse();
        Ok(Published {
            number: row.number,
            title: row.title.0,
            period: period.map_err(HandlerError::Broken)?,
            published_at: row.published_at,
            corrected_at: row.corrected_at,
        })
    });
    read.collect()
}

/// The page that lists every published edition, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_page(visit: &Visit<'_>) -> Result<Answer, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let editions = published(&mut sql, visit.organisation.id).await?;
    let time_zone = visit.organisation.time_zone;
    let mut body = format!("<p class=\"lead\">{}</p>\n", visit.say("archive-list-lead", &[]));
    let mut year = None;
    for edition in &editions {
        let first_day = edition.period.first_day();
        if year != Some(first_day.year()) {
            let end = if year.is_some() { "</ul>\n" } else { "" };
            let _ = write!(body, "{end}<h2>{}</h2>\n<ul>\n", first_day.year());
            year = Some(first_day.year());
        }
        let (number, language, title) = (edition.number, visit.language(), visit.words(&edition.title));
        let period = super::escape(&dates::period(visit.locale, edition.period));
        let day = dates::day_of(visit.locale, edition.published_at, time_zone);
        let published = visit.say("archive-list-published", &[("number", number.into()), ("day", day.into())]);
        let _ = write!(body, "<li><a href=\"/digests/{number}{language}\">{title} – {period}</a>, {published}");
        if let Some(corrected_at) = edition.corrected_at {
            let day = dates::day_of(visit.locale, corrected_at, time_zone);
            let _ = write!(body, " – <strong>{}</strong>", visit.say("archive-list-corrected", &[("day", day.into())]));
        }
        body.push_str("</li>\n");
    }
    let after =
        if editions.is_empty() { visit.say("archive-list-empty", &[]) } else { visit.say("archive-list-foot", &[]) };
    let end = if year.is_some() { "</ul>\n" } else { "" };
    let _ = write!(
        body,
        "{end}<p>{after}</p>\n<p><a href=\"/digests/feed.atom{}\">{}</a></p>\n",
        visit.language(),
        visit.say("archive-feed", &[])
    );
    let changed =
        editions.iter().flat_map(|edition| [Some(edition.published_at), edition.corrected_at]).flatten().max();
    Ok(html(visit.locale, visit.page(&text(visit.locale, "archive-list-title", &[]), "/digests", &body), changed))
}

#[cfg(test)]
mod tests {
    use bot_core::plugin_bench::PluginBench;
    use bot_core::{Clock, Locale};

    use super::super::bench::{body_of, town, visit};
    use super::*;

    #[tokio::test]
    async fn published_editions_are_listed_the_newest_first_and_drafts_are_not() {
        let bench = town(711).await;
        let page = list_page(&visit(&bench, Locale::Fr)).await.unwrap();
        assert_eq!(page.header("last-modified"), Some("Tue, 24 Nov 2026 08:00:00 GMT"));
        let page = body_of(page);
        let items: Vec<&str> = page.lines().filter(|line| line.starts_with("<li>")).collect();
        insta::assert_snapshot!(items.join("\n").replace('\u{a0}', " "), @r#"
        <li><a href="/digests/2">La lettre de l’observatoire – semaine du 16 au 22 novembre 2026</a>, n° 2, publiée le 22 novembre 2026</li>
        <li><a href="/digests/1">La lettre de l’observatoire – semaine du 9 au 15 novembre 2026</a>, n° 1, publiée le 15 novembre 2026 – <strong>corrigée le 24 novembre 2026</strong></li>
        "#);
        assert!(page.contains("<h2>2026</h2>"));
    }

    #[tokio::test]
    async fn without_an_edition_the_page_says_so() {
        let start = "2026-11-22T08:00:00Z".parse().unwrap();
        let bench = PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(start), 712).await;
        let page = list_page(&visit(&bench, Locale::En)).await.unwrap();
        assert_eq!(page.header("last-modified"), None);
        let page = body_of(page);
        assert!(page.contains("No edition has been published yet."));
        assert!(!page.contains("<ul>") && !page.contains("</ul>"));
    }
}
