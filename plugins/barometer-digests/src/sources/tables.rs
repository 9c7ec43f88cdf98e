//! Sources that are tables of figures; [`crate::barometer`] knows how they are asked and read.

use bot_core::Locale;
use bot_core::plugin::{Context, FetchRequest, FetchResponse, HandlerError};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::Source;

pub enum Step {
    Done { memory: Value },
    More { memory: Value },
}

#[derive(Debug)]
pub enum RemoteError {
    Trouble(Trouble),
    Handler(HandlerError),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Trouble {
    Status { status: u16 },
}

impl Trouble {
    pub fn words(&self, _: Locale) -> String {
        let Self::Status { status } = self;
        status.to_string()
    }

    pub fn ask_again_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}

pub fn request(source: &Source, _memory: &Value) -> FetchRequest {
    FetchRequest::get(&source.url)
}

pub async fn received(
    _cx: &mut Context,
    _source: &Source,
    memory: &Value,
    response: &FetchResponse,
) -> Result<Step, RemoteError> {
    match response.status {
        200 => Ok(Step::Done { memory: memory.clone() }),
        status => Err(RemoteError::Trouble(Trouble::Status { status })),
    }
}
