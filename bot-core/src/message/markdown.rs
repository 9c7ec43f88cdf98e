//! Organisers' Markdown: read into blocks, and escaped where a value must stay plain words.
//!
//! The dialect is CommonMark with tables. What a chat cannot show becomes words rather than vanish: raw HTML, images
//! (their description, linked), links to anything but http, https and mailto.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::document::{Block, Span, Table, Text};
use super::layout::words_of;

/// Reads Markdown into blocks of words. Any text is Markdown, so this never fails.
///
/// A soft break becomes a space and a hard break a new line. A block quote becomes its paragraphs, a code block one
/// paragraph of code, a rule nothing. What stands below a list's item (another list, a second paragraph) becomes
/// further lines of that item. A numbered list that does not start at 1 keeps its numbers as words.
///
/// Numeric character references (`&#42;`, as [`escape`] writes them) mean their character everywhere, also inside
/// code and HTML, where CommonMark leaves them alone.
pub fn parse(markdown: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        reader.take(event);
    }
    reader.end_block();
    reader.blocks
}

/// Makes any value safe to stand inside Markdown: in running text, a heading, an item, a cell, code, or a link's label
/// or address, it comes back as its own words and nothing else.
///
/// The law: `parse(escape(value))` is one paragraph of one plain span that equals `value` with line ends written as
/// `\n`, other control characters left out (a tab counts as a space) and white space at both ends cut off; or no block
/// when nothing is left.
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() * 2);
    for sign in plain(value) {
        // Letters are never markup. Everything else is written as its number, digits and white space included:
        // `1` before the template's `.` would begin a list, and four spaces a code block.
        if sign.is_alphabetic() {
            escaped.push(sign);
        } else {
            escaped.push_str(&format!("&#{};", u32::from(sign)));
        }
    }
    escaped
}

/// `value` without control characters, its line ends as `\n`.
fn plain(value: &str) -> impl Iterator<Item = char> {
    let mut signs = value.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            match signs.next()? {
                '\r' => {
                    signs.next_if_eq(&'\n');
                    return Some('\n');
                }
                '\t' => return Some(' '),
                sign if sign.is_control() && sign != '\n' => {}
                sign => return Some(sign),
            }
        }
    })
}

/// Replaces numeric character references.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("&#") {
        let (before, reference) = rest.split_at(start);
        plain.push_str(before);
        let digits = reference[2..].bytes().take(8).take_while(u8::is_ascii_digit).count();
        let sign = reference[2..2 + digits].parse().ok().and_then(char::from_u32);
        match sign.filter(|_| reference[2 + digits..].starts_with(';')) {
            Some(sign) => {
                plain.push(sign);
                rest = &reference[2 + digits + 1..];
            }
            None => {
                plain.push_str("&#");
                rest = &reference[2..];
            }
        }
    }
    plain + rest
}

/// A list being read. Those below the first become lines of its items.
struct OpenList {
    ordered: bool,
    /// The number of its first item, and how many of them were begun.
    first: u64,
    items: u64,
}

impl OpenList {
    /// The number of the item begun last.
    fn number(&self) -> u64 {
        self.first.saturating_add(self.items.saturating_sub(1))
    }
}

/// A table being read, and the words of the item it stands in.
struct OpenTable {
    table: Table,
    row: Vec<String>,
    before: Vec<Span>,
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    /// The words of the block, item, cell or label being read.
    spans: Vec<Span>,
    /// Nothing was said on this line yet.
    fresh_line: bool,
    strong: usize,
    emphasis: usize,
    heading: bool,
    code_block: bool,
    /// How many links and images are open within each other, the first address among them that may be followed, and
    /// the words before the outermost.
    link_depth: usize,
    link: Option<String>,
    before_link: Vec<Span>,
    lists: Vec<OpenList>,
    /// Finished items of the outermost list, with their numbers.
    items: Vec<(u64, Text)>,
    table: Option<OpenTable>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code_block => self.append(Span::Code(unescape(&text))),
            Event::Code(text) => self.append(Span::Code(unescape(&text))),
            Event::Html(text) | Event::InlineHtml(text) => self.say(&unescape(&text)),
            Event::SoftBreak => self.say(" "),
            Event::HardBreak => self.say("\n"),
            // The last three belong to extensions that are switched off.
            Event::Text(text) | Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.say(&text)
            }
            Event::Rule | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => self.open_link(format!("mailto:{dest_url}")),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(dest_url.into_string()),
            Tag::List(first) => {
                self.begin_block();
                self.lists.push(OpenList { ordered: first.is_some(), first: first.unwrap_or(1), items: 0 });
            }
            Tag::Item => self.begin_item(),
            Tag::Table(_) => {
                self.begin_block();
                let table = Table { header: Vec::new(), rows: Vec::new() };
                let before = std::mem::take(&mut self.spans);
                self.table = Some(OpenTable { table, row: Vec::new(), before });
            }
            Tag::Heading { .. } => {
                self.begin_block();
                self.heading = self.lists.is_empty();
            }
            Tag::CodeBlock(_) => {
                self.begin_block();
                self.code_block = true;
            }
            Tag::Paragraph | Tag::HtmlBlock => self.begin_block(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.strong -= 1,
            TagEnd::Emphasis => self.emphasis -= 1,
            TagEnd::Link | TagEnd::Image => self.close_link(),
            TagEnd::Item if self.lists.len() == 1 => {
                let text = self.finish_text();
                if let (Some(list), false) = (self.lists.last(), text.0.is_empty()) {
                    self.items.push((list.number(), text));
                }
            }
            TagEnd::List(_) => self.end_list(),
            TagEnd::TableCell | TagEnd::TableHead | TagEnd::TableRow | TagEnd::Table => self.end_in_table(tag),
            TagEnd::CodeBlock => {
                self.code_block = false;
                self.end_block();
            }
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_block(),
            _ => {}
        }
    }

    /// Adds words in the style that is open here: strong outranks emphasis.
    fn say(&mut self, words: &str) {
        let words = words.to_owned();
        self.append(match (self.strong, self.emphasis) {
            (0, 0) => Span::Plain(words),
            (0, _) => Span::Emphasis(words),
            _ => Span::Strong(words),
        });
    }

    fn append(&mut self, mut span: Span) {
        let words = words_mut(&mut span);
        *words = plain(words).collect();
        if words.is_empty() {
            return;
        }
        self.fresh_line = words.ends_with('\n');
        match (self.spans.last_mut(), span) {
            (Some(Span::Plain(last)), Span::Plain(words))
            | (Some(Span::Strong(last)), Span::Strong(words))
            | (Some(Span::Emphasis(last)), Span::Emphasis(words))
            | (Some(Span::Code(last)), Span::Code(words)) => last.push_str(&words),
            (_, span) => self.spans.push(span),
        }
    }

    fn open_link(&mut self, url: String) {
        if self.link_depth == 0 {
            self.before_link = std::mem::take(&mut self.spans);
        }
        self.link_depth += 1;
        if self.link.is_none() && may_be_followed(&url) {
            self.link = Some(url);
        }
    }

    fn close_link(&mut self) {
        self.link_depth -= 1;
        if self.link_depth > 0 {
            return;
        }
        let label = std::mem::replace(&mut self.spans, std::mem::take(&mut self.before_link));
        let Some(url) = self.link.take() else {
            label.into_iter().for_each(|span| self.append(span));
            return;
        };
        let words = one_line(&Text(label).words());
        self.append(Span::Link { label: if words.is_empty() { url.clone() } else { words }, url });
    }

    /// A block begins, on a new line when it stands below an item.
    fn begin_block(&mut self) {
        if self.lists.is_empty() {
            self.end_block();
        } else if !self.fresh_line {
            self.append(Span::Plain("\n".to_owned()));
        }
    }

    /// Ends the block being read, unless it is part of an item.
    fn end_block(&mut self) {
        if !self.lists.is_empty() {
            return;
        }
        let heading = std::mem::take(&mut self.heading);
        let mut text = self.finish_text();
        if text.0.is_empty() {
            return;
        }
        if heading {
            for span in &mut text.0 {
                let words = words_mut(span);
                *words = words.replace('\n', " ");
            }
        }
        self.blocks.push(if heading { Block::Heading { text } } else { Block::Paragraph { text } });
    }

    fn begin_item(&mut self) {
        let nested = self.lists.len() > 1;
        if nested && !self.fresh_line {
            self.append(Span::Plain("\n".to_owned()));
        }
        let Some(list) = self.lists.last_mut() else { return };
        list.items += 1;
        let mark = if list.ordered { format!("{}. ", list.number()) } else { "– ".to_owned() };
        if nested {
            self.append(Span::Plain(mark));
        }
        self.fresh_line = true;
    }

    fn end_list(&mut self) {
        let Some(list) = self.lists.pop() else { return };
        if !self.lists.is_empty() {
            return;
        }
        let items = std::mem::take(&mut self.items);
        if !list.ordered || list.first == 1 {
            let items: Vec<Text> = items.into_iter().map(|(_, text)| text).collect();
            if !items.is_empty() {
                self.blocks.push(Block::List { ordered: list.ordered, items });
            }
            return;
        }
        for (number, text) in items {
            self.append(Span::Plain(format!("{number}. ")));
            text.0.into_iter().for_each(|span| self.append(span));
            self.end_block();
        }
    }

    fn end_in_table(&mut self, tag: TagEnd) {
        let text = self.finish_text();
        let Some(open) = &mut self.table else { return };
        match tag {
            TagEnd::TableCell => open.row.push(one_line(&words_of(&Block::Paragraph { text }))),
            TagEnd::TableHead => open.table.header = std::mem::take(&mut open.row),
            TagEnd::TableRow => {
                let mut row = std::mem::take(&mut open.row);
                row.resize(open.table.header.len(), String::new());
                open.table.rows.push(row);
            }
            _ => {
                let Some(OpenTable { table, before, .. }) = self.table.take() else { return };
                let block = Block::Table { table };
                self.spans = before;
                if self.lists.is_empty() {
                    self.blocks.push(block);
                } else {
                    self.append(Span::Plain(words_of(&block)));
                }
            }
        }
    }

    /// What was read since the last block, item or cell, without white space at its ends.
    fn finish_text(&mut self) -> Text {
        let mut spans = std::mem::take(&mut self.spans);
        self.fresh_line = true;
        while let Some(first) = spans.first_mut() {
            let words = words_mut(first);
            *words = words.trim_start().to_owned();
            if !words.is_empty() {
                break;
            }
            spans.remove(0);
        }
        while let Some(last) = spans.last_mut() {
            let words = words_mut(last);
            words.truncate(words.trim_end().len());
            if !words.is_empty() {
                break;
            }
            spans.pop();
        }
        Text(spans)
    }
}

fn words_mut(span: &mut Span) -> &mut String {
    match span {
        Span::Plain(words) | Span::Strong(words) | Span::Emphasis(words) | Span::Code(words) => words,
        Span::Link { label, .. } => label,
    }
}

fn one_line(words: &str) -> String {
    words.replace('\n', " ").trim().to_owned()
}

/// Only what opens a page or a letter may be behind a label.
fn may_be_followed(url: &str) -> bool {
    let after = |scheme: &str| {
        let start = url.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    };
    let target = after("https://").or_else(|| after("http://")).or_else(|| after("mailto:"));
    target.is_some_and(|target| !target.is_empty())
        && !url.contains(|sign: char| sign.is_whitespace() || sign.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paragraph(text: Text) -> Block {
        Block::Paragraph { text }
    }

    fn words(markdown: &str) -> Vec<String> {
        parse(markdown).iter().map(words_of).collect()
    }

    #[test]
    fn headings_paragraphs_and_emphasis() {
        assert_eq!(
            parse("# Marché\n\nDu **neuf** et\ndu *vieux*,  \n`1 + 1`.\n\n---\n\n> cité\n\n    code\n"),
            [
                Block::Heading { text: "Marché".into() },
                paragraph(
                    Text::new()
                        .plain("Du ")
                        .strong("neuf")
                        .plain(" et du ")
                        .emphasis("vieux")
                        .plain(",\n")
                        .code("1 + 1")
                        .plain(".")
                ),
                paragraph("cité".into()),
                paragraph(Text::new().code("code")),
            ]
        );
        assert_eq!(parse("***les deux***"), [paragraph(Text::new().strong("les deux"))]);
    }

    #[test]
    fn a_nested_list_becomes_lines_of_its_item() {
        let list = "1. un\n   - a\n   - b\n     1. c\n\n   suite\n2. deux\n";
        let items = vec!["un\n– a\n– b\n1. c\nsuite".into(), "deux".into()];
        assert_eq!(parse(list), [Block::List { ordered: true, items }]);
        let items = vec!["Titre".into(), Text::new().plain("x\n").code("y"), "a | b\n1 | 2".into()];
        assert_eq!(
            parse("- # Titre\n- x\n\n  ```\n  y\n  ```\n- | a | b |\n  |---|---|\n  | 1 | 2 |\n\nfin"),
            [Block::List { ordered: false, items }, paragraph("fin".into())]
        );
    }

    #[test]
    fn a_number_that_does_not_begin_at_one_stays() {
        assert_eq!(words("2026. Une *année*\n2027. Une autre"), ["2026. Une année", "2027. Une autre"]);
        assert_eq!(words("18446744073709551615. x"), ["18446744073709551615. x"]);
    }

    #[test]
    fn a_table_has_rows_as_long_as_its_header() {
        let table = Table {
            header: vec!["Choix".into(), "Voix".into()],
            rows: vec![vec!["**Oui".into(), "12".into()], vec!["page (https://a.fr)".into(), String::new()]],
        };
        assert_eq!(
            parse("| Choix | Voix |\n|---|--:|\n| \\*\\*Oui | 12 | trop |\n| [page](https://a.fr) |\n"),
            [Block::Table { table }]
        );
    }

    #[test]
    fn only_pages_and_letters_are_linked() {
        assert_eq!(
            parse(
                "[**ici**](HTTPS://a.fr/?b=c&d) <mairie@a.fr> <https://a.fr> ![plan](https://a.fr/p.png) [](http://b.fr)"
            ),
            [paragraph(
                Text::new()
                    .link("ici", "HTTPS://a.fr/?b=c&d")
                    .plain(" ")
                    .link("mairie@a.fr", "mailto:mairie@a.fr")
                    .plain(" ")
                    .link("https://a.fr", "https://a.fr")
                    .plain(" ")
                    .link("plan", "https://a.fr/p.png")
                    .plain(" ")
                    .link("http://b.fr", "http://b.fr")
            )]
        );
        for other in [
            "javascript:alert(1)",
            "data:text/html,x",
            "/page",
            "tg://user?id=1",
            "https://",
            "https:a",
            "<https://a b>",
        ] {
            let text = Text::new().plain("le ").strong("mot");
            assert_eq!(parse(&format!("[le **mot**]({other})")), [paragraph(text)], "{other}");
        }
        assert_eq!(parse("![plan](plan.png)"), [paragraph("plan".into())]);
        let linked = Text::new().link("plan", "https://a.fr");
        assert_eq!(parse("[![plan](https://b.fr/p.png)](https://a.fr)"), [paragraph(linked.clone())]);
        assert_eq!(parse("[![plan](https://a.fr)](javascript:x)"), [paragraph(linked)]);
    }

    #[test]
    fn html_stays_as_words() {
        assert_eq!(
            parse("un <b>gras</b>\n\n<script>\nx()\n</script>\n"),
            [paragraph("un <b>gras</b>".into()), paragraph("<script>\nx()\n</script>".into()),]
        );
    }

    #[test]
    fn nothing_said_is_no_block() {
        for empty in ["", " \n\n\t", "---", "- \n- ", "#", "&#32;", "**&#32;**", "```\n```"] {
            assert_eq!(parse(empty), [], "{empty}");
        }
    }

    #[test]
    fn deep_nesting_is_read_without_trouble() {
        for deep in ["> ", "- ", "1. ", "*a ", "[", "![", "<b>", "`", "|", "\n- a\n  "] {
            parse(&deep.repeat(20_000 / deep.len()));
        }
    }

    /// A value as any person might write it, and as a person with bad intentions would.
    fn values() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            r"[ a1é\n\r\t*_`#>\[\]()!<|~&;.:/\\{}+=\-]{0,24}",
            prop::sample::select(vec![
                "# titre",
                "- item",
                "1. item",
                "    code",
                "a\n\nb",
                "a\n===",
                "```",
                "<b>",
                "<!--",
                "&amp;",
                "&#42;",
                "[x](https://a.fr)",
                "https://a.fr",
                "<https://a.fr>",
                "| a |\n|---|",
                "a  \nb",
                "\u{a0}**x**\u{2003}",
                "Élise\u{301} 👩‍👩‍👧",
                "[x]: https://a.fr",
                "\\",
                "\r\n",
                "\0",
                "*",
                "**",
            ])
            .prop_map(str::to_owned),
        ]
    }

    /// What a value says, by the law of [`escape`].
    fn said(value: &str) -> String {
        let value = value.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
        value.replace(|sign: char| sign.is_control() && sign != '\n', "").trim().to_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parsing_never_panics(markdown in values(), more in values()) {
            parse(&markdown);
            parse(&format!("{markdown}\n{more}"));
        }

        #[test]
        fn an_escaped_value_is_its_own_plain_words(value in values()) {
            let said = said(&value);
            let expected = if said.is_empty() { vec![] } else { vec![paragraph(said.into())] };
            prop_assert_eq!(parse(&escape(&value)), expected);
        }

        /// Wherever a template puts it, a value changes no structure: the blocks are those that a harmless word gives,
        /// with the value in the word's place.
        #[test]
        fn a_value_changes_nothing_around_it(value in values()) {
            let value = format!("x{value}x");
            for context in [
                "VALUE", "VALUE. VALUE", "Bonjour VALUE !", "a VALUE\nb VALUE\n", "VALUE\n\nVALUE", "- VALUE\n- VALUE",
                "1. a\n   - VALUE", "> VALUE", "**VALUE**", "a *VALUE* b", "`VALUE`", "```\nVALUE\n```", "<b title=\"VALUE\">VALUE</b>",
                "<div>\nVALUE\n</div>", "_VALUE_", "    VALUE",
            ] {
                let expected = serde_json::to_string(&parse(context)).unwrap();
                let word = serde_json::to_string(&said(&value)).unwrap();
                let expected = expected.replace("VALUE", word.trim_matches('"'));
                let found = parse(&context.replace("VALUE", &escape(&value)));
                prop_assert_eq!(serde_json::to_string(&found).unwrap(), expected, "{}", context);
            }
            let line = said(&value).replace('\n', " ");
            for context in ["# VALUE",
                "VALUE\n===", "| VALUE |\n|---|\n| a VALUE |\n", "[VALUE](https://a.fr)", "![a VALUE](https://a.fr)"] {
                let expected = serde_json::to_string(&parse(context)).unwrap();
                let word = serde_json::to_string(&line).unwrap();
                let expected = expected.replace("VALUE", word.trim_matches('"'));
                let found = parse(&context.replace("VALUE", &escape(&value)));
                prop_assert_eq!(serde_json::to_string(&found).unwrap(), expected, "{}", context);
            }
        }

        /// A value in a link's address is that address, or no link at all.
        #[test]
        fn a_value_in_an_address_stays_there(value in values()) {
            let blocks = parse(&format!("[ici](https://a.fr/{})", escape(&value)));
            let text = Text::new().link("ici", format!("https://a.fr/{}", said(&value)));
            prop_assert!(blocks == [paragraph(text)] || blocks == [paragraph("ici".into())], "{:?}", blocks);
        }
    }
}
