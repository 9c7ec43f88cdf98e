//! `crieur serve` as a process of its own, with a configuration file and a database of the test's.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bot_core::conformance::TestDatabase;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sqlx::ConnectOptions as _;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::person::a_moment;

const READY_WITHIN: Duration = Duration::from_secs(90);

pub struct Program {
    directory: TempDir,
    database: Arc<TestDatabase>,
    accounts: String,
    public: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
    printed: Arc<Mutex<String>>,
}

impl Program {
    /// A service with these `[[account]]` tables, started; files they name are written by `accounts` into the
    /// directory it is given.
    pub async fn with(accounts: impl FnOnce(&Path) -> String) -> Self {
        let mut program = Self::prepared(accounts).await;
        program.start().await;
        program
    }

    /// The same, not started yet.
    pub async fn prepared(accounts: impl FnOnce(&Path) -> String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let accounts = accounts(directory.path());
        Self::in_directory(directory, accounts, Arc::new(TestDatabase::create().await))
    }

    /// A second service on the same database, not started yet: it has copies of these files of the first.
    pub fn beside(first: &Self, files: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::copy(first.directory.path().join(file), directory.path().join(file)).unwrap();
        }
        Self::in_directory(directory, first.accounts.clone(), Arc::clone(&first.database))
    }

    fn in_directory(directory: TempDir, accounts: String, database: Arc<TestDatabase>) -> Self {
        let (public, admin) = (free_port(), free_port());
        let configuration = format!(
            "[organisation]\ntitle = \"Ville de Trifouilly\"\n\n[http.public]\nlisten = \"{public}\"\n\n\
             [http.admin]\nlisten = \"{admin}\"\n\n{accounts}",
        );
        std::fs::write(directory.path().join("crieur.toml"), configuration).unwrap();
        Self { directory, database, accounts, public, admin, child: None, printed: Arc::default() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
        command
            .current_dir(self.directory.path())
            .env("CRIEUR_DATABASE__URL", self.database.options().to_url_lossy().as_str())
            .env_remove("RUST_LOG");
        command
    }

    /// Starts it, and waits until everything works.
    pub async fn start(&mut self) {
        self.launch();
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready().await {
            assert!(Instant::now() < deadline, "crieur is not ready; it printed:\n{}", self.printed());
            a_moment().await;
        }
    }

    /// Starts it, and waits for nothing.
    pub fn launch(&mut self) {
        let mut child = self
            .command()
            .args(["serve", "--config", "crieur.toml"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in output {
            let printed = Arc::clone(&self.printed);
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // `cargo xtask test` searches what tests print for secrets.
                    println!("{line}");
                    printed.lock().unwrap().push_str(&format!("{line}\n"));
                }
            });
        }
        self.child = Some(child);
    }

    /// What the service says of its parts, once `holds` of it.
    pub async fn says_of_itself(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let health = match reqwest::get(format!("http://{}/health/ready", self.admin)).await {
                Ok(response) => response.json().await.unwrap(),
                Err(_) => Value::Null,
            };
            if holds(&health) {
                return health;
            }
            assert!(Instant::now() < deadline, "in vain: {health:#}\n{}", self.printed());
            a_moment().await;
        }
    }

    /// Its public pages.
    pub fn site(&self) -> String {
        format!("http://{}", self.public)
    }

    pub async fn is_ready(&self) -> bool {
        match reqwest::get(format!("http://{}/health/ready", self.admin)).await {
            Ok(response) => response.status().is_success(),
            Err(_) => false,
        }
    }

    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("crieur runs");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Writes a file beside the configuration.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What an operator types beside the running service; it must succeed.
    pub fn operates(&self, arguments: &[&str]) -> String {
        let output = self.runs(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn runs(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).args(["--config", "crieur.toml"]).output().unwrap()
    }

    pub fn asks(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.operates(&arguments)).unwrap()
    }

    /// The part of a [`Program::says_of_itself`] that is about an account.
    pub fn account<'h>(health: &'h Value, name: &str) -> &'h Value {
        let components = health["components"].as_array().into_iter().flatten();
        let mut accounts = components.filter(|component| component["kind"] == "account");
        accounts.find(|account| account["name"] == name).unwrap_or(&Value::Null)
    }

    /// Ballots that count in a consultation, as the command line tells.
    pub fn ballots(&self, slug: &str) -> u64 {
        let list = self.asks(&["consultation", "list"]);
        let one = list.as_array().unwrap().iter().find(|one| one["slug"] == slug).unwrap();
        one["ballots"].as_u64().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

/// Free at this moment; the test's own network has nobody else in it.
pub fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
