//! The webchat under the suite that every adapter must pass.

use std::sync::Arc;
use std::sync::Mutex;

use adapter_webchat::{Webchat, WebchatSettings};
use async_trait::async_trait;
use bot_core::action::ActionToken;
use bot_core::adapter::{Adapter, ConversationRef};
use bot_core::conformance::{self, AdapterBench, DatabaseFault, Fault, Heard, Provoked, Seen, SeenButton, TestAccount};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::server::{EventStream, Visitor, open_session, serve, site};

struct WebchatBench {
    account: TestAccount,
    http: reqwest::Client,
    /// Where the adapter built last is served.
    url: Mutex<String>,
    visitor: OnceCell<Visitor>,
    /// What the visitor did last.
    last: Mutex<Value>,
}

impl WebchatBench {
    fn new(account: TestAccount) -> Self {
        let (url, visitor, last) = (Mutex::default(), OnceCell::new(), Mutex::default());
        Self { account, http: reqwest::Client::new(), url, visitor, last }
    }

    async fn visitor(&self) -> Visitor {
        let opened = self.visitor.get_or_init(|| {
            let url = self.url.lock().unwrap().clone();
            async move { open_session(&self.http, &url, &self.account).await }
        });
        let mut visitor = opened.await.clone();
        visitor.url.clone_from(&self.url.lock().unwrap());
        visitor
    }

    async fn posts(&self, body: Value) -> Heard {
        *self.last.lock().unwrap() = body.clone();
        match self.visitor().await.posts(&body).await.status().as_u16() {
            202 => Heard::Yes,
            503 => Heard::Refused,
            status => panic!("unexpected status {status}"),
        }
    }
}

#[async_trait]
impl AdapterBench for WebchatBench {
    async fn adapter(&self) -> Arc<dyn Adapter> {
        let webchat = Webchat::new(WebchatSettings::default(), site(), self.account.context.clone());
        let (url, _) = serve(&webchat).await;
        *self.url.lock().unwrap() = url;
        webchat
    }

    async fn conversation(&self) -> ConversationRef {
        self.visitor().await.conversation
    }

    async fn says(&self, text: &str) -> Heard {
        self.posts(json!({ "text": text, "id": uuid::Uuid::new_v4() })).await
    }

    async fn presses(&self, token: &ActionToken) -> Heard {
        self.posts(json!({ "action": token.0, "id": uuid::Uuid::new_v4() })).await
    }

    async fn repeats(&self) {
        let last = self.last.lock().unwrap().clone();
        self.posts(last).await;
    }

    async fn seen(&self) -> Vec<Seen> {
        let response = self.visitor().await.gets("/webchat/events").await;
        if response.status() != 200 {
            return Vec::new();
        }
        let mut stream = EventStream::of(response);
        let mut seen = Vec::new();
        while let Some(event) = stream.next().await.filter(|event| event.name != "ready") {
            let buttons = event.data["buttons"].as_array().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let buttons = buttons.iter().map(|button| SeenButton {
                label: text(&button["label"]),
                token: ActionToken(text(&button["action"])),
            });
            seen.push(Seen { text: event.text().to_owned(), buttons: buttons.collect() });
        }
        seen
    }

    async fn provoke(&self, fault: Fault) -> Provoked {
        match fault {
            Fault::NotWritten => self.account.break_down(DatabaseFault::StateUnreadable).await,
            Fault::LostReply => self.account.break_down(DatabaseFault::StateWriteCutOff).await,
            Fault::RecipientStopped => {
                let visitor = self.visitor().await;
                let current = format!("{}/webchat/sessions/current", visitor.url);
                let left = self.http.delete(current).bearer_auth(&visitor.token).send().await.unwrap();
                assert_eq!(left.status(), 204);
            }
            Fault::Throttled => return Provoked::Impossible("our own database asks nobody to wait"),
            Fault::Moved => return Provoked::Impossible("a session never changes its name"),
            Fault::Rejected => return Provoked::Impossible("there is nobody to refuse a part that was laid out here"),
            Fault::AccountDead => return Provoked::Impossible("the account is the service itself"),
        }
        Provoked::Yes
    }

    async fn recover(&self) {
        self.account.mend().await;
    }
}

#[tokio::test]
async fn the_webchat_keeps_the_contract() {
    conformance::run("webchat", async |account| WebchatBench::new(account)).await;
}
