//! The whole service in this process, on a database, a clock and a randomness of the test's own; and what an operator
//! does with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use bot_core::Clock;
use bot_core::clock::Random;
use bot_core::conformance::TestDatabase;
use bot_core::core::Organisation;
use bot_core::plugin::Context;
use bot_core::service::DEFAULT_ORGANISATION;
use chrono::{DateTime, TimeDelta, Utc};
use crieur::config::Config;
use crieur::logging::Secrets;
use crieur::{App, Start};
use micro_consultations::definition_file;
use micro_consultations::operations::{self, OperationError};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;

use crate::citizen::{Citizen, Site, a_moment};

/// By which Postgres knows the service under test.
const APPLICATION: &str = "crieur under test";

/// Nobody waits for a limit meant for strangers; `tests/webchat` holds the limits to their word.
const CONFIGURATION: &str = r#"
[organisation]
title = "Ville de Trifouilly"

[http.public]
listen = "127.0.0.1:0"

[http.admin]
listen = "127.0.0.1:0"

[[account]]
name = "webchat"
platform = "webchat"

[account.settings]
messages_burst = 1000
messages_per_minute = 6000
sessions_burst = 10000
sessions_per_minute = 6000
"#;

pub fn start_of_time() -> DateTime<Utc> {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

pub struct Crieur {
    pub clock: Clock,
    pub site: Site,
    running: Option<Running>,
    starts: u64,
    configuration: String,
    reached_by: PgConnectOptions,
    pub database: TestDatabase,
}

/// One process, as far as a test process can have several: a runtime of its own that dies with everything in it.
struct Running {
    app: Arc<App>,
    runtime: Runtime,
}

impl Crieur {
    pub async fn starts() -> Self {
        let database = TestDatabase::create().await;
        let reached_by = database.options();
        Self::starts_through(database, reached_by).await
    }

    /// Starts where a server at `place` (host and port) may be fetched from.
    pub async fn starts_fetching_from(place: &str) -> Self {
        let database = TestDatabase::create().await;
        let reached_by = database.options();
        Self::starts_as(format!("{CONFIGURATION}\n[fetch]\nallow = [\"{place}\"]\n"), database, reached_by).await
    }

    /// Starts on `database`, reached by `reached_by`.
    pub async fn starts_through(database: TestDatabase, reached_by: PgConnectOptions) -> Self {
        Self::starts_as(CONFIGURATION.to_owned(), database, reached_by).await
    }

    async fn starts_as(configuration: String, database: TestDatabase, reached_by: PgConnectOptions) -> Self {
        let clock = Clock::manual(start_of_time());
        let reached_by = reached_by.application_name(APPLICATION);
        let (site, running, starts) = (Site::default(), None, 0);
        let mut crieur = Self { clock, site, running, starts, configuration, reached_by, database };
        crieur.start().await;
        crieur
    }

    pub async fn start(&mut self) {
        self.starts += 1;
        let start = Start {
            config: Config::parse(Path::new("crieur.toml"), &self.configuration, []).unwrap(),
            database: self.reached_by.clone(),
            clock: self.clock.clone(),
            random: Random::seeded(self.starts),
            secrets: Secrets::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let app = runtime.spawn(App::start(start)).await.unwrap().unwrap();
        while !app.readiness().await.ready {
            a_moment().await;
        }
        self.site.moves_to(app.public_url().to_owned());
        self.running = Some(Running { app: Arc::new(app), runtime });
    }

    /// Dies where it stands: nothing is finished, nothing is said.
    pub async fn crash(&mut self) {
        let Some(Running { app, runtime }) = self.running.take() else { return };
        runtime.shutdown_background();
        drop(app);
        self.is_gone().await;
    }

    pub async fn crash_and_restart(&mut self) {
        self.crash().await;
        self.start().await;
    }

    /// Waits until Postgres has noticed, as it does at once when a process dies.
    async fn is_gone(&self) {
        loop {
            let connections = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = $1"#,
                APPLICATION,
            );
            if connections.fetch_one(self.database.pool()).await.unwrap() == 0 {
                return;
            }
            a_moment().await;
        }
    }

    fn app(&self) -> &App {
        &self.running.as_ref().expect("crieur is running").app
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.app().admin_address()
    }

    pub async fn is_ready(&self) -> bool {
        self.app().readiness().await.ready
    }

    /// Waits until nothing is due any more.
    pub async fn quiet(&self) {
        self.app().service().quiet().await.unwrap();
    }

    /// Lets time pass until what failed was tried again, however often.
    pub async fn settles(&self) {
        for _ in 0..8 {
            self.quiet().await;
            self.clock.advance(TimeDelta::minutes(2));
        }
        self.quiet().await;
    }

    pub async fn citizen(&self) -> Citizen {
        Citizen::arrives(&self.site).await
    }

    pub async fn citizens(&self, count: usize) -> Vec<Citizen> {
        let mut citizens = Vec::new();
        for _ in 0..count {
            citizens.push(self.citizen().await);
        }
        citizens
    }

    /// Somebody who may organise, granted at the command line.
    pub async fn organiser(&self) -> Citizen {
        let mut citizen = self.citizen().await;
        let address = citizen.address().await;
        let granted = self.command(&["roles", "grant", "organiser", &address]);
        assert!(granted.status.success(), "{granted:?}");
        citizen
    }

    /// Creates and opens a consultation from its file.
    pub async fn opens(&self, file: &str) {
        let definition = definition_file::parse(file).unwrap();
        self.operates(async |cx| {
            let created = operations::create(cx, definition).await?;
            operations::open(cx, created.id).await
        })
        .await;
    }

    /// Stores a consultation that nobody can answer yet.
    pub async fn drafts(&self, source: &str) {
        let definition = definition_file::parse(source).unwrap();
        self.operates(async |cx| operations::create(cx, definition).await).await;
    }

    pub async fn opens_draft(&self, slug: &str) {
        self.operates(async |cx| {
            let found = operations::show(cx, slug).await?;
            operations::open(cx, found.id).await
        })
        .await;
    }

    pub async fn closes(&self, slug: &str) {
        self.operates(async |cx| {
            let found = operations::show(cx, slug).await?;
            operations::close(cx, found.id).await
        })
        .await;
        self.quiet().await;
    }

    /// An operator's work, inside the running service.
    pub async fn operates<T>(&self, work: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>) -> T {
        self.operates_as("micro-consultations", work).await
    }

    /// … as another plugin's.
    pub async fn operates_as<T, E: std::fmt::Debug>(
        &self,
        plugin: &str,
        work: impl AsyncFnOnce(&mut Context) -> Result<T, E>,
    ) -> T {
        let core = self.app().core();
        core.perform(self.organisation(), &plugin.parse().unwrap(), work).await.unwrap().unwrap()
    }

    pub fn organisation(&self) -> &Organisation {
        let known = self.app().core().organisations().find(|known| known.name == DEFAULT_ORGANISATION);
        known.unwrap()
    }

    /// Runs the program beside the service, on the same database.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let url = self.database.options().to_url_lossy();
        Command::new(env!("CARGO_BIN_EXE_crieur"))
            .args(arguments)
            .env("CRIEUR_DATABASE__URL", url.as_str())
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    /// A public page: its status and its text.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(self.site.address(path)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Ballots that count in an open consultation, as the public page tells.
    pub async fn participation(&self, slug: &str) -> u64 {
        let (status, page) = self.page(&format!("/consultations/{slug}")).await;
        assert_eq!(status, 200);
        let (_, rest) = page.split_once("<th scope=\"row\">Total</th><td>").expect("the page tells the total");
        rest.split('<').next().unwrap().parse().unwrap()
    }
}

impl Drop for Crieur {
    fn drop(&mut self) {
        if let Some(Running { runtime, .. }) = self.running.take() {
            // A runtime may not be waited for inside another one.
            runtime.shutdown_background();
        }
    }
}
