//! The contract's side: what each verb comes down to.

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Acknowledgement, Adapter, Assurance, CommandMenu, ConversationDescriptor, ConversationKind,
    ConversationRef, Finding, Pacing, PollCounts, PrivateLink, Rate, RemoteIds, RemoteMediaId, RunError, SendRequest,
    Verdict,
};
use bot_core::intake::Intake;
use bot_core::message::layout::ButtonLimits;
use bot_core::message::{Capabilities, Document, Layout, PollLimits, TextUnit};
use bot_core::store::media::Media;
use bot_core::{Address, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use teloxide::payloads::GetChatMember;
use teloxide::types::UserId;
use tokio_util::sync::CancellationToken;

use crate::chat::ChatRef;
use crate::sending::{message_id, no_message, not_a_chat, poll_id};
use crate::words::{CAPTION_UNITS_MAX, TEXT_UNITS_MAX, measure, tellable};
use crate::{NoBot, PLATFORM, Telegram, receiving};

/// Telegram takes 100 buttons and about 10 kB of markup, neither of them documented (github.com/tginfo/
/// Telegram-Limits#228): these stay under both, and longer labels are cut by phones anyway.
const BUTTONS: ButtonLimits = ButtonLimits { count_max: 48, label_units_max: 64 };
/// Bot API: sendPoll.
const POLLS: PollLimits = PollLimits { options_max: 12, question_units_max: 300, option_units_max: 100 };

#[async_trait]
impl Adapter for Telegram {
    fn platform(&self) -> Platform {
        Platform::new(PLATFORM)
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    /// The Bot API recognises no repetition (github.com/tdlib/telegram-bot-api#126).
    fn idempotent_for(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// tdlib/telegram-bot-api, Client.cpp (`add_update` of a callback query). Messages wait for a day.
    fn presses_kept_for(&self) -> Option<TimeDelta> {
        Some(TimeDelta::seconds(150))
    }

    /// core.telegram.org/bots/faq: about 30 messages a second in all, one a second to one chat with short bursts, 20
    /// a minute to one group.
    fn pacing(&self) -> Pacing {
        let settings = &self.settings;
        let every = |span: TimeDelta, count: u32| span / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        // A bucket lets its burst through on top of its rate: together they stay within any one minute's allowance.
        let group_burst = (settings.group_messages_per_minute / 5).max(1);
        let group_rest = settings.group_messages_per_minute.saturating_sub(group_burst);
        Pacing {
            account: Some(Rate {
                burst: settings.messages_burst,
                interval: every(TimeDelta::seconds(1), settings.messages_per_second),
            }),
            conversation: Some(Rate { burst: settings.direct_messages_burst, interval: TimeDelta::seconds(1) }),
            group: Some(Rate { burst: group_burst, interval: every(TimeDelta::minutes(1), group_rest) }),
            // Nothing is asked of Telegram for that.
            opening: None,
        }
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        let Ok(bot) = &self.bot else { return Vec::new() };
        vec![Redacted::new(bot.token.expose().to_owned()), bot.token.webhook_secret()]
    }

    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities {
        Capabilities {
            text_unit: TextUnit::Utf16,
            text_units_max: TEXT_UNITS_MAX,
            caption_units_max: CAPTION_UNITS_MAX,
            buttons: Some(BUTTONS),
            pictures: true,
            files: true,
            polls: Some(POLLS),
            edits: true,
            private: conversation.kind == ConversationKind::Direct,
        }
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        Layout::of(&tellable(document), &self.capabilities(conversation), measure, seal)
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        let bot = match &self.bot {
            Ok(bot) => bot,
            Err(error) => return Err(RunError::Refused(error.to_string())),
        };
        let ended = stop.run_until_cancelled(self.receive(bot, &intake)).await;
        if ended.is_none() {
            let mut now = self.now();
            now.intake = None;
            now.health = AccountHealth::Starting;
        }
        ended.unwrap_or(Ok(()))
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        match &self.bot {
            Ok(bot) => self.send_part(bot, request).await,
            Err(error) => no_bot(error),
        }
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        match &self.bot {
            Ok(bot) => self.edit_part(bot, request, sent).await,
            Err(error) => no_bot(error),
        }
    }

    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        match &self.bot {
            Ok(bot) => self.delete_message(bot, conversation, sent).await,
            Err(error) => no_bot(error),
        }
    }

    async fn pin(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        match &self.bot {
            Ok(bot) => self.pin_message(bot, conversation, sent).await,
            Err(error) => no_bot(error),
        }
    }

    /// A person's number is their direct chat's number. Whether they have ever started the bot shows when it writes.
    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        if address.scheme.as_str() != PLATFORM {
            return Verdict::Rejected { reason: "the address belongs to another platform".to_owned() };
        }
        match address.path.expose().parse() {
            Ok(person) => Verdict::Sent(ChatRef::whole(person).described_as(ConversationKind::Direct)),
            Err(_) => Verdict::Rejected { reason: "the address is no number of a person on Telegram".to_owned() },
        }
    }

    /// Telegram stores files only with messages: the first message carries it (see `files.rs`).
    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        Verdict::Sent(Self::file_mark(media.hash))
    }

    async fn acknowledge(&self, token: &Value, acknowledgement: Acknowledgement) -> Verdict<()> {
        let bot = match &self.bot {
            Ok(bot) => bot,
            Err(error) => return no_bot(error),
        };
        match receiving::answer_press(&bot.api, token, acknowledgement).await {
            Ok(()) => Verdict::Sent(()),
            Err(failure) => failure.verdict(None),
        }
    }

    /// The Bot API lists no messages.
    async fn reconcile(&self, _: &SendRequest<'_>, _since: DateTime<Utc>) -> Verdict<RemoteIds> {
        Verdict::Unknown { reason: "Telegram does not tell a bot what it has sent".to_owned() }
    }

    async fn publish_commands(&self, menus: &[CommandMenu]) -> Verdict<()> {
        match &self.bot {
            Ok(bot) => self.publish(bot, menus).await,
            Err(error) => no_bot(error),
        }
    }

    async fn close_poll(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<PollCounts> {
        let bot = match &self.bot {
            Ok(bot) => bot,
            Err(error) => return no_bot(error),
        };
        let Some(chat) = ChatRef::of(conversation) else { return not_a_chat() };
        let Some(message) = message_id(sent) else { return no_message() };
        self.close(bot, chat, message, poll_id(sent)).await
    }

    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink> {
        let username = self.now().me.as_ref()?.username.clone();
        let url = match payload {
            Some(payload) => format!("https://t.me/{username}?start={payload}"),
            None => format!("https://t.me/{username}"),
        };
        Some(PrivateLink { url, carries_payload: true })
    }

    /// Its creator and its administrators (Bot API: getChatMember).
    async fn moderates(&self, room: &ConversationRef, person: &Address) -> Verdict<bool> {
        let bot = match &self.bot {
            Ok(bot) => bot,
            Err(error) => return no_bot(error),
        };
        let Some(chat) = ChatRef::of(room) else { return not_a_chat() };
        let Ok(user) = person.path.expose().parse() else { return Verdict::Sent(false) };
        match bot.api.call(&GetChatMember::new(chat.recipient(), UserId(user))).await {
            Ok(member) => Verdict::Sent(matches!(member["status"].as_str(), Some("creator" | "administrator"))),
            Err(failure) => failure.verdict(Some(chat)),
        }
    }

    async fn examine(&self) -> Vec<Finding> {
        self.findings().await
    }

    fn health(&self) -> AccountHealth {
        self.now().health.clone()
    }
}

/// Nothing was written, and nothing can be before somebody acts.
fn no_bot<T>(error: &NoBot) -> Verdict<T> {
    Verdict::AccountDead { reason: error.to_string() }
}
