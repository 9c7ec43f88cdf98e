//! Links to the private conversation with whatever account sends a message (see [`Text::private_link`]): filled in
//! when it is sent, since only that account's adapter knows where it is. And remembered, for the command line.

use crate::adapter::PrivateLink;
use crate::core::{Account, Core};
use crate::locale::Locale;
use crate::message::document::PRIVATE_SCHEME;
use crate::message::{Block, Document, Span, Text};
use crate::people::text as words;

/// Stands for the payload in a link that is remembered: no platform writes it otherwise.
const ANY_PAYLOAD: &str = "0payload0";

/// Puts the account's own links in the place of the wished ones. Where the link cannot carry the payload, or there is
/// no link, the words to write stand beside it.
pub(super) fn fill(mut document: Document, locale: Locale, link: &dyn Fn(&str) -> Option<PrivateLink>) -> Document {
    for block in &mut document.blocks {
        match block {
            Block::Heading { text } | Block::Paragraph { text } => fill_text(text, locale, link),
            Block::List { items, .. } => items.iter_mut().for_each(|item| fill_text(item, locale, link)),
            _ => {}
        }
    }
    document
}

fn fill_text(text: &mut Text, locale: Locale, link: &dyn Fn(&str) -> Option<PrivateLink>) {
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
        match link(payload) {
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
    use crate::message::layout::words_of;

    #[test]
    fn a_link_carries_the_command_or_has_it_beside_it() {
        let wish = Text::new().plain("Ici : ").private_link("Répondre", "repondre-place");
        let document = Document::says(wish.clone()).list([wish]);
        let said = |link: &dyn Fn(&str) -> Option<PrivateLink>| {
            let filled = fill(document.clone(), Locale::Fr, link);
            let words: Vec<String> = filled.blocks.iter().map(words_of).collect();
            assert_eq!(words[1], format!("• {}", words[0]));
            words[0].clone()
        };
        let url = |payload: &str| format!("https://chat.example/bot?start={payload}");
        let carries = |payload: &str| Some(PrivateLink { url: url(payload), carries_payload: true });
        assert_eq!(said(&carries), "Ici : Répondre (https://chat.example/bot?start=repondre-place)");
        let bare = |_: &str| Some(PrivateLink { url: "https://chat.example/bot".to_owned(), carries_payload: false });
        assert_eq!(said(&bare), "Ici : Répondre (https://chat.example/bot), puis écrivez-y /repondre place");
        assert_eq!(said(&|_: &str| None), "Ici : Répondre, écrivez-moi en message privé /repondre place");
    }

    #[test]
    fn a_payload_is_a_command_to_write() {
        assert_eq!(command_of("repondre-place-du-marche"), "/repondre place-du-marche");
        assert_eq!(command_of("participer-ABCDE-FGHJK"), "/participer ABCDE-FGHJK");
        assert_eq!(command_of("aide"), "/aide");
    }
}
