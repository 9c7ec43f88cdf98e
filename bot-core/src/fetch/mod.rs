//! Requests to the outside. A plugin does no input or output inside its transaction: it asks with
//! [`Context::fetch`](crate::plugin::Context::fetch), the core fetches within stated bounds, and the plugin hears
//! what came by [`Plugin::on_fetched`](crate::plugin::Plugin::on_fetched) in a transaction of its own.
//!
//! What came is heard exactly once. The request itself may go out twice, when a process dies between the answer and
//! that transaction: ask for things that may be asked twice.

mod call;
mod guard;
mod runner;
mod secrets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::call::perform;
pub use self::guard::{AllowedPlace, PlaceError};
pub(crate) use self::runner::run;
pub use self::secrets::Secret;

/// Bytes of an answer's body that are taken when a request names no other bound.
pub const BYTES_MAX_DEFAULT: u32 = 1024 * 1024;
/// No request may ask for more.
pub const BYTES_MAX: u32 = 32 * 1024 * 1024;
/// Seconds from the first look-up of the name to the last byte. Shorter than the lease of a fetch.
pub const WITHIN_SECONDS_MAX: u16 = 60;
/// Redirects that are followed.
pub const REDIRECTS_MAX: usize = 5;

/// A request that a plugin asks for. One at a time for each `(scope, subject)` of a plugin: while one is under way,
/// asking again changes nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fetch {
    pub scope: String,
    pub subject: String,
    pub request: FetchRequest,
    /// Comes back with the answer. It is stored until then.
    pub payload: Value,
}

/// What to ask, and how much answer to take.
///
/// `{secret:NAME}` in the address, a header or the body stands for a secret of the operator's configuration. It is put
/// in at the call, written as the place asks for (percent-encoded in an address or a form, escaped in JSON), and only
/// for hosts that the operator allowed the secret for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FetchRequest {
    pub method: FetchMethod,
    /// `http:` or `https:`.
    pub url: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: Option<String>,
    /// An answer with a longer body is refused. At most [`BYTES_MAX`].
    pub bytes_max: u32,
    /// For the whole: look-up, redirects and body. 1 to [`WITHIN_SECONDS_MAX`].
    pub within_seconds: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FetchMethod {
    Get,
    Post,
}

impl FetchRequest {
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: FetchMethod::Get,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            bytes_max: BYTES_MAX_DEFAULT,
            within_seconds: 30,
        }
    }

    pub fn post_json(url: impl Into<String>, body: &Value) -> Self {
        Self { method: FetchMethod::Post, body: Some(body.to_string()), ..Self::get(url) }
            .header("Content-Type", "application/json")
    }

    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What became of a [`Fetch`].
#[derive(Clone, PartialEq, Debug)]
pub struct Fetched {
    pub scope: String,
    pub subject: String,
    pub payload: Value,
    pub outcome: Result<FetchResponse, FetchFailure>,
}

/// An answer, whatever its status says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchResponse {
    pub status: u16,
    /// Those of [`HEADERS_KEPT`] that were there.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Headers of an answer that a plugin gets to see, in lower case.
pub const HEADERS_KEPT: [&str; 9] = [
    "cache-control",
    "content-language",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "link",
    "retry-after",
];

impl FetchResponse {
    /// By its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Why there is no answer. The words name the host at most, never the whole address, which may hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchFailure {
    #[error("the address {0}")]
    BadAddress(&'static str),
    #[error(
        "{host} is {what}: nothing inside the operator's network is fetched, unless `{host}:{port}` is listed in \
         `allow` under [fetch] in crieur.toml"
    )]
    Forbidden { host: String, port: u16, what: &'static str },
    #[error("there is no secret `{0}`: write [secrets.{0}] with its file in crieur.toml")]
    SecretUnknown(String),
    #[error("the secret `{name}` may not be sent to {host}: list it in `hosts` of [secrets.{name}] in crieur.toml")]
    SecretNotFor { name: String, host: String },
    #[error("the secret `{0}` cannot stand in a header: it holds a line break or another control character")]
    SecretUnfit(String),
    #[error("this build has no HTTPS: build it with `--features https`")]
    NoHttps,
    #[error("the name {host} was not found")]
    UnknownHost { host: String },
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} did not answer within {seconds} s")]
    TooSlow { host: String, seconds: u16 },
    #[error("{host} broke off its answer: {why}")]
    BrokenOff { host: String, why: String },
    #[error("the answer of {host} is longer than {bytes_max} bytes")]
    TooLong { host: String, bytes_max: u32 },
    #[error("{host} sent a compressed answer, which was not asked for")]
    Compressed { host: String },
    #[error("{host} redirects {why}")]
    Redirected { host: String, why: String },
}

impl FetchFailure {
    /// For metrics and for what a plugin stores.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadAddress(_) => "bad_address",
            Self::Forbidden { .. } => "forbidden",
            Self::SecretUnknown(_) | Self::SecretNotFor { .. } | Self::SecretUnfit(_) => "secret",
            Self::NoHttps => "no_https",
            Self::UnknownHost { .. } => "unknown_host",
            Self::Unreachable { .. } => "unreachable",
            Self::TooSlow { .. } => "too_slow",
            Self::BrokenOff { .. } => "broken_off",
            Self::TooLong { .. } => "too_long",
            Self::Compressed { .. } => "compressed",
            Self::Redirected { .. } => "redirected",
        }
    }
}

/// What the operator allows, and how names are looked up.
#[derive(Clone, Debug, Default)]
pub struct FetchSettings {
    /// Places inside the operator's own network that may be fetched from.
    pub allow: Vec<AllowedPlace>,
    pub secrets: BTreeMap<String, Secret>,
    pub resolver: Resolver,
}

/// Who knows the addresses of a name.
#[derive(Clone, Default)]
pub enum Resolver {
    /// The operating system.
    #[default]
    System,
    /// Somebody else, so that a test can be a lying name server.
    Told(Arc<Lookup>),
}

/// Gives the addresses of a name; none where it knows none.
pub type Lookup = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Told(_) => "Told",
        })
    }
}
