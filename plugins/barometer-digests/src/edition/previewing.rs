//! An edition as one of its readers will see it, before or after it goes out.

use bot_core::message::{Document, template};
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
    let document = document.unwrap_or_else(|| message::nothing(number, edition, way, &site));
    // An editor's way out leads nowhere: whoever opens it is told that the link is nobody's.
    let variables =
        Map::from_iter(site.address("/digests/leave/preview").map(|url| ("leave_url".to_owned(), json!(url))));
    template::fill(&document, &variables).map_err(|error| HandlerError::Broken(error.to_string()).into())
}
