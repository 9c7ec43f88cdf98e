//! What makes people's clients trust the bot's device: its signature by the bot's own identity, and the recovery key
//! that passes the identity on to the next device. Nothing of it is ever reset without an operator.

use std::time::Duration;

use bot_core::Redacted;
use bot_core::adapter::RunError;
use chrono::DateTime;
use matrix_sdk::config::SyncSettings;
use matrix_sdk::encryption::recovery::{RecoveryError, RecoveryState};
use matrix_sdk::encryption::secret_storage::SecretStorageError;
use matrix_sdk::ruma::api::client::uiaa::{AuthData, Password, UserIdentifier};
use matrix_sdk::{Client, Error};

use crate::device::refused;
use crate::settings::MatrixSettings;
use crate::verdict::Failure;
use crate::{receiving, secret_file};

const FIELD: &str = "recovery_key_file";

/// How far the device is trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trust {
    /// The device is signed by the bot's identity.
    pub verified: bool,
    /// The identity's private keys are on this device.
    pub identity: bool,
    /// The identity and the backup of room keys can be had with the recovery key. `None` while nobody knows.
    pub recovery: Option<bool>,
}

/// What is known without asking the homeserver.
pub(crate) async fn look(client: &Client) -> Trust {
    let encryption = client.encryption();
    let device = encryption.get_own_device().await.ok().flatten();
    Trust {
        verified: device.is_some_and(|device| device.is_cross_signed_by_owner()),
        identity: encryption.cross_signing_status().await.is_some_and(|status| status.is_complete()),
        recovery: match encryption.recovery().state() {
            RecoveryState::Enabled => Some(true),
            RecoveryState::Disabled | RecoveryState::Incomplete => Some(false),
            RecoveryState::Unknown => None,
        },
    }
}

/// Signs the device and sets recovery up, as far as they are not yet.
pub(crate) async fn ensure(client: &Client, settings: &MatrixSettings) -> Result<(), RunError> {
    let trust = look(client).await;
    let key = secret_file::read_if_there(FIELD, &settings.recovery_key_file, "put the bot's recovery key there")
        .map_err(|error| RunError::Refused(error.to_string()))?;
    if trust.verified && trust.identity && trust.recovery != Some(false) && key.is_some() {
        return Ok(());
    }
    let encryption = client.encryption();
    let has_recovery = encryption.secret_storage().is_enabled().await.map_err(|error| failed(&error))?;
    match (key, has_recovery) {
        (Some(key), true) => {
            // The homeserver learns of a device's keys with its first sync, and only what it knows can be signed.
            Box::pin(client.sync_once(first_sync())).await.map_err(|error| failed(&error))?;
            encryption.recovery().recover(key.expose()).await.map_err(|error| unfitting(&error, settings))?;
        }
        // We hold everything, but the file is gone, or we were stopped just before it was written: a new key.
        (None, true) if trust.verified && trust.identity => {
            let key = encryption.recovery().reset_key().await.map_err(|error| recovery_failed(&error))?;
            write_key(settings, key)?;
            tracing::warn!(
                "There was no recovery key in its file: a new one was made, and the old one opens nothing now"
            );
        }
        (None, true) => {
            return Err(refused(
                "the bot's account has a recovery key already, but `recovery_key_file` is not there: put the key \
                 there. If it is lost, reset the bot's identity in a Matrix client with the bot's password, and put \
                 the new key there",
            ));
        }
        (Some(_), false) => {
            return Err(refused(
                "`recovery_key_file` holds a key, but the bot's account has no recovery that it could open: check \
                 `user` and `homeserver_url`; for a new account, move the file away and the bot writes a new one",
            ));
        }
        (None, false) => make_identity(client, settings, trust).await?,
    }
    let user = client.user_id().ok_or_else(|| refused("the bot is not logged in"))?;
    encryption.request_user_identity(user).await.map_err(|error| failed(&error))?;
    if look(client).await.verified {
        return Ok(());
    }
    Err(refused(
        "the bot's device could not be signed by the bot's identity: run `crieur matrix verify`, and if that does not \
         help, `crieur matrix recover`",
    ))
}

fn first_sync() -> SyncSettings {
    SyncSettings::new().timeout(Duration::ZERO).filter(receiving::filter())
}

async fn make_identity(client: &Client, settings: &MatrixSettings, trust: Trust) -> Result<(), RunError> {
    let encryption = client.encryption();
    let user = client.user_id().ok_or_else(|| refused("the bot is not logged in"))?;
    let before = encryption.request_user_identity(user).await.map_err(|error| failed(&error))?;
    if before.is_some() && !trust.identity {
        return Err(refused(
            "the bot's account has an identity that another client made, without a recovery key: set up recovery in \
             that client and put the key into `recovery_key_file`",
        ));
    }
    if let Err(error) = encryption.bootstrap_cross_signing(None).await {
        let Some(asked) = error.as_uiaa_response() else { return Err(failed(&error)) };
        let proof = password_proof(settings, user.as_str(), asked.session.clone())?;
        encryption.bootstrap_cross_signing(Some(proof)).await.map_err(|error| failed(&error))?;
    }
    let key = encryption.recovery().enable().await.map_err(|error| recovery_failed(&error))?;
    write_key(settings, key)
}

fn write_key(settings: &MatrixSettings, key: String) -> Result<(), RunError> {
    secret_file::create(FIELD, &settings.recovery_key_file, &Redacted::new(key))
        .map_err(|error| RunError::Refused(error.to_string()))
}

fn password_proof(settings: &MatrixSettings, user: &str, session: Option<String>) -> Result<AuthData, RunError> {
    let password = secret_file::read("password_file", &settings.password_file, "put the bot's password there")
        .map_err(|error| RunError::Refused(error.to_string()))?;
    let identifier =
        UserIdentifier::Matrix(matrix_sdk::ruma::api::client::uiaa::MatrixUserIdentifier::new(user.to_owned()));
    let mut proof = Password::new(identifier, password.expose().clone());
    proof.session = session;
    Ok(AuthData::Password(proof))
}

/// Logs a device out that another one has replaced. That it stays is no more than untidy.
pub(crate) async fn remove_device(client: &Client, settings: &MatrixSettings, device: &str) {
    let devices = [device.into()];
    let removed = match client.delete_devices(&devices, None).await {
        Err(error) => match (error.as_uiaa_response(), client.user_id()) {
            (Some(asked), Some(user)) => match password_proof(settings, user.as_str(), asked.session.clone()) {
                Ok(proof) => client.delete_devices(&devices, Some(proof)).await.is_ok(),
                Err(_) => false,
            },
            _ => false,
        },
        Ok(_) => true,
    };
    if !removed {
        tracing::warn!("The device that was replaced could not be logged out: remove it in a Matrix client");
    }
}

/// What went wrong on the way, as the runner has to know it.
pub(crate) fn failed(error: &Error) -> RunError {
    // A server that names a moment only makes us wait longer here.
    match Failure::of(error, DateTime::UNIX_EPOCH) {
        dead @ Failure::TokenDead { soft: false } => {
            RunError::Refused(format!("{}: run `crieur matrix recover`, which logs in a new one", dead.words()))
        }
        Failure::Forbidden => refused("the homeserver forbids the bot to set up its encryption: ask its administrator"),
        other => RunError::Lost(other.words()),
    }
}

fn recovery_failed(error: &RecoveryError) -> RunError {
    match error {
        RecoveryError::Sdk(error) | RecoveryError::SecretStorage(SecretStorageError::Sdk(error)) => failed(error),
        RecoveryError::BackupExistsOnServer => refused(
            "the bot's account has a backup of room keys that another client made: delete it in that client, or put \
             its recovery key into `recovery_key_file`",
        ),
        RecoveryError::SecretStorage(_) => refused("recovery could not be set up: run `crieur matrix verify`"),
    }
}

fn unfitting(error: &RecoveryError, settings: &MatrixSettings) -> RunError {
    match error {
        RecoveryError::Sdk(_) | RecoveryError::SecretStorage(SecretStorageError::Sdk(_)) => recovery_failed(error),
        RecoveryError::SecretStorage(
            SecretStorageError::InconsistentBackupDecryptionKey
            | SecretStorageError::MissingOrInvalidBackupDecryptionKey,
        ) => refused(
            "the recovery key fits, but not the backup of room keys, which another client replaced: set up recovery \
             anew in that client and put the new key into `recovery_key_file`",
        ),
        _ => RunError::Refused(format!(
            "the recovery key in {} does not fit the bot's account: put the right one there. If it is lost, reset the \
             bot's identity in a Matrix client with the bot's password, and put the new key there",
            settings.recovery_key_file.display()
        )),
    }
}
