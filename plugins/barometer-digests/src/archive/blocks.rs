//! An editor's Markdown on a page.

use std::fmt::Write as _;

use bot_core::message::{Block, Span, Text, markdown};

use super::{escape, followed};

/// Reads Markdown as chats do, so that a page says what messages said. Headings stand below the page's own.
pub(super) fn html(markdown: &str) -> String {
    let mut html = String::new();
    for block in markdown::parse(markdown) {
        let _ = match block {
            Block::Heading { text } => writeln!(html, "<h2>{}</h2>", words(&text)),
            Block::Paragraph { text } => writeln!(html, "<p>{}</p>", words(&text)),
            Block::List { ordered, items } => {
                let tag = if ordered { "ol" } else { "ul" };
                let items: String = items.iter().map(|item| format!("<li>{}</li>\n", words(item))).collect();
                writeln!(html, "<{tag}>\n{items}</{tag}>")
            }
            Block::Table { table } => {
                let cells = |tag: &str, row: &[String]| -> String {
                    row.iter().map(|cell| format!("<{tag}>{}</{}>", escape(cell), &tag[..2])).collect()
                };
                let header = cells("th scope=\"col\"", &table.header);
                let rows: String = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells("td", row))).collect();
                writeln!(
                    html,
                    "<div class=\"scroll\"><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>"
                )
            }
            // Markdown becomes none of the others.
            Block::Figure { .. } | Block::File { .. } | Block::Poll { .. } | Block::Template { .. } => Ok(()),
        };
    }
    html
}

fn words(text: &Text) -> String {
    let spans = text.0.iter().map(|span| {
        let words = escape(span.words()).replace('\n', "<br>\n");
        match span {
            Span::Plain(_) => words,
            Span::Strong(_) => format!("<strong>{words}</strong>"),
            Span::Emphasis(_) => format!("<em>{words}</em>"),
            Span::Code(_) => format!("<code>{words}</code>"),
            Span::Link { url, .. } => match followed(url).or_else(|| url.starts_with("mailto:").then_some(url)) {
                Some(url) => format!("<a href=\"{}\" rel=\"noopener nofollow\">{words}</a>", escape(url)),
                None => words,
            },
        }
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_wrote_is_shown_and_never_run() {
        let shown = html(
            "# Bonjour\n\n**Deux** mots <script>alert(1)</script>,  \n[ici](https://example.org/?a=1&b=\"2\") et \
             [là](javascript:alert(1)).\n\n1. un\n2. `deux`\n\n| a | b |\n|---|---|\n| 1 | <i> |\n",
        );
        insta::assert_snapshot!(shown, @r#"
        <h2>Bonjour</h2>
        <p><strong>Deux</strong> mots &lt;script&gt;alert(1)&lt;/script&gt;,<br>
        <a href="https://example.org/?a=1&amp;b=&quot;2&quot;" rel="noopener nofollow">ici</a> et là.</p>
        <ol>
        <li>un</li>
        <li><code>deux</code></li>
        </ol>
        <div class="scroll"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody><tr><td>1</td><td>&lt;i&gt;</td></tr></tbody></table></div>
        "#);
    }
}
