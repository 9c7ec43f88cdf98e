//! Contacts as an organiser knows them: people, the collectivité each works for, and how they can be reached.

mod colleague;
mod view;

pub use self::colleague::PROPOSED_NAME_CHARACTERS_MAX;
pub use self::view::{Collectivite, CollectiviteKind, ContactSet, ContactView, ContactsError, Reach};
