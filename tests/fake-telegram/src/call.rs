//! A call as it came in: its parameters in whichever of the four ways the Bot API takes them, its files, its answer.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};
use axum::http::{Request, header};
use bytes::Bytes;
use serde_json::{Map, Value};

/// What the Bot API takes in one request.
const BODY_BYTES_MAX: usize = 60 * 1024 * 1024;

/// One call, kept for the judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// As the documentation writes it: `sendMessage`.
    pub method: String,
    pub params: Value,
    /// Names of the files that came along.
    pub files: Vec<String>,
    /// What was answered: the status, and the body as far as it is JSON. `None` while it waits, and when the
    /// connection broke.
    pub answer: Option<(u16, Value)>,
}

/// A file that came along.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub name: String,
    pub content_type: String,
    pub content: Bytes,
}

/// Parameters, read leniently as the real server does: a number may come as text, an object as JSON in text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    pub values: Map<String, Value>,
    pub files: HashMap<String, File>,
}

impl Params {
    pub(crate) async fn read(request: Request<Body>) -> Result<Self, &'static str> {
        let mut params = Self::default();
        for (name, value) in pairs(request.uri().query().unwrap_or_default()) {
            params.values.insert(name, value.into());
        }
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        if content_type.starts_with("multipart/form-data") {
            params.read_form(request).await?;
            return Ok(params);
        }
        let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| "the body broke off")?;
        if content_type.starts_with("application/json") && !body.is_empty() {
            let Ok(Value::Object(values)) = serde_json::from_slice(&body) else { return Err("the body is not JSON") };
            params.values.extend(values);
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            for (name, value) in pairs(&String::from_utf8_lossy(&body)) {
                params.values.insert(name, value.into());
            }
        }
        // Absent and null are the same.
        params.values.retain(|_, value| !value.is_null());
        Ok(params)
    }

    async fn read_form(&mut self, request: Request<Body>) -> Result<(), &'static str> {
        let wrong = "the form cannot be read";
        let mut form = Multipart::from_request(with_room(request), &()).await.map_err(|_| wrong)?;
        while let Some(field) = form.next_field().await.map_err(|_| wrong)? {
            let name = field.name().unwrap_or_default().to_owned();
            match field.file_name().map(str::to_owned) {
                Some(file_name) => {
                    let content_type = field.content_type().unwrap_or("application/octet-stream").to_owned();
                    let content = field.bytes().await.map_err(|_| wrong)?;
                    self.files.insert(name, File { name: file_name, content_type, content });
                }
                None => {
                    let text = field.text().await.map_err(|_| wrong)?;
                    self.values.insert(name, text.into());
                }
            }
        }
        Ok(())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.values.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => Some(matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes")),
            _ => None,
        }
    }

    /// An object or a list, also as JSON in text.
    pub(crate) fn json(&self, name: &str) -> Option<Value> {
        match self.values.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }

    /// The file that a parameter names: under its own name, or as `attach://<name>`.
    pub(crate) fn file(&self, name: &str, value: Option<&str>) -> Option<&File> {
        let attached = value.and_then(|value| value.strip_prefix("attach://"));
        self.files.get(attached.unwrap_or(name))
    }
}

/// axum's own limit is 2 MB.
fn with_room(mut request: Request<Body>) -> Request<Body> {
    use axum::extract::DefaultBodyLimit;
    DefaultBodyLimit::max(BODY_BYTES_MAX).apply(&mut request);
    request
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let bytes = part.replace('+', " ").into_bytes();
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
            match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
                Some(byte) => {
                    decoded.push(byte);
                    at += 3;
                }
                None => {
                    decoded.push(bytes[at]);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}
