//! What was asked and answered, for whoever judges it afterwards.

use serde::Serialize;
use serde_json::Value;

use crate::fault::matches;

/// One request and its answer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Exchange {
    pub method: String,
    /// Below `/api/v10`, without the query.
    pub path: String,
    pub query: String,
    /// `application/json`, `multipart/form-data` or nothing.
    pub content_type: String,
    /// The JSON body, or the `payload_json` of a form.
    pub request: Value,
    pub status: u16,
    /// The answer, where it is JSON.
    pub response: Value,
    /// It was scripted to fail, so its answer is no example of Discord's.
    pub scripted: bool,
    /// It counts towards Discord's limit of invalid requests.
    pub invalid: bool,
}

impl Exchange {
    /// Whether it went to `METHOD /a/*/b`.
    pub fn is_to(&self, route: &str) -> bool {
        matches(route, &self.method, &self.path)
    }
}
