//! Sending, changing and finding messages.

use bot_core::adapter::{ConversationRef, RemoteIds, SendRequest, Verdict};
use bot_core::message::Body as PartBody;
use bot_core::store::media::Media;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::interactions::{Original, Place, Waiting, is_thinking};
use crate::rest::{Body, Call, Trouble, code};
use crate::{Discord, payload, snowflake};

/// Marks the id of a message that only one person sees: it can be reached for a quarter of an hour, and not by its id.
const SHOWN_TO_ONE: &str = "shown-to-one";
/// Our clock and Discord's may differ by this much.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(30);
/// Pages of messages read when looking for one of ours.
const PAGES_MAX: usize = 10;
const PAGE: usize = 100;

/// A message as it is given to Discord.
struct Prepared {
    payload: Value,
    media: Option<Media>,
}

impl Prepared {
    fn body(&self, payload: Value) -> Body {
        match &self.media {
            None => Body::Json(payload),
            Some(media) => Body::WithFile {
                payload,
                file_name: payload::file_name(&media.file_name),
                content_type: media.content_type.clone(),
                content: media.content.clone(),
            },
        }
    }
}

impl Discord {
    pub(crate) async fn send_message(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let Some(channel) = channel_of(request.conversation) else { return not_ours() };
        let prepared = match self.prepare(request).await {
            Ok(prepared) => prepared,
            Err(verdict) => return verdict,
        };
        let key = request.idempotency_key();
        let waiting = request.in_reply_to.and_then(Waiting::read);
        match waiting.filter(|waiting| waiting.place != Place::DirectPress) {
            Some(waiting) => self.answer(channel, &prepared, &waiting, &key).await,
            None => self.create(channel, &prepared, &key).await,
        }
    }

    /// A message of its own. Discord gives the same message back when it sees the key a second time.
    async fn create(&self, channel: u64, prepared: &Prepared, key: &str) -> Verdict<RemoteIds> {
        let mut payload = prepared.payload.clone();
        payload["nonce"] = json!(key);
        payload["enforce_nonce"] = json!(true);
        let call = Call::on_channel(Method::POST, "POST messages", channel, "/messages");
        sent(self.rest.call(Call { body: prepared.body(payload), ..call }).await, false)
    }

    /// The answer to a command or a press, where Discord keeps a place for it.
    async fn answer(&self, channel: u64, prepared: &Prepared, waiting: &Waiting, key: &str) -> Verdict<RemoteIds> {
        let among_others = waiting.place == Place::AmongOthers;
        if waiting.serves(self.clock.now()) {
            let original = match self.interactions.original(waiting, key).await {
                Original::Unsure => match self.look_at_original(waiting, prepared).await {
                    Ok(found) => found,
                    Err(verdict) => return verdict,
                },
                known => known,
            };
            match original {
                Original::Free => {
                    self.interactions.keep_original(waiting, key);
                    let body = prepared.body(prepared.payload.clone());
                    let answer = self.rest.call(Call { body, ..waiting.original(Method::PATCH) }).await;
                    if !is_gone(&answer) {
                        return sent(answer, among_others);
                    }
                }
                Original::Taken if among_others => {
                    let call = waiting.follow_up(prepared.payload.clone());
                    let payload = match &call.body {
                        Body::Json(payload) => payload.clone(),
                        _ => prepared.payload.clone(),
                    };
                    let answer = self.rest.call(Call { body: prepared.body(payload), ..call }).await;
                    if !is_gone(&answer) {
                        return sent(answer, true);
                    }
                }
                Original::Taken | Original::Unsure | Original::Gone => {}
            }
        }
        if among_others {
            // Said aloud it would tell everybody what one person asked.
            let reason = "Discord no longer shows an answer to this person alone (15 min have passed, or the first \
                          sign was late), and among others it is not said";
            return Verdict::Rejected { reason: reason.to_owned() };
        }
        self.create(channel, prepared, key).await
    }

    /// Whether an earlier process has already answered there. A message that says the same is this one.
    async fn look_at_original(&self, waiting: &Waiting, prepared: &Prepared) -> Result<Original, Verdict<RemoteIds>> {
        match self.rest.call(waiting.original(Method::GET)).await {
            Ok(message) if is_thinking(&message) => Ok(Original::Free),
            Ok(message) if says(&message, &prepared.payload) => {
                Err(sent(Ok(message), waiting.place == Place::AmongOthers))
            }
            Ok(_) => Ok(Original::Taken),
            Err(Trouble::Refused { .. }) => Ok(Original::Gone),
            // Only reading came before.
            Err(Trouble::Lost(reason)) => Err(Verdict::Retry { reason }),
            Err(trouble) => Err(trouble.verdict()),
        }
    }

    pub(crate) async fn edit_message(&self, request: &SendRequest<'_>, sent_before: &RemoteIds) -> Verdict<RemoteIds> {
        let Some(channel) = channel_of(request.conversation) else { return not_ours() };
        let reason = match (message_of(sent_before), &request.part.body) {
            (_, PartBody::Poll { .. }) => "a poll cannot be changed",
            (_, PartBody::Picture { .. } | PartBody::File { .. }) => "a picture or file is sent anew",
            (None, _) => "the message was shown to one person only, and cannot be changed",
            (Some(message), PartBody::Text { .. }) => {
                let mut payload = payload::message(request.part, None);
                // Buttons that are no longer there have to be taken away.
                payload["components"] = payload.get("components").cloned().unwrap_or_else(|| json!([]));
                let call = Call::on_channel(Method::PATCH, "PATCH message", channel, &format!("/messages/{message}"));
                return match self.rest.call(call.json(payload)).await {
                    Ok(_) => Verdict::Sent(sent_before.clone()),
                    Err(trouble) => trouble.verdict(),
                };
            }
        };
        Verdict::Rejected { reason: reason.to_owned() }
    }

    pub(crate) async fn delete_message(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        // What only one person saw is gone when they leave the channel.
        let (Some(channel), Some(message)) = (channel_of(conversation), message_of(sent)) else {
            return Verdict::Sent(());
        };
        let call = Call::on_channel(Method::DELETE, "DELETE message", channel, &format!("/messages/{message}"));
        match self.rest.call(call).await {
            Ok(_) => Verdict::Sent(()),
            Err(Trouble::Refused { code: code::UNKNOWN_MESSAGE | code::UNKNOWN_CHANNEL, .. }) => Verdict::Sent(()),
            Err(trouble) => trouble.verdict(),
        }
    }

    pub(crate) async fn pin_message(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let (Some(channel), Some(message)) = (channel_of(conversation), message_of(sent)) else { return not_ours() };
        let call = Call::on_channel(Method::PUT, "PUT pin", channel, &format!("/messages/pins/{message}"));
        match self.rest.call(call).await {
            Ok(_) => Verdict::Sent(()),
            Err(trouble) => trouble.verdict(),
        }
    }

    /// Looks through what was said since, for the message that this request would make.
    pub(crate) async fn find_message(&self, request: &SendRequest<'_>, since: DateTime<Utc>) -> Verdict<RemoteIds> {
        let Some(channel) = channel_of(request.conversation) else { return not_ours() };
        let waiting = request.in_reply_to.and_then(Waiting::read);
        if waiting.is_some_and(|waiting| waiting.place == Place::AmongOthers) {
            return Verdict::Unknown { reason: "what is shown to one person cannot be looked up".to_owned() };
        }
        let (prepared, me) = match (self.prepare(request).await, self.who_am_i().await) {
            (Ok(prepared), Ok(me)) => (prepared, me.user.to_string()),
            (Err(verdict), _) => return verdict,
            (_, Err(trouble)) => return unreadable(trouble),
        };
        let key = request.idempotency_key();
        let mut after = snowflake::at(since - CLOCKS_DIFFER_BY);
        for _ in 0..PAGES_MAX {
            let rest = format!("/messages?after={after}&limit={PAGE}");
            let page = match self.rest.call(Call::on_channel(Method::GET, "GET messages", channel, &rest)).await {
                Ok(page) => page.as_array().cloned().unwrap_or_default(),
                Err(trouble) => return unreadable(trouble),
            };
            let ours = page.iter().find(|message| {
                message["author"]["id"] == me.as_str()
                    && (message["nonce"] == key.as_str() || says(message, &prepared.payload))
            });
            if let Some(message) = ours {
                return sent(Ok(message.clone()), false);
            }
            let last = page.iter().filter_map(|message| message["id"].as_str().and_then(snowflake::parse)).max();
            match last {
                Some(last) if page.len() == PAGE => after = last,
                _ => return Verdict::Retry { reason: "the message is not in the conversation".to_owned() },
            }
        }
        Verdict::Unknown { reason: "too much was said since to find the message".to_owned() }
    }

    async fn prepare(&self, request: &SendRequest<'_>) -> Result<Prepared, Verdict<RemoteIds>> {
        let media = match request.part.media() {
            None => None,
            Some(hash) => match self.media.read(hash).await {
                Ok(Some(media)) => Some(media),
                Ok(None) => {
                    return Err(Verdict::Rejected { reason: "its picture or file is no longer there".to_owned() });
                }
                Err(error) => return Err(Verdict::Retry { reason: format!("its file cannot be read: {error}") }),
            },
        };
        let file_name = media.as_ref().map(|media| payload::file_name(&media.file_name));
        Ok(Prepared { payload: payload::message(request.part, file_name.as_deref()), media })
    }
}

/// Whether a message of Discord's is what this payload makes.
fn says(message: &Value, payload: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let ids = |value: &Value| -> Vec<String> {
        let rows = value["components"].as_array().cloned().unwrap_or_default();
        let buttons = rows.iter().flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
        buttons.map(|button| text(&button["custom_id"])).collect()
    };
    let described = |value: &Value| text(&value["attachments"][0]["description"]);
    text(&message["content"]) == text(&payload["content"])
        && ids(message) == ids(payload)
        && described(message) == described(payload)
        && text(&message["poll"]["question"]["text"]) == text(&payload["poll"]["question"]["text"])
}

fn sent(answer: Result<Value, Trouble>, shown_to_one: bool) -> Verdict<RemoteIds> {
    match answer {
        Ok(message) => match message["id"].as_str().and_then(snowflake::parse) {
            Some(id) if shown_to_one => Verdict::Sent(RemoteIds(vec![id.to_string(), SHOWN_TO_ONE.to_owned()])),
            Some(id) => Verdict::Sent(RemoteIds(vec![id.to_string()])),
            None => Verdict::Unknown { reason: "the answer cannot be read".to_owned() },
        },
        Err(trouble) => trouble.verdict(),
    }
}

/// The interaction's place no longer exists.
fn is_gone(answer: &Result<Value, Trouble>) -> bool {
    let gone = [code::UNKNOWN_WEBHOOK, code::UNKNOWN_MESSAGE, code::UNKNOWN_INTERACTION, code::INVALID_TOKEN];
    match answer {
        Err(Trouble::Refused { code, .. }) => gone.contains(code),
        _ => false,
    }
}

pub(crate) fn channel_of(conversation: &ConversationRef) -> Option<u64> {
    snowflake::parse(conversation.platform_ref.expose())
}

/// The message's id, unless it was shown to one person only.
pub(crate) fn message_of(sent: &RemoteIds) -> Option<u64> {
    match sent.0.as_slice() {
        [id] => snowflake::parse(id),
        _ => None,
    }
}

pub(crate) fn not_ours<T>() -> Verdict<T> {
    Verdict::Rejected { reason: "this is no conversation or message of Discord's".to_owned() }
}

/// Looking something up changes nothing, so a lost answer says nothing.
fn unreadable(trouble: Trouble) -> Verdict<RemoteIds> {
    match trouble {
        Trouble::NotSent(reason) => Verdict::Unknown { reason: reason.to_owned() },
        trouble => trouble.verdict(),
    }
}
