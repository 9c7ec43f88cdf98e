//! How the account is doing, in plain words.

use std::sync::{Mutex, PoisonError};

/// The state of the gateway, as far as others need to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Receiving {
    #[default]
    Starting,
    Ready,
    /// Events are not taken right now, and it is tried again.
    Interrupted(String),
    /// A person has to act.
    Refused(String),
}

#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Receiving>);

impl Health {
    pub(crate) fn set(&self, receiving: Receiving) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = receiving;
    }

    pub(crate) fn get(&self) -> Receiving {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
