//! The webhook: only Telegram may call it, "taken" means stored, and it stays when the service stops.

use adapter_telegram::{Mode, Telegram, TelegramSettings};
use bot_core::adapter::{AccountHealth, Adapter, RunError};
use bot_core::conformance::DatabaseFault;
use serde_json::json;

use crate::stand::{Stand, eventually};

const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

async fn ready(adapter: &Telegram) {
    eventually("the account to be ready", async || adapter.health() == AccountHealth::Ready).await;
}

#[tokio::test]
async fn a_delivery_made_twice_is_taken_once() {
    let mut stand = Stand::new().await;
    let adapter = stand.serve().await;
    let running = stand.run(adapter.clone());
    ready(&adapter).await;
    let set = &stand.fake.calls_of("setWebhook")[0].params;
    assert_eq!(set["allowed_updates"], json!(["message", "callback_query", "poll", "my_chat_member"]));
    assert!(set.get("drop_pending_updates").is_none(), "what waits is not thrown away");

    stand.fake.deliver_next_twice();
    stand.fake.person(42).says("une fois");
    eventually("both deliveries", async || stand.fake.waiting() == 0).await;
    stand.fake.person(42).says("deux fois");
    stand.takes(&["une fois", "deux fois"]).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn only_who_knows_the_secret_is_heard() {
    let mut stand = Stand::new().await;
    let adapter = stand.serve().await;
    let _running = stand.run(adapter.clone());
    ready(&adapter).await;
    let url = stand.fake.webhook_url().unwrap();
    assert!(!url.contains(stand.fake.token().split(':').next_back().unwrap()), "the token is in no address");
    let client = reqwest::Client::new();
    let update = json!({ "update_id": 1, "message": {
        "message_id": 1, "date": 1, "chat": { "id": 66, "type": "private" },
        "from": { "id": 66, "is_bot": false, "first_name": "Eve" }, "text": "je suis Telegram" } });
    for secret in [None, Some(""), Some("wrong")] {
        let mut request = client.post(&url).json(&update);
        if let Some(secret) = secret {
            request = request.header(SECRET_HEADER, secret);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{secret:?}");
    }
    let set = stand.fake.calls_of("setWebhook");
    let secret = set[0].params["secret_token"].as_str().unwrap();
    assert!(adapter.secrets().iter().any(|known| known.expose() == secret), "it is kept out of every output");
    let posted = |body: String| client.post(&url).header(SECRET_HEADER, secret).body(body).send();
    assert_eq!(posted("x".repeat(2 * 1024 * 1024)).await.unwrap().status(), 413);
    assert_eq!(posted("not JSON".to_owned()).await.unwrap().status(), 400);
    assert_eq!(posted(json!({ "update_id": 2, "quantum": {} }).to_string()).await.unwrap().status(), 200);
    assert!(stand.account.inbox().await.is_empty());
}

#[tokio::test]
async fn what_could_not_be_stored_is_called_for_again() {
    let mut stand = Stand::new().await;
    let adapter = stand.serve().await;
    let _running = stand.run(adapter.clone());
    ready(&adapter).await;
    stand.account.break_down(DatabaseFault::InboxRefuses).await;
    stand.fake.person(42).says("pendant");
    eventually("the refusal", async || stand.account.inbox_has_refused().await).await;
    assert_eq!(stand.fake.waiting(), 1);
    stand.account.mend().await;
    // As long as the answer asked Telegram to wait, and not longer.
    eventually("the next delivery", async || {
        stand.fake.advance(std::time::Duration::from_secs(5));
        stand.account.texts().await == ["pendant"]
    })
    .await;
}

#[tokio::test]
async fn the_webhook_stays_when_the_service_stops_and_goes_when_it_polls() {
    let mut stand = Stand::new().await;
    let adapter = stand.serve().await;
    let running = stand.run(adapter.clone());
    ready(&adapter).await;
    running.stop().await.unwrap();
    assert!(stand.fake.webhook_url().is_some());
    assert!(stand.fake.calls_of("deleteWebhook").is_empty());
    // Nobody receives now: Telegram is told to come again, and keeps what was said.
    stand.fake.person(42).says("pendant l'arrêt");
    let url = stand.fake.webhook_url().unwrap();
    let secret = stand.fake.calls_of("setWebhook")[0].params["secret_token"].as_str().unwrap().to_owned();
    let answer = reqwest::Client::new().post(&url).header(SECRET_HEADER, secret).body("{}").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "5"));

    stand.settings.mode = Mode::Polling;
    let running = stand.start();
    stand.takes(&["pendant l'arrêt"]).await;
    assert_eq!(stand.fake.webhook_url(), None);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_that_telegram_cannot_call_is_refused_with_its_remedy() {
    let stand = Stand::new().await;
    let settings = TelegramSettings { mode: Mode::Webhook, ..stand.settings.clone() };
    for public_url in ["http://crieur.example", "https://crieur.example:3000", "not an address"] {
        let adapter = Telegram::new(settings.clone(), public_url.to_owned(), stand.account.context.clone());
        let refused = adapter.run(stand.account.intake.clone(), Default::default()).await.unwrap_err();
        assert!(matches!(&refused, RunError::Refused(reason) if reason.contains("public_url")), "{refused}");
        assert!(matches!(adapter.health(), AccountHealth::Failed { .. }));
    }
    // A polling account has no route at all.
    assert!(stand.adapter().router().is_none());
}
