//! The contract, as Matrix keeps it.

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Acknowledgement, Adapter, Assurance, CommandMenu, ConversationDescriptor, ConversationKind,
    ConversationRef, Finding, Pacing, PollCounts, PrivateLink, RemoteIds, RemoteMediaId, RunError, SendRequest,
    Verdict,
};
use bot_core::intake::Intake;
use bot_core::message::{Capabilities, Document, Layout};
use bot_core::store::media::Media;
use bot_core::{Address, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use matrix_sdk::ruma::RoomId;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Matrix, content, html, platform, rooms, secret_file};

/// Synapse keeps transaction ids for 30 to 60 minutes (its `rest/client/transactions.py`).
const IDEMPOTENT_FOR: TimeDelta = TimeDelta::minutes(25);

#[async_trait]
impl Adapter for Matrix {
    fn platform(&self) -> Platform {
        platform()
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    fn idempotent_for(&self) -> TimeDelta {
        let recognised = self.device().map(|device| device.known.recognises_for(IDEMPOTENT_FOR, self.clock.now()));
        recognised.unwrap_or(IDEMPOTENT_FOR)
    }

    fn pacing(&self) -> Pacing {
        Pacing { account: Some(self.settings.messages()), opening: Some(self.settings.rooms()), ..Pacing::default() }
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        let settings = &self.settings;
        let files = [&settings.password_file, &settings.recovery_key_file, &settings.store_passphrase_file];
        let read = files.into_iter().filter_map(|path| secret_file::read_if_there("", path, "").ok().flatten());
        let token = self.device().and_then(|device| device.client.access_token()).map(Redacted::new);
        read.chain(token).collect()
    }

    /// A room is private while nobody but the person and the bot is in it. Asked before the device is open, what the
    /// room was when it last spoke counts.
    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities {
        let device = self.device();
        let id = RoomId::parse(conversation.platform_ref.expose()).ok();
        let room = device.zip(id).and_then(|(device, id)| device.client.get_room(&id));
        let is_direct = conversation.kind == ConversationKind::Direct;
        content::capabilities(is_direct && room.is_none_or(|room| rooms::is_private(&room)))
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        // The layout is the same in every room.
        let private = conversation.kind == ConversationKind::Direct;
        Layout::of(document, &content::capabilities(private), html::measure, seal)
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        self.receive(&intake, &stop).await
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        self.send_part(request).await
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        self.edit_part(request, sent).await
    }

    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        self.redact(conversation, sent).await
    }

    async fn pin(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        self.pin_event(conversation, sent).await
    }

    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        self.find_or_open(address).await
    }

    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        self.upload_file(media).await
    }

    /// Nothing waits on Matrix: an event is taken when the next answer is asked for.
    async fn acknowledge(&self, _: &Value, _: Acknowledgement) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn reconcile(&self, request: &SendRequest<'_>, since: DateTime<Utc>) -> Verdict<RemoteIds> {
        self.look_up(request, since).await
    }

    /// Matrix has no command menus.
    async fn publish_commands(&self, _: &[CommandMenu]) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn close_poll(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<PollCounts> {
        self.end_poll(conversation, sent).await
    }

    fn private_link(&self, _: Option<&str>) -> Option<PrivateLink> {
        let url = format!("https://matrix.to/#/{}", self.settings.user);
        Some(PrivateLink { url, carries_payload: false })
    }

    fn reports_votes(&self) -> bool {
        true
    }

    async fn moderates(&self, room: &ConversationRef, person: &Address) -> Verdict<bool> {
        self.is_moderator(room, person).await
    }

    async fn examine(&self) -> Vec<Finding> {
        self.findings().await
    }

    fn health(&self) -> AccountHealth {
        self.current_health()
    }
}
