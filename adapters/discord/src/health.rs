//! How the account is doing, in plain words.

use std::sync::{Mutex, MutexGuard, PoisonError};

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
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    receiving: Receiving,
    /// Why messages wait to be stored, while they do.
    waits: Option<String>,
}

impl Health {
    pub(crate) fn set(&self, receiving: Receiving) {
        self.state().receiving = receiving;
    }

    /// Messages wait to be stored, and why; `None` when they no longer do.
    pub(crate) fn set_waits(&self, reason: Option<String>) {
        self.state().waits = reason;
    }

    pub(crate) fn get(&self) -> Receiving {
        let state = self.state();
        match (&state.receiving, &state.waits) {
            (Receiving::Ready, Some(reason)) => Receiving::Interrupted(reason.clone()),
            (receiving, _) => receiving.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
