//! What is written to the readers of one edition: one document for each way of reading, made when it is first needed.

use std::collections::BTreeMap;

use bot_core::message::{Block, Document, MediaHash};
use bot_core::plugin::{Context, HandlerError};
use serde_json::{Map, Value};

use super::integer;
use crate::edition::EntryKey;
use crate::edition::store::{StoredDefinition, StoredEdition};
use crate::readers::leaving::leave_url;
use crate::readers::store::ReaderId;
use crate::rendering::message::{Pictures, Site, message, nothing};
use crate::rendering::way::{Way, WhenEmpty};

/// The variable in which the messages of two readers of the same way differ.
const LEAVE: &str = "leave_url";

pub(super) struct Letters<'e> {
    stored: &'e StoredEdition,
    secret: Option<[u8; 32]>,
    pictures: Pictures,
    site: Site,
    /// `None`: nothing in it is for whoever reads so.
    known: BTreeMap<Way, Option<Document>>,
    nothing: BTreeMap<Way, Document>,
}

impl<'e> Letters<'e> {
    /// # Errors
    /// Those of the database.
    pub async fn read(
        cx: &mut Context,
        stored: &'e StoredEdition,
        digest: Option<&StoredDefinition>,
    ) -> Result<Self, HandlerError> {
        let site = Site { public_url: cx.public_url.clone() };
        let pictures = pictures(cx, stored.number).await?;
        let secret = digest.map(|digest| digest.secret);
        Ok(Self { stored, secret, pictures, site, known: BTreeMap::new(), nothing: BTreeMap::new() })
    }

    /// What a room that reads so gets: as [`Self::letter`], without the link by which one person leaves. Anybody in the
    /// room could end it for all.
    pub fn for_room(&mut self, way: &Way, when_empty: WhenEmpty) -> Option<Document> {
        let mut letter = self.letter(way, when_empty)?;
        let leaves = |block: &Block| matches!(block, Block::Template { markdown } if markdown.contains(LEAVE));
        letter.blocks.retain(|block| !leaves(block));
        Some(letter)
    }

    /// What whoever reads so gets. `None`: nothing, as they wish where nothing is for them.
    pub fn letter(&mut self, way: &Way, when_empty: WhenEmpty) -> Option<Document> {
        let (number, edition) = (self.stored.number, &self.stored.edition);
        if !self.known.contains_key(way) {
            let letter = message(number, edition, &self.stored.corrections, way, &self.pictures, &self.site);
            self.known.insert(way.clone(), letter);
        }
        match (self.known.get(way).cloned().flatten(), when_empty) {
            (None, WhenEmpty::SaySo) => {
                let site = &self.site;
                let said = self.nothing.entry(way.clone()).or_insert_with(|| nothing(number, edition, way, site));
                Some(said.clone())
            }
            (letter, _) => letter,
        }
    }

    /// What only this reader's message says: the link by which they leave, where there are public pages.
    pub fn variables(&self, reader: i64) -> Map<String, Value> {
        let public_url = self.site.public_url.as_deref();
        let link = self.secret.and_then(|secret| leave_url(public_url, &secret, ReaderId(reader)));
        link.map(|link| (LEAVE.to_owned(), Value::String(link))).into_iter().collect()
    }
}

async fn pictures(cx: &mut Context, number: u32) -> Result<Pictures, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT entry_key, locale, media FROM barometer_digests.chart
        WHERE organisation_id = $1 AND edition_number = $2
        "#,
        organisation.0,
        integer(number),
    )
    .fetch_all(cx.sql())
    .await?;
    let pictures = rows.into_iter().map(|row| {
        let locale = row.locale.parse().map_err(|error| HandlerError::Broken(format!("{error}")))?;
        let hash = <[u8; 32]>::try_from(row.media);
        let hash = hash.map_err(|_| HandlerError::Broken("a chart's hash is not 32 bytes".to_owned()))?;
        Ok(((EntryKey(row.entry_key), locale), MediaHash(hash)))
    });
    pictures.collect()
}
