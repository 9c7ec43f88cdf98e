//! The bot's device: logged in once, opened again on each start, and bound to its store. Two places must agree on it:
//! the store itself (session, keys) and the account's memory (which device it is, how often it was opened).

use bot_core::adapter::RunError;
use bot_core::store::account_state::{StateEntry, StateError};
use chrono::{DateTime, TimeDelta, Utc};
use matrix_sdk::authentication::matrix::MatrixSession;
use matrix_sdk::config::RequestConfig;
use matrix_sdk::encryption::{BackupDownloadStrategy, EncryptionSettings};
use matrix_sdk::{Client, ClientBuildError, SqliteStoreConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::{InUse, StoreDirectory, StoreKey};
use crate::verdict::Failure;
use crate::{Matrix, secret_file, trust};

/// Longer than any call of Synapse's that succeeds, shorter than the outbox waits for one.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const PASSWORD_REMEDY: &str = "put the bot's password there";
/// Where the session lies within the store, which encrypts it.
const SESSION: &[u8] = b"crieur/session";
const DEVICE: &str = "device";

/// A device that is logged in, with its store opened by this process alone.
#[derive(Debug)]
pub(crate) struct Device {
    pub client: Client,
    pub known: KnownDevice,
    _directory: StoreDirectory,
}

/// What the account's memory knows of the device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct KnownDevice {
    pub user: String,
    pub device: String,
    /// How often the store was opened. A store that was opened less often is an old copy.
    pub starts: u64,
    /// When it took another device's place, which the homeserver's memory of sends does not survive.
    pub recovered_at: Option<DateTime<Utc>>,
}

/// What the store itself knows of the device.
#[derive(Serialize, Deserialize)]
struct StoredSession {
    session: MatrixSession,
    starts: u64,
}

/// A directory another process uses is not opened.
pub(crate) enum Opened {
    Here(Box<Device>),
    InUse,
}

impl Matrix {
    pub(crate) async fn known_device(&self) -> Result<Option<KnownDevice>, RunError> {
        let value = self.state.get(DEVICE).await.map_err(lost)?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    /// Opens the device, or makes it on the very first start. Does not look whether it is trusted.
    pub(crate) async fn open_device(&self) -> Result<Opened, RunError> {
        let directory = match StoreDirectory::lock(&self.settings)? {
            Ok(directory) => directory,
            Err(InUse) => return Ok(Opened::InUse),
        };
        let known = self.known_device().await?;
        let has_store = directory.has_store();
        if known.is_some() && !has_store {
            return Err(refused(
                "the store of the bot's device is not in `store_dir`: give that directory back to it as it was last \
                 (an old copy does not help), or run `crieur matrix recover`, which logs in a new device",
            ));
        }
        let key = StoreKey::obtain(&self.settings, has_store, &self.random)?;
        let client = self.build_client(&directory.store(), &key).await?;
        let stored = read_session(&client).await?;
        let known = match (known, stored) {
            (known, Some(stored)) => self.reopen(&client, known, stored).await?,
            (None, None) => self.log_in(&client, None).await?,
            (Some(_), None) => {
                return Err(refused("`store_dir` holds no session of the bot's device: run `crieur matrix recover`"));
            }
        };
        Ok(Opened::Here(Box::new(Device { client, known, _directory: directory })))
    }

    pub(crate) async fn build_client(&self, store: &Path, key: &StoreKey) -> Result<Client, RunError> {
        let store = SqliteStoreConfig::with_low_memory_config(store).key(Some(key.expose()));
        let encryption = EncryptionSettings {
            auto_enable_cross_signing: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
            auto_enable_backups: false,
        };
        let built = Client::builder()
            .homeserver_url(&self.settings.homeserver_url)
            // The operator knows the way; the SDK would take the one that a login's answer names, until the restart.
            .respect_login_well_known(false)
            .sqlite_store_with_config_and_cache_path(store, None::<PathBuf>)
            .request_config(RequestConfig::new().disable_retry().timeout(ANSWER_WITHIN))
            .with_encryption_settings(encryption)
            .user_agent(concat!("crieur/", env!("CARGO_PKG_VERSION")))
            .build()
            .await;
        match built {
            Ok(client) => {
                // The outbox sends; the SDK's own queue would be a second one.
                client.send_queue().set_enabled(false).await;
                Ok(client)
            }
            Err(ClientBuildError::SqliteStore(_)) => Err(refused(
                "the store in `store_dir` does not open with the passphrase of `store_passphrase_file`: put the right \
                 passphrase there; if it is lost or the store is damaged, run `crieur matrix recover`",
            )),
            Err(ClientBuildError::Url(_)) => Err(refused("`homeserver_url` is not an address: correct it")),
            Err(_) => Err(refused("the connection to the homeserver could not be prepared: check `homeserver_url`")),
        }
    }

    async fn reopen(
        &self,
        client: &Client,
        known: Option<KnownDevice>,
        mut stored: StoredSession,
    ) -> Result<KnownDevice, RunError> {
        let meta = &stored.session.meta;
        if meta.user_id.as_str() != self.settings.user {
            return Err(refused(
                "`store_dir` belongs to another user than `user`: give each account a directory of its own",
            ));
        }
        if let Some(known) = &known {
            if known.device != meta.device_id.as_str() {
                return Err(refused(
                    "`store_dir` belongs to another device than the account's: give it the directory it had last, or \
                     run `crieur matrix recover`",
                ));
            }
            if known.starts > stored.starts {
                return Err(refused(
                    "`store_dir` holds an old copy of the device's store, which would break encryption: give it the \
                     directory it had last, or run `crieur matrix recover`",
                ));
            }
        }
        stored.starts += 1;
        let known = KnownDevice {
            user: meta.user_id.to_string(),
            device: meta.device_id.to_string(),
            starts: stored.starts,
            recovered_at: known.and_then(|known| known.recovered_at),
        };
        if stored.session.tokens.access_token.is_empty() {
            return self.log_in(client, Some(known)).await;
        }
        // The store first: should only this be written, it is newer than the memory, which is no harm.
        write_session(client, &stored).await?;
        self.remember(&known).await?;
        client
            .restore_session(stored.session)
            .await
            .map_err(|_| refused("the device's keys cannot be read from `store_dir`: run `crieur matrix recover`"))?;
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        Ok(known)
    }

    /// Logs in with the password: as `again`, the device whose session ran out, or else as a new device.
    pub(crate) async fn log_in(&self, client: &Client, again: Option<KnownDevice>) -> Result<KnownDevice, RunError> {
        let password = secret_file::read("password_file", &self.settings.password_file, PASSWORD_REMEDY)
            .map_err(|error| RunError::Refused(error.to_string()))?;
        let name = format!("crieur/{}", self.account.0);
        let auth = client.matrix_auth();
        let mut login = auth.login_username(&self.settings.user, password.expose());
        login = match &again {
            Some(known) => login.device_id(&known.device),
            None => login.initial_device_display_name(&name),
        };
        if let Err(error) = login.send().await {
            return Err(match Failure::of(&error, self.clock.now()) {
                Failure::Forbidden | Failure::TokenDead { .. } => refused(
                    "the homeserver does not accept `user` with the password of `password_file`: correct either",
                ),
                Failure::Refused(words) => refused(&format!(
                    "logging in was refused ({words}): check `homeserver_url`, and that the homeserver lets users log \
                     in with a password"
                )),
                Failure::NotFound => refused("`homeserver_url` does not answer as a homeserver: correct it"),
                other => RunError::Lost(format!("logging in did not succeed: {}", other.words())),
            });
        }
        let session = client.matrix_auth().session().ok_or_else(|| lost_words("logging in gave no session"))?;
        if session.meta.user_id.as_str() != self.settings.user {
            return Err(refused("the homeserver knows this user by another name: write it in `user`"));
        }
        let starts = again.as_ref().map_or(1, |known| known.starts);
        let known = KnownDevice {
            user: session.meta.user_id.to_string(),
            device: session.meta.device_id.to_string(),
            starts,
            recovered_at: again.and_then(|known| known.recovered_at),
        };
        write_session(client, &StoredSession { session, starts }).await?;
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        self.remember(&known).await?;
        Ok(known)
    }

    /// The session ran out, but the device may log in again: it does so when it is opened next.
    pub(crate) async fn forget_token(&self, client: &Client) -> Result<(), RunError> {
        if let Some(mut stored) = read_session(client).await? {
            stored.session.tokens.access_token.clear();
            write_session(client, &stored).await?;
        }
        Ok(())
    }

    pub(crate) async fn remember(&self, known: &KnownDevice) -> Result<(), RunError> {
        let value = serde_json::to_value(known).map_err(|error| RunError::Lost(error.to_string()))?;
        self.state.put(&[StateEntry::new(DEVICE, value)]).await.map_err(lost)
    }

    /// Logs in a new device and trusts it with the recovery key. The store there was is set aside.
    pub(crate) async fn replace_device(&self) -> Result<Result<Option<PathBuf>, InUse>, RunError> {
        let directory = match StoreDirectory::lock(&self.settings)? {
            Ok(directory) => directory,
            Err(in_use) => return Ok(Err(in_use)),
        };
        let remedy = "put the bot's recovery key there: without it, a new device cannot be trusted";
        secret_file::read("recovery_key_file", &self.settings.recovery_key_file, remedy)
            .map_err(|error| RunError::Refused(error.to_string()))?;
        let before = self.known_device().await?;
        let now = self.clock.now();
        let key = StoreKey::obtain(&self.settings, false, &self.random)?;
        let client = self.build_client(&directory.begin_new(now)?, &key).await?;
        let outcome = self.log_in(&client, None).await;
        // Until the new device is in its place, the memory names the one that is.
        if let Some(before) = &before {
            self.remember(before).await?;
        }
        let mut known = outcome?;
        trust::ensure(&client, &self.settings).await?;
        if let Some(before) = &before {
            trust::remove_device(&client, &self.settings, &before.device).await;
        }
        let closed = client.pause().await;
        drop(client);
        closed.map_err(|_| refused("the new device's store could not be closed: run `crieur matrix recover` again"))?;
        let aside = directory.install(now)?;
        known.recovered_at = Some(now);
        self.remember(&known).await?;
        Ok(Ok(aside))
    }
}

impl KnownDevice {
    /// For how long the homeserver surely recognises a repeated send: it remembers them per device, so a send begun
    /// by the device before is not covered.
    pub(crate) fn recognises_for(&self, most: TimeDelta, now: DateTime<Utc>) -> TimeDelta {
        self.recovered_at.map_or(most, |since| (now - since).clamp(TimeDelta::zero(), most))
    }
}

async fn read_session(client: &Client) -> Result<Option<StoredSession>, RunError> {
    let unreadable = || refused("the session in `store_dir` cannot be read: run `crieur matrix recover`");
    let stored = client.state_store().get_custom_value(SESSION).await.map_err(|_| unreadable())?;
    stored.map(|stored| serde_json::from_slice(&stored).map_err(|_| unreadable())).transpose()
}

async fn write_session(client: &Client, stored: &StoredSession) -> Result<(), RunError> {
    let unwritable = || lost_words("the session cannot be written to `store_dir`: is the disk full?");
    let stored = serde_json::to_vec(stored).map_err(|_| unwritable())?;
    client.state_store().set_custom_value_no_read(SESSION, stored).await.map_err(|_| unwritable())
}

pub(crate) fn refused(words: &str) -> RunError {
    RunError::Refused(words.to_owned())
}

pub(crate) fn lost(error: StateError) -> RunError {
    RunError::Lost(error.to_string())
}

fn lost_words(words: &str) -> RunError {
    RunError::Lost(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_device_does_not_vouch_for_sends_of_the_one_before() {
        let now: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let most = TimeDelta::minutes(25);
        let mut known = KnownDevice { user: "@a:b".into(), device: "D".into(), starts: 1, recovered_at: None };
        assert_eq!(known.recognises_for(most, now), most);
        known.recovered_at = Some(now - TimeDelta::minutes(4));
        assert_eq!(known.recognises_for(most, now), TimeDelta::minutes(4));
        known.recovered_at = Some(now - TimeDelta::hours(4));
        assert_eq!(known.recognises_for(most, now), most);
    }
}
