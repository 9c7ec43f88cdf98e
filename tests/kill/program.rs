//! `crieur demo` as a process of its own, on a data directory of the test's.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::citizen::Site;

/// A start on a busy machine, a first one at that: the cluster is made and filled.
const START_WITHIN: Duration = Duration::from_secs(120);

/// Where one service keeps its data.
pub struct DataDir(TempDir);

impl DataDir {
    pub fn new() -> Self {
        // Postgres runs as another account when the tests run as root: it must be able to pass through.
        let builder = tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir();
        Self(builder.unwrap())
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }
}

/// `crieur demo`, to which more arguments may be given.
pub fn crieur(data: &DataDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
    command.arg("demo").arg("--data-dir").arg(data.data()).env_remove("RUST_LOG").env_remove("DATABASE_URL");
    command
}

pub struct Program<'d> {
    pub site: Site,
    data: &'d DataDir,
    child: Child,
    printed: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl<'d> Program<'d> {
    pub fn starts(data: &'d DataDir) -> Self {
        Self::starts_with(data, &[])
    }

    pub fn starts_with(data: &'d DataDir, environment: &[(&str, &str)]) -> Self {
        let mut child = crieur(data)
            .args(["--listen", "127.0.0.1:0", "--json"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let (told, telling) = mpsc::channel();
        let output: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = output.into_iter().map(|output| {
            let (printed, told) = (Arc::clone(&printed), told.clone());
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some((_, url)) = line.split_once("\"url\": \"") {
                        // Nobody listens to what is told after the start.
                        let _ = told.send(url.trim_end_matches(['"', ',']).to_owned());
                    }
                    let mut printed = printed.lock().unwrap();
                    printed.push_str(&line);
                    printed.push('\n');
                }
            })
        });
        let readers = readers.collect();
        let url = telling.recv_timeout(START_WITHIN);
        let Ok(url) = url else { panic!("crieur did not start; it printed:\n{}", printed.lock().unwrap()) };
        let site = Site::default();
        site.moves_to(url);
        Self { site, data, child, printed, readers }
    }

    /// The same service as before, for those who knew it at another port.
    pub fn at(mut self, site: &Site) -> Self {
        site.moves_to(self.site.address(""));
        self.site = site.clone();
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signals(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    pub fn kill(&self) {
        self.signals(Signal::SIGKILL);
    }

    pub fn kill_postgres(&self) {
        let file =
            std::fs::read_dir(self.data.data()).unwrap().map(|entry| entry.unwrap().path().join("postmaster.pid"));
        let file = file.into_iter().find(|file| file.exists()).expect("Postgres runs");
        let text = std::fs::read_to_string(file).unwrap();
        let postmaster = text.lines().next().unwrap().trim().parse().unwrap();
        kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        // `cargo xtask test` searches what tests print for secrets.
        print!("{}", self.printed());
        status
    }

    /// Everything it printed, once it has ended.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Asks it to stop, and expects it to do so in good order.
    pub fn stops(mut self) {
        self.signals(Signal::SIGTERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.printed());
    }

    /// What an operator is told beside the running service: ballots by consultation.
    pub fn consultations(&self) -> BTreeMap<String, u64> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
        let output = command
            .args(["consultation", "list", "--json", "--data-dir"])
            .arg(self.data.data())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = list.as_array().unwrap().iter();
        list.map(|one| (one["slug"].as_str().unwrap().to_owned(), one["ballots"].as_u64().unwrap())).collect()
    }

    pub fn ballots(&self, slug: &str) -> u64 {
        self.consultations()[slug]
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // A test that failed leaves no process behind. Crieur stops its Postgres when it is asked to.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signals(Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}
