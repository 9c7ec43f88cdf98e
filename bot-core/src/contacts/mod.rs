//! Contacts as an organiser knows them: people, the collectivité each works for, and how they can be reached.

pub mod codes;
mod colleague;
pub mod directory;
pub mod export;
pub mod fields;
pub mod groups;
pub mod import;
pub mod merge;
pub mod query;
pub mod removal;
pub mod segments;
mod view;
pub mod words;

pub use self::colleague::PROPOSED_NAME_CHARACTERS_MAX;
pub use self::directory::{Directory, DirectoryError};
pub use self::view::{Collectivite, CollectiviteKind, ContactSet, ContactView, ContactsError, Reach, each};
