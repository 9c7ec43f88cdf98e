//! One call's view of the world, and the words in which it asks for effects.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction};

use super::{
    Caller, ClosePoll, CommandCall, DeliveryView, Edit, Effect, Fetch, Fire, Note, OrganisationView, Outgoing, Purpose,
    Reply,
};
use crate::ids::{DeliveryId, Platform, PluginId};
use crate::locale::Locale;
use crate::message::{Document, MediaHash};
use crate::rooms::Views;

/// One call's view of the world: its transaction, its time, its randomness, and what it asks for.
pub struct Context {
    pub now: DateTime<Utc>,
    pub organisation: OrganisationView,
    pub plugin: PluginId,
    /// This organisation's settings, already checked against the manifest's schema.
    pub settings: Value,
    /// `None` for fires, deliveries and the operator's command line.
    pub caller: Option<Caller>,
    pub locale: Locale,
    /// Where the public pages are, without a trailing slash; `None` when the operator configured none.
    pub public_url: Option<String>,
    pub random: StdRng,
    pub(crate) views: Views,
    pub(crate) transaction: Transaction<'static, Postgres>,
    pub(crate) effects: Vec<Effect>,
}

impl Context {
    /// The transaction of this call. A plugin's SQL names its own schema only.
    pub fn sql(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Answers in the conversation the call came from. Without a caller nobody hears it.
    pub fn reply(&mut self, document: Document) {
        self.effects.push(Effect::Reply(Reply { document, ..Reply::default() }));
    }

    /// Answers under a name, so that [`Context::edit`] finds the message again.
    pub fn reply_as(&mut self, message_key: impl Into<String>, document: Document) {
        self.effects.push(Effect::Reply(Reply { document, message_key: Some(message_key.into()), ..Reply::default() }));
    }

    pub fn reply_with(&mut self, reply: Reply) {
        self.effects.push(Effect::Reply(reply));
    }

    pub fn send(&mut self, message: Outgoing) {
        self.effects.push(Effect::Send(Box::new(message)));
    }

    /// As [`Context::send`] for each of at most [`SEND_EACH_MAX`](super::SEND_EACH_MAX) messages, in few statements and as one effect. None
    /// of them may coalesce or reveal a choice.
    pub fn send_each(&mut self, messages: Vec<Outgoing>) {
        self.effects.push(Effect::SendEach { messages });
    }

    /// Writes into the ledger that the caller agreed to messages for `purpose`, in the words that were shown, and that
    /// they may be written to at the address they called from.
    pub fn give_consent(&mut self, purpose: Purpose, wording: impl Into<String>) {
        self.effects.push(Effect::Consent { purpose, wording: wording.into() });
    }

    /// The caller wants no more messages for `purpose`, on any network. What is queued of them is suppressed.
    pub fn withdraw_consent(&mut self, purpose: Purpose) {
        self.effects.push(Effect::WithdrawConsent { purpose });
    }

    /// Lets whoever owns `command` go on with the same caller, right after this call and in its transaction, as if the
    /// caller had typed it. Once a call; without a caller nothing happens.
    pub fn hand_over(&mut self, command: impl Into<String>, arguments: impl Into<String>) {
        self.effects.push(Effect::HandOver(CommandCall { name: command.into(), arguments: arguments.into() }));
    }

    /// The command that the caller was handed over to, if there is one.
    pub(crate) fn take_hand_over(&mut self) -> Option<CommandCall> {
        let place = self.effects.iter().position(|effect| matches!(effect, Effect::HandOver(_)))?;
        match self.effects.remove(place) {
            Effect::HandOver(command) => Some(command),
            _ => None,
        }
    }

    /// Tells every plugin that subscribed to notes. They hear of it soon after this commits, as [`Event::Noted`].
    ///
    /// [`Event::Noted`]: super::Event::Noted
    pub fn note(&mut self, note: Note) {
        self.effects.push(Effect::Note(note));
    }

    /// How the messages of `scope` to `subjects` stand: what this plugin sent, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliveries(&mut self, scope: &str, subjects: &[String]) -> Result<Vec<DeliveryView>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"
            SELECT delivery.id, delivery.subject, delivery.message_key, account.platform, delivery.state, delivery.reason,
                   delivery.postponed, delivery.due_at, delivery.settled_at
            FROM core.delivery
            JOIN core.account
              ON account.organisation_id = delivery.organisation_id AND account.id = delivery.account_id
            WHERE delivery.organisation_id = $1 AND delivery.plugin_id = $2 AND delivery.scope = $3
              AND delivery.subject = ANY($4) AND delivery.kind = 'send'
            ORDER BY delivery.sequence
            "#,
            self.organisation.id.0,
            self.plugin.as_str(),
            scope,
            subjects,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        let views = rows.into_iter().map(|row| DeliveryView {
            id: DeliveryId(row.id),
            subject: row.subject,
            message_key: row.message_key,
            platform: Platform::new(row.platform),
            state: row.state,
            reason: row.reason,
            postponed: row.postponed,
            due_at: row.due_at,
            settled_at: row.settled_at,
        });
        Ok(views.collect())
    }

    /// How many messages of `scope` this plugin sent, by state: what the outbox itself says, to hold one's own counts
    /// against.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delivery_counts(&mut self, scope: &str) -> Result<BTreeMap<String, u64>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"
            SELECT state, count(*) AS "count!" FROM core.delivery
            WHERE organisation_id = $1 AND plugin_id = $2 AND scope = $3 AND kind = 'send'
            GROUP BY state
            "#,
            self.organisation.id.0,
            self.plugin.as_str(),
            scope,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows.into_iter().map(|row| (row.state, row.count.unsigned_abs())).collect())
    }

    /// Replaces the latest message sent under `message_key` in the conversation; sends it anew where that message
    /// is unknown, failed or cannot be edited.
    pub fn edit(&mut self, edit: Edit) {
        self.effects.push(Effect::Edit(edit));
    }

    /// Closes the native poll sent under `message_key` in `conversation` and has it counted:
    /// [`Plugin::on_delivery`] hears the counts under `scope` and `subject`.
    pub fn close_poll(&mut self, close: ClosePoll) {
        self.effects.push(Effect::ClosePoll(close));
    }

    /// The caller's next plain text in this conversation comes to [`Plugin::on_text`] as `name`, for `within`.
    pub fn await_text(&mut self, name: impl Into<String>, within: TimeDelta) {
        self.effects.push(Effect::Await { name: name.into(), until: self.now + within });
    }

    pub fn stop_awaiting(&mut self) {
        self.effects.push(Effect::StopAwaiting);
    }

    /// Schedules a fire, or moves it when its scope and subject are already scheduled.
    pub fn schedule(&mut self, fire: Fire) {
        self.effects.push(Effect::Schedule(fire));
    }

    pub fn cancel_fire(&mut self, scope: impl Into<String>, subject: impl Into<String>) {
        self.effects.push(Effect::CancelFire { scope: scope.into(), subject: subject.into() });
    }

    /// Cancels fires and queued deliveries of `scope`: of one `subject`, or of all.
    pub fn cancel(&mut self, scope: impl Into<String>, subject: Option<String>) {
        self.effects.push(Effect::Cancel { scope: scope.into(), subject });
    }

    /// Cancels the queued messages of `scope` and `subject` that were sent under one of `message_keys`, nothing else.
    pub fn cancel_messages(&mut self, scope: impl Into<String>, subject: impl Into<String>, message_keys: Vec<String>) {
        self.effects.push(Effect::CancelMessages { scope: scope.into(), subject: subject.into(), message_keys });
    }

    /// As [`Context::cancel`], and nothing more is sent for this subject in this scope, unless it is resumed.
    pub fn stop_subject(&mut self, scope: impl Into<String>, subject: impl Into<String>) {
        self.stop_subjects(scope, vec![subject.into()]);
    }

    /// As [`Context::stop_subject`] for each of `subjects`, as one effect.
    pub fn stop_subjects(&mut self, scope: impl Into<String>, subjects: Vec<String>) {
        self.effects.push(Effect::StopSubjects { scope: scope.into(), subjects });
    }

    /// Asks the outside; [`Plugin::on_fetched`] hears what came. While a request of the same scope and subject is
    /// under way, this changes nothing.
    ///
    /// [`Plugin::on_fetched`]: super::Plugin::on_fetched
    pub fn fetch(&mut self, fetch: Fetch) {
        self.effects.push(Effect::Fetch(Box::new(fetch)));
    }

    /// Takes [`Context::stop_subject`] back. What it cancelled stays cancelled.
    pub fn resume_subject(&mut self, scope: impl Into<String>, subject: impl Into<String>) {
        self.effects.push(Effect::ResumeSubject { scope: scope.into(), subject: subject.into() });
    }

    /// Stores a picture or a file; the hash goes into a document.
    pub fn store_media(
        &mut self,
        content_type: impl Into<String>,
        file_name: impl Into<String>,
        content: Vec<u8>,
    ) -> MediaHash {
        let hash = MediaHash::of(&content);
        self.effects.push(Effect::StoreMedia {
            hash,
            content_type: content_type.into(),
            file_name: file_name.into(),
            content,
        });
        hash
    }

    /// Writes a line in the audit log. No personal data, no choice.
    pub fn audit(&mut self, action: impl Into<String>, subject: impl Into<String>, details: Value) {
        self.effects.push(Effect::Audit { action: action.into(), subject: subject.into(), details });
    }

    /// Says that the event being handled, and what awaits the caller's text, show a choice in `scope`.
    pub fn reveals_choice(&mut self, scope: impl Into<String>) {
        self.effects.push(Effect::RevealsChoice { scope: scope.into() });
    }

    /// Blanks everything the core stores that shows a choice in `scope`: events, prompts, message bodies,
    /// transcripts. Then vacuums what held them, and `tables` of the plugin's own schema.
    pub fn forget_choices(&mut self, scope: impl Into<String>, tables: &[&str]) {
        self.effects.push(Effect::ForgetChoices {
            scope: scope.into(),
            tables: tables.iter().map(|&table| table.to_owned()).collect(),
        });
    }
}
