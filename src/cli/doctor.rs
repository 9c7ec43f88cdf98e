//! `doctor`: one line for each thing a service needs, ✓ or ✗ with what to do.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use barometer_digests::sending::proof::{self, Watched};
use bot_core::adapter::AdapterContext;
use bot_core::ids::{AccountId, OrganisationId};
use bot_core::store::{self, accounts, deliveries, fires, inbox, plugins, rooms, server};
use bot_core::{Clock, Locale, store::deliveries::OutboxDepths};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use survey_reminders::limesurvey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::EXIT_FAILED;
use super::arguments::PlaceArguments;
use super::operator::{configuration, database_settings};
use super::output::Output;
use crate::adapters::{self, Place};
use crate::config::{self, Config};
use crate::database::{Database, IfRunning};

/// Clocks further apart than this make openings and closings come at the wrong time.
const CLOCK_DIFFERENCE_SECONDS_MAX: i64 = 5;
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// A platform is asked several things.
const EXAMINED_WITHIN: Duration = Duration::from_secs(30);
/// Rooms that were not reached for longer are forgotten.
const ROOMS_LOOKED_BACK: TimeDelta = TimeDelta::days(7);
/// Largest answer of the admin listener that is read.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Finding {
    step: String,
    ok: bool,
    found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn fine(&mut self, step: impl Into<String>, found: impl Into<String>) {
        self.0.push(Finding { step: step.into(), ok: true, found: found.into(), remedy: None });
    }

    fn wrong(&mut self, step: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { step: step.into(), ok: false, found: found.into(), remedy: Some(remedy.into()) });
    }

    fn check(&mut self, step: &str, ok: bool, found: impl Into<String>, remedy: &str) {
        if ok { self.fine(step, found) } else { self.wrong(step, found, remedy) }
    }
}

pub(super) async fn run(place: &PlaceArguments, output: Output) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    let config = look_at_configuration(place, &mut findings);
    let mut running = None;
    if let Some(config) = &config {
        running = look_at_listeners(config, &mut findings).await;
    }
    look_at_database(place, config.as_ref(), running.as_ref(), &mut findings).await;
    let Findings(findings) = findings;
    let all_fine = findings.iter().all(|finding| finding.ok);
    output.answer(&serde_json::json!({ "ok": all_fine, "findings": findings }), || words(&findings))?;
    Ok(if all_fine { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn words(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let mark = if finding.ok { "✓" } else { "✗" };
        lines.push(format!("{mark} {}: {}", finding.step, finding.found));
        lines.extend(finding.remedy.iter().map(|remedy| format!("    → {remedy}")));
    }
    let wrong = findings.iter().filter(|finding| !finding.ok).count();
    lines.push(match wrong {
        0 => "All is well.".to_owned(),
        1 => "1 thing needs a look.".to_owned(),
        _ => format!("{wrong} things need a look."),
    });
    lines.join("\n")
}

fn look_at_configuration(place: &PlaceArguments, findings: &mut Findings) -> Option<Config> {
    let step = "configuration";
    let Some(path) = config::find(place.config.as_deref()) else {
        if place.data_dir.is_some() {
            findings.fine(step, "none, as for the demonstration");
        } else {
            let remedy = "copy docs/crieur.toml.example to crieur.toml, or name the file with --config";
            findings.wrong(step, "there is no crieur.toml", remedy);
        }
        return None;
    };
    match configuration(place) {
        Ok(config) => {
            findings.fine(step, format!("{} is right", path.display()));
            match config.accounts.len() {
                0 => findings.wrong("accounts", "none is configured", "add an [[account]], or nobody can be reached"),
                count => findings.fine("accounts", format!("{count} configured")),
            }
            look_at_public_url(&config, findings);
            Some(config)
        }
        Err(error) => {
            for problem in &error.problems {
                let found = format!("{} {}", problem.place, problem.field);
                findings.wrong(step, found.trim_end(), problem.remedy.clone());
            }
            None
        }
    }
}

fn look_at_public_url(config: &Config, findings: &mut Findings) {
    let step = "public address";
    match &config.http.public.public_url {
        Some(url) if url.starts_with("https://") => findings.fine(step, url),
        Some(url) if config.http.public.listen.ip().is_loopback() && url.contains("localhost") => {
            findings.fine(step, url)
        }
        Some(url) => findings.wrong(
            step,
            format!("{url} is not encrypted"),
            "put a proxy with a certificate in front, and write https:// in http.public.public_url",
        ),
        None => findings.fine(step, "none set: only this machine reaches the pages"),
    }
}

/// What a running service says of itself.
#[derive(Debug, Deserialize)]
struct Running {
    components: Vec<RunningComponent>,
}

#[derive(Debug, Deserialize)]
struct RunningComponent {
    kind: String,
    name: String,
    ready: bool,
    state: String,
    reason: Option<String>,
}

async fn look_at_listeners(config: &Config, findings: &mut Findings) -> Option<Running> {
    let (public, admin) = (config.http.public.listen, config.http.admin.listen);
    let running = ask(admin, "/health/ready").await.and_then(|answer| serde_json::from_str::<Running>(&answer).ok());
    for (step, address) in [("public listener", public), ("admin listener", admin)] {
        let is_free = TcpListener::bind(address).await.is_ok();
        match (is_free, &running) {
            (true, None) => findings.fine(step, format!("{address} is free; no service is running")),
            (true, Some(_)) => findings.wrong(
                step,
                format!("{address} is free although a service is running"),
                "restart the service: it was started with another configuration",
            ),
            (false, Some(_)) => findings.fine(step, format!("a service answers on {address}")),
            (false, None) => findings.wrong(
                step,
                format!("{address} cannot be listened on, and no crieur answers"),
                "stop the program that uses it, or choose another address",
            ),
        }
    }
    running
}

/// Asks the admin listener, in the plainest HTTP there is.
async fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let asked = tokio::time::timeout(ANSWER_WITHIN, async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await.ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    });
    asked.await.ok().flatten()
}

async fn look_at_database(
    place: &PlaceArguments,
    config: Option<&Config>,
    running: Option<&Running>,
    findings: &mut Findings,
) {
    let step = "database";
    let settings = match database_settings(place) {
        Ok(settings) => settings,
        // Told above, with the configuration.
        Err(_) => return,
    };
    look_at_secrets(config, findings);
    let is_private = matches!(settings.given(), Ok(None));
    if is_private && !settings.data_dir().join("owner.lock").exists() {
        let found = format!("the private server will be made in {} at the first start", settings.data_dir().display());
        findings.fine(step, found);
        return;
    }
    let database = match Database::open(&settings, IfRunning::Join).await {
        Ok(database) => database,
        Err(error) => return findings.wrong(step, "cannot be opened", format!("{error:#}")),
    };
    match store::connect(database.options(), 2).await {
        Ok(pool) => {
            match (look_inside(&pool, running, findings).await, config) {
                (Ok(true), Some(config)) => {
                    if let Err(error) = look_at_platforms(config, &pool, findings).await {
                        findings.wrong(step, "cannot be read", error.to_string());
                    }
                }
                (Ok(_), _) => {}
                (Err(error), _) => findings.wrong(step, "cannot be read", error.to_string()),
            }
            pool.close().await;
        }
        Err(error) => findings.wrong(step, "does not answer", error.to_string()),
    }
    if let Err(error) = database.stop().await {
        findings.wrong(step, "the private server did not stop", format!("{error:#}"));
    }
}

fn look_at_secrets(config: Option<&Config>, findings: &mut Findings) {
    let Some(config) = config else { return };
    let of_accounts = config.accounts.iter().filter_map(|account| account.settings());
    let paths: Vec<&Path> = config
        .database
        .url_file
        .as_deref()
        .into_iter()
        .chain(of_accounts.flat_map(|settings| settings.secret_files()))
        .chain(config.secrets.values().map(|secret| secret.file.as_path()))
        .collect();
    let mut kept = 0;
    for path in &paths {
        // One that is not there is told by the database or the account that needs it.
        let Ok(metadata) = std::fs::metadata(path) else { continue };
        if metadata.permissions().mode() & 0o007 == 0 {
            kept += 1;
        } else {
            let found = format!("everybody on this machine may read {}", path.display());
            findings.wrong("secrets", found, format!("chmod 600 {}", path.display()));
        }
    }
    if kept > 0 && kept == paths.len() {
        findings.fine("secrets", "kept from others");
    }
}

/// Asks each account's platform whether it is set up: the token, the rights, the rooms.
async fn look_at_platforms(config: &Config, pool: &PgPool, findings: &mut Findings) -> Result<(), store::StoreError> {
    let known = accounts::list(pool).await?;
    let place = Place::of(config, config.http.public.public_url.clone().unwrap_or_default());
    for account in &config.accounts {
        let Some(settings) = account.settings() else { continue };
        // Before the first start it has no number yet, and so no memory either.
        let known = known.iter().find(|known| known.name == account.name);
        let (organisation, number) = known.map_or((0, 0), |known| (known.organisation, known.id));
        let context = AdapterContext::outside_service(pool.clone(), OrganisationId(organisation), AccountId(number));
        let step = format!("account {}", account.name);
        match adapters::connect(settings, &place, context) {
            Ok(connected) => {
                let examined = tokio::time::timeout(EXAMINED_WITHIN, connected.adapter.examine()).await;
                let Ok(examined) = examined else {
                    findings.wrong(step, "its platform does not answer", "see whether this machine reaches it");
                    continue;
                };
                for finding in examined {
                    let step = format!("{step}, {}", finding.step);
                    findings.0.push(Finding { step, ok: finding.ok, found: finding.found, remedy: finding.remedy });
                }
            }
            Err(error) => findings.wrong(step, "cannot be made", format!("{error:#}")),
        }
    }
    Ok(())
}

/// Says whether the schema is there, so that more can be looked at.
async fn look_inside(
    pool: &PgPool,
    running: Option<&Running>,
    findings: &mut Findings,
) -> Result<bool, store::StoreError> {
    let facts = server::facts(pool).await?;
    findings.fine("database", format!("Postgres {} answers", facts.version));
    findings.check(
        "durability",
        facts.fsync && facts.synchronous_commit,
        if facts.fsync && facts.synchronous_commit {
            "a vote is on the disk before it is acknowledged"
        } else {
            "acknowledged votes can be lost"
        },
        "set fsync and synchronous_commit to on in postgresql.conf",
    );
    look_at_clock(Clock::system().now(), facts.clock, findings);
    let steps = store::migrations(pool).await?;
    let missing = steps.iter().filter(|step| !step.applied).count();
    let found =
        if missing == 0 { format!("up to date, version {}", steps.len()) } else { format!("{missing} steps behind") };
    findings.check("schema", missing == 0, found, "run `crieur migrate`, or start the service");
    if missing > 0 {
        return Ok(false);
    }
    for account in accounts::list(pool).await?.into_iter().filter(|account| account.state != "retired") {
        let step = format!("account {}", account.name);
        let live = running.and_then(|running| part(running, "account", &account.name));
        match (account.state.as_str(), live) {
            ("dead", _) => {
                let reason = account.reason.unwrap_or_default();
                findings.wrong(
                    step,
                    format!("refused by its platform: {reason}"),
                    "renew its token, and restart the service",
                );
            }
            (_, Some(live)) if !live.ready => {
                let reason = live.reason.clone().unwrap_or_default();
                findings.wrong(step, format!("{} {reason}", live.state).trim_end(), "see the log of the service");
            }
            (_, Some(live)) => findings.fine(step, live.state.clone()),
            (state, None) => findings.fine(step, state),
        }
    }
    for plugin in plugins::list(pool).await? {
        let step = format!("plugin {}", plugin.id);
        let reason = plugin.reason.clone().unwrap_or_default();
        if plugin.enabled && plugin.state == "disabled" {
            let remedy = format!("put it right, then `crieur plugins enable {}`", plugin.id);
            findings.wrong(step, format!("disabled: {reason}"), remedy);
        } else {
            findings.fine(step, format!("{} {reason}", plugin.state).trim_end());
        }
    }
    for fire in fires::failing(pool).await? {
        findings.wrong(
            format!("what is due for {}", fire.plugin),
            format!("{} has failed {} times: {}", fire.scope, fire.attempts, fire.reason),
            "see the log of the service; it is tried again by itself",
        );
    }
    look_at_rooms(&rooms::unreached(pool, Clock::system().now() - ROOMS_LOOKED_BACK).await?, findings);
    let mut connection = pool.acquire().await?;
    for polling in limesurvey::pollings(&mut connection, None).await? {
        let step = format!("campaign {}", polling.campaign);
        match polling.failure {
            Some(failure) => findings.wrong(step, "its LimeSurvey does not tell who answered", failure),
            None => findings.fine(step, "its LimeSurvey tells who answered"),
        }
    }
    look_at_digests(&proof::watched(&mut connection).await?, findings);
    drop(connection);
    look_at_queues(&inbox::depths(pool).await?, &deliveries::depths(pool, Clock::system().now()).await?, findings);
    Ok(true)
}

fn part<'r>(running: &'r Running, kind: &str, name: &str) -> Option<&'r RunningComponent> {
    running.components.iter().find(|component| component.kind == kind && component.name == name)
}

fn look_at_clock(ours: DateTime<Utc>, theirs: DateTime<Utc>, findings: &mut Findings) {
    let apart = (ours - theirs).abs();
    findings.check(
        "clock",
        apart <= TimeDelta::seconds(CLOCK_DIFFERENCE_SECONDS_MAX),
        format!("{} UTC, {} s from the database's", ours.format("%Y-%m-%d %H:%M"), apart.num_seconds()),
        "set both machines by the same time servers (timedatectl set-ntp true): consultations open and close by this clock",
    );
}

fn look_at_rooms(unreached: &[rooms::UnreachedRoom], findings: &mut Findings) {
    for room in unreached {
        findings.wrong(
            format!("room {}", room.number),
            format!("the last message of account {} did not arrive: {}", room.account, room.reason),
            "invite the bot again and let it write there, or announce elsewhere",
        );
    }
}

fn look_at_digests(watched: &[Watched], findings: &mut Findings) {
    for digest in watched {
        let step = format!("digest edition {}", digest.edition);
        if digest.problems.is_empty() {
            findings.fine(step, "its numbers add up");
            continue;
        }
        let problems: Vec<String> = digest.problems.iter().map(|problem| problem.words(Locale::En)).collect();
        let remedy = format!(
            "see `crieur digest proof {}`, keep a copy of the database, and find out who wrote in it",
            digest.edition
        );
        findings.wrong(step, problems.join(" "), remedy);
    }
}

fn look_at_queues(waiting: &inbox::InboxDepths, outgoing: &OutboxDepths, findings: &mut Findings) {
    findings.check(
        "inbox",
        waiting.parked == 0,
        format!("{} events wait, {} are parked", waiting.waiting, waiting.parked),
        "see why with `crieur inbox list`, then `crieur inbox retry --all`",
    );
    let in_state =
        |state: &str| outgoing.by_state.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
    let (held, failed) = (in_state("held"), in_state("failed"));
    findings.check(
        "outbox",
        held == 0,
        format!("{} deliveries wait, {held} are held, {failed} failed", in_state("queued")),
        "after a restore, release them with `crieur deliveries release --all`, or cancel them",
    );
}
