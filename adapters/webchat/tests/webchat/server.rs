//! A webchat served on a port of its own, and visitors who speak to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapter_webchat::{Network, Site, Webchat, WebchatSettings};
use bot_core::adapter::{Adapter, ConversationKind, ConversationRef, RemoteIds, RunError, SendRequest, Verdict};
use bot_core::conformance::{TestAccount, TestDatabase};
use bot_core::message::Document;
use bot_core::{Clock, DeliveryId, Locale};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A test that waits this long for something has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn clock() -> Clock {
    Clock::manual("2026-09-01T08:00:00Z".parse().unwrap())
}

pub fn site() -> Site {
    Site {
        organisation_title: "Ville de Trifouilly".into(),
        locale: Locale::Fr,
        public_url: "http://localhost".into(),
        trusted_proxies: vec!["127.0.0.1".parse::<Network>().unwrap()],
    }
}

/// Serves a webchat over HTTP. Nothing runs yet.
pub async fn serve(webchat: &Arc<Webchat>) -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = webchat.router().into_make_service_with_connect_info::<SocketAddr>();
    (url, tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }))
}

pub struct Server {
    pub account: TestAccount,
    pub clock: Clock,
    pub webchat: Arc<Webchat>,
    pub url: String,
    pub http: reqwest::Client,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), RunError>>>,
    /// Dropped with the server.
    _database: TestDatabase,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(WebchatSettings::default(), site()).await
    }

    pub async fn start_with(settings: WebchatSettings, site: Site) -> Self {
        let mut server = Self::start_idle(settings, site).await;
        server.run().await;
        server
    }

    /// Serves HTTP, but the adapter does not run.
    pub async fn start_idle(settings: WebchatSettings, site: Site) -> Self {
        let clock = clock();
        let database = TestDatabase::create().await;
        let account = database.account("webchat", &clock).await;
        let webchat = Webchat::new(settings, site, account.context.clone());
        let (url, _) = serve(&webchat).await;
        let (http, stop) = (reqwest::Client::new(), CancellationToken::new());
        Self { account, clock, webchat, url, http, stop, running: None, _database: database }
    }

    pub async fn run(&mut self) {
        self.stop = CancellationToken::new();
        let (webchat, intake, stop) = (self.webchat.clone(), self.account.intake.clone(), self.stop.clone());
        self.running = Some(tokio::spawn(async move { webchat.run(intake, stop).await }));
        while self.webchat.health() != bot_core::adapter::AccountHealth::Ready {
            tokio::task::yield_now().await;
        }
    }

    pub async fn stop(&mut self) {
        self.stop.cancel();
        let running = self.running.take().unwrap();
        tokio::time::timeout(PATIENCE, running).await.expect("stop is prompt").unwrap().unwrap();
    }

    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub async fn visitor(&self) -> Visitor {
        open_session(&self.http, &self.url, &self.account).await
    }

    /// Sends each part of a document, as deliveries do. Part keys derive from `delivery`.
    pub async fn send(&self, to: &ConversationRef, delivery: u128, document: &Document) -> Vec<RemoteIds> {
        self.send_revealing(to, delivery, document, None).await
    }

    pub async fn send_revealing(
        &self,
        to: &ConversationRef,
        delivery: u128,
        document: &Document,
        reveals: Option<&str>,
    ) -> Vec<RemoteIds> {
        let layout = self.webchat.render(document, to, &seal);
        let mut sent = Vec::new();
        for (index, part) in layout.parts.iter().enumerate() {
            let request = SendRequest { reveals, ..request(to, part, delivery, index) };
            match self.webchat.send(&request).await {
                Verdict::Sent(ids) => sent.push(ids),
                verdict => panic!("part {index}: {verdict:?}"),
            }
        }
        sent
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub async fn open_session(http: &reqwest::Client, url: &str, account: &TestAccount) -> Visitor {
    let body = json!({ "locale": "fr" });
    let response = http.post(format!("{url}/webchat/sessions")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let token = response.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let session = account.inbox().await.last().unwrap().conversation.clone();
    let conversation = ConversationRef { kind: ConversationKind::Direct, platform_ref: session.into() };
    Visitor { http: http.clone(), url: url.to_owned(), token, conversation }
}

pub fn seal(payload: &bot_core::action::ActionPayload) -> bot_core::action::ActionToken {
    bot_core::action::ActionToken(String::from(payload.clone()))
}

pub fn request<'r>(
    to: &'r ConversationRef,
    part: &'r bot_core::message::Part,
    delivery: u128,
    index: usize,
) -> SendRequest<'r> {
    SendRequest {
        conversation: to,
        part,
        delivery: DeliveryId(Uuid::from_u128(delivery)),
        index: u16::try_from(index).unwrap(),
        media: None,
        locale: Locale::Fr,
        in_reply_to: None,
        reveals: None,
    }
}

/// A script that takes part.
#[derive(Clone)]
pub struct Visitor {
    http: reqwest::Client,
    pub url: String,
    pub token: String,
    pub conversation: ConversationRef,
}

impl Visitor {
    pub async fn posts(&self, body: &Value) -> reqwest::Response {
        let request = self.http.post(format!("{}/webchat/messages", self.url)).bearer_auth(&self.token);
        request.json(body).send().await.unwrap()
    }

    pub async fn says(&self, text: &str) -> u16 {
        self.posts(&json!({ "text": text })).await.status().as_u16()
    }

    pub async fn gets(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap()
    }

    /// Opens the event stream after the event numbered `after`.
    pub async fn listens(&self, after: u64) -> EventStream {
        let response = self.gets(&format!("/webchat/events?after={after}")).await;
        assert_eq!(response.status(), 200);
        EventStream::of(response)
    }

    /// Everything the stream shows up to now.
    pub async fn sees(&self) -> Vec<StreamEvent> {
        let mut stream = self.listens(0).await;
        let mut seen = Vec::new();
        loop {
            let event = stream.next().await.expect("the stream goes on");
            if event.name == "ready" {
                return seen;
            }
            seen.push(event);
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct StreamEvent {
    pub id: Option<u64>,
    pub name: String,
    pub data: Value,
}

impl StreamEvent {
    pub fn text(&self) -> &str {
        self.data["text"].as_str().unwrap_or_default()
    }
}

pub struct EventStream {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    read: Vec<u8>,
}

impl EventStream {
    pub fn of(response: reqwest::Response) -> Self {
        Self { bytes: response.bytes_stream().boxed(), read: Vec::new() }
    }

    /// The next event; comments are passed over. `None` when the server ended the stream.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
                if let Some(name) = field("event:") {
                    return Some(StreamEvent {
                        id: field("id:").map(|id| id.parse().unwrap()),
                        name: name.to_owned(),
                        data: serde_json::from_str(field("data:").unwrap()).unwrap(),
                    });
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.bytes.next()).await.expect("an event in time");
            self.read.extend_from_slice(&chunk?.ok()?);
        }
    }
}
