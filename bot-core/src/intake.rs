//! The way in: an adapter hands over what its platform reported, and it is safe once [`Intake::receive`] returns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::adapter::{Acknowledgement, Actor, ConversationDescriptor, InboundEvent, InboundKind};
use crate::clock::{Clock, Random};
use crate::dispatcher::{is_urgent, pause};
use crate::ids::{AccountId, InboxSequence, OrganisationId};
use crate::store::account_state::StateEntry;

/// How long a person waits before the platform is told that the answer will follow. Discord closes an interaction
/// after 3 s (platform docs: Receiving and Responding); half of it is left for the way there and back.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(1500);

/// An interaction lives for 15 minutes (Discord: Receiving and Responding): so long its event is tried to be stored.
const STORING_AGAIN_AFTER: Duration = Duration::from_secs(2);
const STORING_TRIES_MAX: u32 = 420;
/// Events of one account that may wait for the store while people wait for them.
const WAITING_MAX: usize = 1000;

/// Turns a dedupe key into its digest under the organisation's key. A platform's own ids often name the chat, which
/// in a direct chat is the person; keys outlive an erasure, so they are kept as digests only.
#[derive(Clone)]
pub(crate) struct KeyDigest(pub Arc<dyn Fn(&str) -> String + Send + Sync>);

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyDigest")
    }
}

/// Takes events for one account. One writer per account, so that sequence numbers follow arrival. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    pool: PgPool,
    organisation: OrganisationId,
    account: AccountId,
    clock: Clock,
    random: Random,
    settled: Settled,
    keys: KeyDigest,
    /// Arrival order is the order of calls, also when an SDK runs its handlers as unordered tasks.
    writer: Arc<tokio::sync::Mutex<()>>,
    /// Whose turn it is among those that people wait on: first come, first served (tokio's mutex is fair).
    turn: Arc<tokio::sync::Mutex<()>>,
    waiting_room: Arc<Semaphore>,
}

/// What became of one event of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    New(InboxSequence),
    /// It was taken before: nothing happens a second time.
    Duplicate,
}

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("the event could not be stored and was not taken: {0}")]
    NotTaken(#[from] sqlx::Error),
    #[error("a dedupe key must be 1 to 200 bytes, this one has {0}")]
    BadKey(usize),
}

impl Intake {
    pub(crate) fn new(
        pool: PgPool,
        organisation: OrganisationId,
        account: AccountId,
        clock: Clock,
        random: Random,
        settled: Settled,
        keys: KeyDigest,
    ) -> Self {
        Self {
            pool,
            organisation,
            account,
            clock,
            random,
            settled,
            keys,
            writer: Arc::default(),
            turn: Arc::default(),
            waiting_room: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// Stores a batch and moves the adapter's cursor, in one transaction: either both or neither.
    ///
    /// # Errors
    /// When nothing was taken. The adapter must not move its cursor and must tell a waiting person to try again.
    pub async fn receive(
        &self,
        events: &[InboundEvent],
        cursor: Option<StateEntry>,
    ) -> Result<Vec<Receipt>, IntakeError> {
        if let Some(event) = events.iter().find(|event| !(1..=200).contains(&event.dedupe_key.len())) {
            return Err(IntakeError::BadKey(event.dedupe_key.len()));
        }
        let _one_at_a_time = self.writer.lock().await;
        let mut transaction = self.pool.begin().await?;
        let mut receipts = Vec::with_capacity(events.len());
        for event in events {
            receipts.push(self.take(&mut transaction, event).await?);
        }
        if let Some(cursor) = cursor {
            sqlx::query!(
                r#"
                INSERT INTO core.account_state (organisation_id, account_id, key, value, updated_at)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (organisation_id, account_id, key)
                DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
                "#,
                self.organisation.0,
                self.account.0,
                cursor.key,
                cursor.value,
                self.clock.now(),
            )
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(receipts)
    }

    /// Stores one event that a person is waiting on, and says what to tell the platform: handled, when the answer
    /// was given within [`ANSWER_WITHIN`]; deferred, when it will follow; try again, when it was not taken.
    /// A store that is only slow is not given up: the platform is told that the answer will follow, and the event is
    /// taken as soon as that is possible.
    pub async fn receive_interactive(&self, event: InboundEvent) -> Acknowledgement {
        let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
        let Ok(place) = Arc::clone(&self.waiting_room).try_acquire_owned() else {
            // So many that were promised an answer wait for the store: nobody else is promised one.
            return Acknowledgement::TryAgain;
        };
        let (tell, mut told) = oneshot::channel();
        let intake = self.clone();
        tokio::spawn(async move {
            let _place = place;
            intake.store_in_turn(event, tell).await;
        });
        let first_try = match tokio::time::timeout_at(deadline, &mut told).await {
            Ok(result) => result.ok(),
            Err(_) => {
                told.close();
                match told.try_recv() {
                    // It came at the very last moment.
                    Ok(result) => Some(result),
                    Err(_) => return Acknowledgement::Deferred,
                }
            }
        };
        let Some(Ok(receipts)) = first_try else { return Acknowledgement::TryAgain };
        match receipts.first() {
            Some(receipt) => self.answered(*receipt, deadline).await,
            None => Acknowledgement::Handled,
        }
    }

    /// Waits for the answer to an event that [`Intake::receive`] took: handled, when it was given by `deadline`;
    /// deferred, when it will follow. For platforms that hand over events in batches, where the batch and its
    /// cursor are stored first and then each person's wait is their own.
    pub async fn answered(&self, receipt: Receipt, deadline: tokio::time::Instant) -> Acknowledgement {
        let Receipt::New(sequence) = receipt else { return Acknowledgement::Handled };
        let settled = self.settled.wait(self.account, sequence);
        // It may have been settled between the commit and the registration of our wait.
        match self.is_settled(sequence).await {
            Ok(true) => return Acknowledgement::Handled,
            Ok(false) => {}
            Err(_) => return Acknowledgement::Deferred,
        }
        match tokio::time::timeout_at(deadline, settled).await {
            Ok(_) => Acknowledgement::Handled,
            Err(_) => Acknowledgement::Deferred,
        }
    }

    /// Stores an event once it is its turn, and tells how the first try ended. When whoever waits was told meanwhile
    /// that the answer will follow, the event is tried again until Postgres takes it, and those that came later wait
    /// behind it: a later press must not be overtaken by an earlier one.
    async fn store_in_turn(&self, event: InboundEvent, tell: oneshot::Sender<Result<Vec<Receipt>, IntakeError>>) {
        let _turn = self.turn.lock().await;
        let first = self.receive(std::slice::from_ref(&event), None).await;
        if !matches!(tell.send(first), Err(Err(IntakeError::NotTaken(_)))) {
            return;
        }
        for _ in 0..STORING_TRIES_MAX {
            pause(STORING_AGAIN_AFTER).await;
            match self.receive(std::slice::from_ref(&event), None).await {
                Ok(_) => return,
                Err(IntakeError::NotTaken(_)) => {}
                Err(IntakeError::BadKey(_)) => break,
            }
        }
        tracing::error!("An event that was promised an answer could not be stored: its sender has to repeat it");
    }

    async fn is_settled(&self, sequence: InboxSequence) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT FROM core.inbox
                WHERE organisation_id = $1 AND account_id = $2 AND sequence = $3 AND state <> 'waiting'
            ) AS "settled!"
            "#,
            self.organisation.0,
            self.account.0,
            sequence.0,
        )
        .fetch_one(&self.pool)
        .await
    }

    async fn take(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        event: &InboundEvent,
    ) -> Result<Receipt, sqlx::Error> {
        let now = self.clock.now();
        let fresh = sqlx::query!(
            r#"
            INSERT INTO core.inbox_key (organisation_id, account_id, dedupe_key, received_at)
            VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
            "#,
            self.organisation.0,
            self.account.0,
            (self.keys.0)(&event.dedupe_key),
            now,
        )
        .execute(&mut **transaction)
        .await?
        .rows_affected()
            == 1;
        if !fresh {
            return Ok(Receipt::Duplicate);
        }
        let closed = event.kind == InboundKind::Closed;
        // Whoever leaves a chat that we do not know, or no longer know since they erased themselves, leaves no trace.
        if closed && !self.knows(transaction, &event.conversation).await? {
            return Ok(Receipt::Duplicate);
        }
        let conversation = self.conversation(transaction, &event.conversation).await?;
        let address = match &event.actor {
            Some(actor) if closed => self.known_address(transaction, actor).await?,
            Some(actor) => Some(self.address(transaction, actor).await?),
            None => None,
        };
        let payload = serde_json::to_value(&event.kind).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        // Numbers are given under the account row's lock, so they follow commit order.
        let sequence = sqlx::query_scalar!(
            r#"
            WITH numbered AS (
                UPDATE core.account SET inbox_sequence = inbox_sequence + 1
                WHERE organisation_id = $1 AND id = $2
                RETURNING inbox_sequence
            )
            INSERT INTO core.inbox (organisation_id, account_id, sequence, conversation_id, address_id, kind, payload,
                                    acknowledgement, state, available_at, received_at, urgent)
            SELECT $1, $2, inbox_sequence, $3, $4, $5, $6, $7, 'waiting', $8, $8, $9 FROM numbered
            RETURNING sequence
            "#,
            self.organisation.0,
            self.account.0,
            conversation,
            address,
            event.kind.name(),
            payload,
            event.acknowledgement.as_ref(),
            now,
            is_urgent(&event.kind),
        )
        .fetch_one(&mut **transaction)
        .await?;
        Ok(Receipt::New(InboxSequence(sequence)))
    }

    async fn conversation(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        conversation: &ConversationDescriptor,
    ) -> Result<Uuid, sqlx::Error> {
        let now = self.clock.now();
        // A closed conversation that speaks to us again is open again; a direct one that a third person has entered
        // (Matrix) is a group from then on, and no place for a ballot.
        sqlx::query_scalar!(
            r#"
            INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
            VALUES ($1, $2, $3, $4, $5, 'open', $6)
            ON CONFLICT (organisation_id, account_id, platform_ref)
            DO UPDATE SET state = CASE conversation.state WHEN 'migrated' THEN 'migrated' ELSE 'open' END,
                          kind = excluded.kind, erased_at = NULL
            RETURNING id
            "#,
            self.organisation.0,
            self.random.uuid(now),
            self.account.0,
            conversation.kind.as_str(),
            conversation.platform_ref.expose(),
            now,
        )
        .fetch_one(&mut **transaction)
        .await
    }

    async fn knows(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        conversation: &ConversationDescriptor,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT FROM core.conversation
                WHERE organisation_id = $1 AND account_id = $2 AND platform_ref = $3 AND erased_at IS NULL
            ) AS "knows!"
            "#,
            self.organisation.0,
            self.account.0,
            conversation.platform_ref.expose(),
        )
        .fetch_one(&mut **transaction)
        .await
    }

    async fn known_address(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        actor: &Actor,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar!(
            "SELECT id FROM core.address WHERE organisation_id = $1 AND scheme = $2 AND path = $3",
            self.organisation.0,
            actor.address.scheme.as_str(),
            actor.address.path.expose(),
        )
        .fetch_optional(&mut **transaction)
        .await
    }

    /// The address, with a contact of its own when it is seen for the first time.
    async fn address(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        actor: &Actor,
    ) -> Result<i64, sqlx::Error> {
        if let Some(id) = self.known_address(transaction, actor).await? {
            return Ok(id);
        }
        let scheme = actor.address.scheme.as_str();
        let path = actor.address.path.expose();
        let now = self.clock.now();
        let contact = self.random.uuid(now);
        let id = sqlx::query_scalar!(
            r#"
            WITH contact AS (
                INSERT INTO core.contact (organisation_id, id, status, locale, created_at)
                VALUES ($1, $2, 'active', $5, $6)
                RETURNING id
            )
            INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
            SELECT $1, $3, $4, contact.id, $6 FROM contact
            ON CONFLICT (organisation_id, scheme, path) DO NOTHING
            RETURNING id
            "#,
            self.organisation.0,
            contact,
            scheme,
            path,
            actor.locale.map(crate::Locale::as_str),
            now,
        )
        .fetch_optional(&mut **transaction)
        .await?;
        match id {
            Some(id) => Ok(id),
            // Another account of the same platform met this person in the same instant.
            None => {
                sqlx::query!(
                    "DELETE FROM core.contact WHERE organisation_id = $1 AND id = $2",
                    self.organisation.0,
                    contact
                )
                .execute(&mut **transaction)
                .await?;
                sqlx::query_scalar!(
                    "SELECT id FROM core.address WHERE organisation_id = $1 AND scheme = $2 AND path = $3",
                    self.organisation.0,
                    scheme,
                    path,
                )
                .fetch_one(&mut **transaction)
                .await
            }
        }
    }
}

/// Who is waiting for which event to be settled, within this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled(Arc<Mutex<Waiting>>);

type Waiting = HashMap<(AccountId, InboxSequence), oneshot::Sender<()>>;

impl Settled {
    fn wait(&self, account: AccountId, sequence: InboxSequence) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who gave up waiting leave their place to the next.
        waiting.retain(|_, sender| !sender.is_closed());
        waiting.insert((account, sequence), sender);
        receiver
    }

    pub(crate) fn announce(&self, account: AccountId, sequence: InboxSequence) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(account, sequence));
        if let Some(sender) = waiting {
            // An error means that nobody waits any longer.
            let _ = sender.send(());
        }
    }
}
