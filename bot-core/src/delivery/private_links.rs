//! Links to the private conversation with whatever account sends a message (see [`Text::private_link`]): filled in
//! when it is sent, since only that account's adapter knows where it is. And remembered, for the command line.

use crate::adapter::{Adapter, PrivateLink};
use crate::core::{Account, Core};
use crate::locale::Locale;
use crate::message::document::PRIVATE_SCHEME;
use crate::message::{Block, Document, Span, Text};
use crate::people::text as words;

/// Stands for the payload in a link that is remembered: no platform writes it otherwise.
const ANY_PAYLOAD: &str = "0payload0";

/// Puts the account's own links in the place of the wished ones. Where the link cannot carry the payload, or there is
/// no link, the words to write stand beside it.
pub(super) fn fill(mut document: Document, adapter: &dyn Adapter, locale: Locale) -> Document {
    for block in &mut document.blocks {
        match block {
            Block::Heading { text } | Block::Paragraph { text } => fill_text(text, adapter, locale),
            Block::List { items, .. } => items.iter_mut().for_each(|item| fill_text(item, adapter, locale)),
            _ => {}
        }
    }
    document
}

fn fill_text(text: &mut Text, adapter: &dyn Adapter, locale: Locale) {
    let spans = std::mem::take(&mut text.0);
    for span in spans {
        let wish = match &span {
            Span::Link { label, url } => url.strip_prefix(PRIVATE_SCHEME).map(|payload| (label.clone(), payload)),
            _ => None,
        };
        let Some((label, payload)) = wish else {
            text.0.push(span);
            continue;
        };
        let command = command_of(payload);
        match adapter.private_link(Some(payload)) {
            Some(PrivateLink { url, carries_payload: true }) => text.0.push(Span::Link { label, url }),
            Some(PrivateLink { url, carries_payload: false }) => {
                text.0.push(Span::Link { label, url });
                text.0.push(Span::Plain(format!(", {} ", words(locale, "private-link-then", &[]))));
                text.0.push(Span::Code(command));
            }
            None => {
                text.0.push(Span::Plain(format!("{label}, {} ", words(locale, "private-link-write", &[]))));
                text.0.push(Span::Code(command));
            }
        }
    }
}

/// What a person writes who cannot follow the link (see [`crate::plugin::CommandDeclaration::linkable`]).
fn command_of(payload: &str) -> String {
    match payload.split_once('-') {
        Some((name, arguments)) => format!("/{name} {arguments}"),
        None => format!("/{payload}"),
    }
}

/// Keeps the account's link in the database when it is another one than `known`.
pub(super) async fn remember(
    core: &Core,
    account: &Account,
    known: &mut Option<PrivateLink>,
) -> Result<(), sqlx::Error> {
    let link = account.adapter.private_link(Some(ANY_PAYLOAD)).map(|link| PrivateLink {
        carries_payload: link.carries_payload && link.url.contains(ANY_PAYLOAD),
        url: link.url.replace(ANY_PAYLOAD, "{payload}"),
    });
    // Until the platform has said who we are, what it said before still holds.
    if link.is_none() || link == *known {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE core.account SET private_link = $3 WHERE organisation_id = $1 AND id = $2",
        account.organisation.0,
        account.id.0,
        link.as_ref().and_then(|link| serde_json::to_value(link).ok()),
    )
    .execute(&core.pool)
    .await?;
    *known = link;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_a_command_to_write() {
        assert_eq!(command_of("repondre-place-du-marche"), "/repondre place-du-marche");
        assert_eq!(command_of("participer-ABCDE-FGHJK"), "/participer ABCDE-FGHJK");
        assert_eq!(command_of("aide"), "/aide");
    }
}
