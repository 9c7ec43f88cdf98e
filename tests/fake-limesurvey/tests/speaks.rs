//! The fake speaks as the real one does, over the wire.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use fake_limesurvey::{FakeLimeSurvey, Interface, Site, Survey};
use serde_json::{Value, json};

async fn say(fake: &FakeLimeSurvey, method: &str, params: Value) -> Value {
    let body = json!({ "method": method, "params": params, "id": 1 });
    let answer = reqwest::Client::new().post(fake.url()).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null)
}

#[tokio::test]
async fn a_session_is_opened_used_and_given_back() {
    let mut site = Site::default();
    site.users.insert("crieur".to_owned(), "secret".to_owned());
    site.surveys.insert(7, Survey::for_tokens(["a", "b", "c"]));
    let fake = FakeLimeSurvey::start(site).await.unwrap();
    let refused = say(&fake, "get_session_key", json!(["crieur", "wrong"])).await;
    assert_eq!(refused["result"]["status"], "Invalid user name or password");
    let key = say(&fake, "get_session_key", json!(["crieur", "secret"])).await["result"].clone();
    assert_eq!(key.as_str().unwrap().len(), 32);
    let listed = say(&fake, "list_participants", json!([key, 7, 1, 5, false, ["completed"]])).await;
    assert_eq!(listed["result"].as_array().unwrap().len(), 2);
    assert_eq!(listed["result"][0]["completed"], "N");
    let beyond = say(&fake, "list_participants", json!([key, 7, 3, 5])).await;
    assert_eq!(beyond["result"]["status"], "No survey participants found.");
    let unknown = say(&fake, "no_such_method", json!([])).await;
    assert_eq!(unknown["error"], "unknown method or incorrect parameters");
    fake.site().now += 7201;
    let late = say(&fake, "list_participants", json!([key, 7, 0, 5])).await;
    assert_eq!(late["result"]["status"], "Invalid Session Key");
    fake.site().interface = Interface::Off;
    assert_eq!(say(&fake, "get_session_key", json!(["crieur", "secret"])).await, Value::Null);
}
