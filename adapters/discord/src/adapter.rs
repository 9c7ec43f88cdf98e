//! The contract, each verb handed to the file that tells its story.

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Acknowledgement, Adapter, Assurance, CommandMenu, ConversationDescriptor, ConversationRef, Finding,
    Pacing, PollCounts, PrivateLink, RemoteIds, RemoteMediaId, RunError, SendRequest, Verdict,
};
use bot_core::intake::Intake;
use bot_core::message::{Capabilities, Document, Layout};
use bot_core::store::media::Media;
use bot_core::{Address, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Discord;
use crate::health::Receiving;
use crate::inbound::{self, PLATFORM};
use crate::interactions::Waiting;
use crate::limits::Limited;
use crate::payload::{self, FILE_BYTES_MAX};
use crate::rest::Call;
use crate::snowflake;

/// Discord recognises a `nonce` for "the past few minutes" (docs: Create Message) and publishes no figure.
const NONCE_KNOWN_FOR: TimeDelta = TimeDelta::minutes(2);
/// A press that nobody takes within this time has failed before the person's eyes (docs: Receiving and Responding).
const PRESSES_KEPT_FOR: TimeDelta = TimeDelta::seconds(3);

#[async_trait]
impl Adapter for Discord {
    fn platform(&self) -> Platform {
        Platform::new(PLATFORM)
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    fn idempotent_for(&self) -> TimeDelta {
        NONCE_KNOWN_FOR
    }

    fn presses_kept_for(&self) -> Option<TimeDelta> {
        Some(PRESSES_KEPT_FOR)
    }

    fn pacing(&self) -> Pacing {
        self.settings.pacing()
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        self.token.read().into_iter().collect()
    }

    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities {
        payload::capabilities(conversation)
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        payload::layout(document, conversation, seal)
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        self.receive(intake, stop).await
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        self.send_message(request).await
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        self.edit_message(request, sent).await
    }

    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        self.delete_message(conversation, sent).await
    }

    async fn pin(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        self.pin_message(conversation, sent).await
    }

    /// Discord gives back the conversation there already is.
    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        let person = address.path.expose();
        let (PLATFORM, Some(_)) = (address.scheme.as_str(), snowflake::parse(person)) else {
            return Verdict::Rejected { reason: "the address belongs to another platform".to_owned() };
        };
        let limited =
            Limited { route: "POST direct", resource: String::new(), scope: bot_core::adapter::GateScope::Route };
        let call = Call::new(Method::POST, "/users/@me/channels", limited).json(json!({ "recipient_id": person }));
        let opened = match self.rest.call(call).await {
            Ok(opened) => opened,
            Err(trouble) => return trouble.verdict(),
        };
        let Some(channel) = opened["id"].as_str().and_then(snowflake::parse) else {
            return Verdict::Unknown { reason: "the answer cannot be read".to_owned() };
        };
        // What they write from now on is looked for after a restart. Failing that, it is from their first message on.
        let before = opened["last_message_id"].as_str().and_then(snowflake::parse).unwrap_or(channel);
        if let Err(error) = self.places.meet_person(channel, person, before, self.clock.now()).await {
            tracing::warn!("A conversation on Discord could not be noted, and is noted next time: {error}");
        }
        Verdict::Sent(inbound::direct(channel))
    }

    /// On Discord a file belongs to its message: it goes out with each, and here it is only looked at.
    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        if media.content.len() > FILE_BYTES_MAX {
            let reason = format!("the file has {} bytes, Discord takes {FILE_BYTES_MAX}", media.content.len());
            return Verdict::Rejected { reason };
        }
        Verdict::Sent(RemoteMediaId(media.hash.to_string()))
    }

    async fn acknowledge(&self, token: &Value, acknowledgement: Acknowledgement) -> Verdict<()> {
        match Waiting::read(token) {
            Some(waiting) => self.interactions.acknowledge(&self.rest, &waiting, acknowledgement).await,
            None => Verdict::Rejected { reason: "this is no interaction of Discord's".to_owned() },
        }
    }

    async fn reconcile(&self, request: &SendRequest<'_>, since: DateTime<Utc>) -> Verdict<RemoteIds> {
        self.find_message(request, since).await
    }

    async fn publish_commands(&self, menus: &[CommandMenu]) -> Verdict<()> {
        self.register_commands(menus).await
    }

    async fn close_poll(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<PollCounts> {
        self.close_and_count(conversation, sent).await
    }

    /// The bot's profile, from which a message can be written. Discord's links carry nothing along.
    fn private_link(&self, _: Option<&str>) -> Option<PrivateLink> {
        let me = self.me.get()?;
        Some(PrivateLink { url: format!("https://discord.com/users/{}", me.user), carries_payload: false })
    }

    async fn moderates(&self, room: &ConversationRef, person: &Address) -> Verdict<bool> {
        match self.is_moderator(room, person).await {
            Ok(moderates) => Verdict::Sent(moderates),
            Err(trouble) => trouble.verdict(),
        }
    }

    async fn examine(&self) -> Vec<Finding> {
        self.examine_steps().await
    }

    fn health(&self) -> AccountHealth {
        if let Err(error) = self.token.read() {
            return AccountHealth::Failed { reason: error.to_string() };
        }
        let now = self.clock.now();
        if let Some(until) = self.rest.refusals.barred_until(now) {
            let reason = format!(
                "Discord refused too many requests: nothing is sent before {} UTC, so that it does not bar this \
                 machine. Look at the deliveries that failed",
                until.format("%H:%M")
            );
            return AccountHealth::Failed { reason };
        }
        match (self.health.get(), self.rest.refusals.many(now)) {
            (Receiving::Refused(reason), _) => AccountHealth::Failed { reason },
            (Receiving::Interrupted(reason), _) => AccountHealth::Impaired { reason },
            (Receiving::Starting, _) => AccountHealth::Starting,
            (Receiving::Ready, Some(count)) => AccountHealth::Degraded {
                reason: format!("Discord refused {count} requests lately: look at the deliveries that failed"),
            },
            (Receiving::Ready, None) => AccountHealth::Ready,
        }
    }
}
