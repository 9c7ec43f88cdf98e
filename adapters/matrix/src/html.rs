//! A document's blocks as Matrix shows them: HTML of the few tags that clients agree on, and the same as plain words.
//! People's text is escaped in the one and inert in the other; `m.mentions` stays empty, so nobody is called by it.

use bot_core::message::layout::words_of;
use bot_core::message::{Block, Span, Text};

/// What a message shows: `formatted_body` and `body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    pub html: String,
    pub plain: String,
}

pub(crate) fn show(blocks: &[Block]) -> Shown {
    let html = blocks.iter().map(html_of).collect();
    let plain = blocks.iter().map(|block| clean(&words_of(block))).collect::<Vec<_>>().join("\n\n");
    Shown { html, plain }
}

/// Bytes of the event's content: both forms as JSON strings.
pub(crate) fn measure(blocks: &[Block]) -> usize {
    let Shown { html, plain } = show(blocks);
    json_bytes(&html) + json_bytes(&plain)
}

pub(crate) fn json_bytes(text: &str) -> usize {
    // A string always serialises.
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

fn html_of(block: &Block) -> String {
    match block {
        Block::Heading { text } => format!("<h3>{}</h3>", spans(text)),
        Block::Paragraph { text } => format!("<p>{}</p>", spans(text)),
        Block::List { ordered, items } => {
            let tag = if *ordered { "ol" } else { "ul" };
            let items: String = items.iter().map(|item| format!("<li>{}</li>", spans(item))).collect();
            format!("<{tag}>{items}</{tag}>")
        }
        Block::Table { table } => {
            let row = |cells: &[String], tag: &str| {
                let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
                format!("<tr>{cells}</tr>")
            };
            let body: String = table.rows.iter().map(|cells| row(cells, "td")).collect();
            format!("<table><thead>{}</thead><tbody>{body}</tbody></table>", row(&table.header, "th"))
        }
        // `Layout::of` leaves none of these in a text; should one come, its words are said.
        Block::Figure { .. } | Block::File { .. } | Block::Poll { .. } | Block::Template { .. } => {
            format!("<p>{}</p>", escape(&words_of(block)))
        }
    }
}

fn spans(text: &Text) -> String {
    text.0
        .iter()
        .map(|span| match span {
            Span::Plain(words) => escape(words),
            Span::Strong(words) => format!("<strong>{}</strong>", escape(words)),
            Span::Emphasis(words) => format!("<em>{}</em>", escape(words)),
            Span::Code(words) => format!("<code>{}</code>", escape(words)),
            Span::Link { label, url } if may_be_followed(url) => {
                format!("<a href=\"{}\">{}</a>", escape(url), escape(label))
            }
            Span::Link { label, url } => escape(&format!("{label} ({url})")),
        })
        .collect()
}

/// Clients keep only links of these schemes (Matrix specification, instant messaging), and a link to a person becomes
/// a call to them in some.
fn may_be_followed(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_whole = !url.contains(|character: char| character.is_whitespace() || character.is_control());
    is_whole && matches!(scheme.as_str(), "http" | "https" | "ftp" | "mailto") && !url.contains("//matrix.to/#/@")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("<br>"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Without control characters: they show nothing and take six bytes each in JSON.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_clients_follow_stay_links() {
        for (url, kept) in [
            ("https://example.org", true),
            ("mailto:mairie@example.org", true),
            ("javascript:alert(1)", false),
            ("mxc://example.org/x", false),
            ("https://example.org/a\nb", false),
            ("https://matrix.to/#/@maire:example.org", false),
        ] {
            let shown = show(&[Block::Paragraph { text: Text::new().link("ici", url) }]);
            assert_eq!(shown.html.contains("<a href"), kept, "{url}");
            assert!(shown.plain.contains(url), "the address is not lost");
        }
    }

    #[test]
    fn text_never_becomes_markup() {
        let shown = show(&[Block::Paragraph { text: "<b>\"a\" & 'b'</b>\n\0".into() }]);
        assert_eq!(shown.html, "<p>&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;<br>\u{fffd}</p>");
        assert_eq!(shown.plain, "<b>\"a\" & 'b'</b>\n\u{fffd}");
    }
}
