//! An edition as one of its readers will see it, before or after it goes out.

use bot_core::message::{Block, Document, template};
use bot_core::plugin::{Context, HandlerError};
use serde_json::{Map, json};

use super::charts;
use super::operations::show;
use super::store::State;
use crate::refusal::OperationError;
use crate::rendering::message::{self, Pictures, Site};
use crate::rendering::way::{Form, Way};

/// The message for one way of reading. Where there is nothing for it, what readers are told who asked to be told.
///
/// # Errors
/// [`Refusal::UnknownEdition`](crate::refusal::Refusal::UnknownEdition).
pub async fn preview(cx: &mut Context, number: u32, way: &Way) -> Result<Document, OperationError> {
    let site = Site { public_url: cx.public_url.clone() };
    // An editor's way out leads nowhere: whoever opens it is told that the link is nobody's.
    let mut document = read(cx, number, way, site.address("/digests/leave/preview")).await?;
    // Whoever presses a reader's button here would leave themselves.
    document.choices.clear();
    Ok(document)
}

/// As [`preview`], for somebody who leaves by `leave_url`; for a room without it.
///
/// # Errors
/// As there.
pub(crate) async fn read(
    cx: &mut Context,
    number: u32,
    way: &Way,
    leave_url: Option<String>,
) -> Result<Document, OperationError> {
    let stored = show(cx, number).await?;
    let organisation = cx.organisation.id;
    let pictures = match (stored.state, way.form) {
        (_, Form::Short) => Pictures::new(),
        (State::Draft, Form::Full) => charts::draw(cx, &stored.edition, &[way.locale]),
        _ => charts::pictures(cx.sql(), organisation, number).await?,
    };
    let site = Site { public_url: cx.public_url.clone() };
    let (edition, corrections) = (&stored.edition, &stored.corrections);
    let document = message::message(number, edition, corrections, way, &pictures, &site);
    let mut document = document.unwrap_or_else(|| message::nothing(number, edition, way, &site));
    if leave_url.is_none() {
        // Anybody in a room could end it for all.
        document
            .blocks
            .retain(|block| !matches!(block, Block::Template { markdown } if markdown.contains("leave_url")));
    }
    let variables = Map::from_iter(leave_url.map(|url| ("leave_url".to_owned(), json!(url))));
    template::fill(&document, &variables).map_err(|error| HandlerError::Broken(error.to_string()).into())
}
