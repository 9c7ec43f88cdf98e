//! One request with its redirects: each hop is looked up, checked, and connected to at the very address that was
//! checked. No proxy, no cookie, no decompression, no retry.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::guard::{is_allowed, objection};
use super::secrets::{Place, fill, without};
use super::{
    BYTES_MAX, FetchFailure, FetchMethod, FetchRequest, FetchResponse, FetchSettings, HEADERS_KEPT, REDIRECTS_MAX,
    Resolver, WITHIN_SECONDS_MAX,
};

/// Headers that follow a redirect to somebody else: what is wanted, never who asks.
const HEADERS_FOR_STRANGERS: [&str; 5] =
    ["accept", "accept-language", "if-modified-since", "if-none-match", "user-agent"];

/// Performs `request` within its bounds.
///
/// # Errors
/// There is no answer, and why. An answer with a status of failure is an answer.
pub async fn perform(request: &FetchRequest, settings: &FetchSettings) -> Result<FetchResponse, FetchFailure> {
    let mut hop = Hop::first(request, settings)?;
    let seconds = request.within_seconds.clamp(1, WITHIN_SECONDS_MAX);
    let bytes_max = request.bytes_max.min(BYTES_MAX);
    let host = hop.host.clone();
    let work = async {
        for _ in 0..=REDIRECTS_MAX {
            let response = hop.call(settings).await?;
            match hop.next(&response)? {
                Some(next) => hop = next,
                None => return read(response, &hop.host, bytes_max).await,
            }
        }
        Err(FetchFailure::Redirected { host: hop.host, why: format!("more than {REDIRECTS_MAX} times") })
    };
    let in_time = tokio::time::timeout(Duration::from_secs(seconds.into()), work).await;
    in_time.unwrap_or(Err(FetchFailure::TooSlow { host, seconds }))
}

/// One request as it goes out, secrets put in.
struct Hop {
    method: Method,
    url: Url,
    host: String,
    port: u16,
    headers: HeaderMap,
    body: Option<String>,
    /// A secret is in it, so it goes nowhere else.
    confidential: bool,
}

impl Hop {
    fn first(request: &FetchRequest, settings: &FetchSettings) -> Result<Self, FetchFailure> {
        let (_, host, port) = address(&without(&request.url))?;
        let fill = |text: &str, place| fill(text, place, &host, &settings.secrets);
        let (url, mut confidential) = fill(&request.url, Place::Address)?;
        let url = Url::parse(&url).map_err(|_| FetchFailure::BadAddress("cannot be read"))?;
        if url.host_str() != Some(&host) || url.port_or_known_default() != Some(port) {
            return Err(FetchFailure::BadAddress("names its host by a secret: write the host itself"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let (value, secret) = fill(value, Place::Header)?;
            let name = HeaderName::try_from(name.as_str());
            let value = HeaderValue::try_from(value);
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(FetchFailure::BadAddress("comes with a header that HTTP does not allow"));
            };
            value.set_sensitive(secret);
            confidential |= secret;
            headers.append(name, value);
        }
        let place = match headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default() {
            kind if kind.contains("json") => Place::JsonBody,
            kind if kind.contains("x-www-form-urlencoded") => Place::FormBody,
            _ => Place::OtherBody,
        };
        let body = match &request.body {
            Some(body) => {
                let (body, secret) = fill(body, place)?;
                confidential |= secret;
                Some(body)
            }
            None => None,
        };
        let method = match request.method {
            FetchMethod::Get => Method::GET,
            FetchMethod::Post => Method::POST,
        };
        Ok(Self { method, url, host, port, headers, body, confidential })
    }

    async fn call(&self, settings: &FetchSettings) -> Result<Response, FetchFailure> {
        let addresses = self.checked_addresses(settings).await?;
        let client = Client::builder()
            .user_agent(concat!("crieur/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Checked(addresses)))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| self.failed(&error))?;
        let mut call = client
            .request(self.method.clone(), self.url.clone())
            .headers(self.headers.clone())
            .header(ACCEPT_ENCODING, "identity");
        if let Some(body) = &self.body {
            call = call.body(body.clone());
        }
        call.send().await.map_err(|error| self.failed(&error))
    }

    /// The addresses of the host that may be connected to.
    async fn checked_addresses(&self, settings: &FetchSettings) -> Result<Vec<SocketAddr>, FetchFailure> {
        let unknown = || FetchFailure::UnknownHost { host: self.host.clone() };
        let found: Vec<IpAddr> = match (self.host.trim_matches(['[', ']']).parse(), &settings.resolver) {
            (Ok(address), _) => vec![address],
            (Err(_), Resolver::Told(resolver)) => resolver(&self.host),
            (Err(_), Resolver::System) => tokio::net::lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|_| unknown())?
                .map(|address| address.ip())
                .collect(),
        };
        let mut forbidden = None;
        let mut checked = Vec::new();
        for address in found {
            match objection(address) {
                Some(what) if !is_allowed(&settings.allow, &self.host, address, self.port) => forbidden = Some(what),
                _ => checked.push(SocketAddr::new(address, self.port)),
            }
        }
        match (checked.is_empty(), forbidden) {
            (false, _) => Ok(checked),
            (true, Some(what)) => Err(FetchFailure::Forbidden { host: self.host.clone(), port: self.port, what }),
            (true, None) => Err(unknown()),
        }
    }

    /// Where `response` sends us, if it does.
    fn next(&self, response: &Response) -> Result<Option<Self>, FetchFailure> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let refused = |why: String| FetchFailure::Redirected { host: self.host.clone(), why };
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location
            .and_then(|location| self.url.join(location).ok())
            .ok_or_else(|| refused("to nowhere".to_owned()))?;
        let (url, host, port) = address(url.as_str())?;
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(refused(format!("from https to http, at {host}")));
        }
        let elsewhere = url.origin() != self.url.origin();
        if elsewhere && self.confidential {
            let scheme = url.scheme();
            return Err(refused(format!("to {scheme}://{host}, and secrets do not follow: write that address")));
        }
        if self.method == Method::POST && !keeps_method(status) {
            return Err(refused(format!("what is posted to {host}, which loses it: write the address it leads to")));
        }
        let mut headers = self.headers.clone();
        if elsewhere {
            let known = headers.keys().filter(|name| !HEADERS_FOR_STRANGERS.contains(&name.as_str()));
            for name in known.cloned().collect::<Vec<_>>() {
                if name != CONTENT_TYPE || self.body.is_none() {
                    headers.remove(name);
                }
            }
        }
        let (method, body) = (self.method.clone(), self.body.clone());
        Ok(Some(Self { method, url, host, port, headers, body, confidential: self.confidential }))
    }

    fn failed(&self, error: &reqwest::Error) -> FetchFailure {
        let host = self.host.clone();
        let why = innermost(error);
        if error.is_connect() || error.is_builder() {
            FetchFailure::Unreachable { host, why }
        } else {
            FetchFailure::BrokenOff { host, why }
        }
    }
}

fn keeps_method(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
}

/// The parts of an address that counts as one.
fn address(text: &str) -> Result<(Url, String, u16), FetchFailure> {
    let url = Url::parse(text).map_err(|_| FetchFailure::BadAddress("cannot be read"))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "https") => {}
        "https" => return Err(FetchFailure::NoHttps),
        _ => return Err(FetchFailure::BadAddress("does not begin with https:// or http://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchFailure::BadAddress("names a user: put what identifies us in a header"));
    }
    match (url.host_str().map(str::to_owned), url.port_or_known_default()) {
        (Some(host), Some(port)) if !host.is_empty() => Ok((url, host, port)),
        _ => Err(FetchFailure::BadAddress("names no host")),
    }
}

/// Knows the checked addresses and nothing else, so that no second look-up can tell another story.
struct Checked(Vec<SocketAddr>);

impl Resolve for Checked {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

async fn read(mut response: Response, host: &str, bytes_max: u32) -> Result<FetchResponse, FetchFailure> {
    let host = host.to_owned();
    if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(FetchFailure::Compressed { host });
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    if response.content_length().is_some_and(|length| length > u64::from(bytes_max)) {
        return Err(FetchFailure::TooLong { host, bytes_max });
    }
    let mut headers = BTreeMap::new();
    for name in HEADERS_KEPT {
        if let Some(value) = response.headers().get(name).and_then(|value| value.to_str().ok()) {
            headers.insert(name.to_owned(), value.to_owned());
        }
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(FetchResponse { status, headers, body }),
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err(FetchFailure::TooLong { host, bytes_max });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return Err(FetchFailure::BrokenOff { host, why: innermost(&error) }),
        }
    }
}

/// What went wrong at the bottom. The outer errors of the client name the address, this one does not.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner = error.source();
    let mut words = String::from("it speaks no HTTP that is understood");
    while let Some(error) = inner {
        words = error.to_string();
        inner = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::fetch::{FetchRequest, Secret};
    use crate::redacted::Redacted;

    /// A server that answers each request with what `answer` makes of its head, then hangs up; an answer that ends
    /// in `…` goes on for ever.
    struct Stranger {
        port: u16,
        heard: Arc<Mutex<Vec<String>>>,
    }

    impl Stranger {
        async fn who_answers(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let (answer, log) = (Arc::new(answer), Arc::clone(&heard));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                    tokio::spawn(async move {
                        let mut request = vec![0; 64 * 1024];
                        let mut length = 0;
                        // Head and body of a small request come in one or two pieces.
                        while !String::from_utf8_lossy(&request[..length]).contains("\r\n\r\n") {
                            length += stream.read(&mut request[length..]).await.unwrap();
                        }
                        let request = String::from_utf8_lossy(&request[..length]).into_owned();
                        log.lock().unwrap().push(request.clone());
                        let answer = answer(&request);
                        let endless = answer.strip_suffix('…');
                        let _ = stream.write_all(endless.unwrap_or(&answer).as_bytes()).await;
                        while endless.is_some() && stream.write_all(&[b'x'; 4096]).await.is_ok() {}
                    });
                }
            });
            Self { port, heard }
        }

        fn settings(&self) -> FetchSettings {
            FetchSettings { allow: vec![self.place()], ..FetchSettings::default() }
        }

        fn place(&self) -> super::super::AllowedPlace {
            format!("127.0.0.1:{}", self.port).parse().unwrap()
        }

        fn url(&self, path: &str) -> String {
            format!("http://127.0.0.1:{}{path}", self.port)
        }

        fn heard(&self) -> Vec<String> {
            self.heard.lock().unwrap().clone()
        }
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    fn redirect(status: u16, to: &str) -> String {
        format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }

    fn told(name: &'static str, address: &'static str) -> Resolver {
        Resolver::Told(Arc::new(move |asked| if asked == name { vec![address.parse().unwrap()] } else { Vec::new() }))
    }

    #[tokio::test]
    async fn an_answer_comes_with_the_headers_that_feeds_need() {
        let stranger = Stranger::who_answers(|_| {
            "HTTP/1.1 404 Not Found\r\nETag: \"a1\"\r\nSet-Cookie: a=b\r\nContent-Type: text/plain\r\n\
             Connection: close\r\n\r\nnothing here"
                .to_owned()
        })
        .await;
        let request = FetchRequest::get(stranger.url("/feed")).header("If-None-Match", "\"a0\"");
        let response = perform(&request, &stranger.settings()).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (404, b"nothing here".as_slice()));
        assert_eq!(response.header("etag"), Some("\"a1\""));
        assert_eq!(response.header("content-type"), Some("text/plain"));
        assert_eq!(response.header("set-cookie"), None);
        let heard = stranger.heard().concat().to_lowercase();
        assert!(heard.contains("if-none-match: \"a0\"") && heard.contains("accept-encoding: identity"), "{heard}");
    }

    #[tokio::test]
    async fn nothing_inside_is_fetched_unless_the_operator_opened_it() {
        let stranger = Stranger::who_answers(|_| ok("secret papers")).await;
        let closed = FetchSettings::default();
        for address in [
            stranger.url("/"),
            format!("http://localhost:{}/", stranger.port),
            format!("http://[::ffff:127.0.0.1]:{}/", stranger.port),
            // The same loopback address in the other ways a browser reads it.
            format!("http://0x7f.1:{}/", stranger.port),
            format!("http://2130706433:{}/", stranger.port),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
        ] {
            let failure = perform(&FetchRequest::get(&address), &closed).await.unwrap_err();
            assert_eq!(failure.kind(), "forbidden", "{address}: {failure}");
        }
        assert!(stranger.heard().is_empty());
        assert_eq!(perform(&FetchRequest::get(stranger.url("/")), &stranger.settings()).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_and_one_that_changes_its_mind_is_held_to_its_first_word() {
        let stranger = Stranger::who_answers(|_| ok("secret papers")).await;
        let inside = FetchSettings { resolver: told("feed.example", "127.0.0.1"), ..FetchSettings::default() };
        let url = format!("http://feed.example:{}/", stranger.port);
        assert_eq!(perform(&FetchRequest::get(&url), &inside).await.unwrap_err().kind(), "forbidden");
        // A rebinding server says an allowed address when it is checked, and a forbidden one ever after.
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let rebinding = Resolver::Told(Arc::new(move |_| {
            let mut asked = count.lock().unwrap();
            *asked += 1;
            vec![if *asked == 1 { "127.0.0.2" } else { "127.0.0.1" }.parse().unwrap()]
        }));
        let allow = vec![format!("127.0.0.2:{}", stranger.port).parse().unwrap()];
        let settings = FetchSettings { resolver: rebinding, allow, ..FetchSettings::default() };
        let failure = perform(&FetchRequest::get(&url), &settings).await.unwrap_err();
        assert_eq!(failure.kind(), "unreachable", "{failure}");
        assert_eq!(*asked.lock().unwrap(), 1, "looked up once, and that address was called");
        assert!(stranger.heard().is_empty());
    }

    #[tokio::test]
    async fn a_redirect_is_checked_like_an_address() {
        let inner = Stranger::who_answers(|_| ok("secret papers")).await;
        let target = inner.url("/admin");
        let outer = Stranger::who_answers(move |_| redirect(302, &target)).await;
        let failure = perform(&FetchRequest::get(outer.url("/")), &outer.settings()).await.unwrap_err();
        assert_eq!(failure.kind(), "forbidden");
        assert!(inner.heard().is_empty());
        for (to, kind) in [("file:///etc/passwd", "bad_address"), ("/again", "redirected"), ("http://", "redirected")] {
            let outer = Stranger::who_answers(move |_| redirect(307, to)).await;
            let failure = perform(&FetchRequest::get(outer.url("/")), &outer.settings()).await.unwrap_err();
            assert_eq!(failure.kind(), kind, "{to}: {failure}");
        }
    }

    #[tokio::test]
    async fn secrets_and_credentials_stay_with_the_host_they_are_for() {
        let other = Stranger::who_answers(|_| ok("moved")).await;
        let target = other.url("/new");
        let first = Stranger::who_answers(move |_| redirect(308, &target)).await;
        let mut settings = FetchSettings { allow: vec![first.place(), other.place()], ..FetchSettings::default() };
        let request = FetchRequest::get(first.url("/")).header("Authorization", "Bearer plain").header("Accept", "a/b");
        assert_eq!(perform(&request, &settings).await.unwrap().body, b"moved");
        let heard = other.heard().concat().to_lowercase();
        assert!(heard.contains("accept: a/b") && !heard.contains("authorization"), "{heard}");

        let secret = Secret { value: Redacted::new("hunter2".to_owned()), hosts: vec!["127.0.0.1".to_owned()] };
        settings.secrets.insert("key".to_owned(), secret);
        let request = FetchRequest::get(first.url("/")).header("X-Key", "{secret:key}");
        let failure = perform(&request, &settings).await.unwrap_err();
        assert_eq!(failure.kind(), "redirected");
        assert!(first.heard().concat().contains("hunter2") && !other.heard().concat().contains("hunter2"));
        let request = FetchRequest::get("http://{secret:key}.example/");
        assert!(perform(&request, &settings).await.is_err());
        let posted = FetchRequest::post_json(other.url("/rpc"), &serde_json::json!({ "password": "{secret:key}" }));
        perform(&posted, &settings).await.unwrap();
        let heard = other.heard().pop().unwrap();
        assert!(heard.starts_with("POST /rpc") && heard.contains(r#"{"password":"hunter2"}"#), "{heard}");
    }

    #[tokio::test]
    async fn an_answer_keeps_its_bounds() {
        let told_long =
            Stranger::who_answers(|_| "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n…".to_owned()).await;
        let endless = Stranger::who_answers(|_| "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n…".to_owned()).await;
        let bomb = Stranger::who_answers(|_| {
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n…".to_owned()
        })
        .await;
        let cut = Stranger::who_answers(|_| "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort".to_owned()).await;
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (stranger, kind) in
            [(&told_long, "too_long"), (&endless, "too_long"), (&bomb, "compressed"), (&cut, "broken_off")]
        {
            let mut request = FetchRequest::get(stranger.url("/"));
            request.bytes_max = 100_000;
            let failure = perform(&request, &stranger.settings()).await.unwrap_err();
            assert_eq!(failure.kind(), kind, "{failure}");
        }
        let port = mute.local_addr().unwrap().port();
        let mut request = FetchRequest::get(format!("http://127.0.0.1:{port}/?token=hunter2"));
        request.within_seconds = 1;
        let place = format!("127.0.0.1:{port}").parse().unwrap();
        let settings = FetchSettings { allow: vec![place], ..FetchSettings::default() };
        let failure = perform(&request, &settings).await.unwrap_err();
        assert_eq!(failure.kind(), "too_slow");
        drop(mute);
        let failure = perform(&request, &settings).await.unwrap_err();
        assert_eq!(failure.kind(), "unreachable");
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
    }
}
