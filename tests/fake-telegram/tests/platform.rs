//! The fake by itself, as a client that knows nothing of crieur meets it, and the judge held to itself.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use fake_telegram::{FakeTelegram, Fault, judge, problems};
use serde_json::{Value, json};

async fn call(fake: &FakeTelegram, method: &str, params: &Value) -> (u16, Value) {
    let url = format!("{}/bot{}/{method}", fake.url(), fake.token());
    let response = reqwest::Client::new().post(url).json(params).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_call_is_taken_in_all_four_ways_and_any_case() {
    let fake = FakeTelegram::start().await;
    fake.person(42).has_started();
    let url = |method: &str| format!("{}/bot{}/{method}", fake.url(), fake.token());
    let client = reqwest::Client::new();
    let form = reqwest::multipart::Form::new().text("chat_id", "42").text("text", "une & deux");
    let requests = [
        client.post(url("SendMessage")).json(&json!({ "chat_id": 42, "text": "une & deux" })),
        client.post(url("sendmessage")).multipart(form),
        client.get(url("sendMessage?chat_id=42&text=une+%26%20deux")),
        client
            .post(url("sendMessage"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("chat_id=42&text=une+%26+deux"),
    ];
    for request in requests {
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    assert!(fake.seen(42).iter().all(|seen| seen.text == "une & deux"));
    assert_eq!(fake.seen(42).len(), 4);
    judge(&fake.record());
}

#[tokio::test]
async fn who_has_no_token_gets_nowhere() {
    let fake = FakeTelegram::start().await;
    let client = reqwest::Client::new();
    for (token, status, description) in [("1:x", 401, "Unauthorized"), ("x", 404, "Not Found")] {
        let response = client.get(format!("{}/bot{token}/getMe", fake.url())).send().await.unwrap();
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!((body["description"].as_str(), body.get("parameters")), (Some(description), None));
    }
    let (status, body) = call(&fake, "sendTelepathy", &json!({})).await;
    assert_eq!((status, body["description"].as_str()), (404, Some("Not Found: method not found")));
}

#[tokio::test]
async fn limits_are_kept() {
    let fake = FakeTelegram::start().await;
    fake.person(42).has_started();
    fake.person(43);
    let options = |count: usize| json!(vec![json!({ "text": "a" }); count]);
    let button = |data: &str| json!({ "inline_keyboard": [[{ "text": "a", "callback_data": data }]] });
    let cases = [
        ("sendMessage", json!({ "chat_id": 42, "text": "é".repeat(4096) }), None),
        ("sendMessage", json!({ "chat_id": 42, "text": "é".repeat(4097) }), Some("message is too long")),
        ("sendMessage", json!({ "chat_id": 42, "text": " " }), Some("message text is empty")),
        ("sendMessage", json!({ "chat_id": 77, "text": "a" }), Some("chat not found")),
        ("sendMessage", json!({ "chat_id": 42, "text": "a", "reply_markup": button(&"x".repeat(64)) }), None),
        (
            "sendMessage",
            json!({ "chat_id": 42, "text": "a", "reply_markup": button(&"é".repeat(33)) }),
            Some("BUTTON_DATA_INVALID"),
        ),
        (
            "sendMessage",
            json!({ "chat_id": 42, "text": "a", "entities": [{ "type": "bold", "offset": 0, "length": 2 }] }),
            Some("can't parse entities"),
        ),
        ("sendPoll", json!({ "chat_id": 42, "question": "?", "options": options(12) }), None),
        (
            "sendPoll",
            json!({ "chat_id": 42, "question": "?", "options": options(13) }),
            Some("poll can't have more than 12 options"),
        ),
        ("sendPhoto", json!({ "chat_id": 42, "photo": "nothing" }), Some("wrong file identifier")),
        ("editMessageText", json!({ "chat_id": 42, "message_id": 1, "text": "a" }), Some("message to edit not found")),
        ("deleteMessage", json!({ "chat_id": 42, "message_id": 1 }), Some("message to delete not found")),
    ];
    for (method, params, refused) in cases {
        let (status, body) = call(&fake, method, &params).await;
        let description = body["description"].as_str().unwrap_or_default();
        match refused {
            None => assert_eq!(status, 200, "{body}"),
            Some(words) => {
                assert!(status == 400 && description.starts_with(&format!("Bad Request: {words}")), "{body}")
            }
        }
    }
    let (status, body) = call(&fake, "sendMessage", &json!({ "chat_id": 43, "text": "a" })).await;
    assert_eq!((status, body["description"].as_str().unwrap().split(": ").next()), (403, Some("Forbidden")));
}

#[tokio::test]
async fn a_question_is_held_until_there_is_an_answer_or_time_is_up() {
    let fake = FakeTelegram::start().await;
    let asked = json!({ "timeout": 50, "allowed_updates": ["message"] });
    let (answer, ()) = tokio::join!(call(&fake, "getUpdates", &asked), async {
        while fake.calls_of("getUpdates").is_empty() {
            tokio::task::yield_now().await;
        }
        fake.person(42).says("bonjour");
    });
    assert_eq!(answer.1["result"][0]["message"]["text"], "bonjour");
    let next = json!({ "timeout": 50, "offset": answer.1["result"][0]["update_id"].as_i64().unwrap() + 1 });
    let (answer, ()) = tokio::join!(call(&fake, "getUpdates", &next), async {
        while fake.calls_of("getUpdates").len() < 2 {
            tokio::task::yield_now().await;
        }
        fake.advance(Duration::from_secs(50));
    });
    assert_eq!(answer.1["result"], json!([]));
}

#[tokio::test]
async fn time_may_run_along_with_the_real_one() {
    let fake = FakeTelegram::start_in_real_time().await;
    let (_, answer) = call(&fake, "getUpdates", &json!({ "timeout": 1 })).await;
    assert_eq!(answer["result"], json!([]));
}

#[tokio::test]
async fn what_a_fault_spoils_was_done_all_the_same() {
    let fake = FakeTelegram::start().await;
    fake.person(42).has_started();
    let url = format!("{}/bot{}/sendMessage", fake.url(), fake.token());
    let faults = [Fault::BadGateway, Fault::ServerError, Fault::Unparsable, Fault::LostReply];
    for (number, fault) in faults.into_iter().enumerate() {
        fake.fail_next("sendMessage", fault.clone());
        let sent = reqwest::Client::new().post(&url).json(&json!({ "chat_id": 42, "text": "a" })).send().await;
        match fault {
            Fault::LostReply => assert!(sent.is_err()),
            Fault::BadGateway => assert!(sent.unwrap().text().await.unwrap().starts_with("<html>")),
            _ => assert!(sent.is_ok()),
        }
        assert_eq!(fake.seen(42).len(), number + 1);
    }
    fake.refuse().await;
    let refused = reqwest::Client::new().post(&url).json(&json!({ "chat_id": 42, "text": "a" })).send().await;
    assert!(refused.unwrap_err().is_connect());
    fake.accept().await;
    assert_eq!(fake.seen(42).len(), 4);
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let request = |method: &str, params: Value| json!({ "request": method, "params": params, "files": [] });
    let answer = |method: &str, result: Value| json!({ "answer": method, "status": 200, "body": { "ok": true, "result": result } });
    let poll_options = json!({ "chat_id": 1, "question": "?", "options": ["a", "b"] });
    let button = json!({ "chat_id": 1, "text": "a", "reply_markup": "{\"inline_keyboard\":[[{\"texte\":\"a\"}]]}" });
    let refusal =
        json!({ "answer": "getMe", "status": 403, "body": { "ok": false, "error_code": 400, "description": "x" } });
    let file = json!({ "request": "sendPhoto", "params": { "chat_id": 1, "photo": "x" }, "files": ["file"] });
    let wrong = [
        (request("sendTelepathy", json!({})), "sendTelepathy: there is no such method"),
        (
            request("sendMessage", json!({ "chat_id": 1, "text": "a", "colour": 1 })),
            "sendMessage: there is no field `colour`",
        ),
        (request("sendMessage", json!({ "chat_id": 1 })), "sendMessage: `text` is missing"),
        (request("getUpdates", json!({ "offset": "x" })), "getUpdates.offset: expected Integer"),
        (request("sendPoll", poll_options), "sendPoll.options[0]: expected an object"),
        (request("sendMessage", button), "there is no field `texte`"),
        (file, "sendPhoto: the file `file` is named by no parameter"),
        (answer("getMe", json!({ "id": 1, "is_bot": true })), "getMe's answer: aiogram cannot read it"),
        (answer("getMe", json!({ "id": 1, "is_bot": true, "first_name": "a", "hat": 1 })), "there is no field `hat`"),
        (answer("sendMessage", json!(true)), "sendMessage's answer: expected an object"),
        (refusal, "getMe: a refusal holds `ok`, `error_code` and `description`"),
        (json!({ "update": { "update_id": 1, "message": { "message_id": 1 } } }), "update: aiogram cannot read it"),
    ];
    let record: String = wrong.iter().map(|(line, _)| format!("{line}\n")).collect();
    // Where the judge is missing it says so, and there is nothing to hold to itself.
    let Some(found) = problems(&record) else { return };
    for (line, expected) in wrong {
        assert!(found.iter().any(|problem| problem.contains(expected)), "{line} in {found:#?}");
    }
}
