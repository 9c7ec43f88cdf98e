//! The two listeners of a service started in process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use bot_core::conformance::TestDatabase;
use crieur::config::Config;
use crieur::{App, Start};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;

/// A service on ports of its own.
struct Service {
    app: App,
    client: reqwest::Client,
    // Dropped after the service that uses it.
    _database: TestDatabase,
}

impl Service {
    async fn start() -> Self {
        let database = TestDatabase::create().await;
        let mut config = Config::with_title("Ville de Trifouilly");
        config.http.public.listen.set_port(0);
        config.http.admin.listen.set_port(0);
        let app = App::start(Start::new(config, database.options())).await.unwrap();
        Self { app, client: reqwest::Client::new(), _database: database }
    }

    async fn public(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.app.public_url())).send().await.unwrap()
    }

    async fn admin(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("http://{}{path}", self.app.admin_address())).send().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_is_there() {
    let service = Service::start().await;
    assert_eq!(service.admin("/health/live").await.status(), StatusCode::OK);
    let ready = service.admin("/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let said: Value = ready.json().await.unwrap();
    assert_eq!(said["ready"], true);
    let named: Vec<_> =
        said["components"].as_array().unwrap().iter().map(|part| part["kind"].as_str().unwrap()).collect();
    assert_eq!(named, ["database", "account", "plugin", "plugin", "plugin"]);
    // Nothing of this is for the public.
    assert_eq!(service.public("/metrics").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(service.public("/health/ready").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_it_is_alive_and_not_ready_and_says_why() {
    let service = Service::start().await;
    service.app.core().pool.close().await;
    assert_eq!(service.admin("/health/live").await.status(), StatusCode::OK);
    let ready = service.admin("/health/ready").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said: Value = ready.json().await.unwrap();
    let database = &said["components"][0];
    assert_eq!((database["kind"].as_str(), database["ready"].as_bool()), (Some("database"), Some(false)));
    assert!(database["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(service.admin("/metrics").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.public("/consultations").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_depth_and_age_and_states() {
    let service = Service::start().await;
    let session = service.client.post(format!("{}/webchat/sessions", service.app.public_url()));
    let opened = session.json(&serde_json::json!({ "locale": "fr" })).send().await.unwrap();
    assert_eq!(opened.status(), StatusCode::CREATED);
    service.app.service().quiet().await.unwrap();
    let text = service.admin("/metrics").await.text().await.unwrap();
    for line in [
        "crieur_inbox_depth{state=\"waiting\"} 0",
        "crieur_inbox_depth{state=\"parked\"} 0",
        "crieur_inbox_oldest_seconds 0",
        "crieur_deliveries{state=\"queued\"} 0",
        "crieur_deliveries_oldest_due_seconds 0",
        "crieur_gates_closed 0",
        "crieur_plugin_state{plugin=\"micro-consultations\",state=\"running\"} 1",
        "crieur_plugin_state{plugin=\"micro-consultations\",state=\"disabled\"} 0",
        "crieur_account_state{account=\"webchat\",state=\"ready\"} 1",
    ] {
        assert!(text.lines().any(|written| written == line), "no `{line}` in\n{text}");
    }
    for counter in ["crieur_events_total", "crieur_event_seconds_bucket", "crieur_http_requests_total"] {
        assert!(text.contains(counter), "no {counter} in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_guarded_and_speak_the_readers_language() {
    let service = Service::start().await;
    let page = service.public("/consultations").await;
    assert_eq!(page.status(), StatusCode::OK);
    let header = |name: &str| page.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"));
    assert_eq!(header("x-frame-options").as_deref(), Some("DENY"));
    assert!(header("x-request-id").is_some());
    assert_eq!(header("content-language").as_deref(), Some("fr"));
    assert!(page.text().await.unwrap().contains("<html lang=\"fr\">"));

    let english = service.client.get(format!("{}/consultations", service.app.public_url()));
    let english = english.header("accept-language", "en-GB,en;q=0.9,fr;q=0.5").send().await.unwrap();
    assert!(english.text().await.unwrap().contains("<html lang=\"en\">"));
    // What is asked for in the address wins.
    assert!(service.public("/consultations?lang=en").await.text().await.unwrap().contains("<html lang=\"en\">"));

    let missing = service.public("/consultations/nulle-part").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.text().await.unwrap().contains("Page introuvable"));
    assert_eq!(service.public("/consultations/nulle-part/ballots.csv").await.status(), StatusCode::NOT_FOUND);
    let style = service.public("/consultations/style.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(service.public("/").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_measure_is_refused() {
    let service = Service::start().await;
    let request = service.client.post(format!("{}/webchat/sessions", service.app.public_url()));
    let refused = request.header("content-type", "application/json").body("x".repeat(1 << 20)).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_does_not_hold_up_the_stop() {
    let service = Service::start().await;
    let _silent = tokio::net::TcpStream::connect(service.app.public_address()).await.unwrap();
    let Service { app, _database, .. } = service;
    assert!(app.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_open_streams_within_the_deadline() {
    let service = Service::start().await;
    let url = service.app.public_url().to_owned();
    let session = service.client.post(format!("{url}/webchat/sessions")).json(&serde_json::json!({}));
    let token = session.send().await.unwrap().json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let stream = service.client.get(format!("{url}/webchat/events")).bearer_auth(token).send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let Service { app, _database, .. } = service;
    let (in_time, read) = tokio::join!(app.stop(Duration::from_secs(10)), stream.bytes());
    assert!(in_time);
    assert!(read.is_ok(), "the stream ends, it is not cut");
}

/// One published edition, and a draft.
async fn digests(service: &Service) {
    use barometer_digests::edition::{model::Edition, store};
    let core = service.app.core();
    let (organisation, now) = (core.organisations().next().unwrap().view.id, core.clock.now());
    let sample = include_str!("../plugins/barometer-digests/samples/edition.json");
    let mut sql = core.pool.acquire().await.unwrap();
    for period in ["2026-W47", "2026-W48"] {
        let edition = Edition { period: period.parse().unwrap(), ..serde_json::from_str(sample).unwrap() };
        store::insert(&mut sql, organisation, &edition, "claire", now).await.unwrap();
    }
    store::approve(&mut sql, organisation, 1, "claire", now).await.unwrap();
    store::publish(&mut sql, organisation, 1, 0, now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_of_digests_is_public_and_a_draft_is_not() {
    let service = Service::start().await;
    digests(&service).await;
    for (path, content_type, said) in [
        ("/digests", "text/html; charset=utf-8", "semaine du 16 au 22 novembre 2026"),
        ("/digests/1", "text/html; charset=utf-8", "Participatory budgets"),
        ("/digests/1?lang=en", "text/html; charset=utf-8", "<html lang=\"en\">"),
        ("/digests/1.json", "application/json", "\"sha256\""),
        ("/digests/feed.atom", "application/atom+xml; charset=utf-8", "<feed xmlns=\"http://www.w3.org/2005/Atom\""),
        ("/digests/style.css", "text/css; charset=utf-8", ".corrections"),
    ] {
        let page = service.public(path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert_eq!(page.headers()["content-type"], content_type, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let text = page.text().await.unwrap();
        assert!(text.contains(said), "{path}: {text}");
    }
    for path in
        ["/digests/2", "/digests/2.json", "/digests/01", "/digests/1.xml", "/digests/data/rien/1", "/digests/leave/abc"]
    {
        assert_eq!(service.public(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_edition_already_is_not_sent_it_again() {
    let service = Service::start().await;
    digests(&service).await;
    let first = service.public("/digests/1").await;
    let etag = first.headers()["etag"].clone();
    assert!(first.headers().contains_key("last-modified"));
    let again = service.client.get(format!("{}/digests/1", service.app.public_url())).header("if-none-match", &etag);
    let again = again.send().await.unwrap();
    assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &etag));
    assert_eq!(again.text().await.unwrap(), "");
    let other = service.client.get(format!("{}/digests/1?lang=en", service.app.public_url()));
    assert_eq!(other.header("if-none-match", &etag).send().await.unwrap().status(), StatusCode::OK);
}
