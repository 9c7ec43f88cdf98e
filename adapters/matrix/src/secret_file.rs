//! Secrets in files: read, or written once for their owner alone.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bot_core::Redacted;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error("`{field}`: {path} cannot be read ({kind}): {remedy}")]
    Unreadable { field: &'static str, path: String, kind: std::io::ErrorKind, remedy: &'static str },
    #[error("`{field}`: {path} is empty: {remedy}")]
    Empty { field: &'static str, path: String, remedy: &'static str },
    #[error("`{field}`: {path} cannot be written ({kind}): let the service's user write there, or put the file there")]
    Unwritable { field: &'static str, path: String, kind: std::io::ErrorKind },
}

/// The secret in the file at `path`, without the line's end. `None` when there is no file.
pub(crate) fn read_if_there(
    field: &'static str,
    path: &Path,
    remedy: &'static str,
) -> Result<Option<Redacted<String>>, SecretFileError> {
    let shown = || path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(SecretFileError::Empty { field, path: shown(), remedy }),
        Ok(text) => Ok(Some(Redacted::new(text.trim().to_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SecretFileError::Unreadable { field, path: shown(), kind: error.kind(), remedy }),
    }
}

/// As [`read_if_there`], where a missing file is a mistake.
pub(crate) fn read(
    field: &'static str,
    path: &Path,
    remedy: &'static str,
) -> Result<Redacted<String>, SecretFileError> {
    read_if_there(field, path, remedy)?.ok_or_else(|| SecretFileError::Unreadable {
        field,
        path: path.display().to_string(),
        kind: std::io::ErrorKind::NotFound,
        remedy,
    })
}

/// Writes a secret that only the file's owner can read. Never over another one: a secret replaced is a secret lost.
pub(crate) fn create(field: &'static str, path: &Path, secret: &Redacted<String>) -> Result<(), SecretFileError> {
    let written = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        // What it opens is useless without it: it must be there after a power cut.
        file.sync_all()?;
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::File::open(directory)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|error| SecretFileError::Unwritable {
        field,
        path: path.display().to_string(),
        kind: error.kind(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_written_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recovery");
        assert!(read_if_there("recovery_key_file", &path, "").unwrap().is_none());
        create("recovery_key_file", &path, &"EsT1 2345".to_owned().into()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read("recovery_key_file", &path, "").unwrap().expose(), "EsT1 2345");
        let error = create("recovery_key_file", &path, &"other".to_owned().into()).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(read("recovery_key_file", &path, "").unwrap().expose(), "EsT1 2345");
    }

    #[test]
    fn a_missing_or_empty_secret_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let remedy = "put the bot's password there";
        let told = |error: SecretFileError| {
            let text = error.to_string();
            assert!(text.starts_with("`password_file`: ") && text.ends_with(remedy), "{text}");
        };
        told(read("password_file", &path, remedy).unwrap_err());
        std::fs::write(&path, " \n").unwrap();
        told(read("password_file", &path, remedy).unwrap_err());
    }
}
