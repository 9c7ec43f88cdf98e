//! What an operator asks of the device from the command line, and what the service notes down for that.

use std::path::PathBuf;

use bot_core::adapter::{AccountHealth, RunError};
use bot_core::store::account_state::StateEntry;
use chrono::{DateTime, Utc};
use matrix_sdk::RoomState;
use serde::{Deserialize, Serialize};

use crate::device::{Device, Opened, lost, refused};
use crate::store::InUse;
use crate::{Matrix, trust};

/// The account's memory of the last report.
const REPORT: &str = "report";
const STOP_FIRST: &str = "the service uses `store_dir`: stop it first, and start it again afterwards";

/// How the account's device is doing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Status {
    pub user: String,
    /// `None` before the first start.
    pub device: Option<String>,
    /// The service, or another command, uses the device now; the rest is what it noted last.
    pub in_use: bool,
    #[serde(flatten)]
    pub report: Option<Report>,
}

/// What a device that was opened found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The device is signed by the bot's identity.
    pub verified: bool,
    /// The recovery key opens the identity and the backup; `None` while that is not known.
    pub recovery: Option<bool>,
    /// Rooms the bot is in.
    pub rooms: usize,
    /// Rooms in which something has been waiting for its key unusually long.
    pub undecryptable_rooms: usize,
    pub at: DateTime<Utc>,
}

/// What became of `crieur matrix recover`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Recovered {
    pub user: String,
    pub device: Option<String>,
    /// Where the store of the device before was set aside.
    pub set_aside: Option<PathBuf>,
}

impl Matrix {
    /// How the device is doing. Does not log in, and changes nothing on the homeserver.
    ///
    /// # Errors
    /// When the device's store does not fit the account, with what to do.
    pub async fn status(&self) -> Result<Status, RunError> {
        let known = self.known_device().await?;
        let mut status = Status {
            user: self.settings.user.clone(),
            device: known.as_ref().map(|known| known.device.clone()),
            in_use: false,
            report: self.last_report().await?,
        };
        if known.is_none() {
            return Ok(status);
        }
        match self.open_device().await? {
            Opened::InUse => status.in_use = true,
            Opened::Here(device) => {
                let late_rooms = status.report.as_ref().map_or(0, |report| report.undecryptable_rooms);
                status.report = Some(self.look_at(&device, late_rooms).await);
                let _ = device.client.pause().await;
            }
        }
        Ok(status)
    }

    /// Signs the device with the recovery key, or says what is missing for that.
    ///
    /// # Errors
    /// When it cannot be signed, with what to do; also while the service runs.
    pub async fn verify(&self) -> Result<Status, RunError> {
        let Opened::Here(device) = self.open_device().await? else { return Err(refused(STOP_FIRST)) };
        let outcome = trust::ensure(&device.client, &self.settings).await;
        let late_rooms = self.last_report().await?.map_or(0, |report| report.undecryptable_rooms);
        let report = self.look_at(&device, late_rooms).await;
        let _ = device.client.pause().await;
        outcome?;
        let known = &device.known;
        Ok(Status { user: known.user.clone(), device: Some(known.device.clone()), in_use: false, report: Some(report) })
    }

    /// Logs in a new device with the recovery key, after the store was lost or must not be used any more. The store
    /// there was is set aside, never deleted.
    ///
    /// # Errors
    /// When it cannot be done, with what to do; also while the service runs. The old device is then still in place.
    pub async fn recover(&self) -> Result<Recovered, RunError> {
        match self.replace_device().await? {
            Err(InUse) => Err(refused(STOP_FIRST)),
            Ok(set_aside) => {
                let device = self.known_device().await?.map(|known| known.device);
                Ok(Recovered { user: self.settings.user.clone(), device, set_aside })
            }
        }
    }

    async fn look_at(&self, device: &Device, undecryptable_rooms: usize) -> Report {
        let trust = trust::look(&device.client).await;
        let rooms = device.client.rooms().iter().filter(|room| room.state() == RoomState::Joined).count();
        let at = self.clock.now();
        Report { verified: trust.verified, recovery: trust.recovery, rooms, undecryptable_rooms, at }
    }

    pub(crate) async fn last_report(&self) -> Result<Option<Report>, RunError> {
        let value = self.state.get(REPORT).await.map_err(lost)?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    /// Notes down how the device is doing, where that changed, and sets the account's health by it.
    pub(crate) async fn report(&self, device: &Device, late_rooms: usize) -> Result<(), RunError> {
        let report = self.look_at(device, late_rooms).await;
        self.set_health(health_of(&report));
        let before = self.last_report().await?;
        if before.map(|before| Report { at: report.at, ..before }).as_ref() == Some(&report) {
            return Ok(());
        }
        let value = serde_json::to_value(&report).map_err(|error| RunError::Lost(error.to_string()))?;
        self.state.put(&[StateEntry::new(REPORT, value)]).await.map_err(lost)
    }
}

fn health_of(report: &Report) -> AccountHealth {
    if !report.verified {
        let reason = "the bot's device is not verified: stop the service and run `crieur matrix verify`".into();
        return AccountHealth::Failed { reason };
    }
    match report.undecryptable_rooms {
        0 => AccountHealth::Ready,
        rooms => AccountHealth::Impaired {
            reason: format!(
                "messages in {rooms} room(s) cannot be read, since their keys have not come: `crieur matrix status` \
                 follows it; what has no key after a day is given up"
            ),
        },
    }
}
