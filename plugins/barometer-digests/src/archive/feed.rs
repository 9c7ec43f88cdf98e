//! The Atom feed of published editions (RFC 4287).

use std::fmt::Write as _;

use bot_core::plugin::HandlerError;
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use super::page::{Sheet, changed_at};
use super::{Answer, Visit, escape, public};
use crate::edition::store::{self, State};
use crate::rendering::dates;
use crate::words::text;

/// Editions in the feed; the archive has them all.
const EDITIONS_MAX: u32 = 20;

/// The newest published editions, the newest first. An edition's `updated` is its last correction.
///
/// # Errors
/// When the database cannot be read.
pub async fn feed(visit: &Visit<'_>) -> Result<Answer, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let states = [State::Sending, State::Sent];
    let editions = store::list(&mut sql, visit.organisation.id, &states, EDITIONS_MAX).await?;
    drop(sql);
    let changed = editions.iter().filter_map(changed_at).max();
    let (locale, language) = (visit.locale, visit.language());
    let address =
        |path: &str| escape(&format!("{}{path}{language}", visit.public_url.unwrap_or_default().trim_end_matches('/')));
    // Not the address, which may change without the feed being another.
    let own = id(format!("digests of {} in {locale}", visit.organisation.id.0).as_bytes());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{locale}\">\n\
         <id>{own}</id>\n<title>{title}</title>\n<updated>{updated}</updated>\n<author><name>{author}</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{itself}\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n",
        title = escape(&text(locale, "archive-feed-title", &[("organisation", (&visit.organisation.title).into())])),
        updated = stamp(changed.unwrap_or_default()),
        author = escape(&visit.organisation.title),
        itself = address("/digests/feed.atom"),
        page = address("/digests"),
    );
    for stored in &editions {
        let edition = &stored.edition;
        let sheet = Sheet { visit, stored, in_feed: true };
        let html = format!("{}{}{}", sheet.corrections(), sheet.introduction(), sheet.sections());
        let title = format!("{} – {}", edition.title.in_locale(locale), dates::period(locale, edition.period));
        let _ = write!(
            xml,
            "<entry>\n<id>{id}</id>\n<title>{title}</title>\n<published>{published}</published>\n\
             <updated>{updated}</updated>\n<link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n\
             <content type=\"html\">{html}</content>\n</entry>\n",
            id = id(&[stored.hash.0.as_slice(), locale.as_str().as_bytes()].concat()),
            title = escape(&title),
            published = stamp(stored.published_at.unwrap_or_default()),
            updated = stamp(changed_at(stored).unwrap_or_default()),
            page = address(&format!("/digests/{}", stored.number)),
            html = escape(&html),
        );
    }
    xml.push_str("</feed>\n");
    Ok(public(locale, "application/atom+xml; charset=utf-8", xml, changed))
}

/// A name for ever (RFC 9562, version 8), made from what is named.
fn id(name: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(name).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().urn().to_string()
}

fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use feed_rs::model::FeedType;

    use super::super::bench::{PUBLIC_URL, town, visit};
    use super::{Answer, Visit, *};

    #[tokio::test]
    async fn a_feed_reader_finds_each_edition_with_its_corrections() {
        let bench = town(731).await;
        let written = feed(&visit(&bench, Locale::Fr)).await.unwrap();
        let read = feed_rs::parser::parse(written.body.as_bytes()).unwrap();
        assert_eq!(read.feed_type, FeedType::Atom);
        assert!(read.id.starts_with("urn:uuid:") && read.language.as_deref() == Some("fr"));
        assert_eq!(read.updated, Some("2026-11-24T08:00:00Z".parse().unwrap()));
        assert!(read.links.iter().any(|link| link.href == format!("{PUBLIC_URL}/digests/feed.atom")));
        let entries: Vec<String> = read
            .entries
            .iter()
            .map(|entry| {
                let title = entry.title.as_ref().unwrap().content.as_str();
                let (published, updated) = (entry.published.unwrap(), entry.updated.unwrap());
                format!("{title} | {published} | {updated} | {}", entry.links[0].href)
            })
            .collect();
        insta::assert_snapshot!(entries.join("\n"), @"
        La lettre de l’observatoire – semaine du 16 au 22 novembre 2026 | 2026-11-22 08:00:00 UTC | 2026-11-22 08:00:00 UTC | https://crieur.example.org/digests/2
        La lettre de l’observatoire – semaine du 9 au 15 novembre 2026 | 2026-11-15 08:00:00 UTC | 2026-11-24 08:00:00 UTC | https://crieur.example.org/digests/1
        ");
        let corrected = read.entries[1].content.as_ref().unwrap().body.as_deref().unwrap();
        assert!(corrected.contains("Il fallait lire &lt;98&gt;"), "{corrected}");
        // A reader shows them elsewhere: every address is a whole one.
        assert!(corrected.contains(&format!("{PUBLIC_URL}/digests/data/barometre/3#row-14")));
        assert!(!corrected.contains("href=\"/") && !corrected.contains("<svg"), "{corrected}");
        assert_ne!(read.entries[0].id, read.entries[1].id);
    }

    #[tokio::test]
    async fn an_edition_keeps_its_id_whatever_the_address() {
        let bench = town(732).await;
        let here = visit(&bench, Locale::Fr);
        let ids = async |visit: Visit<'_>| -> Vec<String> {
            let feed = feed_rs::parser::parse(feed(&visit).await.unwrap().body.as_bytes()).unwrap();
            std::iter::once(feed.id).chain(feed.entries.into_iter().map(|entry| entry.id)).collect()
        };
        assert_eq!(ids(here).await, ids(Visit { public_url: None, ..here }).await);
        assert_ne!(ids(here).await, ids(Visit { locale: Locale::En, ..here }).await);
    }
}
