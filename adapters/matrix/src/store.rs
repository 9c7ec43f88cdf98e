//! The directory that holds the bot's device: who may use it, and how it is opened. It is bound to one device of one
//! user for its whole life and never reset: a store that does not fit is refused, with what to do.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bot_core::Redacted;
use bot_core::adapter::RunError;
use bot_core::clock::Random;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::secret_file;
use crate::settings::MatrixSettings;

/// Shorter ones could be guessed: no slow derivation stands between the passphrase and the key.
const PASSPHRASE_CHARACTERS_MIN: usize = 32;
const PASSPHRASE_REMEDY: &str = "put the passphrase of `store_dir` there; if it is lost, run `crieur matrix recover`";
const STORE: &str = "device";
const STORE_IN_THE_MAKING: &str = "device-in-the-making";

/// The right to use `store_dir`, for one process at a time; given back when dropped.
#[derive(Debug)]
pub(crate) struct StoreDirectory {
    path: PathBuf,
    _lock: File,
}

/// Another process uses the directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InUse;

impl StoreDirectory {
    pub(crate) fn lock(settings: &MatrixSettings) -> Result<Result<Self, InUse>, RunError> {
        let path = settings.store_dir.clone();
        let refused = |error: std::io::Error| {
            RunError::Refused(format!(
                "`store_dir`: {} cannot be used ({}): let the service's user write there",
                path.display(),
                error.kind()
            ))
        };
        make_private(&path).map_err(refused)?;
        let options = || File::options().create(true).truncate(false).write(true).open(path.join("lock"));
        let lock = options().map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Ok(Self { path, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(Err(InUse)),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Whether a device has ever been made here.
    pub(crate) fn has_store(&self) -> bool {
        holds_a_store(&self.store())
    }

    /// An empty directory for a device to be made, which [`Self::install`] puts in its place.
    pub(crate) fn begin_new(&self, now: DateTime<Utc>) -> Result<PathBuf, RunError> {
        let path = self.path.join(STORE_IN_THE_MAKING);
        self.set_aside(&path, now)?;
        make_private(&path).map_err(|error| self.unmovable(&error))?;
        Ok(path)
    }

    /// Sets the store there was aside, and puts the new one in its place. Nothing is deleted.
    pub(crate) fn install(&self, now: DateTime<Utc>) -> Result<Option<PathBuf>, RunError> {
        let aside = self.set_aside(&self.store(), now)?;
        std::fs::rename(self.path.join(STORE_IN_THE_MAKING), self.store()).map_err(|error| self.unmovable(&error))?;
        Ok(aside)
    }

    fn set_aside(&self, path: &Path, now: DateTime<Utc>) -> Result<Option<PathBuf>, RunError> {
        if !path.exists() {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut aside = self.path.join(format!("{name}-until-{}", now.format("%Y%m%dT%H%M%SZ")));
        while aside.exists() {
            aside.as_mut_os_string().push("-again");
        }
        std::fs::rename(path, &aside).map_err(|error| self.unmovable(&error))?;
        Ok(Some(aside))
    }

    fn unmovable(&self, error: &std::io::Error) -> RunError {
        let path = self.path.display();
        RunError::Refused(format!(
            "`store_dir`: {path} cannot be changed ({}): let the service's user write there",
            error.kind()
        ))
    }
}

/// Whether a device has been made in `store_dir`, without using it.
pub(crate) fn holds_a_store(store: &Path) -> bool {
    store.join("matrix-sdk-crypto.sqlite3").exists()
}

fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What opens the store.
pub(crate) struct StoreKey(Redacted<[u8; 32]>);

impl StoreKey {
    /// From the passphrase's file, which is written where there is neither a file nor a store yet.
    pub(crate) fn obtain(settings: &MatrixSettings, has_store: bool, random: &Random) -> Result<Self, RunError> {
        let (field, path) = ("store_passphrase_file", settings.store_passphrase_file.as_path());
        let refused = |error: secret_file::SecretFileError| RunError::Refused(error.to_string());
        let passphrase = match secret_file::read_if_there(field, path, PASSPHRASE_REMEDY).map_err(refused)? {
            Some(passphrase) => passphrase,
            None if has_store => secret_file::read(field, path, PASSPHRASE_REMEDY).map_err(refused)?,
            None => {
                let made = Redacted::new(STANDARD_NO_PAD.encode(random.bytes::<32>()));
                secret_file::create(field, path, &made).map_err(refused)?;
                made
            }
        };
        if passphrase.expose().chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(RunError::Refused(format!(
                "`{field}`: {} holds fewer than {PASSPHRASE_CHARACTERS_MIN} characters: write a random one, as \
                 `openssl rand -base64 32` gives it, or remove the file before the first start",
                path.display()
            )));
        }
        Ok(Self::of(&passphrase))
    }

    /// One hash: the passphrase is as random as a key.
    fn of(passphrase: &Redacted<String>) -> Self {
        let mut hash = Sha256::new_with_prefix(b"crieur/matrix/store\0");
        hash.update(passphrase.expose());
        Self(Redacted::new(hash.finalize().into()))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(directory: &Path) -> MatrixSettings {
        serde_json::from_value(serde_json::json!({
            "homeserver_url": "http://127.0.0.1:1", "user": "@crieur:localhost",
            "password_file": directory.join("password"), "recovery_key_file": directory.join("recovery"),
            "store_dir": directory.join("store"), "store_passphrase_file": directory.join("passphrase"),
        }))
        .unwrap()
    }

    #[test]
    fn one_process_at_a_time_uses_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let held = StoreDirectory::lock(&settings).unwrap().unwrap();
        assert!(StoreDirectory::lock(&settings).unwrap().is_err());
        drop(held);
        assert!(StoreDirectory::lock(&settings).unwrap().is_ok());
    }

    #[test]
    fn an_old_store_is_set_aside_and_never_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreDirectory::lock(&settings(directory.path())).unwrap().unwrap();
        let now: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        for content in ["first", "second", "third"] {
            let new = store.begin_new(now).unwrap();
            std::fs::write(new.join("matrix-sdk-crypto.sqlite3"), content).unwrap();
            store.install(now).unwrap();
            assert!(store.has_store());
        }
        let kept = |name: &str| std::fs::read_to_string(directory.path().join("store").join(name)).unwrap();
        assert_eq!(kept("device/matrix-sdk-crypto.sqlite3"), "third");
        assert_eq!(kept("device-until-20260901T080000Z/matrix-sdk-crypto.sqlite3"), "first");
        assert_eq!(kept("device-until-20260901T080000Z-again/matrix-sdk-crypto.sqlite3"), "second");
    }

    #[test]
    fn a_passphrase_is_made_once_and_asked_for_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let made = StoreKey::obtain(&settings, false, &Random::seeded(7)).unwrap();
        let again = StoreKey::obtain(&settings, true, &Random::seeded(8)).unwrap();
        assert_eq!(made.expose(), again.expose());
        std::fs::write(&settings.store_passphrase_file, "short").unwrap();
        let error = StoreKey::obtain(&settings, true, &Random::seeded(8)).err().unwrap();
        assert!(error.to_string().contains("fewer than 32 characters"), "{error}");
        std::fs::remove_file(&settings.store_passphrase_file).unwrap();
        let error = StoreKey::obtain(&settings, true, &Random::seeded(8)).err().unwrap();
        assert!(error.to_string().contains("crieur matrix recover"), "{error}");
    }
}
