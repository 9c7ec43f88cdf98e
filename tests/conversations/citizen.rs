//! Somebody at the webchat: speaks the documented HTTP API (docs/webchat-api.md) and knows nothing else.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

/// Whoever waits this long for an answer has waited in vain.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Between two looks at what happens in another process.
pub async fn a_moment() {
    let nothing = std::future::pending::<()>();
    let _ = timeout(Duration::from_millis(10), nothing).await;
}

/// Where the service is reached: another port after a restart.
#[derive(Clone, Debug, Default)]
pub struct Site(Arc<RwLock<String>>);

impl Site {
    pub fn moves_to(&self, url: String) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = url;
    }

    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Button {
    pub label: String,
    pub action: String,
    pub chosen: bool,
}

/// A message as it is shown now.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    pub id: String,
    pub text: String,
    pub buttons: Vec<Button>,
    /// As the event told it.
    pub data: Value,
    /// When it last appeared or changed, in events received.
    touched: u64,
}

impl Message {
    fn of(data: Value, touched: u64) -> Self {
        let buttons = data["buttons"].as_array().map(Vec::as_slice).unwrap_or_default();
        let buttons = buttons.iter().map(|button| Button {
            label: plain(button["label"].as_str().unwrap()),
            action: button["action"].as_str().unwrap().to_owned(),
            chosen: button["chosen"] == true,
        });
        Self {
            id: data["id"].as_str().unwrap().to_owned(),
            text: plain(data["text"].as_str().unwrap()),
            buttons: buttons.collect(),
            data,
            touched,
        }
    }

    pub fn is_erased(&self) -> bool {
        self.data["erased"] == true
    }

    /// Its words, then its buttons in brackets.
    fn words(&self) -> String {
        let buttons =
            self.buttons.iter().map(|button| format!("[{}{}]", button.label, if button.chosen { " ✓" } else { "" }));
        std::iter::once(self.text.clone()).chain(buttons).collect::<Vec<_>>().join("\n")
    }
}

/// Without the spaces that keep French punctuation in place, which nobody wants to type in a test.
pub fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

pub struct Citizen {
    http: reqwest::Client,
    site: Site,
    token: String,
    stream: Option<EventStream>,
    /// Number of the last event received.
    last_event: u64,
    shown: Vec<Message>,
    /// Events received so far.
    received: u64,
    /// Events received when this person last said or tapped something: what comes later is the answer.
    acted: u64,
}

impl Citizen {
    /// Opens a session.
    pub async fn arrives(site: &Site) -> Self {
        Self::arrives_speaking(site, "fr").await
    }

    pub async fn arrives_speaking(site: &Site, locale: &str) -> Self {
        let http = reqwest::Client::new();
        let response = loop {
            let asked = http.post(site.address("/webchat/sessions")).json(&json!({ "locale": locale }));
            let response = asked.send().await.unwrap();
            // Just started: the page says so, and tries again.
            if response.status() != StatusCode::SERVICE_UNAVAILABLE {
                break response;
            }
            a_moment().await;
        };
        assert_eq!(response.status(), StatusCode::CREATED);
        let token = response.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
        Self { http, site: site.clone(), token, stream: None, last_event: 0, shown: Vec::new(), received: 0, acted: 0 }
    }

    #[allow(dead_code, reason = "for the tests that share this file")]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Types a message; it must be taken.
    pub async fn says(&mut self, text: &str) {
        self.sends(json!({ "text": text })).await;
    }

    /// Presses the button whose label begins with `label`, in the answer to what was done last.
    pub async fn taps(&mut self, label: &str) {
        let action = self.finds(label).await.action;
        self.presses(&action).await;
    }

    /// Presses a button seen at any time.
    pub async fn presses(&mut self, action: &str) {
        self.sends(json!({ "action": action })).await;
    }

    /// The button whose label begins with `label`, in the answer to what was done last.
    pub async fn finds(&mut self, label: &str) -> Button {
        self.until(&format!("a button {label:?}"), |citizen| {
            let buttons = citizen.answers().into_iter().rev().flat_map(|message| &message.buttons);
            buttons.into_iter().find(|button| button.label.starts_with(label)).cloned()
        })
        .await
    }

    /// Waits for a message that contains `words`, in answer to what was done last, and gives the whole of it.
    pub async fn hears(&mut self, words: &str) -> Message {
        self.until(&format!("{words:?}"), |citizen| {
            citizen.answers().into_iter().rev().find(|message| message.text.contains(words)).cloned()
        })
        .await
    }

    /// The latest answer, words and buttons.
    pub async fn reads(&mut self) -> String {
        self.until("any answer", |citizen| citizen.answers().last().map(|message| message.words())).await
    }

    /// Everything shown, as it is now.
    pub async fn sees_everything(&mut self) -> Vec<Message> {
        self.forgets_what_it_saw();
        loop {
            if timeout(PATIENCE, self.follow()).await.expect("the stream says when it is ready") == Followed::Ready {
                return self.shown.clone();
            }
        }
    }

    /// As reloading the page: everything is shown again.
    fn forgets_what_it_saw(&mut self) {
        (self.stream, self.last_event) = (None, 0);
        self.shown.clear();
    }

    /// As a lost connection: the stream is taken up where it was.
    pub fn loses_the_connection(&mut self) {
        self.stream = None;
    }

    /// The file that was sent in answer to what was done last, fetched.
    pub async fn fetches_file(&mut self) -> String {
        let url = self
            .until("a file", |citizen| {
                let files = citizen.answers().into_iter().rev();
                files.filter_map(|message| message.data["file"]["url"].as_str()).next().map(str::to_owned)
            })
            .await;
        let response = self.gets(&url).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    }

    /// The address under which the service knows this session, from the file of `/mes_donnees`.
    pub async fn address(&mut self) -> String {
        self.says("/mes_donnees").await;
        let data: Value = serde_json::from_str(&self.fetches_file().await).unwrap();
        data["addresses"][0]["address"].as_str().unwrap().to_owned()
    }

    /// Posts a message and gives the status, or nothing when nobody answered.
    pub async fn posts(&self, message: &Value) -> Option<StatusCode> {
        let request = self.http.post(self.site.address("/webchat/messages")).bearer_auth(&self.token);
        Some(request.json(message).send().await.ok()?.status())
    }

    /// Posts bytes as they are, and gives the status with the code of the refusal.
    pub async fn posts_raw(&self, content_type: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self.http.post(self.site.address("/webchat/messages")).bearer_auth(&self.token);
        let response = request.header("content-type", content_type).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = response.json().await.unwrap();
        (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn gets(&self, path: &str) -> Response {
        // Links in events are relative to the service.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        self.http.get(self.site.address(&path)).bearer_auth(&self.token).send().await.unwrap()
    }

    async fn sends(&mut self, message: Value) {
        self.catches_up();
        let status = self.posts(&message).await;
        assert_eq!(status, Some(StatusCode::ACCEPTED), "{message} was not taken");
        self.acted = self.received;
    }

    /// Reads what has arrived by now, so that it is not taken for an answer to what follows.
    fn catches_up(&mut self) {
        while self.stream.is_some() && self.follow().now_or_never().is_some() {}
    }

    /// What appeared or changed since this person last did something, oldest change first.
    fn answers(&self) -> Vec<&Message> {
        let mut answers: Vec<&Message> = self.shown.iter().filter(|message| message.touched > self.acted).collect();
        answers.sort_by_key(|message| message.touched);
        answers
    }

    async fn until<T>(&mut self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            if timeout_at(deadline, self.follow()).await.is_err() {
                let shown: Vec<String> = self.shown.iter().map(Message::words).collect();
                panic!("waited in vain for {what}; shown so far:\n\n{}", shown.join("\n----\n"));
            }
        }
    }

    /// Takes the next event, opening the stream again where it broke.
    async fn follow(&mut self) -> Followed {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let request = self.http.get(self.site.address("/webchat/events")).bearer_auth(&self.token);
                let request = request.header("Last-Event-ID", self.last_event.to_string());
                match request.send().await {
                    Ok(response) if response.status() == StatusCode::OK => {
                        self.stream.insert(EventStream::of(response))
                    }
                    _ => {
                        a_moment().await;
                        return Followed::Away;
                    }
                }
            }
        };
        let Some(event) = stream.next().await else {
            self.stream = None;
            return Followed::Away;
        };
        if let Some(id) = event.id {
            self.last_event = id;
        }
        self.received += 1;
        match event.name.as_str() {
            "message" | "edit" => {
                let message = Message::of(event.data, self.received);
                match self.shown.iter_mut().find(|shown| shown.id == message.id) {
                    Some(shown) => *shown = message,
                    None => self.shown.push(message),
                }
            }
            "delete" => self.shown.retain(|shown| shown.id != event.data["id"].as_str().unwrap()),
            "ready" => return Followed::Ready,
            other => panic!("an event {other} is not documented"),
        }
        Followed::Event
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Followed {
    Event,
    /// Everything so far was shown.
    Ready,
    /// Nobody is there now.
    Away,
}

struct Event {
    id: Option<u64>,
    name: String,
    data: Value,
}

/// Server-sent events (WHATWG HTML, section 9.2), as far as the webchat uses them.
struct EventStream {
    bytes: BoxStream<'static, Vec<u8>>,
    unread: Vec<u8>,
}

impl EventStream {
    fn of(response: Response) -> Self {
        let bytes = response.bytes_stream();
        // A connection that breaks ends the stream.
        let bytes = bytes.take_while(|chunk| std::future::ready(chunk.is_ok())).map(|chunk| chunk.unwrap().to_vec());
        Self { bytes: bytes.boxed(), unread: Vec::new() }
    }

    /// `None` at the end. May be dropped and called again.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block = String::from_utf8(self.unread.drain(..end + 2).collect()).unwrap();
                let (mut id, mut name, mut data) = (None, None, String::new());
                for line in block.lines() {
                    match line.split_once(':').map(|(field, value)| (field, value.trim_start())) {
                        Some(("id", value)) => id = Some(value.parse().unwrap()),
                        Some(("event", value)) => name = Some(value.to_owned()),
                        Some(("data", value)) => data.push_str(value),
                        // A comment keeps the connection open.
                        _ => {}
                    }
                }
                if let Some(name) = name {
                    return Some(Event { id, name, data: serde_json::from_str(&data).unwrap() });
                }
            }
            self.unread.extend(self.bytes.next().await?);
        }
    }
}
