//! Contacts as an organiser knows them: people, the collectivité each works for, and how they can be reached.

mod view;

pub use self::view::{Collectivite, CollectiviteKind, ContactSet, ContactView, ContactsError, Reach, each};
