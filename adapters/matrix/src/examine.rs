//! The steps of setting a Matrix account up, for `crieur doctor`.

use bot_core::adapter::{Finding, RunError};
use matrix_sdk::Client;
use matrix_sdk::config::RequestConfig;

use crate::device::{Device, Opened};
use crate::verdict::Failure;
use crate::{Matrix, secret_file, trust};

const DOCTOR_WAITS: std::time::Duration = std::time::Duration::from_secs(5);

impl Matrix {
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let mut findings = self.files();
        let server = self.server().await;
        let is_reachable = server.ok;
        findings.push(server);
        if is_reachable {
            findings.extend(self.device_findings().await);
        }
        findings
    }

    fn files(&self) -> Vec<Finding> {
        let settings = &self.settings;
        let password = secret_file::read("password_file", &settings.password_file, "put the bot's password there");
        let password = match password {
            Ok(_) => Finding::fine("password", "is there"),
            Err(error) => Finding::wrong("password", "cannot be read", error.to_string()),
        };
        let remedy = "put the bot's recovery key there";
        let key = secret_file::read_if_there("recovery_key_file", &settings.recovery_key_file, remedy);
        let key = match key {
            Ok(Some(_)) => Finding::fine("recovery key", "is there: keep a copy apart from this machine"),
            Ok(None) => Finding::fine("recovery key", "none yet: the first start writes it"),
            Err(error) => Finding::wrong("recovery key", "cannot be read", error.to_string()),
        };
        vec![password, key]
    }

    async fn server(&self) -> Finding {
        let step = "homeserver";
        let url = &self.settings.homeserver_url;
        let config = RequestConfig::new().disable_retry().timeout(DOCTOR_WAITS);
        let Ok(client) = Client::builder().homeserver_url(url).request_config(config).build().await else {
            return Finding::wrong(step, format!("{url} is not an address"), "correct `homeserver_url`");
        };
        match client.fetch_server_versions(None).await {
            Ok(_) => Finding::fine(step, format!("{url} answers")),
            Err(error) => Finding::wrong(
                step,
                format!("{url} does not answer: {}", Failure::of_http(&error, self.clock.now()).words()),
                "check `homeserver_url`, and that this machine reaches it",
            ),
        }
    }

    async fn device_findings(&self) -> Vec<Finding> {
        if let Some(device) = self.device() {
            return self.of_device(&device).await;
        }
        match self.known_device().await {
            Ok(Some(_)) => {}
            Ok(None) => return vec![Finding::fine("device", "not logged in yet: the first start does it")],
            Err(error) => return vec![Finding::wrong("device", error.to_string(), "look at the database first")],
        }
        match self.open_device().await {
            Ok(Opened::InUse) => self.of_report().await,
            Ok(Opened::Here(device)) => {
                let findings = self.of_device(&device).await;
                let _ = device.client.pause().await;
                findings
            }
            Err(RunError::Refused(reason)) => {
                vec![Finding::wrong("device", "its store does not fit the account", reason)]
            }
            Err(RunError::Lost(reason)) => vec![Finding::wrong("device", reason, "try again in a moment")],
        }
    }

    async fn of_device(&self, device: &Device) -> Vec<Finding> {
        let session = match device.client.whoami().await {
            Ok(_) => Finding::fine("device", "is logged in"),
            Err(error) => Finding::wrong(
                "device",
                Failure::of_http(&error, self.clock.now()).words(),
                "run `crieur matrix recover`, which logs in a new one",
            ),
        };
        let trust = trust::look(&device.client).await;
        let late_rooms = match self.last_report().await {
            Ok(Some(report)) => report.undecryptable_rooms,
            _ => 0,
        };
        vec![session, verified(trust.verified), recovery(trust.recovery), undecryptable(late_rooms)]
    }

    /// The service uses the device now: what it noted last.
    async fn of_report(&self) -> Vec<Finding> {
        let used = Finding::fine("device", "is used by the running service");
        match self.last_report().await {
            Ok(Some(report)) => vec![
                used,
                verified(report.verified),
                recovery(report.recovery),
                undecryptable(report.undecryptable_rooms),
            ],
            _ => vec![used],
        }
    }
}

fn verified(is_verified: bool) -> Finding {
    if is_verified {
        return Finding::fine("verification", "the device is signed by the bot's identity");
    }
    let remedy = "stop the service and run `crieur matrix verify`";
    Finding::wrong("verification", "the device is not signed: people are warned of it", remedy)
}

fn recovery(is_enabled: Option<bool>) -> Finding {
    match is_enabled {
        Some(true) => Finding::fine("recovery", "the recovery key opens the identity and the backup of keys"),
        Some(false) => Finding::wrong(
            "recovery",
            "not set up: a lost device could not be replaced",
            "stop the service and run `crieur matrix verify`",
        ),
        None => Finding::fine("recovery", "not looked at yet"),
    }
}

fn undecryptable(rooms: usize) -> Finding {
    match rooms {
        0 => Finding::fine("encrypted rooms", "all can be read"),
        rooms => Finding::wrong(
            "encrypted rooms",
            format!("messages in {rooms} cannot be read, since their keys have not come"),
            "ask the people there to write again; where it goes on, look at the homeserver",
        ),
    }
}
