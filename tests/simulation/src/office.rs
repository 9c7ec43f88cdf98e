//! The organisers' desk and the questionnaire tool: other processes beside the service, as the command line is one.

use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow, ensure};
use bot_core::contacts::ContactSet;
use bot_core::ids::{AccountId, ContactId, OrganisationId, PluginId};
use bot_core::people::invitation;
use bot_core::plugin::{Context, OrganisationView};
use bot_core::service::Service;
use futures::TryStreamExt as _;
use sqlx::PgPool;
use survey_reminders::answers::{self, Completeness, Heard, Keys, News, Source, Who};
use survey_reminders::operations::{self, Kind, OperationError};
use survey_reminders::store::{CampaignId, RespondentKey};
use uuid::Uuid;

use crate::campaigns::Campaign;
use crate::oracle::{PlannedRow, RowState};
use crate::world::{Network, World};

const INVITATION_LIFE: chrono::TimeDelta = chrono::TimeDelta::days(60);

pub struct Office {
    service: Service,
    plugin: PluginId,
}

/// What a tool says about an answer.
pub struct Completion {
    pub campaign: CampaignId,
    pub reference: String,
    pub is_complete: bool,
    pub by_file: bool,
    pub token: Option<String>,
    pub siren: Option<String>,
}

impl Office {
    /// The desk of those who work with `plugin`.
    pub fn new(service: Service, plugin: &str) -> Result<Self> {
        Ok(Self { service, plugin: plugin.parse()? })
    }

    pub fn pool(&self) -> &PgPool {
        &self.service.core().pool
    }

    pub fn organisation(&self) -> Result<OrganisationId> {
        Ok(self.service.default_organisation()?.view.id)
    }

    pub fn organisation_view(&self) -> Result<OrganisationView> {
        Ok(self.service.default_organisation()?.view.clone())
    }

    pub async fn declare(&self, network: Network) -> Result<AccountId> {
        let platform = bot_core::Platform::new(network.as_str());
        Ok(self.service.declare_account(network.as_str(), &platform).await?.1)
    }

    pub async fn perform<T, E: std::fmt::Display>(
        &self,
        work: impl AsyncFnOnce(&mut Context) -> Result<T, E>,
    ) -> Result<T> {
        let organisation = self.service.default_organisation()?;
        let done = self.service.core().perform(organisation, &self.plugin, work).await?;
        done.map_err(|error| anyhow!("{error}"))
    }

    /// Creates a campaign and approves its plan as it stands. Says how many messages that are.
    pub async fn open(&self, campaign: &Campaign) -> Result<(CampaignId, usize)> {
        let file = campaign.file(1);
        let made = self.perform(async |cx| operations::create(cx, &file, "anne").await).await;
        let id = made.with_context(|| format!("creating {}", campaign.slug))?.id;
        Ok((id, self.approve(id).await.with_context(|| format!("approving {}", campaign.slug))?))
    }

    /// Gives a campaign the words of another version, and approves it.
    pub async fn edit(&self, campaign: &Campaign, version: u16) -> Result<usize> {
        let file = campaign.file(version);
        let edited = self.perform(async |cx| operations::edit(cx, &file, "anne").await).await;
        let id = edited.with_context(|| format!("editing {}", campaign.slug))?.id;
        self.approve(id).await
    }

    async fn approve(&self, id: CampaignId) -> Result<usize> {
        self.perform(async |cx| {
            let name = operations::propose(cx, id, Kind::Whole).await?.name();
            let approved = operations::approve(cx, id, Kind::Whole, &name, "basile").await?;
            Ok::<_, OperationError>(approved.messages)
        })
        .await
    }

    /// Invites these contacts, by a link that others hand to them. What each is to write to the bot.
    pub async fn invite(&self, contacts: Vec<Uuid>) -> Result<Vec<(Uuid, String)>> {
        let organisation = self.service.default_organisation()?;
        let now = self.service.core().clock.now();
        let who = ContactSet::These(contacts.into_iter().map(ContactId).collect());
        let mut connection = self.pool().acquire().await?;
        invitation::issue(&mut connection, organisation.view.id, now, &who, INVITATION_LIFE).await?;
        let entries = invitation::entries(&mut connection, organisation, &[], now, &who).await?;
        Ok(entries.into_iter().map(|entry| (entry.invited.contact.0, entry.command)).collect())
    }

    /// Hears of an answer. `None` when nobody of the campaign can be found for it.
    pub async fn heard(&self, completion: Completion) -> Result<Option<RespondentKey>> {
        let Completion { campaign, reference, is_complete, by_file, token, siren } = completion;
        let news = News {
            source: if by_file { Source::File } else { Source::Webhook },
            reference: reference.parse()?,
            completeness: if is_complete { Completeness::Complete } else { Completeness::Partial },
            who: Who::Keys(Keys::of(token.as_deref(), None, siren.as_deref())),
            answered_at: None,
        };
        match self.perform(async |cx| answers::heard(cx, campaign, news).await).await? {
            Heard::Matched(key) => Ok(Some(key)),
            Heard::Known => Err(anyhow!("an answer that was never told is known")),
            Heard::Unmatched(_) => Ok(None),
        }
    }

    /// Unasked messages to these contacts that are under way at this moment.
    pub async fn under_way(&self, contacts: &[Uuid]) -> Result<Vec<Uuid>> {
        let organisation = self.organisation()?;
        let ids = sqlx::query_scalar!(
            r#"
            SELECT id FROM core.delivery
            WHERE organisation_id = $1 AND contact_id = ANY($2) AND state IN ('leased', 'sending')
              AND purpose IN ('reminder', 'consultation')
            "#,
            organisation.0,
            contacts,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(ids)
    }

    /// What Postgres does by itself within minutes of the real clock, in which weeks may pass here.
    pub async fn keep_house(&self) -> Result<()> {
        sqlx::raw_sql("ANALYZE").execute(self.pool()).await?;
        Ok(())
    }

    /// Waits until every event that has come in is answered.
    pub async fn all_heard(&self) -> Result<()> {
        let organisation = self.organisation()?;
        loop {
            let waiting = sqlx::query_scalar!(
                r#"
                SELECT EXISTS (
                    SELECT FROM core.inbox WHERE organisation_id = $1 AND state = 'waiting' AND available_at <= $2
                ) AS "waiting!"
                "#,
                organisation.0,
                self.service.core().clock.now(),
            )
            .fetch_one(self.pool())
            .await?;
            if !waiting {
                return Ok(());
            }
            crate::a_moment().await;
        }
    }

    /// The next moment at which the service has something to do.
    pub async fn next_moment(
        &self,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
        let organisation = self.organisation()?;
        let next = sqlx::query_scalar!(
            r#"
            SELECT least(
                (SELECT min(available_at) FROM core.fire
                 WHERE organisation_id = $1 AND state = 'waiting' AND available_at > $2),
                (SELECT min(due_at) FROM core.delivery
                 WHERE organisation_id = $1 AND state = 'queued' AND due_at > $2),
                (SELECT min(opens_at) FROM core.gate WHERE organisation_id = $1 AND opens_at > $2),
                (SELECT min(available_at) FROM core.inbox
                 WHERE organisation_id = $1 AND state = 'waiting' AND available_at > $2)
            )
            "#,
            organisation.0,
            now,
        )
        .fetch_one(self.pool())
        .await?;
        Ok(next)
    }

    /// Every planned message, as the tables have it.
    pub async fn rows(&self, world: &World, campaigns: &[Campaign]) -> Result<Vec<PlannedRow>> {
        let organisation = self.organisation()?;
        let people: HashMap<Uuid, u32> =
            (0u32..).zip(&world.people).map(|(number, person)| (person.contact, number)).collect();
        let mut stream = sqlx::query!(
            r#"
            SELECT campaign.slug, message.step, participant.contact_id AS "contact_id!", message.earliest_at,
                   message.state, message.reason ->> 'code' AS reason, message.version
            FROM survey_reminders.planned_message AS message
            JOIN survey_reminders.campaign
              ON campaign.organisation_id = message.organisation_id AND campaign.id = message.campaign_id
            JOIN survey_reminders.participant
              ON participant.organisation_id = message.organisation_id
             AND participant.campaign_id = message.campaign_id AND participant.id = message.participant_id
            WHERE message.organisation_id = $1
            "#,
            organisation.0,
        )
        .fetch(self.pool());
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            let campaign = campaigns.iter().position(|campaign| campaign.slug == row.slug);
            let campaign = campaign.with_context(|| format!("a campaign {} that nobody made", row.slug))?;
            let step = campaigns[campaign].steps.iter().position(|step| step.key == row.step);
            rows.push(PlannedRow {
                campaign,
                step: step.with_context(|| format!("a step {} that nobody wrote", row.step))?,
                person: *people.get(&row.contact_id).context("a planned message to somebody who is not there")?,
                earliest_at: row.earliest_at,
                state: RowState::from_word(&row.state).with_context(|| format!("a state {}", row.state))?,
                reason: row.reason,
                version: u16::try_from(row.version)?,
            });
        }
        Ok(rows)
    }

    /// Deliveries by state, and what is left of answers that matched nobody.
    pub async fn deliveries(&self) -> Result<Vec<(String, i64)>> {
        let depths = bot_core::store::deliveries::depths(self.pool(), self.service.core().clock.now()).await?;
        let disabled = sqlx::query_scalar!("SELECT id FROM core.plugin WHERE state IN ('disabled', 'degraded')")
            .fetch_all(self.pool())
            .await?;
        ensure!(disabled.is_empty(), "plugins that failed: {disabled:?}");
        Ok(depths.by_state.into_iter().filter(|(_, count)| *count > 0).collect())
    }
}
