//! The very bytes of an edition, for whoever wants to check or reuse them.

use bot_core::Wording;
use bot_core::plugin::HandlerError;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::{changed_at, published};
use super::{Answer, Visit, hex, public};
use crate::edition::store;

#[derive(Serialize)]
struct Published<'e> {
    number: u32,
    period: String,
    published_at: Option<DateTime<Utc>>,
    /// Of the bytes of `canonical`.
    sha256: String,
    how_to_check: &'static str,
    /// The edition as it was approved: JSON in a string, so that no reader writes it otherwise than it was hashed.
    canonical: &'e str,
    corrections: Vec<Corrected<'e>>,
}

/// Without who wrote it, which is for editors.
#[derive(Serialize)]
struct Corrected<'e> {
    number: u32,
    written_at: DateTime<Utc>,
    words: &'e Wording,
}

/// A published edition as it was hashed, with what was corrected since; `None` when none of this number was published.
///
/// # Errors
/// When the database cannot be read.
pub async fn edition_json(visit: &Visit<'_>, number: u32) -> Result<Option<Answer>, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let Some(stored) = published(&mut sql, visit.organisation.id, number).await? else { return Ok(None) };
    let canonical = store::canonical(&mut sql, visit.organisation.id, number).await?.unwrap_or_default();
    let corrections = stored.corrections.iter().map(|correction| Corrected {
        number: correction.number,
        written_at: correction.written_at,
        words: &correction.words,
    });
    let published = Published {
        number,
        period: stored.edition.period.to_string(),
        published_at: stored.published_at,
        sha256: hex(&stored.hash.0),
        how_to_check: "sha256 is the SHA-256 of the UTF-8 bytes of canonical: jq -j .canonical FILE | sha256sum",
        canonical: &canonical,
        corrections: corrections.collect(),
    };
    let body =
        serde_json::to_string_pretty(&published).map_err(|error| HandlerError::Broken(error.to_string()))? + "\n";
    Ok(Some(public(visit.locale, "application/json", body, changed_at(&stored))))
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};

    use super::super::bench::{CORRECTED, body_of, edition, town, visit};
    use super::*;
    use crate::edition::model::Edition;

    #[tokio::test]
    async fn anybody_recomputes_the_hash_from_the_file() {
        let bench = town(721).await;
        let file = edition_json(&visit(&bench, Locale::Fr), CORRECTED).await.unwrap().unwrap();
        let file: Value = serde_json::from_str(&body_of(file)).unwrap();
        let canonical = file["canonical"].as_str().unwrap();
        assert_eq!(file["sha256"], hex(&Sha256::digest(canonical)));
        let read: Edition = serde_json::from_str(canonical).unwrap();
        assert_eq!(read.entries, edition().entries);
        assert_eq!(read.canonical().unwrap(), canonical);
        let corrections = serde_json::to_string(&file["corrections"]).unwrap();
        insta::assert_snapshot!(corrections, @r#"[{"number":1,"words":{"fr":"Il fallait lire <98> collectivités."},"written_at":"2026-11-24T08:00:00Z"}]"#);
    }
}
