//! The citizens: people with another client, in a process that is asked line by line.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::Synapse;

const SCRIPT: &str = include_str!("citizen.py");

type Answer = Result<Value, String>;
/// Who waits for an answer, by the number of the question.
type Waiting = Mutex<HashMap<u64, oneshot::Sender<Answer>>>;

/// The process that plays all citizens of one homeserver. It does not depend on the runtime of any one test.
#[derive(Debug)]
pub struct Citizens {
    child: Mutex<Child>,
    input: Mutex<ChildStdin>,
    waiting: Arc<Waiting>,
    number: AtomicU64,
}

/// One person.
#[derive(Clone, Debug)]
pub struct Citizen {
    citizens: Arc<Citizens>,
    /// Their whole id.
    pub user: String,
}

/// Something said in a room, as a citizen's client shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    pub id: String,
    pub sender: String,
    pub event_type: String,
    pub content: Value,
    /// What it takes back, for a redaction.
    pub redacts: Option<String>,
    /// It travelled encrypted.
    pub decrypted: bool,
}

impl Citizens {
    /// # Panics
    /// When the process cannot be started.
    pub fn start(python: PathBuf, synapse: &Synapse) -> Arc<Self> {
        let mut child = Command::new(python)
            .args(["-c", SCRIPT, &synapse.url(), synapse.shared_secret()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the citizens' process starts");
        let input = child.stdin.take().expect("a pipe");
        let output = child.stdout.take().expect("a pipe");
        let waiting: Arc<Waiting> = Arc::default();
        let heard = Arc::clone(&waiting);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { continue };
                let asked = answer["id"].as_u64().unwrap_or_default();
                let asker = heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&asked);
                let answer = match answer["error"].as_str() {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(answer["value"].clone()),
                };
                // An asker that gave up needs no answer.
                let _ = asker.map(|asker| asker.send(answer));
            }
        });
        Arc::new(Self { child: Mutex::new(child), input: Mutex::new(input), waiting, number: AtomicU64::new(1) })
    }

    async fn ask(&self, mut question: Value) -> Answer {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        question["id"] = number.into();
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(input, "{question}").and_then(|()| input.flush()).expect("the citizens' process lives");
        }
        answer.await.expect("the citizens' process lives")
    }

    async fn must(&self, question: Value) -> Value {
        self.ask(question).await.unwrap_or_else(|error| panic!("a citizen could not: {error}"))
    }

    /// Registers a user past all limits; its password is its name. Says its whole id.
    pub async fn register(&self, name: &str) -> String {
        self.must(json!({ "do": "register", "user": name, "password": name })).await;
        format!("@{name}:localhost")
    }

    /// Registers an administrator of the homeserver, and says its access token.
    pub async fn register_administrator(&self, name: &str) -> String {
        let registered = json!({ "do": "register", "user": name, "password": name, "admin": true });
        self.must(registered).await["access_token"].as_str().unwrap().to_owned()
    }

    /// Registers a citizen and logs them in.
    pub async fn arrive(self: &Arc<Self>, name: &str) -> Citizen {
        let user = self.register(name).await;
        self.must(json!({ "do": "login", "user": user, "password": name })).await;
        Citizen { citizens: Arc::clone(self), user }
    }

    /// A bare call with an access token: its status and answer.
    pub async fn call(&self, method: &str, path: &str, body: Value, token: &str) -> (u64, Value) {
        let question = json!({ "do": "raw", "method": method, "path": path, "body": body, "token": token });
        let answer = self.must(question).await;
        (answer["status"].as_u64().unwrap(), answer["answer"].clone())
    }
}

impl Drop for Citizens {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill().and_then(|()| child.wait());
    }
}

impl Citizen {
    async fn ask(&self, mut question: Value) -> Value {
        question["user"] = self.user.clone().into();
        self.citizens.must(question).await
    }

    /// A call of the client-server API in the citizen's name.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.ask(json!({ "do": "call", "method": method, "path": path, "body": body })).await
    }

    /// Opens an encrypted direct room with somebody, who is invited to it.
    pub async fn opens_direct(&self, other: &str, version: &str) -> String {
        let encryption = json!({ "type": "m.room.encryption", "state_key": "",
                                 "content": { "algorithm": "m.megolm.v1.aes-sha2" } });
        let body = json!({ "is_direct": true, "preset": "trusted_private_chat", "invite": [other],
                           "room_version": version, "initial_state": [encryption] });
        self.call("POST", "/createRoom", body).await["room_id"].as_str().unwrap().to_owned()
    }

    /// Opens an encrypted room that one enters by invitation, and invites these to it.
    pub async fn opens_room(&self, others: &[&str]) -> String {
        let encryption = json!({ "type": "m.room.encryption", "state_key": "",
                                 "content": { "algorithm": "m.megolm.v1.aes-sha2" } });
        let body = json!({ "preset": "private_chat", "invite": others, "initial_state": [encryption] });
        self.call("POST", "/createRoom", body).await["room_id"].as_str().unwrap().to_owned()
    }

    pub async fn invites(&self, room: &str, other: &str) {
        self.call("POST", &format!("/rooms/{room}/invite"), json!({ "user_id": other })).await;
    }

    pub async fn joins(&self, room: &str) {
        self.call("POST", &format!("/rooms/{room}/join"), json!({})).await;
    }

    pub async fn leaves(&self, room: &str) {
        self.call("POST", &format!("/rooms/{room}/leave"), json!({})).await;
    }

    /// Upgrades a room, and says its successor.
    pub async fn upgrades(&self, room: &str, version: &str) -> String {
        let upgraded = self.call("POST", &format!("/rooms/{room}/upgrade"), json!({ "new_version": version })).await;
        upgraded["replacement_room"].as_str().unwrap().to_owned()
    }

    pub async fn redacts(&self, room: &str, event: &str) {
        let transaction = self.citizens.number.fetch_add(1, Ordering::Relaxed);
        self.call("PUT", &format!("/rooms/{room}/redact/{event}/redact{transaction}"), json!({})).await;
    }

    /// Sends an event, once `to` is in the room with a device; encrypted where the room is.
    pub async fn sends(&self, room: &str, to: &str, event_type: &str, content: Value) -> String {
        let question = json!({ "do": "send", "room": room, "to": to, "type": event_type, "content": content });
        self.ask(question).await.as_str().unwrap().to_owned()
    }

    pub async fn says(&self, room: &str, to: &str, text: &str) -> String {
        self.sends(room, to, "m.room.message", json!({ "msgtype": "m.text", "body": text })).await
    }

    pub async fn reacts(&self, room: &str, to: &str, event: &str, key: &str) -> String {
        let relation = json!({ "rel_type": "m.annotation", "event_id": event, "key": key });
        self.sends(room, to, "m.reaction", json!({ "m.relates_to": relation })).await
    }

    /// Answers a poll, as clients do to this day.
    pub async fn votes(&self, room: &str, to: &str, poll: &str, answers: &[&str]) -> String {
        let content = json!({ "m.relates_to": { "rel_type": "m.reference", "event_id": poll },
                              "org.matrix.msc3381.poll.response": { "answers": answers } });
        self.sends(room, to, "org.matrix.msc3381.poll.response", content).await
    }

    /// Makes the next message use a key that is shared anew.
    pub async fn rotates_keys(&self, room: &str) {
        self.ask(json!({ "do": "rotate", "room": room })).await;
    }

    /// All that was said in a room since the citizen came, in order.
    pub async fn sees(&self, room: &str) -> Vec<Said> {
        let said = self.ask(json!({ "do": "said", "room": room })).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said = said.as_array().unwrap().iter().map(|said| Said {
            id: text(&said["id"]),
            sender: text(&said["sender"]),
            event_type: text(&said["type"]),
            content: said["content"].clone(),
            redacts: said["redacts"].as_str().or(said["content"]["redacts"].as_str()).map(str::to_owned),
            decrypted: said["decrypted"].as_bool().unwrap_or_default(),
        });
        said.collect()
    }

    /// Downloads and decrypts a file, in base64.
    pub async fn downloads(&self, file: &Value) -> String {
        self.ask(json!({ "do": "media", "file": file })).await.as_str().unwrap().to_owned()
    }
}
