//! The routes of the digests: the archive, its open data, and the link by which a reader leaves. What they answer is
//! decided in the plugin; a leaving link's token is in a path, of which the log names the route alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use barometer_digests::archive::{self, STYLESHEET};
use barometer_digests::barometer::open_data;
use barometer_digests::http::{Answer, Bucket, FORM_STYLESHEET, Visit};
use barometer_digests::readers::leaving;
use bot_core::core::Core;

use super::public::{Failure, Language, Reader};

/// The button of a leaving link sends nothing but itself.
const FORM_BYTES_MAX: usize = 1024;
/// The morning on which a digest arrives: everybody follows its link at once.
const REQUESTS_AT_ONCE: u32 = 500;
const REQUESTS_EACH_SECOND: u32 = 100;
