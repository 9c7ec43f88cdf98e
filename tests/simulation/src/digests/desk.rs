//! The editors' desk, as the command line is one: another process beside the service. And what the judge reads of the
//! tables at the end.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use barometer_digests::archive::Visit;
use barometer_digests::edition::EntryKey;
use barometer_digests::edition::model::Content;
use barometer_digests::edition::operations;
use barometer_digests::edition::store::{State, StoredEdition};
use barometer_digests::readers::leaving;
use bot_core::Locale;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::types::Json;

use super::book::{Approved, Order, Parcel};
use super::editions::{Item, SOURCE, Treatment, Verdict, introduction};
use super::oracle::{Issue, Row, Table};
use super::readers::{Readers, Rhythm};
use super::reading;
use crate::messenger::{name_of, name_of_room};
use crate::office::Office;
use crate::oracle::RowState;

const EDITOR: Option<&str> = Some("anne");

pub struct Desk {
    pub office: Office,
    /// The seat behind each number that the plugin gave to a reader.
    seats: HashMap<i64, u32>,
}

/// What came of a treatment.
pub enum Treated {
    Approved(Approved),
    /// Left out, also because nothing is in it.
    Skipped(u16),
}

impl Desk {
    pub fn new(office: Office) -> Self {
        Self { office, seats: HashMap::new() }
    }

    pub async fn set_file(&self, file: &str) -> Result<()> {
        let version = self.office.perform(async |cx| operations::set_definition(cx, file, EDITOR).await).await;
        version.context("setting the digest file")?;
        Ok(())
    }

    /// What the sources bring.
    pub async fn put_in(&self, items: &[Item]) -> Result<()> {
        let organisation = self.office.organisation()?;
        for item in items {
            sqlx::query!(
                r#"
                INSERT INTO barometer_digests.item
                    (organisation_id, source_key, kind, title, summary, published_at, first_seen_at, news_at,
                     last_seen_at)
                VALUES ($1, $2, 'news', $3, $4, $5, $5, $5, $5)
                "#,
                organisation.0,
                SOURCE,
                item.title(),
                item.summary(),
                item.seen_at,
            )
            .execute(self.office.pool())
            .await?;
        }
        Ok(())
    }

    /// The newest editions, at most so many.
    async fn newest(&self, most: u32) -> Result<Vec<StoredEdition>> {
        self.office.perform(async |cx| operations::list(cx, most).await).await
    }

    /// Does with the newest weekly draft what the editors do with it in this week; drafts it by hand where the service
    /// has not.
    pub async fn treat(&self, week: u32, treatment: Treatment, order: impl Fn() -> Order) -> Result<Treated> {
        use barometer_digests::definition::Cadence;
        let found = self
            .newest(5)
            .await?
            .into_iter()
            .find(|edition| edition.state == State::Draft && edition.edition.period.cadence() == Cadence::Weekly);
        let draft = async || self.office.perform(async |cx| operations::draft(cx, Cadence::Weekly, EDITOR).await).await;
        let mut edition = match found {
            Some(edition) => edition,
            None => draft().await.context("drafting by hand")?,
        };
        if treatment.verdict == Verdict::DraftAgain {
            self.skip(&edition, "à refaire").await?;
            edition = draft().await.context("drafting again")?;
        }
        if treatment.verdict == Verdict::Skip || edition.edition.is_empty() {
            self.refuses_to_let_nothing_go(&edition).await?;
            self.skip(&edition, "rien à dire cette semaine").await?;
            return Ok(Treated::Skipped(number_of(&edition)));
        }
        let dropped = if treatment.drops { self.drop_one(&mut edition).await? } else { 0 };
        let text = if treatment.introduces { self.introduce(week, &mut edition).await? } else { 0 };
        let order = order();
        let (number, revision, hash) = (edition.number, edition.revision, edition.hash);
        let approved =
            self.office.perform(async |cx| operations::approve(cx, number, revision, hash, EDITOR).await).await;
        let approved = approved.with_context(|| format!("approving edition {number}"))?;
        Ok(Treated::Approved(approval(&approved, order, true, dropped, text)?))
    }

    /// An empty edition is not approved, whoever asks.
    async fn refuses_to_let_nothing_go(&self, edition: &StoredEdition) -> Result<()> {
        if edition.edition.is_empty() {
            let (number, revision, hash) = (edition.number, edition.revision, edition.hash);
            let approved =
                self.office.perform(async |cx| operations::approve(cx, number, revision, hash, EDITOR).await).await;
            ensure!(approved.is_err(), "the empty edition {number} was approved");
        }
        Ok(())
    }

    async fn skip(&self, edition: &StoredEdition, reason: &str) -> Result<()> {
        let number = edition.number;
        self.office.perform(async |cx| operations::skip(cx, number, reason, EDITOR).await).await?;
        Ok(())
    }

    /// Takes the first entry out, and in again, and the last one out for good where there is another. A revision that
    /// is gone is refused.
    async fn drop_one(&self, edition: &mut StoredEdition) -> Result<u64> {
        let (number, seen) = (edition.number, edition.revision);
        let [Some(first), Some(last)] = [edition.edition.entries.first(), edition.edition.entries.last()]
            .map(|entry| entry.map(|entry| (entry.key.clone(), bit_of(&entry.content))))
        else {
            return Ok(0);
        };
        *edition = self.drop(number, seen, &first.0).await?;
        ensure!(self.drop(number, seen, &last.0).await.is_err(), "edition {number}: an old revision was changed");
        let (revision, key) = (edition.revision, first.0.clone());
        let added =
            self.office.perform(async |cx| operations::add_entry(cx, number, revision, &key, EDITOR).await).await;
        *edition = added.context("adding an entry")?;
        if first.0 == last.0 {
            return Ok(0);
        }
        *edition = self.drop(number, edition.revision, &last.0).await?;
        Ok(last.1)
    }

    async fn drop(&self, number: u32, revision: u32, key: &EntryKey) -> Result<StoredEdition> {
        self.office.perform(async |cx| operations::drop_entry(cx, number, revision, key, EDITOR).await).await
    }

    /// Writes an introduction, and another one over it.
    async fn introduce(&self, week: u32, edition: &mut StoredEdition) -> Result<u16> {
        let number = edition.number;
        for text in 1..=2 {
            for locale in Locale::ALL {
                let (revision, words) = (edition.revision, introduction(week, text));
                *edition = self
                    .office
                    .perform(async |cx| operations::introduce(cx, number, revision, locale, &words, EDITOR).await)
                    .await?;
            }
        }
        Ok(2)
    }

    /// Editions that let themselves go, and are in nobody's book yet.
    pub async fn by_themselves(&self, known: impl Fn(u16) -> bool, order: impl Fn() -> Order) -> Result<Vec<Approved>> {
        let published = self
            .newest(6)
            .await?
            .into_iter()
            .filter(|edition| edition.state.is_published() && !known(number_of(edition)));
        published.map(|edition| approval(&edition, order(), false, 0, 0)).collect()
    }

    /// Follows a link in a message as a crawler does, then as a person who presses the button. Whether the page knew
    /// the reader.
    pub async fn leave_on_the_web(&self, token: &str, now: DateTime<Utc>) -> Result<bool> {
        let organisation = self.office.organisation_view()?;
        let visit = Visit {
            pool: self.office.pool(),
            organisation: &organisation,
            public_url: Some(super::run::PUBLIC_URL),
            locale: Locale::Fr,
        };
        let asked = leaving::page(&visit, token).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        if asked.status != 200 {
            return Ok(false);
        }
        let left = leaving::leave(&visit, token, now).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        ensure!(matches!(left.status, 200 | 303), "leaving on the web answered {}", left.status);
        Ok(true)
    }

    /// Digests and other unasked messages to a seat that are under way at this moment.
    pub async fn under_way(&self, readers: &Readers, seats: &[u32]) -> Result<Vec<Parcel>> {
        let organisation = self.office.organisation()?;
        let chats: Vec<_> = seats.iter().map(|seat| readers.seat(*seat).chat).collect();
        let names: Vec<String> = seats.iter().map(|seat| name_of(*seat)).collect();
        let ids = sqlx::query_scalar!(
            r#"
            SELECT delivery.id FROM core.delivery
            LEFT JOIN core.conversation
              ON conversation.organisation_id = delivery.organisation_id AND conversation.id = delivery.conversation_id
            WHERE delivery.organisation_id = $1 AND delivery.state IN ('leased', 'sending')
              AND delivery.purpose IN ('digest', 'consultation')
              AND (delivery.conversation_id = ANY($2) OR conversation.platform_ref = ANY($3))
            "#,
            organisation.0,
            &chats,
            &names,
        )
        .fetch_all(self.office.pool())
        .await?;
        Ok(ids.into_iter().map(Parcel::from).collect())
    }

    /// Learns which numbers the plugin gave to new readers. A number is one seat's for ever.
    pub async fn learn_readers(&mut self, readers: &Readers) -> Result<()> {
        let organisation = self.office.organisation()?;
        let after = self.seats.keys().max().copied().unwrap_or_default();
        let of_rooms: HashMap<String, u32> = (0u32..)
            .zip(&readers.seats)
            .filter(|(_, seat)| seat.is_room)
            .map(|(number, _)| (name_of_room(number), number))
            .collect();
        let rows = sqlx::query!(
            r#"
            SELECT reader.id, coalesce(conversation.platform_ref, address.path) AS "name!"
            FROM barometer_digests.reader
            LEFT JOIN core.conversation ON conversation.organisation_id = reader.organisation_id
                                       AND conversation.id = reader.conversation_id
            LEFT JOIN core.address ON address.organisation_id = reader.organisation_id
                                  AND address.contact_id = reader.contact_id
            WHERE reader.organisation_id = $1 AND reader.id > $2
              AND (conversation.id IS NOT NULL OR address.id IS NOT NULL)
            ORDER BY reader.id, address.id DESC
            "#,
            organisation.0,
            after,
        )
        .fetch_all(self.office.pool())
        .await?;
        for row in rows {
            let room = of_rooms.get(&row.name).copied();
            let seat = room.or_else(|| row.name.strip_prefix("person-")?.parse().ok());
            self.seats.insert(row.id, seat.with_context(|| format!("reader {} is nobody", row.id))?);
        }
        Ok(())
    }

    /// Every reader's digest and every edition, as the tables have them.
    pub async fn table(&self) -> Result<Table> {
        let organisation = self.office.organisation()?;
        let mut table = Table::default();
        let mut places: HashMap<String, u16> = HashMap::new();
        let mut rows = sqlx::query!(
            r#"
            SELECT reader_id, edition_number, state,
                   coalesce(reason ->> 'why', reason ->> 'code') AS reason
            FROM barometer_digests.reader_digest WHERE organisation_id = $1
            "#,
            organisation.0,
        )
        .fetch(self.office.pool());
        while let Some(row) = rows.try_next().await? {
            let Some(seat) = self.seats.get(&row.reader_id).copied() else {
                table.strangers += 1;
                continue;
            };
            let reason = row.reason.map(|reason| {
                // When a message would have been let go is not part of why it was not.
                let reason = if reason.starts_with("too late for it") { "too late for it".to_owned() } else { reason };
                let next = u16::try_from(places.len()).unwrap_or(u16::MAX);
                *places.entry(reason).or_insert(next)
            });
            let state = RowState::from_word(&row.state).with_context(|| format!("a state {}", row.state))?;
            table.rows.push(Row { seat, edition: u16::try_from(row.edition_number)?, state, reason });
        }
        table.rows.sort_unstable_by_key(|row| (row.seat, row.edition));
        let mut reasons: Vec<(String, u16)> = places.into_iter().collect();
        reasons.sort_unstable_by_key(|(_, place)| *place);
        table.reasons = reasons.into_iter().map(|(reason, _)| reason).collect();
        let editions = sqlx::query!(
            r#"
            SELECT number, state, expected, mismatch AS "mismatch: Json<serde_json::Value>"
            FROM barometer_digests.edition WHERE organisation_id = $1 ORDER BY number
            "#,
            organisation.0,
        )
        .fetch_all(self.office.pool())
        .await?;
        for edition in editions {
            table.editions.push(Issue {
                number: u16::try_from(edition.number)?,
                is_published: matches!(edition.state.as_str(), "sending" | "sent"),
                is_finished: edition.state == "sent",
                expected: edition.expected.map(usize::try_from).transpose()?,
                mismatch: edition.mismatch.map(|mismatch| mismatch.0.to_string()),
            });
        }
        Ok(table)
    }
}

fn number_of(edition: &StoredEdition) -> u16 {
    u16::try_from(edition.number).unwrap_or(u16::MAX)
}

fn bit_of(content: &Content) -> u64 {
    match content {
        Content::News(news) => reading::titles(&news.title),
        _ => 0,
    }
}

fn approval(edition: &StoredEdition, order: Order, by_hand: bool, dropped: u64, introduction: u16) -> Result<Approved> {
    let rhythm = match edition.edition.period.cadence().as_str() {
        "weekly" => Rhythm::Weekly,
        "monthly" => Rhythm::Monthly,
        other => bail!("a rhythm {other}"),
    };
    Ok(Approved {
        order,
        number: number_of(edition),
        rhythm,
        period: edition.edition.period.to_string(),
        from: edition.edition.window.from,
        until: edition.edition.window.until,
        at: edition.approved_at.with_context(|| format!("edition {} is not approved", edition.number))?,
        by_hand,
        held: edition.edition.entries.iter().fold(0, |bits, entry| bits | bit_of(&entry.content)),
        dropped,
        introduction,
    })
}
