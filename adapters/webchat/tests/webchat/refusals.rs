//! What is refused, and how it is said.

use adapter_webchat::WebchatSettings;
use bot_core::conformance::DatabaseFault;
use bot_core::message::Document;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::server::{Server, site};

/// The status and the code of an answer that must be an error in both languages.
async fn refusal(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("an error is JSON");
    let error = &body["error"];
    for language in ["message_fr", "message_en"] {
        assert!(error[language].as_str().is_some_and(|message| message.len() > 10), "{body}");
    }
    (status, error["code"].as_str().unwrap().to_owned())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn bad_messages_get_a_clear_answer_and_leave_nothing_behind() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let long = "é".repeat(4001);
    for (body, expected) in [
        (json!({}), is(400, "empty_message")),
        (json!({ "text": " \n" }), is(400, "empty_message")),
        (json!({ "text": "a", "action": "b" }), is(400, "empty_message")),
        (json!({ "text": 3 }), is(400, "bad_body")),
        (json!({ "text": "a", "colour": "red" }), is(400, "bad_body")),
        (json!({ "text": "a\u{0}b" }), is(400, "bad_body")),
        (json!({ "text": long }), is(413, "text_too_long")),
        (json!({ "action": "a".repeat(49) }), is(400, "bad_action")),
        (json!({ "action": "é" }), is(400, "bad_action")),
        (json!({ "text": "a", "id": "" }), is(400, "bad_id")),
        (json!({ "text": "a", "id": "a".repeat(65) }), is(400, "bad_id")),
        (json!({ "text": "x".repeat(17_000) }), is(413, "body_too_large")),
    ] {
        assert_eq!(refusal(visitor.posts(&body).await).await, expected, "{body:.60}");
    }
    for (content_type, body, expected) in [
        ("application/json", b"{\"text\":\"caf\xe9\"}".as_slice(), is(400, "bad_body")),
        ("application/json", b"{", is(400, "bad_body")),
        ("text/plain", b"{\"text\":\"a\"}", is(415, "not_json")),
        ("application/x-www-form-urlencoded", b"text=a", is(415, "not_json")),
    ] {
        let request = server.http.post(server.address("/webchat/messages")).bearer_auth(&visitor.token);
        let response = request.header("content-type", content_type).body(body.to_vec()).send().await.unwrap();
        assert_eq!(refusal(response).await, expected);
    }
    assert_eq!(server.account.inbox().await.len(), 1, "only the opening was taken");
    assert_eq!(visitor.posts(&json!({ "text": "é".repeat(4000) })).await.status(), 202, "the limit itself is fine");
}

#[tokio::test]
async fn nobody_gets_in_without_a_session_of_ours() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let mut forged = visitor.token.clone().into_bytes();
    forged[0] = if forged[0] == b'A' { b'B' } else { b'A' };
    let session = visitor.conversation.platform_ref.expose().clone();
    for token in [String::from_utf8(forged).unwrap(), String::new(), session, "a".repeat(5000)] {
        let events = server.http.get(server.address("/webchat/events")).bearer_auth(&token);
        assert_eq!(refusal(events.send().await.unwrap()).await, is(401, "no_session"));
        let cookie = server.http.get(server.address("/webchat/events"));
        let cookie = cookie.header("cookie", format!("crieur-webchat={token}")).send().await.unwrap();
        assert_eq!(refusal(cookie).await, is(401, "no_session"));
    }
    let nothing = server.http.post(server.address("/webchat/messages")).json(&json!({ "text": "a" }));
    assert_eq!(refusal(nothing.send().await.unwrap()).await, is(401, "no_session"));
    let elsewhere = server.http.get(server.address("/webchat/elsewhere")).send().await.unwrap();
    assert_eq!(refusal(elsewhere).await, is(404, "not_found"));
    let method = server.http.put(server.address("/webchat/messages")).send().await.unwrap();
    assert_eq!(refusal(method).await, is(405, "bad_method"));
    let position = visitor.gets("/webchat/events?after=latest").await;
    assert_eq!(refusal(position).await, is(400, "bad_position"));
    let twice = visitor.gets("/webchat/events?after=1&after=2").await;
    assert_eq!(refusal(twice).await, is(400, "bad_position"));
    assert_eq!(refusal(visitor.gets("/webchat/media/nothing").await).await, is(404, "not_found"));
}

#[tokio::test]
async fn a_session_reads_only_its_own_conversation() {
    let server = Server::start().await;
    let (ana, ben) = (server.visitor().await, server.visitor().await);
    server.send(&ana.conversation, 1, &Document::says("pour Ana")).await;
    server.send(&ben.conversation, 2, &Document::says("pour Ben")).await;
    for (visitor, words) in [(&ana, "pour Ana"), (&ben, "pour Ben")] {
        let seen = visitor.sees().await;
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].text(), words);
    }
    // The same id chosen by two visitors makes two messages, by one visitor twice a single one.
    for visitor in [&ana, &ben, &ana] {
        assert_eq!(visitor.posts(&json!({ "text": "bonjour", "id": "1" })).await.status(), 202);
    }
    let inbox = server.account.inbox().await;
    assert_eq!(inbox.len(), 4);
    assert_eq!(&inbox[2].conversation, ana.conversation.platform_ref.expose());
    assert_eq!(&inbox[3].conversation, ben.conversation.platform_ref.expose());
}

#[tokio::test]
async fn a_browser_needs_its_cookie_and_the_csrf_token_to_change_anything() {
    let server = Server::start().await;
    let opened = server.http.post(server.address("/webchat/sessions")).json(&json!({ "cookie": true }));
    let opened = opened.send().await.unwrap();
    assert_eq!(opened.status(), 201);
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=15552000"] {
        assert!(cookie.contains(attribute), "{attribute}");
    }
    let pair = cookie.split(';').next().unwrap().to_owned();
    let body: Value = opened.json().await.unwrap();
    assert!(body.get("token").is_none(), "the token stays out of reach of scripts");
    let csrf = body["csrf"].as_str().unwrap().to_owned();

    let says = async |csrf: Option<&str>| {
        let mut request = server.http.post(server.address("/webchat/messages")).header("cookie", &pair);
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.json(&json!({ "text": "bonjour" })).send().await.unwrap()
    };
    assert_eq!(refusal(says(None).await).await, is(403, "bad_csrf"));
    assert_eq!(refusal(says(Some("")).await).await, is(403, "bad_csrf"));
    assert_eq!(refusal(says(Some(&csrf[1..])).await).await, is(403, "bad_csrf"));
    let other = server.http.post(server.address("/webchat/sessions")).json(&json!({ "cookie": true }));
    let other: Value = other.send().await.unwrap().json().await.unwrap();
    assert_eq!(refusal(says(other["csrf"].as_str()).await).await, is(403, "bad_csrf"));
    assert_eq!(says(Some(&csrf)).await.status(), 202);

    let current = server.address("/webchat/sessions/current");
    let again = server.http.get(&current).header("cookie", &pair).send().await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["csrf"], csrf.as_str(), "a browser that comes back gets it again");
    let opens = server.http.post(server.address("/webchat/sessions")).header("cookie", &pair);
    let opened = opens.json(&json!({ "cookie": true })).send().await.unwrap();
    assert_eq!((opened.status().as_u16(), opened.json::<Value>().await.unwrap()), (200, json!({ "csrf": csrf })));
    let leaves = server.http.delete(&current).header("cookie", &pair);
    assert_eq!(refusal(leaves.send().await.unwrap()).await, is(403, "bad_csrf"));
    let leaves = server.http.delete(&current).header("cookie", &pair).header("x-csrf-token", &csrf);
    let left = leaves.send().await.unwrap();
    assert_eq!(left.status(), 204);
    assert!(left.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn with_tls_the_cookie_is_bound_to_the_host() {
    let tls = adapter_webchat::Site { public_url: "https://crieur.example".into(), ..site() };
    let server = Server::start_with(WebchatSettings::default(), tls).await;
    let opened = server.http.post(server.address("/webchat/sessions")).json(&json!({ "cookie": true }));
    let cookie = opened.send().await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-crieur-webchat=") && cookie.contains("; Secure"));
}

#[tokio::test]
async fn a_visitor_in_a_hurry_is_asked_to_wait() {
    let settings = WebchatSettings { messages_burst: 3, streams_max: 2, ..WebchatSettings::default() };
    let server = Server::start_with(settings, site()).await;
    let (hasty, calm) = (server.visitor().await, server.visitor().await);
    for _ in 0..3 {
        assert_eq!(hasty.says("vite").await, 202);
    }
    let refused = hasty.posts(&json!({ "text": "vite" })).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refusal(refused).await, is(429, "too_many"));
    assert_eq!(calm.says("doucement").await, 202);
    server.clock.advance(TimeDelta::seconds(1));
    assert_eq!(hasty.says("mieux").await, 202);

    let streams = [hasty.listens(0).await, hasty.listens(0).await];
    assert_eq!(refusal(hasty.gets("/webchat/events").await).await, is(429, "too_many_streams"));
    drop(streams);
    // The server hears of closed connections a moment later.
    while hasty.gets("/webchat/events").await.status() != 200 {}
}

#[tokio::test]
async fn one_network_cannot_open_sessions_without_end() {
    let settings = WebchatSettings { sessions_burst: 2, ..WebchatSettings::default() };
    let server = Server::start_with(settings.clone(), site()).await;
    let open = async |server: &Server, forwarded: &str| {
        let request = server.http.post(server.address("/webchat/sessions")).header("x-forwarded-for", forwarded);
        request.json(&json!({})).send().await.unwrap().status().as_u16()
    };
    // What the visitor claims itself comes first; the proxy appends whom it saw.
    assert_eq!(open(&server, "192.0.2.1").await, 201);
    assert_eq!(open(&server, "198.51.100.9, 192.0.2.1").await, 201);
    assert_eq!(open(&server, "203.0.113.5, 192.0.2.1").await, 429);
    assert_eq!(open(&server, "192.0.2.2").await, 201);
    server.clock.advance(TimeDelta::seconds(1));
    assert_eq!(open(&server, "192.0.2.1").await, 201);

    let direct = adapter_webchat::Site { trusted_proxies: Vec::new(), ..site() };
    let server = Server::start_with(settings, direct).await;
    let answers =
        [open(&server, "192.0.2.1").await, open(&server, "192.0.2.2").await, open(&server, "192.0.2.3").await];
    assert_eq!(answers, [201, 201, 429], "without a trusted proxy the header means nothing");
}

#[tokio::test]
async fn when_nothing_can_be_stored_the_visitor_is_told_to_try_again() {
    let mut server = Server::start_idle(WebchatSettings::default(), site()).await;
    let open = async |server: &Server| {
        server.http.post(server.address("/webchat/sessions")).json(&json!({})).send().await.unwrap()
    };
    assert_eq!(refusal(open(&server).await).await, is(503, "try_again"), "not yet running");
    server.run().await;
    let visitor = server.visitor().await;

    server.account.break_down(DatabaseFault::InboxRefuses).await;
    let refused = visitor.posts(&json!({ "text": "bonjour", "id": "1" })).await;
    assert_eq!(refusal(refused).await, is(503, "try_again"));
    assert_eq!(refusal(open(&server).await).await, is(503, "try_again"));
    server.account.mend().await;
    assert_eq!(server.account.texts().await, Vec::<String>::new());
    assert_eq!(visitor.posts(&json!({ "text": "bonjour", "id": "1" })).await.status(), 202);
    assert_eq!(server.account.texts().await, ["bonjour"]);

    server.account.break_down(DatabaseFault::StateUnreadable).await;
    assert_eq!(refusal(visitor.gets("/webchat/events").await).await, is(503, "try_again"));
    server.account.mend().await;
    server.stop().await;
    assert_eq!(refusal(visitor.posts(&json!({ "text": "a" })).await).await, is(503, "try_again"));
}

#[tokio::test]
async fn pages_carry_strict_headers_and_are_not_sent_twice() {
    let server = Server::start().await;
    for path in ["/", "/assets/chat.css", "/assets/chat.js", "/assets/crieur.svg", "/webchat/about"] {
        let response = server.http.get(server.address(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        if let Some(tag) = headers.get("etag") {
            let again = server.http.get(server.address(path)).header("if-none-match", tag).send().await.unwrap();
            assert_eq!(again.status(), 304);
        }
    }
    let about: Value = server.http.get(server.address("/webchat/about")).send().await.unwrap().json().await.unwrap();
    assert_eq!(about, json!({ "title": "Ville de Trifouilly", "locale": "fr", "commands": { "fr": [], "en": [] } }));
}
