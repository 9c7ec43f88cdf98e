use bot_core::Redacted;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::*;
use crate::definition::{Sources, WebhookMode};
use crate::sources_bench::{Town, stopped, webhook};

const SECRET: &str = "sardines à l'huile";
const BODY: &str = r#"{"reference": "1", "token": "token-c1-1", "complete": true}"#;

fn secrets() -> BTreeMap<String, Secret> {
    let secret = Secret { value: Redacted::new(SECRET.to_owned()), hosts: Vec::new() };
    BTreeMap::from([("enquete".to_owned(), secret)])
}

fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

struct Tool<'t> {
    town: &'t Town,
    slug: &'static str,
}

impl Tool<'_> {
    async fn sends(&self, signature: Option<&str>, authorization: Option<&str>, body: &str) -> (u16, Value) {
        let body = body.as_bytes();
        let content_type = Some("application/json");
        let call = WebhookCall { slug: self.slug, content_type, signature, authorization, body };
        let (answer, _) = self.town.calls(async |cx| receive(cx, &call, &secrets()).await).await;
        (answer.status, answer.body)
    }

    async fn signs(&self, seconds_later: i64, body: &str) -> (u16, Value) {
        let at = self.town.bench.clock.now().timestamp() + seconds_later;
        self.sends(Some(&signature(SECRET, at, body)), None, body).await
    }
}

#[tokio::test]
async fn a_signed_call_stops_the_reminders_and_its_copy_changes_nothing() {
    let town = Town::new(11).await;
    let campaign = town.campaign("barometre", webhook()).await;
    let at = town.bench.clock.now().timestamp();
    let signed = signature(SECRET, at, BODY);
    let call = WebhookCall {
        slug: "barometre",
        content_type: Some("application/json"),
        signature: Some(&signed),
        authorization: None,
        body: BODY.as_bytes(),
    };
    let (answer, effects) = town.calls(async |cx| receive(cx, &call, &secrets()).await).await;
    assert_eq!((answer.status, &answer.body["result"]), (200, &json!("matched")));
    assert_eq!(stopped(&effects), ["c1"]);
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
    let (answer, effects) = town.calls(async |cx| receive(cx, &call, &secrets()).await).await;
    assert_eq!((answer.status, &answer.body["result"]), (200, &json!("already_known")));
    assert!(effects.is_empty());
    // The copy says nothing elsewhere either, where the same secret is used, and is not taken for an answer there.
    let other = town.campaign("autre", webhook()).await;
    let elsewhere = WebhookCall { slug: "autre", ..call };
    let (answer, _) = town.calls(async |cx| receive(cx, &elsewhere, &secrets()).await).await;
    assert_eq!((answer.status, &answer.body["error"]), (409, &json!("used_elsewhere")));
    assert_eq!(town.state_of(other, "c1").await, "silent");
}

#[tokio::test]
async fn a_call_that_is_not_signed_for_is_refused_like_an_unknown_campaign() {
    let town = Town::new(12).await;
    let campaign = town.campaign("barometre", webhook()).await;
    town.campaign("sans-appel", Sources::default()).await;
    let at = town.bench.clock.now().timestamp();
    let right = signature(SECRET, at, BODY);
    let [known, unknown, deaf] = ["barometre", "inconnue", "sans-appel"].map(|slug| Tool { town: &town, slug });
    let refusal = unknown.sends(Some(&right), None, BODY).await;
    assert_eq!(refusal.0, 401);
    assert_eq!(deaf.sends(Some(&right), None, BODY).await, refusal);
    let flipped = right.replace("v1=", "v1=00").replace(&right[right.len() - 2..], "");
    for signature in [
        None,
        Some(""),
        Some("t=,v1="),
        Some(signature("another secret", at, BODY).as_str()),
        Some(signature("", at, BODY).as_str()),
        Some(signature(SECRET, at, "{}").as_str()),
        Some(right.replace(&format!("t={at}"), &format!("t={}", at + 1)).as_str()),
        Some(flipped.as_str()),
        Some(right.split_once(',').unwrap().1),
    ] {
        assert_eq!(known.sends(signature, Some(&format!("Bearer {SECRET}")), BODY).await, refusal, "{signature:?}");
    }
    for (later, status) in [(-3600, 401), (-301, 401), (301, 401)] {
        let (answered, body) = known.signs(later, BODY).await;
        assert_eq!((answered, &body["error"]), (status, &json!("stale")), "{later} s");
    }
    assert_eq!(town.state_of(campaign, "c1").await, "silent");
    assert_eq!(known.signs(-299, BODY).await.0, 200);
    let of_two = format!("{},v1={}", signature("the old one", at, BODY), right.split_once("v1=").unwrap().1);
    assert_eq!(known.sends(Some(&of_two), None, BODY).await.0, 200, "while a secret is changed, two are shown");
}

#[tokio::test]
async fn a_call_that_cannot_be_read_names_the_field_and_may_come_again() {
    let town = Town::new(13).await;
    town.campaign("barometre", webhook()).await;
    let tool = Tool { town: &town, slug: "barometre" };
    let (status, body) = tool.signs(0, r#"{"token": "token-c1-1"}"#).await;
    assert_eq!((status, &body["field"]), (400, &json!("reference")));
    assert!(body["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    assert_eq!(tool.signs(0, r#"{"token": "token-c1-1"}"#).await.0, 400, "it was not taken for known");
    let (status, body) = tool.signs(0, r#"{"reference": "1", "token": "forged"}"#).await;
    assert_eq!((status, &body["result"]), (200, &json!("unmatched")));
}

#[tokio::test]
async fn signatures_are_forgotten_once_they_are_stale() {
    let town = Town::new(14).await;
    town.campaign("barometre", webhook()).await;
    let tool = Tool { town: &town, slug: "barometre" };
    for number in 0..3 {
        assert_eq!(tool.signs(0, &format!(r#"{{"reference": "{number}"}}"#)).await.0, 200);
        town.bench.clock.advance(TimeDelta::minutes(20));
    }
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM survey_reminders.webhook_seen"#);
    assert_eq!(count.fetch_one(&town.bench.pool).await.unwrap(), 1);
}

#[tokio::test]
async fn a_tool_that_cannot_sign_shows_its_secret() {
    let town = Town::new(15).await;
    let mut sources = webhook();
    sources.webhook.as_mut().unwrap().mode = WebhookMode::Bearer;
    let campaign = town.campaign("barometre", sources).await;
    let tool = Tool { town: &town, slug: "barometre" };
    let at = town.bench.clock.now().timestamp();
    for wrong in ["", "Bearer", "Bearer ", "Bearer wrong", SECRET, &format!("Basic {SECRET}")] {
        let signed = signature(SECRET, at, BODY);
        assert_eq!(tool.sends(Some(&signed), Some(wrong), BODY).await.0, 401, "{wrong}");
    }
    assert_eq!(tool.sends(None, Some(&format!("Bearer {SECRET}")), BODY).await.1["result"], "matched");
    assert_eq!(tool.sends(None, Some(&format!("bearer {SECRET}")), BODY).await.1["result"], "already_known");
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}

#[tokio::test]
async fn a_tool_that_can_set_no_header_shows_its_secret_in_a_field() {
    let town = Town::new(16).await;
    let mut sources = webhook();
    let source = sources.webhook.as_mut().unwrap();
    source.mode = WebhookMode::Bearer;
    source.fields.secret = Some("api_token".to_owned());
    source.fields.reference = "respondId".to_owned();
    source.fields.completed_at = "submitDate".to_owned();
    let campaign = town.campaign("barometre", sources).await;
    let tool = Tool { town: &town, slug: "barometre" };
    // As the plugin LimeSurveyWebhook sends it.
    let body = |secret: &str| {
        json!({
            "api_token": secret, "survey": 123_456, "event": "afterSurveyComplete", "respondId": 42, "response": {},
            "submitDate": "2026-10-05 09:30:00", "token": "token-c1-1", "participant": { "firstname": "Ana" },
        })
        .to_string()
    };
    assert_eq!(tool.sends(None, None, &body("wrong")).await.0, 401);
    assert_eq!(tool.sends(None, Some("Bearer wrong"), &body(SECRET)).await.0, 401);
    assert_eq!(tool.sends(None, None, &body(SECRET)).await.1["result"], "matched");
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}
