//! Pictures and files, stored once by the hash of their content.

use sqlx::PgPool;

use crate::ids::OrganisationId;
use crate::message::MediaHash;

/// A stored picture or file.
#[derive(Clone, Debug)]
pub struct Media {
    pub hash: MediaHash,
    pub content_type: String,
    pub file_name: String,
    pub content: Vec<u8>,
}

/// Reads one organisation's media. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MediaStore {
    pool: PgPool,
    organisation: OrganisationId,
}

impl MediaStore {
    pub fn new(pool: PgPool, organisation: OrganisationId) -> Self {
        Self { pool, organisation }
    }

    /// The media with this hash, if it is (still) there.
    pub async fn read(&self, hash: MediaHash) -> Result<Option<Media>, sqlx::Error> {
        let row = sqlx::query!(
            "SELECT content_type, file_name, content FROM core.media WHERE organisation_id = $1 AND hash = $2",
            self.organisation.0,
            hash.0.as_slice(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Media {
            hash,
            content_type: row.content_type,
            file_name: row.file_name,
            content: row.content,
        }))
    }
}
