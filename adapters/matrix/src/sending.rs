//! Sending: one event a call. The transaction id is the part's key, which the homeserver recognises for this device.

use bot_core::Address;
use bot_core::adapter::{
    ConversationDescriptor, ConversationKind, ConversationRef, RemoteIds, RemoteMediaId, SendRequest, Verdict,
};
use bot_core::store::account_state::StateEntry;
use bot_core::store::media::Media;
use chrono::{DateTime, TimeDelta, Utc};
use matrix_sdk::room::MessagesOptions;
use matrix_sdk::ruma::events::MessageLikeEventType;
use matrix_sdk::ruma::{OwnedTransactionId, RoomId, UInt, UserId};
use matrix_sdk::{Client, Error, Room, RoomState};
use serde_json::Value;

use crate::content::{self, Content, PART, Uploaded};
use crate::polls::event_id;
use crate::receiving::{id_of, json_of};
use crate::verdict::Failure;
use crate::{Matrix, platform, rooms};

/// While the device is not open here, nothing can be sent; it opens in seconds, or a person has to act.
const OPENS_WITHIN: TimeDelta = TimeDelta::seconds(5);
/// The account's memory of the direct rooms that it made, by the person.
const OPENED: &str = "opened/";
const PAGE_EVENTS: u32 = 100;
const PAGES_MAX: usize = 20;
/// The homeserver's clock and ours.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(10);

/// Why a call about a room ends before it begins.
pub(crate) enum NoRoom {
    NotOpen,
    Unknown,
    Left,
    Alone,
    Moved(ConversationDescriptor),
    NotLetIn,
}

impl NoRoom {
    pub(crate) fn cast<T>(self) -> Verdict<T> {
        let stopped = |reason: &str| Verdict::RecipientStopped { reason: reason.into() };
        match self {
            Self::NotOpen => {
                Verdict::Throttled { after: OPENS_WITHIN, scope: Some(bot_core::adapter::GateScope::Account) }
            }
            Self::Unknown => stopped("the bot was never in that room"),
            Self::Left => stopped("the bot is no longer in that room"),
            Self::Alone => stopped("the person has left the room"),
            Self::Moved(to) => Verdict::Moved { to },
            Self::NotLetIn => Verdict::Retry {
                reason: "the room was upgraded, and the bot waits for an invitation to its successor".into(),
            },
        }
    }
}

impl Matrix {
    pub(crate) fn client(&self) -> Result<Client, NoRoom> {
        self.device().map(|device| device.client.clone()).ok_or(NoRoom::NotOpen)
    }

    /// The room of a conversation, if something can be sent there.
    pub(crate) fn room(&self, conversation: &ConversationRef) -> Result<Room, NoRoom> {
        let client = self.client()?;
        let id = RoomId::parse(conversation.platform_ref.expose()).map_err(|_| NoRoom::Unknown)?;
        let room = client.get_room(&id).ok_or(NoRoom::Unknown)?;
        if let Some(successor) = room.successor_room() {
            return match client.get_room(&successor.room_id) {
                Some(new) if new.state() == RoomState::Joined => {
                    // Just joined, its members may not be counted yet: it is what it was.
                    Err(NoRoom::Moved(ConversationDescriptor { kind: conversation.kind, ..rooms::descriptor(&new) }))
                }
                _ => Err(NoRoom::NotLetIn),
            };
        }
        match room.state() {
            // None is counted in a room that the homeserver has only just made for us.
            RoomState::Joined if conversation.kind == ConversationKind::Direct && room.active_members_count() == 1 => {
                Err(NoRoom::Alone)
            }
            RoomState::Joined => Ok(room),
            _ => Err(NoRoom::Left),
        }
    }

    pub(crate) fn failure(&self, error: &Error) -> Failure {
        Failure::of(error, self.clock.now())
    }

    /// Puts one event into a room, encrypted where the room is.
    pub(crate) async fn put_event(
        &self,
        room: &Room,
        event_type: &'static str,
        content: &Value,
        transaction: &str,
    ) -> Result<String, Failure> {
        let transaction = OwnedTransactionId::from(transaction);
        let sent = Box::pin(room.send_raw(event_type, content.clone()).with_transaction_id(&transaction).into_future());
        match sent.await {
            Ok(sent) => Ok(sent.response.event_id.to_string()),
            Err(error) => Err(match self.failure(&error) {
                Failure::Forbidden if may_not_speak(room).await => {
                    Failure::Refused("the room does not let the bot write: give it the right to".into())
                }
                failure => failure,
            }),
        }
    }

    pub(crate) async fn send_part(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let room = match self.room(request.conversation) {
            Ok(room) => room,
            Err(why) => return why.cast(),
        };
        let key = request.idempotency_key();
        let Ok(Content { event_type, content }) = content::of(request.part, request.media, &key) else {
            return Verdict::Rejected { reason: "the part's file was not uploaded".into() };
        };
        match self.put_event(&room, event_type, &content, &key).await {
            Ok(event) => Verdict::Sent(RemoteIds(vec![event])),
            Err(failure) => failure.in_room(),
        }
    }

    pub(crate) async fn edit_part(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let room = match self.room(request.conversation) {
            Ok(room) => room,
            Err(why) => return why.cast(),
        };
        let key = request.idempotency_key();
        let earlier = sent.0.first().map(String::as_str).unwrap_or_default();
        let Some(Content { event_type, content }) = content::replacement(request.part, earlier, &key) else {
            return Verdict::Rejected { reason: "only text can be replaced".into() };
        };
        match self.put_event(&room, event_type, &content, &key).await {
            Ok(_) => Verdict::Sent(sent.clone()),
            Err(failure) => failure.in_room(),
        }
    }

    pub(crate) async fn redact(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let room = match self.room(conversation) {
            Ok(room) => room,
            // Where nothing can be written, nothing can be removed.
            Err(why) => return why.cast(),
        };
        let Some(event) = event_id(sent) else { return Verdict::Sent(()) };
        let transaction = OwnedTransactionId::from(format!("redact{event}"));
        match room.redact(&event, None, Some(transaction)).await {
            Ok(_) => Verdict::Sent(()),
            Err(error) => match Failure::of_http(&error, self.clock.now()) {
                Failure::NotFound => Verdict::Sent(()),
                failure => failure.in_room(),
            },
        }
    }

    pub(crate) async fn pin_event(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let (room, event) = match (self.room(conversation), event_id(sent)) {
            (Ok(room), Some(event)) => (room, event),
            (Err(why), _) => return why.cast(),
            (_, None) => return Verdict::Rejected { reason: "there is no such message".into() },
        };
        match room.pin_event(&event).await {
            Ok(_) => Verdict::Sent(()),
            Err(error) => match self.failure(&error) {
                Failure::Forbidden => Verdict::Rejected {
                    reason: "the room does not let the bot pin messages: give it the right to".into(),
                },
                failure => failure.in_room(),
            },
        }
    }

    pub(crate) async fn find_or_open(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        let user = match UserId::parse(address.path.expose()) {
            Ok(user) if address.scheme == platform() => user,
            _ => return Verdict::Rejected { reason: "the address is not one of Matrix".into() },
        };
        let client = match self.client() {
            Ok(client) => client,
            Err(why) => return why.cast(),
        };
        let direct = |room: &Room| {
            Verdict::Sent(ConversationDescriptor { kind: ConversationKind::Direct, ..rooms::descriptor(room) })
        };
        // A room just made is in no answer of the homeserver's yet: our own memory has it.
        let key = format!("{OPENED}{user}");
        let made = match self.state.get(&key).await {
            Ok(made) => made.as_ref().and_then(Value::as_str).and_then(|room| RoomId::parse(room).ok()),
            Err(error) => return Verdict::Retry { reason: error.to_string() },
        };
        let mut was_left = false;
        for room in client.joined_rooms() {
            if room.is_tombstoned() || !rooms::is_direct(&room) {
                continue;
            }
            let is_made = made.as_deref() == Some(room.room_id());
            let is_meant = is_made || room.direct_targets().iter().any(|target| target.as_str() == user.as_str());
            match room.get_member_no_sync(&user).await.ok().flatten().map(|member| member.membership().clone()) {
                Some(membership) if is_there(&membership) => return direct(&room),
                None if is_made => return direct(&room),
                Some(_) if is_meant => was_left = true,
                _ => {}
            }
        }
        if was_left {
            return Verdict::RecipientStopped { reason: "the person has left the direct room".into() };
        }
        match client.create_dm(&user).await {
            Ok(room) => {
                let entry = StateEntry {
                    owner: Some(user.to_string()),
                    ..StateEntry::new(key, room.room_id().as_str().into())
                };
                if let Err(error) = self.state.put(&[entry]).await {
                    tracing::warn!("A direct room was made, but not noted down: {error}");
                }
                direct(&room)
            }
            Err(error) => match self.failure(&error) {
                Failure::Forbidden | Failure::NotFound => {
                    Verdict::RecipientStopped { reason: "the person's server does not let the bot invite them".into() }
                }
                failure => failure.on_route(),
            },
        }
    }

    /// An encrypted copy, once for all recipients; see [`Uploaded`].
    pub(crate) async fn upload_file(&self, media: &Media) -> Verdict<RemoteMediaId> {
        let client = match self.client() {
            Ok(client) => client,
            Err(why) => return why.cast(),
        };
        let mut content = media.content.as_slice();
        let uploaded = client.upload_encrypted_file(&mut content).await;
        let file = match uploaded {
            Ok(file) => serde_json::to_value(file),
            Err(error) => return self.failure(&error).on_route(),
        };
        match file.ok().and_then(|file| Uploaded::new(file, media).remote()) {
            Some(remote) => Verdict::Sent(remote),
            None => Verdict::Rejected { reason: "the upload's name cannot be kept".into() },
        }
    }

    /// Looks the part up among what we said since the send began.
    pub(crate) async fn look_up(&self, request: &SendRequest<'_>, since: DateTime<Utc>) -> Verdict<RemoteIds> {
        let room = match self.room(request.conversation) {
            Ok(room) => room,
            Err(why) => return why.cast(),
        };
        let key = request.idempotency_key();
        let oldest = (since - CLOCKS_DIFFER_MAX).timestamp_millis();
        let unknown = |words: &str| Verdict::Unknown { reason: words.into() };
        let mut from: Option<String> = None;
        let mut unread = false;
        for _ in 0..PAGES_MAX {
            let mut options = MessagesOptions::backward().from(from.as_deref());
            options.limit = UInt::from(PAGE_EVENTS);
            let page = match room.messages(options).await {
                Ok(page) => page,
                Err(error) => return unknown(&self.failure(&error).words()),
            };
            for event in &page.chunk {
                let event = json_of(event.raw().json().get());
                if event["origin_server_ts"].as_i64().is_some_and(|at| at < oldest) {
                    return not_found(unread);
                }
                if event["sender"].as_str() != Some(room.own_user_id().as_str()) {
                    continue;
                }
                if [&event["unsigned"]["transaction_id"], &event["content"][PART]].contains(&&Value::from(key.as_str()))
                {
                    return id_of(&event)
                        .map_or_else(|| unknown("it has no name"), |id| Verdict::Sent(RemoteIds(vec![id])));
                }
                // Our own words that this device cannot read might be it.
                unread |= event["type"].as_str() == Some("m.room.encrypted");
            }
            match page.end {
                Some(end) => from = Some(end),
                None => return not_found(unread),
            }
        }
        unknown("too much was said in that room since")
    }
}

fn not_found(unread: bool) -> Verdict<RemoteIds> {
    if unread {
        return Verdict::Unknown { reason: "there are messages of ours that this device cannot read".into() };
    }
    Verdict::Retry { reason: "the message is not in the room".into() }
}

fn is_there(membership: &matrix_sdk::ruma::events::room::member::MembershipState) -> bool {
    matches!(membership.as_str(), "join" | "invite")
}

/// Whether the room's power levels keep us from writing there.
async fn may_not_speak(room: &Room) -> bool {
    let event_type = match room.encryption_settings() {
        Some(_) => MessageLikeEventType::RoomEncrypted,
        None => MessageLikeEventType::RoomMessage,
    };
    match room.power_levels().await {
        Ok(levels) => !levels.user_can_send_message(room.own_user_id(), event_type),
        Err(_) => false,
    }
}
