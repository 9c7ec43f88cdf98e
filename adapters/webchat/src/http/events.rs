//! A session's event stream (server-sent events): the transcript from any point on, then what follows as it is
//! written. The stream only ever reads the transcript, so there is no gap between the two.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bot_core::Locale;
use bot_core::message::layout::words_of;
use bot_core::message::{Block, Body, Button};
use chrono::{DateTime, Utc};
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::visitor::Intent;
use crate::Webchat;
use crate::live::StreamPlace;
use crate::session::SessionId;
use crate::transcript::{Number, Shown, ShownEvent, ShownMessage};

/// A silent connection is kept open by a comment this often: proxies cut one off after 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// `data` of the events `message` and `edit`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MessageEvent {
    /// The message: an `edit` or `delete` names it again.
    pub id: String,
    /// When it was first sent, RFC 3339 in UTC. Absent when erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The language it is written in. Absent when erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Everything it says as plain words, links with their address.
    pub text: String,
    /// The same with its structure. Each is one of `{"block":"heading","text":[…]}`,
    /// `{"block":"paragraph","text":[…]}`, `{"block":"list","ordered":false,"items":[[…],…]}` and
    /// `{"block":"table","table":{"header":["…"],"rows":[["…"]]}}`; a text is a list of `{"plain":"…"}`,
    /// `{"strong":"…"}`, `{"emphasis":"…"}`, `{"code":"…"}` and `{"link":{"label":"…","url":"…"}}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileLink>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<ButtonEvent>,
    /// The words showed somebody's choice and were erased when the consultation closed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Picture {
    /// Below the page's own address; needs the session, like everything else.
    pub url: String,
    /// What the picture shows, in words.
    pub alternative: String,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FileLink {
    pub url: String,
    pub label: String,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ButtonEvent {
    pub label: String,
    /// Send it back as `{"action":…}`.
    pub action: String,
    /// Already chosen.
    pub chosen: bool,
    /// A step (back, next, skip) rather than an answer.
    pub step: bool,
}

/// `data` of the event `delete`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DeleteEvent {
    pub id: String,
}

impl MessageEvent {
    fn of(shown: ShownMessage) -> Self {
        let id = shown.message.0.to_string();
        let Some(content) = shown.content else {
            let text = "Message effacé à la clôture. / Message erased at closing.".to_owned();
            let (blocks, buttons) = (Vec::new(), Vec::new());
            return Self { id, at: None, locale: None, text, blocks, picture: None, file: None, buttons, erased: true };
        };
        let (text, blocks, picture, file) = match content.part.body {
            Body::Text { blocks } => {
                let text = blocks.iter().map(words_of).collect::<Vec<_>>().join("\n\n");
                (text, blocks, None, None)
            }
            Body::Picture { media, alternative } => {
                let picture = Picture { url: format!("webchat/media/{media}"), alternative: alternative.clone() };
                (alternative, Vec::new(), Some(picture), None)
            }
            Body::File { media, label } => {
                let file = FileLink { url: format!("webchat/media/{media}"), label: label.clone() };
                (label, Vec::new(), None, Some(file))
            }
            // There are none here: the layout makes words of them.
            Body::Poll { poll } => (words_of(&Block::Poll { poll }), Vec::new(), None, None),
        };
        let buttons = content.part.buttons.into_iter().map(|Button { label, token, chosen, step }| ButtonEvent {
            label,
            action: token.0,
            chosen,
            step,
        });
        Self {
            id,
            at: Some(content.at),
            locale: Some(content.locale),
            text,
            blocks,
            picture,
            file,
            buttons: buttons.collect(),
            erased: false,
        }
    }
}

fn sse(shown: Shown) -> Event {
    let event = Event::default().id(shown.number.0.to_string());
    let (name, data) = match shown.event {
        ShownEvent::Message(message) => ("message", json(&MessageEvent::of(message))),
        ShownEvent::Edit(message) => ("edit", json(&MessageEvent::of(message))),
        ShownEvent::Delete { message } => ("delete", json(&DeleteEvent { id: message.0.to_string() })),
    };
    event.event(name).data(data)
}

/// Plain structs with string keys always serialise, and JSON holds no bare line break.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[derive(Deserialize)]
pub(super) struct Position {
    after: Option<String>,
}

/// `GET /webchat/events`
pub(super) async fn events(
    State(webchat): State<Arc<Webchat>>,
    position: Result<Query<Position>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let running = webchat.running.borrow().clone().ok_or(ApiError::TryAgain)?;
    let visitor = webchat.visitor(&headers, Intent::Read).await?;
    // A browser that reconnects repeats its first address: the header is the newer of the two.
    let Query(position) = position.map_err(|_| ApiError::BadPosition)?;
    let position = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| ApiError::BadPosition)?.to_owned()),
        None => position.after,
    };
    let after = match position.as_deref() {
        None | Some("") => Number::default(),
        Some(number) => Number(number.parse().map_err(|_| ApiError::BadPosition)?),
    };
    let live = webchat.live.of(&visitor.session.id);
    let place = live.open_stream(webchat.streams_max).ok_or(ApiError::TooManyStreams)?;
    let reader = Reader {
        webchat,
        session: visitor.session.id,
        after,
        queue: VecDeque::from([Event::default().retry(RECONNECT_AFTER).comment("")]),
        caught_up: false,
        bell: live.listen(),
        removed: live.removed.clone(),
        stop: running.stop,
        _place: place,
    };
    let stream = Sse::new(stream::unfold(reader, Reader::next)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = stream.into_response();
    let response_headers = response.headers_mut();
    response_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise hold events back.
    response_headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Reader {
    webchat: Arc<Webchat>,
    session: SessionId,
    after: Number,
    queue: VecDeque<Event>,
    caught_up: bool,
    bell: watch::Receiver<()>,
    removed: CancellationToken,
    stop: CancellationToken,
    _place: StreamPlace,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.stop.is_cancelled() || self.removed.is_cancelled() {
                return None;
            }
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            // Seen before reading: what is written from here on rings again.
            self.bell.borrow_and_update();
            match self.webchat.transcripts.read(&self.session, self.after).await {
                Ok((shown, Some(last))) => {
                    self.queue.extend(shown.into_iter().map(sse));
                    self.after = last;
                }
                Ok((_, None)) if !self.caught_up => {
                    self.caught_up = true;
                    self.queue.push_back(Event::default().event("ready").data("{}"));
                }
                Ok((_, None)) => {
                    tokio::select! {
                        () = self.stop.cancelled() => return None,
                        () = self.removed.cancelled() => return None,
                        rung = self.bell.changed() => if rung.is_err() { return None },
                    }
                }
                // The reader comes back, and reads on from the last event it has.
                Err(_) => return None,
            }
        }
    }
}
