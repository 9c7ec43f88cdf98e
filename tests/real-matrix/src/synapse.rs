//! The homeserver: started on loopback with SQLite in a directory of its own.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const RUNNER: &str = include_str!("synapse.py");
/// A fresh one takes 7 s on an idle machine.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// Whether it has died meanwhile.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// What the homeserver lets its users do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateLimits {
    /// Synapse's own defaults.
    Default,
    Off,
}

/// A homeserver named `localhost`.
#[derive(Debug)]
pub struct Synapse {
    python: PathBuf,
    data: PathBuf,
    port: u16,
    secret: String,
    child: Mutex<Option<Child>>,
}

impl Synapse {
    /// Starts a fresh one.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start(python: PathBuf, limits: RateLimits) -> Self {
        let data = tempfile::tempdir().expect("a directory for the homeserver").keep();
        let port = free_port();
        let secret = format!("shared{port}");
        std::fs::write(data.join("homeserver.yaml"), configuration(&data, port, &secret, limits)).unwrap();
        std::fs::write(data.join("log.yaml"), "version: 1\nroot: {level: CRITICAL}\n").unwrap();
        std::fs::write(data.join("run.py"), RUNNER).unwrap();
        let keys = Command::new(&python)
            .args(["-c", "from signedjson.key import *; import sys; k=generate_signing_key('a_test'); write_signing_keys(open(sys.argv[1],'w'),[k])"])
            .arg(data.join("signing.key"))
            .status();
        assert!(keys.is_ok_and(|status| status.success()), "the homeserver's signing key could not be made");
        let synapse = Self { python, data, port, secret, child: Mutex::default() };
        synapse.restart();
        synapse
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// With which users are registered, past all limits.
    pub fn shared_secret(&self) -> &str {
        &self.secret
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            child.kill().expect("the homeserver can be killed");
            child.wait().expect("the homeserver has ended");
        }
    }

    /// Starts it again over the same data, and waits until it answers.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn restart(&self) {
        self.kill();
        // Like systemd, it is told by the homeserver itself when it answers.
        let ready = self.data.join("ready.sock");
        let _ = std::fs::remove_file(&ready);
        let told_ready = UnixDatagram::bind(&ready).expect("a socket to be told on");
        told_ready.set_read_timeout(Some(LOOKS_EVERY)).expect("a socket that waits so long");
        let child = Command::new(&self.python)
            .arg(self.data.join("run.py"))
            .arg(&self.data)
            .current_dir(&self.data)
            .env("NOTIFY_SOCKET", &ready)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.data.join("stderr.log")).unwrap())
            .spawn()
            .expect("the homeserver starts");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let begun = Instant::now();
        let mut message = [0; 64];
        while !told_ready.recv(&mut message).is_ok_and(|length| message[..length].starts_with(b"READY=1")) {
            let told = || std::fs::read_to_string(self.data.join("stderr.log")).unwrap_or_default();
            assert!(begun.elapsed() < STARTS_WITHIN, "the homeserver does not answer:\n{}", told());
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the homeserver ended:\n{}", told());
        }
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Its input closes with it: it removes its files and ends.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn configuration(data: &std::path::Path, port: u16, secret: &str, limits: RateLimits) -> String {
    let data = data.display();
    let off = "{per_second: 1000000, burst_count: 1000000}";
    let limits = match limits {
        // Logging in is no part of what is tested there, and five citizens share one address.
        RateLimits::Default => format!("rc_login: {{address: {off}, account: {off}, failed_attempts: {off}}}"),
        RateLimits::Off => [
            format!("rc_message: {off}"),
            format!("rc_registration: {off}"),
            format!("rc_login: {{address: {off}, account: {off}, failed_attempts: {off}}}"),
            format!("rc_admin_redaction: {off}"),
            format!("rc_joins: {{local: {off}, remote: {off}}}"),
            format!("rc_joins_per_room: {off}"),
            format!("rc_key_requests: {off}"),
            format!("rc_invites: {{per_room: {off}, per_user: {off}, per_issuer: {off}}}"),
            format!("rc_media_create: {off}"),
            format!("rc_room_creation: {off}"),
        ]
        .join("\n"),
    };
    format!(
        r#"server_name: "localhost"
public_baseurl: http://127.0.0.1:{port}/
pid_file: {data}/homeserver.pid
listeners:
  - {{port: {port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, x_forwarded: false, resources: [{{names: [client], compress: false}}]}}
database: {{name: sqlite3, args: {{database: {data}/homeserver.db}}}}
log_config: {data}/log.yaml
media_store_path: {data}/media
signing_key_path: {data}/signing.key
registration_shared_secret: "{secret}"
macaroon_secret_key: "m{secret}"
form_secret: "f{secret}"
enable_registration: false
report_stats: false
federation_domain_whitelist: []
trusted_key_servers: []
suppress_key_server_warning: true
url_preview_enabled: false
presence: {{enabled: false}}
{limits}
"#
    )
}
