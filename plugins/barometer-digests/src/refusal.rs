//! Why an operation did not run.

use bot_core::plugin::HandlerError;

#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The caller can put it right.
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Handler(#[from] HandlerError),
}

impl From<sqlx::Error> for OperationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Handler(error.into())
    }
}

/// An operation that does not make sense now. `Display` says it in English.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no edition {0}")]
    UnknownEdition(u32),
}
