//! `crieur demo`, as a newcomer runs it: on a private Postgres of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, Permissions};
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

/// A test that waits this long for something has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a newcomer is promised, once everything is built.
const READY_WITHIN: Duration = Duration::from_secs(10);

struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn start(data_dir: &Path) -> Self {
        let mut child = crieur(data_dir)
            .args(["demo", "--json", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // The first thing it prints, as soon as it is ready.
        let ready = Value::deserialize(&mut serde_json::Deserializer::from_reader(output)).unwrap();
        Self { child, url: ready["url"].as_str().unwrap().to_owned() }
    }

    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // One that ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn crieur(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
    command.arg("--data-dir").arg(data_dir).env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
    command
}

/// Ballots of each consultation, by name.
fn ballots(data_dir: &Path, name: &str) -> u64 {
    let output = crieur(data_dir).args(["consultation", "show", name, "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["ballots"].as_u64().unwrap()
}

/// What a command that succeeds says in JSON.
fn told(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// States of the digest's editions, the newest first.
fn editions(data_dir: &Path) -> Vec<String> {
    let editions = told(crieur(data_dir).args(["digest", "list", "--json"]));
    editions.as_array().unwrap().iter().map(|edition| edition["state"].as_str().unwrap().to_owned()).collect()
}

/// A citizen who takes part with the documented API, and tries again when told to.
struct Citizen {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Citizen {
    async fn arrives(demo: &Demo) -> Self {
        let client = reqwest::Client::new();
        let opened = client.post(format!("{}/webchat/sessions", demo.url)).json(&json!({ "locale": "fr" }));
        let token = opened.send().await.unwrap().json::<Value>().await.unwrap();
        Self { client, url: demo.url.clone(), token: token["token"].as_str().unwrap().to_owned() }
    }

    /// Returns once it is acknowledged.
    async fn posts(&self, id: &str, message: Value) {
        let mut message = message;
        message["id"] = id.into();
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "it is taken in time");
            let request = self.client.post(format!("{}/webchat/messages", self.url)).bearer_auth(&self.token);
            match request.json(&message).send().await.unwrap().status().as_u16() {
                202 => return,
                503 => tokio::task::yield_now().await,
                status => panic!("status {status}"),
            }
        }
    }

    /// Presses the button whose label holds these words, once it is shown.
    async fn taps(&self, words: &str) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "{words} is shown in time");
            if let Some(action) = self.shown(words).await {
                return self
                    .posts(&words.replace(|c: char| !c.is_ascii_alphanumeric(), "-"), json!({ "action": action }))
                    .await;
            }
        }
    }

    /// Waits for a button whose label holds these words.
    async fn awaits(&self, words: &str) {
        let began = Instant::now();
        while self.shown(words).await.is_none() {
            assert!(began.elapsed() < PATIENCE, "{words} is shown in time");
        }
    }

    /// Reads the event stream up to now.
    async fn shown(&self, words: &str) -> Option<String> {
        let request = self.client.get(format!("{}/webchat/events?after=0", self.url)).bearer_auth(&self.token);
        let mut response = request.send().await.ok().filter(|response| response.status().is_success())?;
        let mut read = String::new();
        while !read.contains("event: ready") {
            read.push_str(&String::from_utf8_lossy(&response.chunk().await.ok()??));
        }
        let events = read.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        let buttons = events.filter_map(|event| event["buttons"].as_array().cloned()).flatten();
        let mut found = buttons.filter(|button| button["label"].as_str().is_some_and(|label| label.contains(words)));
        found.next_back().and_then(|button| button["action"].as_str().map(str::to_owned))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_survives_the_death_of_postgres_and_a_second_start() {
    let place = tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap();
    let data_dir = place.path().join("demo");
    // The first start makes the cluster, and may have to fetch Postgres.
    let demo = Demo::start(&data_dir);
    assert_eq!(ballots(&data_dir, "barometre-2016"), 100);
    let page = reqwest::get(format!("{}/consultations/barometre-2016", demo.url)).await.unwrap();
    assert!(page.text().await.unwrap().contains("Bulletins fictifs"), "what is made up says so");

    // The digest: one edition in the archive, one to approve, and it can be subscribed to.
    let states = editions(&data_dir);
    assert!(
        states.len() == 2 && states[0] == "draft" && ["sending", "sent"].contains(&states[1].as_str()),
        "{states:?}"
    );
    let page = reqwest::get(format!("{}/digests/1", demo.url)).await.unwrap().text().await.unwrap();
    assert!(page.contains("<svg") && page.contains("sont inventés"), "what is made up says so");
    assert!(page.contains("/digests/data/barometre/1#row-"), "{page}");
    let reader = Citizen::arrives(&demo).await;
    reader.posts("subscribe", json!({ "text": "/abonner" })).await;
    reader.taps("abonne").await;
    reader.awaits("Se désabonner").await;
    let draft: Value = told(crieur(&data_dir).args(["digest", "show", "2", "--json"]));
    assert!(draft["news"].as_u64() > Some(0) && draft["consultations"].as_u64() > Some(0), "{draft:#}");
    // As it is shown, word for word.
    let approve = draft["approve"].as_str().unwrap().split(' ').skip(1);
    told(crieur(&data_dir).args(approve).arg("--json"));
    let proof = told(crieur(&data_dir).args(["digest", "proof", "2", "--json"]));
    assert_eq!((&proof["expected"], &proof["adds_up"]), (&1.into(), &true.into()), "{proof:#}");

    let citizen = Citizen::arrives(&demo).await;
    citizen.posts("list", json!({ "text": "/consultations" })).await;
    citizen.taps("La place du marché").await;
    citizen.taps("Halle couverte").await;
    let postmaster = fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().path().join("postmaster.pid"));
    let postmaster: PathBuf = postmaster.into_iter().find(|path| path.exists()).unwrap();
    let pid = fs::read_to_string(postmaster).unwrap().lines().next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    citizen.taps("Déposer").await;
    let began = Instant::now();
    while crieur(&data_dir).args(["plugins", "list"]).output().unwrap().status.code() != Some(0)
        || ballots(&data_dir, "place-du-marche") == 0
    {
        assert!(began.elapsed() < PATIENCE, "an acknowledged vote is counted");
    }
    assert_eq!(demo.stop(), Some(0));

    let began = Instant::now();
    let demo = Demo::start(&data_dir);
    assert!(began.elapsed() < READY_WITHIN, "ready after {:?}", began.elapsed());
    assert_eq!(ballots(&data_dir, "place-du-marche"), 1);
    assert_eq!(ballots(&data_dir, "barometre-2016"), 100, "it is filled once");
    assert_eq!(editions(&data_dir).len(), 2);
    let second = crieur(&data_dir).args(["demo", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is in use by process"));
    assert_eq!(demo.stop(), Some(0));
}
