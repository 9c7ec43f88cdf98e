//! Matrix, with encrypted rooms: the bot is a device like a person's, with keys of its own, trusted through its
//! recovery key, and reads what it is written as their clients do.
//!
//! There are no buttons on Matrix: choices are numbered, and a number written in a direct room of two is the answer.
//! Reactions and polls can be read by everybody in a room, and serve named votes and pulses only.

#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod adapter;
mod content;
mod device;
mod examine;
mod html;
mod meaning;
mod operate;
mod ours;
mod polls;
mod receiving;
mod rooms;
mod sealed;
mod secret_file;
mod sending;
mod settings;
mod store;
mod trust;
mod user;
mod verdict;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bot_core::adapter::{AccountHealth, AdapterContext, RunError};
use bot_core::clock::Random;
use bot_core::ids::AccountId;
use bot_core::store::account_state::AccountState;
use bot_core::{Clock, Platform};

pub use operate::{Recovered, Status};
pub use settings::{Invitations, MatrixSettings, SettingError};

use device::{Device, Opened};
use ours::Remembered;

/// One Matrix account.
#[derive(Debug)]
pub struct Matrix {
    settings: MatrixSettings,
    account: AccountId,
    state: AccountState,
    clock: Clock,
    random: Random,
    /// The device, from the first start of [`Adapter::run`](bot_core::adapter::Adapter::run) until it is stopped.
    open: RwLock<Option<Arc<Device>>>,
    health: RwLock<AccountHealth>,
    remembered: Remembered,
    /// The session ran out, and the device may log in again.
    logged_out_softly: AtomicBool,
}

impl Matrix {
    /// Expects settings that passed [`MatrixSettings::check`]. Touches nothing: what is wrong with the files is told
    /// by [`Adapter::run`](bot_core::adapter::Adapter::run).
    pub fn new(settings: MatrixSettings, context: AdapterContext) -> Arc<Self> {
        let AdapterContext { account, state, media: _, clock, random } = context;
        Arc::new(Self {
            settings,
            account,
            state,
            clock,
            random,
            open: RwLock::default(),
            health: RwLock::new(AccountHealth::Starting),
            remembered: Remembered::default(),
            logged_out_softly: AtomicBool::new(false),
        })
    }

    pub(crate) fn device(&self) -> Option<Arc<Device>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The device, opened if it is not open yet; `None` while another process uses its store.
    pub(crate) async fn open_once(&self) -> Result<Option<Arc<Device>>, RunError> {
        if let Some(device) = self.device() {
            return Ok(Some(device));
        }
        let Opened::Here(device) = self.open_device().await? else { return Ok(None) };
        let device = Arc::new(*device);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&device));
        self.logged_out_softly.store(false, Ordering::Relaxed);
        Ok(Some(device))
    }

    /// Lets go of the device and its store.
    pub(crate) async fn close(&self) {
        let device = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(device) = device
            && device.client.pause().await.is_err()
        {
            tracing::warn!("The store of a Matrix device could not be closed in order");
        }
    }

    pub(crate) fn note_soft_logout(&self) {
        self.logged_out_softly.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_logged_out_softly(&self) -> bool {
        self.logged_out_softly.load(Ordering::Relaxed)
    }

    pub(crate) fn set_health(&self, health: AccountHealth) {
        *self.health.write().unwrap_or_else(PoisonError::into_inner) = health;
    }

    pub(crate) fn current_health(&self) -> AccountHealth {
        self.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn platform() -> Platform {
    Platform::new("matrix")
}
