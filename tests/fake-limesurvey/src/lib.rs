//! A LimeSurvey that tests can hold in their hands: RemoteControl 2 over JSON-RPC, as its documentation and the sources
//! of LimeSurvey 3 to 6 have it (`remotecontrol_handle.php`, `jsonRPCServer.php`, `JsonWriter.php`).
//!
//! What is wrong with a call is said as `{"status": …}` inside `result`, with HTTP 200; a method that fails, or gives
//! nothing, as `error`. A service that is switched off answers with an empty page.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod methods;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where RemoteControl is, below the site.
pub const PATH: &str = "/index.php/admin/remotecontrol";

/// Which service an administrator chose under Global settings, Interfaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interface {
    Off,
    #[default]
    Json,
    Xml,
}

/// How `export_responses` writes JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JsonShape {
    /// Since LimeSurvey 4: a list of objects.
    #[default]
    Flat,
    /// Before: a list of objects with one member, named by the response's id.
    Keyed,
}

/// What the site knows. Tests change it as they like.
#[derive(Clone, Debug)]
pub struct Site {
    pub interface: Interface,
    pub json: JsonShape,
    pub users: BTreeMap<String, String>,
    pub surveys: BTreeMap<u32, Survey>,
    /// Seconds, by the site's own clock.
    pub now: i64,
    /// `iSessionExpirationTime`, in seconds.
    pub sessions_last: i64,
    /// Failed logins before an address is locked out.
    pub attempts_max: u32,
    /// Every method that was called, in order.
    pub calls: Vec<String>,
    failed_logins: u32,
    sessions: BTreeMap<String, i64>,
    sessions_made: u32,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            interface: Interface::default(),
            json: JsonShape::default(),
            users: BTreeMap::new(),
            surveys: BTreeMap::new(),
            now: 1_790_000_000,
            sessions_last: 7200,
            attempts_max: 3,
            calls: Vec::new(),
            failed_logins: 0,
            sessions: BTreeMap::new(),
            sessions_made: 0,
        }
    }
}

/// One survey.
#[derive(Clone, Debug)]
pub struct Survey {
    pub active: bool,
    /// Responses keep no token then.
    pub anonymized: bool,
    /// `None`: no participants table was made.
    pub participants: Option<Vec<Participant>>,
    pub responses: Vec<SurveyResponse>,
    /// What the account may do.
    pub may_read_settings: bool,
    pub may_read_participants: bool,
    pub may_export: bool,
}

#[derive(Clone, Debug)]
pub struct Participant {
    pub tid: u32,
    pub token: String,
    /// `N`, `Y` of an anonymous survey, `Q` of a full quota, or when, `2026-10-05 14:30`.
    pub completed: String,
}

#[derive(Clone, Debug)]
pub struct SurveyResponse {
    pub id: u32,
    pub token: Option<String>,
    /// `None`: not finished.
    pub submitted: Option<String>,
    pub last_page: u32,
}

impl Survey {
    /// An active survey with a participants table; `tokens` in their order.
    pub fn for_tokens<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Self {
        let participants = tokens.into_iter().zip(1..).map(|(token, tid)| Participant {
            tid,
            token: token.to_owned(),
            completed: "N".to_owned(),
        });
        Self {
            active: true,
            anonymized: false,
            participants: Some(participants.collect()),
            responses: Vec::new(),
            may_read_settings: true,
            may_read_participants: true,
            may_export: true,
        }
    }

    /// Somebody begins to answer.
    pub fn begins(&mut self, token: &str) {
        let id = self.responses.iter().map(|response| response.id).max().unwrap_or(0) + 1;
        let token = (!self.anonymized).then(|| token.to_owned());
        self.responses.push(SurveyResponse { id, token, submitted: None, last_page: 1 });
    }

    /// Somebody finishes, `at` as LimeSurvey writes it: `2026-10-05 14:30`.
    pub fn finishes(&mut self, token: &str, at: &str) {
        let anonymized = self.anonymized;
        let open = |response: &&mut SurveyResponse| {
            response.submitted.is_none() && response.token.as_deref().is_none_or(|of| of == token)
        };
        if self.responses.iter_mut().find(open).is_none() {
            self.begins(token);
        }
        if let Some(response) = self.responses.iter_mut().find(open) {
            // An anonymous survey keeps no moments.
            let moment = if anonymized { "1980-01-01 00:00:00".to_owned() } else { format!("{at}:00") };
            response.submitted = Some(moment);
        }
        for participant in self.participants.iter_mut().flatten().filter(|participant| participant.token == token) {
            participant.completed = if anonymized { "Y".to_owned() } else { at.to_owned() };
        }
    }
}

impl Site {
    /// Every session is over, as after a restart of PHP's session store.
    pub fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Sessions that were opened and not given back.
    pub fn sessions_open(&self) -> usize {
        self.sessions.values().filter(|expires| **expires >= self.now).count()
    }
}

/// The site, on a port of its own until it is dropped.
#[derive(Debug)]
pub struct FakeLimeSurvey {
    site: Shared,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<Site>>);

impl Shared {
    fn site(&self) -> MutexGuard<'_, Site> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeLimeSurvey {
    /// # Errors
    /// When no port is free.
    pub async fn start(site: Site) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let site = Shared(Arc::new(Mutex::new(site)));
        let router = Router::new().route(PATH, any(answer)).with_state(site.clone());
        let serving = tokio::spawn(async move {
            // It ends when the test drops it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { site, address, serving })
    }

    /// The address of RemoteControl.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn site(&self) -> MutexGuard<'_, Site> {
        self.site.site()
    }
}

impl Drop for FakeLimeSurvey {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Shared>, method: axum::http::Method, headers: HeaderMap, body: Bytes) -> Response {
    let mut site = shared.site();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match site.interface {
        // The action ends without a word.
        Interface::Off => return StatusCode::OK.into_response(),
        Interface::Xml => {
            let fault = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse><fault><value><struct><member>\
                         <name>faultCode</name><value><int>631</int></value></member></struct></value></fault>\
                         </methodResponse>";
            return ([(header::CONTENT_TYPE, "text/xml; charset=UTF-8")], fault).into_response();
        }
        Interface::Json if method != axum::http::Method::POST || !kind.contains("application/json") => {
            return StatusCode::OK.into_response();
        }
        Interface::Json => {}
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return StatusCode::OK.into_response() };
    let name = request["method"].as_str().unwrap_or_default().to_owned();
    let params = request["params"].as_array().cloned().unwrap_or_default();
    site.calls.push(name.clone());
    let result = methods::call(&mut site, &name, &params);
    // What PHP takes for false is taken for a failure.
    let is_nothing = result.as_ref().is_none_or(|result| {
        result.is_null()
            || *result == json!(false)
            || *result == json!("")
            || result.as_array().is_some_and(Vec::is_empty)
    });
    let answer = if is_nothing {
        json!({ "id": request["id"], "result": null, "error": "unknown method or incorrect parameters" })
    } else {
        json!({ "id": request["id"], "result": result, "error": null })
    };
    if request["id"].is_null() {
        return StatusCode::OK.into_response();
    }
    ([(header::CONTENT_TYPE, "text/javascript")], answer.to_string()).into_response()
}
