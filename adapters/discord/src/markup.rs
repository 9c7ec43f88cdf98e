//! From blocks to Discord's markdown. What people wrote is escaped: it never becomes markup, a mention or a link.

use bot_core::message::layout::words_of;
use bot_core::message::{Block, Span, Table, Text};

/// Keeps two things apart that would become one; nobody sees or hears it.
const APART: char = '\u{200b}';

/// A message's `content`. Discord counts it in Unicode scalar values, markup included.
pub(crate) fn content(blocks: &[Block]) -> String {
    let mut content = String::new();
    for block in blocks {
        let shown = shown(block);
        let shown = shown.trim_matches(['\n', ' ']);
        if shown.is_empty() {
            continue;
        }
        if !content.is_empty() {
            content.push_str("\n\n");
        }
        content.push_str(shown);
    }
    content
}

fn shown(block: &Block) -> String {
    match block {
        // Only one line is a heading.
        Block::Heading { text } => {
            let words = line(text, "");
            if words.trim().is_empty() { String::new() } else { format!("### {}", words.trim().replace('\n', " ")) }
        }
        Block::Paragraph { text } => line(text, ""),
        Block::List { ordered, items } => list(*ordered, items),
        Block::Table { table } => rows(table),
        // Pictures, files and polls are parts of their own; these are their words should they come here.
        other => escape(&words_of(other), ""),
    }
}

fn list(ordered: bool, items: &[Text]) -> String {
    let items = items.iter().enumerate().map(|(index, item)| {
        let mark = if ordered { format!("{}. ", index + 1) } else { "- ".to_owned() };
        let words = line(item, "  ");
        // An empty item would make its mark ordinary text.
        format!("{mark}{}", if words.trim().is_empty() { "…" } else { words.trim() })
    });
    items.collect::<Vec<_>>().join("\n")
}

/// Discord has no tables. Each row becomes an item in which every value follows its heading, as it is read aloud.
fn rows(table: &Table) -> String {
    let rows = table.rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let cell = one_line(cell);
            match table.header.get(column).map(|heading| one_line(heading)) {
                Some(heading) if !heading.is_empty() => format!("{heading} : {cell}"),
                _ => cell,
            }
        });
        format!("- {}", cells.collect::<Vec<_>>().join(" · "))
    });
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        table.header.iter().map(|cell| one_line(cell)).collect::<Vec<_>>().join(" · ")
    } else {
        rows.join("\n")
    }
}

fn one_line(words: &str) -> String {
    escape(words.trim(), "").replace('\n', " ")
}

/// Spans one after the other. `indent` goes before every line but the first.
fn line(text: &Text, indent: &str) -> String {
    let mut line = String::new();
    for span in &joined(&text.0) {
        let shown = match span {
            Span::Plain(words) => escape(words, indent),
            Span::Strong(words) => marked(words, "**", indent),
            Span::Emphasis(words) => marked(words, "_", indent),
            Span::Code(words) => code(words, indent),
            Span::Link { label, url } => link(label, url, indent),
        };
        let touches = line.chars().next_back().is_some_and(|last| shown.starts_with(last));
        if touches && shown.starts_with(['*', '_', '`']) {
            line.push(APART);
        }
        line.push_str(&shown);
    }
    line
}

/// Plain words that stand next to each other are escaped as one, so that no mark comes about between them.
fn joined(spans: &[Span]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match (joined.last_mut(), span) {
            (Some(Span::Plain(before)), Span::Plain(words)) => before.push_str(words),
            _ => joined.push(span.clone()),
        }
    }
    joined
}

/// Marks have to touch the words they embrace, on each line of them.
fn marked(words: &str, mark: &str, indent: &str) -> String {
    let escaped = escape(words, indent);
    let lines = escaped.split('\n').map(|line| {
        let inner = line.trim();
        if inner.is_empty() {
            return line.to_owned();
        }
        let start = line.len() - line.trim_start().len();
        format!("{}{mark}{inner}{mark}{}", &line[..start], &line[start + inner.len()..])
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Inside code nothing can be escaped: what holds a backtick is shown as plain words.
fn code(words: &str, indent: &str) -> String {
    let plain = words.replace(['\n', '\r'], " ");
    if plain.trim().is_empty() || plain.contains(['`', '\\']) || has_mention(&plain) {
        return escape(words, indent);
    }
    format!("`{}`", without_controls(plain.trim()))
}

fn link(label: &str, url: &str, indent: &str) -> String {
    let followed = ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
    });
    let words = escape(label, indent);
    if !followed {
        let address = url.strip_prefix("mailto:").unwrap_or(url);
        return if address == label { words } else { format!("{words} ({})", escape(address, indent)) };
    }
    let target = target(url);
    if label == url || words.trim().is_empty() {
        return format!("<{target}>");
    }
    // Discord does not take a label that looks like an address, which could lie about where it leads.
    if label.contains("://") || label.contains('\n') {
        return format!("{words} (<{target}>)");
    }
    format!("[{}](<{target}>)", words.trim())
}

/// An address that cannot end before its end.
fn target(url: &str) -> String {
    let mut target = String::new();
    for character in url.chars() {
        if character.is_whitespace() || character.is_control() || "<>()[]\\`\"|*~".contains(character) {
            // Written in hexadecimal it means the same.
            target.extend(character.to_string().bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            target.push(character);
        }
    }
    target
}

/// Escapes everything that Discord's clients read as markup: emphasis, spoilers, code, links, mentions, custom
/// emoji and timestamps (`<…>`), emoji names (`:…:`), and at the beginning of a line headings, quotes and lists.
pub(crate) fn escape(words: &str, indent: &str) -> String {
    let words = without_controls(&words.replace("\r\n", "\n").replace('\r', "\n"));
    let lines = words.split('\n').map(escape_line);
    lines.collect::<Vec<_>>().join(&format!("\n{indent}"))
}

fn escape_line(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 8);
    let start = line.len() - line.trim_start().len();
    let digits = line[start..].bytes().take_while(u8::is_ascii_digit).count();
    for (at, character) in line.char_indices() {
        let rest = &line[at + character.len_utf8()..];
        let begins_line = at == start && matches!(character, '#' | '>' | '-' | '+');
        let numbers_line = digits > 0 && at == start + digits && matches!(character, '.' | ')');
        let anywhere = matches!(character, '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<');
        // `12:30` keeps its colon; `:name:` and `://` do not.
        let in_time = line[..at].ends_with(|before: char| before.is_ascii_digit())
            && rest.starts_with(|next: char| next.is_ascii_digit());
        let names_emoji = character == ':' && rest.starts_with(|next: char| !next.is_whitespace()) && !in_time;
        if begins_line || numbers_line || anywhere || names_emoji {
            escaped.push('\\');
        }
        escaped.push(character);
        if character == '@' && names_everyone(rest) {
            // A backslash does not disarm these.
            escaped.push(APART);
        }
    }
    escaped
}

fn names_everyone(rest: &str) -> bool {
    ["everyone", "here"].iter().any(|name| rest.starts_with(name))
}

fn has_mention(words: &str) -> bool {
    words.contains("@everyone") || words.contains("@here")
}

fn without_controls(words: &str) -> String {
    words.chars().map(|character| if character.is_control() && character != '\n' { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_shown_as_they_wrote_it() {
        for (written, shown) in [
            ("**gras** _et_ `code`", r"\*\*gras\*\* \_et\_ \`code\`"),
            ("||secret|| ~~non~~", r"\|\|secret\|\| \~\~non\~\~"),
            ("# titre\n> cité\n- point\n1. un", "\\# titre\n\\> cité\n\\- point\n1\\. un"),
            ("-# petit\n+ plus\n12) douze", "\\-# petit\n\\+ plus\n12\\) douze"),
            ("<@123> <#4> <@&5> </vote:6> <t:1> <:a:2>", r"\<@123> \<#4> \<@&5> \</vote\:6> \<t\:1> \<\:a\:2>"),
            ("[ici](https://faux.example)", r"\[ici\](https\://faux.example)"),
            ("à 12:30, prix : 3 € :smile:", r"à 12:30, prix : 3 € \:smile:"),
            ("a-b c#d 2.5 > 2", "a-b c#d 2.5 > 2"),
            (r"\*", r"\\\*"),
            ("mairie@ville.example", "mairie@ville.example"),
            ("@everyone @here", "@\u{200b}everyone @\u{200b}here"),
            ("nul\0 et\ttab", "nul  et tab"),
        ] {
            assert_eq!(escape(written, ""), shown);
        }
    }

    #[test]
    fn links_lead_where_they_say() {
        for (label, url, shown) in [
            ("le projet", "https://ville.example/halle", "[le projet](<https://ville.example/halle>)"),
            ("https://ville.example/a_b", "https://ville.example/a_b", "<https://ville.example/a_b>"),
            ("https://autre.example", "https://ville.example", r"https\://autre.example (<https://ville.example>)"),
            ("écrire", "mailto:mairie@ville.example", "écrire (mairie@ville.example)"),
            ("ici", "javascript:alert(1)", r"ici (javascript\:alert(1))"),
            ("a](b", "https://x.example/>) @everyone", r"[a\](b](<https://x.example/%3E%29%20@everyone>)"),
            ("", "https://x.example", "<https://x.example>"),
        ] {
            assert_eq!(link(label, url, ""), shown);
        }
    }

    #[test]
    fn marks_touch_their_words_and_not_each_other() {
        let text = Text::new().strong("un ").strong("deux").emphasis("_trois_").code("a`b").code("c");
        assert_eq!(line(&text, ""), "**un** **deux**_\\_trois\\__a\\`b`c`");
        let text = Text::new().strong("un").strong("deux");
        assert_eq!(line(&text, ""), "**un**\u{200b}**deux**");
    }

    #[test]
    fn a_table_is_read_row_by_row() {
        let table = Table {
            header: vec!["Jour".into(), "Voix".into()],
            rows: vec![vec!["Samedi".into(), "12".into()], vec!["Dimanche".into(), "7".into()]],
        };
        assert_eq!(rows(&table), "- Jour : Samedi · Voix : 12\n- Jour : Dimanche · Voix : 7");
    }
}
