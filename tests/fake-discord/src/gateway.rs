//! The gateway: sessions over WebSocket, with what was missed said again on resuming (docs: Gateway).

use std::io::Write;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::FakeDiscord;
use crate::model::User;
use crate::world::{BOT_TOKEN, World};

/// How the gateway behaves from now on.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub shards: u32,
    pub sessions_left: i64,
    pub heartbeat_millis: u64,
    pub answers_heartbeats: bool,
    /// Every frame is compressed; else each is text.
    pub compresses: bool,
    /// Refuses whoever presents themselves, with this code.
    pub refuses_with: Option<u16>,
    pub identified: usize,
    pub resumed: usize,
    pub connected: usize,
    pub intents: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            shards: 1,
            sessions_left: 1000,
            heartbeat_millis: 41_250,
            answers_heartbeats: true,
            compresses: false,
            refuses_with: None,
            identified: 0,
            resumed: 0,
            connected: 0,
            intents: 0,
        }
    }
}

/// A session, whether or not somebody is connected.
pub(crate) struct Session {
    id: String,
    shard: u64,
    shards: u64,
    sequence: u64,
    /// Everything said so far.
    said: Vec<(u64, Value)>,
    connection: Option<UnboundedSender<Out>>,
    resumable: bool,
}

enum Out {
    Say(Value),
    Close(u16),
}

pub(crate) async fn serve(fake: FakeDiscord, listener: TcpListener) {
    let router = Router::new().fallback(upgrade).with_state(fake);
    axum::serve(listener, router).await.unwrap();
}

async fn upgrade(
    State(fake): State<FakeDiscord>,
    Query(query): Query<Vec<(String, String)>>,
    socket: WebSocketUpgrade,
) -> axum::response::Response {
    let version = query.iter().find(|(name, _)| name == "v").map(|(_, value)| value.clone());
    socket.on_upgrade(async move |socket| {
        let mut socket = socket;
        if version.as_deref() != Some("10") {
            let _ =
                socket.send(Frame::Close(Some(CloseFrame { code: 4012, reason: "Invalid API version".into() }))).await;
            return;
        }
        converse(fake, socket).await;
    })
}

async fn converse(fake: FakeDiscord, mut socket: WebSocket) {
    let (out, mut to_say) = unbounded_channel();
    fake.change(|world| {
        world.gateway.connected += 1;
        let hello =
            json!({ "op": 10, "d": { "heartbeat_interval": world.gateway.heartbeat_millis }, "s": null, "t": null });
        world.say(&out, hello);
    });
    let mut session: Option<String> = None;
    loop {
        tokio::select! {
            said = to_say.recv() => match said {
                Some(Out::Say(value)) => {
                    let compresses = fake.world().gateway.compresses;
                    if socket.send(frame(&value, compresses)).await.is_err() {
                        break;
                    }
                }
                Some(Out::Close(code)) => {
                    let _ = socket.send(Frame::Close(Some(CloseFrame { code, reason: "scripted".into() }))).await;
                    break;
                }
                None => break,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Frame::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).unwrap_or_default();
                    let opened = fake.change(|world| world.hear(&value, &out));
                    session = opened.or(session);
                }
                Some(Ok(Frame::Close(farewell))) => {
                    // Leaving with these codes ends the session (docs: Gateway, Disconnecting).
                    let ends = farewell.is_some_and(|farewell| matches!(farewell.code, 1000 | 1001));
                    if let Some(id) = session.as_ref().filter(|_| ends) {
                        fake.change(|world| world.sessions.retain(|known| known.id != *id));
                    }
                    break;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    drop_connection(&fake, session.as_deref(), &mut to_say);
}

fn drop_connection(fake: &FakeDiscord, session: Option<&str>, to_say: &mut UnboundedReceiver<Out>) {
    to_say.close();
    fake.change(|world| {
        for known in &mut world.sessions {
            let closed = known.connection.as_ref().is_some_and(UnboundedSender::is_closed);
            if Some(known.id.as_str()) == session && closed {
                known.connection = None;
            }
        }
    });
}

fn frame(value: &Value, compresses: bool) -> Frame {
    if !compresses {
        return Frame::Text(value.to_string().into());
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(value.to_string().as_bytes()).unwrap();
    Frame::Binary(encoder.finish().unwrap().into())
}

impl World {
    fn say(&mut self, out: &UnboundedSender<Out>, value: Value) {
        self.frames.push(value.clone());
        // Whoever hung up meanwhile hears it when they resume.
        let _ = out.send(Out::Say(value));
    }

    /// Takes a frame; gives back the session that it opened or resumed.
    fn hear(&mut self, value: &Value, out: &UnboundedSender<Out>) -> Option<String> {
        match value["op"].as_u64() {
            Some(1) if self.gateway.answers_heartbeats => {
                self.say(out, json!({ "op": 11, "d": null, "s": null, "t": null }));
                None
            }
            Some(2) => self.identify(&value["d"], out),
            Some(6) => self.resume(&value["d"], out),
            _ => None,
        }
    }

    fn identify(&mut self, data: &Value, out: &UnboundedSender<Out>) -> Option<String> {
        self.gateway.identified += 1;
        self.gateway.sessions_left -= 1;
        self.gateway.intents = data["intents"].as_u64().unwrap_or_default();
        let refused =
            if data["token"] == BOT_TOKEN && self.token_accepted { self.gateway.refuses_with } else { Some(4004) };
        if let Some(code) = refused {
            let _ = out.send(Out::Close(code));
            return None;
        }
        let (shard, shards) = (data["shard"][0].as_u64().unwrap_or_default(), data["shard"][1].as_u64().unwrap_or(1));
        let id = format!("session-{}", self.next_id());
        self.sessions.push(Session {
            id: id.clone(),
            shard,
            shards,
            sequence: 0,
            said: Vec::new(),
            connection: Some(out.clone()),
            resumable: true,
        });
        let guilds: Vec<u64> =
            self.guilds.keys().copied().filter(|guild| belongs(Some(*guild), shard, shards)).collect();
        let ready = json!({
            "v": 10, "user": self.users.get(&self.bot).map(User::json), "session_id": id, "session_type": "normal",
            "guilds": guilds.iter().map(|guild| json!({ "id": guild.to_string(), "unavailable": true })).collect::<Vec<_>>(),
            "resume_gateway_url": self.gateway_url, "shard": [shard, shards],
            "application": { "id": self.application.to_string(), "flags": 0 },
            "user_settings": {}, "relationships": [], "private_channels": [], "presences": [],
        });
        let at = self.sessions.len() - 1;
        self.tell(at, "READY", ready);
        for guild in guilds {
            let created = self.guild_json(guild);
            self.tell(at, "GUILD_CREATE", created);
        }
        Some(id)
    }

    fn resume(&mut self, data: &Value, out: &UnboundedSender<Out>) -> Option<String> {
        let at =
            self.sessions.iter().position(|session| data["session_id"] == session.id.as_str() && session.resumable);
        let Some(at) = at.filter(|_| data["token"] == BOT_TOKEN) else {
            self.say(out, json!({ "op": 9, "d": false, "s": null, "t": null }));
            return None;
        };
        self.gateway.resumed += 1;
        let sequence = data["seq"].as_u64().unwrap_or_default();
        self.sessions[at].connection = Some(out.clone());
        let missed: Vec<Value> = self.sessions[at]
            .said
            .iter()
            .filter(|(number, _)| *number > sequence)
            .map(|(_, value)| value.clone())
            .collect();
        for value in missed {
            self.say(out, value);
        }
        self.tell(at, "RESUMED", json!({}));
        Some(self.sessions[at].id.clone())
    }

    /// Tells every session that is concerned.
    pub(crate) fn emit(&mut self, name: &str, data: Value) {
        let guild = data["guild_id"].as_str().or_else(|| data["id"].as_str().filter(|_| name.starts_with("GUILD_")));
        let guild = guild.and_then(|id| id.parse().ok());
        for at in 0..self.sessions.len() {
            if belongs(guild, self.sessions[at].shard, self.sessions[at].shards) {
                self.tell(at, name, data.clone());
            }
        }
    }

    fn tell(&mut self, at: usize, name: &str, data: Value) {
        let session = &mut self.sessions[at];
        session.sequence += 1;
        let value = json!({ "op": 0, "t": name, "s": session.sequence, "d": data });
        session.said.push((session.sequence, value.clone()));
        if let Some(out) = session.connection.clone() {
            self.say(&out, value);
        }
    }
}

/// Servers are spread over the shards; direct messages go to the first (docs: Gateway, Sharding).
fn belongs(guild: Option<u64>, shard: u64, shards: u64) -> bool {
    guild.map_or(0, |guild| (guild >> 22) % shards) == shard
}

impl FakeDiscord {
    /// How often somebody presented themselves.
    pub fn identified(&self) -> usize {
        self.world().gateway.identified
    }

    pub fn resumed(&self) -> usize {
        self.world().gateway.resumed
    }

    /// What was asked to be reported, when it was asked last.
    pub fn intents(&self) -> u64 {
        self.world().gateway.intents
    }

    /// Sessions that somebody is connected to.
    pub fn connections(&self) -> usize {
        self.world().sessions.iter().filter(|session| session.connection.is_some()).count()
    }

    pub fn advises_shards(&self, shards: u32) {
        self.change(|world| world.gateway.shards = shards);
    }

    pub fn leaves_sessions(&self, left: i64) {
        self.change(|world| world.gateway.sessions_left = left);
    }

    pub fn wants_heartbeats_every(&self, millis: u64) {
        self.change(|world| world.gateway.heartbeat_millis = millis);
    }

    pub fn answers_heartbeats(&self, answers: bool) {
        self.change(|world| world.gateway.answers_heartbeats = answers);
    }

    pub fn compresses(&self, compresses: bool) {
        self.change(|world| world.gateway.compresses = compresses);
    }

    /// Whoever presents themselves is refused with this code (4013: intents unknown, 4014: intents not allowed).
    pub fn refuses_sessions_with(&self, code: Option<u16>) {
        self.change(|world| world.gateway.refuses_with = code);
    }

    /// "Connect again": op 7.
    pub fn asks_to_reconnect(&self) {
        self.say_to_all(&json!({ "op": 7, "d": null, "s": null, "t": null }));
    }

    /// "Your session is invalid": op 9. What is said from now on is lost to a session that may not be resumed.
    pub fn invalidates_sessions(&self, resumable: bool) {
        self.say_to_all(&json!({ "op": 9, "d": resumable, "s": null, "t": null }));
        if !resumable {
            self.change(|world| world.sessions.clear());
        }
    }

    /// Ends every connection with this code. The sessions can be resumed.
    pub fn closes_connections_with(&self, code: u16) {
        self.change(|world| {
            for session in &mut world.sessions {
                if let Some(out) = session.connection.take() {
                    let _ = out.send(Out::Close(code));
                }
            }
        });
    }

    /// No session can be resumed any more.
    pub fn forgets_sessions(&self) {
        self.change(|world| world.sessions.iter_mut().for_each(|session| session.resumable = false));
    }

    /// Says the last message or interaction once more, as after an acknowledgement that was lost.
    pub fn repeats_last_event(&self) {
        self.change(|world| {
            let last = world.frames.iter().rev().find(|frame| {
                let is_person = frame["d"]["author"]["bot"] != true;
                frame["t"] == "INTERACTION_CREATE" || (frame["t"] == "MESSAGE_CREATE" && is_person)
            });
            if let Some(last) = last.cloned() {
                world.emit(last["t"].as_str().unwrap_or_default(), last["d"].clone());
            }
        });
    }

    fn say_to_all(&self, value: &Value) {
        self.change(|world| {
            let all: Vec<_> = world.sessions.iter().filter_map(|session| session.connection.clone()).collect();
            for out in all {
                world.say(&out, value.clone());
            }
        });
    }
}
