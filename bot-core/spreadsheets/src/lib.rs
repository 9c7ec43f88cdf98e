//! Rows of a table as towns keep it: CSV as French spreadsheets write it, XLSX, ODS.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
