//! The program itself: what it prints and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use bot_core::conformance::TestDatabase;
use serde_json::Value;
use sqlx::ConnectOptions;
use tempfile::TempDir;

const CONSULTATION: &str = r#"
slug = "place-du-marche"
duration_days = 14
anonymity = "anonymous"
results = "always"
title = "La place du marché"

[[questions]]
kind = "single"
text = "Que souhaitez-vous au centre de la place ?"
options = ["Halle couverte", "Jardin et bancs"]
"#;

/// A configuration file, and a database of its own.
struct Installation {
    directory: TempDir,
    database: TestDatabase,
}

impl Installation {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let config = "[organisation]\ntitle = \"Ville de Trifouilly\"\n\n[http.public]\nlisten = \"127.0.0.1:0\"\n\n\
                      [http.admin]\nlisten = \"127.0.0.1:0\"\n\n[log]\nformat = \"json\"\nfilter = \"info\"\n\n\
                      [[account]]\nname = \"webchat\"\nplatform = \"webchat\"\n";
        std::fs::write(directory.path().join("crieur.toml"), config).unwrap();
        std::fs::write(directory.path().join("consultation.toml"), CONSULTATION).unwrap();
        Self { directory, database: TestDatabase::create().await }
    }

    fn command(&self) -> Command {
        let mut command = crieur();
        command.current_dir(self.directory.path());
        command.env("CRIEUR_DATABASE__URL", self.database.options().to_url_lossy().as_str());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and gives what it says in JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command().args(arguments).arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that fails with this exit code, and gives what it says.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    fn serve_with(&self, environment: &[(&str, &str)]) -> Serving {
        let mut command = self.command();
        command.envs(environment.iter().copied());
        let mut child = command.arg("serve").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it becomes ready before it ends").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = line["public_address"].as_str() {
                break address.to_owned();
            }
        };
        // Its log is read to the end, or it would wait for a reader.
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Serving { child, url: format!("http://{address}"), rest: Some(rest) }
    }
}

/// A service that runs as a program of its own. Killed when dropped.
struct Serving {
    child: Child,
    url: String,
    rest: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Serving {
    /// Asks it to stop, and gives its exit code and what it still wrote.
    fn stops(self) -> (Option<i32>, Vec<String>) {
        self.is_told_to_stop();
        self.ends()
    }

    fn is_told_to_stop(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    fn ends(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status.code(), self.rest.take().unwrap().join().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn crieur() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CRIEUR_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_wrong_call_ends_with_2_and_help_with_0() {
    let ends = |arguments: &[&str]| crieur().args(arguments).output().unwrap().status.code();
    assert_eq!(ends(&["--help"]), Some(0));
    assert_eq!(ends(&["consultation", "close", "--help"]), Some(0));
    assert_eq!(ends(&["--version"]), Some(0));
    for wrong in [
        &["cry"][..],
        &[],
        &["deliveries", "retry"],
        &["roles", "grant", "king", "webchat:a"],
        &["inbox", "retry", "x"],
    ] {
        assert_eq!(ends(wrong), Some(2), "{wrong:?}");
    }
    let help = text(&crieur().arg("--help").output().unwrap().stdout);
    assert!(help.contains("Exit codes:") && help.contains("CRIEUR_HTTP__PUBLIC__LISTEN"), "{help}");
}

#[test]
fn without_a_configuration_it_says_how_to_begin() {
    let empty = TempDir::new().unwrap();
    let output = crieur().current_dir(empty.path()).args(["check-config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("crieur demo"), "{}", text(&output.stderr));
    let data_dir = empty.path().join("nothing");
    let output = crieur().args(["roles", "list", "--data-dir"]).arg(&data_dir).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no data in"), "{}", text(&output.stderr));
    assert!(!data_dir.exists(), "a question makes nothing");
}

#[test]
fn a_wrong_configuration_is_told_as_json_too() {
    let directory = TempDir::new().unwrap();
    let file: PathBuf = directory.path().join("crieur.toml");
    std::fs::write(&file, "[organisation]\ntitel = \"Trifouilly\"\n").unwrap();
    let output = crieur().args(["check-config", "--json", "--config"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["ok"], false);
    let problem = &said["problems"][0];
    assert_eq!((problem["line"].as_u64(), problem["field"].as_str()), (Some(2), Some("organisation.titel")));
}

#[test]
fn a_consultation_file_is_checked_line_by_line() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("wrong.toml");
    std::fs::write(&file, CONSULTATION.replace("\"Halle couverte\", ", "")).unwrap();
    let output = crieur().args(["consultation", "validate"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("line 11: questions[1].options:"), "{}", text(&output.stderr));
    std::fs::write(&file, CONSULTATION).unwrap();
    let output = crieur().args(["consultation", "validate"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_runs_a_consultation_beside_the_service() {
    let here = Installation::new().await;
    assert!(here.fails(1, &["consultation", "list"]).contains("no service has run"), "before the first start");
    let serving = here.serve();

    let created = here.json(&["consultation", "create", "consultation.toml"]);
    assert_eq!((created["slug"].as_str(), created["state"].as_str()), (Some("place-du-marche"), Some("draft")));
    assert!(
        here.fails(1, &["consultation", "create", "consultation.toml"]).contains("place-du-marche"),
        "the name is taken"
    );
    assert_eq!(here.json(&["consultation", "discard", "place-du-marche"])["discarded"], "place-du-marche");
    let again = here.json(&["consultation", "create", "consultation.toml"])["id"].to_string();
    assert_eq!(here.json(&["consultation", "open", "place-du-marche"])["state"], "open");
    let page = reqwest::get(format!("{}/consultations/place-du-marche", serving.url)).await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(here.json(&["consultation", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(here.json(&["consultation", "show", &again])["questions"], 1);
    let file = here.json(&["consultation", "show", "place-du-marche", "--toml"]);
    assert!(file["toml"].as_str().unwrap().contains("Halle couverte"));
    assert_eq!(here.json(&["consultation", "results", "place-du-marche"])["counts"]["state"], "not_yet");
    assert!(text(&here.run(&["consultation", "preview", "place-du-marche"]).stdout).contains("[1] Halle couverte"));
    assert!(here.fails(1, &["consultation", "discard", "place-du-marche"]).contains("Only a draft"));
    assert_eq!(here.json(&["consultation", "close", "place-du-marche"])["state"], "closed");
    assert!(here.fails(1, &["consultation", "open", "place-du-marche"]).contains("crieur: "));
    let audit = here.json(&["audit"]);
    let done: Vec<&str> = audit.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert!(done.ends_with(&["consultation.created", "consultation.opened", "consultation.closed"]), "{done:?}");
    assert_eq!(audit.as_array().unwrap().last().unwrap()["details"]["by"], "operator");

    let (code, log) = serving.stops();
    assert_eq!(code, Some(0), "{log:?}");
    assert_eq!(here.json(&["consultation", "list"]).as_array().unwrap().len(), 1, "also when no service runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_file_stores_nothing() {
    let here = Installation::new().await;
    let previews = |file: &str| {
        let preview = here.run(&["consultation", "preview", file]);
        assert_eq!(preview.status.code(), Some(0), "{}", text(&preview.stderr));
        assert!(text(&preview.stdout).contains("[2] Jardin et bancs"));
    };
    // Before any service ran here, there is no table to store anything in.
    previews("consultation.toml");
    drop(here.serve());
    assert_eq!(here.json(&["consultation", "list"]).as_array().unwrap().len(), 0);
    here.json(&["consultation", "create", "consultation.toml"]);
    previews("consultation.toml");
    assert_eq!(here.json(&["consultation", "list"]).as_array().unwrap().len(), 1, "the one that was created");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_grants_and_revokes_and_switches_plugins() {
    let here = Installation::new().await;
    let serving = here.serve();
    let refused = here.fails(1, &["roles", "grant", "organiser", "webchat:nobody"]);
    assert!(refused.contains("nobody has written from webchat:nobody"), "{refused}");
    let client = reqwest::Client::new();
    let opened = client.post(format!("{}/webchat/sessions", serving.url)).json(&serde_json::json!({})).send().await;
    assert_eq!(opened.unwrap().status(), 201);
    let path = sqlx::query_scalar!("SELECT path FROM core.address").fetch_one(here.database.pool()).await.unwrap();
    let address = format!("webchat:{path}");
    here.json(&["roles", "grant", "organiser", &address]);
    assert_eq!(here.json(&["roles", "list"])[0]["role"], "organiser");
    here.json(&["roles", "revoke", "organiser", &address]);
    assert!(here.fails(1, &["roles", "revoke", "organiser", &address]).contains("does not have the role"));

    assert_eq!(here.json(&["plugins", "list"])[0]["state"], "running");
    here.json(&["plugins", "disable", "micro-consultations"]);
    let listed = here.json(&["plugins", "list"]);
    let disabled = listed.as_array().unwrap().iter().find(|plugin| plugin["id"] == "micro-consultations").unwrap();
    assert_eq!((disabled["state"].as_str(), disabled["enabled"].as_bool()), (Some("disabled"), Some(false)));
    assert!(disabled["reason"].as_str().unwrap().contains("operator"));
    here.json(&["plugins", "enable", "micro-consultations"]);
    assert!(here.fails(1, &["plugins", "enable", "barometer"]).contains("there is no plugin barometer"));
    let (code, log) = serving.stops();
    assert_eq!(code, Some(0));
    assert!(!log.iter().any(|line| line.contains(&path)), "an address was logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_held_released_cancelled_and_retried_and_always_add_up() {
    let here = Installation::new().await;
    let serving = here.serve();
    let client = reqwest::Client::new();
    let opened = client.post(format!("{}/webchat/sessions", serving.url)).json(&serde_json::json!({})).send().await;
    assert_eq!(opened.unwrap().status(), 201);
    let (code, _) = serving.stops();
    assert_eq!(code, Some(0));
    let pool = here.database.pool();
    // What a service left unsettled: three deliveries to the visitor.
    let queued = sqlx::query!(
        r#"
        INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, plugin_id, scope, kind, purpose, lane,
                                   state, due_at, body, locale, created_at)
        SELECT organisation_id, ('00000000-0000-7000-8000-00000000000' || nth)::uuid, account_id, id,
               'micro-consultations', 'consultation:9', 'send', 'service', 1, 'queued', created_at, '{}', 'fr', created_at
        FROM core.conversation, generate_series(1, 3) AS nth
        "#,
    );
    assert_eq!(queued.execute(pool).await.unwrap().rows_affected(), 3);
    let count = |arguments: &[&str]| here.json(&[&["deliveries"], arguments].concat())["deliveries"].as_u64().unwrap();
    let first = "00000000-0000-7000-8000-000000000001";
    assert_eq!(count(&["hold", "--scope", "consultation:9"]), 3);
    assert!(text(&here.run(&["doctor"]).stdout).contains("3 are held"));
    assert_eq!(count(&["release", first]), 1);
    assert_eq!(count(&["cancel", first]), 1);
    assert_eq!(count(&["cancel", first]), 0);
    assert_eq!(here.json(&["deliveries", "show", first])["state"], "cancelled");
    let failed = sqlx::query!(
        "UPDATE core.delivery SET state = 'failed', reason = 'refused', settled_at = due_at WHERE state = 'held'"
    );
    assert_eq!(failed.execute(pool).await.unwrap().rows_affected(), 2);
    assert_eq!(here.json(&["deliveries", "list", "--state", "failed"]).as_array().unwrap().len(), 2);
    assert_eq!(count(&["retry", "--all"]), 2);
    for campaign in here.json(&["deliveries", "stats"]).as_array().unwrap() {
        let column = |name: &str| campaign[name].as_i64().unwrap();
        let ends = ["waiting", "sent", "unknown", "failed", "expired", "suppressed", "cancelled"];
        assert_eq!(column("total"), ends.into_iter().map(column).sum::<i64>(), "{campaign}");
    }
    assert!(
        here.fails(1, &["deliveries", "show", "00000000-0000-7000-8000-000000000007"]).contains("there is no delivery")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_is_shown_without_its_words_and_tried_again() {
    let here = Installation::new().await;
    let serving = here.serve();
    let client = reqwest::Client::new();
    let opened = client.post(format!("{}/webchat/sessions", serving.url)).json(&serde_json::json!({})).send().await;
    assert_eq!(opened.unwrap().status(), 201);
    serving.stops();
    let pool = here.database.pool();
    let parked = sqlx::query!(
        r#"
        UPDATE core.inbox
        SET state = 'parked', settled_at = received_at, reason = 'it panicked', leased_by = NULL, lease_until = NULL
        "#
    );
    assert_eq!(parked.execute(pool).await.unwrap().rows_affected(), 1);
    let listed = here.json(&["inbox", "list"]);
    let entry = &listed[0];
    assert_eq!((entry["kind"].as_str(), entry["reason"].as_str()), (Some("opened"), Some("it panicked")));
    assert!(entry.get("payload").is_none());
    let number = format!("{}/{}", entry["account_id"], entry["sequence"]);
    assert_eq!(here.json(&["inbox", "retry", &number])["events"], 1);
    assert!(here.fails(1, &["inbox", "retry", &number]).contains("is not parked"));
    assert_eq!(here.json(&["inbox", "list", "--state", "waiting"]).as_array().unwrap().len(), 1);
}

/// A request whose body never comes: work in hand that does not end by itself.
fn unfinished_request(serving: &Serving) -> TcpStream {
    let address = serving.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /webchat/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // Asked for the body, so the request is being handled.
    let mut asked = [0; 12];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_does_not_end_is_given_up_at_the_deadline_and_the_exit_code_says_so() {
    let here = Installation::new().await;
    let serving = here.serve_with(&[("CRIEUR_STOPPING__DEADLINE_SECONDS", "1")]);
    let _unfinished = unfinished_request(&serving);
    let (code, log) = serving.stops();
    assert_eq!(code, Some(1), "{log:?}");
    assert!(log.iter().any(|line| line.contains("not everything was finished within 1 s")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let here = Installation::new().await;
    let serving = here.serve_with(&[("CRIEUR_STOPPING__DEADLINE_SECONDS", "600")]);
    let _unfinished = unfinished_request(&serving);
    serving.is_told_to_stop();
    // The first one was heard once it takes no new visitors.
    let address = serving.url.strip_prefix("http://").unwrap().to_owned();
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    let (code, _) = serving.stops();
    assert_eq!(code, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() {
    let here = Installation::new().await;
    assert_eq!(here.json(&["migrate"])["applied"], 0);
}
