//! Rooms: which are direct, whose invitations are followed, and what their events are to the core.

use bot_core::Address;
use bot_core::adapter::{
    Actor, ConversationDescriptor, ConversationKind, ConversationRef, InboundEvent, InboundKind, RunError, Verdict,
};
use bot_core::store::account_state::StateEntry;
use matrix_sdk::ruma::events::room::history_visibility::HistoryVisibility;
use matrix_sdk::ruma::events::room::power_levels::UserPowerLevel;
use matrix_sdk::ruma::room::JoinRule;
use matrix_sdk::ruma::{EventId, RoomId, UserId};
use matrix_sdk::{Client, Room};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::device::lost;
use crate::meaning::{Meaning, Membership};
use crate::ours::Ours;
use crate::receiving::id_of;
use crate::user::UserName;
use crate::verdict::Failure;
use crate::{Matrix, platform};

/// Reactions to messages of ours, and answers in polls of ours, are kept by their event's id: what takes one back
/// names nothing else.
const REACTION: &str = "reaction/";
const ANSWER: &str = "answer/";

/// Us and at most one other, with nobody able to come in or look in unasked.
pub(crate) fn is_direct(room: &Room) -> bool {
    room.active_members_count() <= 2
}

pub(crate) fn is_private(room: &Room) -> bool {
    let by_invitation = matches!(room.join_rule(), None | Some(JoinRule::Invite | JoinRule::Private | JoinRule::Knock));
    is_direct(room) && by_invitation && room.history_visibility_or_default() != HistoryVisibility::WorldReadable
}

pub(crate) fn descriptor(room: &Room) -> ConversationDescriptor {
    let kind = if is_direct(room) { ConversationKind::Direct } else { ConversationKind::Group };
    ConversationDescriptor { kind, platform_ref: room.room_id().to_string().into() }
}

/// Enough to remove what others write, unless a room says otherwise (Client-Server API: m.room.power_levels, `redact`).
const MODERATES_FROM: i64 = 50;

impl Matrix {
    /// Whether the power levels of the room let this person moderate it.
    pub(crate) async fn is_moderator(&self, conversation: &ConversationRef, person: &Address) -> Verdict<bool> {
        let room = match self.room(conversation) {
            Ok(room) => room,
            Err(no_room) => return no_room.cast(),
        };
        let Ok(user) = UserId::parse(person.path.expose()) else { return Verdict::Sent(false) };
        let Ok(levels) = room.power_levels().await else {
            return Verdict::Retry { reason: "the room's power levels are not known yet".to_owned() };
        };
        Verdict::Sent(match levels.for_user(&user) {
            UserPowerLevel::Infinite => true,
            UserPowerLevel::Int(level) => i64::from(level) >= i64::from(levels.redact).max(MODERATES_FROM),
            _ => false,
        })
    }

    /// What an event is to the core; nothing, for most.
    pub(crate) async fn interpret(&self, room: &Room, event: &Value) -> Result<Option<InboundEvent>, RunError> {
        let (Some(id), Some(sender)) = (id_of(event), event["sender"].as_str()) else { return Ok(None) };
        let own = room.own_user_id().as_str();
        let meaning = Meaning::of(event);
        if sender == own && !matches!(meaning, Meaning::Membership { .. }) {
            return Ok(None);
        }
        let kind = match meaning {
            Meaning::Text(text) => InboundKind::Text { text: text.into() },
            Meaning::Membership { user, now, before } => {
                return Ok(self.membership(room, &id, sender, event, (&user, now, before)));
            }
            Meaning::Upgraded { replacement } => {
                self.follow_upgrade(room, &replacement).await;
                return Ok(None);
            }
            Meaning::Reaction { message, key } => match self.ours(room, &message).await? {
                None => return Ok(None),
                Some(_) => {
                    self.keep(REACTION, &id, sender, json!({ "message": message, "key": key })).await?;
                    InboundKind::Reaction { message, key, removed: false }
                }
            },
            Meaning::PollResponse { poll, answers } => match self.ours(room, &poll).await? {
                Some(Ours::Poll(shape)) => {
                    self.keep(ANSWER, &id, sender, json!({ "poll": poll })).await?;
                    InboundKind::PollVote { message: poll, options: shape.options_of(&answers) }
                }
                _ => return Ok(None),
            },
            Meaning::Redaction { of } => match self.taken_back(room, &of, sender).await? {
                Some(kind) => kind,
                None => return Ok(None),
            },
            Meaning::Sealed => {
                self.keep_sealed(room, &id, sender, event).await?;
                return Ok(None);
            }
            Meaning::PollEnd { .. } | Meaning::Nothing => return Ok(None),
        };
        Ok(Some(inbound(&id, room, Some(sender), kind)))
    }

    fn membership(
        &self,
        room: &Room,
        id: &str,
        sender: &str,
        event: &Value,
        (user, now, before): (&str, Membership, Membership),
    ) -> Option<InboundEvent> {
        let came = now == Membership::Joined && before != Membership::Joined;
        let went = now == Membership::Out && before != Membership::Out;
        // Since version 12, whoever is invited to a private chat at its making is called its creator, too.
        let created_it = |user: &str| room.create_content().is_some_and(|create| create.creator == user);
        if user == room.own_user_id().as_str() {
            // Put out or banned by somebody, or gone by ourselves.
            if went && before == Membership::Joined {
                return Some(inbound(id, room, None, InboundKind::Closed));
            }
            if !came || created_it(user) {
                return None;
            }
            if let Some(before) = self.predecessor(room) {
                let to_platform_ref = room.room_id().to_string().into();
                return Some(inbound(id, &before, None, InboundKind::Moved { to_platform_ref }));
            }
            let inviter = event["unsigned"]["prev_sender"].as_str().filter(|inviter| *inviter != sender);
            return Some(inbound(id, room, inviter.filter(|_| is_direct(room)), InboundKind::Opened));
        }
        // In a group, one member more or less changes nothing for the conversation.
        if went && room.active_members_count() <= 1 {
            return Some(inbound(id, room, Some(user), InboundKind::Closed));
        }
        (came && is_direct(room)).then(|| inbound(id, room, Some(user), InboundKind::Opened))
    }

    /// The room that this one goes on for, where that one says so, too: anybody may claim to go on for another.
    fn predecessor(&self, room: &Room) -> Option<Room> {
        let before = room.client().get_room(&room.predecessor_room()?.room_id)?;
        before.successor_room().is_some_and(|successor| successor.room_id == room.room_id()).then_some(before)
    }

    /// What was said and is now taken back by the one who said it (or a moderator).
    async fn taken_back(&self, room: &Room, of: &str, sender: &str) -> Result<Option<InboundKind>, RunError> {
        let key = format!("{REACTION}{of}");
        if let Some(reaction) = self.state.get(&key).await.map_err(lost)? {
            let text = |field: &str| reaction[field].as_str().unwrap_or_default().to_owned();
            let mine = text("sender") == sender;
            return Ok(mine.then(|| InboundKind::Reaction {
                message: text("message"),
                key: text("key"),
                removed: true,
            }));
        }
        let Some(answer) = self.state.get(&format!("{ANSWER}{of}")).await.map_err(lost)? else { return Ok(None) };
        let poll = answer["poll"].as_str().unwrap_or_default();
        let (Ok(id), Some(Ours::Poll(shape))) = (EventId::parse(poll), self.ours(room, poll).await?) else {
            return Ok(None);
        };
        if answer["sender"].as_str() != Some(sender) {
            return Ok(None);
        }
        let left = match self.answer_left(room, &id, sender).await {
            Ok(left) => left,
            Err(failure) => return Err(RunError::Lost(failure.words())),
        };
        Ok(Some(InboundKind::PollVote { message: poll.to_owned(), options: shape.options_of(&left) }))
    }

    async fn keep(&self, prefix: &str, id: &str, sender: &str, mut value: Value) -> Result<(), RunError> {
        value["sender"] = sender.into();
        let owner = Some(sender.to_owned());
        let entry = StateEntry { owner, ..StateEntry::new(format!("{prefix}{id}"), value) };
        self.state.put(&[entry]).await.map_err(lost)
    }

    /// Follows the invitations that are allowed, and declines the others. Says whether one has to be tried again.
    pub(crate) async fn answer_invitations(&self, client: &Client) -> bool {
        let mut again = false;
        for room in client.invited_rooms() {
            let Ok(invitation) = room.invite_details().await else { continue };
            let server = UserName::parse(invitation.inviter_id.as_str()).map(|user| user.server().to_owned());
            let allowed = server.is_some_and(|server| self.settings.invitations.allow(&server));
            let answered = if allowed || goes_on_for_ours(client, room.room_id()) {
                tracing::debug!("Joining a room on invitation");
                room.join().await
            } else {
                tracing::info!("An invitation was declined: `invitations` does not allow it");
                room.leave().await
            };
            let Err(error) = answered else { continue };
            match self.failure(&error) {
                Failure::Forbidden | Failure::NotFound | Failure::Refused(_) if allowed => {
                    tracing::info!("An invitation no longer holds, and was declined");
                    // Should this fail as well, the next round tries again.
                    again |= room.leave().await.is_err();
                }
                _ => again = true,
            }
        }
        again
    }

    /// Goes where an upgraded room goes on. Where that needs an invitation, it is followed when it comes.
    async fn follow_upgrade(&self, room: &Room, replacement: &str) {
        let Ok(replacement) = RoomId::parse(replacement) else { return };
        let client = room.client();
        if client.get_room(&replacement).is_some_and(|room| room.state() == matrix_sdk::RoomState::Joined) {
            return;
        }
        // Since version 12 a room's name no longer tells a server that knows it: those in the old room do.
        let servers = room.route().await.unwrap_or_default();
        if client.join_room_by_id_or_alias((&*replacement).into(), &servers).await.is_err() {
            tracing::info!("A room was upgraded, and the bot has not been let into its successor yet");
        }
    }
}

/// A room that the bot is in was upgraded to this one: the invitation only continues the old one.
fn goes_on_for_ours(client: &Client, room: &RoomId) -> bool {
    client.joined_rooms().iter().any(|old| old.successor_room().is_some_and(|successor| successor.room_id == room))
}

pub(crate) fn inbound(id: &str, room: &Room, actor: Option<&str>, kind: InboundKind) -> InboundEvent {
    // Ids may be longer than a dedupe key; all that homeservers make are not.
    let dedupe_key = if id.len() <= 200 { id.to_owned() } else { format!("{:x}", Sha256::digest(id)) };
    let actor = actor.map(|user| Actor { address: Address::new(platform(), user), locale: None });
    InboundEvent { dedupe_key, conversation: descriptor(room), actor, kind, acknowledgement: None }
}
