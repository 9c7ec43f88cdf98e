//! Editions in the database.
