//! The public archive: a page, a feed and JSON for every published edition.
